/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Vectors of protected messages: opened, written again from the parsed form and sealed with the same IV. */

#include "tests/ike/test-codec-rebuild.h"
#include "tests/ike/test-vectors.h"

#include <string.h>

static IkeCipher *
make_cipher (const Vector *vector)
{
  IkeSuite suite = vector_suite (vector);
  g_autoptr (RoamSecret) sk_e = vector_secret (vector->inputs, "SK_e"), sk_a = vector_secret (vector->inputs, "SK_a");
  IkeCipher *cipher = ike_cipher_new (&suite, sk_e, sk_a);

  g_assert_nonnull (cipher);
  return cipher;
}

static void
assert_bytes (GBytes *bytes, IkeView want)
{
  gsize length;
  const guint8 *data;

  g_assert_nonnull (bytes);
  data = g_bytes_get_data (bytes, &length);
  g_assert_cmpmem (data, length, want.data, want.length);
}

/* The plaintext of the file is inner payloads, padding, Pad Length. */
static void
check_plaintext (const Vector *vector, GBytes *inner)
{
  IkeView plain = vector_hex (vector->inputs, "plaintext");
  gsize padding = plain.data[plain.length - 1];

  assert_bytes (inner, (IkeView){ plain.data, plain.length - 1 - padding });
  if (vector_has (vector->outputs, "inner_payloads"))
    assert_bytes (inner, vector_hex (vector->outputs, "inner_payloads"));
}

/* covers: IKE-CRY-005, IKE-CRY-007, IKE-CRY-013 */
static void
run_single (const Vector *vector)
{
  g_autoptr (IkeCipher) cipher = make_cipher (vector);
  IkeView octets = vector_hex (vector->outputs, "message");
  IkeParseError error;
  g_autoptr (IkeMessage) message = ike_message_open (octets.data, octets.length, cipher, &error);
  g_autoptr (IkePayloads) payloads = NULL;
  g_autoptr (GBytes) again = NULL;
  IkeSealing sealing = { 0 };

  if (message == NULL)
    g_error ("%s not opened: %s", vector->id, error.reason);
  check_plaintext (vector, message->inner);
  vector_check_mopo_sk (vector);
  payloads = test_rebuild_payloads (message);
  sealing.header = &message->header;
  sealing.next = test_payloads_first (payloads);
  sealing.inner = test_payloads_octets (payloads);
  again = ike_sealing_build (&sealing, cipher, vector_hex (vector->inputs, "iv").data);
  assert_bytes (again, octets);
  if (vector_has (vector->outputs, "udp_payload_port4500"))
    {
      IkeView udp = vector_hex (vector->outputs, "udp_payload_port4500");

      g_assert_cmpmem (udp.data + IKE_NON_ESP_MARKER_LENGTH, udp.length - IKE_NON_ESP_MARKER_LENGTH, octets.data,
                       octets.length);
    }
}

static IkeFragmentResult
add_fragment (IkeReassembly *reassembly, const char *hex, const IkeCipher *cipher, IkeMessage **ret_message)
{
  IkeView octets = vector_hex_text (hex);
  IkeParseError error;

  return ike_reassembly_add (reassembly, 0, octets.data, octets.length, cipher, ret_message, &error);
}

/* All fragments of @vector from number @start on, wrapping around; the message must come with the last one. */
static void
reassemble (const Vector *vector, IkeReassembly *reassembly, guint start, IkeView inner)
{
  JsonArray *fragments = json_object_get_array_member (vector->outputs, "fragments");
  guint n = json_array_get_length (fragments);
  g_autoptr (IkeCipher) cipher = make_cipher (vector);
  g_autoptr (IkeMessage) message = NULL;

  for (guint i = 0; i < n; i++)
    {
      const char *hex = json_array_get_string_element (fragments, (start + i) % n);

      g_assert_cmpint (add_fragment (reassembly, hex, cipher, &message), ==,
                       i + 1 == n ? IKE_FRAGMENT_COMPLETE : IKE_FRAGMENT_STORED);
      if (i + 1 < n)
        g_assert_cmpint (add_fragment (reassembly, hex, cipher, &message), ==, IKE_FRAGMENT_DISCARDED);
    }
  g_assert_true (message->protected && message->fragmented);
  g_assert_nonnull (ike_message_find (message, IKE_PAYLOAD_IDI));
  assert_bytes (message->inner, inner);
}

/* The same octets again, from the same pieces and the IV that the file shows. */
static void
refragment (const Vector *vector, IkeView inner, gsize chunk, guint8 first)
{
  JsonArray *fragments = json_object_get_array_member (vector->outputs, "fragments");
  guint n = json_array_get_length (fragments);
  g_autoptr (IkeCipher) cipher = make_cipher (vector);

  for (guint i = 0; i < n; i++)
    {
      IkeView octets = vector_hex_text (json_array_get_string_element (fragments, i));
      gsize from = i * chunk, prefix = IKE_HEADER_LENGTH + IKE_PAYLOAD_HEADER_LENGTH + IKE_FRAGMENT_HEADER_LENGTH;
      g_autoptr (GBytes) again = NULL;
      IkeParseError error;
      IkeHeader header;
      IkeSealing sealing = { .header = &header,
                             .next = i == 0 ? first : 0,
                             .number = (guint16)(i + 1),
                             .total = (guint16)n,
                             .inner = { inner.data + from, MIN (chunk, inner.length - from) } };

      g_assert_true (ike_header_parse (octets.data, octets.length, &header, &error));
      again = ike_sealing_build (&sealing, cipher, octets.data + prefix);
      assert_bytes (again, octets);
    }
}

/* covers: IKE-FRG-003, IKE-FRG-004, IKE-FRG-005, IKE-FRG-012, IKE-FRG-014 */
static void
run_fragments (const Vector *vector)
{
  g_autoptr (IkeReassembly) reassembly = ike_reassembly_new ();
  IkeView inner = vector_hex (vector->inputs, "inner_payloads");
  guint n = json_array_get_length (json_object_get_array_member (vector->outputs, "fragments"));

  for (guint start = 0; start < n; start++)
    reassemble (vector, reassembly, start, inner);
  refragment (vector, inner, 400, (guint8)vector_number (vector->inputs, "first_next_payload", 0));
}

/* First two of the larger fragments, then all of the smaller ones: the larger total wins. */
/* covers: IKE-FRG-011, IKE-FRG-013 */
static void
run_smaller_fragments (const Vector *vector)
{
  g_autofree char *id = g_strndup (vector->id, strlen (vector->id) - strlen ("-PMTU"));
  const Vector *larger = vector_find (id);
  JsonArray *large = json_object_get_array_member (larger->outputs, "fragments");
  g_autoptr (IkeReassembly) reassembly = ike_reassembly_new ();
  g_autoptr (IkeCipher) cipher = make_cipher (vector);
  IkeMessage *message = NULL;
  JsonArray *small = json_object_get_array_member (vector->outputs, "fragments");

  g_assert_cmpint (add_fragment (reassembly, json_array_get_string_element (large, 0), cipher, &message), ==,
                   IKE_FRAGMENT_STORED);
  g_assert_cmpint (add_fragment (reassembly, json_array_get_string_element (large, 1), cipher, &message), ==,
                   IKE_FRAGMENT_STORED);
  g_assert_cmpint (add_fragment (reassembly, json_array_get_string_element (small, 0), cipher, &message), ==,
                   IKE_FRAGMENT_STORED);
  g_assert_cmpint (add_fragment (reassembly, json_array_get_string_element (large, 2), cipher, &message), ==,
                   IKE_FRAGMENT_DISCARDED);
  ike_reassembly_reset (reassembly);
  reassemble (vector, reassembly, 1, vector_hex (larger->inputs, "inner_payloads"));
}

/* covers: IKE-PAY-001, IKE-PAY-002 */
static void
run_critical (const Vector *vector)
{
  g_autoptr (IkeCipher) cipher = make_cipher (vector);
  IkeView harmless = vector_hex (vector->outputs, "noncritical"), critical = vector_hex (vector->outputs, "critical");
  g_autoptr (IkePayloads) payloads = ike_payloads_new ();
  g_autoptr (IkeMessage) message = NULL;
  IkeParseError error;

  message = ike_message_open (harmless.data, harmless.length, cipher, &error);
  g_assert_nonnull (message);
  g_assert_cmpuint (message->n_payloads, ==, 1);
  g_assert_cmpuint (message->payloads[0].type, ==, 200);
  g_assert_null (ike_message_open (critical.data, critical.length, cipher, &error));
  g_assert_cmpint (error.status, ==, IKE_PARSE_UNSUPPORTED_CRITICAL_PAYLOAD);
  g_assert_cmpuint (error.critical_payload, ==, 200);
  ike_payloads_add_notify (payloads, IKE_NOTIFY_UNSUPPORTED_CRITICAL_PAYLOAD, &error.critical_payload, 1);
  vector_assert (test_payloads_octets (payloads), vector->outputs, "expected_notify_payload");
}

gboolean
vector_run_sk (const Vector *vector)
{
  if (vector_id_is (vector, "CRITICAL-REQ"))
    run_critical (vector);
  else if (g_str_has_suffix (vector->id, "-FRAG"))
    run_fragments (vector);
  else if (g_str_has_suffix (vector->id, "-FRAG-PMTU"))
    run_smaller_fragments (vector);
  else if (vector_id_is (vector, "SK-CHAPOLY-RFC7634"))
    {
      g_autoptr (IkeCipher) cipher = make_cipher (vector);
      IkeView octets = vector_hex (vector->outputs, "message");
      IkeParseError error;
      g_autoptr (IkeMessage) message = ike_message_open (octets.data, octets.length, cipher, &error);

      g_assert_nonnull (message);
      g_assert_cmpuint (message->header.message_id, ==, 9);
      g_assert_nonnull (ike_message_find_notify (message, IKE_NOTIFY_SET_WINDOW_SIZE));
    }
  else if (vector_has (vector->inputs, "plaintext"))
    run_single (vector);
  else
    return FALSE;
  return TRUE;
}

/* The keys of the negative vectors are those of the message that they spoil. */
static const Vector *
find_keys (const Vector *vector)
{
  return vector_find (vector_id_is (vector, "NEG-ICV-CBC") ? "CBC-UPDATE-REQ" : "GCM-UPDATE-REQ");
}

/* covers: IKE-CRY-006, IKE-CRY-012, IKE-HDR-006 */
gboolean
vector_run_negative (const Vector *vector)
{
  g_autoptr (IkeCipher) cipher = make_cipher (find_keys (vector));
  IkeView valid = vector_hex (vector->inputs, "valid");
  g_autoptr (GList) names = json_object_get_members (vector->outputs);
  g_autoptr (IkeMessage) good = NULL;
  IkeParseError error;
  guint n = 0;

  good = ike_message_open (valid.data, valid.length, cipher, &error);
  g_assert_nonnull (good);
  for (GList *at = names; at != NULL; at = at->next)
    {
      IkeView spoilt = vector_hex (vector->outputs, at->data);

      g_assert_null (ike_message_open (spoilt.data, spoilt.length, cipher, &error));
      g_assert_cmpint (error.status, ==, IKE_PARSE_DROP);
      n++;
    }
  g_assert_cmpuint (n, >=, 1);
  return TRUE;
}
