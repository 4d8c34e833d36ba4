/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* HTTP beside the main loop, against a server of this process on the loopback interface. */
#include "agent/fetch-io.h"

#include <gio/gio.h>
#include <string.h>

/* ---------------------------------------------------------------------- server ---- */

/* Takes connections one after the other, reads a request to its end and says what the test wants. */
typedef struct
{
  GSocketListener *listener;
  guint16 port;
  GThread *thread;
  GCancellable *stop;
  const char *answer; /* NULL: silence */
  gsize endless;      /* octets after the answer */
  gint requests;
  char request[4096]; /* the last one */
} Server;

static gboolean
is_whole (const char *request)
{
  const char *end = strstr (request, "\r\n\r\n"), *length = strstr (request, "Content-Length: ");

  return end != NULL && strlen (end + 4) >= (length != NULL ? (gsize)g_ascii_strtoull (length + 16, NULL, 10) : 0);
}

static void
serve (Server *server, GSocketConnection *connection)
{
  GInputStream *in = g_io_stream_get_input_stream (G_IO_STREAM (connection));
  GOutputStream *out = g_io_stream_get_output_stream (G_IO_STREAM (connection));
  gsize have = 0;
  gssize n;

  memset (server->request, 0, sizeof server->request);
  while (!is_whole (server->request) && have < sizeof server->request - 1 &&
         (n = g_input_stream_read (in, server->request + have, sizeof server->request - 1 - have, server->stop, NULL)) >
           0)
    have += (gsize)n;
  if (!is_whole (server->request))
    return;
  g_atomic_int_inc (&server->requests);
  if (server->answer == NULL)
    {
      /* Until the other side gives up. */
      g_input_stream_read (in, server->request, 1, server->stop, NULL);
      return;
    }
  g_output_stream_write_all (out, server->answer, strlen (server->answer), NULL, server->stop, NULL);
  for (gsize i = 0; i < server->endless; i++)
    if (!g_output_stream_write_all (out, "x", 1, NULL, server->stop, NULL))
      return;
}

static gpointer
run_server (gpointer data)
{
  Server *server = data;
  GSocketConnection *connection;

  while ((connection = g_socket_listener_accept (server->listener, NULL, server->stop, NULL)) != NULL)
    {
      serve (server, connection);
      g_io_stream_close (G_IO_STREAM (connection), NULL, NULL);
      g_object_unref (connection);
    }
  return NULL;
}

static Server *
server_new (const char *answer)
{
  Server *server = g_new0 (Server, 1);
  g_autoptr (GSocketAddress) address = g_inet_socket_address_new_from_string ("127.0.0.1", 0);
  g_autoptr (GSocketAddress) bound = NULL;

  server->answer = answer;
  server->stop = g_cancellable_new ();
  server->listener = g_socket_listener_new ();
  g_assert_true (g_socket_listener_add_address (server->listener, address, G_SOCKET_TYPE_STREAM, G_SOCKET_PROTOCOL_TCP,
                                                NULL, &bound, NULL));
  server->port = g_inet_socket_address_get_port (G_INET_SOCKET_ADDRESS (bound));
  server->thread = g_thread_new ("server", run_server, server);
  return server;
}

static void
server_free (Server *server)
{
  g_cancellable_cancel (server->stop);
  g_thread_join (server->thread);
  g_object_unref (server->listener);
  g_object_unref (server->stop);
  g_free (server);
}
G_DEFINE_AUTOPTR_CLEANUP_FUNC (Server, server_free)

/* ---------------------------------------------------------------------- client ---- */

typedef struct
{
  AgentFetchIo *io;
  guint answers;
  guint32 request;
  GBytes *answer;
  char *problem;
  GString *permits;
} Client;

static void
on_done (guint32 request, GBytes *answer, const char *problem, gpointer user_data)
{
  Client *client = user_data;

  g_assert_cmpint (answer == NULL, ==, problem != NULL);
  client->answers++;
  client->request = request;
  g_clear_pointer (&client->answer, g_bytes_unref);
  client->answer = answer != NULL ? g_bytes_ref (answer) : NULL;
  g_free (client->problem);
  client->problem = g_strdup (problem);
}

static void
on_permit (const RoamEndpoint *server, gboolean open, gpointer user_data)
{
  Client *client = user_data;
  char text[ROAM_ADDR_STRLEN];

  g_string_append_printf (client->permits, "%s%s ", open ? "+" : "-", roam_addr_to_string (&server->addr, text));
}

static Client *
client_new (gboolean allow_loopback)
{
  Client *client = g_new0 (Client, 1);
  const AgentFetchConfig config = {
    .allow_loopback = allow_loopback, .done = on_done, .permit = on_permit, .user_data = client
  };

  client->permits = g_string_new (NULL);
  client->io = agent_fetch_io_new (&config);
  return client;
}

static void
client_free (Client *client)
{
  agent_fetch_io_free (client->io);
  g_clear_pointer (&client->answer, g_bytes_unref);
  g_free (client->problem);
  g_string_free (client->permits, TRUE);
  g_free (client);
}
G_DEFINE_AUTOPTR_CLEANUP_FUNC (Client, client_free)

static char *
url_of (const Server *server, const char *host, const char *path)
{
  return g_strdup_printf ("http://%s:%u%s", host, server->port, path);
}

static AgentFetch
fetch_of (const char *url)
{
  return (AgentFetch){ .request = 7, .url = url, .max_length = 1000, .timeout_us = 20 * G_USEC_PER_SEC };
}

static void
run (Client *client, const AgentFetch *fetch)
{
  guint before = client->answers;
  const char *problem;

  g_assert_true (agent_fetch_io_start (client->io, fetch, &problem));
  g_assert_cmpuint (client->answers, ==, before);
  while (client->answers == before)
    g_main_context_iteration (NULL, TRUE);
}

static void
assert_text (const Client *client, const char *text)
{
  g_assert_cmpstr (client->problem, ==, NULL);
  g_assert_cmpmem (g_bytes_get_data (client->answer, NULL), g_bytes_get_size (client->answer), text, strlen (text));
}

/* ----------------------------------------------------------------------- tests ---- */

#define OK(length) "HTTP/1.1 200 OK\r\nContent-Length: " #length "\r\nConnection: close\r\n\r\n"

static void
test_get (void)
{
  g_autoptr (Server) server = server_new (OK (5) "hello");
  g_autoptr (Client) client = client_new (TRUE);
  g_autofree char *url = url_of (server, "127.0.0.1", "/ca.crl?x=1");
  AgentFetch fetch = fetch_of (url);

  run (client, &fetch);
  assert_text (client, "hello");
  g_assert_cmpuint (client->request, ==, 7);
  g_assert_true (g_str_has_prefix (server->request, "GET /ca.crl?x=1 HTTP/1.1\r\n"));
  g_assert_cmpstr (client->permits->str, ==, "+127.0.0.1 -127.0.0.1 ");
}

static void
test_post (void)
{
  g_autoptr (Server) server = server_new (OK (2) "ok");
  g_autoptr (Client) client = client_new (TRUE);
  g_autofree char *url = url_of (server, "127.0.0.1", "/");
  g_autoptr (GBytes) body = g_bytes_new_static ("question", 8);
  AgentFetch fetch = fetch_of (url);

  fetch.body = body;
  fetch.content_type = "application/ocsp-request";
  run (client, &fetch);
  assert_text (client, "ok");
  g_assert_true (g_str_has_prefix (server->request, "POST / HTTP/1.1\r\n"));
  g_assert_nonnull (strstr (server->request, "Content-Type: application/ocsp-request\r\n"));
  g_assert_true (g_str_has_suffix (server->request, "\r\n\r\nquestion"));
}

/* The caller has looked the name up; nobody asks once more. */
static void
test_name (void)
{
  g_autoptr (Server) server = server_new (OK (2) "ok");
  g_autoptr (Client) client = client_new (TRUE);
  g_autofree char *url = url_of (server, "ocsp.invalid", "/");
  g_autofree char *host = agent_fetch_dup_host (url);
  g_autofree char *header = g_strdup_printf ("Host: ocsp.invalid:%u\r\n", server->port);
  RoamAddr address;
  AgentFetch fetch = fetch_of (url);

  g_assert_cmpstr (host, ==, "ocsp.invalid");
  g_assert_true (roam_addr_parse ("127.0.0.1", &address));
  fetch.addresses = &address;
  fetch.n_addresses = 1;
  run (client, &fetch);
  assert_text (client, "ok");
  g_assert_nonnull (strstr (server->request, header));
}

static void
test_name_unknown (void)
{
  g_autoptr (Client) client = client_new (TRUE);
  AgentFetch fetch = fetch_of ("http://nobody.invalid/");

  run (client, &fetch);
  g_assert_null (client->answer);
  g_assert_cmpstr (client->permits->str, ==, "");
}

static void
test_status (void)
{
  g_autoptr (Server) server = server_new ("HTTP/1.1 404 Not Found\r\nContent-Length: 2\r\nConnection: close\r\n\r\nno");
  g_autoptr (Client) client = client_new (TRUE);
  g_autofree char *url = url_of (server, "127.0.0.1", "/");
  AgentFetch fetch = fetch_of (url);

  run (client, &fetch);
  g_assert_cmpstr (client->problem, ==, "the server says 404");
  g_assert_null (client->answer);
}

static void
test_redirect (void)
{
  g_autoptr (Server) server = server_new ("HTTP/1.1 302 Found\r\nLocation: /elsewhere\r\nContent-Length: 0\r\n"
                                          "Connection: close\r\n\r\n");
  g_autoptr (Client) client = client_new (TRUE);
  g_autofree char *url = url_of (server, "127.0.0.1", "/");
  AgentFetch fetch = fetch_of (url);

  run (client, &fetch);
  g_assert_cmpstr (client->problem, ==, "the server says 302");
  g_assert_cmpint (g_atomic_int_get (&server->requests), ==, 1);
}

/* Announced, or simply without an end. */
static void
test_too_long (void)
{
  static const char *const answers[] = { OK (100000), "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n",
                                         "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nfffff\r\n" };

  for (gsize i = 0; i < G_N_ELEMENTS (answers); i++)
    {
      g_autoptr (Server) server = server_new (answers[i]);
      g_autoptr (Client) client = client_new (TRUE);
      g_autofree char *url = url_of (server, "127.0.0.1", "/");
      AgentFetch fetch = fetch_of (url);

      server->endless = 100000;
      run (client, &fetch);
      g_assert_cmpstr (client->problem, ==, "the answer is too long");
    }
}

static void
test_exactly_as_long (void)
{
  g_autoptr (Server) server = server_new (OK (1000));
  g_autoptr (Client) client = client_new (TRUE);
  g_autofree char *url = url_of (server, "127.0.0.1", "/");
  AgentFetch fetch = fetch_of (url);

  server->endless = 1000;
  run (client, &fetch);
  g_assert_cmpstr (client->problem, ==, NULL);
  g_assert_cmpuint (g_bytes_get_size (client->answer), ==, 1000);
}

static void
test_silence (void)
{
  g_autoptr (Server) server = server_new (NULL);
  g_autoptr (Client) client = client_new (TRUE);
  g_autofree char *url = url_of (server, "127.0.0.1", "/");
  AgentFetch fetch = fetch_of (url);

  fetch.timeout_us = 100 * 1000;
  run (client, &fetch);
  g_assert_null (client->answer);
  g_assert_cmpstr (client->permits->str, ==, "+127.0.0.1 -127.0.0.1 ");
}

static void
test_nobody_listens (void)
{
  Server *server = server_new (NULL);
  g_autoptr (Client) client = client_new (TRUE);
  g_autofree char *url = url_of (server, "127.0.0.1", "/");
  AgentFetch fetch = fetch_of (url);

  server_free (server);
  run (client, &fetch);
  g_assert_null (client->answer);
}

/* Given up: no answer any more, and the gate is closed at once. */
static void
test_cancelled (void)
{
  g_autoptr (Server) server = server_new (NULL);
  g_autoptr (Client) client = client_new (TRUE);
  g_autofree char *url = url_of (server, "127.0.0.1", "/");
  AgentFetch fetch = fetch_of (url);
  const char *problem;

  g_assert_true (agent_fetch_io_start (client->io, &fetch, &problem));
  while (g_atomic_int_get (&server->requests) == 0)
    g_main_context_iteration (NULL, FALSE);
  g_assert_cmpstr (client->permits->str, ==, "+127.0.0.1 ");
  agent_fetch_io_cancel_all (client->io);
  g_assert_cmpstr (client->permits->str, ==, "+127.0.0.1 -127.0.0.1 ");
  /* Another one is not disturbed by the end of the first. */
  server->answer = OK (2) "ok";
  fetch.request = 8;
  run (client, &fetch);
  assert_text (client, "ok");
  g_assert_cmpuint (client->request, ==, 8);
  g_assert_cmpuint (client->answers, ==, 1);
}

/* Two at one server: the end of the first does not close the gate in front of the second. */
static void
test_shared_server (void)
{
  g_autoptr (Server) server = server_new (NULL);
  g_autoptr (Client) client = client_new (TRUE);
  g_autofree char *url = url_of (server, "127.0.0.1", "/");
  AgentFetch slow = fetch_of (url), quick = fetch_of (url);
  const char *problem;

  quick.request = 8;
  quick.timeout_us = G_USEC_PER_SEC / 1000;
  g_assert_true (agent_fetch_io_start (client->io, &slow, &problem));
  g_assert_true (agent_fetch_io_start (client->io, &quick, &problem));
  while (client->answers == 0)
    g_main_context_iteration (NULL, TRUE);
  g_assert_cmpuint (client->request, ==, 8);
  g_assert_cmpstr (client->permits->str, ==, "+127.0.0.1 +127.0.0.1 ");
  agent_fetch_io_cancel_all (client->io);
  g_assert_cmpstr (client->permits->str, ==, "+127.0.0.1 +127.0.0.1 -127.0.0.1 ");
}

static void
test_limit (void)
{
  g_autoptr (Server) server = server_new (NULL);
  g_autoptr (Client) client = client_new (TRUE);
  g_autofree char *url = url_of (server, "127.0.0.1", "/");
  AgentFetch fetch = fetch_of (url);
  const char *problem;

  for (guint i = 0; i < AGENT_FETCH_MAX; i++)
    g_assert_true (agent_fetch_io_start (client->io, &fetch, &problem));
  g_assert_false (agent_fetch_io_start (client->io, &fetch, &problem));
  g_assert_nonnull (strstr (problem, "too many"));
}

/* This machine's own services are not for the makers of certificates. */
static void
test_forbidden_places (void)
{
  static const char *const urls[] = { "http://127.0.0.1/", "http://127.1.2.3:8080/",    "http://[::1]/",
                                      "http://0.0.0.0/",   "http://169.254.169.254/",   "http://[fe80::1]/",
                                      "http://224.0.0.1/", "http://[::ffff:127.0.0.1]/" };

  for (gsize i = 0; i < G_N_ELEMENTS (urls); i++)
    {
      g_autoptr (Client) client = client_new (FALSE);
      AgentFetch fetch = fetch_of (urls[i]);

      run (client, &fetch);
      g_assert_cmpstr (client->problem, ==, "the host has no address that may be asked");
      g_assert_cmpstr (client->permits->str, ==, "");
    }
}

static void
test_bad_urls (void)
{
  static const char *const urls[] = {
    "https://127.0.0.1/", "ftp://127.0.0.1/", "file:///etc/passwd", "127.0.0.1", "", "http://user@127.0.0.1/"
  };
  g_autoptr (Client) client = client_new (TRUE);
  const char *problem;

  for (gsize i = 0; i < G_N_ELEMENTS (urls); i++)
    {
      AgentFetch fetch = fetch_of (urls[i]);

      g_assert_false (agent_fetch_io_start (client->io, &fetch, &problem));
      g_assert_cmpstr (problem, ==, "not an http URL");
      g_assert_null (agent_fetch_dup_host (urls[i]));
    }
  g_assert_null (agent_fetch_dup_host ("http://[2001:db8::1]:80/"));
}

/* What the environment says about proxies is not for the daemon. */
static void
test_no_proxy (void)
{
  g_autoptr (Server) server = server_new (OK (2) "ok");
  g_autoptr (Client) client = client_new (TRUE);
  g_autofree char *url = url_of (server, "127.0.0.1", "/");
  AgentFetch fetch = fetch_of (url);

  run (client, &fetch);
  assert_text (client, "ok");
}

int
main (int argc, char **argv)
{
  g_setenv ("http_proxy", "http://127.0.0.1:9/", TRUE);
  g_setenv ("all_proxy", "http://127.0.0.1:9/", TRUE);
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/agent/fetch/get", test_get);
  g_test_add_func ("/agent/fetch/post", test_post);
  g_test_add_func ("/agent/fetch/name", test_name);
  g_test_add_func ("/agent/fetch/name-unknown", test_name_unknown);
  g_test_add_func ("/agent/fetch/status", test_status);
  g_test_add_func ("/agent/fetch/redirect", test_redirect);
  g_test_add_func ("/agent/fetch/too-long", test_too_long);
  g_test_add_func ("/agent/fetch/exactly-as-long", test_exactly_as_long);
  g_test_add_func ("/agent/fetch/silence", test_silence);
  g_test_add_func ("/agent/fetch/nobody-listens", test_nobody_listens);
  g_test_add_func ("/agent/fetch/cancelled", test_cancelled);
  g_test_add_func ("/agent/fetch/shared-server", test_shared_server);
  g_test_add_func ("/agent/fetch/limit", test_limit);
  g_test_add_func ("/agent/fetch/forbidden-places", test_forbidden_places);
  g_test_add_func ("/agent/fetch/bad-urls", test_bad_urls);
  g_test_add_func ("/agent/fetch/no-proxy", test_no_proxy);
  return g_test_run ();
}
