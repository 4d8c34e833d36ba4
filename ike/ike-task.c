/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The exchanges that we start: one IkeTask each, waiting or outstanding; and who builds and processes them. */
#include "ike/ike-session-private.h"

/* TEMPORARY_FAILURE: 10, 20, 40 ... s, and no longer than some minutes (RFC 7296 2.25). */
#define RETRY_FIRST_US (10 * ROAM_USEC_PER_SEC)
#define RETRY_LIMIT_US (80 * ROAM_USEC_PER_SEC)
#define RETRY_PATIENCE_US (5 * 60 * ROAM_USEC_PER_SEC)

IkeTask *
ike_task_new (IkeTaskType type)
{
  IkeTask *task = g_new0 (IkeTask, 1);
  task->type = type;
  return task;
}

void
ike_task_free (IkeTask *task)
{
  if (!task)
    return;
  ike_proposals_free (task->proposals);
  ike_dh_free (task->dh);
  g_clear_pointer (&task->nonce, g_bytes_unref);
  g_clear_pointer (&task->rival_nonce, g_bytes_unref);
  g_clear_pointer (&task->data, g_bytes_unref);
  g_free (task);
}

void
ike_task_queue (IkeSession *session, IkeTask *task)
{
  if (session->tasks.length >= IKE_MAX_TASKS)
    {
      ike_count (session, "tasks-refused");
      ike_task_free (task);
      return;
    }
  g_queue_push_tail (&session->tasks, task);
}

IkeTask *
ike_task_find (const IkeSession *session, IkeTaskType type, guint32 child_id)
{
  for (guint i = 0; i < session->sas->len; i++)
    {
      const IkeSa *sa = g_ptr_array_index (session->sas, i);
      if (sa->state != IKE_SA_GONE && sa->task && sa->task->type == type &&
          (child_id == 0 || sa->task->child_id == child_id))
        return sa->task;
    }
  for (const GList *l = session->tasks.head; l; l = l->next)
    {
      IkeTask *task = l->data;
      if (task->type == type && (child_id == 0 || task->child_id == child_id))
        return task;
    }
  return NULL;
}

void
ike_task_drop_waiting (IkeSession *session)
{
  g_queue_clear_full (&session->tasks, (GDestroyNotify)ike_task_free);
}

guint8
ike_task_exchange (IkeTaskType type)
{
  switch (type)
    {
    case IKE_TASK_SA_INIT:
      return IKE_EXCHANGE_IKE_SA_INIT;
    case IKE_TASK_SESSION_RESUME:
      return IKE_EXCHANGE_IKE_SESSION_RESUME;
    case IKE_TASK_AUTH:
      return IKE_EXCHANGE_IKE_AUTH;
    case IKE_TASK_CREATE_CHILD:
    case IKE_TASK_REKEY_CHILD:
    case IKE_TASK_REKEY_IKE:
      return IKE_EXCHANGE_CREATE_CHILD_SA;
    case IKE_TASK_REFUSE:
    case IKE_TASK_DELETE_IKE:
    case IKE_TASK_UPDATE:
    case IKE_TASK_ROUTABILITY:
    case IKE_TASK_ADDRESSES:
    case IKE_TASK_REDIRECT:
    case IKE_TASK_TICKET:
    case IKE_TASK_DELETE_CHILD:
    case IKE_TASK_CHECK:
      return IKE_EXCHANGE_INFORMATIONAL;
    }
  return 0;
}

static IkePayloads *
build_delete_child (IkeSession *session, const IkeTask *task)
{
  const IkeChild *child = ike_child_by_id (session, task->child_id);
  guint32 spi = child && child->linger_us == ROAM_NEVER ? child->sa->spi_in : task->spi_in;
  IkePayloads *payloads;

  if (spi == 0)
    return NULL; /* gone meanwhile */
  payloads = ike_payloads_new ();
  ike_payloads_add_delete_esp (payloads, &spi, 1);
  return payloads;
}

static IkePayloads *
build_refuse (void)
{
  IkePayloads *payloads = ike_payloads_new ();
  ike_payloads_add_notify (payloads, IKE_NOTIFY_AUTHENTICATION_FAILED, NULL, 0);
  return payloads;
}

static IkePayloads *
build_delete_ike (void)
{
  IkePayloads *payloads = ike_payloads_new ();
  ike_payloads_add_delete_ike (payloads);
  return payloads;
}

static IkePayloads *
build_payloads (IkeSession *session, IkeSa *sa, IkeTask *task)
{
  switch (task->type)
    {
    case IKE_TASK_SA_INIT:
    case IKE_TASK_SESSION_RESUME:
      return NULL; /* not protected: ike_init_build() */
    case IKE_TASK_AUTH:
      return ike_auth_build (session, sa);
    case IKE_TASK_REFUSE:
      return build_refuse ();
    case IKE_TASK_DELETE_IKE:
      return build_delete_ike ();
    case IKE_TASK_UPDATE:
      return ike_update_build (session, sa, task);
    case IKE_TASK_ROUTABILITY:
      return ike_routability_build (session, task);
    case IKE_TASK_ADDRESSES:
      return ike_addresses_build (session, task);
    case IKE_TASK_REDIRECT:
      return ike_redirect_build (task);
    case IKE_TASK_TICKET:
      return ike_ticket_build ();
    case IKE_TASK_DELETE_CHILD:
      return build_delete_child (session, task);
    case IKE_TASK_CREATE_CHILD:
    case IKE_TASK_REKEY_CHILD:
      return ike_create_child_build (session, task);
    case IKE_TASK_REKEY_IKE:
      return ike_rekey_ike_build (session, sa, task);
    case IKE_TASK_CHECK:
      return ike_check_build (session, sa, task);
    }
  return NULL;
}

/* The peer could not read our request and has given the IKE SA up (RFC 7296 2.21.3). */
static gboolean
is_given_up (IkeSession *session, const IkeMessage *message)
{
  if (!ike_message_find_notify (message, IKE_NOTIFY_INVALID_SYNTAX) || session->state != IKE_STATE_ESTABLISHED)
    return FALSE;
  ike_session_die (session, IKE_EVENT_DEAD, "INVALID_SYNTAX: the peer cannot read our request",
                   "report this to its maker");
  return TRUE;
}

GPtrArray *
ike_task_build (IkeSession *session, IkeSa *sa, const RoamNow *now, IkeTask *task, guint32 id)
{
  if (task->type == IKE_TASK_SA_INIT || task->type == IKE_TASK_SESSION_RESUME)
    return ike_init_build (session, sa);

  task->has_cookie2 = FALSE; /* of a request on an SA that has ended */
  g_autoptr (IkePayloads) payloads = build_payloads (session, sa, task);
  if (!payloads)
    return NULL;
  ike_cookie2_add (session, task, payloads);
  if (task->type == IKE_TASK_AUTH && session->handshake.solution)
    {
      ike_payloads_set_clear (payloads, IKE_PAYLOAD_PS, session->handshake.solution);
      g_clear_pointer (&session->handshake.solution, g_bytes_unref); /* in the first request only (RFC 8019 7.2.2) */
    }
  g_clear_pointer (&sa->request_payloads, ike_payloads_free);
  sa->request_payloads = g_steal_pointer (&payloads);
  return ike_sa_build (session, sa, ike_task_exchange (task->type), FALSE, id, sa->request_payloads);
}

/* RFC 7296 1.4.1: what the Delete named is gone on both sides now. */
static void
process_delete_child (IkeSession *session, const RoamNow *now, const IkeTask *task)
{
  IkeChild *child = ike_child_by_id (session, task->child_id);

  if (child && child->linger_us == ROAM_NEVER)
    ike_child_close (session, now, child);
}

static void
process_delete_ike (IkeSession *session, IkeSa *sa)
{
  if (session->state == IKE_STATE_CLOSING && sa == session->current)
    ike_session_die (session, session->closing_type, session->closing_reason, session->closing_advice);
  else
    ike_sa_close (session, sa);
}

void
ike_task_process (IkeSession *session, IkeSa *sa, const RoamNow *now, const IkePair *pair, IkeTask *task,
                  const IkeMessage *message)
{
  g_autoptr (IkeTask) owned = task;

  if (!ike_cookie2_check (session, task, message))
    return;
  if (ike_task_exchange (task->type) == IKE_EXCHANGE_INFORMATIONAL && is_given_up (session, message))
    return;
  switch (task->type)
    {
    case IKE_TASK_SA_INIT:
    case IKE_TASK_SESSION_RESUME:
    case IKE_TASK_REDIRECT: /* the client goes, or does not (RFC 5685 5) */
      return;
    case IKE_TASK_AUTH:
      ike_auth_process (session, sa, now, pair, message);
      return;
    case IKE_TASK_REFUSE:
      ike_session_die (session, session->closing_type, session->closing_reason, session->closing_advice);
      return;
    case IKE_TASK_DELETE_IKE:
      process_delete_ike (session, sa);
      return;
    case IKE_TASK_UPDATE:
      ike_update_process (session, sa, now, pair, task, message);
      return;
    case IKE_TASK_ROUTABILITY:
      ike_routability_process (session, task);
      return;
    case IKE_TASK_ADDRESSES:
      ike_addresses_process (session, task);
      return;
    case IKE_TASK_TICKET:
      ike_ticket_process (session, sa, now, message);
      return;
    case IKE_TASK_DELETE_CHILD:
      process_delete_child (session, now, task);
      return;
    case IKE_TASK_CREATE_CHILD:
    case IKE_TASK_REKEY_CHILD:
      ike_create_child_process (session, sa, now, g_steal_pointer (&owned), message);
      return;
    case IKE_TASK_REKEY_IKE:
      ike_rekey_ike_process (session, sa, now, g_steal_pointer (&owned), message);
      return;
    case IKE_TASK_CHECK:
      ike_check_process (session, sa, now, pair, task, message);
      return;
    }
}

/* No error goes back for a response (RFC 7296 2.21); the SA is given up in an orderly way. */
void
ike_task_process_bad (IkeSession *session, IkeSa *sa, const RoamNow *now, IkeTask *task, const char *reason)
{
  g_autoptr (IkeTask) owned = task;

  if (session->state == IKE_STATE_CLOSING)
    ike_session_die (session, session->closing_type, session->closing_reason, session->closing_advice);
  else if (session->state == IKE_STATE_AUTH)
    ike_session_die (session, IKE_EVENT_FAILED, reason, NULL);
  else if (sa != session->current)
    ike_sa_close (session, sa);
  else
    ike_session_close (session, now, IKE_EVENT_DEAD, reason, NULL);
}

gboolean
ike_task_retry_later (IkeSession *session, const RoamNow *now, IkeTask *task)
{
  gint64 wait_us = MIN (RETRY_FIRST_US << MIN (task->refusals, 8), RETRY_LIMIT_US);

  if (task->first_refused_us == 0)
    task->first_refused_us = now->boot_us;
  if (now->boot_us + wait_us - task->first_refused_us > RETRY_PATIENCE_US)
    {
      ike_task_free (task);
      return FALSE;
    }
  task->refusals++;
  task->not_before_us = ike_session_jittered (session, now, wait_us);
  ike_task_queue (session, task);
  return TRUE;
}
