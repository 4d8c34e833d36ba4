/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "base/control-io.h"

#include <errno.h>
#include <glib-unix.h>
#include <grp.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

G_DEFINE_QUARK (roam - control - error - quark, roam_control_error)

/* A request is a command and an address or two. */
#define REQUEST_MAX 4096u
/* Answers are pages (see the handlers); a client refuses to be filled up by something that is no server of ours. */
#define ANSWER_MAX (16u * 1024u * 1024u)
/* Persons and a monitoring system; more than that would be a leak somewhere. */
#define CLIENTS_MAX 16u
/* A client that neither writes nor reads loses its place. */
#define CLIENT_TIMEOUT_S 10
#define BACKLOG 16

typedef struct
{
  RoamControl *control;
  int fd;
  guint source, timeout;
  GString *request, *answer; /* @answer: NULL until the request is complete */
  gsize sent;
} Client;

struct _RoamControl
{
  char *path;
  int fd;
  guint source;
  GHashTable *clients; /* a set */
  RoamControlHandler handler;
  gpointer user_data;
};

static gboolean
make_address (const char *path, struct sockaddr_un *address, GError **error)
{
  memset (address, 0, sizeof *address);
  address->sun_family = AF_UNIX;
  if (g_strlcpy (address->sun_path, path, sizeof address->sun_path) < sizeof address->sun_path)
    return TRUE;
  g_set_error (error, ROAM_CONTROL_ERROR, ROAM_CONTROL_ERROR_FAILED, "%s: longer than the %u octets of a socket's name",
               path, (guint)(sizeof address->sun_path - 1));
  return FALSE;
}

static void
set_failed (GError **error, const char *path, int code)
{
  g_set_error (error, ROAM_CONTROL_ERROR, ROAM_CONTROL_ERROR_FAILED, "%s: %s", path, g_strerror (code));
}

/* One line with its line feed. */
static char *
to_line (JsonObject *object)
{
  g_autoptr (JsonNode) node = json_node_init_object (json_node_alloc (), object);
  g_autofree char *text = json_to_string (node, FALSE);

  return g_strconcat (text, "\n", NULL);
}

/* NULL and @error when @text is anything but an object. */
static JsonObject *
from_text (const char *text, GError **error)
{
  g_autoptr (JsonNode) node = json_from_string (text, error);

  if (node != NULL && JSON_NODE_HOLDS_OBJECT (node))
    return json_node_dup_object (node);
  if (error != NULL && *error == NULL)
    g_set_error (error, ROAM_CONTROL_ERROR, ROAM_CONTROL_ERROR_FAILED, "Not a JSON object");
  return NULL;
}

/* --------------------------------------------------------------------- server ---- */

static void
client_free (gpointer data)
{
  Client *client = data;

  if (client->source != 0)
    g_source_remove (client->source);
  if (client->timeout != 0)
    g_source_remove (client->timeout);
  close (client->fd);
  g_string_free (client->request, TRUE);
  if (client->answer != NULL)
    g_string_free (client->answer, TRUE);
  g_free (client);
}

static void
hang_up (Client *client)
{
  g_hash_table_remove (client->control->clients, client);
}

static gboolean
client_timed_out (gpointer user_data)
{
  Client *client = user_data;

  client->timeout = 0;
  hang_up (client);
  return G_SOURCE_REMOVE;
}

static gboolean
client_writable (int fd, GIOCondition condition, gpointer user_data)
{
  Client *client = user_data;
  gssize n =
    send (fd, client->answer->str + client->sent, client->answer->len - client->sent, MSG_DONTWAIT | MSG_NOSIGNAL);

  if (n < 0 && (errno == EAGAIN || errno == EINTR))
    return G_SOURCE_CONTINUE;
  if (n > 0)
    client->sent += (gsize)n;
  if (n > 0 && client->sent < client->answer->len)
    return G_SOURCE_CONTINUE;
  client->source = 0;
  hang_up (client);
  return G_SOURCE_REMOVE;
}

static gboolean
handle (const RoamControl *control, const char *line, JsonObject *answer, GError **error)
{
  g_autoptr (JsonObject) request = from_text (line, error);
  JsonNode *command;

  if (request == NULL)
    return FALSE;
  command = json_object_get_member (request, "command");
  if (command == NULL || json_node_get_value_type (command) != G_TYPE_STRING)
    {
      g_set_error (error, ROAM_CONTROL_ERROR, ROAM_CONTROL_ERROR_REQUEST, "The request has no command");
      return FALSE;
    }
  return control->handler (json_node_get_string (command), request, answer, control->user_data, error);
}

static void
answer_line (Client *client)
{
  g_autoptr (JsonObject) answer = json_object_new ();
  g_autoptr (GError) error = NULL;
  g_autofree char *line = NULL;

  if (!handle (client->control, client->request->str, answer, &error))
    {
      json_object_unref (answer);
      answer = json_object_new ();
      json_object_set_string_member (answer, "error", error->message);
    }
  line = to_line (answer);
  client->answer = g_string_new (line);
}

static gboolean
client_readable (int fd, GIOCondition condition, gpointer user_data)
{
  Client *client = user_data;
  char data[REQUEST_MAX];
  gssize n = recv (fd, data, sizeof data, MSG_DONTWAIT);
  const char *end;

  if (n < 0 && (errno == EAGAIN || errno == EINTR))
    return G_SOURCE_CONTINUE;
  if (n > 0)
    g_string_append_len (client->request, data, n);
  end = memchr (client->request->str, '\n', client->request->len);
  if (n <= 0 || (end == NULL && client->request->len >= REQUEST_MAX))
    {
      client->source = 0;
      hang_up (client);
      return G_SOURCE_REMOVE;
    }
  if (end == NULL)
    return G_SOURCE_CONTINUE;
  g_string_truncate (client->request, (gsize)(end - client->request->str));
  answer_line (client);
  client->source = g_unix_fd_add (fd, G_IO_OUT, client_writable, client);
  return G_SOURCE_REMOVE;
}

static gboolean
server_readable (int fd, GIOCondition condition, gpointer user_data)
{
  RoamControl *control = user_data;
  int client_fd = accept4 (fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
  Client *client;

  if (client_fd < 0)
    return G_SOURCE_CONTINUE;
  if (g_hash_table_size (control->clients) >= CLIENTS_MAX)
    {
      close (client_fd);
      return G_SOURCE_CONTINUE;
    }
  client = g_new0 (Client, 1);
  client->control = control;
  client->fd = client_fd;
  client->request = g_string_new (NULL);
  client->source = g_unix_fd_add (client_fd, G_IO_IN, client_readable, client);
  client->timeout = g_timeout_add_seconds (CLIENT_TIMEOUT_S, client_timed_out, client);
  g_hash_table_add (control->clients, client);
  return G_SOURCE_CONTINUE;
}

/* A file that a killed server left behind is in the way; one that is listened on is somebody else's. */
static gboolean
remove_stale (const struct sockaddr_un *address, GError **error)
{
  int probe = socket (AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  gboolean in_use =
    probe >= 0 && (connect (probe, (const struct sockaddr *)address, sizeof *address) == 0 || errno == EAGAIN);
  struct stat st;

  if (probe >= 0)
    close (probe);
  if (in_use)
    {
      g_set_error (error, ROAM_CONTROL_ERROR, ROAM_CONTROL_ERROR_BUSY, "%s: another process listens there",
                   address->sun_path);
      return FALSE;
    }
  if (lstat (address->sun_path, &st) == 0 && S_ISSOCK (st.st_mode))
    unlink (address->sun_path);
  return TRUE;
}

static gboolean
set_group (const char *path, const char *group, GError **error)
{
  const struct group *entry;

  if (group == NULL)
    return TRUE;
  errno = 0;
  entry = getgrnam (group);
  if (entry == NULL)
    {
      g_set_error (error, ROAM_CONTROL_ERROR, ROAM_CONTROL_ERROR_FAILED, "%s: no such group", group);
      return FALSE;
    }
  if (chown (path, (uid_t)-1, entry->gr_gid) == 0 && chmod (path, 0660) == 0)
    return TRUE;
  set_failed (error, path, errno);
  return FALSE;
}

static gboolean
listen_at (RoamControl *control, const char *group, GError **error)
{
  struct sockaddr_un address;
  mode_t mask;
  int result;

  if (!make_address (control->path, &address, error) || !remove_stale (&address, error))
    return FALSE;
  control->fd = socket (AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (control->fd < 0)
    {
      set_failed (error, control->path, errno);
      return FALSE;
    }
  /* Never for a moment open to others. */
  mask = umask (0177);
  result = bind (control->fd, (struct sockaddr *)&address, sizeof address);
  umask (mask);
  if (result < 0 || listen (control->fd, BACKLOG) < 0)
    {
      set_failed (error, control->path, errno);
      close (control->fd);
      control->fd = -1;
      return FALSE;
    }
  return set_group (control->path, group, error);
}

RoamControl *
roam_control_new (const char *path, const char *group, RoamControlHandler handler, gpointer user_data, GError **error)
{
  g_autoptr (RoamControl) control = g_new0 (RoamControl, 1);

  control->path = g_strdup (path);
  control->fd = -1;
  control->clients = g_hash_table_new_full (NULL, NULL, client_free, NULL);
  control->handler = handler;
  control->user_data = user_data;
  if (!listen_at (control, group, error))
    return NULL;
  control->source = g_unix_fd_add (control->fd, G_IO_IN, server_readable, control);
  return g_steal_pointer (&control);
}

void
roam_control_free (RoamControl *control)
{
  if (control == NULL)
    return;
  g_hash_table_unref (control->clients);
  if (control->source != 0)
    g_source_remove (control->source);
  if (control->fd >= 0)
    {
      close (control->fd);
      unlink (control->path);
    }
  g_free (control->path);
  g_free (control);
}

/* --------------------------------------------------------------------- client ---- */

static int
connect_to (const char *path, GError **error)
{
  const struct timeval patience = { CLIENT_TIMEOUT_S, 0 };
  struct sockaddr_un address;
  int fd, code;

  if (!make_address (path, &address, error))
    return -1;
  fd = socket (AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (fd >= 0)
    {
      setsockopt (fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
      setsockopt (fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
      if (connect (fd, (struct sockaddr *)&address, sizeof address) == 0)
        return fd;
    }
  code = errno;
  if (fd >= 0)
    close (fd);
  if (code == EACCES || code == EPERM)
    g_set_error (error, ROAM_CONTROL_ERROR, ROAM_CONTROL_ERROR_DENIED,
                 "%s: you may not use this socket; ask as root or as a member of its group", path);
  else if (code == ENOENT || code == ECONNREFUSED)
    g_set_error (error, ROAM_CONTROL_ERROR, ROAM_CONTROL_ERROR_NOT_RUNNING,
                 "%s: the service is not running, or it was told to use another control socket", path);
  else
    set_failed (error, path, code);
  return -1;
}

static gboolean
send_all (int fd, const char *path, const char *text, GError **error)
{
  gsize length = strlen (text);

  while (length > 0)
    {
      gssize n = send (fd, text, length, MSG_NOSIGNAL);

      if (n < 0 && errno == EINTR)
        continue;
      if (n <= 0)
        {
          set_failed (error, path, errno);
          return FALSE;
        }
      text += n;
      length -= (gsize)n;
    }
  return TRUE;
}

static gboolean
receive_all (int fd, const char *path, GString *text, GError **error)
{
  char data[16384];

  while (text->len < ANSWER_MAX)
    {
      gssize n = recv (fd, data, sizeof data, 0);

      if (n == 0)
        return TRUE;
      if (n > 0)
        g_string_append_len (text, data, n);
      else if (errno != EINTR)
        {
          set_failed (error, path, errno == EAGAIN ? ETIMEDOUT : errno);
          return FALSE;
        }
    }
  set_failed (error, path, EMSGSIZE);
  return FALSE;
}

JsonObject *
roam_control_call (const char *path, JsonObject *request, GError **error)
{
  g_autoptr (JsonObject) answer = NULL;
  g_autoptr (GString) text = g_string_new (NULL);
  g_autofree char *line = to_line (request);
  int fd = connect_to (path, error);
  gboolean done;

  if (fd < 0)
    return NULL;
  done = send_all (fd, path, line, error) && receive_all (fd, path, text, error);
  close (fd);
  if (!done)
    return NULL;
  answer = from_text (text->str, error);
  if (answer == NULL)
    {
      g_prefix_error (error, "%s: ", path);
      return NULL;
    }
  if (json_object_has_member (answer, "error"))
    {
      g_set_error (error, ROAM_CONTROL_ERROR, ROAM_CONTROL_ERROR_REQUEST, "%s",
                   json_object_get_string_member_with_default (answer, "error", "The service refused"));
      return NULL;
    }
  return g_steal_pointer (&answer);
}
