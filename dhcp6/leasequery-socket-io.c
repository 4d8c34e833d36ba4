/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "dhcp6/leasequery-socket-io.h"

#include <errno.h>
#include <gio/gio.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

RoamEndpoint
leasequery_socket_endpoint (const struct sockaddr_storage *address)
{
  RoamEndpoint out = { .addr = ROAM_ADDR_NONE };

  if (address->ss_family == AF_INET6)
    {
      struct sockaddr_in6 in6;

      memcpy (&in6, address, sizeof in6);
      out.addr = roam_addr_from_bytes (in6.sin6_addr.s6_addr, 16);
      out.port = GUINT16_FROM_BE (in6.sin6_port);
    }
  else if (address->ss_family == AF_INET)
    {
      struct sockaddr_in in;
      guint8 bytes[4];

      memcpy (&in, address, sizeof in);
      memcpy (bytes, &in.sin_addr, sizeof bytes);
      out.addr = roam_addr_from_bytes (bytes, sizeof bytes);
      out.port = GUINT16_FROM_BE (in.sin_port);
    }
  return out;
}

static socklen_t
fill_address (const RoamEndpoint *endpoint, struct sockaddr_storage *address)
{
  *address = (struct sockaddr_storage){ 0 };
  if (endpoint->addr.family == ROAM_FAMILY_INET6)
    {
      struct sockaddr_in6 in6 = { .sin6_family = AF_INET6 };

      in6.sin6_port = GUINT16_TO_BE (endpoint->port);
      memcpy (in6.sin6_addr.s6_addr, endpoint->addr.bytes, 16);
      memcpy (address, &in6, sizeof in6);
      return sizeof in6;
    }
  {
    struct sockaddr_in in = { .sin_family = AF_INET };

    in.sin_port = GUINT16_TO_BE (endpoint->port);
    memcpy (&in.sin_addr, endpoint->addr.bytes, 4);
    memcpy (address, &in, sizeof in);
    return sizeof in;
  }
}

void
leasequery_socket_set_error (const RoamEndpoint *endpoint, int code, GError **error)
{
  char text[ROAM_ADDR_STRLEN];

  g_set_error (error, G_IO_ERROR, (gint)g_io_error_from_errno (code), "listening on %s: %s",
               roam_endpoint_to_string (endpoint, text), g_strerror (code));
}

int
leasequery_socket_bind (const RoamEndpoint *endpoint, int type, GError **error)
{
  struct sockaddr_storage address;
  socklen_t length = fill_address (endpoint, &address);
  int fd = socket (address.ss_family, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0), one = 1;

  /* Over TCP a server that restarts does not wait for connections of the one before; UDP has none. */
  if (fd >= 0 && (type != SOCK_STREAM || setsockopt (fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one) == 0) &&
      (address.ss_family != AF_INET6 || setsockopt (fd, IPPROTO_IPV6, IPV6_V6ONLY, &one, sizeof one) == 0) &&
      bind (fd, (const struct sockaddr *)&address, length) == 0)
    return fd;
  leasequery_socket_set_error (endpoint, errno, error);
  if (fd >= 0)
    close (fd);
  return -1;
}
