/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "base/addr.h"
#include "tunnel/tunnel-packet.h"

/*
 * The Mobile IPv4 tunnel, IP-in-IP (RFC 2003) or in UDP (RFC 3519), with ECN by RFC 6040, IPv4 in
 * IPv4, on the caller's buffers. Addresses are host-order numbers: they are compared a packet.
 */

#define TUNNEL_IP4_HEADER 20
#define TUNNEL_IP6_HEADER 40 /* fixed part; roamd adds no extension headers */
#define TUNNEL_UDP_HEADER 8
#define TUNNEL_DATA_HEADER 4 /* RFC 3519 3.3: type, next header, reserved */
#define TUNNEL_MIP_UDP_OVERHEAD (TUNNEL_IP4_HEADER + TUNNEL_UDP_HEADER + TUNNEL_DATA_HEADER)
#define TUNNEL_MIP_PORT 434 /* RFC 5944 3.3: the home agent's end */
#define TUNNEL_DATA_TYPE 4  /* RFC 3519 3.3: the first octet, where registrations have 1 or 3 */
#define TUNNEL_PROTOCOL_IPIP 4
#define TUNNEL_PROTOCOL_UDP 17
#define TUNNEL_IP4_DF 0x4000

/* The fields of one IPv4 header that the data path looks at. */
typedef struct
{
  guint header_length; /* octets, options included */
  guint8 tos, ttl, protocol;
  guint total_length; /* octets, never more than were given */
  guint16 fragment;   /* flags and offset as on the wire */
  guint32 source, destination;
} TunnelIp4;

/* MALFORMED or NOT_IPV4 leaves @ret_header untouched. Octets behind the total length are legal (RFC 4303 2.7). */
TunnelDrop tunnel_ip4_parse (const guint8 *packet, gsize length, TunnelIp4 *ret_header);
gboolean tunnel_ip4_is_fragment (const TunnelIp4 *header);
/* Multicast, or the limited broadcast. */
gboolean tunnel_ip4_is_group (guint32 addr);
/* Writes 20 octets at @packet: DF, identification 0 (RFC 6864 4.1: an atomic datagram needs none), checksum. */
void tunnel_ip4_build (guint8 *packet, const TunnelIp4 *header);
/* RFC 1071 over @length octets, added to @sum; not yet folded. */
guint32 tunnel_checksum_add (guint32 sum, const guint8 *data, gsize length);
guint16 tunnel_checksum_finish (guint32 sum);

/* --------------------------------------------------------------------- tunnel ---- */

typedef struct
{
  guint32 local, remote; /* CoA, TIA, or in F the home address; home agent */
  guint32 home_address;
  /* B was granted: what is for a group is the user's too. */
  gboolean broadcasts;
  /* RFC 6040 4.3: outer Not-ECT, for a home agent that would ignore marks. */
  gboolean ecn_compatibility;
  /* RFC 3519: everything in UDP, from @udp_port to the home agent's 434 and back, and nothing else. */
  gboolean udp;
  guint16 udp_port;
} TunnelIpip;

/* Octets before the inner packet. */
static inline guint
tunnel_ipip_get_overhead (const TunnelIpip *tunnel)
{
  return tunnel->udp ? TUNNEL_MIP_UDP_OVERHEAD : TUNNEL_IP4_HEADER;
}

/* Whether the @length octets behind a UDP header are tunnel data and no registration message. */
static inline gboolean
tunnel_data_is (const guint8 *payload, gsize length)
{
  return length > 0 && payload[0] == TUNNEL_DATA_TYPE;
}

/*
 * Encapsulates the packet at @inner (@length octets; the overhead in writable octets before it). DSCP
 * and ECN are copied, DF is always set (what is too big was fragmented or refused before, at the
 * TUN's MTU), the inner TTL stays as its sender made it (RFC 2003 3.1). The UDP checksum is 0
 * (RFC 768): the packet inside has its own. *@ret_length counts from @inner - overhead.
 */
TunnelDrop tunnel_ipip_encapsulate (const TunnelIpip *tunnel, guint8 *inner, gsize length, gsize *ret_length);
/*
 * The way back: @packet begins with the outer header. A UDP checksum is not looked at: the raw
 * sockets it comes from show it before virtual links fill it in. @carrier is the ECN field of what carried the
 * packet further out (ESP's outer header), NOT_ECT if nothing did. *@ret_inner points into @packet.
 */
TunnelDrop tunnel_ipip_decapsulate (const TunnelIpip *tunnel, TunnelEcn carrier, guint8 *packet, gsize length,
                                    guint8 **ret_inner, gsize *ret_length, gboolean *ret_ecn_unused);
