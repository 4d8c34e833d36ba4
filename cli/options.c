/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "cli/cli.h"

#include <stdio.h>
#include <unistd.h>

/* One group of options a command, so that "roamctl COMMAND --help" is complete. */
static GOptionContext *
make_context (const CliCommand *command, const GOptionEntry *entries, CliOutput *output)
{
  const GOptionEntry common[] = {
    { "json", 'j', 0, G_OPTION_ARG_NONE, &output->json, "Print JSON, one object a line", NULL },
    { NULL },
  };
  g_autofree char *parameters = g_strdup_printf ("%s", command->arguments);
  GOptionContext *context = g_option_context_new (parameters);

  g_option_context_set_summary (context, command->summary);
  g_option_context_add_main_entries (context, common, NULL);
  if (entries != NULL)
    g_option_context_add_main_entries (context, entries, NULL);
  g_option_context_set_help_enabled (context, FALSE);
  return context;
}

gboolean
cli_options_parse (const CliCommand *command, int *argc, char ***argv, const GOptionEntry *entries, int max_arguments,
                   CliOutput *output, CliExit *ret_exit)
{
  gboolean help = FALSE;
  const GOptionEntry help_entry[] = {
    { "help", 'h', 0, G_OPTION_ARG_NONE, &help, "Print this help", NULL },
    { NULL },
  };
  g_autoptr (GOptionContext) context = make_context (command, entries, output);
  g_autofree char *program = g_strdup_printf ("roamctl %s", command->name);
  g_autoptr (GError) error = NULL;

  g_set_prgname (program);
  g_option_context_add_main_entries (context, help_entry, NULL);
  output->pretty = isatty (fileno (stdout)) && g_getenv ("NO_COLOR") == NULL;
  *ret_exit = CLI_USAGE;
  if (!g_option_context_parse (context, argc, argv, &error))
    {
      g_printerr ("%s: %s\nTry: %s --help\n", program, error->message, program);
      return FALSE;
    }
  if (help)
    {
      g_autofree char *text = g_option_context_get_help (context, TRUE, NULL);

      g_print ("%s", text);
      *ret_exit = CLI_OK;
      return FALSE;
    }
  if (*argc - 1 > max_arguments)
    {
      g_printerr ("%s: found '%s', allowed: %s\n", program, (*argv)[max_arguments + 1],
                  max_arguments == 0 ? "no arguments" : command->arguments);
      return FALSE;
    }
  return TRUE;
}
