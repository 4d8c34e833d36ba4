/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The way to the first IKE SA: several addresses of the gateway, moves in between, no NATs allowed. Virtual time. */
#include "tests/ike/world.h"

#include <string.h>

static const Sent *
nth_sent (const World *world, guint index)
{
  g_assert_cmpuint (world->sent->len, >, index);
  return g_ptr_array_index (world->sent, index);
}

static guint64
spi_of (const Sent *sent)
{
  g_autoptr (GBytes) bytes = world_message (sent);
  IkeParseError error;
  IkeHeader header;
  gsize length;
  const guint8 *data = g_bytes_get_data (bytes, &length);

  g_assert_true (ike_header_parse (data, length, &header, &error));
  return header.spi_i;
}

static guint8
exchange_of (const Sent *sent)
{
  g_autoptr (GBytes) bytes = world_message (sent);
  IkeParseError error;
  IkeHeader header;
  gsize length;
  const guint8 *data = g_bytes_get_data (bytes, &length);

  g_assert_true (ike_header_parse (data, length, &header, &error));
  return header.exchange;
}

static IkeMessage *
parse_init (const Sent *sent)
{
  g_autoptr (GBytes) bytes = world_message (sent);
  IkeParseError error;
  IkeMessage *message;
  gsize length;
  const guint8 *data = g_bytes_get_data (bytes, &length);

  message = ike_message_parse_clear (data, length, &error);
  g_assert_nonnull (message);
  return message;
}

/* A client that knows the gateway by these addresses besides the first one. */
static World *
world_with_gateways (const char *const *more)
{
  IkeConfig config = world_config ();
  RoamAddr addresses[IKE_MAX_GATEWAYS];

  config.gateways = addresses;
  for (; more[config.n_gateways]; config.n_gateways++)
    g_assert_true (roam_addr_parse (more[config.n_gateways], &addresses[config.n_gateways]));
  return world_new (&config);
}

static const char *const two_more[] = { WORLD_GATEWAY2, "203.0.113.4", NULL };

/* --- several addresses --- */

static void
test_two_dead (void)
{
  g_autoptr (World) world = world_with_gateways (two_more);
  gint64 start = sim_now (world->sim).boot_us;
  const IkeEvent *event;
  guint sent;

  /* covers: MOB-INI-001, MOB-INI-002, MOB-INI-003 */
  g_assert_true (roam_addr_parse ("203.0.113.4", &world->a->only_to));
  world_start (world, world->a);
  event = world_run_until (world, IKE_EVENT_ESTABLISHED, 10 * SEC);
  g_assert_true (world_addr_is (&event->gateway, "203.0.113.4"));
  /* Each silence of half a second brings the next address in. */
  g_assert_cmpint (sim_now (world->sim).boot_us - start, ==, SEC + 80 * MS);
  g_assert_true (world_addr_is (&nth_sent (world, 0)->remote.addr, WORLD_GATEWAY));
  g_assert_true (world_addr_is (&nth_sent (world, 1)->remote.addr, WORLD_GATEWAY));
  g_assert_true (world_addr_is (&nth_sent (world, 2)->remote.addr, WORLD_GATEWAY2));
  g_assert_true (world_addr_is (&nth_sent (world, 3)->remote.addr, WORLD_GATEWAY2));
  g_assert_true (world_addr_is (&nth_sent (world, 4)->remote.addr, "203.0.113.4"));
  g_assert_cmphex (spi_of (nth_sent (world, 0)), ==, spi_of (nth_sent (world, 1)));
  g_assert_cmphex (spi_of (nth_sent (world, 0)), !=, spi_of (nth_sent (world, 2)));
  g_assert_cmphex (spi_of (nth_sent (world, 2)), !=, spi_of (nth_sent (world, 4)));
  /* Each request's NAT_DETECTION hashes are about its own pair. */
  for (guint i = 0; i < 5; i += 2)
    {
      g_autoptr (IkeMessage) message = parse_init (nth_sent (world, i));
      guint8 hash[IKE_NAT_DETECTION_LENGTH];
      const IkePayloadNotify *natd = ike_message_find_notify (message, IKE_NOTIFY_NAT_DETECTION_DESTINATION_IP);

      ike_nat_detection_hash (message->header.spi_i, 0, &nth_sent (world, i)->remote, hash);
      g_assert_cmpmem (natd->data.data, natd->data.length, hash, sizeof hash);
    }
  /* The others are silent from now on. */
  sent = world->sent->len;
  world_run (world, 20 * SEC);
  g_assert_cmpuint (world->sent->len, ==, sent);
  g_assert_cmpuint (world_count_events (world, IKE_EVENT_FAILED), ==, 0);
}

static void
test_all_dead (void)
{
  static const char *const seven[] = { "203.0.113.3", "203.0.113.4", "203.0.113.5", "203.0.113.6",
                                       "203.0.113.7", "203.0.113.8", "203.0.113.9", NULL };
  g_autoptr (World) world = world_with_gateways (seven);
  g_autoptr (GHashTable) spis = g_hash_table_new_full (g_int64_hash, g_int64_equal, g_free, NULL);
  gint64 start = sim_now (world->sim).boot_us;

  /* Eight addresses, four attempts at a time at most; a person is not kept waiting for ever. covers: MOB-INI-003 */
  world->a->up_blocked = TRUE;
  world_start (world, world->a);
  world_run_until (world, IKE_EVENT_FAILED, 120 * SEC);
  g_assert_cmpint (sim_now (world->sim).boot_us - start, <, 60 * SEC);
  for (guint i = 0; i < world->sent->len; i++)
    {
      guint64 spi = spi_of (nth_sent (world, i));

      g_hash_table_add (spis, g_memdup2 (&spi, sizeof spi));
    }
  g_assert_cmpuint (g_hash_table_size (spis), ==, 8);
  /* How many were repeated after the moment that each datagram left in? */
  for (guint i = 0; i < world->sent->len; i++)
    {
      g_autoptr (GHashTable) live = g_hash_table_new (g_direct_hash, g_direct_equal);

      for (guint j = 0; j <= i; j++)
        for (guint k = i; k < world->sent->len; k++)
          if (spi_of (nth_sent (world, j)) == spi_of (nth_sent (world, k)))
            g_hash_table_add (live, GSIZE_TO_POINTER ((gsize)spi_of (nth_sent (world, k))));
      g_assert_cmpuint (g_hash_table_size (live), <=, 4);
    }
  g_assert_cmpuint (world_count_events (world, IKE_EVENT_FAILED), ==, 1);
}

static void
test_families (void)
{
  static const char *const six_too[] = { "2001:db8::2", NULL };
  g_autoptr (World) world = world_with_gateways (six_too);
  SimLink *six = sim_add_link (world->sim, 6, "2001:db8:6::50", 20 * MS);
  SimLink *links[] = { world->a, six, NULL };
  const IkeEvent *event;

  /* covers: MOB-INI-001, MOB-FAM-002 */
  world->a->up_blocked = TRUE;
  world_paths (world, links);
  world_start (world, world->a);
  event = world_run_until (world, IKE_EVENT_ESTABLISHED, 5 * SEC);
  g_assert_cmpuint (event->path.ifindex, ==, 6);
  g_assert_true (world_addr_is (&event->gateway, "2001:db8::2"));
  for (guint i = 0; i < world->sent->len; i++)
    g_assert_cmpint (nth_sent (world, i)->local.addr.family, ==, nth_sent (world, i)->remote.addr.family);
}

static void
test_no_family (void)
{
  IkeConfig config = world_config ();
  g_autoptr (World) world = world_new (&config);
  SimLink *six = sim_add_link (world->sim, 6, "2001:db8:6::50", 20 * MS);

  world_start (world, six);
  g_assert_cmpstr (world->trace->str, ==, "event:failed ");
  world_run (world, 60 * SEC);
  g_assert_cmpuint (world->sent->len, ==, 0);
}

/* IKE_SA_INIT passes, IKE_AUTH does not: somebody blocks port 4500 on the way to that address. */
static GwVerdict
no_auth_at_first (Gateway *gateway, GwSa *sa, const IkeMessage *request, IkePayloads *answer)
{
  return world_addr_is (&sa->local.addr, WORLD_GATEWAY) ? GW_SILENT : GW_DEFAULT;
}

static void
test_auth_silent (void)
{
  g_autoptr (World) world = world_with_gateways (two_more);

  world->gateway->hook = no_auth_at_first;
  world_start (world, world->a);
  world_run_until (world, IKE_EVENT_ESTABLISHED, 60 * SEC);
  g_assert_true (world_addr_is (&world_event (world, IKE_EVENT_ESTABLISHED)->gateway, WORLD_GATEWAY2));
}

static void
test_refused_everywhere (void)
{
  g_autoptr (World) world = world_with_gateways (two_more);

  world->gateway->init_error = IKE_NOTIFY_NO_PROPOSAL_CHOSEN;
  world_start (world, world->a);
  world_run_until (world, IKE_EVENT_FAILED, 60 * SEC);
  g_assert_cmpstr (world_event (world, IKE_EVENT_FAILED)->reason, ==, "NO_PROPOSAL_CHOSEN");
  world_run (world, 60 * SEC);
  g_assert_cmpuint (world_count_events (world, IKE_EVENT_FAILED), ==, 1);
}

/* --- a move in between --- */

static void
test_move_before_auth_arrives (void)
{
  IkeConfig config = world_config ();
  g_autoptr (World) world = world_new (&config);
  const Sent *first, *again;

  /* The first IKE_AUTH that the gateway sees comes from the new place. covers: MOB-INI-006, MOB-INI-005 */
  world_start (world, world->a);
  world_run (world, 30 * MS);
  world->a->up_blocked = TRUE;
  world_run (world, 30 * MS);
  world_forget (world);
  world_move (world, world->b, TRUE);
  g_assert_cmpstr (world->trace->str, ==, "send ");
  again = nth_sent (world, 0);
  g_assert_cmpint (exchange_of (again), ==, IKE_EXCHANGE_IKE_AUTH);
  g_assert_cmpuint (again->ifindex, ==, 2);
  g_assert_cmpuint (world_run_until (world, IKE_EVENT_ESTABLISHED, SEC)->serial, ==, 2);
  first = nth_sent (world, 0);
  g_assert_cmphex (spi_of (first), ==, gateway_sa (world->gateway)->spi_i); /* not begun anew */
  g_assert_true (world_addr_is (&gateway_sa (world->gateway)->remote.addr, WORLD_HOST_B));
  const IkeChildSa *child = g_ptr_array_index (world->children, 0);
  g_assert_true (world_addr_is (&child->outer_local.addr, WORLD_HOST_B));
  world_run (world, SEC);
  g_assert_cmpuint (gateway_count_updates (world->gateway), ==, 1); /* it cannot know which copy arrived */
}

static void
test_move_after_auth_arrived (void)
{
  IkeConfig config = world_config ();
  g_autoptr (World) world = world_new (&config);

  /* covers: MOB-INI-007 */
  world_start (world, world->a);
  world_run (world, 70 * MS);
  world->a->down_blocked = TRUE;
  world_move (world, world->b, TRUE);
  world_run_until (world, IKE_EVENT_ESTABLISHED, SEC);
  g_assert_true (world_addr_is (&gateway_sa (world->gateway)->remote.addr, WORLD_HOST_A));
  world_run (world, 50 * MS);
  g_assert_cmpuint (gateway_count_updates (world->gateway), ==, 1);
  g_assert_true (world_addr_is (&gateway_sa (world->gateway)->remote.addr, WORLD_HOST_B));
  g_assert_cmpuint (gateway_last_seen (world->gateway, IKE_EXCHANGE_INFORMATIONAL)->id, ==, 2);
}

static void
test_move_without_mobike (void)
{
  IkeConfig config = world_config ();
  g_autoptr (World) world = world_new (&config);

  /* Nobody can tell this gateway: everything once more from the new place. covers: MOB-SUP-004 */
  world->gateway->mobike = FALSE;
  world_start (world, world->a);
  world_run (world, 60 * MS);
  world_move (world, world->b, TRUE);
  world_run_until (world, IKE_EVENT_ESTABLISHED, SEC);
  world_run (world, SEC);
  g_assert_cmpuint (world_count_events (world, IKE_EVENT_ESTABLISHED), ==, 1);
  g_assert_true (world_addr_is (&gateway_sa (world->gateway)->remote.addr, WORLD_HOST_B));
  g_assert_cmpuint (world->gateway->init_requests, ==, 2);
  g_assert_cmpuint (gateway_count_updates (world->gateway), ==, 0);
  world_command (world, IKE_CHECK);
  world_run_until (world, IKE_EVENT_PATH_OK, SEC);
}

/* --- behind a NAT, without MOBIKE --- */

static void
test_nat_without_mobike (void)
{
  IkeConfig config = world_config ();
  g_autoptr (World) world = world_new (&config);

  /* The NAT forgets; the liveness check gets through from the new port, and the session lives. covers: MOB-SUP-005 */
  world->gateway->mobike = FALSE;
  world_start (world, world->nat);
  world_run_until (world, IKE_EVENT_ESTABLISHED, SEC);
  sim_nat_reset (world->sim, world->nat);
  world_run (world, 120 * SEC);
  g_assert_cmpuint (gateway_count_seen (world->gateway, IKE_EXCHANGE_INFORMATIONAL), >=, 2);
  g_assert_cmpuint (gateway_count_updates (world->gateway), ==, 0);
  g_assert_null (world_event (world, IKE_EVENT_DEAD));
}

/* --- another IKE SA --- */

static gboolean
has_remote (const World *world, const char *remote)
{
  IkeStatus status;

  ike_session_get_status (world->session, &status);
  for (guint i = 0; i < status.n_pairs; i++)
    if (world_addr_is (&status.pairs[i].remote.addr, remote))
      return TRUE;
  return FALSE;
}

static void
test_redirected (void)
{
  IkeConfig config = world_config ();
  g_autoptr (World) world = NULL;
  IkePayloads *payloads = ike_payloads_new ();
  static const guint8 target[] = { 1, 4, 203, 0, 113, 3 };
  IkeStatus status;

  /* The other gateway has no MOBIKE: nothing of the old IKE SA's is taken over. covers: MOB-INT-002 */
  config.accept_redirect = TRUE;
  world = world_new (&config);
  world->gateway->additional[0] = "203.0.113.77";
  world_start (world, world->a);
  world_run_until (world, IKE_EVENT_ESTABLISHED, SEC);
  g_assert_true (has_remote (world, "203.0.113.77"));
  world->gateway->additional[0] = NULL;
  world->gateway->mobike = FALSE;
  ike_payloads_add_notify (payloads, IKE_NOTIFY_REDIRECT, target, sizeof target);
  gateway_request (world->gateway, NULL, IKE_EXCHANGE_INFORMATIONAL, payloads);
  world_run_until (world, IKE_EVENT_REDIRECTED, SEC);
  world_run (world, 2 * SEC);
  ike_session_get_status (world->session, &status);
  g_assert_true (world_addr_is (&status.remote.addr, WORLD_GATEWAY2));
  g_assert_false (status.mobike);
  g_assert_false (has_remote (world, "203.0.113.77"));
  g_assert_false (has_remote (world, WORLD_GATEWAY)); /* it is another gateway */
  world_forget (world);
  world_move (world, world->b, TRUE);
  g_assert_cmpstr (world->trace->str, ==, "event:path-failed ");
}

static void
test_reauthenticated (void)
{
  g_autoptr (World) world = world_established (NULL);
  SimLink *links[] = { world->a, world->b, NULL };
  guint sent;

  /* The new one begins where we are; the old one's Delete goes over its own path. covers: MOB-INT-007 */
  world_paths (world, links);
  world_move (world, world->b, TRUE);
  world_run_until (world, IKE_EVENT_PATH_OK, SEC);
  sent = world->sent->len;
  world_command (world, IKE_REAUTHENTICATE);
  world_run (world, SEC);
  g_assert_cmpuint (gateway_live_sas (world->gateway), ==, 1);
  g_assert_cmpuint (world->sent->len, ==, sent + 3);
  for (guint i = sent; i < world->sent->len; i++)
    g_assert_cmpuint (nth_sent (world, i)->ifindex, ==, 2);
  g_assert_cmpint (exchange_of (nth_sent (world, sent + 2)), ==, IKE_EXCHANGE_INFORMATIONAL);
  /* Its paths are known as before. */
  world->b->up_blocked = TRUE;
  world_command (world, IKE_CHECK);
  world_run_until (world, IKE_EVENT_PATH_CHANGED, 5 * SEC);
  world_run (world, SEC);
  g_assert_true (world_addr_is (&gateway_sa (world->gateway)->remote.addr, WORLD_HOST_A));
}

/* --- no NATs allowed --- */

static const IkePayloadNotify *
no_nats_of_auth (const World *world)
{
  return ike_message_find_notify (gateway_first_auth (world->gateway), IKE_NOTIFY_NO_NATS_ALLOWED);
}

static void
test_forbidden (void)
{
  IkeConfig config = world_config ();
  g_autoptr (World) world = NULL;
  const IkePayloadNotify *notify;
  static const guint8 ports[] = { 1, 0xf4, 1, 0xf4 };

  /* covers: MOB-NOP-001, MOB-NOP-008, MOB-NOP-002 */
  config.nat_policy = IKE_NAT_POLICY_FORBID;
  config.force_udp_encap = TRUE; /* of no effect then */
  world = world_new (&config);
  world->gateway->nat_detection = FALSE; /* as a gateway does that is not asked */
  world_start (world, world->a);
  world_run_until (world, IKE_EVENT_ESTABLISHED, SEC);
  g_autoptr (IkeMessage) init = parse_init (nth_sent (world, 0));
  g_assert_null (ike_message_find_notify (init, IKE_NOTIFY_NAT_DETECTION_SOURCE_IP));
  g_assert_cmpint (nth_sent (world, 1)->local.port, ==, IKE_PORT);
  notify = no_nats_of_auth (world);
  g_assert_cmpuint (notify->data.length, ==, 12);
  g_assert_cmpmem (notify->data.data, 4, world->a->host.bytes, 4);
  g_assert_cmpmem (notify->data.data + 4, 4, world->gateway->addr.bytes, 4);
  g_assert_cmpmem (notify->data.data + 8, 4, ports, 4);
  /* A move says it of the new pair. */
  world_move (world, world->b, TRUE);
  world_run_until (world, IKE_EVENT_PATH_OK, SEC);
  notify = ike_message_find_notify (gateway_last_seen (world->gateway, IKE_EXCHANGE_INFORMATIONAL)->message,
                                    IKE_NOTIFY_NO_NATS_ALLOWED);
  g_assert_cmpmem (notify->data.data, 4, world->b->host.bytes, 4);
  g_assert_false (((const IkeChildSa *)g_ptr_array_index (world->children, 0))->udp_encap);
}

/* A gateway that answers unasked: there is still no NAT traversal. */
static void
test_forbidden_unasked (void)
{
  IkeConfig config = world_config ();
  g_autoptr (World) world = NULL;

  config.nat_policy = IKE_NAT_POLICY_FORBID;
  world = world_new (&config);
  world_start (world, world->a);
  world_run_until (world, IKE_EVENT_ESTABLISHED, SEC);
  g_assert_nonnull (no_nats_of_auth (world));
  g_assert_cmpint (nth_sent (world, 1)->local.port, ==, IKE_PORT);
}

static void
test_forbidden_six (void)
{
  IkeConfig config = world_config ();
  g_autoptr (World) world = NULL;
  const IkePayloadNotify *notify;
  SimLink *six;

  /* covers: MOB-NOP-001, MOB-FAM-003 */
  config.nat_policy = IKE_NAT_POLICY_FORBID;
  g_assert_true (roam_addr_parse ("2001:db8::2", &config.gateway));
  world = world_new (&config);
  six = sim_add_link (world->sim, 6, "2001:db8:6::50", 20 * MS);
  world_start (world, six);
  world_run_until (world, IKE_EVENT_ESTABLISHED, SEC);
  notify = no_nats_of_auth (world);
  g_assert_cmpuint (notify->data.length, ==, 36);
  g_assert_cmpmem (notify->data.data, 16, six->host.bytes, 16);
}

static void
test_forbidden_and_found (void)
{
  IkeConfig config = world_config ();
  g_autoptr (World) world = NULL;
  const IkeEvent *event;

  /* From the beginning, several times: the first answers may be forged. Then the user hears of it. */
  /* covers: MOB-NOP-006, MOB-NOP-008 */
  config.nat_policy = IKE_NAT_POLICY_FORBID;
  world = world_new (&config);
  world->gateway->nat_detection = FALSE;
  world->gateway->auth_error_alone = IKE_NOTIFY_UNEXPECTED_NAT_DETECTED;
  world_start (world, world->nat);
  event = world_run_until (world, IKE_EVENT_FAILED, 60 * SEC);
  g_assert_cmpuint (world->gateway->init_requests, ==, 4);
  g_assert_nonnull (strstr (event->reason, "UNEXPECTED_NAT_DETECTED"));
  g_assert_nonnull (strstr (event->advice, "NAT"));
  world_run (world, 60 * SEC);
  g_assert_cmpuint (world->gateway->init_requests, ==, 4);
}

/* With NAT traversal agreed on the notify says nothing to us. */
static void
test_unexpected_unasked (void)
{
  IkeConfig config = world_config ();
  g_autoptr (World) world = world_new (&config);

  world->gateway->auth_error_alone = IKE_NOTIFY_UNEXPECTED_NAT_DETECTED;
  world_start (world, world->a);
  world_run_until (world, IKE_EVENT_FAILED, 60 * SEC);
  g_assert_cmpuint (world->gateway->init_requests, ==, 1);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/ike/start/two-dead", test_two_dead);
  g_test_add_func ("/ike/start/all-dead", test_all_dead);
  g_test_add_func ("/ike/start/families", test_families);
  g_test_add_func ("/ike/start/no-family", test_no_family);
  g_test_add_func ("/ike/start/auth-silent", test_auth_silent);
  g_test_add_func ("/ike/start/refused-everywhere", test_refused_everywhere);
  g_test_add_func ("/ike/start/move-before-auth-arrives", test_move_before_auth_arrives);
  g_test_add_func ("/ike/start/move-after-auth-arrived", test_move_after_auth_arrived);
  g_test_add_func ("/ike/start/move-without-mobike", test_move_without_mobike);
  g_test_add_func ("/ike/start/nat-without-mobike", test_nat_without_mobike);
  g_test_add_func ("/ike/start/redirected", test_redirected);
  g_test_add_func ("/ike/start/reauthenticated", test_reauthenticated);
  g_test_add_func ("/ike/start/forbidden", test_forbidden);
  g_test_add_func ("/ike/start/forbidden-unasked", test_forbidden_unasked);
  g_test_add_func ("/ike/start/forbidden-six", test_forbidden_six);
  g_test_add_func ("/ike/start/forbidden-and-found", test_forbidden_and_found);
  g_test_add_func ("/ike/start/unexpected-unasked", test_unexpected_unasked);
  return g_test_run ();
}
