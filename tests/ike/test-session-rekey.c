/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* CREATE_CHILD_SA of an IkeSession, by either side and by both at once. Scripted gateway, virtual time. */
#include "tests/ike/world.h"

#include <string.h>

static GwChild *
nth_child (const World *world, guint index)
{
  g_assert_cmpuint (world->gateway->children->len, >, index);
  return g_ptr_array_index (world->gateway->children, index);
}

static GwSa *
nth_sa (const World *world, guint index)
{
  g_assert_cmpuint (world->gateway->sas->len, >, index);
  return g_ptr_array_index (world->gateway->sas, index);
}

static void
assert_same_keys (const World *world, guint id, const GwChild *theirs)
{
  const IkeChildSa *ours = g_ptr_array_index (world->children, id - 1);

  g_assert_cmpuint (ours->id, ==, id);
  g_assert_cmphex (ours->spi_in, ==, theirs->spi_out);
  g_assert_cmphex (ours->spi_out, ==, theirs->spi_in);
  g_assert_true (roam_secret_equal (ours->encr_in, theirs->encr_out));
  g_assert_true (roam_secret_equal (ours->encr_out, theirs->encr_in));
}

/* --- Child SA rekeying by us --- */

static void
test_rekey_child (void)
{
  g_autoptr (World) world = world_established (NULL);
  const IkeChildSa *old = g_ptr_array_index (world->children, 0);
  const IkePayloadNotify *rekey;
  const IkePayloadDelete *delete;
  const GwSeen *seen;
  WireReader reader;
  guint32 spi;

  /* covers: IKE-RKY-004, IKE-RKY-007, IKE-DEL-001, IKE-MID-002 */
  world_forget (world);
  world_command (world, IKE_REKEY_CHILD);
  world_run (world, 100 * MS);
  g_assert_cmpstr (world->trace->str, ==, "send add:2! send ");
  assert_same_keys (world, 2, nth_child (world, 1));
  seen = gateway_last_seen (world->gateway, IKE_EXCHANGE_CREATE_CHILD_SA);
  rekey = ike_message_find_notify (seen->message, IKE_NOTIFY_REKEY_SA);
  g_assert_cmpint (rekey->protocol, ==, IKE_PROTOCOL_ESP);
  wire_reader_init (&reader, rekey->spi.data, rekey->spi.length);
  g_assert_true (wire_read_u32 (&reader, &spi) && spi == old->spi_in);
  delete =
    ike_message_find (gateway_last_seen (world->gateway, IKE_EXCHANGE_INFORMATIONAL)->message, IKE_PAYLOAD_DELETE)
      ->delete;
  g_assert_cmpint (delete->protocol, ==, IKE_PROTOCOL_ESP);
  g_assert_cmpuint (delete->n_spis, ==, 1);
  g_assert_cmphex (delete->spis[0], ==, old->spi_in);
  world_run (world, 5 * SEC);
  g_assert_cmpstr (world->trace->str, ==, "send add:2! send remove:1 ");
  g_assert_cmpuint (gateway_live_children (world->gateway), ==, 1);
}

static void
test_rekey_child_offer (void)
{
  IkeConfig config = world_config ();
  g_autoptr (World) world = NULL;
  const IkeMessage *message;
  const IkeProposals *offer;

  /* The group of the IKE SA, and a way without for gateways that are not set up for it. covers: IKE-RKY-006, IKE-KE-009
   */
  config.esp_proposals = "aes256gcm16";
  world = world_established (&config);
  world_command (world, IKE_REKEY_CHILD);
  world_run (world, SEC);
  message = gateway_last_seen (world->gateway, IKE_EXCHANGE_CREATE_CHILD_SA)->message;
  offer = ike_message_find (message, IKE_PAYLOAD_SA)->sa;
  g_assert_cmpuint (offer->n_proposals, ==, 2);
  g_assert_cmpint (ike_message_find (message, IKE_PAYLOAD_KE)->ke.group, ==, IKE_GROUP_CURVE25519);
  g_assert_true (ike_proposals_have_group (offer, IKE_GROUP_CURVE25519));
  for (guint i = 0; i < offer->proposals[1].n_transforms; i++)
    g_assert_cmpint (offer->proposals[1].transforms[i].type, !=, IKE_TRANSFORM_KE);
}

static void
test_rekey_child_pfs (void)
{
  IkeConfig config = world_config ();
  g_autoptr (World) world = world_new (&config);

  /* covers: IKE-RKY-006 */
  world_start (world, world->a);
  world_run_until (world, IKE_EVENT_ESTABLISHED, SEC);
  world->gateway->esp_proposals = "aes256gcm16-curve25519";
  world_command (world, IKE_REKEY_CHILD);
  world_run (world, SEC);
  assert_same_keys (world, 2, nth_child (world, 1));
  g_assert_cmpuint (world->outbound, ==, 2);
}

static GwVerdict
want_ecp384 (Gateway *gateway, GwSa *sa, const IkeMessage *request, IkePayloads *answer)
{
  const IkePayload *ke = ike_message_find (request, IKE_PAYLOAD_KE);
  guint16 group = IKE_GROUP_ECP_384;

  if (request->header.exchange != IKE_EXCHANGE_CREATE_CHILD_SA || ke->ke.group == group)
    return GW_DEFAULT;
  ike_payloads_add_notify_u16s (answer, IKE_NOTIFY_INVALID_KE_PAYLOAD, &group, 1);
  return GW_ANSWER;
}

static void
test_rekey_invalid_ke (void)
{
  g_autoptr (World) world = world_established (NULL);

  /* covers: IKE-RKY-006, IKE-KE-001 */
  world->gateway->hook = want_ecp384;
  world->gateway->esp_proposals = "aes256gcm16-ecp384";
  world_command (world, IKE_REKEY_CHILD);
  world_run (world, SEC);
  assert_same_keys (world, 2, nth_child (world, 1));
  world_command (world, IKE_REKEY_IKE);
  world_run (world, SEC);
  g_assert_true (nth_sa (world, 0)->deleted);
  g_assert_cmpint (nth_sa (world, 1)->keys->suite.group, ==, IKE_GROUP_ECP_384);
}

static GwVerdict
refuse_create_child (Gateway *gateway, GwSa *sa, const IkeMessage *request, IkePayloads *answer)
{
  if (request->header.exchange != IKE_EXCHANGE_CREATE_CHILD_SA)
    return GW_DEFAULT;
  ike_payloads_add_notify (answer, GPOINTER_TO_UINT (gateway->user), NULL, 0);
  return GW_ANSWER;
}

static void
test_temporary_failure (void)
{
  g_autoptr (World) world = world_established (NULL);
  gint64 start = sim_now (world->sim).boot_us, previous = 0, gap = 0;
  guint n = 0;

  /* covers: IKE-RKY-022 */
  world->gateway->hook = refuse_create_child;
  world->gateway->user = GUINT_TO_POINTER (IKE_NOTIFY_TEMPORARY_FAILURE);
  world_command (world, IKE_REKEY_CHILD);
  world_run_until (world, IKE_EVENT_DEAD, 600 * SEC);
  g_assert_cmpint (sim_now (world->sim).boot_us - start, >, 150 * SEC);
  g_assert_cmpint (sim_now (world->sim).boot_us - start, <, 310 * SEC);
  for (guint i = 0; i < world->gateway->seen->len; i++)
    {
      const GwSeen *seen = g_ptr_array_index (world->gateway->seen, i);
      if (seen->exchange != IKE_EXCHANGE_CREATE_CHILD_SA)
        continue;
      if (n == 1)
        {
          gap = seen->at_us - previous;
          g_assert_cmpint (gap, >=, 9 * SEC);
          g_assert_cmpint (gap, <=, 11 * SEC);
        }
      else if (n == 2)
        g_assert_cmpint (seen->at_us - previous, >, gap * 3 / 2);
      previous = seen->at_us;
      n++;
    }
  g_assert_cmpuint (n, >=, 4);
  g_assert_true (nth_sa (world, 0)->deleted);
}

static void
test_rekey_refused (void)
{
  IkeConfig config = world_config ();
  g_autoptr (World) world = NULL;

  /* No new IKE SA can be made either: the SA is used to its end, then everything is closed. covers: IKE-RKY-002 */
  config.rekey_child_us = 60 * SEC;
  world = world_established (&config);
  world->gateway->hook = refuse_create_child;
  world->gateway->user = GUINT_TO_POINTER (IKE_NOTIFY_NO_ADDITIONAL_SAS);
  world->gateway->init_error = IKE_NOTIFY_NO_PROPOSAL_CHOSEN;
  world_run (world, 600 * SEC);
  g_assert_null (world_event (world, IKE_EVENT_DEAD));
  world_run_until (world, IKE_EVENT_DEAD, 120 * SEC);
  g_assert_true (nth_sa (world, 0)->deleted);
}

static void
test_child_not_found (void)
{
  g_autoptr (World) world = world_established (NULL);

  /* covers: IKE-RKY-009 */
  world->gateway->hook = refuse_create_child;
  world->gateway->user = GUINT_TO_POINTER (IKE_NOTIFY_CHILD_SA_NOT_FOUND);
  world_forget (world);
  world_command (world, IKE_REKEY_CHILD);
  world_run (world, 50 * MS);
  world->gateway->hook = NULL; /* the request for a new one is on its way */
  world_run (world, SEC);
  g_assert_cmpstr (world->trace->str, ==, "send remove:1 send add:2! ");
  g_assert_null (ike_message_find_notify (gateway_last_seen (world->gateway, IKE_EXCHANGE_CREATE_CHILD_SA)->message,
                                          IKE_NOTIFY_REKEY_SA));
}

static GwVerdict
answer_narrower (Gateway *gateway, GwSa *sa, const IkeMessage *request, IkePayloads *answer)
{
  const IkePayload *offer = ike_message_find (request, IKE_PAYLOAD_SA);
  g_autoptr (IkeProposals) ours = ike_proposals_new_from_text ("aes256gcm16", IKE_PROTOCOL_ESP, NULL);
  g_autoptr (IkeProposals) chosen = NULL;
  RoamAddr other = roam_addr_from_u32 (0x0a040001);
  IkeSelector host = ike_selector_host (&gateway->tia4), remote = ike_selector_host (&other);
  guint8 nonce[32] = { 5 };
  IkeSuite suite;

  if (request->header.exchange != IKE_EXCHANGE_CREATE_CHILD_SA)
    return GW_DEFAULT;
  g_assert_true (ike_proposals_choose (ours, offer->sa, 0, &chosen, &suite));
  ike_proposals_set_spi (chosen, 0x12345678, 4);
  ike_payloads_add_sa (answer, chosen);
  ike_payloads_add_nonce (answer, nonce, sizeof nonce);
  ike_payloads_add_ts (answer, IKE_PAYLOAD_TSI, &host, 1);
  ike_payloads_add_ts (answer, IKE_PAYLOAD_TSR, &remote, 1);
  return GW_ANSWER;
}

static void
test_rekey_narrower (void)
{
  g_autoptr (World) world = world_established (NULL);
  const IkePayload *delete;

  /* covers: IKE-TS-009, IKE-ERR-004, IKE-ERR-001 */
  world->gateway->hook = answer_narrower;
  world_forget (world);
  world_command (world, IKE_REKEY_CHILD);
  world_run (world, SEC);
  g_assert_null (strstr (world->trace->str, "add"));
  g_assert_cmpuint (world->outbound, ==, 1);
  delete =
    ike_message_find (gateway_last_seen (world->gateway, IKE_EXCHANGE_INFORMATIONAL)->message, IKE_PAYLOAD_DELETE);
  g_assert_nonnull (delete);
  g_assert_cmphex (delete->delete->spis[0], !=, ((IkeChildSa *)g_ptr_array_index (world->children, 0))->spi_in);
}

/* --- by the gateway --- */

static void
test_new_child_refused (void)
{
  g_autoptr (World) world = world_established (NULL);
  IkePayloads *payloads = ike_payloads_new ();
  g_autoptr (IkeProposals) offer = ike_proposals_new_from_text ("aes256gcm16", IKE_PROTOCOL_ESP, NULL);
  guint8 nonce[32] = { 1 };
  IkeSelector any = ike_selector_any (ROAM_FAMILY_INET4);

  /* covers: IKE-CHI-011, IKE-CHI-013, IKE-SEC-001 */
  ike_proposals_set_spi (offer, 0x11111111, 4);
  ike_payloads_add_sa (payloads, offer);
  ike_payloads_add_nonce (payloads, nonce, sizeof nonce);
  ike_payloads_add_ts (payloads, IKE_PAYLOAD_TSI, &any, 1);
  ike_payloads_add_ts (payloads, IKE_PAYLOAD_TSR, &any, 1);
  gateway_request (world->gateway, NULL, IKE_EXCHANGE_CREATE_CHILD_SA, payloads);
  world_run (world, 45 * MS);
  g_assert_nonnull (ike_message_find_notify (world->gateway->last_answer, IKE_NOTIFY_NO_ADDITIONAL_SAS));
  g_assert_cmpuint (world->outbound, ==, 1);
}

/* A rekeying request of the gateway for @spi with these parts; the answer is in gateway->last_answer. */
static void
request_rekey (World *world, guint32 spi, const char *esp, guint16 ke_group, const IkeSelector *tsr)
{
  IkePayloads *payloads = ike_payloads_new ();
  g_autoptr (IkeProposals) offer = ike_proposals_new_from_text (esp, IKE_PROTOCOL_ESP, NULL);
  IkeSelector any = ike_selector_any (ROAM_FAMILY_INET4), host = ike_selector_host (&world->gateway->tia4);
  guint8 nonce[32] = { 2 };

  ike_proposals_set_spi (offer, 0x22222222, 4);
  ike_payloads_add_notify_spi (payloads, IKE_NOTIFY_REKEY_SA, IKE_PROTOCOL_ESP, spi, NULL, 0);
  ike_payloads_add_sa (payloads, offer);
  ike_payloads_add_nonce (payloads, nonce, sizeof nonce);
  if (ke_group)
    {
      IkeDh *dh = ike_dh_new (ke_group, world->gateway->rng);

      ike_dh_free (world->gateway->pending_dh);
      world->gateway->pending_dh = dh;
      ike_payloads_add_ke (payloads, ke_group, ike_dh_public (dh).data, ike_dh_public (dh).length);
    }
  ike_payloads_add_ts (payloads, IKE_PAYLOAD_TSI, &any, 1);
  ike_payloads_add_ts (payloads, IKE_PAYLOAD_TSR, tsr ? tsr : &host, 1);
  /* Not to be understood as the answer to a rekeying of the script. */
  g_clear_pointer (&world->gateway->pending_offer, ike_proposals_free);
  world->gateway->pending_offer = ike_proposals_copy (offer);
  g_clear_pointer (&world->gateway->pending_nonce, g_bytes_unref);
  world->gateway->pending_nonce = g_bytes_new (nonce, sizeof nonce);
  gateway_request (world->gateway, NULL, IKE_EXCHANGE_CREATE_CHILD_SA, payloads);
  /* A round trip, and what an answer may wait for. */
  world_run (world, 50 * MS);
}

/*
 * strongSwan drops an answer that has the Message ID of a request of ours that it is still busy with:
 * such an answer waits a moment, and no other does.
 */
static void
test_answer_with_the_number_of_our_request_waits (void)
{
  g_autoptr (World) world = world_established (NULL);
  guint32 spi = nth_child (world, 0)->spi_in;

  /* Our first requests had the numbers 0 and 1: the gateway's third one meets our third one. */
  for (guint i = 0; i < 2; i++)
    {
      gateway_request (world->gateway, NULL, IKE_EXCHANGE_INFORMATIONAL, ike_payloads_new ());
      world_run (world, 45 * MS);
    }
  g_assert_cmpuint (world_counter (world, "responses-held-back"), ==, 0);
  world_command (world, IKE_CHECK);
  g_clear_pointer (&world->gateway->last_answer, ike_message_free);
  request_rekey (world, spi, "aes256gcm16", 0, NULL);
  g_assert_cmpuint (world_counter (world, "responses-held-back"), ==, 1);
  g_assert_nonnull (world->gateway->last_answer);
  g_assert_nonnull (ike_message_find (world->gateway->last_answer, IKE_PAYLOAD_SA));

  /* The next one has a number that we did not use yet. */
  gateway_request (world->gateway, NULL, IKE_EXCHANGE_INFORMATIONAL, ike_payloads_new ());
  world_run (world, 45 * MS);
  request_rekey (world, 0x77777777, "aes256gcm16", 0, NULL);
  g_assert_cmpuint (world_counter (world, "responses-held-back"), ==, 1);
}

static void
test_rekey_answers (void)
{
  g_autoptr (World) world = world_established (NULL);
  guint32 spi = nth_child (world, 0)->spi_in;
  RoamAddr other = roam_addr_from_u32 (0x0a080009);
  IkeSelector narrow = ike_selector_host (&other);
  const IkePayloadNotify *notify;
  WireReader reader;
  guint32 number = 0;
  guint16 group = 0;

  /* covers: IKE-CHI-013, IKE-CHI-014, IKE-CHI-015, IKE-CHI-016, IKE-RKY-009, IKE-NTF-003 */
  request_rekey (world, 0x77777777, "aes256gcm16", 0, NULL);
  notify = ike_message_find_notify (world->gateway->last_answer, IKE_NOTIFY_CHILD_SA_NOT_FOUND);
  g_assert_cmpint (notify->protocol, ==, IKE_PROTOCOL_ESP);
  wire_reader_init (&reader, notify->spi.data, notify->spi.length);
  g_assert_true (wire_read_u32 (&reader, &number) && number == 0x77777777);

  request_rekey (world, spi, "aes192-sha384", 0, NULL);
  g_assert_nonnull (ike_message_find_notify (world->gateway->last_answer, IKE_NOTIFY_NO_PROPOSAL_CHOSEN));

  request_rekey (world, spi, "aes256gcm16", 0, &narrow);
  g_assert_nonnull (ike_message_find_notify (world->gateway->last_answer, IKE_NOTIFY_TS_UNACCEPTABLE));

  request_rekey (world, spi, "aes256gcm16-ecp384", IKE_GROUP_ECP_256, NULL);
  notify = ike_message_find_notify (world->gateway->last_answer, IKE_NOTIFY_INVALID_KE_PAYLOAD);
  wire_reader_init (&reader, notify->data.data, notify->data.length);
  g_assert_true (wire_read_u16 (&reader, &group) && group == IKE_GROUP_ECP_384);
  g_assert_cmpuint (world->children->len, ==, 1);

  request_rekey (world, spi, "aes192-aes256gcm16-sha256", 0, NULL);
  g_assert_cmpuint (ike_message_find (world->gateway->last_answer, IKE_PAYLOAD_SA)->sa->n_proposals, ==, 1);
  g_assert_cmpuint (world->children->len, ==, 2);
}

static void
test_rekey_with_pfs_by_gateway (void)
{
  g_autoptr (World) world = world_established (NULL);
  const IkePayload *ke;

  request_rekey (world, nth_child (world, 0)->spi_in, "aes256gcm16-ecp384", IKE_GROUP_ECP_384, NULL);
  ke = ike_message_find (world->gateway->last_answer, IKE_PAYLOAD_KE);
  g_assert_cmpint (ke->ke.group, ==, IKE_GROUP_ECP_384);
}

static void
test_rekey_ike_by_gateway (void)
{
  g_autoptr (World) world = world_established (NULL);
  const GwSeen *seen;
  IkeStatus status;

  /* covers: IKE-RKY-011, IKE-RKY-012, IKE-RKY-015, IKE-HDR-008, IKE-CHI-017, IKE-CRY-004, IKE-INF-002, MOB-INT-004 */
  gateway_rekey_ike (world->gateway);
  world_run (world, 45 * MS);
  g_assert_cmpuint (gateway_live_sas (world->gateway), ==, 2);
  ike_session_get_status (world->session, &status);
  g_assert_cmphex (status.spi_i, ==, nth_sa (world, 1)->spi_i);
  g_assert_true (status.mobike);
  /* The old one still answers. */
  gateway_request (world->gateway, nth_sa (world, 0), IKE_EXCHANGE_INFORMATIONAL, ike_payloads_new ());
  world_run (world, 45 * MS);
  g_assert_cmpuint (world->gateway->answers, ==, 2);
  gateway_delete_ike (world->gateway, nth_sa (world, 0));
  world_run (world, 45 * MS);
  nth_sa (world, 0)->deleted = TRUE;
  g_assert_null (world_event (world, IKE_EVENT_DEAD));
  world_command (world, IKE_CHECK);
  world_run_until (world, IKE_EVENT_PATH_OK, SEC);
  seen = gateway_last_seen (world->gateway, IKE_EXCHANGE_INFORMATIONAL);
  g_assert_cmphex (seen->flags, ==, 0);
  g_assert_cmpuint (seen->id, ==, 0);
  world_command (world, IKE_REKEY_CHILD);
  world_run (world, SEC);
  assert_same_keys (world, 2, nth_child (world, 1));
}

static void
test_rekey_ike (void)
{
  g_autoptr (World) world = world_established (NULL);
  const GwSeen *seen;

  /* covers: IKE-RKY-011, IKE-RKY-013, IKE-MID-005, IKE-RKY-014, IKE-CP-010 */
  world_forget (world);
  world_command (world, IKE_REKEY_IKE);
  world_command (world, IKE_REKEY_CHILD); /* waits, and goes on the new SA */
  world_run (world, SEC);
  g_assert_true (nth_sa (world, 0)->deleted);
  seen = gateway_last_seen (world->gateway, IKE_EXCHANGE_CREATE_CHILD_SA);
  g_assert_cmphex (seen->message->header.spi_i, ==, nth_sa (world, 1)->spi_i);
  g_assert_cmpuint (seen->id, ==, 0);
  assert_same_keys (world, 2, nth_child (world, 1));
  g_assert_cmpuint (world_count_events (world, IKE_EVENT_DEAD), ==, 0);
  /* A request on the new SA by the gateway begins with Message ID 0. */
  gateway_request (world->gateway, NULL, IKE_EXCHANGE_INFORMATIONAL, ike_payloads_new ());
  world_run (world, 45 * MS);
  g_assert_cmpuint (world->gateway->answers, ==, 1);
}

/* --- collisions --- */

static void
test_child_collision (void)
{
  guint lost = 0, won = 0;

  /* covers: IKE-RKY-016, IKE-RKY-017 */
  for (guint seed = 0; seed < 16; seed++)
    {
      IkeConfig config = world_config ();
      g_autoptr (World) world = world_established (&config);
      GwChild *theirs;
      gboolean we_lost;

      roam_rng_free (world->gateway->rng);
      world->gateway->rng = roam_rng_new_for_test (1000 + seed);
      world_command (world, IKE_REKEY_CHILD);
      gateway_rekey_child (world->gateway, gateway_child (world->gateway));
      world_run (world, 50 * MS);
      g_assert_cmpuint (world_counter (world, "child-rekey-collisions"), ==, 1);
      g_assert_cmpuint (gateway_live_children (world->gateway), ==, 3);
      world_run (world, 100 * MS);
      /* Which one did we delete: our new one (lost) or the old one (won)? */
      we_lost = !nth_child (world, 0)->deleted;
      if (we_lost)
        {
          lost++;
          gateway_delete_child (world->gateway, nth_child (world, 0));
          world_run (world, 5 * SEC);
        }
      else
        {
          won++;
          for (guint i = 1; i < 3; i++)
            if (nth_child (world, i)->spi_in == world->gateway->pending_spi)
              gateway_delete_child (world->gateway, nth_child (world, i));
          world_run (world, 5 * SEC);
        }
      g_assert_cmpuint (gateway_live_children (world->gateway), ==, 1);
      theirs = gateway_child (world->gateway);
      g_assert_cmpuint (world->outbound, !=, 0);
      assert_same_keys (world, world->outbound, theirs);
      g_assert_cmpint (theirs->spi_in == world->gateway->pending_spi, ==, we_lost);
    }
  g_assert_cmpuint (lost, >, 0);
  g_assert_cmpuint (won, >, 0);
}

static void
test_ike_collision (void)
{
  guint lost = 0, won = 0;

  /* covers: IKE-RKY-019 */
  for (guint seed = 0; seed < 16; seed++)
    {
      g_autoptr (World) world = world_established (NULL);
      IkeStatus status;
      GwSa *by_gateway = NULL, *by_us = NULL;

      roam_rng_free (world->gateway->rng);
      world->gateway->rng = roam_rng_new_for_test (2000 + seed);
      world_command (world, IKE_REKEY_IKE);
      gateway_rekey_ike (world->gateway);
      world_run (world, 200 * MS);
      g_assert_cmpuint (world_counter (world, "ike-rekey-collisions"), ==, 1);
      for (guint i = 1; i < 3; i++)
        if (nth_sa (world, i)->initiator)
          by_gateway = nth_sa (world, i);
        else
          by_us = nth_sa (world, i);
      if (by_us->deleted)
        {
          lost++;
          gateway_delete_ike (world->gateway, nth_sa (world, 0));
          nth_sa (world, 0)->deleted = TRUE;
        }
      else
        {
          won++;
          g_assert_true (nth_sa (world, 0)->deleted);
          gateway_delete_ike (world->gateway, by_gateway);
          by_gateway->deleted = TRUE;
        }
      world_run (world, SEC);
      g_assert_null (world_event (world, IKE_EVENT_DEAD));
      ike_session_get_status (world->session, &status);
      g_assert_cmphex (status.spi_i, ==, gateway_sa (world->gateway)->spi_i);
      world_command (world, IKE_CHECK);
      world_run_until (world, IKE_EVENT_PATH_OK, SEC);
    }
  g_assert_cmpuint (lost, >, 0);
  g_assert_cmpuint (won, >, 0);
}

static void
test_lost_rekey_request (void)
{
  g_autoptr (World) world = world_established (NULL);

  /* Our request is lost; the gateway's own rekeying ends first. covers: IKE-RKY-018, IKE-DEL-005 */
  world->gateway->hook = NULL;
  world->a->up_blocked = TRUE;
  world_command (world, IKE_REKEY_CHILD);
  world->a->up_blocked = FALSE;
  gateway_rekey_child (world->gateway, gateway_child (world->gateway));
  world_run (world, 45 * MS);
  gateway_delete_child (world->gateway, nth_child (world, 0));
  world_run (world, 45 * MS);
  g_assert_nonnull (ike_message_find (world->gateway->last_answer, IKE_PAYLOAD_DELETE));
  world->gateway->hook = refuse_create_child;
  world->gateway->user = GUINT_TO_POINTER (IKE_NOTIFY_CHILD_SA_NOT_FOUND);
  world_run (world, 5 * SEC);
  g_assert_cmpuint (world->outbound, ==, 2);
  g_assert_cmpuint (gateway_live_children (world->gateway), ==, 1);
  g_assert_null (world_event (world, IKE_EVENT_DEAD));
}

static void
test_ike_rekey_while_child_rekey (void)
{
  g_autoptr (World) world = world_established (NULL);

  /* covers: IKE-CHI-013 */
  world->a->up_blocked = TRUE;
  world_command (world, IKE_REKEY_CHILD);
  world->a->up_blocked = FALSE;
  gateway_rekey_ike (world->gateway);
  world_run (world, 45 * MS);
  g_assert_nonnull (ike_message_find_notify (world->gateway->last_answer, IKE_NOTIFY_TEMPORARY_FAILURE));
}

static void
test_child_rekey_while_ike_rekey (void)
{
  g_autoptr (World) world = world_established (NULL);

  world->a->up_blocked = TRUE;
  world_command (world, IKE_REKEY_IKE);
  world->a->up_blocked = FALSE;
  gateway_rekey_child (world->gateway, gateway_child (world->gateway));
  world_run (world, 45 * MS);
  g_assert_nonnull (ike_message_find_notify (world->gateway->last_answer, IKE_NOTIFY_TEMPORARY_FAILURE));
}

static void
test_rekey_of_closing_sa (void)
{
  g_autoptr (World) world = world_established (NULL);

  /* covers: IKE-RKY-020 */
  world_command (world, IKE_REKEY_IKE);
  world_run (world, 41 * MS);         /* ours is done, the Delete is on its way */
  gateway_rekey_ike (world->gateway); /* on the newest of the gateway; take the old one instead */
  world_run (world, SEC);
  g_assert_null (world_event (world, IKE_EVENT_DEAD));
}

static GwVerdict
be_silent (Gateway *gateway, GwSa *sa, const IkeMessage *request, IkePayloads *answer)
{
  return request->header.exchange == IKE_EXCHANGE_IKE_AUTH ? GW_DEFAULT : GW_SILENT;
}

static void
test_delete_while_ike_rekey (void)
{
  g_autoptr (World) world = world_established (NULL);
  guint sent;

  /* covers: IKE-RKY-021 */
  world->gateway->hook = be_silent;
  world_command (world, IKE_REKEY_IKE);
  world_run (world, 10 * MS);
  gateway_delete_ike (world->gateway, NULL);
  world_run_until (world, IKE_EVENT_DEAD, SEC);
  sent = world->sent->len;
  world_run (world, 60 * SEC);
  g_assert_cmpuint (world->sent->len, ==, sent);
}

static void
test_timed_rekeys (void)
{
  IkeConfig config = world_config ();
  g_autoptr (World) world = NULL;
  guint children, sas;

  /* covers: IKE-RKY-001, IKE-RKY-003 */
  config.rekey_child_us = 600 * SEC;
  config.rekey_ike_us = 1000 * SEC;
  world = world_established (&config);
  world_run (world, 539 * SEC);
  g_assert_cmpuint (world->gateway->children->len, ==, 1);
  world_run (world, 62 * SEC);
  g_assert_cmpuint (world->gateway->children->len, ==, 2);
  world_run (world, 6000 * SEC);
  children = world->gateway->children->len;
  sas = world->gateway->sas->len;
  g_assert_cmpuint (children, >=, 11);
  g_assert_cmpuint (children, <=, 13);
  g_assert_cmpuint (sas, >=, 7);
  g_assert_cmpuint (sas, <=, 8);
  g_assert_cmpuint (gateway_live_children (world->gateway), ==, 1);
  g_assert_cmpuint (gateway_live_sas (world->gateway), ==, 1);
  g_assert_null (world_event (world, IKE_EVENT_DEAD));
}

static void
test_spis (void)
{
  IkeConfig config = world_config ();
  g_autoptr (World) world = NULL;

  /* covers: IKE-CHI-002 */
  world = world_established (&config);
  for (guint i = 0; i < 300; i++)
    {
      world_command (world, IKE_REKEY_CHILD);
      world_run (world, 3 * SEC);
    }
  g_assert_cmpuint (world->children->len, ==, 301);
  for (guint i = 0; i < world->children->len; i++)
    for (guint j = 0; j < i; j++)
      g_assert_cmphex (((IkeChildSa *)g_ptr_array_index (world->children, i))->spi_in, !=,
                       ((IkeChildSa *)g_ptr_array_index (world->children, j))->spi_in);
  for (guint i = 0; i < world->children->len; i++)
    g_assert_cmpuint (((IkeChildSa *)g_ptr_array_index (world->children, i))->spi_in, >=, 256);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  world_init (argc, argv);
  g_test_add_func ("/ike/rekey/child", test_rekey_child);
  g_test_add_func ("/ike/rekey/child-offer", test_rekey_child_offer);
  g_test_add_func ("/ike/rekey/child-pfs", test_rekey_child_pfs);
  g_test_add_func ("/ike/rekey/invalid-ke", test_rekey_invalid_ke);
  g_test_add_func ("/ike/rekey/temporary-failure", test_temporary_failure);
  g_test_add_func ("/ike/rekey/refused", test_rekey_refused);
  g_test_add_func ("/ike/rekey/child-not-found", test_child_not_found);
  g_test_add_func ("/ike/rekey/narrower", test_rekey_narrower);
  g_test_add_func ("/ike/rekey/new-child-refused", test_new_child_refused);
  g_test_add_func ("/ike/rekey/answers", test_rekey_answers);
  g_test_add_func ("/ike/rekey/pfs-by-gateway", test_rekey_with_pfs_by_gateway);
  g_test_add_func ("/ike/rekey/ike-by-gateway", test_rekey_ike_by_gateway);
  g_test_add_func ("/ike/rekey/ike", test_rekey_ike);
  g_test_add_func ("/ike/rekey/child-collision", test_child_collision);
  g_test_add_func ("/ike/rekey/ike-collision", test_ike_collision);
  g_test_add_func ("/ike/rekey/lost-request", test_lost_rekey_request);
  g_test_add_func ("/ike/rekey/ike-while-child", test_ike_rekey_while_child_rekey);
  g_test_add_func ("/ike/rekey/child-while-ike", test_child_rekey_while_ike_rekey);
  g_test_add_func ("/ike/rekey/closing-sa", test_rekey_of_closing_sa);
  g_test_add_func ("/ike/rekey/delete-while-ike-rekey", test_delete_while_ike_rekey);
  g_test_add_func ("/ike/rekey/timed", test_timed_rekeys);
  g_test_add_func ("/ike/rekey/same-number-waits", test_answer_with_the_number_of_our_request_waits);
  g_test_add_func ("/ike/rekey/spis", test_spis);
  return g_test_run ();
}
