/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "tunnel/tunnel-icmp-private.h"

/*
 * Packets that waited for a path and are too big for the one that came: the TUN's MTU was greater
 * when they were made. RFC 3519 4.8, RFC 4459 3.4: fragments before encapsulation, or word to the
 * sender where fragments are forbidden. Pure.
 */

/*
 * Builds "fragmentation needed" (RFC 1191) about @packet, as if from @source, with the next hop's
 * @mtu. @reply has TUNNEL_ICMP_MAX_OCTETS. Returns its length; 0 if @packet must get no answer (RFC 1122 3.2.2).
 */
gsize tunnel_build_too_big (guint8 *reply, const guint8 *packet, gsize length, guint32 source, guint mtu);

typedef struct
{
  const guint8 *packet;
  TunnelIp4 header;
  guint mtu;
  guint offset; /* of the payload, octets */
} TunnelFragmenter;

/* @packet is borrowed until the last fragment. FALSE: DF, options, or no IPv4 packet at all. */
gboolean tunnel_fragmenter_init (TunnelFragmenter *fragmenter, const guint8 *packet, gsize length, guint mtu);
/* Writes the next fragment to @fragment (room for the MTU); returns its length, 0 after the last. */
gsize tunnel_fragmenter_next (TunnelFragmenter *fragmenter, guint8 *fragment);
