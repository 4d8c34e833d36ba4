/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "base/addr.h"

#include <glib.h>

/* UDP sockets that hand each datagram to a function, on GLib's default main context. */

typedef struct _LeasequeryUdpIo LeasequeryUdpIo;

/* The answer to @data from @peer, the callee's to give away; NULL: none. */
typedef GBytes *(*LeasequeryUdpFunc) (const RoamAddr *peer, const guint8 *data, gsize length, gpointer user_data);

/* Answers go out from the address that was asked. NULL and @error when one of them cannot be had. */
LeasequeryUdpIo *leasequery_udp_io_new (const RoamEndpoint *listen, guint n_listen, LeasequeryUdpFunc function,
                                        gpointer user_data, GError **error);
void leasequery_udp_io_free (LeasequeryUdpIo *io);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (LeasequeryUdpIo, leasequery_udp_io_free)
