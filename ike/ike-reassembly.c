/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Putting fragments of a message together again (RFC 7383 2.6). */

#include "ike/ike-codec-private.h"

struct _IkeReassembly
{
  gboolean active;
  IkeHeader header; /* of the first fragment that came */
  gint64 deadline_us;
  guint16 total;
  guint16 n_stored;
  gsize size;                           /* decrypted octets held */
  guint8 first;                         /* first inner payload type, from fragment 1 */
  GBytes *fragments[IKE_MAX_FRAGMENTS]; /* [number - 1] */
};

IkeReassembly *
ike_reassembly_new (void)
{
  IkeReassembly *reassembly = g_new0 (IkeReassembly, 1);

  reassembly->deadline_us = ROAM_NEVER;
  return reassembly;
}

void
ike_reassembly_reset (IkeReassembly *reassembly)
{
  for (guint i = 0; i < IKE_MAX_FRAGMENTS; i++)
    g_clear_pointer (&reassembly->fragments[i], g_bytes_unref);
  *reassembly = (IkeReassembly){ .deadline_us = ROAM_NEVER };
}

void
ike_reassembly_free (IkeReassembly *reassembly)
{
  if (reassembly == NULL)
    return;
  ike_reassembly_reset (reassembly);
  g_free (reassembly);
}

gint64
ike_reassembly_deadline (const IkeReassembly *reassembly)
{
  return reassembly->deadline_us;
}

static gboolean
same_message (const IkeHeader *a, const IkeHeader *b)
{
  return a->spi_i == b->spi_i && a->spi_r == b->spi_r && a->exchange == b->exchange && a->flags == b->flags &&
         a->message_id == b->message_id;
}

/* The tests of RFC 7383 2.6 that need no cryptography. */
static gboolean
check_numbers (const IkeReassembly *reassembly, const IkeHeader *header, const IkeProtection *where,
               IkeParseError *error)
{
  if (where->number == 0 || where->total == 0 || where->number > where->total)
    return ike_parse_fail (error, IKE_PARSE_DROP, "fragment number");
  if (where->total > IKE_MAX_FRAGMENTS)
    return ike_parse_fail (error, IKE_PARSE_DROP, "too many fragments");
  if (!reassembly->active || !same_message (&reassembly->header, header))
    return TRUE;
  if (where->total < reassembly->total)
    return ike_parse_fail (error, IKE_PARSE_DROP, "fewer fragments than before");
  if (where->total == reassembly->total && reassembly->fragments[where->number - 1] != NULL)
    return ike_parse_fail (error, IKE_PARSE_DROP, "fragment came twice");
  return TRUE;
}

/* Keeps @inner (taken); a larger total or another message starts over. */
static void
store (IkeReassembly *reassembly, gint64 now_us, const IkeHeader *header, const IkeProtection *where, GBytes *inner)
{
  if (!reassembly->active || !same_message (&reassembly->header, header) || where->total > reassembly->total)
    {
      ike_reassembly_reset (reassembly);
      reassembly->active = TRUE;
      reassembly->header = *header;
      reassembly->total = where->total;
      reassembly->deadline_us = roam_deadline_add (now_us, IKE_REASSEMBLY_TIMEOUT_US);
    }
  if (where->number == 1)
    reassembly->first = where->next;
  reassembly->size += g_bytes_get_size (inner);
  reassembly->fragments[where->number - 1] = inner;
  reassembly->n_stored++;
}

/* The whole message; the object is empty afterwards. */
static IkeMessage *
assemble (IkeReassembly *reassembly, IkeParseError *ret_error)
{
  GByteArray *inner = g_byte_array_sized_new ((guint)reassembly->size);
  IkeHeader header = reassembly->header;
  guint8 first = reassembly->first;

  for (guint i = 0; i < reassembly->total; i++)
    {
      gsize length;
      const guint8 *data = g_bytes_get_data (reassembly->fragments[i], &length);

      g_byte_array_append (inner, data, (guint)length);
    }
  header.next_payload = IKE_PAYLOAD_SKF;
  ike_reassembly_reset (reassembly);
  return ike_message_new_protected (&header, NULL, g_byte_array_free_to_bytes (inner), first, ret_error);
}

IkeFragmentResult
ike_reassembly_add (IkeReassembly *reassembly, gint64 now_us, const guint8 *data, gsize length, const IkeCipher *cipher,
                    IkeMessage **ret_message, IkeParseError *ret_error)
{
  IkeMessage *message;
  IkeProtection where;
  IkeHeader header;
  GBytes *inner;

  if (!ike_header_parse (data, length, &header, ret_error))
    return IKE_FRAGMENT_DISCARDED;
  if (!ike_protection_locate (data, length, &header, &where) || where.type != IKE_PAYLOAD_SKF)
    {
      ike_parse_fail (ret_error, IKE_PARSE_DROP, "no SKF payload at the end");
      return IKE_FRAGMENT_DISCARDED;
    }
  if (!check_numbers (reassembly, &header, &where, ret_error))
    return IKE_FRAGMENT_DISCARDED;
  inner = ike_protection_open (data, length, &where, cipher, ret_error);
  if (inner == NULL)
    return IKE_FRAGMENT_DISCARDED;
  store (reassembly, now_us, &header, &where, inner);
  if (reassembly->size > IKE_MAX_MESSAGE)
    {
      ike_reassembly_reset (reassembly);
      ike_parse_fail (ret_error, IKE_PARSE_INVALID_SYNTAX, "fragments of more than 64 KiB");
      return IKE_FRAGMENT_FAILED;
    }
  if (reassembly->n_stored < reassembly->total)
    return IKE_FRAGMENT_STORED;
  message = assemble (reassembly, ret_error);
  if (message == NULL)
    return IKE_FRAGMENT_FAILED;
  *ret_message = message;
  return IKE_FRAGMENT_COMPLETE;
}
