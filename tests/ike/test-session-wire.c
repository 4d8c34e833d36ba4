/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What an IkeSession makes of unusual, wrong and fragmented messages. Scripted gateway, virtual time. */
#include "ike/ike-session-private.h"
#include "tests/ike/world.h"

#include <string.h>

static IkeMessage *
sent_init (const World *world, guint index)
{
  IkeParseError error;
  g_autoptr (GBytes) message = world_message (g_ptr_array_index (world->sent, index));
  gsize length;
  const guint8 *data = g_bytes_get_data (message, &length);

  return ike_message_parse_clear (data, length, &error);
}

/* --- IKE_SA_INIT answers --- */

static void
test_error_with_spi (void)
{
  IkeConfig config = world_config ();
  g_autoptr (World) world = world_new (&config);
  g_autoptr (IkeMessage) request = NULL;
  g_autoptr (IkePayloads) payloads = ike_payloads_new ();
  guint16 group = IKE_GROUP_ECP_256;
  IkeHeader header;

  /* covers: IKE-HDR-003 */
  world_start (world, world->a);
  request = sent_init (world, 0);
  header = request->header;
  header.flags = IKE_FLAG_RESPONSE;
  header.spi_r = 0x1122334455667788;
  ike_payloads_add_notify_u16s (payloads, IKE_NOTIFY_INVALID_KE_PAYLOAD, &group, 1);
  g_autoptr (GBytes) answer = ike_message_build_clear (&header, payloads);
  world_inject (world, g_ptr_array_index (world->sent, 0), answer);
  g_assert_cmpuint (world->sent->len, ==, 2);
  g_autoptr (IkeMessage) second = sent_init (world, 1);
  g_assert_cmphex (second->header.spi_r, ==, 0);
  g_assert_cmpint (ike_message_find (second, IKE_PAYLOAD_KE)->ke.group, ==, group);
}

/* The true answer of a gateway to what @world sent, changed by @change. */
static void
inject_init (World *world, guint8 omit, guint16 ke_group, guint8 nonce_length)
{
  g_autoptr (IkeMessage) request = sent_init (world, 0);
  g_autoptr (IkeProposals) ours = ike_proposals_new_from_text (NULL, IKE_PROTOCOL_IKE, NULL);
  g_autoptr (IkeProposals) chosen = NULL;
  g_autoptr (IkePayloads) payloads = ike_payloads_new ();
  g_autoptr (RoamRng) rng = roam_rng_new_for_test (8);
  const IkePayload *ke = ike_message_find (request, IKE_PAYLOAD_KE);
  g_autoptr (IkeDh) dh = ike_dh_new (ke_group ? ke_group : ke->ke.group, rng);
  guint8 nonce[255] = { 1 };
  IkeHeader header = request->header;
  IkeSuite suite;

  header.flags = IKE_FLAG_RESPONSE;
  header.spi_r = 99;
  g_assert_true (
    ike_proposals_choose (ours, ike_message_find (request, IKE_PAYLOAD_SA)->sa, ke->ke.group, &chosen, &suite));
  if (omit != IKE_PAYLOAD_SA)
    ike_payloads_add_sa (payloads, chosen);
  if (omit != IKE_PAYLOAD_KE)
    ike_payloads_add_ke (payloads, ike_dh_group (dh), ike_dh_public (dh).data, ike_dh_public (dh).length);
  if (omit != IKE_PAYLOAD_NONCE)
    ike_payloads_add_raw (payloads, IKE_PAYLOAD_NONCE, nonce, nonce_length);
  g_autoptr (GBytes) answer = ike_message_build_clear (&header, payloads);
  world_inject (world, g_ptr_array_index (world->sent, 0), answer);
}

static void
test_incomplete_init (void)
{
  static const struct
  {
    guint8 omit;
    guint16 group;
    guint8 nonce;
  } cases[] = {
    { IKE_PAYLOAD_SA, 0, 32 },
    { IKE_PAYLOAD_KE, 0, 32 },
    { IKE_PAYLOAD_NONCE, 0, 32 },
    { 0, IKE_GROUP_ECP_256, 32 },
    { 0, 0, 15 },
    { 0, 0, 0 },
  };

  /* None of them leads to IKE_AUTH, and the true answer is still taken. covers: IKE-INIT-003, IKE-INIT-004,
   * IKE-INIT-006 */
  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      IkeConfig config = world_config ();
      g_autoptr (World) world = world_new (&config);

      world_start (world, world->a);
      inject_init (world, cases[i].omit, cases[i].group, cases[i].nonce);
      g_assert_cmpuint (world->sent->len, ==, 1);
      world_run_until (world, IKE_EVENT_ESTABLISHED, 5 * SEC);
    }
}

static void
test_complete_init (void)
{
  IkeConfig config = world_config ();
  g_autoptr (World) world = world_new (&config);

  /* The counter-check of the test above: unchanged, the same answer is taken. */
  world_start (world, world->a);
  inject_init (world, 0, 0, 32);
  g_assert_cmpuint (world->sent->len, ==, 2);
}

/* --- configuration --- */

static void
decorate_cp (Gateway *gateway, guint8 exchange, IkePayloads *payloads)
{
  static const guint8 data[17] = { 10, 8, 0, 99 };
  const IkeCpAttribute attributes[] = {
    { IKE_CP_INTERNAL_IP4_ADDRESS, { data, 3 } },
    { IKE_CP_INTERNAL_IP4_ADDRESS, { data, 5 } },
    { IKE_CP_INTERNAL_IP4_ADDRESS, { gateway->tia4.bytes, 4 } },
    { IKE_CP_INTERNAL_IP4_ADDRESS, { data, 4 } }, /* one too many */
    { 5, { data, 4 } },                           /* retired */
    { 77, { data, 9 } },                          /* unknown */
    { IKE_CP_INTERNAL_IP4_DNS, { data, 4 } },
    { IKE_CP_INTERNAL_IP4_DNS, { gateway->dns.bytes, 4 } },
    { IKE_CP_INTERNAL_IP4_DNS, { data, 3 } },
  };

  if (exchange == IKE_EXCHANGE_IKE_AUTH)
    ike_payloads_add_cp (payloads, IKE_CFG_REPLY, attributes, G_N_ELEMENTS (attributes));
}

static void
test_configuration (void)
{
  IkeConfig config = world_config ();
  g_autoptr (World) world = world_new (&config);
  const IkeConfiguration *c;

  /* covers: IKE-CP-003, IKE-CP-004, IKE-CP-006 */
  world->gateway->omit_cp = TRUE;
  world->gateway->decorate = decorate_cp;
  world_start (world, world->a);
  c = &world_run_until (world, IKE_EVENT_ESTABLISHED, 5 * SEC)->configuration;
  g_assert_true (world_addr_is (&c->tia4, "10.8.0.1"));
  g_assert_cmpuint (c->n_dns, ==, 2);
  g_assert_true (world_addr_is (&c->dns[0], "10.8.0.99"));
  g_assert_true (world_addr_is (&c->dns[1], "10.4.0.53"));
}

static void
test_configuration_not_asked_for (void)
{
  IkeConfig config = world_config ();
  g_autoptr (World) world = NULL;

  /* covers: IKE-CP-016 */
  config.request_tia4 = config.request_dns = FALSE;
  world = world_established (&config);
  g_assert_null (ike_message_find (gateway_last_seen (world->gateway, IKE_EXCHANGE_IKE_AUTH)->message, IKE_PAYLOAD_CP));
  g_assert_false (roam_addr_is_set (&world_event (world, IKE_EVENT_ESTABLISHED)->configuration.tia4));
}

/* --- requests --- */

static void
test_unknown_notifies (void)
{
  g_autoptr (World) world = world_established (NULL);
  IkePayloads *payloads = ike_payloads_new ();

  /* covers: IKE-INF-004, IKE-PAY-006 */
  ike_payloads_add_vendor_id (payloads, (const guint8 *)"someone", 7);
  ike_payloads_add_notify (payloads, 50000, NULL, 0);
  gateway_request (world->gateway, NULL, IKE_EXCHANGE_INFORMATIONAL, payloads);
  world_run (world, 45 * MS);
  g_assert_cmpuint (world->gateway->answers, ==, 1);
  g_assert_cmpuint (world->gateway->last_answer->n_payloads, ==, 0);
}

static void
test_notifies_in_wrong_exchange (void)
{
  g_autoptr (World) world = world_established (NULL);
  IkePayloads *payloads = ike_payloads_new ();

  /* covers: MOB-PLD-004 */
  world->gateway->ignore_answers = TRUE;
  ike_payloads_add_notify (payloads, IKE_NOTIFY_UPDATE_SA_ADDRESSES, NULL, 0);
  ike_payloads_add_notify (payloads, IKE_NOTIFY_NO_ADDITIONAL_ADDRESSES, NULL, 0);
  world_forget (world);
  g_assert_true (roam_addr_parse (WORLD_GATEWAY2, &gateway_sa (world->gateway)->local.addr));
  g_autoptr (IkeProposals) offer = ike_proposals_new_from_text ("aes256gcm16", IKE_PROTOCOL_ESP, NULL);
  ike_proposals_set_spi (offer, 0x44444444, 4);
  ike_payloads_add_sa (payloads, offer);
  gateway_request (world->gateway, NULL, IKE_EXCHANGE_CREATE_CHILD_SA, payloads);
  world_run (world, SEC);
  g_assert_cmpstr (world->trace->str, ==, "send ");
  g_assert_cmpuint (gateway_count_updates (world->gateway), ==, 0);
}

static void
test_list_and_no_list (void)
{
  g_autoptr (World) world = world_established (NULL);
  IkePayloads *payloads = ike_payloads_new ();
  RoamAddr first;

  /* Both at once: the addresses count, so the one in use is still there. covers: MOB-SET-004, MOB-PLD-002 */
  g_assert_true (roam_addr_parse (WORLD_GATEWAY, &first));
  ike_payloads_add_notify_protocol (payloads, IKE_NOTIFY_ADDITIONAL_IP4_ADDRESS, IKE_PROTOCOL_IKE, first.bytes, 4);
  ike_payloads_add_notify (payloads, IKE_NOTIFY_NO_ADDITIONAL_ADDRESSES, NULL, 0);
  g_assert_true (roam_addr_parse (WORLD_GATEWAY2, &gateway_sa (world->gateway)->local.addr));
  world_forget (world);
  gateway_request (world->gateway, NULL, IKE_EXCHANGE_INFORMATIONAL, payloads);
  world_run (world, SEC);
  g_assert_cmpstr (world->trace->str, ==, "send ");
}

static void
test_mobike_notifies_without_mobike (void)
{
  IkeConfig config = world_config ();
  g_autoptr (World) world = world_new (&config);
  IkePayloads *payloads = ike_payloads_new ();
  static const guint8 cookie[8] = { 1 };
  GwSa *sa;

  /* covers: MOB-PLD-003 */
  world->gateway->mobike = FALSE;
  world_start (world, world->a);
  world_run_until (world, IKE_EVENT_ESTABLISHED, SEC);
  sa = gateway_sa (world->gateway);
  ike_payloads_add_notify (payloads, IKE_NOTIFY_NO_ADDITIONAL_ADDRESSES, NULL, 0);
  ike_payloads_add_notify (payloads, IKE_NOTIFY_COOKIE2, cookie, sizeof cookie);
  gateway_add_natd (world->gateway, sa, &sa->local, &sa->remote, payloads);
  g_assert_true (roam_addr_parse (WORLD_GATEWAY2, &sa->local.addr));
  world_forget (world);
  gateway_request (world->gateway, NULL, IKE_EXCHANGE_INFORMATIONAL, payloads);
  world_run (world, SEC);
  g_assert_cmpstr (world->trace->str, ==, "send ");
  g_assert_cmpuint (world->gateway->last_answer->n_payloads, ==, 1);
  g_assert_nonnull (ike_message_find_notify (world->gateway->last_answer, IKE_NOTIFY_COOKIE2));
}

static GwVerdict
answer_nonsense (Gateway *gateway, GwSa *sa, const IkeMessage *request, IkePayloads *answer)
{
  if (request->header.exchange != IKE_EXCHANGE_IKE_AUTH)
    return GW_DEFAULT;
  ike_payloads_add_raw (answer, IKE_PAYLOAD_TSI, (const guint8 *)"\xff\xff", 2);
  return GW_ANSWER;
}

static void
test_malformed_answer (void)
{
  IkeConfig config = world_config ();
  g_autoptr (World) world = world_new (&config);

  /* The attempt ends, and no error goes back for an answer. covers: IKE-PAY-003, IKE-ERR-001 */
  world->gateway->hook = answer_nonsense;
  world_start (world, world->a);
  world_run_until (world, IKE_EVENT_FAILED, 5 * SEC);
  world_run (world, 30 * SEC);
  g_assert_cmpuint (world->sent->len, ==, 2);
  g_assert_cmpuint (world->children->len, ==, 0);
}

/* --- numbers --- */

static void
test_message_ids_run_out (void)
{
  g_autoptr (World) world = world_established (NULL);
  GwSa *sa = gateway_sa (world->gateway);

  /* covers: IKE-MID-004 */
  world->session->current->next_id = G_MAXUINT32 - 70;
  sa->peer_next_id = G_MAXUINT32 - 70;
  for (guint i = 0; i < 10; i++)
    {
      world_command (world, IKE_CHECK);
      world_run (world, SEC);
    }
  g_assert_true (sa->deleted);
  g_assert_cmpuint (gateway_live_sas (world->gateway), ==, 1);
  g_assert_null (world_event (world, IKE_EVENT_DEAD));
  g_assert_cmpuint (gateway_last_seen (world->gateway, IKE_EXCHANGE_INFORMATIONAL)->id, <, 10);
}

/* --- fragments --- */

static World *
fragmenting (IkeConfig *config)
{
  World *world = world_new (config);

  world->gateway->fragmentation = TRUE;
  world->gateway->fragment_size = 200;
  if (config->remote_id)
    world->gateway->id = config->remote_id;
  world_start (world, world->a);
  world_run_until (world, IKE_EVENT_ESTABLISHED, 5 * SEC);
  return world;
}

static void
test_fragmented_request (void)
{
  IkeConfig config = world_config ();
  g_autoptr (World) world = fragmenting (&config);
  GwSa *sa = gateway_sa (world->gateway);
  guint before;

  /* covers: IKE-FRG-016, IKE-FRG-008 */
  gateway_rekey_ike (world->gateway);
  g_assert_cmpuint (sa->request->len, >=, 3);
  g_autoptr (GPtrArray) request = g_ptr_array_ref (sa->request);
  world_run (world, 45 * MS);
  g_assert_cmpuint (world->gateway->answers, ==, 1);
  before = world->sent->len;
  for (guint i = 0; i < request->len; i++)
    gateway_send_raw (world->gateway, sa, g_ptr_array_index (request, i));
  world_run (world, 45 * MS);
  g_assert_cmpuint (world->sent->len, ==, before + 1); /* one answer, not one for each fragment */
}

static void
test_fragments_time_out (void)
{
  IkeConfig config = world_config ();
  g_autoptr (World) world = fragmenting (&config);
  GwSa *sa = gateway_sa (world->gateway);

  /* covers: IKE-FRG-015 */
  world->a->down_blocked = TRUE;
  gateway_rekey_ike (world->gateway);
  world->a->down_blocked = FALSE;
  gateway_send_raw (world->gateway, sa, g_ptr_array_index (sa->request, 0));
  world_run (world, SEC);
  g_assert_cmpint (ike_reassembly_deadline (world->session->current->fragments[1]), !=, ROAM_NEVER);
  world_run (world, 31 * SEC);
  g_assert_cmpint (ike_reassembly_deadline (world->session->current->fragments[1]), ==, ROAM_NEVER);
  gateway_repeat_request (world->gateway, sa);
  world_run (world, 45 * MS);
  g_assert_cmpuint (world->gateway->answers, ==, 1);
}

static void
test_no_fragments_unless_agreed (void)
{
  IkeConfig config = world_config ();
  g_autoptr (World) world = NULL;
  g_autofree char *id = g_strnfill (1000, 'x');
  g_autofree char *mail = g_strconcat (id, "@example.com", NULL);
  const GwSeen *auth;

  /* covers: IKE-FRG-002, IKE-HDR-016, IKE-HDR-017 */
  config.local_id = config.remote_id = mail;
  world = world_new (&config);
  world->gateway->id = mail;
  world_start (world, world->a);
  world_run_until (world, IKE_EVENT_ESTABLISHED, SEC);
  g_assert_cmpuint (world->sent->len, ==, 2);
  g_assert_cmpuint (g_bytes_get_size (world_last_sent (world)->data), >, 2000);
  auth = gateway_last_seen (world->gateway, IKE_EXCHANGE_IKE_AUTH);
  g_assert_false (auth->message->fragmented);
}

static void
test_fragments_when_agreed (void)
{
  IkeConfig config = world_config ();
  g_autoptr (World) world = NULL;
  g_autofree char *id = g_strnfill (1000, 'x');
  g_autofree char *mail = g_strconcat (id, "@example.com", NULL);

  /* covers: IKE-FRG-007, IKE-FRG-004 */
  config.local_id = config.remote_id = mail;
  world = fragmenting (&config);
  g_assert_true (gateway_last_seen (world->gateway, IKE_EXCHANGE_IKE_AUTH)->message->fragmented);
  g_assert_cmpuint (world->sent->len, >=, 3);
  for (guint i = 0; i < world->sent->len; i++)
    g_assert_cmpuint (g_bytes_get_size (((const Sent *)g_ptr_array_index (world->sent, i))->data) + 28, <=, 1280);
  /* A liveness check is small and stays whole. */
  world_forget (world);
  world_command (world, IKE_CHECK);
  g_assert_cmpuint (world->sent->len, ==, 1);
}

static void
test_fragments_move (void)
{
  IkeConfig config = world_config ();
  g_autoptr (World) world = NULL;
  g_autoptr (GPtrArray) first = g_ptr_array_new_with_free_func ((GDestroyNotify)g_bytes_unref);

  /* Fragments of an outstanding request go again as they are. covers: IKE-FRG-018, MOB-INT-001 */
  config.ike_proposals = "aes256gcm16-prfsha384-modp4096,aes256-sha256-modp3072,aes128-sha256-modp4096";
  world = world_new (&config);
  world->gateway->ike_proposals = "aes256gcm16-prfsha384-modp4096";
  world->gateway->fragmentation = TRUE;
  world_start (world, world->a);
  world_run_until (world, IKE_EVENT_ESTABLISHED, 5 * SEC);
  world->session->fragmentation = TRUE;
  world->a->up_blocked = TRUE;
  world_forget (world);
  world_command (world, IKE_REKEY_IKE);
  for (guint i = 0; i < world->sent->len; i++)
    g_ptr_array_add (first, g_bytes_ref (((const Sent *)g_ptr_array_index (world->sent, i))->data));
  world_forget (world);
  world_move (world, world->b, TRUE);
  g_assert_cmpuint (world->sent->len, ==, first->len);
  for (guint i = 0; i < first->len; i++)
    g_assert_true (
      g_bytes_equal (((const Sent *)g_ptr_array_index (world->sent, i))->data, g_ptr_array_index (first, i)));
  world_run_until (world, IKE_EVENT_PATH_OK, SEC);
}

/* --- addresses --- */

static void
test_outer_ipv6 (void)
{
  IkeConfig config = world_config ();
  g_autoptr (World) world = NULL;
  SimLink *six;

  /* covers: IKE-TRN-008, IKE-TRN-002, IKE-TRN-005, IKE-TRN-009 */
  g_assert_true (roam_addr_parse ("2001:db8::2", &config.gateway));
  config.remote_id = "vpn.example.com";
  world = world_new (&config);
  six = sim_add_link (world->sim, 6, "2001:db8:1::50", 20 * MS);
  world_start (world, six);
  world_run_until (world, IKE_EVENT_ESTABLISHED, SEC);
  g_assert_false (world_event (world, IKE_EVENT_ESTABLISHED)->nat_local);
  for (guint i = 0; i < world->sent->len; i++)
    {
      const Sent *sent = g_ptr_array_index (world->sent, i);
      static const guint8 marker[4];

      g_assert_true (sent->local.port == (i == 0 ? 500 : 4500) && sent->remote.port == sent->local.port);
      g_assert_cmpint (memcmp (g_bytes_get_data (sent->data, NULL), marker, 4) == 0, ==, i > 0);
    }
}

static void
test_family_mismatch (void)
{
  IkeConfig config = world_config ();
  g_autoptr (World) world = world_new (&config);
  SimLink *six = sim_add_link (world->sim, 6, "2001:db8:1::50", 20 * MS);

  world_start (world, six);
  g_assert_cmpstr (world->trace->str, ==, "event:failed ");
}

static void
test_keys_survive_moves (void)
{
  g_autoptr (World) world = world_established (NULL);
  SimLink *links[] = { world->b, world->nat, world->a };
  IkeStatus before, after;

  /* covers: MOB-UPD-016, MOB-SAM-008, MOB-GWU-004, MOB-GWU-005 */
  ike_session_get_status (world->session, &before);
  for (guint i = 0; i < 9; i++)
    {
      world_move (world, links[i % 3], i % 2);
      world_run_until (world, IKE_EVENT_PATH_OK, SEC);
    }
  ike_session_get_status (world->session, &after);
  g_assert_cmpuint (world->children->len, ==, 1);
  g_assert_cmphex (before.spi_i, ==, after.spi_i);
  g_assert_cmphex (before.child_spi_in, ==, after.child_spi_in);
  g_assert_cmphex (before.child_spi_out, ==, after.child_spi_out);
  g_assert_cmpuint (gateway_live_sas (world->gateway), ==, 1);
}

static void
test_probing_changes_nothing (void)
{
  g_autoptr (World) world = world_established (NULL);
  RoamEndpoint before = gateway_sa (world->gateway)->remote;

  /* covers: MOB-MAP-009, MOB-RR-002 */
  for (guint i = 0; i < 20; i++)
    {
      world_command (world, IKE_CHECK);
      world_run_until (world, IKE_EVENT_PATH_OK, SEC);
    }
  g_assert_true (roam_endpoint_equal (&before, &gateway_sa (world->gateway)->remote));
  g_assert_null (strstr (world->trace->str, "move"));
}

static void
test_one_way_path (void)
{
  g_autoptr (World) world = world_established (NULL);

  /* covers: MOB-PT-006 */
  world->b->down_blocked = TRUE;
  world_move (world, world->b, TRUE);
  world_run_until (world, IKE_EVENT_PATH_FAILED, 10 * SEC);
  world_move (world, world->a, TRUE);
  world_run_until (world, IKE_EVENT_PATH_OK, SEC);
  g_assert_true (world_addr_is (&gateway_sa (world->gateway)->remote.addr, WORLD_HOST_A));
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/ike/wire/error-with-spi", test_error_with_spi);
  g_test_add_func ("/ike/wire/incomplete-init", test_incomplete_init);
  g_test_add_func ("/ike/wire/complete-init", test_complete_init);
  g_test_add_func ("/ike/wire/configuration", test_configuration);
  g_test_add_func ("/ike/wire/configuration-not-asked-for", test_configuration_not_asked_for);
  g_test_add_func ("/ike/wire/unknown-notifies", test_unknown_notifies);
  g_test_add_func ("/ike/wire/notifies-in-wrong-exchange", test_notifies_in_wrong_exchange);
  g_test_add_func ("/ike/wire/list-and-no-list", test_list_and_no_list);
  g_test_add_func ("/ike/wire/mobike-notifies-without-mobike", test_mobike_notifies_without_mobike);
  g_test_add_func ("/ike/wire/malformed-answer", test_malformed_answer);
  g_test_add_func ("/ike/wire/message-ids-run-out", test_message_ids_run_out);
  g_test_add_func ("/ike/wire/fragmented-request", test_fragmented_request);
  g_test_add_func ("/ike/wire/fragments-time-out", test_fragments_time_out);
  g_test_add_func ("/ike/wire/no-fragments-unless-agreed", test_no_fragments_unless_agreed);
  g_test_add_func ("/ike/wire/fragments-when-agreed", test_fragments_when_agreed);
  g_test_add_func ("/ike/wire/fragments-move", test_fragments_move);
  g_test_add_func ("/ike/wire/outer-ipv6", test_outer_ipv6);
  g_test_add_func ("/ike/wire/family-mismatch", test_family_mismatch);
  g_test_add_func ("/ike/wire/keys-survive-moves", test_keys_survive_moves);
  g_test_add_func ("/ike/wire/probing-changes-nothing", test_probing_changes_nothing);
  g_test_add_func ("/ike/wire/one-way-path", test_one_way_path);
  return g_test_run ();
}
