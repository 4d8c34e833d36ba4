/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* MOBIKE (RFC 4555) of an IkeSession: its moves, their failures, NATs. Scripted gateway, virtual time. */
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

/* --- the plain move --- */

static void
test_move_now (void)
{
  g_autoptr (World) world = world_established (NULL);
  const IkeEvent *event;
  gint64 start;

  /* covers: MOB-UPD-001, MOB-UPD-002, MOB-TRG-007, MOB-SUP-007 */
  world_forget (world);
  start = sim_now (world->sim).boot_us;
  world_move (world, world->b, TRUE);
  g_assert_cmpstr (world->trace->str, ==, "move:2 send ");
  g_assert_cmpuint (nth_sent (world, 0)->ifindex, ==, 2);
  g_assert_cmpint (nth_sent (world, 0)->at_us, ==, start);
  event = world_run_until (world, IKE_EVENT_PATH_OK, SEC);
  g_assert_cmpuint (event->serial, ==, 2);
  g_assert_cmpint (event_at (world, IKE_EVENT_PATH_OK) - start, ==, 40 * MS);
  g_assert_cmpint (event->rtt_us, ==, 40 * MS);
  g_assert_cmpstr (world->trace->str, ==, "move:2 send event:path-ok ");
  g_assert_true (world_addr_is (&gateway_sa (world->gateway)->remote.addr, WORLD_HOST_B));
}

static void
test_move_late (void)
{
  g_autoptr (World) world = world_established (NULL);

  /* covers: MOB-RSP-004 */
  world_forget (world);
  world_move (world, world->b, FALSE);
  if (!world_dialect ()->routability_before_move)
    {
      g_assert_cmpstr (world->trace->str, ==, "move:2 send ");
      world_run_until (world, IKE_EVENT_PATH_OK, SEC);
      g_assert_cmpstr (world->trace->str, ==, "move:2 send event:path-ok ");
      return;
    }
  g_assert_cmpstr (world->trace->str, ==, "send ");
  world_run_until (world, IKE_EVENT_PATH_OK, SEC);
  g_assert_cmpstr (world->trace->str, ==, "send move:2 event:path-ok ");
}

static void
test_update_message (void)
{
  g_autoptr (World) world = world_established (NULL);
  const GwSa *sa = gateway_sa (world->gateway);
  guint8 hash[IKE_NAT_DETECTION_LENGTH];
  const IkePayloadNotify *notify;
  const GwSeen *update;
  guint32 before;

  /* covers: MOB-UPD-009, MOB-UPD-010, MOB-UPD-011, MOB-UPD-013, MOB-RR-005, MOB-NOP-002, MOB-FAM-003, MOB-INT-001 */
  before = gateway_last_seen (world->gateway, IKE_EXCHANGE_IKE_AUTH)->id;
  world_move (world, world->b, TRUE);
  world_run_until (world, IKE_EVENT_PATH_OK, SEC);
  update = last_update (world);
  g_assert_cmpuint (update->id, ==, before + 1);
  g_assert_cmpuint (update->message->n_payloads, ==, 4);
  g_assert_cmpuint (ike_message_find_notify (update->message, world_dialect ()->update)->data.length, ==, 0);
  notify = ike_message_find_notify (update->message, world_dialect ()->cookie2);
  g_assert_cmpuint (notify->data.length, ==, 16);
  notify = ike_message_find_notify (update->message, IKE_NOTIFY_NAT_DETECTION_SOURCE_IP);
  ike_nat_detection_hash (sa->spi_i, sa->spi_r, &(RoamEndpoint){ world->b->host, 4500 }, hash);
  g_assert_cmpmem (notify->data.data, notify->data.length, hash, sizeof hash);
  notify = ike_message_find_notify (update->message, IKE_NOTIFY_NAT_DETECTION_DESTINATION_IP);
  ike_nat_detection_hash (sa->spi_i, sa->spi_r, &(RoamEndpoint){ world->gateway->addr, 4500 }, hash);
  g_assert_cmpmem (notify->data.data, notify->data.length, hash, sizeof hash);
  g_assert_null (ike_message_find_notify (update->message, world_dialect ()->nat_forbid));
  g_assert_false (update->message->fragmented);
}

static void
test_no_nat_traversal (void)
{
  IkeConfig config = world_config ();
  g_autoptr (World) world = world_new (&config);
  const IkePayloadNotify *notify;

  /* covers: MOB-UPD-012 */
  world->gateway->nat_detection = FALSE;
  world_start (world, world->a);
  world_run_until (world, IKE_EVENT_ESTABLISHED, SEC);
  world_move (world, world->b, TRUE);
  world_run_until (world, IKE_EVENT_PATH_OK, SEC);
  notify = ike_message_find_notify (last_update (world)->message, world_dialect ()->nat_forbid);
  g_assert_null (ike_message_find_notify (last_update (world)->message, IKE_NOTIFY_NAT_DETECTION_SOURCE_IP));
  g_assert_cmpint (last_update (world)->remote.port, ==, IKE_PORT);
  if (!world_dialect ()->nat_forbid_without_natt)
    {
      g_assert_null (notify);
      return;
    }
  g_assert_cmpuint (notify->data.length, ==, 12);
  g_assert_cmpmem (notify->data.data, 4, world->b->host.bytes, 4);
  g_assert_cmpmem (notify->data.data + 4, 4, world->gateway->addr.bytes, 4);
}

static void
test_without_mobike (void)
{
  IkeConfig config = world_config ();
  g_autoptr (World) world = world_new (&config);

  /* covers: MOB-SUP-003, MOB-SUP-004 */
  world->gateway->mobike = world->gateway->mopo = FALSE;
  world_start (world, world->a);
  world_run_until (world, IKE_EVENT_ESTABLISHED, SEC);
  g_assert_false (world_event (world, IKE_EVENT_ESTABLISHED)->mobike);
  world_forget (world);
  world_move (world, world->b, TRUE);
  g_assert_cmpstr (world->trace->str, ==, "event:path-failed ");
  world_command (world, IKE_CHECK);
  world_run_until (world, IKE_EVENT_PATH_OK, SEC);
  g_assert_cmpuint (gateway_count_updates (world->gateway), ==, 0);
  g_assert_cmpuint (gateway_last_seen (world->gateway, IKE_EXCHANGE_INFORMATIONAL)->message->n_payloads, ==, 0);
}

static void
decorate_with_data (Gateway *gateway, guint8 exchange, IkePayloads *payloads)
{
  static const guint8 data[4] = { 1, 2, 3, 4 };
  const IkeDialect *dialect = world_dialect ();

  if (exchange != (dialect->support_in_init ? IKE_EXCHANGE_IKE_SA_INIT : IKE_EXCHANGE_IKE_AUTH))
    return;
  if (dialect->support_in_init)
    ike_payloads_add_vendor_id (payloads, ike_mopo_vendor_id, sizeof ike_mopo_vendor_id);
  ike_payloads_add_notify (payloads, dialect->supported, data, sizeof data);
}

static void
test_supported_with_data (void)
{
  IkeConfig config = world_config ();
  g_autoptr (World) world = world_new (&config);

  /* covers: MOB-SUP-002 */
  world->gateway->mobike = world->gateway->mopo = FALSE;
  world->gateway->decorate = decorate_with_data;
  world_start (world, world->a);
  g_assert_true (world_run_until (world, IKE_EVENT_ESTABLISHED, SEC)->mobike);
}

/* --- windows --- */

static void
test_outstanding_request (void)
{
  g_autoptr (World) world = world_established (NULL);
  const Sent *rekey, *again;

  /* The answer to our CREATE_CHILD_SA is lost with the old link. covers: MOB-UPD-004, MOB-UPD-005, MOB-UPD-006,
   * IKE-RTX-002 */
  world_forget (world);
  world->a->down_blocked = TRUE;
  world_command (world, IKE_REKEY_CHILD);
  world_run (world, 100 * MS);
  world_move (world, world->b, TRUE);
  g_assert_cmpstr (world->trace->str, ==, "send move:2 send ");
  rekey = nth_sent (world, 0);
  again = nth_sent (world, 1);
  g_assert_true (g_bytes_equal (rekey->data, again->data));
  g_assert_cmpuint (rekey->ifindex, ==, 1);
  g_assert_cmpuint (again->ifindex, ==, 2);
  g_assert_cmpuint (gateway_count_updates (world->gateway), ==, 0);
  world_run (world, 40 * MS);
  g_assert_cmpuint (nth_sent (world, 2)->ifindex, ==, 2); /* the update, in the moment that the window was free */
  world_run_until (world, IKE_EVENT_PATH_OK, 40 * MS);
  g_assert_cmpuint (last_update (world)->id, ==,
                    gateway_last_seen (world->gateway, IKE_EXCHANGE_CREATE_CHILD_SA)->id + 1);
}

static void
test_lost_during_move (void)
{
  g_autoptr (World) world = world_established (NULL);
  gint64 start;

  /* Rekeying is outstanding, and the first copies on the new link get lost too: no seconds are lost. */
  world->a->up_blocked = TRUE;
  world_command (world, IKE_REKEY_CHILD);
  world_run (world, 100 * MS);
  start = sim_now (world->sim).boot_us;
  world->b->up_blocked = TRUE;
  world_move (world, world->b, TRUE);
  world_run (world, 50 * MS);
  world->b->up_blocked = FALSE;
  world_run_until (world, IKE_EVENT_PATH_OK, SEC);
  g_assert_cmpint (event_at (world, IKE_EVENT_PATH_OK) - start, <=, 250 * MS + 80 * MS);
}

static void
test_retransmission_scale (void)
{
  g_autoptr (World) world = world_established (NULL);
  gint64 wait;

  /* covers: MOB-RR-010 */
  world_forget (world);
  world->b->up_blocked = TRUE;
  world_move (world, world->b, TRUE);
  world_run (world, SEC);
  world_drop_path_tests (world);
  wait = nth_sent (world, 1)->at_us - nth_sent (world, 0)->at_us;
  g_assert_cmpint (wait, <=, 250 * MS);
  g_assert_cmpint (wait, >=, 60 * MS);
  for (guint i = 1; i < world->sent->len; i++)
    g_assert_true (g_bytes_equal (nth_sent (world, i)->data, nth_sent (world, 0)->data));
  for (guint i = 2; i < world->sent->len; i++)
    g_assert_cmpint (nth_sent (world, i)->at_us - nth_sent (world, i - 1)->at_us, <=, 2 * SEC);
}

static void
test_superseded (void)
{
  g_autoptr (World) world = world_established (NULL);
  const IkeEvent *event;

  /* covers: MOB-UPD-007, MOB-UPD-008, MOB-RSP-001 */
  world_forget (world);
  world_move (world, world->nat, TRUE);
  world_run (world, 10 * MS);
  world_move (world, world->b, TRUE);
  world_run (world, 35 * MS); /* the answer to the first update has come, with another NAT state */
  g_assert_cmpuint (world_count_events (world, IKE_EVENT_PATH_OK), ==, 0);
  g_assert_cmpuint (world_count_events (world, IKE_EVENT_NAT_CHANGED), ==, 0);
  event = world_run_until (world, IKE_EVENT_PATH_OK, SEC);
  g_assert_cmpuint (event->serial, ==, 3);
  g_assert_false (event->nat_local);
  world_run (world, SEC);
  g_assert_cmpuint (world_count_events (world, IKE_EVENT_PATH_OK), ==, 1);
  g_assert_true (world_addr_is (&gateway_sa (world->gateway)->remote.addr, WORLD_HOST_B));
  g_assert_cmpuint (last_update (world)->id, ==, 3);
}

static void
test_flapping (void)
{
  g_autoptr (World) world = world_established (NULL);
  guint updates;

  /* covers: MOB-TRG-006 */
  for (guint i = 0; i < 10; i++)
    {
      world_move (world, i % 2 ? world->a : world->b, TRUE);
      world_run (world, MS);
    }
  world_move (world, world->b, TRUE);
  world_run (world, 2 * SEC);
  updates = gateway_count_updates (world->gateway);
  g_assert_true (world_addr_is (&gateway_sa (world->gateway)->remote.addr, WORLD_HOST_B));
  g_assert_cmpuint (world_event (world, IKE_EVENT_PATH_OK)->serial, ==, world->serial);
  g_assert_cmpuint (last_update (world)->id, ==, 3); /* two exchanges: the first one, and one for all that followed */
  g_assert_cmpuint (updates, >=, 2);
}

static void
test_same_path (void)
{
  g_autoptr (World) world = world_established (NULL);

  /* covers: MOB-UPD-017, MOB-TRG-006 */
  world_move (world, world->a, TRUE);
  world_run_until (world, IKE_EVENT_PATH_OK, SEC);
  g_assert_cmpuint (gateway_count_updates (world->gateway), ==, 0);
  g_assert_nonnull (ike_message_find_notify (gateway_last_seen (world->gateway, IKE_EXCHANGE_INFORMATIONAL)->message,
                                             IKE_NOTIFY_NAT_DETECTION_SOURCE_IP));
}

/* --- failures --- */

static void
test_silent_path (void)
{
  g_autoptr (World) world = world_established (NULL);
  gint64 start = sim_now (world->sim).boot_us;

  /* covers: MOB-RSP-009, IKE-DPD-002, IKE-DPD-005 */
  world->b->up_blocked = TRUE;
  world_move (world, world->b, TRUE);
  g_assert_cmpuint (world_run_until (world, IKE_EVENT_PATH_FAILED, 10 * SEC)->serial, ==, 2);
  g_assert_cmpint (event_at (world, IKE_EVENT_PATH_FAILED) - start, ==, 7 * SEC);
  world_run_until (world, IKE_EVENT_DEAD, 600 * SEC);
  g_assert_cmpint (event_at (world, IKE_EVENT_DEAD) - start, >, 240 * SEC);
  g_assert_cmpint (event_at (world, IKE_EVENT_DEAD) - start, <, 360 * SEC);
  g_assert_cmpuint (world->outbound, ==, 0);
}

static void
test_late_answer_after_failure (void)
{
  g_autoptr (World) world = world_established (NULL);

  world->b->up_blocked = TRUE;
  world_move (world, world->b, TRUE);
  world_run_until (world, IKE_EVENT_PATH_FAILED, 10 * SEC);
  world->b->up_blocked = FALSE;
  g_assert_cmpuint (world_run_until (world, IKE_EVENT_PATH_OK, 60 * SEC)->serial, ==, 2);
}

static void
test_late_move_fails (void)
{
  g_autoptr (World) world = world_established (NULL);
  IkeStatus status;

  /* Make before break, and the new path does not work: everything is as before. */
  world->b->down_blocked = TRUE;
  world_move (world, world->b, FALSE);
  world_run_until (world, IKE_EVENT_PATH_FAILED, 10 * SEC);
  world_run (world, 5 * SEC);
  ike_session_get_status (world->session, &status);
  g_assert_true (world_addr_is (&status.path.local, WORLD_HOST_A));
  g_assert_true (world_addr_is (&gateway_sa (world->gateway)->remote.addr, WORLD_HOST_A));
  g_assert_null (world_event (world, IKE_EVENT_PATH_OK));
  if (world_dialect ()->routability_before_move)
    g_assert_null (strstr (world->trace->str, "move:2"));
  else
    g_assert_true (g_str_has_suffix (world->trace->str, "event:path-failed move:1 send send "));
  world_command (world, IKE_CHECK);
  world_run_until (world, IKE_EVENT_PATH_OK, SEC);
}

static GwVerdict
refuse_addresses (Gateway *gateway, GwSa *sa, const IkeMessage *request, IkePayloads *answer)
{
  if (!ike_message_find_notify (request, world_dialect ()->update))
    return GW_DEFAULT;
  ike_payloads_add_notify (answer, (guint16)GPOINTER_TO_UINT (gateway->user), NULL, 0);
  if (world_dialect ()->cookie_always)
    {
      const IkePayloadNotify *cookie2 = ike_message_find_notify (request, world_dialect ()->cookie2);
      ike_dialect_add (world_dialect (), world_dialect ()->cookie2, cookie2->data.data, cookie2->data.length, answer);
    }
  return GW_ANSWER;
}

static void
test_refused (void)
{
  const struct
  {
    guint16 error;
    guint requests;
    gint64 first_us, last_us; /* of the event */
  } cases[] = {
    { world_dialect ()->refused, 1, 40 * MS, 40 * MS },
    { world_dialect ()->nat_seen, 1, 40 * MS, 40 * MS }, /* nothing forbade it */
    { IKE_NOTIFY_TEMPORARY_FAILURE, 4, 7 * SEC, 8 * SEC },
    { 16000, 1, 40 * MS, 40 * MS },
  };

  /* COOKIE2 may be missing in an error. covers: MOB-RSP-003, MOB-RSP-008, MOB-RR-008, MOB-GWU-003 */
  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_autoptr (World) world = world_established (NULL);
      gint64 start = sim_now (world->sim).boot_us;

      world->gateway->hook = refuse_addresses;
      world->gateway->user = GUINT_TO_POINTER ((guint)cases[i].error);
      world_move (world, world->b, TRUE);
      g_assert_cmpuint (world_run_until (world, IKE_EVENT_PATH_FAILED, 10 * SEC)->serial, ==, 2);
      g_assert_cmpint (event_at (world, IKE_EVENT_PATH_FAILED) - start, >=, cases[i].first_us);
      g_assert_cmpint (event_at (world, IKE_EVENT_PATH_FAILED) - start, <=, cases[i].last_us);
      g_assert_cmpuint (gateway_count_updates (world->gateway), ==, cases[i].requests);
      /* Back to where it was. */
      world->gateway->hook = NULL;
      world_move (world, world->a, TRUE);
      g_assert_cmpuint (world_run_until (world, IKE_EVENT_PATH_OK, SEC)->serial, ==, 3);
      g_assert_true (world_addr_is (&gateway_sa (world->gateway)->remote.addr, WORLD_HOST_A));
    }
}

static void
test_wrong_cookie2 (void)
{
  g_autoptr (World) world = world_established (NULL);
  guint sent;

  /* covers: MOB-RR-007 */
  world->gateway->wrong_cookie2 = TRUE;
  world_move (world, world->b, TRUE);
  sent = world->sent->len;
  world_run_until (world, IKE_EVENT_DEAD, SEC);
  world_run (world, 60 * SEC);
  g_assert_cmpuint (world->sent->len, ==, sent); /* no Delete over a suspicious path */
}

static void
test_missing_cookie2 (void)
{
  g_autoptr (World) world = world_established (NULL);

  /* covers: MOB-RR-008 */
  world->gateway->omit_cookie2 = TRUE;
  world_move (world, world->b, TRUE);
  world_run_until (world, IKE_EVENT_DEAD, SEC);
}

/* --- NAT --- */

static void
test_nat_appears_and_disappears (void)
{
  g_autoptr (World) world = world_established (NULL);

  /* covers: MOB-RSP-005, MOB-UPD-003, MOB-SAM-007 */
  world_forget (world);
  world_move (world, world->nat, TRUE);
  /* A private address here and a public one there: ESP goes into UDP before the answer says so. */
  g_assert_cmpstr (world->trace->str, ==, "move:3u send ");
  world_run_until (world, IKE_EVENT_PATH_OK, SEC);
  g_assert_cmpstr (world->trace->str, ==, "move:3u send event:nat-changed event:path-ok ");
  g_assert_true (world_event (world, IKE_EVENT_PATH_OK)->nat_local);
  world_forget (world);
  world_move (world, world->a, TRUE);
  world_run_until (world, IKE_EVENT_PATH_OK, SEC);
  g_assert_cmpstr (world->trace->str, ==, "move:1u send event:nat-changed move:1 event:path-ok ");
  g_assert_false (world_event (world, IKE_EVENT_PATH_OK)->nat_local);
}

static void
test_answer_without_nat_detection (void)
{
  IkeConfig config = world_config ();
  g_autoptr (World) world = world_new (&config);

  /* covers: MOB-RSP-007 */
  world_start (world, world->nat);
  world_run_until (world, IKE_EVENT_ESTABLISHED, SEC);
  world->gateway->omit_natd = TRUE;
  world_move (world, world->b, TRUE);
  world_run_until (world, IKE_EVENT_PATH_OK, SEC);
  g_assert_true (world_event (world, IKE_EVENT_PATH_OK)->nat_local);
  g_assert_cmpuint (world_count_events (world, IKE_EVENT_NAT_CHANGED), ==, 0);
}

static void
test_keepalives (void)
{
  IkeConfig config = world_config ();
  g_autoptr (World) world = world_new (&config);
  guint keepalives = 0;

  /* covers: IKE-KAL-001, IKE-KAL-002, MOB-MAP-010 */
  config.dpd_interval_us = 3600 * SEC;
  world_free (g_steal_pointer (&world));
  world = world_new (&config);
  world_start (world, world->nat);
  world_run_until (world, IKE_EVENT_ESTABLISHED, SEC);
  world_run (world, 5 * SEC);
  world_forget (world);
  world_run (world, 60 * SEC);
  for (guint i = 0; i < world->sent->len; i++)
    if (g_bytes_get_size (nth_sent (world, i)->data) == 1)
      {
        keepalives++;
        g_assert_cmpint (*(const guint8 *)g_bytes_get_data (nth_sent (world, i)->data, NULL), ==, 0xff);
        g_assert_cmpint (nth_sent (world, i)->local.port, ==, 4500);
        g_assert_cmpuint (nth_sent (world, i)->ifindex, ==, 3);
      }
  g_assert_cmpuint (keepalives, ==, 3);
  world_move (world, world->b, TRUE);
  world_run_until (world, IKE_EVENT_PATH_OK, SEC);
  world_forget (world);
  world_run (world, 120 * SEC);
  g_assert_cmpuint (world->sent->len, ==, 0);
}

static void
test_keepalive_received (void)
{
  g_autoptr (World) world = world_established (NULL);
  RoamNow now = sim_now (world->sim);
  static const guint8 octet = 0xff;

  /* covers: IKE-KAL-003 */
  for (guint i = 0; i < 20; i++)
    {
      world_run (world, 2 * SEC);
      now = sim_now (world->sim);
      ike_session_input_datagram (world->session, &now, 1, &nth_sent (world, 1)->local, &nth_sent (world, 1)->remote,
                                  &octet, 1);
    }
  g_assert_cmpuint (world_counter (world, "keepalives-received"), ==, 20);
  g_assert_cmpuint (gateway_count_seen (world->gateway, IKE_EXCHANGE_INFORMATIONAL), ==, 1);
}

static void
test_mapping_change (void)
{
  IkeConfig config = world_config ();
  g_autoptr (World) world = world_new (&config);
  guint16 port;

  /* covers: MOB-MAP-001, MOB-MAP-003, MOB-MAP-004, MOB-MAP-005, MOB-TRG-005, MOB-RSP-006 */
  world_start (world, world->nat);
  world_run_until (world, IKE_EVENT_ESTABLISHED, SEC);
  world_run (world, 40 * SEC);
  g_assert_cmpuint (gateway_count_updates (world->gateway), ==, 0);
  port = gateway_sa (world->gateway)->remote.port;
  sim_nat_reset (world->sim, world->nat);
  world_run (world, 60 * SEC);
  g_assert_cmpuint (gateway_count_updates (world->gateway), ==, 1);
  g_assert_cmpint (gateway_sa (world->gateway)->remote.port, !=, port);
  world_run (world, 120 * SEC);
  g_assert_cmpuint (gateway_count_updates (world->gateway), ==, 1);
  g_assert_cmpuint (world_count_events (world, IKE_EVENT_PATH_OK), ==, 0); /* nobody asked */
}

static void
test_mapping_after_rekey (void)
{
  IkeConfig config = world_config ();
  g_autoptr (World) world = world_new (&config);

  /* covers: MOB-MAP-007 */
  world_start (world, world->nat);
  world_run_until (world, IKE_EVENT_ESTABLISHED, SEC);
  world_run (world, 40 * SEC);
  world_command (world, IKE_REKEY_IKE);
  world_run (world, 200 * SEC);
  g_assert_cmpuint (gateway_count_updates (world->gateway), <=, 1);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  world_init (argc, argv);
  g_test_add_func ("/ike/mobike/move-now", test_move_now);
  g_test_add_func ("/ike/mobike/move-late", test_move_late);
  g_test_add_func ("/ike/mobike/update-message", test_update_message);
  g_test_add_func ("/ike/mobike/no-nat-traversal", test_no_nat_traversal);
  g_test_add_func ("/ike/mobike/without-mobike", test_without_mobike);
  g_test_add_func ("/ike/mobike/supported-with-data", test_supported_with_data);
  g_test_add_func ("/ike/mobike/outstanding-request", test_outstanding_request);
  g_test_add_func ("/ike/mobike/lost-during-move", test_lost_during_move);
  g_test_add_func ("/ike/mobike/retransmission-scale", test_retransmission_scale);
  g_test_add_func ("/ike/mobike/superseded", test_superseded);
  g_test_add_func ("/ike/mobike/flapping", test_flapping);
  g_test_add_func ("/ike/mobike/same-path", test_same_path);
  g_test_add_func ("/ike/mobike/silent-path", test_silent_path);
  g_test_add_func ("/ike/mobike/late-answer-after-failure", test_late_answer_after_failure);
  g_test_add_func ("/ike/mobike/late-move-fails", test_late_move_fails);
  g_test_add_func ("/ike/mobike/refused", test_refused);
  g_test_add_func ("/ike/mobike/wrong-cookie2", test_wrong_cookie2);
  g_test_add_func ("/ike/mobike/missing-cookie2", test_missing_cookie2);
  g_test_add_func ("/ike/mobike/nat-appears-and-disappears", test_nat_appears_and_disappears);
  g_test_add_func ("/ike/mobike/answer-without-nat-detection", test_answer_without_nat_detection);
  g_test_add_func ("/ike/mobike/keepalives", test_keepalives);
  g_test_add_func ("/ike/mobike/keepalive-received", test_keepalive_received);
  g_test_add_func ("/ike/mobike/mapping-change", test_mapping_change);
  g_test_add_func ("/ike/mobike/mapping-after-rekey", test_mapping_after_rekey);
  return g_test_run ();
}
