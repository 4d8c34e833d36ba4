/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "agent/fetch-io.h"

#include <curl/curl.h>
#include <gio/gio.h>
#include <netdb.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* A server that does not even take the connection is not worth the whole time. */
#define MAX_CONNECT_MS 3000

struct _AgentFetchIo
{
  AgentFetchConfig config;
  GPtrArray *jobs; /* Job, under way; each holds a reference for its thread, too */
};

/* One transfer. The thread reads the question and writes the answer; @io belongs to the main loop. */
typedef struct
{
  gint references;
  AgentFetchIo *io; /* NULL: nobody waits any more */
  GCancellable *cancellable;
  /* The question. */
  guint32 request, mark;
  gboolean allow_loopback;
  char *url, *host, *content_type, *interface;
  guint16 port;
  GBytes *body;
  gsize max_length;
  gint64 timeout_us;
  RoamAddr addresses[AGENT_FETCH_MAX_ADDRESSES];
  guint n_addresses;
  gboolean permitted;
  /* The answer. */
  GByteArray *received;
  gboolean too_long, wrong_place, good;
  char problem[256];
} Job;

static Job *
job_ref (Job *job)
{
  g_atomic_int_inc (&job->references);
  return job;
}

static void
job_unref (gpointer data)
{
  Job *job = data;

  if (!g_atomic_int_dec_and_test (&job->references))
    return;
  g_object_unref (job->cancellable);
  g_free (job->url);
  g_free (job->host);
  g_free (job->content_type);
  g_free (job->interface);
  g_clear_pointer (&job->body, g_bytes_unref);
  g_byte_array_unref (job->received);
  g_free (job);
}

/* ------------------------------------------------------------------- addresses ---- */

static gboolean
addr_from_sockaddr (const struct sockaddr *from, RoamAddr *ret_addr)
{
  struct sockaddr_in in;
  struct sockaddr_in6 in6;

  if (from->sa_family == AF_INET)
    {
      memcpy (&in, from, sizeof in);
      *ret_addr = roam_addr_from_bytes ((const guint8 *)&in.sin_addr, sizeof in.sin_addr);
      return TRUE;
    }
  if (from->sa_family != AF_INET6)
    return FALSE;
  memcpy (&in6, from, sizeof in6);
  *ret_addr = roam_addr_from_bytes ((const guint8 *)&in6.sin6_addr, sizeof in6.sin6_addr);
  return TRUE;
}

/* A certificate may name any host; services of this machine and its links are not for those who issue certificates. */
static gboolean
is_allowed (const RoamAddr *addr, gboolean allow_loopback)
{
  static const char *const refused[] = { "0.0.0.0/8", "169.254.0.0/16", "224.0.0.0/3",  "::/128",
                                         "fe80::/10", "ff00::/8",       "::ffff:0:0/96" };
  static const char *const loopback[] = { "127.0.0.0/8", "::1/128" };
  RoamPrefix prefix;

  for (gsize i = 0; i < G_N_ELEMENTS (refused); i++)
    if (roam_prefix_parse (refused[i], &prefix) && roam_prefix_contains (&prefix, addr))
      return FALSE;
  for (gsize i = 0; i < G_N_ELEMENTS (loopback) && !allow_loopback; i++)
    if (roam_prefix_parse (loopback[i], &prefix) && roam_prefix_contains (&prefix, addr))
      return FALSE;
  return TRUE;
}

static void
add_address (Job *job, const RoamAddr *addr)
{
  if (job->n_addresses < G_N_ELEMENTS (job->addresses) && is_allowed (addr, job->allow_loopback))
    job->addresses[job->n_addresses++] = *addr;
}

static void
resolve (Job *job)
{
  const struct addrinfo hints = { .ai_socktype = SOCK_STREAM, .ai_flags = AI_ADDRCONFIG };
  struct addrinfo *found = NULL;
  RoamAddr addr;
  int rc = getaddrinfo (job->host, NULL, &hints, &found);

  if (rc != 0)
    g_snprintf (job->problem, sizeof job->problem, "%s: %s", job->host, gai_strerror (rc));
  for (const struct addrinfo *a = found; a != NULL; a = a->ai_next)
    if (addr_from_sockaddr (a->ai_addr, &addr))
      add_address (job, &addr);
  if (found != NULL)
    freeaddrinfo (found);
}

/* -------------------------------------------------------------------- transfer ---- */

static size_t
on_received (char *data, size_t size, size_t n, void *user_data)
{
  Job *job = user_data;
  size_t length = size * n;

  if (length > job->max_length - job->received->len)
    {
      job->too_long = TRUE;
      return 0;
    }
  g_byte_array_append (job->received, (const guint8 *)data, (guint)length);
  return length;
}

static int
on_progress (void *user_data, curl_off_t down_total, curl_off_t down, curl_off_t up_total, curl_off_t up)
{
  const Job *job = user_data;

  return g_cancellable_is_cancelled (job->cancellable) ? 1 : 0;
}

/* Marked as roamd's own, bound to the link that IKE uses, and to nobody but the addresses that were permitted. */
static curl_socket_t
on_open_socket (void *user_data, curlsocktype purpose, struct curl_sockaddr *address)
{
  Job *job = user_data;
  RoamAddr addr;
  gboolean known = FALSE;
  int fd;

  if (!addr_from_sockaddr (&address->addr, &addr))
    return CURL_SOCKET_BAD;
  for (guint i = 0; i < job->n_addresses && !known; i++)
    known = roam_addr_equal (&job->addresses[i], &addr);
  job->wrong_place = !known;
  fd = known ? socket (address->family, address->socktype | SOCK_CLOEXEC, address->protocol) : -1;
  if (fd < 0)
    return CURL_SOCKET_BAD;
  if ((job->mark == 0 || setsockopt (fd, SOL_SOCKET, SO_MARK, &job->mark, sizeof job->mark) == 0) &&
      (job->interface == NULL ||
       setsockopt (fd, SOL_SOCKET, SO_BINDTODEVICE, job->interface, (socklen_t)strlen (job->interface)) == 0))
    return fd;
  close (fd);
  return CURL_SOCKET_BAD;
}

/* "host:port:address,address": libcurl shall look nothing up by itself. */
static struct curl_slist *
make_resolution (const Job *job)
{
  g_autoptr (GString) text = g_string_new (NULL);
  char buffer[ROAM_ADDR_STRLEN];

  g_string_append_printf (text, "%s:%u:", job->host, job->port);
  for (guint i = 0; i < job->n_addresses; i++)
    {
      gboolean inet6 = job->addresses[i].family == ROAM_FAMILY_INET6;

      g_string_append_printf (text, "%s%s%s%s", i > 0 ? "," : "", inet6 ? "[" : "",
                              roam_addr_to_string (&job->addresses[i], buffer), inet6 ? "]" : "");
    }
  return curl_slist_append (NULL, text->str);
}

static gboolean
set_question (CURL *curl, Job *job, struct curl_slist *headers)
{
  gsize length = 0;
  const void *body = job->body != NULL ? g_bytes_get_data (job->body, &length) : NULL;

  if (body != NULL && (curl_easy_setopt (curl, CURLOPT_POST, 1L) != CURLE_OK ||
                       curl_easy_setopt (curl, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)length) != CURLE_OK ||
                       curl_easy_setopt (curl, CURLOPT_POSTFIELDS, body) != CURLE_OK))
    return FALSE;
  return curl_easy_setopt (curl, CURLOPT_URL, job->url) == CURLE_OK &&
         curl_easy_setopt (curl, CURLOPT_HTTPHEADER, headers) == CURLE_OK;
}

static gboolean
set_rules (CURL *curl, Job *job, struct curl_slist *resolution)
{
  long timeout_ms = (long)(job->timeout_us / 1000);

  return curl_easy_setopt (curl, CURLOPT_PROTOCOLS_STR, "http") == CURLE_OK &&
         curl_easy_setopt (curl, CURLOPT_FOLLOWLOCATION, 0L) == CURLE_OK &&
         curl_easy_setopt (curl, CURLOPT_PROXY, "") == CURLE_OK &&
         curl_easy_setopt (curl, CURLOPT_RESOLVE, resolution) == CURLE_OK &&
         curl_easy_setopt (curl, CURLOPT_NOSIGNAL, 1L) == CURLE_OK &&
         curl_easy_setopt (curl, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1) == CURLE_OK &&
         curl_easy_setopt (curl, CURLOPT_TIMEOUT_MS, timeout_ms) == CURLE_OK &&
         curl_easy_setopt (curl, CURLOPT_CONNECTTIMEOUT_MS, MIN (timeout_ms, MAX_CONNECT_MS)) == CURLE_OK &&
         curl_easy_setopt (curl, CURLOPT_MAXFILESIZE_LARGE, (curl_off_t)job->max_length) == CURLE_OK;
}

static gboolean
set_callbacks (CURL *curl, Job *job)
{
  return curl_easy_setopt (curl, CURLOPT_WRITEFUNCTION, on_received) == CURLE_OK &&
         curl_easy_setopt (curl, CURLOPT_WRITEDATA, job) == CURLE_OK &&
         curl_easy_setopt (curl, CURLOPT_XFERINFOFUNCTION, on_progress) == CURLE_OK &&
         curl_easy_setopt (curl, CURLOPT_XFERINFODATA, job) == CURLE_OK &&
         curl_easy_setopt (curl, CURLOPT_NOPROGRESS, 0L) == CURLE_OK &&
         curl_easy_setopt (curl, CURLOPT_OPENSOCKETFUNCTION, on_open_socket) == CURLE_OK &&
         curl_easy_setopt (curl, CURLOPT_OPENSOCKETDATA, job) == CURLE_OK;
}

static void
perform (CURL *curl, Job *job)
{
  CURLcode code = curl_easy_perform (curl);
  long status = 0;

  if (code == CURLE_OK)
    code = curl_easy_getinfo (curl, CURLINFO_RESPONSE_CODE, &status);
  if (job->too_long || code == CURLE_FILESIZE_EXCEEDED)
    g_strlcpy (job->problem, "the answer is too long", sizeof job->problem);
  else if (job->wrong_place)
    g_strlcpy (job->problem, "the host is not at the address that was looked up", sizeof job->problem);
  else if (code != CURLE_OK)
    g_strlcpy (job->problem, curl_easy_strerror (code), sizeof job->problem);
  else if (status != 200)
    g_snprintf (job->problem, sizeof job->problem, "the server says %ld", status);
  else
    job->good = TRUE;
}

static void
transfer (Job *job)
{
  CURL *curl = curl_easy_init ();
  struct curl_slist *resolution = make_resolution (job), *headers = NULL;
  g_autofree char *type = NULL;

  if (job->content_type != NULL)
    {
      type = g_strdup_printf ("Content-Type: %s", job->content_type);
      headers = curl_slist_append (headers, type);
    }
  g_strlcpy (job->problem, "libcurl cannot be used", sizeof job->problem);
  if (curl != NULL && set_question (curl, job, headers) && set_rules (curl, job, resolution) &&
      set_callbacks (curl, job))
    perform (curl, job);
  curl_easy_cleanup (curl);
  curl_slist_free_all (resolution);
  curl_slist_free_all (headers);
}

/* -------------------------------------------------------------------- the loop ---- */

/* Another transfer to the same server keeps its way through the gate when this one ends. */
static gboolean
is_needed_by_others (const Job *job, const RoamAddr *addr)
{
  for (guint i = 0; i < job->io->jobs->len; i++)
    {
      const Job *other = g_ptr_array_index (job->io->jobs, i);

      for (guint j = 0; other != job && other->permitted && other->port == job->port && j < other->n_addresses; j++)
        if (roam_addr_equal (&other->addresses[j], addr))
          return TRUE;
    }
  return FALSE;
}

static void
permit (Job *job, gboolean open)
{
  RoamEndpoint server = { .port = job->port };

  if (job->permitted == open || job->io == NULL || job->io->config.permit == NULL)
    return;
  job->permitted = open;
  for (guint i = 0; i < job->n_addresses; i++)
    {
      server.addr = job->addresses[i];
      if (open || !is_needed_by_others (job, &server.addr))
        job->io->config.permit (&server, open, job->io->config.user_data);
    }
}

/* @job goes; its answer, if anybody still wants it, comes first. */
static void
finish (Job *job)
{
  AgentFetchIo *io = job->io;
  g_autoptr (GBytes) answer = NULL;

  if (io == NULL)
    return;
  permit (job, FALSE);
  job->io = NULL;
  job_ref (job);
  g_ptr_array_remove (io->jobs, job);
  if (job->good)
    answer = g_bytes_new (job->received->data, job->received->len);
  io->config.done (job->request, answer, job->good ? NULL : job->problem, io->config.user_data);
  job_unref (job);
}

static void
on_transferred (GObject *source, GAsyncResult *result, gpointer user_data)
{
  finish (user_data);
  job_unref (user_data);
}

static void
run_transfer (GTask *task, gpointer source, gpointer data, GCancellable *cancellable)
{
  transfer (data);
  g_task_return_boolean (task, TRUE);
}

/* The callback holds a reference of its own, as does the thread. */
static void
run (Job *job, GTaskThreadFunc function, GAsyncReadyCallback ready)
{
  g_autoptr (GTask) task = g_task_new (NULL, NULL, ready, job_ref (job));

  g_task_set_task_data (task, job_ref (job), job_unref);
  g_task_run_in_thread (task, function);
}

static void
begin_transfer (Job *job)
{
  if (job->n_addresses == 0)
    {
      if (job->problem[0] == '\0')
        g_strlcpy (job->problem, "the host has no address that may be asked", sizeof job->problem);
      finish (job);
      return;
    }
  permit (job, TRUE);
  run (job, run_transfer, on_transferred);
}

static void
on_resolved (GObject *source, GAsyncResult *result, gpointer user_data)
{
  Job *job = user_data;

  if (job->io != NULL)
    begin_transfer (job);
  job_unref (job);
}

static void
run_resolve (GTask *task, gpointer source, gpointer data, GCancellable *cancellable)
{
  resolve (data);
  g_task_return_boolean (task, TRUE);
}

/* Also what failed at once is told from the loop, not from within the call. */
static void
run_nothing (GTask *task, gpointer source, gpointer data, GCancellable *cancellable)
{
  g_task_return_boolean (task, TRUE);
}

/* ----------------------------------------------------------------------- verbs ---- */

/* FALSE: not a plain http URL. */
static gboolean
split_url (const char *url, char **ret_host, guint16 *ret_port)
{
  CURLU *parsed = curl_url ();
  char *scheme = NULL, *host = NULL, *port = NULL, *user = NULL;
  gboolean good = curl_url_set (parsed, CURLUPART_URL, url, 0) == CURLUE_OK &&
                  curl_url_get (parsed, CURLUPART_SCHEME, &scheme, 0) == CURLUE_OK &&
                  curl_url_get (parsed, CURLUPART_HOST, &host, 0) == CURLUE_OK &&
                  curl_url_get (parsed, CURLUPART_PORT, &port, CURLU_DEFAULT_PORT) == CURLUE_OK &&
                  g_ascii_strcasecmp (scheme, "http") == 0 &&
                  curl_url_get (parsed, CURLUPART_USER, &user, 0) == CURLUE_NO_USER;

  if (good)
    {
      *ret_host = g_strdup (host);
      *ret_port = (guint16)g_ascii_strtoull (port, NULL, 10);
    }
  curl_free (scheme);
  curl_free (host);
  curl_free (port);
  curl_free (user);
  curl_url_cleanup (parsed);
  return good;
}

/* An address instead of a name; IPv6 ones stand in brackets. */
static gboolean
parse_literal (const char *host, RoamAddr *ret_addr)
{
  gsize length = strlen (host);
  g_autofree char *bare = NULL;

  if (length > 2 && host[0] == '[' && host[length - 1] == ']')
    bare = g_strndup (host + 1, length - 2);
  return roam_addr_parse (bare != NULL ? bare : host, ret_addr);
}

char *
agent_fetch_dup_host (const char *url)
{
  g_autofree char *host = NULL;
  RoamAddr addr;
  guint16 port;

  if (!split_url (url, &host, &port) || parse_literal (host, &addr))
    return NULL;
  return g_steal_pointer (&host);
}

AgentFetchIo *
agent_fetch_io_new (const AgentFetchConfig *config)
{
  static gsize once;
  AgentFetchIo *io = g_new0 (AgentFetchIo, 1);

  /* Nothing of TLS: only http is spoken here. */
  if (g_once_init_enter (&once))
    {
      curl_global_init (CURL_GLOBAL_NOTHING);
      g_once_init_leave (&once, 1);
    }
  io->config = *config;
  io->jobs = g_ptr_array_new_with_free_func (job_unref);
  return io;
}

void
agent_fetch_io_cancel_all (AgentFetchIo *io)
{
  for (guint i = 0; i < io->jobs->len; i++)
    {
      Job *job = g_ptr_array_index (io->jobs, i);

      permit (job, FALSE);
      job->io = NULL;
      g_cancellable_cancel (job->cancellable);
    }
  g_ptr_array_set_size (io->jobs, 0);
}

void
agent_fetch_io_free (AgentFetchIo *io)
{
  if (io == NULL)
    return;
  agent_fetch_io_cancel_all (io);
  g_ptr_array_unref (io->jobs);
  g_free (io);
}

static Job *
job_new (AgentFetchIo *io, const AgentFetch *fetch)
{
  Job *job = g_new0 (Job, 1);

  job->references = 1;
  job->io = io;
  job->cancellable = g_cancellable_new ();
  job->request = fetch->request;
  job->mark = io->config.mark;
  job->allow_loopback = io->config.allow_loopback;
  job->url = g_strdup (fetch->url);
  job->content_type = g_strdup (fetch->content_type);
  job->interface = g_strdup (fetch->interface);
  job->body = fetch->body != NULL ? g_bytes_ref (fetch->body) : NULL;
  job->max_length = fetch->max_length;
  job->timeout_us = fetch->timeout_us;
  job->received = g_byte_array_new ();
  return job;
}

gboolean
agent_fetch_io_start (AgentFetchIo *io, const AgentFetch *fetch, const char **ret_problem)
{
  RoamAddr literal;
  Job *job;

  *ret_problem = "too many transfers at one time";
  if (io->jobs->len >= AGENT_FETCH_MAX)
    return FALSE;
  job = job_new (io, fetch);
  *ret_problem = "not an http URL";
  if (!split_url (fetch->url, &job->host, &job->port))
    {
      job_unref (job);
      return FALSE;
    }
  g_ptr_array_add (io->jobs, job);
  if (parse_literal (job->host, &literal))
    add_address (job, &literal);
  else
    for (guint i = 0; i < fetch->n_addresses; i++)
      add_address (job, &fetch->addresses[i]);
  run (job,
       job->n_addresses > 0 || fetch->n_addresses > 0 || parse_literal (job->host, &literal) ? run_nothing
                                                                                             : run_resolve,
       on_resolved);
  return TRUE;
}
