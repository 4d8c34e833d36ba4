/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "dhcp6/lease-diff.h"

#include "dhcp6/lease-store-private.h"

#include <string.h>

/* First every binding of the new store is looked up in the old one, then the reverse. */

struct _LeaseDiff
{
  LeaseStore *old_store, *new_store;
  LeaseJournal *journal;
  Id at; /* of the store under way */
  gboolean second;
};

LeaseDiff *
lease_diff_new (LeaseStore *old_store, LeaseStore *new_store, LeaseJournal *journal)
{
  LeaseDiff *diff = g_new0 (LeaseDiff, 1);

  diff->old_store = lease_store_ref (old_store);
  diff->new_store = lease_store_ref (new_store);
  diff->journal = lease_journal_ref (journal);
  diff->at = 1;
  return diff;
}

void
lease_diff_free (LeaseDiff *diff)
{
  if (diff == NULL)
    return;
  lease_store_unref (diff->old_store);
  lease_store_unref (diff->new_store);
  lease_journal_unref (diff->journal);
  g_free (diff);
}

LeaseStore *
lease_diff_steal_old (LeaseDiff *diff)
{
  return g_steal_pointer (&diff->old_store);
}

static Dhcp6Slice
slice_of (const LeaseStore *store, Id id)
{
  const LeaseOctets *octets = lease_pool_at (&store->octets, id);

  return id == 0 ? (Dhcp6Slice){ 0 } : (Dhcp6Slice){ octets->data, octets->length };
}

static Dhcp6Slice
client_of (const LeaseStore *store, const LeaseBinding *binding)
{
  const LeaseGroupRecord *group = lease_pool_at (&store->groups, binding->group);

  return slice_of (store, group->client);
}

static gboolean
is_same (const LeaseDiff *diff, const LeaseBinding *new_one, const LeaseBinding *old_one)
{
  return new_one->contact == old_one->contact && new_one->valid_s == old_one->valid_s &&
         new_one->preferred_s == old_one->preferred_s && new_one->is_prefix == old_one->is_prefix &&
         new_one->prefix_length == old_one->prefix_length && new_one->subnet_id == old_one->subnet_id &&
         dhcp6_slice_equal (client_of (diff->new_store, new_one), client_of (diff->old_store, old_one)) &&
         dhcp6_slice_equal (slice_of (diff->new_store, new_one->relay_data),
                            slice_of (diff->old_store, old_one->relay_data));
}

static void
compare (LeaseDiff *diff, Id id)
{
  const LeaseStore *here = diff->second ? diff->old_store : diff->new_store;
  const LeaseStore *there = diff->second ? diff->new_store : diff->old_store;
  const LeaseBinding *binding = lease_pool_at (&here->bindings, id);
  RoamAddr address;
  Id other;

  if (lease_store_find_binding (here, binding->address) != id) /* a free record */
    return;
  other = lease_store_find_binding (there, binding->address);
  address = roam_addr_from_bytes (binding->address, sizeof binding->address);
  if (diff->second)
    {
      LeaseChange was;

      if (other != 0)
        return;
      lease_store_describe (here, &address, &was);
      lease_journal_note_gone (diff->journal, &was);
    }
  else if (other == 0 || !is_same (diff, binding, lease_pool_at (&there->bindings, other)))
    lease_journal_note (diff->journal, &address);
}

gboolean
lease_diff_step (LeaseDiff *diff, guint budget)
{
  for (; budget > 0; budget--)
    {
      const LeaseStore *store = diff->second ? diff->old_store : diff->new_store;

      if (diff->at < store->bindings.n)
        compare (diff, diff->at++);
      else if (diff->second)
        return TRUE;
      else
        {
          diff->second = TRUE;
          diff->at = 1;
        }
    }
  return FALSE;
}
