/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Sockets of ike-probe. */
#include "lab/tools/ike-probe.h"

#include <errno.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define MAX_DATAGRAM 65535

/* Fills sockaddr of the endpoint; returns its length. */
static socklen_t
make_sockaddr (const RoamEndpoint *endpoint, struct sockaddr_storage *out)
{
  memset (out, 0, sizeof *out);
  if (endpoint->addr.family == ROAM_FAMILY_INET4)
    {
      struct sockaddr_in *in = (struct sockaddr_in *)out;
      in->sin_family = AF_INET;
      in->sin_port = htons (endpoint->port);
      memcpy (&in->sin_addr, endpoint->addr.bytes, 4);
      return sizeof *in;
    }
  struct sockaddr_in6 *in6 = (struct sockaddr_in6 *)out;
  in6->sin6_family = AF_INET6;
  in6->sin6_port = htons (endpoint->port);
  memcpy (&in6->sin6_addr, endpoint->addr.bytes, 16);
  return sizeof *in6;
}

static void
parse_sockaddr (const struct sockaddr_storage *from, RoamEndpoint *endpoint)
{
  if (from->ss_family == AF_INET)
    {
      const struct sockaddr_in *in = (const struct sockaddr_in *)from;
      endpoint->addr = roam_addr_from_bytes ((const guint8 *)&in->sin_addr, 4);
      endpoint->port = ntohs (in->sin_port);
    }
  else
    {
      const struct sockaddr_in6 *in6 = (const struct sockaddr_in6 *)from;
      endpoint->addr = roam_addr_from_bytes ((const guint8 *)&in6->sin6_addr, 16);
      endpoint->port = ntohs (in6->sin6_port);
    }
}

/* Sockets: IPv4 500, IPv4 4500, IPv6 500, IPv6 4500. */
static guint
socket_index (const RoamEndpoint *local)
{
  return (local->addr.family == ROAM_FAMILY_INET6 ? 2 : 0) + (local->port == IKE_NATT_PORT ? 1 : 0);
}

void
probe_send (Probe *probe, guint32 ifindex, const RoamEndpoint *local, const RoamEndpoint *remote, gconstpointer data,
            gsize length)
{
  struct sockaddr_storage to;
  struct iovec vector = { .iov_base = (void *)data, .iov_len = length };
  union
  {
    struct cmsghdr align;
    char space[CMSG_SPACE (sizeof (struct in6_pktinfo))];
  } control = { 0 };
  struct msghdr message = { .msg_name = &to, .msg_iov = &vector, .msg_iovlen = 1, .msg_control = &control };
  struct cmsghdr *c = (struct cmsghdr *)&control;

  message.msg_namelen = make_sockaddr (remote, &to);
  if (to.ss_family == AF_INET)
    {
      struct in_pktinfo info = { .ipi_ifindex = (int)ifindex };
      memcpy (&info.ipi_spec_dst, local->addr.bytes, 4);
      c->cmsg_level = IPPROTO_IP;
      c->cmsg_type = IP_PKTINFO;
      c->cmsg_len = CMSG_LEN (sizeof info);
      memcpy (CMSG_DATA (c), &info, sizeof info);
    }
  else
    {
      struct in6_pktinfo info = { .ipi6_ifindex = ifindex };
      memcpy (&info.ipi6_addr, local->addr.bytes, 16);
      c->cmsg_level = IPPROTO_IPV6;
      c->cmsg_type = IPV6_PKTINFO;
      c->cmsg_len = CMSG_LEN (sizeof info);
      memcpy (CMSG_DATA (c), &info, sizeof info);
    }
  message.msg_controllen = c->cmsg_len;
  if (sendmsg (probe->sockets[socket_index (local)].fd, &message, 0) < 0)
    g_printerr ("ike-probe: send: %s\n", g_strerror (errno));
}

static int
open_socket (int family, guint16 port)
{
  int fd = socket (family, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0), on = 1;
  RoamEndpoint any = { .addr = { .family = family == AF_INET ? ROAM_FAMILY_INET4 : ROAM_FAMILY_INET6 }, .port = port };
  struct sockaddr_storage address;
  socklen_t length = make_sockaddr (&any, &address);

  if (fd < 0)
    return -1;
  setsockopt (fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  if (family == AF_INET)
    setsockopt (fd, IPPROTO_IP, IP_PKTINFO, &on, sizeof on);
  else
    {
      setsockopt (fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof on);
      setsockopt (fd, IPPROTO_IPV6, IPV6_RECVPKTINFO, &on, sizeof on);
    }
  if (bind (fd, (struct sockaddr *)&address, length) < 0)
    {
      close (fd);
      return -1;
    }
  return fd;
}

static void
read_pktinfo (struct msghdr *message, RoamEndpoint *local, guint32 *ifindex)
{
  for (struct cmsghdr *c = CMSG_FIRSTHDR (message); c; c = CMSG_NXTHDR (message, c))
    if (c->cmsg_level == IPPROTO_IP && c->cmsg_type == IP_PKTINFO)
      {
        struct in_pktinfo info;
        memcpy (&info, CMSG_DATA (c), sizeof info);
        local->addr = roam_addr_from_bytes ((const guint8 *)&info.ipi_addr, 4);
        *ifindex = (guint32)info.ipi_ifindex;
      }
    else if (c->cmsg_level == IPPROTO_IPV6 && c->cmsg_type == IPV6_PKTINFO)
      {
        struct in6_pktinfo info;
        memcpy (&info, CMSG_DATA (c), sizeof info);
        local->addr = roam_addr_from_bytes ((const guint8 *)&info.ipi6_addr, 16);
        *ifindex = info.ipi6_ifindex;
      }
}

void
probe_receive (Probe *probe, guint index)
{
  static guint8 buffer[MAX_DATAGRAM];
  static const guint8 marker[4];

  for (;;)
    {
      struct sockaddr_storage from;
      struct iovec vector = { .iov_base = buffer, .iov_len = sizeof buffer };
      char control[CMSG_SPACE (sizeof (struct in6_pktinfo)) * 2];
      struct msghdr message = { .msg_name = &from,
                                .msg_namelen = sizeof from,
                                .msg_iov = &vector,
                                .msg_iovlen = 1,
                                .msg_control = control,
                                .msg_controllen = sizeof control };
      ssize_t length = recvmsg (probe->sockets[index].fd, &message, 0);
      RoamEndpoint local = { .port = index % 2 ? IKE_NATT_PORT : IKE_PORT }, remote = { 0 };
      guint32 ifindex = 0;
      RoamNow t = probe_now ();

      if (length < 0)
        return;
      parse_sockaddr (&from, &remote);
      read_pktinfo (&message, &local, &ifindex);
      if (local.port == IKE_NATT_PORT && length >= 4 && memcmp (buffer, marker, 4) != 0)
        {
          probe_esp_receive (probe, buffer, (gsize)length);
          continue;
        }
      ike_session_input_datagram (probe->session, &t, ifindex, &local, &remote, buffer, (gsize)length);
      probe_drain (probe);
    }
}

void
probe_close_sockets (Probe *probe)
{
  for (guint i = 0; i < N_SOCKETS; i++)
    if (probe->sockets[i].fd >= 0)
      close (probe->sockets[i].fd);
}

gboolean
probe_open_sockets (Probe *probe)
{
  gboolean any = FALSE;

  for (guint i = 0; i < N_SOCKETS; i++)
    {
      probe->sockets[i].fd = open_socket (i < 2 ? AF_INET : AF_INET6, i % 2 ? IKE_NATT_PORT : IKE_PORT);
      probe->sockets[i].events = POLLIN;
      any = any || probe->sockets[i].fd >= 0;
    }
  if (!any)
    g_printerr ("ike-probe: ports 500 and 4500: %s\n", g_strerror (errno));
  return any;
}
