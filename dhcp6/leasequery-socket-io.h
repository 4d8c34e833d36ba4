/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "base/addr.h"

#include <glib.h>

struct sockaddr_storage;

/* Addresses as the kernel has them. */

/* Unset for any other family than IPv6 and IPv4. */
RoamEndpoint leasequery_socket_endpoint (const struct sockaddr_storage *address);
/* A non-blocking socket of @type that is bound to @endpoint; -1 and @error. The caller closes it. */
int leasequery_socket_bind (const RoamEndpoint *endpoint, int type, GError **error);
void leasequery_socket_set_error (const RoamEndpoint *endpoint, int code, GError **error);
