/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "mip4/mip4-codec-private.h"
#include "mip4/mip4-ha.h"

/* Inside of the home agent engine: mip4-ha.c (verbs and bindings), mip4-ha-request.c (messages). */

#define MIP4_HA_TOLERANCE_S 7u   /* RFC 5944 5.7.1 */
#define MIP4_HA_KEEPALIVE_S 110u /* RFC 3519 4.9 */
#define MIP4_HA_REPLY_TTL 64

typedef struct
{
  Mip4HaNode config; /* nai owned, key referenced */
  gboolean has_binding;
  Mip4HaBinding binding;
  gboolean has_last;
  guint64 last; /* greatest valid timestamp; outlives the binding (RFC 5944 5.7.1) */
} Mip4HaNodeState;

typedef enum
{
  MIP4_HA_COUNT_ACCEPTED,
  MIP4_HA_COUNT_DEREGISTERED,
  MIP4_HA_COUNT_DENIED,
  MIP4_HA_COUNT_DUPLICATE,
  MIP4_HA_COUNT_EXPIRED,
  MIP4_HA_N_COUNTS,
} Mip4HaCount;

struct _Mip4Ha
{
  Mip4HaConfig config;    /* trusted_networks owned; nodes not used */
  GPtrArray *nodes;       /* Mip4HaNodeState, ordered by home address */
  GHashTable *by_address; /* RoamAddr in the state -> Mip4HaNodeState */
  GQueue actions;         /* Mip4HaAction */
  guint n_bindings;
  guint64 counts[MIP4_HA_N_COUNTS];
  guint64 discards[MIP4_N_DISCARDS];
};

/* mip4-ha.c */
Mip4HaAction *mip4_ha_push (Mip4Ha *ha, Mip4HaActionType type);
/* The one writer of a node's binding. */
void mip4_ha_set_binding (Mip4Ha *ha, Mip4HaNodeState *node, const Mip4HaBinding *binding);
void mip4_ha_remove_binding (Mip4Ha *ha, Mip4HaNodeState *node, Mip4HaRemoval removal);
