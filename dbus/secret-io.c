/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "dbus/secret-io.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

/* A file on a slow or hostile file system would hold up the daemon: pipes only, and without waiting. */
static gboolean
is_quick_pipe (int fd)
{
  struct stat status;
  int flags = fcntl (fd, F_GETFL);

  return fstat (fd, &status) == 0 && S_ISFIFO (status.st_mode) && flags >= 0 &&
         fcntl (fd, F_SETFL, flags | O_NONBLOCK) == 0;
}

RoamSecret *
dbus_secret_read (GUnixFDList *fds, int index, GError **error)
{
  guint8 buffer[DBUS_SECRET_MAX_LENGTH];
  RoamSecret *secret = NULL;
  gssize length = -1;
  int fd;

  if (fds == NULL || index < 0 || index >= g_unix_fd_list_get_length (fds))
    {
      g_set_error_literal (error, AGENT_ERROR, AGENT_ERROR_FAILED, "There is no descriptor with the secret");
      return NULL;
    }
  fd = g_unix_fd_list_get (fds, index, error);
  if (fd < 0)
    return NULL;
  errno = EINVAL;
  if (is_quick_pipe (fd))
    length = read (fd, buffer, sizeof buffer);
  if (length > 0)
    secret = roam_secret_new (buffer, (gsize)length);
  else
    g_set_error (error, AGENT_ERROR, AGENT_ERROR_FAILED,
                 "The descriptor is not the end for reading of a pipe that holds the secret: %s",
                 length == 0 ? "it is empty" : g_strerror (errno));
  roam_wipe (buffer, sizeof buffer);
  close (fd);
  return secret;
}
