/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "dbus/authorise.h"

#include <unistd.h>

/*
 * polkit is asked over the connection on which the request came: its library would keep one of its
 * own that ends the process, or never works again, when the bus is restarted.
 */
#define POLKIT_NAME "org.freedesktop.PolicyKit1"
#define POLKIT_PATH "/org/freedesktop/PolicyKit1/Authority"
#define POLKIT_INTERFACE "org.freedesktop.PolicyKit1.Authority"
#define POLKIT_ALLOW_INTERACTION 1u

/* polkitd starts on demand; whoever waits longer has no answer. A person may need minutes for a password. */
#define TIMEOUT_MS 10000
#define INTERACTIVE_TIMEOUT_MS (5 * 60 * 1000)

typedef struct
{
  GDBusMethodInvocation *invocation; /* owned */
  char *action;
} Request;

static void
request_free (Request *request)
{
  g_object_unref (request->invocation);
  g_free (request->action);
  g_free (request);
}

static void deny (GTask *task, const char *format, ...) G_GNUC_PRINTF (2, 3);

static void
deny (GTask *task, const char *format, ...)
{
  va_list args;
  GError *error;

  va_start (args, format);
  error = g_error_new_valist (G_DBUS_ERROR, G_DBUS_ERROR_ACCESS_DENIED, format, args);
  va_end (args);
  g_task_return_error (task, error);
}

static void
on_checked (GObject *source, GAsyncResult *result, gpointer user_data)
{
  g_autoptr (GTask) task = user_data;
  const Request *request = g_task_get_task_data (task);
  g_autoptr (GError) error = NULL;
  g_autoptr (GVariant) reply = g_dbus_connection_call_finish (G_DBUS_CONNECTION (source), result, &error);
  gboolean authorised = FALSE;

  if (reply == NULL)
    {
      g_dbus_error_strip_remote_error (error);
      deny (task, "Only root may do this: polkit does not answer (%s)", error->message);
      return;
    }
  g_variant_get (reply, "((bba{ss}))", &authorised, NULL, NULL);
  if (authorised)
    g_task_return_boolean (task, TRUE);
  else
    deny (task, "polkit does not grant you the action %s", request->action);
}

static void
ask_polkit (GTask *task)
{
  const Request *request = g_task_get_task_data (task);
  const char *sender = g_dbus_method_invocation_get_sender (request->invocation);
  GDBusMessageFlags flags = g_dbus_message_get_flags (g_dbus_method_invocation_get_message (request->invocation));
  gboolean interactive = (flags & G_DBUS_MESSAGE_FLAGS_ALLOW_INTERACTIVE_AUTHORIZATION) != 0;
  GVariantDict subject;

  g_variant_dict_init (&subject, NULL);
  g_variant_dict_insert (&subject, "name", "s", sender);
  g_dbus_connection_call (g_dbus_method_invocation_get_connection (request->invocation), POLKIT_NAME, POLKIT_PATH,
                          POLKIT_INTERFACE, "CheckAuthorization",
                          g_variant_new ("((s@a{sv})s@a{ss}us)", "system-bus-name", g_variant_dict_end (&subject),
                                         request->action, g_variant_new_array (G_VARIANT_TYPE ("{ss}"), NULL, 0),
                                         interactive ? POLKIT_ALLOW_INTERACTION : 0, ""),
                          G_VARIANT_TYPE ("((bba{ss}))"), G_DBUS_CALL_FLAGS_NONE,
                          interactive ? INTERACTIVE_TIMEOUT_MS : TIMEOUT_MS, NULL, on_checked, task);
}

static void
on_uid (GObject *source, GAsyncResult *result, gpointer user_data)
{
  g_autoptr (GTask) task = user_data;
  g_autoptr (GError) error = NULL;
  g_autoptr (GVariant) reply = g_dbus_connection_call_finish (G_DBUS_CONNECTION (source), result, &error);
  guint32 uid;

  if (reply == NULL)
    {
      deny (task, "The bus does not say who you are (%s)", error->message);
      return;
    }
  g_variant_get (reply, "(u)", &uid);
  if (uid == 0 || uid == geteuid ())
    g_task_return_boolean (task, TRUE);
  else
    ask_polkit (g_steal_pointer (&task));
}

void
dbus_authorise_async (GDBusMethodInvocation *invocation, const char *action, GAsyncReadyCallback callback,
                      gpointer user_data)
{
  GTask *task = g_task_new (NULL, NULL, callback, user_data);
  Request *request = g_new0 (Request, 1);

  request->invocation = g_object_ref (invocation);
  request->action = g_strdup (action);
  g_task_set_task_data (task, request, (GDestroyNotify)request_free);
  g_dbus_connection_call (g_dbus_method_invocation_get_connection (invocation), "org.freedesktop.DBus",
                          "/org/freedesktop/DBus", "org.freedesktop.DBus", "GetConnectionUnixUser",
                          g_variant_new ("(s)", g_dbus_method_invocation_get_sender (invocation)),
                          G_VARIANT_TYPE ("(u)"), G_DBUS_CALL_FLAGS_NO_AUTO_START, TIMEOUT_MS, NULL, on_uid, task);
}

gboolean
dbus_authorise_finish (GAsyncResult *result, GError **error)
{
  return g_task_propagate_boolean (G_TASK (result), error);
}
