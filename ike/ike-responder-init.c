/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* IKE_SA_INIT and IKE_SESSION_RESUME at the gateway (RFC 7296 1.2, 2.6, 2.7), and what is answered without an IKE SA.
 */
#include "ike/ike-algorithm-private.h"
#include "ike/ike-responder-private.h"

/* A COOKIE secret makes cookies that long and is then good for as long again. */
#define SECRET_LIFETIME_US (60 * ROAM_USEC_PER_SEC)
#define COOKIE_DIGEST "SHA256"
#define COOKIE_HASH_LENGTH 32
/* Version of the secret, then the hash. */
#define COOKIE_LENGTH (1 + COOKIE_HASH_LENGTH)
/* Unprotected errors help an honest client; more of them a second would help somebody else. */
#define MAX_STATELESS_PER_SECOND 20
/* The client has the time of its retransmissions to answer with IKE_AUTH. */
#define HALF_OPEN_US (30 * ROAM_USEC_PER_SEC)
/* One attempt in so many without a solution is let through where puzzles are asked for. */
#define PATIENCE_OF_LEGACY 8

/* --- answers that leave no state --- */

static void
send_stateless (IkeResponder *responder, const IkePair *pair, GBytes *message)
{
  IkeAction action = { .type = IKE_ACTION_SEND,
                       .send = { .ifindex = pair->ifindex, .local = pair->local, .remote = pair->remote } };

  action.send.datagram = ike_datagram_new (pair, message);
  g_queue_push_tail (&responder->actions, g_memdup2 (&action, sizeof action));
}

static void
send_payloads (IkeResponder *responder, const IkePair *pair, const IkeHeader *request, const IkePayloads *payloads)
{
  IkeHeader header = *request;
  g_autoptr (GBytes) message = NULL;

  header.flags = (guint8)(IKE_FLAG_RESPONSE | (~request->flags & IKE_FLAG_INITIATOR));
  message = ike_message_build_clear (&header, payloads);
  if (message)
    send_stateless (responder, pair, message);
}

static void
send_notify (IkeResponder *responder, const IkePair *pair, const IkeHeader *request, guint16 notify_type, IkeView data)
{
  g_autoptr (IkePayloads) payloads = ike_payloads_new ();

  ike_payloads_add_notify_protocol (payloads, notify_type, ike_dialect_protocol (notify_type), data.data, data.length);
  send_payloads (responder, pair, request, payloads);
}

void
ike_responder_refuse (IkeResponder *responder, const RoamNow *now, const IkePair *pair, const IkeHeader *header,
                      guint16 notify_type, IkeView data)
{
  if (header->flags & IKE_FLAG_RESPONSE)
    return;
  if (now->boot_us >= responder->stateless_us + ROAM_USEC_PER_SEC)
    {
      responder->stateless_us = now->boot_us;
      responder->n_stateless = 0;
    }
  if (responder->n_stateless >= MAX_STATELESS_PER_SECOND)
    {
      ike_responder_count (responder, "errors-not-sent");
      return;
    }
  responder->n_stateless++;
  send_notify (responder, pair, header, notify_type, data);
}

void
ike_responder_answer_path_test (IkeResponder *responder, const IkePair *pair, const IkeMessage *question)
{
  g_autoptr (GBytes) answer = ike_path_test_build_answer (pair, question);

  ike_responder_count (responder, "path-tests-received");
  if (answer)
    send_stateless (responder, pair, answer);
}

/* --- COOKIE --- */

static void
renew_secret (IkeResponder *responder, const RoamNow *now)
{
  guint8 secret[IKE_RESPONDER_SECRET_LENGTH];

  if (now->boot_us < responder->secret_us)
    return;
  roam_rng_fill (responder->rng, secret, sizeof secret);
  roam_secret_unref (responder->secrets[1]);
  responder->secrets[1] = responder->secrets[0];
  responder->secrets[0] = roam_secret_new (secret, sizeof secret);
  responder->secret_version++;
  responder->secret_us = now->boot_us + SECRET_LIFETIME_US;
  roam_wipe (secret, sizeof secret);
}

/* RFC 7296 2.6: version | hash (Ni | IPi | SPIi) under the secret of that version. */
static gboolean
make_cookie (const IkeResponder *responder, guint8 version, const IkePair *pair, const IkeHeader *header, IkeView nonce,
             guint8 out[COOKIE_LENGTH])
{
  const RoamSecret *secret = responder->secrets[version == responder->secret_version ? 0 : 1];
  g_auto (WireWriter) writer = { 0 };
  IkeView part;

  if (!secret)
    return FALSE;
  wire_writer_init (&writer, IKE_MAX_NONCE + sizeof pair->remote.addr.bytes + sizeof header->spi_i);
  wire_write_data (&writer, nonce.data, nonce.length);
  wire_write_addr (&writer, &pair->remote.addr);
  wire_write_u64 (&writer, header->spi_i);
  part = (IkeView){ wire_writer_peek (&writer), wire_writer_length (&writer) };
  out[0] = version;
  return ike_hmac (COOKIE_DIGEST, ike_view_secret (secret), &part, 1, out + 1, COOKIE_HASH_LENGTH);
}

/* The PRF of a puzzle for this client: one of both sides (RFC 8019 7.1.1.1); 0: none, or no puzzle for a ticket. */
static guint16
puzzle_prf (const IkeMessage *message)
{
  const IkePayload *offer = ike_message_find (message, IKE_PAYLOAD_SA);

  for (guint i = 0; offer && i < offer->sa->n_proposals; i++)
    for (guint j = 0; j < offer->sa->proposals[i].n_transforms; j++)
      {
        const IkeTransform *transform = &offer->sa->proposals[i].transforms[j];

        if (transform->type == IKE_TRANSFORM_PRF && ike_hmac_prf (transform->id))
          return transform->id;
      }
  return 0;
}

/*
 * Many at once have shown their addresses: who works for it goes first (RFC 8019 4.3). Clients that know no
 * puzzles are not shut out, but wait.
 */
static gboolean
has_earned (IkeResponder *responder, const IkeMessage *message, IkeView cookie, guint16 prf)
{
  const IkePayload *solution = ike_message_find (message, IKE_PAYLOAD_PS);
  guint zero_bits;

  if (!solution)
    return roam_rng_below (responder->rng, PATIENCE_OF_LEGACY) == 0;
  return ike_puzzle_verify (prf, cookie, solution->body, &zero_bits) && zero_bits >= responder->puzzle_difficulty;
}

static void
send_cookie (IkeResponder *responder, const IkePair *pair, const IkeMessage *message, IkeView nonce, guint16 prf)
{
  g_autoptr (IkePayloads) payloads = ike_payloads_new ();
  g_auto (WireWriter) puzzle = { 0 };
  guint8 cookie[COOKIE_LENGTH];

  if (!make_cookie (responder, responder->secret_version, pair, &message->header, nonce, cookie))
    return;
  ike_responder_count (responder, "cookies-sent");
  ike_payloads_add_notify (payloads, IKE_NOTIFY_COOKIE, cookie, sizeof cookie);
  if (prf != 0)
    {
      ike_responder_count (responder, "puzzles-sent");
      wire_writer_init (&puzzle, sizeof prf + sizeof responder->puzzle_difficulty);
      wire_write_u16 (&puzzle, prf);
      wire_write_u8 (&puzzle, responder->puzzle_difficulty);
      ike_payloads_add_notify (payloads, IKE_NOTIFY_PUZZLE, wire_writer_peek (&puzzle), wire_writer_length (&puzzle));
    }
  send_payloads (responder, pair, &message->header, payloads);
}

static gboolean
is_our_cookie (const IkeResponder *responder, const IkePair *pair, const IkeMessage *message, IkeView nonce,
               const IkePayloadNotify *cookie)
{
  guint8 expected[COOKIE_LENGTH], version;

  if (!cookie || cookie->data.length != COOKIE_LENGTH)
    return FALSE;
  version = cookie->data.data[0];
  return (version == responder->secret_version || version == (guint8)(responder->secret_version - 1)) &&
         make_cookie (responder, version, pair, &message->header, nonce, expected) &&
         roam_equal_constant_time (cookie->data.data, expected, COOKIE_LENGTH);
}

/* TRUE: the client showed that it receives at its address, or there is no need to ask. */
static gboolean
check_cookie (IkeResponder *responder, const RoamNow *now, const IkePair *pair, const IkeMessage *message)
{
  const IkePayloadNotify *cookie = ike_message_find_notify (message, IKE_NOTIFY_COOKIE);
  IkeView nonce = ike_message_find (message, IKE_PAYLOAD_NONCE)->body;
  guint n_half_open = ike_responder_n_half_open (responder);
  guint16 prf = n_half_open >= responder->puzzle_threshold ? puzzle_prf (message) : 0;

  if (n_half_open < MIN (responder->cookie_threshold, responder->puzzle_threshold))
    return TRUE;
  renew_secret (responder, now);
  if (is_our_cookie (responder, pair, message, nonce, cookie) &&
      (prf == 0 || has_earned (responder, message, cookie->data, prf)))
    return TRUE;
  send_cookie (responder, pair, message, nonce, prf);
  return FALSE;
}

/* --- IKE_SA_INIT --- */

/* What was agreed on, until there is a session. */
typedef struct
{
  IkeProposals *chosen;
  IkeSuite suite;
  IkeDh *dh;
  RoamSecret *shared;
  IkeResumption *resumption; /* IKE_SESSION_RESUME: instead of all the others */
} Agreement;

static void
agreement_clear (Agreement *agreement)
{
  ike_proposals_free (agreement->chosen);
  ike_dh_free (agreement->dh);
  roam_secret_unref (agreement->shared);
  ike_resumption_free (agreement->resumption);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (Agreement, agreement_clear)

static void
refuse_group (IkeResponder *responder, const RoamNow *now, const IkePair *pair, const IkeMessage *message,
              guint16 group)
{
  g_auto (WireWriter) writer = { 0 };

  wire_writer_init (&writer, sizeof group);
  wire_write_u16 (&writer, group);
  ike_responder_refuse (responder, now, pair, &message->header, IKE_NOTIFY_INVALID_KE_PAYLOAD,
                        (IkeView){ wire_writer_peek (&writer), wire_writer_length (&writer) });
}

/* FALSE: refused. */
static gboolean
agree (IkeResponder *responder, const RoamNow *now, const IkePair *pair, const IkeMessage *message,
       Agreement *agreement)
{
  const IkePayload *ke = ike_message_find (message, IKE_PAYLOAD_KE);
  const IkePayload *offer = ike_message_find (message, IKE_PAYLOAD_SA);
  const char *reason;

  if (!ike_proposals_choose (responder->ike_offer, offer->sa, ke->ke.group, &agreement->chosen, &agreement->suite) ||
      agreement->suite.group == IKE_GROUP_NONE)
    {
      ike_responder_refuse (responder, now, pair, &message->header, IKE_NOTIFY_NO_PROPOSAL_CHOSEN, (IkeView){ 0 });
      return FALSE;
    }
  if (agreement->suite.group != ke->ke.group)
    {
      refuse_group (responder, now, pair, message, agreement->suite.group);
      return FALSE;
    }
  agreement->dh = ike_dh_new (agreement->suite.group, responder->rng);
  if (agreement->dh)
    agreement->shared = ike_dh_shared (agreement->dh, ke->ke.data.data, ke->ke.data.length, &reason);
  if (!agreement->shared)
    ike_responder_refuse (responder, now, pair, &message->header, IKE_NOTIFY_INVALID_SYNTAX, (IkeView){ 0 });
  return agreement->shared != NULL;
}

/* RFC 5723 4.3.2: the ticket instead of an offer. FALSE: refused. */
static gboolean
agree_on_ticket (IkeResponder *responder, const RoamNow *now, const IkePair *pair, const IkeMessage *message,
                 Agreement *agreement)
{
  const IkePayloadNotify *ticket = ike_message_find_notify (message, IKE_NOTIFY_TICKET_OPAQUE);

  agreement->resumption = ike_responder_open_ticket (responder, now, ticket->data);
  if (!agreement->resumption)
    {
      ike_responder_count (responder, "tickets-refused");
      ike_responder_refuse (responder, now, pair, &message->header, IKE_NOTIFY_TICKET_NACK, (IkeView){ 0 });
    }
  return agreement->resumption != NULL;
}

/* RFC 5685 3: TRUE when the client is sent to another gateway. */
static gboolean
redirect (IkeResponder *responder, const IkePair *pair, const IkeMessage *message)
{
  IkeView nonce = ike_message_find (message, IKE_PAYLOAD_NONCE)->body;
  g_auto (WireWriter) writer = { 0 };

  if (!responder->redirect || roam_addr_equal (&responder->redirect_addr, &pair->local.addr) ||
      (!ike_message_find_notify (message, IKE_NOTIFY_REDIRECT_SUPPORTED) &&
       !ike_message_find_notify (message, IKE_NOTIFY_REDIRECTED_FROM)))
    return FALSE;
  wire_writer_init (&writer, g_bytes_get_size (responder->redirect) + nonce.length);
  wire_write_data (&writer, ike_view (responder->redirect).data, ike_view (responder->redirect).length);
  wire_write_data (&writer, nonce.data, nonce.length);
  ike_responder_count (responder, "redirects-sent");
  send_notify (responder, pair, &message->header, IKE_NOTIFY_REDIRECT,
               (IkeView){ wire_writer_peek (&writer), wire_writer_length (&writer) });
  return TRUE;
}

static IkeSession *
session_for_client (IkeResponder *responder)
{
  IkeSession *session = ike_session_alloc (responder->rng);

  session->responder = responder;
  session->credentials = responder->credentials;
  session->ike_offer = ike_proposals_copy (responder->ike_offer);
  session->esp_offer = ike_proposals_copy (responder->esp_offer);
  if (responder->local_id.data)
    ike_identity_copy (&responder->local_id, &session->configured_id);
  session->force_udp_encap = responder->force_udp_encap;
  session->nat_policy = responder->nat_policy;
  session->dpd_interval_us = responder->dpd_interval_us;
  session->rekey_ike_us = responder->rekey_ike_us;
  session->rekey_child_us = responder->rekey_child_us;
  session->nat_keepalive_us = IKE_DEFAULT_KEEPALIVE_US;
  return session;
}

static gboolean
derive (IkeSession *session, IkeSa *sa, const Agreement *agreement)
{
  IkeView ni = ike_view (session->handshake.peer_nonce), nr = ike_view (session->handshake.nonce);
  g_autoptr (RoamSecret) skeyseed = NULL;

  if (agreement->resumption)
    {
      sa->keys = ike_resumption_keys (agreement->resumption, ni, nr, sa->spi_i, sa->spi_r);
      return sa->keys != NULL;
    }
  skeyseed = ike_skeyseed_initial (agreement->suite.prf, ni, nr, agreement->shared);
  if (skeyseed)
    sa->keys = ike_keys_new (&agreement->suite, skeyseed, ni, nr, sa->spi_i, sa->spi_r);
  return sa->keys != NULL;
}

/* Each extension is confirmed only if the client named it. */
static void
take_features (IkeSession *session, const IkeSa *sa, const IkePair *pair, const IkeMessage *message,
               IkePayloads *payloads)
{
  const IkePayloadNotify *hashes = ike_message_find_notify (message, IKE_NOTIFY_SIGNATURE_HASH_ALGORITHMS);
  IkeNatView nat;

  ike_dialect_choose_in_init (session, message);
  if (session->dialect)
    ike_dialect_add_mopo (payloads);
  ike_nat_read (message, sa->spi_i, 0, pair, &nat);
  session->nat_prevented = session->dialect && ike_message_find_notify (message, IKE_NOTIFY_NAT_PREVENTION);
  session->nat_supported = nat.present && !session->nat_prevented && !session->responder->disable_nat_traversal &&
                           session->nat_policy == IKE_NAT_POLICY_TRAVERSE;
  session->nat_local = session->nat_supported && nat.local;
  session->nat_remote = session->nat_supported && nat.remote;
  if (session->nat_supported)
    ike_nat_add (session, sa, pair, payloads);
  session->fragmentation = ike_message_find_notify (message, IKE_NOTIFY_IKEV2_FRAGMENTATION_SUPPORTED) != NULL;
  if (session->fragmentation)
    ike_payloads_add_notify (payloads, IKE_NOTIFY_IKEV2_FRAGMENTATION_SUPPORTED, NULL, 0);
  session->redirect_supported = ike_message_find_notify (message, IKE_NOTIFY_REDIRECT_SUPPORTED) ||
                                ike_message_find_notify (message, IKE_NOTIFY_REDIRECTED_FROM);
  /* RFC 6023 4: with a Protocol ID. */
  ike_payloads_add_notify_protocol (payloads, IKE_NOTIFY_CHILDLESS_IKEV2_SUPPORTED, IKE_PROTOCOL_IKE, NULL, 0);
  if (!session->credentials || session->handshake.resumption)
    return;
  if (hashes && ike_hash_set_parse (hashes->data, &session->handshake.peer_hashes))
    ike_payloads_add_notify_u16s (payloads, IKE_NOTIFY_SIGNATURE_HASH_ALGORITHMS, ike_signature_hashes,
                                  G_N_ELEMENTS (ike_signature_hashes));
  ike_auth_add_certreq (session, payloads);
}

static GBytes *
build_answer (IkeSession *session, const IkeSa *sa, const IkePair *pair, const IkeMessage *message,
              const Agreement *agreement)
{
  IkeHeader header = {
    .spi_i = sa->spi_i, .spi_r = sa->spi_r, .exchange = message->header.exchange, .flags = IKE_FLAG_RESPONSE
  };
  g_autoptr (IkePayloads) payloads = ike_payloads_new ();
  IkeView public, nonce = ike_view (session->handshake.nonce);

  if (!session->handshake.resumption)
    {
      public = ike_dh_public (agreement->dh);
      ike_payloads_add_sa (payloads, agreement->chosen);
      ike_payloads_add_ke (payloads, agreement->suite.group, public.data, public.length);
    }
  ike_payloads_add_nonce (payloads, nonce.data, nonce.length);
  take_features (session, sa, pair, message, payloads);
  return ike_message_build_clear (&header, payloads);
}

/* Who it was, and who we were (RFC 5723 5). */
static void
take_ticket (IkeSession *session, Agreement *agreement)
{
  IkeResumption *resumption = g_steal_pointer (&agreement->resumption);

  session->handshake.resumption = resumption;
  session->method = resumption->method;
  ike_identity_clear (&session->remote_id);
  ike_identity_copy (&resumption->initiator_id, &session->remote_id);
  ike_identity_clear (&session->configured_id);
  ike_identity_copy (&resumption->responder_id, &session->configured_id);
}

static void
begin (IkeResponder *responder, const RoamNow *now, const IkePair *pair, const IkeMessage *message,
       Agreement *agreement)
{
  g_autoptr (IkeSession) session = session_for_client (responder);
  IkeHandshake *handshake = &session->handshake;
  IkeClient *client;
  IkeSa *sa;

  handshake->peer_nonce = ike_message_nonce (message);
  handshake->nonce = ike_new_nonce (session);
  session->mobility.now = *pair;
  session->heard_us = now->boot_us;
  sa = ike_sa_new (session, message->header.spi_i, ike_sa_new_spi (session), FALSE);
  sa->peer_next_id = 1; /* IKE_SA_INIT was 0 */
  session->current = sa;
  if (!derive (session, sa, agreement))
    return;
  handshake->peer_init = g_bytes_ref (message->octets);
  if (agreement->resumption)
    take_ticket (session, agreement);
  handshake->own_init = build_answer (session, sa, pair, message, agreement);
  if (!handshake->own_init)
    return;
  ike_session_set_state (session, IKE_STATE_AUTH);
  ike_session_send (session, pair, handshake->own_init);
  client = ike_responder_add (responder, g_steal_pointer (&session));
  client->remote = pair->remote;
  client->init_request = g_bytes_ref (handshake->peer_init);
  client->init_answer = g_bytes_ref (handshake->own_init);
  client->half_open_us = now->boot_us + HALF_OPEN_US;
}

/* RFC 7296 2.1: the same octets again get the same answer; TRUE when they were that. */
static gboolean
repeat (IkeResponder *responder, const IkePair *pair, const IkeMessage *message)
{
  for (guint i = 0; i < responder->clients->len; i++)
    {
      const IkeClient *client = g_ptr_array_index (responder->clients, i);

      if (!client->init_request || !roam_endpoint_equal (&client->remote, &pair->remote) ||
          !g_bytes_equal (client->init_request, message->octets))
        continue;
      ike_responder_count (responder, "init-repeated");
      send_stateless (responder, pair, client->init_answer);
      return TRUE;
    }
  return FALSE;
}

static gboolean
is_request (const IkeHeader *header)
{
  return (header->flags & IKE_FLAG_INITIATOR) && !(header->flags & IKE_FLAG_RESPONSE) && header->message_id == 0 &&
         header->spi_r == 0 && header->spi_i != 0;
}

static gboolean
is_complete (const IkeMessage *message)
{
  if (!ike_message_find (message, IKE_PAYLOAD_NONCE))
    return FALSE;
  if (message->header.exchange == IKE_EXCHANGE_IKE_SESSION_RESUME)
    return ike_message_find_notify (message, IKE_NOTIFY_TICKET_OPAQUE) != NULL;
  return ike_message_find (message, IKE_PAYLOAD_SA) && ike_message_find (message, IKE_PAYLOAD_KE);
}

void
ike_responder_receive_init (IkeResponder *responder, const RoamNow *now, const IkePair *pair, const IkeHeader *header,
                            const guint8 *data, gsize length)
{
  gboolean resumes = header->exchange == IKE_EXCHANGE_IKE_SESSION_RESUME;
  IkeParseError error = { 0 };
  g_autoptr (IkeMessage) message = is_request (header) ? ike_message_parse_clear (data, length, &error) : NULL;
  g_auto (Agreement) agreement = { 0 };

  if (error.status == IKE_PARSE_UNSUPPORTED_CRITICAL_PAYLOAD)
    ike_responder_refuse (responder, now, pair, header, IKE_NOTIFY_UNSUPPORTED_CRITICAL_PAYLOAD,
                          (IkeView){ &error.critical_payload, sizeof error.critical_payload });
  if (!message || !is_complete (message))
    {
      ike_responder_count (responder, "init-malformed");
      return;
    }
  if (repeat (responder, pair, message) || redirect (responder, pair, message) ||
      !check_cookie (responder, now, pair, message))
    return;
  if (ike_responder_n_half_open (responder) >= IKE_MAX_HALF_OPEN || responder->clients->len >= responder->max_clients)
    {
      ike_responder_count (responder, "clients-refused");
      return;
    }
  if (ike_nat_prevention_refuses_init (responder, pair, message))
    {
      ike_responder_count (responder, "init-through-nat");
      ike_responder_refuse (responder, now, pair, header, IKE_NOTIFY_NAT_PREVENTED, (IkeView){ 0 });
      return;
    }
  if (resumes ? agree_on_ticket (responder, now, pair, message, &agreement)
              : agree (responder, now, pair, message, &agreement))
    begin (responder, now, pair, message, &agreement);
}
