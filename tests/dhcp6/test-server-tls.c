/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "tests/dhcp6/server-fixture.h"

/* STARTTLS as the server's engine sees it (RFC 7653 9.1); the handshake itself is the edge's. */

static void
start_with (Fixture *f, LeasequeryServerTls tls)
{
  f->config.tls = tls;
  put_vector_client (f);
  start (f);
  accept_from (f, 0);
}

static void
secured (Fixture *f, guint connection)
{
  RoamNow at = now (f);

  leasequery_server_input_secured (f->server, &at, connection);
  drain (f);
}

/* covers: LQ-ACT-018 */
static void
test_offered (Fixture *f, gconstpointer data)
{
  LeasequeryServerCounters counters;

  start_with (f, LEASEQUERY_TLS_OFFERED);
  hear (f, 1, "LQ-V-05"); /* who does not want it does without */
  expect (f, "1:reply[2001:db8:0:1::1000] 1:done");
  hear (f, 1, "LQ-L-02");
  expect (f, "1:tls-reply 1:start-tls");
  hear (f, 1, "LQ-V-05"); /* nothing is taken in the clear from here on */
  expect (f, "1:pause");
  accept_from (f, 0);
  hear (f, 2, "LQ-L-02");
  expect (f, "2:tls-reply 2:start-tls");
  secured (f, 2);
  hear (f, 2, "LQ-V-05");
  expect (f, "2:reply[2001:db8:0:1::1000] 2:done");
  leasequery_server_get_counters (f->server, &counters);
  g_assert_cmpuint (counters.secured, ==, 1);
}

/* covers: LQ-ACT-018, LQ-ACT-006 */
static void
test_required (Fixture *f, gconstpointer data)
{
  start_with (f, LEASEQUERY_TLS_REQUIRED);
  hear (f, 1, "LQ-V-05");
  expect (f, "1:reply(10) 1:close");
  accept_from (f, 0);
  hear (f, 2, "LQ-L-01");
  expect (f, "2:reply(10) 2:close");
  accept_from (f, 0);
  hear (f, 3, "LQ-L-02");
  expect (f, "3:tls-reply 3:start-tls");
  secured (f, 3);
  hear (f, 3, "LQ-V-05");
  expect (f, "3:reply[2001:db8:0:1::1000] 3:done");
}

/* Secured, an active query needs no leave to be insecure. covers: LQ-ACT-006, LQ-ACT-018 */
static void
test_active (Fixture *f, gconstpointer data)
{
  f->config.active = TRUE;
  f->active = TRUE;
  f->journal = lease_journal_new (10, UNIX_NOW);
  start_with (f, LEASEQUERY_TLS_OFFERED);
  hear (f, 1, "LQ-L-01");
  expect (f, "1:reply(10) 1:close");
  accept_from (f, 0);
  hear (f, 2, "LQ-L-02");
  secured (f, 2);
  hear (f, 2, "LQ-L-01");
  expect (f, "2:tls-reply 2:start-tls 2:reply(12) 2:data(13)");
}

/* Octets behind STARTTLS may be anybody's. covers: LQ-ACT-018 */
static void
test_injected (Fixture *f, gconstpointer data)
{
  g_autoptr (GByteArray) both = g_byte_array_new ();

  g_byte_array_append (both, vectors_find ("LQ-L-02")->octets->data, vectors_find ("LQ-L-02")->octets->len);
  g_byte_array_append (both, vectors_find ("LQ-V-05")->octets->data, vectors_find ("LQ-V-05")->octets->len);
  start_with (f, LEASEQUERY_TLS_OFFERED);
  give (f, 1, both->data, both->len);
  expect (f, "1:fault 1:close");
}

static void
test_twice (Fixture *f, gconstpointer data)
{
  start_with (f, LEASEQUERY_TLS_OFFERED);
  hear (f, 1, "LQ-L-02");
  secured (f, 1);
  hear (f, 1, "LQ-L-02");
  expect (f, "1:tls-reply 1:start-tls 1:fault 1:close");
}

/* In the middle of an answer. */
static void
test_late (Fixture *f, gconstpointer data)
{
  f->config.tls = LEASEQUERY_TLS_OFFERED;
  put_many (f, 20000);
  start (f);
  accept_from (f, 0);
  f->hold = TRUE;
  hear (f, 1, "LQ-V-05");
  g_string_truncate (f->said, 0);
  hear (f, 1, "LQ-L-02");
  expect (f, "1:pause"); /* not even looked at before there is room for its answer */
  f->hold = FALSE;
  written (f, 1, f->held);
  g_assert_true (g_str_has_suffix (g_strchomp (f->said->str), "1:fault 1:close"));
}

/* A handshake that does not come to its end. */
static void
test_slow_handshake (Fixture *f, gconstpointer data)
{
  start_with (f, LEASEQUERY_TLS_OFFERED);
  hear (f, 1, "LQ-L-02");
  expect (f, "1:tls-reply 1:start-tls");
  wait_until (f, f->config.data_timeout_us - 1);
  expect (f, "");
  wait_until (f, f->config.data_timeout_us);
  expect (f, "1:drop");
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
#define ADD(path, function) g_test_add ("/dhcp6/server/tls/" path, Fixture, NULL, set_up, function, tear_down)
  ADD ("offered", test_offered);
  ADD ("required", test_required);
  ADD ("active", test_active);
  ADD ("injected", test_injected);
  ADD ("twice", test_twice);
  ADD ("late", test_late);
  ADD ("slow-handshake", test_slow_handshake);
  return g_test_run ();
}
