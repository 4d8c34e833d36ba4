/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The pairs of addresses over which the gateway may be reached: their order and their turn (RFC 4555 3.10). */
#include "ike/ike-paths-private.h"

/* A pair waits 0.5 s after its first datagram, then twice as long each time, up to this. */
#define PAIR_FIRST_US (500 * ROAM_USEC_PER_MSEC)
#define PAIR_LIMIT_US (8 * ROAM_USEC_PER_SEC)
/* That much of an interval may be added to it, so that many clients do not ask in step. */
#define JITTER_DIVISOR 5

static gboolean
path_equal (const IkePath *a, const IkePath *b)
{
  return a->ifindex == b->ifindex && roam_addr_equal (&a->local, &b->local);
}

/* --- the list --- */

IkeCandidate *
ike_paths_find (IkePaths *paths, const IkePath *path, const RoamAddr *remote)
{
  for (guint i = 0; i < paths->n_candidates; i++)
    {
      IkeCandidate *candidate = &paths->candidates[i];

      if (path_equal (&candidate->path, path) && roam_addr_equal (&candidate->remote, remote))
        return candidate;
    }
  return NULL;
}

/* Both addresses of a pair are of one family (RFC 4555 2.1); what @old knew of it is taken over. */
static void
add_pair (IkePaths *paths, IkePaths *old, const IkePath *path, const RoamAddr *remote)
{
  const IkeCandidate *known;

  if (path->local.family == ROAM_FAMILY_NONE || path->local.family != remote->family ||
      paths->n_candidates >= IKE_MAX_PAIRS || ike_paths_find (paths, path, remote))
    return;
  known = ike_paths_find (old, path, remote);
  paths->candidates[paths->n_candidates++] =
    known ? *known : (IkeCandidate){ .path = *path, .remote = *remote, .due_us = old->tries ? 0 : ROAM_NEVER };
}

/* Same interface and gateway address; then the best interface with all gateway addresses, then the next one. */
static void
rebuild (IkePaths *paths)
{
  IkePaths old = *paths;

  paths->n_candidates = 0;
  if (ike_paths_has_local (paths, &paths->used_path))
    add_pair (paths, &old, &paths->used_path, &paths->used_remote);
  for (guint i = 0; i < paths->n_locals; i++)
    if (paths->locals[i].ifindex == paths->used_path.ifindex)
      add_pair (paths, &old, &paths->locals[i], &paths->used_remote);
  for (guint i = 0; i < paths->n_locals; i++)
    for (guint j = 0; j < paths->n_remotes; j++)
      add_pair (paths, &old, &paths->locals[i], &paths->remotes[j]);
}

void
ike_paths_set_locals (IkePaths *paths, const IkePath *locals, guint n)
{
  paths->n_locals = 0;
  for (guint i = 0; i < n && paths->n_locals < IKE_MAX_PATHS; i++)
    if (roam_addr_is_specified (&locals[i].local) && !ike_paths_has_local (paths, &locals[i]))
      paths->locals[paths->n_locals++] = locals[i];
  rebuild (paths);
}

void
ike_paths_set_remotes (IkePaths *paths, const RoamAddr *remotes, guint n)
{
  paths->n_remotes = 0;
  for (guint i = 0; i < n && paths->n_remotes < IKE_MAX_REMOTES; i++)
    {
      gboolean known = !roam_addr_is_specified (&remotes[i]);

      for (guint j = 0; j < paths->n_remotes && !known; j++)
        known = roam_addr_equal (&paths->remotes[j], &remotes[i]);
      if (!known)
        paths->remotes[paths->n_remotes++] = remotes[i];
    }
  rebuild (paths);
}

void
ike_paths_use (IkePaths *paths, const IkePath *path, const RoamAddr *remote)
{
  paths->used_path = *path;
  paths->used_remote = *remote;
  rebuild (paths);
}

gboolean
ike_paths_has_local (const IkePaths *paths, const IkePath *path)
{
  for (guint i = 0; i < paths->n_locals; i++)
    if (path_equal (&paths->locals[i], path))
      return TRUE;
  return FALSE;
}

gboolean
ike_paths_is_used (const IkePaths *paths, const IkeCandidate *candidate)
{
  return path_equal (&candidate->path, &paths->used_path) && roam_addr_equal (&candidate->remote, &paths->used_remote);
}

IkeCandidate *
ike_paths_alternative (IkePaths *paths, gint64 now_us)
{
  for (guint i = 0; i < paths->n_candidates; i++)
    if (!ike_paths_is_used (paths, &paths->candidates[i]) && paths->candidates[i].barred_us <= now_us)
      return &paths->candidates[i];
  return NULL;
}

/* --- rounds --- */

void
ike_paths_begin_round (IkePaths *paths, gint64 now_us, guint tries, gboolean only_used_path)
{
  paths->tries = tries;
  paths->only_used_path = only_used_path;
  paths->next_us = MAX (paths->next_us, now_us);
  for (guint i = 0; i < paths->n_candidates; i++)
    {
      paths->candidates[i].tries = 0;
      paths->candidates[i].due_us = now_us;
    }
}

void
ike_paths_end_round (IkePaths *paths)
{
  paths->tries = 0;
  for (guint i = 0; i < paths->n_candidates; i++)
    {
      IkeCandidate *candidate = &paths->candidates[i];

      candidate->due_us = ROAM_NEVER;
      if (candidate->state == IKE_PAIR_PROBING)
        candidate->state = IKE_PAIR_SILENT;
    }
}

static gint64
turn_of (const IkePaths *paths, const IkeCandidate *candidate)
{
  if (paths->tries == 0 || candidate->tries >= paths->tries || ike_paths_is_used (paths, candidate))
    return ROAM_NEVER;
  if (paths->only_used_path && !path_equal (&candidate->path, &paths->used_path))
    return ROAM_NEVER;
  return MAX (MAX (candidate->due_us, candidate->barred_us), paths->next_us);
}

IkeCandidate *
ike_paths_due (IkePaths *paths, gint64 now_us)
{
  IkeCandidate *best = NULL;

  for (guint i = 0; i < paths->n_candidates; i++)
    {
      IkeCandidate *candidate = &paths->candidates[i];

      if (turn_of (paths, candidate) <= now_us && (!best || candidate->tries < best->tries))
        best = candidate;
    }
  return best;
}

gint64
ike_paths_next_us (const IkePaths *paths)
{
  gint64 next = ROAM_NEVER;

  for (guint i = 0; i < paths->n_candidates; i++)
    next = MIN (next, turn_of (paths, &paths->candidates[i]));
  return next;
}

static gint64
jittered (gint64 interval_us, RoamRng *rng)
{
  return interval_us + roam_rng_below (rng, (guint32)(interval_us / JITTER_DIVISOR));
}

void
ike_paths_tried (IkePaths *paths, IkeCandidate *candidate, gint64 now_us, RoamRng *rng)
{
  gint64 wait_us = MIN (PAIR_FIRST_US << MIN (candidate->tries, 8), PAIR_LIMIT_US);

  candidate->state = IKE_PAIR_PROBING;
  candidate->tries++;
  candidate->tried_us = now_us;
  candidate->due_us = now_us + jittered (wait_us, rng);
  paths->next_us = now_us + jittered (IKE_PROBE_INTERVAL_US, rng);
}

void
ike_paths_answered (IkeCandidate *candidate, gint64 now_us)
{
  if (candidate->state == IKE_PAIR_PROBING && candidate->tries == 1)
    candidate->rtt_us = now_us - candidate->tried_us;
  candidate->state = IKE_PAIR_WORKS;
  candidate->barred_us = 0;
}

void
ike_paths_bar (IkeCandidate *candidate, IkePairState state, gint64 now_us)
{
  candidate->state = state;
  candidate->barred_us = now_us + IKE_PAIR_BARRED_US;
}

void
ike_paths_forget (IkePaths *paths)
{
  for (guint i = 0; i < paths->n_candidates; i++)
    {
      IkeCandidate *candidate = &paths->candidates[i];

      *candidate = (IkeCandidate){ .path = candidate->path, .remote = candidate->remote, .due_us = ROAM_NEVER };
    }
  ike_paths_end_round (paths);
}
