/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "mip4/mip4-codec-private.h"

/*
 * The extension list (RFC 5944 1.8 to 1.11). Decision D-08: an overrun or a missing Length anywhere
 * discards the message; a known type with an impossible Length or Sub-Type discards the message when
 * it is not skippable, and is skipped when it is. Of several of one type that is not counted the first
 * one is taken.
 */

/* RFC 4721 5: a generalized authentication extension's Length is at least this. */
#define GENERALIZED_AUTH_MIN_LENGTH 20u

/* What became of one extension's body. */
typedef enum
{
  BODY_OK,
  BODY_BAD,     /* impossible Length or Sub-Type */
  BODY_UNKNOWN, /* a type this table lacks */
} BodyResult;

static BodyResult
parse_auth (WireReader *body, gsize spi_end, Mip4AuthExtension *auth)
{
  Mip4AuthExtension parsed = { .covered = spi_end };

  if (!wire_read_u32 (body, &parsed.spi) || wire_reader_left (body) == 0)
    return BODY_BAD;
  parsed.authenticator.length = wire_reader_left (body);
  if (!wire_read_data (body, parsed.authenticator.length, &parsed.authenticator.data))
    return BODY_BAD;
  if (auth->count++ == 0)
    {
      parsed.count = 1;
      *auth = parsed;
    }
  return BODY_OK;
}

static BodyResult
parse_slice (WireReader *body, Mip4Slice *slice)
{
  Mip4Slice parsed = { .length = wire_reader_left (body) };

  if (parsed.length == 0 || !wire_read_data (body, parsed.length, &parsed.data))
    return BODY_BAD;
  if (slice->data == NULL)
    *slice = parsed;
  return BODY_OK;
}

static BodyResult
parse_udp_request (WireReader *body, Mip4UdpTunnelRequest *request)
{
  guint8 subtype, flags, encapsulation;
  guint16 reserved3;

  if (!wire_read_u8 (body, &subtype) || !wire_skip (body, 1) || !wire_read_u8 (body, &flags) ||
      !wire_read_u8 (body, &encapsulation) || !wire_read_u16 (body, &reserved3) || !wire_reader_at_end (body) ||
      subtype != 0)
    return BODY_BAD;
  if (request->present)
    return BODY_OK;
  *request = (Mip4UdpTunnelRequest){
    .present = TRUE,
    .forced = (flags & 0x80) != 0,
    .via_foreign_agent = (flags & 0x40) != 0,
    .encapsulation = encapsulation,
    .reserved3 = reserved3 != 0,
  };
  return BODY_OK;
}

static BodyResult
parse_udp_reply (WireReader *body, Mip4UdpTunnelReply *reply)
{
  guint8 subtype, code;
  guint16 flags, keepalive_s;

  if (!wire_read_u8 (body, &subtype) || !wire_read_u8 (body, &code) || !wire_read_u16 (body, &flags) ||
      !wire_read_u16 (body, &keepalive_s) || !wire_reader_at_end (body) || subtype != 0)
    return BODY_BAD;
  if (reply->present)
    return BODY_OK;
  *reply =
    (Mip4UdpTunnelReply){ .present = TRUE, .forced = (flags & 0x8000) != 0, .code = code, .keepalive_s = keepalive_s };
  return BODY_OK;
}

static BodyResult
parse_revocation_support (WireReader *body, Mip4Extensions *extensions)
{
  guint16 flags;
  guint32 timestamp;

  if (!wire_read_u16 (body, &flags) || !wire_read_u32 (body, &timestamp) || !wire_reader_at_end (body))
    return BODY_BAD;
  if (extensions->revocation)
    return BODY_OK;
  extensions->revocation = TRUE;
  extensions->revocation_inform = (flags & 0x8000) != 0;
  extensions->revocation_timestamp = timestamp;
  return BODY_OK;
}

static BodyResult
parse_message_string (WireReader *body, Mip4Extensions *extensions)
{
  const gboolean is_first = extensions->message.data == NULL;
  guint8 subtype;

  if (!wire_read_u8 (body, &subtype) || subtype < 1 || subtype > 2 ||
      parse_slice (body, &extensions->message) != BODY_OK)
    return BODY_BAD;
  if (is_first)
    extensions->message_subtype = subtype;
  return BODY_OK;
}

/* RFC 5265 3.4: Length 2, Sub-Type 0, one reserved octet of any value. */
static BodyResult
parse_tnc (WireReader *body, Mip4Extensions *extensions)
{
  guint8 subtype;

  if (!wire_read_u8 (body, &subtype) || !wire_skip (body, 1) || !wire_reader_at_end (body) || subtype != 0)
    return BODY_BAD;
  extensions->tnc = TRUE;
  return BODY_OK;
}

/* D-40: Sub-Type and Status, in the short format. */
static BodyResult
parse_fa_error (WireReader *body, Mip4Extensions *extensions)
{
  guint8 status;

  if (!wire_skip (body, 1) || !wire_read_u8 (body, &status) || !wire_reader_at_end (body))
    return BODY_BAD;
  if (extensions->fa_error)
    return BODY_OK;
  extensions->fa_error = TRUE;
  extensions->fa_error_status = status;
  return BODY_OK;
}

/* NVSE: Reserved(2) Vendor(4) Type(2); a CVSE's Length counts from the Vendor (D-16). */
static BodyResult
parse_vendor (WireReader *body, gsize reserved, guint *count)
{
  guint32 vendor;
  guint16 type;

  if (!wire_skip (body, reserved) || !wire_read_u32 (body, &vendor) || !wire_read_u16 (body, &type))
    return BODY_BAD;
  (*count)++;
  return BODY_OK;
}

static BodyResult
parse_tlv_body (Mip4Message *message, Mip4Extensions *extensions, guint8 type, WireReader *body, gsize body_at)
{
  switch (type)
    {
    case MIP4_EXT_MOBILE_HOME_AUTH:
      return parse_auth (body, body_at + 4, &message->mhae);
    case MIP4_EXT_MOBILE_FOREIGN_AUTH:
      return parse_auth (body, body_at + 4, &message->mfae);
    case MIP4_EXT_FOREIGN_HOME_AUTH:
      return parse_auth (body, body_at + 4, &message->fhae);
    case MIP4_EXT_UDP_TUNNEL_REPLY:
      return parse_udp_reply (body, &extensions->udp_reply);
    case MIP4_EXT_FA_ERROR:
      return parse_fa_error (body, extensions);
    case MIP4_EXT_ENCAPSULATING_DELIVERY:
      extensions->encapsulating_delivery |= wire_reader_at_end (body);
      return wire_reader_at_end (body) ? BODY_OK : BODY_BAD;
    case MIP4_EXT_NAI:
      return parse_slice (body, &extensions->nai);
    case MIP4_EXT_CHALLENGE:
      return parse_slice (body, &extensions->challenge);
    case MIP4_EXT_NVSE:
      return parse_vendor (body, 2, &extensions->n_nvse);
    case MIP4_EXT_REVOCATION_SUPPORT:
      return parse_revocation_support (body, extensions);
    case MIP4_EXT_UDP_TUNNEL_REQUEST:
      return parse_udp_request (body, &extensions->udp_request);
    case MIP4_EXT_MESSAGE_STRING:
      return parse_message_string (body, extensions);
    case MIP4_EXT_TNC:
      return parse_tnc (body, extensions);
    case MIP4_EXT_SERVICE_SELECTION:
      return parse_slice (body, &extensions->service);
    default:
      return BODY_UNKNOWN;
    }
}

/* TLV and short format (RFC 5944 1.9, 1.11): one Length octet. */
static Mip4Discard
parse_tlv (Mip4Message *message, Mip4Extensions *extensions, guint8 type, WireReader *reader)
{
  WireReader body;
  gsize body_at;
  guint8 length;

  if (!wire_read_u8 (reader, &length))
    return MIP4_DISCARD_EXTENSION_OVERRUN;
  body_at = message->extensions_at + wire_reader_position (reader);
  if (!wire_read_sub (reader, length, &body))
    return MIP4_DISCARD_EXTENSION_OVERRUN;
  switch (parse_tlv_body (message, extensions, type, &body, body_at))
    {
    case BODY_OK:
      return MIP4_DISCARD_NONE;
    case BODY_BAD:
      return type < MIP4_EXT_FIRST_SKIPPABLE ? MIP4_DISCARD_EXTENSION_MALFORMED : MIP4_DISCARD_NONE;
    case BODY_UNKNOWN:
      return type < MIP4_EXT_FIRST_SKIPPABLE ? MIP4_DISCARD_EXTENSION_UNKNOWN : MIP4_DISCARD_NONE;
    }
  return MIP4_DISCARD_EXTENSION_MALFORMED;
}

/* Long format (RFC 5944 1.10): an octet (Sub-Type, or Reserved of a CVSE) and a 16-bit Length. */
static Mip4Discard
parse_long (Mip4Message *message, Mip4Extensions *extensions, guint8 type, WireReader *reader)
{
  WireReader body;
  BodyResult result;
  guint16 length;
  guint8 subtype;
  gsize body_at;

  if (!wire_read_u8 (reader, &subtype) || !wire_read_u16 (reader, &length))
    return MIP4_DISCARD_EXTENSION_OVERRUN;
  body_at = message->extensions_at + wire_reader_position (reader);
  if (!wire_read_sub (reader, length, &body))
    return MIP4_DISCARD_EXTENSION_OVERRUN;
  if (type == MIP4_EXT_CVSE)
    result = parse_vendor (&body, 0, &extensions->n_cvse);
  else if (subtype == 1) /* MN-AAA, RFC 4721 6 */
    result = length < GENERALIZED_AUTH_MIN_LENGTH ? BODY_BAD : parse_auth (&body, body_at + 4, &message->mn_aaa);
  else
    return MIP4_DISCARD_EXTENSION_UNKNOWN;
  return result == BODY_OK ? MIP4_DISCARD_NONE : MIP4_DISCARD_EXTENSION_MALFORMED;
}

/*
 * Extension 139 exists in two layouts (D-15): RFC 4433 draws Sub-Type, Length(2), address; others send
 * Length, Sub-Type, address. A body of neither shape is skipped by its Length octet.
 */
static Mip4Discard
parse_dynamic_ha (Mip4Extensions *extensions, WireReader *reader)
{
  WireReader body = *reader;
  RoamAddr address;
  guint16 length;
  guint8 octet, subtype;

  if (!wire_read_u8 (&body, &octet))
    return MIP4_DISCARD_EXTENSION_OVERRUN;
  subtype = octet;
  if ((octet == 1 || octet == 2) && wire_read_u16 (&body, &length) && length == 4)
    {
      if (!wire_read_addr (&body, ROAM_FAMILY_INET4, &address))
        return MIP4_DISCARD_EXTENSION_OVERRUN;
    }
  else
    {
      body = *reader;
      if (!wire_skip (&body, 1) || octet != 5 || !wire_read_u8 (&body, &subtype) || subtype < 1 || subtype > 2 ||
          !wire_read_addr (&body, ROAM_FAMILY_INET4, &address))
        return wire_skip (reader, 1) && wire_skip (reader, octet) ? MIP4_DISCARD_NONE : MIP4_DISCARD_EXTENSION_OVERRUN;
    }
  *reader = body;
  if (extensions->dynamic_ha_subtype == 0)
    {
      extensions->dynamic_ha_subtype = subtype;
      extensions->dynamic_ha = address;
    }
  return MIP4_DISCARD_NONE;
}

Mip4Discard
mip4_parse_extensions (Mip4Message *message)
{
  Mip4Discard why = MIP4_DISCARD_NONE;
  WireReader whole, reader;

  /* Tunnel data has no extensions: its payload reaches to the end. */
  wire_reader_init (&whole, message->data, message->length);
  if (!wire_skip (&whole, message->extensions_at) || !wire_read_sub (&whole, wire_reader_left (&whole), &reader))
    return MIP4_DISCARD_SHORT;
  while (why == MIP4_DISCARD_NONE && wire_reader_left (&reader) > 0)
    {
      Mip4Extensions *extensions = message->mhae.count == 0 ? &message->covered : &message->uncovered;
      guint8 type;

      if (!wire_read_u8 (&reader, &type))
        return MIP4_DISCARD_EXTENSION_OVERRUN;
      switch (type)
        {
        case MIP4_EXT_PADDING:
          break;
        case MIP4_EXT_GENERALIZED_AUTH:
        case MIP4_EXT_CVSE:
          why = parse_long (message, extensions, type, &reader);
          break;
        case MIP4_EXT_DYNAMIC_HA:
          why = parse_dynamic_ha (extensions, &reader);
          break;
        default:
          why = parse_tlv (message, extensions, type, &reader);
          break;
        }
    }
  return why;
}
