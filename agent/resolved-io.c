/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "agent/resolved-io.h"

#include <gio/gio.h>
#include <sys/socket.h>

#define NAME "org.freedesktop.resolve1"
#define PATH "/org/freedesktop/resolve1"
#define INTERFACE "org.freedesktop.resolve1.Manager"
#define TIMEOUT_MS 10000
#define RETRY_S 10

struct _AgentResolved
{
  GCancellable *cancellable;
  GDBusConnection *connection; /* NULL while the bus is away */
  guint watch, retry_source;
  gulong closed_handler;
  gboolean there;              /* resolved is on the bus */
  int ifindex;                 /* wanted; 0: nothing was ever */
  GVariant *servers, *domains; /* wanted: a(iay), a(sb); NULL: as before roamd */
};

static void connect_to_bus (AgentResolved *resolved);

/* ------------------------------------------------------------------------ calls ---- */

static void
on_called (GObject *source, GAsyncResult *result, gpointer user_data)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (GVariant) reply = g_dbus_connection_call_finish (G_DBUS_CONNECTION (source), result, &error);

  if (reply != NULL)
    return;
  g_dbus_error_strip_remote_error (error);
  g_message ("systemd-resolved: %s: %s", (const char *)user_data, error->message);
}

/* @method is static. Takes a floating @parameters. */
static void
call (AgentResolved *resolved, const char *method, GVariant *parameters)
{
  g_dbus_connection_call (resolved->connection, NAME, PATH, INTERFACE, method, parameters, NULL,
                          G_DBUS_CALL_FLAGS_NO_AUTO_START, TIMEOUT_MS, NULL, on_called, (gpointer)(guintptr)method);
}

/* The link takes part in the default route of names only when it shall have them all. */
static void
apply (AgentResolved *resolved)
{
  gboolean all = resolved->domains != NULL && g_variant_n_children (resolved->domains) == 0;
  g_autoptr (GVariant) everything = g_variant_ref_sink (g_variant_new_parsed ("[('.', true)]"));

  if (!resolved->there || resolved->ifindex == 0)
    return;
  if (resolved->servers == NULL)
    {
      call (resolved, "RevertLink", g_variant_new ("(i)", resolved->ifindex));
      /* RFC 8598 5: what the internal servers said does not hold outside. */
      call (resolved, "FlushCaches", NULL);
      return;
    }
  call (resolved, "SetLinkDNS", g_variant_new ("(i@a(iay))", resolved->ifindex, resolved->servers));
  call (resolved, "SetLinkDomains",
        g_variant_new ("(i@a(sb))", resolved->ifindex, all ? everything : resolved->domains));
  call (resolved, "SetLinkDefaultRoute", g_variant_new ("(ib)", resolved->ifindex, all));
  call (resolved, "FlushCaches", NULL);
}

/* ----------------------------------------------------------------------- wishes ---- */

static GVariant *
make_servers (const RoamAddr *servers, guint n)
{
  GVariantBuilder builder;

  g_variant_builder_init (&builder, G_VARIANT_TYPE ("a(iay)"));
  for (guint i = 0; i < n; i++)
    g_variant_builder_add (
      &builder, "(i@ay)", servers[i].family == ROAM_FAMILY_INET4 ? AF_INET : AF_INET6,
      g_variant_new_fixed_array (G_VARIANT_TYPE_BYTE, servers[i].bytes, roam_addr_length (&servers[i]), 1));
  return g_variant_ref_sink (g_variant_builder_end (&builder));
}

/* For routing only: nobody's short names are completed with what a gateway says. */
static GVariant *
make_domains (const char *const *domains)
{
  GVariantBuilder builder;

  g_variant_builder_init (&builder, G_VARIANT_TYPE ("a(sb)"));
  for (guint i = 0; domains != NULL && domains[i] != NULL; i++)
    g_variant_builder_add (&builder, "(sb)", domains[i], TRUE);
  return g_variant_ref_sink (g_variant_builder_end (&builder));
}

static gboolean
same (GVariant *a, GVariant *b)
{
  return a == NULL || b == NULL ? a == b : g_variant_equal (a, b);
}

void
agent_resolved_set (AgentResolved *resolved, int ifindex, const RoamAddr *servers, guint n, const char *const *domains)
{
  g_autoptr (GVariant) new_servers = n == 0 ? NULL : make_servers (servers, n);
  g_autoptr (GVariant) new_domains = n == 0 ? NULL : make_domains (domains);

  if (same (new_servers, resolved->servers) && same (new_domains, resolved->domains) &&
      (ifindex == resolved->ifindex || new_servers == NULL))
    return;
  if (new_servers != NULL)
    resolved->ifindex = ifindex;
  g_clear_pointer (&resolved->servers, g_variant_unref);
  g_clear_pointer (&resolved->domains, g_variant_unref);
  resolved->servers = g_steal_pointer (&new_servers);
  resolved->domains = g_steal_pointer (&new_domains);
  apply (resolved);
}

/* ---------------------------------------------------------------------- the bus ---- */

static void
on_appeared (GDBusConnection *connection, const char *name, const char *owner, gpointer user_data)
{
  AgentResolved *resolved = user_data;

  resolved->there = TRUE;
  /* One that has just started knows nothing that would have to be taken back. */
  if (resolved->servers != NULL)
    apply (resolved);
}

static void
on_vanished (GDBusConnection *connection, const char *name, gpointer user_data)
{
  AgentResolved *resolved = user_data;

  resolved->there = FALSE;
}

static void
drop_connection (AgentResolved *resolved)
{
  if (resolved->connection == NULL)
    return;
  g_clear_handle_id (&resolved->watch, g_bus_unwatch_name);
  g_clear_signal_handler (&resolved->closed_handler, resolved->connection);
  g_clear_object (&resolved->connection);
  resolved->there = FALSE;
}

static gboolean
on_retry (gpointer user_data)
{
  AgentResolved *resolved = user_data;

  resolved->retry_source = 0;
  connect_to_bus (resolved);
  return G_SOURCE_REMOVE;
}

static void
retry_later (AgentResolved *resolved)
{
  if (resolved->retry_source == 0)
    resolved->retry_source = g_timeout_add_seconds (RETRY_S, on_retry, resolved);
}

static void
on_closed (GDBusConnection *connection, gboolean remote_peer_vanished, GError *error, gpointer user_data)
{
  drop_connection (user_data);
  retry_later (user_data);
}

static void
on_connected (GObject *source, GAsyncResult *result, gpointer user_data)
{
  g_autoptr (GError) error = NULL;
  GDBusConnection *connection = g_dbus_connection_new_for_address_finish (result, &error);
  AgentResolved *resolved = user_data;

  if (g_error_matches (error, G_IO_ERROR, G_IO_ERROR_CANCELLED))
    return; /* it is gone */
  if (connection == NULL)
    {
      retry_later (resolved);
      return;
    }
  resolved->connection = connection;
  resolved->closed_handler = g_signal_connect (connection, "closed", G_CALLBACK (on_closed), resolved);
  resolved->watch = g_bus_watch_name_on_connection (connection, NAME, G_BUS_NAME_WATCHER_FLAGS_NONE, on_appeared,
                                                    on_vanished, resolved, NULL);
}

static void
connect_to_bus (AgentResolved *resolved)
{
  g_autofree char *address = g_dbus_address_get_for_bus_sync (G_BUS_TYPE_SYSTEM, NULL, NULL);

  if (address == NULL)
    return;
  /* Not g_bus_get(): the shared connection would end the process when it closes. */
  g_dbus_connection_new_for_address (
    address, G_DBUS_CONNECTION_FLAGS_AUTHENTICATION_CLIENT | G_DBUS_CONNECTION_FLAGS_MESSAGE_BUS_CONNECTION, NULL,
    resolved->cancellable, on_connected, resolved);
}

AgentResolved *
agent_resolved_new (void)
{
  AgentResolved *resolved = g_new0 (AgentResolved, 1);

  resolved->cancellable = g_cancellable_new ();
  connect_to_bus (resolved);
  return resolved;
}

void
agent_resolved_free (AgentResolved *resolved)
{
  if (resolved == NULL)
    return;
  agent_resolved_set (resolved, 0, NULL, 0, NULL);
  g_cancellable_cancel (resolved->cancellable);
  if (resolved->connection != NULL)
    g_dbus_connection_flush_sync (resolved->connection, NULL, NULL);
  drop_connection (resolved);
  g_clear_handle_id (&resolved->retry_source, g_source_remove);
  g_object_unref (resolved->cancellable);
  g_free (resolved);
}
