/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "dhcp6/roam-leasequery-private.h"

#include <errno.h>
#include <glib-unix.h>

/*
 * --active: one active query at each server (RFC 7653 8), and a bulk query on another connection for what a
 * server says is missing. How far it has come is kept by server, in the server's own time.
 */

#define ACTIVE_QUERY 1u
#define STATE_KEY "base-time"
/* Times come with every message; a restart may well ask for a second or two again. */
#define SAVE_MS 1000

typedef struct
{
  const ToolOptions *options;
  GMainLoop *loop;
  LeasequeryClient **clients; /* one for each server: each goes on from a time of its own */
  LeasequeryClient *gaps;     /* bulk queries; NULL: none was needed */
  guint last_gap;             /* number of the last one */
  ToolOutput output;
  GKeyFile *state;
  guint save, flush;
  gboolean any_answer, stopped;
  ToolExit result;
} Active;

typedef struct
{
  Active *active;
  guint server;
} Source;

/* ------------------------------------------------------------------- state ---- */

/* A key file's group may not have square brackets in its name. */
static char *
dup_group (const Active *active, guint server)
{
  char *group = g_strdup (g_ptr_array_index (active->options->names, server));

  g_strdelimit (group, "[", '(');
  return g_strdelimit (group, "]", ')');
}

static gboolean
on_save (gpointer user_data)
{
  Active *active = user_data;
  g_autoptr (GError) error = NULL;

  active->save = 0;
  if (!g_key_file_save_to_file (active->state, active->options->state_path, &error))
    tool_remark (active->options, TOOL_NO_SERVER, "%s", error->message);
  return G_SOURCE_REMOVE;
}

static void
keep_time (Active *active, guint server, guint32 time)
{
  g_autofree char *group = dup_group (active, server);

  if (active->options->state_path == NULL)
    return;
  g_key_file_set_uint64 (active->state, group, STATE_KEY, time);
  if (active->save == 0)
    active->save = g_timeout_add (SAVE_MS, on_save, active);
}

/* FALSE: there is a file, and it cannot be used. */
static gboolean
load_state (Active *active)
{
  g_autoptr (GError) error = NULL;

  if (active->options->state_path == NULL ||
      g_key_file_load_from_file (active->state, active->options->state_path, G_KEY_FILE_NONE, &error) ||
      g_error_matches (error, G_FILE_ERROR, G_FILE_ERROR_NOENT))
    return TRUE;
  tool_remark (active->options, TOOL_NO_SERVER, "%s: %s", active->options->state_path, error->message);
  return FALSE;
}

static void
apply_state (const Active *active, guint server, LeasequeryQuery *query)
{
  g_autofree char *group = dup_group (active, server);
  guint64 time = g_key_file_get_uint64 (active->state, group, STATE_KEY, NULL);

  if (!g_key_file_has_key (active->state, group, STATE_KEY, NULL) || time > G_MAXUINT32)
    return;
  query->has_start_time = TRUE;
  query->start_time = (guint32)time;
}

/* ------------------------------------------------------------------ events ---- */

static gboolean
on_flush (gpointer user_data)
{
  Active *active = user_data;

  active->flush = 0;
  fflush (active->output.file);
  return G_SOURCE_REMOVE;
}

static void
print (Active *active, const LeasequeryClientEvent *told)
{
  LeasequeryRecord record;

  if (told->event->type == LEASEQUERY_EVENT_BINDING)
    {
      record = leasequery_record_make (told->server, told->event);
      tool_output_record (&active->output, &record);
    }
  else
    tool_output_event (&active->output, told);
  if (active->flush == 0)
    active->flush = g_idle_add (on_flush, active);
}

static void
on_gap_event (LeasequeryClient *client, const LeasequeryClientEvent *told, gpointer user_data)
{
  Active *active = user_data;

  active->output.gap = TRUE;
  print (active, told);
  active->output.gap = FALSE;
  if (told->event->type == LEASEQUERY_EVENT_COMPLETE && told->event->outcome != LEASEQUERY_OUTCOME_OK)
    tool_tell_end (active->options, told, leasequery_io_get_error (leasequery_client_get_io (client, told->server)));
}

/*
 * RFC 7653 8.4.1: a bulk query brings what is there of it, if the query was one that a bulk query can be. What was
 * leased in between and is not any more, nobody can tell.
 */
static void
fill_gap (Active *active, guint server, const LeasequeryEvent *event)
{
  LeasequeryQuery query = *(const LeasequeryQuery *)g_ptr_array_index (active->options->queries, 0);
  LeasequeryClientConfig config = active->options->client;

  if (query.everything)
    {
      tool_remark (active->options, server, "changes are missing; ask by link, relay or client for what there is now");
      return;
    }
  query.active = FALSE;
  query.has_start_time = event->has_start_time;
  query.start_time = event->start_time;
  query.has_end_time = event->has_base_time;
  query.end_time = event->base_time;
  config.requestor.max_retries = 3;
  config.policy = LEASEQUERY_ASK_ALL;
  if (active->gaps == NULL)
    active->gaps = leasequery_client_new (&config, NULL, on_gap_event, active);
  leasequery_client_ask_one (active->gaps, server, ++active->last_gap, &query);
}

static void
tell (Active *active, guint server, const LeasequeryEvent *event)
{
  if (active->options->quiet)
    return;
  if (event->type == LEASEQUERY_EVENT_FAULT)
    tool_remark (active->options, server, "the server sends %s", leasequery_fault_to_string (event->fault));
  else if (event->type == LEASEQUERY_EVENT_WAITING)
    {
      const char *problem = leasequery_io_get_error (leasequery_client_get_io (active->clients[server], 0));

      tool_remark (active->options, server, "%s%strying again in %.0f s", problem != NULL ? problem : "",
                   problem != NULL ? "; " : "", (gdouble)event->wait_us / ROAM_USEC_PER_SEC);
    }
}

/* It ended for good: refused, or the server is not one to go on with. */
static void
take_end (Active *active, const LeasequeryClientEvent *told)
{
  gboolean all = TRUE;

  if (active->stopped)
    return;
  tool_tell_end (active->options, told,
                 leasequery_io_get_error (leasequery_client_get_io (active->clients[told->server], 0)));
  active->result = TOOL_INCOMPLETE;
  for (guint i = 0; i < active->options->servers->len; i++)
    all = all && leasequery_client_n_pending (active->clients[i]) == 0;
  if (all)
    g_main_loop_quit (active->loop);
}

static void
on_event (LeasequeryClient *client, const LeasequeryClientEvent *said, gpointer user_data)
{
  const Source *source = user_data;
  Active *active = source->active;
  LeasequeryClientEvent told = *said;

  told.server = source->server;
  print (active, &told);
  switch (told.event->type)
    {
    case LEASEQUERY_EVENT_REPLY:
      active->any_answer = TRUE;
      return;
    case LEASEQUERY_EVENT_RESUME:
      keep_time (active, told.server, told.event->base_time);
      return;
    case LEASEQUERY_EVENT_DATA_MISSING:
      fill_gap (active, told.server, told.event);
      return;
    case LEASEQUERY_EVENT_COMPLETE:
      take_end (active, &told);
      return;
    case LEASEQUERY_EVENT_FAULT:
    case LEASEQUERY_EVENT_WAITING:
      tell (active, told.server, told.event);
      return;
    case LEASEQUERY_EVENT_BINDING:
    case LEASEQUERY_EVENT_RESTART:
    case LEASEQUERY_EVENT_CAUGHT_UP:
      return;
    }
}

static gboolean
on_signal (gpointer user_data)
{
  Active *active = user_data;

  active->stopped = TRUE;
  g_main_loop_quit (active->loop);
  return G_SOURCE_CONTINUE;
}

/* --------------------------------------------------------------------- run ---- */

static void
ask (Active *active, Source *sources)
{
  for (guint i = 0; i < active->options->servers->len; i++)
    {
      LeasequeryQuery query = *(const LeasequeryQuery *)g_ptr_array_index (active->options->queries, 0);
      LeasequeryClientConfig config = active->options->client;

      config.servers += i;
      config.n_servers = 1;
      sources[i] = (Source){ active, i };
      apply_state (active, i, &query);
      active->clients[i] = leasequery_client_new (&config, NULL, on_event, &sources[i]);
      leasequery_client_ask (active->clients[i], ACTIVE_QUERY, &query);
    }
}

static void
clean_up (Active *active)
{
  if (active->save != 0)
    {
      g_source_remove (active->save);
      on_save (active);
    }
  g_clear_handle_id (&active->flush, g_source_remove);
  for (guint i = 0; i < active->options->servers->len; i++)
    leasequery_client_free (active->clients[i]);
  leasequery_client_free (active->gaps);
  g_key_file_unref (active->state);
  g_main_loop_unref (active->loop);
  g_free (active->clients);
}

ToolExit
tool_run_active (const ToolOptions *options)
{
  Active active = { .options = options, .last_gap = ACTIVE_QUERY };
  g_autofree Source *sources = g_new0 (Source, options->servers->len);

  active.state = g_key_file_new ();
  active.loop = g_main_loop_new (NULL, FALSE);
  active.clients = g_new0 (LeasequeryClient *, options->servers->len);
  if (!load_state (&active))
    {
      clean_up (&active);
      return TOOL_USAGE;
    }
  tool_output_init (&active.output, options, stdout);
  g_unix_signal_add (SIGINT, on_signal, &active);
  g_unix_signal_add (SIGTERM, on_signal, &active);
  ask (&active, sources);
  g_main_loop_run (active.loop);
  if (active.result == TOOL_OK && !active.any_answer)
    active.result = TOOL_UNREACHABLE;
  if (!tool_output_end (&active.output))
    {
      g_printerr ("roam-leasequery: cannot write the result: %s\n", g_strerror (errno));
      active.result = TOOL_OUTPUT;
    }
  clean_up (&active);
  return active.result;
}
