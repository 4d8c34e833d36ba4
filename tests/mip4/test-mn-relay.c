/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "fixture.h"
#include "mip4/mip4-fa.h"

#include <string.h>

/* A mobile node, a foreign agent and a home agent, each our own, in virtual time: what one sends the next takes. */

typedef struct
{
  Node *node;
  RoamRng *rng;
  RoamSecret *agent_key;
  Mip4Fa *fa;
  Mip4Ha *ha;
  guint carried; /* requests already given to the agent */
} Chain;

typedef struct
{
  gboolean shares_key, challenge, encapsulating_delivery;
  guint16 agent_lifetime_s;
  gboolean wants_delivery;
} Setup;

static RoamSecret *
secret_of (const char *hex)
{
  g_autoptr (GByteArray) octets = unhex (hex);

  return roam_secret_new (octets->data, octets->len);
}

static void
chain_init (Chain *chain, const Setup *setup)
{
  g_autoptr (RoamSecret) mn_ha = secret_of (default_key_hex);
  const RoamPrefix trusted = { roam_addr_from_u32 (0x0a000000), 8 };
  Mip4MnConfig config = node_default_config ();
  Mip4MnFaAssociation mn_fa;
  Mip4FaPeer peer;

  memset (chain, 0, sizeof *chain);
  chain->rng = roam_rng_new_for_test (7);
  chain->agent_key = secret_of (agent_key_hex);
  mn_fa = (Mip4MnFaAssociation){ roam_addr_from_u32 (AGENT), { AGENT_SPI, MIP4_AUTH_HMAC_SHA_256, chain->agent_key } };
  peer = (Mip4FaPeer){ config.home_address, mn_fa.association };
  config.mn_fa = &mn_fa;
  config.n_mn_fa = setup->shares_key;
  config.encapsulating_delivery = setup->wants_delivery;
  chain->node = node_new (&config);
  chain->fa = mip4_fa_new (
    &(Mip4FaConfig){
      .address = roam_addr_from_u32 (AGENT),
      .care_of = { roam_addr_from_u32 (AGENT_CARE_OF) },
      .n_care_of = 1,
      .registration_lifetime_s = setup->agent_lifetime_s,
      .reverse_tunnel = TRUE,
      .encapsulating_delivery = setup->encapsulating_delivery,
      .challenge = setup->challenge,
      .nodes = &peer,
      .n_nodes = setup->shares_key,
    },
    chain->rng);
  chain->ha = mip4_ha_new (&(Mip4HaConfig){
    .address = config.home_agent,
    .trusted_networks = &trusted,
    .n_trusted_networks = 1,
    .nodes = &(Mip4HaNode){ config.home_address, { SPI, MIP4_AUTH_HMAC_SHA_256, mn_ha }, NULL },
    .n_nodes = 1,
    .max_lifetime_s = 1800,
    .nat_traversal = TRUE,
  });
}

static void
chain_clear (Chain *chain)
{
  mip4_fa_free (chain->fa);
  mip4_ha_free (chain->ha);
  node_free (chain->node);
  roam_rng_free (chain->rng);
  roam_secret_unref (chain->agent_key);
}

/* Requests of the node that the agent has not had yet. */
static gboolean
carry_requests (Chain *chain)
{
  gboolean any = FALSE;

  for (; chain->carried < node_n_sent (chain->node); chain->carried++)
    {
      const Sent *sent = node_sent (chain->node, chain->carried);
      const Mip4FaHeader header = {
        TRUE, { sent->source, 45000 }, sent->destination.addr, { 2, 0, 0, 0, 0, 0x11 }, sent->ttl
      };

      g_assert_true (sent->has_link_layer);
      mip4_fa_input_datagram (chain->fa, &chain->node->now, &header, g_bytes_get_data (sent->bytes, NULL),
                              g_bytes_get_size (sent->bytes));
      any = TRUE;
    }
  return any;
}

static gboolean
carry_from_agent (Chain *chain)
{
  gboolean any = FALSE;

  for (;;)
    {
      g_auto (Mip4FaAction) action = { 0 };
      GBytes *datagram;

      if (!mip4_fa_pop_action (chain->fa, &action))
        return any;
      if (action.type == MIP4_FA_ACTION_LOG && action.log.code != 0)
        g_test_message ("agent: %u %s", action.log.code, action.log.reason);
      if (action.type != MIP4_FA_ACTION_SEND)
        continue;
      datagram = action.send.datagram;
      any = TRUE;
      if (action.send.visited)
        node_receive_at (chain->node, datagram, WIFI, roam_addr_to_u32 (&action.send.source), action.send.source_port,
                         roam_addr_to_u32 (&action.send.destination.addr));
      else
        mip4_ha_input_datagram (
          chain->ha, &chain->node->now, &(RoamEndpoint){ action.send.source, action.send.source_port },
          &action.send.destination.addr, g_bytes_get_data (datagram, NULL), g_bytes_get_size (datagram));
    }
}

static gboolean
carry_from_home_agent (Chain *chain)
{
  gboolean any = FALSE;

  for (;;)
    {
      g_auto (Mip4HaAction) action = { 0 };

      if (!mip4_ha_pop_action (chain->ha, &action))
        return any;
      if (action.type != MIP4_HA_ACTION_SEND)
        continue;
      mip4_fa_input_datagram (chain->fa, &chain->node->now,
                              &(Mip4FaHeader){
                                .source = { action.send.source, MIP4_PORT },
                                .destination = action.send.destination.addr,
                                .ttl = 64,
                              },
                              g_bytes_get_data (action.send.datagram, NULL), g_bytes_get_size (action.send.datagram));
      any = TRUE;
    }
}

static void
carry (Chain *chain)
{
  gboolean any;

  do
    {
      any = carry_requests (chain);
      any = carry_from_agent (chain) || any;
      any = carry_from_home_agent (chain) || any;
    }
  while (any);
}

/* Carries for @seconds, a tenth of one at a time. */
static void
run (Chain *chain, guint seconds)
{
  for (guint i = 0; i < 10 * seconds; i++)
    {
      carry (chain);
      node_advance (chain->node, SECOND / 10);
      mip4_fa_input_deadline (chain->fa, &chain->node->now);
      mip4_ha_input_deadline (chain->ha, &chain->node->now);
    }
}

static void
register_through_with (Chain *chain, Mip4Form form, guint stale_octets)
{
  Mip4Agent agent = make_agent ();

  agent.n_care_of = 1;
  agent.n_challenge = stale_octets;
  node_register_via (chain->node, form, &agent, form == MIP4_FORM_FOREIGN_AGENT ? AGENT_CARE_OF : CARE_OF);
}

static void
register_through (Chain *chain, Mip4Form form)
{
  register_through_with (chain, form, 0);
}

static const Mip4MnEvent *
last_accepted (const Chain *chain)
{
  const Mip4MnEvent *found = NULL;

  for (guint i = 0; i < chain->node->events->len; i++)
    {
      const Mip4MnEvent *event = &g_array_index (chain->node->events, Mip4MnEvent, i);

      if (event->type == MIP4_MN_ACCEPTED)
        found = event;
    }
  g_assert_nonnull (found);
  return found;
}

/* covers: MIP-MOV-020, MIP-TNC-003, MIP-RPL-006 */
static void
test_registered_through_the_agent (void)
{
  for (guint shared = 0; shared < 2; shared++)
    {
      const Setup setup = { .shares_key = shared, .agent_lifetime_s = 300 };
      g_autoptr (GArray) visitors = NULL;
      const Mip4MnEvent *event;
      Chain chain;

      chain_init (&chain, &setup);
      register_through (&chain, MIP4_FORM_FOREIGN_AGENT);
      run (&chain, 2);
      event = last_accepted (&chain);
      g_assert_true (event->tnc);
      g_assert_cmpuint (event->lifetime_s, ==, 300);
      g_assert_cmpuint (node_n_sent (chain.node), ==, 1);
      visitors = mip4_fa_dup_visitors (chain.fa);
      g_assert_cmpuint (visitors->len, ==, 1);
      chain_clear (&chain);
    }
}

/* covers: MIP-CHL-003, MIP-CHL-009, MIP-COD-024 */
static void
test_challenge_is_learned_from_the_denial_and_from_each_reply (void)
{
  const Setup setup = { .shares_key = TRUE, .challenge = TRUE, .agent_lifetime_s = 300 };
  g_autofree char *first = NULL, *second = NULL;
  Chain chain;

  chain_init (&chain, &setup);
  /* A challenge that this agent never gave. */
  register_through_with (&chain, MIP4_FORM_FOREIGN_AGENT, 4);
  run (&chain, 3);
  g_assert_cmpuint (node_count_events (chain.node, MIP4_MN_DENIED), ==, 1);
  g_assert_cmpuint (node_n_sent (chain.node), ==, 2);
  g_assert_cmpuint (last_accepted (&chain)->lifetime_s, ==, 300);
  /* The renewal needs no second round trip. */
  register_through_with (&chain, MIP4_FORM_FOREIGN_AGENT, 4);
  run (&chain, 3);
  g_assert_cmpuint (node_n_sent (chain.node), ==, 3);
  g_assert_cmpuint (node_count_events (chain.node, MIP4_MN_ACCEPTED), ==, 2);
  first = sent_extension (node_sent (chain.node, 1), 132);
  second = sent_extension (node_sent (chain.node, 2), 132);
  g_assert_cmpstr (second, !=, "");
  g_assert_cmpstr (first, !=, second);
  chain_clear (&chain);
}

/* covers: MIP-COD-008 */
static void
test_lifetime_is_cut_to_the_agents (void)
{
  const Setup setup = { .agent_lifetime_s = 120 };
  Chain chain;

  chain_init (&chain, &setup);
  register_through (&chain, MIP4_FORM_FOREIGN_AGENT);
  run (&chain, 3);
  g_assert_cmpuint (node_last_sent (chain.node)->lifetime, ==, 120);
  g_assert_cmpuint (last_accepted (&chain)->lifetime_s, ==, 120);
  chain_clear (&chain);
}

/* covers: MIP-COD-018, MIP-REV-004 */
static void
test_delivery_style_is_what_the_agent_knows (void)
{
  for (guint offered = 0; offered < 2; offered++)
    {
      const Setup setup = { .agent_lifetime_s = 300, .wants_delivery = TRUE, .encapsulating_delivery = offered };
      g_autoptr (GArray) visitors = NULL;
      Chain chain;

      chain_init (&chain, &setup);
      register_through (&chain, MIP4_FORM_FOREIGN_AGENT);
      run (&chain, 3);
      g_assert_cmpint (last_accepted (&chain)->encapsulating_delivery, ==, offered);
      visitors = mip4_fa_dup_visitors (chain.fa);
      g_assert_cmpint (g_array_index (visitors, Mip4FaVisitor, 0).encapsulating_delivery, ==, offered);
      chain_clear (&chain);
    }
}

static void
test_co_located_through_the_agent (void)
{
  const Setup setup = { .shares_key = TRUE, .agent_lifetime_s = 300 };
  g_autoptr (GArray) bindings = NULL;
  Chain chain;

  chain_init (&chain, &setup);
  register_through (&chain, MIP4_FORM_CO_LOCATED_VIA_AGENT);
  run (&chain, 2);
  g_assert_cmpuint (last_accepted (&chain)->lifetime_s, ==, 300);
  bindings = mip4_ha_dup_bindings (chain.ha);
  g_assert_cmpuint (bindings->len, ==, 1);
  g_assert_cmphex (roam_addr_to_u32 (&g_array_index (bindings, Mip4HaBinding, 0).care_of_address), ==, CARE_OF);
  chain_clear (&chain);
}

/* covers: MIP-REG-021 */
static void
test_deregistered_through_the_agent (void)
{
  const Setup setup = { .shares_key = TRUE, .challenge = TRUE, .agent_lifetime_s = 300 };
  g_autoptr (GArray) bindings = NULL;
  Chain chain;

  chain_init (&chain, &setup);
  register_through (&chain, MIP4_FORM_FOREIGN_AGENT);
  run (&chain, 3);
  register_through (&chain, MIP4_FORM_DEREGISTER);
  run (&chain, 3);
  node_advance (chain.node, SECOND);
  bindings = mip4_ha_dup_bindings (chain.ha);
  /* CARE_OF was never bound: the deregistration of another address leaves the binding. */
  g_assert_cmpuint (bindings->len, ==, 1);
  g_clear_pointer (&bindings, g_array_unref);
  node_input (chain.node, &(Mip4MnCommand){
                            .type = MIP4_MN_REGISTER,
                            .path = WIFI,
                            .form = MIP4_FORM_DEREGISTER,
                            .care_of_address = roam_addr_from_u32 (AGENT_CARE_OF),
                            .copies = 3,
                            .agent = make_agent (),
                          });
  run (&chain, 3);
  g_assert_cmpuint (last_accepted (&chain)->lifetime_s, ==, 0);
  bindings = mip4_ha_dup_bindings (chain.ha);
  g_assert_cmpuint (bindings->len, ==, 0);
  chain_clear (&chain);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/mip4/mn-relay/registered", test_registered_through_the_agent);
  g_test_add_func ("/mip4/mn-relay/challenge", test_challenge_is_learned_from_the_denial_and_from_each_reply);
  g_test_add_func ("/mip4/mn-relay/lifetime", test_lifetime_is_cut_to_the_agents);
  g_test_add_func ("/mip4/mn-relay/delivery", test_delivery_style_is_what_the_agent_knows);
  g_test_add_func ("/mip4/mn-relay/co-located", test_co_located_through_the_agent);
  g_test_add_func ("/mip4/mn-relay/deregistered", test_deregistered_through_the_agent);
  return g_test_run ();
}
