/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "mip4/had-journal-private.h"

#include <string.h>

/* A change: what(1) addresses(8) or name length(1) and name; and where there is a record: length(4) record. */

#define WHAT_NODE 0x01u
#define WHAT_RECORD 0x02u

void
had_change_write (WireWriter *writer, const HadChange *change)
{
  g_return_if_fail (change->name_length <= G_MAXUINT8);
  wire_write_u8 (writer, (change->name != NULL ? WHAT_NODE : 0) | (change->record != NULL ? WHAT_RECORD : 0));
  if (change->name != NULL)
    {
      wire_write_u8 (writer, (guint8)change->name_length);
      wire_write_data (writer, (const guint8 *)change->name, change->name_length);
    }
  else
    wire_write_u64 (writer, change->addresses);
  if (change->record == NULL)
    return;
  wire_write_u32 (writer, (guint32)change->length);
  wire_write_data (writer, change->record, change->length);
}

static gboolean
read_name (WireReader *reader, HadChange *change)
{
  const guint8 *name;
  guint8 length;

  if (!wire_read_u8 (reader, &length) || !wire_read_data (reader, length, &name))
    return FALSE;
  change->name = (const char *)name;
  change->name_length = length;
  return TRUE;
}

gboolean
had_change_read (WireReader *reader, HadChange *ret)
{
  HadChange change = { 0 };
  guint32 length;
  guint8 what;

  if (!wire_read_u8 (reader, &what) || (what & ~(WHAT_NODE | WHAT_RECORD)) != 0)
    return FALSE;
  if ((what & WHAT_NODE) != 0 ? !read_name (reader, &change) : !wire_read_u64 (reader, &change.addresses))
    return FALSE;
  if ((what & WHAT_RECORD) != 0)
    {
      if (!wire_read_u32 (reader, &length) || !wire_read_data (reader, length, &change.record))
        return FALSE;
      change.length = length;
    }
  *ret = change;
  return TRUE;
}

/* Bindings first; of those by their addresses, of nodes by their names. */
static int
compare_things (const HadChange *a, const HadChange *b)
{
  int order;

  if ((a->name == NULL) != (b->name == NULL))
    return a->name == NULL ? -1 : 1;
  if (a->name == NULL)
    return a->addresses < b->addresses ? -1 : a->addresses > b->addresses;
  order = memcmp (a->name, b->name, MIN (a->name_length, b->name_length));
  if (order != 0)
    return order;
  return a->name_length < b->name_length ? -1 : a->name_length > b->name_length;
}

/* g_array_sort() is stable: of equal things the last made comes last. */
static gint
compare (gconstpointer a, gconstpointer b)
{
  return compare_things (a, b);
}

GArray *
had_changes_newest (GArray *changes)
{
  guint kept = 0;

  g_array_sort (changes, compare);
  for (guint i = 0; i < changes->len; i++)
    {
      const HadChange change = g_array_index (changes, HadChange, i);

      if (i + 1 < changes->len && compare_things (&change, &g_array_index (changes, HadChange, i + 1)) == 0)
        continue;
      g_array_index (changes, HadChange, kept++) = change;
    }
  g_array_set_size (changes, kept);
  return changes;
}
