/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Certificates in IKE_AUTH (RFC 7296 3.6, 3.7; RFC 7427). Scripted gateway, virtual time. */
#include "tests/ike/test-crypto-pki.h"
#include "tests/ike/world.h"

#include <string.h>

/* A CA, a gateway and a client. */
typedef struct
{
  PkiNode *ca, *gateway, *client;
  GBytes *ca_pem, *client_pem, *gateway_pem;
  RoamSecret *client_key, *gateway_key;
  IkeCredentials *gateway_credentials;
} Pki;

static Pki *
pki_new (const char *key, const char *gateway_san, gint64 until)
{
  const PkiRequest ca = { "CA", key, NULL, "critical,keyCertSign,cRLSign", NULL, "critical,CA:TRUE", 0, 0, NULL };
  const PkiRequest gateway = { "gateway", key, gateway_san, "critical,digitalSignature", NULL, NULL, 0, until, NULL };
  const PkiRequest client = { "client", key, "email:alice@example.com", "critical,digitalSignature", NULL, NULL, 0,
                              0,        NULL };
  Pki *pki = g_new0 (Pki, 1);
  g_autofree char *problem = NULL;

  pki->ca = pki_issue (&ca, NULL);
  pki->gateway = pki_issue (&gateway, pki->ca);
  pki->client = pki_issue (&client, pki->ca);
  pki->ca_pem = pki_certificate_pem (pki->ca);
  pki->client_pem = pki_certificate_pem (pki->client);
  pki->gateway_pem = pki_certificate_pem (pki->gateway);
  pki->client_key = pki_key_pem (pki->client);
  pki->gateway_key = pki_key_pem (pki->gateway);
  pki->gateway_credentials = ike_credentials_new (pki->gateway_pem, pki->gateway_key, pki->ca_pem, &problem);
  g_assert_cmpstr (problem, ==, NULL);
  return pki;
}

static void
pki_free (Pki *pki)
{
  pki_node_free (pki->ca);
  pki_node_free (pki->gateway);
  pki_node_free (pki->client);
  g_bytes_unref (pki->ca_pem);
  g_bytes_unref (pki->client_pem);
  g_bytes_unref (pki->gateway_pem);
  roam_secret_unref (pki->client_key);
  roam_secret_unref (pki->gateway_key);
  ike_credentials_free (pki->gateway_credentials);
  g_free (pki);
}
G_DEFINE_AUTOPTR_CLEANUP_FUNC (Pki, pki_free)

/* The client with its certificate; the gateway with its own. */
static World *
world_of (const Pki *pki, gboolean client_psk)
{
  IkeConfig config = world_config ();
  World *world;

  config.ca_pem = pki->ca_pem;
  if (!client_psk)
    {
      config.method = IKE_AUTH_METHOD_CERTIFICATE;
      config.certificate_pem = pki->client_pem;
      config.private_key_pem = pki->client_key;
    }
  world = world_new (&config);
  world->gateway->credentials = pki->gateway_credentials;
  world_start (world, world->a);
  return world;
}

static void
test_both (gconstpointer key)
{
  g_autoptr (Pki) pki = pki_new (key, "DNS:vpn.example.com", 0);
  g_autoptr (World) world = world_of (pki, FALSE);
  const IkeMessage *auth;
  g_autoptr (GBytes) der = pki_certificate_der (pki->client);
  g_autoptr (GBytes) hashes = NULL;
  const IkePayload *payload;

  /* covers: IKE-SIG-001, IKE-SIG-002, IKE-CERT-001, IKE-CERT-003, IKE-AUTH-007, IKE-INIT-008 */
  world_run_until (world, IKE_EVENT_ESTABLISHED, 5 * SEC);
  g_assert_cmpint (world->gateway->client_method, ==, IKE_AUTH_ID_DIGITAL_SIGNATURE);
  auth = gateway_last_seen (world->gateway, IKE_EXCHANGE_IKE_AUTH)->message;
  payload = ike_message_find (auth, IKE_PAYLOAD_CERT);
  g_assert_cmpmem (payload->cert.data.data, payload->cert.data.length, g_bytes_get_data (der, NULL),
                   g_bytes_get_size (der));
  payload = ike_message_find (auth, IKE_PAYLOAD_CERTREQ);
  hashes = ike_credentials_certreq (pki->gateway_credentials);
  g_assert_cmpmem (payload->certreq.data.data, payload->certreq.data.length, g_bytes_get_data (hashes, NULL),
                   g_bytes_get_size (hashes));
}

static void
test_gateway_certificate_client_psk (void)
{
  g_autoptr (Pki) pki = pki_new ("EC:P-256", "DNS:vpn.example.com", 0);
  g_autoptr (World) world = world_of (pki, TRUE);

  /* covers: IKE-AUTH-007 */
  world_run_until (world, IKE_EVENT_ESTABLISHED, 5 * SEC);
  g_assert_cmpint (world->gateway->client_method, ==, IKE_AUTH_ID_SHARED_KEY);
}

static void
test_old_gateway (void)
{
  g_autoptr (Pki) pki = pki_new ("EC:P-256", "DNS:vpn.example.com", 0);
  g_autoptr (World) world = world_of (pki, FALSE);

  /* covers: IKE-SIG-003, IKE-INIT-009 */
  world->gateway->no_hashes = world->gateway->old_method = TRUE;
  world_run_until (world, IKE_EVENT_ESTABLISHED, 5 * SEC);
  g_assert_cmpint (world->gateway->client_method, ==, IKE_AUTH_ID_ECDSA_256);
}

static void
test_old_method_of_new_gateway (void)
{
  g_autoptr (Pki) pki = pki_new ("EC:P-256", "DNS:vpn.example.com", 0);
  g_autoptr (World) world = world_of (pki, FALSE);

  /* Both sent the list of hashes, so method 14 is due. covers: IKE-SIG-002 */
  world->gateway->old_method = TRUE;
  world_run_until (world, IKE_EVENT_AUTH_FAILED, 5 * SEC);
  g_assert_cmpuint (world->children->len, ==, 0);
}

static void
assert_refused (const Pki *pki)
{
  g_autoptr (World) world = world_of (pki, FALSE);
  const IkeEvent *event = world_run_until (world, IKE_EVENT_AUTH_FAILED, 5 * SEC);

  g_assert_nonnull (event->reason);
  g_assert_cmpuint (world->children->len, ==, 0);
  g_assert_nonnull (ike_message_find_notify (gateway_last_seen (world->gateway, IKE_EXCHANGE_INFORMATIONAL)->message,
                                             IKE_NOTIFY_AUTHENTICATION_FAILED));
}

static void
test_wrong_name (void)
{
  g_autoptr (Pki) pki = pki_new ("EC:P-256", "DNS:www.example.com", 0);

  /* covers: IKE-CERT-005 */
  assert_refused (pki);
}

static void
test_expired (void)
{
  g_autoptr (Pki) pki = pki_new ("EC:P-256", "DNS:vpn.example.com", PKI_NOW - 1000);

  /* covers: IKE-CERT-005 */
  assert_refused (pki);
}

static void
test_other_ca (void)
{
  g_autoptr (Pki) pki = pki_new ("EC:P-256", "DNS:vpn.example.com", 0);
  g_autoptr (Pki) other = pki_new ("EC:P-256", "DNS:vpn.example.com", 0);
  g_autofree char *problem = NULL;

  /* It accepts ours, but its own is of somebody else. covers: IKE-CERT-006 */
  ike_credentials_free (pki->gateway_credentials);
  pki->gateway_credentials = ike_credentials_new (other->gateway_pem, other->gateway_key, pki->ca_pem, &problem);
  g_assert_cmpstr (problem, ==, NULL);
  assert_refused (pki);
}

static void
test_no_anchor (void)
{
  g_autoptr (Pki) pki = pki_new ("EC:P-256", "DNS:vpn.example.com", 0);
  IkeConfig config = world_config ();
  g_autoptr (World) world = world_new (&config);

  /* A PSK profile does not accept any certificate. */
  world->gateway->credentials = pki->gateway_credentials;
  world->gateway->no_hashes = world->gateway->old_method = TRUE;
  world_start (world, world->a);
  world_run_until (world, IKE_EVENT_AUTH_FAILED, 5 * SEC);
}

/* CRL of the CA, as the gateway sends it with its certificate. */
static void
send_crl (Gateway *gw, guint8 exchange, IkePayloads *answer)
{
  GBytes *crl = gw->user;

  if (exchange == IKE_EXCHANGE_IKE_AUTH)
    ike_payloads_add_cert (answer, IKE_CERT_ENCODING_CRL, g_bytes_get_data (crl, NULL), g_bytes_get_size (crl));
}

static void
test_crl_payload (void)
{
  g_autoptr (Pki) pki = pki_new ("EC:P-256", "DNS:vpn.example.com", 0);
  g_autoptr (GBytes) clean = pki_crl_der (pki->ca, NULL, 0);
  g_autoptr (GBytes) revoked = pki_crl_der (pki->ca, pki->gateway, 0);
  g_autoptr (World) good = world_of (pki, FALSE);
  g_autoptr (World) bad = world_of (pki, FALSE);
  const IkeEvent *event;

  /* covers: IKE-CERT-007 */
  good->gateway->user = clean;
  bad->gateway->user = revoked;
  good->gateway->decorate = bad->gateway->decorate = send_crl;
  world_run_until (good, IKE_EVENT_ESTABLISHED, 5 * SEC);
  event = world_run_until (bad, IKE_EVENT_AUTH_FAILED, 5 * SEC);
  g_assert_nonnull (strstr (event->reason, "revoked"));
}

/* MULTIPLE_AUTH_SUPPORTED, ANOTHER_AUTH_FOLLOWS (RFC 4739 3). */
static void
announce_more_auth (Gateway *gw, guint8 exchange, IkePayloads *answer)
{
  ike_payloads_add_notify (answer, exchange == IKE_EXCHANGE_IKE_SA_INIT ? 16404 : 16405, NULL, 0);
}

static void
test_multiple_auth (void)
{
  g_autoptr (Pki) pki = pki_new ("EC:P-256", "DNS:vpn.example.com", 0);
  g_autoptr (World) world = world_of (pki, FALSE);

  /* covers: IKE-MUL-002 */
  world->gateway->decorate = announce_more_auth;
  world_run_until (world, IKE_EVENT_ESTABLISHED, 5 * SEC);
  for (guint i = 0; i < world->gateway->seen->len; i++)
    {
      const IkeMessage *message = ((const GwSeen *)g_ptr_array_index (world->gateway->seen, i))->message;

      g_assert_true (!message || !ike_message_find_notify (message, 16404));
      g_assert_true (!message || !ike_message_find_notify (message, 16405));
    }
}

#define METHOD_NULL 13

static GwVerdict
null_hook (Gateway *gw, GwSa *sa, const IkeMessage *request, IkePayloads *answer)
{
  static const guint8 auth[32];
  g_auto (IkeIdentity) id = { 0 };

  if (request->header.exchange != IKE_EXCHANGE_IKE_AUTH)
    return GW_DEFAULT;
  g_assert_true (ike_identity_from_text (gw->id, IKE_ID_AUTO, &id, NULL));
  ike_payloads_add_id (answer, IKE_PAYLOAD_IDR, &id);
  ike_payloads_add_auth (answer, METHOD_NULL, auth, sizeof auth);
  return GW_ANSWER;
}

static void
test_null_method (void)
{
  g_autoptr (Pki) pki = pki_new ("EC:P-256", "DNS:vpn.example.com", 0);

  /* covers: IKE-AUTH-016 */
  for (guint client_psk = 0; client_psk < 2; client_psk++)
    {
      g_autoptr (World) world = world_of (pki, client_psk != 0);

      world->gateway->hook = null_hook;
      world_run_until (world, IKE_EVENT_AUTH_FAILED, 5 * SEC);
    }
}

static void
test_crl_of_profile (void)
{
  g_autoptr (Pki) pki = pki_new ("EC:P-256", "DNS:vpn.example.com", 0);
  g_autoptr (GBytes) revoked = pki_crl_der (pki->ca, pki->gateway, 0);
  IkeConfig config = world_config ();
  g_autoptr (World) world = NULL;
  const IkeEvent *event;

  config.ca_pem = pki->ca_pem;
  config.crl = revoked;
  world = world_new (&config);
  world->gateway->credentials = pki->gateway_credentials;
  world_start (world, world->a);
  event = world_run_until (world, IKE_EVENT_AUTH_FAILED, 5 * SEC);
  g_assert_nonnull (strstr (event->reason, "revoked"));
}

static void
test_incomplete_config (void)
{
  IkeConfig config = world_config ();
  g_autoptr (RoamRng) rng = roam_rng_new_for_test (1);
  g_autofree char *problem = NULL;

  config.method = IKE_AUTH_METHOD_CERTIFICATE;
  g_assert_null (ike_session_new (&config, rng, &problem));
  g_assert_nonnull (problem);
  g_clear_pointer (&problem, g_free);
  config = world_config ();
  config.psk = NULL;
  g_assert_null (ike_session_new (&config, rng, &problem));
  g_assert_nonnull (problem);
  g_clear_pointer (&problem, g_free);
  config = world_config ();
  config.ike_proposals = "des-md5-modp768"; /* covers: IKE-SAN-007, IKE-ALG-004 */
  g_assert_null (ike_session_new (&config, rng, &problem));
  g_assert_nonnull (problem);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_data_func ("/ike/certificate/ecdsa", "EC:P-256", test_both);
  g_test_add_data_func ("/ike/certificate/rsa", "RSA:2048", test_both);
  g_test_add_func ("/ike/certificate/gateway-only", test_gateway_certificate_client_psk);
  g_test_add_func ("/ike/certificate/old-gateway", test_old_gateway);
  g_test_add_func ("/ike/certificate/old-method", test_old_method_of_new_gateway);
  g_test_add_func ("/ike/certificate/wrong-name", test_wrong_name);
  g_test_add_func ("/ike/certificate/expired", test_expired);
  g_test_add_func ("/ike/certificate/other-ca", test_other_ca);
  g_test_add_func ("/ike/certificate/no-anchor", test_no_anchor);
  g_test_add_func ("/ike/certificate/crl-payload", test_crl_payload);
  g_test_add_func ("/ike/certificate/multiple-auth", test_multiple_auth);
  g_test_add_func ("/ike/certificate/null-method", test_null_method);
  g_test_add_func ("/ike/certificate/crl-of-profile", test_crl_of_profile);
  g_test_add_func ("/ike/certificate/incomplete-config", test_incomplete_config);
  return g_test_run ();
}
