/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "agent-fixture.h"

/* The home agent against requests made by hand. */

#define UDP_REQUEST "90 06 00 00 00 00 00 00"

/* covers: MIP-HA-010, MIP-HA-013, MIP-HA-015, MIP-HA-017, MIP-TNC-006, MIP-AUTH-010, MIP-IDN-025 */
static void
test_registration (void)
{
  g_autoptr (Agent) agent = agent_new (NULL);
  Forgery request = agent_request (agent);
  const Mip4HaAction *send, *add;
  Mip4Message reply;

  request.code |= 0x40; /* B: not supported, ignored */
  request.before = "83 05 616c696365";
  agent_input (agent, &request);
  /* What must survive us first, then the binding, then the reply: whoever reads it may send at once. */
  g_assert_cmpint (g_array_index (agent->actions, Mip4HaAction, 0).type, ==, MIP4_HA_ACTION_STORE);
  add = &g_array_index (agent->actions, Mip4HaAction, 1);
  g_assert_cmpint (add->type, ==, MIP4_HA_ACTION_BINDING_ADD);
  g_assert_cmpuint (roam_addr_to_u32 (&add->binding.binding.care_of_address), ==, CARE_OF);
  g_assert_cmpuint (roam_addr_to_u32 (&add->binding.binding.peer.addr), ==, CARE_OF);
  g_assert_true (add->binding.binding.reverse_tunnel && add->binding.binding.co_located);
  g_assert_cmpint (add->binding.binding.expiry_us, ==, agent->now.boot_us + 600 * SECOND);
  send = &g_array_index (agent->actions, Mip4HaAction, 2);
  g_assert_cmpint (send->type, ==, MIP4_HA_ACTION_SEND);
  g_assert_cmpuint (roam_addr_to_u32 (&send->send.source), ==, HOME_AGENT);
  g_assert_cmpuint (roam_addr_to_u32 (&send->send.destination.addr), ==, CARE_OF);
  g_assert_cmpuint (send->send.destination.port, ==, 45000);
  g_assert_false (send->send.on_home_link);
  reply = agent_reply (agent);
  /* Code 1: simultaneous bindings are not supported (RFC 5944 3.8.3.2). */
  g_assert_cmpuint (reply.code, ==, 1);
  g_assert_cmpuint (reply.lifetime, ==, 600);
  g_assert_cmphex (reply.identification, ==, request.identification);
  g_assert_cmpuint (roam_addr_to_u32 (&reply.home_agent), ==, HOME_AGENT);
  g_assert_cmpmem (reply.covered.nai.data, reply.covered.nai.length, "alice", 5);
  g_assert_cmpuint (reply.mhae.covered + 32, ==, reply.length);
}

/* covers: MIP-TNC-005, MIP-HA-001 */
static void
test_untrusted_sources_are_not_answered (void)
{
  g_autoptr (Agent) agent = agent_new (NULL);
  static const guint32 outside[] = { 0x0b000001, 0xc6336417, 0x09ffffff };
  Forgery request;

  for (guint i = 0; i < G_N_ELEMENTS (outside); i++)
    {
      request = agent_request (agent);
      agent_input_from (agent, &request, outside[i], 45000, HOME_AGENT);
      agent_expect_silence (agent);
      g_assert_false (agent_find (agent, MIP4_HA_ACTION_LOG)->log.security);
    }
  /* The care-of address does not matter, the source does. */
  request = agent_request (agent);
  request.care_of = 0xc6336417;
  agent_input_from (agent, &request, CARE_OF, 45000, HOME_AGENT);
  agent_expect_code (agent, 1);
}

/* covers: MIP-TNC-008 */
static void
test_the_gateways_pool_must_be_trusted (void)
{
  RoamPrefix networks[2];
  Mip4HaConfig config = agent_default_config ();

  g_assert_true (roam_prefix_parse ("10.2.0.0/16", &networks[0]));
  g_assert_true (roam_prefix_parse ("10.8.0.0/24", &networks[1]));
  config.trusted_networks = networks;
  for (gsize n = 1; n <= G_N_ELEMENTS (networks); n++)
    {
      g_autoptr (Agent) agent = NULL;
      Forgery request;

      config.n_trusted_networks = n;
      agent = agent_new (&config);
      /* Mode mc: the care-of address is the tunnel's inner address, and so is the source. */
      request = agent_request (agent);
      request.care_of = TIA;
      agent_input (agent, &request);
      if (n == 1)
        agent_expect_silence (agent);
      else
        agent_expect_code (agent, 1);
    }
}

/* covers: MIP-TNC-004 */
static void
test_nobody_is_trusted_by_default (void)
{
  g_autoptr (Agent) agent = agent_new (NULL);
  const Mip4HaNode node = { roam_addr_from_u32 (HOME_ADDRESS), { SPI, MIP4_AUTH_HMAC_SHA_256, agent->key }, NULL };
  Mip4HaConfig config = agent_default_config ();
  Forgery request = agent_request (agent);

  config.nodes = &node;
  config.n_nodes = 1;
  mip4_ha_free (agent->ha);
  agent->ha = mip4_ha_new (&config);
  agent_input (agent, &request);
  agent_expect_silence (agent);
}

/* covers: MIP-HA-001, MIP-HA-002, MIP-HA-003, MIP-AUTH-002, MIP-AUTH-021, MIP-EXT-005, MIP-EXT-008, MIP-CFG-005 */
static void
test_what_is_not_authentic_is_not_answered (void)
{
  static const struct
  {
    Forgery delta;
    guint n_mhae;
    const char *counter;
  } cases[] = {
    { { .key = "ff" }, 1, "discarded-bad-authenticator" },
    { { .md5 = TRUE }, 1, "discarded-bad-authenticator" },
    { { .spi = 5000 }, 1, "discarded-unknown-spi" },
    { { .spi = 1 }, 1, "discarded-unknown-spi" },
    { { 0 }, 0, "discarded-no-mhae" },
    { { 0 }, 2, "discarded-two-mhae" },
    { { .home = 0x0a010066 }, 1, "discarded-no-association" },
    { { .home = OTHER_HOME }, 1, "discarded-unknown-spi" },
    { { .before = "7f 00" }, 1, "discarded-unknown-extension" },
    { { .after = "95 04 00" }, 1, "discarded-extension-overrun" },
    { { .type = 3 }, 1, "discarded-unknown-message" },
    { { .after = "22 14 00002002 00000000000000000000000000000000" }, 1, "discarded-foreign-home-auth" },
  };

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_autoptr (Agent) agent = agent_new (NULL);
      g_autoptr (GHashTable) counters = NULL;
      Forgery request = agent_request (agent);
      const Forgery *delta = &cases[i].delta;

      request.type = delta->type != 0 ? delta->type : request.type;
      request.key = delta->key;
      request.md5 = delta->md5;
      request.spi = delta->spi != 0 ? delta->spi : request.spi;
      request.home = delta->home != 0 ? delta->home : request.home;
      request.before = delta->before;
      request.after = delta->after;
      request.n_mhae = cases[i].n_mhae;
      g_test_message ("case %u: %s", i, cases[i].counter);
      agent_input_from (agent, &request, CARE_OF, 45000, HOME_AGENT);
      agent_expect_silence (agent);
      /* Authentication failures are security exceptions: who, for whom, which SPI. */
      if (request.before == NULL && request.after == NULL && request.type == 1)
        {
          const Mip4HaAction *log = agent_find (agent, MIP4_HA_ACTION_LOG);

          g_assert_true (log->log.security);
          g_assert_cmpuint (roam_addr_to_u32 (&log->log.source.addr), ==, CARE_OF);
          g_assert_cmpuint (roam_addr_to_u32 (&log->log.home_address), ==, request.home);
          g_assert_cmpuint (log->log.spi, ==, request.n_mhae > 0 ? request.spi : 0);
        }
      counters = mip4_ha_dup_counters (agent->ha);
      g_assert_cmpuint (*(guint64 *)g_hash_table_lookup (counters, cases[i].counter), ==, 1);
    }
}

static void
test_each_node_has_its_own_association (void)
{
  g_autoptr (Agent) agent = agent_new (NULL);
  Forgery request = agent_request (agent);

  request.home = OTHER_HOME;
  request.spi = 5000;
  request.md5 = TRUE;
  agent_input (agent, &request);
  agent_expect_code (agent, 1);
  request = agent_request (agent);
  agent_input (agent, &request);
  agent_expect_code (agent, 1);
  g_assert_cmpuint (agent_n_bindings (agent), ==, 2);
}

/* covers: MIP-IDN-022, MIP-IDN-023, MIP-IDN-024, MIP-IDN-026, MIP-IDN-010 */
static void
test_timestamps (void)
{
  static const struct
  {
    gint64 offset_ms;
    gboolean valid;
  } cases[] = { { 0, TRUE }, { 6900, TRUE }, { -6900, TRUE }, { 7100, FALSE }, { -7100, FALSE }, { -86400000, FALSE } };

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_autoptr (Agent) agent = agent_new (NULL);
      guint64 offset = ((guint64)ABS (cases[i].offset_ms) << 32) / 1000;
      Forgery request = forge_request (cases[i].offset_ms < 0 ? agent->now.ntp - offset : agent->now.ntp + offset);

      request.identification = (request.identification & ~G_GUINT64_CONSTANT (0xff)) | 0x5a;
      agent_input (agent, &request);
      if (cases[i].valid)
        {
          agent_expect_code (agent, 1);
          continue;
        }
      agent_expect_code (agent, 133);
      g_assert_cmpuint (agent_reply (agent).identification >> 32, ==, agent->now.ntp >> 32);
      g_assert_cmphex ((guint32)agent_reply (agent).identification, ==, (guint32)request.identification);
      g_assert_cmpuint (agent_n_bindings (agent), ==, 0);
      g_assert_true (agent_find (agent, MIP4_HA_ACTION_LOG)->log.security);
    }
}

/* covers: MIP-IDN-023, MIP-HA-011 */
static void
test_replays (void)
{
  g_autoptr (Agent) agent = agent_new (NULL);
  Forgery first = agent_request (agent), second;
  Mip4Message reply;

  agent_input (agent, &first);
  agent_expect_code (agent, 1);
  agent_advance (agent, 2 * SECOND);
  /* D-04: the same request again is answered with what is left, and nothing is prolonged. */
  agent_input (agent, &first);
  reply = agent_reply (agent);
  g_assert_cmpuint (reply.code, ==, 1);
  g_assert_cmpuint (reply.lifetime, ==, 598);
  g_assert_cmpuint (agent->actions->len, ==, 1);
  second = agent_request (agent);
  second.care_of = CARE_OF_2;
  agent_input (agent, &second);
  g_assert_true (agent_has (agent, MIP4_HA_ACTION_BINDING_CHANGE));
  /* The first one must not move the binding back. */
  agent_input (agent, &first);
  agent_expect_code (agent, 133);
  g_assert_false (agent_has (agent, MIP4_HA_ACTION_BINDING_CHANGE));
  /* ... nor when there is no binding any more. */
  agent_advance (agent, 601 * SECOND);
  g_assert_cmpuint (agent_n_bindings (agent), ==, 0);
  agent->now.ntp = first.identification + 1;
  agent_input (agent, &first);
  agent_expect_code (agent, 133);
  g_assert_cmpuint (agent_n_bindings (agent), ==, 0);
}

/* covers: MIP-IDN-028 */
static void
test_timestamps_across_the_era_change (void)
{
  g_autoptr (Agent) agent = agent_new (NULL);
  Forgery request;

  agent->now.ntp = G_GUINT64_CONSTANT (0xffffffff00000000);
  request = forge_request (G_GUINT64_CONSTANT (0xffffffff80000000));
  agent_input (agent, &request);
  agent_expect_code (agent, 1);
  agent_advance (agent, 2 * SECOND);
  request = forge_request (G_GUINT64_CONSTANT (0x0000000180000000));
  agent_input (agent, &request);
  agent_expect_code (agent, 1);
  request = forge_request (G_GUINT64_CONSTANT (0xffffffff90000000));
  agent_input (agent, &request);
  agent_expect_code (agent, 133);
}

/* covers: MIP-HA-011, MIP-HA-012, MIP-HA-016 */
static void
test_lifetimes (void)
{
  g_autoptr (Agent) agent = agent_new (NULL);
  Forgery request = agent_request (agent);

  request.lifetime = 0xffff;
  agent_input (agent, &request);
  g_assert_cmpuint (agent_reply (agent).lifetime, ==, 1800);
  request = agent_request (agent);
  request.lifetime = 30;
  agent_input (agent, &request);
  g_assert_cmpuint (agent_reply (agent).lifetime, ==, 30);
  g_assert_true (agent_has (agent, MIP4_HA_ACTION_BINDING_RENEW));
  g_assert_cmpint (mip4_ha_next_deadline (agent->ha), ==, agent->now.boot_us + 30 * SECOND);
  agent_advance (agent, 30 * SECOND - 1);
  g_assert_cmpuint (agent->actions->len, ==, 0);
  agent_advance (agent, 1);
  /* Deleted without a word to anybody. */
  g_assert_cmpuint (agent->actions->len, ==, 2);
  g_assert_cmpint (g_array_index (agent->actions, Mip4HaAction, 0).type, ==, MIP4_HA_ACTION_STORE);
  g_assert_cmpint (agent_find (agent, MIP4_HA_ACTION_BINDING_REMOVE)->binding.removal, ==, MIP4_HA_REMOVED_EXPIRED);
  g_assert_cmpint (mip4_ha_next_deadline (agent->ha), ==, ROAM_NEVER);
}

static void
test_infinite_lifetime (void)
{
  Mip4HaConfig config = agent_default_config ();
  g_autoptr (Agent) agent = NULL;
  Forgery request;

  config.max_lifetime_s = 0xffff;
  agent = agent_new (&config);
  request = agent_request (agent);
  request.lifetime = 0xffff;
  agent_input (agent, &request);
  g_assert_cmpuint (agent_reply (agent).lifetime, ==, 0xffff);
  g_assert_cmpint (mip4_ha_next_deadline (agent->ha), ==, ROAM_NEVER);
}

/* covers: MIP-HA-009, MIP-HA-014, MIP-HA-019 */
static void
test_deregistrations (void)
{
  g_autoptr (Agent) agent = agent_new (NULL);
  Forgery request = agent_request (agent), gone;
  const Mip4HaAction *send;

  /* Without a binding: accepted all the same. */
  gone = agent_request (agent);
  gone.lifetime = 0;
  gone.care_of = HOME_ADDRESS;
  agent_input (agent, &gone);
  agent_expect_code (agent, 0);
  request = agent_request (agent);
  agent_input (agent, &request);
  /* Of another care-of address: ours stays. */
  gone = agent_request (agent);
  gone.lifetime = 0;
  gone.care_of = CARE_OF_2;
  agent_input_from (agent, &gone, CARE_OF, 45000, HOME_AGENT);
  agent_expect_code (agent, 0);
  g_assert_cmpuint (agent_n_bindings (agent), ==, 1);
  gone = agent_request (agent);
  gone.lifetime = 0;
  agent_input (agent, &gone);
  agent_expect_code (agent, 0);
  g_assert_cmpint (agent_find (agent, MIP4_HA_ACTION_BINDING_REMOVE)->binding.removal, ==,
                   MIP4_HA_REMOVED_DEREGISTERED);
  /* From home: everything goes, then the reply, straight onto the home link. */
  request = agent_request (agent);
  agent_input (agent, &request);
  gone = agent_request (agent);
  gone.lifetime = 0;
  gone.code = 0;
  gone.care_of = HOME_ADDRESS;
  agent_input (agent, &gone);
  g_assert_cmpint (g_array_index (agent->actions, Mip4HaAction, 1).type, ==, MIP4_HA_ACTION_BINDING_REMOVE);
  g_assert_cmpint (agent_find (agent, MIP4_HA_ACTION_BINDING_REMOVE)->binding.removal, ==, MIP4_HA_REMOVED_AT_HOME);
  send = agent_find (agent, MIP4_HA_ACTION_SEND);
  g_assert_true (send->send.on_home_link);
  g_assert_cmpuint (roam_addr_to_u32 (&send->send.destination.addr), ==, HOME_ADDRESS);
  g_assert_cmpuint (agent_reply (agent).lifetime, ==, 0);
}

static void
test_denied_deregistration_at_home_goes_onto_the_home_link (void)
{
  g_autoptr (Agent) agent = agent_new (NULL);
  Forgery request = agent_request (agent), gone;

  agent_input (agent, &request);
  gone = agent_request (agent);
  gone.lifetime = 0;
  gone.care_of = HOME_ADDRESS;
  gone.identification -= G_GUINT64_CONSTANT (3600) << 32;
  agent_input (agent, &gone);
  agent_expect_code (agent, 133);
  g_assert_true (agent_find (agent, MIP4_HA_ACTION_SEND)->send.on_home_link);
  g_assert_cmpuint (agent_n_bindings (agent), ==, 1);
}

/* covers: MIP-HA-005, MIP-HA-006, MIP-HA-008, MIP-HA-024, MIP-MSV-015, MIP-DHA-013 */
static void
test_denials (void)
{
  static const struct
  {
    Forgery delta;
    guint8 flags;
    guint8 code;
  } cases[] = {
    { { .agent = HOME_AGENT + 1 }, 0x22, 136 },
    { { .before = "8b 01 0004 0a010003" }, 0x22, 136 },
    { { .before = "8b 05 01 0a010003" }, 0x22, 136 },
    { { .before = "26 00 0006 00000009 0007" }, 0x22, 140 },
    { { .after = "26 00 0006 00000009 0007" }, 0x22, 141 },
    { { .before = "83 03 626f62" }, 0x22, 129 },
    { { 0 }, 0x2a, 139 },
    { { 0 }, 0x32, 139 },
    { { .care_of = HOME_AGENT }, 0x22, 134 },
    { { .care_of = HOME_ADDRESS }, 0x22, 134 },
    { { .care_of = 0xe0000001 }, 0x22, 134 },
    { { .care_of = 0xffffffff }, 0x22, 134 },
    { { .care_of = 0x7f000001 }, 0x22, 134 },
  };

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_autoptr (Agent) agent = agent_new (NULL);
      Forgery request = agent_request (agent);
      Mip4Message reply;

      request.code = cases[i].flags;
      request.agent = cases[i].delta.agent != 0 ? cases[i].delta.agent : request.agent;
      request.care_of = cases[i].delta.care_of != 0 ? cases[i].delta.care_of : request.care_of;
      request.before = cases[i].delta.before;
      request.after = cases[i].delta.after;
      g_test_message ("case %u", i);
      agent_input_from (agent, &request, CARE_OF, 45000, HOME_AGENT);
      agent_expect_code (agent, cases[i].code);
      g_assert_cmpuint (agent_n_bindings (agent), ==, 0);
      /* Whatever was asked for, our own address is named (RFC 5944 3.8.3.2). */
      reply = agent_reply (agent);
      g_assert_cmpuint (roam_addr_to_u32 (&reply.home_agent), ==, HOME_AGENT);
    }
}

static void
test_request_to_a_broadcast_address (void)
{
  static const guint32 destinations[] = { 0x0a0100ff, 0xffffffff };

  for (guint i = 0; i < G_N_ELEMENTS (destinations); i++)
    {
      g_autoptr (Agent) agent = agent_new (NULL);
      Forgery request = agent_request (agent);

      agent_input_from (agent, &request, CARE_OF, 45000, destinations[i]);
      agent_expect_code (agent, 136);
      g_assert_cmpuint (roam_addr_to_u32 (&agent_find (agent, MIP4_HA_ACTION_SEND)->send.source), ==, HOME_AGENT);
    }
}

/* covers: MIP-HA-008 */
static void
test_policies (void)
{
  Mip4HaConfig config = agent_default_config ();
  g_autoptr (Agent) lax = agent_new (NULL), strict = NULL;
  Forgery request = agent_request (lax);

  /* D-12, D-39: reserved bits, a missing T, another source are accepted unless the policy says otherwise. */
  request.code = 0x25;
  agent_input_from (lax, &request, CARE_OF_2, 45000, HOME_AGENT);
  agent_expect_code (lax, 1);
  config.strict_reserved = config.require_reverse_tunnel = config.require_source_match = TRUE;
  strict = agent_new (&config);
  request = agent_request (strict);
  request.code = 0x26;
  agent_input (strict, &request);
  agent_expect_code (strict, 134);
  request = agent_request (strict);
  request.code = 0x20;
  agent_input (strict, &request);
  agent_expect_code (strict, 138);
  request = agent_request (strict);
  agent_input_from (strict, &request, CARE_OF_2, 45000, HOME_AGENT);
  agent_expect_code (strict, 129);
  request = agent_request (strict);
  agent_input (strict, &request);
  agent_expect_code (strict, 1);
}

static void
test_limit_of_bindings (void)
{
  Mip4HaConfig config = agent_default_config ();
  g_autoptr (Agent) agent = NULL;
  Forgery request;

  config.max_bindings = 1;
  agent = agent_new (&config);
  request = agent_request (agent);
  agent_input (agent, &request);
  agent_expect_code (agent, 1);
  request = agent_request (agent);
  request.home = OTHER_HOME;
  request.spi = 5000;
  request.md5 = TRUE;
  agent_input (agent, &request);
  agent_expect_code (agent, 130);
  /* Who has a binding may renew and move it. */
  request = agent_request (agent);
  request.care_of = CARE_OF_2;
  agent_input (agent, &request);
  agent_expect_code (agent, 1);
}

/* covers: MIP-HA-007, MIP-NAI-010, MIP-DHA-014, MIP-NAI-003 */
static void
test_home_address_by_nai (void)
{
  static const guint32 agents[] = { HOME_AGENT, 0, 0xffffffff };

  for (guint i = 0; i < G_N_ELEMENTS (agents); i++)
    {
      g_autoptr (Agent) agent = agent_new (NULL);
      Forgery request = agent_request (agent);
      Mip4Message reply;

      request.home = 0;
      request.agent = agents[i];
      request.before = "83 05 616c696365";
      agent_input (agent, &request);
      reply = agent_reply (agent);
      g_assert_cmpuint (reply.code, ==, 1);
      g_assert_cmpuint (roam_addr_to_u32 (&reply.home_address), ==, HOME_ADDRESS);
      g_assert_cmpuint (roam_addr_to_u32 (&reply.home_agent), ==, HOME_AGENT);
      g_assert_cmpmem (reply.covered.nai.data, reply.covered.nai.length, "alice", 5);
      /* Unknown NAI, or none: nobody's request. */
      request = agent_request (agent);
      request.home = 0;
      request.before = "83 05 6d616c6c79";
      agent_input (agent, &request);
      agent_expect_silence (agent);
      request.before = NULL;
      agent_input (agent, &request);
      agent_expect_silence (agent);
    }
}

static void
test_changes_carry_old_and_new (void)
{
  g_autoptr (Agent) agent = agent_new (NULL);
  Forgery request = agent_request (agent);
  const Mip4HaAction *change;

  agent_input (agent, &request);
  request = agent_request (agent);
  request.care_of = CARE_OF_2;
  agent_input (agent, &request);
  change = agent_find (agent, MIP4_HA_ACTION_BINDING_CHANGE);
  g_assert_cmpuint (roam_addr_to_u32 (&change->binding.old.care_of_address), ==, CARE_OF);
  g_assert_cmpuint (roam_addr_to_u32 (&change->binding.binding.care_of_address), ==, CARE_OF_2);
  /* The same care-of address through a NAT is another tunnel. */
  request = agent_request (agent);
  request.care_of = CARE_OF_2;
  request.before = UDP_REQUEST;
  agent_input_from (agent, &request, CARE_OF, 45001, HOME_AGENT);
  change = agent_find (agent, MIP4_HA_ACTION_BINDING_CHANGE);
  g_assert_true (change->binding.binding.udp_tunnel && !change->binding.old.udp_tunnel);
  g_assert_cmpuint (agent_n_bindings (agent), ==, 1);
}

static void
test_remove_command (void)
{
  g_autoptr (Agent) agent = agent_new (NULL);
  Forgery request = agent_request (agent);
  Mip4HaCommand command = { .type = MIP4_HA_REMOVE, .home_address = roam_addr_from_u32 (OTHER_HOME) };

  agent_input (agent, &request);
  mip4_ha_input_command (agent->ha, &agent->now, &command);
  g_assert_cmpuint (agent_n_bindings (agent), ==, 1);
  command.home_address = ROAM_ADDR_NONE;
  mip4_ha_input_command (agent->ha, &agent->now, &command);
  agent_collect (agent);
  g_assert_cmpint (agent_find (agent, MIP4_HA_ACTION_BINDING_REMOVE)->binding.removal, ==, MIP4_HA_REMOVED_COMMAND);
  g_assert_cmpuint (agent_n_bindings (agent), ==, 0);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/mip4/ha/registration", test_registration);
  g_test_add_func ("/mip4/ha/untrusted", test_untrusted_sources_are_not_answered);
  g_test_add_func ("/mip4/ha/gateway-pool", test_the_gateways_pool_must_be_trusted);
  g_test_add_func ("/mip4/ha/trusted-by-default", test_nobody_is_trusted_by_default);
  g_test_add_func ("/mip4/ha/not-authentic", test_what_is_not_authentic_is_not_answered);
  g_test_add_func ("/mip4/ha/associations", test_each_node_has_its_own_association);
  g_test_add_func ("/mip4/ha/timestamps", test_timestamps);
  g_test_add_func ("/mip4/ha/replays", test_replays);
  g_test_add_func ("/mip4/ha/era-change", test_timestamps_across_the_era_change);
  g_test_add_func ("/mip4/ha/lifetimes", test_lifetimes);
  g_test_add_func ("/mip4/ha/infinite-lifetime", test_infinite_lifetime);
  g_test_add_func ("/mip4/ha/deregistrations", test_deregistrations);
  g_test_add_func ("/mip4/ha/denied-deregistration", test_denied_deregistration_at_home_goes_onto_the_home_link);
  g_test_add_func ("/mip4/ha/denials", test_denials);
  g_test_add_func ("/mip4/ha/broadcast", test_request_to_a_broadcast_address);
  g_test_add_func ("/mip4/ha/policies", test_policies);
  g_test_add_func ("/mip4/ha/limit", test_limit_of_bindings);
  g_test_add_func ("/mip4/ha/home-address-by-nai", test_home_address_by_nai);
  g_test_add_func ("/mip4/ha/changes", test_changes_carry_old_and_new);
  g_test_add_func ("/mip4/ha/remove", test_remove_command);
  return g_test_run ();
}
