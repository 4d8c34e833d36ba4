/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* MOBIKE (RFC 4555): what the gateway does to an IkeSession; rekeying at the same time. Virtual time. */
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

static const Sent *
nth_sent (const World *world, guint index)
{
  g_assert_cmpuint (world->sent->len, >, index);
  return g_ptr_array_index (world->sent, index);
}

static GwVerdict
be_silent (Gateway *gateway, GwSa *sa, const IkeMessage *request, IkePayloads *answer)
{
  return request->header.exchange == IKE_EXCHANGE_IKE_AUTH ? GW_DEFAULT : GW_SILENT;
}

/* --- the gateway's side --- */

static void
test_rekey_by_gateway (gboolean before_answer)
{
  g_autoptr (World) world = world_established (NULL);

  world->gateway->rekey_child_on_update = TRUE;
  world->gateway->rekey_before_answer = before_answer;
  world_forget (world);
  world_move (world, world->b, TRUE);
  world_run (world, 45 * MS);
  g_assert_cmpstr (world->trace->str, ==,
                   before_answer ? "move:2 send add:2 send event:path-ok " : "move:2 send event:path-ok add:2 send ");
  g_assert_cmpuint (world->outbound, ==, 1); /* the gateway may not know yet that we took the new one */
  world_traffic (world, 2);
  g_assert_cmpuint (world->outbound, ==, 2);
  const IkeChildSa *child = g_ptr_array_index (world->children, 1);
  world_run (world, 45 * MS);
  const GwChild *theirs = gateway_child (world->gateway);
  g_assert_cmphex (child->spi_in, ==, theirs->spi_out);
  g_assert_true (roam_secret_equal (child->encr_in, theirs->encr_out));
  g_assert_true (roam_secret_equal (child->encr_out, theirs->encr_in));
  g_assert_true (world_addr_is (&child->outer_local.addr, WORLD_HOST_B));
  world_forget (world);
  gateway_delete_child (world->gateway, g_ptr_array_index (world->gateway->children, 0));
  world_run (world, 45 * MS);
  g_assert_cmpstr (world->trace->str, ==, "send "); /* received on for a while */
  g_assert_nonnull (ike_message_find (world->gateway->last_answer, IKE_PAYLOAD_DELETE));
  world_run (world, 5 * SEC);
  g_assert_cmpstr (world->trace->str, ==, "send remove:1 ");
}

static void
test_rekey_before_answer (void)
{
  /* covers: MOB-GWU-008, IKE-MID-007, IKE-CHI-012, IKE-RKY-008, IKE-CHI-018, MOB-INT-006, IKE-RKY-010 */
  test_rekey_by_gateway (TRUE);
}

static void
test_rekey_after_answer (void)
{
  /* covers: MOB-GWU-008, IKE-RKY-008 */
  test_rekey_by_gateway (FALSE);
}

static void
test_delete_without_traffic (void)
{
  g_autoptr (World) world = world_established (NULL);

  /* The Delete of the old one says as well that the new one can be sent on; covers: IKE-CHI-012 */
  gateway_rekey_child (world->gateway, gateway_child (world->gateway));
  world_run (world, 45 * MS);
  world_forget (world);
  gateway_delete_child (world->gateway, g_ptr_array_index (world->gateway->children, 0));
  world_run (world, 45 * MS);
  g_assert_cmpstr (world->trace->str, ==, "use:2 send ");
}

static void
test_cookie2_of_gateway (void)
{
  g_autoptr (World) world = world_established (NULL);
  IkePayloads *payloads = ike_payloads_new ();
  guint8 cookie[64];
  const IkePayloadNotify *echo;
  GwSa *sa = gateway_sa (world->gateway);
  guint8 hash[IKE_NAT_DETECTION_LENGTH];

  /* covers: MOB-RR-006, MOB-GWU-006, MOB-MAP-002 */
  memset (cookie, 7, sizeof cookie);
  gateway_add_natd (world->gateway, sa, &sa->local, &sa->remote, payloads);
  ike_payloads_add_notify_protocol (payloads, world_dialect ()->cookie2, IKE_PROTOCOL_IKE, cookie, sizeof cookie);
  world_forget (world);
  gateway_request (world->gateway, NULL, IKE_EXCHANGE_INFORMATIONAL, payloads);
  world_run (world, 45 * MS);
  echo = ike_message_find_notify (world->gateway->last_answer, world_dialect ()->cookie2);
  g_assert_cmpmem (echo->data.data, echo->data.length, cookie, sizeof cookie);
  echo = ike_message_find_notify (world->gateway->last_answer, IKE_NOTIFY_NAT_DETECTION_SOURCE_IP);
  ike_nat_detection_hash (sa->spi_i, sa->spi_r, &sa->remote, hash);
  g_assert_cmpmem (echo->data.data, echo->data.length, hash, sizeof hash);
  g_assert_cmpstr (world->trace->str, ==, "send ");
}

static void
test_cookie2_lengths (void)
{
  g_autoptr (World) world = world_established (NULL);
  static const gsize lengths[] = { 7, 8, 65 };
  guint8 cookie[65] = { 9 };

  /* covers: MOB-RR-009 */
  for (guint i = 0; i < G_N_ELEMENTS (lengths); i++)
    {
      IkePayloads *payloads = ike_payloads_new ();
      const IkePayloadNotify *echo;

      ike_payloads_add_notify (payloads, world_dialect ()->cookie2, cookie, lengths[i]);
      gateway_request (world->gateway, NULL, IKE_EXCHANGE_INFORMATIONAL, payloads);
      world_run (world, 45 * MS);
      echo = ike_message_find_notify (world->gateway->last_answer, world_dialect ()->cookie2);
      g_assert_true (lengths[i] <= 64 ? echo && echo->data.length == lengths[i] : echo == NULL);
    }
}

static void
test_request_from_other_address (void)
{
  g_autoptr (World) world = world_established (NULL);
  GwSa *sa = gateway_sa (world->gateway);
  RoamEndpoint usual = sa->local;
  IkeStatus status;

  /* covers: IKE-TRN-001, MOB-SUP-008, MOB-SET-005, MOB-MAP-008, IKE-NAT-006, IKE-NAT-007, IKE-HDR-009 */
  world_forget (world);
  g_assert_true (roam_addr_parse (WORLD_GATEWAY2, &sa->local.addr));
  sa->local.port = 61234;
  gateway_request (world->gateway, NULL, IKE_EXCHANGE_INFORMATIONAL, ike_payloads_new ());
  world_run (world, 45 * MS);
  g_assert_cmpuint (world->gateway->answers, ==, 1);
  g_assert_true (world_addr_is (&nth_sent (world, 0)->remote.addr, WORLD_GATEWAY2));
  g_assert_cmpint (nth_sent (world, 0)->remote.port, ==, 61234);
  ike_session_get_status (world->session, &status);
  g_assert_true (roam_endpoint_equal (&status.remote, &usual));
  g_assert_cmpstr (world->trace->str, ==, "send ");
}

static void
test_request_on_old_path (void)
{
  g_autoptr (World) world = world_established (NULL);
  GwSa *sa = gateway_sa (world->gateway);

  /* covers: MOB-SUP-008, MOB-INI-005 */
  world->b->up_blocked = TRUE;
  world_move (world, world->b, TRUE);
  world_forget (world);
  gateway_request (world->gateway, sa, IKE_EXCHANGE_INFORMATIONAL, ike_payloads_new ());
  world_run (world, 30 * MS);
  g_assert_cmpuint (nth_sent (world, 0)->ifindex, ==, 1);
}

static void
test_update_by_gateway (void)
{
  g_autoptr (World) world = world_established (NULL);
  IkePayloads *payloads = ike_payloads_new ();
  static const guint8 data[3] = { 1, 2, 3 };

  /* covers: MOB-UPD-015, MOB-PLD-001, IKE-INF-001 */
  ike_payloads_add_notify (payloads, world_dialect ()->update, data, sizeof data);
  world_forget (world);
  gateway_request (world->gateway, NULL, IKE_EXCHANGE_INFORMATIONAL, payloads);
  world_run (world, 45 * MS);
  g_assert_cmpstr (world->trace->str, ==, "send ");
  g_assert_cmpuint (world->gateway->last_answer->n_payloads, ==, 0);
}

static void
test_errors_in_request (void)
{
  g_autoptr (World) world = world_established (NULL);
  IkePayloads *payloads = ike_payloads_new ();

  /* covers: MOB-PLD-005, IKE-ERR-008 */
  ike_payloads_add_notify (payloads, world_dialect ()->refused, NULL, 0);
  ike_payloads_add_notify (payloads, IKE_NOTIFY_INVALID_MESSAGE_ID, NULL, 0);
  ike_payloads_add_notify (payloads, 16000, NULL, 0);
  world_forget (world);
  gateway_request (world->gateway, NULL, IKE_EXCHANGE_INFORMATIONAL, payloads);
  world_run (world, 45 * MS);
  g_assert_cmpstr (world->trace->str, ==, "send ");
  g_assert_cmpuint (world->gateway->last_answer->n_payloads, ==, 0);
}

static void
announce (World *world, const char *const *addresses)
{
  IkePayloads *payloads = ike_payloads_new ();

  gateway_add_list (world_dialect (), addresses, &gateway_sa (world->gateway)->local.addr, payloads);
  gateway_request (world->gateway, NULL, IKE_EXCHANGE_INFORMATIONAL, payloads);
  world_run (world, 45 * MS);
}

static void
test_address_lost (void)
{
  g_autoptr (World) world = world_established (NULL);
  static const char *const none[] = { NULL };

  /* The gateway sends from R2 and says that it has no other: R1, in use, is gone. covers: MOB-TRG-004, MOB-SET-003 */
  world_forget (world);
  g_assert_true (roam_addr_parse (WORLD_GATEWAY2, &gateway_sa (world->gateway)->local.addr));
  announce (world, none);
  world_run (world, SEC);
  g_assert_cmpuint (gateway_count_updates (world->gateway), ==, 1);
  g_assert_true (world_addr_is (&last_update (world)->local.addr, WORLD_GATEWAY2));
}

static void
test_list_with_address (void)
{
  g_autoptr (World) world = world_established (NULL);
  static const char *const both[] = { WORLD_GATEWAY, "2001:db8::5", NULL };

  /* covers: MOB-ADD-002, MOB-ADD-003 */
  g_assert_true (roam_addr_parse (WORLD_GATEWAY2, &gateway_sa (world->gateway)->local.addr));
  world_forget (world);
  announce (world, both);
  world_run (world, SEC);
  /* A MOPO gateway sends from another address when the path is dead for it: two PATH_TESTs, answer, CHANGE_PATH. */
  g_assert_cmpstr (world->trace->str, ==,
                   world_dialect ()->probe_out_of_sa ? "send send send move:1 event:path-changed send " : "send ");
}

static void
test_lengths_of_addresses (void)
{
  g_autoptr (World) world = world_established (NULL);
  IkePayloads *payloads = ike_payloads_new ();
  static const guint8 data[20] = { 203, 0, 113, 77 };
  static const gsize wrong4[] = { 0, 3, 5 }, wrong6[] = { 15, 17 };

  /* covers: MOB-ADD-006 */
  for (guint i = 0; i < G_N_ELEMENTS (wrong4); i++)
    ike_payloads_add_notify (payloads, world_dialect ()->address4, data, wrong4[i]);
  for (guint i = 0; i < G_N_ELEMENTS (wrong6); i++)
    ike_payloads_add_notify (payloads, world_dialect ()->address6, data, wrong6[i]);
  gateway_request (world->gateway, NULL, IKE_EXCHANGE_INFORMATIONAL, payloads);
  world_run (world, 45 * MS);
  g_assert_cmpuint (world->gateway->answers, ==, 1);
  g_assert_cmpuint (world_counter (world, "addresses-ignored"), ==, 5);
}

static void
test_gateway_with_two_addresses (void)
{
  IkeConfig config = world_config ();
  g_autoptr (World) world = world_new (&config);
  static const char *const listed[] = { "0.0.0.0", "127.0.0.1", "224.0.0.5",      "169.254.1.1", "::",
                                        "fe80::1", "ff02::1",   "::ffff:1.2.3.4", WORLD_GATEWAY2 };
  gboolean used_second = FALSE;

  /* covers: MOB-ADD-007, MOB-GWA-001, MOB-TRG-003, MOB-PT-001, MOB-PT-003, MOB-PT-004, MOB-PT-008, MOB-PT-009 */
  for (guint i = 0; i < G_N_ELEMENTS (listed); i++)
    world->gateway->additional[i] = listed[i];
  world_start (world, world->a);
  world_run_until (world, IKE_EVENT_ESTABLISHED, SEC);
  world_forget (world);
  /* The first address falls silent: only what goes to the second one arrives. */
  world->a->only_to = (RoamAddr){ 0 };
  g_assert_true (roam_addr_parse (WORLD_GATEWAY2, &world->a->only_to));
  world_run (world, 60 * SEC);
  for (guint i = 0; i < world->sent->len; i++)
    {
      const RoamAddr *to = &nth_sent (world, i)->remote.addr;
      g_assert_true (world_addr_is (to, WORLD_GATEWAY) || world_addr_is (to, WORLD_GATEWAY2));
      used_second = used_second || world_addr_is (to, WORLD_GATEWAY2);
    }
  g_assert_true (used_second);
  g_assert_cmpuint (gateway_count_updates (world->gateway), ==, 1);
  g_assert_true (world_addr_is (&last_update (world)->local.addr, WORLD_GATEWAY2));
  g_assert_nonnull (strstr (world->trace->str, "move:1"));
  world_command (world, IKE_CHECK);
  world_run_until (world, IKE_EVENT_PATH_OK, SEC);
}

static void
test_families (void)
{
  IkeConfig config = world_config ();
  g_autoptr (World) world = world_new (&config);
  SimLink *six = sim_add_link (world->sim, 6, "2001:db8:1::50", 20 * MS);

  /* covers: MOB-FAM-001, MOB-FAM-002, MOB-PT-005 */
  world->gateway->additional[0] = "2001:db8::2";
  world_start (world, world->a);
  world_run_until (world, IKE_EVENT_ESTABLISHED, SEC);
  world_move (world, six, TRUE);
  world_run_until (world, IKE_EVENT_PATH_OK, SEC);
  g_assert_true (world_addr_is (&last_update (world)->local.addr, "2001:db8::2"));
  world_move (world, world->b, TRUE);
  world_run_until (world, IKE_EVENT_PATH_OK, SEC);
  g_assert_true (world_addr_is (&last_update (world)->local.addr, WORLD_GATEWAY));
}

static void
test_family_unknown (void)
{
  g_autoptr (World) world = world_established (NULL);
  SimLink *six = sim_add_link (world->sim, 6, "2001:db8:1::50", 20 * MS);

  /* covers: MOB-FAM-002 */
  world_forget (world);
  world_move (world, six, TRUE);
  g_assert_cmpstr (world->trace->str, ==, "event:path-failed ");
}

static void
test_no_nats_allowed_mismatch (void)
{
  g_autoptr (World) world = world_established (NULL);
  IkePayloads *payloads = ike_payloads_new ();
  static const guint8 data[12] = { 1, 2, 3, 4, 5, 6, 7, 8, 9 };
  static const guint8 cookie[8] = { 1 };

  /* covers: MOB-NOP-003, MOB-NOP-004, MOB-RR-006 */
  ike_payloads_add_notify (payloads, world_dialect ()->nat_forbid, data, sizeof data);
  ike_payloads_add_notify (payloads, world_dialect ()->cookie2, cookie, sizeof cookie);
  gateway_request (world->gateway, NULL, IKE_EXCHANGE_INFORMATIONAL, payloads);
  world_run (world, 45 * MS);
  /* MOPO has the payload in IKE_SA_INIT and updates only, so here it is ignored. */
  g_assert_cmpint (ike_message_find_notify (world->gateway->last_answer, world_dialect ()->nat_seen) != NULL, ==,
                   !world_dialect ()->nat_forbid_in_init);
  g_assert_nonnull (ike_message_find_notify (world->gateway->last_answer, world_dialect ()->cookie2));
}

/* --- with rekeying --- */

static void
test_move_during_ike_rekey (void)
{
  g_autoptr (World) world = world_established (NULL);
  GwSa *old = gateway_sa (world->gateway);

  /* The update goes on the new IKE SA. covers: MOB-INT-004, MOB-INT-005, MOB-SUP-003 */
  world->a->down_blocked = TRUE;
  world_command (world, IKE_REKEY_IKE);
  world_run (world, 30 * MS);
  world_move (world, world->b, TRUE);
  world_run_until (world, IKE_EVENT_PATH_OK, SEC);
  g_assert_cmphex (last_update (world)->message->header.spi_i, ==, gateway_sa (world->gateway)->spi_i);
  g_assert_cmphex (last_update (world)->message->header.spi_i, !=, old->spi_i);
  g_assert_cmpuint (last_update (world)->id, ==, 0);
  world_run (world, SEC);
  g_assert_true (old->deleted);
  g_assert_true (
    world_addr_is (&gateway_last_seen (world->gateway, IKE_EXCHANGE_INFORMATIONAL)->remote.addr, WORLD_HOST_B));
}

static void
test_ike_rekey_by_gateway_during_update (void)
{
  g_autoptr (World) world = world_established (NULL);
  GwSa *old = gateway_sa (world->gateway);

  /* The gateway rekeys while our update is on its way, answers it never and deletes the old SA. */
  world->gateway->hook = be_silent;
  world_move (world, world->b, TRUE);
  world_run (world, 30 * MS);
  gateway_rekey_ike (world->gateway);
  world_run (world, 45 * MS);
  g_assert_cmpuint (gateway_live_sas (world->gateway), ==, 2);
  world->gateway->hook = NULL;
  gateway_delete_ike (world->gateway, old);
  old->deleted = TRUE;
  world_run_until (world, IKE_EVENT_PATH_OK, SEC);
  g_assert_cmphex (last_update (world)->message->header.spi_i, ==, gateway_sa (world->gateway)->spi_i);
  g_assert_cmpint (last_update (world)->flags & IKE_FLAG_INITIATOR, ==, 0); /* covers: IKE-HDR-008, IKE-CRY-004 */
}

static void
test_delete_crosses_update (void)
{
  g_autoptr (World) world = world_established (NULL);

  world->gateway->hook = be_silent;
  world_move (world, world->b, TRUE);
  gateway_delete_ike (world->gateway, NULL);
  world_run_until (world, IKE_EVENT_DEAD, SEC);
  world_run (world, 60 * SEC);
  g_assert_cmpuint (world_count_events (world, IKE_EVENT_PATH_FAILED), ==, 0);
}

static void
test_storm (void)
{
  IkeConfig config = world_config ();

  /* Everything at once on bad links; what must hold is that it converges. covers: MOB-FRT-001, MOB-GWU-001 */
  config.rekey_child_us = 11 * SEC;
  config.rekey_ike_us = 17 * SEC;
  for (guint seed = 1; seed <= 15; seed++)
    {
      g_autoptr (World) world = world_established (&config);
      g_autoptr (RoamRng) rng = roam_rng_new_for_test (seed);
      SimLink *links[] = { world->a, world->b, world->nat };
      IkeStatus status;

      for (guint i = 0; i < 3; i++)
        {
          links[i]->loss_percent = 15;
          links[i]->jitter_us = 30 * MS;
          links[i]->duplicate_percent = 10;
        }
      world->gateway->rekey_child_on_update = seed % 2 == 0;
      world->gateway->hook = NULL;
      for (guint i = 0; i < 60 && !world_event (world, IKE_EVENT_DEAD); i++)
        {
          GwSa *sa = gateway_sa (world->gateway);

          if (roam_rng_below (rng, 3) == 0)
            world_move (world, links[roam_rng_below (rng, 3)], roam_rng_below (rng, 2));
          /* The gateway repeats what got lost, as it must. */
          if (sa && sa->request)
            gateway_repeat_request (world->gateway, sa);
          world->gateway->rekey_child_on_update = sa && !sa->request && seed % 2 == 0;
          world_run (world, SEC);
        }
      for (guint i = 0; i < 3; i++)
        links[i]->loss_percent = 0;
      g_assert_null (world_event (world, IKE_EVENT_DEAD));
      world->gateway->rekey_child_on_update = FALSE;
      world_move (world, world->a, TRUE);
      world_run (world, 5 * SEC);
      ike_session_get_status (world->session, &status);
      g_assert_cmpstr (status.state, ==, "established");
      g_assert_cmpuint (world_event (world, IKE_EVENT_PATH_OK)->serial, ==, world->serial);
      g_assert_true (world_addr_is (&gateway_sa (world->gateway)->remote.addr, WORLD_HOST_A));
      g_assert_cmpuint (world->outbound, !=, 0);
    }
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  world_init (argc, argv);
  g_test_add_func ("/ike/mobike/rekey-before-answer", test_rekey_before_answer);
  g_test_add_func ("/ike/mobike/rekey-after-answer", test_rekey_after_answer);
  g_test_add_func ("/ike/mobike/delete-without-traffic", test_delete_without_traffic);
  g_test_add_func ("/ike/mobike/cookie2-of-gateway", test_cookie2_of_gateway);
  g_test_add_func ("/ike/mobike/cookie2-lengths", test_cookie2_lengths);
  g_test_add_func ("/ike/mobike/request-from-other-address", test_request_from_other_address);
  g_test_add_func ("/ike/mobike/request-on-old-path", test_request_on_old_path);
  g_test_add_func ("/ike/mobike/update-by-gateway", test_update_by_gateway);
  g_test_add_func ("/ike/mobike/errors-in-request", test_errors_in_request);
  g_test_add_func ("/ike/mobike/address-lost", test_address_lost);
  g_test_add_func ("/ike/mobike/list-with-address", test_list_with_address);
  g_test_add_func ("/ike/mobike/lengths-of-addresses", test_lengths_of_addresses);
  g_test_add_func ("/ike/mobike/gateway-with-two-addresses", test_gateway_with_two_addresses);
  g_test_add_func ("/ike/mobike/families", test_families);
  g_test_add_func ("/ike/mobike/family-unknown", test_family_unknown);
  g_test_add_func ("/ike/mobike/no-nats-allowed-mismatch", test_no_nats_allowed_mismatch);
  g_test_add_func ("/ike/mobike/move-during-ike-rekey", test_move_during_ike_rekey);
  g_test_add_func ("/ike/mobike/ike-rekey-by-gateway-during-update", test_ike_rekey_by_gateway_during_update);
  g_test_add_func ("/ike/mobike/delete-crosses-update", test_delete_crosses_update);
  g_test_add_func ("/ike/mobike/storm", test_storm);
  return g_test_run ();
}
