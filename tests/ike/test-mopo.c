/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* MOPO-IKE (draft-eronen-mobike-mopo-02) of an IkeSession: support, CHANGE_PATH, refusals, rekeying. Virtual time.
 */
#include "ike/ike-session-private.h"
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

static IkeMessage *
parse (GBytes *octets)
{
  IkeParseError error;
  IkeMessage *message = ike_message_parse_clear (g_bytes_get_data (octets, NULL), g_bytes_get_size (octets), &error);

  g_assert_nonnull (message);
  return message;
}

static void
assert_dialect (const World *world, const char *name)
{
  IkeStatus status;

  ike_session_get_status (world->session, &status);
  g_assert_cmpstr (status.dialect, ==, name);
}

/* --- numbers (mopo.md 1) --- */

static void
test_numbers (void)
{
  const IkeDialect *mopo = &ike_dialect_mopo;
  static const char name[] = "roamd MOPO-IKE draft-eronen-mobike-mopo-02 private-use v1";
  g_autoptr (GChecksum) checksum = g_checksum_new (G_CHECKSUM_SHA256);
  guint8 digest[32];
  gsize length = sizeof digest;

  /* covers: MOPO-TBD-004, MOPO-TBD-005, MOPO-IAN-001, MOPO-PLD-001 */
  g_assert_cmpint (IKE_EXCHANGE_PATH_TEST, ==, 250);
  g_assert_cmpint (mopo->refused, ==, 14848);
  g_assert_cmpint (mopo->nat_seen, ==, 14849);
  g_assert_cmpint (mopo->supported, ==, 49665);
  g_assert_cmpint (mopo->address4, ==, 49666);
  g_assert_cmpint (mopo->address6, ==, 49666);
  g_assert_cmpint (mopo->update, ==, 49667);
  g_assert_cmpint (mopo->cookie2, ==, 49668);
  g_assert_cmpint (mopo->nat_forbid, ==, 49669);
  g_assert_cmpint (mopo->no_addresses, ==, 0);
  g_assert_cmpint (mopo->protocol, ==, 1);
  for (guint type = 0; type <= G_MAXUINT16; type++)
    g_assert_cmpint (ike_dialect_protocol ((guint16)type), ==,
                     type == 14848 || type == 14849 || (type >= 49665 && type <= 49669) ? 1 : 0);
  g_checksum_update (checksum, (const guint8 *)name, sizeof name - 1);
  g_checksum_get_digest (checksum, digest, &length);
  g_assert_cmpmem (ike_mopo_vendor_id, sizeof ike_mopo_vendor_id, digest, 16);
}

/* --- support --- */

static void
assert_offers_mopo (const IkeMessage *message)
{
  const IkePayload *vendor = ike_message_find (message, IKE_PAYLOAD_VENDOR_ID);
  const IkePayloadNotify *notify = ike_message_find_notify (message, 49665);
  static const guint8 octets[] = { 1, 0, 0xc2, 0x01 }; /* Protocol ID, SPI Size, type, and no data */
  gboolean seen = FALSE;

  g_assert_nonnull (vendor);
  g_assert_cmpmem (vendor->body.data, vendor->body.length, ike_mopo_vendor_id, 16);
  g_assert_nonnull (notify);
  for (const IkePayload *p = NULL; (p = ike_message_find_next (message, IKE_PAYLOAD_NOTIFY, p));)
    seen = seen || (p->body.length == 4 && memcmp (p->body.data, octets, 4) == 0);
  g_assert_true (seen);
}

static void
test_support (void)
{
  g_autoptr (World) world = world_established (NULL);
  g_autoptr (IkeMessage) init = parse (world->gateway->init_request);

  /* covers: MOPO-SUP-001, MOPO-SUP-002, MOPO-SUP-003, MOPO-PRT-001 */
  assert_offers_mopo (init);
  assert_dialect (world, "mopo");
  g_assert_true (world_event (world, IKE_EVENT_ESTABLISHED)->mobike);
  /* The port changes without any NAT. */
  g_assert_cmpint (gateway_last_seen (world->gateway, IKE_EXCHANGE_IKE_AUTH)->remote.port, ==, 4500);
  g_assert_cmpint (gateway_last_seen (world->gateway, IKE_EXCHANGE_IKE_AUTH)->local.port, ==, 4500);
}

static void
test_support_after_retries (void)
{
  IkeConfig config = world_config ();
  g_autoptr (World) world = world_new (&config);
  g_autoptr (IkeMessage) init = NULL;

  /* covers: MOPO-SUP-004 */
  world->gateway->cookies = 2;
  world->gateway->want_group = 14;
  world_start (world, world->a);
  world_run_until (world, IKE_EVENT_ESTABLISHED, 5 * SEC);
  g_assert_cmpuint (world->gateway->init_requests, ==, 4);
  init = parse (world->gateway->init_request);
  g_assert_nonnull (ike_message_find_notify (init, IKE_NOTIFY_COOKIE));
  assert_offers_mopo (init);
  assert_dialect (world, "mopo");
}

typedef enum
{
  FORM_DATA,
  FORM_PROTOCOL_0,
  FORM_NO_VENDOR,
  FORM_OTHER_VENDOR,
  FORM_VENDOR_ONLY,
} SupportForm;

static void
decorate_support (Gateway *gateway, guint8 exchange, IkePayloads *payloads)
{
  static const guint8 data[] = { 1, 2, 3 };
  SupportForm form = (SupportForm)GPOINTER_TO_INT (gateway->user);

  if (exchange != IKE_EXCHANGE_IKE_SA_INIT)
    return;
  if (form != FORM_NO_VENDOR)
    ike_payloads_add_vendor_id (payloads, ike_mopo_vendor_id, form == FORM_OTHER_VENDOR ? 15 : 16);
  if (form == FORM_DATA)
    ike_payloads_add_notify_protocol (payloads, 49665, IKE_PROTOCOL_IKE, data, sizeof data);
  else if (form == FORM_PROTOCOL_0)
    ike_payloads_add_notify (payloads, 49665, NULL, 0);
  else if (form != FORM_VENDOR_ONLY)
    ike_payloads_add_notify_protocol (payloads, 49665, IKE_PROTOCOL_IKE, NULL, 0);
}

static void
test_support_forms (void)
{
  static const char *const dialects[] = { "mopo", "mopo", "none", "none", "none" };

  /* covers: MOPO-SUP-002, MOPO-SUP-003, MOPO-PLD-001 */
  for (guint i = 0; i < G_N_ELEMENTS (dialects); i++)
    {
      IkeConfig config = world_config ();
      g_autoptr (World) world = world_new (&config);

      world->gateway->mopo = FALSE;
      world->gateway->decorate = decorate_support;
      world->gateway->user = GINT_TO_POINTER (i);
      world_start (world, world->a);
      world_run_until (world, IKE_EVENT_ESTABLISHED, SEC);
      assert_dialect (world, dialects[i]);
    }
}

static guint
count_private_notifies (const IkeMessage *message)
{
  guint n = 0;

  for (const IkePayload *p = NULL; (p = ike_message_find_next (message, IKE_PAYLOAD_NOTIFY, p));)
    n += p->notify.notify_type >= 40960 || (p->notify.notify_type >= 8192 && p->notify.notify_type < 16384);
  return n;
}

static void
test_not_supported (void)
{
  IkeConfig config = world_config ();
  g_autoptr (World) world = NULL;

  /* Neither with MOBIKE nor with nothing. covers: MOPO-SUP-005, MOPO-PLD-002, MOPO-PLD-004, MOPO-PT-005 */
  for (guint mobike = 0; mobike < 2; mobike++)
    {
      world_free (g_steal_pointer (&world));
      world = world_new (&config);
      world->gateway->mopo = FALSE;
      world->gateway->mobike = mobike == 1;
      world_start (world, world->a);
      world_run_until (world, IKE_EVENT_ESTABLISHED, SEC);
      assert_dialect (world, mobike ? "mobike" : "none");
      world_move (world, world->b, TRUE);
      world_command (world, IKE_CHECK);
      world_command (world, IKE_REKEY_CHILD);
      world_run (world, 5 * SEC);
      world->b->up_blocked = world->a->up_blocked = TRUE;
      world_command (world, IKE_CHECK);
      world_run (world, 20 * SEC);
      world->b->up_blocked = world->a->up_blocked = FALSE;
      world_run (world, 20 * SEC);
      world_command (world, IKE_TERMINATE);
      world_run_until (world, IKE_EVENT_DEAD, 10 * SEC);
      for (guint i = 0; i < world->gateway->seen->len; i++)
        {
          const GwSeen *seen = g_ptr_array_index (world->gateway->seen, i);
          if (seen->message)
            g_assert_cmpuint (count_private_notifies (seen->message), ==, 0);
        }
      g_assert_cmpuint (world->gateway->path_tests, ==, 0);
    }
}

/* --- CHANGE_PATH --- */

static void
test_change_path (void)
{
  g_autoptr (World) world = world_established (NULL);
  const IkePayloadNotify *change, *cookie2;

  /* covers: MOPO-CHG-001, MOPO-CHG-003, MOPO-CHG-006, MOPO-RR-003, MOPO-PLD-001, MOPO-CHG-012 */
  world_forget (world);
  world_move (world, world->b, FALSE); /* whatever is wanted: the Child SAs go at once, before the request */
  g_assert_cmpstr (world->trace->str, ==, "move:2 send ");
  world_run_until (world, IKE_EVENT_PATH_OK, SEC);
  g_assert_cmpstr (world->trace->str, ==, "move:2 send event:path-ok "); /* the Child SAs are what they were */
  change = ike_message_find_notify (last_update (world)->message, 49667);
  g_assert_cmpuint (change->data.length, ==, 0);
  g_assert_cmpuint (change->spi.length, ==, 0);
  g_assert_cmpint (change->protocol, ==, 1);
  cookie2 = ike_message_find_notify (last_update (world)->message, 49668);
  g_assert_cmpuint (cookie2->data.length, >=, 8);
  g_assert_cmpuint (cookie2->data.length, <=, 64);
  g_assert_cmpint (cookie2->protocol, ==, 1);
  g_assert_nonnull (ike_message_find_notify (last_update (world)->message, IKE_NOTIFY_NAT_DETECTION_SOURCE_IP));
  g_assert_nonnull (ike_message_find_notify (last_update (world)->message, IKE_NOTIFY_NAT_DETECTION_DESTINATION_IP));
  g_assert_cmpuint (last_update (world)->message->n_payloads, ==, 4);
}

static gboolean
cookies_differ (const IkeMessage *a, const IkeMessage *b)
{
  const IkePayloadNotify *first = ike_message_find_notify (a, 49668), *second = ike_message_find_notify (b, 49668);

  return memcmp (first->data.data, second->data.data, MIN (first->data.length, second->data.length)) != 0;
}

static void
test_second_change (void)
{
  g_autoptr (World) world = world_established (NULL);
  const GwSeen *first;

  /* The first answer is checked and proves nothing about the newest path. */
  /* covers: MOPO-CHG-005, MOPO-CHG-011, MOPO-RR-006 */
  world_move (world, world->b, TRUE);
  world_run (world, 10 * MS);
  world_move (world, world->nat, TRUE);
  world_run (world, 35 * MS);
  first = last_update (world);
  g_assert_cmpuint (world_count_events (world, IKE_EVENT_PATH_OK), ==, 0);
  world_run_until (world, IKE_EVENT_PATH_OK, SEC);
  g_assert_cmpuint (last_update (world)->id, >, first->id);
  g_assert_true (cookies_differ (first->message, last_update (world)->message));
  g_assert_true (world_event (world, IKE_EVENT_PATH_OK)->nat_local);
}

static void
test_earlier_request_on_new_path (void)
{
  g_autoptr (World) world = world_established (NULL);
  const Sent *first, *again;

  /* covers: MOPO-STA-001, MOPO-CHG-004 */
  world->a->up_blocked = TRUE;
  world_forget (world);
  world_command (world, IKE_CHECK);
  world_run (world, 100 * MS);
  world_move (world, world->b, TRUE);
  first = g_ptr_array_index (world->sent, 0);
  again = world_last_sent (world);
  g_assert_true (g_bytes_equal (first->data, again->data));
  g_assert_cmpuint (again->ifindex, ==, 2);
  world_run_until (world, IKE_EVENT_PATH_OK, SEC);
}

static void
test_nat_of_the_new_path (void)
{
  g_autoptr (World) world = world_established (NULL);

  /* covers: MOPO-CHG-002, MOPO-CHG-010 */
  world_forget (world);
  world_move (world, world->nat, TRUE);
  g_assert_cmpstr (world->trace->str, ==, "move:3u send "); /* suspected: encapsulated before the answer */
  world_run_until (world, IKE_EVENT_PATH_OK, SEC);
  g_assert_true (world_event (world, IKE_EVENT_PATH_OK)->nat_local);
  world_move (world, world->b, TRUE);
  world_run_until (world, IKE_EVENT_PATH_OK, SEC);
  g_assert_true (g_str_has_suffix (world->trace->str, "move:2u send event:nat-changed move:2 event:path-ok "));
}

static void
test_without_nat_traversal (void)
{
  IkeConfig config = world_config ();
  g_autoptr (World) world = world_new (&config);

  /* covers: MOPO-PRT-002 */
  world->gateway->nat_detection = FALSE;
  world_start (world, world->a);
  world_run_until (world, IKE_EVENT_ESTABLISHED, SEC);
  world_move (world, world->nat, TRUE);
  world_run (world, 5 * SEC);
  world_move (world, world->b, TRUE);
  world_run (world, 5 * SEC);
  g_assert_null (strstr (world->trace->str, "u "));
  for (guint i = 0; i < world->sent->len; i++)
    g_assert_cmpint (((const Sent *)g_ptr_array_index (world->sent, i))->local.port, ==, 500);
}

static void
test_fragmentation (void)
{
  IkeConfig config = world_config ();
  g_autoptr (World) world = world_new (&config);

  /* covers: MOPO-TBD-020 */
  world->gateway->fragmentation = TRUE;
  world->gateway->fragment_size = 200;
  world_start (world, world->a);
  world_run_until (world, IKE_EVENT_ESTABLISHED, SEC);
  assert_dialect (world, "mopo");
  world_move (world, world->b, TRUE);
  world_run_until (world, IKE_EVENT_PATH_OK, SEC);
  g_assert_false (last_update (world)->message->fragmented);
}

/* --- what does not belong there --- */

static void
decorate_create_child (Gateway *gateway, guint8 exchange, IkePayloads *payloads)
{
  static const char *const list[] = { WORLD_GATEWAY2, NULL };

  if (exchange != IKE_EXCHANGE_CREATE_CHILD_SA)
    return;
  ike_dialect_add (&ike_dialect_mopo, 49667, NULL, 0, payloads);
  gateway_add_list (&ike_dialect_mopo, list, NULL, payloads);
}

static guint
count_pairs (const World *world)
{
  IkeStatus status;

  ike_session_get_status (world->session, &status);
  return status.n_pairs;
}

static void
test_wrong_exchange (void)
{
  g_autoptr (World) world = world_established (NULL);

  /* covers: MOPO-PLD-003 */
  world->gateway->decorate = decorate_create_child;
  world_command (world, IKE_REKEY_CHILD);
  world_run (world, SEC);
  g_assert_cmpuint (world->outbound, ==, 2);
  g_assert_cmpuint (count_pairs (world), ==, 1);
}

static void
test_other_dialect (void)
{
  IkeConfig config = world_config ();
  g_autoptr (World) world = world_new (&config);
  IkePayloads *payloads = ike_payloads_new ();
  static const char *const list[] = { WORLD_GATEWAY2, NULL };
  static const guint8 cookie[8] = { 1 };

  /* MOPO's numbers on an IKE SA that speaks MOBIKE. covers: MOPO-PLD-003, MOPO-SUP-003, IKE-PAY-007 */
  world->gateway->mobike = TRUE;
  world->gateway->mopo = FALSE;
  world_start (world, world->a);
  world_run_until (world, IKE_EVENT_ESTABLISHED, SEC);
  gateway_add_list (&ike_dialect_mopo, list, NULL, payloads);
  ike_dialect_add (&ike_dialect_mopo, 49668, cookie, sizeof cookie, payloads);
  ike_dialect_add (&ike_dialect_mopo, 49669, cookie, sizeof cookie, payloads);
  gateway_request (world->gateway, NULL, IKE_EXCHANGE_INFORMATIONAL, payloads);
  world_run (world, 45 * MS);
  g_assert_cmpuint (world->gateway->last_answer->n_payloads, ==, 0);
  g_assert_cmpuint (count_pairs (world), ==, 1);
}

static void
test_change_path_of_gateway (void)
{
  g_autoptr (World) world = world_established (NULL);
  IkePayloads *payloads = ike_payloads_new ();
  static const guint8 cookie[8] = { 7 };

  /* covers: MOPO-CHG-007 */
  ike_dialect_add (&ike_dialect_mopo, 49667, NULL, 0, payloads);
  ike_dialect_add (&ike_dialect_mopo, 49668, cookie, sizeof cookie, payloads);
  world_forget (world);
  g_assert_true (roam_addr_parse (WORLD_GATEWAY2, &gateway_sa (world->gateway)->local.addr));
  gateway_request (world->gateway, NULL, IKE_EXCHANGE_INFORMATIONAL, payloads);
  world_run (world, SEC);
  g_assert_cmpstr (world->trace->str, ==, "send ");
  g_assert_cmpuint (world->gateway->last_answer->n_payloads, ==, 1);
  g_assert_cmpuint (world_counter (world, "updates-ignored"), ==, 1);
}

/* --- refusals --- */

static GwVerdict
refuse_from_nat (Gateway *gateway, GwSa *sa, const IkeMessage *request, IkePayloads *answer)
{
  const IkePayloadNotify *cookie2 = ike_message_find_notify (request, 49668);
  guint *refusals = gateway->user;

  if (!ike_message_find_notify (request, 49667) || *refusals == 0)
    return GW_DEFAULT;
  (*refusals)--;
  ike_dialect_add (&ike_dialect_mopo, 49668, cookie2->data.data, cookie2->data.length, answer);
  ike_dialect_add (&ike_dialect_mopo, 14848, NULL, 0, answer);
  return GW_ANSWER;
}

static World *
world_with_three_paths (guint *refusals)
{
  World *world = world_established (NULL);
  IkeCommand paths = { .type = IKE_PATHS };
  SimLink *const links[] = { world->a, world->b, world->nat };

  for (guint i = 0; i < 3; i++)
    paths.paths[paths.n_paths++] = (IkePath){ links[i]->ifindex, links[i]->host };
  world_input_command (world, &paths);
  world->gateway->hook = refuse_from_nat;
  world->gateway->user = refusals;
  return world;
}

static void
test_unacceptable_path (void)
{
  IkeStatus status;

  /* The next pair; else back; else the end. covers: MOPO-TBD-001, MOPO-CHG-009 */
  for (guint n = 1; n <= 3; n++)
    {
      guint refusals = n;
      g_autoptr (World) world = world_with_three_paths (&refusals);

      world_move (world, world->b, TRUE);
      if (n == 3)
        {
          const IkeEvent *event = world_run_until (world, IKE_EVENT_DEAD, 10 * SEC);

          g_assert_cmpstr (event->reason, ==, "UNACCEPTABLE_PATH: the gateway refuses this path");
          g_assert_cmpuint (gateway_live_sas (world->gateway), ==, 0); /* with a Delete */
          continue;
        }
      world_run (world, 5 * SEC);
      g_assert_cmpuint (world_count_events (world, IKE_EVENT_PATH_FAILED), ==, 1);
      ike_session_get_status (world->session, &status);
      g_assert_cmpstr (status.state, ==, "established");
      g_assert_true (world_addr_is (&status.path.local, n == 1 ? WORLD_HOST_NAT : WORLD_HOST_A));
      g_assert_cmpuint (world_count_events (world, IKE_EVENT_PATH_CHANGED), >=, 1);
    }
}

static void
test_unacceptable_is_stale (void)
{
  guint refusals = 1;
  g_autoptr (World) world = world_with_three_paths (&refusals);

  /* covers: MOPO-TBD-001 */
  world_move (world, world->b, TRUE);
  world_run (world, 10 * MS);
  world_move (world, world->a, TRUE);
  world_run_until (world, IKE_EVENT_PATH_OK, SEC);
  g_assert_cmpuint (refusals, ==, 0);
  g_assert_cmpuint (world_count_events (world, IKE_EVENT_PATH_FAILED), ==, 0);
}

/* --- rekeying --- */

static void
test_rekeyed (void)
{
  g_autoptr (World) world = world_established (NULL);

  /* covers: MOPO-ENG-002, MOPO-STA-003 */
  for (guint i = 0; i < 3; i++)
    {
      world_command (world, IKE_REKEY_IKE);
      world_run (world, SEC);
      gateway_rekey_ike (world->gateway);
      world_run (world, SEC);
      gateway_delete_ike (world->gateway, g_ptr_array_index (world->gateway->sas, world->gateway->sas->len - 2));
      world_run (world, SEC);
      world_move (world, i % 2 ? world->a : world->b, TRUE);
      world_run_until (world, IKE_EVENT_PATH_OK, SEC);
      g_assert_cmpuint (last_update (world)->id, ==, 0);
      assert_dialect (world, "mopo");
    }
}

static void
test_port_is_path (void)
{
  g_autoptr (World) world = world_established (NULL);
  GwSa *sa = gateway_sa (world->gateway);
  RoamEndpoint usual = sa->local;
  IkeStatus status;

  /* A packet from another port moves nothing: IKE SA addresses follow CHANGE_PATH only. covers: MOPO-TBD-007 */
  sa->local.port = 61234;
  gateway_request (world->gateway, NULL, IKE_EXCHANGE_INFORMATIONAL, ike_payloads_new ());
  world_run (world, 45 * MS);
  g_assert_cmpint (world_last_sent (world)->remote.port, ==, 61234); /* covers: MOPO-NP-008 */
  ike_session_get_status (world->session, &status);
  g_assert_true (roam_endpoint_equal (&status.remote, &usual));
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  world_speak (&ike_dialect_mopo);
  g_test_add_func ("/ike/mopo/numbers", test_numbers);
  g_test_add_func ("/ike/mopo/support", test_support);
  g_test_add_func ("/ike/mopo/support-after-retries", test_support_after_retries);
  g_test_add_func ("/ike/mopo/support-forms", test_support_forms);
  g_test_add_func ("/ike/mopo/not-supported", test_not_supported);
  g_test_add_func ("/ike/mopo/change-path", test_change_path);
  g_test_add_func ("/ike/mopo/second-change", test_second_change);
  g_test_add_func ("/ike/mopo/earlier-request-on-new-path", test_earlier_request_on_new_path);
  g_test_add_func ("/ike/mopo/nat-of-the-new-path", test_nat_of_the_new_path);
  g_test_add_func ("/ike/mopo/without-nat-traversal", test_without_nat_traversal);
  g_test_add_func ("/ike/mopo/fragmentation", test_fragmentation);
  g_test_add_func ("/ike/mopo/wrong-exchange", test_wrong_exchange);
  g_test_add_func ("/ike/mopo/other-dialect", test_other_dialect);
  g_test_add_func ("/ike/mopo/change-path-of-gateway", test_change_path_of_gateway);
  g_test_add_func ("/ike/mopo/unacceptable-path", test_unacceptable_path);
  g_test_add_func ("/ike/mopo/unacceptable-is-stale", test_unacceptable_is_stale);
  g_test_add_func ("/ike/mopo/rekeyed", test_rekeyed);
  g_test_add_func ("/ike/mopo/port-is-path", test_port_is_path);
  return g_test_run ();
}
