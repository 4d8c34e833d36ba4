/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "mip4/mip4-codec-private.h"
#include "mip4/mip4-ha.h"

/*
 * Inside of the home agent engine:
 *   mip4-ha.c              verbs, nodes, actions
 *   mip4-ha-config.c       what a configuration must be
 *   mip4-ha-timer.c        the heap of deadlines
 *   mip4-ha-binding.c      the binding list, its one writer
 *   mip4-ha-pool.c         home addresses that are assigned
 *   mip4-ha-auth.c         authenticators, associations
 *   mip4-ha-identification.c  timestamps and nonces
 *   mip4-ha-request.c      what is received, and what becomes of it
 *   mip4-ha-policy.c       whether a request is granted
 *   mip4-ha-reply.c        what is answered
 *   mip4-ha-revocation.c   RFC 3543
 */

#define MIP4_HA_TOLERANCE_S 7u   /* RFC 5944 5.7.1 */
#define MIP4_HA_KEEPALIVE_S 110u /* RFC 3519 4.9 */
#define MIP4_HA_TTL 64
/* Lines a second, and lines not yet fetched: a flood of forged requests must not fill memory or a disk. */
#define MIP4_HA_LOGS_PER_SECOND 50u
#define MIP4_HA_MAX_PENDING_LOGS 200u
/* Unasked-for answers to strangers a second: more would make us a reflector. */
#define MIP4_HA_131_PER_SECOND 20u
/* Copies of a revocation, at 0, 1, 3, 7, 15 s. */
#define MIP4_HA_REVOCATION_COPIES 5u
#define MIP4_HA_DENIAL_MESSAGE_MAX 200u
#define MIP4_HA_NAI_MAX 255u
#define MIP4_HA_PROTOCOL_IPIP 4u
#define MIP4_HA_PROTOCOL_GRE 47u

typedef struct _Mip4HaNodeState Mip4HaNodeState;

typedef enum
{
  MIP4_HA_TIMER_BINDING,
  MIP4_HA_TIMER_REVOCATION,
} Mip4HaTimerKind;

/* First member of what it is a timer of. */
typedef struct
{
  gint64 due_us;
  gint64 key_us;  /* what it stands in the heap by; at most @due_us: a renewal moves nothing */
  guint position; /* in the heap, from 1; 0: not in it */
  Mip4HaTimerKind kind;
} Mip4HaTimer;

typedef struct _Mip4HaBindingState Mip4HaBindingState;
struct _Mip4HaBindingState
{
  Mip4HaTimer timer;
  Mip4HaNodeState *node;
  Mip4HaBindingState *next; /* of the same node */
  Mip4HaBinding binding;
};

/* A revocation that waits for its acknowledgment (RFC 3543 4.2.2.1). */
typedef struct _Mip4HaRevocation Mip4HaRevocation;
struct _Mip4HaRevocation
{
  Mip4HaTimer timer;
  Mip4HaNodeState *node;
  Mip4HaRevocation *next;
  Mip4HaBinding binding; /* as it was */
  guint32 ids[MIP4_HA_REVOCATION_COPIES];
  guint copies;
};

/* At most so many a second; a bucket that is emptied by the clock. */
typedef struct
{
  gint64 second;
  guint count;
} Mip4HaRate;

struct _Mip4HaNodeState
{
  RoamAddr home_address; /* unset: none assigned now */
  gboolean is_assigned;  /* home_address comes from the pool */
  Mip4HaAssociation mn_ha;
  Mip4HaAssociation *more_mn_ha;
  guint n_more_mn_ha;
  char *nai;
  char **services;
  guint16 tolerance_s;
  guint16 n_bindings;
  Mip4HaBindingState *bindings;
  Mip4HaRevocation *revocations;
  Mip4HaReplay replay;
  gboolean replay_changed; /* since the last STORE */
  Mip4HaRate requests;
};

typedef enum
{
  MIP4_HA_COUNT_ACCEPTED,
  MIP4_HA_COUNT_DEREGISTERED,
  MIP4_HA_COUNT_DENIED,
  MIP4_HA_COUNT_DUPLICATE,
  MIP4_HA_COUNT_EXPIRED,
  MIP4_HA_COUNT_RATE_LIMITED,
  MIP4_HA_COUNT_LOGS_SUPPRESSED,
  MIP4_HA_COUNT_REVOKED,
  MIP4_HA_COUNT_REVOCATION_ACKNOWLEDGED,
  MIP4_HA_COUNT_REVOCATION_UNANSWERED,
  MIP4_HA_N_COUNTS,
} Mip4HaCount;

typedef struct _Mip4HaDigests Mip4HaDigests;

struct _Mip4Ha
{
  Mip4HaConfig config;    /* trusted_networks and denial_message owned; nodes and fa_ha not used */
  GPtrArray *nodes;       /* Mip4HaNodeState */
  GHashTable *by_address; /* IPv4 as a number -> Mip4HaNodeState */
  GHashTable *by_nai;     /* nai of the state -> Mip4HaNodeState */
  GHashTable *fa_ha;      /* IPv4 as a number -> Mip4SecurityAssociation */
  GPtrArray *timers;      /* Mip4HaTimer, a heap; none of them owned */
  guint32 pool_next;      /* where the search for a free address starts */
  guint64 pool_free;
  Mip4HaDigests *digests;
  Mip4HaAction *actions; /* a ring of n_slots, a power of two */
  guint n_slots, head, n_actions, n_logs;
  Mip4HaRate logs, strangers;
  guint n_bindings;
  guint64 counts[MIP4_HA_N_COUNTS];
  guint64 discards[MIP4_N_DISCARDS];
};

/* A request on its way through the checks. */
typedef struct
{
  const RoamEndpoint *source;
  const RoamAddr *destination;
  Mip4Message message;
  Mip4HaNodeState *node;                /* NULL until the association is found */
  const Mip4HaAssociation *mn_ha;       /* the one of the request's SPI */
  const Mip4SecurityAssociation *fa_ha; /* with where it came from; NULL: none */
} Mip4HaRequest;

/* What is to be answered. */
typedef struct
{
  guint8 code;
  guint16 lifetime_s;
  guint64 identification;
  gboolean udp_reply, udp_forced; /* extension 44 */
  guint8 udp_code;
  guint8 service;                  /* not told, but granted */
  Mip4HaRevocationPeer revocation; /* extension 137 */
} Mip4HaAnswer;

/* ---- mip4-ha.c */
Mip4HaAction *mip4_ha_push (Mip4Ha *ha, Mip4HaActionType type);
/* TRUE when one more of @limit is allowed in this second; counted. */
gboolean mip4_ha_rate_take (Mip4HaRate *rate, const RoamNow *now, guint limit);
void mip4_ha_log (Mip4Ha *ha, const RoamNow *now, const Mip4HaRequest *request, guint8 code, gboolean security,
                  const char *reason);
/* NULL: none. */
Mip4HaNodeState *mip4_ha_node_by_address (const Mip4Ha *ha, const RoamAddr *home_address);
Mip4HaNodeState *mip4_ha_node_by_nai (const Mip4Ha *ha, const Mip4Slice *nai);

/* ---- mip4-ha-timer.c */
/* Adds or moves; ROAM_NEVER takes it out. */
void mip4_ha_timer_set (Mip4Ha *ha, Mip4HaTimer *timer, gint64 due_us);
/* One that is due; stays in the heap until it is set again. NULL: none. */
Mip4HaTimer *mip4_ha_timer_due (Mip4Ha *ha, const RoamNow *now);
/* When mip4_ha_timer_due() is worth asking; ROAM_NEVER. */
gint64 mip4_ha_timer_next (const Mip4Ha *ha);

/* ---- mip4-ha-binding.c */
/* The binding of @care_of_address; NULL: none. */
Mip4HaBindingState *mip4_ha_find_binding (const Mip4HaNodeState *node, const RoamAddr *care_of_address);
/* New, or in place of the one of the same care-of address, or unless @keep_others of all. With STORE. */
void mip4_ha_set_binding (Mip4Ha *ha, Mip4HaNodeState *node, const Mip4HaBinding *binding, gboolean keep_others);
void mip4_ha_remove_binding (Mip4Ha *ha, Mip4HaBindingState *state, Mip4HaRemoval removal);
void mip4_ha_remove_bindings (Mip4Ha *ha, Mip4HaNodeState *node, Mip4HaRemoval removal);
/* STORE of the replay state, when that has changed and no binding's STORE told it yet. */
void mip4_ha_store_replay (Mip4Ha *ha, Mip4HaNodeState *node);
void mip4_ha_node_free_bindings (Mip4HaNodeState *node);

/* ---- mip4-ha-pool.c */
gboolean mip4_ha_pool_has (const Mip4Ha *ha, const RoamAddr *addr);
/* Gives @node, which has none, @wish if it is free and set, else a free one. FALSE: there is none. */
gboolean mip4_ha_pool_assign (Mip4Ha *ha, Mip4HaNodeState *node, const RoamAddr *wish);
/* Takes it back when @node has no binding and no revocation left. */
void mip4_ha_pool_release (Mip4Ha *ha, Mip4HaNodeState *node);

/* ---- mip4-ha-auth.c */
Mip4HaDigests *mip4_ha_digests_new (void);
void mip4_ha_digests_free (Mip4HaDigests *digests);
void mip4_ha_authenticate (const Mip4Ha *ha, const Mip4SecurityAssociation *association, const guint8 *data,
                           gsize length, guint8 out[MIP4_AUTHENTICATOR_MAX]);
/* As mip4_write_auth(). */
void mip4_ha_write_auth (const Mip4Ha *ha, WireWriter *writer, guint8 type, const Mip4SecurityAssociation *association);
/* Exactly one extension in @extension, and that valid under @association. */
Mip4Discard mip4_ha_verify_auth (const Mip4Ha *ha, const Mip4Message *message, const Mip4AuthExtension *extension,
                                 const Mip4SecurityAssociation *association);
/* NULL: none with this SPI. */
const Mip4HaAssociation *mip4_ha_find_association (const Mip4HaNodeState *node, guint32 spi);
const Mip4SecurityAssociation *mip4_ha_find_fa_association (const Mip4Ha *ha, const RoamAddr *agent);

/* ---- mip4-ha-identification.c */
/* RFC 5944 3.8.2.1 b. TRUE: valid, and the timestamp noted. */
gboolean mip4_ha_take_identification (const Mip4Ha *ha, const RoamNow *now, const Mip4HaRequest *request);
/* The Identification of an answer with @code; makes and notes a nonce. */
guint64 mip4_ha_answer_identification (Mip4Ha *ha, const RoamNow *now, const Mip4HaRequest *request, guint8 code);

/* ---- mip4-ha-policy.c */
/* Code of the first objection; MIP4_CODE_ACCEPTED: none. */
guint8 mip4_ha_check_fields (const Mip4Ha *ha, const Mip4HaRequest *request);
/* RFC 3519 4.6, RFC 5446 4.2; on acceptance they fill what the answer says of it. */
guint8 mip4_ha_check_udp (const Mip4Ha *ha, const Mip4HaRequest *request, Mip4HaAnswer *answer);
guint8 mip4_ha_check_service (const Mip4HaRequest *request, Mip4HaAnswer *answer);
/* Limits of number (RFC 5944 3.8.2.3). */
guint8 mip4_ha_check_room (const Mip4Ha *ha, const Mip4HaRequest *request);
/* Whether the node's other bindings stay. */
gboolean mip4_ha_keeps_others (const Mip4Ha *ha, const Mip4HaRequest *request);
/* RFC 3543 4.2.1: whether revocation is negotiated, and with whom. */
Mip4HaRevocationPeer mip4_ha_revocation_peer (const Mip4Ha *ha, const Mip4HaRequest *request);

/* ---- mip4-ha-reply.c */
/* STORE when that is still due, then the reply. */
void mip4_ha_send_reply (Mip4Ha *ha, const RoamNow *now, const Mip4HaRequest *request, const Mip4HaAnswer *answer);
void mip4_ha_deny (Mip4Ha *ha, const RoamNow *now, const Mip4HaRequest *request, guint8 code);

/* ---- mip4-ha-revocation.c */
/* Takes all bindings of @node away and tells who has to know. */
void mip4_ha_revoke (Mip4Ha *ha, const RoamNow *now, Mip4HaNodeState *node);
void mip4_ha_revocation_due (Mip4Ha *ha, const RoamNow *now, Mip4HaRevocation *revocation);
/* Message 15. */
Mip4Discard mip4_ha_process_revocation_ack (Mip4Ha *ha, Mip4HaRequest *request);
/* A new registration makes them pointless. */
void mip4_ha_forget_revocations (Mip4Ha *ha, Mip4HaNodeState *node);
