/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "agent/config.h"

/*
 * The resumption ticket (RFC 5723) between two runs of the daemon. It is worth as much as the IKE SA's keys,
 * so it lives in the runtime directory, which is memory, in a file for root alone: nothing of it is at rest
 * on a disk, and it ends with the power.
 */

typedef struct
{
  RoamSecret *ticket; /* NULL: none */
  gint64 expires_wall_us;
} AgentTicket;

/* The one in @directory, if it is still valid at @wall_us and belongs to this profile's gateways and identity. */
AgentTicket agent_ticket_load (const char *directory, const AgentConfig *config, gint64 wall_us);
/* Replaces the file; no ticket: removes it. FALSE: errno. */
gboolean agent_ticket_save (const char *directory, const AgentConfig *config, const AgentTicket *ticket);
void agent_ticket_clear (AgentTicket *ticket);
