/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "mip4/mip4-discovery-private.h"

/* Routers and networks that advertisements tell of: move detection by prefix, and the choice of a router. */

/* An agent advertises at least three times in a Lifetime (RFC 5944 2.1): two that stay away are silence. */
#define ADVERTISEMENTS_PER_LIFETIME 3
#define ADVERTISEMENTS_MISSED 2
#define NOT_A_DEFAULT_ROUTER G_MININT32

static gboolean
has_prefixes (const Mip4AgentEntry *entry)
{
  return entry->n_routers > 0 && entry->routers[0].prefix_length >= 0;
}

static RoamPrefix
network_of (const Mip4AdvertisedRouter *router)
{
  return (RoamPrefix){ .addr = router->address, .length = (guint8)router->prefix_length };
}

/* The same network: the same length, and one contains the other's address. */
static gboolean
is_same_network (const RoamPrefix *a, const RoamPrefix *b)
{
  return a->length == b->length && roam_prefix_contains (a, &b->addr);
}

static gboolean
advertises (const Mip4AgentEntry *entry, const RoamPrefix *network)
{
  for (guint i = 0; i < entry->n_routers; i++)
    {
      RoamPrefix own = network_of (&entry->routers[i]);

      if (entry->routers[i].prefix_length >= 0 && is_same_network (&own, network))
        return TRUE;
    }
  return FALSE;
}

static gboolean
shares_network (const Mip4AgentEntry *a, const Mip4AgentEntry *b)
{
  for (guint i = 0; i < a->n_routers; i++)
    {
      RoamPrefix network = network_of (&a->routers[i]);

      if (a->routers[i].prefix_length >= 0 && advertises (b, &network))
        return TRUE;
    }
  return FALSE;
}

/* RFC 5944 3.6: while the serving agent is heard, another one beside it is no move. */
static gboolean
is_silent (const Mip4AgentEntry *serving, const RoamNow *now)
{
  return now->boot_us - serving->heard_us >
         ADVERTISEMENTS_MISSED * serving->lifetime_s * ROAM_USEC_PER_SEC / ADVERTISEMENTS_PER_LIFETIME;
}

const char *
mip4_discovery_moved (const Mip4DiscoveryPath *path, const RoamNow *now, const Mip4AgentEntry *entry)
{
  const RoamPrefix own = { .addr = path->address, .length = path->prefix_length };

  if (!has_prefixes (entry) || (entry->agent.flags & MIP4_AGENT_FOREIGN) == 0)
    return NULL;
  switch (path->served)
    {
    case MIP4_SERVED_NOT_YET:
      return NULL;
    case MIP4_SERVED_DIRECTLY:
      return roam_addr_is_specified (&own.addr) && own.length > 0 && !advertises (entry, &own)
               ? "an agent advertises other networks than that of the care-of address"
               : NULL;
    case MIP4_SERVED_BY_AGENT:
      if (mip4_discovery_is_serving (path, &entry->agent.address) || !has_prefixes (&path->serving_entry) ||
          !is_silent (&path->serving_entry, now) || shares_network (entry, &path->serving_entry))
        return NULL;
      return "an agent advertises other networks than the serving agent, which is silent";
    }
  return NULL;
}

/* RFC 1256 5.3: a neighbour, and not one that must not be a default router. */
static gboolean
is_eligible (const Mip4DiscoveryPath *path, const Mip4AdvertisedRouter *router)
{
  const RoamPrefix own = { .addr = path->address, .length = path->prefix_length };

  return router->preference != NOT_A_DEFAULT_ROUTER && mip4_discovery_is_host (&router->address) &&
         roam_prefix_contains (&own, &router->address) && !roam_addr_equal (&own.addr, &router->address);
}

gboolean
mip4_discovery_get_router (const Mip4Discovery *discovery, Mip4Path wanted, RoamAddr *ret_router)
{
  const Mip4AdvertisedRouter *best = NULL;

  for (guint i = 0; i < discovery->paths->len; i++)
    {
      const Mip4DiscoveryPath *path = g_ptr_array_index (discovery->paths, i);

      for (guint j = 0; path->path == wanted && roam_addr_is_specified (&path->address) && j < path->agents->len; j++)
        {
          const Mip4AgentEntry *entry = &g_array_index (path->agents, Mip4AgentEntry, j);

          /* Code 16: it routes for those registered with it only. */
          if (!entry->common_traffic && !mip4_discovery_is_serving (path, &entry->agent.address))
            continue;
          for (guint k = 0; k < entry->n_routers; k++)
            if (is_eligible (path, &entry->routers[k]) &&
                (best == NULL || entry->routers[k].preference > best->preference))
              best = &entry->routers[k];
        }
    }
  if (best != NULL)
    *ret_router = best->address;
  return best != NULL;
}
