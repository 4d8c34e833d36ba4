/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "dhcp6/leasequery-server-private.h"

/* What a server says (RFC 5460 5.2, 7.2; RFC 5007 4.4.2). */

/* IAPREFIX with its option header, the larger of the two. */
#define BINDING_OCTETS 29u
/* CLIENT_DATA's other contents, relay data aside: two DUIDs, a CLT_TIME, base time, headers. */
#define CLIENT_FIXED 400u
/* A page and the largest message that may begin just before it is full. */
#define PAGE_MAX (SERVER_PAGE + 2u * (2u + DHCP6_MESSAGE_MAX))
#define MIN_REMOTE_ID_ROOM 2048u

static guint16
terminated (const LeasequeryServer *server)
{
  return server->config.draft ? DHCP6_STATUS_UNSPEC_FAIL : DHCP6_STATUS_QUERY_TERMINATED;
}

void
leasequery_page_count_status (LeasequeryServer *server, guint16 status)
{
  server->counters.statuses[MIN (status, G_N_ELEMENTS (server->counters.statuses) - 1)]++;
}

void
leasequery_page_send (LeasequeryServer *server, ServerConnection *connection, WireWriter *writer)
{
  GBytes *octets = wire_writer_finish (writer);

  /* Every part is bounded well below PAGE_MAX. */
  g_return_if_fail (octets != NULL);
  leasequery_server_send (server, connection, octets);
}

void
leasequery_page_write_base_time (WireWriter *writer, const ServerQuery *query, gint64 now)
{
  if (query->want_base_time)
    dhcp6_write_option_u32 (writer, DHCP6_OPTION_LQ_BASE_TIME, (guint32)(now - DHCP6_EPOCH_2000));
}

/* RFC 5007 4.2.2 has it dropped without either. */
gsize
leasequery_page_begin_reply (const LeasequeryServer *server, WireWriter *writer, guint32 transaction_id,
                             Dhcp6Slice client_id)
{
  gsize frame = dhcp6_begin_frame (writer, DHCP6_LEASEQUERY_REPLY, transaction_id);

  dhcp6_write_option (writer, DHCP6_OPTION_CLIENTID, client_id);
  dhcp6_write_option (writer, DHCP6_OPTION_SERVERID, server->config.duid);
  return frame;
}

void
leasequery_page_refuse (LeasequeryServer *server, ServerConnection *connection, guint32 transaction_id,
                        Dhcp6Slice client_id, guint16 status, const char *text)
{
  g_auto (WireWriter) writer;
  gsize frame;

  wire_writer_init (&writer, PAGE_MAX);
  frame = leasequery_page_begin_reply (server, &writer, transaction_id, client_id);
  dhcp6_write_status (&writer, status, text);
  dhcp6_end_frame (&writer, frame);
  leasequery_page_count_status (server, status);
  leasequery_page_send (server, connection, &writer);
}

void
leasequery_page_terminate (LeasequeryServer *server, ServerConnection *connection, const ServerQuery *query,
                           gint64 seconds, guint16 status_before, const char *text)
{
  g_auto (WireWriter) writer;
  Dhcp6Slice client_id;
  gsize frame;

  client_id.data = g_bytes_get_data (query->client_id, &client_id.length);
  if (!query->replied)
    {
      if (status_before == DHCP6_STATUS_QUERY_TERMINATED)
        status_before = terminated (server);
      leasequery_page_refuse (server, connection, query->transaction_id, client_id, status_before, text);
      return;
    }
  wire_writer_init (&writer, PAGE_MAX);
  frame = dhcp6_begin_frame (&writer, server->config.points.type_done, query->transaction_id);
  dhcp6_write_status (&writer, terminated (server), text);
  leasequery_page_write_base_time (&writer, query, seconds); /* RFC 7653 8.4 */
  dhcp6_end_frame (&writer, frame);
  leasequery_page_count_status (server, terminated (server));
  leasequery_page_send (server, connection, &writer);
}

/* ------------------------------------------------------------- client data ---- */

/* Seconds left at @now, infinity kept (RFC 8415 7.7); a time that has passed is 0. */
static guint32
seconds_left (guint32 granted, gint64 contact, gint64 now)
{
  if (granted == DHCP6_LIFETIME_INFINITE)
    return granted;
  return (guint32)CLAMP (contact + granted - now, 0, (gint64)DHCP6_LIFETIME_INFINITE - 1);
}

static void
write_binding (WireWriter *writer, const Lease *lease, gint64 now)
{
  guint32 valid = seconds_left (lease->valid_s, lease->contact, now);
  guint32 preferred = MIN (seconds_left (lease->preferred_s, lease->contact, now), valid);

  if (lease->is_prefix)
    dhcp6_write_iaprefix (writer, &lease->address, lease->prefix_length, preferred, valid);
  else
    dhcp6_write_iaaddr (writer, &lease->address, preferred, valid);
}

/* The identifiers nearest to the client, when they were asked for one by one (RFC 5007 4.1.2.1). */
static void
write_identifiers (const LeasequeryServer *server, WireWriter *writer, const ServerQuery *query, Dhcp6Slice relay_data)
{
  Dhcp6Relay relays[DHCP6_MAX_HOPS];
  Dhcp6Slice relay_id = { 0 }, remote_id = { 0 };
  guint n = 0;

  if ((!query->want_relay_id && !query->want_remote_id) || relay_data.data == NULL ||
      dhcp6_parse_relay_data (&server->config.points, relay_data, relays, G_N_ELEMENTS (relays), &n) != DHCP6_OK)
    return;
  for (guint i = 0; i < n; i++) /* inward: the last is nearest */
    {
      if (relays[i].relay_id.data != NULL)
        relay_id = relays[i].relay_id;
      if (relays[i].remote_id.data != NULL)
        remote_id = relays[i].remote_id;
    }
  if (query->want_relay_id && relay_id.data != NULL)
    dhcp6_write_option (writer, server->config.points.option_relay_id, relay_id);
  if (query->want_remote_id && remote_id.data != NULL && remote_id.length <= MIN_REMOTE_ID_ROOM)
    dhcp6_write_option (writer, DHCP6_OPTION_REMOTE_ID, remote_id);
}

void
leasequery_page_write_client (const LeasequeryServer *server, WireWriter *writer, const ServerQuery *query,
                              const LeaseGroup *group, guint first, guint n, gint64 now)
{
  gsize mark = dhcp6_begin_option (writer, DHCP6_OPTION_CLIENT_DATA);

  dhcp6_write_option (writer, DHCP6_OPTION_CLIENTID, group->client_id);
  for (guint i = first; i < first + n; i++)
    write_binding (writer, &group->leases[i], now);
  dhcp6_write_option_u32 (writer, DHCP6_OPTION_CLT_TIME, (guint32)CLAMP (now - group->contact, 0, G_MAXUINT32));
  write_identifiers (server, writer, query, group->relay_data);
  if (query->want_relay_data && group->relay_data.data != NULL &&
      group->relay_data.length <= DHCP6_MESSAGE_MAX - CLIENT_FIXED - MIN_REMOTE_ID_ROOM - BINDING_OCTETS)
    dhcp6_write_option (writer, DHCP6_OPTION_LQ_RELAY_DATA, group->relay_data);
  dhcp6_end_option (writer, mark);
}

/* Bindings that fit one message beside the rest (LQ-SRV-064). */
static guint
bindings_in_a_message (const ServerQuery *query, const LeaseGroup *group)
{
  gsize room = DHCP6_MESSAGE_MAX - CLIENT_FIXED - MIN_REMOTE_ID_ROOM;

  if (query->want_relay_data && group->relay_data.length <= room - BINDING_OCTETS)
    room -= group->relay_data.length;
  return (guint)(room / BINDING_OCTETS);
}

/* ------------------------------------------------------------------- pages ---- */

gsize
leasequery_page_begin_message (const LeasequeryServer *server, WireWriter *writer, const ServerQuery *query)
{
  Dhcp6Slice client_id;

  if (query->replied)
    return dhcp6_begin_frame (writer, server->config.points.type_data, query->transaction_id);
  client_id.data = g_bytes_get_data (query->client_id, &client_id.length);
  return leasequery_page_begin_reply (server, writer, query->transaction_id, client_id);
}

static void
write_group (LeasequeryServer *server, WireWriter *writer, const RoamNow *now, ServerQuery *query,
             const LeaseGroup *group)
{
  gint64 seconds = roam_now_unix (now);
  guint most = bindings_in_a_message (query, group);

  for (guint first = 0; first < group->n_leases; first += most)
    {
      gsize frame = leasequery_page_begin_message (server, writer, query);

      leasequery_page_write_client (server, writer, query, group, first, MIN (most, group->n_leases - first), seconds);
      leasequery_page_write_base_time (writer, query, seconds);
      dhcp6_end_frame (writer, frame);
      if (!query->replied)
        {
          server->counters.first_binding_us_sum += (guint64)(now->boot_us - query->began_us);
          server->counters.first_bindings++;
        }
      query->replied = TRUE;
    }
  server->counters.clients++;
  server->counters.bindings += group->n_leases;
}

/* DONE, or the REPLY that says there is nothing: without STATUS_CODE, and no DONE (RFC 5460 6.3, 7.2). */
static void
write_end (LeasequeryServer *server, WireWriter *writer, const ServerQuery *query, gint64 seconds)
{
  gsize frame = query->replied ? dhcp6_begin_frame (writer, server->config.points.type_done, query->transaction_id)
                               : leasequery_page_begin_message (server, writer, query);

  leasequery_page_write_base_time (writer, query, seconds);
  dhcp6_end_frame (writer, frame);
  leasequery_page_count_status (server, DHCP6_STATUS_SUCCESS);
}

gboolean
leasequery_page_make (LeasequeryServer *server, const RoamNow *now, ServerConnection *connection, ServerQuery *query)
{
  g_auto (WireWriter) writer;
  gint64 seconds = roam_now_unix (now);
  guint budget = SERVER_PAGE_BUDGET;
  LeaseGroup group;
  gboolean over;

  /* Room for a whole client at once: one with more bindings than a page is written in one go. */
  wire_writer_init (&writer, G_MAXUINT32);
  while (wire_writer_length (&writer) < SERVER_PAGE && budget > 0 &&
         lease_cursor_next (query->cursor, seconds, query->since, query->until, budget, &group))
    {
      write_group (server, &writer, now, query, &group);
      budget -= MIN (budget, group.n_leases);
    }
  over = lease_cursor_is_at_end (query->cursor);
  if (over)
    write_end (server, &writer, query, seconds);
  if (wire_writer_length (&writer) > 0)
    leasequery_page_send (server, connection, &writer);
  return over;
}
