/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the IKE engine is told of the local paths, and what follows when it takes another one by itself. */
#include "test-coordinator-world.h"

#define ETH WORLD_OUTSIDE
#define WLAN "198.18.2.60"

static void
assert_paths (const World *w, const char *first, const char *second)
{
  const char *expected[] = { first, second };
  char text[ROAM_ADDR_STRLEN];
  guint n = (first != NULL) + (second != NULL);

  g_assert_cmpuint (w->paths.n_paths, ==, n);
  for (guint i = 0; i < n; i++)
    g_assert_cmpstr (roam_addr_to_string (&w->paths.paths[i].local, text), ==, expected[i]);
}

/* covers: MOB-TRG-001 */
static void
test_told_when_they_change (void)
{
  g_autoptr (World) w = world_new (NULL);
  guint told;

  world_address_event (w, 1, ETH);
  g_assert_cmpuint (w->n_paths_told, ==, 0); /* not enabled */
  world_enable (w);
  assert_paths (w, ETH, NULL);
  /* The better link first, whatever the order of coming. */
  world_address_event (w, 2, WLAN);
  assert_paths (w, ETH, WLAN);
  told = w->n_paths_told;
  world_hint (w, 2, WLAN);
  world_pass (w, 30 * WORLD_SEC);
  g_assert_cmpuint (w->n_paths_told, ==, told); /* the same ones */
  world_address_event (w, 1, WORLD_OUTSIDE_2);
  assert_paths (w, WORLD_OUTSIDE_2, WLAN);
  world_link_down (w, 1);
  assert_paths (w, WLAN, NULL);
  world_address_lost (w, 2);
  assert_paths (w, NULL, NULL);
  world_address_event (w, 2, WLAN);
  assert_paths (w, WLAN, NULL);
}

static void
test_told_again_after_a_release (void)
{
  g_autoptr (World) w = world_new_mc (NULL);
  guint told = w->n_paths_told;

  world_disable (w);
  world_enable (w);
  g_assert_cmpuint (w->n_paths_told, ==, told + 1);
  assert_paths (w, ETH, NULL);
}

static void
test_not_told_without_a_vpn (void)
{
  CoordinatorConfig config;
  g_autoptr (World) w = NULL;

  world_config (&config);
  config.has_vpn = FALSE;
  w = world_new (&config);
  world_enable (w);
  world_address_event (w, 1, WORLD_INSIDE);
  g_assert_cmpuint (w->n_paths_told, ==, 0);
}

/* From MC on eth0, with wlan0 standing by. */
static World *
new_mc_with_standby (void)
{
  World *w = world_new_mc (NULL);

  world_address_event (w, 2, WLAN);
  world_expect_state (w, 2, COORDINATOR_ACQUIRE);
  world_expect_state (w, 1, COORDINATOR_MC);
  return w;
}

/* RFC 4555 3.5: ESP goes by wlan0 already; registering from there follows, with the data flowing all the while. */
static void
test_engine_moves_to_another_link (void)
{
  g_autoptr (World) w = new_mc_with_standby ();

  world_path_changed (w, 2, WLAN);
  world_expect (w, "move~/2 rrq/2 ST-007>DET.0/2");
}

static void
test_engine_stays_on_the_link (void)
{
  g_autoptr (World) w = new_mc_with_standby ();

  /* Another address of the gateway, the same of ours. */
  world_path_changed (w, 1, ETH);
  world_expect (w, "");
  world_expect_state (w, 1, COORDINATOR_MC);
}

static void
test_path_that_is_past (void)
{
  g_autoptr (World) w = new_mc_with_standby ();

  world_path_changed (w, 2, WORLD_OUTSIDE_2); /* an address that it has no more */
  world_expect (w, "");
  world_path_changed (w, 3, WLAN); /* a link that is not there */
  world_expect (w, "");
  world_link_down (w, 2);
  world_path_changed (w, 2, WLAN);
  world_expect (w, "");
}

/* The silent one is better by its metric; it is not asked again before something changes there. */
static void
test_the_silent_link_is_left_alone (void)
{
  g_autoptr (World) w = new_mc_with_standby ();

  world_path_changed (w, 2, WLAN);
  g_assert_cmpint (w->plan.mode, ==, TUNNEL_MODE_MC); /* the data are not held */
  world_v_ok (w);
  world_pass (w, WORLD_SEC);
  world_expect_state (w, 2, COORDINATOR_MC_BG); /* the binding is the TIA's, as before */
  world_expect_state (w, 1, COORDINATOR_ACQUIRE);
  world_pass (w, 60 * WORLD_SEC);
  world_expect_state (w, 1, COORDINATOR_ACQUIRE);
  g_assert_cmpint (w->plan.mode, ==, TUNNEL_MODE_MC);
  g_assert_cmpint (w->plan.ifindex, ==, 2);
  world_hint (w, 1, ETH);
  world_expect_state (w, 1, COORDINATOR_DET_0);
}

static void
test_inside_the_path_is_of_no_matter (void)
{
  g_autoptr (World) w = world_new_c (NULL);

  world_v_ok (w);
  world_address_event (w, 2, WLAN);
  world_path_changed (w, 2, WLAN);
  world_expect (w, "");
  world_expect_state (w, 1, COORDINATOR_C);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/coordinator/paths/told-when-they-change", test_told_when_they_change);
  g_test_add_func ("/coordinator/paths/told-again-after-a-release", test_told_again_after_a_release);
  g_test_add_func ("/coordinator/paths/not-told-without-a-vpn", test_not_told_without_a_vpn);
  g_test_add_func ("/coordinator/paths/engine-moves-to-another-link", test_engine_moves_to_another_link);
  g_test_add_func ("/coordinator/paths/engine-stays-on-the-link", test_engine_stays_on_the_link);
  g_test_add_func ("/coordinator/paths/path-that-is-past", test_path_that_is_past);
  g_test_add_func ("/coordinator/paths/the-silent-link-is-left-alone", test_the_silent_link_is_left_alone);
  g_test_add_func ("/coordinator/paths/inside-the-path-is-of-no-matter", test_inside_the_path_is_of_no_matter);
  return g_test_run ();
}
