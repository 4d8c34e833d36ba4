/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <gio/gio.h>

/*
 * Who may act: root and the user the daemon runs as, always (they could kill it); everybody else
 * needs polkit's yes to @action. No answer is no.
 */

/*
 * Asks for the sender of @invocation; never blocks. The owner of @invocation keeps it alive until
 * the callback, which calls dbus_authorise_finish().
 */
void dbus_authorise_async (GDBusMethodInvocation *invocation, const char *action, GAsyncReadyCallback callback,
                           gpointer user_data);
/* FALSE: @error is ready to be returned to the caller (G_DBUS_ERROR_ACCESS_DENIED). */
gboolean dbus_authorise_finish (GAsyncResult *result, GError **error);
