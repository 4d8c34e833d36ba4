/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "cli/cli.h"

#define BUS_NAME "org.roamd"
#define OBJECT_PATH "/org/roamd"

static const char not_running[] = "roamd is not running. Start it with: systemctl start roamd\n"
                                  "If it does not stay up: journalctl -u roamd\n";

static GDBusConnection *
connect_to_bus (GError **error)
{
  g_autofree char *address = g_dbus_address_get_for_bus_sync (G_BUS_TYPE_SYSTEM, NULL, error);

  if (address == NULL)
    return NULL;
  return g_dbus_connection_new_for_address_sync (
    address, G_DBUS_CONNECTION_FLAGS_AUTHENTICATION_CLIENT | G_DBUS_CONNECTION_FLAGS_MESSAGE_BUS_CONNECTION, NULL, NULL,
    error);
}

RoamdAgent1 *
cli_client_new (CliExit *ret_exit)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (GDBusConnection) connection = connect_to_bus (&error);
  g_autoptr (RoamdAgent1) agent = NULL;
  g_autofree char *owner = NULL;

  *ret_exit = CLI_NOT_RUNNING;
  if (connection == NULL)
    {
      g_printerr ("The system bus cannot be reached: %s\nIs dbus running? systemctl status dbus\n", error->message);
      return NULL;
    }
  agent =
    roamd_agent1_proxy_new_sync (connection, G_DBUS_PROXY_FLAGS_DO_NOT_AUTO_START, BUS_NAME, OBJECT_PATH, NULL, &error);
  if (agent == NULL)
    {
      *ret_exit = cli_report (error);
      return NULL;
    }
  owner = g_dbus_proxy_get_name_owner (G_DBUS_PROXY (agent));
  if (owner == NULL)
    {
      g_printerr ("%s", not_running);
      return NULL;
    }
  return g_steal_pointer (&agent);
}

CliExit
cli_report (const GError *error)
{
  g_autofree char *remote = g_dbus_error_get_remote_error (error);
  g_autoptr (GError) plain = g_error_copy (error);

  g_dbus_error_strip_remote_error (plain);
  if (g_error_matches (error, G_DBUS_ERROR, G_DBUS_ERROR_SERVICE_UNKNOWN) ||
      g_error_matches (error, G_DBUS_ERROR, G_DBUS_ERROR_NAME_HAS_NO_OWNER) ||
      g_error_matches (error, G_DBUS_ERROR, G_DBUS_ERROR_NO_REPLY))
    {
      g_printerr ("%s", not_running);
      return CLI_NOT_RUNNING;
    }
  if (g_error_matches (error, G_DBUS_ERROR, G_DBUS_ERROR_ACCESS_DENIED))
    {
      g_printerr ("Not allowed: %s\nTry again with sudo, or ask your administrator for the polkit action that is meant "
                  "(org.roamd.control, org.roamd.secret).\n",
                  plain->message);
      return CLI_DENIED;
    }
  g_printerr ("%s\n", plain->message);
  if (g_strcmp0 (remote, "org.roamd.Error.UnknownInterface") == 0)
    g_printerr ("\"roamctl status\" lists the interfaces.\n");
  return CLI_FAILED;
}
