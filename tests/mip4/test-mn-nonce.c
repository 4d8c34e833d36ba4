/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "fixture.h"
#include "mip4/mip4-codec-private.h"

/* Replay protection with nonces (RFC 5944 5.7.2), and several associations (RFC 5944 3.2). */

#define OTHER_SPI 4097u

static guint32
high (const Sent *sent)
{
  return (guint32)(sent->identification >> 32);
}

static guint32
low (const Sent *sent)
{
  return (guint32)sent->identification;
}

static Node *
registering (void)
{
  Mip4MnConfig config = node_default_config ();
  Node *node;

  config.replay = MIP4_REPLAY_NONCE;
  config.revocation = TRUE;
  node = node_new (&config);
  node_register (node, WIFI, 5, MIP4_FORM_CO_LOCATED, CARE_OF);
  return node;
}

static void
answer (Node *node, guint8 code, guint32 nonce)
{
  Forgery reply = forge_reply (node_last_sent (node));

  reply.code = code;
  reply.identification = (guint64)nonce << 32 | low (node_last_sent (node));
  node_receive_forged (node, &reply);
}

/* covers: MIP-IDN-002, MIP-IDN-003, MIP-IDN-016, MIP-IDN-017, MIP-IDN-018 */
static void
test_nonce_of_every_authentic_reply_is_used (void)
{
  static const guint8 codes[] = { 0, 130, 1, 129, 0, 151 };
  g_autoptr (Node) node = registering ();
  guint32 last_low = low (node_last_sent (node));

  for (guint i = 0; i < G_N_ELEMENTS (codes); i++)
    {
      answer (node, codes[i], 0x5eed0000 + i);
      node_advance (node, 2 * SECOND);
      node_register (node, WIFI, 6, MIP4_FORM_CO_LOCATED, CARE_OF);
      g_assert_cmphex (high (node_last_sent (node)), ==, 0x5eed0000 + i);
      g_assert_cmphex (low (node_last_sent (node)), !=, last_low);
      last_low = low (node_last_sent (node));
    }
  g_assert_cmpuint (node_counter (node, "clock-resynchronised"), ==, 0);
}

/* covers: MIP-IDN-012, MIP-IDN-016 */
static void
test_nonce_that_is_not_authentic_is_not_taken (void)
{
  g_autoptr (Node) node = registering ();
  Forgery reply = forge_reply (node_last_sent (node));

  reply.identification = G_GUINT64_CONSTANT (0x1111111100000000) | low (node_last_sent (node));
  reply.key = "ff";
  node_receive_forged (node, &reply);
  reply.key = NULL;
  reply.identification ^= 1;
  node_receive_forged (node, &reply);
  g_assert_cmpuint (node_count_events (node, MIP4_MN_DISCARDED), ==, 2);
  node_advance (node, 10 * SECOND);
  node_register (node, WIFI, 6, MIP4_FORM_CO_LOCATED, CARE_OF);
  g_assert_cmphex (high (node_last_sent (node)), !=, 0x11111111);
}

/* covers: MIP-IDN-019, MIP-RTX-007 */
static void
test_retransmission_is_the_same_octets (void)
{
  g_autoptr (Node) node = registering ();
  Forgery reply;

  node_advance (node, 4 * SECOND);
  g_assert_cmpuint (node_n_sent (node), ==, 3);
  g_assert_true (g_bytes_equal (node_sent (node, 0)->bytes, node_sent (node, 1)->bytes));
  g_assert_true (g_bytes_equal (node_sent (node, 0)->bytes, node_sent (node, 2)->bytes));
  /* Which copy was answered nobody can tell: the lifetime runs from the first. */
  reply = forge_reply (node_last_sent (node));
  node_receive_forged (node, &reply);
  g_assert_cmpint (node_expect (node, MIP4_MN_ACCEPTED)->sent_us, ==, node_sent (node, 0)->at_us);
}

/* covers: MIP-IDN-019, MIP-IDN-017 */
static void
test_a_nonce_learned_meanwhile_changes_no_retransmission (void)
{
  g_autoptr (Node) node = registering ();
  GBytes *first = node_last_sent (node)->bytes;
  guint32 first_low = low (node_last_sent (node));

  node_register (node, CABLE, 6, MIP4_FORM_CO_LOCATED, CARE_OF_2);
  /* All 32 bits are random, not the clock's fraction and a few. */
  g_assert_cmphex (low (node_last_sent (node)) >> 12, !=, first_low >> 12);
  answer (node, 0, 0x12345678);
  node_advance (node, SECOND);
  g_assert_cmpuint (node_last_sent (node)->path, ==, WIFI);
  g_assert_true (g_bytes_equal (node_last_sent (node)->bytes, first));
}

/* covers: MIP-IDN-021, MIP-COD-032, MIP-IDN-015 */
static void
test_133_supplies_the_nonce (void)
{
  g_autoptr (Node) node = registering ();

  answer (node, 133, 0xabcd0001);
  g_assert_true (node_expect (node, MIP4_MN_DENIED)->will_retry);
  node_advance (node, SECOND);
  g_assert_cmpuint (node_n_sent (node), ==, 2);
  g_assert_cmphex (high (node_last_sent (node)), ==, 0xabcd0001);
  g_assert_cmphex (low (node_last_sent (node)), !=, low (node_sent (node, 0)));
  answer (node, 133, 0xabcd0002);
  node_advance (node, 2 * SECOND);
  g_assert_cmphex (high (node_last_sent (node)), ==, 0xabcd0002);
  answer (node, 133, 0xabcd0003);
  g_assert_false (node_expect (node, MIP4_MN_DENIED)->will_retry);
}

/* The order that events give to requests does not come from the nonces. */
static void
test_order_over_paths (void)
{
  g_autoptr (Node) node = registering ();
  guint64 first;

  answer (node, 0, 0xffff0000);
  first = node_expect (node, MIP4_MN_ACCEPTED)->identification;
  node_advance (node, 5 * SECOND);
  node_register (node, CABLE, 6, MIP4_FORM_CO_LOCATED, CARE_OF_2);
  answer (node, 0, 0x00000001);
  g_assert_true (mip4_identification_after (node_expect (node, MIP4_MN_ACCEPTED)->identification, first));
  /* The binding is that of the newer one. */
  node_advance (node, 600 * SECOND);
  g_assert_cmpuint (node_expect (node, MIP4_MN_EXPIRED)->path, ==, CABLE);
}

typedef struct
{
  RoamSecret *key;
  Mip4MnHaAssociation more[2];
  Mip4MnConfig config;
} Several;

static void
several_init (Several *several)
{
  g_autoptr (GByteArray) octets = unhex (other_key_hex);

  several->key = roam_secret_new (octets->data, octets->len);
  several->more[0] = (Mip4MnHaAssociation){ roam_addr_from_u32 (HOME_AGENT),
                                            { OTHER_SPI, MIP4_AUTH_HMAC_SHA_256, several->key },
                                            MIP4_REPLAY_NONCE };
  several->config = node_default_config ();
  several->config.more_mn_ha = several->more;
  several->config.n_more_mn_ha = 1;
}

/* covers: MIP-AUTH-001, MIP-AUTH-012 */
static void
test_answer_under_another_association (void)
{
  Several several;
  g_autoptr (Node) node = NULL;
  Forgery reply;

  several_init (&several);
  node = node_new (&several.config);
  node_register (node, WIFI, 5, MIP4_FORM_CO_LOCATED, CARE_OF);
  g_assert_true (sent_auth_is_valid (node_last_sent (node), 32, SPI, default_key_hex));
  reply = forge_reply (node_last_sent (node));
  reply.spi = OTHER_SPI; /* with the first one's key */
  node_receive_forged (node, &reply);
  g_assert_cmpuint (node_counter (node, "discarded-bad-authenticator"), ==, 1);
  reply.key = other_key_hex;
  node_receive_forged (node, &reply);
  node_expect (node, MIP4_MN_ACCEPTED);
  roam_secret_unref (several.key);
}

/* covers: MIP-COD-030, MIP-COD-046, MIP-IDN-003, MIP-AUTH-001 */
static void
test_131_tries_the_other_association (void)
{
  Several several;
  g_autoptr (Node) node = NULL;
  Forgery reply;

  several_init (&several);
  node = node_new (&several.config);
  node_register (node, WIFI, 5, MIP4_FORM_CO_LOCATED, CARE_OF);
  reply = forge_reply (node_last_sent (node));
  reply.code = 131;
  reply.spi = OTHER_SPI;
  reply.key = other_key_hex;
  node_receive_forged (node, &reply);
  g_assert_true (node_expect (node, MIP4_MN_DENIED)->will_retry);
  node_advance (node, SECOND);
  g_assert_true (sent_auth_is_valid (node_last_sent (node), 32, OTHER_SPI, other_key_hex));
  reply = forge_reply (node_last_sent (node));
  reply.spi = OTHER_SPI;
  reply.key = other_key_hex;
  reply.identification = 0x7777000000000000 | low (node_last_sent (node));
  node_receive_forged (node, &reply);
  node_expect (node, MIP4_MN_ACCEPTED);
  /* What worked is what the next request is sent with, in its own style. */
  node_advance (node, 10 * SECOND);
  node_register (node, WIFI, 6, MIP4_FORM_CO_LOCATED, CARE_OF);
  g_assert_true (sent_auth_is_valid (node_last_sent (node), 32, OTHER_SPI, other_key_hex));
  g_assert_cmphex (high (node_last_sent (node)), ==, 0x77770000);
  reply = forge_reply (node_last_sent (node));
  reply.code = 131;
  node_receive_forged (node, &reply);
  g_assert_true (node_expect (node, MIP4_MN_DENIED)->will_retry);
  node_advance (node, SECOND);
  reply = forge_reply (node_last_sent (node));
  reply.code = 131;
  node_receive_forged (node, &reply);
  g_assert_false (node_expect (node, MIP4_MN_DENIED)->will_retry);
  roam_secret_unref (several.key);
}

static void
test_associations_of_other_home_agents_do_not_count (void)
{
  Several several;
  g_autoptr (Node) node = NULL;
  Forgery reply;

  several_init (&several);
  several.more[0].home_agent = roam_addr_from_u32 (HOME_AGENT + 1);
  node = node_new (&several.config);
  node_register (node, WIFI, 5, MIP4_FORM_CO_LOCATED, CARE_OF);
  reply = forge_reply (node_last_sent (node));
  reply.spi = OTHER_SPI;
  reply.key = other_key_hex;
  node_receive_forged (node, &reply);
  g_assert_cmpuint (node_counter (node, "discarded-unknown-spi"), ==, 1);
  reply = forge_reply (node_last_sent (node));
  reply.code = 131;
  node_receive_forged (node, &reply);
  g_assert_false (node_expect (node, MIP4_MN_DENIED)->will_retry);
  roam_secret_unref (several.key);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/mip4/mn-nonce/every-reply", test_nonce_of_every_authentic_reply_is_used);
  g_test_add_func ("/mip4/mn-nonce/not-authentic", test_nonce_that_is_not_authentic_is_not_taken);
  g_test_add_func ("/mip4/mn-nonce/retransmission", test_retransmission_is_the_same_octets);
  g_test_add_func ("/mip4/mn-nonce/meanwhile", test_a_nonce_learned_meanwhile_changes_no_retransmission);
  g_test_add_func ("/mip4/mn-nonce/133", test_133_supplies_the_nonce);
  g_test_add_func ("/mip4/mn-nonce/order", test_order_over_paths);
  g_test_add_func ("/mip4/mn-associations/answer", test_answer_under_another_association);
  g_test_add_func ("/mip4/mn-associations/131", test_131_tries_the_other_association);
  g_test_add_func ("/mip4/mn-associations/other-home-agent", test_associations_of_other_home_agents_do_not_count);
  return g_test_run ();
}
