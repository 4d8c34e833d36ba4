/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "dbus/authorise.h"

#include <polkit/polkit.h>
#include <unistd.h>

/* polkitd starts on demand; whoever waits longer has no answer. An interactive question may take its time. */
#define UID_TIMEOUT_MS 5000

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
  g_autoptr (PolkitAuthorizationResult) answer =
    polkit_authority_check_authorization_finish (POLKIT_AUTHORITY (source), result, &error);

  if (answer == NULL)
    deny (task, "Only root may do this: polkit did not answer (%s)", error->message);
  else if (!polkit_authorization_result_get_is_authorized (answer))
    deny (task, "polkit does not grant you the action %s", request->action);
  else
    g_task_return_boolean (task, TRUE);
}

static void
on_authority (GObject *source, GAsyncResult *result, gpointer user_data)
{
  g_autoptr (GTask) task = user_data;
  const Request *request = g_task_get_task_data (task);
  g_autoptr (GError) error = NULL;
  g_autoptr (PolkitAuthority) authority = polkit_authority_get_finish (result, &error);
  g_autoptr (PolkitSubject) subject = NULL;
  PolkitCheckAuthorizationFlags flags = POLKIT_CHECK_AUTHORIZATION_FLAGS_NONE;

  if (authority == NULL)
    {
      deny (task, "Only root may do this: polkit cannot be reached (%s)", error->message);
      return;
    }
  if ((g_dbus_message_get_flags (g_dbus_method_invocation_get_message (request->invocation)) &
       G_DBUS_MESSAGE_FLAGS_ALLOW_INTERACTIVE_AUTHORIZATION) != 0)
    flags = POLKIT_CHECK_AUTHORIZATION_FLAGS_ALLOW_USER_INTERACTION;
  subject = polkit_system_bus_name_new (g_dbus_method_invocation_get_sender (request->invocation));
  polkit_authority_check_authorization (authority, subject, request->action, NULL, flags, NULL, on_checked,
                                        g_steal_pointer (&task));
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
    polkit_authority_get_async (NULL, on_authority, g_steal_pointer (&task));
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
                          G_VARIANT_TYPE ("(u)"), G_DBUS_CALL_FLAGS_NO_AUTO_START, UID_TIMEOUT_MS, NULL, on_uid, task);
}

gboolean
dbus_authorise_finish (GAsyncResult *result, GError **error)
{
  return g_task_propagate_boolean (G_TASK (result), error);
}
