/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "agent/dns-message.h"

#include "base/wire.h"

#include <string.h>

#define TYPE_A 1
#define TYPE_AAAA 28
#define CLASS_IN 1
#define FLAG_RESPONSE 0x8000
#define FLAG_RECURSION_DESIRED 0x0100
#define MASK_OPCODE 0x7800
#define MAX_LABEL 63
#define MAX_NAME 253
/* Records of a response that are looked at; 512 octets hold no more that mean anything. */
#define MAX_RECORDS 64

static guint16
type_of (RoamFamily family)
{
  return family == ROAM_FAMILY_INET4 ? TYPE_A : TYPE_AAAA;
}

static gboolean
write_name (WireWriter *writer, const char *name)
{
  g_auto (GStrv) labels = g_strsplit (name, ".", -1);

  if (name[0] == '\0' || strlen (name) > MAX_NAME)
    return FALSE;
  for (guint i = 0; labels[i] != NULL; i++)
    {
      gsize length = strlen (labels[i]);

      if (length == 0 || length > MAX_LABEL)
        return FALSE;
      wire_write_u8 (writer, (guint8)length);
      wire_write_data (writer, (const guint8 *)labels[i], length);
    }
  wire_write_u8 (writer, 0);
  return TRUE;
}

GBytes *
agent_dns_build_query (guint16 id, const char *name, RoamFamily family)
{
  g_auto (WireWriter) writer = { NULL };

  wire_writer_init (&writer, AGENT_DNS_MAX_DATAGRAM);
  wire_write_u16 (&writer, id);
  wire_write_u16 (&writer, FLAG_RECURSION_DESIRED);
  wire_write_u16 (&writer, 1); /* QDCOUNT; ANCOUNT, NSCOUNT and ARCOUNT follow */
  wire_write_zeros (&writer, 6);
  if (!write_name (&writer, name))
    return NULL;
  wire_write_u16 (&writer, type_of (family));
  wire_write_u16 (&writer, CLASS_IN);
  return wire_writer_finish (&writer);
}

/* An owner's name, which is of no interest: every address record of the answer counts (RFC 1034 5.3.3, aliases). */
static gboolean
skip_name (WireReader *reader)
{
  guint8 octet;

  while (wire_read_u8 (reader, &octet))
    {
      if (octet == 0)
        return TRUE;
      if (octet >= 0xc0) /* RFC 1035 4.1.4: a pointer ends it */
        return wire_skip (reader, 1);
      if (octet > MAX_LABEL || !wire_skip (reader, octet))
        return FALSE;
    }
  return FALSE;
}

/* The question comes back as it was sent, but for the case of letters. */
static gboolean
verify_question (WireReader *reader, const char *name, RoamFamily family)
{
  g_auto (GStrv) labels = g_strsplit (name, ".", -1);
  guint16 type, class;
  guint8 length;

  for (guint i = 0; labels[i] != NULL; i++)
    {
      const guint8 *label;

      if (!wire_read_u8 (reader, &length) || length != strlen (labels[i]) || !wire_read_data (reader, length, &label) ||
          g_ascii_strncasecmp ((const char *)label, labels[i], length) != 0)
        return FALSE;
    }
  return wire_read_u8 (reader, &length) && length == 0 && wire_read_u16 (reader, &type) && type == type_of (family) &&
         wire_read_u16 (reader, &class) && class == CLASS_IN;
}

/* FALSE: the rest cannot be read. */
static gboolean
read_record (WireReader *reader, RoamFamily family, RoamAddr *addresses, guint *n)
{
  guint16 type, class, length;
  guint32 ttl;
  WireReader data;

  if (!skip_name (reader) || !wire_read_u16 (reader, &type) || !wire_read_u16 (reader, &class) ||
      !wire_read_u32 (reader, &ttl) || !wire_read_u16 (reader, &length) || !wire_read_sub (reader, length, &data))
    return FALSE;
  if (type == type_of (family) && class == CLASS_IN && *n < AGENT_DNS_MAX_ADDRESSES &&
      wire_read_addr (&data, family, &addresses[*n]) && wire_reader_at_end (&data))
    (*n)++;
  return TRUE;
}

gboolean
agent_dns_parse_response (const guint8 *data, gsize length, guint16 id, const char *name, RoamFamily family,
                          RoamAddr ret_addresses[AGENT_DNS_MAX_ADDRESSES], guint *ret_n)
{
  WireReader reader;
  guint16 got_id, flags, questions, answers, authorities, additional;

  wire_reader_init (&reader, data, length);
  if (!wire_read_u16 (&reader, &got_id) || !wire_read_u16 (&reader, &flags) || !wire_read_u16 (&reader, &questions) ||
      !wire_read_u16 (&reader, &answers) || !wire_read_u16 (&reader, &authorities) ||
      !wire_read_u16 (&reader, &additional) || got_id != id || (flags & FLAG_RESPONSE) == 0 ||
      (flags & MASK_OPCODE) != 0 || questions != 1 || !verify_question (&reader, name, family))
    return FALSE;
  *ret_n = 0;
  for (guint i = 0; i < MIN (answers, MAX_RECORDS); i++)
    if (!read_record (&reader, family, ret_addresses, ret_n))
      break;
  return TRUE;
}

/* The stub of a local cache asks through the tunnel, which is what we have not got. */
static gboolean
is_elsewhere (const RoamAddr *addr)
{
  static const guint8 loopback6[16] = { [15] = 1 };

  if (addr->family == ROAM_FAMILY_INET4)
    return addr->bytes[0] != 127 && roam_addr_is_specified (addr);
  return memcmp (addr->bytes, loopback6, sizeof loopback6) != 0 && roam_addr_is_specified (addr);
}

guint
agent_dns_parse_servers (const char *text, RoamAddr ret_servers[AGENT_DNS_MAX_SERVERS])
{
  g_auto (GStrv) lines = g_strsplit (text, "\n", -1);
  guint n = 0;

  for (guint i = 0; lines[i] != NULL && n < AGENT_DNS_MAX_SERVERS; i++)
    {
      g_auto (GStrv) words = g_strsplit_set (g_strstrip (lines[i]), " \t", 0);

      if (g_strcmp0 (words[0], "nameserver") == 0 && words[1] != NULL && roam_addr_parse (words[1], &ret_servers[n]) &&
          is_elsewhere (&ret_servers[n]))
        n++;
    }
  return n;
}
