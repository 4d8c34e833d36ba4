/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "fixture.h"
#include "mip4/mip4-codec-private.h"

#include <string.h>

/* Registration Revocation (RFC 3543) at a mobile node that registers itself. */

#define HA_TIME 0xee000000u /* the home agent's clock at the registration */
#define SUPPORT "89 06 0000 ee000000"

static Node *
registering (void)
{
  Mip4MnConfig config = node_default_config ();
  Node *node;

  config.revocation = TRUE;
  node = node_new (&config);
  node_register (node, WIFI, 5, MIP4_FORM_CO_LOCATED, CARE_OF);
  return node;
}

static void
accept_with (Node *node, const char *before)
{
  Forgery reply = forge_reply (node_last_sent (node));

  reply.before = before;
  node_receive_forged (node, &reply);
  node_expect (node, MIP4_MN_ACCEPTED);
}

static Node *
registered (void)
{
  Node *node = registering ();

  accept_with (node, SUPPORT);
  return node;
}

/* Message 7 laid over the fields of a request: flags A and I stand where the Lifetime does, the
   identifier in the high half of the Identification; the low half is the first extension. */
typedef struct
{
  guint16 bits;
  guint32 home, agent, care_of, id;
  const char *key, *before;
  guint n_mhae;
} Revocation;

static Revocation
make_revocation (guint32 id)
{
  return (Revocation){ 0x8000, HOME_ADDRESS, HOME_AGENT, CARE_OF, id, NULL, NULL, 1 };
}

static GBytes *
forge_revocation (const Revocation *revocation)
{
  g_autofree char *hex =
    g_strdup_printf ("0700%04x%08x%08x%08x%08x%s", revocation->bits, revocation->home, revocation->agent,
                     revocation->care_of, revocation->id, revocation->before != NULL ? revocation->before : "");
  g_autoptr (GByteArray) fixed = unhex (hex);
  g_autoptr (GByteArray) key = unhex (revocation->key != NULL ? revocation->key : default_key_hex);
  static const guint8 head[] = { 32, 36, 0, 0, SPI >> 8, 0 };
  GByteArray *out = g_byte_array_new ();

  g_byte_array_append (out, fixed->data, fixed->len);
  for (guint i = 0; i < revocation->n_mhae; i++)
    {
      g_autoptr (GHmac) hmac = g_hmac_new (G_CHECKSUM_SHA256, key->data, key->len);
      guint8 digest[32];
      gsize length = sizeof digest;

      g_byte_array_append (out, head, sizeof head);
      g_hmac_update (hmac, out->data, (gssize)out->len);
      g_hmac_get_digest (hmac, digest, &length);
      g_byte_array_append (out, digest, (guint)length);
    }
  return g_byte_array_free_to_bytes (out);
}

static void
receive (Node *node, const Revocation *revocation)
{
  g_autoptr (GBytes) message = forge_revocation (revocation);

  node_receive_at (node, message, WIFI, HOME_AGENT, 50434, CARE_OF);
}

/* covers: MIP-RVK-001, MIP-RVK-002, MIP-RVK-003, MIP-NAT-003 */
static void
test_support_is_offered_when_co_located (void)
{
  g_autoptr (Node) node = registering ();
  g_autofree char *types = sent_types (node_last_sent (node));
  g_autofree char *support = sent_extension (node_last_sent (node), 137);
  g_autofree char *expected = g_strdup_printf ("89060000%08x", (guint32)(node_last_sent (node)->identification >> 32));
  g_autofree char *other = NULL;

  g_assert_cmpstr (types, ==, "144 137 32");
  g_assert_cmpstr (support, ==, expected);
  node_advance (node, 20 * SECOND);
  node_register (node, WIFI, 6, MIP4_FORM_DEREGISTER, CARE_OF);
  other = sent_types (node_last_sent (node));
  g_assert_cmpstr (other, ==, "144 32");
}

/* covers: MIP-RVK-008, MIP-RVK-009, MIP-RVK-011, MIP-LIF-009, MIP-MSV-003 */
static void
test_valid_revocation (void)
{
  g_autoptr (Node) node = registered ();
  Revocation revocation = make_revocation (HA_TIME + 1);
  g_autoptr (GByteArray) expected = NULL;
  const Mip4MnEvent *event;
  const Sent *ack;
  const guint8 *data;
  guint n_sent = node_n_sent (node);
  gsize length;

  revocation.bits = 0xc000;
  revocation.before = "91 05 01 62 79 65 21";
  node_advance (node, 10 * SECOND);
  receive (node, &revocation);
  g_assert_cmpuint (node_n_sent (node), ==, n_sent + 1);
  ack = node_last_sent (node);
  g_assert_cmphex (roam_addr_to_u32 (&ack->source), ==, CARE_OF);
  g_assert_cmpuint (ack->source_port, ==, 434);
  g_assert_cmphex (roam_addr_to_u32 (&ack->destination.addr), ==, HOME_AGENT);
  g_assert_cmpuint (ack->destination.port, ==, 50434);
  data = g_bytes_get_data (ack->bytes, &length);
  expected = unhex ("0f 00 0000 0a010064 ee000001 20 24 00001000");
  g_assert_cmpuint (length, ==, expected->len + 32);
  g_assert_cmpmem (data, expected->len, expected->data, expected->len);
  event = node_expect (node, MIP4_MN_REVOKED);
  g_assert_cmpuint (event->path, ==, WIFI);
  g_assert_cmphex (roam_addr_to_u32 (&event->care_of_address), ==, CARE_OF);
  g_assert_cmpstr (event->message, ==, "bye!");
  g_assert_true (event->message_authentic);
  /* Nothing else follows: no request, no expiry. */
  node_advance (node, 2000 * SECOND);
  g_assert_cmpuint (node_n_sent (node), ==, n_sent + 1);
  g_assert_cmpuint (node_count_events (node, MIP4_MN_EXPIRED) + node_count_events (node, MIP4_MN_RENEWAL_DUE), ==, 0);
}

static void
test_acknowledgment_comes_first (void)
{
  g_autoptr (Node) node = registered ();
  const Revocation revocation = make_revocation (HA_TIME + 1);
  g_autoptr (GBytes) message = forge_revocation (&revocation);
  const RoamEndpoint from = { roam_addr_from_u32 (HOME_AGENT), 50434 };
  const RoamAddr to = roam_addr_from_u32 (CARE_OF);
  g_auto (Mip4MnAction) action = { 0 };

  mip4_mn_input_datagram (node->mn, &node->now, WIFI, &from, &to, g_bytes_get_data (message, NULL),
                          g_bytes_get_size (message));
  g_assert_true (mip4_mn_pop_action (node->mn, &action));
  g_assert_cmpint (action.type, ==, MIP4_MN_ACTION_SEND);
}

/* covers: MIP-RVK-006, MIP-RVK-007 */
static void
test_what_is_wrong_is_ignored (void)
{
  const struct
  {
    Revocation revocation;
    guint32 source;
    const char *counter;
  } cases[] = {
    { { 0x8000, HOME_ADDRESS, HOME_AGENT, CARE_OF, HA_TIME + 1, "ff", NULL, 1 },
      HOME_AGENT,
      "discarded-revocation-authenticator" },
    { { 0x8000, HOME_ADDRESS, HOME_AGENT, CARE_OF, HA_TIME + 1, NULL, NULL, 0 },
      HOME_AGENT,
      "discarded-revocation-authenticator" },
    { { 0x8000, HOME_ADDRESS, HOME_AGENT, CARE_OF, HA_TIME + 1, NULL, NULL, 2 },
      HOME_AGENT,
      "discarded-revocation-authenticator" },
    { { 0x4000, HOME_ADDRESS, HOME_AGENT, CARE_OF, HA_TIME + 1, NULL, NULL, 1 },
      HOME_AGENT,
      "discarded-revocation-direction" },
    { { 0x8000, HOME_ADDRESS + 1, HOME_AGENT, CARE_OF, HA_TIME + 1, NULL, NULL, 1 },
      HOME_AGENT,
      "discarded-revocation-binding" },
    { { 0x8000, HOME_ADDRESS, HOME_AGENT + 1, CARE_OF, HA_TIME + 1, NULL, NULL, 1 },
      HOME_AGENT,
      "discarded-revocation-binding" },
    { { 0x8000, HOME_ADDRESS, HOME_AGENT, CARE_OF_2, HA_TIME + 1, NULL, NULL, 1 },
      HOME_AGENT,
      "discarded-revocation-binding" },
    { { 0x8000, HOME_ADDRESS, HOME_AGENT, CARE_OF, HA_TIME + 1, NULL, NULL, 1 },
      HOME_AGENT + 1,
      "discarded-revocation-binding" },
    /* D-11: not newer than the registration; and older modulo 2^32. */
    { { 0x8000, HOME_ADDRESS, HOME_AGENT, CARE_OF, HA_TIME, NULL, NULL, 1 },
      HOME_AGENT,
      "discarded-revocation-replayed" },
    { { 0x8000, HOME_ADDRESS, HOME_AGENT, CARE_OF, HA_TIME + 0x80000001u, NULL, NULL, 1 },
      HOME_AGENT,
      "discarded-revocation-replayed" },
    { { 0x8000, HOME_ADDRESS, HOME_AGENT, CARE_OF, HA_TIME + 1, NULL, "05 00", 1 },
      HOME_AGENT,
      "discarded-unknown-extension" },
  };

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_autoptr (Node) node = registered ();
      g_autoptr (GBytes) message = forge_revocation (&cases[i].revocation);
      guint n_sent = node_n_sent (node);

      g_test_message ("case %u", i);
      node_receive_at (node, message, WIFI, cases[i].source, 50434, CARE_OF);
      g_assert_cmpuint (node_counter (node, cases[i].counter), ==, 1);
      g_assert_cmpuint (node_n_sent (node), ==, n_sent);
      g_assert_cmpuint (node_count_events (node, MIP4_MN_REVOKED), ==, 0);
      /* Forgeries by anyone raise no alarm about the key. */
      for (guint again = 0; again < 3; again++)
        node_receive_at (node, message, WIFI, cases[i].source, 50434, CARE_OF);
      g_assert_false (node_expect (node, MIP4_MN_DISCARDED)->key_mismatch);
      node_advance (node, 600 * SECOND);
      g_assert_cmpuint (node_count_events (node, MIP4_MN_EXPIRED), ==, 1);
    }
}

/* covers: MIP-RVK-004 */
static void
test_not_negotiated (void)
{
  static const char *const replies[] = { "", "89 05 0000 ee0000" /* malformed: as if absent */ };

  for (guint i = 0; i < G_N_ELEMENTS (replies); i++)
    {
      g_autoptr (Node) node = registering ();
      const Revocation revocation = make_revocation (HA_TIME + 1);

      accept_with (node, replies[i]);
      receive (node, &revocation);
      g_assert_cmpuint (node_counter (node, "discarded-revocation-binding"), ==, 1);
    }
}

/* The home agent added 137 unasked. */
static void
test_not_asked_for (void)
{
  g_autoptr (Node) node = node_new (NULL);
  const Revocation revocation = make_revocation (HA_TIME + 1);

  node_register (node, WIFI, 5, MIP4_FORM_CO_LOCATED, CARE_OF);
  accept_with (node, SUPPORT);
  receive (node, &revocation);
  g_assert_cmpuint (node_counter (node, "discarded-revocation-binding"), ==, 1);
}

/* covers: MIP-RVK-010, MIP-RTX-009, MIP-RVK-007 */
static void
test_repeated_revocation_is_acknowledged_again (void)
{
  g_autoptr (Node) node = registered ();
  Revocation revocation = make_revocation (HA_TIME + 10);
  guint n_sent = node_n_sent (node);

  receive (node, &revocation);
  g_assert_cmpuint (node_n_sent (node), ==, n_sent + 1);
  /* The same octets again: a replay. */
  node_advance (node, 2 * SECOND);
  receive (node, &revocation);
  g_assert_cmpuint (node_counter (node, "discarded-revocation-replayed"), ==, 1);
  g_assert_cmpuint (node_n_sent (node), ==, n_sent + 1);
  revocation.id = HA_TIME + 12;
  receive (node, &revocation);
  g_assert_cmpuint (node_n_sent (node), ==, n_sent + 2);
  g_assert_cmpuint (node_count_events (node, MIP4_MN_REVOKED), ==, 1);
  /* At most one acknowledgment a second. */
  revocation.id = HA_TIME + 13;
  node_advance (node, SECOND - 1);
  receive (node, &revocation);
  g_assert_cmpuint (node_counter (node, "discarded-revocation-rate"), ==, 1);
  node_advance (node, 1);
  receive (node, &revocation);
  g_assert_cmpuint (node_n_sent (node), ==, n_sent + 3);
  g_assert_cmpuint (node_counter (node, "revocations-acknowledged"), ==, 3);
  g_assert_cmpuint (node_counter (node, "bindings-revoked"), ==, 1);
}

/* covers: MIP-RVK-012 */
static void
test_revoking_home_agent_is_asked_ever_more_seldom (void)
{
  g_autoptr (Node) node = registered ();
  gint64 last_wait = 0;
  guint32 id = HA_TIME;

  for (guint round = 0; round < 8; round++)
    {
      Revocation revocation = make_revocation (id += 100);
      gint64 revoked_at;
      guint n_sent;

      node_advance (node, SECOND);
      receive (node, &revocation);
      revoked_at = node->now.boot_us;
      n_sent = node_n_sent (node);
      g_assert_cmpuint (node_count_events (node, MIP4_MN_REVOKED), ==, round + 1);
      /* However fast the caller is. */
      node_register (node, WIFI, 6, MIP4_FORM_CO_LOCATED, CARE_OF);
      g_assert_cmpuint (node_n_sent (node), ==, n_sent);
      while (node_n_sent (node) == n_sent)
        node_run_until (node, mip4_mn_next_deadline (node->mn));
      g_assert_cmpint (node_last_sent (node)->at_us - revoked_at, >=, MIN (2 * last_wait, 64 * SECOND));
      last_wait = node_last_sent (node)->at_us - revoked_at;
      accept_with (node, SUPPORT);
    }
  g_assert_cmpint (last_wait, ==, 64 * SECOND);
}

static void
test_backoff_is_for_that_care_of_address_and_ends (void)
{
  g_autoptr (Node) node = registered ();
  Revocation revocation = make_revocation (HA_TIME + 1);
  gint64 at;

  node_advance (node, SECOND);
  receive (node, &revocation);
  /* A move is no loop. */
  node_register (node, CABLE, 6, MIP4_FORM_CO_LOCATED, CARE_OF_2);
  g_assert_cmpuint (node_last_sent (node)->path, ==, CABLE);
  node_advance (node, 3 * SECOND);
  node_register (node, WIFI, 7, MIP4_FORM_CO_LOCATED, CARE_OF);
  accept_with (node, SUPPORT);
  /* A binding that lasted starts the waits anew. */
  node_advance (node, 100 * SECOND);
  revocation = make_revocation (HA_TIME + 200);
  receive (node, &revocation);
  at = node->now.boot_us;
  node_register (node, WIFI, 8, MIP4_FORM_CO_LOCATED, CARE_OF);
  node_advance (node, 2 * SECOND);
  g_assert_cmpint (node_last_sent (node)->at_us, ==, at + 2 * SECOND);
}

static void
test_no_revocation_of_what_is_over (void)
{
  g_autoptr (Node) node = registered ();
  const Revocation revocation = make_revocation (HA_TIME + 700);
  guint n_sent = node_n_sent (node);

  node_advance (node, 601 * SECOND);
  node_expect (node, MIP4_MN_EXPIRED);
  receive (node, &revocation);
  g_assert_cmpuint (node_counter (node, "discarded-revocation-binding"), ==, 1);
  g_assert_cmpuint (node_n_sent (node), ==, n_sent);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/mip4/mn-revocation/support", test_support_is_offered_when_co_located);
  g_test_add_func ("/mip4/mn-revocation/valid", test_valid_revocation);
  g_test_add_func ("/mip4/mn-revocation/order", test_acknowledgment_comes_first);
  g_test_add_func ("/mip4/mn-revocation/wrong", test_what_is_wrong_is_ignored);
  g_test_add_func ("/mip4/mn-revocation/not-negotiated", test_not_negotiated);
  g_test_add_func ("/mip4/mn-revocation/not-asked-for", test_not_asked_for);
  g_test_add_func ("/mip4/mn-revocation/repeated", test_repeated_revocation_is_acknowledged_again);
  g_test_add_func ("/mip4/mn-revocation/loop", test_revoking_home_agent_is_asked_ever_more_seldom);
  g_test_add_func ("/mip4/mn-revocation/backoff", test_backoff_is_for_that_care_of_address_and_ends);
  g_test_add_func ("/mip4/mn-revocation/over", test_no_revocation_of_what_is_over);
  return g_test_run ();
}
