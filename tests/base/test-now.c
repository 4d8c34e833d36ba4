/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "base/now.h"

static void
test_ntp_both_eras (void)
{
  RoamNow now = roam_now_make (5, G_GINT64_CONSTANT (1700000000) * ROAM_USEC_PER_SEC + 500000);
  /* 2036-02-07 06:28:16 UTC is second 0 of era 1. */
  RoamNow era1 = { .ntp = G_GUINT64_CONSTANT (10) << 32 };

  g_assert_cmpint (roam_now_unix (&now), ==, 1700000000);
  g_assert_cmphex ((guint32) now.ntp, ==, 0x80000000);
  g_assert_cmpint (roam_now_unix (&era1), ==, G_GINT64_CONSTANT (2085978496) + 10);
}

static void
test_deadlines (void)
{
  g_assert_cmpint (roam_deadline_min (5, ROAM_NEVER), ==, 5);
  g_assert_cmpint (roam_deadline_add (ROAM_NEVER, 10), ==, ROAM_NEVER);
  g_assert_cmpint (roam_deadline_add (ROAM_NEVER - 5, 10), ==, ROAM_NEVER);
  g_assert_cmpint (roam_deadline_add (1, 2), ==, 3);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/base/now/ntp-both-eras", test_ntp_both_eras);
  g_test_add_func ("/base/now/deadlines", test_deadlines);
  return g_test_run ();
}
