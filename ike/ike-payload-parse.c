/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Readers of every payload (RFC 7296 3.2 to 3.16). Reserved fields are ignored, lengths are not: a
 * payload that does not add up is INVALID_SYNTAX, whatever its type.
 */

#include "ike/ike-codec-private.h"

gboolean
ike_parse_fail (IkeParseError *error, IkeParseStatus status, const char *reason)
{
  if (error->status == IKE_PARSE_OK)
    *error = (IkeParseError){ .status = status, .reason = reason };
  return FALSE;
}

static gboolean
syntax (IkeParseError *error, const char *reason)
{
  return ike_parse_fail (error, IKE_PARSE_INVALID_SYNTAX, reason);
}

void
ike_payload_clear (IkePayload *payload)
{
  switch (payload->type)
    {
    case IKE_PAYLOAD_SA:
      ike_proposals_free (payload->sa);
      break;
    case IKE_PAYLOAD_DELETE:
      g_free (payload->delete);
      break;
    case IKE_PAYLOAD_TSI:
    case IKE_PAYLOAD_TSR:
      g_free (payload->ts);
      break;
    case IKE_PAYLOAD_CP:
      g_free (payload->cp);
      break;
    default:
      break;
    }
}

/* Everything that is left, as a view. */
static IkeView
read_rest (WireReader *reader)
{
  IkeView view = { .length = wire_reader_left (reader) };

  if (!wire_read_data (reader, view.length, &view.data))
    return (IkeView){ 0 };
  return view;
}

/* Transform attributes (RFC 7296 3.3.5): the short form of Key Length is the only one defined. */
static gboolean
parse_attributes (WireReader *reader, IkeTransform *transform)
{
  while (wire_reader_left (reader) > 0)
    {
      guint16 type, value;

      if (!wire_read_u16 (reader, &type) || !wire_read_u16 (reader, &value))
        return FALSE;
      if (type == (0x8000 | 14))
        {
          /* Key Length twice is as good as an attribute nobody knows. */
          transform->unknown_attribute |= transform->key_bits != 0 || value == 0;
          transform->key_bits = value;
          continue;
        }
      transform->unknown_attribute = TRUE;
      if ((type & 0x8000) == 0 && !wire_skip (reader, value))
        return FALSE;
    }
  return TRUE;
}

static gboolean
parse_transform (WireReader *reader, gboolean last, IkeTransform *transform, IkeParseError *error)
{
  guint8 more, reserved;
  guint16 length;
  WireReader body;

  if (!wire_read_u8 (reader, &more) || !wire_skip (reader, 1) || !wire_read_u16 (reader, &length) || length < 8 ||
      !wire_read_sub (reader, length - 4u, &body))
    return syntax (error, "transform length");
  if (more != (last ? 0 : 3))
    return syntax (error, "last transform mark");
  if (!wire_read_u8 (&body, &transform->type) || !wire_read_u8 (&body, &reserved) ||
      !wire_read_u16 (&body, &transform->id) || !parse_attributes (&body, transform))
    return syntax (error, "transform attributes");
  return TRUE;
}

static gboolean
parse_proposal (WireReader *reader, IkeProposal *proposal, IkeParseError *error)
{
  guint8 more, n_transforms;
  guint16 length;
  WireReader body;

  if (!wire_read_u8 (reader, &more) || !wire_skip (reader, 1) || !wire_read_u16 (reader, &length) || length < 8 ||
      !wire_read_sub (reader, length - 4u, &body))
    return syntax (error, "proposal length");
  if (more != (wire_reader_left (reader) == 0 ? 0 : 2))
    return syntax (error, "last proposal mark");
  if (!wire_read_u8 (&body, &proposal->number) || !wire_read_u8 (&body, &proposal->protocol) ||
      !wire_read_u8 (&body, &proposal->spi_length) || !wire_read_u8 (&body, &n_transforms) ||
      proposal->spi_length > IKE_MAX_PROPOSAL_SPI || !wire_read_copy (&body, proposal->spi, proposal->spi_length))
    return syntax (error, "proposal SPI");
  if (n_transforms > IKE_MAX_TRANSFORMS)
    return syntax (error, "too many transforms");
  for (guint i = 0; i < n_transforms; i++)
    if (!parse_transform (&body, i + 1u == n_transforms, &proposal->transforms[i], error))
      return FALSE;
  if (!wire_reader_at_end (&body))
    return syntax (error, "octets after the last transform");
  proposal->n_transforms = n_transforms;
  return TRUE;
}

IkeProposals *
ike_proposals_parse (const guint8 *body, gsize length, IkeParseError *error)
{
  g_autoptr (IkeProposals) proposals = g_new0 (IkeProposals, 1);
  WireReader reader;

  wire_reader_init (&reader, body, length);
  while (wire_reader_left (&reader) > 0)
    {
      if (proposals->n_proposals == IKE_MAX_PROPOSALS)
        {
          syntax (error, "too many proposals");
          return NULL;
        }
      if (!parse_proposal (&reader, &proposals->proposals[proposals->n_proposals], error))
        return NULL;
      proposals->n_proposals++;
    }
  if (proposals->n_proposals == 0)
    {
      syntax (error, "SA payload without proposal");
      return NULL;
    }
  return g_steal_pointer (&proposals);
}

static gboolean
parse_ke (WireReader *reader, IkePayloadKe *ke, IkeParseError *error)
{
  if (!wire_read_u16 (reader, &ke->group) || !wire_skip (reader, 2))
    return syntax (error, "KE payload too short");
  ke->data = read_rest (reader);
  return TRUE;
}

static gboolean
parse_id (WireReader *reader, IkePayloadId *id, IkeView body, IkeParseError *error)
{
  if (!wire_read_u8 (reader, &id->id_type) || !wire_skip (reader, 3))
    return syntax (error, "ID payload too short");
  id->data = read_rest (reader);
  id->body = body;
  return TRUE;
}

static gboolean
parse_cert (WireReader *reader, IkePayloadCert *cert, IkeParseError *error)
{
  if (!wire_read_u8 (reader, &cert->encoding))
    return syntax (error, "CERT or CERTREQ payload too short");
  cert->data = read_rest (reader);
  return TRUE;
}

static gboolean
parse_auth (WireReader *reader, IkePayloadAuth *auth, IkeParseError *error)
{
  if (!wire_read_u8 (reader, &auth->method) || !wire_skip (reader, 3))
    return syntax (error, "AUTH payload too short");
  auth->data = read_rest (reader);
  return TRUE;
}

static gboolean
parse_notify (WireReader *reader, IkePayloadNotify *notify, IkeParseError *error)
{
  guint8 spi_size;

  if (!wire_read_u8 (reader, &notify->protocol) || !wire_read_u8 (reader, &spi_size) ||
      !wire_read_u16 (reader, &notify->notify_type))
    return syntax (error, "Notify payload too short");
  notify->spi.length = spi_size;
  if (!wire_read_data (reader, spi_size, &notify->spi.data))
    return syntax (error, "Notify SPI longer than the payload");
  notify->data = read_rest (reader);
  return TRUE;
}

/* Into the freshly allocated @delete. */
static gboolean
parse_delete (WireReader *reader, IkePayloadDelete *delete, IkeParseError *error)
{
  guint16 n;

  if (!wire_read_u8 (reader, &delete->protocol) || !wire_read_u8 (reader, &delete->spi_size) ||
      !wire_read_u16 (reader, &n))
    return syntax (error, "Delete payload too short");
  /* RFC 7296 3.11: zero for IKE (the header has the SPIs), four for ESP and AH. */
  if (delete->spi_size != (delete->protocol == IKE_PROTOCOL_IKE ? 0 : 4))
    return syntax (error, "Delete SPI size");
  if (n > IKE_MAX_DELETE_SPIS || (delete->spi_size == 0 && n != 0))
    return syntax (error, "Delete SPI count");
  for (guint i = 0; i < n; i++)
    if (!wire_read_u32 (reader, &delete->spis[i]))
      return syntax (error, "Delete SPI count");
  if (!wire_reader_at_end (reader))
    return syntax (error, "octets after the last Delete SPI");
  delete->n_spis = n;
  return TRUE;
}

/* One selector of a type we know; @body is behind type and length. */
static gboolean
parse_selector (WireReader *body, guint8 type, IkeSelector *selector)
{
  RoamFamily family = type == IKE_TS_IPV4_ADDR_RANGE ? ROAM_FAMILY_INET4 : ROAM_FAMILY_INET6;

  if (!wire_read_u16 (body, &selector->start_port) || !wire_read_u16 (body, &selector->end_port) ||
      !wire_read_addr (body, family, &selector->start) || !wire_read_addr (body, family, &selector->end) ||
      !wire_reader_at_end (body))
    return FALSE;
  return memcmp (selector->start.bytes, selector->end.bytes, sizeof selector->start.bytes) <= 0;
}

static gboolean
parse_ts (WireReader *reader, IkePayloadTs *ts, IkeParseError *error)
{
  guint8 n;

  if (!wire_read_u8 (reader, &n) || !wire_skip (reader, 3))
    return syntax (error, "TS payload too short");
  if (n > IKE_MAX_SELECTORS)
    return syntax (error, "too many traffic selectors");
  for (guint i = 0; i < n; i++)
    {
      IkeSelector selector = { 0 };
      WireReader body;
      guint8 type;
      guint16 length;

      if (!wire_read_u8 (reader, &type) || !wire_read_u8 (reader, &selector.protocol) ||
          !wire_read_u16 (reader, &length) || length < 4 || !wire_read_sub (reader, length - 4u, &body))
        return syntax (error, "traffic selector length");
      if (type != IKE_TS_IPV4_ADDR_RANGE && type != IKE_TS_IPV6_ADDR_RANGE)
        {
          ts->n_unknown++;
          continue;
        }
      if (!parse_selector (&body, type, &selector))
        return syntax (error, "traffic selector");
      ts->selectors[ts->n_selectors++] = selector;
    }
  return wire_reader_at_end (reader) || syntax (error, "octets after the last traffic selector");
}

static gboolean
parse_cp (WireReader *reader, IkePayloadCp *cp, IkeParseError *error)
{
  if (!wire_read_u8 (reader, &cp->cfg_type) || !wire_skip (reader, 3))
    return syntax (error, "CP payload too short");
  while (wire_reader_left (reader) > 0)
    {
      IkeCpAttribute *attribute = &cp->attributes[cp->n_attributes];
      guint16 length;

      if (cp->n_attributes == IKE_MAX_CP_ATTRIBUTES)
        return syntax (error, "too many configuration attributes");
      if (!wire_read_u16 (reader, &attribute->attribute) || !wire_read_u16 (reader, &length) ||
          !wire_read_data (reader, length, &attribute->value.data))
        return syntax (error, "configuration attribute length");
      attribute->attribute &= 0x7fff;
      attribute->value.length = length;
      cp->n_attributes++;
    }
  return TRUE;
}

/* RFC 7296 3.16, 3748 4: requests and responses carry a type, success and failure nothing. */
static gboolean
parse_eap (WireReader *reader, IkePayloadEap *eap, IkeView body, IkeParseError *error)
{
  guint16 length;

  if (!wire_read_u8 (reader, &eap->code) || !wire_read_u8 (reader, &eap->identifier) ||
      !wire_read_u16 (reader, &length))
    return syntax (error, "EAP packet too short");
  if (length != body.length)
    return syntax (error, "EAP length");
  if (eap->code == 1 || eap->code == 2)
    {
      if (!wire_read_u8 (reader, &eap->eap_type))
        return syntax (error, "EAP packet without type");
    }
  else if ((eap->code == 3 || eap->code == 4) && length != 4)
    return syntax (error, "EAP Success or Failure with data");
  eap->packet = body;
  return TRUE;
}

/* Fills the union of @payload, whose type and body are set. */
static gboolean
parse_body (IkePayload *payload, IkeParseError *error)
{
  WireReader reader;

  wire_reader_init (&reader, payload->body.data, payload->body.length);
  switch (payload->type)
    {
    case IKE_PAYLOAD_SA:
      payload->sa = ike_proposals_parse (payload->body.data, payload->body.length, error);
      return payload->sa != NULL;
    case IKE_PAYLOAD_KE:
      return parse_ke (&reader, &payload->ke, error);
    case IKE_PAYLOAD_IDI:
    case IKE_PAYLOAD_IDR:
      return parse_id (&reader, &payload->id, payload->body, error);
    case IKE_PAYLOAD_CERT:
      return parse_cert (&reader, &payload->cert, error);
    case IKE_PAYLOAD_CERTREQ:
      return parse_cert (&reader, &payload->certreq, error);
    case IKE_PAYLOAD_AUTH:
      return parse_auth (&reader, &payload->auth, error);
    case IKE_PAYLOAD_NONCE:
      return (payload->body.length >= IKE_MIN_NONCE && payload->body.length <= IKE_MAX_NONCE) ||
             syntax (error, "nonce length");
    case IKE_PAYLOAD_NOTIFY:
      return parse_notify (&reader, &payload->notify, error);
    case IKE_PAYLOAD_DELETE:
      payload->delete = g_new0 (IkePayloadDelete, 1);
      return parse_delete (&reader, payload->delete, error);
    case IKE_PAYLOAD_TSI:
    case IKE_PAYLOAD_TSR:
      payload->ts = g_new0 (IkePayloadTs, 1);
      return parse_ts (&reader, payload->ts, error);
    case IKE_PAYLOAD_CP:
      payload->cp = g_new0 (IkePayloadCp, 1);
      return parse_cp (&reader, payload->cp, error);
    case IKE_PAYLOAD_EAP:
      return parse_eap (&reader, &payload->eap, payload->body, error);
    default:
      return TRUE; /* Vendor ID, and what we do not know: the body is all */
    }
}

static gboolean
is_known (guint8 type)
{
  return (type >= IKE_PAYLOAD_SA && type <= IKE_PAYLOAD_EAP) || type == IKE_PAYLOAD_SKF || type == IKE_PAYLOAD_PS;
}

/* The generic header; the critical bit counts for types nobody here knows only (RFC 7296 2.5). */
static gboolean
parse_generic (WireReader *reader, IkePayload *payload, guint8 *ret_next, gboolean clear, IkeParseError *error)
{
  guint8 flags;
  guint16 length;

  if (!wire_read_u8 (reader, ret_next) || !wire_read_u8 (reader, &flags) || !wire_read_u16 (reader, &length) ||
      length < IKE_PAYLOAD_HEADER_LENGTH)
    return syntax (error, "payload header");
  payload->body.length = length - IKE_PAYLOAD_HEADER_LENGTH;
  if (!wire_read_data (reader, payload->body.length, &payload->body.data))
    return syntax (error, "payload longer than the message");
  payload->critical = (flags & 0x80) != 0;
  if (payload->type == IKE_PAYLOAD_SK || payload->type == IKE_PAYLOAD_SKF)
    return clear ? ike_parse_fail (error, IKE_PARSE_DROP, "encrypted payload where none is expected")
                 : syntax (error, "encrypted payload within an encrypted payload");
  if (payload->critical && !is_known (payload->type))
    {
      ike_parse_fail (error, IKE_PARSE_UNSUPPORTED_CRITICAL_PAYLOAD, "UNSUPPORTED_CRITICAL_PAYLOAD");
      error->critical_payload = payload->type;
      return FALSE;
    }
  return TRUE;
}

gboolean
ike_payload_chain_parse (IkeMessage *message, guint8 first, const guint8 *octets, gsize length, gboolean clear,
                         IkeParseError *error)
{
  g_autoptr (GArray) payloads = g_array_new (FALSE, TRUE, sizeof (IkePayload));
  gboolean good = TRUE;
  guint n_certs = 0;
  guint8 next = first;
  WireReader reader;

  wire_reader_init (&reader, octets, length);
  while (good && next != IKE_PAYLOAD_NONE)
    {
      IkePayload payload = { .type = next };

      n_certs += payload.type == IKE_PAYLOAD_CERT;
      if (payloads->len == IKE_MAX_PAYLOADS || n_certs > IKE_MAX_CERTS)
        good = syntax (error, "too many payloads");
      else if (!parse_generic (&reader, &payload, &next, clear, error))
        good = FALSE;
      else
        {
          good = parse_body (&payload, error);
          g_array_append_val (payloads, payload);
        }
    }
  if (good && !wire_reader_at_end (&reader))
    good = syntax (error, "octets after the last payload");
  message->n_payloads = payloads->len;
  message->payloads = (IkePayload *)(void *)g_array_free (g_steal_pointer (&payloads), FALSE);
  return good;
}
