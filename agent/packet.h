/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "base/addr.h"

#include <glib.h>

/* IPv4 packets with ICMP as agent discovery needs them (RFC 791, RFC 1256). Pure. */

#define AGENT_ALL_SYSTEMS 0xe0000001u /* 224.0.0.1 */

typedef struct
{
  RoamAddr source, destination;
  guint8 ttl;
  const guint8 *message; /* borrowed: inside the packet */
  gsize length;
} AgentPacketIcmp;

/* FALSE: no whole, intact IPv4 packet with ICMP; @ret_icmp is then untouched. Octets behind it are ignored. */
gboolean agent_packet_parse_icmp (const guint8 *data, gsize length, AgentPacketIcmp *ret_icmp);
/* @source unset: 0.0.0.0. Never fragmented; @message at most 1400 octets. Caller unrefs. */
GBytes *agent_packet_build_icmp (const RoamAddr *source, const RoamAddr *destination, guint8 ttl, GBytes *message);
/* The group's 6 octets (RFC 1112 6.4). */
void agent_packet_multicast_link_layer (guint32 group, guint8 *ret_link_layer);
