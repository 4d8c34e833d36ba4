/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "tests/ike/gateway.h"

#include <string.h>

#define GATEWAY_NONCE 32

/* Reasons of the cryptography, of no interest here. */
static const char *why;

static IkeView
view (GBytes *bytes)
{
  IkeView v;
  v.data = g_bytes_get_data (bytes, &v.length);
  return v;
}

static GBytes *
random_bytes (Gateway *gw, gsize length)
{
  guint8 *data = g_malloc (length);
  roam_rng_fill (gw->rng, data, length);
  return g_bytes_new_take (data, length);
}

static void
sa_free (gpointer data)
{
  GwSa *sa = data;
  ike_keys_free (sa->keys);
  g_clear_pointer (&sa->last_response, g_ptr_array_unref);
  g_clear_pointer (&sa->request, g_ptr_array_unref);
  ike_reassembly_free (sa->fragments[0]);
  ike_reassembly_free (sa->fragments[1]);
  g_free (sa);
}

static void
child_free (gpointer data)
{
  GwChild *child = data;
  roam_secret_unref (child->encr_in);
  roam_secret_unref (child->encr_out);
  g_free (child);
}

static void
seen_free (gpointer data)
{
  GwSeen *seen = data;
  ike_message_free (seen->message);
  g_free (seen);
}

Gateway *
gateway_new (Sim *sim, const char *addr)
{
  Gateway *gw = g_new0 (Gateway, 1);

  gw->sim = sim;
  gw->rng = roam_rng_new_for_test (77);
  g_assert_true (roam_addr_parse (addr, &gw->addr));
  gw->psk = "open sesame";
  gw->id = "vpn.example.com";
  gw->tia4 = roam_addr_from_u32 (0x0a080001);
  gw->dns = roam_addr_from_u32 (0x0a040035);
  gw->mobike = gw->nat_detection = TRUE;
  gw->fragment_size = 1200;
  gw->seen = g_ptr_array_new_with_free_func (seen_free);
  gw->sas = g_ptr_array_new_with_free_func (sa_free);
  gw->children = g_ptr_array_new_with_free_func (child_free);
  return gw;
}

void
gateway_free (Gateway *gw)
{
  if (!gw)
    return;
  g_ptr_array_unref (gw->seen);
  g_ptr_array_unref (gw->sas);
  g_ptr_array_unref (gw->children);
  g_clear_pointer (&gw->init_request, g_bytes_unref);
  g_clear_pointer (&gw->init_response, g_bytes_unref);
  g_clear_pointer (&gw->ni, g_bytes_unref);
  g_clear_pointer (&gw->nr, g_bytes_unref);
  g_clear_pointer (&gw->cookie, g_bytes_unref);
  g_clear_pointer (&gw->pending_nonce, g_bytes_unref);
  ike_dh_free (gw->pending_dh);
  ike_proposals_free (gw->pending_offer);
  ike_message_free (gw->last_answer);
  roam_secret_unref (gw->eap_msk);
  g_clear_pointer (&gw->second_id, g_bytes_unref);
  roam_secret_unref (gw->resume_sk_d);
  roam_rng_free (gw->rng);
  g_free (gw);
}

/* --- sending --- */

static void
send_message (Gateway *gw, const RoamEndpoint *local, const RoamEndpoint *remote, GBytes *message)
{
  g_autoptr (GByteArray) datagram = g_byte_array_new ();
  static const guint8 marker[IKE_NON_ESP_MARKER_LENGTH];

  if (local->port != IKE_PORT)
    g_byte_array_append (datagram, marker, sizeof marker);
  g_byte_array_append (datagram, view (message).data, (guint)view (message).length);
  g_autoptr (GBytes) bytes = g_byte_array_free_to_bytes (g_steal_pointer (&datagram));
  sim_send_from_server (gw->sim, local, remote, bytes);
}

static void
send_all (Gateway *gw, const RoamEndpoint *local, const RoamEndpoint *remote, GPtrArray *messages)
{
  for (guint i = 0; i < messages->len; i++)
    send_message (gw, local, remote, g_ptr_array_index (messages, i));
}

void
gateway_send_raw (Gateway *gw, GwSa *sa, GBytes *message)
{
  send_message (gw, &sa->local, &sa->remote, message);
}

static GPtrArray *
seal (Gateway *gw, GwSa *sa, guint8 exchange, gboolean response, guint32 id, const IkePayloads *payloads)
{
  IkeHeader header = { .spi_i = sa->spi_i, .spi_r = sa->spi_r, .exchange = exchange, .message_id = id };
  IkeCipher *cipher = sa->initiator ? sa->keys->cipher_i : sa->keys->cipher_r;

  header.flags = (guint8)((sa->initiator ? IKE_FLAG_INITIATOR : 0) | (response ? IKE_FLAG_RESPONSE : 0));
  if (gw->fragmentation)
    return ike_message_build_fragments (&header, payloads, cipher, gw->rng, gw->fragment_size);
  GPtrArray *messages = g_ptr_array_new_with_free_func ((GDestroyNotify)g_bytes_unref);
  g_ptr_array_add (messages, ike_message_build_protected (&header, payloads, cipher, gw->rng));
  return messages;
}

static void
respond (Gateway *gw, GwSa *sa, const RoamEndpoint *local, const RoamEndpoint *remote, guint8 exchange,
         IkePayloads *payloads)
{
  if (gw->decorate)
    gw->decorate (gw, exchange, payloads);
  g_clear_pointer (&sa->last_response, g_ptr_array_unref);
  sa->last_response = seal (gw, sa, exchange, TRUE, sa->peer_next_id++, payloads);
  send_all (gw, local, remote, sa->last_response);
}

void
gateway_request (Gateway *gw, GwSa *sa, guint8 exchange, IkePayloads *payloads)
{
  g_autoptr (IkePayloads) owned = payloads;

  sa = sa ? sa : gateway_sa (gw);
  g_assert_null (sa->request); /* window 1: a script must wait for the answer */
  sa->request_id = sa->next_id++;
  sa->request = seal (gw, sa, exchange, FALSE, sa->request_id, owned);
  send_all (gw, &sa->local, &sa->remote, sa->request);
}

void
gateway_repeat_request (Gateway *gw, GwSa *sa)
{
  g_assert_nonnull (sa->request);
  send_all (gw, &sa->local, &sa->remote, sa->request);
}

/* --- NAT detection --- */

void
gateway_add_natd (Gateway *gw, GwSa *sa, const RoamEndpoint *local, const RoamEndpoint *remote, IkePayloads *payloads)
{
  guint8 hash[IKE_NAT_DETECTION_LENGTH];

  if (gw->fake_nat)
    roam_rng_fill (gw->rng, hash, sizeof hash);
  else
    ike_nat_detection_hash (sa->spi_i, sa->spi_r, local, hash);
  ike_payloads_add_notify (payloads, IKE_NOTIFY_NAT_DETECTION_SOURCE_IP, hash, sizeof hash);
  ike_nat_detection_hash (sa->spi_i, sa->spi_r, remote, hash);
  ike_payloads_add_notify (payloads, IKE_NOTIFY_NAT_DETECTION_DESTINATION_IP, hash, sizeof hash);
}

/* --- IKE_SA_INIT --- */

static void
answer_init_notify (Gateway *gw, const SimPacket *packet, const IkeHeader *request, guint16 type, IkeView data)
{
  IkeHeader header = *request;
  g_autoptr (IkePayloads) payloads = ike_payloads_new ();

  header.flags = IKE_FLAG_RESPONSE;
  ike_payloads_add_notify (payloads, type, data.data, data.length);
  g_autoptr (GBytes) message = ike_message_build_clear (&header, payloads);
  send_message (gw, &packet->local, &packet->remote, message);
}

static gboolean
refuse_init (Gateway *gw, const SimPacket *packet, const IkeMessage *message)
{
  const IkePayloadNotify *cookie = ike_message_find_notify (message, IKE_NOTIFY_COOKIE);
  const IkePayload *ke = ike_message_find (message, IKE_PAYLOAD_KE);
  IkeView none = { 0 };

  if (gw->init_error)
    {
      answer_init_notify (gw, packet, &message->header, gw->init_error, none);
      return TRUE;
    }
  if (gw->cookies > 0)
    {
      gw->cookies--;
      g_clear_pointer (&gw->cookie, g_bytes_unref);
      gw->cookie = random_bytes (gw, 24);
      answer_init_notify (gw, packet, &message->header, IKE_NOTIFY_COOKIE, view (gw->cookie));
      return TRUE;
    }
  if (gw->cookie)
    {
      /* RFC 7296 2.6: the cookie comes back, as the first payload. */
      g_assert_nonnull (cookie);
      g_assert_cmpmem (cookie->data.data, cookie->data.length, view (gw->cookie).data, view (gw->cookie).length);
      g_assert_cmpint (message->payloads[0].type, ==, IKE_PAYLOAD_NOTIFY);
    }
  if (gw->want_group && ke->ke.group != gw->want_group)
    {
      guint8 group[2] = { (guint8)(gw->want_group >> 8), (guint8)gw->want_group };
      answer_init_notify (gw, packet, &message->header, IKE_NOTIFY_INVALID_KE_PAYLOAD, (IkeView){ group, 2 });
      return TRUE;
    }
  return FALSE;
}

static void
take_hashes (Gateway *gw, const IkeMessage *message)
{
  const IkePayloadNotify *notify = ike_message_find_notify (message, IKE_NOTIFY_SIGNATURE_HASH_ALGORITHMS);

  gw->client_hashes = 0;
  if (notify)
    g_assert_true (ike_hash_set_parse (notify->data, &gw->client_hashes));
}

static void
answer_init (Gateway *gw, const SimPacket *packet, const IkeMessage *message)
{
  const IkePayload *offer = ike_message_find (message, IKE_PAYLOAD_SA);
  const IkePayload *ke = ike_message_find (message, IKE_PAYLOAD_KE);
  const IkePayload *nonce = ike_message_find (message, IKE_PAYLOAD_NONCE);
  g_autoptr (IkeProposals) ours = ike_proposals_new_from_text (gw->ike_proposals, IKE_PROTOCOL_IKE, NULL);
  g_autoptr (IkeProposals) chosen = NULL;
  g_autoptr (IkeDh) dh = ike_dh_new (ke->ke.group, gw->rng);
  g_autoptr (RoamSecret) shared = ike_dh_shared (dh, ke->ke.data.data, ke->ke.data.length, &why);
  g_autoptr (IkePayloads) payloads = ike_payloads_new ();
  IkeHeader header = message->header;
  GwSa *sa = g_new0 (GwSa, 1);
  IkeSuite suite;

  g_assert_true (ike_proposals_choose (ours, offer->sa, ke->ke.group, &chosen, &suite));
  g_clear_pointer (&gw->ni, g_bytes_unref);
  g_clear_pointer (&gw->nr, g_bytes_unref);
  gw->ni = g_bytes_new (nonce->body.data, nonce->body.length);
  gw->nr = random_bytes (gw, GATEWAY_NONCE);
  sa->spi_i = header.spi_i;
  header.spi_r = sa->spi_r = roam_rng_u64 (gw->rng);
  header.flags = IKE_FLAG_RESPONSE;
  sa->fragments[0] = ike_reassembly_new ();
  sa->fragments[1] = ike_reassembly_new ();
  sa->peer_next_id = 1;
  sa->local = packet->local;
  sa->remote = packet->remote;
  g_autoptr (RoamSecret) skeyseed = ike_skeyseed_initial (suite.prf, view (gw->ni), view (gw->nr), shared);
  sa->keys = ike_keys_new (&suite, skeyseed, view (gw->ni), view (gw->nr), sa->spi_i, sa->spi_r);
  g_ptr_array_add (gw->sas, sa);

  ike_payloads_add_sa (payloads, chosen);
  ike_payloads_add_ke (payloads, ke->ke.group, ike_dh_public (dh).data, ike_dh_public (dh).length);
  ike_payloads_add_nonce (payloads, view (gw->nr).data, view (gw->nr).length);
  if (gw->nat_detection)
    gateway_add_natd (gw, sa, &packet->local, &packet->remote, payloads);
  if (gw->fragmentation)
    ike_payloads_add_notify (payloads, IKE_NOTIFY_IKEV2_FRAGMENTATION_SUPPORTED, NULL, 0);
  take_hashes (gw, message);
  if (gw->credentials && !gw->no_hashes)
    ike_payloads_add_notify_u16s (payloads, IKE_NOTIFY_SIGNATURE_HASH_ALGORITHMS, ike_signature_hashes, 4);
  gw->dialect = gw->mopo && ike_dialect_mopo_in (message) ? &ike_dialect_mopo : NULL;
  if (gw->dialect)
    {
      ike_payloads_add_vendor_id (payloads, ike_mopo_vendor_id, sizeof ike_mopo_vendor_id);
      ike_dialect_add (gw->dialect, gw->dialect->supported, NULL, 0, payloads);
    }
  if (gw->decorate)
    gw->decorate (gw, IKE_EXCHANGE_IKE_SA_INIT, payloads);
  g_clear_pointer (&gw->init_request, g_bytes_unref);
  g_clear_pointer (&gw->init_response, g_bytes_unref);
  gw->init_request = g_bytes_ref (message->octets);
  gw->init_response = ike_message_build_clear (&header, payloads);
  send_message (gw, &packet->local, &packet->remote, gw->init_response);
}

/* --- children --- */

static GwChild *
add_child (Gateway *gw, const GwSa *sa, const IkeSuite *suite, const RoamSecret *g_ir, GBytes *ni, GBytes *nr,
           gboolean ours, guint32 spi_in, guint32 spi_out)
{
  g_auto (IkeChildKeys) keys = { 0 };
  GwChild *child = g_new0 (GwChild, 1);

  g_assert_true (ike_child_keys_derive (sa->keys->suite.prf, sa->keys->sk_d, g_ir, view (ni), view (nr), suite, &keys));
  child->spi_in = spi_in;
  child->spi_out = spi_out;
  child->encr_in = roam_secret_ref (ours ? keys.encr_r2i : keys.encr_i2r);
  child->encr_out = roam_secret_ref (ours ? keys.encr_i2r : keys.encr_r2i);
  g_ptr_array_add (gw->children, child);
  return child;
}

static guint32
new_spi (Gateway *gw)
{
  return roam_rng_u32 (gw->rng) | 0x80000000;
}

static IkeProposals *
esp_offer (Gateway *gw)
{
  return ike_proposals_new_from_text (gw->esp_proposals, IKE_PROTOCOL_ESP, NULL);
}

static guint64
spi_of (const IkeProposals *offer, guint8 number)
{
  for (guint i = 0; i < offer->n_proposals; i++)
    if (offer->proposals[i].number == number)
      return ike_proposal_get_spi (&offer->proposals[i]);
  g_assert_not_reached ();
}

/* --- IKE_AUTH --- */

static void
add_signature (Gateway *gw, IkePayloads *payloads, GBytes *octets)
{
  const GPtrArray *certificates = ike_credentials_certificates (gw->credentials);
  guint8 method = 0;
  g_autoptr (GBytes) signature =
    ike_credentials_sign (gw->credentials, gw->old_method ? 0 : gw->client_hashes, view (octets), &method, &why);

  for (guint i = 0; i < certificates->len; i++)
    {
      IkeView der = view (g_ptr_array_index (certificates, i));
      ike_payloads_add_cert (payloads, IKE_CERT_ENCODING_X509_SIGNATURE, der.data, der.length);
    }
  ike_payloads_add_auth (payloads, method, view (signature).data, view (signature).length);
}

/* What the shared key of AUTH is. */
static RoamSecret *
shared_key (Gateway *gw)
{
  return gw->eap_msk ? roam_secret_ref (gw->eap_msk) : roam_secret_new ((const guint8 *)gw->psk, strlen (gw->psk));
}

void
gateway_add_auth (Gateway *gw, GwSa *sa, IkePayloads *payloads)
{
  g_auto (IkeIdentity) id = { 0 };
  g_autoptr (RoamSecret) key = shared_key (gw);
  guint8 auth[IKE_MAX_HASH];

  g_assert_true (ike_identity_from_text (gw->id, IKE_ID_AUTO, &id, NULL));
  g_autoptr (GBytes) body = ike_identity_to_body (&id);
  g_autoptr (GBytes) octets =
    ike_auth_signed_octets (sa->keys->suite.prf, view (gw->init_response), view (gw->ni), sa->keys->sk_pr, view (body));
  g_assert_true (gateway_auth (sa, key, TRUE, octets, auth));
  if (gw->bad_auth)
    auth[0] ^= 1;
  if (!gw->eap_msk)
    ike_payloads_add_id (payloads, IKE_PAYLOAD_IDR, &id);
  if (gw->credentials && !gw->eap_msk && !sa->resumed)
    {
      add_signature (gw, payloads, octets);
      return;
    }
  ike_payloads_add_auth (payloads, IKE_AUTH_ID_SHARED_KEY, auth, ike_prf_length (sa->keys->suite.prf));
}

static gboolean
verify_signature (Gateway *gw, const IkeMessage *request, guint8 method, IkeView data, GBytes *octets)
{
  const IkePayload *id = ike_message_find (request, IKE_PAYLOAD_IDI),
                   *cert = ike_message_find (request, IKE_PAYLOAD_CERT);
  IkeIdentity identity = { .type = id->id.id_type, .data = g_bytes_new (id->id.data.data, id->id.data.length) };
  RoamNow now = sim_now (gw->sim);
  const char *advice;
  g_autoptr (IkePublicKey) key =
    ike_credentials_verify_peer (gw->credentials, &cert->cert.data, 1, &now, &identity, &why, &advice);

  ike_identity_clear (&identity);
  return key && ike_auth_verify_signature (key, method, data, view (octets), IKE_SIGNATURE_DEFAULT, &why);
}

static gboolean
verify_client (Gateway *gw, GwSa *sa, const IkeMessage *request)
{
  const IkePayload *id = ike_message_find (gw->eap_msk ? gateway_first_auth (gw) : request, IKE_PAYLOAD_IDI),
                   *auth = ike_message_find (request, IKE_PAYLOAD_AUTH);
  g_autoptr (RoamSecret) key = shared_key (gw);
  IkeView data = auth->auth.data;
  guint8 right[IKE_MAX_HASH];
  g_autoptr (GBytes) octets =
    ike_auth_signed_octets (sa->keys->suite.prf, view (gw->init_request), view (gw->nr), sa->keys->sk_pi,
                            gw->second_id ? view (gw->second_id) : id->id.body);

  gw->client_method = auth->auth.method;
  if (gw->no_ppk)
    data = ike_message_find_notify (request, IKE_NOTIFY_NO_PPK_AUTH)->data;
  if (auth->auth.method == IKE_AUTH_ID_SHARED_KEY)
    return gateway_auth (sa, key, FALSE, octets, right) && data.length == ike_prf_length (sa->keys->suite.prf) &&
           memcmp (data.data, right, data.length) == 0;
  return verify_signature (gw, request, auth->auth.method, data, octets);
}

static void
add_cp (Gateway *gw, IkePayloads *payloads)
{
  guint8 tia6[17] = { 0 };
  IkeCpAttribute attributes[3] = { { IKE_CP_INTERNAL_IP4_ADDRESS, { gw->tia4.bytes, 4 } } };
  guint n = 1;

  if (roam_addr_is_set (&gw->dns))
    attributes[n++] = (IkeCpAttribute){ IKE_CP_INTERNAL_IP4_DNS, { gw->dns.bytes, 4 } };
  memcpy (tia6, gw->tia6.bytes, 16);
  tia6[16] = 128;
  if (roam_addr_is_set (&gw->tia6))
    attributes[n++] = (IkeCpAttribute){ IKE_CP_INTERNAL_IP6_ADDRESS, { tia6, 17 } };
  ike_payloads_add_cp (payloads, IKE_CFG_REPLY, attributes, n);
}

static void
add_child_answer (Gateway *gw, GwSa *sa, const IkeMessage *request, IkePayloads *payloads)
{
  const IkePayload *offer = ike_message_find (request, IKE_PAYLOAD_SA);
  const IkePayload *tsr = ike_message_find (request, IKE_PAYLOAD_TSR);
  g_autoptr (IkeProposals) ours = esp_offer (gw);
  g_autoptr (IkeProposals) chosen = NULL;
  IkeSelector tsi[2];
  guint n = 0;
  guint32 spi = new_spi (gw);
  IkeSuite suite;

  g_assert_true (ike_proposals_choose (ours, offer->sa, 0, &chosen, &suite));
  add_child (gw, sa, &suite, NULL, gw->ni, gw->nr, FALSE, spi,
             (guint32)spi_of (offer->sa, chosen->proposals[0].number));
  ike_proposals_set_spi (chosen, spi, 4);
  ike_payloads_add_sa (payloads, chosen);
  tsi[n++] = ike_selector_host (roam_addr_is_set (&gw->narrow_local) ? &gw->narrow_local : &gw->tia4);
  if (roam_addr_is_set (&gw->tia6))
    tsi[n++] = ike_selector_host (&gw->tia6);
  ike_payloads_add_ts (payloads, IKE_PAYLOAD_TSI, tsi, n);
  if (gw->widen_ts)
    {
      IkeSelector wide[2] = { ike_selector_any (ROAM_FAMILY_INET4), ike_selector_any (ROAM_FAMILY_INET6) };
      ike_payloads_add_ts (payloads, IKE_PAYLOAD_TSR, wide, 2);
    }
  else if (gw->narrow_remote_end)
    {
      IkeSelector narrow = ike_selector_any (ROAM_FAMILY_INET4);
      g_assert_true (roam_addr_parse (gw->narrow_remote_end, &narrow.end));
      ike_payloads_add_ts (payloads, IKE_PAYLOAD_TSR, &narrow, 1);
    }
  else
    ike_payloads_add_ts (payloads, IKE_PAYLOAD_TSR, tsr->ts->selectors, tsr->ts->n_selectors);
}

static void
add_additional (Gateway *gw, IkePayloads *payloads)
{
  const IkeDialect *dialect = gw->dialect ? gw->dialect : &ike_dialect_mobike;

  for (guint i = 0; i < G_N_ELEMENTS (gw->additional) && gw->additional[i]; i++)
    {
      const char *one[] = { gw->additional[i], NULL };
      gateway_add_list (dialect, one, NULL, payloads);
    }
}

static void
answer_auth (Gateway *gw, GwSa *sa, const SimPacket *packet, const IkeMessage *request, IkePayloads *payloads)
{
  guint16 alone = gw->auth_error_alone;

  /* RFC 4555 3.3: the addresses of the first IKE_AUTH request count. */
  sa->local = packet->local;
  sa->remote = packet->remote;
  if (!verify_client (gw, sa, request))
    alone = IKE_NOTIFY_AUTHENTICATION_FAILED;
  if (alone)
    {
      ike_payloads_add_notify (payloads, alone, NULL, 0);
      sa->deleted = TRUE;
      return;
    }
  sa->established = TRUE;
  gateway_add_auth (gw, sa, payloads);
  if (gw->eap_msk)
    request = gateway_first_auth (gw);
  if (gw->auth_error)
    {
      ike_payloads_add_notify (payloads, gw->auth_error, NULL, 0);
      return;
    }
  if (!gw->omit_cp)
    add_cp (gw, payloads);
  add_child_answer (gw, sa, request, payloads);
  if (gw->mobike && ike_message_find_notify (request, IKE_NOTIFY_MOBIKE_SUPPORTED))
    {
      ike_payloads_add_notify (payloads, IKE_NOTIFY_MOBIKE_SUPPORTED, NULL, 0);
      gw->dialect = &ike_dialect_mobike;
    }
  add_additional (gw, payloads);
}

/* --- INFORMATIONAL --- */

static void
answer_deletes (Gateway *gw, GwSa *sa, const IkeMessage *request, IkePayloads *payloads)
{
  for (const IkePayload *p = NULL; (p = ike_message_find_next (request, IKE_PAYLOAD_DELETE, p));)
    {
      if (p->delete->protocol == IKE_PROTOCOL_IKE)
        sa->deleted = TRUE;
      for (guint i = 0; i < p->delete->n_spis; i++)
        for (guint j = 0; j < gw->children->len; j++)
          {
            GwChild *child = g_ptr_array_index (gw->children, j);
            if (child->deleted || child->spi_out != p->delete->spis[i])
              continue;
            child->deleted = TRUE;
            ike_payloads_add_delete_esp (payloads, &child->spi_in, 1);
          }
    }
}

static void
answer_informational (Gateway *gw, GwSa *sa, const SimPacket *packet, const IkeMessage *request, IkePayloads *payloads)
{
  const IkeDialect *dialect = gw->dialect ? gw->dialect : &ike_dialect_mobike;
  const IkePayloadNotify *cookie2 = ike_message_find_notify (request, dialect->cookie2);
  gboolean update = ike_message_find_notify (request, dialect->update) != NULL;

  if (update)
    {
      sa->local = packet->local;
      sa->remote = packet->remote;
    }
  if (ike_message_find_notify (request, IKE_NOTIFY_NAT_DETECTION_SOURCE_IP) && !gw->omit_natd)
    gateway_add_natd (gw, sa, &packet->local, &packet->remote, payloads);
  if (cookie2 && !gw->omit_cookie2)
    {
      guint8 data[64];
      memcpy (data, cookie2->data.data, cookie2->data.length);
      data[0] = (guint8)(data[0] ^ (gw->wrong_cookie2 ? 1 : 0));
      ike_dialect_add (dialect, dialect->cookie2, data, cookie2->data.length, payloads);
    }
  answer_deletes (gw, sa, request, payloads);
  if (update && gw->rekey_child_on_update && gw->rekey_before_answer)
    gateway_rekey_child (gw, gateway_child (gw));
}

/* --- CREATE_CHILD_SA of the client --- */

static GwSa *
new_sa (Gateway *gw, const GwSa *old, guint64 spi_i, guint64 spi_r, gboolean initiator, const IkeSuite *suite,
        const RoamSecret *shared, GBytes *ni, GBytes *nr)
{
  GwSa *sa = g_new0 (GwSa, 1);
  g_autoptr (RoamSecret) skeyseed =
    ike_skeyseed_rekey (old->keys->suite.prf, old->keys->sk_d, shared, view (ni), view (nr));

  sa->spi_i = spi_i;
  sa->spi_r = spi_r;
  sa->initiator = initiator;
  sa->established = TRUE;
  sa->local = old->local;
  sa->remote = old->remote;
  sa->fragments[0] = ike_reassembly_new ();
  sa->fragments[1] = ike_reassembly_new ();
  sa->keys = ike_keys_new (suite, skeyseed, view (ni), view (nr), spi_i, spi_r);
  g_ptr_array_add (gw->sas, sa);
  return sa;
}

static void
answer_create_child (Gateway *gw, GwSa *sa, const IkeMessage *request, IkePayloads *payloads)
{
  const IkePayload *offer = ike_message_find (request, IKE_PAYLOAD_SA);
  const IkePayload *ke = ike_message_find (request, IKE_PAYLOAD_KE);
  const IkePayload *nonce = ike_message_find (request, IKE_PAYLOAD_NONCE);
  const IkePayload *tsi = ike_message_find (request, IKE_PAYLOAD_TSI),
                   *tsr = ike_message_find (request, IKE_PAYLOAD_TSR);
  gboolean ike = offer->sa->proposals[0].protocol == IKE_PROTOCOL_IKE;
  g_autoptr (IkeProposals) ours =
    ike ? ike_proposals_new_from_text (gw->ike_proposals, IKE_PROTOCOL_IKE, NULL) : esp_offer (gw);
  g_autoptr (IkeProposals) chosen = NULL;
  g_autoptr (GBytes) ni = g_bytes_new (nonce->body.data, nonce->body.length);
  g_autoptr (GBytes) nr = random_bytes (gw, GATEWAY_NONCE);
  g_autoptr (IkeDh) dh = NULL;
  g_autoptr (RoamSecret) shared = NULL;
  IkeSuite suite;

  g_assert_true (ike_proposals_choose (ours, offer->sa, ke ? ke->ke.group : 0, &chosen, &suite));
  if (suite.group)
    {
      g_assert_cmpint (ke->ke.group, ==, suite.group);
      dh = ike_dh_new (suite.group, gw->rng);
      shared = ike_dh_shared (dh, ke->ke.data.data, ke->ke.data.length, &why);
    }
  if (ike)
    {
      guint64 spi_r = roam_rng_u64 (gw->rng);
      new_sa (gw, sa, spi_of (offer->sa, chosen->proposals[0].number), spi_r, FALSE, &suite, shared, ni, nr);
      ike_proposals_set_spi (chosen, spi_r, 8);
    }
  else
    {
      guint32 spi = new_spi (gw);
      add_child (gw, sa, &suite, shared, ni, nr, FALSE, spi, (guint32)spi_of (offer->sa, chosen->proposals[0].number));
      ike_proposals_set_spi (chosen, spi, 4);
    }
  ike_payloads_add_sa (payloads, chosen);
  ike_payloads_add_nonce (payloads, view (nr).data, view (nr).length);
  if (dh)
    ike_payloads_add_ke (payloads, suite.group, ike_dh_public (dh).data, ike_dh_public (dh).length);
  if (!ike)
    {
      if (roam_addr_is_set (&gw->narrow_local) && !ike_message_find_notify (request, IKE_NOTIFY_REKEY_SA))
        ike_payloads_add_ts (payloads, IKE_PAYLOAD_TSI, (IkeSelector[]){ ike_selector_host (&gw->narrow_local) }, 1);
      else
        ike_payloads_add_ts (payloads, IKE_PAYLOAD_TSI, tsi->ts->selectors, tsi->ts->n_selectors);
      ike_payloads_add_ts (payloads, IKE_PAYLOAD_TSR, tsr->ts->selectors, tsr->ts->n_selectors);
    }
}

/* --- answers to our own requests --- */

/* What our own CREATE_CHILD_SA brought. */
static void
take_create_child (Gateway *gw, GwSa *sa, const IkeMessage *answer)
{
  const IkePayload *chosen = ike_message_find (answer, IKE_PAYLOAD_SA), *ke = ike_message_find (answer, IKE_PAYLOAD_KE);
  const IkePayload *nonce = ike_message_find (answer, IKE_PAYLOAD_NONCE);
  g_autoptr (RoamSecret) shared = NULL;
  const char *reason = NULL;
  IkeSuite suite;

  if (!chosen)
    return;
  g_autoptr (GBytes) nr = g_bytes_new (nonce->body.data, nonce->body.length);
  gboolean ike = chosen->sa->proposals[0].protocol == IKE_PROTOCOL_IKE;
  g_assert_true (ike_proposals_verify_answer (gw->pending_offer, chosen->sa, ike ? 8 : 4, &suite, &reason));
  if (suite.group)
    shared = ike_dh_shared (gw->pending_dh, ke->ke.data.data, ke->ke.data.length, &why);
  if (ike)
    new_sa (gw, sa, gw->pending_ike_spi, ike_proposal_get_spi (&chosen->sa->proposals[0]), TRUE, &suite, shared,
            gw->pending_nonce, nr);
  else
    add_child (gw, sa, &suite, shared, gw->pending_nonce, nr, TRUE, gw->pending_spi,
               (guint32)ike_proposal_get_spi (&chosen->sa->proposals[0]));
}

static void
take_answer (Gateway *gw, GwSa *sa, IkeMessage *message)
{
  if (!sa->request || message->header.message_id != sa->request_id)
    {
      ike_message_free (message);
      return;
    }
  g_clear_pointer (&sa->request, g_ptr_array_unref);
  gw->answers++;
  ike_message_free (gw->last_answer);
  gw->last_answer = message;
  if (message->header.exchange == IKE_EXCHANGE_CREATE_CHILD_SA && !gw->ignore_answers)
    take_create_child (gw, sa, message);
}

/* --- receiving --- */

static GwSa *
find_sa (Gateway *gw, const IkeHeader *header)
{
  for (guint i = gw->sas->len; i > 0; i--)
    {
      GwSa *sa = g_ptr_array_index (gw->sas, i - 1);
      if (sa->spi_i == header->spi_i && sa->spi_r == header->spi_r)
        return sa;
    }
  return NULL;
}

static IkeMessage *
open_message (Gateway *gw, GwSa *sa, const guint8 *data, gsize length, const IkeHeader *header)
{
  const IkeCipher *cipher = sa->initiator ? sa->keys->cipher_r : sa->keys->cipher_i;
  IkeParseError error;
  IkeMessage *message = NULL;
  guint8 protection = 0;

  g_assert_true (ike_message_peek_protection (data, length, &protection));
  if (protection != IKE_PAYLOAD_SKF)
    return ike_message_open (data, length, cipher, &error);
  ike_reassembly_add (sa->fragments[header->flags & IKE_FLAG_RESPONSE ? 1 : 0], sim_now (gw->sim).boot_us, data, length,
                      cipher, &message, &error);
  return message;
}

static gboolean
is_update (const Gateway *gw, const IkeMessage *message)
{
  return gw->dialect && ike_message_find_notify (message, gw->dialect->update);
}

static void
answer_request (Gateway *gw, GwSa *sa, const SimPacket *packet, const IkeMessage *request)
{
  g_autoptr (IkePayloads) payloads = ike_payloads_new ();
  GwVerdict verdict = gw->hook ? gw->hook (gw, sa, request, payloads) : GW_DEFAULT;
  gboolean update = is_update (gw, request);

  if (verdict == GW_SILENT)
    return;
  if (verdict == GW_DEFAULT)
    switch (request->header.exchange)
      {
      case IKE_EXCHANGE_IKE_AUTH:
        answer_auth (gw, sa, packet, request, payloads);
        break;
      case IKE_EXCHANGE_INFORMATIONAL:
        answer_informational (gw, sa, packet, request, payloads);
        break;
      case IKE_EXCHANGE_CREATE_CHILD_SA:
        answer_create_child (gw, sa, request, payloads);
        break;
      default:
        g_assert_not_reached ();
      }
  respond (gw, sa, &packet->local, &packet->remote, request->header.exchange, payloads);
  if (update && verdict == GW_DEFAULT && gw->rekey_child_on_update && !gw->rekey_before_answer)
    gateway_rekey_child (gw, gateway_child (gw));
}

static void
note_seen (Gateway *gw, const SimPacket *packet, const IkeHeader *header, IkeMessage *message)
{
  GwSeen *seen = g_new0 (GwSeen, 1);

  *seen = (GwSeen){ .at_us = sim_now (gw->sim).boot_us,
                    .local = packet->local,
                    .remote = packet->remote,
                    .exchange = header->exchange,
                    .id = header->message_id,
                    .flags = header->flags,
                    .is_response = (header->flags & IKE_FLAG_RESPONSE) != 0 };
  seen->is_update = message && !seen->is_response && is_update (gw, message);
  seen->message = message;
  g_ptr_array_add (gw->seen, seen);
}

/* TRUE: the hook has dealt with it, or nobody can. */
static gboolean
ask_init_hook (Gateway *gw, const SimPacket *packet, const IkeMessage *request)
{
  g_autoptr (IkePayloads) payloads = ike_payloads_new ();
  GwVerdict verdict = gw->init_hook ? gw->init_hook (gw, packet, request, payloads) : GW_DEFAULT;
  IkeHeader header = request->header;
  g_autoptr (GBytes) message = NULL;

  if (verdict == GW_DEFAULT)
    {
      if (header.exchange != IKE_EXCHANGE_IKE_SA_INIT)
        gateway_resume (gw, packet, request);
      return header.exchange != IKE_EXCHANGE_IKE_SA_INIT;
    }
  if (verdict == GW_ANSWER)
    {
      header.flags = IKE_FLAG_RESPONSE;
      message = ike_message_build_clear (&header, payloads);
      send_message (gw, &packet->local, &packet->remote, message);
    }
  return TRUE;
}

static void
receive_init (Gateway *gw, const SimPacket *packet, const guint8 *data, gsize length)
{
  IkeParseError error;
  g_autoptr (IkeMessage) message = ike_message_parse_clear (data, length, &error);

  g_assert_nonnull (message);
  gw->init_requests++;
  note_seen (gw, packet, &message->header, NULL);
  if (ask_init_hook (gw, packet, message))
    return;
  if (gw->init_request && g_bytes_equal (gw->init_request, message->octets))
    send_message (gw, &packet->local, &packet->remote, gw->init_response); /* a copy gets the same answer */
  else if (!refuse_init (gw, packet, message))
    answer_init (gw, packet, message);
}

/* By the book: as many payloads as came, the SPIs zero, the Message ID that of the question. */
static void
receive_path_test (Gateway *gw, const SimPacket *packet, const guint8 *data, gsize length)
{
  GwSa none = { 0 };
  IkeParseError error;
  g_autoptr (IkeMessage) message = ike_message_parse_clear (data, length, &error);
  g_autoptr (IkePayloads) payloads = ike_payloads_new ();
  g_autoptr (GBytes) answer = NULL;
  IkeHeader header;

  g_assert_nonnull (message);
  g_assert_cmphex (message->header.spi_i, ==, 0);
  g_assert_cmphex (message->header.spi_r, ==, 0);
  note_seen (gw, packet, &message->header, NULL);
  if (message->header.flags & IKE_FLAG_RESPONSE)
    return;
  gw->path_tests++;
  if (!gw->mopo || gw->no_path_tests)
    return;
  header = message->header;
  header.flags = IKE_FLAG_RESPONSE;
  if (message->n_payloads > 0)
    gateway_add_natd (gw, &none, &packet->local, &packet->remote, payloads);
  answer = ike_message_build_clear (&header, payloads);
  g_assert_cmpuint (g_bytes_get_size (answer), <=, length);
  send_message (gw, &packet->local, &packet->remote, answer);
}

void
gateway_receive (Gateway *gw, const SimPacket *packet)
{
  gsize length;
  const guint8 *data = g_bytes_get_data (packet->data, &length);
  IkeHeader header;
  IkeParseError error;
  IkeMessage *message;
  GwSa *sa;

  if (length == 1)
    return; /* keepalive */
  if (packet->local.port != IKE_PORT)
    {
      g_assert_cmpuint (length, >, IKE_NON_ESP_MARKER_LENGTH);
      data += IKE_NON_ESP_MARKER_LENGTH;
      length -= IKE_NON_ESP_MARKER_LENGTH;
    }
  g_assert_true (ike_header_parse (data, length, &header, &error));
  if (header.exchange == IKE_EXCHANGE_IKE_SA_INIT || header.exchange == IKE_EXCHANGE_IKE_SESSION_RESUME)
    {
      receive_init (gw, packet, data, length);
      return;
    }
  if (header.exchange == IKE_EXCHANGE_PATH_TEST)
    {
      receive_path_test (gw, packet, data, length);
      return;
    }
  sa = find_sa (gw, &header);
  if (!sa)
    return;
  if (!(header.flags & IKE_FLAG_RESPONSE) && header.message_id + 1 == sa->peer_next_id && sa->last_response)
    {
      note_seen (gw, packet, &header, open_message (gw, sa, data, length, &header));
      send_all (gw, &packet->local, &packet->remote, sa->last_response);
      return;
    }
  message = open_message (gw, sa, data, length, &header);
  if (!message)
    return;
  if (header.flags & IKE_FLAG_RESPONSE)
    {
      take_answer (gw, sa, message);
      return;
    }
  note_seen (gw, packet, &header, message);
  if (header.message_id == sa->peer_next_id)
    answer_request (gw, sa, packet, message);
}
