/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "agent-fixture.h"

static void
agent_action_clear (gpointer action)
{
  mip4_ha_action_clear (action);
}

Mip4HaConfig
agent_default_config (void)
{
  return (Mip4HaConfig){
    .address = roam_addr_from_u32 (HOME_AGENT),
    .max_lifetime_s = 1800,
    .nat_traversal = TRUE,
    .forced_udp = TRUE,
  };
}

static RoamSecret *
secret_of (const char *hex)
{
  g_autoptr (GByteArray) key = unhex (hex);

  return roam_secret_new (key->data, key->len);
}

#define MAX_NODES 4u

/* The nodes of @config with the keys that are missing. */
static void
fill_nodes (const Agent *agent, const Mip4HaConfig *config, Mip4HaNode nodes[MAX_NODES],
            Mip4HaAssociation more[MAX_NODES])
{
  g_assert_cmpuint (config->n_nodes, <=, MAX_NODES);
  for (gsize i = 0; i < config->n_nodes; i++)
    {
      nodes[i] = config->nodes[i];
      if (nodes[i].mn_ha.key == NULL)
        nodes[i].mn_ha.key = agent->key;
      if (nodes[i].n_more_mn_ha == 0)
        continue;
      g_assert_cmpuint (nodes[i].n_more_mn_ha, ==, 1);
      more[i] = nodes[i].more_mn_ha[0];
      if (more[i].association.key == NULL)
        more[i].association.key = agent->other_key;
      nodes[i].more_mn_ha = &more[i];
    }
}

Agent *
agent_new (const Mip4HaConfig *config)
{
  Mip4HaConfig own = config != NULL ? *config : agent_default_config ();
  const Mip4HaNode two[] = {
    { roam_addr_from_u32 (HOME_ADDRESS), { SPI, MIP4_AUTH_HMAC_SHA_256, NULL }, "alice" },
    { roam_addr_from_u32 (OTHER_HOME), { 5000, MIP4_AUTH_HMAC_MD5, NULL }, NULL },
  };
  RoamPrefix trusted[2];
  Agent *agent = g_new0 (Agent, 1);
  Mip4HaNode nodes[MAX_NODES] = { 0 };
  Mip4HaAssociation more[MAX_NODES] = { 0 };
  Mip4HaFaAssociation fa_ha = { 0 };

  agent->key = secret_of (default_key_hex);
  agent->other_key = secret_of (other_key_hex);
  agent->agent_key = secret_of (agent_key_hex);
  agent->rng = roam_rng_new_for_test (7);
  own.rng = agent->rng;
  if (own.nodes == NULL)
    {
      own.nodes = two;
      own.n_nodes = 2;
    }
  fill_nodes (agent, &own, nodes, more);
  own.nodes = nodes;
  if (own.n_fa_ha == 1)
    {
      fa_ha = own.fa_ha[0];
      if (fa_ha.association.key == NULL)
        fa_ha.association.key = agent->agent_key;
      own.fa_ha = &fa_ha;
    }
  g_assert_true (roam_prefix_parse ("10.0.0.0/8", &trusted[0]));
  g_assert_true (roam_prefix_parse ("192.0.2.0/24", &trusted[1]));
  if (own.n_trusted_networks == 0)
    {
      own.trusted_networks = trusted;
      own.n_trusted_networks = 2;
    }
  g_assert_cmpstr (mip4_ha_config_fault (&own), ==, NULL);
  agent->ha = mip4_ha_new (&own);
  agent->now = (RoamNow){ .boot_us = 1000 * SECOND, .ntp = NTP_START << 32 };
  agent->actions = g_array_new (FALSE, FALSE, sizeof (Mip4HaAction));
  g_array_set_clear_func (agent->actions, agent_action_clear);
  return agent;
}

void
agent_free (Agent *agent)
{
  mip4_ha_free (agent->ha);
  g_array_unref (agent->actions);
  roam_secret_unref (agent->key);
  roam_secret_unref (agent->other_key);
  roam_secret_unref (agent->agent_key);
  roam_rng_free (agent->rng);
  g_free (agent);
}

void
agent_collect (Agent *agent)
{
  Mip4HaAction action;

  g_array_set_size (agent->actions, 0);
  while (mip4_ha_pop_action (agent->ha, &action))
    g_array_append_val (agent->actions, action);
}

void
agent_advance (Agent *agent, gint64 us)
{
  agent->now.boot_us += us;
  agent->now.ntp += ((guint64)us << 32) / (guint64)SECOND;
  mip4_ha_input_deadline (agent->ha, &agent->now);
  agent_collect (agent);
}

gboolean
agent_has (const Agent *agent, Mip4HaActionType type)
{
  for (guint i = 0; i < agent->actions->len; i++)
    if (g_array_index (agent->actions, Mip4HaAction, i).type == type)
      return TRUE;
  return FALSE;
}

/* The first of its type; there must be one. */
const Mip4HaAction *
agent_find (const Agent *agent, Mip4HaActionType type)
{
  for (guint i = 0; i < agent->actions->len; i++)
    if (g_array_index (agent->actions, Mip4HaAction, i).type == type)
      return &g_array_index (agent->actions, Mip4HaAction, i);
  g_error ("no action of type %d", type);
}

void
agent_input_from (Agent *agent, const Forgery *request, guint32 source, guint16 port, guint32 destination)
{
  g_autoptr (GBytes) message = forge (request);
  const RoamEndpoint from = { roam_addr_from_u32 (source), port };
  const RoamAddr to = roam_addr_from_u32 (destination);

  mip4_ha_input_datagram (agent->ha, &agent->now, &from, &to, g_bytes_get_data (message, NULL),
                          g_bytes_get_size (message));
  agent_collect (agent);
}

void
agent_input (Agent *agent, const Forgery *request)
{
  agent_input_from (agent, request, request->care_of, 45000, HOME_AGENT);
}

/* Fresh Identification: the clock, a little later each time. */
Forgery
agent_request (Agent *agent)
{
  agent->now.ntp += 1000;
  return forge_request (agent->now.ntp);
}

/* The reply of the last input, decoded and with its authenticator checked. */
Mip4Message
agent_reply (const Agent *agent)
{
  const Mip4HaAction *send = agent_find (agent, MIP4_HA_ACTION_SEND);
  Mip4SecurityAssociation association = { SPI, MIP4_AUTH_HMAC_SHA_256, agent->key };
  Mip4Message reply;

  g_assert_cmpint (
    mip4_parse (g_bytes_get_data (send->send.datagram, NULL), g_bytes_get_size (send->send.datagram), &reply), ==,
    MIP4_DISCARD_NONE);
  g_assert_cmpint (reply.type, ==, MIP4_MESSAGE_REPLY);
  if (reply.mhae.spi == OTHER_SPI)
    association = (Mip4SecurityAssociation){ OTHER_SPI, MIP4_AUTH_HMAC_SHA_256, agent->other_key };
  else if (reply.mhae.spi == 5000)
    association = (Mip4SecurityAssociation){ 5000, MIP4_AUTH_HMAC_MD5, agent->key };
  g_assert_cmpint (mip4_verify_mhae (&reply, &association), ==, MIP4_DISCARD_NONE);
  /* RFC 5265 4.3: who is answered at all is told that the network is trusted. */
  g_assert_true (reply.covered.tnc);
  return reply;
}

const Mip4HaAction *
agent_action (const Agent *agent, guint index)
{
  g_assert_cmpuint (index, <, agent->actions->len);
  return &g_array_index (agent->actions, Mip4HaAction, index);
}

guint
agent_count (const Agent *agent, Mip4HaActionType type)
{
  guint n = 0;

  for (guint i = 0; i < agent->actions->len; i++)
    n += agent_action (agent, i)->type == type;
  return n;
}

guint64
agent_counter (const Agent *agent, const char *name)
{
  g_autoptr (GHashTable) counters = mip4_ha_dup_counters (agent->ha);
  const guint64 *value = g_hash_table_lookup (counters, name);

  g_assert_nonnull (value);
  return *value;
}

void
agent_expect_code (const Agent *agent, guint8 code)
{
  g_assert_cmpuint (agent_reply (agent).code, ==, code);
}

void
agent_expect_silence (const Agent *agent)
{
  g_assert_false (agent_has (agent, MIP4_HA_ACTION_SEND));
  g_assert_false (agent_has (agent, MIP4_HA_ACTION_BINDING_ADD));
  g_assert_false (agent_has (agent, MIP4_HA_ACTION_BINDING_REMOVE));
  g_assert_true (agent_has (agent, MIP4_HA_ACTION_LOG));
}

guint
agent_n_bindings (const Agent *agent)
{
  g_autoptr (GArray) bindings = mip4_ha_dup_bindings (agent->ha);

  return bindings->len;
}
