/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "test-coordinator-world.h"

/*
 * Tables 15.1 (moving from an untrusted network) and 15.2 (moving from a trusted one, start-up,
 * failed monitoring), row by row, driven through the public verbs. Rows that need what is not there:
 *   U-30             foreign agents are not heard yet; no request can go to one
 *   U-32             ICMP errors are no input of the coordinator: they cannot be a verdict
 *   T-29             a kept IKE SA always keeps its Child SA here (MT-010 has no case)
 * Packets that U-09, U-12 and T-14 speak of are dropped by the mobile node engine; the coordinator
 * hears DISCARDED.
 */

/* ------------------------------------------------------- 15.1: 3.4.1, from mc ---- */

/* covers: R5266-U-01, R5266-MU-001, R5266-MU-002, R5266-MU-003, R5266-DET-001, R5266-DET-013 */
/* covers: R5266-TRF-001, R5266-OUT-002, R5266-GEN-008 */
static void
test_u_01 (void)
{
  g_autoptr (World) w = world_new_mc (NULL);

  world_address_event (w, 1, WORLD_OUTSIDE_2);
  world_expect (w, "plan:hold move rrq ST-255>DET.0");
  g_assert_true (w->ike.move_children_now);
  g_assert_cmpint (w->requests[1].form, ==, MIP4_FORM_CO_LOCATED);
  {
    RoamAddr moved = world_address (WORLD_OUTSIDE_2);

    g_assert_true (roam_addr_equal (&w->requests[1].care_of_address, &moved));
    g_assert_true (roam_addr_equal (&w->ike.path.local, &moved));
  }
}

/* covers: R5266-U-02, R5266-MU-007, R5266-DET-015, R5266-DET-017, R5266-MODE-001, R5266-DET-002 */
static void
test_u_02 (void)
{
  g_autoptr (World) w = world_new_moved (NULL);
  RoamAddr coa = world_address (WORLD_OUTSIDE_2);

  world_accept (w, 1, TRUE);
  world_expect (w, "plan:c ST-020>C handover:mc>c");
  g_assert_true (roam_addr_equal (&w->plan.mip_local, &coa));
  g_assert_cmpint (w->plan.ifindex, ==, 1);
}

/* covers: R5266-U-03, R5266-MU-008, R5266-MU-005 */
static void
test_u_03 (void)
{
  CoordinatorConfig config;

  for (int keep = 0; keep < 2; keep++)
    {
      world_config (&config);
      config.grace_us = WORLD_SEC;
      config.vpn_inside_keep = keep != 0;
      {
        g_autoptr (World) w = world_new_moved (&config);

        world_v_ok (w);
        world_expect (w, "ST-029>DET.G");
        world_accept (w, 1, TRUE);
        world_expect (w, keep ? "plan:c ST-042>C handover:mc>c" : "plan:c delete ST-042>C handover:mc>c");
      }
    }
}

/* covers: R5266-U-04, R5266-MU-006 */
static void
test_u_04 (void)
{
  g_autoptr (World) w = world_new_moved (NULL);

  world_v_fail (w);
  world_expect (w, "abandon start ST-030>DET.R");
  world_accept (w, 1, TRUE);
  world_expect (w, "plan:c abandon ST-068>C handover:mc>c");
}

/* covers: R5266-U-05 */
static void
test_u_05 (void)
{
  g_autoptr (World) w = world_new_moved (NULL);

  world_v_event (w, IKE_EVENT_DEAD);
  world_expect (w, "start ST-031>DET.0");
  world_accept (w, 1, TRUE);
  world_expect (w, "plan:c abandon ST-020>C handover:mc>c");
  /* Broken off: what it still says is not heard. */
  world_v_ok (w);
  world_expect (w, "");
}

/* covers: R5266-U-06, R5266-DET-016, R5266-DET-007 */
static void
test_u_06 (void)
{
  g_autoptr (World) w = world_new_moved (NULL);

  world_accept (w, 1, FALSE);
  world_expect (w, "ST-022>DET.V alarm:no-tnc");
  g_assert_cmpint (w->plan.mode, ==, TUNNEL_MODE_HOLD);
}

/* covers: R5266-U-07 */
static void
test_u_07 (void)
{
  CoordinatorConfig config;

  world_config (&config);
  config.grace_us = WORLD_SEC;
  {
    g_autoptr (World) w = world_new_moved (&config);

    world_v_ok (w);
    world_accept (w, 1, FALSE);
    world_expect (w, "vpn-rrq ST-044>MCREG alarm:no-tnc");
    world_accept (w, MIP4_PATH_VPN, TRUE);
    world_expect (w, "plan:mc ST-215>MC handover:mc>mc");
  }
}

/* covers: R5266-U-08 */
static void
test_u_08 (void)
{
  g_autoptr (World) w = world_new_moved (NULL);

  world_v_fail (w);
  world_v_fail (w);
  world_expect (w, "ST-078>DET.R");
  world_accept (w, 1, FALSE);
  world_expect (w, "plan:drop dereg ST-070>BLOCKED alarm:no-tnc alarm:no-path");
}

/* covers: R5266-U-09, R5266-U-12, R5266-DET-003 */
static void
test_u_09_u_12 (void)
{
  g_autoptr (World) w = world_new_moved (NULL);

  for (guint i = 0; i < 3; i++)
    {
      world_discard (w, 1, i == 2);
      world_expect (w, i == 2 ? "alarm:key" : "");
      world_expect_state (w, 1, COORDINATOR_DET_0);
    }
  /* R went on as if nothing had come. */
  world_accept (w, 1, TRUE);
  world_expect (w, "plan:c ST-020>C alarm:cleared handover:mc>c");
}

/* covers: R5266-U-10 */
static void
test_u_10 (void)
{
  g_autoptr (World) w = world_new_moved (NULL);

  world_deny (w, 1, 133, TRUE);
  world_expect (w, "ST-023>DET.0");
  world_accept (w, 1, TRUE);
  world_expect (w, "plan:c ST-020>C handover:mc>c");
}

/* covers: R5266-U-11 */
static void
test_u_11 (void)
{
  g_autoptr (World) w = world_new_moved (NULL);

  world_deny (w, 1, 142, TRUE);
  world_expect (w, "ST-024>DET.0");
  world_deny (w, 1, 142, FALSE);
  world_expect (w, "ST-025>DET.V alarm:denied");
}

/* covers: R5266-U-13 */
static void
test_u_13 (void)
{
  CoordinatorConfig config;

  world_config (&config);
  config.grace_us = 500 * WORLD_MSEC;
  {
    g_autoptr (World) w = world_new_moved (&config);

    world_v_ok (w);
    world_expect (w, "ST-029>DET.G");
    world_pass (w, 499 * WORLD_MSEC);
    world_expect (w, "");
    g_assert_cmpint (w->plan.mode, ==, TUNNEL_MODE_HOLD);
    world_pass (w, WORLD_MSEC);
    world_expect (w, "plan:mc ST-057>MC.BG handover:mc>mc");
  }
}

/* covers: R5266-U-14, R5266-DET-018, R5266-TRF-002, R5266-MU-004 */
static void
test_u_14 (void)
{
  g_autoptr (World) w = world_new_moved (NULL);

  world_pass (w, 40 * WORLD_MSEC);
  world_v_ok (w);
  /* Grace 0: both transitions in one input; the direct request is not cancelled. */
  world_expect (w, "plan:mc ST-029>DET.G ST-057>MC.BG handover:mc>mc");
  g_assert_cmpint (w->handover.ended_us - w->handover.began_us, ==, 40 * WORLD_MSEC);
}

/* covers: R5266-U-15, R5266-DET-014 */
static void
test_u_15 (void)
{
  CoordinatorConfig config;

  for (int refresh = 0; refresh < 2; refresh++)
    {
      world_config (&config);
      config.grace_us = 10 * WORLD_SEC;
      config.mc_refresh = refresh != 0;
      {
        g_autoptr (World) w = world_new_moved (&config);

        world_v_ok (w);
        world_exhaust (w, 1);
        world_expect (w, refresh ? "plan:mc vpn-rrq ST-050>MC handover:mc>mc" : "plan:mc ST-050>MC handover:mc>mc");
      }
    }
}

/* covers: R5266-U-16, R5266-GEN-007, R5266-OUT-004 */
static void
test_u_16 (void)
{
  g_autoptr (World) w = world_new_moved (NULL);

  world_expire (w, MIP4_PATH_VPN);
  world_v_ok (w);
  world_expect (w, "ST-029>DET.G");
  world_pass (w, WORLD_SEC);
  world_expect (w, "vpn-rrq ST-058>MCREG");
  g_assert_cmpint (w->plan.mode, ==, TUNNEL_MODE_HOLD);
}

/* covers: R5266-U-17 */
static void
test_u_17 (void)
{
  g_autoptr (World) w = world_new_moved (NULL);

  world_exhaust (w, 1);
  world_expect (w, "ST-027>DET.V");
  world_v_ok (w);
  world_expect (w, "plan:mc vpn-rrq ST-092>MC handover:mc>mc");
}

/* covers: R5266-U-18, R5266-U-34 */
static void
test_u_18_u_34 (void)
{
  g_autoptr (World) w = world_new_moved (NULL);

  world_v_fail (w);
  world_expect (w, "abandon start ST-030>DET.R");
  world_v_ok (w);
  world_expect (w, "ST-077>DET.G");
}

/* covers: R5266-U-19 */
static void
test_u_19 (void)
{
  g_autoptr (World) w = world_new_moved (NULL);

  world_v_fail (w);
  world_exhaust (w, 1);
  world_expect (w, "plan:drop ST-075>BLOCKED alarm:no-path");
  world_pass (w, 5 * WORLD_SEC);
  /* Both again. 30 s without a path are not over: what comes now may wait. */
  world_expect (w, "plan:hold start rrq ST-316>DET.0");
}

/* covers: R5266-U-20, R5266-U-21 */
static void
test_u_20_u_21 (void)
{
  g_autoptr (World) w = world_new_moved (NULL);

  world_v_event (w, IKE_EVENT_DEAD);
  world_expect (w, "start ST-031>DET.0");
  world_exhaust (w, 1);
  world_expect (w, "ST-027>DET.V");
  /* The TIA is the old one, but the IKE SA is new: the registration comes first. */
  world_v_ok (w);
  world_expect (w, "vpn-rrq ST-093>MCREG");
}

/* covers: R5266-U-22, R5266-DET-020 */
static void
test_u_22 (void)
{
  g_autoptr (World) w = world_new_moved (NULL);

  world_v_ok (w);
  world_expect_state (w, 1, COORDINATOR_MC_BG);
  world_pass (w, 2 * WORLD_SEC);
  world_accept (w, 1, TRUE);
  world_expect (w, "plan:c ST-232>C handover:mc>c");
}

/* covers: R5266-U-23 */
static void
test_u_23 (void)
{
  g_autoptr (World) w = world_new_moved (NULL);

  world_v_ok (w);
  world_pass (w, WORLD_SEC);
  world_renewal_due (w, MIP4_PATH_VPN);
  world_expect (w, "vpn-rrq ST-249>MC.BG");
  world_accept (w, 1, TRUE);
  world_expect (w, "rrq ST-233>MC.CHK");
  g_assert_cmpint (w->plan.mode, ==, TUNNEL_MODE_MC);
  world_pass (w, WORLD_SEC);
  world_accept (w, MIP4_PATH_VPN, TRUE);
  world_expect (w, "ST-296>MC.CHK");
  world_accept (w, 1, TRUE);
  /* Sent before the other was answered: still not the newest for sure. */
  world_expect (w, "rrq ST-284>MC.CHK");
  world_pass (w, WORLD_SEC);
  world_accept (w, 1, TRUE);
  world_expect (w, "plan:c ST-283>C handover:mc>c");
}

/* covers: R5266-U-24 */
static void
test_u_24 (void)
{
  g_autoptr (World) w = world_new_moved (NULL);
  WorldRequest closed = w->requests[1];

  world_exhaust (w, 1);
  world_v_ok (w);
  world_expect_state (w, 1, COORDINATOR_MC);
  world_accept (w, MIP4_PATH_VPN, FALSE);
  world_late (w, 1, &closed, TRUE);
  world_expect (w, "rrq ST-262>MC.CHK");
  g_assert_cmpint (w->plan.mode, ==, TUNNEL_MODE_MC);
  world_exhaust (w, 1);
  world_expect (w, "vpn-rrq ST-289>MC");
  /* At most one in 10 s. */
  world_late (w, 1, &closed, TRUE);
  world_expect (w, "");
  world_pass (w, 10 * WORLD_SEC);
  world_late (w, 1, &closed, TRUE);
  world_expect (w, "rrq ST-262>MC.CHK");
}

/* covers: R5266-U-25 */
static void
test_u_25 (void)
{
  g_autoptr (World) w = world_new_moved (NULL);
  WorldRequest closed = w->requests[1];

  world_exhaust (w, 1);
  world_v_ok (w);
  world_expect_state (w, 1, COORDINATOR_MC);
  world_late (w, 1, &closed, FALSE);
  world_expect (w, "plan:hold vpn-rrq ST-260>MCREG alarm:no-tnc");
}

/* covers: R5266-U-26 */
static void
test_u_26 (void)
{
  CoordinatorConfig config;

  for (int keep = 0; keep < 2; keep++)
    {
      world_config (&config);
      config.vpn_inside_keep = keep != 0;
      {
        g_autoptr (World) w = world_new_moved (&config);

        world_accept (w, 1, TRUE);
        world_expect (w, keep ? "plan:c ST-020>C handover:mc>c" : "plan:c delete ST-020>C handover:mc>c");
        world_v_ok (w);
        world_expect (w, keep ? "ST-138>C" : "");
      }
    }
}

/* covers: R5266-U-27 */
static void
test_u_27 (void)
{
  g_autoptr (World) w = world_new_moved (NULL);
  IkeCommand old_move = w->ike;
  WorldRequest old_request = w->requests[1];
  IkeCommand new_move;

  world_address_event (w, 1, WORLD_INSIDE);
  world_expect (w, "move rrq ST-015>DET.0");
  new_move = w->ike;
  g_assert_cmpuint (new_move.serial, !=, old_move.serial);
  /* Answers to what was asked from the old address are no answers. */
  w->ike = old_move;
  world_v_ok (w);
  world_expect (w, "");
  world_v_fail (w);
  world_expect (w, "");
  world_late (w, 1, &old_request, TRUE);
  world_expect (w, "ST-028>DET.0");
  world_late (w, 1, &old_request, FALSE);
  world_expect (w, "");
  w->ike = new_move;
  world_accept (w, 1, TRUE);
  world_expect (w, "plan:c ST-020>C handover:mc>c");
}

/* covers: R5266-U-28 */
static void
test_u_28 (void)
{
  g_autoptr (World) w = world_new_moved (NULL);

  world_address_event (w, 1, WORLD_OUTSIDE);
  world_expect (w, "move rrq ST-015>DET.0");
}

/* covers: R5266-U-29 */
static void
test_u_29 (void)
{
  g_autoptr (World) w = world_new_moved (NULL);

  world_address_lost (w, 1);
  world_expect (w, "cancel ST-016>ACQUIRE");
  world_address_event (w, 1, WORLD_OUTSIDE);
  /* The IKE SA was kept. */
  world_expect (w, "move rrq ST-007>DET.0");
  world_link_down (w, 1);
  world_expect (w, "forget ST-014>OFFLINE");
  world_address_event (w, 1, WORLD_OUTSIDE);
  world_expect (w, "move rrq ST-003>ACQUIRE ST-007>DET.0");
}

/* covers: R5266-U-31, R5266-MODE-012 */
static void
test_u_31 (void)
{
  g_autoptr (World) w = world_new_mc (NULL);
  RoamAddr home = world_address (WORLD_HOME_ADDRESS);

  world_address_event (w, 1, WORLD_HOME_ADDRESS);
  world_expect (w, "plan:hold move home-rrq ST-258>DET.0");
  g_assert_true (roam_addr_equal (&w->requests[1].care_of_address, &home));
  g_assert_true (roam_addr_equal (&w->ike.path.local, &home));
}

/* covers: R5266-U-33, R5266-NAT-007 */
static void
test_u_33 (void)
{
  g_autoptr (World) w = world_new_mc (NULL);

  w->nat = TRUE;
  world_v_event (w, IKE_EVENT_NAT_CHANGED);
  world_expect (w, "");
  world_expect_state (w, 1, COORDINATOR_MC);
}

/* -------------------------------------- 15.2: 3.4.2, start-up, failed monitoring ---- */

/* covers: R5266-T-01, R5266-MT-001, R5266-MT-004, R5266-MT-006, R5266-MT-011, R5266-MODE-007, R5266-INT-006 */
static void
test_t_01 (void)
{
  g_autoptr (World) w = world_new (NULL);

  world_enable (w);
  world_expect (w, "plan:hold");
  /* Start-up: no IKE SA yet. */
  world_address_event (w, 1, WORLD_INSIDE);
  world_expect (w, "plan:hold start rrq ST-003>ACQUIRE ST-007>DET.0");
  world_v_ok (w);
  world_accept (w, 1, TRUE);
  world_expect (w, "plan:c ST-042>C handover:offline>c");
  /* A move: the IKE SA was kept. */
  world_address_event (w, 1, WORLD_INSIDE_2);
  world_expect (w, "plan:hold move rrq ST-124>DET.0");
}

/* covers: R5266-T-01, R5266-MON-004, R5266-MON-009 */
static void
test_t_01_monitor_failure (void)
{
  g_autoptr (World) w = world_new_c (NULL);

  world_v_ok (w);
  world_pass (w, 50 * WORLD_SEC);
  world_expect (w, "rrq ST-143>C");
  world_pass (w, 10 * WORLD_SEC);
  /* The address is unchanged; IKE is not delayed by the second between two requests. */
  world_expect (w, "plan:hold move rrq ST-144>DET.0");
}

/* covers: R5266-T-01, R5266-DET-019 */
static void
test_t_01_vpn_delay (void)
{
  CoordinatorConfig config;

  world_config (&config);
  config.vpn_delay_us = 2 * WORLD_SEC;
  {
    g_autoptr (World) w = world_new_detecting (&config, WORLD_INSIDE);

    world_expect (w, "plan:hold rrq ST-003>ACQUIRE ST-007>DET.0");
    world_pass (w, 2 * WORLD_SEC);
    world_expect (w, "start");
  }
  {
    g_autoptr (World) w = world_new_detecting (&config, WORLD_INSIDE);

    world_accept (w, 1, TRUE);
    world_pass (w, 4 * WORLD_SEC);
    world_expect (w, "");
  }
  {
    g_autoptr (World) w = world_new_detecting (&config, WORLD_OUTSIDE);

    /* Nothing to wait for any more. */
    world_accept (w, 1, FALSE);
    world_expect (w, "start ST-022>DET.V alarm:no-tnc");
  }
}

/* covers: R5266-T-02, R5266-MT-007, R5266-MT-002 */
static void
test_t_02 (void)
{
  CoordinatorConfig config;

  for (int keep = 0; keep < 2; keep++)
    {
      world_config (&config);
      config.vpn_inside_keep = keep != 0;
      {
        g_autoptr (World) w = world_new_detecting (&config, WORLD_INSIDE);

        world_accept (w, 1, TRUE);
        world_expect (w, keep ? "plan:c ST-020>C handover:offline>c" : "plan:c abandon ST-020>C handover:offline>c");
        world_v_ok (w);
        world_expect (w, keep ? "ST-138>C" : "");
      }
    }
}

/* covers: R5266-T-03, R5266-MT-005 */
static void
test_t_03 (void)
{
  CoordinatorConfig config;

  for (int keep = 0; keep < 2; keep++)
    {
      world_config (&config);
      config.vpn_inside_keep = keep != 0;
      {
        g_autoptr (World) w = world_new_detecting (&config, WORLD_INSIDE);

        world_v_ok (w);
        world_expect (w, "ST-029>DET.G");
        world_accept (w, 1, TRUE);
        world_expect (w, keep ? "plan:c ST-042>C handover:offline>c" : "plan:c delete ST-042>C handover:offline>c");
      }
    }
}

/* covers: R5266-T-04 */
static void
test_t_04 (void)
{
  g_autoptr (World) w = world_new_c (NULL);

  world_v_ok (w);
  world_address_event (w, 1, WORLD_INSIDE_2);
  world_v_event (w, IKE_EVENT_DEAD);
  world_expect (w, "ST-031>DET.0");
  world_accept (w, 1, TRUE);
  world_expect (w, "plan:c ST-020>C handover:c>c");
}

/* covers: R5266-T-05, R5266-MT-008 */
static void
test_t_05 (void)
{
  CoordinatorConfig config;

  world_config (&config);
  config.grace_us = 20 * WORLD_SEC;
  {
    g_autoptr (World) w = world_new_detecting (&config, WORLD_OUTSIDE);
    RoamAddr tia = world_address (WORLD_TIA);

    world_v_ok (w);
    world_exhaust (w, 1);
    world_expect (w, "vpn-rrq ST-051>MCREG");
    g_assert_true (roam_addr_equal (&w->requests[0].care_of_address, &tia));
  }
}

/* covers: R5266-T-06, R5266-T-07 */
static void
test_t_06_t_07 (void)
{
  CoordinatorConfig config;

  world_config (&config);
  config.grace_us = WORLD_SEC;
  {
    g_autoptr (World) w = world_new_detecting (&config, WORLD_OUTSIDE);

    world_v_ok (w);
    world_expect (w, "ST-029>DET.G");
    world_pass (w, 999 * WORLD_MSEC);
    world_expect (w, "");
    world_pass (w, WORLD_MSEC);
    /* R goes on. */
    world_expect (w, "vpn-rrq ST-058>MCREG");
  }
}

/* With a grace of 0 the direct answer still gets about the time that the gateway took. */
static void
test_t_06_settle (void)
{
  g_autoptr (World) w = world_new_detecting (NULL, WORLD_OUTSIDE);

  w->rtt_us = 20 * WORLD_MSEC;
  world_v_ok (w);
  world_expect (w, "ST-029>DET.G");
  world_pass (w, 49 * WORLD_MSEC);
  world_expect (w, "");
  world_pass (w, WORLD_MSEC);
  world_expect (w, "vpn-rrq ST-058>MCREG");
}

/* covers: R5266-T-08 */
static void
test_t_08 (void)
{
  g_autoptr (World) w = world_new_detecting (NULL, WORLD_OUTSIDE);

  world_exhaust (w, 1);
  world_expect (w, "ST-027>DET.V");
  world_v_ok (w);
  world_expect (w, "vpn-rrq ST-093>MCREG");
}

/* covers: R5266-T-09 */
static void
test_t_09 (void)
{
  g_autoptr (World) w = world_new_c (NULL);

  world_v_ok (w);
  world_address_event (w, 1, WORLD_OUTSIDE);
  world_v_fail (w);
  world_expect (w, "abandon start ST-030>DET.R");
}

/* covers: R5266-T-10 */
static void
test_t_10 (void)
{
  g_autoptr (World) w = world_new_detecting (NULL, WORLD_OUTSIDE);

  world_v_fail (w);
  world_expect (w, "ST-030>DET.R");
  world_exhaust (w, 1);
  world_expect (w, "plan:drop ST-075>BLOCKED alarm:no-path");
}

/* covers: R5266-T-11, R5266-DET-007 */
static void
test_t_11 (void)
{
  g_autoptr (World) w = world_new_detecting (NULL, WORLD_OUTSIDE);

  world_v_ok (w);
  world_accept (w, 1, FALSE);
  world_expect (w, "vpn-rrq ST-044>MCREG alarm:no-tnc");
}

/* covers: R5266-T-12 */
static void
test_t_12 (void)
{
  g_autoptr (World) w = world_new_detecting (NULL, WORLD_OUTSIDE);

  world_accept (w, 1, FALSE);
  world_expect (w, "ST-022>DET.V alarm:no-tnc");
  world_v_ok (w);
  world_expect (w, "vpn-rrq ST-093>MCREG");
}

/* covers: R5266-T-13 */
static void
test_t_13 (void)
{
  g_autoptr (World) w = world_new_detecting (NULL, WORLD_OUTSIDE);

  world_accept (w, 1, FALSE);
  world_v_fail (w);
  world_expect (w, "plan:drop dereg ST-094>BLOCKED alarm:no-path");
}

/* covers: R5266-T-14 */
static void
test_t_14 (void)
{
  g_autoptr (World) w = world_new_detecting (NULL, WORLD_OUTSIDE);

  world_discard (w, 1, FALSE);
  world_expect (w, "");
  world_expect_state (w, 1, COORDINATOR_DET_0);
}

/* covers: R5266-T-15 */
static void
test_t_15 (void)
{
  g_autoptr (World) w = world_new_detecting (NULL, WORLD_OUTSIDE);

  world_deny (w, 1, 133, TRUE);
  world_expect (w, "ST-023>DET.0");
  world_deny (w, 1, 130, FALSE);
  world_expect (w, "ST-025>DET.V alarm:denied");
}

/* covers: R5266-T-16, R5266-MT-009, R5266-DET-006, R5266-MODE-003, R5266-GEN-006 */
static void
test_t_16 (void)
{
  g_autoptr (World) w = world_new_mcreg (NULL);
  RoamAddr tia = world_address (WORLD_TIA);

  /* TNC in it says nothing: it came through the VPN. */
  world_accept (w, MIP4_PATH_VPN, TRUE);
  world_expect (w, "plan:mc ST-216>MC.BG handover:offline>mc");
  g_assert_true (roam_addr_equal (&w->plan.mip_local, &tia));
}

/* covers: R5266-T-17 */
static void
test_t_17 (void)
{
  g_autoptr (World) w = world_new_mcreg (NULL);

  world_deny (w, MIP4_PATH_VPN, 133, TRUE);
  world_expect (w, "ST-217>MCREG");
}

/* covers: R5266-T-18, R5266-MODE-005, R5266-MODE-004 */
static void
test_t_18 (void)
{
  static const guint8 codes[] = { 137, 138, 134, 70 };

  for (guint i = 0; i < G_N_ELEMENTS (codes); i++)
    {
      g_autoptr (World) w = world_new_mcreg (NULL);

      world_deny (w, MIP4_PATH_VPN, codes[i], FALSE);
      world_expect (w, "plan:drop cancel ST-219>BLOCKED alarm:reverse-tunnel");
    }
}

/* covers: R5266-T-19 */
static void
test_t_19 (void)
{
  g_autoptr (World) w = world_new_mcreg (NULL);

  world_deny (w, MIP4_PATH_VPN, 130, FALSE);
  world_expect (w, "ST-218>MCREG alarm:denied");
  world_pass (w, 5 * WORLD_SEC);
  world_expect (w, "vpn-rrq");
  world_deny (w, MIP4_PATH_VPN, 130, FALSE);
  world_expect (w, "plan:drop cancel ST-219>BLOCKED alarm:no-path");
}

/* covers: R5266-T-20 */
static void
test_t_20_gateway_alive (void)
{
  g_autoptr (World) w = world_new_mcreg (NULL);

  world_exhaust (w, MIP4_PATH_VPN);
  world_expect (w, "check");
  world_check_ok (w);
  world_expect (w, "vpn-rrq+F ST-220>MCREG");
  world_exhaust (w, MIP4_PATH_VPN);
  world_expect (w, "check");
  world_check_ok (w);
  /* Once; then the backoff, and as at first. */
  world_expect (w, "ST-220>MCREG");
  world_pass (w, 5 * WORLD_SEC);
  world_expect (w, "vpn-rrq");
}

/* covers: R5266-T-20 */
static void
test_t_20_forced_udp_stays (void)
{
  g_autoptr (World) w = world_new_mcreg (NULL);

  world_exhaust (w, MIP4_PATH_VPN);
  world_check_ok (w);
  world_accept (w, MIP4_PATH_VPN, FALSE);
  world_expect (w, "plan:mc ST-216>MC.BG handover:offline>mc");
  world_renewal_due (w, MIP4_PATH_VPN);
  world_expect (w, "vpn-rrq+F ST-249>MC.BG");
}

/* covers: R5266-T-20 */
static void
test_t_20_gateway_dead (void)
{
  g_autoptr (World) w = world_new_mcreg (NULL);

  world_pass (w, 20 * WORLD_SEC);
  world_exhaust (w, MIP4_PATH_VPN);
  world_v_event (w, IKE_EVENT_DEAD);
  world_expect (w, "start rrq ST-221>DET.0 alarm:vpn-unreachable");
}

/* covers: R5266-T-21 */
static void
test_t_21 (void)
{
  g_autoptr (World) w = world_new_mcreg (NULL);

  world_accept (w, 1, TRUE);
  world_expect (w, "vpn-cancel rrq ST-205>DET.G");
  /* No grace runs: the direct answer or its end decides. */
  world_pass (w, 3 * WORLD_SEC);
  world_expect (w, "");
  world_accept (w, 1, TRUE);
  world_expect (w, "plan:c ST-042>C handover:offline>c");
}

/* covers: R5266-T-22 */
static void
test_t_22 (void)
{
  g_autoptr (World) w = world_new_mc (NULL);
  WorldRequest closed = w->requests[1];

  world_late (w, 1, &closed, TRUE);
  world_expect (w, "rrq ST-262>MC.CHK");
  world_pass (w, WORLD_SEC);
  world_accept (w, 1, TRUE);
  world_expect (w, "plan:c ST-283>C handover:mc>c");
}

/* covers: R5266-T-23 */
static void
test_t_23 (void)
{
  g_autoptr (World) w = world_new_detecting (NULL, WORLD_OUTSIDE);

  world_address_event (w, 1, WORLD_OUTSIDE_2);
  world_expect (w, "start rrq ST-015>DET.0");
}

/* covers: R5266-T-24 */
static void
test_t_24 (void)
{
  g_autoptr (World) w = world_new_mcreg (NULL);
  RoamAddr tia = world_address (WORLD_TIA_2);

  world_tia_changed (w, WORLD_TIA_2);
  world_expect (w, "vpn-rrq ST-214>MCREG");
  g_assert_true (roam_addr_equal (&w->requests[0].care_of_address, &tia));
  world_accept (w, MIP4_PATH_VPN, FALSE);
  world_expect (w, "plan:mc ST-216>MC.BG handover:offline>mc");
  world_tia_changed (w, WORLD_TIA);
  world_expect (w, "plan:hold vpn-rrq ST-244>MCREG");
}

/* covers: R5266-T-25 */
static void
test_t_25 (void)
{
  g_autoptr (World) w = world_new_detecting (NULL, WORLD_OUTSIDE);

  world_v_event (w, IKE_EVENT_AUTH_FAILED);
  world_expect (w, "ST-032>DET.R alarm:vpn-auth");
  world_exhaust (w, 1);
  /* What is wrong was said already; no second word on it. */
  world_expect (w, "plan:drop ST-075>BLOCKED");
}

/* covers: R5266-T-26 */
static void
test_t_26 (void)
{
  g_autoptr (World) w = world_new_detecting (NULL, WORLD_OUTSIDE);

  w->tia = ROAM_ADDR_NONE;
  world_v_ok (w);
  world_expect (w, "delete ST-030>DET.R alarm:vpn-auth");
}

/* covers: R5266-T-27, R5266-GEN-002 */
static void
test_t_27 (void)
{
  g_autoptr (World) w = world_new_detecting (NULL, WORLD_OUTSIDE);

  w->mobike = FALSE;
  world_v_ok (w);
  world_expect (w, "ST-029>DET.G alarm:no-mobike");
  world_pass (w, WORLD_SEC);
  world_expect (w, "vpn-rrq ST-058>MCREG");
  world_accept (w, MIP4_PATH_VPN, FALSE);
  /* A move makes a new IKE SA (A-21). */
  world_address_event (w, 1, WORLD_OUTSIDE_2);
  world_expect (w, "plan:hold abandon start rrq ST-227>DET.0");
}

/* covers: R5266-T-28, R5266-OP-003, R5266-GEN-004 */
static void
test_t_28 (void)
{
  g_autoptr (World) w = world_new_c (NULL);

  world_address_event (w, 1, WORLD_HOME_ADDRESS);
  world_expect (w, "plan:hold start home-rrq ST-127>DET.0");
  world_accept (w, 1, TRUE);
  world_expect (w, "plan:home ST-021>HOME handover:c>home");
}

/* covers: R5266-T-28 */
static void
test_t_28_after_the_gateway (void)
{
  g_autoptr (World) w = world_new_mc (NULL);

  world_address_event (w, 1, WORLD_HOME_ADDRESS);
  world_v_ok (w);
  world_expect (w, "plan:mc ST-029>DET.G ST-057>MC.BG handover:mc>mc");
  world_pass (w, WORLD_MSEC);
  world_accept (w, 1, TRUE);
  world_expect (w, "plan:home ST-232>HOME handover:mc>home");
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
#define ADD(path, function) g_test_add_func ("/coordinator/" path, function)
  ADD ("R5266-U-01", test_u_01);
  ADD ("R5266-U-02", test_u_02);
  ADD ("R5266-U-03", test_u_03);
  ADD ("R5266-U-04", test_u_04);
  ADD ("R5266-U-05", test_u_05);
  ADD ("R5266-U-06", test_u_06);
  ADD ("R5266-U-07", test_u_07);
  ADD ("R5266-U-08", test_u_08);
  ADD ("R5266-U-09+R5266-U-12", test_u_09_u_12);
  ADD ("R5266-U-10", test_u_10);
  ADD ("R5266-U-11", test_u_11);
  ADD ("R5266-U-13", test_u_13);
  ADD ("R5266-U-14", test_u_14);
  ADD ("R5266-U-15", test_u_15);
  ADD ("R5266-U-16", test_u_16);
  ADD ("R5266-U-17", test_u_17);
  ADD ("R5266-U-18+R5266-U-34", test_u_18_u_34);
  ADD ("R5266-U-19", test_u_19);
  ADD ("R5266-U-20+R5266-U-21", test_u_20_u_21);
  ADD ("R5266-U-22", test_u_22);
  ADD ("R5266-U-23", test_u_23);
  ADD ("R5266-U-24", test_u_24);
  ADD ("R5266-U-25", test_u_25);
  ADD ("R5266-U-26", test_u_26);
  ADD ("R5266-U-27", test_u_27);
  ADD ("R5266-U-28", test_u_28);
  ADD ("R5266-U-29", test_u_29);
  ADD ("R5266-U-31", test_u_31);
  ADD ("R5266-U-33", test_u_33);
  ADD ("R5266-T-01", test_t_01);
  ADD ("R5266-T-01/monitor-failure", test_t_01_monitor_failure);
  ADD ("R5266-T-01/vpn-delay", test_t_01_vpn_delay);
  ADD ("R5266-T-02", test_t_02);
  ADD ("R5266-T-03", test_t_03);
  ADD ("R5266-T-04", test_t_04);
  ADD ("R5266-T-05", test_t_05);
  ADD ("R5266-T-06+R5266-T-07", test_t_06_t_07);
  ADD ("R5266-T-06/settle", test_t_06_settle);
  ADD ("R5266-T-08", test_t_08);
  ADD ("R5266-T-09", test_t_09);
  ADD ("R5266-T-10", test_t_10);
  ADD ("R5266-T-11", test_t_11);
  ADD ("R5266-T-12", test_t_12);
  ADD ("R5266-T-13", test_t_13);
  ADD ("R5266-T-14", test_t_14);
  ADD ("R5266-T-15", test_t_15);
  ADD ("R5266-T-16", test_t_16);
  ADD ("R5266-T-17", test_t_17);
  ADD ("R5266-T-18", test_t_18);
  ADD ("R5266-T-19", test_t_19);
  ADD ("R5266-T-20/gateway-alive", test_t_20_gateway_alive);
  ADD ("R5266-T-20/forced-udp-stays", test_t_20_forced_udp_stays);
  ADD ("R5266-T-20/gateway-dead", test_t_20_gateway_dead);
  ADD ("R5266-T-21", test_t_21);
  ADD ("R5266-T-22", test_t_22);
  ADD ("R5266-T-23", test_t_23);
  ADD ("R5266-T-24", test_t_24);
  ADD ("R5266-T-25", test_t_25);
  ADD ("R5266-T-26", test_t_26);
  ADD ("R5266-T-27", test_t_27);
  ADD ("R5266-T-28", test_t_28);
  ADD ("R5266-T-28/after-the-gateway", test_t_28_after_the_gateway);
  return g_test_run ();
}
