/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "base/now.h"

gint64
roam_now_unix (const RoamNow *now)
{
  guint64 seconds = now->ntp >> 32;

  /* Era 1 begins in 2036: a value that would lie before 1970 belongs to it. */
  if (seconds < ROAM_NTP_UNIX_OFFSET)
    seconds += G_GUINT64_CONSTANT (1) << 32;
  return (gint64) (seconds - ROAM_NTP_UNIX_OFFSET);
}

RoamNow
roam_now_make (gint64 boot_us, gint64 unix_us)
{
  guint64 seconds = (guint64) (unix_us / ROAM_USEC_PER_SEC) + ROAM_NTP_UNIX_OFFSET;
  guint64 micros = (guint64) (unix_us % ROAM_USEC_PER_SEC);

  return (RoamNow){
    .boot_us = boot_us,
    .ntp = (seconds << 32) | ((micros << 32) / (guint64) ROAM_USEC_PER_SEC),
  };
}

gint64
roam_deadline_min (gint64 a, gint64 b)
{
  return MIN (a, b);
}

gint64
roam_deadline_add (gint64 at, gint64 delta_us)
{
  if (at == ROAM_NEVER || delta_us >= ROAM_NEVER - MAX (at, 0))
    return ROAM_NEVER;
  return at + delta_us;
}
