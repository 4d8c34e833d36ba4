/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "base/addr.h"

#include <glib.h>

/*
 * The one bounds-checked reader and writer of every wire format here (all are big-endian).
 *
 * WireReader borrows memory. A read that would pass the end returns FALSE, leaves the output
 * untouched and makes the reader fail for good, so a decoder may read on and ask once at the end.
 */
typedef struct {
  const guint8 *start;
  gsize length;
  gsize position;
  gboolean failed;
} WireReader;

void wire_reader_init (WireReader *reader, const guint8 *data, gsize length);
gsize wire_reader_left (const WireReader *reader);
gsize wire_reader_position (const WireReader *reader);
gboolean wire_reader_failed (const WireReader *reader);
/* Nothing left and nothing failed. */
gboolean wire_reader_at_end (const WireReader *reader);
G_GNUC_WARN_UNUSED_RESULT gboolean wire_read_u8 (WireReader *reader, guint8 *ret_value);
G_GNUC_WARN_UNUSED_RESULT gboolean wire_read_u16 (WireReader *reader, guint16 *ret_value);
G_GNUC_WARN_UNUSED_RESULT gboolean wire_read_u24 (WireReader *reader, guint32 *ret_value);
G_GNUC_WARN_UNUSED_RESULT gboolean wire_read_u32 (WireReader *reader, guint32 *ret_value);
G_GNUC_WARN_UNUSED_RESULT gboolean wire_read_u64 (WireReader *reader, guint64 *ret_value);
/* Borrows @length octets of the packet. */
G_GNUC_WARN_UNUSED_RESULT gboolean wire_read_data (WireReader *reader, gsize length, const guint8 **ret_data);
/* Copies @length octets. */
G_GNUC_WARN_UNUSED_RESULT gboolean wire_read_copy (WireReader *reader, guint8 *out, gsize length);
/* 4 or 16 octets as an address, by @family. */
G_GNUC_WARN_UNUSED_RESULT gboolean wire_read_addr (WireReader *reader, RoamFamily family, RoamAddr *ret_addr);
/* A reader over the next @length octets; the outer one moves past them. */
G_GNUC_WARN_UNUSED_RESULT gboolean wire_read_sub (WireReader *reader, gsize length, WireReader *ret_sub);
G_GNUC_WARN_UNUSED_RESULT gboolean wire_skip (WireReader *reader, gsize length);

/*
 * WireWriter appends to a buffer of its own up to @limit octets; past the limit it fails for good
 * and wire_writer_finish() returns NULL.
 */
typedef struct {
  GByteArray *buffer;
  gsize limit;
  gboolean failed;
} WireWriter;

void wire_writer_init (WireWriter *writer, gsize limit);
/* Drops the buffer; harmless after finish. */
void wire_writer_clear (WireWriter *writer);
gsize wire_writer_length (const WireWriter *writer);
gboolean wire_writer_failed (const WireWriter *writer);
/* What was written so far; borrowed until the next write. */
const guint8 *wire_writer_peek (const WireWriter *writer);
void wire_write_u8 (WireWriter *writer, guint8 value);
void wire_write_u16 (WireWriter *writer, guint16 value);
void wire_write_u24 (WireWriter *writer, guint32 value);
void wire_write_u32 (WireWriter *writer, guint32 value);
void wire_write_u64 (WireWriter *writer, guint64 value);
void wire_write_data (WireWriter *writer, const guint8 *data, gsize length);
void wire_write_zeros (WireWriter *writer, gsize length);
/* The 4 or 16 octets of @addr; nothing for no address. */
void wire_write_addr (WireWriter *writer, const RoamAddr *addr);
/* Overwrites octets already written at @offset (length fields, next-payload octets). */
void wire_patch_u8 (WireWriter *writer, gsize offset, guint8 value);
void wire_patch_u16 (WireWriter *writer, gsize offset, guint16 value);
void wire_patch_u32 (WireWriter *writer, gsize offset, guint32 value);
/* The octets, owned by the caller; NULL if anything did not fit. The writer is empty afterwards. */
GBytes *wire_writer_finish (WireWriter *writer);

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (WireWriter, wire_writer_clear)
