/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "mip4/fad-io-private.h"

#include <linux/fib_rules.h>
#include <linux/rtnetlink.h>
#include <netlink/route/route.h>
#include <netlink/route/rule.h>
#include <string.h>

/*
 * Where packets go that arrive on the visited link: policy rules at one priority for each visitor, and, unless
 * common traffic is routed, one behind them that drops the rest. Only packets of that interface are
 * touched, so no home address can draw away other traffic of this host.
 */

struct _FadRoutes
{
  struct nl_sock *netlink;
  char *interface;
  guint table;
  gboolean only_visitors;
  GHashTable *rules; /* RoamAddr* -> FadRoute + 1 */
};

static struct nl_addr *
to_nl_addr (const RoamAddr *addr)
{
  struct nl_addr *out = nl_addr_build (AF_INET, (void *)addr->bytes, 4);

  nl_addr_set_prefixlen (out, 32);
  return out;
}

/* @source NULL: the rule behind the visitors. */
static struct rtnl_rule *
make_rule (const FadRoutes *routes, const RoamAddr *source, FadRoute route)
{
  struct rtnl_rule *rule = rtnl_rule_alloc ();

  rtnl_rule_set_family (rule, AF_INET);
  rtnl_rule_set_iif (rule, routes->interface);
  rtnl_rule_set_prio (rule, source != NULL ? routes->table : routes->table + 1);
  if (source != NULL)
    {
      struct nl_addr *addr = to_nl_addr (source);

      rtnl_rule_set_src (rule, addr);
      nl_addr_put (addr);
      rtnl_rule_set_action (rule, FR_ACT_TO_TBL);
      rtnl_rule_set_table (rule, route == FAD_ROUTE_TUNNEL ? routes->table : RT_TABLE_MAIN);
    }
  else
    rtnl_rule_set_action (rule, FR_ACT_BLACKHOLE);
  return rule;
}

static int
change_rule (const FadRoutes *routes, const RoamAddr *source, FadRoute route, gboolean add)
{
  struct rtnl_rule *rule = make_rule (routes, source, route);
  int code = add ? rtnl_rule_add (routes->netlink, rule, NLM_F_CREATE | NLM_F_EXCL)
                 : rtnl_rule_delete (routes->netlink, rule, 0);
  char text[ROAM_ADDR_STRLEN];

  rtnl_rule_put (rule);
  if (code < 0)
    g_warning ("%s the rule for %s: %s", add ? "Adding" : "Removing",
               source != NULL ? roam_addr_to_string (source, text) : "all others", nl_geterror (code));
  return code;
}

void
fad_routes_set (FadRoutes *routes, const RoamAddr *source, FadRoute route)
{
  FadRoute old = GPOINTER_TO_UINT (g_hash_table_lookup (routes->rules, source));

  if (old == route + 1)
    return;
  /* The new one first: in between, a packet finds one of them. */
  change_rule (routes, source, route, TRUE);
  if (old != 0)
    change_rule (routes, source, old - 1, FALSE);
  g_hash_table_insert (routes->rules, g_memdup2 (source, sizeof *source), GUINT_TO_POINTER (route + 1));
}

void
fad_routes_remove (FadRoutes *routes, const RoamAddr *source)
{
  FadRoute old = GPOINTER_TO_UINT (g_hash_table_lookup (routes->rules, source));

  if (old == 0)
    return;
  change_rule (routes, source, old - 1, FALSE);
  g_hash_table_remove (routes->rules, source);
}

/* A foreign agent that was killed leaves its rules behind. */
static gboolean
remove_stale_rules (FadRoutes *routes)
{
  struct nl_cache *cache;
  int code = rtnl_rule_alloc_cache (routes->netlink, AF_INET, &cache);

  if (code < 0)
    return FALSE;
  for (struct nl_object *object = nl_cache_get_first (cache); object != NULL; object = nl_cache_get_next (object))
    {
      struct rtnl_rule *rule = (struct rtnl_rule *)object;
      guint32 priority = rtnl_rule_get_prio (rule);

      if ((priority == routes->table || priority == routes->table + 1) &&
          g_strcmp0 (rtnl_rule_get_iif (rule), routes->interface) == 0)
        rtnl_rule_delete (routes->netlink, rule, 0);
    }
  nl_cache_free (cache);
  return TRUE;
}

/* Everything in the table goes into the tunnel; the route disappears with the device. */
static int
add_default_route (const FadRoutes *routes, int tun_index)
{
  struct rtnl_route *route = rtnl_route_alloc ();
  struct rtnl_nexthop *hop = rtnl_route_nh_alloc ();
  struct nl_addr *destination = nl_addr_build (AF_INET, (guint8[4]){ 0 }, 4);
  int code;

  nl_addr_set_prefixlen (destination, 0);
  rtnl_route_set_family (route, AF_INET);
  rtnl_route_set_table (route, routes->table);
  rtnl_route_set_scope (route, RT_SCOPE_LINK);
  rtnl_route_set_dst (route, destination);
  rtnl_route_nh_set_ifindex (hop, tun_index);
  rtnl_route_add_nexthop (route, hop);
  code = rtnl_route_add (routes->netlink, route, NLM_F_CREATE | NLM_F_REPLACE);
  nl_addr_put (destination);
  rtnl_route_put (route);
  return code;
}

static guint
addr_hash (gconstpointer addr)
{
  return roam_addr_hash (addr);
}

static gboolean
addr_equal (gconstpointer a, gconstpointer b)
{
  return roam_addr_equal (a, b);
}

FadRoutes *
fad_routes_new (const FadConfig *config, int tun_index, GError **error)
{
  g_autoptr (FadRoutes) routes = g_new0 (FadRoutes, 1);
  int code;

  routes->interface = g_strdup (config->interface);
  routes->table = config->table;
  routes->rules = g_hash_table_new_full (addr_hash, addr_equal, g_free, NULL);
  routes->netlink = nl_socket_alloc ();
  code = nl_connect (routes->netlink, NETLINK_ROUTE);
  if (code == 0 && !remove_stale_rules (routes))
    code = -NLE_FAILURE;
  if (code == 0)
    code = add_default_route (routes, tun_index);
  if (code == 0 && !config->engine.routes_common_traffic)
    {
      code = change_rule (routes, NULL, FAD_ROUTE_NORMAL, TRUE);
      routes->only_visitors = code == 0;
    }
  if (code == 0)
    return g_steal_pointer (&routes);
  g_set_error (error, FAD_ERROR, code,
               "rules and routes: %s. roam-fad needs CAP_NET_ADMIN, and a kernel with policy "
               "routing",
               nl_geterror (code));
  return NULL;
}

void
fad_routes_free (FadRoutes *routes)
{
  GHashTableIter iter;
  gpointer source, route;

  if (routes == NULL)
    return;
  g_hash_table_iter_init (&iter, routes->rules);
  while (g_hash_table_iter_next (&iter, &source, &route))
    change_rule (routes, source, GPOINTER_TO_UINT (route) - 1, FALSE);
  if (routes->only_visitors)
    change_rule (routes, NULL, FAD_ROUTE_NORMAL, FALSE);
  g_hash_table_unref (routes->rules);
  nl_socket_free (routes->netlink);
  g_free (routes->interface);
  g_free (routes);
}
