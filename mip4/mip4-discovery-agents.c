/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "mip4/mip4-discovery-private.h"

#include <string.h>

/* The agents of each link, and what a new advertisement changes about them. */

/* Sequence numbers up to this one are used after a start only (RFC 5944 2.4.4). */
#define SEQUENCE_START_LAST 255u

Mip4AgentEntry *
mip4_discovery_find_agent (const Mip4DiscoveryPath *path, const RoamAddr *address)
{
  for (guint i = 0; i < path->agents->len; i++)
    {
      Mip4AgentEntry *entry = &g_array_index (path->agents, Mip4AgentEntry, i);

      if (roam_addr_equal (&entry->agent.address, address))
        return entry;
    }
  return NULL;
}

gboolean
mip4_discovery_is_serving (const Mip4DiscoveryPath *path, const RoamAddr *address)
{
  return path->served == MIP4_SERVED_BY_AGENT && roam_addr_equal (&path->serving, address);
}

gboolean
mip4_discovery_is_open (const Mip4AgentEntry *entry)
{
  return (entry->agent.flags & MIP4_AGENT_FOREIGN) != 0 && (entry->agent.flags & MIP4_AGENT_BUSY) == 0 && !entry->home;
}

static gboolean
is_usable (const Mip4DiscoveryPath *path, const Mip4AgentEntry *entry)
{
  return mip4_discovery_is_open (entry) || entry->home || mip4_discovery_is_serving (path, &entry->agent.address);
}

gboolean
mip4_discovery_has_usable (const Mip4DiscoveryPath *path)
{
  for (guint i = 0; i < path->agents->len; i++)
    if (is_usable (path, &g_array_index (path->agents, Mip4AgentEntry, i)))
      return TRUE;
  return FALSE;
}

/* -------------------------------------------------------------------- loss ---- */

/*
 * RFC 5944 2.4.2.1: with no other agent to turn to, search; not when a care-of address of our own serves.
 * A search that runs goes on as it is.
 */
static void
search_if_alone (Mip4Discovery *discovery, const RoamNow *now, Mip4DiscoveryPath *path)
{
  if (!mip4_discovery_has_usable (path) && path->served != MIP4_SERVED_DIRECTLY && path->solicit_us == ROAM_NEVER)
    mip4_solicit_start (discovery, now, path, MIP4_SOLICIT_DELAY_US);
}

static void
lose (Mip4Discovery *discovery, const RoamNow *now, Mip4DiscoveryPath *path, guint index, const char *reason)
{
  const Mip4AgentEntry entry = g_array_index (path->agents, Mip4AgentEntry, index);

  g_array_remove_index (path->agents, index);
  if (entry.reported)
    mip4_discovery_push_event (discovery, path, MIP4_DISCOVERY_AGENT_LOST, &entry, reason);
  if (is_usable (path, &entry))
    search_if_alone (discovery, now, path);
}

void
mip4_discovery_expire (Mip4Discovery *discovery, const RoamNow *now, Mip4DiscoveryPath *path)
{
  for (guint i = path->agents->len; i > 0; i--)
    if (g_array_index (path->agents, Mip4AgentEntry, i - 1).expiry_us <= now->boot_us)
      lose (discovery, now, path, i - 1, "the Lifetime of its last advertisement is over");
}

/* --------------------------------------------------------------- new facts ---- */

static gboolean
is_home (const Mip4Discovery *discovery, const RoamAddr *source, const Mip4Advertisement *adv)
{
  const RoamAddr *home_agent = &discovery->config.home_agent;

  if (!roam_addr_is_specified (home_agent) || (adv->flags & MIP4_AGENT_HOME) == 0)
    return FALSE;
  if (roam_addr_equal (source, home_agent))
    return TRUE;
  for (guint i = 0; i < adv->n_routers; i++)
    if (roam_addr_equal (&adv->routers[i].address, home_agent))
      return TRUE;
  return FALSE;
}

static Mip4Agent
agent_of (const Mip4DiscoveryHeader *header, const Mip4Advertisement *adv)
{
  Mip4Agent agent = {
    .address = header->source,
    .flags = adv->flags & (MIP4_AGENT_REGISTRATION_REQUIRED | MIP4_AGENT_BUSY | MIP4_AGENT_HOME | MIP4_AGENT_FOREIGN |
                           MIP4_AGENT_MINIMAL | MIP4_AGENT_GRE | MIP4_AGENT_REVERSE_TUNNEL | MIP4_AGENT_UDP_TUNNEL |
                           MIP4_AGENT_REVOCATION),
    .sequence = adv->sequence,
    .registration_lifetime_s = adv->registration_lifetime_s,
  };

  memcpy (agent.link_layer, header->link_layer, sizeof agent.link_layer);
  for (guint i = 0; i < adv->n_care_of && agent.n_care_of < MIP4_AGENT_MAX_CARE_OF; i++)
    if (mip4_discovery_is_host (&adv->care_of[i]))
      agent.care_of[agent.n_care_of++] = adv->care_of[i];
  if (adv->challenge != NULL && adv->challenge_length <= MIP4_CHALLENGE_MAX)
    {
      memcpy (agent.challenge, adv->challenge, adv->challenge_length);
      agent.n_challenge = (guint)adv->challenge_length;
    }
  return agent;
}

static void
fill_entry (Mip4AgentEntry *entry, const RoamNow *now, const Mip4Agent *agent, const Mip4Advertisement *adv)
{
  entry->agent = *agent;
  entry->lifetime_s = (guint16)MIN (adv->lifetime_s, MIP4_DISCOVERY_MAX_LIFETIME_S);
  entry->heard_us = now->boot_us;
  entry->expiry_us = roam_deadline_add (now->boot_us, entry->lifetime_s * ROAM_USEC_PER_SEC);
  entry->common_traffic = adv->code == 0;
  entry->n_routers = adv->n_routers;
  memcpy (entry->routers, adv->routers, sizeof entry->routers);
}

static gboolean
is_changed (const Mip4Agent *a, const Mip4Agent *b)
{
  if (a->flags != b->flags || a->registration_lifetime_s != b->registration_lifetime_s ||
      a->n_care_of != b->n_care_of || a->n_challenge != b->n_challenge ||
      memcmp (a->challenge, b->challenge, a->n_challenge) != 0)
    return TRUE;
  for (guint i = 0; i < a->n_care_of; i++)
    if (!roam_addr_equal (&a->care_of[i], &b->care_of[i]))
      return TRUE;
  return FALSE;
}

/* NULL: no room. The serving agent and our home agent always have some. */
static Mip4AgentEntry *
add_entry (Mip4Discovery *discovery, Mip4DiscoveryPath *path, const RoamAddr *address, gboolean home)
{
  const Mip4AgentEntry fresh = { .agent.address = *address, .reset_us = G_MININT64, .home = home };
  guint strangers = 0;

  for (guint i = 0; i < path->agents->len; i++)
    {
      const Mip4AgentEntry *entry = &g_array_index (path->agents, Mip4AgentEntry, i);

      strangers += !mip4_discovery_is_serving (path, &entry->agent.address) &&
                   !roam_addr_equal (&entry->agent.address, &discovery->config.home_agent);
    }
  if (strangers >= MIP4_DISCOVERY_MAX_AGENTS && !mip4_discovery_is_serving (path, address) &&
      !roam_addr_equal (address, &discovery->config.home_agent))
    {
      discovery->counts[MIP4_DISCOVERY_COUNT_TABLE_FULL]++;
      return NULL;
    }
  g_array_append_val (path->agents, fresh);
  return &g_array_index (path->agents, Mip4AgentEntry, path->agents->len - 1);
}

/* ------------------------------------------------------------------ events ---- */

/* RFC 5944 2.4.4: down to 0..255 is a restart (RFC 3543 4.1: or a revocation); down to more is a roll-over. */
static void
tell_reset (Mip4Discovery *discovery, const RoamNow *now, Mip4DiscoveryPath *path, Mip4AgentEntry *entry,
            guint16 old_sequence)
{
  if (entry->agent.sequence >= old_sequence || entry->agent.sequence > SEQUENCE_START_LAST || !entry->reported)
    return;
  if (entry->reset_us != G_MININT64 && now->boot_us - entry->reset_us < MIP4_DISCOVERY_RESET_INTERVAL_US)
    {
      discovery->counts[MIP4_DISCOVERY_COUNT_RESET_TOO_SOON]++;
      return;
    }
  entry->reset_us = now->boot_us;
  mip4_discovery_push_event (discovery, path, MIP4_DISCOVERY_AGENT_RESET, entry,
                             "its sequence number fell to that of a fresh start");
}

static void
tell_known (Mip4Discovery *discovery, const RoamNow *now, Mip4DiscoveryPath *path, Mip4AgentEntry *entry,
            const Mip4AgentEntry *before)
{
  gboolean serving = mip4_discovery_is_serving (path, &entry->agent.address);

  if (mip4_discovery_is_open (entry) && !mip4_discovery_is_open (before) && !serving)
    {
      entry->reported = TRUE;
      mip4_discovery_push_event (discovery, path, MIP4_DISCOVERY_AGENT_NEW, entry, "it takes registrations again");
    }
  else if ((entry->reported || serving) && is_changed (&entry->agent, &before->agent))
    {
      entry->reported = TRUE;
      mip4_discovery_push_event (discovery, path, MIP4_DISCOVERY_AGENT_CHANGED, entry,
                                 "its advertisement says something else than before");
    }
  tell_reset (discovery, now, path, entry, before->agent.sequence);
}

static void
tell_new (Mip4Discovery *discovery, Mip4DiscoveryPath *path, Mip4AgentEntry *entry)
{
  entry->reported = is_usable (path, entry);
  if (entry->home)
    mip4_discovery_push_event (discovery, path, MIP4_DISCOVERY_HOME_AGENT, entry, "our home agent advertises here");
  else if (entry->reported)
    mip4_discovery_push_event (discovery, path, MIP4_DISCOVERY_AGENT_NEW, entry, "an agent that was not known");
}

static void
tell_moved (Mip4Discovery *discovery, const RoamNow *now, Mip4DiscoveryPath *path, Mip4AgentEntry *entry)
{
  const char *reason = mip4_discovery_moved (path, now, entry);

  if (reason == NULL || entry->move_reported)
    return;
  entry->move_reported = TRUE;
  mip4_discovery_push_event (discovery, path, MIP4_DISCOVERY_MOVED, entry, reason);
}

static void
note_serving (Mip4DiscoveryPath *path, const Mip4AgentEntry *entry)
{
  if (!mip4_discovery_is_serving (path, &entry->agent.address))
    return;
  path->serving_entry = *entry;
  for (guint i = 0; i < path->agents->len; i++)
    g_array_index (path->agents, Mip4AgentEntry, i).move_reported = FALSE;
}

/* RFC 1256 4.3: Lifetime 0 takes back what was advertised. */
static void
withdraw (Mip4Discovery *discovery, const RoamNow *now, Mip4DiscoveryPath *path, const Mip4AgentEntry *known)
{
  discovery->counts[MIP4_DISCOVERY_COUNT_LIFETIME_0]++;
  if (known != NULL)
    lose (discovery, now, path, (guint)(known - &g_array_index (path->agents, Mip4AgentEntry, 0)),
          "it advertised Lifetime 0");
}

void
mip4_discovery_apply (Mip4Discovery *discovery, const RoamNow *now, Mip4DiscoveryPath *path,
                      const Mip4DiscoveryHeader *header, const Mip4Advertisement *adv)
{
  Mip4AgentEntry *entry = mip4_discovery_find_agent (path, &header->source);
  const Mip4AgentEntry before = entry != NULL ? *entry : (Mip4AgentEntry){ 0 };
  const Mip4Agent agent = agent_of (header, adv);
  gboolean known = entry != NULL, home = is_home (discovery, &header->source, adv);

  if (adv->lifetime_s == 0)
    {
      withdraw (discovery, now, path, entry);
      return;
    }
  /* MIP-ADV-012, with care-of addresses that can be one. */
  if ((agent.flags & MIP4_AGENT_FOREIGN) != 0 && agent.n_care_of == 0)
    {
      discovery->counts[MIP4_DISCOVERY_COUNT_CONTRADICTION]++;
      return;
    }
  if (entry == NULL)
    entry = add_entry (discovery, path, &header->source, home);
  if (entry == NULL)
    return;
  discovery->counts[MIP4_DISCOVERY_COUNT_ACCEPTED]++;
  fill_entry (entry, now, &agent, adv);
  /* Once a home candidate, always one until it is lost: an H that comes and goes makes no news. */
  entry->home |= home;
  if (known && entry->home == before.home)
    tell_known (discovery, now, path, entry, &before);
  else
    tell_new (discovery, path, entry);
  tell_moved (discovery, now, path, entry);
  note_serving (path, entry);
  if (is_usable (path, entry))
    mip4_solicit_stop (path);
  else if (known && is_usable (path, &before))
    search_if_alone (discovery, now, path);
}
