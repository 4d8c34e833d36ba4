/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "agent/packet.h"

#include <string.h>

/* An advertisement of 10.2.0.9 to 224.0.0.1, TTL 1, with one octet of options and padding of the frame. */
static const guint8 advertisement[] = {
  0x46, 0x00, 0x00, 0x20, 0x00, 0x01, 0x00, 0x00, 0x01, 0x01, 0x37, 0xbd, 0x0a, 0x02, 0x00, 0x09, 0xe0,
  0x00, 0x00, 0x01, 0x94, 0x04, 0x00, 0x00, 0x09, 0x00, 0xf6, 0xff, 0x00, 0x00, 0x00, 0x00, 0xaa, 0xaa,
};

static guint16
sum (const guint8 *header, gsize length)
{
  guint32 total = 0;

  for (gsize i = 0; i < length; i += 2)
    total += (guint32)(header[i] << 8 | header[i + 1]);
  while (total >> 16 != 0)
    total = (total & 0xffff) + (total >> 16);
  return (guint16)~total;
}

static void
repair (guint8 *packet)
{
  guint16 checksum;

  packet[10] = packet[11] = 0;
  checksum = sum (packet, 24);
  packet[10] = (guint8)(checksum >> 8);
  packet[11] = (guint8)checksum;
}

static void
test_parse (void)
{
  guint8 packet[sizeof advertisement];
  AgentPacketIcmp icmp;

  memcpy (packet, advertisement, sizeof packet);
  repair (packet);
  g_assert_true (agent_packet_parse_icmp (packet, sizeof packet, &icmp));
  g_assert_cmpuint (roam_addr_to_u32 (&icmp.source), ==, 0x0a020009);
  g_assert_cmpuint (roam_addr_to_u32 (&icmp.destination), ==, AGENT_ALL_SYSTEMS);
  g_assert_cmpuint (icmp.ttl, ==, 1);
  g_assert_cmpmem (icmp.message, icmp.length, advertisement + 24, 8);
}

/* covers: MIP-SOL-001 */
static void
test_build (void)
{
  const RoamAddr group = roam_addr_from_u32 (0xe000000b), own = roam_addr_from_u32 (0x0a020032);
  g_autoptr (GBytes) message = g_bytes_new_static ("\x0a\x00\xf5\xff\x00\x00\x00\x00", 8);
  g_autoptr (GBytes) packet = agent_packet_build_icmp (&own, &group, 1, message);
  g_autoptr (GBytes) without = agent_packet_build_icmp (&ROAM_ADDR_NONE, &group, 1, message);
  AgentPacketIcmp icmp;
  gsize length;
  const guint8 *data = g_bytes_get_data (packet, &length);

  g_assert_cmpuint (length, ==, 28);
  g_assert_cmpuint (sum (data, 20), ==, 0);
  g_assert_true (agent_packet_parse_icmp (data, length, &icmp));
  g_assert_true (roam_addr_equal (&icmp.source, &own));
  g_assert_cmpuint (icmp.ttl, ==, 1);
  g_assert_cmpmem (icmp.message, icmp.length, g_bytes_get_data (message, NULL), 8);
  data = g_bytes_get_data (without, &length);
  g_assert_true (agent_packet_parse_icmp (data, length, &icmp));
  g_assert_false (roam_addr_is_specified (&icmp.source));
}

/* Every damaged octet of the header but TTL-neutral ones is noticed; nothing is read past the end. */
static void
test_broken (void)
{
  guint8 packet[sizeof advertisement];
  AgentPacketIcmp icmp = { .ttl = 77 };

  memcpy (packet, advertisement, sizeof packet);
  repair (packet);
  for (gsize i = 0; i < 24; i++)
    {
      packet[i] ^= 0x40;
      g_assert_false (agent_packet_parse_icmp (packet, sizeof packet, &icmp));
      packet[i] ^= 0x40;
    }
  for (gsize length = 0; length < 32; length++)
    {
      g_autofree guint8 *exact = g_memdup2 (packet, length);

      g_assert_false (agent_packet_parse_icmp (exact, length, &icmp));
    }
  /* Fragments, and what is no ICMP, with a right checksum. */
  packet[6] = 0x20;
  repair (packet);
  g_assert_false (agent_packet_parse_icmp (packet, sizeof packet, &icmp));
  packet[6] = 0;
  packet[9] = 17;
  repair (packet);
  g_assert_false (agent_packet_parse_icmp (packet, sizeof packet, &icmp));
  g_assert_cmpuint (icmp.ttl, ==, 77);
}

static void
test_group (void)
{
  const guint8 expected[] = { 0x01, 0x00, 0x5e, 0x7f, 0x00, 0x0b };
  guint8 address[6];

  agent_packet_multicast_link_layer (0xefff000b, address);
  g_assert_cmpmem (address, sizeof address, expected, sizeof expected);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/packet/parse", test_parse);
  g_test_add_func ("/packet/build", test_build);
  g_test_add_func ("/packet/broken", test_broken);
  g_test_add_func ("/packet/group", test_group);
  return g_test_run ();
}
