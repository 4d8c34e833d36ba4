/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "base/addr.h"
#include "base/rng.h"

/*
 * Name look-up that never blocks, in two ways at once: the system's resolver, which knows local files and
 * whatever the administrator set up, but whose questions the gate stops while no network is proved and no
 * VPN is up; and plain questions from roamd's own marked sockets to the name servers of the links, which
 * pass the gate (R5266-TRF-005). The first that gives an address counts: the gateway proves itself to IKE
 * whatever the name service said.
 */

typedef struct _AgentResolver AgentResolver;

/* @n 0: nobody knows. Called from the main loop, once for each question, never from agent_resolver_ask(). */
typedef void (*AgentResolverDone) (const char *name, const RoamAddr *addresses, guint n, gpointer user_data);

/* @rng is borrowed. @mark: SO_MARK of the sockets. */
AgentResolver *agent_resolver_new (RoamRng *rng, guint32 mark, AgentResolverDone done, gpointer user_data);
/* Open questions are forgotten. */
void agent_resolver_free (AgentResolver *resolver);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (AgentResolver, agent_resolver_free)
/* Both families. */
void agent_resolver_ask (AgentResolver *resolver, const char *name);
