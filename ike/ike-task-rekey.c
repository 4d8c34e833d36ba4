/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Rekeying of the IKE SA by either side and its Delete (RFC 7296 1.3.2, 2.8, 2.18, 2.25.2). */
#include "ike/ike-session-private.h"

/* After a refusal that time may heal; the SA's own end limits the attempts. */
#define REFUSED_WAIT_US (60 * ROAM_USEC_PER_SEC)

#define IKE_SPI_LENGTH 8

void
ike_task_delete_ike (IkeSession *session, IkeSa *sa)
{
  IkeTask *task = ike_task_new (IKE_TASK_DELETE_IKE);

  task->sa = sa;
  ike_task_queue (session, task);
}

/* --- started by us --- */

IkePayloads *
ike_rekey_ike_build (IkeSession *session, IkeSa *sa, IkeTask *task)
{
  IkePayloads *payloads;
  IkeView public;

  task->group = task->group ? task->group : sa->keys->suite.group;
  task->ike_spi = ike_sa_new_spi (session);
  ike_proposals_free (task->proposals);
  task->proposals = ike_proposals_copy (session->ike_offer);
  ike_proposals_set_spi (task->proposals, task->ike_spi, IKE_SPI_LENGTH);
  ike_dh_free (task->dh);
  task->dh = ike_dh_new (task->group, session->rng);
  if (!task->dh)
    return NULL;
  g_clear_pointer (&task->nonce, g_bytes_unref);
  task->nonce = ike_new_nonce (session);
  public = ike_dh_public (task->dh);
  payloads = ike_payloads_new ();
  ike_payloads_add_sa (payloads, task->proposals);
  ike_payloads_add_nonce (payloads, ike_view (task->nonce).data, ike_view (task->nonce).length);
  ike_payloads_add_ke (payloads, task->group, public.data, public.length);
  ike_ticket_add_request (session, payloads);
  return payloads;
}

/* Keys of the successor of @old: SKEYSEED with the old PRF, the rest with the new one (RFC 7296 2.18). */
static IkeKeys *
successor_keys (const IkeSa *old, const IkeSuite *suite, const RoamSecret *g_ir, IkeView ni, IkeView nr, guint64 spi_i,
                guint64 spi_r)
{
  g_autoptr (RoamSecret) skeyseed = ike_skeyseed_rekey (old->keys->suite.prf, old->keys->sk_d, g_ir, ni, nr);

  return skeyseed ? ike_keys_new (suite, skeyseed, ni, nr, spi_i, spi_r) : NULL;
}

/* The new IKE SA of an answer; NULL with a reason. */
static IkeSa *
sa_of_answer (IkeSession *session, const IkeSa *old, const IkeTask *task, const IkeMessage *message,
              const char **ret_reason)
{
  const IkePayload *proposal = ike_message_find (message, IKE_PAYLOAD_SA);
  const IkePayload *ke = ike_message_find (message, IKE_PAYLOAD_KE);
  const IkePayload *nonce = ike_message_find (message, IKE_PAYLOAD_NONCE);
  g_autoptr (RoamSecret) shared = NULL;
  IkeSuite suite;
  IkeKeys *keys;
  guint64 spi_r;
  IkeSa *sa;

  *ret_reason = "CREATE_CHILD_SA response without SA, KE or nonce";
  if (!proposal || !ke || !nonce ||
      !ike_proposals_verify_answer (task->proposals, proposal->sa, IKE_SPI_LENGTH, &suite, ret_reason))
    return NULL;
  *ret_reason = "KE payload of another group than the one chosen";
  if (suite.group != task->group || ke->ke.group != task->group)
    return NULL;
  shared = ike_dh_shared (task->dh, ke->ke.data.data, ke->ke.data.length, ret_reason);
  if (!shared)
    return NULL;
  spi_r = ike_proposal_get_spi (&proposal->sa->proposals[0]);
  *ret_reason = "keys of the new IKE SA could not be derived";
  keys = successor_keys (old, &suite, shared, ike_view (task->nonce), nonce->body, task->ike_spi, spi_r);
  if (!keys)
    return NULL;
  sa = ike_sa_new (session, task->ike_spi, spi_r, TRUE);
  sa->keys = keys;
  return sa;
}

/* Takes @task. */
static void
process_refusal (IkeSession *session, IkeSa *sa, const RoamNow *now, IkeTask *task, const IkePayloadNotify *error)
{
  g_autoptr (IkeTask) owned = task;
  WireReader reader;
  guint16 group;

  ike_count (session, "ike-rekeys-refused");
  if (sa != session->current)
    return; /* the gateway's own rekeying has done it */
  switch (error->notify_type)
    {
    case IKE_NOTIFY_TEMPORARY_FAILURE:
      if (!ike_task_retry_later (session, now, g_steal_pointer (&owned)))
        ike_session_close (session, now, IKE_EVENT_DEAD, "TEMPORARY_FAILURE for minutes (RFC 7296 2.25)", NULL);
      return;
    case IKE_NOTIFY_INVALID_KE_PAYLOAD:
      wire_reader_init (&reader, error->data.data, error->data.length);
      if (wire_read_u16 (&reader, &group) && group != task->group && task->ke_rounds < IKE_MAX_KE_ROUNDS &&
          ike_proposals_have_group (task->proposals, group) && ike_dh_is_supported (group))
        {
          task->group = group;
          task->ke_rounds++;
          ike_task_queue (session, g_steal_pointer (&owned));
          return;
        }
      break;
    case IKE_NOTIFY_NO_ADDITIONAL_SAS:
    case IKE_NOTIFY_NO_PROPOSAL_CHOSEN:
      ike_reauth_start (session, now, NULL); /* RFC 7296 4: another way to fresh keys */
      break;
    default:
      break;
    }
  sa->rekey_us = now->boot_us + REFUSED_WAIT_US;
}

/* RFC 7296 2.8.2: both sides rekeyed at once; the new SA with the lowest nonce is the redundant one. */
static void
settle_collision (IkeSession *session, const RoamNow *now, IkeSa *old, const IkeTask *task, IkeSa *sa,
                  const IkeMessage *message)
{
  g_autoptr (GBytes) peer_nonce = ike_message_nonce (message);
  g_autoptr (GBytes) ours = ike_lower_nonce (task->nonce, peer_nonce);

  ike_count (session, "ike-rekey-collisions");
  if (ike_nonce_compare (ike_view (ours), ike_view (task->rival_nonce)) < 0)
    {
      sa->state = IKE_SA_REPLACED;
      sa->expire_us = old->expire_us;
      ike_task_delete_ike (session, sa);
      return; /* the gateway deletes the old one */
    }
  ike_sa_activate (session, now, sa);
  ike_ticket_forget (session); /* RFC 5723 6.2 */
  ike_ticket_process (session, sa, now, message);
  ike_task_delete_ike (session, old);
}

void
ike_rekey_ike_process (IkeSession *session, IkeSa *sa, const RoamNow *now, IkeTask *task, const IkeMessage *message)
{
  g_autoptr (IkeTask) owned = task;
  const IkePayloadNotify *error = ike_message_find_error (message);
  const char *reason;
  IkeSa *successor;

  if (session->state != IKE_STATE_ESTABLISHED)
    return;
  if (error)
    {
      process_refusal (session, sa, now, g_steal_pointer (&owned), error);
      return;
    }
  successor = sa_of_answer (session, sa, task, message, &reason);
  if (!successor)
    {
      /* The gateway took over to an SA that we do not have: there is no way on. */
      ike_session_close (session, now, IKE_EVENT_DEAD, reason, NULL);
      return;
    }
  if (task->rival_nonce)
    {
      settle_collision (session, now, sa, task, successor, message);
      return;
    }
  ike_sa_activate (session, now, successor);
  ike_ticket_forget (session); /* RFC 5723 6.2 */
  ike_ticket_process (session, successor, now, message);
  ike_task_delete_ike (session, sa);
}

/* --- started by the gateway --- */

/* RFC 7296 2.25: what we are doing must end first. */
static gboolean
is_busy (const IkeSession *session, const IkeSa *sa)
{
  if (session->state != IKE_STATE_ESTABLISHED || sa->state != IKE_SA_ACTIVE)
    return TRUE;
  if (!sa->task)
    return FALSE;
  switch (sa->task->type)
    {
    case IKE_TASK_CREATE_CHILD:
    case IKE_TASK_REKEY_CHILD:
    case IKE_TASK_DELETE_CHILD:
    case IKE_TASK_DELETE_IKE:
      return TRUE;
    case IKE_TASK_SA_INIT:
    case IKE_TASK_SESSION_RESUME:
    case IKE_TASK_AUTH:
    case IKE_TASK_REFUSE:
    case IKE_TASK_UPDATE:
    case IKE_TASK_ROUTABILITY:
    case IKE_TASK_ADDRESSES:
    case IKE_TASK_REDIRECT:
    case IKE_TASK_TICKET:
    case IKE_TASK_REKEY_IKE:
    case IKE_TASK_CHECK:
      return FALSE;
    }
  return FALSE;
}

/* Our own rekeying of @sa: one that waits is needless now, one under way makes a collision. */
static void
note_rival (IkeSession *session, IkeSa *sa, GBytes *ni, GBytes *nr)
{
  for (GList *l = session->tasks.head, *next; l; l = next)
    {
      next = l->next;
      if (((const IkeTask *)l->data)->type != IKE_TASK_REKEY_IKE)
        continue;
      ike_task_free (l->data);
      g_queue_delete_link (&session->tasks, l);
    }
  if (!sa->task || sa->task->type != IKE_TASK_REKEY_IKE)
    return;
  g_clear_pointer (&sa->task->rival_nonce, g_bytes_unref);
  sa->task->rival_nonce = ike_lower_nonce (ni, nr);
}

static void
grant (IkeSession *session, IkeSa *sa, const RoamNow *now, const IkePair *pair, const IkeMessage *message,
       IkeProposals *chosen, const IkeSuite *suite, guint64 spi_i, GBytes *peer_nonce)
{
  const IkePayload *ke = ike_message_find (message, IKE_PAYLOAD_KE);
  g_autoptr (GBytes) nonce = ike_new_nonce (session);
  g_autoptr (IkePayloads) payloads = ike_payloads_new ();
  g_autoptr (IkeDh) dh = ike_dh_new (suite->group, session->rng);
  g_autoptr (RoamSecret) shared = NULL;
  guint64 spi_r = ike_sa_new_spi (session);
  const char *reason;
  IkeKeys *keys;
  IkeSa *successor;

  shared = dh ? ike_dh_shared (dh, ke->ke.data.data, ke->ke.data.length, &reason) : NULL;
  keys = shared ? successor_keys (sa, suite, shared, ike_view (peer_nonce), ike_view (nonce), spi_i, spi_r) : NULL;
  if (!keys)
    {
      ike_respond_error (session, sa, pair, IKE_NOTIFY_INVALID_SYNTAX);
      return;
    }
  ike_proposals_set_spi (chosen, spi_r, IKE_SPI_LENGTH);
  ike_payloads_add_sa (payloads, chosen);
  ike_payloads_add_nonce (payloads, ike_view (nonce).data, ike_view (nonce).length);
  ike_payloads_add_ke (payloads, suite->group, ike_dh_public (dh).data, ike_dh_public (dh).length);
  successor = ike_sa_new (session, spi_i, spi_r, FALSE);
  successor->keys = keys;
  ike_ticket_forget (session); /* RFC 5723 6.2 */
  ike_ticket_respond (session, successor, now, message, payloads);
  ike_exchange_respond (session, sa, pair, IKE_EXCHANGE_CREATE_CHILD_SA, payloads);
  note_rival (session, sa, peer_nonce, nonce);
  ike_sa_activate (session, now, successor);
  ike_ticket_queue_request (session, 0);
}

void
ike_rekey_ike_respond (IkeSession *session, IkeSa *sa, const RoamNow *now, const IkePair *pair,
                       const IkeMessage *message)
{
  const IkePayload *offer = ike_message_find (message, IKE_PAYLOAD_SA);
  const IkePayload *ke = ike_message_find (message, IKE_PAYLOAD_KE);
  g_autoptr (GBytes) peer_nonce = ike_message_nonce (message);
  g_autoptr (IkeProposals) chosen = NULL;
  guint64 spi_i = ike_proposal_get_spi (&offer->sa->proposals[0]);
  IkeSuite suite;

  if (is_busy (session, sa))
    ike_respond_error (session, sa, pair, IKE_NOTIFY_TEMPORARY_FAILURE);
  else if (session->sas->len >= IKE_MAX_SAS)
    ike_respond_error (session, sa, pair, IKE_NOTIFY_TEMPORARY_FAILURE); /* some are about to go */
  else if (!ke || !peer_nonce || spi_i == 0 || offer->sa->proposals[0].spi_length != IKE_SPI_LENGTH)
    ike_respond_error (session, sa, pair, IKE_NOTIFY_INVALID_SYNTAX);
  else if (!ike_proposals_choose (session->ike_offer, offer->sa, ke->ke.group, &chosen, &suite) ||
           suite.group == IKE_GROUP_NONE)
    ike_respond_error (session, sa, pair, IKE_NOTIFY_NO_PROPOSAL_CHOSEN);
  else if (suite.group != ke->ke.group)
    ike_respond_invalid_ke (session, sa, pair, suite.group);
  else
    grant (session, sa, now, pair, message, chosen, &suite, spi_i, peer_nonce);
}
