/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "tunnel/tunnel-io-private.h"

#include <linux/fib_rules.h>
#include <linux/if_addr.h>
#include <linux/if_link.h>
#include <linux/ip.h>
#include <linux/rtnetlink.h>
#include <netlink/route/addr.h>
#include <netlink/route/link.h>
#include <netlink/route/link/inet.h>
#include <netlink/route/link/inet6.h>
#include <netlink/route/nexthop.h>
#include <netlink/route/route.h>
#include <netlink/route/rule.h>

/*
 * Policy routing. roamd's own packets carry its mark and use the main table, which the system's
 * network manager fills; everything else that is not for this host uses roamd's table, whose one
 * default route leads to the TUN or, at home, to the home link. So no route of an untrusted link,
 * not even its on-link one, can draw the user's packets away from the tunnel. Sockets bound to an
 * interface (DHCP clients) find no match there and go on to the main table.
 */

/* Below 32766 (main), in this order; near 5266, so that an administrator sees whose they are. */
#define PRIORITY_MARK 5265       /* our mark: main table */
#define PRIORITY_LINK_LOCAL 5266 /* IPv6 link-local never leaves the link: main table */
#define PRIORITY_TABLE 5267      /* the rest: our table */
/* linux/rtnetlink.h has it as RTPROT_; above 192 is free for daemons. */
#define ROUTE_PROTOCOL 208

#define RP_FILTER_STRICT 1
#define RP_FILTER_LOOSE 2

typedef struct rtnl_link RouteLink;
typedef struct rtnl_addr RouteAddr;
typedef struct rtnl_rule RouteRule;
typedef struct rtnl_route RouteRoute;
typedef struct nl_addr NlAddr;
G_DEFINE_AUTOPTR_CLEANUP_FUNC (RouteLink, rtnl_link_put)
G_DEFINE_AUTOPTR_CLEANUP_FUNC (RouteAddr, rtnl_addr_put)
G_DEFINE_AUTOPTR_CLEANUP_FUNC (RouteRule, rtnl_rule_put)
G_DEFINE_AUTOPTR_CLEANUP_FUNC (RouteRoute, rtnl_route_put)
G_DEFINE_AUTOPTR_CLEANUP_FUNC (NlAddr, nl_addr_put)

struct _TunnelRoutes
{
  TunnelRoutesConfig config;
  struct nl_sock *socket;
  guint requests;
  /* Where the default route leads now; ifindex 0: nowhere yet. */
  int ifindex;
  RoamAddr next_hop;
  RoamPrefix home_prefix; /* on-link route beside the default one; length 0: none */
  GArray *relaxed;        /* of int: interfaces whose rp_filter was changed */
};

/* The result of a libnl call as our word; @accepted is no failure. */
static gboolean
check (TunnelRoutes *routes, int result, int accepted, const char *step, GError **error)
{
  routes->requests++;
  if (result >= 0 || result == -accepted)
    return TRUE;
  g_set_error (error, G_IO_ERROR, G_IO_ERROR_FAILED, "%s: %s", step, nl_geterror (result));
  return FALSE;
}

static NlAddr *
make_addr (const RoamAddr *addr, guint prefix_length)
{
  int family = addr->family == ROAM_FAMILY_INET6 ? AF_INET6 : AF_INET;
  NlAddr *result = nl_addr_build (family, addr->bytes, roam_addr_length (addr));

  nl_addr_set_prefixlen (result, (int)prefix_length);
  return result;
}

static NlAddr *
make_default (int family)
{
  static const guint8 zeros[16] = { 0 };
  NlAddr *result = nl_addr_build (family, zeros, family == AF_INET6 ? 16 : 4);

  nl_addr_set_prefixlen (result, 0);
  return result;
}

/* ----------------------------------------------------------------------- device ---- */

static gboolean
set_up_link (TunnelRoutes *routes, GError **error)
{
  g_autoptr (RouteLink) old_link = rtnl_link_alloc ();
  g_autoptr (RouteLink) link = rtnl_link_alloc ();
  g_autoptr (RouteLink) quiet = rtnl_link_alloc ();

  rtnl_link_set_ifindex (old_link, routes->config.tun_ifindex);
  /* No router solicitations and MLD reports of the TUN itself; a kernel without IPv6 refuses, which is as good. */
  (void)rtnl_link_inet6_set_addr_gen_mode (quiet, IN6_ADDR_GEN_MODE_NONE);
  (void)check (routes, rtnl_link_change (routes->socket, old_link, quiet, 0), 0, "TUN", NULL);
  /* The device's queue is what holds packets while the worker does not read (HOLD). */
  rtnl_link_set_txqlen (link, routes->config.hold_packets);
  rtnl_link_set_flags (link, IFF_UP);
  (void)rtnl_link_inet_set_conf (link, IPV4_DEVCONF_RP_FILTER, RP_FILTER_LOOSE);
  return check (routes, rtnl_link_change (routes->socket, old_link, link, 0), 0, "bringing the TUN up", error);
}

static gboolean
add_home_address (TunnelRoutes *routes, GError **error)
{
  g_autoptr (RouteAddr) addr = rtnl_addr_alloc ();
  g_autoptr (NlAddr) local = make_addr (&routes->config.home_address, 32);

  rtnl_addr_set_ifindex (addr, routes->config.tun_ifindex);
  (void)rtnl_addr_set_local (addr, local);
  return check (routes, rtnl_addr_add (routes->socket, addr, NLM_F_CREATE | NLM_F_EXCL), NLE_EXIST,
                "home address on the TUN", error);
}

guint64
tunnel_routes_get_tun_dropped (TunnelRoutes *routes)
{
  g_autoptr (RouteLink) link = NULL;

  routes->requests++;
  if (rtnl_link_get_kernel (routes->socket, routes->config.tun_ifindex, NULL, &link) < 0)
    return 0;
  return rtnl_link_get_stat (link, RTNL_LINK_TX_DROPPED);
}

static guint
read_rp_filter (const char *name)
{
  g_autofree char *path = g_strdup_printf ("/proc/sys/net/ipv4/conf/%s/rp_filter", name);
  g_autofree char *text = NULL;

  return g_file_get_contents (path, &text, NULL, NULL) ? (guint)g_ascii_strtoull (text, NULL, 10) : 0;
}

static void
set_rp_filter (TunnelRoutes *routes, int ifindex, guint value)
{
  g_autoptr (RouteLink) old_link = rtnl_link_alloc ();
  g_autoptr (RouteLink) link = rtnl_link_alloc ();
  g_autoptr (GError) error = NULL;

  rtnl_link_set_ifindex (old_link, ifindex);
  (void)rtnl_link_inet_set_conf (link, IPV4_DEVCONF_RP_FILTER, value);
  if (!check (routes, rtnl_link_change (routes->socket, old_link, link, 0), 0, "rp_filter", &error))
    g_warning ("Strict reverse path filtering stays on interface %d and will drop what comes in there: %s", ifindex,
               error->message);
}

void
tunnel_routes_relax_rp_filter (TunnelRoutes *routes, int ifindex)
{
  char name[IFNAMSIZ];

  /* The stricter number of "all" and the interface counts, and 2 is loose: so 1 is the only one that hurts. */
  if (if_indextoname ((guint)ifindex, name) == NULL ||
      MAX (read_rp_filter ("all"), read_rp_filter (name)) != RP_FILTER_STRICT)
    return;
  set_rp_filter (routes, ifindex, RP_FILTER_LOOSE);
  g_array_append_val (routes->relaxed, ifindex);
}

/* ------------------------------------------------------------------------ rules ---- */

static RouteRule *
make_rule (const TunnelRoutes *routes, int family, guint priority, guint table)
{
  RouteRule *rule = rtnl_rule_alloc ();

  rtnl_rule_set_family (rule, family);
  rtnl_rule_set_prio (rule, priority);
  rtnl_rule_set_table (rule, table);
  rtnl_rule_set_action (rule, FR_ACT_TO_TBL);
  if (priority == PRIORITY_MARK)
    {
      rtnl_rule_set_mark (rule, routes->config.mark);
      rtnl_rule_set_mask (rule, G_MAXUINT32);
    }
  if (priority == PRIORITY_LINK_LOCAL)
    {
      static const guint8 link_local[16] = { 0xfe, 0x80 };
      g_autoptr (NlAddr) destination = nl_addr_build (AF_INET6, link_local, sizeof link_local);

      nl_addr_set_prefixlen (destination, 10);
      (void)rtnl_rule_set_dst (rule, destination);
    }
  return rule;
}

typedef struct
{
  int family;
  guint priority;
} RuleName;

static const RuleName rules[] = {
  { AF_INET, PRIORITY_MARK },        { AF_INET, PRIORITY_TABLE },  { AF_INET6, PRIORITY_MARK },
  { AF_INET6, PRIORITY_LINK_LOCAL }, { AF_INET6, PRIORITY_TABLE },
};

static gboolean
add_rules (TunnelRoutes *routes, GError **error)
{
  for (gsize i = 0; i < G_N_ELEMENTS (rules); i++)
    {
      guint table = rules[i].priority == PRIORITY_TABLE ? routes->config.table : RT_TABLE_MAIN;
      g_autoptr (RouteRule) rule = make_rule (routes, rules[i].family, rules[i].priority, table);
      /* A kernel without IPv6 cannot leak it. */
      int accepted = rules[i].family == AF_INET6 ? NLE_AF_NOSUPPORT : NLE_EXIST;
      int result = rtnl_rule_add (routes->socket, rule, NLM_F_CREATE | NLM_F_EXCL);

      if (result == -NLE_EXIST || (rules[i].family == AF_INET6 && result == -NLE_OPNOTSUPP))
        result = 0;
      if (!check (routes, result, accepted, "routing policy rule", error))
        return FALSE;
    }
  return TRUE;
}

static void
remove_rules (TunnelRoutes *routes)
{
  for (gsize i = 0; i < G_N_ELEMENTS (rules); i++)
    {
      guint table = rules[i].priority == PRIORITY_TABLE ? routes->config.table : RT_TABLE_MAIN;
      g_autoptr (RouteRule) rule = make_rule (routes, rules[i].family, rules[i].priority, table);

      (void)rtnl_rule_delete (routes->socket, rule, 0);
    }
}

/* ----------------------------------------------------------------------- routes ---- */

static RouteRoute *
make_route (const TunnelRoutes *routes, NlAddr *destination, guint type)
{
  RouteRoute *route = rtnl_route_alloc ();

  rtnl_route_set_family (route, (guint8)nl_addr_get_family (destination));
  rtnl_route_set_table (route, routes->config.table);
  rtnl_route_set_protocol (route, ROUTE_PROTOCOL);
  rtnl_route_set_type (route, (guint8)type);
  (void)rtnl_route_set_dst (route, destination);
  return route;
}

/* To @destination through @ifindex, by @gateway if it is set, with the home address as source. */
static RouteRoute *
make_unicast (const TunnelRoutes *routes, NlAddr *destination, int ifindex, const RoamAddr *gateway)
{
  RouteRoute *route = make_route (routes, destination, RTN_UNICAST);
  struct rtnl_nexthop *next_hop = rtnl_route_nh_alloc ();
  g_autoptr (NlAddr) source = make_addr (&routes->config.home_address, 32);

  (void)rtnl_route_set_pref_src (route, source);
  rtnl_route_nh_set_ifindex (next_hop, ifindex);
  if (roam_addr_is_set (gateway))
    {
      g_autoptr (NlAddr) via = make_addr (gateway, 32);

      rtnl_route_nh_set_gateway (next_hop, via);
      /* Whether the router's address is on the link is the caller's knowledge, not that of a table. */
      rtnl_route_nh_set_flags (next_hop, RTNH_F_ONLINK);
      rtnl_route_set_scope (route, RT_SCOPE_UNIVERSE);
    }
  else
    rtnl_route_set_scope (route, RT_SCOPE_LINK);
  rtnl_route_add_nexthop (route, next_hop);
  return route;
}

static gboolean
set_default (TunnelRoutes *routes, int ifindex, const RoamAddr *next_hop, GError **error)
{
  g_autoptr (NlAddr) anywhere = make_default (AF_INET);
  g_autoptr (RouteRoute) route = make_unicast (routes, anywhere, ifindex, next_hop);

  /* One request: there is no moment without a route or with two. */
  if (!check (routes, rtnl_route_add (routes->socket, route, NLM_F_CREATE | NLM_F_REPLACE), 0, "default route", error))
    return FALSE;
  routes->ifindex = ifindex;
  routes->next_hop = *next_hop;
  return TRUE;
}

static gboolean
stop_ipv6 (TunnelRoutes *routes, GError **error)
{
  g_autoptr (NlAddr) anywhere = make_default (AF_INET6);
  g_autoptr (RouteRoute) route = make_route (routes, anywhere, RTN_UNREACHABLE);
  int result = rtnl_route_add (routes->socket, route, NLM_F_CREATE | NLM_F_REPLACE);

  if (result == -NLE_OPNOTSUPP)
    result = 0;
  return check (routes, result, NLE_AF_NOSUPPORT, "unreachable IPv6 default route", error);
}

/* The prefix of an address of @ifindex that holds the home address: neighbours there need no router. */
static RoamPrefix
find_home_prefix (TunnelRoutes *routes, int ifindex)
{
  RoamPrefix found = { .addr = ROAM_ADDR_NONE };
  struct nl_cache *cache = NULL;

  routes->requests++;
  if (rtnl_addr_alloc_cache (routes->socket, &cache) < 0)
    return found;
  for (struct nl_object *object = nl_cache_get_first (cache); object != NULL; object = nl_cache_get_next (object))
    {
      struct rtnl_addr *addr = (struct rtnl_addr *)object;
      struct nl_addr *local = rtnl_addr_get_local (addr);
      RoamPrefix prefix = { .length = (guint8)rtnl_addr_get_prefixlen (addr) };

      if (rtnl_addr_get_ifindex (addr) != ifindex || local == NULL || nl_addr_get_family (local) != AF_INET ||
          prefix.length == 0 || prefix.length >= 32)
        continue;
      prefix.addr = roam_addr_from_bytes (nl_addr_get_binary_addr (local), 4);
      if (roam_prefix_contains (&prefix, &routes->config.home_address))
        found = prefix;
    }
  nl_cache_free (cache);
  return found;
}

static NlAddr *
make_network (const RoamPrefix *prefix)
{
  guint32 mask = prefix->length == 0 ? 0 : G_MAXUINT32 << (32 - prefix->length);
  RoamAddr network = roam_addr_from_u32 (roam_addr_to_u32 (&prefix->addr) & mask);

  return make_addr (&network, prefix->length);
}

static void
remove_home_prefix (TunnelRoutes *routes)
{
  g_autoptr (NlAddr) network = NULL;
  g_autoptr (RouteRoute) route = NULL;

  if (routes->home_prefix.length == 0)
    return;
  network = make_network (&routes->home_prefix);
  route = make_unicast (routes, network, routes->ifindex, &ROAM_ADDR_NONE);
  (void)check (routes, rtnl_route_delete (routes->socket, route, 0), 0, "home prefix", NULL);
  routes->home_prefix.length = 0;
}

static void
add_home_prefix (TunnelRoutes *routes, int ifindex)
{
  RoamPrefix prefix = find_home_prefix (routes, ifindex);
  g_autoptr (NlAddr) network = NULL;
  g_autoptr (RouteRoute) route = NULL;

  if (prefix.length == 0)
    return;
  network = make_network (&prefix);
  route = make_unicast (routes, network, ifindex, &ROAM_ADDR_NONE);
  /* Without it neighbours are reached by way of the router: slower, not wrong. */
  if (check (routes, rtnl_route_add (routes->socket, route, NLM_F_CREATE | NLM_F_REPLACE), 0, "home prefix", NULL))
    routes->home_prefix = prefix;
}

gboolean
tunnel_routes_use_tun (TunnelRoutes *routes, GError **error)
{
  if (routes->ifindex == routes->config.tun_ifindex)
    return TRUE;
  remove_home_prefix (routes);
  return set_default (routes, routes->config.tun_ifindex, &ROAM_ADDR_NONE, error);
}

gboolean
tunnel_routes_use_home (TunnelRoutes *routes, int ifindex, const RoamAddr *next_hop, GError **error)
{
  if (routes->ifindex == ifindex && roam_addr_equal (&routes->next_hop, next_hop))
    return TRUE;
  remove_home_prefix (routes);
  if (!set_default (routes, ifindex, next_hop, error))
    return FALSE;
  add_home_prefix (routes, ifindex);
  return TRUE;
}

guint
tunnel_routes_get_requests (const TunnelRoutes *routes)
{
  return routes->requests;
}

/* ------------------------------------------------------------------------- life ---- */

/* What an earlier run left in the table besides the default route: it died at home. */
static void
flush_stale (TunnelRoutes *routes)
{
  struct nl_cache *cache = NULL;

  routes->requests++;
  if (rtnl_route_alloc_cache (routes->socket, AF_INET, 0, &cache) < 0)
    return;
  for (struct nl_object *object = nl_cache_get_first (cache); object != NULL; object = nl_cache_get_next (object))
    {
      struct rtnl_route *route = (struct rtnl_route *)object;

      if (rtnl_route_get_table (route) == routes->config.table &&
          nl_addr_get_prefixlen (rtnl_route_get_dst (route)) > 0)
        (void)rtnl_route_delete (routes->socket, route, 0);
    }
  nl_cache_free (cache);
}

TunnelRoutes *
tunnel_routes_new (const TunnelRoutesConfig *config, GError **error)
{
  TunnelRoutes *routes = g_new0 (TunnelRoutes, 1);
  int result;

  routes->config = *config;
  routes->relaxed = g_array_new (FALSE, FALSE, sizeof (int));
  routes->socket = nl_socket_alloc ();
  result = nl_connect (routes->socket, NETLINK_ROUTE);
  if (check (routes, result, 0, "route netlink", error) && set_up_link (routes, error) &&
      add_home_address (routes, error) && tunnel_routes_use_tun (routes, error) && stop_ipv6 (routes, error))
    {
      flush_stale (routes);
      /* Last: what they point to exists, so that no packet falls through. */
      if (add_rules (routes, error))
        return routes;
    }
  tunnel_routes_free (routes, FALSE);
  return NULL;
}

void
tunnel_routes_free (TunnelRoutes *routes, gboolean keep)
{
  if (routes == NULL)
    return;
  if (!keep)
    {
      g_autoptr (NlAddr) anywhere = make_default (AF_INET6);
      g_autoptr (RouteRoute) unreachable = make_route (routes, anywhere, RTN_UNREACHABLE);

      remove_home_prefix (routes);
      /* The TUN's own routes go with it; a default route on the home link would stay. */
      (void)tunnel_routes_use_tun (routes, NULL);
      remove_rules (routes);
      (void)rtnl_route_delete (routes->socket, unreachable, 0);
      for (guint i = 0; i < routes->relaxed->len; i++)
        set_rp_filter (routes, g_array_index (routes->relaxed, int, i), RP_FILTER_STRICT);
    }
  g_array_unref (routes->relaxed);
  nl_socket_free (routes->socket);
  g_free (routes);
}
