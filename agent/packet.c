/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "agent/packet.h"

#include "base/wire.h"

#include <string.h>

#define IPV4_HEADER 20u
#define PROTOCOL_ICMP 1u
#define MORE_OR_OFFSET 0x3fffu /* MF and Fragment Offset */
#define DONT_FRAGMENT 0x4000u
#define MESSAGE_MAX 1400u

/* RFC 1071 over the octets of a header; 0 when its checksum is right. */
static guint16
header_checksum (const guint8 *header, gsize length)
{
  guint32 sum = 0;
  guint16 word;
  WireReader reader;

  wire_reader_init (&reader, header, length);
  while (wire_read_u16 (&reader, &word))
    sum += word;
  sum = (sum & 0xffffu) + (sum >> 16);
  sum += sum >> 16;
  return (guint16)~sum;
}

/* Everything up to the options; FALSE: not what we want. */
static gboolean
read_header (WireReader *reader, AgentPacketIcmp *ret_icmp, gsize *ret_header, gsize *ret_total)
{
  guint8 version, protocol;
  guint16 total, fragment;

  if (!wire_read_u8 (reader, &version) || !wire_skip (reader, 1) || !wire_read_u16 (reader, &total) ||
      !wire_skip (reader, 2) || !wire_read_u16 (reader, &fragment) || !wire_read_u8 (reader, &ret_icmp->ttl) ||
      !wire_read_u8 (reader, &protocol) || !wire_skip (reader, 2) ||
      !wire_read_addr (reader, ROAM_FAMILY_INET4, &ret_icmp->source) ||
      !wire_read_addr (reader, ROAM_FAMILY_INET4, &ret_icmp->destination))
    return FALSE;
  *ret_header = (version & 0x0fu) * 4u;
  *ret_total = total;
  return version >> 4 == 4 && *ret_header >= IPV4_HEADER && total >= *ret_header && protocol == PROTOCOL_ICMP &&
         (fragment & MORE_OR_OFFSET) == 0;
}

gboolean
agent_packet_parse_icmp (const guint8 *data, gsize length, AgentPacketIcmp *ret_icmp)
{
  WireReader whole, packet, fields;
  AgentPacketIcmp icmp;
  gsize header, total;

  wire_reader_init (&fields, data, length);
  wire_reader_init (&whole, data, length);
  if (!read_header (&fields, &icmp, &header, &total) || !wire_read_sub (&whole, total, &packet) ||
      !wire_skip (&packet, header) || header_checksum (data, header) != 0)
    return FALSE;
  icmp.length = wire_reader_left (&packet);
  if (!wire_read_data (&packet, icmp.length, &icmp.message))
    return FALSE;
  *ret_icmp = icmp;
  return TRUE;
}

GBytes *
agent_packet_build_icmp (const RoamAddr *source, const RoamAddr *destination, guint8 ttl, GBytes *message)
{
  g_auto (WireWriter) writer = { 0 };
  gsize length;
  const guint8 *data = g_bytes_get_data (message, &length);

  g_return_val_if_fail (length <= MESSAGE_MAX, NULL);
  wire_writer_init (&writer, IPV4_HEADER + MESSAGE_MAX);
  wire_write_u8 (&writer, 0x45);
  wire_write_u8 (&writer, 0);
  wire_write_u16 (&writer, (guint16)(IPV4_HEADER + length));
  wire_write_u16 (&writer, 0);
  wire_write_u16 (&writer, DONT_FRAGMENT);
  wire_write_u8 (&writer, ttl);
  wire_write_u8 (&writer, PROTOCOL_ICMP);
  wire_write_u16 (&writer, 0);
  if (source->family == ROAM_FAMILY_INET4)
    wire_write_addr (&writer, source);
  else
    wire_write_zeros (&writer, 4);
  wire_write_addr (&writer, destination);
  wire_patch_u16 (&writer, 10, header_checksum (wire_writer_peek (&writer), IPV4_HEADER));
  wire_write_data (&writer, data, length);
  return wire_writer_finish (&writer);
}

void
agent_packet_multicast_link_layer (guint32 group, guint8 *ret_link_layer)
{
  const guint8 address[] = { 0x01, 0x00, 0x5e, (guint8)(group >> 16 & 0x7fu), (guint8)(group >> 8), (guint8)group };

  memcpy (ret_link_layer, address, sizeof address);
}
