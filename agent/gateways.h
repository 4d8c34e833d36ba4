/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "base/addr.h"
#include "base/now.h"
#include "ike/ike.h"

/*
 * The VPN gateway's addresses: those of the profile, what the profile's names were resolved to, and where
 * a gateway sent its client (RFC 5685). Pure: it says which names are to be asked for and when, takes the
 * answers, and gives the list. What is known stays known while nobody answers, across restarts too, so
 * that no start waits for the name service.
 */

typedef struct _AgentGateways AgentGateways;

/* @gateways: names and addresses of the profile, NULL-terminated. */
AgentGateways *agent_gateways_new (const char *const *gateways);
void agent_gateways_free (AgentGateways *gateways);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (AgentGateways, agent_gateways_free)

/* Best first, each once: the place a redirection names, then the profile's order. The number. */
guint agent_gateways_get (const AgentGateways *gateways, RoamAddr ret_addresses[IKE_MAX_GATEWAYS]);

/*
 * Every name shall be asked for: a link changed, or nobody answers. Not more often than once in 2 s a name;
 * a question that is under way goes on.
 */
void agent_gateways_refresh (AgentGateways *gateways, const RoamNow *now);
/* The next name to ask for now, borrowed; NULL: none. Its answer is awaited from then on. */
const char *agent_gateways_pop_query (AgentGateways *gateways, const RoamNow *now);
/* What @name resolved to, best first. @n 0: no answer; what was known stays. TRUE: the list is another. */
gboolean agent_gateways_input_answer (AgentGateways *gateways, const RoamNow *now, const char *name,
                                      const RoamAddr *addresses, guint n);
/* No address is known and some name's question has not been answered either way. */
gboolean agent_gateways_is_waiting (const AgentGateways *gateways);
gint64 agent_gateways_next_deadline (const AgentGateways *gateways);

/*
 * A gateway named another one: an address, or a name (which is then asked for). Replaces the redirection
 * before. FALSE: neither is good for anything.
 */
gboolean agent_gateways_redirect (AgentGateways *gateways, const RoamAddr *address, const char *name);
/* The place that was named leads nowhere: the profile's gateways count again. */
void agent_gateways_forget_redirect (AgentGateways *gateways);

/* What the names resolved to, as text for the next start; caller frees. "" when there are none. */
char *agent_gateways_dup_cache (const AgentGateways *gateways);
/* Names that the profile does not have are left out; lines that make no sense, too. */
void agent_gateways_load_cache (AgentGateways *gateways, const char *text);
