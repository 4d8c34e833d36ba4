/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "dhcp6/leasequery-merge.h"

#include <string.h>

/* Results of several servers and queries (RFC 5007 4.3.4). */

#define ADDRESS_OCTETS 16u

/* One saying of one server in one query; those of one address or prefix hang together. */
typedef struct _Saying Saying;
struct _Saying
{
  LeasequeryRecord record;
  GBytes *client, *server_id, *relay_data; /* what record borrows */
  Saying *next;
};

struct _LeasequeryMerge
{
  GHashTable *bindings; /* first Saying by its record.binding */
  GHashTable *complete; /* server and query, as make_key() has it */
  GBytes *client;       /* CLIENT_DATA that came last: its bindings share it */
  GBytes *server_id;    /* likewise */
};

LeasequeryRecord
leasequery_record_make (guint server, const LeasequeryEvent *event)
{
  return (LeasequeryRecord){
    .server = server,
    .query = event->id,
    .server_id = event->server_id,
    .client = *event->client,
    .relay_data = event->relay_data,
    .binding = event->binding,
    .received_us = event->received_us,
  };
}

gint64
leasequery_record_get_contact (const LeasequeryRecord *record)
{
  return record->received_us - record->client.clt_time * ROAM_USEC_PER_SEC;
}

/* ---------------------------------------------------------------- bindings ---- */

/* The octets of the prefix with the bits past its length off (LQ-COD-017). */
static void
mask (const Dhcp6Binding *binding, guint8 out[ADDRESS_OCTETS])
{
  guint whole = binding->prefix_length / 8, rest = binding->prefix_length % 8;

  memset (out, 0, ADDRESS_OCTETS);
  memcpy (out, binding->address.bytes, whole);
  if (rest > 0)
    out[whole] = (guint8)(binding->address.bytes[whole] & (0xff00 >> rest));
}

/* Addresses of a link differ in few bits, and all of these must count: multiplied, folded, multiplied. */
static guint
hash_binding (gconstpointer key)
{
  static const guint64 golden = G_GUINT64_CONSTANT (0x9e3779b97f4a7c15);
  const Dhcp6Binding *binding = key;
  guint8 octets[ADDRESS_OCTETS];
  guint64 words[2], hash;

  mask (binding, octets);
  memcpy (words, octets, sizeof words);
  hash = (words[0] * golden ^ words[1]) + binding->prefix_length * 2u + (binding->is_prefix ? 1u : 0u);
  hash = (hash ^ hash >> 32) * golden;
  return (guint)(hash >> 32);
}

static gboolean
equal_binding (gconstpointer a, gconstpointer b)
{
  return dhcp6_binding_same (a, b);
}

static void
saying_free (Saying *saying)
{
  g_clear_pointer (&saying->client, g_bytes_unref);
  g_clear_pointer (&saying->server_id, g_bytes_unref);
  g_clear_pointer (&saying->relay_data, g_bytes_unref);
  g_free (saying);
}

static void
sayings_free (gpointer data)
{
  for (Saying *saying = data, *next; saying != NULL; saying = next)
    {
      next = saying->next;
      saying_free (saying);
    }
}

static gint64
make_key (guint server, guint query)
{
  return (gint64)server << 32 | query;
}

LeasequeryMerge *
leasequery_merge_new (void)
{
  LeasequeryMerge *merge = g_new0 (LeasequeryMerge, 1);

  merge->bindings = g_hash_table_new_full (hash_binding, equal_binding, NULL, sayings_free);
  merge->complete = g_hash_table_new_full (g_int64_hash, g_int64_equal, g_free, NULL);
  return merge;
}

void
leasequery_merge_free (LeasequeryMerge *merge)
{
  if (merge == NULL)
    return;
  g_hash_table_unref (merge->bindings);
  g_hash_table_unref (merge->complete);
  g_clear_pointer (&merge->client, g_bytes_unref);
  g_clear_pointer (&merge->server_id, g_bytes_unref);
  g_free (merge);
}

/* ------------------------------------------------------------------ adding ---- */

/* The slice's octets in memory of our own, the one kept last when it is the same. */
static GBytes *
share (GBytes **last, Dhcp6Slice slice)
{
  gsize length = 0;
  const guint8 *data = *last == NULL ? NULL : g_bytes_get_data (*last, &length);

  if (data == NULL || !dhcp6_slice_equal ((Dhcp6Slice){ data, length }, slice))
    {
      g_clear_pointer (last, g_bytes_unref);
      *last = g_bytes_new (slice.data, slice.length);
    }
  return g_bytes_ref (*last);
}

/* @slice of @from as the same place of @to. */
static void
rebase (Dhcp6Slice *slice, const guint8 *from, const guint8 *to)
{
  if (slice->data != NULL)
    slice->data = to + (slice->data - from);
}

static gboolean
lies_in (Dhcp6Slice slice, Dhcp6Slice outer)
{
  return slice.data >= outer.data && slice.data < outer.data + outer.length;
}

static void
own_client (LeasequeryMerge *merge, Saying *saying)
{
  LeasequeryRecord *record = &saying->record;
  Dhcp6Slice old = record->client.options;
  const guint8 *to;

  saying->client = share (&merge->client, old);
  to = g_bytes_get_data (saying->client, NULL);
  if (record->relay_data.data != NULL && !lies_in (record->relay_data, old))
    {
      saying->relay_data = g_bytes_new (record->relay_data.data, record->relay_data.length);
      record->relay_data.data = g_bytes_get_data (saying->relay_data, NULL);
    }
  else
    rebase (&record->relay_data, old.data, to);
  rebase (&record->client.options, old.data, to);
  rebase (&record->client.client_id, old.data, to);
  rebase (&record->client.relay_data, old.data, to);
  rebase (&record->client.relay_id, old.data, to);
  rebase (&record->client.remote_id, old.data, to);
  rebase (&record->binding.options, old.data, to);
}

static Saying *
saying_new (LeasequeryMerge *merge, guint server, const LeasequeryEvent *event)
{
  Saying *saying = g_new0 (Saying, 1);

  saying->record = leasequery_record_make (server, event);
  own_client (merge, saying);
  saying->server_id = share (&merge->server_id, event->server_id);
  saying->record.server_id.data = g_bytes_get_data (saying->server_id, NULL);
  return saying;
}

static gboolean
is_newer (const Saying *a, const Saying *b)
{
  return leasequery_record_get_contact (&a->record) > leasequery_record_get_contact (&b->record);
}

/* What one saying holds changes place with another's; the chain stays. */
static void
swap (Saying *a, Saying *b)
{
  Saying old = *a, *next = b->next;

  *a = *b;
  a->next = old.next;
  *b = old;
  b->next = next;
}

static gboolean
add_binding (LeasequeryMerge *merge, guint server, const LeasequeryEvent *event)
{
  Saying *saying = saying_new (merge, server, event);
  Saying *first = g_hash_table_lookup (merge->bindings, &saying->record.binding);

  if (first == NULL)
    {
      g_hash_table_insert (merge->bindings, &saying->record.binding, saying);
      return TRUE;
    }
  for (Saying *other = first; other != NULL; other = other->next)
    {
      if (other->record.server != server || other->record.query != event->id)
        continue;
      if (is_newer (saying, other))
        swap (saying, other);
      saying_free (saying);
      return FALSE;
    }
  saying->next = first->next;
  first->next = saying;
  return TRUE;
}

/* Takes out what @server said in query @id. The key is the first's own, so a chain that loses it is put in anew. */
static void
make_void (LeasequeryMerge *merge, guint server, guint id)
{
  g_autoptr (GPtrArray) left = g_ptr_array_new ();
  GHashTableIter iter;
  gpointer value;

  g_hash_table_iter_init (&iter, merge->bindings);
  while (g_hash_table_iter_next (&iter, NULL, &value))
    {
      Saying *first = value, **at = &first;

      while (*at != NULL)
        {
          Saying *saying = *at;

          if (saying->record.server != server || saying->record.query != id)
            {
              at = &saying->next;
              continue;
            }
          *at = saying->next;
          if (saying == value)
            g_hash_table_iter_steal (&iter);
          saying_free (saying);
        }
      if (first != value && first != NULL)
        g_ptr_array_add (left, first);
    }
  for (guint i = 0; i < left->len; i++)
    {
      Saying *first = g_ptr_array_index (left, i);

      g_hash_table_insert (merge->bindings, &first->record.binding, first);
    }
}

gboolean
leasequery_merge_add (LeasequeryMerge *merge, guint server, const LeasequeryEvent *event)
{
  switch (event->type)
    {
    case LEASEQUERY_EVENT_BINDING:
      return add_binding (merge, server, event);
    case LEASEQUERY_EVENT_RESTART:
      make_void (merge, server, event->id);
      return TRUE;
    case LEASEQUERY_EVENT_COMPLETE:
      if (event->complete && event->n_bindings > 0)
        {
          gint64 key = make_key (server, event->id);

          g_hash_table_add (merge->complete, g_memdup2 (&key, sizeof key));
        }
      return TRUE;
    case LEASEQUERY_EVENT_REPLY:
    case LEASEQUERY_EVENT_FAULT:
    case LEASEQUERY_EVENT_WAITING:
    case LEASEQUERY_EVENT_CAUGHT_UP:
    case LEASEQUERY_EVENT_RESUME:
    case LEASEQUERY_EVENT_DATA_MISSING:
      return TRUE;
    }
  return TRUE;
}

/* ------------------------------------------------------------------ result ---- */

static int
compare_slices (Dhcp6Slice a, Dhcp6Slice b)
{
  gsize length = MIN (a.length, b.length);
  int order = length == 0 ? 0 : memcmp (a.data, b.data, length);

  if (order != 0)
    return order;
  return a.length < b.length ? -1 : a.length > b.length;
}

static int
compare_records (gconstpointer pa, gconstpointer pb)
{
  const LeasequeryRecord *a = *(const LeasequeryRecord *const *)pa, *b = *(const LeasequeryRecord *const *)pb;
  int order = compare_slices (a->client.client_id, b->client.client_id);

  if (order != 0)
    return order;
  if (a->binding.is_prefix != b->binding.is_prefix)
    return a->binding.is_prefix ? 1 : -1;
  order = memcmp (a->binding.address.bytes, b->binding.address.bytes, ADDRESS_OCTETS);
  return order != 0 ? order : (int)a->binding.prefix_length - (int)b->binding.prefix_length;
}

GPtrArray *
leasequery_merge_dup_result (const LeasequeryMerge *merge)
{
  GPtrArray *result = g_ptr_array_sized_new (g_hash_table_size (merge->bindings));
  GHashTableIter iter;
  gpointer value;

  g_hash_table_iter_init (&iter, merge->bindings);
  while (g_hash_table_iter_next (&iter, NULL, &value))
    {
      Saying *best = value;
      gint64 key;

      for (Saying *other = best->next; other != NULL; other = other->next)
        if (is_newer (other, best))
          best = other;
      key = make_key (best->record.server, best->record.query);
      best->record.complete = g_hash_table_contains (merge->complete, &key);
      g_ptr_array_add (result, &best->record);
    }
  g_ptr_array_sort (result, compare_records);
  return result;
}

/* ------------------------------------------------------------------ policy ---- */

gboolean
leasequery_policy_next (LeasequeryPolicy policy, const LeasequeryEvent *complete, guint server, guint n_servers,
                        guint *ret_server)
{
  if (policy != LEASEQUERY_ASK_FIRST || !complete->try_other || server + 1 >= n_servers)
    return FALSE;
  *ret_server = server + 1;
  return TRUE;
}
