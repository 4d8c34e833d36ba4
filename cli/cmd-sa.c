/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "cli/cli.h"

static void
print_line (const char *name, const char *value)
{
  if (value[0] != '\0')
    g_print ("%-16s%s\n", name, value);
}

/* Caller frees. */
static char *
age_of (GVariant *dict, const char *key)
{
  gint64 ms = cli_dict_number (dict, key);

  return ms < 0 ? g_strdup ("-") : cli_format_age (ms);
}

static char *
round_trip_of (GVariant *dict)
{
  gint64 us = cli_dict_number (dict, "rtt-us");

  return us == 0 ? g_strdup ("-") : cli_format_duration (us);
}

static void
print_head (GVariant *sa)
{
  g_autofree char *age = age_of (sa, "age-ms"), *rekey = age_of (sa, "rekey-in-ms"), *rtt = round_trip_of (sa);
  gboolean near_nat = cli_dict_boolean (sa, "nat-local"), far_nat = cli_dict_boolean (sa, "nat-remote");

  g_print ("%-16s%s, for %s\n", "IKE SA", cli_dict_text (sa, "state"), age);
  g_print ("%-16s%s (this machine) %s (gateway)\n", "SPIs", cli_dict_text (sa, "spi-initiator"),
           cli_dict_text (sa, "spi-responder"));
  print_line ("Moves by", cli_dialect_in_words (cli_dict_text (sa, "dialect")));
  g_print ("%-16s%s %s -> %s\n", "Path", cli_dict_text (sa, "interface"), cli_dict_text (sa, "local"),
           cli_dict_text (sa, "remote"));
  print_line ("Round trip", rtt);
  g_print ("%-16s%s\n", "NAT",
           near_nat && far_nat ? "before this machine and before the gateway"
           : near_nat          ? "before this machine"
           : far_nat           ? "before the gateway"
                               : "none");
  print_line ("Next rekeying", rekey);
  print_line ("Inner address", cli_dict_text (sa, "tia"));
  print_line ("IKE", cli_dict_text (sa, "ike-suite"));
  print_line ("ESP", cli_dict_text (sa, "esp-suite"));
}

static void
print_children (GVariant *sa, const CliOutput *output)
{
  g_autoptr (GVariant) children = g_variant_lookup_value (sa, "children", G_VARIANT_TYPE ("aa{sv}"));
  g_autoptr (CliTable) table = cli_table_new (4);

  if (children == NULL || g_variant_n_children (children) == 0)
    return;
  cli_table_add (table, "ESP-IN", "ESP-OUT", "USE", "AGE");
  for (gsize i = 0; i < g_variant_n_children (children); i++)
    {
      g_autoptr (GVariant) child = g_variant_get_child_value (children, i);
      g_autofree char *in = g_strdup_printf ("%08x", cli_dict_unsigned (child, "spi-in"));
      g_autofree char *out = g_strdup_printf ("%08x", cli_dict_unsigned (child, "spi-out"));
      g_autofree char *age = age_of (child, "age-ms");

      cli_table_add (table, in, out, cli_dict_boolean (child, "in-use") ? "sends" : "receives", age);
    }
  g_print ("\n");
  cli_table_print (table, output);
}

static void
print_pairs (GVariant *sa, const CliOutput *output)
{
  g_autoptr (GVariant) pairs = g_variant_lookup_value (sa, "pairs", G_VARIANT_TYPE ("aa{sv}"));
  g_autoptr (CliTable) table = cli_table_new (6);

  if (pairs == NULL || g_variant_n_children (pairs) == 0)
    return;
  cli_table_add (table, "LINK", "LOCAL", "GATEWAY", "STATE", "RTT", "TRIED");
  for (gsize i = 0; i < g_variant_n_children (pairs); i++)
    {
      g_autoptr (GVariant) pair = g_variant_get_child_value (pairs, i);
      g_autofree char *name =
        g_strconcat (cli_dict_text (pair, "interface"), cli_dict_boolean (pair, "in-use") ? "*" : "", NULL);
      g_autofree char *rtt = round_trip_of (pair), *tried = age_of (pair, "tried-ms");

      cli_table_add (table, name, cli_dict_text (pair, "local"), cli_dict_text (pair, "remote"),
                     cli_dict_text (pair, "state"), rtt, tried);
    }
  g_print ("\n");
  cli_table_print (table, output);
}

CliExit
cli_sa (int argc, char **argv)
{
  CliOutput output = { FALSE, FALSE };
  CliExit exit_code;
  g_autoptr (RoamdAgent1) agent = NULL;
  g_autoptr (GVariant) rows = NULL;
  g_autoptr (GError) error = NULL;

  if (!cli_options_parse (cli_command_find ("sa"), &argc, &argv, NULL, 0, &output, &exit_code))
    return exit_code;
  agent = cli_client_new (&exit_code);
  if (agent == NULL)
    return exit_code;
  if (!roamd_agent1_call_get_security_associations_sync (agent, &rows, NULL, &error))
    return cli_report (error);
  if (!output.json && g_variant_n_children (rows) == 0)
    g_printerr ("There is no VPN now.\n");
  for (gsize i = 0; i < g_variant_n_children (rows); i++)
    {
      g_autoptr (GVariant) sa = g_variant_get_child_value (rows, i);

      if (output.json)
        {
          cli_print_json (sa);
          continue;
        }
      print_head (sa);
      print_children (sa, &output);
      print_pairs (sa, &output);
    }
  return CLI_OK;
}
