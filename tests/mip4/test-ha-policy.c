/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "agent-fixture.h"

/* What a home agent may be told to grant: simultaneous bindings, broadcasts, GRE, services, pools, redirection. */

#define POOL_FIRST 0x0a0100c8u /* 10.1.0.200 */
#define ALICE "83 05 616c696365"
#define BOB "83 03 626f62"

static void
register_at (Agent *agent, guint32 care_of, guint8 flags, guint8 code)
{
  Forgery request = agent_request (agent);

  request.care_of = care_of;
  request.code = flags;
  agent_input (agent, &request);
  agent_expect_code (agent, code);
}

/* covers: MIP-HA-010, MIP-HA-012, MIP-HA-009 */
static void
test_simultaneous_bindings (void)
{
  Mip4HaConfig config = agent_default_config ();
  g_autoptr (Agent) agent = NULL;
  const Mip4HaAction *removed;
  Forgery gone;

  config.max_simultaneous = 3;
  agent = agent_new (&config);
  register_at (agent, CARE_OF, 0x22, 0);
  register_at (agent, CARE_OF_2, 0xa2, 0);
  g_assert_true (agent_has (agent, MIP4_HA_ACTION_BINDING_ADD));
  register_at (agent, CARE_OF_2 + 1, 0xa2, 0);
  g_assert_cmpuint (agent_n_bindings (agent), ==, 3);
  register_at (agent, CARE_OF_2 + 2, 0xa2, 135);
  g_assert_cmpuint (agent_n_bindings (agent), ==, 3);
  /* One that is there may be renewed. */
  agent_advance (agent, 100 * SECOND);
  register_at (agent, CARE_OF_2, 0xa2, 0);
  g_assert_true (agent_has (agent, MIP4_HA_ACTION_BINDING_RENEW));
  /* Each ends in its own time, the others stay. */
  agent_advance (agent, 500 * SECOND);
  g_assert_cmpuint (agent_count (agent, MIP4_HA_ACTION_BINDING_REMOVE), ==, 2);
  g_assert_cmpuint (agent_find (agent, MIP4_HA_ACTION_BINDING_REMOVE)->binding.n_left, ==, 2);
  g_assert_cmpuint (agent_n_bindings (agent), ==, 1);
  register_at (agent, CARE_OF, 0xa2, 0);
  /* One is deregistered by its care-of address. */
  gone = agent_request (agent);
  gone.lifetime = 0;
  agent_input (agent, &gone);
  agent_expect_code (agent, 0);
  removed = agent_find (agent, MIP4_HA_ACTION_BINDING_REMOVE);
  g_assert_cmpuint (roam_addr_to_u32 (&removed->binding.binding.care_of_address), ==, CARE_OF);
  g_assert_cmpuint (removed->binding.n_left, ==, 1);
  /* Without S one is left: the new one. */
  register_at (agent, CARE_OF, 0xa2, 0);
  register_at (agent, CARE_OF_2 + 7, 0x22, 0);
  g_assert_cmpuint (agent_n_bindings (agent), ==, 1);
  g_assert_true (agent_has (agent, MIP4_HA_ACTION_BINDING_CHANGE));
  g_assert_cmpint (agent_find (agent, MIP4_HA_ACTION_BINDING_REMOVE)->binding.removal, ==, MIP4_HA_REMOVED_REPLACED);
  /* With the home address as care-of address all go. */
  register_at (agent, CARE_OF, 0xa2, 0);
  gone = agent_request (agent);
  gone.lifetime = 0;
  gone.care_of = HOME_ADDRESS;
  agent_input (agent, &gone);
  g_assert_cmpuint (agent_count (agent, MIP4_HA_ACTION_BINDING_REMOVE), ==, 2);
  g_assert_cmpuint (agent_n_bindings (agent), ==, 0);
}

/* covers: MIP-HA-010 */
static void
test_simultaneous_unsupported (void)
{
  g_autoptr (Agent) agent = agent_new (NULL);

  register_at (agent, CARE_OF, 0xa2, 1);
  register_at (agent, CARE_OF_2, 0xa2, 1);
  g_assert_cmpuint (agent_n_bindings (agent), ==, 1);
}

/* covers: MIP-HA-017, MIP-HA-024 */
static void
test_flags_that_may_be_granted (void)
{
  Mip4HaConfig config = agent_default_config ();
  g_autoptr (Agent) plain = agent_new (NULL), rich = NULL, no_reverse = NULL;
  const Mip4HaBinding *binding;

  register_at (plain, CARE_OF, 0x62, 1);
  g_assert_false (agent_find (plain, MIP4_HA_ACTION_BINDING_ADD)->binding.binding.broadcast);
  register_at (plain, CARE_OF, 0x2a, 139);
  config.broadcast = config.gre = TRUE;
  rich = agent_new (&config);
  register_at (rich, CARE_OF, 0x6a, 1);
  binding = &agent_find (rich, MIP4_HA_ACTION_BINDING_ADD)->binding.binding;
  g_assert_true (binding->broadcast);
  g_assert_cmpuint (binding->encapsulation, ==, 47);
  /* Another encapsulation is another tunnel. */
  register_at (rich, CARE_OF, 0x62, 1);
  g_assert_cmpuint (agent_find (rich, MIP4_HA_ACTION_BINDING_CHANGE)->binding.binding.encapsulation, ==, 4);
  register_at (rich, CARE_OF, 0x32, 139);
  config.refuse_reverse_tunnel = TRUE;
  no_reverse = agent_new (&config);
  register_at (no_reverse, CARE_OF, 0x22, 137);
  register_at (no_reverse, CARE_OF, 0x20, 1);
}

static void
test_gre_is_not_put_into_udp (void)
{
  Mip4HaConfig config = agent_default_config ();
  g_autoptr (Agent) agent = NULL;
  Forgery request;

  config.gre = TRUE;
  agent = agent_new (&config);
  request = agent_request (agent);
  request.code = 0x2a;
  request.before = "90 06 00 00 00 00 00 00";
  agent_input_from (agent, &request, CARE_OF_2, 45001, HOME_AGENT);
  agent_expect_code (agent, 142);
  request = agent_request (agent);
  request.code = 0x2a;
  request.before = "90 06 00 00 00 04 00 00";
  agent_input_from (agent, &request, CARE_OF_2, 45001, HOME_AGENT);
  agent_expect_code (agent, 1);
  g_assert_cmpuint (agent_find (agent, MIP4_HA_ACTION_BINDING_ADD)->binding.binding.encapsulation, ==, 4);
}

/* covers: MIP-MSV-011 */
static void
test_service_selection (void)
{
  static const char *const services[] = { "voice", "data", NULL };
  const Mip4HaNode node = { .home_address = roam_addr_from_u32 (HOME_ADDRESS),
                            .mn_ha = { SPI, MIP4_AUTH_HMAC_SHA_256, NULL },
                            .services = services };
  Mip4HaConfig config = agent_default_config ();
  g_autoptr (Agent) agent = NULL;
  Forgery request;

  config.nodes = &node;
  config.n_nodes = 1;
  agent = agent_new (&config);
  register_at (agent, CARE_OF, 0x22, 1);
  g_assert_cmpuint (agent_find (agent, MIP4_HA_ACTION_BINDING_ADD)->binding.binding.service, ==, 0);
  request = agent_request (agent);
  request.before = "97 04 64617461";
  agent_input (agent, &request);
  agent_expect_code (agent, 1);
  g_assert_cmpuint (agent_find (agent, MIP4_HA_ACTION_BINDING_CHANGE)->binding.binding.service, ==, 2);
  /* Not before the MHAE: not the node's wish. */
  request = agent_request (agent);
  request.after = "97 03 786978";
  agent_input (agent, &request);
  agent_expect_code (agent, 1);
  request = agent_request (agent);
  request.before = "97 03 786978";
  agent_input (agent, &request);
  agent_expect_code (agent, 151);
  g_assert_cmpint (agent_find (agent, MIP4_HA_ACTION_BINDING_REMOVE)->binding.removal, ==, MIP4_HA_REMOVED_SERVICE);
  g_assert_cmpuint (agent_n_bindings (agent), ==, 0);
}

/* --------------------------------------------------- home agents and addresses ---- */

/* covers: MIP-DHA-014, MIP-DHA-013 */
static void
test_redirection (void)
{
  static const guint32 open[] = { 0, 0xffffffff };
  Mip4HaConfig config = agent_default_config ();
  g_autoptr (Agent) agent = NULL;
  Mip4Message reply;
  Forgery request;

  config.redirect = roam_addr_from_u32 (HOME_AGENT + 9);
  agent = agent_new (&config);
  for (guint i = 0; i < G_N_ELEMENTS (open); i++)
    {
      request = agent_request (agent);
      request.agent = open[i];
      request.before = "8b 01 0004 0a010002";
      agent_input (agent, &request);
      agent_expect_code (agent, 143);
      reply = agent_reply (agent);
      g_assert_cmpuint (reply.covered.dynamic_ha_subtype, ==, 2);
      g_assert_cmpuint (roam_addr_to_u32 (&reply.covered.dynamic_ha), ==, HOME_AGENT + 9);
      /* Only after authentication. */
      request.key = "ff";
      agent_input (agent, &request);
      agent_expect_silence (agent);
    }
  /* Who names us stays. */
  register_at (agent, CARE_OF, 0x22, 1);
  g_assert_cmpuint (agent_n_bindings (agent), ==, 1);
}

static Agent *
pool_agent (guint n_addresses)
{
  const Mip4HaNode nodes[] = {
    { ROAM_ADDR_NONE, { SPI, MIP4_AUTH_HMAC_SHA_256, NULL }, "alice" },
    { ROAM_ADDR_NONE, { SPI, MIP4_AUTH_HMAC_SHA_256, NULL }, "bob" },
    { roam_addr_from_u32 (POOL_FIRST), { SPI, MIP4_AUTH_HMAC_SHA_256, NULL }, NULL },
  };
  Mip4HaConfig config = agent_default_config ();

  config.nodes = nodes;
  config.n_nodes = 3;
  config.pool_first = roam_addr_from_u32 (POOL_FIRST);
  config.pool_last = roam_addr_from_u32 (POOL_FIRST + n_addresses - 1);
  return agent_new (&config);
}

static guint32
ask (Agent *agent, const char *nai, guint32 home, guint16 lifetime, guint8 code)
{
  Forgery request = agent_request (agent);
  Mip4Message reply;

  request.home = home;
  request.before = nai;
  request.lifetime = lifetime;
  request.care_of = g_str_equal (nai, ALICE) ? CARE_OF : CARE_OF_2;
  agent_input (agent, &request);
  agent_expect_code (agent, code);
  reply = agent_reply (agent);
  return roam_addr_to_u32 (&reply.home_address);
}

/* covers: MIP-NAI-010, MIP-HA-007, MIP-CFG-005 */
static void
test_home_addresses_of_the_pool (void)
{
  g_autoptr (Agent) agent = pool_agent (3);
  guint32 alice = ask (agent, ALICE, 0, 600, 1), bob;

  /* Not the one that a node has for good. */
  g_assert_cmpuint (alice, ==, POOL_FIRST + 1);
  g_assert_cmpuint (roam_addr_to_u32 (&agent_find (agent, MIP4_HA_ACTION_STORE)->store.home_address), ==, alice);
  g_assert_cmpstr (agent_find (agent, MIP4_HA_ACTION_STORE)->store.nai, ==, "alice");
  bob = ask (agent, BOB, 0, 600, 1);
  g_assert_cmpuint (bob, ==, POOL_FIRST + 2);
  /* D-31: the renewal names it; so does a new request without it. */
  g_assert_cmpuint (ask (agent, ALICE, alice, 600, 1), ==, alice);
  g_assert_true (agent_has (agent, MIP4_HA_ACTION_BINDING_RENEW));
  g_assert_cmpuint (ask (agent, ALICE, 0, 600, 1), ==, alice);
  /* Another's address is found under its association: a NAI that is not its own. */
  g_assert_cmpuint (ask (agent, ALICE, bob, 600, 129), ==, bob);
  /* Given back at the end, and had again on wish. */
  ask (agent, ALICE, alice, 0, 0);
  g_assert_cmpuint (agent_n_bindings (agent), ==, 1);
  g_assert_cmpuint (ask (agent, ALICE, alice, 600, 1), ==, alice);
  agent_advance (agent, 600 * SECOND);
  g_assert_cmpuint (agent_n_bindings (agent), ==, 0);
  g_assert_cmpuint (ask (agent, BOB, alice, 600, 1), ==, alice);
  g_assert_cmpuint (ask (agent, ALICE, alice, 600, 129), ==, alice);
  g_assert_cmpuint (ask (agent, ALICE, 0, 600, 1), ==, bob);
}

/* covers: MIP-NAI-010 */
static void
test_pool_that_is_used_up (void)
{
  g_autoptr (Agent) agent = pool_agent (2);

  ask (agent, ALICE, 0, 600, 1);
  ask (agent, BOB, 0, 600, 130);
  /* Nobody ends the registration of another. */
  ask (agent, BOB, POOL_FIRST + 1, 0, 129);
  ask (agent, ALICE, POOL_FIRST + 1, 0, 0);
  g_assert_cmpuint (ask (agent, BOB, 0, 600, 1), ==, POOL_FIRST + 1);
}

/* -------------------------------------------------------------------- denials ---- */

/* covers: MIP-MSV-001 */
static void
test_denials_say_why (void)
{
  Mip4HaConfig config = agent_default_config ();
  g_autoptr (Agent) agent = NULL;
  Mip4Message reply;

  config.denial_message = "call 4711";
  agent = agent_new (&config);
  register_at (agent, CARE_OF, 0x2a, 139);
  reply = agent_reply (agent);
  g_assert_cmpuint (reply.covered.message_subtype, ==, 1);
  g_assert_cmpmem (reply.covered.message.data, reply.covered.message.length, "call 4711", 9);
  register_at (agent, CARE_OF, 0x22, 1);
  g_assert_null (agent_reply (agent).covered.message.data);
}

static void
test_requests_of_one_node_are_limited (void)
{
  Mip4HaConfig config = agent_default_config ();
  g_autoptr (Agent) agent = NULL;
  Forgery request;
  guint n = 0;

  config.max_requests_per_second = 5;
  agent = agent_new (&config);
  for (guint i = 0; i < 50; i++)
    {
      request = agent_request (agent);
      agent_input (agent, &request);
      n += agent_count (agent, MIP4_HA_ACTION_SEND);
    }
  g_assert_cmpuint (n, ==, 5);
  g_assert_cmpuint (agent_counter (agent, "requests-rate-limited"), ==, 45);
  /* Others are not touched, nor is it in the next second. Forged ones take nothing from it. */
  request = agent_request (agent);
  request.home = OTHER_HOME;
  request.spi = 5000;
  request.md5 = TRUE;
  agent_input (agent, &request);
  agent_expect_code (agent, 1);
  agent_advance (agent, SECOND);
  request = agent_request (agent);
  request.key = "ff";
  for (guint i = 0; i < 50; i++)
    agent_input (agent, &request);
  request = agent_request (agent);
  agent_input (agent, &request);
  agent_expect_code (agent, 1);
}

/* covers: MIP-GEN-006 */
static void
test_flood_of_forged_requests_is_counted_and_not_kept (void)
{
  g_autoptr (Agent) agent = agent_new (NULL);
  g_autoptr (GBytes) message = NULL;
  const RoamEndpoint source = { roam_addr_from_u32 (CARE_OF), 45000 };
  const RoamAddr home_agent = roam_addr_from_u32 (HOME_AGENT);
  Forgery request = agent_request (agent);
  guint n_actions = 0;

  request.key = "ff";
  message = forge (&request);
  /* Over many seconds, and nobody fetches the actions. */
  for (guint i = 0; i < 100000; i++)
    {
      agent->now.boot_us += 1000;
      mip4_ha_input_datagram (agent->ha, &agent->now, &source, &home_agent, g_bytes_get_data (message, NULL),
                              g_bytes_get_size (message));
    }
  agent_collect (agent);
  n_actions = agent->actions->len;
  g_assert_cmpuint (n_actions, ==, agent_count (agent, MIP4_HA_ACTION_LOG));
  g_assert_cmpuint (n_actions, >=, 50);
  g_assert_cmpuint (n_actions, <=, 200);
  g_assert_cmpuint (agent_counter (agent, "discarded-bad-authenticator"), ==, 100000);
  g_assert_cmpuint (agent_counter (agent, "logs-suppressed"), ==, 100000 - n_actions);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/mip4/ha-policy/simultaneous", test_simultaneous_bindings);
  g_test_add_func ("/mip4/ha-policy/not-simultaneous", test_simultaneous_unsupported);
  g_test_add_func ("/mip4/ha-policy/flags", test_flags_that_may_be_granted);
  g_test_add_func ("/mip4/ha-policy/gre-udp", test_gre_is_not_put_into_udp);
  g_test_add_func ("/mip4/ha-policy/service", test_service_selection);
  g_test_add_func ("/mip4/ha-policy/redirection", test_redirection);
  g_test_add_func ("/mip4/ha-policy/pool", test_home_addresses_of_the_pool);
  g_test_add_func ("/mip4/ha-policy/pool-used-up", test_pool_that_is_used_up);
  g_test_add_func ("/mip4/ha-policy/message", test_denials_say_why);
  g_test_add_func ("/mip4/ha-policy/limit", test_requests_of_one_node_are_limited);
  g_test_add_func ("/mip4/ha-policy/flood", test_flood_of_forged_requests_is_counted_and_not_kept);
  return g_test_run ();
}
