/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "base/addr.h"
#include "tunnel/tunnel-ipip-private.h"
#include "tunnel/tunnel.h"

/*
 * What came out of ESP: the user's packet inside the Mobile IPv4 tunnel, or Mobile IPv4 signalling to
 * the TIA, or nothing that the node asked for. Pure.
 */

typedef struct
{
  TunnelMode mode;
  TunnelIpip ipip; /* local = TIA */
} TunnelInnerContext;

typedef enum
{
  TUNNEL_INNER_DROPPED,
  TUNNEL_INNER_USER,         /* data, length: the decapsulated packet */
  TUNNEL_INNER_ICMP,         /* data, length: an ICMP message to the TIA, from its IP header on */
  TUNNEL_INNER_REGISTRATION, /* data, length: the UDP payload; source, destination */
} TunnelInnerType;

typedef struct
{
  TunnelInnerType type;
  TunnelDrop drop;
  gboolean ecn_unused;
  guint8 *data; /* into the packet */
  gsize length;
  RoamEndpoint source, destination;
} TunnelInner;

/* Judges @plain as it came out of ESP with @next_header; @carrier: ECN of ESP's outer header. */
void tunnel_inner_classify (const TunnelInnerContext *context, TunnelEcn carrier, guint8 next_header, guint8 *plain,
                            gsize length, TunnelInner *ret_inner);
/*
 * Builds IPv4 and UDP around a registration message at @packet (room @size), source port 434.
 * Returns the length, 0 if an address is not IPv4 or the room too small.
 */
gsize tunnel_inner_build_registration (guint8 *packet, gsize size, const RoamAddr *source,
                                       const RoamEndpoint *destination, guint8 ttl, const guint8 *payload,
                                       gsize payload_length);
