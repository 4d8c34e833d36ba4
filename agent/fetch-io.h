/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "base/addr.h"

#include <glib.h>

/*
 * HTTP beside the main loop: what IKE_ACTION_FETCH asks for (OCSP, revocation lists, certificates). Plain http, one
 * answer of a limited length, no redirects, no proxies, no cookies, nothing kept. A transfer runs in a thread of its
 * own; everything is called in, and calls back from, the thread of the default main context.
 */

typedef struct _AgentFetchIo AgentFetchIo;

/* More at once would only mean that somebody lets us fetch for him. */
#define AGENT_FETCH_MAX 4
#define AGENT_FETCH_MAX_ADDRESSES 8

/* @answer NULL: it failed, @problem says how. Both borrowed. Not called for what agent_fetch_io_free() ends. */
typedef void (*AgentFetchDone) (guint32 request, GBytes *answer, const char *problem, gpointer user_data);
/* The gate has to let TCP through to @server (@open), and no longer. */
typedef void (*AgentFetchPermit) (const RoamEndpoint *server, gboolean open, gpointer user_data);

typedef struct
{
  guint32 mark;            /* SO_MARK of the sockets; 0: none */
  gboolean allow_loopback; /* for tests: this machine's own servers are nothing that a URL may name */
  AgentFetchDone done;
  AgentFetchPermit permit; /* NULL: there is no gate */
  gpointer user_data;
} AgentFetchConfig;

typedef struct
{
  guint32 request;
  const char *url;
  const char *content_type; /* of @body */
  GBytes *body;             /* POST; NULL: GET */
  gsize max_length;         /* of the answer */
  gint64 timeout_us;        /* for all of it */
  const char *interface;    /* the only one to use; NULL: any */
  const RoamAddr
    *addresses; /* of the URL's host; none: it is looked up in the system's way, which may end at the gate */
  guint n_addresses;
} AgentFetch;

AgentFetchIo *agent_fetch_io_new (const AgentFetchConfig *config);
/* Ends what is under way, without waiting for it. */
void agent_fetch_io_free (AgentFetchIo *io);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (AgentFetchIo, agent_fetch_io_free)
/* Begins; everything is copied. FALSE with a sentence (static): it cannot be begun, and there will be no answer. */
gboolean agent_fetch_io_start (AgentFetchIo *io, const AgentFetch *fetch, const char **ret_problem);
/* What is under way for nobody any more. */
void agent_fetch_io_cancel_all (AgentFetchIo *io);
/* The host that @url names, so that it can be looked up first; NULL: it is an address, or no URL. Caller frees. */
char *agent_fetch_dup_host (const char *url);
