/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "mip4/had-io-private.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/rtnetlink.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <net/if_arp.h>
#include <netinet/in.h>
#include <netlink/route/route.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

/* What roam-had does to the kernel of the home link: host routes into the tunnel, and what it asks of its settings. */

/* Changes of routes that go to the kernel with one system call. */
#define ROUTES 128u

/* As the kernel wants it: a message of rtnetlink with its attributes. */
typedef struct
{
  struct nlmsghdr header;
  struct rtmsg route;
  struct rtattr destination_header;
  guint8 destination[4];
  struct rtattr device_header;
  int device;
  struct rtattr source_header;
  guint8 source[4];
} RouteRequest;

struct _HadLink
{
  struct nl_sock *netlink; /* of what is asked and answered */
  int route_fd;            /* changes of routes: nothing but errors comes back */
  int inet_fd, index, tun_index;
  char *name;
  guint8 mac[ETH_ALEN];
  RoamAddr address;
  HadArp *arp;
  RouteRequest routes[ROUTES];
  guint n_routes;
};

/* --------------------------------------------------------------------- routes ---- */

static void
report_route_errors (const HadLink *link)
{
  union
  {
    struct nlmsghdr header;
    guint8 octets[8192];
  } answer;
  gssize length;

  while ((length = recv (link->route_fd, &answer, sizeof answer, MSG_DONTWAIT)) > 0)
    for (struct nlmsghdr *header = &answer.header; NLMSG_OK (header, length); header = NLMSG_NEXT (header, length))
      {
        const struct nlmsgerr *failure = NLMSG_DATA (header);
        RouteRequest request;
        RoamAddr home_address;
        char text[ROAM_ADDR_STRLEN];

        /* What did not work is quoted; a route that is gone already is as it should be. */
        if (header->nlmsg_type != NLMSG_ERROR ||
            header->nlmsg_len < NLMSG_LENGTH (sizeof failure->error) + sizeof request || failure->error == 0 ||
            (failure->error == -ESRCH && failure->msg.nlmsg_type == RTM_DELROUTE))
          continue;
        memcpy (&request, &failure->msg, sizeof request);
        home_address = roam_addr_from_bytes (request.destination, 4);
        g_warning ("%s the route for %s failed: %s", request.header.nlmsg_type == RTM_NEWROUTE ? "Adding" : "Removing",
                   roam_addr_to_string (&home_address, text), g_strerror (-failure->error));
      }
}

static void
flush_routes (HadLink *link)
{
  if (link->n_routes == 0)
    return;
  /* The kernel does them all before it returns. */
  if (send (link->route_fd, link->routes, link->n_routes * sizeof *link->routes, 0) < 0)
    g_warning ("%u routes could not be changed: %s", link->n_routes, g_strerror (errno));
  link->n_routes = 0;
  report_route_errors (link);
}

static struct rtattr
attribute (guint16 type)
{
  return (struct rtattr){ .rta_len = RTA_LENGTH (4), .rta_type = type };
}

static void
change_route (HadLink *link, const RoamAddr *home_address, gboolean add)
{
  RouteRequest *request;

  if (link->n_routes == ROUTES)
    flush_routes (link);
  request = &link->routes[link->n_routes++];
  *request = (RouteRequest){
    .header = { .nlmsg_len = sizeof *request,
                .nlmsg_type = add ? RTM_NEWROUTE : RTM_DELROUTE,
                .nlmsg_flags = NLM_F_REQUEST | (add ? NLM_F_CREATE | NLM_F_REPLACE : 0) },
    .route = { .rtm_family = AF_INET,
               .rtm_dst_len = 32,
               .rtm_table = RT_TABLE_MAIN,
               .rtm_protocol = RTPROT_STATIC,
               .rtm_scope = RT_SCOPE_LINK,
               .rtm_type = RTN_UNICAST },
    .destination_header = attribute (RTA_DST),
    .device_header = attribute (RTA_OIF),
    .device = link->tun_index,
    .source_header = attribute (RTA_PREFSRC),
  };
  memcpy (request->destination, home_address->bytes, 4);
  memcpy (request->source, link->address.bytes, 4);
}

void
had_link_intercept (HadLink *link, const RoamAddr *home_address)
{
  change_route (link, home_address, TRUE);
  had_arp_intercept (link->arp, home_address, FALSE);
}

void
had_link_resume (HadLink *link, const RoamAddr *home_address)
{
  change_route (link, home_address, TRUE);
  had_arp_intercept (link->arp, home_address, TRUE);
}

void
had_link_release (HadLink *link, const RoamAddr *home_address, gboolean at_home)
{
  change_route (link, home_address, FALSE);
  had_arp_release (link->arp, home_address, at_home);
}

void
had_link_flush (HadLink *link)
{
  flush_routes (link);
  had_arp_flush (link->arp);
}

/* ---------------------------------------------------------------------- leftovers ---- */

/* Addresses of kernel objects, as found in a dump. */
typedef struct
{
  const HadLink *link;
  GArray *addresses; /* RoamAddr */
} Dump;

static void
add_found (Dump *dump, struct nl_addr *addr)
{
  RoamAddr found;

  if (addr == NULL || nl_addr_get_family (addr) != AF_INET || nl_addr_get_len (addr) != 4)
    return;
  found = roam_addr_from_bytes (nl_addr_get_binary_addr (addr), 4);
  g_array_append_val (dump->addresses, found);
}

static void
found_object (struct nl_object *object, void *user_data)
{
  Dump *dump = user_data;
  struct rtnl_route *route = (struct rtnl_route *)object;
  struct rtnl_nexthop *nexthop = rtnl_route_nexthop_n (route, 0);
  struct nl_addr *destination = rtnl_route_get_dst (route);

  if (nexthop != NULL && rtnl_route_nh_get_ifindex (nexthop) == dump->link->tun_index && destination != NULL &&
      nl_addr_get_prefixlen (destination) == 32 && rtnl_route_get_protocol (route) == RTPROT_STATIC)
    add_found (dump, destination);
}

static int
parse_found (struct nl_msg *message, void *user_data)
{
  return nl_msg_parse (message, found_object, user_data) < 0 ? NL_SKIP : NL_OK;
}

static GArray *
dump_routes (HadLink *link)
{
  struct rtmsg header = { .rtm_family = AF_INET };
  Dump found = { link, g_array_new (FALSE, FALSE, sizeof (RoamAddr)) };

  nl_socket_modify_cb (link->netlink, NL_CB_VALID, NL_CB_CUSTOM, parse_found, &found);
  if (nl_send_simple (link->netlink, RTM_GETROUTE, NLM_F_DUMP, &header, sizeof header) < 0 ||
      nl_recvmsgs_default (link->netlink) < 0)
    g_warning ("The kernel's tables cannot be read; routes of an earlier process may be left");
  nl_socket_modify_cb (link->netlink, NL_CB_VALID, NL_CB_DEFAULT, NULL, NULL);
  return found.addresses;
}

void
had_link_remove_stale (HadLink *link, GHashTable *bound)
{
  g_autoptr (GArray) found = NULL;

  flush_routes (link);
  found = dump_routes (link);
  for (guint i = 0; i < found->len; i++)
    if (!g_hash_table_contains (bound, &g_array_index (found, RoamAddr, i)))
      change_route (link, &g_array_index (found, RoamAddr, i), FALSE);
  flush_routes (link);
}

/* ------------------------------------------------------------------- settings ---- */

static char *
setting_path (const char *family, const char *name, const char *key)
{
  return g_strdup_printf ("/proc/sys/net/ipv4/%s/%s/%s", family, name, key);
}

static char *
read_setting (const char *family, const char *name, const char *key)
{
  g_autofree char *path = setting_path (family, name, key);
  char *value = NULL;

  if (g_file_get_contents (path, &value, NULL, NULL))
    g_strstrip (value);
  return value;
}

void
had_link_report_settings (const HadLink *link)
{
  g_autofree char *forwarding = read_setting ("conf", link->name, "forwarding");
  g_autofree char *filter_all = read_setting ("conf", "all", "rp_filter");
  g_autofree char *filter = read_setting ("conf", link->name, "rp_filter");

  if (g_strcmp0 (forwarding, "0") == 0)
    g_warning ("%s does not forward, so nothing reaches the tunnel; run: sysctl -w net.ipv4.ip_forward=1", link->name);
  /* The kernel uses the greater of the two; 2 is the loose check, which is harmless. */
  if (g_strcmp0 (filter, "2") != 0 && g_strcmp0 (filter_all, "2") != 0 &&
      (g_strcmp0 (filter, "1") == 0 || g_strcmp0 (filter_all, "1") == 0))
    g_warning ("rp_filter drops the deregistration of a node that came home; run: sysctl -w "
               "net.ipv4.conf.%s.rp_filter=2",
               link->name);
}

/* -------------------------------------------------------------------- opening ---- */

static gboolean
read_interface (HadLink *link, GError **error)
{
  struct ifreq request = { 0 };

  link->index = (int)if_nametoindex (link->name);
  if (link->index == 0)
    {
      had_set_errno (error, errno, link->name, "Set interface= to the interface of the home link");
      return FALSE;
    }
  g_strlcpy (request.ifr_name, link->name, sizeof request.ifr_name);
  if (ioctl (link->inet_fd, SIOCGIFHWADDR, &request) < 0 || request.ifr_hwaddr.sa_family != ARPHRD_ETHER)
    {
      had_set_errno (error, errno, link->name, "The home link must be an Ethernet: proxy ARP needs it");
      return FALSE;
    }
  memcpy (link->mac, request.ifr_hwaddr.sa_data, ETH_ALEN);
  return TRUE;
}

static gboolean
open_sockets (HadLink *link, GError **error)
{
  link->inet_fd = socket (AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  link->route_fd = socket (AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
  link->netlink = nl_socket_alloc ();
  if (link->inet_fd < 0 || link->route_fd < 0 || link->netlink == NULL || nl_connect (link->netlink, NETLINK_ROUTE) < 0)
    {
      had_set_errno (error, errno, "rtnetlink socket", "The kernel offers no rtnetlink to this process");
      return FALSE;
    }
  return TRUE;
}

HadLink *
had_link_new (const HadConfig *config, int tun_index, GError **error)
{
  g_autoptr (HadLink) link = g_new0 (HadLink, 1);

  link->route_fd = link->inet_fd = -1;
  link->name = g_strdup (config->interface);
  link->tun_index = tun_index;
  link->address = config->address;
  if (!open_sockets (link, error) || !read_interface (link, error))
    return NULL;
  link->arp = had_arp_new (config, link->index, link->mac, error);
  if (link->arp == NULL)
    return NULL;
  return g_steal_pointer (&link);
}

int
had_link_index (const HadLink *link)
{
  return link->index;
}

void
had_link_free (HadLink *link)
{
  if (link == NULL)
    return;
  had_arp_free (link->arp);
  if (link->netlink != NULL)
    nl_socket_free (link->netlink);
  if (link->route_fd >= 0)
    close (link->route_fd);
  if (link->inet_fd >= 0)
    close (link->inet_fd);
  g_free (link->name);
  g_free (link);
}
