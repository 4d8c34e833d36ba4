/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "mip4/mip4-discovery-private.h"

/*
 * When to solicit (RFC 5944 2.4; MIP-SOL-004..013): three times about a second apart, then at intervals
 * that double from 2 s to 64 s, every interval a little random, never two within a second.
 */

/* Uniform in nominal -+ its share. */
static gint64
jittered (Mip4Discovery *discovery, gint64 nominal_us)
{
  gint64 share = nominal_us / MIP4_SOLICIT_JITTER_SHARE;

  return nominal_us - share + (gint64)roam_rng_below (discovery->rng, (guint32)(2 * share + 1));
}

static gint64
not_before_floor (const Mip4DiscoveryPath *path, gint64 at_us)
{
  if (path->last_solicit_us == G_MININT64)
    return at_us;
  return MAX (at_us, path->last_solicit_us + MIP4_SOLICIT_FLOOR_US);
}

void
mip4_solicit_start (Mip4Discovery *discovery, const RoamNow *now, Mip4DiscoveryPath *path, gint64 delay_us)
{
  gint64 at_us = now->boot_us + (gint64)roam_rng_below (discovery->rng, (guint32)delay_us + 1);

  if (!discovery->config.solicit)
    return;
  path->solicited = 0;
  path->backoff_us = MIP4_SOLICIT_BACKOFF_FIRST_US;
  path->solicit_us = not_before_floor (path, at_us);
}

void
mip4_solicit_stop (Mip4DiscoveryPath *path)
{
  path->solicit_us = ROAM_NEVER;
}

static void
schedule_next (Mip4Discovery *discovery, const RoamNow *now, Mip4DiscoveryPath *path)
{
  gint64 nominal_us = MIP4_SOLICIT_FAST_US;

  if (path->solicited >= MIP4_SOLICIT_INITIAL)
    {
      nominal_us = path->backoff_us;
      path->backoff_us = MIN (2 * path->backoff_us, MIP4_SOLICIT_BACKOFF_LAST_US);
    }
  path->solicit_us = not_before_floor (path, now->boot_us + jittered (discovery, nominal_us));
}

void
mip4_solicit_run (Mip4Discovery *discovery, const RoamNow *now, Mip4DiscoveryPath *path)
{
  if (path->solicit_us > now->boot_us)
    return;
  mip4_discovery_push_solicitation (discovery, path);
  path->last_solicit_us = now->boot_us;
  path->solicited++;
  /* A care-of address is known otherwise: no long search for an agent (MIP-SOL-003). */
  if (path->served == MIP4_SERVED_DIRECTLY && path->solicited >= MIP4_SOLICIT_INITIAL)
    mip4_solicit_stop (path);
  else
    schedule_next (discovery, now, path);
}
