/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "agent/agent.h"
#include "agent/coordinator.h"

/* Building status snapshots, and the sentences in them that people read. Pure. */

/* All strings "", no links, no counters. */
AgentSnapshot *agent_snapshot_new (void);
AgentLinkStatus *agent_link_status_new (void);
void agent_link_status_free (AgentLinkStatus *link);
/* All strings "". */
AgentSecretRequest *agent_secret_request_new (void);
void agent_secret_request_free (AgentSecretRequest *request);
/* All strings "", no children, no pairs. */
AgentSa *agent_sa_new (void);
AgentPair *agent_pair_new (void);
/* The same but for ages, counters and generation: nothing that must be announced. */
gboolean agent_snapshot_equal (const AgentSnapshot *a, const AgentSnapshot *b);
void agent_snapshot_set_counter (AgentSnapshot *snapshot, const char *group, const char *name, guint64 value);
/* Every entry of @counters (char* -> guint64*) as "GROUP.NAME". */
void agent_snapshot_add_counters (AgentSnapshot *snapshot, const char *group, GHashTable *counters);
/* Replaces one text of the snapshot; NULL means "". */
void agent_snapshot_set_text (char **field, const char *text);

/* "ethernet", "wifi" ...; static. */
const char *agent_link_kind_to_string (DetectKind kind);
/* RFC 5944 3.3's word for a Registration Reply's code; static, never NULL. */
const char *agent_reply_code_to_string (guint8 code);

/* What is known beyond the links when the sentences are made. */
typedef struct
{
  CoordinatorState state;
  gboolean enabled;
  RoamAddr home_address, home_agent;
  const char *gateway;   /* address or name; NULL: no VPN in the profile */
  const char *interface; /* active one, or the one that is being worked on; NULL: none */
  gboolean has_alarm;    /* the newest that is not cleared */
  CoordinatorAlarm alarm;
  guint8 alarm_code; /* of a Registration Reply */
  const char *alarm_sentence;
  const char *ike_reason, *ike_advice; /* of the newest failure; NULL: none */
  const char *fault;                   /* data plane or gate: what failed; NULL: nothing */
  gboolean nat;
  RoamAddr foreign_agent;   /* registered through; unset: none */
  gboolean mip_nat;         /* see AgentSnapshot */
  gboolean vpn_certificate; /* [vpn] auth=certificate rather than psk */
  const AgentSecretRequest *secret; /* NULL: none is asked for */
} AgentSituation;

/* Fills mode, sentence, why and advice. */
void agent_snapshot_describe (AgentSnapshot *snapshot, const AgentSituation *situation);
