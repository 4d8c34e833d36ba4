/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "base/now.h"
#include "base/rng.h"
#include "dhcp6/dhcp6.h"

/*
 * Requestor of DHCPv6 Bulk Leasequery (RFC 5460 6): one server, one connection at a time, any number
 * of queries; or of Active Leasequery (RFC 7653 8): then one query, alone on its connection. Sans-IO: the caller owns
 * the socket (and TLS), tells what became of it, gives octets in and pulls actions out.
 *
 * Nothing is queued but what the caller asked for: input_datagram() borrows its octets, and messages
 * are taken apart one binding at a time while actions are pulled. So a caller that stops pulling
 * stops reading (back-pressure, LQ-REQ-052), and memory does not grow with the result.
 */

typedef struct _LeasequeryRequestor LeasequeryRequestor;

typedef enum
{
  LEASEQUERY_PROFILE_RFC5460,
  LEASEQUERY_PROFILE_DRAFT00, /* draft-stapp-dhc-dhcpv6-bulk-leasequery-00 */
} LeasequeryProfile;

/* Section 6 of the requirements lists what the profiles set. */
typedef struct
{
  LeasequeryProfile profile;
  Dhcp6CodePoints points;
  Dhcp6Slice duid;                     /* our own, 3..130 octets; copied */
  gint64 data_timeout_us;              /* BULK_LQ_DATA_TIMEOUT: 300 s, draft 30 s */
  gint64 connect_timeout_us;           /* 30 s */
  gint64 retry_us;                     /* first wait; doubles, +-10 % */
  gint64 retry_limit_us;               /* 60 s */
  guint max_retries;                   /* connections after the first that may be tried for a query; 0: none */
  guint max_parallel;                  /* queries outstanding at once: 4, draft 1 */
  gboolean done_after_single_optional; /* draft: a lone REPLY and then the end is complete (LQ-DRF-006) */
  gboolean half_close;      /* close our side after the last query (LQ-REQ-015); off: Kea drops the query then */
  gboolean keep_open;       /* hold the connection for more queries; else it is closed after the last */
  gsize reply_cap;          /* octets of a message; 65535 */
  gboolean tls;             /* STARTTLS first, and nothing without (RFC 7653 8.2) */
  gint64 active_timeout_us; /* ACTIVE_LQ_RCV_TIMEOUT: 120 s without a message of an active query */
  gint64 active_retry_us;   /* an active query is asked again no earlier: 60 s */
} LeasequeryRequestorConfig;

/* Defaults of @profile; duid unset. */
void leasequery_requestor_config_init (LeasequeryRequestorConfig *config, LeasequeryProfile profile);

/* What to ask (RFC 5007 4.1.2.1, RFC 5460 5.3); slices are copied. */
typedef struct
{
  Dhcp6QueryType type;
  RoamAddr link_address; /* unset: :: */
  RoamAddr address;      /* BY_ADDRESS */
  Dhcp6Slice client_id, relay_id, remote_id;
  const guint16 *want; /* option codes for the ORO */
  guint n_want;
  Dhcp6Slice server_id; /* only for this server; data NULL: left out, as is usual over TCP (LQ-REQ-007) */
  gboolean has_start_time, has_end_time; /* RFC 7653 6.3: only what changed; in the server's clock */
  guint32 start_time, end_time;
  /*
   * Active (RFC 7653 6.2.1): first what has changed since start_time, if that is given, then each change
   * as it happens. On a new connection it goes on where it was. It has no end_time.
   */
  gboolean active;
  gboolean everything; /* active only: without LQ_QUERY, type and what belongs to it are of no concern */
} LeasequeryQuery;

/* A copy in one piece of memory, with what its slices point to; g_free(). */
LeasequeryQuery *leasequery_query_copy (const LeasequeryQuery *query);
/* NULL when @query can be asked; else a static sentence that names what is wrong. */
const char *leasequery_query_check (const LeasequeryRequestorConfig *config, const LeasequeryQuery *query);
/* The whole frame; NULL when it does not fit. Caller unrefs. The query must have passed the check. */
GBytes *leasequery_query_build (const LeasequeryRequestorConfig *config, const LeasequeryQuery *query,
                                guint32 transaction_id);

typedef enum
{
  LEASEQUERY_REQUESTOR_QUERY, /* ask; the answer's events carry id */
  LEASEQUERY_REQUESTOR_ABORT, /* give up id: later messages for it are not faults */
  LEASEQUERY_REQUESTOR_CLOSE, /* end everything now; queries end INCOMPLETE */
} LeasequeryRequestorCommandType;

typedef struct
{
  LeasequeryRequestorCommandType type;
  guint id; /* chosen by the caller, > 0, unused */
  LeasequeryQuery query;
} LeasequeryRequestorCommand;

/* What became of the connection. */
typedef enum
{
  LEASEQUERY_CONNECTION_UP,
  LEASEQUERY_CONNECTION_FAILED,  /* could not be made */
  LEASEQUERY_CONNECTION_ENDED,   /* EOF from the server */
  LEASEQUERY_CONNECTION_RESET,   /* any other error */
  LEASEQUERY_CONNECTION_BLOCKED, /* what is to be sent does not go out */
  LEASEQUERY_CONNECTION_WRITTEN, /* octets went out */
  LEASEQUERY_CONNECTION_SECURED, /* the handshake of START_TLS is done; a failed one is RESET */
  LEASEQUERY_CONNECTION_RESUMED, /* since the last verb the caller did not read: that time is not the server's */
} LeasequeryConnection;

typedef enum
{
  LEASEQUERY_EVENT_REPLY,    /* the LEASEQUERY-REPLY came; status tells success */
  LEASEQUERY_EVENT_BINDING,  /* one address or prefix */
  LEASEQUERY_EVENT_COMPLETE, /* the query is over, well or not: complete, status, outcome */
  LEASEQUERY_EVENT_RESTART,  /* it will be asked again after a failure: what came so far is void */
  LEASEQUERY_EVENT_FAULT,    /* the server broke a rule (section 8 of the requirements); counted */
  LEASEQUERY_EVENT_WAITING,  /* a new connection is made after wait_us */
  /* Of an active query: */
  LEASEQUERY_EVENT_CAUGHT_UP, /* what had changed since start_time is told */
  LEASEQUERY_EVENT_RESUME,    /* base_time is what to ask for as start_time after a restart (RFC 7653 8.3) */
  /*
   * What changed between start_time and base_time is not, or not all, told: a bulk query on another connection
   * with these times brings what there is (RFC 7653 8.4.1).
   */
  LEASEQUERY_EVENT_DATA_MISSING,
} LeasequeryEventType;

typedef enum
{
  LEASEQUERY_OUTCOME_OK,          /* complete, success */
  LEASEQUERY_OUTCOME_STATUS,      /* the server said an error status */
  LEASEQUERY_OUTCOME_INCOMPLETE,  /* the connection ended before DONE */
  LEASEQUERY_OUTCOME_PROTOCOL,    /* the server broke the protocol */
  LEASEQUERY_OUTCOME_UNREACHABLE, /* no connection */
  LEASEQUERY_OUTCOME_REFUSED,     /* connections end before any reply: we may not be permitted */
  LEASEQUERY_OUTCOME_TIMEOUT,     /* nothing, or no whole message, for the data timeout */
  LEASEQUERY_OUTCOME_ABORTED,
  LEASEQUERY_OUTCOME_INSECURE, /* TLS cannot be had, or a certificate does not hold */
} LeasequeryOutcome;

const char *leasequery_outcome_to_string (LeasequeryOutcome outcome);

typedef enum
{
  LEASEQUERY_FAULT_FRAME,   /* SHORT_FRAME, OVERSIZE_FRAME */
  LEASEQUERY_FAULT_MESSAGE, /* an option at top level that cannot be */
  LEASEQUERY_FAULT_MESSAGE_TYPE,
  LEASEQUERY_FAULT_TRANSACTION, /* not outstanding */
  LEASEQUERY_FAULT_NO_SERVERID,
  LEASEQUERY_FAULT_CLIENTID, /* missing, or not ours */
  LEASEQUERY_FAULT_SECOND_REPLY,
  LEASEQUERY_FAULT_DATA_BEFORE_REPLY,
  LEASEQUERY_FAULT_DONE_UNEXPECTED,
  LEASEQUERY_FAULT_CLIENT_DATA, /* malformed */
  LEASEQUERY_FAULT_NO_CLT_TIME,
  LEASEQUERY_FAULT_NO_CLIENT,  /* CLIENT_DATA without CLIENTID */
  LEASEQUERY_FAULT_NO_BINDING, /* CLIENT_DATA without IAADDR and IAPREFIX */
  LEASEQUERY_FAULT_CLIENT_LINK,
  LEASEQUERY_FAULT_PREFIX_LENGTH,
  LEASEQUERY_FAULT_LIFETIMES,       /* preferred above valid */
  LEASEQUERY_FAULT_EXPIRED,         /* valid lifetime 0 */
  LEASEQUERY_FAULT_ERROR_WITH_DATA, /* CLIENT_DATA beside an error status */
  LEASEQUERY_FAULT_IA,              /* a binding inside IA_NA or IA_PD: taken, but odd (LQ-COD-014) */
  LEASEQUERY_FAULT_TLS,             /* octets in the clear behind the answer to STARTTLS */
  LEASEQUERY_N_FAULTS,
} LeasequeryFault;

const char *leasequery_fault_to_string (LeasequeryFault fault);

typedef struct
{
  LeasequeryEventType type;
  guint id; /* of the query; 0: of none in particular */
  /* REPLY, BINDING: who answered; borrowed until the next verb */
  Dhcp6Slice server_id;
  /* BINDING: borrowed until the next verb */
  const Dhcp6ClientData *client;
  Dhcp6Binding binding;
  Dhcp6Slice relay_data;    /* in CLIENT_DATA or beside it (LQ-REQ-045); data NULL: none */
  gint64 received_us;       /* boot time; CLT_TIME and lifetimes count from it */
  gboolean first_of_client; /* the first binding of a CLIENT_DATA */
  gboolean gone;            /* of an active query, valid lifetime 0: it is leased no more */
  /* REPLY, COMPLETE */
  guint16 status;
  const char *status_text; /* made fit to show; NULL: none; borrowed until the next verb */
  gboolean complete;       /* COMPLETE: all that the server had for the query has come */
  LeasequeryOutcome outcome;
  gboolean try_other;      /* COMPLETE: another server may do better (RFC 5007 4.3.3) */
  guint64 n_bindings;      /* COMPLETE: handed over since the last RESTART */
  gboolean has_base_time;  /* REPLY, RESUME, DATA_MISSING */
  guint32 base_time;       /* in the server's clock */
  gboolean has_start_time; /* DATA_MISSING; without: since ever */
  guint32 start_time;
  /* FAULT */
  LeasequeryFault fault;
  /* WAITING */
  gint64 wait_us;
} LeasequeryEvent;

typedef enum
{
  LEASEQUERY_REQUESTOR_ACTION_CONNECT,
  LEASEQUERY_REQUESTOR_ACTION_SEND,
  LEASEQUERY_REQUESTOR_ACTION_END_OUTPUT, /* after what was sent: shutdown for writing */
  LEASEQUERY_REQUESTOR_ACTION_DISCONNECT, /* drop the connection, or the attempt */
  LEASEQUERY_REQUESTOR_ACTION_START_TLS,  /* the handshake, with both certificates checked; then SECURED or RESET */
  LEASEQUERY_REQUESTOR_ACTION_EVENT,
} LeasequeryRequestorActionType;

typedef struct
{
  LeasequeryRequestorActionType type;
  union
  {
    GBytes *octets; /* SEND */
    LeasequeryEvent event;
  };
} LeasequeryRequestorAction;

void leasequery_requestor_action_clear (LeasequeryRequestorAction *action);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (LeasequeryRequestorAction, leasequery_requestor_action_clear)

/* Copies @config and its DUID. @rng is borrowed. */
LeasequeryRequestor *leasequery_requestor_new (const LeasequeryRequestorConfig *config, RoamRng *rng);
void leasequery_requestor_free (LeasequeryRequestor *requestor);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (LeasequeryRequestor, leasequery_requestor_free)

/* An active query and any other do not go on one connection (RFC 7653 9.4). QUERY must not be given what may not be. */
gboolean leasequery_requestor_may_ask (const LeasequeryRequestor *requestor, const LeasequeryQuery *query);
void leasequery_requestor_input_command (LeasequeryRequestor *requestor, const RoamNow *now,
                                         const LeasequeryRequestorCommand *command);
void leasequery_requestor_input_connection (LeasequeryRequestor *requestor, const RoamNow *now,
                                            LeasequeryConnection what);
/* Octets of the stream, split anywhere; they stay the engine's until pop_action() returns FALSE. */
void leasequery_requestor_input_datagram (LeasequeryRequestor *requestor, const RoamNow *now, const guint8 *data,
                                          gsize length);
void leasequery_requestor_input_deadline (LeasequeryRequestor *requestor, const RoamNow *now);
gint64 leasequery_requestor_next_deadline (const LeasequeryRequestor *requestor);
/* TRUE and the next action; FALSE when there is none and all octets are used up. */
gboolean leasequery_requestor_pop_action (LeasequeryRequestor *requestor, LeasequeryRequestorAction *ret_action);

/* Queries that are not over. */
guint leasequery_requestor_n_pending (const LeasequeryRequestor *requestor);
guint64 leasequery_requestor_get_faults (const LeasequeryRequestor *requestor, LeasequeryFault fault);
