/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* HTTP of ike-probe, for OCSP and revocation lists. It waits for the answer: a probe has nothing better to do. */
#include "lab/tools/ike-probe.h"

#include <errno.h>
#include <netdb.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#define PATIENCE_S 3
#define MAX_ANSWER (1024 * 1024)

/* http://host[:port]/path, IPv4 or a name. */
static gboolean
split_url (const char *url, char **host, char **port, char **path)
{
  g_auto (GStrv) parts = g_str_has_prefix (url, "http://") ? g_strsplit (url + strlen ("http://"), "/", 2) : NULL;
  g_auto (GStrv) place = parts && parts[0] ? g_strsplit (parts[0], ":", 2) : NULL;

  if (!place || !place[0])
    return FALSE;
  *host = g_strdup (place[0]);
  *port = g_strdup (place[1] ? place[1] : "80");
  *path = g_strconcat ("/", parts[1] ? parts[1] : "", NULL);
  return TRUE;
}

static int
connect_to (const char *host, const char *port)
{
  const struct addrinfo hints = { .ai_socktype = SOCK_STREAM };
  const struct timeval patience = { .tv_sec = PATIENCE_S };
  struct addrinfo *found = NULL;
  int fd = -1;

  if (getaddrinfo (host, port, &hints, &found) != 0)
    return -1;
  fd = socket (found->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (fd >= 0)
    {
      setsockopt (fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
      setsockopt (fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
      if (connect (fd, found->ai_addr, found->ai_addrlen) != 0)
        {
          close (fd);
          fd = -1;
        }
    }
  freeaddrinfo (found);
  return fd;
}

static gboolean
send_request (int fd, const IkeAction *action, const char *host, const char *path)
{
  gsize length = 0;
  const char *body = action->fetch.body ? g_bytes_get_data (action->fetch.body, &length) : "";
  g_autofree char *head =
    action->fetch.body
      ? g_strdup_printf ("POST %s HTTP/1.0\r\nHost: %s\r\nContent-Type: %s\r\nContent-Length: %" G_GSIZE_FORMAT
                         "\r\n\r\n",
                         path, host, action->fetch.content_type, length)
      : g_strdup_printf ("GET %s HTTP/1.0\r\nHost: %s\r\n\r\n", path, host);

  return send (fd, head, strlen (head), MSG_NOSIGNAL) == (ssize_t)strlen (head) &&
         send (fd, body, length, MSG_NOSIGNAL) == (ssize_t)length;
}

/* The body of an answer with status 200; NULL: something else. */
static GBytes *
read_answer (int fd)
{
  g_autoptr (GByteArray) all = g_byte_array_new ();
  guint8 part[4096];
  const char *end;
  ssize_t n;

  while (all->len < MAX_ANSWER && (n = recv (fd, part, sizeof part, 0)) > 0)
    g_byte_array_append (all, part, (guint)n);
  end = g_strstr_len ((const char *)all->data, all->len, "\r\n\r\n");
  if (!end || !g_strstr_len ((const char *)all->data, MIN (all->len, 15), " 200"))
    return NULL;
  end += strlen ("\r\n\r\n");
  return g_bytes_new (end, all->len - (gsize)(end - (const char *)all->data));
}

void
probe_fetch (Probe *probe, const IkeAction *action)
{
  g_autofree char *host = NULL, *port = NULL, *path = NULL;
  g_autoptr (GBytes) answer = NULL;
  IkeCommand command = { .type = IKE_FETCHED, .request = action->fetch.request };
  int fd = split_url (action->fetch.url, &host, &port, &path) ? connect_to (host, port) : -1;

  if (fd >= 0)
    {
      if (send_request (fd, action, host, path))
        answer = read_answer (fd);
      close (fd);
    }
  g_print ("{\"us\":%" G_GINT64_FORMAT ",\"fetch\":\"%s\",\"answer\":%" G_GSIZE_FORMAT "}\n", probe_elapsed_us (probe),
           action->fetch.url, answer ? g_bytes_get_size (answer) : 0);
  command.answer = answer;
  probe_command (probe, &command);
}
