/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The pair in use is silent: which other one works (RFC 4555 3.10, 3.11)? */
#include "ike/ike-session-private.h"

/* The name may have other addresses when the known ones were silent that long, and again each round. */
#define RESOLVE_AFTER_US (5 * ROAM_USEC_PER_SEC)
/* Somebody chose the path: that long only other addresses of the gateway are tried on it. */
#define COMMANDED_PATIENCE_US (2 * ROAM_USEC_PER_SEC)
/* After so long without an answer to PATH_TEST the pair in use is silent. */
#define USED_PATIENCE_US ROAM_USEC_PER_SEC

static gboolean
may_ask (const IkeSession *session)
{
  if (session->state != IKE_STATE_ESTABLISHED || !session->dialect || session->mobility.suspended)
    return FALSE;
  /* A gateway looks for its client only if its own address went away (RFC 4555 3.6). */
  return !session->responder || session->renumbered;
}

static IkePath
path_of (const IkePair *pair)
{
  return (IkePath){ .ifindex = pair->ifindex, .local = pair->local.addr };
}

static IkePair
pair_of (const IkeSession *session, const IkeCandidate *candidate)
{
  const IkePair *used = &session->mobility.now;
  gboolean mapped = session->responder && !roam_addr_equal (&candidate->remote, &used->remote.addr);

  /* Behind a NAT the client's port is a mapped one; at another of its addresses it is the port of the protocol. */
  return (IkePair){ .ifindex = candidate->path.ifindex,
                    .local = { .addr = candidate->path.local, .port = used->local.port },
                    .remote = { .addr = candidate->remote, .port = mapped ? used->local.port : used->remote.port } };
}

static IkeCandidate *
find (IkeSession *session, const IkePair *pair)
{
  IkePath path = path_of (pair);

  if (session->responder) /* whose addresses are not known by interface */
    for (guint i = 0; i < session->paths.n_locals; i++)
      if (roam_addr_equal (&session->paths.locals[i].local, &path.local))
        path = session->paths.locals[i];
  return ike_paths_find (&session->paths, &path, &pair->remote.addr);
}

/* --- rounds --- */

/* Make before break: the old path still works, and the new one alone is the question. */
static gboolean
is_trial (const IkeSession *session)
{
  return session->mobility.commanded && ike_mobility_is_trial (session);
}

/* One datagram, by the means of the dialect. FALSE: there is nothing to ask with now. */
static gboolean
ask (IkeSession *session, const RoamNow *now, const IkePair *pair)
{
  const IkeProbe *probe = ike_path_test_is_usable (session) ? &ike_probe_path_test : &ike_probe_informational;

  session->paths.next_us = now->boot_us + IKE_PROBE_INTERVAL_US;
  if (!probe->send (session, now, pair))
    return FALSE;
  ike_count (session, "probes-sent");
  return TRUE;
}

static void
begin_round (IkeSession *session, const RoamNow *now, guint tries)
{
  const IkeMobility *mob = &session->mobility;
  gint64 patience_us = mob->commanded ? mob->moved_us + COMMANDED_PATIENCE_US : 0;
  gboolean narrow = is_trial (session) || now->boot_us < patience_us;

  session->probing.round_us = now->boot_us + IKE_PROBE_ROUND_US;
  if (narrow && !is_trial (session))
    session->probing.round_us = patience_us;
  ike_paths_begin_round (&session->paths, now->boot_us, tries, narrow);
}

void
ike_probing_suspect (IkeSession *session, const RoamNow *now)
{
  IkeCandidate *used = find (session, &session->mobility.now);

  if (session->probing.active || !may_ask (session) || now->boot_us < session->probing.quiet_us)
    return;
  /* One that we chose and that never was confirmed must not be chosen again at once. */
  if (used && session->mobility.waiting && !session->mobility.commanded)
    ike_paths_bar (used, IKE_PAIR_SILENT, now->boot_us);
  else if (used)
    used->state = IKE_PAIR_SILENT;
  ike_count (session, "paths-suspected");
  session->probing.active = TRUE;
  if (session->probing.resolve_us == ROAM_NEVER && !session->responder)
    session->probing.resolve_us = now->boot_us + RESOLVE_AFTER_US;
  begin_round (session, now, IKE_PAIR_TRIES);
  session->probing.ask_used = ike_path_test_is_usable (session);
}

static void
end_round (IkeSession *session)
{
  IkeProbing *probing = &session->probing;

  probing->active = probing->ask_used = probing->found = FALSE;
  probing->used_asked_us = 0;
  ike_paths_end_round (&session->paths);
}

void
ike_probing_stop (IkeSession *session)
{
  end_round (session);
  session->probing.resolve_us = ROAM_NEVER;
  session->probing.quiet_us = 0;
}

void
ike_probing_restart (IkeSession *session, const RoamNow *now)
{
  if (session->probing.active)
    begin_round (session, now, IKE_PAIR_TRIES);
}

/*
 * The pair in use answered PATH_TEST: it is the peer that is silent, perhaps for good. That is for the
 * retransmissions to find out; another pair would be no better.
 */
static void
used_answered (IkeSession *session, const RoamNow *now)
{
  if (!session->probing.active)
    return;
  ike_count (session, "peers-suspected");
  ike_probing_stop (session);
  session->probing.quiet_us = now->boot_us + IKE_PROBE_ROUND_US;
}

static void
take (IkeSession *session, const RoamNow *now, const IkePair *pair)
{
  end_round (session);
  ike_mobility_take (session, now, pair, "the pair of addresses in use is silent, another one works");
}

/* Another pair answered: the one in use, asked at the same time, gets as long again. */
static void
other_answered (IkeSession *session, const RoamNow *now, const IkePair *pair)
{
  IkeProbing *probing = &session->probing;
  gint64 age_us = now->boot_us - probing->used_asked_us;

  if (!probing->active || probing->found)
    return;
  if (probing->used_asked_us == 0 || age_us >= USED_PATIENCE_US)
    {
      take (session, now, pair);
      return;
    }
  probing->found = TRUE;
  probing->found_pair = *pair;
  probing->found_us = now->boot_us + MIN (age_us, USED_PATIENCE_US - age_us);
}

void
ike_probing_answered (IkeSession *session, const RoamNow *now, const IkePair *pair, gboolean authentic)
{
  IkeCandidate *candidate = find (session, pair);
  gboolean asked = candidate && candidate->tries > 0;

  if (roam_endpoint_equal (&pair->remote, &session->mobility.now.remote) &&
      roam_endpoint_equal (&pair->local, &session->mobility.now.local) && !authentic)
    {
      used_answered (session, now);
      return;
    }
  if (!candidate)
    return;
  if (ike_paths_is_used (&session->paths, candidate))
    {
      if (!authentic)
        return;
      ike_paths_answered (candidate, now->boot_us);
      candidate->rtt_us = session->rtt_us;
      ike_probing_stop (session);
      return;
    }
  if (!asked)
    return;
  ike_paths_answered (candidate, now->boot_us);
  if (authentic)
    session->probing.used_asked_us = 0;
  other_answered (session, now, pair);
}

/* TRUE: it was asked, beside @candidate or alone. */
static gboolean
ask_used_too (IkeSession *session, const RoamNow *now)
{
  IkeProbing *probing = &session->probing;

  if (!probing->ask_used || now->boot_us < session->paths.next_us)
    return FALSE;
  probing->ask_used = FALSE;
  if (ask (session, now, &session->mobility.now))
    probing->used_asked_us = now->boot_us;
  return TRUE;
}

void
ike_probing_deadline (IkeSession *session, const RoamNow *now)
{
  IkeProbing *probing = &session->probing;
  IkeCandidate *candidate;
  gboolean both;
  IkePair pair;

  if (!probing->active)
    return;
  if (now->boot_us >= probing->resolve_us)
    {
      probing->resolve_us = now->boot_us + IKE_PROBE_ROUND_US;
      ike_session_event (session, IKE_EVENT_RESOLVE, "no known address of the gateway answers", NULL);
    }
  if (now->boot_us >= probing->round_us)
    begin_round (session, now, session->paths.only_used_path ? IKE_PAIR_TRIES : 1);
  if (probing->found && now->boot_us >= probing->found_us)
    {
      take (session, now, &probing->found_pair);
      return;
    }
  candidate = ike_paths_due (&session->paths, now->boot_us);
  both = ask_used_too (session, now);
  if (!candidate)
    return;
  pair = pair_of (session, candidate);
  if (ask (session, now, &pair))
    ike_paths_tried (&session->paths, candidate, now->boot_us, session->rng);
  if (both) /* two at once, so the next one later */
    session->paths.next_us += IKE_PROBE_INTERVAL_US;
}

gint64
ike_probing_next_deadline (const IkeSession *session)
{
  gint64 next = ROAM_NEVER;

  if (!session->probing.active)
    return ROAM_NEVER;
  if (session->probing.ask_used)
    next = session->paths.next_us;
  if (session->probing.found)
    next = MIN (next, session->probing.found_us);
  next = MIN (next, ike_paths_next_us (&session->paths));
  return MIN (next, MIN (session->probing.round_us, session->probing.resolve_us));
}

/* --- with INFORMATIONAL --- */

/* With a window of one the request that waits is the question (RFC 4621 6.2). */
static gboolean
redirect (IkeSession *session, const RoamNow *now, const IkePair *pair)
{
  (void)now;
  if (ike_exchange_redirect (session, pair))
    return TRUE;
  if (!ike_task_find (session, IKE_TASK_CHECK, 0))
    ike_task_check (session, 0, FALSE);
  return FALSE;
}

const IkeProbe ike_probe_informational = { .send = redirect };
