/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "base/retransmit.h"
#include "ike/ike-crypto-private.h"
#include "ike/ike-message-private.h"
#include "ike/ike.h"

/*
 * The inside of an IkeSession.
 *
 *   session   commands, actions, timers, the mobility state (one path for all SAs)
 *   IkeSa     one IKE SA: SPIs, keys, one window of size 1 in each direction
 *   IkeTask   one exchange that we start; waits in the session until a window is free
 *   IkeChild  one Child SA pair; belongs to the session, so an IKE SA rekey inherits it by itself
 *
 * Files: ike-session.c verbs, ike-exchange.c windows and retransmission, ike-respond.c requests of
 * the gateway, ike-sa.c and ike-child.c the SAs, ike-mobility.c path and NAT state, ike-task-*.c
 * the exchanges.
 */

typedef struct _IkeSa IkeSa;
typedef struct _IkeTask IkeTask;
typedef struct _IkeChild IkeChild;

/* The SA in use, the one it replaces, and one more of each side when both rekey at once (RFC 7296 2.8.2). */
#define IKE_MAX_SAS 4
/* One pair in use, one it replaces, one more in a collision, and lingering ones of quick moves. */
#define IKE_MAX_CHILDREN 16
/* MOB-ADD-007: more addresses of a gateway than this are noise. */
#define IKE_MAX_PEER_ADDRESSES 32
#define IKE_COOKIE2_LENGTH 16 /* RFC 4555 4.2.5 allows 8..64 */
#define IKE_COOKIE2_MIN 8
#define IKE_COOKIE2_MAX 64
#define IKE_COOKIE_MAX 64 /* RFC 7296 2.6 */
#define IKE_MAX_COOKIE_ROUNDS 5
#define IKE_MAX_KE_ROUNDS 3
#define IKE_NATD_LENGTH 20 /* SHA-1 */

typedef enum {
  IKE_STATE_IDLE,
  IKE_STATE_INIT,
  IKE_STATE_AUTH,
  IKE_STATE_ESTABLISHED,
  IKE_STATE_CLOSING, /* our DELETE is wanted or under way */
} IkeState;

/* In the order in which waiting tasks get a free window: a move goes before everything else. */
typedef enum {
  IKE_TASK_SA_INIT,
  IKE_TASK_AUTH,
  IKE_TASK_REFUSE, /* AUTHENTICATION_FAILED after a bad IKE_AUTH response (RFC 7296 2.21.2) */
  IKE_TASK_DELETE_IKE,
  IKE_TASK_UPDATE,
  IKE_TASK_DELETE_CHILD,
  IKE_TASK_CREATE_CHILD,
  IKE_TASK_REKEY_CHILD,
  IKE_TASK_REKEY_IKE,
  IKE_TASK_CHECK,
} IkeTaskType;

/* One exchange that we start. */
struct _IkeTask {
  IkeTaskType type;
  IkeSa *sa; /* bound to this SA; NULL: whatever is current when a window is free */
  gint64 not_before_us;
  guint attempts;     /* CREATE_CHILD_SA: how often it was refused for a while */
  guint rounds;       /* of INVALID_KE_PAYLOAD */
  guint32 serial;     /* CHECK: of the command, 0 for our own */
  guint32 generation; /* of the path when it was first sent */
  guint8 cookie2[IKE_COOKIE2_LENGTH];
  gboolean has_cookie2;
  gboolean unanswered_hint; /* CHECK: asked because somebody claimed the SA is unknown */
  guint32 child_id;         /* DELETE_CHILD, REKEY_CHILD: which */
  guint32 spi_in;           /* CREATE_CHILD, REKEY_CHILD: of the new Child SA */
  guint64 ike_spi;          /* REKEY_IKE: our SPI of the new SA */
  guint16 group;            /* key exchange method in the request, 0: none */
  IkeKe *ke;
  GBytes *nonce;
  /* A rekeying of the same SA by the gateway, answered while ours was under way (RFC 7296 2.8.1, 2.8.2). */
  guint32 rival_child_id;
  IkeSa *rival_sa;
  GBytes *rival_nonce; /* the lower one of its two */
};

typedef enum {
  IKE_SA_HALF_OPEN,
  IKE_SA_ACTIVE,
  IKE_SA_REPLACED, /* a successor exists, the Delete is to come from either side */
} IkeSaState;

/* A message as it went out, so that copies are identical bit by bit: whole or in fragments. */
typedef struct {
  GPtrArray *messages; /* GBytes, no non-ESP marker */
  guint32 id;
} IkeSent;

struct _IkeSa {
  IkeSaState state;
  guint64 spi_i, spi_r; /* of the original initiator and responder of this SA */
  gboolean initiator;   /* that was us */
  IkeSuite suite;
  IkeKeys *keys; /* NULL while half open */
  gint64 rekey_us, expire_us;

  /* Our requests. */
  guint32 next_id;
  IkeTask *task; /* outstanding */
  IkeSent request;
  RoamRetransmit timer;
  gint64 first_sent_us, last_sent_us;
  guint copies;      /* sent on the present path */
  gboolean resent;   /* more than one copy went out: a round-trip time cannot be told from it */

  /* Requests of the gateway. */
  guint32 peer_next_id;
  IkeSent response;
  gboolean has_response;

  IkeReassembly *fragments;
};

struct _IkeChild {
  IkeChildSa *sa;
  IkeTrafficSelectors *local_ts, *remote_ts;
  IkeSuite suite;
  gboolean outbound;  /* CHILD_USE was given */
  guint32 replaces;   /* id of the Child SA that this one takes over from, 0: none */
  gboolean replaced;  /* another one took over */
  gboolean deleting;  /* our Delete for it waits or is under way */
  gint64 linger_us;   /* gone for the protocol; late packets are still received until then */
  gint64 rekey_us, expire_us;
};

/* Where we are and what the gateway knows about it (RFC 4555 3.5). */
typedef struct {
  guint32 ifindex;
  RoamEndpoint local, remote;
  guint32 generation;      /* +1 with every change */
  gboolean pending_update; /* an UPDATE_SA_ADDRESSES has to follow */
  guint32 serial;          /* newest START, MOVE or CHECK */
  gboolean waiting;        /* a MOVE has not been answered yet */
  gboolean children_moved;
  gint64 budget_us;        /* when the present MOVE counts as failed */
  gint64 moved_us;
  /* The last path that the gateway confirmed: a make-before-break move that fails returns to it. */
  guint32 good_ifindex;
  RoamEndpoint good_local, good_remote;
} IkeMobility;
