/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "tunnel/tunnel-fragment-private.h"

#include "tunnel/tunnel-icmp-private.h"
#include "tunnel/tunnel-octets-private.h"

#include <string.h>

#define ICMP_UNREACHABLE 3
#define ICMP_FRAGMENTATION_NEEDED 4
#define MORE_FRAGMENTS 0x2000
#define OFFSET_UNIT 8

gsize
tunnel_build_too_big (guint8 *reply, const guint8 *packet, gsize length, guint32 source, guint mtu)
{
  TunnelIcmpVerdict verdict = {
    .relay = TRUE, .type = ICMP_UNREACHABLE, .code = ICMP_FRAGMENTATION_NEEDED, .rest = mtu, .original = packet
  };
  TunnelIp4 header;

  if (tunnel_ip4_parse (packet, length, &header) != TUNNEL_DROP_NONE || !tunnel_icmp_may_answer (packet, length))
    return 0;
  verdict.original_length = header.total_length;
  return tunnel_icmp_build (&verdict, source, reply);
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
