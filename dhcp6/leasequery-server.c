/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "dhcp6/leasequery-server-private.h"

/* The verbs of the server, its connections and whose turn it is (RFC 5460 7). */

#define MINUTE_US (60 * ROAM_USEC_PER_SEC)

void
leasequery_server_config_init (LeasequeryServerConfig *config, gboolean draft)
{
  *config = (LeasequeryServerConfig){
    .draft = draft,
    .max_connections = 10,
    .max_parallel = 4,
    .data_timeout_us = (draft ? 30 : 300) * ROAM_USEC_PER_SEC,
    .query_cap = 4096,
    .active_send_timeout_us = 120 * ROAM_USEC_PER_SEC,
    .active_idle_us = 60 * ROAM_USEC_PER_SEC,
  };
  dhcp6_code_points_init (&config->points);
}

void
leasequery_server_action_clear (LeasequeryServerAction *action)
{
  g_clear_pointer (&action->octets, g_bytes_unref);
}

static void
action_free (gpointer data)
{
  leasequery_server_action_clear (data);
  g_free (data);
}

LeasequeryServerAction *
leasequery_server_push (LeasequeryServer *server, LeasequeryServerActionType type, const ServerConnection *connection)
{
  LeasequeryServerAction *action = g_new0 (LeasequeryServerAction, 1);

  action->type = type;
  action->connection = connection->id;
  g_queue_push_tail (&server->actions, action);
  return action;
}

void
leasequery_server_fault (LeasequeryServer *server, const ServerConnection *connection, const char *reason)
{
  LeasequeryServerAction *action = leasequery_server_push (server, LEASEQUERY_SERVER_ACTION_LOG, connection);

  server->counters.faults++;
  action->level = LEASEQUERY_SERVER_LOG_FAULT;
  action->reason = reason;
}

void
leasequery_server_send (LeasequeryServer *server, ServerConnection *connection, GBytes *octets)
{
  gsize length = g_bytes_get_size (octets);

  leasequery_server_push (server, LEASEQUERY_SERVER_ACTION_SEND, connection)->octets = octets;
  connection->outstanding += length;
  server->counters.octets_out += length;
}

void
leasequery_server_close (LeasequeryServer *server, ServerConnection *connection, gboolean flush, const char *reason)
{
  LeasequeryServerAction *action;

  if (connection->closing)
    return;
  connection->closing = TRUE;
  g_ptr_array_set_size (connection->queries, 0);
  action = leasequery_server_push (server, LEASEQUERY_SERVER_ACTION_CLOSE, connection);
  action->flush = flush;
  action->reason = reason;
}

void
leasequery_server_query_free (gpointer data)
{
  ServerQuery *query = data;

  g_bytes_unref (query->client_id);
  lease_cursor_free (query->cursor);
  lease_reader_free (query->reader);
  g_clear_pointer (&query->filter_octets, g_bytes_unref);
  g_free (query);
}

static void
connection_free (gpointer data)
{
  ServerConnection *connection = data;

  dhcp6_frame_reader_clear (&connection->frames);
  g_byte_array_unref (connection->waiting);
  g_ptr_array_unref (connection->queries);
  g_free (connection);
}

static guint
hash_addr (gconstpointer addr)
{
  return roam_addr_hash (addr);
}

static gboolean
equal_addr (gconstpointer a, gconstpointer b)
{
  return roam_addr_equal (a, b);
}

static void
clear_config (LeasequeryServer *server)
{
  g_clear_pointer (&server->duid, g_bytes_unref);
  g_free ((gpointer)server->config.permissions);
  g_free ((gpointer)server->config.sensitive);
}

static void
copy_config (LeasequeryServer *server, const LeasequeryServerConfig *config)
{
  server->config = *config;
  server->duid = g_bytes_new (config->duid.data, config->duid.length);
  server->config.duid.data = g_bytes_get_data (server->duid, NULL);
  server->config.permissions = g_memdup2 (config->permissions, config->n_permissions * sizeof *config->permissions);
  server->config.sensitive = g_memdup2 (config->sensitive, config->n_sensitive * sizeof *config->sensitive);
  server->config.max_parallel = MAX (config->max_parallel, 1);
}

LeasequeryServer *
leasequery_server_new (const LeasequeryServerConfig *config)
{
  LeasequeryServer *server = g_new0 (LeasequeryServer, 1);

  copy_config (server, config);
  server->connections = g_hash_table_new_full (NULL, NULL, NULL, connection_free);
  server->order = g_ptr_array_new ();
  server->rates = g_hash_table_new_full (hash_addr, equal_addr, g_free, g_free);
  g_queue_init (&server->actions);
  return server;
}

void
leasequery_server_free (LeasequeryServer *server)
{
  if (server == NULL)
    return;
  g_queue_clear_full (&server->actions, action_free);
  g_ptr_array_unref (server->order);
  g_hash_table_unref (server->connections);
  g_hash_table_unref (server->rates);
  lease_store_unref (server->store);
  lease_journal_unref (server->journal);
  clear_config (server);
  g_free (server);
}

/* ------------------------------------------------------------- connections ---- */

guint
leasequery_server_input_accept (LeasequeryServer *server, const RoamNow *now, const RoamAddr *peer)
{
  const LeasequeryServerPermission *permission = leasequery_connection_find_permission (server, peer);
  const char *refusal = leasequery_connection_judge (server, permission);
  ServerConnection *connection = g_new0 (ServerConnection, 1);

  do
    connection->id = ++server->last_id;
  while (connection->id == 0 || leasequery_connection_find (server, connection->id) != NULL);
  connection->peer = *peer;
  connection->query_types = permission == NULL ? 0 : permission->query_types;
  dhcp6_frame_reader_init (&connection->frames, server->config.query_cap);
  connection->waiting = g_byte_array_new ();
  connection->queries = g_ptr_array_new_with_free_func (leasequery_server_query_free);
  connection->idle_since_us = connection->progress_us = now->boot_us;
  g_hash_table_insert (server->connections, GUINT_TO_POINTER (connection->id), connection);
  g_ptr_array_add (server->order, connection);
  if (refusal == NULL)
    server->counters.accepted++;
  else
    {
      server->counters.refused++;
      leasequery_server_close (server, connection, FALSE, refusal);
    }
  return connection->id;
}

void
leasequery_server_input_closed (LeasequeryServer *server, const RoamNow *now, guint id)
{
  ServerConnection *connection = leasequery_connection_find (server, id);

  if (connection == NULL)
    return;
  g_ptr_array_remove (server->order, connection);
  g_hash_table_remove (server->connections, GUINT_TO_POINTER (id));
}

void
leasequery_server_input_datagram (LeasequeryServer *server, const RoamNow *now, guint id, const guint8 *data,
                                  gsize length)
{
  ServerConnection *connection = leasequery_connection_find (server, id);

  if (connection == NULL || connection->closing)
    return;
  g_byte_array_append (connection->waiting, data, (guint)length);
  leasequery_request_advance (server, now, connection);
}

void
leasequery_server_input_end (LeasequeryServer *server, const RoamNow *now, guint id)
{
  ServerConnection *connection = leasequery_connection_find (server, id);

  if (connection == NULL)
    return;
  connection->ended = TRUE;
  leasequery_connection_close_when_done (server, connection);
}

void
leasequery_server_input_secured (LeasequeryServer *server, const RoamNow *now, guint id)
{
  ServerConnection *connection = leasequery_connection_find (server, id);

  if (connection == NULL || connection->tls != SERVER_TLS_HANDSHAKE)
    return;
  connection->tls = SERVER_TLS_SECURED;
  connection->idle_since_us = now->boot_us;
  server->counters.secured++;
}

void
leasequery_server_input_written (LeasequeryServer *server, const RoamNow *now, guint id, gsize octets)
{
  ServerConnection *connection = leasequery_connection_find (server, id);

  if (connection == NULL || octets == 0)
    return;
  connection->outstanding -= MIN (octets, connection->outstanding);
  connection->progress_us = connection->idle_since_us = now->boot_us;
  leasequery_request_advance (server, now, connection);
  leasequery_connection_close_when_done (server, connection);
}

gboolean
leasequery_server_take_rate (LeasequeryServer *server, const RoamNow *now, const RoamAddr *peer)
{
  ServerRate *rate;

  if (server->config.max_queries_a_minute == 0)
    return TRUE;
  rate = g_hash_table_lookup (server->rates, peer);
  if (rate == NULL)
    {
      if (g_hash_table_size (server->rates) >= SERVER_MAX_RATES)
        g_hash_table_remove_all (server->rates);
      rate = g_new0 (ServerRate, 1);
      rate->since_us = now->boot_us;
      g_hash_table_insert (server->rates, g_memdup2 (peer, sizeof *peer), rate);
    }
  if (now->boot_us - rate->since_us >= MINUTE_US)
    *rate = (ServerRate){ .since_us = now->boot_us };
  return ++rate->n <= server->config.max_queries_a_minute;
}

/* ---------------------------------------------------------------- commands ---- */

static void
end_queries (LeasequeryServer *server, const RoamNow *now, guint16 status_before, const char *text, gboolean close_all)
{
  for (guint i = 0; i < server->order->len; i++)
    {
      ServerConnection *connection = g_ptr_array_index (server->order, i);
      gboolean replied = FALSE;

      if (connection->closing)
        continue;
      if (connection->outstanding == 0)
        connection->progress_us = now->boot_us;
      for (guint k = 0; k < connection->queries->len; k++)
        {
          const ServerQuery *query = g_ptr_array_index (connection->queries, k);

          replied = replied || query->replied;
          leasequery_page_terminate (server, connection, query, roam_now_unix (now), status_before, text);
        }
      /* An answer cut off ends the connection (RFC 5460 7.4). */
      if (close_all || replied)
        leasequery_server_close (server, connection, TRUE, text);
      else
        g_ptr_array_set_size (connection->queries, 0);
    }
}

/* Changes are noted elsewhere from now on: who asks again is told what it missed. */
static void
end_active (LeasequeryServer *server, const RoamNow *now)
{
  for (guint i = 0; i < server->order->len; i++)
    {
      ServerConnection *connection = g_ptr_array_index (server->order, i);
      const ServerQuery *query = leasequery_active_get (connection);

      if (query == NULL || connection->closing)
        continue;
      leasequery_page_terminate (server, connection, query, roam_now_unix (now), DHCP6_STATUS_QUERY_TERMINATED,
                                 "changes are kept elsewhere");
      leasequery_server_close (server, connection, TRUE, "changes are kept elsewhere");
    }
}

static void
set_store (LeasequeryServer *server, LeaseStore *store, LeaseJournal *journal)
{
  LeaseStore *old = server->store;
  LeaseJournal *old_journal = server->journal;

  server->store = store == NULL ? NULL : lease_store_ref (store);
  server->journal = journal == NULL ? NULL : lease_journal_ref (journal);
  lease_store_unref (old);
  lease_journal_unref (old_journal);
}

/* Queries under way end as they began. */
static void
configure (LeasequeryServer *server, const LeasequeryServerConfig *config)
{
  clear_config (server);
  copy_config (server, config);
  for (guint i = 0; i < server->order->len; i++)
    {
      ServerConnection *connection = g_ptr_array_index (server->order, i);
      const LeasequeryServerPermission *permission = leasequery_connection_find_permission (server, &connection->peer);

      if (permission == NULL)
        leasequery_server_close (server, connection, FALSE, "the requestor is not permitted any more");
      else if (leasequery_active_get (connection) != NULL && !config->active)
        leasequery_server_close (server, connection, FALSE, "active leasequery is not offered any more");
      else
        connection->query_types = permission->query_types;
    }
}

void
leasequery_server_input_command (LeasequeryServer *server, const RoamNow *now, const LeasequeryServerCommand *command)
{
  switch (command->type)
    {
    case LEASEQUERY_SERVER_SET_STORE:
      if (server->journal != NULL && server->journal != command->journal)
        end_active (server, now);
      set_store (server, command->store, command->journal);
      return;
    case LEASEQUERY_SERVER_FAIL:
      set_store (server, NULL, NULL);
      end_queries (server, now, DHCP6_STATUS_UNSPEC_FAIL, "lease store went away", FALSE);
      return;
    case LEASEQUERY_SERVER_CONFIGURE:
      configure (server, command->config);
      return;
    case LEASEQUERY_SERVER_STOP:
      server->stopping = TRUE;
      end_queries (server, now, DHCP6_STATUS_QUERY_TERMINATED, "server is shutting down", TRUE);
      return;
    }
}

/* --------------------------------------------------------------- deadlines ---- */

gint64
leasequery_server_next_deadline (const LeasequeryServer *server)
{
  gint64 deadline = server->work_left ? 0 : ROAM_NEVER;
  const char *reason;

  for (guint i = 0; i < server->order->len; i++)
    {
      const ServerConnection *connection = g_ptr_array_index (server->order, i);
      const ServerQuery *active = leasequery_active_get (connection);

      deadline = roam_deadline_min (deadline, leasequery_connection_deadline (server, connection, &reason));
      if (active != NULL && connection->outstanding < SERVER_OUTPUT_LIMIT)
        deadline = roam_deadline_min (deadline, leasequery_active_deadline (server, active));
    }
  return deadline;
}

void
leasequery_server_input_deadline (LeasequeryServer *server, const RoamNow *now)
{
  for (guint i = 0; i < server->order->len; i++)
    {
      ServerConnection *connection = g_ptr_array_index (server->order, i);
      const char *reason = NULL;

      if (leasequery_connection_deadline (server, connection, &reason) > now->boot_us)
        continue;
      server->counters.timeouts++;
      if (connection->closing) /* what it was still to read cannot be got rid of */
        {
          LeasequeryServerAction *action = leasequery_server_push (server, LEASEQUERY_SERVER_ACTION_CLOSE, connection);

          action->reason = reason;
          connection->outstanding = 0;
        }
      leasequery_server_close (server, connection, FALSE, reason);
      connection->outstanding = 0;
    }
}

/* ------------------------------------------------------------------ answers ---- */

/* FALSE: the active query has nothing to say. */
static gboolean
make_active_page (LeasequeryServer *server, const RoamNow *now, ServerConnection *connection)
{
  ServerQuery *query = leasequery_active_get (connection);

  if (!leasequery_active_has_work (server, now, query))
    return FALSE;
  if (connection->outstanding == 0)
    connection->progress_us = now->boot_us;
  leasequery_active_make (server, now, connection, query);
  return TRUE;
}

/* One page for the next connection that has something to say and room for it. FALSE: none has. */
static gboolean
make_page (LeasequeryServer *server, const RoamNow *now)
{
  for (guint n = server->order->len; n > 0; n--)
    {
      ServerConnection *connection;
      guint at;

      server->turn = (server->turn + 1) % server->order->len;
      connection = g_ptr_array_index (server->order, server->turn);
      if (connection->closing || connection->queries->len == 0 || connection->outstanding >= SERVER_OUTPUT_LIMIT)
        continue;
      if (leasequery_active_get (connection) != NULL)
        {
          if (!make_active_page (server, now, connection))
            continue;
          return TRUE;
        }
      at = ++connection->turn % connection->queries->len;
      if (connection->outstanding == 0)
        connection->progress_us = now->boot_us;
      if (leasequery_page_make (server, now, connection, g_ptr_array_index (connection->queries, at)))
        {
          g_ptr_array_remove_index (connection->queries, at);
          connection->idle_since_us = now->boot_us;
          leasequery_request_advance (server, now, connection);
          leasequery_connection_close_when_done (server, connection);
        }
      return TRUE;
    }
  return FALSE;
}

gboolean
leasequery_server_pop_action (LeasequeryServer *server, const RoamNow *now, LeasequeryServerAction *ret_action)
{
  guint pages = 0;

  server->work_left = FALSE;
  do
    {
      g_autofree LeasequeryServerAction *action = g_queue_pop_head (&server->actions);

      if (action != NULL)
        {
          *ret_action = *action;
          return TRUE;
        }
      if (pages++ == SERVER_EMPTY_PAGES)
        {
          server->work_left = TRUE;
          return FALSE;
        }
    }
  while (make_page (server, now));
  return FALSE;
}

void
leasequery_server_get_counters (const LeasequeryServer *server, LeasequeryServerCounters *ret_counters)
{
  *ret_counters = server->counters;
  ret_counters->connections = leasequery_connection_count (server, NULL);
  for (guint i = 0; i < server->order->len; i++)
    ret_counters->active += leasequery_active_get (g_ptr_array_index (server->order, i)) != NULL;
}
