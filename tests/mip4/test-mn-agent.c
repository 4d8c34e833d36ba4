/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "fixture.h"
#include "mip4/mip4-codec-private.h"

#include <string.h>

/* Registration through a foreign agent: what goes out, and what comes back through it. */

#define TNC "95 02 00 00"

static Node *
registering (const Mip4MnConfig *config)
{
  const Mip4Agent agent = make_agent ();
  Node *node = node_new (config);

  node_register_via (node, MIP4_FORM_FOREIGN_AGENT, &agent, AGENT_CARE_OF);
  return node;
}

static void
assert_types (const Node *node, const char *types)
{
  g_autofree char *sent = sent_types (node_last_sent (node));

  g_assert_cmpstr (sent, ==, types);
}

/* With a key shared with AGENT. */
typedef struct
{
  RoamSecret *key;
  Mip4MnFaAssociation mn_fa;
  Mip4MnConfig config;
} Shared;

static void
shared_init (Shared *shared)
{
  g_autoptr (GByteArray) key = unhex (agent_key_hex);

  shared->key = roam_secret_new (key->data, key->len);
  shared->mn_fa =
    (Mip4MnFaAssociation){ roam_addr_from_u32 (AGENT), { AGENT_SPI, MIP4_AUTH_HMAC_SHA_256, shared->key } };
  shared->config = node_default_config ();
  shared->config.mn_fa = &shared->mn_fa;
  shared->config.n_mn_fa = 1;
}

/* covers: MIP-REG-001, MIP-REG-002, MIP-REG-003, MIP-REG-004, MIP-REG-005, MIP-REG-012, MIP-REG-020, MIP-MOV-020 */
/* covers: MIP-NAT-002, MIP-RVK-002, MIP-ADV-015, MIP-REG-024, MIP-REV-002 */
static void
test_request_with_the_agents_care_of_address (void)
{
  Mip4MnConfig config = node_default_config ();
  g_autoptr (Node) node = NULL;
  const Mip4Agent agent = make_agent ();
  const Sent *sent;

  config.revocation = TRUE;
  node = registering (&config);
  sent = node_last_sent (node);
  g_assert_cmphex (sent->flags, ==, 0x02);
  g_assert_cmpuint (sent->lifetime, ==, 300);
  g_assert_cmphex (sent->home, ==, HOME_ADDRESS);
  g_assert_cmphex (sent->agent, ==, HOME_AGENT);
  g_assert_cmphex (sent->care_of, ==, AGENT_CARE_OF);
  g_assert_cmphex (roam_addr_to_u32 (&sent->source), ==, HOME_ADDRESS);
  g_assert_cmphex (roam_addr_to_u32 (&sent->destination.addr), ==, AGENT);
  g_assert_cmpuint (sent->destination.port, ==, 434);
  g_assert_cmpuint (sent->ttl, ==, 255);
  g_assert_true (sent->has_link_layer);
  g_assert_cmpmem (sent->link_layer, 6, agent.link_layer, 6);
  /* No 144 (RFC 3519 4.4), no 137 (RFC 3543 3.2), no key with the agent. */
  assert_types (node, "32");
}

/* covers: MIP-REG-020 */
static void
test_lifetime_follows_the_agent (void)
{
  static const struct
  {
    guint16 configured, advertised, requested;
  } cases[] = { { 600, 300, 300 },   { 600, 900, 600 },       { 600, 65535, 600 },
                { 65535, 300, 300 }, { 65535, 65535, 65535 }, { 65535, 0, 1800 } };

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      Mip4MnConfig config = node_default_config ();
      Mip4Agent agent = make_agent ();
      g_autoptr (Node) node = NULL;

      config.lifetime_s = cases[i].configured;
      agent.registration_lifetime_s = cases[i].advertised;
      node = node_new (&config);
      node_register_via (node, MIP4_FORM_FOREIGN_AGENT, &agent, AGENT_CARE_OF);
      g_assert_cmpuint (node_last_sent (node)->lifetime, ==, cases[i].requested);
    }
}

/* covers: MIP-REG-002, MIP-REG-005 */
static void
test_agent_known_by_its_link_layer_only (void)
{
  for (guint t = 0; t < 2; t++)
    {
      Mip4MnConfig config = node_default_config ();
      Mip4Agent agent = make_agent ();
      g_autoptr (Node) node = NULL;
      g_autoptr (GBytes) message = NULL;
      Forgery reply;

      config.reverse_tunnel = t;
      agent.address = roam_addr_from_u32 (0xe000000bu);
      node = node_new (&config);
      node_register_via (node, MIP4_FORM_FOREIGN_AGENT, &agent, AGENT_CARE_OF);
      g_assert_cmphex (roam_addr_to_u32 (&node_last_sent (node)->destination.addr), ==, 0xe000000bu);
      g_assert_true (node_last_sent (node)->has_link_layer);
      /* D-01 */
      g_assert_cmpuint (node_last_sent (node)->ttl, ==, t ? 255 : 1);
      /* D-35: whichever of its addresses the agent answers from. */
      reply = forge_reply (node_last_sent (node));
      message = forge (&reply);
      node_receive_at (node, message, WIFI, AGENT, 434, HOME_ADDRESS);
      g_assert_cmphex (roam_addr_to_u32 (&node_expect (node, MIP4_MN_ACCEPTED)->agent), ==, AGENT);
    }
}

/* covers: MIP-NAT-009, MIP-NAT-010, MIP-REG-011, MIP-REG-001, MIP-NAT-005 */
static void
test_co_located_through_an_agent (void)
{
  for (guint u = 0; u < 2; u++)
    {
      Mip4Agent agent = make_agent ();
      g_autoptr (Node) node = node_new (NULL);
      g_autofree char *udp = NULL;
      g_autoptr (GBytes) message = NULL;
      const Mip4MnEvent *event;
      const Sent *sent;
      Forgery reply;

      agent.flags |= MIP4_AGENT_REGISTRATION_REQUIRED | (u ? MIP4_AGENT_UDP_TUNNEL : 0);
      node_register_via (node, MIP4_FORM_CO_LOCATED_VIA_AGENT, &agent, CARE_OF);
      sent = node_last_sent (node);
      g_assert_cmphex (sent->flags, ==, 0x22);
      g_assert_cmphex (sent->care_of, ==, CARE_OF);
      g_assert_cmphex (roam_addr_to_u32 (&sent->source), ==, CARE_OF);
      g_assert_cmphex (roam_addr_to_u32 (&sent->destination.addr), ==, AGENT);
      g_assert_true (sent->has_link_layer);
      udp = sent_extension (sent, 144);
      g_assert_cmpstr (udp, ==, u ? "9006000040000000" : "");
      reply = forge_reply (sent);
      reply.before = u ? "2c 06 00 00 00 00 00 00" : NULL;
      message = forge (&reply);
      node_receive_at (node, message, WIFI, AGENT, 434, CARE_OF_2);
      g_assert_cmpuint (node_counter (node, "discarded-wrong-address"), ==, 1);
      /* RFC 5944 3.7.2.3: the agent answers to the home address. */
      node_receive_at (node, message, WIFI, AGENT, 434, HOME_ADDRESS);
      event = node_expect (node, MIP4_MN_ACCEPTED);
      g_assert_cmpint (event->form, ==, MIP4_FORM_CO_LOCATED_VIA_AGENT);
      g_assert_cmpint (event->udp_tunnel, ==, u);
      /* RFC 3519 4.4: the home agent learns our port from the first keepalive only. */
      g_assert_cmpint (event->keepalive_at_once, ==, u);
      g_assert_cmpuint (event->keepalive_s, ==, u ? 110 : 0);
    }
}

/* covers: MIP-NAT-011, MIP-NAT-002 */
static void
test_udp_reply_that_the_agent_asked_for_is_not_ours (void)
{
  g_autoptr (Node) node = registering (NULL);
  Forgery reply = forge_reply (node_last_sent (node));

  reply.before = "2c 06 00 00 00 00 00 6e";
  node_receive_relayed (node, &reply);
  g_assert_false (node_expect (node, MIP4_MN_ACCEPTED)->udp_tunnel);
  g_assert_cmpuint (node_counter (node, "udp-tunnel-reply-unasked"), ==, 1);
}

/* covers: MIP-REV-001, MIP-REV-004, MIP-REV-005, MIP-REV-006, MIP-REG-015 */
static void
test_encapsulating_delivery (void)
{
  Shared shared;

  for (guint t = 0; t < 2; t++)
    {
      const Mip4MnEvent *event;
      g_autoptr (Node) node = NULL;
      Forgery reply;

      shared_init (&shared);
      shared.config.encapsulating_delivery = shared.config.broadcast = TRUE;
      shared.config.reverse_tunnel = t;
      node = registering (&shared.config);
      assert_types (node, t ? "32 130 33" : "32 33");
      /* B goes with the encapsulating style only. */
      g_assert_cmphex (node_last_sent (node)->flags, ==, t ? 0x42 : 0x00);
      reply = forge_reply (node_last_sent (node));
      reply.n_mfae = 1;
      node_receive_relayed (node, &reply);
      event = node_expect (node, MIP4_MN_ACCEPTED);
      g_assert_cmpint (event->encapsulating_delivery, ==, t);
      g_assert_cmphex (roam_addr_to_u32 (&event->agent), ==, AGENT);
      roam_secret_unref (shared.key);
    }
}

/* covers: MIP-AUTH-016, MIP-AUTH-017, MIP-AUTH-011, MIP-REG-022 */
static void
test_mobile_foreign_authentication (void)
{
  Shared shared;
  g_autoptr (Node) node = NULL;
  Mip4Agent other = make_agent ();

  shared_init (&shared);
  node = registering (&shared.config);
  assert_types (node, "32 33");
  g_assert_true (sent_auth_is_valid (node_last_sent (node), 33, AGENT_SPI, agent_key_hex));
  g_assert_true (sent_auth_is_valid (node_last_sent (node), 32, SPI, default_key_hex));
  /* No association with that one. */
  node_advance (node, 10 * SECOND);
  other.address = roam_addr_from_u32 (AGENT + 9);
  node_register_via (node, MIP4_FORM_FOREIGN_AGENT, &other, AGENT_CARE_OF);
  assert_types (node, "32");
  /* Nor with a home agent asked directly. */
  node_advance (node, 10 * SECOND);
  node_register (node, WIFI, 7, MIP4_FORM_CO_LOCATED, CARE_OF);
  assert_types (node, "144 32");
  roam_secret_unref (shared.key);
}

/* covers: MIP-RPL-006, MIP-RPL-009, MIP-AUTH-021 */
static void
test_mfae_of_the_reply_is_verified (void)
{
  static const struct
  {
    guint8 code;
    guint n_mfae;
    gboolean wrong_key;
    const char *counter; /* NULL: let through */
  } cases[] = {
    { 0, 0, FALSE, "discarded-mobile-foreign-auth-count" },
    { 0, 2, FALSE, "discarded-mobile-foreign-auth-count" },
    { 0, 1, TRUE, "discarded-bad-mobile-foreign-auth" },
    { 66, 0, FALSE, "discarded-mobile-foreign-auth-count" },
    { 67, 1, TRUE, "discarded-bad-mobile-foreign-auth-67" },
    { 66, 1, FALSE, NULL },
    { 0, 1, FALSE, NULL },
  };

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_autoptr (Node) node = NULL;
      Shared shared;
      Forgery reply;

      shared_init (&shared);
      node = registering (&shared.config);
      reply = forge_reply (node_last_sent (node));
      reply.code = cases[i].code;
      reply.n_mhae = cases[i].code == 0;
      reply.n_mfae = cases[i].n_mfae;
      reply.mfae_key = cases[i].wrong_key ? other_key_hex : NULL;
      g_test_message ("case %u", i);
      node_receive_relayed (node, &reply);
      if (cases[i].counter == NULL)
        node_expect (node, cases[i].code == 0 ? MIP4_MN_ACCEPTED : MIP4_MN_DENIED);
      else
        {
          node_expect (node, MIP4_MN_DISCARDED);
          g_assert_cmpuint (node_counter (node, cases[i].counter), ==, 1);
          /* Still waiting for the true one. */
          reply = forge_reply (node_last_sent (node));
          reply.n_mfae = 1;
          node_receive_relayed (node, &reply);
          node_expect (node, MIP4_MN_ACCEPTED);
        }
      roam_secret_unref (shared.key);
    }
}

/* covers: MIP-RPL-003, MIP-RPL-007, MIP-EXT-009, MIP-TNC-003 */
static void
test_relayed_acceptance (void)
{
  g_autoptr (Node) node = registering (NULL);
  Forgery reply = forge_reply (node_last_sent (node));
  g_autoptr (GBytes) message = NULL;
  const Mip4MnEvent *event;

  reply.before = TNC;
  message = forge (&reply);
  /* Not from the home agent itself, nor to another address of ours. */
  node_receive_at (node, message, WIFI, HOME_AGENT, 434, HOME_ADDRESS);
  g_assert_cmpuint (node_counter (node, "discarded-wrong-source"), ==, 1);
  node_receive_at (node, message, WIFI, AGENT, 434, CARE_OF);
  g_assert_cmpuint (node_counter (node, "discarded-wrong-address"), ==, 1);
  reply.key = "ff";
  node_receive_relayed (node, &reply);
  g_assert_cmpuint (node_counter (node, "discarded-bad-authenticator"), ==, 1);
  reply.key = NULL;
  node_receive_relayed (node, &reply);
  event = node_expect (node, MIP4_MN_ACCEPTED);
  g_assert_true (event->tnc);
  g_assert_cmpint (event->form, ==, MIP4_FORM_FOREIGN_AGENT);
  g_assert_cmphex (roam_addr_to_u32 (&event->care_of_address), ==, AGENT_CARE_OF);
  g_assert_cmphex (roam_addr_to_u32 (&event->agent), ==, AGENT);
  g_assert_cmphex (roam_addr_to_u32 (&event->home_agent), ==, HOME_AGENT);
  g_assert_cmphex (roam_addr_to_u32 (&event->home_address), ==, HOME_ADDRESS);
  g_assert_cmpuint (event->lifetime_s, ==, 300);
  node_advance (node, 299 * SECOND);
  node_expect (node, MIP4_MN_RENEWAL_DUE);
  node_advance (node, SECOND);
  node_expect (node, MIP4_MN_EXPIRED);
}

/* covers: MIP-RPL-008, MIP-RPL-019, MIP-COD-005 */
static void
test_agents_denial_touches_no_binding_and_is_no_sign_of_the_home_agent (void)
{
  g_autoptr (Node) node = registering (NULL);
  Forgery reply = forge_reply (node_last_sent (node)), denial;
  const Mip4Agent agent = make_agent ();
  const Mip4MnEvent *event;

  node_receive_relayed (node, &reply);
  node_advance (node, 10 * SECOND);
  node_register_via (node, MIP4_FORM_FOREIGN_AGENT, &agent, AGENT_CARE_OF);
  /* Two bad authenticators; the agent's word must not set their count back. */
  reply = forge_reply (node_last_sent (node));
  reply.key = "ff";
  node_receive_relayed (node, &reply);
  node_receive_relayed (node, &reply);
  denial = forge_reply (node_last_sent (node));
  denial.code = 66;
  denial.n_mhae = 0;
  denial.before = TNC;
  node_receive_relayed (node, &denial);
  event = node_expect (node, MIP4_MN_DENIED);
  g_assert_true (event->by_agent);
  g_assert_false (event->tnc);
  g_assert_cmpuint (event->lifetime_s, ==, 0);
  g_assert_cmpuint (node_counter (node, "replies-denied-by-agent"), ==, 1);
  g_assert_cmpuint (node_counter (node, "replies-denied"), ==, 0);
  node_register_via (node, MIP4_FORM_FOREIGN_AGENT, &agent, AGENT_CARE_OF);
  node_advance (node, SECOND);
  reply = forge_reply (node_last_sent (node));
  reply.key = "ff";
  node_receive_relayed (node, &reply);
  g_assert_true (node_expect (node, MIP4_MN_DISCARDED)->key_mismatch);
  g_assert_cmpuint (node_count_events (node, MIP4_MN_EXPIRED), ==, 0);
  node_advance (node, 300 * SECOND);
  g_assert_cmpuint (node_count_events (node, MIP4_MN_EXPIRED), ==, 1);
}

/* covers: MIP-RPL-019 */
static void
test_agents_denial_hides_no_answer_of_the_home_agent (void)
{
  g_autoptr (Node) node = registering (NULL);
  Forgery answer = forge_reply (node_last_sent (node)), denial = answer;

  denial.code = 78;
  denial.n_mhae = 0;
  node_receive_relayed (node, &denial);
  node_expect (node, MIP4_MN_DENIED);
  node_receive_relayed (node, &denial);
  node_expect (node, MIP4_MN_DISCARDED);
  g_assert_cmpuint (node_counter (node, "discarded-late-denial"), ==, 1);
  answer.before = TNC;
  node_receive_relayed (node, &answer);
  g_assert_true (node_expect (node, MIP4_MN_LATE)->tnc);
}

/* covers: MIP-COD-026, MIP-EXT-009 */
static void
test_fa_error_is_a_denial_by_the_agent (void)
{
  g_autoptr (Node) node = registering (NULL);
  Forgery reply = forge_reply (node_last_sent (node));
  const Mip4MnEvent *event;

  reply.after = "2d 02 00 6d";
  node_receive_relayed (node, &reply);
  event = node_expect (node, MIP4_MN_DENIED);
  g_assert_true (event->by_agent);
  g_assert_cmpuint (event->code, ==, 109);
  g_assert_false (event->will_retry);
  g_assert_cmpint (mip4_mn_next_deadline (node->mn), ==, ROAM_NEVER);
}

/* A status of 133 is no word of the home agent's clock. */
static void
test_fa_error_repairs_nothing_of_the_home_agent (void)
{
  g_autoptr (Node) node = registering (NULL);
  Forgery reply = forge_reply (node_last_sent (node));

  reply.code = 130;
  reply.identification += G_GUINT64_CONSTANT (1) << 40;
  reply.after = "2d 02 00 85";
  node_receive_relayed (node, &reply);
  g_assert_false (node_expect (node, MIP4_MN_DENIED)->will_retry);
  g_assert_cmpuint (node_counter (node, "clock-resynchronised"), ==, 0);
}

/* covers: MIP-REG-021 */
static void
test_deregistration_through_the_agent (void)
{
  for (guint own = 0; own < 2; own++)
    {
      g_autoptr (Node) node = registering (NULL);
      Forgery reply = forge_reply (node_last_sent (node));
      const Mip4MnCommand command = {
        .type = MIP4_MN_REGISTER,
        .path = WIFI,
        .serial = 9,
        .form = MIP4_FORM_DEREGISTER,
        .care_of_address = roam_addr_from_u32 (own ? CARE_OF : AGENT_CARE_OF),
        .copies = 3,
        .agent = make_agent (),
      };
      const Sent *sent;

      node_receive_relayed (node, &reply);
      node_advance (node, 10 * SECOND);
      node_input (node, &command);
      sent = node_last_sent (node);
      g_assert_cmpuint (sent->lifetime, ==, 0);
      g_assert_cmphex (sent->flags, ==, own ? 0x22 : 0x02);
      g_assert_cmphex (roam_addr_to_u32 (&sent->source), ==, own ? CARE_OF : HOME_ADDRESS);
      g_assert_cmphex (roam_addr_to_u32 (&sent->destination.addr), ==, AGENT);
      assert_types (node, "32");
      reply = forge_reply (sent);
      node_receive_relayed (node, &reply);
      g_assert_cmpuint (node_expect (node, MIP4_MN_ACCEPTED)->lifetime_s, ==, 0);
      g_assert_cmpint (mip4_mn_next_deadline (node->mn) == ROAM_NEVER, ==, !own);
    }
}

/* covers: MIP-MOV-022, MIP-MOV-021 */
static void
test_home_and_direct_forms_ignore_the_agent (void)
{
  static const Mip4Form forms[] = { MIP4_FORM_HOME, MIP4_FORM_CO_LOCATED };

  for (guint i = 0; i < G_N_ELEMENTS (forms); i++)
    {
      g_autoptr (Node) node = node_new (NULL);
      const Mip4Agent agent = make_agent ();

      node_register_via (node, forms[i], &agent, CARE_OF);
      g_assert_cmphex (roam_addr_to_u32 (&node_last_sent (node)->destination.addr), ==, HOME_AGENT);
      g_assert_false (node_last_sent (node)->has_link_layer);
    }
}

static void
test_exhaustion_names_the_agent (void)
{
  g_autoptr (Node) node = registering (NULL);

  node_advance (node, 7 * SECOND);
  g_assert_cmpuint (node_n_sent (node), ==, 3);
  g_assert_cmphex (roam_addr_to_u32 (&node_expect (node, MIP4_MN_EXHAUSTED)->agent), ==, AGENT);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/mip4/mn-agent/request", test_request_with_the_agents_care_of_address);
  g_test_add_func ("/mip4/mn-agent/lifetime", test_lifetime_follows_the_agent);
  g_test_add_func ("/mip4/mn-agent/multicast", test_agent_known_by_its_link_layer_only);
  g_test_add_func ("/mip4/mn-agent/co-located", test_co_located_through_an_agent);
  g_test_add_func ("/mip4/mn-agent/udp-unasked", test_udp_reply_that_the_agent_asked_for_is_not_ours);
  g_test_add_func ("/mip4/mn-agent/delivery", test_encapsulating_delivery);
  g_test_add_func ("/mip4/mn-agent/mfae", test_mobile_foreign_authentication);
  g_test_add_func ("/mip4/mn-agent/mfae-reply", test_mfae_of_the_reply_is_verified);
  g_test_add_func ("/mip4/mn-agent/accepted", test_relayed_acceptance);
  g_test_add_func ("/mip4/mn-agent/denied", test_agents_denial_touches_no_binding_and_is_no_sign_of_the_home_agent);
  g_test_add_func ("/mip4/mn-agent/denied-answered", test_agents_denial_hides_no_answer_of_the_home_agent);
  g_test_add_func ("/mip4/mn-agent/fa-error", test_fa_error_is_a_denial_by_the_agent);
  g_test_add_func ("/mip4/mn-agent/fa-error-133", test_fa_error_repairs_nothing_of_the_home_agent);
  g_test_add_func ("/mip4/mn-agent/deregister", test_deregistration_through_the_agent);
  g_test_add_func ("/mip4/mn-agent/direct", test_home_and_direct_forms_ignore_the_agent);
  g_test_add_func ("/mip4/mn-agent/exhausted", test_exhaustion_names_the_agent);
  return g_test_run ();
}
