/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Where we are: the path of all SAs and its changes (RFC 4555 3.5), by command or because it failed. */
#include "ike/ike-session-private.h"

/* A path that is silent for that long has failed; the coordinator may have a better one. */
#define MOVE_BUDGET_US (7 * ROAM_USEC_PER_SEC)
/* Changes of our address set within it are told together. */
#define ANNOUNCE_AFTER_US (200 * ROAM_USEC_PER_MSEC)
/* ESP on a pair that we left is no more on its way after so long: the gateway did not follow. */
#define STRAY_PATIENCE_US (10 * ROAM_USEC_PER_SEC)
/* UNEXPECTED_NAT_DETECTED may be somebody's forgery: 0.25, 0.43, 0.72, 1.2, 2.1 s (RFC 4555 3.9). */
#define NAT_REFUSALS 5
#define NAT_REFUSED_US (250 * ROAM_USEC_PER_MSEC)
/* TEMPORARY_FAILURE: 1, 2, 4 s. */
#define TEMPORARY_REFUSALS 3
#define TEMPORARY_REFUSED_US ROAM_USEC_PER_SEC
/* So long the answer to such an update may take. */
#define REFUSED_PATIENCE_US (2 * ROAM_USEC_PER_SEC)

gboolean
ike_mobility_udp_encap (const IkeSession *session)
{
  return session->nat_supported &&
         (session->force_udp_encap || session->nat_local || session->nat_remote || session->nat_suspected);
}

static void
push_child_move (IkeSession *session, const IkePair *pair)
{
  IkeAction action = { .type = IKE_ACTION_CHILD_MOVE,
                       .child_move = { .ifindex = pair->ifindex,
                                       .local = pair->local,
                                       .remote = pair->remote,
                                       .udp_encap = ike_mobility_udp_encap (session) } };

  ike_session_push (session, &action);
}

void
ike_mobility_move_children (IkeSession *session)
{
  session->mobility.children_moved = TRUE;
  push_child_move (session, &session->mobility.now);
}

static gboolean
pair_equal (const IkePair *a, const IkePair *b)
{
  return a->ifindex == b->ifindex && roam_endpoint_equal (&a->local, &b->local) &&
         roam_endpoint_equal (&a->remote, &b->remote);
}

static IkePath
path_of (const IkePair *pair)
{
  return (IkePath){ .ifindex = pair->ifindex, .local = pair->local.addr };
}

static IkePair
pair_of (const IkeSession *session, const IkePath *path, const RoamAddr *remote)
{
  const IkePair *used = &session->mobility.now;

  return (IkePair){ .ifindex = path->ifindex,
                    .local = { .addr = path->local, .port = used->local.port },
                    .remote = { .addr = *remote, .port = used->remote.port } };
}

static IkeCandidate *
used_candidate (IkeSession *session)
{
  return ike_paths_find (&session->paths, &session->paths.used_path, &session->paths.used_remote);
}

/* RFC 4555 3.5, first steps: the new addresses count from now on; the gateway will be told. */
static void
change_pair (IkeSession *session, const RoamNow *now, const IkePair *pair)
{
  IkeMobility *mob = &session->mobility;
  IkePath path = path_of (pair);

  mob->now = *pair;
  mob->generation++;
  mob->pending_update = TRUE;
  mob->update_us = 0;
  mob->update_refusals = 0;
  mob->children_moved = mob->may_go_back = FALSE;
  mob->moved_us = now->boot_us;
  mob->stray_us = 0;
  mob->say_again = FALSE;
  /* MOB-UPD-003 in the words of RFC 4555 3.5: a NAT is likely, so ESP starts encapsulated. */
  session->nat_suspected =
    session->nat_supported && ((ike_addr_is_private (&pair->local.addr) && !ike_addr_is_private (&pair->remote.addr)) ||
                               ike_path_test_saw_nat (session, pair));
  ike_paths_use (&session->paths, &path, &pair->remote.addr);
}

/* The path before still works, as far as we know. */
gboolean
ike_mobility_is_trial (const IkeSession *session)
{
  return !session->mobility.children_moved || session->mobility.may_go_back;
}

static void
start_waiting (IkeSession *session, const RoamNow *now, gboolean commanded)
{
  IkeMobility *mob = &session->mobility;

  mob->waiting = TRUE;
  mob->commanded = commanded;
  mob->budget_us = now->boot_us + MOVE_BUDGET_US;
}

static void
resume (IkeSession *session, const RoamNow *now)
{
  IkeMobility *mob = &session->mobility;

  mob->decide_us = ROAM_NEVER;
  if (!mob->suspended)
    return;
  mob->suspended = FALSE;
  session->heard_us = now->boot_us; /* the time without addresses proves nothing */
  session->keepalive_us = session->nat_local ? now->boot_us + session->nat_keepalive_us : ROAM_NEVER;
}

/* --- commands --- */

void
ike_mobility_established (IkeSession *session, const RoamNow *now)
{
  IkeMobility *mob = &session->mobility;
  IkePath path = path_of (&mob->now);

  mob->good = mob->now;
  mob->children_moved = TRUE;
  mob->answered = mob->pending_update ? 0 : mob->generation;
  mob->routability_us = session->dialect && session->routability_interval_us > 0
                          ? now->boot_us + session->routability_interval_us
                          : ROAM_NEVER;
  ike_paths_use (&session->paths, &path, &mob->now.remote.addr);
  /* IKE_AUTH had our addresses in the words of MOBIKE, which the gateway does not speak. */
  if (session->announce_addresses && session->dialect && session->dialect->support_in_init &&
      ike_dialect_is_offered (session, &ike_dialect_mobike))
    mob->announce_us = now->boot_us;
}

void
ike_mobility_know (IkeSession *session, const IkePath *path)
{
  IkePath locals[1 + IKE_MAX_PATHS] = { *path };
  guint n = 1;

  if (ike_paths_has_local (&session->paths, path))
    return;
  for (guint i = 0; session->mobility.knows_paths && i < session->paths.n_locals; i++)
    locals[n++] = session->paths.locals[i];
  ike_paths_set_locals (&session->paths, locals, n);
}

void
ike_mobility_move (IkeSession *session, const RoamNow *now, const IkeCommand *command)
{
  IkeMobility *mob = &session->mobility;
  IkePair pair = pair_of (session, &command->path, &mob->now.remote.addr);

  mob->serial = command->serial;
  if (!session->dialect)
    {
      ike_session_event (session, IKE_EVENT_PATH_FAILED, "the gateway does not support MOBIKE",
                         "a new IKE SA is needed after each change of address");
      return;
    }
  if (pair.local.addr.family != pair.remote.addr.family &&
      !ike_peer_address_of (session, pair.local.addr.family, &pair.remote.addr))
    {
      ike_session_event (session, IKE_EVENT_PATH_FAILED, "the gateway has no address of the path's family", NULL);
      return;
    }
  ike_mobility_know (session, &command->path);
  ike_probing_stop (session);
  resume (session, now);
  start_waiting (session, now, TRUE);
  mob->announce = TRUE;
  if (!pair_equal (&pair, &mob->now))
    change_pair (session, now, &pair);
  else if (mob->answered == mob->generation && !ike_task_find (session, IKE_TASK_CHECK, 0))
    ike_task_check (session, 0, FALSE); /* same path as before: asking is enough */
  mob->may_go_back = mob->waiting && mob->answered != mob->generation && !command->move_children_now;
  if ((command->move_children_now || !session->dialect->routability_before_move) && !mob->children_moved)
    ike_mobility_move_children (session);
  ike_exchange_resend_all (session, now);
}

/*
 * The gateway takes the addresses of the first IKE_AUTH request that it sees, whichever copy that was; so
 * it is told once more when MOBIKE is agreed on (RFC 4555 3.3). NO_NATS_ALLOWED names the old addresses.
 */
gboolean
ike_mobility_move_early (IkeSession *session, const RoamNow *now, const IkeCommand *command)
{
  IkeMobility *mob = &session->mobility;
  IkePair pair = pair_of (session, &command->path, &mob->now.remote.addr);

  if (!session->nat_supported || pair.local.addr.family != pair.remote.addr.family)
    return FALSE;
  mob->serial = command->serial;
  if (pair_equal (&pair, &mob->now))
    return TRUE;
  ike_mobility_know (session, &command->path);
  change_pair (session, now, &pair);
  ike_exchange_resend_all (session, now);
  return TRUE;
}

void
ike_mobility_check (IkeSession *session, const RoamNow *now, guint32 serial)
{
  if (session->state != IKE_STATE_ESTABLISHED)
    {
      ike_session_event_of (session, IKE_EVENT_PATH_FAILED, serial, "there is no IKE SA to check", NULL);
      return;
    }
  session->mobility.check_serial = serial;
  session->mobility.check_budget_us = now->boot_us + MOVE_BUDGET_US;
  for (GList *l = session->tasks.head; l; l = l->next)
    {
      IkeTask *waiting = l->data;

      if (waiting->type == IKE_TASK_CHECK)
        {
          waiting->serial = serial; /* the newest one counts, and more than one need not wait */
          return;
        }
    }
  ike_task_check (session, serial, FALSE);
}

/* --- by ourselves --- */

void
ike_mobility_take (IkeSession *session, const RoamNow *now, const IkePair *pair, const char *reason)
{
  IkeMobility *mob = &session->mobility;
  gboolean same_path = pair->ifindex == mob->now.ifindex && roam_addr_equal (&pair->local.addr, &mob->now.local.addr);
  gboolean trial = mob->commanded && ike_mobility_is_trial (session);

  if (session->responder)
    {
      /* RFC 4555 3.5: the client alone moves the Child SAs, and has not yet. */
      mob->now = *pair;
      mob->generation++;
      mob->children_moved = FALSE;
      ike_exchange_resend_all (session, now);
      return;
    }
  if (!same_path)
    mob->announce = FALSE;
  change_pair (session, now, pair);
  start_waiting (session, now, mob->commanded && same_path);
  ike_count (session, "paths-taken");
  if (!trial || !session->dialect->routability_before_move)
    ike_mobility_move_children (session);
  mob->may_go_back = trial && mob->children_moved;
  if (!trial)
    ike_session_event (session, IKE_EVENT_PATH_CHANGED, reason, NULL);
  ike_exchange_resend_all (session, now);
}

void
ike_mobility_follow (IkeSession *session, const RoamNow *now, const IkePair *from, const char *reason)
{
  IkePath used = path_of (&session->mobility.now), path = path_of (from);
  IkePair pair = pair_of (session, ike_paths_has_local (&session->paths, &path) ? &path : &used, &from->remote.addr);

  if (!pair_equal (&pair, &session->mobility.now) && pair.local.addr.family == pair.remote.addr.family)
    ike_mobility_take (session, now, &pair, reason);
}

static gboolean
take_alternative (IkeSession *session, const RoamNow *now, const char *reason)
{
  const IkeCandidate *candidate = ike_paths_alternative (&session->paths, now->boot_us);
  IkePair pair;

  if (!candidate)
    return FALSE;
  pair = pair_of (session, &candidate->path, &candidate->remote);
  ike_mobility_take (session, now, &pair, reason);
  return TRUE;
}

void
ike_mobility_leave (IkeSession *session, const RoamNow *now, const RoamAddr *addr)
{
  IkeMobility *mob = &session->mobility;
  IkePath path = { .local = *addr };

  mob->now.ifindex = mob->good.ifindex = 0;
  mob->now.local.addr = mob->good.local.addr = *addr;
  mob->generation++;
  session->renumbered = TRUE;
  ike_paths_use (&session->paths, &path, &mob->now.remote.addr);
  push_child_move (session, &mob->good);
  ike_exchange_resend_all (session, now);
}

/* --- answers --- */

void
ike_mobility_confirmed (IkeSession *session, gboolean encap_changed)
{
  IkeMobility *mob = &session->mobility;
  IkeCandidate *used = used_candidate (session);

  mob->good = mob->now;
  mob->answered = mob->generation;
  mob->update_refusals = 0;
  ike_probing_stop (session);
  if (used)
    {
      used->state = IKE_PAIR_WORKS;
      used->barred_us = 0;
      used->rtt_us = session->rtt_us;
    }
  if (!mob->children_moved || encap_changed)
    ike_mobility_move_children (session);
  mob->waiting = mob->commanded = mob->may_go_back = FALSE;
  mob->budget_us = ROAM_NEVER;
  if (mob->say_again)
    mob->pending_update = TRUE;
  mob->say_again = FALSE;
  if (mob->announce)
    ike_session_event (session, IKE_EVENT_PATH_OK, "the gateway answered on this path", NULL);
  mob->announce = FALSE;
}

/* Make before break: the old path is there, so IKE goes back to it and says so; Child SAs, if they left. */
static void
go_back (IkeSession *session, const RoamNow *now)
{
  IkeMobility *mob = &session->mobility;
  gboolean left = mob->children_moved;

  change_pair (session, now, &mob->good);
  mob->announce = FALSE;
  mob->children_moved = TRUE;
  session->nat_suspected = FALSE;
  if (left)
    ike_mobility_move_children (session);
  ike_exchange_resend_all (session, now);
}

static void
give_up_command (IkeSession *session, const char *reason, const char *advice)
{
  IkeMobility *mob = &session->mobility;

  if (mob->commanded)
    ike_session_event (session, IKE_EVENT_PATH_FAILED, reason, advice);
  mob->waiting = mob->commanded = FALSE;
  mob->budget_us = ROAM_NEVER;
}

void
ike_mobility_failed (IkeSession *session, const RoamNow *now, const char *reason, const char *advice)
{
  gboolean trial = ike_mobility_is_trial (session);

  give_up_command (session, reason, advice);
  if (trial)
    go_back (session, now);
  else
    ike_exchange_be_patient (session, now);
}

/*
 * Another pair, else the one before, if its address is still ours, else there is no way on. Somebody who
 * does not tell us our addresses (PATHS) decides himself.
 */
void
ike_mobility_refused (IkeSession *session, const RoamNow *now, const char *reason, const char *advice)
{
  IkeMobility *mob = &session->mobility;
  IkeCandidate *used = used_candidate (session);
  IkePath good = path_of (&mob->good);
  IkeCandidate *before = ike_paths_find (&session->paths, &good, &mob->good.remote.addr);
  gint64 barred_us = before ? before->barred_us : 0;

  if (used)
    ike_paths_bar (used, IKE_PAIR_REFUSED, now->boot_us);
  if (ike_mobility_is_trial (session) || !mob->knows_paths)
    {
      ike_mobility_failed (session, now, reason, advice);
      return;
    }
  give_up_command (session, reason, advice);
  if (before) /* it comes last */
    before->barred_us = ROAM_NEVER;
  if (take_alternative (session, now, reason))
    {
      before = ike_paths_find (&session->paths, &good, &mob->good.remote.addr);
      if (before)
        before->barred_us = barred_us;
    }
  else if (before && before != used && barred_us <= now->boot_us)
    {
      before->barred_us = 0;
      ike_mobility_take (session, now, &mob->good, reason);
    }
  else
    ike_session_close (session, now, IKE_EVENT_DEAD, reason, advice);
}

/* When an update that was refused so often may be repeated; 0: it may not. */
static gint64
refusal_wait (const IkeSession *session, guint16 notify_type)
{
  guint n = session->mobility.update_refusals;
  gint64 wait_us = NAT_REFUSED_US;

  if (notify_type == IKE_NOTIFY_TEMPORARY_FAILURE)
    return n < TEMPORARY_REFUSALS ? TEMPORARY_REFUSED_US << n : 0;
  if (notify_type != session->dialect->nat_seen || session->nat_supported || n >= NAT_REFUSALS)
    return 0;
  while (n-- > 0)
    wait_us = wait_us * 17 / 10;
  return wait_us;
}

gboolean
ike_mobility_update_again (IkeSession *session, const RoamNow *now, guint16 notify_type)
{
  IkeMobility *mob = &session->mobility;
  gint64 wait_us = refusal_wait (session, notify_type);

  if (wait_us == 0)
    return FALSE;
  mob->update_refusals++;
  mob->update_us = now->boot_us + wait_us;
  mob->pending_update = TRUE;
  if (mob->waiting) /* it is not silent */
    mob->budget_us = MAX (mob->budget_us, mob->update_us + REFUSED_PATIENCE_US);
  return TRUE;
}

/* --- ESP --- */

gboolean
ike_mobility_expects (IkeSession *session, const RoamNow *now, const RoamAddr *local, const RoamAddr *remote)
{
  IkeMobility *mob = &session->mobility;
  const IkePair *pair = mob->children_moved ? &mob->now : &mob->good;

  if (session->state != IKE_STATE_ESTABLISHED || !session->dialect ||
      (roam_addr_equal (&pair->local.addr, local) && roam_addr_equal (&pair->remote.addr, remote)))
    {
      mob->stray_us = 0;
      return TRUE;
    }
  ike_count (session, "esp-elsewhere");
  if (session->responder || mob->answered != mob->generation)
    return FALSE;
  if (mob->stray_us == 0)
    mob->stray_us = now->boot_us;
  else if (now->boot_us - mob->stray_us >= STRAY_PATIENCE_US && !ike_task_find (session, IKE_TASK_CHECK, 0))
    {
      mob->stray_us = 0;
      mob->say_again = TRUE;
      ike_task_check (session, 0, FALSE);
    }
  return FALSE;
}

/* --- our own addresses --- */

static void
suspend (IkeSession *session)
{
  session->mobility.suspended = TRUE;
  session->mobility.decide_us = ROAM_NEVER;
  session->keepalive_us = ROAM_NEVER;
  ike_probing_stop (session);
  g_debug ("ike: no path to the gateway is left, waiting");
}

void
ike_mobility_paths (IkeSession *session, const RoamNow *now, const IkeCommand *command)
{
  IkeMobility *mob = &session->mobility;
  IkePath used = path_of (&mob->now), good = path_of (&mob->good);
  RoamAddr before[IKE_MAX_PATHS] = { 0 }, after[IKE_MAX_PATHS] = { 0 };

  ike_own_addresses (session, before);
  ike_paths_set_locals (&session->paths, command->paths, command->n_paths);
  ike_own_addresses (session, after);
  mob->knows_paths = TRUE;
  if (session->state != IKE_STATE_ESTABLISHED)
    return;
  if (session->paths.n_locals == 0)
    {
      suspend (session);
      return;
    }
  mob->decide_us = ROAM_NEVER;
  if (mob->suspended || !ike_paths_has_local (&session->paths, &used) ||
      (ike_mobility_is_trial (session) && !ike_paths_has_local (&session->paths, &good)))
    mob->decide_us = now->boot_us;
  for (guint i = 0; i < IKE_MAX_PATHS && session->announce_addresses && session->dialect; i++)
    if (!roam_addr_equal (&before[i], &after[i]))
      mob->announce_us = MIN (mob->announce_us, now->boot_us + ANNOUNCE_AFTER_US);
  ike_probing_restart (session, now);
}

/* Our addresses changed, and no MOVE said what to do. */
static void
decide (IkeSession *session, const RoamNow *now)
{
  IkeMobility *mob = &session->mobility;
  IkePath used = path_of (&mob->now), good = path_of (&mob->good);

  mob->decide_us = ROAM_NEVER;
  if (ike_paths_has_local (&session->paths, &used))
    {
      mob->may_go_back = FALSE;
      if (!mob->children_moved) /* what is on trial is all that is left */
        ike_mobility_move_children (session);
      /* The address is back: does the gateway still see it behind the same NAT mapping (RFC 4555 3.8)? */
      if (mob->suspended && !ike_task_find (session, IKE_TASK_CHECK, 0))
        ike_task_check (session, 0, FALSE);
      resume (session, now);
      ike_exchange_resend_all (session, now);
      return;
    }
  if (!session->dialect)
    return;
  resume (session, now);
  if (ike_mobility_is_trial (session) && ike_paths_has_local (&session->paths, &good))
    {
      ike_mobility_failed (session, now, "the address of this path is gone", NULL);
      return;
    }
  if (take_alternative (session, now, "the address in use is gone"))
    return;
  suspend (session);
  ike_session_event (session, IKE_EVENT_RESOLVE, "no known address of the gateway fits ours", NULL);
}

/* --- time --- */

static void
check_deadline (IkeSession *session, const RoamNow *now)
{
  IkeMobility *mob = &session->mobility;

  if (mob->check_budget_us > now->boot_us)
    return;
  mob->check_budget_us = ROAM_NEVER;
  if (session->state == IKE_STATE_ESTABLISHED && mob->check_serial != 0)
    ike_session_event_of (session, IKE_EVENT_PATH_FAILED, mob->check_serial,
                          ike_session_says (session, "the gateway does not answer", "the client does not answer"),
                          NULL);
  mob->check_serial = 0;
}

static void
announce_deadline (IkeSession *session, const RoamNow *now)
{
  IkeMobility *mob = &session->mobility;

  if (mob->announce_us > now->boot_us)
    return;
  mob->announce_us = ROAM_NEVER;
  if (session->state == IKE_STATE_ESTABLISHED && !mob->pending_update)
    ike_task_queue (session, ike_task_new (IKE_TASK_ADDRESSES));
}

static void
routability_deadline (IkeSession *session, const RoamNow *now)
{
  IkeMobility *mob = &session->mobility;
  IkeTask *task;

  if (mob->routability_us > now->boot_us)
    return;
  mob->routability_us = now->boot_us + session->routability_interval_us;
  if (session->state != IKE_STATE_ESTABLISHED || mob->suspended || ike_task_find (session, IKE_TASK_CHECK, 0))
    return;
  task = ike_task_new (IKE_TASK_CHECK);
  task->routability = TRUE;
  ike_task_queue (session, task);
}

void
ike_mobility_deadline (IkeSession *session, const RoamNow *now)
{
  IkeMobility *mob = &session->mobility;

  check_deadline (session, now);
  announce_deadline (session, now);
  routability_deadline (session, now);
  if (mob->update_us <= now->boot_us)
    mob->update_us = 0;
  if (mob->decide_us <= now->boot_us)
    decide (session, now);
  if (mob->budget_us > now->boot_us)
    return;
  mob->budget_us = ROAM_NEVER;
  if (session->state == IKE_STATE_ESTABLISHED)
    ike_mobility_failed (session, now, "the gateway does not answer on this path", NULL);
}

gint64
ike_mobility_next_deadline (const IkeSession *session)
{
  const IkeMobility *mob = &session->mobility;
  gint64 next = MIN (mob->budget_us, mob->check_budget_us);

  next = MIN (next, MIN (mob->decide_us, mob->announce_us));
  next = MIN (next, mob->routability_us);
  return mob->pending_update && mob->update_us > 0 ? MIN (next, mob->update_us) : next;
}
