/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "base/addr.h"
#include "base/wire.h"

#include <glib.h>

/*
 * The codec of DHCPv6 leasequery over TCP (RFC 5460, RFC 5007, RFC 8415). Pure. Decoding borrows the
 * octets and allocates nothing; a decoder that reports a fault leaves its output untouched.
 */

#define DHCP6_PORT_SERVER 547
/* Octets of a message behind its two size octets (RFC 5460 5.1). */
#define DHCP6_MESSAGE_MIN 4u
#define DHCP6_MESSAGE_MAX 65535u
#define DHCP6_TRANSACTION_ID_MAX 0xffffffu
/* Octets of a DUID: type and identifier (RFC 8415 11.1). */
#define DHCP6_DUID_MIN 3u
#define DHCP6_DUID_MAX 130u
#define DHCP6_LIFETIME_INFINITE 0xffffffffu
/* Seconds from the Unix epoch to 2000-01-01 UTC, where LQ_BASE_TIME counts from (RFC 7653 6.3.1). */
#define DHCP6_EPOCH_2000 946684800
/* Relays that a LQ_RELAY_DATA may be nested (hop count limit of RFC 3315; RFC 8415 7.6 has 8). */
#define DHCP6_MAX_HOPS 32u

enum
{
  DHCP6_REPLY = 7,
  DHCP6_RELAY_FORW = 12,
  DHCP6_LEASEQUERY = 14,
  DHCP6_LEASEQUERY_REPLY = 15,
  DHCP6_LEASEQUERY_DONE = 16, /* unless Dhcp6CodePoints says otherwise */
  DHCP6_LEASEQUERY_DATA = 17, /* likewise */
  DHCP6_ACTIVELEASEQUERY = 22,
  DHCP6_STARTTLS = 23,
};

enum
{
  DHCP6_OPTION_CLIENTID = 1,
  DHCP6_OPTION_SERVERID = 2,
  DHCP6_OPTION_IA_NA = 3,
  DHCP6_OPTION_IA_TA = 4,
  DHCP6_OPTION_IAADDR = 5,
  DHCP6_OPTION_ORO = 6,
  DHCP6_OPTION_PREFERENCE = 7,
  DHCP6_OPTION_ELAPSED_TIME = 8,
  DHCP6_OPTION_RELAY_MSG = 9,
  DHCP6_OPTION_AUTH = 11,
  DHCP6_OPTION_UNICAST = 12,
  DHCP6_OPTION_STATUS_CODE = 13,
  DHCP6_OPTION_RAPID_COMMIT = 14,
  DHCP6_OPTION_INTERFACE_ID = 18,
  DHCP6_OPTION_RECONF_MSG = 19,
  DHCP6_OPTION_RECONF_ACCEPT = 20,
  DHCP6_OPTION_IA_PD = 25,
  DHCP6_OPTION_IAPREFIX = 26,
  DHCP6_OPTION_REMOTE_ID = 37,
  DHCP6_OPTION_LQ_QUERY = 44,
  DHCP6_OPTION_CLIENT_DATA = 45,
  DHCP6_OPTION_CLT_TIME = 46,
  DHCP6_OPTION_LQ_RELAY_DATA = 47,
  DHCP6_OPTION_LQ_CLIENT_LINK = 48,
  DHCP6_OPTION_RELAY_ID = 53, /* unless Dhcp6CodePoints says otherwise */
  DHCP6_OPTION_LQ_BASE_TIME = 100,
  DHCP6_OPTION_LQ_START_TIME = 101,
  DHCP6_OPTION_LQ_END_TIME = 102,
};

typedef enum
{
  DHCP6_QUERY_BY_ADDRESS = 1,
  DHCP6_QUERY_BY_CLIENTID = 2,
  DHCP6_QUERY_BY_RELAY_ID = 3,
  DHCP6_QUERY_BY_LINK_ADDRESS = 4,
  DHCP6_QUERY_BY_REMOTE_ID = 5,
} Dhcp6QueryType;

enum
{
  DHCP6_STATUS_SUCCESS = 0,
  DHCP6_STATUS_UNSPEC_FAIL = 1,
  DHCP6_STATUS_UNKNOWN_QUERY_TYPE = 7,
  DHCP6_STATUS_MALFORMED_QUERY = 8,
  DHCP6_STATUS_NOT_CONFIGURED = 9,
  DHCP6_STATUS_NOT_ALLOWED = 10,
  DHCP6_STATUS_QUERY_TERMINATED = 11,
  DHCP6_STATUS_DATA_MISSING = 12,
  DHCP6_STATUS_CATCH_UP_COMPLETE = 13,
  DHCP6_STATUS_NOT_SUPPORTED = 14,
  DHCP6_STATUS_TLS_CONNECTION_REFUSED = 15,
};

/* Numbers that the first draft left open; RFC 5460's by default (section 6 of the requirements). */
typedef struct
{
  guint8 type_done, type_data;
  guint16 option_relay_id;
} Dhcp6CodePoints;

void dhcp6_code_points_init (Dhcp6CodePoints *points);
/* FALSE when one clashes with another number in use; @ret_problem (static) says which. */
gboolean dhcp6_code_points_check (const Dhcp6CodePoints *points, const char **ret_problem);

typedef enum
{
  DHCP6_OK,
  DHCP6_SHORT_FRAME,       /* fewer than 4 octets: no header; ends the stream */
  DHCP6_OVERSIZE_FRAME,    /* above the reader's cap; ends the stream */
  DHCP6_BAD_OPTION_LENGTH, /* runs past its container, is cut, or has an impossible length */
  DHCP6_BAD_OPTION_VALUE,  /* prefix length above 128 */
  DHCP6_BAD_DUID,          /* not 3..130 octets */
} Dhcp6Fault;

/* "BAD_OPTION_LENGTH"; static. */
const char *dhcp6_fault_to_string (Dhcp6Fault fault);

/* Borrowed octets; data NULL: absent. */
typedef struct
{
  const guint8 *data;
  gsize length;
} Dhcp6Slice;

gboolean dhcp6_slice_equal (Dhcp6Slice a, Dhcp6Slice b);

/* ------------------------------------------------------------------ frames ---- */

/*
 * Takes a TCP stream apart (RFC 5460 5.1). What is waiting never exceeds one frame of 2 + @cap octets.
 * Complete frames that lie whole in the octets given are not copied.
 */
typedef struct
{
  guint8 *partial; /* of a frame that is not whole; owned, NULL: none begun */
  gsize n_partial, size_partial;
  gsize cap;        /* largest message taken, 4..65535 */
  Dhcp6Fault fault; /* for good */
} Dhcp6FrameReader;

void dhcp6_frame_reader_init (Dhcp6FrameReader *reader, gsize cap);
void dhcp6_frame_reader_clear (Dhcp6FrameReader *reader);
/*
 * Takes octets from *@data until one message is whole; advances *@data and *@length past what it
 * took. TRUE: @ret_message, borrowed from the octets given or from the reader until the next call.
 * FALSE: all was taken and more is needed, or reader->fault says why the stream is at its end.
 */
gboolean dhcp6_frame_reader_next (Dhcp6FrameReader *reader, const guint8 **data, gsize *length,
                                  Dhcp6Slice *ret_message);
/* Octets of a frame begun wait for the rest. */
gboolean dhcp6_frame_reader_is_partial (const Dhcp6FrameReader *reader);

/* ----------------------------------------------------------------- options ---- */

typedef struct
{
  guint16 code;
  Dhcp6Slice data;
} Dhcp6Option;

/* Walks a run of options in their order, unknown ones included (RFC 8415 21.1). */
typedef struct
{
  WireReader reader;
} Dhcp6OptionIter;

void dhcp6_option_iter_init (Dhcp6OptionIter *iter, Dhcp6Slice options);
/* FALSE at the end; then dhcp6_option_iter_failed() tells whether something was cut. */
gboolean dhcp6_option_iter_next (Dhcp6OptionIter *iter, Dhcp6Option *ret_option);
gboolean dhcp6_option_iter_failed (const Dhcp6OptionIter *iter);

/* ---------------------------------------------------------------- messages ---- */

/* A message with its top-level options; slices borrow it. Of an option that is there twice the first counts. */
typedef struct
{
  guint8 type;
  guint32 transaction_id;
  Dhcp6Slice options;              /* all of them, in order */
  Dhcp6Slice client_id, server_id; /* DUIDs as they came: dhcp6_duid_is_valid() judges */
  guint n_lq_query, n_client_data;
  Dhcp6Slice lq_query, client_data; /* the first; more by iterating over options */
  Dhcp6Slice relay_data;            /* LQ_RELAY_DATA beside CLIENT_DATA (Kea over UDP) */
  gboolean client_link;             /* LQ_CLIENT_LINK is there: may not be over TCP */
  gboolean has_status;
  guint16 status; /* Success when there is none (RFC 5007 4.3.3) */
  Dhcp6Slice status_text;
  gboolean has_base_time, has_start_time, has_end_time;
  guint32 base_time, start_time, end_time; /* seconds since 2000-01-01 UTC, modulo 2^32 */
  Dhcp6Slice oro;                          /* of the message itself, not that of LQ_QUERY */
} Dhcp6Message;

/*
 * SHORT_FRAME and BAD_OPTION_LENGTH only. With BAD_OPTION_LENGTH @ret_header (nullable) still holds
 * type, transaction_id and what was read before the fault: a server may answer with it.
 */
Dhcp6Fault dhcp6_parse_message (const guint8 *data, gsize length, Dhcp6Message *ret_message, Dhcp6Message *ret_header);

gboolean dhcp6_duid_is_valid (Dhcp6Slice duid);

/* The contents of LQ_QUERY (RFC 5007 4.1.2.1). */
typedef struct
{
  guint8 type; /* as it came; known ones are Dhcp6QueryType */
  RoamAddr link_address;
  guint n_address, n_client_id, n_relay_id, n_remote_id; /* how often each is there */
  RoamAddr address;
  Dhcp6Slice client_id, relay_id, remote_id; /* the first; remote_id with its enterprise number */
  Dhcp6Slice oro;                            /* option codes, two octets each */
} Dhcp6Query;

/* Options that @type does not need are not judged (LQ-SRV-027). BAD_OPTION_LENGTH, BAD_DUID. */
Dhcp6Fault dhcp6_parse_query (const Dhcp6CodePoints *points, Dhcp6Slice lq_query, Dhcp6Query *ret_query);
gboolean dhcp6_query_wants (const Dhcp6Query *query, guint16 option);

/* The contents of CLIENT_DATA, its bindings aside (RFC 5007 4.1.2.2). */
typedef struct
{
  Dhcp6Slice options;   /* all of them, in order */
  Dhcp6Slice client_id; /* data NULL: absent */
  gboolean has_clt_time;
  guint32 clt_time;      /* seconds since the server last spoke with the client */
  Dhcp6Slice relay_data; /* LQ_RELAY_DATA */
  Dhcp6Slice relay_id, remote_id;
  guint n_bindings; /* IAADDR and IAPREFIX, those inside IA_NA and IA_PD too */
} Dhcp6ClientData;

/* BAD_OPTION_LENGTH, BAD_DUID: the whole CLIENT_DATA is worth nothing. A bad prefix length is the binding's affair. */
Dhcp6Fault dhcp6_parse_client_data (const Dhcp6CodePoints *points, Dhcp6Slice data, Dhcp6ClientData *ret_client);

typedef struct
{
  gboolean is_prefix;
  RoamAddr address;         /* of a prefix: as it came, bits past the length included */
  guint8 prefix_length;     /* 128 for an address */
  guint32 preferred, valid; /* seconds left; 0xffffffff: infinity */
  gboolean has_iaid;        /* it stood inside an IA_NA or IA_PD (LQ-COD-014) */
  guint32 iaid;
  Dhcp6Slice options;
} Dhcp6Binding;

typedef struct
{
  Dhcp6OptionIter outer, inner;
  gboolean in_ia;
  guint32 iaid;
} Dhcp6BindingIter;

/* @client must come from dhcp6_parse_client_data(). */
void dhcp6_binding_iter_init (Dhcp6BindingIter *iter, const Dhcp6ClientData *client);
/* @ret_fault: DHCP6_OK or BAD_OPTION_VALUE (the binding is to be left out). FALSE at the end. */
gboolean dhcp6_binding_iter_next (Dhcp6BindingIter *iter, Dhcp6Binding *ret_binding, Dhcp6Fault *ret_fault);
/* Same kind, same address (of a prefix: its first prefix_length bits, and the length). */
gboolean dhcp6_binding_same (const Dhcp6Binding *a, const Dhcp6Binding *b);

/* One hop of LQ_RELAY_DATA; the first is the relay nearest to the server. */
typedef struct
{
  guint8 hop_count;
  RoamAddr peer_address; /* outermost: that of the option; inner ones: of the RELAY-FORW around them */
  RoamAddr link_address, forwarded_peer;
  Dhcp6Slice relay_id, remote_id, interface_id;
  Dhcp6Slice options;
} Dhcp6Relay;

/*
 * Walks LQ_RELAY_DATA inward (RFC 5007 4.1.2.4). At most @n_relays are written; *@ret_n says how many
 * there are. BAD_OPTION_LENGTH also for what is no RELAY-FORW and for more than DHCP6_MAX_HOPS.
 */
Dhcp6Fault dhcp6_parse_relay_data (const Dhcp6CodePoints *points, Dhcp6Slice data, Dhcp6Relay *relays, guint n_relays,
                                   guint *ret_n);

/* ----------------------------------------------------------------- writing ---- */

/*
 * Frames are appended to a WireWriter; begin returns a mark for end, which writes the size. What does
 * not fit its size field makes the writer fail for good: nothing is ever cut (LQ-COD-026).
 */
gsize dhcp6_begin_frame (WireWriter *writer, guint8 type, guint32 transaction_id);
void dhcp6_end_frame (WireWriter *writer, gsize mark);
gsize dhcp6_begin_option (WireWriter *writer, guint16 code);
void dhcp6_end_option (WireWriter *writer, gsize mark);
void dhcp6_write_option (WireWriter *writer, guint16 code, Dhcp6Slice data);
void dhcp6_write_option_u32 (WireWriter *writer, guint16 code, guint32 value);
/* @text UTF-8 or NULL; no NUL is written (RFC 8415 21.13). */
void dhcp6_write_status (WireWriter *writer, guint16 status, const char *text);
void dhcp6_write_iaaddr (WireWriter *writer, const RoamAddr *address, guint32 preferred, guint32 valid);
void dhcp6_write_iaprefix (WireWriter *writer, const RoamAddr *prefix, guint8 prefix_length, guint32 preferred,
                           guint32 valid);

/* -------------------------------------------------------------------- text ---- */

/* "NotAllowed", or "status 4711"; caller frees. */
char *dhcp6_status_to_string (guint16 status);
/* What a peer wrote, fit for a screen, a log and D-Bus: valid UTF-8, control characters escaped, bounded. Caller frees.
 */
char *dhcp6_dup_text (Dhcp6Slice text);
/* "00:01:00:01:..."; caller frees. */
char *dhcp6_dup_hex (Dhcp6Slice octets);
/* Hex digits with or without colons. NULL for anything else, or more than @max octets. Caller unrefs. */
GBytes *dhcp6_parse_hex (const char *text, gsize max);
/* "DUID-LLT, hardware type 1, 02:00:00:00:00:01", for people; caller frees. */
char *dhcp6_describe_duid (Dhcp6Slice duid);
/* "enterprise 32473, 70:6f:72:74" with the text when all of it is printable (RFC 4649 5); caller frees. */
char *dhcp6_describe_remote_id (Dhcp6Slice remote_id);
