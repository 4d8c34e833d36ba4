/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "detect/detect.h"

#include <linux/if.h>
#include <linux/if_addr.h>
#include <linux/if_arp.h>
#include <linux/rtnetlink.h>

/* Facts as the kernel would tell them, and the events that they make, in short words. */

#define CARRIER (IFF_UP | IFF_LOWER_UP)

#define ETH 3
#define WLAN 4

static RoamAddr
addr (const char *text)
{
  RoamAddr result = ROAM_ADDR_NONE;

  g_assert_true (text == NULL || roam_addr_parse (text, &result));
  return result;
}

static DetectLinkFact
link_fact (int ifindex, guint32 flags)
{
  return (DetectLinkFact){
    .ifindex = ifindex,
    .name = ifindex == WLAN ? "wlan0" : "eth0",
    .arptype = ARPHRD_ETHER,
    .wireless = ifindex == WLAN,
    .flags = flags,
    .operstate = (flags & IFF_LOWER_UP) != 0 ? IF_OPER_UP : IF_OPER_DOWN,
    .mtu = 1500,
    .mac = { 2, 0, 0, 0, 0, (guint8)ifindex },
  };
}

static void
put_link (DetectTracker *tracker, int ifindex, guint32 flags)
{
  DetectLinkFact fact = link_fact (ifindex, flags);

  detect_tracker_input_link (tracker, &fact);
}

static void
remove_link (DetectTracker *tracker, int ifindex)
{
  DetectLinkFact fact = { .ifindex = ifindex, .removed = TRUE };

  detect_tracker_input_link (tracker, &fact);
}

static DetectAddressFact
address_fact (int ifindex, const char *prefix)
{
  RoamPrefix parsed;

  g_assert_true (roam_prefix_parse (prefix, &parsed));
  return (DetectAddressFact){ .ifindex = ifindex, .address = parsed.addr, .prefix_length = parsed.length };
}

static void
put_address (DetectTracker *tracker, int ifindex, const char *prefix)
{
  DetectAddressFact fact = address_fact (ifindex, prefix);

  detect_tracker_input_address (tracker, &fact);
}

static void
put_address_with (DetectTracker *tracker, int ifindex, const char *prefix, guint32 flags, guint8 scope)
{
  DetectAddressFact fact = address_fact (ifindex, prefix);

  fact.flags = flags;
  fact.scope = scope;
  detect_tracker_input_address (tracker, &fact);
}

static void
remove_address (DetectTracker *tracker, int ifindex, const char *prefix)
{
  DetectAddressFact fact = address_fact (ifindex, prefix);

  fact.removed = TRUE;
  detect_tracker_input_address (tracker, &fact);
}

static DetectRouteFact
route_fact (int ifindex, const char *gateway, guint32 metric)
{
  return (DetectRouteFact){
    .ifindex = ifindex,
    .family = ROAM_FAMILY_INET4,
    .gateway = addr (gateway),
    .metric = metric,
    .table = RT_TABLE_MAIN,
    .protocol = RTPROT_DHCP,
  };
}

static void
put_route (DetectTracker *tracker, int ifindex, const char *gateway, guint32 metric)
{
  DetectRouteFact fact = route_fact (ifindex, gateway, metric);

  detect_tracker_input_route (tracker, &fact);
}

static void
remove_route (DetectTracker *tracker, int ifindex, const char *gateway, guint32 metric)
{
  DetectRouteFact fact = route_fact (ifindex, gateway, metric);

  fact.removed = TRUE;
  detect_tracker_input_route (tracker, &fact);
}

static void
put_usable (DetectTracker *tracker, int ifindex)
{
  put_link (tracker, ifindex, CARRIER);
  put_address (tracker, ifindex, ifindex == WLAN ? "10.3.0.50/24" : "10.2.0.50/24");
  put_route (tracker, ifindex, ifindex == WLAN ? "10.3.0.1" : "10.2.0.1", 100);
}

static const char *
type_name (DetectEventType type)
{
  switch (type)
    {
    case DETECT_EVENT_LINK_UP:
      return "link-up";
    case DETECT_EVENT_ADDRESS:
      return "address";
    case DETECT_EVENT_ADDRESS_LOST:
      return "address-lost";
    case DETECT_EVENT_LINK_DOWN:
      return "link-down";
    case DETECT_EVENT_HINT:
      return "hint";
    }
  g_assert_not_reached ();
}

/* Settles; the events that came out, as "eth0 address 10.2.0.50/24 via 10.2.0.1; ...", are @expected. */
static void
expect (DetectTracker *tracker, const char *expected)
{
  g_autoptr (GString) text = g_string_new (NULL);
  DetectEvent event;

  detect_tracker_settle (tracker);
  while (detect_tracker_pop_event (tracker, &event))
    {
      char address[ROAM_ADDR_STRLEN], gateway[ROAM_ADDR_STRLEN];

      g_assert_nonnull (event.reason);
      g_string_append_printf (text, "%s%s %s", text->len > 0 ? "; " : "", event.link.name, type_name (event.type));
      if (event.type == DETECT_EVENT_ADDRESS || event.type == DETECT_EVENT_HINT)
        g_string_append_printf (text, " %s/%u via %s", roam_addr_to_string (&event.link.address, address),
                                event.link.prefix_length, roam_addr_to_string (&event.link.gateway, gateway));
    }
  g_assert_cmpstr (text->str, ==, expected);
}
