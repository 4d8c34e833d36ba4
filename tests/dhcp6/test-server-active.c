/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "tests/dhcp6/server-fixture.h"

#include <string.h>

/* Active leasequery (RFC 7653 9). */

#define BASE (UNIX_NOW - DHCP6_EPOCH_2000)
#define XID 0x5aa1b2u

static void
start_active (Fixture *f)
{
  f->config.active = f->config.active_insecure = TRUE;
  f->active = TRUE;
  f->journal = lease_journal_new (1000, UNIX_NOW - 100);
  lease_store_set_journal (f->store, f->journal);
  start (f);
  accept_from (f, 0);
}

static void
set_time (Fixture *f)
{
  lease_journal_set_time (f->journal, UNIX_NOW + f->now_us / S);
}

static void
change (Fixture *f, const char *address, const GByteArray *client)
{
  set_time (f);
  put_full (f, address, slice (client), -f->now_us / S, 3600, 7200, (Dhcp6Slice){ 0 });
}

static void
remove_lease (Fixture *f, const char *text)
{
  RoamAddr address = address_of (text);

  set_time (f);
  g_assert_true (lease_store_remove (f->store, &address));
}

typedef struct
{
  guint8 type; /* 0: no LQ_QUERY */
  const char *link;
  Dhcp6Slice options;
  gint64 start, end; /* before now; -1: none */
  gboolean no_base_time;
} Ask;

static void
ask_active (Fixture *f, guint connection, const Ask *ask)
{
  static const guint8 base_time[] = { 0, 6, 0, 2, 0, 100 };
  g_auto (WireWriter) writer;
  g_autoptr (GBytes) bytes = NULL;
  RoamAddr link = address_of (ask->link != NULL ? ask->link : "::");
  gsize frame, query;

  wire_writer_init (&writer, 4096);
  frame = dhcp6_begin_frame (&writer, DHCP6_ACTIVELEASEQUERY, XID);
  dhcp6_write_option (&writer, DHCP6_OPTION_CLIENTID, slice (f->requestor));
  if (ask->type != 0)
    {
      query = dhcp6_begin_option (&writer, DHCP6_OPTION_LQ_QUERY);
      wire_write_u8 (&writer, ask->type);
      wire_write_addr (&writer, &link);
      wire_write_data (&writer, ask->options.data, ask->options.length);
      dhcp6_end_option (&writer, query);
    }
  if (ask->start >= 0)
    dhcp6_write_option_u32 (&writer, DHCP6_OPTION_LQ_START_TIME, (guint32)(BASE + f->now_us / S - ask->start));
  if (ask->end >= 0)
    dhcp6_write_option_u32 (&writer, DHCP6_OPTION_LQ_END_TIME, (guint32)(BASE - ask->end));
  if (!ask->no_base_time)
    wire_write_data (&writer, base_time, sizeof base_time);
  dhcp6_end_frame (&writer, frame);
  bytes = wire_writer_finish (&writer);
  give (f, connection, g_bytes_get_data (bytes, NULL), g_bytes_get_size (bytes));
}

static const Ask everything = { .start = -1, .end = -1 };

/* covers: LQ-ACT-003, LQ-ACT-008 */
static void
test_changes (Fixture *f, gconstpointer draft)
{
  LeasequeryServerCounters counters;

  put_vector_client (f);
  start_active (f);
  ask_active (f, 1, &everything);
  expect (f, "1:reply"); /* what was there before is a bulk query's affair */
  g_assert_true (f->has_base_time);
  f->now_us = 7 * S;
  change (f, "2001:db8:0:1::5", f->client);
  change (f, "2001:db8:8000:100::/56", f->requestor);
  drain (f);
  expect (f, "1:data[2001:db8:0:1::5] 1:data[2001:db8:8000:100::/56]");
  g_assert_cmpuint (f->base_time, ==, BASE + 7);
  remove_lease (f, "2001:db8:0:1::5");
  drain (f);
  expect (f, "1:data[-2001:db8:0:1::5]");
  leasequery_server_get_counters (f->server, &counters);
  g_assert_cmpuint (counters.active, ==, 1);
  g_assert_cmpuint (counters.changes, ==, 3);
}

/* A fresh configuration has neither; each needs its own word. covers: LQ-ACT-006, LQ-ACT-001 */
static void
test_off_by_default (Fixture *f, gconstpointer draft)
{
  LeasequeryServerConfig fresh;

  leasequery_server_config_init (&fresh, FALSE);
  g_assert_false (fresh.active);
  g_assert_false (fresh.active_insecure);
  start_active (f);
  for (guint i = 0; i < 3; i++)
    {
      g_clear_pointer (&f->server, leasequery_server_free);
      f->config.active = i != 0;
      f->config.active_insecure = i == 2;
      start (f);
      accept_from (f, 0);
      ask_active (f, 1, &everything);
      expect (f, i == 0 ? "1:reply(14) 1:close" : i == 1 ? "1:reply(10) 1:close" : "1:reply");
    }
}

/* One server that answers active queries answers bulk ones, always. covers: LQ-ACT-007 */
static void
test_implies_bulk (Fixture *f, gconstpointer draft)
{
  put_vector_client (f);
  start_active (f);
  f->active = FALSE;
  hear (f, 1, "LQ-V-05");
  expect (f, "1:reply[2001:db8:0:1::1000] 1:done");
}

/* covers: LQ-ACT-009 */
static void
test_alone (Fixture *f, gconstpointer draft)
{
  put_vector_client (f);
  start_active (f);
  accept_from (f, 0);
  ask_active (f, 1, &everything);
  expect (f, "1:reply");
  hear (f, 2, "LQ-V-05"); /* another connection */
  expect (f, "2:reply[2001:db8:0:1::1000] 2:done");
  ask_active (f, 1, &everything);
  expect (f, "1:fault 1:close");
  accept_from (f, 0);
  ask_active (f, 3, &everything);
  expect (f, "3:reply");
  hear (f, 3, "LQ-V-05");
  expect (f, "3:fault 3:close");
}

/* covers: LQ-ACT-010 */
static void
test_malformed (Fixture *f, gconstpointer draft)
{
  static const guint8 relay[] = { 0, 53, 0, 1, 7 };
  const Ask rows[] = {
    { .start = -1, .end = 0 },
    { .type = DHCP6_QUERY_BY_RELAY_ID, .start = -1, .end = -1 },
    { .type = DHCP6_QUERY_BY_RELAY_ID, .options = { relay, sizeof relay }, .start = -1, .end = -1 },
    { .type = DHCP6_QUERY_BY_LINK_ADDRESS, .start = -1, .end = -1 },
  };
  const Ask unknown = { .type = 9, .start = -1, .end = -1 };

  start_active (f);
  for (guint i = 0; i < G_N_ELEMENTS (rows); i++)
    {
      g_autofree char *refused = g_strdup_printf ("%u:reply(8) %u:close", i + 1, i + 1);

      ask_active (f, i + 1, &rows[i]);
      expect (f, refused);
      accept_from (f, 0);
    }
  ask_active (f, 5, &unknown);
  expect (f, "5:reply(7) 5:close");
}

static void
test_permission (Fixture *f, gconstpointer draft)
{
  const Ask by_client = {
    .type = DHCP6_QUERY_BY_CLIENTID, .options = { (const guint8 *)"\0\1\0\4\0\3\0\1", 8 }, .start = -1, .end = -1
  };
  const Ask by_link = { .type = DHCP6_QUERY_BY_LINK_ADDRESS, .link = "2001:db8:0:1::", .start = -1, .end = -1 };

  f->permissions[0].query_types = 1u << DHCP6_QUERY_BY_CLIENTID;
  start_active (f);
  ask_active (f, 1, &everything);
  expect (f, "1:reply(10) 1:close");
  accept_from (f, 0);
  ask_active (f, 2, &by_link);
  expect (f, "2:reply(10) 2:close");
  accept_from (f, 0);
  ask_active (f, 3, &by_client);
  expect (f, "3:reply");
}

/* covers: LQ-ACT-008 */
static void
test_filters (Fixture *f, gconstpointer draft)
{
  g_autoptr (GByteArray) relay = relay_data (), options = g_byte_array_new ();
  const Ask by_link = { .type = DHCP6_QUERY_BY_LINK_ADDRESS, .link = "2001:db8:0:2::", .start = -1, .end = -1 };
  Ask by_relay = { .type = DHCP6_QUERY_BY_RELAY_ID, .start = -1, .end = -1 };
  Ask by_address = { .type = DHCP6_QUERY_BY_ADDRESS, .start = -1, .end = -1 };
  RoamAddr inside = address_of ("2001:db8:8000:17f::1");

  g_byte_array_append (options, (const guint8 *)"\0\65", 2);
  g_byte_array_append (options, (const guint8[]){ 0, (guint8)f->relay->len }, 2);
  g_byte_array_append (options, f->relay->data, f->relay->len);
  by_relay.options = slice (options);
  start_active (f);
  accept_from (f, 0);
  accept_from (f, 0);
  ask_active (f, 1, &by_link);
  ask_active (f, 2, &by_relay);
  g_byte_array_set_size (options, 0);
  g_byte_array_append (options, (const guint8 *)"\0\5\0\30", 4);
  g_byte_array_append (options, inside.bytes, 16);
  g_byte_array_append (options, (const guint8[8]){ 0 }, 8);
  by_address.options = slice (options);
  ask_active (f, 3, &by_address);
  expect (f, "1:reply 2:reply 3:reply");
  change (f, "2001:db8:0:1::5", f->client); /* nobody's */
  drain (f);
  expect (f, "");
  put_full (f, "2001:db8:0:1::6", slice (f->client), 0, 1, 2, slice (relay));
  drain (f);
  expect (f, "2:data[2001:db8:0:1::6]");
  remove_lease (f, "2001:db8:0:1::6"); /* what it was counts */
  drain (f);
  expect (f, "2:data[-2001:db8:0:1::6]");
  change (f, "2001:db8:8000:100::/56", f->client);
  drain (f);
  expect (f, "3:data[2001:db8:8000:100::/56]");
}

/* covers: LQ-ACT-014 */
static void
test_catch_up (Fixture *f, gconstpointer draft)
{
  const Ask since = { .start = 20, .end = -1 };

  start_active (f);
  f->now_us = 10 * S;
  change (f, "2001:db8:0:1::1", f->client);
  f->now_us = 50 * S;
  change (f, "2001:db8:0:1::2", f->client);
  change (f, "2001:db8:0:1::3", f->client);
  remove_lease (f, "2001:db8:0:1::2");
  f->now_us = 60 * S;
  ask_active (f, 1, &since);
  expect (f, "1:reply 1:data[2001:db8:0:1::3] 1:data[-2001:db8:0:1::2] 1:data(13)");
  g_assert_true (f->has_base_time);
  change (f, "2001:db8:0:1::4", f->client);
  drain (f);
  expect (f, "1:data[2001:db8:0:1::4]");
}

/* The octets of the vector. covers: LQ-ACT-014 */
static void
test_catch_up_octets (Fixture *f, gconstpointer draft)
{
  const GByteArray *complete = vectors_find ("LQ-L-05")->octets;
  gint64 base = (gint64)0x2f000000 + DHCP6_EPOCH_2000 - UNIX_NOW;
  const Ask since = { .start = 0, .end = -1 };

  start_active (f);
  f->now_us = base * S;
  g_clear_pointer (&f->server, leasequery_server_free);
  lease_journal_unref (f->journal);
  f->journal = lease_journal_new (10, UNIX_NOW + base - 1);
  start (f);
  accept_from (f, 0);
  g_byte_array_set_size (f->sent, 0);
  ask_active (f, 1, &since);
  expect (f, "1:reply 1:data(13)");
  g_assert_cmpuint (f->sent->len, >, complete->len);
  g_assert_cmpmem (f->sent->data + f->sent->len - complete->len, complete->len, complete->data, complete->len);
}

/* covers: LQ-ACT-015 */
static void
test_data_missing (Fixture *f, gconstpointer draft)
{
  const Ask since = { .start = 200, .end = -1, .no_base_time = TRUE };

  start_active (f);
  change (f, "2001:db8:0:1::1", f->client);
  f->now_us = 30 * S;
  ask_active (f, 1, &since);
  expect (f, "1:reply(12) 1:data(13)");
  change (f, "2001:db8:0:1::2", f->client);
  drain (f);
  expect (f, "1:data[2001:db8:0:1::2]");
  {
    Dhcp6Message reply;
    gsize size = (gsize)f->sent->data[0] << 8 | f->sent->data[1];

    g_assert_cmpint (dhcp6_parse_message (f->sent->data + 2, size, &reply, NULL), ==, DHCP6_OK);
    g_assert_true (reply.has_base_time); /* asked for or not: it bounds the gap */
    g_assert_cmpuint (reply.base_time, ==, BASE + 30);
  }
}

/* More changes than are kept while it does not read. covers: LQ-ACT-015 */
static void
test_missing_later (Fixture *f, gconstpointer draft)
{
  start_active (f);
  ask_active (f, 1, &everything);
  expect (f, "1:reply");
  for (guint i = 0; i < 1003; i++)
    {
      g_autofree char *address = g_strdup_printf ("2001:db8:0:1::1:%x", i);

      change (f, address, f->client);
    }
  drain (f);
  g_assert_true (g_str_has_prefix (f->said->str, "1:data(12) 1:data[2001:db8:0:1::1:3]"));
}

/* As the vector has it. covers: LQ-ACT-011 */
static void
test_idle (Fixture *f, gconstpointer draft)
{
  const GByteArray *keep_alive = vectors_find ("LQ-L-04")->octets;
  gint64 base = (gint64)0x2f000000 + DHCP6_EPOCH_2000 - UNIX_NOW;

  start_active (f);
  f->now_us = (base - 60) * S;
  ask_active (f, 1, &everything);
  expect (f, "1:reply");
  g_byte_array_set_size (f->sent, 0);
  g_assert_cmpint (leasequery_server_next_deadline (f->server), ==, (1000 + base) * S);
  wait_until (f, base * S - 1);
  expect (f, "");
  wait_until (f, base * S);
  expect (f, "1:data");
  g_assert_cmpmem (f->sent->data, f->sent->len, keep_alive->data, keep_alive->len);
  f->now_us += 59 * S;
  change (f, "2001:db8:0:1::1", f->client);
  drain (f);
  expect (f, "1:data[2001:db8:0:1::1]");
  wait_until (f, f->now_us + S); /* a change is a sign of life, too */
  expect (f, "");
}

/* One lease renewed a thousand times before a reader that is stuck: its latest state, once. covers: LQ-ACT-013 */
static void
test_stuck_reader (Fixture *f, gconstpointer draft)
{
  gsize page;

  f->config.data_timeout_us = 300 * S;
  start_active (f);
  lease_journal_unref (f->journal);
  f->journal = lease_journal_new (100000, UNIX_NOW - 100);
  lease_store_set_journal (f->store, f->journal);
  g_clear_pointer (&f->server, leasequery_server_free);
  start (f);
  accept_from (f, 0);
  ask_active (f, 1, &everything);
  f->hold = TRUE;
  for (guint i = 0; i < 8000; i++)
    {
      g_autofree char *address = g_strdup_printf ("2001:db8:0:1::1:%x", i);

      change (f, address, f->client);
    }
  drain (f);
  page = f->held;
  g_assert_cmpuint (page, >=, 256u * 1024u);
  g_assert_cmpuint (page, <, 320u * 1024u);
  for (guint i = 1; i <= 1000; i++)
    {
      f->now_us = i * S / 10;
      set_time (f);
      put_full (f, "2001:db8:0:1::ffff", slice (f->client), -(gint64)i, 3600, 7200, (Dhcp6Slice){ 0 });
      drain (f);
    }
  g_assert_cmpuint (f->held, ==, page);
  g_string_truncate (f->said, 0);
  f->hold = FALSE;
  written (f, 1, f->held);
  {
    LeasequeryServerCounters after;

    leasequery_server_get_counters (f->server, &after);
    g_assert_cmpuint (after.changes, ==, 8001);
    g_assert_true (g_str_has_suffix (g_strchomp (f->said->str), "1:data[2001:db8:0:1::ffff]"));
  }
}

/* covers: LQ-ACT-013 */
static void
test_stuck_for_too_long (Fixture *f, gconstpointer draft)
{
  start_active (f);
  f->hold = TRUE;
  ask_active (f, 1, &everything);
  expect (f, "1:reply");
  wait_until (f, 60 * S);
  expect (f, "1:data");
  wait_until (f, 120 * S - 1);
  expect (f, "");
  wait_until (f, 120 * S);
  expect (f, "1:drop");
}

/* covers: LQ-ACT-017 */
static void
test_stop (Fixture *f, gconstpointer draft)
{
  start_active (f);
  ask_active (f, 1, &everything);
  expect (f, "1:reply");
  f->now_us = 5 * S;
  command (f, LEASEQUERY_SERVER_STOP);
  expect (f, "1:done(11) 1:close");
  g_assert_true (f->has_base_time);
  g_assert_cmpuint (f->base_time, ==, BASE + 5);
}

/* A requestor that ends its side wants no more. */
static void
test_half_close (Fixture *f, gconstpointer draft)
{
  RoamNow at = now (f);

  start_active (f);
  ask_active (f, 1, &everything);
  expect (f, "1:reply");
  leasequery_server_input_end (f->server, &at, 1);
  drain (f);
  expect (f, "1:close");
}

/* The store goes away, or active leasequery is not offered any more. */
static void
test_ends (Fixture *f, gconstpointer draft)
{
  LeasequeryServerCommand configure = { .type = LEASEQUERY_SERVER_CONFIGURE, .config = &f->config };
  RoamNow at = now (f);

  start_active (f);
  ask_active (f, 1, &everything);
  expect (f, "1:reply");
  f->config.active = FALSE;
  leasequery_server_input_command (f->server, &at, &configure);
  drain (f);
  expect (f, "1:drop");
  f->config.active = TRUE;
  leasequery_server_input_command (f->server, &at, &configure);
  accept_from (f, 0);
  ask_active (f, 2, &everything);
  expect (f, "2:reply");
  command (f, LEASEQUERY_SERVER_FAIL);
  expect (f, "2:done(11) 2:close");
  accept_from (f, 0);
  ask_active (f, 3, &everything);
  expect (f, "3:reply(1) 3:close");
}

/* No authentication option is looked at, and none is sent. covers: LQ-ACT-019 */
static void
test_no_authentication_option (Fixture *f, gconstpointer draft)
{
  Dhcp6Option option;
  Dhcp6OptionIter iter;

  start_active (f);
  ask_active (f, 1, &everything);
  change (f, "2001:db8:0:1::1", f->client);
  drain (f);
  for (gsize at = 0; at < f->sent->len;)
    {
      gsize size = (gsize)f->sent->data[at] << 8 | f->sent->data[at + 1];

      dhcp6_option_iter_init (&iter, (Dhcp6Slice){ f->sent->data + at + 6, size - 4 });
      while (dhcp6_option_iter_next (&iter, &option))
        g_assert_cmpuint (option.code, !=, DHCP6_OPTION_AUTH);
      at += 2 + size;
    }
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
#define ADD(path, function) g_test_add ("/dhcp6/server/active/" path, Fixture, NULL, set_up, function, tear_down)
  ADD ("changes", test_changes);
  ADD ("off-by-default", test_off_by_default);
  ADD ("implies-bulk", test_implies_bulk);
  ADD ("alone", test_alone);
  ADD ("malformed", test_malformed);
  ADD ("permission", test_permission);
  ADD ("filters", test_filters);
  ADD ("catch-up", test_catch_up);
  ADD ("catch-up-octets", test_catch_up_octets);
  ADD ("data-missing", test_data_missing);
  ADD ("missing-later", test_missing_later);
  ADD ("idle", test_idle);
  ADD ("stuck-reader", test_stuck_reader);
  ADD ("stuck-for-too-long", test_stuck_for_too_long);
  ADD ("stop", test_stop);
  ADD ("half-close", test_half_close);
  ADD ("ends", test_ends);
  ADD ("no-authentication-option", test_no_authentication_option);
  return g_test_run ();
}
