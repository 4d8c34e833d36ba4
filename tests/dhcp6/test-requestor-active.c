/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "tests/dhcp6/requestor-fixture.h"

#include <string.h>

/* Active leasequery (RFC 7653 8). */

#define S ROAM_USEC_PER_SEC

/* What a server's message has besides its type. */
typedef struct
{
  guint8 type;
  gint status;         /* -1: none */
  gint64 base_time;    /* -1: none */
  const char *address; /* NULL: no CLIENT_DATA */
  guint32 valid;
} Said;

static void
server_says (Fixture *f, const Said *said)
{
  g_auto (WireWriter) writer;
  g_autoptr (GBytes) bytes = NULL;
  RoamAddr address;
  gsize frame, client;

  wire_writer_init (&writer, 1000);
  frame = dhcp6_begin_frame (&writer, said->type, f->xids[f->n_xids - 1]);
  if (said->type == DHCP6_LEASEQUERY_REPLY)
    {
      dhcp6_write_option (&writer, DHCP6_OPTION_CLIENTID, slice (f->duid));
      dhcp6_write_option (&writer, DHCP6_OPTION_SERVERID, slice (f->server));
    }
  if (said->status >= 0)
    dhcp6_write_status (&writer, (guint16)said->status, NULL);
  if (said->base_time >= 0)
    dhcp6_write_option_u32 (&writer, DHCP6_OPTION_LQ_BASE_TIME, (guint32)said->base_time);
  if (said->address != NULL)
    {
      roam_addr_parse (said->address, &address);
      client = dhcp6_begin_option (&writer, DHCP6_OPTION_CLIENT_DATA);
      dhcp6_write_option (&writer, DHCP6_OPTION_CLIENTID, slice (f->client));
      dhcp6_write_iaaddr (&writer, &address, 0, said->valid);
      dhcp6_write_option_u32 (&writer, DHCP6_OPTION_CLT_TIME, 0);
      dhcp6_end_option (&writer, client);
    }
  dhcp6_end_frame (&writer, frame);
  bytes = wire_writer_finish (&writer);
  feed (f, g_bytes_get_data (bytes, NULL), g_bytes_get_size (bytes));
}

static void
reply (Fixture *f, gint status, gint64 base_time)
{
  server_says (f, &(Said){ DHCP6_LEASEQUERY_REPLY, status, base_time, NULL, 0 });
}

static void
data (Fixture *f, gint status, gint64 base_time, const char *address)
{
  server_says (f, &(Said){ DHCP6_LEASEQUERY_DATA, status, base_time, address, 7200 });
}

static const LeasequeryQuery everything = { .active = TRUE, .everything = TRUE };

static void
open_active (Fixture *f, const LeasequeryQuery *query)
{
  f->config.max_retries = G_MAXUINT;
  fixture_start (f);
  ask_query (f, 1, query);
  connection (f, LEASEQUERY_CONNECTION_UP);
  expect (f, "connect query");
}

/* The message of the last query sent. */
static Dhcp6Message
last_sent (const Fixture *f)
{
  GBytes *octets = g_ptr_array_index (f->sent, f->sent->len - 1);
  Dhcp6Message message;
  gsize length;
  const guint8 *octet = g_bytes_get_data (octets, &length);

  g_assert_cmpint (dhcp6_parse_message (octet + 2, length - 2, &message, NULL), ==, DHCP6_OK);
  return message;
}

/* As the vector has it, and with a query. covers: LQ-ACT-008, LQ-ACT-019 */
static void
test_message (Fixture *f, gconstpointer profile)
{
  const GByteArray *vector = vectors_find ("LQ-L-01")->octets;
  LeasequeryQuery query = everything;
  g_autoptr (GBytes) built = NULL;
  Dhcp6Message message;
  Dhcp6Option option;
  Dhcp6OptionIter iter;

  query.has_start_time = TRUE;
  query.start_time = 0x2eff0000;
  g_assert_null (leasequery_query_check (&f->config, &query));
  built = leasequery_query_build (&f->config, &query, 0x5aa1b2);
  g_assert_cmpmem (g_bytes_get_data (built, NULL), g_bytes_get_size (built), vector->data, vector->len);
  query = (LeasequeryQuery){ .active = TRUE, .type = DHCP6_QUERY_BY_RELAY_ID, .relay_id = slice (f->relay) };
  open_active (f, &query);
  message = last_sent (f);
  g_assert_cmpuint (message.type, ==, DHCP6_ACTIVELEASEQUERY);
  g_assert_cmpuint (message.n_lq_query, ==, 1);
  g_assert_false (message.has_start_time);
  dhcp6_option_iter_init (&iter, message.options);
  while (dhcp6_option_iter_next (&iter, &option))
    g_assert_cmpuint (option.code, !=, DHCP6_OPTION_AUTH);
}

/* covers: LQ-ACT-010 */
static void
test_check (Fixture *f, gconstpointer profile)
{
  LeasequeryQuery query = everything;

  query.has_end_time = TRUE;
  g_assert_nonnull (leasequery_query_check (&f->config, &query));
  query = (LeasequeryQuery){ .everything = TRUE };
  g_assert_nonnull (leasequery_query_check (&f->config, &query));
}

/* covers: LQ-ACT-009 */
static void
test_alone (Fixture *f, gconstpointer profile)
{
  const LeasequeryQuery bulk = { .type = DHCP6_QUERY_BY_RELAY_ID, .relay_id = slice (f->relay) };

  fixture_start (f);
  g_assert_true (leasequery_requestor_may_ask (f->requestor, &everything));
  ask_query (f, 1, &bulk);
  g_assert_true (leasequery_requestor_may_ask (f->requestor, &bulk));
  g_assert_false (leasequery_requestor_may_ask (f->requestor, &everything));
  g_clear_pointer (&f->requestor, leasequery_requestor_free);
  g_string_truncate (f->said, 0);
  open_active (f, &everything);
  g_assert_false (leasequery_requestor_may_ask (f->requestor, &bulk));
  g_assert_false (leasequery_requestor_may_ask (f->requestor, &everything));
}

/* Lifetime 0: leased no more. Each change has the time to go on from. covers: LQ-ACT-005, LQ-ACT-020 */
static void
test_changes (Fixture *f, gconstpointer profile)
{
  open_active (f, &everything);
  reply (f, -1, 1000);
  expect (f, "reply1:0 resume1:1000");
  data (f, -1, 1005, "2001:db8::1");
  data (f, -1, 1005, "2001:db8::2");
  expect (f, "address1:2001:db8::1 resume1:1005 address1:2001:db8::2");
  server_says (f, &(Said){ DHCP6_LEASEQUERY_DATA, -1, 1010, "2001:db8::1", 0 });
  expect (f, "address1:2001:db8::1 resume1:1010");
  data (f, -1, 1070, NULL);
  expect (f, "resume1:1070");
  data (f, -1, -1, NULL);
  expect (f, "");
}

/* In a clock that is years away from ours, and past its wrap. covers: LQ-ACT-005 */
static void
test_their_clock (Fixture *f, gconstpointer profile)
{
  open_active (f, &everything);
  reply (f, -1, G_MAXUINT32 - 1);
  data (f, -1, 3, "2001:db8::1");
  expect (f, "reply1:0 resume1:4294967294 address1:2001:db8::1 resume1:3");
  connection (f, LEASEQUERY_CONNECTION_ENDED);
  expect (f, "disconnect waiting");
  wait_for_deadline (f);
  connection (f, LEASEQUERY_CONNECTION_UP);
  expect (f, "connect query");
  g_assert_true (last_sent (f).has_start_time);
  g_assert_cmpuint (last_sent (f).start_time, ==, 3);
}

/* Times seen before CatchUpComplete are not kept, and a cut there begins where it began. covers: LQ-ACT-016 */
static void
test_cut_in_catch_up (Fixture *f, gconstpointer profile)
{
  LeasequeryQuery query = everything;

  query.has_start_time = TRUE;
  query.start_time = 500;
  open_active (f, &query);
  reply (f, -1, 1000);
  data (f, -1, 1001, "2001:db8::1");
  expect (f, "reply1:0 address1:2001:db8::1");
  connection (f, LEASEQUERY_CONNECTION_RESET);
  wait_for_deadline (f);
  connection (f, LEASEQUERY_CONNECTION_UP);
  expect (f, "disconnect waiting connect query");
  g_assert_cmpuint (last_sent (f).start_time, ==, 500);
  reply (f, -1, 1100);
  data (f, -1, 1101, "2001:db8::1");
  expect (f, "reply1:0 address1:2001:db8::1");
  data (f, DHCP6_STATUS_CATCH_UP_COMPLETE, 1102, NULL);
  expect (f, "caught-up1 resume1:1102");
  connection (f, LEASEQUERY_CONNECTION_RESET);
  wait_for_deadline (f);
  connection (f, LEASEQUERY_CONNECTION_UP);
  g_assert_cmpuint (last_sent (f).start_time, ==, 1102);
}

/* The gap is told with both its ends; the connection goes on. covers: LQ-ACT-015, LQ-ACT-020 */
static void
test_data_missing (Fixture *f, gconstpointer profile)
{
  LeasequeryQuery query = everything;

  query.has_start_time = TRUE;
  query.start_time = 500;
  open_active (f, &query);
  reply (f, DHCP6_STATUS_DATA_MISSING, 1000);
  expect (f, "reply1:12 missing1:500-1000");
  data (f, -1, 1001, "2001:db8::1");
  expect (f, "address1:2001:db8::1");
  data (f, DHCP6_STATUS_CATCH_UP_COMPLETE, 1001, NULL);
  expect (f, "caught-up1 resume1:1001");
  data (f, DHCP6_STATUS_DATA_MISSING, 1050, NULL);
  expect (f, "missing1:1001-1050 resume1:1050");
}

/* covers: LQ-ACT-012 */
static void
test_silence (Fixture *f, gconstpointer profile)
{
  open_active (f, &everything);
  reply (f, -1, 1000);
  expect (f, "reply1:0 resume1:1000");
  wait_us (f, 119 * S);
  expect (f, "");
  data (f, -1, 1119, NULL);
  expect (f, "resume1:1119");
  wait_us (f, 120 * S);
  expect (f, "disconnect waiting");
  g_assert_cmpint (leasequery_requestor_next_deadline (f->requestor) - f->now_us, >=, 60 * S);
}

/* Nobody there: not more often than once in 60 s, for as long as it takes. covers: LQ-ACT-012 */
static void
test_retries (Fixture *f, gconstpointer profile)
{
  f->config.max_retries = G_MAXUINT;
  fixture_start (f);
  ask_query (f, 1, &everything);
  for (guint i = 0; i < 10; i++)
    {
      connection (f, i % 2 == 0 ? LEASEQUERY_CONNECTION_FAILED : LEASEQUERY_CONNECTION_UP);
      if (i % 2 == 1)
        connection (f, LEASEQUERY_CONNECTION_ENDED); /* before any answer: a server at its limit */
      wait_for_deadline (f);
    }
  g_assert_cmpuint (f->connects, ==, 11);
  for (guint i = 1; i < f->connects; i++)
    g_assert_cmpint (f->connected_at_us[i] - f->connected_at_us[i - 1], >=, 60 * S);
}

/* covers: LQ-ACT-017 */
static void
test_server_stops (Fixture *f, gconstpointer profile)
{
  open_active (f, &everything);
  reply (f, -1, 1000);
  server_says (f, &(Said){ DHCP6_LEASEQUERY_DONE, DHCP6_STATUS_QUERY_TERMINATED, 1234, NULL, 0 });
  expect (f, "reply1:0 resume1:1000 resume1:1234 disconnect waiting");
  wait_for_deadline (f);
  connection (f, LEASEQUERY_CONNECTION_UP);
  expect (f, "connect query");
  g_assert_cmpuint (last_sent (f).start_time, ==, 1234);
}

/* covers: LQ-ACT-001 */
static void
test_refused (Fixture *f, gconstpointer profile)
{
  open_active (f, &everything);
  reply (f, DHCP6_STATUS_NOT_SUPPORTED, -1);
  expect (f, "reply1:14 end1:status:0:partial:other");
}

static void
test_given_up (Fixture *f, gconstpointer profile)
{
  const LeasequeryRequestorCommand close = { .type = LEASEQUERY_REQUESTOR_CLOSE };
  RoamNow at;

  open_active (f, &everything);
  reply (f, -1, 1000);
  data (f, -1, 1000, "2001:db8::1");
  g_string_truncate (f->said, 0);
  at = now (f);
  leasequery_requestor_input_command (f->requestor, &at, &close);
  drain (f);
  expect (f, "end1:incomplete:1:partial:other disconnect");
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
#define ADD(path, function) g_test_add ("/dhcp6/requestor/active/" path, Fixture, NULL, set_up, function, tear_down)
  ADD ("message", test_message);
  ADD ("check", test_check);
  ADD ("alone", test_alone);
  ADD ("changes", test_changes);
  ADD ("their-clock", test_their_clock);
  ADD ("cut-in-catch-up", test_cut_in_catch_up);
  ADD ("data-missing", test_data_missing);
  ADD ("silence", test_silence);
  ADD ("retries", test_retries);
  ADD ("server-stops", test_server_stops);
  ADD ("refused", test_refused);
  ADD ("given-up", test_given_up);
  return g_test_run ();
}
