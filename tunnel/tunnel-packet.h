/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "base/rng.h"
#include "tunnel/tunnel.h"

/*
 * Packet work at a tunnel's end: ESP in tunnel mode and ECN, for the data plane here and for peers that have one of
 * their own. Pure, on the caller's buffers: no allocation a packet. Not thread-safe.
 */

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

/* ------------------------------------------------------------------------ ESP ---- */

/*
 * RFC 4303, one cipher context an SA and direction: AES-GCM with a 16-octet ICV (RFC 4106), AES-CBC (RFC 3602) with
 * HMAC-SHA2-256-128, -384-192 and -512-256 (RFC 4868).
 */

#define TUNNEL_ESP_MIN_SPI 256 /* RFC 4303 2.1: 0 is local, 1..255 reserved */
#define TUNNEL_ESP_HEADER 8    /* SPI, sequence number */
#define TUNNEL_ESP_MAX_IV 16
#define TUNNEL_ESP_MAX_ICV 32
/* Padding to the cipher's block, pad length, next header. */
#define TUNNEL_ESP_MAX_TRAILER 17
#define TUNNEL_ESP_MAX_OVERHEAD (TUNNEL_ESP_HEADER + TUNNEL_ESP_MAX_IV + TUNNEL_ESP_MAX_TRAILER + TUNNEL_ESP_MAX_ICV)

#define TUNNEL_NEXT_HEADER_IPV4 4
#define TUNNEL_NEXT_HEADER_IPV6 41
#define TUNNEL_NEXT_HEADER_DUMMY 59

/* ------------------------------------------------------------------- outbound ---- */

typedef struct _TunnelEspOut TunnelEspOut;

/* @rng is borrowed for the object's life (IVs of CBC). NULL: a suite or key length that roamd does not do. */
TunnelEspOut *tunnel_esp_out_new (const TunnelSa *sa, RoamRng *rng);
void tunnel_esp_out_free (TunnelEspOut *out);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (TunnelEspOut, tunnel_esp_out_free)
/* The number the next packet gets; 1 on a new SA (RFC 4303 2.2). */
guint64 tunnel_esp_out_next_sequence (const TunnelEspOut *out);
/* So many numbers are used up that a new SA is needed before long (RFC 4303 3.3.3). */
gboolean tunnel_esp_out_runs_short (const TunnelEspOut *out);
/* Jumps forward, never back: an SA taken over from another data plane. */
void tunnel_esp_out_skip_to (TunnelEspOut *out, guint64 sequence);
/*
 * Encrypts @length octets at @plain (with TUNNEL_ESP_MAX_TRAILER writable octets behind them, which
 * receive the trailer) to @packet, SPI to ICV; @size is its room. @packet may be apart from @plain or
 * lie exactly header and IV before it. SEQUENCE: a new SA is needed; SPACE: @size is too small.
 */
TunnelDrop tunnel_esp_encrypt (TunnelEspOut *out, guint8 next_header, guint8 *plain, gsize length, guint8 *packet,
                               gsize size, gsize *ret_length);
/* Header and IV: where in @packet the plaintext of an in-place encryption must begin. */
gsize tunnel_esp_out_headroom (const TunnelEspOut *out);

/* -------------------------------------------------------------------- inbound ---- */

typedef struct _TunnelEspIn TunnelEspIn;

TunnelEspIn *tunnel_esp_in_new (const TunnelSa *sa);
void tunnel_esp_in_free (TunnelEspIn *in);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (TunnelEspIn, tunnel_esp_in_free)
/* SPI of a packet; 0 when it is too short or the SPI is reserved. */
guint32 tunnel_esp_get_spi (const guint8 *packet, gsize length);
/*
 * Authenticates and decrypts @packet (SPI to ICV) in place; on NONE *@ret_plain points into it and
 * padding is gone. The replay window moves only then. Nothing of a packet that fails can be read
 * from the buffer: it is wiped (RFC 4303 3.4.4.2).
 */
TunnelDrop tunnel_esp_decrypt (TunnelEspIn *in, guint8 *packet, gsize length, guint8 **ret_plain, gsize *ret_length,
                               guint8 *ret_next_header);
/* The newest authenticated sequence number. */
guint64 tunnel_esp_in_newest (const TunnelEspIn *in);
/* Starts the window at @sequence: an SA taken over from another data plane. */
void tunnel_esp_in_skip_to (TunnelEspIn *in, guint64 sequence);

/* ------------------------------------------------------------------------ ECN ---- */

typedef enum
{
  TUNNEL_ECN_NOT_ECT = 0,
  TUNNEL_ECN_ECT_1 = 1,
  TUNNEL_ECN_ECT_0 = 2,
  TUNNEL_ECN_CE = 3,
} TunnelEcn;

/*
 * RFC 6040 4.2, figure 4. FALSE: drop. @ret_unused: a combination that no conforming encapsulator
 * makes; worth a counter.
 */
gboolean tunnel_ecn_decapsulate (TunnelEcn inner, TunnelEcn outer, TunnelEcn *ret_ecn, gboolean *ret_unused);
/* Sets the ECN field of the IPv4 header at @packet and corrects its checksum (RFC 1624). */
void tunnel_ip4_set_ecn (guint8 *packet, TunnelEcn ecn);
