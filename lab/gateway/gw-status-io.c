/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "lab/gateway/gw-core-private.h"

#include <stdlib.h>
#include <string.h>

/* What roam-gw tells about itself, over its control socket. */

static void
set_address (JsonObject *object, const char *name, const RoamAddr *addr)
{
  char text[ROAM_ADDR_STRLEN];

  if (roam_addr_is_set (addr))
    json_object_set_string_member (object, name, roam_addr_to_string (addr, text));
}

static void
set_endpoint (JsonObject *object, const char *name, const RoamEndpoint *endpoint)
{
  char text[ROAM_ADDR_STRLEN];

  json_object_set_string_member (object, name, roam_endpoint_to_string (endpoint, text));
}

static void
set_spi (JsonObject *object, const char *name, guint32 spi)
{
  char text[sizeof "00000000"];

  g_snprintf (text, sizeof text, "%08x", spi);
  json_object_set_string_member (object, name, text);
}

static JsonObject *
describe_client (const GwClient *client, const IkeStatus *status)
{
  JsonObject *object = json_object_new ();

  json_object_set_int_member (object, "client", client->number);
  json_object_set_string_member (object, "state", status->state);
  json_object_set_string_member (object, "identity", status->remote_id);
  set_address (object, "inner", &client->inner4);
  set_address (object, "inner6", &client->inner6);
  json_object_set_string_member (object, "dialect", status->dialect);
  set_endpoint (object, "local", &client->local);
  set_endpoint (object, "remote", &client->remote);
  set_endpoint (object, "ike-remote", &status->remote);
  json_object_set_boolean_member (object, "nat", status->nat_remote);
  json_object_set_string_member (object, "encapsulation", client->udp_encap ? "udp" : "none");
  json_object_set_string_member (object, "ike-suite", status->ike_suite);
  json_object_set_string_member (object, "esp-suite", status->esp_suite);
  set_spi (object, "spi-in", status->child_spi_in);
  set_spi (object, "spi-out", status->child_spi_out);
  json_object_set_int_member (object, "seconds", (gw_now ().boot_us - status->established_us) / ROAM_USEC_PER_SEC);
  json_object_set_int_member (object, "rtt-us", status->last_rtt_us);
  json_object_set_int_member (object, "rx-packets", (gint64)client->rx_packets);
  json_object_set_int_member (object, "rx-octets", (gint64)client->rx_octets);
  json_object_set_int_member (object, "tx-packets", (gint64)client->tx_packets);
  json_object_set_int_member (object, "tx-octets", (gint64)client->tx_octets);
  return object;
}

static void
add_clients (const Gw *gw, JsonObject *answer)
{
  g_autoptr (GList) clients = gw_table_list (gw->table);
  JsonArray *array = json_array_new ();

  for (GList *item = clients; item != NULL; item = item->next)
    {
      const GwClient *client = item->data;
      IkeStatus status;

      if (client->established && ike_responder_get_status (gw->responder, client->number, &status))
        json_array_add_object_element (array, describe_client (client, &status));
    }
  json_object_set_array_member (answer, "clients", array);
}

static void
add_counters (JsonObject *answer, const char *name, GHashTable *counters)
{
  g_autoptr (GList) keys = g_list_sort (g_hash_table_get_keys (counters), (GCompareFunc)strcmp);
  JsonObject *object = json_object_new ();

  for (GList *key = keys; key != NULL; key = key->next)
    json_object_set_int_member (object, key->data, (gint64) * (guint64 *)g_hash_table_lookup (counters, key->data));
  json_object_set_object_member (answer, name, object);
}

static void
add_settings (const Gw *gw, JsonObject *answer)
{
  const IkeResponderConfig *engine = &gw->config->engine;
  JsonArray *dialects = json_array_new ();

  if (!engine->disable_mobike)
    json_array_add_string_element (dialects, "mobike");
  if (!engine->disable_mopo)
    json_array_add_string_element (dialects, "mopo");
  json_object_set_string_member (answer, "version", ROAMD_VERSION);
  json_object_set_int_member (answer, "time-us", g_get_real_time ());
  json_object_set_int_member (answer, "uptime", (gw_now ().boot_us - gw->started_us) / ROAM_USEC_PER_SEC);
  json_object_set_array_member (answer, "dialects", dialects);
  json_object_set_string_member (answer, "nat", engine->nat_policy == IKE_NAT_POLICY_FORBID ? "forbid" : "traverse");
  /* Half-open ones included. */
  json_object_set_int_member (answer, "n-clients", ike_responder_n_clients (gw->responder));
}

gboolean
gw_control_handle (const char *command, JsonObject *request, JsonObject *answer, gpointer user_data, GError **error)
{
  Gw *gw = user_data;
  g_autoptr (GHashTable) ike = NULL;
  g_autoptr (GHashTable) data = NULL;

  if (strcmp (command, "status") != 0)
    {
      g_set_error (error, GW_ERROR, 0, "Unknown command '%s', allowed: status", command);
      return FALSE;
    }
  ike = ike_responder_dup_counters (gw->responder);
  data = gw_data_dup_counters (gw->data);
  g_hash_table_insert (data, g_strdup ("cut-off"), g_memdup2 (&gw->lost, sizeof gw->lost));
  add_settings (gw, answer);
  add_clients (gw, answer);
  add_counters (answer, "ike-counters", ike);
  add_counters (answer, "data-counters", data);
  return TRUE;
}

int
gw_client_print_status (const char *path)
{
  g_autoptr (JsonObject) request = json_object_new ();
  g_autoptr (JsonObject) answer = NULL;
  g_autoptr (JsonNode) node = NULL;
  g_autoptr (GError) error = NULL;
  g_autofree char *text = NULL;

  json_object_set_string_member (request, "command", "status");
  answer = roam_control_call (path, request, &error);
  if (answer == NULL)
    {
      g_printerr ("roam-gw: %s\n", error->message);
      return EXIT_FAILURE;
    }
  node = json_node_init_object (json_node_alloc (), answer);
  text = json_to_string (node, TRUE);
  g_print ("%s\n", text);
  return EXIT_SUCCESS;
}
