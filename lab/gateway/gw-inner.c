/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "lab/gateway/gw-inner-private.h"

#include "base/wire.h"

#include <string.h>

#define IP4_HEADER 20u
#define IP6_HEADER 40u
#define IP4_OFFSET_MASK 0x1fff
#define IP6_OFFSET_MASK 0xfff8
#define ECN_MASK 0x03u
#define PROTOCOL_ICMP 1
#define PROTOCOL_TCP 6
#define PROTOCOL_UDP 17
#define PROTOCOL_ICMP6 58
#define PROTOCOL_DCCP 33
#define PROTOCOL_SCTP 132
#define PROTOCOL_UDPLITE 136
/* Extension headers (RFC 8200 4) in one packet; more are nobody's who means well. */
#define MAX_EXTENSIONS 8
#define EXTENSION_HOP_BY_HOP 0
#define EXTENSION_ROUTING 43
#define EXTENSION_FRAGMENT 44
#define EXTENSION_DESTINATION 60

/* Ports are missing in later fragments and in protocols that have none. */
static void
read_ports (WireReader *reader, GwInner *inner)
{
  switch (inner->protocol)
    {
    case PROTOCOL_TCP:
    case PROTOCOL_UDP:
    case PROTOCOL_DCCP:
    case PROTOCOL_SCTP:
    case PROTOCOL_UDPLITE:
      inner->has_ports =
        wire_read_u16 (reader, &inner->source_port) && wire_read_u16 (reader, &inner->destination_port);
      break;
    case PROTOCOL_ICMP:
    case PROTOCOL_ICMP6:
      /* RFC 7296 3.13.1 */
      inner->has_ports = wire_read_u16 (reader, &inner->source_port);
      inner->destination_port = inner->source_port;
      break;
    default:
      break;
    }
}

static gboolean
parse_ip4 (WireReader *reader, guint8 version_ihl, gsize length, GwInner *inner)
{
  guint header = (version_ihl & 0x0fu) * 4;
  guint16 total, fragment;

  if (!wire_read_u8 (reader, &inner->tos) || !wire_read_u16 (reader, &total) || !wire_skip (reader, 2) ||
      !wire_read_u16 (reader, &fragment) || !wire_skip (reader, 1) || !wire_read_u8 (reader, &inner->protocol) ||
      !wire_skip (reader, 2) || !wire_read_addr (reader, ROAM_FAMILY_INET4, &inner->source) ||
      !wire_read_addr (reader, ROAM_FAMILY_INET4, &inner->destination) || header < IP4_HEADER || total < header ||
      total > length || !wire_skip (reader, header - IP4_HEADER))
    return FALSE;
  inner->length = total;
  if ((fragment & IP4_OFFSET_MASK) == 0)
    read_ports (reader, inner);
  return TRUE;
}

/* FALSE: cut off. @reader stands behind the last one; *@ret_first: the payload is not a later fragment's. */
static gboolean
skip_extensions (WireReader *reader, guint8 *protocol, gboolean *ret_first)
{
  *ret_first = TRUE;
  for (guint n = 0; n < MAX_EXTENSIONS; n++)
    {
      gboolean is_fragment = *protocol == EXTENSION_FRAGMENT;
      guint8 next, units;
      guint16 offset;

      if (!is_fragment && *protocol != EXTENSION_HOP_BY_HOP && *protocol != EXTENSION_ROUTING &&
          *protocol != EXTENSION_DESTINATION)
        return TRUE;
      if (!wire_read_u8 (reader, &next) || !wire_read_u8 (reader, &units))
        return FALSE;
      if (is_fragment && (!wire_read_u16 (reader, &offset) || !wire_skip (reader, 4)))
        return FALSE;
      if (!is_fragment && !wire_skip (reader, units * 8u + 6u))
        return FALSE;
      *protocol = next;
      if (is_fragment && (offset & IP6_OFFSET_MASK) != 0)
        *ret_first = FALSE;
      if (!*ret_first)
        return TRUE;
    }
  return FALSE;
}

static gboolean
parse_ip6 (WireReader *reader, guint8 version_class, gsize length, GwInner *inner)
{
  guint8 class_flow;
  guint16 payload;
  gboolean first;

  if (!wire_read_u8 (reader, &class_flow) || !wire_skip (reader, 2) || !wire_read_u16 (reader, &payload) ||
      !wire_read_u8 (reader, &inner->protocol) || !wire_skip (reader, 1) ||
      !wire_read_addr (reader, ROAM_FAMILY_INET6, &inner->source) ||
      !wire_read_addr (reader, ROAM_FAMILY_INET6, &inner->destination) || payload > length - IP6_HEADER)
    return FALSE;
  inner->tos = (guint8)(version_class << 4 | class_flow >> 4);
  inner->length = IP6_HEADER + payload;
  if (!skip_extensions (reader, &inner->protocol, &first))
    return FALSE;
  if (first)
    read_ports (reader, inner);
  return TRUE;
}

gboolean
gw_inner_parse (const guint8 *packet, gsize length, GwInner *ret_inner)
{
  GwInner inner = { 0 };
  WireReader reader;
  gboolean sound = FALSE;
  guint8 first;

  wire_reader_init (&reader, packet, length);
  if (!wire_read_u8 (&reader, &first))
    return FALSE;
  if (first >> 4 == 4)
    sound = parse_ip4 (&reader, first, length, &inner);
  else if (first >> 4 == 6)
    sound = parse_ip6 (&reader, first, length, &inner);
  if (sound)
    *ret_inner = inner;
  return sound;
}

/* ------------------------------------------------------------------ selectors ---- */

static gboolean
has_port (const IkeSelector *selector, gboolean known, guint16 port)
{
  if (selector->start_port == 0 && selector->end_port == G_MAXUINT16)
    return TRUE;
  /* OPAQUE (RFC 7296 3.13.1): only what has no ports to look at. */
  if (selector->start_port > selector->end_port)
    return !known;
  return known && selector->start_port <= port && port <= selector->end_port;
}

static gboolean
has_address (const IkeSelector *selector, const RoamAddr *addr)
{
  gsize length = roam_addr_length (addr);

  return addr->family == selector->start.family && memcmp (selector->start.bytes, addr->bytes, length) <= 0 &&
         memcmp (addr->bytes, selector->end.bytes, length) <= 0;
}

static gboolean
any_fits (const IkeSelector *selectors, guint n, const GwInner *inner, const RoamAddr *addr, guint16 port)
{
  for (guint i = 0; i < n; i++)
    if ((selectors[i].protocol == 0 || selectors[i].protocol == inner->protocol) && has_address (&selectors[i], addr) &&
        has_port (&selectors[i], inner->has_ports, port))
      return TRUE;
  return FALSE;
}

TunnelDrop
gw_inner_check (const GwInner *inner, const IkeChildSa *sa, gboolean inbound)
{
  const IkeSelector *source = inbound ? sa->remote_ts : sa->local_ts;
  const IkeSelector *destination = inbound ? sa->local_ts : sa->remote_ts;

  if (!any_fits (source, inbound ? sa->n_remote_ts : sa->n_local_ts, inner, &inner->source, inner->source_port))
    return TUNNEL_DROP_SOURCE;
  if (!any_fits (destination, inbound ? sa->n_local_ts : sa->n_remote_ts, inner, &inner->destination,
                 inner->destination_port))
    return TUNNEL_DROP_DESTINATION;
  return TUNNEL_DROP_NONE;
}

gboolean
gw_inner_take_ecn (guint8 *packet, const GwInner *inner, TunnelEcn outer)
{
  TunnelEcn before = (TunnelEcn)(inner->tos & ECN_MASK), after;
  gboolean unused;

  if (!tunnel_ecn_decapsulate (before, outer, &after, &unused))
    return FALSE;
  if (after == before)
    return TRUE;
  if (inner->source.family == ROAM_FAMILY_INET4)
    tunnel_ip4_set_ecn (packet, after);
  else
    packet[1] = (guint8)((packet[1] & ~(ECN_MASK << 4)) | (guint)after << 4);
  return TRUE;
}
