/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "ike/ike-message-private.h"

/* What the files of the codec share with each other and with their tests; the session needs none of it. */

/* Length of a generic payload header (RFC 7296 3.2). */
#define IKE_PAYLOAD_HEADER_LENGTH 4
/* SKF has two 16-bit numbers behind its generic header (RFC 7383 2.5). */
#define IKE_FRAGMENT_HEADER_LENGTH 4

/* Records the first error; later ones do not overwrite it. Always FALSE, for `return`. */
gboolean ike_parse_fail (IkeParseError *error, IkeParseStatus status, const char *reason);

/*
 * Parses the chain of payloads that begins with type @first and fills @octets to the end into
 * @message->payloads. @clear: SK and SKF are an error of their own (DROP instead of INVALID_SYNTAX).
 */
gboolean ike_payload_chain_parse (IkeMessage *message, guint8 first, const guint8 *octets, gsize length, gboolean clear,
                                  IkeParseError *error);
/* Frees what the union owns. */
void ike_payload_clear (IkePayload *payload);
/* Body of an SA payload. NULL with @error. */
IkeProposals *ike_proposals_parse (const guint8 *body, gsize length, IkeParseError *error);

/* A message around @inner (taken), parsed. NULL with @ret_error; consumes @inner and @octets always. */
IkeMessage *ike_message_new_protected (const IkeHeader *header, GBytes *octets, GBytes *inner, guint8 first,
                                       IkeParseError *ret_error);

/* Where SK or SKF stands in a message whose header was verified. */
typedef struct
{
  guint8 type;           /* IKE_PAYLOAD_SK, IKE_PAYLOAD_SKF, or 0: none */
  guint8 next;           /* its Next Payload: the first inner type */
  guint16 number, total; /* SKF */
  gsize content;         /* offset of the IV; all octets before it are associated data */
} IkeProtection;

/* FALSE: the chain of payloads before it, or its own length, is malformed. */
gboolean ike_protection_locate (const guint8 *data, gsize length, const IkeHeader *header, IkeProtection *ret_where);
/* Decrypts; the inner octets without padding, or NULL with @ret_error. */
GBytes *ike_protection_open (const guint8 *data, gsize length, const IkeProtection *where, const IkeCipher *cipher,
                             IkeParseError *ret_error);

/* One SK or SKF message to be. */
typedef struct
{
  const IkeHeader *header;
  guint8 next;           /* first inner payload type; 0 in fragments but the first */
  guint16 number, total; /* total 0: SK */
  IkeView inner;
  guint8 clear_type; /* of a payload before SK or SKF; 0: none */
  IkeView clear;     /* its body */
  guint8 padding;    /* octets beyond what the block length asks for, a multiple of it */
} IkeSealing;

/* With the given IV. NULL: too long or the cipher failed. */
GBytes *ike_sealing_build (const IkeSealing *sealing, const IkeCipher *cipher, const guint8 *iv);

/* The payload before SK or SKF; IKE_PAYLOAD_NONE: none. Borrowed. */
guint8 ike_payloads_peek_clear (const IkePayloads *payloads, IkeView *ret_body);
/* First payload type and octets of a chain being built; FALSE if something did not fit. Borrowed. */
gboolean ike_payloads_peek (const IkePayloads *payloads, guint8 *ret_first, IkeView *ret_octets);
/* Version 2.0, @first and @length as given. */
void ike_header_write (WireWriter *writer, const IkeHeader *header, guint8 first, guint32 length);
