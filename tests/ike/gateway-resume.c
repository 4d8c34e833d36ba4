/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The scripted gateway's IKE_SESSION_RESUME (RFC 5723): it is told what the ticket stands for. */
#include "ike/ike-algorithm-private.h"
#include "tests/ike/gateway.h"

#define GATEWAY_NONCE 32

static IkeView
view (GBytes *bytes)
{
  IkeView v;
  v.data = g_bytes_get_data (bytes, &v.length);
  return v;
}

/* RFC 5723 5.1, written down once more. */
static IkeKeys *
resumed_keys (Gateway *gw, const GwSa *sa)
{
  const IkeView seed[] = { { (const guint8 *)"Resumption", 10 }, view (gw->ni), view (gw->nr) };
  g_autoptr (RoamSecret) skeyseed = NULL;
  guint8 out[IKE_MAX_HASH];

  g_assert_true (ike_prf (gw->resume_suite.prf, ike_view_secret (gw->resume_sk_d), seed, 3, out));
  skeyseed = roam_secret_new (out, ike_prf_length (gw->resume_suite.prf));
  return ike_keys_new (&gw->resume_suite, skeyseed, view (gw->ni), view (gw->nr), sa->spi_i, sa->spi_r);
}

gboolean
gateway_resume (Gateway *gw, const SimPacket *packet, const IkeMessage *request)
{
  const IkePayload *nonce = ike_message_find (request, IKE_PAYLOAD_NONCE);
  g_autoptr (IkePayloads) payloads = ike_payloads_new ();
  IkeHeader header = request->header;
  guint8 nr[GATEWAY_NONCE];
  GwSa *sa;

  if (!gw->resume_sk_d)
    return FALSE;
  roam_rng_fill (gw->rng, nr, sizeof nr);
  g_clear_pointer (&gw->ni, g_bytes_unref);
  g_clear_pointer (&gw->nr, g_bytes_unref);
  gw->ni = g_bytes_new (nonce->body.data, nonce->body.length);
  gw->nr = g_bytes_new (nr, sizeof nr);
  sa = g_new0 (GwSa, 1);
  sa->spi_i = header.spi_i;
  sa->spi_r = header.spi_r = roam_rng_u64 (gw->rng);
  sa->resumed = TRUE;
  sa->peer_next_id = 1;
  sa->fragments[0] = ike_reassembly_new ();
  sa->fragments[1] = ike_reassembly_new ();
  sa->local = packet->local;
  sa->remote = packet->remote;
  sa->keys = resumed_keys (gw, sa);
  g_ptr_array_add (gw->sas, sa);
  ike_payloads_add_nonce (payloads, nr, sizeof nr);
  if (gw->nat_detection)
    gateway_add_natd (gw, sa, &packet->local, &packet->remote, payloads);
  header.flags = IKE_FLAG_RESPONSE;
  g_clear_pointer (&gw->init_request, g_bytes_unref);
  g_clear_pointer (&gw->init_response, g_bytes_unref);
  gw->init_request = g_bytes_ref (request->octets);
  gw->init_response = ike_message_build_clear (&header, payloads);
  gateway_send_raw (gw, sa, gw->init_response);
  return TRUE;
}

gboolean
gateway_auth (const GwSa *sa, const RoamSecret *key, gboolean of_gateway, GBytes *octets, guint8 out[IKE_MAX_HASH])
{
  const RoamSecret *sk_p = of_gateway ? sa->keys->sk_pr : sa->keys->sk_pi;
  IkeView part = view (octets);

  if (sa->resumed) /* RFC 5723 4.3.3 */
    return ike_prf (sa->keys->suite.prf, ike_view_secret (sk_p), &part, 1, out);
  return ike_auth_shared_key (sa->keys->suite.prf, key, part, out);
}
