/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "mip4/had-io-private.h"
#include "mip4/mip4-tunnel-private.h"

/* Inside of the data path: had-data-io.c (tunnels, opening), had-encapsulate-io.c, had-decapsulate-io.c,
 * had-relay-io.c, had-broadcast-io.c. */

/* Packets moved per system call and per turn of the main loop: control messages wait no longer than that. */
#define HAD_BATCH 64u
#define HAD_TURNS 8u
/* Octets of a packet: the TUN's MTU is 1480 at most; a reassembled outer packet may carry more. */
#define HAD_PACKET_SIZE 4096u
/* In front of the inner packet in a UDP tunnel (RFC 3519 3.3). */
#define HAD_TUNNEL_DATA_HEADER 4u

typedef struct
{
  gboolean udp;
  struct sockaddr_in peer;
} HadTunnelEnd;

typedef struct _HadTunnel HadTunnel;

/* Of one binding. */
struct _HadTunnel
{
  HadTunnel *next;           /* of the same home address */
  guint32 care_of_address;   /* as registered; host order */
  gboolean co_located;       /* the node itself decapsulates */
  gboolean half_bound;       /* its end is not known yet (RFC 3519 4.6) */
  HadTunnelEnd end, old_end; /* @old_end is still heard until @old_until_us (D-38) */
  gint64 old_until_us;
  Mip4TunnelPath path;         /* RFC 2003 5 */
  gint64 unreachable_until_us; /* RFC 2003 5: an error was too short to be passed on */
};

typedef enum
{
  HAD_COUNT_ENCAPSULATED,
  HAD_COUNT_DECAPSULATED,
  HAD_COUNT_NO_BINDING,   /* towards a home address without one */
  HAD_COUNT_NOT_FROM_COA, /* tunnelled, but not from the binding's care-of address (RFC 3024 4.3.2) */
  HAD_COUNT_MALFORMED,
  HAD_COUNT_LOOP,
  HAD_COUNT_ECN_DROPPED,
  HAD_COUNT_ECN_STRANGE,
  HAD_COUNT_SEND_FAILED,
  HAD_COUNT_FRAGMENTED,
  HAD_COUNT_TOO_BIG, /* DF was set: the sender was told */
  HAD_COUNT_BROADCAST,
  HAD_COUNT_BROADCAST_DROPPED, /* too many of them */
  HAD_COUNT_ICMP_RELAYED,
  HAD_COUNT_ICMP_NOT_RELAYED, /* about a packet of ours, but nothing for its sender */
  HAD_COUNT_ICMP_FOREIGN,     /* quotes nothing that was sent */
  HAD_N_COUNTS,
} HadCount;

struct _HadData
{
  int tun_fd, raw_fd, send_fd, icmp_fd, udp_fd, tun_index;
  int broadcast_fd, home_index;
  guint tun_source, raw_source, icmp_source, broadcast_source;
  RoamAddr address;
  RoamPrefix home_network;
  guint32 own; /* the address in host order */
  Mip4EcnMode ecn;
  guint64 secret;                /* of the tags in outer headers */
  GHashTable *tunnels;           /* home address -> first HadTunnel */
  GHashTable *broadcast_tunnels; /* HadTunnel -> home address: those with B */
  gint64 broadcast_second;       /* rate limit of their copies */
  guint n_broadcasts;
  guint64 counts[HAD_N_COUNTS];
  gint64 icmp_second; /* rate limit of what we send */
  guint icmp_sent;
  guint8 (*packets)[HAD_PACKET_SIZE]; /* HAD_BATCH of them */
};

/* The first of its tunnels; NULL: none. */
HadTunnel *had_data_find (const HadData *data, guint32 home_address);

/* had-encapsulate-io.c: @packet is for a home address; the caller keeps it until had_encapsulate_flush(). */
gboolean had_encapsulate_readable (int fd, GIOCondition condition, gpointer user_data);
/* A copy of a broadcast @packet of the home link; inside another packet if the node is not the tunnel's end. */
void had_encapsulate_broadcast (HadData *data, HadTunnel *tunnel, guint32 home_address, const guint8 *packet,
                                gsize length);
/* had-broadcast-io.c: @wanted: the binding has B. A tunnel that goes is not wanted. */
void had_broadcast_set (HadData *data, HadTunnel *tunnel, guint32 home_address, gboolean wanted);
void had_broadcast_stop (HadData *data);
/* had-decapsulate-io.c */
gboolean had_decapsulate_readable (int fd, GIOCondition condition, gpointer user_data);
/* had-relay-io.c */
gboolean had_relay_readable (int fd, GIOCondition condition, gpointer user_data);
/* Tells the sender of @packet, within the rate limit (RFC 1812 4.3.2.8). TRUE when it was sent. */
gboolean had_relay_tell (HadData *data, const Mip4IcmpRelay *relay, const guint8 *packet, gsize length);
/* The largest outer packet towards @end that its link takes. */
guint had_relay_link_mtu (const HadTunnelEnd *end);
