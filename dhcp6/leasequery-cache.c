/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "dhcp6/leasequery-merge.h"

/* Questions without a result: a router asks for each packet to an unknown neighbour (RFC 5007 5). */

/* Enough for the addresses that one scan of a link tries in a minute; some 100 octets each. */
#define MAX_QUESTIONS 4096u

typedef struct
{
  guint server;
  GBytes *question;
  gint64 until_us;
} Entry;

struct _LeasequeryCache
{
  gint64 lifetime_us;
  GHashTable *entries; /* Entry, key and value at once */
};

static guint
hash_entry (gconstpointer data)
{
  const Entry *entry = data;

  return g_bytes_hash (entry->question) ^ entry->server;
}

static gboolean
equal_entry (gconstpointer a, gconstpointer b)
{
  const Entry *one = a, *other = b;

  return one->server == other->server && g_bytes_equal (one->question, other->question);
}

static void
entry_free (gpointer data)
{
  Entry *entry = data;

  g_bytes_unref (entry->question);
  g_free (entry);
}

LeasequeryCache *
leasequery_cache_new (gint64 lifetime_us)
{
  LeasequeryCache *cache = g_new0 (LeasequeryCache, 1);

  cache->lifetime_us = lifetime_us;
  cache->entries = g_hash_table_new_full (hash_entry, equal_entry, entry_free, NULL);
  return cache;
}

void
leasequery_cache_free (LeasequeryCache *cache)
{
  if (cache == NULL)
    return;
  g_hash_table_unref (cache->entries);
  g_free (cache);
}

static gboolean
is_over (gpointer key, gpointer value, gpointer user_data)
{
  const RoamNow *now = user_data;

  return now->boot_us >= ((const Entry *)key)->until_us;
}

void
leasequery_cache_remember (LeasequeryCache *cache, const RoamNow *now, guint server, GBytes *question)
{
  Entry *entry;

  if (g_hash_table_size (cache->entries) >= MAX_QUESTIONS)
    g_hash_table_foreach_remove (cache->entries, is_over, (gpointer)now);
  if (g_hash_table_size (cache->entries) >= MAX_QUESTIONS)
    g_hash_table_remove_all (cache->entries); /* to forget costs a query, no more */
  entry = g_new0 (Entry, 1);
  entry->server = server;
  entry->question = g_bytes_ref (question);
  entry->until_us = roam_deadline_add (now->boot_us, cache->lifetime_us);
  g_hash_table_replace (cache->entries, entry, entry);
}

gboolean
leasequery_cache_knows (LeasequeryCache *cache, const RoamNow *now, guint server, GBytes *question)
{
  const Entry wanted = { .server = server, .question = question };
  const Entry *entry = g_hash_table_lookup (cache->entries, &wanted);

  return entry != NULL && now->boot_us < entry->until_us;
}
