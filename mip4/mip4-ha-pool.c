/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "mip4/mip4-ha-private.h"

/*
 * Home addresses for nodes that have none (RFC 2794 3): one of the pool from the first registration to the
 * end of the last binding and of its revocation.
 */

gboolean
mip4_ha_pool_has (const Mip4Ha *ha, const RoamAddr *addr)
{
  guint32 value = roam_addr_to_u32 (addr);

  return roam_addr_is_set (&ha->config.pool_first) && value >= roam_addr_to_u32 (&ha->config.pool_first) &&
         value <= roam_addr_to_u32 (&ha->config.pool_last);
}

static void
give (Mip4Ha *ha, Mip4HaNodeState *node, const RoamAddr *addr)
{
  node->home_address = *addr;
  ha->pool_free--;
  g_hash_table_insert (ha->by_address, GUINT_TO_POINTER (roam_addr_to_u32 (addr)), node);
}

gboolean
mip4_ha_pool_assign (Mip4Ha *ha, Mip4HaNodeState *node, const RoamAddr *wish)
{
  RoamAddr addr;

  if (roam_addr_is_specified (wish) && mip4_ha_pool_has (ha, wish) && mip4_ha_node_by_address (ha, wish) == NULL)
    {
      give (ha, node, wish);
      return TRUE;
    }
  if (ha->pool_free == 0)
    return FALSE;
  /* Ends: one is free. Going on from the last given one makes the next free one near. */
  do
    {
      addr = roam_addr_from_u32 (ha->pool_next);
      ha->pool_next =
        roam_addr_equal (&addr, &ha->config.pool_last) ? roam_addr_to_u32 (&ha->config.pool_first) : ha->pool_next + 1;
    }
  while (mip4_ha_node_by_address (ha, &addr) != NULL);
  give (ha, node, &addr);
  return TRUE;
}

void
mip4_ha_pool_release (Mip4Ha *ha, Mip4HaNodeState *node)
{
  if (!node->is_assigned || node->bindings != NULL || node->revocations != NULL ||
      !roam_addr_is_set (&node->home_address))
    return;
  g_hash_table_remove (ha->by_address, GUINT_TO_POINTER (roam_addr_to_u32 (&node->home_address)));
  ha->pool_free++;
  node->home_address = ROAM_ADDR_NONE;
}
