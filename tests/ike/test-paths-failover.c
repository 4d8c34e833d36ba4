/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A path dies without a word, comes back, or is the last one: what the session does by itself. Virtual time. */
#include "ike/ike-paths-private.h"
#include "tests/ike/world.h"

#include <string.h>

static gint64
event_at (const World *world, IkeEventType type)
{
  for (guint i = world->events->len; i > 0; i--)
    if (g_array_index (world->events, IkeEvent, i - 1).type == type)
      return g_array_index (world->event_times, gint64, i - 1);
  g_assert_not_reached ();
}

static const GwSeen *
last_update (const World *world)
{
  for (guint i = world->gateway->seen->len; i > 0; i--)
    {
      const GwSeen *seen = g_ptr_array_index (world->gateway->seen, i - 1);
      if (seen->is_update)
        return seen;
    }
  g_assert_not_reached ();
}

static const Sent *
nth_sent (const World *world, guint index)
{
  g_assert_cmpuint (world->sent->len, >, index);
  return g_ptr_array_index (world->sent, index);
}

/* Datagrams sent on @link. */
static guint
count_on (const World *world, const SimLink *link)
{
  guint n = 0;

  for (guint i = 0; i < world->sent->len; i++)
    n += nth_sent (world, i)->ifindex == link->ifindex;
  return n;
}

static void
set_dead (SimLink *link, gboolean dead)
{
  link->up_blocked = link->down_blocked = dead;
}

static void
only_to (SimLink *link, const char *server)
{
  g_assert_true (roam_addr_parse (server, &link->only_to));
}

static gint64
now_us (const World *world)
{
  return sim_now (world->sim).boot_us;
}

/* Of the pair with @link and @remote. */
static IkePairStatus
pair_status (const World *world, const SimLink *link, const char *remote)
{
  IkeStatus status;

  ike_session_get_status (world->session, &status);
  for (guint i = 0; i < status.n_pairs; i++)
    if (status.pairs[i].path.ifindex == link->ifindex && world_addr_is (&status.pairs[i].remote.addr, remote))
      return status.pairs[i];
  g_assert_not_reached ();
}

static World *
established_with (SimLink *(*links) (World *world, guint index), const IkeConfig *config)
{
  World *world = world_established (config);
  SimLink *list[IKE_MAX_PATHS + 1] = { NULL };

  for (guint i = 0; (list[i] = links (world, i)); i++)
    ;
  world_paths (world, list);
  world_forget (world);
  return world;
}

static SimLink *
a_and_b (World *world, guint index)
{
  SimLink *links[] = { world->a, world->b, NULL };

  return links[index];
}

static SimLink *
all_three (World *world, guint index)
{
  SimLink *links[] = { world->a, world->b, world->nat, NULL };

  return links[index];
}

/* --- a dead path --- */

static void
test_dead_path (void)
{
  g_autoptr (World) world = established_with (a_and_b, NULL);
  gint64 start = now_us (world);
  const IkeEvent *event;

  /* covers: MOB-TRG-003, MOB-TRG-001, MOB-PT-003, MOB-PT-004, MOB-PT-001 */
  set_dead (world->a, TRUE);
  world_command (world, IKE_CHECK);
  event = world_run_until (world, IKE_EVENT_PATH_CHANGED, 10 * SEC);
  /* 0, 0.5, 1.4 s: the third one asks over the other path too, and that is answered. */
  g_assert_cmpint (event_at (world, IKE_EVENT_PATH_CHANGED) - start, ==, 1400 * MS + 40 * MS);
  g_assert_cmpuint (event->path.ifindex, ==, 2);
  g_assert_true (world_addr_is (&event->path.local, WORLD_HOST_B));
  g_assert_true (world_addr_is (&event->gateway, WORLD_GATEWAY));
  g_assert_cmpstr (world->trace->str, ==, "send send send send move:2 event:path-changed event:path-ok send ");
  /* The question is the request itself, octet by octet. */
  for (guint i = 1; i < 4; i++)
    g_assert_true (g_bytes_equal (nth_sent (world, i)->data, nth_sent (world, 0)->data));
  g_assert_cmpuint (nth_sent (world, 3)->ifindex, ==, 2);
  g_assert_cmpuint (nth_sent (world, 4)->ifindex, ==, 2);
  g_assert_cmpint (nth_sent (world, 4)->at_us, ==, start + 1440 * MS);
  world_run (world, 40 * MS);
  g_assert_true (world_addr_is (&gateway_sa (world->gateway)->remote.addr, WORLD_HOST_B));
  g_assert_cmpuint (last_update (world)->id, ==, gateway_last_seen (world->gateway, IKE_EXCHANGE_INFORMATIONAL)->id);
  g_assert_cmpint (pair_status (world, world->b, WORLD_GATEWAY).state, ==, IKE_PAIR_WORKS);
  g_assert_true (pair_status (world, world->b, WORLD_GATEWAY).in_use);
  g_assert_cmpint (pair_status (world, world->b, WORLD_GATEWAY).rtt_us, ==, 40 * MS);
  g_assert_cmpint (pair_status (world, world->a, WORLD_GATEWAY).state, ==, IKE_PAIR_SILENT);
  g_assert_false (pair_status (world, world->a, WORLD_GATEWAY).in_use);
  world_forget (world);
  world_run (world, 20 * SEC);
  g_assert_cmpuint (world->sent->len, ==, 0); /* no more questions */
}

/* Nobody asked: the liveness check finds it. */
static void
test_noticed_by_liveness (void)
{
  g_autoptr (World) world = established_with (a_and_b, NULL);
  gint64 start = now_us (world);

  /* covers: MOB-GWA-003, MOB-FRT-001 */
  set_dead (world->a, TRUE);
  world_run_until (world, IKE_EVENT_PATH_CHANGED, 60 * SEC);
  g_assert_cmpint (event_at (world, IKE_EVENT_PATH_CHANGED) - start, <=, 30 * SEC + 1440 * MS);
  world_run (world, SEC);
  g_assert_true (world_addr_is (&gateway_sa (world->gateway)->remote.addr, WORLD_HOST_B));
  g_assert_null (world_event (world, IKE_EVENT_PATH_FAILED));
}

/* One packet each way is lost: no other path is bothered. */
static void
test_two_losses (void)
{
  g_autoptr (World) world = established_with (a_and_b, NULL);

  set_dead (world->a, TRUE);
  world_command (world, IKE_CHECK);
  world_run (world, SEC);
  set_dead (world->a, FALSE);
  world_run_until (world, IKE_EVENT_PATH_OK, 5 * SEC);
  world_run (world, 10 * SEC);
  g_assert_null (world_event (world, IKE_EVENT_PATH_CHANGED));
  g_assert_cmpuint (gateway_count_updates (world->gateway), ==, 0);
}

/* The path answers after all, while the others are asked: nothing changes. covers: MOB-PT-002, MOB-PT-009 */
static void
test_comes_back (void)
{
  g_autoptr (World) world = established_with (a_and_b, NULL);

  set_dead (world->a, TRUE);
  world->b->down_blocked = TRUE;
  world_command (world, IKE_CHECK);
  world_run (world, 2 * SEC);
  g_assert_cmpuint (count_on (world, world->b), >=, 1);
  set_dead (world->a, FALSE);
  world_run_until (world, IKE_EVENT_PATH_OK, 5 * SEC);
  world->b->down_blocked = FALSE;
  world_forget (world);
  world_run (world, 20 * SEC);
  g_assert_cmpuint (world->sent->len, ==, 0);
  g_assert_cmpuint (gateway_count_updates (world->gateway), ==, 0);
  g_assert_true (world_addr_is (&gateway_sa (world->gateway)->remote.addr, WORLD_HOST_A));
}

static void
test_request_outstanding (void)
{
  g_autoptr (World) world = established_with (a_and_b, NULL);
  const GwSeen *rekey;

  /* What waits is a rekeying: it is asked over the other path, and ends there. covers: MOB-UPD-006 */
  set_dead (world->a, TRUE);
  world_command (world, IKE_REKEY_CHILD);
  world_run_until (world, IKE_EVENT_PATH_CHANGED, 10 * SEC);
  rekey = gateway_last_seen (world->gateway, IKE_EXCHANGE_CREATE_CHILD_SA);
  g_assert_true (world_addr_is (&rekey->remote.addr, WORLD_HOST_B));
  world_run (world, 200 * MS);
  g_assert_cmpuint (last_update (world)->id, ==, rekey->id + 1);
  g_assert_cmpuint (world->outbound, ==, 2);
  const IkeChildSa *child = g_ptr_array_index (world->children, 1);
  g_assert_true (world_addr_is (&child->outer_local.addr, WORLD_HOST_B));
  g_assert_cmpuint (gateway_count_seen (world->gateway, IKE_EXCHANGE_CREATE_CHILD_SA), ==, 1);
}

static void
test_third_works (void)
{
  g_autoptr (World) world = established_with (all_three, NULL);
  gint64 start = now_us (world);

  /* covers: MOB-PT-003, MOB-PT-007 */
  set_dead (world->a, TRUE);
  set_dead (world->b, TRUE);
  world_command (world, IKE_CHECK);
  world_run_until (world, IKE_EVENT_PATH_CHANGED, 10 * SEC);
  g_assert_cmpint (event_at (world, IKE_EVENT_PATH_CHANGED) - start, <=, 1400 * MS + 300 * MS + 40 * MS);
  g_assert_cmpuint (world_event (world, IKE_EVENT_PATH_CHANGED)->path.ifindex, ==, 3);
  /* A private address to a public one: in UDP before the answer says so. */
  g_assert_nonnull (strstr (world->trace->str, "move:3u "));
  world_run (world, SEC);
  g_assert_true (world_addr_is (&gateway_sa (world->gateway)->remote.addr, WORLD_NAT));
}

static gboolean reached_b;

/* Once something came over b, nothing else does. */
static GwVerdict
close_b (Gateway *gateway, GwSa *sa, const IkeMessage *request, IkePayloads *answer)
{
  World *world = gateway->user;

  if (gateway->seen->len > 0)
    {
      const GwSeen *seen = g_ptr_array_index (gateway->seen, gateway->seen->len - 1);

      if (world_addr_is (&seen->remote.addr, WORLD_HOST_B))
        {
          reached_b = TRUE;
          world->b->up_blocked = TRUE;
        }
    }
  return GW_DEFAULT;
}

static void
test_taken_and_silent (void)
{
  g_autoptr (World) world = established_with (all_three, NULL);

  /* The hint was wrong: the update over b is not answered, so the next one is taken. covers: MOB-PT-004 */
  reached_b = FALSE;
  world->gateway->user = world;
  world->gateway->hook = close_b;
  set_dead (world->a, TRUE);
  world_command (world, IKE_CHECK);
  world_run_until (world, IKE_EVENT_PATH_CHANGED, 10 * SEC);
  g_assert_true (reached_b);
  g_assert_cmpuint (world_event (world, IKE_EVENT_PATH_CHANGED)->path.ifindex, ==, 2);
  world_run_until (world, IKE_EVENT_PATH_CHANGED, 5 * SEC);
  g_assert_cmpuint (world_event (world, IKE_EVENT_PATH_CHANGED)->path.ifindex, ==, 3);
  world_run (world, SEC);
  g_assert_true (world_addr_is (&gateway_sa (world->gateway)->remote.addr, WORLD_NAT));
  g_assert_cmpint (pair_status (world, world->b, WORLD_GATEWAY).state, ==, IKE_PAIR_SILENT);
  g_assert_null (world_event (world, IKE_EVENT_DEAD));
}

/* Only the way to us is dead. covers: MOB-PT-006 */
static void
test_one_way (void)
{
  g_autoptr (World) world = established_with (all_three, NULL);

  world->a->down_blocked = world->b->down_blocked = TRUE;
  world_command (world, IKE_CHECK);
  world_run_until (world, IKE_EVENT_PATH_CHANGED, 10 * SEC);
  g_assert_cmpuint (world_event (world, IKE_EVENT_PATH_CHANGED)->path.ifindex, ==, 3);
  world_run (world, SEC);
  g_assert_cmpint (pair_status (world, world->b, WORLD_GATEWAY).state, ==, IKE_PAIR_SILENT);
}

/*
 * The update itself goes over several pairs. The gateway follows the copy that comes first, and its answer to that
 * is lost; the same answer comes on the path that was meant. Only a further update makes that one true.
 */
static void
test_update_on_several_pairs (void)
{
  g_autoptr (World) world = established_with (all_three, NULL);

  /* covers: MOB-UPD-008, MOB-GWU-004, MOB-PT-003 */
  set_dead (world->b, TRUE);
  world->a->down_blocked = world->nat->down_blocked = TRUE;
  world_move (world, world->b, TRUE);
  world_run (world, 3 * SEC);
  g_assert_cmpuint (gateway_count_updates (world->gateway), >=, 1);
  g_assert_false (world_addr_is (&gateway_sa (world->gateway)->remote.addr, WORLD_HOST_B));
  set_dead (world->b, FALSE);
  world_run_until (world, IKE_EVENT_PATH_OK, 5 * SEC);
  g_assert_true (world_addr_is (&gateway_sa (world->gateway)->remote.addr, WORLD_HOST_B));
  g_assert_cmpuint (last_update (world)->id, ==, 3);
  g_assert_null (world_event (world, IKE_EVENT_PATH_CHANGED));
}

/* --- everything is silent --- */

static void
test_all_silent (void)
{
  static const char *const new_addresses[] = { "203.0.113.77", NULL };
  g_autoptr (World) world = established_with (all_three, NULL);
  gint64 start = now_us (world);
  guint64 spi = gateway_sa (world->gateway)->spi_i;
  guint sent;

  /* The gateway has another address meanwhile. covers: MOB-GWA-004, MOB-GWA-003, MOB-PT-007, MOB-PT-008, MOB-RSP-009 */
  only_to (world->a, "203.0.113.77");
  only_to (world->b, "203.0.113.77");
  only_to (world->nat, "203.0.113.77");
  world_command (world, IKE_CHECK);
  world_run_until (world, IKE_EVENT_RESOLVE, 20 * SEC);
  g_assert_cmpint (event_at (world, IKE_EVENT_RESOLVE) - start, ==, 1400 * MS + 5 * SEC);
  g_assert_cmpstr (world_event (world, IKE_EVENT_RESOLVE)->gateway_name, ==, "");
  world_run (world, 40 * SEC);
  /* The slow cycle: one datagram a pair in half a minute, beside the request's own copies. */
  sent = count_on (world, world->b) + count_on (world, world->nat);
  g_assert_cmpuint (sent, <=, 2 * (IKE_PAIR_TRIES + 1));
  world_run (world, 30 * SEC);
  g_assert_cmpuint (count_on (world, world->b) + count_on (world, world->nat), <=, sent + 4);
  g_assert_cmpuint (world_count_events (world, IKE_EVENT_RESOLVE), >=, 2);
  g_assert_null (world_event (world, IKE_EVENT_DEAD));
  world_gateways (world, new_addresses);
  world_run_until (world, IKE_EVENT_PATH_CHANGED, 5 * SEC);
  world_run (world, SEC);
  g_assert_true (world_addr_is (&gateway_sa (world->gateway)->local.addr, "203.0.113.77"));
  g_assert_cmphex (gateway_sa (world->gateway)->spi_i, ==, spi); /* still the old IKE SA */
  g_assert_null (world_event (world, IKE_EVENT_DEAD));
}

static void
test_given_up (void)
{
  g_autoptr (World) world = established_with (all_three, NULL);
  gint64 start = now_us (world);

  /* Both sides moved, and no name helps: a new IKE SA is all that is left. covers: MOB-GWA-005 */
  set_dead (world->a, TRUE);
  set_dead (world->b, TRUE);
  set_dead (world->nat, TRUE);
  world_command (world, IKE_CHECK);
  world_run_until (world, IKE_EVENT_DEAD, 600 * SEC);
  g_assert_cmpint (event_at (world, IKE_EVENT_DEAD) - start, >, 120 * SEC);
  g_assert_cmpint (event_at (world, IKE_EVENT_DEAD) - start, <, 360 * SEC);
  g_assert_cmpuint (world->outbound, ==, 0);
  set_dead (world->b, FALSE);
  world_start (world, world->b);
  world_run_until (world, IKE_EVENT_ESTABLISHED, SEC);
}

/* --- several addresses of the gateway --- */

static void
test_configured_addresses (void)
{
  IkeConfig config = world_config ();
  RoamAddr more[2];
  g_autoptr (World) world = NULL;

  /* The gateway announced none, but the profile has three. covers: MOB-GWA-001 */
  g_assert_true (roam_addr_parse (WORLD_GATEWAY2, &more[0]));
  g_assert_true (roam_addr_parse ("203.0.113.4", &more[1]));
  config.gateways = more;
  config.n_gateways = 2;
  world = established_with (a_and_b, &config);
  only_to (world->a, "203.0.113.4");
  set_dead (world->b, TRUE);
  world_command (world, IKE_CHECK);
  world_run_until (world, IKE_EVENT_PATH_CHANGED, 10 * SEC);
  g_assert_cmpuint (world_event (world, IKE_EVENT_PATH_CHANGED)->path.ifindex, ==, 1);
  g_assert_true (world_addr_is (&world_event (world, IKE_EVENT_PATH_CHANGED)->gateway, "203.0.113.4"));
  world_run (world, SEC);
  g_assert_true (world_addr_is (&gateway_sa (world->gateway)->local.addr, "203.0.113.4"));
}

static void
test_inside_address_announced (void)
{
  IkeConfig config = world_config ();
  g_autoptr (World) world = world_new (&config);
  SimLink *links[] = { world->a, world->b, NULL };

  /*
   * Behind a static NAT the gateway announces what nobody outside can reach. It is asked last, does not answer,
   * and does no harm. covers: MOB-GWA-006, MOB-ADD-003, MOB-ADD-005
   */
  world->gateway->additional[0] = "10.77.0.2";
  world_start (world, world->a);
  world_run_until (world, IKE_EVENT_ESTABLISHED, SEC);
  world_paths (world, links);
  only_to (world->b, WORLD_GATEWAY);
  set_dead (world->a, TRUE);
  world_forget (world);
  world_command (world, IKE_CHECK);
  world_run_until (world, IKE_EVENT_PATH_CHANGED, 10 * SEC);
  g_assert_cmpuint (world_event (world, IKE_EVENT_PATH_CHANGED)->path.ifindex, ==, 2);
  g_assert_true (world_addr_is (&world_event (world, IKE_EVENT_PATH_CHANGED)->gateway, WORLD_GATEWAY));
  for (guint i = 0; i < world->sent->len; i++)
    if (world_addr_is (&nth_sent (world, i)->remote.addr, "10.77.0.2"))
      g_assert_cmpint (nth_sent (world, i)->at_us, >=, nth_sent (world, 0)->at_us + 1400 * MS);
  world_run (world, 60 * SEC);
  g_assert_true (world_addr_is (&gateway_sa (world->gateway)->local.addr, WORLD_GATEWAY));
}

/* --- families --- */

static void
test_families (void)
{
  IkeConfig config = world_config ();
  g_autoptr (World) world = world_new (&config);
  SimLink *six = sim_add_link (world->sim, 6, "2001:db8:6::50", 20 * MS);
  SimLink *links[] = { world->a, six, NULL };

  /* IPv4 dies, IPv6 is there; then the other way round. covers: MOB-FAM-001, MOB-FAM-002, MOB-FAM-004, MOB-PT-005 */
  world->gateway->additional[0] = "2001:db8::2";
  world_start (world, world->a);
  world_run_until (world, IKE_EVENT_ESTABLISHED, SEC);
  world_paths (world, links);
  set_dead (world->a, TRUE);
  world_forget (world);
  world_command (world, IKE_CHECK);
  world_run_until (world, IKE_EVENT_PATH_CHANGED, 10 * SEC);
  world_run (world, SEC);
  g_assert_true (world_addr_is (&last_update (world)->local.addr, "2001:db8::2"));
  g_assert_nonnull (strstr (world->trace->str, "move:6 ")); /* no NAT: plain ESP */
  set_dead (world->a, FALSE);
  set_dead (six, TRUE);
  world_command (world, IKE_CHECK);
  world_run_until (world, IKE_EVENT_PATH_CHANGED, 10 * SEC);
  world_run (world, SEC);
  g_assert_true (world_addr_is (&last_update (world)->local.addr, WORLD_GATEWAY));
  for (guint i = 0; i < world->sent->len; i++)
    g_assert_cmpint (nth_sent (world, i)->local.addr.family, ==, nth_sent (world, i)->remote.addr.family);
}

/* An access that has IPv6 only, and a translator to the gateway's IPv4 (RFC 6052): it looks like a NAT. */
static void
test_nat64 (void)
{
  static const char *const synthesized[] = { "64:ff9b::cb00:7102", NULL };
  g_autoptr (World) world = world_established (NULL);
  SimLink *six = sim_add_link (world->sim, 6, "2001:db8:64::50", 20 * MS);
  SimLink *links[] = { six, NULL };

  /* covers: MOB-FAM-005, MOB-FAM-004, MOB-FAM-001 */
  g_assert_true (roam_addr_parse ("192.0.2.64", &six->nat));
  g_assert_true (roam_addr_parse (synthesized[0], &six->nat64_from));
  g_assert_true (roam_addr_parse (WORLD_GATEWAY, &six->nat64_to));
  world_forget (world);
  world_paths (world, links);
  world_run (world, 10 * SEC);
  /* There is no IPv6 address of the gateway: nothing can be sent, and the name may have one. */
  g_assert_cmpuint (world->sent->len, ==, 0);
  g_assert_cmpuint (world_count_events (world, IKE_EVENT_RESOLVE), ==, 1);
  world_gateways (world, synthesized);
  world_run_until (world, IKE_EVENT_PATH_CHANGED, SEC);
  world_run (world, SEC);
  g_assert_true (world_addr_is (&gateway_sa (world->gateway)->remote.addr, "192.0.2.64"));
  g_assert_true (world_addr_is (&gateway_sa (world->gateway)->local.addr, WORLD_GATEWAY));
  g_assert_true (world_event (world, IKE_EVENT_NAT_CHANGED)->nat_local);
  g_assert_true (world_event (world, IKE_EVENT_NAT_CHANGED)->nat_remote);
  g_assert_nonnull (strstr (world->trace->str, "move:6u ")); /* ESP in UDP on IPv6 */
  world_move (world, world->a, TRUE);
  world_run_until (world, IKE_EVENT_PATH_OK, SEC);
  g_assert_true (g_str_has_suffix (world->trace->str, "move:1 event:path-ok "));
}

/* --- our addresses come and go --- */

static void
test_used_address_gone (void)
{
  g_autoptr (World) world = established_with (all_three, NULL);
  SimLink *left[] = { world->b, world->nat, NULL };
  gint64 start = now_us (world);

  /* Reliable knowledge: no question before. covers: MOB-TRG-007, MOB-TRG-001 */
  world_paths (world, left);
  g_assert_cmpstr (world->trace->str, ==, "");
  world_run_until (world, IKE_EVENT_PATH_CHANGED, SEC);
  g_assert_cmpint (event_at (world, IKE_EVENT_PATH_CHANGED), ==, start);
  g_assert_cmpstr (world->trace->str, ==, "move:2 event:path-changed send ");
  world_run (world, 100 * MS);
  g_assert_cmpuint (gateway_count_updates (world->gateway), ==, 1);
  g_assert_cmpuint (gateway_count_seen (world->gateway, IKE_EXCHANGE_INFORMATIONAL), ==, 1);
}

/* The coordinator says in the same pass where to go. */
static void
test_used_address_gone_and_move (void)
{
  g_autoptr (World) world = established_with (all_three, NULL);
  SimLink *left[] = { world->b, world->nat, NULL };

  world_paths (world, left);
  world_move (world, world->nat, TRUE);
  g_assert_cmpstr (world->trace->str, ==, "move:3u send ");
  world_run_until (world, IKE_EVENT_PATH_OK, SEC);
  world_run (world, SEC);
  g_assert_null (world_event (world, IKE_EVENT_PATH_CHANGED));
  g_assert_cmpuint (gateway_count_updates (world->gateway), ==, 1);
}

static void
test_other_address_gone (void)
{
  g_autoptr (World) world = established_with (all_three, NULL);
  SimLink *left[] = { world->a, NULL };

  world_paths (world, left);
  world_run (world, 10 * SEC);
  g_assert_cmpstr (world->trace->str, ==, "");
}

static void
test_suspended (void)
{
  g_autoptr (World) world = established_with (a_and_b, NULL);
  SimLink *none[] = { NULL }, *b[] = { world->b, NULL };
  IkeStatus status;

  /* Ten minutes without any address. covers: MOB-FRT-003 */
  world_paths (world, none);
  world_run (world, 600 * SEC);
  g_assert_cmpstr (world->trace->str, ==, "");
  ike_session_get_status (world->session, &status);
  g_assert_cmpstr (status.state, ==, "suspended");
  g_assert_cmpuint (status.n_pairs, ==, 0);
  g_assert_cmpuint (world->outbound, ==, 1);
  world_paths (world, b);
  world_run (world, 100 * MS);
  g_assert_cmpstr (world->trace->str, ==, "move:2 event:path-changed send ");
  g_assert_true (world_addr_is (&gateway_sa (world->gateway)->remote.addr, WORLD_HOST_B));
  ike_session_get_status (world->session, &status);
  g_assert_cmpstr (status.state, ==, "established");
}

static void
test_suspended_and_moved (void)
{
  g_autoptr (World) world = established_with (a_and_b, NULL);
  SimLink *none[] = { NULL };

  world_paths (world, none);
  world_run (world, 300 * SEC);
  world_move (world, world->b, TRUE);
  g_assert_cmpstr (world->trace->str, ==, "move:2 send ");
  world_run_until (world, IKE_EVENT_PATH_OK, SEC);
}

static void
test_same_address_again (void)
{
  g_autoptr (World) world = established_with (a_and_b, NULL);
  SimLink *none[] = { NULL }, *a[] = { world->a, NULL };

  /* It is asked for, not announced. covers: MOB-UPD-017, MOB-FRT-003 */
  world_paths (world, none);
  world_run (world, 100 * SEC);
  world_paths (world, a);
  world_run (world, SEC);
  g_assert_cmpstr (world->trace->str, ==, "send ");
  g_assert_cmpuint (gateway_count_updates (world->gateway), ==, 0);
  g_assert_nonnull (ike_message_find_notify (gateway_last_seen (world->gateway, IKE_EXCHANGE_INFORMATIONAL)->message,
                                             IKE_NOTIFY_NAT_DETECTION_SOURCE_IP));
}

static void
test_suspended_with_request (void)
{
  g_autoptr (World) world = established_with (a_and_b, NULL);
  SimLink *none[] = { NULL }, *b[] = { world->b, NULL };
  guint sent;

  /* The request that waits keeps its number and its octets, and is finished when there is a path again. */
  set_dead (world->a, TRUE);
  world_command (world, IKE_REKEY_CHILD);
  world_run (world, 100 * MS);
  world_paths (world, none);
  sent = world->sent->len;
  world_run (world, 300 * SEC);
  g_assert_cmpuint (world->sent->len, ==, sent);
  world_paths (world, b);
  world_run (world, SEC);
  g_assert_true (g_bytes_equal (nth_sent (world, sent)->data, nth_sent (world, 0)->data));
  g_assert_cmpuint (world->outbound, ==, 2);
  g_assert_true (world_addr_is (&gateway_sa (world->gateway)->remote.addr, WORLD_HOST_B));
}

static void
test_terminated_while_suspended (void)
{
  g_autoptr (World) world = established_with (a_and_b, NULL);
  SimLink *none[] = { NULL };

  world_paths (world, none);
  world_command (world, IKE_TERMINATE);
  g_assert_cmpstr (world->trace->str, ==, "remove:1 event:dead ");
}

/* The IKE SA's own end comes in any case. */
static void
test_hold_time (void)
{
  IkeConfig config = world_config ();
  g_autoptr (World) world = NULL;
  SimLink *none[] = { NULL };

  config.rekey_ike_us = 1200 * SEC;
  world = established_with (a_and_b, &config);
  world_paths (world, none);
  world_run (world, 1200 * SEC);
  g_assert_cmpstr (world->trace->str, ==, "");
  world_run_until (world, IKE_EVENT_DEAD, 700 * SEC);
  g_assert_cmpuint (world->sent->len, ==, 0);
}

/* --- MOVE decides --- */

static void
test_commanded_path_silent (void)
{
  g_autoptr (World) world = established_with (a_and_b, NULL);
  gint64 start = now_us (world);

  /* MOVE to a path that is dead: it is given two seconds, then the other one is taken. */
  set_dead (world->b, TRUE);
  world_move (world, world->b, TRUE);
  world_run_until (world, IKE_EVENT_PATH_CHANGED, 5 * SEC);
  g_assert_cmpint (event_at (world, IKE_EVENT_PATH_CHANGED) - start, ==, 2 * SEC + 40 * MS);
  g_assert_cmpuint (world_event (world, IKE_EVENT_PATH_CHANGED)->path.ifindex, ==, 1);
  world_run (world, 20 * SEC);
  g_assert_null (world_event (world, IKE_EVENT_PATH_FAILED));
  g_assert_null (world_event (world, IKE_EVENT_PATH_OK));
  g_assert_true (world_addr_is (&gateway_sa (world->gateway)->remote.addr, WORLD_HOST_A));
}

static void
test_trial_silent (void)
{
  g_autoptr (World) world = established_with (all_three, NULL);

  /* Make before break: nothing but the path that is on trial is asked. covers: MOB-PT-002 */
  set_dead (world->b, TRUE);
  world_move (world, world->b, FALSE);
  world_run (world, 6 * SEC);
  g_assert_cmpuint (count_on (world, world->b), ==, world->sent->len);
  g_assert_null (strstr (world->trace->str, "move:"));
  world_run_until (world, IKE_EVENT_PATH_FAILED, 2 * SEC);
  world_run (world, SEC);
  g_assert_true (world_addr_is (&gateway_sa (world->gateway)->remote.addr, WORLD_HOST_A));
  g_assert_null (world_event (world, IKE_EVENT_PATH_CHANGED));
}

static void
test_flapping_paths (void)
{
  g_autoptr (World) world = established_with (a_and_b, NULL);
  SimLink *both[] = { world->a, world->b, NULL }, *b[] = { world->b, NULL };

  /* Gone and back within the pass: nobody is told. covers: MOB-TRG-006 */
  for (guint i = 0; i < 10; i++)
    {
      world_paths (world, b);
      world_paths (world, both);
    }
  world_run (world, 10 * SEC);
  g_assert_cmpstr (world->trace->str, ==, "");
}

/* --- bad weather --- */

static void
test_lossy (void)
{
  /* T5: nearly every third datagram is lost, some are late or come twice, and the path in use dies. covers: MOB-FRT-001
   */
  for (guint seed = 1; seed <= 20; seed++)
    {
      g_autoptr (World) world = world_established (NULL);
      SimLink *links[] = { world->a, world->b, world->nat, NULL };
      g_autoptr (RoamRng) rng = roam_rng_new_for_test (seed);
      IkeStatus status;

      world_paths (world, links);
      for (guint i = 0; i < 3; i++)
        {
          links[i]->loss_percent = 30;
          links[i]->jitter_us = 30 * MS;
          links[i]->duplicate_percent = 10;
        }
      for (guint i = 0; i < 10; i++)
        {
          guint dead = roam_rng_below (rng, 3);

          set_dead (links[dead], TRUE);
          world_run (world, 60 * SEC + roam_rng_below (rng, 20000) * MS);
          g_assert_null (world_event (world, IKE_EVENT_DEAD));
          ike_session_get_status (world->session, &status);
          g_assert_cmpuint (status.path.ifindex, !=, links[dead]->ifindex);
          g_assert_true (world_addr_is (&gateway_sa (world->gateway)->remote.addr, status.path.ifindex == 3 ? WORLD_NAT
                                                                                   : status.path.ifindex == 2
                                                                                     ? WORLD_HOST_B
                                                                                     : WORLD_HOST_A));
          set_dead (links[dead], FALSE);
        }
    }
}

/* Somebody who is not the gateway says all sorts of things: it is asked, once, and nothing moves. */
static void
test_forged_hints (void)
{
  g_autoptr (World) world = established_with (a_and_b, NULL);
  const GwSa *sa = gateway_sa (world->gateway);
  IkeHeader header = {
    .spi_i = sa->spi_i, .spi_r = sa->spi_r, .exchange = IKE_EXCHANGE_INFORMATIONAL, .flags = IKE_FLAG_RESPONSE
  };
  static const guint16 lies[] = { IKE_NOTIFY_INVALID_IKE_SPI, IKE_NOTIFY_UNACCEPTABLE_ADDRESSES,
                                  IKE_NOTIFY_UNEXPECTED_NAT_DETECTED, IKE_NOTIFY_UPDATE_SA_ADDRESSES };
  Sent like = { .ifindex = 1 };

  /* covers: MOB-SEC-005, MOB-TRG-002, MOB-SEC-004, MOB-RR-004 */
  like.local = (RoamEndpoint){ world->a->host, IKE_NATT_PORT };
  like.remote = (RoamEndpoint){ world->gateway->addr, IKE_NATT_PORT };
  for (guint i = 0; i < 100; i++)
    {
      g_autoptr (IkePayloads) payloads = ike_payloads_new ();
      g_autoptr (GBytes) message = NULL;

      ike_payloads_add_notify (payloads, lies[i % G_N_ELEMENTS (lies)], NULL, 0);
      message = ike_message_build_clear (&header, payloads);
      world_inject (world, &like, message);
    }
  world_run (world, 5 * SEC);
  g_assert_cmpuint (world->sent->len, ==, 1);
  g_assert_cmpuint (gateway_count_updates (world->gateway), ==, 0);
  g_assert_nonnull (ike_message_find_notify (gateway_last_seen (world->gateway, IKE_EXCHANGE_INFORMATIONAL)->message,
                                             IKE_NOTIFY_COOKIE2));
  g_assert_cmpstr (world->trace->str, ==, "send ");
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/ike/failover/dead-path", test_dead_path);
  g_test_add_func ("/ike/failover/noticed-by-liveness", test_noticed_by_liveness);
  g_test_add_func ("/ike/failover/two-losses", test_two_losses);
  g_test_add_func ("/ike/failover/comes-back", test_comes_back);
  g_test_add_func ("/ike/failover/request-outstanding", test_request_outstanding);
  g_test_add_func ("/ike/failover/third-works", test_third_works);
  g_test_add_func ("/ike/failover/taken-and-silent", test_taken_and_silent);
  g_test_add_func ("/ike/failover/one-way", test_one_way);
  g_test_add_func ("/ike/failover/update-on-several-pairs", test_update_on_several_pairs);
  g_test_add_func ("/ike/failover/all-silent", test_all_silent);
  g_test_add_func ("/ike/failover/given-up", test_given_up);
  g_test_add_func ("/ike/failover/configured-addresses", test_configured_addresses);
  g_test_add_func ("/ike/failover/inside-address-announced", test_inside_address_announced);
  g_test_add_func ("/ike/failover/families", test_families);
  g_test_add_func ("/ike/failover/nat64", test_nat64);
  g_test_add_func ("/ike/failover/used-address-gone", test_used_address_gone);
  g_test_add_func ("/ike/failover/used-address-gone-and-move", test_used_address_gone_and_move);
  g_test_add_func ("/ike/failover/other-address-gone", test_other_address_gone);
  g_test_add_func ("/ike/failover/suspended", test_suspended);
  g_test_add_func ("/ike/failover/suspended-and-moved", test_suspended_and_moved);
  g_test_add_func ("/ike/failover/same-address-again", test_same_address_again);
  g_test_add_func ("/ike/failover/suspended-with-request", test_suspended_with_request);
  g_test_add_func ("/ike/failover/terminated-while-suspended", test_terminated_while_suspended);
  g_test_add_func ("/ike/failover/hold-time", test_hold_time);
  g_test_add_func ("/ike/failover/commanded-path-silent", test_commanded_path_silent);
  g_test_add_func ("/ike/failover/trial-silent", test_trial_silent);
  g_test_add_func ("/ike/failover/flapping-paths", test_flapping_paths);
  g_test_add_func ("/ike/failover/lossy", test_lossy);
  g_test_add_func ("/ike/failover/forged-hints", test_forged_hints);
  return g_test_run ();
}
