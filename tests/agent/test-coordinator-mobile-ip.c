/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "test-coordinator-world.h"

/* What RFC 5944 and RFC 3519 ask of a mobile node as a whole, seen at what the coordinator commands. */

static const Mip4MnCommand *
find_register (const World *w)
{
  for (guint i = 0; i < w->actions->len; i++)
    {
      const CoordinatorAction *action = &g_array_index (w->actions, CoordinatorAction, i);

      if (action->type == COORDINATOR_ACTION_MIP4 && action->mip4.type == MIP4_MN_REGISTER)
        return &action->mip4;
    }
  g_assert_not_reached ();
}

/* covers: MIP-GEN-008, MIP-MOV-021 */
static void
test_care_of_address_is_of_the_link (void)
{
  static const char *const addresses[] = { WORLD_INSIDE, WORLD_INSIDE_2, WORLD_OUTSIDE };
  g_autoptr (World) w = world_new (NULL);

  world_enable (w);
  for (guint i = 0; i < G_N_ELEMENTS (addresses); i++)
    {
      const DetectLink link = world_link (1, addresses[i]);

      world_address_event (w, 1, addresses[i]);
      g_assert_true (roam_addr_equal (&find_register (w)->care_of_address, &link.address));
      /* Directly: no agent was asked for. */
      g_assert_false (roam_addr_is_set (&find_register (w)->agent.address));
    }
}

/* covers: MIP-LIF-007 */
static void
test_infinite_lifetime (void)
{
  g_autoptr (World) w = world_new_detecting (NULL, WORLD_INSIDE);
  Mip4MnEvent event = world_event (w, MIP4_MN_ACCEPTED, 1);

  event.tnc = TRUE;
  event.lifetime_s = G_MAXUINT16;
  world_input_mip4 (w, &event);
  world_expect (w, "plan:c ST-020>C handover:offline>c");
  world_pass (w, 50 * WORLD_SEC);
  world_expect (w, "rrq ST-143>C");
  world_pass (w, 10 * WORLD_SEC);
  world_expect_state (w, 1, COORDINATOR_DET_0);
}

/* covers: MIP-LIF-005, MIP-LIF-004 */
static void
test_no_tunnel_without_a_binding (void)
{
  {
    /* A lifetime below T_MONITOR ends first. */
    g_autoptr (World) w = world_new_c (NULL);

    world_expire (w, 1);
    world_expect (w, "plan:hold start rrq ST-144>DET.0");
  }
  {
    g_autoptr (World) w = world_new_mc (NULL);

    world_expire (w, MIP4_PATH_VPN);
    world_expect (w, "plan:hold vpn-rrq ST-273>MCREG");
  }
  {
    g_autoptr (World) w = world_new_f (NULL);

    world_expire (w, 1);
    world_expect (w, "plan:hold start rrq ST-196>DET.0");
  }
}

/* covers: MIP-LIF-006 */
static void
test_failed_renewal_keeps_the_binding (void)
{
  g_autoptr (World) w = world_new_mc (NULL);

  world_renewal_due (w, MIP4_PATH_VPN);
  world_expect (w, "vpn-rrq ST-272>MC");
  world_deny (w, MIP4_PATH_VPN, 130, FALSE);
  world_expect_state (w, 1, COORDINATOR_MC);
  g_assert_cmpint (w->plan.mode, ==, TUNNEL_MODE_MC);
}

/* covers: MIP-HOM-001, MIP-HOM-009, MIP-MOV-022 */
static void
test_at_home (void)
{
  g_autoptr (World) w = world_new_detecting (NULL, WORLD_HOME_ADDRESS);
  const RoamAddr home = world_address (WORLD_HOME_ADDRESS);

  g_assert_cmpint (find_register (w)->form, ==, MIP4_FORM_HOME);
  g_assert_true (roam_addr_equal (&find_register (w)->care_of_address, &home));
  g_assert_false (roam_addr_is_set (&find_register (w)->agent.address));
  world_accept (w, 1, TRUE);
  g_assert_cmpint (w->plan.mode, ==, TUNNEL_MODE_HOME);
  g_assert_false (roam_addr_is_set (&w->plan.mip_local));
}

/* covers: MIP-HOM-003, MIP-HOM-010, MIP-ADV-029 */
static void
test_home_is_only_a_candidate (void)
{
  const Mip4Agent own = world_agent (WORLD_AGENT, MIP4_AGENT_HOME);
  g_autoptr (World) w = world_new_detecting (NULL, WORLD_HOME_ADDRESS);

  world_agent_event (w, MIP4_DISCOVERY_HOME_AGENT, 1, &own);
  world_expect (w, "");
  g_assert_cmpint (w->plan.mode, ==, TUNNEL_MODE_HOLD);
  world_deny (w, 1, 129, FALSE);
  world_expect_state (w, 1, COORDINATOR_DET_V);
  g_assert_cmpint (w->plan.mode, ==, TUNNEL_MODE_HOLD);
  /* It goes on trying. */
  world_v_fail (w);
  world_expect_state (w, 1, COORDINATOR_BLOCKED);
  world_pass (w, 5 * WORLD_SEC);
  world_expect_state (w, 1, COORDINATOR_DET_0);
  g_assert_cmpint (w->requests[1].form, ==, MIP4_FORM_HOME);
}

/* The tunnel is silent: the binding is renewed at once, whatever the mode; elsewhere nothing happens. */
/* covers: MIP-NAT-029 */
static void
test_silent_tunnel (void)
{
  {
    g_autoptr (World) w = world_new_c (NULL);

    world_forget (w);
    coordinator_input_tunnel_silent (w->c, &w->now);
    world_collect (w);
    world_expect (w, "rrq ST-143>C");
  }
  {
    g_autoptr (World) w = world_new_mc (NULL);

    world_forget (w);
    coordinator_input_tunnel_silent (w->c, &w->now);
    world_collect (w);
    world_expect (w, "vpn-rrq ST-272>MC");
  }
  {
    g_autoptr (World) w = world_new_detecting (NULL, WORLD_INSIDE);

    world_forget (w);
    coordinator_input_tunnel_silent (w->c, &w->now);
    world_collect (w);
    world_expect (w, "");
  }
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/coordinator-mobile-ip/care-of-address", test_care_of_address_is_of_the_link);
  g_test_add_func ("/coordinator-mobile-ip/infinite-lifetime", test_infinite_lifetime);
  g_test_add_func ("/coordinator-mobile-ip/no-tunnel-without-a-binding", test_no_tunnel_without_a_binding);
  g_test_add_func ("/coordinator-mobile-ip/failed-renewal", test_failed_renewal_keeps_the_binding);
  g_test_add_func ("/coordinator-mobile-ip/at-home", test_at_home);
  g_test_add_func ("/coordinator-mobile-ip/home-is-a-candidate", test_home_is_only_a_candidate);
  g_test_add_func ("/coordinator-mobile-ip/silent-tunnel", test_silent_tunnel);
  return g_test_run ();
}
