/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "tests/dhcp6/server-fixture.h"

/* LEASEQUERY over UDP (RFC 5007 4.4): one message in, at most one out. */

/* The message of the vector, without its size. */
static GBytes *
ask (Fixture *f, const char *vector, guint peer)
{
  const GByteArray *octets = vectors_find (vector)->octets;
  RoamNow at = now (f);

  return leasequery_server_input_udp (f->server, &at, &f->peers[peer], octets->data + 2, octets->len - 2);
}

static Dhcp6Message
parse (GBytes *answer)
{
  Dhcp6Message message;

  g_assert_nonnull (answer);
  g_assert_cmpint (dhcp6_parse_message (g_bytes_get_data (answer, NULL), g_bytes_get_size (answer), &message, NULL), ==,
                   DHCP6_OK);
  g_assert_cmpuint (message.type, ==, DHCP6_LEASEQUERY_REPLY);
  g_assert_cmpuint (message.transaction_id, ==, 0x5aa1b2);
  return message;
}

/* The same octets as over TCP, without size and without DONE. */
static void
test_answers (Fixture *f, gconstpointer draft)
{
  const GByteArray *reply = vectors_find ("LQ-V-10")->octets;

  put_vector_client (f);
  start (f);
  for (guint i = 0; i < 2; i++)
    {
      g_autoptr (GBytes) answer = ask (f, i == 0 ? "LQ-V-01" : "LQ-V-03", 0);

      g_assert_cmpmem (g_bytes_get_data (answer, NULL), g_bytes_get_size (answer), reply->data + 2, reply->len - 2);
    }
}

/* covers: LQ-SRV-031 */
static void
test_types_of_tcp (Fixture *f, gconstpointer draft)
{
  static const char *const vectors[] = { "LQ-V-05", "LQ-V-06", "LQ-V-07", "LQ-V-08" };

  put_vector_client (f);
  start (f);
  for (guint i = 0; i < G_N_ELEMENTS (vectors); i++)
    {
      g_autoptr (GBytes) answer = ask (f, vectors[i], 0);

      g_assert_cmpuint (parse (answer).status, ==, DHCP6_STATUS_NOT_ALLOWED);
      g_assert_cmpuint (parse (answer).n_client_data, ==, 0);
    }
}

static void
test_refused (Fixture *f, gconstpointer draft)
{
  static const struct
  {
    const char *vector;
    guint16 status;
  } rows[] = {
    { "LQ-B-07", 8 },
    { "LQ-B-11", 7 },
    { "LQ-B-12", 8 },
    { "LQ-B-15", 8 },
  };
  static const char *const dropped[] = { "LQ-B-08", "LQ-B-09", "LQ-B-10", "LQ-B-06", "LQ-B-18", "LQ-B-19", "LQ-L-01" };
  LeasequeryServerCounters counters;

  put_vector_client (f);
  start (f);
  for (guint i = 0; i < G_N_ELEMENTS (rows); i++)
    {
      g_autoptr (GBytes) answer = ask (f, rows[i].vector, 0);
      Dhcp6Message message = parse (answer);

      g_test_message ("%s", rows[i].vector);
      /* Types 3 to 5 are TCP's before anything else is looked at. */
      g_assert_true (message.status == rows[i].status || message.status == DHCP6_STATUS_NOT_ALLOWED);
    }
  for (guint i = 0; i < G_N_ELEMENTS (dropped); i++)
    g_assert_null (ask (f, dropped[i], 0));
  g_assert_null (ask (f, "LQ-V-01", 2)); /* who is not listed gets nothing */
  leasequery_server_get_counters (f->server, &counters);
  g_assert_cmpuint (counters.udp_dropped, ==, G_N_ELEMENTS (dropped) + 1);
  g_assert_cmpuint (counters.udp, ==, G_N_ELEMENTS (rows));
}

/* The framing of TCP is not UDP's: its size would be type and transaction-id. covers: LQ-COD-029 */
static void
test_framed (Fixture *f, gconstpointer draft)
{
  const GByteArray *octets = vectors_find ("LQ-V-01")->octets;
  RoamNow at = now (f);

  start (f);
  g_assert_null (leasequery_server_input_udp (f->server, &at, &f->peers[0], octets->data, octets->len));
}

static void
test_nothing (Fixture *f, gconstpointer draft)
{
  g_autoptr (GBytes) answer = NULL;
  Dhcp6Message message;

  start (f);
  answer = ask (f, "LQ-V-01", 0);
  message = parse (answer);
  g_assert_false (message.has_status);
  g_assert_cmpuint (message.n_client_data, ==, 0);
}

/* On several links: where they are, and no bindings (RFC 5007 4.4.2). */
static void
test_several_links (Fixture *f, gconstpointer draft)
{
  g_autoptr (GBytes) answer = NULL;
  Lease lease = { .address = address_of ("2001:db8:0:2::5"),
                  .prefix_length = 128,
                  .subnet_id = 2,
                  .valid_s = 100,
                  .contact = UNIX_NOW,
                  .client_id = slice (f->client) };
  Dhcp6Message message;
  Dhcp6OptionIter iter;
  Dhcp6Option option;
  gboolean seen = FALSE;

  put_vector_client (f);
  g_assert_true (lease_store_put (f->store, &lease));
  start (f);
  answer = ask (f, "LQ-V-03", 0);
  message = parse (answer);
  g_assert_cmpuint (message.n_client_data, ==, 0);
  dhcp6_option_iter_init (&iter, message.options);
  while (dhcp6_option_iter_next (&iter, &option))
    {
      RoamAddr first = address_of ("2001:db8:0:1::"), second = address_of ("2001:db8:0:2::");

      if (option.code != DHCP6_OPTION_LQ_CLIENT_LINK)
        continue;
      g_assert_cmpuint (option.data.length, ==, 32);
      g_assert_cmpmem (option.data.data, 16, first.bytes, 16);
      g_assert_cmpmem (option.data.data + 16, 16, second.bytes, 16);
      seen = TRUE;
    }
  g_assert_true (seen);
}

static void
test_too_much (Fixture *f, gconstpointer draft)
{
  g_autoptr (GBytes) answer = NULL;

  for (guint i = 1; i <= 180; i++)
    {
      g_autofree char *address = g_strdup_printf ("2001:db8:0:1::%x", i);

      put_full (f, address, slice (f->client), 0, 1, 1000, (Dhcp6Slice){ 0 });
    }
  start (f);
  answer = ask (f, "LQ-V-03", 0);
  g_assert_cmpuint (parse (answer).status, ==, DHCP6_STATUS_UNSPEC_FAIL);
}

static void
test_store_and_rate (Fixture *f, gconstpointer draft)
{
  f->config.max_queries_a_minute = 2;
  put_vector_client (f);
  start (f);
  for (guint i = 0; i < 3; i++)
    {
      g_autoptr (GBytes) answer = ask (f, "LQ-V-01", 0);

      g_assert_cmpuint (parse (answer).status, ==, i < 2 ? DHCP6_STATUS_SUCCESS : DHCP6_STATUS_QUERY_TERMINATED);
    }
  f->now_us = 61 * S;
  command (f, LEASEQUERY_SERVER_FAIL);
  {
    g_autoptr (GBytes) answer = ask (f, "LQ-V-01", 0);

    g_assert_cmpuint (parse (answer).status, ==, DHCP6_STATUS_UNSPEC_FAIL);
  }
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
#define ADD(path, function) g_test_add ("/dhcp6/server/udp/" path, Fixture, NULL, set_up, function, tear_down)
  ADD ("answers", test_answers);
  ADD ("types-of-tcp", test_types_of_tcp);
  ADD ("refused", test_refused);
  ADD ("framed", test_framed);
  ADD ("nothing", test_nothing);
  ADD ("several-links", test_several_links);
  ADD ("too-much", test_too_much);
  ADD ("store-and-rate", test_store_and_rate);
  return g_test_run ();
}
