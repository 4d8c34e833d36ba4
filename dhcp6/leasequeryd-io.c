/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "dhcp6/leasequeryd-io.h"

#include "dhcp6/kea-leases-io.h"
#include "dhcp6/lease-diff.h"
#include "dhcp6/lease-sqlite-io.h"
#include "dhcp6/leasequery-server-io.h"

#include <json-glib/json-glib.h>
#include <sys/random.h>
#include <sys/resource.h>

/* The core of roam-leasequeryd: where leases come from, who answers, what is told about it. */

/* How long answers under way may take to end after SIGTERM. */
#define STOP_MS 5000
#define STATUS_MS 1000
/* Descriptors beside those of connections: listeners, lease files, log, inotify, lingering connections. */
#define OTHER_DESCRIPTORS 128u
/* Bindings compared in one turn of the loop, when a new store takes the old one's place: a millisecond or two. */
#define COMPARED_A_TURN 5000u
/* Of a store that was replaced, freed in one turn. */
#define FREED_A_TURN 10000u

struct _Leasequeryd
{
  LeasequerydConfig *config;
  LeasequeryServerIo *server;
  KeaLeasesIo *kea;      /* either */
  LeaseSqliteIo *sqlite; /* or */
  LeaseStore *store;     /* what answers now; NULL: none */
  LeaseJournal *journal; /* of its changes; NULL: no active leasequery */
  LeaseDiff *diff;       /* to the store before, under way; NULL: none */
  LeaseStore *old;       /* that store, on its way out */
  guint compare;
  guint8 key[LEASE_STORE_KEY_LENGTH];
  char *status_path, *last_status;
  guint status_timer;
};

/* ------------------------------------------------------------------ leases ---- */

static void
prepare_store (LeaseStore *store, gpointer user_data)
{
  const Leasequeryd *daemon = user_data;

  lease_store_set_key (store, daemon->key);
  for (guint i = 0; i < daemon->config->subnets->len; i++)
    {
      const KeaSubnet *subnet = &g_array_index (daemon->config->subnets, KeaSubnet, i);

      lease_store_add_subnet (store, subnet->link, subnet->subnet_id, &subnet->prefix);
    }
}

static void
note_time (gpointer user_data)
{
  const Leasequeryd *daemon = user_data;

  if (daemon->journal != NULL)
    lease_journal_set_time (daemon->journal, g_get_real_time () / G_USEC_PER_SEC);
}

static void
on_grown (gpointer user_data)
{
  const Leasequeryd *daemon = user_data;

  if (daemon->journal != NULL && daemon->server != NULL)
    leasequery_server_io_look (daemon->server);
}

static gboolean
on_compare (gpointer user_data)
{
  Leasequeryd *daemon = user_data;

  if (daemon->diff != NULL)
    {
      note_time (daemon);
      if (!lease_diff_step (daemon->diff, COMPARED_A_TURN))
        {
          on_grown (daemon);
          return G_SOURCE_CONTINUE;
        }
      daemon->old = lease_diff_steal_old (daemon->diff);
      g_clear_pointer (&daemon->diff, lease_diff_free);
      on_grown (daemon);
    }
  if (!lease_store_unref_slowly (&daemon->old, FREED_A_TURN))
    return G_SOURCE_CONTINUE;
  daemon->compare = 0;
  return G_SOURCE_REMOVE;
}

/* Active queries hear of a new store what it says otherwise than the one before (RFC 7653 7). */
static void
compare_stores (Leasequeryd *daemon, LeaseStore *store)
{
  gboolean under_way = daemon->diff != NULL;

  note_time (daemon);
  if (daemon->store != NULL)
    lease_store_set_journal (daemon->store, NULL);
  lease_store_set_journal (store, daemon->journal);
  g_clear_pointer (&daemon->diff, lease_diff_free);
  /* Without the store before, or with one that was not compared to its end, changes were missed. */
  if (daemon->store == NULL || under_way)
    {
      lease_journal_restart (daemon->journal);
      return;
    }
  daemon->diff = lease_diff_new (daemon->store, store, daemon->journal);
  if (daemon->compare == 0)
    daemon->compare = g_idle_add_full (G_PRIORITY_DEFAULT, on_compare, daemon, NULL);
}

static void
on_store (LeaseStore *store, gpointer user_data)
{
  Leasequeryd *daemon = user_data;

  if (store != NULL && daemon->journal != NULL)
    compare_stores (daemon, store);
  g_clear_pointer (&daemon->store, lease_store_unref);
  if (store != NULL)
    daemon->store = lease_store_ref (store);
  if (daemon->server != NULL)
    leasequery_server_io_set_store (daemon->server, store, daemon->journal);
}

/* On or off, with another size: what was noted before is not known to a new one. */
static void
set_up_journal (Leasequeryd *daemon, const LeasequerydConfig *before)
{
  const LeasequerydConfig *config = daemon->config;

  if (before != NULL && before->server.active == config->server.active &&
      before->active_journal == config->active_journal)
    return;
  g_clear_handle_id (&daemon->compare, g_source_remove);
  g_clear_pointer (&daemon->diff, lease_diff_free);
  g_clear_pointer (&daemon->journal, lease_journal_unref);
  if (config->server.active)
    daemon->journal = lease_journal_new (config->active_journal, g_get_real_time () / G_USEC_PER_SEC);
  if (daemon->store != NULL)
    lease_store_set_journal (daemon->store, daemon->journal);
}

static void
open_source (Leasequeryd *daemon)
{
  const LeasequerydConfig *config = daemon->config;
  const KeaLeasesIoConfig kea = {
    .file = config->file,
    .points = config->server.points,
    .prepare = prepare_store,
    .changed = on_store,
    .growing = note_time,
    .grown = on_grown,
    .user_data = daemon,
  };
  const LeaseSqliteIoConfig sqlite = {
    .file = config->file,
    .statement = config->statement,
    .points = config->server.points,
    .prepare = prepare_store,
    .changed = on_store,
    .user_data = daemon,
  };

  switch (config->source)
    {
    case LEASEQUERYD_SOURCE_KEA:
      daemon->kea = kea_leases_io_new (&kea);
      return;
    case LEASEQUERYD_SOURCE_SQLITE:
      daemon->sqlite = lease_sqlite_io_new (&sqlite);
      return;
    }
}

static void
close_source (Leasequeryd *daemon)
{
  g_clear_pointer (&daemon->kea, kea_leases_io_free);
  g_clear_pointer (&daemon->sqlite, lease_sqlite_io_free);
}

/* ------------------------------------------------------------------ status ---- */

static void
add_number (JsonBuilder *builder, const char *name, guint64 value)
{
  json_builder_set_member_name (builder, name);
  json_builder_add_int_value (builder, (gint64)value);
}

static void
add_source (JsonBuilder *builder, const Leasequeryd *daemon)
{
  KeaLeasesIoCounters counters = { 0 };

  if (daemon->kea != NULL)
    kea_leases_io_get_counters (daemon->kea, &counters);
  else
    {
      LeaseSqliteIoCounters sqlite;

      lease_sqlite_io_get_counters (daemon->sqlite, &sqlite);
      counters = (KeaLeasesIoCounters){ sqlite.rows,   sqlite.bad_rows, sqlite.loads,  sqlite.failures,
                                        sqlite.leases, sqlite.loading,  sqlite.load_us };
    }
  json_builder_set_member_name (builder, "leases");
  json_builder_begin_object (builder);
  json_builder_set_member_name (builder, "readable");
  json_builder_add_boolean_value (builder, daemon->store != NULL);
  json_builder_set_member_name (builder, "loading");
  json_builder_add_boolean_value (builder, counters.loading);
  add_number (builder, "leases", daemon->store != NULL ? lease_store_n_leases (daemon->store) : 0);
  add_number (builder, "store_octets", daemon->store != NULL ? lease_store_size (daemon->store) : 0);
  add_number (builder, "rows", counters.rows);
  add_number (builder, "bad_rows", counters.bad_rows);
  add_number (builder, "loads", counters.loads);
  add_number (builder, "failures", counters.failures);
  add_number (builder, "load_ms", (guint64)counters.load_us / 1000);
  json_builder_end_object (builder);
}

static void
add_queries (JsonBuilder *builder, const LeasequeryServerCounters *counters)
{
  static const char *const types[G_N_ELEMENTS (counters->queries)] = { "other",    "address", "client",
                                                                       "relay-id", "link",    "remote-id" };

  json_builder_set_member_name (builder, "queries");
  json_builder_begin_object (builder);
  for (guint i = 0; i < G_N_ELEMENTS (types); i++)
    add_number (builder, types[i], counters->queries[i]);
  json_builder_end_object (builder);
  json_builder_set_member_name (builder, "statuses");
  json_builder_begin_object (builder);
  for (guint i = 0; i < G_N_ELEMENTS (counters->statuses); i++)
    if (counters->statuses[i] > 0)
      {
        g_autofree char *name = dhcp6_status_to_string ((guint16)i);

        add_number (builder, name, counters->statuses[i]);
      }
  json_builder_end_object (builder);
}

static void
add_server (JsonBuilder *builder, const Leasequeryd *daemon)
{
  LeasequeryServerCounters counters;

  leasequery_server_io_get_counters (daemon->server, &counters);
  add_number (builder, "port", leasequery_server_io_get_port (daemon->server));
  add_number (builder, "connections", counters.connections);
  add_number (builder, "active", counters.active);
  add_number (builder, "changes", counters.changes);
  add_number (builder, "journal", daemon->journal != NULL ? lease_journal_n_changes (daemon->journal) : 0);
  add_number (builder, "secured", counters.secured);
  add_number (builder, "accepted", counters.accepted);
  add_number (builder, "refused", counters.refused);
  add_number (builder, "displaced", counters.displaced);
  add_number (builder, "timeouts", counters.timeouts);
  add_number (builder, "faults", counters.faults);
  add_number (builder, "clients", counters.clients);
  add_number (builder, "bindings", counters.bindings);
  add_number (builder, "octets_out", counters.octets_out);
  add_number (builder, "first_bindings", counters.first_bindings);
  add_number (builder, "first_binding_us_sum", counters.first_binding_us_sum);
  add_queries (builder, &counters);
}

static char *
dup_status (const Leasequeryd *daemon)
{
  g_autoptr (JsonBuilder) builder = json_builder_new ();
  g_autoptr (JsonGenerator) generator = json_generator_new ();
  g_autoptr (JsonNode) root = NULL;

  json_builder_begin_object (builder);
  add_server (builder, daemon);
  add_source (builder, daemon);
  json_builder_end_object (builder);
  root = json_builder_get_root (builder);
  json_generator_set_root (generator, root);
  json_generator_set_pretty (generator, TRUE);
  return json_generator_to_data (generator, NULL);
}

static gboolean
on_status (gpointer user_data)
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

/* ------------------------------------------------------------------- whole ---- */

/* As many descriptors as the configured connections need, if the system lets us. */
static void
raise_descriptors (const LeasequerydConfig *config)
{
  rlim_t needed = (rlim_t)config->server.max_connections + OTHER_DESCRIPTORS;
  struct rlimit limit;

  if (getrlimit (RLIMIT_NOFILE, &limit) < 0 || limit.rlim_cur >= needed)
    return;
  limit.rlim_cur = MIN (needed, limit.rlim_max);
  if (setrlimit (RLIMIT_NOFILE, &limit) < 0 || limit.rlim_cur < needed)
    g_warning ("max-connections=%u needs %u descriptors, the limit is %u", config->server.max_connections,
               (guint)needed, (guint)limit.rlim_cur);
}

static void
apply_limits (const LeasequerydConfig *config)
{
  if (config->server.n_permissions == 0)
    g_warning ("No group [requestor ...]: nobody may connect");
  raise_descriptors (config);
}

Leasequeryd *
leasequeryd_new (LeasequerydConfig *config, const char *status_path, GError **error)
{
  g_autoptr (Leasequeryd) daemon = g_new0 (Leasequeryd, 1);
  LeasequeryServerIoConfig edge;

  daemon->config = config;
  daemon->status_path = g_strdup (status_path);
  edge = (LeasequeryServerIoConfig){ &g_array_index (config->listen, RoamEndpoint, 0), config->listen->len };
  apply_limits (config);
  if (getrandom (daemon->key, sizeof daemon->key, 0) != (gssize)sizeof daemon->key)
    g_warning ("The kernel gives no random octets; look-up can be slowed down by clients");
  set_up_journal (daemon, NULL);
  open_source (daemon);
  daemon->server = leasequery_server_io_new (leasequery_server_new (&config->server), &edge, error);
  if (daemon->server == NULL)
    return NULL;
  leasequery_server_io_set_tls (daemon->server, config->tls);
  leasequery_server_io_set_store (daemon->server, daemon->store, daemon->journal);
  if (status_path != NULL)
    {
      on_status (daemon);
      daemon->status_timer = g_timeout_add (STATUS_MS, on_status, daemon);
    }
  return g_steal_pointer (&daemon);
}

void
leasequeryd_free (Leasequeryd *daemon)
{
  if (daemon == NULL)
    return;
  g_clear_handle_id (&daemon->status_timer, g_source_remove);
  if (daemon->server != NULL && daemon->status_path != NULL)
    on_status (daemon);
  close_source (daemon);
  g_clear_handle_id (&daemon->compare, g_source_remove);
  g_clear_pointer (&daemon->diff, lease_diff_free);
  g_clear_pointer (&daemon->server, leasequery_server_io_free);
  g_clear_pointer (&daemon->store, lease_store_unref);
  g_clear_pointer (&daemon->old, lease_store_unref);
  g_clear_pointer (&daemon->journal, lease_journal_unref);
  leasequeryd_config_free (daemon->config);
  g_free (daemon->status_path);
  g_free (daemon->last_status);
  g_free (daemon);
}

static gboolean
is_same_listen (const GArray *a, const GArray *b)
{
  if (a->len != b->len)
    return FALSE;
  for (guint i = 0; i < a->len; i++)
    if (!roam_endpoint_equal (&g_array_index (a, RoamEndpoint, i), &g_array_index (b, RoamEndpoint, i)))
      return FALSE;
  return TRUE;
}

static gboolean
is_same_source (const LeasequerydConfig *a, const LeasequerydConfig *b)
{
  return a->source == b->source && g_str_equal (a->file, b->file) && g_str_equal (a->statement, b->statement) &&
         a->server.points.option_relay_id == b->server.points.option_relay_id;
}

void
leasequeryd_reload (Leasequeryd *daemon, LeasequerydConfig *config)
{
  g_autoptr (LeasequerydConfig) old = daemon->config;

  if (!is_same_listen (old->listen, config->listen))
    g_warning ("Other addresses to listen on take a restart");
  apply_limits (config);
  daemon->config = config;
  leasequery_server_io_set_tls (daemon->server, config->tls);
  leasequery_server_io_configure (daemon->server, &config->server);
  set_up_journal (daemon, old);
  if (daemon->store != NULL)
    leasequery_server_io_set_store (daemon->server, daemon->store, daemon->journal);
  if (!is_same_source (old, config))
    {
      close_source (daemon);
      open_source (daemon);
    }
  else if (daemon->kea != NULL)
    kea_leases_io_reload (daemon->kea);
  else
    lease_sqlite_io_reload (daemon->sqlite);
}

void
leasequeryd_stop (Leasequeryd *daemon, void (*done) (gpointer user_data), gpointer user_data)
{
  leasequery_server_io_stop (daemon->server, STOP_MS, done, user_data);
}
