/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "test-coordinator-world.h"

/* Monitoring, timers and backoffs; what is told to people; switching on and off. */

/* -------------------------------------------------------------- monitoring (7) ---- */

/* covers: R5266-MON-001, R5266-MON-002, R5266-MON-006, R5266-MON-003 */
static void
test_monitor_c (void)
{
  g_autoptr (World) w = world_new_c (NULL);

  for (guint i = 0; i < 5; i++)
    {
      world_pass (w, 50 * WORLD_SEC - 1);
      world_expect (w, "");
      world_pass (w, 1);
      world_expect (w, "rrq ST-143>C");
      world_accept (w, 1, TRUE);
      world_expect (w, "ST-131>C");
      g_assert_cmpint (w->plan.mode, ==, TUNNEL_MODE_C);
    }
}

/* covers: R5266-MON-011 */
static void
test_monitor_home (void)
{
  g_autoptr (World) w = world_new_home (NULL);

  world_pass (w, 50 * WORLD_SEC);
  world_expect (w, "home-rrq ST-119>HOME");
  world_accept (w, 1, TRUE);
  world_expect (w, "ST-107>HOME");
  world_pass (w, 60 * WORLD_SEC - 1);
  g_assert_cmpint (w->plan.mode, ==, TUNNEL_MODE_HOME);
  world_pass (w, 1);
  world_expect (w, "plan:hold start home-rrq ST-120>DET.0");
}

/* covers: R5266-MON-003, R5266-MON-004, R5266-MON-005 */
static void
test_proof_ends (void)
{
  CoordinatorConfig config;

  world_config (&config);
  config.t_monitor_us = 20 * WORLD_SEC;
  config.monitor_margin_us = 8 * WORLD_SEC;
  {
    g_autoptr (World) w = world_new_c (&config);

    world_pass (w, 12 * WORLD_SEC);
    world_expect (w, "rrq ST-143>C");
    world_pass (w, 8 * WORLD_SEC - 1);
    world_expect (w, "");
    world_pass (w, 1);
    world_expect (w, "plan:hold start rrq ST-144>DET.0");
    world_accept (w, 1, TRUE);
    world_expect (w, "plan:c ST-020>C");
  }
}

/* covers: R5266-MON-010 */
static void
test_monitor_wants_tnc (void)
{
  g_autoptr (World) w = world_new_c (NULL);

  world_pass (w, 50 * WORLD_SEC);
  world_accept (w, 1, FALSE);
  world_expect (w, "plan:hold start rrq ST-132>DET.0 alarm:no-tnc");
}

/* covers: R5266-MON-009 */
static void
test_monitor_unanswered (void)
{
  g_autoptr (World) w = world_new_c (NULL);

  world_pass (w, 57 * WORLD_SEC);
  world_exhaust (w, 1);
  world_expect (w, "plan:hold start rrq ST-136>DET.0");
}

/* T_MONITOR counts from the sending of the accepted copy (A-23). */
static void
test_proof_counts_from_sending (void)
{
  g_autoptr (World) w = world_new_detecting (NULL, WORLD_INSIDE);

  world_pass (w, 4 * WORLD_SEC);
  w->requests[1].sent_us = w->now.boot_us - WORLD_SEC;
  world_accept (w, 1, TRUE);
  world_pass (w, 49 * WORLD_SEC - 1);
  world_expect (w, "");
  world_pass (w, 1);
  world_expect (w, "rrq ST-143>C");
  {
    g_autoptr (GArray) links = coordinator_dup_links (w->c);

    g_assert_cmpint (g_array_index (links, CoordinatorLinkStatus, 0).proved_us, ==, w->now.boot_us - 50 * WORLD_SEC);
  }
}

/* covers: R5266-DET-004 */
static void
test_answer_from_before_a_sleep (void)
{
  g_autoptr (World) w = world_new_detecting (NULL, WORLD_INSIDE);

  world_pass (w, 60 * WORLD_SEC);
  world_accept (w, 1, TRUE);
  /* Authentic, with TNC, to the pending request; but nobody can say that the network is still the same. */
  world_expect (w, "ST-028>DET.0");
  g_assert_cmpint (w->plan.mode, !=, TUNNEL_MODE_C);
}

/* What became due before an input is served before it, whoever is called first. */
static void
test_proof_ends_in_any_input (void)
{
  g_autoptr (World) w = world_new_c (NULL);

  /* A sleep: no deadline was served. */
  w->now.boot_us += 100 * WORLD_SEC;
  world_discard (w, 1, FALSE);
  world_expect (w, "plan:hold start rrq ST-144>DET.0");
}

/* A lifetime shorter than T_MONITOR: the earlier of the two counts (A-23). */
static void
test_short_lifetime (void)
{
  g_autoptr (World) w = world_new_c (NULL);

  world_pass (w, 20 * WORLD_SEC);
  world_renewal_due (w, 1);
  world_expect (w, "rrq ST-143>C");
  world_pass (w, 10 * WORLD_SEC);
  world_expire (w, 1);
  world_expect (w, "plan:hold start rrq ST-144>DET.0");
}

/* --------------------------------------------------------------- no path (P-8) ---- */

static void
block (World *w)
{
  world_v_fail (w);
  world_exhaust (w, 1);
  world_expect_state (w, 1, COORDINATOR_BLOCKED);
}

/* covers: R5266-U-19 */
static void
test_backoff (void)
{
  static const gint64 waits[] = { 5, 10, 20, 40, 60, 60 };
  g_autoptr (World) w = world_new_detecting (NULL, WORLD_OUTSIDE);

  for (guint i = 0; i < G_N_ELEMENTS (waits); i++)
    {
      block (w);
      world_pass (w, waits[i] * WORLD_SEC - 1);
      world_expect_state (w, 1, COORDINATOR_BLOCKED);
      world_pass (w, 1);
      world_expect_state (w, 1, COORDINATOR_DET_0);
    }
  /* A new place is a new beginning. */
  world_address_event (w, 1, WORLD_OUTSIDE_2);
  block (w);
  world_pass (w, 5 * WORLD_SEC);
  world_expect_state (w, 1, COORDINATOR_DET_0);
}

/* covers: R5266-TRF-009, R5266-TRF-003 */
static void
test_hold_is_bounded (void)
{
  g_autoptr (World) w = world_new_mc (NULL);

  world_link_down (w, 1);
  world_expect (w, "plan:hold forget ST-254>OFFLINE");
  world_pass (w, 30 * WORLD_SEC - 1);
  world_expect (w, "");
  world_pass (w, 1);
  world_expect (w, "plan:drop");
  world_pass (w, 3600 * WORLD_SEC);
  world_expect (w, "");
}

/* A gateway that takes down each IKE SA at once does not make roamd run in circles. */
static void
test_vpn_dies_young (void)
{
  g_autoptr (World) w = world_new_detecting (NULL, WORLD_OUTSIDE);

  world_v_ok (w);
  world_v_event (w, IKE_EVENT_DEAD);
  world_expect (w, "ST-054>DET.0");
  world_pass (w, 5 * WORLD_SEC - 1);
  world_expect (w, "");
  world_pass (w, 1);
  world_expect (w, "start");
  world_v_ok (w);
  world_v_event (w, IKE_EVENT_DEAD);
  world_pass (w, 10 * WORLD_SEC - 1);
  world_expect (w, "");
  world_pass (w, 1);
  world_expect (w, "start");
  world_v_ok (w);
  world_v_event (w, IKE_EVENT_DEAD);
  /* A move does not wait for it. */
  world_address_event (w, 1, WORLD_OUTSIDE_2);
  world_expect (w, "start rrq ST-015>DET.0");
}

static void
test_binding_backoff (void)
{
  g_autoptr (World) w = world_new_mc (NULL);

  world_renewal_due (w, MIP4_PATH_VPN);
  world_expect (w, "vpn-rrq ST-272>MC");
  world_exhaust (w, MIP4_PATH_VPN);
  world_expect (w, "check ST-271>MC");
  world_check_ok (w);
  world_expect (w, "ST-263>MC");
  world_pass (w, 5 * WORLD_SEC);
  world_expect (w, "vpn-rrq");
  world_deny (w, MIP4_PATH_VPN, 130, FALSE);
  world_expect (w, "ST-270>MC alarm:denied");
  world_pass (w, 10 * WORLD_SEC);
  world_expect (w, "vpn-rrq");
  world_accept (w, MIP4_PATH_VPN, FALSE);
  world_expect (w, "ST-268>MC alarm:cleared");
  world_pass (w, 100 * WORLD_SEC);
  world_expect (w, "");
}

/* covers: R5266-OUT-003, R5266-MON-012 */
static void
test_renewals_outside (void)
{
  g_autoptr (World) w = world_new_mc (NULL);

  world_renewal_due (w, MIP4_PATH_VPN);
  world_expect (w, "vpn-rrq ST-272>MC");
  world_accept (w, MIP4_PATH_VPN, FALSE);
  world_expect (w, "ST-268>MC");
  /* Steady outside: not one request in clear (DET-024). */
  world_pass (w, 300 * WORLD_SEC);
  world_expect (w, "");
  world_expire (w, MIP4_PATH_VPN);
  world_expect (w, "plan:hold vpn-rrq ST-273>MCREG");
}

/* covers: R5266-DET-024 */
static void
test_steady_mc_is_quiet (void)
{
  g_autoptr (World) w = world_new_mc (NULL);

  g_assert_cmpint (coordinator_next_deadline (w->c), ==, ROAM_NEVER);
}

/* ---------------------------------------------------------------- no VPN at all ---- */

static void
test_no_gateway_inside_and_outside (void)
{
  CoordinatorConfig config;

  world_config (&config);
  config.has_vpn = FALSE;
  {
    g_autoptr (World) w = world_new (&config);

    world_enable (w);
    world_address_event (w, 1, WORLD_INSIDE);
    world_expect (w, "plan:hold rrq ST-003>ACQUIRE ST-007>DET.0 ST-030>DET.R");
    world_accept (w, 1, TRUE);
    world_expect (w, "plan:c ST-068>C handover:offline>c");
    world_address_event (w, 1, WORLD_OUTSIDE);
    world_expect (w, "plan:hold rrq ST-124>DET.0 ST-030>DET.R");
    world_exhaust (w, 1);
    world_expect (w, "plan:drop ST-075>BLOCKED alarm:no-path");
  }
}

/* ------------------------------------------------------------------ for people ---- */

/* covers: R5266-SEC-006 */
static void
test_tnc_outside (void)
{
  g_autoptr (World) w = world_new_detecting (NULL, WORLD_INSIDE);

  w->nat = TRUE;
  world_v_ok (w);
  world_accept (w, 1, TRUE);
  world_expect (w, "plan:c ST-042>C alarm:tnc-outside handover:offline>c");
}

static void
test_alarms_stand_once (void)
{
  g_autoptr (World) w = world_new_detecting (NULL, WORLD_OUTSIDE);

  block (w);
  world_pass (w, 5 * WORLD_SEC);
  world_v_fail (w);
  world_exhaust (w, 1);
  /* Still no path: said already. */
  world_expect (w, "plan:drop ST-075>BLOCKED");
  world_pass (w, 10 * WORLD_SEC);
  world_accept (w, 1, TRUE);
  world_expect (w, "plan:c ST-020>C alarm:cleared handover:offline>c");
}

static void
test_alarms_beside_each_other (void)
{
  g_autoptr (World) w = world_new_detecting (NULL, WORLD_OUTSIDE);

  world_accept (w, 1, FALSE);
  world_expect (w, "ST-022>DET.V alarm:no-tnc");
  world_v_fail (w);
  world_expect (w, "plan:drop dereg ST-094>BLOCKED alarm:vpn-unreachable");
  world_pass (w, 5 * WORLD_SEC);
  /* A new try of the same network: what the home agent said last time is past. */
  world_expect (w, "plan:hold start rrq ST-316>DET.0 alarm:vpn-unreachable");
  world_accept (w, 1, FALSE);
  world_expect (w, "ST-022>DET.V alarm:no-tnc");
  world_v_ok (w);
  world_accept (w, MIP4_PATH_VPN, FALSE);
  /* One is over; who shows a single alarm is told of the other again. */
  world_expect (w, "plan:mc ST-215>MC alarm:no-tnc handover:offline>mc");
  world_address_event (w, 1, WORLD_INSIDE);
  world_expect (w, "plan:hold move rrq ST-255>DET.0 alarm:cleared");
}

/* Inside it is normal that the gateway cannot be reached (MU-006). */
static void
test_gateway_unreachable_inside (void)
{
  g_autoptr (World) w = world_new_c (NULL);

  world_v_fail (w);
  world_expect (w, "ST-139>C");
}

static void
test_key_mismatch (void)
{
  g_autoptr (World) w = world_new_mcreg (NULL);

  world_discard (w, MIP4_PATH_VPN, TRUE);
  world_expect (w, "alarm:key");
  world_discard (w, 1, TRUE);
  world_expect (w, "");
  world_accept (w, MIP4_PATH_VPN, FALSE);
  world_expect (w, "plan:mc ST-216>MC.BG alarm:cleared handover:offline>mc");
}

/* covers: R5266-T-25 */
static void
test_vpn_login_refused (void)
{
  g_autoptr (World) w = world_new_mc (NULL);

  world_v_event (w, IKE_EVENT_AUTH_FAILED);
  world_expect (w, "plan:hold rrq ST-266>DET.R alarm:vpn-auth");
  world_exhaust (w, 1);
  world_expect (w, "plan:drop ST-075>BLOCKED");
  world_pass (w, 5 * WORLD_SEC);
  world_expect (w, "plan:hold start rrq ST-316>DET.0");
  world_v_ok (w);
  world_expect (w, "ST-029>DET.G alarm:cleared");
}

static void
test_names (void)
{
  for (guint state = 0; state < COORDINATOR_N_STATES; state++)
    {
      g_assert_nonnull (coordinator_state_to_string ((CoordinatorState)state));
      g_assert_nonnull (coordinator_state_to_mode ((CoordinatorState)state));
    }
  g_assert_cmpstr (coordinator_state_to_string (COORDINATOR_MC_CHK), ==, "MC.CHK");
  g_assert_cmpstr (coordinator_state_to_mode (COORDINATOR_MCREG), ==, "mc");
  g_assert_cmpstr (coordinator_state_to_mode (COORDINATOR_BLOCKED), ==, "offline");
}

/* ------------------------------------------------------------------- on and off ---- */

static void
test_disable (void)
{
  g_autoptr (World) w = world_new_mc (NULL);

  /* The home agent first: its datagram may need the tunnel that the DELETE takes down. */
  world_disable (w);
  world_expect (w, "plan:drop vpn-dereg delete ST-252>OFF");
  g_assert_cmpint (coordinator_get_state (w->c), ==, COORDINATOR_OFF);
  world_address_event (w, 1, WORLD_OUTSIDE_2);
  world_expect (w, "");
  world_v_event (w, IKE_EVENT_DEAD);
  world_expect (w, "");
  world_pass (w, 100 * WORLD_SEC);
  world_enable (w);
  world_expect (w, "plan:hold start rrq ST-001>OFFLINE ST-003>ACQUIRE ST-007>DET.0");
}

static void
test_twice_is_once (void)
{
  g_autoptr (World) w = world_new (NULL);

  world_disable (w);
  world_expect (w, "");
  world_enable (w);
  world_expect (w, "plan:hold");
  g_assert_cmpint (coordinator_get_state (w->c), ==, COORDINATOR_OFFLINE);
  world_enable (w);
  world_expect (w, "");
}

/* covers: R5266-DET-022, R5266-DET-025, R5266-MON-008 */
static void
test_hints_only_ask (void)
{
  g_autoptr (World) w = world_new_c (NULL);

  world_hint (w, 1, WORLD_INSIDE);
  world_expect (w, "plan:hold start rrq ST-126>DET.0");
  for (guint i = 0; i < 10; i++)
    {
      world_hint (w, 1, WORLD_INSIDE);
      world_expect (w, "start rrq ST-017>DET.0");
      g_assert_cmpint (w->plan.mode, ==, TUNNEL_MODE_HOLD);
    }
}

static void
test_not_a_candidate (void)
{
  g_autoptr (World) w = world_new (NULL);
  DetectLink link = world_link (1, WORLD_INSIDE);

  world_enable (w);
  link.candidate = FALSE;
  world_link_event (w, DETECT_EVENT_ADDRESS, &link);
  world_expect (w, "");
  world_address_event (w, 1, WORLD_INSIDE);
  /* It became one of a bridge. */
  world_link_event (w, DETECT_EVENT_ADDRESS, &link);
  world_expect (w, "forget ST-014>OFFLINE");
}

static void
test_many_links (void)
{
  g_autoptr (World) w = world_new (NULL);
  DetectLink link = world_link (3, NULL);
  g_autoptr (GArray) links = NULL;

  world_enable (w);
  world_address_event (w, 1, WORLD_INSIDE);
  for (int i = 10; i < 60; i++)
    {
      link.ifindex = i;
      link.up = TRUE;
      world_link_event (w, DETECT_EVENT_LINK_UP, &link);
      link.up = FALSE;
      world_link_event (w, DETECT_EVENT_LINK_DOWN, &link);
    }
  links = coordinator_dup_links (w->c);
  g_assert_cmpuint (links->len, <=, 16);
  world_accept (w, 1, TRUE);
  world_expect (w, "plan:c ST-020>C handover:offline>c");
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
#define ADD(path, function) g_test_add_func ("/coordinator-time/" path, function)
  ADD ("monitor/c", test_monitor_c);
  ADD ("monitor/home", test_monitor_home);
  ADD ("monitor/proof-ends", test_proof_ends);
  ADD ("monitor/wants-tnc", test_monitor_wants_tnc);
  ADD ("monitor/unanswered", test_monitor_unanswered);
  ADD ("monitor/counts-from-sending", test_proof_counts_from_sending);
  ADD ("monitor/answer-from-before-a-sleep", test_answer_from_before_a_sleep);
  ADD ("monitor/ends-in-any-input", test_proof_ends_in_any_input);
  ADD ("monitor/short-lifetime", test_short_lifetime);
  ADD ("path/backoff", test_backoff);
  ADD ("path/hold-is-bounded", test_hold_is_bounded);
  ADD ("path/vpn-dies-young", test_vpn_dies_young);
  ADD ("path/binding-backoff", test_binding_backoff);
  ADD ("path/renewals-outside", test_renewals_outside);
  ADD ("path/steady-mc-is-quiet", test_steady_mc_is_quiet);
  ADD ("path/no-gateway-inside-and-outside", test_no_gateway_inside_and_outside);
  ADD ("people/tnc-outside", test_tnc_outside);
  ADD ("people/alarms-stand-once", test_alarms_stand_once);
  ADD ("people/alarms-beside-each-other", test_alarms_beside_each_other);
  ADD ("people/gateway-unreachable-inside", test_gateway_unreachable_inside);
  ADD ("people/key-mismatch", test_key_mismatch);
  ADD ("people/vpn-login-refused", test_vpn_login_refused);
  ADD ("people/names", test_names);
  ADD ("switch/disable", test_disable);
  ADD ("switch/twice-is-once", test_twice_is_once);
  ADD ("switch/hints-only-ask", test_hints_only_ask);
  ADD ("switch/not-a-candidate", test_not_a_candidate);
  ADD ("switch/many-links", test_many_links);
  return g_test_run ();
}
