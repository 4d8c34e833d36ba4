/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "mip4/mip4-ha-private.h"

/* Replay protection (RFC 5944 5.7), in the style of the association whose SPI the request has. */

#define HIGH G_GUINT64_CONSTANT (0xffffffff00000000)

/* RFC 5944 5.7.1, modulo 2^64 (D-28). */
static gboolean
timestamp_is_valid (const Mip4Ha *ha, const RoamNow *now, const Mip4HaRequest *request)
{
  const Mip4HaNodeState *node = request->node;
  guint64 identification = request->message.identification;
  gint64 difference = (gint64)(identification - now->ntp);
  gint64 tolerance = (gint64)(node->tolerance_s != 0 ? node->tolerance_s : ha->config.tolerance_s) << 32;

  if (difference > tolerance || difference < -tolerance)
    return FALSE;
  return !node->replay.has_timestamp || mip4_identification_after (identification, node->replay.timestamp);
}

gboolean
mip4_ha_take_identification (const Mip4Ha *ha, const RoamNow *now, const Mip4HaRequest *request)
{
  Mip4HaNodeState *node = request->node;

  switch (request->mn_ha->replay)
    {
    case MIP4_REPLAY_TIMESTAMP:
      if (!timestamp_is_valid (ha, now, request))
        return FALSE;
      node->replay.has_timestamp = TRUE;
      node->replay.timestamp = request->message.identification;
      node->replay_changed = TRUE;
      return TRUE;
    case MIP4_REPLAY_NONCE:
      /* The answer, whatever it says, brings the next one. */
      return node->replay.has_nonce && request->message.identification >> 32 == node->replay.nonce;
    }
  g_return_val_if_reached (FALSE);
}

guint64
mip4_ha_answer_identification (Mip4Ha *ha, const RoamNow *now, const Mip4HaRequest *request, guint8 code)
{
  Mip4HaNodeState *node = request->node;
  guint64 low = request->message.identification & ~HIGH;
  guint32 old = node->replay.nonce;

  /* To who is not authentic: nothing of ours, and nothing is noted. */
  if (code == MIP4_CODE_HA_MN_AUTH)
    return request->message.identification;
  switch (request->mn_ha->replay)
    {
    case MIP4_REPLAY_TIMESTAMP:
      return code == MIP4_CODE_HA_IDENTIFICATION ? (now->ntp & HIGH) | low : request->message.identification;
    case MIP4_REPLAY_NONCE:
      /* RFC 5944 5.7.2: pseudo-random, and not the one before. */
      do
        node->replay.nonce = roam_rng_u32 (ha->config.rng);
      while (node->replay.has_nonce && node->replay.nonce == old);
      node->replay.has_nonce = TRUE;
      node->replay_changed = TRUE;
      return (guint64)node->replay.nonce << 32 | low;
    }
  g_return_val_if_reached (0);
}
