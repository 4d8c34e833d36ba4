/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "agent-fixture.h"

/* Replay protection and several associations at the home agent (RFC 5944 3.2, 5.7). */

static Mip4HaConfig
nonce_config (void)
{
  static Mip4HaNode node;
  Mip4HaConfig config = agent_default_config ();

  node = (Mip4HaNode){ .home_address = roam_addr_from_u32 (HOME_ADDRESS),
                       .mn_ha = { SPI, MIP4_AUTH_HMAC_SHA_256, NULL },
                       .replay = MIP4_REPLAY_NONCE };
  config.nodes = &node;
  config.n_nodes = 1;
  return config;
}

static guint32
reply_nonce (const Agent *agent)
{
  return (guint32)(agent_reply (agent).identification >> 32);
}

static Forgery
nonce_request (guint32 nonce, guint32 low)
{
  return forge_request ((guint64)nonce << 32 | low);
}

/* covers: MIP-IDN-002, MIP-IDN-026, MIP-IDN-027, MIP-IDN-025 */
static void
test_nonces (void)
{
  const Mip4HaConfig config = nonce_config ();
  g_autoptr (Agent) agent = agent_new (&config);
  g_autoptr (GHashTable) seen = g_hash_table_new (NULL, NULL);
  Forgery request = nonce_request (0x12345678, 1), old;
  guint32 nonce;

  /* Any first one is wrong, and is told the right one. */
  agent_input (agent, &request);
  agent_expect_code (agent, 133);
  g_assert_cmphex ((guint32)agent_reply (agent).identification, ==, 1);
  g_assert_cmpuint (agent_n_bindings (agent), ==, 0);
  nonce = reply_nonce (agent);
  for (guint i = 2; i < 200; i++)
    {
      request = nonce_request (nonce, i * 7919);
      request.care_of = i % 3 == 0 ? HOME_AGENT : CARE_OF;
      agent_input_from (agent, &request, CARE_OF, 45000, HOME_AGENT);
      /* Denials carry the next one too. */
      agent_expect_code (agent, i % 3 == 0 ? 134 : 1);
      g_assert_cmphex ((guint32)agent_reply (agent).identification, ==, i * 7919);
      nonce = reply_nonce (agent);
      g_assert_true (g_hash_table_add (seen, GUINT_TO_POINTER (nonce)));
    }
  /* One that was used, or the high half of a timestamp. */
  old = request;
  request = nonce_request (nonce, 5);
  agent_input (agent, &request);
  agent_expect_code (agent, 1);
  agent_input (agent, &old);
  agent_expect_code (agent, 133);
  request = forge_request (agent->now.ntp);
  agent_input (agent, &request);
  agent_expect_code (agent, 133);
}

/* covers: MIP-HA-011 */
static void
test_repeated_nonce_request_gets_a_new_nonce_and_no_time (void)
{
  const Mip4HaConfig config = nonce_config ();
  g_autoptr (Agent) agent = agent_new (&config);
  Forgery request = nonce_request (0, 1);
  guint32 first;

  agent_input (agent, &request);
  request = nonce_request (reply_nonce (agent), 2);
  agent_input (agent, &request);
  agent_expect_code (agent, 1);
  first = reply_nonce (agent);
  agent_advance (agent, 5 * SECOND);
  agent_input (agent, &request);
  agent_expect_code (agent, 1);
  g_assert_cmpuint (agent_reply (agent).lifetime, ==, 595);
  g_assert_cmphex (reply_nonce (agent), !=, first);
  /* The newest one counts. */
  request = nonce_request (first, 3);
  agent_input (agent, &request);
  agent_expect_code (agent, 133);
}

/* covers: MIP-AUTH-001, MIP-IDN-003, MIP-IDN-022, MIP-AUTH-003 */
static void
test_each_spi_has_its_own_key_and_style (void)
{
  const Mip4HaAssociation more = { { OTHER_SPI, MIP4_AUTH_HMAC_SHA_256, NULL }, MIP4_REPLAY_NONCE };
  const Mip4HaNode node = { .home_address = roam_addr_from_u32 (HOME_ADDRESS),
                            .mn_ha = { SPI, MIP4_AUTH_HMAC_SHA_256, NULL },
                            .more_mn_ha = &more,
                            .n_more_mn_ha = 1 };
  Mip4HaConfig config = agent_default_config ();
  g_autoptr (Agent) agent = NULL;
  Forgery request;
  guint32 nonce;

  config.nodes = &node;
  config.n_nodes = 1;
  agent = agent_new (&config);
  request = agent_request (agent);
  agent_input (agent, &request);
  agent_expect_code (agent, 1);
  g_assert_cmpuint (agent_reply (agent).mhae.spi, ==, SPI);
  /* The other SPI: its key, its style; the answer has the same SPI. */
  request = agent_request (agent);
  request.spi = OTHER_SPI;
  request.key = other_key_hex;
  agent_input (agent, &request);
  agent_expect_code (agent, 133);
  g_assert_cmpuint (agent_reply (agent).mhae.spi, ==, OTHER_SPI);
  nonce = reply_nonce (agent);
  request = nonce_request (nonce, 77);
  request.spi = OTHER_SPI;
  request.key = other_key_hex;
  agent_input (agent, &request);
  agent_expect_code (agent, 1);
  /* Keys are not interchangeable between SPIs. */
  request = agent_request (agent);
  request.spi = OTHER_SPI;
  agent_input (agent, &request);
  agent_expect_silence (agent);
  request = agent_request (agent);
  request.key = other_key_hex;
  agent_input (agent, &request);
  agent_expect_silence (agent);
  request = agent_request (agent);
  agent_input (agent, &request);
  agent_expect_code (agent, 1);
}

/* covers: MIP-IDN-024 */
static void
test_tolerance_of_a_node (void)
{
  const Mip4HaNode node = { .home_address = roam_addr_from_u32 (HOME_ADDRESS),
                            .mn_ha = { SPI, MIP4_AUTH_HMAC_SHA_256, NULL },
                            .tolerance_s = 60 };
  Mip4HaConfig config = agent_default_config ();
  g_autoptr (Agent) agent = NULL;
  Forgery request;

  config.nodes = &node;
  config.n_nodes = 1;
  agent = agent_new (&config);
  request = forge_request (agent->now.ntp + (G_GUINT64_CONSTANT (61) << 32));
  agent_input (agent, &request);
  agent_expect_code (agent, 133);
  request = forge_request (agent->now.ntp + (G_GUINT64_CONSTANT (59) << 32));
  agent_input (agent, &request);
  agent_expect_code (agent, 1);
}

/* covers: MIP-AUTH-002, MIP-IDN-003, MIP-CFG-005 */
static void
test_faults_of_a_configuration (void)
{
  static const guint8 octets[16] = { 1 };
  RoamSecret *key = roam_secret_new (octets, sizeof octets);
  const RoamAddr home = roam_addr_from_u32 (HOME_ADDRESS);
  const Mip4HaAssociation nonces = { { OTHER_SPI, MIP4_AUTH_HMAC_MD5, key }, MIP4_REPLAY_NONCE };
  const Mip4HaAssociation twin = { { SPI, MIP4_AUTH_HMAC_MD5, key }, MIP4_REPLAY_TIMESTAMP };
  const struct
  {
    Mip4HaNode nodes[2];
    const char *fault;
  } cases[] = {
    { { { home, { SPI, MIP4_AUTH_HMAC_MD5, key } } }, NULL },
    { { { home, { 255, MIP4_AUTH_HMAC_MD5, key } } }, "SPIs up to 255 are reserved" },
    { { { home, { SPI, MIP4_AUTH_HMAC_MD5, NULL } } }, "a mobility security association needs a key" },
    { { { home, { SPI, MIP4_AUTH_HMAC_MD5, key }, .more_mn_ha = &nonces, .n_more_mn_ha = 1 } },
      "nonces need a random stream" },
    { { { home, { SPI, MIP4_AUTH_HMAC_MD5, key }, .more_mn_ha = &twin, .n_more_mn_ha = 1 } },
      "two associations of one node have the same SPI" },
    { { { ROAM_ADDR_NONE, { SPI, MIP4_AUTH_HMAC_MD5, key } } }, "a node without home address needs an NAI" },
    { { { ROAM_ADDR_NONE, { SPI, MIP4_AUTH_HMAC_MD5, key }, "a" } }, "a node without home address needs a pool" },
    { { { home, { SPI, MIP4_AUTH_HMAC_MD5, key } }, { home, { SPI, MIP4_AUTH_HMAC_MD5, key } } },
      "two nodes have the same home address" },
    { { { home, { SPI, MIP4_AUTH_HMAC_MD5, key }, "a" },
        { roam_addr_from_u32 (OTHER_HOME), { SPI, MIP4_AUTH_HMAC_MD5, key }, "a" } },
      "two nodes have the same NAI" },
  };

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      Mip4HaConfig config = agent_default_config ();

      config.nodes = cases[i].nodes;
      config.n_nodes = cases[i].nodes[1].mn_ha.spi != 0 ? 2 : 1;
      g_assert_cmpstr (mip4_ha_config_fault (&config), ==, cases[i].fault);
    }
  roam_secret_unref (key);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/mip4/ha-replay/nonces", test_nonces);
  g_test_add_func ("/mip4/ha-replay/repeated", test_repeated_nonce_request_gets_a_new_nonce_and_no_time);
  g_test_add_func ("/mip4/ha-replay/associations", test_each_spi_has_its_own_key_and_style);
  g_test_add_func ("/mip4/ha-replay/tolerance", test_tolerance_of_a_node);
  g_test_add_func ("/mip4/ha-replay/faults", test_faults_of_a_configuration);
  return g_test_run ();
}
