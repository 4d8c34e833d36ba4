/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "mip4/mip4-codec-private.h"

#include <string.h>

static Mip4Discard
parse_request (WireReader *reader, Mip4Message *message)
{
  if (!wire_read_u8 (reader, &message->flags) || !wire_read_u16 (reader, &message->lifetime) ||
      !wire_read_addr (reader, ROAM_FAMILY_INET4, &message->home_address) ||
      !wire_read_addr (reader, ROAM_FAMILY_INET4, &message->home_agent) ||
      !wire_read_addr (reader, ROAM_FAMILY_INET4, &message->care_of_address) ||
      !wire_read_u64 (reader, &message->identification))
    return MIP4_DISCARD_SHORT;
  return MIP4_DISCARD_NONE;
}

static Mip4Discard
parse_reply (WireReader *reader, Mip4Message *message)
{
  if (!wire_read_u8 (reader, &message->code) || !wire_read_u16 (reader, &message->lifetime) ||
      !wire_read_addr (reader, ROAM_FAMILY_INET4, &message->home_address) ||
      !wire_read_addr (reader, ROAM_FAMILY_INET4, &message->home_agent) ||
      !wire_read_u64 (reader, &message->identification))
    return MIP4_DISCARD_SHORT;
  return MIP4_DISCARD_NONE;
}

static Mip4Discard
parse_tunnel_data (WireReader *reader, Mip4Message *message)
{
  /* The Reserved field is ignored on receipt (RFC 3519 3.3). */
  if (!wire_read_u8 (reader, &message->next_header) || !wire_skip (reader, 2))
    return MIP4_DISCARD_SHORT;
  message->payload.length = wire_reader_left (reader);
  if (!wire_read_data (reader, message->payload.length, &message->payload.data))
    return MIP4_DISCARD_SHORT;
  return MIP4_DISCARD_NONE;
}

static Mip4Discard
parse_revocation (WireReader *reader, Mip4Message *message)
{
  guint16 bits;

  if (!wire_skip (reader, 1) || !wire_read_u16 (reader, &bits) ||
      !wire_read_addr (reader, ROAM_FAMILY_INET4, &message->home_address) ||
      !wire_read_addr (reader, ROAM_FAMILY_INET4, &message->home_agent) ||
      !wire_read_addr (reader, ROAM_FAMILY_INET4, &message->care_of_address) ||
      !wire_read_u32 (reader, &message->revocation_id))
    return MIP4_DISCARD_SHORT;
  message->from_home_agent = (bits & 0x8000) != 0;
  message->inform = (bits & 0x4000) != 0;
  return MIP4_DISCARD_NONE;
}

static Mip4Discard
parse_revocation_ack (WireReader *reader, Mip4Message *message)
{
  guint16 bits;

  if (!wire_skip (reader, 1) || !wire_read_u16 (reader, &bits) ||
      !wire_read_addr (reader, ROAM_FAMILY_INET4, &message->home_address) ||
      !wire_read_u32 (reader, &message->revocation_id))
    return MIP4_DISCARD_SHORT;
  message->inform = (bits & 0x8000) != 0;
  return MIP4_DISCARD_NONE;
}

Mip4Discard
mip4_parse_fixed (const guint8 *data, gsize length, Mip4Message *ret_message)
{
  Mip4Message message = { .data = data, .length = length };
  Mip4Discard why;
  WireReader reader;
  guint8 type;

  wire_reader_init (&reader, data, length);
  if (!wire_read_u8 (&reader, &type))
    return MIP4_DISCARD_SHORT;
  switch (type)
    {
    case MIP4_MESSAGE_REQUEST:
      why = parse_request (&reader, &message);
      break;
    case MIP4_MESSAGE_REPLY:
      why = parse_reply (&reader, &message);
      break;
    case MIP4_MESSAGE_TUNNEL_DATA:
      why = parse_tunnel_data (&reader, &message);
      break;
    case MIP4_MESSAGE_REVOCATION:
      why = parse_revocation (&reader, &message);
      break;
    case MIP4_MESSAGE_REVOCATION_ACK:
      why = parse_revocation_ack (&reader, &message);
      break;
    default:
      why = MIP4_DISCARD_TYPE;
      break;
    }
  if (why != MIP4_DISCARD_NONE)
    return why;
  message.type = (Mip4MessageType)type;
  message.extensions_at = wire_reader_position (&reader);
  *ret_message = message;
  return MIP4_DISCARD_NONE;
}

Mip4Discard
mip4_parse (const guint8 *data, gsize length, Mip4Message *ret_message)
{
  Mip4Message message;
  Mip4Discard why = mip4_parse_fixed (data, length, &message);

  if (why == MIP4_DISCARD_NONE)
    why = mip4_parse_extensions (&message);
  if (why == MIP4_DISCARD_NONE)
    *ret_message = message;
  return why;
}

void
mip4_write_request (WireWriter *writer, guint8 flags, guint16 lifetime, const RoamAddr *home_address,
                    const RoamAddr *home_agent, const RoamAddr *care_of_address, guint64 identification)
{
  wire_write_u8 (writer, MIP4_MESSAGE_REQUEST);
  wire_write_u8 (writer, flags);
  wire_write_u16 (writer, lifetime);
  wire_write_addr (writer, home_address);
  wire_write_addr (writer, home_agent);
  wire_write_addr (writer, care_of_address);
  wire_write_u64 (writer, identification);
}

void
mip4_write_reply (WireWriter *writer, guint8 code, guint16 lifetime, const RoamAddr *home_address,
                  const RoamAddr *home_agent, guint64 identification)
{
  wire_write_u8 (writer, MIP4_MESSAGE_REPLY);
  wire_write_u8 (writer, code);
  wire_write_u16 (writer, lifetime);
  wire_write_addr (writer, home_address);
  wire_write_addr (writer, home_agent);
  wire_write_u64 (writer, identification);
}

void
mip4_write_tlv (WireWriter *writer, guint8 type, const guint8 *data, gsize length)
{
  g_return_if_fail (length <= G_MAXUINT8);
  wire_write_u8 (writer, type);
  wire_write_u8 (writer, (guint8)length);
  wire_write_data (writer, data, length);
}

void
mip4_write_udp_tunnel_request_of (WireWriter *writer, const Mip4UdpTunnelRequest *request)
{
  guint8 flags = (guint8)((request->forced ? 0x80 : 0) | (request->via_foreign_agent ? 0x40 : 0));
  const guint8 body[] = { 0 /* Sub-Type */, 0 /* Reserved 1 */, flags, request->encapsulation, 0, 0 };

  mip4_write_tlv (writer, MIP4_EXT_UDP_TUNNEL_REQUEST, body, sizeof body);
}

void
mip4_write_udp_tunnel_request (WireWriter *writer, gboolean forced, guint8 encapsulation)
{
  mip4_write_udp_tunnel_request_of (writer,
                                    &(Mip4UdpTunnelRequest){ .forced = forced, .encapsulation = encapsulation });
}

void
mip4_write_udp_tunnel_reply (WireWriter *writer, guint8 code, gboolean forced, guint16 keepalive_s)
{
  const guint8 body[] = {
    0 /* Sub-Type */, code, forced ? 0x80 : 0, 0, (guint8)(keepalive_s >> 8), (guint8)keepalive_s
  };

  mip4_write_tlv (writer, MIP4_EXT_UDP_TUNNEL_REPLY, body, sizeof body);
}

void
mip4_write_tnc (WireWriter *writer)
{
  static const guint8 body[] = { 0 /* Sub-Type */, 0 /* Reserved */ };

  mip4_write_tlv (writer, MIP4_EXT_TNC, body, sizeof body);
}

void
mip4_write_revocation_support (WireWriter *writer, gboolean inform, guint32 timestamp)
{
  wire_write_u8 (writer, MIP4_EXT_REVOCATION_SUPPORT);
  wire_write_u8 (writer, 6);
  wire_write_u16 (writer, inform ? 0x8000 : 0);
  wire_write_u32 (writer, timestamp);
}

void
mip4_write_dynamic_ha (WireWriter *writer, guint8 subtype, const RoamAddr *home_agent, gboolean is_short)
{
  wire_write_u8 (writer, MIP4_EXT_DYNAMIC_HA);
  if (is_short)
    {
      wire_write_u8 (writer, 5);
      wire_write_u8 (writer, subtype);
    }
  else
    {
      wire_write_u8 (writer, subtype);
      wire_write_u16 (writer, 4);
    }
  wire_write_addr (writer, home_agent);
}

void
mip4_write_revocation (WireWriter *writer, gboolean inform, const RoamAddr *home_address, const RoamAddr *home_agent,
                       const RoamAddr *care_of_address, guint32 revocation_id)
{
  wire_write_u8 (writer, MIP4_MESSAGE_REVOCATION);
  wire_write_u8 (writer, 0);
  wire_write_u16 (writer, (guint16)(0x8000 /* A */ | (inform ? 0x4000 : 0)));
  wire_write_addr (writer, home_address);
  wire_write_addr (writer, home_agent);
  wire_write_addr (writer, care_of_address);
  wire_write_u32 (writer, revocation_id);
}

void
mip4_write_revocation_ack (WireWriter *writer, gboolean inform, const RoamAddr *home_address, guint32 revocation_id)
{
  wire_write_u8 (writer, MIP4_MESSAGE_REVOCATION_ACK);
  wire_write_u8 (writer, 0);
  wire_write_u16 (writer, inform ? 0x8000 : 0);
  wire_write_addr (writer, home_address);
  wire_write_u32 (writer, revocation_id);
}

/* SPI and digest over all that was written, which ends with the extension's Type and Length. */
static void
write_authenticator (WireWriter *writer, const Mip4SecurityAssociation *association)
{
  guint8 authenticator[MIP4_AUTHENTICATOR_MAX];

  wire_write_u32 (writer, association->spi);
  if (wire_writer_failed (writer))
    return;
  mip4_authenticate (association, wire_writer_peek (writer), wire_writer_length (writer), authenticator);
  wire_write_data (writer, authenticator, mip4_authenticator_length (association->algorithm));
}

void
mip4_write_generalized_auth (WireWriter *writer, const Mip4SecurityAssociation *association)
{
  wire_write_u8 (writer, MIP4_EXT_GENERALIZED_AUTH);
  wire_write_u8 (writer, 1 /* Subtype MN-AAA */);
  wire_write_u16 (writer, (guint16)(4 + mip4_authenticator_length (association->algorithm)));
  write_authenticator (writer, association);
}

void
mip4_write_auth (WireWriter *writer, guint8 type, const Mip4SecurityAssociation *association)
{
  wire_write_u8 (writer, type);
  wire_write_u8 (writer, (guint8)(4 + mip4_authenticator_length (association->algorithm)));
  write_authenticator (writer, association);
}

gboolean
mip4_identification_after (guint64 a, guint64 b)
{
  return (gint64)(a - b) > 0;
}
