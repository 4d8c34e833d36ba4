/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "cli/cli.h"

#include <glib-unix.h>

typedef struct
{
  GMainLoop *loop;
  CliOutput output;
  int left; /* lines still to print; negative: no limit */
} Monitor;

/* Takes a floating @json. */
static void
print_event (Monitor *monitor, const char *event, const char *text, GVariant *json)
{
  g_autofree char *at = cli_format_time (g_get_real_time ());
  g_autoptr (GVariant) value = g_variant_ref_sink (json);

  if (monitor->output.json)
    cli_print_json (g_variant_new_parsed ("{'event': <%s>, 'data': <%@a{sv}>}", event, value));
  else
    g_print ("%s  %s\n", at, text);
  if (monitor->left > 0 && --monitor->left == 0)
    g_main_loop_quit (monitor->loop);
}

static void
print_state (Monitor *monitor, RoamdAgent1 *agent)
{
  const char *advice = roamd_agent1_get_advice (agent);
  g_autofree char *text =
    g_strdup_printf ("%s: %s%s%s", roamd_agent1_get_mode (agent), roamd_agent1_get_sentence (agent),
                     advice == NULL || advice[0] == '\0' ? "" : " ", advice == NULL ? "" : advice);

  print_event (monitor, "status", text, cli_properties_to_variant (agent));
}

static void
on_properties_changed (RoamdAgent1 *agent, GVariant *changed, const char *const *invalidated, gpointer user_data)
{
  g_autoptr (GVariant) sentence = g_variant_lookup_value (changed, "Sentence", NULL);
  g_autoptr (GVariant) advice = g_variant_lookup_value (changed, "Advice", NULL);

  if (sentence != NULL || advice != NULL)
    print_state (user_data, agent);
}

static void
on_handover (RoamdAgent1 *agent, GVariant *row, gpointer user_data)
{
  g_autofree char *gap = cli_format_duration (cli_dict_number (row, "gap-us"));
  g_autofree char *text = g_strdup_printf ("handover %" G_GINT64_FORMAT ": %s %s -> %s %s, data stopped for %s",
                                           cli_dict_number (row, "number"), cli_dict_text (row, "from-mode"),
                                           cli_dict_text (row, "from-interface"), cli_dict_text (row, "to-mode"),
                                           cli_dict_text (row, "to-interface"), gap);

  print_event (user_data, "handover", text, row);
}

static void
on_owner_changed (RoamdAgent1 *agent, GParamSpec *pspec, gpointer user_data)
{
  g_autofree char *owner = g_dbus_proxy_get_name_owner (G_DBUS_PROXY (agent));

  if (owner == NULL)
    print_event (user_data, "stopped", "roamd has stopped", g_variant_new ("a{sv}", NULL));
  else
    print_event (user_data, "started", "roamd has started", g_variant_new ("a{sv}", NULL));
}

static gboolean
on_interrupt (gpointer user_data)
{
  g_main_loop_quit (user_data);
  return G_SOURCE_CONTINUE;
}

CliExit
cli_monitor (int argc, char **argv)
{
  Monitor monitor = { .left = -1 };
  CliExit exit_code;
  int count = 0;
  const GOptionEntry entries[] = {
    { "count", 'n', 0, G_OPTION_ARG_INT, &count, "End after so many lines (default 0: go on)", "N" },
    { NULL },
  };
  g_autoptr (RoamdAgent1) agent = NULL;

  if (!cli_options_parse (cli_command_find ("monitor"), &argc, &argv, entries, 0, &monitor.output, &exit_code))
    return exit_code;
  agent = cli_client_new (&exit_code);
  if (agent == NULL)
    return exit_code;
  monitor.left = count > 0 ? count : -1;
  monitor.loop = g_main_loop_new (NULL, FALSE);
  g_signal_connect (agent, "g-properties-changed", G_CALLBACK (on_properties_changed), &monitor);
  g_signal_connect (agent, "handover-done", G_CALLBACK (on_handover), &monitor);
  g_signal_connect (agent, "notify::g-name-owner", G_CALLBACK (on_owner_changed), &monitor);
  g_unix_signal_add (SIGINT, on_interrupt, monitor.loop);
  g_unix_signal_add (SIGTERM, on_interrupt, monitor.loop);
  print_state (&monitor, agent);
  if (monitor.left != 0)
    g_main_loop_run (monitor.loop);
  g_main_loop_unref (monitor.loop);
  return CLI_OK;
}
