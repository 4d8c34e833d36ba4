/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* IKE_SA_INIT and IKE_AUTH of an IkeSession against a scripted gateway, in virtual time. */
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

static void
test_establish (void)
{
  g_autoptr (World) world = world_established (NULL);
  const IkeEvent *event = world_event (world, IKE_EVENT_ESTABLISHED);
  const IkeChildSa *child = g_ptr_array_index (world->children, 0);
  const GwChild *theirs = gateway_child (world->gateway);
  IkeStatus status;

  /* covers: IKE-SEC-001, IKE-CHI-001, IKE-CHI-003, IKE-CP-001, IKE-MID-001 */
  g_assert_cmpstr (world->trace->str, ==, "send send add:1! event:established ");
  g_assert_cmpuint (event->serial, ==, 1);
  g_assert_true (world_addr_is (&event->configuration.tia4, "10.8.0.1"));
  g_assert_true (world_addr_is (&event->configuration.dns[0], "10.4.0.53"));
  g_assert_true (event->mobike);
  g_assert_false (event->nat_local);
  g_assert_cmpint (event->rtt_us, ==, 40 * MS);
  g_assert_cmphex (child->spi_in, ==, theirs->spi_out);
  g_assert_cmphex (child->spi_out, ==, theirs->spi_in);
  g_assert_true (roam_secret_equal (child->encr_in, theirs->encr_out));
  g_assert_true (roam_secret_equal (child->encr_out, theirs->encr_in));
  ike_session_get_status (world->session, &status);
  g_assert_cmpstr (status.state, ==, "established");
  g_assert_cmphex (status.spi_i, ==, gateway_sa (world->gateway)->spi_i);
  g_assert_cmphex (status.child_spi_in, ==, child->spi_in);
}

static void
test_init_request (void)
{
  g_autoptr (World) world = world_established (NULL);
  g_autoptr (IkeMessage) message = sent_init (world, 0);
  static const guint16 order[] = { IKE_PAYLOAD_SA, IKE_PAYLOAD_KE, IKE_PAYLOAD_NONCE, IKE_PAYLOAD_NOTIFY };
  guint8 hash[IKE_NAT_DETECTION_LENGTH];
  const Sent *sent = g_ptr_array_index (world->sent, 0);
  const IkePayloadNotify *natd;

  /* covers: IKE-INIT-001, IKE-INIT-002, IKE-HDR-002, IKE-NAT-001, IKE-FRG-001 */
  g_assert_cmphex (message->header.spi_r, ==, 0);
  g_assert_cmphex (message->header.spi_i, !=, 0);
  for (guint i = 0; i < G_N_ELEMENTS (order); i++)
    g_assert_cmpint (message->payloads[i].type, ==, order[i]);
  g_assert_cmpuint (ike_message_find (message, IKE_PAYLOAD_NONCE)->body.length, ==, 32);
  natd = ike_message_find_notify (message, IKE_NOTIFY_NAT_DETECTION_SOURCE_IP);
  ike_nat_detection_hash (message->header.spi_i, 0, &sent->local, hash);
  g_assert_cmpmem (natd->data.data, natd->data.length, hash, sizeof hash);
  natd = ike_message_find_notify (message, IKE_NOTIFY_NAT_DETECTION_DESTINATION_IP);
  ike_nat_detection_hash (message->header.spi_i, 0, &sent->remote, hash);
  g_assert_cmpmem (natd->data.data, natd->data.length, hash, sizeof hash);
  g_assert_nonnull (ike_message_find_notify (message, IKE_NOTIFY_IKEV2_FRAGMENTATION_SUPPORTED));
}

static void
test_ports (void)
{
  g_autoptr (World) world = world_established (NULL);
  const Sent *init = g_ptr_array_index (world->sent, 0), *auth = g_ptr_array_index (world->sent, 1);

  /* covers: MOB-INI-004 */
  g_assert_cmpint (init->local.port, ==, 500);
  g_assert_cmpint (init->remote.port, ==, 500);
  g_assert_cmpint (auth->local.port, ==, 4500);
  g_assert_cmpint (auth->remote.port, ==, 4500);
}

static void
test_no_nat_traversal (void)
{
  IkeConfig config = world_config ();
  g_autoptr (World) world = world_new (&config);
  const IkeChildSa *child;

  /* covers: IKE-NAT-005 */
  world->gateway->nat_detection = FALSE;
  world_start (world, world->a);
  world_run_until (world, IKE_EVENT_ESTABLISHED, 5 * SEC);
  child = g_ptr_array_index (world->children, 0);
  g_assert_cmpint (world_last_sent (world)->local.port, ==, 500);
  g_assert_false (child->udp_encap);
}

static void
test_nat (void)
{
  IkeConfig config = world_config ();
  g_autoptr (World) world = world_new (&config);
  const IkeEvent *event;
  const IkeChildSa *child;

  /* covers: IKE-NAT-003, IKE-NAT-004 */
  world_start (world, world->nat);
  event = world_run_until (world, IKE_EVENT_ESTABLISHED, 5 * SEC);
  child = g_ptr_array_index (world->children, 0);
  g_assert_true (event->nat_local);
  g_assert_false (event->nat_remote);
  g_assert_true (child->udp_encap);
}

static void
test_force_encap (void)
{
  IkeConfig config = world_config ();
  g_autoptr (World) world = NULL;
  const IkeChildSa *child;
  const Sent *sent;
  guint8 hash[IKE_NAT_DETECTION_LENGTH];

  /* covers: IKE-NAT-009 */
  config.force_udp_encap = TRUE;
  world = world_established (&config);
  child = g_ptr_array_index (world->children, 0);
  g_assert_true (child->udp_encap);
  g_assert_false (world_event (world, IKE_EVENT_ESTABLISHED)->nat_local);
  g_autoptr (IkeMessage) message = sent_init (world, 0);
  sent = g_ptr_array_index (world->sent, 0);
  ike_nat_detection_hash (message->header.spi_i, 0, &sent->local, hash);
  const IkePayloadNotify *natd = ike_message_find_notify (message, IKE_NOTIFY_NAT_DETECTION_SOURCE_IP);
  g_assert_cmpuint (natd->data.length, ==, sizeof hash);
  g_assert_false (memcmp (natd->data.data, hash, sizeof hash) == 0);
}

static void
test_cookie (void)
{
  IkeConfig config = world_config ();
  g_autoptr (World) world = world_new (&config);
  g_autoptr (IkeMessage) first = NULL;
  g_autoptr (IkeMessage) second = NULL;

  /* covers: IKE-COOK-001, IKE-COOK-005, IKE-HDR-002 */
  world->gateway->cookies = 1;
  world_start (world, world->a);
  world_run_until (world, IKE_EVENT_ESTABLISHED, 5 * SEC);
  first = sent_init (world, 0);
  second = sent_init (world, 1);
  g_assert_cmphex (first->header.spi_i, ==, second->header.spi_i);
  g_assert_cmpuint (second->header.message_id, ==, 0);
  g_assert_cmphex (second->header.spi_r, ==, 0);
  g_assert_cmpuint (second->n_payloads, ==, first->n_payloads + 1);
  for (guint i = 0; i < first->n_payloads; i++)
    g_assert_cmpmem (first->payloads[i].body.data, first->payloads[i].body.length, second->payloads[i + 1].body.data,
                     second->payloads[i + 1].body.length);
}

static void
test_cookie_for_ever (void)
{
  IkeConfig config = world_config ();
  g_autoptr (World) world = world_new (&config);

  /* covers: IKE-COOK-003 */
  world->gateway->cookies = 1000;
  world_start (world, world->a);
  world_run_until (world, IKE_EVENT_FAILED, 60 * SEC);
  g_assert_cmpuint (world->gateway->init_requests, ==, 6);
}

/* A COOKIE notify of @length octets as the gateway would send it. */
static void
inject_cookie (World *world, gsize length)
{
  g_autoptr (IkeMessage) request = sent_init (world, 0);
  g_autoptr (IkePayloads) payloads = ike_payloads_new ();
  IkeHeader header = request->header;
  guint8 data[100] = { 1 };

  header.flags = IKE_FLAG_RESPONSE;
  ike_payloads_add_notify (payloads, IKE_NOTIFY_COOKIE, data, length);
  g_autoptr (GBytes) message = ike_message_build_clear (&header, payloads);
  world_inject (world, g_ptr_array_index (world->sent, 0), message);
}

static void
test_cookie_lengths (void)
{
  IkeConfig config = world_config ();
  g_autoptr (World) world = world_new (&config);

  /* covers: IKE-COOK-002 */
  world_start (world, world->a);
  inject_cookie (world, 0);
  inject_cookie (world, 65);
  g_assert_cmpuint (world->sent->len, ==, 1);
  inject_cookie (world, 64);
  g_assert_cmpuint (world->sent->len, ==, 2);
}

static void
test_late_cookie (void)
{
  IkeConfig config = world_config ();
  g_autoptr (World) world = world_new (&config);

  /* covers: IKE-COOK-006 */
  world->gateway->cookies = 1;
  world_start (world, world->a);
  world_run (world, 90 * MS); /* IKE_SA_INIT answered, IKE_AUTH under way */
  guint sent = world->sent->len;
  inject_cookie (world, 16);
  g_assert_cmpuint (world->sent->len, ==, sent);
  world_run_until (world, IKE_EVENT_ESTABLISHED, 5 * SEC);
}

static void
test_invalid_ke (void)
{
  IkeConfig config = world_config ();
  g_autoptr (World) world = world_new (&config);
  g_autoptr (IkeMessage) first = NULL;
  g_autoptr (IkeMessage) second = NULL;
  IkeView offer, again;

  /* covers: IKE-KE-001, IKE-KE-003, IKE-COOK-004 */
  world->gateway->want_group = IKE_GROUP_ECP_384;
  world->gateway->cookies = 1;
  world_start (world, world->a);
  world_run_until (world, IKE_EVENT_ESTABLISHED, 5 * SEC);
  first = sent_init (world, 0);
  second = sent_init (world, 2);
  g_assert_nonnull (ike_message_find_notify (second, IKE_NOTIFY_COOKIE));
  g_assert_cmpint (ike_message_find (second, IKE_PAYLOAD_KE)->ke.group, ==, IKE_GROUP_ECP_384);
  offer = ike_message_find (first, IKE_PAYLOAD_SA)->body;
  again = ike_message_find (second, IKE_PAYLOAD_SA)->body;
  g_assert_cmpmem (offer.data, offer.length, again.data, again.length);

  /* The second connection begins with the group that was accepted. */
  world_forget (world);
  world_start (world, world->a);
  g_autoptr (IkeMessage) next = sent_init (world, 0);
  g_assert_cmpint (ike_message_find (next, IKE_PAYLOAD_KE)->ke.group, ==, IKE_GROUP_ECP_384);
}

static void
test_invalid_ke_not_offered (void)
{
  IkeConfig config = world_config ();
  g_autoptr (World) world = NULL;

  /* covers: IKE-KE-001, IKE-KE-002 */
  config.ike_proposals = "aes256-sha256-modp2048";
  world = world_new (&config);
  world->gateway->want_group = IKE_GROUP_CURVE25519;
  world_start (world, world->a);
  world_run_until (world, IKE_EVENT_FAILED, 60 * SEC);
  for (guint i = 0; i < world->sent->len; i++)
    {
      g_autoptr (IkeMessage) message = sent_init (world, i);
      g_assert_cmpint (ike_message_find (message, IKE_PAYLOAD_KE)->ke.group, ==, IKE_GROUP_MODP_2048);
    }
}

static void
test_error_is_not_believed_at_once (void)
{
  IkeConfig config = world_config ();
  g_autoptr (World) world = world_new (&config);
  g_autoptr (IkeMessage) request = NULL;
  g_autoptr (IkePayloads) payloads = ike_payloads_new ();
  IkeHeader header;

  /* covers: IKE-INIT-007 */
  world_start (world, world->a);
  request = sent_init (world, 0);
  header = request->header;
  header.flags = IKE_FLAG_RESPONSE;
  ike_payloads_add_notify (payloads, IKE_NOTIFY_NO_PROPOSAL_CHOSEN, NULL, 0);
  g_autoptr (GBytes) forged = ike_message_build_clear (&header, payloads);
  world_inject (world, g_ptr_array_index (world->sent, 0), forged);
  g_assert_null (world_event (world, IKE_EVENT_FAILED));
  world_run_until (world, IKE_EVENT_ESTABLISHED, 5 * SEC);
}

static void
test_no_proposal_chosen (void)
{
  IkeConfig config = world_config ();
  g_autoptr (World) world = world_new (&config);
  const IkeEvent *event;

  world->gateway->init_error = IKE_NOTIFY_NO_PROPOSAL_CHOSEN;
  world_start (world, world->a);
  event = world_run_until (world, IKE_EVENT_FAILED, 10 * SEC);
  g_assert_cmpstr (event->reason, ==, "NO_PROPOSAL_CHOSEN");
  g_assert_cmpuint (world->sent->len, >=, 3);
}

static void
test_no_answer (void)
{
  IkeConfig config = world_config ();
  g_autoptr (World) world = world_new (&config);
  const Sent *first;

  /* covers: IKE-RTX-001, IKE-RTX-002, IKE-RTX-004 */
  world->a->down_blocked = TRUE;
  world_start (world, world->a);
  world_run_until (world, IKE_EVENT_FAILED, 60 * SEC);
  g_assert_cmpuint (world->sent->len, ==, 6);
  first = g_ptr_array_index (world->sent, 0);
  gint64 previous = first->at_us, gap = 0;
  for (guint i = 1; i < world->sent->len; i++)
    {
      const Sent *sent = g_ptr_array_index (world->sent, i);
      g_assert_true (g_bytes_equal (sent->data, first->data));
      g_assert_cmpint (sent->at_us - previous, >, gap);
      gap = sent->at_us - previous;
      previous = sent->at_us;
    }
  world_run (world, 600 * SEC);
  g_assert_cmpuint (world->sent->len, ==, 6);
}

static void
test_forged_init_response (void)
{
  IkeConfig config = world_config ();
  g_autoptr (World) world = world_new (&config);
  g_autoptr (World) mirror = world_new (&config);
  g_autoptr (IkeMessage) request = NULL;

  /* covers: IKE-RTX-008 */
  world_start (world, world->a);
  request = sent_init (world, 0);
  /* Another gateway answers the same octets with its own key exchange: keys that the real one has not. */
  sim_send_from_host (mirror->sim, &((const Sent *)g_ptr_array_index (world->sent, 0))->local,
                      &((const Sent *)g_ptr_array_index (world->sent, 0))->remote,
                      ((const Sent *)g_ptr_array_index (world->sent, 0))->data);
  world_run (mirror, 30 * MS);
  world_inject (world, g_ptr_array_index (world->sent, 0), mirror->gateway->init_response);
  world_run_until (world, IKE_EVENT_ESTABLISHED, 30 * SEC);
}

static void
test_wrong_psk (void)
{
  IkeConfig config = world_config ();
  g_autoptr (World) world = world_new (&config);
  const IkeEvent *event;

  /* covers: IKE-AUTH-009 */
  world->gateway->psk = "another secret";
  world_start (world, world->a);
  event = world_run_until (world, IKE_EVENT_AUTH_FAILED, 5 * SEC);
  g_assert_nonnull (strstr (event->reason, "AUTHENTICATION_FAILED"));
  g_assert_nonnull (event->advice);
  g_assert_cmpuint (world->children->len, ==, 0);
  g_assert_cmpuint (world->sent->len, ==, 2);
}

static void
test_bad_gateway_auth (void)
{
  IkeConfig config = world_config ();
  g_autoptr (World) world = world_new (&config);
  const GwSeen *seen;

  /* covers: IKE-AUTH-006, IKE-AUTH-008 */
  world->gateway->bad_auth = TRUE;
  world_start (world, world->a);
  world_run_until (world, IKE_EVENT_AUTH_FAILED, 5 * SEC);
  g_assert_cmpuint (world->children->len, ==, 0);
  seen = gateway_last_seen (world->gateway, IKE_EXCHANGE_INFORMATIONAL);
  g_assert_cmpuint (seen->message->n_payloads, ==, 1);
  g_assert_nonnull (ike_message_find_notify (seen->message, IKE_NOTIFY_AUTHENTICATION_FAILED));
  g_assert_cmpuint (gateway_count_seen (world->gateway, IKE_EXCHANGE_INFORMATIONAL), ==, 1);
}

static void
test_wrong_gateway_id (void)
{
  IkeConfig config = world_config ();
  g_autoptr (World) world = world_new (&config);

  /* covers: IKE-IDN-004 */
  world->gateway->id = "other.example.com";
  world_start (world, world->a);
  world_run_until (world, IKE_EVENT_AUTH_FAILED, 5 * SEC);
  g_assert_cmpuint (world->children->len, ==, 0);
  g_assert_nonnull (
    ike_message_find (gateway_last_seen (world->gateway, IKE_EXCHANGE_INFORMATIONAL)->message, IKE_PAYLOAD_DELETE));
}

static void
test_child_errors (void)
{
  static const struct
  {
    guint16 notify;
    IkeEventType event;
  } cases[] = {
    { IKE_NOTIFY_TS_UNACCEPTABLE, IKE_EVENT_AUTH_FAILED },
    { IKE_NOTIFY_INTERNAL_ADDRESS_FAILURE, IKE_EVENT_AUTH_FAILED },
    { IKE_NOTIFY_FAILED_CP_REQUIRED, IKE_EVENT_AUTH_FAILED },
    { IKE_NOTIFY_NO_PROPOSAL_CHOSEN, IKE_EVENT_FAILED },
    { IKE_NOTIFY_SINGLE_PAIR_REQUIRED, IKE_EVENT_FAILED },
    { 16000, IKE_EVENT_FAILED },
  };

  /* The IKE SA is up, so it is closed with a Delete; covers: IKE-CHI-005, IKE-AUTH-010, IKE-CP-008, IKE-NTF-001 */
  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      IkeConfig config = world_config ();
      g_autoptr (World) world = world_new (&config);

      world->gateway->auth_error = cases[i].notify;
      world_start (world, world->a);
      world_run_until (world, cases[i].event, 5 * SEC);
      g_assert_cmpuint (world->children->len, ==, 0);
      g_assert_true (((GwSa *)g_ptr_array_index (world->gateway->sas, 0))->deleted);
    }
}

static void
test_auth_errors_alone (void)
{
  static const guint16 fatal[] = { IKE_NOTIFY_UNSUPPORTED_CRITICAL_PAYLOAD, IKE_NOTIFY_INVALID_SYNTAX,
                                   IKE_NOTIFY_AUTHENTICATION_FAILED };

  /* covers: IKE-AUTH-011 */
  for (guint i = 0; i < G_N_ELEMENTS (fatal); i++)
    {
      IkeConfig config = world_config ();
      g_autoptr (World) world = world_new (&config);

      world->gateway->auth_error_alone = fatal[i];
      world_start (world, world->a);
      world_run (world, 5 * SEC);
      g_assert_cmpuint (
        world_count_events (world, IKE_EVENT_AUTH_FAILED) + world_count_events (world, IKE_EVENT_FAILED), ==, 1);
      g_assert_cmpuint (gateway_count_seen (world->gateway, IKE_EXCHANGE_INFORMATIONAL), ==, 0);
    }
}

static void
test_no_address (void)
{
  IkeConfig config = world_config ();
  g_autoptr (World) world = world_new (&config);

  /* covers: IKE-CP-007 */
  world->gateway->omit_cp = TRUE;
  world_start (world, world->a);
  world_run_until (world, IKE_EVENT_AUTH_FAILED, 5 * SEC);
  g_assert_cmpuint (world->children->len, ==, 0);
}

static void
test_selectors_too_wide (void)
{
  IkeConfig config = world_config ();
  g_autoptr (World) world = world_new (&config);

  /* covers: IKE-TS-004 */
  world->gateway->widen_ts = TRUE; /* IPv6 was not asked for */
  world_start (world, world->a);
  world_run_until (world, IKE_EVENT_FAILED, 5 * SEC);
  g_assert_cmpuint (world->children->len, ==, 0);
}

static void
test_selectors_miss_address (void)
{
  IkeConfig config = world_config ();
  g_autoptr (World) world = world_new (&config);

  /* covers: IKE-TS-005 */
  world->gateway->narrow_local = roam_addr_from_u32 (0x0a080002);
  world_start (world, world->a);
  world_run_until (world, IKE_EVENT_FAILED, 5 * SEC);
  g_assert_cmpuint (world->children->len, ==, 0);
}

static void
test_both_families (void)
{
  IkeConfig config = world_config ();
  g_autoptr (World) world = NULL;
  const GwSeen *auth;
  const IkePayload *ts;

  /* covers: IKE-TS-002, IKE-CP-009 */
  config.request_tia6 = TRUE;
  world = world_new (&config);
  g_assert_true (roam_addr_parse ("2001:db8:8::1", &world->gateway->tia6));
  world_start (world, world->a);
  world_run_until (world, IKE_EVENT_ESTABLISHED, 5 * SEC);
  g_assert_true (world_addr_is (&world_event (world, IKE_EVENT_ESTABLISHED)->configuration.tia6, "2001:db8:8::1"));
  auth = gateway_last_seen (world->gateway, IKE_EXCHANGE_IKE_AUTH);
  ts = ike_message_find (auth->message, IKE_PAYLOAD_TSI);
  g_assert_cmpuint (ts->ts->n_selectors, ==, 2);
}

static void
test_auth_request (void)
{
  static const guint8 order[] = { IKE_PAYLOAD_IDI,  IKE_PAYLOAD_NOTIFY, IKE_PAYLOAD_IDR,
                                  IKE_PAYLOAD_AUTH, IKE_PAYLOAD_CP,     IKE_PAYLOAD_SA,
                                  IKE_PAYLOAD_TSI,  IKE_PAYLOAD_TSR,    IKE_PAYLOAD_NOTIFY };
  g_autoptr (World) world = world_established (NULL);
  const IkeMessage *message = gateway_last_seen (world->gateway, IKE_EXCHANGE_IKE_AUTH)->message;
  const IkePayloadCp *cp = ike_message_find (message, IKE_PAYLOAD_CP)->cp;
  const IkeProposals *offer = ike_message_find (message, IKE_PAYLOAD_SA)->sa;
  const IkePayloadNotify *mobike = ike_message_find_notify (message, IKE_NOTIFY_MOBIKE_SUPPORTED);

  /* covers: IKE-HDR-015, IKE-IC-001, IKE-CP-005, IKE-SAN-011, MOB-SUP-001, MOB-SUP-002, IKE-NTF-003, MOB-NOP-002 */
  g_assert_cmpuint (message->n_payloads, ==, G_N_ELEMENTS (order));
  for (guint i = 0; i < G_N_ELEMENTS (order); i++)
    g_assert_cmpint (message->payloads[i].type, ==, order[i]);
  g_assert_nonnull (ike_message_find_notify (message, IKE_NOTIFY_INITIAL_CONTACT));
  g_assert_null (ike_message_find_notify (message, IKE_NOTIFY_NO_NATS_ALLOWED));
  g_assert_cmpuint (mobike->data.length, ==, 0);
  g_assert_cmpuint (mobike->spi.length, ==, 0);
  g_assert_cmpint (mobike->protocol, ==, 0);
  g_assert_cmpint (cp->cfg_type, ==, IKE_CFG_REQUEST);
  for (guint i = 0; i < cp->n_attributes; i++)
    {
      g_assert_cmpuint (cp->attributes[i].value.length, ==, 0);
      g_assert_true (cp->attributes[i].attribute == IKE_CP_INTERNAL_IP4_ADDRESS ||
                     cp->attributes[i].attribute == IKE_CP_INTERNAL_IP4_DNS);
    }
  for (guint i = 0; i < offer->n_proposals; i++)
    for (guint j = 0; j < offer->proposals[i].n_transforms; j++)
      g_assert_cmpint (offer->proposals[i].transforms[j].type, !=, IKE_TRANSFORM_KE);
}

static void
decorate_with_noise (Gateway *gateway, guint8 exchange, IkePayloads *payloads)
{
  static const guint8 noise[12] = { 1, 2, 3 };

  ike_payloads_add_vendor_id (payloads, noise, sizeof noise);
  ike_payloads_add_raw (payloads, 200, noise, sizeof noise); /* unknown, not critical */
  ike_payloads_add_notify (payloads, 16500, noise, sizeof noise);
  ike_payloads_add_notify (payloads, 40000, NULL, 0);
  ike_payloads_add_notify (payloads, 65535, noise, 1);
}

static void
test_noise (void)
{
  IkeConfig config = world_config ();
  g_autoptr (World) world = world_new (&config);

  /* covers: IKE-PAY-001, IKE-PAY-006, IKE-NTF-002 */
  world->gateway->decorate = decorate_with_noise;
  world_start (world, world->a);
  world_run_until (world, IKE_EVENT_ESTABLISHED, 5 * SEC);
  world_move (world, world->b, TRUE);
  world_run_until (world, IKE_EVENT_PATH_OK, 5 * SEC);
}

static void
test_require_mobike (void)
{
  IkeConfig config = world_config ();
  g_autoptr (World) world = NULL;

  config.require_mobike = TRUE;
  world = world_new (&config);
  world->gateway->mobike = FALSE;
  world_start (world, world->a);
  world_run_until (world, IKE_EVENT_FAILED, 5 * SEC);
}

static void
test_lost_auth (void)
{
  IkeConfig config = world_config ();

  /* covers: IKE-RTX-003, IKE-MID-009 */
  for (guint seed = 0; seed < 20; seed++)
    {
      g_autoptr (World) world = world_new (&config);

      sim_free (world->sim);
      world->sim = sim_new (seed);
      world->gateway->sim = world->sim;
      world->a = sim_add_link (world->sim, 1, WORLD_HOST_A, 20 * MS);
      world->a->loss_percent = 40;
      world->a->jitter_us = 30 * MS;
      world->a->duplicate_percent = 20;
      world_start (world, world->a);
      world_run (world, 120 * SEC);
      g_assert_cmpuint (
        world_count_events (world, IKE_EVENT_ESTABLISHED) + world_count_events (world, IKE_EVENT_FAILED), ==, 1);
    }
}

static void
test_fragments (void)
{
  IkeConfig config = world_config ();
  g_autoptr (World) world = world_new (&config);

  /* covers: IKE-FRG-014, IKE-INIT-009 */
  world->gateway->fragmentation = TRUE;
  world->gateway->fragment_size = 200;
  world_start (world, world->a);
  world_run_until (world, IKE_EVENT_ESTABLISHED, 5 * SEC);
}

static void
test_move_half_open (void)
{
  IkeConfig config = world_config ();
  g_autoptr (World) world = world_new (&config);
  const IkeEvent *event;

  /* Before the IKE_SA_INIT response: everything begins anew. */
  world_start (world, world->a);
  world_run (world, 10 * MS);
  world_move (world, world->b, TRUE);
  event = world_run_until (world, IKE_EVENT_ESTABLISHED, 5 * SEC);
  g_assert_cmpuint (event->serial, ==, 2);
  g_assert_cmpuint (world_last_sent (world)->ifindex, ==, 2);
  g_autoptr (IkeMessage) first = sent_init (world, 0);
  g_assert_cmphex (gateway_sa (world->gateway)->spi_i, !=, first->header.spi_i);
}

static void
test_terminate (void)
{
  g_autoptr (World) world = world_established (NULL);

  /* covers: IKE-DEL-006, IKE-DEL-008 */
  world_command (world, IKE_TERMINATE);
  world_run_until (world, IKE_EVENT_DEAD, 5 * SEC);
  g_assert_true (((GwSa *)g_ptr_array_index (world->gateway->sas, 0))->deleted);
  g_assert_cmpuint (world->outbound, ==, 0);
}

static void
test_terminate_unresponsive (void)
{
  g_autoptr (World) world = world_established (NULL);
  guint sent = world->sent->len;

  /* covers: IKE-DEL-008 */
  world->a->up_blocked = TRUE;
  world_command (world, IKE_TERMINATE);
  world_run_until (world, IKE_EVENT_DEAD, 5 * SEC);
  g_assert_cmpuint (world->sent->len - sent, ==, 3);
}

static void
test_terminate_half_open (void)
{
  IkeConfig config = world_config ();
  g_autoptr (World) world = world_new (&config);

  /* covers: IKE-INF-003 */
  world_start (world, world->a);
  world_run (world, 50 * MS);
  guint sent = world->sent->len;
  world_command (world, IKE_TERMINATE);
  world_run (world, 60 * SEC);
  g_assert_cmpuint (world->sent->len, ==, sent);
  g_assert_cmpuint (world_count_events (world, IKE_EVENT_DEAD), ==, 1);
}

static void
test_abandon (void)
{
  g_autoptr (World) world = world_established (NULL);

  world_forget (world);
  world_command (world, IKE_ABANDON);
  world_run (world, 600 * SEC);
  g_assert_cmpstr (world->trace->str, ==, "remove:1 ");
  g_assert_cmpint (ike_session_next_deadline (world->session), ==, ROAM_NEVER);
}

static void
test_spis (void)
{
  g_autoptr (GHashTable) ike = g_hash_table_new (g_int64_hash, g_int64_equal);
  IkeConfig config = world_config ();
  g_autoptr (World) world = world_new (&config);
  static guint64 spis[2000];

  /* covers: IKE-HDR-001 */
  for (guint i = 0; i < G_N_ELEMENTS (spis); i++)
    {
      IkeStatus status;
      world_start (world, world->a);
      ike_session_get_status (world->session, &status);
      g_assert_cmphex (status.spi_i, !=, 0);
      spis[i] = status.spi_i;
      g_assert_true (g_hash_table_add (ike, &spis[i]));
    }
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/ike/session/establish", test_establish);
  g_test_add_func ("/ike/session/init-request", test_init_request);
  g_test_add_func ("/ike/session/auth-request", test_auth_request);
  g_test_add_func ("/ike/session/ports", test_ports);
  g_test_add_func ("/ike/session/no-nat-traversal", test_no_nat_traversal);
  g_test_add_func ("/ike/session/nat", test_nat);
  g_test_add_func ("/ike/session/force-encap", test_force_encap);
  g_test_add_func ("/ike/session/cookie", test_cookie);
  g_test_add_func ("/ike/session/cookie-for-ever", test_cookie_for_ever);
  g_test_add_func ("/ike/session/cookie-lengths", test_cookie_lengths);
  g_test_add_func ("/ike/session/late-cookie", test_late_cookie);
  g_test_add_func ("/ike/session/invalid-ke", test_invalid_ke);
  g_test_add_func ("/ike/session/invalid-ke-not-offered", test_invalid_ke_not_offered);
  g_test_add_func ("/ike/session/error-not-believed-at-once", test_error_is_not_believed_at_once);
  g_test_add_func ("/ike/session/no-proposal-chosen", test_no_proposal_chosen);
  g_test_add_func ("/ike/session/no-answer", test_no_answer);
  g_test_add_func ("/ike/session/forged-init-response", test_forged_init_response);
  g_test_add_func ("/ike/session/wrong-psk", test_wrong_psk);
  g_test_add_func ("/ike/session/bad-gateway-auth", test_bad_gateway_auth);
  g_test_add_func ("/ike/session/wrong-gateway-id", test_wrong_gateway_id);
  g_test_add_func ("/ike/session/child-errors", test_child_errors);
  g_test_add_func ("/ike/session/auth-errors-alone", test_auth_errors_alone);
  g_test_add_func ("/ike/session/no-address", test_no_address);
  g_test_add_func ("/ike/session/selectors-too-wide", test_selectors_too_wide);
  g_test_add_func ("/ike/session/selectors-miss-address", test_selectors_miss_address);
  g_test_add_func ("/ike/session/both-families", test_both_families);
  g_test_add_func ("/ike/session/noise", test_noise);
  g_test_add_func ("/ike/session/require-mobike", test_require_mobike);
  g_test_add_func ("/ike/session/lost-auth", test_lost_auth);
  g_test_add_func ("/ike/session/fragments", test_fragments);
  g_test_add_func ("/ike/session/move-half-open", test_move_half_open);
  g_test_add_func ("/ike/session/terminate", test_terminate);
  g_test_add_func ("/ike/session/terminate-unresponsive", test_terminate_unresponsive);
  g_test_add_func ("/ike/session/terminate-half-open", test_terminate_half_open);
  g_test_add_func ("/ike/session/abandon", test_abandon);
  g_test_add_func ("/ike/session/spis", test_spis);
  return g_test_run ();
}
