/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "fixture.h"
#include "mip4/mip4-tunnel-private.h"

#include <string.h>

/* The pure part of the home agent's data path. */

/* IPv4 header, 20 octets, with a right checksum. */
static void
make_header (guint8 out[20], guint8 tos, guint16 total, guint8 protocol, guint32 source, guint32 destination)
{
  guint32 sum = 0;
  const guint8 header[20] = { 0x45,
                              tos,
                              (guint8)(total >> 8),
                              (guint8)total,
                              0x12,
                              0x34,
                              0,
                              0,
                              64,
                              protocol,
                              0,
                              0,
                              (guint8)(source >> 24),
                              (guint8)(source >> 16),
                              (guint8)(source >> 8),
                              (guint8)source,
                              (guint8)(destination >> 24),
                              (guint8)(destination >> 16),
                              (guint8)(destination >> 8),
                              (guint8)destination };

  memcpy (out, header, sizeof header);
  for (guint i = 0; i < 20; i += 2)
    sum += (guint32)out[i] << 8 | out[i + 1];
  while (sum >> 16 != 0)
    sum = (sum & 0xffff) + (sum >> 16);
  sum = ~sum & 0xffff;
  out[10] = (guint8)(sum >> 8);
  out[11] = (guint8)sum;
}

static gboolean
checksum_is_right (const guint8 *header)
{
  guint32 sum = 0;

  for (guint i = 0; i < 20; i += 2)
    sum += (guint32)header[i] << 8 | header[i + 1];
  while (sum >> 16 != 0)
    sum = (sum & 0xffff) + (sum >> 16);
  return sum == 0xffff;
}

/* covers: MIP-TUN-009, MIP-TUN-010 */
static void
test_ecn_matrix (void)
{
  /* RFC 6040 figure 4, by inner (rows) and outer ECN field 00, 01, 10, 11; -1: drop. */
  static const gint8 expected[4][4] = {
    { 0, 0, 0, -1 },
    { 1, 1, 1, 3 },
    { 2, 1, 2, 3 },
    { 3, 3, 3, 3 },
  };
  static const gboolean strange[4][4] = {
    { FALSE, TRUE, TRUE, FALSE },
    { FALSE, FALSE, FALSE, FALSE },
    { FALSE, FALSE, FALSE, FALSE },
    { FALSE, TRUE, FALSE, FALSE },
  };

  for (guint8 dscp = 0; dscp < 64; dscp++)
    for (guint8 inner = 0; inner < 4; inner++)
      for (guint8 outer = 0; outer < 4; outer++)
        {
          guint8 header[20];
          Mip4EcnResult result;

          make_header (header, (guint8)(dscp << 2 | inner), 20, 17, HOME_ADDRESS, CARE_OF);
          g_assert_true (checksum_is_right (header));
          result = mip4_ecn_decapsulate ((guint8)(0xfc | outer), header);
          g_assert_cmpint (result == MIP4_ECN_DROP, ==, expected[inner][outer] < 0);
          if (result == MIP4_ECN_DROP)
            continue;
          g_assert_cmpint (result == MIP4_ECN_FORWARD_STRANGE, ==, strange[inner][outer]);
          g_assert_cmpuint (header[1], ==, dscp << 2 | expected[inner][outer]);
          g_assert_true (checksum_is_right (header));
        }
}

static void
test_headers (void)
{
  guint8 packet[64] = { 0 };
  Mip4Ipv4 ip;

  make_header (packet, 0xb8, 60, 4, CARE_OF, HOME_AGENT);
  g_assert_true (mip4_ipv4_parse (packet, 64, &ip));
  g_assert_cmpuint (ip.total_length, ==, 60);
  g_assert_cmpuint (ip.header_length, ==, 20);
  g_assert_cmphex (ip.source, ==, CARE_OF);
  g_assert_cmphex (ip.destination, ==, HOME_AGENT);
  g_assert_cmphex (ip.tos, ==, 0xb8);
  /* Shorter than it says, other versions, impossible header lengths. */
  g_assert_false (mip4_ipv4_parse (packet, 59, &ip));
  for (gsize length = 0; length < 20; length++)
    g_assert_false (mip4_ipv4_parse (packet, length, &ip));
  packet[0] = 0x65;
  g_assert_false (mip4_ipv4_parse (packet, 64, &ip));
  packet[0] = 0x44;
  g_assert_false (mip4_ipv4_parse (packet, 64, &ip));
  packet[0] = 0x4f;
  g_assert_true (mip4_ipv4_parse (packet, 64, &ip));
  packet[3] = 40;
  g_assert_false (mip4_ipv4_parse (packet, 64, &ip));
}

/* covers: MIP-HA-022, MIP-TUN-005 */
static void
test_loops (void)
{
  guint8 packet[40];

  make_header (packet, 0, 40, 4, CARE_OF, HOME_ADDRESS);
  make_header (packet + 20, 0, 20, 17, 0x0a04000a, HOME_ADDRESS);
  g_assert_true (mip4_tunnel_is_loop (packet, sizeof packet, CARE_OF));
  /* From elsewhere, for somebody else, or not encapsulated at all: no loop. */
  g_assert_false (mip4_tunnel_is_loop (packet, sizeof packet, CARE_OF_2));
  make_header (packet + 20, 0, 20, 17, 0x0a04000a, HOME_ADDRESS + 1);
  g_assert_false (mip4_tunnel_is_loop (packet, sizeof packet, CARE_OF));
  make_header (packet, 0, 40, 17, CARE_OF, HOME_ADDRESS);
  g_assert_false (mip4_tunnel_is_loop (packet, sizeof packet, CARE_OF));
  g_assert_false (mip4_tunnel_is_loop (packet, 30, CARE_OF));
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/mip4/tunnel/ecn-matrix", test_ecn_matrix);
  g_test_add_func ("/mip4/tunnel/headers", test_headers);
  g_test_add_func ("/mip4/tunnel/loops", test_loops);
  return g_test_run ();
}
