/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "dhcp6/leasequery-server-private.h"

/* Which connections may be, and for how long (RFC 5460 7.1, 7.4; RFC 7653 9). */

ServerConnection *
leasequery_connection_find (const LeasequeryServer *server, guint id)
{
  return g_hash_table_lookup (server->connections, GUINT_TO_POINTER (id));
}

static gboolean
is_idle (const ServerConnection *connection)
{
  return connection->queries->len == 0 && connection->frame_since_us == 0 && connection->outstanding == 0 &&
         !connection->closing;
}

/* One that is closed and still has octets to take holds its place: else the limit could be got round. */
guint
leasequery_connection_count (const LeasequeryServer *server, const RoamAddr *peer)
{
  guint n = 0;

  for (guint i = 0; i < server->order->len; i++)
    {
      const ServerConnection *connection = g_ptr_array_index (server->order, i);

      n += (!connection->closing || connection->outstanding > 0) &&
           (peer == NULL || roam_addr_equal (&connection->peer, peer));
    }
  return n;
}

/* The longest idle connection of a requestor that has another one (LQ-SRV-009). */
static ServerConnection *
find_displaceable (const LeasequeryServer *server)
{
  ServerConnection *best = NULL;

  for (guint i = 0; i < server->order->len; i++)
    {
      ServerConnection *connection = g_ptr_array_index (server->order, i);

      if (is_idle (connection) && (best == NULL || connection->idle_since_us < best->idle_since_us) &&
          leasequery_connection_count (server, &connection->peer) > 1)
        best = connection;
    }
  return best;
}

const LeasequeryServerPermission *
leasequery_connection_find_permission (const LeasequeryServer *server, const RoamAddr *peer)
{
  for (guint i = 0; i < server->config.n_permissions; i++)
    if (roam_prefix_contains (&server->config.permissions[i].prefix, peer))
      return &server->config.permissions[i];
  return NULL;
}

/* NULL: it may stay. */
const char *
leasequery_connection_judge (LeasequeryServer *server, const LeasequeryServerPermission *permission)
{
  ServerConnection *idle;

  if (server->stopping)
    return "the server is stopping";
  if (permission == NULL)
    return "the requestor is not permitted";
  if (leasequery_connection_count (server, NULL) < server->config.max_connections)
    return NULL;
  idle = find_displaceable (server);
  if (idle == NULL)
    return "too many connections";
  server->counters.displaced++;
  leasequery_server_close (server, idle, FALSE, "idle, and its place is needed");
  return NULL;
}

void
leasequery_connection_close_when_done (LeasequeryServer *server, ServerConnection *connection)
{
  /* An active query has no end of its own. */
  if (connection->ended && connection->waiting->len == 0 &&
      (connection->queries->len == 0 || leasequery_active_get (connection) != NULL))
    leasequery_server_close (server, connection, TRUE, "the requestor has closed");
}

gint64
leasequery_connection_deadline (const LeasequeryServer *server, const ServerConnection *connection,
                                const char **ret_reason)
{
  gint64 since = ROAM_NEVER, timeout_us = server->config.data_timeout_us;

  if (connection->closing && connection->outstanding == 0)
    return ROAM_NEVER;
  if (connection->outstanding > 0)
    {
      since = connection->progress_us;
      *ret_reason = "the requestor does not read";
      if (leasequery_active_get (connection) != NULL)
        timeout_us = server->config.active_send_timeout_us;
    }
  else if (connection->frame_since_us != 0)
    {
      since = connection->frame_since_us;
      *ret_reason = "a query begun and not finished";
    }
  else if (connection->queries->len == 0)
    {
      since = connection->idle_since_us;
      *ret_reason = connection->tls == SERVER_TLS_HANDSHAKE ? "a TLS handshake begun and not finished" : "idle";
    }
  /* A query in bits while an answer is read: its time runs all the same. */
  if (connection->frame_since_us != 0 && connection->frame_since_us < since)
    {
      since = connection->frame_since_us;
      *ret_reason = "a query begun and not finished";
    }
  return roam_deadline_add (since, timeout_us);
}
