/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* EAP in IKE_AUTH (RFC 7296 2.16, RFC 5998). Scripted gateway with an EAP server, virtual time. */
#include "ike/ike-session-private.h"
#include "tests/ike/eap-server.h"
#include "tests/ike/world.h"

#include <string.h>

#define USER "alice@example.com"

/* What the gateway's hook works with. */
typedef struct
{
  PkiNode *ca, *gateway, *client;
  GBytes *ca_pem, *client_pem;
  RoamSecret *client_key, *password;
  IkeCredentials *credentials;
  EapServer *server;
  gboolean silent_about_itself; /* no AUTH in the first response */
  gboolean failure_at_once, success_at_once, endless;
  guint rounds;
  guint redirect_round; /* the response that has a REDIRECT, from 1; 0: none */
} Script;

static void
script_free (Script *script)
{
  pki_node_free (script->ca);
  pki_node_free (script->gateway);
  pki_node_free (script->client);
  g_bytes_unref (script->ca_pem);
  g_bytes_unref (script->client_pem);
  roam_secret_unref (script->client_key);
  roam_secret_unref (script->password);
  ike_credentials_free (script->credentials);
  eap_server_free (script->server);
  g_free (script);
}
G_DEFINE_AUTOPTR_CLEANUP_FUNC (Script, script_free)

static Script *
script_new (const char *gateway_san)
{
  const PkiRequest ca = {
    "CA", "EC:P-256", NULL, "critical,keyCertSign,cRLSign", NULL, "critical,CA:TRUE", 0, 0, NULL
  };
  const PkiRequest gateway = {
    "gateway", "EC:P-256", gateway_san, "critical,digitalSignature", NULL, NULL, 0, 0, NULL
  };
  const PkiRequest client = {
    "client", "EC:P-256", "email:" USER, "critical,digitalSignature", NULL, NULL, 0, 0, NULL
  };
  Script *script = g_new0 (Script, 1);
  g_autoptr (GBytes) gateway_pem = NULL;
  g_autoptr (RoamSecret) gateway_key = NULL;
  g_autofree char *problem = NULL;

  script->ca = pki_issue (&ca, NULL);
  script->gateway = pki_issue (&gateway, script->ca);
  script->client = pki_issue (&client, script->ca);
  script->ca_pem = pki_certificate_pem (script->ca);
  script->client_pem = pki_certificate_pem (script->client);
  script->client_key = pki_key_pem (script->client);
  script->password = roam_secret_new ((const guint8 *)"correct horse", 13);
  gateway_pem = pki_certificate_pem (script->gateway);
  gateway_key = pki_key_pem (script->gateway);
  script->credentials = ike_credentials_new (gateway_pem, gateway_key, script->ca_pem, &problem);
  g_assert_cmpstr (problem, ==, NULL);
  return script;
}

static GBytes *
next_packet (Script *script, const IkeMessage *request)
{
  const IkePayload *eap = ike_message_find (request, IKE_PAYLOAD_EAP);

  if (script->failure_at_once)
    return eap_packet (IKE_EAP_CODE_FAILURE, 1, 0, NULL, 0);
  if (script->success_at_once)
    return eap_packet (IKE_EAP_CODE_SUCCESS, 1, 0, NULL, 0);
  if (script->endless)
    return eap_packet (IKE_EAP_CODE_REQUEST, (guint8)script->rounds, IKE_EAP_TYPE_IDENTITY, NULL, 0);
  return eap_server_next (script->server, eap ? eap->eap.packet : (IkeView){ 0 });
}

static GwVerdict
eap_hook (Gateway *gw, GwSa *sa, const IkeMessage *request, IkePayloads *answer)
{
  Script *script = gw->user;
  g_autoptr (GBytes) packet = NULL;
  const guint8 *data;
  gsize length;

  if (request->header.exchange != IKE_EXCHANGE_IKE_AUTH || gw->eap_msk)
    return GW_DEFAULT;
  if (script->rounds++ == 0)
    {
      if (script->silent_about_itself)
        {
          g_auto (IkeIdentity) id = { 0 };
          g_assert_true (ike_identity_from_text (gw->id, IKE_ID_AUTO, &id, NULL));
          ike_payloads_add_id (answer, IKE_PAYLOAD_IDR, &id);
        }
      else
        gateway_add_auth (gw, sa, answer);
    }
  if (script->rounds == script->redirect_round)
    ike_payloads_add_notify (answer, IKE_NOTIFY_REDIRECT, (const guint8 *)"\x01\x04\xcb\x00\x71\x03", 6);
  packet = next_packet (script, request);
  data = g_bytes_get_data (packet, &length);
  ike_payloads_add_eap (answer, data, length);
  if (data[0] == IKE_EAP_CODE_SUCCESS && script->server && script->server->msk)
    gw->eap_msk = roam_secret_ref (script->server->msk);
  if (data[0] == IKE_EAP_CODE_FAILURE)
    sa->deleted = TRUE;
  return GW_ANSWER;
}

static IkeConfig
eap_config (const Script *script, IkeEapMethod method)
{
  IkeConfig config = world_config ();

  config.method = IKE_AUTH_METHOD_EAP;
  config.psk = NULL;
  config.ca_pem = script->ca_pem;
  config.eap_method = method;
  if (method == IKE_EAP_METHOD_MSCHAPV2)
    config.eap_password = script->password;
  else
    {
      config.certificate_pem = script->client_pem;
      config.private_key_pem = script->client_key;
    }
  return config;
}

static World *
start (Script *script, const IkeConfig *config)
{
  World *world = world_new (config);

  world->gateway->credentials = script->credentials;
  world->gateway->user = script;
  world->gateway->hook = eap_hook;
  world_start (world, world->a);
  return world;
}

static const IkeMessage *
first_request (const World *world)
{
  for (guint i = 0; i < world->gateway->seen->len; i++)
    {
      const GwSeen *seen = g_ptr_array_index (world->gateway->seen, i);
      if (seen->exchange == IKE_EXCHANGE_IKE_AUTH)
        return seen->message;
    }
  g_assert_not_reached ();
}

static void
test_password (void)
{
  g_autoptr (Script) script = script_new ("DNS:vpn.example.com");
  IkeConfig config = eap_config (script, IKE_EAP_METHOD_MSCHAPV2);
  static const guint8 expected[] = { IKE_PAYLOAD_IDI, IKE_PAYLOAD_IDR, IKE_PAYLOAD_CERTREQ, IKE_PAYLOAD_CP,
                                     IKE_PAYLOAD_SA,  IKE_PAYLOAD_TSI, IKE_PAYLOAD_TSR };
  g_autoptr (World) world = NULL;
  const GwSeen *last;

  /* covers: IKE-AUTH-007, IKE-EAP-001, IKE-EAP-014 */
  script->server = eap_server_new_mschapv2 (USER, "correct horse");
  world = start (script, &config);
  world_run_until (world, IKE_EVENT_ESTABLISHED, 5 * SEC);
  g_assert_null (ike_message_find (first_request (world), IKE_PAYLOAD_AUTH));
  for (gsize i = 0; i < G_N_ELEMENTS (expected); i++)
    g_assert_nonnull (ike_message_find (first_request (world), expected[i]));
  g_assert_null (ike_message_find_notify (first_request (world), IKE_NOTIFY_EAP_ONLY_AUTHENTICATION));
  last = gateway_last_seen (world->gateway, IKE_EXCHANGE_IKE_AUTH);
  g_assert_cmpuint (last->message->n_payloads, ==, 1);
  g_assert_cmpint (ike_message_find (last->message, IKE_PAYLOAD_AUTH)->auth.method, ==, IKE_AUTH_ID_SHARED_KEY);
  /* IKE_SA_INIT has 0, then one number for each round. covers: IKE-MID-001 */
  g_assert_cmpuint (last->id, ==, gateway_count_seen (world->gateway, IKE_EXCHANGE_IKE_AUTH));
  g_assert_cmpuint (world->children->len, ==, 1);
}

/* Another network in the middle of EAP: the request goes on from there, and the gateway is told afterwards. */
static void
test_move (void)
{
  g_autoptr (Script) script = script_new ("DNS:vpn.example.com");
  IkeConfig config = eap_config (script, IKE_EAP_METHOD_MSCHAPV2);
  g_autoptr (World) world = NULL;
  const Sent *before, *after;

  /* covers: MOB-INI-007 */
  script->server = eap_server_new_mschapv2 (USER, "correct horse");
  world = start (script, &config);
  while (gateway_count_seen (world->gateway, IKE_EXCHANGE_IKE_AUTH) < 2)
    world_run (world, MS);
  world->a->down_blocked = TRUE;
  world_run (world, 100 * MS);
  before = world_last_sent (world);
  world_move (world, world->b, TRUE);
  after = world_last_sent (world);
  g_assert_true (g_bytes_equal (before->data, after->data));
  g_assert_cmpuint (after->ifindex, ==, 2);
  world_run_until (world, IKE_EVENT_ESTABLISHED, 5 * SEC);
  g_assert_cmpuint (script->rounds, ==, gateway_count_seen (world->gateway, IKE_EXCHANGE_IKE_AUTH) - 2);
  world_run (world, 100 * MS);
  g_assert_cmpuint (gateway_count_updates (world->gateway), ==, 1);
  g_assert_true (world_addr_is (&gateway_sa (world->gateway)->remote.addr, WORLD_HOST_B));
}

static void
test_wrong_password (void)
{
  g_autoptr (Script) script = script_new ("DNS:vpn.example.com");
  IkeConfig config = eap_config (script, IKE_EAP_METHOD_MSCHAPV2);
  g_autoptr (World) world = NULL;
  const IkeEvent *event;

  /* covers: IKE-EAP-011, IKE-INF-003 */
  script->server = eap_server_new_mschapv2 (USER, "another horse");
  world = start (script, &config);
  event = world_run_until (world, IKE_EVENT_AUTH_FAILED, 5 * SEC);
  g_assert_nonnull (strstr (event->reason, "691"));
  world_run (world, 10 * SEC);
  g_assert_cmpuint (gateway_count_seen (world->gateway, IKE_EXCHANGE_INFORMATIONAL), ==, 0);
}

static void
test_tls (gconstpointer version)
{
  g_autoptr (Script) script = script_new ("DNS:vpn.example.com");
  IkeConfig config = eap_config (script, IKE_EAP_METHOD_TLS);
  g_autoptr (World) world = NULL;

  script->server = eap_server_new_tls (script->ca, script->gateway, GPOINTER_TO_INT (version));
  world = start (script, &config);
  world_run_until (world, IKE_EVENT_ESTABLISHED, 10 * SEC);
}

/*
 * TLS 1.3 without the octet of RFC 9190 2.1.1: Success does not count, although the gateway has signed before.
 * covers: IKE-EAPT-008
 */
static void
test_no_indication (void)
{
  g_autoptr (Script) script = script_new ("DNS:vpn.example.com");
  IkeConfig config = eap_config (script, IKE_EAP_METHOD_TLS);
  g_autoptr (World) world = NULL;

  script->server = eap_server_new_tls (script->ca, script->gateway, TLS1_3_VERSION);
  script->server->no_indication = TRUE;
  world = start (script, &config);
  world_run_until (world, IKE_EVENT_AUTH_FAILED, 10 * SEC);
  g_assert_cmpuint (world->children->len, ==, 0);
}

/* The user's name is in the certificate; in clear there is its realm. covers: IKE-EAPT-011 */
static void
test_anonymous (void)
{
  static const struct
  {
    const char *local_id, *identity, *sent;
  } cases[] = { { "alice@example.com", NULL, "@example.com" },
                { "laptop", NULL, "anonymous" },
                { "alice@example.com", "bob@example.com", "bob@example.com" } };

  for (gsize i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_autoptr (Script) script = script_new ("DNS:vpn.example.com");
      IkeConfig config = eap_config (script, IKE_EAP_METHOD_TLS);
      g_autoptr (World) world = NULL;

      config.local_id = cases[i].local_id;
      config.eap_identity = cases[i].identity;
      script->server = eap_server_new_tls (script->ca, script->gateway, TLS1_3_VERSION);
      world = start (script, &config);
      world_run_until (world, IKE_EVENT_ESTABLISHED, 10 * SEC);
      g_assert_cmpstr (script->server->identity, ==, cases[i].sent);
    }
}

/* Refused, tried again with the new one; from then on that one comes first. */
static void
test_new_password (void)
{
  g_autoptr (Script) script = script_new ("DNS:vpn.example.com");
  g_autoptr (RoamSecret) fresh = roam_secret_new ((const guint8 *)"battery staple", 14);
  IkeConfig config = eap_config (script, IKE_EAP_METHOD_MSCHAPV2);
  g_autoptr (World) world = NULL;

  config.eap_new_password = fresh;
  script->server = eap_server_new_mschapv2 (USER, "battery staple");
  script->server->again = "E=691 R=1 C=00112233445566778899AABBCCDDEEFF V=3 M=wrong";
  world = start (script, &config);
  world_run_until (world, IKE_EVENT_ESTABLISHED, 5 * SEC);
  g_assert_cmpuint (world_counter (world, "eap-new-password-used"), ==, 1);
  world_command (world, IKE_ABANDON);
  eap_server_free (script->server);
  script->server = eap_server_new_mschapv2 (USER, "battery staple");
  script->rounds = 0;
  g_clear_pointer (&world->gateway->eap_msk, roam_secret_unref);
  world_start (world, world->a);
  world_run_until (world, IKE_EVENT_ESTABLISHED, 5 * SEC);
  g_assert_false (script->server->retried);
}

static void
test_bad_auth (void)
{
  g_autoptr (Script) script = script_new ("DNS:www.example.com");
  IkeConfig config = eap_config (script, IKE_EAP_METHOD_MSCHAPV2);
  g_autoptr (World) world = NULL;

  /* Its certificate is of another name: nothing of EAP leaves. covers: IKE-EAP-003, IKE-IDN-006 */
  script->server = eap_server_new_mschapv2 (USER, "correct horse");
  world = start (script, &config);
  world_run_until (world, IKE_EVENT_AUTH_FAILED, 10 * SEC);
  g_assert_cmpuint (script->rounds, ==, 1);
}

static void
test_no_auth (void)
{
  g_autoptr (Script) script = script_new ("DNS:vpn.example.com");
  IkeConfig config = eap_config (script, IKE_EAP_METHOD_MSCHAPV2);

  /* covers: IKE-EAP-002, IKE-EAPO-002 */
  for (guint eap_only = 0; eap_only < 2; eap_only++)
    {
      g_autoptr (World) world = NULL;

      script->rounds = 0;
      script->silent_about_itself = TRUE;
      g_clear_pointer (&script->server, eap_server_free);
      script->server = eap_server_new_mschapv2 (USER, "correct horse");
      config.eap_only = eap_only != 0;
      world = start (script, &config);
      world_run_until (world, IKE_EVENT_AUTH_FAILED, 10 * SEC);
      g_assert_cmpuint (script->rounds, ==, 1);
      g_assert_cmpint (ike_message_find_notify (first_request (world), IKE_NOTIFY_EAP_ONLY_AUTHENTICATION) != NULL, ==,
                       config.eap_only);
    }
}

static void
test_eap_only (void)
{
  g_autoptr (Script) script = script_new ("DNS:vpn.example.com");
  IkeConfig config = eap_config (script, IKE_EAP_METHOD_TLS);
  g_autoptr (World) world = NULL;

  /* covers: IKE-EAPO-001, IKE-EAPO-003 */
  script->silent_about_itself = TRUE;
  script->server = eap_server_new_tls (script->ca, script->gateway, TLS1_3_VERSION);
  config.eap_only = TRUE;
  world = start (script, &config);
  world_run_until (world, IKE_EVENT_ESTABLISHED, 10 * SEC);
}

static void
test_eap_only_signed (void)
{
  g_autoptr (Script) script = script_new ("DNS:www.example.com");
  IkeConfig config = eap_config (script, IKE_EAP_METHOD_TLS);
  g_autoptr (World) world = NULL;

  /* It signs all the same, with a certificate that is not its own. covers: IKE-EAPO-002 */
  script->server = eap_server_new_tls (script->ca, script->gateway, TLS1_3_VERSION);
  config.eap_only = TRUE;
  world = start (script, &config);
  world_run_until (world, IKE_EVENT_AUTH_FAILED, 10 * SEC);
  g_assert_cmpuint (script->rounds, ==, 1);
}

static void
test_wrong_msk (void)
{
  g_autoptr (Script) script = script_new ("DNS:vpn.example.com");
  IkeConfig config = eap_config (script, IKE_EAP_METHOD_MSCHAPV2);
  g_autoptr (World) world = NULL;

  /* The last AUTH is not of the MSK. covers: IKE-EAP-014, IKE-AUTH-011 */
  script->server = eap_server_new_mschapv2 (USER, "correct horse");
  world = start (script, &config);
  world->gateway->bad_auth = TRUE;
  world_run_until (world, IKE_EVENT_AUTH_FAILED, 10 * SEC);
  g_assert_cmpuint (world->children->len, ==, 0);
}

static void
test_early_ends (void)
{
  for (guint i = 0; i < 3; i++)
    {
      g_autoptr (Script) script = script_new ("DNS:vpn.example.com");
      IkeConfig config = eap_config (script, IKE_EAP_METHOD_MSCHAPV2);
      g_autoptr (World) world = NULL;

      /* covers: IKE-EAP-004, IKE-EAP-009, IKE-EAP-011 */
      script->failure_at_once = i == 0;
      script->success_at_once = i == 1;
      script->endless = i == 2;
      world = start (script, &config);
      world_run_until (world, IKE_EVENT_AUTH_FAILED, 60 * SEC);
      g_assert_cmpuint (script->rounds, ==, i == 2 ? 65 : 1);
      g_assert_cmpuint (world->children->len, ==, 0);
      g_assert_cmpuint (gateway_count_seen (world->gateway, IKE_EXCHANGE_INFORMATIONAL), ==, 0);
    }
}

static void
test_redirect (void)
{
  for (guint round = 1; round <= 3; round++)
    {
      g_autoptr (Script) script = script_new ("DNS:vpn.example.com");
      IkeConfig config = eap_config (script, IKE_EAP_METHOD_MSCHAPV2);
      g_autoptr (World) world = NULL;

      /* The first response leads on, with its AUTH verified and no Delete; one in between does not. */
      /* covers: IKE-RDR-006, IKE-RDR-007 */
      config.accept_redirect = TRUE;
      script->server = eap_server_new_mschapv2 (USER, "correct horse");
      script->redirect_round = round;
      world = start (script, &config);
      world_run (world, 130 * MS);
      g_assert_cmpuint (world_count_events (world, IKE_EVENT_REDIRECTED), ==, round == 1);
      g_assert_cmpuint (world->gateway->init_requests, ==, round == 1 ? 2 : 1);
      g_assert_cmpuint (gateway_count_seen (world->gateway, IKE_EXCHANGE_INFORMATIONAL), ==, 0);
      if (round > 1)
        world_run_until (world, IKE_EVENT_ESTABLISHED, 10 * SEC);
    }
}

static void
test_disconnect (void)
{
  g_autoptr (Script) script = script_new ("DNS:vpn.example.com");
  IkeConfig config = eap_config (script, IKE_EAP_METHOD_MSCHAPV2);
  g_autoptr (World) world = NULL;

  /* covers: IKE-INF-003 */
  script->endless = TRUE;
  world = start (script, &config);
  world_run (world, 500 * MS);
  g_assert_cmpuint (script->rounds, >, 3);
  world_command (world, IKE_TERMINATE);
  world_run (world, 5 * SEC);
  g_assert_cmpuint (gateway_count_seen (world->gateway, IKE_EXCHANGE_INFORMATIONAL), ==, 0);
}

/* The first AUTH of the gateway is without the PPK, the last ones of both are with it. */
static GwVerdict
ppk_hook (Gateway *gw, GwSa *sa, const IkeMessage *request, IkePayloads *answer)
{
  const Script *script = gw->user;
  g_auto (IkePpkKeys) plain = { 0 };
  GwVerdict verdict = eap_hook (gw, sa, request, answer);

  if (verdict == GW_DEFAULT && request->header.exchange == IKE_EXCHANGE_IKE_AUTH)
    {
      g_assert_nonnull (ike_message_find_notify (request, IKE_NOTIFY_PPK_IDENTITY));
      g_assert_true (ike_ppk_mix (sa->keys, script->password, &plain));
      ike_payloads_add_notify (answer, IKE_NOTIFY_PPK_IDENTITY, NULL, 0);
    }
  else
    g_assert_null (ike_message_find_notify (request, IKE_NOTIFY_PPK_IDENTITY));
  return verdict;
}

static void
use_ppk (Gateway *gw, guint8 exchange, IkePayloads *answer)
{
  if (exchange == IKE_EXCHANGE_IKE_SA_INIT)
    ike_payloads_add_notify (answer, IKE_NOTIFY_USE_PPK, NULL, 0);
}

static void
test_ppk (void)
{
  g_autoptr (Script) script = script_new ("DNS:vpn.example.com");
  IkeConfig config = eap_config (script, IKE_EAP_METHOD_MSCHAPV2);
  g_autoptr (World) world = NULL;

  /* covers: IKE-PPK-004, IKE-PPK-007 */
  script->server = eap_server_new_mschapv2 (USER, "correct horse");
  config.ppk = script->password;
  config.ppk_id = "quantum";
  config.require_ppk = TRUE;
  world = start (script, &config);
  world->gateway->hook = ppk_hook;
  world->gateway->decorate = use_ppk;
  world_run_until (world, IKE_EVENT_ESTABLISHED, 5 * SEC);
}

static void
test_identities (void)
{
  static const struct
  {
    const char *local_id, *identity;
    guint8 type;
    const char *sent;
  } cases[] = { { NULL, "alice@example.com", IKE_ID_RFC822_ADDR, "alice@example.com" },
                { NULL, "alice", IKE_ID_KEY_ID, "alice" },
                { "anonymous@example.com", "alice", IKE_ID_RFC822_ADDR, "anonymous@example.com" } };

  /* covers: IKE-IDN-003, IKE-EAP-015 */
  for (gsize i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_autoptr (Script) script = script_new ("DNS:vpn.example.com");
      IkeConfig config = eap_config (script, IKE_EAP_METHOD_MSCHAPV2);
      g_autoptr (World) world = NULL;
      const IkePayload *id;

      config.local_id = cases[i].local_id;
      config.eap_identity = cases[i].identity;
      script->server = eap_server_new_mschapv2 (cases[i].identity, "correct horse");
      world = start (script, &config);
      world_run_until (world, IKE_EVENT_ESTABLISHED, 10 * SEC);
      id = ike_message_find (first_request (world), IKE_PAYLOAD_IDI);
      g_assert_cmpint (id->id.id_type, ==, cases[i].type);
      g_assert_cmpmem (id->id.data.data, id->id.data.length, cases[i].sent, strlen (cases[i].sent));
      g_assert_cmpstr (script->server->identity, ==, cases[i].identity);
    }
}

static void
test_incomplete (void)
{
  g_autoptr (Script) script = script_new ("DNS:vpn.example.com");
  g_autoptr (RoamRng) rng = roam_rng_new_for_test (1);

  for (guint i = 0; i < 4; i++)
    {
      IkeConfig config = eap_config (script, i == 3 ? IKE_EAP_METHOD_TLS : IKE_EAP_METHOD_MSCHAPV2);
      g_autofree char *problem = NULL;

      if (i == 0)
        config.eap_password = NULL;
      if (i == 1)
        config.ca_pem = NULL;
      if (i == 2)
        config.local_id = NULL;
      if (i == 3)
        config.certificate_pem = NULL, config.private_key_pem = NULL;
      g_assert_null (ike_session_new (&config, rng, &problem));
      g_assert_nonnull (problem);
    }
}

/* --- a second authentication (RFC 4739) --- */

static void
add_multiple (Gateway *gw, guint8 exchange, IkePayloads *answer)
{
  if (exchange == IKE_EXCHANGE_IKE_SA_INIT)
    ike_payloads_add_notify (answer, IKE_NOTIFY_MULTIPLE_AUTH_SUPPORTED, NULL, 0);
}

/* The first request is whole and gets IDr, CERT and AUTH only; from the second on EAP. */
static GwVerdict
multiple_hook (Gateway *gw, GwSa *sa, const IkeMessage *request, IkePayloads *answer)
{
  Script *script = gw->user;
  g_autoptr (GBytes) packet = NULL;
  const IkePayload *id = ike_message_find (request, IKE_PAYLOAD_IDI);
  const guint8 *data;
  gsize length;

  if (request->header.exchange != IKE_EXCHANGE_IKE_AUTH || gw->eap_msk)
    return GW_DEFAULT;
  if (script->rounds++ == 0)
    {
      g_assert_nonnull (ike_message_find (request, IKE_PAYLOAD_AUTH));
      g_assert_nonnull (ike_message_find_notify (request, IKE_NOTIFY_MULTIPLE_AUTH_SUPPORTED));
      g_assert_nonnull (ike_message_find_notify (request, IKE_NOTIFY_ANOTHER_AUTH_FOLLOWS));
      gateway_add_auth (gw, sa, answer);
      return GW_ANSWER;
    }
  if (script->rounds == 2)
    {
      g_assert_nonnull (id);
      g_assert_cmpmem (id->id.data.data, id->id.data.length, "bob@example.com", 15);
      g_assert_null (ike_message_find (request, IKE_PAYLOAD_AUTH));
      g_assert_null (ike_message_find (request, IKE_PAYLOAD_SA));
      g_clear_pointer (&gw->second_id, g_bytes_unref);
      gw->second_id = g_bytes_new (id->id.body.data, id->id.body.length);
    }
  packet = next_packet (script, request);
  data = g_bytes_get_data (packet, &length);
  ike_payloads_add_eap (answer, data, length);
  if (data[0] == IKE_EAP_CODE_SUCCESS)
    gw->eap_msk = roam_secret_ref (script->server->msk);
  return GW_ANSWER;
}

static IkeConfig
multiple_config (const Script *script)
{
  IkeConfig config = eap_config (script, IKE_EAP_METHOD_MSCHAPV2);

  config.method = IKE_AUTH_METHOD_CERTIFICATE;
  config.certificate_pem = script->client_pem;
  config.private_key_pem = script->client_key;
  config.then_eap = TRUE;
  config.eap_identity = "bob@example.com";
  return config;
}

/* covers: IKE-MUL-001 */
static void
test_multiple (void)
{
  g_autoptr (Script) script = script_new ("DNS:vpn.example.com");
  IkeConfig config = multiple_config (script);
  g_autoptr (World) world = world_new (&config);

  script->server = eap_server_new_mschapv2 ("bob@example.com", "correct horse");
  world->gateway->credentials = script->credentials;
  world->gateway->user = script;
  world->gateway->hook = multiple_hook;
  world->gateway->decorate = add_multiple;
  world_start (world, world->a);
  world_run_until (world, IKE_EVENT_ESTABLISHED, 5 * SEC);
  g_assert_cmpuint (script->rounds, >, 3);
  g_assert_cmpuint (world->outbound, ==, 1);
}

static void
add_multiple_and_redirect (Gateway *gw, guint8 exchange, IkePayloads *answer)
{
  static const guint8 elsewhere[] = { 1, 4, 203, 0, 113, 3 };

  add_multiple (gw, exchange, answer);
  if (exchange == IKE_EXCHANGE_IKE_AUTH && ((const Script *)gw->user)->rounds == 1)
    ike_payloads_add_notify (answer, IKE_NOTIFY_REDIRECT, elsewhere, sizeof elsewhere);
}

/* As with EAP alone, the first response may lead on: its AUTH was verified. */
static void
test_multiple_redirect (void)
{
  g_autoptr (Script) script = script_new ("DNS:vpn.example.com");
  IkeConfig config = multiple_config (script);
  g_autoptr (World) world = NULL;

  config.accept_redirect = TRUE;
  world = world_new (&config);
  world->gateway->credentials = script->credentials;
  world->gateway->user = script;
  world->gateway->hook = multiple_hook;
  world->gateway->decorate = add_multiple_and_redirect;
  world_start (world, world->a);
  g_assert_true (world_addr_is (&world_run_until (world, IKE_EVENT_REDIRECTED, 5 * SEC)->gateway, WORLD_GATEWAY2));
  g_assert_cmpuint (script->rounds, ==, 1);
}

/* A gateway that takes one only is not given less than the profile says. */
static void
test_multiple_unsupported (void)
{
  g_autoptr (Script) script = script_new ("DNS:vpn.example.com");
  IkeConfig config = multiple_config (script);
  g_autoptr (World) world = world_new (&config);
  const IkeEvent *event;

  world->gateway->credentials = script->credentials;
  world_start (world, world->a);
  event = world_run_until (world, IKE_EVENT_FAILED, 60 * SEC);
  g_assert_nonnull (strstr (event->reason, "two authentications"));
  g_assert_null (gateway_last_seen (world->gateway, IKE_EXCHANGE_IKE_AUTH));
}

static void
test_multiple_bad_configuration (void)
{
  g_autoptr (Script) script = script_new ("DNS:vpn.example.com");
  g_autoptr (RoamRng) rng = roam_rng_new_for_test (1);
  IkeConfig good = multiple_config (script), config = good;

  for (guint i = 0; i < 3; i++)
    {
      g_autofree char *problem = NULL;

      config = good;
      if (i == 0)
        config.eap_identity = NULL;
      else if (i == 1)
        config.method = IKE_AUTH_METHOD_EAP;
      else
        config.eap_password = NULL;
      g_assert_null (ike_session_new (&config, rng, &problem));
      g_assert_nonnull (problem);
    }
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/ike/session-eap/password", test_password);
  g_test_add_func ("/ike/session-eap/move", test_move);
  g_test_add_func ("/ike/session-eap/wrong-password", test_wrong_password);
  g_test_add_data_func ("/ike/session-eap/tls12", GINT_TO_POINTER (TLS1_2_VERSION), test_tls);
  g_test_add_data_func ("/ike/session-eap/tls13", GINT_TO_POINTER (TLS1_3_VERSION), test_tls);
  g_test_add_func ("/ike/session-eap/no-indication", test_no_indication);
  g_test_add_func ("/ike/session-eap/anonymous", test_anonymous);
  g_test_add_func ("/ike/session-eap/new-password", test_new_password);
  g_test_add_func ("/ike/session-eap/bad-auth", test_bad_auth);
  g_test_add_func ("/ike/session-eap/no-auth", test_no_auth);
  g_test_add_func ("/ike/session-eap/eap-only", test_eap_only);
  g_test_add_func ("/ike/session-eap/eap-only-signed", test_eap_only_signed);
  g_test_add_func ("/ike/session-eap/wrong-msk", test_wrong_msk);
  g_test_add_func ("/ike/session-eap/early-ends", test_early_ends);
  g_test_add_func ("/ike/session-eap/disconnect", test_disconnect);
  g_test_add_func ("/ike/session-eap/redirect", test_redirect);
  g_test_add_func ("/ike/session-eap/identities", test_identities);
  g_test_add_func ("/ike/session-eap/ppk", test_ppk);
  g_test_add_func ("/ike/session-eap/incomplete", test_incomplete);
  g_test_add_func ("/ike/eap/multiple", test_multiple);
  g_test_add_func ("/ike/eap/multiple-redirect", test_multiple_redirect);
  g_test_add_func ("/ike/eap/multiple-unsupported", test_multiple_unsupported);
  g_test_add_func ("/ike/eap/multiple-bad-configuration", test_multiple_bad_configuration);
  return g_test_run ();
}
