/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "fixture.h"
#include "mip4/mip4-tunnel-private.h"

#include <string.h>

/* Encapsulation, fragments before it, and ICMP errors about tunnelled packets (RFC 2003 3 to 5). */

#define CORRESPONDENT 0x0a01000au
#define LINK_MTU 1500u

static gsize
make_packet (guint8 *out, gsize total, guint8 protocol, guint32 source, guint32 destination, guint16 fragment)
{
  const Mip4Ipv4 ip = { .total_length = (guint16)total,
                        .identification = 0x1234,
                        .fragment = fragment,
                        .ttl = 64,
                        .protocol = protocol,
                        .source = source,
                        .destination = destination };

  mip4_ipv4_build (out, &ip);
  for (gsize i = MIP4_IPV4_MIN_HEADER; i < total; i++)
    out[i] = (guint8)(i * 7);
  return total;
}

/* An ICMP error of @type and @code about @quoted octets of @packet. */
static gsize
make_error (guint8 *out, guint8 type, guint8 code, guint8 pointer, guint16 mtu, const guint8 *packet, gsize quoted)
{
  const guint8 header[8] = { type, code, 0, 0, pointer, 0, (guint8)(mtu >> 8), (guint8)mtu };
  guint16 sum;

  memcpy (out, header, 8);
  memcpy (out + 8, packet, quoted);
  sum = mip4_checksum (out, 8 + quoted);
  out[2] = (guint8)(sum >> 8);
  out[3] = (guint8)sum;
  return 8 + quoted;
}

/* A packet of @inner octets in a tunnel of IP-in-IP; its total length. */
static gsize
make_tunnelled (guint8 *out, gsize inner, guint8 inner_protocol)
{
  make_packet (out + 20, inner, inner_protocol, CORRESPONDENT, HOME_ADDRESS, MIP4_IPV4_DF);
  make_packet (out, 20, MIP4_PROTOCOL_IPIP, HOME_AGENT, CARE_OF, MIP4_IPV4_DF);
  mip4_ipv4_build (out, &(Mip4Ipv4){ .total_length = (guint16)(20 + inner),
                                     .identification = 0x77,
                                     .fragment = MIP4_IPV4_DF,
                                     .ttl = 60,
                                     .protocol = MIP4_PROTOCOL_IPIP,
                                     .source = HOME_AGENT,
                                     .destination = CARE_OF });
  return 20 + inner;
}

static void
test_checksum (void)
{
  static const guint8 rfc1071[] = { 0x00, 0x01, 0xf2, 0x03, 0xf4, 0xf5, 0xf6, 0xf7 };
  static const guint8 odd[] = { 0x12, 0x34, 0x56 };
  guint8 header[20];

  g_assert_cmphex (mip4_checksum (rfc1071, sizeof rfc1071), ==, (guint16)~0xddf2);
  g_assert_cmphex (mip4_checksum (odd, sizeof odd), ==, (guint16) ~(0x1234 + 0x5600));
  make_packet (header, 20, 17, CARE_OF, HOME_AGENT, 0);
  g_assert_cmphex (mip4_checksum (header, 20), ==, 0);
}

/* covers: MIP-TUN-007, MIP-TUN-008 */
static void
test_ecn_ingress (void)
{
  for (guint tos = 0; tos < 256; tos++)
    {
      g_assert_cmphex (mip4_ecn_encapsulate (MIP4_ECN_NORMAL, (guint8)tos), ==, tos);
      g_assert_cmphex (mip4_ecn_encapsulate (MIP4_ECN_COMPATIBILITY, (guint8)tos), ==, tos & 0xfc);
    }
}

static void
test_tag (void)
{
  guint16 tag = mip4_tunnel_tag (42, CARE_OF, 7, 1300);
  guint same = 0;

  g_assert_cmphex (tag, ==, mip4_tunnel_tag (42, CARE_OF, 7, 1300));
  /* Any other input gives another tag, except by chance (1 in 65536). */
  for (guint16 i = 0; i < 1000; i++)
    same += (tag == mip4_tunnel_tag (43 + i, CARE_OF, 7, 1300)) +
            (tag == mip4_tunnel_tag (42, CARE_OF + 1 + i, 7, 1300)) +
            (tag == mip4_tunnel_tag (42, CARE_OF, (guint16)(8 + i), 1300)) +
            (tag == mip4_tunnel_tag (42, CARE_OF, 7, (guint16)(1301 + i)));
  g_assert_cmpuint (same, <, 4);
}

/* Cuts, puts together again, compares. */
static void
check_fragments (const guint8 *packet, gsize length, guint mtu, guint expected)
{
  guint8 piece[2048], whole[2048];
  Mip4Fragmenter fragmenter;
  Mip4Ipv4 ip, original;
  gsize size, data = 0;
  guint n = 0;

  g_assert_true (mip4_ipv4_parse (packet, length, &original));
  g_assert_true (mip4_fragmenter_init (&fragmenter, packet, length, mtu));
  while ((size = mip4_fragmenter_next (&fragmenter, piece)) > 0)
    {
      gboolean last;

      g_assert_cmpuint (size, <=, mtu);
      g_assert_true (mip4_ipv4_parse (piece, size, &ip));
      g_assert_cmpuint (ip.total_length, ==, size);
      g_assert_cmphex (mip4_checksum (piece, ip.header_length), ==, 0);
      g_assert_cmpuint ((ip.fragment & MIP4_IPV4_OFFSET) * 8u, ==, (original.fragment & MIP4_IPV4_OFFSET) * 8u + data);
      g_assert_cmpuint (ip.identification, ==, original.identification);
      memcpy (whole + data, piece + ip.header_length, size - ip.header_length);
      data += size - ip.header_length;
      last = data == length - original.header_length;
      g_assert_cmpint ((ip.fragment & MIP4_IPV4_MF) != 0, ==, !last || (original.fragment & MIP4_IPV4_MF) != 0);
      n++;
    }
  g_assert_cmpuint (n, ==, expected);
  g_assert_cmpmem (whole, data, packet + original.header_length, length - original.header_length);
}

/* covers: MIP-TUN-022, MIP-HA-031 */
static void
test_fragments (void)
{
  guint8 packet[2048];
  Mip4Fragmenter fragmenter;
  gsize length = make_packet (packet, 1480, 17, CORRESPONDENT, HOME_ADDRESS, 0);

  check_fragments (packet, length, 1280, 2);
  check_fragments (packet, length, 576, 3);
  check_fragments (packet, length, 28, 183);
  check_fragments (packet, length, 1480, 1);
  make_packet (packet, 28, 17, CORRESPONDENT, HOME_ADDRESS, 0);
  check_fragments (packet, 28, 28, 1);
  /* A fragment is cut again: offset and MF go on. */
  length = make_packet (packet, 1476, 17, CORRESPONDENT, HOME_ADDRESS, MIP4_IPV4_MF | 100);
  check_fragments (packet, length, 576, 3);
  make_packet (packet, 20, 17, CORRESPONDENT, HOME_ADDRESS, 0);
  check_fragments (packet, 20, 576, 1);
  make_packet (packet, 1480, 17, CORRESPONDENT, HOME_ADDRESS, MIP4_IPV4_DF);
  g_assert_false (mip4_fragmenter_init (&fragmenter, packet, 1480, 1280));
  make_packet (packet, 1480, 17, CORRESPONDENT, HOME_ADDRESS, 0);
  g_assert_false (mip4_fragmenter_init (&fragmenter, packet, 1480, 27));
  g_assert_false (mip4_fragmenter_init (&fragmenter, packet, 1479, 576));
}

static void
test_fragments_with_options (void)
{
  /* Record route (first fragment only), then router alert (all), then end. */
  static const guint8 options[12] = { 7, 7, 4, 0, 0, 0, 0, 0x94, 4, 0, 0, 0 };
  guint8 packet[1012], first[600], second[600];
  Mip4Fragmenter fragmenter;

  make_packet (packet, sizeof packet, 17, CORRESPONDENT, HOME_ADDRESS, 0);
  packet[0] = 0x48;
  memcpy (packet + 20, options, sizeof options);
  g_assert_true (mip4_fragmenter_init (&fragmenter, packet, sizeof packet, 576));
  g_assert_cmpuint (mip4_fragmenter_next (&fragmenter, first), ==, 576);
  g_assert_cmpuint (mip4_fragmenter_next (&fragmenter, second), ==, 1012 - 544);
  g_assert_cmpuint (mip4_fragmenter_next (&fragmenter, second + 512), ==, 0);
  g_assert_cmpmem (first + 20, 12, options, 12);
  g_assert_cmpmem (second + 20, 12, "\1\1\1\1\1\1\1\x94\4\0\0\0", 12);
  g_assert_cmphex (mip4_checksum (second, 32), ==, 0);
  /* Lengths that lie stay inside the header. */
  packet[21] = 200;
  g_assert_true (mip4_fragmenter_init (&fragmenter, packet, sizeof packet, 576));
  while (mip4_fragmenter_next (&fragmenter, first) > 0)
    g_assert_cmphex (mip4_checksum (first, 32), ==, 0);
  packet[21] = 0;
  g_assert_true (mip4_fragmenter_init (&fragmenter, packet, sizeof packet, 576));
  while (mip4_fragmenter_next (&fragmenter, first) > 0)
    g_assert_cmphex (mip4_checksum (first, 32), ==, 0);
}

/* covers: MIP-TUN-005 */
static void
test_source_is_tunnel_end (void)
{
  Mip4Ipv4 ip = { .source = CARE_OF, .destination = HOME_ADDRESS };

  g_assert_true (mip4_tunnel_is_from_end (&ip, CARE_OF));
  g_assert_false (mip4_tunnel_is_from_end (&ip, CARE_OF_2));
}

/* covers: MIP-TUN-011, MIP-TUN-012, MIP-TUN-024 */
static void
test_path_mtu (void)
{
  Mip4TunnelPath path = { 0 };

  g_assert_cmpuint (mip4_tunnel_path_mtu (&path, 0, LINK_MTU), ==, LINK_MTU);
  g_assert_true (mip4_tunnel_path_learn (&path, 1000, LINK_MTU, 1400));
  g_assert_cmpuint (mip4_tunnel_path_mtu (&path, 1000, LINK_MTU), ==, 1400);
  /* Never up again on anybody's word; down to the floor and no further. */
  g_assert_false (mip4_tunnel_path_learn (&path, 2000, LINK_MTU, 1450));
  g_assert_false (mip4_tunnel_path_learn (&path, 2000, LINK_MTU, 9000));
  g_assert_true (mip4_tunnel_path_learn (&path, 2000, LINK_MTU, 68));
  g_assert_cmpuint (mip4_tunnel_path_mtu (&path, 2000, LINK_MTU), ==, 576);
  g_assert_false (mip4_tunnel_path_learn (&path, 2000, LINK_MTU, 576));
  /* Ten minutes later the path is tried again. */
  g_assert_cmpuint (mip4_tunnel_path_mtu (&path, 2000 + MIP4_TUNNEL_MTU_AGE_US - 1, LINK_MTU), ==, 576);
  g_assert_cmpuint (mip4_tunnel_path_mtu (&path, 2000 + MIP4_TUNNEL_MTU_AGE_US, LINK_MTU), ==, LINK_MTU);
}

/* covers: MIP-TUN-013, MIP-TUN-014, MIP-TUN-015, MIP-TUN-016, MIP-TUN-017, MIP-TUN-018, MIP-TUN-019 */
static void
test_relay_table (void)
{
  static const struct
  {
    guint8 type, code;
    gboolean near;
    gint relayed_type, relayed_code; /* -1: nothing */
  } rows[] = {
    { 3, 0, FALSE, 3, 0 }, { 3, 0, TRUE, 3, 1 },  { 3, 1, FALSE, 3, 1 },  { 3, 2, FALSE, 3, 0 },  { 3, 2, TRUE, 3, 1 },
    { 3, 3, TRUE, -1, 0 }, { 3, 4, TRUE, 3, 4 },  { 3, 5, TRUE, -1, 0 },  { 3, 13, TRUE, -1, 0 }, { 4, 0, TRUE, -1, 0 },
    { 5, 0, TRUE, -1, 0 }, { 5, 1, TRUE, -1, 0 }, { 11, 0, FALSE, 3, 1 }, { 11, 1, FALSE, 3, 1 },
  };
  guint8 packet[1400], icmp[1500];

  make_tunnelled (packet, 1300, 17);
  for (guint i = 0; i < G_N_ELEMENTS (rows); i++)
    {
      gsize length = make_error (icmp, rows[i].type, rows[i].code, 0, 1200, packet, 528);
      Mip4IcmpRelay relay = { .type = 99 };
      Mip4IcmpError error;
      gboolean relayed;

      g_assert_true (mip4_icmp_parse_error (icmp, length, &error));
      g_assert_cmpuint (error.inner_length, ==, 508);
      g_assert_cmphex (error.outer.destination, ==, CARE_OF);
      g_assert_cmphex (error.outer.identification, ==, 0x77);
      relayed = mip4_icmp_relay (&error, rows[i].near, 1200, &relay);
      g_assert_cmpint (relayed, ==, rows[i].relayed_type >= 0);
      if (!relayed)
        {
          g_assert_cmpuint (relay.type, ==, 99);
          continue;
        }
      g_assert_cmpuint (relay.type, ==, rows[i].relayed_type);
      g_assert_cmpuint (relay.code, ==, rows[i].relayed_code);
      g_assert_cmpuint (relay.mtu, ==, rows[i].code == 4 ? 1180 : 0);
    }
}

/* covers: MIP-TUN-020 */
static void
test_parameter_problem (void)
{
  guint8 packet[140], icmp[200];
  Mip4IcmpError error;
  Mip4IcmpRelay relay;

  make_tunnelled (packet, 120, 17);
  /* Into our own header: our fault, nobody else's. */
  g_assert_true (mip4_icmp_parse_error (icmp, make_error (icmp, 12, 0, 19, 0, packet, 140), &error));
  g_assert_false (mip4_icmp_relay (&error, TRUE, LINK_MTU, &relay));
  g_assert_true (mip4_icmp_parse_error (icmp, make_error (icmp, 12, 0, 29, 0, packet, 140), &error));
  g_assert_true (mip4_icmp_relay (&error, TRUE, LINK_MTU, &relay));
  g_assert_cmpuint (relay.type, ==, 12);
  g_assert_cmpuint (relay.pointer, ==, 9);
}

static void
test_relay_packet (void)
{
  guint8 packet[1400], icmp[1500], out[MIP4_ICMP_MAX];
  const Mip4IcmpRelay too_big = { 3, 4, 1180, 0 };
  Mip4IcmpError error;
  Mip4Ipv4 ip;
  gsize n;

  make_tunnelled (packet, 1300, 17);
  g_assert_true (mip4_icmp_parse_error (icmp, make_error (icmp, 3, 4, 0, 1200, packet, 1320), &error));
  n = mip4_icmp_build (out, HOME_AGENT, &too_big, error.inner, error.inner_length);
  g_assert_cmpuint (n, ==, MIP4_ICMP_MAX);
  g_assert_true (mip4_ipv4_parse (out, n, &ip));
  g_assert_cmphex (ip.source, ==, HOME_AGENT);
  g_assert_cmphex (ip.destination, ==, CORRESPONDENT);
  g_assert_cmphex (mip4_checksum (out, 20), ==, 0);
  g_assert_cmphex (mip4_checksum (out + 20, n - 20), ==, 0);
  g_assert_cmpmem (out + 20, 2, "\3\4", 2);
  g_assert_cmpmem (out + 24, 4, "\0\0\x04\x9c", 4);
  g_assert_cmpmem (out + 28, n - 28, packet + 20, n - 28);
  /* What 64 bits quote is less than a header: nobody to be told. */
  g_assert_true (mip4_icmp_parse_error (icmp, make_error (icmp, 3, 4, 0, 1200, packet, 28), &error));
  g_assert_cmpuint (mip4_icmp_build (out, HOME_AGENT, &too_big, error.inner, error.inner_length), ==, 0);
  /* Not about errors, later fragments, or senders that are no host. */
  make_tunnelled (packet, 100, MIP4_PROTOCOL_ICMP);
  packet[40] = 3;
  g_assert_cmpuint (mip4_icmp_build (out, HOME_AGENT, &too_big, packet + 20, 100), ==, 0);
  g_assert_cmpuint (mip4_icmp_build (out, HOME_AGENT, &too_big, packet + 20, 20), ==, 0);
  packet[40] = 8;
  g_assert_cmpuint (mip4_icmp_build (out, HOME_AGENT, &too_big, packet + 20, 100), ==, 128);
  make_packet (packet, 100, 17, CORRESPONDENT, HOME_ADDRESS, 5);
  g_assert_cmpuint (mip4_icmp_build (out, HOME_AGENT, &too_big, packet, 100), ==, 0);
  make_packet (packet, 100, 17, 0xe0000001, HOME_ADDRESS, 0);
  g_assert_cmpuint (mip4_icmp_build (out, HOME_AGENT, &too_big, packet, 100), ==, 0);
  make_packet (packet, 100, 17, CORRESPONDENT, 0xffffffff, 0);
  g_assert_cmpuint (mip4_icmp_build (out, HOME_AGENT, &too_big, packet, 100), ==, 0);
}

static void
test_udp_tunnel (void)
{
  guint8 packet[1400], icmp[1500];
  static const guint8 headers[12] = { 0x01, 0xb2, 0xaf, 0xc9, 0, 100, 0, 0, 4, 4, 0, 0 };
  Mip4IcmpError error;
  Mip4IcmpRelay relay;

  make_packet (packet, 1332, MIP4_PROTOCOL_UDP, HOME_AGENT, CARE_OF, MIP4_IPV4_DF);
  memcpy (packet + 20, headers, sizeof headers);
  make_packet (packet + 32, 1300, 17, CORRESPONDENT, HOME_ADDRESS, MIP4_IPV4_DF);
  g_assert_true (mip4_icmp_parse_error (icmp, make_error (icmp, 3, 4, 0, 1200, packet, 200), &error));
  g_assert_cmpuint (error.source_port, ==, 434);
  g_assert_cmpuint (error.destination_port, ==, 45001);
  g_assert_cmpmem (error.inner, 20, packet + 32, 20);
  g_assert_true (mip4_icmp_relay (&error, TRUE, 1200, &relay));
  g_assert_cmpuint (relay.mtu, ==, 1168);
  /* The least that is quoted is enough for the soft state; other UDP is not ours. */
  g_assert_true (mip4_icmp_parse_error (icmp, make_error (icmp, 3, 4, 0, 1200, packet, 28), &error));
  g_assert_cmpuint (error.inner_length, ==, 0);
  packet[28] = 1;
  g_assert_false (mip4_icmp_parse_error (icmp, make_error (icmp, 3, 4, 0, 1200, packet, 200), &error));
  packet[21] = 0xb3;
  g_assert_false (mip4_icmp_parse_error (icmp, make_error (icmp, 3, 4, 0, 1200, packet, 28), &error));
}

static void
test_nonsense (void)
{
  guint8 packet[200], icmp[300];
  Mip4IcmpError error = { .type = 99 };
  gsize length;

  make_tunnelled (packet, 120, 17);
  length = make_error (icmp, 3, 1, 0, 0, packet, 140);
  icmp[60] ^= 1;
  g_assert_false (mip4_icmp_parse_error (icmp, length, &error));
  for (length = 0; length < 28; length++)
    {
      make_error (icmp, 3, 1, 0, 0, packet, length);
      g_assert_false (mip4_icmp_parse_error (icmp, MIN (length + 8, 27), &error));
    }
  g_assert_false (mip4_icmp_parse_error (icmp, make_error (icmp, 8, 0, 0, 0, packet, 140), &error));
  g_assert_false (mip4_icmp_parse_error (icmp, make_error (icmp, 0, 0, 0, 0, packet, 140), &error));
  make_packet (packet, 140, 6, HOME_AGENT, CARE_OF, 0);
  g_assert_false (mip4_icmp_parse_error (icmp, make_error (icmp, 3, 1, 0, 0, packet, 140), &error));
  make_packet (packet, 140, 4, HOME_AGENT, CARE_OF, 5);
  g_assert_false (mip4_icmp_parse_error (icmp, make_error (icmp, 3, 1, 0, 0, packet, 140), &error));
  packet[0] = 0x41;
  g_assert_false (mip4_icmp_parse_error (icmp, make_error (icmp, 3, 1, 0, 0, packet, 140), &error));
  g_assert_cmpuint (error.type, ==, 99);
}

/* RFC 1191 5: routers that name no MTU. */
static void
test_old_router (void)
{
  guint8 packet[1500], icmp[1600];
  Mip4IcmpError error;

  make_tunnelled (packet, 1480, 17);
  g_assert_true (mip4_icmp_parse_error (icmp, make_error (icmp, 3, 4, 0, 0, packet, 528), &error));
  g_assert_cmpuint (error.mtu, ==, 1492);
  make_tunnelled (packet, 1400, 17);
  g_assert_true (mip4_icmp_parse_error (icmp, make_error (icmp, 3, 4, 0, 0, packet, 528), &error));
  g_assert_cmpuint (error.mtu, ==, 1006);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/mip4/icmp/checksum", test_checksum);
  g_test_add_func ("/mip4/icmp/ecn-ingress", test_ecn_ingress);
  g_test_add_func ("/mip4/icmp/tag", test_tag);
  g_test_add_func ("/mip4/icmp/fragments", test_fragments);
  g_test_add_func ("/mip4/icmp/fragments-with-options", test_fragments_with_options);
  g_test_add_func ("/mip4/icmp/source-is-tunnel-end", test_source_is_tunnel_end);
  g_test_add_func ("/mip4/icmp/path-mtu", test_path_mtu);
  g_test_add_func ("/mip4/icmp/relay-table", test_relay_table);
  g_test_add_func ("/mip4/icmp/parameter-problem", test_parameter_problem);
  g_test_add_func ("/mip4/icmp/relay-packet", test_relay_packet);
  g_test_add_func ("/mip4/icmp/udp-tunnel", test_udp_tunnel);
  g_test_add_func ("/mip4/icmp/nonsense", test_nonsense);
  g_test_add_func ("/mip4/icmp/old-router", test_old_router);
  return g_test_run ();
}
