/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "cli/cli.h"

static void
print_link (GVariant *link)
{
  gint64 age_ms = cli_dict_number (link, "proof-age-ms");
  g_autofree char *age = age_ms >= 0 ? cli_format_age (age_ms) : NULL;

  g_print ("%s: %s\n", cli_dict_text (link, "name"), cli_dict_text (link, "reason"));
  if (age != NULL)
    g_print ("    proved to be the enterprise %s ago\n", age);
}

CliExit
cli_why (int argc, char **argv)
{
  CliOutput output = { FALSE, FALSE };
  CliExit exit_code;
  g_autoptr (RoamdAgent1) agent = NULL;
  GVariant *links;
  const char *advice;

  if (!cli_options_parse (cli_command_find ("why"), &argc, &argv, NULL, 0, &output, &exit_code))
    return exit_code;
  agent = cli_client_new (&exit_code);
  if (agent == NULL)
    return exit_code;
  links = roamd_agent1_get_links (agent);
  advice = roamd_agent1_get_advice (agent);
  if (output.json)
    {
      cli_print_json (g_variant_new_parsed ("{'mode': <%s>, 'sentence': <%s>, 'why': <%s>, 'advice': <%s>, "
                                            "'links': <%@aa{sv}>}",
                                            roamd_agent1_get_mode (agent), roamd_agent1_get_sentence (agent),
                                            roamd_agent1_get_why (agent), advice, links));
      return CLI_OK;
    }
  g_print ("%s\n%s\n", roamd_agent1_get_sentence (agent), roamd_agent1_get_why (agent));
  for (gsize i = 0; links != NULL && i < g_variant_n_children (links); i++)
    {
      g_autoptr (GVariant) link = g_variant_get_child_value (links, i);

      if (i == 0)
        g_print ("\n");
      print_link (link);
    }
  if (advice != NULL && advice[0] != '\0')
    g_print ("\n%s\n", advice);
  return CLI_OK;
}
