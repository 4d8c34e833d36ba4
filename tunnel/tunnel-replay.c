/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "tunnel/tunnel-esp-private.h"

#include <string.h>

/* Each number has its bit at sequence modulo the window; moving the window clears what it enters. */
static inline guint
word_of (guint64 sequence)
{
  return (guint)(sequence / 64 % TUNNEL_REPLAY_WORDS);
}

static inline guint64
bit_of (guint64 sequence)
{
  return G_GUINT64_CONSTANT (1) << (sequence % 64);
}

gboolean
tunnel_replay_expand (const TunnelReplay *replay, gboolean esn, guint32 low, guint64 *ret_sequence)
{
  guint32 newest_low = (guint32)replay->newest, newest_high = (guint32)(replay->newest >> 32);
  guint32 bottom = newest_low - (TUNNEL_REPLAY_WINDOW - 1), high;

  if (!esn)
    {
      *ret_sequence = low;
      return TRUE;
    }
  /* RFC 4303 A2.2: the window lies in one subspace (case A) or across two (case B). */
  if (newest_low >= TUNNEL_REPLAY_WINDOW - 1)
    {
      if (low < bottom && newest_high == G_MAXUINT32)
        return FALSE;
      high = low >= bottom ? newest_high : newest_high + 1;
    }
  else
    {
      if (low >= bottom && newest_high == 0)
        return FALSE;
      high = low >= bottom ? newest_high - 1 : newest_high;
    }
  *ret_sequence = (guint64)high << 32 | low;
  return TRUE;
}

gboolean
tunnel_replay_check (const TunnelReplay *replay, guint64 sequence)
{
  /* RFC 4303 2.2: the first number of an SA is 1. */
  if (sequence == 0)
    return FALSE;
  if (sequence > replay->newest)
    return TRUE;
  if (replay->newest - sequence >= TUNNEL_REPLAY_WINDOW)
    return FALSE;
  return (replay->seen[word_of (sequence)] & bit_of (sequence)) == 0;
}

void
tunnel_replay_update (TunnelReplay *replay, guint64 sequence)
{
  if (sequence > replay->newest)
    {
      if (sequence - replay->newest >= TUNNEL_REPLAY_WINDOW)
        memset (replay->seen, 0, sizeof replay->seen);
      else
        for (guint64 passed = replay->newest + 1; passed <= sequence; passed++)
          replay->seen[word_of (passed)] &= ~bit_of (passed);
      replay->newest = sequence;
    }
  replay->seen[word_of (sequence)] |= bit_of (sequence);
}
