/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "base/rng.h"
#include "tunnel/tunnel-drop-private.h"
#include "tunnel/tunnel.h"

/*
 * ESP in tunnel mode (RFC 4303) on the caller's buffers: no allocation a packet, one cipher context
 * an SA and direction. AES-GCM with a 16-octet ICV (RFC 4106), AES-CBC (RFC 3602) with
 * HMAC-SHA2-256-128, -384-192 and -512-256 (RFC 4868). Sans-IO; not thread-safe.
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

/* Sizes of one suite. FALSE: roamd does not do it (no integrity, odd key length ...). */
typedef struct
{
  guint iv, icv, block;
  gsize encr_key, integ_key; /* octets; for GCM encr_key counts the salt */
} TunnelEspSizes;
gboolean tunnel_esp_get_sizes (TunnelEspAlgorithm algorithm, guint encr_bits, guint integ_bits,
                               TunnelEspSizes *ret_sizes);

/* ---------------------------------------------------------------- anti-replay ---- */

/*
 * RFC 4303 3.4.3 and appendix A: a window of the newest sequence numbers. 1024 and not 64, because
 * 64-packet batches on several queues and DSCP classes overtake each other.
 */
#define TUNNEL_REPLAY_WINDOW 1024
#define TUNNEL_REPLAY_WORDS (TUNNEL_REPLAY_WINDOW / 64)

typedef struct
{
  guint64 newest; /* 0: nothing received yet */
  guint64 seen[TUNNEL_REPLAY_WORDS];
} TunnelReplay;

/* The 64-bit number that @low stands for (RFC 4303 appendix A2); without @esn it is @low. FALSE: left of everything. */
gboolean tunnel_replay_expand (const TunnelReplay *replay, gboolean esn, guint32 low, guint64 *ret_sequence);
/* TRUE: new. Changes nothing. */
gboolean tunnel_replay_check (const TunnelReplay *replay, guint64 sequence);
/* Only after the packet's integrity was proved. */
void tunnel_replay_update (TunnelReplay *replay, guint64 sequence);

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
/* The same with the sequence number and IV given: for the vectors of the RFCs only. */
TunnelDrop tunnel_esp_encrypt_with (TunnelEspOut *out, guint64 sequence, const guint8 *iv, guint8 next_header,
                                    guint8 *plain, gsize length, guint8 *packet, gsize size, gsize *ret_length);
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
