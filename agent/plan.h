/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "agent/coordinator.h"

/*
 * One TunnelPlan out of three sources: the coordinator's wish (mode, addresses), the IKE session's
 * Child SAs, and the links that exist. Pure; the runtime applies the result once a pass.
 */

/* @mtu: inner MTU of the profile; 0: computed. The plan is BLOCKED and empty. */
void agent_plan_init (TunnelPlan *plan, guint mtu);
/* What the coordinator knows; SAs, ESP addresses and links stay. */
void agent_plan_set_wish (TunnelPlan *plan, const CoordinatorPlan *wish);
/* IKE_ACTION_CHILD_ADD. The new SA decrypts from now on, and encrypts only with @use_outbound (RFC 7296 2.8). */
void agent_plan_add_child (TunnelPlan *plan, const IkeChildSa *child, gboolean use_outbound);
/* IKE_ACTION_CHILD_USE; an unknown id changes nothing. */
void agent_plan_use_child (TunnelPlan *plan, guint32 id);
/* IKE_ACTION_CHILD_REMOVE; when it was the one that encrypts, nothing encrypts any more. */
void agent_plan_remove_child (TunnelPlan *plan, guint32 id);
/* IKE_ACTION_CHILD_MOVE */
void agent_plan_move_children (TunnelPlan *plan, guint32 ifindex, const RoamEndpoint *local, const RoamEndpoint *remote,
                               gboolean udp_encap);
/* Inner address that the gateway assigned; only kept while something encrypts. */
void agent_plan_set_tia (TunnelPlan *plan, const RoamAddr *tia);
/* Ascending interface indices, at most TUNNEL_MAX_LINKS are taken. TRUE: they are others than before. */
gboolean agent_plan_set_links (TunnelPlan *plan, const int *links, guint n_links);

/* The data plane's own form of a Child SA; keys are shared, not copied. */
TunnelSa *agent_plan_convert_child (const IkeChildSa *child);

/* TRUE for the modes in which nothing of the user's may pass. */
gboolean agent_plan_mode_blocks (TunnelMode mode);
/* What the gate must let through for @plan; @ifname: name of the active interface. */
void agent_plan_get_gate (const TunnelPlan *plan, const char *ifname, TunnelGateState *ret_state);
/* The gate lets user's data out in clear. */
gboolean agent_plan_gate_is_open (const TunnelGateState *state);
gboolean agent_plan_gate_equal (const TunnelGateState *a, const TunnelGateState *b);
