/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * IKE_SA_INIT on several pairs of addresses (RFC 4555 3.1). Its NAT_DETECTION hashes are about one pair,
 * so each pair gets a request of its own, with its own SPI and nonce. One attempt lives in the session's
 * own fields (current, handshake, mobility.now), where the exchange's code finds it; the others are
 * parked, and change places with it when something of theirs is due.
 */
#include "ike/ike-session-private.h"

#include <string.h>

/* UNEXPECTED_NAT_DETECTED in IKE_AUTH may be forged: from the start so often (RFC 4555 3.9). */
#define NAT_RESTARTS 4
/* An attempt that was sent so often is silent enough to make room for one on another pair. */
#define SILENT_COPIES 3

static void
clear_attempt (gpointer data)
{
  ike_handshake_clear (&((IkeAttempt *)data)->handshake);
}

static IkeAttempt *
nth (const IkeSession *session, guint index)
{
  return &g_array_index (session->attempts, IkeAttempt, index);
}

GArray *
ike_attempts_new (void)
{
  GArray *attempts = g_array_new (FALSE, FALSE, sizeof (IkeAttempt));

  g_array_set_clear_func (attempts, clear_attempt);
  return attempts;
}

void
ike_attempts_clear (IkeSession *session)
{
  g_array_set_size (session->attempts, 0);
}

/* Takes the present attempt out of the session's own fields. */
static IkeAttempt
park (IkeSession *session)
{
  IkeAttempt attempt = { .sa = session->current, .pair = session->mobility.now, .handshake = session->handshake };

  session->handshake = (IkeHandshake){ 0 };
  ike_handshake_clear (&session->handshake);
  session->current = NULL;
  return attempt;
}

static void
unpark (IkeSession *session, const IkeAttempt *attempt)
{
  session->current = attempt->sa;
  session->mobility.now = attempt->pair;
  session->handshake = attempt->handshake;
}

void
ike_attempts_enter (IkeSession *session, IkeSa *sa)
{
  for (guint i = 0; i < session->attempts->len; i++)
    if (nth (session, i)->sa == sa)
      {
        IkeAttempt next = *nth (session, i);

        *nth (session, i) = park (session);
        unpark (session, &next);
        return;
      }
}

static IkeCandidate *
candidate_of (IkeSession *session, const IkePair *pair)
{
  return ike_paths_find (&session->paths, &(IkePath){ pair->ifindex, pair->local.addr }, &pair->remote.addr);
}

static void
open_on (IkeSession *session, const RoamNow *now, IkeCandidate *candidate)
{
  ike_paths_tried (&session->paths, candidate, now->boot_us, session->rng);
  session->mobility.now = (IkePair){ .ifindex = candidate->path.ifindex,
                                     .local = { .addr = candidate->path.local, .port = IKE_PORT },
                                     .remote = { .addr = candidate->remote, .port = IKE_PORT } };
  ike_init_open (session, now, FALSE);
}

static IkeCandidate *
next_candidate (IkeSession *session, const RoamNow *now)
{
  session->paths.next_us = now->boot_us; /* retransmissions give the pace */
  return ike_paths_due (&session->paths, now->boot_us);
}

/* The present attempt ends without a word. */
static void
drop (IkeSession *session)
{
  IkeCandidate *candidate = candidate_of (session, &session->mobility.now);

  if (candidate)
    candidate->state = IKE_PAIR_SILENT;
  if (session->current)
    ike_sa_close (session, session->current);
  session->current = NULL;
  ike_handshake_clear (&session->handshake);
}

gboolean
ike_attempts_begin (IkeSession *session, const RoamNow *now, const IkePath *path)
{
  IkePaths *paths = &session->paths;
  const IkeCandidate *first = NULL;
  IkeCandidate *candidate;

  ike_mobility_know (session, path);
  ike_peer_addresses_update (session);
  ike_paths_use (paths, path, &ROAM_ADDR_NONE);
  ike_paths_forget (paths);
  for (guint i = 0; i < paths->n_remotes && !first; i++)
    first = ike_paths_find (paths, path, &paths->remotes[i]);
  if (!first)
    first = ike_paths_alternative (paths, now->boot_us);
  if (!first)
    return FALSE;
  session->mobility.now = (IkePair){ .ifindex = first->path.ifindex,
                                     .local = { .addr = first->path.local, .port = IKE_PORT },
                                     .remote = { .addr = first->remote, .port = IKE_PORT } };
  ike_paths_use (paths, &(IkePath){ first->path.ifindex, first->path.local }, &first->remote);
  ike_paths_begin_round (paths, now->boot_us, 1, FALSE);
  candidate = candidate_of (session, &session->mobility.now);
  if (candidate)
    ike_paths_tried (paths, candidate, now->boot_us, session->rng);
  return TRUE;
}

/* Some attempt has not been given the time of one answer yet. */
static gboolean
is_one_fresh (const IkeSession *session)
{
  for (guint i = 0; i < session->attempts->len; i++)
    if (nth (session, i)->sa->copies < 2)
      return TRUE;
  return session->current->copies < 2;
}

/* The attempt that was sent most often, if that is often enough, makes room; FALSE: none does. */
static gboolean
make_room (IkeSession *session)
{
  IkeSa *oldest = session->current;

  if (session->attempts->len + 1 < IKE_MAX_ATTEMPTS)
    return TRUE;
  for (guint i = 0; i < session->attempts->len; i++)
    if (nth (session, i)->sa->copies > oldest->copies)
      oldest = nth (session, i)->sa;
  if (oldest->copies < SILENT_COPIES)
    return FALSE;
  ike_attempts_enter (session, oldest);
  drop (session);
  unpark (session, nth (session, 0));
  memset (&nth (session, 0)->handshake, 0, sizeof (IkeHandshake)); /* it moved */
  g_array_remove_index (session->attempts, 0);
  return TRUE;
}

void
ike_attempts_add (IkeSession *session, const RoamNow *now)
{
  IkeCandidate *candidate;
  IkeAttempt attempt;

  if (session->state != IKE_STATE_INIT || is_one_fresh (session))
    return;
  candidate = next_candidate (session, now);
  if (!candidate || !make_room (session))
    return;
  attempt = park (session);
  g_array_append_val (session->attempts, attempt);
  ike_count (session, "attempts-on-other-pairs");
  open_on (session, now, candidate);
}

void
ike_attempts_settle (IkeSession *session)
{
  IkePair *pair = &session->mobility.now;

  if (session->state != IKE_STATE_AUTH)
    return;
  for (guint i = 0; i < session->attempts->len; i++)
    {
      IkeCandidate *loser = candidate_of (session, &nth (session, i)->pair);

      if (loser)
        loser->state = IKE_PAIR_UNTRIED; /* slower, which says nothing */
      ike_sa_close (session, nth (session, i)->sa);
    }
  ike_attempts_clear (session);
  ike_paths_use (&session->paths, &(IkePath){ pair->ifindex, pair->local.addr }, &pair->remote.addr);
}

gboolean
ike_attempts_next (IkeSession *session, const RoamNow *now)
{
  IkeCandidate *candidate = next_candidate (session, now);

  if (session->attempts->len == 0 && !candidate)
    return FALSE;
  drop (session);
  if (session->attempts->len == 0)
    {
      open_on (session, now, candidate);
      return TRUE;
    }
  unpark (session, nth (session, 0));
  memset (&nth (session, 0)->handshake, 0, sizeof (IkeHandshake)); /* it moved */
  g_array_remove_index (session->attempts, 0);
  return TRUE;
}

gboolean
ike_attempts_refused (IkeSession *session, const RoamNow *now)
{
  IkeMobility *mob = &session->mobility;

  if (session->nat_supported)
    return FALSE; /* we never said that none is allowed */
  if (++mob->update_refusals < NAT_RESTARTS)
    {
      ike_sa_close (session, session->current);
      ike_init_open (session, now, FALSE);
      return TRUE;
    }
  mob->update_refusals = 0;
  if (!ike_attempts_next (session, now))
    return FALSE;
  return TRUE;
}

void
ike_attempts_deadline (IkeSession *session, const RoamNow *now)
{
  ike_puzzle_deadline (session, now); /* before its attempt may change places with another one */
  for (guint i = 0; i < session->attempts->len && session->state == IKE_STATE_INIT;)
    if (nth (session, i)->handshake.problem_us <= now->boot_us)
      {
        ike_attempts_enter (session, nth (session, i)->sa);
        ike_init_give_up (session, now, session->handshake.problem, session->handshake.advice);
        i = 0;
      }
    else if (nth (session, i)->handshake.puzzle_us <= now->boot_us)
      {
        ike_attempts_enter (session, nth (session, i++)->sa);
        ike_puzzle_deadline (session, now);
      }
    else
      i++;
  if (session->state == IKE_STATE_INIT && session->handshake.problem_us <= now->boot_us)
    ike_init_give_up (session, now, session->handshake.problem, session->handshake.advice);
}

gint64
ike_attempts_next_deadline (const IkeSession *session)
{
  gint64 next = session->handshake.problem_us;

  if (session->state != IKE_STATE_INIT)
    return ROAM_NEVER;
  for (guint i = 0; i < session->attempts->len; i++)
    next = MIN (next, MIN (nth (session, i)->handshake.problem_us, nth (session, i)->handshake.puzzle_us));
  return next;
}
