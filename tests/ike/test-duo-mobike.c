/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* MOBIKE between client and gateway (RFC 4555): moves, NATs, return routability, refusals. */
#include "ike/ike-message-private.h"
#include "tests/ike/duo.h"

#include <string.h>

static void
assert_gateway_at (const Duo *duo, const char *addr)
{
  IkeStatus status;

  g_assert_true (ike_responder_get_status (duo->responder, duo->client_number, &status));
  g_assert_true (duo_addr_is (&status.remote.addr, addr));
}

/* The gateway's ESP goes there. */
static void
assert_esp_at (const Duo *duo, const char *addr)
{
  g_assert_true (duo_addr_is (&duo->gateway_plane.remote.addr, addr));
}

static guint
count_packets (const Duo *duo, gboolean from_client, guint8 exchange)
{
  guint n = 0;

  for (guint i = 0; i < duo->packets->len; i++)
    {
      const DuoPacket *packet = g_ptr_array_index (duo->packets, i);
      n += packet->from_client == from_client && duo_exchange (packet) == exchange;
    }
  return n;
}

static gboolean
is_gateway_request (const DuoPacket *packet, IkeHeader *ret_header)
{
  g_autoptr (GBytes) message = packet->from_client ? NULL : duo_message (packet);
  IkeParseError error;
  const guint8 *data;
  gsize length;

  if (!message)
    return FALSE;
  data = g_bytes_get_data (message, &length);
  return ike_header_parse (data, length, ret_header, &error) && !(ret_header->flags & IKE_FLAG_RESPONSE);
}

/* Requests of the gateway, copies not counted. */
static guint
count_gateway_requests (const Duo *duo)
{
  guint32 next_id = 0;

  for (guint i = 0; i < duo->packets->len; i++)
    {
      IkeHeader header;

      if (is_gateway_request (g_ptr_array_index (duo->packets, i), &header))
        next_id = MAX (next_id, header.message_id + 1);
    }
  return next_id;
}

/* --- moves --- */

/* covers: MOB-GWU-004, MOB-GWU-005 */
static void
test_move (void)
{
  g_autoptr (Duo) duo = duo_new (NULL, NULL, 1);
  IkeStatus before, after;
  guint32 child;

  duo_establish (duo);
  ike_session_get_status (duo->client, &before);
  child = duo->gateway_plane.outbound;
  g_ptr_array_set_size (duo->packets, 0);
  duo_move (duo, duo->b, TRUE);
  duo_run_until (duo, IKE_EVENT_PATH_OK, 5 * SEC);
  /* The answer went to where the request came from. */
  for (guint i = 0; i < duo->packets->len; i++)
    {
      const DuoPacket *packet = g_ptr_array_index (duo->packets, i);
      g_assert_true (duo_addr_is (packet->from_client ? &packet->local.addr : &packet->remote.addr, DUO_HOST_B));
    }
  assert_gateway_at (duo, DUO_HOST_B);
  duo_run (duo, SEC);
  assert_esp_at (duo, DUO_HOST_B);
  /* The same SAs, with the same keys. */
  ike_session_get_status (duo->client, &after);
  g_assert_cmpuint (before.spi_i, ==, after.spi_i);
  g_assert_cmpuint (before.child_spi_in, ==, after.child_spi_in);
  g_assert_cmpuint (duo->gateway_plane.outbound, ==, child);
  duo_ping (duo);
}

/* covers: MOB-GWU-006 */
static void
test_routability_before (void)
{
  g_autoptr (Duo) duo = duo_new (NULL, NULL, 1);

  duo_establish (duo);
  duo_move (duo, duo->b, TRUE);
  duo_run (duo, 30 * MS); /* the update is there; the client's proof is not */
  assert_gateway_at (duo, DUO_HOST_B);
  /* MOPO has the Child SAs follow at once, and asks afterwards. */
  assert_esp_at (duo, duo_dialect ()->routability_before_move ? DUO_HOST_A : DUO_HOST_B);
  g_assert_cmpuint (duo_gateway_counter (duo, "updates-accepted"), ==, 1);
  g_assert_cmpuint (duo_gateway_counter (duo, "routability-proved"), ==, 0);
  duo_run (duo, SEC);
  g_assert_cmpuint (duo_gateway_counter (duo, "routability-proved"), ==, 1);
  assert_esp_at (duo, DUO_HOST_B);
}

static void
test_routability_after (void)
{
  IkeResponderConfig gateway = duo_gateway_config ();

  for (guint i = 0; i < 2; i++)
    {
      g_autoptr (Duo) duo = NULL;

      gateway.routability = i == 0 ? IKE_ROUTABILITY_AFTER : IKE_ROUTABILITY_NEVER;
      duo = duo_new (NULL, &gateway, 1);
      duo_establish (duo);
      duo_move (duo, duo->b, TRUE);
      duo_run (duo, 30 * MS);
      assert_esp_at (duo, DUO_HOST_B);
      duo_run (duo, SEC);
      g_assert_cmpuint (duo_gateway_counter (duo, "routability-proved"), ==, i == 0 ? 1 : 0);
    }
}

/* Only UPDATEs pass from the new address: somebody rewrote the source. */
static gboolean
lose_gateway_requests (const DuoPacket *packet, gpointer user)
{
  IkeHeader header;

  (void)user;
  return is_gateway_request (packet, &header);
}

/* covers: MOB-RR-011 */
static void
test_routability_fails (void)
{
  g_autoptr (Duo) duo = duo_new (NULL, NULL, 1);

  duo_establish (duo);
  duo->filter = lose_gateway_requests;
  duo_move (duo, duo->b, TRUE);
  duo_run (duo, 60 * SEC);
  assert_esp_at (duo, duo_dialect ()->routability_before_move ? DUO_HOST_A : DUO_HOST_B);
  g_assert_cmpuint (duo_gateway_counter (duo, "routability-proved"), ==, 0);
  /* The check is still on its way: once it gets through, ESP follows. */
  duo->filter = NULL;
  duo_run (duo, 60 * SEC);
  assert_esp_at (duo, DUO_HOST_B);
}

/* Two moves in a row: the proof of the first address says nothing about the second one. */
/* covers: MOB-RR-003 */
static void
test_routability_superseded (void)
{
  g_autoptr (Duo) duo = duo_new (NULL, NULL, 1);

  duo_establish (duo);
  duo->nat->host = ROAM_ADDR_NONE;
  duo->nat->nat = ROAM_ADDR_NONE;
  duo->b->down_blocked = TRUE; /* the check of b does not arrive there */
  duo_move (duo, duo->b, TRUE);
  duo_run (duo, 30 * MS);
  g_assert_cmpuint (count_gateway_requests (duo), ==, 1);
  duo->b->down_blocked = FALSE;
  g_assert_true (
    roam_addr_parse (DUO_NAT, &duo->a->host)); /* another network, at an address that the gateway has not seen */
  duo_move (duo, duo->a, TRUE);
  duo_run (duo, 10 * SEC);
  /* The first check was answered from there, but had been sent to b: a second one was needed. */
  g_assert_cmpuint (count_gateway_requests (duo), ==, 2);
  g_assert_cmpuint (duo_gateway_counter (duo, "routability-proved"), ==, 1);
  assert_gateway_at (duo, DUO_NAT);
  assert_esp_at (duo, DUO_NAT);
  duo_ping (duo);
}

/* The INFORMATIONAL exchanges of one IKE SA. */
static gboolean
lose_informational_of (const DuoPacket *packet, gpointer user)
{
  const guint64 *spi_i = user;
  g_autoptr (GBytes) message = NULL;
  IkeParseError error;
  IkeHeader header;
  const guint8 *data;
  gsize length;

  if (duo_exchange (packet) != IKE_EXCHANGE_INFORMATIONAL)
    return FALSE;
  message = duo_message (packet);
  data = g_bytes_get_data (message, &length);
  return ike_header_parse (data, length, &header, &error) && header.spi_i == *spi_i;
}

/* An update that was held up on an IKE SA which has a successor with a newer one. */
/* covers: MOB-GWU-001 */
static void
test_stale_update (void)
{
  g_autoptr (Duo) duo = duo_new (NULL, NULL, 1);
  IkeStatus old, after;
  DuoPacket stale;
  guint n;

  duo_establish (duo);
  ike_session_get_status (duo->client, &old);
  duo->filter = lose_informational_of;
  duo->filter_user = &old.spi_i;
  duo_move (duo, duo->b, TRUE);
  stale = *(const DuoPacket *)g_ptr_array_index (duo->packets, duo->packets->len - 1);
  g_assert_cmpuint (duo_exchange (&stale), ==, IKE_EXCHANGE_INFORMATIONAL);
  duo_gateway_command (duo, IKE_REKEY_IKE);
  duo_run (duo, 200 * MS);
  ike_session_get_status (duo->client, &after);
  g_assert_cmpuint (after.spi_i, !=, old.spi_i);
  duo_move (duo, duo->nat, TRUE);
  duo_run (duo, 200 * MS);
  assert_gateway_at (duo, DUO_NAT);
  g_assert_cmpuint (duo_gateway_counter (duo, "updates-accepted"), ==, 1);
  duo->filter = NULL;
  n = duo->packets->len;
  duo_inject (duo, &stale.remote, &stale.local, stale.data);
  g_assert_cmpuint (duo->packets->len, ==, n + 1); /* it has its answer */
  g_assert_cmpuint (duo_gateway_counter (duo, "updates-stale"), ==, 1);
  assert_gateway_at (duo, DUO_NAT);
  assert_esp_at (duo, DUO_NAT);
  duo_run (duo, 10 * SEC);
  assert_gateway_at (duo, DUO_NAT);
  duo_ping (duo);
}

/* --- what the gateway refuses --- */

/* covers: MOB-GWU-003 */
static void
test_unacceptable (void)
{
  IkeResponderConfig gateway = duo_gateway_config ();
  RoamPrefix refused;
  g_autoptr (Duo) duo = NULL;

  g_assert_true (roam_prefix_parse (DUO_HOST_B "/32", &refused));
  gateway.refused = &refused;
  gateway.n_refused = 1;
  duo = duo_new (NULL, &gateway, 1);
  duo_establish (duo);
  duo_move (duo, duo->b, FALSE);
  duo_run_until (duo, IKE_EVENT_PATH_FAILED, 10 * SEC);
  g_assert_cmpstr (duo_event (duo->events, IKE_EVENT_PATH_FAILED)->reason, ==, duo_dialect ()->refused_reason);
  assert_gateway_at (duo, DUO_HOST_A);
  duo_run (duo, 10 * SEC);
  assert_esp_at (duo, DUO_HOST_A);
  g_assert_cmpuint (duo_count (duo->gateway_events, IKE_EVENT_DEAD), ==, 0);
  duo_ping (duo);
}

/* A gateway without NAT traversal: NO_NATS_ALLOWED is checked, and before anything else. */
/* covers: MOB-GWU-002 */
static void
test_unexpected_nat (void)
{
  IkeConfig client = duo_client_config ();
  IkeResponderConfig gateway = duo_gateway_config ();
  RoamPrefix refused;
  g_autoptr (Duo) duo = NULL;

  if (!duo_dialect ()->nat_forbid_without_natt)
    client.nat_policy = IKE_NAT_POLICY_FORBID;
  gateway.disable_nat_traversal = TRUE;
  g_assert_true (roam_prefix_parse (DUO_NAT "/32", &refused));
  gateway.refused = &refused; /* policy would refuse as well, but comes second */
  gateway.n_refused = 1;
  duo = duo_new (&client, &gateway, 1);
  duo_establish (duo);
  g_assert_cmpuint (duo->gateway_plane.remote.port, ==, IKE_PORT);
  duo_move (duo, duo->nat, FALSE);
  duo_run_until (duo, IKE_EVENT_PATH_FAILED, 10 * SEC);
  g_assert_cmpstr (duo_event (duo->events, IKE_EVENT_PATH_FAILED)->reason, ==, duo_dialect ()->nat_seen_reason);
  assert_gateway_at (duo, DUO_HOST_A);
  g_assert_cmpuint (duo_gateway_counter (duo, "updates-refused"), ==, 0);
  duo_run (duo, 10 * SEC);
  /* The client goes back and says so, from where no NAT is. */
  g_assert_cmpuint (duo_gateway_counter (duo, "updates-accepted"), ==, 1);
  duo_ping (duo);
}

static void
test_no_mobike (void)
{
  IkeResponderConfig gateway = duo_gateway_config ();
  g_autoptr (Duo) duo = NULL;

  gateway.disable_mobike = gateway.disable_mopo = TRUE;
  duo = duo_new (NULL, &gateway, 1);
  duo_establish (duo);
  g_assert_false (duo_event (duo->events, IKE_EVENT_ESTABLISHED)->mobike);
  duo_move (duo, duo->b, TRUE);
  g_assert_cmpuint (duo_count (duo->events, IKE_EVENT_PATH_FAILED), ==, 1);
}

/* --- NAT --- */

/* covers: MOB-GWU-007 */
static void
test_nat_appears (void)
{
  g_autoptr (Duo) duo = duo_new (NULL, NULL, 1);
  IkeStatus status;

  duo_establish (duo);
  g_assert_false (duo->gateway_plane.udp_encap);
  duo_move (duo, duo->nat, TRUE);
  duo_run_until (duo, IKE_EVENT_PATH_OK, 5 * SEC);
  duo_run (duo, SEC);
  assert_esp_at (duo, DUO_NAT);
  g_assert_true (duo->gateway_plane.udp_encap);
  g_assert_true (duo->plane.udp_encap);
  g_assert_true (ike_responder_get_status (duo->responder, duo->client_number, &status));
  g_assert_true (status.nat_remote);
  g_assert_false (status.nat_local);
  /* The mapped port, not the client's. */
  g_assert_cmpuint (duo->gateway_plane.remote.port, ==, status.remote.port);
  g_assert_cmpuint (status.remote.port, !=, IKE_NATT_PORT);
  duo_move (duo, duo->b, TRUE);
  duo_run (duo, 5 * SEC);
  assert_esp_at (duo, DUO_HOST_B);
  g_assert_false (duo->gateway_plane.udp_encap);
  g_assert_false (duo->plane.udp_encap);
}

/* The NAT forgets: the liveness answer tells the client, which updates (RFC 4555 3.8). */
static void
test_nat_forgets (void)
{
  g_autoptr (Duo) duo = duo_new (NULL, NULL, 1);
  IkeStatus before, after;

  duo_establish (duo);
  duo_move (duo, duo->nat, TRUE);
  duo_run (duo, 5 * SEC);
  g_assert_true (ike_responder_get_status (duo->responder, duo->client_number, &before));
  sim_nat_reset (duo->sim, duo->nat);
  /* Requests from the new port alone move nothing. */
  duo_command (duo, IKE_CHECK);
  duo_run (duo, 30 * MS);
  g_assert_true (ike_responder_get_status (duo->responder, duo->client_number, &after));
  g_assert_cmpuint (after.remote.port, ==, before.remote.port);
  duo_run (duo, 5 * SEC);
  g_assert_true (ike_responder_get_status (duo->responder, duo->client_number, &after));
  g_assert_cmpuint (after.remote.port, !=, before.remote.port);
  g_assert_cmpuint (duo->gateway_plane.remote.port, ==, after.remote.port);
}

/* --- nothing blocks a move (RFC 4555 3.5) --- */

typedef struct
{
  guint8 exchange;
  gboolean active;
} Hold;

/* What goes over a while this is active never arrives. */
static gboolean
swallow (const DuoPacket *packet, gpointer user)
{
  const Hold *hold = user;

  return hold->active && duo_exchange (packet) == hold->exchange;
}

static void
test_move_during_exchange (gconstpointer data)
{
  IkeCommandType type = (IkeCommandType)GPOINTER_TO_INT (data);

  /* The client's exchange, then the gateway's. */
  for (guint i = 0; i < 2; i++)
    {
      Hold hold = { .exchange = IKE_EXCHANGE_CREATE_CHILD_SA, .active = TRUE };
      g_autoptr (Duo) duo = duo_new (NULL, NULL, 1);
      gint64 moved_us;

      duo_establish (duo);
      duo->filter = swallow;
      duo->filter_user = &hold;
      if (i == 0)
        duo_command (duo, type);
      else
        duo_gateway_command (duo, type);
      duo_run (duo, 100 * MS);
      g_assert_cmpuint (count_packets (duo, i == 0, IKE_EXCHANGE_CREATE_CHILD_SA), ==, 1);
      hold.active = FALSE;
      duo->a->up_blocked = duo->a->down_blocked = TRUE; /* the old network is gone */
      moved_us = sim_now (duo->sim).boot_us;
      duo_move (duo, duo->b, TRUE);
      duo_run_until (duo, IKE_EVENT_PATH_OK, 10 * SEC);
      /* One round trip for the exchange under way, one for the update. */
      g_assert_cmpint (sim_now (duo->sim).boot_us - moved_us, <=, 100 * MS);
      duo_run (duo, 10 * SEC);
      assert_gateway_at (duo, DUO_HOST_B);
      assert_esp_at (duo, DUO_HOST_B);
      g_assert_cmpuint (duo->plane.children->len, ==, 1);
      g_assert_cmpuint (duo->gateway_plane.children->len, ==, 1);
      duo_ping (duo);
    }
}

/* The old path dies in both directions while both sides rekey. */
static void
test_move_during_collision (void)
{
  for (guint64 seed = 1; seed <= 10; seed++)
    {
      g_autoptr (Duo) duo = duo_new (NULL, NULL, seed);

      duo_establish (duo);
      duo->a->up_blocked = duo->a->down_blocked = TRUE;
      duo_command (duo, seed % 2 ? IKE_REKEY_CHILD : IKE_REKEY_IKE);
      duo_gateway_command (duo, seed % 2 ? IKE_REKEY_CHILD : IKE_REKEY_IKE);
      duo_run (duo, 50 * MS);
      duo_move (duo, duo->b, TRUE);
      duo_run_until (duo, IKE_EVENT_PATH_OK, 10 * SEC);
      duo_run (duo, 60 * SEC);
      assert_gateway_at (duo, DUO_HOST_B);
      assert_esp_at (duo, DUO_HOST_B);
      g_assert_cmpuint (duo->plane.children->len, ==, 1);
      g_assert_cmpuint (duo->gateway_plane.children->len, ==, 1);
      duo_ping (duo);
    }
}

static void
test_moves_on_lossy_paths (void)
{
  for (guint64 seed = 1; seed <= 20; seed++)
    {
      g_autoptr (Duo) duo = duo_new (NULL, NULL, seed);
      g_autoptr (RoamRng) rng = roam_rng_new_for_test (seed);
      SimLink *links[] = { duo->a, duo->b, duo->nat };
      static const char *const seen[] = { DUO_HOST_A, DUO_HOST_B, DUO_NAT };
      guint at = 0;

      duo_establish (duo);
      for (guint i = 0; i < G_N_ELEMENTS (links); i++)
        {
          links[i]->loss_percent = 30;
          links[i]->jitter_us = 40 * MS;
          links[i]->duplicate_percent = 10;
        }
      for (guint i = 0; i < 20; i++)
        {
          at = roam_rng_below (rng, G_N_ELEMENTS (links));
          duo_move (duo, links[at], TRUE);
          duo_run (duo, roam_rng_below (rng, 3000) * MS);
        }
      duo_run (duo, 120 * SEC);
      g_assert_cmpuint (duo_count (duo->events, IKE_EVENT_DEAD), ==, 0);
      assert_gateway_at (duo, seen[at]);
      assert_esp_at (duo, seen[at]);
      duo_ping (duo);
    }
}

/* --- the gateway's addresses --- */

static void
test_addresses (void)
{
  IkeResponderConfig gateway = duo_gateway_config ();
  RoamAddr second;
  g_autoptr (Duo) duo = NULL;

  g_assert_true (roam_addr_parse (DUO_GATEWAY, &gateway.addresses[0]));
  g_assert_true (roam_addr_parse (DUO_GATEWAY2, &gateway.addresses[1]));
  second = gateway.addresses[1];
  gateway.n_addresses = 2;
  duo = duo_new (NULL, &gateway, 1);
  duo_establish (duo);
  g_ptr_array_set_size (duo->packets, 0);
  /* The path to the first address dies: the client finds the other one by itself. */
  duo->a->only_to = second;
  duo_command (duo, IKE_CHECK);
  duo_run (duo, 30 * SEC);
  g_assert_true (duo_addr_is (&duo->plane.remote.addr, DUO_GATEWAY2));
  g_assert_true (duo_addr_is (&duo->gateway_plane.local.addr, DUO_GATEWAY2));
  g_assert_cmpuint (duo_count (duo->events, IKE_EVENT_DEAD), ==, 0);
  duo_ping (duo);
  /* The address in use is the only one that is left: nothing else changes. */
  duo->a->only_to = ROAM_ADDR_NONE;
  g_ptr_array_set_size (duo->packets, 0);
  duo_set_addresses (duo, &second, 1);
  duo_run (duo, 200 * MS);
  g_assert_cmpuint (count_packets (duo, FALSE, IKE_EXCHANGE_INFORMATIONAL), ==, 1);
  g_assert_cmpuint (count_packets (duo, TRUE, IKE_EXCHANGE_INFORMATIONAL), ==, 1);
  duo_ping (duo);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  duo_init (argc, argv);
  g_test_add_func ("/duo-mobike/move", test_move);
  g_test_add_func ("/duo-mobike/routability-before", test_routability_before);
  g_test_add_func ("/duo-mobike/routability-after", test_routability_after);
  g_test_add_func ("/duo-mobike/routability-fails", test_routability_fails);
  g_test_add_func ("/duo-mobike/routability-superseded", test_routability_superseded);
  g_test_add_func ("/duo-mobike/stale-update", test_stale_update);
  g_test_add_func ("/duo-mobike/unacceptable", test_unacceptable);
  g_test_add_func ("/duo-mobike/unexpected-nat", test_unexpected_nat);
  g_test_add_func ("/duo-mobike/no-mobike", test_no_mobike);
  g_test_add_func ("/duo-mobike/nat-appears", test_nat_appears);
  g_test_add_func ("/duo-mobike/nat-forgets", test_nat_forgets);
  g_test_add_data_func ("/duo-mobike/move-during-child-rekey", GINT_TO_POINTER (IKE_REKEY_CHILD),
                        test_move_during_exchange);
  g_test_add_data_func ("/duo-mobike/move-during-ike-rekey", GINT_TO_POINTER (IKE_REKEY_IKE),
                        test_move_during_exchange);
  g_test_add_func ("/duo-mobike/move-during-collision", test_move_during_collision);
  g_test_add_func ("/duo-mobike/lossy-paths", test_moves_on_lossy_paths);
  g_test_add_func ("/duo-mobike/addresses", test_addresses);
  return g_test_run ();
}
