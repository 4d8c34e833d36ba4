/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "tunnel/tunnel-inner-private.h"

#include "base/wire.h"
#include "tunnel/tunnel-esp-private.h"
#include "tunnel/tunnel-octets-private.h"

#include <string.h>

#define PROTOCOL_ICMP 1

/* RFC 768: the sum over addresses, protocol, length and the datagram. */
static guint16
udp_checksum (guint32 source, guint32 destination, const guint8 *udp, gsize length)
{
  guint8 pseudo[12] = { 0 };

  tunnel_put_u32 (pseudo, source);
  tunnel_put_u32 (pseudo + 4, destination);
  pseudo[9] = TUNNEL_PROTOCOL_UDP;
  tunnel_put_u16 (pseudo + 10, (guint16)length);
  return tunnel_checksum_finish (tunnel_checksum_add (tunnel_checksum_add (0, pseudo, sizeof pseudo), udp, length));
}

/* A registration message: UDP from port 434 to port 434 of the TIA, whole. */
static TunnelDrop
process_registration (const TunnelInnerContext *context, const TunnelIp4 *header, guint8 *packet, TunnelInner *inner)
{
  guint8 *udp = packet + header->header_length;
  guint16 source_port, destination_port, length, checksum;
  WireReader reader;

  if (header->destination != context->ipip.local)
    return TUNNEL_DROP_DESTINATION;
  if (tunnel_ip4_is_fragment (header))
    return TUNNEL_DROP_FRAGMENT;
  wire_reader_init (&reader, udp, header->total_length - header->header_length);
  if (!wire_read_u16 (&reader, &source_port) || !wire_read_u16 (&reader, &destination_port) ||
      !wire_read_u16 (&reader, &length) || !wire_read_u16 (&reader, &checksum) || length < TUNNEL_UDP_HEADER ||
      !wire_skip (&reader, (gsize)length - TUNNEL_UDP_HEADER))
    return TUNNEL_DROP_MALFORMED;
  if (source_port != TUNNEL_MIP_PORT || destination_port != TUNNEL_MIP_PORT)
    return TUNNEL_DROP_NEXT_HEADER;
  if (checksum != 0 && udp_checksum (header->source, header->destination, udp, length) != 0)
    return TUNNEL_DROP_MALFORMED;
  inner->source = (RoamEndpoint){ roam_addr_from_u32 (header->source), source_port };
  inner->destination = (RoamEndpoint){ roam_addr_from_u32 (header->destination), destination_port };
  inner->data = udp + TUNNEL_UDP_HEADER;
  inner->length = (gsize)length - TUNNEL_UDP_HEADER;
  inner->type = TUNNEL_INNER_REGISTRATION;
  return TUNNEL_DROP_NONE;
}

/* Fragments do not show it, and are nobody's anyway. */
static gboolean
is_tunnel_data (const TunnelIp4 *header, const guint8 *packet)
{
  gsize headers = header->header_length + TUNNEL_UDP_HEADER;

  return header->protocol == TUNNEL_PROTOCOL_UDP && !tunnel_ip4_is_fragment (header) &&
         header->total_length > headers && tunnel_data_is (packet + headers, header->total_length - headers);
}

static TunnelDrop
process_user (const TunnelInnerContext *context, TunnelEcn carrier, guint8 *plain, gsize length, TunnelInner *inner)
{
  TunnelDrop drop;

  /* R5266-TRF-001, -003: user data stop in both directions. */
  if (context->mode != TUNNEL_MODE_MC)
    return TUNNEL_DROP_MODE;
  drop =
    tunnel_ipip_decapsulate (&context->ipip, carrier, plain, length, &inner->data, &inner->length, &inner->ecn_unused);
  if (drop == TUNNEL_DROP_NONE)
    inner->type = TUNNEL_INNER_USER;
  return drop;
}

void
tunnel_inner_classify (const TunnelInnerContext *context, TunnelEcn carrier, guint8 next_header, guint8 *plain,
                       gsize length, TunnelInner *ret_inner)
{
  TunnelIp4 header;

  *ret_inner = (TunnelInner){ .type = TUNNEL_INNER_DROPPED };
  if (next_header != TUNNEL_NEXT_HEADER_IPV4)
    {
      ret_inner->drop = next_header == TUNNEL_NEXT_HEADER_DUMMY ? TUNNEL_DROP_DUMMY : TUNNEL_DROP_NEXT_HEADER;
      return;
    }
  ret_inner->drop = tunnel_ip4_parse (plain, length, &header);
  if (ret_inner->drop != TUNNEL_DROP_NONE)
    return;
  if (header.protocol == TUNNEL_PROTOCOL_IPIP || is_tunnel_data (&header, plain))
    ret_inner->drop = process_user (context, carrier, plain, header.total_length, ret_inner);
  else if (header.protocol == TUNNEL_PROTOCOL_UDP)
    ret_inner->drop = process_registration (context, &header, plain, ret_inner);
  else if (header.protocol == PROTOCOL_ICMP && header.destination == context->ipip.local)
    {
      ret_inner->type = TUNNEL_INNER_ICMP;
      ret_inner->data = plain;
      ret_inner->length = header.total_length;
    }
  else
    ret_inner->drop = TUNNEL_DROP_NEXT_HEADER;
}

gsize
tunnel_inner_build_registration (guint8 *packet, gsize size, const RoamAddr *source, const RoamEndpoint *destination,
                                 guint8 ttl, const guint8 *payload, gsize payload_length)
{
  gsize udp_length = TUNNEL_UDP_HEADER + payload_length, length = TUNNEL_IP4_HEADER + udp_length;
  guint8 *udp = packet + TUNNEL_IP4_HEADER;
  TunnelIp4 header = { .ttl = ttl, .protocol = TUNNEL_PROTOCOL_UDP };
  guint16 checksum;

  if (source->family != ROAM_FAMILY_INET4 || destination->addr.family != ROAM_FAMILY_INET4 || length > size ||
      length > G_MAXUINT16)
    return 0;
  header.total_length = (guint)length;
  header.source = roam_addr_to_u32 (source);
  header.destination = roam_addr_to_u32 (&destination->addr);
  tunnel_ip4_build (packet, &header);
  tunnel_put_u16 (udp, TUNNEL_MIP_PORT);
  tunnel_put_u16 (udp + 2, destination->port);
  tunnel_put_u16 (udp + 4, (guint16)udp_length);
  tunnel_put_u16 (udp + 6, 0);
  memcpy (udp + TUNNEL_UDP_HEADER, payload, payload_length);
  /* RFC 5944 3.3: the checksum is used; 0 on the wire would say that it is not (RFC 768). */
  checksum = udp_checksum (header.source, header.destination, udp, udp_length);
  tunnel_put_u16 (udp + 6, checksum != 0 ? checksum : 0xffff);
  return length;
}
