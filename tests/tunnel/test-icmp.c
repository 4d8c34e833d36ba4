/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "base/rng.h"
#include "tunnel/tunnel-icmp-private.h"
#include "tunnel/tunnel-octets-private.h"

#include <string.h>

/* What ICMP from inside the tunnel does to its state and to the sender of the user's packet. */

#define HOA 0x0a010064u
#define HA 0x0a010002u
#define CN 0x0a04000au
#define COA 0xc6336432u
#define ROUTER 0xc6336401u
#define PORT 45001
#define NOW (1000 * ROAM_USEC_PER_SEC)
/* Of the user's packet in the quotations. */
#define INNER_OCTETS 1400

static const TunnelIpip plain = { .local = COA, .remote = HA, .home_address = HOA };
static const TunnelIpip in_udp = { .local = COA, .remote = HA, .home_address = HOA, .udp = TRUE, .udp_port = PORT };

typedef struct
{
  guint8 octets[2048];
  gsize length;
  guint8 *icmp, *quote;
} Message;

static void
finish (Message *message)
{
  gsize icmp_length = message->length - 20;

  tunnel_put_u16 (message->icmp + 2, 0);
  tunnel_put_u16 (message->icmp + 2, tunnel_checksum_finish (tunnel_checksum_add (0, message->icmp, icmp_length)));
}

/* @type, @code with @rest about a packet of @tunnel, @quoted octets of it, from a router on the way. */
static void
make (Message *message, const TunnelIpip *tunnel, guint8 type, guint8 code, guint32 rest, gsize quoted,
      guint32 destination)
{
  guint8 buffer[1600] = { 0 }, *inner = buffer + 64;
  TunnelIp4 user = {
    .ttl = 64, .protocol = 17, .total_length = INNER_OCTETS, .source = HOA, .destination = destination
  };
  TunnelIp4 outer = { .ttl = 60, .protocol = 1, .source = ROUTER, .destination = COA };
  gsize length = 0;

  tunnel_ip4_build (inner, &user);
  tunnel_put_u32 (inner + 20, 0x12345678);
  g_assert_cmpint (tunnel_ipip_encapsulate (tunnel, inner, INNER_OCTETS, &length), ==, TUNNEL_DROP_NONE);
  message->length = 28 + quoted;
  outer.total_length = (guint)message->length;
  tunnel_ip4_build (message->octets, &outer);
  message->icmp = message->octets + 20;
  message->quote = message->icmp + 8;
  message->icmp[0] = type;
  message->icmp[1] = code;
  tunnel_put_u32 (message->icmp + 4, rest);
  memcpy (message->quote, inner - tunnel_ipip_get_overhead (tunnel), quoted);
  finish (message);
}

static gboolean
judge (const TunnelIpip *tunnel, TunnelSoftState *state, const Message *message, TunnelIcmpVerdict *verdict)
{
  state->largest = INNER_OCTETS + tunnel_ipip_get_overhead (tunnel);
  return tunnel_icmp_judge (tunnel, state, message->octets, message->length, NOW, verdict);
}

#define NO 255
#define HOST 1
#define NET 0

/* Every type and code there is; what the sender gets. */
/* covers: MIP-TUN-014, MIP-TUN-015, MIP-TUN-016, MIP-TUN-017, MIP-TUN-018, MIP-TUN-019 */
static void
test_every_code (void)
{
  static const guint8 unreachable[16] = { NET,  HOST, NET,  NO,  NO,   NO,   NET, HOST,
                                          HOST, NET,  HOST, NET, HOST, HOST, NO,  NO };

  for (guint udp = 0; udp < 2; udp++)
    for (guint type = 0; type < 256; type++)
      for (guint code = 0; code < 20; code++)
        {
          const TunnelIpip *tunnel = udp ? &in_udp : &plain;
          TunnelSoftState state = { 0 };
          TunnelIcmpVerdict verdict;
          Message message;
          guint8 expected = NO;

          if ((type == 3 && code == 4) || type == 12)
            continue;
          if (type == 3 && code < 16)
            expected = unreachable[code];
          if (type == 11)
            expected = HOST;
          make (&message, tunnel, (guint8)type, (guint8)code, 0, 100, CN);
          g_assert_true (judge (tunnel, &state, &message, &verdict));
          g_assert_cmpint (verdict.relay, ==, expected != NO);
          g_assert_cmpint (verdict.closed, ==, udp && type == 3 && code == 3);
          g_assert_cmpint (state.unreachable_us != 0, ==, expected != NO);
          g_assert_cmpuint (state.mtu, ==, 0);
          if (expected == NO)
            continue;
          g_assert_cmpuint (verdict.type, ==, 3);
          g_assert_cmpuint (verdict.code, ==, expected);
        }
}

/* The far end of the tunnel is on the home network: there a network is a host. covers: MIP-TUN-015 */
static void
test_destination_at_home (void)
{
  static const guint8 codes[] = { 0, 2, 6, 9, 11 };

  for (gsize i = 0; i < G_N_ELEMENTS (codes); i++)
    {
      TunnelSoftState state = { 0 };
      TunnelIcmpVerdict verdict;
      Message message;

      make (&message, &plain, 3, codes[i], 0, 100, HA);
      g_assert_true (judge (&plain, &state, &message, &verdict));
      g_assert_true (verdict.relay);
      g_assert_cmpuint (verdict.code, ==, HOST);
    }
}

/* The error as its sender gets it: to the home address, quoting the user's packet as it was. covers: MIP-TUN-014 */
static void
test_relayed_message (void)
{
  for (guint udp = 0; udp < 2; udp++)
    {
      const TunnelIpip *tunnel = udp ? &in_udp : &plain;
      guint8 reply[TUNNEL_ICMP_MAX_OCTETS];
      TunnelSoftState state = { 0 };
      TunnelIcmpVerdict verdict;
      TunnelIp4 outer;
      Message message;
      gsize length;

      make (&message, tunnel, 3, 4, 1300, 200, CN);
      g_assert_true (judge (tunnel, &state, &message, &verdict));
      length = tunnel_icmp_build (&verdict, HA, reply);
      g_assert_cmpint (tunnel_ip4_parse (reply, length, &outer), ==, TUNNEL_DROP_NONE);
      g_assert_cmphex (outer.source, ==, HA);
      g_assert_cmphex (outer.destination, ==, HOA);
      g_assert_cmpuint (outer.protocol, ==, 1);
      g_assert_cmphex (tunnel_checksum_finish (tunnel_checksum_add (0, reply + 20, length - 20)), ==, 0);
      g_assert_cmpuint (reply[20], ==, 3);
      g_assert_cmpuint (reply[21], ==, 4);
      g_assert_cmpuint (tunnel_get_u32 (reply + 24), ==, udp ? 1268 : 1280);
      g_assert_cmpmem (reply + 28, length - 28, message.quote + (udp ? 32 : 20), length - 28);
    }
}

typedef struct
{
  guint told, mtu; /* of the path, as the router says; of the user's packets */
} MtuRow;

/* covers: MIP-TUN-012, MIP-TUN-013, MIP-TUN-024 */
static void
test_mtu (void)
{
  static const MtuRow rows[] = {
    { 1300, 1280 }, { 1419, 1399 }, { 597, 577 }, { 596, 576 },
    { 400, 576 },   { 68, 576 },    { 1, 576 },   { 0, 986 }, /* RFC 1191 7.1: 1006 is the next below 1420 */
  };

  for (gsize i = 0; i < G_N_ELEMENTS (rows); i++)
    {
      TunnelSoftState state = { 0 };
      TunnelIcmpVerdict verdict;
      Message message;

      make (&message, &plain, 3, 4, rows[i].told, 100, CN);
      g_assert_true (judge (&plain, &state, &message, &verdict));
      g_assert_true (verdict.relay);
      g_assert_true (verdict.narrower);
      g_assert_cmpuint (verdict.rest, ==, rows[i].mtu);
      g_assert_cmpuint (tunnel_icmp_get_mtu (&state, NOW), ==, rows[i].mtu);
      /* Once more is no news to us, but to a sender that still has not heard. */
      g_assert_true (judge (&plain, &state, &message, &verdict));
      g_assert_true (verdict.relay);
      g_assert_false (verdict.narrower);
      /* Soft: it ages. */
      g_assert_cmpuint (tunnel_icmp_get_mtu (&state, NOW + TUNNEL_ICMP_MTU_AGE_US), ==, G_MAXUINT);
    }
}

/* A wider path than the packet needed is no reason. A sender that allows fragments is not told. */
static void
test_mtu_that_says_nothing (void)
{
  TunnelSoftState state = { 0 };
  TunnelIcmpVerdict verdict;
  Message message;

  make (&message, &plain, 3, 4, 1420, 100, CN);
  g_assert_true (judge (&plain, &state, &message, &verdict));
  g_assert_false (verdict.relay);
  g_assert_cmpuint (state.mtu, ==, 0);
  make (&message, &plain, 3, 4, 1300, 100, CN);
  tunnel_put_u16 (message.quote + 20 + 6, 0);
  finish (&message);
  g_assert_true (judge (&plain, &state, &message, &verdict));
  g_assert_false (verdict.relay);
  g_assert_cmpuint (state.mtu, ==, 1280);
}

typedef struct
{
  guint offset; /* of the quoted packet */
  guint8 value;
} Forgery;

/* One octet of the quotation that this tunnel would not have sent; nothing happens. covers: MIP-TUN-024 */
static void
test_forged (void)
{
  static const Forgery rows[] = {
    { 0, 0x46 }, { 0, 0x65 }, { 2, 0x06 }, { 3, 0x8d }, { 6, 0 },  { 6, 0x60 },  { 7, 1 },
    { 9, 17 },   { 12, 1 },   { 15, 1 },   { 16, 1 },   { 19, 1 }, { 20, 0x65 }, { 22, 0 },
  };
  TunnelIcmpVerdict verdict;
  Message message;

  for (gsize i = 0; i < G_N_ELEMENTS (rows); i++)
    {
      TunnelSoftState state = { 0 }, before;

      make (&message, &plain, 3, 4, 600, 100, CN);
      message.quote[rows[i].offset] = rows[i].value;
      finish (&message);
      state.largest = INNER_OCTETS + 20;
      before = state;
      g_assert_false (judge (&plain, &state, &message, &verdict));
      g_assert_cmpmem (&state, sizeof state, &before, sizeof before);
    }
}

/* Longer than anything sent, other ports, a wrong sum, and every way to be cut off. covers: MIP-TUN-024 */
static void
test_forged_otherwise (void)
{
  TunnelSoftState state = { .largest = INNER_OCTETS + 19 };
  TunnelIcmpVerdict verdict;
  Message message;

  make (&message, &plain, 3, 4, 600, 100, CN);
  g_assert_false (tunnel_icmp_judge (&plain, &state, message.octets, message.length, NOW, &verdict));
  message.icmp[2] ^= 1;
  g_assert_false (judge (&plain, &state, &message, &verdict));
  for (guint i = 0; i < 6; i++)
    {
      make (&message, &in_udp, 3, 4, 600, 100, CN);
      message.quote[20 + i] ^= 1;
      finish (&message);
      g_assert_false (judge (&in_udp, &state, &message, &verdict));
    }
  make (&message, &plain, 3, 4, 600, 100, CN);
  for (gsize length = 0; length < message.length; length++)
    g_assert_false (tunnel_icmp_judge (&plain, &state, message.octets, length, NOW, &verdict));
  g_assert_cmpuint (state.mtu, ==, 0);
}

/* RFC 792 asks routers for 8 octets behind the header only: the state learns, the sender cannot be found. */
/* covers: MIP-TUN-011 */
static void
test_short_quotation (void)
{
  TunnelSoftState state = { 0 };
  TunnelIcmpVerdict verdict;
  Message message;

  for (gsize quoted = 28; quoted < 48; quoted++)
    {
      state = (TunnelSoftState){ 0 };
      make (&message, &plain, 3, 4, 1300, quoted, CN);
      g_assert_true (judge (&plain, &state, &message, &verdict));
      g_assert_false (verdict.relay);
      g_assert_true (verdict.narrower);
      make (&message, &plain, 11, 0, 0, quoted, CN);
      g_assert_true (judge (&plain, &state, &message, &verdict));
      g_assert_false (verdict.relay);
      g_assert_cmpint (state.unreachable_us, >, NOW);
    }
  make (&message, &plain, 3, 4, 1300, 48, CN);
  g_assert_true (judge (&plain, &state, &message, &verdict));
  g_assert_true (verdict.relay);
}

/* covers: MIP-TUN-020 */
static void
test_parameter_problem (void)
{
  for (guint udp = 0; udp < 2; udp++)
    for (guint pointer = 0; pointer < 64; pointer++)
      {
        const TunnelIpip *tunnel = udp ? &in_udp : &plain;
        guint overhead = udp ? 32 : 20;
        TunnelSoftState state = { 0 };
        TunnelIcmpVerdict verdict;
        Message message;

        make (&message, tunnel, 12, 0, pointer << 24, 100, CN);
        g_assert_true (judge (tunnel, &state, &message, &verdict));
        g_assert_cmpint (verdict.relay, ==, pointer == 1 || pointer >= overhead);
        if (!verdict.relay)
          continue;
        g_assert_cmpuint (verdict.type, ==, 12);
        g_assert_cmphex (verdict.rest, ==, (pointer == 1 ? 1 : pointer - overhead) << 24);
      }
}

/* The user's packet was an ICMP error, or for a group: no error about it (RFC 1122 3.2.2). */
static void
test_unanswerable_original (void)
{
  TunnelSoftState state = { 0 };
  TunnelIcmpVerdict verdict;
  Message message;

  make (&message, &plain, 11, 0, 0, 100, 0xef010203);
  g_assert_true (judge (&plain, &state, &message, &verdict));
  g_assert_false (verdict.relay);
  for (guint type = 0; type < 20; type++)
    {
      make (&message, &plain, 11, 0, 0, 100, CN);
      message.quote[20 + 9] = 1;
      message.quote[20 + 20] = (guint8)type;
      finish (&message);
      g_assert_true (judge (&plain, &state, &message, &verdict));
      g_assert_cmpint (verdict.relay, ==, type == 0 || (type >= 8 && type <= 10) || (type >= 13 && type <= 18));
    }
}

/* Later packets get the error from the state, once a second, for 30 s or until something comes back. */
/* covers: MIP-TUN-021, MIP-TUN-011 */
static void
test_soft_state (void)
{
  TunnelSoftState state = { 0 };
  TunnelIcmpVerdict verdict;
  guint8 packet[100] = { 0 }, reply[TUNNEL_ICMP_MAX_OCTETS];
  TunnelIp4 user = { .ttl = 64, .protocol = 17, .total_length = sizeof packet, .source = HOA, .destination = CN };
  Message message;

  tunnel_ip4_build (packet, &user);
  g_assert_false (tunnel_icmp_check (&state, packet, sizeof packet, NOW, &verdict));
  make (&message, &plain, 3, 0, 0, 28, CN);
  g_assert_true (judge (&plain, &state, &message, &verdict));
  g_assert_true (tunnel_icmp_check (&state, packet, sizeof packet, NOW + 1, &verdict));
  g_assert_cmpuint (tunnel_icmp_build (&verdict, HA, reply), ==, 28 + sizeof packet);
  g_assert_cmpuint (reply[20], ==, 3);
  g_assert_cmpuint (reply[21], ==, 0);
  g_assert_false (tunnel_icmp_check (&state, packet, sizeof packet, NOW + ROAM_USEC_PER_SEC, &verdict));
  g_assert_true (tunnel_icmp_check (&state, packet, sizeof packet, NOW + 2 * ROAM_USEC_PER_SEC, &verdict));
  g_assert_false (tunnel_icmp_check (&state, packet, sizeof packet, NOW + 31 * ROAM_USEC_PER_SEC, &verdict));
  g_assert_true (judge (&plain, &state, &message, &verdict));
  tunnel_icmp_note_received (&state);
  g_assert_false (tunnel_icmp_check (&state, packet, sizeof packet, NOW + 5 * ROAM_USEC_PER_SEC, &verdict));
}

/* Whatever comes, the floor holds and nothing beyond the message is read (the sanitizers' part). */
static void
test_mutations (void)
{
  g_autoptr (RoamRng) rng = roam_rng_new_for_test (792);

  for (guint i = 0; i < 20000; i++)
    {
      const TunnelIpip *tunnel = i % 2 ? &in_udp : &plain;
      TunnelSoftState state = { .largest = 1500 };
      g_autofree guint8 *copy = NULL;
      guint8 reply[TUNNEL_ICMP_MAX_OCTETS];
      TunnelIcmpVerdict verdict;
      Message message;
      gsize length;

      make (&message, tunnel, i % 4 ? 3 : (guint8)roam_rng_below (rng, 13), (guint8)roam_rng_below (rng, 6), 1300,
            28 + roam_rng_below (rng, 200), CN);
      for (guint j = roam_rng_below (rng, 4); j > 0; j--)
        message.octets[28 + roam_rng_below (rng, (guint32)message.length - 28)] = (guint8)roam_rng_u32 (rng);
      finish (&message);
      length = i % 8 == 0 ? roam_rng_below (rng, (guint32)message.length) : message.length;
      copy = g_memdup2 (message.octets, length);
      if (!tunnel_icmp_judge (tunnel, &state, copy, length, NOW, &verdict))
        continue;
      g_assert_cmpuint (tunnel_icmp_get_mtu (&state, NOW), >=, TUNNEL_ICMP_MIN_MTU);
      g_assert_cmpuint (tunnel_icmp_build (&verdict, HA, reply), <=, sizeof reply);
    }
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/tunnel/icmp/every-code", test_every_code);
  g_test_add_func ("/tunnel/icmp/destination-at-home", test_destination_at_home);
  g_test_add_func ("/tunnel/icmp/relayed-message", test_relayed_message);
  g_test_add_func ("/tunnel/icmp/mtu", test_mtu);
  g_test_add_func ("/tunnel/icmp/mtu-that-says-nothing", test_mtu_that_says_nothing);
  g_test_add_func ("/tunnel/icmp/forged", test_forged);
  g_test_add_func ("/tunnel/icmp/forged-otherwise", test_forged_otherwise);
  g_test_add_func ("/tunnel/icmp/short-quotation", test_short_quotation);
  g_test_add_func ("/tunnel/icmp/parameter-problem", test_parameter_problem);
  g_test_add_func ("/tunnel/icmp/unanswerable-original", test_unanswerable_original);
  g_test_add_func ("/tunnel/icmp/soft-state", test_soft_state);
  g_test_add_func ("/tunnel/icmp/mutations", test_mutations);
  return g_test_run ();
}
