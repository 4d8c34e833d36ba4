/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "dhcp6/leasequery-requestor.h"
#include "dhcp6/leasequery-tls-io.h"

/*
 * The edge of LeasequeryRequestor: one server over TCP on a GLib main context. Non-blocking, with
 * TCP_NODELAY. One that is paused, or whose function takes its time, does not read: TCP's window
 * closes, memory stays as it is, and none of that time counts against the server (LQ-REQ-052).
 */

typedef struct _LeasequeryIo LeasequeryIo;

/*
 * Everything that the engine says, in its order; @event and what it points to are borrowed for the
 * call. Within it, ask, abort and set_paused may be called, free may not.
 */
typedef void (*LeasequeryIoFunc) (LeasequeryIo *io, const LeasequeryEvent *event, gpointer user_data);

/*
 * @scope_id: interface number for a link-local server, else 0. @config is copied. @context NULL: the
 * default one. Transaction-ids come from the kernel's entropy. Nothing is sent before the first question.
 */
LeasequeryIo *leasequery_io_new (const RoamEndpoint *server, guint scope_id, const LeasequeryRequestorConfig *config,
                                 GMainContext *context, LeasequeryIoFunc function, gpointer user_data);
/*
 * Before the first question, when the configuration has tls: what TLS is made of, and the name or address that must
 * be in the server's certificate. @tls is referenced, @name copied.
 */
void leasequery_io_set_tls (LeasequeryIo *io, LeasequeryTls *tls, const char *name);
/* Drops the connection; no event comes any more. */
void leasequery_io_free (LeasequeryIo *io);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (LeasequeryIo, leasequery_io_free)

/* @id > 0 and not in use; @query must have passed leasequery_query_check(). */
void leasequery_io_ask (LeasequeryIo *io, guint id, const LeasequeryQuery *query);
void leasequery_io_abort (LeasequeryIo *io, guint id);
/* Ends everything now; queries under way end INCOMPLETE. */
void leasequery_io_close (LeasequeryIo *io);
/* The consumer has enough for now, or wants more. */
void leasequery_io_set_paused (LeasequeryIo *io, gboolean paused);
/* What the kernel or TLS said of the connection last ("Connection refused"); static or the io's; NULL: nothing. */
const char *leasequery_io_get_error (const LeasequeryIo *io);
/* Octets received since the start. */
guint64 leasequery_io_get_received (const LeasequeryIo *io);
guint64 leasequery_io_get_faults (const LeasequeryIo *io, LeasequeryFault fault);
