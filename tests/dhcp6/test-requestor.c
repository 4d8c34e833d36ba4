/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "tests/dhcp6/vectors.h"

#include "dhcp6/leasequery-requestor.h"

#include <string.h>

/*
 * The requestor in virtual time. What it does is a line of words; the worked examples' transaction-ids
 * (5aa1b2 and 5aa1b3) stand for those that the requestor drew for its first two queries.
 */

typedef struct
{
  LeasequeryRequestorConfig config;
  RoamRng *rng;
  LeasequeryRequestor *requestor;
  GByteArray *duid, *client, *relay, *remote, *server;
  gint64 now_us;
  GString *said;
  GPtrArray *sent; /* GBytes: every frame */
  guint32 xids[256];
  guint n_xids;
  guint connects;
  gint64 connected_at_us[32];
} Fixture;

static Dhcp6Slice
slice (const GByteArray *octets)
{
  return (Dhcp6Slice){ octets->data, octets->len };
}

static RoamNow
now (const Fixture *f)
{
  return roam_now_make (f->now_us, 1700000000 * ROAM_USEC_PER_SEC + f->now_us);
}

static void
fixture_start (Fixture *f)
{
  f->requestor = leasequery_requestor_new (&f->config, f->rng);
}

static void
set_up (Fixture *f, gconstpointer profile)
{
  f->rng = roam_rng_new_for_test (5460);
  f->said = g_string_new (NULL);
  f->sent = g_ptr_array_new_with_free_func ((GDestroyNotify)g_bytes_unref);
  f->duid = vectors_dup_constant ("requestor_duid");
  f->server = vectors_dup_constant ("server_duid");
  f->relay = vectors_dup_constant ("relay_duid");
  f->remote = vectors_dup_constant ("remote_id");
  f->client = vectors_unhex ("000100012a000000020000000001");
  f->now_us = 1000 * ROAM_USEC_PER_SEC;
  leasequery_requestor_config_init (&f->config, (LeasequeryProfile)GPOINTER_TO_INT (profile));
  f->config.duid = slice (f->duid);
  f->config.keep_open = TRUE;
}

static void
tear_down (Fixture *f, gconstpointer profile)
{
  leasequery_requestor_free (f->requestor);
  roam_rng_free (f->rng);
  g_string_free (f->said, TRUE);
  g_ptr_array_unref (f->sent);
  g_byte_array_unref (f->duid);
  g_byte_array_unref (f->server);
  g_byte_array_unref (f->relay);
  g_byte_array_unref (f->remote);
  g_byte_array_unref (f->client);
}

static void
note_event (Fixture *f, const LeasequeryEvent *event)
{
  char text[ROAM_ADDR_STRLEN];

  switch (event->type)
    {
    case LEASEQUERY_EVENT_REPLY:
      g_string_append_printf (f->said, "reply%u:%u ", event->id, event->status);
      break;
    case LEASEQUERY_EVENT_BINDING:
      g_string_append_printf (f->said, "%s%u:%s ", event->binding.is_prefix ? "prefix" : "address", event->id,
                              roam_addr_to_string (&event->binding.address, text));
      g_assert_cmpmem (event->server_id.data, event->server_id.length, f->server->data, f->server->len);
      break;
    case LEASEQUERY_EVENT_COMPLETE:
      g_string_append_printf (f->said, "end%u:%s:%u%s%s ", event->id,
                              event->outcome == LEASEQUERY_OUTCOME_OK           ? "ok"
                              : event->outcome == LEASEQUERY_OUTCOME_STATUS     ? "status"
                              : event->outcome == LEASEQUERY_OUTCOME_INCOMPLETE ? "incomplete"
                              : event->outcome == LEASEQUERY_OUTCOME_PROTOCOL   ? "protocol"
                              : event->outcome == LEASEQUERY_OUTCOME_TIMEOUT    ? "timeout"
                              : event->outcome == LEASEQUERY_OUTCOME_REFUSED    ? "refused"
                              : event->outcome == LEASEQUERY_OUTCOME_ABORTED    ? "aborted"
                                                                                : "unreachable",
                              (guint)event->n_bindings, event->complete ? "" : ":partial",
                              event->try_other ? ":other" : "");
      break;
    case LEASEQUERY_EVENT_RESTART:
      g_string_append_printf (f->said, "restart%u ", event->id);
      break;
    case LEASEQUERY_EVENT_FAULT:
      g_string_append_printf (f->said, "fault%u ", event->fault);
      break;
    case LEASEQUERY_EVENT_WAITING:
      g_string_append (f->said, "waiting ");
      break;
    }
}

static void
note_sent (Fixture *f, GBytes *octets)
{
  gsize length;
  const guint8 *data = g_bytes_get_data (octets, &length);
  Dhcp6Message message;

  g_assert_cmpint (dhcp6_parse_message (data + 2, length - 2, &message, NULL), ==, DHCP6_OK);
  g_assert_cmpuint (f->n_xids, <, G_N_ELEMENTS (f->xids));
  f->xids[f->n_xids++] = message.transaction_id;
  g_ptr_array_add (f->sent, g_bytes_ref (octets));
  g_string_append (f->said, "query ");
}

static void
drain (Fixture *f)
{
  for (;;)
    {
      g_auto (LeasequeryRequestorAction) action = { .type = LEASEQUERY_REQUESTOR_ACTION_EVENT };

      if (!leasequery_requestor_pop_action (f->requestor, &action))
        return;
      switch (action.type)
        {
        case LEASEQUERY_REQUESTOR_ACTION_CONNECT:
          g_string_append (f->said, "connect ");
          f->connected_at_us[f->connects++ % G_N_ELEMENTS (f->connected_at_us)] = f->now_us;
          break;
        case LEASEQUERY_REQUESTOR_ACTION_SEND:
          note_sent (f, action.octets);
          break;
        case LEASEQUERY_REQUESTOR_ACTION_END_OUTPUT:
          g_string_append (f->said, "end-output ");
          break;
        case LEASEQUERY_REQUESTOR_ACTION_DISCONNECT:
          g_string_append (f->said, "disconnect ");
          break;
        case LEASEQUERY_REQUESTOR_ACTION_EVENT:
          note_event (f, &action.event);
          break;
        }
    }
}

/* What was said since the last call. */
#define expect(f, words)                                                                                               \
  G_STMT_START                                                                                                         \
  {                                                                                                                    \
    g_strchomp ((f)->said->str);                                                                                       \
    g_assert_cmpstr ((f)->said->str, ==, words);                                                                       \
    g_string_truncate ((f)->said, 0);                                                                                  \
  }                                                                                                                    \
  G_STMT_END

static void
ask_query (Fixture *f, guint id, const LeasequeryQuery *query)
{
  const LeasequeryRequestorCommand command = { .type = LEASEQUERY_REQUESTOR_QUERY, .id = id, .query = *query };
  RoamNow at = now (f);

  leasequery_requestor_input_command (f->requestor, &at, &command);
  drain (f);
}

static void
ask (Fixture *f, guint id)
{
  const LeasequeryQuery query = { .type = DHCP6_QUERY_BY_RELAY_ID, .relay_id = slice (f->relay) };

  ask_query (f, id, &query);
}

static void
connection (Fixture *f, LeasequeryConnection what)
{
  RoamNow at = now (f);

  leasequery_requestor_input_connection (f->requestor, &at, what);
  drain (f);
}

static void
feed (Fixture *f, const guint8 *data, gsize length)
{
  g_autofree guint8 *copy = g_memdup2 (data, length);
  RoamNow at = now (f);

  leasequery_requestor_input_datagram (f->requestor, &at, copy, length);
  drain (f);
}

/* The vector's octets with the requestor's own transaction-ids, those of query @first on. */
static GByteArray *
octets_of (Fixture *f, const char *id, guint first)
{
  const GByteArray *octets = vectors_find (id)->octets;
  GByteArray *out = g_byte_array_new ();

  g_byte_array_append (out, octets->data, octets->len);
  for (gsize at = 0; at + 6 <= out->len;)
    {
      gsize size = (gsize)out->data[at] << 8 | out->data[at + 1];
      guint32 xid = (guint32)out->data[at + 3] << 16 | (guint32)out->data[at + 4] << 8 | out->data[at + 5];

      if (xid == 0x5aa1b2 || xid == 0x5aa1b3)
        {
          g_assert_cmpuint (first + xid - 0x5aa1b2, <, f->n_xids);
          xid = f->xids[first + xid - 0x5aa1b2];
          out->data[at + 3] = (guint8)(xid >> 16);
          out->data[at + 4] = (guint8)(xid >> 8);
          out->data[at + 5] = (guint8)xid;
        }
      at += 2 + size;
    }
  return out;
}

static void
hear (Fixture *f, const char *id)
{
  g_autoptr (GByteArray) octets = octets_of (f, id, 0);

  feed (f, octets->data, octets->len);
}

/* @n queries on an open connection. */
static void
open_with (Fixture *f, guint n)
{
  fixture_start (f);
  for (guint id = 1; id <= n; id++)
    ask (f, id);
  connection (f, LEASEQUERY_CONNECTION_UP);
  g_string_truncate (f->said, 0);
}

static void
wait_us (Fixture *f, gint64 us)
{
  RoamNow at;

  f->now_us += us;
  at = now (f);
  leasequery_requestor_input_deadline (f->requestor, &at);
  drain (f);
}

static void
wait_for_deadline (Fixture *f)
{
  gint64 deadline = leasequery_requestor_next_deadline (f->requestor);

  g_assert_cmpint (deadline, <, ROAM_NEVER);
  wait_us (f, deadline - f->now_us);
}

/* ------------------------------------------------------------------- asking ---- */

/* covers: LQ-REQ-005, LQ-REQ-006, LQ-REQ-007, LQ-REQ-010, LQ-REQ-012 */
static void
test_queries (Fixture *f, gconstpointer data)
{
  static const guint16 relay_data = DHCP6_OPTION_LQ_RELAY_DATA;
  RoamAddr address, link;
  LeasequeryQuery queries[9] = { 0 };

  roam_addr_parse ("2001:db8:0:1::1000", &address);
  roam_addr_parse ("2001:db8:0:1::1", &link);
  queries[0] = (LeasequeryQuery){ .type = DHCP6_QUERY_BY_ADDRESS, .address = address };
  queries[1] = (LeasequeryQuery){ .type = DHCP6_QUERY_BY_ADDRESS, .address = address, .link_address = link };
  queries[2] = (LeasequeryQuery){ .type = DHCP6_QUERY_BY_CLIENTID, .client_id = slice (f->client) };
  queries[3] = (LeasequeryQuery){
    .type = DHCP6_QUERY_BY_CLIENTID, .client_id = slice (f->client), .want = &relay_data, .n_want = 1
  };
  queries[4] = (LeasequeryQuery){ .type = DHCP6_QUERY_BY_RELAY_ID, .relay_id = slice (f->relay) };
  queries[5] = (LeasequeryQuery){ .type = DHCP6_QUERY_BY_RELAY_ID, .relay_id = slice (f->relay), .link_address = link };
  queries[6] = (LeasequeryQuery){ .type = DHCP6_QUERY_BY_LINK_ADDRESS, .link_address = link };
  queries[7] = (LeasequeryQuery){ .type = DHCP6_QUERY_BY_REMOTE_ID, .remote_id = slice (f->remote) };
  queries[8] = (LeasequeryQuery){ .type = DHCP6_QUERY_BY_REMOTE_ID,
                                  .remote_id = slice (f->remote),
                                  .link_address = link,
                                  .server_id = slice (f->server) };
  for (guint i = 0; i < G_N_ELEMENTS (queries); i++)
    {
      g_autofree char *id = g_strdup_printf ("LQ-V-%02u", i + 1);
      const GByteArray *octets = vectors_find (id)->octets;
      g_autoptr (GBytes) built = leasequery_query_build (&f->config, &queries[i], 0x5aa1b2);

      g_assert_null (leasequery_query_check (&f->config, &queries[i]));
      g_assert_cmpmem (g_bytes_get_data (built, NULL), g_bytes_get_size (built), octets->data, octets->len);
    }
}

/* covers: LQ-REQ-013 */
static void
test_bad_queries (Fixture *f, gconstpointer data)
{
  static const guint16 barred[] = { 1, 2, 3, 5, 6, 13, 25, 26, 44, 45, 46, 48 };
  RoamAddr none, four;
  LeasequeryQuery query = { .type = DHCP6_QUERY_BY_RELAY_ID, .relay_id = slice (f->relay), .n_want = 1 };

  roam_addr_parse ("::", &none);
  roam_addr_parse ("192.0.2.1", &four);
  for (guint i = 0; i < G_N_ELEMENTS (barred); i++)
    {
      query.want = &barred[i];
      g_assert_nonnull (leasequery_query_check (&f->config, &query));
    }
  g_assert_nonnull (leasequery_query_check (&f->config, &(LeasequeryQuery){ .type = DHCP6_QUERY_BY_ADDRESS }));
  g_assert_nonnull (
    leasequery_query_check (&f->config, &(LeasequeryQuery){ .type = DHCP6_QUERY_BY_ADDRESS, .address = none }));
  g_assert_nonnull (
    leasequery_query_check (&f->config, &(LeasequeryQuery){ .type = DHCP6_QUERY_BY_ADDRESS, .address = four }));
  g_assert_nonnull (leasequery_query_check (
    &f->config, &(LeasequeryQuery){ .type = DHCP6_QUERY_BY_LINK_ADDRESS, .link_address = none }));
  g_assert_nonnull (leasequery_query_check (
    &f->config, &(LeasequeryQuery){ .type = DHCP6_QUERY_BY_CLIENTID, .client_id = { f->client->data, 2 } }));
  g_assert_nonnull (leasequery_query_check (
    &f->config, &(LeasequeryQuery){ .type = DHCP6_QUERY_BY_REMOTE_ID, .remote_id = { f->remote->data, 4 } }));
  g_assert_nonnull (leasequery_query_check (&f->config, &(LeasequeryQuery){ .type = (Dhcp6QueryType)9 }));
}

/* covers: LQ-REQ-008, LQ-REQ-009, LQ-REQ-016 */
static void
test_transaction_ids (Fixture *f, gconstpointer data)
{
  guint rising = 0;

  f->config.max_parallel = 100;
  fixture_start (f);
  for (guint id = 1; id <= 100; id++)
    ask (f, id);
  connection (f, LEASEQUERY_CONNECTION_UP);
  g_assert_cmpuint (f->n_xids, ==, 100);
  for (guint i = 0; i < 100; i++)
    for (guint k = 0; k < i; k++)
      g_assert_cmpuint (f->xids[i], !=, f->xids[k]);
  for (guint i = 1; i < 100; i++)
    rising += f->xids[i] > f->xids[i - 1];
  g_assert_cmpuint (rising, >, 25);
  g_assert_cmpuint (rising, <, 75);
}

/* No more at once than is set; the draft asks one by one. */
static void
test_parallel_limit (Fixture *f, gconstpointer profile)
{
  guint limit = f->config.max_parallel;

  fixture_start (f);
  for (guint id = 1; id <= limit + 1; id++)
    ask (f, id);
  connection (f, LEASEQUERY_CONNECTION_UP);
  g_assert_cmpuint (f->n_xids, ==, limit);
  hear (f, "LQ-V-12"); /* the first is over */
  g_assert_cmpuint (f->n_xids, ==, limit + 1);
}

/* --------------------------------------------------------------- good answers ---- */

/* covers: LQ-REQ-035, LQ-REQ-036 */
static void
test_empty (Fixture *f, gconstpointer data)
{
  open_with (f, 1);
  hear (f, "LQ-V-12");
  expect (f, "reply1:0 end1:ok:0");
}

/* covers: LQ-REQ-034, LQ-REQ-036, LQ-REQ-041, LQ-REQ-045, LQ-REQ-053 */
static void
test_reply_then_done (Fixture *f, gconstpointer data)
{
  open_with (f, 1);
  hear (f, "LQ-V-11");
  expect (f, "reply1:0 address1:2001:db8:0:1::1000 prefix1:2001:db8:8000:100::"); /* at once, not at DONE */
  hear (f, "LQ-V-21");
  expect (f, "end1:ok:2");
  ask (f, 2); /* the connection is kept */
  expect (f, "query");
}

static void
test_closes_after_last (Fixture *f, gconstpointer data)
{
  f->config.keep_open = FALSE;
  open_with (f, 1);
  hear (f, "LQ-V-23");
  g_assert_true (g_str_has_suffix (g_strchomp (f->said->str), "end1:ok:2 disconnect"));
}

/* Whole, and octet by octet. covers: LQ-REQ-017, LQ-REQ-038 */
static void
test_interleaved (Fixture *f, gconstpointer data)
{
  g_autofree char *first = NULL;
  g_autoptr (GByteArray) octets = NULL;

  open_with (f, 2);
  hear (f, "LQ-V-24");
  first = g_strdup (f->said->str);
  g_string_truncate (f->said, 0);
  g_assert_nonnull (strstr (first, "end1:ok:1"));
  g_assert_nonnull (strstr (first, "end2:ok:2"));
  ask (f, 1);
  ask (f, 2);
  g_string_truncate (f->said, 0);
  octets = octets_of (f, "LQ-V-24", 2);
  for (guint i = 0; i < octets->len; i++)
    feed (f, octets->data + i, 1);
  g_assert_cmpstr (f->said->str, ==, first);
}

/* Kea over UDP puts it beside CLIENT_DATA. covers: LQ-REQ-045 */
static void
test_relay_data_beside (Fixture *f, gconstpointer data)
{
  g_auto (WireWriter) writer;
  g_autoptr (GBytes) bytes = NULL;
  g_autoptr (GByteArray) relay = vectors_unhex ("fe80000000000000000000000000000a");
  LeasequeryRequestorAction action;
  RoamNow at;
  RoamAddr address;
  gsize frame, client;
  gboolean seen = FALSE;

  open_with (f, 1);
  at = now (f);
  roam_addr_parse ("2001:db8::5", &address);
  wire_writer_init (&writer, 1000);
  frame = dhcp6_begin_frame (&writer, DHCP6_LEASEQUERY_REPLY, f->xids[0]);
  dhcp6_write_option (&writer, DHCP6_OPTION_CLIENTID, slice (f->duid));
  dhcp6_write_option (&writer, DHCP6_OPTION_SERVERID, slice (f->server));
  client = dhcp6_begin_option (&writer, DHCP6_OPTION_CLIENT_DATA);
  dhcp6_write_option (&writer, DHCP6_OPTION_CLIENTID, slice (f->client));
  dhcp6_write_iaaddr (&writer, &address, 1, 2);
  dhcp6_write_option_u32 (&writer, DHCP6_OPTION_CLT_TIME, 3);
  dhcp6_end_option (&writer, client);
  dhcp6_write_option (&writer, DHCP6_OPTION_LQ_RELAY_DATA, slice (relay));
  dhcp6_end_frame (&writer, frame);
  bytes = wire_writer_finish (&writer);
  leasequery_requestor_input_datagram (f->requestor, &at, g_bytes_get_data (bytes, NULL), g_bytes_get_size (bytes));
  while (leasequery_requestor_pop_action (f->requestor, &action))
    if (action.type == LEASEQUERY_REQUESTOR_ACTION_EVENT && action.event.type == LEASEQUERY_EVENT_BINDING)
      {
        g_assert_cmpmem (action.event.relay_data.data, action.event.relay_data.length, relay->data, relay->len);
        g_assert_cmpuint (action.event.client->clt_time, ==, 3);
        g_assert_cmpint (action.event.received_us, ==, f->now_us);
        seen = TRUE;
      }
  g_assert_true (seen);
}

/* ------------------------------------------------------------------- errors ---- */

/* covers: LQ-REQ-047, LQ-REQ-048 */
static void
test_error_statuses (Fixture *f, gconstpointer data)
{
  static const struct
  {
    const char *vector, *words;
  } rows[] = {
    { "LQ-V-13", "reply1:7 end1:status:0:partial:other" },  { "LQ-V-14", "reply1:8 end1:status:0:partial" },
    { "LQ-V-15", "reply1:9 end1:status:0:partial:other" },  { "LQ-V-16", "reply1:10 end1:status:0:partial:other" },
    { "LQ-V-17", "reply1:11 end1:status:0:partial:other" },
  };

  for (guint i = 0; i < G_N_ELEMENTS (rows); i++)
    {
      f->n_xids = 0;
      open_with (f, 1);
      hear (f, rows[i].vector);
      expect (f, rows[i].words);
      g_clear_pointer (&f->requestor, leasequery_requestor_free);
    }
}

/* Bindings came, the rest did not. covers: LQ-REQ-047 */
static void
test_error_in_done (Fixture *f, gconstpointer data)
{
  open_with (f, 1);
  hear (f, "LQ-V-10");
  g_string_truncate (f->said, 0);
  hear (f, "LQ-V-22");
  expect (f, "end1:status:1:partial:other");
}

/* covers: LQ-REQ-049, LQ-DRF-004 */
static void
test_terminated_is_tried_again (Fixture *f, gconstpointer profile)
{
  gint64 before;

  f->config.max_retries = 2;
  open_with (f, 1);
  for (guint i = 0; i < 2; i++)
    {
      g_autoptr (GByteArray) octets = octets_of (f, i == 0 ? "LQ-V-17" : "LQ-V-10", i);

      feed (f, octets->data, octets->len);
      if (i == 1)
        {
          /* In mid result; UnspecFail in DONE is the draft's word for it (and taken alike in both). */
          g_autoptr (GByteArray) done = octets_of (f, "LQ-V-22", i);

          done->data[11] = 1;
          feed (f, done->data, done->len);
        }
      g_assert_nonnull (strstr (f->said->str, "restart1"));
      g_string_truncate (f->said, 0);
      before = f->now_us;
      wait_for_deadline (f);
      expect (f, "query");
      g_assert_cmpint (f->now_us - before, >=, (i + 1) * ROAM_USEC_PER_SEC * 9 / 10);
    }
  {
    g_autoptr (GByteArray) octets = octets_of (f, "LQ-V-17", 2);

    feed (f, octets->data, octets->len);
  }
  expect (f, "reply1:11 end1:status:0:partial:other");
}

/* Section 8, what a requestor answers to each. */
static void
test_bad_messages (Fixture *f, gconstpointer data)
{
  static const struct
  {
    const char *vector, *words;
    gboolean is_data; /* DATA, which comes behind a REPLY */
  } rows[] = {
    /* covers: LQ-REQ-032 */
    { "LQ-B-20", "fault3" },
    /* covers: LQ-REQ-030 */
    { "LQ-B-21", "fault4" },
    /* covers: LQ-REQ-031 */
    { "LQ-B-22", "fault5" },
    /* covers: LQ-REQ-042 */
    { "LQ-B-23", "fault13 reply1:0 end1:ok:0" },
    { "LQ-B-25", "fault7 disconnect end1:protocol:0:partial:other" },
    /* covers: LQ-REQ-040 */
    { "LQ-B-27", "fault8 disconnect end1:incomplete:0:partial:other" },
    { "LQ-B-28", "reply1:0 end1:ok:0 fault8 disconnect" },
    /* covers: LQ-REQ-043 */
    { "LQ-B-29", "fault10", .is_data = TRUE },
    { "LQ-B-30", "fault11", .is_data = TRUE },
    { "LQ-B-31", "fault9", .is_data = TRUE },
    { "LQ-B-32", "fault14", .is_data = TRUE },
    /* covers: LQ-REQ-044 */
    { "LQ-B-33", "fault15", .is_data = TRUE },
    { "LQ-B-34", "fault1" },
    { "LQ-B-35", "fault9", .is_data = TRUE },
    { "LQ-B-36", "reply1:10 end1:status:0:partial:other" },
    { "LQ-B-01", "fault0 disconnect end1:protocol:0:partial:other" },
    { "LQ-B-02", "fault0 disconnect end1:protocol:0:partial:other" },
    { "LQ-B-05", "fault1" },
    { "LQ-B-06", "fault1" },
    /* covers: LQ-REQ-033 */
    { "LQ-V-05", "fault2" },
    { "LQ-B-18", "fault2" },
  };

  for (guint i = 0; i < G_N_ELEMENTS (rows); i++)
    {
      f->n_xids = 0;
      open_with (f, 1);
      if (rows[i].is_data)
        hear (f, "LQ-V-10");
      g_string_truncate (f->said, 0);
      hear (f, rows[i].vector);
      g_test_message ("%s: %s", rows[i].vector, f->said->str);
      expect (f, rows[i].words);
      g_clear_pointer (&f->requestor, leasequery_requestor_free);
    }
}

/* covers: LQ-REQ-039 */
static void
test_data_without_client (Fixture *f, gconstpointer data)
{
  open_with (f, 1);
  hear (f, "LQ-V-10");
  g_string_truncate (f->said, 0);
  hear (f, "LQ-B-24");
  g_assert_null (strstr (f->said->str, "fault"));
  g_string_truncate (f->said, 0);
  hear (f, "LQ-V-21");
  expect (f, "end1:ok:1");
}

static void
test_data_after_done (Fixture *f, gconstpointer data)
{
  open_with (f, 1);
  hear (f, "LQ-B-26");
  g_assert_true (g_str_has_suffix (g_strchomp (f->said->str), "end1:ok:1 fault3"));
}

/* Row 13: sixteen, and the connection goes. */
static void
test_too_many_faults (Fixture *f, gconstpointer data)
{
  open_with (f, 1);
  for (guint i = 0; i < 15; i++)
    hear (f, "LQ-B-20");
  g_assert_null (strstr (f->said->str, "disconnect"));
  g_string_truncate (f->said, 0);
  hear (f, "LQ-B-20");
  expect (f, "fault3 disconnect end1:protocol:0:partial:other");
  g_assert_cmpuint (leasequery_requestor_get_faults (f->requestor, LEASEQUERY_FAULT_TRANSACTION), ==, 16);
}

/* Row 16: taken like DATA, unless it is an error. */
static void
test_second_reply (Fixture *f, gconstpointer data)
{
  open_with (f, 1);
  hear (f, "LQ-V-10");
  g_string_truncate (f->said, 0);
  hear (f, "LQ-V-11");
  expect (f, "fault6 address1:2001:db8:0:1::1000 prefix1:2001:db8:8000:100::");
  hear (f, "LQ-V-16");
  expect (f, "fault6 end1:status:3:partial:other");
}

/* Row 20. */
static void
test_error_with_data (Fixture *f, gconstpointer data)
{
  g_autoptr (GByteArray) octets = NULL;

  open_with (f, 1);
  octets = octets_of (f, "LQ-V-11", 0);
  for (guint i = 0; i + 6 <= octets->len; i++) /* its explicit Success becomes NotAllowed */
    if (memcmp (octets->data + i, "\x00\x0d\x00\x04\x00\x00", 6) == 0)
      octets->data[i + 5] = 10;
  feed (f, octets->data, octets->len);
  expect (f, "reply1:10 fault17 end1:status:0:partial:other");
}

/* -------------------------------------------------------------- connection ---- */

/* covers: LQ-REQ-003, LQ-REQ-004 */
static void
test_connect_fails (Fixture *f, gconstpointer data)
{
  gint64 last = 0;

  f->config.max_retries = 9;
  fixture_start (f);
  ask (f, 1);
  expect (f, "connect");
  g_assert_cmpint (leasequery_requestor_next_deadline (f->requestor) - f->now_us, ==, 30 * ROAM_USEC_PER_SEC);
  for (guint i = 0; i < 9; i++)
    {
      gint64 before, wait, nominal = MIN (ROAM_USEC_PER_SEC << i, 60 * ROAM_USEC_PER_SEC);

      if (i % 2 == 0)
        connection (f, LEASEQUERY_CONNECTION_FAILED);
      else
        wait_for_deadline (f); /* SYNs go unanswered */
      before = f->now_us;
      wait_for_deadline (f);
      wait = f->now_us - before;
      g_assert_cmpint (wait, >=, nominal * 9 / 10);
      g_assert_cmpint (wait, <=, nominal * 11 / 10 + 1);
      g_assert_true (wait > last || nominal == 60 * ROAM_USEC_PER_SEC);
      last = wait;
    }
  g_assert_cmpuint (f->connects, ==, 10);
  g_string_truncate (f->said, 0);
  connection (f, LEASEQUERY_CONNECTION_FAILED);
  expect (f, "end1:unreachable:0:partial:other");
  g_assert_cmpint (leasequery_requestor_next_deadline (f->requestor), ==, ROAM_NEVER);
}

/* covers: LQ-REQ-037 */
static void
test_cut_in_mid_result (Fixture *f, gconstpointer data)
{
  open_with (f, 1);
  hear (f, "LQ-V-10");
  g_string_truncate (f->said, 0);
  connection (f, LEASEQUERY_CONNECTION_ENDED);
  expect (f, "disconnect end1:incomplete:1:partial:other");
}

static void
test_cut_is_asked_again (Fixture *f, gconstpointer data)
{
  g_autoptr (GByteArray) octets = NULL;

  f->config.max_retries = 1;
  open_with (f, 1);
  hear (f, "LQ-V-10");
  g_string_truncate (f->said, 0);
  connection (f, LEASEQUERY_CONNECTION_RESET);
  expect (f, "disconnect restart1 waiting");
  wait_for_deadline (f);
  connection (f, LEASEQUERY_CONNECTION_UP);
  expect (f, "connect query");
  octets = octets_of (f, "LQ-V-23", 1);
  feed (f, octets->data, octets->len);
  g_assert_true (g_str_has_suffix (g_strchomp (f->said->str), "end1:ok:2"));
}

/* covers: LQ-DRF-006 */
static void
test_draft_lone_reply (Fixture *f, gconstpointer profile)
{
  gboolean draft = GPOINTER_TO_INT (profile) == LEASEQUERY_PROFILE_DRAFT00;

  open_with (f, 1);
  hear (f, "LQ-V-10");
  g_string_truncate (f->said, 0);
  connection (f, LEASEQUERY_CONNECTION_ENDED);
  expect (f, draft ? "disconnect end1:ok:1" : "disconnect end1:incomplete:1:partial:other");
}

/* Row 28. */
static void
test_refused (Fixture *f, gconstpointer data)
{
  fixture_start (f);
  ask (f, 1);
  for (guint i = 0; i < 2; i++)
    {
      connection (f, LEASEQUERY_CONNECTION_UP);
      connection (f, LEASEQUERY_CONNECTION_ENDED);
      g_assert_null (strstr (f->said->str, "end1"));
      wait_for_deadline (f);
    }
  connection (f, LEASEQUERY_CONNECTION_UP);
  g_string_truncate (f->said, 0);
  connection (f, LEASEQUERY_CONNECTION_ENDED);
  expect (f, "disconnect end1:refused:0:partial:other");
}

/* Row 29: an end while nothing is asked is no event; the next query connects again. */
static void
test_idle_end (Fixture *f, gconstpointer data)
{
  open_with (f, 1);
  hear (f, "LQ-V-12");
  g_string_truncate (f->said, 0);
  connection (f, LEASEQUERY_CONNECTION_ENDED);
  expect (f, "disconnect");
  ask (f, 2);
  expect (f, "connect");
}

/* covers: LQ-REQ-050 */
static void
test_silence (Fixture *f, gconstpointer data)
{
  open_with (f, 1);
  wait_us (f, 299 * ROAM_USEC_PER_SEC);
  expect (f, "");
  wait_us (f, ROAM_USEC_PER_SEC);
  expect (f, "disconnect end1:timeout:0:partial:other");
}

/* covers: LQ-REQ-051 */
static void
test_dripping (Fixture *f, gconstpointer data)
{
  g_autoptr (GByteArray) octets = NULL;
  guint i = 0;

  open_with (f, 1);
  octets = octets_of (f, "LQ-V-11", 0);
  while (strstr (f->said->str, "disconnect") == NULL && i < octets->len - 1)
    {
      feed (f, octets->data + i++, 1);
      wait_us (f, 2 * ROAM_USEC_PER_SEC);
    }
  g_assert_cmpuint (i, ==, 150); /* 300 s */
  expect (f, "disconnect end1:timeout:0:partial:other");
}

/* covers: LQ-REQ-014 */
static void
test_blocked_write (Fixture *f, gconstpointer data)
{
  open_with (f, 1);
  wait_us (f, 100 * ROAM_USEC_PER_SEC);
  hear (f, "LQ-V-10"); /* it still reads */
  connection (f, LEASEQUERY_CONNECTION_BLOCKED);
  wait_us (f, 200 * ROAM_USEC_PER_SEC);
  hear (f, "LQ-V-18");
  connection (f, LEASEQUERY_CONNECTION_BLOCKED); /* is no news */
  g_string_truncate (f->said, 0);
  wait_us (f, 100 * ROAM_USEC_PER_SEC);
  expect (f, "disconnect end1:timeout:2:partial:other");
}

/* covers: LQ-REQ-015 */
static void
test_half_close (Fixture *f, gconstpointer data)
{
  f->config.half_close = TRUE;
  f->config.keep_open = FALSE;
  f->config.max_parallel = 1;
  fixture_start (f);
  ask (f, 1);
  ask (f, 2);
  connection (f, LEASEQUERY_CONNECTION_UP);
  expect (f, "connect query");
  hear (f, "LQ-V-12");
  expect (f, "reply1:0 end1:ok:0 query end-output");
  {
    g_autoptr (GByteArray) octets = octets_of (f, "LQ-V-12", 1);

    feed (f, octets->data, octets->len);
  }
  expect (f, "reply2:0 end2:ok:0 disconnect");
}

/* What still comes for a query given up is no fault of the server's. */
static void
test_abort (Fixture *f, gconstpointer data)
{
  const LeasequeryRequestorCommand command = { .type = LEASEQUERY_REQUESTOR_ABORT, .id = 1 };
  RoamNow at;

  open_with (f, 1);
  hear (f, "LQ-V-10");
  g_string_truncate (f->said, 0);
  at = now (f);
  leasequery_requestor_input_command (f->requestor, &at, &command);
  drain (f);
  expect (f, "end1:aborted:1:partial");
  hear (f, "LQ-V-18");
  hear (f, "LQ-V-21");
  expect (f, "");
  hear (f, "LQ-V-21"); /* a second DONE is one */
  expect (f, "fault8 disconnect");
}

/* Given up between two bindings of one message. */
static void
test_abort_within_message (Fixture *f, gconstpointer data)
{
  const LeasequeryRequestorCommand command = { .type = LEASEQUERY_REQUESTOR_ABORT, .id = 1 };
  g_autoptr (GByteArray) octets = NULL;
  LeasequeryRequestorAction action;
  RoamNow at;
  guint n = 0;

  open_with (f, 1);
  octets = octets_of (f, "LQ-V-11", 0);
  at = now (f);
  leasequery_requestor_input_datagram (f->requestor, &at, octets->data, octets->len);
  while (leasequery_requestor_pop_action (f->requestor, &action))
    if (action.type == LEASEQUERY_REQUESTOR_ACTION_EVENT && action.event.type == LEASEQUERY_EVENT_BINDING && n++ == 0)
      leasequery_requestor_input_command (f->requestor, &at, &command);
  g_assert_cmpuint (n, ==, 1);
  g_assert_cmpuint (leasequery_requestor_n_pending (f->requestor), ==, 0);
}

static void
test_close (Fixture *f, gconstpointer data)
{
  const LeasequeryRequestorCommand command = { .type = LEASEQUERY_REQUESTOR_CLOSE };
  RoamNow at;

  f->config.max_retries = 5;
  open_with (f, 2);
  at = now (f);
  leasequery_requestor_input_command (f->requestor, &at, &command);
  drain (f);
  expect (f, "end1:incomplete:0:partial:other end2:incomplete:0:partial:other disconnect");
}

/* A million bindings pass through; nothing of them stays. covers: LQ-REQ-038, LQ-REQ-052 */
static void
test_memory_is_flat (Fixture *f, gconstpointer data)
{
  g_autoptr (GByteArray) one = NULL, many = g_byte_array_new ();
  LeasequeryRequestorAction action;
  RoamNow at;
  guint n = 0;

  open_with (f, 1);
  hear (f, "LQ-V-10");
  one = octets_of (f, "LQ-V-18", 0);
  for (guint i = 0; i < 1000; i++)
    g_byte_array_append (many, one->data, one->len);
  at = now (f);
  for (guint i = 0; i < 1000; i++)
    {
      leasequery_requestor_input_datagram (f->requestor, &at, many->data, many->len);
      while (leasequery_requestor_pop_action (f->requestor, &action))
        n++;
    }
  g_assert_cmpuint (n, ==, 1000000);
}

/* The time that the caller does not read is not the server's: neither silence nor a blocked write (LQ-REQ-052). */
static void
test_slow_caller (Fixture *f, gconstpointer data)
{
  open_with (f, 1);
  hear (f, "LQ-V-10");
  connection (f, LEASEQUERY_CONNECTION_BLOCKED);
  g_string_truncate (f->said, 0);
  for (guint i = 0; i < 5; i++)
    {
      f->now_us += f->config.data_timeout_us * 2 / 3;
      connection (f, LEASEQUERY_CONNECTION_RESUMED);
      wait_us (f, 0);
      expect (f, "");
    }
  wait_us (f, f->config.data_timeout_us - 1);
  expect (f, "");
  wait_us (f, 1);
  expect (f, "disconnect end1:timeout:1:partial:other");
}

/* A server may close after an answer: the queries behind it are asked anew at once, tries or not (row 29). */
static void
test_closed_after_answer (Fixture *f, gconstpointer data)
{
  f->config.max_parallel = 2;
  open_with (f, 3);
  hear (f, "LQ-V-23");
  expect (f, "reply1:0 address1:2001:db8:0:1::1000 address1:2001:db8:0:1::1001 end1:ok:2 query");
  connection (f, LEASEQUERY_CONNECTION_ENDED);
  expect (f, "disconnect restart2 restart3 connect");
  connection (f, LEASEQUERY_CONNECTION_UP);
  expect (f, "query query");
  /* One that was half answered is lost with the connection, and so is what was behind it. */
  {
    g_autoptr (GByteArray) octets = octets_of (f, "LQ-V-10", 3);

    feed (f, octets->data, octets->len);
  }
  expect (f, "reply2:0 address2:2001:db8:0:1::1000");
  connection (f, LEASEQUERY_CONNECTION_RESET);
  expect (f, "disconnect end2:incomplete:1:partial:other end3:incomplete:0:partial:other");
}

int
main (int argc, char **argv)
{
  gpointer draft = GINT_TO_POINTER (LEASEQUERY_PROFILE_DRAFT00);

  g_test_init (&argc, &argv, NULL);
#define ADD(path, profile, function)                                                                                   \
  g_test_add ("/dhcp6/requestor/" path, Fixture, profile, set_up, function, tear_down)
  ADD ("ask/vectors", NULL, test_queries);
  ADD ("ask/bad", NULL, test_bad_queries);
  ADD ("ask/transaction-ids", NULL, test_transaction_ids);
  ADD ("ask/parallel", NULL, test_parallel_limit);
  ADD ("ask/parallel-draft", draft, test_parallel_limit);
  ADD ("answer/empty", NULL, test_empty);
  ADD ("answer/reply-done", NULL, test_reply_then_done);
  ADD ("answer/closes-after-last", NULL, test_closes_after_last);
  ADD ("answer/interleaved", NULL, test_interleaved);
  ADD ("answer/relay-data-beside", NULL, test_relay_data_beside);
  ADD ("error/statuses", NULL, test_error_statuses);
  ADD ("error/in-done", NULL, test_error_in_done);
  ADD ("error/terminated", NULL, test_terminated_is_tried_again);
  ADD ("error/terminated-draft", draft, test_terminated_is_tried_again);
  ADD ("error/messages", NULL, test_bad_messages);
  ADD ("error/data-without-client", NULL, test_data_without_client);
  ADD ("error/data-after-done", NULL, test_data_after_done);
  ADD ("error/too-many", NULL, test_too_many_faults);
  ADD ("error/second-reply", NULL, test_second_reply);
  ADD ("error/error-with-data", NULL, test_error_with_data);
  ADD ("connection/fails", NULL, test_connect_fails);
  ADD ("connection/cut", NULL, test_cut_in_mid_result);
  ADD ("connection/asked-again", NULL, test_cut_is_asked_again);
  ADD ("connection/lone-reply", NULL, test_draft_lone_reply);
  ADD ("connection/lone-reply-draft", draft, test_draft_lone_reply);
  ADD ("connection/refused", NULL, test_refused);
  ADD ("connection/idle-end", NULL, test_idle_end);
  ADD ("connection/silence", NULL, test_silence);
  ADD ("connection/dripping", NULL, test_dripping);
  ADD ("connection/blocked-write", NULL, test_blocked_write);
  ADD ("connection/half-close", NULL, test_half_close);
  ADD ("connection/slow-caller", NULL, test_slow_caller);
  ADD ("connection/closed-after-answer", NULL, test_closed_after_answer);
  ADD ("command/abort", NULL, test_abort);
  ADD ("command/abort-within-message", NULL, test_abort_within_message);
  ADD ("command/close", NULL, test_close);
  ADD ("stream/memory", NULL, test_memory_is_flat);
  return g_test_run ();
}
