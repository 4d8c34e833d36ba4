/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "dhcp6/leasequery-server.h"
#include "dhcp6/leasequery-tls-io.h"

/* The edge of LeasequeryServer: TCP sockets on GLib's default main context. */

typedef struct _LeasequeryServerIo LeasequeryServerIo;

typedef struct
{
  const RoamEndpoint *listen; /* IPv6 and IPv4 addresses; never all of a machine's by default (LQ-SRV-011) */
  guint n_listen;
} LeasequeryServerIoConfig;

/* Takes over @server. NULL and @error (which address, why) when one of them cannot be listened on. */
LeasequeryServerIo *leasequery_server_io_new (LeasequeryServer *server, const LeasequeryServerIoConfig *config,
                                              GError **error);
/* Ends all connections at once. */
void leasequery_server_io_free (LeasequeryServerIo *io);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (LeasequeryServerIo, leasequery_server_io_free)
/*
 * Queries from now on are answered from @store; NULL: none can be. @journal: where its changes are noted, for active
 * queries; NULL: these cannot be.
 */
void leasequery_server_io_set_store (LeasequeryServerIo *io, LeaseStore *store, LeaseJournal *journal);
/* The journal has changes that active queries should be told of. */
void leasequery_server_io_look (LeasequeryServerIo *io);
/* A UDP message, and its answer (caller unrefs) or NULL. */
GBytes *leasequery_server_io_input_udp (LeasequeryServerIo *io, const RoamAddr *peer, const guint8 *data, gsize length);
/* For handshakes from now on; referenced. Needed when the server's configuration offers TLS. */
void leasequery_server_io_set_tls (LeasequeryServerIo *io, LeasequeryTls *tls);
/* Limits and permissions from now on; copied. The addresses listened on stay. */
void leasequery_server_io_configure (LeasequeryServerIo *io, const LeasequeryServerConfig *config);
/* Ends in good order: DONE with QueryTerminated; @done is called when the last octet is out, or @limit_ms is over. */
void leasequery_server_io_stop (LeasequeryServerIo *io, guint limit_ms, void (*done) (gpointer user_data),
                                gpointer user_data);
void leasequery_server_io_get_counters (const LeasequeryServerIo *io, LeasequeryServerCounters *ret_counters);
/* The port that the first listener has; for tests that ask for port 0. */
guint16 leasequery_server_io_get_port (const LeasequeryServerIo *io);
