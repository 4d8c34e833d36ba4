/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "dhcp6/leasequeryd-private.h"

/* What roam-leasequeryd tells about itself (LQ-SRV-103). */

static void
add_number (JsonObject *answer, const char *name, guint64 value)
{
  json_object_set_int_member (answer, name, (gint64)value);
}

/* The same of each source. */
static void
get_counters (const Leasequeryd *daemon, KeaLeasesIoCounters *counters)
{
  LeaseSqliteIoCounters sqlite;
  LeaseDatabaseIoCounters database;

  if (daemon->kea != NULL)
    kea_leases_io_get_counters (daemon->kea, counters);
  else if (daemon->sqlite != NULL)
    {
      lease_sqlite_io_get_counters (daemon->sqlite, &sqlite);
      *counters = (KeaLeasesIoCounters){ sqlite.rows,   sqlite.bad_rows, sqlite.loads,  sqlite.failures,
                                         sqlite.leases, sqlite.loading,  sqlite.load_us };
    }
  else if (daemon->database != NULL)
    {
      lease_database_io_get_counters (daemon->database, &database);
      *counters = (KeaLeasesIoCounters){ database.rows,   database.bad_rows, database.loads,  database.failures,
                                         database.leases, database.loading,  database.load_us };
    }
}

static void
add_source (JsonObject *answer, const Leasequeryd *daemon)
{
  KeaLeasesIoCounters counters = { 0 };
  JsonObject *leases = json_object_new ();

  get_counters (daemon, &counters);
  json_object_set_boolean_member (leases, "readable", daemon->store != NULL);
  json_object_set_boolean_member (leases, "loading", counters.loading);
  add_number (leases, "leases", daemon->store != NULL ? lease_store_n_leases (daemon->store) : 0);
  add_number (leases, "store_octets", daemon->store != NULL ? lease_store_size (daemon->store) : 0);
  add_number (leases, "rows", counters.rows);
  add_number (leases, "bad_rows", counters.bad_rows);
  add_number (leases, "loads", counters.loads);
  add_number (leases, "failures", counters.failures);
  add_number (leases, "load_ms", (guint64)counters.load_us / 1000);
  json_object_set_object_member (answer, "leases", leases);
}

static void
add_queries (JsonObject *answer, const LeasequeryServerCounters *counters)
{
  static const char *const types[G_N_ELEMENTS (counters->queries)] = { "other",    "address", "client",
                                                                       "relay-id", "link",    "remote-id" };
  JsonObject *queries = json_object_new (), *statuses = json_object_new ();

  for (guint i = 0; i < G_N_ELEMENTS (types); i++)
    add_number (queries, types[i], counters->queries[i]);
  for (guint i = 0; i < G_N_ELEMENTS (counters->statuses); i++)
    if (counters->statuses[i] > 0)
      {
        g_autofree char *name = dhcp6_status_to_string ((guint16)i);

        add_number (statuses, name, counters->statuses[i]);
      }
  json_object_set_object_member (answer, "queries", queries);
  json_object_set_object_member (answer, "statuses", statuses);
}

static void
add_server (JsonObject *answer, const Leasequeryd *daemon)
{
  LeasequeryServerCounters counters;

  leasequery_server_io_get_counters (daemon->server, &counters);
  add_number (answer, "port", leasequery_server_io_get_port (daemon->server));
  add_number (answer, "connections", counters.connections);
  add_number (answer, "active", counters.active);
  add_number (answer, "changes", counters.changes);
  add_number (answer, "journal", daemon->journal != NULL ? lease_journal_n_changes (daemon->journal) : 0);
  add_number (answer, "secured", counters.secured);
  add_number (answer, "accepted", counters.accepted);
  add_number (answer, "refused", counters.refused);
  add_number (answer, "displaced", counters.displaced);
  add_number (answer, "timeouts", counters.timeouts);
  add_number (answer, "faults", counters.faults);
  add_number (answer, "udp", counters.udp);
  add_number (answer, "udp_dropped", counters.udp_dropped);
  add_number (answer, "clients", counters.clients);
  add_number (answer, "bindings", counters.bindings);
  add_number (answer, "octets_out", counters.octets_out);
  add_number (answer, "first_bindings", counters.first_bindings);
  add_number (answer, "first_binding_us_sum", counters.first_binding_us_sum);
  add_queries (answer, &counters);
}

void
leasequeryd_status_fill (const Leasequeryd *daemon, JsonObject *answer)
{
  add_server (answer, daemon);
  add_source (answer, daemon);
}

static char *
dup_status (const Leasequeryd *daemon)
{
  g_autoptr (JsonGenerator) generator = json_generator_new ();
  g_autoptr (JsonNode) root = json_node_new (JSON_NODE_OBJECT);
  JsonObject *answer = json_object_new ();

  leasequeryd_status_fill (daemon, answer);
  json_node_take_object (root, answer);
  json_generator_set_root (generator, root);
  json_generator_set_pretty (generator, TRUE);
  return json_generator_to_data (generator, NULL);
}

gboolean
leasequeryd_status_write (gpointer user_data)
{
  Leasequeryd *daemon = user_data;
  g_autofree char *status = dup_status (daemon);
  g_autoptr (GError) error = NULL;

  if (g_strcmp0 (status, daemon->last_status) == 0)
    return G_SOURCE_CONTINUE;
  if (!g_file_set_contents (daemon->status_path, status, -1, &error))
    g_warning ("The status cannot be written: %s", error->message);
  g_free (daemon->last_status);
  daemon->last_status = g_steal_pointer (&status);
  return G_SOURCE_CONTINUE;
}
