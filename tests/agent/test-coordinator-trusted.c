/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "test-coordinator-world.h"

/*
 * Table 15.2, moving from a trusted network (RFC 5266 3.4.2), start-up and failed monitoring, row by
 * row, driven through the public verbs. T-29 cannot be met: a kept IKE SA always keeps its Child SA
 * here, so that there is nothing to create (MT-010).
 */

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

/* covers: R5266-DET-008, R5266-DET-009 */
static void
test_t_01_schedule (void)
{
  CoordinatorConfig config;

  world_config (&config);
  /* Every request of the test is compared with these; the engine keeps the ladder. */
  config.detect_timeout_us = 2500 * WORLD_MSEC;
  config.detect_retries = 4;
  {
    g_autoptr (World) w = world_new_mc (&config);

    world_address_event (w, 1, WORLD_OUTSIDE_2);
    world_expect (w, "plan:hold move rrq ST-255>DET.0");
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

/* covers: R5266-T-05, R5266-MT-008, R5266-OUT-001 */
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
  world_expect (w, "ST-030>DET.R alarm:vpn-unreachable");
  world_exhaust (w, 1);
  world_expect (w, "plan:drop ST-075>BLOCKED");
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
  world_expect (w, "plan:drop dereg ST-094>BLOCKED alarm:vpn-unreachable");
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
  world_expect (w, "plan:hold abandon start rrq ST-227>DET.0 alarm:cleared");
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
  ADD ("R5266-T-01", test_t_01);
  ADD ("R5266-T-01/monitor-failure", test_t_01_monitor_failure);
  ADD ("R5266-T-01/vpn-delay", test_t_01_vpn_delay);
  ADD ("R5266-T-01/schedule", test_t_01_schedule);
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
