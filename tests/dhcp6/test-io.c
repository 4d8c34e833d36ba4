/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "dhcp6/leasequery-client-io.h"
#include "dhcp6/leasequery-server.h"

#include <errno.h>
#include <glib-unix.h>
#include <net/if.h>
#include <netinet/in.h>
#include <sched.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

/*
 * The library's edge against LeasequeryServer on real sockets, in a network namespace of its own that
 * ends with the process. Skipped where there may be none.
 */

#define N_LEASES 20000u
/* Nothing here takes a second; a loop that hangs is cut off. */
#define GIVE_UP_S 20

typedef struct
{
  LeasequeryServer *engine;
  int listener, fd;
  guint16 port;
  GSource *accept, *in, *out;
  GByteArray *output;
  guint connection, n_accepted;
  guint64 n_read;
  gboolean silent; /* answers nothing */

  LeasequeryClient *client;
  GMainLoop *loop;
  guint64 n_bindings, pause_at;
  guint n_complete, n_cached, n_whole;
  LeasequeryOutcome outcome;
} Fixture;

static gboolean
enter_namespace (void)
{
  struct ifreq request = { .ifr_name = "lo", .ifr_flags = IFF_UP };
  int fd;
  gboolean good;

  if (unshare (CLONE_NEWNET) != 0)
    return FALSE;
  fd = socket (AF_INET6, SOCK_DGRAM, 0);
  good = fd >= 0 && ioctl (fd, SIOCSIFFLAGS, &request) == 0;
  if (fd >= 0)
    close (fd);
  return good;
}

static RoamNow
now (void)
{
  struct timespec boot;

  clock_gettime (CLOCK_BOOTTIME, &boot);
  return roam_now_make (boot.tv_sec * ROAM_USEC_PER_SEC + boot.tv_nsec / 1000, g_get_real_time ());
}

/* ------------------------------------------------------------------ server ---- */

static gboolean on_server_out (int fd, GIOCondition condition, gpointer user_data);

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

static void
server_close (Fixture *f)
{
  RoamNow at = now ();

  clear_source (&f->in);
  clear_source (&f->out);
  if (f->fd >= 0)
    close (f->fd);
  f->fd = -1;
  g_byte_array_set_size (f->output, 0);
  leasequery_server_input_closed (f->engine, &at, f->connection);
}

static void
server_pull (Fixture *f)
{
  RoamNow at = now ();
  LeasequeryServerAction action;

  while (f->fd >= 0 && leasequery_server_pop_action (f->engine, &at, &action))
    {
      if (action.type == LEASEQUERY_SERVER_ACTION_SEND)
        g_byte_array_append (f->output, g_bytes_get_data (action.octets, NULL),
                             (guint)g_bytes_get_size (action.octets));
      else if (action.type == LEASEQUERY_SERVER_ACTION_CLOSE)
        server_close (f);
      leasequery_server_action_clear (&action);
    }
  if (f->fd >= 0 && f->output->len > 0 && f->out == NULL)
    f->out = watch (f->fd, G_IO_OUT, on_server_out, f);
}

static gboolean
on_server_out (int fd, GIOCondition condition, gpointer user_data)
{
  Fixture *f = user_data;
  gssize n = send (fd, f->output->data, f->output->len, MSG_NOSIGNAL | MSG_DONTWAIT);
  RoamNow at = now ();

  if (n > 0)
    {
      g_byte_array_remove_range (f->output, 0, (guint)n);
      leasequery_server_input_written (f->engine, &at, f->connection, (gsize)n);
    }
  if (f->output->len == 0)
    clear_source (&f->out);
  server_pull (f);
  return G_SOURCE_CONTINUE;
}

static gboolean
on_server_in (int fd, GIOCondition condition, gpointer user_data)
{
  Fixture *f = user_data;
  guint8 buffer[4096];
  gssize n = recv (fd, buffer, sizeof buffer, MSG_DONTWAIT);
  RoamNow at = now ();

  if (n <= 0)
    {
      server_close (f);
      return G_SOURCE_CONTINUE;
    }
  f->n_read += (guint64)n;
  if (!f->silent)
    leasequery_server_input_datagram (f->engine, &at, f->connection, buffer, (gsize)n);
  server_pull (f);
  return G_SOURCE_CONTINUE;
}

static gboolean
on_accept (int fd, GIOCondition condition, gpointer user_data)
{
  Fixture *f = user_data;
  RoamNow at = now ();
  RoamAddr peer;

  roam_addr_parse ("::1", &peer);
  if (f->fd >= 0) /* the end of the one before is not seen yet */
    server_close (f);
  f->fd = accept (fd, NULL, NULL);
  f->n_accepted++;
  f->connection = leasequery_server_input_accept (f->engine, &at, &peer);
  f->in = watch (f->fd, G_IO_IN, on_server_in, f);
  return G_SOURCE_CONTINUE;
}

static LeaseStore *
make_store (void)
{
  Dhcp6CodePoints points;
  LeaseStore *store;
  RoamPrefix prefix;

  dhcp6_code_points_init (&points);
  store = lease_store_new (&points);
  roam_prefix_parse ("2001:db8::/64", &prefix);
  lease_store_add_subnet (store, "test", 1, &prefix);
  for (guint i = 1; i <= N_LEASES; i++)
    {
      const guint8 duid[] = { 0, 3, 0, 1, (guint8)(i >> 16), (guint8)(i >> 8), (guint8)i };
      Lease lease = { .address = prefix.addr,
                      .prefix_length = 128,
                      .subnet_id = 1,
                      .valid_s = 7200,
                      .preferred_s = 3600,
                      .contact = g_get_real_time () / ROAM_USEC_PER_SEC,
                      .client_id = { duid, sizeof duid } };

      memcpy (lease.address.bytes + 13, duid + 4, 3);
      g_assert_true (lease_store_put (store, &lease));
    }
  return store;
}

static void
listen_on_loopback (Fixture *f)
{
  struct sockaddr_in6 address = { .sin6_family = AF_INET6, .sin6_addr = IN6ADDR_LOOPBACK_INIT };
  socklen_t length = sizeof address;
  guint8 port[2];

  f->listener = socket (AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0);
  g_assert_cmpint (bind (f->listener, (const struct sockaddr *)&address, sizeof address), ==, 0);
  g_assert_cmpint (listen (f->listener, 4), ==, 0);
  getsockname (f->listener, (struct sockaddr *)&address, &length);
  memcpy (port, &address.sin6_port, sizeof port);
  f->port = (guint16)(port[0] << 8 | port[1]);
  f->accept = watch (f->listener, G_IO_IN, on_accept, f);
}

/* --------------------------------------------------------------- requestor ---- */

static void
on_event (LeasequeryClient *client, const LeasequeryClientEvent *told, gpointer user_data)
{
  Fixture *f = user_data;

  if (told->event->type == LEASEQUERY_EVENT_BINDING && ++f->n_bindings == f->pause_at)
    {
      leasequery_client_set_paused (client, TRUE);
      g_main_loop_quit (f->loop);
    }
  if (told->event->type != LEASEQUERY_EVENT_COMPLETE)
    return;
  f->n_complete++;
  f->n_cached += told->cached;
  f->n_whole += told->event->complete;
  f->outcome = told->event->outcome;
  if (leasequery_client_n_pending (client) == 0)
    g_main_loop_quit (f->loop);
}

static void
set_up (Fixture *f, gconstpointer data)
{
  static const guint8 duid[] = { 0, 3, 0, 1, 1 };
  g_autoptr (LeaseStore) store = make_store ();
  LeasequeryServerPermission everybody = { .query_types = LEASEQUERY_ALL_TYPES };
  LeasequeryServerConfig config;
  RoamNow at = now ();

  roam_prefix_parse ("::/0", &everybody.prefix);
  leasequery_server_config_init (&config, FALSE);
  config.duid = (Dhcp6Slice){ duid, sizeof duid };
  config.permissions = &everybody;
  config.n_permissions = 1;
  f->fd = -1;
  f->output = g_byte_array_new ();
  f->loop = g_main_loop_new (NULL, FALSE);
  f->engine = leasequery_server_new (&config);
  leasequery_server_input_command (f->engine, &at, &(LeasequeryServerCommand){ LEASEQUERY_SERVER_SET_STORE, store });
  listen_on_loopback (f);
}

static void
begin (Fixture *f, gint64 remember_us, gint64 data_timeout_us)
{
  static const guint8 duid[] = { 0, 3, 0, 1, 2 };
  LeasequeryServerAddress server = { .endpoint.port = f->port };
  LeasequeryClientConfig config = { .servers = &server, .n_servers = 1, .remember_us = remember_us };

  roam_addr_parse ("::1", &server.endpoint.addr);
  leasequery_requestor_config_init (&config.requestor, LEASEQUERY_PROFILE_RFC5460);
  config.requestor.duid = (Dhcp6Slice){ duid, sizeof duid };
  config.requestor.data_timeout_us = data_timeout_us;
  f->client = leasequery_client_new (&config, NULL, on_event, f);
}

static void
tear_down (Fixture *f, gconstpointer data)
{
  leasequery_client_free (f->client);
  server_close (f);
  clear_source (&f->accept);
  close (f->listener);
  leasequery_server_free (f->engine);
  g_byte_array_unref (f->output);
  g_main_loop_unref (f->loop);
}

static gboolean
on_give_up (gpointer user_data)
{
  g_error ("the loop hangs");
  return G_SOURCE_REMOVE;
}

static gboolean
on_enough (gpointer user_data)
{
  g_main_loop_quit (user_data);
  return G_SOURCE_REMOVE;
}

static void
run (Fixture *f)
{
  guint guard = g_timeout_add_seconds (GIVE_UP_S, on_give_up, NULL);

  g_main_loop_run (f->loop);
  g_source_remove (guard);
}

static void
run_for (Fixture *f, guint ms)
{
  g_timeout_add (ms, on_enough, f->loop);
  run (f);
}

static void
ask (Fixture *f, guint id, const char *address, Dhcp6QueryType type)
{
  LeasequeryQuery query = { .type = type };

  if (type == DHCP6_QUERY_BY_ADDRESS)
    roam_addr_parse (address, &query.address);
  else
    roam_addr_parse (address, &query.link_address);
  leasequery_client_ask (f->client, id, &query);
}

/* ------------------------------------------------------------------- tests ---- */

/* A question without result is not asked again for a while; one with a result is. covers: LQ-REQ-019 */
static void
test_cache (Fixture *f, gconstpointer data)
{
  guint64 before;

  begin (f, 60 * ROAM_USEC_PER_SEC, 60 * ROAM_USEC_PER_SEC);
  ask (f, 1, "2001:db8::ffff:1", DHCP6_QUERY_BY_ADDRESS);
  run (f);
  before = f->n_read;
  g_assert_cmpuint (f->n_whole, ==, 1);
  g_assert_cmpuint (f->n_cached, ==, 0);
  ask (f, 2, "2001:db8::ffff:1", DHCP6_QUERY_BY_ADDRESS);
  run_for (f, 50);
  g_assert_cmpuint (f->n_complete, ==, 2);
  g_assert_cmpuint (f->n_cached, ==, 1);
  g_assert_cmpuint (f->n_whole, ==, 2);
  g_assert_cmpuint (f->n_read, ==, before);
  for (guint i = 3; i <= 4; i++)
    {
      ask (f, i, "2001:db8::1", DHCP6_QUERY_BY_ADDRESS);
      run (f);
    }
  g_assert_cmpuint (f->n_bindings, ==, 2);
  g_assert_cmpuint (f->n_read, >, before);
}

/*
 * A consumer that stops gets nothing more, the socket is not read, and the time it takes is not the
 * server's: three times the timeout later all goes on. covers: LQ-REQ-052
 */
static void
test_pause (Fixture *f, gconstpointer data)
{
  guint64 received;

  f->pause_at = 100;
  begin (f, 0, ROAM_USEC_PER_SEC / 5);
  ask (f, 1, "2001:db8::1", DHCP6_QUERY_BY_LINK_ADDRESS);
  run (f);
  g_assert_cmpuint (f->n_bindings, ==, 100);
  received = leasequery_io_get_received (leasequery_client_get_io (f->client, 0));
  run_for (f, 600);
  g_assert_cmpuint (f->n_bindings, ==, 100);
  g_assert_cmpuint (leasequery_io_get_received (leasequery_client_get_io (f->client, 0)), ==, received);
  leasequery_client_set_paused (f->client, FALSE);
  run (f);
  g_assert_cmpuint (f->n_bindings, ==, N_LEASES);
  g_assert_cmpuint (f->n_whole, ==, 1);
  g_assert_cmpuint (f->n_accepted, ==, 1);
}

/* A server that says nothing is given up, and not before its time. covers: LQ-REQ-050 */
static void
test_silence (Fixture *f, gconstpointer data)
{
  gint64 began = g_get_monotonic_time ();

  f->silent = TRUE;
  begin (f, 0, ROAM_USEC_PER_SEC / 5);
  ask (f, 1, "2001:db8::1", DHCP6_QUERY_BY_ADDRESS);
  run (f);
  g_assert_cmpint (f->outcome, ==, LEASEQUERY_OUTCOME_TIMEOUT);
  g_assert_cmpint (g_get_monotonic_time () - began, >=, ROAM_USEC_PER_SEC / 5);
}

/* Nobody listens: the system's word for it is at hand. */
static void
test_nobody (Fixture *f, gconstpointer data)
{
  clear_source (&f->accept);
  close (f->listener);
  begin (f, 0, ROAM_USEC_PER_SEC);
  ask (f, 1, "2001:db8::1", DHCP6_QUERY_BY_ADDRESS);
  run (f);
  g_assert_cmpint (f->outcome, ==, LEASEQUERY_OUTCOME_UNREACHABLE);
  g_assert_cmpstr (leasequery_io_get_error (leasequery_client_get_io (f->client, 0)), ==, g_strerror (ECONNREFUSED));
  f->listener = -1;
}

/* Closed in mid-stream by its user: the query ends incomplete, and it can ask again. */
static void
test_close (Fixture *f, gconstpointer data)
{
  f->pause_at = 100;
  begin (f, 0, ROAM_USEC_PER_SEC);
  ask (f, 1, "2001:db8::1", DHCP6_QUERY_BY_LINK_ADDRESS);
  run (f);
  leasequery_client_set_paused (f->client, FALSE);
  leasequery_client_close (f->client);
  g_assert_cmpuint (f->n_complete, ==, 1);
  g_assert_cmpuint (f->n_whole, ==, 0);
  f->n_bindings = f->pause_at = 0;
  run_for (f, 50); /* the server sees the end */
  ask (f, 2, "2001:db8::1", DHCP6_QUERY_BY_LINK_ADDRESS);
  run (f);
  g_assert_cmpuint (f->n_bindings, ==, N_LEASES);
  g_assert_cmpuint (f->n_whole, ==, 1);
}

/* More questions than go at once, all over one connection. covers: LQ-REQ-016 */
static void
test_many (Fixture *f, gconstpointer data)
{
  begin (f, 0, 60 * ROAM_USEC_PER_SEC);
  leasequery_client_begin (f->client);
  for (guint i = 1; i <= 3000; i++)
    {
      g_autofree char *address = g_strdup_printf ("2001:db8::%x", i);

      ask (f, i, address, DHCP6_QUERY_BY_ADDRESS);
    }
  g_assert_cmpuint (leasequery_client_n_pending (f->client), ==, 3000);
  leasequery_client_commit (f->client);
  run (f);
  g_assert_cmpuint (f->n_bindings, ==, 3000);
  g_assert_cmpuint (f->n_whole, ==, 3000);
  g_assert_cmpuint (f->n_accepted, ==, 1);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  if (!enter_namespace ())
    {
      g_print ("1..0 # SKIP no network namespace may be made\n");
      return 0;
    }
#define ADD(name, function) g_test_add ("/leasequery-io/" name, Fixture, NULL, set_up, function, tear_down)
  ADD ("cache", test_cache);
  ADD ("pause", test_pause);
  ADD ("silence", test_silence);
  ADD ("nobody", test_nobody);
  ADD ("close", test_close);
  ADD ("many", test_many);
  return g_test_run ();
}
