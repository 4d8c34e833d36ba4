/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "dhcp6/leasequery-requestor.h"

/*
 * What several servers and queries said, put together (RFC 5007 4.3.4), and what need not be asked
 * again. Pure. Memory grows with the result: who wants it to stay flat does without.
 */

/* One binding as a server told it. */
typedef struct
{
  guint server; /* the caller's number of it */
  guint query;
  Dhcp6Slice server_id;
  Dhcp6ClientData client;
  Dhcp6Slice relay_data; /* data NULL: none */
  Dhcp6Binding binding;
  gint64 received_us; /* boot time: CLT_TIME and lifetimes count from it */
  gboolean complete;  /* the query it belongs to came to its end */
} LeasequeryRecord;

/* Borrows what @event, a BINDING, borrows. */
LeasequeryRecord leasequery_record_make (guint server, const LeasequeryEvent *event);
/* Boot time of the server's last contact with the client. */
gint64 leasequery_record_get_contact (const LeasequeryRecord *record);

typedef struct _LeasequeryMerge LeasequeryMerge;

LeasequeryMerge *leasequery_merge_new (void);
void leasequery_merge_free (LeasequeryMerge *merge);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (LeasequeryMerge, leasequery_merge_free)

/*
 * Takes a copy of what the event @event of @server says: a binding is kept; RESTART makes void what came for its
 * query so far; COMPLETE marks it. Others are of no concern. FALSE: one server said the same binding twice in
 * one reply, which it may not (section 8, row 36); the later contact is kept.
 */
gboolean leasequery_merge_add (LeasequeryMerge *merge, guint server, const LeasequeryEvent *event);
/*
 * Each address or prefix once, as said by whom the client spoke with last (LQ-REQ-061); by client
 * (LQ-REQ-046), of one client addresses before prefixes, each by number. Elements LeasequeryRecord,
 * borrowed from @merge until it changes; caller unrefs.
 */
GPtrArray *leasequery_merge_dup_result (const LeasequeryMerge *merge);

/* ------------------------------------------------------------------ policy ---- */

typedef enum
{
  LEASEQUERY_ASK_ALL,   /* every server at once (RFC 5460 6.4) */
  LEASEQUERY_ASK_FIRST, /* the first; the next when it cannot answer and another may (RFC 5007 4.3.3) */
} LeasequeryPolicy;

/* After @complete of @server: TRUE and the server that is to be asked instead. */
gboolean leasequery_policy_next (LeasequeryPolicy policy, const LeasequeryEvent *complete, guint server,
                                 guint n_servers, guint *ret_server);

/* ------------------------------------------------------------------- cache ---- */

/* Remembers for a while which question had no result at which server (RFC 5007 5). */
typedef struct _LeasequeryCache LeasequeryCache;

LeasequeryCache *leasequery_cache_new (gint64 lifetime_us);
void leasequery_cache_free (LeasequeryCache *cache);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (LeasequeryCache, leasequery_cache_free)
/* @question: the frame of leasequery_query_build() with transaction-id 0. */
void leasequery_cache_remember (LeasequeryCache *cache, const RoamNow *now, guint server, GBytes *question);
/* It was asked less than the lifetime ago, and there was nothing. */
gboolean leasequery_cache_knows (LeasequeryCache *cache, const RoamNow *now, guint server, GBytes *question);
