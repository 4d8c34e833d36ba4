/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The scripted gateway: what it is asked by the tests, and the requests that it makes by itself. */
#include "tests/ike/gateway.h"

#define GATEWAY_NONCE 32

static GBytes *
random_nonce (Gateway *gw)
{
  guint8 nonce[GATEWAY_NONCE];

  roam_rng_fill (gw->rng, nonce, sizeof nonce);
  return g_bytes_new (nonce, sizeof nonce);
}

GwSa *
gateway_sa (Gateway *gw)
{
  for (guint i = gw->sas->len; i > 0; i--)
    {
      GwSa *sa = g_ptr_array_index (gw->sas, i - 1);
      if (!sa->deleted)
        return sa;
    }
  return NULL;
}

GwChild *
gateway_child (Gateway *gw)
{
  for (guint i = gw->children->len; i > 0; i--)
    {
      GwChild *child = g_ptr_array_index (gw->children, i - 1);
      if (!child->deleted)
        return child;
    }
  return NULL;
}

guint
gateway_live_children (const Gateway *gw)
{
  guint n = 0;
  for (guint i = 0; i < gw->children->len; i++)
    n += !((const GwChild *)g_ptr_array_index (gw->children, i))->deleted;
  return n;
}

guint
gateway_live_sas (const Gateway *gw)
{
  guint n = 0;
  for (guint i = 0; i < gw->sas->len; i++)
    n += !((const GwSa *)g_ptr_array_index (gw->sas, i))->deleted;
  return n;
}

guint
gateway_count_seen (const Gateway *gw, guint8 exchange)
{
  guint n = 0;
  for (guint i = 0; i < gw->seen->len; i++)
    {
      const GwSeen *seen = g_ptr_array_index (gw->seen, i);
      n += seen->exchange == exchange && !seen->is_response;
    }
  return n;
}

guint
gateway_count_updates (const Gateway *gw)
{
  guint n = 0;
  for (guint i = 0; i < gw->seen->len; i++)
    n += ((const GwSeen *)g_ptr_array_index (gw->seen, i))->is_update;
  return n;
}

const GwSeen *
gateway_last_seen (const Gateway *gw, guint8 exchange)
{
  for (guint i = gw->seen->len; i > 0; i--)
    {
      const GwSeen *seen = g_ptr_array_index (gw->seen, i - 1);
      if (seen->exchange == exchange && !seen->is_response)
        return seen;
    }
  return NULL;
}

/* --- requests of the gateway --- */

void
gateway_rekey_child (Gateway *gw, GwChild *old)
{
  IkePayloads *payloads = ike_payloads_new ();
  IkeSelector any = ike_selector_any (ROAM_FAMILY_INET4), host = ike_selector_host (&gw->tia4);

  ike_proposals_free (gw->pending_offer);
  gw->pending_offer = ike_proposals_new_from_text (gw->esp_proposals, IKE_PROTOCOL_ESP, NULL);
  gw->pending_spi = roam_rng_u32 (gw->rng) | 0x80000000;
  gw->pending_old_spi = old->spi_in;
  ike_proposals_set_spi (gw->pending_offer, gw->pending_spi, 4);
  g_clear_pointer (&gw->pending_nonce, g_bytes_unref);
  gw->pending_nonce = random_nonce (gw);
  ike_payloads_add_notify_spi (payloads, IKE_NOTIFY_REKEY_SA, IKE_PROTOCOL_ESP, old->spi_in, NULL, 0);
  ike_payloads_add_sa (payloads, gw->pending_offer);
  ike_payloads_add_nonce (payloads, g_bytes_get_data (gw->pending_nonce, NULL), GATEWAY_NONCE);
  ike_payloads_add_ts (payloads, IKE_PAYLOAD_TSI, &any, 1);
  ike_payloads_add_ts (payloads, IKE_PAYLOAD_TSR, &host, 1);
  gateway_request (gw, NULL, IKE_EXCHANGE_CREATE_CHILD_SA, payloads);
}

void
gateway_rekey_ike (Gateway *gw)
{
  IkePayloads *payloads = ike_payloads_new ();

  ike_proposals_free (gw->pending_offer);
  gw->pending_offer = ike_proposals_new_from_text (gw->ike_proposals, IKE_PROTOCOL_IKE, NULL);
  gw->pending_ike_spi = roam_rng_u64 (gw->rng);
  ike_proposals_set_spi (gw->pending_offer, gw->pending_ike_spi, 8);
  g_clear_pointer (&gw->pending_nonce, g_bytes_unref);
  gw->pending_nonce = random_nonce (gw);
  ike_dh_free (gw->pending_dh);
  gw->pending_dh = ike_dh_new (ike_proposals_first_group (gw->pending_offer), gw->rng);
  ike_payloads_add_sa (payloads, gw->pending_offer);
  ike_payloads_add_nonce (payloads, g_bytes_get_data (gw->pending_nonce, NULL), GATEWAY_NONCE);
  ike_payloads_add_ke (payloads, ike_dh_group (gw->pending_dh), ike_dh_public (gw->pending_dh).data,
                       ike_dh_public (gw->pending_dh).length);
  gateway_request (gw, NULL, IKE_EXCHANGE_CREATE_CHILD_SA, payloads);
}

void
gateway_delete_child (Gateway *gw, GwChild *child)
{
  IkePayloads *payloads = ike_payloads_new ();

  child->deleted = TRUE;
  ike_payloads_add_delete_esp (payloads, &child->spi_in, 1);
  gateway_request (gw, NULL, IKE_EXCHANGE_INFORMATIONAL, payloads);
}

void
gateway_delete_ike (Gateway *gw, GwSa *sa)
{
  IkePayloads *payloads = ike_payloads_new ();

  ike_payloads_add_delete_ike (payloads);
  gateway_request (gw, sa, IKE_EXCHANGE_INFORMATIONAL, payloads);
}

const IkeMessage *
gateway_first_auth (Gateway *gw)
{
  for (guint i = 0; i < gw->seen->len; i++)
    {
      const GwSeen *seen = g_ptr_array_index (gw->seen, i);

      if (seen->exchange == IKE_EXCHANGE_IKE_AUTH && !seen->is_response)
        return seen->message;
    }
  g_assert_not_reached ();
}

void
gateway_add_list (const IkeDialect *dialect, const char *const *addresses, const RoamAddr *own, IkePayloads *payloads)
{
  for (guint i = 0; addresses[i]; i++)
    {
      RoamAddr addr;

      g_assert_true (roam_addr_parse (addresses[i], &addr));
      ike_dialect_add (dialect, addr.family == ROAM_FAMILY_INET4 ? dialect->address4 : dialect->address6, addr.bytes,
                       roam_addr_length (&addr), payloads);
    }
  if (addresses[0])
    return;
  if (dialect->no_addresses)
    ike_dialect_add (dialect, dialect->no_addresses, NULL, 0, payloads);
  else
    ike_dialect_add (dialect, dialect->address4, own->bytes, roam_addr_length (own), payloads);
}
