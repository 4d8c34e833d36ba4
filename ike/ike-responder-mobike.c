/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Mobility at the gateway: updates, return routability, our own addresses (RFC 4555 3.5 to 3.7, MOPO 2.3 to 2.6). */
#include "ike/ike-responder-private.h"

/* --- UPDATE_SA_ADDRESSES, CHANGE_PATH --- */

/* Is the check of RFC 4555 3.7 wanted for where the client is now? It is about addresses, not about ports. */
static gboolean
wants_routability (const IkeSession *session)
{
  const IkeMobility *mob = &session->mobility;

  return session->responder->routability != IKE_ROUTABILITY_NEVER &&
         !roam_addr_equal (&mob->good.remote.addr, &mob->now.remote.addr);
}

/* One that waits will be built for the newest address; one under way may be about an older one. */
static void
queue_routability (IkeSession *session)
{
  for (guint i = 0; i < session->sas->len; i++)
    {
      const IkeSa *sa = g_ptr_array_index (session->sas, i);

      if (sa->task && sa->task->type == IKE_TASK_ROUTABILITY && sa->task->generation == session->mobility.generation)
        return;
    }
  for (const GList *l = session->tasks.head; l; l = l->next)
    if (((const IkeTask *)l->data)->type == IKE_TASK_ROUTABILITY)
      return;
  ike_task_queue (session, ike_task_new (IKE_TASK_ROUTABILITY));
}

static void
take_over (IkeSession *session, const IkeSa *sa, const RoamNow *now, const IkePair *pair, const IkeMessage *message)
{
  IkeMobility *mob = &session->mobility;
  IkePair old = mob->now;
  gboolean changed = !roam_endpoint_equal (&old.remote, &pair->remote) ||
                     !roam_endpoint_equal (&old.local, &pair->local) || old.ifindex != pair->ifindex;
  gboolean encap_changed, proved = ike_message_find_notify (message, session->dialect->nat_forbid) != NULL;
  IkeNatView view;

  session->renumbered = FALSE; /* it has heard of us */
  ike_probing_stop (session);
  if (changed)
    {
      mob->now = *pair;
      mob->generation++;
      mob->children_moved = FALSE;
    }
  ike_nat_read (message, sa->spi_i, sa->spi_r, pair, &view);
  if (proved) /* it fits, and says more than NAT_DETECTION beside it */
    encap_changed = ike_nat_switch_off (session);
  else
    encap_changed = session->nat_supported && ike_nat_apply (session, sa, now, &view);
  /* What waits for an answer goes to where the client is now. */
  if (changed)
    ike_exchange_resend_all (session, now);
  if (wants_routability (session))
    {
      queue_routability (session);
      if (session->responder->routability == IKE_ROUTABILITY_BEFORE && session->dialect->routability_before_move)
        return;
    }
  else
    mob->good = mob->now;
  if (!mob->children_moved || encap_changed)
    ike_mobility_move_children (session);
}

guint16
ike_update_respond (IkeSession *session, IkeSa *sa, const RoamNow *now, const IkePair *pair, const IkeMessage *message)
{
  if (!ike_sa_take_update (session, sa, message->header.message_id))
    return 0;
  if (!ike_nat_forbid_accepts (session, message, pair, TRUE))
    {
      ike_count (session, "updates-through-nat");
      return session->dialect->nat_seen;
    }
  if (ike_responder_refuses (session->responder, &pair->remote.addr))
    {
      ike_count (session, "updates-refused");
      return session->dialect->refused;
    }
  ike_count (session, "updates-accepted");
  take_over (session, sa, now, pair, message);
  return 0;
}

/* --- return routability --- */

IkePayloads *
ike_routability_build (IkeSession *session, IkeTask *task)
{
  IkePayloads *payloads = ike_payloads_new ();

  ike_cookie2_add (session, task, payloads);
  return payloads;
}

void
ike_routability_process (IkeSession *session, const IkeTask *task)
{
  /* Copies of a request from before a move went to several addresses: its answer proves nothing (RFC 4555 3.7). */
  if (session->state != IKE_STATE_ESTABLISHED || task->generation != session->mobility.generation)
    return;
  ike_count (session, "routability-proved");
  session->mobility.good = session->mobility.now;
  if (!session->mobility.children_moved && session->dialect->routability_before_move)
    ike_mobility_move_children (session);
}

/* --- our own addresses --- */

IkePayloads *
ike_addresses_build (IkeSession *session, IkeTask *task)
{
  IkePayloads *payloads = ike_payloads_new ();

  ike_own_addresses_add (session, session->dialect, TRUE, payloads);
  session->mobility.announce_us = ROAM_NEVER;
  ike_cookie2_add (session, task, payloads);
  if (!session->nat_supported && session->dialect->nat_forbid_without_natt)
    ike_nat_forbid_add (session->dialect, &session->mobility.now, payloads);
  return payloads;
}

void
ike_addresses_process (IkeSession *session, const IkeTask *task)
{
  /* It left from several addresses of ours: the peer cannot tell which one counts (RFC 4555 3.6). An update says it
   * too. */
  if (session->state == IKE_STATE_ESTABLISHED && task->generation != session->mobility.generation &&
      !session->mobility.pending_update)
    ike_task_queue (session, ike_task_new (IKE_TASK_ADDRESSES));
}
