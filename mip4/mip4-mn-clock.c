/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "mip4/mip4-mn-private.h"

/*
 * The Identification of Registration Requests: NTP timestamps that grow strictly over all paths
 * (RFC 5944 5.7.1, D-02, D-03). Once the home agent has shown its clock, in an accepting reply or by
 * code 133, time is counted from there on CLOCK_BOOTTIME: a step of the wall clock is then harmless.
 */

/* Microseconds that fill the upper 20 bits of an NTP fraction; the 12 below are random (RFC 5944 5.7.1). */
#define RANDOM_BITS 0xfffu

static guint64
ntp_from_us (gint64 us)
{
  guint64 whole = (guint64)(us / ROAM_USEC_PER_SEC), rest = (guint64)(us % ROAM_USEC_PER_SEC);

  return whole << 32 | (rest << 32) / ROAM_USEC_PER_SEC;
}

guint64
mip4_mn_clock (const Mip4Mn *mn, const RoamNow *now)
{
  if (!mn->synchronised)
    return now->ntp;
  return mn->clock_ntp + ntp_from_us (MAX (now->boot_us - mn->clock_boot_us, 0));
}

guint64
mip4_mn_next_identification (Mip4Mn *mn, const RoamNow *now, guint32 low)
{
  const guint64 seconds = G_GUINT64_CONSTANT (0xffffffff00000000);
  guint64 identification = (mip4_mn_clock (mn, now) & seconds) | low;

  if (mn->has_last && !mip4_identification_after (identification, mn->last))
    {
      identification = (mn->last & seconds) | low;
      if (!mip4_identification_after (identification, mn->last))
        identification += G_GUINT64_CONSTANT (1) << 32;
    }
  mn->has_last = TRUE;
  mn->last = identification;
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
mip4_mn_draw_low (Mip4Mn *mn, const RoamNow *now)
{
  guint32 fraction = (guint32)mip4_mn_clock (mn, now) & ~RANDOM_BITS;
  guint32 low;

  do
    low = fraction | (roam_rng_u32 (mn->rng) & RANDOM_BITS);
  while (low_is_taken (mn, low) || (mn->has_last && low == (guint32)mn->last));
  return low;
}

void
mip4_mn_resynchronise (Mip4Mn *mn, const RoamNow *now, guint64 identification)
{
  /* The reply carries whole seconds; the fraction is our own, half a second off at most on average. */
  guint64 seconds = identification & G_GUINT64_CONSTANT (0xffffffff00000000);

  mn->clock_ntp = seconds | (mip4_mn_clock (mn, now) & G_MAXUINT32);
  mn->clock_boot_us = now->boot_us;
  mn->synchronised = TRUE;
  /* D-03: the strictly increasing rule restarts here, above what the home agent accepted. */
  mn->has_last = mn->has_last_accepted;
  mn->last = mn->last_accepted;
  mn->counts[MIP4_MN_COUNT_RESYNCHRONISED]++;
}

void
mip4_mn_note_accepted (Mip4Mn *mn, const RoamNow *now, guint64 identification)
{
  if (!mn->has_last_accepted || mip4_identification_after (identification, mn->last_accepted))
    mn->last_accepted = identification;
  mn->has_last_accepted = TRUE;
  if (mn->synchronised)
    return;
  mn->clock_ntp = now->ntp;
  mn->clock_boot_us = now->boot_us;
  mn->synchronised = TRUE;
}
