/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "tests/dhcp6/server-fixture.h"

#include <string.h>

/* Connections, their limits and turns; the store that changes (RFC 5460 7). */

/* covers: LQ-SRV-002, LQ-SRV-003 */
static void
test_eleventh (Fixture *f, gconstpointer draft)
{
  start (f);
  for (guint i = 0; i < 10; i++)
    {
      guint id = accept_from (f, 0);

      f->hold = TRUE; /* busy: nothing to displace */
      hear (f, id, "LQ-V-05");
      f->hold = FALSE;
    }
  g_string_truncate (f->said, 0);
  accept_from (f, 0);
  expect (f, "11:drop");
}

/* covers: LQ-SRV-004 */
static void
test_not_listed (Fixture *f, gconstpointer draft)
{
  start (f);
  accept_from (f, 2);
  hear (f, 1, "LQ-V-05"); /* never looked at */
  expect (f, "1:drop");
}

/* covers: LQ-SRV-005 */
static void
test_none_listed (Fixture *f, gconstpointer draft)
{
  f->config.n_permissions = 0;
  start (f);
  accept_from (f, 0);
  expect (f, "1:drop");
}

/* covers: LQ-SRV-009 */
static void
test_displaced (Fixture *f, gconstpointer draft)
{
  start (f);
  for (guint i = 0; i < 10; i++)
    {
      f->now_us = i * S;
      accept_from (f, 0);
    }
  g_assert_cmpuint (accept_from (f, 1), ==, 11);
  expect (f, "1:drop"); /* the longest idle */
  hear (f, 11, "LQ-V-03");
  expect (f, "11:reply");
}

/* A lone connection is nobody's spare. */
static void
test_not_displaced (Fixture *f, gconstpointer draft)
{
  f->config.max_connections = 1;
  start (f);
  accept_from (f, 0);
  accept_from (f, 1);
  expect (f, "2:drop");
}

/* covers: LQ-SRV-008 */
static void
test_idle (Fixture *f, gconstpointer draft)
{
  gint64 timeout = f->config.data_timeout_us;

  g_assert_cmpint (timeout, ==, GPOINTER_TO_INT (draft) ? 30 * S : 300 * S);
  start (f);
  accept_from (f, 0);
  f->now_us = 10 * S;
  hear (f, 1, "LQ-V-03");
  expect (f, "1:reply");
  wait_until (f, 10 * S + timeout - 1);
  expect (f, "");
  wait_until (f, 10 * S + timeout);
  expect (f, "1:drop");
}

/* Held open, and dripping. covers: LQ-SRV-007 */
static void
test_unfinished_query (Fixture *f, gconstpointer draft)
{
  const GByteArray *octets = vectors_find ("LQ-B-03")->octets;

  start (f);
  accept_from (f, 0);
  accept_from (f, 0);
  hear (f, 1, "LQ-B-03");
  for (guint i = 0; i < 5; i++)
    {
      wait_until (f, i * 59 * S);
      give (f, 2, octets->data + i, 1);
      expect (f, "");
    }
  wait_until (f, 300 * S);
  expect (f, "1:drop 2:drop");
}

/* covers: LQ-SRV-094, LQ-SRV-095 */
static void
test_stuck_reader (Fixture *f, gconstpointer draft)
{
  put_many (f, 20000);
  start (f);
  accept_from (f, 0);
  accept_from (f, 1);
  f->hold = TRUE;
  hear (f, 1, "LQ-V-05");
  g_assert_cmpuint (f->held, >=, 256 * 1024);
  g_assert_cmpuint (f->held, <, 256 * 1024 + 64 * 1024);
  f->hold = FALSE;
  f->now_us = 100 * S;
  g_string_truncate (f->said, 0);
  hear (f, 2, "LQ-V-01"); /* others are served */
  expect (f, "2:reply");
  f->hold = TRUE;
  written (f, 1, 1000); /* a little goes: its time begins anew */
  g_string_truncate (f->said, 0);
  wait_until (f, 399 * S);
  expect (f, "");
  wait_until (f, 400 * S);
  g_assert_nonnull (strstr (f->said->str, "1:drop"));
}

/* A long answer and a short one take turns. covers: LQ-SRV-096, LQ-SRV-097, LQ-SRV-098 */
static void
test_turns (Fixture *f, gconstpointer draft)
{
  const char *end_of_short;

  put_many (f, 20000);
  put_vector_client (f);
  start (f);
  accept_from (f, 0);
  accept_from (f, 0);
  f->hold = TRUE;
  hear (f, 1, "LQ-V-05");
  hear (f, 2, "LQ-V-01");
  f->hold = FALSE;
  end_of_short = strstr (f->said->str, "2:done");
  g_assert_nonnull (end_of_short);
  g_assert_null (strstr (f->said->str, "1:done"));
  written (f, 1, f->held);
  g_assert_nonnull (strstr (f->said->str, "1:done"));
  g_string_truncate (f->said, 0);
  hear (f, 1, "LQ-V-25"); /* two on one connection */
  g_assert_nonnull (strstr (f->said->str, "1:done "));
  g_assert_nonnull (strstr (f->said->str, "1:done' "));
}

/* covers: LQ-SRV-028 */
static void
test_parallel_limit (Fixture *f, gconstpointer draft)
{
  g_autoptr (GByteArray) many = g_byte_array_new ();
  const GByteArray *one = vectors_find ("LQ-V-05")->octets;
  guint done = 0;

  f->config.max_parallel = 2;
  put_many (f, 5000);
  start (f);
  accept_from (f, 0);
  for (guint i = 0; i < 50; i++)
    {
      g_byte_array_append (many, one->data, one->len);
      many->data[many->len - one->len + 5] = (guint8)i;
    }
  f->hold = TRUE;
  give (f, 1, many->data, many->len);
  g_assert_nonnull (strstr (f->said->str, "1:pause"));
  for (guint i = 0; i < 10000 && done < 50; i++)
    {
      gsize held = f->held;

      f->held = 0;
      for (const char *at = f->said->str; (at = strstr (at, "1:done")) != NULL; at++)
        done++;
      g_string_truncate (f->said, 0);
      if (held == 0)
        break;
      written (f, 1, held);
    }
  g_assert_cmpuint (done, ==, 50);
}

/* covers: LQ-SRV-099 */
static void
test_half_close (Fixture *f, gconstpointer draft)
{
  RoamNow at;

  put_many (f, 20000);
  start (f);
  accept_from (f, 0);
  f->hold = TRUE;
  hear (f, 1, "LQ-V-05");
  at = now (f);
  leasequery_server_input_end (f->server, &at, 1);
  drain (f);
  g_assert_null (strstr (f->said->str, "1:close"));
  f->hold = FALSE;
  written (f, 1, f->held);
  g_assert_true (g_str_has_suffix (g_strchomp (f->said->str), "1:done 1:close"));
  leasequery_server_input_end (f->server, &at, 99); /* no such connection: nothing */
}

/* covers: LQ-SRV-091, LQ-SRV-092, LQ-SRV-093 */
static void
test_store_fails (Fixture *f, gconstpointer draft)
{
  put_many (f, 20000);
  start (f);
  accept_from (f, 0);
  accept_from (f, 0);
  f->hold = TRUE;
  hear (f, 1, "LQ-V-05");
  g_string_truncate (f->said, 0);
  g_byte_array_set_size (f->sent, 0);
  command (f, LEASEQUERY_SERVER_FAIL);
  expect (f, GPOINTER_TO_INT (draft) ? "1:done(1) 1:close" : "1:done(11) 1:close");
  if (!GPOINTER_TO_INT (draft))
    g_assert_cmpmem (f->sent->data, f->sent->len, vectors_find ("LQ-V-22")->octets->data,
                     vectors_find ("LQ-V-22")->octets->len);
  /* covers: LQ-SRV-090 */
  hear (f, 2, "LQ-V-05");
  expect (f, "2:reply(1)");
}

/* covers: LQ-SRV-093 */
static void
test_stop (Fixture *f, gconstpointer draft)
{
  put_many (f, 20000);
  start (f);
  accept_from (f, 0);
  accept_from (f, 0);
  f->hold = TRUE;
  hear (f, 1, "LQ-V-05");
  g_string_truncate (f->said, 0);
  command (f, LEASEQUERY_SERVER_STOP);
  expect (f, GPOINTER_TO_INT (draft) ? "1:done(1) 1:close 2:close" : "1:done(11) 1:close 2:close");
  accept_from (f, 0);
  expect (f, "3:drop");
}

/* A connection that is closed for a fault and does not take its last octets counts. covers: LQ-SRV-002 */
static void
test_closing_counts (Fixture *f, gconstpointer draft)
{
  put_many (f, 2000);
  f->config.max_connections = 1;
  start (f);
  accept_from (f, 0);
  f->hold = TRUE;
  hear (f, 1, "LQ-V-05");
  g_string_truncate (f->said, 0);
  hear (f, 1, "LQ-B-01");
  expect (f, "1:fault 1:close");
  accept_from (f, 0);
  expect (f, "2:drop");
  f->hold = FALSE;
  written (f, 1, f->held);
  g_string_truncate (f->said, 0);
  accept_from (f, 0);
  expect (f, "");
}

/* A query that finds nothing in very much lets others in between. covers: LQ-SRV-098 */
static void
test_barren_query (Fixture *f, gconstpointer draft)
{
  guint8 duid[8] = { 0, 3, 0, 1 };

  for (guint i = 0; i < 100000; i++)
    {
      RoamAddr address = address_of ("2001:db8:0:1::");
      char text[ROAM_ADDR_STRLEN];

      address.bytes[13] = duid[5] = (guint8)(i >> 16);
      address.bytes[14] = duid[6] = (guint8)(i >> 8);
      address.bytes[15] = duid[7] = (guint8)i;
      put_full (f, roam_addr_to_string (&address, text), (Dhcp6Slice){ duid, sizeof duid }, 5000, 60, 60,
                (Dhcp6Slice){ 0 });
    }
  put_vector_client (f);
  start (f);
  accept_from (f, 0);
  accept_from (f, 0);
  hear (f, 1, "LQ-V-07"); /* by link: the only valid client is the last of it */
  expect (f, "");
  g_assert_cmpint (leasequery_server_next_deadline (f->server), ==, 0);
  hear (f, 2, "LQ-V-01");
  expect (f, "2:reply[2001:db8:0:1::1000] 2:done");
  for (guint turns = 0; leasequery_server_next_deadline (f->server) == 0; turns++)
    {
      RoamNow at = now (f);

      g_assert_cmpuint (turns, <, 100);
      leasequery_server_input_deadline (f->server, &at);
      drain (f);
    }
  expect (f, "1:reply[2001:db8:0:1::1000] 1:done");
}

/* Other limits and permissions in running service: who is still permitted stays, with its new rights. */
static void
test_configure (Fixture *f, gconstpointer draft)
{
  LeasequeryServerCommand configure = { .type = LEASEQUERY_SERVER_CONFIGURE, .config = &f->config };
  RoamNow at;

  put_vector_client (f);
  f->permissions[0] = (LeasequeryServerPermission){ { f->peers[0], 128 }, LEASEQUERY_ALL_TYPES };
  f->permissions[1] = (LeasequeryServerPermission){ { f->peers[1], 128 }, 1u << DHCP6_QUERY_BY_ADDRESS };
  f->config.n_permissions = 2;
  start (f);
  accept_from (f, 0);
  accept_from (f, 1);
  hear (f, 2, "LQ-V-05");
  expect (f, "2:reply(10)");
  f->permissions[0] = (LeasequeryServerPermission){ { f->peers[1], 128 }, LEASEQUERY_ALL_TYPES };
  f->config.n_permissions = 1;
  f->config.max_connections = 1;
  at = now (f);
  leasequery_server_input_command (f->server, &at, &configure);
  /* What was given is the caller's again. */
  memset (f->permissions, 0, sizeof f->permissions);
  drain (f);
  expect (f, "1:drop");
  hear (f, 2, "LQ-V-05");
  expect (f, "2:reply[2001:db8:0:1::1000] 2:done");
  accept_from (f, 1);
  expect (f, "3:drop");
}

/* A new store for new queries, the old one for those under way. */
static void
test_store_is_replaced (Fixture *f, gconstpointer draft)
{
  LeaseStore *old = f->store;
  LeasequeryServerCommand set;
  LeasequeryServerCounters counters;
  RoamNow at;

  put_many (f, 20000);
  start (f);
  accept_from (f, 0);
  accept_from (f, 0);
  f->hold = TRUE;
  hear (f, 1, "LQ-V-05");
  f->store = lease_store_new (&f->config.points);
  add_subnet (f, "office", 1, "2001:db8:0:1::/64");
  put_vector_client (f);
  set = (LeasequeryServerCommand){ LEASEQUERY_SERVER_SET_STORE, f->store };
  at = now (f);
  leasequery_server_input_command (f->server, &at, &set);
  lease_store_unref (old);
  f->hold = FALSE;
  g_string_truncate (f->said, 0);
  hear (f, 2, "LQ-V-01");
  expect (f, "2:reply[2001:db8:0:1::1000] 2:done");
  written (f, 1, f->held);
  leasequery_server_get_counters (f->server, &counters);
  g_assert_cmpuint (counters.bindings, ==, 20001);
}

/* covers: LQ-SRV-103 */
static void
test_counters (Fixture *f, gconstpointer draft)
{
  LeasequeryServerCounters counters;

  put_vector_client (f);
  start (f);
  accept_from (f, 0);
  accept_from (f, 2);
  hear (f, 1, "LQ-V-05");
  hear (f, 1, "LQ-B-11");
  hear (f, 1, "LQ-B-18");
  leasequery_server_get_counters (f->server, &counters);
  g_assert_cmpuint (counters.accepted, ==, 1);
  g_assert_cmpuint (counters.refused, ==, 1);
  g_assert_cmpuint (counters.queries[DHCP6_QUERY_BY_RELAY_ID], ==, 1);
  g_assert_cmpuint (counters.queries[0], ==, 1);
  g_assert_cmpuint (counters.statuses[0], ==, 1);
  g_assert_cmpuint (counters.statuses[7], ==, 1);
  g_assert_cmpuint (counters.bindings, ==, 1);
  g_assert_cmpuint (counters.faults, ==, 1);
  g_assert_cmpuint (counters.octets_out, ==, f->sent->len);
}

int
main (int argc, char **argv)
{
  gpointer draft = GINT_TO_POINTER (TRUE);

  g_test_init (&argc, &argv, NULL);
#define ADD(path, data, function) g_test_add ("/dhcp6/server/" path, Fixture, data, set_up, function, tear_down)
  ADD ("connection/eleventh", NULL, test_eleventh);
  ADD ("connection/not-listed", NULL, test_not_listed);
  ADD ("connection/none-listed", NULL, test_none_listed);
  ADD ("connection/displaced", NULL, test_displaced);
  ADD ("connection/not-displaced", NULL, test_not_displaced);
  ADD ("connection/idle", NULL, test_idle);
  ADD ("connection/idle-draft", draft, test_idle);
  ADD ("connection/unfinished-query", NULL, test_unfinished_query);
  ADD ("connection/stuck-reader", NULL, test_stuck_reader);
  ADD ("connection/turns", NULL, test_turns);
  ADD ("connection/parallel-limit", NULL, test_parallel_limit);
  ADD ("connection/half-close", NULL, test_half_close);
  ADD ("store/fails", NULL, test_store_fails);
  ADD ("store/fails-draft", draft, test_store_fails);
  ADD ("store/stop", NULL, test_stop);
  ADD ("store/stop-draft", draft, test_stop);
  ADD ("store/is-replaced", NULL, test_store_is_replaced);
  ADD ("connection/closing-counts", NULL, test_closing_counts);
  ADD ("connection/barren-query", NULL, test_barren_query);
  ADD ("configure", NULL, test_configure);
  ADD ("counters", NULL, test_counters);
  return g_test_run ();
}
