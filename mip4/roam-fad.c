/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "base/control-io.h"
#include "mip4/fad-io-private.h"
#include "base/log-io.h"

#include <glib-unix.h>
#include <stdlib.h>
#include <string.h>
#include <systemd/sd-daemon.h>

/* roam-fad: the foreign agent. Options, logging, the main loop, and the client of the control socket. */

#define DEFAULT_CONFIG "/etc/roamd/foreign-agent.conf"
#define DEFAULT_CONTROL "/run/roam-fad/control"
#define EXIT_USAGE 2
#define EXIT_NOT_RUNNING 3
#define EXIT_CONFIG 78

static gboolean
quit (gpointer user_data)
{
  g_main_loop_quit (user_data);
  return G_SOURCE_CONTINUE;
}

static int
run (FadConfig *config, const char *control_path, const char *status_path)
{
  g_autoptr (GMainLoop) loop = g_main_loop_new (NULL, FALSE);
  g_autoptr (GError) error = NULL;
  g_autoptr (Fad) fad = fad_new (config, control_path, status_path, &error);

  if (fad == NULL)
    {
      g_printerr ("roam-fad: %s\n", error->message);
      return EXIT_FAILURE;
    }
  g_unix_signal_add (SIGTERM, quit, loop);
  g_unix_signal_add (SIGINT, quit, loop);
  sd_notify (0, "READY=1");
  g_main_loop_run (loop);
  sd_notify (0, "STOPPING=1");
  return EXIT_SUCCESS;
}

static FadConfig *
load (const char *path)
{
  g_autoptr (GPtrArray) errors = g_ptr_array_new_with_free_func (g_free);
  FadConfig *config = fad_config_load (path, g_getenv ("CREDENTIALS_DIRECTORY"), errors);

  for (guint i = 0; i < errors->len; i++)
    g_printerr ("%s\n", (const char *)g_ptr_array_index (errors, i));
  return config;
}

/* -------------------------------------------------------------------- client ---- */

static void
print_visitors (JsonObject *status)
{
  JsonArray *visitors = json_object_get_array_member (status, "visitors");

  g_print ("HOME ADDRESS     HOME AGENT       CARE-OF ADDRESS  LINK-LAYER         DATA            LEFT\n");
  for (guint i = 0; i < json_array_get_length (visitors); i++)
    {
      JsonObject *visitor = json_array_get_object_element (visitors, i);
      g_autofree char *left =
        json_object_has_member (visitor, "remaining")
          ? g_strdup_printf ("%" G_GINT64_FORMAT " s", json_object_get_int_member (visitor, "remaining"))
          : g_strdup ("for ever");
      const char *data = json_object_get_boolean_member (visitor, "co-located")               ? "own tunnel"
                         : json_object_get_boolean_member (visitor, "encapsulating-delivery") ? "encapsulating"
                         : json_object_get_boolean_member (visitor, "reverse-tunnel")         ? "reverse tunnel"
                                                                                              : "one way";

      g_print ("%-16s %-16s %-16s %-18s %-15s %s\n", json_object_get_string_member (visitor, "home-address"),
               json_object_get_string_member (visitor, "home-agent"),
               json_object_get_string_member (visitor, "care-of-address"),
               json_object_get_string_member (visitor, "link-layer"), data, left);
    }
}

static void
print_json (JsonObject *object)
{
  g_autoptr (JsonNode) root = json_node_init_object (json_node_alloc (), object);
  g_autofree char *text = json_to_string (root, TRUE);

  g_print ("%s\n", text);
}

static int
call (const char *control_path, const char *command, const char *argument)
{
  gboolean visitors = strcmp (command, "visitors") == 0;
  g_autoptr (JsonObject) request = json_object_new (), answer = NULL;
  g_autoptr (GError) error = NULL;

  json_object_set_string_member (request, "command", visitors ? "status" : command);
  if (argument != NULL)
    json_object_set_string_member (request, "home-address", argument);
  answer = roam_control_call (control_path, request, &error);
  if (answer == NULL)
    {
      g_printerr ("roam-fad: %s\n", error->message);
      return g_error_matches (error, ROAM_CONTROL_ERROR, ROAM_CONTROL_ERROR_NOT_RUNNING) ? EXIT_NOT_RUNNING
                                                                                         : EXIT_FAILURE;
    }
  if (visitors)
    print_visitors (answer);
  else if (strcmp (command, "status") == 0)
    print_json (answer);
  return EXIT_SUCCESS;
}

int
main (int argc, char **argv)
{
  g_autofree char *path = NULL, *control_path = NULL, *status_path = NULL, *log_level = NULL;
  gboolean check = FALSE, version = FALSE;
  const GOptionEntry entries[] = {
    { "config", 0, 0, G_OPTION_ARG_FILENAME, &path, "Configuration (default " DEFAULT_CONFIG ")", "FILE" },
    { "check", 0, 0, G_OPTION_ARG_NONE, &check, "Check the configuration and exit", NULL },
    { "control", 0, 0, G_OPTION_ARG_FILENAME, &control_path, "Control socket (default " DEFAULT_CONTROL ")", "PATH" },
    { "status-file", 0, 0, G_OPTION_ARG_FILENAME, &status_path, "Keep the visitors there as JSON", "FILE" },
    { "log-level", 0, 0, G_OPTION_ARG_STRING, &log_level, "error, warning, info or debug", "LEVEL" },
    { "version", 0, 0, G_OPTION_ARG_NONE, &version, "Print the version and exit", NULL },
    { NULL },
  };
  g_autoptr (GOptionContext) context =
    g_option_context_new ("[status | visitors | remove HOME-ADDRESS | busy | idle] - Mobile IPv4 foreign agent");
  g_autoptr (GError) error = NULL;
  FadConfig *config;

  g_option_context_add_main_entries (context, entries, NULL);
  if (!g_option_context_parse (context, &argc, &argv, &error) || argc > 3 ||
      (log_level != NULL && !roam_log_set_level (log_level)))
    {
      g_printerr ("roam-fad: %s\nTry roam-fad --help\n", error != NULL ? error->message : "wrong argument");
      return EXIT_USAGE;
    }
  if (version)
    {
      g_print ("roam-fad " ROAMD_VERSION "\n");
      return EXIT_SUCCESS;
    }
  if (control_path == NULL)
    control_path = g_strdup (DEFAULT_CONTROL);
  if (argc > 1)
    return call (control_path, argv[1], argc > 2 ? argv[2] : NULL);
  roam_log_start ();
  config = load (path != NULL ? path : DEFAULT_CONFIG);
  if (config == NULL)
    return EXIT_CONFIG;
  if (!check)
    return run (config, control_path, status_path);
  fad_config_free (config);
  return EXIT_SUCCESS;
}
