/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Windows and retransmission (RFC 7296 2.1 to 2.4). One request of ours may be outstanding on each
 * IKE SA; requests of the gateway are answered whatever we wait for.
 */
#include "ike/ike-session-private.h"

/* IKE_SA_INIT: seconds decide how long a person waits for "no answer". 0.5 .. 9.5 s, 21 s in all. */
static const RoamRetransmitPolicy init_policy = { .first_us = 500 * ROAM_USEC_PER_MSEC, .factor_percent = 180, .copies = 6 };
/* Liveness and rekeying: a dozen copies over some minutes (RFC 7296 2.4). */
static const RoamRetransmitPolicy normal_policy = { .first_us = 500 * ROAM_USEC_PER_MSEC,
                                                    .factor_percent = 180,
                                                    .limit_us = 30 * ROAM_USEC_PER_SEC,
                                                    .copies = 12 };
/* Somebody said that the gateway does not know the SA: 12 s for the gateway to contradict. */
static const RoamRetransmitPolicy doubt_policy = { .first_us = 500 * ROAM_USEC_PER_MSEC, .factor_percent = 180, .copies = 5 };
/* A lost packet during a move must cost about a round-trip time, not seconds. */
static const RoamRetransmitPolicy move_policy = { .first_us = 250 * ROAM_USEC_PER_MSEC,
                                                  .factor_percent = 170,
                                                  .limit_us = 2 * ROAM_USEC_PER_SEC,
                                                  .copies = 12 };
/* The path did not answer in its budget; the SA lives on for some minutes (RFC 4555 3.11). */
static const RoamRetransmitPolicy patient_policy = { .first_us = 2 * ROAM_USEC_PER_SEC,
                                                     .factor_percent = 180,
                                                     .limit_us = 30 * ROAM_USEC_PER_SEC,
                                                     .copies = 14 };
/* RFC 7296 2.4: closing waits for a short while only. 0.5, 0.9, 1.6 s. */
static const RoamRetransmitPolicy closing_policy = { .first_us = 500 * ROAM_USEC_PER_MSEC, .factor_percent = 180, .copies = 3 };

/* A first copy is repeated after twice the round-trip time, but neither at once nor late. */
#define MOVE_FIRST_MIN_US (60 * ROAM_USEC_PER_MSEC)

static void
clear_sent (IkeSent *sent)
{
  g_clear_pointer (&sent->messages, g_ptr_array_unref);
}

/* Pushes every message of @sent as one datagram each; on the NAT-T port behind the non-ESP marker (RFC 3948 2.2). */
static void
transmit (IkeSession *session, const IkeSent *sent, guint32 ifindex, const RoamEndpoint *local, const RoamEndpoint *remote)
{
  for (guint i = 0; i < sent->messages->len; i++)
    ike_session_send (session, ifindex, local, remote, g_ptr_array_index (sent->messages, i));
}

/* The request of @sa once more (or for the first time), on the present path. */
static void
transmit_request (IkeSession *session, IkeSa *sa, const RoamNow *now)
{
  const IkeMobility *mob = &session->mobility;

  transmit (session, &sa->request, mob->ifindex, &mob->local, &mob->remote);
  sa->last_sent_us = now->boot_us;
  sa->copies++;
  session->sent_us = now->boot_us;
}

/* As many copies as fit in @budget_us. */
static RoamRetransmitPolicy
fit (RoamRetransmitPolicy policy, gint64 budget_us)
{
  for (policy.copies = 1; policy.copies < MOVE_COPIES_MAX; policy.copies++)
    if (roam_retransmit_budget (&policy) >= budget_us)
      break;
  return policy;
}

static RoamRetransmitPolicy
policy_of (const IkeSession *session, const IkeSa *sa)
{
  RoamRetransmitPolicy policy = normal_policy;

  if (session->state == IKE_STATE_CLOSING)
    return closing_policy;
  if (session->mobility.waiting)
    {
      policy = move_policy;
      if (session->rtt_us > 0)
        policy.first_us = CLAMP (2 * session->rtt_us, MOVE_FIRST_MIN_US, policy.first_us);
      return fit (policy, MOVE_BUDGET_US);
    }
  switch (sa->task->type)
    {
    case IKE_TASK_SA_INIT:
    case IKE_TASK_AUTH:
      return init_policy;
    case IKE_TASK_CHECK:
      return sa->task->unanswered_hint ? doubt_policy : normal_policy;
    case IKE_TASK_REFUSE:
    case IKE_TASK_DELETE_IKE:
    case IKE_TASK_UPDATE:
    case IKE_TASK_DELETE_CHILD:
    case IKE_TASK_CREATE_CHILD:
    case IKE_TASK_REKEY_CHILD:
    case IKE_TASK_REKEY_IKE:
      return normal_policy;
    }
  return policy;
}

static void
start_timer (IkeSession *session, IkeSa *sa, const RoamNow *now)
{
  RoamRetransmitPolicy policy = policy_of (session, sa);

  roam_retransmit_start (&sa->timer, &policy, now->boot_us);
}

/* Builds the request of @task and sends it; FALSE when it cannot be built (then @task is gone). */
static gboolean
start_request (IkeSession *session, IkeSa *sa, const RoamNow *now, IkeTask *task)
{
  g_autoptr (GPtrArray) messages = NULL;

  task->generation = session->mobility.generation;
  messages = ike_task_build (session, sa, now, task, sa->next_id);
  if (!messages)
    {
      ike_count (session, "request-not-built");
      ike_task_free (task);
      return FALSE;
    }
  clear_sent (&sa->request);
  sa->request.messages = g_steal_pointer (&messages);
  sa->request.id = sa->next_id++;
  sa->task = task;
  sa->first_sent_us = now->boot_us;
  sa->copies = 0;
  sa->resent = FALSE;
  transmit_request (session, sa, now);
  start_timer (session, sa, now);
  return TRUE;
}

/* May @task go out on @sa now? */
static gboolean
is_eligible (const IkeSession *session, const IkeSa *sa, const IkeTask *task, const RoamNow *now)
{
  if (task->not_before_us > now->boot_us)
    return FALSE;
  if (task->sa)
    return task->sa == sa;
  return sa == session->current && sa->state == IKE_SA_ACTIVE && session->state == IKE_STATE_ESTABLISHED;
}

static IkeTask *
take_next_task (IkeSession *session, const IkeSa *sa, const RoamNow *now)
{
  GList *best = NULL;

  for (GList *l = session->tasks.head; l; l = l->next)
    if (is_eligible (session, sa, l->data, now)
        && (!best || ((IkeTask *)l->data)->type < ((IkeTask *)best->data)->type))
      best = l;
  if (session->mobility.pending_update && sa == session->current && sa->state == IKE_SA_ACTIVE
      && session->state == IKE_STATE_ESTABLISHED
      && (!best || ((IkeTask *)best->data)->type > IKE_TASK_UPDATE))
    {
      session->mobility.pending_update = FALSE;
      return ike_task_new (IKE_TASK_UPDATE);
    }
  if (!best)
    return NULL;
  IkeTask *task = best->data;
  g_queue_delete_link (&session->tasks, best);
  return task;
}

/* Gives every free window its next task. */
void
ike_exchange_pump (IkeSession *session, const RoamNow *now)
{
  for (guint i = 0; i < session->sas->len; i++)
    {
      IkeSa *sa = g_ptr_array_index (session->sas, i);
      IkeTask *task;

      while (!sa->task && sa->state != IKE_SA_GONE && (task = take_next_task (session, sa, now)))
        if (start_request (session, sa, now, task))
          break;
    }
}

/* The path changed: whatever is outstanding is repeated at once, bit by bit the same (RFC 4555 3.5). */
void
ike_exchange_resend_all (IkeSession *session, const RoamNow *now)
{
  for (guint i = 0; i < session->sas->len; i++)
    {
      IkeSa *sa = g_ptr_array_index (session->sas, i);

      if (!sa->task)
        continue;
      sa->copies = 0;
      sa->resent = TRUE;
      transmit_request (session, sa, now);
      start_timer (session, sa, now);
    }
}

/* The schedule of what is outstanding starts anew by the present rules, without a copy now. */
void
ike_exchange_reschedule (IkeSession *session, const RoamNow *now)
{
  for (guint i = 0; i < session->sas->len; i++)
    {
      IkeSa *sa = g_ptr_array_index (session->sas, i);

      if (sa->task)
        roam_retransmit_start (&sa->timer, &patient_policy, now->boot_us);
    }
}
