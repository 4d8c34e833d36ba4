/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Writers of every payload (RFC 7296 3.2 to 3.16). Reserved fields and the critical bit are zero. */

#include "ike/ike-codec-private.h"

struct _IkePayloads
{
  WireWriter writer;
  guint8 first;     /* type of the first payload */
  gsize last;       /* offset of the last payload's header */
  gboolean started; /* there is a last payload */
  guint8 clear_type;
  GBytes *clear; /* NULL: none */
};

IkePayloads *
ike_payloads_new (void)
{
  IkePayloads *payloads = g_new0 (IkePayloads, 1);

  wire_writer_init (&payloads->writer, IKE_MAX_MESSAGE - IKE_HEADER_LENGTH);
  return payloads;
}

void
ike_payloads_free (IkePayloads *payloads)
{
  if (payloads == NULL)
    return;
  wire_writer_clear (&payloads->writer);
  g_clear_pointer (&payloads->clear, g_bytes_unref);
  g_free (payloads);
}

gsize
ike_payloads_length (const IkePayloads *payloads)
{
  return wire_writer_length (&payloads->writer);
}

gboolean
ike_payloads_peek (const IkePayloads *payloads, guint8 *ret_first, IkeView *ret_octets)
{
  if (wire_writer_failed (&payloads->writer))
    return FALSE;
  *ret_first = payloads->first;
  *ret_octets = (IkeView){ wire_writer_peek (&payloads->writer), wire_writer_length (&payloads->writer) };
  return TRUE;
}

void
ike_payloads_set_clear (IkePayloads *payloads, guint8 type, GBytes *body)
{
  g_clear_pointer (&payloads->clear, g_bytes_unref);
  payloads->clear_type = type;
  payloads->clear = g_bytes_ref (body);
}

guint8
ike_payloads_peek_clear (const IkePayloads *payloads, IkeView *ret_body)
{
  *ret_body = (IkeView){ 0 };
  if (payloads->clear == NULL)
    return IKE_PAYLOAD_NONE;
  ret_body->data = g_bytes_get_data (payloads->clear, &ret_body->length);
  return payloads->clear_type;
}

/* Writes a generic header and links it to the payload before. */
static WireWriter *
begin_payload (IkePayloads *payloads, guint8 type)
{
  WireWriter *writer = &payloads->writer;

  if (payloads->started)
    wire_patch_u8 (writer, payloads->last, type);
  else
    payloads->first = type;
  payloads->started = TRUE;
  payloads->last = wire_writer_length (writer);
  wire_write_u8 (writer, IKE_PAYLOAD_NONE);
  wire_write_u8 (writer, 0);
  wire_write_u16 (writer, 0);
  return writer;
}

static void
end_payload (IkePayloads *payloads)
{
  /* The writer's limit keeps every length below 65536. */
  gsize length = wire_writer_length (&payloads->writer) - payloads->last;

  wire_patch_u16 (&payloads->writer, payloads->last + 2, (guint16)length);
}

void
ike_payloads_add_raw (IkePayloads *payloads, guint8 type, const guint8 *body, gsize length)
{
  wire_write_data (begin_payload (payloads, type), body, length);
  end_payload (payloads);
}

static void
write_transform (WireWriter *writer, const IkeTransform *transform, gboolean last)
{
  /* Key Length is the only attribute there is: type 14 in the short form (RFC 7296 3.3.5). */
  wire_write_u8 (writer, last ? 0 : 3);
  wire_write_u8 (writer, 0);
  wire_write_u16 (writer, transform->key_bits != 0 ? 12 : 8);
  wire_write_u8 (writer, transform->type);
  wire_write_u8 (writer, 0);
  wire_write_u16 (writer, transform->id);
  if (transform->key_bits != 0)
    {
      wire_write_u16 (writer, 0x8000 | 14);
      wire_write_u16 (writer, transform->key_bits);
    }
}

static void
write_proposal (WireWriter *writer, const IkeProposal *proposal, gboolean last)
{
  gsize start = wire_writer_length (writer);

  wire_write_u8 (writer, last ? 0 : 2);
  wire_write_u8 (writer, 0);
  wire_write_u16 (writer, 0);
  wire_write_u8 (writer, proposal->number);
  wire_write_u8 (writer, proposal->protocol);
  wire_write_u8 (writer, proposal->spi_length);
  wire_write_u8 (writer, (guint8)proposal->n_transforms);
  wire_write_data (writer, proposal->spi, proposal->spi_length);
  for (guint i = 0; i < proposal->n_transforms; i++)
    write_transform (writer, &proposal->transforms[i], i + 1 == proposal->n_transforms);
  wire_patch_u16 (writer, start + 2, (guint16)(wire_writer_length (writer) - start));
}

void
ike_payloads_add_sa (IkePayloads *payloads, const IkeProposals *proposals)
{
  WireWriter *writer = begin_payload (payloads, IKE_PAYLOAD_SA);

  for (guint i = 0; i < proposals->n_proposals; i++)
    write_proposal (writer, &proposals->proposals[i], i + 1 == proposals->n_proposals);
  end_payload (payloads);
}

void
ike_payloads_add_ke (IkePayloads *payloads, guint16 group, const guint8 *data, gsize length)
{
  WireWriter *writer = begin_payload (payloads, IKE_PAYLOAD_KE);

  wire_write_u16 (writer, group);
  wire_write_u16 (writer, 0);
  wire_write_data (writer, data, length);
  end_payload (payloads);
}

void
ike_payloads_add_id (IkePayloads *payloads, guint8 type, const IkeIdentity *identity)
{
  g_autoptr (GBytes) body = ike_identity_to_body (identity);
  gsize length;
  const guint8 *data = g_bytes_get_data (body, &length);

  ike_payloads_add_raw (payloads, type, data, length);
}

void
ike_payloads_add_cert (IkePayloads *payloads, guint8 encoding, const guint8 *data, gsize length)
{
  WireWriter *writer = begin_payload (payloads, IKE_PAYLOAD_CERT);

  wire_write_u8 (writer, encoding);
  wire_write_data (writer, data, length);
  end_payload (payloads);
}

void
ike_payloads_add_certreq (IkePayloads *payloads, guint8 encoding, const guint8 *hashes, gsize length)
{
  WireWriter *writer = begin_payload (payloads, IKE_PAYLOAD_CERTREQ);

  wire_write_u8 (writer, encoding);
  wire_write_data (writer, hashes, length);
  end_payload (payloads);
}

void
ike_payloads_add_auth (IkePayloads *payloads, guint8 method, const guint8 *data, gsize length)
{
  WireWriter *writer = begin_payload (payloads, IKE_PAYLOAD_AUTH);

  wire_write_u8 (writer, method);
  wire_write_zeros (writer, 3);
  wire_write_data (writer, data, length);
  end_payload (payloads);
}

void
ike_payloads_add_nonce (IkePayloads *payloads, const guint8 *nonce, gsize length)
{
  ike_payloads_add_raw (payloads, IKE_PAYLOAD_NONCE, nonce, length);
}

/* Up to the Notification Data. */
static WireWriter *
begin_notify (IkePayloads *payloads, guint16 notify_type, IkeProtocolId protocol, guint8 spi_size)
{
  WireWriter *writer = begin_payload (payloads, IKE_PAYLOAD_NOTIFY);

  wire_write_u8 (writer, (guint8)protocol);
  wire_write_u8 (writer, spi_size);
  wire_write_u16 (writer, notify_type);
  return writer;
}

void
ike_payloads_add_notify (IkePayloads *payloads, guint16 notify_type, const guint8 *data, gsize length)
{
  ike_payloads_add_notify_protocol (payloads, notify_type, IKE_PROTOCOL_NONE, data, length);
}

void
ike_payloads_add_notify_spi (IkePayloads *payloads, guint16 notify_type, IkeProtocolId protocol, guint32 spi,
                             const guint8 *data, gsize length)
{
  WireWriter *writer = begin_notify (payloads, notify_type, protocol, 4);

  wire_write_u32 (writer, spi);
  wire_write_data (writer, data, length);
  end_payload (payloads);
}

void
ike_payloads_add_notify_protocol (IkePayloads *payloads, guint16 notify_type, IkeProtocolId protocol,
                                  const guint8 *data, gsize length)
{
  wire_write_data (begin_notify (payloads, notify_type, protocol, 0), data, length);
  end_payload (payloads);
}

void
ike_payloads_add_notify_u16s (IkePayloads *payloads, guint16 notify_type, const guint16 *values, guint n)
{
  WireWriter *writer = begin_notify (payloads, notify_type, IKE_PROTOCOL_NONE, 0);

  for (guint i = 0; i < n; i++)
    wire_write_u16 (writer, values[i]);
  end_payload (payloads);
}

void
ike_payloads_add_notify_addr (IkePayloads *payloads, guint16 notify_type, const RoamAddr *addr)
{
  wire_write_addr (begin_notify (payloads, notify_type, IKE_PROTOCOL_NONE, 0), addr);
  end_payload (payloads);
}

void
ike_payloads_add_delete_ike (IkePayloads *payloads)
{
  WireWriter *writer = begin_payload (payloads, IKE_PAYLOAD_DELETE);

  wire_write_u8 (writer, IKE_PROTOCOL_IKE);
  wire_write_u8 (writer, 0);
  wire_write_u16 (writer, 0);
  end_payload (payloads);
}

void
ike_payloads_add_delete_esp (IkePayloads *payloads, const guint32 *spis, guint n)
{
  WireWriter *writer = begin_payload (payloads, IKE_PAYLOAD_DELETE);

  wire_write_u8 (writer, IKE_PROTOCOL_ESP);
  wire_write_u8 (writer, 4);
  wire_write_u16 (writer, (guint16)n);
  for (guint i = 0; i < n; i++)
    wire_write_u32 (writer, spis[i]);
  end_payload (payloads);
}

void
ike_payloads_add_vendor_id (IkePayloads *payloads, const guint8 *data, gsize length)
{
  ike_payloads_add_raw (payloads, IKE_PAYLOAD_VENDOR_ID, data, length);
}

void
ike_payloads_add_ts (IkePayloads *payloads, guint8 type, const IkeSelector *selectors, guint n)
{
  WireWriter *writer = begin_payload (payloads, type);

  g_assert (n >= 1 && n <= IKE_MAX_SELECTORS);
  wire_write_u8 (writer, (guint8)n);
  wire_write_zeros (writer, 3);
  for (guint i = 0; i < n; i++)
    {
      gsize size = roam_addr_length (&selectors[i].start);

      wire_write_u8 (writer, size == 4 ? IKE_TS_IPV4_ADDR_RANGE : IKE_TS_IPV6_ADDR_RANGE);
      wire_write_u8 (writer, selectors[i].protocol);
      wire_write_u16 (writer, (guint16)(8 + 2 * size));
      wire_write_u16 (writer, selectors[i].start_port);
      wire_write_u16 (writer, selectors[i].end_port);
      wire_write_addr (writer, &selectors[i].start);
      wire_write_addr (writer, &selectors[i].end);
    }
  end_payload (payloads);
}

void
ike_payloads_add_cp (IkePayloads *payloads, IkeCfgType cfg_type, const IkeCpAttribute *attributes, guint n)
{
  WireWriter *writer = begin_payload (payloads, IKE_PAYLOAD_CP);

  wire_write_u8 (writer, (guint8)cfg_type);
  wire_write_zeros (writer, 3);
  for (guint i = 0; i < n; i++)
    {
      wire_write_u16 (writer, attributes[i].attribute & 0x7fff);
      wire_write_u16 (writer, (guint16)attributes[i].value.length);
      wire_write_data (writer, attributes[i].value.data, attributes[i].value.length);
    }
  end_payload (payloads);
}

void
ike_payloads_add_eap (IkePayloads *payloads, const guint8 *packet, gsize length)
{
  ike_payloads_add_raw (payloads, IKE_PAYLOAD_EAP, packet, length);
}
