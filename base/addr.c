/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "base/addr.h"

#include <arpa/inet.h>
#include <string.h>

gsize
roam_addr_length (const RoamAddr *addr)
{
  switch ((RoamFamily) addr->family)
    {
    case ROAM_FAMILY_INET4:
      return 4;
    case ROAM_FAMILY_INET6:
      return 16;
    case ROAM_FAMILY_NONE:
      return 0;
    }
  return 0;
}

RoamAddr
roam_addr_from_u32 (guint32 host)
{
  return (RoamAddr){
    .family = ROAM_FAMILY_INET4,
    .bytes = { (guint8) (host >> 24), (guint8) (host >> 16), (guint8) (host >> 8), (guint8) host },
  };
}

guint32
roam_addr_to_u32 (const RoamAddr *addr)
{
  if (addr->family != ROAM_FAMILY_INET4)
    return 0;
  return (guint32) addr->bytes[0] << 24 | (guint32) addr->bytes[1] << 16 |
         (guint32) addr->bytes[2] << 8 | addr->bytes[3];
}

RoamAddr
roam_addr_from_bytes (const guint8 *bytes, gsize length)
{
  RoamAddr addr = ROAM_ADDR_NONE;

  if (length != 4 && length != 16)
    return addr;
  addr.family = length == 4 ? ROAM_FAMILY_INET4 : ROAM_FAMILY_INET6;
  memcpy (addr.bytes, bytes, length);
  return addr;
}

gboolean
roam_addr_is_set (const RoamAddr *addr)
{
  return addr->family != ROAM_FAMILY_NONE;
}

gboolean
roam_addr_is_specified (const RoamAddr *addr)
{
  for (gsize i = 0; i < roam_addr_length (addr); i++)
    if (addr->bytes[i] != 0)
      return TRUE;
  return FALSE;
}

gboolean
roam_addr_equal (const RoamAddr *a, const RoamAddr *b)
{
  return a->family == b->family && memcmp (a->bytes, b->bytes, roam_addr_length (a)) == 0;
}

guint
roam_addr_hash (const RoamAddr *addr)
{
  guint hash = addr->family;

  for (gsize i = 0; i < roam_addr_length (addr); i++)
    hash = hash * 31 + addr->bytes[i];
  return hash;
}

gboolean
roam_addr_parse (const char *text, RoamAddr *ret_addr)
{
  RoamAddr addr = ROAM_ADDR_NONE;

  if (text == NULL)
    return FALSE;
  if (inet_pton (AF_INET, text, addr.bytes) == 1)
    addr.family = ROAM_FAMILY_INET4;
  else if (inet_pton (AF_INET6, text, addr.bytes) == 1)
    addr.family = ROAM_FAMILY_INET6;
  else
    return FALSE;
  *ret_addr = addr;
  return TRUE;
}

const char *
roam_addr_to_string (const RoamAddr *addr, char buffer[ROAM_ADDR_STRLEN])
{
  int family = addr->family == ROAM_FAMILY_INET6 ? AF_INET6 : AF_INET;

  if (addr->family == ROAM_FAMILY_NONE ||
      inet_ntop (family, addr->bytes, buffer, ROAM_ADDR_STRLEN) == NULL)
    g_strlcpy (buffer, "none", ROAM_ADDR_STRLEN);
  return buffer;
}

gboolean
roam_endpoint_equal (const RoamEndpoint *a, const RoamEndpoint *b)
{
  return a->port == b->port && roam_addr_equal (&a->addr, &b->addr);
}

const char *
roam_endpoint_to_string (const RoamEndpoint *endpoint, char buffer[ROAM_ADDR_STRLEN])
{
  char address[ROAM_ADDR_STRLEN];
  gboolean brackets = endpoint->addr.family == ROAM_FAMILY_INET6;

  roam_addr_to_string (&endpoint->addr, address);
  g_snprintf (buffer, ROAM_ADDR_STRLEN, "%s%s%s:%u", brackets ? "[" : "", address, brackets ? "]" : "",
              endpoint->port);
  return buffer;
}

gboolean
roam_prefix_parse (const char *text, RoamPrefix *ret_prefix)
{
  g_auto (GStrv) parts = NULL;
  RoamPrefix prefix = { 0 };
  guint64 length = 0;

  if (text == NULL)
    return FALSE;
  parts = g_strsplit (text, "/", 2);
  if (parts[0] == NULL || !roam_addr_parse (parts[0], &prefix.addr))
    return FALSE;
  length = roam_addr_length (&prefix.addr) * 8;
  if (parts[1] != NULL && !g_ascii_string_to_unsigned (parts[1], 10, 0, length, &length, NULL))
    return FALSE;
  prefix.length = (guint8) length;
  *ret_prefix = prefix;
  return TRUE;
}

gboolean
roam_prefix_contains (const RoamPrefix *prefix, const RoamAddr *addr)
{
  guint whole = prefix->length / 8, rest = prefix->length % 8;

  if (prefix->addr.family != addr->family || prefix->addr.family == ROAM_FAMILY_NONE)
    return FALSE;
  if (memcmp (prefix->addr.bytes, addr->bytes, whole) != 0)
    return FALSE;
  if (rest == 0)
    return TRUE;
  return (prefix->addr.bytes[whole] ^ addr->bytes[whole]) >> (8 - rest) == 0;
}

gboolean
roam_prefix_equal (const RoamPrefix *a, const RoamPrefix *b)
{
  return a->length == b->length && roam_addr_equal (&a->addr, &b->addr);
}

const char *
roam_prefix_to_string (const RoamPrefix *prefix, char buffer[ROAM_ADDR_STRLEN])
{
  char address[ROAM_ADDR_STRLEN];

  roam_addr_to_string (&prefix->addr, address);
  g_snprintf (buffer, ROAM_ADDR_STRLEN, "%s/%u", address, prefix->length);
  return buffer;
}
