/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "tunnel/tunnel-fragment-private.h"

#include "tunnel/tunnel-octets-private.h"

#include <string.h>

#define PROTOCOL_ICMP 1
#define ICMP_HEADER 8
#define ICMP_UNREACHABLE 3
#define ICMP_FRAGMENTATION_NEEDED 4
#define ICMP_TTL 64
#define MORE_FRAGMENTS 0x2000
#define OFFSET_MASK 0x1fff
#define OFFSET_UNIT 8

/* RFC 1122 3.2.2: an ICMP error is not answered by another; queries (RFC 792, 950, 1256) are like data. */
static gboolean
is_icmp_error (const TunnelIp4 *header, const guint8 *packet)
{
  guint8 type;

  if (header->protocol != PROTOCOL_ICMP)
    return FALSE;
  if (header->total_length == header->header_length)
    return TRUE;
  type = packet[header->header_length];
  return !(type == 0 || (type >= 8 && type <= 10) || (type >= 13 && type <= 18));
}

gsize
tunnel_build_too_big (guint8 *reply, const guint8 *packet, gsize length, guint32 source, guint mtu)
{
  TunnelIp4 header, outer = { .ttl = ICMP_TTL, .protocol = PROTOCOL_ICMP, .source = source };
  guint8 *icmp = reply + TUNNEL_IP4_HEADER;
  gsize quoted;

  if (tunnel_ip4_parse (packet, length, &header) != TUNNEL_DROP_NONE || (header.fragment & OFFSET_MASK) != 0 ||
      is_icmp_error (&header, packet))
    return 0;
  quoted = MIN (header.total_length, TUNNEL_TOO_BIG_OCTETS - TUNNEL_IP4_HEADER - ICMP_HEADER);
  outer.destination = header.source;
  outer.total_length = (guint)(TUNNEL_IP4_HEADER + ICMP_HEADER + quoted);
  tunnel_ip4_build (reply, &outer);
  memset (icmp, 0, ICMP_HEADER);
  icmp[0] = ICMP_UNREACHABLE;
  icmp[1] = ICMP_FRAGMENTATION_NEEDED;
  tunnel_put_u16 (icmp + 6, (guint16)mtu);
  memcpy (icmp + ICMP_HEADER, packet, quoted);
  tunnel_put_u16 (icmp + 2, tunnel_checksum_finish (tunnel_checksum_add (0, icmp, ICMP_HEADER + quoted)));
  return outer.total_length;
}

gboolean
tunnel_fragmenter_init (TunnelFragmenter *fragmenter, const guint8 *packet, gsize length, guint mtu)
{
  TunnelIp4 header;

  /* Options would have to be sorted by their copy bit (RFC 791 3.1); too rare to be worth it. */
  if (tunnel_ip4_parse (packet, length, &header) != TUNNEL_DROP_NONE || (header.fragment & TUNNEL_IP4_DF) != 0 ||
      header.header_length != TUNNEL_IP4_HEADER || mtu < TUNNEL_IP4_HEADER + OFFSET_UNIT)
    return FALSE;
  *fragmenter = (TunnelFragmenter){ .packet = packet, .header = header, .mtu = mtu };
  return TRUE;
}

gsize
tunnel_fragmenter_next (TunnelFragmenter *fragmenter, guint8 *fragment)
{
  guint payload = fragmenter->header.total_length - TUNNEL_IP4_HEADER, left = payload - fragmenter->offset;
  guint room = (fragmenter->mtu - TUNNEL_IP4_HEADER) / OFFSET_UNIT * OFFSET_UNIT, part = MIN (left, room);
  guint16 field = fragmenter->header.fragment;

  if (left == 0)
    return 0;
  memcpy (fragment, fragmenter->packet, TUNNEL_IP4_HEADER);
  memcpy (fragment + TUNNEL_IP4_HEADER, fragmenter->packet + TUNNEL_IP4_HEADER + fragmenter->offset, part);
  field = (guint16)(field + fragmenter->offset / OFFSET_UNIT);
  if (part < left)
    field |= MORE_FRAGMENTS;
  fragmenter->offset += part;
  tunnel_put_u16 (fragment + 2, (guint16)(TUNNEL_IP4_HEADER + part));
  tunnel_put_u16 (fragment + 6, field);
  tunnel_put_u16 (fragment + 10, 0);
  tunnel_put_u16 (fragment + 10, tunnel_checksum_finish (tunnel_checksum_add (0, fragment, TUNNEL_IP4_HEADER)));
  return TUNNEL_IP4_HEADER + part;
}
