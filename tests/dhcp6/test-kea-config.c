/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "dhcp6/kea-config.h"
#include "dhcp6/kea-context.h"

#include <json-glib/json-glib.h>
#include <string.h>

/* Kea's two kinds of JSON: its configuration, and the user context of a lease. */

static Dhcp6CodePoints points;

/* ----------------------------------------------------------- configuration ---- */

static void
assert_subnet (GArray *subnets, guint at, guint32 id, const char *prefix, const char *link)
{
  const KeaSubnet *subnet = &g_array_index (subnets, KeaSubnet, at);
  char text[ROAM_ADDR_STRLEN];

  g_assert_cmpuint (subnet->subnet_id, ==, id);
  g_assert_cmpstr (roam_prefix_to_string (&subnet->prefix, text), ==, prefix);
  g_assert_cmpstr (subnet->link, ==, link);
}

/* Comments of three kinds, commas too many, marks inside of strings. covers: LQ-KEA-013 */
static void
test_config (void)
{
  static const char text[] =
    "# a comment, \"with { marks\n"
    "{ // another }\n"
    "  \"Dhcp6\": { /* a third\n over lines ] */\n"
    "    \"comment\": \"no // comment, no # comment, no /* comment */, no <?include \\\" ,}\",\n"
    "    \"shared-networks\": [ { \"name\": \"floor # 1\", \"subnet6\": [\n"
    "        { \"id\": 1, \"subnet\": \"2001:db8:1::/64\", },\n"
    "        { \"subnet\": \"2001:db8:2::/64\", \"id\": 4294967294 } , /* last */ ] }, ],\n"
    "    \"subnet6\": [ { \"id\": 7, \"subnet\": \"2001:db8:7::/56\", \"pools\": [] } ],\n"
    "  },\n"
    "}\n";
  g_autofree char *problem = NULL;
  g_autoptr (GArray) subnets = kea_config_parse_subnets (text, strlen (text), &problem);

  g_assert_cmpstr (problem, ==, NULL);
  g_assert_nonnull (subnets);
  g_assert_cmpuint (subnets->len, ==, 3);
  assert_subnet (subnets, 0, 1, "2001:db8:1::/64", "network floor # 1");
  assert_subnet (subnets, 1, 4294967294u, "2001:db8:2::/64", "network floor # 1");
  assert_subnet (subnets, 2, 7, "2001:db8:7::/56", "subnet 2001:db8:7::/56");
}

static void
test_bad_configs (void)
{
  static const struct
  {
    const char *text, *problem;
  } rows[] = {
    { "", "" },
    { "{", "" },
    { "{ \"Dhcp6\": { \"a\": \"", "" },
    { "{ \"Dhcp6\": { \"a\": \"\\", "" },
    { "{} /* without an end", "Dhcp6" },
    { "[]", "Dhcp6" },
    { "{ \"Dhcp4\": {} }", "Dhcp6" },
    { "{ \"Dhcp6\": { <?include \"x\"?> } }", "includes another file" },
    { "{ \"Dhcp6\": { \"subnet6\": 5 } }", "'subnet6' is no list" },
    { "{ \"Dhcp6\": { \"shared-networks\": {} } }", "'shared-networks' is no list" },
    { "{ \"Dhcp6\": { \"shared-networks\": [ { \"subnet6\": [] } ] } }", "without a 'name'" },
    { "{ \"Dhcp6\": { \"subnet6\": [ 5 ] } }", "no IPv6 prefix" },
    { "{ \"Dhcp6\": { \"subnet6\": [ { \"id\": 1, \"subnet\": \"192.0.2.0/24\" } ] } }", "192.0.2.0/24" },
    { "{ \"Dhcp6\": { \"subnet6\": [ { \"subnet\": \"2001:db8::/64\" } ] } }", "has no 'id'" },
    { "{ \"Dhcp6\": { \"subnet6\": [ { \"id\": 0, \"subnet\": \"2001:db8::/64\" } ] } }", "has no 'id'" },
    { "{ \"Dhcp6\": { \"subnet6\": [ { \"id\": 4294967296, \"subnet\": \"2001:db8::/64\" } ] } }", "has no 'id'" },
    { "{ \"Dhcp6\": { \"subnet6\": [ { \"id\": \"1\", \"subnet\": \"2001:db8::/64\" } ] } }", "has no 'id'" },
    { "{ \"Dhcp6\": { \"subnet6\": [ { \"id\": 1, \"subnet\": \"2001:db8::/64\" }, { \"id\": 1, \"subnet\": "
      "\"2001:db8:1::/64\" } ] } }",
      "two subnets with the id 1" },
  };

  for (guint i = 0; i < G_N_ELEMENTS (rows); i++)
    {
      g_autofree char *copy = g_strdup (rows[i].text);
      g_autofree char *problem = NULL;

      g_assert_null (kea_config_parse_subnets (copy, strlen (rows[i].text), &problem));
      g_assert_nonnull (problem);
      g_assert_nonnull (strstr (problem, rows[i].problem));
    }
}

/* ------------------------------------------------------------------ context ---- */

static KeaContext
read_context (const char *text, gsize length, GBytes **ret_relay_data)
{
  g_autofree char *copy = g_memdup2 (text, length);

  return kea_context_read_relays (&points, copy, length, ret_relay_data);
}

/* What the parser must take and what it must not; json-glib is laxer than RFC 8259 and no measure here. */
static void
test_context_grammar (void)
{
  static const char *const good[] = {
    "{}",
    " \t\r\n{ } \n",
    "{\"a\":-0.5e+10,\"b\":[true,false,null,[],{}],\"c\":\"\\\"\\\\\\u0041\",\"d\":1E5,\"e\":0}",
    "{\"ISC\":5}",
    "{\"ISC\":{\"relay-info\":\"odd\"}}",
    "{\"ISC\":{\"relay-info\":null}}",
  };
  static const char *const bad[] = {
    "",
    " ",
    "5",
    "[]",
    "{",
    "{} x",
    "{,}",
    "{\"a\"}",
    "{\"a\":}",
    "{\"a\":1,}",
    "{\"a\":1 \"b\":2}",
    "{a:1}",
    "{\"a\":01}",
    "{\"a\":-}",
    "{\"a\":1.}",
    "{\"a\":1e}",
    "{\"a\":+1}",
    "{\"a\":tru}",
    "{\"a\":nullx}",
    "{\"a\":\"\\",
    "{\"a\":\"\n\"}",
    "{\"a\":[1,]}",
    "{\"a\":[1 2]}",
    "{\"a\":[1}",
    "{\"ISC\":{\"relay-info\":[]}}",
    "{\"ISC\":{\"relay-info\":[{},5]}}",
    "{\"ISC\":{\"relay-info\":[{\"options\":\"0x001\"}]}}",
    "{\"ISC\":{\"relay-info\":[{\"options\":\"0xzz\"}]}}",
    "{\"ISC\":{\"relay-info\":[{\"options\":\"0x00350005\"}]}}",
  };
  g_autoptr (GString) deep = g_string_new ("{\"a\":");
  GBytes *relay_data = NULL;

  for (guint i = 0; i < G_N_ELEMENTS (good); i++)
    g_assert_cmpint (read_context (good[i], strlen (good[i]), &relay_data), ==, KEA_CONTEXT_NOTHING);
  for (guint i = 0; i < G_N_ELEMENTS (bad); i++)
    g_assert_cmpint (read_context (bad[i], strlen (bad[i]), &relay_data), ==, KEA_CONTEXT_BAD);
  for (guint i = 0; i < 60000; i++)
    g_string_append_c (deep, '[');
  g_assert_cmpint (read_context (deep->str, deep->len, &relay_data), ==, KEA_CONTEXT_BAD);
  g_assert_null (relay_data);
}

static void
add_hex (JsonBuilder *builder, GRand *rand, const char *name, const char *before, guint8 mark)
{
  g_autofree char *text = g_strdup_printf ("%s0003%02X%02x", before, mark, g_rand_int_range (rand, 0, 256));

  json_builder_set_member_name (builder, name);
  json_builder_add_string_value (builder, text);
}

/* Something that is none of ours, to be passed over. */
static void
add_noise (JsonBuilder *builder, GRand *rand, guint depth)
{
  g_autofree char *name = g_strdup_printf ("n%u\"\\/\n\xc3\xa9", g_rand_int (rand) % 1000);

  json_builder_set_member_name (builder, name);
  switch (g_rand_int_range (rand, 0, depth > 3 ? 4 : 6))
    {
    case 0:
      json_builder_add_int_value (builder, g_rand_int_range (rand, -1000, 1000));
      return;
    case 1:
      json_builder_add_double_value (builder, g_rand_double (rand) * 1e9);
      return;
    case 2:
      json_builder_add_string_value (builder, "relay-info { \" [ \\ \t\x01");
      return;
    case 3:
      json_builder_add_null_value (builder);
      return;
    case 4:
      json_builder_begin_object (builder);
      add_noise (builder, rand, depth + 1);
      json_builder_end_object (builder);
      return;
    default:
      json_builder_begin_array (builder);
      json_builder_add_boolean_value (builder, TRUE);
      json_builder_end_array (builder);
    }
}

/* A context with @n relays, numbered in their addresses and identifiers, as json-glib writes it. */
static char *
make_context (GRand *rand, guint n)
{
  g_autoptr (JsonBuilder) builder = json_builder_new ();
  g_autoptr (JsonGenerator) generator = json_generator_new ();
  g_autoptr (JsonNode) root = NULL;

  json_builder_begin_object (builder);
  add_noise (builder, rand, 0);
  json_builder_set_member_name (builder, "ISC");
  json_builder_begin_object (builder);
  add_noise (builder, rand, 0);
  json_builder_set_member_name (builder, g_rand_boolean (rand) ? "relay-info" : "relays");
  json_builder_begin_array (builder);
  for (guint i = 0; i < n; i++)
    {
      g_autofree char *link = g_strdup_printf ("2001:db8:%x::1", i);

      json_builder_begin_object (builder);
      add_hex (builder, rand, "relay-id", "", (guint8)i);
      add_noise (builder, rand, 0);
      json_builder_set_member_name (builder, "link");
      json_builder_add_string_value (builder, link);
      json_builder_set_member_name (builder, "hop");
      json_builder_add_int_value (builder, n - 1 - i);
      add_hex (builder, rand, "options", "0x00120004", (guint8)i);
      add_noise (builder, rand, 0);
      json_builder_end_object (builder);
    }
  json_builder_end_array (builder);
  json_builder_end_object (builder);
  json_builder_end_object (builder);
  root = json_builder_get_root (builder);
  json_generator_set_root (generator, root);
  json_generator_set_pretty (generator, g_rand_boolean (rand));
  return json_generator_to_data (generator, NULL);
}

/* Whatever json-glib writes is read, whatever stands around what we look for. covers: LQ-KEA-007 */
static void
test_context_written (void)
{
  g_autoptr (GRand) rand = g_rand_new_with_seed (5460);

  for (guint round = 0; round < 500; round++)
    {
      guint n = (guint)g_rand_int_range (rand, 1, DHCP6_MAX_HOPS + 1), found;
      g_autofree char *text = make_context (rand, n);
      g_autoptr (GBytes) relay_data = NULL;
      Dhcp6Relay relays[DHCP6_MAX_HOPS];
      Dhcp6Slice slice;

      g_assert_cmpint (read_context (text, strlen (text), &relay_data), ==, KEA_CONTEXT_RELAYS);
      slice.data = g_bytes_get_data (relay_data, &slice.length);
      g_assert_cmpint (dhcp6_parse_relay_data (&points, slice, relays, DHCP6_MAX_HOPS, &found), ==, DHCP6_OK);
      g_assert_cmpuint (found, ==, n);
      for (guint i = 0; i < n; i++)
        {
          g_assert_cmpuint (relays[i].hop_count, ==, n - 1 - i);
          g_assert_cmpuint (relays[i].link_address.bytes[5], ==, i);
          g_assert_cmpuint (relays[i].relay_id.data[2], ==, i);
          g_assert_cmpuint (relays[i].interface_id.data[2], ==, i);
        }
    }
}

/* Cut and changed at random: no crash, and nothing is taken that json-glib does not take. */
static void
test_context_noise (void)
{
  g_autoptr (GRand) rand = g_rand_new_with_seed (8415);
  g_autoptr (JsonParser) parser = json_parser_new_immutable ();
  g_autofree char *text = make_context (rand, 2);
  gsize whole = strlen (text);
  guint taken = 0;

  for (guint round = 0; round < 20000; round++)
    {
      gsize length = g_rand_boolean (rand) ? whole : (gsize)g_rand_int_range (rand, 1, (gint32)whole);
      g_autofree char *copy = g_strndup (text, length);
      g_autoptr (GBytes) relay_data = NULL;

      for (guint k = (guint)g_rand_int_range (rand, 0, 3); k > 0; k--)
        copy[g_rand_int_range (rand, 0, (gint32)length)] = (char)g_rand_int_range (rand, 32, 127);
      if (read_context (copy, length, &relay_data) == KEA_CONTEXT_BAD)
        continue;
      taken++;
      if (g_utf8_validate (copy, (gssize)length, NULL) && strstr (copy, "\\u") == NULL)
        g_assert_true (json_parser_load_from_data (parser, copy, (gssize)length, NULL));
    }
  g_assert_cmpuint (taken, >, 1000);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  dhcp6_code_points_init (&points);
  g_test_add_func ("/dhcp6/kea-config/subnets", test_config);
  g_test_add_func ("/dhcp6/kea-config/bad", test_bad_configs);
  g_test_add_func ("/dhcp6/kea-context/grammar", test_context_grammar);
  g_test_add_func ("/dhcp6/kea-context/written", test_context_written);
  g_test_add_func ("/dhcp6/kea-context/noise", test_context_noise);
  return g_test_run ();
}
