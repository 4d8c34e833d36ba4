/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "dhcp6/leasequery-client-io.h"
#include "dhcp6/leasequery-server.h"

#include <arpa/inet.h>
#include <errno.h>
#include <glib/gstdio.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

/*
 * leasequery [--markdown] [--sizes N,N] [--queries N] [--runs N] [--tool ROAM_LEASEQUERY] [--tls]: bindings a
 * second of both engines over loopback TCP, each side one process on one core. The server's edge is
 * poll() around LeasequeryServer; the requestor's is the library's own, or all of roam-leasequery.
 */

#define READ_SIZE 4096
#define SUBNET "2001:db8::"
#define LINK 1u

static const guint8 requestor_duid[] = { 0, 3, 0, 1, 2, 0, 0, 0, 0, 1 };
static const guint8 server_duid[] = { 0, 3, 0, 1, 2, 0, 0, 0, 0, 2 };
static const guint8 relay_duid[] = { 0, 3, 0, 1, 2, 0, 0, 0, 0, 3 };
static const guint8 remote_id[] = { 0, 0, 0x7e, 0xd9, 'p', 'o', 'r', 't' };

/* Of the row over TLS; NULL: there is none. Both sides have the same certificate, which is its own CA. */
static LeasequeryTls *server_tls, *requestor_tls;

/* What the server's process has used and holds. */
typedef struct
{
  gint64 cpu_us;
  glong rss_kib;
} Usage;

static RoamNow
now (void)
{
  struct timespec boot;

  clock_gettime (CLOCK_BOOTTIME, &boot);
  return roam_now_make (boot.tv_sec * ROAM_USEC_PER_SEC + boot.tv_nsec / 1000, g_get_real_time ());
}

static Usage
get_usage (void)
{
  struct rusage r;
  glong size = 0, resident = 0;
  FILE *f = fopen ("/proc/self/statm", "re");

  getrusage (RUSAGE_SELF, &r);
  if (f == NULL || fscanf (f, "%ld %ld", &size, &resident) != 2)
    resident = 0;
  if (f != NULL)
    fclose (f);
  return (Usage){ (r.ru_utime.tv_sec + r.ru_stime.tv_sec) * ROAM_USEC_PER_SEC + r.ru_utime.tv_usec + r.ru_stime.tv_usec,
                  resident * (sysconf (_SC_PAGESIZE) / 1024) };
}

static void
pin (int cpu)
{
  cpu_set_t set;

  CPU_ZERO (&set);
  CPU_SET (cpu, &set);
  if (sched_setaffinity (0, sizeof set, &set) != 0)
    fprintf (stderr, "leasequery: cannot keep to core %d: %s\n", cpu, g_strerror (errno));
}

/* ------------------------------------------------------------------- store ---- */

/* LQ_RELAY_DATA of one relay: peer-address, RELAY-FORW, RELAY_ID, REMOTE_ID. */
static GBytes *
make_relay_data (void)
{
  g_auto (WireWriter) writer = { 0 };
  RoamAddr link;

  roam_addr_parse (SUBNET "1", &link);
  wire_writer_init (&writer, 1024);
  wire_write_addr (&writer, &link);
  wire_write_u8 (&writer, DHCP6_RELAY_FORW);
  wire_write_u8 (&writer, 0);
  wire_write_addr (&writer, &link);
  wire_write_addr (&writer, &link);
  dhcp6_write_option (&writer, DHCP6_OPTION_RELAY_ID, (Dhcp6Slice){ relay_duid, sizeof relay_duid });
  dhcp6_write_option (&writer, DHCP6_OPTION_REMOTE_ID, (Dhcp6Slice){ remote_id, sizeof remote_id });
  return wire_writer_finish (&writer);
}

static RoamAddr
nth_address (guint n)
{
  const guint8 low[4] = { (guint8)(n >> 24), (guint8)(n >> 16), (guint8)(n >> 8), (guint8)n };
  RoamAddr address;

  roam_addr_parse (SUBNET, &address);
  memcpy (address.bytes + 12, low, sizeof low);
  return address;
}

static void
nth_client (guint n, guint8 duid[10])
{
  const guint8 octets[10] = { 0, 3, 0, 1, 2, 0, (guint8)(n >> 24), (guint8)(n >> 16), (guint8)(n >> 8), (guint8)n };

  memcpy (duid, octets, sizeof octets);
}

static LeaseStore *
make_store (guint n_leases)
{
  g_autoptr (GBytes) relay_data = make_relay_data ();
  Dhcp6CodePoints points;
  LeaseStore *store;
  RoamPrefix prefix;
  guint8 duid[10];
  Lease lease = { .subnet_id = LINK, .prefix_length = 128, .valid_s = 86400, .preferred_s = 43200 };

  dhcp6_code_points_init (&points);
  store = lease_store_new (&points);
  roam_prefix_parse (SUBNET "/64", &prefix);
  lease_store_add_subnet (store, "bench", LINK, &prefix);
  lease.contact = g_get_real_time () / ROAM_USEC_PER_SEC - 60;
  lease.client_id = (Dhcp6Slice){ duid, sizeof duid };
  lease.relay_data.data = g_bytes_get_data (relay_data, &lease.relay_data.length);
  for (guint i = 1; i <= n_leases; i++)
    {
      lease.address = nth_address (i);
      nth_client (i, duid);
      if (!lease_store_put (store, &lease))
        g_error ("lease %u cannot be stored", i);
    }
  return store;
}

/* ------------------------------------------------------------------ server ---- */

typedef struct
{
  LeasequeryServer *engine;
  int listener, control, fd;
  guint connection;
  GQueue output; /* GBytes */
  gsize written;
  gboolean paused, start_tls;
  LeasequeryTlsSession *session; /* NULL: in the clear */
} Server;

static void
server_drop (Server *server)
{
  RoamNow at = now ();

  g_clear_pointer (&server->session, leasequery_tls_session_free);
  server->start_tls = FALSE;
  close (server->fd);
  server->fd = -1;
  g_queue_clear_full (&server->output, (GDestroyNotify)g_bytes_unref);
  server->written = 0;
  leasequery_server_input_closed (server->engine, &at, server->connection);
}

/* Writes what the socket takes. TRUE: something went. */
static gboolean
server_write (Server *server)
{
  GBytes *octets = g_queue_peek_head (&server->output);
  gsize length;
  const guint8 *data;
  gssize n;
  RoamNow at;

  if (server->fd < 0 || octets == NULL)
    return FALSE;
  data = g_bytes_get_data (octets, &length);
  if (server->session != NULL)
    n = leasequery_tls_session_write (server->session, data + server->written, length - server->written);
  else
    n = send (server->fd, data + server->written, length - server->written, MSG_NOSIGNAL | MSG_DONTWAIT);
  if (n <= 0)
    return FALSE;
  at = now ();
  leasequery_server_input_written (server->engine, &at, server->connection, (gsize)n);
  server->written += (gsize)n;
  if (server->written == length)
    {
      server->written = 0;
      g_bytes_unref (g_queue_pop_head (&server->output));
    }
  return TRUE;
}

static void
server_perform (Server *server, LeasequeryServerAction *action)
{
  switch (action->type)
    {
    case LEASEQUERY_SERVER_ACTION_SEND:
      g_queue_push_tail (&server->output, g_steal_pointer (&action->octets));
      return;
    case LEASEQUERY_SERVER_ACTION_PAUSE:
      server->paused = TRUE;
      return;
    case LEASEQUERY_SERVER_ACTION_RESUME:
      server->paused = FALSE;
      return;
    case LEASEQUERY_SERVER_ACTION_CLOSE:
      server_drop (server);
      return;
    case LEASEQUERY_SERVER_ACTION_START_TLS:
      server->start_tls = TRUE;
      return;
    case LEASEQUERY_SERVER_ACTION_LOG:
      return;
    }
}

/* There is one connection: nobody else waits for it. */
static void
server_handshake (Server *server)
{
  RoamNow at;
  int result;

  server->start_tls = FALSE;
  server->session = leasequery_tls_session_new (server_tls, server->fd, NULL);
  while ((result = leasequery_tls_session_handshake (server->session)) != 0 && errno == EAGAIN)
    {
      struct pollfd fd = { .fd = server->fd, .events = POLLIN };

      poll (&fd, 1, -1);
    }
  if (result != 0)
    g_error ("handshake: %s", leasequery_tls_session_get_error (server->session));
  at = now ();
  leasequery_server_input_secured (server->engine, &at, server->connection);
}

/* One page made, one page written, until the socket is full or all is said. */
static void
server_answer (Server *server)
{
  LeasequeryServerAction action;
  RoamNow at = now ();

  while (leasequery_server_pop_action (server->engine, &at, &action))
    {
      server_perform (server, &action);
      leasequery_server_action_clear (&action);
      while (server_write (server))
        continue;
      if (server->start_tls && g_queue_is_empty (&server->output))
        server_handshake (server);
      at = now ();
    }
}

static void
server_accept (Server *server)
{
  RoamAddr peer;
  RoamNow at = now ();
  int one = 1;

  server->fd = accept (server->listener, NULL, NULL);
  setsockopt (server->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
  roam_addr_parse ("::1", &peer);
  server->paused = FALSE;
  server->connection = leasequery_server_input_accept (server->engine, &at, &peer);
}

static void
server_read (Server *server)
{
  guint8 buffer[READ_SIZE];
  gssize n = server->session != NULL ? leasequery_tls_session_read (server->session, buffer, sizeof buffer)
                                     : recv (server->fd, buffer, sizeof buffer, MSG_DONTWAIT);
  RoamNow at = now ();

  if (n > 0)
    leasequery_server_input_datagram (server->engine, &at, server->connection, buffer, (gsize)n);
  else if (n == 0 || errno != EAGAIN)
    server_drop (server);
}

/* Until the other process closes the control socket; each octet on it asks for the usage. */
static void
server_loop (Server *server)
{
  for (;;)
    {
      struct pollfd fds[3] = { { .fd = server->control, .events = POLLIN },
                               { .fd = server->fd < 0 ? server->listener : -1, .events = POLLIN },
                               { .fd = server->fd, .events = POLLIN } };
      char octet;
      Usage usage;

      if (server->paused)
        fds[2].events = 0;
      if (!g_queue_is_empty (&server->output))
        fds[2].events |= POLLOUT;
      poll (fds, G_N_ELEMENTS (fds), -1);
      if (fds[0].revents != 0)
        {
          if (read (server->control, &octet, 1) != 1)
            return;
          usage = get_usage ();
          if (write (server->control, &usage, sizeof usage) != sizeof usage)
            return;
        }
      if (fds[1].revents != 0)
        server_accept (server);
      if (server->fd >= 0 && (fds[2].revents & ~POLLOUT) != 0)
        server_read (server);
      while (server_write (server))
        continue;
      server_answer (server);
    }
}

static void G_GNUC_NORETURN
run_server (int listener, int control, guint n_leases)
{
  g_autoptr (LeaseStore) store = make_store (n_leases);
  LeasequeryServerPermission everybody = { .query_types = LEASEQUERY_ALL_TYPES };
  LeasequeryServerConfig config;
  Server server = { .listener = listener, .control = control, .fd = -1 };
  RoamNow at = now ();

  pin (0);
  roam_prefix_parse ("::/0", &everybody.prefix);
  leasequery_server_config_init (&config, FALSE);
  config.duid = (Dhcp6Slice){ server_duid, sizeof server_duid };
  config.permissions = &everybody;
  config.n_permissions = 1;
  config.tls = server_tls != NULL ? LEASEQUERY_TLS_OFFERED : LEASEQUERY_TLS_REFUSED;
  server.engine = leasequery_server_new (&config);
  leasequery_server_input_command (server.engine, &at,
                                   &(LeasequeryServerCommand){ LEASEQUERY_SERVER_SET_STORE, store });
  server_loop (&server);
  leasequery_server_free (server.engine);
  _exit (0);
}

/* --------------------------------------------------------------- requestor ---- */

typedef struct
{
  GMainLoop *loop;
  LeasequeryClient *client;
  guint64 n_bindings;
  gint64 began_us, first_us;
  gboolean failed;
} Run;

static void
on_event (LeasequeryClient *client, const LeasequeryClientEvent *told, gpointer user_data)
{
  Run *run = user_data;

  if (told->event->type == LEASEQUERY_EVENT_BINDING)
    {
      if (run->n_bindings++ == 0)
        run->first_us = now ().boot_us;
    }
  else if (told->event->type == LEASEQUERY_EVENT_COMPLETE)
    {
      run->failed = run->failed || !told->event->complete;
      if (leasequery_client_n_pending (client) == 0)
        g_main_loop_quit (run->loop);
    }
}

static Usage
ask_usage (int control)
{
  Usage usage = { 0 };

  if (write (control, "u", 1) != 1 || read (control, &usage, sizeof usage) != sizeof usage)
    g_error ("the server's process is gone");
  return usage;
}

/* What the table says of one kind of query. */
typedef struct
{
  guint64 bindings;
  gdouble seconds, first_ms, server_us, requestor_us; /* the last two: processor time a binding */
  glong server_rss, requestor_rss;
} Row;

static void
ask (Run *run, Dhcp6QueryType type, guint n_leases, guint n_queries)
{
  LeasequeryQuery query = { .type = type };
  guint8 duid[10];

  if (type != DHCP6_QUERY_BY_ADDRESS && type != DHCP6_QUERY_BY_CLIENTID)
    n_queries = 1;
  if (type == DHCP6_QUERY_BY_LINK_ADDRESS)
    query.link_address = nth_address (1);
  query.relay_id = (Dhcp6Slice){ relay_duid, sizeof relay_duid };
  query.remote_id = (Dhcp6Slice){ remote_id, sizeof remote_id };
  query.client_id = (Dhcp6Slice){ duid, sizeof duid };
  leasequery_client_begin (run->client);
  for (guint i = 0; i < n_queries; i++)
    {
      /* All over the store, not one after the other. */
      guint which = 1 + (guint)((guint64)i * 7919u % n_leases);

      query.address = nth_address (which);
      nth_client (which, duid);
      leasequery_client_ask (run->client, i + 1, &query);
    }
  leasequery_client_commit (run->client);
}

static Row
measure (guint16 port, int control, Dhcp6QueryType type, gboolean tls, guint n_leases, guint n_queries)
{
  LeasequeryServerAddress server = { .endpoint.port = port };
  LeasequeryClientConfig config = { .servers = &server, .n_servers = 1 };
  Run run = { .loop = g_main_loop_new (NULL, FALSE) };
  Usage server_before = ask_usage (control), before, server_after, after;
  gint64 ended_us;
  gdouble n;

  roam_addr_parse ("::1", &server.endpoint.addr);
  leasequery_requestor_config_init (&config.requestor, LEASEQUERY_PROFILE_RFC5460);
  config.requestor.duid = (Dhcp6Slice){ requestor_duid, sizeof requestor_duid };
  config.requestor.tls = tls;
  config.tls = tls ? requestor_tls : NULL;
  run.client = leasequery_client_new (&config, NULL, on_event, &run);
  before = get_usage ();
  run.began_us = now ().boot_us;
  ask (&run, type, n_leases, n_queries);
  g_main_loop_run (run.loop);
  ended_us = now ().boot_us;
  after = get_usage ();
  server_after = ask_usage (control);
  if (run.failed || run.n_bindings == 0)
    g_error ("a query of type %d was not answered in full", type);
  leasequery_client_free (run.client);
  g_main_loop_unref (run.loop);
  n = (gdouble)run.n_bindings;
  return (Row){ run.n_bindings,
                (gdouble)(ended_us - run.began_us) / 1e6,
                (gdouble)(run.first_us - run.began_us) / 1e3,
                (gdouble)(server_after.cpu_us - server_before.cpu_us) / n,
                (gdouble)(after.cpu_us - before.cpu_us) / n,
                server_after.rss_kib,
                after.rss_kib };
}

/* -------------------------------------------------------------------- tool ---- */

/* roam-leasequery by relay-id, its output thrown away. */
static Row
measure_tool (const char *tool, const char *format, guint16 port, int control, guint n_leases)
{
  g_autofree char *server = g_strdup_printf ("[::1]:%u", port);
  g_autofree char *relay = dhcp6_dup_hex ((Dhcp6Slice){ relay_duid, sizeof relay_duid });
  const char *argv[] = { tool, server, "--quiet", "--duid", "0003000102", format, "relay-id", relay, NULL };
  Usage before = ask_usage (control), after;
  gint64 began_us = now ().boot_us;
  struct rusage used;
  int status = 1;
  pid_t child = fork ();

  if (child == 0)
    {
      if (freopen ("/dev/null", "w", stdout) != NULL)
        execv (tool, (char *const *)argv);
      _exit (127);
    }
  wait4 (child, &status, 0, &used);
  if (!WIFEXITED (status) || WEXITSTATUS (status) != 0)
    g_error ("%s %s failed", tool, format);
  after = ask_usage (control);
  return (Row){ n_leases,
                (gdouble)(now ().boot_us - began_us) / 1e6,
                0,
                (gdouble)(after.cpu_us - before.cpu_us) / n_leases,
                ((gdouble)(used.ru_utime.tv_sec + used.ru_stime.tv_sec) * 1e6 +
                 (gdouble)(used.ru_utime.tv_usec + used.ru_stime.tv_usec)) /
                  n_leases,
                after.rss_kib,
                used.ru_maxrss };
}

/* -------------------------------------------------------------------- main ---- */

static int
make_listener (guint16 *ret_port)
{
  struct sockaddr_in6 address = { .sin6_family = AF_INET6, .sin6_addr = IN6ADDR_LOOPBACK_INIT };
  socklen_t length = sizeof address;
  int fd = socket (AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0);

  if (fd < 0 || bind (fd, (const struct sockaddr *)&address, sizeof address) != 0 || listen (fd, 4) != 0 ||
      getsockname (fd, (struct sockaddr *)&address, &length) != 0)
    g_error ("cannot listen on ::1: %s", g_strerror (errno));
  *ret_port = ntohs (address.sin6_port);
  return fd;
}

static void
print_row (gboolean markdown, const char *name, guint n_leases, const Row *row)
{
  g_autofree char *first = row->first_ms > 0 ? g_strdup_printf ("%.2f", row->first_ms) : g_strdup ("-");
  gdouble rate = (gdouble)row->bindings / row->seconds;
  gdouble server_mib = (gdouble)row->server_rss / 1024, requestor_mib = (gdouble)row->requestor_rss / 1024;

  if (markdown)
    printf ("| %s | %u | %" G_GUINT64_FORMAT " | %.0f | %s | %.2f | %.2f | %.1f | %.1f |\n", name, n_leases,
            row->bindings, rate, first, row->server_us, row->requestor_us, server_mib, requestor_mib);
  else
    printf ("%-12s %9u %9" G_GUINT64_FORMAT " %12.0f %10s %10.2f %10.2f %10.1f %10.1f\n", name, n_leases, row->bindings,
            rate, first, row->server_us, row->requestor_us, server_mib, requestor_mib);
  fflush (stdout);
}

/* A server of its own for each size: *@ret_control speaks with it, and ends it when it is closed. */
static pid_t
start_server (guint n_leases, guint16 *ret_port, int *ret_control)
{
  int control[2], listener = make_listener (ret_port);
  pid_t child;

  if (socketpair (AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, control) != 0)
    g_error ("socketpair: %s", g_strerror (errno));
  child = fork ();
  if (child == 0)
    {
      close (control[0]);
      run_server (listener, control[1], n_leases);
    }
  close (listener);
  close (control[1]);
  *ret_control = control[0];
  return child;
}

/* The fastest of @runs. */
static Row
measure_best (guint16 port, int control, Dhcp6QueryType type, gboolean tls, guint n_leases, guint n_queries, guint runs)
{
  Row best = { 0 };

  for (guint i = 0; i < runs; i++)
    {
      Row row = measure (port, control, type, tls, n_leases, n_queries);

      if (i == 0 || row.seconds < best.seconds)
        best = row;
    }
  return best;
}

static void
bench_size (guint n_leases, guint n_queries, guint runs, const char *tool, gboolean markdown)
{
  static const char *const formats[] = { "--table", "--csv", "--json", "--merge" };
  static const struct
  {
    const char *name;
    Dhcp6QueryType type;
  } kinds[] = { { "relay-id", DHCP6_QUERY_BY_RELAY_ID },
                { "link", DHCP6_QUERY_BY_LINK_ADDRESS },
                { "remote-id", DHCP6_QUERY_BY_REMOTE_ID },
                { "client", DHCP6_QUERY_BY_CLIENTID },
                { "address", DHCP6_QUERY_BY_ADDRESS } };
  int control, status;
  guint16 port;
  pid_t child = start_server (n_leases, &port, &control);

  for (guint k = 0; k < G_N_ELEMENTS (kinds); k++)
    {
      Row row = measure_best (port, control, kinds[k].type, FALSE, n_leases, n_queries, runs);

      print_row (markdown, kinds[k].name, n_leases, &row);
    }
  for (guint k = 0; requestor_tls != NULL && k < G_N_ELEMENTS (kinds); k += 4) /* relay-id, and one by one by address */
    {
      Row row = measure_best (port, control, kinds[k].type, TRUE, n_leases, n_queries, runs);
      g_autofree char *name = g_strdup_printf ("%s, TLS", kinds[k].name);

      print_row (markdown, name, n_leases, &row);
    }
  for (guint k = 0; tool != NULL && k < G_N_ELEMENTS (formats); k++)
    {
      Row row = measure_tool (tool, formats[k], port, control, n_leases);
      g_autofree char *name = g_strdup_printf ("tool %s", formats[k]);

      print_row (markdown, name, n_leases, &row);
    }
  close (control);
  waitpid (child, &status, 0);
}

/* A certificate by openssl(1), in a directory that is gone afterwards. */
static void
make_tls (void)
{
  g_autofree char *directory = g_dir_make_tmp ("leasequery-bench-XXXXXX", NULL);
  g_autofree char *certificate = g_build_filename (directory, "certificate.pem", NULL);
  g_autofree char *key = g_build_filename (directory, "key.pem", NULL);
  const char *argv[] = { "openssl", "req",   "-x509", "-newkey",   "ec", "-pkeyopt", "ec_paramgen_curve:P-256",
                         "-nodes",  "-subj", "/CN=b", "-days",     "1",  "-addext",  "subjectAltName=IP:::1",
                         "-keyout", key,     "-out",  certificate, NULL };
  const LeasequeryTlsConfig files = { certificate, certificate, key, NULL };
  g_autoptr (GError) error = NULL;
  int status = 1;

  if (!g_spawn_sync (NULL, (char **)argv, NULL,
                     G_SPAWN_SEARCH_PATH | G_SPAWN_STDERR_TO_DEV_NULL | G_SPAWN_STDOUT_TO_DEV_NULL, NULL, NULL, NULL,
                     NULL, &status, &error) ||
      status != 0)
    g_error ("openssl req: %s", error != NULL ? error->message : "it failed");
  server_tls = leasequery_tls_new (&files, TRUE, &error);
  if (server_tls != NULL)
    requestor_tls = leasequery_tls_new (&files, FALSE, &error);
  if (requestor_tls == NULL)
    g_error ("%s", error->message);
  g_unlink (certificate);
  g_unlink (key);
  g_rmdir (directory);
}

int
main (int argc, char **argv)
{
  gboolean markdown = FALSE, tls = FALSE;
  g_autofree char *sizes = NULL, *tool = NULL;
  gint n_queries = 20000, runs = 3;
  const GOptionEntry entries[] = {
    { "markdown", 0, 0, G_OPTION_ARG_NONE, &markdown, "Print a table in Markdown", NULL },
    { "sizes", 0, 0, G_OPTION_ARG_STRING, &sizes, "Bindings in the store (100000,1000000)", "N,N" },
    { "queries", 0, 0, G_OPTION_ARG_INT, &n_queries, "Queries by address and by client (20000)", "N" },
    { "tool", 0, 0, G_OPTION_ARG_FILENAME, &tool, "Measure this program too", "ROAM_LEASEQUERY" },
    { "tls", 0, 0, G_OPTION_ARG_NONE, &tls, "Rows over TLS, too (takes openssl)", NULL },
    { "runs", 0, 0, G_OPTION_ARG_INT, &runs, "The best of so many is shown (3)", "N" },
    { NULL },
  };
  g_autoptr (GOptionContext) context = g_option_context_new (NULL);
  g_autoptr (GError) error = NULL;
  g_auto (GStrv) words = NULL;

  g_option_context_add_main_entries (context, entries, NULL);
  if (!g_option_context_parse (context, &argc, &argv, &error) || n_queries < 1 || runs < 1)
    {
      g_printerr ("leasequery: %s\n", error != NULL ? error->message : "a number below 1");
      return 2;
    }
  if (tls)
    make_tls ();
  pin (1);
  printf (markdown
            ? "| query by | store | bindings | bindings/s | first, ms | server, us each | requestor, us each | "
              "server, MiB | requestor, MiB |\n|---|--:|--:|--:|--:|--:|--:|--:|--:|\n"
            : "query by         store  bindings   bindings/s  first, ms server, us  asker, us    srv MiB    ask MiB\n");
  words = g_strsplit (sizes == NULL ? "100000,1000000" : sizes, ",", -1);
  for (guint i = 0; words[i] != NULL; i++)
    {
      guint64 n;

      if (!g_ascii_string_to_unsigned (words[i], 10, 1, 1u << 28, &n, &error))
        {
          g_printerr ("leasequery: --sizes: %s\n", error->message);
          return 2;
        }
      bench_size ((guint)n, (guint)n_queries, (guint)runs, tool, markdown);
    }
  return 0;
}
