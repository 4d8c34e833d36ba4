/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "agent-fixture.h"

/* Requests that come through foreign agents: FHAE, code 131, tunnels in UDP behind them (RFC 5944 3.5.4, RFC 3519). */

#define UDP_REQUEST "90 06 00 00 00 00 00 00"
#define UDP_VIA_AGENT "90 06 00 00 40 00 00 00"

static Mip4HaConfig
agents_config (void)
{
  static Mip4HaFaAssociation fa_ha;
  Mip4HaConfig config = agent_default_config ();

  fa_ha = (Mip4HaFaAssociation){ roam_addr_from_u32 (AGENT), { AGENT_SPI, MIP4_AUTH_HMAC_SHA_256, NULL } };
  config.fa_ha = &fa_ha;
  config.n_fa_ha = 1;
  return config;
}

/* Mode f: D clear, the agent's care-of address. */
static Forgery
relayed_request (Agent *agent, guint n_fhae)
{
  Forgery request = agent_request (agent);

  request.code = 0x02;
  request.care_of = AGENT_CARE_OF;
  request.n_fhae = n_fhae;
  return request;
}

static void
input_relayed (Agent *agent, const Forgery *request)
{
  agent_input_from (agent, request, AGENT, 434, HOME_AGENT);
}

static gboolean
reply_has_valid_fhae (const Agent *agent)
{
  const Mip4Message reply = agent_reply (agent);
  const Mip4SecurityAssociation fa_ha = { AGENT_SPI, MIP4_AUTH_HMAC_SHA_256, agent->agent_key };

  if (reply.fhae.count == 0)
    return FALSE;
  g_assert_cmpuint (reply.fhae.count, ==, 1);
  g_assert_cmpint (mip4_verify_auth (&reply, &reply.fhae, &fa_ha), ==, MIP4_DISCARD_NONE);
  /* After the MHAE and last of all (RFC 5944 3.8.3.3). */
  g_assert_cmpuint (reply.fhae.covered, >, reply.mhae.covered);
  g_assert_cmpuint (reply.fhae.covered + 32, ==, reply.length);
  return TRUE;
}

/* covers: MIP-HA-004, MIP-AUTH-018, MIP-AUTH-019, MIP-HA-015 */
static void
test_foreign_home_authentication (void)
{
  static const struct
  {
    guint n_fhae;
    const char *key;
    guint16 lifetime;
    guint8 code;
    gboolean answered_with_fhae;
  } cases[] = {
    { 1, NULL, 600, 1, TRUE },     { 0, NULL, 600, 132, TRUE }, { 2, NULL, 600, 132, TRUE },
    { 1, "ff00", 600, 132, TRUE }, { 0, NULL, 0, 0, FALSE },    { 1, "ff00", 0, 132, FALSE },
  };

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      const Mip4HaConfig config = agents_config ();
      g_autoptr (Agent) agent = agent_new (&config);
      Forgery request = relayed_request (agent, cases[i].n_fhae);

      g_test_message ("case %u", i);
      request.fhae_key = cases[i].key;
      request.lifetime = cases[i].lifetime;
      input_relayed (agent, &request);
      agent_expect_code (agent, cases[i].code);
      g_assert_cmpint (reply_has_valid_fhae (agent), ==, cases[i].answered_with_fhae);
      g_assert_cmpuint (agent_n_bindings (agent), ==, cases[i].code == 1);
      if (cases[i].code == 132)
        g_assert_true (agent_find (agent, MIP4_HA_ACTION_LOG)->log.security);
    }
}

/* covers: MIP-AUTH-019, MIP-HA-004 */
static void
test_association_goes_by_source_address (void)
{
  const Mip4HaConfig config = agents_config ();
  g_autoptr (Agent) agent = agent_new (&config);
  Forgery request = relayed_request (agent, 1);

  /* The same octets from elsewhere: an FHAE without association. */
  agent_input_from (agent, &request, AGENT + 1, 434, HOME_AGENT);
  agent_expect_silence (agent);
  g_assert_cmpuint (agent_counter (agent, "discarded-foreign-home-auth"), ==, 1);
  /* Who is no agent of ours needs none and gets none. */
  request = relayed_request (agent, 0);
  agent_input_from (agent, &request, AGENT + 1, 434, HOME_AGENT);
  agent_expect_code (agent, 1);
  g_assert_false (reply_has_valid_fhae (agent));
}

/* covers: MIP-HA-001 */
static void
test_identification_comes_before_the_foreign_agent (void)
{
  const Mip4HaConfig config = agents_config ();
  g_autoptr (Agent) agent = agent_new (&config);
  Forgery request = relayed_request (agent, 0);

  request.identification -= G_GUINT64_CONSTANT (3600) << 32;
  input_relayed (agent, &request);
  agent_expect_code (agent, 133);
}

/* covers: MIP-HA-003, MIP-HA-002 */
static void
test_invalid_authenticator_is_answered_when_an_agent_vouches (void)
{
  const Mip4HaConfig config = agents_config ();
  g_autoptr (Agent) agent = agent_new (&config);
  Forgery request = relayed_request (agent, 1);
  const Forgery good = relayed_request (agent, 1);

  request.key = "ff";
  input_relayed (agent, &request);
  agent_expect_code (agent, 131);
  g_assert_true (reply_has_valid_fhae (agent));
  g_assert_cmphex (agent_reply (agent).identification, ==, request.identification);
  g_assert_true (agent_find (agent, MIP4_HA_ACTION_LOG)->log.security);
  g_assert_false (agent_has (agent, MIP4_HA_ACTION_STORE));
  /* An SPI that is not known is an invalid authenticator. */
  request.spi = 9999;
  input_relayed (agent, &request);
  agent_expect_code (agent, 131);
  g_assert_cmpuint (agent_reply (agent).mhae.spi, ==, SPI);
  /* Nobody vouches: silence. */
  request.fhae_key = "ff00";
  input_relayed (agent, &request);
  agent_expect_silence (agent);
  request.n_fhae = 0;
  input_relayed (agent, &request);
  agent_expect_silence (agent);
  /* No node, or no MHAE: silence whoever vouches. */
  request = relayed_request (agent, 1);
  request.home = HOME_ADDRESS + 77;
  input_relayed (agent, &request);
  agent_expect_silence (agent);
  request = relayed_request (agent, 1);
  request.n_mhae = 0;
  input_relayed (agent, &request);
  agent_expect_silence (agent);
  /* Nothing of this used up an Identification. */
  input_relayed (agent, &good);
  agent_expect_code (agent, 1);
}

/* covers: MIP-HA-003 */
static void
test_strangers_are_answered_on_request_and_not_without_limit (void)
{
  Mip4HaConfig config = agent_default_config ();
  g_autoptr (Agent) agent = NULL;
  Forgery request;
  guint n = 0;

  config.answer_unauthenticated = TRUE;
  agent = agent_new (&config);
  request = agent_request (agent);
  request.key = "ff";
  for (guint i = 0; i < 1000; i++)
    {
      agent_input (agent, &request);
      n += agent_count (agent, MIP4_HA_ACTION_SEND);
    }
  g_assert_cmpuint (n, ==, 20);
  agent_advance (agent, SECOND);
  agent_input (agent, &request);
  agent_expect_code (agent, 131);
}

/* ------------------------------------------------------- UDP tunnels, R set ---- */

static void
keepalive (Agent *agent, guint32 source, guint16 port, guint32 home, gboolean taken)
{
  const RoamEndpoint from = { roam_addr_from_u32 (source), port };
  const RoamAddr inner = roam_addr_from_u32 (home);

  g_assert_cmpint (mip4_ha_input_keepalive (agent->ha, &agent->now, &from, &inner), ==, taken);
  agent_collect (agent);
}

/* covers: MIP-HA-028 */
static void
test_half_bound_until_the_first_keepalive (void)
{
  Mip4HaConfig config = agent_default_config ();
  g_autoptr (Agent) agent = NULL;
  const Mip4HaBinding *binding;
  Forgery request;

  config.agent_udp = TRUE;
  agent = agent_new (&config);
  request = agent_request (agent);
  request.before = UDP_VIA_AGENT;
  agent_input_from (agent, &request, AGENT, 434, HOME_AGENT);
  agent_expect_code (agent, 1);
  g_assert_cmpuint (agent_reply (agent).covered.udp_reply.code, ==, 0);
  binding = &agent_find (agent, MIP4_HA_ACTION_BINDING_ADD)->binding.binding;
  g_assert_true (binding->half_bound && binding->udp_tunnel);
  g_assert_cmpuint (roam_addr_to_u32 (&binding->registrar), ==, AGENT);
  /* From another address, or for another node: nothing. */
  keepalive (agent, AGENT + 1, 50000, HOME_ADDRESS, FALSE);
  keepalive (agent, CARE_OF, 50000, HOME_ADDRESS, FALSE);
  keepalive (agent, AGENT, 50000, OTHER_HOME, FALSE);
  keepalive (agent, AGENT, 50000, HOME_ADDRESS + 9, FALSE);
  g_assert_cmpuint (agent_counter (agent, "discarded-keepalive"), ==, 4);
  g_assert_cmpuint (agent->actions->len, ==, 0);
  keepalive (agent, AGENT, 50123, HOME_ADDRESS, TRUE);
  g_assert_cmpint (agent_action (agent, 0)->type, ==, MIP4_HA_ACTION_STORE);
  binding = &agent_find (agent, MIP4_HA_ACTION_BINDING_CHANGE)->binding.binding;
  g_assert_false (binding->half_bound);
  g_assert_cmpuint (binding->peer.port, ==, 50123);
  g_assert_cmpuint (roam_addr_to_u32 (&binding->peer.addr), ==, AGENT);
  /* A second one does not move it. */
  keepalive (agent, AGENT, 50124, HOME_ADDRESS, FALSE);
  /* A renewal by the same way leaves the tunnel; by another way it starts anew. */
  request = agent_request (agent);
  request.before = UDP_VIA_AGENT;
  agent_input_from (agent, &request, AGENT, 434, HOME_AGENT);
  g_assert_true (agent_has (agent, MIP4_HA_ACTION_BINDING_RENEW));
  request = agent_request (agent);
  request.before = UDP_VIA_AGENT;
  agent_input_from (agent, &request, AGENT + 1, 434, HOME_AGENT);
  g_assert_true (agent_find (agent, MIP4_HA_ACTION_BINDING_CHANGE)->binding.binding.half_bound);
  /* It expires like any other; a keepalive after that binds nothing. */
  agent_advance (agent, 600 * SECOND);
  g_assert_cmpuint (agent_n_bindings (agent), ==, 0);
  keepalive (agent, AGENT + 1, 50125, HOME_ADDRESS, FALSE);
}

static void
test_keepalives_bind_nothing_without_r (void)
{
  g_autoptr (Agent) agent = agent_new (NULL);
  Forgery request = agent_request (agent);

  request.before = UDP_REQUEST;
  agent_input_from (agent, &request, CARE_OF_2, 45001, HOME_AGENT);
  agent_expect_code (agent, 1);
  keepalive (agent, CARE_OF_2, 50000, HOME_ADDRESS, FALSE);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/mip4/ha-agent/fhae", test_foreign_home_authentication);
  g_test_add_func ("/mip4/ha-agent/source", test_association_goes_by_source_address);
  g_test_add_func ("/mip4/ha-agent/order", test_identification_comes_before_the_foreign_agent);
  g_test_add_func ("/mip4/ha-agent/131", test_invalid_authenticator_is_answered_when_an_agent_vouches);
  g_test_add_func ("/mip4/ha-agent/131-limit", test_strangers_are_answered_on_request_and_not_without_limit);
  g_test_add_func ("/mip4/ha-agent/half-bound", test_half_bound_until_the_first_keepalive);
  g_test_add_func ("/mip4/ha-agent/keepalives", test_keepalives_bind_nothing_without_r);
  return g_test_run ();
}
