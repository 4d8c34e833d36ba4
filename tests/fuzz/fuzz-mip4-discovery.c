/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "mip4/mip4-discovery-private.h"

#include <stdint.h>
#include <string.h>

/*
 * ICMP messages into agent discovery: the input as it is, with a right checksum, and cut into a script
 * of commands, time and messages. What may never happen, whatever is heard, is asserted all the while.
 */

int LLVMFuzzerTestOneInput (const uint8_t *data, size_t size);

#define PATHS 3u
#define STEPS_MAX 64u
#define OWN 0x0a050032u
#define HOME_ADDRESS 0x0a010064u
#define HOME_AGENT 0x0a010002u
#define ALL_SYSTEMS 0xe0000001u

typedef struct
{
  RoamRng *rng;
  Mip4Discovery *discovery;
  RoamNow now;
  gint64 last_sent_us[PATHS];
} World;

static void
check_agent (const Mip4Agent *agent)
{
  g_assert_true (mip4_discovery_is_host (&agent->address));
  g_assert_cmpuint (agent->n_care_of, <=, MIP4_AGENT_MAX_CARE_OF);
  g_assert_cmpuint (agent->n_challenge, <=, MIP4_CHALLENGE_MAX);
  for (guint i = 0; i < agent->n_care_of; i++)
    g_assert_true (mip4_discovery_is_host (&agent->care_of[i]));
  /* MIP-ADV-012 */
  g_assert_cmpuint (agent->flags & (MIP4_AGENT_FOREIGN | MIP4_AGENT_HOME), !=, 0);
  if ((agent->flags & MIP4_AGENT_FOREIGN) != 0)
    g_assert_cmpuint (agent->n_care_of, >, 0);
  else
    g_assert_cmpuint (agent->flags & (MIP4_AGENT_BUSY | MIP4_AGENT_REGISTRATION_REQUIRED), ==, 0);
}

static void
check_event (const Mip4DiscoveryEvent *event)
{
  g_assert_nonnull (event->reason);
  g_assert_cmpuint (event->path, <, PATHS);
  check_agent (&event->agent);
  switch (event->type)
    {
    case MIP4_DISCOVERY_AGENT_NEW:
      g_assert_true (event->serving || (event->agent.flags & MIP4_AGENT_BUSY) == 0);
      break;
    case MIP4_DISCOVERY_HOME_AGENT:
      g_assert_cmpuint (event->agent.flags & MIP4_AGENT_HOME, !=, 0);
      break;
    case MIP4_DISCOVERY_AGENT_RESET:
      g_assert_cmpuint (event->agent.sequence, <=, 255);
      break;
    case MIP4_DISCOVERY_MOVED:
      g_assert_false (event->serving);
      break;
    case MIP4_DISCOVERY_AGENT_CHANGED:
    case MIP4_DISCOVERY_AGENT_LOST:
      break;
    }
}

static void
drain (World *world)
{
  for (;;)
    {
      g_auto (Mip4DiscoveryAction) action = { 0 };

      if (!mip4_discovery_pop_action (world->discovery, &action))
        break;
      if (action.type == MIP4_DISCOVERY_ACTION_EVENT)
        {
          check_event (&action.event);
          continue;
        }
      g_assert_cmpuint (action.send.path, <, PATHS);
      g_assert_true (
        mip4_is_solicitation (g_bytes_get_data (action.send.message, NULL), g_bytes_get_size (action.send.message)));
      g_assert_cmpint (world->now.boot_us - world->last_sent_us[action.send.path], >=, ROAM_USEC_PER_SEC);
      world->last_sent_us[action.send.path] = world->now.boot_us;
    }
  g_assert_cmpuint (world->discovery->paths->len, <=, PATHS);
  for (guint i = 0; i < world->discovery->paths->len; i++)
    {
      const Mip4DiscoveryPath *path = g_ptr_array_index (world->discovery->paths, i);
      g_autoptr (GArray) agents = mip4_discovery_dup_agents (world->discovery, path->path);

      g_assert_cmpuint (path->agents->len, <=, MIP4_DISCOVERY_MAX_AGENTS + 2);
      for (guint j = 0; j < path->agents->len; j++)
        {
          const Mip4AgentEntry *entry = &g_array_index (path->agents, Mip4AgentEntry, j);

          g_assert_cmpint (entry->expiry_us, >, world->now.boot_us - 1);
          g_assert_cmpuint (entry->lifetime_s, <=, MIP4_DISCOVERY_MAX_LIFETIME_S);
        }
      for (guint j = 0; j < agents->len; j++)
        check_agent (&g_array_index (agents, Mip4Agent, j));
    }
}

static void
command (World *world, guint8 octet)
{
  const Mip4DiscoveryCommand what = {
    .type = (Mip4DiscoveryCommandType)(((octet >> 2) & 7) % (MIP4_DISCOVERY_SOLICIT + 1)),
    .path = octet & 3,
    .address = (octet & 0x20) != 0 ? roam_addr_from_u32 (OWN) : ROAM_ADDR_NONE,
    .prefix_length = 24,
    .agent = (octet & 0x40) != 0 ? roam_addr_from_u32 (0x0a050000u + (octet >> 5)) : ROAM_ADDR_NONE,
  };

  if (what.path < PATHS)
    mip4_discovery_input_command (world->discovery, &world->now, &what);
}

static void
advance (World *world, guint8 octet)
{
  world->now.boot_us += (gint64)octet * octet * 10000;
  mip4_discovery_input_deadline (world->discovery, &world->now);
  g_assert_cmpint (mip4_discovery_next_deadline (world->discovery), >, world->now.boot_us);
}

/* @how: path, right checksum, our home agent as source, otherwise one of 16 sources; odd headers now and then. */
static void
message (World *world, guint8 how, const uint8_t *data, size_t size)
{
  g_autofree guint8 *copy = g_memdup2 (data, size);
  const Mip4DiscoveryHeader header = {
    .path = how & 3,
    .source = roam_addr_from_u32 ((how & 0x0c) == 0x0c ? HOME_AGENT : 0x0a050000u + (how >> 4)),
    .destination = roam_addr_from_u32 (how == 0x7f ? 0x08080808u : ALL_SYSTEMS),
    .link_layer = { 2, 0, 0, 0, 0, how >> 4 },
    .ttl = how == 0x7e ? 2 : 1,
  };

  if ((how & 8) != 0 && size >= 4)
    {
      guint32 sum = 0;

      copy[2] = copy[3] = 0;
      for (size_t i = 0; i < size; i++)
        sum += (guint32)copy[i] << (i % 2 == 0 ? 8 : 0);
      while (sum > 0xffff)
        sum = (sum & 0xffff) + (sum >> 16);
      copy[2] = (guint8)(~sum >> 8);
      copy[3] = (guint8)~sum;
    }
  mip4_discovery_input_datagram (world->discovery, &world->now, &header, copy, size);
}

static void
run_script (World *world, const uint8_t *data, size_t size)
{
  WireReader reader;
  guint8 what, how, length;
  const guint8 *body;

  wire_reader_init (&reader, data, size);
  for (guint step = 0; step < STEPS_MAX && wire_read_u8 (&reader, &what) && wire_read_u8 (&reader, &how); step++)
    {
      if (what < 32)
        command (world, how);
      else if (what < 64)
        advance (world, how);
      else if (wire_read_u8 (&reader, &length) &&
               wire_read_data (&reader, MIN (length, wire_reader_left (&reader)), &body))
        message (world, how, body, MIN (length, (gsize)(data + size - body)));
      drain (world);
    }
}

int
LLVMFuzzerTestOneInput (const uint8_t *data, size_t size)
{
  const Mip4DiscoveryConfig config = {
    .home_address = roam_addr_from_u32 (HOME_ADDRESS),
    .home_agent = roam_addr_from_u32 (HOME_AGENT),
    .solicit = TRUE,
    .require_ttl_1 = TRUE,
  };
  World world = { .now = { .boot_us = 1000 * ROAM_USEC_PER_SEC } };

  world.rng = roam_rng_new_for_test (1);
  world.discovery = mip4_discovery_new (&config, world.rng);
  for (guint i = 0; i < PATHS; i++)
    world.last_sent_us[i] = G_MININT64 / 2;
  for (guint8 path = 1; path < PATHS; path++)
    command (&world, path | 0x20);
  message (&world, 0x11, data, size);
  drain (&world);
  /* From several agents, so that the octets meet a table that knows some; then again, and after a while. */
  for (guint how = 0x09; how < 0x100; how += 0x10)
    message (&world, (guint8)how, data, size);
  drain (&world);
  command (&world, 0x4d);
  advance (&world, 30);
  drain (&world);
  for (guint how = 0x0d; how < 0x100; how += 0x40)
    message (&world, (guint8)how, data, size);
  drain (&world);
  run_script (&world, data, size);
  mip4_discovery_free (world.discovery);
  roam_rng_free (world.rng);
  return 0;
}
