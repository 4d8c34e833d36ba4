/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Several addresses on both sides, with a gateway of our own: it renumbers, forbids NATs, has many clients. */
#include "tests/ike/duo.h"

#include "ike/ike-responder-private.h"

#include <string.h>

static void
set_dead (SimLink *link, gboolean dead)
{
  link->up_blocked = link->down_blocked = dead;
}

/* Every link leads to this address of the gateway only. */
static void
only_to (Duo *duo, const char *server)
{
  SimLink *links[] = { duo->a, duo->b, duo->nat };

  for (guint i = 0; i < G_N_ELEMENTS (links); i++)
    g_assert_true (roam_addr_parse (server, &links[i]->only_to));
}

/* Datagrams from the gateway to @host. */
static guint
count_to (const Duo *duo, const char *host)
{
  guint n = 0;

  for (guint i = 0; i < duo->packets->len; i++)
    {
      const DuoPacket *packet = g_ptr_array_index (duo->packets, i);
      n += !packet->from_client && duo_addr_is (&packet->remote.addr, host);
    }
  return n;
}

static void
assert_gateway_at (const Duo *duo, const char *local, const char *remote)
{
  IkeStatus status;

  g_assert_true (ike_responder_get_status (duo->responder, duo->client_number, &status));
  g_assert_true (duo_addr_is (&status.path.local, local));
  g_assert_true (duo_addr_is (&status.remote.addr, remote));
}

static IkeConfig
announcing_config (void)
{
  IkeConfig config = duo_client_config ();

  config.announce_addresses = TRUE;
  return config;
}

static IkeResponderConfig
two_addresses (void)
{
  IkeResponderConfig config = duo_gateway_config ();

  g_assert_true (roam_addr_parse (DUO_GATEWAY, &config.addresses[0]));
  g_assert_true (roam_addr_parse (DUO_GATEWAY2, &config.addresses[1]));
  config.n_addresses = 2;
  return config;
}

/* A client on a that could be on b too, and a gateway with two addresses. */
static Duo *
established (const IkeConfig *client)
{
  IkeConfig announcing = announcing_config ();
  IkeResponderConfig gateway = two_addresses ();
  Duo *duo = duo_new (client ? client : &announcing, &gateway, 1);
  SimLink *links[] = { duo->a, duo->b, NULL };

  duo_paths (duo, links);
  duo_establish (duo);
  return duo;
}

static const char *const second[] = { DUO_GATEWAY2, NULL };

/* --- the gateway's address goes away --- */

static void
test_renumbered (void)
{
  g_autoptr (Duo) duo = established (NULL);
  gint64 start;

  /* covers: MOB-SET-008, MOB-TRG-004, MOB-ADD-004, MOB-GWA-002 */
  duo_run (duo, 20 * SEC);
  g_assert_cmpuint (count_to (duo, DUO_HOST_B), ==, 0);
  only_to (duo, DUO_GATEWAY2);
  start = sim_now (duo->sim).boot_us;
  duo_lose_address (duo, DUO_GATEWAY, second);
  /* The gateway's ESP leaves from the other address at once; where the client is stays as it was. */
  g_assert_true (duo_addr_is (&duo->gateway_plane.local.addr, DUO_GATEWAY2));
  g_assert_true (duo_addr_is (&duo->gateway_plane.remote.addr, DUO_HOST_A));
  duo_run_until (duo, IKE_EVENT_PATH_CHANGED, SEC);
  g_assert_cmpint (sim_now (duo->sim).boot_us - start, ==, 20 * MS);
  g_assert_true (duo_addr_is (&duo->plane.remote.addr, DUO_GATEWAY2));
  duo_run (duo, 10 * SEC);
  assert_gateway_at (duo, DUO_GATEWAY2, DUO_HOST_A);
  g_assert_cmpuint (count_to (duo, DUO_HOST_B), ==, 0); /* there was no need */
  duo_ping (duo);
}

static void
test_renumbered_and_client_elsewhere (void)
{
  g_autoptr (Duo) duo = established (NULL);
  gint64 start;

  /* Where the client was nothing arrives: the gateway goes through the client's list. covers: MOB-SET-007, MOB-ADD-004
   */
  only_to (duo, DUO_GATEWAY2);
  set_dead (duo->a, TRUE);
  start = sim_now (duo->sim).boot_us;
  duo_lose_address (duo, DUO_GATEWAY, second);
  duo_run_until (duo, IKE_EVENT_PATH_CHANGED, 5 * SEC);
  g_assert_cmpint (sim_now (duo->sim).boot_us - start, <=, 1400 * MS + 20 * MS);
  g_assert_true (duo_addr_is (&duo_event (duo->events, IKE_EVENT_PATH_CHANGED)->path.local, DUO_HOST_B));
  duo_run (duo, 10 * SEC);
  assert_gateway_at (duo, DUO_GATEWAY2, DUO_HOST_B);
  g_assert_true (duo_addr_is (&duo->gateway_plane.remote.addr, DUO_HOST_B));
  g_assert_cmpuint (duo_count (duo->events, IKE_EVENT_DEAD), ==, 0);
  duo_ping (duo);
}

/* Without a change of its own the gateway never looks for the client at another address. */
static void
test_not_renumbered (void)
{
  g_autoptr (Duo) duo = established (NULL);

  /* covers: MOB-ADD-004, MOB-ADD-005, MOB-FRT-002 */
  set_dead (duo->a, TRUE);
  duo->b->up_blocked = TRUE; /* the client cannot help itself either */
  duo_gateway_command (duo, IKE_CHECK);
  duo_run (duo, 200 * SEC);
  g_assert_cmpuint (count_to (duo, DUO_HOST_B), ==, 0);
  g_assert_cmpuint (duo_count (duo->gateway_events, IKE_EVENT_DEAD), ==, 0);
}

/* Its Child SAs follow the client's update only, whatever the gateway found out about IKE. */
static void
test_children_wait_for_update (void)
{
  g_autoptr (Duo) duo = established (NULL);

  /* covers: MOB-SET-007 */
  only_to (duo, DUO_GATEWAY2);
  set_dead (duo->a, TRUE);
  duo_lose_address (duo, DUO_GATEWAY, second);
  duo->b->up_blocked = FALSE;
  duo_run (duo, 1400 * MS + 30 * MS); /* the request is at b; the answer and the update are on their way */
  g_assert_cmpuint (count_to (duo, DUO_HOST_B), ==, 1);
  g_assert_true (duo_addr_is (&duo->gateway_plane.remote.addr, DUO_HOST_A));
  duo_run (duo, SEC);
  g_assert_true (duo_addr_is (&duo->gateway_plane.remote.addr, DUO_HOST_B));
}

/* A NAT lets in only what was asked for: the gateway's new address was not. */
static gboolean
closed_nat (const DuoPacket *packet, gpointer user)
{
  const gboolean *opened = user;

  return !packet->from_client && duo_addr_is (&packet->local.addr, DUO_GATEWAY2) && !*opened;
}

static gboolean
open_nat (const DuoPacket *packet, gpointer user)
{
  gboolean *opened = user;

  if (packet->from_client && duo_addr_is (&packet->remote.addr, DUO_GATEWAY2))
    *opened = TRUE;
  return closed_nat (packet, user);
}

static void
test_renumbered_behind_nat (void)
{
  IkeResponderConfig gateway = two_addresses ();
  g_autoptr (Duo) duo = duo_new (NULL, &gateway, 1);
  gboolean opened = FALSE;

  /* The client finds out by itself, among the addresses that it knows. covers: MOB-GWA-003 */
  duo_start (duo, duo->nat);
  duo_run_until (duo, IKE_EVENT_ESTABLISHED, SEC);
  only_to (duo, DUO_GATEWAY2);
  duo->filter = open_nat;
  duo->filter_user = &opened;
  duo_lose_address (duo, DUO_GATEWAY, second);
  duo_run (duo, 5 * SEC);
  g_assert_cmpuint (duo_count (duo->events, IKE_EVENT_PATH_CHANGED), ==, 0);
  duo_run_until (duo, IKE_EVENT_PATH_CHANGED, 40 * SEC);
  duo_run (duo, 10 * SEC);
  assert_gateway_at (duo, DUO_GATEWAY2, DUO_NAT);
  duo_ping (duo);
}

/* Both sides are somewhere else, and only a new look at the gateway's name helps. */
static void
test_both_moved (void)
{
  g_autoptr (Duo) duo = established (NULL);
  static const char *const third[] = { "203.0.113.9", NULL };
  guint64 spi;
  IkeStatus status;

  /* covers: MOB-GWA-004, MOB-GWA-005 */
  ike_session_get_status (duo->client, &status);
  spi = status.spi_i;
  set_dead (duo->a, TRUE);
  set_dead (duo->b, TRUE);
  duo_lose_address (duo, DUO_GATEWAY, third);
  only_to (duo, third[0]);
  set_dead (duo->nat, FALSE);
  SimLink *links[] = { duo->nat, NULL };
  duo_paths (duo, links);
  duo_run_until (duo, IKE_EVENT_RESOLVE, 30 * SEC);
  g_assert_cmpuint (duo_count (duo->events, IKE_EVENT_DEAD), ==, 0);
  duo_gateway_is (duo, third[0]);
  duo_run (duo, 20 * SEC);
  assert_gateway_at (duo, third[0], DUO_NAT);
  ike_session_get_status (duo->client, &status);
  g_assert_cmpuint (status.spi_i, ==, spi);
  duo_ping (duo);
}

/* The list was made anew with a ticket; the gateway uses it. */
static void
test_lists_after_resumption (void)
{
  IkeConfig client = announcing_config ();
  g_autoptr (Duo) duo = NULL;
  IkeStatus status;

  /* covers: MOB-SUP-009 */
  client.request_ticket = TRUE;
  duo = established (&client);
  g_assert_cmpuint (duo->tickets->len, >, 0);
  duo_command (duo, IKE_ABANDON);
  g_array_set_size (duo->events, 0);
  g_ptr_array_set_size (duo->packets, 0);
  duo_start (duo, duo->a);
  duo_run_until (duo, IKE_EVENT_ESTABLISHED, 5 * SEC);
  g_assert_cmpuint (duo_exchange (g_ptr_array_index (duo->packets, 0)), ==, IKE_EXCHANGE_IKE_SESSION_RESUME);
  ike_session_get_status (duo->client, &status);
  g_assert_true (status.mobike);
  g_assert_cmpuint (status.n_pairs, ==, 4); /* the gateway's second address is known again */
  set_dead (duo->a, TRUE);
  only_to (duo, DUO_GATEWAY2);
  duo_run (duo, SEC);
  duo_lose_address (duo, DUO_GATEWAY, second);
  duo_run_until (duo, IKE_EVENT_PATH_CHANGED, 5 * SEC);
  g_assert_cmpuint (count_to (duo, DUO_HOST_B), >, 0);
}

/* --- several addresses at the start --- */

static void
test_first_answer_wins (void)
{
  IkeConfig client = duo_client_config ();
  RoamAddr more[2];
  g_autoptr (Duo) duo = NULL;
  gint64 start;

  /* All answer, but it takes more than a second: what comes first is kept. covers: MOB-INI-003 */
  g_assert_true (roam_addr_parse (DUO_GATEWAY2, &more[0]));
  g_assert_true (roam_addr_parse ("203.0.113.4", &more[1]));
  client.gateways = more;
  client.n_gateways = 2;
  duo = duo_new (&client, NULL, 1);
  duo->a->delay_us = 600 * MS;
  start = sim_now (duo->sim).boot_us;
  duo_start (duo, duo->a);
  duo_run_until (duo, IKE_EVENT_ESTABLISHED, 10 * SEC);
  g_assert_cmpint (sim_now (duo->sim).boot_us - start, ==, 2400 * MS);
  g_assert_true (duo_addr_is (&duo_event (duo->events, IKE_EVENT_ESTABLISHED)->gateway, DUO_GATEWAY));
  g_assert_cmpuint (duo_client_counter (duo, "attempts-on-other-pairs"), ==, 2);
  duo_run (duo, 60 * SEC);
  g_assert_cmpuint (ike_responder_n_clients (duo->responder), ==, 1); /* the half-open ones are forgotten */
  duo_ping (duo);
}

static void
test_bad_network (void)
{
  for (guint64 seed = 1; seed <= 20; seed++)
    {
      IkeConfig client = duo_client_config ();
      IkeResponderConfig gateway = duo_gateway_config ();
      g_autoptr (Duo) duo = NULL;
      RoamAddr more[2];

      g_assert_true (roam_addr_parse (DUO_GATEWAY2, &more[0]));
      g_assert_true (roam_addr_parse ("203.0.113.4", &more[1]));
      client.gateways = more;
      client.n_gateways = 2;
      gateway.cookie_threshold = seed % 2 ? 1 : 32;
      duo = duo_new (&client, &gateway, seed);
      duo->a->loss_percent = 40;
      duo->a->jitter_us = 400 * MS;
      duo->a->delay_us = 200 * MS;
      duo_start (duo, duo->a);
      duo_run (duo, 300 * MS);
      duo_start (duo, duo->a);
      for (guint i = 0; i < 300 && duo_count (duo->events, IKE_EVENT_ESTABLISHED) == 0; i++)
        {
          if (duo_count (duo->events, IKE_EVENT_FAILED) > 0)
            duo_start (duo, duo->a); /* as the coordinator would */
          g_array_set_size (duo->events, 0);
          duo_run (duo, SEC);
        }
      g_assert_cmpuint (duo_count (duo->events, IKE_EVENT_ESTABLISHED), ==, 1);
      duo->a->loss_percent = duo->a->jitter_us = 0;
      duo_command (duo, IKE_CHECK);
      duo_run_until (duo, IKE_EVENT_PATH_OK, 30 * SEC);
    }
}

/* --- no NATs --- */

static void
test_nat_forbidden_by_client (void)
{
  IkeConfig client = duo_client_config ();
  g_autoptr (Duo) duo = NULL;
  IkeStatus status;

  /* covers: MOB-NOP-001, MOB-NOP-006, MOB-NOP-008, MOB-GWU-002 */
  client.nat_policy = IKE_NAT_POLICY_FORBID;
  duo = duo_new (&client, NULL, 1);
  duo_start (duo, duo->nat);
  duo_run_until (duo, IKE_EVENT_FAILED, 30 * SEC);
  g_assert_nonnull (strstr (duo_event (duo->events, IKE_EVENT_FAILED)->reason, "UNEXPECTED_NAT_DETECTED"));
  duo_run (duo, 60 * SEC);
  g_assert_cmpuint (ike_responder_n_clients (duo->responder), ==, 0);
  duo_start (duo, duo->a);
  duo_run_until (duo, IKE_EVENT_ESTABLISHED, SEC);
  ike_session_get_status (duo->client, &status);
  g_assert_cmpint (status.remote.port, ==, IKE_PORT);
  /* A network without, one with, and back. */
  duo_move (duo, duo->b, TRUE);
  duo_run_until (duo, IKE_EVENT_PATH_OK, SEC);
  duo_run (duo, SEC);
  assert_gateway_at (duo, DUO_GATEWAY, DUO_HOST_B);
  duo_move (duo, duo->nat, FALSE);
  duo_run_until (duo, IKE_EVENT_PATH_FAILED, 8 * SEC);
  duo_run (duo, SEC);
  assert_gateway_at (duo, DUO_GATEWAY, DUO_HOST_B);
  g_assert_false (duo->plane.udp_encap);
  duo_ping (duo);
}

static void
test_nat_forbidden_by_gateway (void)
{
  IkeResponderConfig gateway = two_addresses ();
  g_autoptr (Duo) duo = NULL;

  /* The client would traverse one; the gateway offers nothing of the kind, and finds it. covers: MOB-GWU-002 */
  gateway.nat_policy = IKE_NAT_POLICY_FORBID;
  duo = duo_new (NULL, &gateway, 1);
  duo_start (duo, duo->nat);
  duo_run_until (duo, IKE_EVENT_FAILED, 30 * SEC);
  duo_start (duo, duo->a);
  duo_run_until (duo, IKE_EVENT_ESTABLISHED, SEC);
  /* Its own requests with addresses say so too, and the client compares. covers: MOB-NOP-001, MOB-NOP-003 */
  only_to (duo, DUO_GATEWAY2);
  duo_lose_address (duo, DUO_GATEWAY, second);
  duo_run_until (duo, IKE_EVENT_PATH_CHANGED, SEC);
  duo_run (duo, 5 * SEC);
  assert_gateway_at (duo, DUO_GATEWAY2, DUO_HOST_A);
  duo_ping (duo);
}

/* --- somebody on the path --- */

typedef struct
{
  Duo *duo;
  RoamEndpoint attacker;
  gboolean active;
  guint rewritten;
} Rewriter;

/* What the client sends over b comes from somebody else's address. */
static gboolean
rewrite (const DuoPacket *packet, gpointer user)
{
  Rewriter *rewriter = user;

  if (!rewriter->active || !packet->from_client || !duo_addr_is (&packet->local.addr, DUO_HOST_B))
    return FALSE;
  rewriter->rewritten++;
  sim_send_from_host (rewriter->duo->sim, &rewriter->attacker, &packet->remote, packet->data);
  return TRUE;
}

static void
test_header_rewritten (void)
{
  g_autoptr (Duo) duo = duo_new (NULL, NULL, 1);
  Rewriter rewriter = { .duo = duo };

  /*
   * The addresses in the IP header are not authenticated. Whoever changes them gets the IKE messages, which he
   * cannot read, and no ESP: that waits for an answer with COOKIE2 from there. Once he is gone, all is well again.
   */
  /* covers: MOB-SEC-001, MOB-RR-001 */
  sim_add_link (duo->sim, 9, "192.0.2.66", MS)->down_blocked = TRUE;
  g_assert_true (roam_addr_parse ("192.0.2.66", &rewriter.attacker.addr));
  rewriter.attacker.port = IKE_NATT_PORT;
  duo_establish (duo);
  duo->filter = rewrite;
  duo->filter_user = &rewriter;
  rewriter.active = TRUE;
  duo_move (duo, duo->b, TRUE);
  duo_run (duo, 30 * SEC);
  g_assert_cmpuint (rewriter.rewritten, >, 0);
  g_assert_false (duo_addr_is (&duo->gateway_plane.remote.addr, "192.0.2.66"));
  g_assert_cmpuint (duo_gateway_counter (duo, "routability-proved"), ==, 0);
  rewriter.active = FALSE;
  duo_run (duo, 60 * SEC);
  assert_gateway_at (duo, DUO_GATEWAY, DUO_HOST_B);
  g_assert_true (duo_addr_is (&duo->gateway_plane.remote.addr, DUO_HOST_B));
  g_assert_cmpuint (duo_count (duo->events, IKE_EVENT_DEAD), ==, 0);
  duo_ping (duo);
}

static IkeSession *
session_at_gateway (const Duo *duo)
{
  for (guint i = 0; i < duo->responder->clients->len; i++)
    {
      const IkeClient *client = g_ptr_array_index (duo->responder->clients, i);
      if (client->number == duo->client_number)
        return client->session;
    }
  g_assert_not_reached ();
}

static gboolean
grants (Duo *duo, const RoamAddr *initiator)
{
  g_autoptr (GArray) local = NULL;
  g_autoptr (GArray) remote = NULL;
  IkePayloadTs tsi = { .n_selectors = 1 }, tsr = { .n_selectors = 1 };

  tsi.selectors[0] = ike_selector_host (initiator);
  tsr.selectors[0] = ike_selector_any (ROAM_FAMILY_INET4);
  return ike_selectors_narrow (session_at_gateway (duo), &tsi, &tsr, &local, &remote);
}

static void
test_reachable_is_not_authorised (void)
{
  g_autoptr (Duo) duo = duo_new (NULL, NULL, 1);

  /* The client showed that it is at b: its traffic selectors are still those of its inner address. */
  /* covers: MOB-SEC-003 */
  duo_establish (duo);
  duo_move (duo, duo->b, TRUE);
  duo_run (duo, SEC);
  g_assert_cmpuint (duo_gateway_counter (duo, "routability-proved"), ==, 1);
  g_assert_true (grants (duo, &duo_event (duo->events, IKE_EVENT_ESTABLISHED)->configuration.tia4));
  g_assert_false (grants (duo, &duo->b->host));
  g_assert_false (grants (duo, &duo->a->host));
}

/* --- many clients --- */

/* A second client beside the duo's, on a wire without delay. */
typedef struct
{
  IkeSession *session;
  RoamEndpoint seen; /* by the gateway */
  guint32 number;
} Other;

static void
serve_gateway (Duo *duo, Other *other, const RoamNow *now)
{
  guint32 number;

  for (;;)
    {
      g_auto (IkeAction) action = { 0 };
      gsize length;
      const guint8 *data;

      if (!ike_responder_pop_action (duo->responder, &number, &action))
        return;
      if (action.type == IKE_ACTION_EVENT && action.event.type == IKE_EVENT_ESTABLISHED)
        other->number = number;
      if (action.type != IKE_ACTION_SEND || !roam_endpoint_equal (&action.send.remote, &other->seen))
        continue;
      data = g_bytes_get_data (action.send.datagram, &length);
      RoamEndpoint inside = { .addr = duo->nat->host, .port = action.send.local.port };
      ike_session_input_datagram (other->session, now, 1, &inside, &action.send.local, data, length);
    }
}

static void
serve (Duo *duo, Other *other)
{
  RoamNow now = sim_now (duo->sim);

  for (;;)
    {
      g_auto (IkeAction) action = { 0 };
      gsize length;
      const guint8 *data;

      if (!ike_session_pop_action (other->session, &action))
        return;
      if (action.type != IKE_ACTION_SEND)
        continue;
      data = g_bytes_get_data (action.send.datagram, &length);
      ike_responder_input_datagram (duo->responder, &now, 1, &action.send.remote, &other->seen, data, length);
      serve_gateway (duo, other, &now);
    }
}

static void
test_two_clients_behind_one_nat (void)
{
  IkeResponderPeer any = { 0 };
  IkeConfig client = duo_client_config (), bob = duo_client_config ();
  IkeResponderConfig gateway = duo_gateway_config ();
  g_autoptr (RoamRng) rng = roam_rng_new_for_test (99);
  g_autoptr (IkeSession) session = NULL;
  g_autoptr (Duo) duo = NULL;
  Other other = { 0 };
  RoamNow now;
  IkeStatus status;

  /* covers: MOB-IMP-001 */
  any.psk = client.psk;
  gateway.peers = &any;
  duo = duo_new (&client, &gateway, 1);
  duo_start (duo, duo->nat);
  duo_run_until (duo, IKE_EVENT_ESTABLISHED, SEC);
  g_assert_true (ike_responder_get_status (duo->responder, duo->client_number, &status));
  /* Bob has the same inside address, the same outside address, and another port: that is all. */
  bob.local_id = "bob@example.com";
  session = other.session = ike_session_new (&bob, rng, NULL);
  other.seen = (RoamEndpoint){ .addr = duo->nat->nat, .port = 33333 };
  now = sim_now (duo->sim);
  IkeCommand command = { .type = IKE_START, .serial = 1, .path = { 1, duo->nat->host } };
  ike_session_input_command (other.session, &now, &command);
  serve (duo, &other);
  g_assert_cmpuint (other.number, !=, 0);
  g_assert_cmpuint (other.number, !=, duo->client_number);
  g_assert_cmpuint (ike_responder_n_clients (duo->responder), ==, 2);
  /* The first one goes, and Bob gets the port that it had: nobody mistakes him. */
  duo_move (duo, duo->b, TRUE);
  duo_run (duo, SEC);
  other.seen.port = status.remote.port;
  now = sim_now (duo->sim);
  command = (IkeCommand){ .type = IKE_MOVE, .serial = 2, .path = { 2, duo->nat->host }, .move_children_now = TRUE };
  ike_session_input_command (other.session, &now, &command);
  serve (duo, &other);
  g_assert_true (ike_responder_get_status (duo->responder, other.number, &status));
  g_assert_cmpint (status.remote.port, ==, other.seen.port);
  g_assert_true (duo_addr_is (&status.remote.addr, DUO_NAT));
  assert_gateway_at (duo, DUO_GATEWAY, DUO_HOST_B);
  g_assert_cmpuint (ike_responder_n_clients (duo->responder), ==, 2);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/ike/gateway/renumbered", test_renumbered);
  g_test_add_func ("/ike/gateway/renumbered-and-client-elsewhere", test_renumbered_and_client_elsewhere);
  g_test_add_func ("/ike/gateway/not-renumbered", test_not_renumbered);
  g_test_add_func ("/ike/gateway/children-wait-for-update", test_children_wait_for_update);
  g_test_add_func ("/ike/gateway/renumbered-behind-nat", test_renumbered_behind_nat);
  g_test_add_func ("/ike/gateway/both-moved", test_both_moved);
  g_test_add_func ("/ike/gateway/lists-after-resumption", test_lists_after_resumption);
  g_test_add_func ("/ike/gateway/first-answer-wins", test_first_answer_wins);
  g_test_add_func ("/ike/gateway/bad-network", test_bad_network);
  g_test_add_func ("/ike/gateway/nat-forbidden-by-client", test_nat_forbidden_by_client);
  g_test_add_func ("/ike/gateway/nat-forbidden-by-gateway", test_nat_forbidden_by_gateway);
  g_test_add_func ("/ike/gateway/header-rewritten", test_header_rewritten);
  g_test_add_func ("/ike/gateway/reachable-is-not-authorised", test_reachable_is_not_authorised);
  g_test_add_func ("/ike/gateway/two-clients-behind-one-nat", test_two_clients_behind_one_nat);
  return g_test_run ();
}
