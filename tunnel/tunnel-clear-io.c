/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "tunnel/tunnel-io-private.h"
#include "tunnel/tunnel-octets-private.h"

#include <errno.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

/*
 * Sockets that a mode in clear needs besides those of every link. Mode f: packets leave through a
 * packet socket that names the agent's link-layer address, so that neither the routing table nor ARP
 * can choose another station (RFC 5944 1.7, 4.2.1), and no other program of the machine can do the
 * same by way of the IP stack, which the gate keeps closed.
 */

static void
close_fd (int *fd)
{
  if (*fd >= 0)
    close (*fd);
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

TunnelClear *
tunnel_clear_new (const TunnelClearNeeds *needs, GError **error)
{
  g_autoptr (TunnelClear) clear = g_new0 (TunnelClear, 1);

  clear->references = 1;
  clear->needs = *needs;
  clear->packet_fd = -1;
  if (needs->packet)
    {
      clear->packet_fd = open_packet ();
      if (clear->packet_fd < 0)
        {
          g_set_error (error, G_IO_ERROR, g_io_error_from_errno (errno),
                       "packet socket on interface %d: %s (needs CAP_NET_RAW)", needs->ifindex, g_strerror (errno));
          return NULL;
        }
    }
  return g_steal_pointer (&clear);
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
  close (fd);
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
