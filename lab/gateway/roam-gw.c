/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "base/log-io.h"
#include "lab/gateway/gw-private.h"

#include <glib-unix.h>
#include <stdlib.h>
#include <string.h>
#include <systemd/sd-daemon.h>

/* roam-gw: options, logging and the main loop; the work is in gw-io.c. */

#define DEFAULT_CONFIG "/etc/roamd/gateway.conf"
#define DEFAULT_CONTROL "/run/roam-gw/control"
#define EXIT_USAGE 2
#define EXIT_CONFIG 78

typedef struct
{
  GMainLoop *loop;
  Gw *gw;
} Running;

static gboolean
quit (gpointer user_data)
{
  g_main_loop_quit (user_data);
  return G_SOURCE_REMOVE;
}

/* A second signal does not wait. */
static gboolean
stop (gpointer user_data)
{
  Running *running = user_data;
  static gboolean stopping;

  if (stopping)
    g_main_loop_quit (running->loop);
  stopping = TRUE;
  sd_notify (0, "STOPPING=1");
  gw_stop (running->gw, quit, running->loop);
  return G_SOURCE_CONTINUE;
}

static int
run (GwConfig *config)
{
  g_autoptr (GMainLoop) loop = g_main_loop_new (NULL, FALSE);
  g_autoptr (GError) error = NULL;
  g_autoptr (Gw) gw = gw_new (config, &error);
  Running running = { loop, gw };

  if (gw == NULL)
    {
      g_printerr ("roam-gw: %s\n", error->message);
      return EXIT_FAILURE;
    }
  g_unix_signal_add (SIGTERM, stop, &running);
  g_unix_signal_add (SIGINT, stop, &running);
  sd_notify (0, "READY=1");
  g_main_loop_run (loop);
  return EXIT_SUCCESS;
}

static GwConfig *
load (const char *path)
{
  g_autoptr (GPtrArray) errors = g_ptr_array_new_with_free_func (g_free);
  GwConfig *config = gw_config_load (path, g_getenv ("CREDENTIALS_DIRECTORY"), errors);

  for (guint i = 0; i < errors->len; i++)
    g_printerr ("%s\n", (const char *)g_ptr_array_index (errors, i));
  return config;
}

/* The directory that systemd made; the option, then the configuration go before it. */
static void
choose_control (GwConfig *config, const char *control)
{
  const char *runtime = g_getenv ("RUNTIME_DIRECTORY");

  if (control != NULL)
    {
      g_free (config->control_path);
      config->control_path = g_strdup (control);
    }
  if (config->control_path == NULL && runtime != NULL)
    config->control_path = g_build_filename (runtime, "control", NULL);
  if (g_strcmp0 (config->control_path, "none") == 0)
    g_clear_pointer (&config->control_path, g_free);
}

static int
serve (const char *path, const char *control, gboolean check)
{
  GwConfig *config = load (path);

  if (config == NULL)
    return EXIT_CONFIG;
  if (check)
    {
      gw_config_free (config);
      return EXIT_SUCCESS;
    }
  choose_control (config, control);
  return run (config);
}

int
main (int argc, char **argv)
{
  g_autofree char *path = NULL, *log_level = NULL, *control = NULL;
  gboolean check = FALSE, version = FALSE, status = FALSE;
  const GOptionEntry entries[] = {
    { "config", 0, 0, G_OPTION_ARG_FILENAME, &path, "Configuration (default " DEFAULT_CONFIG ")", "FILE" },
    { "check", 0, 0, G_OPTION_ARG_NONE, &check, "Check the configuration and exit", NULL },
    { "status", 0, 0, G_OPTION_ARG_NONE, &status, "Print the status of the running gateway as JSON and exit", NULL },
    { "control", 0, 0, G_OPTION_ARG_FILENAME, &control, "Control socket (default " DEFAULT_CONTROL ")", "PATH" },
    { "log-level", 0, 0, G_OPTION_ARG_STRING, &log_level, "error, warning, info or debug", "LEVEL" },
    { "version", 0, 0, G_OPTION_ARG_NONE, &version, "Print the version and exit", NULL },
    { NULL },
  };
  g_autoptr (GOptionContext) context = g_option_context_new ("- VPN gateway: IKEv2 with MOBIKE and MOPO");
  g_autoptr (GError) error = NULL;

  g_option_context_add_main_entries (context, entries, NULL);
  if (!g_option_context_parse (context, &argc, &argv, &error) || argc > 1 ||
      (log_level != NULL && !roam_log_set_level (log_level)))
    {
      g_printerr ("roam-gw: %s\nTry roam-gw --help\n", error != NULL ? error->message : "wrong argument");
      return EXIT_USAGE;
    }
  if (version)
    {
      g_print ("roam-gw " ROAMD_VERSION "\n");
      return EXIT_SUCCESS;
    }
  if (status)
    return gw_client_print_status (control != NULL ? control : DEFAULT_CONTROL);
  roam_log_start ();
  return serve (path != NULL ? path : DEFAULT_CONFIG, control, check);
}
