/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "dhcp6/leasequeryd-private.h"

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
      g_clear_pointer (&daemon->old, lease_store_unref);
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
  const LeaseDatabaseIoConfig database = {
    .database = config->source == LEASEQUERYD_SOURCE_MYSQL ? lease_mysql_get () : lease_pgsql_get (),
    .connection = config->connection,
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
    case LEASEQUERYD_SOURCE_PGSQL:
    case LEASEQUERYD_SOURCE_MYSQL:
      daemon->database = lease_database_io_new (&database);
      return;
    }
}

static void
close_source (Leasequeryd *daemon)
{
  g_clear_pointer (&daemon->kea, kea_leases_io_free);
  g_clear_pointer (&daemon->sqlite, lease_sqlite_io_free);
  g_clear_pointer (&daemon->database, lease_database_io_free);
}

/* ----------------------------------------------------------------- control ---- */

static gboolean
on_control (const char *command, JsonObject *request, JsonObject *answer, gpointer user_data, GError **error)
{
  Leasequeryd *daemon = user_data;

  if (g_str_equal (command, "status"))
    {
      leasequeryd_status_fill (daemon, answer);
      return TRUE;
    }
  if (g_str_equal (command, "reload") && daemon->reload != NULL)
    {
      if (daemon->reload (daemon->reload_data))
        return TRUE;
      g_set_error (error, ROAM_CONTROL_ERROR, ROAM_CONTROL_ERROR_REQUEST,
                   "the configuration has faults; what was read before stays in use");
      return FALSE;
    }
  g_set_error (error, ROAM_CONTROL_ERROR, ROAM_CONTROL_ERROR_REQUEST, "no such command: %s", command);
  return FALSE;
}

gboolean
leasequeryd_listen_control (Leasequeryd *daemon, const char *path, gboolean (*reload) (gpointer user_data),
                            gpointer user_data, GError **error)
{
  daemon->reload = reload;
  daemon->reload_data = user_data;
  daemon->control = roam_control_new (path, NULL, on_control, daemon, error);
  return daemon->control != NULL;
}

/* --------------------------------------------------------------------- UDP ---- */

static GBytes *
on_udp (const RoamAddr *peer, const guint8 *data, gsize length, gpointer user_data)
{
  return leasequery_server_io_input_udp (((Leasequeryd *)user_data)->server, peer, data, length);
}

/* As the configuration has it now. */
static gboolean
set_up_udp (Leasequeryd *daemon, GError **error)
{
  const LeasequerydConfig *config = daemon->config;

  if (!config->udp)
    {
      g_clear_pointer (&daemon->udp, leasequery_udp_io_free);
      return TRUE;
    }
  if (daemon->udp == NULL)
    daemon->udp = leasequery_udp_io_new (&g_array_index (config->listen, RoamEndpoint, 0), config->listen->len, on_udp,
                                         daemon, error);
  return daemon->udp != NULL;
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
  if (!set_up_udp (daemon, error))
    return NULL;
  if (status_path != NULL)
    {
      leasequeryd_status_write (daemon);
      daemon->status_timer = g_timeout_add (STATUS_MS, leasequeryd_status_write, daemon);
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
    leasequeryd_status_write (daemon);
  g_clear_pointer (&daemon->control, roam_control_free);
  g_clear_pointer (&daemon->udp, leasequery_udp_io_free);
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
         g_strcmp0 (a->connection, b->connection) == 0 &&
         a->server.points.option_relay_id == b->server.points.option_relay_id;
}

void
leasequeryd_reload (Leasequeryd *daemon, LeasequerydConfig *config)
{
  g_autoptr (LeasequerydConfig) old = daemon->config;
  g_autoptr (GError) error = NULL;

  if (!is_same_listen (old->listen, config->listen))
    g_warning ("Other addresses to listen on take a restart");
  apply_limits (config);
  daemon->config = config;
  leasequery_server_io_set_tls (daemon->server, config->tls);
  leasequery_server_io_configure (daemon->server, &config->server);
  set_up_journal (daemon, old);
  if (!set_up_udp (daemon, &error))
    g_warning ("UDP is not offered: %s", error->message);
  if (daemon->store != NULL)
    leasequery_server_io_set_store (daemon->server, daemon->store, daemon->journal);
  if (!is_same_source (old, config))
    {
      close_source (daemon);
      open_source (daemon);
    }
  else if (daemon->kea != NULL)
    kea_leases_io_reload (daemon->kea);
  else if (daemon->sqlite != NULL)
    lease_sqlite_io_reload (daemon->sqlite);
  else
    lease_database_io_reload (daemon->database);
}

void
leasequeryd_stop (Leasequeryd *daemon, void (*done) (gpointer user_data), gpointer user_data)
{
  leasequery_server_io_stop (daemon->server, STOP_MS, done, user_data);
}
