/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "dhcp6/leasequery-server.h"

/* Inside of the server: leasequery-server.c (verbs, connections), -request.c (queries in), -page.c (answers out). */

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
} ServerQuery;

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
  LeaseStore *store; /* NULL: none */
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

/* leasequery-request.c */
/* Takes queries in from what is waiting, as many as may be answered at once; pauses and resumes. */
void leasequery_request_advance (LeasequeryServer *server, const RoamNow *now, ServerConnection *connection);

/* leasequery-page.c */
/* A REPLY that holds just a status; @text NULL: no STATUS_CODE at all. */
void leasequery_page_refuse (LeasequeryServer *server, ServerConnection *connection, guint32 transaction_id,
                             Dhcp6Slice client_id, guint16 status, const char *text);
/* The last word of a query that ends early: REPLY or DONE. */
void leasequery_page_terminate (LeasequeryServer *server, ServerConnection *connection, const ServerQuery *query,
                                guint16 status_before, const char *text);
/* The next octets of @query; TRUE: that was the last of it. */
gboolean leasequery_page_make (LeasequeryServer *server, const RoamNow *now, ServerConnection *connection,
                               ServerQuery *query);
