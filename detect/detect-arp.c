/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "base/wire.h"
#include "detect/detect.h"

#include <string.h>

/* ARP packets for Ethernet and IPv4 (RFC 826). */

#define HARDWARE_ETHERNET 1
#define PROTOCOL_IPV4 0x0800
#define HARDWARE_LENGTH 6
#define PROTOCOL_LENGTH 4

const guint8 detect_mac_broadcast[6] = { 0xff, 0xff, 0xff, 0xff, 0xff, 0xff };

gboolean
detect_arp_parse (const guint8 *data, gsize length, DetectArp *ret_arp)
{
  DetectArp arp = { 0 };
  WireReader reader;
  guint16 hardware, protocol, operation;
  guint8 hardware_length, protocol_length;

  wire_reader_init (&reader, data, length);
  if (!wire_read_u16 (&reader, &hardware) || !wire_read_u16 (&reader, &protocol) ||
      !wire_read_u8 (&reader, &hardware_length) || !wire_read_u8 (&reader, &protocol_length) ||
      !wire_read_u16 (&reader, &operation) || !wire_read_copy (&reader, arp.sender_mac, sizeof arp.sender_mac) ||
      !wire_read_addr (&reader, ROAM_FAMILY_INET4, &arp.sender) ||
      !wire_read_copy (&reader, arp.target_mac, sizeof arp.target_mac) ||
      !wire_read_addr (&reader, ROAM_FAMILY_INET4, &arp.target))
    return FALSE;
  if (hardware != HARDWARE_ETHERNET || protocol != PROTOCOL_IPV4 || hardware_length != HARDWARE_LENGTH ||
      protocol_length != PROTOCOL_LENGTH || (operation != DETECT_ARP_REQUEST && operation != DETECT_ARP_REPLY))
    return FALSE;
  arp.operation = (DetectArpOperation)operation;
  *ret_arp = arp;
  return TRUE;
}

static void
write_address (WireWriter *writer, const RoamAddr *address)
{
  wire_write_u32 (writer, roam_addr_to_u32 (address));
}

GBytes *
detect_arp_build (const DetectArp *arp)
{
  g_auto (WireWriter) writer = { 0 };

  wire_writer_init (&writer, DETECT_ARP_LENGTH);
  wire_write_u16 (&writer, HARDWARE_ETHERNET);
  wire_write_u16 (&writer, PROTOCOL_IPV4);
  wire_write_u8 (&writer, HARDWARE_LENGTH);
  wire_write_u8 (&writer, PROTOCOL_LENGTH);
  wire_write_u16 (&writer, (guint16)arp->operation);
  wire_write_data (&writer, arp->sender_mac, sizeof arp->sender_mac);
  write_address (&writer, &arp->sender);
  wire_write_data (&writer, arp->target_mac, sizeof arp->target_mac);
  write_address (&writer, &arp->target);
  return wire_writer_finish (&writer);
}

DetectArp
detect_arp_gratuitous (const guint8 own_mac[6], const RoamAddr *address)
{
  return detect_arp_test (own_mac, address, address);
}

DetectArp
detect_arp_test (const guint8 own_mac[6], const RoamAddr *candidate, const RoamAddr *node)
{
  DetectArp arp = { .operation = DETECT_ARP_REQUEST, .sender = *candidate, .target = *node };

  memcpy (arp.sender_mac, own_mac, sizeof arp.sender_mac);
  return arp;
}

gboolean
detect_arp_answer (const DetectArp *request, const guint8 destination_mac[6], const guint8 own_mac[6],
                   const RoamAddr *home_address, const guint8 agent_mac[6], DetectArp *ret_reply)
{
  if (request->operation != DETECT_ARP_REQUEST || !roam_addr_is_specified (home_address) ||
      !roam_addr_equal (&request->target, home_address) || memcmp (destination_mac, own_mac, 6) != 0 ||
      memcmp (request->sender_mac, agent_mac, 6) != 0)
    return FALSE;
  *ret_reply = (DetectArp){ .operation = DETECT_ARP_REPLY, .sender = *home_address, .target = request->sender };
  memcpy (ret_reply->sender_mac, own_mac, 6);
  memcpy (ret_reply->target_mac, agent_mac, 6);
  return TRUE;
}
