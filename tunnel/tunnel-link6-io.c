/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "tunnel/tunnel-io-private.h"
#include "tunnel/tunnel-octets-private.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* The outer IPv6 half of a link: sockets, addresses and control messages. What it carries is IPv4 as ever. */

void
tunnel_sockaddr6_from_endpoint (struct sockaddr_in6 *sockaddr, const RoamAddr *addr, guint16 port)
{
  *sockaddr = (struct sockaddr_in6){ .sin6_family = AF_INET6 };
  memcpy (&sockaddr->sin6_addr, addr->bytes, sizeof sockaddr->sin6_addr);
  tunnel_put_u16 ((guint8 *)&sockaddr->sin6_port, port);
}

socklen_t
tunnel_outer_from_endpoint (TunnelOuter *outer, const RoamAddr *addr, guint16 port)
{
  if (addr->family == ROAM_FAMILY_INET6)
    {
      tunnel_sockaddr6_from_endpoint (&outer->in6, addr, port);
      return sizeof outer->in6;
    }
  tunnel_sockaddr_from_endpoint (&outer->in, addr, port);
  return sizeof outer->in;
}

int
tunnel_link_open_socket6 (int type, int protocol, int ifindex, guint32 mark)
{
  int fd = tunnel_link_open_plain_socket (AF_INET6, type, protocol, ifindex, mark);

  if (fd < 0)
    return -1;
  /* A raw socket is IPv6 only by itself, and refuses to be told. */
  if ((type == SOCK_RAW || tunnel_link_set_option (fd, IPPROTO_IPV6, IPV6_V6ONLY, 1)) &&
      tunnel_link_set_option (fd, IPPROTO_IPV6, IPV6_RECVPKTINFO, 1) &&
      tunnel_link_set_option (fd, IPPROTO_IPV6, IPV6_RECVTCLASS, 1) &&
      /* As DF in IPv4: EMSGSIZE instead of fragments (decision D-20). */
      tunnel_link_set_option (fd, IPPROTO_IPV6, IPV6_MTU_DISCOVER, IPV6_PMTUDISC_DO))
    return fd;
  close (fd);
  return -1;
}

/* With checksum, unlike IPv4: RFC 3948 2.1 and RFC 8200 8.1 want one in IPv6, and the kernel makes it. */
int
tunnel_link_open_udp6 (int ifindex, guint32 mark, guint16 port)
{
  struct sockaddr_in6 any = { .sin6_family = AF_INET6 };
  int fd = tunnel_link_open_socket6 (SOCK_DGRAM, IPPROTO_UDP, ifindex, mark);

  if (fd < 0)
    return -1;
  tunnel_put_u16 ((guint8 *)&any.sin6_port, port);
  if (bind (fd, (const struct sockaddr *)&any, sizeof any) == 0)
    return fd;
  close (fd);
  return -1;
}

void
tunnel_append_source6 (struct msghdr *message, const RoamAddr *local)
{
  struct in6_pktinfo info = { 0 };

  memcpy (&info.ipi6_addr, local->bytes, sizeof info.ipi6_addr);
  tunnel_append_control (message, IPPROTO_IPV6, IPV6_PKTINFO, &info, sizeof info);
}

gboolean
tunnel_link_send_ike6 (int fd, const RoamAddr *local, const RoamEndpoint *remote, GBytes *datagram)
{
  _Alignas(struct cmsghdr) guint8 control[CMSG_SPACE (sizeof (struct in6_pktinfo))] = { 0 };
  struct sockaddr_in6 target;
  gsize length;
  gconstpointer data = g_bytes_get_data (datagram, &length);
  struct iovec vector = { .iov_base = (void *)data, .iov_len = length };
  struct msghdr message = { .msg_name = &target, .msg_namelen = sizeof target, .msg_iov = &vector, .msg_iovlen = 1 };
  gboolean sent;
  int error;

  tunnel_sockaddr6_from_endpoint (&target, &remote->addr, remote->port);
  if (local->family == ROAM_FAMILY_INET6)
    {
      message.msg_control = control;
      tunnel_append_source6 (&message, local);
    }
  (void)tunnel_link_set_option (fd, IPPROTO_IPV6, IPV6_MTU_DISCOVER, IPV6_PMTUDISC_DONT);
  sent = sendmsg (fd, &message, MSG_DONTWAIT | MSG_NOSIGNAL) == (gssize)length;
  error = errno;
  (void)tunnel_link_set_option (fd, IPPROTO_IPV6, IPV6_MTU_DISCOVER, IPV6_PMTUDISC_DO);
  errno = error;
  return sent;
}
