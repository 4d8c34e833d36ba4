/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The five verbs, the action queue, commands and status of an IkeSession. */
#include "ike/ike-session-private.h"

#include <string.h>

#define DEFAULT_DPD_US (30 * ROAM_USEC_PER_SEC)
#define DEFAULT_REKEY_IKE_US (4 * 3600 * ROAM_USEC_PER_SEC)
#define DEFAULT_REKEY_CHILD_US (3600 * ROAM_USEC_PER_SEC)
/* Rekeying earlier than this would never come to rest. */
#define MIN_REKEY_US (10 * ROAM_USEC_PER_SEC)
/* Packets of the user's without an answer make a liveness check after this much silence, and then this often. */
#define UNANSWERED_US (2 * ROAM_USEC_PER_SEC)
#define UNANSWERED_INTERVAL_US (10 * ROAM_USEC_PER_SEC)
/* A DELETE gets three copies and then some time for the last answer. */
#define CLOSING_PATIENCE_US (4 * ROAM_USEC_PER_SEC)

/* The only writer of session->state. */
void
ike_session_set_state (IkeSession *session, IkeState state)
{
  if (session->state == state)
    return;
  g_debug ("ike: %s -> %s", ike_state_to_string (session->state), ike_state_to_string (state));
  session->state = state;
}

void
ike_count (IkeSession *session, const char *counter)
{
  guint64 *value = g_hash_table_lookup (session->counters, counter);

  if (!value)
    {
      value = g_new0 (guint64, 1);
      g_hash_table_insert (session->counters, g_strdup (counter), value);
    }
  (*value)++;
}

const char *
ike_session_says (const IkeSession *session, const char *client, const char *gateway)
{
  return session->responder ? gateway : client;
}

gint64
ike_session_jittered (IkeSession *session, const RoamNow *now, gint64 interval_us)
{
  guint32 spread_ms = (guint32)MIN (interval_us / 10 / ROAM_USEC_PER_MSEC, G_MAXINT32);

  return now->boot_us + interval_us - roam_rng_below (session->rng, spread_ms) * ROAM_USEC_PER_MSEC;
}

/* --- actions --- */

void
ike_action_clear (IkeAction *action)
{
  switch (action->type)
    {
    case IKE_ACTION_SEND:
      g_clear_pointer (&action->send.datagram, g_bytes_unref);
      break;
    case IKE_ACTION_CHILD_ADD:
      g_clear_pointer (&action->child_add.child, ike_child_sa_unref);
      break;
    case IKE_ACTION_SIGN:
      g_clear_pointer (&action->sign.octets, g_bytes_unref);
      break;
    case IKE_ACTION_FETCH:
      g_clear_pointer (&action->fetch.url, g_free);
      g_clear_pointer (&action->fetch.body, g_bytes_unref);
      break;
    case IKE_ACTION_TICKET:
      g_clear_pointer (&action->ticket.ticket, roam_secret_unref);
      break;
    case IKE_ACTION_EVENT:
    case IKE_ACTION_CHILD_USE:
    case IKE_ACTION_CHILD_REMOVE:
    case IKE_ACTION_CHILD_MOVE:
      break;
    }
}

static void
free_action (gpointer data)
{
  ike_action_clear (data);
  g_free (data);
}

void
ike_session_push (IkeSession *session, IkeAction *action)
{
  g_queue_push_tail (&session->actions, g_memdup2 (action, sizeof *action));
}

GBytes *
ike_datagram_new (const IkePair *pair, GBytes *message)
{
  WireWriter writer;
  gsize length;
  const guint8 *data = g_bytes_get_data (message, &length);

  if (pair->local.port != IKE_NATT_PORT)
    return g_bytes_ref (message);
  wire_writer_init (&writer, IKE_NON_ESP_MARKER_LENGTH + length);
  wire_write_zeros (&writer, IKE_NON_ESP_MARKER_LENGTH);
  wire_write_data (&writer, data, length);
  return wire_writer_finish (&writer);
}

void
ike_session_send (IkeSession *session, const IkePair *pair, GBytes *message)
{
  IkeAction action = { .type = IKE_ACTION_SEND,
                       .send = { .ifindex = pair->ifindex, .local = pair->local, .remote = pair->remote } };

  action.send.datagram = ike_datagram_new (pair, message);
  ike_count (session, "datagrams-sent");
  ike_session_push (session, &action);
}

void
ike_session_event_of (IkeSession *session, IkeEventType type, guint32 serial, const char *reason, const char *advice)
{
  IkeAction action = { .type = IKE_ACTION_EVENT };

  action.event = (IkeEvent){ .type = type,
                             .serial = serial,
                             .configuration = session->configuration,
                             .mobike = session->dialect != NULL,
                             .nat_local = session->nat_local,
                             .nat_remote = session->nat_remote,
                             .path = { session->mobility.now.ifindex, session->mobility.now.local.addr },
                             .rtt_us = session->rtt_us,
                             .gateway = session->mobility.now.remote.addr,
                             .reason = reason,
                             .advice = advice };
  ike_session_push (session, &action);
}

void
ike_session_event (IkeSession *session, IkeEventType type, const char *reason, const char *advice)
{
  ike_session_event_of (session, type, session->mobility.serial, reason, advice);
}

/* --- the end --- */

/* The newest pair stays, for the status and for events. */
static void
forget_mobility (IkeMobility *mob)
{
  *mob = (IkeMobility){ .now = mob->now,
                        .generation = mob->generation,
                        .serial = mob->serial,
                        .knows_paths = mob->knows_paths,
                        .budget_us = ROAM_NEVER,
                        .check_budget_us = ROAM_NEVER,
                        .decide_us = ROAM_NEVER,
                        .announce_us = ROAM_NEVER,
                        .routability_us = ROAM_NEVER };
}

static void
forget_everything (IkeSession *session)
{
  ike_reauth_drop (session);
  ike_child_close_all (session);
  ike_task_drop_waiting (session);
  for (guint i = 0; i < session->sas->len; i++)
    ike_sa_close (session, g_ptr_array_index (session->sas, i));
  ike_task_drop_waiting (session);
  session->current = NULL;
  ike_handshake_clear (&session->handshake);
  ike_attempts_clear (session);
  ike_probing_stop (session);
  forget_mobility (&session->mobility);
  session->renumbered = FALSE;
  session->keepalive_us = ROAM_NEVER;
  session->recreated_child = session->awaits_child = session->narrow = FALSE;
  session->tickets_supported = session->ppk_used = session->small_fragments = FALSE;
  session->tickets_later = 0;
  session->has_nat_seen = FALSE;
  session->n_peer_addresses = 0;
  ike_peer_addresses_update (session);
  session->established_us = 0;
  session->redirect.due = FALSE;
  session->redirect.resolve_us = session->reauth_us = session->auth_end_us = ROAM_NEVER;
  ike_session_set_state (session, IKE_STATE_IDLE);
}

void
ike_session_forget (IkeSession *session)
{
  forget_everything (session);
}

/* Whoever gave START waits for ESTABLISHED or FAILED: what ends before that was never there. */
static IkeEventType
end_type (const IkeSession *session, IkeEventType type)
{
  gboolean under_way = FALSE;

  switch (session->state)
    {
    case IKE_STATE_INIT:
    case IKE_STATE_AUTH:
      under_way = TRUE;
      break;
    case IKE_STATE_ESTABLISHED:
      under_way = session->awaits_child;
      break;
    case IKE_STATE_IDLE:
    case IKE_STATE_CLOSING: /* what will be said is known */
      break;
    }
  return type == IKE_EVENT_DEAD && under_way && !session->responder ? IKE_EVENT_FAILED : type;
}

void
ike_session_die (IkeSession *session, IkeEventType type, const char *reason, const char *advice)
{
  type = end_type (session, type);
  forget_everything (session);
  ike_session_event (session, type, reason, advice);
}

void
ike_session_close (IkeSession *session, const RoamNow *now, IkeEventType type, const char *reason, const char *advice)
{
  if (!session->current || session->state != IKE_STATE_ESTABLISHED || session->mobility.suspended)
    {
      ike_session_die (session, type, reason, advice);
      return;
    }
  ike_task_drop_waiting (session);
  ike_ticket_forget (session); /* RFC 5723 6.2 */
  session->closing_type = end_type (session, type);
  session->closing_reason = reason;
  session->closing_advice = advice;
  session->closing_us = now->boot_us + CLOSING_PATIENCE_US;
  session->mobility.pending_update = FALSE;
  ike_probing_stop (session);
  forget_mobility (&session->mobility);
  ike_session_set_state (session, IKE_STATE_CLOSING);
  ike_task_delete_ike (session, session->current);
  /* What is outstanding must be answered before the window is free for the DELETE. */
  if (session->current->task)
    ike_exchange_resend_all (session, now);
}

/* --- commands --- */

static void
command_start (IkeSession *session, const RoamNow *now, const IkeCommand *command)
{
  IkeMobility *mob = &session->mobility;

  forget_everything (session);
  session->configuration = (IkeConfiguration){ 0 };
  session->dialect = NULL;
  session->cookieless_seen = FALSE;
  session->nat_local = session->nat_remote = session->nat_suspected = FALSE;
  session->rtt_us = 0;
  mob->serial = command->serial;
  if (!ike_attempts_begin (session, now, &command->path))
    {
      ike_session_event (session, IKE_EVENT_FAILED, "the gateway has no address of the path's family",
                         "configure a gateway address of that family");
      return;
    }
  ike_init_start (session, now);
}

/* From the gateway that is configured, whatever a REDIRECT of before said. */
static void
command_start_anew (IkeSession *session, const RoamNow *now, const IkeCommand *command)
{
  ike_peer_addresses_restore (session);
  session->redirect.from = ROAM_ADDR_NONE;
  session->redirect.n = 0;
  session->wanted4 = session->wanted6 = ROAM_ADDR_NONE;
  command_start (session, now, command);
}

static void
command_move (IkeSession *session, const RoamNow *now, const IkeCommand *command)
{
  switch (session->state)
    {
    case IKE_STATE_INIT:
      command_start (session, now, command);
      return;
    case IKE_STATE_AUTH:
      if (!ike_mobility_move_early (session, now, command))
        command_start (session, now, command);
      return;
    case IKE_STATE_ESTABLISHED:
      ike_mobility_move (session, now, command);
      ike_reauth_move (session, now, command);
      return;
    case IKE_STATE_IDLE:
    case IKE_STATE_CLOSING:
      session->mobility.serial = command->serial;
      ike_session_event (session, IKE_EVENT_PATH_FAILED, "there is no IKE SA to move", NULL);
      return;
    }
}

static void
command_gateways (IkeSession *session, const RoamNow *now, const IkeCommand *command)
{
  session->n_resolved = MIN (command->n_gateways, IKE_MAX_GATEWAYS);
  for (guint i = 0; i < session->n_resolved; i++)
    session->resolved[i] = command->gateways[i];
  ike_peer_addresses_update (session);
  ike_probing_restart (session, now);
  if (session->mobility.suspended && session->paths.n_locals > 0)
    session->mobility.decide_us = now->boot_us;
}

static void
command_terminate (IkeSession *session, const RoamNow *now)
{
  ike_ticket_forget (session); /* RFC 5723 6.2: also where nothing is left to delete */
  switch (session->state)
    {
    case IKE_STATE_INIT:
    case IKE_STATE_AUTH:
      forget_everything (session);
      ike_session_event (session, IKE_EVENT_DEAD, "terminated locally", NULL);
      return;
    case IKE_STATE_IDLE:
    case IKE_STATE_ESTABLISHED:
      ike_session_close (session, now, IKE_EVENT_DEAD, "terminated locally", NULL);
      session->closing_type = IKE_EVENT_DEAD; /* also where ESTABLISHED was not reached */
      return;
    case IKE_STATE_CLOSING:
      return;
    }
}

void
ike_session_input_command (IkeSession *session, const RoamNow *now, const IkeCommand *command)
{
  switch (command->type)
    {
    case IKE_START:
      command_start_anew (session, now, command);
      break;
    case IKE_MOVE:
      command_move (session, now, command);
      break;
    case IKE_CHECK:
      ike_mobility_check (session, now, command->serial);
      break;
    case IKE_REKEY_IKE:
      if (session->state == IKE_STATE_ESTABLISHED && !ike_task_find (session, IKE_TASK_REKEY_IKE, 0))
        ike_task_queue (session, ike_task_new (IKE_TASK_REKEY_IKE));
      break;
    case IKE_REKEY_CHILD:
      if (session->state == IKE_STATE_ESTABLISHED && ike_child_in_use (session))
        ike_task_rekey_child (session, ike_child_in_use (session));
      break;
    case IKE_REAUTHENTICATE:
      ike_reauth_start (session, now, NULL);
      break;
    case IKE_PATHS:
      ike_mobility_paths (session, now, command);
      ike_reauth_command (session, now, command);
      break;
    case IKE_GATEWAYS:
      if (!ike_redirect_resolved (session, now, command) && !ike_reauth_gateways (session, now, command))
        command_gateways (session, now, command);
      break;
    case IKE_FETCHED:
    case IKE_SIGNED:
      if (!ike_reauth_command (session, now, command))
        ike_outside_command (session, now, command);
      break;
    case IKE_TERMINATE:
      command_terminate (session, now);
      break;
    case IKE_ABANDON:
      forget_everything (session);
      break;
    }
  ike_exchange_pump (session, now);
  ike_sa_reap (session);
  ike_reauth_settle (session, now);
}

/* --- the other verbs --- */

/* Ours, or the one beside. */
static IkeSession *
session_of_datagram (IkeSession *session, const IkePair *pair, const guint8 *data, gsize length)
{
  IkeParseError error;
  IkeHeader header;

  if (!session->beside || !ike_datagram_strip (pair, &data, &length) ||
      !ike_header_parse (data, length, &header, &error))
    return session;
  return ike_reauth_find (session, &header);
}

void
ike_session_input_datagram (IkeSession *session, const RoamNow *now, guint32 ifindex, const RoamEndpoint *local,
                            const RoamEndpoint *remote, const guint8 *data, gsize length)
{
  IkePair pair = { .ifindex = ifindex, .local = *local, .remote = *remote };
  IkeSession *receiver = session_of_datagram (session, &pair, data, length);

  ike_receive (receiver, now, &pair, data, length);
  ike_exchange_pump (receiver, now);
  ike_sa_reap (receiver);
  for (; receiver != session; receiver = receiver->owner)
    ike_reauth_settle (receiver, now);
  ike_reauth_settle (session, now);
}

static void
check_liveness (IkeSession *session, const RoamNow *now)
{
  if (session->state != IKE_STATE_ESTABLISHED || session->mobility.suspended ||
      now->boot_us < session->heard_us + session->dpd_interval_us)
    return;
  if (session->current->task)
    return; /* its retransmission is the check */
  if (!ike_task_find (session, IKE_TASK_CHECK, 0))
    ike_task_check (session, 0, FALSE);
}

void
ike_session_input_deadline (IkeSession *session, const RoamNow *now)
{
  if (session->state == IKE_STATE_CLOSING && now->boot_us >= session->closing_us)
    ike_session_die (session, session->closing_type, session->closing_reason, session->closing_advice);
  ike_attempts_deadline (session, now);
  ike_outside_deadline (session, now);
  ike_mobility_deadline (session, now);
  ike_exchange_deadline (session, now);
  ike_probing_deadline (session, now);
  ike_child_deadline (session, now);
  ike_nat_keepalive_deadline (session, now);
  check_liveness (session, now);
  ike_redirect_deadline (session, now);
  ike_puzzle_deadline (session, now);
  ike_reauth_deadline (session, now);
  if (session->beside)
    ike_session_input_deadline (session->beside, now);
  ike_exchange_pump (session, now);
  ike_sa_reap (session);
  ike_reauth_settle (session, now);
}

void
ike_session_input_traffic (IkeSession *session, const RoamNow *now, guint32 child_id)
{
  IkeChild *child = ike_child_by_id (session, child_id);

  if (!child)
    return;
  session->heard_us = MAX (session->heard_us, now->boot_us);
  ike_child_traffic (session, child);
}

void
ike_session_input_traffic_from (IkeSession *session, const RoamNow *now, guint32 child_id, const RoamAddr *local,
                                const RoamAddr *remote)
{
  IkeChild *child = ike_child_by_id (session, child_id);

  if (!child)
    return;
  if (ike_mobility_expects (session, now, local, remote))
    session->heard_us = MAX (session->heard_us, now->boot_us);
  ike_child_traffic (session, child);
  ike_exchange_pump (session, now);
}

void
ike_session_input_unanswered (IkeSession *session, const RoamNow *now, guint32 child_id)
{
  const IkeChild *child = ike_child_by_id (session, child_id);

  if (session->state != IKE_STATE_ESTABLISHED || !child || !child->outbound ||
      now->boot_us < MAX (session->heard_us + UNANSWERED_US, session->unanswered_us))
    return;
  session->unanswered_us = now->boot_us + UNANSWERED_INTERVAL_US;
  if (session->current->task || ike_task_find (session, IKE_TASK_CHECK, 0))
    return; /* that one's retransmission is the check */
  ike_count (session, "unanswered-checks");
  ike_task_check (session, 0, FALSE);
  ike_exchange_pump (session, now);
  ike_sa_reap (session);
}

void
ike_session_input_exhaustion (IkeSession *session, const RoamNow *now, guint32 child_id)
{
  IkeChild *child = ike_child_by_id (session, child_id);

  if (session->state != IKE_STATE_ESTABLISHED || !child || child->linger_us != ROAM_NEVER)
    return;
  ike_task_rekey_child (session, child); /* one that waits or is under way is enough */
  ike_exchange_pump (session, now);
  ike_sa_reap (session);
}

gint64
ike_session_next_deadline (const IkeSession *session)
{
  gint64 next = MIN (ike_exchange_next_deadline (session), ike_child_next_deadline (session));

  next = MIN (next, MIN (ike_mobility_next_deadline (session), ike_probing_next_deadline (session)));
  next = MIN (next, MIN (session->keepalive_us, ike_attempts_next_deadline (session)));
  next = MIN (next, ike_reauth_next_deadline (session));
  next = MIN (next, ike_outside_next_deadline (session));
  if (session->state == IKE_STATE_CLOSING)
    next = MIN (next, session->closing_us);
  if (session->state == IKE_STATE_ESTABLISHED && !session->mobility.suspended && !session->current->task &&
      !ike_task_find (session, IKE_TASK_CHECK, 0))
    next = MIN (next, session->heard_us + session->dpd_interval_us);
  return next;
}

gboolean
ike_session_pop_action (IkeSession *session, IkeAction *ret_action)
{
  g_autofree IkeAction *action = g_queue_pop_head (&session->actions);

  if (!action)
    return FALSE;
  *ret_action = *action;
  return TRUE;
}

GHashTable *
ike_session_dup_counters (const IkeSession *session)
{
  GHashTable *copy = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, g_free);
  GHashTableIter iter;
  gpointer key, value;

  g_hash_table_iter_init (&iter, session->counters);
  while (g_hash_table_iter_next (&iter, &key, &value))
    g_hash_table_insert (copy, g_strdup (key), g_memdup2 (value, sizeof (guint64)));
  return copy;
}

/* --- life --- */

static gboolean
take_identities (IkeSession *session, const IkeConfig *config, char **ret_problem)
{
  if (config->local_id &&
      !ike_identity_from_text (config->local_id, config->local_id_type, &session->configured_id, ret_problem))
    return FALSE;
  if (config->remote_id &&
      !ike_identity_from_text (config->remote_id, config->remote_id_type, &session->remote_id, ret_problem))
    return FALSE;
  if (!config->remote_id)
    ike_identity_from_addr (&config->gateway, &session->remote_id);
  return TRUE;
}

static gboolean
take_credentials (IkeSession *session, const IkeConfig *config, char **ret_problem)
{
  session->method = config->method;
  switch (config->method)
    {
    case IKE_AUTH_METHOD_PSK:
      if (!config->psk || roam_secret_length (config->psk) == 0)
        {
          *ret_problem = g_strdup ("pre-shared key authentication needs a key that is not empty");
          return FALSE;
        }
      session->psk = roam_secret_ref (config->psk);
      if (!config->ca_pem)
        return TRUE;
      break;
    case IKE_AUTH_METHOD_EAP:
      if (!config->ca_pem)
        {
          *ret_problem = g_strdup ("EAP needs a CA certificate to know the gateway by");
          return FALSE;
        }
      if (config->external_key)
        {
          *ret_problem = g_strdup ("EAP-TLS needs its private key in a file");
          return FALSE;
        }
      break;
    case IKE_AUTH_METHOD_CERTIFICATE:
      if (!config->certificate_pem || !(config->private_key_pem || config->external_key) || !config->ca_pem)
        {
          *ret_problem =
            g_strdup ("certificate authentication needs a certificate, its private key and a CA certificate");
          return FALSE;
        }
      break;
    }
  session->external_key = config->external_key && config->method == IKE_AUTH_METHOD_CERTIFICATE;
  session->check_ocsp = config->check_ocsp;
  session->require_revocation = config->require_revocation;
  session->credentials =
    session->external_key
      ? ike_credentials_new_external (config->certificate_pem, config->ca_pem, ret_problem)
      : ike_credentials_new (config->certificate_pem, config->private_key_pem, config->ca_pem, ret_problem);
  if (session->credentials && !config->local_id && config->method == IKE_AUTH_METHOD_CERTIFICATE)
    ike_credentials_subject (session->credentials, &session->configured_id);
  if (!session->credentials ||
      (config->crl && !ike_credentials_add_crls (session->credentials, config->crl, ret_problem)))
    return FALSE;
  return config->method != IKE_AUTH_METHOD_EAP || ike_eap_configure (session, config, ret_problem);
}

static gboolean
take_proposals (IkeSession *session, const IkeConfig *config, char **ret_problem)
{
  const char *ike = config->ike_proposals, *esp = config->esp_proposals;

  if (!ike && config->require_ppk)
    ike = ike_pq_ike_proposals;
  if (!esp && config->require_ppk)
    esp = ike_pq_esp_proposals;
  session->ike_offer = ike_proposals_new_from_text (ike, IKE_PROTOCOL_IKE, ret_problem);
  if (!session->ike_offer)
    return FALSE;
  session->esp_offer = ike_proposals_new_from_text (esp, IKE_PROTOCOL_ESP, ret_problem);
  return session->esp_offer != NULL;
}

static gint64
or_default (gint64 value, gint64 fallback)
{
  return value > 0 ? value : fallback;
}

static void
take_times (IkeSession *session, const IkeConfig *config)
{
  session->dpd_interval_us = or_default (config->dpd_interval_us, DEFAULT_DPD_US);
  session->rekey_ike_us = MAX (or_default (config->rekey_ike_us, DEFAULT_REKEY_IKE_US), MIN_REKEY_US);
  session->rekey_child_us = MAX (or_default (config->rekey_child_us, DEFAULT_REKEY_CHILD_US), MIN_REKEY_US);
  session->nat_keepalive_us = or_default (config->nat_keepalive_us, IKE_DEFAULT_KEEPALIVE_US);
}

IkeSession *
ike_session_alloc (RoamRng *rng)
{
  IkeSession *session = g_new0 (IkeSession, 1);
  guint8 seed[ROAM_RNG_SEED_LENGTH];

  roam_rng_fill (rng, seed, sizeof seed);
  session->rng = roam_rng_new (seed);
  roam_wipe (seed, sizeof seed);
  g_queue_init (&session->actions);
  g_queue_init (&session->tasks);
  session->counters = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, g_free);
  session->sas = g_ptr_array_new_with_free_func (ike_sa_free);
  session->children = g_ptr_array_new_with_free_func (ike_child_free);
  session->attempts = ike_attempts_new ();
  session->probing.resolve_us = ROAM_NEVER;
  forget_mobility (&session->mobility);
  session->keepalive_us = ROAM_NEVER;
  session->handshake.problem_us = session->handshake.puzzle_us = ROAM_NEVER;
  session->redirect.resolve_us = session->reauth_us = session->auth_end_us = ROAM_NEVER;
  return session;
}

static void
take_paths (IkeSession *session, const IkeConfig *config)
{
  session->configured_gateway = config->gateway;
  session->n_configured_gateways = MIN (config->n_gateways, IKE_MAX_GATEWAYS);
  for (guint i = 0; i < session->n_configured_gateways; i++)
    session->configured_gateways[i] = config->gateways[i];
  ike_peer_addresses_restore (session);
  session->force_udp_encap = config->force_udp_encap && config->nat_policy != IKE_NAT_POLICY_FORBID;
  session->announce_addresses = config->announce_addresses;
  session->routability_interval_us = config->routability_interval_us;
}

IkeSession *
ike_session_new (const IkeConfig *config, RoamRng *rng, char **ret_problem)
{
  g_autoptr (IkeSession) session = ike_session_alloc (rng);
  g_autofree char *problem = NULL;

  take_paths (session, config);
  session->want_childless = config->childless;
  session->request_ticket = config->request_ticket;
  session->ticket = config->ticket ? roam_secret_ref (config->ticket) : NULL;
  session->shared_identity = config->shared_identity;
  session->natt_port_first = config->natt_port_first;
  session->redirect.accept = config->accept_redirect;
  session->request_tia4 = config->request_tia4;
  session->request_tia6 = config->request_tia6;
  session->refused_inner = g_array_new (FALSE, FALSE, sizeof (RoamPrefix));
  if (config->n_refused_inner > 0)
    g_array_append_vals (session->refused_inner, config->refused_inner, config->n_refused_inner);
  session->request_dns = config->request_dns;
  session->request_domains = config->request_domains;
  session->domains = g_strdupv ((char **)config->domains);
  session->require_mobike = config->require_mobike;
  session->mobility_wanted = config->mobility;
  session->nat_policy = config->nat_policy;
  session->path_test_off = config->path_test_off;
  take_times (session, config);
  if (!roam_addr_is_specified (&config->gateway))
    problem = g_strdup ("the gateway's address is missing");
  else if (take_proposals (session, config, &problem) && take_identities (session, config, &problem) &&
           take_credentials (session, config, &problem) && ike_ppk_configure (session, config, &problem) &&
           ike_multiple_auth_configure (session, config, &problem))
    return g_steal_pointer (&session);
  if (ret_problem)
    *ret_problem = g_steal_pointer (&problem);
  return NULL;
}

static void
free_configuration (IkeSession *session)
{
  ike_proposals_free (session->ike_offer);
  ike_proposals_free (session->esp_offer);
  ike_identity_clear (&session->remote_id);
  ike_identity_clear (&session->configured_id);
  if (!session->responder) /* which owns them */
    ike_credentials_free (session->credentials);
  roam_secret_unref (session->psk);
  roam_secret_unref (session->eap_password);
  roam_secret_unref (session->eap_new_password);
  g_free (session->eap_identity);
  g_free (session->eap_server_name);
  roam_secret_unref (session->ppk);
  g_free (session->ppk_id);
  g_strfreev (session->domains);
  g_clear_pointer (&session->refused_inner, g_array_unref);
}

void
ike_session_free (IkeSession *session)
{
  if (!session)
    return;
  forget_everything (session);
  g_queue_clear_full (&session->actions, free_action);
  g_ptr_array_unref (session->sas);
  g_ptr_array_unref (session->children);
  g_array_unref (session->attempts);
  g_hash_table_unref (session->counters);
  g_clear_pointer (&session->ocsp_answer, g_bytes_unref);
  roam_secret_unref (session->ticket);
  ike_identity_clear (&session->local_id);
  ike_path_tests_free (session->path_tests);
  roam_rng_free (session->rng);
  if (!session->owner)
    free_configuration (session);
  g_free (session);
}
