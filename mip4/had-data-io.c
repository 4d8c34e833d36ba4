/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "mip4/had-data-io-private.h"
#include "mip4/tun-io.h"

#include <errno.h>
#include <fcntl.h>
#include <glib-unix.h>
#include <net/if.h>
#include <linux/icmp.h>
#include <linux/if_tun.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/random.h>
#include <unistd.h>

/* The home agent's data path in user space: its descriptors and its table of tunnels. */

/* D-38: packets still on their way through the tunnel that was. */
#define OLD_TUNNEL_US (2 * ROAM_USEC_PER_SEC)
#define SOCKET_BUFFER (4 * 1024 * 1024)
/* ICMP errors are few; what a flood of them puts there is lost. */
#define ICMP_BUFFER (64 * 1024)

struct sockaddr_in
had_to_sockaddr (const RoamEndpoint *endpoint)
{
  struct sockaddr_in address = { .sin_family = AF_INET, .sin_port = GUINT16_TO_BE (endpoint->port) };

  memcpy (&address.sin_addr, endpoint->addr.bytes, 4);
  return address;
}

HadTunnel *
had_data_find (const HadData *data, guint32 home_address)
{
  return g_hash_table_lookup (data->tunnels, GUINT_TO_POINTER (home_address));
}

/* -------------------------------------------------------------------- tunnels ---- */

static HadTunnel *
find_of (const HadData *data, const Mip4HaBinding *binding)
{
  guint32 care_of_address = roam_addr_to_u32 (&binding->care_of_address);
  HadTunnel *tunnel = had_data_find (data, roam_addr_to_u32 (&binding->home_address));

  while (tunnel != NULL && tunnel->care_of_address != care_of_address)
    tunnel = tunnel->next;
  return tunnel;
}

static HadTunnel *
add_tunnel (HadData *data, guint32 home_address)
{
  HadTunnel *tunnel = g_new0 (HadTunnel, 1);

  tunnel->next = had_data_find (data, home_address);
  g_hash_table_insert (data->tunnels, GUINT_TO_POINTER (home_address), tunnel);
  return tunnel;
}

static void
move_tunnel (HadTunnel *tunnel, const HadTunnelEnd *end)
{
  if (tunnel->end.udp == end->udp && memcmp (&tunnel->end.peer, &end->peer, sizeof end->peer) == 0)
    return;
  tunnel->old_end = tunnel->end;
  tunnel->old_until_us = had_boot_us () + OLD_TUNNEL_US;
  tunnel->end = *end;
  /* Another path: nothing is known of it. */
  tunnel->path = (Mip4TunnelPath){ 0 };
  tunnel->unreachable_until_us = 0;
}

void
had_data_set_tunnel (HadData *data, const Mip4HaBinding *binding, const Mip4HaBinding *old)
{
  const HadTunnelEnd end = { binding->udp_tunnel, had_to_sockaddr (&binding->peer) };
  HadTunnel *tunnel = find_of (data, old != NULL ? old : binding);

  if (tunnel != NULL)
    move_tunnel (tunnel, &end);
  else
    tunnel = add_tunnel (data, roam_addr_to_u32 (&binding->home_address));
  tunnel->end = end;
  tunnel->care_of_address = roam_addr_to_u32 (&binding->care_of_address);
  tunnel->half_bound = binding->half_bound;
  tunnel->co_located = binding->co_located;
  had_broadcast_set (data, tunnel, roam_addr_to_u32 (&binding->home_address), binding->broadcast);
}

void
had_data_remove_tunnel (HadData *data, const Mip4HaBinding *binding)
{
  guint32 home_address = roam_addr_to_u32 (&binding->home_address);
  HadTunnel *tunnel = find_of (data, binding), *first = had_data_find (data, home_address);

  if (tunnel == NULL)
    return;
  had_broadcast_set (data, tunnel, home_address, FALSE);
  if (first == tunnel && tunnel->next == NULL)
    g_hash_table_remove (data->tunnels, GUINT_TO_POINTER (home_address));
  else if (first == tunnel)
    g_hash_table_insert (data->tunnels, GUINT_TO_POINTER (home_address), tunnel->next);
  else
    {
      while (first->next != tunnel)
        first = first->next;
      first->next = tunnel->next;
    }
  g_free (tunnel);
}

static gboolean
free_tunnels (gpointer key, gpointer value, gpointer user_data)
{
  HadTunnel *tunnel = value;

  while (tunnel != NULL)
    {
      HadTunnel *next = tunnel->next;

      g_free (tunnel);
      tunnel = next;
    }
  return TRUE;
}

/* -------------------------------------------------------------------- opening ---- */

/* A descriptor of an earlier process is attached already. */
static gboolean
is_our_tun (int fd, const char *name)
{
  struct ifreq request = { 0 };

  return ioctl (fd, TUNGETIFF, &request) == 0 && strncmp (request.ifr_name, name, IFNAMSIZ) == 0;
}

static gboolean
open_tun (HadData *data, const HadConfig *config, GError **error)
{
  struct ifreq request = { .ifr_flags = IFF_TUN | IFF_NO_PI };
  const char *name = config->tun_name;

  g_strlcpy (request.ifr_name, name, sizeof request.ifr_name);
  if (data->tun_fd < 0)
    data->tun_fd = open ("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC);
  if (data->tun_fd < 0)
    {
      had_set_errno (error, errno, "/dev/net/tun", "Load the module with: modprobe tun");
      return FALSE;
    }
  if (!is_our_tun (data->tun_fd, name) && ioctl (data->tun_fd, TUNSETIFF, &request) < 0)
    {
      had_set_errno (error, errno, name, "roam-had needs CAP_NET_ADMIN, and no other program may hold this name");
      return FALSE;
    }
  /* What comes out of the tunnel has a home address as source, which is exactly where this device leads. */
  mip4_tun_write_setting ("ipv4", name, "rp_filter", "0");
  mip4_tun_write_setting ("ipv4", name, "forwarding", "1");
  mip4_tun_write_setting ("ipv6", name, "disable_ipv6", "1");
  data->tun_index = (int)if_nametoindex (name);
  if (mip4_tun_bring_up (name, config->mtu))
    return TRUE;
  had_set_errno (error, errno, name, "roam-had needs CAP_NET_ADMIN");
  return FALSE;
}

/* A raw socket of our address; -1 and @error. */
static int
open_raw (const HadData *data, int protocol, int buffer, const char *what, GError **error)
{
  const RoamEndpoint local = { data->address, 0 };
  const struct sockaddr_in address = had_to_sockaddr (&local);
  int fd = socket (AF_INET, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, protocol);

  if (fd < 0)
    {
      had_set_errno (error, errno, what, "roam-had needs CAP_NET_RAW");
      return -1;
    }
  if (bind (fd, (const struct sockaddr *)&address, sizeof address) < 0)
    {
      had_set_errno (error, errno, "address", "Give the interface this address, or correct address=");
      close (fd);
      return -1;
    }
  setsockopt (fd, SOL_SOCKET, SO_RCVBUFFORCE, &buffer, sizeof buffer);
  setsockopt (fd, SOL_SOCKET, SO_SNDBUFFORCE, &buffer, sizeof buffer);
  return fd;
}

static gboolean
open_sockets (HadData *data, GError **error)
{
  struct icmp_filter filter = { ~(1u << ICMP_DEST_UNREACH | 1u << ICMP_SOURCE_QUENCH | 1u << ICMP_REDIRECT |
                                  1u << ICMP_TIME_EXCEEDED | 1u << ICMP_PARAMETERPROB) };

  data->raw_fd = open_raw (data, IPPROTO_IPIP, SOCKET_BUFFER, "raw socket for IP-in-IP", error);
  if (data->raw_fd < 0)
    return FALSE;
  /* Sends only; IPPROTO_RAW receives nothing and takes our own header. */
  data->send_fd = open_raw (data, IPPROTO_RAW, SOCKET_BUFFER, "raw socket for sending", error);
  if (data->send_fd < 0)
    return FALSE;
  data->icmp_fd = open_raw (data, IPPROTO_ICMP, ICMP_BUFFER, "raw socket for ICMP", error);
  if (data->icmp_fd < 0)
    return FALSE;
  setsockopt (data->icmp_fd, SOL_RAW, ICMP_FILTER, &filter, sizeof filter);
  return TRUE;
}

HadData *
had_data_new (const HadConfig *config, int udp_fd, int tun_fd, GError **error)
{
  g_autoptr (HadData) data = g_new0 (HadData, 1);

  data->tun_fd = tun_fd;
  data->raw_fd = data->send_fd = data->icmp_fd = data->broadcast_fd = -1;
  data->home_index = (int)if_nametoindex (config->interface);
  data->home_network = config->home_network;
  data->broadcast_tunnels = g_hash_table_new (NULL, NULL);
  data->udp_fd = udp_fd;
  data->address = config->address;
  data->own = roam_addr_to_u32 (&config->address);
  data->ecn = config->ecn;
  data->tunnels = g_hash_table_new (NULL, NULL);
  data->packets = g_malloc (HAD_BATCH * sizeof *data->packets);
  if (getrandom (&data->secret, sizeof data->secret, 0) != (gssize)sizeof data->secret)
    {
      had_set_errno (error, errno, "random number", "The kernel has none yet; start again later");
      return NULL;
    }
  if (!open_sockets (data, error) || !open_tun (data, config, error))
    return NULL;
  data->tun_source = g_unix_fd_add (data->tun_fd, G_IO_IN, had_encapsulate_readable, data);
  data->raw_source = g_unix_fd_add (data->raw_fd, G_IO_IN, had_decapsulate_readable, data);
  data->icmp_source = g_unix_fd_add (data->icmp_fd, G_IO_IN, had_relay_readable, data);
  return g_steal_pointer (&data);
}

void
had_data_free (HadData *data)
{
  const guint *sources[] = { &data->tun_source, &data->raw_source, &data->icmp_source };
  const int *fds[] = { &data->tun_fd, &data->raw_fd, &data->send_fd, &data->icmp_fd };

  if (data == NULL)
    return;
  for (guint i = 0; i < G_N_ELEMENTS (sources); i++)
    if (*sources[i] != 0)
      g_source_remove (*sources[i]);
  for (guint i = 0; i < G_N_ELEMENTS (fds); i++)
    if (*fds[i] >= 0)
      close (*fds[i]);
  had_broadcast_stop (data);
  g_hash_table_unref (data->broadcast_tunnels);
  g_hash_table_foreach_remove (data->tunnels, free_tunnels, NULL);
  g_hash_table_unref (data->tunnels);
  g_free (data->packets);
  g_free (data);
}

int
had_data_tun_fd (const HadData *data)
{
  return data->tun_fd;
}

int
had_data_tun_index (const HadData *data)
{
  return data->tun_index;
}

GHashTable *
had_data_dup_counters (const HadData *data)
{
  static const char *const names[HAD_N_COUNTS] = {
    [HAD_COUNT_ENCAPSULATED] = "packets-encapsulated",
    [HAD_COUNT_DECAPSULATED] = "packets-decapsulated",
    [HAD_COUNT_NO_BINDING] = "packets-without-binding",
    [HAD_COUNT_NOT_FROM_COA] = "packets-not-from-care-of-address",
    [HAD_COUNT_MALFORMED] = "packets-malformed",
    [HAD_COUNT_LOOP] = "packets-looping",
    [HAD_COUNT_ECN_DROPPED] = "packets-dropped-congested",
    [HAD_COUNT_ECN_STRANGE] = "packets-strange-ecn",
    [HAD_COUNT_SEND_FAILED] = "packets-not-sent",
    [HAD_COUNT_FRAGMENTED] = "packets-fragmented",
    [HAD_COUNT_TOO_BIG] = "packets-too-big",
    [HAD_COUNT_BROADCAST] = "broadcasts-copied",
    [HAD_COUNT_BROADCAST_DROPPED] = "broadcasts-too-many",
    [HAD_COUNT_ICMP_RELAYED] = "icmp-relayed",
    [HAD_COUNT_ICMP_NOT_RELAYED] = "icmp-not-relayed",
    [HAD_COUNT_ICMP_FOREIGN] = "icmp-not-about-a-tunnel",
  };
  GHashTable *table = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, g_free);

  for (guint i = 0; i < HAD_N_COUNTS; i++)
    g_hash_table_insert (table, g_strdup (names[i]), g_memdup2 (&data->counts[i], sizeof (guint64)));
  return table;
}
