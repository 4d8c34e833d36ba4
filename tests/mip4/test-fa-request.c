/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "fa-fixture.h"

#include <string.h>

/* Registration Requests at the foreign agent: what is relayed, denied and dropped. */

static void
expect_relayed (const Fa *fa)
{
  const Mip4FaAction *action = fa_relayed (fa);

  g_assert_cmpuint (fa_count (fa, MIP4_FA_ACTION_SEND), ==, 1);
  g_assert_cmpuint (roam_addr_to_u32 (&action->send.source), ==, FA_CARE_OF);
  g_assert_cmpuint (action->send.source_port, ==, 434);
  g_assert_cmpuint (action->send.destination.port, ==, 434);
}

static void
expect_octets (GBytes *bytes, GBytes *expected)
{
  g_assert_cmpmem (g_bytes_get_data (bytes, NULL), g_bytes_get_size (bytes), g_bytes_get_data (expected, NULL),
                   g_bytes_get_size (expected));
}

/* covers: MIP-FA-010, MIP-FA-011, MIP-FA-012, MIP-EXT-002, MIP-EXT-006, MIP-AUTH-018 */
static void
test_relay (void)
{
  g_autoptr (Fa) fa = fa_new (NULL);
  Forgery request = fa_request (fa);
  g_autoptr (GBytes) expected = NULL;
  Mip4FaVisitor visitor;

  /* NAI, two paddings, an unknown one that may be skipped. */
  request.before = "83 05 616c696365 00 00 c8 02 dead";
  expected = forge (&request);
  /* Style 130, a vendor's for this hop, and padding. */
  request.after = "82 00 86 09 0000 00000009 0001 55 00";
  visitor = fa_register (fa, &request);
  fa_input (fa, forge (&request));
  expect_relayed (fa);
  g_assert_cmpuint (roam_addr_to_u32 (&fa_relayed (fa)->send.destination.addr), ==, HOME_AGENT);
  expect_octets (fa_relayed (fa)->send.datagram, expected);

  g_assert_cmpuint (roam_addr_to_u32 (&visitor.home_address), ==, HOME_ADDRESS);
  g_assert_cmpuint (roam_addr_to_u32 (&visitor.home_agent), ==, HOME_AGENT);
  g_assert_cmpuint (roam_addr_to_u32 (&visitor.source.addr), ==, HOME_ADDRESS);
  g_assert_cmpuint (visitor.source.port, ==, MN_PORT);
  g_assert_cmpuint (roam_addr_to_u32 (&visitor.request_destination), ==, FA_ADDRESS);
  g_assert_cmpmem (visitor.link_layer, 6, fa_header (MN_MAC).link_layer, 6);
  g_assert_cmpuint (visitor.identification, ==, request.identification);
  g_assert_cmpuint (visitor.requested_s, ==, 120);
  g_assert_cmpuint (visitor.lifetime_s, ==, 120);
  g_assert_cmpstr (visitor.nai, ==, "alice");
  g_assert_true (visitor.reverse_tunnel && visitor.encapsulating_delivery && !visitor.co_located);
}

/* covers: MIP-FA-010, MIP-FA-027, MIP-AUTH-018, MIP-AUTH-004, MIP-AUTH-005, MIP-AUTH-008, MIP-AUTH-001 */
static void
test_foreign_home_authentication (void)
{
  for (guint md5 = 0; md5 < 2; md5++)
    {
      const Mip4FaPeer peer = fa_home_agent_peer (md5 == 1);
      Mip4FaConfig config = fa_default_config ();
      g_autoptr (Fa) fa = NULL;
      g_autoptr (GBytes) expected = NULL, plain = NULL;
      Forgery request;

      config.home_agents = &peer;
      config.n_home_agents = 1;
      fa = fa_new (&config);
      request = fa_request (fa);
      expected = fa_authenticate (forge (&request), 34, FA_HA_SPI, fa_ha_key_hex, md5 == 1);
      request.after = "82 00";
      fa_input (fa, forge (&request));
      expect_octets (fa_relayed (fa)->send.datagram, expected);
      /* Not on a deregistration, and not for a care-of address that is the node's own. */
      request = fa_request (fa);
      request.lifetime = 0;
      plain = forge (&request);
      fa_input (fa, forge (&request));
      expect_octets (fa_relayed (fa)->send.datagram, plain);
      request = fa_request (fa);
      request.code |= MIP4_FLAG_DECAPSULATION;
      request.care_of = CARE_OF;
      g_clear_pointer (&plain, g_bytes_unref);
      plain = forge (&request);
      fa_input (fa, forge (&request));
      expect_octets (fa_relayed (fa)->send.datagram, plain);
      /* A home agent without association. */
      request = fa_request (fa);
      request.agent = 0x0a010003;
      g_clear_pointer (&plain, g_bytes_unref);
      plain = forge (&request);
      fa_input (fa, forge (&request));
      expect_octets (fa_relayed (fa)->send.datagram, plain);
    }
}

typedef struct
{
  const char *what;
  guint8 code; /* 0: relayed */
  guint8 flags;
  guint16 lifetime;
  guint32 home, agent, care_of;
  const char *before, *after;
  guint8 ttl;
} Case;

/* covers: MIP-FA-006, MIP-FA-007, MIP-FA-008, MIP-FA-009, MIP-DHA-015, MIP-NAI-009, MIP-MSV-015 */
static void
test_denials (void)
{
  static const Case cases[] = {
    { .what = "reserved bits are ignored", .flags = 0x07 },
    { .what = "care-of address not offered", .code = 77, .care_of = 0x0a090003 },
    { .what = "none offered of a deregistration", .care_of = 0x0a090003, .lifetime = 0xaaaa },
    { .what = "own care-of address", .flags = 0x22, .care_of = CARE_OF },
    { .what = "lifetime", .code = 69, .lifetime = 301 },
    { .what = "infinite lifetime", .code = 69, .lifetime = 0xffff },
    { .what = "longest lifetime", .lifetime = 300 },
    { .what = "T from far away", .code = 76, .ttl = 254 },
    { .what = "T from very near", .code = 76, .ttl = 1 },
    { .what = "no T, any TTL", .flags = 0x80, .ttl = 1 },
    { .what = "minimal encapsulation", .code = 72, .flags = 0x12 },
    { .what = "GRE", .code = 72, .flags = 0x0a },
    { .what = "GRE is not ours when the node decapsulates", .flags = 0x2a, .care_of = CARE_OF },
    { .what = "130 without T", .code = 70, .flags = 0x80, .after = "82 00" },
    { .what = "130 with T", .after = "82 00" },
    { .what = "home agent is the agent itself", .code = 194, .agent = FA_ADDRESS },
    { .what = "home agent is another own address", .code = 194, .agent = FA_OTHER },
    { .what = "home agent is the care-of address", .code = 194, .agent = FA_CARE_OF },
    { .what = "no home agent", .code = 90, .agent = 0xffffffff },
    { .what = "dynamic home agent", .agent = 0xffffffff, .before = "8b 01 0004 0a010002" },
    { .what = "dynamic home agent, short layout", .agent = 0xffffffff, .before = "8b 05 01 0a010002" },
    { .what = "redirected is not requested", .code = 90, .agent = 0xffffffff, .before = "8b 02 0004 0a010002" },
    { .what = "dynamic home agent is us", .code = 194, .agent = 0xffffffff, .before = "8b 01 0004 0a020001" },
    { .what = "dynamic home agent is a group", .code = 90, .agent = 0xffffffff, .before = "8b 01 0004 e0000001" },
    { .what = "no home address", .code = 96, .home = 0xaaaaaaaa },
    { .what = "no home address but a NAI", .home = 0xaaaaaaaa, .before = "83 05 616c696365" },
    { .what = "home address of the visited link", .code = 65, .home = 0x0a020033 },
    { .what = "home address of the agent", .code = 65, .home = FA_OTHER },
    { .what = "home address is a group", .code = 70, .home = 0xe0000005 },
    { .what = "critical vendor extension for us", .code = 100, .after = "26 00 0007 00000009 0001 55" },
    { .what = "critical vendor extension for the home agent", .before = "26 00 0007 00000009 0001 55" },
  };

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      const Case *c = &cases[i];
      g_autoptr (Fa) fa = fa_new (NULL);
      Forgery request = fa_request (fa);
      Mip4FaHeader header = fa_header (MN_MAC);

      g_test_message ("%s", c->what);
      request.code = c->flags != 0 ? c->flags : request.code;
      request.lifetime = c->lifetime == 0xaaaa ? 0 : c->lifetime != 0 ? c->lifetime : request.lifetime;
      request.home = c->home == 0xaaaaaaaa ? 0 : c->home != 0 ? c->home : request.home;
      request.agent = c->agent != 0 ? c->agent : request.agent;
      request.care_of = c->care_of != 0 ? c->care_of : request.care_of;
      request.before = c->before;
      request.after = c->after;
      header.ttl = c->ttl != 0 ? c->ttl : 255;
      fa_input_header (fa, &header, forge (&request));
      if (c->code == 0)
        {
          g_assert_cmpuint (fa_count (fa, MIP4_FA_ACTION_LOG), ==, 0);
          expect_relayed (fa);
          g_assert_cmpuint (roam_addr_to_u32 (&fa_relayed (fa)->send.destination.addr), ==, HOME_AGENT);
          continue;
        }
      fa_expect_denied (fa, c->code);
      if (c->code == 69)
        g_assert_cmpuint (fa_to_node (fa).lifetime, ==, 300);
    }
}

/* covers: MIP-FA-006, MIP-FA-007 */
static void
test_policies (void)
{
  Mip4FaConfig config = fa_default_config ();
  g_autoptr (Fa) strict = NULL, required = NULL, none = NULL, direct = NULL;
  Forgery request;

  config.strict_reserved = TRUE;
  strict = fa_new (&config);
  request = fa_request (strict);
  request.code = 0x06;
  fa_input (strict, forge (&request));
  fa_expect_denied (strict, 70);

  config = fa_default_config ();
  config.reverse_tunnel_required = TRUE;
  required = fa_new (&config);
  request = fa_request (required);
  request.code = 0;
  fa_input (required, forge (&request));
  fa_expect_denied (required, 75);
  request = fa_request (required);
  fa_input (required, forge (&request));
  expect_relayed (required);

  config = fa_default_config ();
  config.reverse_tunnel = config.encapsulating_delivery = FALSE;
  none = fa_new (&config);
  request = fa_request (none);
  fa_input (none, forge (&request));
  fa_expect_denied (none, 74);
  request = fa_request (none);
  request.code = 0;
  fa_input (none, forge (&request));
  expect_relayed (none);

  config = fa_default_config ();
  config.encapsulating_delivery = FALSE;
  direct = fa_new (&config);
  request = fa_request (direct);
  request.after = "82 00";
  fa_input (direct, forge (&request));
  fa_expect_denied (direct, 79);
}

/* covers: MIP-FA-006, MIP-FA-027, MIP-AUTH-001, MIP-AUTH-004, MIP-AUTH-005, MIP-AUTH-016 */
static void
test_mobile_foreign_authentication (void)
{
  for (guint md5 = 0; md5 < 2; md5++)
    {
      const Mip4FaPeer peer = fa_node_peer (md5 == 1);
      Mip4FaConfig config = fa_default_config ();
      g_autoptr (Fa) fa = NULL;
      g_autoptr (GBytes) expected = NULL;
      GBytes *message;
      Forgery request;

      config.nodes = &peer;
      config.n_nodes = 1;
      fa = fa_new (&config);
      request = fa_request (fa);
      expected = forge (&request);
      /* Valid; the extension ends here. */
      fa_input (fa, fa_authenticate (forge (&request), 33, MN_FA_SPI, mn_fa_key_hex, md5 == 1));
      expect_relayed (fa);
      expect_octets (fa_relayed (fa)->send.datagram, expected);
      /* None. */
      request = fa_request (fa);
      fa_input (fa, forge (&request));
      fa_expect_denied (fa, 67);
      g_assert_true (fa_find (fa, MIP4_FA_ACTION_LOG)->log.security);
      /* Our denial carries one as well. */
      g_assert_cmpuint (fa_to_node (fa).mfae.count, ==, 1);
      {
        const Mip4Message denial = fa_to_node (fa);

        g_assert_cmpint (mip4_verify_auth (&denial, &denial.mfae, &peer.association), ==, MIP4_DISCARD_NONE);
      }
      /* Two, another key, another SPI, a changed octet: each alone. */
      for (guint i = 0; i < 4; i++)
        {
          fa_advance (fa, 2 * SECOND);
          request = fa_request (fa);
          message = fa_authenticate (forge (&request), 33, i == 2 ? MN_FA_SPI + 1 : MN_FA_SPI,
                                     i == 1 ? fa_ha_key_hex : mn_fa_key_hex, md5 == 1);
          if (i == 0)
            message = fa_authenticate (message, 33, MN_FA_SPI, mn_fa_key_hex, md5 == 1);
          if (i == 3)
            {
              GByteArray *octets = g_bytes_unref_to_array (message);

              octets->data[3] ^= 1;
              message = g_byte_array_free_to_bytes (octets);
            }
          fa_input (fa, message);
          fa_expect_denied (fa, 67);
        }
      /* From a node without association: nothing can be right about it. */
      request = fa_request (fa);
      request.home++;
      fa_input (fa, fa_authenticate (forge (&request), 33, MN_FA_SPI, mn_fa_key_hex, md5 == 1));
      fa_expect_silence (fa);
      g_assert_true (fa_find (fa, MIP4_FA_ACTION_LOG)->log.security);
      g_assert_cmpuint (fa_counter (fa, "discarded-no-association"), ==, 1);
    }
}

/* covers: MIP-FA-014, MIP-FA-015 */
static void
test_denial_addresses (void)
{
  g_autoptr (Fa) fa = fa_new (NULL);
  Forgery request = fa_request (fa);
  Mip4FaHeader header = fa_header (MN_MAC);
  const Mip4FaAction *action;
  Mip4Message reply;

  request.care_of = CARE_OF;
  header.destination = roam_addr_from_u32 (FA_OTHER);
  fa_input_header (fa, &header, forge (&request));
  action = fa_find (fa, MIP4_FA_ACTION_SEND);
  reply = fa_to_node (fa);
  g_assert_cmpuint (roam_addr_to_u32 (&action->send.source), ==, FA_OTHER);
  g_assert_cmpuint (action->send.source_port, ==, 434);
  g_assert_cmpuint (roam_addr_to_u32 (&action->send.destination.addr), ==, HOME_ADDRESS);
  g_assert_cmpuint (action->send.destination.port, ==, MN_PORT);
  g_assert_true (action->send.visited);
  g_assert_cmpmem (action->send.link_layer, 6, header.link_layer, 6);
  g_assert_cmpuint (roam_addr_to_u32 (&reply.home_address), ==, HOME_ADDRESS);
  g_assert_cmpuint (roam_addr_to_u32 (&reply.home_agent), ==, HOME_AGENT);
  g_assert_cmpuint (reply.identification, ==, request.identification);
  g_assert_cmpuint (reply.lifetime, ==, 120);

  /* A second has not passed: counted only. */
  fa_advance (fa, SECOND - 1);
  fa_input_header (fa, &header, forge (&request));
  fa_expect_silence (fa);
  g_assert_cmpuint (fa_counter (fa, "denials-not-sent"), ==, 1);
  fa_advance (fa, 1);
  /* Multicast, and no home address. */
  header.destination = roam_addr_from_u32 (0xe000000b);
  request.home = 0;
  fa_input_header (fa, &header, forge (&request));
  action = fa_find (fa, MIP4_FA_ACTION_SEND);
  g_assert_cmpuint (roam_addr_to_u32 (&action->send.source), ==, FA_ADDRESS);
  g_assert_cmpuint (roam_addr_to_u32 (&action->send.destination.addr), ==, 0xffffffff);
  /* Another node is answered at once. */
  header = fa_header (MN_MAC + 1);
  fa_input_header (fa, &header, forge (&request));
  fa_expect_denied (fa, 96);
}

/* covers: MIP-EXT-001, MIP-EXT-003, MIP-EXT-004, MIP-EXT-005 */
/* covers: MIP-EXT-007, MIP-EXT-008, MIP-GEN-006, MIP-CHL-013, MIP-RVK-016 */
static void
test_silent_discards (void)
{
  static const struct
  {
    const char *before, *after, *counter;
  } cases[] = {
    { "63 01 00", NULL, "discarded-unknown-extension" },
    { NULL, "63 01 00", "discarded-unknown-extension" },
    /* Known in advertisements only. */
    { "10 0a 0000 0000 0000 0a090002", NULL, "discarded-unknown-extension" },
    { "13 01 18", NULL, "discarded-unknown-extension" },
    { NULL, "82 ff", "discarded-extension-overrun" },
    { NULL, "82", "discarded-extension-overrun" },
    { NULL, "24 01 00", "discarded-extension-overrun" },
    { NULL, "24 01 00ff 00001770", "discarded-extension-overrun" },
    { NULL, "24 02 0004 00001770", "discarded-unknown-extension" },
    { NULL, "21 02 0000", "discarded-malformed-extension" },
    /* A challenge that nothing authenticates. */
    { NULL, "84 08 0102030405060708", "discarded-challenge-alone" },
    /* Revocation Support of a node that is not co-located. */
    { "89 06 8000 00000001", NULL, "discarded-revocation-support" },
    { NULL, "89 06 8000 00000001", "discarded-revocation-support" },
  };

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_autoptr (Fa) fa = fa_new (NULL);
      Forgery request = fa_request (fa);

      g_test_message ("%u: %s", i, cases[i].counter);
      request.before = cases[i].before;
      request.after = cases[i].after;
      fa_input (fa, forge (&request));
      fa_expect_silence (fa);
      g_assert_cmpuint (fa_counter (fa, cases[i].counter), ==, 1);
      g_assert_cmpuint (mip4_fa_n_pending (fa->fa), ==, 0);
    }
}

/* covers: MIP-GEN-006, MIP-FA-024 */
static void
test_other_messages (void)
{
  g_autoptr (Fa) fa = fa_new (NULL);
  Forgery request = fa_request (fa), reply = fa_reply (&request);
  Mip4FaHeader header = fa_header (MN_MAC);

  /* A reply from the visited link, a request from the other side, and what nobody knows. */
  fa_input (fa, forge (&reply));
  fa_expect_silence (fa);
  header.visited = FALSE;
  fa_input_header (fa, &header, forge (&request));
  fa_expect_silence (fa);
  reply.type = 99;
  fa_input (fa, forge (&reply));
  fa_expect_silence (fa);
  g_assert_cmpuint (fa_counter (fa, "discarded-unknown-message"), ==, 3);
  fa_input (fa, g_bytes_new (NULL, 0));
  fa_expect_silence (fa);
  fa_input (fa, g_bytes_new ("\x01\x02\x00", 3));
  fa_expect_silence (fa);
  g_assert_cmpuint (fa_counter (fa, "discarded-short"), ==, 1);
  /* No authorization-enabling extension at all. */
  request.n_mhae = 0;
  fa_input (fa, forge (&request));
  fa_expect_denied (fa, 70);
}

/* covers: MIP-FA-013, MIP-FA-024 */
static void
test_pending (void)
{
  Mip4FaConfig config = fa_default_config ();
  g_autoptr (Fa) fa = NULL;
  Forgery request;
  Mip4FaHeader header;

  config.max_pending = 7;
  fa = fa_new (&config);
  for (guint i = 0; i < 5; i++)
    {
      request = fa_request (fa);
      request.home += i;
      fa_input (fa, forge (&request));
      expect_relayed (fa);
    }
  /* The sixth of one node. */
  request = fa_request (fa);
  request.home += 5;
  fa_input (fa, forge (&request));
  fa_expect_denied (fa, 66);
  /* A retransmission takes no room. */
  request = fa_request (fa);
  fa_input (fa, forge (&request));
  expect_relayed (fa);
  g_assert_cmpuint (mip4_fa_n_pending (fa->fa), ==, 5);
  /* Others, up to the bound for all. */
  for (guint i = 0; i < 3; i++)
    {
      header = fa_header (MN_MAC + 1 + i);
      request = fa_request (fa);
      request.home += 10 + i;
      fa_input_header (fa, &header, forge (&request));
      if (i < 2)
        expect_relayed (fa);
      else
        fa_expect_denied (fa, 66);
    }
  /* Seven seconds: each is denied, within the rate of one a second and node; the home agent is told nothing. */
  fa_advance (fa, 7 * SECOND - 1);
  g_assert_cmpuint (fa_count (fa, MIP4_FA_ACTION_SEND), ==, 0);
  fa_advance (fa, 1);
  g_assert_cmpuint (mip4_fa_n_pending (fa->fa), ==, 0);
  g_assert_cmpuint (fa_counter (fa, "requests-without-answer"), ==, 7);
  g_assert_cmpuint (fa_count (fa, MIP4_FA_ACTION_SEND), ==, 3);
  for (guint i = 0; i < fa->actions->len; i++)
    {
      const Mip4FaAction *action = &g_array_index (fa->actions, Mip4FaAction, i);

      if (action->type == MIP4_FA_ACTION_SEND)
        {
          g_assert_true (action->send.visited);
          g_assert_cmpuint (((const guint8 *)g_bytes_get_data (action->send.datagram, NULL))[1], ==, 78);
        }
    }
}

/* covers: MIP-FA-025 */
static void
test_behind_nat (void)
{
  const Mip4FaPeer peer = fa_home_agent_peer (FALSE);
  Mip4FaConfig config = fa_default_config ();
  g_autoptr (Fa) fa = NULL;
  g_autoptr (GBytes) expected = NULL, plain = NULL;
  Forgery request;

  config.behind_nat = config.registration_required = TRUE;
  config.home_agents = &peer;
  config.n_home_agents = 1;
  fa = fa_new (&config);
  request = fa_request (fa);
  /* After the MHAE, before the FHAE, from the care-of address. */
  expected =
    fa_authenticate (fa_append (forge (&request), "90 06 00 00 00 00 0000"), 34, FA_HA_SPI, fa_ha_key_hex, FALSE);
  fa_input (fa, forge (&request));
  expect_relayed (fa);
  expect_octets (fa_relayed (fa)->send.datagram, expected);
  /* Never for a co-located care-of address: the tunnel would end here. */
  request = fa_request (fa);
  request.code |= MIP4_FLAG_DECAPSULATION;
  request.care_of = CARE_OF;
  plain = forge (&request);
  fa_input (fa, forge (&request));
  expect_octets (fa_relayed (fa)->send.datagram, plain);
}

/* covers: MIP-RVK-016 */
static void
test_revocation_support (void)
{
  const Mip4FaPeer peer = fa_home_agent_peer (FALSE);
  Mip4FaConfig config = fa_default_config ();
  g_autoptr (Fa) fa = NULL, without = NULL;
  g_autoptr (GBytes) expected = NULL, plain = NULL;
  g_autofree char *support = NULL;
  Forgery request;

  config.revocation = TRUE;
  config.home_agents = &peer;
  config.n_home_agents = 1;
  fa = fa_new (&config);
  request = fa_request (fa);
  support = g_strdup_printf ("89 06 8000 %08x", (guint32)(fa->now.ntp >> 32));
  expected = fa_authenticate (fa_append (forge (&request), support), 34, FA_HA_SPI, fa_ha_key_hex, FALSE);
  fa_input (fa, forge (&request));
  expect_octets (fa_relayed (fa)->send.datagram, expected);
  /* Nobody to authenticate it with. */
  config.n_home_agents = 0;
  without = fa_new (&config);
  request = fa_request (without);
  plain = forge (&request);
  fa_input (without, forge (&request));
  expect_octets (fa_relayed (without)->send.datagram, plain);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/fa/request/relay", test_relay);
  g_test_add_func ("/fa/request/foreign-home-authentication", test_foreign_home_authentication);
  g_test_add_func ("/fa/request/denials", test_denials);
  g_test_add_func ("/fa/request/policies", test_policies);
  g_test_add_func ("/fa/request/mobile-foreign-authentication", test_mobile_foreign_authentication);
  g_test_add_func ("/fa/request/denial-addresses", test_denial_addresses);
  g_test_add_func ("/fa/request/silent-discards", test_silent_discards);
  g_test_add_func ("/fa/request/other-messages", test_other_messages);
  g_test_add_func ("/fa/request/pending", test_pending);
  g_test_add_func ("/fa/request/behind-nat", test_behind_nat);
  g_test_add_func ("/fa/request/revocation-support", test_revocation_support);
  return g_test_run ();
}
