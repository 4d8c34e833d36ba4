/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "dhcp6/lease-store-private.h"

#include <string.h>

/* Putting and removing bindings, and what must stay tied together meanwhile. */

#define ADDRESS_OCTETS 16u

static LeaseBinding *
binding_at (const LeaseStore *store, Id id)
{
  return lease_pool_at (&store->bindings, id);
}

static LeaseGroupRecord *
group_at (const LeaseStore *store, Id id)
{
  return lease_pool_at (&store->groups, id);
}

static LeaseTag *
tag_at (const LeaseStore *store, Id id)
{
  return lease_pool_at (&store->tags, id);
}

static LeaseOctets *
octets_at (const LeaseStore *store, Id id)
{
  return lease_pool_at (&store->octets, id);
}

static LeaseLinkRecord *
link_at (const LeaseStore *store, LeaseLink link)
{
  return &g_array_index (store->links, LeaseLinkRecord, link);
}

/* ------------------------------------------------------------------ octets ---- */

static guint32
hash_of_octets (const LeaseStore *store, Id id)
{
  const LeaseOctets *octets = octets_at (store, id);

  return lease_hash (store->key, octets->data, octets->length);
}

Id
lease_store_find_octets (const LeaseStore *store, LeaseOctetsKind kind, Dhcp6Slice slice)
{
  guint32 at = 0, hash = lease_hash (store->key, slice.data, slice.length);
  Id id;

  while ((id = lease_table_walk (&store->by_octets[kind], hash, &at)) != 0)
    {
      const LeaseOctets *octets = octets_at (store, id);

      if (dhcp6_slice_equal ((Dhcp6Slice){ octets->data, octets->length }, slice))
        return id;
    }
  return 0;
}

/* With one reference more. */
static Id
take_octets (LeaseStore *store, LeaseOctetsKind kind, Dhcp6Slice slice)
{
  Id id = lease_store_find_octets (store, kind, slice);

  if (id == 0)
    {
      LeaseOctets *octets;

      id = lease_pool_take (&store->octets);
      octets = octets_at (store, id);
      octets->data = g_memdup2 (slice.data, slice.length);
      octets->length = (guint32)slice.length;
      store->octets_size += slice.length;
      lease_table_add (&store->by_octets[kind], lease_hash (store->key, slice.data, slice.length), id);
    }
  octets_at (store, id)->references++;
  return id;
}

static void
give_octets (LeaseStore *store, LeaseOctetsKind kind, Id id)
{
  LeaseOctets *octets = octets_at (store, id);

  if (id == 0 || --octets->references > 0)
    return;
  lease_table_remove (&store->by_octets[kind], hash_of_octets (store, id), id);
  store->octets_size -= octets->length;
  g_clear_pointer (&octets->data, g_free);
  lease_pool_give (&store->octets, id);
}

/* ----------------------------------------------------------------- cursors ---- */

/* Those that stand on @id go on to @next. */
static void
move_cursors (LeaseStore *store, LeaseCursorKind kind, Id id, Id next)
{
  for (guint i = 0; i < store->cursors->len; i++)
    {
      LeaseCursor *cursor = g_ptr_array_index (store->cursors, i);

      if (cursor->kind == kind && cursor->at == id)
        cursor->at = next;
    }
}

/* ------------------------------------------------------------------ groups ---- */

static guint32
hash_of_address (const LeaseStore *store, Id id)
{
  return lease_hash (store->key, binding_at (store, id)->address, ADDRESS_OCTETS);
}

static Id
find_group (const LeaseStore *store, Id client, LeaseLink link)
{
  for (Id id = octets_at (store, client)->first; id != 0; id = group_at (store, id)->next_of_client)
    if (group_at (store, id)->link == link)
      return id;
  return 0;
}

/* At the end of its client's and its link's lists; takes over the reference to @client. */
static Id
add_group (LeaseStore *store, Id client, LeaseLink link)
{
  Id id = lease_pool_take (&store->groups);
  LeaseGroupRecord *group = group_at (store, id);
  LeaseOctets *owner = octets_at (store, client);
  LeaseLinkRecord *segment = link_at (store, link);

  group->client = client;
  group->link = link;
  group->previous_of_client = owner->last;
  group->previous_of_link = segment->last;
  if (owner->last != 0)
    group_at (store, owner->last)->next_of_client = id;
  else
    owner->first = id;
  owner->last = id;
  if (segment->last != 0)
    group_at (store, segment->last)->next_of_link = id;
  else
    segment->first = id;
  segment->last = id;
  return id;
}

static void
remove_group (LeaseStore *store, Id id)
{
  LeaseGroupRecord *group = group_at (store, id);
  LeaseOctets *owner = octets_at (store, group->client);
  LeaseLinkRecord *segment = link_at (store, group->link);

  move_cursors (store, CURSOR_CLIENT, id, group->next_of_client);
  move_cursors (store, CURSOR_LINK, id, group->next_of_link);
  if (group->previous_of_client != 0)
    group_at (store, group->previous_of_client)->next_of_client = group->next_of_client;
  else
    owner->first = group->next_of_client;
  if (group->next_of_client != 0)
    group_at (store, group->next_of_client)->previous_of_client = group->previous_of_client;
  else
    owner->last = group->previous_of_client;
  if (group->previous_of_link != 0)
    group_at (store, group->previous_of_link)->next_of_link = group->next_of_link;
  else
    segment->first = group->next_of_link;
  if (group->next_of_link != 0)
    group_at (store, group->next_of_link)->previous_of_link = group->previous_of_link;
  else
    segment->last = group->previous_of_link;
  give_octets (store, LEASE_OCTETS_CLIENT, group->client);
  lease_pool_give (&store->groups, id);
}

static void
join_group (LeaseStore *store, Id binding_id, Dhcp6Slice client_id, LeaseLink link)
{
  Id client = take_octets (store, LEASE_OCTETS_CLIENT, client_id), group_id = find_group (store, client, link);
  LeaseGroupRecord *group;
  LeaseBinding *binding;

  if (group_id == 0)
    group_id = add_group (store, client, link);
  else
    give_octets (store, LEASE_OCTETS_CLIENT, client); /* the group holds one */
  group = group_at (store, group_id);
  binding = binding_at (store, binding_id);
  binding->group = group_id;
  binding->next_of_group = 0;
  binding->previous_of_group = group->last;
  if (group->last != 0)
    binding_at (store, group->last)->next_of_group = binding_id;
  else
    group->first = binding_id;
  group->last = binding_id;
}

static void
leave_group (LeaseStore *store, Id binding_id)
{
  const LeaseBinding *binding = binding_at (store, binding_id);
  Id group_id = binding->group;
  LeaseGroupRecord *group = group_at (store, group_id);

  if (binding->previous_of_group != 0)
    binding_at (store, binding->previous_of_group)->next_of_group = binding->next_of_group;
  else
    group->first = binding->next_of_group;
  if (binding->next_of_group != 0)
    binding_at (store, binding->next_of_group)->previous_of_group = binding->previous_of_group;
  else
    group->last = binding->previous_of_group;
  if (group->first == 0)
    remove_group (store, group_id);
}

/* -------------------------------------------------------------------- tags ---- */

/* The tag of the same identifier that some binding of the group has, or 0: its neighbour to be. */
static Id
find_neighbour (const LeaseStore *store, Id group, Id identifier)
{
  for (Id id = group_at (store, group)->first; id != 0; id = binding_at (store, id)->next_of_group)
    for (Id tag = binding_at (store, id)->tags; tag != 0; tag = tag_at (store, tag)->next_of_binding)
      if (tag_at (store, tag)->octets == identifier)
        return tag;
  return 0;
}

static void
link_tag (LeaseStore *store, Id id, Id after)
{
  LeaseTag *tag = tag_at (store, id);
  LeaseOctets *identifier = octets_at (store, tag->octets);

  tag->previous = after;
  tag->next = after != 0 ? tag_at (store, after)->next : identifier->first;
  if (tag->next != 0)
    tag_at (store, tag->next)->previous = id;
  else
    identifier->last = id;
  if (after != 0)
    tag_at (store, after)->next = id;
  else
    identifier->first = id;
}

static void
add_tag (LeaseStore *store, Id binding_id, LeaseOctetsKind kind, Dhcp6Slice slice)
{
  Id identifier = take_octets (store, kind, slice), neighbour, id;
  LeaseTag *tag;

  for (id = binding_at (store, binding_id)->tags; id != 0; id = tag_at (store, id)->next_of_binding)
    if (tag_at (store, id)->octets == identifier)
      {
        give_octets (store, kind, identifier); /* two hops with one identifier */
        return;
      }
  neighbour = find_neighbour (store, binding_at (store, binding_id)->group, identifier);
  id = lease_pool_take (&store->tags);
  tag = tag_at (store, id);
  tag->octets = identifier;
  tag->binding = binding_id;
  tag->next_of_binding = binding_at (store, binding_id)->tags;
  binding_at (store, binding_id)->tags = id;
  link_tag (store, id, neighbour != 0 ? neighbour : octets_at (store, identifier)->last);
}

static LeaseOctetsKind
kind_of_tag (const LeaseStore *store, Id identifier)
{
  const LeaseOctets *octets = octets_at (store, identifier);
  Id id = lease_store_find_octets (store, LEASE_OCTETS_RELAY_ID, (Dhcp6Slice){ octets->data, octets->length });

  return id == identifier ? LEASE_OCTETS_RELAY_ID : LEASE_OCTETS_REMOTE_ID;
}

/* Out of the identifier's list; the binding's own list is the caller's. */
static void
remove_tag (LeaseStore *store, Id id)
{
  const LeaseTag tag = *tag_at (store, id);
  LeaseOctets *identifier = octets_at (store, tag.octets);

  move_cursors (store, CURSOR_TAGS, id, tag.next);
  if (tag.previous != 0)
    tag_at (store, tag.previous)->next = tag.next;
  else
    identifier->first = tag.next;
  if (tag.next != 0)
    tag_at (store, tag.next)->previous = tag.previous;
  else
    identifier->last = tag.previous;
  lease_pool_give (&store->tags, id);
  give_octets (store, kind_of_tag (store, tag.octets), tag.octets);
}

static gboolean
is_named (const LeaseStore *store, Id identifier, const Dhcp6Relay *relays, guint n)
{
  const LeaseOctets *octets = octets_at (store, identifier);
  const Dhcp6Slice slice = { octets->data, octets->length };
  gboolean relay_id = kind_of_tag (store, identifier) == LEASE_OCTETS_RELAY_ID;

  for (guint i = 0; i < n; i++)
    {
      Dhcp6Slice named = relay_id ? relays[i].relay_id : relays[i].remote_id;

      if (named.data != NULL && dhcp6_slice_equal (named, slice))
        return TRUE;
    }
  return FALSE;
}

/* Those that @relays do not name; the others keep their places, and so their turn in a running query. */
static void
remove_tags_but (LeaseStore *store, Id binding_id, const Dhcp6Relay *relays, guint n)
{
  Id id = binding_at (store, binding_id)->tags, kept = 0;

  while (id != 0)
    {
      Id next = tag_at (store, id)->next_of_binding;

      if (is_named (store, tag_at (store, id)->octets, relays, n))
        {
          tag_at (store, id)->next_of_binding = kept;
          kept = id;
        }
      else
        remove_tag (store, id);
      id = next;
    }
  binding_at (store, binding_id)->tags = kept;
}

/* The identifiers of every hop (LQ-SRV-074, LQ-SRV-076). */
static void
add_tags (LeaseStore *store, Id binding_id, const Dhcp6Relay *relays, guint n)
{
  for (guint i = 0; i < n; i++)
    {
      if (relays[i].relay_id.data != NULL)
        {
          store->has_relay_ids = TRUE;
          add_tag (store, binding_id, LEASE_OCTETS_RELAY_ID, relays[i].relay_id);
        }
      if (relays[i].remote_id.data != NULL)
        {
          store->has_remote_ids = TRUE;
          add_tag (store, binding_id, LEASE_OCTETS_REMOTE_ID, relays[i].remote_id);
        }
    }
}

/* ---------------------------------------------------------------- bindings ---- */

Id
lease_store_find_binding (const LeaseStore *store, const guint8 address[16])
{
  guint32 at = 0, hash = lease_hash (store->key, address, ADDRESS_OCTETS);
  Id id;

  while ((id = lease_table_walk (&store->by_address, hash, &at)) != 0)
    if (memcmp (binding_at (store, id)->address, address, ADDRESS_OCTETS) == 0)
      return id;
  return 0;
}

static void
mask_address (guint8 address[16], guint length)
{
  for (guint i = 0; i < ADDRESS_OCTETS; i++)
    {
      guint bits = length > i * 8 ? MIN (length - i * 8, 8u) : 0;

      address[i] &= (guint8)(0xff00u >> bits);
    }
}

Id
lease_store_find_delegation (const LeaseStore *store, const RoamAddr *address)
{
  for (guint length = 128; length > 0; length--)
    {
      guint8 masked[ADDRESS_OCTETS];
      Id id;

      if (store->prefixes_of_length[length] == 0)
        continue;
      memcpy (masked, address->bytes, sizeof masked);
      mask_address (masked, length);
      id = lease_store_find_binding (store, masked);
      if (id != 0 && binding_at (store, id)->is_prefix && binding_at (store, id)->prefix_length == length)
        return id;
    }
  return 0;
}

static guint32
clamp_seconds (gint64 seconds)
{
  return (guint32)CLAMP (seconds, 0, G_MAXUINT32);
}

/* Everything but the ties. */
static void
fill_binding (LeaseStore *store, LeaseBinding *binding, const Lease *lease)
{
  if (binding->is_prefix)
    store->prefixes_of_length[binding->prefix_length]--;
  binding->is_prefix = lease->is_prefix != 0;
  binding->prefix_length = lease->is_prefix ? lease->prefix_length : 128;
  if (binding->is_prefix)
    store->prefixes_of_length[binding->prefix_length]++;
  binding->contact = clamp_seconds (lease->contact);
  binding->valid_s = lease->valid_s;
  binding->preferred_s = lease->preferred_s;
  binding->iaid = lease->iaid;
  binding->subnet_id = lease->subnet_id;
}

static gboolean
is_same_group (const LeaseStore *store, Id id, const Lease *lease, LeaseLink link)
{
  const LeaseGroupRecord *group = group_at (store, binding_at (store, id)->group);
  const LeaseOctets *client = octets_at (store, group->client);

  return group->link == link && dhcp6_slice_equal ((Dhcp6Slice){ client->data, client->length }, lease->client_id);
}

static void
set_relay_data (LeaseStore *store, Id id, Dhcp6Slice relay_data, const Dhcp6Relay *relays, guint n_relays)
{
  Id old = binding_at (store, id)->relay_data, octets = 0;

  if (relay_data.data != NULL)
    octets = take_octets (store, LEASE_OCTETS_RELAY_DATA, relay_data);
  if (old != 0)
    give_octets (store, LEASE_OCTETS_RELAY_DATA, old);
  binding_at (store, id)->relay_data = octets;
  if (octets == old) /* the usual renewal touches no list */
    return;
  remove_tags_but (store, id, relays, n_relays);
  add_tags (store, id, relays, n_relays);
}

gboolean
lease_store_get (const LeaseStore *store, const RoamAddr *address, Lease *ret_lease)
{
  Id id = address->family == ROAM_FAMILY_INET6 ? lease_store_find_binding (store, address->bytes) : 0;
  const LeaseBinding *binding = binding_at (store, id);
  const LeaseOctets *client, *relay = octets_at (store, binding->relay_data);

  if (id == 0)
    return FALSE;
  client = octets_at (store, group_at (store, binding->group)->client);
  *ret_lease = (Lease){
    .is_prefix = binding->is_prefix,
    .address = *address,
    .prefix_length = binding->prefix_length,
    .iaid = binding->iaid,
    .subnet_id = binding->subnet_id,
    .valid_s = binding->valid_s,
    .preferred_s = binding->preferred_s,
    .contact = binding->contact,
    .client_id = { client->data, client->length },
  };
  if (binding->relay_data != 0)
    ret_lease->relay_data = (Dhcp6Slice){ relay->data, relay->length };
  return TRUE;
}

gboolean
lease_store_describe (const LeaseStore *store, const RoamAddr *address, LeaseChange *ret_change)
{
  Lease lease;

  if (!lease_store_get (store, address, &lease))
    return FALSE;
  *ret_change = (LeaseChange){
    .address = *address,
    .gone = TRUE,
    .is_prefix = lease.is_prefix,
    .prefix_length = lease.prefix_length,
    .subnet_id = lease.subnet_id,
    .contact = lease.contact,
    .client_id = lease.client_id,
    .relay_data = lease.relay_data,
  };
  return TRUE;
}

void
lease_store_set_journal (LeaseStore *store, LeaseJournal *journal)
{
  LeaseJournal *old = store->journal;

  store->journal = journal == NULL ? NULL : lease_journal_ref (journal);
  lease_journal_unref (old);
}

/* What is in the file twice is no change (RFC 7653 7: what matters is the state). */
static gboolean
is_news (const LeaseStore *store, const RoamAddr *address, const Lease *lease)
{
  Lease known;

  if (store->journal == NULL)
    return FALSE;
  return !lease_store_get (store, address, &known) || known.contact != clamp_seconds (lease->contact) ||
         known.valid_s != lease->valid_s || known.preferred_s != lease->preferred_s ||
         known.subnet_id != lease->subnet_id || known.is_prefix != (lease->is_prefix != 0) ||
         (known.is_prefix && known.prefix_length != lease->prefix_length) ||
         !dhcp6_slice_equal (known.client_id, lease->client_id) ||
         !dhcp6_slice_equal (known.relay_data, lease->relay_data);
}

static void
note_gone (LeaseStore *store, const RoamAddr *address)
{
  LeaseChange was;

  if (store->journal != NULL && lease_store_describe (store, address, &was))
    lease_journal_note_gone (store->journal, &was);
}

static void
untie (LeaseStore *store, Id id)
{
  set_relay_data (store, id, (Dhcp6Slice){ 0 }, NULL, 0);
  leave_group (store, id);
}

static gboolean
is_sound (const LeaseStore *store, const Lease *lease, Dhcp6Relay *relays, guint *n_relays)
{
  *n_relays = 0;
  if (lease->address.family != ROAM_FAMILY_INET6 || !dhcp6_duid_is_valid (lease->client_id) ||
      (lease->is_prefix && (lease->prefix_length == 0 || lease->prefix_length > 128)))
    return FALSE;
  if (lease->relay_data.data == NULL)
    return TRUE;
  return dhcp6_parse_relay_data (&store->points, lease->relay_data, relays, DHCP6_MAX_HOPS, n_relays) == DHCP6_OK;
}

gboolean
lease_store_put (LeaseStore *store, const Lease *lease)
{
  Dhcp6Relay relays[DHCP6_MAX_HOPS];
  guint n_relays;
  guint8 address[ADDRESS_OCTETS];
  RoamAddr key;
  LeaseLink link;
  gboolean news;
  Id id;

  if (!is_sound (store, lease, relays, &n_relays))
    return FALSE;
  memcpy (address, lease->address.bytes, sizeof address);
  if (lease->is_prefix)
    mask_address (address, lease->prefix_length);
  key = roam_addr_from_bytes (address, sizeof address);
  news = is_news (store, &key, lease);
  link = lease_store_find_link_of_subnet (store, lease->subnet_id);
  id = lease_store_find_binding (store, address);
  if (id == 0)
    {
      id = lease_pool_take (&store->bindings);
      memcpy (binding_at (store, id)->address, address, sizeof address);
      lease_table_add (&store->by_address, lease_hash (store->key, address, sizeof address), id);
      join_group (store, id, lease->client_id, link);
    }
  else if (!is_same_group (store, id, lease, link))
    {
      untie (store, id);
      join_group (store, id, lease->client_id, link);
    }
  set_relay_data (store, id, lease->relay_data, relays, n_relays);
  fill_binding (store, binding_at (store, id), lease);
  if (news)
    lease_journal_note (store->journal, &key);
  return TRUE;
}

gboolean
lease_store_remove (LeaseStore *store, const RoamAddr *address)
{
  Id id = lease_store_find_binding (store, address->bytes);

  if (address->family != ROAM_FAMILY_INET6 || id == 0)
    return FALSE;
  note_gone (store, address);
  move_cursors (store, CURSOR_ONE, id, 0);
  untie (store, id);
  if (binding_at (store, id)->is_prefix)
    store->prefixes_of_length[binding_at (store, id)->prefix_length]--;
  lease_table_remove (&store->by_address, hash_of_address (store, id), id);
  lease_pool_give (&store->bindings, id);
  return TRUE;
}

/* ------------------------------------------------------------------- whole ---- */

static void
clear_link (gpointer data)
{
  g_free (((LeaseLinkRecord *)data)->name);
}

LeaseStore *
lease_store_new (const Dhcp6CodePoints *points)
{
  LeaseStore *store = g_new0 (LeaseStore, 1);
  const LeaseLinkRecord unknown = { 0 };

  store->references = 1;
  store->points = *points;
  lease_pool_init (&store->bindings, sizeof (LeaseBinding));
  lease_pool_init (&store->groups, sizeof (LeaseGroupRecord));
  lease_pool_init (&store->tags, sizeof (LeaseTag));
  lease_pool_init (&store->octets, sizeof (LeaseOctets));
  lease_table_init (&store->by_address);
  for (guint i = 0; i < LEASE_N_OCTETS; i++)
    lease_table_init (&store->by_octets[i]);
  store->subnets = g_array_new (FALSE, TRUE, sizeof (LeaseSubnet));
  store->by_subnet_id = g_hash_table_new (NULL, NULL);
  store->links = g_array_new (FALSE, TRUE, sizeof (LeaseLinkRecord));
  g_array_set_clear_func (store->links, clear_link);
  g_array_append_val (store->links, unknown);
  store->cursors = g_ptr_array_new ();
  return store;
}

void
lease_store_set_key (LeaseStore *store, const guint8 key[LEASE_STORE_KEY_LENGTH])
{
  g_return_if_fail (store->bindings.n == 1);
  memcpy (store->key, key, sizeof store->key);
}

void
lease_store_reserve_like (LeaseStore *store, const LeaseStore *like)
{
  lease_table_reserve (&store->by_address, like->by_address.used);
  for (guint i = 0; i < LEASE_N_OCTETS; i++)
    lease_table_reserve (&store->by_octets[i], like->by_octets[i].used);
}

LeaseStore *
lease_store_ref (LeaseStore *store)
{
  store->references++;
  return store;
}

void
lease_store_unref (LeaseStore *store)
{
  if (store == NULL || --store->references > 0)
    return;
  for (Id id = 1; id < store->octets.n; id++)
    g_free (octets_at (store, id)->data);
  lease_pool_clear (&store->bindings);
  lease_pool_clear (&store->groups);
  lease_pool_clear (&store->tags);
  lease_pool_clear (&store->octets);
  lease_table_clear (&store->by_address);
  for (guint i = 0; i < LEASE_N_OCTETS; i++)
    lease_table_clear (&store->by_octets[i]);
  g_array_unref (store->subnets);
  g_hash_table_unref (store->by_subnet_id);
  g_array_unref (store->links);
  g_ptr_array_unref (store->cursors);
  lease_journal_unref (store->journal);
  g_free (store);
}

gboolean
lease_store_unref_slowly (LeaseStore **store, guint budget)
{
  LeaseStore *old = *store;

  if (old != NULL && old->references == 1)
    {
      for (; old->octets.n > 1 && budget > 0; budget--)
        g_free (octets_at (old, --old->octets.n)->data);
      if (old->octets.n > 1)
        return FALSE;
    }
  g_clear_pointer (store, lease_store_unref);
  return TRUE;
}

guint
lease_store_n_leases (const LeaseStore *store)
{
  return store->by_address.used;
}

gboolean
lease_store_has_relay_ids (const LeaseStore *store)
{
  return store->has_relay_ids;
}

gboolean
lease_store_has_remote_ids (const LeaseStore *store)
{
  return store->has_remote_ids;
}

gsize
lease_store_size (const LeaseStore *store)
{
  gsize size = sizeof *store + lease_pool_size (&store->bindings) + lease_pool_size (&store->groups) +
               lease_pool_size (&store->tags) + lease_pool_size (&store->octets) + store->octets_size;

  size += lease_table_size (&store->by_address);
  for (guint i = 0; i < LEASE_N_OCTETS; i++)
    size += lease_table_size (&store->by_octets[i]);
  return size;
}
