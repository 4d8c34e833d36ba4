/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "mip4/tun-io.h"

#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

/* Packets the kernel keeps while this process does not run: a few milliseconds at full speed (the default is 500). */
#define TUN_QUEUE 2000

void
mip4_tun_write_setting (const char *family, const char *name, const char *key, const char *value)
{
  g_autofree char *path = g_strdup_printf ("/proc/sys/net/%s/conf/%s/%s", family, name, key);
  int fd = open (path, O_WRONLY | O_CLOEXEC);

  if (fd < 0 || write (fd, value, strlen (value)) < 0)
    g_debug ("%s: %s", path, g_strerror (errno));
  if (fd >= 0)
    close (fd);
}

gboolean
mip4_tun_bring_up (const char *name, guint mtu)
{
  struct ifreq request = { 0 };
  int fd = socket (AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0), saved;
  gboolean done;

  g_strlcpy (request.ifr_name, name, sizeof request.ifr_name);
  request.ifr_mtu = (int)mtu;
  done = fd >= 0 && ioctl (fd, SIOCSIFMTU, &request) == 0;
  request.ifr_qlen = TUN_QUEUE;
  done = done && ioctl (fd, SIOCSIFTXQLEN, &request) == 0;
  request.ifr_flags = IFF_UP | IFF_RUNNING;
  done = done && ioctl (fd, SIOCSIFFLAGS, &request) == 0;
  saved = errno;
  if (fd >= 0)
    close (fd);
  errno = saved;
  return done;
}
