/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "mip4/mip4-tunnel-private.h"

#include "base/wire.h"

#include <string.h>

/* First octet of an IPv4 option that later fragments carry, too (RFC 791 3.1); the one that does nothing. */
#define OPTION_COPIED 0x80u
#define OPTION_END 0u
#define OPTION_NOP 1u
#define FRAGMENT_UNIT 8u

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
      !wire_read_u16 (&reader, &ip.total_length) || !wire_read_u16 (&reader, &ip.identification) ||
      !wire_read_u16 (&reader, &ip.fragment) || !wire_read_u8 (&reader, &ip.ttl) ||
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

guint16
mip4_checksum (const guint8 *data, gsize length)
{
  guint32 sum = 0;

  for (gsize i = 0; i + 1 < length; i += 2)
    sum += (guint32)data[i] << 8 | data[i + 1];
  if (length % 2 != 0)
    sum += (guint32)data[length - 1] << 8;
  while (sum >> 16 != 0)
    sum = (sum & 0xffff) + (sum >> 16);
  return (guint16)~sum;
}

static void
put_u16 (guint8 *out, guint16 value)
{
  out[0] = (guint8)(value >> 8);
  out[1] = (guint8)value;
}

static void
put_u32 (guint8 *out, guint32 value)
{
  put_u16 (out, (guint16)(value >> 16));
  put_u16 (out + 2, (guint16)value);
}

static void
set_checksum (guint8 *header, gsize length)
{
  put_u16 (header + 10, 0);
  put_u16 (header + 10, mip4_checksum (header, length));
}

void
mip4_ipv4_build (guint8 out[MIP4_IPV4_MIN_HEADER], const Mip4Ipv4 *ip)
{
  out[0] = 0x45;
  out[1] = ip->tos;
  put_u16 (out + 2, ip->total_length);
  put_u16 (out + 4, ip->identification);
  put_u16 (out + 6, ip->fragment);
  out[8] = ip->ttl;
  out[9] = ip->protocol;
  put_u32 (out + 12, ip->source);
  put_u32 (out + 16, ip->destination);
  set_checksum (out, MIP4_IPV4_MIN_HEADER);
}

guint16
mip4_tunnel_tag (guint64 secret, guint32 tunnel_end, guint16 inner_identification, guint16 inner_length)
{
  guint64 x = secret ^ ((guint64)tunnel_end << 32 | (guint32)inner_identification << 16 | inner_length);

  /* A mixer, not a cipher: who can read the tags sees the packets anyway. Twice, with the secret between. */
  for (guint i = 0; i < 2; i++)
    {
      x ^= x >> 33;
      x *= G_GUINT64_CONSTANT (0xff51afd7ed558ccd);
      x ^= x >> 29;
      x += secret;
    }
  return (guint16)(x >> 40);
}

/* -------------------------------------------------------------------- fragments ---- */

gboolean
mip4_fragmenter_init (Mip4Fragmenter *fragmenter, const guint8 *packet, gsize length, guint mtu)
{
  Mip4Ipv4 ip;

  if (!mip4_ipv4_parse (packet, length, &ip) || (ip.fragment & MIP4_IPV4_DF) != 0 ||
      mtu < ip.header_length + FRAGMENT_UNIT)
    return FALSE;
  *fragmenter = (Mip4Fragmenter){ .packet = packet, .ip = ip, .mtu = mtu };
  return TRUE;
}

/* Options that only the first fragment has give way to ones that do nothing (RFC 791 3.1). */
static void
blank_options (guint8 *header, gsize length)
{
  gsize at = MIP4_IPV4_MIN_HEADER;

  while (at < length && header[at] != OPTION_END)
    {
      gsize size = header[at] == OPTION_NOP || at + 1 >= length ? 1 : MAX (header[at + 1], 1u);

      size = MIN (size, length - at);
      if ((header[at] & OPTION_COPIED) == 0)
        memset (header + at, OPTION_NOP, size);
      at += size;
    }
}

gsize
mip4_fragmenter_next (Mip4Fragmenter *fragmenter, guint8 *out)
{
  const Mip4Ipv4 *ip = &fragmenter->ip;
  gsize left = (gsize)(ip->total_length - ip->header_length) - fragmenter->done;
  gsize room = (gsize)(fragmenter->mtu - ip->header_length) / FRAGMENT_UNIT * FRAGMENT_UNIT;
  gsize size = left > fragmenter->mtu - ip->header_length ? room : left;
  guint16 more = size < left ? MIP4_IPV4_MF : 0;

  if (fragmenter->finished)
    return 0;
  memcpy (out, fragmenter->packet, ip->header_length);
  memcpy (out + ip->header_length, fragmenter->packet + ip->header_length + fragmenter->done, size);
  if (fragmenter->done > 0)
    blank_options (out, ip->header_length);
  put_u16 (out + 2, (guint16)(ip->header_length + size));
  /* What comes in may be a fragment itself: its offset is where ours begin, its MF holds for our last. */
  put_u16 (out + 6, (guint16)((ip->fragment + fragmenter->done / FRAGMENT_UNIT) | more));
  set_checksum (out, ip->header_length);
  fragmenter->done += size;
  fragmenter->finished = size == left;
  return ip->header_length + size;
}

guint8
mip4_ecn_encapsulate (Mip4EcnMode mode, guint8 inner_tos)
{
  switch (mode)
    {
    case MIP4_ECN_NORMAL:
      return inner_tos;
    case MIP4_ECN_COMPATIBILITY:
      return inner_tos & 0xfc;
    }
  g_return_val_if_reached (inner_tos & 0xfc);
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

gboolean
mip4_tunnel_is_from_end (const Mip4Ipv4 *ip, guint32 tunnel_end)
{
  return ip->source == tunnel_end;
}
