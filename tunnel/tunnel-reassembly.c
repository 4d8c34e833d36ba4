/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "tunnel/tunnel-reassembly-private.h"

#include "tunnel/tunnel-octets-private.h"

#include <string.h>

#define MORE_FRAGMENTS 0x2000
#define OFFSET_MASK 0x1fff
#define OFFSET_UNIT 8
#define UNITS (TUNNEL_REASSEMBLY_OCTETS / OFFSET_UNIT)
#define ECN_MASK 0x03

typedef struct
{
  gint64 since_us; /* 0: free */
  guint16 id;
  guint8 protocol;
  guint total;          /* octets of payload, known with the last fragment; 0: not yet */
  guint received;       /* octets of payload that are there */
  guint reach;          /* end of the farthest fragment */
  gboolean headed;      /* the first one is there, its header stands before the payload */
  gboolean not_ect, ce; /* of the fragments' own headers */
  TunnelEcn carrier;
  guint64 units[UNITS / 64]; /* a bit for each 8 octets that are there */
  guint8 octets[TUNNEL_IP4_HEADER + TUNNEL_REASSEMBLY_OCTETS];
} Datagram;

struct _TunnelReassembly
{
  Datagram datagrams[TUNNEL_REASSEMBLY_DATAGRAMS];
};

G_STATIC_ASSERT (UNITS % 64 == 0);

TunnelReassembly *
tunnel_reassembly_new (void)
{
  return g_new0 (TunnelReassembly, 1);
}

void
tunnel_reassembly_free (TunnelReassembly *reassembly)
{
  g_free (reassembly);
}

void
tunnel_reassembly_clear (TunnelReassembly *reassembly)
{
  for (guint i = 0; i < TUNNEL_REASSEMBLY_DATAGRAMS; i++)
    reassembly->datagrams[i].since_us = 0;
}

/* The one that has begun, or a free one, or that of the oldest. */
static Datagram *
find (TunnelReassembly *reassembly, guint16 id, guint8 protocol, gint64 now_us)
{
  Datagram *oldest = &reassembly->datagrams[0];

  for (guint i = 0; i < TUNNEL_REASSEMBLY_DATAGRAMS; i++)
    {
      Datagram *datagram = &reassembly->datagrams[i];

      if (datagram->since_us != 0 && now_us - datagram->since_us >= TUNNEL_REASSEMBLY_AGE_US)
        datagram->since_us = 0;
      if (datagram->since_us != 0 && datagram->id == id && datagram->protocol == protocol)
        return datagram;
      if (datagram->since_us < oldest->since_us)
        oldest = datagram;
    }
  /* Its octets are overwritten by those that come. */
  memset (oldest, 0, offsetof (Datagram, octets));
  oldest->since_us = now_us;
  oldest->id = id;
  oldest->protocol = protocol;
  return oldest;
}

/* FALSE: some of it was there already. */
static gboolean
mark (Datagram *datagram, guint offset, guint length)
{
  guint end = (offset + length + OFFSET_UNIT - 1) / OFFSET_UNIT;

  for (guint unit = offset / OFFSET_UNIT; unit < end; unit++)
    {
      guint64 bit = G_GUINT64_CONSTANT (1) << unit % 64;

      if ((datagram->units[unit / 64] & bit) != 0)
        return FALSE;
      datagram->units[unit / 64] |= bit;
    }
  return TRUE;
}

/* FALSE: it contradicts what is there, so that all of it is worthless. */
static gboolean
store (Datagram *datagram, const guint8 *packet, const TunnelIp4 *header)
{
  guint offset = (guint)(header->fragment & OFFSET_MASK) * OFFSET_UNIT;
  guint length = header->total_length - header->header_length;
  gboolean last = (header->fragment & MORE_FRAGMENTS) == 0;

  if (offset + length > TUNNEL_REASSEMBLY_OCTETS || (!last && length % OFFSET_UNIT != 0) || length == 0 ||
      (last && datagram->total != 0) || !mark (datagram, offset, length))
    return FALSE;
  datagram->reach = MAX (datagram->reach, offset + length);
  datagram->received += length;
  if (last)
    datagram->total = offset + length;
  if (datagram->total != 0 && datagram->reach > datagram->total)
    return FALSE;
  memcpy (datagram->octets + TUNNEL_IP4_HEADER + offset, packet + header->header_length, length);
  if (offset == 0)
    {
      memcpy (datagram->octets, packet, TUNNEL_IP4_HEADER);
      datagram->headed = TRUE;
    }
  return TRUE;
}

/* RFC 3168 5.3: congestion met by one fragment was met by all; where only some knew ECN, it is a loss. */
static gboolean
note_ecn (Datagram *datagram, TunnelEcn ecn, TunnelEcn carrier)
{
  datagram->not_ect |= ecn == TUNNEL_ECN_NOT_ECT;
  datagram->ce |= ecn == TUNNEL_ECN_CE;
  if (datagram->carrier != TUNNEL_ECN_CE)
    datagram->carrier = carrier;
  return !(datagram->not_ect && datagram->ce);
}

/* The header of the first fragment, without its options, becomes that of the whole. */
static gsize
finish (Datagram *datagram)
{
  guint8 *packet = datagram->octets;
  gsize length = TUNNEL_IP4_HEADER + datagram->total;

  packet[0] = 4 << 4 | TUNNEL_IP4_HEADER / 4;
  tunnel_put_u16 (packet + 2, (guint16)length);
  tunnel_put_u16 (packet + 6, 0);
  if (datagram->ce)
    packet[1] |= TUNNEL_ECN_CE;
  tunnel_put_u16 (packet + 10, 0);
  tunnel_put_u16 (packet + 10, tunnel_checksum_finish (tunnel_checksum_add (0, packet, TUNNEL_IP4_HEADER)));
  datagram->since_us = 0;
  return length;
}

TunnelDrop
tunnel_reassembly_add (TunnelReassembly *reassembly, const TunnelIpip *tunnel, TunnelEcn carrier, const guint8 *packet,
                       gsize length, gint64 now_us, guint8 **ret_packet, gsize *ret_length, TunnelEcn *ret_carrier)
{
  Datagram *datagram;
  TunnelIp4 header;
  TunnelDrop drop = tunnel_ip4_parse (packet, length, &header);

  if (drop != TUNNEL_DROP_NONE)
    return drop;
  if (tunnel_checksum_finish (tunnel_checksum_add (0, packet, header.header_length)) != 0)
    return TUNNEL_DROP_MALFORMED;
  if (header.source != tunnel->remote || header.destination != tunnel->local)
    return TUNNEL_DROP_END_POINT;
  datagram = find (reassembly, tunnel_get_u16 (packet + 4), header.protocol, now_us);
  if (!store (datagram, packet, &header) || !note_ecn (datagram, header.tos & ECN_MASK, carrier))
    {
      datagram->since_us = 0;
      return TUNNEL_DROP_FRAGMENT;
    }
  *ret_packet = NULL;
  if (datagram->total == 0 || datagram->received < datagram->total || !datagram->headed)
    return TUNNEL_DROP_NONE;
  *ret_length = finish (datagram);
  *ret_carrier = datagram->carrier;
  *ret_packet = datagram->octets;
  return TUNNEL_DROP_NONE;
}
