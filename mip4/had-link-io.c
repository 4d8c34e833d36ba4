/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "mip4/had-io-private.h"

#include "base/wire.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/if_packet.h>
#include <linux/neighbour.h>
#include <linux/rtnetlink.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <net/if_arp.h>
#include <netinet/in.h>
#include <netlink/route/addr.h>
#include <netlink/route/link.h>
#include <netlink/route/neighbour.h>
#include <netlink/route/route.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

/* What roam-had does on the home link: host routes into the tunnel, proxy ARP, gratuitous ARP (RFC 5944 4.6). */

/* D-37: three gratuitous ARPs, a second apart. */
#define ANNOUNCEMENTS 3u
#define ANNOUNCEMENT_INTERVAL_US ROAM_USEC_PER_SEC
/* How soon to look for the link-layer address of a node that has just come home. */
#define AT_HOME_FIRST_US 20000
/* Announcements of restored bindings a second: each is a broadcast on the home link. */
#define RESUMED_PER_SECOND 500u
#define ARP_LENGTH 28u

struct _HadLink
{
  struct nl_sock *netlink;
  int packet_fd, inet_fd;
  int index, tun_index;
  char *name;
  guint8 mac[ETH_ALEN];
  RoamAddr address;
  GHashTable *announcements; /* RoamAddr* -> Announcement */
  GQueue due;                /* the same, by time; one timer for all: a source each would slow the main loop down */
  guint timer;
  gint64 resume_us; /* when the next restored binding has its turn */
  char *old_proxy_delay;
};

typedef struct
{
  RoamAddr home_address;
  gboolean at_home;
  guint left;
  gint64 due_us;
  GList node; /* in @due */
} Announcement;

/* The kernel's neighbour entry of @addr on the home link; FALSE while it is unresolved. */
static gboolean
look_up_mac (const HadLink *link, const RoamAddr *addr, guint8 mac[ETH_ALEN])
{
  struct arpreq request = { 0 };
  struct sockaddr_in protocol = { .sin_family = AF_INET };

  memcpy (&protocol.sin_addr, addr->bytes, 4);
  memcpy (&request.arp_pa, &protocol, sizeof protocol);
  g_strlcpy (request.arp_dev, link->name, sizeof request.arp_dev);
  if (ioctl (link->inet_fd, SIOCGARP, &request) < 0 || (request.arp_flags & ATF_COM) == 0 ||
      (request.arp_flags & ATF_PUBL) != 0)
    return FALSE;
  memcpy (mac, request.arp_ha.sa_data, ETH_ALEN);
  return TRUE;
}

/* Request form: sender and target protocol address are the home address (RFC 5944 4.6). */
static void
send_gratuitous_arp (const HadLink *link, const RoamAddr *home_address, const guint8 mac[ETH_ALEN])
{
  g_auto (WireWriter) writer = { 0 };
  struct sockaddr_ll to = {
    .sll_family = AF_PACKET,
    .sll_protocol = GUINT16_TO_BE (ETH_P_ARP),
    .sll_ifindex = link->index,
    .sll_halen = ETH_ALEN,
  };

  wire_writer_init (&writer, ARP_LENGTH);
  wire_write_u16 (&writer, ARPHRD_ETHER);
  wire_write_u16 (&writer, ETH_P_IP);
  wire_write_u8 (&writer, ETH_ALEN);
  wire_write_u8 (&writer, 4);
  wire_write_u16 (&writer, ARPOP_REQUEST);
  wire_write_data (&writer, mac, ETH_ALEN);
  wire_write_addr (&writer, home_address);
  wire_write_zeros (&writer, ETH_ALEN);
  wire_write_addr (&writer, home_address);
  memset (to.sll_addr, 0xff, ETH_ALEN);
  if (sendto (link->packet_fd, wire_writer_peek (&writer), wire_writer_length (&writer), 0, (struct sockaddr *)&to,
              sizeof to) < 0)
    g_warning ("Gratuitous ARP on %s failed: %s", link->name, g_strerror (errno));
}

static void
announce (const HadLink *link, const Announcement *announcement)
{
  guint8 mac[ETH_ALEN];

  if (!announcement->at_home)
    send_gratuitous_arp (link, &announcement->home_address, link->mac);
  else if (look_up_mac (link, &announcement->home_address, mac))
    send_gratuitous_arp (link, &announcement->home_address, mac);
}

static void
insert_announcement (HadLink *link, Announcement *announcement)
{
  GList *before = link->due.tail;

  /* From the end: nearly all wait equally long. */
  while (before != NULL && ((Announcement *)before->data)->due_us > announcement->due_us)
    before = before->prev;
  announcement->node.data = announcement;
  if (before == NULL)
    g_queue_push_head_link (&link->due, &announcement->node);
  else if (before->next == NULL)
    g_queue_push_tail_link (&link->due, &announcement->node);
  else
    g_queue_insert_before_link (&link->due, before->next, &announcement->node);
}

static void
cancel_announcement (HadLink *link, const RoamAddr *home_address)
{
  Announcement *announcement = g_hash_table_lookup (link->announcements, home_address);

  if (announcement == NULL)
    return;
  g_queue_unlink (&link->due, &announcement->node);
  g_hash_table_remove (link->announcements, home_address);
}

static gboolean
announcements_due (gpointer user_data)
{
  HadLink *link = user_data;
  gint64 now_us = had_boot_us ();
  Announcement *first;

  while ((first = g_queue_peek_head (&link->due)) != NULL && first->due_us <= now_us)
    {
      announce (link, first);
      g_queue_unlink (&link->due, &first->node);
      first->due_us = now_us + ANNOUNCEMENT_INTERVAL_US;
      if (--first->left > 0)
        insert_announcement (link, first);
      else
        g_hash_table_remove (link->announcements, &first->home_address);
    }
  link->timer =
    first == NULL ? 0 : g_timeout_add ((guint)((first->due_us - now_us) / 1000 + 1), announcements_due, link);
  return G_SOURCE_REMOVE;
}

static void
start_announcing (HadLink *link, const RoamAddr *home_address, gboolean at_home, guint times, gint64 due_us)
{
  Announcement *announcement = g_new0 (Announcement, 1);

  cancel_announcement (link, home_address);
  announcement->home_address = *home_address;
  announcement->at_home = at_home;
  announcement->left = times;
  announcement->due_us = due_us;
  if (due_us <= had_boot_us ())
    {
      announce (link, announcement);
      announcement->left--;
      announcement->due_us += ANNOUNCEMENT_INTERVAL_US;
    }
  g_hash_table_insert (link->announcements, &announcement->home_address, announcement);
  insert_announcement (link, announcement);
  /* Only what is first now changes when the timer is due. */
  if (link->timer != 0 && g_queue_peek_head (&link->due) != announcement)
    return;
  if (link->timer != 0)
    g_source_remove (link->timer);
  announcements_due (link);
}

static struct nl_addr *
to_nl_addr (const RoamAddr *addr)
{
  struct nl_addr *nl_addr = nl_addr_build (AF_INET, addr->bytes, 4);

  if (nl_addr == NULL)
    g_error ("out of memory");
  nl_addr_set_prefixlen (nl_addr, 32);
  return nl_addr;
}

static void
warn_netlink (const char *what, const RoamAddr *addr, int code)
{
  char text[ROAM_ADDR_STRLEN];

  g_warning ("%s for %s failed: %s", what, roam_addr_to_string (addr, text), nl_geterror (code));
}

static void
change_route (HadLink *link, const RoamAddr *home_address, gboolean add)
{
  struct rtnl_route *route = rtnl_route_alloc ();
  struct rtnl_nexthop *nexthop = rtnl_route_nh_alloc ();
  struct nl_addr *destination = to_nl_addr (home_address), *source = to_nl_addr (&link->address);
  int code;

  rtnl_route_set_family (route, AF_INET);
  rtnl_route_set_dst (route, destination);
  rtnl_route_set_scope (route, RT_SCOPE_LINK);
  rtnl_route_set_protocol (route, RTPROT_STATIC);
  rtnl_route_set_pref_src (route, source);
  rtnl_route_nh_set_ifindex (nexthop, link->tun_index);
  rtnl_route_add_nexthop (route, nexthop);
  code = add ? rtnl_route_add (link->netlink, route, NLM_F_REPLACE) : rtnl_route_delete (link->netlink, route, 0);
  if (code < 0)
    warn_netlink (add ? "Adding the route" : "Removing the route", home_address, code);
  nl_addr_put (source);
  nl_addr_put (destination);
  rtnl_route_put (route);
}

static void
change_proxy (HadLink *link, const RoamAddr *home_address, gboolean add)
{
  struct rtnl_neigh *neighbour = rtnl_neigh_alloc ();
  struct nl_addr *destination = to_nl_addr (home_address);
  int code;

  rtnl_neigh_set_family (neighbour, AF_INET);
  rtnl_neigh_set_ifindex (neighbour, link->index);
  rtnl_neigh_set_dst (neighbour, destination);
  rtnl_neigh_set_flags (neighbour, NTF_PROXY);
  code = add ? rtnl_neigh_add (link->netlink, neighbour, NLM_F_CREATE | NLM_F_REPLACE)
             : rtnl_neigh_delete (link->netlink, neighbour, 0);
  if (code < 0)
    warn_netlink (add ? "Adding the proxy ARP entry" : "Removing the proxy ARP entry", home_address, code);
  nl_addr_put (destination);
  rtnl_neigh_put (neighbour);
}

void
had_link_intercept (HadLink *link, const RoamAddr *home_address)
{
  change_route (link, home_address, TRUE);
  change_proxy (link, home_address, TRUE);
  start_announcing (link, home_address, FALSE, ANNOUNCEMENTS, had_boot_us ());
}

void
had_link_resume (HadLink *link, const RoamAddr *home_address)
{
  change_route (link, home_address, TRUE);
  change_proxy (link, home_address, TRUE);
  link->resume_us = MAX (link->resume_us, had_boot_us ()) + ROAM_USEC_PER_SEC / RESUMED_PER_SECOND;
  start_announcing (link, home_address, FALSE, 1, link->resume_us);
}

void
had_link_release (HadLink *link, const RoamAddr *home_address, gboolean at_home)
{
  cancel_announcement (link, home_address);
  change_proxy (link, home_address, FALSE);
  change_route (link, home_address, FALSE);
  /* The reply that goes out after this makes the kernel resolve the address first. */
  if (at_home)
    start_announcing (link, home_address, TRUE, ANNOUNCEMENTS, had_boot_us () + AT_HOME_FIRST_US);
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

  if (strcmp (nl_object_get_type (object), "route/neigh") == 0)
    {
      struct rtnl_neigh *neighbour = (struct rtnl_neigh *)object;

      if (rtnl_neigh_get_ifindex (neighbour) == dump->link->index)
        add_found (dump, rtnl_neigh_get_dst (neighbour));
    }
  else
    {
      struct rtnl_route *route = (struct rtnl_route *)object;
      struct rtnl_nexthop *nexthop = rtnl_route_nexthop_n (route, 0);
      struct nl_addr *destination = rtnl_route_get_dst (route);

      if (nexthop != NULL && rtnl_route_nh_get_ifindex (nexthop) == dump->link->tun_index && destination != NULL &&
          nl_addr_get_prefixlen (destination) == 32 && rtnl_route_get_protocol (route) == RTPROT_STATIC)
        add_found (dump, destination);
    }
}

static int
parse_found (struct nl_msg *message, void *user_data)
{
  return nl_msg_parse (message, found_object, user_data) < 0 ? NL_SKIP : NL_OK;
}

/* Asks for all of a kind; @header is what the request carries. */
static GArray *
dump (HadLink *link, int type, const void *header, gsize length)
{
  Dump found = { link, g_array_new (FALSE, FALSE, sizeof (RoamAddr)) };

  nl_socket_modify_cb (link->netlink, NL_CB_VALID, NL_CB_CUSTOM, parse_found, &found);
  if (nl_send_simple (link->netlink, type, NLM_F_DUMP, (void *)header, length) < 0 ||
      nl_recvmsgs_default (link->netlink) < 0)
    g_warning ("The kernel's tables cannot be read; entries of an earlier process may be left");
  nl_socket_modify_cb (link->netlink, NL_CB_VALID, NL_CB_DEFAULT, NULL, NULL);
  return found.addresses;
}

void
had_link_remove_stale (HadLink *link, const HadConfig *config, GHashTable *bound)
{
  const struct ndmsg proxies = { .ndm_family = AF_INET, .ndm_ifindex = link->index, .ndm_flags = NTF_PROXY };
  const struct rtmsg routes = { .rtm_family = AF_INET };
  g_autoptr (GHashTable) known = g_hash_table_new ((GHashFunc)roam_addr_hash, (GEqualFunc)roam_addr_equal);
  g_autoptr (GArray) found = dump (link, RTM_GETNEIGH, &proxies, sizeof proxies);

  for (guint i = 0; i < config->nodes->len; i++)
    g_hash_table_add (known, &g_array_index (config->nodes, Mip4HaNode, i).home_address);
  for (guint i = 0; i < found->len; i++)
    {
      const RoamAddr *address = &g_array_index (found, RoamAddr, i);

      /* Other proxy entries of this host are not ours. */
      if (g_hash_table_contains (known, address) && !g_hash_table_contains (bound, address))
        change_proxy (link, address, FALSE);
    }
  g_array_unref (found);
  found = dump (link, RTM_GETROUTE, &routes, sizeof routes);
  for (guint i = 0; i < found->len; i++)
    if (!g_hash_table_contains (bound, &g_array_index (found, RoamAddr, i)))
      change_route (link, &g_array_index (found, RoamAddr, i), FALSE);
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

static gboolean
write_setting (const char *family, const char *name, const char *key, const char *value)
{
  g_autofree char *path = setting_path (family, name, key);
  int fd = open (path, O_WRONLY | O_CLOEXEC);
  gboolean done = fd >= 0 && write (fd, value, strlen (value)) == (gssize)strlen (value);

  if (fd >= 0)
    close (fd);
  return done;
}

void
had_link_report_settings (const HadLink *link)
{
  g_autofree char *forwarding = read_setting ("conf", link->name, "forwarding");
  g_autofree char *filter_all = read_setting ("conf", "all", "rp_filter");
  g_autofree char *filter = read_setting ("conf", link->name, "rp_filter");
  g_autofree char *proxy_delay = read_setting ("neigh", link->name, "proxy_delay");

  if (g_strcmp0 (forwarding, "0") == 0)
    g_warning ("%s does not forward, so nothing reaches the tunnel; run: sysctl -w net.ipv4.ip_forward=1", link->name);
  /* The kernel uses the greater of the two; 2 is the loose check, which is harmless. */
  if (g_strcmp0 (filter, "2") != 0 && g_strcmp0 (filter_all, "2") != 0 &&
      (g_strcmp0 (filter, "1") == 0 || g_strcmp0 (filter_all, "1") == 0))
    g_warning ("rp_filter drops the deregistration of a node that came home; run: sysctl -w "
               "net.ipv4.conf.%s.rp_filter=2",
               link->name);
  if (proxy_delay != NULL && strcmp (proxy_delay, "0") != 0)
    g_warning ("Proxy ARP answers on %s wait up to %s/100 s; run: sysctl -w net.ipv4.neigh.%s.proxy_delay=0",
               link->name, proxy_delay, link->name);
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
  /* Protocol 0: nothing is received, it only sends. */
  link->packet_fd = socket (AF_PACKET, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (link->packet_fd < 0)
    {
      had_set_errno (error, errno, "packet socket", "roam-had needs CAP_NET_RAW");
      return FALSE;
    }
  link->inet_fd = socket (AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  link->netlink = nl_socket_alloc ();
  if (link->inet_fd < 0 || link->netlink == NULL || nl_connect (link->netlink, NETLINK_ROUTE) < 0)
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

  link->packet_fd = link->inet_fd = -1;
  link->name = g_strdup (config->interface);
  link->tun_index = tun_index;
  link->address = config->address;
  link->announcements = g_hash_table_new_full ((GHashFunc)roam_addr_hash, (GEqualFunc)roam_addr_equal, NULL, g_free);
  g_queue_init (&link->due);
  if (!open_sockets (link, error) || !read_interface (link, error))
    return NULL;
  /* The kernel delays proxy ARP answers by up to 0.8 s: too long for a node that has just moved. Undone at the end. */
  link->old_proxy_delay = read_setting ("neigh", link->name, "proxy_delay");
  if (!write_setting ("neigh", link->name, "proxy_delay", "0"))
    g_clear_pointer (&link->old_proxy_delay, g_free);
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
  if (link->timer != 0)
    g_source_remove (link->timer);
  g_hash_table_unref (link->announcements);
  if (link->old_proxy_delay != NULL)
    write_setting ("neigh", link->name, "proxy_delay", link->old_proxy_delay);
  if (link->netlink != NULL)
    nl_socket_free (link->netlink);
  if (link->packet_fd >= 0)
    close (link->packet_fd);
  if (link->inet_fd >= 0)
    close (link->inet_fd);
  g_free (link->old_proxy_delay);
  g_free (link->name);
  g_free (link);
}
