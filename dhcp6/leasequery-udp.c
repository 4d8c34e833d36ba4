/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "dhcp6/leasequery-server-private.h"

/*
 * LEASEQUERY over UDP (RFC 5007 4.4): by address and by client alone; the other types are TCP's (RFC 5460 4). One
 * message in, at most one out.
 */

/* Octets of an answer: what IPv6 reassembles anywhere is less, what a relay can be expected to take is no more. */
#define UDP_ANSWER_MAX 4096u
/* Links of one client that are told: more do not fit. */
#define UDP_LINKS_MAX 200u
#define FRAME_SIZE_OCTETS 2u

/* What a client's answer is made of. */
typedef struct
{
  RoamAddr links[UDP_LINKS_MAX];
  guint n_groups, n_links;
  gboolean too_big;
} Found;

static gboolean
is_dropped (const LeasequeryServer *server, const Dhcp6Message *message)
{
  return message->type != DHCP6_LEASEQUERY || !dhcp6_duid_is_valid (message->client_id) || message->n_lq_query != 1 ||
         (message->server_id.data != NULL && !dhcp6_slice_equal (message->server_id, server->config.duid));
}

static const char *
judge (LeasequeryServer *server, const RoamNow *now, const RoamAddr *peer, guint8 types, const Dhcp6Message *message,
       Dhcp6Query *query, guint16 *ret_status)
{
  const char *problem;

  *ret_status = DHCP6_STATUS_MALFORMED_QUERY;
  if (dhcp6_parse_query (&server->config.points, message->lq_query, query) != DHCP6_OK)
    return "the query is malformed";
  server->counters.queries[query->type < G_N_ELEMENTS (server->counters.queries) ? query->type : 0]++;
  *ret_status = DHCP6_STATUS_NOT_ALLOWED;
  if (query->type >= DHCP6_QUERY_BY_RELAY_ID && query->type <= DHCP6_QUERY_BY_REMOTE_ID)
    return "this type of query takes TCP"; /* RFC 5460 4 */
  problem = leasequery_request_judge_form (query, ret_status);
  return problem != NULL ? problem : leasequery_request_judge_service (server, now, peer, types, query, ret_status);
}

static GBytes *
finish (LeasequeryServer *server, WireWriter *writer, gsize frame, guint16 status)
{
  g_autoptr (GBytes) octets = NULL;

  dhcp6_end_frame (writer, frame);
  leasequery_page_count_status (server, status);
  octets = wire_writer_finish (writer);
  /* Over UDP the message goes without its size. */
  return octets == NULL
           ? NULL
           : g_bytes_new_from_bytes (octets, FRAME_SIZE_OCTETS, g_bytes_get_size (octets) - FRAME_SIZE_OCTETS);
}

static GBytes *
refuse (LeasequeryServer *server, const Dhcp6Message *message, guint16 status, const char *text)
{
  g_auto (WireWriter) writer;
  gsize frame;

  wire_writer_init (&writer, UDP_ANSWER_MAX);
  frame = leasequery_page_begin_reply (server, &writer, message->transaction_id, message->client_id);
  dhcp6_write_status (&writer, status, text);
  return finish (server, &writer, frame, status);
}

static void
note_link (const LeasequeryServer *server, Found *found, const LeaseGroup *group)
{
  if (found->n_links < UDP_LINKS_MAX &&
      lease_store_get_link_address (server->store, group->leases[0].subnet_id, &found->links[found->n_links]))
    found->n_links++;
}

/* The first group is written as it comes; with a second one only the links count. */
static void
find (LeasequeryServer *server, WireWriter *writer, gint64 seconds, ServerQuery *query, Found *found)
{
  LeaseGroup group;

  while (!lease_cursor_is_at_end (query->cursor))
    {
      if (!lease_cursor_next (query->cursor, seconds, G_MININT64, G_MAXINT64, SERVER_PAGE_BUDGET, &group))
        continue;
      note_link (server, found, &group);
      if (found->n_groups++ == 0)
        {
          if (group.n_leases > UDP_LINKS_MAX)
            found->too_big = TRUE;
          else
            leasequery_page_write_client (server, writer, query, &group, 0, group.n_leases, seconds);
        }
    }
}

/* RFC 5007 4.4.2: which links the client is on; the requestor asks again for each. */
static GBytes *
answer_links (LeasequeryServer *server, const Dhcp6Message *message, const Found *found)
{
  g_auto (WireWriter) writer;
  gsize frame, option;

  wire_writer_init (&writer, UDP_ANSWER_MAX);
  frame = leasequery_page_begin_reply (server, &writer, message->transaction_id, message->client_id);
  option = dhcp6_begin_option (&writer, DHCP6_OPTION_LQ_CLIENT_LINK);
  for (guint i = 0; i < found->n_links; i++)
    wire_write_addr (&writer, &found->links[i]);
  dhcp6_end_option (&writer, option);
  return finish (server, &writer, frame, DHCP6_STATUS_SUCCESS);
}

static GBytes *
answer (LeasequeryServer *server, const RoamNow *now, const Dhcp6Message *message, const Dhcp6Query *asked,
        LeaseCursor *cursor)
{
  const guint16 relay_id = server->config.points.option_relay_id;
  ServerQuery query = {
    .cursor = cursor,
    .want_relay_data = leasequery_request_wants (server, asked, DHCP6_OPTION_LQ_RELAY_DATA),
    .want_relay_id = leasequery_request_wants (server, asked, relay_id),
    .want_remote_id = leasequery_request_wants (server, asked, DHCP6_OPTION_REMOTE_ID),
  };
  g_auto (WireWriter) writer;
  g_autoptr (GBytes) octets = NULL;
  Found found = { 0 };
  gsize frame;

  wire_writer_init (&writer, UDP_ANSWER_MAX);
  frame = leasequery_page_begin_reply (server, &writer, message->transaction_id, message->client_id);
  find (server, &writer, roam_now_unix (now), &query, &found);
  if (found.n_groups > 1)
    return answer_links (server, message, &found);
  if (!found.too_big)
    octets = finish (server, &writer, frame, DHCP6_STATUS_SUCCESS);
  if (octets == NULL)
    return refuse (server, message, DHCP6_STATUS_UNSPEC_FAIL, "more than a datagram holds; ask over TCP");
  return g_steal_pointer (&octets);
}

GBytes *
leasequery_server_input_udp (LeasequeryServer *server, const RoamNow *now, const RoamAddr *peer, const guint8 *data,
                             gsize length)
{
  const LeasequeryServerPermission *permission = leasequery_connection_find_permission (server, peer);
  g_autoptr (LeaseCursor) cursor = NULL;
  Dhcp6Message message;
  Dhcp6Query query = { 0 };
  const char *problem;
  guint16 status;

  /* Who is not listed gets nothing: an address is easily forged, and an answer is larger than a question. */
  if (permission == NULL || server->stopping || dhcp6_parse_message (data, length, &message, NULL) != DHCP6_OK ||
      is_dropped (server, &message))
    {
      server->counters.udp_dropped++;
      return NULL;
    }
  server->counters.udp++;
  problem = judge (server, now, peer, permission->query_types, &message, &query, &status);
  if (problem != NULL)
    return refuse (server, &message, status, problem);
  cursor = leasequery_request_open_cursor (server->store, &query);
  if (cursor == NULL)
    return refuse (server, &message, DHCP6_STATUS_NOT_CONFIGURED, "no such link");
  return answer (server, now, &message, &query, cursor);
}
