/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "dbus/adaptor.h"
#include "dbus/authorise.h"
#include "dbus/properties.h"
#include "dbus/roamd-dbus-generated.h"
#include "dbus/secret-io.h"
#include "dbus/variant.h"

/* The bus may be away for a while (it is being updated); the agent works without it. */
#define FIRST_RETRY_S 1
#define LAST_RETRY_S 30

struct _DbusAdaptor
{
  Agent *agent;
  GCancellable *cancellable;
  GDBusConnection *connection; /* NULL while the bus is away */
  guint name_id, object_id;
  gulong closed_handler;
  guint retry_source, retry_s;
  AgentSnapshot *announced; /* what the bus was told last */
  AgentSnapshot *fresh;     /* for the readers of this turn of the loop; NULL: none */
  guint fresh_source;
};

static void connect_to_bus (DbusAdaptor *adaptor);

/* --------------------------------------------------------------------- reading ---- */

static gboolean
on_turn_over (gpointer user_data)
{
  DbusAdaptor *adaptor = user_data;

  adaptor->fresh_source = 0;
  g_clear_pointer (&adaptor->fresh, agent_snapshot_unref);
  return G_SOURCE_REMOVE;
}

/* GetAll reads each property by itself; they shall all be of one moment. */
static AgentSnapshot *
get_fresh (DbusAdaptor *adaptor)
{
  if (adaptor->fresh == NULL)
    {
      adaptor->fresh = agent_get_snapshot (adaptor->agent);
      adaptor->fresh_source = g_idle_add_full (G_PRIORITY_HIGH, on_turn_over, adaptor, NULL);
    }
  return adaptor->fresh;
}

static GVariant *
on_get_property (GDBusConnection *connection, const char *sender, const char *path, const char *interface,
                 const char *name, GError **error, gpointer user_data)
{
  GVariant *value = dbus_properties_get (get_fresh (user_data), name);

  if (value == NULL)
    g_set_error (error, G_DBUS_ERROR, G_DBUS_ERROR_UNKNOWN_PROPERTY, "There is no property %s", name);
  return value;
}

/* ---------------------------------------------------------------------- acting ---- */

typedef struct
{
  DbusAdaptor *adaptor;
  GCancellable *cancellable; /* cancelled when the adaptor is gone */
  GDBusMethodInvocation *invocation;
} Call;

static void
call_free (Call *call)
{
  g_object_unref (call->cancellable);
  g_free (call);
}
G_DEFINE_AUTOPTR_CLEANUP_FUNC (Call, call_free)

static const char *
error_name (const GError *error)
{
  if (g_error_matches (error, AGENT_ERROR, AGENT_ERROR_UNKNOWN_INTERFACE))
    return "org.roamd.Error.UnknownInterface";
  if (g_error_matches (error, AGENT_ERROR, AGENT_ERROR_NOT_ENABLED))
    return "org.roamd.Error.NotEnabled";
  if (g_error_matches (error, AGENT_ERROR, AGENT_ERROR_CONFIG))
    return "org.roamd.Error.Config";
  if (g_error_matches (error, AGENT_ERROR, AGENT_ERROR_NO_SUCH_REQUEST))
    return "org.roamd.Error.NoSuchRequest";
  return "org.roamd.Error.Failed";
}

static gboolean
provide_secret (Agent *agent, GDBusMethodInvocation *invocation, GError **error)
{
  GUnixFDList *fds = g_dbus_message_get_unix_fd_list (g_dbus_method_invocation_get_message (invocation));
  g_autoptr (RoamSecret) secret = NULL;
  guint32 handle;
  gint32 index;

  g_variant_get (g_dbus_method_invocation_get_parameters (invocation), "(uh)", &handle, &index);
  secret = dbus_secret_read (fds, index, error);
  return secret != NULL && agent_provide_secret (agent, handle, secret, error);
}

static gboolean
act (Agent *agent, GDBusMethodInvocation *invocation, GError **error)
{
  const char *method = g_dbus_method_invocation_get_method_name (invocation);
  const char *interface, *reason;

  if (g_str_equal (method, "Connect"))
    return agent_connect (agent, error);
  if (g_str_equal (method, "Disconnect"))
    return agent_disconnect (agent, error);
  if (g_str_equal (method, "ProvideSecret"))
    return provide_secret (agent, invocation, error);
  g_variant_get (g_dbus_method_invocation_get_parameters (invocation), "(&s&s)", &interface, &reason);
  return agent_redetect (agent, interface, reason, error);
}

static void
on_authorised (GObject *source, GAsyncResult *result, gpointer user_data)
{
  g_autoptr (Call) call = user_data;
  g_autoptr (GError) error = NULL;

  if (!dbus_authorise_finish (result, &error))
    g_dbus_method_invocation_return_gerror (call->invocation, error);
  else if (g_cancellable_is_cancelled (call->cancellable))
    g_dbus_method_invocation_return_dbus_error (call->invocation, "org.roamd.Error.Failed", "roamd stops");
  else if (act (call->adaptor->agent, call->invocation, &error))
    g_dbus_method_invocation_return_value (call->invocation, NULL);
  else
    g_dbus_method_invocation_return_dbus_error (call->invocation, error_name (error), error->message);
}

static void
return_history (DbusAdaptor *adaptor, GVariant *parameters, GDBusMethodInvocation *invocation)
{
  g_autoptr (GPtrArray) history = NULL;
  guint limit;

  g_variant_get (parameters, "(u)", &limit);
  history = agent_dup_history (adaptor->agent, limit);
  g_dbus_method_invocation_return_value (invocation, g_variant_new ("(@aa{sv})", dbus_variant_from_history (history)));
}

static void
return_associations (DbusAdaptor *adaptor, GDBusMethodInvocation *invocation)
{
  g_autoptr (AgentSa) sa = agent_dup_sa (adaptor->agent);
  GVariantBuilder rows;

  g_variant_builder_init (&rows, G_VARIANT_TYPE ("aa{sv}"));
  if (sa != NULL)
    g_variant_builder_add_value (&rows, dbus_variant_from_sa (sa));
  g_dbus_method_invocation_return_value (invocation, g_variant_new ("(aa{sv})", &rows));
}

static void
on_method_call (GDBusConnection *connection, const char *sender, const char *path, const char *interface,
                const char *method, GVariant *parameters, GDBusMethodInvocation *invocation, gpointer user_data)
{
  DbusAdaptor *adaptor = user_data;
  Call *call;

  if (g_str_equal (method, "GetHistory"))
    {
      return_history (adaptor, parameters, invocation);
      return;
    }
  if (g_str_equal (method, "GetSecurityAssociations"))
    {
      return_associations (adaptor, invocation);
      return;
    }
  call = g_new0 (Call, 1);
  call->adaptor = adaptor;
  call->cancellable = g_object_ref (adaptor->cancellable);
  call->invocation = invocation;
  dbus_authorise_async (invocation,
                        g_str_equal (method, "ProvideSecret") ? DBUS_ADAPTOR_ACTION_SECRET : DBUS_ADAPTOR_ACTION,
                        on_authorised, call);
}

/* ------------------------------------------------------------------- announcing ---- */

static void
emit (DbusAdaptor *adaptor, const char *interface, const char *signal, GVariant *parameters)
{
  g_autoptr (GVariant) owned = g_variant_ref_sink (parameters);

  if (adaptor->connection != NULL && adaptor->object_id != 0)
    g_dbus_connection_emit_signal (adaptor->connection, NULL, DBUS_ADAPTOR_PATH, interface, signal, owned, NULL);
}

/* Why the mode is another: the active link's last transition says it best. */
static const char *
state_reason (const AgentSnapshot *snapshot)
{
  for (guint i = 0; i < snapshot->links->len; i++)
    {
      const AgentLinkStatus *link = snapshot->links->pdata[i];

      if (link->active && link->reason[0] != '\0')
        return link->reason;
    }
  return snapshot->sentence;
}

/* A handle that was not there before is a question. */
static void
emit_secrets (DbusAdaptor *adaptor, const AgentSnapshot *old, const AgentSnapshot *snapshot)
{
  for (guint i = 0; i < snapshot->secrets->len; i++)
    {
      const AgentSecretRequest *request = snapshot->secrets->pdata[i];
      gboolean known = FALSE;

      for (guint j = 0; old != NULL && j < old->secrets->len && !known; j++)
        known = ((const AgentSecretRequest *)old->secrets->pdata[j])->handle == request->handle;
      if (!known)
        emit (adaptor, roamd_agent1_interface_info ()->name, "SecretNeeded",
              g_variant_new ("(@a{sv})", dbus_variant_from_secret (request)));
    }
}

static void
on_snapshot_changed (AgentSnapshot *snapshot, gpointer user_data)
{
  DbusAdaptor *adaptor = user_data;
  g_autoptr (AgentSnapshot) old = g_steal_pointer (&adaptor->announced);
  GVariant *changed;

  adaptor->announced = agent_snapshot_ref (snapshot);
  g_clear_pointer (&adaptor->fresh, agent_snapshot_unref);
  g_clear_handle_id (&adaptor->fresh_source, g_source_remove);
  changed = dbus_properties_diff (old, snapshot);
  if (changed != NULL)
    emit (adaptor, "org.freedesktop.DBus.Properties", "PropertiesChanged",
          g_variant_new ("(s@a{sv}@as)", roamd_agent1_interface_info ()->name, changed,
                         g_variant_new_array (G_VARIANT_TYPE_STRING, NULL, 0)));
  emit_secrets (adaptor, old, snapshot);
  if (old != NULL && !g_str_equal (old->mode, snapshot->mode))
    emit (adaptor, roamd_agent1_interface_info ()->name, "StateChanged",
          g_variant_new ("(sss)", old->mode, snapshot->mode, state_reason (snapshot)));
}

static void
on_handover (const AgentHandover *handover, gpointer user_data)
{
  GVariant *row = dbus_variant_from_handover (handover);

  emit (user_data, roamd_agent1_interface_info ()->name, "HandoverDone", g_variant_new_tuple (&row, 1));
}

/* -------------------------------------------------------------------- the bus ---- */

static const GDBusInterfaceVTable vtable = { .method_call = on_method_call, .get_property = on_get_property };

static void
drop_connection (DbusAdaptor *adaptor)
{
  if (adaptor->connection == NULL)
    return;
  g_clear_handle_id (&adaptor->name_id, g_bus_unown_name);
  if (adaptor->object_id != 0)
    g_dbus_connection_unregister_object (adaptor->connection, adaptor->object_id);
  adaptor->object_id = 0;
  g_clear_signal_handler (&adaptor->closed_handler, adaptor->connection);
  g_clear_object (&adaptor->connection);
}

static gboolean
on_retry (gpointer user_data)
{
  DbusAdaptor *adaptor = user_data;

  adaptor->retry_source = 0;
  connect_to_bus (adaptor);
  return G_SOURCE_REMOVE;
}

static void
retry_later (DbusAdaptor *adaptor)
{
  if (adaptor->retry_source == 0)
    adaptor->retry_source = g_timeout_add_seconds (adaptor->retry_s, on_retry, adaptor);
  adaptor->retry_s = MIN (2 * adaptor->retry_s, LAST_RETRY_S);
}

static void
on_closed (GDBusConnection *connection, gboolean remote_peer_vanished, GError *error, gpointer user_data)
{
  DbusAdaptor *adaptor = user_data;

  g_warning ("The system bus is gone (%s); trying again", error == NULL ? "closed" : error->message);
  drop_connection (adaptor);
  adaptor->retry_s = FIRST_RETRY_S;
  retry_later (adaptor);
}

static void
on_name_lost (GDBusConnection *connection, const char *name, gpointer user_data)
{
  /* With a connection: another roamd owns it, or the bus policy is not installed. */
  if (connection != NULL && !g_dbus_connection_is_closed (connection))
    g_warning ("The bus does not give me the name %s: is another roamd running, or its bus policy not installed?",
               name);
}

static void
on_connected (GObject *source, GAsyncResult *result, gpointer user_data)
{
  g_autoptr (GError) error = NULL;
  GDBusConnection *connection = g_dbus_connection_new_for_address_finish (result, &error);
  DbusAdaptor *adaptor = user_data;

  if (g_error_matches (error, G_IO_ERROR, G_IO_ERROR_CANCELLED))
    return; /* the adaptor is gone */
  if (connection == NULL)
    {
      g_message ("The system bus cannot be reached (%s); trying again", error->message);
      retry_later (adaptor);
      return;
    }
  adaptor->connection = connection;
  adaptor->retry_s = FIRST_RETRY_S;
  adaptor->closed_handler = g_signal_connect (connection, "closed", G_CALLBACK (on_closed), adaptor);
  adaptor->object_id = g_dbus_connection_register_object (connection, DBUS_ADAPTOR_PATH, roamd_agent1_interface_info (),
                                                          &vtable, adaptor, NULL, &error);
  if (adaptor->object_id == 0)
    g_critical ("The object %s cannot be put on the bus: %s", DBUS_ADAPTOR_PATH, error->message);
  adaptor->name_id = g_bus_own_name_on_connection (connection, DBUS_ADAPTOR_NAME, G_BUS_NAME_OWNER_FLAGS_NONE, NULL,
                                                   on_name_lost, adaptor, NULL);
}

static void
connect_to_bus (DbusAdaptor *adaptor)
{
  g_autoptr (GError) error = NULL;
  g_autofree char *address = g_dbus_address_get_for_bus_sync (G_BUS_TYPE_SYSTEM, NULL, &error);

  if (address == NULL)
    {
      g_warning ("No system bus: %s", error->message);
      return;
    }
  /* Not g_bus_get(): the shared connection would end the process when it closes. */
  g_dbus_connection_new_for_address (
    address, G_DBUS_CONNECTION_FLAGS_AUTHENTICATION_CLIENT | G_DBUS_CONNECTION_FLAGS_MESSAGE_BUS_CONNECTION, NULL,
    adaptor->cancellable, on_connected, adaptor);
}

DbusAdaptor *
dbus_adaptor_new (Agent *agent)
{
  static const AgentListener listener = { .snapshot_changed = on_snapshot_changed, .handover = on_handover };
  DbusAdaptor *adaptor = g_new0 (DbusAdaptor, 1);

  adaptor->agent = agent;
  adaptor->cancellable = g_cancellable_new ();
  adaptor->retry_s = FIRST_RETRY_S;
  adaptor->announced = agent_get_snapshot (agent);
  agent_set_listener (agent, &listener, adaptor);
  connect_to_bus (adaptor);
  return adaptor;
}

void
dbus_adaptor_free (DbusAdaptor *adaptor)
{
  if (adaptor == NULL)
    return;
  agent_set_listener (adaptor->agent, NULL, NULL);
  g_cancellable_cancel (adaptor->cancellable);
  drop_connection (adaptor);
  g_clear_handle_id (&adaptor->retry_source, g_source_remove);
  g_clear_handle_id (&adaptor->fresh_source, g_source_remove);
  g_clear_pointer (&adaptor->fresh, agent_snapshot_unref);
  g_clear_pointer (&adaptor->announced, agent_snapshot_unref);
  g_clear_object (&adaptor->cancellable);
  g_free (adaptor);
}
