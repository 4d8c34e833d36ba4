/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* UPDATE_SA_ADDRESSES (RFC 4555 3.5) and the liveness check (RFC 7296 2.4, RFC 4555 3.8). */
#include "ike/ike-session-private.h"

#include <string.h>

void
ike_task_check (IkeSession *session, guint32 serial, gboolean doubtful)
{
  IkeTask *task = ike_task_new (IKE_TASK_CHECK);

  task->serial = serial;
  task->doubtful = doubtful;
  ike_task_queue (session, task);
}

IkePayloads *
ike_update_build (IkeSession *session, IkeSa *sa, IkeTask *task)
{
  IkePayloads *payloads = ike_payloads_new ();
  const IkePair *pair = &session->mobility.now;

  ike_payloads_add_notify (payloads, IKE_NOTIFY_UPDATE_SA_ADDRESSES, NULL, 0);
  if (session->nat_supported)
    ike_nat_add (session, sa, pair, payloads);
  else
    ike_nat_add_none_allowed (pair, payloads);
  if (session->announce_addresses)
    {
      ike_own_addresses_add (session, TRUE, payloads);
      session->mobility.announce_us = ROAM_NEVER;
    }
  roam_rng_fill (session->rng, task->cookie2, sizeof task->cookie2);
  ike_payloads_add_notify (payloads, IKE_NOTIFY_COOKIE2, task->cookie2, sizeof task->cookie2);
  return payloads;
}

/* Third parties may have made us doubt: then the answer has to come from where the request was read (RFC 4555 5.3). */
static gboolean
wants_cookie2 (const IkeSession *session, const IkeTask *task)
{
  return session->mobike && (task->doubtful || task->routability);
}

IkePayloads *
ike_check_build (IkeSession *session, IkeSa *sa, IkeTask *task)
{
  IkePayloads *payloads = ike_payloads_new ();

  if (session->mobike && session->nat_supported)
    ike_nat_add (session, sa, &session->mobility.now, payloads);
  if (!wants_cookie2 (session, task))
    return payloads;
  roam_rng_fill (session->rng, task->cookie2, sizeof task->cookie2);
  ike_payloads_add_notify (payloads, IKE_NOTIFY_COOKIE2, task->cookie2, sizeof task->cookie2);
  return payloads;
}

/* RFC 4555 3.7: whoever answers has read the request. An error answer may leave COOKIE2 out (RFC 4555 3.5). */
static gboolean
is_cookie2_right (const IkeTask *task, const IkeMessage *message)
{
  const IkePayloadNotify *cookie2 = ike_message_find_notify (message, IKE_NOTIFY_COOKIE2);

  if (!cookie2)
    return ike_message_find_error (message) != NULL;
  return cookie2->data.length == sizeof task->cookie2 &&
         roam_equal_constant_time (cookie2->data.data, task->cookie2, sizeof task->cookie2);
}

static void
process_refusal (IkeSession *session, const RoamNow *now, guint16 notify_type)
{
  switch (notify_type)
    {
    case IKE_NOTIFY_UNACCEPTABLE_ADDRESSES:
      ike_mobility_refused (session, now, "UNACCEPTABLE_ADDRESSES: the gateway refuses this path",
                            "the gateway's policy does not allow this network");
      return;
    case IKE_NOTIFY_UNEXPECTED_NAT_DETECTED:
      ike_mobility_refused (session, now, "UNEXPECTED_NAT_DETECTED: a NAT is in the way", NULL);
      return;
    default:
      ike_mobility_refused (session, now, ike_notify_to_string (notify_type), NULL);
      return;
    }
}

gboolean
ike_cookie2_check (IkeSession *session, const IkeTask *task, const IkeMessage *message)
{
  if (is_cookie2_right (task, message))
    return TRUE;
  ike_session_die (session, IKE_EVENT_DEAD, "COOKIE2 of the answer differs: somebody tampers with this path",
                   "do not trust the present network");
  return FALSE;
}

void
ike_update_process (IkeSession *session, IkeSa *sa, const RoamNow *now, const IkePair *pair, const IkeTask *task,
                    const IkeMessage *message)
{
  const IkePayloadNotify *error = ike_message_find_error (message);
  gboolean encap_changed;
  IkeNatView view;

  if (!ike_cookie2_check (session, task, message))
    return;
  if (session->state != IKE_STATE_ESTABLISHED || task->generation != session->mobility.generation)
    return; /* superseded: a newer update follows (RFC 4555 3.5) */
  if (task->elsewhere)
    {
      /* The gateway took the addresses of the copy that came first, whichever that was (RFC 4555 3.5). */
      session->mobility.pending_update = TRUE;
      return;
    }
  if (error)
    {
      if (ike_mobility_update_again (session, now, error->notify_type))
        return;
      process_refusal (session, now, error->notify_type);
      return;
    }
  ike_nat_read (message, sa->spi_i, sa->spi_r, pair, &view);
  encap_changed = ike_nat_apply (session, sa, now, &view);
  ike_mobility_confirmed (session, encap_changed);
}

void
ike_check_process (IkeSession *session, IkeSa *sa, const RoamNow *now, const IkePair *pair, const IkeTask *task,
                   const IkeMessage *message)
{
  IkeMobility *mob = &session->mobility;
  IkeNatView view;

  if (session->state != IKE_STATE_ESTABLISHED)
    return;
  if (wants_cookie2 (session, task) && !ike_cookie2_check (session, task, message))
    return;
  if (task->serial != 0 && task->serial == mob->check_serial)
    {
      mob->check_serial = 0;
      mob->check_budget_us = ROAM_NEVER;
      ike_session_event_of (session, IKE_EVENT_PATH_OK, task->serial,
                            ike_session_says (session, "the gateway answered", "the client answered"), NULL);
    }
  if (session->responder || task->generation != mob->generation)
    return; /* without UPDATE_SA_ADDRESSES nothing changes at the gateway (RFC 4555 3.8) */
  ike_nat_read (message, sa->spi_i, sa->spi_r, pair, &view);
  /* Of several copies the answer may be about one on another pair. */
  if (session->mobike && !task->elsewhere && ike_nat_mapping_changed (session, sa, &view))
    {
      ike_count (session, "nat-mapping-changes");
      mob->pending_update = TRUE; /* its answer says what is true now */
      return;
    }
  ike_mobility_confirmed (session, FALSE);
}
