/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "agent-fixture.h"

#include <string.h>

/*
 * What a home agent tells its caller to keep, and comes back with after a restart; and a storm of good,
 * forged and repeated requests over many nodes, with crashes, against a model.
 */

/* covers: MIP-IDN-023 */
static void
test_what_is_stored (void)
{
  g_autoptr (Agent) agent = agent_new (NULL);
  Forgery request = agent_request (agent), gone;
  const Mip4HaAction *store;

  agent_input (agent, &request);
  store = agent_action (agent, 0);
  g_assert_cmpint (store->type, ==, MIP4_HA_ACTION_STORE);
  g_assert_cmpint (store->store.what, ==, MIP4_HA_STORE_SET);
  g_assert_cmpuint (roam_addr_to_u32 (&store->store.home_address), ==, HOME_ADDRESS);
  g_assert_cmpstr (store->store.nai, ==, "alice");
  g_assert_true (store->store.replay.has_timestamp && !store->store.replay.has_nonce);
  g_assert_cmphex (store->store.replay.timestamp, ==, request.identification);
  g_assert_cmpuint (roam_addr_to_u32 (&store->store.binding.care_of_address), ==, CARE_OF);
  /* A move: the old one goes, the new one comes. */
  request = agent_request (agent);
  request.care_of = CARE_OF_2;
  agent_input (agent, &request);
  g_assert_cmpint (agent_action (agent, 0)->store.what, ==, MIP4_HA_STORE_UNSET);
  g_assert_cmpuint (roam_addr_to_u32 (&agent_action (agent, 0)->store.binding.care_of_address), ==, CARE_OF);
  g_assert_cmpint (agent_action (agent, 1)->store.what, ==, MIP4_HA_STORE_SET);
  /* A denial uses up its timestamp too. */
  request = agent_request (agent);
  request.care_of = HOME_AGENT;
  agent_input_from (agent, &request, CARE_OF, 45000, HOME_AGENT);
  agent_expect_code (agent, 134);
  store = agent_find (agent, MIP4_HA_ACTION_STORE);
  g_assert_cmpint (store->store.what, ==, MIP4_HA_STORE_REPLAY);
  g_assert_cmphex (store->store.replay.timestamp, ==, request.identification);
  g_assert_true (store < agent_find (agent, MIP4_HA_ACTION_SEND));
  /* 133 and duplicates change nothing, so nothing is stored. */
  agent_input (agent, &request);
  g_assert_false (agent_has (agent, MIP4_HA_ACTION_STORE));
  gone = agent_request (agent);
  gone.lifetime = 0;
  gone.care_of = CARE_OF_2;
  agent_input (agent, &gone);
  store = agent_action (agent, 0);
  g_assert_cmpint (store->store.what, ==, MIP4_HA_STORE_UNSET);
  g_assert_cmphex (store->store.replay.timestamp, ==, gone.identification);
}

/* covers: MIP-IDN-023, MIP-HA-011 */
static void
test_restart (void)
{
  g_autoptr (Agent) before = agent_new (NULL), after = agent_new (NULL);
  Forgery request = agent_request (before), newer;
  Mip4HaBinding binding;
  Mip4HaReplay replay;

  agent_input (before, &request);
  binding = agent_find (before, MIP4_HA_ACTION_STORE)->store.binding;
  replay = agent_find (before, MIP4_HA_ACTION_STORE)->store.replay;
  after->now.ntp = before->now.ntp;
  g_assert_true (mip4_ha_restore_replay (after->ha, &binding.home_address, NULL, &replay));
  g_assert_true (mip4_ha_restore_binding (after->ha, &after->now, NULL, &binding));
  agent_collect (after);
  g_assert_cmpuint (after->actions->len, ==, 1);
  g_assert_cmpint (agent_action (after, 0)->type, ==, MIP4_HA_ACTION_BINDING_ADD);
  g_assert_cmpint (mip4_ha_next_deadline (after->ha), ==, binding.expiry_us);
  /* Once. */
  g_assert_false (mip4_ha_restore_binding (after->ha, &after->now, NULL, &binding));
  /* The same request is a duplicate as it was before; an older one is none. */
  agent_advance (after, 10 * SECOND);
  agent_input (after, &request);
  agent_expect_code (after, 1);
  g_assert_cmpuint (agent_reply (after).lifetime, ==, 590);
  request.identification--;
  agent_input (after, &request);
  agent_expect_code (after, 133);
  newer = agent_request (after);
  agent_input (after, &newer);
  g_assert_true (agent_has (after, MIP4_HA_ACTION_BINDING_RENEW));
}

static void
test_what_is_not_restored (void)
{
  g_autoptr (Agent) agent = agent_new (NULL);
  const Mip4HaReplay replay = { 0 };
  Mip4HaBinding good = {
    .home_address = roam_addr_from_u32 (HOME_ADDRESS),
    .care_of_address = roam_addr_from_u32 (CARE_OF),
    .peer = { roam_addr_from_u32 (CARE_OF), 0 },
    .lifetime_s = 600,
  };
  Mip4HaBinding bad;

  good.expiry_us = agent->now.boot_us + 5;
  bad = good;
  bad.expiry_us = agent->now.boot_us;
  g_assert_false (mip4_ha_restore_binding (agent->ha, &agent->now, NULL, &bad));
  bad = good;
  bad.home_address = roam_addr_from_u32 (HOME_ADDRESS + 50);
  g_assert_false (mip4_ha_restore_binding (agent->ha, &agent->now, NULL, &bad));
  g_assert_false (mip4_ha_restore_binding (agent->ha, &agent->now, "alice", &bad));
  g_assert_false (mip4_ha_restore_replay (agent->ha, &bad.home_address, "nobody", &replay));
  bad = good;
  bad.care_of_address = ROAM_ADDR_NONE;
  g_assert_false (mip4_ha_restore_binding (agent->ha, &agent->now, NULL, &bad));
  g_assert_true (mip4_ha_restore_binding (agent->ha, &agent->now, NULL, &good));
  /* A second one of the same node: simultaneous bindings are off. */
  bad = good;
  bad.care_of_address = roam_addr_from_u32 (CARE_OF_2);
  g_assert_false (mip4_ha_restore_binding (agent->ha, &agent->now, NULL, &bad));
  g_assert_cmpuint (mip4_ha_n_bindings (agent->ha), ==, 1);
}

static void
test_assigned_addresses_come_back (void)
{
  const Mip4HaNode nodes[] = { { ROAM_ADDR_NONE, { SPI, MIP4_AUTH_HMAC_SHA_256, NULL }, "alice" },
                               { ROAM_ADDR_NONE, { SPI, MIP4_AUTH_HMAC_SHA_256, NULL }, "bob" } };
  Mip4HaConfig config = agent_default_config ();
  Mip4HaBinding binding = { .care_of_address = roam_addr_from_u32 (CARE_OF), .lifetime_s = 600 };
  g_autoptr (Agent) agent = NULL;

  config.nodes = nodes;
  config.n_nodes = 2;
  config.pool_first = roam_addr_from_u32 (HOME_ADDRESS);
  config.pool_last = roam_addr_from_u32 (HOME_ADDRESS + 9);
  agent = agent_new (&config);
  binding.home_address = roam_addr_from_u32 (HOME_ADDRESS + 4);
  binding.expiry_us = agent->now.boot_us + 600 * SECOND;
  g_assert_true (mip4_ha_restore_binding (agent->ha, &agent->now, "bob", &binding));
  /* Not to two. */
  g_assert_false (mip4_ha_restore_binding (agent->ha, &agent->now, "alice", &binding));
  binding.home_address = roam_addr_from_u32 (HOME_ADDRESS + 40);
  g_assert_false (mip4_ha_restore_binding (agent->ha, &agent->now, "alice", &binding));
  g_assert_cmpuint (agent_n_bindings (agent), ==, 1);
}

/* ---------------------------------------------------------------------- storm ---- */

#define N_NODES 24u
#define FIRST_HOME 0x0a010080u
#define STEPS 20000u
#define MEMORY 64u /* messages that are sent again */

/* What the disk has of one node. */
typedef struct
{
  gboolean bound, installed;
  Mip4HaBinding binding;
  Mip4HaReplay replay;
} Record;

typedef struct
{
  RoamRng *rng;
  RoamSecret *key;
  Mip4HaNode nodes[N_NODES];
  Mip4Ha *ha;
  RoamNow now;
  Record records[N_NODES];
  Forgery memory[MEMORY];
  guint n_memory;
  guint accepted, crashes;
} Storm;

static void
storm_boot (Storm *storm)
{
  static const RoamPrefix everybody = { { ROAM_FAMILY_INET4, { 0 } }, 0 };
  const Mip4HaConfig config = {
    .address = roam_addr_from_u32 (HOME_AGENT),
    .trusted_networks = &everybody,
    .n_trusted_networks = 1,
    .nodes = storm->nodes,
    .n_nodes = N_NODES,
    .max_lifetime_s = 60,
  };

  mip4_ha_free (storm->ha);
  storm->ha = mip4_ha_new (&config);
  for (guint i = 0; i < N_NODES; i++)
    {
      Record *record = &storm->records[i];

      record->installed = FALSE;
      g_assert_true (mip4_ha_restore_replay (storm->ha, &storm->nodes[i].home_address, NULL, &record->replay));
      if (record->bound)
        record->bound = mip4_ha_restore_binding (storm->ha, &storm->now, NULL, &record->binding);
    }
}

static Record *
record_of (Storm *storm, const RoamAddr *home)
{
  guint index = roam_addr_to_u32 (home) - FIRST_HOME;

  g_assert_cmpuint (index, <, N_NODES);
  return &storm->records[index];
}

static void
take_store (Storm *storm, const Mip4HaAction *action)
{
  Record *record = record_of (storm, &action->store.home_address);

  /* Never back (RFC 5944 5.7.1). */
  g_assert_false (record->replay.has_timestamp &&
                  mip4_identification_after (record->replay.timestamp, action->store.replay.timestamp));
  record->replay = action->store.replay;
  switch (action->store.what)
    {
    case MIP4_HA_STORE_REPLAY:
      return;
    case MIP4_HA_STORE_SET:
      record->bound = TRUE;
      record->binding = action->store.binding;
      return;
    case MIP4_HA_STORE_UNSET:
      g_assert_true (record->bound);
      g_assert_true (roam_addr_equal (&record->binding.care_of_address, &action->store.binding.care_of_address));
      record->bound = FALSE;
      return;
    }
}

/* An answer leaves when the disk has what it says. */
static void
take_reply (Storm *storm, const Mip4HaAction *action)
{
  gsize length;
  const guint8 *data = g_bytes_get_data (action->send.datagram, &length);
  const Record *record;
  Mip4Message reply;

  g_assert_cmpint (mip4_parse (data, length, &reply), ==, MIP4_DISCARD_NONE);
  record = record_of (storm, &reply.home_address);
  if (reply.code > 1)
    return;
  g_assert_cmpint (record->bound && reply.identification == record->binding.identification, ==, reply.code == 1);
  if (reply.code == 1)
    g_assert_cmpint (reply.lifetime, <=, (record->binding.expiry_us - storm->now.boot_us) / SECOND);
  g_assert_false (mip4_identification_after (reply.identification, record->replay.timestamp));
  storm->accepted++;
}

/* Returns how many actions were no LOG. */
static guint
storm_drain (Storm *storm)
{
  guint n = 0;

  for (;;)
    {
      g_auto (Mip4HaAction) action = { 0 };
      Record *record;

      if (!mip4_ha_pop_action (storm->ha, &action))
        return n;
      n += action.type != MIP4_HA_ACTION_LOG;
      switch (action.type)
        {
        case MIP4_HA_ACTION_LOG:
          break;
        case MIP4_HA_ACTION_STORE:
          take_store (storm, &action);
          break;
        case MIP4_HA_ACTION_SEND:
          take_reply (storm, &action);
          break;
        case MIP4_HA_ACTION_BINDING_ADD:
          record = record_of (storm, &action.binding.binding.home_address);
          g_assert_false (record->installed);
          record->installed = TRUE;
          break;
        case MIP4_HA_ACTION_BINDING_CHANGE:
        case MIP4_HA_ACTION_BINDING_RENEW:
          g_assert_true (record_of (storm, &action.binding.binding.home_address)->installed);
          break;
        case MIP4_HA_ACTION_BINDING_REMOVE:
          record = record_of (storm, &action.binding.binding.home_address);
          g_assert_true (record->installed);
          record->installed = FALSE;
          break;
        }
    }
}

/* The engine, the disk and the tunnels agree, one binding a node. */
static void
storm_check (Storm *storm)
{
  g_autoptr (GArray) bindings = mip4_ha_dup_bindings (storm->ha);
  guint n = 0;
  gint64 due = ROAM_NEVER;

  for (guint i = 0; i < N_NODES; i++)
    {
      const Record *record = &storm->records[i];

      g_assert_cmpint (record->bound, ==, record->installed);
      if (!record->bound)
        continue;
      g_assert_cmpuint (n, <, bindings->len);
      g_assert_cmpmem (&g_array_index (bindings, Mip4HaBinding, n), sizeof (Mip4HaBinding), &record->binding,
                       sizeof (Mip4HaBinding));
      due = roam_deadline_min (due, record->binding.expiry_us);
      n++;
    }
  g_assert_cmpuint (n, ==, bindings->len);
  /* Early after a renewal, late never; that expiry comes in time shows above, as the disk agrees. */
  g_assert_cmpint (mip4_ha_next_deadline (storm->ha), <=, due);
}

static void
storm_input (Storm *storm, const Forgery *forgery)
{
  g_autoptr (GBytes) message = forge (forgery);
  const RoamEndpoint source = { roam_addr_from_u32 (forgery->care_of), 434 };
  const RoamAddr home_agent = roam_addr_from_u32 (HOME_AGENT);

  mip4_ha_input_datagram (storm->ha, &storm->now, &source, &home_agent, g_bytes_get_data (message, NULL),
                          g_bytes_get_size (message));
}

static Forgery
storm_request (Storm *storm)
{
  Forgery request = forge_request (storm->now.ntp);

  request.home = FIRST_HOME + roam_rng_below (storm->rng, N_NODES);
  request.care_of = CARE_OF + roam_rng_below (storm->rng, 4);
  request.lifetime = (guint16)(roam_rng_below (storm->rng, 4) == 0 ? 0 : 5 + roam_rng_below (storm->rng, 100));
  if (request.lifetime == 0 && roam_rng_below (storm->rng, 2) == 0)
    request.care_of = request.home;
  return request;
}

static void
storm_good (Storm *storm)
{
  Forgery request = storm_request (storm);

  storm_input (storm, &request);
  storm->memory[storm->n_memory++ % MEMORY] = request;
  g_assert_cmpuint (storm_drain (storm), >=, 2);
}

static void
storm_forged (Storm *storm)
{
  Forgery request = storm_request (storm);

  /* What is overdue goes first, so that all that is left is the message's doing. */
  mip4_ha_input_deadline (storm->ha, &storm->now);
  storm_drain (storm);
  if (roam_rng_below (storm->rng, 2) == 0)
    request.key = "0badf00d";
  else
    request.spi = SPI + 1 + roam_rng_below (storm->rng, 9);
  storm_input (storm, &request);
  g_assert_cmpuint (storm_drain (storm), ==, 0);
}

/* One that was sent before: at most an answer, never a change. */
static void
storm_replayed (Storm *storm)
{
  if (storm->n_memory == 0)
    return;
  mip4_ha_input_deadline (storm->ha, &storm->now);
  storm_drain (storm);
  storm_input (storm, &storm->memory[roam_rng_below (storm->rng, MIN (storm->n_memory, MEMORY))]);
  g_assert_cmpuint (storm_drain (storm), ==, 1);
}

/* covers: MIP-HA-011, MIP-HA-012, MIP-IDN-023 */
static void
test_storm (void)
{
  g_autoptr (GByteArray) key = unhex (default_key_hex);
  Storm storm = { .now = { .boot_us = 1000 * SECOND, .ntp = NTP_START << 32 } };

  storm.rng = roam_rng_new_for_test (20);
  storm.key = roam_secret_new (key->data, key->len);
  for (guint i = 0; i < N_NODES; i++)
    storm.nodes[i] = (Mip4HaNode){ roam_addr_from_u32 (FIRST_HOME + i), { SPI, MIP4_AUTH_HMAC_SHA_256, storm.key } };
  storm_boot (&storm);
  for (guint step = 0; step < STEPS; step++)
    {
      guint dice = roam_rng_below (storm.rng, 1000);
      gint64 us = 1 + roam_rng_below (storm.rng, 400000);

      storm.now.boot_us += us;
      storm.now.ntp += ((guint64)us << 32) / (guint64)SECOND;
      if (dice < 400)
        storm_good (&storm);
      else if (dice < 600)
        storm_forged (&storm);
      else if (dice < 900)
        storm_replayed (&storm);
      else if (dice < 995)
        mip4_ha_input_deadline (storm.ha, &storm.now);
      else
        {
          storm_boot (&storm);
          storm.crashes++;
        }
      mip4_ha_input_deadline (storm.ha, &storm.now);
      storm_drain (&storm);
      storm_check (&storm);
    }
  g_test_message ("%u accepting answers, %u crashes", storm.accepted, storm.crashes);
  g_assert_cmpuint (storm.accepted, >, STEPS / 4);
  g_assert_cmpuint (storm.crashes, >, 20);
  mip4_ha_free (storm.ha);
  roam_secret_unref (storm.key);
  roam_rng_free (storm.rng);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/mip4/ha-store/stored", test_what_is_stored);
  g_test_add_func ("/mip4/ha-store/restart", test_restart);
  g_test_add_func ("/mip4/ha-store/not-restored", test_what_is_not_restored);
  g_test_add_func ("/mip4/ha-store/assigned", test_assigned_addresses_come_back);
  g_test_add_func ("/mip4/ha-store/storm", test_storm);
  return g_test_run ();
}
