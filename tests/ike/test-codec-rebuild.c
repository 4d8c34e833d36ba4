/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "tests/ike/test-codec-rebuild.h"

static void
rebuild_notify (IkePayloads *payloads, const IkePayloadNotify *notify)
{
  if (notify->spi.length == 0)
    ike_payloads_add_notify_protocol (payloads, notify->notify_type, notify->protocol, notify->data.data,
                                      notify->data.length);
  else
    {
      guint32 spi = 0;

      for (gsize i = 0; i < notify->spi.length; i++)
        spi = spi << 8 | notify->spi.data[i];
      ike_payloads_add_notify_spi (payloads, notify->notify_type, notify->protocol, spi, notify->data.data,
                                   notify->data.length);
    }
}

static void
rebuild_id (IkePayloads *payloads, const IkePayload *payload)
{
  g_auto (IkeIdentity) identity = { payload->id.id_type, g_bytes_new (payload->id.data.data, payload->id.data.length) };

  ike_payloads_add_id (payloads, payload->type, &identity);
}

static void
rebuild_delete (IkePayloads *payloads, const IkePayloadDelete *delete)
{
  if (delete->protocol == IKE_PROTOCOL_IKE)
    ike_payloads_add_delete_ike (payloads);
  else
    ike_payloads_add_delete_esp (payloads, delete->spis, delete->n_spis);
}

static void
rebuild_one (IkePayloads *payloads, const IkePayload *payload)
{
  switch (payload->type)
    {
    case IKE_PAYLOAD_SA:
      ike_payloads_add_sa (payloads, payload->sa);
      break;
    case IKE_PAYLOAD_KE:
      ike_payloads_add_ke (payloads, payload->ke.group, payload->ke.data.data, payload->ke.data.length);
      break;
    case IKE_PAYLOAD_IDI:
    case IKE_PAYLOAD_IDR:
      rebuild_id (payloads, payload);
      break;
    case IKE_PAYLOAD_CERT:
      ike_payloads_add_cert (payloads, payload->cert.encoding, payload->cert.data.data, payload->cert.data.length);
      break;
    case IKE_PAYLOAD_CERTREQ:
      ike_payloads_add_certreq (payloads, payload->certreq.encoding, payload->certreq.data.data,
                                payload->certreq.data.length);
      break;
    case IKE_PAYLOAD_AUTH:
      ike_payloads_add_auth (payloads, payload->auth.method, payload->auth.data.data, payload->auth.data.length);
      break;
    case IKE_PAYLOAD_NONCE:
      ike_payloads_add_nonce (payloads, payload->body.data, payload->body.length);
      break;
    case IKE_PAYLOAD_NOTIFY:
      rebuild_notify (payloads, &payload->notify);
      break;
    case IKE_PAYLOAD_DELETE:
      rebuild_delete (payloads, payload->delete);
      break;
    case IKE_PAYLOAD_VENDOR_ID:
      ike_payloads_add_vendor_id (payloads, payload->body.data, payload->body.length);
      break;
    case IKE_PAYLOAD_TSI:
    case IKE_PAYLOAD_TSR:
      if (payload->ts->n_selectors > 0)
        ike_payloads_add_ts (payloads, payload->type, payload->ts->selectors, payload->ts->n_selectors);
      break;
    case IKE_PAYLOAD_CP:
      ike_payloads_add_cp (payloads, payload->cp->cfg_type, payload->cp->attributes, payload->cp->n_attributes);
      break;
    case IKE_PAYLOAD_EAP:
      ike_payloads_add_eap (payloads, payload->eap.packet.data, payload->eap.packet.length);
      break;
    default:
      ike_payloads_add_raw (payloads, payload->type, payload->body.data, payload->body.length);
      break;
    }
}

IkePayloads *
test_rebuild_payloads (const IkeMessage *message)
{
  IkePayloads *payloads = ike_payloads_new ();

  for (guint i = 0; i < message->n_payloads; i++)
    rebuild_one (payloads, &message->payloads[i]);
  return payloads;
}

IkeView
test_payloads_octets (const IkePayloads *payloads)
{
  IkeView octets;
  guint8 first;

  g_assert_true (ike_payloads_peek (payloads, &first, &octets));
  return octets;
}

guint8
test_payloads_first (const IkePayloads *payloads)
{
  IkeView octets;
  guint8 first;

  g_assert_true (ike_payloads_peek (payloads, &first, &octets));
  return first;
}
