/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "lab/gateway/gw-data-private.h"

#include "base/now.h"
#include "lab/gateway/gw-inner-private.h"
#include "mip4/tun-io.h"

#include <errno.h>
#include <fcntl.h>
#include <glib-unix.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <netlink/route/route.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#define DSCP_MASK 0xfcu
#define ECN_MASK 0x03u
#define NEEDS_ADMIN "roam-gw needs CAP_NET_ADMIN, and no other program may hold this name"

/* Beside the reasons of TunnelDrop. */
typedef enum
{
  COUNT_NO_CLIENT, /* for an inner address that nobody has */
  COUNT_NO_SA,     /* the client's Child SA is gone */
  COUNT_RX,
  COUNT_TX,
  COUNT_SEND_FAILED,
  COUNT_DELIVER_FAILED,
  COUNT_FOLLOWED,
  N_COUNTS,
} Count;

struct _GwData
{
  GwSockets *sockets;
  GwTable *table;
  GwSaFunc traffic, exhausted;
  gpointer user_data;
  int tun_fd;
  guint tun_source;
  guint8 *slots; /* GW_BATCH of GW_SLOT octets */
  guint64 drops[TUNNEL_N_DROPS], counts[N_COUNTS];
};

static gint64
boot_us (void)
{
  struct timespec now;

  clock_gettime (CLOCK_BOOTTIME, &now);
  return now.tv_sec * ROAM_USEC_PER_SEC + now.tv_nsec / 1000;
}

/* ---------------------------------------------------------- from the clients ---- */

static void
deliver (GwData *data, GwClient *client, const guint8 *packet, gsize length)
{
  client->rx_packets++;
  client->rx_octets += length;
  data->counts[COUNT_RX]++;
  if (write (data->tun_fd, packet, length) != (gssize)length)
    data->counts[COUNT_DELIVER_FAILED]++;
}

/* RFC 4301 5.2: only what the SA was made for; above all, nobody speaks in another client's name. */
static TunnelDrop
accept_inner (GwData *data, GwSa *sa, guint8 next_header, guint8 *plain, gsize length, guint8 outer_tos)
{
  GwInner inner;
  TunnelDrop drop;

  if (next_header == TUNNEL_NEXT_HEADER_DUMMY)
    return TUNNEL_DROP_DUMMY;
  if (next_header != TUNNEL_NEXT_HEADER_IPV4 && next_header != TUNNEL_NEXT_HEADER_IPV6)
    return TUNNEL_DROP_NEXT_HEADER;
  if (!gw_inner_parse (plain, length, &inner) ||
      (inner.source.family == ROAM_FAMILY_INET4) != (next_header == TUNNEL_NEXT_HEADER_IPV4))
    return TUNNEL_DROP_MALFORMED;
  drop = gw_inner_check (&inner, sa->child, TRUE);
  if (drop != TUNNEL_DROP_NONE)
    return drop;
  if (!gw_inner_take_ecn (plain, &inner, (TunnelEcn)(outer_tos & ECN_MASK)))
    return TUNNEL_DROP_ECN;
  deliver (data, sa->client, plain, inner.length);
  return TUNNEL_DROP_NONE;
}

static void
note_traffic (GwData *data, GwSa *sa)
{
  gint64 now = boot_us ();

  if (sa->traffic_us != 0 && now - sa->traffic_us < ROAM_USEC_PER_SEC)
    return;
  sa->traffic_us = now;
  data->traffic (sa, data->user_data);
}

/* RFC 7296 2.23: a NAT has given the client another port; only what is valid tells so. */
static void
follow (GwData *data, GwClient *client, const GwDatagram *datagram)
{
  if (!client->follow || roam_endpoint_equal (&client->remote, &datagram->remote))
    return;
  client->remote = datagram->remote;
  data->counts[COUNT_FOLLOWED]++;
}

void
gw_data_input (GwData *data, GwDatagram *datagram, gboolean udp_encap)
{
  guint32 spi = tunnel_esp_get_spi (datagram->data, datagram->length);
  GwSa *sa = spi != 0 ? gw_table_find_spi (data->table, spi) : NULL;
  guint8 next_header = 0, *plain = NULL;
  gsize length = 0;
  TunnelDrop drop = TUNNEL_DROP_UNKNOWN_SPI;

  if (sa != NULL)
    drop = tunnel_esp_decrypt (sa->in, datagram->data, datagram->length, &plain, &length, &next_header);
  if (drop == TUNNEL_DROP_NONE)
    {
      if (udp_encap)
        follow (data, sa->client, datagram);
      drop = accept_inner (data, sa, next_header, plain, length, datagram->tos);
      /* Last: what the engine does about it may remove the SA. */
      note_traffic (data, sa);
    }
  data->drops[drop]++;
}

/* ------------------------------------------------------------ to the clients ---- */

static TunnelDrop
encrypt (GwData *data, GwClient *client, const GwInner *inner, guint8 *plain)
{
  GwDatagram datagram = { .ifindex = client->ifindex, .local = client->local, .remote = client->remote };
  TunnelEspOut *out = client->out->out;
  gsize headroom = tunnel_esp_out_headroom (out);
  gboolean ip4 = inner->source.family == ROAM_FAMILY_INET4;
  TunnelDrop drop;

  datagram.data = plain - headroom;
  /* RFC 4301 5.1.2, RFC 6040 4.1: DSCP and ECN outside are those inside. */
  datagram.tos = inner->tos;
  drop = tunnel_esp_encrypt (out, ip4 ? TUNNEL_NEXT_HEADER_IPV4 : TUNNEL_NEXT_HEADER_IPV6, plain, inner->length,
                             datagram.data, GW_SLOT - GW_HEADROOM + headroom, &datagram.length);
  if (drop != TUNNEL_DROP_NONE)
    return drop;
  client->tx_packets++;
  client->tx_octets += inner->length;
  data->counts[COUNT_TX]++;
  gw_sockets_queue (data->sockets, &datagram, client->udp_encap, &data->counts[COUNT_SEND_FAILED]);
  return TUNNEL_DROP_NONE;
}

/* RFC 4303 3.3.3: another SA before the sequence numbers end. Once for each. */
static void
note_exhaustion (GwData *data, GwSa *sa)
{
  if (sa->exhausted || !tunnel_esp_out_runs_short (sa->out))
    return;
  sa->exhausted = TRUE;
  data->exhausted (sa, data->user_data);
}

static void
process_outbound (GwData *data, guint8 *packet, gsize length)
{
  GwClient *client = NULL;
  GwInner inner;
  TunnelDrop drop;

  if (!gw_inner_parse (packet, length, &inner))
    {
      data->drops[TUNNEL_DROP_MALFORMED]++;
      return;
    }
  client = gw_table_find_inner (data->table, &inner.destination);
  if (client == NULL || client->out == NULL)
    {
      data->counts[client == NULL ? COUNT_NO_CLIENT : COUNT_NO_SA]++;
      return;
    }
  if (gw_inner_check (&inner, client->out->child, FALSE) != TUNNEL_DROP_NONE)
    drop = TUNNEL_DROP_DESTINATION;
  else
    drop = encrypt (data, client, &inner, packet);
  data->drops[drop]++;
  note_exhaustion (data, client->out);
}

static gboolean
tun_readable (int fd, GIOCondition condition, gpointer user_data)
{
  GwData *data = user_data;

  for (guint i = 0; i < GW_BATCH; i++)
    {
      guint8 *plain = data->slots + i * GW_SLOT + GW_HEADROOM;
      gssize n = read (fd, plain, 65536);

      if (n <= 0)
        break;
      process_outbound (data, plain, (gsize)n);
    }
  gw_sockets_flush (data->sockets, &data->counts[COUNT_SEND_FAILED]);
  return G_SOURCE_CONTINUE;
}

/* -------------------------------------------------------------------- the TUN ---- */

static gboolean
open_tun (GwData *data, const char *name, guint mtu, gboolean ip6, GError **error)
{
  struct ifreq request = { .ifr_flags = IFF_TUN | IFF_NO_PI };

  g_strlcpy (request.ifr_name, name, sizeof request.ifr_name);
  data->tun_fd = open ("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC);
  if (data->tun_fd < 0)
    {
      gw_set_errno (error, errno, "/dev/net/tun", "Load the module with: modprobe tun");
      return FALSE;
    }
  if (ioctl (data->tun_fd, TUNSETIFF, &request) < 0)
    {
      gw_set_errno (error, errno, name, NEEDS_ADMIN);
      return FALSE;
    }
  /* Sources were checked one by one already. */
  mip4_tun_write_setting ("ipv4", name, "rp_filter", "0");
  mip4_tun_write_setting ("ipv4", name, "forwarding", "1");
  mip4_tun_write_setting ("ipv6", name, "disable_ipv6", ip6 ? "0" : "1");
  if (mip4_tun_bring_up (name, mtu))
    return TRUE;
  gw_set_errno (error, errno, name, NEEDS_ADMIN);
  return FALSE;
}

/* A negative libnl code is its own. */
static int
add_route_to (struct nl_sock *netlink, const RoamPrefix *pool, int ifindex)
{
  const int family = pool->addr.family == ROAM_FAMILY_INET6 ? AF_INET6 : AF_INET;
  struct nl_addr *destination = nl_addr_build (family, pool->addr.bytes, roam_addr_length (&pool->addr));
  struct rtnl_route *route = rtnl_route_alloc ();
  struct rtnl_nexthop *hop = rtnl_route_nh_alloc ();
  int code;

  nl_addr_set_prefixlen (destination, pool->length);
  rtnl_route_set_family (route, (guint8)family);
  rtnl_route_set_table (route, RT_TABLE_MAIN);
  rtnl_route_set_protocol (route, RTPROT_STATIC);
  rtnl_route_set_scope (route, RT_SCOPE_LINK);
  rtnl_route_set_dst (route, destination);
  rtnl_route_nh_set_ifindex (hop, ifindex);
  rtnl_route_add_nexthop (route, hop);
  code = rtnl_route_add (netlink, route, NLM_F_CREATE | NLM_F_REPLACE);
  nl_addr_put (destination);
  rtnl_route_put (route);
  return code;
}

/* The kernel takes only prefixes without host bits. */
static RoamPrefix
network_of (const RoamPrefix *pool)
{
  RoamPrefix network = *pool;

  for (guint bit = pool->length; bit < roam_addr_length (&pool->addr) * 8; bit++)
    network.addr.bytes[bit / 8] &= (guint8) ~(0x80u >> (bit % 8));
  return network;
}

static gboolean
add_routes (const char *tun_name, const RoamPrefix *const pools[2], GError **error)
{
  struct nl_sock *netlink = nl_socket_alloc ();
  int code = nl_connect (netlink, NETLINK_ROUTE), ifindex = (int)if_nametoindex (tun_name);
  char text[ROAM_ADDR_STRLEN] = "netlink";

  for (guint i = 0; i < 2 && code >= 0; i++)
    {
      RoamPrefix network = network_of (pools[i]);

      if (!roam_addr_is_set (&network.addr))
        continue;
      roam_prefix_to_string (&network, text);
      code = add_route_to (netlink, &network, ifindex);
    }
  nl_socket_free (netlink);
  if (code >= 0)
    return TRUE;
  g_set_error (error, GW_ERROR, EINVAL, "The route for %s into %s could not be made: %s", text, tun_name,
               nl_geterror (code));
  return FALSE;
}

GwData *
gw_data_new (const char *tun_name, guint mtu, const RoamPrefix *pool4, const RoamPrefix *pool6, GwSockets *sockets,
             GwTable *table, GwSaFunc traffic, GwSaFunc exhausted, gpointer user_data, GError **error)
{
  g_autoptr (GwData) data = g_new0 (GwData, 1);

  data->sockets = sockets;
  data->table = table;
  data->traffic = traffic;
  data->exhausted = exhausted;
  data->user_data = user_data;
  data->tun_fd = -1;
  data->slots = g_malloc (GW_BATCH * GW_SLOT);
  if (!open_tun (data, tun_name, mtu, roam_addr_is_set (&pool6->addr), error) ||
      !add_routes (tun_name, (const RoamPrefix *const[]){ pool4, pool6 }, error))
    return NULL;
  data->tun_source = g_unix_fd_add (data->tun_fd, G_IO_IN, tun_readable, data);
  return g_steal_pointer (&data);
}

void
gw_data_free (GwData *data)
{
  if (data == NULL)
    return;
  if (data->tun_source != 0)
    g_source_remove (data->tun_source);
  if (data->tun_fd >= 0)
    close (data->tun_fd);
  g_free (data->slots);
  g_free (data);
}

/* ------------------------------------------------------------------- counters ---- */

GHashTable *
gw_data_dup_counters (const GwData *data)
{
  static const char *const names[N_COUNTS] = {
    [COUNT_NO_CLIENT] = "no-client",
    [COUNT_NO_SA] = "no-sa",
    [COUNT_RX] = "received",
    [COUNT_TX] = "sent",
    [COUNT_SEND_FAILED] = "send-failed",
    [COUNT_DELIVER_FAILED] = "deliver-failed",
    [COUNT_FOLLOWED] = "followed-nat",
  };
  /* The others are not of this data path. */
  static const char *const drop_names[TUNNEL_N_DROPS] = {
    [TUNNEL_DROP_MALFORMED] = "malformed",
    [TUNNEL_DROP_SOURCE] = "spoofed",
    [TUNNEL_DROP_DESTINATION] = "not-in-selectors",
    [TUNNEL_DROP_ECN] = "congestion-experienced",
    [TUNNEL_DROP_NEXT_HEADER] = "next-header",
    [TUNNEL_DROP_DUMMY] = "dummy",
    [TUNNEL_DROP_UNKNOWN_SPI] = "unknown-spi",
    [TUNNEL_DROP_REPLAYED] = "replayed",
    [TUNNEL_DROP_AUTHENTICATOR] = "authenticator",
    [TUNNEL_DROP_SEQUENCE] = "sequence-numbers-used-up",
    [TUNNEL_DROP_SPACE] = "too-big",
  };
  GHashTable *table = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, g_free);

  for (guint i = 0; i < N_COUNTS; i++)
    g_hash_table_insert (table, g_strdup (names[i]), g_memdup2 (&data->counts[i], sizeof (guint64)));
  for (guint i = 0; i < TUNNEL_N_DROPS; i++)
    if (drop_names[i] != NULL)
      g_hash_table_insert (table, g_strdup (drop_names[i]), g_memdup2 (&data->drops[i], sizeof (guint64)));
  return table;
}
