/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "agent/runtime-private.h"

#include <glib-unix.h>

/*
 * ARP for the home address (RFC 5944 4.6). Away from home nobody but the foreign agent in use is
 * answered for it; on the home link it is announced, in the order that the home agent expects: answer
 * again, announce, deregister (MIP-HOM-006), and the other way round when leaving (MIP-HOM-005). A link
 * that merely has the home network's prefix is not told anything (D-18).
 */

/* ARP messages read at one wake-up; whoever floods the link waits for the others. */
#define MAX_BURST 16

static void
complain (const AgentLink *link, const char *what, const GError *error)
{
  AgentLogFields fields = { .link = link->name, .reason = error->message };

  agent_log (link->agent, G_LOG_LEVEL_INFO, ROAM_MESSAGE_LINK, &fields, "%s: %s: %s", link->name, what, error->message);
}

static AgentLink *
find (Agent *agent, int ifindex)
{
  return g_hash_table_lookup (agent->links, GINT_TO_POINTER (ifindex));
}

/* ---------------------------------------------------------------------- socket ---- */

static gboolean
on_readable (int fd, GIOCondition condition, gpointer user_data)
{
  const AgentLink *link = user_data;
  DetectArp arp;

  /* What the agent asks is answered inside; the rest is not for us. */
  for (guint i = 0; i < MAX_BURST && detect_arp_io_receive (link->arp, &arp); i++)
    ;
  return G_SOURCE_CONTINUE;
}

static void
close_socket (AgentLink *link)
{
  if (link->arp_source != NULL)
    {
      g_source_destroy (link->arp_source);
      g_clear_pointer (&link->arp_source, g_source_unref);
    }
  g_clear_pointer (&link->arp, detect_arp_io_free);
}

/* Only while it is needed: ARP is frequent, and nothing else here wants to wake up for it. */
static gboolean
open_socket (AgentLink *link)
{
  g_autoptr (GError) error = NULL;

  if (link->arp != NULL)
    return TRUE;
  link->arp = detect_arp_io_new (link->ifindex, link->mac, &error);
  if (link->arp == NULL)
    {
      complain (link, "no ARP for the home address", error);
      return FALSE;
    }
  link->arp_source = g_unix_fd_source_new (detect_arp_io_get_fd (link->arp), G_IO_IN);
  g_source_set_callback (link->arp_source, G_SOURCE_FUNC (on_readable), link, NULL);
  g_source_attach (link->arp_source, NULL);
  return TRUE;
}

/* -------------------------------------------------------------- home and away ---- */

/* @agent_mac NULL: nobody may ask for the home address here. */
static void
be_away (AgentLink *link, const guint8 *agent_mac)
{
  g_autoptr (GError) error = NULL;

  link->announced = FALSE;
  if (link->arp_guard == NULL)
    link->arp_guard = detect_arp_io_guard (link->ifindex, &error);
  if (link->arp_guard == NULL)
    complain (link, "the kernel may answer ARP for the home address", error);
  if (agent_mac == NULL)
    close_socket (link);
  else if (open_socket (link))
    detect_arp_io_set_agent (link->arp, &link->agent->config->home.addr, agent_mac);
}

static void
be_home (AgentLink *link, const RoamNow *now)
{
  g_autoptr (GError) error = NULL;

  g_clear_pointer (&link->arp_guard, detect_arp_guard_free);
  if (link->announced || !open_socket (link))
    return;
  link->announced = TRUE;
  detect_arp_io_set_agent (link->arp, &link->agent->config->home.addr, NULL);
  if (!detect_arp_io_announce (link->arp, now, &link->agent->config->home.addr, &error))
    complain (link, "the home address is not announced", error);
}

void
agent_arp_open (AgentLink *link)
{
  if (link->agent->phase == AGENT_PHASE_ON)
    be_away (link, NULL);
}

void
agent_arp_close (AgentLink *link)
{
  close_socket (link);
  g_clear_pointer (&link->arp_guard, detect_arp_guard_free);
}

void
agent_arp_before_request (Agent *agent, const RoamNow *now, const Mip4MnCommand *command)
{
  AgentLink *link = find (agent, (int)command->path);

  if (link == NULL || command->type != MIP4_MN_REGISTER || agent->phase != AGENT_PHASE_ON)
    return;
  switch (command->form)
    {
    case MIP4_FORM_HOME:
      if (link->home_agent_heard)
        be_home (link, now);
      break;
    case MIP4_FORM_CO_LOCATED:
      be_away (link, NULL);
      break;
    case MIP4_FORM_FOREIGN_AGENT:
    case MIP4_FORM_CO_LOCATED_VIA_AGENT:
      be_away (link, command->agent.link_layer);
      break;
    case MIP4_FORM_DEREGISTER:
      break;
    }
}

/* The home agent itself proved it, which is more than an advertisement. */
void
agent_arp_take_transition (Agent *agent, const RoamNow *now, const CoordinatorTransition *transition)
{
  AgentLink *link = find (agent, transition->ifindex);

  if (link != NULL && transition->new_state == COORDINATOR_HOME)
    be_home (link, now);
}

void
agent_arp_take_agent (Agent *agent, const RoamNow *now, const Mip4DiscoveryEvent *event)
{
  AgentLink *link = find (agent, (int)event->path);

  if (link != NULL && event->type == MIP4_DISCOVERY_HOME_AGENT)
    link->home_agent_heard = TRUE;
}

/* ----------------------------------------------------------------------- phases ---- */

void
agent_arp_restart (Agent *agent)
{
  GHashTableIter iter;
  gpointer value;

  g_hash_table_iter_init (&iter, agent->links);
  while (g_hash_table_iter_next (&iter, NULL, &value))
    if (agent->phase == AGENT_PHASE_ON)
      agent_arp_open (value);
    else
      agent_arp_close (value);
}

gint64
agent_arp_next_deadline (Agent *agent)
{
  gint64 due = ROAM_NEVER;
  GHashTableIter iter;
  gpointer value;

  g_hash_table_iter_init (&iter, agent->links);
  while (g_hash_table_iter_next (&iter, NULL, &value))
    if (((const AgentLink *)value)->arp != NULL)
      due = roam_deadline_min (due, detect_arp_io_next_deadline (((const AgentLink *)value)->arp));
  return due;
}

void
agent_arp_input_deadline (Agent *agent, const RoamNow *now)
{
  GHashTableIter iter;
  gpointer value;

  g_hash_table_iter_init (&iter, agent->links);
  while (g_hash_table_iter_next (&iter, NULL, &value))
    if (((AgentLink *)value)->arp != NULL)
      detect_arp_io_input_deadline (((AgentLink *)value)->arp, now);
}
