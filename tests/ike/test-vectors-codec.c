/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Vectors of messages and payloads: parsed, then written again from the parsed form, octet by octet. */

#include "tests/ike/test-codec-rebuild.h"
#include "ike/eap/ike-eap-private.h"
#include "ike/ike-dialect-private.h"
#include "ike/ike-session-private.h"
#include "tests/ike/test-vectors.h"

#include <string.h>

static IkeMessage *
parse_clear (IkeView octets)
{
  IkeParseError error;
  IkeMessage *message = ike_message_parse_clear (octets.data, octets.length, &error);

  if (message == NULL)
    g_error ("message not parsed: %s", error.reason);
  return message;
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

/* COOKIE-RETRY: the same message with one payload more, in front. */
static void
run_cookie_retry (const Vector *vector)
{
  g_autoptr (IkeMessage) original = parse_clear (vector_hex (vector->inputs, "original"));
  IkeView cookie = vector_hex (vector->inputs, "cookie");
  g_autoptr (IkePayloads) payloads = ike_payloads_new (), rest = test_rebuild_payloads (original);
  g_autoptr (GBytes) inner = NULL, message = NULL;
  IkeView octets;

  /* The chain is written in one go: COOKIE, then everything of the first request. */
  ike_payloads_add_notify (payloads, IKE_NOTIFY_COOKIE, cookie.data, cookie.length);
  for (guint i = 0; i < original->n_payloads; i++)
    ike_payloads_add_raw (payloads, original->payloads[i].type, original->payloads[i].body.data,
                          original->payloads[i].body.length);
  octets = test_payloads_octets (rest);
  g_assert_cmpuint (ike_payloads_length (payloads), ==, octets.length + 8 + cookie.length);
  message = ike_message_build_clear (&original->header, payloads);
  assert_bytes (message, vector_hex (vector->outputs, "message"));
}

static void
check_known_messages (const Vector *vector, const IkeMessage *message)
{
  if (vector_id_is (vector, "INVALID-KE"))
    {
      const IkePayloadNotify *notify = ike_message_find_error (message);

      g_assert_nonnull (notify);
      g_assert_cmpuint (notify->notify_type, ==, IKE_NOTIFY_INVALID_KE_PAYLOAD);
      g_assert_cmpmem (notify->data.data, notify->data.length, "\0\16", 2);
    }
  if (vector_id_is (vector, "MOPO-PATHTEST-MIN"))
    g_assert_cmpuint (message->n_payloads, ==, 0);
  vector_check_mopo_message (vector, message);
  if (vector_has (vector->inputs, "ni") && g_str_has_suffix (vector->id, "-INIT-REQ"))
    {
      const IkePayload *nonce = ike_message_find (message, IKE_PAYLOAD_NONCE);

      g_assert_nonnull (nonce);
      vector_assert (nonce->body, vector->inputs, "ni");
      g_assert_cmpuint (message->header.spi_r, ==, 0);
      g_assert_nonnull (ike_message_find (message, IKE_PAYLOAD_SA));
    }
}

/* covers: IKE-COOK-001, IKE-HDR-002, IKE-HDR-004 */
gboolean
vector_run_message (const Vector *vector)
{
  IkeView octets = vector_hex (vector->outputs, "message");
  g_autoptr (IkeMessage) message = parse_clear (octets);
  g_autoptr (IkePayloads) payloads = test_rebuild_payloads (message);
  g_autoptr (GBytes) again = ike_message_build_clear (&message->header, payloads);

  assert_bytes (again, octets);
  check_known_messages (vector, message);
  if (vector_id_is (vector, "COOKIE-RETRY"))
    run_cookie_retry (vector);
  return TRUE;
}

/* A payload of the file alone, parsed as @type and written again. */
static void
run_payload (IkeView octets, guint8 type)
{
  IkeMessage *message = g_new0 (IkeMessage, 1);
  IkeParseError error = { 0 };
  g_autoptr (IkePayloads) payloads = NULL;
  IkeView again;

  if (!ike_payload_chain_parse (message, type, octets.data, octets.length, TRUE, &error))
    g_error ("payload not parsed: %s", error.reason);
  g_assert_cmpuint (message->n_payloads, ==, 1);
  payloads = test_rebuild_payloads (message);
  again = test_payloads_octets (payloads);
  g_assert_cmpmem (again.data, again.length, octets.data, octets.length);
  ike_message_free (message);
}

static void
run_cp_request (const Vector *vector)
{
  static const guint16 wanted[] = { IKE_CP_INTERNAL_IP4_ADDRESS, IKE_CP_INTERNAL_IP4_DNS,
                                    IKE_CP_INTERNAL_IP6_ADDRESS, IKE_CP_INTERNAL_IP6_DNS,
                                    IKE_CP_INTERNAL_DNS_DOMAIN,  IKE_CP_APPLICATION_VERSION };
  IkeCpAttribute attributes[G_N_ELEMENTS (wanted)] = { 0 };
  g_autoptr (IkePayloads) payloads = ike_payloads_new ();

  for (gsize i = 0; i < G_N_ELEMENTS (wanted); i++)
    attributes[i].attribute = wanted[i];
  ike_payloads_add_cp (payloads, IKE_CFG_REQUEST, attributes, G_N_ELEMENTS (wanted));
  vector_assert (test_payloads_octets (payloads), vector->outputs, "payload");
}

static void
run_ts_any (const Vector *vector)
{
  const IkeSelector any[] = { ike_selector_any (ROAM_FAMILY_INET4), ike_selector_any (ROAM_FAMILY_INET6) };
  g_autoptr (IkePayloads) payloads = ike_payloads_new ();

  ike_payloads_add_ts (payloads, IKE_PAYLOAD_TSI, any, G_N_ELEMENTS (any));
  vector_assert (test_payloads_octets (payloads), vector->outputs, "payload");
}

/* covers: MOPO-ADD-002, MOPO-PLD-001 */
static void
run_address_notifies (const Vector *vector)
{
  static const struct
  {
    const char *input, *mobike, *mopo;
    guint16 type;
  } cases[] = {
    { "v4", "mobike_v4", "mopo_v4", IKE_NOTIFY_ADDITIONAL_IP4_ADDRESS },
    { "v6", "mobike_v6", "mopo_v6", IKE_NOTIFY_ADDITIONAL_IP6_ADDRESS },
  };
  for (gsize i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_autoptr (IkePayloads) mobike = ike_payloads_new (), mopo = ike_payloads_new ();
      RoamAddr addr;

      g_assert_true (roam_addr_parse (vector_text (vector->inputs, cases[i].input), &addr));
      ike_payloads_add_notify_addr (mobike, cases[i].type, &addr);
      ike_dialect_add_addresses (&ike_dialect_mopo, &addr, 1, &ROAM_ADDR_NONE, FALSE, mopo);
      vector_assert (test_payloads_octets (mobike), vector->outputs, cases[i].mobike);
      vector_assert (test_payloads_octets (mopo), vector->outputs, cases[i].mopo);
    }
}

static void
run_no_nats (const Vector *vector)
{
  IkeView data = vector_hex (vector->outputs, "data");
  g_autoptr (IkePayloads) payloads = ike_payloads_new ();

  ike_payloads_add_notify (payloads, IKE_NOTIFY_NO_NATS_ALLOWED, data.data, data.length);
  if (vector_has (vector->outputs, "payload"))
    vector_assert (test_payloads_octets (payloads), vector->outputs, "payload");
}

/* covers: IKE-SIG-001 */
static void
run_signature_hashes (const Vector *vector)
{
  g_autoptr (IkePayloads) payloads = ike_payloads_new ();

  ike_payloads_add_notify_u16s (payloads, IKE_NOTIFY_SIGNATURE_HASH_ALGORITHMS, ike_signature_hashes,
                                G_N_ELEMENTS (ike_signature_hashes));
  vector_assert (test_payloads_octets (payloads), vector->outputs, "payload");
}

/* covers: IKE-CP-002, IKE-TS-001 */
/* GW identities of RFC 5685 9.2 and 9.3, to octets and back. */
static void
run_redirect (const Vector *vector, const char *output, const char *addr, const char *name)
{
  IkeRedirectTarget target;
  RoamAddr gateway;
  IkeView nonce;

  if (addr)
    g_assert_true (roam_addr_parse (addr, &gateway));
  g_autoptr (GBytes) data = ike_redirect_to_data (addr ? &gateway : NULL, name, (IkeView){ 0 });
  vector_assert (ike_view (data), vector->outputs, output);
  g_assert_true (ike_redirect_parse (vector_hex (vector->outputs, output), &target, &nonce));
  g_assert_cmpuint (nonce.length, ==, 0);
  g_assert_cmpstr (target.name, ==, name ? name : "");
  g_assert_true (!addr || roam_addr_equal (&target.addr, &gateway));
}

gboolean
vector_run_encoding (const Vector *vector)
{
  static const struct
  {
    const char *id;
    guint8 type;
  } payload_types[] = {
    { "CERTREQ-RPK", IKE_PAYLOAD_CERTREQ }, { "CP-REQUEST", IKE_PAYLOAD_CP },      { "CP-REPLY", IKE_PAYLOAD_CP },
    { "CP-REQUEST-REUSE", IKE_PAYLOAD_CP }, { "TS-ANY", IKE_PAYLOAD_TSI },         { "TS-OPAQUE", IKE_PAYLOAD_TSR },
    { "MOPO-VID", IKE_PAYLOAD_VENDOR_ID },  { "SIGHASH-ENC", IKE_PAYLOAD_NOTIFY },
  };
  gboolean run = FALSE;

  for (gsize i = 0; i < G_N_ELEMENTS (payload_types); i++)
    if (vector_id_is (vector, payload_types[i].id))
      {
        run_payload (vector_hex (vector->outputs, "payload"), payload_types[i].type);
        run = TRUE;
      }
  if (vector_id_is (vector, "CP-REQUEST"))
    run_cp_request (vector);
  else if (vector_id_is (vector, "TS-ANY"))
    run_ts_any (vector);
  else if (vector_id_is (vector, "SIGHASH-ENC"))
    run_signature_hashes (vector);
  else if (vector_id_is (vector, "REDIRECT-FQDN"))
    run_redirect (vector, "data", NULL, "gw2.example.com"), run = TRUE;
  else if (vector_id_is (vector, "REDIRECTED-FROM"))
    {
      run_redirect (vector, "v4", "203.0.113.1", NULL);
      run_redirect (vector, "v6", "2001:db8:ffff::1", NULL);
      run = TRUE;
    }
  else if (vector_id_starts (vector, "NONATS-"))
    run_no_nats (vector), run = TRUE;
  else if (vector_id_is (vector, "ADDR-NOTIFY"))
    run_address_notifies (vector), run = TRUE;
  return run;
}

static void
run_eap_packet (JsonObject *object, const char *name, guint8 code, guint8 type)
{
  IkeView packet = vector_hex (object, name);
  g_autoptr (IkePayloads) payloads = ike_payloads_new ();
  IkeMessage *message = g_new0 (IkeMessage, 1);
  IkeParseError error = { 0 };
  IkeView octets;

  ike_payloads_add_eap (payloads, packet.data, packet.length);
  octets = test_payloads_octets (payloads);
  g_assert_true (ike_payload_chain_parse (message, IKE_PAYLOAD_EAP, octets.data, octets.length, FALSE, &error));
  g_assert_cmpuint (message->payloads[0].eap.code, ==, code);
  g_assert_cmpuint (message->payloads[0].eap.identifier, ==, packet.data[1]);
  g_assert_cmpuint (message->payloads[0].eap.eap_type, ==, type);
  g_assert_cmpuint (message->payloads[0].eap.packet.length, ==, packet.length);
  ike_message_free (message);
}

/* covers: IKE-EAPM-002, IKE-EAPM-004 */
static void
run_mschapv2 (const Vector *vector)
{
  g_autoptr (IkeMschapv2Crypto) crypto = ike_mschapv2_crypto_new ();
  const char *text = vector_text (vector->inputs, "password"), *user = vector_text (vector->inputs, "username");
  g_autoptr (RoamSecret) password = roam_secret_new ((const guint8 *)text, strlen (text));
  g_autoptr (RoamSecret) msk = NULL;
  guint8 hash[IKE_MSCHAPV2_HASH_LENGTH], challenge[8], nt_response[IKE_MSCHAPV2_NT_RESPONSE_LENGTH];
  char authenticator[IKE_MSCHAPV2_AUTHENTICATOR_LENGTH];

  g_assert_nonnull (crypto);
  g_assert_true (ike_mschapv2_password_hash (crypto, password, hash));
  vector_assert ((IkeView){ hash, sizeof hash }, vector->outputs, "password_hash");
  g_assert_true (ike_mschapv2_challenge (vector_hex (vector->inputs, "peer_challenge").data,
                                         vector_hex (vector->inputs, "auth_challenge").data, user, challenge));
  vector_assert ((IkeView){ challenge, sizeof challenge }, vector->outputs, "challenge");
  g_assert_true (ike_mschapv2_nt_response (crypto, challenge, hash, nt_response));
  vector_assert ((IkeView){ nt_response, sizeof nt_response }, vector->outputs, "nt_response");
  g_assert_true (ike_mschapv2_authenticator_response (crypto, hash, nt_response, challenge, authenticator));
  text = vector_text (vector->outputs, "authenticator_response");
  g_assert_cmpmem (authenticator, sizeof authenticator, text, strlen (text));
  msk = ike_mschapv2_msk (crypto, hash, nt_response);
  vector_assert_secret (msk, vector->outputs, "msk");
}

/* Of the others the framing: every EAP packet of the vector through the EAP payload. */
gboolean
vector_run_eap (const Vector *vector)
{
  g_autoptr (GList) names = json_object_get_members (vector->outputs);
  guint n = 0;

  if (vector_id_is (vector, "EAP-MSCHAPV2-1"))
    {
      run_mschapv2 (vector);
      return TRUE;
    }
  if (!vector_id_is (vector, "EAP-IDENTITY") && !vector_id_is (vector, "EAP-MSCHAPV2-FRAME") &&
      !vector_id_is (vector, "EAP-TLS-FRAME"))
    return FALSE;
  for (GList *at = names; at != NULL; at = at->next)
    {
      JsonNode *node = json_object_get_member (vector->outputs, at->data);
      const char *text = JSON_NODE_HOLDS_VALUE (node) && json_node_get_value_type (node) == G_TYPE_STRING
                           ? json_node_get_string (node)
                           : NULL;

      /* An EAP packet says its own length. */
      if (text == NULL || strlen (text) < 10 || strspn (text, "0123456789abcdef") != strlen (text) ||
          vector_hex_text (text).data[2] * 256u + vector_hex_text (text).data[3] != strlen (text) / 2)
        continue;
      run_eap_packet (vector->outputs, at->data, vector_hex_text (text).data[0], vector_hex_text (text).data[4]);
      n++;
    }
  g_assert_cmpuint (n, >=, 3);
  return TRUE;
}
