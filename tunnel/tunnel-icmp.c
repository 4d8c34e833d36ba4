/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "tunnel/tunnel-icmp-private.h"

#include "base/wire.h"
#include "tunnel/tunnel-octets-private.h"

#include <string.h>

#define PROTOCOL_ICMP 1
#define ICMP_HEADER 8
#define ICMP_TTL 64
#define OFFSET_MASK 0x1fff
/* RFC 792: the header and 64 bits of the datagram; less tells the sender nothing. */
#define MIN_QUOTED (TUNNEL_IP4_HEADER + 8)

typedef enum
{
  UNREACHABLE = 3,
  SOURCE_QUENCH = 4,
  REDIRECT = 5,
  TIME_EXCEEDED = 11,
  PARAMETER_PROBLEM = 12,
} IcmpType;

typedef enum
{
  NET_UNREACHABLE = 0,
  HOST_UNREACHABLE = 1,
  PROTOCOL_UNREACHABLE = 2,
  PORT_UNREACHABLE = 3,
  FRAGMENTATION_NEEDED = 4,
  SOURCE_ROUTE_FAILED = 5,
  NET_UNKNOWN = 6,
  HOST_UNKNOWN = 7,
  SOURCE_ISOLATED = 8,
  NET_PROHIBITED = 9,
  HOST_PROHIBITED = 10,
  NET_UNREACHABLE_TOS = 11,
  HOST_UNREACHABLE_TOS = 12,
  COMMUNICATION_PROHIBITED = 13,
} UnreachableCode;

/* A header at the front of a quotation, which is mostly cut off behind it. */
static gboolean
read_quoted (const guint8 *data, gsize length, TunnelIp4 *header)
{
  guint16 total_length;
  guint8 version_ihl;
  WireReader reader;

  wire_reader_init (&reader, data, length);
  if (!wire_read_u8 (&reader, &version_ihl) || version_ihl >> 4 != 4 || !wire_read_u8 (&reader, &header->tos) ||
      !wire_read_u16 (&reader, &total_length) || !wire_skip (&reader, 2) ||
      !wire_read_u16 (&reader, &header->fragment) || !wire_read_u8 (&reader, &header->ttl) ||
      !wire_read_u8 (&reader, &header->protocol) || !wire_skip (&reader, 2) ||
      !wire_read_u32 (&reader, &header->source) || !wire_read_u32 (&reader, &header->destination))
    return FALSE;
  header->header_length = (version_ihl & 0x0fu) * 4;
  header->total_length = total_length;
  return header->header_length >= TUNNEL_IP4_HEADER && header->total_length >= header->header_length;
}

/* A message that is whole, with a right checksum; its ICMP part. */
static gboolean
read_message (const guint8 *packet, gsize length, const guint8 **ret_icmp, gsize *ret_length)
{
  TunnelIp4 header;

  if (tunnel_ip4_parse (packet, length, &header) != TUNNEL_DROP_NONE || header.protocol != PROTOCOL_ICMP ||
      tunnel_ip4_is_fragment (&header) || header.total_length < header.header_length + ICMP_HEADER)
    return FALSE;
  *ret_icmp = packet + header.header_length;
  *ret_length = header.total_length - header.header_length;
  return tunnel_checksum_finish (tunnel_checksum_add (0, *ret_icmp, *ret_length)) == 0;
}

/*
 * What this tunnel builds, field by field (tunnel_ip4_build()), and no longer than what it sent; only
 * the hop limit and the class may have changed on the way, and the identification, which says nothing
 * of an atomic datagram (RFC 6864 4.1).
 */
static gboolean
is_ours (const TunnelIpip *tunnel, const TunnelSoftState *state, const guint8 *quote, gsize length)
{
  guint overhead = tunnel_ipip_get_overhead (tunnel);
  const guint8 *behind = quote + TUNNEL_IP4_HEADER;
  TunnelIp4 outer;

  if (length < TUNNEL_IP4_HEADER + 8 || !read_quoted (quote, length, &outer) ||
      outer.header_length != TUNNEL_IP4_HEADER || outer.fragment != TUNNEL_IP4_DF || outer.source != tunnel->local ||
      outer.destination != tunnel->remote || outer.total_length < overhead + TUNNEL_IP4_HEADER ||
      outer.total_length > state->largest)
    return FALSE;
  if (tunnel->udp)
    return outer.protocol == TUNNEL_PROTOCOL_UDP && tunnel_get_u16 (behind) == tunnel->udp_port &&
           tunnel_get_u16 (behind + 2) == TUNNEL_MIP_PORT &&
           tunnel_get_u16 (behind + 4) == outer.total_length - TUNNEL_IP4_HEADER;
  return outer.protocol == TUNNEL_PROTOCOL_IPIP && behind[0] >> 4 == 4 &&
         tunnel_get_u16 (behind + 2) == outer.total_length - TUNNEL_IP4_HEADER;
}

gboolean
tunnel_icmp_may_answer (const guint8 *packet, gsize length)
{
  TunnelIp4 quoted;
  guint8 type;

  if (!read_quoted (packet, length, &quoted) || (quoted.fragment & OFFSET_MASK) != 0 ||
      tunnel_ip4_is_group (quoted.destination))
    return FALSE;
  if (quoted.protocol != PROTOCOL_ICMP)
    return TRUE;
  if (length <= quoted.header_length)
    return FALSE;
  /* An ICMP error is not answered by another; queries (RFC 792, 950, 1256) are like data. */
  type = packet[quoted.header_length];
  return type == 0 || (type >= 8 && type <= 10) || (type >= 13 && type <= 18);
}

/* The user's packet in the quotation: enough of it, and really the user's. */
static gboolean
take_original (const TunnelIpip *tunnel, const guint8 *quote, gsize length, TunnelIp4 *inner,
               TunnelIcmpVerdict *verdict)
{
  guint overhead = tunnel_ipip_get_overhead (tunnel);

  if (length < overhead + MIN_QUOTED || !read_quoted (quote + overhead, length - overhead, inner) ||
      length - overhead < inner->header_length + 8u || inner->source != tunnel->home_address ||
      !tunnel_icmp_may_answer (quote + overhead, length - overhead))
    return FALSE;
  verdict->original = quote + overhead;
  verdict->original_length = MIN (length - overhead, inner->total_length);
  return TRUE;
}

/* RFC 1191 7.1, for routers that do not tell the MTU: the next smaller one that links have. */
static guint
guess_mtu (guint total_length)
{
  static const guint plateaus[] = { 8166, 4352, 2002, 1492, 1006 };

  for (gsize i = 0; i < G_N_ELEMENTS (plateaus); i++)
    if (plateaus[i] < total_length)
      return plateaus[i];
  return 0;
}

static gboolean
process_too_big (const TunnelIpip *tunnel, TunnelSoftState *state, const guint8 *quote, guint mtu, gint64 now_us,
                 TunnelIcmpVerdict *verdict)
{
  guint overhead = tunnel_ipip_get_overhead (tunnel), total_length = tunnel_get_u16 (quote + 2), inner_mtu;

  if (mtu == 0)
    mtu = guess_mtu (total_length);
  /* It did not need to be fragmented for that. */
  if (mtu >= total_length)
    return FALSE;
  inner_mtu = mtu > overhead ? MAX (mtu - overhead, TUNNEL_ICMP_MIN_MTU) : TUNNEL_ICMP_MIN_MTU;
  verdict->code = FRAGMENTATION_NEEDED;
  verdict->rest = inner_mtu;
  if (inner_mtu < tunnel_icmp_get_mtu (state, now_us))
    {
      state->mtu = inner_mtu;
      state->mtu_us = now_us;
      verdict->narrower = TRUE;
    }
  return TRUE;
}

/* RFC 2003 4.1: which Destination Unreachable the sender gets; FALSE: none. */
static gboolean
map_unreachable (guint8 code, gboolean at_home, guint8 *ret_code)
{
  switch (code)
    {
    case HOST_UNREACHABLE:
    case HOST_UNKNOWN:
    case SOURCE_ISOLATED:
    case HOST_PROHIBITED:
    case HOST_UNREACHABLE_TOS:
    case COMMUNICATION_PROHIBITED:
      *ret_code = HOST_UNREACHABLE;
      return TRUE;
    case NET_UNREACHABLE:
    case PROTOCOL_UNREACHABLE:
    case NET_UNKNOWN:
    case NET_PROHIBITED:
    case NET_UNREACHABLE_TOS:
      *ret_code = at_home ? HOST_UNREACHABLE : NET_UNREACHABLE;
      return TRUE;
    case PORT_UNREACHABLE:
    case SOURCE_ROUTE_FAILED:
    default:
      return FALSE;
    }
}

/* RFC 2003 4.5: what points into the user's packet, or to the class that was copied from it. */
static gboolean
map_pointer (const TunnelIpip *tunnel, guint8 pointer, guint32 *ret_rest)
{
  guint overhead = tunnel_ipip_get_overhead (tunnel);

  if (pointer != 1 && pointer < overhead)
    return FALSE;
  *ret_rest = (guint32)(pointer == 1 ? 1 : pointer - overhead) << 24;
  return TRUE;
}

static void
set_unreachable (TunnelSoftState *state, guint8 code, gint64 now_us)
{
  state->unreachable_code = code;
  state->unreachable_us = now_us + TUNNEL_ICMP_UNREACHABLE_AGE_US;
}

/* Destination Unreachable but for "too big". Without the user's packet @inner is NULL, and only the state changes. */
static gboolean
process_unreachable (const TunnelIpip *tunnel, TunnelSoftState *state, guint8 code, const TunnelIp4 *inner,
                     gint64 now_us, TunnelIcmpVerdict *verdict)
{
  gboolean at_home = inner != NULL && inner->destination == tunnel->remote;

  verdict->closed = tunnel->udp && code == PORT_UNREACHABLE;
  if (!map_unreachable (code, at_home, &verdict->code))
    return FALSE;
  set_unreachable (state, verdict->code, now_us);
  return TRUE;
}

gboolean
tunnel_icmp_judge (const TunnelIpip *tunnel, TunnelSoftState *state, const guint8 *packet, gsize length, gint64 now_us,
                   TunnelIcmpVerdict *ret_verdict)
{
  TunnelIcmpVerdict verdict = { .type = UNREACHABLE };
  const guint8 *icmp = NULL, *quote;
  TunnelIp4 inner = { 0 };
  gboolean whole, wanted = FALSE;
  guint8 code;

  if (!read_message (packet, length, &icmp, &length))
    return FALSE;
  quote = icmp + ICMP_HEADER;
  length -= ICMP_HEADER;
  if (!is_ours (tunnel, state, quote, length))
    return FALSE;
  code = icmp[1];
  whole = take_original (tunnel, quote, length, &inner, &verdict);
  switch (icmp[0])
    {
    case UNREACHABLE:
      if (code == FRAGMENTATION_NEEDED)
        /* A sender that allows fragments needs no word: they are made at the new MTU. */
        wanted = process_too_big (tunnel, state, quote, tunnel_get_u16 (icmp + 6), now_us, &verdict) &&
                 (inner.fragment & TUNNEL_IP4_DF) != 0;
      else
        wanted = process_unreachable (tunnel, state, code, whole ? &inner : NULL, now_us, &verdict);
      break;
    case TIME_EXCEEDED:
      /* RFC 2003 4.4. */
      verdict.code = HOST_UNREACHABLE;
      set_unreachable (state, HOST_UNREACHABLE, now_us);
      wanted = TRUE;
      break;
    case PARAMETER_PROBLEM:
      verdict.type = PARAMETER_PROBLEM;
      verdict.code = 0;
      wanted = code == 0 && map_pointer (tunnel, icmp[4], &verdict.rest);
      break;
    /* RFC 2003 4.2, 4.3: the tunnel's own affair; what is inside finds congestion by loss and by ECN. */
    case SOURCE_QUENCH:
    case REDIRECT:
    default:
      break;
    }
  verdict.relay = wanted && whole;
  *ret_verdict = verdict;
  return TRUE;
}

gsize
tunnel_icmp_build (const TunnelIcmpVerdict *verdict, guint32 source, guint8 *reply)
{
  TunnelIp4 outer = { .ttl = ICMP_TTL, .protocol = PROTOCOL_ICMP, .source = source };
  guint8 *icmp = reply + TUNNEL_IP4_HEADER;
  gsize quoted = MIN (verdict->original_length, TUNNEL_ICMP_MAX_OCTETS - TUNNEL_IP4_HEADER - ICMP_HEADER);

  if (!verdict->relay || quoted < MIN_QUOTED)
    return 0;
  outer.destination = tunnel_get_u32 (verdict->original + 12);
  outer.total_length = (guint)(TUNNEL_IP4_HEADER + ICMP_HEADER + quoted);
  tunnel_ip4_build (reply, &outer);
  icmp[0] = verdict->type;
  icmp[1] = verdict->code;
  tunnel_put_u16 (icmp + 2, 0);
  tunnel_put_u32 (icmp + 4, verdict->rest);
  memcpy (icmp + ICMP_HEADER, verdict->original, quoted);
  tunnel_put_u16 (icmp + 2, tunnel_checksum_finish (tunnel_checksum_add (0, icmp, ICMP_HEADER + quoted)));
  return outer.total_length;
}

gboolean
tunnel_icmp_check (TunnelSoftState *state, const guint8 *packet, gsize length, gint64 now_us,
                   TunnelIcmpVerdict *ret_verdict)
{
  if (state->unreachable_us == 0)
    return FALSE;
  if (now_us >= state->unreachable_us)
    {
      state->unreachable_us = 0;
      return FALSE;
    }
  if ((state->told_us != 0 && now_us - state->told_us < TUNNEL_ICMP_TELL_US) || length < MIN_QUOTED ||
      !tunnel_icmp_may_answer (packet, length))
    return FALSE;
  state->told_us = now_us;
  *ret_verdict = (TunnelIcmpVerdict){
    .relay = TRUE, .type = UNREACHABLE, .code = state->unreachable_code, .original = packet, .original_length = length
  };
  return TRUE;
}

void
tunnel_icmp_note_received (TunnelSoftState *state)
{
  state->unreachable_us = 0;
}

guint
tunnel_icmp_get_mtu (const TunnelSoftState *state, gint64 now_us)
{
  return state->mtu != 0 && now_us - state->mtu_us < TUNNEL_ICMP_MTU_AGE_US ? state->mtu : G_MAXUINT;
}
