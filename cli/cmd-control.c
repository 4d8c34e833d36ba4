/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "cli/cli.h"

typedef gboolean (*Verb) (RoamdAgent1 *agent, GCancellable *cancellable, GError **error);

static CliExit
call_verb (const char *name, Verb verb, const char *done, int argc, char **argv)
{
  CliOutput output = { FALSE, FALSE };
  CliExit exit_code;
  g_autoptr (RoamdAgent1) agent = NULL;
  g_autoptr (GError) error = NULL;

  if (!cli_options_parse (cli_command_find (name), &argc, &argv, NULL, 0, &output, &exit_code))
    return exit_code;
  agent = cli_client_new (&exit_code);
  if (agent == NULL)
    return exit_code;
  if (!verb (agent, NULL, &error))
    return cli_report (error);
  if (output.json)
    cli_print_json (g_variant_new_parsed ("{'done': <%s>}", name));
  else
    g_print ("%s\n", done);
  return CLI_OK;
}

CliExit
cli_connect (int argc, char **argv)
{
  return call_verb ("connect", roamd_agent1_call_connect_sync, "Switched on. \"roamctl status\" shows how it goes.",
                    argc, argv);
}

CliExit
cli_disconnect (int argc, char **argv)
{
  return call_verb ("disconnect", roamd_agent1_call_disconnect_sync,
                    "Switched off: the networks are used without protection until \"roamctl connect\".", argc, argv);
}

/* A caller that leaves at once may be gone when the daemon asks the bus who it was; this is time enough. */
#define NO_WAIT_MS 500

/* Success is that the request was taken or is under way. */
static CliExit
redetect_without_waiting (RoamdAgent1 *agent, const char *interface, const char *reason)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (GVariant) reply =
    g_dbus_proxy_call_sync (G_DBUS_PROXY (agent), "Redetect", g_variant_new ("(ss)", interface, reason),
                            G_DBUS_CALL_FLAGS_NO_AUTO_START, NO_WAIT_MS, NULL, &error);

  if (reply != NULL || g_error_matches (error, G_IO_ERROR, G_IO_ERROR_TIMED_OUT))
    return CLI_OK;
  return cli_report (error);
}

CliExit
cli_redetect (int argc, char **argv)
{
  CliOutput output = { FALSE, FALSE };
  CliExit exit_code;
  g_autofree char *reason = NULL;
  gboolean no_wait = FALSE;
  const GOptionEntry entries[] = {
    { "reason", 'r', 0, G_OPTION_ARG_STRING, &reason, "Who asks and why, for the log", "TEXT" },
    { "no-wait", 0, 0, G_OPTION_ARG_NONE, &no_wait, "Wait half a second for the answer, no longer", NULL },
    { NULL },
  };
  g_autoptr (RoamdAgent1) agent = NULL;
  g_autoptr (GError) error = NULL;
  const char *interface;

  if (!cli_options_parse (cli_command_find ("redetect"), &argc, &argv, entries, 1, &output, &exit_code))
    return exit_code;
  interface = argc > 1 ? argv[1] : "";
  agent = cli_client_new (&exit_code);
  if (agent == NULL)
    return exit_code;
  if (no_wait)
    return redetect_without_waiting (agent, interface, reason == NULL ? "roamctl" : reason);
  if (!roamd_agent1_call_redetect_sync (agent, interface, reason == NULL ? "roamctl" : reason, NULL, &error))
    return cli_report (error);
  if (output.json)
    cli_print_json (g_variant_new_parsed ("{'done': <'redetect'>, 'interface': <%s>}", interface));
  else
    g_print ("Detecting %s again.\n", interface[0] == '\0' ? "every interface" : interface);
  return CLI_OK;
}
