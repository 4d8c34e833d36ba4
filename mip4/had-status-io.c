/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "mip4/had-core-io-private.h"

#include <string.h>

/* What roam-had tells about itself: the control socket's answers and the status file, from the same functions. */

/* Bindings in one answer; the client asks for the next page. Some 300 octets each. */
#define PAGE 1000u
/* The status file may cost one part in so many of the time: with many bindings it lags rather than slows us down. */
#define STATUS_SHARE 50

static void
set_address (JsonObject *object, const char *name, const RoamAddr *addr)
{
  char text[ROAM_ADDR_STRLEN];

  json_object_set_string_member (object, name, roam_addr_to_string (addr, text));
}

static JsonObject *
describe_binding (const Mip4HaBinding *binding, const RoamNow *now)
{
  JsonObject *object = json_object_new ();
  gint64 unix_us = g_get_real_time ();

  set_address (object, "home-address", &binding->home_address);
  set_address (object, "care-of-address", &binding->care_of_address);
  set_address (object, "peer-address", &binding->peer.addr);
  json_object_set_int_member (object, "peer-port", binding->peer.port);
  json_object_set_boolean_member (object, "udp-tunnel", binding->udp_tunnel);
  json_object_set_boolean_member (object, "reverse-tunnel", binding->reverse_tunnel);
  json_object_set_boolean_member (object, "co-located", binding->co_located);
  json_object_set_int_member (object, "lifetime", binding->lifetime_s);
  json_object_set_int_member (object, "accepted-us", unix_us - (now->boot_us - binding->accepted_us));
  if (binding->expiry_us != ROAM_NEVER)
    json_object_set_int_member (object, "expires-us", unix_us + (binding->expiry_us - now->boot_us));
  return object;
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
add_all_counters (const Had *had, JsonObject *answer)
{
  g_autoptr (GHashTable) registration = mip4_ha_dup_counters (had->ha), data = had_data_dup_counters (had->data);

  had_udp_add_counters (had->udp, registration);
  if (had->store != NULL)
    had_store_add_counters (had->store, registration);
  add_counters (answer, "registration-counters", registration);
  add_counters (answer, "data-counters", data);
}

/* At most @limit bindings with home addresses above @after (0.0.0.0: all); "more" when there are others. */
static void
add_bindings (const Had *had, const RoamNow *now, guint32 after, guint limit, JsonObject *answer)
{
  g_autoptr (GArray) bindings = mip4_ha_dup_bindings (had->ha);
  JsonArray *array = json_array_new ();
  guint32 last = after;
  gboolean more = FALSE;

  for (guint i = 0; i < bindings->len; i++)
    {
      const Mip4HaBinding *binding = &g_array_index (bindings, Mip4HaBinding, i);
      guint32 home_address = roam_addr_to_u32 (&binding->home_address);

      if (home_address <= after)
        continue;
      /* Never between two bindings of one node: the next page begins behind a home address. */
      more = json_array_get_length (array) >= limit && home_address != last;
      if (more)
        break;
      json_array_add_object_element (array, describe_binding (binding, now));
      last = home_address;
    }
  json_object_set_array_member (answer, "bindings", array);
  if (limit != G_MAXUINT)
    json_object_set_boolean_member (answer, "more", more);
}

static void
add_summary (const Had *had, JsonObject *answer)
{
  set_address (answer, "address", &had->config->address);
  json_object_set_string_member (answer, "version", ROAMD_VERSION);
  json_object_set_string_member (answer, "interface", had->config->interface);
  json_object_set_int_member (answer, "time-us", g_get_real_time ());
  json_object_set_int_member (answer, "uptime", (had_boot_us () - had->started_us) / ROAM_USEC_PER_SEC);
  json_object_set_int_member (answer, "nodes", had->config->nodes->len);
  json_object_set_int_member (answer, "n-bindings", mip4_ha_n_bindings (had->ha));
  json_object_set_int_member (answer, "restored", had->n_restored);
  json_object_set_string_member (answer, "store",
                                 had->store == NULL                  ? "off"
                                 : had_store_is_failing (had->store) ? "failing"
                                                                     : "on");
}

/* ----------------------------------------------------------------- status file ---- */

static void
write_status_now (Had *had)
{
  const RoamNow now = had_now ();
  g_autoptr (JsonObject) status = json_object_new ();
  g_autoptr (JsonNode) root = NULL;
  g_autofree char *text = NULL;
  g_autoptr (GError) error = NULL;

  set_address (status, "address", &had->config->address);
  json_object_set_int_member (status, "time-us", g_get_real_time ());
  add_bindings (had, &now, 0, G_MAXUINT, status);
  add_all_counters (had, status);
  root = json_node_init_object (json_node_alloc (), status);
  text = json_to_string (root, TRUE);
  if (!g_file_set_contents (had->status_path, text, -1, &error))
    g_warning ("Status file: %s", error->message);
  had->status_due_us = had_boot_us () + STATUS_SHARE * (had_boot_us () - now.boot_us);
}

static gboolean
status_due (gpointer user_data)
{
  Had *had = user_data;

  had->status_source = 0;
  write_status_now (had);
  return G_SOURCE_REMOVE;
}

void
had_status_changed (Had *had)
{
  gint64 wait_us = had->status_due_us - had_boot_us ();

  if (had->status_path == NULL || had->status_source != 0)
    return;
  if (wait_us <= 0)
    write_status_now (had);
  else
    had->status_source = g_timeout_add ((guint)(wait_us / 1000 + 1), status_due, had);
}

/* -------------------------------------------------------------- control socket ---- */

static gboolean
get_address (JsonObject *request, const char *name, RoamAddr *ret, GError **error)
{
  const char *text = json_object_get_string_member_with_default (request, name, "");

  if (roam_addr_parse (text, ret) && ret->family == ROAM_FAMILY_INET4)
    return TRUE;
  g_set_error (error, HAD_ERROR, EINVAL, "%s: found '%s', allowed: an IPv4 address", name, text);
  return FALSE;
}

static gboolean
answer_bindings (const Had *had, JsonObject *request, JsonObject *answer, GError **error)
{
  const RoamNow now = had_now ();
  RoamAddr after = roam_addr_from_u32 (0);

  if (json_object_has_member (request, "after") && !get_address (request, "after", &after, error))
    return FALSE;
  add_bindings (had, &now, roam_addr_to_u32 (&after), PAGE, answer);
  return TRUE;
}

gboolean
had_control_handle (const char *command, JsonObject *request, JsonObject *answer, gpointer user_data, GError **error)
{
  Had *had = user_data;
  RoamAddr address;

  if (strcmp (command, "status") == 0)
    add_summary (had, answer);
  else if (strcmp (command, "counters") == 0)
    add_all_counters (had, answer);
  else if (strcmp (command, "bindings") == 0)
    return answer_bindings (had, request, answer, error);
  else if (strcmp (command, "revoke") == 0)
    {
      if (!get_address (request, "home-address", &address, error))
        return FALSE;
      json_object_set_int_member (answer, "revoked", had_revoke (had, &address));
    }
  else
    {
      g_set_error (error, HAD_ERROR, EINVAL, "Unknown command '%s', allowed: status, bindings, counters, revoke",
                   command);
      return FALSE;
    }
  return TRUE;
}
