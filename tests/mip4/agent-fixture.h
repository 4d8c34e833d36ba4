/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "fixture.h"
#include "mip4/mip4-codec-private.h"

/* A home agent with two mobile nodes, and requests made by hand. */

#define OTHER_HOME 0x0a010065u /* 10.1.0.101, SPI 5000, HMAC-MD5 */
#define OTHER_SPI 7000u        /* other_key_hex, HMAC-SHA-256 */

typedef struct
{
  Mip4Ha *ha;
  RoamNow now;
  GArray *actions; /* Mip4HaAction; datagrams owned */
  RoamSecret *key, *other_key, *agent_key;
  RoamRng *rng;
} Agent;

Mip4HaConfig agent_default_config (void);
/*
 * @config NULL: the default; no trusted networks in it: 10.0.0.0/8 and 192.0.2.0/24. No nodes: the two. Keys
 * that are NULL become those of the fixture: of a node key, of its further associations other_key, of a
 * foreign agent agent_key.
 */
Agent *agent_new (const Mip4HaConfig *config);
void agent_free (Agent *agent);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (Agent, agent_free)
/* Keeps the actions of the last input only. */
void agent_collect (Agent *agent);
void agent_advance (Agent *agent, gint64 us);
gboolean agent_has (const Agent *agent, Mip4HaActionType type);
/* The first of its type; there must be one. */
const Mip4HaAction *agent_find (const Agent *agent, Mip4HaActionType type);
void agent_input_from (Agent *agent, const Forgery *request, guint32 source, guint16 port, guint32 destination);
/* From its care-of address, port 45000. */
void agent_input (Agent *agent, const Forgery *request);
/* Fresh Identification: the clock, a little later each time. */
Forgery agent_request (Agent *agent);
/* The reply of the last input, decoded and with its authenticator checked. */
Mip4Message agent_reply (const Agent *agent);
/* Action @index of the last input; there must be one. */
const Mip4HaAction *agent_action (const Agent *agent, guint index);
guint agent_count (const Agent *agent, Mip4HaActionType type);
guint64 agent_counter (const Agent *agent, const char *name);
void agent_expect_code (const Agent *agent, guint8 code);
void agent_expect_silence (const Agent *agent);
guint agent_n_bindings (const Agent *agent);
