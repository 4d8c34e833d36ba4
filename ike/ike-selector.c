/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Arithmetic of traffic selectors (RFC 7296 2.9, 3.13.1). */

#include "ike/ike-codec-private.h"

IkeSelector
ike_selector_any (RoamFamily family)
{
  IkeSelector selector = { .end_port = G_MAXUINT16 };
  gsize length = family == ROAM_FAMILY_INET6 ? 16 : 4;
  guint8 octets[16] = { 0 };

  selector.start = roam_addr_from_bytes (octets, length);
  memset (octets, 0xff, sizeof octets);
  selector.end = roam_addr_from_bytes (octets, length);
  return selector;
}

IkeSelector
ike_selector_host (const RoamAddr *addr)
{
  return (IkeSelector){ .end_port = G_MAXUINT16, .start = *addr, .end = *addr };
}

static gboolean
range_contains (const IkeSelector *outer, const RoamAddr *start, const RoamAddr *end)
{
  gsize length = roam_addr_length (&outer->start);

  return start->family == outer->start.family && end->family == outer->start.family &&
         memcmp (outer->start.bytes, start->bytes, length) <= 0 && memcmp (end->bytes, outer->end.bytes, length) <= 0;
}

/* OPAQUE (65535 to 0) is a value of its own: only itself and "any" hold it. */
static gboolean
ports_contain (const IkeSelector *outer, const IkeSelector *inner)
{
  if (outer->start_port == 0 && outer->end_port == G_MAXUINT16)
    return TRUE;
  if (inner->start_port > inner->end_port || outer->start_port > outer->end_port)
    return inner->start_port == outer->start_port && inner->end_port == outer->end_port;
  return outer->start_port <= inner->start_port && inner->end_port <= outer->end_port;
}

gboolean
ike_selector_contains (const IkeSelector *outer, const IkeSelector *inner)
{
  return (outer->protocol == 0 || outer->protocol == inner->protocol) && ports_contain (outer, inner) &&
         range_contains (outer, &inner->start, &inner->end);
}

gboolean
ike_selector_covers_host (const IkeSelector *selector, const RoamAddr *addr)
{
  IkeSelector host = ike_selector_host (addr);

  return ike_selector_contains (selector, &host);
}
