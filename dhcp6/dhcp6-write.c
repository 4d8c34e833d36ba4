/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "dhcp6/dhcp6.h"

#include <string.h>

/* Encoding (RFC 5460 5.1, RFC 8415 8, 21). */

/* Opens a two-octet size that counts what follows it. */
static gsize
begin (WireWriter *writer)
{
  gsize mark = wire_writer_length (writer);

  wire_write_u16 (writer, 0);
  return mark;
}

static void
end (WireWriter *writer, gsize mark)
{
  gsize length;

  if (wire_writer_failed (writer))
    return;
  length = wire_writer_length (writer) - mark - 2;
  if (length > G_MAXUINT16)
    writer->failed = TRUE; /* never wrapped modulo 65536 */
  else
    wire_patch_u16 (writer, mark, (guint16)length);
}

gsize
dhcp6_begin_frame (WireWriter *writer, guint8 type, guint32 transaction_id)
{
  gsize mark = begin (writer);

  if (transaction_id > DHCP6_TRANSACTION_ID_MAX)
    writer->failed = TRUE;
  wire_write_u8 (writer, type);
  wire_write_u24 (writer, transaction_id);
  return mark;
}

void
dhcp6_end_frame (WireWriter *writer, gsize mark)
{
  end (writer, mark);
}

gsize
dhcp6_begin_option (WireWriter *writer, guint16 code)
{
  wire_write_u16 (writer, code);
  return begin (writer);
}

void
dhcp6_end_option (WireWriter *writer, gsize mark)
{
  end (writer, mark);
}

void
dhcp6_write_option (WireWriter *writer, guint16 code, Dhcp6Slice data)
{
  gsize mark = dhcp6_begin_option (writer, code);

  wire_write_data (writer, data.data, data.length);
  dhcp6_end_option (writer, mark);
}

void
dhcp6_write_option_u32 (WireWriter *writer, guint16 code, guint32 value)
{
  wire_write_u16 (writer, code);
  wire_write_u16 (writer, 4);
  wire_write_u32 (writer, value);
}

void
dhcp6_write_status (WireWriter *writer, guint16 status, const char *text)
{
  gsize mark = dhcp6_begin_option (writer, DHCP6_OPTION_STATUS_CODE);

  wire_write_u16 (writer, status);
  if (text != NULL)
    wire_write_data (writer, (const guint8 *)text, strlen (text));
  dhcp6_end_option (writer, mark);
}

void
dhcp6_write_iaaddr (WireWriter *writer, const RoamAddr *address, guint32 preferred, guint32 valid)
{
  gsize mark = dhcp6_begin_option (writer, DHCP6_OPTION_IAADDR);

  wire_write_addr (writer, address);
  wire_write_u32 (writer, preferred);
  wire_write_u32 (writer, valid);
  dhcp6_end_option (writer, mark);
}

void
dhcp6_write_iaprefix (WireWriter *writer, const RoamAddr *prefix, guint8 prefix_length, guint32 preferred,
                      guint32 valid)
{
  gsize mark = dhcp6_begin_option (writer, DHCP6_OPTION_IAPREFIX);

  wire_write_u32 (writer, preferred);
  wire_write_u32 (writer, valid);
  wire_write_u8 (writer, prefix_length);
  wire_write_addr (writer, prefix);
  dhcp6_end_option (writer, mark);
}
