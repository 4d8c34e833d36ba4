/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "base/addr.h"

static void
test_parse_and_print (void)
{
  static const char *const good[] = { "10.0.0.1", "255.255.255.255", "2001:db8::1", "::" };
  static const char *const bad[] = { "", "10.0.0", "10.0.0.256", "fe80::1%eth0", "host", "10.0.0.1/8" };
  char buffer[ROAM_ADDR_STRLEN];
  RoamAddr addr = { 0 };

  for (gsize i = 0; i < G_N_ELEMENTS (good); i++)
    {
      g_assert_true (roam_addr_parse (good[i], &addr));
      g_assert_cmpstr (roam_addr_to_string (&addr, buffer), ==, good[i]);
    }
  for (gsize i = 0; i < G_N_ELEMENTS (bad); i++)
    g_assert_false (roam_addr_parse (bad[i], &addr));
  g_assert_false (roam_addr_parse (NULL, &addr));
}

static void
test_u32 (void)
{
  RoamAddr addr = roam_addr_from_u32 (0x0a010203);
  char buffer[ROAM_ADDR_STRLEN];

  g_assert_cmpstr (roam_addr_to_string (&addr, buffer), ==, "10.1.2.3");
  g_assert_cmphex (roam_addr_to_u32 (&addr), ==, 0x0a010203);
}

static void
test_prefix (void)
{
  RoamPrefix prefix;
  RoamAddr inside, outside, v6;

  g_assert_true (roam_prefix_parse ("10.1.0.0/20", &prefix));
  g_assert_true (roam_addr_parse ("10.1.15.255", &inside));
  g_assert_true (roam_addr_parse ("10.1.16.0", &outside));
  g_assert_true (roam_addr_parse ("::", &v6));
  g_assert_true (roam_prefix_contains (&prefix, &inside));
  g_assert_false (roam_prefix_contains (&prefix, &outside));
  g_assert_false (roam_prefix_contains (&prefix, &v6));
  g_assert_true (roam_prefix_parse ("0.0.0.0/0", &prefix));
  g_assert_true (roam_prefix_contains (&prefix, &outside));
  g_assert_false (roam_prefix_parse ("10.0.0.0/33", &prefix));
  g_assert_false (roam_prefix_parse ("10.0.0.0/", &prefix));
  g_assert_true (roam_prefix_parse ("10.0.0.1", &prefix));
  g_assert_cmpuint (prefix.length, ==, 32);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/base/addr/parse-and-print", test_parse_and_print);
  g_test_add_func ("/base/addr/u32", test_u32);
  g_test_add_func ("/base/addr/prefix", test_prefix);
  return g_test_run ();
}
