/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "base/addr.h"

#include <glib.h>

/*
 * Just enough DNS (RFC 1035, RFC 3596) to ask for the gateway's addresses while the gate keeps everything
 * else on this machine: one question, the addresses of its answer. Pure.
 */

#define AGENT_DNS_PORT 53
/* RFC 1035 4.2.1: what every server may send in UDP without being asked for more. */
#define AGENT_DNS_MAX_DATAGRAM 512
#define AGENT_DNS_MAX_ADDRESSES 16
#define AGENT_DNS_MAX_SERVERS 4

/* A query with recursion for the addresses of @name of that family. NULL: no name that fits. */
GBytes *agent_dns_build_query (guint16 id, const char *name, RoamFamily family);
/*
 * The addresses in a response to exactly that query. FALSE: it is no such response, forget it; TRUE: it
 * answers, with @ret_n addresses (0: there are none, or the server does not know).
 */
gboolean agent_dns_parse_response (const guint8 *data, gsize length, guint16 id, const char *name, RoamFamily family,
                                   RoamAddr ret_addresses[AGENT_DNS_MAX_ADDRESSES], guint *ret_n);
/* "nameserver" lines of a resolv.conf(5), without those on this machine. The number. */
guint agent_dns_parse_servers (const char *text, RoamAddr ret_servers[AGENT_DNS_MAX_SERVERS]);
