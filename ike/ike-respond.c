/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Requests of the peer. Each gets one answer, to where it came from (RFC 7296 2.11), whatever we wait for. */
#include "ike/ike-session-private.h"

#include <string.h>

/* CREATE_CHILD_SA is refused; INVALID_SYNTAX ends the IKE SA on both sides (RFC 7296 2.21.3). */
void
ike_respond_error (IkeSession *session, IkeSa *sa, const IkePair *pair, guint16 notify_type)
{
  g_autoptr (IkePayloads) payloads = ike_payloads_new ();

  ike_payloads_add_notify (payloads, notify_type, NULL, 0);
  ike_exchange_respond (session, sa, pair, IKE_EXCHANGE_CREATE_CHILD_SA, payloads);
  if (notify_type == IKE_NOTIFY_INVALID_SYNTAX)
    ike_session_die (session, IKE_EVENT_DEAD,
                     ike_session_says (session, "INVALID_SYNTAX: the gateway sent a malformed request",
                                       "INVALID_SYNTAX: the client sent a malformed request"),
                     "report this to its maker");
}

/* Another group than the one of the request's KE payload is wanted (RFC 7296 1.3). */
void
ike_respond_invalid_ke (IkeSession *session, IkeSa *sa, const IkePair *pair, guint16 group)
{
  g_autoptr (IkePayloads) payloads = ike_payloads_new ();

  ike_payloads_add_notify_u16s (payloads, IKE_NOTIFY_INVALID_KE_PAYLOAD, &group, 1);
  ike_exchange_respond (session, sa, pair, IKE_EXCHANGE_CREATE_CHILD_SA, payloads);
}

/* --- Delete (RFC 7296 1.4.1, 2.25.1) --- */

/* Closes what the gateway deletes; FALSE: it is not to be named in the answer. */
static gboolean
close_deleted (IkeSession *session, const RoamNow *now, guint32 spi, guint32 *ret_spi_in)
{
  IkeChild *child = ike_child_by_spi_out (session, spi);
  IkeTask *own;
  gboolean crossing;

  if (!child)
    return FALSE;
  *ret_spi_in = child->sa->spi_in;
  own = ike_task_find (session, IKE_TASK_DELETE_CHILD, child->sa->id);
  crossing = own && !g_queue_find (&session->tasks, own);
  if (own && !crossing)
    {
      g_queue_remove (&session->tasks, own);
      ike_task_free (own);
    }
  ike_child_close (session, now, child);
  return !crossing;
}

/* A profile without a Child SA is of no use: one new one is asked for, once. */
static void
replace_lost_child (IkeSession *session, const RoamNow *now)
{
  if (session->responder || session->state != IKE_STATE_ESTABLISHED || ike_child_any_left (session) ||
      ike_task_find (session, IKE_TASK_CREATE_CHILD, 0) || ike_task_find (session, IKE_TASK_REKEY_CHILD, 0))
    return;
  if (session->recreated_child)
    {
      ike_session_close (session, now, IKE_EVENT_DEAD, "the gateway deletes every Child SA", NULL);
      return;
    }
  session->recreated_child = TRUE;
  ike_task_queue (session, ike_task_new (IKE_TASK_CREATE_CHILD));
}

static void
process_delete_esp (IkeSession *session, const RoamNow *now, const IkePayloadDelete *delete, IkePayloads *answer)
{
  guint32 spis[IKE_MAX_DELETE_SPIS];
  guint n = 0;

  for (guint i = 0; i < delete->n_spis; i++)
    if (close_deleted (session, now, delete->spis[i], &spis[n]))
      n++;
  if (n > 0)
    ike_payloads_add_delete_esp (answer, spis, n);
}

/* TRUE: the IKE SA itself is to go. */
static gboolean
process_deletes (IkeSession *session, const RoamNow *now, const IkeMessage *message, IkePayloads *answer)
{
  gboolean deletes_sa = FALSE;

  for (const IkePayload *p = NULL; (p = ike_message_find_next (message, IKE_PAYLOAD_DELETE, p));)
    if (p->delete->protocol == IKE_PROTOCOL_IKE)
      deletes_sa = TRUE;
    else if (p->delete->protocol == IKE_PROTOCOL_ESP)
      process_delete_esp (session, now, p->delete, answer);
  return deletes_sa;
}

/* --- notifies --- */

/* The whole list, if it is the newest; then the client looks whether its path still leads anywhere. */
static void
process_peer_addresses (IkeSession *session, IkeSa *sa, const RoamNow *now, const IkePair *pair,
                        const IkeMessage *message)
{
  if (!session->dialect || !ike_dialect_has_list (session->dialect, message))
    return;
  if (!ike_sa_take_list (session, sa, message->header.message_id))
    return;
  ike_peer_addresses_read (session, &pair->remote.addr, message);
  if (!session->responder) /* only the client decides about the path (RFC 4555 3.6) */
    ike_peer_addresses_changed (session, now, pair);
}

/* UPDATE_SA_ADDRESSES or CHANGE_PATH; an error notify to answer with, or 0. Only the initiator moves (RFC 4555 3.5). */
static guint16
process_update (IkeSession *session, IkeSa *sa, const RoamNow *now, const IkePair *pair, const IkeMessage *message)
{
  if (session->responder && session->dialect)
    return ike_update_respond (session, sa, now, pair, message);
  ike_count (session, "updates-ignored");
  return 0;
}

static gboolean
is_update (const IkeSession *session, const IkeMessage *message)
{
  return ike_message_find_notify (message,
                                  session->dialect ? session->dialect->update : IKE_NOTIFY_UPDATE_SA_ADDRESSES) != NULL;
}

/* What a request says about the path; an error notify to answer with, or 0. */
static guint16
process_path (IkeSession *session, IkeSa *sa, const RoamNow *now, const IkePair *pair, const IkeMessage *message)
{
  if (is_update (session, message))
    return process_update (session, sa, now, pair, message);
  if (!session->dialect || session->dialect->nat_forbid_in_init ||
      ike_nat_forbid_accepts (session, message, pair, FALSE))
    return 0;
  return session->dialect->nat_seen;
}

/* Notifies of a request that have an effect or an echo; FALSE: refused as a whole. */
static gboolean
process_notifies (IkeSession *session, IkeSa *sa, const RoamNow *now, const IkePair *pair, const IkeMessage *message,
                  IkePayloads *answer)
{
  guint16 error = process_path (session, sa, now, pair, message);

  ike_cookie2_echo (session, message, answer);
  if (error != 0)
    ike_dialect_add (session->dialect, error, NULL, 0, answer);
  else if (session->dialect && session->nat_supported &&
           ike_message_find_notify (message, IKE_NOTIFY_NAT_DETECTION_SOURCE_IP))
    ike_nat_add (session, sa, pair, answer);
  if (error == 0 || session->dialect->list_is_independent)
    process_peer_addresses (session, sa, now, pair, message);
  return error == 0;
}

/* --- exchanges --- */

/*
 * Both sides rekeyed the IKE SA at once, and our answer is still missing: the peer, which has it all, may
 * delete the successor that it started and lost before we know (RFC 7296 2.8.2). The other successor
 * comes with the answer. NULL: nothing like that is going on.
 */
static IkeSa *
find_unsettled (const IkeSession *session, const IkeSa *deleted)
{
  for (guint i = 0; i < session->sas->len; i++)
    {
      IkeSa *sa = g_ptr_array_index (session->sas, i);

      if (sa != deleted && sa->state == IKE_SA_REPLACED && sa->task && sa->task->type == IKE_TASK_REKEY_IKE &&
          sa->task->rival_nonce)
        return sa;
    }
  return NULL;
}

static void
process_deleted_sa (IkeSession *session, IkeSa *sa)
{
  IkeSa *unsettled = sa == session->current ? find_unsettled (session, sa) : NULL;

  if (session->state == IKE_STATE_CLOSING && sa == session->current)
    ike_session_die (session, session->closing_type, session->closing_reason, session->closing_advice);
  else if (unsettled)
    {
      session->current = unsettled;
      ike_sa_close (session, sa);
    }
  else if (sa == session->current)
    {
      ike_ticket_forget (session); /* RFC 5723 6.2 */
      ike_session_die (session, IKE_EVENT_DEAD,
                       ike_session_says (session, "the gateway deleted the IKE SA", "the client deleted the IKE SA"),
                       NULL);
    }
  else
    ike_sa_close (session, sa);
}

static void
respond_informational (IkeSession *session, IkeSa *sa, const RoamNow *now, const IkePair *pair,
                       const IkeMessage *message)
{
  g_autoptr (IkePayloads) answer = ike_payloads_new ();
  gboolean deletes_sa = FALSE;

  ike_ticket_respond (session, sa, now, message, answer);
  ike_reauth_read_lifetime (session, now, message);
  if (sa == session->current && session->state == IKE_STATE_ESTABLISHED)
    ike_redirect_process_protected (session, message);
  if (process_notifies (session, sa, now, pair, message, answer))
    {
      deletes_sa = process_deletes (session, now, message, answer);
      ike_configuration_respond_set (message, answer);
    }
  ike_exchange_respond (session, sa, pair, IKE_EXCHANGE_INFORMATIONAL, answer);
  if (ike_message_find_notify (message, IKE_NOTIFY_AUTHENTICATION_FAILED))
    ike_session_die (session, IKE_EVENT_AUTH_FAILED,
                     ike_session_says (session, "AUTHENTICATION_FAILED: the gateway withdrew its consent",
                                       "AUTHENTICATION_FAILED: the client does not accept us"),
                     "Compare the identities and the secret or the certificate on both sides.");
  else if (deletes_sa)
    process_deleted_sa (session, sa);
  else
    replace_lost_child (session, now);
}

static void
respond_create_child (IkeSession *session, IkeSa *sa, const RoamNow *now, const IkePair *pair,
                      const IkeMessage *message)
{
  const IkePayload *offer = ike_message_find (message, IKE_PAYLOAD_SA);
  const IkePayloadNotify *rekey = ike_message_find_notify (message, IKE_NOTIFY_REKEY_SA);

  if (offer && offer->sa->proposals[0].protocol == IKE_PROTOCOL_IKE)
    ike_rekey_ike_respond (session, sa, now, pair, message);
  else if (offer && rekey)
    ike_rekey_child_respond (session, sa, now, pair, message, rekey);
  else if (offer && session->responder)
    ike_create_child_respond (session, sa, now, pair, message);
  else /* one Child SA is all that a remote-access client has */
    ike_respond_error (session, sa, pair, offer ? IKE_NOTIFY_NO_ADDITIONAL_SAS : IKE_NOTIFY_INVALID_SYNTAX);
}

void
ike_respond (IkeSession *session, IkeSa *sa, const RoamNow *now, const IkePair *pair, const IkeMessage *message)
{
  if (session->responder && sa->state == IKE_SA_HALF_OPEN && message->header.exchange == IKE_EXCHANGE_IKE_AUTH)
    {
      ike_auth_respond (session, sa, now, pair, message);
      return;
    }
  if (sa->state != IKE_SA_ACTIVE && sa->state != IKE_SA_REPLACED)
    {
      ike_count (session, "requests-too-early"); /* the peer has not authenticated itself yet */
      return;
    }
  ike_count (session, "requests-received");
  switch (message->header.exchange)
    {
    case IKE_EXCHANGE_INFORMATIONAL:
      respond_informational (session, sa, now, pair, message);
      return;
    case IKE_EXCHANGE_CREATE_CHILD_SA:
      respond_create_child (session, sa, now, pair, message);
      return;
    default:
      ike_count (session, "requests-of-unknown-exchange");
      return;
    }
}
