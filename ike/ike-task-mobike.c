/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* UPDATE_SA_ADDRESSES (RFC 4555 3.5) or CHANGE_PATH, and the liveness check (RFC 7296 2.4, RFC 4555 3.8). */
#include "ike/ike-session-private.h"

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

  ike_dialect_add (session->dialect, session->dialect->update, NULL, 0, payloads);
  ike_cookie2_add (session, task, payloads);
  ike_nat_add_update (session, sa, &session->mobility.now, payloads);
  if (session->announce_addresses)
    {
      ike_own_addresses_add (session, session->dialect, TRUE, payloads);
      session->mobility.announce_us = ROAM_NEVER;
    }
  return payloads;
}

IkePayloads *
ike_check_build (IkeSession *session, IkeSa *sa, IkeTask *task)
{
  IkePayloads *payloads = ike_payloads_new ();

  if (session->dialect && session->nat_supported)
    ike_nat_add (session, sa, &session->mobility.now, payloads);
  return payloads;
}

static void
process_refusal (IkeSession *session, const RoamNow *now, guint16 notify_type)
{
  const IkeDialect *dialect = session->dialect;

  if (notify_type == dialect->refused)
    ike_mobility_refused (session, now, dialect->refused_reason, "the gateway's policy does not allow this network");
  else if (notify_type == dialect->nat_seen)
    ike_mobility_refused (session, now, dialect->nat_seen_reason, "the policy forbids paths with a NAT");
  else
    ike_mobility_refused (session, now, ike_notify_to_string (notify_type), NULL);
}

void
ike_update_process (IkeSession *session, IkeSa *sa, const RoamNow *now, const IkePair *pair, const IkeTask *task,
                    const IkeMessage *message)
{
  const IkePayloadNotify *error = ike_message_find_error (message);
  gboolean encap_changed;
  IkeNatView view;

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
  encap_changed = session->nat_supported && ike_nat_apply (session, sa, now, &view);
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
  if (session->dialect && session->nat_supported && !task->elsewhere && ike_nat_mapping_changed (session, sa, &view))
    {
      ike_count (session, "nat-mapping-changes");
      mob->pending_update = TRUE; /* its answer says what is true now */
      return;
    }
  ike_mobility_confirmed (session, FALSE);
}
