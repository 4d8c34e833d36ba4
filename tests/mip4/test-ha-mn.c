/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "agent-fixture.h"

/* Our mobile node and our home agent, message by message: what one of them makes the other understands. */

typedef struct
{
  Node *node;
  Agent *agent;
  guint delivered; /* of node->sent */
} Pair;

static void
pair_clear (Pair *pair)
{
  node_free (pair->node);
  agent_free (pair->agent);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (Pair, pair_clear)

static Pair
pair_new (const Mip4MnConfig *mn, const Mip4HaConfig *ha)
{
  Pair pair = { node_new (mn), agent_new (ha), 0 };

  pair.agent->now = pair.node->now;
  return pair;
}

/* What the agent has to say goes to the node. */
static void
deliver_to_node (Pair *pair)
{
  for (guint i = 0; i < pair->agent->actions->len; i++)
    {
      const Mip4HaAction *action = agent_action (pair->agent, i);

      if (action->type == MIP4_HA_ACTION_SEND)
        node_receive_at (pair->node, action->send.datagram, WIFI, HOME_AGENT, MIP4_PORT,
                         roam_addr_to_u32 (&action->send.destination.addr));
    }
  g_array_set_size (pair->agent->actions, 0);
}

/* Back and forth until nobody has anything to say. */
static void
exchange (Pair *pair)
{
  while (pair->delivered < node_n_sent (pair->node))
    {
      const Sent *sent = node_sent (pair->node, pair->delivered++);
      const RoamEndpoint source = { sent->source, sent->source_port != 0 ? sent->source_port : 45000 };

      pair->agent->now = pair->node->now;
      mip4_ha_input_datagram (pair->agent->ha, &pair->agent->now, &source, &sent->destination.addr,
                              g_bytes_get_data (sent->bytes, NULL), g_bytes_get_size (sent->bytes));
      agent_collect (pair->agent);
      deliver_to_node (pair);
    }
}

static void
run (Pair *pair, gint64 us)
{
  for (gint64 end = pair->node->now.boot_us + us; pair->node->now.boot_us < end;)
    {
      node_advance (pair->node, SECOND / 4);
      exchange (pair);
    }
}

/* covers: MIP-IDN-002, MIP-IDN-021, MIP-IDN-027 */
static void
test_nonces_between_the_two (void)
{
  const Mip4HaNode node = { .home_address = roam_addr_from_u32 (HOME_ADDRESS),
                            .mn_ha = { SPI, MIP4_AUTH_HMAC_SHA_256, NULL },
                            .replay = MIP4_REPLAY_NONCE };
  Mip4MnConfig mn = node_default_config ();
  Mip4HaConfig ha = agent_default_config ();
  g_auto (Pair) pair = { 0 };

  mn.replay = MIP4_REPLAY_NONCE;
  ha.nodes = &node;
  ha.n_nodes = 1;
  pair = pair_new (&mn, &ha);
  node_register (pair.node, WIFI, 1, MIP4_FORM_CO_LOCATED, CARE_OF);
  exchange (&pair);
  run (&pair, 3 * SECOND);
  g_assert_cmpuint (node_count_events (pair.node, MIP4_MN_ACCEPTED), ==, 1);
  /* One 133 to learn the nonce, never again. */
  g_assert_cmpuint (agent_counter (pair.agent, "requests-denied"), ==, 1);
  for (guint i = 2; i < 10; i++)
    {
      node_register (pair.node, WIFI, i, MIP4_FORM_CO_LOCATED, CARE_OF);
      exchange (&pair);
      run (&pair, 3 * SECOND);
      g_assert_cmpuint (node_count_events (pair.node, MIP4_MN_ACCEPTED), ==, i);
    }
  g_assert_cmpuint (agent_counter (pair.agent, "requests-denied"), ==, 1);
}

/* covers: MIP-RVK-004, MIP-RVK-013, MIP-RVK-015 */
static void
test_revocation_between_the_two (void)
{
  const Mip4HaCommand command = { MIP4_HA_REVOKE, ROAM_ADDR_NONE };
  Mip4MnConfig mn = node_default_config ();
  Mip4HaConfig ha = agent_default_config ();
  g_auto (Pair) pair = { 0 };

  mn.revocation = ha.revocation = TRUE;
  pair = pair_new (&mn, &ha);
  node_register (pair.node, WIFI, 1, MIP4_FORM_CO_LOCATED, CARE_OF);
  exchange (&pair);
  node_expect (pair.node, MIP4_MN_ACCEPTED);
  /* In the same second as the registration. */
  mip4_ha_input_command (pair.agent->ha, &pair.agent->now, &command);
  agent_collect (pair.agent);
  deliver_to_node (&pair);
  node_expect (pair.node, MIP4_MN_REVOKED);
  exchange (&pair);
  g_assert_cmpuint (agent_counter (pair.agent, "revocations-acknowledged"), ==, 1);
  g_assert_cmpint (mip4_ha_next_deadline (pair.agent->ha), ==, ROAM_NEVER);
}

/* covers: MIP-NAI-010 */
static void
test_assignment_between_the_two (void)
{
  const Mip4HaNode node = { ROAM_ADDR_NONE, { SPI, MIP4_AUTH_HMAC_SHA_256, NULL }, "alice@example" };
  Mip4MnConfig mn = node_default_config ();
  Mip4HaConfig ha = agent_default_config ();
  const Mip4MnEvent *event;
  g_auto (Pair) pair = { 0 };

  mn.home_address = ROAM_ADDR_NONE;
  mn.nai = "alice@example";
  ha.nodes = &node;
  ha.n_nodes = 1;
  ha.pool_first = roam_addr_from_u32 (HOME_ADDRESS + 10);
  ha.pool_last = roam_addr_from_u32 (HOME_ADDRESS + 20);
  pair = pair_new (&mn, &ha);
  for (guint i = 1; i <= 2; i++)
    {
      node_register (pair.node, WIFI, i, MIP4_FORM_CO_LOCATED, CARE_OF);
      exchange (&pair);
      event = node_expect (pair.node, MIP4_MN_ACCEPTED);
      g_assert_cmpuint (roam_addr_to_u32 (&event->home_address), ==, HOME_ADDRESS + 10);
      run (&pair, 2 * SECOND);
    }
  g_assert_cmpuint (agent_n_bindings (pair.agent), ==, 1);
}

static void
test_services_and_texts_between_the_two (void)
{
  static const char *const services[] = { "voice", NULL };
  const Mip4HaNode node = { .home_address = roam_addr_from_u32 (HOME_ADDRESS),
                            .mn_ha = { SPI, MIP4_AUTH_HMAC_SHA_256, NULL },
                            .services = services };
  static const char *const wishes[] = { "voice", "video" };
  Mip4HaConfig ha = agent_default_config ();

  ha.nodes = &node;
  ha.n_nodes = 1;
  ha.denial_message = "no such service";
  for (guint i = 0; i < G_N_ELEMENTS (wishes); i++)
    {
      Mip4MnConfig mn = node_default_config ();
      const Mip4MnEvent *event;
      g_auto (Pair) pair = { 0 };

      mn.service = wishes[i];
      pair = pair_new (&mn, &ha);
      node_register (pair.node, WIFI, 1, MIP4_FORM_CO_LOCATED, CARE_OF);
      exchange (&pair);
      if (i == 0)
        {
          node_expect (pair.node, MIP4_MN_ACCEPTED);
          continue;
        }
      event = node_expect (pair.node, MIP4_MN_DENIED);
      g_assert_cmpuint (event->code, ==, 151);
      g_assert_cmpstr (event->message, ==, "no such service");
      g_assert_true (event->message_authentic);
    }
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/mip4/ha-mn/nonces", test_nonces_between_the_two);
  g_test_add_func ("/mip4/ha-mn/revocation", test_revocation_between_the_two);
  g_test_add_func ("/mip4/ha-mn/assignment", test_assignment_between_the_two);
  g_test_add_func ("/mip4/ha-mn/service", test_services_and_texts_between_the_two);
  return g_test_run ();
}
