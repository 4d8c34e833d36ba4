/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "dhcp6/lease-journal.h"

#include <string.h>

/*
 * A list in the order of the changes, and a table that finds the one of an address. A reader stands on
 * the change that it reads next; when that one moves to the end, or goes, the reader is moved on.
 */

typedef struct
{
  GList link; /* data: the entry itself */
  LeaseChange change;
  guint8 *octets; /* client_id and relay_data; owned */
} Entry;

struct _LeaseJournal
{
  guint references, limit;
  GQueue entries;         /* Entry, oldest first */
  GHashTable *by_address; /* RoamAddr of the entry -> Entry */
  GPtrArray *readers;     /* LeaseReader, borrowed */
  gint64 now;
  gint64 unknown_until; /* changes of this second and before may not be here */
};

struct _LeaseReader
{
  LeaseJournal *journal;
  GList *next; /* NULL: it has read all */
  gboolean lost;
};

static guint
hash_addr (gconstpointer addr)
{
  return roam_addr_hash (addr);
}

static gboolean
equal_addr (gconstpointer a, gconstpointer b)
{
  return roam_addr_equal (a, b);
}

static void
entry_free (Entry *entry)
{
  g_free (entry->octets);
  g_free (entry);
}

LeaseJournal *
lease_journal_new (guint limit, gint64 now)
{
  LeaseJournal *journal = g_new0 (LeaseJournal, 1);

  journal->references = 1;
  journal->limit = limit;
  journal->now = journal->unknown_until = now;
  g_queue_init (&journal->entries);
  journal->by_address = g_hash_table_new (hash_addr, equal_addr);
  journal->readers = g_ptr_array_new ();
  return journal;
}

LeaseJournal *
lease_journal_ref (LeaseJournal *journal)
{
  journal->references++;
  return journal;
}

/* Out of list and table; readers that stand on it go on. */
static void
unlink_entry (LeaseJournal *journal, Entry *entry, gboolean lost)
{
  for (guint i = 0; i < journal->readers->len; i++)
    {
      LeaseReader *reader = g_ptr_array_index (journal->readers, i);

      if (reader->next != &entry->link)
        continue;
      reader->next = entry->link.next;
      reader->lost = reader->lost || lost;
    }
  g_hash_table_remove (journal->by_address, &entry->change.address);
  g_queue_unlink (&journal->entries, &entry->link);
}

static void
clear (LeaseJournal *journal, gboolean lost)
{
  while (journal->entries.head != NULL)
    {
      Entry *entry = journal->entries.head->data;

      unlink_entry (journal, entry, lost);
      entry_free (entry);
    }
}

void
lease_journal_unref (LeaseJournal *journal)
{
  if (journal == NULL || --journal->references > 0)
    return;
  clear (journal, FALSE);
  g_hash_table_unref (journal->by_address);
  g_ptr_array_unref (journal->readers);
  g_free (journal);
}

void
lease_journal_set_time (LeaseJournal *journal, gint64 now)
{
  journal->now = MAX (journal->now, now);
}

void
lease_journal_restart (LeaseJournal *journal)
{
  clear (journal, TRUE);
  for (guint i = 0; i < journal->readers->len; i++)
    ((LeaseReader *)g_ptr_array_index (journal->readers, i))->lost = TRUE;
  journal->unknown_until = journal->now;
}

static void
drop_oldest (LeaseJournal *journal)
{
  Entry *entry = journal->entries.head->data;

  journal->unknown_until = MAX (journal->unknown_until, entry->change.time);
  unlink_entry (journal, entry, TRUE);
  entry_free (entry);
}

/* The address's entry, without contents, as the newest. */
static Entry *
renew (LeaseJournal *journal, const RoamAddr *address)
{
  Entry *entry = g_hash_table_lookup (journal->by_address, address);

  if (entry != NULL)
    {
      unlink_entry (journal, entry, FALSE);
      g_free (entry->octets);
    }
  else
    {
      if (journal->entries.length >= journal->limit)
        drop_oldest (journal);
      entry = g_new (Entry, 1);
    }
  *entry = (Entry){ .link.data = entry, .change.address = *address, .change.time = journal->now };
  g_queue_push_tail_link (&journal->entries, &entry->link);
  g_hash_table_insert (journal->by_address, &entry->change.address, entry);
  for (guint i = 0; i < journal->readers->len; i++)
    {
      LeaseReader *reader = g_ptr_array_index (journal->readers, i);

      if (reader->next == NULL)
        reader->next = &entry->link;
    }
  return entry;
}

void
lease_journal_note (LeaseJournal *journal, const RoamAddr *address)
{
  renew (journal, address);
}

void
lease_journal_note_gone (LeaseJournal *journal, const LeaseChange *was)
{
  Entry *entry = renew (journal, &was->address);
  gint64 time = entry->change.time;
  gsize n_client = was->client_id.length, n_relay = was->relay_data.length;

  entry->change = *was;
  entry->change.time = time;
  entry->change.gone = TRUE;
  entry->octets = g_malloc (n_client + n_relay);
  memcpy (entry->octets, was->client_id.data, n_client);
  entry->change.client_id.data = entry->octets;
  if (was->relay_data.data == NULL)
    return;
  memcpy (entry->octets + n_client, was->relay_data.data, n_relay);
  entry->change.relay_data.data = entry->octets + n_client;
}

guint
lease_journal_n_changes (const LeaseJournal *journal)
{
  return journal->entries.length;
}

gboolean
lease_journal_reaches (const LeaseJournal *journal, gint64 since)
{
  return since > journal->unknown_until;
}

/* ----------------------------------------------------------------- readers ---- */

LeaseReader *
lease_reader_new (LeaseJournal *journal, gint64 since)
{
  LeaseReader *reader = g_new0 (LeaseReader, 1);

  reader->journal = lease_journal_ref (journal);
  for (GList *at = journal->entries.tail; at != NULL && ((const Entry *)at->data)->change.time >= since; at = at->prev)
    reader->next = at;
  g_ptr_array_add (journal->readers, reader);
  return reader;
}

void
lease_reader_free (LeaseReader *reader)
{
  if (reader == NULL)
    return;
  g_ptr_array_remove_fast (reader->journal->readers, reader);
  lease_journal_unref (reader->journal);
  g_free (reader);
}

const LeaseChange *
lease_reader_next (LeaseReader *reader)
{
  const Entry *entry;

  if (reader->next == NULL)
    return NULL;
  entry = reader->next->data;
  reader->next = reader->next->next;
  return &entry->change;
}

gboolean
lease_reader_has_next (const LeaseReader *reader)
{
  return reader->next != NULL;
}

gboolean
lease_reader_has_lost (const LeaseReader *reader)
{
  return reader->lost;
}

gboolean
lease_reader_take_lost (LeaseReader *reader)
{
  gboolean lost = reader->lost;

  reader->lost = FALSE;
  return lost;
}
