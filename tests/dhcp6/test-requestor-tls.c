/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "tests/dhcp6/requestor-fixture.h"

/* STARTTLS as the requestor's engine sees it (RFC 7653 8.2). */

static void
open_tls (Fixture *f)
{
  const GByteArray *vector = vectors_find ("LQ-L-02")->octets;
  GBytes *sent;

  f->config.tls = TRUE;
  fixture_start (f);
  ask (f, 1);
  connection (f, LEASEQUERY_CONNECTION_UP);
  expect (f, "connect query"); /* that is STARTTLS, and nothing else */
  sent = g_ptr_array_index (f->sent, 0);
  g_assert_cmpuint (g_bytes_get_size (sent), ==, vector->len);
  g_assert_cmpuint (((const guint8 *)g_bytes_get_data (sent, NULL))[2], ==, DHCP6_STARTTLS);
}

static GByteArray *
answer (Fixture *f, guint8 type, gint status)
{
  g_auto (WireWriter) writer;
  gsize frame;

  wire_writer_init (&writer, 1000);
  frame = dhcp6_begin_frame (&writer, type, f->xids[0]);
  if (status >= 0)
    dhcp6_write_status (&writer, (guint16)status, NULL);
  dhcp6_end_frame (&writer, frame);
  return g_bytes_unref_to_array (wire_writer_finish (&writer));
}

/* covers: LQ-ACT-018 */
static void
test_accepted (Fixture *f, gconstpointer data)
{
  g_autoptr (GByteArray) octets = NULL;

  open_tls (f);
  octets = answer (f, DHCP6_REPLY, -1);
  feed (f, octets->data, octets->len);
  expect (f, "start-tls");
  feed (f, octets->data, octets->len); /* the engine hears nothing while it lasts */
  expect (f, "");
  connection (f, LEASEQUERY_CONNECTION_SECURED);
  expect (f, "query");
}

/* The other three answers of RFC 7653 8.2, and none. covers: LQ-ACT-018 */
static void
test_not_accepted (Fixture *f, gconstpointer data)
{
  for (guint i = 0; i < 6; i++)
    {
      g_autoptr (GByteArray) octets = NULL;

      f->n_xids = 0;
      g_ptr_array_set_size (f->sent, 0);
      open_tls (f);
      switch (i)
        {
        case 0:
          octets = answer (f, DHCP6_REPLY, DHCP6_STATUS_TLS_CONNECTION_REFUSED);
          break;
        case 1:
          octets = answer (f, DHCP6_REPLY, DHCP6_STATUS_UNSPEC_FAIL);
          break;
        case 2:
          octets = answer (f, DHCP6_LEASEQUERY_DATA, -1);
          break;
        case 3:
          connection (f, LEASEQUERY_CONNECTION_ENDED);
          break;
        case 4:
          wait_for_deadline (f);
          break;
        case 5:
          f->xids[0]++;
          octets = answer (f, DHCP6_REPLY, -1);
          break;
        default:
          g_assert_not_reached ();
        }
      if (octets != NULL)
        feed (f, octets->data, octets->len);
      expect (f, "disconnect end1:insecure:0:partial:other");
      g_clear_pointer (&f->requestor, leasequery_requestor_free);
    }
}

/* covers: LQ-ACT-018 */
static void
test_bad_handshake (Fixture *f, gconstpointer data)
{
  g_autoptr (GByteArray) octets = NULL;

  open_tls (f);
  octets = answer (f, DHCP6_REPLY, -1);
  feed (f, octets->data, octets->len);
  connection (f, LEASEQUERY_CONNECTION_RESET); /* a certificate does not hold */
  expect (f, "start-tls disconnect end1:insecure:0:partial:other");
}

static void
test_injected (Fixture *f, gconstpointer data)
{
  g_autoptr (GByteArray) octets = NULL;

  open_tls (f);
  octets = answer (f, DHCP6_REPLY, -1);
  g_byte_array_append (octets, (const guint8 *)"\0", 1);
  feed (f, octets->data, octets->len);
  g_string_erase (f->said, 0, -1);
  g_assert_cmpuint (leasequery_requestor_get_faults (f->requestor, LEASEQUERY_FAULT_TLS), ==, 1);
  g_assert_cmpuint (leasequery_requestor_n_pending (f->requestor), ==, 0);
}

/* An active query that was secured once waits for a server that is not for a while. */
static void
test_active_waits (Fixture *f, gconstpointer data)
{
  const LeasequeryQuery query = { .active = TRUE, .everything = TRUE };
  g_autoptr (GByteArray) octets = NULL;

  f->config.tls = TRUE;
  f->config.max_retries = G_MAXUINT;
  fixture_start (f);
  ask_query (f, 1, &query);
  connection (f, LEASEQUERY_CONNECTION_UP);
  octets = answer (f, DHCP6_REPLY, -1);
  feed (f, octets->data, octets->len);
  connection (f, LEASEQUERY_CONNECTION_SECURED);
  connection (f, LEASEQUERY_CONNECTION_ENDED);
  expect (f, "connect query start-tls query disconnect waiting");
  wait_for_deadline (f);
  connection (f, LEASEQUERY_CONNECTION_UP);
  connection (f, LEASEQUERY_CONNECTION_RESET);
  expect (f, "connect query disconnect waiting");
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
#define ADD(path, function) g_test_add ("/dhcp6/requestor/tls/" path, Fixture, NULL, set_up, function, tear_down)
  ADD ("accepted", test_accepted);
  ADD ("not-accepted", test_not_accepted);
  ADD ("bad-handshake", test_bad_handshake);
  ADD ("injected", test_injected);
  ADD ("active-waits", test_active_waits);
  return g_test_run ();
}
