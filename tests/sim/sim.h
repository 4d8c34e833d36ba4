/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "base/addr.h"
#include "base/now.h"

#include <glib.h>

/*
 * A virtual network in virtual time: some access links of one mobile host on the one side, a server
 * on the other. Every link delays, loses, duplicates and reorders by a seeded generator, and may
 * hide its host behind a NAT. Nothing here sleeps or reads a clock.
 */
typedef struct _Sim Sim;

typedef struct
{
  RoamAddr host;    /* the host's address on this link */
  guint32 ifindex;  /* as the host knows it */
  gint64 delay_us;  /* one way */
  gint64 jitter_us; /* up to that much more, at random: reorders */
  guint loss_percent, duplicate_percent;
  gboolean up_blocked, down_blocked; /* a direction that swallows everything */
  guint mtu;                         /* larger IP packets of the host vanish; 0: no limit */
  RoamAddr only_to;                  /* set: packets to other servers vanish */
  RoamAddr nat;                      /* set: the public address of a NAT in front of the host */
  gint64 nat_timeout_us;             /* idle mappings vanish after it; 0: never */
  RoamAddr nat64_from, nat64_to;     /* set, with an IPv4 nat: what the host calls a server, and what it is */
} SimLink;

typedef struct
{
  gboolean to_host;
  guint32 ifindex;            /* to_host only */
  RoamEndpoint local, remote; /* as the receiver sees them */
  GBytes *data;               /* owned by the packet */
} SimPacket;

Sim *sim_new (guint64 seed);
void sim_free (Sim *sim);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (Sim, sim_free)

RoamNow sim_now (const Sim *sim);
/* Time never goes back. */
void sim_set_time (Sim *sim, gint64 boot_us);

/* The link belongs to the simulation; the test may change its fields at any time. */
SimLink *sim_add_link (Sim *sim, guint32 ifindex, const char *host, gint64 delay_us);
SimLink *sim_link_of (Sim *sim, const RoamAddr *host);
/* As if the NAT rebooted: every mapping gets another port. */
void sim_nat_reset (Sim *sim, SimLink *link);

void sim_send_from_host (Sim *sim, const RoamEndpoint *local, const RoamEndpoint *remote, GBytes *data);
/* Finds the link by the destination; silently lost when there is none (or no mapping). */
void sim_send_from_server (Sim *sim, const RoamEndpoint *local, const RoamEndpoint *remote, GBytes *data);

/* When the next packet arrives somewhere; ROAM_NEVER if nothing is under way. */
gint64 sim_next_us (const Sim *sim);
/* Takes the next packet due at the present time. */
gboolean sim_take (Sim *sim, SimPacket *ret_packet);
void sim_packet_clear (SimPacket *packet);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (SimPacket, sim_packet_clear)
/* Packets sent so far from the host, lost ones included. */
guint sim_sent_by_host (const Sim *sim);
