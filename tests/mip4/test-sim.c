/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "fixture.h"

/*
 * Mobile node and home agent on a link in virtual time that delays, loses, doubles and reorders, by a
 * seed. What must hold in every run is checked all the time.
 */

typedef struct
{
  gint64 due_us;
  guint64 order;
  gboolean to_agent;
  Mip4Path path;
  RoamEndpoint agent_side; /* where the packet's other end is */
  RoamAddr node_side;
  guint16 node_port;
  GBytes *bytes;
} Packet;

typedef struct
{
  guint loss_percent, double_percent;
  gint64 delay_us, jitter_us;
  gint64 agent_clock_offset_s; /* the home agent's clock minus the node's */
  gboolean cut;                /* nothing passes */
} Link;

typedef struct
{
  Link link;
  RoamRng *dice;
  Mip4Mn *mn;
  Mip4Ha *ha;
  Mip4HaConfig ha_config;
  Mip4HaNode ha_node;
  RoamPrefix trusted;
  RoamSecret *key;
  RoamRng *rng;
  gint64 now_us;
  guint64 order;
  GPtrArray *packets;
  GArray *events; /* Mip4MnEvent */
  guint sent, replies, denials_133;
  gint64 last_sent_us[16];
  guint64 last_identification;
} Sim;

static RoamNow
node_now (const Sim *sim)
{
  return roam_now_make (sim->now_us, (gint64)(NTP_START - ROAM_NTP_UNIX_OFFSET) * SECOND + sim->now_us);
}

static RoamNow
agent_now (const Sim *sim)
{
  return roam_now_make (sim->now_us + 777 * SECOND, (gint64)(NTP_START - ROAM_NTP_UNIX_OFFSET) * SECOND + sim->now_us +
                                                      sim->link.agent_clock_offset_s * SECOND);
}

static void
packet_free (gpointer data)
{
  Packet *packet = data;

  g_bytes_unref (packet->bytes);
  g_free (packet);
}

static Sim *
sim_new (guint64 seed)
{
  g_autoptr (GByteArray) key = unhex (default_key_hex);
  Sim *sim = g_new0 (Sim, 1);
  Mip4MnConfig config = node_default_config ();

  sim->link = (Link){ .delay_us = 20000 };
  sim->dice = roam_rng_new_for_test (seed);
  sim->rng = roam_rng_new_for_test (seed + 1);
  sim->key = roam_secret_new (key->data, key->len);
  config.mn_ha.key = sim->key;
  sim->mn = mip4_mn_new (&config, sim->rng);
  sim->ha_node = (Mip4HaNode){ config.home_address, config.mn_ha, NULL };
  g_assert_true (roam_prefix_parse ("10.0.0.0/8", &sim->trusted));
  sim->ha_config = (Mip4HaConfig){
    .address = config.home_agent,
    .trusted_networks = &sim->trusted,
    .n_trusted_networks = 1,
    .nodes = &sim->ha_node,
    .n_nodes = 1,
    .max_lifetime_s = 300,
    .nat_traversal = TRUE,
  };
  sim->ha = mip4_ha_new (&sim->ha_config);
  sim->now_us = 1000 * SECOND;
  sim->packets = g_ptr_array_new_with_free_func (packet_free);
  sim->events = g_array_new (FALSE, FALSE, sizeof (Mip4MnEvent));
  for (guint i = 0; i < G_N_ELEMENTS (sim->last_sent_us); i++)
    sim->last_sent_us[i] = G_MININT64 / 2;
  return sim;
}

static void
sim_free (Sim *sim)
{
  mip4_mn_free (sim->mn);
  mip4_ha_free (sim->ha);
  roam_rng_free (sim->rng);
  roam_rng_free (sim->dice);
  roam_secret_unref (sim->key);
  g_ptr_array_unref (sim->packets);
  g_array_unref (sim->events);
  g_free (sim);
}
G_DEFINE_AUTOPTR_CLEANUP_FUNC (Sim, sim_free)

static void
put_on_link (Sim *sim, const Packet *packet)
{
  guint copies = 1 + (roam_rng_below (sim->dice, 100) < sim->link.double_percent);

  for (guint i = 0; i < copies; i++)
    {
      Packet *copy;

      if (sim->link.cut || roam_rng_below (sim->dice, 100) < sim->link.loss_percent)
        continue;
      copy = g_memdup2 (packet, sizeof *packet);
      copy->bytes = g_bytes_ref (packet->bytes);
      copy->order = sim->order++;
      copy->due_us = sim->now_us + sim->link.delay_us + roam_rng_below (sim->dice, (guint32)sim->link.jitter_us);
      g_ptr_array_add (sim->packets, copy);
    }
}

static void
take_node_actions (Sim *sim)
{
  for (;;)
    {
      g_auto (Mip4MnAction) action = { 0 };
      Packet packet = { .to_agent = TRUE };

      if (!mip4_mn_pop_action (sim->mn, &action))
        return;
      if (action.type == MIP4_MN_ACTION_EVENT)
        {
          g_array_append_val (sim->events, action.event);
          continue;
        }
      sim->sent++;
      /* Each path has one care-of address here: never two requests within a second (RFC 5944 3.6.3). */
      g_assert_cmpint (sim->now_us - sim->last_sent_us[action.send.path], >=, SECOND);
      sim->last_sent_us[action.send.path] = sim->now_us;
      packet.path = action.send.path;
      packet.agent_side = action.send.destination;
      packet.node_side = action.send.source;
      packet.node_port = (guint16)(40000 + action.send.path);
      packet.bytes = action.send.datagram;
      put_on_link (sim, &packet);
    }
}

static void
take_agent_actions (Sim *sim, Mip4Path path)
{
  for (;;)
    {
      g_auto (Mip4HaAction) action = { 0 };
      Packet packet = { .path = path };

      if (!mip4_ha_pop_action (sim->ha, &action))
        return;
      if (action.type != MIP4_HA_ACTION_SEND)
        continue;
      sim->replies++;
      sim->denials_133 += ((const guint8 *)g_bytes_get_data (action.send.datagram, NULL))[1] == 133;
      packet.agent_side = (RoamEndpoint){ action.send.source, MIP4_PORT };
      packet.node_side = action.send.destination.addr;
      packet.bytes = action.send.datagram;
      put_on_link (sim, &packet);
    }
}

static void
deliver (Sim *sim, const Packet *packet)
{
  gsize length;
  const guint8 *data = g_bytes_get_data (packet->bytes, &length);

  if (packet->to_agent)
    {
      const RoamNow now = agent_now (sim);
      const RoamEndpoint source = { packet->node_side, packet->node_port };

      mip4_ha_input_datagram (sim->ha, &now, &source, &packet->agent_side.addr, data, length);
      take_agent_actions (sim, packet->path);
    }
  else
    {
      const RoamNow now = node_now (sim);

      mip4_mn_input_datagram (sim->mn, &now, packet->path, &packet->agent_side, &packet->node_side, data, length);
      take_node_actions (sim);
    }
}

static gint
compare_packets (gconstpointer a, gconstpointer b)
{
  const Packet *x = *(const Packet *const *)a, *y = *(const Packet *const *)b;

  if (x->due_us != y->due_us)
    return x->due_us < y->due_us ? -1 : 1;
  return x->order < y->order ? -1 : 1;
}

static void
sim_run (Sim *sim, gint64 us)
{
  gint64 until = sim->now_us + us;

  for (;;)
    {
      gint64 due = mip4_mn_next_deadline (sim->mn);
      gint64 agent_due = mip4_ha_next_deadline (sim->ha);
      RoamNow now;

      g_ptr_array_sort (sim->packets, compare_packets);
      due = roam_deadline_min (due, agent_due == ROAM_NEVER ? ROAM_NEVER : agent_due - 777 * SECOND);
      if (sim->packets->len > 0)
        due = roam_deadline_min (due, ((Packet *)g_ptr_array_index (sim->packets, 0))->due_us);
      if (due > until)
        break;
      sim->now_us = MAX (sim->now_us, due);
      if (sim->packets->len > 0 && ((Packet *)g_ptr_array_index (sim->packets, 0))->due_us <= sim->now_us)
        {
          Packet *packet = g_ptr_array_steal_index (sim->packets, 0);

          deliver (sim, packet);
          packet_free (packet);
        }
      now = node_now (sim);
      mip4_mn_input_deadline (sim->mn, &now);
      take_node_actions (sim);
      now = agent_now (sim);
      mip4_ha_input_deadline (sim->ha, &now);
      take_agent_actions (sim, 0);
    }
  sim->now_us = until;
}

static void
sim_register (Sim *sim, Mip4Path path, guint32 serial, Mip4Form form, guint32 care_of)
{
  const RoamNow now = node_now (sim);
  const Mip4MnCommand command = {
    .type = MIP4_MN_REGISTER,
    .path = path,
    .serial = serial,
    .form = form,
    .care_of_address = roam_addr_from_u32 (care_of),
    .first_timeout_us = SECOND,
    .copies = 3,
  };

  mip4_mn_input_command (sim->mn, &now, &command);
  take_node_actions (sim);
}

static const Mip4MnEvent *
find_event (const Sim *sim, Mip4MnEventType type, guint32 serial)
{
  for (guint i = 0; i < sim->events->len; i++)
    {
      const Mip4MnEvent *event = &g_array_index (sim->events, Mip4MnEvent, i);

      if (event->type == type && event->serial == serial)
        return event;
    }
  return NULL;
}

static guint32
bound_to (const Sim *sim)
{
  g_autoptr (GArray) bindings = mip4_ha_dup_bindings (sim->ha);

  return bindings->len == 0 ? 0 : roam_addr_to_u32 (&g_array_index (bindings, Mip4HaBinding, 0).care_of_address);
}

/* covers: MIP-TNC-006 */
static void
test_one_round_trip (void)
{
  g_autoptr (Sim) sim = sim_new (1);

  sim_register (sim, WIFI, 1, MIP4_FORM_CO_LOCATED, CARE_OF);
  sim_run (sim, 40000);
  g_assert_cmpuint (sim->events->len, ==, 1);
  g_assert_cmpint (g_array_index (sim->events, Mip4MnEvent, 0).type, ==, MIP4_MN_ACCEPTED);
  g_assert_true (g_array_index (sim->events, Mip4MnEvent, 0).tnc);
  g_assert_false (g_array_index (sim->events, Mip4MnEvent, 0).udp_tunnel);
  g_assert_cmpuint (bound_to (sim), ==, CARE_OF);
  sim_register (sim, MIP4_PATH_VPN, 2, MIP4_FORM_CO_LOCATED, TIA);
  sim_run (sim, 40000);
  g_assert_cmpuint (bound_to (sim), ==, TIA);
  sim_register (sim, CABLE, 3, MIP4_FORM_HOME, HOME_ADDRESS);
  sim_run (sim, 40000);
  g_assert_nonnull (find_event (sim, MIP4_MN_ACCEPTED, 3));
  g_assert_cmpuint (bound_to (sim), ==, 0);
}

/* covers: MIP-IDN-011, MIP-IDN-014 */
static void
test_wrong_clock_costs_one_133 (void)
{
  static const gint64 offsets_s[] = { -86400 * 400, -86400, -8, 8, 3600, 86400 * 3650 };

  for (guint i = 0; i < G_N_ELEMENTS (offsets_s); i++)
    {
      g_autoptr (Sim) sim = sim_new (i);

      sim->link.agent_clock_offset_s = offsets_s[i];
      sim_register (sim, WIFI, 1, MIP4_FORM_CO_LOCATED, CARE_OF);
      sim_run (sim, 2 * SECOND);
      g_assert_nonnull (find_event (sim, MIP4_MN_ACCEPTED, 1));
      g_assert_cmpuint (sim->denials_133, ==, 1);
      /* ... once for all, on every path, for a day. */
      for (guint serial = 2; serial < 200; serial++)
        {
          sim_register (sim, serial % 3 == 0 ? MIP4_PATH_VPN : serial % 3, serial, MIP4_FORM_CO_LOCATED,
                        CARE_OF + serial % 3);
          sim_run (sim, 400 * SECOND);
          g_assert_nonnull (find_event (sim, MIP4_MN_ACCEPTED, serial));
        }
      g_assert_cmpuint (sim->denials_133, ==, 1);
    }
}

/* D-02: with a round trip above the first timeout every copy is answered late, and still one is taken. */
/* covers: MIP-RTX-001 */
static void
test_round_trip_above_the_timeout (void)
{
  g_autoptr (Sim) sim = sim_new (3);

  sim->link.delay_us = 2400 * ROAM_USEC_PER_MSEC;
  sim_register (sim, WIFI, 1, MIP4_FORM_CO_LOCATED, CARE_OF);
  sim_run (sim, 7 * SECOND);
  g_assert_nonnull (find_event (sim, MIP4_MN_ACCEPTED, 1));
  g_assert_cmpuint (bound_to (sim), ==, CARE_OF);
}

static void
test_late_reply_of_the_direct_path (void)
{
  g_autoptr (Sim) sim = sim_new (4);
  const Mip4MnEvent *late, *current;

  sim->link.delay_us = 4 * SECOND;
  sim_register (sim, WIFI, 1, MIP4_FORM_CO_LOCATED, CARE_OF);
  sim_run (sim, 7 * SECOND + SECOND / 2);
  g_assert_nonnull (find_event (sim, MIP4_MN_EXHAUSTED, 1));
  sim->link.delay_us = 10000;
  sim_register (sim, MIP4_PATH_VPN, 2, MIP4_FORM_CO_LOCATED, TIA);
  sim_run (sim, 10 * SECOND);
  late = find_event (sim, MIP4_MN_LATE, 1);
  current = find_event (sim, MIP4_MN_ACCEPTED, 2);
  g_assert_true (late != NULL && current != NULL);
  g_assert_true (late->tnc);
  g_assert_cmpuint (late->identification, <, current->identification);
  g_assert_cmpuint (bound_to (sim), ==, TIA);
}

static void
test_home_agent_restarts (void)
{
  g_autoptr (Sim) sim = sim_new (5);

  sim_register (sim, WIFI, 1, MIP4_FORM_CO_LOCATED, CARE_OF);
  sim_run (sim, SECOND);
  mip4_ha_free (sim->ha);
  sim->ha = mip4_ha_new (&sim->ha_config);
  sim_register (sim, WIFI, 2, MIP4_FORM_CO_LOCATED, CARE_OF);
  sim_run (sim, SECOND);
  g_assert_nonnull (find_event (sim, MIP4_MN_ACCEPTED, 2));
  g_assert_cmpuint (bound_to (sim), ==, CARE_OF);
}

/* covers: MIP-LIF-002 */
static void
test_node_never_believes_longer_than_the_agent (void)
{
  g_autoptr (Sim) sim = sim_new (6);
  gint64 expired_at = 0;

  sim->link.delay_us = 400 * ROAM_USEC_PER_MSEC;
  sim_register (sim, WIFI, 1, MIP4_FORM_CO_LOCATED, CARE_OF);
  for (guint i = 0; i < 400 && expired_at == 0; i++)
    {
      sim_run (sim, SECOND);
      if (find_event (sim, MIP4_MN_EXPIRED, 1) == NULL)
        g_assert_cmpuint (i < 1 ? CARE_OF : bound_to (sim), ==, CARE_OF);
      else
        expired_at = sim->now_us;
    }
  g_assert_cmpint (expired_at, ==, 1300 * SECOND);
}

/*
 * A storm: many moves on a bad link. Afterwards, on a good one, a registration must bring both sides
 * together; in between the node's accepted registration with the greatest Identification is never newer
 * than what the home agent has seen.
 */
static void
storm (guint64 seed, guint loss_percent)
{
  g_autoptr (Sim) sim = sim_new (seed);
  guint32 serial = 1;

  sim->link = (Link){
    .loss_percent = loss_percent,
    .double_percent = 20,
    .delay_us = 1000,
    .jitter_us = 3 * SECOND,
    .agent_clock_offset_s = (gint64)roam_rng_below (sim->dice, 100) - 50,
  };
  for (guint i = 0; i < 150; i++)
    {
      Mip4Path path = roam_rng_below (sim->dice, 4);
      guint32 what = roam_rng_below (sim->dice, 10);
      const RoamNow now = node_now (sim);

      if (what < 7)
        sim_register (sim, path, serial++, MIP4_FORM_CO_LOCATED, CARE_OF + path);
      else if (what == 7)
        sim_register (sim, path, serial++, MIP4_FORM_DEREGISTER, CARE_OF + path);
      else
        mip4_mn_input_command (sim->mn, &now,
                               &(Mip4MnCommand){ .type = what == 8 ? MIP4_MN_CANCEL : MIP4_MN_FORGET, .path = path });
      sim_run (sim, roam_rng_below (sim->dice, 3 * SECOND));
    }
  sim_run (sim, 30 * SECOND);
  sim->link = (Link){ .delay_us = 10000, .agent_clock_offset_s = sim->link.agent_clock_offset_s };
  sim_register (sim, CABLE, serial, MIP4_FORM_CO_LOCATED, CARE_OF_2);
  sim_run (sim, 4 * SECOND);
  g_assert_nonnull (find_event (sim, MIP4_MN_ACCEPTED, serial));
  g_assert_cmpuint (bound_to (sim), ==, CARE_OF_2);
  for (guint i = 0; i < sim->events->len; i++)
    {
      const Mip4MnEvent *event = &g_array_index (sim->events, Mip4MnEvent, i);

      g_assert_nonnull (event->reason);
      g_assert_false (event->key_mismatch);
      if (event->type == MIP4_MN_ACCEPTED)
        g_assert_true (event->tnc && event->sent_us <= sim->now_us);
    }
}

static void
test_storms (void)
{
  for (guint64 seed = 100; seed < 160; seed++)
    storm (seed, (guint)(seed % 4) * 15);
}

/* The same seed gives the same run: octets included. */
static void
test_runs_repeat (void)
{
  guint64 totals[2];

  for (guint run = 0; run < 2; run++)
    {
      g_autoptr (Sim) sim = sim_new (77);

      sim->link.loss_percent = 40;
      totals[run] = 0;
      for (guint32 serial = 1; serial < 30; serial++)
        {
          sim_register (sim, WIFI, serial, MIP4_FORM_CO_LOCATED, CARE_OF);
          sim_run (sim, 5 * SECOND);
        }
      for (guint i = 0; i < sim->events->len; i++)
        totals[run] = totals[run] * 31 + g_array_index (sim->events, Mip4MnEvent, i).identification;
    }
  g_assert_cmphex (totals[0], ==, totals[1]);
  g_assert_cmphex (totals[0], !=, 0);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/mip4/sim/one-round-trip", test_one_round_trip);
  g_test_add_func ("/mip4/sim/wrong-clock", test_wrong_clock_costs_one_133);
  g_test_add_func ("/mip4/sim/long-round-trip", test_round_trip_above_the_timeout);
  g_test_add_func ("/mip4/sim/late-reply", test_late_reply_of_the_direct_path);
  g_test_add_func ("/mip4/sim/agent-restarts", test_home_agent_restarts);
  g_test_add_func ("/mip4/sim/lifetimes-agree", test_node_never_believes_longer_than_the_agent);
  g_test_add_func ("/mip4/sim/storms", test_storms);
  g_test_add_func ("/mip4/sim/repeatable", test_runs_repeat);
  return g_test_run ();
}
