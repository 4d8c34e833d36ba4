/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "base/control-io.h"
#include "base/log-io.h"
#include "dhcp6/leasequeryd-io.h"

#include <glib-unix.h>
#include <stdlib.h>
#include <string.h>
#include <systemd/sd-daemon.h>

/* roam-leasequeryd: server of DHCPv6 Bulk Leasequery. Options, logging, signals; the work is in leasequeryd-io.c. */

#define DEFAULT_CONFIG "/etc/roamd/leasequery.conf"
#define DEFAULT_CONTROL "/run/roam-leasequeryd/control"
#define EXIT_USAGE 2
#define EXIT_CONFIG 78

typedef struct
{
  const char *path;
  Leasequeryd *daemon;
  GMainLoop *loop;
} Program;

/* One line for each fault on standard error, which the journal has too. */
static LeasequerydConfig *
load (const char *path)
{
  g_autoptr (GPtrArray) errors = g_ptr_array_new_with_free_func (g_free);
  LeasequerydConfig *config = leasequeryd_config_load (path, errors);

  for (guint i = 0; i < errors->len; i++)
    g_printerr ("%s\n", (const char *)g_ptr_array_index (errors, i));
  return config;
}

/* ------------------------------------------------------------------ client ---- */

/* "status" or "reload" of the one that runs; prints its answer. */
static int
call (const char *control, const char *command)
{
  g_autoptr (JsonObject) request = json_object_new (), answer = NULL;
  g_autoptr (JsonGenerator) generator = json_generator_new ();
  g_autoptr (JsonNode) root = json_node_new (JSON_NODE_OBJECT);
  g_autoptr (GError) error = NULL;
  g_autofree char *text = NULL;

  json_object_set_string_member (request, "command", command);
  answer = roam_control_call (control, request, &error);
  if (answer == NULL)
    {
      g_printerr ("roam-leasequeryd: %s\n", error->message);
      return EXIT_FAILURE;
    }
  json_node_set_object (root, answer);
  json_generator_set_root (generator, root);
  json_generator_set_pretty (generator, TRUE);
  text = json_generator_to_data (generator, NULL);
  if (json_object_get_size (answer) > 0)
    g_print ("%s\n", text);
  return EXIT_SUCCESS;
}

/* ----------------------------------------------------------------- signals ---- */

static void
on_stopped (gpointer user_data)
{
  g_main_loop_quit (((Program *)user_data)->loop);
}

static gboolean
on_stop (gpointer user_data)
{
  Program *program = user_data;

  sd_notify (0, "STOPPING=1");
  leasequeryd_stop (program->daemon, on_stopped, program);
  return G_SOURCE_CONTINUE;
}

static gboolean
reload (gpointer user_data)
{
  Program *program = user_data;
  g_autofree char *begin = g_strdup_printf ("RELOADING=1\nMONOTONIC_USEC=%" G_GINT64_FORMAT, g_get_monotonic_time ());
  LeasequerydConfig *config;

  sd_notify (0, begin);
  config = load (program->path);
  if (config != NULL)
    leasequeryd_reload (program->daemon, config);
  else
    g_warning ("The configuration has faults; what was read before stays in use");
  sd_notify (0, "READY=1");
  return config != NULL;
}

static gboolean
on_reload (gpointer user_data)
{
  (void)reload (user_data);
  return G_SOURCE_CONTINUE;
}

static int
run (Program *program, LeasequerydConfig *config, const char *status_path, const char *control)
{
  g_autoptr (GMainLoop) loop = g_main_loop_new (NULL, FALSE);
  g_autoptr (GError) error = NULL;
  g_autoptr (Leasequeryd) daemon = leasequeryd_new (config, status_path, &error);

  if (daemon == NULL || (control != NULL && !leasequeryd_listen_control (daemon, control, reload, program, &error)))
    {
      g_printerr ("roam-leasequeryd: %s\n", error->message);
      return EXIT_FAILURE;
    }
  program->daemon = daemon;
  program->loop = loop;
  g_unix_signal_add (SIGTERM, on_stop, program);
  g_unix_signal_add (SIGINT, on_stop, program);
  g_unix_signal_add (SIGHUP, on_reload, program);
  sd_notify (0, "READY=1");
  g_main_loop_run (loop);
  return EXIT_SUCCESS;
}

int
main (int argc, char **argv)
{
  g_autofree char *path = NULL, *status_path = NULL, *log_level = NULL, *control = NULL;
  gboolean check = FALSE, version = FALSE;
  const GOptionEntry entries[] = {
    { "config", 0, 0, G_OPTION_ARG_FILENAME, &path, "Configuration (default " DEFAULT_CONFIG ")", "FILE" },
    { "check", 0, 0, G_OPTION_ARG_NONE, &check, "Check the configuration and exit", NULL },
    { "status-file", 0, 0, G_OPTION_ARG_FILENAME, &status_path, "Keep counters there as JSON", "FILE" },
    { "control", 0, 0, G_OPTION_ARG_FILENAME, &control, "Control socket (default of the commands " DEFAULT_CONTROL ")",
      "PATH" },
    { "log-level", 0, 0, G_OPTION_ARG_STRING, &log_level, "error, warning, info or debug", "LEVEL" },
    { "version", 0, 0, G_OPTION_ARG_NONE, &version, "Print the version and exit", NULL },
    { NULL },
  };
  g_autoptr (GOptionContext) context =
    g_option_context_new ("[status|reload] - DHCPv6 Bulk and Active Leasequery server");
  g_autoptr (GError) error = NULL;
  Program program = { 0 };
  LeasequerydConfig *config;

  g_option_context_add_main_entries (context, entries, NULL);
  if (!g_option_context_parse (context, &argc, &argv, &error) ||
      (argc > 1 && (argc > 2 || (!g_str_equal (argv[1], "status") && !g_str_equal (argv[1], "reload")))) ||
      (log_level != NULL && !roam_log_set_level (log_level)))
    {
      g_printerr ("roam-leasequeryd: %s\nTry roam-leasequeryd --help\n",
                  error != NULL ? error->message : "wrong argument");
      return EXIT_USAGE;
    }
  if (version)
    {
      g_print ("roam-leasequeryd " ROAMD_VERSION "\n");
      return EXIT_SUCCESS;
    }
  if (argc > 1)
    return call (control != NULL ? control : DEFAULT_CONTROL, argv[1]);
  roam_log_start ();
  program.path = path != NULL ? path : DEFAULT_CONFIG;
  config = load (program.path);
  if (config == NULL)
    return EXIT_CONFIG;
  if (!check)
    return run (&program, config, status_path, control);
  leasequeryd_config_free (config);
  return EXIT_SUCCESS;
}
