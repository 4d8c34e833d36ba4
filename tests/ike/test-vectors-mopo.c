/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Vectors of MOPO-IKE: what the engine itself would write, octet by octet, besides the codec's round trip. */

#include "ike/ike-session-private.h"
#include "tests/ike/test-codec-rebuild.h"
#include "tests/ike/test-vectors.h"

#include <string.h>

/* The inner payloads that a protected message of the file holds: without padding and its length. */
static IkeView
inner_of (const Vector *vector)
{
  IkeView plain = vector_hex (vector->inputs, "plaintext");

  return (IkeView){ plain.data, plain.length - 1 - plain.data[plain.length - 1] };
}

static void
assert_inner (const Vector *vector, const IkePayloads *payloads)
{
  IkeView got = test_payloads_octets (payloads), want = inner_of (vector);

  g_assert_cmpmem (got.data, got.length, want.data, want.length);
}

static void
add_cookie2 (const Vector *vector, IkePayloads *payloads)
{
  IkeView cookie = vector_hex (vector->inputs, "cookie2");

  ike_dialect_add (&ike_dialect_mopo, ike_dialect_mopo.cookie2, cookie.data, cookie.length, payloads);
}

static RoamEndpoint
endpoint (const char *addr)
{
  RoamEndpoint result = { .port = IKE_NATT_PORT };

  g_assert_true (roam_addr_parse (addr, &result.addr));
  return result;
}

static void
add_nat_detection (const Vector *vector, const RoamEndpoint *source, const RoamEndpoint *destination,
                   IkePayloads *payloads)
{
  IkeView message = vector_hex (vector->outputs, "message");
  guint8 hash[IKE_NAT_DETECTION_LENGTH];
  IkeHeader header;
  IkeParseError error;

  g_assert_true (ike_header_parse (message.data, message.length, &header, &error));
  ike_nat_detection_hash (header.spi_i, header.spi_r, source, hash);
  ike_payloads_add_notify (payloads, IKE_NOTIFY_NAT_DETECTION_SOURCE_IP, hash, sizeof hash);
  ike_nat_detection_hash (header.spi_i, header.spi_r, destination, hash);
  ike_payloads_add_notify (payloads, IKE_NOTIFY_NAT_DETECTION_DESTINATION_IP, hash, sizeof hash);
}

/* covers: MOPO-CHG-003, MOPO-CHG-006, MOPO-RR-003, MOPO-NP-002, MOPO-NP-009, MOPO-TBD-021 */
static void
run_change (const Vector *vector)
{
  g_autoptr (IkePayloads) payloads = ike_payloads_new ();
  RoamEndpoint client = endpoint ("10.20.0.5"), gateway = endpoint ("203.0.113.1");
  IkePair pair = { .local = client, .remote = gateway };

  ike_dialect_add (&ike_dialect_mopo, ike_dialect_mopo.update, NULL, 0, payloads);
  add_cookie2 (vector, payloads);
  if (vector_id_is (vector, "MOPO-CHANGE-REQ"))
    add_nat_detection (vector, &client, &gateway, payloads);
  else if (vector_id_is (vector, "MOPO-CHANGE-NP-REQ"))
    ike_nat_forbid_add (&ike_dialect_mopo, &pair, payloads);
  assert_inner (vector, payloads);
}

/* The answer to what the request before it in the file held. */
/* covers: MOPO-RR-002, MOPO-CHG-009, MOPO-CHR-003, MOPO-CHR-006 */
static void
run_answer (const Vector *vector, const char *request_id, guint16 error)
{
  IkeView request = inner_of (vector_find (request_id));
  g_autoptr (IkePayloads) payloads = ike_payloads_new ();
  g_autoptr (IkeMessage) message = g_new0 (IkeMessage, 1);
  g_autoptr (RoamRng) rng = roam_rng_new_for_test (1);
  IkeSession *session = ike_session_alloc (rng);
  IkeParseError parse_error = { 0 };

  g_assert_true (
    ike_payload_chain_parse (message, IKE_PAYLOAD_NOTIFY, request.data, request.length, FALSE, &parse_error));
  session->dialect = &ike_dialect_mopo;
  ike_cookie2_echo (session, message, payloads);
  if (error)
    ike_dialect_add (&ike_dialect_mopo, error, NULL, 0, payloads);
  if (vector_id_is (vector, "MOPO-CHANGE-RSP"))
    {
      RoamEndpoint gateway = endpoint ("203.0.113.1"), mapped = endpoint ("198.51.100.77");

      mapped.port = 61234;
      add_nat_detection (vector, &gateway, &mapped, payloads);
    }
  assert_inner (vector, payloads);
  ike_session_free (session);
}

/* covers: MOPO-ADU-001, MOPO-ADD-002 */
static void
run_list (const Vector *vector)
{
  g_autoptr (IkePayloads) payloads = ike_payloads_new ();
  RoamAddr list[] = { endpoint ("203.0.113.2").addr, endpoint ("2001:db8:ffff::1").addr };
  RoamAddr in_use = endpoint ("203.0.113.1").addr;

  ike_dialect_add_addresses (&ike_dialect_mopo, list, G_N_ELEMENTS (list), &in_use, TRUE, payloads);
  add_cookie2 (vector, payloads);
  assert_inner (vector, payloads);
}

/* covers: MOPO-ADD-001 */
static void
run_auth (const Vector *vector)
{
  IkeView plain = inner_of (vector);
  g_autoptr (IkeMessage) message = g_new0 (IkeMessage, 1);
  gboolean request = vector_id_is (vector, "MOPO-AUTH-REQ");
  IkeParseError error = { 0 };
  guint n = 0;

  g_assert_true (ike_payload_chain_parse (message, request ? IKE_PAYLOAD_IDI : IKE_PAYLOAD_IDR, plain.data,
                                          plain.length, FALSE, &error));
  g_assert_true (ike_dialect_has_list (&ike_dialect_mopo, message));
  g_assert_false (ike_dialect_has_list (&ike_dialect_mobike, message));
  for (const IkePayload *p = NULL; (p = ike_message_find_next (message, IKE_PAYLOAD_NOTIFY, p));)
    {
      RoamAddr addr;

      if (!ike_dialect_is_address (&ike_dialect_mopo, p->notify.notify_type))
        continue;
      g_assert_true (ike_dialect_read_address (&ike_dialect_mopo, &p->notify, &addr));
      g_assert_cmpint (addr.family, ==, n == 0 ? ROAM_FAMILY_INET4 : ROAM_FAMILY_INET6);
      n++;
    }
  g_assert_cmpuint (n, ==, 2);
}

void
vector_check_mopo_sk (const Vector *vector)
{
  if (vector_id_starts (vector, "MOPO-CHANGE") && !vector_id_is (vector, "MOPO-CHANGE-RSP"))
    run_change (vector);
  else if (vector_id_is (vector, "MOPO-CHANGE-RSP"))
    run_answer (vector, "MOPO-CHANGE-REQ", 0);
  else if (vector_id_is (vector, "MOPO-NAT-PREVENTED-RSP"))
    run_answer (vector, "MOPO-CHANGE-NP-REQ", IKE_NOTIFY_NAT_PREVENTED);
  else if (vector_id_is (vector, "MOPO-UNACCEPTABLE-RSP"))
    run_answer (vector, "MOPO-CHANGE2-REQ", IKE_NOTIFY_UNACCEPTABLE_PATH);
  else if (vector_id_is (vector, "MOPO-ADDR-REQ"))
    run_list (vector);
  else if (vector_id_is (vector, "MOPO-ADDR-RSP"))
    run_answer (vector, "MOPO-ADDR-REQ", 0);
  else if (vector_id_is (vector, "MOPO-AUTH-REQ") || vector_id_is (vector, "MOPO-AUTH-RSP"))
    run_auth (vector);
}

/* --- messages in clear --- */

/* covers: MOPO-PT-001, MOPO-PT-008, MOPO-PT-010, MOPO-TBD-010, MOPO-TBD-011 */
static void
run_path_test (const Vector *vector, const IkeMessage *message)
{
  const Vector *first = vector_find ("MOPO-PATHTEST-REQ");
  IkePair pair = { .local = vector_endpoint (first->inputs, "src", "sport"),
                   .remote = vector_endpoint (first->inputs, "dst", "dport") };
  IkePair there = { .local = pair.remote, .remote = pair.local };
  guint32 id = vector_number (first->inputs, "message_id", 0);
  IkeView octets = vector_hex (vector->outputs, "message"), question = vector_hex (first->outputs, "message");
  g_autoptr (GBytes) made = NULL;
  g_autoptr (IkeMessage) asked = ike_path_test_parse (question.data, question.length);
  g_autoptr (IkeMessage) parsed = ike_path_test_parse (octets.data, octets.length);
  IkeNatView view;

  g_assert_nonnull (parsed);
  g_assert_nonnull (asked);
  if (vector_id_is (vector, "MOPO-PATHTEST-REQ"))
    made = ike_path_test_build_request (&pair, id);
  else if (vector_id_is (vector, "MOPO-PATHTEST-RSP"))
    made = ike_path_test_build_answer (&there, asked);
  else /* its answer: as short */
    {
      made = ike_path_test_build_answer (&there, message);
      g_assert_cmpuint (g_bytes_get_size (made), ==, octets.length);
      return;
    }
  g_assert_cmpmem (g_bytes_get_data (made, NULL), g_bytes_get_size (made), octets.data, octets.length);
  ike_nat_read (message, 0, 0, vector_id_is (vector, "MOPO-PATHTEST-REQ") ? &there : &pair, &view);
  g_assert_true (view.present && !view.local && !view.remote);
}

/* covers: MOPO-SUP-001, MOPO-SUP-002, MOPO-NP-002, MOPO-NP-003, MOPO-NP-004 */
void
vector_check_mopo_message (const Vector *vector, const IkeMessage *message)
{
  const IkePayloadNotify *notify;

  if (vector_id_starts (vector, "MOPO-PATHTEST-"))
    run_path_test (vector, message);
  else if (vector_id_is (vector, "MOPO-INIT-NP-RSP"))
    {
      g_autoptr (IkePayloads) payloads = ike_payloads_new ();
      IkeView octets = vector_hex (vector->outputs, "message");
      g_autoptr (GBytes) made = NULL;

      ike_payloads_add_notify_protocol (payloads, IKE_NOTIFY_NAT_PREVENTED,
                                        ike_dialect_protocol (IKE_NOTIFY_NAT_PREVENTED), NULL, 0);
      made = ike_message_build_clear (&message->header, payloads);
      g_assert_cmpmem (g_bytes_get_data (made, NULL), g_bytes_get_size (made), octets.data, octets.length);
    }
  else if (vector_id_starts (vector, "MOPO-INIT-"))
    {
      g_assert_true (ike_dialect_mopo_in (message));
      notify = ike_message_find_notify (message, IKE_NOTIFY_NAT_PREVENTION);
      g_assert_cmpint (notify != NULL, ==, vector_id_is (vector, "MOPO-INIT-NP-REQ"));
      if (notify)
        vector_assert (notify->data, vector->inputs, "nat_prevention");
    }
}
