/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "mip4/had-io-private.h"

#include <stdlib.h>
#include <string.h>

/* The commands of roam-had: one request to the control socket each (bindings: one for each page). */

#define EXIT_USAGE 2

static void
print_json (JsonObject *object)
{
  g_autoptr (JsonNode) node = json_node_init_object (json_node_alloc (), object);
  g_autofree char *text = json_to_string (node, TRUE);

  g_print ("%s\n", text);
}

/* NULL after a line on stderr. */
static JsonObject *
call (const char *path, JsonObject *request)
{
  g_autoptr (GError) error = NULL;
  JsonObject *answer = roam_control_call (path, request, &error);

  if (answer == NULL)
    g_printerr ("roam-had: %s\n", error->message);
  return answer;
}

static JsonObject *
ask (const char *path, const char *command)
{
  g_autoptr (JsonObject) request = json_object_new ();

  json_object_set_string_member (request, "command", command);
  return call (path, request);
}

static const char *
text_of (JsonObject *object, const char *name)
{
  return json_object_get_string_member_with_default (object, name, "-");
}

static void
print_member (JsonObject *object, const char *name, JsonNode *node, gpointer user_data)
{
  g_autofree char *value = json_to_string (node, FALSE);

  g_print ("%-40s %s\n", name, value);
}

static int
run_status (const char *path, gboolean json)
{
  g_autoptr (JsonObject) answer = ask (path, "status");

  if (answer == NULL)
    return EXIT_FAILURE;
  if (json)
    {
      print_json (answer);
      return EXIT_SUCCESS;
    }
  g_print ("Home agent %s on %s, version %s, up %" G_GINT64_FORMAT " s\n", text_of (answer, "address"),
           text_of (answer, "interface"), text_of (answer, "version"),
           json_object_get_int_member_with_default (answer, "uptime", 0));
  g_print ("Bindings %" G_GINT64_FORMAT " of %" G_GINT64_FORMAT " nodes, %" G_GINT64_FORMAT
           " of them restored at the start; store %s\n",
           json_object_get_int_member_with_default (answer, "n-bindings", 0),
           json_object_get_int_member_with_default (answer, "nodes", 0),
           json_object_get_int_member_with_default (answer, "restored", 0), text_of (answer, "store"));
  return EXIT_SUCCESS;
}

static int
run_counters (const char *path, gboolean json)
{
  static const char *const groups[] = { "registration-counters", "data-counters" };
  g_autoptr (JsonObject) answer = ask (path, "counters");

  if (answer == NULL)
    return EXIT_FAILURE;
  if (json)
    print_json (answer);
  else
    for (guint i = 0; i < G_N_ELEMENTS (groups); i++)
      if (json_object_has_member (answer, groups[i]))
        json_object_foreach_member (json_object_get_object_member (answer, groups[i]), print_member, NULL);
  return EXIT_SUCCESS;
}

static void
print_binding (JsonObject *binding)
{
  gint64 expires = json_object_get_int_member_with_default (binding, "expires-us", 0);
  g_autofree char *left = expires == 0 ? g_strdup ("for ever")
                                       : g_strdup_printf ("%" G_GINT64_FORMAT " s",
                                                          MAX (expires - g_get_real_time (), 0) / ROAM_USEC_PER_SEC);

  g_print ("%-15s  %-15s  %-9s  %s\n", text_of (binding, "home-address"), text_of (binding, "care-of-address"),
           json_object_get_boolean_member_with_default (binding, "udp-tunnel", FALSE) ? "udp" : "ip-in-ip", left);
}

/* All pages as one array; NULL after a line on stderr. */
static JsonArray *
fetch_bindings (const char *path)
{
  g_autoptr (JsonArray) all = json_array_new ();
  g_autofree char *after = NULL;

  for (;;)
    {
      g_autoptr (JsonObject) request = json_object_new (), answer = NULL;
      JsonArray *page;
      guint n;

      json_object_set_string_member (request, "command", "bindings");
      if (after != NULL)
        json_object_set_string_member (request, "after", after);
      answer = call (path, request);
      if (answer == NULL)
        return NULL;
      page = json_object_has_member (answer, "bindings") ? json_object_get_array_member (answer, "bindings") : NULL;
      n = page != NULL ? json_array_get_length (page) : 0;
      for (guint i = 0; i < n; i++)
        json_array_add_object_element (all, json_object_ref (json_array_get_object_element (page, i)));
      if (n == 0 || !json_object_get_boolean_member_with_default (answer, "more", FALSE))
        return g_steal_pointer (&all);
      g_free (after);
      after = g_strdup (text_of (json_array_get_object_element (page, n - 1), "home-address"));
    }
}

static int
run_bindings (const char *path, gboolean json)
{
  g_autoptr (JsonArray) bindings = fetch_bindings (path);

  if (bindings == NULL)
    return EXIT_FAILURE;
  if (json)
    {
      g_autoptr (JsonObject) answer = json_object_new ();

      json_object_set_array_member (answer, "bindings", g_steal_pointer (&bindings));
      print_json (answer);
      return EXIT_SUCCESS;
    }
  if (json_array_get_length (bindings) > 0)
    g_print ("%-15s  %-15s  %-9s  %s\n", "HOME ADDRESS", "CARE-OF ADDRESS", "TUNNEL", "LEFT");
  for (guint i = 0; i < json_array_get_length (bindings); i++)
    print_binding (json_array_get_object_element (bindings, i));
  return EXIT_SUCCESS;
}

static int
run_revoke (const char *path, gboolean json, const char *home_address)
{
  g_autoptr (JsonObject) request = json_object_new (), answer = NULL;
  gint64 n;

  json_object_set_string_member (request, "command", "revoke");
  json_object_set_string_member (request, "home-address", home_address);
  answer = call (path, request);
  if (answer == NULL)
    return EXIT_FAILURE;
  n = json_object_get_int_member_with_default (answer, "revoked", 0);
  if (json)
    print_json (answer);
  else if (n > 0)
    g_print ("Revoked %" G_GINT64_FORMAT " binding%s of %s\n", n, n == 1 ? "" : "s", home_address);
  else
    g_printerr ("roam-had: %s has no binding\n", home_address);
  return n > 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}

int
had_client_run (const char *control_path, gboolean json, int n_arguments, char **arguments)
{
  const char *command = arguments[0];

  if (n_arguments == 1 && strcmp (command, "status") == 0)
    return run_status (control_path, json);
  if (n_arguments == 1 && strcmp (command, "bindings") == 0)
    return run_bindings (control_path, json);
  if (n_arguments == 1 && strcmp (command, "counters") == 0)
    return run_counters (control_path, json);
  if (n_arguments == 2 && strcmp (command, "revoke") == 0)
    return run_revoke (control_path, json, arguments[1]);
  g_printerr ("roam-had: found '%s', allowed: status, bindings, counters, revoke ADDRESS\nTry roam-had --help\n",
              command);
  return EXIT_USAGE;
}
