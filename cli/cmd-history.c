/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "cli/cli.h"

static void
add_row (CliTable *table, GVariant *row)
{
  g_autofree char *number = g_strdup_printf ("%" G_GINT64_FORMAT, cli_dict_number (row, "number"));
  g_autofree char *at = cli_format_time (cli_dict_number (row, "time-us"));
  g_autofree char *from =
    g_strdup_printf ("%s %s", cli_dict_text (row, "from-mode"), cli_dict_text (row, "from-interface"));
  g_autofree char *to = g_strdup_printf ("%s %s", cli_dict_text (row, "to-mode"), cli_dict_text (row, "to-interface"));
  g_autofree char *gap = cli_format_duration (cli_dict_number (row, "gap-us"));
  g_autofree char *mobike = cli_format_duration (cli_dict_number (row, "event-to-mobike-us"));
  g_autofree char *rrq = cli_format_duration (cli_dict_number (row, "event-to-rrq-us"));

  cli_table_add (table, number, at, from, to, gap, mobike, rrq, cli_dict_text (row, "reason"));
}

static void
print_rows (GVariant *rows, const CliOutput *output)
{
  g_autoptr (CliTable) table = cli_table_new (8);

  if (g_variant_n_children (rows) == 0)
    {
      g_printerr ("No handovers yet.\n");
      return;
    }
  cli_table_add (table, "NO", "TIME", "FROM", "TO", "GAP", "TO-MOBIKE", "TO-RRQ", "REASON");
  for (gsize i = 0; i < g_variant_n_children (rows); i++)
    {
      g_autoptr (GVariant) row = g_variant_get_child_value (rows, i);

      add_row (table, row);
    }
  cli_table_print (table, output);
}

CliExit
cli_history (int argc, char **argv)
{
  CliOutput output = { FALSE, FALSE };
  CliExit exit_code;
  int limit = 20;
  const GOptionEntry entries[] = {
    { "limit", 'n', 0, G_OPTION_ARG_INT, &limit, "How many rows at most (default 20; 0: all)", "N" },
    { NULL },
  };
  g_autoptr (RoamdAgent1) agent = NULL;
  g_autoptr (GVariant) rows = NULL;
  g_autoptr (GError) error = NULL;

  if (!cli_options_parse (cli_command_find ("history"), &argc, &argv, entries, 0, &output, &exit_code))
    return exit_code;
  if (limit < 0)
    {
      g_printerr ("roamctl history: --limit: found '%d', allowed: 0 or more\n", limit);
      return CLI_USAGE;
    }
  agent = cli_client_new (&exit_code);
  if (agent == NULL)
    return exit_code;
  if (!roamd_agent1_call_get_history_sync (agent, (guint)limit, &rows, NULL, &error))
    return cli_report (error);
  if (!output.json)
    print_rows (rows, &output);
  for (gsize i = 0; output.json && i < g_variant_n_children (rows); i++)
    cli_print_json (g_variant_get_child_value (rows, i));
  return CLI_OK;
}
