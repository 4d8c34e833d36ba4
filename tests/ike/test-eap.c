/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The peer's side of EAP, without IKE around it. */
#include "tests/ike/eap-server.h"

#include <string.h>

#define USER "alice@example.com"
#define PASSWORD "correct horse"
#define MAX_PACKETS 200

/* One conversation. */
typedef struct
{
  IkeEap *eap;
  EapServer *server;
  RoamRng *rng;
  guint packets;
} Talk;

static IkeEapResult
give (Talk *talk, GBytes *packet, GBytes **ret_response)
{
  const RoamNow now = roam_now_make (1000, PKI_NOW * ROAM_USEC_PER_SEC);
  gsize length;
  const guint8 *data = g_bytes_get_data (packet, &length);

  return ike_eap_process (talk->eap, talk->rng, &now, (IkeView){ data, length }, ret_response);
}

static IkeEapResult
give_raw (Talk *talk, const guint8 *data, gsize length)
{
  g_autoptr (GBytes) packet = g_bytes_new (data, length);
  g_autoptr (GBytes) response = NULL;

  return give (talk, packet, &response);
}

/* The server speaks until something else than a response comes out. */
static IkeEapResult
converse (Talk *talk)
{
  g_autoptr (GBytes) response = g_bytes_new (NULL, 0);

  for (talk->packets = 0; talk->packets < MAX_PACKETS; talk->packets++)
    {
      gsize length;
      const guint8 *data = g_bytes_get_data (response, &length);
      g_autoptr (GBytes) packet = eap_server_next (talk->server, (IkeView){ data, length });
      GBytes *next = NULL;
      IkeEapResult result = give (talk, packet, &next);

      if (result != IKE_EAP_RESPOND)
        return result;
      g_bytes_unref (response);
      response = next;
    }
  g_assert_not_reached ();
}

static void
talk_clear (Talk *talk)
{
  ike_eap_free (talk->eap);
  eap_server_free (talk->server);
  roam_rng_free (talk->rng);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (Talk, talk_clear)

static void
start_password (Talk *talk, const char *user, const char *password)
{
  g_autoptr (RoamSecret) secret = roam_secret_new ((const guint8 *)password, strlen (password));
  const IkeEapConfig config = { .method = IKE_EAP_METHOD_MSCHAPV2, .identity = USER, .user = user, .password = secret };
  g_autofree char *problem = NULL;

  talk->rng = roam_rng_new_for_test (3);
  talk->eap = ike_eap_new (&config, &problem);
  g_assert_cmpstr (problem, ==, NULL);
  talk->server = eap_server_new_mschapv2 (user, PASSWORD);
}

/* covers: IKE-EAP-006, IKE-EAPM-001, IKE-EAPM-002, IKE-EAPM-003, IKE-EAPM-004, IKE-EAPM-007 */
static void
test_mschapv2 (gconstpointer user)
{
  static const guint8 zeros[8];
  g_auto (Talk) talk = { 0 };

  start_password (&talk, user, PASSWORD);
  g_assert_cmpint (converse (&talk), ==, IKE_EAP_SUCCEEDED);
  g_assert_cmpstr (talk.server->identity, ==, USER);
  g_assert_true (roam_secret_equal (ike_eap_msk (talk.eap), talk.server->msk));
  g_assert_cmpuint (roam_secret_length (ike_eap_msk (talk.eap)), ==, IKE_EAP_MSK_LENGTH);
  /* Value-Size, reserved octets, flags (RFC 2759 4). */
  g_assert_cmpuint (talk.server->response[4], ==, 49);
  g_assert_cmpmem (talk.server->response + 21, 8, zeros, 8);
  g_assert_cmpuint (talk.server->response[53], ==, 0);
}

static void
test_wrong_password (void)
{
  g_auto (Talk) talk = { 0 };

  start_password (&talk, USER, "incorrect horse");
  g_assert_cmpint (converse (&talk), ==, IKE_EAP_FAILED);
  g_assert_nonnull (strstr (ike_eap_reason (talk.eap), "691"));
  g_assert_nonnull (ike_eap_advice (talk.eap));
}

static void
test_failures (void)
{
  static const char *const words[][2] = { { "E=646 R=0", "646" },      { "E=647 R=0 C=00 V=3 M=disabled", "647" },
                                          { "E=648", "648" },          { "E=649 R=0", "649" },
                                          { "E=691 R=1 V=3", "691" },  { "E=709", "709" },
                                          { "E=6911 R=1", "refused" }, { "E=1", "refused" },
                                          { "what", "refused" } };

  for (gsize i = 0; i < G_N_ELEMENTS (words); i++)
    {
      g_auto (Talk) talk = { 0 };

      start_password (&talk, USER, PASSWORD);
      talk.server->failure = words[i][0];
      g_assert_cmpint (converse (&talk), ==, IKE_EAP_FAILED);
      g_assert_nonnull (strstr (ike_eap_reason (talk.eap), words[i][1]));
    }
}

#define NEW_PASSWORD "battery staple"
#define NEW_CHALLENGE "00112233445566778899AABBCCDDEEFF"

static void
start_with_new (Talk *talk, const char *words, gboolean has_new)
{
  g_autoptr (RoamSecret) secret = roam_secret_new ((const guint8 *)PASSWORD, strlen (PASSWORD));
  g_autoptr (RoamSecret) fresh = roam_secret_new ((const guint8 *)NEW_PASSWORD, strlen (NEW_PASSWORD));
  const IkeEapConfig config = { .method = IKE_EAP_METHOD_MSCHAPV2,
                                .identity = USER,
                                .user = USER,
                                .password = secret,
                                .new_password = has_new ? fresh : NULL };
  g_autofree char *problem = NULL;

  talk->rng = roam_rng_new_for_test (3);
  talk->eap = ike_eap_new (&config, &problem);
  g_assert_cmpstr (problem, ==, NULL);
  talk->server = eap_server_new_mschapv2 (USER, NEW_PASSWORD);
  talk->server->old_password = PASSWORD;
  talk->server->again = words;
}

/* E=691 R=1: once more with the other password, the new challenge and ID + 1. covers: IKE-EAPM-005 */
static void
test_retry (void)
{
  g_auto (Talk) good = { 0 };
  g_auto (Talk) refused = { 0 };

  start_with_new (&good, "E=691 R=1 C=" NEW_CHALLENGE " V=3 M=wrong E=648", TRUE);
  g_assert_cmpint (converse (&good), ==, IKE_EAP_SUCCEEDED);
  g_assert_true (good.server->retried);
  g_assert_false (good.server->changed);
  g_assert_true (ike_eap_has_taken_new_password (good.eap));
  g_assert_true (roam_secret_equal (ike_eap_msk (good.eap), good.server->msk));
  /* That one is wrong, too: there is no third try. */
  start_with_new (&refused, "E=691 R=1 C=" NEW_CHALLENGE " V=3 M=wrong", TRUE);
  refused.server->failure = "E=691 R=1 C=" NEW_CHALLENGE " V=3 M=wrong";
  g_assert_cmpint (converse (&refused), ==, IKE_EAP_FAILED);
  g_assert_nonnull (strstr (ike_eap_reason (refused.eap), "691"));
}

/* covers: IKE-EAPM-006 */
static void
test_change_password (void)
{
  g_auto (Talk) talk = { 0 };
  g_auto (Talk) without = { 0 };

  start_with_new (&talk, "E=648 R=0 C=" NEW_CHALLENGE " V=3 M=expired", TRUE);
  g_assert_cmpint (converse (&talk), ==, IKE_EAP_SUCCEEDED);
  g_assert_true (talk.server->changed);
  g_assert_true (ike_eap_has_taken_new_password (talk.eap));
  g_assert_true (roam_secret_equal (ike_eap_msk (talk.eap), talk.server->msk));
  /* Nothing to change to: the person is told what to do. */
  start_with_new (&without, NULL, FALSE);
  without.server->failure = "E=648 R=0 C=" NEW_CHALLENGE " V=3 M=expired";
  g_assert_cmpint (converse (&without), ==, IKE_EAP_FAILED);
  g_assert_nonnull (strstr (ike_eap_advice (without.eap), "new-password-file"));
}

/* Nothing is answered to what makes no sense: no challenge, another protocol of changing, no retry allowed. */
static void
test_no_second_try (void)
{
  static const char *const words[] = { "E=691 R=0 C=" NEW_CHALLENGE " V=3",
                                       "E=691 R=1 V=3",
                                       "E=691 R=1 C=0011 V=3",
                                       "E=691 R=1 C=zz112233445566778899AABBCCDDEEFF",
                                       "E=648 R=1 V=3",
                                       "E=648 R=0 C=" NEW_CHALLENGE " V=2",
                                       "E=648 R=0 C=" NEW_CHALLENGE,
                                       "M=E=691 R=1 C=" NEW_CHALLENGE,
                                       "E=647 R=1 C=" NEW_CHALLENGE " V=3",
                                       "" };

  for (gsize i = 0; i < G_N_ELEMENTS (words); i++)
    {
      g_auto (Talk) talk = { 0 };

      start_with_new (&talk, NULL, TRUE);
      talk.server->failure = words[i];
      g_assert_cmpint (converse (&talk), ==, IKE_EAP_FAILED);
      g_assert_false (ike_eap_has_taken_new_password (talk.eap));
      g_assert_nonnull (ike_eap_reason (talk.eap));
    }
}

/* covers: IKE-EAPM-003 */
static void
test_wrong_authenticator (void)
{
  for (guint i = 0; i < 2; i++)
    {
      g_auto (Talk) talk = { 0 };

      start_password (&talk, USER, PASSWORD);
      talk.server->wrong_authenticator = i == 0;
      talk.server->lower_case = i == 1;
      g_assert_cmpint (converse (&talk), ==, IKE_EAP_FAILED);
      g_assert_null (ike_eap_msk (talk.eap));
      g_assert_nonnull (strstr (ike_eap_reason (talk.eap), "does not know the password"));
      /* Whatever comes now, Success does not count. covers: IKE-EAP-009 */
      g_assert_cmpint (give_raw (&talk, (const guint8 *)"\3\7\0\4", 4), ==, IKE_EAP_DISCARDED);
    }
}

/* covers: IKE-EAP-009 */
static void
test_canned_success (void)
{
  g_auto (Talk) talk = { 0 };

  start_password (&talk, USER, PASSWORD);
  g_assert_cmpint (give_raw (&talk, (const guint8 *)"\3\1\0\4", 4), ==, IKE_EAP_DISCARDED);
  g_assert_cmpint (converse (&talk), ==, IKE_EAP_SUCCEEDED);
}

/* covers: IKE-EAP-005 */
static void
test_malformed (void)
{
  static const struct
  {
    const char *octets;
    gsize length;
  } bad[] = {
    { "\1\1\0\3", 4 },                    /* Length below the header */
    { "\1\1\0\6\1", 5 },                  /* Length above the data */
    { "\5\1\0\5\1", 5 },                  /* unknown code */
    { "\2\1\0\5\1", 5 },                  /* a Response */
    { "\1\1\0\4", 4 },                    /* a Request without type */
    { "\1\1", 2 },                        /* no header */
    { "\1\1\0\6\x1a\1", 6 },              /* MSCHAPv2 without its header */
    { "\1\1\0\5\3", 5 },                  /* a Request of type Nak */
    { "\1\1\0\x0a\x1a\1\1\0\6\x10", 10 }, /* a challenge of no octets */
  };
  g_auto (Talk) talk = { 0 };

  start_password (&talk, USER, PASSWORD);
  for (gsize i = 0; i < G_N_ELEMENTS (bad); i++)
    g_assert_cmpint (give_raw (&talk, (const guint8 *)bad[i].octets, bad[i].length), ==, IKE_EAP_DISCARDED);
  g_assert_cmpint (give_raw (&talk, (const guint8 *)"\4\1\0\4", 4), ==, IKE_EAP_FAILED);
}

static void
assert_answer (Talk *talk, const char *request, gsize request_length, const char *expected, gsize length)
{
  g_autoptr (GBytes) packet = g_bytes_new (request, request_length);
  g_autoptr (GBytes) response = NULL;

  g_assert_cmpint (give (talk, packet, &response), ==, IKE_EAP_RESPOND);
  g_assert_cmpmem (g_bytes_get_data (response, NULL), g_bytes_get_size (response), expected, length);
}

/* covers: IKE-EAP-006, IKE-EAP-007, IKE-EAP-008, IKE-EAP-010 */
static void
test_common_types (void)
{
  static const char challenge[] = "\1\x0b\0\x1a\x1a\1\7\0\x15\x10"
                                  "0123456789abcdef";
  g_auto (Talk) talk = { 0 };

  start_password (&talk, USER, PASSWORD);
  assert_answer (&talk, "\1\x11\0\5\1", 5, "\2\x11\0\x16\1alice@example.com", 22);
  assert_answer (&talk, "\1\x12\0\x0b\2hello\n", 11, "\2\x12\0\5\2", 5);
  assert_answer (&talk, "\1\x13\0\6\4\1", 6, "\2\x13\0\6\3\x1a", 6);                      /* MD5 */
  assert_answer (&talk, "\1\x14\0\6\x0d\x20", 6, "\2\x14\0\6\3\x1a", 6);                  /* TLS */
  assert_answer (&talk, "\1\x15\0\x0c\xfe\0\0\0\0\0\0\1", 12, "\2\x15\0\6\3\x1a", 6);     /* Expanded */
  g_assert_cmpint (give_raw (&talk, (const guint8 *)challenge, 26), ==, IKE_EAP_RESPOND); /* the method has begun */
  g_assert_cmpint (give_raw (&talk, (const guint8 *)"\1\x16\0\6\4\1", 6), ==, IKE_EAP_DISCARDED);
  assert_answer (&talk, "\1\x17\0\5\2", 5, "\2\x17\0\5\2", 5);
  /* A second challenge is not answered: one password response in a conversation. */
  g_assert_cmpint (give_raw (&talk, (const guint8 *)challenge, 26), ==, IKE_EAP_DISCARDED);
}

static void
test_unusable (void)
{
  g_autoptr (RoamSecret) latin1 = roam_secret_new ((const guint8 *)"gr\xfc\xdf", 4);
  IkeEapConfig config = { .method = IKE_EAP_METHOD_MSCHAPV2, .identity = USER, .user = USER, .password = latin1 };
  g_autofree char *first = NULL, *second = NULL, *third = NULL;

  g_assert_null (ike_eap_new (&config, &first));
  g_assert_nonnull (strstr (first, "UTF-8"));
  config.password = NULL;
  g_assert_null (ike_eap_new (&config, &second));
  g_assert_nonnull (second);
  config.method = IKE_EAP_METHOD_TLS;
  g_assert_null (ike_eap_new (&config, &third));
  g_assert_nonnull (third);
  ike_eap_free (NULL);
}

/* covers: IKE-EAPM-008 */
static void
test_no_legacy_provider (void)
{
  g_autoptr (RoamSecret) password = roam_secret_new ((const guint8 *)PASSWORD, strlen (PASSWORD));
  const IkeEapConfig config = {
    .method = IKE_EAP_METHOD_MSCHAPV2, .identity = USER, .user = USER, .password = password
  };
  g_autofree char *before = g_strdup (g_getenv ("OPENSSL_MODULES"));
  g_autofree char *problem = NULL;

  g_setenv ("OPENSSL_MODULES", "/nonexistent", TRUE);
  g_assert_null (ike_eap_new (&config, &problem));
  g_assert_nonnull (strstr (problem, "no legacy provider"));
  if (before != NULL)
    g_setenv ("OPENSSL_MODULES", before, TRUE);
  else
    g_unsetenv ("OPENSSL_MODULES");
}

/* --- TLS --- */

typedef struct
{
  PkiNode *ca, *server, *client;
  IkeCredentials *credentials;
} Pki;

static void
pki_clear (Pki *pki)
{
  pki_node_free (pki->ca);
  pki_node_free (pki->server);
  pki_node_free (pki->client);
  ike_credentials_free (pki->credentials);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (Pki, pki_clear)

static void
make_pki (Pki *pki, const char *server_usage, gint64 until, const PkiNode *other_ca)
{
  const PkiRequest ca = {
    "CA", "RSA:2048", NULL, "critical,keyCertSign,cRLSign", NULL, "critical,CA:TRUE", 0, 0, NULL
  };
  const PkiRequest server = {
    "aaa", "RSA:2048", "DNS:aaa.example.com", "critical,digitalSignature", server_usage, NULL, 0, until, NULL
  };
  const PkiRequest client = { "alice", "RSA:2048", "email:" USER, "critical,digitalSignature", "clientAuth", NULL,
                              0,       0,          NULL };
  g_autoptr (GBytes) ca_pem = NULL;
  g_autoptr (GBytes) client_pem = NULL;
  g_autoptr (RoamSecret) key = NULL;
  g_autofree char *problem = NULL;

  pki->ca = pki_issue (&ca, NULL);
  pki->server = pki_issue (&server, pki->ca);
  pki->client = pki_issue (&client, pki->ca);
  ca_pem = pki_certificate_pem (other_ca != NULL ? other_ca : pki->ca);
  client_pem = pki_certificate_pem (pki->client);
  key = pki_key_pem (pki->client);
  pki->credentials = ike_credentials_new (client_pem, key, ca_pem, &problem);
  g_assert_cmpstr (problem, ==, NULL);
}

static void
start_tls (Talk *talk, const Pki *pki, int version, const char *name)
{
  const IkeEapConfig config = {
    .method = IKE_EAP_METHOD_TLS, .identity = USER, .credentials = pki->credentials, .server_name = name
  };
  g_autofree char *problem = NULL;

  talk->rng = roam_rng_new_for_test (3);
  talk->eap = ike_eap_new (&config, &problem);
  g_assert_cmpstr (problem, ==, NULL);
  talk->server = eap_server_new_tls (pki->ca, pki->server, version);
}

/* covers: IKE-EAPT-001, IKE-EAPT-002, IKE-EAPT-006, IKE-EAPT-007 */
static void
test_tls (gconstpointer version)
{
  g_auto (Pki) pki = { 0 };
  g_auto (Talk) talk = { 0 };

  make_pki (&pki, "serverAuth", 0, NULL);
  start_tls (&talk, &pki, GPOINTER_TO_INT (version), "aaa.example.com");
  g_assert_cmpint (converse (&talk), ==, IKE_EAP_SUCCEEDED);
  g_assert_cmpint (SSL_version (talk.server->ssl), ==, GPOINTER_TO_INT (version));
  g_assert_true (roam_secret_equal (ike_eap_msk (talk.eap), talk.server->msk));
  g_assert_cmpuint (talk.server->fragments_in, >, 2); /* ours had to be split too */
  g_assert_cmpuint (talk.server->acks, >=, 2);
  g_assert_cmpuint (talk.server->last_flags, ==, 0);
}

/* covers: IKE-EAPT-008 */
static void
test_tls13_no_indication (void)
{
  g_auto (Pki) pki = { 0 };
  g_auto (Talk) talk = { 0 };

  make_pki (&pki, "serverAuth", 0, NULL);
  start_tls (&talk, &pki, TLS1_3_VERSION, "aaa.example.com");
  talk.server->no_indication = TRUE;
  g_assert_cmpint (converse (&talk), ==, IKE_EAP_DISCARDED);
  g_assert_null (ike_eap_msk (talk.eap));
}

/* The handshake breaks, the alert goes out, and Failure ends it. covers: IKE-EAPT-009 */
static void
assert_tls_refused (Talk *talk, const char *words)
{
  g_assert_cmpint (converse (talk), ==, IKE_EAP_FAILED);
  g_assert_true (talk->server->failed);
  g_assert_null (ike_eap_msk (talk->eap));
  g_assert_nonnull (strstr (ike_eap_reason (talk->eap), words));
}

/* covers: IKE-EAPT-004 */
static void
test_tls_certificates (gconstpointer version)
{
  g_auto (Pki) good = { 0 }, client_only = { 0 }, expired = { 0 }, foreign = { 0 }, no_usage = { 0 };
  g_auto (Talk) name = { 0 }, usage = { 0 }, time = { 0 }, root = { 0 }, any = { 0 };

  make_pki (&good, "serverAuth", 0, NULL);
  start_tls (&name, &good, GPOINTER_TO_INT (version), "vpn.example.com");
  assert_tls_refused (&name, "another name");
  make_pki (&client_only, "clientAuth", 0, NULL);
  start_tls (&usage, &client_only, GPOINTER_TO_INT (version), "aaa.example.com");
  assert_tls_refused (&usage, "not meant for servers");
  make_pki (&expired, "serverAuth", PKI_NOW - 5, NULL);
  start_tls (&time, &expired, GPOINTER_TO_INT (version), "aaa.example.com");
  assert_tls_refused (&time, "expired");
  make_pki (&foreign, "serverAuth", 0, good.ca);
  start_tls (&root, &foreign, GPOINTER_TO_INT (version), "aaa.example.com");
  assert_tls_refused (&root, "");
  make_pki (&no_usage, NULL, 0, NULL);
  start_tls (&any, &no_usage, GPOINTER_TO_INT (version), "aaa.example.com");
  g_assert_cmpint (converse (&any), ==, IKE_EAP_SUCCEEDED);
}

/* covers: IKE-EAPT-003 */
static void
test_tls_framing (void)
{
  g_auto (Pki) pki = { 0 };
  g_auto (Talk) talk = { 0 };
  g_autofree guint8 *big = g_malloc0 (60000);
  g_autoptr (GBytes) first = NULL;
  g_autoptr (GBytes) second = NULL;
  g_autoptr (GBytes) response = NULL;

  make_pki (&pki, "serverAuth", 0, NULL);
  start_tls (&talk, &pki, TLS1_2_VERSION, "aaa.example.com");
  /* Before Start nothing counts, and Start has no data. */
  g_assert_cmpint (give_raw (&talk, (const guint8 *)"\1\1\0\7\x0d\0\x16", 7), ==, IKE_EAP_DISCARDED);
  g_assert_cmpint (give_raw (&talk, (const guint8 *)"\1\1\0\7\x0d\x20\x16", 7), ==, IKE_EAP_DISCARDED);
  g_assert_cmpint (give_raw (&talk, (const guint8 *)"\1\1\0\5\x0d", 5), ==, IKE_EAP_DISCARDED);
  /* Reserved bits do no harm. */
  g_assert_cmpint (give_raw (&talk, (const guint8 *)"\1\1\0\6\x0d\x3f", 6), ==, IKE_EAP_RESPOND);
  g_assert_cmpint (give_raw (&talk, (const guint8 *)"\1\1\0\6\x0d\x20", 6), ==, IKE_EAP_DISCARDED);
  /* 120 000 octets in two fragments are too many. */
  big[0] = 0x40;
  first = eap_packet (IKE_EAP_CODE_REQUEST, 2, IKE_EAP_TYPE_TLS, big, 60000);
  g_assert_cmpint (give (&talk, first, &response), ==, IKE_EAP_RESPOND);
  g_assert_cmpmem (g_bytes_get_data (response, NULL), g_bytes_get_size (response), "\2\2\0\6\x0d\0", 6);
  second = eap_packet (IKE_EAP_CODE_REQUEST, 3, IKE_EAP_TYPE_TLS, big, 60000);
  g_assert_cmpint (give_raw (&talk, g_bytes_get_data (second, NULL), g_bytes_get_size (second)), ==, IKE_EAP_FAILED);
}

/* The extension types of a ClientHello in one record. */
static gboolean
hello_has (const GByteArray *flight, guint16 wanted)
{
  WireReader reader;
  guint8 session;
  guint8 compression;
  guint16 suites;

  wire_reader_init (&reader, flight->data, flight->len);
  g_assert_true (wire_skip (&reader, 5 + 4 + 2 + 32) && wire_read_u8 (&reader, &session) &&
                 wire_skip (&reader, session) && wire_read_u16 (&reader, &suites) && wire_skip (&reader, suites) &&
                 wire_read_u8 (&reader, &compression) && wire_skip (&reader, compression + 2u));
  while (wire_reader_left (&reader) > 0)
    {
      guint16 type, length;

      g_assert_true (wire_read_u16 (&reader, &type) && wire_read_u16 (&reader, &length) && wire_skip (&reader, length));
      if (type == wanted)
        return TRUE;
    }
  return FALSE;
}

/* covers: IKE-EAPT-010 */
static void
test_tls_hello (void)
{
  g_auto (Pki) pki = { 0 };
  g_auto (Talk) talk = { 0 };

  make_pki (&pki, "serverAuth", 0, NULL);
  start_tls (&talk, &pki, TLS1_3_VERSION, "aaa.example.com");
  g_assert_cmpint (converse (&talk), ==, IKE_EAP_SUCCEEDED);
  g_assert_true (hello_has (talk.server->first_flight, 43));  /* supported_versions, to see that the reader works */
  g_assert_false (hello_has (talk.server->first_flight, 42)); /* early_data */
  g_assert_false (hello_has (talk.server->first_flight, 49)); /* post_handshake_auth */
  g_assert_false (hello_has (talk.server->first_flight, 41)); /* pre_shared_key */
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_data_func ("/ike/eap/mschapv2", USER, test_mschapv2);
  g_test_add_data_func ("/ike/eap/mschapv2-domain", "CORP\\alice", test_mschapv2);
  g_test_add_func ("/ike/eap/mschapv2-wrong-password", test_wrong_password);
  g_test_add_func ("/ike/eap/mschapv2-failures", test_failures);
  g_test_add_func ("/ike/eap/mschapv2-retry", test_retry);
  g_test_add_func ("/ike/eap/mschapv2-change-password", test_change_password);
  g_test_add_func ("/ike/eap/mschapv2-no-second-try", test_no_second_try);
  g_test_add_func ("/ike/eap/mschapv2-wrong-authenticator", test_wrong_authenticator);
  g_test_add_func ("/ike/eap/canned-success", test_canned_success);
  g_test_add_func ("/ike/eap/malformed", test_malformed);
  g_test_add_func ("/ike/eap/common-types", test_common_types);
  g_test_add_func ("/ike/eap/unusable", test_unusable);
  g_test_add_func ("/ike/eap/no-legacy-provider", test_no_legacy_provider);
  g_test_add_data_func ("/ike/eap/tls12", GINT_TO_POINTER (TLS1_2_VERSION), test_tls);
  g_test_add_data_func ("/ike/eap/tls13", GINT_TO_POINTER (TLS1_3_VERSION), test_tls);
  g_test_add_func ("/ike/eap/tls13-no-indication", test_tls13_no_indication);
  g_test_add_data_func ("/ike/eap/tls12-certificates", GINT_TO_POINTER (TLS1_2_VERSION), test_tls_certificates);
  g_test_add_data_func ("/ike/eap/tls13-certificates", GINT_TO_POINTER (TLS1_3_VERSION), test_tls_certificates);
  g_test_add_func ("/ike/eap/tls-framing", test_tls_framing);
  g_test_add_func ("/ike/eap/tls-hello", test_tls_hello);
  return g_test_run ();
}
