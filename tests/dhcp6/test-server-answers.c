/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "tests/dhcp6/server-fixture.h"

#include <string.h>

/* What is answered (RFC 5460 7.2, RFC 5007 4.4). */

/* Octet for octet. covers: LQ-SRV-040, LQ-SRV-041, LQ-SRV-048, LQ-SRV-050, LQ-SRV-056, LQ-SRV-058, LQ-SRV-061 */
static void
test_one_client (Fixture *f, gconstpointer draft)
{
  static const char *const queries[] = { "LQ-V-01", "LQ-V-02", "LQ-V-03", "LQ-V-05",
                                         "LQ-V-06", "LQ-V-07", "LQ-V-08", "LQ-V-09" };
  const GByteArray *reply = vectors_find ("LQ-V-10")->octets, *done = vectors_find ("LQ-V-21")->octets;

  put_vector_client (f);
  start (f);
  g_assert_cmpuint (accept_from (f, 0), ==, 1);
  for (guint i = 0; i < G_N_ELEMENTS (queries); i++)
    {
      hear (f, 1, queries[i]);
      expect (f, "1:reply[2001:db8:0:1::1000] 1:done");
      g_assert_cmpuint (f->sent->len, ==, reply->len + done->len);
      g_assert_cmpmem (f->sent->data, reply->len, reply->data, reply->len);
      g_assert_cmpmem (f->sent->data + reply->len, done->len, done->data, done->len);
      g_byte_array_set_size (f->sent, 0);
    }
}

/* covers: LQ-SRV-049, LQ-SRV-051 */
static void
test_nothing (Fixture *f, gconstpointer draft)
{
  const GByteArray *reply = vectors_find ("LQ-V-12")->octets;

  start (f);
  accept_from (f, 0);
  hear (f, 1, "LQ-V-05");
  expect (f, "1:reply");
  g_assert_cmpmem (f->sent->data, f->sent->len, reply->data, reply->len);
  hear (f, 1, "LQ-V-03"); /* the connection stays */
  expect (f, "1:reply");
}

/* covers: LQ-SRV-043, LQ-SRV-044, LQ-SRV-045, LQ-SRV-046, LQ-SRV-054, LQ-SRV-100 */
static void
test_several_clients (Fixture *f, gconstpointer draft)
{
  g_autoptr (GByteArray) relay = relay_data (), other = vectors_unhex ("00030001020000000002");

  put_vector_client (f);
  put_full (f, "2001:db8:8000:100::/56", slice (f->client), 5, 3600, 7200, slice (relay));
  put_full (f, "2001:db8:0:1::1001", slice (other), 5, 3600, 7200, slice (relay));
  start (f);
  accept_from (f, 0);
  hear (f, 1, "LQ-V-05");
  expect (f, "1:reply[2001:db8:0:1::1000 2001:db8:8000:100::/56] 1:data[2001:db8:0:1::1001] 1:done");
  hear (f, 1, "LQ-V-07");
  expect (f, "1:reply[2001:db8:0:1::1000 2001:db8:8000:100::/56] 1:data[2001:db8:0:1::1001] 1:done");
}

/* covers: LQ-SRV-059, LQ-SRV-061, LQ-SRV-062, LQ-SRV-063 */
static void
test_relay_data (Fixture *f, gconstpointer draft)
{
  g_autoptr (GByteArray) relay = relay_data ();
  Dhcp6ClientData client;

  put_vector_client (f);
  start (f);
  accept_from (f, 0);
  hear (f, 1, "LQ-V-03");
  g_assert_null (first_client (f).relay_data.data);
  g_byte_array_set_size (f->sent, 0);
  hear (f, 1, "LQ-V-04");
  client = first_client (f);
  g_assert_cmpmem (client.relay_data.data, client.relay_data.length, relay->data, relay->len);
  g_byte_array_set_size (f->sent, 0);
  put_full (f, "2001:db8:0:1::1000", slice (f->client), 120, 3720, 7320, (Dhcp6Slice){ 0 }); /* a direct client */
  hear (f, 1, "LQ-V-04");
  g_assert_null (first_client (f).relay_data.data);
}

/* covers: LQ-SRV-060 */
static void
test_sensitive (Fixture *f, gconstpointer draft)
{
  static const guint16 sensitive[] = { DHCP6_OPTION_LQ_RELAY_DATA };

  f->config.sensitive = sensitive;
  f->config.n_sensitive = 1;
  put_vector_client (f);
  start (f);
  accept_from (f, 0);
  hear (f, 1, "LQ-V-04");
  g_assert_null (first_client (f).relay_data.data);
}

/* covers: LQ-SRV-056, LQ-SRV-057, LQ-SRV-058 */
static void
test_lifetimes (Fixture *f, gconstpointer draft)
{
  static const struct
  {
    gint64 age;
    guint32 granted_preferred, granted_valid, preferred, valid, clt;
  } rows[] = {
    { 100, 1800, 3600, 1700, 3500, 100 },
    { 2000, 1800, 3600, 0, 1600, 2000 },
    { 100, DHCP6_LIFETIME_INFINITE, DHCP6_LIFETIME_INFINITE, DHCP6_LIFETIME_INFINITE, DHCP6_LIFETIME_INFINITE, 100 },
    { 100, DHCP6_LIFETIME_INFINITE, 3600, 3500, 3500, 100 },
    { -50, 1800, 3600, 1850, 3650, 0 }, /* the clock was set back */
  };

  start (f);
  accept_from (f, 0);
  for (guint i = 0; i < G_N_ELEMENTS (rows); i++)
    {
      Dhcp6ClientData client;
      Dhcp6BindingIter iter;
      Dhcp6Binding binding;
      Dhcp6Fault fault;

      put_full (f, "2001:db8:0:1::1000", slice (f->client), rows[i].age, rows[i].granted_preferred,
                rows[i].granted_valid, (Dhcp6Slice){ 0 });
      g_byte_array_set_size (f->sent, 0);
      hear (f, 1, "LQ-V-03");
      client = first_client (f);
      g_assert_cmpuint (client.clt_time, ==, rows[i].clt);
      dhcp6_binding_iter_init (&iter, &client);
      g_assert_true (dhcp6_binding_iter_next (&iter, &binding, &fault));
      g_assert_cmpuint (binding.valid, ==, rows[i].valid);
      g_assert_cmpuint (binding.preferred, ==, rows[i].preferred);
    }
}

/* Expired since the file was read. covers: LQ-SRV-055 */
static void
test_expired (Fixture *f, gconstpointer draft)
{
  put_full (f, "2001:db8:0:1::1000", slice (f->client), 100, 50, 100, (Dhcp6Slice){ 0 });
  start (f);
  accept_from (f, 0);
  hear (f, 1, "LQ-V-03");
  expect (f, "1:reply");
}

/* One client with more prefixes than a message holds: each message whole. covers: LQ-SRV-064 */
static void
test_big_client (Fixture *f, gconstpointer draft)
{
  g_autoptr (GByteArray) relay = relay_data ();

  for (guint i = 0; i < 5000; i++)
    {
      g_autofree char *prefix = g_strdup_printf ("2001:db9:%x:%x::/64", 1 + i / 1000, i % 1000);

      put_full (f, prefix, slice (f->client), 1, 3600, 7200, slice (relay));
    }
  start (f);
  accept_from (f, 0);
  hear (f, 1, "LQ-V-04");
  g_assert_true (g_str_has_prefix (f->said->str, "1:reply[2001:db9:1::/64 2001:db9:1:1::/64"));
  g_assert_nonnull (strstr (f->said->str, "] 1:data[2001:db9:"));
  g_assert_true (g_str_has_suffix (g_strchomp (f->said->str), "] 1:done"));
  {
    LeasequeryServerCounters counters;

    leasequery_server_get_counters (f->server, &counters);
    g_assert_cmpuint (counters.bindings, ==, 5000);
    g_assert_cmpuint (counters.clients, ==, 1);
  }
}

/* covers: LQ-ACT-003, LQ-ACT-004 */
static void
test_times (Fixture *f, gconstpointer draft)
{
  static const guint8 want_base_time[] = { 0, 6, 0, 2, 0, 100 };
  g_autoptr (GByteArray) other = vectors_unhex ("00030001020000000002");
  g_auto (WireWriter) writer;
  g_autoptr (GBytes) bytes = NULL;
  RoamAddr none = address_of ("2001:db8:0:1::");
  Dhcp6Message message;
  gsize frame, query;

  put_full (f, "2001:db8:0:1::1", slice (f->client), 1000, 7200, 7200, (Dhcp6Slice){ 0 });
  put_full (f, "2001:db8:0:1::2", slice (other), 500, 7200, 7200, (Dhcp6Slice){ 0 });
  put_full (f, "2001:db8:0:1::3", slice (f->requestor), 10, 7200, 7200, (Dhcp6Slice){ 0 });
  start (f);
  accept_from (f, 0);
  wire_writer_init (&writer, 4096);
  frame = dhcp6_begin_frame (&writer, DHCP6_LEASEQUERY, 7);
  dhcp6_write_option (&writer, DHCP6_OPTION_CLIENTID, slice (f->requestor));
  query = dhcp6_begin_option (&writer, DHCP6_OPTION_LQ_QUERY);
  wire_write_u8 (&writer, DHCP6_QUERY_BY_LINK_ADDRESS);
  wire_write_addr (&writer, &none);
  wire_write_data (&writer, want_base_time, sizeof want_base_time);
  dhcp6_end_option (&writer, query);
  dhcp6_write_option_u32 (&writer, DHCP6_OPTION_LQ_START_TIME, UNIX_NOW - 500 - DHCP6_EPOCH_2000);
  dhcp6_write_option_u32 (&writer, DHCP6_OPTION_LQ_END_TIME, UNIX_NOW - 500 - DHCP6_EPOCH_2000);
  dhcp6_end_frame (&writer, frame);
  bytes = wire_writer_finish (&writer);
  give (f, 1, g_bytes_get_data (bytes, NULL), g_bytes_get_size (bytes));
  expect (f, "1:reply[2001:db8:0:1::2] 1:done");
  g_assert_cmpint (
    dhcp6_parse_message (f->sent->data + 2, (gsize)f->sent->data[0] << 8 | f->sent->data[1], &message, NULL), ==, 0);
  g_assert_true (message.has_base_time);
  g_assert_cmpuint (message.base_time, ==, UNIX_NOW - DHCP6_EPOCH_2000);
}

/* covers: LQ-SRV-101, LQ-REQ-063 */
static void
test_alters_nothing (Fixture *f, gconstpointer draft)
{
  put_vector_client (f);
  start (f);
  accept_from (f, 0);
  for (guint i = 0; i < 3; i++)
    hear (f, 1, "LQ-V-05");
  g_assert_cmpuint (lease_store_n_leases (f->store), ==, 1);
  expect (f,
          "1:reply[2001:db8:0:1::1000] 1:done 1:reply[2001:db8:0:1::1000] 1:done 1:reply[2001:db8:0:1::1000] 1:done");
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
#define ADD(path, data, function) g_test_add ("/dhcp6/server/" path, Fixture, data, set_up, function, tear_down)
  ADD ("answer/one-client", NULL, test_one_client);
  ADD ("answer/nothing", NULL, test_nothing);
  ADD ("answer/several-clients", NULL, test_several_clients);
  ADD ("answer/relay-data", NULL, test_relay_data);
  ADD ("answer/sensitive", NULL, test_sensitive);
  ADD ("answer/lifetimes", NULL, test_lifetimes);
  ADD ("answer/expired", NULL, test_expired);
  ADD ("answer/big-client", NULL, test_big_client);
  ADD ("answer/times", NULL, test_times);
  ADD ("answer/alters-nothing", NULL, test_alters_nothing);
  return g_test_run ();
}
