/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "agent/coordinator-private.h"

#include <string.h>

/*
 * Foreign agents (mode f). An advertisement is authenticated by nobody, so it leads nowhere until the
 * home agent has proved the network in co-located form (R5266-MODE-006, MODE-007; A-22): only then, and
 * only from C, is a request sent through an agent.
 */

static CoordinatorAgent *
find_agent (CoordinatorLink *link, const RoamAddr *address)
{
  for (guint i = 0; i < link->n_agents; i++)
    if (roam_addr_equal (&link->agents[i].agent.address, address))
      return &link->agents[i];
  return NULL;
}

static void
remember (CoordinatorLink *link, const Mip4Agent *agent, gboolean anew)
{
  CoordinatorAgent *known = find_agent (link, &agent->address);

  if (known == NULL)
    {
      if (link->n_agents == COORDINATOR_MAX_AGENTS)
        return;
      known = &link->agents[link->n_agents++];
      known->unusable = FALSE;
    }
  known->agent = *agent;
  if (anew)
    known->unusable = FALSE;
}

static void
forget (CoordinatorLink *link, const RoamAddr *address)
{
  CoordinatorAgent *known = find_agent (link, address);

  /* The order is that of hearing. */
  if (known == NULL)
    return;
  memmove (known, known + 1, (gsize)(&link->agents[link->n_agents] - (known + 1)) * sizeof *known);
  link->n_agents--;
}

void
coordinator_forget_agents (CoordinatorLink *link)
{
  link->n_agents = 0;
}

/* ------------------------------------------------------------------- choice ---- */

/* TRUE: registration through @agent is wanted, in the form stored. */
static gboolean
wanted_form (const Coordinator *c, const Mip4Agent *agent, Mip4Form *ret_form)
{
  const guint tunnels_back = MIP4_AGENT_FOREIGN | MIP4_AGENT_REVERSE_TUNNEL;

  /* MIP-ADV-014: busy agents take nobody new. */
  if ((agent->flags & MIP4_AGENT_BUSY) != 0 || c->config.agents == COORDINATOR_AGENTS_NEVER)
    return FALSE;
  if (c->config.agents == COORDINATOR_AGENTS_PREFER && agent->n_care_of > 0 &&
      (agent->flags & tunnels_back) == tunnels_back)
    {
      *ret_form = MIP4_FORM_FOREIGN_AGENT;
      return TRUE;
    }
  *ret_form = MIP4_FORM_CO_LOCATED_VIA_AGENT;
  return (agent->flags & MIP4_AGENT_REGISTRATION_REQUIRED) != 0;
}

/* The one heard first: a newer one is no reason to change (RFC 5944 3.6). */
static const Mip4Agent *
choose (const Coordinator *c, const CoordinatorLink *link, Mip4Form *ret_form)
{
  for (guint i = 0; i < link->n_agents; i++)
    if (!link->agents[i].unusable && wanted_form (c, &link->agents[i].agent, ret_form))
      return &link->agents[i].agent;
  return NULL;
}

gboolean
coordinator_agent_is_wanted (const Coordinator *c, const CoordinatorLink *link, const CoordinatorEvidence *evidence)
{
  Mip4Form form;

  return !link->r_running && evidence->now->boot_us >= link->r_sent_us + COORDINATOR_AGENT_DISTANCE_US &&
         choose (c, link, &form) != NULL;
}

gboolean
coordinator_agent_is_ours (const Coordinator *c, const CoordinatorLink *link, const CoordinatorEvidence *evidence)
{
  return evidence->agent != NULL && roam_addr_is_set (&link->fa.address) &&
         roam_addr_equal (&evidence->agent->address, &link->fa.address);
}

gboolean
coordinator_agent_is_ours_busy (const Coordinator *c, const CoordinatorLink *link, const CoordinatorEvidence *evidence)
{
  return coordinator_agent_is_ours (c, link, evidence) && (evidence->agent->flags & MIP4_AGENT_BUSY) != 0;
}

gboolean
coordinator_agent_answered (const Coordinator *c, const CoordinatorLink *link, const CoordinatorEvidence *evidence)
{
  return evidence->mip4->form == MIP4_FORM_FOREIGN_AGENT || evidence->mip4->form == MIP4_FORM_CO_LOCATED_VIA_AGENT;
}

void
coordinator_consider_agent (Coordinator *c, const RoamNow *now)
{
  CoordinatorLink *link = coordinator_find_link (c, c->active);
  const CoordinatorEvidence evidence = { .now = now };
  Mip4Form form;

  if (link == NULL || link->state != COORDINATOR_C)
    return;
  link->agent_us = ROAM_NEVER;
  if (coordinator_agent_is_wanted (c, link, &evidence))
    coordinator_raise (c, link, COORDINATOR_EVENT_FA_NEW, FALSE);
  else if (!link->r_running && choose (c, link, &form) != NULL)
    link->agent_us = link->r_sent_us + COORDINATOR_AGENT_DISTANCE_US;
}

/* ------------------------------------------------------------------ actions ---- */

COORDINATOR_ROW_ACTION (agent_register)
{
  link->fa = *choose (c, link, &link->fa_form);
  link->fa_asked = 1;
  coordinator_r_register_agent (c, link, evidence->now->boot_us);
}

COORDINATOR_ROW_ACTION (agent_again)
{
  coordinator_r_register_agent (c, link, evidence->now->boot_us);
}

COORDINATOR_ROW_ACTION (agent_monitor)
{
  link->mon_us = ROAM_NEVER;
  coordinator_r_register_agent (c, link, evidence->now->boot_us);
}

COORDINATOR_ROW_ACTION (agent_proof_again)
{
  coordinator_act_proof_renewed (c, link, evidence);
  if (link->fa_asked++ < COORDINATOR_AGENT_ATTEMPTS)
    coordinator_r_register_agent (c, link, evidence->now->boot_us);
  else
    coordinator_raise (c, link, COORDINATOR_EVENT_R_EXH, FALSE);
}

/* The home agent may have heard the agent and moved the binding: ours again. */
COORDINATOR_ROW_ACTION (agent_left)
{
  coordinator_r_register (c, link, evidence->now->boot_us);
}

static void
set_aside (CoordinatorLink *link)
{
  CoordinatorAgent *known = find_agent (link, &link->fa.address);

  if (known != NULL)
    known->unusable = TRUE;
}

COORDINATOR_ROW_ACTION (agent_refused)
{
  set_aside (link);
  coordinator_act_agent_left (c, link, evidence);
}

COORDINATOR_ROW_ACTION (agent_refused_detect)
{
  set_aside (link);
  coordinator_act_detect (c, link, evidence);
}

/* -------------------------------------------------------------------- input ---- */

/* Newer flags, care-of addresses or challenge of the agent in use: the engine needs them. */
static void
agent_changed (Coordinator *c, CoordinatorLink *link, const Mip4Agent *agent)
{
  Mip4MnCommand command = { .type = MIP4_MN_AGENT, .path = (Mip4Path)link->link.ifindex, .agent = *agent };

  if (!roam_addr_is_set (&link->fa.address) || !roam_addr_equal (&link->fa.address, &agent->address))
    return;
  link->fa = *agent;
  command.serial = link->r_serial;
  command.form = link->fa_form;
  coordinator_push_mip4 (c, &command);
}

static void
agent_event (Coordinator *c, CoordinatorLink *link, const Mip4DiscoveryEvent *event,
             const CoordinatorEvidence *evidence)
{
  switch (event->type)
    {
    case MIP4_DISCOVERY_AGENT_NEW:
      remember (link, &event->agent, TRUE);
      agent_changed (c, link, &event->agent);
      if (c->enabled)
        coordinator_dispatch (c, link, COORDINATOR_EVENT_FA_NEW, evidence);
      break;
    case MIP4_DISCOVERY_AGENT_CHANGED:
      remember (link, &event->agent, FALSE);
      agent_changed (c, link, &event->agent);
      break;
    case MIP4_DISCOVERY_AGENT_LOST:
      forget (link, &event->agent.address);
      if (c->enabled)
        coordinator_dispatch (c, link, COORDINATOR_EVENT_FA_LOST, evidence);
      break;
    case MIP4_DISCOVERY_AGENT_RESET:
      remember (link, &event->agent, TRUE);
      agent_changed (c, link, &event->agent);
      if (c->enabled)
        coordinator_dispatch (c, link, COORDINATOR_EVENT_FA_RESET, evidence);
      break;
    case MIP4_DISCOVERY_MOVED:
      /* RFC 5944 2.4.2.2: the network of the agent in use was left. */
      if (c->enabled && event->serving && c->active == link->link.ifindex)
        coordinator_dispatch (c, link, COORDINATOR_EVENT_HINT, evidence);
      break;
    case MIP4_DISCOVERY_HOME_AGENT:
      /* A home candidate is told by its addresses; this one only confirms it for ARP (D-18). */
      break;
    }
}

void
coordinator_input_agent (Coordinator *c, const RoamNow *now, const Mip4DiscoveryEvent *event)
{
  const CoordinatorEvidence evidence = { .now = now, .agent = &event->agent, .reason = event->reason };
  CoordinatorLink *link;

  coordinator_begin_pass (c, now);
  link = coordinator_find_link (c, (int)event->path);
  if (link != NULL)
    agent_event (c, link, event, &evidence);
  coordinator_finish_pass (c, now);
}
