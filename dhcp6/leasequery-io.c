/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "dhcp6/leasequery-io.h"

#include <errno.h>
#include <glib-unix.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

/* Octets read at once: some thousand bindings, small enough to stay in the processor's cache. */
#define READ_SIZE (128u * 1024u)
/* Reads before other servers and the timer get their turn. */
#define READS_A_TURN 8u
/* Behind the sockets: what has come is looked at before the server is called silent. */
#define TIMER_PRIORITY (G_PRIORITY_DEFAULT + 10)

struct _LeasequeryIo
{
  LeasequeryRequestor *requestor;
  RoamRng *rng;
  RoamEndpoint server;
  guint scope_id;
  GMainContext *context;
  LeasequeryIoFunc function;
  gpointer user_data;

  int fd; /* -1: none */
  gboolean connected;
  LeasequeryTls *tls; /* NULL: none */
  char *tls_name;
  LeasequeryTlsSession *session; /* NULL: in the clear */
  gboolean start_tls, handshake; /* wanted when all is written; under way */
  gboolean handshake_over;       /* the engine was told, and has something to say to it */
  char *tls_error;
  gboolean end_output; /* shut down for writing when all is written */
  GSource *in, *out, *timer, *pending;
  GQueue output; /* GBytes */
  gsize written; /* of the first */

  gboolean paused, draining;
  guint8 *buffer; /* the engine borrows it while it has input */
  int error;      /* errno of the last connection; 0: none */
  guint64 received;
};

static RoamNow
now (void)
{
  struct timespec boot;

  clock_gettime (CLOCK_BOOTTIME, &boot);
  return roam_now_make (boot.tv_sec * ROAM_USEC_PER_SEC + boot.tv_nsec / 1000, g_get_real_time ());
}

static void drain (LeasequeryIo *io);
static gboolean on_readable (int fd, GIOCondition condition, gpointer user_data);
static gboolean on_writable (int fd, GIOCondition condition, gpointer user_data);

/* ----------------------------------------------------------------- sources ---- */

static void
clear_source (GSource **source)
{
  if (*source == NULL)
    return;
  g_source_destroy (*source);
  g_clear_pointer (source, g_source_unref);
}

static void
watch (LeasequeryIo *io, GSource **source, GIOCondition condition, GUnixFDSourceFunc function, gboolean wanted)
{
  if (!wanted)
    clear_source (source);
  else if (*source == NULL)
    {
      *source = g_unix_fd_source_new (io->fd, condition);
      g_source_set_callback (*source, G_SOURCE_FUNC (function), io, NULL);
      g_source_attach (*source, io->context);
    }
}

/* Reading and writing as the state wants it. */
static void
update_watches (LeasequeryIo *io)
{
  gboolean open = io->fd >= 0, reading = open && io->connected && (!io->paused || io->handshake);
  gboolean tls_writes = io->session != NULL && leasequery_tls_session_wants_write (io->session);

  watch (io, &io->in, G_IO_IN, on_readable, reading);
  watch (io, &io->out, G_IO_OUT, on_writable,
         open && (!io->connected || tls_writes || (!io->handshake && !g_queue_is_empty (&io->output))));
  /* What TLS has read from the socket already does not make it readable. */
  g_source_set_ready_time (io->pending,
                           reading && io->session != NULL && leasequery_tls_session_is_pending (io->session) ? 0 : -1);
}

/* The engine's deadline is boot time, a source's is monotonic: they differ by the time spent suspended. */
static void
update_timer (LeasequeryIo *io)
{
  gint64 deadline = io->paused ? ROAM_NEVER : leasequery_requestor_next_deadline (io->requestor);
  RoamNow at;

  if (deadline == ROAM_NEVER)
    {
      g_source_set_ready_time (io->timer, -1);
      return;
    }
  at = now ();
  g_source_set_ready_time (io->timer, g_get_monotonic_time () + MAX (deadline - at.boot_us, 0));
}

static gboolean
dispatch_timer (GSource *source, GSourceFunc callback, gpointer user_data)
{
  return callback (user_data);
}

static gboolean
on_timer (gpointer user_data)
{
  LeasequeryIo *io = user_data;
  RoamNow at = now ();

  g_source_set_ready_time (io->timer, -1);
  leasequery_requestor_input_deadline (io->requestor, &at);
  drain (io);
  return G_SOURCE_CONTINUE;
}

/* -------------------------------------------------------------- connection ---- */

static void
tell (LeasequeryIo *io, LeasequeryConnection what)
{
  RoamNow at = now ();

  leasequery_requestor_input_connection (io->requestor, &at, what);
}

static void
disconnect (LeasequeryIo *io)
{
  clear_source (&io->in);
  clear_source (&io->out);
  g_queue_clear_full (&io->output, (GDestroyNotify)g_bytes_unref);
  io->written = 0;
  if (io->session != NULL)
    leasequery_tls_session_end (io->session);
  io->connected = io->end_output = io->start_tls = io->handshake = FALSE;
  g_clear_pointer (&io->session, leasequery_tls_session_free);
  if (io->fd >= 0)
    close (io->fd);
  io->fd = -1;
}

static socklen_t
make_sockaddr (const LeasequeryIo *io, struct sockaddr_storage *storage)
{
  struct sockaddr_in6 sin6 = { .sin6_family = AF_INET6, .sin6_scope_id = io->scope_id };
  struct sockaddr_in sin = { .sin_family = AF_INET };
  const guint8 port[2] = { (guint8)(io->server.port >> 8), (guint8)io->server.port };

  memset (storage, 0, sizeof *storage);
  if (io->server.addr.family == ROAM_FAMILY_INET6)
    {
      memcpy (&sin6.sin6_port, port, sizeof port);
      memcpy (&sin6.sin6_addr, io->server.addr.bytes, sizeof sin6.sin6_addr);
      memcpy (storage, &sin6, sizeof sin6);
      return sizeof sin6;
    }
  memcpy (&sin.sin_port, port, sizeof port);
  memcpy (&sin.sin_addr, io->server.addr.bytes, sizeof sin.sin_addr);
  memcpy (storage, &sin, sizeof sin);
  return sizeof sin;
}

static void
connection_failed (LeasequeryIo *io, int error)
{
  io->error = error;
  disconnect (io);
  tell (io, LEASEQUERY_CONNECTION_FAILED);
}

static void
connect_now (LeasequeryIo *io)
{
  struct sockaddr_storage address;
  socklen_t length = make_sockaddr (io, &address);
  int one = 1;

  disconnect (io);
  io->error = 0;
  g_clear_pointer (&io->tls_error, g_free);
  io->fd = socket (address.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (io->fd < 0)
    {
      connection_failed (io, errno);
      return;
    }
  setsockopt (io->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
  if (connect (io->fd, (const struct sockaddr *)&address, length) < 0 && errno != EINPROGRESS)
    connection_failed (io, errno);
}

static void
keep_tls_error (LeasequeryIo *io)
{
  g_free (io->tls_error);
  io->tls_error = io->session == NULL ? NULL : g_strdup (leasequery_tls_session_get_error (io->session));
}

/* One step of it; the engine hears when it is over. */
static void
continue_handshake (LeasequeryIo *io)
{
  gboolean good = leasequery_tls_session_handshake (io->session) == 0;

  if (!good && errno == EAGAIN)
    return;
  io->handshake = FALSE;
  io->handshake_over = TRUE;
  if (!good)
    keep_tls_error (io);
  tell (io, good ? LEASEQUERY_CONNECTION_SECURED : LEASEQUERY_CONNECTION_RESET);
}

/* -1 and errno as send() has it. */
static gssize
send_some (LeasequeryIo *io, const guint8 *data, gsize length)
{
  gssize n;

  if (io->session == NULL)
    return send (io->fd, data, length, MSG_NOSIGNAL);
  n = leasequery_tls_session_write (io->session, data, length);
  if (n < 0 && errno != EAGAIN)
    keep_tls_error (io);
  return n;
}

static void
end_our_side (LeasequeryIo *io)
{
  if (io->session != NULL)
    leasequery_tls_session_end (io->session);
  shutdown (io->fd, SHUT_WR);
}

/* Sends as much as goes; the engine hears when it goes no further and when all is out. */
static void
flush_output (LeasequeryIo *io)
{
  GBytes *octets;

  if (io->handshake)
    return;
  while ((octets = g_queue_peek_head (&io->output)) != NULL)
    {
      gsize length;
      const guint8 *data = g_bytes_get_data (octets, &length);
      gssize n = send_some (io, data + io->written, length - io->written);

      if (n < 0 && errno == EINTR)
        continue;
      if (n < 0)
        {
          /* Any other error comes with the next read too. */
          if (errno == EAGAIN)
            tell (io, LEASEQUERY_CONNECTION_BLOCKED);
          else
            g_queue_clear_full (&io->output, (GDestroyNotify)g_bytes_unref);
          return;
        }
      tell (io, LEASEQUERY_CONNECTION_WRITTEN);
      io->written += (gsize)n;
      if (io->written < length)
        continue;
      io->written = 0;
      g_bytes_unref (g_queue_pop_head (&io->output));
    }
  if (io->end_output)
    end_our_side (io);
  io->end_output = FALSE;
  if (!io->start_tls)
    return;
  io->start_tls = FALSE;
  io->handshake = TRUE;
  io->session = leasequery_tls_session_new (io->tls, io->fd, io->tls_name);
  continue_handshake (io);
}

static gboolean
on_writable (int fd, GIOCondition condition, gpointer user_data)
{
  LeasequeryIo *io = user_data;
  socklen_t length = sizeof (int);
  int error = 0;

  if (!io->connected)
    {
      getsockopt (fd, SOL_SOCKET, SO_ERROR, &error, &length);
      if (error != 0)
        connection_failed (io, error);
      else
        {
          io->connected = TRUE;
          tell (io, LEASEQUERY_CONNECTION_UP);
        }
    }
  else if (io->handshake)
    continue_handshake (io);
  else
    flush_output (io);
  drain (io);
  return G_SOURCE_CONTINUE;
}

static gssize
receive_some (LeasequeryIo *io)
{
  gssize n;

  if (io->session == NULL)
    return recv (io->fd, io->buffer, READ_SIZE, 0);
  n = leasequery_tls_session_read (io->session, io->buffer, READ_SIZE);
  if (n < 0 && errno != EAGAIN)
    keep_tls_error (io);
  return n;
}

/* FALSE: nothing more for now. */
static gboolean
read_once (LeasequeryIo *io)
{
  gssize n = receive_some (io);
  RoamNow at;

  if (n < 0 && errno == EINTR)
    return TRUE;
  if (n < 0 && errno == EAGAIN)
    return FALSE;
  if (n <= 0)
    {
      io->error = n < 0 ? errno : 0;
      tell (io, n == 0 ? LEASEQUERY_CONNECTION_ENDED : LEASEQUERY_CONNECTION_RESET);
      drain (io);
      return FALSE;
    }
  io->received += (guint64)n;
  at = now ();
  leasequery_requestor_input_datagram (io->requestor, &at, io->buffer, (gsize)n);
  drain (io);
  return n == READ_SIZE;
}

static gboolean
on_readable (int fd, GIOCondition condition, gpointer user_data)
{
  LeasequeryIo *io = user_data;

  if (io->handshake)
    {
      continue_handshake (io);
      drain (io);
      return G_SOURCE_CONTINUE;
    }
  for (guint i = 0; i < READS_A_TURN && io->connected && !io->paused; i++)
    if (!read_once (io))
      break;
  update_watches (io);
  return G_SOURCE_CONTINUE;
}

static gboolean
on_pending (gpointer user_data)
{
  LeasequeryIo *io = user_data;

  g_source_set_ready_time (io->pending, -1);
  return on_readable (io->fd, G_IO_IN, io);
}

/* ----------------------------------------------------------------- actions ---- */

static void
perform (LeasequeryIo *io, LeasequeryRequestorAction *action)
{
  switch (action->type)
    {
    case LEASEQUERY_REQUESTOR_ACTION_CONNECT:
      connect_now (io);
      return;
    case LEASEQUERY_REQUESTOR_ACTION_SEND:
      g_queue_push_tail (&io->output, g_steal_pointer (&action->octets));
      return;
    case LEASEQUERY_REQUESTOR_ACTION_END_OUTPUT:
      io->end_output = TRUE;
      return;
    case LEASEQUERY_REQUESTOR_ACTION_DISCONNECT:
      if (io->fd >= 0 && !io->connected) /* the engine's patience is over before the system's */
        io->error = ETIMEDOUT;
      disconnect (io);
      return;
    case LEASEQUERY_REQUESTOR_ACTION_START_TLS:
      io->start_tls = TRUE;
      return;
    case LEASEQUERY_REQUESTOR_ACTION_EVENT:
      io->function (io, &action->event, io->user_data);
      return;
    }
}

/* All that the engine has to say, until the consumer has enough. */
static void
drain (LeasequeryIo *io)
{
  LeasequeryRequestorAction action;

  if (io->draining)
    return;
  io->draining = TRUE;
  do
    {
      io->handshake_over = FALSE;
      while (!io->paused && leasequery_requestor_pop_action (io->requestor, &action))
        {
          perform (io, &action);
          leasequery_requestor_action_clear (&action);
        }
      if (io->connected)
        flush_output (io);
    }
  while (io->handshake_over);
  /* What the function did took its time, not the server's. */
  tell (io, LEASEQUERY_CONNECTION_RESUMED);
  io->draining = FALSE;
  update_watches (io);
  update_timer (io);
}

/* ------------------------------------------------------------------- verbs ---- */

/* ChaCha20 from the kernel's entropy: transaction-ids that cannot be guessed (RFC 8415 16.1). */
static RoamRng *
make_rng (void)
{
  guint8 seed[ROAM_RNG_SEED_LENGTH];

  if (getentropy (seed, sizeof seed) != 0)
    g_error ("no entropy from the kernel: %s", g_strerror (errno));
  return roam_rng_new (seed);
}

LeasequeryIo *
leasequery_io_new (const RoamEndpoint *server, guint scope_id, const LeasequeryRequestorConfig *config,
                   GMainContext *context, LeasequeryIoFunc function, gpointer user_data)
{
  static GSourceFuncs timer_functions = { .dispatch = dispatch_timer };
  LeasequeryIo *io = g_new0 (LeasequeryIo, 1);

  io->server = *server;
  io->scope_id = scope_id;
  io->context = context == NULL ? NULL : g_main_context_ref (context);
  io->function = function;
  io->user_data = user_data;
  io->fd = -1;
  io->buffer = g_malloc (READ_SIZE);
  io->rng = make_rng ();
  io->requestor = leasequery_requestor_new (config, io->rng);
  g_queue_init (&io->output);
  io->timer = g_source_new (&timer_functions, sizeof (GSource));
  g_source_set_priority (io->timer, TIMER_PRIORITY);
  g_source_set_callback (io->timer, on_timer, io, NULL);
  g_source_attach (io->timer, io->context);
  io->pending = g_source_new (&timer_functions, sizeof (GSource));
  g_source_set_callback (io->pending, on_pending, io, NULL);
  g_source_attach (io->pending, io->context);
  return io;
}

void
leasequery_io_set_tls (LeasequeryIo *io, LeasequeryTls *tls, const char *name)
{
  leasequery_tls_unref (io->tls);
  io->tls = leasequery_tls_ref (tls);
  g_free (io->tls_name);
  io->tls_name = g_strdup (name);
}

void
leasequery_io_free (LeasequeryIo *io)
{
  if (io == NULL)
    return;
  g_return_if_fail (!io->draining);
  disconnect (io);
  clear_source (&io->timer);
  clear_source (&io->pending);
  leasequery_tls_unref (io->tls);
  g_free (io->tls_name);
  g_free (io->tls_error);
  leasequery_requestor_free (io->requestor);
  roam_rng_free (io->rng);
  g_clear_pointer (&io->context, g_main_context_unref);
  g_free (io->buffer);
  g_free (io);
}

static void
command (LeasequeryIo *io, const LeasequeryRequestorCommand *what)
{
  RoamNow at;

  if (io->draining)
    tell (io, LEASEQUERY_CONNECTION_RESUMED);
  at = now ();
  leasequery_requestor_input_command (io->requestor, &at, what);
  drain (io);
}

void
leasequery_io_ask (LeasequeryIo *io, guint id, const LeasequeryQuery *query)
{
  command (io, &(LeasequeryRequestorCommand){ .type = LEASEQUERY_REQUESTOR_QUERY, .id = id, .query = *query });
}

void
leasequery_io_abort (LeasequeryIo *io, guint id)
{
  command (io, &(LeasequeryRequestorCommand){ .type = LEASEQUERY_REQUESTOR_ABORT, .id = id });
}

void
leasequery_io_close (LeasequeryIo *io)
{
  command (io, &(LeasequeryRequestorCommand){ .type = LEASEQUERY_REQUESTOR_CLOSE });
}

void
leasequery_io_set_paused (LeasequeryIo *io, gboolean paused)
{
  if (io->paused == paused)
    return;
  io->paused = paused;
  if (!paused)
    {
      tell (io, LEASEQUERY_CONNECTION_RESUMED);
      drain (io);
    }
}

const char *
leasequery_io_get_error (const LeasequeryIo *io)
{
  if (io->tls_error != NULL)
    return io->tls_error;
  return io->error == 0 ? NULL : g_strerror (io->error);
}

guint64
leasequery_io_get_received (const LeasequeryIo *io)
{
  return io->received;
}

guint64
leasequery_io_get_faults (const LeasequeryIo *io, LeasequeryFault fault)
{
  return leasequery_requestor_get_faults (io->requestor, fault);
}
