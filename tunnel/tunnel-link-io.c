/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "tunnel/tunnel-io-private.h"
#include "tunnel/tunnel-octets-private.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define IKE_NATT_PORT 4500 /* RFC 3948 2.1 */
/* Room for some milliseconds at full speed while the main thread or the other direction has the processor. */
#define SOCKET_BUFFER (4 * 1024 * 1024)

void
tunnel_sockaddr_from_endpoint (struct sockaddr_in *sockaddr, const RoamAddr *addr, guint16 port)
{
  *sockaddr = (struct sockaddr_in){ .sin_family = AF_INET };
  memcpy (&sockaddr->sin_addr, addr->bytes, sizeof sockaddr->sin_addr);
  tunnel_put_u16 ((guint8 *)&sockaddr->sin_port, port);
}

gboolean
tunnel_link_set_option (int fd, int level, int name, int value)
{
  return setsockopt (fd, level, name, &value, sizeof value) == 0;
}

/* Bound to the interface and marked, so that the packets of the socket use the main table and no other link. */
int
tunnel_link_open_plain_socket (int family, int type, int protocol, int ifindex, guint32 mark)
{
  int fd = socket (family, type | SOCK_CLOEXEC | SOCK_NONBLOCK, protocol);

  if (fd < 0)
    return -1;
  /* FORCE wants CAP_NET_ADMIN, which roamd has; the plain one is capped by the system's limit. */
  if (!tunnel_link_set_option (fd, SOL_SOCKET, SO_RCVBUFFORCE, SOCKET_BUFFER))
    (void)tunnel_link_set_option (fd, SOL_SOCKET, SO_RCVBUF, SOCKET_BUFFER);
  if (!tunnel_link_set_option (fd, SOL_SOCKET, SO_SNDBUFFORCE, SOCKET_BUFFER))
    (void)tunnel_link_set_option (fd, SOL_SOCKET, SO_SNDBUF, SOCKET_BUFFER);
  if (tunnel_link_set_option (fd, SOL_SOCKET, SO_BINDTOIFINDEX, ifindex) &&
      tunnel_link_set_option (fd, SOL_SOCKET, SO_MARK, (int)mark))
    return fd;
  close (fd);
  return -1;
}

int
tunnel_link_open_socket (int type, int protocol, int ifindex, guint32 mark)
{
  int fd = tunnel_link_open_plain_socket (AF_INET, type, protocol, ifindex, mark);

  if (fd < 0)
    return -1;
  if (tunnel_link_set_option (fd, IPPROTO_IP, IP_PKTINFO, 1) &&
      tunnel_link_set_option (fd, IPPROTO_IP, IP_RECVTOS, 1) &&
      /* DF on everything, EMSGSIZE instead of fragments: decision D-20. */
      tunnel_link_set_option (fd, IPPROTO_IP, IP_MTU_DISCOVER, IP_PMTUDISC_DO))
    return fd;
  close (fd);
  return -1;
}

static int
open_udp (int ifindex, guint32 mark)
{
  struct sockaddr_in any;
  RoamAddr none = roam_addr_from_u32 (INADDR_ANY);
  int fd = tunnel_link_open_socket (SOCK_DGRAM, IPPROTO_UDP, ifindex, mark);

  if (fd < 0)
    return -1;
  tunnel_sockaddr_from_endpoint (&any, &none, IKE_NATT_PORT);
  /* RFC 3948 2.1: the checksum of ESP in UDP should be sent as 0; ESP has a better one. */
  if (tunnel_link_set_option (fd, SOL_SOCKET, SO_NO_CHECK, 1) &&
      bind (fd, (const struct sockaddr *)&any, sizeof any) == 0)
    return fd;
  close (fd);
  return -1;
}

static void
close_fd (int *fd)
{
  if (*fd >= 0)
    close (*fd);
  *fd = -1;
}

TunnelLink *
tunnel_link_new (int ifindex, guint32 mark, GError **error)
{
  g_autoptr (TunnelLink) link = NULL;
  char name[IF_NAMESIZE];
  const char *step;

  /* The kernel would bind to any number. */
  if (if_indextoname ((guint)ifindex, name) == NULL)
    {
      g_set_error (error, G_IO_ERROR, G_IO_ERROR_NOT_FOUND, "there is no interface %d", ifindex);
      return NULL;
    }
  link = g_new0 (TunnelLink, 1);
  link->references = 1;
  link->ifindex = ifindex;
  link->esp_fd = link->ipip_fd = -1;
  /* Without them where the kernel has no IPv6: a path of that family does not exist then. */
  link->udp6_fd = tunnel_link_open_udp6 (ifindex, mark, IKE_NATT_PORT);
  link->esp6_fd = tunnel_link_open_socket6 (SOCK_RAW, IPPROTO_ESP, ifindex, mark);
  step = "UDP port 4500";
  link->udp_fd = open_udp (ifindex, mark);
  if (link->udp_fd >= 0)
    {
      step = "raw ESP socket";
      link->esp_fd = tunnel_link_open_socket (SOCK_RAW, IPPROTO_ESP, ifindex, mark);
    }
  if (link->esp_fd >= 0)
    {
      step = "raw IP-in-IP socket";
      link->ipip_fd = tunnel_link_open_socket (SOCK_RAW, IPPROTO_IPIP, ifindex, mark);
      /* INTERFACE: the kernel believes any "too big" that quotes the two addresses; tunnel-icmp.c judges instead. */
      if (link->ipip_fd >= 0 &&
          !(tunnel_link_set_option (link->ipip_fd, IPPROTO_IP, IP_HDRINCL, 1) &&
            tunnel_link_set_option (link->ipip_fd, IPPROTO_IP, IP_MTU_DISCOVER, IP_PMTUDISC_INTERFACE)))
        close_fd (&link->ipip_fd);
    }
  if (link->ipip_fd >= 0)
    return g_steal_pointer (&link);
  g_set_error (error, G_IO_ERROR, g_io_error_from_errno (errno), "%s on interface %d: %s (%s)", step, ifindex,
               g_strerror (errno),
               errno == EADDRINUSE ? "another IKE daemon holds the port" : "needs CAP_NET_ADMIN and CAP_NET_RAW");
  return NULL;
}

TunnelLink *
tunnel_link_ref (TunnelLink *link)
{
  g_atomic_int_inc (&link->references);
  return link;
}

void
tunnel_link_unref (TunnelLink *link)
{
  if (link == NULL || !g_atomic_int_dec_and_test (&link->references))
    return;
  close_fd (&link->udp_fd);
  close_fd (&link->udp6_fd);
  close_fd (&link->esp_fd);
  close_fd (&link->esp6_fd);
  close_fd (&link->ipip_fd);
  g_free (link);
}

void
tunnel_append_control (struct msghdr *message, int level, int type, const void *data, gsize length)
{
  struct cmsghdr header = { .cmsg_level = level, .cmsg_type = type, .cmsg_len = CMSG_LEN (length) };
  guint8 *at = (guint8 *)message->msg_control + message->msg_controllen;

  memset (at, 0, CMSG_SPACE (length));
  memcpy (at, &header, sizeof header);
  memcpy (at + CMSG_LEN (0), data, length);
  message->msg_controllen += CMSG_SPACE (length);
}

static gboolean
send_datagram (int fd, const RoamAddr *local, const RoamEndpoint *remote, GBytes *datagram)
{
  _Alignas(struct cmsghdr) guint8 control[CMSG_SPACE (sizeof (struct in_pktinfo))] = { 0 };
  struct in_pktinfo info = { 0 };
  struct sockaddr_in target;
  gsize length;
  gconstpointer data = g_bytes_get_data (datagram, &length);
  struct iovec vector = { .iov_base = (void *)data, .iov_len = length };
  struct msghdr message = { .msg_name = &target, .msg_namelen = sizeof target, .msg_iov = &vector, .msg_iovlen = 1 };

  tunnel_sockaddr_from_endpoint (&target, &remote->addr, remote->port);
  if (local->family == ROAM_FAMILY_INET4)
    {
      memcpy (&info.ipi_spec_dst, local->bytes, sizeof info.ipi_spec_dst);
      message.msg_control = control;
      tunnel_append_control (&message, IPPROTO_IP, IP_PKTINFO, &info, sizeof info);
    }
  return sendmsg (fd, &message, MSG_DONTWAIT | MSG_NOSIGNAL) == (gssize)length;
}

gboolean
tunnel_link_send_ike (TunnelLink *link, const RoamAddr *local, const RoamEndpoint *remote, GBytes *datagram)
{
  gboolean sent;
  int error;

  if (remote->addr.family == ROAM_FAMILY_INET6 && link->udp6_fd >= 0)
    return tunnel_link_send_ike6 (link->udp6_fd, local, remote, datagram);
  if (remote->addr.family != ROAM_FAMILY_INET4)
    {
      errno = EAFNOSUPPORT;
      return FALSE;
    }
  /* IKE has no checksum of its own before it is decrypted, and IP fragments it where RFC 7383 does not. */
  (void)tunnel_link_set_option (link->udp_fd, SOL_SOCKET, SO_NO_CHECK, 0);
  (void)tunnel_link_set_option (link->udp_fd, IPPROTO_IP, IP_MTU_DISCOVER, IP_PMTUDISC_DONT);
  sent = send_datagram (link->udp_fd, local, remote, datagram);
  error = errno;
  (void)tunnel_link_set_option (link->udp_fd, IPPROTO_IP, IP_MTU_DISCOVER, IP_PMTUDISC_DO);
  (void)tunnel_link_set_option (link->udp_fd, SOL_SOCKET, SO_NO_CHECK, 1);
  errno = error;
  return sent;
}

guint
tunnel_link_path_mtu (int ifindex, guint32 mark, const RoamAddr *remote)
{
  gboolean inet6 = remote->family == ROAM_FAMILY_INET6;
  TunnelOuter target;
  socklen_t target_size = tunnel_outer_from_endpoint (&target, remote, IKE_NATT_PORT), size = sizeof (int);
  int mtu = 0, fd = inet6 ? tunnel_link_open_socket6 (SOCK_DGRAM, IPPROTO_UDP, ifindex, mark)
                          : tunnel_link_open_socket (SOCK_DGRAM, IPPROTO_UDP, ifindex, mark);

  if (fd < 0)
    return 0;
  if (connect (fd, &target.any, target_size) < 0 ||
      getsockopt (fd, inet6 ? IPPROTO_IPV6 : IPPROTO_IP, inet6 ? IPV6_MTU : IP_MTU, &mtu, &size) < 0)
    mtu = 0;
  close (fd);
  return (guint)MAX (mtu, 0);
}
