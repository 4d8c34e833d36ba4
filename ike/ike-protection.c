/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* SK and SKF payloads (RFC 7296 3.14, 5282, 7383 2.5): from octets to octets, both ways. */

#include "ike/ike-codec-private.h"

gboolean
ike_protection_locate (const guint8 *data, gsize length, const IkeHeader *header, IkeProtection *ret_where)
{
  IkeProtection where = { 0 };
  guint8 type = header->next_payload;
  WireReader reader;

  wire_reader_init (&reader, data, length);
  if (!wire_skip (&reader, IKE_HEADER_LENGTH))
    return FALSE;
  for (guint n = 0; type != IKE_PAYLOAD_NONE && where.type == 0; n++)
    {
      guint8 next;
      guint16 size;
      WireReader body;

      if (n == IKE_MAX_PAYLOADS || !wire_read_u8 (&reader, &next) || !wire_skip (&reader, 1) ||
          !wire_read_u16 (&reader, &size) || size < IKE_PAYLOAD_HEADER_LENGTH)
        return FALSE;
      where.content = wire_reader_position (&reader);
      if (!wire_read_sub (&reader, size - IKE_PAYLOAD_HEADER_LENGTH, &body))
        return FALSE;
      if (type == IKE_PAYLOAD_SK || type == IKE_PAYLOAD_SKF)
        {
          where.type = type;
          where.next = next;
          /* RFC 7296 3.14, 7383 2.5: it is the last payload. */
          if (wire_reader_left (&reader) != 0)
            return FALSE;
          if (type == IKE_PAYLOAD_SKF)
            {
              if (!wire_read_u16 (&body, &where.number) || !wire_read_u16 (&body, &where.total))
                return FALSE;
              where.content += IKE_FRAGMENT_HEADER_LENGTH;
            }
        }
      type = next;
    }
  *ret_where = where;
  return TRUE;
}

/* Strips padding and Pad Length; any padding content is good (RFC 7296 3.14). */
static GBytes *
strip_padding (guint8 *plain, gsize length, IkeParseError *ret_error)
{
  guint8 padding = plain[length - 1];

  if (padding > length - 1)
    {
      ike_parse_fail (ret_error, IKE_PARSE_INVALID_SYNTAX, "Pad Length");
      return NULL;
    }
  return g_bytes_new (plain, length - 1 - padding);
}

GBytes *
ike_protection_open (const guint8 *data, gsize length, const IkeProtection *where, const IkeCipher *cipher,
                     IkeParseError *ret_error)
{
  gsize iv_length = ike_cipher_iv_length (cipher), icv_length = ike_cipher_icv_length (cipher);
  g_autofree guint8 *plain = NULL;
  const guint8 *iv, *text, *icv;
  gsize text_length;
  GBytes *inner;
  WireReader reader;

  wire_reader_init (&reader, data, length);
  if (!wire_skip (&reader, where->content) || !wire_read_data (&reader, iv_length, &iv) ||
      wire_reader_left (&reader) <= icv_length ||
      (wire_reader_left (&reader) - icv_length) % ike_cipher_block_length (cipher) != 0)
    {
      ike_parse_fail (ret_error, IKE_PARSE_DROP, "encrypted payload too short or not in blocks");
      return NULL;
    }
  text_length = wire_reader_left (&reader) - icv_length;
  if (!wire_read_data (&reader, text_length, &text) || !wire_read_data (&reader, icv_length, &icv))
    return NULL;
  plain = g_malloc (text_length);
  if (!ike_cipher_open (cipher, (IkeView){ data, where->content }, iv, (IkeView){ text, text_length }, icv, plain))
    {
      ike_parse_fail (ret_error, IKE_PARSE_DROP, "integrity check failed");
      return NULL;
    }
  inner = strip_padding (plain, text_length, ret_error);
  roam_wipe (plain, text_length);
  return inner;
}

IkeMessage *
ike_message_open (const guint8 *data, gsize length, const IkeCipher *cipher, IkeParseError *ret_error)
{
  IkeProtection where;
  IkeHeader header;
  GBytes *inner;

  if (!ike_header_parse (data, length, &header, ret_error))
    return NULL;
  if (!ike_protection_locate (data, length, &header, &where) || where.type != IKE_PAYLOAD_SK)
    {
      ike_parse_fail (ret_error, IKE_PARSE_DROP, "no SK payload at the end");
      return NULL;
    }
  inner = ike_protection_open (data, length, &where, cipher, ret_error);
  if (inner == NULL)
    return NULL;
  return ike_message_new_protected (&header, g_bytes_new (data, length), inner, where.next, ret_error);
}

gboolean
ike_message_peek_protection (const guint8 *data, gsize length, guint8 *ret_type)
{
  IkeParseError error;
  IkeProtection where;
  IkeHeader header;

  if (!ike_header_parse (data, length, &header, &error) || !ike_protection_locate (data, length, &header, &where))
    return FALSE;
  *ret_type = where.type;
  return TRUE;
}

gboolean
ike_message_peek_fragment (const guint8 *data, gsize length, guint16 *ret_number, guint16 *ret_total)
{
  IkeParseError error;
  IkeProtection where;
  IkeHeader header;

  if (!ike_header_parse (data, length, &header, &error) || !ike_protection_locate (data, length, &header, &where) ||
      where.type != IKE_PAYLOAD_SKF)
    return FALSE;
  *ret_number = where.number;
  *ret_total = where.total;
  return TRUE;
}

/* Octets of padding so that content, padding and Pad Length fill whole blocks. */
static gsize
padding_for (gsize length, gsize block)
{
  return (block - (length + 1) % block) % block;
}

/* Octets of the payload before SK or SKF. */
static gsize
clear_length (guint8 type, IkeView body)
{
  return type == IKE_PAYLOAD_NONE ? 0 : IKE_PAYLOAD_HEADER_LENGTH + body.length;
}

/* Header, generic headers and fragment numbers: all that is authenticated but not encrypted. */
static void
write_prefix (WireWriter *writer, const IkeSealing *sealing, gsize content)
{
  gboolean fragment = sealing->total != 0;
  gsize payload = IKE_PAYLOAD_HEADER_LENGTH + (fragment ? IKE_FRAGMENT_HEADER_LENGTH : 0) + content;
  gsize before = clear_length (sealing->clear_type, sealing->clear);
  guint8 type = fragment ? IKE_PAYLOAD_SKF : IKE_PAYLOAD_SK;

  ike_header_write (writer, sealing->header, before ? sealing->clear_type : type,
                    (guint32)(IKE_HEADER_LENGTH + before + payload));
  if (before)
    {
      wire_write_u8 (writer, type);
      wire_write_u8 (writer, 0);
      wire_write_u16 (writer, (guint16)before);
      wire_write_data (writer, sealing->clear.data, sealing->clear.length);
    }
  wire_write_u8 (writer, sealing->next);
  wire_write_u8 (writer, 0);
  wire_write_u16 (writer, (guint16)payload);
  if (fragment)
    {
      wire_write_u16 (writer, sealing->number);
      wire_write_u16 (writer, sealing->total);
    }
}

GBytes *
ike_sealing_build (const IkeSealing *sealing, const IkeCipher *cipher, const guint8 *iv)
{
  gsize iv_length = ike_cipher_iv_length (cipher), icv_length = ike_cipher_icv_length (cipher);
  gsize padding = padding_for (sealing->inner.length, ike_cipher_block_length (cipher)) + sealing->padding;
  gsize plain_length = sealing->inner.length + padding + 1;
  g_autofree guint8 *plain = g_malloc0 (plain_length), *text = g_malloc (plain_length);
  g_auto (WireWriter) writer = { 0 };
  guint8 icv[IKE_MAX_ICV];
  gboolean sealed;

  wire_writer_init (&writer, IKE_MAX_MESSAGE);
  write_prefix (&writer, sealing, iv_length + plain_length + icv_length);
  if (wire_writer_length (&writer) + iv_length + plain_length + icv_length > IKE_MAX_MESSAGE || padding > G_MAXUINT8)
    return NULL;
  if (sealing->inner.length > 0)
    memcpy (plain, sealing->inner.data, sealing->inner.length);
  plain[plain_length - 1] = (guint8)padding;
  sealed = ike_cipher_seal (cipher, (IkeView){ wire_writer_peek (&writer), wire_writer_length (&writer) }, iv,
                            (IkeView){ plain, plain_length }, text, icv);
  roam_wipe (plain, plain_length);
  if (!sealed)
    return NULL;
  wire_write_data (&writer, iv, iv_length);
  wire_write_data (&writer, text, plain_length);
  wire_write_data (&writer, icv, icv_length);
  return wire_writer_finish (&writer);
}

GBytes *
ike_message_build_protected (const IkeHeader *header, const IkePayloads *payloads, IkeCipher *cipher, RoamRng *rng)
{
  IkeSealing sealing = { .header = header };
  guint8 iv[IKE_MAX_IV];

  sealing.clear_type = ike_payloads_peek_clear (payloads, &sealing.clear);
  if (!ike_payloads_peek (payloads, &sealing.next, &sealing.inner) || !ike_cipher_next_iv (cipher, rng, iv))
    return NULL;
  return ike_sealing_build (&sealing, cipher, iv);
}

/* Inner octets that one SKF message of @max_length carries. */
static gsize
fragment_room (gsize max_length, const IkeCipher *cipher)
{
  gsize overhead = IKE_HEADER_LENGTH + IKE_PAYLOAD_HEADER_LENGTH + IKE_FRAGMENT_HEADER_LENGTH +
                   ike_cipher_iv_length (cipher) + ike_cipher_icv_length (cipher);
  gsize room = max_length - overhead;

  return room - room % ike_cipher_block_length (cipher) - 1;
}

/* One of the fragments; NULL: the cipher's IVs are used up. */
static GBytes *
build_fragment (const IkeSealing *sealing, IkeCipher *cipher, RoamRng *rng)
{
  guint8 iv[IKE_MAX_IV];

  return ike_cipher_next_iv (cipher, rng, iv) ? ike_sealing_build (sealing, cipher, iv) : NULL;
}

GPtrArray *
ike_message_build_fragments (const IkeHeader *header, const IkePayloads *payloads, IkeCipher *cipher, RoamRng *rng,
                             gsize max_length)
{
  g_autoptr (GPtrArray) messages = g_ptr_array_new_with_free_func ((GDestroyNotify)g_bytes_unref);
  g_autoptr (GBytes) whole = ike_message_build_protected (header, payloads, cipher, rng);
  IkeSealing sealing = { .header = header };
  gsize room = fragment_room (MAX (max_length, IKE_MIN_FRAGMENT), cipher), room1, done = 0;
  IkeView inner;
  guint8 first;

  if (whole != NULL && g_bytes_get_size (whole) <= max_length)
    {
      g_ptr_array_add (messages, g_steal_pointer (&whole));
      return g_steal_pointer (&messages);
    }
  if (!ike_payloads_peek (payloads, &first, &inner))
    return NULL;
  /* RFC 7383 2.5.3: what is not encrypted goes into the first one, which carries so much less. */
  sealing.clear_type = ike_payloads_peek_clear (payloads, &sealing.clear);
  room1 = fragment_room (MAX (max_length, IKE_MIN_FRAGMENT + clear_length (sealing.clear_type, sealing.clear)) -
                           clear_length (sealing.clear_type, sealing.clear),
                         cipher);
  sealing.total = (guint16)MIN (1 + (inner.length - MIN (room1, inner.length) + room - 1) / room, G_MAXUINT16);
  if (sealing.total > IKE_MAX_FRAGMENTS)
    return NULL;
  /* RFC 7383 2.5: only fragment 1 names the first inner payload, each has an IV of its own. */
  sealing.next = first;
  for (sealing.number = 1; sealing.number <= sealing.total; sealing.number++)
    {
      gsize length = MIN (sealing.number == 1 ? room1 : room, inner.length - done);
      GBytes *message;

      sealing.inner = (IkeView){ inner.data + done, length };
      message = build_fragment (&sealing, cipher, rng);
      if (message == NULL)
        return NULL;
      g_ptr_array_add (messages, message);
      done += length;
      sealing.next = IKE_PAYLOAD_NONE;
      sealing.clear_type = IKE_PAYLOAD_NONE;
    }
  return g_steal_pointer (&messages);
}
