/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "test-coordinator-world.h"

/*
 * Table 15.1, moving from an untrusted network (RFC 5266 3.4.1), row by row, driven through the public
 * verbs. Rows that need what is not there:
 *   U-30   foreign agents are not heard yet; no request can go to one
 *   U-32   ICMP errors are no input of the coordinator: they cannot be a verdict
 * Packets that U-09 and U-12 speak of are dropped by the mobile node engine; the coordinator hears
 * DISCARDED.
 */

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
  world_expect (w, "ST-078>DET.R alarm:vpn-unreachable");
  world_accept (w, 1, FALSE);
  world_expect (w, "plan:drop dereg ST-070>BLOCKED alarm:no-tnc");
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
  /* Sent when the other still ran: not the newest for sure. */
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
  return g_test_run ();
}
