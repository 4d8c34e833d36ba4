/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "dhcp6/kea-leases.h"

#include <json-glib/json-glib.h>
#include <string.h>

/* Kea's lease file, row by row: facts LQ-KEA-001 to -008 of the requirements. */

typedef enum
{
  COLUMN_ADDRESS,
  COLUMN_DUID,
  COLUMN_VALID,
  COLUMN_EXPIRE,
  COLUMN_SUBNET,
  COLUMN_PREFERRED,
  COLUMN_TYPE,
  COLUMN_IAID,
  COLUMN_PREFIX,
  COLUMN_STATE,
  COLUMN_CONTEXT,
  N_COLUMNS,
} Column;

/* Columns that every age of the file has come first. */
#define N_NEEDED COLUMN_STATE

static const char *const names[N_COLUMNS] = {
  "address",    "duid", "valid_lifetime", "expire", "subnet_id",    "pref_lifetime",
  "lease_type", "iaid", "prefix_len",     "state",  "user_context",
};

/* Columns of one row; a newer Kea may have more than we know. */
#define MAX_FIELDS 64
/* Octets of the relay data built of one row. */
#define MAX_RELAY_DATA 16384u

enum
{
  TYPE_NA = 0,
  TYPE_TA = 1,
  TYPE_PD = 2,
};

#define STATE_DEFAULT 0

struct _KeaLeases
{
  Dhcp6CodePoints points;
  int columns[N_COLUMNS]; /* index of each; -1: not there */
  JsonParser *parser;
  GByteArray *duid;
  GBytes *relay_data;
};

typedef struct
{
  const char *text;
  gsize length;
} Field;

/* Separators inside a field are escaped, so a comma is always one (LQ-KEA-003). */
static guint
split (const char *line, gsize length, Field fields[MAX_FIELDS])
{
  guint n = 0;

  for (;;)
    {
      const char *comma = memchr (line, ',', length);
      gsize field = comma == NULL ? length : (gsize)(comma - line);

      if (n < MAX_FIELDS)
        fields[n++] = (Field){ line, field };
      if (comma == NULL)
        return n;
      line += field + 1;
      length -= field + 1;
    }
}

KeaLeases *
kea_leases_new (const char *header, gsize length, const Dhcp6CodePoints *points, char **ret_problem)
{
  g_autoptr (KeaLeases) leases = g_new0 (KeaLeases, 1);
  Field fields[MAX_FIELDS];
  guint n = split (header, length, fields);

  for (guint column = 0; column < N_COLUMNS; column++)
    {
      leases->columns[column] = -1;
      for (guint i = 0; i < n; i++)
        if (fields[i].length == strlen (names[column]) && memcmp (fields[i].text, names[column], fields[i].length) == 0)
          leases->columns[column] = (int)i;
      if (leases->columns[column] < 0 && column < N_NEEDED)
        {
          *ret_problem = g_strdup_printf ("the first line names no column '%s'", names[column]);
          return NULL;
        }
    }
  leases->points = *points;
  leases->parser = json_parser_new_immutable ();
  leases->duid = g_byte_array_new ();
  return g_steal_pointer (&leases);
}

void
kea_leases_free (KeaLeases *leases)
{
  if (leases == NULL)
    return;
  g_clear_object (&leases->parser);
  g_clear_pointer (&leases->duid, g_byte_array_unref);
  g_clear_pointer (&leases->relay_data, g_bytes_unref);
  g_free (leases);
}

/* ------------------------------------------------------------------ fields ---- */

static gboolean
read_number (const Field *field, guint64 max, guint64 *ret_value)
{
  guint64 value = 0;

  if (field->length == 0 || field->length > 19)
    return FALSE;
  for (gsize i = 0; i < field->length; i++)
    {
      if (!g_ascii_isdigit (field->text[i]))
        return FALSE;
      value = value * 10 + (guint64)(field->text[i] - '0');
    }
  if (value > max)
    return FALSE;
  *ret_value = value;
  return TRUE;
}

static gboolean
read_address (const Field *field, RoamAddr *ret_address)
{
  char text[ROAM_ADDR_STRLEN];

  if (field->length >= sizeof text)
    return FALSE;
  memcpy (text, field->text, field->length);
  text[field->length] = '\0';
  return roam_addr_parse (text, ret_address) && ret_address->family == ROAM_FAMILY_INET6;
}

/* "00:01:..." */
static gboolean
read_duid (const Field *field, GByteArray *duid)
{
  g_byte_array_set_size (duid, 0);
  for (gsize i = 0; i < field->length; i += 3)
    {
      int high, low;
      guint8 octet;

      if (i + 1 >= field->length || (i + 2 < field->length && field->text[i + 2] != ':'))
        return FALSE;
      high = g_ascii_xdigit_value (field->text[i]);
      low = g_ascii_xdigit_value (field->text[i + 1]);
      if (high < 0 || low < 0)
        return FALSE;
      octet = (guint8)(high << 4 | low);
      g_byte_array_append (duid, &octet, 1);
    }
  return TRUE;
}

/* "&#x2c" becomes its octet (LQ-KEA-003). Caller frees. */
static char *
unescape (const Field *field)
{
  GString *out = g_string_sized_new (field->length);

  for (gsize i = 0; i < field->length; i++)
    {
      if (field->length - i >= 5 && memcmp (field->text + i, "&#x", 3) == 0 && g_ascii_isxdigit (field->text[i + 3]) &&
          g_ascii_isxdigit (field->text[i + 4]))
        {
          g_string_append_c (
            out, (char)(g_ascii_xdigit_value (field->text[i + 3]) << 4 | g_ascii_xdigit_value (field->text[i + 4])));
          i += 4;
        }
      else
        g_string_append_c (out, field->text[i]);
    }
  return g_string_free (out, FALSE);
}

/* ---------------------------------------------------------- relay information ---- */

static const char *
get_string (JsonObject *object, const char *name)
{
  JsonNode *node = json_object_get_member (object, name);

  if (node == NULL || json_node_get_value_type (node) != G_TYPE_STRING)
    return NULL;
  return json_node_get_string (node);
}

static void
write_address (WireWriter *writer, JsonObject *relay, const char *name)
{
  const char *text = get_string (relay, name);
  RoamAddr address;

  if (text != NULL && roam_addr_parse (text, &address) && address.family == ROAM_FAMILY_INET6)
    wire_write_addr (writer, &address);
  else
    wire_write_zeros (writer, 16);
}

static gboolean
has_option (Dhcp6Slice options, guint16 code)
{
  Dhcp6OptionIter iter;
  Dhcp6Option option;

  dhcp6_option_iter_init (&iter, options);
  while (dhcp6_option_iter_next (&iter, &option))
    if (option.code == code)
      return TRUE;
  return FALSE;
}

static void
write_missing (WireWriter *writer, JsonObject *relay, const char *name, guint16 code, Dhcp6Slice options)
{
  const char *text = get_string (relay, name);
  g_autoptr (GBytes) octets = NULL;
  Dhcp6Slice slice;

  if (text == NULL || has_option (options, code))
    return;
  octets = dhcp6_parse_hex (g_str_has_prefix (text, "0x") ? text + 2 : text, DHCP6_MESSAGE_MAX);
  if (octets == NULL)
    return;
  slice.data = g_bytes_get_data (octets, &slice.length);
  dhcp6_write_option (writer, code, slice);
}

/* The relay's own options as they came, and its identifiers where a newer Kea names them apart (LQ-KEA-007). */
static void
write_options (const KeaLeases *leases, WireWriter *writer, JsonObject *relay)
{
  const char *text = get_string (relay, "options");
  g_autoptr (GBytes) octets = NULL;
  Dhcp6Slice options = { 0 };

  if (text != NULL)
    octets = dhcp6_parse_hex (g_str_has_prefix (text, "0x") ? text + 2 : text, DHCP6_MESSAGE_MAX);
  if (octets != NULL)
    options.data = g_bytes_get_data (octets, &options.length);
  wire_write_data (writer, options.data, options.length);
  write_missing (writer, relay, "relay-id", leases->points.option_relay_id, options);
  write_missing (writer, relay, "remote-id", DHCP6_OPTION_REMOTE_ID, options);
}

static guint8
get_hop (JsonObject *relay)
{
  JsonNode *node = json_object_get_member (relay, "hop");

  if (node == NULL || json_node_get_value_type (node) != G_TYPE_INT64)
    return 0;
  return (guint8)CLAMP (json_node_get_int (node), 0, 255);
}

/* RELAY-FORW in RELAY-FORW, the outermost first; Kea does not keep where that one came from. */
static GBytes *
build_relay_data (const KeaLeases *leases, JsonArray *relays)
{
  guint n = json_array_get_length (relays);
  gsize marks[DHCP6_MAX_HOPS];
  g_auto (WireWriter) writer;

  if (n == 0 || n > DHCP6_MAX_HOPS)
    return NULL;
  wire_writer_init (&writer, MAX_RELAY_DATA);
  wire_write_zeros (&writer, 16);
  for (guint i = 0; i < n; i++)
    {
      JsonNode *node = json_array_get_element (relays, i);
      JsonObject *relay = JSON_NODE_HOLDS_OBJECT (node) ? json_node_get_object (node) : NULL;

      if (relay == NULL)
        return NULL;
      wire_write_u8 (&writer, DHCP6_RELAY_FORW);
      wire_write_u8 (&writer, get_hop (relay));
      write_address (&writer, relay, "link");
      write_address (&writer, relay, "peer");
      write_options (leases, &writer, relay);
      if (i + 1 < n)
        marks[i] = dhcp6_begin_option (&writer, DHCP6_OPTION_RELAY_MSG);
    }
  for (guint i = n - 1; i > 0; i--)
    dhcp6_end_option (&writer, marks[i - 1]);
  return wire_writer_finish (&writer);
}

static JsonArray *
find_relays (JsonNode *root)
{
  JsonObject *isc;
  JsonNode *node = NULL;

  if (root == NULL || !JSON_NODE_HOLDS_OBJECT (root))
    return NULL;
  node = json_object_get_member (json_node_get_object (root), "ISC");
  if (node == NULL || !JSON_NODE_HOLDS_OBJECT (node))
    return NULL;
  isc = json_node_get_object (node);
  node = json_object_get_member (isc, "relay-info");
  if (node == NULL)
    node = json_object_get_member (isc, "relays"); /* before Kea 2.3.2 */
  return node != NULL && JSON_NODE_HOLDS_ARRAY (node) ? json_node_get_array (node) : NULL;
}

/* FALSE: a user context that is no JSON, or relay information that cannot be. */
static gboolean
read_context (KeaLeases *leases, const Field *field, Lease *lease)
{
  g_autofree char *text = NULL;
  JsonArray *relays;
  Dhcp6Relay relay;
  guint n;

  if (field->length == 0)
    return TRUE;
  text = unescape (field);
  if (!json_parser_load_from_data (leases->parser, text, -1, NULL))
    return FALSE;
  relays = find_relays (json_parser_get_root (leases->parser));
  if (relays == NULL)
    return TRUE;
  g_clear_pointer (&leases->relay_data, g_bytes_unref);
  leases->relay_data = build_relay_data (leases, relays);
  if (leases->relay_data == NULL)
    return FALSE;
  lease->relay_data.data = g_bytes_get_data (leases->relay_data, &lease->relay_data.length);
  return dhcp6_parse_relay_data (&leases->points, lease->relay_data, &relay, 1, &n) == DHCP6_OK;
}

/* -------------------------------------------------------------------- rows ---- */

static gboolean
read_numbers (const KeaLeases *leases, const Field *fields, Lease *lease, guint64 *type, const char **ret_reason)
{
  guint64 valid, expire, subnet, preferred, iaid, prefix;

  *ret_reason = "a number that is none, or too large";
  if (!read_number (&fields[leases->columns[COLUMN_VALID]], G_MAXUINT32, &valid) ||
      !read_number (&fields[leases->columns[COLUMN_EXPIRE]], G_MAXINT64 / 2, &expire) ||
      !read_number (&fields[leases->columns[COLUMN_SUBNET]], G_MAXUINT32, &subnet) ||
      !read_number (&fields[leases->columns[COLUMN_PREFERRED]], G_MAXUINT32, &preferred) ||
      !read_number (&fields[leases->columns[COLUMN_IAID]], G_MAXUINT32, &iaid) ||
      !read_number (&fields[leases->columns[COLUMN_PREFIX]], 128, &prefix) ||
      !read_number (&fields[leases->columns[COLUMN_TYPE]], TYPE_PD, type))
    return FALSE;
  lease->valid_s = (guint32)valid;
  lease->preferred_s = (guint32)preferred;
  lease->contact = (gint64)expire - (gint64)valid; /* LQ-KEA-004 */
  lease->subnet_id = (guint32)subnet;
  lease->iaid = (guint32)iaid;
  lease->is_prefix = *type == TYPE_PD;
  lease->prefix_length = lease->is_prefix ? (guint8)prefix : 128;
  return TRUE;
}

/* Only the default state is a lease; whatever else was said of the address before is over (LQ-KEA-005). */
static gboolean
is_leased (const KeaLeases *leases, const Field *fields, guint n, const Lease *lease, gboolean *ret_good)
{
  int column = leases->columns[COLUMN_STATE];
  guint64 state = STATE_DEFAULT;

  *ret_good = column < 0 || (guint)column >= n || read_number (&fields[column], G_MAXUINT32, &state);
  return lease->valid_s != 0 && state == STATE_DEFAULT;
}

static guint
n_needed (const KeaLeases *leases)
{
  int last = 0;

  for (guint i = 0; i < N_NEEDED; i++)
    last = MAX (last, leases->columns[i]);
  return (guint)last + 1;
}

KeaRow
kea_leases_parse_row (KeaLeases *leases, const char *line, gsize length, Lease *ret_lease, const char **ret_reason)
{
  Field fields[MAX_FIELDS];
  guint n = split (line, length, fields);
  Lease lease = { 0 };
  guint64 type;
  gboolean good;

  *ret_reason = "too few columns";
  if (n < n_needed (leases))
    return KEA_ROW_BAD;
  *ret_reason = "no IPv6 address";
  if (!read_address (&fields[leases->columns[COLUMN_ADDRESS]], &lease.address) ||
      !read_numbers (leases, fields, &lease, &type, ret_reason))
    return KEA_ROW_BAD;
  if (!is_leased (leases, fields, n, &lease, &good))
    {
      *ret_lease = (Lease){ .address = lease.address };
      return KEA_ROW_REMOVE;
    }
  *ret_reason = "a state that is no number";
  if (!good)
    return KEA_ROW_BAD;
  *ret_reason = "a DUID that is none";
  if (!read_duid (&fields[leases->columns[COLUMN_DUID]], leases->duid) || leases->duid->len < DHCP6_DUID_MIN ||
      leases->duid->len > DHCP6_DUID_MAX)
    return KEA_ROW_BAD;
  lease.client_id = (Dhcp6Slice){ leases->duid->data, leases->duid->len };
  *ret_reason = "a user context that cannot be read";
  if (leases->columns[COLUMN_CONTEXT] >= 0 && (guint)leases->columns[COLUMN_CONTEXT] < n &&
      !read_context (leases, &fields[leases->columns[COLUMN_CONTEXT]], &lease))
    return KEA_ROW_BAD;
  *ret_lease = lease;
  return KEA_ROW_LEASE;
}
