/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "tests/dhcp6/vectors.h"

#include "base/rng.h"

#include <string.h>

/* The codec against the worked examples, and against what peers get wrong. */

static Dhcp6CodePoints points;

static GByteArray *
only_message (const Vector *vector)
{
  gboolean partial;
  Dhcp6Fault fault;
  g_autoptr (GPtrArray) messages = vectors_split (vector->octets, &fault, &partial);

  g_assert_cmpint (fault, ==, DHCP6_OK);
  g_assert_cmpuint (messages->len, ==, 1);
  return g_byte_array_ref (g_ptr_array_index (messages, 0));
}

static void
assert_hex (Dhcp6Slice slice, const char *hex)
{
  g_autoptr (GByteArray) octets = vectors_unhex (hex);

  g_assert_cmpmem (slice.data, slice.length, octets->data, octets->len);
}

static void
assert_addr (const RoamAddr *address, const char *text)
{
  RoamAddr expected;

  g_assert_true (roam_addr_parse (text, &expected));
  g_assert_true (roam_addr_equal (address, &expected));
}

/* ------------------------------------------------------------------ frames ---- */

static void
collect (Dhcp6FrameReader *reader, const guint8 *data, gsize length, GPtrArray *messages)
{
  /* A copy of exactly that size: a sanitizer sees one octet too many. */
  g_autofree guint8 *copy = g_memdup2 (data, length);
  const guint8 *at = copy;
  Dhcp6Slice message;

  while (dhcp6_frame_reader_next (reader, &at, &length, &message))
    {
      GByteArray *octets = g_byte_array_new ();

      g_byte_array_append (octets, message.data, (guint)message.length);
      g_ptr_array_add (messages, octets);
    }
}

static void
assert_same_messages (GPtrArray *a, GPtrArray *b)
{
  g_assert_cmpuint (a->len, ==, b->len);
  for (guint i = 0; i < a->len; i++)
    {
      const GByteArray *x = g_ptr_array_index (a, i), *y = g_ptr_array_index (b, i);

      g_assert_cmpmem (x->data, x->len, y->data, y->len);
    }
}

/* Every split in two, and octet by octet. covers: LQ-COD-002, LQ-COD-003 */
static void
test_splits (void)
{
  static const char *const ids[] = { "LQ-V-23", "LQ-V-24", "LQ-V-25", "LQ-V-11" };

  for (guint i = 0; i < G_N_ELEMENTS (ids); i++)
    {
      const GByteArray *octets = vectors_find (ids[i])->octets;
      gboolean partial;
      Dhcp6Fault fault;
      g_autoptr (GPtrArray) whole = vectors_split (octets, &fault, &partial);

      g_assert_cmpuint (whole->len, ==, vectors_find (ids[i])->frames);
      g_assert_false (partial);
      for (gsize cut = 0; cut <= octets->len + 1; cut++)
        {
          g_autoptr (GPtrArray) got = g_ptr_array_new_with_free_func ((GDestroyNotify)g_byte_array_unref);
          Dhcp6FrameReader reader;

          dhcp6_frame_reader_init (&reader, DHCP6_MESSAGE_MAX);
          if (cut <= octets->len)
            {
              collect (&reader, octets->data, cut, got);
              collect (&reader, octets->data + cut, octets->len - cut, got);
            }
          else
            for (guint k = 0; k < octets->len; k++)
              collect (&reader, octets->data + k, 1, got);
          g_assert_cmpint (reader.fault, ==, DHCP6_OK);
          g_assert_false (dhcp6_frame_reader_is_partial (&reader));
          assert_same_messages (got, whole);
          dhcp6_frame_reader_clear (&reader);
        }
    }
}

/* covers: LQ-COD-004 */
static void
test_short_frames (void)
{
  static const char *const ids[] = { "LQ-B-01", "LQ-B-02" };

  for (guint i = 0; i < G_N_ELEMENTS (ids); i++)
    {
      Dhcp6FrameReader reader;
      g_autoptr (GPtrArray) got = g_ptr_array_new_with_free_func ((GDestroyNotify)g_byte_array_unref);
      const GByteArray *octets = vectors_find (ids[i])->octets, *good = vectors_find ("LQ-V-21")->octets;

      dhcp6_frame_reader_init (&reader, DHCP6_MESSAGE_MAX);
      collect (&reader, octets->data, octets->len, got);
      g_assert_cmpint (reader.fault, ==, DHCP6_SHORT_FRAME);
      collect (&reader, good->data, good->len, got); /* the stream is at its end */
      g_assert_cmpuint (got->len, ==, 0);
      dhcp6_frame_reader_clear (&reader);
    }
}

/* Two octets are enough to know, and nothing is set aside for the body. covers: LQ-COD-005 */
static void
test_oversize (void)
{
  const GByteArray *octets = vectors_find ("LQ-B-04")->octets;
  const guint8 *data = octets->data;
  gsize length = 2;
  Dhcp6FrameReader reader;
  Dhcp6Slice message;

  dhcp6_frame_reader_init (&reader, 4096);
  g_assert_false (dhcp6_frame_reader_next (&reader, &data, &length, &message));
  g_assert_cmpint (reader.fault, ==, DHCP6_OVERSIZE_FRAME);
  g_assert_cmpuint (reader.size_partial, <=, 2);
  dhcp6_frame_reader_clear (&reader);

  dhcp6_frame_reader_init (&reader, DHCP6_MESSAGE_MAX);
  data = octets->data;
  length = octets->len;
  g_assert_false (dhcp6_frame_reader_next (&reader, &data, &length, &message));
  g_assert_cmpint (reader.fault, ==, DHCP6_OK);
  g_assert_true (dhcp6_frame_reader_is_partial (&reader));
  dhcp6_frame_reader_clear (&reader);
}

/* The largest frame, octet by octet. covers: LQ-COD-006 */
static void
test_largest (void)
{
  g_autofree guint8 *octets = g_malloc0 (2 + DHCP6_MESSAGE_MAX);
  Dhcp6FrameReader reader;
  Dhcp6Slice message = { 0 };
  guint n = 0;

  octets[0] = octets[1] = 0xff;
  dhcp6_frame_reader_init (&reader, DHCP6_MESSAGE_MAX);
  for (guint round = 0; round < 2; round++)
    for (guint i = 0; i < 2 + DHCP6_MESSAGE_MAX; i++)
      {
        const guint8 *at = octets + i;
        gsize length = 1;

        while (dhcp6_frame_reader_next (&reader, &at, &length, &message))
          n++;
        g_assert_cmpuint (reader.size_partial, <=, 2 + DHCP6_MESSAGE_MAX);
      }
  g_assert_cmpuint (n, ==, 2);
  g_assert_cmpuint (message.length, ==, DHCP6_MESSAGE_MAX);
  dhcp6_frame_reader_clear (&reader);
}

/* ---------------------------------------------------------------- decoding ---- */

static void
check_query (const Vector *vector, const Dhcp6Message *message)
{
  JsonObject *expect = vector->expect;
  Dhcp6Query query;

  g_assert_cmpuint (message->type, ==, DHCP6_LEASEQUERY);
  g_assert_cmpuint (message->n_lq_query, ==, 1);
  g_assert_cmpint (dhcp6_parse_query (&points, message->lq_query, &query), ==, DHCP6_OK);
  g_assert_cmpuint (query.type, ==, json_object_get_int_member (expect, "query_type"));
  assert_addr (&query.link_address, json_object_get_string_member (expect, "link"));
  if (json_object_has_member (expect, "address"))
    assert_addr (&query.address, json_object_get_string_member (expect, "address"));
  if (json_object_has_member (expect, "client_duid"))
    assert_hex (query.client_id, json_object_get_string_member (expect, "client_duid"));
  if (json_object_has_member (expect, "relay_id"))
    assert_hex (query.relay_id, json_object_get_string_member (expect, "relay_id"));
  if (json_object_has_member (expect, "remote_id"))
    assert_hex (query.remote_id, json_object_get_string_member (expect, "remote_id"));
  if (json_object_has_member (expect, "server_duid"))
    assert_hex (message->server_id, json_object_get_string_member (expect, "server_duid"));
  g_assert_cmpint (dhcp6_query_wants (&query, DHCP6_OPTION_LQ_RELAY_DATA), ==, json_object_has_member (expect, "oro"));
  g_assert_false (dhcp6_query_wants (&query, DHCP6_OPTION_REMOTE_ID));
}

static guint32
seconds_of (JsonObject *object, const char *name)
{
  JsonNode *node = json_object_get_member (object, name);

  if (json_node_get_value_type (node) == G_TYPE_STRING)
    {
      g_assert_cmpstr (json_node_get_string (node), ==, "infinity");
      return DHCP6_LIFETIME_INFINITE;
    }
  return (guint32)json_node_get_int (node);
}

static void
check_binding (JsonObject *expect, const Dhcp6Binding *binding)
{
  char text[ROAM_ADDR_STRLEN];
  const RoamPrefix prefix = { binding->address, binding->prefix_length };
  gboolean is_prefix = g_str_equal (json_object_get_string_member (expect, "type"), "prefix");

  g_assert_cmpint (binding->is_prefix, ==, is_prefix);
  if (is_prefix)
    g_assert_cmpstr (roam_prefix_to_string (&prefix, text), ==, json_object_get_string_member (expect, "value"));
  else
    assert_addr (&binding->address, json_object_get_string_member (expect, "value"));
  g_assert_cmpuint (binding->preferred, ==, seconds_of (expect, "preferred"));
  g_assert_cmpuint (binding->valid, ==, seconds_of (expect, "valid"));
  g_assert_false (binding->has_iaid);
}

static void
check_relay (JsonObject *expect, Dhcp6Slice relay_data)
{
  Dhcp6Relay relay;
  guint n = 0;
  char text[ROAM_ADDR_STRLEN];

  g_assert_cmpint (dhcp6_parse_relay_data (&points, relay_data, &relay, 1, &n), ==, DHCP6_OK);
  g_assert_cmpuint (n, ==, 1);
  g_assert_cmpstr (roam_addr_to_string (&relay.peer_address, text), ==, json_object_get_string_member (expect, "peer"));
  g_assert_cmpstr (roam_addr_to_string (&relay.link_address, text), ==, json_object_get_string_member (expect, "link"));
  assert_hex (relay.relay_id, json_object_get_string_member (expect, "relay_id"));
  assert_hex (relay.remote_id, json_object_get_string_member (expect, "remote_id"));
  assert_hex (relay.interface_id, json_object_get_string_member (expect, "interface_id"));
}

static void
check_client (JsonObject *expect, Dhcp6Slice data)
{
  JsonArray *bindings = json_object_get_array_member (expect, "bindings");
  Dhcp6ClientData client;
  Dhcp6BindingIter iter;
  Dhcp6Binding binding;
  Dhcp6Fault fault;
  guint n = 0;

  g_assert_cmpint (dhcp6_parse_client_data (&points, data, &client), ==, DHCP6_OK);
  assert_hex (client.client_id, json_object_get_string_member (expect, "duid"));
  g_assert_true (client.has_clt_time);
  g_assert_cmpuint (client.clt_time, ==, seconds_of (expect, "clt_time"));
  g_assert_cmpuint (client.n_bindings, ==, json_array_get_length (bindings));
  dhcp6_binding_iter_init (&iter, &client);
  while (dhcp6_binding_iter_next (&iter, &binding, &fault))
    {
      g_assert_cmpint (fault, ==, DHCP6_OK);
      check_binding (json_array_get_object_element (bindings, n++), &binding);
    }
  g_assert_cmpuint (n, ==, client.n_bindings);
  if (json_object_has_member (expect, "relay"))
    check_relay (json_object_get_object_member (expect, "relay"), client.relay_data);
  else
    g_assert_null (client.relay_data.data);
}

static void
check_answer (const Vector *vector, const Dhcp6Message *message)
{
  JsonObject *expect = vector->expect;

  g_assert_cmpuint (message->transaction_id, ==, json_object_get_int_member (expect, "xid"));
  if (json_object_has_member (expect, "status"))
    g_assert_cmpuint (message->status, ==, json_object_get_int_member (expect, "status"));
  if (json_object_has_member (expect, "status_name"))
    {
      g_autofree char *name = dhcp6_status_to_string (message->status), *text = dhcp6_dup_text (message->status_text);

      g_assert_cmpstr (name, ==, json_object_get_string_member (expect, "status_name"));
      g_assert_cmpstr (text, ==, json_object_get_string_member (expect, "status_message"));
    }
  if (json_object_has_member (expect, "base_time"))
    g_assert_cmpuint (message->base_time, ==, json_object_get_int_member (expect, "base_time"));
  if (json_object_has_member (expect, "clients"))
    {
      JsonArray *clients = json_object_get_array_member (expect, "clients");

      g_assert_cmpuint (message->n_client_data, ==, json_array_get_length (clients));
      if (message->n_client_data == 1)
        check_client (json_array_get_object_element (clients, 0), message->client_data);
    }
}

/* covers: LQ-COD-008, LQ-COD-013, LQ-COD-015, LQ-COD-016, LQ-COD-018, LQ-COD-020, LQ-COD-025 */
static void
test_valid (void)
{
  const GArray *vectors = vectors_load ();
  guint n = 0;

  for (guint i = 0; i < vectors->len; i++)
    {
      const Vector *vector = &g_array_index (vectors, Vector, i);
      g_autoptr (GByteArray) octets = NULL;
      Dhcp6Message message;

      if (vector->frames != 1 || g_str_equal (vector->kind, "malformed"))
        continue;
      octets = only_message (vector);
      g_assert_cmpint (dhcp6_parse_message (octets->data, octets->len, &message, NULL), ==, DHCP6_OK);
      if (json_object_has_member (vector->expect, "query_type"))
        check_query (vector, &message);
      else if (json_object_has_member (vector->expect, "xid"))
        check_answer (vector, &message);
      n++;
    }
  g_assert_cmpuint (n, ==, 27);
}

/* Options in order, unknown ones too, come out as they went in. covers: LQ-COD-001, LQ-COD-027 */
static void
test_round_trip (void)
{
  const GArray *vectors = vectors_load ();

  for (guint i = 0; i < vectors->len; i++)
    {
      const Vector *vector = &g_array_index (vectors, Vector, i);
      gboolean partial;
      Dhcp6Fault fault;
      g_autoptr (GPtrArray) messages = vectors_split (vector->octets, &fault, &partial);
      g_auto (WireWriter) writer;
      g_autoptr (GBytes) bytes = NULL;

      if (g_str_equal (vector->kind, "malformed"))
        continue;
      wire_writer_init (&writer, vector->octets->len);
      for (guint k = 0; k < messages->len; k++)
        {
          const GByteArray *octets = g_ptr_array_index (messages, k);
          Dhcp6Message message;
          Dhcp6OptionIter iter;
          Dhcp6Option option;
          gsize mark;

          g_assert_cmpint (dhcp6_parse_message (octets->data, octets->len, &message, NULL), ==, DHCP6_OK);
          mark = dhcp6_begin_frame (&writer, message.type, message.transaction_id);
          dhcp6_option_iter_init (&iter, message.options);
          while (dhcp6_option_iter_next (&iter, &option))
            dhcp6_write_option (&writer, option.code, option.data);
          dhcp6_end_frame (&writer, mark);
        }
      bytes = wire_writer_finish (&writer);
      g_assert_nonnull (bytes);
      g_assert_cmpmem (g_bytes_get_data (bytes, NULL), g_bytes_get_size (bytes), vector->octets->data,
                       vector->octets->len);
    }
}

/* The deepest fault that decoding finds in the only message of @vector. */
static Dhcp6Fault
fault_of (const GByteArray *octets)
{
  Dhcp6Message message;
  Dhcp6Query query;
  Dhcp6ClientData client;
  Dhcp6BindingIter iter;
  Dhcp6Binding binding;
  Dhcp6Fault fault = dhcp6_parse_message (octets->data, octets->len, &message, NULL);

  if (fault == DHCP6_OK && message.lq_query.data != NULL)
    fault = dhcp6_parse_query (&points, message.lq_query, &query);
  if (fault != DHCP6_OK || message.client_data.data == NULL)
    return fault;
  fault = dhcp6_parse_client_data (&points, message.client_data, &client);
  if (fault != DHCP6_OK)
    return fault;
  dhcp6_binding_iter_init (&iter, &client);
  while (fault == DHCP6_OK && dhcp6_binding_iter_next (&iter, &binding, &fault))
    continue;
  return fault;
}

/* covers: LQ-COD-011, LQ-COD-012, LQ-COD-017, LQ-COD-022, LQ-COD-023 */
static void
test_malformed (void)
{
  const GArray *vectors = vectors_load ();
  guint n = 0;

  for (guint i = 0; i < vectors->len; i++)
    {
      const Vector *vector = &g_array_index (vectors, Vector, i);
      const char *codec;
      gboolean partial;
      Dhcp6Fault fault;
      g_autoptr (GPtrArray) messages = NULL;

      if (!g_str_equal (vector->kind, "malformed"))
        continue;
      codec = json_object_get_string_member (vector->expect, "codec");
      messages = vectors_split (vector->octets, &fault, &partial);
      g_assert_cmpint (partial, ==, g_str_has_prefix (codec, "NEED_MORE"));
      n++;
      if (partial)
        continue;
      for (guint k = 0; fault == DHCP6_OK && k < messages->len; k++)
        fault = fault_of (g_ptr_array_index (messages, k));
      if (g_str_has_prefix (codec, "ok"))
        g_assert_cmpint (fault, ==, DHCP6_OK);
      else
        g_assert_cmpstr (dhcp6_fault_to_string (fault), ==, codec);
    }
  g_assert_cmpuint (n, ==, 36);
}

/* A server may name the transaction it refuses. */
static void
test_header_survives (void)
{
  g_autoptr (GByteArray) octets = only_message (vectors_find ("LQ-B-05"));
  Dhcp6Message message = { .type = 99 }, header = { 0 };

  g_assert_cmpint (dhcp6_parse_message (octets->data, octets->len, &message, &header), ==, DHCP6_BAD_OPTION_LENGTH);
  g_assert_cmpuint (message.type, ==, 99); /* untouched */
  g_assert_cmpuint (header.transaction_id, ==, 0x5aa1b2);
}

/* covers: LQ-COD-010 */
static void
test_unknown_option (void)
{
  static const guint8 unknown[] = { 0xfd, 0xe8, 0x00, 0x03, 1, 2, 3 };
  const GArray *vectors = vectors_load ();

  for (guint i = 0; i < vectors->len; i++)
    {
      const Vector *vector = &g_array_index (vectors, Vector, i);
      g_autoptr (GByteArray) octets = NULL;
      Dhcp6Message message;

      if (vector->frames != 1 || g_str_equal (vector->kind, "malformed"))
        continue;
      octets = g_byte_array_new ();
      g_byte_array_append (octets, vector->octets->data + 2, 4);
      g_byte_array_append (octets, unknown, sizeof unknown);
      g_byte_array_append (octets, vector->octets->data + 6, vector->octets->len - 6);
      g_assert_cmpint (dhcp6_parse_message (octets->data, octets->len, &message, NULL), ==, DHCP6_OK);
      if (json_object_has_member (vector->expect, "query_type"))
        check_query (vector, &message);
      else if (json_object_has_member (vector->expect, "xid"))
        check_answer (vector, &message);
    }
}

/* The size octets are no part of a datagram: read as one, type and transaction-id are nonsense. covers: LQ-COD-029 */
static void
test_not_over_udp (void)
{
  const GByteArray *octets = vectors_find ("LQ-V-05")->octets;
  Dhcp6Message message = { 0 };

  if (dhcp6_parse_message (octets->data, octets->len, &message, NULL) == DHCP6_OK)
    g_assert_cmpuint (message.type, !=, DHCP6_LEASEQUERY);
}

/* Kea's forerunners put IAADDR into IA_NA as DHCPv6 itself does. covers: LQ-COD-014, LQ-COD-009 */
static void
test_inside_ia (void)
{
  g_auto (WireWriter) writer;
  g_autoptr (GBytes) bytes = NULL;
  RoamAddr address;
  Dhcp6ClientData client;
  Dhcp6BindingIter iter;
  Dhcp6Binding binding;
  Dhcp6Fault fault;
  Dhcp6Slice data;
  gsize mark;

  roam_addr_parse ("2001:db8::7", &address);
  wire_writer_init (&writer, 1024);
  for (guint code = DHCP6_OPTION_IA_NA; code <= DHCP6_OPTION_IA_PD; code += DHCP6_OPTION_IA_PD - DHCP6_OPTION_IA_NA)
    {
      mark = dhcp6_begin_option (&writer, (guint16)code);
      wire_write_u32 (&writer, 0x11223344);
      wire_write_u32 (&writer, 0);
      wire_write_u32 (&writer, 0);
      if (code == DHCP6_OPTION_IA_NA)
        dhcp6_write_iaaddr (&writer, &address, 1, 2);
      else
        dhcp6_write_iaprefix (&writer, &address, 56, 3, 4);
      dhcp6_end_option (&writer, mark);
    }
  dhcp6_write_iaaddr (&writer, &address, 5, 6);
  bytes = wire_writer_finish (&writer);
  data.data = g_bytes_get_data (bytes, &data.length);
  g_assert_cmpint (dhcp6_parse_client_data (&points, data, &client), ==, DHCP6_OK);
  g_assert_cmpuint (client.n_bindings, ==, 3);
  dhcp6_binding_iter_init (&iter, &client);
  g_assert_true (dhcp6_binding_iter_next (&iter, &binding, &fault));
  g_assert_true (binding.has_iaid && binding.iaid == 0x11223344 && !binding.is_prefix && binding.valid == 2);
  g_assert_true (dhcp6_binding_iter_next (&iter, &binding, &fault));
  g_assert_true (binding.has_iaid && binding.is_prefix && binding.prefix_length == 56 && binding.valid == 4);
  g_assert_true (dhcp6_binding_iter_next (&iter, &binding, &fault));
  g_assert_true (!binding.has_iaid && binding.valid == 6);
  g_assert_false (dhcp6_binding_iter_next (&iter, &binding, &fault));
}

/* Bits past the length do not count. covers: LQ-COD-017 */
static void
test_same_prefix (void)
{
  Dhcp6Binding a = { .is_prefix = TRUE, .prefix_length = 56 }, b = a;

  roam_addr_parse ("2001:db8:0:100::", &a.address);
  roam_addr_parse ("2001:db8:0:1ff::1", &b.address);
  g_assert_true (dhcp6_binding_same (&a, &b));
  b.prefix_length = 64;
  g_assert_false (dhcp6_binding_same (&a, &b));
  a.prefix_length = 64;
  g_assert_false (dhcp6_binding_same (&a, &b));
}

/* DUIDs are octets: any type will do. covers: LQ-COD-021 */
static void
test_duids (void)
{
  g_autoptr (GByteArray) odd = vectors_unhex ("fffe0102");
  const Dhcp6Slice duid = { odd->data, odd->len };
  g_autofree guint8 *long_duid = g_malloc0 (131);
  g_auto (WireWriter) writer;
  g_autoptr (GBytes) bytes = NULL;
  Dhcp6ClientData client;
  Dhcp6Slice data;

  g_assert_true (dhcp6_duid_is_valid ((Dhcp6Slice){ odd->data, 3 }));
  g_assert_true (dhcp6_duid_is_valid ((Dhcp6Slice){ long_duid, 130 }));
  g_assert_false (dhcp6_duid_is_valid ((Dhcp6Slice){ odd->data, 2 }));
  g_assert_false (dhcp6_duid_is_valid ((Dhcp6Slice){ long_duid, 131 }));
  wire_writer_init (&writer, 1024);
  dhcp6_write_option (&writer, DHCP6_OPTION_CLIENTID, duid);
  dhcp6_write_option (&writer, points.option_relay_id, duid);
  bytes = wire_writer_finish (&writer);
  data.data = g_bytes_get_data (bytes, &data.length);
  g_assert_cmpint (dhcp6_parse_client_data (&points, data, &client), ==, DHCP6_OK);
  g_assert_true (dhcp6_slice_equal (client.client_id, duid));
  g_assert_true (dhcp6_slice_equal (client.relay_id, duid));
}

/* RELAY-FORW in RELAY-FORW, @depth of them. */
static GBytes *
build_relays (guint depth)
{
  g_auto (WireWriter) writer;
  gsize marks[DHCP6_MAX_HOPS + 1];
  RoamAddr peer;

  roam_addr_parse ("fe80::1", &peer);
  wire_writer_init (&writer, 8192);
  wire_write_addr (&writer, &peer);
  for (guint i = 0; i < depth; i++)
    {
      wire_write_u8 (&writer, DHCP6_RELAY_FORW);
      wire_write_u8 (&writer, (guint8)(depth - 1 - i));
      peer.bytes[15] = (guint8)i;
      wire_write_addr (&writer, &peer);
      peer.bytes[15] = (guint8)(100 + i);
      wire_write_addr (&writer, &peer);
      if (i + 1 < depth)
        marks[i] = dhcp6_begin_option (&writer, DHCP6_OPTION_RELAY_MSG);
    }
  for (guint i = depth - 1; i > 0; i--)
    dhcp6_end_option (&writer, marks[i - 1]);
  return wire_writer_finish (&writer);
}

/* covers: LQ-COD-025 */
static void
test_nested_relays (void)
{
  Dhcp6Relay relays[2];
  guint n = 0;

  for (guint depth = 1; depth <= DHCP6_MAX_HOPS + 1; depth++)
    {
      g_autoptr (GBytes) bytes = build_relays (depth);
      Dhcp6Slice data;
      Dhcp6Fault fault;

      data.data = g_bytes_get_data (bytes, &data.length);
      fault = dhcp6_parse_relay_data (&points, data, relays, G_N_ELEMENTS (relays), &n);
      g_assert_cmpint (fault, ==, depth <= DHCP6_MAX_HOPS ? DHCP6_OK : DHCP6_BAD_OPTION_LENGTH);
      if (fault != DHCP6_OK)
        continue;
      g_assert_cmpuint (n, ==, depth);
      g_assert_cmpuint (relays[0].hop_count, ==, depth - 1);
      g_assert_cmpuint (relays[0].peer_address.bytes[15], ==, 1);
      if (depth > 1)
        g_assert_cmpuint (relays[1].peer_address.bytes[15], ==, 100);
    }
}

/* ----------------------------------------------------------------- writing ---- */

/* Nothing is cut or wrapped. covers: LQ-COD-026, LQ-COD-007 */
static void
test_too_much (void)
{
  RoamAddr address;
  g_auto (WireWriter) writer;
  gsize frame, option;

  roam_addr_parse ("2001:db8::1", &address);
  wire_writer_init (&writer, 1 << 20);
  frame = dhcp6_begin_frame (&writer, points.type_data, 1);
  option = dhcp6_begin_option (&writer, DHCP6_OPTION_CLIENT_DATA);
  for (guint i = 0; i < 3000; i++)
    dhcp6_write_iaaddr (&writer, &address, 1, 2);
  dhcp6_end_option (&writer, option);
  dhcp6_end_frame (&writer, frame);
  g_assert_null (wire_writer_finish (&writer));

  wire_writer_init (&writer, 1 << 20);
  frame = dhcp6_begin_frame (&writer, points.type_data, 1);
  for (guint i = 0; i < 2; i++) /* each fits, both do not */
    {
      option = dhcp6_begin_option (&writer, DHCP6_OPTION_CLIENT_DATA);
      wire_write_zeros (&writer, 40000);
      dhcp6_end_option (&writer, option);
    }
  dhcp6_end_frame (&writer, frame);
  g_assert_null (wire_writer_finish (&writer));

  wire_writer_init (&writer, 1 << 20);
  dhcp6_end_frame (&writer, dhcp6_begin_frame (&writer, DHCP6_LEASEQUERY, 0x1000000));
  g_assert_null (wire_writer_finish (&writer));
}

/* covers: LQ-COD-019 */
static void
test_status_text (void)
{
  g_auto (WireWriter) writer;
  g_autoptr (GBytes) bytes = NULL;
  g_autoptr (GByteArray) odd = only_message (vectors_find ("LQ-B-36"));
  g_autofree char *shown = NULL, *cut = NULL, *many = g_strnfill (1000, 'x');
  Dhcp6Message message;

  wire_writer_init (&writer, 100);
  dhcp6_write_status (&writer, DHCP6_STATUS_NOT_ALLOWED, "no");
  bytes = wire_writer_finish (&writer);
  assert_hex ((Dhcp6Slice){ g_bytes_get_data (bytes, NULL), g_bytes_get_size (bytes) }, "000d0004000a6e6f");

  g_assert_cmpint (dhcp6_parse_message (odd->data, odd->len, &message, NULL), ==, DHCP6_OK);
  g_assert_cmpuint (message.status, ==, DHCP6_STATUS_NOT_ALLOWED);
  shown = dhcp6_dup_text (message.status_text);
  g_assert_true (g_utf8_validate (shown, -1, NULL));
  g_assert_null (strchr (shown, '\033'));
  cut = dhcp6_dup_text ((Dhcp6Slice){ (const guint8 *)many, 1000 });
  g_assert_cmpuint (strlen (cut), <, 300);
}

/* covers: LQ-COD-024 */
static void
test_remote_id_text (void)
{
  g_autoptr (GByteArray) text = vectors_dup_constant ("remote_id"), binary = vectors_unhex ("00007ed901ff");
  g_autofree char *a = dhcp6_describe_remote_id ((Dhcp6Slice){ text->data, text->len });
  g_autofree char *b = dhcp6_describe_remote_id ((Dhcp6Slice){ binary->data, binary->len });

  g_assert_cmpstr (a, ==, "enterprise 32473, 70:6f:72:74:2d:30:30:30:30:30:30:34:32 (\"port-00000042\")");
  g_assert_cmpstr (b, ==, "enterprise 32473, 01:ff");
}

static void
test_duid_text (void)
{
  static const struct
  {
    const char *hex, *text;
  } rows[] = {
    { "000100012a000000020000000001", "DUID-LLT, hardware type 1, 02:00:00:00:00:01" },
    { "0002000000090c", "DUID-EN, enterprise 9, 0c" },
    { "00030001020000000002", "DUID-LL, hardware type 1, 02:00:00:00:00:02" },
    { "000400112233445566778899aabbccddeeff", "DUID-UUID, 00:11:22:33:44:55:66:77:88:99:aa:bb:cc:dd:ee:ff" },
    { "fffe01", "DUID of type 65534, ff:fe:01" },
    { "0001", "DUID of type 1, 00:01" },
  };

  for (guint i = 0; i < G_N_ELEMENTS (rows); i++)
    {
      g_autoptr (GByteArray) octets = vectors_unhex (rows[i].hex);
      g_autofree char *text = dhcp6_describe_duid ((Dhcp6Slice){ octets->data, octets->len });

      g_assert_cmpstr (text, ==, rows[i].text);
    }
}

static void
test_parse_hex (void)
{
  static const char *const bad[] = { "", "0", "0x01", "01:", ":01", "01::02", "01 02", "g0", "0102030405" };
  g_autoptr (GBytes) plain = dhcp6_parse_hex ("000aFF", 4), colons = dhcp6_parse_hex ("00:0a:ff", 4);

  g_assert_true (g_bytes_equal (plain, colons));
  for (guint i = 0; i < G_N_ELEMENTS (bad); i++)
    g_assert_null (dhcp6_parse_hex (bad[i], 4));
}

/* ------------------------------------------------------------- code points ---- */

/* The first draft left them open. covers: LQ-DRF-002 */
static void
test_code_points (void)
{
  const Dhcp6CodePoints draft = { 200, 201, 60000 };
  g_autoptr (GByteArray) octets = only_message (vectors_find ("LQ-V-05"));
  Dhcp6Message message;
  Dhcp6Query query;
  g_auto (WireWriter) writer;
  g_autoptr (GBytes) bytes = NULL;
  gsize option;
  Dhcp6Slice duid;

  g_assert_cmpint (dhcp6_parse_message (octets->data, octets->len, &message, NULL), ==, DHCP6_OK);
  g_assert_cmpint (dhcp6_parse_query (&draft, message.lq_query, &query), ==, DHCP6_OK);
  g_assert_cmpuint (query.n_relay_id, ==, 0); /* 53 means nothing here */
  g_assert_cmpint (dhcp6_parse_query (&points, message.lq_query, &query), ==, DHCP6_OK);
  duid = query.relay_id;

  wire_writer_init (&writer, 1024);
  option = dhcp6_begin_option (&writer, DHCP6_OPTION_LQ_QUERY);
  wire_write_u8 (&writer, DHCP6_QUERY_BY_RELAY_ID);
  wire_write_zeros (&writer, 16);
  dhcp6_write_option (&writer, draft.option_relay_id, duid);
  dhcp6_end_option (&writer, option);
  bytes = wire_writer_finish (&writer);
  g_assert_cmpint (
    dhcp6_parse_query (
      &draft, (Dhcp6Slice){ (const guint8 *)g_bytes_get_data (bytes, NULL) + 4, g_bytes_get_size (bytes) - 4 }, &query),
    ==, DHCP6_OK);
  g_assert_cmpuint (query.n_relay_id, ==, 1);
  g_assert_true (dhcp6_slice_equal (query.relay_id, duid));
}

/* covers: LQ-DRF-003 */
static void
test_code_point_clashes (void)
{
  static const Dhcp6CodePoints bad[] = {
    { 15, 17, 53 }, { 16, 14, 53 }, { 16, 16, 53 }, { 16, 17, 37 }, { 16, 17, 1 }, { 22, 17, 53 }, { 16, 17, 100 },
  };
  Dhcp6CodePoints good;
  const char *problem = NULL;

  dhcp6_code_points_init (&good);
  g_assert_true (dhcp6_code_points_check (&good, &problem));
  g_assert_null (problem);
  for (guint i = 0; i < G_N_ELEMENTS (bad); i++)
    {
      problem = NULL;
      g_assert_false (dhcp6_code_points_check (&bad[i], &problem));
      g_assert_nonnull (problem);
    }
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  dhcp6_code_points_init (&points);
  g_test_add_func ("/dhcp6/frame/splits", test_splits);
  g_test_add_func ("/dhcp6/frame/short", test_short_frames);
  g_test_add_func ("/dhcp6/frame/oversize", test_oversize);
  g_test_add_func ("/dhcp6/frame/largest", test_largest);
  g_test_add_func ("/dhcp6/vectors/valid", test_valid);
  g_test_add_func ("/dhcp6/vectors/round-trip", test_round_trip);
  g_test_add_func ("/dhcp6/vectors/malformed", test_malformed);
  g_test_add_func ("/dhcp6/message/header-survives", test_header_survives);
  g_test_add_func ("/dhcp6/message/unknown-option", test_unknown_option);
  g_test_add_func ("/dhcp6/message/not-over-udp", test_not_over_udp);
  g_test_add_func ("/dhcp6/client/inside-ia", test_inside_ia);
  g_test_add_func ("/dhcp6/client/same-prefix", test_same_prefix);
  g_test_add_func ("/dhcp6/client/duids", test_duids);
  g_test_add_func ("/dhcp6/relay/nested", test_nested_relays);
  g_test_add_func ("/dhcp6/write/too-much", test_too_much);
  g_test_add_func ("/dhcp6/write/status-text", test_status_text);
  g_test_add_func ("/dhcp6/text/remote-id", test_remote_id_text);
  g_test_add_func ("/dhcp6/text/duid", test_duid_text);
  g_test_add_func ("/dhcp6/text/parse-hex", test_parse_hex);
  g_test_add_func ("/dhcp6/code-points/used", test_code_points);
  g_test_add_func ("/dhcp6/code-points/clashes", test_code_point_clashes);
  return g_test_run ();
}
