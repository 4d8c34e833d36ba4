/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "mip4/mip4-codec-private.h"
#include "mip4/mip4-tunnel-private.h"

#include "base/wire.h"

#include <string.h>

/*
 * ICMP errors about tunnelled packets: what they say about the tunnel, and what its users are told (RFC
 * 2003 4, 5). Nothing here is authenticated; the caller asks whether the quoted packet was one of its own.
 */

enum
{
  ICMP_ECHO_REPLY = 0,
  ICMP_UNREACHABLE = 3,
  ICMP_SOURCE_QUENCH = 4,
  ICMP_REDIRECT = 5,
  ICMP_ECHO = 8,
  ICMP_ROUTER_SOLICITATION = 10,
  ICMP_TIME_EXCEEDED = 11,
  ICMP_PARAMETER_PROBLEM = 12,
  ICMP_TIMESTAMP = 13,
  ICMP_MASK_REPLY = 18,
};

enum
{
  UNREACHABLE_NET = 0,
  UNREACHABLE_HOST = 1,
  UNREACHABLE_PROTOCOL = 2,
  UNREACHABLE_TOO_BIG = 4,
};

#define ICMP_HEADER 8u
#define ICMP_TTL 64
/* RFC 1191 7.1: what an old router that names no MTU can be assumed to have meant, largest first. */
static const guint16 plateaus[] = { 4352, 2002, 1492, 1006, 576 };

guint
mip4_tunnel_path_mtu (const Mip4TunnelPath *path, gint64 now_us, guint link_mtu)
{
  return path->mtu != 0 && now_us < path->mtu_until_us ? MIN (path->mtu, link_mtu) : link_mtu;
}

gboolean
mip4_tunnel_path_learn (Mip4TunnelPath *path, gint64 now_us, guint link_mtu, guint mtu)
{
  if (mtu >= mip4_tunnel_path_mtu (path, now_us, link_mtu))
    return FALSE;
  path->mtu = (guint16)MAX (mtu, MIP4_TUNNEL_MTU_MIN);
  path->mtu_until_us = now_us + MIP4_TUNNEL_MTU_AGE_US;
  return TRUE;
}

/* The header as far as it is quoted: total_length is that of the packet that was sent. */
static gboolean
read_quoted_header (WireReader *reader, Mip4Ipv4 *ip)
{
  guint8 version;

  if (!wire_read_u8 (reader, &version) || !wire_read_u8 (reader, &ip->tos) ||
      !wire_read_u16 (reader, &ip->total_length) || !wire_read_u16 (reader, &ip->identification) ||
      !wire_read_u16 (reader, &ip->fragment) || !wire_read_u8 (reader, &ip->ttl) ||
      !wire_read_u8 (reader, &ip->protocol) || !wire_skip (reader, 2) || !wire_read_u32 (reader, &ip->source) ||
      !wire_read_u32 (reader, &ip->destination))
    return FALSE;
  ip->header_length = (guint16)((version & 0x0f) * 4);
  return version >> 4 == 4 && ip->header_length >= MIP4_IPV4_MIN_HEADER && ip->total_length >= ip->header_length &&
         wire_skip (reader, ip->header_length - MIP4_IPV4_MIN_HEADER);
}

/* UDP header and tunnel data header (RFC 3519 3.3) in front of the inner packet. */
static gboolean
read_quoted_udp (WireReader *reader, Mip4IcmpError *error)
{
  guint8 type, next_header;

  if (!wire_read_u16 (reader, &error->source_port) || !wire_read_u16 (reader, &error->destination_port) ||
      !wire_skip (reader, 4) || error->source_port != MIP4_PORT)
    return FALSE;
  /* The first 64 bits may be all there is (RFC 792): enough for the soft state. */
  if (wire_reader_left (reader) == 0)
    return TRUE;
  return wire_read_u8 (reader, &type) && wire_read_u8 (reader, &next_header) && wire_skip (reader, 2) &&
         type == MIP4_MESSAGE_TUNNEL_DATA && next_header == MIP4_PROTOCOL_IPIP;
}

gboolean
mip4_icmp_parse_error (const guint8 *icmp, gsize length, Mip4IcmpError *ret)
{
  Mip4IcmpError error = { 0 };
  WireReader reader;
  guint16 unused;

  wire_reader_init (&reader, icmp, length);
  if (mip4_checksum (icmp, length) != 0 || !wire_read_u8 (&reader, &error.type) ||
      !wire_read_u8 (&reader, &error.code) || !wire_skip (&reader, 2) || !wire_read_u8 (&reader, &error.pointer) ||
      !wire_skip (&reader, 1) || !wire_read_u16 (&reader, &unused) || !read_quoted_header (&reader, &error.outer))
    return FALSE;
  switch (error.type)
    {
    case ICMP_UNREACHABLE:
      error.mtu = error.code == UNREACHABLE_TOO_BIG ? unused : 0;
      break;
    case ICMP_SOURCE_QUENCH:
    case ICMP_REDIRECT:
    case ICMP_TIME_EXCEEDED:
    case ICMP_PARAMETER_PROBLEM:
      break;
    default:
      return FALSE;
    }
  if ((error.outer.fragment & MIP4_IPV4_OFFSET) != 0)
    return FALSE;
  if (error.outer.protocol == MIP4_PROTOCOL_UDP ? !read_quoted_udp (&reader, &error)
                                                : error.outer.protocol != MIP4_PROTOCOL_IPIP)
    return FALSE;
  if (error.type == ICMP_UNREACHABLE && error.code == UNREACHABLE_TOO_BIG && error.mtu == 0)
    for (guint i = 0; i < G_N_ELEMENTS (plateaus) && error.mtu == 0; i++)
      if (plateaus[i] < error.outer.total_length)
        error.mtu = plateaus[i];
  error.inner = icmp + wire_reader_position (&reader);
  error.inner_length = wire_reader_left (&reader);
  *ret = error;
  return TRUE;
}

static guint
overhead (const Mip4IcmpError *error)
{
  return error->outer.protocol == MIP4_PROTOCOL_UDP ? MIP4_UDP_OVERHEAD : MIP4_IPIP_OVERHEAD;
}

static gboolean
relay_unreachable (const Mip4IcmpError *error, gboolean near, guint tunnel_mtu, Mip4IcmpRelay *relay)
{
  relay->type = ICMP_UNREACHABLE;
  switch (error->code)
    {
    case UNREACHABLE_NET:
    case UNREACHABLE_PROTOCOL: /* the tunnel's end knows no IP-in-IP: as good as not there (RFC 2003 4.1) */
      relay->code = near ? UNREACHABLE_HOST : UNREACHABLE_NET;
      return TRUE;
    case UNREACHABLE_HOST:
      relay->code = UNREACHABLE_HOST;
      return TRUE;
    case UNREACHABLE_TOO_BIG:
      relay->code = UNREACHABLE_TOO_BIG;
      relay->mtu = (guint16)(tunnel_mtu - overhead (error));
      return TRUE;
    default: /* Port Unreachable and Source Route Failed among them */
      return FALSE;
    }
}

gboolean
mip4_icmp_relay (const Mip4IcmpError *error, gboolean near, guint tunnel_mtu, Mip4IcmpRelay *ret)
{
  Mip4IcmpRelay relay = { 0 };

  switch (error->type)
    {
    case ICMP_UNREACHABLE:
      if (!relay_unreachable (error, near, tunnel_mtu, &relay))
        return FALSE;
      break;
    case ICMP_TIME_EXCEEDED:
      /* A tunnel is one hop to its users: never Time Exceeded (RFC 2003 4.4). */
      relay.type = ICMP_UNREACHABLE;
      relay.code = UNREACHABLE_HOST;
      break;
    case ICMP_PARAMETER_PROBLEM:
      /* Ours if it points into what we put in front. */
      if (error->code != 0 || error->pointer < error->outer.header_length + overhead (error) - MIP4_IPIP_OVERHEAD)
        return FALSE;
      relay.type = ICMP_PARAMETER_PROBLEM;
      relay.pointer = (guint8)(error->pointer - error->outer.header_length - (overhead (error) - MIP4_IPIP_OVERHEAD));
      break;
    default: /* Source Quench and Redirect: between us and the routers (RFC 2003 4.2, 4.3) */
      return FALSE;
    }
  *ret = relay;
  return TRUE;
}

/* RFC 1122 3.2.2: not about errors, later fragments, or what is no host's address. */
static gboolean
may_report (const Mip4Ipv4 *ip, const guint8 *packet, gsize length)
{
  guint32 source = ip->source;
  guint8 type;

  if ((ip->fragment & MIP4_IPV4_OFFSET) != 0 || source >> 24 == 0 || source >> 24 == 127 || source >> 28 >= 14 ||
      ip->destination >> 28 >= 14)
    return FALSE;
  if (ip->protocol != MIP4_PROTOCOL_ICMP)
    return TRUE;
  if (length <= ip->header_length)
    return FALSE;
  type = packet[ip->header_length];
  return type == ICMP_ECHO_REPLY || (type >= ICMP_ECHO && type <= ICMP_ROUTER_SOLICITATION) ||
         (type >= ICMP_TIMESTAMP && type <= ICMP_MASK_REPLY);
}

gsize
mip4_icmp_build (guint8 *out, guint32 source, const Mip4IcmpRelay *relay, const guint8 *packet, gsize length)
{
  Mip4Ipv4 ip = { 0 }, header = { .ttl = ICMP_TTL, .protocol = MIP4_PROTOCOL_ICMP, .source = source };
  guint8 *icmp = out + MIP4_IPV4_MIN_HEADER;
  WireReader reader;
  gsize quoted;
  guint16 sum;

  wire_reader_init (&reader, packet, length);
  if (!read_quoted_header (&reader, &ip) || !may_report (&ip, packet, length))
    return 0;
  quoted = MIN (MIN (length, ip.total_length), MIP4_ICMP_MAX - MIP4_IPV4_MIN_HEADER - ICMP_HEADER);
  header.destination = ip.source;
  header.total_length = (guint16)(MIP4_IPV4_MIN_HEADER + ICMP_HEADER + quoted);
  mip4_ipv4_build (out, &header);
  memset (icmp, 0, ICMP_HEADER);
  icmp[0] = relay->type;
  icmp[1] = relay->code;
  icmp[4] = relay->pointer;
  icmp[6] = (guint8)(relay->mtu >> 8);
  icmp[7] = (guint8)relay->mtu;
  memcpy (icmp + ICMP_HEADER, packet, quoted);
  sum = mip4_checksum (icmp, ICMP_HEADER + quoted);
  icmp[2] = (guint8)(sum >> 8);
  icmp[3] = (guint8)sum;
  return header.total_length;
}
