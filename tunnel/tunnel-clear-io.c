/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "base/close-io.h"
#include "tunnel/tunnel-io-private.h"
#include "tunnel/tunnel-octets-private.h"

#include <errno.h>
#include <linux/filter.h>
#include <linux/icmp.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

/*
 * Sockets that a mode in clear needs besides those of every link. Mode f: packets leave through a
 * packet socket that names the agent's link-layer address, so that neither the routing table nor ARP
 * can choose another station (RFC 5944 1.7, 4.2.1), and no other program of the machine can do the
 * same by way of the IP stack, which the gate keeps closed. Mode c in UDP: tunnel data come in through
 * a raw socket, so that the control socket on port 434 stays the main loop's.
 */

static void
close_fd (int *fd)
{
  roam_close_aside (*fd);
  *fd = -1;
}

/* Protocol 0: it hears nothing. */
static int
open_packet (void)
{
  return socket (AF_PACKET, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
}

void
tunnel_sockaddr_from_link_layer (struct sockaddr_ll *sockaddr, int ifindex, const guint8 *link_layer)
{
  *sockaddr = (struct sockaddr_ll){ .sll_family = AF_PACKET, .sll_ifindex = ifindex, .sll_halen = ETH_ALEN };
  tunnel_put_u16 ((guint8 *)&sockaddr->sll_protocol, ETH_P_IP);
  memcpy (sockaddr->sll_addr, link_layer, ETH_ALEN);
}

/*
 * Classic BPF, offsets in octets. The raw socket gets a copy of every UDP packet of the interface; the
 * filter sees it from the IP header on and keeps tunnel data (RFC 3519 3.3) from port 434 to @port:
 * UDP, whole, and a first octet of 4 behind the UDP header.
 */
static gboolean
attach_data_filter (int fd, guint port)
{
  struct sock_filter code[] = {
    BPF_STMT (BPF_LD | BPF_H | BPF_ABS, 6), /* flags and fragment offset */
    BPF_JUMP (BPF_JMP | BPF_JSET | BPF_K, 0x3fff, 7, 0),
    BPF_STMT (BPF_LDX | BPF_B | BPF_MSH, 0), /* header length */
    BPF_STMT (BPF_LD | BPF_W | BPF_IND, 0),  /* both ports */
    BPF_JUMP (BPF_JMP | BPF_JEQ | BPF_K, (guint32)TUNNEL_MIP_PORT << 16 | port, 0, 4),
    BPF_STMT (BPF_LD | BPF_B | BPF_IND, TUNNEL_UDP_HEADER),
    BPF_JUMP (BPF_JMP | BPF_JEQ | BPF_K, TUNNEL_DATA_TYPE, 0, 2),
    BPF_STMT (BPF_RET | BPF_K, G_MAXUINT32),
    BPF_STMT (BPF_RET | BPF_K, 0),
    BPF_STMT (BPF_RET | BPF_K, 0),
  };
  struct sock_fprog program = { .len = G_N_ELEMENTS (code), .filter = code };

  return setsockopt (fd, SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof program) == 0;
}

gboolean
tunnel_io_ignore_tunnel_data (int fd)
{
  /* A UDP socket's filter begins at the UDP header. */
  struct sock_filter code[] = {
    BPF_STMT (BPF_LD | BPF_B | BPF_ABS, TUNNEL_UDP_HEADER),
    BPF_JUMP (BPF_JMP | BPF_JEQ | BPF_K, TUNNEL_DATA_TYPE, 1, 0),
    BPF_STMT (BPF_RET | BPF_K, G_MAXUINT32),
    BPF_STMT (BPF_RET | BPF_K, 0),
  };
  struct sock_fprog program = { .len = G_N_ELEMENTS (code), .filter = code };

  return setsockopt (fd, SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof program) == 0;
}

static int
open_data (const TunnelClearNeeds *needs, guint32 mark)
{
  int fd = tunnel_link_open_socket (SOCK_RAW, IPPROTO_UDP, needs->ifindex, mark);

  if (fd >= 0 && !attach_data_filter (fd, needs->port))
    close_fd (&fd);
  return fd;
}

/* Errors only, so that a flood of pings to this host costs the worker nothing. */
static int
open_icmp (const TunnelClearNeeds *needs, guint32 mark)
{
  struct icmp_filter filter = { ~(1u << ICMP_DEST_UNREACH | 1u << ICMP_TIME_EXCEEDED | 1u << ICMP_PARAMETERPROB) };
  int fd = tunnel_link_open_socket (SOCK_RAW, IPPROTO_ICMP, needs->ifindex, mark);

  if (fd >= 0 && setsockopt (fd, SOL_RAW, ICMP_FILTER, &filter, sizeof filter) < 0)
    close_fd (&fd);
  return fd;
}

TunnelClear *
tunnel_clear_new (const TunnelClearNeeds *needs, guint32 mark, GError **error)
{
  g_autoptr (TunnelClear) clear = g_new0 (TunnelClear, 1);

  clear->references = 1;
  clear->needs = *needs;
  clear->packet_fd = needs->packet ? open_packet () : -1;
  clear->icmp_fd = needs->icmp ? open_icmp (needs, mark) : -1;
  clear->udp_fd = needs->mip_udp ? open_data (needs, mark) : -1;
  if ((clear->packet_fd >= 0 || !needs->packet) && (clear->icmp_fd >= 0 || !needs->icmp) &&
      (clear->udp_fd >= 0 || !needs->mip_udp))
    return g_steal_pointer (&clear);
  g_set_error (error, G_IO_ERROR, g_io_error_from_errno (errno), "%s socket on interface %d: %s (needs CAP_NET_RAW)",
               needs->packet ? "packet" : "raw", needs->ifindex, g_strerror (errno));
  return NULL;
}

TunnelClear *
tunnel_clear_ref (TunnelClear *clear)
{
  g_atomic_int_inc (&clear->references);
  return clear;
}

void
tunnel_clear_unref (TunnelClear *clear)
{
  if (clear == NULL || !g_atomic_int_dec_and_test (&clear->references))
    return;
  close_fd (&clear->packet_fd);
  close_fd (&clear->icmp_fd);
  close_fd (&clear->udp_fd);
  g_free (clear);
}

gboolean
tunnel_clear_send_packet (int ifindex, const guint8 *link_layer, const guint8 *packet, gsize length)
{
  struct sockaddr_ll target;
  int fd = open_packet (), error;
  gboolean sent;

  if (fd < 0)
    return FALSE;
  tunnel_sockaddr_from_link_layer (&target, ifindex, link_layer);
  sent = sendto (fd, packet, length, MSG_DONTWAIT, (const struct sockaddr *)&target, sizeof target) == (gssize)length;
  error = errno;
  roam_close_aside (fd);
  errno = error;
  return sent;
}

guint
tunnel_link_get_mtu (int ifindex)
{
  struct ifreq request = { 0 };
  int fd = socket (AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0), mtu = 0;

  if (fd < 0)
    return 0;
  if (if_indextoname ((guint)ifindex, request.ifr_name) != NULL && ioctl (fd, SIOCGIFMTU, &request) == 0)
    mtu = request.ifr_mtu;
  close (fd);
  return (guint)MAX (mtu, 0);
}
