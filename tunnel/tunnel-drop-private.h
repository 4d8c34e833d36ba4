/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>

/* Why a packet went no further; each has a counter of its own. NONE: it did go on. */
typedef enum
{
  TUNNEL_DROP_NONE,
  TUNNEL_DROP_MALFORMED,     /* no whole, correct IPv4 packet; ESP too short or badly padded */
  TUNNEL_DROP_NOT_IPV4,      /* IPv6 and the rest are not carried */
  TUNNEL_DROP_TTL,           /* RFC 2003 3.1: TTL 0 */
  TUNNEL_DROP_LOOP,          /* RFC 2003 3.2: the source is an end point of the tunnel itself */
  TUNNEL_DROP_SOURCE,        /* inner source is not what it must be */
  TUNNEL_DROP_END_POINT,     /* outer addresses are not those of the tunnel */
  TUNNEL_DROP_DESTINATION,   /* inner destination is not the home address */
  TUNNEL_DROP_FRAGMENT,      /* RFC 4303 3.4.1: what comes here must be whole */
  TUNNEL_DROP_ECN,           /* RFC 6040 4.2: congestion for a sender that cannot know of it */
  TUNNEL_DROP_NEXT_HEADER,   /* RFC 4303 2.6: neither IPv4 nor dummy */
  TUNNEL_DROP_DUMMY,         /* RFC 4303 2.6: next header 59, no error */
  TUNNEL_DROP_UNKNOWN_SPI,   /* RFC 4303 3.4.2 */
  TUNNEL_DROP_REPLAYED,      /* RFC 4303 3.4.3 */
  TUNNEL_DROP_AUTHENTICATOR, /* RFC 4303 3.4.4 */
  TUNNEL_DROP_SEQUENCE,      /* RFC 4303 3.3.3: the counter is used up */
  TUNNEL_DROP_SPACE,         /* the caller's buffer is too small */
  TUNNEL_DROP_TOO_BIG,       /* for the path, and not to be fragmented */
  TUNNEL_DROP_MODE,          /* the mode does not let it pass */
  TUNNEL_N_DROPS,
} TunnelDrop;
