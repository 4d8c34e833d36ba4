/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "base/rng.h"
#include "base/secret.h"

#include <string.h>

static void
test_describe_shows_no_octet (void)
{
  g_autoptr (RoamSecret) secret = roam_secret_new ((const guint8 *) "hunter2", 7);
  g_autofree char *text = roam_secret_describe (secret);

  g_assert_cmpstr (text, ==, "secret of 7 octets");
}

static void
test_equal (void)
{
  g_autoptr (RoamSecret) a = roam_secret_new ((const guint8 *) "abcd", 4);
  g_autoptr (RoamSecret) same = roam_secret_new ((const guint8 *) "abcd", 4);
  g_autoptr (RoamSecret) other = roam_secret_new ((const guint8 *) "abce", 4);
  g_autoptr (RoamSecret) longer = roam_secret_new ((const guint8 *) "abcde", 5);

  g_assert_true (roam_secret_equal (a, same));
  g_assert_false (roam_secret_equal (a, other));
  g_assert_false (roam_secret_equal (a, longer));
}

static void
test_rng_is_replayable (void)
{
  g_autoptr (RoamRng) a = roam_rng_new_for_test (1);
  g_autoptr (RoamRng) b = roam_rng_new_for_test (1);
  g_autoptr (RoamRng) other = roam_rng_new_for_test (2);
  guint8 x[100], y[100], z[100];

  roam_rng_fill (a, x, sizeof x);
  roam_rng_fill (b, y, 50);
  roam_rng_fill (b, y + 50, 50);
  roam_rng_fill (other, z, sizeof z);
  g_assert_cmpmem (x, sizeof x, y, sizeof y);
  g_assert_cmpint (memcmp (x, z, sizeof x), !=, 0);
  for (guint i = 0; i < 1000; i++)
    g_assert_cmpuint (roam_rng_below (a, 7), <, 7);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/base/secret/describe-shows-no-octet", test_describe_shows_no_octet);
  g_test_add_func ("/base/secret/equal", test_equal);
  g_test_add_func ("/base/rng/replayable", test_rng_is_replayable);
  return g_test_run ();
}
