/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "base/rng.h"
#include "tunnel/tunnel-octets-private.h"
#include "tunnel/tunnel-reassembly-private.h"

#include <string.h>

/* Fragments of the tunnel, in every order and with every fault. */

#define TIA 0x0a080001u
#define HA 0x0a010002u
#define PAYLOAD 3000
#define START ROAM_USEC_PER_SEC

static const TunnelIpip tunnel = { .local = TIA, .remote = HA };

typedef struct
{
  guint offset, length;
  gboolean more;
  guint16 id;
  guint8 tos;
  guint32 source;
  guint8 protocol;
} Fragment;

/* Octet @at of every datagram's payload. */
static guint8
octet (guint at)
{
  return (guint8)(at * 7 + at / 256);
}

static gsize
make (guint8 *packet, const Fragment *fragment)
{
  TunnelIp4 header = { .tos = fragment->tos,
                       .ttl = 60,
                       .protocol = fragment->protocol != 0 ? fragment->protocol : 4,
                       .total_length = 20 + fragment->length,
                       .source = fragment->source != 0 ? fragment->source : HA,
                       .destination = TIA };

  tunnel_ip4_build (packet, &header);
  tunnel_put_u16 (packet + 4, fragment->id);
  tunnel_put_u16 (packet + 6, (guint16)((fragment->more ? 0x2000 : 0) | fragment->offset / 8));
  tunnel_put_u16 (packet + 10, 0);
  tunnel_put_u16 (packet + 10, tunnel_checksum_finish (tunnel_checksum_add (0, packet, 20)));
  for (guint i = 0; i < fragment->length; i++)
    packet[20 + i] = octet (fragment->offset + i);
  return header.total_length;
}

typedef struct
{
  TunnelDrop drop;
  guint8 *packet;
  gsize length;
  TunnelEcn carrier;
} Result;

static Result
add_at (TunnelReassembly *reassembly, const Fragment *fragment, TunnelEcn carrier, gint64 now_us)
{
  guint8 packet[20 + 9300];
  gsize length = make (packet, fragment);
  Result result = { 0 };

  result.drop = tunnel_reassembly_add (reassembly, &tunnel, carrier, packet, length, now_us, &result.packet,
                                       &result.length, &result.carrier);
  return result;
}

static Result
add (TunnelReassembly *reassembly, const Fragment *fragment)
{
  return add_at (reassembly, fragment, TUNNEL_ECN_NOT_ECT, START);
}

static void
assert_whole (const Result *result, guint payload)
{
  TunnelIp4 header;

  g_assert_cmpint (result->drop, ==, TUNNEL_DROP_NONE);
  g_assert_nonnull (result->packet);
  g_assert_cmpint (tunnel_ip4_parse (result->packet, result->length, &header), ==, TUNNEL_DROP_NONE);
  g_assert_cmpuint (header.total_length, ==, 20 + payload);
  g_assert_cmphex (header.fragment, ==, 0);
  g_assert_cmphex (tunnel_checksum_finish (tunnel_checksum_add (0, result->packet, 20)), ==, 0);
  for (guint i = 0; i < payload; i++)
    g_assert_cmpuint (result->packet[20 + i], ==, octet (i));
}

static void
assert_waiting (const Result *result)
{
  g_assert_cmpint (result->drop, ==, TUNNEL_DROP_NONE);
  g_assert_null (result->packet);
}

static const Fragment three[] = { { 0, 1000, TRUE, 1 }, { 1000, 1000, TRUE, 1 }, { 2000, 1000, FALSE, 1 } };

static void
test_every_order (void)
{
  static const guint orders[6][3] = { { 0, 1, 2 }, { 0, 2, 1 }, { 1, 0, 2 }, { 1, 2, 0 }, { 2, 0, 1 }, { 2, 1, 0 } };
  g_autoptr (TunnelReassembly) reassembly = tunnel_reassembly_new ();

  for (guint i = 0; i < 6; i++)
    for (guint j = 0; j < 3; j++)
      {
        Result result = add (reassembly, &three[orders[i][j]]);

        if (j < 2)
          assert_waiting (&result);
        else
          assert_whole (&result, PAYLOAD);
      }
}

/* Two datagrams at once, and the same number with another protocol. */
static void
test_interleaved (void)
{
  g_autoptr (TunnelReassembly) reassembly = tunnel_reassembly_new ();
  Fragment first[3], second[3];
  Result result;

  memcpy (first, three, sizeof first);
  memcpy (second, three, sizeof second);
  for (guint i = 0; i < 3; i++)
    second[i].protocol = 17;
  for (guint i = 0; i < 2; i++)
    {
      result = add (reassembly, &first[i]);
      assert_waiting (&result);
      result = add (reassembly, &second[i]);
      assert_waiting (&result);
    }
  result = add (reassembly, &second[2]);
  assert_whole (&result, PAYLOAD);
  g_assert_cmpuint (result.packet[9], ==, 17);
  result = add (reassembly, &first[2]);
  assert_whole (&result, PAYLOAD);
}

typedef struct
{
  Fragment first, second;
} Pair;

/* What overlaps or contradicts takes its datagram with it: the rest never makes a whole. */
static void
test_contradictions (void)
{
  static const Pair rows[] = {
    { { 0, 1000, TRUE, 1 }, { 0, 1000, TRUE, 1 } },        { { 0, 1000, TRUE, 1 }, { 992, 1008, TRUE, 1 } },
    { { 1000, 1000, TRUE, 1 }, { 0, 1008, TRUE, 1 } },     { { 1000, 1000, TRUE, 1 }, { 0, 2500, FALSE, 1 } },
    { { 2000, 1000, FALSE, 1 }, { 1000, 500, FALSE, 1 } }, { { 2000, 1000, FALSE, 1 }, { 3000, 8, TRUE, 1 } },
    { { 2000, 1000, TRUE, 1 }, { 1000, 500, FALSE, 1 } },  { { 0, 1000, TRUE, 1 }, { 1000, 9, TRUE, 1 } },
    { { 0, 1000, TRUE, 1 }, { 9216, 8, TRUE, 1 } },        { { 0, 1000, TRUE, 1 }, { 65528, 8, FALSE, 1 } },
    { { 0, 1000, TRUE, 1 }, { 1000, 0, FALSE, 1 } },
  };

  for (gsize i = 0; i < G_N_ELEMENTS (rows); i++)
    {
      g_autoptr (TunnelReassembly) reassembly = tunnel_reassembly_new ();
      Result result = add (reassembly, &rows[i].first);

      g_test_message ("row %" G_GSIZE_FORMAT, i);
      assert_waiting (&result);
      result = add (reassembly, &rows[i].second);
      g_assert_cmpint (result.drop, ==, TUNNEL_DROP_FRAGMENT);
      result = add (reassembly, &three[1]);
      assert_waiting (&result);
      result = add (reassembly, &three[2]);
      assert_waiting (&result);
    }
}

static void
test_strangers (void)
{
  g_autoptr (TunnelReassembly) reassembly = tunnel_reassembly_new ();
  Fragment stranger = three[0];
  guint8 packet[2048];
  gsize length = make (packet, &three[0]), ret_length;
  guint8 *ret_packet;
  TunnelEcn carrier;
  Result result;

  stranger.source = HA + 1;
  result = add (reassembly, &stranger);
  g_assert_cmpint (result.drop, ==, TUNNEL_DROP_END_POINT);
  packet[10] ^= 1;
  g_assert_cmpint (
    tunnel_reassembly_add (reassembly, &tunnel, 0, packet, length, START, &ret_packet, &ret_length, &carrier), ==,
    TUNNEL_DROP_MALFORMED);
  for (length = 0; length < 1020; length++)
    g_assert_cmpint (
      tunnel_reassembly_add (reassembly, &tunnel, 0, packet, length, START, &ret_packet, &ret_length, &carrier), ==,
      TUNNEL_DROP_MALFORMED);
}

static void
test_age (void)
{
  g_autoptr (TunnelReassembly) reassembly = tunnel_reassembly_new ();
  Result result = add_at (reassembly, &three[0], 0, START);

  assert_waiting (&result);
  result = add_at (reassembly, &three[1], 0, START + TUNNEL_REASSEMBLY_AGE_US);
  assert_waiting (&result);
  result = add_at (reassembly, &three[2], 0, START + TUNNEL_REASSEMBLY_AGE_US);
  assert_waiting (&result);
  result = add_at (reassembly, &three[0], 0, START + 2 * TUNNEL_REASSEMBLY_AGE_US - 1);
  assert_whole (&result, PAYLOAD);
}

/* A flood of beginnings pushes out the oldest and nothing more. */
static void
test_bounded (void)
{
  g_autoptr (TunnelReassembly) reassembly = tunnel_reassembly_new ();
  Result result;

  for (guint i = 0; i < 1000; i++)
    {
      Fragment fragment = three[0];

      fragment.id = (guint16)i;
      result = add_at (reassembly, &fragment, 0, START + i);
      assert_waiting (&result);
    }
  for (guint i = 1000 - TUNNEL_REASSEMBLY_DATAGRAMS; i < 1000; i++)
    for (guint j = 1; j < 3; j++)
      {
        Fragment fragment = three[j];

        fragment.id = (guint16)i;
        result = add_at (reassembly, &fragment, 0, START + 1000);
        if (j == 2)
          assert_whole (&result, PAYLOAD);
      }
  tunnel_reassembly_clear (reassembly);
  result = add (reassembly, &three[0]);
  assert_waiting (&result);
}

typedef struct
{
  TunnelEcn a, b, whole; /* of the two fragments' headers */
  gboolean dropped;
} EcnRow;

/* RFC 3168 5.3, and the carriers' marks beside it. */
static void
test_ecn (void)
{
  static const EcnRow rows[] = {
    { 0, 0, 0, FALSE }, { 2, 2, 2, FALSE }, { 2, 3, 3, FALSE }, { 3, 2, 3, FALSE },
    { 3, 3, 3, FALSE }, { 0, 3, 0, TRUE },  { 3, 0, 0, TRUE },
  };

  for (gsize i = 0; i < G_N_ELEMENTS (rows); i++)
    {
      g_autoptr (TunnelReassembly) reassembly = tunnel_reassembly_new ();
      Fragment a = { 0, 800, TRUE, 9, (guint8)rows[i].a }, b = { 800, 100, FALSE, 9, (guint8)rows[i].b };
      Result result = add_at (reassembly, &a, TUNNEL_ECN_CE, START);

      assert_waiting (&result);
      result = add_at (reassembly, &b, TUNNEL_ECN_ECT_0, START);
      g_assert_cmpint (result.drop, ==, rows[i].dropped ? TUNNEL_DROP_FRAGMENT : TUNNEL_DROP_NONE);
      if (rows[i].dropped)
        continue;
      assert_whole (&result, 900);
      g_assert_cmpuint (result.packet[1] & 3, ==, rows[i].whole);
      g_assert_cmpint (result.carrier, ==, TUNNEL_ECN_CE);
    }
}

/* Random fragments of a few datagrams: what is whole is right, whatever else there was. */
static void
test_random (void)
{
  g_autoptr (TunnelReassembly) reassembly = tunnel_reassembly_new ();
  g_autoptr (RoamRng) rng = roam_rng_new_for_test (791);
  guint whole = 0;

  for (guint i = 0; i < 200000; i++)
    {
      guint offset = roam_rng_below (rng, 6) * 8, length = 1 + roam_rng_below (rng, 24);
      Fragment fragment = { offset, length, roam_rng_below (rng, 2) != 0, (guint16)roam_rng_below (rng, 20) };
      Result result;

      if (roam_rng_below (rng, 100) == 0)
        fragment.offset = roam_rng_below (rng, 0x2000) * 8;
      result = add_at (reassembly, &fragment, 0, START + i);
      if (result.drop != TUNNEL_DROP_NONE || result.packet == NULL)
        continue;
      whole++;
      assert_whole (&result, (guint)result.length - 20);
    }
  g_assert_cmpuint (whole, >, 100);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/tunnel/reassembly/every-order", test_every_order);
  g_test_add_func ("/tunnel/reassembly/interleaved", test_interleaved);
  g_test_add_func ("/tunnel/reassembly/contradictions", test_contradictions);
  g_test_add_func ("/tunnel/reassembly/strangers", test_strangers);
  g_test_add_func ("/tunnel/reassembly/age", test_age);
  g_test_add_func ("/tunnel/reassembly/bounded", test_bounded);
  g_test_add_func ("/tunnel/reassembly/ecn", test_ecn);
  g_test_add_func ("/tunnel/reassembly/random", test_random);
  return g_test_run ();
}
