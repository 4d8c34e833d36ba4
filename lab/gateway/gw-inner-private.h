/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "ike/ike.h"
#include "tunnel/tunnel-packet.h"

/* The packets inside the tunnels, and whether an SA may carry them (RFC 4301 5.1, 5.2). Pure. */

typedef struct
{
  RoamAddr source, destination;
  guint8 protocol; /* of the payload, behind extension headers */
  gboolean has_ports;
  guint16 source_port, destination_port; /* ICMP: both type << 8 | code */
  guint8 tos;                            /* DSCP and ECN */
  gsize length;                          /* of the packet; what is behind it is padding (RFC 4303 2.7) */
} GwInner;

/* FALSE: neither a whole IPv4 nor a whole IPv6 packet. */
gboolean gw_inner_parse (const guint8 *packet, gsize length, GwInner *ret_inner);
/*
 * NONE when @inner came from the client (@inbound) or may go to it by the selectors of @sa; SOURCE or DESTINATION,
 * whichever does not fit.
 */
TunnelDrop gw_inner_check (const GwInner *inner, const IkeChildSa *sa, gboolean inbound);
/* RFC 6040 4.2: the outer header's ECN @outer into the packet. FALSE: it must be dropped. */
gboolean gw_inner_take_ecn (guint8 *packet, const GwInner *inner, TunnelEcn outer);
