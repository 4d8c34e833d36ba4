/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "base/now.h"
#include "tunnel/tunnel-ipip-private.h"

/*
 * Fragments of the Mobile IPv4 tunnel that come out of ESP: a home agent whose path to the gateway is
 * narrower than its packets sends them, and nobody but us can put them together (RFC 4303 3.4.1 wants
 * ESP itself whole, not what is inside). Pure, bounded: the sender is behind the gateway, not trusted.
 */

/* Datagrams under way at once: the fragments of one follow each other, so few overlap. */
#define TUNNEL_REASSEMBLY_DATAGRAMS 16
/* The TUN's largest packet, the tunnel's headers with options. */
#define TUNNEL_REASSEMBLY_OCTETS 9216
/* RFC 791 3.2: the value it recommends. */
#define TUNNEL_REASSEMBLY_AGE_US (15 * ROAM_USEC_PER_SEC)

typedef struct _TunnelReassembly TunnelReassembly;

TunnelReassembly *tunnel_reassembly_new (void);
void tunnel_reassembly_free (TunnelReassembly *reassembly);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (TunnelReassembly, tunnel_reassembly_free)
/* Forgets what is under way. */
void tunnel_reassembly_clear (TunnelReassembly *reassembly);
/*
 * Takes the fragment @packet of a datagram between the ends of @tunnel. NONE with *@ret_packet NULL:
 * others are missing; else the whole datagram, valid until the next call, and the most severe ECN
 * field of its carriers. Fragments that overlap discard all of their datagram (FRAGMENT).
 */
TunnelDrop tunnel_reassembly_add (TunnelReassembly *reassembly, const TunnelIpip *tunnel, TunnelEcn carrier,
                                  const guint8 *packet, gsize length, gint64 now_us, guint8 **ret_packet,
                                  gsize *ret_length, TunnelEcn *ret_carrier);
