/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "cli/cli.h"

#include <locale.h>
#include <string.h>

static const CliCommand commands[] = {
  { "status", "", "Show what roamd does now (the default)", cli_status },
  { "why", "", "Show the evidence behind it", cli_why },
  { "monitor", "", "Print a line at each change", cli_monitor },
  { "sa", "", "Show the VPN's security associations and paths", cli_sa },
  { "history", "", "List past handovers", cli_history },
  { "secret", "", "Give the VPN the password that it asks for", cli_secret },
  { "connect", "", "Switch roamd on", cli_connect },
  { "disconnect", "", "Switch roamd off: the networks are used without protection", cli_disconnect },
  { "redetect", "[INTERFACE]", "Find out anew where an interface (or each) leads", cli_redetect },
};

const CliCommand *
cli_command_find (const char *name)
{
  for (guint i = 0; i < G_N_ELEMENTS (commands); i++)
    if (g_str_equal (commands[i].name, name))
      return &commands[i];
  return NULL;
}

static void
print_help (void)
{
  g_print ("Usage: roamctl [COMMAND] [OPTION...]\n\n");
  for (guint i = 0; i < G_N_ELEMENTS (commands); i++)
    {
      g_autofree char *name = g_strconcat (commands[i].name, " ", commands[i].arguments, NULL);

      g_print ("  %-24s%s\n", name, commands[i].summary);
    }
  g_print ("  %-24s%s\n", "help", "Print this help");
  g_print ("\nOptions of roamctl itself: --help, --version; of every command: --help, --json\n"
           "Exit codes: 0 done, 1 failed, 2 wrong usage, 3 roamd is not running, 4 not allowed\n");
}

int
main (int argc, char **argv)
{
  const char *name = argc > 1 ? argv[1] : "status";
  const CliCommand *command;

  setlocale (LC_ALL, "");
  if (g_str_equal (name, "help") || g_str_equal (name, "--help") || g_str_equal (name, "-h"))
    {
      print_help ();
      return CLI_OK;
    }
  if (g_str_equal (name, "--version"))
    {
      g_print ("roamctl %s\n", ROAMD_VERSION);
      return CLI_OK;
    }
  /* "roamctl --json" is "roamctl status --json". */
  if (name[0] == '-')
    return commands[0].run (argc, argv);
  command = cli_command_find (name);
  if (command == NULL)
    {
      g_printerr ("roamctl: found '%s', allowed: one of the commands below\n\n", name);
      print_help ();
      return CLI_USAGE;
    }
  return command->run (MAX (argc - 1, 1), argc > 1 ? argv + 1 : argv);
}
