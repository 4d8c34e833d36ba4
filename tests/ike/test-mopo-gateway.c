/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* MOPO-IKE (draft-eronen-mobike-mopo-02) between client and gateway: dialects, addresses, NAT prevention. Virtual time.
 */
#include "ike/ike-responder-private.h"
#include "tests/ike/duo.h"

#include <string.h>

static gboolean
swallow_exchange (const DuoPacket *packet, gpointer user)
{
  return packet->from_client && duo_exchange (packet) == GPOINTER_TO_UINT (user);
}

/* The next request of @exchange reaches the gateway from @from instead. */
static void
divert (Duo *duo, guint8 exchange, const RoamEndpoint *from)
{
  const DuoPacket *packet;

  duo->filter = swallow_exchange;
  duo->filter_user = GUINT_TO_POINTER ((guint)exchange);
  for (guint i = 0; i < 100 && !duo_find_packet (duo, TRUE, exchange); i++)
    duo_run (duo, MS);
  packet = duo_last_packet (duo, TRUE, exchange);
  duo->filter = NULL;
  duo_inject (duo, &packet->remote, from, packet->data);
}

/* --- which dialect --- */

static void
test_matrix (void)
{
  static const IkeMobilityDialect wishes[] = { IKE_MOBILITY_AUTO, IKE_MOBILITY_MOBIKE, IKE_MOBILITY_MOPO,
                                               IKE_MOBILITY_NONE };
  static const struct
  {
    gboolean mobike, mopo;
    const char *result[4];
  } gateways[] = {
    { TRUE, TRUE, { "mobike", "mobike", "mopo", "none" } },
    { TRUE, FALSE, { "mobike", "mobike", "none", "none" } },
    { FALSE, TRUE, { "mopo", "none", "mopo", "none" } },
    { FALSE, FALSE, { "none", "none", "none", "none" } },
  };

  /* covers: MOPO-SUP-006, MOPO-SUP-005, MOPO-TBD-023 */
  for (guint i = 0; i < G_N_ELEMENTS (gateways); i++)
    for (guint j = 0; j < G_N_ELEMENTS (wishes); j++)
      {
        IkeConfig client = duo_client_config ();
        IkeResponderConfig gateway = duo_gateway_config ();
        g_autoptr (Duo) duo = NULL;
        gboolean moves = !g_str_equal (gateways[i].result[j], "none");

        client.mobility = wishes[j];
        gateway.disable_mobike = !gateways[i].mobike;
        gateway.disable_mopo = !gateways[i].mopo;
        duo = duo_new (&client, &gateway, 1);
        duo_establish (duo);
        g_assert_cmpstr (duo_client_status (duo).dialect, ==, gateways[i].result[j]);
        g_assert_cmpstr (duo_gateway_status (duo, duo->client_number).dialect, ==, gateways[i].result[j]);
        g_assert_cmpint (duo_event (duo->events, IKE_EVENT_ESTABLISHED)->mobike, ==, moves);
        duo_move (duo, duo->b, TRUE);
        duo_run (duo, 2 * SEC);
        g_assert_cmpuint (duo_count (duo->events, IKE_EVENT_PATH_OK), ==, moves);
        g_assert_cmpuint (duo_gateway_counter (duo, "updates-accepted"), ==, moves);
        g_assert_cmpuint (duo_gateway_counter (duo, "requests-without-cookie2"), ==, 0);
      }
}

static void
test_support (void)
{
  g_autoptr (Duo) duo = duo_new (NULL, NULL, 1);
  g_autoptr (IkeMessage) answer = NULL;
  const IkePayloadNotify *notify;

  /* The gateway answers the same way; the port changes without a NAT. covers: MOPO-SUP-001, MOPO-PRT-001 */
  duo_establish (duo);
  answer = duo_parse (duo_last_packet (duo, FALSE, IKE_EXCHANGE_IKE_SA_INIT));
  g_assert_true (ike_dialect_mopo_in (answer));
  notify = ike_message_find_notify (answer, 49665);
  g_assert_cmpint (notify->protocol, ==, 1);
  g_assert_cmpuint (notify->data.length, ==, 0);
  g_assert_cmpint (duo_gateway_status (duo, duo->client_number).remote.port, ==, 4500);
  g_assert_cmpint (duo_last_packet (duo, TRUE, IKE_EXCHANGE_IKE_AUTH)->local.port, ==, 4500);
}

static void
test_support_with_cookie (void)
{
  IkeResponderConfig gateway = duo_gateway_config ();
  g_autoptr (Duo) duo = NULL;
  g_autoptr (IkeMessage) request = NULL;

  /* covers: MOPO-SUP-004 */
  gateway.ike_proposals = "aes128-sha256-modp2048";
  duo = duo_new (NULL, &gateway, 1);
  duo->responder->cookie_threshold = 0;
  duo_establish (duo);
  g_assert_cmpuint (duo_gateway_counter (duo, "cookies-sent"), >=, 1);
  request = duo_parse (duo_last_packet (duo, TRUE, IKE_EXCHANGE_IKE_SA_INIT));
  g_assert_nonnull (ike_message_find_notify (request, IKE_NOTIFY_COOKIE));
  g_assert_true (ike_dialect_mopo_in (request));
  g_assert_cmpstr (duo_client_status (duo).dialect, ==, "mopo");
}

/* --- which addresses --- */

static void
test_addresses_of_auth (void)
{
  g_autoptr (Duo) duo = duo_new (NULL, NULL, 1);
  RoamEndpoint elsewhere = duo_endpoint (DUO_HOST_B, 61000);

  /* With NAT traversal the first IKE_AUTH request counts. covers: MOPO-NP-006, MOPO-NP-008 */
  duo_start (duo, duo->a);
  divert (duo, IKE_EXCHANGE_IKE_AUTH, &elsewhere);
  duo_assert_remote (duo, 1, &elsewhere);
  g_assert_true (roam_endpoint_equal (&duo_last_packet (duo, FALSE, IKE_EXCHANGE_IKE_AUTH)->remote, &elsewhere));
  g_assert_true (roam_endpoint_equal (&duo->gateway_plane.remote, &elsewhere));
}

static void
test_addresses_of_init (void)
{
  /* Without it, by either side's wish, IKE_SA_INIT did; the answer goes to where the request came from all the same.
   * covers: MOPO-NP-005, MOPO-NP-007, MOPO-NP-008 */
  for (guint i = 0; i < 2; i++)
    {
      IkeConfig client = duo_client_config ();
      IkeResponderConfig gateway = duo_gateway_config ();
      g_autoptr (Duo) duo = NULL;
      RoamEndpoint elsewhere = duo_endpoint (DUO_HOST_B, 61000), first = duo_endpoint (DUO_HOST_A, 500);

      if (i == 0)
        gateway.disable_nat_traversal = TRUE;
      else
        client.nat_policy = IKE_NAT_POLICY_FORBID;
      duo = duo_new (&client, &gateway, 1);
      duo_start (duo, duo->a);
      divert (duo, IKE_EXCHANGE_IKE_AUTH, &elsewhere);
      duo_assert_remote (duo, 1, &first);
      g_assert_true (roam_endpoint_equal (&duo_last_packet (duo, FALSE, IKE_EXCHANGE_IKE_AUTH)->remote, &elsewhere));
      g_assert_true (roam_endpoint_equal (&duo->gateway_plane.remote, &first));
    }
}

static void
test_child_takes_ike_addresses (void)
{
  g_autoptr (Duo) duo = duo_new (NULL, NULL, 1);
  RoamEndpoint elsewhere = duo_endpoint (DUO_HOST_B, 61000), used = duo_endpoint (DUO_HOST_A, 4500);

  /* covers: MOPO-NP-007, MOPO-NP-008, MOPO-TBD-015 */
  duo_establish (duo);
  duo_command (duo, IKE_REKEY_CHILD);
  divert (duo, IKE_EXCHANGE_CREATE_CHILD_SA, &elsewhere);
  g_assert_cmpuint (duo->gateway_plane.children->len, ==, 2);
  g_assert_true (roam_endpoint_equal (&duo->gateway_plane.remote, &used));
  g_assert_true (roam_endpoint_equal (&duo_last_packet (duo, FALSE, IKE_EXCHANGE_CREATE_CHILD_SA)->remote, &elsewhere));
  duo_assert_remote (duo, duo->client_number, &used);
}

static void
test_header_counts (void)
{
  g_autoptr (Duo) duo = duo_new (NULL, NULL, 1);
  IkeStatus status;
  guint moves;

  /* covers: MOPO-CHR-004, MOPO-CHR-005, MOPO-CHR-006, MOPO-PRT-003, MOPO-TBD-007 */
  duo_establish (duo);
  duo_move (duo, duo->nat, TRUE);
  duo_run_until (duo, IKE_EVENT_PATH_OK, SEC);
  status = duo_gateway_status (duo, duo->client_number);
  g_assert_true (duo_addr_is (&status.remote.addr, DUO_NAT));
  g_assert_cmpint (status.remote.port, !=, 4500);
  g_assert_true (roam_endpoint_equal (&duo->gateway_plane.remote, &status.remote));
  g_assert_true (duo->gateway_plane.udp_encap);
  /* Only the port of the mapping changes: that is another path. */
  moves = duo->gateway_plane.moves;
  sim_nat_reset (duo->sim, duo->nat);
  duo_command (duo, IKE_CHECK);
  duo_run (duo, SEC);
  g_assert_cmpint (duo_gateway_status (duo, duo->client_number).remote.port, !=, status.remote.port);
  g_assert_cmpint (duo->gateway_plane.remote.port, !=, status.remote.port);
  g_assert_cmpuint (duo->gateway_plane.moves, >, moves);
  duo_move (duo, duo->b, TRUE);
  duo_run (duo, SEC);
  g_assert_false (duo->gateway_plane.udp_encap);
}

/* --- NAT prevention --- */

static void
test_forbidden (void)
{
  IkeConfig client = duo_client_config ();
  IkeResponderConfig gateway = duo_gateway_config ();
  g_autoptr (IkeMessage) init = NULL;

  /* No NAT, by the client's policy, the gateway's, both. covers: MOPO-NP-001, MOPO-NP-003, MOPO-PRT-002 */
  for (guint i = 1; i < 4; i++)
    {
      g_autoptr (Duo) duo = NULL;

      client.nat_policy = i & 1 ? IKE_NAT_POLICY_FORBID : IKE_NAT_POLICY_TRAVERSE;
      gateway.nat_policy = i & 2 ? IKE_NAT_POLICY_FORBID : IKE_NAT_POLICY_TRAVERSE;
      duo = duo_new (&client, &gateway, 1);
      if (i == 2)
        {
          /* The client has not shown that there is none. covers: MOPO-NP-011 */
          duo_start (duo, duo->a);
          g_assert_cmpstr (duo_run_until (duo, IKE_EVENT_FAILED, 30 * SEC)->reason, ==,
                           "NAT_PREVENTED: a NAT is on the path, which the policy forbids");
          continue;
        }
      duo_establish (duo);
      g_clear_pointer (&init, ike_message_free);
      init = duo_parse (duo_last_packet (duo, TRUE, IKE_EXCHANGE_IKE_SA_INIT));
      g_assert_nonnull (ike_message_find_notify (init, 49669));
      g_assert_null (ike_message_find_notify (init, IKE_NOTIFY_NAT_DETECTION_SOURCE_IP));
      g_assert_null (ike_message_find_notify (init, IKE_NOTIFY_NAT_DETECTION_DESTINATION_IP));
      duo_move (duo, duo->b, TRUE);
      duo_run_until (duo, IKE_EVENT_PATH_OK, SEC);
      g_assert_cmpuint (duo_gateway_counter (duo, "updates-accepted"), ==, 1);
      g_assert_cmpint (duo_gateway_status (duo, duo->client_number).remote.port, ==, 500);
      g_assert_false (duo->gateway_plane.udp_encap);
      g_assert_false (duo->plane.udp_encap);
      duo_ping (duo);
    }
}

static void
test_prevented_in_init (void)
{
  IkeConfig client = duo_client_config ();
  g_autoptr (Duo) duo = NULL;
  g_autoptr (IkeMessage) answer = NULL;
  const IkeEvent *event;
  guint requests = 0;

  /* covers: MOPO-NP-003, MOPO-NP-004, MOPO-NP-010, MOPO-PLD-002 */
  client.nat_policy = IKE_NAT_POLICY_FORBID;
  duo = duo_new (&client, NULL, 1);
  duo_start (duo, duo->nat);
  event = duo_run_until (duo, IKE_EVENT_FAILED, 30 * SEC);
  g_assert_cmpstr (event->reason, ==, "NAT_PREVENTED: a NAT is on the path, which the policy forbids");
  answer = duo_parse (duo_last_packet (duo, FALSE, IKE_EXCHANGE_IKE_SA_INIT));
  g_assert_cmphex (answer->header.flags, ==, IKE_FLAG_RESPONSE);
  g_assert_cmphex (answer->header.spi_i, !=, 0);
  g_assert_cmphex (answer->header.spi_r, ==, 0);
  g_assert_cmpuint (answer->n_payloads, ==, 1);
  g_assert_cmpint (answer->payloads[0].notify.notify_type, ==, 14849);
  g_assert_cmpint (answer->payloads[0].notify.protocol, ==, 1);
  g_assert_cmpuint (ike_responder_n_clients (duo->responder), ==, 0);
  g_assert_cmpuint (duo->responder->clients->len, ==, 0);
  for (guint i = 0; i < duo->packets->len; i++)
    requests += ((const DuoPacket *)g_ptr_array_index (duo->packets, i))->from_client;
  g_assert_cmpuint (requests, >=, 4); /* nobody signed the error: three more tries at least */
}

/* An error that somebody forged, and the answer after it. */
static void
test_forged_in_init (void)
{
  IkeConfig client = duo_client_config ();
  g_autoptr (Duo) duo = NULL;
  g_autoptr (GBytes) message = NULL;
  g_autoptr (IkePayloads) payloads = ike_payloads_new ();
  g_autoptr (IkeMessage) request = NULL;
  const DuoPacket *packet;
  IkeHeader header;
  RoamNow now;

  /* covers: MOPO-NP-010 */
  client.nat_policy = IKE_NAT_POLICY_FORBID;
  duo = duo_new (&client, NULL, 1);
  duo_start (duo, duo->a);
  packet = duo_last_packet (duo, TRUE, IKE_EXCHANGE_IKE_SA_INIT);
  request = duo_parse (packet);
  header = request->header;
  header.flags = IKE_FLAG_RESPONSE;
  ike_dialect_add (&ike_dialect_mopo, 14849, NULL, 0, payloads);
  message = ike_message_build_clear (&header, payloads);
  now = sim_now (duo->sim);
  ike_session_input_datagram (duo->client, &now, 1, &packet->local, &packet->remote, g_bytes_get_data (message, NULL),
                              g_bytes_get_size (message));
  duo_run_until (duo, IKE_EVENT_ESTABLISHED, 5 * SEC);
}

static void
test_prevented_in_change (void)
{
  IkeConfig client = duo_client_config ();
  g_autoptr (Duo) duo = NULL;

  /* covers: MOPO-NP-009, MOPO-NP-010, MOPO-TBD-003, MOPO-CHG-008, MOPO-CHR-002 */
  client.nat_policy = IKE_NAT_POLICY_FORBID;
  duo = duo_new (&client, NULL, 1);
  duo_establish (duo);
  duo_move (duo, duo->nat, FALSE);
  duo_run_until (duo, IKE_EVENT_PATH_FAILED, 10 * SEC);
  g_assert_cmpstr (duo_event (duo->events, IKE_EVENT_PATH_FAILED)->reason, ==, "NAT_PREVENTED: a NAT is in the way");
  g_assert_cmpuint (duo_gateway_counter (duo, "updates-through-nat"), ==, 6); /* new requests, not copies */
  g_assert_cmpuint (duo_gateway_counter (duo, "updates-accepted"), ==, 0);
  g_assert_true (duo_gateway_session (duo)->current->has_update); /* their numbers count though */
  duo_assert_gateway_at (duo, duo->client_number, DUO_HOST_A);
  duo_run (duo, 2 * SEC); /* and the client is back */
  g_assert_cmpuint (duo_gateway_counter (duo, "updates-accepted"), ==, 1);
  g_assert_true (duo_addr_is (&duo->plane.local.addr, DUO_HOST_A));
  duo_ping (duo);
}

/* Hashes are of the pair that a request first left on: a copy of it from another one is refused, which means nothing.
 */
static void
test_prevented_is_stale (void)
{
  IkeConfig client = duo_client_config ();
  g_autoptr (Duo) duo = NULL;

  /* covers: MOPO-NP-012, MOPO-CHG-008 */
  client.nat_policy = IKE_NAT_POLICY_FORBID;
  duo = duo_new (&client, NULL, 1);
  duo_establish (duo);
  duo->b->up_blocked = TRUE;
  duo_move (duo, duo->b, TRUE);
  duo_run (duo, 10 * MS);
  duo->nat->nat = ROAM_ADDR_NONE; /* a third network, without NAT */
  duo_move (duo, duo->nat, TRUE);
  duo_run_until (duo, IKE_EVENT_PATH_OK, SEC);
  g_assert_cmpuint (duo_gateway_counter (duo, "updates-through-nat"), ==, 1);
  g_assert_cmpuint (duo_gateway_counter (duo, "updates-accepted"), ==, 1);
  g_assert_cmpuint (duo_count (duo->events, IKE_EVENT_PATH_FAILED), ==, 0);
  duo_assert_gateway_at (duo, duo->client_number, DUO_HOST_NAT);
}

/* --- requests as they could be --- */

typedef struct
{
  gboolean change, list, right_hash, wrong_hash, nat_detection;
} Request;

/* What the gateway makes of it; from @from. */
static void
give (Duo *duo, const Request *wish, const RoamEndpoint *from)
{
  IkeSession *session = duo_gateway_session (duo);
  IkeSa *sa = session->current;
  IkeHeader header = { .spi_i = sa->spi_i,
                       .spi_r = sa->spi_r,
                       .exchange = IKE_EXCHANGE_INFORMATIONAL,
                       .flags = IKE_FLAG_INITIATOR,
                       .message_id = sa->peer_next_id };
  IkePair pair = session->mobility.now;
  g_autoptr (IkePayloads) payloads = ike_payloads_new ();
  g_autoptr (GBytes) octets = NULL;
  g_autoptr (GBytes) keepalive = g_bytes_new ("\xff", 1);
  g_autoptr (IkeMessage) request = NULL;
  guint8 hash[IKE_NAT_DETECTION_LENGTH], cookie[8] = { 9 };
  RoamAddr third = duo_endpoint ("198.51.100.99", 0).addr;
  RoamNow now = sim_now (duo->sim);
  IkeParseError error;

  pair.remote = *from;
  ike_nat_prevention_hash (from, &pair.local, hash);
  hash[0] ^= wish->wrong_hash ? 1 : 0;
  if (wish->change)
    ike_dialect_add (&ike_dialect_mopo, 49667, NULL, 0, payloads);
  ike_dialect_add (&ike_dialect_mopo, 49668, cookie, sizeof cookie, payloads);
  if (wish->right_hash || wish->wrong_hash)
    ike_dialect_add (&ike_dialect_mopo, 49669, hash, sizeof hash, payloads);
  if (wish->list)
    ike_dialect_add (&ike_dialect_mopo, 49666, third.bytes, 4, payloads);
  if (wish->nat_detection)
    {
      ike_payloads_add_notify (payloads, IKE_NOTIFY_NAT_DETECTION_SOURCE_IP, hash, sizeof hash);
      ike_payloads_add_notify (payloads, IKE_NOTIFY_NAT_DETECTION_DESTINATION_IP, hash, sizeof hash);
    }
  octets = ike_message_build_clear (&header, payloads);
  request = ike_message_parse_clear (g_bytes_get_data (octets, NULL), g_bytes_get_size (octets), &error);
  ike_respond (session, sa, &now, &pair, request);
  duo_inject (duo, &pair.local, from, keepalive); /* the actions are taken */
}

static gboolean
gateway_knows (Duo *duo, const char *addr)
{
  IkeSession *session = duo_gateway_session (duo);

  for (guint i = 0; i < session->n_peer_addresses; i++)
    if (duo_addr_is (&session->peer_addresses[i], addr))
      return TRUE;
  return FALSE;
}

static void
test_order (void)
{
  IkeResponderConfig gateway = duo_gateway_config ();
  RoamPrefix refused;
  RoamEndpoint good = duo_endpoint (DUO_HOST_B, 4500), bad = duo_endpoint ("192.0.2.99", 4500);
  g_autoptr (Duo) duo = NULL;

  /* Message ID, NAT_PREVENTION, policy, then it is applied; the list counts whatever became of the rest.
   * covers: MOPO-TBD-003, MOPO-TBD-018, MOPO-CHR-002, MOPO-CHR-003, MOPO-ADU-002, MOPO-CHR-007 */
  g_assert_true (roam_prefix_parse ("192.0.2.99/32", &refused));
  gateway.refused = &refused;
  gateway.n_refused = 1;
  duo = duo_new (NULL, &gateway, 1);
  duo_establish (duo);
  give (duo, &(Request){ .list = TRUE }, &good);
  g_assert_true (gateway_knows (duo, "198.51.100.99"));
  g_assert_cmpuint (duo->gateway_plane.moves, ==, 0); /* a list and a packet from elsewhere move nothing */
  duo_assert_gateway_at (duo, 1, DUO_HOST_A);
  give (duo, &(Request){ .change = TRUE, .wrong_hash = TRUE }, &bad);
  g_assert_cmpuint (duo_gateway_counter (duo, "updates-through-nat"), ==, 1);
  g_assert_cmpuint (duo_gateway_counter (duo, "updates-refused"), ==, 0);
  g_assert_false (gateway_knows (duo, "192.0.2.99"));
  give (duo, &(Request){ .change = TRUE, .right_hash = TRUE, .list = TRUE }, &bad);
  g_assert_cmpuint (duo_gateway_counter (duo, "updates-refused"), ==, 1);
  g_assert_true (gateway_knows (duo, "192.0.2.99")); /* the header's address belongs to the set */
  g_assert_true (gateway_knows (duo, "198.51.100.99"));
  g_assert_cmpuint (duo->gateway_plane.moves, ==, 0);
  duo_assert_gateway_at (duo, 1, DUO_HOST_A);
  give (duo, &(Request){ .change = TRUE, .list = TRUE }, &good);
  g_assert_cmpuint (duo_gateway_counter (duo, "updates-accepted"), ==, 1);
  duo_assert_gateway_at (duo, 1, DUO_HOST_B);
  g_assert_cmpuint (duo->gateway_plane.moves, ==, 1);
}

static void
test_prevention_wins (void)
{
  g_autoptr (Duo) duo = duo_new (NULL, NULL, 1);
  RoamEndpoint from = duo_endpoint (DUO_HOST_B, 4500);

  /* NAT_DETECTION beside it tells of a NAT, and does not count. covers: MOPO-TBD-003 */
  duo_start (duo, duo->nat);
  duo_run_until (duo, IKE_EVENT_ESTABLISHED, SEC);
  g_assert_true (duo->gateway_plane.udp_encap);
  give (duo, &(Request){ .change = TRUE, .right_hash = TRUE, .nat_detection = TRUE }, &from);
  g_assert_false (duo->gateway_plane.udp_encap);
  g_assert_true (roam_endpoint_equal (&duo->gateway_plane.remote, &from));
  give (duo, &(Request){ .change = TRUE, .nat_detection = TRUE }, &from);
  g_assert_true (duo->gateway_plane.udp_encap);
}

static void
test_policy_wants_proof (void)
{
  g_autoptr (Duo) duo = duo_new (NULL, NULL, 1);
  RoamEndpoint from = duo_endpoint (DUO_HOST_B, 4500);

  /* covers: MOPO-NP-011, MOPO-NP-001 */
  duo_establish (duo);
  duo_gateway_session (duo)->nat_policy = IKE_NAT_POLICY_FORBID;
  give (duo, &(Request){ .change = TRUE }, &from);
  g_assert_cmpuint (duo_gateway_counter (duo, "updates-through-nat"), ==, 1);
  g_assert_cmpuint (duo->gateway_plane.moves, ==, 0);
  give (duo, &(Request){ .change = TRUE, .right_hash = TRUE }, &from);
  g_assert_cmpuint (duo_gateway_counter (duo, "updates-accepted"), ==, 1);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  duo_speak (&ike_dialect_mopo);
  g_test_add_func ("/ike/mopo-gateway/matrix", test_matrix);
  g_test_add_func ("/ike/mopo-gateway/support", test_support);
  g_test_add_func ("/ike/mopo-gateway/support-with-cookie", test_support_with_cookie);
  g_test_add_func ("/ike/mopo-gateway/addresses-of-auth", test_addresses_of_auth);
  g_test_add_func ("/ike/mopo-gateway/addresses-of-init", test_addresses_of_init);
  g_test_add_func ("/ike/mopo-gateway/child-takes-ike-addresses", test_child_takes_ike_addresses);
  g_test_add_func ("/ike/mopo-gateway/header-counts", test_header_counts);
  g_test_add_func ("/ike/mopo-gateway/forbidden", test_forbidden);
  g_test_add_func ("/ike/mopo-gateway/prevented-in-init", test_prevented_in_init);
  g_test_add_func ("/ike/mopo-gateway/forged-in-init", test_forged_in_init);
  g_test_add_func ("/ike/mopo-gateway/prevented-in-change", test_prevented_in_change);
  g_test_add_func ("/ike/mopo-gateway/prevented-is-stale", test_prevented_is_stale);
  g_test_add_func ("/ike/mopo-gateway/order", test_order);
  g_test_add_func ("/ike/mopo-gateway/prevention-wins", test_prevention_wins);
  g_test_add_func ("/ike/mopo-gateway/policy-wants-proof", test_policy_wants_proof);
  return g_test_run ();
}
