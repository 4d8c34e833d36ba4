/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "mip4/mip4-tunnel-private.h"

#include "base/wire.h"

enum
{
  NOT_ECT = 0,
  ECT_1 = 1,
  ECT_0 = 2,
  CE = 3
};

gboolean
mip4_ipv4_parse (const guint8 *packet, gsize length, Mip4Ipv4 *ret)
{
  Mip4Ipv4 ip = { 0 };
  WireReader reader;
  guint8 version;

  wire_reader_init (&reader, packet, length);
  if (!wire_read_u8 (&reader, &version) || !wire_read_u8 (&reader, &ip.tos) ||
      !wire_read_u16 (&reader, &ip.total_length) || !wire_skip (&reader, 4) || !wire_read_u8 (&reader, &ip.ttl) ||
      !wire_read_u8 (&reader, &ip.protocol) || !wire_skip (&reader, 2) || !wire_read_u32 (&reader, &ip.source) ||
      !wire_read_u32 (&reader, &ip.destination))
    return FALSE;
  ip.header_length = (guint16)((version & 0x0f) * 4);
  if (version >> 4 != 4 || ip.header_length < MIP4_IPV4_MIN_HEADER || ip.header_length > ip.total_length ||
      ip.total_length > length)
    return FALSE;
  *ret = ip;
  return TRUE;
}

/* RFC 1624: the first 16-bit word changes, the checksum follows. */
static void
set_tos (guint8 *inner, guint8 tos)
{
  guint32 old_word = (guint32)inner[0] << 8 | inner[1], new_word = (guint32)inner[0] << 8 | tos;
  guint32 sum = (guint32)inner[10] << 8 | inner[11];

  sum = (~sum & 0xffff) + (~old_word & 0xffff) + new_word;
  while (sum >> 16 != 0)
    sum = (sum & 0xffff) + (sum >> 16);
  sum = ~sum & 0xffff;
  inner[1] = tos;
  inner[10] = (guint8)(sum >> 8);
  inner[11] = (guint8)sum;
}

Mip4EcnResult
mip4_ecn_decapsulate (guint8 outer_tos, guint8 *inner)
{
  guint8 outer = outer_tos & 3, own = inner[1] & 3, merged = own;

  switch (own)
    {
    case NOT_ECT:
      if (outer == CE)
        return MIP4_ECN_DROP;
      return outer == NOT_ECT ? MIP4_ECN_FORWARD : MIP4_ECN_FORWARD_STRANGE;
    case ECT_0:
      if (outer == CE || outer == ECT_1)
        merged = outer;
      break;
    case ECT_1:
      if (outer == CE)
        merged = CE;
      break;
    case CE:
    default:
      return outer == ECT_1 ? MIP4_ECN_FORWARD_STRANGE : MIP4_ECN_FORWARD;
    }
  if (merged != own)
    set_tos (inner, (guint8)((inner[1] & ~3) | merged));
  return MIP4_ECN_FORWARD;
}

gboolean
mip4_tunnel_is_loop (const guint8 *packet, gsize length, guint32 care_of_address)
{
  Mip4Ipv4 outer, inner;

  return mip4_ipv4_parse (packet, length, &outer) && outer.protocol == MIP4_PROTOCOL_IPIP &&
         outer.source == care_of_address &&
         mip4_ipv4_parse (packet + outer.header_length, (gsize)(outer.total_length - outer.header_length), &inner) &&
         inner.destination == outer.destination;
}
