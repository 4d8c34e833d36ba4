/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "dhcp6/dhcp6.h"

#include <string.h>

/* Names and values in words. */

/* Octets of a peer's text that are shown; a status text has no bound of its own (RFC 8415 21.13). */
#define TEXT_MAX 256u

const char *
dhcp6_fault_to_string (Dhcp6Fault fault)
{
  switch (fault)
    {
    case DHCP6_OK:
      return "ok";
    case DHCP6_SHORT_FRAME:
      return "SHORT_FRAME";
    case DHCP6_OVERSIZE_FRAME:
      return "OVERSIZE_FRAME";
    case DHCP6_BAD_OPTION_LENGTH:
      return "BAD_OPTION_LENGTH";
    case DHCP6_BAD_OPTION_VALUE:
      return "BAD_OPTION_VALUE";
    case DHCP6_BAD_DUID:
      return "BAD_DUID";
    }
  return "unknown";
}

char *
dhcp6_status_to_string (guint16 status)
{
  static const char *const names[] = {
    "Success",        "UnspecFail",      "NoAddrsAvail",  "NoBinding",
    "NotOnLink",      "UseMulticast",    "NoPrefixAvail", "UnknownQueryType",
    "MalformedQuery", "NotConfigured",   "NotAllowed",    "QueryTerminated",
    "DataMissing",    "CatchUpComplete", "NotSupported",  "TLSConnectionRefused",
  };

  if (status < G_N_ELEMENTS (names))
    return g_strdup (names[status]);
  return g_strdup_printf ("status %u", status);
}

char *
dhcp6_dup_text (Dhcp6Slice text)
{
  gsize length = MIN (text.length, TEXT_MAX);
  g_autofree char *valid = NULL;
  GString *out;

  if (length == 0)
    return g_strdup ("");
  valid = g_utf8_make_valid ((const char *)text.data, (gssize)length);
  out = g_string_new (NULL);
  for (const char *p = valid; *p != '\0'; p = g_utf8_next_char (p))
    {
      gunichar c = g_utf8_get_char (p);

      if (g_unichar_isprint (c))
        g_string_append_unichar (out, c);
      else
        g_string_append_printf (out, "\\u%04x", c);
    }
  if (text.length > length)
    g_string_append (out, "...");
  return g_string_free (out, FALSE);
}

char *
dhcp6_dup_hex (Dhcp6Slice octets)
{
  static const char digits[] = "0123456789abcdef";
  char *text = g_malloc (MAX (octets.length * 3, 1)), *out = text;

  for (gsize i = 0; i < octets.length; i++)
    {
      if (i > 0)
        *out++ = ':';
      *out++ = digits[octets.data[i] >> 4];
      *out++ = digits[octets.data[i] & 15];
    }
  *out = '\0';
  return text;
}

GBytes *
dhcp6_parse_hex (const char *text, gsize max)
{
  g_autoptr (GByteArray) out = g_byte_array_new ();

  while (*text != '\0')
    {
      guint8 octet;

      if (!g_ascii_isxdigit (text[0]) || !g_ascii_isxdigit (text[1]) || out->len == max)
        return NULL;
      octet = (guint8)(g_ascii_xdigit_value (text[0]) << 4 | g_ascii_xdigit_value (text[1]));
      g_byte_array_append (out, &octet, 1);
      text += 2;
      if (*text == ':' && *++text == '\0')
        return NULL;
    }
  return out->len == 0 ? NULL : g_byte_array_free_to_bytes (g_steal_pointer (&out));
}

static char *
describe_hardware (const char *name, WireReader *reader, gboolean has_time)
{
  guint16 hardware_type = 0;
  guint32 seconds = 0;
  Dhcp6Slice address = { 0 };
  g_autofree char *hex = NULL;

  if (!wire_read_u16 (reader, &hardware_type) || (has_time && !wire_read_u32 (reader, &seconds)))
    return NULL;
  address.length = wire_reader_left (reader);
  if (!wire_read_data (reader, address.length, &address.data))
    return NULL;
  hex = dhcp6_dup_hex (address);
  return g_strdup_printf ("%s, hardware type %u, %s", name, hardware_type, hex);
}

static char *
describe_enterprise (WireReader *reader)
{
  guint32 enterprise = 0;
  Dhcp6Slice id = { 0 };
  g_autofree char *hex = NULL;

  if (!wire_read_u32 (reader, &enterprise))
    return NULL;
  id.length = wire_reader_left (reader);
  if (!wire_read_data (reader, id.length, &id.data))
    return NULL;
  hex = dhcp6_dup_hex (id);
  return g_strdup_printf ("DUID-EN, enterprise %u, %s", enterprise, hex);
}

char *
dhcp6_describe_duid (Dhcp6Slice duid)
{
  WireReader reader;
  guint16 type = 0;
  g_autofree char *hex = dhcp6_dup_hex (duid);
  char *words = NULL;

  wire_reader_init (&reader, duid.data, duid.length);
  if (!wire_read_u16 (&reader, &type))
    return g_strdup_printf ("DUID %s", hex);
  if (type == 1)
    words = describe_hardware ("DUID-LLT", &reader, TRUE);
  else if (type == 2)
    words = describe_enterprise (&reader);
  else if (type == 3)
    words = describe_hardware ("DUID-LL", &reader, FALSE);
  else if (type == 4)
    words = g_strdup_printf ("DUID-UUID, %s", duid.length > 2 ? hex + strlen ("00:04:") : "");
  return words != NULL ? words : g_strdup_printf ("DUID of type %u, %s", type, hex);
}

char *
dhcp6_describe_remote_id (Dhcp6Slice remote_id)
{
  WireReader reader;
  guint32 enterprise = 0;
  Dhcp6Slice id = { 0 };
  g_autofree char *hex = NULL;
  gboolean printable = TRUE;

  wire_reader_init (&reader, remote_id.data, remote_id.length);
  if (!wire_read_u32 (&reader, &enterprise))
    return dhcp6_dup_hex (remote_id);
  id.length = wire_reader_left (&reader);
  if (!wire_read_data (&reader, id.length, &id.data))
    return dhcp6_dup_hex (remote_id);
  hex = dhcp6_dup_hex (id);
  for (gsize i = 0; i < id.length; i++)
    printable = printable && g_ascii_isprint (id.data[i]);
  if (!printable || id.length == 0)
    return g_strdup_printf ("enterprise %u, %s", enterprise, hex);
  return g_strdup_printf ("enterprise %u, %s (\"%.*s\")", enterprise, hex, (int)id.length, (const char *)id.data);
}
