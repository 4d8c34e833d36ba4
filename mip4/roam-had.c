/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "mip4/had-io-private.h"
#include "base/log-io.h"

#include <glib-unix.h>
#include <stdlib.h>
#include <string.h>
#include <systemd/sd-daemon.h>
#include <unistd.h>

/*
 * roam-had: the home agent. Options, logging and the main loop; the work is in had-*-io.c. With a
 * command it asks a running one instead (had-client-io.c).
 */

#define DEFAULT_CONFIG "/etc/roamd/home-agent.conf"
#define DEFAULT_CONTROL "/run/roam-had/control"
/* What systemd keeps for us over a restart, so that packets wait instead of being lost. */
#define TUN_NAME_IN_STORE "tun"
#define EXIT_USAGE 2
#define EXIT_CONFIG 78

static gboolean
quit (gpointer user_data)
{
  g_main_loop_quit (user_data);
  return G_SOURCE_CONTINUE;
}

static gboolean
reload (gpointer user_data)
{
  had_reload (user_data);
  return G_SOURCE_CONTINUE;
}

/* The TUN device of the process before, where the service manager kept it; else -1. */
static int
take_stored_tun (void)
{
  g_auto (GStrv) names = NULL;
  int n = sd_listen_fds_with_names (1, &names), tun = -1;

  for (int i = 0; i < n; i++)
    {
      int fd = SD_LISTEN_FDS_START + i;

      if (tun < 0 && strcmp (names[i], TUN_NAME_IN_STORE) == 0)
        tun = fd;
      else
        close (fd);
    }
  return tun;
}

/* With a store of descriptors the device survives a restart, kill -9 included, and goes when the unit is stopped. */
static void
give_tun_to_store (Had *had)
{
  int fd = had_tun_fd (had);

  if (g_getenv ("NOTIFY_SOCKET") == NULL)
    return;
  sd_pid_notify_with_fds (0, 0, "FDSTORE=1\nFDNAME=" TUN_NAME_IN_STORE, &fd, 1);
}

static gboolean
feed_watchdog (gpointer user_data)
{
  sd_notify (0, "WATCHDOG=1");
  return G_SOURCE_CONTINUE;
}

static int
run (HadConfig *config, const HadOptions *options)
{
  g_autoptr (GMainLoop) loop = g_main_loop_new (NULL, FALSE);
  g_autoptr (GError) error = NULL;
  g_autoptr (Had) had = had_new (config, options, &error);
  guint64 watchdog_us = 0;

  if (had == NULL)
    {
      g_printerr ("roam-had: %s\n", error->message);
      return EXIT_FAILURE;
    }
  give_tun_to_store (had);
  g_unix_signal_add (SIGTERM, quit, loop);
  g_unix_signal_add (SIGINT, quit, loop);
  g_unix_signal_add (SIGHUP, reload, had);
  if (sd_watchdog_enabled (0, &watchdog_us) > 0)
    g_timeout_add ((guint)(watchdog_us / 2000), feed_watchdog, NULL);
  sd_notify (0, "READY=1");
  g_main_loop_run (loop);
  sd_notify (0, "STOPPING=1");
  return EXIT_SUCCESS;
}

static HadConfig *
load (const char *path)
{
  g_autoptr (GPtrArray) errors = g_ptr_array_new_with_free_func (g_free);
  HadConfig *config = had_config_load (path, g_getenv ("CREDENTIALS_DIRECTORY"), errors);

  for (guint i = 0; i < errors->len; i++)
    g_printerr ("%s\n", (const char *)g_ptr_array_index (errors, i));
  return config;
}

/* Directories that systemd made for us; without it there is neither, unless the configuration names them. */
static void
add_defaults (HadConfig *config)
{
  const char *state = g_getenv ("STATE_DIRECTORY"), *runtime = g_getenv ("RUNTIME_DIRECTORY");

  if (config->store_path == NULL && state != NULL)
    config->store_path = g_build_filename (state, "bindings.db", NULL);
  if (config->control_path == NULL && runtime != NULL)
    config->control_path = g_build_filename (runtime, "control", NULL);
  if (g_strcmp0 (config->store_path, "none") == 0)
    g_clear_pointer (&config->store_path, g_free);
  if (g_strcmp0 (config->control_path, "none") == 0)
    g_clear_pointer (&config->control_path, g_free);
}

static int
serve (const char *path, const char *status_path, const char *control, gboolean check)
{
  const HadOptions options = { path, g_getenv ("CREDENTIALS_DIRECTORY"), status_path, check ? -1 : take_stored_tun () };
  HadConfig *config = load (path);

  if (config == NULL)
    return EXIT_CONFIG;
  if (check)
    {
      had_config_free (config);
      return EXIT_SUCCESS;
    }
  if (control != NULL)
    {
      g_free (config->control_path);
      config->control_path = g_strdup (control);
    }
  add_defaults (config);
  return run (config, &options);
}

int
main (int argc, char **argv)
{
  g_autofree char *path = NULL, *status_path = NULL, *log_level = NULL, *control = NULL;
  gboolean check = FALSE, version = FALSE, json = FALSE;
  const GOptionEntry entries[] = {
    { "config", 0, 0, G_OPTION_ARG_FILENAME, &path, "Configuration (default " DEFAULT_CONFIG ")", "FILE" },
    { "check", 0, 0, G_OPTION_ARG_NONE, &check, "Check the configuration and exit", NULL },
    { "control", 0, 0, G_OPTION_ARG_FILENAME, &control, "Control socket (default " DEFAULT_CONTROL ")", "PATH" },
    { "json", 0, 0, G_OPTION_ARG_NONE, &json, "Print the answer as JSON", NULL },
    { "status-file", 0, 0, G_OPTION_ARG_FILENAME, &status_path, "Keep the bindings there as JSON", "FILE" },
    { "log-level", 0, 0, G_OPTION_ARG_STRING, &log_level, "error, warning, info or debug", "LEVEL" },
    { "version", 0, 0, G_OPTION_ARG_NONE, &version, "Print the version and exit", NULL },
    { NULL },
  };
  g_autoptr (GOptionContext) context = g_option_context_new ("[COMMAND] - Mobile IPv4 home agent");
  g_autoptr (GError) error = NULL;

  g_option_context_add_main_entries (context, entries, NULL);
  g_option_context_set_summary (context, HAD_CLIENT_COMMANDS);
  if (!g_option_context_parse (context, &argc, &argv, &error) || (log_level != NULL && !roam_log_set_level (log_level)))
    {
      g_printerr ("roam-had: %s\nTry roam-had --help\n", error != NULL ? error->message : "wrong argument");
      return EXIT_USAGE;
    }
  if (version)
    {
      g_print ("roam-had " ROAMD_VERSION "\n");
      return EXIT_SUCCESS;
    }
  if (argc > 1)
    return had_client_run (control != NULL ? control : DEFAULT_CONTROL, json, argc - 1, argv + 1);
  roam_log_start ();
  return serve (path != NULL ? path : DEFAULT_CONFIG, status_path, control, check);
}
