/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "dhcp6/kea-leases.h"

#include "dhcp6/kea-context.h"

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
enum
{
  TYPE_NA = 0,
  TYPE_TA = 1,
  TYPE_PD = 2,
};

#define STATE_DEFAULT 0

typedef struct
{
  guint8 octets[DHCP6_DUID_MAX];
  gsize length;
} Duid;

struct _KeaLeases
{
  Dhcp6CodePoints points;
  int columns[N_COLUMNS]; /* index of each; -1: not there */
  Duid duid;
  GString *text; /* a field without its escapes */
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
      const char *comma = length == 0 ? NULL : memchr (line, ',', length);
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
  leases->text = g_string_new (NULL);
  return g_steal_pointer (&leases);
}

void
kea_leases_free (KeaLeases *leases)
{
  if (leases == NULL)
    return;
  if (leases->text != NULL)
    g_string_free (leases->text, TRUE);
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

/* "00:01:..." FALSE: something else, or too long for a DUID. */
static gboolean
read_duid (const Field *field, Duid *duid)
{
  duid->length = 0;
  for (gsize i = 0; i < field->length; i += 3)
    {
      int high, low;

      if (i + 1 >= field->length || (i + 2 < field->length && field->text[i + 2] != ':') ||
          duid->length == DHCP6_DUID_MAX)
        return FALSE;
      high = g_ascii_xdigit_value (field->text[i]);
      low = g_ascii_xdigit_value (field->text[i + 1]);
      if (high < 0 || low < 0)
        return FALSE;
      duid->octets[duid->length++] = (guint8)(high << 4 | low);
    }
  return duid->length >= DHCP6_DUID_MIN;
}

/* "&#x2c" becomes its octet (LQ-KEA-003). */
static void
unescape (const Field *field, GString *out)
{
  const char *at = field->text, *end = field->text + field->length;

  g_string_truncate (out, 0);
  for (;;)
    {
      const char *mark = memchr (at, '&', (gsize)(end - at));

      g_string_append_len (out, at, mark == NULL ? end - at : mark - at);
      if (mark == NULL)
        return;
      if (end - mark >= 5 && memcmp (mark, "&#x", 3) == 0 && g_ascii_isxdigit (mark[3]) && g_ascii_isxdigit (mark[4]))
        {
          g_string_append_c (out, (char)(g_ascii_xdigit_value (mark[3]) << 4 | g_ascii_xdigit_value (mark[4])));
          at = mark + 5;
        }
      else
        {
          g_string_append_c (out, '&');
          at = mark + 1;
        }
    }
}

/* FALSE: a user context that is no JSON, or relay information that cannot be. */
static gboolean
read_context (KeaLeases *leases, const Field *field, Lease *lease)
{
  GBytes *relay_data = NULL;

  if (field->length == 0)
    return TRUE;
  unescape (field, leases->text);
  switch (kea_context_read_relays (&leases->points, leases->text->str, leases->text->len, &relay_data))
    {
    case KEA_CONTEXT_NOTHING:
      return TRUE;
    case KEA_CONTEXT_RELAYS:
      g_clear_pointer (&leases->relay_data, g_bytes_unref);
      leases->relay_data = relay_data;
      lease->relay_data.data = g_bytes_get_data (relay_data, &lease->relay_data.length);
      return TRUE;
    case KEA_CONTEXT_BAD:
      return FALSE;
    }
  return FALSE;
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
  if (!read_duid (&fields[leases->columns[COLUMN_DUID]], &leases->duid))
    return KEA_ROW_BAD;
  lease.client_id = (Dhcp6Slice){ leases->duid.octets, leases->duid.length };
  *ret_reason = "a user context that cannot be read";
  if (leases->columns[COLUMN_CONTEXT] >= 0 && (guint)leases->columns[COLUMN_CONTEXT] < n &&
      !read_context (leases, &fields[leases->columns[COLUMN_CONTEXT]], &lease))
    return KEA_ROW_BAD;
  *ret_lease = lease;
  return KEA_ROW_LEASE;
}
