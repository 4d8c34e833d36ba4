/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "dhcp6/roam-leasequery-private.h"

#include <string.h>

/*
 * What a relay that starts anew must know: it injected a route for each delegated prefix when it
 * relayed the reply, and lost them (RFC 5460 1). The next hop is whom the relay had the client's
 * message from; the interface is its own, as it named it in its interface-id.
 */

/* Names of interfaces that may go into a shell's command line (the kernel allows more). */
static gboolean
is_device (const char *name, gsize length)
{
  if (length == 0 || length > 15 || name[0] == '-' || name[0] == '.')
    return FALSE;
  for (gsize i = 0; i < length; i++)
    if (!g_ascii_isalnum (name[i]) && strchr ("._-", name[i]) == NULL)
      return FALSE;
  return TRUE;
}

/* The relay that is asked about; else the one nearest to the client. */
static const Dhcp6Relay *
find_hop (const ToolOptions *options, const LeasequeryRecord *record, const ToolRelays *relays)
{
  const LeasequeryQuery *query = g_ptr_array_index (options->queries, record->query - 1);

  if (query->type == DHCP6_QUERY_BY_RELAY_ID)
    for (guint i = 0; i < relays->n_hops; i++)
      if (relays->hops[i].relay_id.data != NULL && dhcp6_slice_equal (relays->hops[i].relay_id, query->relay_id))
        return &relays->hops[i];
  return relays->n_hops > 0 ? &relays->hops[relays->n_hops - 1] : NULL;
}

static gboolean
is_next_hop (const RoamAddr *address)
{
  return roam_addr_is_specified (address) && address->bytes[0] != 0xff;
}

static gboolean
is_link_local (const RoamAddr *address)
{
  return address->bytes[0] == 0xfe && (address->bytes[1] & 0xc0) == 0x80;
}

static void
append_prefix (GString *out, const LeasequeryRecord *record)
{
  tool_append_address (out, &record->binding);
  g_string_append_printf (out, "/%u", record->binding.prefix_length);
}

static gboolean
say_why_not (GString *out, const LeasequeryRecord *record, const char *reason)
{
  g_string_append (out, "# ");
  append_prefix (out, record);
  g_string_append_printf (out, ": %s\n", reason);
  return FALSE;
}

gboolean
tool_append_route (const ToolOptions *options, const LeasequeryRecord *record, GString *out)
{
  char text[ROAM_ADDR_STRLEN];
  const char *device = options->device;
  gsize device_length = device == NULL ? 0 : strlen (device);
  ToolRelays relays;
  const Dhcp6Relay *hop;

  if (!record->binding.is_prefix)
    return TRUE;
  tool_relays_read (options, record, &relays);
  hop = find_hop (options, record, &relays);
  if (hop == NULL)
    return say_why_not (out, record, "the server tells of no relay");
  if (!is_next_hop (&hop->forwarded_peer))
    return say_why_not (out, record, "the relay names no next hop");
  if (device == NULL && hop->interface_id.data != NULL &&
      is_device ((const char *)hop->interface_id.data, hop->interface_id.length))
    {
      device = (const char *)hop->interface_id.data;
      device_length = hop->interface_id.length;
    }
  if (device == NULL && is_link_local (&hop->forwarded_peer))
    return say_why_not (out, record, "the next hop is link-local and its interface unknown: name it with --dev");
  g_string_append (out, "ip -6 route replace ");
  append_prefix (out, record);
  g_string_append_printf (out, " via %s", roam_addr_to_string (&hop->forwarded_peer, text));
  if (device != NULL)
    g_string_append_printf (out, " dev %.*s", (int)device_length, device);
  g_string_append (out, " proto dhcp");
  if (record->binding.valid != DHCP6_LIFETIME_INFINITE)
    g_string_append_printf (out, " expires %u", record->binding.valid);
  g_string_append_c (out, '\n');
  return TRUE;
}
