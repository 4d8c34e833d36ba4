/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "mip4/mip4-advertisement-private.h"
#include "mip4/mip4-codec-private.h"
#include "mip4/mip4-mn-private.h"

#include <json-glib/json-glib.h>
#include <string.h>

/*
 * Every worked example of tests/vectors/mip4.json: decoded, authenticated, judged, and (replies) given
 * to a mobile node whose pending request is the one the vector names.
 */

#define HOME_ADDRESS 0xc000020au /* 192.0.2.10 */
#define HOME_AGENT 0xc0000201u   /* 192.0.2.1 */
#define CARE_OF 0xc6336417u      /* 198.51.100.23 */

typedef struct
{
  JsonObject *json;
  const char *name, *kind;
  gboolean valid;
  GByteArray *message;
  Mip4SecurityAssociation association; /* key NULL: the vector has none */
  JsonObject *expect;                  /* NULL: none */
} Vector;

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

static Mip4SecurityAssociation
association_of (JsonObject *object)
{
  g_autoptr (GByteArray) key = unhex (json_object_get_string_member (object, "key_hex"));

  if (key->len == 0 || json_object_get_null_member (object, "spi"))
    return (Mip4SecurityAssociation){ 0 };
  return (Mip4SecurityAssociation){
    .spi = (guint32)json_object_get_int_member (object, "spi"),
    .algorithm = MIP4_AUTH_HMAC_MD5,
    .key = roam_secret_new (key->data, key->len),
  };
}

static void
vector_free (gpointer data)
{
  Vector *vector = data;

  g_byte_array_unref (vector->message);
  g_clear_pointer (&vector->association.key, roam_secret_unref);
  json_object_unref (vector->json);
  g_free (vector);
}

static void
assert_addr (const RoamAddr *addr, JsonObject *expect, const char *member)
{
  char buffer[ROAM_ADDR_STRLEN];

  if (json_object_has_member (expect, member))
    g_assert_cmpstr (roam_addr_to_string (addr, buffer), ==, json_object_get_string_member (expect, member));
}

static void
assert_int (guint64 value, JsonObject *expect, const char *member)
{
  if (json_object_has_member (expect, member))
    g_assert_cmpuint (value, ==, (guint64)json_object_get_int_member (expect, member));
}

static void
assert_slice (const Mip4Slice *slice, JsonObject *expect, const char *member, gboolean hex)
{
  if (!json_object_has_member (expect, member))
    return;
  if (hex)
    {
      g_autoptr (GByteArray) want = unhex (json_object_get_string_member (expect, member));

      g_assert_cmpmem (slice->data, slice->length, want->data, want->len);
    }
  else
    g_assert_cmpmem (slice->data, slice->length, json_object_get_string_member (expect, member),
                     strlen (json_object_get_string_member (expect, member)));
}

static gboolean
has_flag (JsonObject *expect, const char *name)
{
  g_auto (GStrv) names = g_strsplit (json_object_get_string_member (expect, "flags"), ",", -1);

  return g_strv_contains ((const char *const *)names, name);
}

static void
check_request_expect (const Mip4Message *m, JsonObject *e)
{
  assert_int (m->lifetime, e, "lifetime");
  assert_addr (&m->home_address, e, "home");
  assert_addr (&m->home_agent, e, "ha");
  assert_addr (&m->care_of_address, e, "coa");
  if (json_object_has_member (e, "ident"))
    g_assert_cmphex (m->identification, ==, g_ascii_strtoull (json_object_get_string_member (e, "ident"), NULL, 16));
  if (json_object_has_member (e, "flags"))
    {
      g_assert_cmpint ((m->flags & MIP4_FLAG_DECAPSULATION) != 0, ==, has_flag (e, "D"));
      g_assert_cmpint ((m->flags & MIP4_FLAG_REVERSE_TUNNEL) != 0, ==, has_flag (e, "T"));
    }
  if (json_object_has_member (e, "udp_tunnel_request"))
    {
      JsonObject *udp = json_object_get_object_member (e, "udp_tunnel_request");

      g_assert_true (m->covered.udp_request.present);
      assert_int (m->covered.udp_request.forced, udp, "F");
      assert_int (m->covered.udp_request.via_foreign_agent, udp, "R");
      assert_int (m->covered.udp_request.encapsulation, udp, "encap");
    }
  assert_slice (&m->covered.nai, e, "nai", FALSE);
  assert_slice (&m->covered.service, e, "service", FALSE);
  assert_slice (&m->uncovered.challenge, e, "challenge", TRUE);
  if (json_object_has_member (e, "delivery"))
    g_assert_true (m->uncovered.encapsulating_delivery);
  if (json_object_has_member (e, "revocation_support"))
    {
      JsonObject *revocation = json_object_get_object_member (e, "revocation_support");

      g_assert_true (m->covered.revocation);
      assert_int (m->covered.revocation_inform, revocation, "I");
      assert_int (m->covered.revocation_timestamp, revocation, "timestamp");
    }
  assert_addr (&m->covered.dynamic_ha, e, "requested_ha");
}

static void
check_reply_expect (const Mip4Message *m, JsonObject *e)
{
  assert_int (m->code, e, "code");
  assert_int (m->lifetime, e, "lifetime");
  assert_int (m->lifetime, e, "max_lifetime");
  assert_addr (&m->home_address, e, "home");
  assert_addr (&m->covered.dynamic_ha, e, "redirected_ha");
  assert_slice (&m->covered.message, e, "text", FALSE);
  assert_slice (&m->uncovered.challenge, e, "challenge", TRUE);
  if (json_object_has_member (e, "tnc"))
    g_assert_cmpint (m->covered.tnc, ==, json_object_get_boolean_member (e, "tnc"));
  if (json_object_has_member (e, "from_ha"))
    g_assert_cmpint (mip4_code_class (m->code) != MIP4_CODE_CLASS_FOREIGN_AGENT, ==,
                     json_object_get_boolean_member (e, "from_ha"));
  if (json_object_has_member (e, "udp_tunnel"))
    {
      JsonObject *udp = json_object_get_object_member (e, "udp_tunnel");

      g_assert_true (m->covered.udp_reply.present);
      assert_int (m->covered.udp_reply.code, udp, "code");
      assert_int (m->covered.udp_reply.forced, udp, "F");
      assert_int (m->covered.udp_reply.keepalive_s, udp, "keepalive");
    }
  if (json_object_has_member (e, "next_high32"))
    g_assert_cmphex (m->identification >> 32, ==,
                     g_ascii_strtoull (json_object_get_string_member (e, "next_high32"), NULL, 16));
}

static void
check_revocation_expect (const Mip4Message *m, JsonObject *e)
{
  assert_int (m->from_home_agent, e, "A");
  assert_int (m->inform, e, "I");
  assert_addr (&m->home_agent, e, "home_domain");
  assert_addr (&m->care_of_address, e, "foreign_domain");
  assert_int (m->revocation_id, e, "revocation_id");
}

/* The inner source and destination stand at fixed offsets of the inner IPv4 header. */
static void
check_tunnel_expect (const Mip4Message *m, JsonObject *e)
{
  RoamAddr source = roam_addr_from_bytes (m->payload.data + 12, 4);
  RoamAddr destination = roam_addr_from_bytes (m->payload.data + 16, 4);

  g_assert_cmpuint (m->payload.length, >=, 20);
  assert_int (m->next_header, e, "next_header");
  assert_addr (&source, e, "inner_src");
  assert_addr (&destination, e, "inner_dst");
}

static void
check_expect (const Vector *vector, const Mip4Message *m)
{
  if (vector->expect == NULL)
    return;
  assert_int (m->type, vector->expect, "type");
  switch (m->type)
    {
    case MIP4_MESSAGE_REQUEST:
      check_request_expect (m, vector->expect);
      return;
    case MIP4_MESSAGE_REPLY:
      check_reply_expect (m, vector->expect);
      return;
    case MIP4_MESSAGE_TUNNEL_DATA:
      check_tunnel_expect (m, vector->expect);
      return;
    case MIP4_MESSAGE_REVOCATION:
    case MIP4_MESSAGE_REVOCATION_ACK:
      check_revocation_expect (m, vector->expect);
      return;
    }
}

/* Authenticators of other extensions than the MHAE (33, 34, 36). */
static void
check_other_auth (const Vector *vector, const Mip4Message *m)
{
  JsonArray *others;

  if (!json_object_has_member (vector->json, "other_auth"))
    return;
  others = json_object_get_array_member (vector->json, "other_auth");
  for (guint i = 0; i < json_array_get_length (others); i++)
    {
      JsonObject *other = json_array_get_object_element (others, i);
      Mip4SecurityAssociation association = association_of (other);
      gint64 type = json_object_get_int_member (other, "ext_type");
      const Mip4AuthExtension *auth = type == 33 ? &m->mfae : type == 34 ? &m->fhae : &m->mn_aaa;

      g_assert_cmpuint (auth->count, ==, 1);
      g_assert_cmpint (mip4_verify_auth (m, auth, &association), ==, MIP4_DISCARD_NONE);
      roam_secret_unref (association.key);
    }
}

static guint64
pending_ident (const Vector *vector)
{
  JsonObject *pending = json_object_get_object_member (vector->json, "pending");

  return g_ascii_strtoull (json_object_get_string_member (pending, "ident"), NULL, 16);
}

/* RFC 5944 3.6.2.1, as far as a message can be judged without an engine. */
static gboolean
judge_reply (const Vector *vector, const Mip4Message *m)
{
  JsonObject *pending = json_object_get_object_member (vector->json, "pending");
  gboolean any_home = g_strcmp0 (json_object_get_string_member_with_default (pending, "home", ""), "0.0.0.0") == 0;

  if ((guint32)m->identification != (guint32)pending_ident (vector))
    return FALSE;
  if (mip4_code_class (m->code) == MIP4_CODE_CLASS_FOREIGN_AGENT)
    return TRUE;
  if (vector->association.key == NULL || mip4_verify_mhae (m, &vector->association) != MIP4_DISCARD_NONE)
    return FALSE;
  if (!any_home && roam_addr_to_u32 (&m->home_address) != HOME_ADDRESS)
    return FALSE;
  return m->covered.n_cvse == 0;
}

static gboolean
judge (const Vector *vector, const Mip4Message *m)
{
  switch (m->type)
    {
    case MIP4_MESSAGE_REPLY:
      return judge_reply (vector, m);
    case MIP4_MESSAGE_TUNNEL_DATA:
      return m->next_header == 4;
    case MIP4_MESSAGE_REQUEST:
      if (m->covered.udp_request.present && (m->flags & MIP4_FLAG_DECAPSULATION) == 0)
        return FALSE;
      return mip4_verify_mhae (m, &vector->association) == MIP4_DISCARD_NONE;
    case MIP4_MESSAGE_REVOCATION:
      return m->from_home_agent && mip4_verify_mhae (m, &vector->association) == MIP4_DISCARD_NONE;
    case MIP4_MESSAGE_REVOCATION_ACK:
      return mip4_verify_mhae (m, &vector->association) == MIP4_DISCARD_NONE;
    }
  return FALSE;
}

/* covers: MIP-AUTH-004, MIP-AUTH-005, MIP-AUTH-008, MIP-AUTH-009, MIP-AUTH-013, MIP-AUTH-014 */
/* covers: MIP-EXT-001, MIP-EXT-002, MIP-EXT-003, MIP-EXT-004, MIP-EXT-005, MIP-EXT-006, MIP-EXT-012 */
/* covers: MIP-GEN-001, MIP-NAT-004, MIP-NAT-012, MIP-NAT-019, MIP-REV-004, MIP-RVK-003, MIP-DHA-001 */
/* covers: MIP-CHL-001, MIP-CHL-006, MIP-MSV-001, MIP-MSV-006, MIP-MSV-012, MIP-NAI-001, MIP-TNC-001 */
static void
test_vector (gconstpointer data)
{
  const Vector *vector = data;
  Mip4Message message;

  if (mip4_parse (vector->message->data, vector->message->len, &message) != MIP4_DISCARD_NONE)
    {
      g_assert_false (vector->valid);
      return;
    }
  check_expect (vector, &message);
  check_other_auth (vector, &message);
  g_assert_cmpint (judge (vector, &message), ==, vector->valid);
  if (vector->valid && message.mhae.count > 0 && json_object_has_member (vector->json, "digest_hex"))
    {
      g_autoptr (GByteArray) digest = unhex (json_object_get_string_member (vector->json, "digest_hex"));

      g_assert_cmpmem (message.mhae.authenticator.data, message.mhae.authenticator.length, digest->data, digest->len);
    }
}

static void
check_advertisement_expect (const Mip4Advertisement *adv, JsonObject *e)
{
  static const struct
  {
    const char *name;
    guint16 mask;
  } flags[] = { { "R", 0x8000 }, { "B", 0x4000 }, { "H", 0x2000 }, { "F", 0x1000 }, { "M", 0x0800 },
                { "G", 0x0400 }, { "T", 0x0100 }, { "U", 0x0080 }, { "X", 0x0040 } };
  const Mip4Slice challenge = { adv->challenge, adv->challenge_length };

  assert_int (adv->sequence, e, "seq");
  assert_int (adv->registration_lifetime_s, e, "reg_lifetime");
  assert_int (adv->lifetime_s, e, "lifetime");
  assert_slice (&challenge, e, "challenge", TRUE);
  for (guint i = 0; i < G_N_ELEMENTS (flags); i++)
    g_assert_cmpint ((adv->flags & flags[i].mask) != 0, ==, has_flag (e, flags[i].name));
  if (json_object_has_member (e, "coa"))
    g_assert_cmpuint (adv->n_care_of, ==, json_array_get_length (json_object_get_array_member (e, "coa")));
  if (json_object_has_member (e, "prefix"))
    g_assert_cmpint (adv->routers[0].prefix_length, ==,
                     json_array_get_int_element (json_object_get_array_member (e, "prefix"), 0));
}

/* covers: MIP-EXT-013, MIP-ADV-002, MIP-ADV-003, MIP-ADV-004, MIP-ADV-009, MIP-ADV-010, MIP-ADV-011 */
/* covers: MIP-ADV-012, MIP-ADV-013, MIP-ADV-020, MIP-ADV-022, MIP-SOL-002 */
static void
test_icmp_vector (gconstpointer data)
{
  const Vector *vector = data;
  Mip4Advertisement adv = { 0 };
  Mip4AdvertisementResult result;

  if (strcmp (vector->kind, "sol") == 0)
    {
      g_autoptr (GBytes) own = mip4_build_solicitation ();

      g_assert_cmpint (mip4_is_solicitation (vector->message->data, vector->message->len), ==, vector->valid);
      g_assert_cmpmem (g_bytes_get_data (own, NULL), g_bytes_get_size (own), vector->message->data,
                       vector->message->len);
      return;
    }
  result = mip4_parse_advertisement (vector->message->data, vector->message->len, &adv);
  g_assert_cmpint (result == MIP4_ADVERTISEMENT_OK && mip4_advertisement_is_usable (&adv), ==, vector->valid);
  if (vector->expect != NULL)
    check_advertisement_expect (&adv, vector->expect);
}

/* A mobile node with one pending request: the one the vector's reply answers. */
static Mip4Mn *
mn_with_pending (const Vector *vector, RoamRng *rng)
{
  JsonObject *pending = json_object_get_object_member (vector->json, "pending");
  static const guint8 other_key[16] = { 1 };
  g_autoptr (RoamSecret) other = roam_secret_new (other_key, sizeof other_key);
  const RoamNow now = { .boot_us = 0, .ntp = pending_ident (vector) };
  Mip4MnConfig config = {
    .home_address = roam_addr_from_u32 (HOME_ADDRESS),
    .home_agent = roam_addr_from_u32 (HOME_AGENT),
    .mn_ha = vector->association,
    .lifetime_s = (guint16)json_object_get_int_member (pending, "lifetime"),
    .reverse_tunnel = TRUE,
    .nat_traversal = TRUE,
  };
  const Mip4MnCommand command = {
    .type = MIP4_MN_REGISTER,
    .path = 3,
    .serial = 7,
    .form = config.lifetime_s > 0 ? MIP4_FORM_CO_LOCATED : MIP4_FORM_HOME,
    .care_of_address = roam_addr_from_u32 (CARE_OF),
    .first_timeout_us = ROAM_USEC_PER_SEC,
    .copies = 3,
  };
  Mip4MnPathState *state;
  Mip4Mn *mn;

  /* Vectors about other or missing keys: a node with the usual SPI. */
  if (config.mn_ha.key == NULL || config.mn_ha.spi < MIP4_SPI_MIN)
    config.mn_ha = (Mip4SecurityAssociation){ .spi = 256, .algorithm = MIP4_AUTH_HMAC_MD5, .key = other };
  mn = mip4_mn_new (&config, rng);
  mip4_mn_input_command (mn, &now, &command);
  state = mip4_mn_find_path (mn, 3);
  state->current->copies[0].identification = pending_ident (vector);
  return mn;
}

static Mip4MnEvent
only_event (Mip4Mn *mn)
{
  Mip4MnEvent event = { 0 };
  guint events = 0;

  for (;;)
    {
      g_auto (Mip4MnAction) action = { 0 };

      if (!mip4_mn_pop_action (mn, &action))
        break;
      if (action.type != MIP4_MN_ACTION_EVENT)
        continue;
      event = action.event;
      events++;
    }
  g_assert_cmpuint (events, ==, 1);
  return event;
}

/* covers: MIP-RPL-002, MIP-RPL-004, MIP-RPL-005, MIP-RPL-007, MIP-RPL-008, MIP-RPL-009, MIP-RPL-010 */
/* covers: MIP-RPL-012, MIP-RPL-016, MIP-RPL-017, MIP-LIF-001, MIP-TNC-002, MIP-EXT-008, MIP-EXT-010, MIP-EXT-011 */
/* covers: MIP-IDN-009, MIP-IDN-010, MIP-IDN-012, MIP-COD-001, MIP-COD-002, MIP-AUTH-002, MIP-GEN-005, MIP-MSV-014 */
static void
test_vector_at_mobile_node (gconstpointer data)
{
  const Vector *vector = data;
  g_autoptr (RoamRng) rng = roam_rng_new_for_test (1);
  g_autoptr (Mip4Mn) mn = mn_with_pending (vector, rng);
  const RoamNow now = { .boot_us = 20000, .ntp = pending_ident (vector) };
  const RoamEndpoint source = { roam_addr_from_u32 (HOME_AGENT), MIP4_PORT };
  Mip4MnPathState *state = mip4_mn_find_path (mn, 3);
  const RoamAddr destination = state->current->care_of_address;
  guint8 code = vector->message->len > 1 ? vector->message->data[1] : 0;
  g_auto (Mip4MnAction) request = { 0 };
  Mip4MnEvent event;

  g_assert_true (mip4_mn_pop_action (mn, &request));
  mip4_mn_input_datagram (mn, &now, 3, &source, &destination, vector->message->data, vector->message->len);
  event = only_event (mn);
  g_assert_cmpuint (event.path, ==, 3);
  if (strcmp (vector->name, "rrp-cvse-unknown") == 0)
    g_assert_cmpint (event.type, ==, MIP4_MN_DENIED);
  else if (!vector->valid || mip4_code_class (code) == MIP4_CODE_CLASS_FOREIGN_AGENT)
    {
      g_assert_cmpint (event.type, ==, MIP4_MN_DISCARDED);
      g_assert_nonnull (mip4_mn_find_path (mn, 3)->current);
    }
  else if (code > 1)
    {
      g_assert_cmpint (event.type, ==, MIP4_MN_DENIED);
      g_assert_cmpuint (event.code, ==, code);
      g_assert_false (event.tnc);
    }
  else
    {
      g_assert_cmpint (event.type, ==, MIP4_MN_ACCEPTED);
      g_assert_cmpuint (event.serial, ==, 7);
      g_assert_null (mip4_mn_find_path (mn, 3)->current);
      if (vector->expect != NULL && json_object_has_member (vector->expect, "tnc"))
        g_assert_cmpint (event.tnc, ==, json_object_get_boolean_member (vector->expect, "tnc"));
      assert_int (event.lifetime_s, vector->expect, "granted");
      if (strcmp (vector->name, "rrp-udp-tunnel-reply") == 0)
        g_assert_true (event.udp_tunnel && event.keepalive_s == 110);
      else
        g_assert_false (event.udp_tunnel);
    }
}

static gboolean
fits_the_engine (const Vector *vector)
{
  JsonObject *pending;

  if (!json_object_has_member (vector->json, "pending"))
    return FALSE;
  pending = json_object_get_object_member (vector->json, "pending");
  /* Dynamic home addresses and home agents are not for this node: codec only. */
  return !json_object_has_member (pending, "home") && !json_object_has_member (pending, "ha");
}

/* Requests our own writer must produce octet by octet. */
static void
test_vector_rewritten (gconstpointer data)
{
  const Vector *vector = data;
  g_auto (WireWriter) writer = { 0 };
  Mip4Message m;

  g_assert_cmpint (mip4_parse (vector->message->data, vector->message->len, &m), ==, MIP4_DISCARD_NONE);
  wire_writer_init (&writer, MIP4_MESSAGE_MAX);
  if (m.type == MIP4_MESSAGE_REQUEST)
    mip4_write_request (&writer, m.flags, m.lifetime, &m.home_address, &m.home_agent, &m.care_of_address,
                        m.identification);
  else
    mip4_write_reply (&writer, m.code, m.lifetime, &m.home_address, &m.home_agent, m.identification);
  if (m.covered.nai.data != NULL)
    mip4_write_tlv (&writer, MIP4_EXT_NAI, m.covered.nai.data, m.covered.nai.length);
  if (m.covered.service.data != NULL)
    mip4_write_tlv (&writer, MIP4_EXT_SERVICE_SELECTION, m.covered.service.data, m.covered.service.length);
  if (m.covered.udp_request.present)
    mip4_write_udp_tunnel_request (&writer, m.covered.udp_request.forced, m.covered.udp_request.encapsulation);
  if (m.covered.udp_reply.present)
    mip4_write_udp_tunnel_reply (&writer, m.covered.udp_reply.code, m.covered.udp_reply.forced,
                                 m.covered.udp_reply.keepalive_s);
  if (m.covered.tnc)
    mip4_write_tnc (&writer);
  mip4_write_auth (&writer, MIP4_EXT_MOBILE_HOME_AUTH, &vector->association);
  g_assert_cmpmem (wire_writer_peek (&writer), wire_writer_length (&writer), vector->message->data,
                   vector->message->len);
}

static void
add_tests (Vector *vector)
{
  static const char *const rewritten[] = { "rrq-ccoa",
                                           "rrp-accept-tnc",
                                           "rrq-udp-tunnel-request",
                                           "rrp-udp-tunnel-reply",
                                           "rrp-udp-tunnel-declined",
                                           "rrq-nai-zero-home",
                                           "rrp-nai-assigned-home",
                                           "rrp-133-resync",
                                           "rrq-dereg-home",
                                           "rrp-dereg",
                                           "rrq-mc-tia",
                                           "rrq-long-key",
                                           "rrq-nonce",
                                           "rrp-nonce",
                                           NULL };
  g_autofree char *decode = g_strdup_printf ("/mip4/vectors/decode/%s", vector->name);
  g_autofree char *node = g_strdup_printf ("/mip4/vectors/mobile-node/%s", vector->name);
  g_autofree char *rewrite = g_strdup_printf ("/mip4/vectors/rewrite/%s", vector->name);

  if (strcmp (vector->kind, "adv") == 0 || strcmp (vector->kind, "sol") == 0)
    {
      g_test_add_data_func (decode, vector, test_icmp_vector);
      return;
    }
  g_test_add_data_func (decode, vector, test_vector);
  if (fits_the_engine (vector))
    g_test_add_data_func (node, vector, test_vector_at_mobile_node);
  if (g_strv_contains (rewritten, vector->name))
    g_test_add_data_func (rewrite, vector, test_vector_rewritten);
}

static Vector *
vector_new (JsonObject *json)
{
  Vector *vector = g_new0 (Vector, 1);

  vector->json = json_object_ref (json);
  vector->name = json_object_get_string_member (json, "name");
  vector->kind = json_object_get_string_member (json, "kind");
  vector->valid = json_object_get_boolean_member (json, "valid");
  vector->message = unhex (json_object_get_string_member (json, "message_hex"));
  vector->association = association_of (json);
  if (json_object_has_member (json, "expect"))
    vector->expect = json_object_get_object_member (json, "expect");
  return vector;
}

static guint n_vectors;

static void
test_all_vectors_present (void)
{
  g_assert_cmpuint (n_vectors, ==, 74);
}

int
main (int argc, char **argv)
{
  g_autoptr (JsonParser) parser = json_parser_new ();
  g_autoptr (GPtrArray) vectors = g_ptr_array_new_with_free_func (vector_free);
  g_autoptr (GError) error = NULL;
  JsonArray *array;

  g_test_init (&argc, &argv, NULL);
  if (!json_parser_load_from_file (parser, g_getenv ("MIP4_VECTORS"), &error))
    g_error ("MIP4_VECTORS must name mip4.json: %s", error->message);
  array = json_node_get_array (json_parser_get_root (parser));
  n_vectors = json_array_get_length (array);
  g_test_add_func ("/mip4/vectors/all-present", test_all_vectors_present);
  for (guint i = 0; i < n_vectors; i++)
    {
      Vector *vector = vector_new (json_array_get_object_element (array, i));

      g_ptr_array_add (vectors, vector);
      add_tests (vector);
    }
  return g_test_run ();
}
