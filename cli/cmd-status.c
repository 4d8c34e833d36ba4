/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "cli/cli.h"

/* "Name           value", or nothing when there is no value. */
static void
print_line (const char *name, const char *value)
{
  if (value != NULL && value[0] != '\0')
    g_print ("%-16s%s\n", name, value);
}

static void
print_mode (RoamdAgent1 *agent, const CliOutput *output)
{
  const char *mode = roamd_agent1_get_mode (agent);
  const char *advice = roamd_agent1_get_advice (agent);
  g_autofree char *since = cli_format_age (roamd_agent1_get_since_ms (agent));
  gboolean good = g_strcmp0 (mode, "home") == 0 || g_strcmp0 (mode, "c") == 0 || g_strcmp0 (mode, "f") == 0 ||
                  g_strcmp0 (mode, "mc") == 0;
  const char *colour = good ? "\033[1;32m" : "\033[1;33m";

  g_print ("%s%s%s\n", output->pretty ? colour : "", roamd_agent1_get_sentence (agent),
           output->pretty ? "\033[0m" : "");
  if (advice != NULL && advice[0] != '\0')
    g_print ("%s\n", advice);
  g_print ("\n");
  g_print ("%-16s%s (%s), for %s\n", "Mode", mode, cli_mode_in_words (mode), since);
}

/* Words from the network: told apart by who vouches for them. */
static void
print_message (RoamdAgent1 *agent)
{
  const char *message = roamd_agent1_get_message (agent);

  if (message != NULL && message[0] != '\0')
    g_print ("%-16s\"%s\"%s\n", "Message", message,
             roamd_agent1_get_message_authentic (agent) ? "" : " (not authenticated)");
}

static void
print_vpn (RoamdAgent1 *agent)
{
  const char *dialect = cli_dialect_in_words (roamd_agent1_get_dialect (agent));

  if (!roamd_agent1_get_vpn_up (agent))
    {
      print_line ("VPN", "down");
      return;
    }
  if (dialect[0] == '\0')
    dialect = roamd_agent1_get_mobike (agent) ? "MOBIKE" : "no MOBIKE";
  g_print ("%-16sup, %s%s\n", "VPN", dialect, roamd_agent1_get_nat (agent) ? ", behind a NAT" : "");
  print_line ("Inner address", roamd_agent1_get_tia (agent));
  print_line ("IKE", roamd_agent1_get_ike_suite (agent));
  print_line ("ESP", roamd_agent1_get_esp_suite (agent));
}

static void
print_links (RoamdAgent1 *agent, const CliOutput *output)
{
  GVariant *links = roamd_agent1_get_links (agent);
  g_autoptr (CliTable) table = cli_table_new (6);

  if (links == NULL || g_variant_n_children (links) == 0)
    return;
  cli_table_add (table, "LINK", "KIND", "STATE", "ADDRESS", "TRUST", "REASON");
  for (gsize i = 0; i < g_variant_n_children (links); i++)
    {
      g_autoptr (GVariant) link = g_variant_get_child_value (links, i);
      g_autofree char *name =
        g_strconcat (cli_dict_text (link, "name"), cli_dict_boolean (link, "active") ? "*" : "", NULL);

      cli_table_add (table, name, cli_dict_text (link, "kind"), cli_dict_text (link, "state"),
                     cli_dict_text (link, "address"), cli_dict_boolean (link, "trusted") ? "proved" : "no",
                     cli_dict_text (link, "reason"));
    }
  g_print ("\n");
  cli_table_print (table, output);
}

CliExit
cli_status (int argc, char **argv)
{
  CliOutput output = { FALSE, FALSE };
  CliExit exit_code;
  g_autoptr (RoamdAgent1) agent = NULL;

  if (!cli_options_parse (cli_command_find ("status"), &argc, &argv, NULL, 0, &output, &exit_code))
    return exit_code;
  agent = cli_client_new (&exit_code);
  if (agent == NULL)
    return exit_code;
  if (output.json)
    {
      cli_print_json (cli_properties_to_variant (agent));
      return CLI_OK;
    }
  print_mode (agent, &output);
  print_line ("Interface", roamd_agent1_get_interface (agent));
  print_line ("Home address", roamd_agent1_get_home_address (agent));
  print_line ("Home agent", roamd_agent1_get_home_agent (agent));
  print_line ("Care-of address", roamd_agent1_get_care_of_address (agent));
  print_line ("Foreign agent", roamd_agent1_get_foreign_agent (agent));
  if (roamd_agent1_get_mip_nat (agent))
    print_line ("Tunnel", "in UDP, through a NAT");
  print_message (agent);
  print_line ("Gateway", roamd_agent1_get_gateway (agent));
  print_vpn (agent);
  print_line ("Data plane", roamd_agent1_get_backend (agent));
  print_links (agent, &output);
  return CLI_OK;
}
