/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Session resumption (RFC 5723): what a ticket stands for, and the client's part. */
#include "ike/ike-session-private.h"

#include "ike/ike-algorithm-private.h"

#include <string.h>

#define TICKET_VERSION 1
/* An identity is a name or a DN, a ticket some state in encrypted form. */
#define MAX_IDENTITY 2048
#define MAX_OPAQUE 8192
#define MAX_TICKET (2 * MAX_IDENTITY + MAX_OPAQUE + 512)
/* TICKET_ACK: "later" is after these, each twice the one before; a gateway that never has one is not asked for ever. */
#define LATER_US (10 * ROAM_USEC_PER_SEC)
#define MAX_LATER 5

void
ike_resumption_free (IkeResumption *resumption)
{
  if (!resumption)
    return;
  ike_identity_clear (&resumption->initiator_id);
  ike_identity_clear (&resumption->responder_id);
  roam_secret_unref (resumption->sk_d);
  g_clear_pointer (&resumption->opaque, g_bytes_unref);
  g_free (resumption);
}

IkeResumption *
ike_resumption_new (const IkeSession *session, const IkeSa *sa)
{
  const IkeIdentity *own = &session->local_id, *peer = &session->remote_id;
  IkeResumption *resumption = g_new0 (IkeResumption, 1);

  ike_identity_copy (session->responder ? peer : own, &resumption->initiator_id);
  ike_identity_copy (session->responder ? own : peer, &resumption->responder_id);
  resumption->spi_i = sa->spi_i;
  resumption->spi_r = sa->spi_r;
  resumption->method = session->method;
  resumption->suite = sa->keys->suite;
  resumption->sk_d = roam_secret_ref (sa->keys->sk_d);
  resumption->ppk = session->ppk_used;
  resumption->tia4 = session->configuration.tia4;
  resumption->tia6 = session->configuration.tia6;
  resumption->gateway = session->gateway;
  return resumption;
}

/* --- as octets --- */

static void
write_bytes (WireWriter *writer, IkeView octets)
{
  wire_write_u16 (writer, (guint16)octets.length);
  wire_write_data (writer, octets.data, octets.length);
}

static gboolean
read_bytes (WireReader *reader, gsize limit, IkeView *ret)
{
  guint16 length;

  ret->length = 0;
  if (!wire_read_u16 (reader, &length) || length > limit || !wire_read_data (reader, length, &ret->data))
    return FALSE;
  ret->length = length;
  return TRUE;
}

static void
write_identity (WireWriter *writer, const IkeIdentity *id)
{
  wire_write_u8 (writer, id->type);
  write_bytes (writer, ike_view (id->data));
}

static gboolean
read_identity (WireReader *reader, IkeIdentity *id)
{
  IkeView data;

  if (!wire_read_u8 (reader, &id->type) || !read_bytes (reader, MAX_IDENTITY, &data))
    return FALSE;
  id->data = g_bytes_new (data.data, data.length);
  return TRUE;
}

static void
write_address (WireWriter *writer, const RoamAddr *addr)
{
  wire_write_u8 (writer, (guint8)addr->family);
  wire_write_addr (writer, addr);
}

static gboolean
read_address (WireReader *reader, RoamAddr *addr)
{
  guint8 family;

  if (!wire_read_u8 (reader, &family))
    return FALSE;
  if (family == ROAM_FAMILY_NONE)
    return TRUE;
  return (family == ROAM_FAMILY_INET4 || family == ROAM_FAMILY_INET6) &&
         wire_read_addr (reader, (RoamFamily)family, addr);
}

static void
write_suite (WireWriter *writer, const IkeSuite *suite)
{
  wire_write_u16 (writer, suite->encr);
  wire_write_u16 (writer, suite->encr_bits);
  wire_write_u16 (writer, suite->integ);
  wire_write_u16 (writer, suite->prf);
  wire_write_u16 (writer, suite->group);
}

static gboolean
read_suite (WireReader *reader, IkeSuite *suite)
{
  return wire_read_u16 (reader, &suite->encr) && wire_read_u16 (reader, &suite->encr_bits) &&
         wire_read_u16 (reader, &suite->integ) && wire_read_u16 (reader, &suite->prf) &&
         wire_read_u16 (reader, &suite->group);
}

void
ike_resumption_write (WireWriter *writer, const IkeResumption *resumption)
{
  wire_write_u8 (writer, TICKET_VERSION);
  wire_write_u64 (writer, resumption->serial);
  wire_write_u64 (writer, resumption->spi_i);
  wire_write_u64 (writer, resumption->spi_r);
  wire_write_u64 (writer, (guint64)resumption->expires_unix);
  write_identity (writer, &resumption->initiator_id);
  write_identity (writer, &resumption->responder_id);
  wire_write_u8 (writer, (guint8)resumption->method);
  write_suite (writer, &resumption->suite);
  write_bytes (writer, ike_view_secret (resumption->sk_d));
  wire_write_u8 (writer, resumption->ppk ? 1 : 0);
  write_address (writer, &resumption->tia4);
  write_address (writer, &resumption->tia6);
  write_address (writer, &resumption->gateway);
  write_bytes (writer, resumption->opaque ? ike_view (resumption->opaque) : (IkeView){ 0 });
}

static gboolean
read_rest (WireReader *reader, IkeResumption *resumption)
{
  guint8 method, ppk;
  IkeView sk_d, opaque;

  if (!read_identity (reader, &resumption->initiator_id) || !read_identity (reader, &resumption->responder_id) ||
      !wire_read_u8 (reader, &method) || !read_suite (reader, &resumption->suite) ||
      !read_bytes (reader, IKE_MAX_HASH, &sk_d))
    return FALSE;
  if (method > IKE_AUTH_METHOD_EAP || sk_d.length == 0 || sk_d.length != ike_prf_length (resumption->suite.prf))
    return FALSE;
  resumption->method = (IkeAuthMethod)method;
  resumption->sk_d = roam_secret_new (sk_d.data, sk_d.length);
  if (!wire_read_u8 (reader, &ppk) || !read_address (reader, &resumption->tia4) ||
      !read_address (reader, &resumption->tia6) || !read_address (reader, &resumption->gateway) ||
      !read_bytes (reader, MAX_OPAQUE, &opaque) || !wire_reader_at_end (reader))
    return FALSE;
  resumption->ppk = ppk != 0;
  resumption->opaque = g_bytes_new (opaque.data, opaque.length);
  return TRUE;
}

IkeResumption *
ike_resumption_read (IkeView octets)
{
  g_autoptr (IkeResumption) resumption = g_new0 (IkeResumption, 1);
  WireReader reader;
  guint64 expires;
  guint8 version;

  wire_reader_init (&reader, octets.data, octets.length);
  if (!wire_read_u8 (&reader, &version) || version != TICKET_VERSION || !wire_read_u64 (&reader, &resumption->serial) ||
      !wire_read_u64 (&reader, &resumption->spi_i) || !wire_read_u64 (&reader, &resumption->spi_r) ||
      !wire_read_u64 (&reader, &expires))
    return NULL;
  resumption->expires_unix = (gint64)MIN (expires, (guint64)G_MAXINT64);
  return read_rest (&reader, resumption) ? g_steal_pointer (&resumption) : NULL;
}

/* As a secret, which is what the caller of the engine stores. */
static RoamSecret *
to_secret (const IkeResumption *resumption)
{
  g_auto (WireWriter) writer = { 0 };
  RoamSecret *secret;

  wire_writer_init (&writer, MAX_TICKET);
  ike_resumption_write (&writer, resumption);
  if (wire_writer_failed (&writer))
    return NULL;
  secret = roam_secret_new (wire_writer_peek (&writer), wire_writer_length (&writer));
  roam_wipe (writer.buffer->data, writer.buffer->len);
  return secret;
}

/* --- keys --- */

RoamSecret *
ike_resumption_skeyseed (guint16 prf, const RoamSecret *sk_d, IkeView ni, IkeView nr)
{
  static const char label[] = "Resumption";
  const IkeView parts[] = { { (const guint8 *)label, sizeof label - 1 }, ni, nr };
  guint8 out[IKE_MAX_HASH];
  RoamSecret *skeyseed = NULL;

  if (ike_prf (prf, ike_view_secret (sk_d), parts, G_N_ELEMENTS (parts), out))
    skeyseed = roam_secret_new (out, ike_prf_length (prf));
  roam_wipe (out, sizeof out);
  return skeyseed;
}

IkeKeys *
ike_resumption_keys (const IkeResumption *resumption, IkeView ni, IkeView nr, guint64 spi_i, guint64 spi_r)
{
  g_autoptr (RoamSecret) skeyseed = ike_resumption_skeyseed (resumption->suite.prf, resumption->sk_d, ni, nr);

  return skeyseed ? ike_keys_new (&resumption->suite, skeyseed, ni, nr, spi_i, spi_r) : NULL;
}

/* AUTH of one side: no key pad, no shared secret, no certificate. */
static gboolean
make_auth (const IkeSession *session, const IkeSa *sa, gboolean ours, IkeView id_body, guint8 out[IKE_MAX_HASH])
{
  const IkeHandshake *handshake = &session->handshake;
  const RoamSecret *sk_p = ike_sa_sk_p (sa, ours);
  guint16 prf = sa->keys->suite.prf;
  g_autoptr (GBytes) octets =
    ike_auth_signed_octets (prf, ike_view (ours ? handshake->own_init : handshake->peer_init),
                            ike_view (ours ? handshake->peer_nonce : handshake->nonce), sk_p, id_body);
  IkeView part;

  if (!octets)
    return FALSE;
  part = ike_view (octets);
  return ike_prf (prf, ike_view_secret (sk_p), &part, 1, out);
}

gboolean
ike_resumption_add_auth (IkeSession *session, const IkeSa *sa, IkePayloads *payloads)
{
  g_autoptr (GBytes) body = ike_identity_to_body (ike_auth_local_id (session));
  guint8 auth[IKE_MAX_HASH];

  if (!make_auth (session, sa, TRUE, ike_view (body), auth))
    return FALSE;
  ike_payloads_add_auth (payloads, IKE_AUTH_ID_SHARED_KEY, auth, ike_prf_length (sa->keys->suite.prf));
  return TRUE;
}

gboolean
ike_resumption_verify_auth (const IkeSession *session, const IkeSa *sa, const IkeMessage *message)
{
  const IkeResumption *resumption = session->handshake.resumption;
  const IkeIdentity *expected = session->responder ? &resumption->initiator_id : &resumption->responder_id;
  const IkePayload *id = ike_message_find (message, session->responder ? IKE_PAYLOAD_IDI : IKE_PAYLOAD_IDR);
  const IkePayload *auth = ike_message_find (message, IKE_PAYLOAD_AUTH);
  guint8 right[IKE_MAX_HASH];

  /* RFC 5723 4.3.3: identities are those of the ticket, octet by octet. */
  return id && auth && id->id.id_type == expected->type && id->id.data.length == g_bytes_get_size (expected->data) &&
         memcmp (id->id.data.data, ike_view (expected->data).data, id->id.data.length) == 0 &&
         auth->auth.method == IKE_AUTH_ID_SHARED_KEY &&
         auth->auth.data.length == ike_prf_length (sa->keys->suite.prf) &&
         make_auth (session, sa, FALSE, id->id.body, right) &&
         roam_equal_constant_time (right, auth->auth.data.data, auth->auth.data.length);
}

/* --- presenting --- */

static gboolean
has_transform (const IkeProposal *proposal, IkeTransformType type, guint16 id, guint16 bits)
{
  for (guint i = 0; i < proposal->n_transforms; i++)
    if (proposal->transforms[i].type == type && proposal->transforms[i].id == id &&
        proposal->transforms[i].key_bits == bits)
      return TRUE;
  return FALSE;
}

/* The profile may have become stricter since. */
static gboolean
is_still_offered (const IkeProposals *offer, const IkeSuite *suite)
{
  for (guint i = 0; i < offer->n_proposals; i++)
    {
      const IkeProposal *proposal = &offer->proposals[i];

      if (has_transform (proposal, IKE_TRANSFORM_ENCR, suite->encr, suite->encr_bits) &&
          has_transform (proposal, IKE_TRANSFORM_PRF, suite->prf, 0) &&
          (suite->integ == IKE_INTEG_NONE || has_transform (proposal, IKE_TRANSFORM_INTEG, suite->integ, 0)))
        return TRUE;
    }
  return FALSE;
}

static gboolean
same_identity (const IkeIdentity *a, const IkeIdentity *b)
{
  return a->type == b->type && g_bytes_equal (a->data, b->data);
}

/* The ticket is one of this profile: the gateway, the identities, the way to authenticate, the algorithms. */
static gboolean
fits (const IkeSession *session, const IkeResumption *resumption)
{
  return roam_addr_equal (&resumption->gateway, &session->gateway) && resumption->method == session->method &&
         (!session->configured_id.data || same_identity (&session->configured_id, &resumption->initiator_id)) &&
         same_identity (&session->remote_id, &resumption->responder_id) &&
         is_still_offered (session->ike_offer, &resumption->suite) && (!session->require_ppk || resumption->ppk);
}

IkeResumption *
ike_resume_open (IkeSession *session, const RoamNow *now)
{
  g_autoptr (IkeResumption) resumption = NULL;

  if (!session->ticket)
    return NULL;
  resumption = ike_resumption_read (ike_view_secret (session->ticket));
  if (!resumption || resumption->expires_unix <= roam_now_unix (now))
    {
      ike_ticket_forget (session);
      return NULL;
    }
  if (!fits (session, resumption))
    {
      ike_count (session, "tickets-not-fitting");
      return NULL;
    }
  session->wanted4 = resumption->tia4;
  session->wanted6 = resumption->tia6;
  ike_identity_copy (&resumption->initiator_id, &session->handshake.local_id);
  return g_steal_pointer (&resumption);
}

void
ike_resume_add (const IkeSession *session, IkePayloads *payloads)
{
  IkeView opaque = ike_view (session->handshake.resumption->opaque);

  ike_payloads_add_notify (payloads, IKE_NOTIFY_TICKET_OPAQUE, opaque.data, opaque.length);
}

IkePayloads *
ike_resume_build_auth (IkeSession *session, IkeSa *sa)
{
  g_autoptr (IkePayloads) payloads = ike_payloads_new ();

  ike_payloads_add_id (payloads, IKE_PAYLOAD_IDI, ike_auth_local_id (session));
  ike_payloads_add_id (payloads, IKE_PAYLOAD_IDR, &session->handshake.resumption->responder_id);
  if (!ike_resumption_add_auth (session, sa, payloads))
    return NULL;
  ike_auth_add_request (session, payloads);
  return g_steal_pointer (&payloads);
}

void
ike_resume_process_auth (IkeSession *session, IkeSa *sa, const RoamNow *now, const IkePair *pair,
                         const IkeMessage *message)
{
  if (ike_message_find_error (message) && !ike_message_find (message, IKE_PAYLOAD_AUTH))
    {
      /* Authentic, as far as the ticket's keys go: it is of no use any more. */
      ike_ticket_forget (session);
      ike_init_without_ticket (session, now);
      return;
    }
  if (!ike_resumption_verify_auth (session, sa, message))
    {
      ike_auth_refuse_gateway (session, sa, now, "the gateway's AUTH does not fit the ticket (RFC 5723 4.3.3)", NULL);
      return;
    }
  session->ppk_used = session->handshake.resumption->ppk;
  ike_count (session, "sessions-resumed");
  ike_auth_accept (session, sa, now, pair, message);
}

/* --- getting tickets --- */

void
ike_ticket_forget (IkeSession *session)
{
  IkeAction action = { .type = IKE_ACTION_TICKET };

  if (session->responder)
    {
      ike_responder_spend_ticket (session->responder, session->ticket_serial);
      session->ticket_serial = 0;
    }
  if (!session->ticket)
    return;
  g_clear_pointer (&session->ticket, roam_secret_unref);
  ike_session_push (session, &action);
}

void
ike_ticket_add_request (const IkeSession *session, IkePayloads *payloads)
{
  if (session->request_ticket)
    ike_payloads_add_notify (payloads, IKE_NOTIFY_TICKET_REQUEST, NULL, 0);
}

IkePayloads *
ike_ticket_build (void)
{
  IkePayloads *payloads = ike_payloads_new ();

  ike_payloads_add_notify (payloads, IKE_NOTIFY_TICKET_REQUEST, NULL, 0);
  return payloads;
}

void
ike_ticket_queue_request (IkeSession *session, gint64 not_before_us)
{
  IkeTask *task;

  if (!session->request_ticket || !session->tickets_supported || ike_task_find (session, IKE_TASK_TICKET, 0))
    return;
  task = ike_task_new (IKE_TASK_TICKET);
  task->not_before_us = not_before_us;
  ike_task_queue (session, task);
}

static void
store (IkeSession *session, const IkeSa *sa, const RoamNow *now, guint32 lifetime, IkeView opaque)
{
  g_autoptr (IkeResumption) resumption = ike_resumption_new (session, sa);
  IkeAction action = { .type = IKE_ACTION_TICKET };
  RoamSecret *ticket;

  resumption->expires_unix = roam_now_unix (now) + lifetime;
  resumption->opaque = g_bytes_new (opaque.data, opaque.length);
  ticket = to_secret (resumption);
  if (!ticket)
    return;
  roam_secret_unref (session->ticket);
  session->ticket = ticket;
  session->tickets_later = 0;
  action.ticket.ticket = roam_secret_ref (ticket);
  action.ticket.expires_wall_us = resumption->expires_unix * ROAM_USEC_PER_SEC;
  ike_session_push (session, &action);
}

void
ike_ticket_process (IkeSession *session, const IkeSa *sa, const RoamNow *now, const IkeMessage *message)
{
  const IkePayloadNotify *notify = ike_message_find_notify (message, IKE_NOTIFY_TICKET_LT_OPAQUE);
  WireReader reader;
  guint32 lifetime;
  IkeView opaque;

  if (!session->request_ticket || session->responder)
    return; /* never asked for */
  if (notify)
    {
      session->tickets_supported = TRUE;
      wire_reader_init (&reader, notify->data.data, notify->data.length);
      if (!wire_read_u32 (&reader, &lifetime) || lifetime == 0)
        return;
      opaque.length = wire_reader_left (&reader);
      if (opaque.length > 0 && opaque.length <= MAX_OPAQUE && wire_read_data (&reader, opaque.length, &opaque.data))
        store (session, sa, now, lifetime, opaque);
    }
  else if (ike_message_find_notify (message, IKE_NOTIFY_TICKET_ACK) && session->tickets_later < MAX_LATER)
    {
      session->tickets_supported = TRUE;
      ike_ticket_queue_request (session, now->boot_us + (LATER_US << session->tickets_later));
      session->tickets_later++;
    }
}
