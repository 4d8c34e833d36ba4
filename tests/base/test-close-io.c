/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "base/close-io.h"

#include <glib.h>
#include <unistd.h>

static void
test_it_is_closed (void)
{
  int ends[2];
  char octet;

  g_assert_no_errno (pipe (ends));
  roam_close_aside (ends[1]);
  /* Waits for the end of the file, which comes with the last writer's close(). */
  g_assert_cmpint (read (ends[0], &octet, 1), ==, 0);
  roam_close_aside (ends[0]);
  roam_close_aside (-1);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/base/close-io/closed", test_it_is_closed);
  return g_test_run ();
}
