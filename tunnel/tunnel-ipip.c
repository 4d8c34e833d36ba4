/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "tunnel/tunnel-ipip-private.h"

#include "base/wire.h"
#include "tunnel/tunnel-octets-private.h"

#define IP4_MORE_FRAGMENTS_AND_OFFSET 0x3fff
#define IP4_TOS_OFFSET 1
#define IP4_CHECKSUM_OFFSET 10
#define ECN_MASK 0x03
/* Of the outer header; a tunnel is one hop for the inner packet, so it needs its own (RFC 2003 3.1). */
#define OUTER_TTL 64

guint32
tunnel_checksum_add (guint32 sum, const guint8 *data, gsize length)
{
  gsize i;

  for (i = 0; i + 1 < length; i += 2)
    sum += tunnel_get_u16 (data + i);
  if (i < length)
    sum += (guint32)data[i] << 8;
  return (sum & 0xffff) + (sum >> 16);
}

guint16
tunnel_checksum_finish (guint32 sum)
{
  sum = (sum & 0xffff) + (sum >> 16);
  sum = (sum & 0xffff) + (sum >> 16);
  return (guint16)~sum;
}

TunnelDrop
tunnel_ip4_parse (const guint8 *packet, gsize length, TunnelIp4 *ret_header)
{
  TunnelIp4 header = { 0 };
  WireReader reader;
  guint8 version_ihl;
  guint16 total_length;

  wire_reader_init (&reader, packet, length);
  if (!wire_read_u8 (&reader, &version_ihl))
    return TUNNEL_DROP_MALFORMED;
  if (version_ihl >> 4 != 4)
    return TUNNEL_DROP_NOT_IPV4;
  header.header_length = (version_ihl & 0x0fu) * 4;
  if (!wire_read_u8 (&reader, &header.tos) || !wire_read_u16 (&reader, &total_length) || !wire_skip (&reader, 2) ||
      !wire_read_u16 (&reader, &header.fragment) || !wire_read_u8 (&reader, &header.ttl) ||
      !wire_read_u8 (&reader, &header.protocol) || !wire_skip (&reader, 2) ||
      !wire_read_u32 (&reader, &header.source) || !wire_read_u32 (&reader, &header.destination))
    return TUNNEL_DROP_MALFORMED;
  header.total_length = total_length;
  if (header.header_length < TUNNEL_IP4_HEADER || header.total_length < header.header_length ||
      header.total_length > length)
    return TUNNEL_DROP_MALFORMED;
  *ret_header = header;
  return TUNNEL_DROP_NONE;
}

gboolean
tunnel_ip4_is_fragment (const TunnelIp4 *header)
{
  return (header->fragment & IP4_MORE_FRAGMENTS_AND_OFFSET) != 0;
}

gboolean
tunnel_ip4_is_group (guint32 addr)
{
  return addr >> 28 == 0xe || addr == G_MAXUINT32;
}

void
tunnel_ip4_build (guint8 *packet, const TunnelIp4 *header)
{
  packet[0] = 4 << 4 | TUNNEL_IP4_HEADER / 4;
  packet[1] = header->tos;
  tunnel_put_u16 (packet + 2, (guint16)header->total_length);
  tunnel_put_u16 (packet + 4, 0);
  tunnel_put_u16 (packet + 6, TUNNEL_IP4_DF);
  packet[8] = header->ttl;
  packet[9] = header->protocol;
  tunnel_put_u16 (packet + IP4_CHECKSUM_OFFSET, 0);
  tunnel_put_u32 (packet + 12, header->source);
  tunnel_put_u32 (packet + 16, header->destination);
  tunnel_put_u16 (packet + IP4_CHECKSUM_OFFSET,
                  tunnel_checksum_finish (tunnel_checksum_add (0, packet, TUNNEL_IP4_HEADER)));
}

void
tunnel_ip4_set_ecn (guint8 *packet, TunnelEcn ecn)
{
  guint16 old_word = tunnel_get_u16 (packet), new_word;
  guint32 sum;

  packet[IP4_TOS_OFFSET] = (guint8)((packet[IP4_TOS_OFFSET] & ~ECN_MASK) | ecn);
  new_word = tunnel_get_u16 (packet);
  /* RFC 1624 equation 3: HC' = ~(~HC + ~m + m'). */
  sum = (guint16)~tunnel_get_u16 (packet + IP4_CHECKSUM_OFFSET);
  sum += (guint16)~old_word;
  sum += new_word;
  tunnel_put_u16 (packet + IP4_CHECKSUM_OFFSET, tunnel_checksum_finish (sum));
}

gboolean
tunnel_ecn_decapsulate (TunnelEcn inner, TunnelEcn outer, TunnelEcn *ret_ecn, gboolean *ret_unused)
{
  gboolean unused = FALSE;
  TunnelEcn ecn = inner;

  switch (inner)
    {
    case TUNNEL_ECN_NOT_ECT:
      unused = outer != TUNNEL_ECN_NOT_ECT;
      /* The sender does not know ECN: loss is the only signal it understands. */
      if (outer == TUNNEL_ECN_CE)
        {
          *ret_unused = TRUE;
          return FALSE;
        }
      break;
    case TUNNEL_ECN_ECT_0:
      ecn = outer == TUNNEL_ECN_NOT_ECT ? TUNNEL_ECN_ECT_0 : outer;
      break;
    case TUNNEL_ECN_ECT_1:
      ecn = outer == TUNNEL_ECN_CE ? TUNNEL_ECN_CE : TUNNEL_ECN_ECT_1;
      break;
    case TUNNEL_ECN_CE:
      unused = outer == TUNNEL_ECN_ECT_1;
      break;
    }
  *ret_ecn = ecn;
  *ret_unused = unused;
  return TRUE;
}

/* The 12 octets between outer and inner header (RFC 3519 3.3). */
static void
build_data_header (const TunnelIpip *tunnel, guint8 *udp, guint length)
{
  tunnel_put_u16 (udp, tunnel->udp_port);
  tunnel_put_u16 (udp + 2, TUNNEL_MIP_PORT);
  tunnel_put_u16 (udp + 4, (guint16)length);
  tunnel_put_u16 (udp + 6, 0);
  udp[8] = TUNNEL_DATA_TYPE;
  udp[9] = TUNNEL_PROTOCOL_IPIP;
  tunnel_put_u16 (udp + 10, 0);
}

TunnelDrop
tunnel_ipip_encapsulate (const TunnelIpip *tunnel, guint8 *inner, gsize length, gsize *ret_length)
{
  guint overhead = tunnel_ipip_get_overhead (tunnel);
  TunnelIp4 header, outer;
  TunnelDrop drop = tunnel_ip4_parse (inner, length, &header);

  if (drop != TUNNEL_DROP_NONE)
    return drop;
  if (header.total_length + overhead > G_MAXUINT16)
    return TUNNEL_DROP_MALFORMED;
  if (header.ttl == 0)
    return TUNNEL_DROP_TTL;
  /*
   * RFC 2003 3.2: a packet of the tunnel's own end points would go round for ever. Only towards a
   * foreign agent the home address is the end of the tunnel as well (RFC 3024 5.2.2).
   */
  if ((header.source == tunnel->local && tunnel->local != tunnel->home_address) || header.source == tunnel->remote)
    return TUNNEL_DROP_LOOP;
  if (header.source != tunnel->home_address)
    return TUNNEL_DROP_SOURCE;
  outer = (TunnelIp4){
    .tos = tunnel->ecn_compatibility ? (guint8)(header.tos & ~ECN_MASK) : header.tos,
    .ttl = OUTER_TTL,
    .protocol = tunnel->udp ? TUNNEL_PROTOCOL_UDP : TUNNEL_PROTOCOL_IPIP,
    .total_length = header.total_length + overhead,
    .source = tunnel->local,
    .destination = tunnel->remote,
  };
  tunnel_ip4_build (inner - overhead, &outer);
  if (tunnel->udp)
    build_data_header (tunnel, inner - overhead + TUNNEL_IP4_HEADER, outer.total_length - TUNNEL_IP4_HEADER);
  *ret_length = outer.total_length;
  return TUNNEL_DROP_NONE;
}

/* No host on the far side of a tunnel has such an address: own, this host, loopback, multicast, reserved. */
static gboolean
is_plausible_source (const TunnelIpip *tunnel, guint32 source)
{
  guint32 first_octet = source >> 24;

  return source != tunnel->home_address && first_octet != 0 && first_octet != 127 && first_octet < 224;
}

/*
 * The inner packet is for the home address, or for a group if that was asked for (decision D-22). The
 * host's own stack then asks whether anybody joined.
 */
static TunnelDrop
verify_inner (const TunnelIpip *tunnel, const TunnelIp4 *header)
{
  if (header->ttl == 0)
    return TUNNEL_DROP_TTL;
  if (header->destination != tunnel->home_address && !(tunnel->broadcasts && tunnel_ip4_is_group (header->destination)))
    return TUNNEL_DROP_DESTINATION;
  if (!is_plausible_source (tunnel, header->source))
    return TUNNEL_DROP_SOURCE;
  return TUNNEL_DROP_NONE;
}

static TunnelDrop
verify_outer (const TunnelIpip *tunnel, const guint8 *packet, const TunnelIp4 *outer)
{
  if (tunnel_checksum_finish (tunnel_checksum_add (0, packet, outer->header_length)) != 0)
    return TUNNEL_DROP_MALFORMED;
  /* RFC 3519 4.7: one form at a time. */
  if (outer->protocol != (tunnel->udp ? TUNNEL_PROTOCOL_UDP : TUNNEL_PROTOCOL_IPIP))
    return TUNNEL_DROP_NEXT_HEADER;
  if (tunnel_ip4_is_fragment (outer))
    return TUNNEL_DROP_FRAGMENT;
  if (outer->source != tunnel->remote || outer->destination != tunnel->local)
    return TUNNEL_DROP_END_POINT;
  return TUNNEL_DROP_NONE;
}

/* RFC 3519 4.3: both ports as they were registered. Moves *@data to the inner packet. */
static TunnelDrop
verify_data_header (const TunnelIpip *tunnel, guint8 **data, gsize *length)
{
  guint16 source_port, destination_port, udp_length;
  guint8 type, next_header;
  WireReader reader;

  wire_reader_init (&reader, *data, *length);
  if (!wire_read_u16 (&reader, &source_port) || !wire_read_u16 (&reader, &destination_port) ||
      !wire_read_u16 (&reader, &udp_length) || !wire_skip (&reader, 2) || !wire_read_u8 (&reader, &type) ||
      !wire_read_u8 (&reader, &next_header) || !wire_skip (&reader, 2) || udp_length > *length ||
      udp_length < TUNNEL_UDP_HEADER + TUNNEL_DATA_HEADER)
    return TUNNEL_DROP_MALFORMED;
  if (source_port != TUNNEL_MIP_PORT || destination_port != tunnel->udp_port)
    return TUNNEL_DROP_END_POINT;
  if (type != TUNNEL_DATA_TYPE || next_header != TUNNEL_PROTOCOL_IPIP)
    return TUNNEL_DROP_NEXT_HEADER;
  *data += TUNNEL_UDP_HEADER + TUNNEL_DATA_HEADER;
  *length = udp_length - TUNNEL_UDP_HEADER - TUNNEL_DATA_HEADER;
  return TUNNEL_DROP_NONE;
}

TunnelDrop
tunnel_ipip_decapsulate (const TunnelIpip *tunnel, TunnelEcn carrier, guint8 *packet, gsize length, guint8 **ret_inner,
                         gsize *ret_length, gboolean *ret_ecn_unused)
{
  TunnelIp4 outer, inner;
  TunnelEcn outer_ecn, ecn;
  gboolean carrier_unused = FALSE, unused = FALSE;
  guint8 *inner_packet;
  gsize inner_length;
  TunnelDrop drop;

  drop = tunnel_ip4_parse (packet, length, &outer);
  if (drop == TUNNEL_DROP_NONE)
    drop = verify_outer (tunnel, packet, &outer);
  if (drop != TUNNEL_DROP_NONE)
    return drop;
  inner_packet = packet + outer.header_length;
  inner_length = outer.total_length - outer.header_length;
  if (tunnel->udp)
    drop = verify_data_header (tunnel, &inner_packet, &inner_length);
  if (drop == TUNNEL_DROP_NONE)
    drop = tunnel_ip4_parse (inner_packet, inner_length, &inner);
  if (drop == TUNNEL_DROP_NONE)
    drop = verify_inner (tunnel, &inner);
  if (drop != TUNNEL_DROP_NONE)
    return drop;
  /* From the outermost inwards, one egress after the other (RFC 6040 4.2). */
  if (!tunnel_ecn_decapsulate (outer.tos & ECN_MASK, carrier, &outer_ecn, &carrier_unused) ||
      !tunnel_ecn_decapsulate (inner.tos & ECN_MASK, outer_ecn, &ecn, &unused))
    {
      *ret_ecn_unused = TRUE;
      return TUNNEL_DROP_ECN;
    }
  if (ecn != (TunnelEcn)(inner.tos & ECN_MASK))
    tunnel_ip4_set_ecn (inner_packet, ecn);
  *ret_ecn_unused = carrier_unused || unused;
  *ret_inner = inner_packet;
  *ret_length = inner.total_length;
  return TUNNEL_DROP_NONE;
}
