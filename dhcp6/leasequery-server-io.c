/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "dhcp6/leasequery-server-io.h"

#include "dhcp6/leasequery-socket-io.h"

#include <errno.h>
#include <gio/gio.h>
#include <glib-unix.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

/* Octets read at one wake-up: a query is shorter, and the others get their turn. */
#define READ_SIZE 4096
/* Pages given out before the loop comes round, so that new connections and small queries are seen. */
#define PAGES_A_TURN 16u
/* When accept() has no descriptors or memory left, it is tried again after this (section 8, row 35). */
#define ACCEPT_PAUSE_MS 100
#define BACKLOG 128
/* A message a minute for each kind of fault would still be too much; this many lines a minute in all. */
#define LOG_LINES_A_MINUTE 20u
/* A peer that does not read leaves no more than this unsent in the kernel, beside the engine's own limit. */
#define UNSENT_LIMIT (128 * 1024)
/*
 * After our last octet what the peer still sends is thrown away for this long: closing with unread octets
 * would be a reset, which may destroy that last answer before the peer has read it.
 */
#define LINGER_MS 2000
/* Descriptors spent on that. */
#define MAX_LINGERING 64u

typedef struct
{
  LeasequeryServerIo *io;
  int fd;
  guint number; /* the engine's */
  GSource *in, *out;
  GQueue output; /* GBytes */
  gsize written; /* of the first */
  gboolean paused, close_when_written, ended;
  LeasequeryTlsSession *session; /* NULL: in the clear */
  gboolean start_tls, handshake; /* wanted when all is written; under way */
  guint pending;                 /* TLS has octets that the socket will not tell of */
} Client;

typedef struct
{
  LeasequeryServerIo *io;
  int fd;
  GSource *in;
  guint limit;
} Lingerer;

typedef struct
{
  LeasequeryServerIo *io;
  int fd;
  GSource *source;
} Listener;

struct _LeasequeryServerIo
{
  LeasequeryServer *server;
  GPtrArray *listeners; /* Listener */
  GHashTable *clients;  /* number -> Client */
  GHashTable *lingerers;
  LeasequeryTls *tls; /* NULL: none */
  guint timer, resume_accept, turn;
  gint64 timer_due_us;
  gboolean stopping;
  guint stop_limit;
  void (*stopped) (gpointer user_data);
  gpointer stopped_data;
  gint64 log_minute;
  guint log_lines, log_lost;
  gint64 told_accept_minute;
};

static void run (LeasequeryServerIo *io);

static RoamNow
now (void)
{
  struct timespec boot;

  clock_gettime (CLOCK_BOOTTIME, &boot);
  return roam_now_make (boot.tv_sec * ROAM_USEC_PER_SEC + boot.tv_nsec / 1000, g_get_real_time ());
}

static void
clear_source (GSource **source)
{
  if (*source == NULL)
    return;
  g_source_destroy (*source);
  g_clear_pointer (source, g_source_unref);
}

static GSource *
watch (int fd, GIOCondition condition, GUnixFDSourceFunc function, gpointer data)
{
  GSource *source = g_unix_fd_source_new (fd, condition);

  g_source_set_callback (source, G_SOURCE_FUNC (function), data, NULL);
  g_source_attach (source, NULL);
  return source;
}

/* A peer that breaks rules must not fill the log. */
static void
tell_fault (LeasequeryServerIo *io, guint connection, const char *reason)
{
  gint64 minute = g_get_monotonic_time () / (60 * G_USEC_PER_SEC);

  if (minute != io->log_minute)
    {
      if (io->log_lost > 0)
        g_message ("%u more faults of requestors in the last minute", io->log_lost);
      io->log_minute = minute;
      io->log_lines = io->log_lost = 0;
    }
  if (io->log_lines++ < LOG_LINES_A_MINUTE)
    g_message ("Connection %u: %s", connection, reason);
  else
    io->log_lost++;
}

/* ------------------------------------------------------------- connections ---- */

static void
client_free (gpointer data)
{
  Client *client = data;

  clear_source (&client->in);
  clear_source (&client->out);
  g_clear_handle_id (&client->pending, g_source_remove);
  leasequery_tls_session_free (client->session);
  g_queue_clear_full (&client->output, (GDestroyNotify)g_bytes_unref);
  if (client->fd >= 0)
    close (client->fd);
  g_free (client);
}

static void
drop (Client *client)
{
  LeasequeryServerIo *io = client->io;
  guint number = client->number;
  RoamNow at = now ();

  g_hash_table_remove (io->clients, GUINT_TO_POINTER (number));
  leasequery_server_input_closed (io->server, &at, number);
}

/* --------------------------------------------------------------- lingering ---- */

static void
lingerer_free (gpointer data)
{
  Lingerer *lingerer = data;

  g_clear_handle_id (&lingerer->limit, g_source_remove);
  clear_source (&lingerer->in);
  close (lingerer->fd);
  g_free (lingerer);
}

static void
end_lingering (Lingerer *lingerer)
{
  LeasequeryServerIo *io = lingerer->io;

  g_hash_table_remove (io->lingerers, lingerer);
  run (io);
}

static gboolean
on_linger_limit (gpointer user_data)
{
  Lingerer *lingerer = user_data;

  lingerer->limit = 0;
  end_lingering (lingerer);
  return G_SOURCE_REMOVE;
}

static gboolean
on_leftover (int fd, GIOCondition condition, gpointer user_data)
{
  guint8 buffer[READ_SIZE];
  gssize length = recv (fd, buffer, sizeof buffer, MSG_DONTWAIT);

  if (length == 0 || (length < 0 && errno != EAGAIN && errno != EINTR))
    end_lingering (user_data);
  return G_SOURCE_CONTINUE;
}

/* Our side has ended; the peer's may. The engine knows it no more. */
static void
linger (Client *client)
{
  LeasequeryServerIo *io = client->io;
  Lingerer *lingerer;

  if (client->session != NULL)
    leasequery_tls_session_end (client->session);
  if (client->ended || g_hash_table_size (io->lingerers) >= MAX_LINGERING || shutdown (client->fd, SHUT_WR) < 0)
    {
      drop (client);
      return;
    }
  lingerer = g_new0 (Lingerer, 1);
  lingerer->io = io;
  lingerer->fd = client->fd;
  client->fd = -1;
  lingerer->in = watch (lingerer->fd, G_IO_IN, on_leftover, lingerer);
  lingerer->limit = g_timeout_add (LINGER_MS, on_linger_limit, lingerer);
  g_hash_table_add (io->lingerers, lingerer);
  drop (client);
}

/* ----------------------------------------------------------- reading, writing ---- */

static gboolean on_readable (int fd, GIOCondition condition, gpointer user_data);

static gboolean on_writable (int fd, GIOCondition condition, gpointer user_data);
static gboolean on_pending (gpointer user_data);

static void
set_reading (Client *client, gboolean reading)
{
  if (!reading)
    {
      clear_source (&client->in);
      g_clear_handle_id (&client->pending, g_source_remove);
      return;
    }
  if (client->in == NULL)
    client->in = watch (client->fd, G_IO_IN, on_readable, client);
  if (client->session != NULL && client->pending == 0 && leasequery_tls_session_is_pending (client->session))
    client->pending = g_idle_add_full (G_PRIORITY_DEFAULT, on_pending, client, NULL);
}

static void
set_writing (Client *client, gboolean writing)
{
  if (!writing)
    clear_source (&client->out);
  else if (client->out == NULL)
    client->out = watch (client->fd, G_IO_OUT, on_writable, client);
}

/* One step. FALSE: the connection is gone. */
static gboolean
continue_handshake (Client *client)
{
  RoamNow at = now ();

  if (leasequery_tls_session_handshake (client->session) == 0)
    {
      client->handshake = FALSE;
      leasequery_server_input_secured (client->io->server, &at, client->number);
    }
  else if (errno != EAGAIN)
    {
      tell_fault (client->io, client->number, leasequery_tls_session_get_error (client->session));
      linger (client); /* the alert says why */
      return FALSE;
    }
  set_writing (client, leasequery_tls_session_wants_write (client->session));
  set_reading (client, TRUE);
  return TRUE;
}

/* When all that was to be said in the clear is said. FALSE: the connection is gone. */
static gboolean
begin_handshake (Client *client)
{
  client->start_tls = FALSE;
  if (client->io->tls == NULL)
    {
      drop (client);
      return FALSE;
    }
  client->handshake = TRUE;
  client->session = leasequery_tls_session_new (client->io->tls, client->fd, NULL);
  return continue_handshake (client);
}

static gssize
receive_some (Client *client, guint8 *buffer, gsize size)
{
  return client->session == NULL ? recv (client->fd, buffer, size, MSG_DONTWAIT)
                                 : leasequery_tls_session_read (client->session, buffer, size);
}

static gssize
send_some (Client *client, const guint8 *data, gsize length)
{
  return client->session == NULL ? send (client->fd, data, length, MSG_DONTWAIT | MSG_NOSIGNAL)
                                 : leasequery_tls_session_write (client->session, data, length);
}

static void
read_once (Client *client)
{
  LeasequeryServerIo *io = client->io;
  RoamNow at = now ();
  guint8 buffer[READ_SIZE];
  guint number = client->number;
  gssize length = receive_some (client, buffer, sizeof buffer);

  if (length < 0 && (errno == EAGAIN || errno == EINTR))
    return;
  if (length < 0)
    {
      drop (client);
      return;
    }
  if (length == 0)
    {
      client->ended = TRUE;
      set_reading (client, FALSE);
      leasequery_server_input_end (io->server, &at, number);
      return;
    }
  leasequery_server_input_datagram (io->server, &at, number, buffer, (gsize)length);
  run (io);
  client = g_hash_table_lookup (io->clients, GUINT_TO_POINTER (number));
  if (client != NULL && client->in != NULL)
    set_reading (client, TRUE); /* TLS may have more */
}

static gboolean
on_readable (int fd, GIOCondition condition, gpointer user_data)
{
  Client *client = user_data;
  LeasequeryServerIo *io = client->io;

  if (client->handshake)
    (void)continue_handshake (client);
  else
    read_once (client);
  run (io);
  return G_SOURCE_CONTINUE;
}

static gboolean
on_pending (gpointer user_data)
{
  Client *client = user_data;
  LeasequeryServerIo *io = client->io;

  client->pending = 0;
  read_once (client);
  run (io);
  return G_SOURCE_REMOVE;
}

/* As much as the kernel takes. FALSE: the connection is gone. */
static gboolean
write_out (Client *client)
{
  gsize total = 0;

  while (!g_queue_is_empty (&client->output))
    {
      gsize length;
      const guint8 *data = g_bytes_get_data (g_queue_peek_head (&client->output), &length);
      gssize n = send_some (client, data + client->written, length - client->written);

      if (n < 0 && errno != EAGAIN && errno != EINTR)
        {
          drop (client);
          return FALSE;
        }
      if (n <= 0)
        break;
      total += (gsize)n;
      client->written += (gsize)n;
      if (client->written < length)
        continue;
      g_bytes_unref (g_queue_pop_head (&client->output));
      client->written = 0;
    }
  if (total > 0)
    {
      RoamNow at = now ();

      leasequery_server_input_written (client->io->server, &at, client->number, total);
    }
  return TRUE;
}

/* Writes, waits for room, or ends what is to end. */
static void
settle (Client *client)
{
  if (client->handshake || !write_out (client))
    return;
  set_writing (client, !g_queue_is_empty (&client->output));
  if (client->out != NULL)
    return;
  if (client->close_when_written)
    linger (client);
  else if (client->start_tls)
    (void)begin_handshake (client);
}

static gboolean
on_writable (int fd, GIOCondition condition, gpointer user_data)
{
  Client *client = user_data;
  LeasequeryServerIo *io = client->io;

  if (client->handshake)
    (void)continue_handshake (client);
  else
    settle (client);
  run (io);
  return G_SOURCE_CONTINUE;
}

/* ------------------------------------------------------------------ the loop ---- */

static void
log_line (LeasequeryServerIo *io, const LeasequeryServerAction *action)
{
  if (action->level == LEASEQUERY_SERVER_LOG_INFO)
    g_debug ("Connection %u: %s", action->connection, action->reason);
  else
    tell_fault (io, action->connection, action->reason);
}

static void
do_action (LeasequeryServerIo *io, LeasequeryServerAction *action)
{
  Client *client = g_hash_table_lookup (io->clients, GUINT_TO_POINTER (action->connection));

  if (action->type == LEASEQUERY_SERVER_ACTION_LOG)
    {
      log_line (io, action);
      return;
    }
  if (client == NULL)
    return;
  switch (action->type)
    {
    case LEASEQUERY_SERVER_ACTION_SEND:
      g_queue_push_tail (&client->output, g_steal_pointer (&action->octets));
      settle (client);
      return;
    case LEASEQUERY_SERVER_ACTION_PAUSE:
    case LEASEQUERY_SERVER_ACTION_RESUME:
      client->paused = action->type == LEASEQUERY_SERVER_ACTION_PAUSE;
      set_reading (client, !client->paused && !client->ended);
      return;
    case LEASEQUERY_SERVER_ACTION_CLOSE:
      g_debug ("Connection %u ends: %s", action->connection, action->reason);
      set_reading (client, FALSE);
      client->close_when_written = TRUE;
      if (action->flush)
        settle (client);
      else
        drop (client);
      return;
    case LEASEQUERY_SERVER_ACTION_START_TLS:
      client->start_tls = TRUE;
      settle (client);
      return;
    case LEASEQUERY_SERVER_ACTION_LOG:
      return;
    }
}

static gboolean
on_timer (gpointer user_data)
{
  LeasequeryServerIo *io = user_data;
  RoamNow at = now ();

  io->timer = 0;
  leasequery_server_input_deadline (io->server, &at);
  run (io);
  return G_SOURCE_REMOVE;
}

/* Deadlines mostly move away: a timer that comes too early finds nothing to do, and is set again. */
static void
arm_timer (LeasequeryServerIo *io)
{
  gint64 deadline = leasequery_server_next_deadline (io->server);
  RoamNow at = now ();

  if (deadline == ROAM_NEVER || (io->timer != 0 && io->timer_due_us <= deadline))
    return;
  g_clear_handle_id (&io->timer, g_source_remove);
  io->timer_due_us = deadline;
  io->timer = g_timeout_add ((guint)CLAMP ((deadline - at.boot_us) / 1000 + 1, 0, G_MAXINT), on_timer, io);
}

static gboolean
on_turn (gpointer user_data)
{
  LeasequeryServerIo *io = user_data;

  io->turn = 0;
  run (io);
  return G_SOURCE_REMOVE;
}

static void
finish_stop (LeasequeryServerIo *io)
{
  void (*stopped) (gpointer user_data) = io->stopped;

  io->stopped = NULL;
  g_clear_handle_id (&io->stop_limit, g_source_remove);
  if (stopped != NULL)
    stopped (io->stopped_data);
}

/* Some pages, then the loop has its turn. */
static void
run (LeasequeryServerIo *io)
{
  RoamNow at = now ();
  guint pages = 0;

  while (pages < PAGES_A_TURN)
    {
      g_auto (LeasequeryServerAction) action = { 0 };

      if (!leasequery_server_pop_action (io->server, &at, &action))
        break;
      pages += action.type == LEASEQUERY_SERVER_ACTION_SEND;
      do_action (io, &action);
    }
  if (pages == PAGES_A_TURN && io->turn == 0)
    io->turn = g_idle_add_full (G_PRIORITY_DEFAULT, on_turn, io, NULL);
  arm_timer (io);
  if (io->stopping && g_hash_table_size (io->clients) == 0 && g_hash_table_size (io->lingerers) == 0)
    finish_stop (io);
}

/* --------------------------------------------------------------- listening ---- */

static void
add_client (LeasequeryServerIo *io, int fd, const RoamAddr *peer)
{
  Client *client = g_new0 (Client, 1);
  RoamNow at = now ();
  int one = 1, unsent = UNSENT_LIMIT;

  /* A REPLY and its DONE leave at once, not when the peer has acknowledged something (LQ-SRV-104). */
  (void)setsockopt (fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
  (void)setsockopt (fd, IPPROTO_TCP, TCP_NOTSENT_LOWAT, &unsent, sizeof unsent);
  client->io = io;
  client->fd = fd;
  g_queue_init (&client->output);
  client->number = leasequery_server_input_accept (io->server, &at, peer);
  g_hash_table_insert (io->clients, GUINT_TO_POINTER (client->number), client);
  set_reading (client, TRUE);
  run (io);
}

static gboolean on_connection (int fd, GIOCondition condition, gpointer user_data);

static gboolean
on_resume_accept (gpointer user_data)
{
  LeasequeryServerIo *io = user_data;

  io->resume_accept = 0;
  for (guint i = 0; i < io->listeners->len; i++)
    {
      Listener *listener = g_ptr_array_index (io->listeners, i);

      if (listener->source == NULL && !io->stopping)
        listener->source = watch (listener->fd, G_IO_IN, on_connection, listener);
    }
  return G_SOURCE_REMOVE;
}

/* Running queries go on; who wants in waits in the kernel (section 8, row 35). */
static void
pause_accept (Listener *listener, int code)
{
  gint64 minute = g_get_monotonic_time () / (60 * G_USEC_PER_SEC);

  if (minute != listener->io->told_accept_minute)
    g_warning ("No connection can be accepted for now: %s", g_strerror (code));
  listener->io->told_accept_minute = minute;
  clear_source (&listener->source);
  if (listener->io->resume_accept == 0)
    listener->io->resume_accept = g_timeout_add (ACCEPT_PAUSE_MS, on_resume_accept, listener->io);
}

static gboolean
on_connection (int fd, GIOCondition condition, gpointer user_data)
{
  Listener *listener = user_data;
  struct sockaddr_storage address = { 0 };
  socklen_t length = sizeof address;
  int client = accept4 (fd, (struct sockaddr *)&address, &length, SOCK_CLOEXEC | SOCK_NONBLOCK);

  if (client >= 0)
    {
      RoamEndpoint peer = leasequery_socket_endpoint (&address);

      add_client (listener->io, client, &peer.addr);
    }
  else if (errno != EAGAIN && errno != EINTR && errno != ECONNABORTED)
    pause_accept (listener, errno);
  return G_SOURCE_CONTINUE;
}

static gboolean
listen_on (LeasequeryServerIo *io, const RoamEndpoint *endpoint, GError **error)
{
  int fd = leasequery_socket_bind (endpoint, SOCK_STREAM, error);
  Listener *listener;

  if (fd < 0)
    return FALSE;
  if (listen (fd, BACKLOG) < 0)
    {
      leasequery_socket_set_error (endpoint, errno, error);
      close (fd);
      return FALSE;
    }
  listener = g_new0 (Listener, 1);
  listener->io = io;
  listener->fd = fd;
  listener->source = watch (fd, G_IO_IN, on_connection, listener);
  g_ptr_array_add (io->listeners, listener);
  return TRUE;
}

static void
listener_free (gpointer data)
{
  Listener *listener = data;

  clear_source (&listener->source);
  close (listener->fd);
  g_free (listener);
}

LeasequeryServerIo *
leasequery_server_io_new (LeasequeryServer *server, const LeasequeryServerIoConfig *config, GError **error)
{
  g_autoptr (LeasequeryServerIo) io = g_new0 (LeasequeryServerIo, 1);

  io->server = server;
  io->listeners = g_ptr_array_new_with_free_func (listener_free);
  io->clients = g_hash_table_new_full (NULL, NULL, NULL, client_free);
  io->lingerers = g_hash_table_new_full (NULL, NULL, lingerer_free, NULL);
  io->told_accept_minute = -1;
  for (guint i = 0; i < config->n_listen; i++)
    if (!listen_on (io, &config->listen[i], error))
      return NULL;
  return g_steal_pointer (&io);
}

void
leasequery_server_io_free (LeasequeryServerIo *io)
{
  if (io == NULL)
    return;
  g_clear_handle_id (&io->timer, g_source_remove);
  g_clear_handle_id (&io->turn, g_source_remove);
  g_clear_handle_id (&io->resume_accept, g_source_remove);
  g_clear_handle_id (&io->stop_limit, g_source_remove);
  g_hash_table_unref (io->clients);
  g_hash_table_unref (io->lingerers);
  g_ptr_array_unref (io->listeners);
  leasequery_tls_unref (io->tls);
  leasequery_server_free (io->server);
  g_free (io);
}

void
leasequery_server_io_set_store (LeasequeryServerIo *io, LeaseStore *store, LeaseJournal *journal)
{
  const LeasequeryServerCommand command = {
    .type = store == NULL ? LEASEQUERY_SERVER_FAIL : LEASEQUERY_SERVER_SET_STORE,
    .store = store,
    .journal = journal,
  };
  RoamNow at = now ();

  leasequery_server_input_command (io->server, &at, &command);
  run (io);
}

void
leasequery_server_io_look (LeasequeryServerIo *io)
{
  run (io);
}

GBytes *
leasequery_server_io_input_udp (LeasequeryServerIo *io, const RoamAddr *peer, const guint8 *data, gsize length)
{
  RoamNow at = now ();

  return leasequery_server_input_udp (io->server, &at, peer, data, length);
}

void
leasequery_server_io_set_tls (LeasequeryServerIo *io, LeasequeryTls *tls)
{
  LeasequeryTls *old = io->tls;

  io->tls = tls == NULL ? NULL : leasequery_tls_ref (tls);
  leasequery_tls_unref (old);
}

void
leasequery_server_io_configure (LeasequeryServerIo *io, const LeasequeryServerConfig *config)
{
  const LeasequeryServerCommand command = { .type = LEASEQUERY_SERVER_CONFIGURE, .config = config };
  RoamNow at = now ();

  leasequery_server_input_command (io->server, &at, &command);
  run (io);
}

static gboolean
on_stop_limit (gpointer user_data)
{
  LeasequeryServerIo *io = user_data;

  io->stop_limit = 0;
  finish_stop (io);
  return G_SOURCE_REMOVE;
}

void
leasequery_server_io_stop (LeasequeryServerIo *io, guint limit_ms, void (*done) (gpointer user_data),
                           gpointer user_data)
{
  const LeasequeryServerCommand command = { .type = LEASEQUERY_SERVER_STOP };
  RoamNow at = now ();

  if (io->stopping)
    return;
  io->stopping = TRUE;
  io->stopped = done;
  io->stopped_data = user_data;
  io->stop_limit = g_timeout_add (limit_ms, on_stop_limit, io);
  g_ptr_array_set_size (io->listeners, 0);
  leasequery_server_input_command (io->server, &at, &command);
  run (io);
}

void
leasequery_server_io_get_counters (const LeasequeryServerIo *io, LeasequeryServerCounters *ret_counters)
{
  leasequery_server_get_counters (io->server, ret_counters);
}

guint16
leasequery_server_io_get_port (const LeasequeryServerIo *io)
{
  struct sockaddr_storage address = { 0 };
  socklen_t length = sizeof address;
  const Listener *first = io->listeners->len > 0 ? g_ptr_array_index (io->listeners, 0) : NULL;

  if (first == NULL || getsockname (first->fd, (struct sockaddr *)&address, &length) < 0)
    return 0;
  return leasequery_socket_endpoint (&address).port;
}
