/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "tests/dhcp6/requestor-fixture.h"

#include <string.h>

/* Connections that fail, end or stand still (RFC 5460 6.1, 6.2, 6.6). */

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
