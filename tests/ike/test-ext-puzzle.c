/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Client puzzles (RFC 8019): the arithmetic, and the client between a gateway that asks and a clock that goes on. */
#include "ike/ike-algorithm-private.h"
#include "ike/ike-session-private.h"
#include "tests/ike/world.h"

#include <string.h>

static GBytes *
from_hex (const char *text)
{
  GByteArray *octets = g_byte_array_new ();

  for (const char *at = text; *at; at += 2)
    {
      guint8 octet = (guint8)(g_ascii_xdigit_value (at[0]) << 4 | g_ascii_xdigit_value (at[1]));
      g_byte_array_append (octets, &octet, 1);
    }
  return g_byte_array_free_to_bytes (octets);
}

static GBytes *
solve (guint16 prf, guint8 difficulty, IkeView string)
{
  g_autoptr (IkePuzzle) puzzle = ike_puzzle_new (prf, difficulty, string);
  IkePuzzleState state;

  g_assert_nonnull (puzzle);
  while ((state = ike_puzzle_work (puzzle, 1000)) == IKE_PUZZLE_WORKING)
    ;
  g_assert_cmpint (state, ==, IKE_PUZZLE_SOLVED);
  return ike_puzzle_solution (puzzle);
}

/* PUZZLE-1 and PUZZLE-2 of the vectors. */
static const struct
{
  const char *string;
  guint8 difficulty;
  const char *keys;
} vectors[] = {
  { "07451c8a01b9d1c4d4d5b86b09cd3fd93ba08f04a99623fbb47d059fb244cdee60", 16, "006b240172ad01f85f01fd8f" },
  { "115c1d38b6fc540c43bb809c15fba7084fcc2fe7b1c952eed59630bc80d9cdbe9c5c0c1983b4bde3", 14,
    "003a0a0098d80099ae010413" },
};

static void
test_vectors (void)
{
  for (guint i = 0; i < G_N_ELEMENTS (vectors); i++)
    {
      g_autoptr (GBytes) string = from_hex (vectors[i].string);
      g_autoptr (GBytes) keys = from_hex (vectors[i].keys);
      g_autoptr (GBytes) solution = solve (IKE_PRF_HMAC_SHA2_256, vectors[i].difficulty, ike_view (string));
      guint zero_bits;

      /* covers: IKE-PUZ-003, IKE-PUZ-005 */
      g_assert_true (g_bytes_equal (solution, keys));
      g_assert_true (ike_puzzle_verify (IKE_PRF_HMAC_SHA2_256, ike_view (string), ike_view (solution), &zero_bits));
      g_assert_cmpuint (zero_bits, >=, vectors[i].difficulty);
    }
}

static void
test_verify (void)
{
  g_autoptr (GBytes) string = from_hex (vectors[1].string);
  IkeView s = ike_view (string);
  static const struct
  {
    const char *keys;
    gboolean well_formed;
  } cases[] = {
    { "", FALSE },
    { "003a0a0098d80099ae", FALSE },         /* three */
    { "003a0a0098d80099ae0099ae", FALSE },   /* one of them twice */
    { "003a0a0098d80099ae010414", TRUE },    /* wrong, and found out by its zero bits */
    { "01020304", TRUE },                    /* one octet each */
    { "003a0a0098d80099ae010413ff", FALSE }, /* not four of a length */
  };

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_autoptr (GBytes) keys = from_hex (cases[i].keys);
      guint zero_bits = 1000;

      g_assert_cmpuint (ike_puzzle_verify (IKE_PRF_HMAC_SHA2_256, s, ike_view (keys), &zero_bits), ==,
                        cases[i].well_formed);
      if (cases[i].well_formed)
        g_assert_cmpuint (zero_bits, <, 14);
    }
  {
    g_autofree guint8 *longer = g_malloc0 (4 * 33);
    guint zero_bits;

    for (guint i = 0; i < 4; i++)
      longer[i * 33] = (guint8)i;
    /* Longer than the PRF's key. covers: IKE-PUZ-005 */
    g_assert_false (ike_puzzle_verify (IKE_PRF_HMAC_SHA2_256, s, (IkeView){ longer, 4 * 33 }, &zero_bits));
  }
}

static void
test_limits (void)
{
  static const guint8 string[] = "string";
  IkeView s = { string, sizeof string };
  g_autoptr (IkePuzzle) hard = ike_puzzle_new (IKE_PRF_HMAC_SHA2_256, 24, s);
  g_autoptr (GBytes) best = NULL;
  guint tries = 0, zero_bits;

  /* covers: IKE-PUZ-006 */
  g_assert_null (ike_puzzle_new (IKE_PRF_HMAC_SHA2_256, 25, s));
  g_assert_null (ike_puzzle_new (999, 1, s));
  while (ike_puzzle_work (hard, 100000) == IKE_PUZZLE_WORKING)
    tries++;
  g_assert_cmpuint (tries, ==, 20); /* two million */
  /* Difficulty 0: as good as can be had, which is about the bits of the tries. */
  best = solve (IKE_PRF_HMAC_SHA2_512, 0, s);
  g_assert_true (ike_puzzle_verify (IKE_PRF_HMAC_SHA2_512, s, ike_view (best), &zero_bits));
  g_assert_cmpuint (zero_bits, >=, 10);
}

/* --- in IKE_SA_INIT --- */

static const guint8 cookie[] = "a cookie of the gateway";

typedef struct
{
  gboolean no_cookie;
  guint16 prf;
  guint8 difficulty;
  guint8 length; /* of the notify's data; 3 is right */
  guint rounds;
} Script;

static void
add_puzzle (IkePayloads *answer, const Script *script)
{
  g_auto (WireWriter) writer = { 0 };

  wire_writer_init (&writer, 16);
  wire_write_u16 (&writer, script->prf);
  wire_write_u8 (&writer, script->difficulty);
  wire_write_zeros (&writer, 3);
  ike_payloads_add_notify (answer, IKE_NOTIFY_PUZZLE, wire_writer_peek (&writer), script->length);
}

static GwVerdict
ask (Gateway *gateway, const SimPacket *packet, const IkeMessage *request, IkePayloads *answer)
{
  Script *script = gateway->user;

  if (ike_message_find_notify (request, IKE_NOTIFY_COOKIE) || script->rounds > 0)
    return GW_DEFAULT;
  script->rounds++;
  if (!script->no_cookie)
    ike_payloads_add_notify (answer, IKE_NOTIFY_COOKIE, cookie, sizeof cookie);
  add_puzzle (answer, script);
  return GW_ANSWER;
}

static World *
start (Script *script)
{
  IkeConfig config = world_config ();
  World *world;

  config.ike_proposals = "aes256gcm16-prfsha256-curve25519";
  world = world_new (&config);
  world->gateway->init_hook = ask;
  world->gateway->user = script;
  world_start (world, world->a);
  return world;
}

static IkeMessage *
sent_message (const World *world, guint index)
{
  g_autoptr (GBytes) octets = world_message (g_ptr_array_index (world->sent, index));
  IkeParseError error;
  IkeMessage *message = ike_message_parse_clear (ike_view (octets).data, ike_view (octets).length, &error);

  g_assert_nonnull (message);
  return message;
}

static void
test_init (void)
{
  Script script = { .prf = IKE_PRF_HMAC_SHA2_256, .difficulty = 12, .length = 3 };
  g_autoptr (World) world = start (&script);
  g_autoptr (IkeMessage) first = NULL;
  g_autoptr (IkeMessage) second = NULL;
  static const guint8 order[] = { IKE_PAYLOAD_NOTIFY, IKE_PAYLOAD_PS, IKE_PAYLOAD_SA, IKE_PAYLOAD_KE,
                                  IKE_PAYLOAD_NONCE };
  guint zero_bits;

  world_run_until (world, IKE_EVENT_ESTABLISHED, 10 * SEC);
  first = sent_message (world, 0);
  second = sent_message (world, 1);
  /* covers: IKE-PUZ-004 */
  for (guint i = 0; i < G_N_ELEMENTS (order); i++)
    g_assert_cmpuint (second->payloads[i].type, ==, order[i]);
  g_assert_true (first->header.spi_i == second->header.spi_i);
  /* covers: IKE-PUZ-003 */
  g_assert_true (ike_puzzle_verify (IKE_PRF_HMAC_SHA2_256, (IkeView){ cookie, sizeof cookie }, second->payloads[1].body,
                                    &zero_bits));
  g_assert_cmpuint (zero_bits, >=, 12);
  g_assert_cmpuint (world_counter (world, "puzzles-solved"), ==, 1);
}

static void
test_without_cookie (void)
{
  Script script = { .no_cookie = TRUE, .prf = IKE_PRF_HMAC_SHA2_256, .difficulty = 8, .length = 3 };
  g_autoptr (World) world = start (&script);

  /* covers: IKE-PUZ-001 */
  world_run (world, 400 * MS);
  g_assert_cmpuint (world->sent->len, ==, 1);
  world_run_until (world, IKE_EVENT_ESTABLISHED, 5 * SEC);
  g_assert_cmpuint (world_counter (world, "puzzles"), ==, 0);
}

/* What we do not solve we answer like somebody who knows no puzzles. */
static void
test_not_solved (void)
{
  static const Script scripts[] = {
    { .prf = IKE_PRF_HMAC_SHA2_256, .difficulty = 25, .length = 3 },
    { .prf = IKE_PRF_HMAC_SHA2_384, .difficulty = 8, .length = 3 }, /* not one that we offered: IKE-PUZ-003 */
    { .prf = IKE_PRF_HMAC_SHA2_256, .difficulty = 8, .length = 2 },
    { .prf = IKE_PRF_HMAC_SHA2_256, .difficulty = 8, .length = 4 },
    { .prf = IKE_PRF_HMAC_SHA2_256, .difficulty = 22, .length = 3 },
  };

  for (guint i = 0; i < G_N_ELEMENTS (scripts); i++)
    {
      Script script = scripts[i];
      g_autoptr (World) world = start (&script);
      g_autoptr (IkeMessage) second = NULL;

      /* covers: IKE-PUZ-002, IKE-PUZ-006 */
      world_run_until (world, IKE_EVENT_ESTABLISHED, 10 * SEC);
      second = sent_message (world, 1);
      g_assert_null (ike_message_find (second, IKE_PAYLOAD_PS));
      g_assert_nonnull (ike_message_find_notify (second, IKE_NOTIFY_COOKIE));
      g_assert_cmpuint (world_counter (world, "puzzles-given-up"), ==, i == 4);
    }
}

static void
test_best_effort (void)
{
  Script script = { .prf = IKE_PRF_HMAC_SHA2_256, .difficulty = 0, .length = 3 };
  g_autoptr (World) world = start (&script);
  g_autoptr (IkeMessage) second = NULL;

  /* covers: IKE-PUZ-006 */
  world_run_until (world, IKE_EVENT_ESTABLISHED, 2 * SEC);
  second = sent_message (world, 1);
  g_assert_nonnull (ike_message_find (second, IKE_PAYLOAD_PS));
}

/* The work is cut in slices: everything else goes on, and it ends with the attempt. */
static void
test_cancel (void)
{
  Script script = { .prf = IKE_PRF_HMAC_SHA2_256, .difficulty = 24, .length = 3 };
  g_autoptr (World) world = start (&script);
  gint64 next;

  /* covers: IKE-PUZ-008 */
  world_run (world, 100 * MS);
  g_assert_cmpuint (world_counter (world, "puzzles"), ==, 1);
  next = ike_session_next_deadline (world->session);
  g_assert_cmpint (next, >, sim_now (world->sim).boot_us);
  g_assert_cmpint (next, <=, sim_now (world->sim).boot_us + MS);
  world_command (world, IKE_ABANDON);
  g_assert_cmpint (ike_session_next_deadline (world->session), ==, ROAM_NEVER);
  world_start (world, world->a);
  world_run_until (world, IKE_EVENT_ESTABLISHED, SEC); /* this time nobody asks */
}

/* --- about IKE_AUTH --- */

static void
ask_in_answer (Gateway *gateway, guint8 exchange, IkePayloads *answer)
{
  if (exchange == IKE_EXCHANGE_IKE_SA_INIT)
    add_puzzle (answer, gateway->user);
}

/* The length of the PS payload that stands before SK or SKF in a datagram; FALSE: another type is first. */
static gboolean
find_solution (const World *world, guint index, gsize *ret_length, guint8 *ret_next)
{
  g_autoptr (GBytes) octets = world_message (g_ptr_array_index (world->sent, index));
  WireReader reader;
  guint16 length;
  guint8 first;

  wire_reader_init (&reader, ike_view (octets).data, ike_view (octets).length);
  g_assert_true (wire_skip (&reader, 16) && wire_read_u8 (&reader, &first) && wire_skip (&reader, 11) &&
                 wire_read_u8 (&reader, ret_next) && wire_skip (&reader, 1) && wire_read_u16 (&reader, &length));
  *ret_length = length - 4u;
  return first == IKE_PAYLOAD_PS;
}

static void
test_auth (void)
{
  for (guint fragments = 0; fragments < 2; fragments++)
    {
      Script script = { .prf = IKE_PRF_HMAC_SHA2_256, .difficulty = 10, .length = 3, .rounds = 1 };
      IkeConfig config = world_config ();
      g_autoptr (World) world = NULL;
      g_autofree char *id = g_strdup_printf ("%0*d@example.com", 1000, 7); /* IKE_AUTH of two fragments */
      g_autoptr (GByteArray) string = g_byte_array_new ();
      GwSa *sa;
      gsize length;
      guint zero_bits;
      guint8 next;

      config.ike_proposals = "aes256gcm16-prfsha256-curve25519";
      config.local_id = fragments ? id : config.local_id;
      world = world_new (&config);
      world->gateway->fragmentation = fragments;
      world->gateway->decorate = ask_in_answer;
      world->gateway->user = &script;
      world_start (world, world->a);
      /* The gateway reads the message with PS before SK. covers: IKE-PUZ-007 */
      world_run_until (world, IKE_EVENT_ESTABLISHED, 10 * SEC);
      g_assert_true (find_solution (world, 1, &length, &next));
      g_assert_cmpuint (next, ==, fragments ? IKE_PAYLOAD_SKF : IKE_PAYLOAD_SK);
      sa = gateway_sa (world->gateway);
      g_byte_array_append (string, g_bytes_get_data (world->gateway->nr, NULL), 32);
      for (guint i = 0; i < 8; i++)
        {
          guint8 octet = (guint8)(sa->spi_r >> (56 - 8 * i));
          g_byte_array_append (string, &octet, 1);
        }
      {
        g_autoptr (GBytes) octets = world_message (g_ptr_array_index (world->sent, 1));
        IkeView body = { ike_view (octets).data + 32, length };

        g_assert_true (
          ike_puzzle_verify (IKE_PRF_HMAC_SHA2_256, (IkeView){ string->data, string->len }, body, &zero_bits));
        g_assert_cmpuint (zero_bits, >=, 10);
      }
      if (!fragments)
        continue;
      /* covers: IKE-FRG-006 */
      g_assert_cmpuint (world->sent->len, ==, 3);
      g_assert_false (find_solution (world, 2, &length, &next));
      for (guint i = 1; i < 3; i++)
        g_assert_cmpuint (g_bytes_get_size (((const Sent *)g_ptr_array_index (world->sent, i))->data), <=, 1252);
    }
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/ext-puzzle/vectors", test_vectors);
  g_test_add_func ("/ext-puzzle/verify", test_verify);
  g_test_add_func ("/ext-puzzle/limits", test_limits);
  g_test_add_func ("/ext-puzzle/init", test_init);
  g_test_add_func ("/ext-puzzle/without-cookie", test_without_cookie);
  g_test_add_func ("/ext-puzzle/not-solved", test_not_solved);
  g_test_add_func ("/ext-puzzle/best-effort", test_best_effort);
  g_test_add_func ("/ext-puzzle/cancel", test_cancel);
  g_test_add_func ("/ext-puzzle/auth", test_auth);
  return g_test_run ();
}
