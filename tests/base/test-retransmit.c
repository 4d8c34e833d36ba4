/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "base/retransmit.h"

static void
test_detection_ladder (void)
{
  const RoamRetransmitPolicy policy = { .first_us = 1000000, .factor_percent = 200, .copies = 3 };
  RoamRetransmit state;

  g_assert_cmpint (roam_retransmit_budget (&policy), ==, 7000000);
  roam_retransmit_start (&state, &policy, 0);
  g_assert_cmpint (roam_retransmit_step (&state, 999999), ==, ROAM_RETRANSMIT_WAIT);
  g_assert_cmpint (roam_retransmit_step (&state, 1000000), ==, ROAM_RETRANSMIT_SEND);
  g_assert_cmpint (roam_retransmit_step (&state, 2999999), ==, ROAM_RETRANSMIT_WAIT);
  g_assert_cmpint (roam_retransmit_step (&state, 3000000), ==, ROAM_RETRANSMIT_SEND);
  g_assert_cmpint (roam_retransmit_step (&state, 6999999), ==, ROAM_RETRANSMIT_WAIT);
  g_assert_cmpint (roam_retransmit_step (&state, 7000000), ==, ROAM_RETRANSMIT_EXHAUSTED);
  g_assert_cmpint (roam_retransmit_step (&state, 9000000), ==, ROAM_RETRANSMIT_WAIT);
  g_assert_false (roam_retransmit_is_active (&state));
}

static void
test_limit_and_late_steps (void)
{
  const RoamRetransmitPolicy policy = { .first_us = 100, .factor_percent = 200, .limit_us = 150, .copies = 10 };
  RoamRetransmit state;

  roam_retransmit_start (&state, &policy, 0);
  /* A long sleep gives one copy, not a burst. */
  g_assert_cmpint (roam_retransmit_step (&state, 100000), ==, ROAM_RETRANSMIT_SEND);
  g_assert_cmpint (roam_retransmit_step (&state, 100000), ==, ROAM_RETRANSMIT_WAIT);
  g_assert_cmpint (state.due_us, ==, 100150);
  roam_retransmit_stop (&state);
  g_assert_cmpint (roam_retransmit_step (&state, ROAM_NEVER - 1), ==, ROAM_RETRANSMIT_WAIT);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/base/retransmit/detection-ladder", test_detection_ladder);
  g_test_add_func ("/base/retransmit/limit-and-late-steps", test_limit_and_late_steps);
  return g_test_run ();
}
