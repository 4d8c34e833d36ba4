/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "dhcp6/leasequery-client-io.h"

#include <time.h>

/* Several servers (RFC 5460 6.4), and many questions on one connection (RFC 5460 6.5). */

/* Questions that a connection has beyond those it may send at once: it never runs dry, and is never searched long. */
#define QUESTIONS_AHEAD 4u

typedef struct
{
  guint id;
  LeasequeryQuery *query;
  guint references; /* servers that have it */
} Question;

typedef struct
{
  LeasequeryClient *client;
  guint number;
  LeasequeryIo *io;
  GQueue questions;  /* Question, not given to io */
  GHashTable *given; /* id -> Question */
} Server;

struct _LeasequeryClient
{
  LeasequeryClientConfig config; /* servers unset */
  GBytes *duid;
  Server *servers;
  guint n_servers;
  guint window; /* questions that one connection has at a time */
  LeasequeryCache *cache;
  gboolean collecting;
  LeasequeryClientFunc function;
  gpointer user_data;
};

static RoamNow
now (void)
{
  struct timespec boot;

  clock_gettime (CLOCK_BOOTTIME, &boot);
  return roam_now_make (boot.tv_sec * ROAM_USEC_PER_SEC + boot.tv_nsec / 1000, g_get_real_time ());
}

static void
question_unref (gpointer data)
{
  Question *question = data;

  if (--question->references > 0)
    return;
  g_free (question->query);
  g_free (question);
}

static void feed (Server *server);

/* ------------------------------------------------------------------- cache ---- */

static GBytes *
make_question (const LeasequeryClient *client, const Question *question)
{
  return leasequery_query_build (&client->config.requestor, question->query, 0);
}

static gboolean
is_known_empty (LeasequeryClient *client, const Server *server, const Question *question)
{
  g_autoptr (GBytes) octets = NULL;
  RoamNow at = now ();

  if (client->cache == NULL)
    return FALSE;
  octets = make_question (client, question);
  return octets != NULL && leasequery_cache_knows (client->cache, &at, server->number, octets);
}

static void
remember (LeasequeryClient *client, const Server *server, const Question *question, const LeasequeryEvent *event)
{
  g_autoptr (GBytes) octets = NULL;
  RoamNow at = now ();

  if (client->cache == NULL || event->outcome != LEASEQUERY_OUTCOME_OK || event->n_bindings > 0)
    return;
  octets = make_question (client, question);
  if (octets != NULL)
    leasequery_cache_remember (client->cache, &at, server->number, octets);
}

static void
tell_cached (Server *server, guint id)
{
  const LeasequeryEvent event = {
    .type = LEASEQUERY_EVENT_COMPLETE, .id = id, .outcome = LEASEQUERY_OUTCOME_OK, .complete = TRUE
  };
  const LeasequeryClientEvent told = { .server = server->number, .event = &event, .cached = TRUE };

  server->client->function (server->client, &told, server->client->user_data);
}

/* --------------------------------------------------------------- questions ---- */

static void
enqueue (Server *server, Question *question)
{
  question->references++;
  g_queue_push_tail (&server->questions, question);
}

/* A question is over at this server: on to the next one, or not. Takes @question. */
static void
end_question (Server *server, Question *question, const LeasequeryEvent *event)
{
  LeasequeryClient *client = server->client;
  LeasequeryClientEvent told = { .server = server->number, .event = event };
  guint next = 0;

  remember (client, server, question, event);
  told.moved_on = leasequery_policy_next (client->config.policy, event, server->number, client->n_servers, &next);
  if (told.moved_on)
    enqueue (&client->servers[next], question);
  question_unref (question);
  client->function (client, &told, client->user_data);
  if (told.moved_on)
    feed (&client->servers[next]);
}

/* A server that cannot be had for one question cannot be had for those that wait behind it. */
static void
complete (Server *server, const LeasequeryEvent *event)
{
  Question *question = NULL;
  LeasequeryEvent same = *event;

  g_hash_table_steal_extended (server->given, GUINT_TO_POINTER (event->id), NULL, (gpointer *)&question);
  g_return_if_fail (question != NULL);
  end_question (server, question, event);
  if (event->outcome == LEASEQUERY_OUTCOME_UNREACHABLE || event->outcome == LEASEQUERY_OUTCOME_REFUSED)
    while ((question = g_queue_pop_head (&server->questions)) != NULL)
      {
        same.id = question->id;
        same.n_bindings = 0;
        end_question (server, question, &same);
      }
  feed (server);
}

static void
on_event (LeasequeryIo *io, const LeasequeryEvent *event, gpointer user_data)
{
  Server *server = user_data;

  if (event->type == LEASEQUERY_EVENT_COMPLETE)
    complete (server, event);
  else
    server->client->function (server->client, &(LeasequeryClientEvent){ .server = server->number, .event = event },
                              server->client->user_data);
}

/* As many as may be under way, and some that wait for their turn. */
static void
feed (Server *server)
{
  while (!server->client->collecting && g_hash_table_size (server->given) < server->client->window)
    {
      Question *question = g_queue_pop_head (&server->questions);

      if (question == NULL)
        return;
      if (is_known_empty (server->client, server, question))
        {
          guint id = question->id;

          question_unref (question);
          tell_cached (server, id);
          continue;
        }
      g_hash_table_insert (server->given, GUINT_TO_POINTER (question->id), question);
      leasequery_io_ask (server->io, question->id, question->query);
    }
}

/* ------------------------------------------------------------------- verbs ---- */

static void
set_tls (LeasequeryIo *io, LeasequeryTls *tls, const LeasequeryServerAddress *server)
{
  char address[ROAM_ADDR_STRLEN];

  leasequery_io_set_tls (io, tls,
                         server->name != NULL ? server->name : roam_addr_to_string (&server->endpoint.addr, address));
}

LeasequeryClient *
leasequery_client_new (const LeasequeryClientConfig *config, GMainContext *context, LeasequeryClientFunc function,
                       gpointer user_data)
{
  LeasequeryClient *client = g_new0 (LeasequeryClient, 1);

  client->config = *config;
  client->config.servers = NULL;
  client->config.tls = NULL; /* the connections have it */
  client->duid = g_bytes_new (config->requestor.duid.data, config->requestor.duid.length);
  client->config.requestor.duid.data = g_bytes_get_data (client->duid, NULL);
  client->function = function;
  client->user_data = user_data;
  /* Half closed, a connection takes no more: it must have them all before. */
  client->window = config->requestor.half_close ? G_MAXUINT : config->requestor.max_parallel + QUESTIONS_AHEAD;
  client->n_servers = config->n_servers;
  client->servers = g_new0 (Server, config->n_servers);
  if (config->remember_us > 0)
    client->cache = leasequery_cache_new (config->remember_us);
  for (guint i = 0; i < config->n_servers; i++)
    {
      Server *server = &client->servers[i];

      *server = (Server){ .client = client, .number = i };
      g_queue_init (&server->questions);
      server->given = g_hash_table_new_full (NULL, NULL, NULL, question_unref);
      server->io = leasequery_io_new (&config->servers[i].endpoint, config->servers[i].scope_id,
                                      &client->config.requestor, context, on_event, server);
      if (config->tls != NULL)
        set_tls (server->io, config->tls, &config->servers[i]);
    }
  return client;
}

void
leasequery_client_free (LeasequeryClient *client)
{
  if (client == NULL)
    return;
  for (guint i = 0; i < client->n_servers; i++)
    {
      Server *server = &client->servers[i];

      leasequery_io_free (server->io);
      g_queue_clear_full (&server->questions, question_unref);
      g_hash_table_unref (server->given);
    }
  leasequery_cache_free (client->cache);
  g_free (client->servers);
  g_bytes_unref (client->duid);
  g_free (client);
}

static void
ask (LeasequeryClient *client, guint first, guint n, guint id, const LeasequeryQuery *query)
{
  Question *question = g_new0 (Question, 1);

  question->id = id;
  question->query = leasequery_query_copy (query);
  for (guint i = first; i < first + n; i++)
    enqueue (&client->servers[i], question);
  for (guint i = first; i < first + n; i++)
    feed (&client->servers[i]);
}

void
leasequery_client_ask (LeasequeryClient *client, guint id, const LeasequeryQuery *query)
{
  ask (client, 0, client->config.policy == LEASEQUERY_ASK_FIRST ? 1 : client->n_servers, id, query);
}

void
leasequery_client_ask_one (LeasequeryClient *client, guint server, guint id, const LeasequeryQuery *query)
{
  ask (client, server, 1, id, query);
}

void
leasequery_client_begin (LeasequeryClient *client)
{
  client->collecting = TRUE;
}

void
leasequery_client_commit (LeasequeryClient *client)
{
  client->collecting = FALSE;
  for (guint i = 0; i < client->n_servers; i++)
    feed (&client->servers[i]);
}

void
leasequery_client_close (LeasequeryClient *client)
{
  for (guint i = 0; i < client->n_servers; i++)
    {
      g_queue_clear_full (&client->servers[i].questions, question_unref);
      leasequery_io_close (client->servers[i].io);
    }
}

void
leasequery_client_set_paused (LeasequeryClient *client, gboolean paused)
{
  for (guint i = 0; i < client->n_servers; i++)
    leasequery_io_set_paused (client->servers[i].io, paused);
}

guint
leasequery_client_n_pending (const LeasequeryClient *client)
{
  guint n = 0;

  for (guint i = 0; i < client->n_servers; i++)
    n += g_queue_get_length ((GQueue *)&client->servers[i].questions) + g_hash_table_size (client->servers[i].given);
  return n;
}

const LeasequeryIo *
leasequery_client_get_io (const LeasequeryClient *client, guint server)
{
  return client->servers[server].io;
}
