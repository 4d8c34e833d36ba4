/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Inner addresses for the clients of a gateway (RFC 7296 2.19). */
#include "ike/ike-responder-private.h"

/* Numbers of 16 bits reach; a gateway has far fewer clients. */
#define MAX_ADDRESSES 65534

typedef struct
{
  GBytes *owner;
  guint users; /* 0: free, but the owner's when it comes back */
} Lease;

struct _IkePool
{
  RoamAddr network; /* host bits are zero */
  guint capacity;
  GArray *leases; /* Lease; that of the address network + index + 1 */
};

static void
clear_lease (gpointer data)
{
  g_clear_pointer (&((Lease *)data)->owner, g_bytes_unref);
}

static RoamAddr
network_of (const RoamPrefix *prefix)
{
  RoamAddr network = prefix->addr;
  guint bits = (guint)roam_addr_length (&network) * 8;

  for (guint bit = prefix->length; bit < bits; bit++)
    network.bytes[bit / 8] &= (guint8) ~(0x80u >> (bit % 8));
  return network;
}

IkePool *
ike_pool_new (const RoamPrefix *prefix)
{
  guint bits = (guint)roam_addr_length (&prefix->addr) * 8;
  guint host_bits = bits > prefix->length ? bits - prefix->length : 0;
  IkePool *pool;

  if (host_bits < 2)
    return NULL;
  pool = g_new0 (IkePool, 1);
  pool->network = network_of (prefix);
  /* Neither the network itself nor its broadcast address. */
  pool->capacity = host_bits >= 16 ? MAX_ADDRESSES : (1u << host_bits) - 2;
  pool->leases = g_array_new (FALSE, TRUE, sizeof (Lease));
  g_array_set_clear_func (pool->leases, clear_lease);
  return pool;
}

void
ike_pool_free (IkePool *pool)
{
  if (!pool)
    return;
  g_array_unref (pool->leases);
  g_free (pool);
}

static RoamAddr
nth_address (const IkePool *pool, guint index)
{
  RoamAddr addr = pool->network;
  gsize length = roam_addr_length (&addr);

  addr.bytes[length - 2] |= (guint8)((index + 1) >> 8);
  addr.bytes[length - 1] |= (guint8)(index + 1);
  return addr;
}

/* The owner's old lease, else a fresh one, else one that somebody else left. */
static Lease *
find_lease (IkePool *pool, GBytes *owner, guint *ret_index)
{
  Lease *left = NULL;

  for (guint i = 0; i < pool->leases->len; i++)
    {
      Lease *lease = &g_array_index (pool->leases, Lease, i);

      if (lease->users > 0)
        continue;
      if (!left || g_bytes_equal (lease->owner, owner))
        {
          left = lease;
          *ret_index = i;
        }
      if (g_bytes_equal (lease->owner, owner))
        return lease;
    }
  if (pool->leases->len >= pool->capacity)
    return left;
  *ret_index = pool->leases->len;
  g_array_set_size (pool->leases, pool->leases->len + 1);
  return &g_array_index (pool->leases, Lease, *ret_index);
}

/* The owner's lease of @wanted, in use or not. */
static Lease *
find_wanted (IkePool *pool, GBytes *owner, const RoamAddr *wanted, guint *ret_index)
{
  for (guint i = 0; wanted && i < pool->leases->len; i++)
    {
      Lease *lease = &g_array_index (pool->leases, Lease, i);
      RoamAddr addr = nth_address (pool, i);

      *ret_index = i;
      if (roam_addr_equal (&addr, wanted) && lease->owner && g_bytes_equal (lease->owner, owner))
        return lease;
    }
  return NULL;
}

gboolean
ike_pool_take (IkePool *pool, GBytes *owner, const RoamAddr *wanted, RoamAddr *ret_addr)
{
  guint index = 0;
  Lease *lease = find_wanted (pool, owner, wanted, &index);

  if (!lease)
    lease = find_lease (pool, owner, &index);
  if (!lease)
    return FALSE;
  g_bytes_ref (owner);
  clear_lease (lease);
  lease->owner = owner;
  lease->users++;
  *ret_addr = nth_address (pool, index);
  return TRUE;
}

void
ike_pool_release (IkePool *pool, const RoamAddr *addr)
{
  for (guint i = 0; i < pool->leases->len; i++)
    {
      RoamAddr own = nth_address (pool, i);
      if (roam_addr_equal (&own, addr))
        {
          Lease *lease = &g_array_index (pool->leases, Lease, i);

          lease->users -= lease->users > 0;
        }
    }
}
