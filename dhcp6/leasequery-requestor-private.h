/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "dhcp6/leasequery-requestor.h"

/* Inside of the requestor: leasequery-requestor.c (verbs, connection), -answer.c (what the server says). */

/* Faulty messages on one connection after which it is closed (section 8, rows 5 and 13). */
#define LEASEQUERY_MAX_FAULTY_MESSAGES 16u
/* Connections that end before any reply after which the server is taken to refuse us (row 28). */
#define LEASEQUERY_MAX_REFUSALS 3u

typedef enum
{
  QUERY_QUEUED, /* not sent on this connection */
  QUERY_WAIT,   /* sent; no REPLY yet */
  QUERY_DATA,   /* REPLY with CLIENT_DATA came */
  QUERY_ACTIVE, /* REPLY came; changes follow */
} QueryState;

typedef struct
{
  guint id;
  QueryState state;
  LeasequeryQuery *query;
  guint32 transaction_id; /* while sent */
  GBytes *server_id;      /* who answered */
  guint64 n_bindings;
  guint n_data;         /* CLIENT_DATA so far */
  guint retries;        /* connections it has been asked on again */
  guint terminations;   /* QueryTerminated answers */
  gint64 not_before_us; /* asked again no earlier (RFC 5460 5.5) */
  guint16 status;
  gboolean caught_up; /* active: base times count from here on (RFC 7653 8.3) */
} RequestorQuery;

typedef enum
{
  CONNECTION_NONE,
  CONNECTION_WAITING, /* for the next attempt */
  CONNECTION_CONNECTING,
  CONNECTION_STARTTLS,  /* the answer to STARTTLS is awaited */
  CONNECTION_HANDSHAKE, /* of TLS */
  CONNECTION_OPEN,
} ConnectionState;

struct _LeasequeryRequestor
{
  LeasequeryRequestorConfig config; /* duid points into duid */
  GBytes *duid;
  RoamRng *rng; /* borrowed */
  ConnectionState state;
  gint64 now_us;       /* of the last verb: pop_action() has no clock */
  GPtrArray *queries;  /* RequestorQuery, oldest first */
  GHashTable *aborted; /* transaction ids on this connection whose answers are no faults */
  GQueue actions;      /* LeasequeryRequestorAction */
  guint64 faults[LEASEQUERY_N_FAULTS];

  /* the connection */
  guint attempts;        /* since one last came up */
  guint refusals;        /* in a row */
  gboolean heard;        /* a reply came on this connection */
  gboolean was_open;     /* some connection came as far as a query */
  gboolean output_ended; /* END_OUTPUT said */
  guint faulty_messages;
  guint32 starttls_id;     /* transaction-id of STARTTLS */
  gint64 connect_at_us;    /* WAITING */
  gint64 quiet_since_us;   /* last progress: a whole message, or the first octet of one */
  gint64 blocked_since_us; /* 0: what was sent goes out */

  /* what is being taken apart */
  Dhcp6FrameReader frames;
  const guint8 *input;
  gsize n_input;
  Dhcp6Message message;
  gboolean in_message; /* CLIENT_DATA options may follow in options */
  RequestorQuery *of;  /* the query of message */
  Dhcp6OptionIter options;
  Dhcp6ClientData client;
  gboolean in_client, first_of_client;
  Dhcp6BindingIter bindings;
  char *text; /* of the event handed out last */
};

/* leasequery-requestor.c */
LeasequeryEvent *leasequery_requestor_push_event (LeasequeryRequestor *r, LeasequeryEventType type, guint id);
void leasequery_requestor_fault (LeasequeryRequestor *r, LeasequeryFault fault, guint id);
/* Ends @query, which is freed, with one COMPLETE event. */
void leasequery_requestor_finish (LeasequeryRequestor *r, RequestorQuery *query, LeasequeryOutcome outcome,
                                  gboolean complete);
/* Drops the connection; queries that were sent are asked again or end with @outcome. */
void leasequery_requestor_drop (LeasequeryRequestor *r, LeasequeryOutcome outcome);
/* The server is ready for TLS. */
void leasequery_requestor_begin_tls (LeasequeryRequestor *r);
/* Sends what may be sent; ends output and connection when all is done. */
void leasequery_requestor_advance (LeasequeryRequestor *r);
/* To be asked again after a wait, if it may be. FALSE: no more tries. */
gboolean leasequery_requestor_postpone (LeasequeryRequestor *r, RequestorQuery *query);

/* leasequery-answer.c */
/* Takes the input apart up to the next thing to say: @ret_action for a binding, else queued. FALSE: no input left. */
gboolean leasequery_answer_step (LeasequeryRequestor *r, LeasequeryRequestorAction *ret_action);
/* STARTTLS as a frame (RFC 7653 6.2.2). */
GBytes *leasequery_query_build_starttls (guint32 transaction_id);
/* Forgets what is half taken apart. */
void leasequery_answer_reset (LeasequeryRequestor *r);
