/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "dhcp6/leasequery-io.h"
#include "dhcp6/leasequery-merge.h"

/*
 * Questions to one or more servers, over one connection to each. A client that is asked an active question must be
 * asked no other (RFC 7653 9.4).
 */

typedef struct _LeasequeryClient LeasequeryClient;

typedef struct
{
  RoamEndpoint endpoint;
  guint scope_id;   /* interface number of a link-local address, else 0 */
  const char *name; /* what its certificate must hold; copied. NULL: the address */
} LeasequeryServerAddress;

typedef struct
{
  const LeasequeryServerAddress *servers; /* in order of preference */
  guint n_servers;
  LeasequeryRequestorConfig requestor;
  LeasequeryTls *tls; /* referenced; needed when requestor.tls is set */
  LeasequeryPolicy policy;
  gint64 remember_us; /* how long a question without result is not asked again; 0: it is (LQ-REQ-019) */
} LeasequeryClientConfig;

/* What @server says; borrowed for the call, in which ask and set_paused may be called, free may not. */
typedef struct
{
  guint server; /* its place in the configuration */
  const LeasequeryEvent *event;
  gboolean moved_on; /* COMPLETE: the next server is asked in its place */
  gboolean cached;   /* COMPLETE: not asked; the same question had no result a moment ago */
} LeasequeryClientEvent;

typedef void (*LeasequeryClientFunc) (LeasequeryClient *client, const LeasequeryClientEvent *event, gpointer user_data);

/* @config and what it points to are copied; @context NULL: the default one. */
LeasequeryClient *leasequery_client_new (const LeasequeryClientConfig *config, GMainContext *context,
                                         LeasequeryClientFunc function, gpointer user_data);
void leasequery_client_free (LeasequeryClient *client);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (LeasequeryClient, leasequery_client_free)

/*
 * Asks; the events carry @id, > 0 and not in use. @query is copied and must have passed
 * leasequery_query_check(). Any number may be asked: each server gets as many at once as it should.
 * With remember_us the answer may come before this returns.
 */
void leasequery_client_ask (LeasequeryClient *client, guint id, const LeasequeryQuery *query);
/* The same of one server alone, whatever the policy. */
void leasequery_client_ask_one (LeasequeryClient *client, guint server, guint id, const LeasequeryQuery *query);
/* Several questions are coming: none is sent before the last is asked; with half_close that matters. */
void leasequery_client_begin (LeasequeryClient *client);
void leasequery_client_commit (LeasequeryClient *client);
/* Ends what is under way, INCOMPLETE. */
void leasequery_client_close (LeasequeryClient *client);
void leasequery_client_set_paused (LeasequeryClient *client, gboolean paused);
/* Questions that some server still owes an answer. */
guint leasequery_client_n_pending (const LeasequeryClient *client);
/* The connection to @server, for its error and counters; borrowed. */
const LeasequeryIo *leasequery_client_get_io (const LeasequeryClient *client, guint server);
