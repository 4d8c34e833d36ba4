/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Windows and retransmission (RFC 7296 2.1 to 2.4). One request of ours may be outstanding on each
 * IKE SA; requests of the gateway are answered whatever we wait for.
 */
#include "ike/ike-session-private.h"

/* See peer_may_be_busy(): how fresh our request of the same number must be, and how long the answer waits. */
#define SAME_NUMBER_RECENT_US ROAM_USEC_PER_SEC
#define SAME_NUMBER_WAIT_US (5 * ROAM_USEC_PER_MSEC)

/* IKE_SA_INIT, IKE_AUTH: a person waits for "no answer". 0.5 .. 9.5 s, 21 s in all. */
static const RoamRetransmitPolicy init_policy = { .first_us = 500 * ROAM_USEC_PER_MSEC,
                                                  .factor_percent = 180,
                                                  .copies = 6 };
/* A gateway that does not know the exchange is silent, and IKE_SA_INIT waits. 0.5, 0.9, 1.6 s. */
static const RoamRetransmitPolicy resume_policy = { .first_us = 500 * ROAM_USEC_PER_MSEC,
                                                    .factor_percent = 180,
                                                    .copies = 3 };
/* Liveness and rekeying: a dozen copies over some minutes (RFC 7296 2.4). */
static const RoamRetransmitPolicy normal_policy = {
  .first_us = 500 * ROAM_USEC_PER_MSEC, .factor_percent = 180, .limit_us = 30 * ROAM_USEC_PER_SEC, .copies = 12
};
/* RFC 4555 3.11: a client may be out of reach for a while; a gateway waits five minutes for it at least. */
static const RoamRetransmitPolicy gateway_policy = {
  .first_us = 500 * ROAM_USEC_PER_MSEC, .factor_percent = 180, .limit_us = 30 * ROAM_USEC_PER_SEC, .copies = 17
};
/* Somebody says that the gateway does not know the SA: it has 11 s to contradict. */
static const RoamRetransmitPolicy doubt_policy = { .first_us = 500 * ROAM_USEC_PER_MSEC,
                                                   .factor_percent = 180,
                                                   .copies = 5 };
/* A packet lost during a move must cost about a round-trip time. The move's budget ends it. */
static const RoamRetransmitPolicy move_policy = {
  .first_us = 250 * ROAM_USEC_PER_MSEC, .factor_percent = 170, .limit_us = 2 * ROAM_USEC_PER_SEC, .copies = 20
};
/* A path was silent for its budget; the SA is kept for about five minutes more (RFC 4555 3.11). */
static const RoamRetransmitPolicy patient_policy = {
  .first_us = 2 * ROAM_USEC_PER_SEC, .factor_percent = 180, .limit_us = 30 * ROAM_USEC_PER_SEC, .copies = 13
};
/* RFC 7296 2.4: closing waits a short while only. 0.5, 0.9, 1.6 s. */
static const RoamRetransmitPolicy closing_policy = { .first_us = 500 * ROAM_USEC_PER_MSEC,
                                                     .factor_percent = 180,
                                                     .copies = 3 };

/* Twice the round-trip time of the last path is a good first wait, within these limits. */
#define MOVE_FIRST_MIN_US (60 * ROAM_USEC_PER_MSEC)

/* With this copy unanswered the path is suspect, and others are tried (RFC 4555 3.5). */
#define SUSPECT_FROM_COPY 3

/* So many copies of a fragmented request without an answer: its fragments may be too large for the path. */
#define SMALLER_FROM_COPY 3

/* With this number an SA is rekeyed: what that takes still fits in. */
#define LAST_MESSAGE_ID (G_MAXUINT32 - 64)

static void
transmit (IkeSession *session, const IkeSent *sent, const IkePair *pair)
{
  for (guint i = 0; i < sent->messages->len; i++)
    ike_session_send (session, pair, g_ptr_array_index (sent->messages, i));
}

static void
transmit_request (IkeSession *session, IkeSa *sa)
{
  if (!session->mobility.suspended)
    transmit (session, &sa->request, &session->mobility.now);
  sa->copies++;
}

static RoamRetransmitPolicy
policy_of (const IkeSession *session, const IkeSa *sa)
{
  if (session->state == IKE_STATE_CLOSING)
    return closing_policy;
  if (session->responder)
    return gateway_policy;
  if (session->mobility.waiting)
    {
      RoamRetransmitPolicy policy = move_policy;

      if (session->rtt_us > 0)
        policy.first_us = CLAMP (2 * session->rtt_us, MOVE_FIRST_MIN_US, policy.first_us);
      return policy;
    }
  switch (sa->task->type)
    {
    case IKE_TASK_SA_INIT:
    case IKE_TASK_AUTH:
      return init_policy;
    case IKE_TASK_SESSION_RESUME:
      return resume_policy;
    case IKE_TASK_REFUSE:
      return closing_policy;
    case IKE_TASK_CHECK:
      return sa->task->doubtful ? doubt_policy : normal_policy;
    case IKE_TASK_DELETE_IKE:
    case IKE_TASK_UPDATE:
    case IKE_TASK_ROUTABILITY:
    case IKE_TASK_ADDRESSES:
    case IKE_TASK_REDIRECT:
    case IKE_TASK_TICKET:
    case IKE_TASK_DELETE_CHILD:
    case IKE_TASK_CREATE_CHILD:
    case IKE_TASK_REKEY_CHILD:
    case IKE_TASK_REKEY_IKE:
      return normal_policy;
    }
  return normal_policy;
}

static void
start_timer (IkeSession *session, IkeSa *sa, const RoamNow *now)
{
  RoamRetransmitPolicy policy = policy_of (session, sa);

  roam_retransmit_start (&sa->timer, &policy, now->boot_us);
}

/* Builds the request of @task and sends it; FALSE when there is nothing to send (then @task is gone). */
static gboolean
start_request (IkeSession *session, IkeSa *sa, const RoamNow *now, IkeTask *task)
{
  GPtrArray *messages;

  ike_attempts_enter (session, sa);
  task->generation = session->mobility.generation;
  messages = ike_task_build (session, sa, now, task, sa->next_id);
  if (!messages)
    {
      gboolean needed = task->type <= IKE_TASK_AUTH;

      ike_task_free (task);
      if (needed)
        ike_session_die (session, IKE_EVENT_AUTH_FAILED,
                         session->handshake.problem ? session->handshake.problem : "the request could not be made",
                         "check certificate and private key");
      return FALSE;
    }
  g_clear_pointer (&sa->request.messages, g_ptr_array_unref);
  sa->request = (IkeSent){ .messages = messages, .id = sa->next_id++ };
  if (sa->next_id >= LAST_MESSAGE_ID)
    sa->rekey_us = now->boot_us; /* the numbers run out (RFC 7296 2.2) */
  sa->task = task;
  sa->first_sent_us = now->boot_us;
  sa->copies = 0;
  sa->resent = FALSE;
  transmit_request (session, sa);
  start_timer (session, sa, now);
  return TRUE;
}

static gboolean
is_open_for_new (const IkeSession *session, const IkeSa *sa)
{
  return sa == session->current && sa->state == IKE_SA_ACTIVE && session->state == IKE_STATE_ESTABLISHED;
}

static gboolean
is_eligible (const IkeSession *session, const IkeSa *sa, const IkeTask *task, const RoamNow *now)
{
  if (task->not_before_us > now->boot_us)
    return FALSE;
  return task->sa ? task->sa == sa : is_open_for_new (session, sa);
}

/* The most urgent waiting task that may go out on @sa now. */
static IkeTask *
take_next_task (IkeSession *session, const IkeSa *sa, const RoamNow *now)
{
  GList *best = NULL;
  IkeTask *task;

  for (GList *l = session->tasks.head; l; l = l->next)
    if (is_eligible (session, sa, l->data, now) &&
        (!best || ((const IkeTask *)l->data)->type < ((const IkeTask *)best->data)->type))
      best = l;
  if (session->mobility.pending_update && session->mobility.update_us <= now->boot_us &&
      is_open_for_new (session, sa) && (!best || ((const IkeTask *)best->data)->type > IKE_TASK_UPDATE))
    {
      session->mobility.pending_update = FALSE;
      return ike_task_new (IKE_TASK_UPDATE);
    }
  if (!best)
    return NULL;
  task = best->data;
  g_queue_delete_link (&session->tasks, best);
  return task;
}

void
ike_exchange_pump (IkeSession *session, const RoamNow *now)
{
  for (guint i = 0; i < session->sas->len; i++)
    {
      IkeSa *sa = g_ptr_array_index (session->sas, i);
      IkeTask *task;

      while (!sa->task && !session->mobility.suspended && sa->state != IKE_SA_GONE &&
             (task = take_next_task (session, sa, now)))
        if (start_request (session, sa, now, task))
          break;
    }
}

gboolean
ike_exchange_redirect (IkeSession *session, const IkePair *pair)
{
  for (guint i = 0; i < session->sas->len; i++)
    {
      IkeSa *sa = g_ptr_array_index (session->sas, i);

      if (!sa->task || sa->state == IKE_SA_GONE)
        continue;
      sa->resent = sa->task->elsewhere = TRUE;
      transmit (session, &sa->request, pair);
      return TRUE;
    }
  return FALSE;
}

void
ike_exchange_resend_all (IkeSession *session, const RoamNow *now)
{
  for (guint i = 0; i < session->sas->len; i++)
    {
      IkeSa *sa = g_ptr_array_index (session->sas, i);

      if (!sa->task || sa->state == IKE_SA_GONE)
        continue;
      sa->copies = 0;
      sa->resent = TRUE;
      transmit_request (session, sa);
      start_timer (session, sa, now);
    }
}

void
ike_exchange_be_patient (IkeSession *session, const RoamNow *now)
{
  for (guint i = 0; i < session->sas->len; i++)
    {
      IkeSa *sa = g_ptr_array_index (session->sas, i);

      if (sa->task && sa->state != IKE_SA_GONE)
        roam_retransmit_start (&sa->timer, &patient_policy, now->boot_us);
    }
}

/* --- answers --- */

static void
measure (IkeSession *session, const IkeSa *sa, const RoamNow *now)
{
  if (!sa->resent)
    session->rtt_us = now->boot_us - sa->first_sent_us;
}

void
ike_exchange_process_response (IkeSession *session, IkeSa *sa, const RoamNow *now, const IkePair *pair,
                               const IkeMessage *message)
{
  IkeTask *task = g_steal_pointer (&sa->task);

  roam_retransmit_stop (&sa->timer);
  measure (session, sa, now);
  ike_probing_answered (session, now, pair, TRUE);
  ike_task_process (session, sa, now, pair, task, message);
}

/*
 * strongSwan (seen with 5.9.8) tells exchanges apart by their Message ID alone while it works on one:
 * an answer that has the number of our own request which it is still busy with is thrown away, and its
 * rekeying after a move then waits four seconds for the retransmission. Requests of both sides count
 * on their own (RFC 7296 2.2), so equal numbers are legal, if rare; such an answer waits a moment.
 */
static gboolean
peer_may_be_busy (const IkeSession *session, const IkeSa *sa, guint8 exchange)
{
  return exchange == IKE_EXCHANGE_CREATE_CHILD_SA && sa->request.messages && sa->request.id == sa->response.id &&
         session->heard_us - sa->first_sent_us < SAME_NUMBER_RECENT_US;
}

void
ike_exchange_respond (IkeSession *session, IkeSa *sa, const IkePair *pair, guint8 exchange, const IkePayloads *payloads)
{
  GPtrArray *messages = ike_sa_build (session, sa, exchange, TRUE, sa->peer_next_id, payloads);

  if (!messages)
    {
      ike_count (session, "response-not-built");
      return;
    }
  g_clear_pointer (&sa->response.messages, g_ptr_array_unref);
  sa->response = (IkeSent){ .messages = messages, .id = sa->peer_next_id++ };
  sa->response_pair = *pair;
  sa->response_due_us = ROAM_NEVER;
  if (peer_may_be_busy (session, sa, exchange))
    {
      ike_count (session, "responses-held-back");
      sa->response_due_us = session->heard_us + SAME_NUMBER_WAIT_US;
      return;
    }
  transmit (session, &sa->response, pair);
}

void
ike_exchange_repeat_response (IkeSession *session, IkeSa *sa, const IkePair *pair)
{
  ike_count (session, "responses-repeated");
  sa->response_due_us = ROAM_NEVER;
  transmit (session, &sa->response, pair);
}

/* --- time --- */

static void
expire (IkeSession *session, IkeSa *sa, const RoamNow *now)
{
  IkeTaskType type = sa->task->type;

  switch (type)
    {
    case IKE_TASK_SA_INIT:
    case IKE_TASK_SESSION_RESUME:
    case IKE_TASK_AUTH:
      ike_init_expired (session, now);
      return;
    case IKE_TASK_REFUSE:
      ike_session_die (session, session->closing_type, session->closing_reason, session->closing_advice);
      return;
    case IKE_TASK_DELETE_IKE:
    case IKE_TASK_UPDATE:
    case IKE_TASK_ROUTABILITY:
    case IKE_TASK_ADDRESSES:
    case IKE_TASK_REDIRECT:
    case IKE_TASK_TICKET:
    case IKE_TASK_DELETE_CHILD:
    case IKE_TASK_CREATE_CHILD:
    case IKE_TASK_REKEY_CHILD:
    case IKE_TASK_REKEY_IKE:
    case IKE_TASK_CHECK:
      break;
    }
  if (session->state == IKE_STATE_CLOSING)
    ike_session_die (session, session->closing_type, session->closing_reason, session->closing_advice);
  else if (sa != session->current)
    ike_sa_close (session, sa);
  else
    ike_session_die (session, IKE_EVENT_DEAD,
                     ike_session_says (session, "the gateway does not answer (RFC 7296 2.4)",
                                       "the client does not answer (RFC 7296 2.4)"),
                     ike_session_says (session, "the gateway may be down or unreachable from this network", NULL));
}

/* A copy more, and what its silence so far means. */
static void
repeat (IkeSession *session, IkeSa *sa, const RoamNow *now)
{
  gboolean is_init = sa->task->type <= IKE_TASK_SESSION_RESUME;

  if (is_init)
    ike_attempts_enter (session, sa);
  sa->resent = TRUE;
  ike_count (session, "retransmissions");
  if (sa->copies == SMALLER_FROM_COPY && ike_sa_refragment (session, sa))
    start_timer (session, sa, now); /* RFC 7383 2.5.2: each size has its time */
  transmit_request (session, sa);
  if (is_init)
    ike_attempts_add (session, now);
  else if (sa->copies >= SUSPECT_FROM_COPY)
    ike_probing_suspect (session, now);
}

/* The end of @sa itself; TRUE: it came. */
static gboolean
has_ended (IkeSession *session, IkeSa *sa, const RoamNow *now)
{
  if (sa->expire_us > now->boot_us)
    return FALSE;
  sa->expire_us = ROAM_NEVER;
  if (sa == session->current)
    ike_session_close (session, now, IKE_EVENT_DEAD, "the IKE SA expired: it could not be rekeyed", NULL);
  else
    ike_sa_close (session, sa);
  return TRUE;
}

static void
sa_deadline (IkeSession *session, IkeSa *sa, const RoamNow *now)
{
  for (guint i = 0; i < G_N_ELEMENTS (sa->fragments); i++)
    if (ike_reassembly_deadline (sa->fragments[i]) <= now->boot_us)
      ike_reassembly_reset (sa->fragments[i]);
  if (has_ended (session, sa, now) || session->mobility.suspended)
    return;
  if (sa->response_due_us <= now->boot_us)
    {
      sa->response_due_us = ROAM_NEVER;
      transmit (session, &sa->response, &sa->response_pair);
    }
  if (sa->rekey_us <= now->boot_us)
    {
      sa->rekey_us = ROAM_NEVER;
      if (sa == session->current && !ike_task_find (session, IKE_TASK_REKEY_IKE, 0))
        ike_task_queue (session, ike_task_new (IKE_TASK_REKEY_IKE));
    }
  switch (roam_retransmit_step (&sa->timer, now->boot_us))
    {
    case ROAM_RETRANSMIT_WAIT:
      return;
    case ROAM_RETRANSMIT_SEND:
      repeat (session, sa, now);
      return;
    case ROAM_RETRANSMIT_EXHAUSTED:
      ike_attempts_enter (session, sa);
      expire (session, sa, now);
      return;
    }
}

void
ike_exchange_deadline (IkeSession *session, const RoamNow *now)
{
  for (GList *l = session->tasks.head; l; l = l->next)
    if (((IkeTask *)l->data)->not_before_us <= now->boot_us)
      ((IkeTask *)l->data)->not_before_us = 0;
  for (guint i = 0; i < session->sas->len; i++)
    {
      IkeSa *sa = g_ptr_array_index (session->sas, i);
      if (sa->state != IKE_SA_GONE)
        sa_deadline (session, sa, now);
    }
}

static gint64
sa_next_deadline (const IkeSession *session, const IkeSa *sa)
{
  gint64 next = sa->expire_us;

  for (guint i = 0; i < G_N_ELEMENTS (sa->fragments); i++)
    next = MIN (next, ike_reassembly_deadline (sa->fragments[i]));
  if (session->mobility.suspended)
    return next;
  next = MIN (next, MIN (sa->timer.due_us, sa->response_due_us));
  return MIN (next, sa->rekey_us);
}

gint64
ike_exchange_next_deadline (const IkeSession *session)
{
  gint64 next = ROAM_NEVER;

  for (guint i = 0; i < session->sas->len; i++)
    next = MIN (next, sa_next_deadline (session, g_ptr_array_index (session->sas, i)));
  for (const GList *l = session->tasks.head; l; l = l->next)
    if (((const IkeTask *)l->data)->not_before_us > 0)
      next = MIN (next, ((const IkeTask *)l->data)->not_before_us);
  return next;
}
