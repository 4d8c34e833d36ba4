/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Updates that are refused, address sets of ours, ESP on the wrong pair, proofs of routability. Virtual time. */
#include "tests/ike/world.h"

#include <string.h>

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

static guint
count_notifies (const IkeMessage *message, guint16 type)
{
  guint n = 0;

  for (const IkePayload *p = NULL; (p = ike_message_find_next (message, IKE_PAYLOAD_NOTIFY, p));)
    n += p->notify.notify_type == type;
  return n;
}

static gboolean
announces (const IkeMessage *message, const char *text)
{
  RoamAddr addr;

  g_assert_true (roam_addr_parse (text, &addr));
  for (const IkePayload *p = NULL; (p = ike_message_find_next (message, IKE_PAYLOAD_NOTIFY, p));)
    if ((p->notify.notify_type == IKE_NOTIFY_ADDITIONAL_IP4_ADDRESS ||
         p->notify.notify_type == IKE_NOTIFY_ADDITIONAL_IP6_ADDRESS) &&
        p->notify.data.length == roam_addr_length (&addr) &&
        memcmp (p->notify.data.data, addr.bytes, p->notify.data.length) == 0)
      return TRUE;
  return FALSE;
}

static World *
established_on_all (const IkeConfig *config)
{
  World *world = world_established (config);
  SimLink *links[] = { world->a, world->b, world->nat, NULL };

  world_paths (world, links);
  world_forget (world);
  return world;
}

/* --- refused --- */

/* The number of an address that is refused, and with what. */
typedef struct
{
  const char *refused[3];
  guint16 error;
  guint times; /* 0: always */
  guint n;
} Policy;

static GwVerdict
refuse_by_policy (Gateway *gateway, GwSa *sa, const IkeMessage *request, IkePayloads *answer)
{
  Policy *policy = gateway->user;
  const GwSeen *seen = g_ptr_array_index (gateway->seen, gateway->seen->len - 1);

  (void)sa;
  if (!ike_message_find_notify (request, IKE_NOTIFY_UPDATE_SA_ADDRESSES) ||
      (policy->times && policy->n >= policy->times))
    return GW_DEFAULT;
  for (guint i = 0; i < G_N_ELEMENTS (policy->refused) && policy->refused[i]; i++)
    if (world_addr_is (&seen->remote.addr, policy->refused[i]))
      {
        policy->n++;
        ike_payloads_add_notify (answer, policy->error, NULL, 0);
        return GW_ANSWER;
      }
  return GW_DEFAULT;
}

static void
set_policy (World *world, Policy *policy)
{
  world->gateway->user = policy;
  world->gateway->hook = refuse_by_policy;
}

static void
test_refused_next (void)
{
  Policy policy = { { WORLD_HOST_B }, IKE_NOTIFY_UNACCEPTABLE_ADDRESSES, 0, 0 };
  g_autoptr (World) world = established_on_all (NULL);
  SimLink *left[] = { world->b, world->nat, NULL };
  IkeStatus status;

  /* The next pair. covers: MOB-RSP-003, MOB-TRG-001 */
  set_policy (world, &policy);
  world_paths (world, left);
  world_move (world, world->b, TRUE);
  world_run_until (world, IKE_EVENT_PATH_CHANGED, SEC);
  g_assert_cmpuint (world_count_events (world, IKE_EVENT_PATH_FAILED), ==, 1);
  g_assert_cmpuint (world_event (world, IKE_EVENT_PATH_CHANGED)->path.ifindex, ==, 3);
  world_run (world, SEC);
  g_assert_true (world_addr_is (&gateway_sa (world->gateway)->remote.addr, WORLD_NAT));
  ike_session_get_status (world->session, &status);
  for (guint i = 0; i < status.n_pairs; i++)
    if (status.pairs[i].path.ifindex == 2)
      g_assert_cmpint (status.pairs[i].state, ==, IKE_PAIR_REFUSED);
}

static void
test_refused_back (void)
{
  Policy policy = { { WORLD_HOST_B, WORLD_NAT }, IKE_NOTIFY_UNACCEPTABLE_ADDRESSES, 0, 0 };
  g_autoptr (World) world = established_on_all (NULL);

  /* Back to the one before, with an update of its own. covers: MOB-RSP-003 */
  set_policy (world, &policy);
  world_move (world, world->b, TRUE);
  world_run (world, SEC);
  g_assert_true (world_addr_is (&gateway_sa (world->gateway)->remote.addr, WORLD_HOST_A));
  g_assert_true (world_addr_is (&last_update (world)->remote.addr, WORLD_HOST_A));
  g_assert_cmpuint (policy.n, ==, 2);
  g_assert_nonnull (strstr (world->trace->str, "move:1 "));
  g_assert_null (world_event (world, IKE_EVENT_DEAD));
}

static void
test_refused_everywhere (void)
{
  Policy policy = { { WORLD_HOST_B, WORLD_NAT }, IKE_NOTIFY_UNACCEPTABLE_ADDRESSES, 0, 0 };
  g_autoptr (World) world = established_on_all (NULL);
  SimLink *left[] = { world->b, world->nat, NULL };

  /* Disconnected, with the reason. covers: MOB-RSP-003 */
  set_policy (world, &policy);
  world_paths (world, left);
  world_move (world, world->b, TRUE);
  world_run_until (world, IKE_EVENT_DEAD, 10 * SEC);
  g_assert_nonnull (strstr (world_event (world, IKE_EVENT_DEAD)->reason, "UNACCEPTABLE_ADDRESSES"));
  g_assert_cmpuint (world->outbound, ==, 0);
  g_assert_true (gateway_sa (world->gateway) == NULL);
}

static void
test_refused_trial (void)
{
  Policy policy = { { WORLD_HOST_B }, IKE_NOTIFY_UNACCEPTABLE_ADDRESSES, 0, 0 };
  g_autoptr (World) world = established_on_all (NULL);

  set_policy (world, &policy);
  world_move (world, world->b, FALSE);
  world_run_until (world, IKE_EVENT_PATH_FAILED, SEC);
  world_run (world, SEC);
  g_assert_true (world_addr_is (&gateway_sa (world->gateway)->remote.addr, WORLD_HOST_A));
  g_assert_null (world_event (world, IKE_EVENT_PATH_CHANGED));
  g_assert_null (strstr (world->trace->str, "move:"));
}

static void
test_temporary_failure (void)
{
  Policy policy = { { WORLD_HOST_B }, IKE_NOTIFY_TEMPORARY_FAILURE, 2, 0 };
  g_autoptr (World) world = established_on_all (NULL);
  gint64 start = sim_now (world->sim).boot_us;

  /* It may do better the next time: 1 s, 2 s. covers: MOB-RSP-008 */
  set_policy (world, &policy);
  world_move (world, world->b, TRUE);
  world_run_until (world, IKE_EVENT_PATH_OK, 10 * SEC);
  g_assert_cmpint (sim_now (world->sim).boot_us - start, ==, 3 * SEC + 120 * MS);
  g_assert_cmpuint (gateway_count_updates (world->gateway), ==, 3);
}

static World *
world_without_nats (Policy *policy)
{
  IkeConfig config = world_config ();
  World *world;

  config.nat_policy = IKE_NAT_POLICY_FORBID;
  world = world_new (&config);
  world->gateway->nat_detection = FALSE;
  world_start (world, world->a);
  world_run_until (world, IKE_EVENT_ESTABLISHED, SEC);
  set_policy (world, policy);
  return world;
}

static void
test_nat_found (void)
{
  Policy policy = { { WORLD_NAT }, IKE_NOTIFY_UNEXPECTED_NAT_DETECTED, 0, 0 };
  g_autoptr (World) world = world_without_nats (&policy);
  guint32 last_id = 0;

  /* New requests, as often as others are repeated; then the path is of no use. covers: MOB-NOP-006, MOB-RSP-002 */
  world_move (world, world->nat, FALSE);
  world_run_until (world, IKE_EVENT_PATH_FAILED, 7 * SEC);
  g_assert_cmpuint (policy.n, ==, 6);
  g_assert_nonnull (strstr (world_event (world, IKE_EVENT_PATH_FAILED)->reason, "UNEXPECTED_NAT_DETECTED"));
  for (guint i = 0; i < world->gateway->seen->len; i++)
    {
      const GwSeen *seen = g_ptr_array_index (world->gateway->seen, i);

      if (!seen->is_update || !world_addr_is (&seen->remote.addr, WORLD_NAT))
        continue;
      g_assert_cmpuint (seen->id, >, last_id);
      last_id = seen->id;
    }
  world_run (world, SEC);
  g_assert_true (world_addr_is (&gateway_sa (world->gateway)->remote.addr, WORLD_HOST_A));
}

static void
test_nat_found_once (void)
{
  Policy policy = { { WORLD_HOST_B }, IKE_NOTIFY_UNEXPECTED_NAT_DETECTED, 2, 0 };
  g_autoptr (World) world = world_without_nats (&policy);

  world_move (world, world->b, TRUE);
  world_run_until (world, IKE_EVENT_PATH_OK, 7 * SEC);
  g_assert_null (world_event (world, IKE_EVENT_PATH_FAILED));
}

static void
test_nat_notify_of_old_pair (void)
{
  Policy policy = { { WORLD_NAT, WORLD_HOST_B }, IKE_NOTIFY_UNEXPECTED_NAT_DETECTED, 1, 0 };
  g_autoptr (World) world = world_without_nats (&policy);

  /*
   * Two moves in a row: what the first update says of its pair does not fit the second one. It is answered with
   * an error, which means nothing, and a new request with the new pair's addresses follows at once.
   * covers: MOB-NOP-007
   */
  world->b->down_blocked = TRUE;
  world_move (world, world->nat, TRUE);
  world->nat->up_blocked = TRUE;
  world_run (world, 10 * MS);
  world->b->down_blocked = FALSE;
  world_move (world, world->b, TRUE);
  world_run_until (world, IKE_EVENT_PATH_OK, SEC);
  g_assert_null (world_event (world, IKE_EVENT_PATH_FAILED));
  const IkePayloadNotify *notify = ike_message_find_notify (last_update (world)->message, IKE_NOTIFY_NO_NATS_ALLOWED);
  g_assert_cmpmem (notify->data.data, 4, world->b->host.bytes, 4);
}

/* A notify of a length that fits no family, or the other one, is a mismatch like any other. */
static void
test_no_nats_lengths (void)
{
  static const gsize lengths[] = { 0, 11, 13, 36, 37 };
  static const guint8 zeros[64];

  /* covers: MOB-NOP-005 */
  for (guint i = 0; i < G_N_ELEMENTS (lengths); i++)
    {
      g_autoptr (World) world = world_established (NULL);
      IkePayloads *payloads = ike_payloads_new ();

      ike_payloads_add_notify (payloads, IKE_NOTIFY_NO_NATS_ALLOWED, zeros, lengths[i]);
      gateway_request (world->gateway, NULL, IKE_EXCHANGE_INFORMATIONAL, payloads);
      world_run (world, 45 * MS);
      g_assert_nonnull (ike_message_find_notify (world->gateway->last_answer, IKE_NOTIFY_UNEXPECTED_NAT_DETECTED));
    }
}

/* 12 octets, and all of them right, on an IPv6 path. */
static void
test_no_nats_of_other_family (void)
{
  IkeConfig config = world_config ();
  g_autoptr (World) world = world_new (&config);
  SimLink *six = sim_add_link (world->sim, 6, "2001:db8:6::50", 20 * MS);
  IkePayloads *payloads = ike_payloads_new ();
  guint8 data[12] = { 203, 0, 113, 2, 198, 51, 100, 50, 0x11, 0x94, 0x11, 0x94 };

  /* covers: MOB-NOP-005, MOB-NOP-004 */
  world->gateway->additional[0] = "2001:db8::2";
  world_start (world, world->a);
  world_run_until (world, IKE_EVENT_ESTABLISHED, SEC);
  world_move (world, six, TRUE);
  world_run_until (world, IKE_EVENT_PATH_OK, SEC);
  ike_payloads_add_notify (payloads, IKE_NOTIFY_NO_NATS_ALLOWED, data, sizeof data);
  gateway_request (world->gateway, NULL, IKE_EXCHANGE_INFORMATIONAL, payloads);
  world_run (world, 45 * MS);
  g_assert_nonnull (ike_message_find_notify (world->gateway->last_answer, IKE_NOTIFY_UNEXPECTED_NAT_DETECTED));
}

/* --- our own addresses --- */

static World *
announcing (void)
{
  IkeConfig config = world_config ();
  World *world;
  SimLink *links[4] = { NULL };

  config.announce_addresses = TRUE;
  world = world_new (&config);
  links[0] = world->a;
  links[1] = world->b;
  links[2] = world->nat;
  world_paths (world, links);
  world_start (world, world->a);
  world_run_until (world, IKE_EVENT_ESTABLISHED, SEC);
  world_forget (world);
  return world;
}

static void
test_announced_in_auth (void)
{
  g_autoptr (World) world = announcing ();
  const IkeMessage *auth = gateway_first_auth (world->gateway);

  /* covers: MOB-ADD-001, MOB-SET-001 */
  g_assert_cmpuint (count_notifies (auth, IKE_NOTIFY_ADDITIONAL_IP4_ADDRESS), ==, 2);
  g_assert_true (announces (auth, WORLD_HOST_B));
  g_assert_true (announces (auth, WORLD_HOST_NAT));
  g_assert_false (announces (auth, WORLD_HOST_A)); /* it is in the header */
}

static void
test_not_announced (void)
{
  IkeConfig config = world_config ();
  g_autoptr (World) world = world_new (&config);
  SimLink *links[] = { world->a, world->b, NULL }, *left[] = { world->a, NULL };

  /* The default: nobody is told where else we are. covers: MOB-ADD-008, MOB-SET-009 */
  world_paths (world, links);
  world_start (world, world->a);
  world_run_until (world, IKE_EVENT_ESTABLISHED, SEC);
  world_move (world, world->b, TRUE);
  world_run_until (world, IKE_EVENT_PATH_OK, SEC);
  world_move (world, world->a, TRUE);
  world_run_until (world, IKE_EVENT_PATH_OK, SEC);
  world_paths (world, left);
  world_run (world, 20 * SEC);
  for (guint i = 0; i < world->gateway->seen->len; i++)
    {
      const GwSeen *seen = g_ptr_array_index (world->gateway->seen, i);

      if (!seen->message)
        continue;
      g_assert_cmpuint (count_notifies (seen->message, IKE_NOTIFY_ADDITIONAL_IP4_ADDRESS), ==, 0);
      g_assert_cmpuint (count_notifies (seen->message, IKE_NOTIFY_ADDITIONAL_IP6_ADDRESS), ==, 0);
      g_assert_cmpuint (count_notifies (seen->message, IKE_NOTIFY_NO_ADDITIONAL_ADDRESSES), ==, 0);
    }
}

static void
test_list_in_update (void)
{
  g_autoptr (World) world = announcing ();
  SimLink *left[] = { world->b, world->nat, NULL };
  const IkeMessage *update;

  /* One link is gone, another one is used: one request says both. covers: MOB-SET-010, MOB-UPD-014, MOB-SET-001 */
  world_paths (world, left);
  world_move (world, world->b, TRUE);
  world_run_until (world, IKE_EVENT_PATH_OK, SEC);
  world_run (world, 10 * SEC);
  g_assert_cmpuint (gateway_count_seen (world->gateway, IKE_EXCHANGE_INFORMATIONAL), ==, 1);
  update = last_update (world)->message;
  g_assert_cmpuint (count_notifies (update, IKE_NOTIFY_ADDITIONAL_IP4_ADDRESS), ==, 1);
  g_assert_true (announces (update, WORLD_HOST_NAT));
}

static void
test_list_alone (void)
{
  g_autoptr (World) world = announcing ();
  SimLink *two[] = { world->a, world->b, NULL }, *one[] = { world->a, NULL };
  const GwSeen *seen;

  /* The whole list each time; nothing is a list too. covers: MOB-SET-001, MOB-SET-002 */
  world_paths (world, two);
  world_run (world, SEC);
  seen = gateway_last_seen (world->gateway, IKE_EXCHANGE_INFORMATIONAL);
  g_assert_false (seen->is_update);
  g_assert_cmpuint (count_notifies (seen->message, IKE_NOTIFY_ADDITIONAL_IP4_ADDRESS), ==, 1);
  g_assert_true (announces (seen->message, WORLD_HOST_B));
  g_assert_cmpuint (count_notifies (seen->message, IKE_NOTIFY_NO_ADDITIONAL_ADDRESSES), ==, 0);
  world_paths (world, one);
  world_run (world, SEC);
  seen = gateway_last_seen (world->gateway, IKE_EXCHANGE_INFORMATIONAL);
  g_assert_cmpuint (count_notifies (seen->message, IKE_NOTIFY_ADDITIONAL_IP4_ADDRESS), ==, 0);
  g_assert_cmpuint (count_notifies (seen->message, IKE_NOTIFY_NO_ADDITIONAL_ADDRESSES), ==, 1);
  g_assert_cmpuint (count_notifies (seen->message, IKE_NOTIFY_COOKIE2), ==, 1);
  g_assert_cmpuint (gateway_count_seen (world->gateway, IKE_EXCHANGE_INFORMATIONAL), ==, 2);
  /* The same again is no news. */
  world_paths (world, one);
  world_run (world, SEC);
  g_assert_cmpuint (gateway_count_seen (world->gateway, IKE_EXCHANGE_INFORMATIONAL), ==, 2);
}

static void
test_list_while_moving (void)
{
  g_autoptr (World) world = announcing ();
  SimLink *two[] = { world->a, world->b, NULL };
  const GwSeen *list;
  guint32 id;

  /* The list went out from two addresses, and the gateway cannot tell which one counts: it is said once more. */
  /* covers: MOB-SET-006 */
  world->a->down_blocked = TRUE;
  world_paths (world, two);
  world_run (world, 300 * MS);
  list = gateway_last_seen (world->gateway, IKE_EXCHANGE_INFORMATIONAL);
  g_assert_cmpuint (count_notifies (list->message, IKE_NOTIFY_ADDITIONAL_IP4_ADDRESS), ==, 1);
  id = list->id;
  world_move (world, world->b, TRUE);
  world_run_until (world, IKE_EVENT_PATH_OK, SEC);
  world_run (world, 5 * SEC);
  list = gateway_last_seen (world->gateway, IKE_EXCHANGE_INFORMATIONAL);
  g_assert_cmpuint (list->id, >, id);
  g_assert_true (list->is_update);
  g_assert_true (announces (list->message, WORLD_HOST_A));
  g_assert_false (announces (list->message, WORLD_HOST_B));
}

static void
test_list_without_nats (void)
{
  IkeConfig config = world_config ();
  g_autoptr (World) world = NULL;
  SimLink *two[4] = { NULL };
  const GwSeen *seen;

  /* covers: MOB-NOP-001 */
  config.nat_policy = IKE_NAT_POLICY_FORBID;
  config.announce_addresses = TRUE;
  world = world_new (&config);
  world->gateway->nat_detection = FALSE;
  world_start (world, world->a);
  world_run_until (world, IKE_EVENT_ESTABLISHED, SEC);
  two[0] = world->a;
  two[1] = world->b;
  world_paths (world, two);
  world_run (world, SEC);
  seen = gateway_last_seen (world->gateway, IKE_EXCHANGE_INFORMATIONAL);
  g_assert_cmpuint (count_notifies (seen->message, IKE_NOTIFY_ADDITIONAL_IP4_ADDRESS), ==, 1);
  g_assert_cmpuint (count_notifies (seen->message, IKE_NOTIFY_NO_NATS_ALLOWED), ==, 1);
  two[1] = NULL;
  world_paths (world, two);
  world_run (world, SEC);
  seen = gateway_last_seen (world->gateway, IKE_EXCHANGE_INFORMATIONAL);
  g_assert_cmpuint (count_notifies (seen->message, IKE_NOTIFY_NO_ADDITIONAL_ADDRESSES), ==, 1);
  g_assert_cmpuint (count_notifies (seen->message, IKE_NOTIFY_NO_NATS_ALLOWED), ==, 1);
}

/* --- the gateway's list --- */

static void
announce_by_gateway (World *world, const char *const *addresses)
{
  IkePayloads *payloads = ike_payloads_new ();

  for (guint i = 0; addresses[i]; i++)
    {
      RoamAddr addr;
      g_assert_true (roam_addr_parse (addresses[i], &addr));
      ike_payloads_add_notify_addr (payloads, IKE_NOTIFY_ADDITIONAL_IP4_ADDRESS, &addr);
    }
  gateway_request (world->gateway, NULL, IKE_EXCHANGE_INFORMATIONAL, payloads);
  world_run (world, 100 * MS);
}

static void
test_preferred_address (void)
{
  static const char *const others[] = { WORLD_GATEWAY2, "203.0.113.4", NULL };
  g_autoptr (World) world = established_on_all (NULL);

  /* The present address is still there (in the header): it works, so it stays. covers: MOB-GWA-002, MOB-ADD-005 */
  announce_by_gateway (world, others);
  world_run (world, 20 * SEC);
  g_assert_cmpstr (world->trace->str, ==, "send ");
  /* It vanished: the one that the gateway speaks from is taken. */
  g_assert_true (roam_addr_parse (WORLD_GATEWAY2, &gateway_sa (world->gateway)->local.addr));
  announce_by_gateway (world, &others[1]);
  g_assert_cmpuint (world_count_events (world, IKE_EVENT_PATH_CHANGED), ==, 1);
  g_assert_true (world_addr_is (&world_event (world, IKE_EVENT_PATH_CHANGED)->gateway, WORLD_GATEWAY2));
  g_assert_true (world_addr_is (&last_update (world)->local.addr, WORLD_GATEWAY2));
}

/* --- ESP --- */

static void
traffic_from (World *world, const char *local, const char *remote)
{
  RoamNow now = sim_now (world->sim);
  RoamAddr to, from;

  g_assert_true (roam_addr_parse (local, &to));
  g_assert_true (roam_addr_parse (remote, &from));
  ike_session_input_traffic_from (world->session, &now, 1, &to, &from);
  world_traffic (world, 99); /* an unknown one: takes the actions */
}

static void
test_esp_on_old_pair (void)
{
  g_autoptr (World) world = world_established (NULL);
  guint before;

  /* The gateway confirmed, but its data plane did not follow. covers: MOB-DPD-001, MOB-DPD-002, MOB-RR-011 */
  world_move (world, world->b, TRUE);
  world_run_until (world, IKE_EVENT_PATH_OK, SEC);
  world_run (world, SEC);
  before = gateway_count_seen (world->gateway, IKE_EXCHANGE_INFORMATIONAL);
  for (guint i = 0; i <= 10; i++)
    {
      g_assert_cmpuint (gateway_count_seen (world->gateway, IKE_EXCHANGE_INFORMATIONAL), ==, before);
      traffic_from (world, WORLD_HOST_A, WORLD_GATEWAY);
      world_run (world, SEC);
    }
  /* Asked, and then told again. */
  g_assert_cmpuint (gateway_count_seen (world->gateway, IKE_EXCHANGE_INFORMATIONAL), ==, before + 2);
  g_assert_cmpuint (gateway_count_updates (world->gateway), ==, 2);
  g_assert_true (gateway_last_seen (world->gateway, IKE_EXCHANGE_INFORMATIONAL)->is_update);
}

static void
test_esp_on_right_pair (void)
{
  g_autoptr (World) world = world_established (NULL);

  /* A few late packets of the old pair between those of the new one. */
  world_move (world, world->b, TRUE);
  world_run_until (world, IKE_EVENT_PATH_OK, SEC);
  world_forget (world);
  for (guint i = 0; i < 60; i++)
    {
      traffic_from (world, i % 5 ? WORLD_HOST_B : WORLD_HOST_A, WORLD_GATEWAY);
      world_run (world, SEC);
    }
  g_assert_cmpuint (world->sent->len, ==, 0);
}

static void
test_esp_elsewhere_is_no_life (void)
{
  g_autoptr (World) world = world_established (NULL);
  gint64 start = sim_now (world->sim).boot_us;

  /* Liveness goes on being asked for. covers: MOB-DPD-001 */
  world->b->up_blocked = TRUE; /* the update is never confirmed */
  world_move (world, world->b, TRUE);
  while (!world_event (world, IKE_EVENT_DEAD) && sim_now (world->sim).boot_us - start < 600 * SEC)
    {
      traffic_from (world, WORLD_HOST_A, WORLD_GATEWAY);
      world_run (world, SEC);
    }
  g_assert_nonnull (world_event (world, IKE_EVENT_DEAD));
}

/* --- proofs of routability --- */

static void
test_routability_interval (void)
{
  IkeConfig config = world_config ();
  g_autoptr (World) world = NULL;
  g_autoptr (GHashTable) cookies =
    g_hash_table_new_full (g_bytes_hash, g_bytes_equal, (GDestroyNotify)g_bytes_unref, NULL);

  /* covers: MOB-RR-012, MOB-RR-002, MOB-RR-004, MOB-RR-005 */
  config.routability_interval_us = 60 * SEC;
  config.dpd_interval_us = 3600 * SEC;
  world = world_established (&config);
  world_run (world, 605 * SEC);
  for (guint i = 0; i < world->gateway->seen->len; i++)
    {
      const GwSeen *seen = g_ptr_array_index (world->gateway->seen, i);
      const IkePayloadNotify *cookie2;

      if (seen->exchange != IKE_EXCHANGE_INFORMATIONAL)
        continue;
      cookie2 = ike_message_find_notify (seen->message, IKE_NOTIFY_COOKIE2);
      g_assert_cmpuint (cookie2->data.length, ==, 16);
      g_hash_table_add (cookies, g_bytes_new (cookie2->data.data, cookie2->data.length));
    }
  g_assert_cmpuint (g_hash_table_size (cookies), ==, 10);
  g_assert_cmpuint (gateway_count_updates (world->gateway), ==, 0);
  world->gateway->wrong_cookie2 = TRUE;
  world_run_until (world, IKE_EVENT_DEAD, 61 * SEC);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/ike/move/refused-next", test_refused_next);
  g_test_add_func ("/ike/move/refused-back", test_refused_back);
  g_test_add_func ("/ike/move/refused-everywhere", test_refused_everywhere);
  g_test_add_func ("/ike/move/refused-trial", test_refused_trial);
  g_test_add_func ("/ike/move/temporary-failure", test_temporary_failure);
  g_test_add_func ("/ike/move/nat-found", test_nat_found);
  g_test_add_func ("/ike/move/nat-found-once", test_nat_found_once);
  g_test_add_func ("/ike/move/nat-notify-of-old-pair", test_nat_notify_of_old_pair);
  g_test_add_func ("/ike/move/no-nats-lengths", test_no_nats_lengths);
  g_test_add_func ("/ike/move/no-nats-of-other-family", test_no_nats_of_other_family);
  g_test_add_func ("/ike/move/announced-in-auth", test_announced_in_auth);
  g_test_add_func ("/ike/move/not-announced", test_not_announced);
  g_test_add_func ("/ike/move/list-in-update", test_list_in_update);
  g_test_add_func ("/ike/move/list-alone", test_list_alone);
  g_test_add_func ("/ike/move/list-while-moving", test_list_while_moving);
  g_test_add_func ("/ike/move/list-without-nats", test_list_without_nats);
  g_test_add_func ("/ike/move/preferred-address", test_preferred_address);
  g_test_add_func ("/ike/move/esp-on-old-pair", test_esp_on_old_pair);
  g_test_add_func ("/ike/move/esp-on-right-pair", test_esp_on_right_pair);
  g_test_add_func ("/ike/move/esp-elsewhere-is-no-life", test_esp_elsewhere_is_no_life);
  g_test_add_func ("/ike/move/routability-interval", test_routability_interval);
  return g_test_run ();
}
