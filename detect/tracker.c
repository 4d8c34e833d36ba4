/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "detect/detect.h"

#include <string.h>

/*
 * What the kernel said of each interface, and what of it changed since the last settle(). Numbers of
 * the kernel's interface are repeated here by value, so that this file needs no kernel header.
 */

#define IFF_UP_BIT 0x1u
#define IFF_LOWER_UP_BIT 0x10000u
#define ARPHRD_ETHER_VALUE 1
#define ARPHRD_LOOPBACK_VALUE 772
#define ARPHRD_RAWIP_VALUE 519 /* mobile broadband modems in raw-IP mode */
#define ARPHRD_PPP_VALUE 512
#define ARPHRD_TUNNEL_FIRST 768 /* IPIP, IPv6 in IPv6 */
#define ARPHRD_TUNNEL_LAST 769
#define ARPHRD_SIT_VALUE 776
#define ARPHRD_IPGRE_VALUE 778
#define ARPHRD_IP6GRE_VALUE 823
#define ARPHRD_NONE_VALUE 65534
#define OPERSTATE_UNKNOWN 0
#define OPERSTATE_UP 6
#define ADDRESS_DEPRECATED 0x20u
#define ADDRESS_TENTATIVE 0x40u
#define ADDRESS_DADFAILED 0x08u
#define ADDRESS_SECONDARY 0x01u
#define SCOPE_UNIVERSE 0
#define SCOPE_LINK 253
#define TABLE_MAIN 254u
#define LINK_LOCAL_PREFIX                                                                                              \
  0xa9fe0000u /* 169.254/16: no router forwards it (RFC 3927 2.7), whatever scope it was given */
#define LINK_LOCAL_MASK 0xffff0000u

/* More than any laptop has; what comes beyond is ignored rather than trusted to fit. */
#define MAX_INTERFACES 256
#define MAX_ADDRESSES 64
#define MAX_ROUTES 16

typedef struct
{
  RoamAddr address;
  guint8 prefix_length;
  guint32 flags;
  guint8 scope;
  gboolean seen;
} Address;

typedef struct
{
  RoamAddr gateway, source;
  guint32 metric;
  gboolean seen;
} Route;

typedef struct
{
  int ifindex;
  gboolean known; /* a link fact was heard and the interface exists */
  gboolean seen;  /* since begin_resync */
  DetectLink link;
  GArray *addresses; /* of Address, in the kernel's order */
  GArray *routes;    /* of Route, default routes of the main table */
  DetectLink told;   /* as of the last event */
  gboolean was_told;
  guint32 carrier_changes;
  RoamAddr route_source; /* preferred source of the chosen default route */
  gboolean bounced;      /* carrier went away since the last settle */
  gboolean address_away; /* the address in use went away since the last settle; it may be back */
  RoamAddr neighbour;    /* the next hop whose link-layer address is known; unset: none yet */
  guint8 neighbour_mac[6];
  gboolean neighbour_moved; /* it has had another one since the last settle */
} Interface;

struct _DetectTracker
{
  GStrv ignore;
  char *own_tunnel;
  GPtrArray *interfaces; /* of Interface, in order of appearance */
  GQueue events;         /* of DetectEvent */
  gboolean resyncing;
};

gboolean
detect_link_is_usable (const DetectLink *link)
{
  return link->candidate && link->up && roam_addr_is_specified (&link->address) && link->has_default_route;
}

static void
interface_free (gpointer data)
{
  Interface *interface = data;

  g_array_unref (interface->addresses);
  g_array_unref (interface->routes);
  g_free (interface);
}

DetectTracker *
detect_tracker_new (const char *const *ignore, const char *own_tunnel)
{
  DetectTracker *tracker = g_new0 (DetectTracker, 1);

  tracker->ignore = g_strdupv ((char **)ignore);
  tracker->own_tunnel = g_strdup (own_tunnel);
  tracker->interfaces = g_ptr_array_new_with_free_func (interface_free);
  g_queue_init (&tracker->events);
  return tracker;
}

void
detect_tracker_free (DetectTracker *tracker)
{
  if (tracker == NULL)
    return;
  g_strfreev (tracker->ignore);
  g_free (tracker->own_tunnel);
  g_ptr_array_unref (tracker->interfaces);
  g_queue_clear_full (&tracker->events, g_free);
  g_free (tracker);
}

static Interface *
get_interface (DetectTracker *tracker, int ifindex)
{
  Interface *interface = NULL;

  for (guint i = 0; i < tracker->interfaces->len; i++)
    {
      interface = g_ptr_array_index (tracker->interfaces, i);
      if (interface->ifindex == ifindex)
        return interface;
    }
  if (ifindex <= 0 || tracker->interfaces->len >= MAX_INTERFACES)
    return NULL;
  interface = g_new0 (Interface, 1);
  interface->ifindex = interface->link.ifindex = ifindex;
  interface->addresses = g_array_new (FALSE, TRUE, sizeof (Address));
  interface->routes = g_array_new (FALSE, TRUE, sizeof (Route));
  g_ptr_array_add (tracker->interfaces, interface);
  return interface;
}

/* What IFLA_INFO_KIND says. Names are the administrator's to choose, so they say nothing. */
static gboolean
classify_info_kind (const char *info_kind, DetectKind *ret_kind)
{
  static const struct
  {
    const char *info_kind;
    DetectKind kind;
  } kinds[] = {
    { "veth", DETECT_KIND_VETH },        { "bond", DETECT_KIND_ETHERNET },  { "team", DETECT_KIND_ETHERNET },
    { "vlan", DETECT_KIND_ETHERNET },    { "virt_wifi", DETECT_KIND_WIFI }, { "wwan", DETECT_KIND_WWAN },
    { "rmnet", DETECT_KIND_WWAN },       { "ppp", DETECT_KIND_WWAN },       { "tun", DETECT_KIND_TUNNEL },
    { "wireguard", DETECT_KIND_TUNNEL }, { "xfrm", DETECT_KIND_TUNNEL },    { "ipip", DETECT_KIND_TUNNEL },
    { "gre", DETECT_KIND_TUNNEL },       { "gretap", DETECT_KIND_TUNNEL },  { "erspan", DETECT_KIND_TUNNEL },
    { "sit", DETECT_KIND_TUNNEL },       { "vti", DETECT_KIND_TUNNEL },     { "vti6", DETECT_KIND_TUNNEL },
    { "ip6tnl", DETECT_KIND_TUNNEL },    { "ip6gre", DETECT_KIND_TUNNEL },  { "ip6gretap", DETECT_KIND_TUNNEL },
    { "vxlan", DETECT_KIND_TUNNEL },     { "geneve", DETECT_KIND_TUNNEL },  { "ovpn", DETECT_KIND_TUNNEL },
    { "ovpn-dco", DETECT_KIND_TUNNEL },  { "bridge", DETECT_KIND_BRIDGE },  { "openvswitch", DETECT_KIND_BRIDGE },
    { "macvlan", DETECT_KIND_BRIDGE },   { "macvtap", DETECT_KIND_BRIDGE }, { "ipvlan", DETECT_KIND_BRIDGE },
    { "ipvtap", DETECT_KIND_BRIDGE },
  };

  for (gsize i = 0; i < G_N_ELEMENTS (kinds); i++)
    if (g_str_equal (info_kind, kinds[i].info_kind))
      {
        *ret_kind = kinds[i].kind;
        return TRUE;
      }
  return FALSE;
}

/* Hardware has no IFLA_INFO_KIND (but for some modems); its ARP type and /sys tell it apart. */
static DetectKind
classify_hardware (const DetectLinkFact *fact)
{
  if (fact->wireless && fact->arptype == ARPHRD_ETHER_VALUE)
    return DETECT_KIND_WIFI;
  if (fact->wwan)
    return DETECT_KIND_WWAN;
  switch (fact->arptype)
    {
    case ARPHRD_ETHER_VALUE:
      return DETECT_KIND_ETHERNET;
    case ARPHRD_RAWIP_VALUE:
    case ARPHRD_PPP_VALUE:
      return DETECT_KIND_WWAN;
    case ARPHRD_TUNNEL_FIRST:
    case ARPHRD_TUNNEL_LAST:
    case ARPHRD_SIT_VALUE:
    case ARPHRD_IPGRE_VALUE:
    case ARPHRD_IP6GRE_VALUE:
    case ARPHRD_NONE_VALUE:
      return DETECT_KIND_TUNNEL;
    }
  return DETECT_KIND_OTHER;
}

static DetectKind
classify (const DetectTracker *tracker, const DetectLinkFact *fact)
{
  DetectKind kind = DETECT_KIND_OTHER;

  if (fact->arptype == ARPHRD_LOOPBACK_VALUE)
    return DETECT_KIND_LOOPBACK;
  if (tracker->own_tunnel != NULL && g_strcmp0 (tracker->own_tunnel, fact->name) == 0)
    return DETECT_KIND_TUNNEL;
  /* Its traffic is its master's. */
  if (fact->has_master)
    return DETECT_KIND_BRIDGE;
  /* A kind that is not known is somebody's virtual device: better not used than trusted to be a link. */
  if (fact->info_kind != NULL)
    return classify_info_kind (fact->info_kind, &kind) ? kind : DETECT_KIND_OTHER;
  return classify_hardware (fact);
}

static gboolean
kind_is_candidate (DetectKind kind)
{
  switch (kind)
    {
    case DETECT_KIND_ETHERNET:
    case DETECT_KIND_WIFI:
    case DETECT_KIND_WWAN:
    case DETECT_KIND_VETH:
      return TRUE;
    case DETECT_KIND_TUNNEL:
    case DETECT_KIND_BRIDGE:
    case DETECT_KIND_LOOPBACK:
    case DETECT_KIND_OTHER:
      return FALSE;
    }
  return FALSE;
}

static gboolean
is_ignored (const DetectTracker *tracker, const char *name)
{
  for (guint i = 0; tracker->ignore != NULL && tracker->ignore[i] != NULL; i++)
    if (g_pattern_match_simple (tracker->ignore[i], name))
      return TRUE;
  return FALSE;
}

static void
forget (Interface *interface)
{
  interface->known = FALSE;
  interface->link.up = FALSE;
  g_array_set_size (interface->addresses, 0);
  g_array_set_size (interface->routes, 0);
}

static void
set_up (Interface *interface, const DetectLinkFact *fact)
{
  gboolean up = (fact->flags & IFF_UP_BIT) != 0 && (fact->flags & IFF_LOWER_UP_BIT) != 0 &&
                (fact->operstate == OPERSTATE_UP || fact->operstate == OPERSTATE_UNKNOWN);

  if (interface->link.up && !up)
    interface->bounced = TRUE;
  /* The kernel may tell of a short flap only by its count. */
  if (interface->link.up && fact->carrier_changes != interface->carrier_changes)
    interface->bounced = TRUE;
  interface->carrier_changes = fact->carrier_changes;
  interface->link.up = up;
  /* Setting an interface down flushes its IPv4 routes without a word about each. */
  if ((fact->flags & IFF_UP_BIT) == 0)
    g_array_set_size (interface->routes, 0);
}

void
detect_tracker_input_link (DetectTracker *tracker, const DetectLinkFact *fact)
{
  Interface *interface = get_interface (tracker, fact->ifindex);

  if (interface == NULL)
    return;
  if (fact->removed)
    {
      interface->bounced = TRUE;
      forget (interface);
      return;
    }
  interface->known = interface->seen = TRUE;
  set_up (interface, fact);
  interface->link.kind = classify (tracker, fact);
  g_strlcpy (interface->link.name, fact->name != NULL ? fact->name : "", sizeof interface->link.name);
  interface->link.candidate = kind_is_candidate (interface->link.kind) && !is_ignored (tracker, interface->link.name);
  interface->link.mtu = fact->mtu;
  memcpy (interface->link.mac, fact->mac, sizeof interface->link.mac);
}

/* What the kernel does of itself, and before Linux 6.7 silently, when an address goes. */
static void
drop_routes_of_address (Interface *interface, const RoamAddr *address)
{
  for (guint i = 0; i < interface->addresses->len; i++)
    if (roam_addr_equal (&g_array_index (interface->addresses, Address, i).address, address))
      return;
  for (guint i = interface->routes->len; i > 0; i--)
    if (interface->addresses->len == 0 ||
        roam_addr_equal (&g_array_index (interface->routes, Route, i - 1).source, address))
      g_array_remove_index (interface->routes, i - 1);
}

static void
remove_address (Interface *interface, guint index)
{
  RoamAddr address = g_array_index (interface->addresses, Address, index).address;

  g_array_remove_index (interface->addresses, index);
  drop_routes_of_address (interface, &address);
  if (interface->was_told && roam_addr_equal (&interface->told.address, &address))
    interface->address_away = TRUE;
}

void
detect_tracker_input_address (DetectTracker *tracker, const DetectAddressFact *fact)
{
  Interface *interface = get_interface (tracker, fact->ifindex);
  Address address = {
    .address = fact->address,
    .prefix_length = fact->prefix_length,
    .flags = fact->flags,
    .scope = fact->scope,
    .seen = TRUE,
  };

  if (interface == NULL || fact->address.family != ROAM_FAMILY_INET4)
    return;
  for (guint i = 0; i < interface->addresses->len; i++)
    {
      Address *known = &g_array_index (interface->addresses, Address, i);

      if (!roam_addr_equal (&known->address, &fact->address) || known->prefix_length != fact->prefix_length)
        continue;
      if (fact->removed)
        remove_address (interface, i);
      else
        *known = address;
      return;
    }
  if (!fact->removed && interface->addresses->len < MAX_ADDRESSES)
    g_array_append_val (interface->addresses, address);
}

static void
drop_replaced (DetectTracker *tracker, const DetectRouteFact *fact)
{
  for (guint i = 0; i < tracker->interfaces->len; i++)
    {
      GArray *routes = ((Interface *)g_ptr_array_index (tracker->interfaces, i))->routes;

      for (guint j = routes->len; j > 0; j--)
        if (g_array_index (routes, Route, j - 1).metric == fact->metric)
          g_array_remove_index (routes, j - 1);
    }
}

void
detect_tracker_input_route (DetectTracker *tracker, const DetectRouteFact *fact)
{
  Interface *interface = get_interface (tracker, fact->ifindex);
  Route route = { .gateway = fact->gateway, .source = fact->source, .metric = fact->metric, .seen = TRUE };

  /* Our own routes live in a table of their own; echoes of them are no news. */
  if (interface == NULL || fact->family != ROAM_FAMILY_INET4 || fact->table != TABLE_MAIN)
    return;
  if (fact->replaces && !fact->removed)
    drop_replaced (tracker, fact);
  for (guint i = 0; i < interface->routes->len; i++)
    {
      Route *known = &g_array_index (interface->routes, Route, i);

      if (!roam_addr_equal (&known->gateway, &fact->gateway) || known->metric != fact->metric)
        continue;
      if (fact->removed)
        g_array_remove_index (interface->routes, i);
      else
        *known = route;
      return;
    }
  if (!fact->removed && interface->routes->len < MAX_ROUTES)
    g_array_append_val (interface->routes, route);
}

static gboolean
address_is_usable (const Address *address)
{
  return (address->flags & (ADDRESS_TENTATIVE | ADDRESS_DADFAILED | ADDRESS_DEPRECATED)) == 0 &&
         address->scope < SCOPE_LINK && (roam_addr_to_u32 (&address->address) & LINK_LOCAL_MASK) != LINK_LOCAL_PREFIX;
}

/* Higher is better: what the kernel would use itself, then the next hop's own subnet, then what looks most permanent.
 */
static guint
address_rank (const Interface *interface, const Address *address)
{
  RoamPrefix prefix = { .addr = address->address, .length = address->prefix_length };

  return (roam_addr_is_set (&interface->route_source) && roam_addr_equal (&interface->route_source, &address->address)
            ? 16u
            : 0u) +
         (roam_prefix_contains (&prefix, &interface->link.gateway) ? 8u : 0u) +
         (address->scope == SCOPE_UNIVERSE ? 4u : 0u) + ((address->flags & ADDRESS_SECONDARY) == 0 ? 2u : 0u) +
         (roam_addr_equal (&interface->told.address, &address->address) ? 1u : 0u);
}

static void
choose_route (Interface *interface)
{
  DetectLink *link = &interface->link;

  link->has_default_route = FALSE;
  link->gateway = interface->route_source = ROAM_ADDR_NONE;
  link->metric = 0;
  for (guint i = 0; i < interface->routes->len; i++)
    {
      const Route *route = &g_array_index (interface->routes, Route, i);

      if (link->has_default_route && route->metric >= link->metric)
        continue;
      link->has_default_route = TRUE;
      link->gateway = route->gateway;
      interface->route_source = route->source;
      link->metric = route->metric;
    }
}

static void
choose_address (Interface *interface)
{
  DetectLink *link = &interface->link;
  const Address *best = NULL;

  for (guint i = 0; i < interface->addresses->len; i++)
    {
      const Address *address = &g_array_index (interface->addresses, Address, i);

      if (!address_is_usable (address))
        continue;
      if (best == NULL || address_rank (interface, address) > address_rank (interface, best))
        best = address;
    }
  link->address = best != NULL ? best->address : ROAM_ADDR_NONE;
  link->prefix_length = best != NULL ? best->prefix_length : 0;
}

void
detect_tracker_input_neighbour (DetectTracker *tracker, const DetectNeighbourFact *fact)
{
  Interface *interface = get_interface (tracker, fact->ifindex);

  if (interface == NULL)
    return;
  choose_route (interface);
  if (!roam_addr_is_specified (&fact->address) || !roam_addr_equal (&fact->address, &interface->link.gateway))
    return;
  if (roam_addr_equal (&interface->neighbour, &fact->address) &&
      memcmp (interface->neighbour_mac, fact->mac, sizeof fact->mac) != 0)
    interface->neighbour_moved = TRUE;
  interface->neighbour = fact->address;
  memcpy (interface->neighbour_mac, fact->mac, sizeof fact->mac);
}

static void
tell (DetectTracker *tracker, Interface *interface, DetectEventType type, const char *reason)
{
  DetectEvent *event = g_new0 (DetectEvent, 1);

  event->type = type;
  event->link = interface->link;
  event->reason = reason;
  g_queue_push_tail (&tracker->events, event);
  interface->told = interface->link;
  interface->was_told = TRUE;
}

static gboolean
same_attachment (const DetectLink *a, const DetectLink *b)
{
  return roam_addr_equal (&a->address, &b->address) && a->prefix_length == b->prefix_length &&
         roam_addr_equal (&a->gateway, &b->gateway);
}

static void
settle_down (DetectTracker *tracker, Interface *interface, gboolean was_up)
{
  if (was_up)
    tell (tracker, interface, DETECT_EVENT_LINK_DOWN,
          interface->known ? "no carrier, or set down" : "the interface is gone");
}

static void
settle_interface (DetectTracker *tracker, Interface *interface)
{
  gboolean bounced = interface->bounced, address_away = interface->address_away;
  gboolean neighbour_moved = interface->neighbour_moved;
  gboolean was_up = interface->was_told && interface->told.up && interface->told.candidate;
  gboolean was_usable = interface->was_told && detect_link_is_usable (&interface->told);
  gboolean usable;

  interface->bounced = interface->address_away = interface->neighbour_moved = FALSE;
  /* A new link may have a new router with the old address: that alone is told as such. */
  if (bounced && !neighbour_moved)
    interface->neighbour = ROAM_ADDR_NONE;
  choose_route (interface);
  choose_address (interface);
  usable = detect_link_is_usable (&interface->link);
  if (!interface->link.candidate || !interface->link.up)
    settle_down (tracker, interface, was_up);
  else if (usable && !was_usable)
    tell (tracker, interface, DETECT_EVENT_ADDRESS, "address and default route are there");
  else if (usable && !same_attachment (&interface->link, &interface->told))
    tell (tracker, interface, DETECT_EVENT_ADDRESS, "another address or next hop");
  else if (usable && bounced)
    tell (tracker, interface, DETECT_EVENT_HINT, "carrier was away for a moment");
  else if (usable && address_away)
    tell (tracker, interface, DETECT_EVENT_HINT, "the address was away for a moment");
  else if (usable && neighbour_moved)
    tell (tracker, interface, DETECT_EVENT_HINT, "the next hop has another link-layer address");
  else if (!usable && was_usable)
    tell (tracker, interface, DETECT_EVENT_ADDRESS_LOST,
          interface->link.has_default_route ? "no usable address" : "no default route");
  else if (!was_up || (bounced && !usable))
    tell (tracker, interface, DETECT_EVENT_LINK_UP, "carrier, no usable address yet");
  else if (interface->was_told)
    interface->told.metric = interface->link.metric;
}

static void
drop_unseen (Interface *interface)
{
  if (!interface->seen && interface->known)
    {
      interface->bounced = TRUE;
      forget (interface);
      return;
    }
  for (guint i = interface->addresses->len; i > 0; i--)
    if (!g_array_index (interface->addresses, Address, i - 1).seen)
      g_array_remove_index (interface->addresses, i - 1);
  for (guint i = interface->routes->len; i > 0; i--)
    if (!g_array_index (interface->routes, Route, i - 1).seen)
      g_array_remove_index (interface->routes, i - 1);
}

void
detect_tracker_begin_resync (DetectTracker *tracker)
{
  tracker->resyncing = TRUE;
  for (guint i = 0; i < tracker->interfaces->len; i++)
    {
      Interface *interface = g_ptr_array_index (tracker->interfaces, i);

      interface->seen = FALSE;
      for (guint j = 0; j < interface->addresses->len; j++)
        g_array_index (interface->addresses, Address, j).seen = FALSE;
      for (guint j = 0; j < interface->routes->len; j++)
        g_array_index (interface->routes, Route, j).seen = FALSE;
    }
}

void
detect_tracker_settle (DetectTracker *tracker)
{
  for (guint i = 0; i < tracker->interfaces->len; i++)
    {
      Interface *interface = g_ptr_array_index (tracker->interfaces, i);

      if (tracker->resyncing)
        drop_unseen (interface);
      if (interface->known || interface->was_told)
        settle_interface (tracker, interface);
    }
  tracker->resyncing = FALSE;
  for (guint i = tracker->interfaces->len; i > 0; i--)
    if (!((Interface *)g_ptr_array_index (tracker->interfaces, i - 1))->known)
      g_ptr_array_remove_index (tracker->interfaces, i - 1);
}

gboolean
detect_tracker_pop_event (DetectTracker *tracker, DetectEvent *ret_event)
{
  DetectEvent *event = g_queue_pop_head (&tracker->events);

  if (event == NULL)
    return FALSE;
  *ret_event = *event;
  g_free (event);
  return TRUE;
}

GArray *
detect_tracker_dup_links (const DetectTracker *tracker)
{
  GArray *links = g_array_new (FALSE, TRUE, sizeof (DetectLink));

  for (guint i = 0; i < tracker->interfaces->len; i++)
    {
      const Interface *interface = g_ptr_array_index (tracker->interfaces, i);

      if (interface->known && interface->link.candidate)
        g_array_append_val (links, interface->link);
    }
  return links;
}
