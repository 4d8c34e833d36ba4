/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "dhcp6/lease-store-private.h"

#include <string.h>

/* Numbered records and the hash table over them. */

#define POOL_FIRST 64u
#define TABLE_FIRST 64u
/* Odd, its bits without a pattern: 2^64 by the golden ratio. */
#define HASH_FACTOR G_GUINT64_CONSTANT (0x9e3779b97f4a7c15)

void
lease_pool_init (LeasePool *pool, gsize size)
{
  *pool = (LeasePool){ .size = size, .n = 1, .allocated = POOL_FIRST };
  pool->records = g_malloc0 (POOL_FIRST * size);
  pool->free = g_array_new (FALSE, FALSE, sizeof (Id));
}

void
lease_pool_clear (LeasePool *pool)
{
  g_clear_pointer (&pool->records, g_free);
  g_clear_pointer (&pool->free, g_array_unref);
}

Id
lease_pool_take (LeasePool *pool)
{
  Id id;

  if (pool->free->len > 0)
    {
      id = g_array_index (pool->free, Id, pool->free->len - 1);
      g_array_set_size (pool->free, pool->free->len - 1);
    }
  else
    {
      if (pool->n == pool->allocated)
        {
          /* By a half: a doubled array would be half empty, on average a quarter of all memory. */
          pool->allocated += pool->allocated / 2;
          pool->records = g_realloc_n (pool->records, pool->allocated, pool->size);
        }
      id = pool->n++;
    }
  memset (lease_pool_at (pool, id), 0, pool->size);
  return id;
}

void
lease_pool_give (LeasePool *pool, Id id)
{
  g_array_append_val (pool->free, id);
}

gsize
lease_pool_size (const LeasePool *pool)
{
  return pool->allocated * pool->size + pool->free->len * sizeof (Id);
}

guint32
lease_hash (const guint8 *data, gsize length)
{
  guint64 hash = length, word;

  for (; length >= sizeof word; data += sizeof word, length -= sizeof word)
    {
      memcpy (&word, data, sizeof word);
      hash = (hash ^ word) * HASH_FACTOR;
      hash ^= hash >> 32;
    }
  word = 0;
  if (length > 0)
    memcpy (&word, data, length);
  hash = (hash ^ word) * HASH_FACTOR;
  hash ^= hash >> 29;
  hash *= HASH_FACTOR;
  return (guint32)(hash >> 32);
}

void
lease_table_init (LeaseTable *table)
{
  *table = (LeaseTable){ .slots = g_new0 (LeaseSlot, TABLE_FIRST), .mask = TABLE_FIRST - 1 };
}

void
lease_table_clear (LeaseTable *table)
{
  g_clear_pointer (&table->slots, g_free);
}

gsize
lease_table_size (const LeaseTable *table)
{
  return ((gsize)table->mask + 1) * sizeof (LeaseSlot);
}

Id
lease_table_walk (const LeaseTable *table, guint32 hash, guint32 *at)
{
  while (*at <= table->mask)
    {
      const LeaseSlot *slot = &table->slots[(hash + (*at)++) & table->mask];

      if (slot->id == 0)
        return 0;
      if (slot->id != LEASE_TOMBSTONE && slot->hash == hash)
        return slot->id;
    }
  return 0;
}

static void
put_slot (LeaseTable *table, guint32 hash, Id id)
{
  guint32 at = hash & table->mask;

  while (table->slots[at].id != 0 && table->slots[at].id != LEASE_TOMBSTONE)
    at = (at + 1) & table->mask;
  if (table->slots[at].id == LEASE_TOMBSTONE)
    table->tombstones--;
  table->slots[at] = (LeaseSlot){ id, hash };
  table->used++;
}

/* Never more than three quarters in use, tombstones included. */
static void
make_room (LeaseTable *table)
{
  guint32 n_old = table->mask + 1, n_new = n_old;
  g_autofree LeaseSlot *old = NULL;

  if ((guint64)(table->used + table->tombstones + 1) * 4 <= (guint64)n_old * 3)
    return;
  if ((guint64)table->used * 2 >= n_old)
    n_new *= 2;
  old = table->slots;
  *table = (LeaseTable){ .slots = g_new0 (LeaseSlot, n_new), .mask = n_new - 1 };
  for (guint32 i = 0; i < n_old; i++)
    if (old[i].id != 0 && old[i].id != LEASE_TOMBSTONE)
      put_slot (table, old[i].hash, old[i].id);
}

void
lease_table_add (LeaseTable *table, guint32 hash, Id id)
{
  make_room (table);
  put_slot (table, hash, id);
}

void
lease_table_remove (LeaseTable *table, guint32 hash, Id id)
{
  for (guint32 at = 0; at <= table->mask; at++)
    {
      LeaseSlot *slot = &table->slots[(hash + at) & table->mask];

      if (slot->id == 0)
        return;
      if (slot->id != id)
        continue;
      slot->id = LEASE_TOMBSTONE;
      table->used--;
      table->tombstones++;
      return;
    }
}
