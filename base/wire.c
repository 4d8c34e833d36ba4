/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "base/wire.h"

#include <string.h>

/* Room of a new writer: most messages fit without growing. */
#define USUAL_LENGTH 256u

void
wire_reader_init (WireReader *reader, const guint8 *data, gsize length)
{
  *reader = (WireReader){ .start = data, .length = data != NULL ? length : 0 };
}

gsize
wire_reader_left (const WireReader *reader)
{
  return reader->failed ? 0 : reader->length - reader->position;
}

gsize
wire_reader_position (const WireReader *reader)
{
  return reader->position;
}

gboolean
wire_reader_failed (const WireReader *reader)
{
  return reader->failed;
}

gboolean
wire_reader_at_end (const WireReader *reader)
{
  return !reader->failed && reader->position == reader->length;
}

gboolean
wire_read_data (WireReader *reader, gsize length, const guint8 **ret_data)
{
  if (reader->failed || length > reader->length - reader->position)
    {
      reader->failed = TRUE;
      return FALSE;
    }
  *ret_data = reader->start + reader->position;
  reader->position += length;
  return TRUE;
}

/* Up to eight octets as one big-endian number. */
static gboolean
read_number (WireReader *reader, gsize length, guint64 *ret_value)
{
  const guint8 *data;
  guint64 value = 0;

  if (!wire_read_data (reader, length, &data))
    return FALSE;
  for (gsize i = 0; i < length; i++)
    value = value << 8 | data[i];
  *ret_value = value;
  return TRUE;
}

gboolean
wire_read_u8 (WireReader *reader, guint8 *ret_value)
{
  guint64 value;

  if (!read_number (reader, 1, &value))
    return FALSE;
  *ret_value = (guint8) value;
  return TRUE;
}

gboolean
wire_read_u16 (WireReader *reader, guint16 *ret_value)
{
  guint64 value;

  if (!read_number (reader, 2, &value))
    return FALSE;
  *ret_value = (guint16) value;
  return TRUE;
}

gboolean
wire_read_u24 (WireReader *reader, guint32 *ret_value)
{
  guint64 value;

  if (!read_number (reader, 3, &value))
    return FALSE;
  *ret_value = (guint32) value;
  return TRUE;
}

gboolean
wire_read_u32 (WireReader *reader, guint32 *ret_value)
{
  guint64 value;

  if (!read_number (reader, 4, &value))
    return FALSE;
  *ret_value = (guint32) value;
  return TRUE;
}

gboolean
wire_read_u64 (WireReader *reader, guint64 *ret_value)
{
  return read_number (reader, 8, ret_value);
}

gboolean
wire_read_copy (WireReader *reader, guint8 *out, gsize length)
{
  const guint8 *data;

  if (!wire_read_data (reader, length, &data))
    return FALSE;
  if (length > 0)
    memcpy (out, data, length);
  return TRUE;
}

gboolean
wire_read_addr (WireReader *reader, RoamFamily family, RoamAddr *ret_addr)
{
  const guint8 *data;
  gsize length = family == ROAM_FAMILY_INET6 ? 16 : 4;

  if (!wire_read_data (reader, length, &data))
    return FALSE;
  *ret_addr = roam_addr_from_bytes (data, length);
  return TRUE;
}

gboolean
wire_read_sub (WireReader *reader, gsize length, WireReader *ret_sub)
{
  const guint8 *data;

  if (!wire_read_data (reader, length, &data))
    return FALSE;
  wire_reader_init (ret_sub, data, length);
  return TRUE;
}

gboolean
wire_skip (WireReader *reader, gsize length)
{
  const guint8 *data;

  return wire_read_data (reader, length, &data);
}

void
wire_writer_init (WireWriter *writer, gsize limit)
{
  *writer = (WireWriter){ .buffer = g_byte_array_sized_new ((guint)MIN (limit, USUAL_LENGTH)), .limit = limit };
}

void
wire_writer_clear (WireWriter *writer)
{
  g_clear_pointer (&writer->buffer, g_byte_array_unref);
}

gsize
wire_writer_length (const WireWriter *writer)
{
  return writer->buffer != NULL ? writer->buffer->len : 0;
}

gboolean
wire_writer_failed (const WireWriter *writer)
{
  return writer->failed;
}

const guint8 *
wire_writer_peek (const WireWriter *writer)
{
  return writer->buffer != NULL ? writer->buffer->data : NULL;
}

void
wire_write_data (WireWriter *writer, const guint8 *data, gsize length)
{
  if (writer->failed || writer->buffer == NULL || length > writer->limit - writer->buffer->len)
    {
      writer->failed = TRUE;
      return;
    }
  if (length > 0)
    g_byte_array_append (writer->buffer, data, (guint) length);
}

static void
write_number (WireWriter *writer, guint64 value, gsize length)
{
  guint8 octets[8];

  for (gsize i = 0; i < length; i++)
    octets[i] = (guint8) (value >> (8 * (length - 1 - i)));
  wire_write_data (writer, octets, length);
}

void
wire_write_u8 (WireWriter *writer, guint8 value)
{
  write_number (writer, value, 1);
}

void
wire_write_u16 (WireWriter *writer, guint16 value)
{
  write_number (writer, value, 2);
}

void
wire_write_u24 (WireWriter *writer, guint32 value)
{
  write_number (writer, value, 3);
}

void
wire_write_u32 (WireWriter *writer, guint32 value)
{
  write_number (writer, value, 4);
}

void
wire_write_u64 (WireWriter *writer, guint64 value)
{
  write_number (writer, value, 8);
}

void
wire_write_zeros (WireWriter *writer, gsize length)
{
  static const guint8 zeros[64] = { 0 };

  while (length > 0 && !writer->failed)
    {
      gsize chunk = MIN (length, sizeof zeros);

      wire_write_data (writer, zeros, chunk);
      length -= chunk;
    }
}

void
wire_write_addr (WireWriter *writer, const RoamAddr *addr)
{
  wire_write_data (writer, addr->bytes, roam_addr_length (addr));
}

static void
patch_number (WireWriter *writer, gsize offset, guint64 value, gsize length)
{
  if (writer->failed || writer->buffer == NULL || offset > writer->buffer->len ||
      length > writer->buffer->len - offset)
    {
      writer->failed = TRUE;
      return;
    }
  for (gsize i = 0; i < length; i++)
    writer->buffer->data[offset + i] = (guint8) (value >> (8 * (length - 1 - i)));
}

void
wire_patch_u8 (WireWriter *writer, gsize offset, guint8 value)
{
  patch_number (writer, offset, value, 1);
}

void
wire_patch_u16 (WireWriter *writer, gsize offset, guint16 value)
{
  patch_number (writer, offset, value, 2);
}

void
wire_patch_u32 (WireWriter *writer, gsize offset, guint32 value)
{
  patch_number (writer, offset, value, 4);
}

GBytes *
wire_writer_finish (WireWriter *writer)
{
  if (writer->failed || writer->buffer == NULL)
    {
      wire_writer_clear (writer);
      return NULL;
    }
  return g_byte_array_free_to_bytes (g_steal_pointer (&writer->buffer));
}
