/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "test-coordinator-world.h"

/*
 * Several interfaces (decision A-20): eth0 is 1 and better than wlan0, 2, which is better than wwan0, 3.
 * One is active; a better one is tried beside it (make before break); a lost one is replaced at once.
 */

/* On wlan0 in mode mc, steady; nothing else is there. */
static World *
new_wlan_mc (void)
{
  World *w = world_new (NULL);

  world_enable (w);
  world_address_event (w, 2, WORLD_OUTSIDE);
  world_v_ok (w);
  world_pass (w, WORLD_SEC);
  world_accept (w, MIP4_PATH_VPN, TRUE);
  world_exhaust (w, 2);
  world_accept (w, MIP4_PATH_VPN, TRUE);
  world_pass (w, 60 * WORLD_SEC);
  world_expect_state (w, 2, COORDINATOR_MC);
  return w;
}

/* On wlan0 in mode c with the VPN kept. */
static World *
new_wlan_c (void)
{
  World *w = world_new (NULL);

  world_enable (w);
  world_address_event (w, 2, WORLD_INSIDE);
  world_v_ok (w);
  world_accept (w, 2, TRUE);
  world_pass (w, 5 * WORLD_SEC);
  world_expect_state (w, 2, COORDINATOR_C);
  return w;
}

static void
expect_active (World *w, int ifindex)
{
  g_autoptr (GArray) links = coordinator_dup_links (w->c);

  for (guint i = 0; i < links->len; i++)
    {
      const CoordinatorLinkStatus *status = &g_array_index (links, CoordinatorLinkStatus, i);

      g_assert_cmpint (status->active, ==, status->link.ifindex == ifindex);
      /* Verdicts are not shared, and a link that stands by has none. */
      g_assert_cmpint (status->trusted, ==, status->state == COORDINATOR_C || status->state == COORDINATOR_HOME);
      g_assert_true (status->active || !status->trusted);
    }
}

/* ------------------------------------------------------------- hard handover ---- */

/* covers: R5266-DET-013, R5266-DET-023, R5266-TRF-001 */
static void
test_lost_mc (void)
{
  g_autoptr (World) w = new_wlan_mc ();

  world_address_event (w, 3, WORLD_OUTSIDE_2);
  /* Not better: it stands by, unprobed. */
  world_expect (w, "ST-003>ACQUIRE/3");
  world_link_down (w, 2);
  world_expect (w, "plan:hold move/3 forget/2 rrq/3 ST-254>OFFLINE/2 ST-007>DET.0/3");
  g_assert_true (w->ike.move_children_now);
  expect_active (w, 3);
  world_pass (w, 80 * WORLD_MSEC);
  world_v_ok (w);
  world_expect (w, "plan:mc/3 ST-029>DET.G/3 ST-057>MC.BG/3 handover:mc>mc");
  g_assert_cmpint (w->handover.ended_us - w->handover.began_us, ==, 80 * WORLD_MSEC);
  g_assert_cmpstr (w->handover.from_ifname, ==, "wlan0");
  g_assert_cmpstr (w->handover.to_ifname, ==, "wwan0");
}

static void
test_lost_c (void)
{
  g_autoptr (World) w = new_wlan_c ();

  world_address_event (w, 3, WORLD_OUTSIDE);
  world_address_lost (w, 2);
  world_expect (w, "plan:hold move/3 rrq/3 ST-125>ACQUIRE/2 ST-007>DET.0/3");
  world_v_ok (w);
  world_pass (w, WORLD_SEC);
  world_expect (w, "vpn-rrq ST-058>MCREG/3");
  world_accept (w, MIP4_PATH_VPN, FALSE);
  world_expect (w, "plan:mc/3 ST-216>MC.BG/3 handover:c>mc");
}

/* covers: R5266-TRF-003, R5266-INT-005 */
static void
test_both_lost (void)
{
  g_autoptr (World) w = new_wlan_mc ();

  world_address_event (w, 3, WORLD_OUTSIDE_2);
  world_link_down (w, 2);
  world_link_down (w, 3);
  world_expect (w, "forget/3 ST-014>OFFLINE/3");
  g_assert_cmpint (coordinator_get_state (w->c), ==, COORDINATOR_OFFLINE);
  /* 30 s are waited for a path, then what waits is dropped. */
  world_pass (w, 30 * WORLD_SEC - 1);
  world_expect (w, "");
  world_pass (w, 1);
  world_expect (w, "plan:drop");
  g_assert_cmpint (w->plan.mode, ==, TUNNEL_MODE_BLOCKED);
  /* The IKE SA and the binding outlive it (A-07). */
  world_pass (w, 60 * WORLD_SEC);
  world_address_event (w, 2, WORLD_OUTSIDE);
  world_expect (w, "plan:drop move/2 rrq/2 ST-003>ACQUIRE/2 ST-007>DET.0/2");
  world_v_ok (w);
  world_expect (w, "plan:mc/2 ST-029>DET.G/2 ST-057>MC.BG/2");
}

/* --------------------------------------------------------- make before break ---- */

static void
test_better_mc_to_c (void)
{
  g_autoptr (World) w = new_wlan_mc ();

  world_address_event (w, 1, WORLD_INSIDE);
  /* No word on the plan: the data flow on. */
  world_expect (w, "move~ rrq ST-003>ACQUIRE ST-007>DET.0");
  expect_active (w, 2);
  world_pass (w, 3 * WORLD_MSEC);
  world_accept (w, 1, TRUE);
  world_expect (w, "plan:c ST-020>C A-20>ACQUIRE/2 handover:mc>c");
  g_assert_cmpint (w->handover.ended_us, ==, w->handover.began_us);
  expect_active (w, 1);
  world_v_ok (w);
  world_expect (w, "ST-138>C");
}

static void
test_better_mc_to_mc (void)
{
  g_autoptr (World) w = new_wlan_mc ();

  world_address_event (w, 1, WORLD_OUTSIDE_2);
  world_expect (w, "move~ rrq ST-003>ACQUIRE ST-007>DET.0");
  world_pass (w, 20 * WORLD_MSEC);
  world_v_ok (w);
  world_expect (w, "plan:mc ST-029>DET.G ST-057>MC.BG A-20>ACQUIRE/2 handover:mc>mc");
  g_assert_cmpint (w->handover.ended_us, ==, w->handover.began_us);
  world_exhaust (w, 1);
  world_expect (w, "vpn-rrq ST-238>MC");
}

/* Grace holds data back, but nothing is held here. */
static void
test_better_ignores_grace (void)
{
  CoordinatorConfig config;

  world_config (&config);
  config.grace_us = 7 * WORLD_SEC;
  {
    g_autoptr (World) w = world_new (&config);

    world_enable (w);
    world_address_event (w, 2, WORLD_OUTSIDE);
    world_v_ok (w);
    world_exhaust (w, 2);
    world_accept (w, MIP4_PATH_VPN, TRUE);
    world_expect_state (w, 2, COORDINATOR_MC);
    world_pass (w, WORLD_SEC);
    world_address_event (w, 1, WORLD_OUTSIDE_2);
    world_v_ok (w);
    world_expect (w, "plan:mc ST-029>DET.G ST-057>MC.BG A-20>ACQUIRE/2 handover:mc>mc");
  }
}

static void
test_better_c_to_c (void)
{
  g_autoptr (World) w = new_wlan_c ();

  world_address_event (w, 1, WORLD_INSIDE_2);
  world_expect (w, "move~ rrq ST-003>ACQUIRE ST-007>DET.0");
  world_v_ok (w);
  world_expect (w, "ST-029>DET.G");
  world_accept (w, 1, TRUE);
  world_expect (w, "plan:c ST-042>C A-20>ACQUIRE/2 handover:c>c");
  g_assert_cmpint (w->handover.ended_us, ==, w->handover.began_us);
}

static void
test_better_c_to_home (void)
{
  g_autoptr (World) w = new_wlan_c ();

  world_address_event (w, 1, WORLD_HOME_ADDRESS);
  world_expect (w, "move~ home-rrq ST-003>ACQUIRE ST-009>DET.0");
  world_accept (w, 1, TRUE);
  world_expect (w, "plan:home ST-021>HOME A-20>ACQUIRE/2 handover:c>home");
}

/* HOME > C > MC: a proved network is not left for one where only the gateway answers. */
static void
test_step_down_refused (void)
{
  g_autoptr (World) w = new_wlan_c ();

  world_address_event (w, 1, WORLD_OUTSIDE);
  world_v_ok (w);
  world_expect (w, "ST-029>DET.G");
  world_pass (w, WORLD_SEC);
  world_expect (w, "");
  world_exhaust (w, 1);
  /* MOBIKE goes back, and so does the binding: the home agent may have heard the other request. */
  world_expect (w, "move/2 rrq/2 A-20>ACQUIRE");
  expect_active (w, 2);
  world_v_ok (w);
  world_accept (w, 2, TRUE);
  world_expect (w, "ST-131>C/2");
  /* Tried in vain: not again before something changes there. */
  world_pass (w, 20 * WORLD_SEC);
  world_expect (w, "");
  world_hint (w, 1, WORLD_OUTSIDE);
  world_expect (w, "move~ rrq ST-007>DET.0");
}

/* covers: R5266-DET-023 */
static void
test_no_tnc_beside_c (void)
{
  g_autoptr (World) w = new_wlan_c ();

  world_address_event (w, 1, WORLD_OUTSIDE);
  world_accept (w, 1, FALSE);
  world_expect (w, "move/2 rrq/2 A-20>ACQUIRE alarm:no-tnc");
  world_accept (w, 2, TRUE);
  world_expect (w, "ST-131>C/2");
  /* It stands as long as eth0 is where it is. */
  world_link_down (w, 1);
  world_expect (w, "forget ST-006>OFFLINE alarm:cleared");
}

static void
test_denied_beside_c (void)
{
  g_autoptr (World) w = new_wlan_c ();

  world_address_event (w, 1, WORLD_OUTSIDE);
  world_deny (w, 1, 133, TRUE);
  world_expect (w, "ST-023>DET.0");
  world_deny (w, 1, 131, FALSE);
  world_expect (w, "move/2 rrq/2 A-20>ACQUIRE alarm:denied");
  world_accept (w, 2, TRUE);
  world_expect (w, "ST-131>C/2 alarm:cleared");
}

static void
test_no_tnc_beside_mc (void)
{
  g_autoptr (World) w = new_wlan_mc ();

  world_address_event (w, 1, WORLD_OUTSIDE_2);
  world_accept (w, 1, FALSE);
  /* The home agent would send to eth0 in clear: back to the TIA at once. */
  world_expect (w, "vpn-rrq ST-022>DET.V alarm:no-tnc");
  world_accept (w, MIP4_PATH_VPN, TRUE);
  world_expect (w, "ST-268>MC/2");
  world_v_ok (w);
  world_expect (w, "plan:mc vpn-rrq ST-092>MC A-20>ACQUIRE/2 handover:mc>mc");
}

static void
test_probe_without_path (void)
{
  g_autoptr (World) w = new_wlan_mc ();

  world_address_event (w, 1, WORLD_OUTSIDE_2);
  world_v_fail (w);
  /* No fresh IKE SA: the old one carries the data over wlan0. */
  world_expect (w, "ST-030>DET.R");
  world_exhaust (w, 1);
  world_expect (w, "move/2 vpn-rrq ST-075>BLOCKED A-20>ACQUIRE");
  expect_active (w, 2);
  world_v_ok (w);
  world_expect (w, "ST-263>MC/2");
  g_assert_cmpint (w->plan.mode, ==, TUNNEL_MODE_MC);
}

static void
test_probe_flaps (void)
{
  g_autoptr (World) w = new_wlan_mc ();

  for (guint i = 0; i < 5; i++)
    {
      world_address_event (w, 1, WORLD_OUTSIDE_2);
      world_expect (w, "move~ rrq ST-003>ACQUIRE ST-007>DET.0");
      world_link_down (w, 1);
      world_expect (w, "move/2 forget vpn-rrq ST-014>OFFLINE");
      world_v_ok (w);
      world_expect (w, "ST-263>MC/2");
      world_accept (w, MIP4_PATH_VPN, FALSE);
      g_assert_cmpint (w->plan.mode, ==, TUNNEL_MODE_MC);
      world_pass (w, WORLD_SEC);
    }
}

static void
test_active_lost_while_probing (void)
{
  g_autoptr (World) w = new_wlan_mc ();

  world_address_event (w, 1, WORLD_OUTSIDE_2);
  world_link_down (w, 2);
  /* The probe is the active one now; its update is repeated so that the SAs move at once. */
  world_expect (w, "plan:hold move forget/2 ST-254>OFFLINE/2");
  expect_active (w, 1);
  world_v_ok (w);
  world_expect (w, "plan:mc ST-029>DET.G ST-057>MC.BG handover:mc>mc");
}

static void
test_trusted_lost_while_probing (void)
{
  g_autoptr (World) w = new_wlan_c ();

  world_address_event (w, 1, WORLD_OUTSIDE);
  world_v_ok (w);
  world_pass (w, WORLD_SEC);
  world_link_down (w, 2);
  /* What the gateway said counts now. */
  world_expect (w, "plan:hold forget/2 vpn-rrq ST-123>OFFLINE/2 ST-058>MCREG");
  world_accept (w, MIP4_PATH_VPN, FALSE);
  world_expect (w, "plan:mc ST-216>MC.BG handover:c>mc");
}

static void
test_lost_after_vpn_moved_back (void)
{
  g_autoptr (World) w = new_wlan_mc ();

  world_address_event (w, 1, WORLD_OUTSIDE_2);
  world_v_fail (w);
  world_exhaust (w, 1);
  expect_active (w, 2);
  world_link_down (w, 2);
  /* It is all that is left: asked again, from the beginning. */
  world_expect (w, "plan:hold move vpn-cancel forget/2 rrq ST-254>OFFLINE/2 ST-007>DET.0");
}

/* Another request is newer than the one answered: its answer would lead the data astray (A-04). */
static void
test_renewal_overtakes_probe (void)
{
  g_autoptr (World) w = new_wlan_mc ();

  world_address_event (w, 1, WORLD_INSIDE);
  world_pass (w, WORLD_SEC);
  world_renewal_due (w, MIP4_PATH_VPN);
  world_expect (w, "vpn-rrq ST-272>MC/2");
  world_accept (w, 1, TRUE);
  world_expect (w, "rrq");
  expect_active (w, 2);
  world_pass (w, WORLD_SEC);
  world_accept (w, MIP4_PATH_VPN, TRUE);
  world_pass (w, WORLD_SEC);
  /* The engine's next copy, sent after all that. */
  w->requests[1].sent_us = w->now.boot_us;
  w->requests[1].identification = ++w->last_identification;
  world_accept (w, 1, TRUE);
  world_expect (w, "plan:c ST-020>C A-20>ACQUIRE/2 handover:mc>c");
}

static void
test_late_answer_on_standby (void)
{
  g_autoptr (World) w = new_wlan_c ();
  WorldRequest request;

  world_address_event (w, 1, WORLD_OUTSIDE);
  request = w->requests[1];
  world_exhaust (w, 1);
  world_expect (w, "move/2 rrq/2 A-20>ACQUIRE");
  /* The restored binding is newer: nothing happened. */
  world_accept (w, 2, TRUE);
  world_late (w, 1, &request, TRUE);
  world_expect (w, "");
  /* This one is newer than what is known: the binding is fetched back, and no verdict made of it. */
  request.identification = ++w->last_identification;
  world_late (w, 1, &request, TRUE);
  world_expect (w, "rrq/2");
  expect_active (w, 2);
}

/* -------------------------------------------------------------- VPN and probes ---- */

static void
test_vpn_dies_while_probing (void)
{
  g_autoptr (World) w = new_wlan_mc ();

  world_address_event (w, 1, WORLD_OUTSIDE_2);
  world_v_event (w, IKE_EVENT_DEAD);
  world_expect (w, "plan:hold start/2 cancel rrq/2 A-20>ACQUIRE ST-265>DET.0/2 alarm:vpn-unreachable/2");
  world_v_ok (w);
  world_pass (w, WORLD_SEC);
  world_accept (w, MIP4_PATH_VPN, FALSE);
  /* Data flow again, and the better interface is tried once more in the same pass. */
  world_expect (w, "plan:mc/2 move~ rrq ST-216>MC.BG/2 ST-007>DET.0 alarm:cleared");
}

/* covers: R5266-T-27 */
static void
test_probe_without_mobike (void)
{
  g_autoptr (World) w = world_new (NULL);

  w->mobike = FALSE;
  world_enable (w);
  world_address_event (w, 2, WORLD_OUTSIDE);
  world_v_ok (w);
  world_pass (w, WORLD_SEC);
  world_accept (w, MIP4_PATH_VPN, TRUE);
  world_exhaust (w, 2);
  world_pass (w, 10 * WORLD_SEC);
  /* A new IKE SA from eth0 would end the one in use: only the home agent is asked. */
  world_address_event (w, 1, WORLD_INSIDE);
  world_expect (w, "rrq ST-003>ACQUIRE ST-007>DET.0 ST-030>DET.R");
  world_exhaust (w, 1);
  world_expect (w, "vpn-rrq ST-075>BLOCKED A-20>ACQUIRE");
  world_address_event (w, 1, WORLD_INSIDE_2);
  world_pass (w, WORLD_SEC);
  w->requests[1].sent_us = w->now.boot_us;
  world_accept (w, MIP4_PATH_VPN, TRUE);
  world_pass (w, WORLD_SEC);
  w->requests[1].sent_us = w->now.boot_us;
  w->requests[1].identification = ++w->last_identification;
  world_accept (w, 1, TRUE);
  world_expect (w, "plan:c ST-068>C A-20>ACQUIRE/2 handover:mc>c");
}

static void
test_teardown_beside_c (void)
{
  CoordinatorConfig config;

  world_config (&config);
  config.vpn_inside_keep = FALSE;
  {
    g_autoptr (World) w = world_new (&config);

    world_enable (w);
    world_address_event (w, 2, WORLD_INSIDE);
    world_accept (w, 2, TRUE);
    world_expect (w, "plan:c/2 abandon ST-020>C/2 handover:offline>c");
    world_address_event (w, 1, WORLD_OUTSIDE);
    world_expect (w, "start rrq ST-003>ACQUIRE ST-007>DET.0");
    world_v_ok (w);
    world_exhaust (w, 1);
    world_expect (w, "delete rrq/2 A-20>ACQUIRE");
  }
}

/* ------------------------------------------------------------ before data flow ---- */

static void
test_better_while_detecting (void)
{
  g_autoptr (World) w = world_new (NULL);

  world_enable (w);
  world_address_event (w, 2, WORLD_OUTSIDE);
  world_address_event (w, 1, WORLD_INSIDE);
  world_expect (w, "plan:hold start cancel/2 rrq ST-003>ACQUIRE A-20>ACQUIRE/2 ST-007>DET.0");
  expect_active (w, 1);
}

/* covers: R5266-U-19, R5266-T-10 */
static void
test_blocked_tries_the_next (void)
{
  g_autoptr (World) w = world_new (NULL);

  world_enable (w);
  world_address_event (w, 1, WORLD_OUTSIDE);
  world_address_event (w, 2, WORLD_OUTSIDE_2);
  world_expect (w, "ST-003>ACQUIRE/2");
  world_v_fail (w);
  world_exhaust (w, 1);
  world_expect (w, "plan:hold start/2 rrq/2 ST-075>BLOCKED A-20>ACQUIRE ST-007>DET.0/2");
  expect_active (w, 2);
  world_v_fail (w);
  world_exhaust (w, 2);
  world_expect (w, "plan:drop ST-075>BLOCKED/2");
  /* The round begins anew with the best. */
  world_pass (w, 5 * WORLD_SEC);
  world_expect (w, "plan:hold start rrq A-20>ACQUIRE/2 ST-007>DET.0");
  expect_active (w, 1);
}

static void
test_new_link_while_blocked (void)
{
  g_autoptr (World) w = world_new_detecting (NULL, WORLD_OUTSIDE);

  world_v_fail (w);
  world_exhaust (w, 1);
  world_expect_state (w, 1, COORDINATOR_BLOCKED);
  world_address_event (w, 3, WORLD_OUTSIDE_2);
  world_expect (w, "plan:hold start/3 rrq/3 ST-003>ACQUIRE/3 A-20>ACQUIRE ST-007>DET.0/3");
}

static void
test_enable_with_links (void)
{
  g_autoptr (World) w = world_new (NULL);

  world_address_event (w, 2, WORLD_OUTSIDE);
  world_address_event (w, 1, WORLD_INSIDE);
  world_expect (w, "");
  world_enable (w);
  world_expect (
    w, "plan:hold start cancel/2 rrq ST-001>OFFLINE/2 ST-003>ACQUIRE/2 ST-007>DET.0/2 ST-001>OFFLINE ST-003>ACQUIRE "
       "A-20>ACQUIRE/2 ST-007>DET.0");
  expect_active (w, 1);
}

static void
test_redetect_one (void)
{
  g_autoptr (World) w = new_wlan_mc ();

  world_address_event (w, 3, WORLD_OUTSIDE_2);
  world_redetect (w, 3);
  world_expect (w, "");
  world_redetect (w, 2);
  world_expect (w, "plan:hold move/2 rrq/2 ST-257>DET.0/2");
  world_redetect (w, 0);
  world_expect (w, "move/2 rrq/2 ST-017>DET.0/2");
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
#define ADD(path, function) g_test_add_func ("/coordinator-links/" path, function)
  ADD ("lost/mc", test_lost_mc);
  ADD ("lost/c", test_lost_c);
  ADD ("lost/both", test_both_lost);
  ADD ("better/mc-to-c", test_better_mc_to_c);
  ADD ("better/mc-to-mc", test_better_mc_to_mc);
  ADD ("better/ignores-grace", test_better_ignores_grace);
  ADD ("better/c-to-c", test_better_c_to_c);
  ADD ("better/c-to-home", test_better_c_to_home);
  ADD ("better/step-down-refused", test_step_down_refused);
  ADD ("better/no-tnc-beside-c", test_no_tnc_beside_c);
  ADD ("better/denied-beside-c", test_denied_beside_c);
  ADD ("better/no-tnc-beside-mc", test_no_tnc_beside_mc);
  ADD ("better/without-path", test_probe_without_path);
  ADD ("better/flaps", test_probe_flaps);
  ADD ("better/active-lost", test_active_lost_while_probing);
  ADD ("better/trusted-lost", test_trusted_lost_while_probing);
  ADD ("better/lost-after-vpn-moved-back", test_lost_after_vpn_moved_back);
  ADD ("better/renewal-overtakes", test_renewal_overtakes_probe);
  ADD ("better/late-answer-on-standby", test_late_answer_on_standby);
  ADD ("better/vpn-dies", test_vpn_dies_while_probing);
  ADD ("better/without-mobike", test_probe_without_mobike);
  ADD ("better/teardown", test_teardown_beside_c);
  ADD ("start/better-while-detecting", test_better_while_detecting);
  ADD ("start/blocked-tries-the-next", test_blocked_tries_the_next);
  ADD ("start/new-link-while-blocked", test_new_link_while_blocked);
  ADD ("start/enable-with-links", test_enable_with_links);
  ADD ("start/redetect-one", test_redetect_one);
  return g_test_run ();
}
