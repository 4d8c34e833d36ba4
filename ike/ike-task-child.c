/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* CREATE_CHILD_SA for Child SAs, started by either side (RFC 7296 1.3.1, 1.3.3, 2.8), and their Delete. */
#include "ike/ike-session-private.h"

/* After a refusal that time may heal; the SA's own end limits the attempts. */
#define REFUSED_WAIT_US (60 * ROAM_USEC_PER_SEC)

GBytes *
ike_lower_nonce (GBytes *a, GBytes *b)
{
  return g_bytes_ref (ike_nonce_compare (ike_view (a), ike_view (b)) <= 0 ? a : b);
}

/*
 * The ESP offer of a rekeying: with a new key exchange of the groups that the IKE offer names (perfect
 * forward secrecy) and, after these, as in IKE_AUTH, for gateways that are not set up for it. Where the
 * configured list says "modpnone" there is none (and no KE payload: RFC 7296 3.4).
 */
static IkeProposals *
rekey_offer (const IkeSession *session, gboolean with_groups)
{
  IkeProposals *offer = ike_proposals_copy (session->esp_offer);
  const IkeProposal *ike = &session->ike_offer->proposals[0];

  if (ike_proposals_have_group (offer, IKE_GROUP_NONE))
    {
      ike_proposals_remove_type (offer, IKE_TRANSFORM_KE);
      return offer;
    }
  if (!with_groups || ike_proposals_first_group (offer) != IKE_GROUP_NONE)
    return offer;
  for (guint i = 0; i < ike->n_transforms; i++)
    if (ike->transforms[i].type == IKE_TRANSFORM_KE)
      ike_proposals_add_transform (offer, ike->transforms[i]);
  return offer;
}

static void
append_offer (IkeProposals *offer, const IkeProposals *more)
{
  for (guint i = 0; i < more->n_proposals && offer->n_proposals < IKE_MAX_PROPOSALS; i++)
    {
      offer->proposals[offer->n_proposals] = more->proposals[i];
      offer->n_proposals++;
      offer->proposals[offer->n_proposals - 1].number = (guint8)offer->n_proposals;
    }
}

void
ike_task_rekey_child (IkeSession *session, IkeChild *child)
{
  IkeTask *task;

  if (child->deleting || ike_child_is_replaced (session, child) ||
      ike_task_find (session, IKE_TASK_REKEY_CHILD, child->sa->id))
    return;
  task = ike_task_new (IKE_TASK_REKEY_CHILD);
  task->child_id = child->sa->id;
  ike_task_queue (session, task);
}

void
ike_task_delete_child (IkeSession *session, IkeChild *child)
{
  IkeTask *task;

  if (child->deleting)
    return;
  child->deleting = TRUE;
  task = ike_task_new (IKE_TASK_DELETE_CHILD);
  task->child_id = child->sa->id;
  ike_task_queue (session, task);
}

/* --- started by us --- */

static void
add_selectors (IkePayloads *payloads, guint8 type, const GArray *selectors)
{
  ike_payloads_add_ts (payloads, type, &g_array_index (selectors, IkeSelector, 0), selectors->len);
}

static void
prepare (IkeSession *session, IkeTask *task)
{
  g_autoptr (IkeProposals) plain = rekey_offer (session, FALSE);
  guint16 group = task->group ? task->group : session->current->keys->suite.group;

  ike_proposals_free (task->proposals);
  task->proposals = rekey_offer (session, TRUE);
  if (ike_proposals_first_group (plain) == IKE_GROUP_NONE &&
      ike_proposals_first_group (task->proposals) != IKE_GROUP_NONE)
    append_offer (task->proposals, plain);
  if (!ike_proposals_have_group (task->proposals, group))
    group = ike_proposals_first_group (task->proposals);
  task->group = group;
  task->spi_in = ike_child_new_spi (session);
  ike_proposals_set_spi (task->proposals, task->spi_in, 4);
  ike_dh_free (task->dh);
  task->dh = group == IKE_GROUP_NONE ? NULL : ike_dh_new (group, session->rng);
  g_clear_pointer (&task->nonce, g_bytes_unref);
  task->nonce = ike_new_nonce (session);
}

IkePayloads *
ike_create_child_build (IkeSession *session, IkeTask *task)
{
  IkeChild *old = ike_child_by_id (session, task->child_id);
  g_autoptr (IkePayloads) payloads = ike_payloads_new ();
  g_autoptr (GArray) any = ike_any_selectors (session);
  g_autoptr (GArray) own = ike_own_selectors (session);

  if (task->type == IKE_TASK_REKEY_CHILD &&
      (!old || old->linger_us != ROAM_NEVER || old->deleting || ike_child_is_replaced (session, old)))
    return NULL; /* gone or rekeyed by the peer meanwhile: a second successor would belong to nobody */
  prepare (session, task);
  if (!task->dh && task->group != IKE_GROUP_NONE)
    return NULL;
  if (old)
    ike_payloads_add_notify_spi (payloads, IKE_NOTIFY_REKEY_SA, IKE_PROTOCOL_ESP, old->sa->spi_in, NULL, 0);
  ike_payloads_add_sa (payloads, task->proposals);
  ike_payloads_add_nonce (payloads, ike_view (task->nonce).data, ike_view (task->nonce).length);
  if (task->dh)
    ike_payloads_add_ke (payloads, task->group, ike_dh_public (task->dh).data, ike_dh_public (task->dh).length);
  add_selectors (payloads, IKE_PAYLOAD_TSI, old ? old->local_ts : own);
  add_selectors (payloads, IKE_PAYLOAD_TSR, old ? old->remote_ts : any);
  return g_steal_pointer (&payloads);
}

/* Takes @task. */
static void
process_refusal (IkeSession *session, const RoamNow *now, IkeTask *task, const IkePayloadNotify *error)
{
  g_autoptr (IkeTask) owned = task;
  IkeChild *child = ike_child_by_id (session, task->child_id);
  gboolean rival = task->rival_child_id != 0;
  WireReader reader;
  guint16 group;

  ike_count (session, "child-requests-refused");
  if (rival || (task->type == IKE_TASK_REKEY_CHILD && (!child || child->linger_us != ROAM_NEVER)))
    return; /* the gateway's own rekeying has done it (RFC 7296 2.8.1) */
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
    case IKE_NOTIFY_CHILD_SA_NOT_FOUND:
      if (child)
        ike_child_close (session, now, child);
      if (!ike_child_any_left (session))
        ike_task_queue (session, ike_task_new (IKE_TASK_CREATE_CHILD));
      return;
    default:
      break;
    }
  if (child)
    {
      child->rekey_us = now->boot_us + REFUSED_WAIT_US;
      if (error->notify_type == IKE_NOTIFY_NO_ADDITIONAL_SAS || error->notify_type == IKE_NOTIFY_NO_PROPOSAL_CHOSEN)
        ike_reauth_start (session, now, NULL); /* RFC 7296 4: another way to fresh keys */
    }
  else
    ike_session_close (session, now, IKE_EVENT_DEAD, "the gateway refuses a new Child SA", NULL);
}

static gboolean
ts_covers (const IkePayloadTs *given, const GArray *needed)
{
  g_autoptr (GArray) selectors = ike_selectors_of (given);

  return ike_selectors_cover (selectors, needed);
}

/* Rekeying keeps the selectors (RFC 7296 2.9.2); a new Child SA may be narrowed. */
static gboolean
selectors_fit (const IkeSession *session, const IkeChild *old, const IkePayloadTs *tsi, const IkePayloadTs *tsr)
{
  g_autoptr (GArray) any = ike_any_selectors (session);
  g_autoptr (GArray) local = ike_selectors_of (tsi);
  g_autoptr (GArray) remote = ike_selectors_of (tsr);

  if (old)
    return ike_selectors_cover (local, old->local_ts) && ike_selectors_cover (remote, old->remote_ts);
  return ike_selectors_cover (any, local) && ike_selectors_cover (any, remote);
}

/* A new Child SA is for the inner addresses that we have. */
static gboolean
covers_inner (const IkeSession *session, const IkePayloadTs *tsi)
{
  const RoamAddr *const inner[] = { &session->configuration.tia4, &session->configuration.tia6 };
  g_autoptr (GArray) local = ike_selectors_of (tsi);

  for (guint i = 0; i < G_N_ELEMENTS (inner); i++)
    {
      IkeSelector host = ike_selector_host (inner[i]);
      gboolean covered = !roam_addr_is_set (inner[i]);

      for (guint j = 0; j < local->len && !covered; j++)
        covered = ike_selector_contains (&g_array_index (local, IkeSelector, j), &host);
      if (!covered)
        return FALSE;
    }
  return TRUE;
}

/* The Child SA of an answer; NULL with a reason. @ret_spi_out is set as soon as it is known. */
static IkeChild *
child_of_answer (IkeSession *session, const IkeSa *sa, const IkeTask *task, const IkeChild *old,
                 const IkeMessage *message, const char **ret_reason)
{
  const IkePayload *proposal = ike_message_find (message, IKE_PAYLOAD_SA);
  const IkePayload *nonce = ike_message_find (message, IKE_PAYLOAD_NONCE);
  const IkePayload *ke = ike_message_find (message, IKE_PAYLOAD_KE);
  const IkePayload *tsi = ike_message_find (message, IKE_PAYLOAD_TSI);
  const IkePayload *tsr = ike_message_find (message, IKE_PAYLOAD_TSR);
  g_autoptr (RoamSecret) shared = NULL;
  IkeSuite suite;
  IkeChild *child;

  *ret_reason = "CREATE_CHILD_SA response without SA, nonce or traffic selectors";
  if (!proposal || !nonce || !tsi || !tsr ||
      !ike_proposals_verify_answer (task->proposals, proposal->sa, 4, &suite, ret_reason))
    return NULL;
  if (ike_child_has_extras (message, ret_reason))
    return NULL;
  *ret_reason = "traffic selectors of the new Child SA do not fit";
  if (!selectors_fit (session, old, tsi->ts, tsr->ts))
    return NULL;
  *ret_reason = "the gateway's traffic selectors do not cover the assigned inner address";
  if (!old && !covers_inner (session, tsi->ts))
    return NULL;
  *ret_reason = "the gateway chose a reserved SPI";
  if (ike_proposal_get_spi (&proposal->sa->proposals[0]) < IKE_MIN_ESP_SPI)
    return NULL;
  *ret_reason = "KE payload does not fit the chosen group";
  if (suite.group != IKE_GROUP_NONE)
    {
      if (suite.group != task->group || !ke || ke->ke.group != suite.group)
        return NULL;
      shared = ike_dh_shared (task->dh, ke->ke.data.data, ke->ke.data.length, ret_reason);
      if (!shared)
        return NULL;
    }
  child = ike_child_new (session, sa, &suite, shared, ike_view (task->nonce), nonce->body, TRUE, task->spi_in,
                         (guint32)ike_proposal_get_spi (&proposal->sa->proposals[0]));
  if (!child)
    return NULL;
  child->local_ts = old ? g_array_ref (old->local_ts) : ike_selectors_of (tsi->ts);
  child->remote_ts = old ? g_array_ref (old->remote_ts) : ike_selectors_of (tsr->ts);
  return child;
}

/* RFC 7296 2.8.1: did our exchange hold the lowest of the four nonces? Then ours is the redundant one. */
static gboolean
lost_collision (const IkeTask *task, const IkeMessage *message)
{
  g_autoptr (GBytes) peer_nonce = ike_message_nonce (message);
  g_autoptr (GBytes) ours = ike_lower_nonce (task->nonce, peer_nonce);

  return ike_nonce_compare (ike_view (ours), ike_view (task->rival_nonce)) < 0;
}

static void
settle_collision (IkeSession *session, const RoamNow *now, const IkeTask *task, IkeChild *child,
                  const IkeMessage *message)
{
  IkeChild *rival = ike_child_by_id (session, task->rival_child_id);

  ike_count (session, "child-rekey-collisions");
  if (lost_collision (task, message))
    {
      ike_child_install (session, now, child, FALSE);
      ike_task_delete_child (session, child);
      return; /* the gateway deletes the old one */
    }
  if (rival)
    rival->replaces = 0;
  child->replaces = task->child_id;
  ike_child_install (session, now, child, TRUE);
  IkeChild *old = ike_child_by_id (session, task->child_id);
  if (old && old->linger_us == ROAM_NEVER)
    ike_task_delete_child (session, old);
}

void
ike_create_child_process (IkeSession *session, IkeSa *sa, const RoamNow *now, IkeTask *task, const IkeMessage *message)
{
  g_autoptr (IkeTask) owned = task;
  const IkePayloadNotify *error = ike_message_find_error (message);
  IkeChild *old = ike_child_by_id (session, task->child_id), *child;
  const char *reason;

  if (session->state != IKE_STATE_ESTABLISHED)
    return;
  if (error)
    {
      process_refusal (session, now, g_steal_pointer (&owned), error);
      return;
    }
  child = child_of_answer (session, sa, task, old, message, &reason);
  if (!child)
    {
      /* The gateway has the SA: it is deleted, no error goes back for an answer (RFC 7296 2.21.3). */
      g_debug ("ike: %s", reason);
      ike_count (session, "child-answers-refused");
      IkeTask *cleanup = ike_task_new (IKE_TASK_DELETE_CHILD);
      cleanup->spi_in = task->spi_in;
      ike_task_queue (session, cleanup);
      if (old)
        old->rekey_us = now->boot_us + REFUSED_WAIT_US;
      else
        ike_session_close (session, now, IKE_EVENT_DEAD, reason, NULL);
      return;
    }
  if (task->rival_child_id != 0)
    {
      settle_collision (session, now, task, child, message);
      return;
    }
  child->replaces = task->child_id;
  ike_child_install (session, now, child, TRUE);
  if (session->awaits_child)
    ike_auth_complete (session, now);
  if (old && old->linger_us == ROAM_NEVER)
    ike_task_delete_child (session, old);
}

/* --- started by the gateway --- */

/* What we take of the gateway's offer; its KE payload says what it would like best. */
static gboolean
choose (IkeSession *session, const IkeProposals *offer, const IkePayload *ke, IkeProposals **ret_chosen,
        IkeSuite *ret_suite)
{
  g_autoptr (IkeProposals) plain = rekey_offer (session, FALSE);
  g_autoptr (IkeProposals) forward_secret = rekey_offer (session, TRUE);
  guint16 group = ke ? ke->ke.group : IKE_GROUP_NONE;

  if (ke && ike_proposals_choose (forward_secret, offer, group, ret_chosen, ret_suite))
    return TRUE;
  return ike_proposals_choose (plain, offer, group, ret_chosen, ret_suite) ||
         ike_proposals_choose (forward_secret, offer, group, ret_chosen, ret_suite);
}

/* The SPI of the proposal that was chosen. */
static guint32
offered_spi (const IkeProposals *offer, guint8 number)
{
  for (guint i = 0; i < offer->n_proposals; i++)
    if (offer->proposals[i].number == number)
      return (guint32)ike_proposal_get_spi (&offer->proposals[i]);
  return 0;
}

/* Our own rekeying of @old that waits is needless now; one under way makes a collision. */
static void
note_rival (IkeSession *session, const IkeChild *old, const IkeChild *rival, GBytes *ni, GBytes *nr)
{
  IkeTask *task = ike_task_find (session, IKE_TASK_REKEY_CHILD, old->sa->id);
  GList *waiting = task ? g_queue_find (&session->tasks, task) : NULL;

  if (waiting)
    {
      g_queue_delete_link (&session->tasks, waiting);
      ike_task_free (task);
      return;
    }
  if (!task)
    return;
  task->rival_child_id = rival->sa->id;
  g_clear_pointer (&task->rival_nonce, g_bytes_unref);
  task->rival_nonce = ike_lower_nonce (ni, nr);
}

static IkePayloads *
build_answer (IkeProposals *chosen, const IkeChild *child, GBytes *nonce, const IkeDh *dh)
{
  IkePayloads *payloads = ike_payloads_new ();

  ike_proposals_set_spi (chosen, child->sa->spi_in, 4);
  ike_payloads_add_sa (payloads, chosen);
  ike_payloads_add_nonce (payloads, ike_view (nonce).data, ike_view (nonce).length);
  if (dh)
    ike_payloads_add_ke (payloads, ike_dh_group (dh), ike_dh_public (dh).data, ike_dh_public (dh).length);
  add_selectors (payloads, IKE_PAYLOAD_TSI, child->remote_ts);
  add_selectors (payloads, IKE_PAYLOAD_TSR, child->local_ts);
  return payloads;
}

/* The new key exchange that the choice needs, if any; else an error to answer with. */
static guint16
exchange_keys (IkeSession *session, const IkeSuite *suite, const IkePayload *ke, IkeDh **ret_dh,
               RoamSecret **ret_shared)
{
  g_autoptr (IkeDh) dh = NULL;
  const char *reason;

  if (suite->group == IKE_GROUP_NONE)
    return 0;
  if (!ke || ke->ke.group != suite->group)
    return IKE_NOTIFY_INVALID_KE_PAYLOAD;
  dh = ike_dh_new (suite->group, session->rng);
  *ret_shared = dh ? ike_dh_shared (dh, ke->ke.data.data, ke->ke.data.length, &reason) : NULL;
  if (!*ret_shared)
    return IKE_NOTIFY_INVALID_SYNTAX;
  *ret_dh = g_steal_pointer (&dh);
  return 0;
}

/* What the peer is to get: a successor of @old with its selectors or, @old NULL, a new Child SA. */
typedef struct
{
  IkeChild *old;
  GArray *local_ts, *remote_ts; /* borrowed */
} ChildGrant;

/* Makes, installs and answers: receiving on the new SA begins before the answer leaves (RFC 7296 2.8). */
static gboolean
succeed (IkeSession *session, IkeSa *sa, const RoamNow *now, const IkePair *pair, const ChildGrant *grant,
         IkeProposals *chosen, const IkeSuite *suite, guint32 spi_out, GBytes *peer_nonce, const IkeDh *dh,
         const RoamSecret *shared)
{
  g_autoptr (GBytes) nonce = ike_new_nonce (session);
  g_autoptr (IkePayloads) payloads = NULL;
  IkeChild *child = ike_child_new (session, sa, suite, shared, ike_view (peer_nonce), ike_view (nonce), FALSE,
                                   ike_child_new_spi (session), spi_out);

  if (!child)
    return FALSE;
  child->local_ts = g_array_ref (grant->local_ts);
  child->remote_ts = g_array_ref (grant->remote_ts);
  child->replaces = grant->old ? grant->old->sa->id : 0;
  payloads = build_answer (chosen, child, nonce, dh);
  if (grant->old)
    {
      ike_child_drop_successors (session, now, grant->old);
      note_rival (session, grant->old, child, peer_nonce, nonce);
    }
  /* A second IKE SA of one client waits until the client uses it, like a successor (RFC 7296 2.8). */
  ike_child_install (session, now, child,
                     !grant->old &&
                       !(session->responder && ike_responder_shares_address (session->responder, session)));
  ike_exchange_respond (session, sa, pair, IKE_EXCHANGE_CREATE_CHILD_SA, payloads);
  return TRUE;
}

/* The peer's request may be granted if the proposals fit. */
static void
grant_child (IkeSession *session, IkeSa *sa, const RoamNow *now, const IkePair *pair, const IkeMessage *message,
             const ChildGrant *grant)
{
  const IkePayload *offer = ike_message_find (message, IKE_PAYLOAD_SA);
  const IkePayload *ke = ike_message_find (message, IKE_PAYLOAD_KE);
  g_autoptr (GBytes) peer_nonce = ike_message_nonce (message);
  g_autoptr (IkeProposals) chosen = NULL;
  g_autoptr (RoamSecret) shared = NULL;
  g_autoptr (IkeDh) dh = NULL;
  guint16 error = IKE_NOTIFY_NO_PROPOSAL_CHOSEN;
  guint32 spi_out;
  IkeSuite suite;

  if (choose (session, offer->sa, ke, &chosen, &suite))
    error = exchange_keys (session, &suite, ke, &dh, &shared);
  if (error == IKE_NOTIFY_INVALID_KE_PAYLOAD)
    {
      ike_respond_invalid_ke (session, sa, pair, suite.group);
      return;
    }
  if (error == 0)
    {
      spi_out = offered_spi (offer->sa, chosen->proposals[0].number);
      if (spi_out >= IKE_MIN_ESP_SPI &&
          succeed (session, sa, now, pair, grant, chosen, &suite, spi_out, peer_nonce, dh, shared))
        return;
      error = IKE_NOTIFY_INVALID_SYNTAX;
    }
  ike_respond_error (session, sa, pair, error);
}

static void
respond_not_found (IkeSession *session, IkeSa *sa, const IkePair *pair, IkeProtocolId protocol, guint32 spi)
{
  g_autoptr (IkePayloads) payloads = ike_payloads_new ();

  ike_payloads_add_notify_spi (payloads, IKE_NOTIFY_CHILD_SA_NOT_FOUND, protocol, spi, NULL, 0);
  ike_exchange_respond (session, sa, pair, IKE_EXCHANGE_CREATE_CHILD_SA, payloads);
}

void
ike_rekey_child_respond (IkeSession *session, IkeSa *sa, const RoamNow *now, const IkePair *pair,
                         const IkeMessage *message, const IkePayloadNotify *rekey)
{
  const IkePayload *tsi = ike_message_find (message, IKE_PAYLOAD_TSI);
  const IkePayload *tsr = ike_message_find (message, IKE_PAYLOAD_TSR);
  WireReader reader;
  guint32 spi = 0;
  IkeChild *old;

  wire_reader_init (&reader, rekey->spi.data, rekey->spi.length);
  old = wire_read_u32 (&reader, &spi) ? ike_child_by_spi_out (session, spi) : NULL;
  if (!old)
    respond_not_found (session, sa, pair, (IkeProtocolId)rekey->protocol, spi);
  else if (session->state != IKE_STATE_ESTABLISHED || old->deleting ||
           (sa->task && sa->task->type == IKE_TASK_REKEY_IKE))
    ike_respond_error (session, sa, pair, IKE_NOTIFY_TEMPORARY_FAILURE); /* RFC 7296 2.25.1, 2.25.2 */
  else if (session->children->len >= IKE_MAX_CHILDREN)
    ike_respond_error (session, sa, pair, IKE_NOTIFY_TEMPORARY_FAILURE); /* some are about to go */
  else if (!ike_message_find (message, IKE_PAYLOAD_NONCE) || !tsi || !tsr)
    ike_respond_error (session, sa, pair, IKE_NOTIFY_INVALID_SYNTAX);
  else if (!ts_covers (tsi->ts, old->remote_ts) || !ts_covers (tsr->ts, old->local_ts))
    ike_respond_error (session, sa, pair, IKE_NOTIFY_TS_UNACCEPTABLE); /* never narrower (RFC 7296 2.9.2) */
  else
    {
      ChildGrant grant = { .old = old, .local_ts = old->local_ts, .remote_ts = old->remote_ts };
      grant_child (session, sa, now, pair, message, &grant);
    }
}

void
ike_create_child_respond (IkeSession *session, IkeSa *sa, const RoamNow *now, const IkePair *pair,
                          const IkeMessage *message)
{
  const IkePayload *tsi = ike_message_find (message, IKE_PAYLOAD_TSI);
  const IkePayload *tsr = ike_message_find (message, IKE_PAYLOAD_TSR);
  g_autoptr (GArray) local = NULL;
  g_autoptr (GArray) remote = NULL;

  if (session->state != IKE_STATE_ESTABLISHED || (sa->task && sa->task->type == IKE_TASK_REKEY_IKE))
    ike_respond_error (session, sa, pair, IKE_NOTIFY_TEMPORARY_FAILURE); /* RFC 7296 2.25.2 */
  else if (ike_child_any_left (session) || session->children->len >= IKE_MAX_CHILDREN)
    ike_respond_error (session, sa, pair, IKE_NOTIFY_NO_ADDITIONAL_SAS); /* a client has one */
  else if (!ike_message_find (message, IKE_PAYLOAD_NONCE) || !tsi || !tsr)
    ike_respond_error (session, sa, pair, IKE_NOTIFY_INVALID_SYNTAX);
  else if (!ike_selectors_narrow (session, tsi->ts, tsr->ts, &local, &remote))
    ike_respond_error (session, sa, pair, IKE_NOTIFY_TS_UNACCEPTABLE);
  else
    {
      ChildGrant grant = { .local_ts = local, .remote_ts = remote };
      grant_child (session, sa, now, pair, message, &grant);
    }
}
