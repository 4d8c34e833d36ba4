/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "mip4/mip4-mn-private.h"

#include <json-glib/json-glib.h>
#include <string.h>

/*
 * The worked examples of tests/vectors/mip4.json that a mobile node sends, octet by octet out of the engine,
 * and those it receives in the forms that test-vectors.c has not: through an agent, with addresses assigned,
 * with nonces, revocations.
 */

#define PATH 3u
#define CARE_OF 0xc6336417u /* 198.51.100.23 */
#define HOME_AGENT 0xc0000201u
#define AGENT 0xcb007101u /* 203.0.113.1 */

static JsonArray *vectors;

static GByteArray *
unhex (const char *hex)
{
  GByteArray *out = g_byte_array_new ();

  for (; hex[0] != '\0' && hex[1] != '\0'; hex += 2)
    {
      guint8 octet = (guint8)(g_ascii_xdigit_value (hex[0]) << 4 | g_ascii_xdigit_value (hex[1]));

      g_byte_array_append (out, &octet, 1);
    }
  return out;
}

static JsonObject *
find_vector (const char *name)
{
  for (guint i = 0; i < json_array_get_length (vectors); i++)
    {
      JsonObject *vector = json_array_get_object_element (vectors, i);

      if (strcmp (json_object_get_string_member (vector, "name"), name) == 0)
        return vector;
    }
  g_error ("no vector %s", name);
}

static Mip4SecurityAssociation
association_of (JsonObject *object)
{
  g_autoptr (GByteArray) key = unhex (json_object_get_string_member (object, "key_hex"));

  return (Mip4SecurityAssociation){ (guint32)json_object_get_int_member (object, "spi"), MIP4_AUTH_HMAC_MD5,
                                    roam_secret_new (key->data, key->len) };
}

/* Of the further authentication extension of @type; key NULL: there is none. */
static Mip4SecurityAssociation
other_association (JsonObject *vector, gint64 type)
{
  JsonArray *others;

  if (!json_object_has_member (vector, "other_auth"))
    return (Mip4SecurityAssociation){ 0 };
  others = json_object_get_array_member (vector, "other_auth");
  for (guint i = 0; i < json_array_get_length (others); i++)
    {
      JsonObject *other = json_array_get_object_element (others, i);

      if (json_object_get_int_member (other, "ext_type") == type)
        return association_of (other);
    }
  return (Mip4SecurityAssociation){ 0 };
}

/* A node set up so that it sends the request @name, and that request pending. */
typedef struct
{
  RoamRng *rng;
  GByteArray *message;
  Mip4Message request;
  Mip4MnFaAssociation mn_fa;
  char *nai, *service;
  Mip4MnConfig config;
  Mip4MnCommand command;
  RoamNow now;
  Mip4Mn *mn;
  Mip4MnRecord *record; /* borrowed */
  Mip4MnAction sent;
} Pending;

static char *
text_of (const Mip4Slice *slice)
{
  return slice->data != NULL ? g_strndup ((const char *)slice->data, slice->length) : NULL;
}

static void
configure (Pending *pending, JsonObject *vector, const char *name)
{
  const Mip4Message *m = &pending->request;

  pending->mn_fa =
    (Mip4MnFaAssociation){ roam_addr_from_u32 (AGENT), other_association (vector, MIP4_EXT_MOBILE_FOREIGN_AUTH) };
  pending->nai = text_of (&m->covered.nai);
  pending->service = text_of (&m->covered.service);
  pending->config = (Mip4MnConfig){
    .home_address = m->home_address,
    .home_agent = m->home_agent,
    .nai = pending->nai,
    .mn_ha = association_of (vector),
    .lifetime_s = m->lifetime,
    .reverse_tunnel = (m->flags & MIP4_FLAG_REVERSE_TUNNEL) != 0,
    .nat_traversal = m->covered.udp_request.present,
    .replay = g_str_has_suffix (name, "-nonce") ? MIP4_REPLAY_NONCE : MIP4_REPLAY_TIMESTAMP,
    .mn_fa = &pending->mn_fa,
    .n_mn_fa = pending->mn_fa.association.key != NULL,
    .mn_aaa = other_association (vector, MIP4_EXT_GENERALIZED_AUTH),
    .service = pending->service,
    .requested_home_agent = m->covered.dynamic_ha,
    .short_dynamic_ha = g_str_has_suffix (name, "-short"),
    .revocation = m->covered.revocation,
    .encapsulating_delivery = m->uncovered.encapsulating_delivery,
  };
}

static void
make_command (Pending *pending)
{
  const Mip4Message *m = &pending->request;
  const Mip4Slice *challenge = &m->uncovered.challenge;

  pending->command = (Mip4MnCommand){
    .type = MIP4_MN_REGISTER,
    .path = PATH,
    .serial = 7,
    .form = MIP4_FORM_CO_LOCATED,
    .care_of_address = m->care_of_address,
    .first_timeout_us = ROAM_USEC_PER_SEC,
    .copies = 3,
  };
  if ((m->flags & MIP4_FLAG_DECAPSULATION) != 0)
    return;
  pending->command.form = m->lifetime == 0 ? MIP4_FORM_HOME : MIP4_FORM_FOREIGN_AGENT;
  pending->command.agent.address = roam_addr_from_u32 (AGENT);
  pending->command.agent.registration_lifetime_s = m->lifetime;
  if (challenge->data == NULL)
    return;
  pending->command.agent.n_challenge = (guint)challenge->length;
  memcpy (pending->command.agent.challenge, challenge->data, challenge->length);
}

static void
pending_init (Pending *pending, const char *name)
{
  JsonObject *vector = find_vector (name);

  memset (pending, 0, sizeof *pending);
  pending->message = unhex (json_object_get_string_member (vector, "message_hex"));
  g_assert_cmpint (mip4_parse (pending->message->data, pending->message->len, &pending->request), ==,
                   MIP4_DISCARD_NONE);
  configure (pending, vector, name);
  make_command (pending);
  pending->rng = roam_rng_new_for_test (1);
  pending->now = (RoamNow){ .boot_us = 0, .ntp = pending->request.identification };
  pending->mn = mip4_mn_new (&pending->config, pending->rng);
  mip4_mn_input_command (pending->mn, &pending->now, &pending->command);
  g_assert_true (mip4_mn_pop_action (pending->mn, &pending->sent));
  pending->record = mip4_mn_find_path (pending->mn, PATH)->current;
  pending->record->copies[0].identification = pending->request.identification;
}

static void
pending_clear (Pending *pending)
{
  mip4_mn_free (pending->mn);
  mip4_mn_action_clear (&pending->sent);
  roam_rng_free (pending->rng);
  roam_secret_unref (pending->config.mn_ha.key);
  g_clear_pointer (&pending->config.mn_aaa.key, roam_secret_unref);
  g_clear_pointer (&pending->mn_fa.association.key, roam_secret_unref);
  g_free (pending->nai);
  g_free (pending->service);
  g_byte_array_unref (pending->message);
}

static void
assert_transport (const Pending *pending, JsonObject *vector)
{
  JsonObject *transport = json_object_get_object_member (vector, "transport");
  char buffer[ROAM_ADDR_STRLEN];

  g_assert_cmpstr (roam_addr_to_string (&pending->sent.send.source, buffer), ==,
                   json_object_get_string_member (transport, "src"));
  g_assert_cmpstr (roam_addr_to_string (&pending->sent.send.destination.addr, buffer), ==,
                   json_object_get_string_member (transport, "dst"));
  g_assert_cmpint (pending->sent.send.destination.port, ==, json_object_get_int_member (transport, "dport"));
  g_assert_cmpint (pending->sent.send.ttl, ==, json_object_get_int_member (transport, "ttl"));
}

/* covers: MIP-REG-008, MIP-REG-022, MIP-REG-023, MIP-AUTH-008, MIP-AUTH-011, MIP-CHL-004, MIP-CHL-006, MIP-REV-005 */
/* covers: MIP-NAI-002, MIP-MSV-007, MIP-DHA-001, MIP-DHA-004, MIP-RVK-003, MIP-REG-001, MIP-REG-002, MIP-REG-005 */
static void
test_sent (gconstpointer data)
{
  const char *name = data;
  JsonObject *vector = find_vector (name);
  g_autoptr (GBytes) own = NULL;
  Pending pending;

  pending_init (&pending, name);
  /* The time stamp's random bits are not to be foretold; everything else is. */
  own = mip4_mn_build_request (pending.mn, pending.record, pending.request.identification);
  g_assert_cmpmem (g_bytes_get_data (own, NULL), g_bytes_get_size (own), pending.message->data, pending.message->len);
  g_assert_cmpuint (g_bytes_get_size (pending.sent.send.datagram), ==, pending.message->len);
  if (json_object_has_member (vector, "transport"))
    assert_transport (&pending, vector);
  pending_clear (&pending);
}

/* Feeds the reply @name on the way back of the request; the only event. */
static Mip4MnEvent
answer_with (Pending *pending, const char *name)
{
  g_autoptr (GByteArray) reply = unhex (json_object_get_string_member (find_vector (name), "message_hex"));
  Mip4MnEvent event = { 0 };
  guint events = 0;

  mip4_mn_input_datagram (pending->mn, &pending->now, PATH, &pending->sent.send.destination, &pending->sent.send.source,
                          reply->data, reply->len);
  for (;;)
    {
      g_auto (Mip4MnAction) action = { 0 };

      if (!mip4_mn_pop_action (pending->mn, &action))
        break;
      if (action.type != MIP4_MN_ACTION_EVENT)
        continue;
      event = action.event;
      events++;
    }
  g_assert_cmpuint (events, ==, 1);
  return event;
}

/* covers: MIP-RPL-006, MIP-CHL-001, MIP-TNC-003 */
static void
test_relayed (void)
{
  static const guint8 challenge[] = { 0x0b, 0xad, 0xca, 0xfe, 0x0b, 0xad, 0xca, 0xfe };
  const Mip4MnPathState *state;
  Mip4MnEvent event;
  Pending pending;

  pending_init (&pending, "rrq-fa-encap-challenge");
  event = answer_with (&pending, "rrp-fa-relayed");
  g_assert_cmpint (event.type, ==, MIP4_MN_ACCEPTED);
  g_assert_true (event.tnc);
  g_assert_true (event.encapsulating_delivery);
  state = mip4_mn_find_path (pending.mn, PATH);
  g_assert_cmpmem (state->newest.octets, state->newest.length, challenge, sizeof challenge);
  pending_clear (&pending);
}

/* covers: MIP-COD-005, MIP-RPL-008 */
static void
test_unauthenticated_denial (void)
{
  Mip4MnEvent event;
  Pending pending;

  /* With a key shared with the agent it is not to be believed. */
  pending_init (&pending, "rrq-fa-encap-challenge");
  event = answer_with (&pending, "rrp-fa-denied-66-unauth");
  g_assert_cmpint (event.type, ==, MIP4_MN_DISCARDED);
  pending_clear (&pending);
  pending_init (&pending, "rrq-mn-aaa");
  pending.record->copies[0].identification = G_GUINT64_CONSTANT (0xed00378340000000);
  event = answer_with (&pending, "rrp-fa-denied-66-unauth");
  g_assert_cmpint (event.type, ==, MIP4_MN_DENIED);
  g_assert_true (event.by_agent);
  pending_clear (&pending);
}

/* covers: MIP-COD-008 */
static void
test_denied_69 (void)
{
  Mip4MnEvent event;
  Pending pending;

  pending_init (&pending, "rrq-fa-encap-challenge");
  event = answer_with (&pending, "rrp-fa-denied-69");
  g_assert_cmpint (event.type, ==, MIP4_MN_DENIED);
  g_assert_true (event.will_retry);
  g_assert_cmpuint (pending.record->lifetime_s, ==, 120);
  pending_clear (&pending);
}

/* covers: MIP-COD-022 */
static void
test_denied_97 (void)
{
  Mip4MnEvent event;
  Pending pending;

  pending_init (&pending, "rrq-mn-aaa");
  pending.record->copies[0].identification = G_GUINT64_CONSTANT (0xed00378040000000);
  event = answer_with (&pending, "rrp-97-fa-changed-code");
  g_assert_cmpint (event.type, ==, MIP4_MN_DENIED);
  g_assert_true (event.by_agent);
  g_assert_cmpuint (event.code, ==, 97);
  pending_clear (&pending);
}

/* covers: MIP-RPL-015, MIP-NAI-003 */
static void
test_assigned_home (void)
{
  Mip4MnEvent event;
  Pending pending;

  pending_init (&pending, "rrq-nai-zero-home");
  event = answer_with (&pending, "rrp-nai-assigned-home");
  g_assert_cmpint (event.type, ==, MIP4_MN_ACCEPTED);
  g_assert_cmphex (roam_addr_to_u32 (&event.home_address), ==, 0xc000024du);
  pending_clear (&pending);
}

/* covers: MIP-DHA-007, MIP-COD-041 */
static void
test_redirected (gconstpointer data)
{
  Mip4MnEvent event;
  Pending pending;

  pending_init (&pending, data);
  event = answer_with (&pending, "rrp-redirect-143");
  g_assert_cmpint (event.type, ==, MIP4_MN_DENIED);
  g_assert_true (event.will_retry);
  g_assert_cmphex (roam_addr_to_u32 (&pending.record->destination), ==, 0xc0000202u);
  pending_clear (&pending);
}

/* covers: MIP-IDN-002, MIP-IDN-017 */
static void
test_nonce (void)
{
  const RoamAddr home_agent = roam_addr_from_u32 (HOME_AGENT);
  Mip4MnEvent event;
  Pending pending;

  pending_init (&pending, "rrq-nonce");
  event = answer_with (&pending, "rrp-nonce");
  g_assert_cmpint (event.type, ==, MIP4_MN_ACCEPTED);
  g_assert_cmphex (mip4_mn_peer (pending.mn, &home_agent)->nonce, ==, 0x5eed0002);
  pending_clear (&pending);
}

static void
accept_revocation_support (Pending *pending)
{
  g_auto (WireWriter) writer = { 0 };
  g_auto (Mip4MnAction) action = { 0 };

  wire_writer_init (&writer, MIP4_MESSAGE_MAX);
  mip4_write_reply (&writer, 0, pending->request.lifetime, &pending->request.home_address, &pending->request.home_agent,
                    pending->request.identification);
  mip4_write_revocation_support (&writer, FALSE, (guint32)(pending->request.identification >> 32));
  mip4_write_auth (&writer, MIP4_EXT_MOBILE_HOME_AUTH, &pending->config.mn_ha);
  mip4_mn_input_datagram (pending->mn, &pending->now, PATH, &pending->sent.send.destination, &pending->sent.send.source,
                          wire_writer_peek (&writer), wire_writer_length (&writer));
  g_assert_true (mip4_mn_pop_action (pending->mn, &action));
  g_assert_cmpint (action.event.type, ==, MIP4_MN_ACCEPTED);
}

static gboolean
revoke_with (Pending *pending, const char *name, Mip4MnAction *ret_action)
{
  g_autoptr (GByteArray) revocation = unhex (json_object_get_string_member (find_vector (name), "message_hex"));
  const RoamEndpoint source = { roam_addr_from_u32 (HOME_AGENT), 50434 };
  const RoamAddr destination = roam_addr_from_u32 (CARE_OF);

  mip4_mn_input_datagram (pending->mn, &pending->now, PATH, &source, &destination, revocation->data, revocation->len);
  return mip4_mn_pop_action (pending->mn, ret_action);
}

/* covers: MIP-RVK-007, MIP-RVK-008, MIP-RVK-009, MIP-AUTH-008 */
static void
test_revocation (void)
{
  g_autoptr (GByteArray) expected =
    unhex (json_object_get_string_member (find_vector ("revocation-ack-from-mn"), "message_hex"));
  g_auto (Mip4MnAction) ack = { 0 };
  g_auto (Mip4MnAction) event = { 0 };
  g_auto (Mip4MnAction) ignored = { 0 };
  Pending pending;

  pending_init (&pending, "rrq-revocation-support");
  accept_revocation_support (&pending);
  g_assert_true (revoke_with (&pending, "revocation-wrong-direction", &ignored));
  g_assert_cmpint (ignored.type, ==, MIP4_MN_ACTION_EVENT);
  g_assert_cmpint (ignored.event.type, ==, MIP4_MN_DISCARDED);
  g_assert_true (revoke_with (&pending, "revocation-from-ha", &ack));
  g_assert_cmpint (ack.type, ==, MIP4_MN_ACTION_SEND);
  g_assert_cmpmem (g_bytes_get_data (ack.send.datagram, NULL), g_bytes_get_size (ack.send.datagram), expected->data,
                   expected->len);
  g_assert_true (mip4_mn_pop_action (pending.mn, &event));
  g_assert_cmpint (event.event.type, ==, MIP4_MN_REVOKED);
  g_assert_cmpstr (event.event.message, ==, "binding revoked");
  pending_clear (&pending);
}

int
main (int argc, char **argv)
{
  static const char *const sent[] = { "rrq-ccoa",
                                      "rrq-udp-tunnel-request",
                                      "rrq-nai-zero-home",
                                      "rrq-fa-encap-challenge",
                                      "rrq-dereg-home",
                                      "rrq-mc-tia",
                                      "rrq-revocation-support",
                                      "rrq-dynamic-ha",
                                      "rrq-dynamic-ha-short",
                                      "rrq-long-key",
                                      "rrq-mn-aaa",
                                      "rrq-nonce" };
  g_autoptr (JsonParser) parser = json_parser_new ();
  g_autoptr (GError) error = NULL;

  g_test_init (&argc, &argv, NULL);
  if (!json_parser_load_from_file (parser, g_getenv ("MIP4_VECTORS"), &error))
    g_error ("MIP4_VECTORS must name mip4.json: %s", error->message);
  vectors = json_node_get_array (json_parser_get_root (parser));
  for (guint i = 0; i < G_N_ELEMENTS (sent); i++)
    {
      g_autofree char *path = g_strconcat ("/mip4/mn-vectors/sent/", sent[i], NULL);

      g_test_add_data_func (path, sent[i], test_sent);
    }
  g_test_add_func ("/mip4/mn-vectors/rrp-fa-relayed", test_relayed);
  g_test_add_func ("/mip4/mn-vectors/rrp-fa-denied-66-unauth", test_unauthenticated_denial);
  g_test_add_func ("/mip4/mn-vectors/rrp-fa-denied-69", test_denied_69);
  g_test_add_func ("/mip4/mn-vectors/rrp-97-fa-changed-code", test_denied_97);
  g_test_add_func ("/mip4/mn-vectors/rrp-nai-assigned-home", test_assigned_home);
  g_test_add_data_func ("/mip4/mn-vectors/rrp-redirect-143", "rrq-dynamic-ha", test_redirected);
  g_test_add_data_func ("/mip4/mn-vectors/rrp-redirect-143-short", "rrq-dynamic-ha-short", test_redirected);
  g_test_add_func ("/mip4/mn-vectors/rrp-nonce", test_nonce);
  g_test_add_func ("/mip4/mn-vectors/revocation", test_revocation);
  return g_test_run ();
}
