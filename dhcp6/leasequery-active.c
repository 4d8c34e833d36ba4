/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "dhcp6/leasequery-server-private.h"

#include <string.h>

/*
 * Active leasequery (RFC 7653 9): a REPLY at once, then a DATA for each binding that changes, with the
 * state that it has when the message is made. Changes come out of the journal, one of an address.
 */

ServerQuery *
leasequery_active_get (const ServerConnection *connection)
{
  ServerQuery *query = connection->queries->len == 0 ? NULL : g_ptr_array_index (connection->queries, 0);

  return query != NULL && query->active ? query : NULL;
}

/* ------------------------------------------------------------------- asking ---- */

/* Unfiltered, it tells what every type of query would. */
static gboolean
is_permitted (const ServerConnection *connection, const Dhcp6Query *filter)
{
  if (filter == NULL)
    return (connection->query_types & LEASEQUERY_ALL_TYPES) == LEASEQUERY_ALL_TYPES;
  return (connection->query_types & 1u << filter->type) != 0;
}

/* What the server has against any active query here; NULL: nothing (RFC 7653 9.1, 9.2). */
static const char *
judge_service (LeasequeryServer *server, const RoamNow *now, const ServerConnection *connection, guint16 *ret_status)
{
  *ret_status = DHCP6_STATUS_NOT_SUPPORTED;
  if (!server->config.active)
    return "active leasequery is not offered";
  *ret_status = DHCP6_STATUS_NOT_ALLOWED;
  if (connection->tls != SERVER_TLS_SECURED && !server->config.active_insecure)
    return "active leasequery takes TLS here";
  *ret_status = server->config.draft ? DHCP6_STATUS_UNSPEC_FAIL : DHCP6_STATUS_QUERY_TERMINATED;
  if (!leasequery_server_take_rate (server, now, &connection->peer))
    return "too many queries in a minute";
  *ret_status = DHCP6_STATUS_UNSPEC_FAIL;
  return server->store == NULL || server->journal == NULL ? "the lease store cannot be read" : NULL;
}

/* What is wrong with the message (RFC 7653 6.2.1, 6.3.3); @filter: what its LQ_QUERY says, if it has one. */
static const char *
judge_message (const LeasequeryServer *server, const ServerConnection *connection, const Dhcp6Message *message,
               Dhcp6Query *filter, guint16 *ret_status)
{
  const char *problem = NULL;

  *ret_status = DHCP6_STATUS_MALFORMED_QUERY;
  if (message->has_end_time)
    return "an active query has no end time";
  if (message->n_lq_query > 1)
    return "an active query has one LQ_QUERY option at most";
  if (message->n_lq_query == 1 && dhcp6_parse_query (&server->config.points, message->lq_query, filter) != DHCP6_OK)
    return "the query is malformed";
  if (message->n_lq_query == 1)
    problem = leasequery_request_judge_form (filter, ret_status);
  if (problem != NULL)
    return problem;
  *ret_status = DHCP6_STATUS_NOT_ALLOWED;
  return is_permitted (connection, message->n_lq_query == 1 ? filter : NULL) ? NULL : "this requestor may not ask";
}

/* The filter as parsed points into the message; the query keeps octets of its own. */
static void
keep_filter (const LeasequeryServer *server, ServerQuery *query, const Dhcp6Message *message)
{
  Dhcp6Slice octets;

  query->filter_octets = g_bytes_new (message->lq_query.data, message->lq_query.length);
  octets.data = g_bytes_get_data (query->filter_octets, &octets.length);
  dhcp6_parse_query (&server->config.points, octets, &query->filter);
}

static void
start (LeasequeryServer *server, const RoamNow *now, ServerConnection *connection, const Dhcp6Message *message)
{
  const Dhcp6Query of_message = { .oro = message->oro };
  ServerQuery *query = g_new0 (ServerQuery, 1);
  gint64 seconds = roam_now_unix (now);
  gint64 since = message->has_start_time ? leasequery_request_unix_time (message->start_time) : seconds;
  const guint16 relay_id = server->config.points.option_relay_id;

  query->active = TRUE;
  query->transaction_id = message->transaction_id;
  query->client_id = g_bytes_new (message->client_id.data, message->client_id.length);
  if (message->n_lq_query == 1)
    keep_filter (server, query, message);
  query->want_relay_data = leasequery_request_wants (server, &query->filter, DHCP6_OPTION_LQ_RELAY_DATA) ||
                           leasequery_request_wants (server, &of_message, DHCP6_OPTION_LQ_RELAY_DATA);
  query->want_relay_id = leasequery_request_wants (server, &query->filter, relay_id) ||
                         leasequery_request_wants (server, &of_message, relay_id);
  query->want_remote_id = leasequery_request_wants (server, &query->filter, DHCP6_OPTION_REMOTE_ID) ||
                          leasequery_request_wants (server, &of_message, DHCP6_OPTION_REMOTE_ID);
  query->want_base_time = dhcp6_query_wants (&query->filter, DHCP6_OPTION_LQ_BASE_TIME) ||
                          dhcp6_query_wants (&of_message, DHCP6_OPTION_LQ_BASE_TIME);
  query->catching_up = message->has_start_time;
  query->missing = message->has_start_time && !lease_journal_reaches (server->journal, since);
  query->reader = lease_reader_new (server->journal, query->missing ? seconds : since);
  query->began_us = now->boot_us;
  g_ptr_array_add (connection->queries, query);
}

void
leasequery_active_begin (LeasequeryServer *server, const RoamNow *now, ServerConnection *connection,
                         const Dhcp6Message *message)
{
  Dhcp6Query filter = { 0 };
  guint16 status = DHCP6_STATUS_SUCCESS;
  const char *problem;

  if (!dhcp6_duid_is_valid (message->client_id) || connection->queries->len > 0 ||
      (message->server_id.data != NULL && !dhcp6_slice_equal (message->server_id, server->config.duid)))
    {
      problem = connection->queries->len > 0 ? "an active query beside another" /* RFC 7653 9.4 */
                                             : "an active query that is not for this server, or of nobody";
      leasequery_server_fault (server, connection, problem);
      leasequery_server_close (server, connection, TRUE, problem);
      return;
    }
  problem = judge_service (server, now, connection, &status);
  if (problem == NULL)
    problem = judge_message (server, connection, message, &filter, &status);
  if (problem == NULL)
    {
      start (server, now, connection, message);
      return;
    }
  leasequery_page_refuse (server, connection, message->transaction_id, message->client_id, status, problem);
  leasequery_server_close (server, connection, TRUE, problem);
}

/* ------------------------------------------------------------------- filter ---- */

static gboolean
has_identifier (const LeasequeryServer *server, const ServerQuery *query, Dhcp6Slice relay_data)
{
  Dhcp6Relay relays[DHCP6_MAX_HOPS];
  gboolean by_relay = query->filter.type == DHCP6_QUERY_BY_RELAY_ID;
  Dhcp6Slice wanted = by_relay ? query->filter.relay_id : query->filter.remote_id;
  guint n = 0;

  if (relay_data.data == NULL ||
      dhcp6_parse_relay_data (&server->config.points, relay_data, relays, G_N_ELEMENTS (relays), &n) != DHCP6_OK)
    return FALSE;
  for (guint i = 0; i < n; i++)
    {
      Dhcp6Slice found = by_relay ? relays[i].relay_id : relays[i].remote_id;

      if (found.data != NULL && dhcp6_slice_equal (found, wanted))
        return TRUE;
    }
  return FALSE;
}

static gboolean
is_on_link (const LeasequeryServer *server, const ServerQuery *query, const Lease *lease)
{
  return !roam_addr_is_specified (&query->filter.link_address) ||
         lease_store_find_link (server->store, &query->filter.link_address) ==
           lease_store_find_link_of_subnet (server->store, lease->subnet_id);
}

static gboolean
is_wanted (const LeasequeryServer *server, const ServerQuery *query, const Lease *lease)
{
  const RoamPrefix prefix = { lease->address, lease->prefix_length };

  if (query->filter_octets == NULL)
    return TRUE;
  if (!is_on_link (server, query, lease))
    return FALSE;
  switch ((Dhcp6QueryType)query->filter.type)
    {
    case DHCP6_QUERY_BY_ADDRESS:
      return roam_prefix_contains (&prefix, &query->filter.address);
    case DHCP6_QUERY_BY_CLIENTID:
      return dhcp6_slice_equal (lease->client_id, query->filter.client_id);
    case DHCP6_QUERY_BY_LINK_ADDRESS:
      return TRUE;
    case DHCP6_QUERY_BY_RELAY_ID:
    case DHCP6_QUERY_BY_REMOTE_ID:
      return has_identifier (server, query, lease->relay_data);
    }
  return FALSE;
}

/* ------------------------------------------------------------------ telling ---- */

static void
begin_message (const LeasequeryServer *server, WireWriter *writer, ServerQuery *query, gint64 now_us, gsize *ret_frame)
{
  *ret_frame = leasequery_page_begin_message (server, writer, query);
  query->replied = TRUE;
  query->said_us = now_us;
}

/* A message without a binding; @status Success: without a status, too. */
static void
write_word (LeasequeryServer *server, WireWriter *writer, const RoamNow *now, ServerQuery *query, guint16 status,
            const char *text)
{
  gint64 seconds = roam_now_unix (now);
  gsize frame;

  begin_message (server, writer, query, now->boot_us, &frame);
  if (status != DHCP6_STATUS_SUCCESS)
    dhcp6_write_status (writer, status, text);
  /* DataMissing always says from when on nothing is missing (RFC 7653 8.4.1). */
  if (status == DHCP6_STATUS_DATA_MISSING && !query->want_base_time)
    dhcp6_write_option_u32 (writer, DHCP6_OPTION_LQ_BASE_TIME, (guint32)(seconds - DHCP6_EPOCH_2000));
  leasequery_page_write_base_time (writer, query, seconds);
  dhcp6_end_frame (writer, frame);
  leasequery_page_count_status (server, status);
}

/* The binding's state now: lifetimes 0 say that it is leased no more. */
static void
describe (const LeasequeryServer *server, const LeaseChange *change, Lease *lease)
{
  if (!change->gone && lease_store_get (server->store, &change->address, lease))
    return;
  *lease = (Lease){
    .is_prefix = change->is_prefix,
    .address = change->address,
    .prefix_length = change->prefix_length,
    .subnet_id = change->subnet_id,
    .contact = change->contact,
    .client_id = change->client_id,
    .relay_data = change->relay_data,
  };
}

static void
write_change (LeasequeryServer *server, WireWriter *writer, const RoamNow *now, ServerQuery *query,
              const LeaseChange *change)
{
  gint64 seconds = roam_now_unix (now);
  LeaseGroup group = { .n_leases = 1 };
  Lease lease;
  gsize frame;

  describe (server, change, &lease);
  /* Noted as leased, and gone since without a note: there is nobody to name. */
  if (lease.client_id.data == NULL || !is_wanted (server, query, &lease))
    return;
  group.client_id = lease.client_id;
  group.contact = lease.contact;
  group.relay_data = lease.relay_data;
  group.leases = &lease;
  begin_message (server, writer, query, now->boot_us, &frame);
  leasequery_page_write_client (server, writer, query, &group, 0, 1, seconds);
  leasequery_page_write_base_time (writer, query, seconds);
  dhcp6_end_frame (writer, frame);
  server->counters.changes++;
}

gboolean
leasequery_active_has_work (const LeasequeryServer *server, const RoamNow *now, const ServerQuery *query)
{
  return !query->replied || query->catching_up || lease_reader_has_next (query->reader) ||
         lease_reader_has_lost (query->reader) || now->boot_us >= leasequery_active_deadline (server, query);
}

void
leasequery_active_make (LeasequeryServer *server, const RoamNow *now, ServerConnection *connection, ServerQuery *query)
{
  g_auto (WireWriter) writer;
  const LeaseChange *change;

  wire_writer_init (&writer, G_MAXUINT32);
  if (!query->replied && query->missing)
    write_word (server, &writer, now, query, DHCP6_STATUS_DATA_MISSING, "changes so old are not kept");
  else if (!query->replied)
    write_word (server, &writer, now, query, DHCP6_STATUS_SUCCESS, NULL);
  if (lease_reader_take_lost (query->reader))
    write_word (server, &writer, now, query, DHCP6_STATUS_DATA_MISSING, "more has changed than is kept");
  for (guint budget = SERVER_PAGE_BUDGET; budget > 0 && wire_writer_length (&writer) < SERVER_PAGE; budget--)
    {
      change = lease_reader_next (query->reader);
      if (change == NULL)
        break;
      write_change (server, &writer, now, query, change);
    }
  if (query->catching_up && !lease_reader_has_next (query->reader))
    {
      query->catching_up = FALSE;
      write_word (server, &writer, now, query, DHCP6_STATUS_CATCH_UP_COMPLETE, NULL);
    }
  if (now->boot_us >= leasequery_active_deadline (server, query)) /* RFC 7653 8.4: it is alive */
    write_word (server, &writer, now, query, DHCP6_STATUS_SUCCESS, NULL);
  if (wire_writer_length (&writer) > 0)
    leasequery_page_send (server, connection, &writer);
}

gint64
leasequery_active_deadline (const LeasequeryServer *server, const ServerQuery *query)
{
  return roam_deadline_add (query->said_us, server->config.active_idle_us);
}
