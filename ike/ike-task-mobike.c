/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* UPDATE_SA_ADDRESSES (RFC 4555 3.5) or CHANGE_PATH, and the liveness check (RFC 7296 2.4, RFC 4555 3.8). */
#include "ike/ike-session-private.h"

/*
 * A refused update is repeated as a new request. RFC 4555 3.9: one modified packet must not end a path; as often as
 * a lost one would be sent again in the time that a path has. What else went wrong may be over soon.
 */
#define NAT_RETRY_US (500 * ROAM_USEC_PER_MSEC)
#define NAT_RETRY_PERCENT 180
#define NAT_RETRIES 4
#define ERROR_RETRY_US ROAM_USEC_PER_SEC
#define ERROR_RETRY_PERCENT 200
#define ERROR_RETRIES 3
#define RETRY_ANSWER_US (2 * ROAM_USEC_PER_SEC)

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
  return payloads;
}

IkePayloads *
ike_check_build (IkeSession *session, IkeSa *sa)
{
  IkePayloads *payloads = ike_payloads_new ();

  if (session->dialect && session->nat_supported)
    ike_nat_add (session, sa, &session->mobility.now, payloads);
  return payloads;
}

/* Copies went to several addresses of the gateway, and another one than the present answered. */
static gboolean
answered_elsewhere (IkeSession *session, const RoamNow *now, const IkePair *pair)
{
  if (roam_addr_equal (&pair->remote.addr, &session->mobility.now.remote.addr))
    return FALSE;
  for (guint i = 0; i < session->n_peer_addresses; i++)
    if (roam_addr_equal (&session->peer_addresses[i], &pair->remote.addr))
      {
        ike_mobility_move_remote (session, now, &pair->remote.addr);
        return TRUE;
      }
  return FALSE;
}

/* A new request later: TRUE, unless that was tried often enough. */
static gboolean
retry (IkeSession *session, const RoamNow *now, gint64 first_us, guint factor_percent, guint times)
{
  IkeMobility *mob = &session->mobility;
  gint64 wait_us = first_us;

  if (mob->update_refusals >= times)
    return FALSE;
  for (guint i = 0; i < mob->update_refusals; i++)
    wait_us = wait_us * factor_percent / 100;
  mob->update_refusals++;
  mob->pending_update = TRUE;
  mob->update_us = now->boot_us + wait_us;
  if (mob->waiting) /* the path is not silent */
    mob->budget_us = MAX (mob->budget_us, mob->update_us + RETRY_ANSWER_US);
  ike_count (session, "updates-retried");
  return TRUE;
}

static void
process_refusal (IkeSession *session, const RoamNow *now, guint16 notify_type)
{
  const IkeDialect *dialect = session->dialect;

  if (notify_type == dialect->refused)
    ike_mobility_failed (session, now, dialect->refused_reason, "the gateway's policy does not allow this network");
  else if (notify_type == dialect->nat_seen)
    {
      if (!retry (session, now, NAT_RETRY_US, NAT_RETRY_PERCENT, NAT_RETRIES))
        ike_mobility_failed (session, now, dialect->nat_seen_reason, "the policy forbids paths with a NAT");
    }
  else if (!retry (session, now, ERROR_RETRY_US, ERROR_RETRY_PERCENT, ERROR_RETRIES))
    ike_mobility_failed (session, now, ike_notify_to_string (notify_type), NULL);
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
  if (error)
    {
      process_refusal (session, now, error->notify_type);
      return;
    }
  if (answered_elsewhere (session, now, pair))
    return;
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
  if (session->dialect && answered_elsewhere (session, now, pair))
    return;
  ike_nat_read (message, sa->spi_i, sa->spi_r, pair, &view);
  if (session->dialect && session->nat_supported && ike_nat_mapping_changed (session, sa, &view))
    {
      ike_count (session, "nat-mapping-changes");
      mob->pending_update = TRUE; /* its answer says what is true now */
      return;
    }
  ike_mobility_confirmed (session, FALSE);
}
