/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "agent/agent.h"
#include "agent/config.h"

/*
 * The runtime: one main context, one timer, all sockets. It moves octets and events between the
 * kernel and the engines, and owns nothing that decides.
 */

typedef struct
{
  const char *state_directory;   /* where the journal of handovers and what names were resolved to live */
  const char *runtime_directory; /* for what ends with the power */
  gboolean no_bus;               /* nothing is asked of services on the system bus */
} AgentPlace;

/*
 * Opens everything: the gate first (closed), then the TUN device, netlink, the timer. @config is
 * borrowed and must outlive the agent.
 * @error names the step that failed.
 */
Agent *agent_new (const AgentConfig *config, const AgentPlace *place, GError **error);
/* Leaves gate (closed) and device in place unless Disconnect removed them. */
void agent_free (Agent *agent);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (Agent, agent_free)

/*
 * Ordered end (SIGTERM): deregisters and deletes the IKE SA, as far as that works within a second;
 * the gate stays closed. @done is called from the main loop, once.
 */
void agent_stop (Agent *agent, void (*done) (gpointer user_data), gpointer user_data);
/* Installs the closed gate and leaves it there: before any network is up. */
gboolean agent_install_gate (const AgentConfig *config, GError **error);
