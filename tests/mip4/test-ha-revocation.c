/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "agent-fixture.h"

/* The home agent revokes (RFC 3543). */

#define SUPPORT "89 06 0000 00000001"

static Mip4HaConfig
revoking_config (void)
{
  static Mip4HaFaAssociation fa_ha;
  Mip4HaConfig config = agent_default_config ();

  fa_ha = (Mip4HaFaAssociation){ roam_addr_from_u32 (AGENT), { AGENT_SPI, MIP4_AUTH_HMAC_SHA_256, NULL } };
  config.fa_ha = &fa_ha;
  config.n_fa_ha = 1;
  config.revocation = TRUE;
  return config;
}

static void
order_revocation (Agent *agent)
{
  const Mip4HaCommand command = { MIP4_HA_REVOKE, roam_addr_from_u32 (HOME_ADDRESS) };

  mip4_ha_input_command (agent->ha, &agent->now, &command);
  agent_collect (agent);
}

/* Message 7 of the last input, its authenticator checked; the fixed part read octet by octet. */
static guint32
expect_revocation (const Agent *agent, guint32 destination, guint16 port, guint32 care_of, gboolean by_agent)
{
  static const guint8 head[] = { 7, 0, 0x80, 0, 0x0a, 0x01, 0x00, 0x64, 0x0a, 0x01, 0x00, 0x02 };
  const Mip4HaAction *send = agent_find (agent, MIP4_HA_ACTION_SEND);
  const Mip4SecurityAssociation mn_ha = { SPI, MIP4_AUTH_HMAC_SHA_256, agent->key };
  const Mip4SecurityAssociation fa_ha = { AGENT_SPI, MIP4_AUTH_HMAC_SHA_256, agent->agent_key };
  gsize length;
  const guint8 *data = g_bytes_get_data (send->send.datagram, &length);
  Mip4Message message;

  g_assert_cmpuint (roam_addr_to_u32 (&send->send.source), ==, HOME_AGENT);
  g_assert_cmpuint (roam_addr_to_u32 (&send->send.destination.addr), ==, destination);
  g_assert_cmpuint (send->send.destination.port, ==, port);
  g_assert_cmpmem (data, sizeof head, head, sizeof head);
  g_assert_cmpint (mip4_parse (data, length, &message), ==, MIP4_DISCARD_NONE);
  g_assert_cmpuint (roam_addr_to_u32 (&message.care_of_address), ==, care_of);
  if (by_agent)
    g_assert_cmpint (mip4_verify_auth (&message, &message.fhae, &fa_ha), ==, MIP4_DISCARD_NONE);
  else
    g_assert_cmpint (mip4_verify_mhae (&message, &mn_ha), ==, MIP4_DISCARD_NONE);
  return message.revocation_id;
}

static void
acknowledge (Agent *agent, guint32 home, guint32 id, guint8 type, RoamSecret *key)
{
  const Mip4SecurityAssociation association = { type == 34 ? AGENT_SPI : SPI, MIP4_AUTH_HMAC_SHA_256, key };
  const RoamEndpoint source = { roam_addr_from_u32 (CARE_OF), 434 };
  const RoamAddr to = roam_addr_from_u32 (HOME_AGENT), address = roam_addr_from_u32 (home);
  g_auto (WireWriter) writer = { 0 };

  wire_writer_init (&writer, 200);
  mip4_write_revocation_ack (&writer, FALSE, &address, id);
  mip4_write_auth (&writer, type, &association);
  mip4_ha_input_datagram (agent->ha, &agent->now, &source, &to, wire_writer_peek (&writer),
                          wire_writer_length (&writer));
  agent_collect (agent);
}

static Agent *
bound_agent (const Mip4HaConfig *config, guint16 lifetime)
{
  Agent *agent = agent_new (config);
  Forgery request = agent_request (agent);

  request.before = SUPPORT;
  request.lifetime = lifetime;
  agent_input (agent, &request);
  agent_expect_code (agent, 1);
  return agent;
}

/* covers: MIP-RVK-014 */
static void
test_support_is_answered_and_not_offered (void)
{
  static const struct
  {
    gboolean willing, relayed;
    const char *before, *after;
    guint8 flags;
    gboolean node, agent;
  } cases[] = {
    { TRUE, FALSE, SUPPORT, NULL, 0x22, TRUE, FALSE },   { TRUE, FALSE, NULL, NULL, 0x22, FALSE, FALSE },
    { FALSE, FALSE, SUPPORT, NULL, 0x22, FALSE, FALSE }, { TRUE, FALSE, NULL, SUPPORT, 0x22, FALSE, FALSE },
    { TRUE, FALSE, SUPPORT, NULL, 0x02, FALSE, FALSE },  { TRUE, TRUE, NULL, SUPPORT, 0x02, FALSE, TRUE },
    { TRUE, TRUE, NULL, NULL, 0x02, FALSE, FALSE },
  };

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      Mip4HaConfig config = revoking_config ();
      g_autoptr (Agent) agent = NULL;
      Mip4Message reply;
      Forgery request;

      config.revocation = cases[i].willing;
      agent = agent_new (&config);
      request = agent_request (agent);
      request.code = cases[i].flags;
      request.before = cases[i].before;
      request.after = cases[i].after;
      request.n_fhae = cases[i].relayed;
      g_test_message ("case %u", i);
      agent_input_from (agent, &request, cases[i].relayed ? AGENT : CARE_OF, 434, HOME_AGENT);
      agent_expect_code (agent, 1);
      reply = agent_reply (agent);
      g_assert_cmpint (reply.covered.revocation, ==, cases[i].node);
      g_assert_cmpint (reply.uncovered.revocation, ==, cases[i].agent);
      g_assert_false (reply.covered.revocation_inform || reply.uncovered.revocation_inform);
      if (cases[i].node)
        g_assert_cmpuint (reply.covered.revocation_timestamp, ==, (guint32)(agent->now.ntp >> 32));
    }
}

/* covers: MIP-RVK-013 */
static void
test_revocation_is_repeated_with_new_identifiers (void)
{
  static const guint gaps_s[] = { 1, 2, 4, 8 };
  const Mip4HaConfig config = revoking_config ();
  g_autoptr (Agent) agent = bound_agent (&config, 600);
  guint32 registered = agent_reply (agent).covered.revocation_timestamp, id;

  order_revocation (agent);
  /* Gone and stored as gone before anybody hears of it. */
  g_assert_cmpint (agent_action (agent, 0)->type, ==, MIP4_HA_ACTION_STORE);
  g_assert_cmpint (agent_action (agent, 0)->store.what, ==, MIP4_HA_STORE_UNSET);
  g_assert_cmpint (agent_find (agent, MIP4_HA_ACTION_BINDING_REMOVE)->binding.removal, ==, MIP4_HA_REMOVED_REVOKED);
  g_assert_cmpuint (agent_n_bindings (agent), ==, 0);
  id = expect_revocation (agent, CARE_OF, 434, CARE_OF, FALSE);
  g_assert_cmpint ((gint32)(id - registered), >, 0);
  for (guint i = 0; i < G_N_ELEMENTS (gaps_s); i++)
    {
      guint32 next;

      agent_advance (agent, gaps_s[i] * SECOND - 1);
      g_assert_cmpuint (agent->actions->len, ==, 0);
      agent_advance (agent, 1);
      next = expect_revocation (agent, CARE_OF, 434, CARE_OF, FALSE);
      g_assert_cmpint ((gint32)(next - id), >, 0);
      id = next;
    }
  agent_advance (agent, 100 * SECOND);
  g_assert_cmpuint (agent->actions->len, ==, 0);
  g_assert_cmpint (mip4_ha_next_deadline (agent->ha), ==, ROAM_NEVER);
  g_assert_cmpuint (agent_counter (agent, "revocations-unanswered"), ==, 1);
}

/* covers: MIP-RVK-013 */
static void
test_revocation_ends_with_the_lifetime (void)
{
  const Mip4HaConfig config = revoking_config ();
  g_autoptr (Agent) agent = bound_agent (&config, 4);
  guint n = 0;

  order_revocation (agent);
  for (guint i = 0; i < 60; i++)
    {
      agent_advance (agent, SECOND / 2);
      n += agent_count (agent, MIP4_HA_ACTION_SEND);
      if (i >= 7)
        g_assert_cmpuint (agent->actions->len, ==, 0);
    }
  g_assert_cmpuint (n, ==, 2);
}

/* covers: MIP-RVK-015 */
static void
test_acknowledgments (void)
{
  const Mip4HaConfig config = revoking_config ();
  g_autoptr (Agent) agent = bound_agent (&config, 600);
  guint32 first, second;

  order_revocation (agent);
  first = expect_revocation (agent, CARE_OF, 434, CARE_OF, FALSE);
  agent_advance (agent, SECOND);
  second = expect_revocation (agent, CARE_OF, 434, CARE_OF, FALSE);
  acknowledge (agent, HOME_ADDRESS, second + 1, 32, agent->key);
  acknowledge (agent, OTHER_HOME, second, 32, agent->key);
  g_assert_cmpuint (agent_counter (agent, "discarded-revocation-ack"), ==, 2);
  acknowledge (agent, HOME_ADDRESS, second, 32, agent->other_key);
  acknowledge (agent, HOME_ADDRESS, second, 34, agent->agent_key);
  g_assert_cmpuint (agent_counter (agent, "discarded-revocation-authenticator"), ==, 2);
  g_assert_cmpint (mip4_ha_next_deadline (agent->ha), <, ROAM_NEVER);
  /* An answer to the first copy that came late is one all the same. */
  acknowledge (agent, HOME_ADDRESS, first, 32, agent->key);
  g_assert_cmpint (mip4_ha_next_deadline (agent->ha), ==, ROAM_NEVER);
  g_assert_cmpuint (agent_counter (agent, "revocations-acknowledged"), ==, 1);
  acknowledge (agent, HOME_ADDRESS, second, 32, agent->key);
  g_assert_cmpuint (agent_counter (agent, "revocations-acknowledged"), ==, 1);
}

/* covers: MIP-RVK-013, MIP-RVK-015 */
static void
test_revocation_to_a_foreign_agent (void)
{
  const Mip4HaConfig config = revoking_config ();
  g_autoptr (Agent) agent = agent_new (&config);
  Forgery request = agent_request (agent);
  guint32 id;

  request.code = 0x02;
  request.care_of = AGENT_CARE_OF;
  request.after = SUPPORT;
  request.n_fhae = 1;
  agent_input_from (agent, &request, AGENT, 5555, HOME_AGENT);
  order_revocation (agent);
  id = expect_revocation (agent, AGENT, 434, AGENT_CARE_OF, TRUE);
  acknowledge (agent, HOME_ADDRESS, id, 32, agent->key);
  g_assert_cmpuint (agent_counter (agent, "revocations-acknowledged"), ==, 0);
  acknowledge (agent, HOME_ADDRESS, id, 34, agent->agent_key);
  g_assert_cmpuint (agent_counter (agent, "revocations-acknowledged"), ==, 1);
}

/* RFC 3543 3.2: an agent that offers to tell the node (I) is asked to, no other. */
static void
test_revocation_that_the_node_is_told_of (void)
{
  const Mip4HaConfig config = revoking_config ();

  for (guint informing = 0; informing < 2; informing++)
    {
      g_autoptr (Agent) agent = agent_new (&config);
      Forgery request = agent_request (agent);

      request.code = 0x02;
      request.care_of = AGENT_CARE_OF;
      request.after = informing ? "89 06 8000 00000001" : SUPPORT;
      request.n_fhae = 1;
      agent_input_from (agent, &request, AGENT, 5555, HOME_AGENT);
      g_assert_cmpint (agent_reply (agent).uncovered.revocation_inform, ==, informing);
      order_revocation (agent);
      g_assert_cmphex (
        ((const guint8 *)g_bytes_get_data (agent_find (agent, MIP4_HA_ACTION_SEND)->send.datagram, NULL))[2], ==,
        informing ? 0xc0 : 0x80);
    }
}

/* D-17. */
static void
test_revocation_through_a_nat (void)
{
  const Mip4HaConfig config = revoking_config ();
  g_autoptr (Agent) agent = agent_new (&config);
  Forgery request = agent_request (agent);

  request.before = SUPPORT "90 06 00 00 00 00 00 00";
  agent_input_from (agent, &request, CARE_OF_2, 45001, HOME_AGENT);
  agent_expect_code (agent, 1);
  order_revocation (agent);
  expect_revocation (agent, CARE_OF_2, 45001, CARE_OF, FALSE);
}

static void
test_revocation_that_nobody_asked_for (void)
{
  const Mip4HaConfig config = revoking_config ();
  g_autoptr (Agent) agent = agent_new (&config);
  Forgery request = agent_request (agent);

  agent_input (agent, &request);
  order_revocation (agent);
  g_assert_cmpuint (agent_n_bindings (agent), ==, 0);
  g_assert_false (agent_has (agent, MIP4_HA_ACTION_SEND));
}

static void
test_new_registration_ends_a_revocation (void)
{
  const Mip4HaConfig config = revoking_config ();
  g_autoptr (Agent) agent = bound_agent (&config, 600);
  Forgery request;

  order_revocation (agent);
  agent_advance (agent, SECOND / 2);
  request = agent_request (agent);
  agent_input (agent, &request);
  agent_expect_code (agent, 1);
  agent_advance (agent, 30 * SECOND);
  g_assert_cmpuint (agent->actions->len, ==, 0);
  g_assert_cmpuint (agent_n_bindings (agent), ==, 1);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/mip4/ha-revocation/support", test_support_is_answered_and_not_offered);
  g_test_add_func ("/mip4/ha-revocation/copies", test_revocation_is_repeated_with_new_identifiers);
  g_test_add_func ("/mip4/ha-revocation/lifetime", test_revocation_ends_with_the_lifetime);
  g_test_add_func ("/mip4/ha-revocation/acknowledgments", test_acknowledgments);
  g_test_add_func ("/mip4/ha-revocation/foreign-agent", test_revocation_to_a_foreign_agent);
  g_test_add_func ("/mip4/ha-revocation/informing", test_revocation_that_the_node_is_told_of);
  g_test_add_func ("/mip4/ha-revocation/nat", test_revocation_through_a_nat);
  g_test_add_func ("/mip4/ha-revocation/unasked", test_revocation_that_nobody_asked_for);
  g_test_add_func ("/mip4/ha-revocation/registration", test_new_registration_ends_a_revocation);
  return g_test_run ();
}
