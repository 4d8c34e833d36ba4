/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "tunnel/tunnel-esp-private.h"
#include "tunnel/tunnel-fragment-private.h"
#include "tunnel/tunnel-inner-private.h"
#include "tunnel/tunnel-octets-private.h"

#include <string.h>

#define HOA 0x0a010064u
#define HA 0x0a010002u
#define COA 0x0a020032u
#define TIA 0x0a080001u
#define CN 0x0a04000au

#define HEADROOM 64
#define ROOM 2048

static const TunnelIpip tunnel = { .local = COA, .remote = HA, .home_address = HOA };

/* An IPv4 packet with @payload octets after @options octets of options. */
static gsize
make_packet (guint8 *packet, guint32 source, guint32 destination, guint8 tos, guint8 ttl, gsize options, gsize payload)
{
  gsize header = 20 + options, length = header + payload;

  memset (packet, 0, length);
  packet[0] = (guint8)(4 << 4 | header / 4);
  packet[1] = tos;
  tunnel_put_u16 (packet + 2, (guint16)length);
  tunnel_put_u16 (packet + 4, 0x4711);
  packet[8] = ttl;
  packet[9] = 17;
  tunnel_put_u32 (packet + 12, source);
  tunnel_put_u32 (packet + 16, destination);
  memset (packet + 20, 1, options); /* No Operation */
  for (gsize i = 0; i < payload; i++)
    packet[header + i] = (guint8)i;
  tunnel_put_u16 (packet + 10, tunnel_checksum_finish (tunnel_checksum_add (0, packet, header)));
  return length;
}

static gboolean
checksum_holds (const guint8 *packet)
{
  return tunnel_checksum_finish (tunnel_checksum_add (0, packet, (packet[0] & 0x0fu) * 4)) == 0;
}

/* Puts an outer header around @length octets at @inner, as the home agent does. */
static gsize
wrap (guint8 *inner, gsize length, guint32 source, guint32 destination, guint8 tos)
{
  TunnelIp4 outer = { .tos = tos,
                      .ttl = 60,
                      .protocol = 4,
                      .total_length = (guint)length + 20,
                      .source = source,
                      .destination = destination };

  tunnel_ip4_build (inner - 20, &outer);
  return length + 20;
}

/* ----------------------------------------------------------------- encapsulation ---- */

/* covers: MIP-TUN-001, MIP-TUN-003 */
static void
test_outer_header (void)
{
  guint8 buffer[ROOM] = { 0 }, copy[ROOM], *inner = buffer + HEADROOM, *outer = inner - 20;
  gsize length = make_packet (inner, HOA, CN, 0xb8, 17, 8, 100), outer_length = 0;

  memcpy (copy, inner, length);
  g_assert_cmpint (tunnel_ipip_encapsulate (&tunnel, inner, length, &outer_length), ==, TUNNEL_DROP_NONE);
  g_assert_cmpuint (outer_length, ==, length + 20);
  g_assert_cmphex (outer[0], ==, 0x45); /* the inner options are not copied */
  g_assert_cmphex (outer[1], ==, 0xb8);
  g_assert_cmpuint (tunnel_get_u16 (outer + 2), ==, outer_length);
  g_assert_cmpuint (outer[8], ==, 64);
  g_assert_cmpuint (outer[9], ==, 4);
  g_assert_cmphex (tunnel_get_u32 (outer + 12), ==, COA);
  g_assert_cmphex (tunnel_get_u32 (outer + 16), ==, HA);
  g_assert_true (checksum_holds (outer));
  /* Nothing of the inner packet changes, its TTL included. */
  g_assert_cmpmem (inner, length, copy, length);
}

/* covers: MIP-TUN-002 */
static void
test_outer_df (void)
{
  for (guint df = 0; df < 2; df++)
    {
      guint8 buffer[ROOM] = { 0 }, *inner = buffer + HEADROOM;
      gsize length = make_packet (inner, HOA, CN, 0, 64, 0, 40);

      tunnel_put_u16 (inner + 6, df != 0 ? 0x4000 : 0);
      g_assert_cmpint (tunnel_ipip_encapsulate (&tunnel, inner, length, &length), ==, TUNNEL_DROP_NONE);
      g_assert_cmphex (tunnel_get_u16 (inner - 20 + 6), ==, 0x4000);
    }
}

typedef struct
{
  guint32 source;
  guint8 ttl, version_ihl;
  TunnelDrop drop;
} RefuseRow;

/* covers: MIP-TUN-003, MIP-TUN-005 */
static void
test_what_is_not_encapsulated (void)
{
  static const RefuseRow rows[] = {
    { HOA, 1, 0x45, TUNNEL_DROP_NONE },       { HOA, 0, 0x45, TUNNEL_DROP_TTL },
    { COA, 64, 0x45, TUNNEL_DROP_LOOP },      { HA, 64, 0x45, TUNNEL_DROP_LOOP },
    { CN, 64, 0x45, TUNNEL_DROP_SOURCE },     { 0, 64, 0x45, TUNNEL_DROP_SOURCE },
    { HOA, 64, 0x65, TUNNEL_DROP_NOT_IPV4 },  { HOA, 64, 0x44, TUNNEL_DROP_MALFORMED },
    { HOA, 64, 0x4f, TUNNEL_DROP_MALFORMED },
  };

  for (gsize i = 0; i < G_N_ELEMENTS (rows); i++)
    {
      guint8 buffer[ROOM] = { 0 }, *inner = buffer + HEADROOM;
      gsize length = make_packet (inner, rows[i].source, CN, 0, rows[i].ttl, 0, 20), outer_length = 0;

      inner[0] = rows[i].version_ihl;
      g_test_message ("row %" G_GSIZE_FORMAT, i);
      g_assert_cmpint (tunnel_ipip_encapsulate (&tunnel, inner, length, &outer_length), ==, rows[i].drop);
      if (rows[i].drop != TUNNEL_DROP_NONE)
        g_assert_cmpuint (outer_length, ==, 0);
    }
}

/* ----------------------------------------------------------------- decapsulation ---- */

typedef struct
{
  guint32 outer_source, outer_destination, source, destination;
  guint8 ttl;
  TunnelDrop drop;
} AcceptRow;

/* covers: MIP-TUN-004, MIP-TUN-006, IKE-UDP-002 */
static void
test_what_is_accepted (void)
{
  static const AcceptRow rows[] = {
    { HA, COA, CN, HOA, 64, TUNNEL_DROP_NONE },
    { HA, COA, HA, HOA, 1, TUNNEL_DROP_NONE },
    { CN, COA, CN, HOA, 64, TUNNEL_DROP_END_POINT },
    { HA, TIA, CN, HOA, 64, TUNNEL_DROP_END_POINT },
    { HA, COA, CN, COA, 64, TUNNEL_DROP_DESTINATION },
    { HA, COA, CN, CN, 64, TUNNEL_DROP_DESTINATION },
    { HA, COA, CN, 0xe0000001, 64, TUNNEL_DROP_DESTINATION }, /* multicast: D-22 */
    { HA, COA, CN, 0xffffffff, 64, TUNNEL_DROP_DESTINATION }, /* broadcast: D-22 */
    { HA, COA, HOA, HOA, 64, TUNNEL_DROP_SOURCE },
    { HA, COA, 0x7f000001, HOA, 64, TUNNEL_DROP_SOURCE },
    { HA, COA, 0, HOA, 64, TUNNEL_DROP_SOURCE },
    { HA, COA, 0xe0000001, HOA, 64, TUNNEL_DROP_SOURCE },
    { HA, COA, CN, HOA, 0, TUNNEL_DROP_TTL },
  };

  for (gsize i = 0; i < G_N_ELEMENTS (rows); i++)
    {
      guint8 buffer[ROOM] = { 0 }, copy[ROOM], *inner = buffer + HEADROOM, *result = NULL;
      gsize inner_length = make_packet (inner, rows[i].source, rows[i].destination, 0, rows[i].ttl, 4, 99), length, got;
      gboolean unused = FALSE;

      memcpy (copy, inner, inner_length);
      length = wrap (inner, inner_length, rows[i].outer_source, rows[i].outer_destination, 0);
      g_test_message ("row %" G_GSIZE_FORMAT, i);
      g_assert_cmpint (
        tunnel_ipip_decapsulate (&tunnel, TUNNEL_ECN_NOT_ECT, inner - 20, length, &result, &got, &unused), ==,
        rows[i].drop);
      if (rows[i].drop != TUNNEL_DROP_NONE)
        g_assert_null (result);
      else
        g_assert_cmpmem (result, got, copy, inner_length);
    }
}

static void
test_broken_outer (void)
{
  guint8 buffer[ROOM] = { 0 }, *inner = buffer + HEADROOM, *outer = inner - 20, *result = NULL;
  gsize length = wrap (inner, make_packet (inner, CN, HOA, 0, 64, 0, 60), HA, COA, 0), got;
  gboolean unused;

  for (gsize cut = 0; cut < length; cut++)
    g_assert_cmpint (tunnel_ipip_decapsulate (&tunnel, 0, outer, cut, &result, &got, &unused), !=, TUNNEL_DROP_NONE);
  outer[10] ^= 1;
  g_assert_cmpint (tunnel_ipip_decapsulate (&tunnel, 0, outer, length, &result, &got, &unused), ==,
                   TUNNEL_DROP_MALFORMED);
  outer[10] ^= 1;
  g_assert_cmpint (tunnel_ipip_decapsulate (&tunnel, 0, outer, length, &result, &got, &unused), ==, TUNNEL_DROP_NONE);
  /* The inner length lies. */
  tunnel_put_u16 (inner + 2, 81);
  g_assert_cmpint (tunnel_ipip_decapsulate (&tunnel, 0, outer, length, &result, &got, &unused), ==,
                   TUNNEL_DROP_MALFORMED);
}

/* ------------------------------------------------------------------------- ECN ---- */

/* Decision D-22: a group's packets are the user's only if B was granted. covers: MIP-TUN-006 */
static void
test_groups (void)
{
  static const struct
  {
    guint32 destination;
    gboolean group;
  } rows[] = {
    { 0xe0000001, TRUE },  { 0xef010203, TRUE },  { 0xefffffff, TRUE },  { 0xffffffff, TRUE },
    { 0xdfffffff, FALSE }, { 0xf0000000, FALSE }, { 0xfffffffe, FALSE }, { 0x0a0100ff, FALSE },
  };

  for (guint broadcasts = 0; broadcasts < 2; broadcasts++)
    for (gsize i = 0; i < G_N_ELEMENTS (rows); i++)
      {
        TunnelIpip how = { .local = 0xc6336432, .remote = 0x0a010002, .home_address = 0x0a010064 };
        TunnelIp4 inner = { .ttl = 1, .protocol = 17, .total_length = 40, .source = 0x0a04000a };
        TunnelIp4 outer = { .ttl = 9, .protocol = 4, .total_length = 60, .source = 0x0a010002 };
        guint8 packet[60] = { 0 }, *start = NULL;
        gboolean unused, accepted = broadcasts && rows[i].group;
        gsize length;

        how.broadcasts = broadcasts;
        outer.destination = how.local;
        inner.destination = rows[i].destination;
        tunnel_ip4_build (packet, &outer);
        tunnel_ip4_build (packet + 20, &inner);
        g_assert_cmpint (
          tunnel_ipip_decapsulate (&how, TUNNEL_ECN_NOT_ECT, packet, sizeof packet, &start, &length, &unused), ==,
          accepted ? TUNNEL_DROP_NONE : TUNNEL_DROP_DESTINATION);
      }
}

/* covers: MIP-TUN-007 */
static void
test_ecn_ingress (void)
{
  for (guint8 tos = 0; tos < 8; tos++)
    for (guint compatibility = 0; compatibility < 2; compatibility++)
      {
        TunnelIpip mode = tunnel;
        guint8 buffer[ROOM] = { 0 }, *inner = buffer + HEADROOM;
        gsize length = make_packet (inner, HOA, CN, tos, 64, 0, 20);

        mode.ecn_compatibility = compatibility != 0;
        g_assert_cmpint (tunnel_ipip_encapsulate (&mode, inner, length, &length), ==, TUNNEL_DROP_NONE);
        g_assert_cmphex ((inner - 20)[1], ==, compatibility != 0 ? (tos & 0xfc) : tos);
        g_assert_cmphex (inner[1], ==, tos);
      }
}

typedef struct
{
  TunnelEcn inner, outer;
  int result; /* -1: drop */
  gboolean unused;
} EcnRow;

/* RFC 6040 figure 4, all sixteen; N: not ECT, 0, 1: ECT(n), C: CE. */
/* covers: MIP-TUN-009, MIP-TUN-010, IKE-UDP-003 */
static void
test_ecn_egress (void)
{
  const TunnelEcn N = TUNNEL_ECN_NOT_ECT, E0 = TUNNEL_ECN_ECT_0, E1 = TUNNEL_ECN_ECT_1, C = TUNNEL_ECN_CE;
  const EcnRow rows[] = {
    { N, N, (int)N, FALSE },   { N, E0, (int)N, TRUE },    { N, E1, (int)N, TRUE },    { N, C, -1, TRUE },
    { E0, N, (int)E0, FALSE }, { E0, E0, (int)E0, FALSE }, { E0, E1, (int)E1, FALSE }, { E0, C, (int)C, FALSE },
    { E1, N, (int)E1, FALSE }, { E1, E0, (int)E1, FALSE }, { E1, E1, (int)E1, FALSE }, { E1, C, (int)C, FALSE },
    { C, N, (int)C, FALSE },   { C, E0, (int)C, FALSE },   { C, E1, (int)C, TRUE },    { C, C, (int)C, FALSE },
  };

  for (gsize i = 0; i < G_N_ELEMENTS (rows); i++)
    {
      guint8 buffer[ROOM] = { 0 }, *inner = buffer + HEADROOM, *result = NULL;
      gsize inner_length = make_packet (inner, CN, HOA, (guint8)(0xb8 | rows[i].inner), 64, 0, 30), length, got;
      gboolean unused = FALSE;
      TunnelEcn ecn;

      g_test_message ("row %" G_GSIZE_FORMAT, i);
      g_assert_cmpint (tunnel_ecn_decapsulate (rows[i].inner, rows[i].outer, &ecn, &unused), ==, rows[i].result >= 0);
      g_assert_cmpint (unused, ==, rows[i].unused);
      /* The same in a packet, whose checksum must follow. */
      length = wrap (inner, inner_length, HA, COA, (guint8)rows[i].outer);
      if (rows[i].result < 0)
        {
          g_assert_cmpint (tunnel_ipip_decapsulate (&tunnel, 0, inner - 20, length, &result, &got, &unused), ==,
                           TUNNEL_DROP_ECN);
          continue;
        }
      g_assert_cmpint (tunnel_ipip_decapsulate (&tunnel, 0, inner - 20, length, &result, &got, &unused), ==,
                       TUNNEL_DROP_NONE);
      g_assert_cmphex (result[1], ==, 0xb8 | (guint)rows[i].result);
      g_assert_true (checksum_holds (result));
    }
}

/* A mark on ESP's outer header reaches the inner packet through both tunnels. */
/* covers: IKE-UDP-003 */
static void
test_ecn_through_two_tunnels (void)
{
  guint8 buffer[ROOM] = { 0 }, *inner = buffer + HEADROOM, *result = NULL;
  gsize length = wrap (inner, make_packet (inner, CN, HOA, TUNNEL_ECN_ECT_0, 64, 0, 30), HA, COA, TUNNEL_ECN_ECT_0),
        got;
  gboolean unused = FALSE;

  g_assert_cmpint (tunnel_ipip_decapsulate (&tunnel, TUNNEL_ECN_CE, inner - 20, length, &result, &got, &unused), ==,
                   TUNNEL_DROP_NONE);
  g_assert_cmphex (result[1], ==, TUNNEL_ECN_CE);
  g_assert_true (checksum_holds (result));
}

/* ------------------------------------------------------------- what came out of ESP ---- */

static TunnelInner
classify (TunnelMode mode, guint8 next_header, guint8 *plain, gsize length)
{
  TunnelInnerContext context = { .mode = mode, .ipip = { .local = TIA, .remote = HA, .home_address = HOA } };
  TunnelInner inner;

  tunnel_inner_classify (&context, TUNNEL_ECN_NOT_ECT, next_header, plain, length, &inner);
  return inner;
}

/* covers: R5266-TRF-003, R5266-MODE-004 */
static void
test_user_data_in_mc_only (void)
{
  for (guint mode = TUNNEL_MODE_BLOCKED; mode <= TUNNEL_MODE_MC; mode++)
    {
      guint8 buffer[ROOM] = { 0 }, *packet = buffer + HEADROOM;
      gsize inner_length = make_packet (packet, CN, HOA, 0, 64, 0, 50);
      gsize length = wrap (packet, inner_length, HA, TIA, 0);
      TunnelInner inner = classify ((TunnelMode)mode, 4, packet - 20, length);

      if (mode == TUNNEL_MODE_MC)
        {
          g_assert_cmpint (inner.type, ==, TUNNEL_INNER_USER);
          g_assert_true (inner.data == packet);
          g_assert_cmpuint (inner.length, ==, inner_length);
        }
      else
        {
          g_assert_cmpint (inner.type, ==, TUNNEL_INNER_DROPPED);
          g_assert_cmpint (inner.drop, ==, TUNNEL_DROP_MODE);
        }
    }
}

/* Data for the home address that did not come through the home agent is not data of the MIP tunnel. */
/* covers: R5266-MODE-004, IKE-ESP-007 */
static void
test_other_inner_packets (void)
{
  guint8 buffer[ROOM] = { 0 }, *packet = buffer + HEADROOM;
  gsize length = make_packet (packet, CN, HOA, 0, 64, 0, 50);

  g_assert_cmpint (classify (TUNNEL_MODE_MC, 4, packet, length).drop, ==, TUNNEL_DROP_DESTINATION);
  packet[9] = 6;
  g_assert_cmpint (classify (TUNNEL_MODE_MC, 4, packet, length).drop, ==, TUNNEL_DROP_NEXT_HEADER);
  g_assert_cmpint (classify (TUNNEL_MODE_MC, 41, packet, length).drop, ==, TUNNEL_DROP_NEXT_HEADER);
  g_assert_cmpint (classify (TUNNEL_MODE_MC, 59, packet, length).drop, ==, TUNNEL_DROP_DUMMY);
  g_assert_cmpint (classify (TUNNEL_MODE_MC, 17, packet, length).drop, ==, TUNNEL_DROP_NEXT_HEADER);
  packet[0] = 0x65;
  g_assert_cmpint (classify (TUNNEL_MODE_MC, 4, packet, length).drop, ==, TUNNEL_DROP_NOT_IPV4);
}

/* covers: IKE-ESP-009 */
static void
test_traffic_flow_padding_is_stripped (void)
{
  guint8 buffer[ROOM] = { 0 }, *packet = buffer + HEADROOM;
  gsize inner_length = make_packet (packet, CN, HOA, 0, 64, 0, 20);
  gsize length = wrap (packet, inner_length, HA, TIA, 0);
  TunnelInner inner;

  g_assert_cmpuint (length, ==, 60);
  inner = classify (TUNNEL_MODE_MC, 4, packet - 20, 200);
  g_assert_cmpint (inner.type, ==, TUNNEL_INNER_USER);
  g_assert_cmpuint (inner.length, ==, 40);
}

/* covers: IKE-ESP-013 */
static void
test_fragments_are_dropped (void)
{
  static const guint16 fields[] = { 0x2000, 0x0001, 0x2001, 0x1fff };

  for (gsize i = 0; i < G_N_ELEMENTS (fields); i++)
    {
      guint8 buffer[ROOM] = { 0 }, *packet = buffer + HEADROOM, *outer = packet - 20;
      gsize length = wrap (packet, make_packet (packet, CN, HOA, 0, 64, 0, 40), HA, TIA, 0);

      tunnel_put_u16 (outer + 6, fields[i]);
      tunnel_put_u16 (outer + 10, 0);
      tunnel_put_u16 (outer + 10, tunnel_checksum_finish (tunnel_checksum_add (0, outer, 20)));
      g_assert_cmpint (classify (TUNNEL_MODE_MC, 4, outer, length).drop, ==, TUNNEL_DROP_FRAGMENT);
    }
}

/* ---------------------------------------------------------------- registrations ---- */

static gsize
build (guint8 *packet, guint32 source, guint32 destination, guint16 port, const char *payload)
{
  RoamAddr from = roam_addr_from_u32 (source);
  RoamEndpoint to = { roam_addr_from_u32 (destination), port };

  return tunnel_inner_build_registration (packet, ROOM, &from, &to, 17, (const guint8 *)payload, strlen (payload));
}

/* A request as it is built, and a reply that is read in every mode. */
static void
test_registration_round_trip (void)
{
  for (guint mode = TUNNEL_MODE_BLOCKED; mode <= TUNNEL_MODE_MC; mode++)
    for (guint odd = 0; odd < 2; odd++)
      {
        const char *text = odd != 0 ? "reply" : "reply!";
        guint8 packet[ROOM];
        gsize length = build (packet, HA, TIA, 434, text);
        TunnelInner inner;

        g_assert_cmpuint (length, ==, 28 + strlen (text));
        g_assert_true (checksum_holds (packet));
        g_assert_cmpuint (packet[8], ==, 17);
        g_assert_cmpuint (tunnel_get_u16 (packet + 26), !=, 0);
        inner = classify ((TunnelMode)mode, 4, packet, length);
        g_assert_cmpint (inner.type, ==, TUNNEL_INNER_REGISTRATION);
        g_assert_cmpmem (inner.data, inner.length, text, strlen (text));
        g_assert_cmphex (roam_addr_to_u32 (&inner.source.addr), ==, HA);
        g_assert_cmpuint (inner.source.port, ==, 434);
        g_assert_cmphex (roam_addr_to_u32 (&inner.destination.addr), ==, TIA);
      }
}

static void
test_bad_registrations (void)
{
  guint8 packet[ROOM];
  gsize length = build (packet, HA, TIA, 434, "a reply");
  RoamAddr v6 = ROAM_ADDR_NONE;
  RoamEndpoint to = { roam_addr_from_u32 (HA), 434 };

  packet[30] ^= 1; /* payload: the UDP checksum fails */
  g_assert_cmpint (classify (TUNNEL_MODE_MC, 4, packet, length).drop, ==, TUNNEL_DROP_MALFORMED);
  tunnel_put_u16 (packet + 26, 0); /* no checksum is legal on IPv4 */
  g_assert_cmpint (classify (TUNNEL_MODE_MC, 4, packet, length).type, ==, TUNNEL_INNER_REGISTRATION);
  tunnel_put_u16 (packet + 24, 7); /* shorter than its header */
  g_assert_cmpint (classify (TUNNEL_MODE_MC, 4, packet, length).drop, ==, TUNNEL_DROP_MALFORMED);
  tunnel_put_u16 (packet + 24, 200); /* longer than the packet */
  g_assert_cmpint (classify (TUNNEL_MODE_MC, 4, packet, length).drop, ==, TUNNEL_DROP_MALFORMED);
  length = build (packet, HA, HOA, 434, "not to the TIA");
  g_assert_cmpint (classify (TUNNEL_MODE_MC, 4, packet, length).drop, ==, TUNNEL_DROP_DESTINATION);
  length = build (packet, HA, TIA, 53, "not to port 434");
  g_assert_cmpint (classify (TUNNEL_MODE_MC, 4, packet, length).drop, ==, TUNNEL_DROP_NEXT_HEADER);
  g_assert_true (roam_addr_parse ("2001:db8::1", &v6));
  g_assert_cmpuint (tunnel_inner_build_registration (packet, ROOM, &v6, &to, 1, packet, 1), ==, 0);
  g_assert_cmpuint (tunnel_inner_build_registration (packet, 28, &to.addr, &to, 1, packet, 1), ==, 0);
}

/* ----------------------------------------------------------------- too big ---- */

/* Fragments fit, say where they belong, and make the packet again; of a fragment, too. */
/* covers: MIP-TUN-022 */
static void
test_fragments (void)
{
  static const guint16 fields[] = { 0, 0x2000, 0x2010, 0x0010 };

  for (gsize i = 0; i < G_N_ELEMENTS (fields); i++)
    for (guint mtu = 28; mtu < 1700; mtu += 37)
      {
        guint8 packet[ROOM] = { 0 }, fragment[ROOM], whole[ROOM] = { 0 };
        gsize length = make_packet (packet, HOA, CN, 0, 64, 0, 1460), part, end = 0;
        guint base = (fields[i] & 0x1fffu) * 8, n = 0;
        TunnelFragmenter fragmenter;
        gboolean last = FALSE;

        tunnel_put_u16 (packet + 6, fields[i]);
        g_assert_true (tunnel_fragmenter_init (&fragmenter, packet, length, mtu));
        while ((part = tunnel_fragmenter_next (&fragmenter, fragment)) > 0)
          {
            guint field = tunnel_get_u16 (fragment + 6), offset = (field & 0x1fff) * 8 - base;

            g_assert_cmpuint (part, <=, mtu);
            g_assert_cmpuint (tunnel_get_u16 (fragment + 2), ==, part);
            g_assert_cmpuint (tunnel_get_u16 (fragment + 4), ==, 0x4711);
            g_assert_true (checksum_holds (fragment));
            g_assert_false (last);
            last = (field & 0x2000) == 0;
            memcpy (whole + offset, fragment + 20, part - 20);
            end = offset + part - 20;
            n++;
          }
        g_assert_cmpint (last, ==, (fields[i] & 0x2000) == 0);
        g_assert_cmpmem (whole, end, packet + 20, length - 20);
        g_assert_cmpuint (n, ==, (1460 + (mtu - 20) / 8 * 8 - 1) / ((mtu - 20) / 8 * 8));
      }
}

/* covers: MIP-TUN-013, MIP-TUN-022 */
static void
test_too_big (void)
{
  guint8 packet[ROOM], reply[TUNNEL_ICMP_MAX_OCTETS];
  gsize length = make_packet (packet, HOA, CN, 0, 64, 0, 1460), reply_length;
  TunnelFragmenter fragmenter;

  tunnel_put_u16 (packet + 6, 0x4000);
  g_assert_false (tunnel_fragmenter_init (&fragmenter, packet, length, 1400));
  reply_length = tunnel_build_too_big (reply, packet, length, HA, 1418);
  g_assert_cmpuint (reply_length, ==, 576);
  g_assert_true (checksum_holds (reply));
  g_assert_cmphex (tunnel_get_u32 (reply + 12), ==, HA);
  g_assert_cmphex (tunnel_get_u32 (reply + 16), ==, HOA);
  g_assert_cmpuint (reply[9], ==, 1);
  g_assert_cmpuint (reply[20], ==, 3);
  g_assert_cmpuint (reply[21], ==, 4);
  g_assert_cmpuint (tunnel_get_u16 (reply + 26), ==, 1418);
  g_assert_cmpuint (tunnel_checksum_finish (tunnel_checksum_add (0, reply + 20, 556)), ==, 0);
  g_assert_cmpmem (reply + 28, 548, packet, 548);
  /* No answer to an ICMP error, but to an echo request; none to a later fragment. */
  packet[9] = 1;
  packet[20] = 3;
  g_assert_cmpuint (tunnel_build_too_big (reply, packet, length, HA, 1418), ==, 0);
  packet[20] = 8;
  g_assert_cmpuint (tunnel_build_too_big (reply, packet, length, HA, 1418), >, 0);
  tunnel_put_u16 (packet + 6, 0x4001);
  g_assert_cmpuint (tunnel_build_too_big (reply, packet, length, HA, 1418), ==, 0);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/tunnel/ipip/outer-header", test_outer_header);
  g_test_add_func ("/tunnel/ipip/outer-df", test_outer_df);
  g_test_add_func ("/tunnel/ipip/what-is-not-encapsulated", test_what_is_not_encapsulated);
  g_test_add_func ("/tunnel/ipip/what-is-accepted", test_what_is_accepted);
  g_test_add_func ("/tunnel/ipip/broken-outer", test_broken_outer);
  g_test_add_func ("/tunnel/ipip/groups", test_groups);
  g_test_add_func ("/tunnel/ipip/ecn-ingress", test_ecn_ingress);
  g_test_add_func ("/tunnel/ipip/ecn-egress", test_ecn_egress);
  g_test_add_func ("/tunnel/ipip/ecn-through-two-tunnels", test_ecn_through_two_tunnels);
  g_test_add_func ("/tunnel/inner/user-data-in-mc-only", test_user_data_in_mc_only);
  g_test_add_func ("/tunnel/inner/other-inner-packets", test_other_inner_packets);
  g_test_add_func ("/tunnel/inner/traffic-flow-padding", test_traffic_flow_padding_is_stripped);
  g_test_add_func ("/tunnel/inner/fragments", test_fragments_are_dropped);
  g_test_add_func ("/tunnel/inner/registration-round-trip", test_registration_round_trip);
  g_test_add_func ("/tunnel/inner/bad-registrations", test_bad_registrations);
  g_test_add_func ("/tunnel/fragment/fragments", test_fragments);
  g_test_add_func ("/tunnel/fragment/too-big", test_too_big);
  return g_test_run ();
}
