/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Session resumption at the gateway (RFC 5723): a ticket holds the state itself, encrypted with a key that
 * only this gateway has. What must be remembered are the tickets that are of no use any more, as long as
 * their key lives.
 */
#include "ike/ike-responder-private.h"

#include "ike/ike-algorithm-private.h"

#include <string.h>

/* RFC 5723 6.2: much longer than an IKE SA. The key before it opens tickets for as long again. */
#define KEY_PERIOD_US (24 * 3600 * ROAM_USEC_PER_SEC)
#define KEY_PERIODS_PER_TICKET 3
/* So many tickets that are of no use are remembered; then all of them are made worthless by a new key. */
#define MAX_SPENT 65536
#define MAX_PLAIN 8192
#define KEY_ID_LENGTH 4

static const IkeSuite ticket_suite = { .encr = IKE_ENCR_AES_GCM_16, .encr_bits = 256 };

struct _IkeTicketKey
{
  guint32 id;
  IkeCipher *cipher;
  GHashTable *spent; /* guint64: serials */
};

static void
key_free (IkeTicketKey *key)
{
  if (!key)
    return;
  ike_cipher_free (key->cipher);
  g_hash_table_unref (key->spent);
  g_free (key);
}

void
ike_responder_tickets_clear (IkeResponder *responder)
{
  for (guint i = 0; i < G_N_ELEMENTS (responder->ticket_keys); i++)
    g_clear_pointer (&responder->ticket_keys[i], key_free);
}

static IkeTicketKey *
key_new (IkeResponder *responder)
{
  IkeTicketKey *key = g_new0 (IkeTicketKey, 1);
  gsize length = ike_encr_key_length (ticket_suite.encr, ticket_suite.encr_bits);
  g_autofree guint8 *octets = g_malloc (length);
  g_autoptr (RoamSecret) sk_e = NULL;
  g_autoptr (RoamSecret) none = roam_secret_new (NULL, 0);

  roam_rng_fill (responder->rng, octets, length);
  sk_e = roam_secret_new (octets, length);
  roam_wipe (octets, length);
  key->id = roam_rng_u32 (responder->rng);
  key->cipher = ike_cipher_new (&ticket_suite, sk_e, none);
  key->spent = g_hash_table_new_full (g_int64_hash, g_int64_equal, g_free, NULL);
  return key;
}

static gint64
key_period_us (const IkeResponder *responder)
{
  return MAX (KEY_PERIOD_US, KEY_PERIODS_PER_TICKET * responder->rekey_ike_us);
}

static void
next_key (IkeResponder *responder, const RoamNow *now)
{
  key_free (responder->ticket_keys[1]);
  responder->ticket_keys[1] = responder->ticket_keys[0];
  responder->ticket_keys[0] = key_new (responder);
  responder->ticket_key_us = now->boot_us + key_period_us (responder);
}

static void
renew_keys (IkeResponder *responder, const RoamNow *now)
{
  if (responder->ticket_keys[0] && now->boot_us < responder->ticket_key_us)
    return;
  if (responder->ticket_keys[0] && now->boot_us >= responder->ticket_key_us + key_period_us (responder))
    ike_responder_tickets_clear (responder); /* nobody came for so long that both are over */
  next_key (responder, now);
}

/* A serial is of one key: its upper half is the key's id. */
static IkeTicketKey *
find_key (const IkeResponder *responder, guint32 id)
{
  for (guint i = 0; i < G_N_ELEMENTS (responder->ticket_keys); i++)
    if (responder->ticket_keys[i] && responder->ticket_keys[i]->id == id)
      return responder->ticket_keys[i];
  return NULL;
}

static gboolean
is_spent (const IkeResponder *responder, guint64 serial)
{
  const IkeTicketKey *key = find_key (responder, (guint32)(serial >> 32));

  return !key || g_hash_table_contains (key->spent, &serial);
}

void
ike_responder_spend_ticket (IkeResponder *responder, guint64 serial)
{
  IkeTicketKey *key = serial ? find_key (responder, (guint32)(serial >> 32)) : NULL;

  if (!key)
    return;
  if (g_hash_table_size (key->spent) < MAX_SPENT)
    g_hash_table_add (key->spent, g_memdup2 (&serial, sizeof serial));
  else if (key == responder->ticket_keys[0])
    ike_responder_tickets_clear (responder);
  else
    g_clear_pointer (&responder->ticket_keys[1], key_free);
}

/* --- sealing and opening --- */

static GBytes *
seal (IkeResponder *responder, IkeTicketKey *key, IkeView plain)
{
  g_auto (WireWriter) writer = { 0 };
  gsize iv_length = ike_cipher_iv_length (key->cipher), icv_length = ike_cipher_icv_length (key->cipher);
  g_autofree guint8 *text = g_malloc (plain.length);
  guint8 iv[IKE_MAX_IV], icv[IKE_MAX_ICV];

  wire_writer_init (&writer, KEY_ID_LENGTH + iv_length + plain.length + icv_length);
  wire_write_u32 (&writer, key->id);
  if (!ike_cipher_next_iv (key->cipher, responder->rng, iv) ||
      !ike_cipher_seal (key->cipher, (IkeView){ wire_writer_peek (&writer), wire_writer_length (&writer) }, iv, plain,
                        text, icv))
    return NULL;
  wire_write_data (&writer, iv, iv_length);
  wire_write_data (&writer, text, plain.length);
  wire_write_data (&writer, icv, icv_length);
  return wire_writer_finish (&writer);
}

static IkeResumption *
unseal (const IkeTicketKey *key, IkeView ticket)
{
  gsize icv_length = ike_cipher_icv_length (key->cipher), length;
  const guint8 *aad, *iv, *text, *icv;
  IkeResumption *resumption = NULL;
  guint8 *plain;
  WireReader reader;

  wire_reader_init (&reader, ticket.data, ticket.length);
  if (!wire_read_data (&reader, KEY_ID_LENGTH, &aad) ||
      !wire_read_data (&reader, ike_cipher_iv_length (key->cipher), &iv) || wire_reader_left (&reader) <= icv_length)
    return NULL;
  length = wire_reader_left (&reader) - icv_length;
  if (!wire_read_data (&reader, length, &text) || !wire_read_data (&reader, icv_length, &icv))
    return NULL;
  plain = g_malloc (length);
  if (ike_cipher_open (key->cipher, (IkeView){ aad, KEY_ID_LENGTH }, iv, (IkeView){ text, length }, icv, plain))
    resumption = ike_resumption_read ((IkeView){ plain, length });
  roam_wipe (plain, length);
  g_free (plain);
  return resumption;
}

IkeResumption *
ike_responder_open_ticket (IkeResponder *responder, const RoamNow *now, IkeView ticket)
{
  g_autoptr (IkeResumption) resumption = NULL;
  WireReader reader;
  guint32 id;
  const IkeTicketKey *key;

  if (responder->disable_tickets)
    return NULL;
  renew_keys (responder, now);
  wire_reader_init (&reader, ticket.data, ticket.length);
  key = wire_read_u32 (&reader, &id) ? find_key (responder, id) : NULL;
  resumption = key ? unseal (key, ticket) : NULL;
  if (!resumption || resumption->expires_unix <= roam_now_unix (now) || is_spent (responder, resumption->serial))
    return NULL;
  return g_steal_pointer (&resumption);
}

/* --- giving --- */

/* For @sa; the one before is of no use any more. NULL: it cannot be made. */
static GBytes *
make_ticket (IkeSession *session, const IkeSa *sa, const RoamNow *now, guint32 lifetime)
{
  IkeResponder *responder = session->responder;
  g_autoptr (IkeResumption) resumption = ike_resumption_new (session, sa);
  g_auto (WireWriter) writer = { 0 };
  GBytes *ticket;

  renew_keys (responder, now);
  resumption->serial = (guint64)responder->ticket_keys[0]->id << 32 | ++responder->last_ticket;
  resumption->expires_unix = roam_now_unix (now) + lifetime;
  wire_writer_init (&writer, MAX_PLAIN);
  ike_resumption_write (&writer, resumption);
  if (wire_writer_failed (&writer))
    return NULL;
  ticket =
    seal (responder, responder->ticket_keys[0], (IkeView){ wire_writer_peek (&writer), wire_writer_length (&writer) });
  roam_wipe (writer.buffer->data, writer.buffer->len);
  if (!ticket)
    return NULL;
  ike_responder_spend_ticket (responder, session->ticket_serial);
  session->ticket_serial = resumption->serial;
  return ticket;
}

void
ike_ticket_respond (IkeSession *session, const IkeSa *sa, const RoamNow *now, const IkeMessage *message,
                    IkePayloads *answer)
{
  g_auto (WireWriter) writer = { 0 };
  g_autoptr (GBytes) ticket = NULL;
  guint32 lifetime;

  if (!session->responder || session->responder->disable_tickets ||
      !ike_message_find_notify (message, IKE_NOTIFY_TICKET_REQUEST))
    return;
  /* RFC 5723 6.2: as long as an IKE SA lives. */
  lifetime = (guint32)(session->responder->rekey_ike_us / ROAM_USEC_PER_SEC);
  ticket = make_ticket (session, sa, now, lifetime);
  if (!ticket)
    {
      ike_payloads_add_notify (answer, IKE_NOTIFY_TICKET_NACK, NULL, 0);
      return;
    }
  ike_count (session, "tickets-given");
  wire_writer_init (&writer, sizeof lifetime + g_bytes_get_size (ticket));
  wire_write_u32 (&writer, lifetime);
  wire_write_data (&writer, ike_view (ticket).data, ike_view (ticket).length);
  ike_payloads_add_notify (answer, IKE_NOTIFY_TICKET_LT_OPAQUE, wire_writer_peek (&writer),
                           wire_writer_length (&writer));
}

/* --- IKE_AUTH --- */

void
ike_resume_respond_auth (IkeSession *session, IkeSa *sa, const RoamNow *now, const IkePair *pair,
                         const IkeMessage *message)
{
  IkeResponder *responder = session->responder;
  IkeResumption *resumption = session->handshake.resumption;
  g_autoptr (IkePayloads) payloads = ike_payloads_new ();

  if (!ike_resumption_verify_auth (session, sa, message) || is_spent (responder, resumption->serial))
    {
      ike_auth_refuse_client (session, sa, pair, IKE_NOTIFY_AUTHENTICATION_FAILED,
                              "the client's AUTH does not fit its ticket (RFC 5723 4.3.3)");
      return;
    }
  ike_payloads_add_id (payloads, IKE_PAYLOAD_IDR, ike_auth_local_id (session));
  if (!ike_resumption_add_auth (session, sa, payloads))
    {
      ike_auth_refuse_client (session, sa, pair, IKE_NOTIFY_AUTHENTICATION_FAILED, "our own AUTH could not be made");
      return;
    }
  ike_responder_spend_ticket (responder, resumption->serial);
  ike_responder_forget_sa (responder, resumption->spi_i, resumption->spi_r);
  session->ppk_used = resumption->ppk;
  ike_responder_count (responder, "sessions-resumed");
  ike_auth_accept_client (session, sa, now, pair, message, payloads);
}
