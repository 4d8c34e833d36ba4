/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The header, unprotected messages, and looking payloads up. */

#include "ike/ike-codec-private.h"

static gboolean
read_header (const guint8 *data, gsize length, IkeHeader *header)
{
  WireReader reader;

  wire_reader_init (&reader, data, length);
  return wire_read_u64 (&reader, &header->spi_i) && wire_read_u64 (&reader, &header->spi_r) &&
         wire_read_u8 (&reader, &header->next_payload) && wire_read_u8 (&reader, &header->version) &&
         wire_read_u8 (&reader, &header->exchange) && wire_read_u8 (&reader, &header->flags) &&
         wire_read_u32 (&reader, &header->message_id) && wire_read_u32 (&reader, &header->length);
}

gboolean
ike_header_parse (const guint8 *data, gsize length, IkeHeader *ret_header, IkeParseError *ret_error)
{
  IkeHeader header;

  *ret_error = (IkeParseError){ .status = IKE_PARSE_OK };
  if (!read_header (data, length, &header))
    return ike_parse_fail (ret_error, IKE_PARSE_DROP, "shorter than an IKE header");
  if (header.version >> 4 > IKE_VERSION_2_0 >> 4)
    {
      *ret_header = header;
      return ike_parse_fail (ret_error, IKE_PARSE_INVALID_MAJOR_VERSION, "INVALID_MAJOR_VERSION");
    }
  if (header.version >> 4 < IKE_VERSION_2_0 >> 4)
    return ike_parse_fail (ret_error, IKE_PARSE_DROP, "IKE version 1 or none");
  if (header.length != length)
    return ike_parse_fail (ret_error, IKE_PARSE_DROP, "Length differs from the datagram");
  *ret_header = header;
  return TRUE;
}

void
ike_header_write (WireWriter *writer, const IkeHeader *header, guint8 first, guint32 length)
{
  wire_write_u64 (writer, header->spi_i);
  wire_write_u64 (writer, header->spi_r);
  wire_write_u8 (writer, first);
  wire_write_u8 (writer, IKE_VERSION_2_0);
  wire_write_u8 (writer, header->exchange);
  wire_write_u8 (writer, header->flags & (IKE_FLAG_INITIATOR | IKE_FLAG_RESPONSE));
  wire_write_u32 (writer, header->message_id);
  wire_write_u32 (writer, length);
}

IkeMessage *
ike_message_parse_clear (const guint8 *data, gsize length, IkeParseError *ret_error)
{
  g_autoptr (IkeMessage) message = g_new0 (IkeMessage, 1);
  const guint8 *octets;

  if (!ike_header_parse (data, length, &message->header, ret_error))
    return NULL;
  message->octets = g_bytes_new (data, length);
  octets = g_bytes_get_data (message->octets, NULL);
  if (!ike_payload_chain_parse (message, message->header.next_payload, octets + IKE_HEADER_LENGTH,
                                length - IKE_HEADER_LENGTH, TRUE, ret_error))
    return NULL;
  return g_steal_pointer (&message);
}

IkeMessage *
ike_message_new_protected (const IkeHeader *header, GBytes *octets, GBytes *inner, guint8 first,
                           IkeParseError *ret_error)
{
  g_autoptr (IkeMessage) message = g_new0 (IkeMessage, 1);
  const guint8 *data;
  gsize length;

  message->header = *header;
  message->protected = TRUE;
  message->fragmented = octets == NULL;
  message->octets = octets;
  message->inner = inner;
  data = g_bytes_get_data (inner, &length);
  if (!ike_payload_chain_parse (message, first, data, length, FALSE, ret_error))
    return NULL;
  return g_steal_pointer (&message);
}

void
ike_message_free (IkeMessage *message)
{
  if (message == NULL)
    return;
  if (message->more_references > 0)
    {
      message->more_references--;
      return;
    }
  for (guint i = 0; i < message->n_payloads; i++)
    ike_payload_clear (&message->payloads[i]);
  g_free (message->payloads);
  g_clear_pointer (&message->octets, g_bytes_unref);
  g_clear_pointer (&message->inner, g_bytes_unref);
  g_free (message);
}

IkeMessage *
ike_message_ref (const IkeMessage *message)
{
  IkeMessage *shared = (IkeMessage *)(guintptr)message; /* its contents stay as they are */

  shared->more_references++;
  return shared;
}

const IkePayload *
ike_message_find_next (const IkeMessage *message, guint8 type, const IkePayload *previous)
{
  guint start = previous != NULL ? (guint)(previous - message->payloads) + 1 : 0;

  for (guint i = start; i < message->n_payloads; i++)
    if (message->payloads[i].type == type)
      return &message->payloads[i];
  return NULL;
}

const IkePayload *
ike_message_find (const IkeMessage *message, guint8 type)
{
  return ike_message_find_next (message, type, NULL);
}

const IkePayloadNotify *
ike_message_find_notify (const IkeMessage *message, guint16 notify_type)
{
  const IkePayload *payload = NULL;

  while ((payload = ike_message_find_next (message, IKE_PAYLOAD_NOTIFY, payload)) != NULL)
    if (payload->notify.notify_type == notify_type)
      return &payload->notify;
  return NULL;
}

const IkePayloadNotify *
ike_message_find_error (const IkeMessage *message)
{
  const IkePayload *payload = NULL;

  while ((payload = ike_message_find_next (message, IKE_PAYLOAD_NOTIFY, payload)) != NULL)
    if (payload->notify.notify_type < IKE_NOTIFY_FIRST_STATUS)
      return &payload->notify;
  return NULL;
}

guint
ike_message_count (const IkeMessage *message, guint8 type)
{
  guint n = 0;

  for (guint i = 0; i < message->n_payloads; i++)
    n += message->payloads[i].type == type;
  return n;
}

GBytes *
ike_message_build_clear (const IkeHeader *header, const IkePayloads *payloads)
{
  g_auto (WireWriter) writer = { 0 };
  IkeView octets;
  guint8 first;

  if (!ike_payloads_peek (payloads, &first, &octets))
    return NULL;
  wire_writer_init (&writer, IKE_MAX_MESSAGE);
  ike_header_write (&writer, header, first, (guint32)(IKE_HEADER_LENGTH + octets.length));
  wire_write_data (&writer, octets.data, octets.length);
  return wire_writer_finish (&writer);
}

gsize
ike_message_room (guint mtu, RoamFamily family, gboolean marker)
{
  const gsize ip = family == ROAM_FAMILY_INET6 ? 40 : 20, udp = 8;
  gsize overhead = ip + udp + (marker ? IKE_NON_ESP_MARKER_LENGTH : 0);

  return mtu > overhead ? mtu - overhead : 0;
}

static const struct
{
  guint16 type;
  const char *name;
} notify_names[] = {
  { IKE_NOTIFY_UNSUPPORTED_CRITICAL_PAYLOAD, "UNSUPPORTED_CRITICAL_PAYLOAD" },
  { IKE_NOTIFY_INVALID_IKE_SPI, "INVALID_IKE_SPI" },
  { IKE_NOTIFY_INVALID_MAJOR_VERSION, "INVALID_MAJOR_VERSION" },
  { IKE_NOTIFY_INVALID_SYNTAX, "INVALID_SYNTAX" },
  { IKE_NOTIFY_INVALID_MESSAGE_ID, "INVALID_MESSAGE_ID" },
  { IKE_NOTIFY_INVALID_SPI, "INVALID_SPI" },
  { IKE_NOTIFY_NO_PROPOSAL_CHOSEN, "NO_PROPOSAL_CHOSEN" },
  { IKE_NOTIFY_INVALID_KE_PAYLOAD, "INVALID_KE_PAYLOAD" },
  { IKE_NOTIFY_AUTHENTICATION_FAILED, "AUTHENTICATION_FAILED" },
  { IKE_NOTIFY_SINGLE_PAIR_REQUIRED, "SINGLE_PAIR_REQUIRED" },
  { IKE_NOTIFY_NO_ADDITIONAL_SAS, "NO_ADDITIONAL_SAS" },
  { IKE_NOTIFY_INTERNAL_ADDRESS_FAILURE, "INTERNAL_ADDRESS_FAILURE" },
  { IKE_NOTIFY_FAILED_CP_REQUIRED, "FAILED_CP_REQUIRED" },
  { IKE_NOTIFY_TS_UNACCEPTABLE, "TS_UNACCEPTABLE" },
  { IKE_NOTIFY_INVALID_SELECTORS, "INVALID_SELECTORS" },
  { IKE_NOTIFY_UNACCEPTABLE_ADDRESSES, "UNACCEPTABLE_ADDRESSES" },
  { IKE_NOTIFY_UNEXPECTED_NAT_DETECTED, "UNEXPECTED_NAT_DETECTED" },
  { IKE_NOTIFY_TEMPORARY_FAILURE, "TEMPORARY_FAILURE" },
  { IKE_NOTIFY_CHILD_SA_NOT_FOUND, "CHILD_SA_NOT_FOUND" },
  { IKE_NOTIFY_INITIAL_CONTACT, "INITIAL_CONTACT" },
  { IKE_NOTIFY_SET_WINDOW_SIZE, "SET_WINDOW_SIZE" },
  { IKE_NOTIFY_ADDITIONAL_TS_POSSIBLE, "ADDITIONAL_TS_POSSIBLE" },
  { IKE_NOTIFY_NAT_DETECTION_SOURCE_IP, "NAT_DETECTION_SOURCE_IP" },
  { IKE_NOTIFY_NAT_DETECTION_DESTINATION_IP, "NAT_DETECTION_DESTINATION_IP" },
  { IKE_NOTIFY_COOKIE, "COOKIE" },
  { IKE_NOTIFY_USE_TRANSPORT_MODE, "USE_TRANSPORT_MODE" },
  { IKE_NOTIFY_HTTP_CERT_LOOKUP_SUPPORTED, "HTTP_CERT_LOOKUP_SUPPORTED" },
  { IKE_NOTIFY_REKEY_SA, "REKEY_SA" },
  { IKE_NOTIFY_ESP_TFC_PADDING_NOT_SUPPORTED, "ESP_TFC_PADDING_NOT_SUPPORTED" },
  { IKE_NOTIFY_NON_FIRST_FRAGMENTS_ALSO, "NON_FIRST_FRAGMENTS_ALSO" },
  { IKE_NOTIFY_MOBIKE_SUPPORTED, "MOBIKE_SUPPORTED" },
  { IKE_NOTIFY_ADDITIONAL_IP4_ADDRESS, "ADDITIONAL_IP4_ADDRESS" },
  { IKE_NOTIFY_ADDITIONAL_IP6_ADDRESS, "ADDITIONAL_IP6_ADDRESS" },
  { IKE_NOTIFY_NO_ADDITIONAL_ADDRESSES, "NO_ADDITIONAL_ADDRESSES" },
  { IKE_NOTIFY_UPDATE_SA_ADDRESSES, "UPDATE_SA_ADDRESSES" },
  { IKE_NOTIFY_COOKIE2, "COOKIE2" },
  { IKE_NOTIFY_NO_NATS_ALLOWED, "NO_NATS_ALLOWED" },
  { IKE_NOTIFY_AUTH_LIFETIME, "AUTH_LIFETIME" },
  { IKE_NOTIFY_REDIRECT_SUPPORTED, "REDIRECT_SUPPORTED" },
  { IKE_NOTIFY_REDIRECT, "REDIRECT" },
  { IKE_NOTIFY_REDIRECTED_FROM, "REDIRECTED_FROM" },
  { IKE_NOTIFY_TICKET_LT_OPAQUE, "TICKET_LT_OPAQUE" },
  { IKE_NOTIFY_TICKET_REQUEST, "TICKET_REQUEST" },
  { IKE_NOTIFY_TICKET_ACK, "TICKET_ACK" },
  { IKE_NOTIFY_TICKET_NACK, "TICKET_NACK" },
  { IKE_NOTIFY_TICKET_OPAQUE, "TICKET_OPAQUE" },
  { IKE_NOTIFY_EAP_ONLY_AUTHENTICATION, "EAP_ONLY_AUTHENTICATION" },
  { IKE_NOTIFY_CHILDLESS_IKEV2_SUPPORTED, "CHILDLESS_IKEV2_SUPPORTED" },
  { IKE_NOTIFY_IKEV2_FRAGMENTATION_SUPPORTED, "IKEV2_FRAGMENTATION_SUPPORTED" },
  { IKE_NOTIFY_SIGNATURE_HASH_ALGORITHMS, "SIGNATURE_HASH_ALGORITHMS" },
  { IKE_NOTIFY_PUZZLE, "PUZZLE" },
  { IKE_NOTIFY_USE_PPK, "USE_PPK" },
  { IKE_NOTIFY_INTERMEDIATE_EXCHANGE_SUPPORTED, "INTERMEDIATE_EXCHANGE_SUPPORTED" },
  { IKE_NOTIFY_UNACCEPTABLE_PATH, "UNACCEPTABLE_PATH" },
  { IKE_NOTIFY_NAT_PREVENTED, "NAT_PREVENTED" },
  { IKE_NOTIFY_MOPO_SUPPORTED, "MOPO_SUPPORTED" },
  { IKE_NOTIFY_ADDITIONAL_ADDRESS, "ADDITIONAL_ADDRESS" },
  { IKE_NOTIFY_CHANGE_PATH, "CHANGE_PATH" },
  { IKE_NOTIFY_MOPO_COOKIE2, "COOKIE2 (MOPO)" },
  { IKE_NOTIFY_NAT_PREVENTION, "NAT_PREVENTION" },
};

const char *
ike_notify_to_string (guint16 notify_type)
{
  for (guint i = 0; i < G_N_ELEMENTS (notify_names); i++)
    if (notify_names[i].type == notify_type)
      return notify_names[i].name;
  return "unknown notify";
}

const char *
ike_exchange_to_string (guint8 exchange)
{
  switch (exchange)
    {
    case IKE_EXCHANGE_IKE_SA_INIT:
      return "IKE_SA_INIT";
    case IKE_EXCHANGE_IKE_AUTH:
      return "IKE_AUTH";
    case IKE_EXCHANGE_CREATE_CHILD_SA:
      return "CREATE_CHILD_SA";
    case IKE_EXCHANGE_INFORMATIONAL:
      return "INFORMATIONAL";
    case IKE_EXCHANGE_IKE_SESSION_RESUME:
      return "IKE_SESSION_RESUME";
    case IKE_EXCHANGE_IKE_INTERMEDIATE:
      return "IKE_INTERMEDIATE";
    case IKE_EXCHANGE_IKE_FOLLOWUP_KE:
      return "IKE_FOLLOWUP_KE";
    case IKE_EXCHANGE_PATH_TEST:
      return "PATH_TEST";
    default:
      return "unknown exchange";
    }
}
