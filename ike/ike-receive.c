/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * From a datagram to a message of one of our SAs. Nothing changes here before the ICV was verified;
 * what is not authentic is counted, or at most makes us ask the gateway whether it lives.
 */
#include "ike/ike-session-private.h"

/* RFC 7296 2.4: what an unprotected message may cause is rate limited. */
#define DOUBT_INTERVAL_US (10 * ROAM_USEC_PER_SEC)

gboolean
ike_datagram_strip (const IkePair *pair, const guint8 **data, gsize *length)
{
  WireReader reader;
  guint32 marker;

  if (pair->local.port != IKE_NATT_PORT)
    return TRUE;
  wire_reader_init (&reader, *data, *length);
  if (!wire_read_u32 (&reader, &marker) || marker != 0)
    return FALSE;
  *length = wire_reader_left (&reader);
  return wire_read_data (&reader, *length, data);
}

/*
 * An unprotected message about an SA that has keys (RFC 7296 2.21.4): INVALID_IKE_SPI and the like
 * are a hint, so the gateway is asked; its answer decides.
 */
static void
take_hint (IkeSession *session, const RoamNow *now, const IkeSa *sa, const guint8 *data, gsize length)
{
  IkeParseError error;
  g_autoptr (IkeMessage) message = ike_message_parse_clear (data, length, &error);

  ike_count (session, "unprotected");
  if (!message || !ike_message_find_error (message) || sa != session->current ||
      session->state != IKE_STATE_ESTABLISHED || now->boot_us < session->doubt_us)
    return;
  session->doubt_us = now->boot_us + DOUBT_INTERVAL_US;
  if (!ike_task_find (session, IKE_TASK_CHECK, 0))
    ike_task_check (session, 0, TRUE);
}

static gboolean
is_expected_response (const IkeSa *sa, const IkeHeader *header)
{
  return sa->task && header->message_id == sa->request.id && header->exchange == ike_task_exchange (sa->task->type);
}

/* Is a request with this Message ID new, or the one answered last (RFC 7296 2.3)? */
static gboolean
is_in_window (const IkeSa *sa, const IkeHeader *header)
{
  return header->message_id == sa->peer_next_id || (sa->response.messages && header->message_id == sa->response.id);
}

/* RFC 7296 2.21.3: an authentic request that cannot be read is answered; INVALID_SYNTAX ends the SA. */
static void
process_bad_request (IkeSession *session, IkeSa *sa, const IkePair *pair, const IkeHeader *header,
                     const IkeParseError *error)
{
  g_autoptr (IkePayloads) payloads = ike_payloads_new ();

  if (header->message_id != sa->peer_next_id)
    return;
  if (!session->responder && sa->state == IKE_SA_HALF_OPEN)
    {
      ike_count (session, "requests-too-early"); /* keys alone prove nothing */
      return;
    }
  if (error->status == IKE_PARSE_UNSUPPORTED_CRITICAL_PAYLOAD)
    ike_payloads_add_notify (payloads, IKE_NOTIFY_UNSUPPORTED_CRITICAL_PAYLOAD, &error->critical_payload, 1);
  else
    ike_payloads_add_notify (payloads, IKE_NOTIFY_INVALID_SYNTAX, NULL, 0);
  ike_exchange_respond (session, sa, pair, header->exchange, payloads);
  if (error->status != IKE_PARSE_UNSUPPORTED_CRITICAL_PAYLOAD)
    ike_session_die (session, IKE_EVENT_DEAD,
                     ike_session_says (session, "INVALID_SYNTAX: the gateway sent a malformed request",
                                       "INVALID_SYNTAX: the client sent a malformed request"),
                     "report this to its maker");
}

static void
process_bad (IkeSession *session, IkeSa *sa, const RoamNow *now, const IkePair *pair, const IkeHeader *header,
             const IkeParseError *error)
{
  ike_count (session, error->status == IKE_PARSE_DROP ? "not-authentic" : "malformed");
  if (error->status != IKE_PARSE_INVALID_SYNTAX && error->status != IKE_PARSE_UNSUPPORTED_CRITICAL_PAYLOAD)
    return;
  if (!(header->flags & IKE_FLAG_RESPONSE))
    {
      process_bad_request (session, sa, pair, header, error);
      return;
    }
  roam_retransmit_stop (&sa->timer);
  ike_task_process_bad (session, sa, now, g_steal_pointer (&sa->task), error->reason);
}

/* Decrypts; NULL when there is no whole message yet, or it was bad (then dealt with). */
static IkeMessage *
open_message (IkeSession *session, IkeSa *sa, const RoamNow *now, const IkePair *pair, const IkeHeader *header,
              const guint8 *data, gsize length)
{
  IkeReassembly *fragments = sa->fragments[header->flags & IKE_FLAG_RESPONSE ? 0 : 1];
  IkeParseError error = { 0 };
  IkeMessage *message = NULL;
  guint8 protection;

  if (!ike_message_peek_protection (data, length, &protection))
    protection = 0;
  if (protection == IKE_PAYLOAD_SKF)
    switch (ike_reassembly_add (fragments, now->boot_us, data, length, ike_sa_cipher_in (sa), &message, &error))
      {
      case IKE_FRAGMENT_COMPLETE:
        return message;
      case IKE_FRAGMENT_STORED:
        return NULL;
      case IKE_FRAGMENT_DISCARDED:
        ike_count (session, "fragments-discarded");
        return NULL;
      case IKE_FRAGMENT_FAILED:
        process_bad (session, sa, now, pair, header, &error);
        return NULL;
      }
  if (protection != IKE_PAYLOAD_SK)
    {
      take_hint (session, now, sa, data, length);
      return NULL;
    }
  message = ike_message_open (data, length, ike_sa_cipher_in (sa), &error);
  if (!message)
    process_bad (session, sa, now, pair, header, &error);
  return message;
}

/* A request that was answered already. RFC 7383 2.6.1: of its fragments only the first one counts. */
static void
process_repeated (IkeSession *session, IkeSa *sa, const IkePair *pair, const guint8 *data, gsize length)
{
  IkeParseError error;
  guint16 number, total;
  guint8 protection;

  if (!ike_message_peek_protection (data, length, &protection))
    return;
  if (protection == IKE_PAYLOAD_SKF)
    {
      if (ike_message_peek_fragment (data, length, &number, &total) && number == 1)
        ike_exchange_repeat_response (session, sa, pair);
      return;
    }
  g_autoptr (IkeMessage) message = ike_message_open (data, length, ike_sa_cipher_in (sa), &error);
  if (message || error.status != IKE_PARSE_DROP)
    ike_exchange_repeat_response (session, sa, pair);
}

static void
receive_protected (IkeSession *session, IkeSa *sa, const RoamNow *now, const IkePair *pair, const IkeHeader *header,
                   const guint8 *data, gsize length)
{
  gboolean is_response = (header->flags & IKE_FLAG_RESPONSE) != 0;
  guint8 protection = 0;

  if (!ike_message_peek_protection (data, length, &protection) || protection == 0)
    {
      take_hint (session, now, sa, data, length);
      return;
    }
  if (is_response ? !is_expected_response (sa, header) : !is_in_window (sa, header))
    {
      ike_count (session, "wrong-message-id");
      return;
    }
  if (!is_response && header->message_id != sa->peer_next_id)
    {
      process_repeated (session, sa, pair, data, length);
      return;
    }
  g_autoptr (IkeMessage) message = open_message (session, sa, now, pair, header, data, length);
  if (!message)
    return;
  session->heard_us = MAX (session->heard_us, now->boot_us);
  if (is_response)
    ike_exchange_process_response (session, sa, now, pair, message);
  else
    ike_respond (session, sa, now, pair, message);
}

static void
receive_half_open (IkeSession *session, IkeSa *sa, const RoamNow *now, const IkePair *pair, const IkeHeader *header,
                   const guint8 *data, gsize length)
{
  IkeParseError error;

  if (!sa->task || header->exchange != ike_task_exchange (sa->task->type) || !(header->flags & IKE_FLAG_RESPONSE) ||
      header->message_id != 0)
    {
      ike_count (session, "unexpected");
      return;
    }
  g_autoptr (IkeMessage) message = ike_message_parse_clear (data, length, &error);
  if (!message)
    {
      ike_count (session, "malformed");
      return;
    }
  ike_attempts_enter (session, sa);
  ike_init_process (session, sa, now, pair, message);
  ike_attempts_settle (session);
}

void
ike_receive (IkeSession *session, const RoamNow *now, const IkePair *pair, const guint8 *data, gsize length)
{
  IkeHeader header;
  IkeParseError error;
  IkeSa *sa;

  if (!ike_datagram_strip (pair, &data, &length))
    {
      ike_count (session, length == 1 ? "keepalives-received" : "not-ike");
      return;
    }
  if (!ike_header_parse (data, length, &header, &error))
    {
      ike_count (session, "malformed");
      return;
    }
  if (header.exchange == IKE_EXCHANGE_PATH_TEST)
    {
      ike_path_test_receive (session, now, pair, data, length);
      return;
    }
  sa = ike_sa_find (session, &header);
  if (!sa)
    ike_count (session, "unknown-spi");
  else if (sa->keys)
    receive_protected (session, sa, now, pair, &header, data, length);
  else
    receive_half_open (session, sa, now, pair, &header, data, length);
}
