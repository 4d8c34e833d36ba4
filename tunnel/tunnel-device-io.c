/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "tunnel/tunnel-io-private.h"

#include <fcntl.h>
#include <linux/if_tun.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#define TUN_NODE "/dev/net/tun"

static gboolean
fail (GError **error, const char *step, const char *name, const char *advice)
{
  g_set_error (error, G_IO_ERROR, g_io_error_from_errno (errno), "%s %s: %s (%s)", step, name, g_strerror (errno),
               advice);
  return FALSE;
}

gboolean
tunnel_device_open (TunnelDevice *device, const char *name, GError **error)
{
  struct ifreq request = { 0 };
  int fd;

  *device = (TunnelDevice){ .fd = -1 };
  if (g_strlcpy (device->name, name, sizeof device->name) >= sizeof device->name)
    {
      g_set_error (error, G_IO_ERROR, G_IO_ERROR_INVALID_ARGUMENT, "TUN name %s: at most %u characters", name,
                   IFNAMSIZ - 1);
      return FALSE;
    }
  fd = open (TUN_NODE, O_RDWR | O_NONBLOCK | O_CLOEXEC);
  if (fd < 0)
    return fail (error, "open", TUN_NODE, "is the tun module there, and CAP_NET_ADMIN?");
  memcpy (request.ifr_name, device->name, sizeof request.ifr_name);
  request.ifr_flags = IFF_TUN | IFF_NO_PI;
  /* An existing one is taken over as it is: address, routes and sockets on it stay. */
  if (ioctl (fd, TUNSETIFF, &request) < 0)
    {
      fail (error, "TUN", device->name,
            errno == EBUSY ? "another process holds it: is roamd running already?" : "needs CAP_NET_ADMIN");
      close (fd);
      return FALSE;
    }
  if (ioctl (fd, TUNSETPERSIST, 1) < 0)
    {
      fail (error, "TUNSETPERSIST", device->name, "needs CAP_NET_ADMIN");
      close (fd);
      return FALSE;
    }
  device->fd = fd;
  device->ifindex = (int)if_nametoindex (device->name);
  return TRUE;
}

void
tunnel_device_close (TunnelDevice *device, gboolean keep)
{
  if (device->fd < 0)
    return;
  if (!keep)
    (void)ioctl (device->fd, TUNSETPERSIST, 0);
  close (device->fd);
  device->fd = -1;
}

gboolean
tunnel_device_set_mtu (const TunnelDevice *device, guint mtu)
{
  struct ifreq request = { .ifr_mtu = (int)mtu };
  int fd = socket (AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0), result;

  if (fd < 0)
    return FALSE;
  memcpy (request.ifr_name, device->name, sizeof request.ifr_name);
  result = ioctl (fd, SIOCSIFMTU, &request);
  close (fd);
  return result == 0;
}
