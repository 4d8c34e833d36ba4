/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "base/addr.h"
#include "base/rng.h"
#include "base/wire.h"
#include "ike/ike-crypto-private.h"

#include <glib.h>

/*
 * IKEv2 messages on the wire (RFC 7296 3, RFC 7383). "Message" here starts at SPIi: the four zero
 * octets of port 4500 (RFC 7296 2.23) are the caller's.
 *
 * Receiving: ike_header_parse() -> find the IKE SA -> one of
 *   ike_message_parse_clear()     IKE_SA_INIT, unprotected errors
 *   ike_message_open()            SK
 *   ike_reassembly_add()          SKF
 * each giving an IkeMessage, whose payloads borrow from memory the message owns.
 *
 * Sending: ike_payloads_new(), ike_payloads_add_*() in the order of RFC 7296 app. C, then one of
 *   ike_message_build_clear(), ike_message_build_protected(), ike_message_build_fragments().
 */

#define IKE_HEADER_LENGTH 28
#define IKE_VERSION_2_0 0x20
#define IKE_NON_ESP_MARKER_LENGTH 4

/* Limits of what a peer controls (memory and work before and after authentication). */
#define IKE_MAX_MESSAGE 65535    /* after reassembly; also what one UDP datagram could hold */
#define IKE_MAX_PAYLOADS 100     /* an IKE_AUTH with 32 certificates and 40 notifies still fits */
#define IKE_MAX_CERTS 32         /* CERT payloads of one message: RFC 7296 3.6 asks for four */
#define IKE_MAX_SELECTORS 64     /* of one TS payload; its count octet would allow 255 */
#define IKE_MAX_CP_ATTRIBUTES 64 /* of one CP payload */
#define IKE_MAX_DELETE_SPIS 64   /* of one Delete payload: far more Child SAs than a client has */
#define IKE_MAX_FRAGMENTS 128    /* 64 KiB in fragments of 512 octets */
#define IKE_MIN_FRAGMENT 128     /* smallest message length asked of ike_message_build_fragments() */
#define IKE_MIN_NONCE 16         /* RFC 7296 3.9 */
#define IKE_MAX_NONCE 256
#define IKE_NONCE_LENGTH 32 /* of ours: half of the longest PRF key (RFC 7296 2.10) */
#define IKE_MAX_COOKIE 64   /* RFC 7296 2.6 */

typedef enum
{
  IKE_EXCHANGE_IKE_SA_INIT = 34,
  IKE_EXCHANGE_IKE_AUTH = 35,
  IKE_EXCHANGE_CREATE_CHILD_SA = 36,
  IKE_EXCHANGE_INFORMATIONAL = 37,
  IKE_EXCHANGE_IKE_SESSION_RESUME = 38,
  IKE_EXCHANGE_IKE_INTERMEDIATE = 43,
  IKE_EXCHANGE_IKE_FOLLOWUP_KE = 44,
  IKE_EXCHANGE_PATH_TEST = 250, /* MOPO, private use */
} IkeExchangeType;

#define IKE_FLAG_INITIATOR 0x08
#define IKE_FLAG_VERSION 0x10
#define IKE_FLAG_RESPONSE 0x20

typedef enum
{
  IKE_PAYLOAD_NONE = 0,
  IKE_PAYLOAD_SA = 33,
  IKE_PAYLOAD_KE = 34,
  IKE_PAYLOAD_IDI = 35,
  IKE_PAYLOAD_IDR = 36,
  IKE_PAYLOAD_CERT = 37,
  IKE_PAYLOAD_CERTREQ = 38,
  IKE_PAYLOAD_AUTH = 39,
  IKE_PAYLOAD_NONCE = 40,
  IKE_PAYLOAD_NOTIFY = 41,
  IKE_PAYLOAD_DELETE = 42,
  IKE_PAYLOAD_VENDOR_ID = 43,
  IKE_PAYLOAD_TSI = 44,
  IKE_PAYLOAD_TSR = 45,
  IKE_PAYLOAD_SK = 46,
  IKE_PAYLOAD_CP = 47,
  IKE_PAYLOAD_EAP = 48,
  IKE_PAYLOAD_SKF = 53,
  IKE_PAYLOAD_PS = 54, /* RFC 8019 8.2 */
} IkePayloadType;

/* RFC 7296 3.10.1, 4555 4, 7383, 7427, 5685, 8784 and others: the ones somebody here names. */
enum
{
  IKE_NOTIFY_UNSUPPORTED_CRITICAL_PAYLOAD = 1,
  IKE_NOTIFY_INVALID_IKE_SPI = 4,
  IKE_NOTIFY_INVALID_MAJOR_VERSION = 5,
  IKE_NOTIFY_INVALID_SYNTAX = 7,
  IKE_NOTIFY_INVALID_MESSAGE_ID = 9,
  IKE_NOTIFY_INVALID_SPI = 11,
  IKE_NOTIFY_NO_PROPOSAL_CHOSEN = 14,
  IKE_NOTIFY_INVALID_KE_PAYLOAD = 17,
  IKE_NOTIFY_AUTHENTICATION_FAILED = 24,
  IKE_NOTIFY_SINGLE_PAIR_REQUIRED = 34,
  IKE_NOTIFY_NO_ADDITIONAL_SAS = 35,
  IKE_NOTIFY_INTERNAL_ADDRESS_FAILURE = 36,
  IKE_NOTIFY_FAILED_CP_REQUIRED = 37,
  IKE_NOTIFY_TS_UNACCEPTABLE = 38,
  IKE_NOTIFY_INVALID_SELECTORS = 39,
  IKE_NOTIFY_UNACCEPTABLE_ADDRESSES = 40,
  IKE_NOTIFY_UNEXPECTED_NAT_DETECTED = 41,
  IKE_NOTIFY_TEMPORARY_FAILURE = 43,
  IKE_NOTIFY_CHILD_SA_NOT_FOUND = 44,
  IKE_NOTIFY_FIRST_STATUS = 16384, /* below: errors */
  IKE_NOTIFY_INITIAL_CONTACT = 16384,
  IKE_NOTIFY_SET_WINDOW_SIZE = 16385,
  IKE_NOTIFY_ADDITIONAL_TS_POSSIBLE = 16386,
  IKE_NOTIFY_NAT_DETECTION_SOURCE_IP = 16388,
  IKE_NOTIFY_NAT_DETECTION_DESTINATION_IP = 16389,
  IKE_NOTIFY_COOKIE = 16390,
  IKE_NOTIFY_IPCOMP_SUPPORTED = 16387,
  IKE_NOTIFY_USE_TRANSPORT_MODE = 16391,
  IKE_NOTIFY_HTTP_CERT_LOOKUP_SUPPORTED = 16392,
  IKE_NOTIFY_REKEY_SA = 16393,
  IKE_NOTIFY_ESP_TFC_PADDING_NOT_SUPPORTED = 16394,
  IKE_NOTIFY_NON_FIRST_FRAGMENTS_ALSO = 16395,
  IKE_NOTIFY_MOBIKE_SUPPORTED = 16396,
  IKE_NOTIFY_ADDITIONAL_IP4_ADDRESS = 16397,
  IKE_NOTIFY_ADDITIONAL_IP6_ADDRESS = 16398,
  IKE_NOTIFY_NO_ADDITIONAL_ADDRESSES = 16399,
  IKE_NOTIFY_UPDATE_SA_ADDRESSES = 16400,
  IKE_NOTIFY_COOKIE2 = 16401,
  IKE_NOTIFY_MULTIPLE_AUTH_SUPPORTED = 16404,
  IKE_NOTIFY_ANOTHER_AUTH_FOLLOWS = 16405,
  IKE_NOTIFY_NO_NATS_ALLOWED = 16402,
  IKE_NOTIFY_AUTH_LIFETIME = 16403,
  IKE_NOTIFY_REDIRECT_SUPPORTED = 16406,
  IKE_NOTIFY_REDIRECT = 16407,
  IKE_NOTIFY_REDIRECTED_FROM = 16408,
  IKE_NOTIFY_TICKET_LT_OPAQUE = 16409,
  IKE_NOTIFY_TICKET_REQUEST = 16410,
  IKE_NOTIFY_TICKET_ACK = 16411,
  IKE_NOTIFY_TICKET_NACK = 16412,
  IKE_NOTIFY_TICKET_OPAQUE = 16413,
  IKE_NOTIFY_EAP_ONLY_AUTHENTICATION = 16417,
  IKE_NOTIFY_CHILDLESS_IKEV2_SUPPORTED = 16418,
  IKE_NOTIFY_IKEV2_FRAGMENTATION_SUPPORTED = 16430,
  IKE_NOTIFY_SIGNATURE_HASH_ALGORITHMS = 16431,
  IKE_NOTIFY_PUZZLE = 16434,
  IKE_NOTIFY_USE_PPK = 16435,
  IKE_NOTIFY_PPK_IDENTITY = 16436,
  IKE_NOTIFY_NO_PPK_AUTH = 16437,
  IKE_NOTIFY_INTERMEDIATE_EXCHANGE_SUPPORTED = 16438,
  /* draft-eronen-mobike-mopo-02, which IANA never gave numbers: private use, behind a Vendor ID (RFC 7296 3.12). */
  IKE_NOTIFY_UNACCEPTABLE_PATH = 14848,
  IKE_NOTIFY_NAT_PREVENTED = 14849,
  IKE_NOTIFY_MOPO_SUPPORTED = 49665,
  IKE_NOTIFY_ADDITIONAL_ADDRESS = 49666,
  IKE_NOTIFY_CHANGE_PATH = 49667,
  IKE_NOTIFY_MOPO_COOKIE2 = 49668,
  IKE_NOTIFY_NAT_PREVENTION = 49669,
};

typedef enum
{
  IKE_CFG_REQUEST = 1,
  IKE_CFG_REPLY = 2,
  IKE_CFG_SET = 3,
  IKE_CFG_ACK = 4,
} IkeCfgType;

enum
{
  IKE_CP_INTERNAL_IP4_ADDRESS = 1,
  IKE_CP_INTERNAL_IP4_NETMASK = 2,
  IKE_CP_INTERNAL_IP4_DNS = 3,
  IKE_CP_INTERNAL_IP4_NBNS = 4,
  IKE_CP_INTERNAL_IP4_DHCP = 6,
  IKE_CP_APPLICATION_VERSION = 7,
  IKE_CP_INTERNAL_IP6_ADDRESS = 8,
  IKE_CP_INTERNAL_IP6_DNS = 10,
  IKE_CP_INTERNAL_IP6_DHCP = 12,
  IKE_CP_INTERNAL_IP4_SUBNET = 13,
  IKE_CP_SUPPORTED_ATTRIBUTES = 14,
  IKE_CP_INTERNAL_IP6_SUBNET = 15,
  IKE_CP_INTERNAL_DNS_DOMAIN = 25,
};

enum
{
  IKE_CERT_ENCODING_X509_SIGNATURE = 4,
  IKE_CERT_ENCODING_CRL = 7,
  IKE_CERT_ENCODING_HASH_URL = 12,
  IKE_CERT_ENCODING_HASH_URL_BUNDLE = 13,
  IKE_CERT_ENCODING_OCSP = 14, /* RFC 4806 */
  IKE_CERT_ENCODING_RAW_PUBLIC_KEY = 15,
};

/* Traffic selector types (RFC 7296 3.13.1). */
enum
{
  IKE_TS_IPV4_ADDR_RANGE = 7,
  IKE_TS_IPV6_ADDR_RANGE = 8,
};

/* Header of one message; SPIs as 64-bit numbers in host order (the first octet is the top one). */
typedef struct
{
  guint64 spi_i, spi_r;
  guint8 next_payload;
  guint8 version;  /* major << 4 | minor */
  guint8 exchange; /* IkeExchangeType, or one we do not know */
  guint8 flags;    /* IKE_FLAG_* */
  guint32 message_id;
  guint32 length; /* ignored by the builders */
} IkeHeader;

/* What is wrong with a message, and what the session may do about it. */
typedef enum
{
  IKE_PARSE_OK = 0,
  IKE_PARSE_DROP,                  /* not a message, not intact, not authentic: silence (RFC 7296 2.21) */
  IKE_PARSE_INVALID_MAJOR_VERSION, /* RFC 7296 2.5 */
  IKE_PARSE_INVALID_SYNTAX,        /* SK/SKF: authentic but malformed; clear: simply malformed */
  IKE_PARSE_UNSUPPORTED_CRITICAL_PAYLOAD,
} IkeParseStatus;

typedef struct
{
  IkeParseStatus status;
  const char *reason;      /* static */
  guint8 critical_payload; /* the type, for UNSUPPORTED_CRITICAL_PAYLOAD */
} IkeParseError;

typedef struct
{
  guint16 group; /* IkeDhGroupId or unknown */
  IkeView data;
} IkePayloadKe;

typedef struct
{
  guint8 id_type; /* IkeIdType or unknown */
  IkeView data;
  IkeView body; /* type, reserved octets as received, data: what AUTH covers (RFC 7296 2.15) */
} IkePayloadId;

typedef struct
{
  guint8 encoding;
  IkeView data;
} IkePayloadCert; /* and CERTREQ: data is the list of 20-octet hashes */

typedef struct
{
  guint8 method; /* IkeAuthMethodId or unknown */
  IkeView data;
} IkePayloadAuth;

typedef struct
{
  guint8 protocol; /* as sent; meaningless when spi.length is 0 (RFC 7296 3.10) */
  guint16 notify_type;
  IkeView spi;
  IkeView data;
} IkePayloadNotify;

typedef struct
{
  guint8 protocol; /* IkeProtocolId */
  guint8 spi_size; /* 0 for IKE, 4 for ESP and AH; verified */
  guint n_spis;
  guint32 spis[IKE_MAX_DELETE_SPIS];
} IkePayloadDelete;

typedef struct
{
  guint n_selectors; /* of types 7 and 8; others are skipped (RFC 7296 2.9) */
  guint n_unknown;
  IkeSelector selectors[IKE_MAX_SELECTORS];
} IkePayloadTs;

typedef struct
{
  guint16 attribute; /* without the R bit */
  IkeView value;
} IkeCpAttribute;

typedef struct
{
  guint8 cfg_type; /* IkeCfgType or unknown */
  guint n_attributes;
  IkeCpAttribute attributes[IKE_MAX_CP_ATTRIBUTES];
} IkePayloadCp;

typedef struct
{
  guint8 code, identifier;
  guint8 eap_type; /* 0 in Success and Failure */
  IkeView packet;  /* the whole EAP packet, its Length verified */
} IkePayloadEap;

/*
 * One payload. @type is what the wire said; the member of the union follows from it. Payloads of
 * other types (unknown ones that were not critical) have @body only.
 */
typedef struct
{
  guint8 type;
  gboolean critical;
  IkeView body; /* after the generic header */
  union
  {
    IkeProposals *sa; /* owned by the message */
    IkePayloadKe ke;
    IkePayloadId id;
    IkePayloadCert cert;
    IkePayloadCert certreq;
    IkePayloadAuth auth;
    IkePayloadNotify notify;
    IkePayloadDelete *delete; /* owned by the message */
    IkePayloadTs *ts;         /* owned by the message */
    IkePayloadCp *cp;         /* owned by the message */
    IkePayloadEap eap;
  };
} IkePayload; /* NONCE (16..256 octets, verified) and VENDOR_ID: body */

typedef struct
{
  guint more_references; /* beside that of whoever parsed it */
  IkeHeader header;
  gboolean protected; /* came in SK or SKF with a valid ICV */
  gboolean fragmented;
  GBytes *octets;   /* the message as received, from SPIi; for signed octets. NULL after reassembly */
  GBytes *inner;    /* decrypted inner payloads, or NULL */
  guint n_payloads; /* the inner ones when protected, else all */
  IkePayload *payloads;
} IkeMessage;

/* --- receiving --- */

/*
 * Reads the header and checks Length against @length (RFC 7296 3.1). FALSE with @ret_error filled:
 * DROP, or INVALID_MAJOR_VERSION in which case @ret_header is filled too so that an answer can be
 * built. The minor version, V and reserved flag bits are not looked at.
 */
gboolean ike_header_parse (const guint8 *data, gsize length, IkeHeader *ret_header, IkeParseError *ret_error);
/*
 * All payloads of a message without SK. A message that holds an SK or SKF payload is DROPped. NULL
 * with @ret_error. Caller frees.
 */
IkeMessage *ike_message_parse_clear (const guint8 *data, gsize length, IkeParseError *ret_error);
/*
 * Verifies the ICV of the SK payload with @cipher (constant time, before decryption), decrypts and
 * parses the inner payloads. Payloads before SK are authenticated too but not reported. A message
 * without SK, or with a wrong ICV: DROP. Errors after a valid ICV: INVALID_SYNTAX or
 * UNSUPPORTED_CRITICAL_PAYLOAD. Caller frees.
 */
IkeMessage *ike_message_open (const guint8 *data, gsize length, const IkeCipher *cipher, IkeParseError *ret_error);
/* Frees with the last reference. */
void ike_message_free (IkeMessage *message);
IkeMessage *ike_message_ref (const IkeMessage *message);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (IkeMessage, ike_message_free)

/* The type of the payload that protects the message (SK, SKF) or 0; FALSE if payloads are malformed. */
gboolean ike_message_peek_protection (const guint8 *data, gsize length, guint8 *ret_type);
/* Fragment number and total of a message with SKF, unverified: for RFC 7383 2.6.1 (number 1 of a repeated request). */
gboolean ike_message_peek_fragment (const guint8 *data, gsize length, guint16 *ret_number, guint16 *ret_total);

/* First payload of @type, or NULL. */
const IkePayload *ike_message_find (const IkeMessage *message, guint8 type);
/* First payload of @type after @previous (NULL: from the start), or NULL. */
const IkePayload *ike_message_find_next (const IkeMessage *message, guint8 type, const IkePayload *previous);
/* First notify of @notify_type, or NULL. */
const IkePayloadNotify *ike_message_find_notify (const IkeMessage *message, guint16 notify_type);
/* First notify of an error type (0..16383), or NULL. */
const IkePayloadNotify *ike_message_find_error (const IkeMessage *message);
guint ike_message_count (const IkeMessage *message, guint8 type);
/* "NO_PROPOSAL_CHOSEN" ..., static; "unknown notify" otherwise. */
const char *ike_notify_to_string (guint16 notify_type);
/* "IKE_SA_INIT" ..., static. */
const char *ike_exchange_to_string (guint8 exchange);

/* --- reassembly (RFC 7383 2.6) --- */

/* Fragments of one message of one direction; ask for another Message ID and the older one is forgotten. */
typedef struct _IkeReassembly IkeReassembly;

typedef enum
{
  IKE_FRAGMENT_DISCARDED, /* @ret_error says why; nothing changed */
  IKE_FRAGMENT_STORED,    /* authentic, not yet complete */
  IKE_FRAGMENT_COMPLETE,  /* @ret_message is the message; the object is empty again */
  IKE_FRAGMENT_FAILED,    /* complete but malformed or too large: @ret_error; the object is empty again */
} IkeFragmentResult;

/* Fragments live that long after the first one came. */
#define IKE_REASSEMBLY_TIMEOUT_US (30 * ROAM_USEC_PER_SEC)

IkeReassembly *ike_reassembly_new (void);
void ike_reassembly_free (IkeReassembly *reassembly);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (IkeReassembly, ike_reassembly_free)
/* One datagram with SKF, verified by itself before it is stored. @now_us: boot time. */
IkeFragmentResult ike_reassembly_add (IkeReassembly *reassembly, gint64 now_us, const guint8 *data, gsize length,
                                      const IkeCipher *cipher, IkeMessage **ret_message, IkeParseError *ret_error);
/* Forgets everything. */
void ike_reassembly_reset (IkeReassembly *reassembly);
/* When the fragments held must be forgotten (caller: reset); ROAM_NEVER when there are none. */
gint64 ike_reassembly_deadline (const IkeReassembly *reassembly);

/* --- sending --- */

/* A chain of payloads being written. */
typedef struct _IkePayloads IkePayloads;

IkePayloads *ike_payloads_new (void);
void ike_payloads_free (IkePayloads *payloads);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (IkePayloads, ike_payloads_free)
/* Octets written so far. */
gsize ike_payloads_length (const IkePayloads *payloads);

/* One payload that stands before SK or SKF, not encrypted but authenticated (RFC 8019 7.2.2); in fragment 1 only. */
void ike_payloads_set_clear (IkePayloads *payloads, guint8 type, GBytes *body);
/* Any payload from its body. */
void ike_payloads_add_raw (IkePayloads *payloads, guint8 type, const guint8 *body, gsize length);
/* Numbers, SPIs and order as they stand in @proposals. */
void ike_payloads_add_sa (IkePayloads *payloads, const IkeProposals *proposals);
void ike_payloads_add_ke (IkePayloads *payloads, guint16 group, const guint8 *data, gsize length);
/* @type: IDI or IDR. */
void ike_payloads_add_id (IkePayloads *payloads, guint8 type, const IkeIdentity *identity);
void ike_payloads_add_cert (IkePayloads *payloads, guint8 encoding, const guint8 *data, gsize length);
void ike_payloads_add_certreq (IkePayloads *payloads, guint8 encoding, const guint8 *hashes, gsize length);
void ike_payloads_add_auth (IkePayloads *payloads, guint8 method, const guint8 *data, gsize length);
void ike_payloads_add_nonce (IkePayloads *payloads, const guint8 *nonce, gsize length);
/* Protocol ID 0, no SPI. @data may be NULL with @length 0. */
void ike_payloads_add_notify (IkePayloads *payloads, guint16 notify_type, const guint8 *data, gsize length);
/* REKEY_SA, CHILD_SA_NOT_FOUND, INVALID_SELECTORS: with a 4-octet SPI. */
void ike_payloads_add_notify_spi (IkePayloads *payloads, guint16 notify_type, IkeProtocolId protocol, guint32 spi,
                                  const guint8 *data, gsize length);
/* With Protocol ID but no SPI (MOPO). */
void ike_payloads_add_notify_protocol (IkePayloads *payloads, guint16 notify_type, IkeProtocolId protocol,
                                       const guint8 *data, gsize length);
/* Data of one or several 16-bit numbers (INVALID_KE_PAYLOAD, SIGNATURE_HASH_ALGORITHMS). */
void ike_payloads_add_notify_u16s (IkePayloads *payloads, guint16 notify_type, const guint16 *values, guint n);
/* ADDITIONAL_IP4_ADDRESS / ADDITIONAL_IP6_ADDRESS and similar: the address is the data. */
void ike_payloads_add_notify_addr (IkePayloads *payloads, guint16 notify_type, const RoamAddr *addr);
void ike_payloads_add_delete_ike (IkePayloads *payloads);
/* ESP; @n >= 1. */
void ike_payloads_add_delete_esp (IkePayloads *payloads, const guint32 *spis, guint n);
void ike_payloads_add_vendor_id (IkePayloads *payloads, const guint8 *data, gsize length);
/* @type: TSI or TSR. 1..64 selectors. */
void ike_payloads_add_ts (IkePayloads *payloads, guint8 type, const IkeSelector *selectors, guint n);
void ike_payloads_add_cp (IkePayloads *payloads, IkeCfgType cfg_type, const IkeCpAttribute *attributes, guint n);
void ike_payloads_add_eap (IkePayloads *payloads, const guint8 *packet, gsize length);

/* The whole range of @family, any protocol, any port. */
IkeSelector ike_selector_any (RoamFamily family);
/* A selector of one address, any protocol, any port. */
IkeSelector ike_selector_host (const RoamAddr *addr);
/* @inner is a subset of @outer (addresses, ports, protocol). */
gboolean ike_selector_contains (const IkeSelector *outer, const IkeSelector *inner);
/* Any protocol and port, and @addr lies in it. */
gboolean ike_selector_covers_host (const IkeSelector *selector, const RoamAddr *addr);

/*
 * The message in one datagram; @header gives SPIs, exchange, flags, Message ID (version is always
 * written as 2.0, next payload and length are computed). The payloads are not consumed: a COOKIE or
 * a refragmentation may use them again. NULL when the message would be longer than IKE_MAX_MESSAGE.
 */
GBytes *ike_message_build_clear (const IkeHeader *header, const IkePayloads *payloads);
/* SK with a fresh IV of @cipher (counter for AEAD, @rng for CBC). No padding beyond the necessary. */
GBytes *ike_message_build_protected (const IkeHeader *header, const IkePayloads *payloads, IkeCipher *cipher,
                                     RoamRng *rng);
/*
 * SKF messages of at most @max_length octets each (>= IKE_MIN_FRAGMENT; without marker, UDP, IP), or
 * the one SK message if that fits. Elements are GBytes. NULL when more than IKE_MAX_FRAGMENTS would
 * be needed. Never for IKE_SA_INIT (RFC 7383 2.4).
 */
GPtrArray *ike_message_build_fragments (const IkeHeader *header, const IkePayloads *payloads, IkeCipher *cipher,
                                        RoamRng *rng, gsize max_length);

/* Largest IKE message without its marker that an IP packet of @mtu octets carries in UDP; with @marker. */
gsize ike_message_room (guint mtu, RoamFamily family, gboolean marker);
