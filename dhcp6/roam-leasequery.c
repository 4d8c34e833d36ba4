/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "dhcp6/roam-leasequery-private.h"

#include <errno.h>
#include <glib-unix.h>
#include <locale.h>
#include <unistd.h>

/* roam-leasequery: asks DHCPv6 servers for bindings (RFC 5460) and prints them as they come. */

#define PROGRESS_MS 500

typedef struct
{
  const ToolOptions *options;
  GMainLoop *loop;
  LeasequeryClient *client;
  LeasequeryMerge *merge; /* NULL: bindings are printed as they come */
  ToolOutput output;
  gboolean interrupted, all_asked;
  guint n_whole, n_lacking, n_unreachable; /* answers */
  guint64 n_bindings;
  guint flush, progress;
  gboolean progress_shown;
  gint64 began_us;
  guint32 *faults_told; /* of each server a bit for each kind */
} Tool;

/* ----------------------------------------------------------------- remarks ---- */

static void
clear_progress (Tool *tool)
{
  if (tool->progress_shown)
    g_printerr ("\r\033[K");
  tool->progress_shown = FALSE;
}

#define remark(tool, server, ...)                                                                                      \
  G_STMT_START                                                                                                         \
  {                                                                                                                    \
    clear_progress (tool);                                                                                             \
    tool_remark ((tool)->options, server, __VA_ARGS__);                                                                \
  }                                                                                                                    \
  G_STMT_END

static gboolean
on_progress (gpointer user_data)
{
  Tool *tool = user_data;
  gdouble passed = (gdouble)(g_get_monotonic_time () - tool->began_us) / (gdouble)ROAM_USEC_PER_SEC;

  g_printerr ("\r\033[K%" G_GUINT64_FORMAT " bindings, %.0f/s", tool->n_bindings,
              (gdouble)tool->n_bindings / MAX (passed, 0.001));
  tool->progress_shown = TRUE;
  return G_SOURCE_CONTINUE;
}

static void
tell_end (Tool *tool, const LeasequeryClientEvent *told)
{
  clear_progress (tool);
  tool_tell_end (tool->options, told, leasequery_io_get_error (leasequery_client_get_io (tool->client, told->server)));
}

/* One line a kind of fault and server; the rest is counted in the engine. */
static void
tell_fault (Tool *tool, guint server, LeasequeryFault fault)
{
  guint32 bit = 1u << fault;

  G_STATIC_ASSERT (LEASEQUERY_N_FAULTS <= 32);
  if (tool->options->quiet || (tool->faults_told[server] & bit) != 0)
    return;
  tool->faults_told[server] |= bit;
  remark (tool, server, "the server sends %s", leasequery_fault_to_string (fault));
}

/* ------------------------------------------------------------------ events ---- */

static gboolean
on_idle_flush (gpointer user_data)
{
  Tool *tool = user_data;

  tool->flush = 0;
  fflush (tool->output.file);
  return G_SOURCE_REMOVE;
}

/* What was printed is seen when no more is at hand: soon, and not once for each binding. */
static void
flush_soon (Tool *tool)
{
  if (tool->flush == 0)
    tool->flush = g_idle_add (on_idle_flush, tool);
}

static void
take_binding (Tool *tool, const LeasequeryClientEvent *told)
{
  LeasequeryRecord record;

  tool->n_bindings++;
  if (tool->merge != NULL)
    return;
  record = leasequery_record_make (told->server, told->event);
  tool_output_record (&tool->output, &record);
  flush_soon (tool);
}

static void
take_end (Tool *tool, const LeasequeryClientEvent *told)
{
  const LeasequeryEvent *event = told->event;

  if (event->outcome != LEASEQUERY_OUTCOME_OK && (!told->moved_on || !tool->options->quiet))
    tell_end (tool, told);
  if (told->moved_on)
    return;
  if (event->complete && event->outcome == LEASEQUERY_OUTCOME_OK)
    tool->n_whole++;
  else if (event->outcome == LEASEQUERY_OUTCOME_UNREACHABLE)
    tool->n_unreachable++;
  else
    tool->n_lacking++;
  if (tool->all_asked && leasequery_client_n_pending (tool->client) == 0)
    g_main_loop_quit (tool->loop);
}

static void
on_event (LeasequeryClient *client, const LeasequeryClientEvent *told, gpointer user_data)
{
  Tool *tool = user_data;

  if (tool->merge != NULL && !leasequery_merge_add (tool->merge, told->server, told->event) && !tool->options->quiet)
    remark (tool, told->server, "query %u: the server tells of one binding twice", told->event->id);
  if (tool->merge == NULL || told->event->type == LEASEQUERY_EVENT_COMPLETE)
    tool_output_event (&tool->output, told);
  switch (told->event->type)
    {
    case LEASEQUERY_EVENT_BINDING:
      take_binding (tool, told);
      return;
    case LEASEQUERY_EVENT_COMPLETE:
      take_end (tool, told);
      return;
    case LEASEQUERY_EVENT_FAULT:
      tell_fault (tool, told->server, told->event->fault);
      return;
    case LEASEQUERY_EVENT_WAITING:
      if (!tool->options->quiet)
        remark (tool, told->server, "trying again in %.1f s", (gdouble)told->event->wait_us / ROAM_USEC_PER_SEC);
      return;
    case LEASEQUERY_EVENT_REPLY:
    case LEASEQUERY_EVENT_RESTART:
    case LEASEQUERY_EVENT_CAUGHT_UP:
    case LEASEQUERY_EVENT_RESUME:
    case LEASEQUERY_EVENT_DATA_MISSING:
      return;
    }
}

static gboolean
on_signal (gpointer user_data)
{
  Tool *tool = user_data;

  tool->interrupted = TRUE;
  leasequery_client_close (tool->client);
  g_main_loop_quit (tool->loop);
  return G_SOURCE_CONTINUE;
}

/* --------------------------------------------------------------------- run ---- */

static void
ask_all (Tool *tool)
{
  const GPtrArray *queries = tool->options->queries;

  leasequery_client_begin (tool->client);
  for (guint i = 0; i < queries->len; i++)
    leasequery_client_ask (tool->client, i + 1, g_ptr_array_index (queries, i));
  tool->all_asked = TRUE;
  leasequery_client_commit (tool->client);
}

static void
print_merged (Tool *tool)
{
  g_autoptr (GPtrArray) result = leasequery_merge_dup_result (tool->merge);

  for (guint i = 0; i < result->len; i++)
    tool_output_record (&tool->output, g_ptr_array_index (result, i));
}

static ToolExit
judge (Tool *tool)
{
  gboolean lacking = tool->interrupted || tool->n_lacking > 0 || tool->output.n_unroutable > 0;

  if (tool->output.n_unroutable > 0 && !tool->options->quiet)
    g_printerr ("roam-leasequery: no route for %" G_GUINT64_FORMAT " prefixes: see the comments\n",
                tool->output.n_unroutable);
  if (!lacking && tool->n_unreachable == 0)
    return TOOL_OK;
  return lacking || tool->n_whole > 0 ? TOOL_INCOMPLETE : TOOL_UNREACHABLE;
}

static ToolExit
run (const ToolOptions *options)
{
  Tool tool = { .options = options, .began_us = g_get_monotonic_time () };
  ToolExit result;

  tool.loop = g_main_loop_new (NULL, FALSE);
  tool.faults_told = g_new0 (guint32, options->servers->len);
  tool.merge = options->merge ? leasequery_merge_new () : NULL;
  tool_output_init (&tool.output, options, stdout);
  tool.client = leasequery_client_new (&options->client, NULL, on_event, &tool);
  g_unix_signal_add (SIGINT, on_signal, &tool);
  g_unix_signal_add (SIGTERM, on_signal, &tool);
  if (!options->quiet && isatty (STDERR_FILENO) && (options->merge || !isatty (STDOUT_FILENO)))
    tool.progress = g_timeout_add (PROGRESS_MS, on_progress, &tool);
  ask_all (&tool);
  if (leasequery_client_n_pending (tool.client) > 0)
    g_main_loop_run (tool.loop);
  clear_progress (&tool);
  if (tool.merge != NULL)
    print_merged (&tool);
  result = judge (&tool);
  if (result == TOOL_OK && tool.output.n_records == 0 && !options->quiet)
    g_printerr ("roam-leasequery: no bindings\n");
  if (!tool_output_end (&tool.output))
    {
      g_printerr ("roam-leasequery: cannot write the result: %s\n", g_strerror (errno));
      result = TOOL_OUTPUT;
    }
  leasequery_client_free (tool.client);
  leasequery_merge_free (tool.merge);
  g_main_loop_unref (tool.loop);
  g_free (tool.faults_told);
  return result;
}

int
main (int argc, char **argv)
{
  g_autoptr (ToolOptions) options = NULL;
  ToolExit result;

  setlocale (LC_CTYPE, "");
  g_set_prgname ("roam-leasequery");
  options = tool_options_parse (argc, argv, &result);
  if (options == NULL)
    return (int)result;
  return options->active ? (int)tool_run_active (options) : (int)run (options);
}
