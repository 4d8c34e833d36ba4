/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "dhcp6/lease-store-private.h"

/* Subnets, and the links that they are on (RFC 5460 5.3.2). */

static LeaseLink
find_or_add_link (LeaseStore *store, const char *name)
{
  LeaseLinkRecord record = { 0 };

  for (guint i = LEASE_UNKNOWN_LINK + 1; i < store->links->len; i++)
    if (g_str_equal (g_array_index (store->links, LeaseLinkRecord, i).name, name))
      return i;
  record.name = g_strdup (name);
  g_array_append_val (store->links, record);
  return store->links->len - 1;
}

gboolean
lease_store_add_subnet (LeaseStore *store, const char *link, guint32 subnet_id, const RoamPrefix *prefix)
{
  LeaseSubnet subnet = { .prefix = *prefix, .subnet_id = subnet_id };
  guint at = 0;

  if (g_hash_table_contains (store->by_subnet_id, GUINT_TO_POINTER (subnet_id)))
    return FALSE;
  subnet.link = find_or_add_link (store, link);
  g_hash_table_insert (store->by_subnet_id, GUINT_TO_POINTER (subnet_id), GUINT_TO_POINTER (subnet.link + 1));
  while (at < store->subnets->len && g_array_index (store->subnets, LeaseSubnet, at).prefix.length >= prefix->length)
    at++;
  g_array_insert_val (store->subnets, at, subnet);
  return TRUE;
}

LeaseLink
lease_store_find_link (const LeaseStore *store, const RoamAddr *address)
{
  for (guint i = 0; i < store->subnets->len; i++)
    {
      const LeaseSubnet *subnet = &g_array_index (store->subnets, LeaseSubnet, i);

      if (roam_prefix_contains (&subnet->prefix, address))
        return subnet->link;
    }
  return LEASE_NO_LINK;
}

LeaseLink
lease_store_find_link_of_subnet (const LeaseStore *store, guint32 subnet_id)
{
  guint link = GPOINTER_TO_UINT (g_hash_table_lookup (store->by_subnet_id, GUINT_TO_POINTER (subnet_id)));

  return link == 0 ? LEASE_UNKNOWN_LINK : link - 1;
}

gboolean
lease_store_get_link_address (const LeaseStore *store, guint32 subnet_id, RoamAddr *ret_address)
{
  for (guint i = 0; i < store->subnets->len; i++)
    {
      const LeaseSubnet *subnet = &g_array_index (store->subnets, LeaseSubnet, i);

      if (subnet->subnet_id != subnet_id)
        continue;
      *ret_address = subnet->prefix.addr;
      return TRUE;
    }
  return FALSE;
}
