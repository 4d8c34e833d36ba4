/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "dhcp6/leasequery-server-private.h"

#include <string.h>

/* Queries in: RFC 5460 7.1, RFC 5007 4.4.1, and section 8 of the requirements for what is wrong with them. */

static ServerQuery *
find_query (const ServerConnection *connection, guint32 transaction_id)
{
  for (guint i = 0; i < connection->queries->len; i++)
    {
      ServerQuery *query = g_ptr_array_index (connection->queries, i);

      if (query->transaction_id == transaction_id)
        return query;
    }
  return NULL;
}

static void
refuse (LeasequeryServer *server, ServerConnection *connection, const Dhcp6Message *message, guint16 status,
        const char *text)
{
  leasequery_page_refuse (server, connection, message->transaction_id, message->client_id, status, text);
}

const char *
leasequery_request_judge_form (const Dhcp6Query *query, guint16 *ret_status)
{
  *ret_status = DHCP6_STATUS_MALFORMED_QUERY;
  switch (query->type)
    {
    case DHCP6_QUERY_BY_ADDRESS:
      return query->n_address == 1 ? NULL : "a query by address takes one IAADDR option";
    case DHCP6_QUERY_BY_CLIENTID:
      return query->n_client_id == 1 ? NULL : "a query by client takes one Client Identifier option";
    case DHCP6_QUERY_BY_RELAY_ID:
      return query->n_relay_id == 1 ? NULL : "a query by relay-id takes one Relay-ID option";
    case DHCP6_QUERY_BY_LINK_ADDRESS:
      return roam_addr_is_specified (&query->link_address) ? NULL : "a query by link needs a link-address";
    case DHCP6_QUERY_BY_REMOTE_ID:
      return query->n_remote_id == 1 ? NULL : "a query by remote-id takes one Remote-ID option";
    default: /* the type is the peer's octet, not an enumeration of ours */
      *ret_status = DHCP6_STATUS_UNKNOWN_QUERY_TYPE;
      return "this query type is not known here";
    }
}

const char *
leasequery_request_judge_service (LeasequeryServer *server, const RoamNow *now, const RoamAddr *peer, guint8 types,
                                  const Dhcp6Query *query, guint16 *ret_status)
{
  *ret_status = DHCP6_STATUS_NOT_ALLOWED;
  if ((types & 1u << query->type) == 0)
    return "this requestor may not ask";
  if (server->store != NULL && query->type == DHCP6_QUERY_BY_RELAY_ID && lease_store_n_leases (server->store) > 0 &&
      !lease_store_has_relay_ids (server->store))
    return "the lease store holds no relay identifiers";
  if (server->store != NULL && query->type == DHCP6_QUERY_BY_REMOTE_ID && lease_store_n_leases (server->store) > 0 &&
      !lease_store_has_remote_ids (server->store))
    return "the lease store holds no remote identifiers";
  *ret_status = server->config.draft ? DHCP6_STATUS_UNSPEC_FAIL : DHCP6_STATUS_QUERY_TERMINATED;
  if (!leasequery_server_take_rate (server, now, peer))
    return "too many queries in a minute";
  *ret_status = DHCP6_STATUS_UNSPEC_FAIL;
  return server->store == NULL ? "the lease store cannot be read" : NULL;
}

LeaseCursor *
leasequery_request_open_cursor (LeaseStore *store, const Dhcp6Query *query)
{
  LeaseLink link = LEASE_ANY_LINK;
  LeaseCursor *cursor = NULL;

  if (roam_addr_is_specified (&query->link_address))
    link = lease_store_find_link (store, &query->link_address);
  if (link == LEASE_NO_LINK)
    return NULL;
  switch ((Dhcp6QueryType)query->type)
    {
    case DHCP6_QUERY_BY_ADDRESS:
      cursor = lease_cursor_by_address (store, link, &query->address);
      if (lease_cursor_is_at_end (cursor) && link == LEASE_ANY_LINK &&
          lease_store_find_link (store, &query->address) == LEASE_NO_LINK)
        g_clear_pointer (&cursor, lease_cursor_free);
      return cursor;
    case DHCP6_QUERY_BY_CLIENTID:
      return lease_cursor_by_client (store, link, query->client_id);
    case DHCP6_QUERY_BY_RELAY_ID:
      return lease_cursor_by_relay_id (store, link, query->relay_id);
    case DHCP6_QUERY_BY_LINK_ADDRESS:
      return lease_cursor_by_link (store, link);
    case DHCP6_QUERY_BY_REMOTE_ID:
      return lease_cursor_by_remote_id (store, link, query->remote_id);
    }
  return NULL;
}

static gboolean
is_sensitive (const LeasequeryServer *server, guint16 option)
{
  for (guint i = 0; i < server->config.n_sensitive; i++)
    if (server->config.sensitive[i] == option)
      return TRUE;
  return FALSE;
}

gboolean
leasequery_request_wants (const LeasequeryServer *server, const Dhcp6Query *query, guint16 option)
{
  return dhcp6_query_wants (query, option) && !is_sensitive (server, option);
}

/* Modulo 2^32 and on this side of the wrap, which comes in 2136. */
gint64
leasequery_request_unix_time (guint32 seconds)
{
  return (gint64)seconds + DHCP6_EPOCH_2000;
}

static void
start_query (LeasequeryServer *server, const RoamNow *now, ServerConnection *connection, const Dhcp6Message *message,
             const Dhcp6Query *asked, LeaseCursor *cursor)
{
  ServerQuery *query = g_new0 (ServerQuery, 1);
  const Dhcp6Query of_message = { .oro = message->oro };

  query->transaction_id = message->transaction_id;
  query->client_id = g_bytes_new (message->client_id.data, message->client_id.length);
  query->cursor = cursor;
  query->want_relay_data = leasequery_request_wants (server, asked, DHCP6_OPTION_LQ_RELAY_DATA);
  query->want_relay_id = leasequery_request_wants (server, asked, server->config.points.option_relay_id);
  query->want_remote_id = leasequery_request_wants (server, asked, DHCP6_OPTION_REMOTE_ID);
  query->want_base_time =
    dhcp6_query_wants (asked, DHCP6_OPTION_LQ_BASE_TIME) || dhcp6_query_wants (&of_message, DHCP6_OPTION_LQ_BASE_TIME);
  query->since = message->has_start_time ? leasequery_request_unix_time (message->start_time) : G_MININT64;
  query->until = message->has_end_time ? leasequery_request_unix_time (message->end_time) : G_MAXINT64;
  query->began_us = now->boot_us;
  g_ptr_array_add (connection->queries, query);
}

static void
process_query (LeasequeryServer *server, const RoamNow *now, ServerConnection *connection, const Dhcp6Message *message)
{
  Dhcp6Query query;
  guint16 status = DHCP6_STATUS_MALFORMED_QUERY;
  const char *text = "the query is malformed";
  LeaseCursor *cursor;

  if (dhcp6_parse_query (&server->config.points, message->lq_query, &query) == DHCP6_OK)
    {
      server->counters.queries[query.type < G_N_ELEMENTS (server->counters.queries) ? query.type : 0]++;
      text = leasequery_request_judge_form (&query, &status);
      if (text == NULL)
        text =
          leasequery_request_judge_service (server, now, &connection->peer, connection->query_types, &query, &status);
    }
  if (text != NULL)
    {
      refuse (server, connection, message, status, text);
      return;
    }
  cursor = leasequery_request_open_cursor (server->store, &query);
  if (cursor == NULL)
    refuse (server, connection, message, DHCP6_STATUS_NOT_CONFIGURED, "no such link");
  else
    start_query (server, now, connection, message, &query, cursor);
}

/* What RFC 5007 4.2.1 has discarded; over TCP silence would cost the requestor minutes, so the connection goes too. */
static const char *
why_discarded (const LeasequeryServer *server, const ServerConnection *connection, const Dhcp6Message *message)
{
  if (!dhcp6_duid_is_valid (message->client_id))
    return "a query without the requestor's identifier";
  if (message->lq_query.data == NULL || message->n_lq_query > 1)
    return "a message without one query";
  if (message->server_id.data != NULL && !dhcp6_slice_equal (message->server_id, server->config.duid))
    return "a query for another server";
  if (find_query (connection, message->transaction_id) != NULL)
    return "a transaction-id that is in use";
  return NULL;
}

/*
 * STARTTLS comes first on a connection or not at all (RFC 7653 9.1). What was sent behind it in the clear could be
 * anybody's, and is not taken for something that was sent under TLS.
 */
static void
process_starttls (LeasequeryServer *server, ServerConnection *connection, const Dhcp6Message *message, gsize n_behind)
{
  gboolean offered = server->config.tls != LEASEQUERY_TLS_REFUSED;
  g_auto (WireWriter) writer = { 0 };
  gsize frame;

  if (connection->tls != SERVER_TLS_NONE || connection->queries->len > 0 || (offered && n_behind > 0))
    {
      leasequery_server_fault (server, connection, "STARTTLS in the wrong place");
      leasequery_server_close (server, connection, TRUE, "STARTTLS in the wrong place");
      return;
    }
  wire_writer_init (&writer, DHCP6_MESSAGE_MAX);
  frame = dhcp6_begin_frame (&writer, DHCP6_REPLY, message->transaction_id);
  if (!offered)
    dhcp6_write_status (&writer, DHCP6_STATUS_TLS_CONNECTION_REFUSED, "TLS is not offered here");
  dhcp6_end_frame (&writer, frame);
  leasequery_server_send (server, connection, wire_writer_finish (&writer));
  if (!offered)
    return;
  connection->tls = SERVER_TLS_HANDSHAKE;
  leasequery_server_push (server, LEASEQUERY_SERVER_ACTION_START_TLS, connection);
}

/* Why no query of any kind is answered here and now; NULL: it may be. */
static const char *
why_not_here (const LeasequeryServer *server, const ServerConnection *connection)
{
  if (server->config.tls == LEASEQUERY_TLS_REQUIRED && connection->tls != SERVER_TLS_SECURED)
    return "TLS is required here";
  return NULL;
}

static void
process_message (LeasequeryServer *server, const RoamNow *now, ServerConnection *connection, Dhcp6Slice octets,
                 gsize n_behind)
{
  Dhcp6Message message, header = { 0 };
  Dhcp6Fault fault = dhcp6_parse_message (octets.data, octets.length, &message, &header);
  const char *reason = NULL;

  if (fault != DHCP6_OK)
    {
      if (header.type == DHCP6_LEASEQUERY && dhcp6_duid_is_valid (header.client_id))
        refuse (server, connection, &header, DHCP6_STATUS_MALFORMED_QUERY, "an option runs past its end");
      leasequery_server_fault (server, connection, "a malformed message");
      leasequery_server_close (server, connection, TRUE, "a malformed message");
      return;
    }
  if (message.type == DHCP6_STARTTLS)
    {
      process_starttls (server, connection, &message, n_behind);
      return;
    }
  if (message.type == DHCP6_ACTIVELEASEQUERY && why_not_here (server, connection) == NULL)
    {
      leasequery_active_begin (server, now, connection, &message);
      return;
    }
  if (message.type != DHCP6_LEASEQUERY && message.type != DHCP6_ACTIVELEASEQUERY)
    reason = "a message type that may not be sent to a leasequery server";
  else if (leasequery_active_get (connection) != NULL)
    reason = "a query beside an active one"; /* RFC 7653 9.4 */
  else if (message.type == DHCP6_LEASEQUERY)
    reason = why_discarded (server, connection, &message);
  if (reason != NULL)
    {
      leasequery_server_fault (server, connection, reason);
      leasequery_server_close (server, connection, TRUE, reason);
      return;
    }
  reason = why_not_here (server, connection);
  if (reason != NULL)
    {
      refuse (server, connection, &message, DHCP6_STATUS_NOT_ALLOWED, reason);
      leasequery_server_close (server, connection, TRUE, reason);
      return;
    }
  process_query (server, now, connection, &message);
}

static void
set_paused (LeasequeryServer *server, ServerConnection *connection, gboolean paused)
{
  if (connection->paused == paused || connection->closing)
    return;
  connection->paused = paused;
  leasequery_server_push (server, paused ? LEASEQUERY_SERVER_ACTION_PAUSE : LEASEQUERY_SERVER_ACTION_RESUME,
                          connection);
}

/* Refusals answer at once and take no place, but their octets wait for the reader like any. */
static gboolean
may_take (const LeasequeryServer *server, const ServerConnection *connection)
{
  return !connection->closing && connection->tls != SERVER_TLS_HANDSHAKE &&
         connection->queries->len < server->config.max_parallel && connection->outstanding < SERVER_OUTPUT_LIMIT;
}

void
leasequery_request_advance (LeasequeryServer *server, const RoamNow *now, ServerConnection *connection)
{
  const guint8 *data = connection->waiting->data;
  gsize length = connection->waiting->len;
  Dhcp6Slice octets;

  if (connection->outstanding == 0) /* the time of a reader that does not read begins with what it gets */
    connection->progress_us = now->boot_us;
  while (may_take (server, connection) && dhcp6_frame_reader_next (&connection->frames, &data, &length, &octets))
    {
      connection->idle_since_us = now->boot_us;
      connection->frame_since_us = 0;
      process_message (server, now, connection, octets, length);
    }
  if (connection->frames.fault != DHCP6_OK && !connection->closing)
    {
      leasequery_server_fault (server, connection, "a frame of an impossible size");
      leasequery_server_close (server, connection, TRUE, "a frame of an impossible size");
    }
  if (connection->closing)
    length = 0;
  g_byte_array_remove_range (connection->waiting, 0, connection->waiting->len - (guint)length);
  if (dhcp6_frame_reader_is_partial (&connection->frames) && connection->frame_since_us == 0)
    connection->frame_since_us = now->boot_us;
  set_paused (server, connection, connection->waiting->len > 0);
}
