/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "tunnel/tunnel-inner-private.h"
#include "tunnel/tunnel-octets-private.h"

#include <string.h>

/* The Mobile IPv4 tunnel in UDP (RFC 3519), octet by octet. */

#define HOA 0xc000020au /* 192.0.2.10 */
#define HA 0xc0000201u  /* 192.0.2.1 */
#define COA 0x0a000005u /* 10.0.0.5 */
#define PORT 45001
#define HEADERS 32

static const TunnelIpip tunnel = { .local = COA, .remote = HA, .home_address = HOA, .udp = TRUE, .udp_port = PORT };

static gsize
unhex (const char *text, guint8 *octets)
{
  gsize n = strlen (text) / 2;

  for (gsize i = 0; i < n; i++)
    octets[i] = (guint8)(g_ascii_xdigit_value (text[2 * i]) << 4 | g_ascii_xdigit_value (text[2 * i + 1]));
  return n;
}

/* An echo request from the home address to the home agent. */
static const char echo[] = "45000024123400004001e499c000020ac0000201080095a3beef0001726f616d642d6b61";

/* covers: MIP-NAT-017, MIP-NAT-022, MIP-NAT-035, MIP-NAT-019 */
static void
test_encapsulate (void)
{
  guint8 buffer[128], *inner = buffer + HEADERS, original[64];
  gsize length = unhex (echo, inner), outer_length;
  TunnelIp4 outer;

  memcpy (original, inner, length);
  g_assert_cmpint (tunnel_ipip_encapsulate (&tunnel, inner, length, &outer_length), ==, TUNNEL_DROP_NONE);
  g_assert_cmpuint (outer_length, ==, length + HEADERS);
  g_assert_cmpint (tunnel_ip4_parse (buffer, outer_length, &outer), ==, TUNNEL_DROP_NONE);
  g_assert_cmpuint (outer.protocol, ==, 17);
  g_assert_cmphex (outer.source, ==, COA);
  g_assert_cmphex (outer.destination, ==, HA);
  g_assert_cmphex (outer.fragment, ==, 0x4000);
  g_assert_cmpuint (tunnel_get_u16 (buffer + 20), ==, PORT);
  g_assert_cmpuint (tunnel_get_u16 (buffer + 22), ==, 434);
  g_assert_cmpuint (tunnel_get_u16 (buffer + 24), ==, length + 12);
  g_assert_cmphex (tunnel_get_u32 (buffer + 28), ==, 0x04040000);
  g_assert_cmpmem (inner, length, original, length);
}

/* DSCP and ECN of the user's packet, or no ECN where the far end would lose it. covers: MIP-TUN-007, MIP-TUN-008 */
static void
test_ecn_ingress (void)
{
  static const gboolean modes[] = { FALSE, TRUE };

  for (guint udp = 0; udp < 2; udp++)
    for (guint i = 0; i < G_N_ELEMENTS (modes); i++)
      for (guint ecn = 0; ecn < 4; ecn++)
        {
          guint8 buffer[128], *inner = buffer + HEADERS;
          gsize length = unhex (echo, inner), outer_length;
          TunnelIpip compatible = tunnel;
          guint tos = 0xb8 | ecn;

          compatible.udp = udp;
          compatible.ecn_compatibility = modes[i];
          inner[1] = (guint8)tos;
          g_assert_cmpint (tunnel_ipip_encapsulate (&compatible, inner, length, &outer_length), ==, TUNNEL_DROP_NONE);
          g_assert_cmphex ((inner - tunnel_ipip_get_overhead (&compatible))[1], ==, modes[i] ? 0xb8 : tos);
          g_assert_cmphex (inner[1], ==, tos);
        }
}

/* A datagram from the home agent to @port with an inner packet to the home address, at buffer. */
static gsize
make_data (guint8 *buffer)
{
  TunnelIp4 outer = { .ttl = 60, .protocol = 17, .total_length = 80, .source = HA, .destination = COA };
  TunnelIp4 inner = { .ttl = 9, .protocol = 17, .total_length = 48, .source = 0x08080808, .destination = HOA };

  memset (buffer, 0, 80);
  tunnel_ip4_build (buffer, &outer);
  tunnel_put_u16 (buffer + 20, 434);
  tunnel_put_u16 (buffer + 22, PORT);
  tunnel_put_u16 (buffer + 24, 60);
  tunnel_put_u32 (buffer + 28, 0x04040000);
  tunnel_ip4_build (buffer + HEADERS, &inner);
  return 80;
}

static TunnelDrop
decapsulate (const TunnelIpip *how, guint8 *buffer, gsize length)
{
  guint8 *inner = NULL;
  gsize inner_length = 0;
  gboolean unused;
  TunnelDrop drop = tunnel_ipip_decapsulate (how, TUNNEL_ECN_NOT_ECT, buffer, length, &inner, &inner_length, &unused);

  if (drop == TUNNEL_DROP_NONE)
    {
      g_assert_true (inner == buffer + HEADERS);
      g_assert_cmpuint (inner_length, ==, 48);
      g_assert_cmpuint (inner[8], ==, 9);
    }
  return drop;
}

static void
put_outer (guint8 *buffer, guint32 source, guint32 destination, guint8 protocol)
{
  TunnelIp4 outer = {
    .ttl = 60, .protocol = protocol, .total_length = 80, .source = source, .destination = destination
  };

  tunnel_ip4_build (buffer, &outer);
}

/* covers: MIP-NAT-015, MIP-NAT-019, MIP-NAT-020, MIP-NAT-021, MIP-NAT-022, MIP-NAT-011 */
static void
test_decapsulate (void)
{
  TunnelIpip plain = tunnel;
  guint8 buffer[128];

  g_assert_cmpint (decapsulate (&tunnel, buffer, make_data (buffer)), ==, TUNNEL_DROP_NONE);
  /* Reserved is ignored. */
  make_data (buffer);
  tunnel_put_u16 (buffer + 30, 0xffff);
  g_assert_cmpint (decapsulate (&tunnel, buffer, 80), ==, TUNNEL_DROP_NONE);
  /* Each end, each port. */
  make_data (buffer);
  put_outer (buffer, HA + 1, COA, 17);
  g_assert_cmpint (decapsulate (&tunnel, buffer, 80), ==, TUNNEL_DROP_END_POINT);
  put_outer (buffer, HA, COA + 1, 17);
  g_assert_cmpint (decapsulate (&tunnel, buffer, 80), ==, TUNNEL_DROP_END_POINT);
  make_data (buffer);
  tunnel_put_u16 (buffer + 20, 435);
  g_assert_cmpint (decapsulate (&tunnel, buffer, 80), ==, TUNNEL_DROP_END_POINT);
  make_data (buffer);
  tunnel_put_u16 (buffer + 22, 434);
  g_assert_cmpint (decapsulate (&tunnel, buffer, 80), ==, TUNNEL_DROP_END_POINT);
  /* GRE and minimal encapsulation were not agreed on; neither is this a registration. */
  for (guint i = 0; i < 256; i++)
    {
      make_data (buffer);
      buffer[29] = (guint8)i;
      g_assert_cmpint (decapsulate (&tunnel, buffer, 80), ==, i == 4 ? TUNNEL_DROP_NONE : TUNNEL_DROP_NEXT_HEADER);
      make_data (buffer);
      buffer[28] = (guint8)i;
      g_assert_cmpint (decapsulate (&tunnel, buffer, 80), ==, i == 4 ? TUNNEL_DROP_NONE : TUNNEL_DROP_NEXT_HEADER);
    }
  /* The other form: either way round. */
  put_outer (buffer, HA, COA, 4);
  g_assert_cmpint (decapsulate (&tunnel, buffer, 80), ==, TUNNEL_DROP_NEXT_HEADER);
  plain.udp = FALSE;
  make_data (buffer);
  g_assert_cmpint (decapsulate (&plain, buffer, 80), ==, TUNNEL_DROP_NEXT_HEADER);
}

/* Every length that a UDP header can claim, and every one that the packet can have. */
static void
test_lengths (void)
{
  guint8 buffer[128];

  for (guint claimed = 0; claimed <= 61; claimed++)
    {
      make_data (buffer);
      tunnel_put_u16 (buffer + 24, (guint16)claimed);
      g_assert_cmpint (decapsulate (&tunnel, buffer, 80), ==, claimed == 60 ? TUNNEL_DROP_NONE : TUNNEL_DROP_MALFORMED);
    }
  for (gsize length = 0; length < 80; length++)
    {
      make_data (buffer);
      g_assert_cmpint (decapsulate (&tunnel, buffer, length), ==, TUNNEL_DROP_MALFORMED);
    }
}

/* In mc the tunnel lies inside ESP: data and registration share the TIA's ports, the first octet tells them apart. */
/* covers: MIP-NAT-015, MIP-NAT-016, R5266-NAT-003 */
static void
test_inside_esp (void)
{
  static const struct
  {
    gboolean negotiated;
    guint8 protocol, first_octet;
    TunnelMode mode;
    TunnelInnerType type;
  } rows[] = {
    { TRUE, 17, 4, TUNNEL_MODE_MC, TUNNEL_INNER_USER },
    { TRUE, 17, 4, TUNNEL_MODE_HOLD, TUNNEL_INNER_DROPPED },
    { TRUE, 17, 3, TUNNEL_MODE_MC, TUNNEL_INNER_REGISTRATION },
    { TRUE, 17, 3, TUNNEL_MODE_HOLD, TUNNEL_INNER_REGISTRATION },
    { TRUE, 4, 4, TUNNEL_MODE_MC, TUNNEL_INNER_DROPPED },
    { FALSE, 17, 4, TUNNEL_MODE_MC, TUNNEL_INNER_DROPPED },
    { FALSE, 17, 3, TUNNEL_MODE_MC, TUNNEL_INNER_REGISTRATION },
  };

  for (gsize i = 0; i < G_N_ELEMENTS (rows); i++)
    {
      TunnelInnerContext context = { .mode = rows[i].mode, .ipip = tunnel };
      TunnelInner inner;
      guint8 buffer[128];

      g_test_message ("row %" G_GSIZE_FORMAT, i);
      context.ipip.udp = rows[i].negotiated;
      context.ipip.udp_port = 434;
      make_data (buffer);
      put_outer (buffer, HA, COA, rows[i].protocol);
      tunnel_put_u16 (buffer + 22, 434);
      buffer[28] = rows[i].first_octet;
      tunnel_inner_classify (&context, TUNNEL_ECN_NOT_ECT, 4, buffer, 80, &inner);
      g_assert_cmpint (inner.type, ==, rows[i].type);
    }
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/tunnel/data/encapsulate", test_encapsulate);
  g_test_add_func ("/tunnel/data/ecn-ingress", test_ecn_ingress);
  g_test_add_func ("/tunnel/data/decapsulate", test_decapsulate);
  g_test_add_func ("/tunnel/data/lengths", test_lengths);
  g_test_add_func ("/tunnel/data/inside-esp", test_inside_esp);
  return g_test_run ();
}
