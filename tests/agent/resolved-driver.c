/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "agent/resolved-io.h"

#include <glib-unix.h>
#include <stdio.h>
#include <stdlib.h>

/*
 * agent/resolved-io.c by hand, for test-resolved.py. One line of standard input is one wish:
 *
 *   set IFINDEX SERVER[,SERVER...] [DOMAIN,DOMAIN...]
 *   revert
 */

typedef struct
{
  GMainLoop *loop;
  AgentResolved *resolved;
} Driver;

static void
set (Driver *driver, char **words)
{
  g_auto (GStrv) servers = g_strsplit (words[2], ",", -1);
  g_auto (GStrv) domains = words[3] == NULL ? NULL : g_strsplit (words[3], ",", -1);
  RoamAddr addresses[4];
  guint n = 0;

  for (; n < G_N_ELEMENTS (addresses) && servers[n] != NULL; n++)
    g_assert_true (roam_addr_parse (servers[n], &addresses[n]));
  agent_resolved_set (driver->resolved, atoi (words[1]), addresses, n, (const char *const *)domains);
}

static gboolean
on_input (GIOChannel *channel, GIOCondition condition, gpointer user_data)
{
  Driver *driver = user_data;
  g_autofree char *line = NULL;
  g_auto (GStrv) words = NULL;

  if (g_io_channel_read_line (channel, &line, NULL, NULL, NULL) != G_IO_STATUS_NORMAL)
    {
      g_main_loop_quit (driver->loop);
      return G_SOURCE_REMOVE;
    }
  words = g_strsplit (g_strstrip (line), " ", 4);
  if (g_str_equal (words[0], "set"))
    set (driver, words);
  else
    agent_resolved_set (driver->resolved, 0, NULL, 0, NULL);
  return G_SOURCE_CONTINUE;
}

int
main (void)
{
  Driver driver = { .loop = g_main_loop_new (NULL, FALSE), .resolved = agent_resolved_new () };
  GIOChannel *input = g_io_channel_unix_new (fileno (stdin));

  g_io_add_watch (input, G_IO_IN | G_IO_HUP, on_input, &driver);
  g_main_loop_run (driver.loop);
  agent_resolved_free (driver.resolved);
  g_io_channel_unref (input);
  g_main_loop_unref (driver.loop);
  return 0;
}
