/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "fixture.h"
#include "mip4/mip4-codec-private.h"

#include <string.h>

/* Registration Replies: what is let through, and what is done with it. */

#define TNC "95 02 00 00"
#define UDP_REPLY "2c 06 00 00 00 00 00 6e"

static Node *
registering (void)
{
  Node *node = node_new (NULL);

  node_register (node, WIFI, 5, MIP4_FORM_CO_LOCATED, CARE_OF);
  return node;
}

static void
assert_discarded (Node *node, const char *counter)
{
  const Mip4MnEvent *event = node_expect (node, MIP4_MN_DISCARDED);

  g_assert_nonnull (event->reason);
  g_assert_cmpuint (node_counter (node, counter), ==, 1);
  g_assert_cmpuint (node->events->len, ==, 1);
}

/* The procedure is as before: the good answer is still taken. */
static void
assert_still_pending (Node *node)
{
  Forgery reply = forge_reply (node_last_sent (node));

  node_receive_forged (node, &reply);
  node_expect (node, MIP4_MN_ACCEPTED);
}

/* covers: MIP-TNC-003, MIP-RPL-004, MIP-COD-001, MIP-COD-002 */
static void
test_accepted (void)
{
  for (guint8 code = 0; code < 2; code++)
    {
      g_autoptr (Node) node = registering ();
      Forgery reply = forge_reply (node_last_sent (node));
      const Mip4MnEvent *event;

      reply.code = code;
      reply.lifetime = 300;
      reply.before = TNC;
      node_advance (node, SECOND / 2);
      node_receive_forged (node, &reply);
      event = node_expect (node, MIP4_MN_ACCEPTED);
      g_assert_cmpuint (event->code, ==, code);
      g_assert_true (event->tnc);
      g_assert_cmpuint (event->path, ==, WIFI);
      g_assert_cmpuint (event->serial, ==, 5);
      g_assert_cmpuint (roam_addr_to_u32 (&event->care_of_address), ==, CARE_OF);
      g_assert_cmpuint (event->lifetime_s, ==, 300);
      g_assert_cmpint (event->sent_us, ==, node_last_sent (node)->at_us);
      g_assert_cmphex (event->identification, ==, node_last_sent (node)->identification);
      g_assert_false (event->udp_tunnel);
    }
}

/* covers: MIP-RPL-013 */
static void
test_second_copy_of_a_reply_finds_nothing (void)
{
  g_autoptr (Node) node = registering ();
  Forgery reply = forge_reply (node_last_sent (node));

  node_receive_forged (node, &reply);
  node_receive_forged (node, &reply);
  node_expect (node, MIP4_MN_DISCARDED);
  g_assert_cmpuint (node_count_events (node, MIP4_MN_ACCEPTED), ==, 1);
  g_assert_cmpuint (node_counter (node, "discarded-identification"), ==, 1);
}

/* covers: MIP-RPL-003, MIP-GEN-006 */
static void
test_origin_of_the_reply (void)
{
  static const struct
  {
    Mip4Path path;
    guint32 source;
    guint16 port;
    guint32 destination;
    const char *counter;
  } cases[] = {
    { WIFI, HOME_AGENT + 1, 434, CARE_OF, "discarded-wrong-source" },
    { WIFI, HOME_AGENT, 435, CARE_OF, "discarded-wrong-source" },
    { WIFI, HOME_AGENT, 434, CARE_OF_2, "discarded-wrong-address" },
    { CABLE, HOME_AGENT, 434, CARE_OF, "discarded-wrong-path" },
    { MIP4_PATH_VPN, HOME_AGENT, 434, CARE_OF, "discarded-wrong-path" },
  };

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_autoptr (Node) node = registering ();
      Forgery reply = forge_reply (node_last_sent (node));
      g_autoptr (GBytes) message = forge (&reply);

      node_receive_at (node, message, cases[i].path, cases[i].source, cases[i].port, cases[i].destination);
      assert_discarded (node, cases[i].counter);
      assert_still_pending (node);
    }
}

/* covers: MIP-RPL-002, MIP-RPL-005, MIP-RPL-007, MIP-RPL-010, MIP-AUTH-002, MIP-AUTH-013, MIP-AUTH-014 */
/* covers: MIP-EXT-005, MIP-EXT-007, MIP-EXT-008, MIP-EXT-010, MIP-GEN-005, MIP-RVK-004, MIP-LIF-009 */
static void
test_bad_replies_change_nothing (void)
{
  static const struct
  {
    Forgery delta; /* non-zero fields replace those of a good reply */
    gint n_mhae;
    const char *counter;
  } cases[] = {
    { { .type = 1 }, 1, "discarded-unknown-message" },
    { { .type = 7 }, 1, "discarded-revocation-direction" },
    { { .type = 15 }, 1, "discarded-unknown-message" },
    { { .type = 99 }, 1, "discarded-unknown-message" },
    { { .key = "ff" }, 1, "discarded-bad-authenticator" },
    { { .md5 = TRUE }, 1, "discarded-bad-authenticator" },
    { { .spi = 4097 }, 1, "discarded-unknown-spi" },
    { { .spi = 255 }, 1, "discarded-unknown-spi" },
    { { 0 }, 0, "discarded-no-mhae" },
    { { 0 }, 2, "discarded-two-mhae" },
    { { .home = HOME_ADDRESS + 1 }, 1, "discarded-home-address" },
    { { .agent = HOME_AGENT + 1 }, 1, "discarded-home-agent" },
    { { .before = "10 06 0000 0000 2000" }, 1, "discarded-unknown-extension" },
    { { .before = "7f 00" }, 1, "discarded-unknown-extension" },
    { { .after = "05 00" }, 1, "discarded-unknown-extension" },
    { { .after = "95 03 00 00" }, 1, "discarded-extension-overrun" },
    { { .after = "83" }, 1, "discarded-extension-overrun" },
    { { .after = "24 01 ff ff" }, 1, "discarded-extension-overrun" },
    { { .before = "2c 05 00 00 00 00 00" }, 1, "discarded-malformed-extension" },
    { { .before = "2c 06 01 00 00 00 00 6e" }, 1, "discarded-malformed-extension" },
    { { .before = "26 00 00 05 00 00 00 09 00" }, 1, "discarded-malformed-extension" },
    { { .after = "21 04 00 00 10 00" }, 1, "discarded-malformed-extension" },
    { { .after = "24 02 00 05 00 00 10 00 00" }, 1, "discarded-unknown-extension" },
    { { .code = 131, .key = "ff" }, 1, "discarded-bad-authenticator-131" },
    { { .identification = 1 }, 1, "discarded-identification" },
    { { .after = "2d 02 00 6d" }, 1, "discarded-foreign-agent-denial" },
  };

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_autoptr (Node) node = registering ();
      Forgery reply = forge_reply (node_last_sent (node));
      const Forgery *delta = &cases[i].delta;

      reply.type = delta->type != 0 ? delta->type : reply.type;
      reply.code = delta->code;
      reply.md5 = delta->md5;
      reply.key = delta->key;
      reply.spi = delta->spi != 0 ? delta->spi : reply.spi;
      reply.home = delta->home != 0 ? delta->home : reply.home;
      reply.agent = delta->agent != 0 ? delta->agent : reply.agent;
      reply.before = delta->before;
      reply.after = delta->after;
      reply.identification ^= delta->identification;
      reply.n_mhae = (guint)cases[i].n_mhae;
      g_test_message ("case %u: %s", i, cases[i].counter);
      node_receive_forged (node, &reply);
      assert_discarded (node, cases[i].counter);
      assert_still_pending (node);
    }
}

/* Every bit of an authentic reply counts: no flipped one is ever accepted as the same. */
/* covers: MIP-AUTH-008, MIP-AUTH-015 */
static void
test_any_flipped_bit_is_noticed (void)
{
  g_autoptr (Node) node = registering ();
  Forgery reply = forge_reply (node_last_sent (node));
  g_autoptr (GBytes) good = NULL;
  gsize length;

  reply.before = TNC;
  good = forge (&reply);
  length = g_bytes_get_size (good);
  for (gsize bit = 0; bit < length * 8; bit++)
    {
      g_autofree guint8 *data = g_memdup2 (g_bytes_get_data (good, NULL), length);
      g_autoptr (GBytes) bad = NULL;

      data[bit / 8] ^= (guint8)(1u << bit % 8);
      bad = g_bytes_new (data, length);
      node_receive (node, bad);
    }
  for (gsize shorter = 0; shorter < length; shorter++)
    {
      g_autoptr (GBytes) bad = g_bytes_new_from_bytes (good, 0, shorter);

      node_receive (node, bad);
    }
  g_assert_cmpuint (node_count_events (node, MIP4_MN_DISCARDED), ==, node->events->len);
  g_assert_cmpuint (node->events->len, ==, length * 9);
  node_receive (node, good);
  node_expect (node, MIP4_MN_ACCEPTED);
}

/* covers: MIP-EXT-002, MIP-EXT-006, MIP-EXT-009, MIP-MSV-002, MIP-MSV-013 */
static void
test_known_and_skippable_extensions_do_no_harm (void)
{
  static const char *const extensions[] = {
    "00",
    "00 00 00",
    "83 05 616c696365",
    "84 04 01020304",
    "86 08 0000 00000009 0007",
    "86 02 0000" /* impossible Length: ignored */,
    "89 06 0000 00000001",
    "8b 02 0004 0a010002",
    "8b 05 02 0a010002",
    "8b 00",
    "90 06 00 00 00 00 0000",
    "91 07 01 636f64653d30" /* the text "code=0" */,
    "97 03 666f6f",
    "ff 00",
    "c8 03 010203",
    UDP_REPLY,
    "82 00",
  };

  for (guint i = 0; i < G_N_ELEMENTS (extensions); i++)
    {
      g_autoptr (Node) node = registering ();
      Forgery reply = forge_reply (node_last_sent (node));

      g_test_message ("extension %s", extensions[i]);
      reply.before = extensions[i];
      node_receive_forged (node, &reply);
      g_assert_false (node_expect (node, MIP4_MN_ACCEPTED)->tnc);
    }
}

/* MFAE and challenge of a foreign agent on the way are known types, too. */
static void
test_extensions_for_foreign_agents (void)
{
  static const char *const extensions[] = { "21 14 00001001 00000000000000000000000000000000",
                                            "24 01 0014 00001001 00000000000000000000000000000000",
                                            "84 08 0102030405060708",
                                            "22 14 00001001 00000000000000000000000000000000" };

  for (guint i = 0; i < G_N_ELEMENTS (extensions); i++)
    {
      g_autoptr (Node) node = registering ();
      Forgery reply = forge_reply (node_last_sent (node));

      reply.after = extensions[i];
      node_receive_forged (node, &reply);
      node_expect (node, MIP4_MN_ACCEPTED);
    }
}

/* covers: MIP-TNC-001, MIP-TNC-002, MIP-RPL-011, MIP-EXT-011 */
static void
test_what_counts_as_tnc (void)
{
  static const struct
  {
    const char *before, *after;
    gboolean counts;
  } cases[] = {
    { TNC, NULL, TRUE },
    { "95 02 00 ff", NULL, TRUE },
    { "00 " TNC " 00", NULL, TRUE },
    { "c8 01 00 " TNC, NULL, TRUE },
    { NULL, TNC, FALSE },
    { NULL, NULL, FALSE },
    { "95 02 01 00", NULL, FALSE },
    { "95 01 00", NULL, FALSE },
    { "95 03 00 00 00", NULL, FALSE },
    { "95 00", NULL, FALSE },
    { "c8 04 " TNC, NULL, FALSE },
  };

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_autoptr (Node) node = registering ();
      Forgery reply = forge_reply (node_last_sent (node));

      reply.before = cases[i].before;
      reply.after = cases[i].after;
      node_receive_forged (node, &reply);
      g_assert_cmpint (node_expect (node, MIP4_MN_ACCEPTED)->tnc, ==, cases[i].counts);
    }
}

/* covers: MIP-NAT-011, MIP-NAT-012, MIP-NAT-013, MIP-NAT-014, MIP-NAT-031, MIP-NAT-034 */
static void
test_udp_tunnel_reply (void)
{
  static const struct
  {
    const char *before, *after;
    gboolean udp;
    guint16 keepalive_s;
  } cases[] = {
    { UDP_REPLY, NULL, TRUE, 110 },
    { "2c 06 00 3f 80 00 00 1e", NULL, TRUE, 30 },
    { "2c 06 00 00 00 00 00 00", NULL, TRUE, 110 },
    { "2c 06 00 00 00 00 00 03", NULL, TRUE, 10 },
    { "2c 06 00 40 00 00 00 6e", NULL, FALSE, 0 },
    { "2c 06 00 ff 00 00 00 6e", NULL, FALSE, 0 },
    { NULL, UDP_REPLY, FALSE, 0 },
    { NULL, NULL, FALSE, 0 },
  };

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_autoptr (Node) node = registering ();
      Forgery reply = forge_reply (node_last_sent (node));
      const Mip4MnEvent *event;

      reply.before = cases[i].before;
      reply.after = cases[i].after;
      reply.lifetime = 60;
      node_receive_forged (node, &reply);
      event = node_expect (node, MIP4_MN_ACCEPTED);
      g_assert_cmpint (event->udp_tunnel, ==, cases[i].udp);
      g_assert_cmpuint (event->keepalive_s, ==, cases[i].keepalive_s);
      g_assert_cmpuint (event->lifetime_s, ==, 60);
    }
}

static void
test_udp_tunnel_reply_that_was_not_asked_for (void)
{
  Mip4MnConfig config = node_default_config ();
  g_autoptr (Node) node = NULL;
  Forgery reply;

  config.nat_traversal = FALSE;
  node = node_new (&config);
  node_register (node, WIFI, 1, MIP4_FORM_CO_LOCATED, CARE_OF);
  reply = forge_reply (node_last_sent (node));
  reply.before = UDP_REPLY;
  node_receive_forged (node, &reply);
  g_assert_false (node_expect (node, MIP4_MN_ACCEPTED)->udp_tunnel);
  g_assert_cmpuint (node_counter (node, "udp-tunnel-reply-unasked"), ==, 1);
}

/* covers: MIP-NAI-008 */
static void
test_nai_echo_is_watched (void)
{
  Mip4MnConfig config = node_default_config ();
  g_autoptr (Node) node = NULL;
  Forgery reply;

  config.nai = "alice";
  node = node_new (&config);
  node_register (node, WIFI, 1, MIP4_FORM_CO_LOCATED, CARE_OF);
  reply = forge_reply (node_last_sent (node));
  reply.before = "83 05 616c696365";
  node_receive_forged (node, &reply);
  g_assert_cmpuint (node_counter (node, "nai-not-echoed"), ==, 0);
  node_advance (node, SECOND);
  node_register (node, WIFI, 2, MIP4_FORM_CO_LOCATED, CARE_OF);
  reply = forge_reply (node_last_sent (node));
  reply.before = "83 03 626f62";
  node_receive_forged (node, &reply);
  node_expect (node, MIP4_MN_ACCEPTED);
  g_assert_cmpuint (node_counter (node, "nai-not-echoed"), ==, 1);
}

/* covers: MIP-RPL-009 */
static void
test_key_mismatch_after_three_bad_authenticators_in_a_row (void)
{
  g_autoptr (Node) node = registering ();
  Forgery bad = forge_reply (node_last_sent (node)), good;

  bad.code = 131;
  bad.key = "0102";
  for (guint i = 1; i <= 5; i++)
    {
      node_receive_forged (node, &bad);
      g_assert_cmpint (node_expect (node, MIP4_MN_DISCARDED)->key_mismatch, ==, i == 3);
    }
  /* Who does not know the Identification cannot raise it. */
  good = forge_reply (node_last_sent (node));
  node_receive_forged (node, &good);
  node_expect (node, MIP4_MN_ACCEPTED);
  node_advance (node, SECOND);
  node_register (node, WIFI, 6, MIP4_FORM_CO_LOCATED, CARE_OF);
  bad = forge_reply (node_last_sent (node));
  bad.key = "0102";
  bad.identification ^= 0x1000;
  for (guint i = 0; i < 5; i++)
    {
      node_receive_forged (node, &bad);
      g_assert_false (node_expect (node, MIP4_MN_DISCARDED)->key_mismatch);
    }
}

static void
test_a_valid_reply_ends_the_row_of_bad_authenticators (void)
{
  g_autoptr (Node) node = registering ();

  for (guint round = 0; round < 4; round++)
    {
      Forgery reply = forge_reply (node_last_sent (node));

      reply.key = "0102";
      for (guint i = 0; i < 2; i++)
        {
          node_receive_forged (node, &reply);
          g_assert_false (node_expect (node, MIP4_MN_DISCARDED)->key_mismatch);
        }
      reply.key = NULL;
      node_receive_forged (node, &reply);
      node_expect (node, MIP4_MN_ACCEPTED);
      node_advance (node, SECOND);
      node_register (node, WIFI, 10 + round, MIP4_FORM_CO_LOCATED, CARE_OF);
    }
}

/* ------------------------------------------------------- late replies (D-07) ---- */

static void
expect_late (Node *node, const Sent *sent, guint32 serial)
{
  Forgery reply = forge_reply (sent);
  g_autoptr (GBytes) message = NULL;
  const Mip4MnEvent *event;

  reply.before = TNC;
  message = forge (&reply);
  node_receive_at (node, message, sent->path, HOME_AGENT, MIP4_PORT, sent->care_of);
  event = node_expect (node, MIP4_MN_LATE);
  g_assert_cmpuint (event->serial, ==, serial);
  g_assert_true (event->tnc);
  g_assert_cmphex (event->identification, ==, sent->identification);
  /* ... and once only. */
  node_receive_at (node, message, sent->path, HOME_AGENT, MIP4_PORT, sent->care_of);
  node_expect (node, MIP4_MN_DISCARDED);
}

static void
test_late_after_cancel_exhaustion_and_replacement (void)
{
  g_autoptr (Node) node = registering ();

  node_command (node, MIP4_MN_CANCEL, WIFI);
  node_advance (node, 20 * SECOND);
  g_assert_cmpuint (node_n_sent (node), ==, 1);
  g_assert_cmpuint (node->events->len, ==, 0);
  expect_late (node, node_sent (node, 0), 5);

  node_register (node, WIFI, 6, MIP4_FORM_CO_LOCATED, CARE_OF);
  node_advance (node, 10 * SECOND);
  node_expect (node, MIP4_MN_EXHAUSTED);
  expect_late (node, node_sent (node, 2), 6);

  node_register (node, WIFI, 7, MIP4_FORM_CO_LOCATED, CARE_OF);
  node_register (node, WIFI, 8, MIP4_FORM_CO_LOCATED, CARE_OF_2);
  expect_late (node, node_sent (node, 4), 7);
  /* The running procedure was not touched. */
  g_assert_cmpuint (node_last_sent (node)->care_of, ==, CARE_OF_2);
  assert_still_pending (node);
}

static void
test_forget_makes_no_late_reply (void)
{
  g_autoptr (Node) node = registering ();
  Forgery reply = forge_reply (node_last_sent (node));

  node_command (node, MIP4_MN_FORGET, WIFI);
  g_assert_cmpint (mip4_mn_next_deadline (node->mn), ==, ROAM_NEVER);
  node_receive_forged (node, &reply);
  assert_discarded (node, "discarded-identification");
}

static void
test_late_denial_is_only_counted (void)
{
  g_autoptr (Node) node = registering ();
  Forgery reply = forge_reply (node_last_sent (node));

  node_command (node, MIP4_MN_CANCEL, WIFI);
  reply.code = 133;
  node_receive_forged (node, &reply);
  assert_discarded (node, "discarded-late-denial");
}

static void
test_old_records_are_bounded (void)
{
  g_autoptr (Node) node = node_new (NULL);

  for (guint i = 0; i < 20; i++)
    {
      node_register (node, WIFI, i, MIP4_FORM_CO_LOCATED, CARE_OF + i);
      node_command (node, MIP4_MN_CANCEL, WIFI);
    }
  expect_late (node, node_sent (node, 16), 16);
  {
    Forgery reply = forge_reply (node_sent (node, 15));
    g_autoptr (GBytes) message = forge (&reply);

    node_receive_at (node, message, WIFI, HOME_AGENT, MIP4_PORT, CARE_OF + 15);
    node_expect (node, MIP4_MN_DISCARDED);
  }
}

/* covers: MIP-IDN-009, MIP-LIF-002 */
static void
test_answer_to_an_earlier_copy_is_taken (void)
{
  g_autoptr (Node) node = registering ();
  Forgery reply;

  node_advance (node, 4 * SECOND);
  g_assert_cmpuint (node_n_sent (node), ==, 3);
  /* RTT above the timeout (D-02): the answer to the second copy. */
  reply = forge_reply (node_sent (node, 1));
  node_receive_forged (node, &reply);
  g_assert_cmpint (node_expect (node, MIP4_MN_ACCEPTED)->sent_us, ==, node_sent (node, 1)->at_us);
}

static void
test_strange_high_bits_count_from_the_first_copy (void)
{
  g_autoptr (Node) node = registering ();
  Forgery reply;

  node_advance (node, 4 * SECOND);
  reply = forge_reply (node_sent (node, 1));
  reply.identification ^= G_GUINT64_CONSTANT (0x12345678) << 32;
  node_receive_forged (node, &reply);
  /* D-05: taken, counted, and no lifetime overrated. */
  g_assert_cmpint (node_expect (node, MIP4_MN_ACCEPTED)->sent_us, ==, node_sent (node, 0)->at_us);
  g_assert_cmpuint (node_counter (node, "identification-high-mismatch"), ==, 1);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/mip4/mn-reply/accepted", test_accepted);
  g_test_add_func ("/mip4/mn-reply/second-copy", test_second_copy_of_a_reply_finds_nothing);
  g_test_add_func ("/mip4/mn-reply/origin", test_origin_of_the_reply);
  g_test_add_func ("/mip4/mn-reply/bad", test_bad_replies_change_nothing);
  g_test_add_func ("/mip4/mn-reply/flipped-bits", test_any_flipped_bit_is_noticed);
  g_test_add_func ("/mip4/mn-reply/harmless-extensions", test_known_and_skippable_extensions_do_no_harm);
  g_test_add_func ("/mip4/mn-reply/foreign-agent-extensions", test_extensions_for_foreign_agents);
  g_test_add_func ("/mip4/mn-reply/tnc", test_what_counts_as_tnc);
  g_test_add_func ("/mip4/mn-reply/udp-tunnel", test_udp_tunnel_reply);
  g_test_add_func ("/mip4/mn-reply/udp-tunnel-unasked", test_udp_tunnel_reply_that_was_not_asked_for);
  g_test_add_func ("/mip4/mn-reply/nai-echo", test_nai_echo_is_watched);
  g_test_add_func ("/mip4/mn-reply/key-mismatch", test_key_mismatch_after_three_bad_authenticators_in_a_row);
  g_test_add_func ("/mip4/mn-reply/key-mismatch-row", test_a_valid_reply_ends_the_row_of_bad_authenticators);
  g_test_add_func ("/mip4/mn-reply/late", test_late_after_cancel_exhaustion_and_replacement);
  g_test_add_func ("/mip4/mn-reply/forget", test_forget_makes_no_late_reply);
  g_test_add_func ("/mip4/mn-reply/late-denial", test_late_denial_is_only_counted);
  g_test_add_func ("/mip4/mn-reply/old-records", test_old_records_are_bounded);
  g_test_add_func ("/mip4/mn-reply/earlier-copy", test_answer_to_an_earlier_copy_is_taken);
  g_test_add_func ("/mip4/mn-reply/high-bits", test_strange_high_bits_count_from_the_first_copy);
  return g_test_run ();
}
