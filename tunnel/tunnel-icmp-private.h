/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "base/now.h"
#include "tunnel/tunnel-ipip-private.h"

/*
 * What routers inside the tunnel say about its packets, and what of it the sender of the user's packet
 * must hear (RFC 2003 4 and 5). Pure. ICMP is anybody's word: it counts only if it quotes what the
 * tunnel could have sent, can make no path narrower than TUNNEL_ICMP_MIN_MTU (RFC 4459 5), and ages.
 */

/* RFC 791: every host takes 576 octets. Inside the tunnel. */
#define TUNNEL_ICMP_MIN_MTU 576
/* RFC 1191 6.3: a path may have become wider. */
#define TUNNEL_ICMP_MTU_AGE_US (600 * ROAM_USEC_PER_SEC)
/* Of "unreachable": about what routing needs to converge. */
#define TUNNEL_ICMP_UNREACHABLE_AGE_US (30 * ROAM_USEC_PER_SEC)
/* RFC 1812 4.3.2.8: errors that the state alone provokes are limited. */
#define TUNNEL_ICMP_TELL_US ROAM_USEC_PER_SEC
/* RFC 1812 4.3.2.3: an error with its quotation. */
#define TUNNEL_ICMP_MAX_OCTETS 576

/*
 * Of one tunnel; zeroed: nothing known. No path length: the outer TTL is the same for every packet,
 * whatever the inner one (RFC 2003 3.1), so no packet can violate it.
 */
typedef struct
{
  guint largest;           /* octets of the longest outer packet that was sent */
  guint mtu;               /* of the packets inside; 0: not learned */
  gint64 mtu_us;           /* when it was */
  guint8 unreachable_code; /* Destination Unreachable that senders get; valid until unreachable_us */
  gint64 unreachable_us;   /* 0: the far end is reached, as far as is known */
  gint64 told_us;
} TunnelSoftState;

typedef struct
{
  gboolean relay; /* to the sender of the original, as @type, @code, @rest */
  guint8 type, code;
  guint32 rest;           /* octets 4..7: MTU, or pointer << 24 */
  const guint8 *original; /* into the message: as much of the user's packet as was quoted */
  gsize original_length;
  gboolean narrower; /* the state's MTU went down */
  gboolean closed;   /* decision D-23: nobody listens at the home agent's port */
} TunnelIcmpVerdict;

/* Judges an ICMP message of @length octets (IP header included), changes @state. FALSE: not about this tunnel, or
 * forged. */
gboolean tunnel_icmp_judge (const TunnelIpip *tunnel, TunnelSoftState *state, const guint8 *packet, gsize length,
                            gint64 now_us, TunnelIcmpVerdict *ret_verdict);
/* The relayed message at @reply (TUNNEL_ICMP_MAX_OCTETS), as if from @source; its length, 0 if there is none. */
gsize tunnel_icmp_build (const TunnelIcmpVerdict *verdict, guint32 source, guint8 *reply);
/*
 * RFC 2003 5: the user's packet @packet violates the state. TRUE: its sender is told with
 * tunnel_icmp_build() of *@ret_verdict; the packet goes into the tunnel all the same.
 */
gboolean tunnel_icmp_check (TunnelSoftState *state, const guint8 *packet, gsize length, gint64 now_us,
                            TunnelIcmpVerdict *ret_verdict);
/* Something came out of the tunnel. */
void tunnel_icmp_note_received (TunnelSoftState *state);
/* The MTU that was learned and is not too old; G_MAXUINT: none. */
guint tunnel_icmp_get_mtu (const TunnelSoftState *state, gint64 now_us);
/* RFC 1122 3.2.2: whether @packet, whole or its beginning, may be answered by an ICMP error. */
gboolean tunnel_icmp_may_answer (const guint8 *packet, gsize length);
