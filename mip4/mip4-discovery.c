/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "mip4/mip4-discovery-private.h"

/* 224.0.0.1, 224.0.0.11 and 255.255.255.255 (RFC 5944 2.1, 2.2). */
#define ALL_SYSTEMS 0xe0000001u
#define ALL_MOBILITY_AGENTS 0xe000000bu
#define LIMITED_BROADCAST 0xffffffffu
#define MULTICAST_FIRST 0xe0000000u /* and class E behind it */
#define LOOPBACK_NET 127u
#define LINK_LAYER_GROUP 0x01u

void
mip4_discovery_action_clear (Mip4DiscoveryAction *action)
{
  if (action->type == MIP4_DISCOVERY_ACTION_SEND)
    g_clear_pointer (&action->send.message, g_bytes_unref);
}

static void
path_free (gpointer data)
{
  Mip4DiscoveryPath *path = data;

  g_array_unref (path->agents);
  g_free (path);
}

Mip4Discovery *
mip4_discovery_new (const Mip4DiscoveryConfig *config, RoamRng *rng)
{
  Mip4Discovery *discovery = g_new0 (Mip4Discovery, 1);

  discovery->config = *config;
  discovery->rng = rng;
  discovery->paths = g_ptr_array_new_with_free_func (path_free);
  g_queue_init (&discovery->actions);
  return discovery;
}

static void
action_free (gpointer data)
{
  mip4_discovery_action_clear (data);
  g_free (data);
}

void
mip4_discovery_free (Mip4Discovery *discovery)
{
  if (discovery == NULL)
    return;
  g_ptr_array_unref (discovery->paths);
  g_queue_clear_full (&discovery->actions, action_free);
  g_free (discovery);
}

void
mip4_discovery_push_event (Mip4Discovery *discovery, Mip4DiscoveryPath *path, Mip4DiscoveryEventType type,
                           const Mip4AgentEntry *entry, const char *reason)
{
  Mip4DiscoveryAction *action = g_new0 (Mip4DiscoveryAction, 1);

  action->type = MIP4_DISCOVERY_ACTION_EVENT;
  action->event = (Mip4DiscoveryEvent){
    .type = type,
    .path = path->path,
    .agent = entry->agent,
    .serving = mip4_discovery_is_serving (path, &entry->agent.address),
    .reason = reason,
  };
  g_queue_push_tail (&discovery->actions, action);
}

void
mip4_discovery_push_solicitation (Mip4Discovery *discovery, const Mip4DiscoveryPath *path)
{
  Mip4DiscoveryAction *action = g_new0 (Mip4DiscoveryAction, 1);

  action->type = MIP4_DISCOVERY_ACTION_SEND;
  action->send.path = path->path;
  action->send.source = path->address;
  action->send.destination = roam_addr_from_u32 (ALL_MOBILITY_AGENTS);
  action->send.message = mip4_build_solicitation ();
  g_queue_push_tail (&discovery->actions, action);
  discovery->counts[MIP4_DISCOVERY_COUNT_SOLICITATIONS]++;
}

/* ------------------------------------------------------------------- paths ---- */

static Mip4DiscoveryPath *
find_path (const Mip4Discovery *discovery, Mip4Path wanted)
{
  for (guint i = 0; i < discovery->paths->len; i++)
    {
      Mip4DiscoveryPath *path = g_ptr_array_index (discovery->paths, i);

      if (path->path == wanted)
        return path;
    }
  return NULL;
}

/* A path that went down is remembered until its rate limit has passed. */
static void
prune_paths (Mip4Discovery *discovery, const RoamNow *now)
{
  for (guint i = discovery->paths->len; i > 0; i--)
    {
      const Mip4DiscoveryPath *path = g_ptr_array_index (discovery->paths, i - 1);

      if (!path->up &&
          (path->last_solicit_us == G_MININT64 || now->boot_us - path->last_solicit_us >= MIP4_SOLICIT_FLOOR_US))
        g_ptr_array_remove_index (discovery->paths, i - 1);
    }
}

static Mip4DiscoveryPath *
get_path (Mip4Discovery *discovery, const RoamNow *now, Mip4Path wanted)
{
  Mip4DiscoveryPath *path = find_path (discovery, wanted);

  if (path != NULL)
    return path;
  prune_paths (discovery, now);
  if (discovery->paths->len >= MIP4_DISCOVERY_MAX_PATHS)
    return NULL;
  path = g_new0 (Mip4DiscoveryPath, 1);
  path->path = wanted;
  path->agents = g_array_new (FALSE, TRUE, sizeof (Mip4AgentEntry));
  path->last_solicit_us = G_MININT64;
  path->solicit_us = ROAM_NEVER;
  g_ptr_array_add (discovery->paths, path);
  return path;
}

static void
reset_path (Mip4DiscoveryPath *path)
{
  g_array_set_size (path->agents, 0);
  path->served = MIP4_SERVED_NOT_YET;
  path->serving = ROAM_ADDR_NONE;
  path->serving_entry = (Mip4AgentEntry){ 0 };
  path->address = ROAM_ADDR_NONE;
  path->prefix_length = 0;
  mip4_solicit_stop (path);
}

/* ---------------------------------------------------------------- commands ---- */

static void
command_link_up (Mip4Discovery *discovery, const RoamNow *now, const Mip4DiscoveryCommand *command)
{
  Mip4DiscoveryPath *path = command->path > 0 ? get_path (discovery, now, command->path) : NULL;

  if (path == NULL)
    return;
  reset_path (path);
  path->up = TRUE;
  path->address = command->address;
  path->prefix_length = command->prefix_length;
  mip4_solicit_start (discovery, now, path, MIP4_SOLICIT_DELAY_US);
}

static void
command_link_down (Mip4DiscoveryPath *path)
{
  reset_path (path);
  path->up = FALSE;
}

/* What the prefixes of the agents say is to be judged afresh. */
static void
forget_moves (Mip4DiscoveryPath *path)
{
  for (guint i = 0; i < path->agents->len; i++)
    g_array_index (path->agents, Mip4AgentEntry, i).move_reported = FALSE;
}

static void
command_address (Mip4DiscoveryPath *path, const Mip4DiscoveryCommand *command)
{
  gboolean same = roam_addr_equal (&path->address, &command->address);

  path->address = command->address;
  path->prefix_length = command->prefix_length;
  if (same)
    return;
  if (path->served == MIP4_SERVED_DIRECTLY)
    path->served = MIP4_SERVED_NOT_YET;
  forget_moves (path);
}

static void
command_registered (Mip4DiscoveryPath *path, const Mip4DiscoveryCommand *command)
{
  const Mip4AgentEntry *entry = mip4_discovery_find_agent (path, &command->agent);

  /* A renewal tells nothing new: a MOVED that was followed by one is not repeated. */
  if (!roam_addr_equal (&path->serving, &command->agent))
    forget_moves (path);
  path->served = roam_addr_is_specified (&command->agent) ? MIP4_SERVED_BY_AGENT : MIP4_SERVED_DIRECTLY;
  path->serving = command->agent;
  path->serving_entry = entry != NULL ? *entry : (Mip4AgentEntry){ 0 };
  /* With a care-of address of our own the fast solicitations end by themselves (RFC 5944 2.4). */
  if (path->served == MIP4_SERVED_BY_AGENT || path->solicited >= MIP4_SOLICIT_INITIAL)
    mip4_solicit_stop (path);
}

void
mip4_discovery_input_command (Mip4Discovery *discovery, const RoamNow *now, const Mip4DiscoveryCommand *command)
{
  Mip4DiscoveryPath *path = find_path (discovery, command->path);

  if (command->type == MIP4_DISCOVERY_LINK_UP)
    {
      command_link_up (discovery, now, command);
      mip4_discovery_input_deadline (discovery, now);
      return;
    }
  if (path == NULL || !path->up)
    return;
  mip4_discovery_expire (discovery, now, path);
  switch (command->type)
    {
    case MIP4_DISCOVERY_LINK_UP:
      break;
    case MIP4_DISCOVERY_LINK_DOWN:
      command_link_down (path);
      break;
    case MIP4_DISCOVERY_ADDRESS:
      command_address (path, command);
      break;
    case MIP4_DISCOVERY_REGISTERED:
      command_registered (path, command);
      break;
    case MIP4_DISCOVERY_SOLICIT:
      /* A search that runs is not made faster (RFC 5944 2.4). */
      if (path->solicit_us == ROAM_NEVER)
        mip4_solicit_start (discovery, now, path, 0);
      break;
    }
  mip4_discovery_input_deadline (discovery, now);
}

/* --------------------------------------------------------------- datagrams ---- */

gboolean
mip4_discovery_is_host (const RoamAddr *addr)
{
  guint32 host = roam_addr_to_u32 (addr);

  return addr->family == ROAM_FAMILY_INET4 && host >> 24 != 0 && host >> 24 != LOOPBACK_NET && host < MULTICAST_FIRST;
}

static gboolean
is_own (const Mip4Discovery *discovery, const Mip4DiscoveryPath *path, const RoamAddr *addr)
{
  return (roam_addr_is_set (addr) && roam_addr_equal (addr, &path->address)) ||
         (roam_addr_is_set (addr) && roam_addr_equal (addr, &discovery->config.home_address));
}

/* What the headers alone decide. */
static gboolean
verify_header (Mip4Discovery *discovery, const Mip4DiscoveryPath *path, const Mip4DiscoveryHeader *header)
{
  guint32 destination = roam_addr_to_u32 (&header->destination);

  if (discovery->config.require_ttl_1 && header->ttl != 1)
    discovery->counts[MIP4_DISCOVERY_COUNT_TTL]++;
  else if (!mip4_discovery_is_host (&header->source) || is_own (discovery, path, &header->source) ||
           (header->link_layer[0] & LINK_LAYER_GROUP) != 0)
    discovery->counts[MIP4_DISCOVERY_COUNT_SOURCE]++;
  else if (destination != ALL_SYSTEMS && destination != LIMITED_BROADCAST &&
           !is_own (discovery, path, &header->destination))
    discovery->counts[MIP4_DISCOVERY_COUNT_DESTINATION]++;
  else
    return TRUE;
  return FALSE;
}

static Mip4DiscoveryCount
count_of (Mip4AdvertisementResult result)
{
  switch (result)
    {
    case MIP4_ADVERTISEMENT_OK:
      return MIP4_DISCOVERY_COUNT_ACCEPTED;
    case MIP4_ADVERTISEMENT_CHECKSUM:
      return MIP4_DISCOVERY_COUNT_CHECKSUM;
    case MIP4_ADVERTISEMENT_MALFORMED:
      return MIP4_DISCOVERY_COUNT_MALFORMED;
    case MIP4_ADVERTISEMENT_UNKNOWN_EXTENSION:
      return MIP4_DISCOVERY_COUNT_UNKNOWN_EXTENSION;
    case MIP4_ADVERTISEMENT_NOT_AN_AGENT:
      return MIP4_DISCOVERY_COUNT_NOT_AN_AGENT;
    }
  return MIP4_DISCOVERY_COUNT_MALFORMED;
}

/* MIP-ADV-028: an agent does not change its link-layer address while its advertisement is valid. */
static gboolean
verify_link_layer (const Mip4DiscoveryPath *path, const Mip4DiscoveryHeader *header)
{
  const Mip4AgentEntry *known = mip4_discovery_find_agent (path, &header->source);

  if (known == NULL)
    return TRUE;
  for (guint i = 0; i < G_N_ELEMENTS (header->link_layer); i++)
    if (known->agent.link_layer[i] != header->link_layer[i])
      return FALSE;
  return TRUE;
}

void
mip4_discovery_input_datagram (Mip4Discovery *discovery, const RoamNow *now, const Mip4DiscoveryHeader *header,
                               const guint8 *data, gsize length)
{
  Mip4DiscoveryPath *path = find_path (discovery, header->path);
  Mip4AdvertisementResult result;
  Mip4Advertisement adv;

  if (path == NULL || !path->up)
    {
      discovery->counts[MIP4_DISCOVERY_COUNT_NOT_LISTENING]++;
      return;
    }
  mip4_discovery_expire (discovery, now, path);
  result = mip4_parse_advertisement (data, length, &adv);
  if (result != MIP4_ADVERTISEMENT_OK)
    discovery->counts[count_of (result)]++;
  else if (!verify_header (discovery, path, header))
    return;
  else if (!mip4_advertisement_is_usable (&adv))
    discovery->counts[MIP4_DISCOVERY_COUNT_CONTRADICTION]++;
  else if (!verify_link_layer (path, header))
    discovery->counts[MIP4_DISCOVERY_COUNT_LINK_LAYER]++;
  else
    mip4_discovery_apply (discovery, now, path, header, &adv);
}

/* --------------------------------------------------------------- deadlines ---- */

void
mip4_discovery_input_deadline (Mip4Discovery *discovery, const RoamNow *now)
{
  for (guint i = 0; i < discovery->paths->len; i++)
    {
      Mip4DiscoveryPath *path = g_ptr_array_index (discovery->paths, i);

      mip4_discovery_expire (discovery, now, path);
      mip4_solicit_run (discovery, now, path);
    }
}

gint64
mip4_discovery_next_deadline (const Mip4Discovery *discovery)
{
  gint64 due = ROAM_NEVER;

  for (guint i = 0; i < discovery->paths->len; i++)
    {
      const Mip4DiscoveryPath *path = g_ptr_array_index (discovery->paths, i);

      due = roam_deadline_min (due, path->solicit_us);
      for (guint j = 0; j < path->agents->len; j++)
        due = roam_deadline_min (due, g_array_index (path->agents, Mip4AgentEntry, j).expiry_us);
    }
  return due;
}

/* ----------------------------------------------------------------- outputs ---- */

gboolean
mip4_discovery_pop_action (Mip4Discovery *discovery, Mip4DiscoveryAction *ret_action)
{
  g_autofree Mip4DiscoveryAction *action = g_queue_pop_head (&discovery->actions);

  if (action == NULL)
    return FALSE;
  *ret_action = *action;
  return TRUE;
}

/* Lower is better: the serving one, then those that tunnel back (D-21 asks for it), then the longest known. */
static guint
rank (const Mip4DiscoveryPath *path, const Mip4AgentEntry *entry)
{
  if (mip4_discovery_is_serving (path, &entry->agent.address))
    return 0;
  return (entry->agent.flags & MIP4_AGENT_REVERSE_TUNNEL) != 0 ? 1 : 2;
}

GArray *
mip4_discovery_dup_agents (const Mip4Discovery *discovery, Mip4Path wanted)
{
  GArray *agents = g_array_new (FALSE, TRUE, sizeof (Mip4Agent));
  const Mip4DiscoveryPath *path = find_path (discovery, wanted);

  for (guint pass = 0; path != NULL && pass <= 2; pass++)
    for (guint i = 0; i < path->agents->len; i++)
      {
        const Mip4AgentEntry *entry = &g_array_index (path->agents, Mip4AgentEntry, i);

        if (mip4_discovery_is_open (entry) && rank (path, entry) == pass)
          g_array_append_val (agents, entry->agent);
      }
  return agents;
}

GHashTable *
mip4_discovery_dup_counters (const Mip4Discovery *discovery)
{
  static const char *const names[MIP4_DISCOVERY_N_COUNTS] = {
    [MIP4_DISCOVERY_COUNT_SOLICITATIONS] = "solicitations-sent",
    [MIP4_DISCOVERY_COUNT_ACCEPTED] = "advertisements-accepted",
    [MIP4_DISCOVERY_COUNT_NOT_LISTENING] = "icmp-not-listening",
    [MIP4_DISCOVERY_COUNT_NOT_AN_AGENT] = "icmp-not-an-agent",
    [MIP4_DISCOVERY_COUNT_CHECKSUM] = "advertisements-bad-checksum",
    [MIP4_DISCOVERY_COUNT_MALFORMED] = "advertisements-malformed",
    [MIP4_DISCOVERY_COUNT_UNKNOWN_EXTENSION] = "advertisements-unknown-extension",
    [MIP4_DISCOVERY_COUNT_TTL] = "advertisements-ttl-not-1",
    [MIP4_DISCOVERY_COUNT_SOURCE] = "advertisements-bad-source",
    [MIP4_DISCOVERY_COUNT_DESTINATION] = "advertisements-bad-destination",
    [MIP4_DISCOVERY_COUNT_CONTRADICTION] = "advertisements-contradictory",
    [MIP4_DISCOVERY_COUNT_LINK_LAYER] = "advertisements-other-link-layer",
    [MIP4_DISCOVERY_COUNT_LIFETIME_0] = "advertisements-lifetime-0",
    [MIP4_DISCOVERY_COUNT_TABLE_FULL] = "advertisements-table-full",
    [MIP4_DISCOVERY_COUNT_RESET_TOO_SOON] = "agent-resets-too-soon",
  };
  GHashTable *table = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, g_free);

  for (guint i = 0; i < MIP4_DISCOVERY_N_COUNTS; i++)
    g_hash_table_insert (table, g_strdup (names[i]), g_memdup2 (&discovery->counts[i], sizeof discovery->counts[i]));
  return table;
}
