/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "fixture.h"
#include "mip4/mip4-codec-private.h"

#include <string.h>

/* Challenges of foreign agents (RFC 4721). */

#define FIRST "00112233"
#define SECOND_ONE "44556677"
#define THIRD "8899aabb"
#define AAA_SPI 12288u

typedef struct
{
  RoamSecret *mn_fa, *mn_aaa;
  Mip4MnFaAssociation agents[1];
  Mip4MnConfig config;
} Keys;

static void
keys_init (Keys *keys, gboolean mn_fa, gboolean mn_aaa)
{
  g_autoptr (GByteArray) fa = unhex (agent_key_hex);
  g_autoptr (GByteArray) aaa = unhex (other_key_hex);

  memset (keys, 0, sizeof *keys);
  keys->config = node_default_config ();
  keys->mn_fa = roam_secret_new (fa->data, fa->len);
  keys->mn_aaa = roam_secret_new (aaa->data, aaa->len);
  keys->agents[0] =
    (Mip4MnFaAssociation){ roam_addr_from_u32 (AGENT), { AGENT_SPI, MIP4_AUTH_HMAC_SHA_256, keys->mn_fa } };
  keys->config.mn_fa = keys->agents;
  keys->config.n_mn_fa = mn_fa;
  if (mn_aaa)
    keys->config.mn_aaa = (Mip4SecurityAssociation){ AAA_SPI, MIP4_AUTH_HMAC_SHA_256, keys->mn_aaa };
}

static void
keys_clear (Keys *keys)
{
  roam_secret_unref (keys->mn_fa);
  roam_secret_unref (keys->mn_aaa);
}

static Mip4Agent
agent_with (const char *challenge)
{
  Mip4Agent agent = make_agent ();
  g_autoptr (GByteArray) octets = unhex (challenge);

  agent.n_challenge = octets->len;
  memcpy (agent.challenge, octets->data, octets->len);
  return agent;
}

static void
register_with (Node *node, const char *challenge)
{
  const Mip4Agent agent = agent_with (challenge);

  node_register_via (node, MIP4_FORM_FOREIGN_AGENT, &agent, AGENT_CARE_OF);
}

static void
tell (Node *node, const char *challenge)
{
  node_input (node, &(Mip4MnCommand){ .type = MIP4_MN_AGENT, .path = WIFI, .agent = agent_with (challenge) });
}

static void
assert_challenge (const Node *node, const char *challenge)
{
  g_autofree char *sent = sent_extension (node_last_sent (node), 132);
  g_autofree char *expected = challenge != NULL ? g_strconcat ("8404", challenge, NULL) : g_strdup ("");

  g_assert_cmpstr (sent, ==, expected);
}

static void
receive (Node *node, guint8 code, const char *challenge)
{
  Forgery reply = forge_reply (node_last_sent (node));
  g_autofree char *extension = challenge != NULL ? g_strconcat ("84 04", challenge, NULL) : NULL;

  reply.code = code;
  reply.n_mhae = code < 64;
  reply.after = extension;
  node_receive_relayed (node, &reply);
}

/* covers: MIP-CHL-002, MIP-CHL-003, MIP-CHL-004, MIP-CHL-005, MIP-CHL-006, MIP-REG-022, MIP-AUTH-017 */
static void
test_what_answers_a_challenge (void)
{
  static const struct
  {
    gboolean mn_fa, mn_aaa;
    const char *types;
  } cases[] = {
    { FALSE, FALSE, "131 32" }, /* nothing could authenticate it: the agent would drop the request */
    { FALSE, TRUE, "131 32 132 36" },
    { TRUE, FALSE, "131 32 132 33" },
    { TRUE, TRUE, "131 32 132 33" },
  };

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_autoptr (Node) node = NULL;
      g_autofree char *types = NULL;
      Keys keys;

      keys_init (&keys, cases[i].mn_fa, cases[i].mn_aaa);
      keys.config.nai = "alice@example.com";
      node = node_new (&keys.config);
      register_with (node, FIRST);
      types = sent_types (node_last_sent (node));
      g_assert_cmpstr (types, ==, cases[i].types);
      if (strstr (types, "36") != NULL)
        g_assert_true (sent_auth_is_valid (node_last_sent (node), 36, AAA_SPI, other_key_hex));
      if (strstr (types, "33") != NULL)
        g_assert_true (sent_auth_is_valid (node_last_sent (node), 33, AGENT_SPI, agent_key_hex));
      keys_clear (&keys);
    }
}

/* covers: MIP-CHL-011 */
static void
test_direct_requests_carry_none (void)
{
  g_autoptr (Node) node = NULL;
  g_autofree char *types = NULL;
  Keys keys;

  keys_init (&keys, TRUE, TRUE);
  node = node_new (&keys.config);
  tell (node, FIRST);
  node_register (node, WIFI, 1, MIP4_FORM_CO_LOCATED, CARE_OF);
  types = sent_types (node_last_sent (node));
  g_assert_cmpstr (types, ==, "144 32");
  keys_clear (&keys);
}

/* covers: MIP-CHL-008, MIP-CHL-010 */
static void
test_the_newest_challenge_is_used (void)
{
  g_autoptr (Node) node = NULL;
  Keys keys;

  keys_init (&keys, FALSE, TRUE);
  node = node_new (&keys.config);
  register_with (node, FIRST);
  assert_challenge (node, FIRST);
  receive (node, 0, SECOND_ONE);
  node_expect (node, MIP4_MN_ACCEPTED);
  /* The old advertisement heard again, and given with the command: no news. */
  node_advance (node, 10 * SECOND);
  tell (node, FIRST);
  register_with (node, FIRST);
  assert_challenge (node, SECOND_ONE);
  receive (node, 0, NULL);
  /* An advertisement after the reply is newer. */
  node_advance (node, 10 * SECOND);
  tell (node, THIRD);
  register_with (node, THIRD);
  assert_challenge (node, THIRD);
  keys_clear (&keys);
}

/* Another agent of the link says something meanwhile. */
static void
test_news_of_another_agent (void)
{
  g_autoptr (Node) node = NULL;
  Mip4Agent other = agent_with (THIRD);
  Keys keys;

  keys_init (&keys, FALSE, TRUE);
  node = node_new (&keys.config);
  register_with (node, FIRST);
  receive (node, 0, SECOND_ONE);
  other.address = roam_addr_from_u32 (AGENT + 1);
  node_input (node, &(Mip4MnCommand){ .type = MIP4_MN_AGENT, .path = WIFI, .agent = other });
  node_advance (node, 10 * SECOND);
  register_with (node, FIRST);
  assert_challenge (node, SECOND_ONE);
  node_advance (node, 10 * SECOND);
  node_register_via (node, MIP4_FORM_FOREIGN_AGENT, &other, AGENT_CARE_OF);
  assert_challenge (node, THIRD);
  keys_clear (&keys);
}

/* covers: MIP-RTX-008 */
static void
test_retransmission_keeps_its_challenge (void)
{
  g_autoptr (Node) node = NULL;
  Keys keys;

  keys_init (&keys, FALSE, TRUE);
  node = node_new (&keys.config);
  register_with (node, FIRST);
  tell (node, SECOND_ONE);
  node_advance (node, SECOND);
  g_assert_cmpuint (node_n_sent (node), ==, 2);
  assert_challenge (node, FIRST);
  keys_clear (&keys);
}

/* covers: MIP-CHL-009, MIP-COD-024 */
static void
test_refused_challenge_is_replaced_once (void)
{
  for (guint8 code = 104; code <= 106; code++)
    for (guint from_reply = 0; from_reply < 2; from_reply++)
      {
        g_autoptr (Node) node = NULL;
        Keys keys;

        keys_init (&keys, from_reply, TRUE);
        keys.config.n_mn_fa = 0;
        node = node_new (&keys.config);
        register_with (node, FIRST);
        if (!from_reply)
          tell (node, SECOND_ONE);
        receive (node, code, from_reply ? SECOND_ONE : NULL);
        g_assert_true (node_expect (node, MIP4_MN_DENIED)->will_retry);
        node_advance (node, SECOND);
        g_assert_cmpuint (node_n_sent (node), ==, 2);
        assert_challenge (node, SECOND_ONE);
        receive (node, code, THIRD);
        g_assert_false (node_expect (node, MIP4_MN_DENIED)->will_retry);
        keys_clear (&keys);
      }
}

/* covers: MIP-CHL-009, MIP-COD-024 */
static void
test_without_a_new_challenge_the_procedure_ends (void)
{
  for (guint8 code = 104; code <= 106; code++)
    {
      g_autoptr (Node) node = NULL;
      Keys keys;

      keys_init (&keys, FALSE, TRUE);
      node = node_new (&keys.config);
      register_with (node, FIRST);
      receive (node, code, NULL);
      g_assert_false (node_expect (node, MIP4_MN_DENIED)->will_retry);
      /* The refused one is not tried again even though it is advertised still; the next is. */
      node_advance (node, 10 * SECOND);
      register_with (node, FIRST);
      assert_challenge (node, NULL);
      node_advance (node, 10 * SECOND);
      register_with (node, SECOND_ONE);
      assert_challenge (node, SECOND_ONE);
      keys_clear (&keys);
    }
}

/* covers: MIP-COD-024 */
static void
test_missing_challenge_without_a_key_is_a_failure (void)
{
  g_autoptr (Node) node = node_new (NULL);

  register_with (node, FIRST);
  assert_challenge (node, NULL);
  receive (node, 105, SECOND_ONE);
  g_assert_false (node_expect (node, MIP4_MN_DENIED)->will_retry);
}

static void
test_challenges_belong_to_their_agent_and_path (void)
{
  g_autoptr (Node) node = NULL;
  Mip4Agent other = make_agent ();
  Keys keys;

  keys_init (&keys, FALSE, TRUE);
  node = node_new (&keys.config);
  register_with (node, FIRST);
  receive (node, 0, SECOND_ONE);
  other.address = roam_addr_from_u32 (AGENT + 1);
  node_advance (node, 10 * SECOND);
  node_register_via (node, MIP4_FORM_FOREIGN_AGENT, &other, AGENT_CARE_OF);
  assert_challenge (node, NULL);
  /* An empty one and one too long to keep are as good as none. */
  other.n_challenge = MIP4_CHALLENGE_MAX + 1;
  node_advance (node, 10 * SECOND);
  node_register_via (node, MIP4_FORM_FOREIGN_AGENT, &other, AGENT_CARE_OF);
  assert_challenge (node, NULL);
  keys_clear (&keys);
}

/* covers: MIP-CHL-007, MIP-AUTH-002, MIP-AUTH-020 */
static void
test_chap_spi_and_short_keys_are_refused (void)
{
  static const guint32 bad[] = { 0, 2, 255 };
  g_autoptr (RoamSecret) short_key = roam_secret_new ((const guint8 *)"fifteen octets!", 15);
  Keys keys;

  keys_init (&keys, TRUE, TRUE);
  keys.config.mn_ha.key = keys.mn_aaa;
  g_assert_null (mip4_mn_config_fault (&keys.config));
  keys.config.mn_aaa.spi = 256;
  g_assert_null (mip4_mn_config_fault (&keys.config));
  for (guint i = 0; i < G_N_ELEMENTS (bad); i++)
    {
      keys.config.mn_aaa.spi = bad[i];
      g_assert_nonnull (mip4_mn_config_fault (&keys.config));
      keys.config.mn_aaa.spi = 256;
      keys.config.mn_ha.spi = bad[i];
      g_assert_nonnull (mip4_mn_config_fault (&keys.config));
      keys.config.mn_ha.spi = SPI;
      keys.agents[0].association.spi = bad[i];
      g_assert_nonnull (mip4_mn_config_fault (&keys.config));
      keys.agents[0].association.spi = AGENT_SPI;
    }
  g_assert_null (mip4_mn_config_fault (&keys.config));
  keys.config.mn_ha.key = short_key;
  g_assert_nonnull (mip4_mn_config_fault (&keys.config));
  keys_clear (&keys);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/mip4/mn-challenge/answer", test_what_answers_a_challenge);
  g_test_add_func ("/mip4/mn-challenge/direct", test_direct_requests_carry_none);
  g_test_add_func ("/mip4/mn-challenge/newest", test_the_newest_challenge_is_used);
  g_test_add_func ("/mip4/mn-challenge/news", test_news_of_another_agent);
  g_test_add_func ("/mip4/mn-challenge/retransmission", test_retransmission_keeps_its_challenge);
  g_test_add_func ("/mip4/mn-challenge/refused", test_refused_challenge_is_replaced_once);
  g_test_add_func ("/mip4/mn-challenge/no-new-one", test_without_a_new_challenge_the_procedure_ends);
  g_test_add_func ("/mip4/mn-challenge/no-key", test_missing_challenge_without_a_key_is_a_failure);
  g_test_add_func ("/mip4/mn-challenge/other-agent", test_challenges_belong_to_their_agent_and_path);
  g_test_add_func ("/mip4/mn-challenge/spi", test_chap_spi_and_short_keys_are_refused);
  return g_test_run ();
}
