/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "base/now.h"
#include "dhcp6/lease-store.h"

/*
 * Server of DHCPv6 Bulk and Active Leasequery (RFC 5460 7, RFC 7653 9). Sans-IO: the caller accepts connections
 * (and does TLS), gives octets in and pulls actions out. Answers are made while actions are pulled, a page at a
 * time and in turn over all connections, and only as far as the caller says that octets went out
 * (input_written): a reader that is stuck costs one page (LQ-SRV-095).
 */

typedef struct _LeasequeryServer LeasequeryServer;

/* Who may ask what (RFC 5460 7.1). The first entry whose prefix contains the requestor's address counts. */
typedef struct
{
  RoamPrefix prefix;
  guint8 query_types; /* bit 1 << Dhcp6QueryType; others get NotAllowed (LQ-SRV-006) */
} LeasequeryServerPermission;

#define LEASEQUERY_ALL_TYPES 0x3eu

typedef enum
{
  LEASEQUERY_TLS_REFUSED,  /* STARTTLS gets TLSConnectionRefused (RFC 7653 9.1) */
  LEASEQUERY_TLS_OFFERED,  /* who wants it gets it */
  LEASEQUERY_TLS_REQUIRED, /* queries are answered on secured connections only */
} LeasequeryServerTls;

typedef struct
{
  gboolean draft; /* draft-00: UnspecFail where RFC 5460 says QueryTerminated */
  Dhcp6CodePoints points;
  Dhcp6Slice duid;                               /* the server's own; copied */
  const LeasequeryServerPermission *permissions; /* none: nobody may connect (LQ-SRV-005) */
  guint n_permissions;
  guint max_connections;      /* 10 (RFC 5460 5.6) */
  guint max_parallel;         /* queries of one connection answered at once; 4 */
  guint max_queries_a_minute; /* of one requestor address; 0: no limit (LQ-SRV-030) */
  gint64 data_timeout_us;     /* BULK_LQ_DATA_TIMEOUT: 300 s, draft 30 s */
  gsize query_cap;            /* octets of a query; 4096 */
  const guint16 *sensitive;   /* options never returned (LQ-SRV-060) */
  guint n_sensitive;
  LeasequeryServerTls tls;
  /* Active leasequery (RFC 7653 9.1): off unless asked for, and then on secured connections only unless asked for. */
  gboolean active, active_insecure;
  gint64 active_send_timeout_us; /* ACTIVE_LQ_SEND_TIMEOUT: 120 s */
  gint64 active_idle_us;         /* ACTIVE_LQ_IDLE_TIMEOUT: 60 s */
} LeasequeryServerConfig;

/* Defaults; duid and permissions unset. */
void leasequery_server_config_init (LeasequeryServerConfig *config, gboolean draft);

typedef enum
{
  LEASEQUERY_SERVER_SET_STORE, /* answers come from it from now on; queries under way keep theirs. NULL: none */
  LEASEQUERY_SERVER_FAIL,      /* the store went away: queries under way end, new ones get UnspecFail (row 34) */
  LEASEQUERY_SERVER_CONFIGURE, /* limits and permissions from now on; who is not permitted any more is closed */
  LEASEQUERY_SERVER_STOP,      /* QueryTerminated to all, then everything is closed (LQ-SRV-093) */
} LeasequeryServerCommandType;

typedef struct
{
  LeasequeryServerCommandType type;
  LeaseStore *store;                    /* SET_STORE; a reference is taken */
  LeaseJournal *journal;                /* SET_STORE: of its changes; referenced. NULL: no active leasequery */
  const LeasequeryServerConfig *config; /* CONFIGURE; copied with what it points to */
} LeasequeryServerCommand;

typedef enum
{
  LEASEQUERY_SERVER_ACTION_SEND,
  LEASEQUERY_SERVER_ACTION_PAUSE, /* read no more from it: what it sends stays in the kernel (LQ-SRV-028) */
  LEASEQUERY_SERVER_ACTION_RESUME,
  LEASEQUERY_SERVER_ACTION_CLOSE, /* after what was sent, when flush; else at once */
  /* After what was sent: TLS, in which both certificates are checked; then input_secured(), or input_closed(). */
  LEASEQUERY_SERVER_ACTION_START_TLS,
  LEASEQUERY_SERVER_ACTION_LOG,
} LeasequeryServerActionType;

typedef enum
{
  LEASEQUERY_SERVER_LOG_INFO,
  LEASEQUERY_SERVER_LOG_FAULT, /* a peer broke a rule */
} LeasequeryServerLog;

typedef struct
{
  LeasequeryServerActionType type;
  guint connection;
  GBytes *octets;            /* SEND */
  gboolean flush;            /* CLOSE */
  LeasequeryServerLog level; /* LOG */
  const char *reason;        /* CLOSE, LOG: static */
} LeasequeryServerAction;

void leasequery_server_action_clear (LeasequeryServerAction *action);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (LeasequeryServerAction, leasequery_server_action_clear)

/* Copies @config and what it points to. */
LeasequeryServer *leasequery_server_new (const LeasequeryServerConfig *config);
void leasequery_server_free (LeasequeryServer *server);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (LeasequeryServer, leasequery_server_free)

void leasequery_server_input_command (LeasequeryServer *server, const RoamNow *now,
                                      const LeasequeryServerCommand *command);
/* A connection from @peer: its number, > 0. One that may not be gets CLOSE at once, before anything is read. */
guint leasequery_server_input_accept (LeasequeryServer *server, const RoamNow *now, const RoamAddr *peer);
/* Octets from it, split anywhere. */
void leasequery_server_input_datagram (LeasequeryServer *server, const RoamNow *now, guint connection,
                                       const guint8 *data, gsize length);
/* The peer ends its side: what it asked is answered, then CLOSE comes (RFC 5460 7.4). */
void leasequery_server_input_end (LeasequeryServer *server, const RoamNow *now, guint connection);
/* The connection is gone (reset, or closed by us); its number means nothing any more. */
void leasequery_server_input_closed (LeasequeryServer *server, const RoamNow *now, guint connection);
/* The TLS handshake that START_TLS asked for is done. */
void leasequery_server_input_secured (LeasequeryServer *server, const RoamNow *now, guint connection);
/* @octets of what SEND gave went to the kernel. */
void leasequery_server_input_written (LeasequeryServer *server, const RoamNow *now, guint connection, gsize octets);
/*
 * One UDP message from @peer (RFC 5007 4.4): the answer, the caller's, or NULL when there is none. It is answered
 * whole and at once, and leaves nothing behind. Whether UDP is offered is the caller's affair.
 */
GBytes *leasequery_server_input_udp (LeasequeryServer *server, const RoamNow *now, const RoamAddr *peer,
                                     const guint8 *data, gsize length);
void leasequery_server_input_deadline (LeasequeryServer *server, const RoamNow *now);
gint64 leasequery_server_next_deadline (const LeasequeryServer *server);
/*
 * One action; FALSE: none, until something else comes in, the journal has a change, or the next deadline, which is 0
 * (at once) when a query has passed over much without an answer to give. @now: answers tell lifetimes left.
 */
gboolean leasequery_server_pop_action (LeasequeryServer *server, const RoamNow *now,
                                       LeasequeryServerAction *ret_action);

typedef struct
{
  guint connections;                     /* now */
  guint64 accepted, refused, queries[6]; /* by type; 0: unknown ones */
  guint64 statuses[16];                  /* of answers; the last also counts those above */
  guint64 clients, bindings, octets_out, faults, timeouts, displaced;
  guint active;                                 /* active queries now */
  guint64 secured;                              /* TLS handshakes */
  guint64 changes;                              /* told to active queries */
  guint64 udp, udp_dropped;                     /* queries over UDP that were answered, and messages that were not */
  guint64 first_binding_us_sum, first_bindings; /* from query to the page with its first binding */
} LeasequeryServerCounters;

void leasequery_server_get_counters (const LeasequeryServer *server, LeasequeryServerCounters *ret_counters);
