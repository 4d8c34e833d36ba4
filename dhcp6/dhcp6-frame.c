/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "dhcp6/dhcp6.h"

#include <string.h>

/* Frames of a TCP stream: two size octets, then the message (RFC 5460 5.1). */

#define SIZE_OCTETS 2u

void
dhcp6_frame_reader_init (Dhcp6FrameReader *reader, gsize cap)
{
  *reader = (Dhcp6FrameReader){ .cap = CLAMP (cap, DHCP6_MESSAGE_MIN, DHCP6_MESSAGE_MAX) };
}

void
dhcp6_frame_reader_clear (Dhcp6FrameReader *reader)
{
  g_clear_pointer (&reader->partial, g_free);
  reader->n_partial = reader->size_partial = 0;
}

gboolean
dhcp6_frame_reader_is_partial (const Dhcp6FrameReader *reader)
{
  return reader->n_partial > 0;
}

/* The message's size by its first two octets; judged before the body is there. */
static Dhcp6Fault
read_size (const Dhcp6FrameReader *reader, const guint8 *data, gsize *ret_size)
{
  WireReader wire;
  guint16 size = 0;

  wire_reader_init (&wire, data, SIZE_OCTETS);
  if (!wire_read_u16 (&wire, &size) || size < DHCP6_MESSAGE_MIN)
    return DHCP6_SHORT_FRAME;
  if (size > reader->cap)
    return DHCP6_OVERSIZE_FRAME;
  *ret_size = size;
  return DHCP6_OK;
}

/* Moves octets into the partial frame until it has @wanted. TRUE: it has. */
static gboolean
gather (Dhcp6FrameReader *reader, gsize wanted, const guint8 **data, gsize *length)
{
  gsize n = MIN (wanted - reader->n_partial, *length);

  if (reader->size_partial < wanted)
    {
      reader->partial = g_realloc (reader->partial, wanted);
      reader->size_partial = wanted;
    }
  if (n > 0)
    memcpy (reader->partial + reader->n_partial, *data, n);
  reader->n_partial += n;
  *data += n;
  *length -= n;
  return reader->n_partial == wanted;
}

static gboolean
next_gathered (Dhcp6FrameReader *reader, const guint8 **data, gsize *length, Dhcp6Slice *ret_message)
{
  gsize size = 0;

  if (reader->n_partial < SIZE_OCTETS && !gather (reader, SIZE_OCTETS, data, length))
    return FALSE;
  reader->fault = read_size (reader, reader->partial, &size);
  if (reader->fault != DHCP6_OK || !gather (reader, SIZE_OCTETS + size, data, length))
    return FALSE;
  *ret_message = (Dhcp6Slice){ reader->partial + SIZE_OCTETS, size };
  reader->n_partial = 0;
  return TRUE;
}

gboolean
dhcp6_frame_reader_next (Dhcp6FrameReader *reader, const guint8 **data, gsize *length, Dhcp6Slice *ret_message)
{
  gsize size = 0;

  if (reader->fault != DHCP6_OK || *length == 0)
    return FALSE;
  if (reader->n_partial > 0 || *length < SIZE_OCTETS)
    return next_gathered (reader, data, length, ret_message);
  reader->fault = read_size (reader, *data, &size);
  if (reader->fault != DHCP6_OK)
    return FALSE;
  if (*length < SIZE_OCTETS + size)
    return next_gathered (reader, data, length, ret_message);
  *ret_message = (Dhcp6Slice){ *data + SIZE_OCTETS, size };
  *data += SIZE_OCTETS + size;
  *length -= SIZE_OCTETS + size;
  return TRUE;
}
