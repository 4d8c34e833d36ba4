/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "tunnel/tunnel-packet.h"

/* The inside of ESP (tunnel-esp.c) and anti-replay (tunnel-replay.c), for them and their tests. */

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

/* tunnel_esp_encrypt() with the sequence number and IV given: for the vectors of the RFCs only. */
TunnelDrop tunnel_esp_encrypt_with (TunnelEspOut *out, guint64 sequence, const guint8 *iv, guint8 next_header,
                                    guint8 *plain, gsize length, guint8 *packet, gsize size, gsize *ret_length);
