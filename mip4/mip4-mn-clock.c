/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "mip4/mip4-mn-private.h"

/*
 * The Identification of Registration Requests: NTP timestamps that grow strictly over all paths
 * (RFC 5944 5.7.1, D-02, D-03). Once the home agent has shown its clock, in an accepting reply or by
 * code 133, time is counted from there on CLOCK_BOOTTIME: a step of the wall clock is then harmless.
 */

/*
 * With nonces (RFC 5944 5.7.2) the high half is what the home agent said last, the low half random.
 */

/* Microseconds that fill the upper 20 bits of an NTP fraction; the 12 below are random (RFC 5944 5.7.1). */
#define RANDOM_BITS 0xfffu

static guint64
ntp_from_us (gint64 us)
{
  guint64 whole = (guint64)(us / ROAM_USEC_PER_SEC), rest = (guint64)(us % ROAM_USEC_PER_SEC);

  return whole << 32 | (rest << 32) / ROAM_USEC_PER_SEC;
}

Mip4MnPeer *
mip4_mn_peer (Mip4Mn *mn, const RoamAddr *home_agent)
{
  Mip4MnPeer *peer;

  for (guint i = 0; i < mn->n_peers; i++)
    if (roam_addr_equal (&mn->peers[i].home_agent, home_agent))
      return &mn->peers[i];
  /* Full: the oldest gives way; should it be asked again, one code 133 restores it. */
  peer = &mn->peers[mn->next_peer];
  mn->next_peer = (mn->next_peer + 1) % MIP4_MN_MAX_PEERS;
  mn->n_peers = MIN (mn->n_peers + 1, MIP4_MN_MAX_PEERS);
  *peer = (Mip4MnPeer){ .home_agent = *home_agent };
  return peer;
}

guint64
mip4_mn_clock (const Mip4MnPeer *peer, const RoamNow *now)
{
  if (!peer->synchronised)
    return now->ntp;
  return peer->clock_ntp + ntp_from_us (MAX (now->boot_us - peer->clock_boot_us, 0));
}

guint64
mip4_mn_next_identification (Mip4MnPeer *peer, const RoamNow *now, guint32 low)
{
  const guint64 seconds = G_GUINT64_CONSTANT (0xffffffff00000000);
  guint64 identification = (mip4_mn_clock (peer, now) & seconds) | low;

  if (peer->has_last && !mip4_identification_after (identification, peer->last))
    {
      identification = (peer->last & seconds) | low;
      if (!mip4_identification_after (identification, peer->last))
        identification += G_GUINT64_CONSTANT (1) << 32;
    }
  peer->has_last = TRUE;
  peer->last = identification;
  return identification;
}

static gboolean
record_uses_low (const Mip4MnRecord *record, guint32 low)
{
  for (guint i = 0; i < record->n_copies; i++)
    if ((guint32)record->copies[i].identification == low)
      return TRUE;
  return record->has_low && record->low == low;
}

static gboolean
low_is_taken (const Mip4Mn *mn, guint32 low)
{
  for (guint i = 0; i < mn->paths->len; i++)
    {
      const Mip4MnPathState *state = g_ptr_array_index (mn->paths, i);

      if (state->current != NULL && record_uses_low (state->current, low))
        return TRUE;
      for (guint j = 0; j < state->closed->len; j++)
        if (record_uses_low (g_ptr_array_index (state->closed, j), low))
          return TRUE;
    }
  return FALSE;
}

guint32
mip4_mn_draw_low (Mip4Mn *mn, const Mip4MnPeer *peer, Mip4ReplayStyle replay, const RoamNow *now)
{
  guint32 random_bits = replay == MIP4_REPLAY_NONCE ? G_MAXUINT32 : RANDOM_BITS;
  guint32 fraction = (guint32)mip4_mn_clock (peer, now) & ~random_bits;
  guint32 low;

  do
    low = fraction | (roam_rng_u32 (mn->rng) & random_bits);
  while (low_is_taken (mn, low) || (peer->has_last && low == (guint32)peer->last));
  return low;
}

void
mip4_mn_resynchronise (Mip4Mn *mn, Mip4MnPeer *peer, const RoamNow *now, guint64 identification)
{
  /* The reply carries whole seconds; the fraction is our own, half a second off at most on average. */
  guint64 seconds = identification & G_GUINT64_CONSTANT (0xffffffff00000000);

  peer->clock_ntp = seconds | (mip4_mn_clock (peer, now) & G_MAXUINT32);
  peer->clock_boot_us = now->boot_us;
  peer->synchronised = TRUE;
  /* D-03: the strictly increasing rule restarts here, above what the home agent accepted. */
  peer->has_last = peer->has_last_accepted;
  peer->last = peer->last_accepted;
  mn->counts[MIP4_MN_COUNT_RESYNCHRONISED]++;
}

void
mip4_mn_note_accepted (Mip4MnPeer *peer, const RoamNow *now, guint64 identification)
{
  if (!peer->has_last_accepted || mip4_identification_after (identification, peer->last_accepted))
    peer->last_accepted = identification;
  peer->has_last_accepted = TRUE;
  if (peer->synchronised)
    return;
  peer->clock_ntp = now->ntp;
  peer->clock_boot_us = now->boot_us;
  peer->synchronised = TRUE;
}
