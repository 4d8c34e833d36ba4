/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "fixture.h"
#include "mip4/mip4-codec-private.h"

#include <string.h>

/* Home addresses and home agents that are assigned (RFC 2794, RFC 4433) or found (RFC 5944 3.6.1.2). */

#define NAI "alice@example.com"
#define NAI_ECHO "83 11 616c696365406578616d706c652e636f6d"
#define ASSIGNED 0x0a01004du /* 10.1.0.77 */
#define REQUESTED HOME_AGENT
#define OTHER_AGENT 0x0a010003u
#define ALL_ONES 0xffffffffu
#define DIRECTED_BROADCAST 0x0a0100ffu

static Mip4MnConfig
nai_config (void)
{
  Mip4MnConfig config = node_default_config ();

  config.home_address = ROAM_ADDR_NONE;
  config.nai = NAI;
  config.nat_traversal = FALSE;
  return config;
}

static Mip4MnConfig
dynamic_config (guint32 home_agent)
{
  Mip4MnConfig config = nai_config ();

  config.home_agent = roam_addr_from_u32 (home_agent);
  config.requested_home_agent = roam_addr_from_u32 (REQUESTED);
  return config;
}

static void
receive_from (Node *node, const Forgery *forgery, guint32 source)
{
  const Sent *sent = node_last_sent (node);
  g_autoptr (GBytes) message = forge (forgery);

  node_receive_at (node, message, sent->path, source, 434, roam_addr_to_u32 (&sent->source));
}

static void
accept_as (Node *node, guint32 home, guint32 agent)
{
  Forgery reply = forge_reply (node_last_sent (node));

  reply.home = home;
  reply.agent = agent;
  reply.before = NAI_ECHO;
  node_receive_relayed (node, &reply);
  node_expect (node, MIP4_MN_ACCEPTED);
}

static void
assert_extension (const Node *node, guint8 type, const char *expected)
{
  g_autofree char *sent = sent_extension (node_last_sent (node), type);

  g_assert_cmpstr (sent, ==, expected);
}

static guint32
destination (const Node *node)
{
  return roam_addr_to_u32 (&node_last_sent (node)->destination.addr);
}

/* covers: MIP-NAI-001, MIP-NAI-002, MIP-NAI-003, MIP-NAI-005, MIP-NAI-007, MIP-NAI-008, MIP-RPL-015, MIP-REG-017 */
static void
test_home_address_is_assigned (void)
{
  const Mip4MnConfig config = nai_config ();
  g_autoptr (Node) node = node_new (&config);
  g_autofree char *types = NULL;

  node_register (node, WIFI, 1, MIP4_FORM_CO_LOCATED, CARE_OF);
  g_assert_cmphex (node_last_sent (node)->home, ==, 0);
  g_assert_cmphex (roam_addr_to_u32 (&node_last_sent (node)->source), ==, CARE_OF);
  types = sent_types (node_last_sent (node));
  g_assert_cmpstr (types, ==, "131 32");
  accept_as (node, ASSIGNED, HOME_AGENT);
  g_assert_cmphex (roam_addr_to_u32 (&node_expect (node, MIP4_MN_ACCEPTED)->home_address), ==, ASSIGNED);
  g_assert_cmpuint (node_counter (node, "nai-not-echoed"), ==, 0);
  node_advance (node, 10 * SECOND);
  node_register (node, WIFI, 2, MIP4_FORM_CO_LOCATED, CARE_OF);
  g_assert_cmphex (node_last_sent (node)->home, ==, ASSIGNED);
  assert_extension (node, 131, "8311616c696365406578616d706c652e636f6d");
  /* D-06: from now on no other. */
  {
    Forgery reply = forge_reply (node_last_sent (node));

    reply.home = ASSIGNED + 1;
    node_receive_forged (node, &reply);
    g_assert_cmpuint (node_counter (node, "discarded-home-address"), ==, 1);
  }
  node_advance (node, 10 * SECOND);
  node_register (node, WIFI, 3, MIP4_FORM_HOME, 0);
  g_assert_cmphex (node_last_sent (node)->care_of, ==, ASSIGNED);
  g_assert_cmphex (roam_addr_to_u32 (&node_last_sent (node)->source), ==, ASSIGNED);
}

/* covers: MIP-RPL-010 */
static void
test_assigned_address_must_be_usable (void)
{
  static const guint32 bad[] = { 0, ALL_ONES, 0xe0000001, 0x7f000001 };
  const Mip4MnConfig config = nai_config ();

  for (guint i = 0; i < G_N_ELEMENTS (bad); i++)
    {
      g_autoptr (Node) node = node_new (&config);
      Forgery reply;

      node_register (node, WIFI, 1, MIP4_FORM_CO_LOCATED, CARE_OF);
      reply = forge_reply (node_last_sent (node));
      reply.home = bad[i];
      node_receive_forged (node, &reply);
      g_assert_cmpuint (node_counter (node, "discarded-home-address"), ==, 1);
    }
}

/* covers: MIP-NAI-005, MIP-NAI-006, MIP-REG-001, MIP-COD-021 */
static void
test_through_an_agent_without_a_home_address (void)
{
  const Mip4MnConfig config = nai_config ();
  const Mip4Agent agent = make_agent ();
  static const guint32 destinations[] = { ALL_ONES, ASSIGNED };

  for (guint i = 0; i < G_N_ELEMENTS (destinations); i++)
    {
      g_autoptr (Node) node = node_new (&config);
      g_autoptr (GBytes) message = NULL;
      Forgery reply;

      node_register_via (node, MIP4_FORM_FOREIGN_AGENT, &agent, AGENT_CARE_OF);
      g_assert_cmpint (node_last_sent (node)->source.family, ==, ROAM_FAMILY_INET4);
      g_assert_cmphex (roam_addr_to_u32 (&node_last_sent (node)->source), ==, 0);
      reply = forge_reply (node_last_sent (node));
      reply.home = ASSIGNED;
      message = forge (&reply);
      node_receive_at (node, message, WIFI, AGENT, 434, CARE_OF);
      g_assert_cmpuint (node_counter (node, "discarded-wrong-address"), ==, 1);
      node_receive_at (node, message, WIFI, AGENT, 434, destinations[i]);
      node_expect (node, MIP4_MN_ACCEPTED);
    }
}

/* The address became known on another path while the agent was asked. */
/* covers: MIP-COD-021, MIP-COD-046 */
static void
test_96_names_the_home_address_once_it_is_known (void)
{
  const Mip4MnConfig config = nai_config ();
  const Mip4Agent agent = make_agent ();
  g_autoptr (Node) node = node_new (&config);
  Forgery denial;

  node_register_via (node, MIP4_FORM_FOREIGN_AGENT, &agent, AGENT_CARE_OF);
  denial = forge_reply (node_last_sent (node));
  denial.code = 96;
  denial.n_mhae = 0;
  node_register (node, CABLE, 2, MIP4_FORM_CO_LOCATED, CARE_OF_2);
  accept_as (node, ASSIGNED, HOME_AGENT);
  {
    g_autoptr (GBytes) message = forge (&denial);

    node_receive_at (node, message, WIFI, AGENT, 434, ALL_ONES);
  }
  g_assert_true (node_expect (node, MIP4_MN_DENIED)->will_retry);
  node_advance (node, SECOND);
  g_assert_cmphex (node_last_sent (node)->home, ==, ASSIGNED);
  g_assert_cmphex (roam_addr_to_u32 (&node_last_sent (node)->source), ==, ASSIGNED);
  denial = forge_reply (node_last_sent (node));
  denial.code = 96;
  node_receive_relayed (node, &denial);
  g_assert_false (node_expect (node, MIP4_MN_DENIED)->will_retry);
}

/* covers: MIP-NAI-004, MIP-DHA-002, MIP-REG-025 */
static void
test_what_must_be_configured (void)
{
  g_autoptr (GByteArray) octets = unhex (default_key_hex);
  g_autoptr (RoamSecret) key = roam_secret_new (octets->data, octets->len);
  Mip4MnConfig config = dynamic_config (0);

  config.mn_ha.key = key;
  g_assert_null (mip4_mn_config_fault (&config));
  config.requested_home_agent = ROAM_ADDR_NONE;
  g_assert_nonnull (mip4_mn_config_fault (&config));
  config = nai_config ();
  config.mn_ha.key = key;
  g_assert_null (mip4_mn_config_fault (&config));
  config.nai = NULL;
  g_assert_nonnull (mip4_mn_config_fault (&config));
  config.home_address = roam_addr_from_u32 (0);
  g_assert_nonnull (mip4_mn_config_fault (&config));
  config.home_address = roam_addr_from_u32 (HOME_ADDRESS);
  g_assert_null (mip4_mn_config_fault (&config));
  config.mn_ha.key = NULL;
  g_assert_nonnull (mip4_mn_config_fault (&config));
}

/* covers: MIP-DHA-001, MIP-DHA-002, MIP-DHA-003, MIP-DHA-004, MIP-DHA-005, MIP-DHA-006, MIP-REG-018 */
static void
test_home_agent_is_assigned (void)
{
  static const guint32 fields[] = { 0, ALL_ONES };

  for (guint i = 0; i < G_N_ELEMENTS (fields); i++)
    {
      Mip4MnConfig config = dynamic_config (fields[i]);
      g_autoptr (Node) node = NULL;
      g_autofree char *types = NULL;

      config.short_dynamic_ha = i;
      node = node_new (&config);
      node_register (node, WIFI, 1, MIP4_FORM_CO_LOCATED, CARE_OF);
      g_assert_cmphex (node_last_sent (node)->agent, ==, fields[i]);
      g_assert_cmphex (node_last_sent (node)->home, ==, 0);
      g_assert_cmphex (destination (node), ==, REQUESTED);
      types = sent_types (node_last_sent (node));
      g_assert_cmpstr (types, ==, "131 139 32");
      assert_extension (node, 139, i ? "8b05010a010002" : "8b0100040a010002");
      accept_as (node, ASSIGNED, REQUESTED);
      g_assert_cmphex (roam_addr_to_u32 (&node_expect (node, MIP4_MN_ACCEPTED)->home_agent), ==, REQUESTED);
      /* D-32: renewals and the deregistration name it. */
      node_advance (node, 10 * SECOND);
      node_register (node, WIFI, 2, MIP4_FORM_CO_LOCATED, CARE_OF);
      g_assert_cmphex (node_last_sent (node)->agent, ==, REQUESTED);
      assert_extension (node, 139, "");
      node_advance (node, 10 * SECOND);
      node_register (node, WIFI, 3, MIP4_FORM_DEREGISTER, CARE_OF);
      g_assert_cmphex (node_last_sent (node)->agent, ==, REQUESTED);
      g_assert_cmphex (destination (node), ==, REQUESTED);
    }
}

static void
redirect (Node *node, guint32 by, guint32 to)
{
  Forgery reply = forge_reply (node_last_sent (node));
  g_autofree char *extension = g_strdup_printf ("8b 02 0004 %08x", to);

  reply.code = 143;
  reply.agent = by;
  reply.before = extension;
  node_receive_forged (node, &reply);
}

static void
redirected_by (Node *node, guint32 by, guint32 to)
{
  Forgery reply = forge_reply (node_last_sent (node));
  g_autofree char *extension = g_strdup_printf ("8b 02 0004 %08x", to);

  reply.code = 143;
  reply.agent = by;
  reply.before = extension;
  receive_from (node, &reply, by);
}

/* covers: MIP-DHA-007, MIP-COD-041, MIP-DHA-003 */
static void
test_redirection_is_followed (void)
{
  const Mip4MnConfig config = dynamic_config (ALL_ONES);
  g_autoptr (Node) node = node_new (&config);

  node_register (node, WIFI, 1, MIP4_FORM_CO_LOCATED, CARE_OF);
  redirect (node, REQUESTED, OTHER_AGENT);
  g_assert_true (node_expect (node, MIP4_MN_DENIED)->will_retry);
  node_advance (node, SECOND);
  g_assert_cmphex (destination (node), ==, OTHER_AGENT);
  g_assert_cmphex (node_last_sent (node)->agent, ==, ALL_ONES);
  assert_extension (node, 139, "8b0100040a010003");
  accept_as (node, ASSIGNED, OTHER_AGENT);
  node_advance (node, 10 * SECOND);
  node_register (node, WIFI, 2, MIP4_FORM_CO_LOCATED, CARE_OF);
  g_assert_cmphex (destination (node), ==, OTHER_AGENT);
  g_assert_cmphex (node_last_sent (node)->agent, ==, OTHER_AGENT);
}

/* covers: MIP-DHA-007, MIP-AUTH-001 */
static void
test_redirection_is_authenticated_by_the_agent_it_names (void)
{
  g_autoptr (GByteArray) octets = unhex (other_key_hex);
  g_autoptr (RoamSecret) key = roam_secret_new (octets->data, octets->len);
  const Mip4MnHaAssociation more = { roam_addr_from_u32 (OTHER_AGENT), { 4097, MIP4_AUTH_HMAC_SHA_256, key }, 0 };
  Mip4MnConfig config = node_default_config ();
  g_autoptr (Node) node = NULL;
  Forgery reply;

  config.more_mn_ha = &more;
  config.n_more_mn_ha = 1;
  node = node_new (&config);
  node_register (node, WIFI, 1, MIP4_FORM_CO_LOCATED, CARE_OF);
  /* The other agent's word under the key of the first. */
  redirect (node, OTHER_AGENT, OTHER_AGENT);
  g_assert_cmpuint (node_counter (node, "discarded-unknown-spi"), ==, 1);
  redirect (node, HOME_AGENT, OTHER_AGENT);
  g_assert_true (node_expect (node, MIP4_MN_DENIED)->will_retry);
  node_advance (node, SECOND);
  g_assert_cmphex (destination (node), ==, OTHER_AGENT);
  g_assert_true (sent_auth_is_valid (node_last_sent (node), 32, 4097, other_key_hex));
  reply = forge_reply (node_last_sent (node));
  reply.spi = 4097;
  reply.key = other_key_hex;
  receive_from (node, &reply, OTHER_AGENT);
  node_expect (node, MIP4_MN_ACCEPTED);
}

/* covers: MIP-DHA-008, MIP-COD-041 */
static void
test_redirection_loop_ends (void)
{
  const Mip4MnConfig config = dynamic_config (ALL_ONES);
  g_autoptr (Node) node = node_new (&config);
  const Mip4MnEvent *event;

  node_register (node, WIFI, 1, MIP4_FORM_CO_LOCATED, CARE_OF);
  redirected_by (node, REQUESTED, OTHER_AGENT);
  node_advance (node, SECOND);
  redirected_by (node, OTHER_AGENT, REQUESTED);
  event = node_expect (node, MIP4_MN_DENIED);
  g_assert_false (event->will_retry);
  g_assert_nonnull (strstr (event->reason, "redirect"));
  g_assert_cmpint (mip4_mn_next_deadline (node->mn), ==, ROAM_NEVER);
}

/* covers: MIP-DHA-008 */
static void
test_chain_of_redirections_is_bounded (void)
{
  const Mip4MnConfig config = dynamic_config (ALL_ONES);
  g_autoptr (Node) node = node_new (&config);
  guint followed = 0;

  node_register (node, WIFI, 1, MIP4_FORM_CO_LOCATED, CARE_OF);
  for (guint32 by = REQUESTED; followed < 10; by++, followed++)
    {
      redirected_by (node, by, by + 1);
      if (!node_expect (node, MIP4_MN_DENIED)->will_retry)
        break;
      node_advance (node, 2 * SECOND);
    }
  g_assert_cmpuint (followed, ==, 4);
}

static void
test_redirection_to_nowhere_is_not_followed (void)
{
  static const guint32 bad[] = { 0, ALL_ONES, 0xe0000001, DIRECTED_BROADCAST, REQUESTED };

  for (guint i = 0; i < G_N_ELEMENTS (bad); i++)
    {
      Mip4MnConfig config = dynamic_config (ALL_ONES);
      g_autoptr (Node) node = NULL;

      config.home_address = roam_addr_from_u32 (HOME_ADDRESS);
      config.home_prefix_length = 24;
      node = node_new (&config);
      node_register (node, WIFI, 1, MIP4_FORM_CO_LOCATED, CARE_OF);
      redirect (node, REQUESTED, bad[i]);
      g_assert_false (node_expect (node, MIP4_MN_DENIED)->will_retry);
    }
}

/* covers: MIP-COD-020, MIP-COD-009, MIP-DHA-011, MIP-COD-046 */
static void
test_legacy_agent_gets_a_name_to_forward_to (void)
{
  static const guint8 codes[] = { 70, 90, 0 /* silence */ };

  for (guint i = 0; i < G_N_ELEMENTS (codes); i++)
    {
      const Mip4MnConfig config = dynamic_config (ALL_ONES);
      const Mip4Agent agent = make_agent ();
      g_autoptr (Node) node = node_new (&config);
      Forgery denial;

      node_register_via (node, MIP4_FORM_FOREIGN_AGENT, &agent, AGENT_CARE_OF);
      g_assert_cmphex (node_last_sent (node)->agent, ==, ALL_ONES);
      g_assert_cmphex (destination (node), ==, AGENT);
      assert_extension (node, 139, "8b0100040a010002");
      denial = forge_reply (node_last_sent (node));
      denial.code = codes[i];
      denial.n_mhae = 0;
      if (codes[i] != 0)
        {
          node_receive_relayed (node, &denial);
          g_assert_true (node_expect (node, MIP4_MN_DENIED)->will_retry);
          node_advance (node, SECOND);
        }
      else
        node_advance (node, 7 * SECOND);
      g_assert_cmphex (node_last_sent (node)->agent, ==, REQUESTED);
      assert_extension (node, 139, "8b0100040a010002");
      denial = forge_reply (node_last_sent (node));
      denial.code = 90;
      if (codes[i] == 90)
        {
          node_receive_relayed (node, &denial);
          g_assert_false (node_expect (node, MIP4_MN_DENIED)->will_retry);
        }
      else
        {
          node_advance (node, 20 * SECOND);
          node_expect (node, MIP4_MN_EXHAUSTED);
          g_assert_cmpuint (node_n_sent (node), <=, 6);
        }
    }
}

/* covers: MIP-REG-002, MIP-REG-018, MIP-REG-027, MIP-COD-035, MIP-REG-004 */
static void
test_home_agent_is_found_by_directed_broadcast (void)
{
  Mip4MnConfig config = node_default_config ();
  const Mip4Agent agent = make_agent ();
  g_autoptr (Node) node = NULL;
  Forgery reply;

  config.home_agent = roam_addr_from_u32 (DIRECTED_BROADCAST);
  config.home_prefix_length = 24;
  node = node_new (&config);
  /* Through an agent the broadcast address is in the message alone. */
  node_register_via (node, MIP4_FORM_FOREIGN_AGENT, &agent, AGENT_CARE_OF);
  g_assert_cmphex (destination (node), ==, AGENT);
  g_assert_cmphex (node_last_sent (node)->agent, ==, DIRECTED_BROADCAST);
  node_register (node, WIFI, 1, MIP4_FORM_CO_LOCATED, CARE_OF);
  g_assert_cmphex (destination (node), ==, DIRECTED_BROADCAST);
  g_assert_cmphex (node_last_sent (node)->agent, ==, DIRECTED_BROADCAST);
  /* The home agents' clock is 1000 s ahead: known from their very refusal. */
  reply = forge_reply (node_last_sent (node));
  reply.code = 136;
  reply.agent = OTHER_AGENT;
  reply.identification += G_GUINT64_CONSTANT (1000) << 32;
  receive_from (node, &reply, OTHER_AGENT);
  g_assert_true (node_expect (node, MIP4_MN_DENIED)->will_retry);
  /* The second one on the home network comes too late. */
  reply.agent = HOME_AGENT;
  receive_from (node, &reply, HOME_AGENT);
  node_expect (node, MIP4_MN_DISCARDED);
  node_advance (node, SECOND);
  g_assert_cmphex (destination (node), ==, OTHER_AGENT);
  g_assert_cmphex (node_last_sent (node)->agent, ==, OTHER_AGENT);
  g_assert_cmpuint ((node_last_sent (node)->identification >> 32) - (node->now.ntp >> 32), >=, 999);
  reply = forge_reply (node_last_sent (node));
  receive_from (node, &reply, HOME_AGENT);
  g_assert_cmpuint (node_counter (node, "discarded-wrong-source"), ==, 1);
  receive_from (node, &reply, OTHER_AGENT);
  g_assert_cmphex (roam_addr_to_u32 (&node_expect (node, MIP4_MN_ACCEPTED)->home_agent), ==, OTHER_AGENT);
  node_advance (node, 10 * SECOND);
  node_register (node, WIFI, 2, MIP4_FORM_CO_LOCATED, CARE_OF);
  g_assert_cmphex (destination (node), ==, OTHER_AGENT);
}

/* covers: MIP-COD-035, MIP-COD-046 */
static void
test_136_twice_is_a_failure (void)
{
  g_autoptr (Node) node = node_new (NULL);
  Forgery reply;

  node_register (node, WIFI, 1, MIP4_FORM_CO_LOCATED, CARE_OF);
  reply = forge_reply (node_last_sent (node));
  reply.code = 136;
  reply.agent = OTHER_AGENT;
  node_receive_forged (node, &reply);
  g_assert_true (node_expect (node, MIP4_MN_DENIED)->will_retry);
  node_advance (node, SECOND);
  reply = forge_reply (node_last_sent (node));
  reply.code = 136;
  reply.agent = OTHER_AGENT + 1;
  receive_from (node, &reply, OTHER_AGENT);
  g_assert_false (node_expect (node, MIP4_MN_DENIED)->will_retry);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/mip4/mn-nai/assigned", test_home_address_is_assigned);
  g_test_add_func ("/mip4/mn-nai/usable", test_assigned_address_must_be_usable);
  g_test_add_func ("/mip4/mn-nai/agent", test_through_an_agent_without_a_home_address);
  g_test_add_func ("/mip4/mn-nai/96", test_96_names_the_home_address_once_it_is_known);
  g_test_add_func ("/mip4/mn-nai/configuration", test_what_must_be_configured);
  g_test_add_func ("/mip4/mn-dha/assigned", test_home_agent_is_assigned);
  g_test_add_func ("/mip4/mn-dha/redirected", test_redirection_is_followed);
  g_test_add_func ("/mip4/mn-dha/redirected-authenticated", test_redirection_is_authenticated_by_the_agent_it_names);
  g_test_add_func ("/mip4/mn-dha/loop", test_redirection_loop_ends);
  g_test_add_func ("/mip4/mn-dha/chain", test_chain_of_redirections_is_bounded);
  g_test_add_func ("/mip4/mn-dha/nowhere", test_redirection_to_nowhere_is_not_followed);
  g_test_add_func ("/mip4/mn-dha/legacy", test_legacy_agent_gets_a_name_to_forward_to);
  g_test_add_func ("/mip4/mn-dha/broadcast", test_home_agent_is_found_by_directed_broadcast);
  g_test_add_func ("/mip4/mn-dha/136-twice", test_136_twice_is_a_failure);
  return g_test_run ();
}
