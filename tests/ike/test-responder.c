/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The gateway's IKE_SA_INIT and IKE_AUTH: engine against engine, in virtual time. */
#include "ike/ike-message-private.h"
#include "tests/ike/duo.h"
#include "tests/ike/test-crypto-pki.h"

#include <string.h>

static void
test_establish (void)
{
  g_autoptr (Duo) duo = duo_new (NULL, NULL, 1);
  IkeStatus status;

  duo_establish (duo);
  g_assert_true (duo_addr_is (&duo_event (duo->events, IKE_EVENT_ESTABLISHED)->configuration.tia4, "10.99.0.1"));
  g_assert_true (duo_addr_is (&duo_event (duo->events, IKE_EVENT_ESTABLISHED)->configuration.dns[0], "10.99.0.254"));
  g_assert_true (duo_event (duo->events, IKE_EVENT_ESTABLISHED)->mobike);
  g_assert_true (duo_event (duo->gateway_events, IKE_EVENT_ESTABLISHED)->mobike);
  g_assert_cmpuint (duo->packets->len, ==, 4);
  g_assert_cmpuint (ike_responder_n_clients (duo->responder), ==, 1);
  g_assert_true (ike_responder_get_status (duo->responder, duo->client_number, &status));
  g_assert_cmpstr (status.state, ==, "established");
  g_assert_true (duo_addr_is (&status.remote.addr, DUO_HOST_A));
  g_assert_cmpuint (status.remote.port, ==, IKE_NATT_PORT);
  duo_ping (duo);
}

static void
test_losses (void)
{
  for (guint64 seed = 1; seed <= 30; seed++)
    {
      g_autoptr (Duo) duo = duo_new (NULL, NULL, seed);

      duo->a->loss_percent = 30;
      duo->a->duplicate_percent = 20;
      duo->a->jitter_us = 30 * MS;
      duo_start (duo, duo->a);
      duo_run (duo, 60 * SEC);
      /* Seven copies of either message may all be lost, but hardly ever are. */
      g_assert_cmpuint (duo_count (duo->events, IKE_EVENT_ESTABLISHED), ==, 1);
      duo_ping (duo);
    }
}

/* The first answer to an exchange is lost: the same octets go out again. */
static gboolean
lose_first_answer (const DuoPacket *packet, gpointer user)
{
  guint *lost = user;

  if (packet->from_client || *lost > 0)
    return FALSE;
  (*lost)++;
  return TRUE;
}

static void
test_init_repeated (void)
{
  g_autoptr (Duo) duo = duo_new (NULL, NULL, 1);
  const DuoPacket *first, *again;
  guint lost = 0;

  duo->filter = lose_first_answer;
  duo->filter_user = &lost;
  duo_establish (duo);
  g_assert_cmpuint (duo_gateway_counter (duo, "init-repeated"), ==, 1);
  first = g_ptr_array_index (duo->packets, 1);
  again = g_ptr_array_index (duo->packets, 3);
  g_assert_false (first->from_client);
  g_assert_false (again->from_client);
  g_assert_true (g_bytes_equal (first->data, again->data));
  g_assert_cmpuint (ike_responder_n_clients (duo->responder), ==, 1);
}

static void
test_cookie (void)
{
  IkeResponderConfig gateway = duo_gateway_config ();
  g_autoptr (Duo) duo = NULL;

  /* Three strangers begin and never go on. */
  gateway.cookie_threshold = 3;
  duo = duo_new (NULL, &gateway, 1);
  for (guint i = 0; i < 3; i++)
    {
      duo_start (duo, duo->a);
      duo_run (duo, 25 * MS); /* the request has arrived, its answer has not */
    }
  g_assert_cmpuint (ike_responder_n_clients (duo->responder), ==, 3);
  duo_start (duo, duo->a);
  duo_run_until (duo, IKE_EVENT_ESTABLISHED, 10 * SEC);
  g_assert_cmpuint (duo_gateway_counter (duo, "cookies-sent"), ==, 1);
  /* The half-open ones are forgotten in time, the real one is not. */
  duo_run (duo, 40 * SEC);
  g_assert_cmpuint (duo_gateway_counter (duo, "half-open-expired"), ==, 3);
  g_assert_cmpuint (ike_responder_n_clients (duo->responder), ==, 1);
}

static void
test_other_group (void)
{
  IkeConfig client = duo_client_config ();
  IkeResponderConfig gateway = duo_gateway_config ();
  g_autoptr (Duo) duo = NULL;
  IkeStatus status;

  /* The client's first guess is a group that the gateway does not take. */
  client.ike_proposals = "aes256gcm16-prfsha256-curve25519-ecp384";
  gateway.ike_proposals = "aes256gcm16-prfsha256-ecp384";
  duo = duo_new (&client, &gateway, 1);
  duo_establish (duo);
  ike_session_get_status (duo->client, &status);
  g_assert_nonnull (strstr (status.ike_suite, "ECP_384"));
  g_assert_cmpuint (duo->packets->len, ==, 6);
}

static void
test_no_proposal (void)
{
  IkeConfig client = duo_client_config ();
  IkeResponderConfig gateway = duo_gateway_config ();
  g_autoptr (Duo) duo = NULL;

  client.ike_proposals = "aes128-sha256-modp2048";
  gateway.ike_proposals = "aes256gcm16-prfsha384-ecp384";
  duo = duo_new (&client, &gateway, 1);
  duo_start (duo, duo->a);
  duo_run_until (duo, IKE_EVENT_FAILED, 30 * SEC);
  g_assert_cmpuint (ike_responder_n_clients (duo->responder), ==, 0);
}

static void
test_wrong_psk (void)
{
  static RoamSecret *other;
  IkeConfig client = duo_client_config ();
  g_autoptr (Duo) duo = NULL;

  other = roam_secret_new ((const guint8 *)"close sesame", 12);
  client.psk = other;
  duo = duo_new (&client, NULL, 1);
  duo_start (duo, duo->a);
  duo_run_until (duo, IKE_EVENT_AUTH_FAILED, 30 * SEC);
  g_assert_cmpuint (duo_count (duo->gateway_events, IKE_EVENT_AUTH_FAILED), ==, 1);
  g_assert_cmpuint (ike_responder_n_clients (duo->responder), ==, 0);
  g_assert_cmpuint (duo->gateway_plane.children->len, ==, 0);
  roam_secret_unref (other);
}

/* covers: IKE-AUTH-005 */
static void
test_psk_of_identity (void)
{
  IkeConfig client = duo_client_config ();
  IkeResponderConfig gateway = duo_gateway_config ();
  g_autoptr (RoamSecret) other = roam_secret_new ((const guint8 *)"close sesame", 12);
  IkeResponderPeer peers[2] = { { .id = "bob@example.com", .psk = other }, gateway.peers[0] };

  gateway.peers = peers;
  gateway.n_peers = 2;
  for (guint i = 0; i < 3; i++)
    {
      g_autoptr (Duo) duo = NULL;

      /* Bob with his own key, alice with hers, bob with the key of alice. */
      client.local_id = i == 1 ? "alice@example.com" : "bob@example.com";
      client.psk = i == 0 ? other : gateway.peers[1].psk;
      duo = duo_new (&client, &gateway, 1);
      duo_start (duo, duo->a);
      duo_run_until (duo, i < 2 ? IKE_EVENT_ESTABLISHED : IKE_EVENT_AUTH_FAILED, 30 * SEC);
    }
}

static void
test_stranger (void)
{
  IkeConfig client = duo_client_config ();
  g_autoptr (Duo) duo = NULL;

  client.local_id = "mallory@example.com";
  duo = duo_new (&client, NULL, 1);
  duo_start (duo, duo->a);
  duo_run_until (duo, IKE_EVENT_AUTH_FAILED, 30 * SEC);
  g_assert_cmpuint (ike_responder_n_clients (duo->responder), ==, 0);
}

static void
test_pool_exhausted (void)
{
  IkeResponderConfig gateway = duo_gateway_config ();
  g_autoptr (Duo) duo = NULL;

  /* Two IPv6 addresses are in the pool, but the client wants IPv4. */
  gateway.pool4 = (RoamPrefix){ 0 };
  g_assert_true (roam_prefix_parse ("2001:db8:99::/126", &gateway.pool6));
  duo = duo_new (NULL, &gateway, 1);
  duo_start (duo, duo->a);
  duo_run_until (duo, IKE_EVENT_AUTH_FAILED, 30 * SEC);
  g_assert_cmpstr (duo_event (duo->events, IKE_EVENT_AUTH_FAILED)->reason, ==,
                   "INTERNAL_ADDRESS_FAILURE: the gateway has no inner address for us");
  duo_run (duo, 10 * SEC);
  g_assert_cmpuint (ike_responder_n_clients (duo->responder), ==, 0);
}

static void
test_cp_required (void)
{
  IkeConfig client = duo_client_config ();
  g_autoptr (Duo) duo = NULL;

  client.request_tia4 = client.request_dns = FALSE;
  duo = duo_new (&client, NULL, 1);
  duo_start (duo, duo->a);
  duo_run_until (duo, IKE_EVENT_AUTH_FAILED, 30 * SEC);
  g_assert_cmpstr (duo_event (duo->events, IKE_EVENT_AUTH_FAILED)->reason, ==,
                   "FAILED_CP_REQUIRED: the gateway wants to assign an inner address");
}

static void
test_both_families (void)
{
  IkeConfig client = duo_client_config ();
  IkeResponderConfig gateway = duo_gateway_config ();
  const IkeConfiguration *configuration;
  g_autoptr (Duo) duo = NULL;

  client.request_tia6 = TRUE;
  g_assert_true (roam_prefix_parse ("2001:db8:99::/64", &gateway.pool6));
  duo = duo_new (&client, &gateway, 1);
  duo_establish (duo);
  configuration = &duo_event (duo->events, IKE_EVENT_ESTABLISHED)->configuration;
  g_assert_true (duo_addr_is (&configuration->tia4, "10.99.0.1"));
  g_assert_true (duo_addr_is (&configuration->tia6, "2001:db8:99::1"));
  duo_ping (duo);
}

static void
test_no_esp_proposal (void)
{
  IkeConfig client = duo_client_config ();
  IkeResponderConfig gateway = duo_gateway_config ();
  g_autoptr (Duo) duo = NULL;

  client.esp_proposals = "aes128-sha256";
  gateway.esp_proposals = "aes256gcm16";
  duo = duo_new (&client, &gateway, 1);
  duo_start (duo, duo->a);
  duo_run_until (duo, IKE_EVENT_FAILED, 30 * SEC);
  g_assert_cmpstr (duo_event (duo->events, IKE_EVENT_FAILED)->reason, ==, "NO_PROPOSAL_CHOSEN: no ESP proposal fits");
  duo_run (duo, 10 * SEC);
  g_assert_cmpuint (ike_responder_n_clients (duo->responder), ==, 0);
}

/* The address of a client that comes again, with INITIAL_CONTACT, is the one it had. */
static void
test_initial_contact (void)
{
  g_autoptr (Duo) duo = duo_new (NULL, NULL, 1);

  duo_establish (duo);
  duo_command (duo, IKE_ABANDON);
  duo_start (duo, duo->b);
  duo_run_until (duo, IKE_EVENT_ESTABLISHED, 5 * SEC);
  g_assert_cmpuint (ike_responder_n_clients (duo->responder), ==, 1);
  g_assert_cmpuint (duo_count (duo->gateway_events, IKE_EVENT_DEAD), ==, 1);
  g_assert_true (duo_addr_is (&duo_event (duo->events, IKE_EVENT_ESTABLISHED)->configuration.tia4, "10.99.0.1"));
  duo_ping (duo);
}

static void
test_terminate (void)
{
  g_autoptr (Duo) duo = duo_new (NULL, NULL, 1);

  duo_establish (duo);
  duo_command (duo, IKE_TERMINATE);
  duo_run (duo, 5 * SEC);
  g_assert_cmpuint (duo_count (duo->events, IKE_EVENT_DEAD), ==, 1);
  g_assert_cmpuint (duo_count (duo->gateway_events, IKE_EVENT_DEAD), ==, 1);
  g_assert_cmpstr (duo_event (duo->gateway_events, IKE_EVENT_DEAD)->reason, ==, "the client deleted the IKE SA");
  g_assert_cmpuint (duo->gateway_plane.children->len, ==, 0);
  g_assert_cmpuint (ike_responder_n_clients (duo->responder), ==, 0);
}

static void
test_gateway_terminates (void)
{
  g_autoptr (Duo) duo = duo_new (NULL, NULL, 1);

  duo_establish (duo);
  duo_gateway_command (duo, IKE_TERMINATE);
  duo_run (duo, 5 * SEC);
  g_assert_cmpuint (duo_count (duo->events, IKE_EVENT_DEAD), ==, 1);
  g_assert_cmpuint (duo_count (duo->gateway_events, IKE_EVENT_DEAD), ==, 1);
  g_assert_cmpuint (duo->plane.children->len, ==, 0);
  g_assert_cmpuint (ike_responder_n_clients (duo->responder), ==, 0);
}

/* A gateway without the SA says so, in clear and not too often. */
/* covers: IKE-ERR-006, IKE-RTX-005 */
static void
test_unknown_spi (void)
{
  g_autoptr (Duo) duo = duo_new (NULL, NULL, 1);
  g_autoptr (IkePayloads) payloads = ike_payloads_new ();
  IkeHeader header = {
    .spi_i = 1, .spi_r = 2, .exchange = IKE_EXCHANGE_INFORMATIONAL, .flags = IKE_FLAG_INITIATOR, .message_id = 7
  };
  RoamEndpoint gateway = { .port = IKE_PORT }, from = { .port = IKE_PORT };
  g_autoptr (GBytes) request = ike_message_build_clear (&header, payloads);
  g_autoptr (IkeMessage) answer = NULL;
  const DuoPacket *packet;
  IkeParseError error;

  g_assert_true (roam_addr_parse (DUO_GATEWAY, &gateway.addr));
  g_assert_true (roam_addr_parse (DUO_HOST_A, &from.addr));
  duo_inject (duo, &gateway, &from, request);
  g_assert_cmpuint (duo->packets->len, ==, 1);
  packet = g_ptr_array_index (duo->packets, 0);
  answer = ike_message_parse_clear (g_bytes_get_data (packet->data, NULL), g_bytes_get_size (packet->data), &error);
  g_assert_nonnull (answer);
  g_assert_nonnull (ike_message_find_notify (answer, IKE_NOTIFY_INVALID_IKE_SPI));
  g_assert_cmpuint (answer->header.spi_i, ==, 1);
  g_assert_cmpuint (answer->header.spi_r, ==, 2);
  g_assert_cmpuint (answer->header.message_id, ==, 7);
  g_assert_cmpuint (answer->header.exchange, ==, IKE_EXCHANGE_INFORMATIONAL);
  g_assert_cmpuint (answer->header.flags, ==, IKE_FLAG_RESPONSE);
  for (guint i = 0; i < 100; i++)
    duo_inject (duo, &gateway, &from, request);
  g_assert_cmpuint (duo->packets->len, ==, 20);
  duo_run (duo, SEC);
  duo_inject (duo, &gateway, &from, request);
  g_assert_cmpuint (duo->packets->len, ==, 21);
}

static void
test_silent_client (void)
{
  IkeResponderConfig gateway = duo_gateway_config ();
  g_autoptr (Duo) duo = NULL;

  /* covers: MOB-FRT-002 */
  gateway.dpd_interval_us = 60 * SEC;
  duo = duo_new (NULL, &gateway, 1);
  duo_establish (duo);
  duo->a->up_blocked = duo->a->down_blocked = TRUE;
  duo_run (duo, 5 * 60 * SEC);
  g_assert_cmpuint (duo_count (duo->gateway_events, IKE_EVENT_DEAD), ==, 0);
  duo_run (duo, 5 * 60 * SEC);
  g_assert_cmpuint (duo_count (duo->gateway_events, IKE_EVENT_DEAD), ==, 1);
  g_assert_cmpuint (ike_responder_n_clients (duo->responder), ==, 0);
}

static void
test_configuration (void)
{
  g_autoptr (RoamRng) rng = roam_rng_new_for_test (1);
  static const char *const expected[] = { "nobody may connect: there is no peer", "there is no pool of inner addresses",
                                          "clients with certificates need a certificate of the gateway" };

  for (guint i = 0; i < G_N_ELEMENTS (expected); i++)
    {
      IkeResponderConfig config = duo_gateway_config ();
      IkeResponderPeer peer = { 0 };
      g_autofree char *problem = NULL;

      if (i == 0)
        config.n_peers = 0;
      else if (i == 1)
        config.pool4 = (RoamPrefix){ 0 };
      else
        config.peers = &peer;
      g_assert_null (ike_responder_new (&config, rng, &problem));
      g_assert_cmpstr (problem, ==, expected[i]);
    }
}

/* --- certificates --- */

static void
test_certificates (void)
{
  const PkiRequest ca_request = { "CA", "EC:P-256", NULL, "critical,keyCertSign,cRLSign", NULL, "critical,CA:TRUE",
                                  0,    0,          NULL };
  const PkiRequest gateway_request = {
    "gateway", "EC:P-256", "DNS:vpn.example.com", "critical,digitalSignature", NULL, NULL, 0, 0, NULL
  };
  /* Like those that a company's CA makes for people. */
  const PkiRequest client_request = {
    "client", "EC:P-256", "email:alice@example.com", "critical,digitalSignature", "clientAuth", NULL, 0, 0, NULL
  };
  g_autoptr (PkiNode) ca = pki_issue (&ca_request, NULL);
  g_autoptr (PkiNode) gateway_node = pki_issue (&gateway_request, ca);
  g_autoptr (PkiNode) client_node = pki_issue (&client_request, ca);
  g_autoptr (GBytes) ca_pem = pki_certificate_pem (ca);
  g_autoptr (GBytes) gateway_pem = pki_certificate_pem (gateway_node);
  g_autoptr (GBytes) client_pem = pki_certificate_pem (client_node);
  g_autoptr (RoamSecret) gateway_key = pki_key_pem (gateway_node);
  g_autoptr (RoamSecret) client_key = pki_key_pem (client_node);
  const IkeResponderPeer peer = { 0 };

  for (guint i = 0; i < 2; i++)
    {
      IkeConfig client = duo_client_config ();
      IkeResponderConfig gateway = duo_gateway_config ();
      g_autoptr (Duo) duo = NULL;

      client.method = IKE_AUTH_METHOD_CERTIFICATE;
      client.psk = NULL;
      client.certificate_pem = client_pem;
      client.private_key_pem = client_key;
      client.ca_pem = ca_pem;
      client.local_id = i == 0 ? "alice@example.com" : "bob@example.com"; /* the second one is not in it */
      gateway.peers = &peer;
      gateway.certificate_pem = gateway_pem;
      gateway.private_key_pem = gateway_key;
      gateway.ca_pem = ca_pem;
      duo = duo_new (&client, &gateway, 1);
      duo_start (duo, duo->a);
      duo_run_until (duo, i == 0 ? IKE_EVENT_ESTABLISHED : IKE_EVENT_AUTH_FAILED, 30 * SEC);
    }
}

/* RFC 4806: the gateway sends an OCSP answer along, to those who ask; a newer one takes its place. */
static void
test_stapling (void)
{
  const PkiRequest ca_request = { .common_name = "CA",
                                  .key = "EC:P-256",
                                  .key_usage = "critical,keyCertSign,cRLSign",
                                  .constraints = "critical,CA:TRUE" };
  const PkiRequest gateway_request = {
    .common_name = "gateway", .key = "EC:P-256", .san = "DNS:vpn.example.com", .key_usage = "critical,digitalSignature"
  };
  const PkiRequest client_request = { .common_name = "client",
                                      .key = "EC:P-256",
                                      .san = "email:alice@example.com",
                                      .key_usage = "critical,digitalSignature" };
  const PkiOcsp good = { .status = PKI_GOOD }, revoked = { .status = PKI_REVOKED };
  const IkeResponderPeer peer = { 0 };
  g_autoptr (PkiNode) ca = pki_issue (&ca_request, NULL);
  g_autoptr (PkiNode) gateway_node = pki_issue (&gateway_request, ca);
  g_autoptr (PkiNode) client_node = pki_issue (&client_request, ca);
  g_autoptr (GBytes) ca_pem = pki_certificate_pem (ca), gateway_pem = pki_certificate_pem (gateway_node);
  g_autoptr (GBytes) client_pem = pki_certificate_pem (client_node);
  g_autoptr (GBytes) good_answer = pki_ocsp_der (ca, gateway_node, &good);
  g_autoptr (GBytes) revoked_answer = pki_ocsp_der (ca, gateway_node, &revoked);
  g_autoptr (RoamSecret) gateway_key = pki_key_pem (gateway_node), client_key = pki_key_pem (client_node);
  /* None; a good one; a bad one that came later; a bad one that the client does not ask for. */
  for (guint i = 0; i < 4; i++)
    {
      IkeConfig client = duo_client_config ();
      IkeResponderConfig gateway = duo_gateway_config ();
      g_autoptr (Duo) duo = NULL;

      client.method = IKE_AUTH_METHOD_CERTIFICATE;
      client.psk = NULL;
      client.certificate_pem = client_pem;
      client.private_key_pem = client_key;
      client.ca_pem = ca_pem;
      client.local_id = "alice@example.com";
      client.check_ocsp = client.require_revocation = i < 3;
      gateway.peers = &peer;
      gateway.certificate_pem = gateway_pem;
      gateway.private_key_pem = gateway_key;
      gateway.ca_pem = ca_pem;
      gateway.ocsp_response = i == 0 ? NULL : good_answer;
      duo = duo_new (&client, &gateway, 1);
      if (i >= 2)
        ike_responder_set_ocsp_response (duo->responder, revoked_answer);
      duo_start (duo, duo->a);
      duo_run_until (duo, i % 2 == 1 ? IKE_EVENT_ESTABLISHED : IKE_EVENT_AUTH_FAILED, 30 * SEC);
    }
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  duo_init (argc, argv);
  g_test_add_func ("/responder/establish", test_establish);
  g_test_add_func ("/responder/losses", test_losses);
  g_test_add_func ("/responder/init-repeated", test_init_repeated);
  g_test_add_func ("/responder/cookie", test_cookie);
  g_test_add_func ("/responder/other-group", test_other_group);
  g_test_add_func ("/responder/no-proposal", test_no_proposal);
  g_test_add_func ("/responder/wrong-psk", test_wrong_psk);
  g_test_add_func ("/responder/psk-of-identity", test_psk_of_identity);
  g_test_add_func ("/responder/stranger", test_stranger);
  g_test_add_func ("/responder/no-address", test_pool_exhausted);
  g_test_add_func ("/responder/cp-required", test_cp_required);
  g_test_add_func ("/responder/both-families", test_both_families);
  g_test_add_func ("/responder/no-esp-proposal", test_no_esp_proposal);
  g_test_add_func ("/responder/initial-contact", test_initial_contact);
  g_test_add_func ("/responder/terminate", test_terminate);
  g_test_add_func ("/responder/gateway-terminates", test_gateway_terminates);
  g_test_add_func ("/responder/unknown-spi", test_unknown_spi);
  g_test_add_func ("/responder/silent-client", test_silent_client);
  g_test_add_func ("/responder/configuration", test_configuration);
  g_test_add_func ("/responder/certificates", test_certificates);
  g_test_add_func ("/responder/stapling", test_stapling);
  return g_test_run ();
}
