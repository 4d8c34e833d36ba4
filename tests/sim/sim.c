/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "tests/sim/sim.h"

#include "base/rng.h"

/* Any moment will do; not 0, so that a forgotten initialisation shows. */
#define START_BOOT_US (1000 * ROAM_USEC_PER_SEC)
#define START_UNIX_US (G_GINT64_CONSTANT (1700000000) * ROAM_USEC_PER_SEC)
#define FIRST_NAT_PORT 20000

typedef struct
{
  SimLink *link;
  guint16 inside, outside;
  gint64 used_us;
} Mapping;

typedef struct
{
  gint64 due_us;
  guint64 order; /* packets of the same moment keep their order */
  SimLink *link;
  SimPacket packet;
} Flight;

struct _Sim
{
  gint64 now_us;
  RoamRng *rng;
  GPtrArray *links;   /* SimLink */
  GPtrArray *flights; /* Flight, unsorted */
  GArray *mappings;   /* Mapping */
  guint16 next_port;
  guint64 order;
  guint sent_by_host;
};

static void
flight_free (gpointer data)
{
  Flight *flight = data;
  sim_packet_clear (&flight->packet);
  g_free (flight);
}

void
sim_packet_clear (SimPacket *packet)
{
  g_clear_pointer (&packet->data, g_bytes_unref);
}

Sim *
sim_new (guint64 seed)
{
  Sim *sim = g_new0 (Sim, 1);
  sim->now_us = START_BOOT_US;
  sim->rng = roam_rng_new_for_test (seed);
  sim->links = g_ptr_array_new_with_free_func (g_free);
  sim->flights = g_ptr_array_new_with_free_func (flight_free);
  sim->mappings = g_array_new (FALSE, FALSE, sizeof (Mapping));
  sim->next_port = FIRST_NAT_PORT;
  return sim;
}

void
sim_free (Sim *sim)
{
  if (!sim)
    return;
  roam_rng_free (sim->rng);
  g_ptr_array_unref (sim->flights);
  g_ptr_array_unref (sim->links);
  g_array_unref (sim->mappings);
  g_free (sim);
}

RoamNow
sim_now (const Sim *sim)
{
  return roam_now_make (sim->now_us, START_UNIX_US + sim->now_us - START_BOOT_US);
}

void
sim_set_time (Sim *sim, gint64 boot_us)
{
  g_assert_cmpint (boot_us, >=, sim->now_us);
  sim->now_us = boot_us;
}

SimLink *
sim_add_link (Sim *sim, guint32 ifindex, const char *host, gint64 delay_us)
{
  SimLink *link = g_new0 (SimLink, 1);
  link->ifindex = ifindex;
  link->delay_us = delay_us;
  g_assert_true (roam_addr_parse (host, &link->host));
  g_ptr_array_add (sim->links, link);
  return link;
}

SimLink *
sim_link_of (Sim *sim, const RoamAddr *host)
{
  for (guint i = 0; i < sim->links->len; i++)
    {
      SimLink *link = g_ptr_array_index (sim->links, i);
      if (roam_addr_equal (&link->host, host))
        return link;
    }
  return NULL;
}

void
sim_nat_reset (Sim *sim, SimLink *link)
{
  for (guint i = sim->mappings->len; i > 0; i--)
    if (g_array_index (sim->mappings, Mapping, i - 1).link == link)
      g_array_remove_index (sim->mappings, i - 1);
}

static gboolean
is_fresh (const Sim *sim, const Mapping *mapping)
{
  return mapping->link->nat_timeout_us == 0 || sim->now_us - mapping->used_us <= mapping->link->nat_timeout_us;
}

/* The mapping of an inside port, made if there is none that lives. */
static guint16
map_out (Sim *sim, SimLink *link, guint16 port)
{
  for (guint i = 0; i < sim->mappings->len; i++)
    {
      Mapping *mapping = &g_array_index (sim->mappings, Mapping, i);
      if (mapping->link != link || mapping->inside != port)
        continue;
      if (!is_fresh (sim, mapping))
        mapping->outside = sim->next_port++;
      mapping->used_us = sim->now_us;
      return mapping->outside;
    }
  Mapping mapping = { .link = link, .inside = port, .outside = sim->next_port++, .used_us = sim->now_us };
  g_array_append_val (sim->mappings, mapping);
  return mapping.outside;
}

/* 0 when nothing maps there. */
static guint16
map_in (const Sim *sim, const SimLink *link, guint16 port)
{
  for (guint i = 0; i < sim->mappings->len; i++)
    {
      const Mapping *mapping = &g_array_index (sim->mappings, Mapping, i);
      if (mapping->link == link && mapping->outside == port && is_fresh (sim, mapping))
        return mapping->inside;
    }
  return 0;
}

static void
fly_once (Sim *sim, SimLink *link, const SimPacket *packet)
{
  Flight *flight;

  if (roam_rng_below (sim->rng, 100) < link->loss_percent)
    return;
  flight = g_new0 (Flight, 1);
  flight->due_us = sim->now_us + link->delay_us + roam_rng_below (sim->rng, (guint32)link->jitter_us);
  flight->order = sim->order++;
  flight->link = link;
  flight->packet = *packet;
  flight->packet.data = g_bytes_ref (packet->data);
  g_ptr_array_add (sim->flights, flight);
}

static void
fly (Sim *sim, SimLink *link, const SimPacket *packet)
{
  fly_once (sim, link, packet);
  if (roam_rng_below (sim->rng, 100) < link->duplicate_percent)
    fly_once (sim, link, packet);
}

/* With the headers of IP and UDP. */
static gsize
ip_length (const RoamEndpoint *local, GBytes *data)
{
  return g_bytes_get_size (data) + (local->addr.family == ROAM_FAMILY_INET6 ? 48 : 28);
}

void
sim_send_from_host (Sim *sim, const RoamEndpoint *local, const RoamEndpoint *remote, GBytes *data)
{
  SimLink *link = sim_link_of (sim, &local->addr);
  SimPacket packet = { .to_host = FALSE, .local = *remote, .remote = *local, .data = data };

  sim->sent_by_host++;
  if (!link || link->up_blocked || (link->mtu != 0 && ip_length (local, data) > link->mtu) ||
      (roam_addr_is_set (&link->only_to) && !roam_addr_equal (&link->only_to, &remote->addr)))
    return;
  if (roam_addr_is_set (&link->nat))
    packet.remote = (RoamEndpoint){ .addr = link->nat, .port = map_out (sim, link, local->port) };
  if (roam_addr_is_set (&link->nat64_to) && roam_addr_equal (&link->nat64_from, &remote->addr))
    packet.local.addr = link->nat64_to;
  fly (sim, link, &packet);
}

void
sim_send_from_server (Sim *sim, const RoamEndpoint *local, const RoamEndpoint *remote, GBytes *data)
{
  for (guint i = 0; i < sim->links->len; i++)
    {
      SimLink *link = g_ptr_array_index (sim->links, i);
      SimPacket packet = {
        .to_host = TRUE, .ifindex = link->ifindex, .local = *remote, .remote = *local, .data = data
      };

      if (!roam_addr_equal (roam_addr_is_set (&link->nat) ? &link->nat : &link->host, &remote->addr))
        continue;
      if (roam_addr_is_set (&link->nat))
        packet.local = (RoamEndpoint){ .addr = link->host, .port = map_in (sim, link, remote->port) };
      if (roam_addr_is_set (&link->nat64_to) && roam_addr_equal (&link->nat64_to, &local->addr))
        packet.remote.addr = link->nat64_from;
      if (packet.local.port != 0 && !link->down_blocked)
        fly (sim, link, &packet);
      return;
    }
}

/* The index of the earliest flight, or -1. */
static int
earliest (const Sim *sim)
{
  int best = -1;

  for (guint i = 0; i < sim->flights->len; i++)
    {
      const Flight *flight = g_ptr_array_index (sim->flights, i);
      const Flight *other = best < 0 ? NULL : g_ptr_array_index (sim->flights, best);
      if (!other || flight->due_us < other->due_us || (flight->due_us == other->due_us && flight->order < other->order))
        best = (int)i;
    }
  return best;
}

gint64
sim_next_us (const Sim *sim)
{
  int index = earliest (sim);
  return index < 0 ? ROAM_NEVER : ((const Flight *)g_ptr_array_index (sim->flights, index))->due_us;
}

gboolean
sim_take (Sim *sim, SimPacket *ret_packet)
{
  int index = earliest (sim);
  Flight *flight;

  if (index < 0)
    return FALSE;
  flight = g_ptr_array_index (sim->flights, index);
  if (flight->due_us > sim->now_us)
    return FALSE;
  *ret_packet = flight->packet;
  ret_packet->data = g_bytes_ref (flight->packet.data);
  g_ptr_array_remove_index (sim->flights, (guint)index);
  return TRUE;
}

guint
sim_sent_by_host (const Sim *sim)
{
  return sim->sent_by_host;
}
