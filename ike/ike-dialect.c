/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The two dialects of mobility, and which one an IKE SA speaks. */
#include "ike/ike-responder-private.h"

#include <string.h>

const guint8 ike_mopo_vendor_id[IKE_MOPO_VENDOR_ID_LENGTH] = { 0x1d, 0x54, 0x0a, 0x61, 0xd3, 0x69, 0xb6, 0x0d,
                                                               0x34, 0x16, 0xd0, 0xee, 0x7d, 0x50, 0x08, 0xe8 };

const IkeDialect ike_dialect_mobike = {
  .name = "mobike",
  .protocol = IKE_PROTOCOL_NONE,
  .supported = IKE_NOTIFY_MOBIKE_SUPPORTED,
  .update = IKE_NOTIFY_UPDATE_SA_ADDRESSES,
  .cookie2 = IKE_NOTIFY_COOKIE2,
  .address4 = IKE_NOTIFY_ADDITIONAL_IP4_ADDRESS,
  .address6 = IKE_NOTIFY_ADDITIONAL_IP6_ADDRESS,
  .no_addresses = IKE_NOTIFY_NO_ADDITIONAL_ADDRESSES,
  .nat_forbid = IKE_NOTIFY_NO_NATS_ALLOWED,
  .refused = IKE_NOTIFY_UNACCEPTABLE_ADDRESSES,
  .nat_seen = IKE_NOTIFY_UNEXPECTED_NAT_DETECTED,
  .refused_reason = "UNACCEPTABLE_ADDRESSES: the gateway refuses this path",
  .nat_seen_reason = "UNEXPECTED_NAT_DETECTED: a NAT is in the way",
  .routability_before_move = TRUE,
  .nat_forbid_without_natt = TRUE,
};

const IkeDialect ike_dialect_mopo = {
  .name = "mopo",
  .protocol = IKE_PROTOCOL_IKE,
  .supported = IKE_NOTIFY_MOPO_SUPPORTED,
  .update = IKE_NOTIFY_CHANGE_PATH,
  .cookie2 = IKE_NOTIFY_MOPO_COOKIE2,
  .address4 = IKE_NOTIFY_ADDITIONAL_ADDRESS,
  .address6 = IKE_NOTIFY_ADDITIONAL_ADDRESS,
  .nat_forbid = IKE_NOTIFY_NAT_PREVENTION,
  .refused = IKE_NOTIFY_UNACCEPTABLE_PATH,
  .nat_seen = IKE_NOTIFY_NAT_PREVENTED,
  .refused_reason = "UNACCEPTABLE_PATH: the gateway refuses this path",
  .nat_seen_reason = "NAT_PREVENTED: a NAT is in the way",
  .cookie_always = TRUE,
  .support_in_init = TRUE,
  .nat_forbid_in_init = TRUE,
  .nat_forbid_is_hash = TRUE,
  .probe_out_of_sa = TRUE,
  .list_is_independent = TRUE,
};

/* --- notifies --- */

IkeProtocolId
ike_dialect_protocol (guint16 notify_type)
{
  switch (notify_type)
    {
    case IKE_NOTIFY_UNACCEPTABLE_PATH:
    case IKE_NOTIFY_NAT_PREVENTED:
    case IKE_NOTIFY_MOPO_SUPPORTED:
    case IKE_NOTIFY_ADDITIONAL_ADDRESS:
    case IKE_NOTIFY_CHANGE_PATH:
    case IKE_NOTIFY_MOPO_COOKIE2:
    case IKE_NOTIFY_NAT_PREVENTION:
      return ike_dialect_mopo.protocol;
    default:
      return IKE_PROTOCOL_NONE;
    }
}

void
ike_dialect_add (const IkeDialect *dialect, guint16 notify_type, const guint8 *data, gsize length,
                 IkePayloads *payloads)
{
  ike_payloads_add_notify_protocol (payloads, notify_type, dialect->protocol, data, length);
}

static void
add_address (const IkeDialect *dialect, const RoamAddr *addr, IkePayloads *payloads)
{
  guint16 type = addr->family == ROAM_FAMILY_INET6 ? dialect->address6 : dialect->address4;

  ike_dialect_add (dialect, type, addr->bytes, roam_addr_length (addr), payloads);
}

void
ike_dialect_add_addresses (const IkeDialect *dialect, const RoamAddr *addresses, guint n, const RoamAddr *in_use,
                           gboolean say_none, IkePayloads *payloads)
{
  guint others = 0;

  for (guint i = 0; i < n; i++)
    {
      if (roam_addr_equal (&addresses[i], in_use))
        continue;
      add_address (dialect, &addresses[i], payloads);
      others++;
    }
  if (others > 0 || !say_none)
    return;
  if (dialect->no_addresses)
    ike_dialect_add (dialect, dialect->no_addresses, NULL, 0, payloads);
  else
    add_address (dialect, in_use, payloads);
}

gboolean
ike_dialect_is_address (const IkeDialect *dialect, guint16 notify_type)
{
  return notify_type == dialect->address4 || notify_type == dialect->address6;
}

gboolean
ike_dialect_has_list (const IkeDialect *dialect, const IkeMessage *message)
{
  return ike_message_find_notify (message, dialect->address4) || ike_message_find_notify (message, dialect->address6) ||
         (dialect->no_addresses && ike_message_find_notify (message, dialect->no_addresses));
}

gboolean
ike_dialect_read_address (const IkeDialect *dialect, const IkePayloadNotify *notify, RoamAddr *ret_addr)
{
  RoamAddr addr = roam_addr_from_bytes (notify->data.data, notify->data.length);
  guint16 type = addr.family == ROAM_FAMILY_INET6 ? dialect->address6 : dialect->address4;

  if (!roam_addr_is_set (&addr) || notify->notify_type != type)
    return FALSE;
  *ret_addr = addr;
  return TRUE;
}

/* --- which dialect --- */

gboolean
ike_dialect_mopo_in (const IkeMessage *message)
{
  if (!ike_message_find_notify (message, IKE_NOTIFY_MOPO_SUPPORTED))
    return FALSE;
  for (const IkePayload *p = NULL; (p = ike_message_find_next (message, IKE_PAYLOAD_VENDOR_ID, p));)
    if (p->body.length == sizeof ike_mopo_vendor_id &&
        memcmp (p->body.data, ike_mopo_vendor_id, sizeof ike_mopo_vendor_id) == 0)
      return TRUE;
  return FALSE;
}

gboolean
ike_dialect_is_offered (const IkeSession *session, const IkeDialect *dialect)
{
  gboolean mopo = dialect == &ike_dialect_mopo;

  if (session->responder)
    return mopo ? !session->responder->disable_mopo : !session->responder->disable_mobike;
  switch (session->mobility_wanted)
    {
    case IKE_MOBILITY_AUTO:
      return TRUE;
    case IKE_MOBILITY_MOBIKE:
      return !mopo;
    case IKE_MOBILITY_MOPO:
      return mopo;
    case IKE_MOBILITY_NONE:
      return FALSE;
    }
  return FALSE;
}

void
ike_dialect_add_mopo (IkePayloads *payloads)
{
  ike_payloads_add_vendor_id (payloads, ike_mopo_vendor_id, sizeof ike_mopo_vendor_id);
  ike_dialect_add (&ike_dialect_mopo, IKE_NOTIFY_MOPO_SUPPORTED, NULL, 0, payloads);
}

void
ike_dialect_choose_in_init (IkeSession *session, const IkeMessage *message)
{
  gboolean mopo = ike_dialect_is_offered (session, &ike_dialect_mopo) && ike_dialect_mopo_in (message);

  session->dialect = mopo ? &ike_dialect_mopo : NULL;
}

void
ike_dialect_choose_in_auth (IkeSession *session, const IkeMessage *message)
{
  if (ike_dialect_is_offered (session, &ike_dialect_mobike) &&
      ike_message_find_notify (message, IKE_NOTIFY_MOBIKE_SUPPORTED))
    session->dialect = &ike_dialect_mobike;
}

/* --- which request is the newest --- */

/* Requests of the SA before are older, whatever their numbers; equal numbers are one request and a copy of it. */
static gboolean
is_newest (gboolean replaced, gboolean has, guint32 newest_id, guint32 id)
{
  return !replaced && (!has || id >= newest_id);
}

gboolean
ike_sa_take_update (IkeSession *session, IkeSa *sa, guint32 message_id)
{
  if (!is_newest (sa != session->current && session->current->has_update, sa->has_update, sa->update_id, message_id))
    {
      ike_count (session, "updates-stale");
      return FALSE;
    }
  sa->has_update = TRUE;
  sa->update_id = message_id;
  return TRUE;
}

gboolean
ike_sa_take_list (IkeSession *session, IkeSa *sa, guint32 message_id)
{
  if (!is_newest (sa != session->current && session->current->has_list, sa->has_list, sa->list_id, message_id))
    {
      ike_count (session, "lists-stale");
      return FALSE;
    }
  sa->has_list = TRUE;
  sa->list_id = message_id;
  return TRUE;
}

/* --- COOKIE2 (RFC 4555 3.7; the draft's 2.6) --- */

static gboolean
wants_cookie2 (const IkeSession *session, const IkeTask *task)
{
  switch (task->type)
    {
    case IKE_TASK_UPDATE:
    case IKE_TASK_ROUTABILITY:
    case IKE_TASK_ADDRESSES:
      return TRUE;
    case IKE_TASK_CHECK:
      /* Third parties may have made us doubt: whoever answers must have read the request (RFC 4555 5.3). */
      return session->dialect->cookie_always || task->doubtful || task->routability;
    case IKE_TASK_REFUSE:
    case IKE_TASK_DELETE_IKE:
    case IKE_TASK_DELETE_CHILD:
    case IKE_TASK_REDIRECT:
    case IKE_TASK_TICKET:
      return session->dialect->cookie_always;
    case IKE_TASK_SA_INIT:
    case IKE_TASK_SESSION_RESUME:
    case IKE_TASK_AUTH:
    case IKE_TASK_CREATE_CHILD:
    case IKE_TASK_REKEY_CHILD:
    case IKE_TASK_REKEY_IKE:
      return FALSE;
    }
  return FALSE;
}

void
ike_cookie2_add (IkeSession *session, IkeTask *task, IkePayloads *payloads)
{
  if (task->has_cookie2 || !session->dialect || !wants_cookie2 (session, task))
    return;
  roam_rng_fill (session->rng, task->cookie2, sizeof task->cookie2);
  task->has_cookie2 = TRUE;
  ike_dialect_add (session->dialect, session->dialect->cookie2, task->cookie2, sizeof task->cookie2, payloads);
}

/*
 * Whoever answers has read the request. MOBIKE lets an error answer go without it (RFC 4555 3.5); MOPO only
 * one that says that the request could not be read.
 */
static gboolean
is_cookie2_right (const IkeSession *session, const IkeTask *task, const IkeMessage *message)
{
  const IkePayloadNotify *cookie2 = ike_message_find_notify (message, session->dialect->cookie2);

  if (cookie2)
    return cookie2->data.length == sizeof task->cookie2 &&
           roam_equal_constant_time (cookie2->data.data, task->cookie2, sizeof task->cookie2);
  if (!session->dialect->cookie_always)
    return ike_message_find_error (message) != NULL;
  return ike_message_find_notify (message, IKE_NOTIFY_INVALID_SYNTAX) ||
         ike_message_find_notify (message, IKE_NOTIFY_UNSUPPORTED_CRITICAL_PAYLOAD);
}

gboolean
ike_cookie2_check (IkeSession *session, const IkeTask *task, const IkeMessage *message)
{
  if (!task->has_cookie2 || !session->dialect || is_cookie2_right (session, task, message))
    return TRUE;
  ike_count (session, "cookie2-mismatches");
  if (session->state == IKE_STATE_CLOSING) /* it ends anyway, and nothing follows */
    ike_session_die (session, session->closing_type, session->closing_reason, session->closing_advice);
  else
    ike_session_die (session, IKE_EVENT_DEAD, "COOKIE2 of the answer differs: somebody tampers with this path",
                     "do not trust the present network");
  return FALSE;
}

static void
echo (const IkeMessage *message, guint16 notify_type, IkePayloads *answer)
{
  for (const IkePayload *p = NULL; (p = ike_message_find_next (message, IKE_PAYLOAD_NOTIFY, p));)
    if (p->notify.notify_type == notify_type)
      {
        if (p->notify.data.length <= IKE_COOKIE2_MAX)
          ike_payloads_add_raw (answer, IKE_PAYLOAD_NOTIFY, p->body.data, p->body.length);
        return;
      }
}

void
ike_cookie2_echo (IkeSession *session, const IkeMessage *message, IkePayloads *answer)
{
  const IkeDialect *dialect = session->dialect;

  echo (message, IKE_NOTIFY_COOKIE2, answer); /* harmless whatever is spoken */
  if (!dialect || dialect == &ike_dialect_mobike)
    return;
  echo (message, dialect->cookie2, answer);
  if (ike_message_find_notify (message, dialect->cookie2))
    return;
  if (!session->cookieless_seen)
    g_message ("ike: a request without COOKIE2, which every one should have; answered all the same");
  session->cookieless_seen = TRUE;
  ike_count (session, "requests-without-cookie2");
}
