/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "tests/dhcp6/requestor-fixture.h"

#include <string.h>

/* Questions, and what servers say to them (RFC 5460 6.3, 6.5). */

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
  return g_test_run ();
}
