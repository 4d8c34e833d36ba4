/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "tests/dhcp6/server-fixture.h"

#include <string.h>

/* Which queries are answered, and which refused (RFC 5460 7.1, RFC 5007 4.4.1). */

static void
test_bad_queries (Fixture *f, gconstpointer draft)
{
  static const struct
  {
    const char *vector, *words;
  } rows[] = {
    { "LQ-B-01", "1:fault 1:close" },
    { "LQ-B-02", "1:fault 1:close" },
    { "LQ-B-04", "1:fault 1:close" },
    { "LQ-B-06", "1:fault 1:close" },
    { "LQ-B-07", "1:reply(8)" },
    /* covers: LQ-SRV-021 */
    { "LQ-B-08", "1:fault 1:close" },
    { "LQ-B-09", "1:fault 1:close" },
    { "LQ-B-10", "1:fault 1:close" },
    /* covers: LQ-SRV-023 */
    { "LQ-B-11", "1:reply(7)" },
    /* covers: LQ-SRV-024 */
    { "LQ-B-12", "1:reply(8)" },
    { "LQ-B-13", "1:reply(8)" },
    /* covers: LQ-SRV-025 */
    { "LQ-B-14", "1:reply(8)" },
    { "LQ-B-15", "1:reply(8)" },
    { "LQ-B-16", "1:reply(8)" },
    { "LQ-B-17", "1:reply(8)" },
    /* covers: LQ-SRV-020 */
    { "LQ-B-18", "1:fault 1:close" },
    /* covers: LQ-SRV-022 */
    { "LQ-B-19", "1:fault 1:close" },
    /* covers: LQ-ACT-001 */
    { "LQ-L-01", "1:reply(14) 1:close" },
    /* covers: LQ-ACT-002 */
    { "LQ-L-02", "1:tls-reply(15)" },
  };

  put_vector_client (f);
  for (guint i = 0; i < G_N_ELEMENTS (rows); i++)
    {
      start (f);
      accept_from (f, 0);
      hear (f, 1, rows[i].vector);
      g_test_message ("%s: %s", rows[i].vector, f->said->str);
      expect (f, rows[i].words);
      hear (f, 1, "LQ-V-05"); /* what stays open goes on serving */
      expect (f, strstr (rows[i].words, "close") != NULL ? "" : "1:reply[2001:db8:0:1::1000] 1:done");
      g_clear_pointer (&f->server, leasequery_server_free);
    }
}

/* Cut by its option lengths, but asked by somebody: told before the end (row 5). */
static void
test_malformed_is_told (Fixture *f, gconstpointer draft)
{
  const GByteArray *octets = vectors_find ("LQ-V-05")->octets;
  g_autofree guint8 *bad = g_memdup2 (octets->data, octets->len);

  bad[octets->len - 17 - 1 - 18] = 0;     /* nothing */
  bad[1 + 2 + 4 + 4 + 18 + 3 - 1] = 0xff; /* LQ_QUERY's length runs past the end */
  start (f);
  accept_from (f, 0);
  give (f, 1, bad, octets->len);
  expect (f, "1:reply(8) 1:fault 1:close");
}

/* covers: LQ-SRV-023 */
static void
test_unknown_types (Fixture *f, gconstpointer draft)
{
  static const guint8 types[] = { 0, 6, 99, 255 };

  start (f);
  accept_from (f, 0);
  for (guint i = 0; i < G_N_ELEMENTS (types); i++)
    {
      give_query (f, 1, types[i], "::", (Dhcp6Slice){ 0 }, i + 1);
      expect (f, "1:reply(7)");
    }
}

/* covers: LQ-SRV-026 */
static void
test_twice (Fixture *f, gconstpointer draft)
{
  g_autoptr (GByteArray) options = vectors_unhex ("0035000300010100350003000102");

  start (f);
  accept_from (f, 0);
  give_query (f, 1, DHCP6_QUERY_BY_RELAY_ID, "::", slice (options), 1);
  expect (f, "1:reply(8)");
}

/* Type 4 with a Relay-ID, type 3 with a broken Remote-ID. covers: LQ-SRV-027 */
static void
test_needless_options (Fixture *f, gconstpointer draft)
{
  g_autoptr (GByteArray) odd = vectors_unhex ("003500010000250001ff");

  put_vector_client (f);
  start (f);
  accept_from (f, 0);
  give_query (f, 1, DHCP6_QUERY_BY_LINK_ADDRESS, "2001:db8:0:1::", slice (odd), 1);
  expect (f, "1:reply[2001:db8:0:1::1000] 1:done");
}

/* covers: LQ-DRF-005 */
static void
test_remote_id_alone (Fixture *f, gconstpointer draft)
{
  put_vector_client (f);
  start (f);
  accept_from (f, 0);
  hear (f, 1, "LQ-V-08");
  expect (f, "1:reply[2001:db8:0:1::1000] 1:done");
}

/* covers: LQ-SRV-072 */
static void
test_unknown_link (Fixture *f, gconstpointer draft)
{
  g_autoptr (GByteArray) duid = vectors_unhex ("0001000e000100012a000000020000000001"),
                         address = vectors_unhex ("0005001820010dbaffff000000000000000000010000000000000000");

  put_vector_client (f);
  start (f);
  accept_from (f, 0);
  give_query (f, 1, DHCP6_QUERY_BY_LINK_ADDRESS, "2001:dba::1", (Dhcp6Slice){ 0 }, 1);
  expect (f, "1:reply(9)");
  give_query (f, 1, DHCP6_QUERY_BY_CLIENTID, "2001:dba::1", slice (duid), 2);
  expect (f, "1:reply(9)");
  give_query (f, 1, DHCP6_QUERY_BY_ADDRESS, "::", slice (address), 3);
  expect (f, "1:reply(9)");
}

/* covers: LQ-SRV-078 */
static void
test_no_relay_information (Fixture *f, gconstpointer draft)
{
  put_full (f, "2001:db8:0:1::1000", slice (f->client), 1, 10, 10, (Dhcp6Slice){ 0 });
  start (f);
  accept_from (f, 0);
  hear (f, 1, "LQ-V-05");
  hear (f, 1, "LQ-V-08");
  expect (f, "1:reply(10) 1:reply(10)");
}

/* covers: LQ-SRV-029 */
static void
test_transaction_in_use (Fixture *f, gconstpointer draft)
{
  g_autoptr (GByteArray) twice = g_byte_array_new ();
  const GByteArray *one = vectors_find ("LQ-V-05")->octets;

  put_vector_client (f);
  start (f);
  accept_from (f, 0);
  g_byte_array_append (twice, one->data, one->len);
  g_byte_array_append (twice, one->data, one->len);
  give (f, 1, twice->data, twice->len);
  expect (f, "1:fault 1:close");
}

/* covers: LQ-SRV-006 */
static void
test_type_not_permitted (Fixture *f, gconstpointer draft)
{
  f->permissions[0].query_types = 1u << DHCP6_QUERY_BY_ADDRESS;
  put_vector_client (f);
  start (f);
  accept_from (f, 0);
  hear (f, 1, "LQ-V-05");
  expect (f, "1:reply(10)");
  g_assert_cmpmem (f->sent->data, f->sent->len, vectors_find ("LQ-V-16")->octets->data,
                   vectors_find ("LQ-V-16")->octets->len);
  hear (f, 1, "LQ-V-01");
  expect (f, "1:reply[2001:db8:0:1::1000] 1:done");
}

/* covers: LQ-SRV-030 */
static void
test_rate (Fixture *f, gconstpointer draft)
{
  f->config.max_queries_a_minute = 2;
  start (f);
  accept_from (f, 0);
  accept_from (f, 1);
  hear (f, 1, "LQ-V-03");
  hear (f, 1, "LQ-V-03");
  hear (f, 1, "LQ-V-03");
  expect (f, GPOINTER_TO_INT (draft) ? "1:reply 1:reply 1:reply(1)" : "1:reply 1:reply 1:reply(11)");
  hear (f, 2, "LQ-V-03"); /* another requestor's minute is its own */
  expect (f, "2:reply");
  wait_until (f, 60 * S); /* the draft's timeout may have ended the first two by then */
  g_string_truncate (f->said, 0);
  g_assert_cmpuint (accept_from (f, 0), ==, 3);
  hear (f, 3, "LQ-V-03");
  expect (f, "3:reply");
}

int
main (int argc, char **argv)
{
  gpointer draft = GINT_TO_POINTER (TRUE);

  g_test_init (&argc, &argv, NULL);
#define ADD(path, data, function) g_test_add ("/dhcp6/server/" path, Fixture, data, set_up, function, tear_down)
  ADD ("query/bad", NULL, test_bad_queries);
  ADD ("query/malformed-is-told", NULL, test_malformed_is_told);
  ADD ("query/unknown-types", NULL, test_unknown_types);
  ADD ("query/twice", NULL, test_twice);
  ADD ("query/needless-options", NULL, test_needless_options);
  ADD ("query/remote-id-alone", NULL, test_remote_id_alone);
  ADD ("query/remote-id-alone-draft", draft, test_remote_id_alone);
  ADD ("query/unknown-link", NULL, test_unknown_link);
  ADD ("query/no-relay-information", NULL, test_no_relay_information);
  ADD ("query/transaction-in-use", NULL, test_transaction_in_use);
  ADD ("query/type-not-permitted", NULL, test_type_not_permitted);
  ADD ("query/rate", NULL, test_rate);
  ADD ("query/rate-draft", draft, test_rate);
  return g_test_run ();
}
