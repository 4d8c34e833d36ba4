/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What a Child SA may and may not come with, and what the gateway configures. Scripted gateway, virtual time. */
#include "ike/ike-session-private.h"
#include "tests/ike/world.h"

#include <string.h>

static const IkeMessage *
last_create_child (World *world)
{
  return gateway_last_seen (world->gateway, IKE_EXCHANGE_CREATE_CHILD_SA)->message;
}

/* --- notifies nobody asked for --- */

static guint16 unsolicited;
static guint8 unsolicited_in;

static void
add_unsolicited (Gateway *gateway, guint8 exchange, IkePayloads *answer)
{
  static const guint8 ipcomp[] = { 0x12, 0x34, 2 }; /* CPI, DEFLATE */

  if (exchange == unsolicited_in)
    ike_payloads_add_notify (answer, unsolicited, unsolicited == IKE_NOTIFY_IPCOMP_SUPPORTED ? ipcomp : NULL,
                             unsolicited == IKE_NOTIFY_IPCOMP_SUPPORTED ? sizeof ipcomp : 0);
}

static World *
with_unsolicited (guint16 notify, guint8 exchange)
{
  IkeConfig config = world_config ();
  World *world = world_new (&config);

  unsolicited = notify;
  unsolicited_in = exchange;
  world->gateway->decorate = add_unsolicited;
  world_start (world, world->a);
  return world;
}

/* So there never is a Child SA in transport mode that could not move. covers: IKE-CHI-006, IKE-CHI-009, MOB-SUP-006 */
static void
test_unsolicited_in_auth (void)
{
  static const guint16 notifies[] = { IKE_NOTIFY_USE_TRANSPORT_MODE, IKE_NOTIFY_IPCOMP_SUPPORTED };

  for (guint i = 0; i < G_N_ELEMENTS (notifies); i++)
    {
      g_autoptr (World) world = with_unsolicited (notifies[i], IKE_EXCHANGE_IKE_AUTH);
      const IkeEvent *event = world_run_until (world, IKE_EVENT_FAILED, 10 * SEC);

      g_assert_nonnull (strstr (event->reason, i == 0 ? "transport mode" : "IPComp"));
      g_assert_cmpuint (world->children->len, ==, 0);
      g_assert_cmpuint (gateway_live_sas (world->gateway), ==, 0); /* it was told */
      g_assert_null (ike_message_find_notify (gateway_first_auth (world->gateway), IKE_NOTIFY_USE_TRANSPORT_MODE));
      g_assert_null (ike_message_find_notify (gateway_first_auth (world->gateway), IKE_NOTIFY_IPCOMP_SUPPORTED));
    }
}

/* covers: IKE-CHI-006, IKE-CHI-009 */
static void
test_unsolicited_in_rekey (void)
{
  static const guint16 notifies[] = { IKE_NOTIFY_USE_TRANSPORT_MODE, IKE_NOTIFY_IPCOMP_SUPPORTED };

  for (guint i = 0; i < G_N_ELEMENTS (notifies); i++)
    {
      g_autoptr (World) world = with_unsolicited (notifies[i], IKE_EXCHANGE_CREATE_CHILD_SA);

      world_run_until (world, IKE_EVENT_ESTABLISHED, SEC);
      world_command (world, IKE_REKEY_CHILD);
      world_run (world, 5 * SEC);
      /* The one in use stays; the gateway's half of the other is deleted. */
      g_assert_cmpuint (world->children->len, ==, 1);
      g_assert_cmpuint (world->outbound, ==, 1);
      g_assert_cmpuint (gateway_live_children (world->gateway), ==, 1);
      g_assert_cmpuint (world_counter (world, "child-answers-refused"), ==, 1);
    }
}

/* covers: IKE-CHI-007, IKE-CHI-008 */
static void
test_notifies_without_effect (void)
{
  static const guint16 notifies[] = { IKE_NOTIFY_NON_FIRST_FRAGMENTS_ALSO, IKE_NOTIFY_ESP_TFC_PADDING_NOT_SUPPORTED };

  for (guint i = 0; i < G_N_ELEMENTS (notifies); i++)
    {
      g_autoptr (World) world = with_unsolicited (notifies[i], IKE_EXCHANGE_IKE_AUTH);

      world_run_until (world, IKE_EVENT_ESTABLISHED, SEC);
      world_command (world, IKE_REKEY_CHILD);
      world_run (world, SEC);
      g_assert_cmpuint (world->outbound, ==, 2);
      /* We never offered it, so it is off, and stays off; TFC padding is never sent (tunnel tests). */
      g_assert_null (
        ike_message_find_notify (gateway_first_auth (world->gateway), IKE_NOTIFY_NON_FIRST_FRAGMENTS_ALSO));
      g_assert_null (ike_message_find_notify (last_create_child (world), IKE_NOTIFY_NON_FIRST_FRAGMENTS_ALSO));
    }
}

/* --- key exchange and sequence numbers of Child SAs --- */

/* covers: IKE-KE-008 */
static void
test_no_key_exchange (void)
{
  IkeConfig config = world_config ();
  g_autoptr (World) world = NULL;
  g_autoptr (World) usual = world_established (NULL);
  const IkePayload *proposal;

  config.esp_proposals = "aes256gcm16-modpnone";
  world = world_established (&config);
  world_command (world, IKE_REKEY_CHILD);
  world_run (world, SEC);
  g_assert_cmpuint (world->outbound, ==, 2);
  g_assert_null (ike_message_find (last_create_child (world), IKE_PAYLOAD_KE));
  proposal = ike_message_find (last_create_child (world), IKE_PAYLOAD_SA);
  g_assert_cmpuint (proposal->sa->n_proposals, ==, 1);
  g_assert_cmpuint (ike_proposals_first_group (proposal->sa), ==, IKE_GROUP_NONE);
  /* Otherwise there is one, of a group that the proposals name. */
  world_command (usual, IKE_REKEY_CHILD);
  world_run (usual, SEC);
  g_assert_nonnull (ike_message_find (last_create_child (usual), IKE_PAYLOAD_KE));
}

/* covers: IKE-SAN-012 */
static void
test_esn (void)
{
  static const struct
  {
    const char *client, *gateway;
    gboolean esn;
  } cases[] = {
    { NULL, "aes256gcm16-esn", TRUE },
    { NULL, "aes256gcm16-noesn", FALSE },
    { "aes256gcm16-esn", "aes256gcm16-esn", TRUE },
  };
  g_autoptr (IkeProposals) only64 = ike_proposals_new_from_text ("aes256gcm16-esn", IKE_PROTOCOL_ESP, NULL);
  g_autoptr (IkeProposals) only32 = ike_proposals_new_from_text ("aes256gcm16-noesn", IKE_PROTOCOL_ESP, NULL);
  g_autoptr (IkeProposals) chosen = NULL;
  const char *reason = NULL;
  IkeSuite suite;

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      IkeConfig config = world_config ();
      g_autoptr (World) world = NULL;

      config.esp_proposals = cases[i].client;
      world = world_new (&config);
      world->gateway->esp_proposals = cases[i].gateway;
      world_start (world, world->a);
      world_run_until (world, IKE_EVENT_ESTABLISHED, SEC);
      g_assert_cmpint (((IkeChildSa *)g_ptr_array_index (world->children, 0))->esn, ==, cases[i].esn);
    }
  /* An offer with 1 alone means that 32 bit is refused, to both sides. */
  g_assert_false (ike_proposals_choose (only32, only64, IKE_GROUP_NONE, &chosen, &suite));
  ike_proposals_set_spi (only32, 0x12345678, 4);
  g_assert_false (ike_proposals_verify_answer (only64, only32, 4, &suite, &reason));
  g_assert_nonnull (strstr (reason, "not offered"));
}

/* covers: IKE-RKY-024 */
static void
test_exhaustion (void)
{
  g_autoptr (World) world = world_established (NULL);
  RoamNow now = sim_now (world->sim);

  ike_session_input_exhaustion (world->session, &now, 1);
  ike_session_input_exhaustion (world->session, &now, 1); /* said again while the exchange is under way */
  ike_session_input_exhaustion (world->session, &now, 77);
  world_run (world, SEC);
  g_assert_cmpuint (world->outbound, ==, 2);
  g_assert_cmpuint (world->children->len, ==, 2);
  now = sim_now (world->sim);
  ike_session_input_exhaustion (world->session, &now, 1); /* of the one before: late, without effect */
  world_run (world, SEC);
  g_assert_cmpuint (world->children->len, ==, 2);
}

/* covers: IKE-ALG-006 */
static void
test_post_quantum_profile (void)
{
  static const char ppk_text[] = "from another place altogether!!!";
  g_autoptr (RoamSecret) ppk = roam_secret_new ((const guint8 *)ppk_text, strlen (ppk_text));
  IkeConfig config = world_config ();
  g_autoptr (World) world = NULL;
  g_autoptr (IkeProposals) weak = NULL;
  g_autoptr (IkeProposals) chosen = NULL;
  IkeSuite suite;

  config.ppk = ppk;
  config.ppk_id = "quantum";
  config.require_ppk = TRUE;
  config.ike_proposals = config.esp_proposals = NULL;
  world = world_new (&config);
  weak =
    ike_proposals_new_from_text ("aes128gcm16-prfsha256-curve25519,aes128-sha256-curve25519", IKE_PROTOCOL_IKE, NULL);
  g_assert_false (ike_proposals_choose (weak, world->session->ike_offer, IKE_GROUP_CURVE25519, &chosen, &suite));
  g_assert_false (ike_proposals_choose (world->session->ike_offer, weak, IKE_GROUP_CURVE25519, &chosen, &suite));
  for (guint p = 0; p < world->session->ike_offer->n_proposals; p++)
    for (guint i = 0; i < world->session->ike_offer->proposals[p].n_transforms; i++)
      {
        const IkeTransform *transform = &world->session->ike_offer->proposals[p].transforms[i];

        if (transform->type == IKE_TRANSFORM_ENCR)
          g_assert_cmpuint (transform->key_bits, ==, 256);
        if (transform->type == IKE_TRANSFORM_PRF)
          g_assert_cmpuint (transform->id, >=, IKE_PRF_HMAC_SHA2_384);
      }
}

/* --- traffic selectors --- */

/* An inner address, although the selectors are refused. */
static void
add_address (Gateway *gateway, guint8 exchange, IkePayloads *answer)
{
  IkeCpAttribute address = { IKE_CP_INTERNAL_IP4_ADDRESS, { gateway->tia4.bytes, 4 } };

  if (exchange == IKE_EXCHANGE_IKE_AUTH)
    ike_payloads_add_cp (answer, IKE_CFG_REPLY, &address, 1);
}

/* covers: IKE-TS-008 */
static void
test_selectors_refused (void)
{
  IkeConfig config = world_config ();
  g_autoptr (World) world = world_new (&config);
  const IkePayload *tsi;
  IkeSelector host;

  world->gateway->auth_error = IKE_NOTIFY_TS_UNACCEPTABLE; /* 0.0.0.0/0 behind a client? */
  world->gateway->decorate = add_address;
  world_start (world, world->a);
  world_run_until (world, IKE_EVENT_ESTABLISHED, 5 * SEC);
  tsi = ike_message_find (last_create_child (world), IKE_PAYLOAD_TSI);
  host = ike_selector_host (&world->gateway->tia4);
  g_assert_cmpuint (tsi->ts->n_selectors, ==, 1);
  g_assert_true (ike_selector_contains (&host, &tsi->ts->selectors[0]));
  g_assert_null (ike_message_find_notify (last_create_child (world), IKE_NOTIFY_REKEY_SA));
  g_assert_cmpuint (world->outbound, ==, 1);
  g_assert_cmpuint (gateway_live_sas (world->gateway), ==, 1);
}

/* --- Delete --- */

static GwVerdict
ignore_child_delete (Gateway *gateway, GwSa *sa, const IkeMessage *request, IkePayloads *answer)
{
  return ike_message_find (request, IKE_PAYLOAD_DELETE) ? GW_SILENT : GW_DEFAULT;
}

/* covers: IKE-DEL-010 */
static void
test_half_closed_child (void)
{
  g_autoptr (World) world = world_established (NULL);
  guint32 old_spi = ((IkeChildSa *)g_ptr_array_index (world->children, 0))->spi_in;
  const IkeEvent *event;

  world->gateway->hook = ignore_child_delete;
  world_command (world, IKE_REKEY_CHILD);
  world_run (world, 10 * SEC);
  /* The Delete is unanswered: the SPI is still taken. */
  g_assert_nonnull (ike_child_by_id (world->session, 1));
  for (guint i = 0; i < 1000; i++)
    g_assert_cmphex (ike_child_new_spi (world->session), !=, old_spi);
  event = world_run_until (world, IKE_EVENT_DEAD, 600 * SEC);
  g_assert_nonnull (event->reason);
  g_assert_cmpuint (world->outbound, ==, 0);
}

/* --- configuration --- */

/* covers: IKE-CP-015 */
static void
test_cfg_set (void)
{
  g_autoptr (World) world = world_established (NULL);
  static const guint8 dns[] = { 10, 9, 9, 9 };
  guint n_dns = world->session->configuration.n_dns;
  IkeCpAttribute attribute = { .attribute = IKE_CP_INTERNAL_IP4_DNS, .value = { dns, sizeof dns } };
  IkePayloads *payloads = ike_payloads_new ();
  const IkePayload *cp;

  ike_payloads_add_cp (payloads, IKE_CFG_SET, &attribute, 1);
  gateway_request (world->gateway, NULL, IKE_EXCHANGE_INFORMATIONAL, payloads);
  world_run (world, 45 * MS);
  cp = ike_message_find (world->gateway->last_answer, IKE_PAYLOAD_CP);
  g_assert_nonnull (cp);
  g_assert_cmpuint (cp->cp->cfg_type, ==, IKE_CFG_ACK);
  g_assert_cmpuint (cp->cp->n_attributes, ==, 0);
  g_assert_cmpuint (world->session->configuration.n_dns, ==, n_dns);
}

typedef struct
{
  IkeCpAttribute attributes[IKE_MAX_DOMAINS + 8];
  guint n;
  gboolean tia6;       /* 2001:db8:8::9 is in the local selectors */
  const char *tsr_end; /* of the remote selector, from 0.0.0.0 on; NULL: everything */
} Reply;

static void
add_reply (Gateway *gateway, guint8 exchange, IkePayloads *answer)
{
  const Reply *reply = gateway->user;

  if (exchange == IKE_EXCHANGE_IKE_AUTH)
    ike_payloads_add_cp (answer, IKE_CFG_REPLY, reply->attributes, reply->n);
}

static void
reply_add (Reply *reply, guint16 attribute, gconstpointer data, gsize length)
{
  reply->attributes[reply->n++] = (IkeCpAttribute){ .attribute = attribute, .value = { data, length } };
}

static void
reply_add_domain (Reply *reply, const char *name)
{
  reply_add (reply, IKE_CP_INTERNAL_DNS_DOMAIN, name, strlen (name));
}

static const guint8 tia4[] = { 10, 8, 0, 9 };
static const guint8 tia6[] = { 0x20, 1, 0xd, 0xb8, 0, 8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 9, 64 };
static const guint8 dns4[] = { 10, 8, 0, 53 };

/* Established with @reply as the whole configuration. */
static World *
configured (Reply *reply, const IkeConfig *config)
{
  World *world = world_new (config);

  world->gateway->user = reply;
  world->gateway->omit_cp = TRUE;
  g_assert_true (roam_addr_parse ("10.8.0.9", &world->gateway->tia4));
  if (reply->tia6)
    g_assert_true (roam_addr_parse ("2001:db8:8::9", &world->gateway->tia6));
  world->gateway->decorate = add_reply;
  world->gateway->narrow_remote_end = reply->tsr_end;
  world_start (world, world->a);
  world_run_until (world, IKE_EVENT_ESTABLISHED, SEC);
  return world;
}

/* covers: IKE-CP-011 */
static void
test_ip6_prefix_length (void)
{
  Reply reply = { .tia6 = TRUE };
  IkeConfig config = world_config ();
  g_autoptr (World) world = NULL;

  config.request_tia6 = TRUE;
  reply_add (&reply, IKE_CP_INTERNAL_IP4_ADDRESS, tia4, sizeof tia4);
  reply_add (&reply, IKE_CP_INTERNAL_IP6_ADDRESS, tia6, sizeof tia6);
  world = configured (&reply, &config);
  g_assert_true (world_addr_is (&world->session->configuration.tia6, "2001:db8:8::9"));
  g_assert_true (world_addr_is (&world->session->configuration.tia4, "10.8.0.9"));
  /* As one host: the selectors were not widened to the /64, and no solicitation is an action of this engine. */
  g_assert_cmpuint (world->session->children->len, ==, 1);
}

static gboolean
has_attribute (World *world, guint16 attribute)
{
  const IkePayload *cp = ike_message_find (gateway_first_auth (world->gateway), IKE_PAYLOAD_CP);

  for (guint i = 0; i < cp->cp->n_attributes; i++)
    if (cp->cp->attributes[i].attribute == attribute)
      {
        g_assert_cmpuint (cp->cp->attributes[i].value.length, ==, 0);
        return TRUE;
      }
  return FALSE;
}

/* covers: IKE-DNS-001 */
static void
test_domains_requested_with_dns (void)
{
  for (guint i = 0; i < 4; i++)
    {
      IkeConfig config = world_config ();
      g_autoptr (World) world = NULL;

      config.request_dns = (i & 1) != 0;
      config.request_domains = (i & 2) != 0;
      world = world_established (&config);
      g_assert_cmpint (has_attribute (world, IKE_CP_INTERNAL_IP4_DNS), ==, config.request_dns);
      g_assert_cmpint (has_attribute (world, IKE_CP_INTERNAL_DNS_DOMAIN), ==, i == 3);
    }
}

static World *
with_domains (Reply *reply, const char *const *allowed)
{
  IkeConfig config = world_config ();

  config.request_dns = config.request_domains = TRUE;
  config.domains = allowed;
  reply_add (reply, IKE_CP_INTERNAL_IP4_ADDRESS, tia4, sizeof tia4);
  reply_add (reply, IKE_CP_INTERNAL_IP4_DNS, dns4, sizeof dns4);
  return configured (reply, &config);
}

/* covers: IKE-DNS-003 */
static void
test_bad_domains (void)
{
  g_autofree char *long_label = g_strnfill (64, 'a'), *long_name = NULL;
  g_autoptr (GString) name = g_string_new ("a");
  Reply reply = { .tsr_end = "10.255.255.255" };
  g_autoptr (World) world = NULL;

  for (guint i = 0; i < 127; i++)
    g_string_append (name, ".a"); /* 255 octets */
  long_name = g_strdup (name->str);
  reply_add (&reply, IKE_CP_INTERNAL_DNS_DOMAIN, "cor\0p.test", 10);
  reply_add_domain (&reply, "corp test");
  reply_add_domain (&reply, "b\303\274ro.test");
  reply_add_domain (&reply, long_name);
  reply_add_domain (&reply, long_label);
  reply_add_domain (&reply, ".");
  reply_add_domain (&reply, "");
  reply_add_domain (&reply, "a..test");
  reply_add_domain (&reply, ".corp.test");
  reply_add_domain (&reply, "Corp.Example.");
  reply_add_domain (&reply, "xn--bro-hoa.test");
  world = with_domains (&reply, NULL);
  g_assert_cmpuint (world->session->configuration.n_domains, ==, 2);
  g_assert_cmpstr (world->session->configuration.domains[0], ==, "corp.example");
  g_assert_cmpstr (world->session->configuration.domains[1], ==, "xn--bro-hoa.test");
}

/* covers: IKE-DNS-004 */
static void
test_no_domains (void)
{
  Reply reply = { .tsr_end = "10.255.255.255" };
  g_autoptr (World) world = with_domains (&reply, NULL);
  const IkeEvent *event = world_event (world, IKE_EVENT_ESTABLISHED);

  g_assert_cmpuint (event->configuration.n_domains, ==, 0);
  g_assert_cmpuint (event->configuration.n_dns, ==, 1);
  g_assert_true (world_addr_is (&event->configuration.dns[0], "10.8.0.53"));
}

/* covers: IKE-DNS-006 */
static void
test_domains_without_split_tunnel (void)
{
  Reply reply = { 0 };
  g_autoptr (World) world = NULL;

  reply_add_domain (&reply, "corp.example");
  world = with_domains (&reply, NULL);
  g_assert_cmpuint (world->session->configuration.n_domains, ==, 0);
  g_assert_cmpuint (world->session->configuration.n_dns, ==, 1);
}

/* covers: IKE-DNS-007 */
static void
test_domain_allow_list (void)
{
  static const char *const allowed[] = { "corp.example", "lab.test", NULL };
  Reply reply = { .tsr_end = "10.255.255.255" };
  g_autoptr (World) world = NULL;

  reply_add_domain (&reply, "evil.example");
  reply_add_domain (&reply, "corp.example");
  reply_add_domain (&reply, "notcorp.example");
  reply_add_domain (&reply, "eu.LAB.test");
  reply_add_domain (&reply, "test");
  world = with_domains (&reply, allowed);
  g_assert_cmpuint (world->session->configuration.n_domains, ==, 2);
  g_assert_cmpstr (world->session->configuration.domains[0], ==, "corp.example");
  g_assert_cmpstr (world->session->configuration.domains[1], ==, "eu.lab.test");
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/ike/child/unsolicited-in-auth", test_unsolicited_in_auth);
  g_test_add_func ("/ike/child/unsolicited-in-rekey", test_unsolicited_in_rekey);
  g_test_add_func ("/ike/child/notifies-without-effect", test_notifies_without_effect);
  g_test_add_func ("/ike/child/no-key-exchange", test_no_key_exchange);
  g_test_add_func ("/ike/child/esn", test_esn);
  g_test_add_func ("/ike/child/exhaustion", test_exhaustion);
  g_test_add_func ("/ike/child/post-quantum-profile", test_post_quantum_profile);
  g_test_add_func ("/ike/child/selectors-refused", test_selectors_refused);
  g_test_add_func ("/ike/child/half-closed", test_half_closed_child);
  g_test_add_func ("/ike/configuration/cfg-set", test_cfg_set);
  g_test_add_func ("/ike/configuration/ip6-prefix-length", test_ip6_prefix_length);
  g_test_add_func ("/ike/configuration/domains-requested-with-dns", test_domains_requested_with_dns);
  g_test_add_func ("/ike/configuration/bad-domains", test_bad_domains);
  g_test_add_func ("/ike/configuration/no-domains", test_no_domains);
  g_test_add_func ("/ike/configuration/domains-without-split-tunnel", test_domains_without_split_tunnel);
  g_test_add_func ("/ike/configuration/domain-allow-list", test_domain_allow_list);
  return g_test_run ();
}
