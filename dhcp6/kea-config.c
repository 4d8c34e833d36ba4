/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "dhcp6/kea-config.h"

#include <json-glib/json-glib.h>
#include <string.h>

static void
clear_subnet (gpointer data)
{
  g_clear_pointer (&((KeaSubnet *)data)->link, g_free);
}

GArray *
kea_subnets_new (void)
{
  GArray *subnets = g_array_new (FALSE, TRUE, sizeof (KeaSubnet));

  g_array_set_clear_func (subnets, clear_subnet);
  return subnets;
}

/* ------------------------------------------------------- Kea's JSON to JSON ---- */

typedef struct
{
  char *text;
  gsize length, at;
} Cleaner;

static gboolean
looking_at (const Cleaner *cleaner, const char *what)
{
  gsize length = strlen (what);

  return cleaner->length - cleaner->at >= length && memcmp (cleaner->text + cleaner->at, what, length) == 0;
}

static void
skip_string (Cleaner *cleaner)
{
  for (cleaner->at++; cleaner->at < cleaner->length && cleaner->text[cleaner->at] != '"'; cleaner->at++)
    if (cleaner->text[cleaner->at] == '\\')
      cleaner->at++;
  cleaner->at = MIN (cleaner->at + 1, cleaner->length);
}

/* Lines stay, so that a fault is told with its place. */
static void
blank_until (Cleaner *cleaner, const char *end, gboolean with_end)
{
  while (cleaner->at < cleaner->length && !looking_at (cleaner, end))
    {
      if (cleaner->text[cleaner->at] != '\n')
        cleaner->text[cleaner->at] = ' ';
      cleaner->at++;
    }
  if (with_end && cleaner->at < cleaner->length)
    {
      memset (cleaner->text + cleaner->at, ' ', strlen (end));
      cleaner->at += strlen (end);
    }
}

/* FALSE: another file is included, outside of any string. */
static gboolean
clean (Cleaner *cleaner)
{
  char *comma = NULL; /* nothing but white space came after it */

  while (cleaner->at < cleaner->length)
    {
      char *here = cleaner->text + cleaner->at;

      if (*here == '#' || looking_at (cleaner, "//"))
        {
          blank_until (cleaner, "\n", FALSE);
          continue;
        }
      if (looking_at (cleaner, "/*"))
        {
          blank_until (cleaner, "*/", TRUE);
          continue;
        }
      if (looking_at (cleaner, "<?include"))
        return FALSE;
      if ((*here == '}' || *here == ']') && comma != NULL)
        *comma = ' ';
      if (!g_ascii_isspace (*here))
        comma = *here == ',' ? here : NULL;
      if (*here == '"')
        skip_string (cleaner);
      else
        cleaner->at++;
    }
  return TRUE;
}

/* ----------------------------------------------------------------- subnets ---- */

typedef struct
{
  GArray *subnets;
  GHashTable *ids;
  char *problem; /* the first */
} Reading;

G_GNUC_PRINTF (2, 3)
static void
fault (Reading *reading, const char *format, ...)
{
  va_list arguments;

  if (reading->problem != NULL)
    return;
  va_start (arguments, format);
  reading->problem = g_strdup_vprintf (format, arguments);
  va_end (arguments);
}

static JsonNode *
get_member (JsonNode *node, const char *name)
{
  if (node == NULL || !JSON_NODE_HOLDS_OBJECT (node))
    return NULL;
  return json_object_get_member (json_node_get_object (node), name);
}

static const char *
get_string (JsonNode *node, const char *name)
{
  JsonNode *member = get_member (node, name);

  return member != NULL && json_node_get_value_type (member) == G_TYPE_STRING ? json_node_get_string (member) : NULL;
}

/* @network: NULL for a subnet that is in none. */
static void
read_subnet (Reading *reading, JsonNode *node, const char *network)
{
  JsonNode *id = get_member (node, "id");
  const char *prefix = get_string (node, "subnet");
  gint64 number = id != NULL && json_node_get_value_type (id) == G_TYPE_INT64 ? json_node_get_int (id) : 0;
  KeaSubnet subnet = { 0 };

  if (prefix == NULL || !roam_prefix_parse (prefix, &subnet.prefix) || subnet.prefix.addr.family != ROAM_FAMILY_INET6)
    {
      fault (reading, "a subnet6 whose 'subnet' is no IPv6 prefix: %s", prefix != NULL ? prefix : "there is none");
      return;
    }
  /* Kea numbers subnets without one by itself: which it gave cannot be told from here. */
  if (number <= 0 || number >= G_MAXUINT32)
    {
      fault (reading, "subnet %s has no 'id' from 1 to 4294967294", prefix);
      return;
    }
  subnet.subnet_id = (guint32)number;
  if (!g_hash_table_add (reading->ids, GUINT_TO_POINTER (subnet.subnet_id)))
    {
      fault (reading, "two subnets with the id %u", subnet.subnet_id);
      return;
    }
  subnet.link = network != NULL ? g_strdup_printf ("network %s", network) : g_strdup_printf ("subnet %s", prefix);
  g_array_append_val (reading->subnets, subnet);
}

static void
read_subnets (Reading *reading, JsonNode *owner, const char *network)
{
  JsonNode *list = get_member (owner, "subnet6");
  JsonArray *subnets;

  if (list == NULL)
    return;
  if (!JSON_NODE_HOLDS_ARRAY (list))
    {
      fault (reading, "'subnet6' is no list");
      return;
    }
  subnets = json_node_get_array (list);
  for (guint i = 0; i < json_array_get_length (subnets); i++)
    read_subnet (reading, json_array_get_element (subnets, i), network);
}

static void
read_networks (Reading *reading, JsonNode *dhcp6)
{
  JsonNode *list = get_member (dhcp6, "shared-networks");
  JsonArray *networks;

  if (list == NULL)
    return;
  if (!JSON_NODE_HOLDS_ARRAY (list))
    {
      fault (reading, "'shared-networks' is no list");
      return;
    }
  networks = json_node_get_array (list);
  for (guint i = 0; i < json_array_get_length (networks); i++)
    {
      JsonNode *network = json_array_get_element (networks, i);
      const char *name = get_string (network, "name");

      if (name == NULL)
        fault (reading, "a shared network without a 'name'");
      else
        read_subnets (reading, network, name);
    }
}

GArray *
kea_config_parse_subnets (const char *text, gsize length, char **ret_problem)
{
  g_autofree char *copy = g_strndup (text, length);
  Cleaner cleaner = { .text = copy, .length = strlen (copy) };
  g_autoptr (JsonParser) parser = json_parser_new_immutable ();
  g_autoptr (GArray) subnets = kea_subnets_new ();
  g_autoptr (GHashTable) ids = g_hash_table_new (NULL, NULL);
  g_autoptr (GError) error = NULL;
  Reading reading = { .subnets = subnets, .ids = ids };
  JsonNode *dhcp6;

  if (!clean (&cleaner))
    {
      *ret_problem = g_strdup ("it includes another file, which is not read here: name the links in [link ...] groups");
      return NULL;
    }
  if (!json_parser_load_from_data (parser, copy, -1, &error))
    {
      *ret_problem = g_strdup (error->message);
      return NULL;
    }
  dhcp6 = get_member (json_parser_get_root (parser), "Dhcp6");
  if (dhcp6 == NULL)
    fault (&reading, "it has no 'Dhcp6'");
  read_networks (&reading, dhcp6);
  read_subnets (&reading, dhcp6, NULL);
  if (reading.problem != NULL)
    {
      *ret_problem = reading.problem;
      return NULL;
    }
  return g_steal_pointer (&subnets);
}
