/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Delete, INFORMATIONAL and liveness of an IkeSession. Scripted gateway, virtual time. */
#include "tests/ike/world.h"

#include <string.h>

static GwChild *
nth_child (const World *world, guint index)
{
  g_assert_cmpuint (world->gateway->children->len, >, index);
  return g_ptr_array_index (world->gateway->children, index);
}

static void
assert_same_keys (const World *world, guint id, const GwChild *theirs)
{
  const IkeChildSa *ours = g_ptr_array_index (world->children, id - 1);

  g_assert_cmpuint (ours->id, ==, id);
  g_assert_cmphex (ours->spi_in, ==, theirs->spi_out);
  g_assert_cmphex (ours->spi_out, ==, theirs->spi_in);
  g_assert_true (roam_secret_equal (ours->encr_in, theirs->encr_out));
  g_assert_true (roam_secret_equal (ours->encr_out, theirs->encr_in));
}

static GwVerdict
be_silent (Gateway *gateway, GwSa *sa, const IkeMessage *request, IkePayloads *answer)
{
  return request->header.exchange == IKE_EXCHANGE_IKE_AUTH ? GW_DEFAULT : GW_SILENT;
}

/* --- Delete --- */

static void
test_delete_by_gateway (void)
{
  g_autoptr (World) world = world_established (NULL);
  const IkePayload *delete;

  /* covers: IKE-DEL-002, IKE-DEL-011 */
  world_forget (world);
  gateway_delete_child (world->gateway, gateway_child (world->gateway));
  world_run (world, 30 * MS);
  g_assert_cmpstr (world->trace->str, ==, "remove:1 send send ");
  world_run (world, SEC);
  delete = ike_message_find (world->gateway->last_answer, IKE_PAYLOAD_DELETE);
  g_assert_cmphex (delete->delete->spis[0], ==, ((IkeChildSa *)g_ptr_array_index (world->children, 0))->spi_in);
  g_assert_cmpuint (world->outbound, ==, 2);
  assert_same_keys (world, 2, nth_child (world, 1));
  /* Once more is once too much. */
  gateway_delete_child (world->gateway, gateway_child (world->gateway));
  world_run_until (world, IKE_EVENT_DEAD, 5 * SEC);
}

static void
test_delete_unknown (void)
{
  g_autoptr (World) world = world_established (NULL);
  IkePayloads *payloads = ike_payloads_new ();
  guint32 spi = 0x01020304;

  /* covers: IKE-DEL-004 */
  ike_payloads_add_delete_esp (payloads, &spi, 1);
  gateway_request (world->gateway, NULL, IKE_EXCHANGE_INFORMATIONAL, payloads);
  world_run (world, 45 * MS);
  g_assert_cmpuint (world->gateway->last_answer->n_payloads, ==, 0);
  g_assert_cmpuint (world->outbound, ==, 1);
}

static void
test_delete_crossing (void)
{
  g_autoptr (World) world = world_established (NULL);
  GwChild *old = gateway_child (world->gateway);

  /* covers: IKE-DEL-003 */
  world_command (world, IKE_REKEY_CHILD);
  world_run (world, 41 * MS); /* our Delete for the old one is on its way */
  gateway_delete_child (world->gateway, old);
  world_run (world, 45 * MS);
  g_assert_null (ike_message_find (world->gateway->last_answer, IKE_PAYLOAD_DELETE));
  world_run (world, 5 * SEC);
  g_assert_cmpuint (world->outbound, ==, 2);
  g_assert_nonnull (strstr (world->trace->str, "remove:1"));
}

static void
test_delete_ike_by_gateway (void)
{
  g_autoptr (World) world = world_established (NULL);

  /* covers: IKE-DEL-007 */
  world_forget (world);
  gateway_delete_ike (world->gateway, NULL);
  world_run_until (world, IKE_EVENT_DEAD, SEC);
  g_assert_cmpstr (world->trace->str, ==, "send remove:1 event:dead ");
  world_run (world, SEC);
  g_assert_cmpuint (world->gateway->last_answer->n_payloads, ==, 0);
}

/* --- packets without an answer --- */

static guint
checks_sent (World *world)
{
  return (guint)world_counter (world, "unanswered-checks");
}

static void
test_unanswered (void)
{
  g_autoptr (World) world = world_established (NULL);

  /* Fresh proof of life: not yet. */
  world_run (world, SEC);
  world_unanswered (world, world->outbound);
  g_assert_cmpuint (checks_sent (world), ==, 0);
  /* The gateway is asked, answers, and is left alone although the application goes on talking. */
  world_run (world, 2 * SEC);
  world_forget (world);
  world_unanswered (world, world->outbound);
  g_assert_cmpstr (world->trace->str, ==, "send ");
  for (guint i = 0; i < 9; i++)
    {
      world_run (world, SEC);
      world_unanswered (world, world->outbound);
    }
  g_assert_cmpuint (checks_sent (world), ==, 1);
  world_run (world, SEC);
  world_unanswered (world, world->outbound);
  g_assert_cmpuint (checks_sent (world), ==, 2);
  /* A Child SA that is not in use proves nothing. */
  world_run (world, 20 * SEC);
  world_unanswered (world, 99);
  g_assert_cmpuint (checks_sent (world), ==, 2);
}

/* --- INFORMATIONAL and windows --- */

static void
test_empty_request (void)
{
  g_autoptr (World) world = world_established (NULL);

  /* covers: IKE-INF-001, IKE-CRY-013, IKE-MID-002 */
  gateway_request (world->gateway, NULL, IKE_EXCHANGE_INFORMATIONAL, ike_payloads_new ());
  world_run (world, 45 * MS);
  g_assert_cmpuint (world->gateway->last_answer->n_payloads, ==, 0);
  g_assert_cmpuint (world->gateway->last_answer->header.message_id, ==, 0);
  g_assert_cmphex (world->gateway->last_answer->header.flags, ==, IKE_FLAG_INITIATOR | IKE_FLAG_RESPONSE);
}

static void
test_repeated_request (void)
{
  g_autoptr (World) world = world_established (NULL);
  const Sent *first, *second;

  /* covers: IKE-MID-012, IKE-MID-009, IKE-RTX-001 */
  world_forget (world);
  world->a->down_blocked = FALSE;
  world->a->up_blocked = TRUE; /* the answer gets lost */
  gateway_request (world->gateway, NULL, IKE_EXCHANGE_INFORMATIONAL, ike_payloads_new ());
  world_run (world, 30 * MS);
  world->a->up_blocked = FALSE;
  gateway_repeat_request (world->gateway, gateway_sa (world->gateway));
  world_run (world, 45 * MS);
  g_assert_cmpuint (world->gateway->answers, ==, 1);
  first = g_ptr_array_index (world->sent, 0);
  second = g_ptr_array_index (world->sent, 1);
  g_assert_true (g_bytes_equal (first->data, second->data));
  g_assert_cmpuint (world->sent->len, ==, 2);
}

static void
test_requests_out_of_window (void)
{
  g_autoptr (World) world = world_established (NULL);
  GwSa *sa = gateway_sa (world->gateway);

  /* covers: IKE-MID-011 */
  world_forget (world);
  sa->next_id = 5;
  gateway_request (world->gateway, NULL, IKE_EXCHANGE_INFORMATIONAL, ike_payloads_new ());
  world_run (world, 45 * MS);
  g_assert_cmpuint (world->sent->len, ==, 0);
  g_assert_cmpuint (world_counter (world, "wrong-message-id"), ==, 1);
}

static void
test_interleaved (void)
{
  g_autoptr (World) world = world_established (NULL);

  /* covers: IKE-MID-006, IKE-MID-007 */
  world->gateway->hook = be_silent;
  world_command (world, IKE_CHECK);
  world_command (world, IKE_REKEY_CHILD);
  world_command (world, IKE_REKEY_IKE);
  world_run (world, 30 * MS);
  g_assert_cmpuint (gateway_count_seen (world->gateway, IKE_EXCHANGE_CREATE_CHILD_SA) +
                      gateway_count_seen (world->gateway, IKE_EXCHANGE_INFORMATIONAL),
                    ==, 1);
  gateway_request (world->gateway, NULL, IKE_EXCHANGE_INFORMATIONAL, ike_payloads_new ());
  world_run (world, 45 * MS);
  g_assert_cmpuint (world->gateway->answers, ==, 1);
}

static GBytes *
flip (GBytes *message, gsize offset)
{
  g_autoptr (GByteArray) copy = g_byte_array_new ();
  gsize length;
  const guint8 *data = g_bytes_get_data (message, &length);

  g_byte_array_append (copy, data, (guint)length);
  copy->data[offset] ^= 0x40;
  return g_byte_array_free_to_bytes (g_steal_pointer (&copy));
}

static void
test_forged_messages (void)
{
  g_autoptr (World) world = world_established (NULL);
  GwSa *sa = gateway_sa (world->gateway);
  const Sent *like = world_last_sent (world);
  gint64 deadline;

  /* covers: IKE-CRY-012, IKE-RTX-006, IKE-HDR-010, IKE-HDR-007, IKE-MID-003 */
  world->gateway->hook = be_silent;
  world_command (world, IKE_CHECK);
  deadline = ike_session_next_deadline (world->session);
  world->a->down_blocked = TRUE;
  gateway_request (world->gateway, NULL, IKE_EXCHANGE_INFORMATIONAL, ike_payloads_new ());
  world_forget (world);
  g_autoptr (GBytes) request = g_bytes_ref (g_ptr_array_index (sa->request, 0));
  g_autoptr (World) other = world_established (NULL);
  like = world_last_sent (other);
  for (gsize i = 0; i < g_bytes_get_size (request); i++)
    {
      g_autoptr (GBytes) bad = flip (request, i);
      world_inject (world, like, bad);
      g_autoptr (GBytes) shorter = g_bytes_new_from_bytes (request, 0, i);
      world_inject (world, like, shorter);
    }
  g_assert_cmpstr (world->trace->str, ==, "");
  g_assert_cmpint (ike_session_next_deadline (world->session), ==, deadline);
  world_inject (world, like, request);
  g_assert_cmpstr (world->trace->str, ==, "send ");
}

static void
test_flags_and_version (void)
{
  g_autoptr (World) world = world_established (NULL);
  g_autoptr (GByteArray) copy = g_byte_array_new ();
  GwSa *sa = gateway_sa (world->gateway);

  /* An unknown major version is dropped and nothing changes; covers: IKE-HDR-005 */
  gateway_request (world->gateway, NULL, IKE_EXCHANGE_INFORMATIONAL, ike_payloads_new ());
  gsize length;
  const guint8 *data = g_bytes_get_data (g_ptr_array_index (sa->request, 0), &length);
  g_byte_array_append (copy, data, (guint)length);
  copy->data[17] = 0x30;
  world_forget (world);
  g_autoptr (World) other = world_established (NULL);
  g_autoptr (GBytes) bad = g_byte_array_free_to_bytes (g_steal_pointer (&copy));
  world_inject (world, world_last_sent (other), bad);
  g_assert_cmpuint (world->sent->len, ==, 0);
}

static GBytes *
unprotected (const GwSa *sa, guint8 exchange, guint32 id, guint16 notify, gboolean response)
{
  IkeHeader header = { .spi_i = sa->spi_i,
                       .spi_r = sa->spi_r,
                       .exchange = exchange,
                       .flags = response ? IKE_FLAG_RESPONSE : 0,
                       .message_id = id };
  g_autoptr (IkePayloads) payloads = ike_payloads_new ();

  ike_payloads_add_notify (payloads, notify, NULL, 0);
  return ike_message_build_clear (&header, payloads);
}

static void
test_unprotected_errors (void)
{
  static const guint16 notifies[] = { IKE_NOTIFY_INVALID_IKE_SPI, IKE_NOTIFY_INVALID_SPI,
                                      IKE_NOTIFY_INVALID_MAJOR_VERSION };
  g_autoptr (World) world = world_established (NULL);
  const GwSa *sa = gateway_sa (world->gateway);
  g_autoptr (World) other = world_established (NULL);
  const Sent *like = world_last_sent (other);

  /* A hint: one liveness check in 10 s, whatever the number. covers: IKE-DPD-001, IKE-DPD-008, IKE-ERR-005, IKE-CRY-014
   */
  world_forget (world);
  for (guint i = 0; i < 300; i++)
    {
      g_autoptr (GBytes) message = unprotected (sa, IKE_EXCHANGE_INFORMATIONAL, 2, notifies[i % 3], TRUE);
      world_inject (world, like, message);
      world_run (world, 10 * MS);
    }
  g_assert_cmpuint (gateway_count_seen (world->gateway, IKE_EXCHANGE_INFORMATIONAL), ==, 1);
  g_assert_null (world_event (world, IKE_EVENT_DEAD));
}

static void
test_gateway_lost_state (void)
{
  g_autoptr (World) world = world_established (NULL);
  const GwSa *sa = gateway_sa (world->gateway);
  g_autoptr (World) other = world_established (NULL);
  gint64 start;

  /* It restarted: it says so unprotected and never answers protected. covers: IKE-DPD-002 */
  world->gateway->hook = be_silent;
  start = sim_now (world->sim).boot_us;
  g_autoptr (GBytes) message = unprotected (sa, IKE_EXCHANGE_INFORMATIONAL, 2, IKE_NOTIFY_INVALID_IKE_SPI, TRUE);
  world_inject (world, world_last_sent (other), message);
  world_run_until (world, IKE_EVENT_DEAD, 60 * SEC);
  g_assert_cmpint (sim_now (world->sim).boot_us - start, >, 5 * SEC);
  g_assert_cmpint (sim_now (world->sim).boot_us - start, <, 15 * SEC);
}

static void
test_invalid_syntax (void)
{
  g_autoptr (World) world = world_established (NULL);
  IkePayloads *payloads = ike_payloads_new ();
  static const guint8 broken[3] = { 9, 9, 9 };

  /* covers: IKE-ERR-002, IKE-ERR-003 */
  world_forget (world);
  ike_payloads_add_raw (payloads, IKE_PAYLOAD_SA, broken, sizeof broken);
  gateway_request (world->gateway, NULL, IKE_EXCHANGE_CREATE_CHILD_SA, payloads);
  world_run_until (world, IKE_EVENT_DEAD, SEC);
  world_run (world, SEC);
  g_assert_nonnull (ike_message_find_notify (world->gateway->last_answer, IKE_NOTIFY_INVALID_SYNTAX));
  g_assert_cmpstr (world->trace->str, ==, "send remove:1 event:dead ");
}

/* --- liveness --- */

static void
test_liveness (void)
{
  g_autoptr (World) world = world_established (NULL);

  /* covers: IKE-DPD-003, MOB-DPD-003 */
  world_run (world, 29 * SEC);
  g_assert_cmpuint (gateway_count_seen (world->gateway, IKE_EXCHANGE_INFORMATIONAL), ==, 0);
  world_run (world, 2 * SEC);
  g_assert_cmpuint (gateway_count_seen (world->gateway, IKE_EXCHANGE_INFORMATIONAL), ==, 1);
  g_assert_cmpuint (world_count_events (world, IKE_EVENT_PATH_OK), ==, 0);
}

static void
test_traffic_is_liveness (void)
{
  g_autoptr (World) world = world_established (NULL);

  /* covers: IKE-DPD-004 */
  for (guint i = 0; i < 20; i++)
    {
      world_run (world, 10 * SEC);
      world_traffic (world, 1);
    }
  g_assert_cmpuint (gateway_count_seen (world->gateway, IKE_EXCHANGE_INFORMATIONAL), ==, 0);
}

static void
test_dead_peer (void)
{
  g_autoptr (World) world = world_established (NULL);
  guint sent;

  /* covers: IKE-DPD-002, IKE-DPD-005, IKE-RTX-003 */
  world_forget (world);
  world->a->down_blocked = TRUE;
  world_run_until (world, IKE_EVENT_DEAD, 600 * SEC);
  sent = world->sent->len;
  g_assert_cmpuint (sent, ==, 12);
  g_assert_true (g_str_has_suffix (world->trace->str, "remove:1 event:dead "));
  world_run (world, 600 * SEC);
  g_assert_cmpuint (world->sent->len, ==, sent);
}

static void
test_check_command (void)
{
  g_autoptr (World) world = world_established (NULL);
  const IkeEvent *event;

  world_command (world, IKE_CHECK);
  event = world_run_until (world, IKE_EVENT_PATH_OK, SEC);
  g_assert_cmpuint (event->serial, ==, 2);
  g_assert_cmpint (event->rtt_us, ==, 40 * MS);
}

static void
test_check_unanswered (void)
{
  g_autoptr (World) world = world_established (NULL);
  gint64 start = sim_now (world->sim).boot_us;

  world->a->down_blocked = TRUE;
  world_command (world, IKE_CHECK);
  g_assert_cmpuint (world_run_until (world, IKE_EVENT_PATH_FAILED, 10 * SEC)->serial, ==, 2);
  g_assert_cmpint (sim_now (world->sim).boot_us - start, ==, 7 * SEC);
  world_run_until (world, IKE_EVENT_DEAD, 600 * SEC);
}

static void
test_check_and_move (void)
{
  g_autoptr (World) world = world_established (NULL);

  /* Both are answered, each with its own number. */
  world_command (world, IKE_CHECK);
  world_move (world, world->b, TRUE);
  g_assert_cmpuint (world_run_until (world, IKE_EVENT_PATH_OK, SEC)->serial, ==, 2);
  g_assert_cmpuint (world_run_until (world, IKE_EVENT_PATH_OK, SEC)->serial, ==, 3);
}

static void
test_check_without_sa (void)
{
  IkeConfig config = world_config ();
  g_autoptr (World) world = world_new (&config);

  world_command (world, IKE_CHECK);
  g_assert_cmpuint (world_event (world, IKE_EVENT_PATH_FAILED)->serial, ==, 1);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/ike/delete/by-gateway", test_delete_by_gateway);
  g_test_add_func ("/ike/delete/unknown", test_delete_unknown);
  g_test_add_func ("/ike/delete/crossing", test_delete_crossing);
  g_test_add_func ("/ike/liveness/unanswered", test_unanswered);
  g_test_add_func ("/ike/delete/ike-by-gateway", test_delete_ike_by_gateway);
  g_test_add_func ("/ike/informational/empty-request", test_empty_request);
  g_test_add_func ("/ike/informational/repeated-request", test_repeated_request);
  g_test_add_func ("/ike/informational/out-of-window", test_requests_out_of_window);
  g_test_add_func ("/ike/informational/interleaved", test_interleaved);
  g_test_add_func ("/ike/informational/forged", test_forged_messages);
  g_test_add_func ("/ike/informational/major-version", test_flags_and_version);
  g_test_add_func ("/ike/informational/unprotected-errors", test_unprotected_errors);
  g_test_add_func ("/ike/informational/gateway-lost-state", test_gateway_lost_state);
  g_test_add_func ("/ike/informational/invalid-syntax", test_invalid_syntax);
  g_test_add_func ("/ike/liveness/check", test_liveness);
  g_test_add_func ("/ike/liveness/traffic", test_traffic_is_liveness);
  g_test_add_func ("/ike/liveness/dead-peer", test_dead_peer);
  g_test_add_func ("/ike/liveness/check-command", test_check_command);
  g_test_add_func ("/ike/liveness/check-unanswered", test_check_unanswered);
  g_test_add_func ("/ike/liveness/check-and-move", test_check_and_move);
  g_test_add_func ("/ike/liveness/check-without-sa", test_check_without_sa);
  return g_test_run ();
}
