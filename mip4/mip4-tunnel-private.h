/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>

/* The pure part of IP-in-IP (RFC 2003) and of its ECN rules (RFC 6040): no descriptors, no allocation. */

#define MIP4_IPV4_MIN_HEADER 20u
#define MIP4_PROTOCOL_IPIP 4u

typedef struct
{
  guint32 source, destination; /* host order */
  guint8 tos, ttl, protocol;
  guint16 header_length; /* octets, options included */
  guint16 total_length;  /* octets; never above what was given */
} Mip4Ipv4;

/* Version, lengths; the checksum is left to the kernel. FALSE leaves @ret untouched. */
gboolean mip4_ipv4_parse (const guint8 *packet, gsize length, Mip4Ipv4 *ret);

/* What the tunnel's end makes of the inner ECN field (RFC 6040 4.2). */
typedef enum
{
  MIP4_ECN_FORWARD,
  MIP4_ECN_FORWARD_STRANGE, /* forwarded, but a combination in no use today: count it */
  MIP4_ECN_DROP,            /* congestion was marked and the inner packet cannot carry the mark */
} Mip4EcnResult;

/* Writes the merged ECN field into @inner (at least 20 octets of IPv4 header) and repairs its checksum. */
Mip4EcnResult mip4_ecn_decapsulate (guint8 outer_tos, guint8 *inner);

/* An encapsulated packet that its node sent to itself would go round for ever (RFC 5944 4.2.3). */
gboolean mip4_tunnel_is_loop (const guint8 *packet, gsize length, guint32 care_of_address);
