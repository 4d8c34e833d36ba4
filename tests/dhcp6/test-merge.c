/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "dhcp6/leasequery-merge.h"

#include <string.h>

#define S ROAM_USEC_PER_SEC
#define ARRIVAL (1000 * S)

/* One CLIENT_DATA with one binding, as the engine hands it out. */
typedef struct
{
  GBytes *octets, *beside;
  Dhcp6ClientData client;
  LeasequeryEvent event;
} Binding;

static void
binding_clear (Binding *binding)
{
  g_clear_pointer (&binding->octets, g_bytes_unref);
  g_clear_pointer (&binding->beside, g_bytes_unref);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (Binding, binding_clear)

static const guint8 server_id[] = { 0, 3, 0, 1, 9 };
static const guint8 relay_data[] = { 0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 9, 12, 0 };

/* @client: the last octet of its DUID; @prefix "2001:db8::1" or "2001:db8:100::/56". */
static void
make (Binding *binding, guint query, guint8 client, const char *prefix, guint32 valid, guint32 clt_time)
{
  const guint8 duid[] = { 0, 3, 0, 1, client };
  g_auto (WireWriter) writer;
  Dhcp6CodePoints points;
  Dhcp6BindingIter iter;
  Dhcp6Fault fault;
  RoamPrefix value;
  Dhcp6Slice slice;

  dhcp6_code_points_init (&points);
  g_assert_true (roam_prefix_parse (prefix, &value));
  wire_writer_init (&writer, 1024);
  dhcp6_write_option (&writer, DHCP6_OPTION_CLIENTID, (Dhcp6Slice){ duid, sizeof duid });
  if (value.length < 128)
    dhcp6_write_iaprefix (&writer, &value.addr, value.length, 1, valid);
  else
    dhcp6_write_iaaddr (&writer, &value.addr, 1, valid);
  dhcp6_write_option_u32 (&writer, DHCP6_OPTION_CLT_TIME, clt_time);
  *binding = (Binding){ .octets = wire_writer_finish (&writer) };
  slice.data = g_bytes_get_data (binding->octets, &slice.length);
  g_assert_cmpint (dhcp6_parse_client_data (&points, slice, &binding->client), ==, DHCP6_OK);
  binding->event = (LeasequeryEvent){ .type = LEASEQUERY_EVENT_BINDING,
                                      .id = query,
                                      .server_id = { server_id, sizeof server_id },
                                      .client = &binding->client,
                                      .received_us = ARRIVAL };
  dhcp6_binding_iter_init (&iter, &binding->client);
  g_assert_true (dhcp6_binding_iter_next (&iter, &binding->event.binding, &fault));
}

/* Makes it, hands it over and wipes what was lent: the merge must have its own. */
static gboolean
add_at (LeasequeryMerge *merge, guint server, guint query, guint8 client, const char *prefix, guint32 valid,
        guint32 clt_time, gint64 received_us)
{
  g_auto (Binding) binding = { 0 };
  gboolean result;

  make (&binding, query, client, prefix, valid, clt_time);
  binding.event.received_us = received_us;
  result = leasequery_merge_add (merge, server, &binding.event);
  memset ((gpointer)g_bytes_get_data (binding.octets, NULL), 0xee, g_bytes_get_size (binding.octets));
  return result;
}

static gboolean
add (LeasequeryMerge *merge, guint server, guint query, guint8 client, const char *prefix, guint32 valid,
     guint32 clt_time)
{
  return add_at (merge, server, query, client, prefix, valid, clt_time, ARRIVAL);
}

static void
tell (LeasequeryMerge *merge, guint server, guint query, LeasequeryEventType type, gboolean complete)
{
  const LeasequeryEvent event = { .type = type, .id = query, .complete = complete, .n_bindings = 1 };

  leasequery_merge_add (merge, server, &event);
}

/* "client:address/length=valid@server" of each, in order, with a star when it is complete. */
static char *
describe (LeasequeryMerge *merge)
{
  g_autoptr (GPtrArray) result = leasequery_merge_dup_result (merge);
  GString *out = g_string_new (NULL);

  for (guint i = 0; i < result->len; i++)
    {
      const LeasequeryRecord *record = g_ptr_array_index (result, i);
      char text[ROAM_ADDR_STRLEN];

      g_assert_cmpuint (record->client.client_id.length, ==, 5);
      g_assert_cmpmem (record->server_id.data, record->server_id.length, server_id, sizeof server_id);
      g_string_append_printf (out, "%s%u:%s/%u=%u@%u%s", i > 0 ? " " : "", record->client.client_id.data[4],
                              roam_addr_to_string (&record->binding.address, text), record->binding.prefix_length,
                              record->binding.valid, record->server, record->complete ? "*" : "");
    }
  return g_string_free (out, FALSE);
}

#define ASSERT_RESULT(merge, expected)                                                                                 \
  do                                                                                                                   \
    {                                                                                                                  \
      g_autofree char *is = describe (merge);                                                                          \
      g_assert_cmpstr (is, ==, expected);                                                                              \
    }                                                                                                                  \
  while (0)

/* covers: LQ-REQ-046, LQ-REQ-060 */
static void
test_by_client (void)
{
  g_autoptr (LeasequeryMerge) merge = leasequery_merge_new ();

  g_assert_true (add (merge, 0, 1, 2, "2001:db8::5", 50, 1));
  g_assert_true (add (merge, 0, 1, 1, "2001:db8:100::/56", 10, 1));
  g_assert_true (add (merge, 1, 1, 1, "2001:db8::2", 20, 1));
  g_assert_true (add (merge, 0, 2, 1, "2001:db8::1", 30, 1));
  g_assert_true (add (merge, 0, 1, 2, "2001:db8:100::/64", 60, 1)); /* another length is another prefix */
  ASSERT_RESULT (merge, "1:2001:db8::1/128=30@0 1:2001:db8::2/128=20@1 1:2001:db8:100::/56=10@0 2:2001:db8::5/128=50@0 "
                        "2:2001:db8:100::/64=60@0");
}

/* covers: LQ-REQ-061, LQ-REQ-062, LQ-COD-017 */
static void
test_latest_contact (void)
{
  g_autoptr (LeasequeryMerge) merge = leasequery_merge_new ();

  add (merge, 0, 1, 1, "2001:db8::1", 10, 5);
  add (merge, 1, 1, 1, "2001:db8::1", 20, 500);
  ASSERT_RESULT (merge, "1:2001:db8::1/128=10@0");
  /* Came 600 s later with 400 s: 200 s newer than the first, whoever holds it now. */
  add_at (merge, 2, 1, 7, "2001:db8::1", 30, 400, ARRIVAL + 600 * S);
  ASSERT_RESULT (merge, "7:2001:db8::1/128=30@2");
  /* Bits past the length do not make another prefix. */
  add (merge, 0, 1, 1, "2001:db8:100::/56", 10, 50);
  add (merge, 1, 1, 1, "2001:db8:100:1::/56", 20, 5);
  ASSERT_RESULT (merge, "1:2001:db8:100:1::/56=20@1 7:2001:db8::1/128=30@2");
  /* The longest time there can be is not in the future. */
  add (merge, 3, 1, 1, "2001:db8:100::/56", 30, G_MAXUINT32);
  ASSERT_RESULT (merge, "1:2001:db8:100:1::/56=20@1 7:2001:db8::1/128=30@2");
}

/* Section 8, row 36. */
static void
test_twice (void)
{
  g_autoptr (LeasequeryMerge) merge = leasequery_merge_new ();

  g_assert_true (add (merge, 0, 1, 1, "2001:db8::1", 10, 50));
  g_assert_false (add (merge, 0, 1, 1, "2001:db8::1", 20, 5));
  ASSERT_RESULT (merge, "1:2001:db8::1/128=20@0");
  g_assert_false (add (merge, 0, 1, 1, "2001:db8::1", 30, 500));
  ASSERT_RESULT (merge, "1:2001:db8::1/128=20@0");
  /* Another server, another query: no fault; and twice there is one. */
  g_assert_true (add (merge, 1, 1, 1, "2001:db8::1", 40, 60));
  g_assert_true (add (merge, 0, 2, 1, "2001:db8::1", 50, 70));
  g_assert_false (add (merge, 1, 1, 1, "2001:db8::1", 60, 1));
  ASSERT_RESULT (merge, "1:2001:db8::1/128=60@1");
}

static void
test_restart (void)
{
  g_autoptr (LeasequeryMerge) merge = leasequery_merge_new ();

  add (merge, 0, 1, 1, "2001:db8::1", 10, 50);
  add (merge, 1, 1, 1, "2001:db8::1", 20, 5);
  add (merge, 0, 2, 1, "2001:db8::1", 25, 70);
  add (merge, 0, 1, 2, "2001:db8::2", 30, 5);
  add (merge, 0, 2, 3, "2001:db8::3", 40, 5);
  tell (merge, 1, 1, LEASEQUERY_EVENT_RESTART, FALSE);
  ASSERT_RESULT (merge, "1:2001:db8::1/128=10@0 2:2001:db8::2/128=30@0 3:2001:db8::3/128=40@0");
  tell (merge, 0, 1, LEASEQUERY_EVENT_RESTART, FALSE);
  ASSERT_RESULT (merge, "1:2001:db8::1/128=25@0 3:2001:db8::3/128=40@0");
  g_assert_true (add (merge, 0, 1, 2, "2001:db8::2", 31, 5));
  tell (merge, 0, 2, LEASEQUERY_EVENT_RESTART, FALSE);
  ASSERT_RESULT (merge, "2:2001:db8::2/128=31@0");
}

/* covers: LQ-REQ-037 */
static void
test_complete (void)
{
  g_autoptr (LeasequeryMerge) merge = leasequery_merge_new ();

  add (merge, 0, 1, 1, "2001:db8::1", 10, 5);
  add (merge, 0, 2, 1, "2001:db8::2", 20, 5);
  add (merge, 1, 1, 1, "2001:db8::3", 30, 5);
  tell (merge, 0, 1, LEASEQUERY_EVENT_COMPLETE, TRUE);
  tell (merge, 0, 2, LEASEQUERY_EVENT_COMPLETE, FALSE);
  ASSERT_RESULT (merge, "1:2001:db8::1/128=10@0* 1:2001:db8::2/128=20@0 1:2001:db8::3/128=30@1");
  tell (merge, 1, 1, LEASEQUERY_EVENT_REPLY, TRUE);
  tell (merge, 1, 1, LEASEQUERY_EVENT_FAULT, TRUE);
  tell (merge, 1, 1, LEASEQUERY_EVENT_WAITING, TRUE);
  tell (merge, 1, 1, LEASEQUERY_EVENT_COMPLETE, TRUE);
  ASSERT_RESULT (merge, "1:2001:db8::1/128=10@0* 1:2001:db8::2/128=20@0 1:2001:db8::3/128=30@1*");
}

/* Relay data inside CLIENT_DATA move with it, those beside it are kept apart. */
static void
test_relay_data (void)
{
  g_autoptr (LeasequeryMerge) merge = leasequery_merge_new ();
  g_autoptr (GPtrArray) result = NULL;
  guint8 *lent = g_memdup2 (relay_data, sizeof relay_data);
  g_auto (Binding) binding = { 0 };
  const LeasequeryRecord *record;

  make (&binding, 1, 1, "2001:db8::1", 10, 5);
  binding.event.relay_data = (Dhcp6Slice){ lent, sizeof relay_data };
  leasequery_merge_add (merge, 0, &binding.event);
  memset (lent, 0, sizeof relay_data);
  g_free (lent);
  result = leasequery_merge_dup_result (merge);
  record = g_ptr_array_index (result, 0);
  g_assert_cmpmem (record->relay_data.data, record->relay_data.length, relay_data, sizeof relay_data);
  g_assert_cmpint (leasequery_record_get_contact (record), ==, ARRIVAL - 5 * S);
}

/* covers: LQ-REQ-048 */
static void
test_policy (void)
{
  LeasequeryEvent event = { .type = LEASEQUERY_EVENT_COMPLETE, .try_other = TRUE };
  guint next = 99;

  g_assert_false (leasequery_policy_next (LEASEQUERY_ASK_ALL, &event, 0, 3, &next));
  g_assert_true (leasequery_policy_next (LEASEQUERY_ASK_FIRST, &event, 0, 3, &next));
  g_assert_cmpuint (next, ==, 1);
  g_assert_true (leasequery_policy_next (LEASEQUERY_ASK_FIRST, &event, 1, 3, &next));
  g_assert_cmpuint (next, ==, 2);
  g_assert_false (leasequery_policy_next (LEASEQUERY_ASK_FIRST, &event, 2, 3, &next));
  g_assert_cmpuint (next, ==, 2);
  event.try_other = FALSE;
  g_assert_false (leasequery_policy_next (LEASEQUERY_ASK_FIRST, &event, 0, 3, &next));
}

static GBytes *
question (guint n)
{
  return g_bytes_new (&n, sizeof n);
}

/* covers: LQ-REQ-019 */
static void
test_cache (void)
{
  g_autoptr (LeasequeryCache) cache = leasequery_cache_new (10 * S);
  g_autoptr (GBytes) one = question (1), same = question (1), other = question (2);
  RoamNow now = roam_now_make (100 * S, 0);

  g_assert_false (leasequery_cache_knows (cache, &now, 0, one));
  leasequery_cache_remember (cache, &now, 0, one);
  g_assert_true (leasequery_cache_knows (cache, &now, 0, same));
  g_assert_false (leasequery_cache_knows (cache, &now, 1, one));
  g_assert_false (leasequery_cache_knows (cache, &now, 0, other));
  now = roam_now_make (110 * S - 1, 0);
  g_assert_true (leasequery_cache_knows (cache, &now, 0, one));
  now = roam_now_make (110 * S, 0);
  g_assert_false (leasequery_cache_knows (cache, &now, 0, one));
  leasequery_cache_remember (cache, &now, 0, same);
  g_assert_true (leasequery_cache_knows (cache, &now, 0, one));
  leasequery_cache_free (NULL);
}

/* However many are asked in vain, it holds so many and no more; what is over goes first. */
static void
test_cache_bound (void)
{
  g_autoptr (LeasequeryCache) cache = leasequery_cache_new (10 * S);
  guint known = 0;

  for (guint i = 0; i < 10000; i++)
    {
      g_autoptr (GBytes) octets = question (i);
      RoamNow now = roam_now_make ((gint64)i * S / 1000, 0);

      leasequery_cache_remember (cache, &now, 0, octets);
      g_assert_true (leasequery_cache_knows (cache, &now, 0, octets));
    }
  for (guint i = 0; i < 10000; i++)
    {
      g_autoptr (GBytes) octets = question (i);
      RoamNow now = roam_now_make (10 * S - 1, 0);

      known += leasequery_cache_knows (cache, &now, 0, octets);
    }
  g_assert_cmpuint (known, >, 0);
  g_assert_cmpuint (known, <=, 4096);
}

/* A query lives on with all that it pointed to. */
static void
test_query_copy (void)
{
  guint8 duid[] = { 0, 3, 0, 1, 5 }, remote[] = { 0, 0, 0, 1, 2 };
  guint16 want[] = { 47, 53 };
  LeasequeryQuery query = { .type = DHCP6_QUERY_BY_REMOTE_ID,
                            .client_id = { duid, sizeof duid },
                            .remote_id = { remote, sizeof remote },
                            .want = want,
                            .n_want = 2 };
  g_autofree LeasequeryQuery *copy = leasequery_query_copy (&query);

  memset (duid, 0xff, sizeof duid);
  memset (remote, 0xff, sizeof remote);
  memset (want, 0xff, sizeof want);
  g_assert_cmpuint (copy->client_id.data[4], ==, 5);
  g_assert_cmpuint (copy->remote_id.data[3], ==, 1);
  g_assert_cmpuint (copy->want[1], ==, 53);
  g_assert_null (copy->relay_id.data);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/merge/by-client", test_by_client);
  g_test_add_func ("/merge/latest-contact", test_latest_contact);
  g_test_add_func ("/merge/twice", test_twice);
  g_test_add_func ("/merge/restart", test_restart);
  g_test_add_func ("/merge/complete", test_complete);
  g_test_add_func ("/merge/relay-data", test_relay_data);
  g_test_add_func ("/merge/policy", test_policy);
  g_test_add_func ("/merge/cache", test_cache);
  g_test_add_func ("/merge/cache-bound", test_cache_bound);
  g_test_add_func ("/merge/query-copy", test_query_copy);
  return g_test_run ();
}
