/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "dhcp6/lease-store-private.h"

/* Results of a query, one client on one link at a time. */

static const LeaseBinding *
binding_at (const LeaseStore *store, Id id)
{
  return lease_pool_at (&store->bindings, id);
}

static const LeaseGroupRecord *
group_at (const LeaseStore *store, Id id)
{
  return lease_pool_at (&store->groups, id);
}

static const LeaseTag *
tag_at (const LeaseStore *store, Id id)
{
  return lease_pool_at (&store->tags, id);
}

static const LeaseOctets *
octets_at (const LeaseStore *store, Id id)
{
  return lease_pool_at (&store->octets, id);
}

static LeaseCursor *
cursor_new (LeaseStore *store, LeaseCursorKind kind, LeaseLink link, Id at)
{
  LeaseCursor *cursor = g_new0 (LeaseCursor, 1);

  cursor->store = lease_store_ref (store);
  cursor->kind = kind;
  cursor->link = link;
  cursor->at = at;
  cursor->leases = g_array_new (FALSE, TRUE, sizeof (Lease));
  g_ptr_array_add (store->cursors, cursor);
  return cursor;
}

void
lease_cursor_free (LeaseCursor *cursor)
{
  if (cursor == NULL)
    return;
  g_ptr_array_remove_fast (cursor->store->cursors, cursor);
  lease_store_unref (cursor->store);
  g_array_unref (cursor->leases);
  g_free (cursor);
}

LeaseCursor *
lease_cursor_by_address (LeaseStore *store, LeaseLink link, const RoamAddr *address)
{
  Id id = address->family == ROAM_FAMILY_INET6 ? lease_store_find_binding (store, address->bytes) : 0;

  if (id == 0 && address->family == ROAM_FAMILY_INET6)
    id = lease_store_find_delegation (store, address);
  return cursor_new (store, CURSOR_ONE, link, id);
}

LeaseCursor *
lease_cursor_by_client (LeaseStore *store, LeaseLink link, Dhcp6Slice client_id)
{
  Id id = lease_store_find_octets (store, LEASE_OCTETS_CLIENT, client_id);

  return cursor_new (store, CURSOR_CLIENT, link, id == 0 ? 0 : octets_at (store, id)->first);
}

LeaseCursor *
lease_cursor_by_link (LeaseStore *store, LeaseLink link)
{
  Id first = link < store->links->len ? g_array_index (store->links, LeaseLinkRecord, link).first : 0;

  return cursor_new (store, CURSOR_LINK, link, first);
}

static LeaseCursor *
cursor_by_tag (LeaseStore *store, LeaseOctetsKind kind, LeaseLink link, Dhcp6Slice identifier)
{
  Id id = lease_store_find_octets (store, kind, identifier);

  return cursor_new (store, CURSOR_TAGS, link, id == 0 ? 0 : octets_at (store, id)->first);
}

LeaseCursor *
lease_cursor_by_relay_id (LeaseStore *store, LeaseLink link, Dhcp6Slice relay_id)
{
  return cursor_by_tag (store, LEASE_OCTETS_RELAY_ID, link, relay_id);
}

LeaseCursor *
lease_cursor_by_remote_id (LeaseStore *store, LeaseLink link, Dhcp6Slice remote_id)
{
  return cursor_by_tag (store, LEASE_OCTETS_REMOTE_ID, link, remote_id);
}

gboolean
lease_cursor_is_at_end (const LeaseCursor *cursor)
{
  return cursor->at == 0;
}

typedef struct
{
  gint64 now, since, until;
} Window;

static gboolean
is_valid (const LeaseBinding *binding, const Window *window)
{
  if (binding->contact < window->since || binding->contact > window->until || binding->valid_s == 0)
    return FALSE;
  return binding->valid_s == DHCP6_LIFETIME_INFINITE || (gint64)binding->contact + binding->valid_s > window->now;
}

static void
add_lease (LeaseCursor *cursor, const LeaseBinding *binding, const Window *window, LeaseGroup *group)
{
  const LeaseOctets *relay = octets_at (cursor->store, binding->relay_data);
  const Lease lease = {
    .is_prefix = binding->is_prefix,
    .address = roam_addr_from_bytes (binding->address, sizeof binding->address),
    .prefix_length = binding->prefix_length,
    .iaid = binding->iaid,
    .subnet_id = binding->subnet_id,
    .valid_s = binding->valid_s,
    .preferred_s = binding->preferred_s,
    .contact = binding->contact,
  };

  if (!is_valid (binding, window))
    return;
  g_array_append_val (cursor->leases, lease);
  if (cursor->leases->len > 1 && lease.contact < group->contact)
    return;
  group->contact = lease.contact;
  group->relay_data = binding->relay_data == 0 ? (Dhcp6Slice){ 0 } : (Dhcp6Slice){ relay->data, relay->length };
}

/* All bindings of the group. */
static guint
collect_group (LeaseCursor *cursor, Id group_id, const Window *window, LeaseGroup *group)
{
  guint n = 0;

  for (Id id = group_at (cursor->store, group_id)->first; id != 0; n++)
    {
      const LeaseBinding *binding = binding_at (cursor->store, id);

      add_lease (cursor, binding, window, group);
      id = binding->next_of_group;
    }
  return n;
}

/* The tags of one group, which stand together; the cursor goes past them. */
static guint
collect_tags (LeaseCursor *cursor, const Window *window, gboolean wanted, LeaseGroup *group)
{
  const LeaseStore *store = cursor->store;
  Id group_id = binding_at (store, tag_at (store, cursor->at)->binding)->group;
  guint n = 0;

  while (cursor->at != 0)
    {
      const LeaseTag *tag = tag_at (store, cursor->at);
      const LeaseBinding *binding = binding_at (store, tag->binding);

      if (binding->group != group_id)
        break;
      if (wanted)
        add_lease (cursor, binding, window, group);
      cursor->at = tag->next;
      n++;
    }
  return n;
}

/* One step; how many bindings it took. The group is worth handing out when leases has some. */
static guint
step (LeaseCursor *cursor, const Window *window, LeaseGroup *group)
{
  const LeaseStore *store = cursor->store;
  Id group_id = cursor->at;
  gboolean wanted;
  guint n = 1;

  if (cursor->kind == CURSOR_ONE)
    group_id = binding_at (store, cursor->at)->group;
  else if (cursor->kind == CURSOR_TAGS)
    group_id = binding_at (store, tag_at (store, cursor->at)->binding)->group;
  wanted = cursor->link == LEASE_ANY_LINK || group_at (store, group_id)->link == cursor->link;
  group->client_id.data = octets_at (store, group_at (store, group_id)->client)->data;
  group->client_id.length = octets_at (store, group_at (store, group_id)->client)->length;
  switch (cursor->kind)
    {
    case CURSOR_ONE:
      /* The client's other bindings on the link come along (RFC 5007 4.1.2.2), if that one is valid. */
      if (wanted && is_valid (binding_at (store, cursor->at), window))
        n = collect_group (cursor, group_id, window, group);
      cursor->at = 0;
      break;
    case CURSOR_CLIENT:
      if (wanted)
        n = collect_group (cursor, group_id, window, group);
      cursor->at = group_at (store, group_id)->next_of_client;
      break;
    case CURSOR_LINK:
      n = collect_group (cursor, group_id, window, group);
      cursor->at = group_at (store, group_id)->next_of_link;
      break;
    case CURSOR_TAGS:
      n = collect_tags (cursor, window, wanted, group);
      break;
    }
  return n;
}

gboolean
lease_cursor_next (LeaseCursor *cursor, gint64 now, gint64 since, gint64 until, guint budget, LeaseGroup *ret_group)
{
  const Window window = { now, since, until };
  LeaseGroup group = { 0 };

  g_array_set_size (cursor->leases, 0);
  for (guint used = 0; cursor->at != 0 && used < budget;)
    {
      used += step (cursor, &window, &group);
      if (cursor->leases->len == 0)
        continue;
      group.leases = &g_array_index (cursor->leases, Lease, 0);
      group.n_leases = cursor->leases->len;
      *ret_group = group;
      return TRUE;
    }
  return FALSE;
}
