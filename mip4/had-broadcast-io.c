/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "mip4/had-data-io-private.h"

#include <errno.h>
#include <glib-unix.h>
#include <linux/filter.h>
#include <linux/if_packet.h>
#include <net/ethernet.h>
#include <string.h>
#include <unistd.h>

/*
 * Broadcasts of the home network for the nodes that asked for them with B (RFC 5944 4.3). The home link is listened
 * to only while there is such a node.
 */

/* A second: each costs a copy for every binding with B, and anybody on the home link can send them. */
#define BROADCASTS_PER_SECOND 200u
#define UDP_CHECKSUM_AT 6u

/* IPv4 packets that others send to 255.255.255.255 or to the home network's own broadcast address. */
static gboolean
hear_broadcasts (int fd, const RoamPrefix *network)
{
  guint32 mask = network->length >= 31 ? 0 : G_MAXUINT32 >> network->length;
  struct sock_filter code[] = {
    BPF_STMT (BPF_LD | BPF_W | BPF_ABS, (guint32)(SKF_AD_OFF + SKF_AD_PKTTYPE)),
    BPF_JUMP (BPF_JMP | BPF_JEQ | BPF_K, PACKET_BROADCAST, 0, 4),
    BPF_STMT (BPF_LD | BPF_W | BPF_ABS, 16),
    BPF_JUMP (BPF_JMP | BPF_JEQ | BPF_K, G_MAXUINT32, 1, 0),
    BPF_JUMP (BPF_JMP | BPF_JEQ | BPF_K, roam_addr_to_u32 (&network->addr) | mask, 0, 1),
    BPF_STMT (BPF_RET | BPF_K, HAD_PACKET_SIZE),
    BPF_STMT (BPF_RET | BPF_K, 0),
  };
  struct sock_fprog program = { G_N_ELEMENTS (code), code };

  return setsockopt (fd, SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof program) == 0;
}

/* A sender on this machine leaves the checksum to its device, which a tunnel has not: none is as good (RFC 768). */
static void
mend_checksum (struct msghdr *message, guint8 *packet, gsize length)
{
  for (struct cmsghdr *header = CMSG_FIRSTHDR (message); header != NULL; header = CMSG_NXTHDR (message, header))
    {
      struct tpacket_auxdata aux;
      Mip4Ipv4 ip;

      if (header->cmsg_level != SOL_PACKET || header->cmsg_type != PACKET_AUXDATA)
        continue;
      memcpy (&aux, CMSG_DATA (header), sizeof aux);
      if ((aux.tp_status & TP_STATUS_CSUMNOTREADY) != 0 && mip4_ipv4_parse (packet, length, &ip) &&
          ip.protocol == MIP4_PROTOCOL_UDP && ip.total_length >= ip.header_length + UDP_CHECKSUM_AT + 2)
        memset (packet + ip.header_length + UDP_CHECKSUM_AT, 0, 2);
    }
}

static void
copy_to_all (HadData *data, const guint8 *packet, gsize length)
{
  gint64 second = had_boot_us () / ROAM_USEC_PER_SEC;
  GHashTableIter iter;
  gpointer tunnel, home_address;
  Mip4Ipv4 ip;

  if (!mip4_ipv4_parse (packet, length, &ip))
    return;
  if (second != data->broadcast_second)
    data->n_broadcasts = 0;
  data->broadcast_second = second;
  if (data->n_broadcasts++ >= BROADCASTS_PER_SECOND)
    {
      data->counts[HAD_COUNT_BROADCAST_DROPPED]++;
      return;
    }
  g_hash_table_iter_init (&iter, data->broadcast_tunnels);
  while (g_hash_table_iter_next (&iter, &tunnel, &home_address))
    if (!((HadTunnel *)tunnel)->half_bound)
      {
        data->counts[HAD_COUNT_BROADCAST]++;
        had_encapsulate_broadcast (data, tunnel, GPOINTER_TO_UINT (home_address), packet, ip.total_length);
      }
}

static gboolean
broadcast_readable (int fd, GIOCondition condition, gpointer user_data)
{
  HadData *data = user_data;
  guint8 packet[HAD_PACKET_SIZE];

  for (guint i = 0; i < HAD_BATCH; i++)
    {
      _Alignas(struct cmsghdr) guint8 control[CMSG_SPACE (sizeof (struct tpacket_auxdata))];
      struct iovec vector = { packet, sizeof packet };
      struct msghdr message = {
        .msg_iov = &vector, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof control
      };
      gssize length = recvmsg (fd, &message, MSG_DONTWAIT);

      if (length < 0 && errno != EINTR)
        break;
      if (length <= 0 || (message.msg_flags & MSG_TRUNC) != 0)
        continue;
      mend_checksum (&message, packet, (gsize)length);
      copy_to_all (data, packet, (gsize)length);
    }
  return G_SOURCE_CONTINUE;
}

static void
start_listening (HadData *data)
{
  const struct sockaddr_ll local = { .sll_family = AF_PACKET,
                                     .sll_protocol = GUINT16_TO_BE (ETH_P_IP),
                                     .sll_ifindex = data->home_index };
  const int on = 1;

  /* Protocol 0: nothing comes before there is a filter. */
  data->broadcast_fd = socket (AF_PACKET, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (data->broadcast_fd < 0 || !hear_broadcasts (data->broadcast_fd, &data->home_network) ||
      setsockopt (data->broadcast_fd, SOL_PACKET, PACKET_AUXDATA, &on, sizeof on) < 0 ||
      bind (data->broadcast_fd, (const struct sockaddr *)&local, sizeof local) < 0)
    {
      g_warning ("Broadcasts of the home network cannot be heard: %s", g_strerror (errno));
      had_broadcast_stop (data);
      return;
    }
  data->broadcast_source = g_unix_fd_add (data->broadcast_fd, G_IO_IN, broadcast_readable, data);
}

void
had_broadcast_stop (HadData *data)
{
  if (data->broadcast_source != 0)
    g_source_remove (data->broadcast_source);
  if (data->broadcast_fd >= 0)
    close (data->broadcast_fd);
  data->broadcast_source = 0;
  data->broadcast_fd = -1;
}

void
had_broadcast_set (HadData *data, HadTunnel *tunnel, guint32 home_address, gboolean wanted)
{
  if (wanted)
    g_hash_table_insert (data->broadcast_tunnels, tunnel, GUINT_TO_POINTER (home_address));
  else
    g_hash_table_remove (data->broadcast_tunnels, tunnel);
  if (g_hash_table_size (data->broadcast_tunnels) == 0)
    had_broadcast_stop (data);
  else if (data->broadcast_fd < 0)
    start_listening (data);
}
