/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "base/addr.h"

/*
 * The gateway's name servers through systemd-resolved, on the tunnel's link (org.freedesktop.resolve1).
 * Everything is asynchronous; without resolved, or without a bus, nothing happens. What is wanted is said
 * again whenever resolved comes (back).
 */

typedef struct _AgentResolved AgentResolved;

/* Connects to the system bus in the background, and again when it is restarted. */
AgentResolved *agent_resolved_new (void);
/* The link is reverted before the connection goes. */
void agent_resolved_free (AgentResolved *resolved);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (AgentResolved, agent_resolved_free)

/*
 * Names are resolved by @servers on @ifindex: those in @domains (NULL-terminated) and below them and no
 * others, for which nobody else is asked, ever (RFC 8598 5); with @domains NULL or empty, all. @n 0: as
 * before roamd, and what was cached is forgotten. The same again does nothing.
 */
void agent_resolved_set (AgentResolved *resolved, int ifindex, const RoamAddr *servers, guint n,
                         const char *const *domains);
