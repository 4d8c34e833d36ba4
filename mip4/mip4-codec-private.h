/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "base/wire.h"
#include "mip4/mip4.h"

/*
 * Wire formats of Mobile IPv4: the UDP/434 messages and their extensions (RFC 5944, 3519, 3024, 2794,
 * 3115, 3543, 4433, 4721, 4917, 5265, 5446). Decoding borrows the datagram and keeps no state.
 */

typedef enum
{
  MIP4_MESSAGE_REQUEST = 1,        /* Registration Request, RFC 5944 3.3 */
  MIP4_MESSAGE_REPLY = 3,          /* Registration Reply, RFC 5944 3.4 */
  MIP4_MESSAGE_TUNNEL_DATA = 4,    /* RFC 3519 3.3 */
  MIP4_MESSAGE_REVOCATION = 7,     /* RFC 3543 3.3 */
  MIP4_MESSAGE_REVOCATION_ACK = 15 /* RFC 3543 3.4 */
} Mip4MessageType;

/* Flags of a Registration Request, RFC 5944 3.3 and RFC 3024 3.2. */
#define MIP4_FLAG_SIMULTANEOUS 0x80u   /* S */
#define MIP4_FLAG_BROADCAST 0x40u      /* B */
#define MIP4_FLAG_DECAPSULATION 0x20u  /* D: the mobile node decapsulates itself */
#define MIP4_FLAG_MINIMAL 0x10u        /* M */
#define MIP4_FLAG_GRE 0x08u            /* G */
#define MIP4_FLAG_REVERSE_TUNNEL 0x02u /* T */
#define MIP4_FLAGS_RESERVED 0x05u      /* r and x: sent as zero, ignored on receipt (D-12) */

/* Extension types of UDP/434 messages; those of ICMP are a number space of their own (RFC 5944 1.8). */
enum
{
  MIP4_EXT_PADDING = 0,
  MIP4_EXT_MOBILE_HOME_AUTH = 32,
  MIP4_EXT_MOBILE_FOREIGN_AUTH = 33,
  MIP4_EXT_FOREIGN_HOME_AUTH = 34,
  MIP4_EXT_GENERALIZED_AUTH = 36,
  MIP4_EXT_CVSE = 38,
  MIP4_EXT_UDP_TUNNEL_REPLY = 44,
  MIP4_EXT_FA_ERROR = 45,
  MIP4_EXT_FIRST_SKIPPABLE = 128,
  MIP4_EXT_ENCAPSULATING_DELIVERY = 130,
  MIP4_EXT_NAI = 131,
  MIP4_EXT_CHALLENGE = 132,
  MIP4_EXT_NVSE = 134,
  MIP4_EXT_REVOCATION_SUPPORT = 137,
  MIP4_EXT_DYNAMIC_HA = 139,
  MIP4_EXT_UDP_TUNNEL_REQUEST = 144,
  MIP4_EXT_MESSAGE_STRING = 145,
  MIP4_EXT_TNC = 149,
  MIP4_EXT_SERVICE_SELECTION = 151,
};

/* Reply codes that something here decides by (RFC 5944 3.4 and the RFCs above). */
enum
{
  MIP4_CODE_ACCEPTED = 0,
  MIP4_CODE_ACCEPTED_NO_SIMULTANEOUS = 1,
  MIP4_CODE_FA_MN_AUTH = 67,
  MIP4_CODE_FA_LIFETIME = 69,
  MIP4_CODE_FA_POORLY_FORMED = 70,
  MIP4_CODE_FA_REVERSE_TUNNEL_UNAVAILABLE = 74,
  MIP4_CODE_FA_REVERSE_TUNNEL_MANDATORY = 75,
  MIP4_CODE_FA_CARE_OF_ADDRESS = 77,
  MIP4_CODE_FA_DELIVERY_STYLE = 79,
  MIP4_CODE_FA_NONZERO_HA = 90,
  MIP4_CODE_FA_NONZERO_HOME_ADDRESS = 96,
  MIP4_CODE_FA_UNKNOWN_CHALLENGE = 104,
  MIP4_CODE_FA_MISSING_CHALLENGE = 105,
  MIP4_CODE_FA_STALE_CHALLENGE = 106,
  MIP4_CODE_HA_PROHIBITED = 129,
  MIP4_CODE_HA_RESOURCES = 130,
  MIP4_CODE_HA_MN_AUTH = 131,
  MIP4_CODE_HA_FA_AUTH = 132,
  MIP4_CODE_HA_IDENTIFICATION = 133,
  MIP4_CODE_HA_POORLY_FORMED = 134,
  MIP4_CODE_HA_TOO_MANY_BINDINGS = 135,
  MIP4_CODE_HA_UNKNOWN_HA = 136,
  MIP4_CODE_HA_REVERSE_TUNNEL_UNAVAILABLE = 137,
  MIP4_CODE_HA_REVERSE_TUNNEL_MANDATORY = 138,
  MIP4_CODE_HA_ENCAPSULATION = 139,
  MIP4_CODE_HA_CVSE_FROM_MN = 140,
  MIP4_CODE_HA_CVSE_FROM_FA = 141,
  MIP4_CODE_HA_UDP_ENCAPSULATION = 142,
  MIP4_CODE_HA_REDIRECT = 143,
  MIP4_CODE_HA_SERVICE = 151,
};

#define MIP4_LIFETIME_INFINITE 0xffffu
#define MIP4_UDP_ENCAPSULATION_BY_FLAGS 0u /* RFC 3519 3.1.4: as the M and G bits say */
#define MIP4_UDP_ENCAPSULATION_IP 4u
#define MIP4_UDP_ASSENT_LIMIT 64u /* reply codes below assent, RFC 3519 3.2.1 */
/* SPIs up to 255 are reserved, RFC 5944 1.6. */
#define MIP4_SPI_MIN 256u
/* Octets of the longest authenticator (HMAC-SHA-256). */
#define MIP4_AUTHENTICATOR_MAX 32u
/* Our longest message: 24 + NAI 257 + service 257 + 144 + 137 + 139 + MHAE 38 + challenge 66 + 36 + MFAE 38. */
#define MIP4_MESSAGE_MAX 768u

/* Why a received message is dropped; the order is that of the checks. */
typedef enum
{
  MIP4_DISCARD_NONE,
  MIP4_DISCARD_TYPE,
  MIP4_DISCARD_SHORT,
  MIP4_DISCARD_UNTRUSTED_SOURCE,
  MIP4_DISCARD_WRONG_SOURCE,
  MIP4_DISCARD_WRONG_ADDRESS,
  MIP4_DISCARD_WRONG_PATH,
  MIP4_DISCARD_NO_RECORD,
  MIP4_DISCARD_EXTENSION_OVERRUN,
  MIP4_DISCARD_EXTENSION_UNKNOWN,
  MIP4_DISCARD_EXTENSION_MALFORMED,
  MIP4_DISCARD_FOREIGN_AGENT,
  MIP4_DISCARD_NO_ASSOCIATION,
  MIP4_DISCARD_NO_MHAE,
  MIP4_DISCARD_TWO_MHAE,
  MIP4_DISCARD_SPI,
  MIP4_DISCARD_AUTHENTICATOR,
  MIP4_DISCARD_AUTHENTICATOR_131,
  MIP4_DISCARD_MFAE_COUNT,
  MIP4_DISCARD_MFAE,
  MIP4_DISCARD_MFAE_67,
  MIP4_DISCARD_HOME_ADDRESS,
  MIP4_DISCARD_HOME_AGENT,
  MIP4_DISCARD_LATE_DENIAL,
  MIP4_DISCARD_REVOCATION_AUTHENTICATOR,
  MIP4_DISCARD_REVOCATION_DIRECTION,
  MIP4_DISCARD_REVOCATION_BINDING,
  MIP4_DISCARD_REVOCATION_REPLAYED,
  MIP4_DISCARD_REVOCATION_RATE,
  MIP4_DISCARD_REVOCATION_ACK,
  MIP4_DISCARD_KEEPALIVE,
  MIP4_DISCARD_FHAE,
  MIP4_DISCARD_CHALLENGE,
  MIP4_DISCARD_REVOCATION_SUPPORT,
  MIP4_N_DISCARDS,
} Mip4Discard;

/* "discarded-bad-authenticator"; static. */
const char *mip4_discard_counter (Mip4Discard why);
/* A sentence in the RFC's words; static. */
const char *mip4_discard_sentence (Mip4Discard why);

/* Borrowed octets of the datagram; data NULL: absent. */
typedef struct
{
  const guint8 *data;
  gsize length;
} Mip4Slice;

/* The first authentication extension of its type, and how many of that type there are. */
typedef struct
{
  guint count;
  guint32 spi;
  Mip4Slice authenticator;
  gsize covered; /* octets of the message the digest is made over, this extension's SPI included (RFC 5944 3.5.1) */
} Mip4AuthExtension;

typedef struct
{
  gboolean present, forced /* F */, via_foreign_agent /* R */, reserved3;
  guint8 encapsulation;
} Mip4UdpTunnelRequest;

typedef struct
{
  gboolean present, forced;
  guint8 code;
  guint16 keepalive_s;
} Mip4UdpTunnelReply;

typedef struct
{
  gboolean tnc;
  Mip4UdpTunnelRequest udp_request;
  Mip4UdpTunnelReply udp_reply;
  Mip4Slice nai, service, challenge, message;
  guint8 message_subtype; /* 1: home agent, 2: foreign agent (RFC 4917 3) */
  gboolean encapsulating_delivery;
  gboolean revocation, revocation_inform /* I */;
  guint32 revocation_timestamp;
  guint8 dynamic_ha_subtype; /* 0: absent, 1: Requested HA, 2: Redirected HA (RFC 4433 3.4) */
  RoamAddr dynamic_ha;
  guint n_nvse;
  guint n_cvse; /* all are unknown: roamd implements no vendor's */
  gboolean fa_error;
  guint8 fa_error_status;
} Mip4Extensions;

/* A decoded message; borrows the datagram. Fields that a type lacks are zero. */
typedef struct
{
  const guint8 *data;
  gsize length;
  Mip4MessageType type;
  gsize extensions_at; /* offset of the first extension */
  guint8 flags, code;  /* request; reply */
  guint16 lifetime;    /* seconds; 0xffff infinite */
  RoamAddr home_address;
  RoamAddr home_agent;      /* revocation: Home Domain Address */
  RoamAddr care_of_address; /* request; revocation: Foreign Domain Address */
  guint64 identification;
  guint8 next_header;       /* tunnel data */
  Mip4Slice payload;        /* tunnel data: the inner packet */
  gboolean from_home_agent; /* revocation: A */
  gboolean inform;          /* revocation and acknowledgment: I */
  guint32 revocation_id;
  Mip4AuthExtension mhae, mfae, fhae, mn_aaa;
  Mip4Extensions covered;   /* those before the first MHAE; authentic only when mip4_verify_mhae() says so */
  Mip4Extensions uncovered; /* those after it: never influence home agent related state (RFC 5944 3.8.3.3) */
} Mip4Message;

/* The fixed part alone (type, length, fields): enough to find the record. @ret_message is written on success only. */
Mip4Discard mip4_parse_fixed (const guint8 *data, gsize length, Mip4Message *ret_message);
/* Walks the extensions of a message from mip4_parse_fixed(); on failure the extension fields are undefined. */
Mip4Discard mip4_parse_extensions (Mip4Message *message);
/* Both steps. */
Mip4Discard mip4_parse (const guint8 *data, gsize length, Mip4Message *ret_message);

typedef enum
{
  MIP4_CODE_CLASS_ACCEPTED,
  MIP4_CODE_CLASS_HOME_AGENT,    /* denial, needs a valid MHAE */
  MIP4_CODE_CLASS_FOREIGN_AGENT, /* denial that no home agent authenticated */
} Mip4CodeClass;

/* RFC 5944 6.4; codes not assigned: decision D-09. */
Mip4CodeClass mip4_code_class (guint8 code);
/* The code's name in words; static, never NULL. */
const char *mip4_code_to_string (guint8 code);

/* Length of @algorithm's authenticator in octets. */
gsize mip4_authenticator_length (Mip4AuthAlgorithm algorithm);
/* Writes mip4_authenticator_length() octets: the digest of @data with @association's key. */
void mip4_authenticate (const Mip4SecurityAssociation *association, const guint8 *data, gsize length,
                        guint8 out[MIP4_AUTHENTICATOR_MAX]);
/* SPI, length and digest of one authentication extension; constant time in the digest. */
Mip4Discard mip4_verify_auth (const Mip4Message *message, const Mip4AuthExtension *extension,
                              const Mip4SecurityAssociation *association);
/* Exactly one MHAE, and that valid (RFC 5944 3.6.2.1, 3.8.2.1). */
Mip4Discard mip4_verify_mhae (const Mip4Message *message, const Mip4SecurityAssociation *association);

void mip4_write_request (WireWriter *writer, guint8 flags, guint16 lifetime, const RoamAddr *home_address,
                         const RoamAddr *home_agent, const RoamAddr *care_of_address, guint64 identification);
void mip4_write_reply (WireWriter *writer, guint8 code, guint16 lifetime, const RoamAddr *home_address,
                       const RoamAddr *home_agent, guint64 identification);
/* @length at most 255. */
void mip4_write_tlv (WireWriter *writer, guint8 type, const guint8 *data, gsize length);
void mip4_write_udp_tunnel_request (WireWriter *writer, gboolean forced, guint8 encapsulation);
/* Sent as it says but for present and reserved3. */
void mip4_write_udp_tunnel_request_of (WireWriter *writer, const Mip4UdpTunnelRequest *request);
void mip4_write_udp_tunnel_reply (WireWriter *writer, guint8 code, gboolean forced, guint16 keepalive_s);
void mip4_write_tnc (WireWriter *writer);
/* Extension 137, RFC 3543 3.2. */
void mip4_write_revocation_support (WireWriter *writer, gboolean inform, guint32 timestamp);
/* Extension 139, RFC 4433 3.4; @subtype 1 or 2; @is_short: with Length before Sub-Type (D-15). */
void mip4_write_dynamic_ha (WireWriter *writer, guint8 subtype, const RoamAddr *home_agent, gboolean is_short);
/* The fixed part of message 7 from a home agent (A), RFC 3543 3.3. */
void mip4_write_revocation (WireWriter *writer, gboolean inform, const RoamAddr *home_address,
                            const RoamAddr *home_agent, const RoamAddr *care_of_address, guint32 revocation_id);
/* The fixed part of message 15, RFC 3543 3.4. */
void mip4_write_revocation_ack (WireWriter *writer, gboolean inform, const RoamAddr *home_address,
                                guint32 revocation_id);
/* Extension 36 of subtype 1 (MN-AAA) over everything written so far, RFC 4721 5 and 6. */
void mip4_write_generalized_auth (WireWriter *writer, const Mip4SecurityAssociation *association);
/* Appends an authentication extension (32, 33 or 34) over everything written so far. */
void mip4_write_auth (WireWriter *writer, guint8 type, const Mip4SecurityAssociation *association);

/* a > b in serial-number arithmetic modulo 2^64: survives the NTP era change of 2036 (D-28). */
gboolean mip4_identification_after (guint64 a, guint64 b);
