/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "fa-fixture.h"

#include <string.h>

/* Registration Replies, visitors, and revocation at the foreign agent. */

static GBytes *
to_node (const Fa *fa)
{
  const Mip4Message message = fa_to_node (fa);

  return g_bytes_new (message.data, message.length);
}

static void
expect_octets (GBytes *bytes, GBytes *expected)
{
  g_assert_cmpmem (g_bytes_get_data (bytes, NULL), g_bytes_get_size (bytes), g_bytes_get_data (expected, NULL),
                   g_bytes_get_size (expected));
}

static guint
n_visitors (const Fa *fa)
{
  g_autoptr (GArray) visitors = mip4_fa_dup_visitors (fa->fa);

  return visitors->len;
}

/* covers: MIP-FA-016, MIP-FA-017, MIP-FA-019, MIP-EXT-006 */
static void
test_relay (void)
{
  g_autoptr (Fa) fa = fa_new (NULL);
  Forgery request = fa_request (fa), reply = fa_reply (&request);
  g_autoptr (GBytes) expected = NULL, got = NULL;
  const Mip4FaAction *action;

  fa_input (fa, forge (&request));
  fa_advance (fa, 3 * SECOND);
  reply.before = "83 05 616c696365 00 95 02 00 00 c8 01 00";
  expected = forge (&reply);
  /* From the home agent to the agent: for nobody else. */
  reply.after = "2c 06 00 00 0000 006e 86 09 0000 00000009 0001 55 00";
  fa_input_reply (fa, forge (&reply));
  got = to_node (fa);
  expect_octets (got, expected);
  action = &g_array_index (fa->actions, Mip4FaAction, 0);
  /* The way for packets is open before the node hears of it; the lifetime runs from here on. */
  g_assert_cmpint (action->type, ==, MIP4_FA_ACTION_VISITOR_ADD);
  g_assert_cmpint (action->visitor.visitor.expiry_us, ==, fa->now.boot_us + 120 * SECOND);
  /* Not asked for: no UDP tunnel although the reply says so. */
  g_assert_false (action->visitor.visitor.udp_tunnel);
  action = fa_find (fa, MIP4_FA_ACTION_SEND);
  g_assert_cmpuint (roam_addr_to_u32 (&action->send.source), ==, FA_ADDRESS);
  g_assert_cmpuint (roam_addr_to_u32 (&action->send.destination.addr), ==, HOME_ADDRESS);
  g_assert_cmpuint (action->send.destination.port, ==, MN_PORT);
  g_assert_cmpmem (action->send.link_layer, 6, fa_header (MN_MAC).link_layer, 6);
  /* Once only. */
  fa_input_reply (fa, forge (&reply));
  fa_expect_silence (fa);
  g_assert_cmpuint (fa_counter (fa, "discarded-identification"), ==, 1);
}

/* covers: MIP-FA-016 */
static void
test_matching (void)
{
  static const struct
  {
    guint32 home, source;
    guint64 identification;
    guint8 code;
    gboolean passes;
  } cases[] = {
    { .identification = 1 },                                            /* low half */
    { .identification = G_GUINT64_CONSTANT (1) << 32, .passes = TRUE }, /* the high half is the home agent's */
    { .home = 1 },                                                      /* another home address */
    { .source = 1 },                                                    /* another home agent accepts */
    { .source = 1, .code = 136, .passes = TRUE },                       /* another one denies (RFC 5944 3.6.1.2) */
    { .passes = TRUE },
  };

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_autoptr (Fa) fa = fa_new (NULL);
      Forgery request = fa_request (fa), reply;
      const Mip4FaHeader header = { .source = { roam_addr_from_u32 (HOME_AGENT + cases[i].source), MIP4_PORT },
                                    .destination = roam_addr_from_u32 (FA_CARE_OF) };

      fa_input (fa, forge (&request));
      reply = fa_reply (&request);
      reply.home += cases[i].home;
      reply.code = cases[i].code;
      reply.identification += cases[i].identification;
      fa_input_header (fa, &header, forge (&reply));
      if (cases[i].passes)
        g_assert_cmpuint (fa_to_node (fa).code, ==, cases[i].code);
      else
        fa_expect_silence (fa);
      g_assert_cmpuint (mip4_fa_n_pending (fa->fa), ==, cases[i].passes ? 0 : 1);
    }
}

/* covers: MIP-NAI-009, MIP-FA-016 */
static void
test_without_home_address (void)
{
  g_autoptr (Fa) fa = fa_new (NULL);
  Forgery alice = fa_request (fa), bob = fa_request (fa), reply;
  Mip4FaHeader header = fa_header (MN_MAC + 1);
  const Mip4FaAction *action;

  /* Two at a time, with the same Identification. */
  alice.home = bob.home = 0;
  bob.identification = alice.identification;
  alice.before = "83 05 616c696365";
  bob.before = "83 03 626f62";
  fa_input (fa, forge (&alice));
  fa_input_header (fa, &header, forge (&bob));
  g_assert_cmpuint (mip4_fa_n_pending (fa->fa), ==, 2);
  /* Without NAI nobody is meant. */
  reply = fa_reply (&bob);
  reply.home = HOME_ADDRESS + 1;
  fa_input_reply (fa, forge (&reply));
  fa_expect_silence (fa);
  reply.before = bob.before;
  fa_input_reply (fa, forge (&reply));
  action = fa_find (fa, MIP4_FA_ACTION_SEND);
  g_assert_cmpmem (action->send.link_layer, 6, header.link_layer, 6);
  g_assert_cmpuint (roam_addr_to_u32 (&action->send.destination.addr), ==, HOME_ADDRESS + 1);
  action = fa_find (fa, MIP4_FA_ACTION_VISITOR_ADD);
  g_assert_cmpuint (roam_addr_to_u32 (&action->visitor.visitor.home_address), ==, HOME_ADDRESS + 1);
  g_assert_cmpstr (action->visitor.visitor.nai, ==, "bob");
  g_assert_cmpuint (mip4_fa_n_pending (fa->fa), ==, 1);
  /* A denial names no address: broadcast, to alice's link-layer address. */
  reply = fa_reply (&alice);
  reply.home = 0;
  reply.code = 129;
  reply.before = alice.before;
  fa_input_reply (fa, forge (&reply));
  action = fa_find (fa, MIP4_FA_ACTION_SEND);
  g_assert_cmpuint (roam_addr_to_u32 (&action->send.destination.addr), ==, 0xffffffff);
  g_assert_cmpmem (action->send.link_layer, 6, fa_header (MN_MAC).link_layer, 6);
}

/* covers: MIP-FA-016, MIP-FA-027, MIP-AUTH-004, MIP-AUTH-008 */
static void
test_foreign_home_authentication (void)
{
  enum
  {
    GOOD,
    NONE,
    TWO,
    WRONG_KEY,
    WRONG_SPI,
    N_VARIANTS
  };

  for (guint i = 0; i < 2 * N_VARIANTS; i++)
    {
      const guint variant = i % N_VARIANTS;
      const gboolean md5 = i >= N_VARIANTS;
      const Mip4FaPeer peer = fa_home_agent_peer (md5);
      Mip4FaConfig config = fa_default_config ();
      g_autoptr (Fa) fa = NULL;
      g_autoptr (GBytes) plain = NULL, got = NULL;
      Forgery request, reply;
      GBytes *message;

      config.home_agents = &peer;
      config.n_home_agents = 1;
      fa = fa_new (&config);
      request = fa_request (fa);
      fa_input (fa, forge (&request));
      reply = fa_reply (&request);
      plain = forge (&reply);
      message = forge (&reply);
      if (variant != NONE)
        message = fa_authenticate (message, 34, variant == WRONG_SPI ? FA_HA_SPI + 1 : FA_HA_SPI,
                                   variant == WRONG_KEY ? mn_fa_key_hex : fa_ha_key_hex, md5);
      if (variant == TWO)
        message = fa_authenticate (message, 34, FA_HA_SPI, fa_ha_key_hex, md5);
      fa_input_reply (fa, message);
      g_assert_cmpuint (mip4_fa_n_pending (fa->fa), ==, 0);
      if (variant == GOOD)
        {
          got = to_node (fa);
          expect_octets (got, plain);
          g_assert_cmpuint (n_visitors (fa), ==, 1);
          continue;
        }
      fa_expect_denied (fa, 68);
      g_assert_true (fa_find (fa, MIP4_FA_ACTION_LOG)->log.security);
      g_assert_cmpuint (n_visitors (fa), ==, 0);
    }
}

/* covers: MIP-FA-016 */
static void
test_authentication_without_association (void)
{
  g_autoptr (Fa) fa = fa_new (NULL);
  Forgery request = fa_request (fa), reply = fa_reply (&request);

  fa_input (fa, forge (&request));
  fa_input_reply (fa, fa_authenticate (forge (&reply), 34, FA_HA_SPI, fa_ha_key_hex, FALSE));
  fa_expect_silence (fa);
  g_assert_cmpuint (fa_counter (fa, "discarded-foreign-home-auth"), ==, 1);
  /* Nor is an acceptance relayed that no home agent signed. */
  reply.n_mhae = 0;
  fa_input_reply (fa, forge (&reply));
  fa_expect_silence (fa);
  g_assert_cmpuint (fa_counter (fa, "discarded-no-mhae"), ==, 1);
}

/* covers: MIP-FA-017, MIP-AUTH-016 */
static void
test_mobile_foreign_authentication (void)
{
  const Mip4FaPeer peer = fa_node_peer (TRUE);
  Mip4FaConfig config = fa_default_config ();
  g_autoptr (Fa) fa = NULL;
  g_autoptr (GBytes) expected = NULL, got = NULL;
  Forgery request, reply;

  config.nodes = &peer;
  config.n_nodes = 1;
  fa = fa_new (&config);
  request = fa_request (fa);
  reply = fa_reply (&request);
  fa_input (fa, fa_authenticate (forge (&request), 33, MN_FA_SPI, mn_fa_key_hex, TRUE));
  expected = fa_authenticate (forge (&reply), 33, MN_FA_SPI, mn_fa_key_hex, TRUE);
  fa_input_reply (fa, forge (&reply));
  got = to_node (fa);
  expect_octets (got, expected);
}

/* covers: MIP-FA-019 */
static void
test_denial_changes_nothing (void)
{
  static const guint8 codes[] = { 128, 129, 130, 133, 136, 200, 64, 80 };
  g_autoptr (Fa) fa = fa_new (NULL);
  Forgery request = fa_request (fa), reply;
  const Mip4FaVisitor before = fa_register (fa, &request);

  for (guint i = 0; i < G_N_ELEMENTS (codes); i++)
    {
      g_autoptr (GArray) visitors = NULL;

      request = fa_request (fa);
      request.after = "82 00";
      fa_input (fa, forge (&request));
      reply = fa_reply (&request);
      reply.code = codes[i];
      fa_input_reply (fa, forge (&reply));
      g_assert_cmpuint (fa_to_node (fa).code, ==, codes[i]);
      visitors = mip4_fa_dup_visitors (fa->fa);
      g_assert_cmpuint (visitors->len, ==, 1);
      g_assert_cmpmem (visitors->data, sizeof (Mip4FaVisitor), &before, sizeof before);
    }
}

/* covers: MIP-FA-017 */
static void
test_lifetimes (void)
{
  g_autoptr (Fa) fa = fa_new (NULL);
  Forgery request = fa_request (fa), reply;
  Mip4FaVisitor visitor;

  /* More than was asked for is not believed. */
  fa_input (fa, forge (&request));
  reply = fa_reply (&request);
  reply.lifetime = 600;
  fa_input_reply (fa, forge (&reply));
  g_assert_cmpuint (fa_find (fa, MIP4_FA_ACTION_VISITOR_ADD)->visitor.visitor.lifetime_s, ==, 120);
  /* Less is; the same path is a renewal. */
  request = fa_request (fa);
  fa_input (fa, forge (&request));
  reply = fa_reply (&request);
  reply.lifetime = 60;
  fa_input_reply (fa, forge (&reply));
  visitor = fa_find (fa, MIP4_FA_ACTION_VISITOR_RENEW)->visitor.visitor;
  g_assert_cmpuint (visitor.lifetime_s, ==, 60);
  /* Another delivery style is a change. */
  request = fa_request (fa);
  request.after = "82 00";
  fa_input (fa, forge (&request));
  reply = fa_reply (&request);
  reply.lifetime = 60;
  fa_input_reply (fa, forge (&reply));
  g_assert_true (fa_find (fa, MIP4_FA_ACTION_VISITOR_CHANGE)->visitor.visitor.encapsulating_delivery);
  g_assert_false (fa_find (fa, MIP4_FA_ACTION_VISITOR_CHANGE)->visitor.old.encapsulating_delivery);
  /* Over: silently. */
  fa_advance (fa, 60 * SECOND - 1);
  g_assert_cmpuint (fa_count (fa, MIP4_FA_ACTION_VISITOR_REMOVE), ==, 0);
  fa_advance (fa, 1);
  g_assert_cmpint (fa_find (fa, MIP4_FA_ACTION_VISITOR_REMOVE)->visitor.removal, ==, MIP4_FA_REMOVED_EXPIRED);
  g_assert_cmpuint (fa_count (fa, MIP4_FA_ACTION_SEND), ==, 0);
  g_assert_cmpuint (fa_counter (fa, "visitors-expired"), ==, 1);
}

/* covers: MIP-FA-019 */
static void
test_deregistration (void)
{
  g_autoptr (Fa) fa = fa_new (NULL);
  Forgery request = fa_request (fa), reply;

  fa_register (fa, &request);
  request = fa_request (fa);
  request.lifetime = 0;
  fa_input (fa, forge (&request));
  reply = fa_reply (&request);
  reply.code = 131; /* refused: it stays */
  fa_input_reply (fa, forge (&reply));
  g_assert_cmpuint (n_visitors (fa), ==, 1);
  request = fa_request (fa);
  request.lifetime = 0;
  fa_input (fa, forge (&request));
  reply = fa_reply (&request);
  fa_input_reply (fa, forge (&reply));
  g_assert_cmpint (fa_find (fa, MIP4_FA_ACTION_VISITOR_REMOVE)->visitor.removal, ==, MIP4_FA_REMOVED_DEREGISTERED);
  g_assert_cmpuint (fa_to_node (fa).code, ==, 0);
}

/* covers: MIP-FA-018 */
static void
test_unreachable (void)
{
  static const guint8 expected[] = { 80, 81, 88, 82, 88, 88 };

  for (guint8 code = 0; code < G_N_ELEMENTS (expected); code++)
    {
      g_autoptr (Fa) fa = fa_new (NULL);
      Forgery request = fa_request (fa);
      const RoamAddr agent = roam_addr_from_u32 (HOME_AGENT), other = roam_addr_from_u32 (HOME_AGENT + 1);
      Mip4FaAction action;

      fa_input (fa, forge (&request));
      mip4_fa_input_unreachable (fa->fa, &fa->now, &other, code);
      g_assert_false (mip4_fa_pop_action (fa->fa, &action));
      mip4_fa_input_unreachable (fa->fa, &fa->now, &agent, code);
      fa_advance (fa, 0);
      while (mip4_fa_pop_action (fa->fa, &action))
        g_array_append_val (fa->actions, action);
      fa_expect_denied (fa, expected[code]);
      g_assert_cmpuint (mip4_fa_n_pending (fa->fa), ==, 0);
    }
}

/* covers: MIP-MSV-015, MIP-EXT-005, MIP-EXT-008 */
static void
test_bad_replies (void)
{
  static const struct
  {
    const char *before, *after, *counter;
  } cases[] = {
    { "63 01 00", NULL, "discarded-unknown-extension" },
    { NULL, "63 01 00", "discarded-unknown-extension" },
    { NULL, "84 ff 00", "discarded-extension-overrun" },
    { NULL, "2c 05 00 00 0000 00", "discarded-malformed-extension" },
  };

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_autoptr (Fa) fa = fa_new (NULL);
      Forgery request = fa_request (fa), reply = fa_reply (&request);

      fa_input (fa, forge (&request));
      reply.before = cases[i].before;
      reply.after = cases[i].after;
      fa_input_reply (fa, forge (&reply));
      fa_expect_silence (fa);
      g_assert_cmpuint (fa_counter (fa, cases[i].counter), ==, 1);
    }
  {
    g_autoptr (Fa) fa = fa_new (NULL);
    Forgery request = fa_request (fa), reply = fa_reply (&request);

    /* Critical, for us, unknown. For the node: the node's affair. */
    fa_input (fa, forge (&request));
    reply.after = "26 00 0007 00000009 0001 55";
    fa_input_reply (fa, forge (&reply));
    fa_expect_denied (fa, 101);
    request = fa_request (fa);
    fa_input (fa, forge (&request));
    reply = fa_reply (&request);
    reply.before = "26 00 0007 00000009 0001 55";
    fa_input_reply (fa, forge (&reply));
    g_assert_cmpuint (fa_to_node (fa).code, ==, 0);
  }
}

static void
test_udp_tunnel (void)
{
  static const struct
  {
    const char *before, *after;
    gboolean udp;
    guint16 keepalive_s;
  } cases[] = {
    { NULL, "2c 06 00 00 0000 003c", TRUE, 60 },
    { NULL, "2c 06 00 3f 0000 0000", TRUE, 0 },
    { NULL, "2c 06 00 40 0000 003c", FALSE, 0 },
    { "2c 06 00 00 0000 003c", NULL, FALSE, 0 }, /* that one is the node's */
    { NULL, NULL, FALSE, 0 },
  };
  Mip4FaConfig config = fa_default_config ();

  config.behind_nat = TRUE;
  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_autoptr (Fa) fa = fa_new (&config);
      Forgery request = fa_request (fa), reply = fa_reply (&request);
      const Mip4FaVisitor *visitor;

      fa_input (fa, forge (&request));
      reply.before = cases[i].before;
      reply.after = cases[i].after;
      fa_input_reply (fa, forge (&reply));
      visitor = &fa_find (fa, MIP4_FA_ACTION_VISITOR_ADD)->visitor.visitor;
      g_assert_cmpint (visitor->udp_tunnel, ==, cases[i].udp);
      g_assert_cmpuint (visitor->keepalive_s, ==, cases[i].keepalive_s);
    }
}

/* ---------------------------------------------------------------- revocation ---- */

static Fa *
fa_with_revocable_visitor (guint32 timestamp)
{
  const Mip4FaPeer peer = fa_home_agent_peer (FALSE);
  Mip4FaConfig config = fa_default_config ();
  g_autofree char *support = g_strdup_printf ("89 06 8000 %08x", timestamp);
  Forgery request, reply;
  Fa *fa;

  config.revocation = TRUE;
  config.home_agents = &peer;
  config.n_home_agents = 1;
  fa = fa_new (&config);
  request = fa_request (fa);
  fa_input (fa, forge (&request));
  reply = fa_reply (&request);
  fa_input_reply (fa, fa_authenticate (fa_append (forge (&reply), support), 34, FA_HA_SPI, fa_ha_key_hex, FALSE));
  g_assert_true (fa_find (fa, MIP4_FA_ACTION_VISITOR_ADD)->visitor.visitor.revocation);
  return fa;
}

/* @flags: A 8000, I 4000. */
static GBytes *
revocation (guint16 flags, guint32 home, guint32 agent, guint32 care_of, guint32 identifier, const char *key)
{
  g_autofree char *hex = g_strdup_printf ("07 00 %04x %08x %08x %08x %08x", flags, home, agent, care_of, identifier);

  return fa_authenticate (fa_append (g_bytes_new (NULL, 0), hex), 34, FA_HA_SPI, key, FALSE);
}

static void
test_revocation (void)
{
  g_autoptr (Fa) fa = fa_with_revocable_visitor (1000);
  g_autoptr (GBytes) expected = NULL;
  const Mip4FaAction *action;

  fa_input_reply (fa, revocation (0xc000, HOME_ADDRESS, HOME_AGENT, FA_CARE_OF, 1001, fa_ha_key_hex));
  g_assert_cmpint (fa_find (fa, MIP4_FA_ACTION_VISITOR_REMOVE)->visitor.removal, ==, MIP4_FA_REMOVED_REVOKED);
  action = fa_relayed (fa);
  expected = fa_authenticate (fa_append (g_bytes_new (NULL, 0), "0f 00 8000 0a010064 000003e9"), 34, FA_HA_SPI,
                              fa_ha_key_hex, FALSE);
  expect_octets (action->send.datagram, expected);
  g_assert_cmpuint (roam_addr_to_u32 (&action->send.source), ==, FA_CARE_OF);
  g_assert_cmpuint (roam_addr_to_u32 (&action->send.destination.addr), ==, HOME_AGENT);
  g_assert_cmpuint (action->send.destination.port, ==, 434);
  /* The node is told: an advertisement to it alone, as after a restart. */
  action = fa_find (fa, MIP4_FA_ACTION_SEND_ICMP);
  g_assert_cmpuint (roam_addr_to_u32 (&action->icmp.destination), ==, HOME_ADDRESS);
  g_assert_cmpuint (fa_advertisement (fa).sequence, ==, 0);
  /* The acknowledgment was lost: acknowledged again. */
  fa_input_reply (fa, revocation (0xc000, HOME_ADDRESS, HOME_AGENT, FA_CARE_OF, 1002, fa_ha_key_hex));
  g_assert_cmpuint (fa_count (fa, MIP4_FA_ACTION_SEND), ==, 1);
  g_assert_cmpuint (fa_count (fa, MIP4_FA_ACTION_VISITOR_REMOVE), ==, 0);
}

static void
test_bad_revocations (void)
{
  static const struct
  {
    guint16 flags;
    guint32 home, agent, care_of, identifier;
    gboolean wrong_key;
    const char *counter;
  } cases[] = {
    { .wrong_key = TRUE, .counter = "discarded-bad-authenticator" },
    { .flags = 0x4000, .counter = "discarded-revocation-direction" }, /* reflected: A clear */
    { .agent = HOME_AGENT + 1, .counter = "discarded-no-association" },
    { .care_of = FA_ADDRESS, .counter = "discarded-revocation-binding" },
    { .identifier = 1000, .counter = "discarded-revocation-replayed" },
    { .identifier = 999, .counter = "discarded-revocation-replayed" },
  };

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_autoptr (Fa) fa = fa_with_revocable_visitor (1000);

      fa_input_reply (fa, revocation (cases[i].flags != 0 ? cases[i].flags : 0xc000, HOME_ADDRESS,
                                      cases[i].agent != 0 ? cases[i].agent : HOME_AGENT,
                                      cases[i].care_of != 0 ? cases[i].care_of : FA_CARE_OF,
                                      cases[i].identifier != 0 ? cases[i].identifier : 1001,
                                      cases[i].wrong_key ? mn_fa_key_hex : fa_ha_key_hex));
      fa_expect_silence (fa);
      g_assert_cmpuint (fa_counter (fa, cases[i].counter), ==, 1);
      g_assert_cmpuint (n_visitors (fa), ==, 1);
    }
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/fa/reply/relay", test_relay);
  g_test_add_func ("/fa/reply/matching", test_matching);
  g_test_add_func ("/fa/reply/without-home-address", test_without_home_address);
  g_test_add_func ("/fa/reply/foreign-home-authentication", test_foreign_home_authentication);
  g_test_add_func ("/fa/reply/authentication-without-association", test_authentication_without_association);
  g_test_add_func ("/fa/reply/mobile-foreign-authentication", test_mobile_foreign_authentication);
  g_test_add_func ("/fa/reply/denial-changes-nothing", test_denial_changes_nothing);
  g_test_add_func ("/fa/reply/lifetimes", test_lifetimes);
  g_test_add_func ("/fa/reply/deregistration", test_deregistration);
  g_test_add_func ("/fa/reply/unreachable", test_unreachable);
  g_test_add_func ("/fa/reply/bad-replies", test_bad_replies);
  g_test_add_func ("/fa/reply/udp-tunnel", test_udp_tunnel);
  g_test_add_func ("/fa/revocation/valid", test_revocation);
  g_test_add_func ("/fa/revocation/bad", test_bad_revocations);
  return g_test_run ();
}
