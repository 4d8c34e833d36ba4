/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* One IKE SA: SPIs, keys, windows. */
#include "ike/ike-session-private.h"

/* A replaced SA whose Delete never comes is forgotten after the time an exchange may take. */
#define REPLACED_PATIENCE_US (4 * 60 * ROAM_USEC_PER_SEC)

guint64
ike_sa_new_spi (IkeSession *session)
{
  for (;;)
    {
      guint64 spi = roam_rng_u64 (session->rng);
      gboolean taken = spi == 0;

      for (guint i = 0; i < session->sas->len && !taken; i++)
        {
          const IkeSa *sa = g_ptr_array_index (session->sas, i);
          taken = (sa->initiator ? sa->spi_i : sa->spi_r) == spi;
        }
      if (session->responder ? ike_responder_has_ike_spi (session->responder, spi)
                             : ike_reauth_has_ike_spi (session, spi))
        continue;
      if (!taken)
        return spi;
    }
}

IkeSa *
ike_sa_new (IkeSession *session, guint64 spi_i, guint64 spi_r, gboolean initiator)
{
  IkeSa *sa = g_new0 (IkeSa, 1);

  sa->spi_i = spi_i;
  sa->spi_r = spi_r;
  sa->initiator = initiator;
  sa->rekey_us = sa->expire_us = sa->response_due_us = ROAM_NEVER;
  roam_retransmit_stop (&sa->timer);
  for (guint i = 0; i < G_N_ELEMENTS (sa->fragments); i++)
    sa->fragments[i] = ike_reassembly_new ();
  g_ptr_array_add (session->sas, sa);
  return sa;
}

void
ike_sa_free (gpointer data)
{
  IkeSa *sa = data;

  ike_task_free (sa->task);
  g_clear_pointer (&sa->request.messages, g_ptr_array_unref);
  g_clear_pointer (&sa->request_payloads, ike_payloads_free);
  g_clear_pointer (&sa->response.messages, g_ptr_array_unref);
  for (guint i = 0; i < G_N_ELEMENTS (sa->fragments); i++)
    ike_reassembly_free (sa->fragments[i]);
  ike_keys_free (sa->keys);
  g_free (sa);
}

/* By our own SPI only, whatever address it came from (RFC 7296 2.6); the I flag says which one is ours. */
IkeSa *
ike_sa_find (const IkeSession *session, const IkeHeader *header)
{
  gboolean from_initiator = (header->flags & IKE_FLAG_INITIATOR) != 0;

  for (guint i = 0; i < session->sas->len; i++)
    {
      IkeSa *sa = g_ptr_array_index (session->sas, i);

      if (sa->state == IKE_SA_GONE || sa->initiator == from_initiator)
        continue;
      if (sa->initiator ? sa->spi_i != header->spi_i : sa->spi_r != header->spi_r)
        continue;
      if (sa->keys && (sa->spi_i != header->spi_i || sa->spi_r != header->spi_r))
        continue;
      return sa;
    }
  return NULL;
}

void
ike_sa_activate (IkeSession *session, const RoamNow *now, IkeSa *sa)
{
  IkeSa *old = session->current;

  if (old && old != sa && old->state == IKE_SA_ACTIVE)
    {
      old->state = IKE_SA_REPLACED;
      old->rekey_us = ROAM_NEVER;
      old->expire_us = now->boot_us + REPLACED_PATIENCE_US;
    }
  sa->state = IKE_SA_ACTIVE;
  sa->rekey_us = ike_session_jittered (session, now, session->rekey_ike_us);
  sa->expire_us = now->boot_us + session->rekey_ike_us + IKE_REKEY_MARGIN_US;
  session->current = sa;
}

/* What still makes sense when the SA that it was asked on is gone. */
static gboolean
outlives_sa (const IkeTask *task)
{
  switch (task->type)
    {
    case IKE_TASK_UPDATE:
    case IKE_TASK_ROUTABILITY:
    case IKE_TASK_ADDRESSES:
    case IKE_TASK_REDIRECT:
    case IKE_TASK_TICKET:
    case IKE_TASK_DELETE_CHILD:
    case IKE_TASK_CREATE_CHILD:
    case IKE_TASK_REKEY_CHILD:
    case IKE_TASK_CHECK:
      return TRUE;
    case IKE_TASK_SA_INIT:
    case IKE_TASK_SESSION_RESUME:
    case IKE_TASK_AUTH:
    case IKE_TASK_REFUSE:
    case IKE_TASK_DELETE_IKE:
    case IKE_TASK_REKEY_IKE:
      return FALSE;
    }
  return FALSE;
}

void
ike_sa_close (IkeSession *session, IkeSa *sa)
{
  IkeTask *task = g_steal_pointer (&sa->task);

  sa->state = IKE_SA_GONE;
  roam_retransmit_stop (&sa->timer);
  for (GList *l = session->tasks.head, *next; l; l = next)
    {
      next = l->next;
      if (((IkeTask *)l->data)->sa != sa)
        continue;
      ike_task_free (l->data);
      g_queue_delete_link (&session->tasks, l);
    }
  if (!task)
    return;
  if (task->type == IKE_TASK_UPDATE)
    session->mobility.pending_update = TRUE;
  if (outlives_sa (task) && task->type != IKE_TASK_UPDATE)
    ike_task_queue (session, task);
  else
    ike_task_free (task);
}

void
ike_sa_reap (IkeSession *session)
{
  for (guint i = session->sas->len; i > 0; i--)
    if (((const IkeSa *)g_ptr_array_index (session->sas, i - 1))->state == IKE_SA_GONE)
      g_ptr_array_remove_index (session->sas, i - 1);
}

IkeCipher *
ike_sa_cipher_out (const IkeSa *sa)
{
  return sa->initiator ? sa->keys->cipher_i : sa->keys->cipher_r;
}

IkeCipher *
ike_sa_cipher_in (const IkeSa *sa)
{
  return sa->initiator ? sa->keys->cipher_r : sa->keys->cipher_i;
}

const RoamSecret *
ike_sa_sk_p (const IkeSa *sa, gboolean ours)
{
  return sa->initiator == ours ? sa->keys->sk_pi : sa->keys->sk_pr;
}

/* Octets of a fragment's message on the present path. RFC 8200 5: with IPv6 1280 always fit. */
static gsize
fragment_room (const IkeSession *session)
{
  const IkePair *pair = &session->mobility.now;
  gboolean small = session->small_fragments && pair->local.addr.family == ROAM_FAMILY_INET4;

  return ike_message_room (small ? IKE_SMALL_FRAGMENT_MTU : IKE_FRAGMENT_MTU, (RoamFamily)pair->local.addr.family,
                           pair->local.port == IKE_NATT_PORT);
}

gboolean
ike_sa_refragment (IkeSession *session, IkeSa *sa)
{
  gboolean before = session->small_fragments;
  GPtrArray *messages = NULL;

  if (!session->fragmentation || !sa->request_payloads || !sa->task)
    return FALSE;
  session->small_fragments = TRUE;
  messages =
    ike_sa_build (session, sa, ike_task_exchange (sa->task->type), FALSE, sa->request.id, sa->request_payloads);
  if (!messages || messages->len <= sa->request.messages->len)
    {
      session->small_fragments = before;
      g_clear_pointer (&messages, g_ptr_array_unref);
      return FALSE;
    }
  g_ptr_array_unref (sa->request.messages);
  sa->request.messages = messages;
  ike_count (session, "requests-refragmented");
  return TRUE;
}

GPtrArray *
ike_sa_build (IkeSession *session, IkeSa *sa, guint8 exchange, gboolean response, guint32 id,
              const IkePayloads *payloads)
{
  g_autoptr (GPtrArray) messages = NULL;
  IkeHeader header = { .spi_i = sa->spi_i,
                       .spi_r = sa->spi_r,
                       .exchange = exchange,
                       .flags = (guint8)((sa->initiator ? IKE_FLAG_INITIATOR : 0) | (response ? IKE_FLAG_RESPONSE : 0)),
                       .message_id = id };
  GBytes *message;

  if (session->fragmentation)
    return ike_message_build_fragments (&header, payloads, ike_sa_cipher_out (sa), session->rng,
                                        fragment_room (session));
  message = ike_message_build_protected (&header, payloads, ike_sa_cipher_out (sa), session->rng);
  if (!message)
    return NULL;
  messages = g_ptr_array_new_with_free_func ((GDestroyNotify)g_bytes_unref);
  g_ptr_array_add (messages, message);
  return g_steal_pointer (&messages);
}
