/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "dhcp6/leasequery-server.h"

/*
 * Inside of the server: leasequery-server.c (verbs), -connection.c (who may, for how long), -request.c (queries in),
 * -page.c (answers out), -active.c (RFC 7653), -udp.c (RFC 5007).
 */

/* Octets of one page: some hundred bindings, less than a socket's buffer. */
#define SERVER_PAGE (32u * 1024u)
/* Octets of a connection that wait for its reader (LQ-SRV-095). */
#define SERVER_OUTPUT_LIMIT (256u * 1024u)
/* Bindings looked at for one page, found or not: another connection's turn comes (LQ-SRV-098). */
#define SERVER_PAGE_BUDGET 4096u
/* Pages in a row on which nothing was found to tell: then the caller looks after others first (LQ-SRV-098). */
#define SERVER_EMPTY_PAGES 4u
/* Requestors whose rate is remembered; more than may be connected in a minute by far. */
#define SERVER_MAX_RATES 1024u

typedef struct
{
  guint32 transaction_id;
  GBytes *client_id; /* the requestor's, for the REPLY */
  LeaseCursor *cursor;
  gboolean replied;
  gboolean want_relay_data, want_relay_id, want_remote_id, want_base_time;
  gint64 since, until; /* Unix seconds (RFC 7653 6.3) */
  gint64 began_us;

  /* of an active query */
  gboolean active;
  LeaseReader *reader;
  gboolean catching_up;  /* CatchUpComplete is to be said */
  gboolean missing;      /* DataMissing is to be said in the REPLY */
  GBytes *filter_octets; /* LQ_QUERY; NULL: all changes */
  Dhcp6Query filter;     /* points into it */
  gint64 said_us;        /* the last message; then the next one is due after active_idle_us */
} ServerQuery;

typedef enum
{
  SERVER_TLS_NONE,
  SERVER_TLS_HANDSHAKE,
  SERVER_TLS_SECURED,
} ServerTls;

typedef struct
{
  guint id;
  RoamAddr peer;
  guint8 query_types;
  Dhcp6FrameReader frames;
  GByteArray *waiting; /* octets behind the last query that may be answered at once */
  GPtrArray *queries;  /* ServerQuery */
  guint turn;          /* of its queries */
  gsize outstanding;   /* octets given out and not written */
  gboolean paused, ended, closing;
  ServerTls tls;
  gint64 frame_since_us; /* a frame is begun; 0: none */
  gint64 idle_since_us;
  gint64 progress_us; /* octets were written */
} ServerConnection;

typedef struct
{
  gint64 since_us;
  guint n;
} ServerRate;

struct _LeasequeryServer
{
  LeasequeryServerConfig config; /* what it points to is owned */
  GBytes *duid;
  LeaseStore *store;     /* NULL: none */
  LeaseJournal *journal; /* NULL: none */
  gboolean stopping;
  gboolean work_left;      /* more can be done at once: the next deadline is now */
  GHashTable *connections; /* id -> ServerConnection */
  GPtrArray *order;        /* ServerConnection, borrowed: whose turn it is */
  guint turn, last_id;
  GHashTable *rates; /* RoamAddr -> ServerRate */
  GQueue actions;    /* LeasequeryServerAction */
  LeasequeryServerCounters counters;
};

/* leasequery-server.c */
LeasequeryServerAction *leasequery_server_push (LeasequeryServer *server, LeasequeryServerActionType type,
                                                const ServerConnection *connection);
void leasequery_server_fault (LeasequeryServer *server, const ServerConnection *connection, const char *reason);
/* No more is read or answered; @flush: what was sent still goes out. */
void leasequery_server_close (LeasequeryServer *server, ServerConnection *connection, gboolean flush,
                              const char *reason);
void leasequery_server_send (LeasequeryServer *server, ServerConnection *connection, GBytes *octets);
/* A query of the requestor's minute is used up. FALSE: it has none left. */
gboolean leasequery_server_take_rate (LeasequeryServer *server, const RoamNow *now, const RoamAddr *peer);
void leasequery_server_query_free (gpointer query);

/* leasequery-connection.c */
ServerConnection *leasequery_connection_find (const LeasequeryServer *server, guint id);
/* Those that are open, of @peer when it is not NULL. */
guint leasequery_connection_count (const LeasequeryServer *server, const RoamAddr *peer);
const LeasequeryServerPermission *leasequery_connection_find_permission (const LeasequeryServer *server,
                                                                         const RoamAddr *peer);
/* NULL: a new one may stay; else why not. One that is idle may have to go for it (LQ-SRV-009). */
const char *leasequery_connection_judge (LeasequeryServer *server, const LeasequeryServerPermission *permission);
/* When the connection has waited for its peer long enough, and why. */
gint64 leasequery_connection_deadline (const LeasequeryServer *server, const ServerConnection *connection,
                                       const char **ret_reason);
/* The peer has ended its side and nothing is left to say: then so do we. */
void leasequery_connection_close_when_done (LeasequeryServer *server, ServerConnection *connection);

/* leasequery-active.c */
/* ACTIVELEASEQUERY: begins the query, or refuses it and closes (RFC 7653 9.2). */
void leasequery_active_begin (LeasequeryServer *server, const RoamNow *now, ServerConnection *connection,
                              const Dhcp6Message *message);
/* The active query that the connection is for; NULL: it is not for one. */
ServerQuery *leasequery_active_get (const ServerConnection *connection);
/* There is something to say now. */
gboolean leasequery_active_has_work (const LeasequeryServer *server, const RoamNow *now, const ServerQuery *query);
/* Says as much of it as a page holds. */
void leasequery_active_make (LeasequeryServer *server, const RoamNow *now, ServerConnection *connection,
                             ServerQuery *query);
/* When the next message is due at the latest. */
gint64 leasequery_active_deadline (const LeasequeryServer *server, const ServerQuery *query);

/* leasequery-request.c */
/* NULL: the query's form is right (RFC 5007 4.4.1); else why not, and which status to say. */
const char *leasequery_request_judge_form (const Dhcp6Query *query, guint16 *ret_status);
/* What the server's own state has against it, @types being what the requestor may ask; NULL: nothing. */
const char *leasequery_request_judge_service (LeasequeryServer *server, const RoamNow *now, const RoamAddr *peer,
                                              guint8 types, const Dhcp6Query *query, guint16 *ret_status);
/* NULL: the link is not configured (RFC 5007 4.4.1). */
LeaseCursor *leasequery_request_open_cursor (LeaseStore *store, const Dhcp6Query *query);
/* The option was asked for and may be told. */
gboolean leasequery_request_wants (const LeasequeryServer *server, const Dhcp6Query *query, guint16 option);
/* Seconds since 2000 as Unix seconds (RFC 7653 6.3). */
gint64 leasequery_request_unix_time (guint32 seconds);
/* Takes queries in from what is waiting, as many as may be answered at once; pauses and resumes. */
void leasequery_request_advance (LeasequeryServer *server, const RoamNow *now, ServerConnection *connection);

/* leasequery-page.c */
/* A REPLY that holds just a status; @text NULL: no STATUS_CODE at all. */
void leasequery_page_refuse (LeasequeryServer *server, ServerConnection *connection, guint32 transaction_id,
                             Dhcp6Slice client_id, guint16 status, const char *text);
/* REPLY with SERVERID and @client_id, still open. */
gsize leasequery_page_begin_reply (const LeasequeryServer *server, WireWriter *writer, guint32 transaction_id,
                                   Dhcp6Slice client_id);
/* The last word of a query that ends early: REPLY or DONE. @seconds: Unix time. */
void leasequery_page_terminate (LeasequeryServer *server, ServerConnection *connection, const ServerQuery *query,
                                gint64 seconds, guint16 status_before, const char *text);
/* REPLY with SERVERID and the requestor's CLIENTID when it is the query's first message, else DATA; still open. */
gsize leasequery_page_begin_message (const LeasequeryServer *server, WireWriter *writer, const ServerQuery *query);
/* CLIENT_DATA with @n bindings of @group from @first on. */
void leasequery_page_write_client (const LeasequeryServer *server, WireWriter *writer, const ServerQuery *query,
                                   const LeaseGroup *group, guint first, guint n, gint64 seconds);
/* LQ_BASE_TIME, if it was asked for. */
void leasequery_page_write_base_time (WireWriter *writer, const ServerQuery *query, gint64 seconds);
/* Sends what was written. */
void leasequery_page_send (LeasequeryServer *server, ServerConnection *connection, WireWriter *writer);
void leasequery_page_count_status (LeasequeryServer *server, guint16 status);
/* The next octets of @query; TRUE: that was the last of it. */
gboolean leasequery_page_make (LeasequeryServer *server, const RoamNow *now, ServerConnection *connection,
                               ServerQuery *query);
