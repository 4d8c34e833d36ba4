/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * IKE_SA_INIT (RFC 7296 1.2, 2.6, 2.7) and IKE_SESSION_RESUME in its place (RFC 5723 4.3.2): COOKIE, another
 * group, and the answer that gives keys.
 */
#include "ike/ike-session-private.h"

/* An error that nobody signed is believed when no better answer came for that long (RFC 7296 2.21.1). */
#define PROBLEM_PATIENCE_US (5 * ROAM_USEC_PER_SEC)
/* A gateway that asks for one COOKIE after the other gets them slower each time. */
#define COOKIE_WAIT_US (200 * ROAM_USEC_PER_MSEC)

void
ike_handshake_clear (IkeHandshake *handshake)
{
  g_clear_pointer (&handshake->cookie, g_bytes_unref);
  ike_dh_free (handshake->dh);
  g_clear_pointer (&handshake->nonce, g_bytes_unref);
  g_clear_pointer (&handshake->peer_nonce, g_bytes_unref);
  g_clear_pointer (&handshake->own_init, g_bytes_unref);
  g_clear_pointer (&handshake->peer_init, g_bytes_unref);
  ike_identity_clear (&handshake->local_id);
  ike_proposals_free (handshake->esp);
  ike_eap_free (handshake->eap);
  g_clear_pointer (&handshake->eap_response, g_bytes_unref);
  g_clear_pointer (&handshake->peer_id, g_bytes_unref);
  ike_ppk_keys_clear (&handshake->without);
  ike_resumption_free (handshake->resumption);
  ike_puzzle_free (handshake->puzzle);
  g_clear_pointer (&handshake->solution, g_bytes_unref);
  ike_outside_clear (handshake);
  *handshake = (IkeHandshake){ .problem_us = ROAM_NEVER, .puzzle_us = ROAM_NEVER };
}

GBytes *
ike_new_nonce (IkeSession *session)
{
  guint8 nonce[IKE_NONCE_LENGTH];

  roam_rng_fill (session->rng, nonce, sizeof nonce);
  return g_bytes_new (nonce, sizeof nonce);
}

IkeView
ike_view (GBytes *bytes)
{
  IkeView view;

  view.data = g_bytes_get_data (bytes, &view.length);
  return view;
}

GBytes *
ike_message_nonce (const IkeMessage *message)
{
  const IkePayload *nonce = ike_message_find (message, IKE_PAYLOAD_NONCE);

  return nonce ? g_bytes_new (nonce->body.data, nonce->body.length) : NULL;
}

void
ike_init_repeat (IkeSession *session, IkeSa *sa, gint64 not_before_us)
{
  IkeTask *task = ike_task_new (session->handshake.resumption ? IKE_TASK_SESSION_RESUME : IKE_TASK_SA_INIT);

  ike_task_free (g_steal_pointer (&sa->task));
  roam_retransmit_stop (&sa->timer);
  sa->next_id = 0; /* RFC 7296 2.2: all retries of IKE_SA_INIT have Message ID 0 */
  task->sa = sa;
  task->not_before_us = not_before_us;
  ike_task_queue (session, task);
}

void
ike_init_open (IkeSession *session, const RoamNow *now, gboolean with_ticket)
{
  IkeHandshake *handshake = &session->handshake;
  IkeSa *sa;

  ike_handshake_clear (handshake);
  handshake->resumption = with_ticket ? ike_resume_open (session, now) : NULL;
  handshake->group = session->learned_group ? session->learned_group : ike_proposals_first_group (session->ike_offer);
  handshake->nonce = ike_new_nonce (session);
  session->mobility.now.local.port = session->mobility.now.remote.port =
    session->natt_port_first ? IKE_NATT_PORT : IKE_PORT;
  sa = ike_sa_new (session, ike_sa_new_spi (session), 0, TRUE);
  session->current = sa;
  ike_session_set_state (session, IKE_STATE_INIT);
  ike_init_repeat (session, sa, 0);
}

static void
begin (IkeSession *session, const RoamNow *now, gboolean with_ticket)
{
  for (guint i = 0; i < session->sas->len; i++)
    ike_sa_close (session, g_ptr_array_index (session->sas, i));
  ike_attempts_clear (session);
  ike_init_open (session, now, with_ticket);
}

void
ike_init_start (IkeSession *session, const RoamNow *now)
{
  session->heard_us = now->boot_us;
  begin (session, now, TRUE);
}

void
ike_init_without_ticket (IkeSession *session, const RoamNow *now)
{
  ike_count (session, "tickets-refused");
  if (session->current)
    ike_sa_close (session, session->current);
  ike_init_open (session, now, FALSE);
}

void
ike_init_redirect (IkeSession *session, const RoamNow *now, const RoamAddr *gateway)
{
  session->redirect.from = session->mobility.now.remote.addr;
  session->mobility.now.remote.addr = *gateway;
  ike_peer_addresses_replace (session, gateway);
  session->learned_group = 0; /* it was the other gateway's */
  ike_init_start (session, now);
}

/* FALSE: a key of the group cannot be made. */
static gboolean
add_offer (IkeSession *session, IkePayloads *payloads)
{
  IkeHandshake *handshake = &session->handshake;
  IkeView public;

  if (!handshake->dh)
    handshake->dh = ike_dh_new (handshake->group, session->rng);
  if (!handshake->dh)
    return FALSE;
  public = ike_dh_public (handshake->dh);
  ike_payloads_add_sa (payloads, session->ike_offer);
  ike_payloads_add_ke (payloads, handshake->group, public.data, public.length);
  return TRUE;
}

static void
add_extensions (IkeSession *session, IkePayloads *payloads)
{
  ike_payloads_add_notify (payloads, IKE_NOTIFY_IKEV2_FRAGMENTATION_SUPPORTED, NULL, 0);
  ike_redirect_add (session, payloads);
  if (ike_dialect_is_offered (session, &ike_dialect_mopo))
    ike_dialect_add_mopo (payloads);
  if (session->handshake.resumption)
    return; /* no certificates, and no second time for the PPK that is in SK_d (RFC 5723 4.3.3, 8784 3) */
  if (session->credentials)
    ike_payloads_add_notify_u16s (payloads, IKE_NOTIFY_SIGNATURE_HASH_ALGORITHMS, ike_signature_hashes,
                                  G_N_ELEMENTS (ike_signature_hashes));
  if (session->ppk)
    ike_payloads_add_notify (payloads, IKE_NOTIFY_USE_PPK, NULL, 0);
}

GPtrArray *
ike_init_build (IkeSession *session, IkeSa *sa)
{
  IkeHandshake *handshake = &session->handshake;
  IkeHeader header = { .spi_i = sa->spi_i,
                       .exchange = handshake->resumption ? IKE_EXCHANGE_IKE_SESSION_RESUME : IKE_EXCHANGE_IKE_SA_INIT,
                       .flags = IKE_FLAG_INITIATOR };
  g_autoptr (IkePayloads) payloads = ike_payloads_new ();
  g_autoptr (GPtrArray) messages = g_ptr_array_new_with_free_func ((GDestroyNotify)g_bytes_unref);
  GBytes *message;

  if (handshake->cookie)
    ike_payloads_add_notify (payloads, IKE_NOTIFY_COOKIE, ike_view (handshake->cookie).data,
                             ike_view (handshake->cookie).length);
  if (handshake->solution)
    ike_payloads_add_raw (payloads, IKE_PAYLOAD_PS, ike_view (handshake->solution).data,
                          ike_view (handshake->solution).length);
  if (!handshake->resumption && !add_offer (session, payloads))
    return NULL;
  ike_payloads_add_nonce (payloads, ike_view (handshake->nonce).data, ike_view (handshake->nonce).length);
  if (handshake->resumption)
    ike_resume_add (session, payloads);
  ike_nat_add_init (session, sa, &session->mobility.now, payloads);
  add_extensions (session, payloads);
  message = ike_message_build_clear (&header, payloads);
  if (!message)
    return NULL;
  g_ptr_array_add (messages, message);
  g_clear_pointer (&handshake->own_init, g_bytes_unref);
  handshake->own_init = g_bytes_ref (message);
  return g_steal_pointer (&messages);
}

/* RFC 7296 2.6 */
static void
process_cookie (IkeSession *session, IkeSa *sa, const RoamNow *now, const IkePayloadNotify *notify,
                const IkePayloadNotify *puzzle)
{
  IkeHandshake *handshake = &session->handshake;
  g_autoptr (GBytes) cookie = g_bytes_new (notify->data.data, notify->data.length);

  if (notify->data.length == 0 || notify->data.length > IKE_MAX_COOKIE ||
      (handshake->cookie && g_bytes_equal (cookie, handshake->cookie)))
    {
      ike_count (session, "cookies-ignored");
      return;
    }
  if (handshake->cookie_rounds >= IKE_MAX_COOKIE_ROUNDS)
    {
      ike_init_give_up (session, now, "the gateway asks for one COOKIE after the other",
                        "the gateway may be under attack; try again later");
      return;
    }
  g_clear_pointer (&handshake->cookie, g_bytes_unref);
  handshake->cookie = g_steal_pointer (&cookie);
  g_clear_pointer (&handshake->solution, g_bytes_unref);
  ike_init_repeat (session, sa,
                   handshake->cookie_rounds ? now->boot_us + COOKIE_WAIT_US * handshake->cookie_rounds : 0);
  handshake->cookie_rounds++;
  if (puzzle && ike_puzzle_start (session, now, puzzle, ike_view (handshake->cookie)))
    ike_puzzle_hold (session, sa);
}

/* RFC 7296 1.2: the same offer with a public value of the group that the gateway wants, if we offered it. */
static void
process_invalid_ke (IkeSession *session, IkeSa *sa, const RoamNow *now, const IkePayloadNotify *notify)
{
  IkeHandshake *handshake = &session->handshake;
  WireReader reader;
  guint16 group;

  wire_reader_init (&reader, notify->data.data, notify->data.length);
  if (!wire_read_u16 (&reader, &group) || !wire_reader_at_end (&reader) || group == handshake->group ||
      !ike_proposals_have_group (session->ike_offer, group) || !ike_dh_is_supported (group))
    {
      ike_count (session, "invalid-ke-ignored");
      return;
    }
  if (handshake->ke_rounds >= IKE_MAX_KE_ROUNDS)
    {
      ike_init_give_up (session, now, "INVALID_KE_PAYLOAD: the gateway accepts no key exchange method",
                        "compare the proposals of both sides");
      return;
    }
  handshake->ke_rounds++;
  handshake->group = group;
  ike_dh_free (g_steal_pointer (&handshake->dh));
  ike_init_repeat (session, sa, 0);
}

static void
note_problem (IkeSession *session, const RoamNow *now, guint16 notify_type)
{
  IkeHandshake *handshake = &session->handshake;

  handshake->problem = ike_notify_to_string (notify_type);
  handshake->advice = notify_type == IKE_NOTIFY_NO_PROPOSAL_CHOSEN ? "compare the IKE proposals of both sides" : NULL;
  if (notify_type == IKE_NOTIFY_NAT_PREVENTED && ike_dialect_is_offered (session, &ike_dialect_mopo))
    {
      handshake->problem = "NAT_PREVENTED: a NAT is on the path, which the policy forbids";
      handshake->advice = "connect through a network without NAT, or allow NATs on both sides";
    }
  if (handshake->problem_us == ROAM_NEVER)
    handshake->problem_us = now->boot_us + PROBLEM_PATIENCE_US;
}

/* The ticket's keys, as of before (RFC 5723 5.1). */
static IkeKeys *
derive_resumed (const IkeSession *session, const IkeSa *sa, const IkeMessage *message, const char **ret_reason)
{
  const IkePayload *nonce = ike_message_find (message, IKE_PAYLOAD_NONCE);

  *ret_reason = "IKE_SESSION_RESUME response without nonce";
  if (!nonce || message->header.spi_r == 0)
    return NULL;
  return ike_resumption_keys (session->handshake.resumption, ike_view (session->handshake.nonce), nonce->body,
                              sa->spi_i, message->header.spi_r);
}

/* Keys of the answer; NULL with a reason when it cannot be the answer to what we sent. */
static IkeKeys *
derive (const IkeSession *session, const IkeSa *sa, const IkeMessage *message, const char **ret_reason)
{
  const IkeHandshake *handshake = &session->handshake;
  const IkePayload *proposal = ike_message_find (message, IKE_PAYLOAD_SA);
  const IkePayload *ke = ike_message_find (message, IKE_PAYLOAD_KE);
  const IkePayload *nonce = ike_message_find (message, IKE_PAYLOAD_NONCE);
  IkeSuite suite;

  if (handshake->resumption)
    return derive_resumed (session, sa, message, ret_reason);
  *ret_reason = "IKE_SA_INIT response without SA, KE or nonce";
  if (!proposal || !ke || !nonce || message->header.spi_r == 0)
    return NULL;
  if (!ike_proposals_verify_answer (session->ike_offer, proposal->sa, 0, &suite, ret_reason))
    return NULL;
  *ret_reason = "the gateway knows no post-quantum preshared keys (USE_PPK), which the profile requires";
  if (session->require_ppk && !ike_message_find_notify (message, IKE_NOTIFY_USE_PPK))
    return NULL;
  *ret_reason = "the gateway does not take two authentications (MULTIPLE_AUTH_SUPPORTED), which the profile wants";
  if (session->then_eap && !ike_message_find_notify (message, IKE_NOTIFY_MULTIPLE_AUTH_SUPPORTED))
    return NULL;
  *ret_reason = "KE payload of another group than the one chosen";
  if (suite.group != handshake->group || ke->ke.group != handshake->group)
    return NULL;

  g_autoptr (RoamSecret) shared = ike_dh_shared (handshake->dh, ke->ke.data.data, ke->ke.data.length, ret_reason);
  if (!shared)
    return NULL;
  g_autoptr (RoamSecret) skeyseed = ike_skeyseed_initial (suite.prf, ike_view (handshake->nonce), nonce->body, shared);
  return skeyseed
           ? ike_keys_new (&suite, skeyseed, ike_view (handshake->nonce), nonce->body, sa->spi_i, message->header.spi_r)
           : NULL;
}

static void
take_features (IkeSession *session, const IkeSa *sa, const IkePair *pair, const IkeMessage *message)
{
  const IkePayloadNotify *hashes = ike_message_find_notify (message, IKE_NOTIFY_SIGNATURE_HASH_ALGORITHMS);
  IkeNatView nat;

  session->fragmentation = ike_message_find_notify (message, IKE_NOTIFY_IKEV2_FRAGMENTATION_SUPPORTED) != NULL;
  session->handshake.childless =
    session->want_childless && ike_message_find_notify (message, IKE_NOTIFY_CHILDLESS_IKEV2_SUPPORTED);
  if (!hashes || !ike_hash_set_parse (hashes->data, &session->handshake.peer_hashes))
    session->handshake.peer_hashes = 0;
  ike_nat_read (message, sa->spi_i, sa->spi_r, pair, &nat);
  ike_dialect_choose_in_init (session, message);
  session->nat_supported = nat.present && session->nat_policy == IKE_NAT_POLICY_TRAVERSE;
  session->nat_local = session->nat_supported && nat.local;
  session->nat_remote = session->nat_supported && nat.remote;
}

/* RFC 8019 7.2: a PUZZLE in an answer that is otherwise complete is about IKE_AUTH; its string is Nr | SPIr. */
static void
start_auth_puzzle (IkeSession *session, IkeSa *sa, const RoamNow *now, const IkeMessage *message)
{
  const IkePayloadNotify *puzzle = ike_message_find_notify (message, IKE_NOTIFY_PUZZLE);
  g_auto (WireWriter) writer = { 0 };
  IkeView nonce;

  g_clear_pointer (&session->handshake.solution, g_bytes_unref); /* that was for this exchange */
  if (!puzzle)
    return;
  nonce = ike_view (session->handshake.peer_nonce);
  wire_writer_init (&writer, nonce.length + sizeof sa->spi_r);
  wire_write_data (&writer, nonce.data, nonce.length);
  wire_write_u64 (&writer, sa->spi_r);
  ike_puzzle_start (session, now, puzzle, (IkeView){ wire_writer_peek (&writer), wire_writer_length (&writer) });
}

static void
process_answer (IkeSession *session, IkeSa *sa, const RoamNow *now, const IkePair *pair, const IkeMessage *message)
{
  IkeHandshake *handshake = &session->handshake;
  const char *reason = NULL;
  IkeKeys *keys = derive (session, sa, message, &reason);

  if (!keys)
    {
      ike_count (session, "init-responses-refused");
      g_debug ("ike: %s", reason);
      if (handshake->problem_us == ROAM_NEVER)
        handshake->problem_us = now->boot_us + PROBLEM_PATIENCE_US;
      handshake->problem = reason;
      return;
    }
  if (session->ppk && !handshake->resumption && ike_message_find_notify (message, IKE_NOTIFY_USE_PPK) &&
      !ike_ppk_mix (keys, session->ppk, &handshake->without))
    {
      ike_keys_free (keys);
      return;
    }
  sa->keys = keys;
  sa->spi_r = message->header.spi_r;
  handshake->peer_nonce = ike_message_nonce (message);
  handshake->peer_init = g_bytes_ref (message->octets);
  handshake->problem_us = ROAM_NEVER;
  if (!handshake->resumption)
    session->learned_group = handshake->group;
  take_features (session, sa, pair, message);
  if (session->nat_supported) /* RFC 4555 3.3: with MOBIKE on offer also without a NAT */
    session->mobility.now.local.port = session->mobility.now.remote.port = IKE_NATT_PORT;
  session->rtt_us = sa->resent ? session->rtt_us : now->boot_us - sa->first_sent_us;
  ike_task_free (g_steal_pointer (&sa->task));
  roam_retransmit_stop (&sa->timer);
  ike_session_set_state (session, IKE_STATE_AUTH);
  start_auth_puzzle (session, sa, now, message);
  ike_auth_begin (session, sa, now); /* its request waits for the solution */
}

void
ike_init_process (IkeSession *session, IkeSa *sa, const RoamNow *now, const IkePair *pair, const IkeMessage *message)
{
  const IkePayloadNotify *notify;

  if ((notify = ike_message_find_notify (message, IKE_NOTIFY_COOKIE)))
    process_cookie (session, sa, now, notify, ike_message_find_notify (message, IKE_NOTIFY_PUZZLE));
  else if ((notify = ike_message_find_notify (message, IKE_NOTIFY_REDIRECT)))
    ike_redirect_process_init (session, sa, now, notify);
  else if (session->handshake.resumption && ike_message_find_notify (message, IKE_NOTIFY_TICKET_NACK))
    ike_init_without_ticket (session, now);
  else if ((notify = ike_message_find_notify (message, IKE_NOTIFY_INVALID_KE_PAYLOAD)))
    process_invalid_ke (session, sa, now, notify);
  else if ((notify = ike_message_find_error (message)))
    note_problem (session, now, notify->notify_type);
  else
    process_answer (session, sa, now, pair, message);
}

void
ike_init_give_up (IkeSession *session, const RoamNow *now, const char *reason, const char *advice)
{
  if (!ike_attempts_next (session, now))
    ike_session_die (session, IKE_EVENT_FAILED, reason, advice);
}

void
ike_init_expired (IkeSession *session, const RoamNow *now)
{
  const char *reason = session->state == IKE_STATE_AUTH ? "no answer to IKE_AUTH" : "no answer to IKE_SA_INIT";

  if (session->handshake.resumption)
    {
      ike_init_without_ticket (session, now);
      return;
    }
  if (ike_attempts_next (session, now))
    return;
  if (session->state == IKE_STATE_AUTH && !session->handshake.restarted)
    {
      /* The IKE_SA_INIT response may have been forged: once more from the beginning (RFC 7296 2.4). */
      begin (session, now, FALSE);
      session->handshake.restarted = TRUE;
      return;
    }
  ike_session_die (session, IKE_EVENT_FAILED, reason,
                   "the gateway may be down, or this network blocks UDP ports 500 and 4500");
}
