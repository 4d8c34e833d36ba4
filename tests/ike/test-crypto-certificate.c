/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Credentials, signatures with every kind of key, and the judgement of a gateway's certificate. */

#include "tests/ike/test-crypto-pki.h"

#include <openssl/evp.h>
#include <string.h>

static const PkiRequest ca_request = { .common_name = "Test CA",
                                       .key = "EC:P-256",
                                       .constraints = "critical,CA:TRUE",
                                       .key_usage = "critical,keyCertSign,cRLSign" };
static const PkiRequest gateway_request = { .common_name = "gw.example.com",
                                            .key = "EC:P-256",
                                            .san =
                                              "DNS:gw.example.com,IP:192.0.2.1,IP:2001:db8::1,email:gw@example.com",
                                            .extended_usage = "serverAuth" };

static RoamNow
at (gint64 unix_seconds)
{
  return roam_now_make (0, unix_seconds * ROAM_USEC_PER_SEC);
}

static IkeView
view (GBytes *bytes)
{
  IkeView result;

  result.data = g_bytes_get_data (bytes, &result.length);
  return result;
}

static IkeCredentials *
credentials_of (const PkiNode *leaf, const PkiNode *anchor)
{
  g_autoptr (GBytes) certificate = leaf != NULL ? pki_certificate_pem (leaf) : NULL;
  g_autoptr (GBytes) ca = anchor != NULL ? pki_certificate_pem (anchor) : NULL;
  g_autoptr (RoamSecret) key = leaf != NULL ? pki_key_pem (leaf) : NULL;
  char *problem = NULL;
  IkeCredentials *credentials = ike_credentials_new (certificate, key, ca, &problem);

  if (credentials == NULL)
    g_error ("%s", problem);
  return credentials;
}

/* Verifies @n certificates, leaf first, for the name @expected; the reason or NULL. */
static const char *
judge (const IkeCredentials *credentials, const PkiNode *const *nodes, guint n, gint64 when, const char *expected)
{
  g_autoptr (GPtrArray) encoded = g_ptr_array_new_with_free_func ((GDestroyNotify)g_bytes_unref);
  g_autofree IkeView *views = g_new0 (IkeView, n);
  g_auto (IkeIdentity) identity = { 0 };
  const char *reason = NULL, *advice = NULL;
  g_autoptr (IkePublicKey) key = NULL;
  RoamNow now = at (when);

  for (guint i = 0; i < n; i++)
    {
      g_ptr_array_add (encoded, pki_certificate_der (nodes[i]));
      views[i] = view (encoded->pdata[i]);
    }
  g_assert_true (ike_identity_from_text (expected, IKE_ID_AUTO, &identity, NULL));
  key = ike_credentials_verify_peer (credentials, views, n, &now, &identity, &reason, &advice);
  g_assert_true ((key == NULL) == (reason != NULL));
  g_assert_true (key != NULL || advice != NULL);
  return reason;
}

/* What a leaf made from @request, issued by @ca, is worth. */
static const char *
judge_request (const IkeCredentials *credentials, const PkiRequest *request, const PkiNode *ca)
{
  g_autoptr (PkiNode) leaf = pki_issue (request, ca);
  const PkiNode *const nodes[] = { leaf };

  return judge (credentials, nodes, 1, PKI_NOW, "gw.example.com");
}

static void
assert_reason (const char *reason, const char *word)
{
  if (reason == NULL || strstr (reason, word) == NULL)
    g_error ("\"%s\" in place of \"%s\"", reason != NULL ? reason : "(accepted)", word);
}

/* covers: IKE-CERT-005, IKE-IDN-006 */
static void
test_names (void)
{
  static const struct
  {
    const char *name;
    gboolean good;
  } names[] = {
    { "gw.example.com", TRUE },
    { "GW.example.com", TRUE },
    { "192.0.2.1", TRUE },
    { "2001:db8::1", TRUE },
    { "gw@example.com", TRUE },
    { "O=Roam, CN=gw.example.com", TRUE },
    { "other.example.com", FALSE },
    { "192.0.2.2", FALSE },
    { "gw@example.org", FALSE },
    { "O=Roam, CN=other", FALSE },
    { "CN=gw.example.com, O=Roam", FALSE },
    { "example.com", FALSE },
  };
  g_autoptr (PkiNode) ca = pki_issue (&ca_request, NULL), leaf = pki_issue (&gateway_request, ca);
  g_autoptr (IkeCredentials) credentials = credentials_of (NULL, ca);
  const PkiNode *const nodes[] = { leaf };

  for (gsize i = 0; i < G_N_ELEMENTS (names); i++)
    {
      const char *reason = judge (credentials, nodes, 1, PKI_NOW, names[i].name);

      if (names[i].good)
        g_assert_null (reason);
      else
        assert_reason (reason, "another name");
    }
}

/* Neither a wildcard nor the common name makes a host name. */
/* covers: IKE-CERT-005 */
static void
test_names_strict (void)
{
  PkiRequest wildcard = gateway_request, bare = gateway_request, nul = gateway_request;
  g_autoptr (PkiNode) ca = pki_issue (&ca_request, NULL);
  g_autoptr (IkeCredentials) credentials = credentials_of (NULL, ca);

  wildcard.san = "DNS:*.example.com";
  bare.san = NULL;
  nul.san = "DNS:gw.example.com.evil.example";
  assert_reason (judge_request (credentials, &wildcard, ca), "another name");
  assert_reason (judge_request (credentials, &bare, ca), "another name");
  assert_reason (judge_request (credentials, &nul, ca), "another name");
}

/* covers: IKE-CERT-005 */
static void
test_validity (void)
{
  g_autoptr (PkiNode) ca = pki_issue (&ca_request, NULL), leaf = pki_issue (&gateway_request, ca);
  g_autoptr (IkeCredentials) credentials = credentials_of (NULL, ca);
  const PkiNode *const nodes[] = { leaf };

  g_assert_null (judge (credentials, nodes, 1, PKI_NOW + PKI_YEAR - 1, "gw.example.com"));
  assert_reason (judge (credentials, nodes, 1, PKI_NOW + PKI_YEAR + 1, "gw.example.com"), "expired");
  g_assert_null (judge (credentials, nodes, 1, PKI_NOW - PKI_YEAR + 1, "gw.example.com"));
  assert_reason (judge (credentials, nodes, 1, PKI_NOW - PKI_YEAR - 1, "gw.example.com"), "not valid yet");
}

/* covers: IKE-CERT-001, IKE-CERT-005, IKE-CERT-006 */
static void
test_chain (void)
{
  PkiRequest intermediate = ca_request, fake = gateway_request;
  g_autoptr (PkiNode) ca = pki_issue (&ca_request, NULL), other_ca = pki_issue (&ca_request, NULL);
  g_autoptr (PkiNode) one = NULL, two = NULL, leaf = NULL, self = pki_issue (&gateway_request, NULL);
  g_autoptr (PkiNode) not_ca = NULL, under_leaf = NULL;
  g_autoptr (IkeCredentials) credentials = credentials_of (NULL, ca), none = credentials_of (NULL, NULL);
  g_autoptr (IkeCredentials) pinned = NULL;

  intermediate.common_name = "Intermediate 1";
  one = pki_issue (&intermediate, ca);
  intermediate.common_name = "Intermediate 2";
  two = pki_issue (&intermediate, one);
  leaf = pki_issue (&gateway_request, two);
  {
    const PkiNode *const in_order[] = { leaf, two, one, ca }, *const shuffled[] = { leaf, ca, one, two };
    const PkiNode *const missing[] = { leaf, two }, *const wrong_first[] = { two, leaf, one };

    g_assert_null (judge (credentials, in_order, 4, PKI_NOW, "gw.example.com"));
    g_assert_null (judge (credentials, in_order, 3, PKI_NOW, "gw.example.com"));
    g_assert_null (judge (credentials, shuffled, 4, PKI_NOW, "gw.example.com"));
    assert_reason (judge (credentials, missing, 2, PKI_NOW, "gw.example.com"), "not issued by a trusted CA");
    g_assert_nonnull (judge (credentials, wrong_first, 3, PKI_NOW, "gw.example.com"));
    assert_reason (judge (none, in_order, 4, PKI_NOW, "gw.example.com"), "no CA certificate");
    /* An intermediate that the administrator put in as an anchor is one. */
    pinned = credentials_of (NULL, one);
    g_assert_null (judge (pinned, missing, 2, PKI_NOW, "gw.example.com"));
  }
  {
    const PkiNode *const self_signed[] = { self };

    assert_reason (judge (credentials, self_signed, 1, PKI_NOW, "gw.example.com"), "not issued by a trusted CA");
  }
  /* The same names, another key: the CA of somebody else. */
  {
    g_autoptr (IkeCredentials) foreign = credentials_of (NULL, other_ca);
    const PkiNode *const in_order[] = { leaf, two, one };

    g_assert_nonnull (judge (foreign, in_order, 3, PKI_NOW, "gw.example.com"));
  }
  /* A leaf cannot issue. */
  fake.common_name = "not a CA";
  fake.constraints = "critical,CA:FALSE";
  not_ca = pki_issue (&fake, ca);
  under_leaf = pki_issue (&gateway_request, not_ca);
  {
    const PkiNode *const forged[] = { under_leaf, not_ca };

    g_assert_nonnull (judge (credentials, forged, 2, PKI_NOW, "gw.example.com"));
  }
}

/* covers: IKE-CERT-005, IKE-AUTH-015, IKE-ALG-004 */
static void
test_usage_and_strength (void)
{
  static const struct
  {
    const char *key_usage, *extended_usage, *key, *digest, *reason;
  } cases[] = {
    { NULL, NULL, "EC:P-256", NULL, NULL },
    { NULL, "serverAuth", "EC:P-256", NULL, NULL },
    { NULL, "1.3.6.1.5.5.8.2.2", "EC:P-256", NULL, NULL },
    { NULL, "clientAuth,1.3.6.1.5.5.7.3.17", "EC:P-256", NULL, NULL },
    { NULL, "anyExtendedKeyUsage", "EC:P-256", NULL, NULL },
    { NULL, "clientAuth", "EC:P-256", NULL, "not meant for such use" },
    { NULL, "codeSigning", "EC:P-256", NULL, "not meant for such use" },
    { "digitalSignature", NULL, "EC:P-256", NULL, NULL },
    { "nonRepudiation", NULL, "EC:P-256", NULL, NULL },
    { "critical,keyEncipherment", NULL, "EC:P-256", NULL, "not meant for such use" },
    { NULL, NULL, "RSA:1024", NULL, "too weak" },
    { NULL, NULL, "RSA:2048", NULL, NULL },
    { NULL, NULL, "EC:P-256", "SHA1", "too weak" },
  };
  g_autoptr (PkiNode) ca = pki_issue (&ca_request, NULL);
  g_autoptr (IkeCredentials) credentials = credentials_of (NULL, ca);

  for (gsize i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      PkiRequest request = gateway_request;
      const char *reason;

      request.key_usage = cases[i].key_usage;
      request.extended_usage = cases[i].extended_usage;
      request.key = cases[i].key;
      request.digest = cases[i].digest;
      reason = judge_request (credentials, &request, ca);
      if (cases[i].reason == NULL && reason != NULL)
        g_error ("case %zu: %s", i, reason);
      if (cases[i].reason != NULL)
        assert_reason (reason, cases[i].reason);
    }
}

/* Damaged certificates: never accepted, never a crash. */
static void
test_damaged (void)
{
  g_autoptr (PkiNode) ca = pki_issue (&ca_request, NULL), leaf = pki_issue (&gateway_request, ca);
  g_autoptr (IkeCredentials) credentials = credentials_of (NULL, ca);
  g_autoptr (GBytes) der = pki_certificate_der (leaf);
  gsize length;
  const guint8 *data = g_bytes_get_data (der, &length);
  g_autofree guint8 *copy = g_memdup2 (data, length);
  g_auto (IkeIdentity) identity = { 0 };
  const char *reason, *advice;
  RoamNow now = at (PKI_NOW);

  g_assert_true (ike_identity_from_text ("gw.example.com", IKE_ID_AUTO, &identity, NULL));
  for (gsize i = 0; i < length; i += 7)
    {
      IkeView spoilt = { copy, length };

      copy[i] ^= 0x21;
      g_assert_null (ike_credentials_verify_peer (credentials, &spoilt, 1, &now, &identity, &reason, &advice));
      copy[i] ^= 0x21;
      spoilt.length = i;
      g_assert_null (ike_credentials_verify_peer (credentials, &spoilt, 1, &now, &identity, &reason, &advice));
    }
  g_assert_null (ike_credentials_verify_peer (credentials, NULL, 0, &now, &identity, &reason, &advice));
  assert_reason (reason, "no certificate that can be read");
}

typedef struct
{
  const char *key;
  IkeHashSet peer;
  guint8 method; /* 0: it cannot sign */
} SignCase;

#define ALL (1u << IKE_HASH_SHA2_256 | 1u << IKE_HASH_SHA2_384 | 1u << IKE_HASH_SHA2_512 | 1u << IKE_HASH_IDENTITY)

/* covers: IKE-SIG-002, IKE-SIG-003, IKE-SIG-004, IKE-SIG-005, IKE-SIG-006, IKE-SIG-007, IKE-SIG-009 */
/* covers: IKE-AUTH-012, IKE-AUTH-014, IKE-AUTH-015 */
static void
test_sign (void)
{
  static const SignCase cases[] = {
    { "RSA:2048", 0, IKE_AUTH_ID_RSA },
    { "RSA:2048", ALL, IKE_AUTH_ID_DIGITAL_SIGNATURE },
    { "RSA:2048", 1u << IKE_HASH_SHA2_512, IKE_AUTH_ID_DIGITAL_SIGNATURE },
    { "RSA:2048", 1u << IKE_HASH_SHA2_384, IKE_AUTH_ID_DIGITAL_SIGNATURE },
    { "RSA:2048", 1u << IKE_HASH_SHA1, 0 },
    { "RSA:3072", ALL, IKE_AUTH_ID_DIGITAL_SIGNATURE },
    { "RSA:4096", 0, IKE_AUTH_ID_RSA },
    { "EC:P-256", 0, IKE_AUTH_ID_ECDSA_256 },
    { "EC:P-384", 0, IKE_AUTH_ID_ECDSA_384 },
    { "EC:P-521", 0, IKE_AUTH_ID_ECDSA_521 },
    { "EC:P-256", ALL, IKE_AUTH_ID_DIGITAL_SIGNATURE },
    { "EC:P-384", ALL, IKE_AUTH_ID_DIGITAL_SIGNATURE },
    { "EC:P-521", ALL, IKE_AUTH_ID_DIGITAL_SIGNATURE },
    { "EC:P-256", 1u << IKE_HASH_IDENTITY, 0 },
    { "ED25519", ALL, IKE_AUTH_ID_DIGITAL_SIGNATURE },
    { "ED25519", 1u << IKE_HASH_SHA2_256, 0 }, /* the peer did not list Identity */
    { "ED25519", 0, 0 },
  };
  static const IkeView octets = { (const guint8 *)"signed octets", 13 },
                       others = { (const guint8 *)"other octets!", 13 };

  for (gsize i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      PkiRequest request = gateway_request;
      g_autoptr (PkiNode) node = NULL;
      g_autoptr (IkeCredentials) credentials = NULL;
      g_autoptr (GBytes) auth = NULL;
      g_autoptr (IkePublicKey) key = NULL;
      unsigned char *spki = NULL;
      const char *reason = NULL;
      guint8 method = 0;
      int length;

      request.key = cases[i].key;
      node = pki_issue (&request, NULL);
      credentials = credentials_of (node, NULL);
      auth = ike_credentials_sign (credentials, cases[i].peer, octets, &method, &reason);
      g_test_message ("%s, hashes %x: %s", cases[i].key, cases[i].peer, auth != NULL ? "signed" : reason);
      g_assert_cmpuint (method, ==, cases[i].method);
      g_assert_true ((auth == NULL) == (cases[i].method == 0));
      if (auth == NULL)
        {
          g_assert_nonnull (reason);
          continue;
        }
      length = i2d_PUBKEY (node->key, &spki);
      key = ike_public_key_new_from_spki (spki, (gsize)length);
      OPENSSL_free (spki);
      g_assert_true (ike_auth_verify_signature (key, method, view (auth), octets, IKE_SIGNATURE_DEFAULT, &reason));
      g_assert_false (ike_auth_verify_signature (key, method, view (auth), others, IKE_SIGNATURE_DEFAULT, &reason));
      g_assert_true (ike_auth_verify_signature (key, method, view (auth), octets, IKE_SIGNATURE_REQUIRE_METHOD_14,
                                                &reason) == (method == IKE_AUTH_ID_DIGITAL_SIGNATURE));
      g_assert_false (ike_auth_verify_signature (key, 13, view (auth), octets, IKE_SIGNATURE_DEFAULT, &reason));
      g_assert_false (ike_auth_verify_signature (key, 3, view (auth), octets, IKE_SIGNATURE_DEFAULT, &reason));
    }
}

/* AUTH data of method 14 with @identifier in place of the sender's; the signature is a good one for @octets. */
static gboolean
verify_with_identifier (const PkiNode *node, IkeHashSet hash, const char *identifier_hex)
{
  static const IkeView octets = { (const guint8 *)"signed octets", 13 };
  g_autoptr (IkeCredentials) credentials = credentials_of (node, NULL);
  g_autoptr (GByteArray) changed = g_byte_array_new ();
  g_autoptr (GBytes) auth = NULL;
  g_autoptr (IkePublicKey) key = NULL;
  unsigned char *spki = NULL;
  const char *reason = NULL;
  guint8 method, length = (guint8)(strlen (identifier_hex) / 2);
  gboolean good;
  IkeView whole;
  int size;

  auth = ike_credentials_sign (credentials, 1u << hash, octets, &method, &reason);
  g_assert_nonnull (auth);
  whole = view (auth);
  g_byte_array_append (changed, &length, 1);
  for (guint i = 0; i < length; i++)
    {
      guint8 octet =
        (guint8)(g_ascii_xdigit_value (identifier_hex[2 * i]) << 4 | g_ascii_xdigit_value (identifier_hex[2 * i + 1]));

      g_byte_array_append (changed, &octet, 1);
    }
  g_byte_array_append (changed, whole.data + 1 + whole.data[0], (guint)(whole.length - 1 - whole.data[0]));
  size = i2d_PUBKEY (node->key, &spki);
  key = ike_public_key_new_from_spki (spki, (gsize)size);
  good = ike_auth_verify_signature (key, method, (IkeView){ changed->data, changed->len }, octets,
                                    IKE_SIGNATURE_DEFAULT, &reason);
  OPENSSL_free (spki);
  return good;
}

/* covers: IKE-SIG-006, IKE-SIG-008, IKE-ALG-004 */
static void
test_identifiers (void)
{
  static const char pss[] =
    "304606092a864886f70d01010a3039a00f300d06096086480165030402010500a11c301a06092a864886f70d010108300d0609"
    "6086480165030402010500a203020120a303020101";
  static const char pss_no_trailer[] =
    "304106092a864886f70d01010a3034a00f300d06096086480165030402010500a11c301a06092a864886f70d"
    "010108300d06096086480165030402010500a203020120";
  static const char pss_absent[] =
    "304206092a864886f70d01010a3035a00d300b0609608648016503040201a11a301806092a864886f70d010108300b0609"
    "608648016503040201a203020120a303020101";
  static const char pss_salt[] =
    "304606092a864886f70d01010a3039a00f300d06096086480165030402010500a11c301a06092a864886f70d010108300d0609"
    "6086480165030402010500a203020114a303020101";
  static const char pss_mixed[] =
    "304606092a864886f70d01010a3039a00f300d06096086480165030402010500a11c301a06092a864886f70d010108300d06"
    "096086480165030402030500a203020120a303020101";
  PkiRequest request = gateway_request;
  g_autoptr (PkiNode) ec = pki_issue (&request, NULL), rsa = NULL;

  request.key = "RSA:2048";
  rsa = pki_issue (&request, NULL);
  g_assert_true (verify_with_identifier (ec, IKE_HASH_SHA2_256, "300a06082a8648ce3d040302"));
  g_assert_true (verify_with_identifier (ec, IKE_HASH_SHA2_256, "300c06082a8648ce3d0403020500")); /* NULL parameters */
  g_assert_false (verify_with_identifier (ec, IKE_HASH_SHA2_256, "300a06082a8648ce3d040303"));    /* another hash */
  g_assert_false (verify_with_identifier (ec, IKE_HASH_SHA2_256, "300906072a8648ce3d0401"));      /* ECDSA with SHA-1 */
  g_assert_false (verify_with_identifier (ec, IKE_HASH_SHA2_256, "300d06092a864886f70d01010b0500")); /* RSA */
  g_assert_false (verify_with_identifier (ec, IKE_HASH_SHA2_256, "300506032b6570"));
  g_assert_false (verify_with_identifier (ec, IKE_HASH_SHA2_256, "300a06082a8648ce3d04030200")); /* octets behind */
  g_assert_false (verify_with_identifier (ec, IKE_HASH_SHA2_256, ""));
  g_assert_true (verify_with_identifier (rsa, IKE_HASH_SHA2_256, pss));
  g_assert_true (verify_with_identifier (rsa, IKE_HASH_SHA2_256, pss_no_trailer));
  g_assert_true (verify_with_identifier (rsa, IKE_HASH_SHA2_256, pss_absent));
  g_assert_false (verify_with_identifier (rsa, IKE_HASH_SHA2_256, pss_salt));
  g_assert_false (verify_with_identifier (rsa, IKE_HASH_SHA2_256, pss_mixed));
  g_assert_false (verify_with_identifier (rsa, IKE_HASH_SHA2_256, "300b06092a864886f70d01010a")); /* no parameters */
  g_assert_false (verify_with_identifier (rsa, IKE_HASH_SHA2_256, "300d06092a864886f70d01010a3000")); /* all defaults */
  g_assert_false (verify_with_identifier (rsa, IKE_HASH_SHA2_256, "300d06092a864886f70d0101050500")); /* SHA-1 */
}

/* covers: IKE-CERT-003 */
static void
test_certreq (void)
{
  g_autoptr (PkiNode) one = pki_issue (&ca_request, NULL), two = pki_issue (&ca_request, NULL);
  g_autoptr (GBytes) pem_one = pki_certificate_pem (one), pem_two = pki_certificate_pem (two), both = NULL;
  g_autoptr (GByteArray) joined = g_byte_array_new ();
  const PkiNode *const nodes[] = { one, two };
  g_autoptr (IkeCredentials) credentials = NULL, none = credentials_of (NULL, NULL);
  g_autoptr (GBytes) hashes = NULL, empty = ike_credentials_certreq (none);
  char *problem = NULL;

  g_byte_array_append (joined, g_bytes_get_data (pem_one, NULL), (guint)g_bytes_get_size (pem_one));
  g_byte_array_append (joined, g_bytes_get_data (pem_two, NULL), (guint)g_bytes_get_size (pem_two));
  both = g_byte_array_free_to_bytes (g_steal_pointer (&joined));
  credentials = ike_credentials_new (NULL, NULL, both, &problem);
  g_assert_nonnull (credentials);
  hashes = ike_credentials_certreq (credentials);
  g_assert_cmpuint (g_bytes_get_size (hashes), ==, 40);
  for (gsize i = 0; i < 2; i++)
    {
      unsigned char *spki = NULL;
      int length = i2d_PUBKEY (nodes[i]->key, &spki);
      g_autoptr (GChecksum) sha1 = g_checksum_new (G_CHECKSUM_SHA1);
      guint8 digest[20];
      gsize size = sizeof digest;

      g_checksum_update (sha1, spki, length);
      g_checksum_get_digest (sha1, digest, &size);
      g_assert_cmpmem (view (hashes).data + 20 * i, 20, digest, 20);
      OPENSSL_free (spki);
    }
  g_assert_cmpuint (g_bytes_get_size (empty), ==, 0);
}

static void
test_own (void)
{
  PkiRequest request = gateway_request;
  g_autoptr (PkiNode) ca = pki_issue (&ca_request, NULL), leaf = NULL;
  g_autoptr (IkeCredentials) credentials = NULL, none = credentials_of (NULL, ca);
  g_auto (IkeIdentity) subject = { 0 }, wanted = { 0 }, other = { 0 }, mail = { 0 };
  g_autoptr (GBytes) der = NULL;
  const char *reason = NULL;
  guint8 method;

  request.san = "email:alice@example.com";
  request.common_name = "Alice";
  leaf = pki_issue (&request, ca);
  credentials = credentials_of (leaf, ca);
  g_assert_cmpuint (ike_credentials_certificates (credentials)->len, ==, 1);
  der = pki_certificate_der (leaf);
  g_assert_true (g_bytes_equal (ike_credentials_certificates (credentials)->pdata[0], der));
  g_assert_true (ike_credentials_subject (credentials, &subject));
  g_assert_true (ike_identity_from_text ("O=Roam, CN=Alice", IKE_ID_AUTO, &wanted, NULL));
  g_assert_true (ike_identity_matches (&wanted, subject.type, view (subject.data)));
  g_assert_true (ike_identity_from_text ("alice@example.com", IKE_ID_AUTO, &mail, NULL));
  g_assert_true (ike_credentials_has_identity (credentials, &mail));
  g_assert_true (ike_identity_from_text ("bob@example.com", IKE_ID_AUTO, &other, NULL));
  g_assert_false (ike_credentials_has_identity (credentials, &other));
  g_assert_cmpuint (ike_credentials_certificates (none)->len, ==, 0);
  g_assert_false (ike_credentials_subject (none, &other));
  g_assert_null (ike_credentials_sign (none, ALL, (IkeView){ (const guint8 *)"x", 1 }, &method, &reason));
  g_assert_nonnull (reason);
}

static void
assert_refused (GBytes *certificate, const RoamSecret *key, GBytes *ca, const char *words)
{
  g_autofree char *problem = NULL;

  g_assert_null (ike_credentials_new (certificate, key, ca, &problem));
  assert_reason (problem, words);
}

/* covers: IKE-AUTH-015 */
static void
test_own_refused (void)
{
  PkiRequest weak = gateway_request;
  g_autoptr (PkiNode) one = pki_issue (&gateway_request, NULL), two = pki_issue (&gateway_request, NULL), small = NULL;
  g_autoptr (GBytes) pem = pki_certificate_pem (one), small_pem = NULL, cut = NULL;
  g_autoptr (GBytes) garbage = g_bytes_new_static ("garbage", 7), empty = g_bytes_new_static ("", 0);
  g_autoptr (RoamSecret) key = pki_key_pem (one), foreign = pki_key_pem (two), small_key = NULL;
  g_autoptr (RoamSecret) noise = roam_secret_new ((const guint8 *)"garbage", 7);

  weak.key = "RSA:1024";
  small = pki_issue (&weak, NULL);
  small_pem = pki_certificate_pem (small);
  small_key = pki_key_pem (small);
  cut = g_bytes_new_from_bytes (pem, 0, g_bytes_get_size (pem) / 2);
  assert_refused (pem, NULL, NULL, "together");
  assert_refused (NULL, key, NULL, "together");
  assert_refused (garbage, key, NULL, "certificate is not in PEM");
  assert_refused (empty, key, NULL, "certificate is not in PEM");
  assert_refused (cut, key, NULL, "certificate is not in PEM");
  assert_refused (pem, noise, NULL, "private key is not");
  assert_refused (pem, foreign, NULL, "does not belong");
  assert_refused (small_pem, small_key, NULL, "shorter than 2048");
  assert_refused (NULL, NULL, garbage, "CA certificates");
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/ike/certificate/names", test_names);
  g_test_add_func ("/ike/certificate/names-strict", test_names_strict);
  g_test_add_func ("/ike/certificate/validity", test_validity);
  g_test_add_func ("/ike/certificate/chain", test_chain);
  g_test_add_func ("/ike/certificate/usage-and-strength", test_usage_and_strength);
  g_test_add_func ("/ike/certificate/damaged", test_damaged);
  g_test_add_func ("/ike/certificate/sign", test_sign);
  g_test_add_func ("/ike/certificate/identifiers", test_identifiers);
  g_test_add_func ("/ike/certificate/certreq", test_certreq);
  g_test_add_func ("/ike/certificate/own", test_own);
  g_test_add_func ("/ike/certificate/own-refused", test_own_refused);
  return g_test_run ();
}
