/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "dhcp6/lease-store-private.h"

#include <string.h>

/* Numbered records and the hash table over them. */

#define POOL_FIRST 64u
#define TABLE_FIRST 64u

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

static guint64
rotate (guint64 value, guint bits)
{
  return value << bits | value >> (64 - bits);
}

static void
sip_round (guint64 v[4])
{
  v[0] += v[1];
  v[1] = rotate (v[1], 13) ^ v[0];
  v[0] = rotate (v[0], 32);
  v[2] += v[3];
  v[3] = rotate (v[3], 16) ^ v[2];
  v[0] += v[3];
  v[3] = rotate (v[3], 21) ^ v[0];
  v[2] += v[1];
  v[1] = rotate (v[1], 17) ^ v[2];
  v[2] = rotate (v[2], 32);
}

static void
sip_word (guint64 v[4], guint64 word)
{
  v[3] ^= word;
  sip_round (v);
  v[0] ^= word;
}

guint32
lease_hash (const guint64 key[2], const guint8 *data, gsize length)
{
  guint64 v[4] = { key[0] ^ G_GUINT64_CONSTANT (0x736f6d6570736575), key[1] ^ G_GUINT64_CONSTANT (0x646f72616e646f6d),
                   key[0] ^ G_GUINT64_CONSTANT (0x6c7967656e657261), key[1] ^ G_GUINT64_CONSTANT (0x7465646279746573) };
  guint64 last = (guint64)length << 56, word;

  for (; length >= sizeof word; data += sizeof word, length -= sizeof word)
    {
      memcpy (&word, data, sizeof word);
      sip_word (v, word);
    }
  word = 0;
  if (length > 0)
    memcpy (&word, data, length);
  sip_word (v, last ^ word);
  v[2] ^= 0xff;
  for (guint i = 0; i < 3; i++)
    sip_round (v);
  v[0] ^= v[1] ^ v[2] ^ v[3];
  return (guint32)(v[0] ^ v[0] >> 32);
}

void
lease_table_init (LeaseTable *table)
{
  *table = (LeaseTable){ .slots = g_new0 (LeaseSlot, TABLE_FIRST), .mask = TABLE_FIRST - 1 };
}

void
lease_table_reserve (LeaseTable *table, guint32 n)
{
  guint32 slots = table->mask + 1;

  g_return_if_fail (table->used == 0);
  while (slots < G_MAXUINT32 / 4 && (guint64)n * 4 > (guint64)slots * 3)
    slots *= 2;
  lease_table_clear (table);
  *table = (LeaseTable){ .slots = g_new0 (LeaseSlot, slots), .mask = slots - 1 };
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
