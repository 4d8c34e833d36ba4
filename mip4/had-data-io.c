/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "mip4/had-io-private.h"
#include "mip4/mip4-codec-private.h"
#include "mip4/mip4-tunnel-private.h"

#include <errno.h>
#include <fcntl.h>
#include <glib-unix.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

/*
 * The home agent's data path in user space. TUN -> IP-in-IP (raw socket, the kernel makes the outer
 * header) or UDP (RFC 3519); and back. Outer DF stays clear, so that a narrow path fragments rather
 * than loses.
 */

/* Packets moved per system call and per turn of the main loop: control messages wait no longer than that. */
#define BATCH 64u
#define TURNS 8u
/* The TUN's MTU is 1480 at most; a reassembled outer packet may carry more. */
#define PACKET_SIZE 4096u
/* Room in front of a packet for the outer IPv4 header with options, or the tunnel data header. */
#define TUNNEL_DATA_HEADER 4u
/* Packets the kernel keeps while this process does not run: a few milliseconds at full speed (the default is 500). */
#define TUN_QUEUE 2000
/* D-38: packets still on their way through the tunnel that was. */
#define OLD_TUNNEL_US (2 * ROAM_USEC_PER_SEC)
#define SOCKET_BUFFER (4 * 1024 * 1024)

typedef struct
{
  guint32 home_address; /* key; host order */
  gboolean udp;
  struct sockaddr_in peer;
  gboolean old_udp;
  struct sockaddr_in old_peer;
  gint64 old_until_us;
} Tunnel;

typedef enum
{
  COUNT_ENCAPSULATED,
  COUNT_DECAPSULATED,
  COUNT_NO_BINDING,   /* towards a home address without one */
  COUNT_NOT_FROM_COA, /* tunnelled, but not from the binding's care-of address (RFC 3024 4.3.2) */
  COUNT_MALFORMED,
  COUNT_LOOP,
  COUNT_ECN_DROPPED,
  COUNT_ECN_STRANGE,
  COUNT_SEND_FAILED,
  N_COUNTS,
} Count;

struct _HadData
{
  int tun_fd, raw_fd, control_fd, tun_index;
  guint tun_source, raw_source;
  RoamAddr address;
  GHashTable *tunnels; /* home address -> Tunnel */
  guint64 counts[N_COUNTS];
  guint8 (*packets)[PACKET_SIZE]; /* BATCH of them */
};

static struct sockaddr_in
to_sockaddr (const RoamEndpoint *endpoint)
{
  struct sockaddr_in address = { .sin_family = AF_INET, .sin_port = GUINT16_TO_BE (endpoint->port) };

  memcpy (&address.sin_addr, endpoint->addr.bytes, 4);
  return address;
}

/* ----------------------------------------------------------- out of the TUN ---- */

typedef struct
{
  struct mmsghdr messages[BATCH];
  struct iovec vectors[BATCH][2];
  HadControl controls[BATCH];
  guint n;
} Batch;

/* The inner TOS for the outer header (RFC 2003 3.1, RFC 6040 4.1); our address as the source of UDP. */
static void
add_control (const HadData *data, struct msghdr *message, HadControl *control, guint8 tos, gboolean with_source)
{
  const int value = tos;
  struct in_pktinfo info = { 0 };

  message->msg_control = control->octets;
  message->msg_controllen = 0;
  had_control_add (message, control, IP_TOS, &value, sizeof value);
  memcpy (&info.ipi_spec_dst, data->address.bytes, 4);
  if (with_source)
    had_control_add (message, control, IP_PKTINFO, &info, sizeof info);
}

static void
add_to_batch (const HadData *data, Batch *batch, const Tunnel *tunnel, guint8 *packet, const Mip4Ipv4 *ip)
{
  static guint8 tunnel_data[TUNNEL_DATA_HEADER] = { MIP4_MESSAGE_TUNNEL_DATA, MIP4_PROTOCOL_IPIP, 0, 0 };
  struct msghdr *message = &batch->messages[batch->n].msg_hdr;
  struct iovec *vectors = batch->vectors[batch->n];
  gsize n_vectors = 0;

  memset (message, 0, sizeof *message);
  if (tunnel->udp)
    vectors[n_vectors++] = (struct iovec){ tunnel_data, sizeof tunnel_data };
  vectors[n_vectors++] = (struct iovec){ packet, ip->total_length };
  message->msg_name = (void *)&tunnel->peer;
  message->msg_namelen = sizeof tunnel->peer;
  message->msg_iov = vectors;
  message->msg_iovlen = n_vectors;
  add_control (data, message, &batch->controls[batch->n], ip->tos, tunnel->udp);
  batch->n++;
}

static void
flush_batch (HadData *data, Batch *batch, int fd)
{
  guint done = 0;

  while (done < batch->n)
    {
      int sent = sendmmsg (fd, batch->messages + done, batch->n - done, MSG_DONTWAIT);

      if (sent > 0)
        {
          done += (guint)sent;
          data->counts[COUNT_ENCAPSULATED] += (guint)sent;
          continue;
        }
      if (errno == EINTR)
        continue;
      /* This one cannot go (no route, queue full); the next may. */
      data->counts[COUNT_SEND_FAILED]++;
      done++;
    }
  batch->n = 0;
}

static void
encapsulate (HadData *data, Batch *ipip, Batch *udp, guint8 *packet, gsize length)
{
  const Tunnel *tunnel;
  Mip4Ipv4 ip;

  if (!mip4_ipv4_parse (packet, length, &ip) || ip.ttl == 0)
    {
      data->counts[COUNT_MALFORMED]++;
      return;
    }
  tunnel = g_hash_table_lookup (data->tunnels, GUINT_TO_POINTER (ip.destination));
  if (tunnel == NULL)
    {
      data->counts[COUNT_NO_BINDING]++;
      return;
    }
  if (mip4_tunnel_is_loop (packet, length, GUINT32_FROM_BE (tunnel->peer.sin_addr.s_addr)))
    {
      data->counts[COUNT_LOOP]++;
      return;
    }
  add_to_batch (data, tunnel->udp ? udp : ipip, tunnel, packet, &ip);
}

static gboolean
tun_readable (int fd, GIOCondition condition, gpointer user_data)
{
  HadData *data = user_data;
  gboolean more = TRUE;

  for (guint turn = 0; more && turn < TURNS; turn++)
    {
      Batch ipip, udp;

      ipip.n = udp.n = 0;
      for (guint i = 0; more && i < BATCH; i++)
        {
          gssize length = read (fd, data->packets[i], PACKET_SIZE);

          if (length > 0)
            encapsulate (data, &ipip, &udp, data->packets[i], (gsize)length);
          else
            more = length < 0 && errno == EINTR;
        }
      flush_batch (data, &ipip, data->raw_fd);
      flush_batch (data, &udp, data->control_fd);
    }
  return G_SOURCE_CONTINUE;
}

/* ---------------------------------------------------------------- into the TUN ---- */

static gboolean
same_peer (const struct sockaddr_in *a, const struct sockaddr_in *b)
{
  return a->sin_addr.s_addr == b->sin_addr.s_addr && a->sin_port == b->sin_port;
}

/* RFC 3024 4.3.2, RFC 3519 4.3: outer source is the care-of address, in the tunnel that was agreed on. */
static gboolean
is_from_binding (const Tunnel *tunnel, gboolean udp, const struct sockaddr_in *outer)
{
  if (tunnel->udp == udp && same_peer (&tunnel->peer, outer))
    return TRUE;
  return tunnel->old_udp == udp && same_peer (&tunnel->old_peer, outer) && had_boot_us () < tunnel->old_until_us;
}

static void
decapsulate (HadData *data, gboolean udp, const struct sockaddr_in *outer, guint8 outer_tos, guint8 *packet,
             gsize length)
{
  const Tunnel *tunnel;
  Mip4Ipv4 ip;

  if (!mip4_ipv4_parse (packet, length, &ip) || ip.ttl == 0)
    {
      data->counts[COUNT_MALFORMED]++;
      return;
    }
  tunnel = g_hash_table_lookup (data->tunnels, GUINT_TO_POINTER (ip.source));
  if (tunnel == NULL || !is_from_binding (tunnel, udp, outer))
    {
      data->counts[COUNT_NOT_FROM_COA]++;
      return;
    }
  switch (mip4_ecn_decapsulate (outer_tos, packet))
    {
    case MIP4_ECN_FORWARD:
      break;
    case MIP4_ECN_FORWARD_STRANGE:
      data->counts[COUNT_ECN_STRANGE]++;
      break;
    case MIP4_ECN_DROP:
      data->counts[COUNT_ECN_DROPPED]++;
      return;
    }
  if (write (data->tun_fd, packet, ip.total_length) == (gssize)ip.total_length)
    data->counts[COUNT_DECAPSULATED]++;
  else
    data->counts[COUNT_SEND_FAILED]++;
}

void
had_data_input_udp (HadData *data, const RoamEndpoint *source, guint8 outer_tos, guint8 *packet, gsize length)
{
  const struct sockaddr_in outer = to_sockaddr (source);
  Mip4Message message;

  if (mip4_parse_fixed (packet, length, &message) != MIP4_DISCARD_NONE || message.type != MIP4_MESSAGE_TUNNEL_DATA ||
      message.next_header != MIP4_PROTOCOL_IPIP)
    data->counts[COUNT_MALFORMED]++;
  else
    decapsulate (data, TRUE, &outer, outer_tos, packet + TUNNEL_DATA_HEADER, message.payload.length);
}

static void
input_raw (HadData *data, const struct mmsghdr *message, guint8 *packet)
{
  Mip4Ipv4 ip;

  /* A raw socket hands over the outer header, too. */
  if ((message->msg_hdr.msg_flags & MSG_TRUNC) != 0 || !mip4_ipv4_parse (packet, message->msg_len, &ip) ||
      ip.protocol != MIP4_PROTOCOL_IPIP)
    data->counts[COUNT_MALFORMED]++;
  else
    {
      const struct sockaddr_in outer = { .sin_family = AF_INET, .sin_addr = { .s_addr = GUINT32_TO_BE (ip.source) } };

      decapsulate (data, FALSE, &outer, ip.tos, packet + ip.header_length, (gsize)(ip.total_length - ip.header_length));
    }
}

static gboolean
raw_readable (int fd, GIOCondition condition, gpointer user_data)
{
  HadData *data = user_data;
  struct mmsghdr messages[BATCH];
  struct iovec vectors[BATCH];
  int received = BATCH;

  for (guint turn = 0; received == (int)BATCH && turn < TURNS; turn++)
    {
      memset (messages, 0, sizeof messages);
      for (guint i = 0; i < BATCH; i++)
        {
          vectors[i] = (struct iovec){ data->packets[i], PACKET_SIZE };
          messages[i].msg_hdr.msg_iov = &vectors[i];
          messages[i].msg_hdr.msg_iovlen = 1;
        }
      received = recvmmsg (fd, messages, BATCH, MSG_DONTWAIT, NULL);
      for (int i = 0; i < received; i++)
        input_raw (data, &messages[i], data->packets[i]);
    }
  return G_SOURCE_CONTINUE;
}

/* -------------------------------------------------------------------- tunnels ---- */

void
had_data_set_tunnel (HadData *data, const Mip4HaBinding *binding)
{
  guint32 home_address = roam_addr_to_u32 (&binding->home_address);
  const struct sockaddr_in peer = to_sockaddr (&binding->peer);
  Tunnel *tunnel = g_hash_table_lookup (data->tunnels, GUINT_TO_POINTER (home_address));

  if (tunnel == NULL)
    {
      tunnel = g_new0 (Tunnel, 1);
      tunnel->home_address = home_address;
      g_hash_table_insert (data->tunnels, GUINT_TO_POINTER (home_address), tunnel);
    }
  else if (tunnel->udp != binding->udp_tunnel || !same_peer (&tunnel->peer, &peer))
    {
      tunnel->old_udp = tunnel->udp;
      tunnel->old_peer = tunnel->peer;
      tunnel->old_until_us = had_boot_us () + OLD_TUNNEL_US;
    }
  tunnel->udp = binding->udp_tunnel;
  tunnel->peer = peer;
}

void
had_data_remove_tunnel (HadData *data, const RoamAddr *home_address)
{
  g_hash_table_remove (data->tunnels, GUINT_TO_POINTER (roam_addr_to_u32 (home_address)));
}

/* -------------------------------------------------------------------- opening ---- */

static void
write_tun_setting (const char *family, const char *name, const char *key, const char *value)
{
  g_autofree char *path = g_strdup_printf ("/proc/sys/net/%s/conf/%s/%s", family, name, key);
  int fd = open (path, O_WRONLY | O_CLOEXEC);

  if (fd < 0 || write (fd, value, strlen (value)) < 0)
    g_debug ("%s: %s", path, g_strerror (errno));
  if (fd >= 0)
    close (fd);
}

static gboolean
bring_up (const char *name, guint mtu, GError **error)
{
  struct ifreq request = { 0 };
  int fd = socket (AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  gboolean done;

  g_strlcpy (request.ifr_name, name, sizeof request.ifr_name);
  request.ifr_mtu = (int)mtu;
  done = fd >= 0 && ioctl (fd, SIOCSIFMTU, &request) == 0;
  request.ifr_qlen = TUN_QUEUE;
  done = done && ioctl (fd, SIOCSIFTXQLEN, &request) == 0;
  request.ifr_flags = IFF_UP | IFF_RUNNING;
  done = done && ioctl (fd, SIOCSIFFLAGS, &request) == 0;
  if (!done)
    had_set_errno (error, errno, name, "roam-had needs CAP_NET_ADMIN");
  if (fd >= 0)
    close (fd);
  return done;
}

static gboolean
open_tun (HadData *data, const HadConfig *config, GError **error)
{
  struct ifreq request = { .ifr_flags = IFF_TUN | IFF_NO_PI };
  const char *name = config->tun_name;

  g_strlcpy (request.ifr_name, name, sizeof request.ifr_name);
  data->tun_fd = open ("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC);
  if (data->tun_fd < 0)
    {
      had_set_errno (error, errno, "/dev/net/tun", "Load the module with: modprobe tun");
      return FALSE;
    }
  if (ioctl (data->tun_fd, TUNSETIFF, &request) < 0)
    {
      had_set_errno (error, errno, name, "roam-had needs CAP_NET_ADMIN, and no other program may hold this name");
      return FALSE;
    }
  /* What comes out of the tunnel has a home address as source, which is exactly where this device leads. */
  write_tun_setting ("ipv4", name, "rp_filter", "0");
  write_tun_setting ("ipv4", name, "forwarding", "1");
  write_tun_setting ("ipv6", name, "disable_ipv6", "1");
  data->tun_index = (int)if_nametoindex (name);
  return bring_up (name, config->mtu, error);
}

static gboolean
open_raw (HadData *data, GError **error)
{
  const int size = SOCKET_BUFFER, no_discovery = IP_PMTUDISC_DONT;
  const RoamEndpoint local = { data->address, 0 };
  const struct sockaddr_in address = to_sockaddr (&local);

  data->raw_fd = socket (AF_INET, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, IPPROTO_IPIP);
  if (data->raw_fd < 0)
    {
      had_set_errno (error, errno, "raw socket for IP-in-IP", "roam-had needs CAP_NET_RAW");
      return FALSE;
    }
  if (bind (data->raw_fd, (const struct sockaddr *)&address, sizeof address) < 0)
    {
      had_set_errno (error, errno, "address", "Give the interface this address, or correct address=");
      return FALSE;
    }
  setsockopt (data->raw_fd, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof size);
  setsockopt (data->raw_fd, SOL_SOCKET, SO_SNDBUFFORCE, &size, sizeof size);
  setsockopt (data->raw_fd, IPPROTO_IP, IP_MTU_DISCOVER, &no_discovery, sizeof no_discovery);
  setsockopt (data->control_fd, IPPROTO_IP, IP_MTU_DISCOVER, &no_discovery, sizeof no_discovery);
  return TRUE;
}

HadData *
had_data_new (const HadConfig *config, int control_fd, GError **error)
{
  g_autoptr (HadData) data = g_new0 (HadData, 1);

  data->tun_fd = data->raw_fd = -1;
  data->control_fd = control_fd;
  data->address = config->address;
  data->tunnels = g_hash_table_new_full (NULL, NULL, NULL, g_free);
  data->packets = g_malloc (BATCH * sizeof *data->packets);
  if (!open_raw (data, error) || !open_tun (data, config, error))
    return NULL;
  data->tun_source = g_unix_fd_add (data->tun_fd, G_IO_IN, tun_readable, data);
  data->raw_source = g_unix_fd_add (data->raw_fd, G_IO_IN, raw_readable, data);
  return g_steal_pointer (&data);
}

void
had_data_free (HadData *data)
{
  if (data == NULL)
    return;
  if (data->tun_source != 0)
    g_source_remove (data->tun_source);
  if (data->raw_source != 0)
    g_source_remove (data->raw_source);
  if (data->tun_fd >= 0)
    close (data->tun_fd);
  if (data->raw_fd >= 0)
    close (data->raw_fd);
  g_hash_table_unref (data->tunnels);
  g_free (data->packets);
  g_free (data);
}

int
had_data_tun_index (const HadData *data)
{
  return data->tun_index;
}

GHashTable *
had_data_dup_counters (const HadData *data)
{
  static const char *const names[N_COUNTS] = {
    [COUNT_ENCAPSULATED] = "packets-encapsulated",     [COUNT_DECAPSULATED] = "packets-decapsulated",
    [COUNT_NO_BINDING] = "packets-without-binding",    [COUNT_NOT_FROM_COA] = "packets-not-from-care-of-address",
    [COUNT_MALFORMED] = "packets-malformed",           [COUNT_LOOP] = "packets-looping",
    [COUNT_ECN_DROPPED] = "packets-dropped-congested", [COUNT_ECN_STRANGE] = "packets-strange-ecn",
    [COUNT_SEND_FAILED] = "packets-not-sent",
  };
  GHashTable *table = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, g_free);

  for (guint i = 0; i < N_COUNTS; i++)
    g_hash_table_insert (table, g_strdup (names[i]), g_memdup2 (&data->counts[i], sizeof (guint64)));
  return table;
}
