/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "mip4/mip4.h"

/*
 * Foreign agent engine (RFC 5944 2.3, 3.7, 4.2.2; RFC 3024 4.2, 5; RFC 3519 4.5; RFC 4721 3.2, 3.3;
 * RFC 3543 4.2). Sans-IO: the caller owns the sockets and the data path, and does what the actions say,
 * in their order. It relays; of its own accord it sends denials, advertisements and revocation
 * acknowledgments, nothing else (RFC 5944 3.7).
 */

typedef struct _Mip4Fa Mip4Fa;

/* Care-of addresses offered at once: one for each uplink is all that makes sense. */
#define MIP4_FA_MAX_CARE_OF 4u
/* Longest Network Access Identifier (RFC 2794 2: one Length octet). */
#define MIP4_FA_NAI_MAX 255u

/* A mobility security association with a home agent (FA-HA) or with a mobile node (MN-FA). */
typedef struct
{
  RoamAddr peer; /* home agent's address; mobile node's home address */
  Mip4SecurityAssociation association;
} Mip4FaPeer;

typedef enum
{
  MIP4_FA_DESTINATION_MULTICAST, /* 224.0.0.1 */
  MIP4_FA_DESTINATION_BROADCAST, /* 255.255.255.255 */
} Mip4FaDestination;

typedef struct
{
  RoamAddr address; /* on the visited link: source of advertisements and denials */
  RoamAddr care_of[MIP4_FA_MAX_CARE_OF];
  guint n_care_of;               /* at least 1 */
  const RoamAddr *own_addresses; /* every address of this host: no home agent is reached through us there */
  gsize n_own_addresses;
  RoamPrefix visited_network;      /* of @address; unset: unknown. No visitor's home address may be in it */
  gboolean prefix_lengths;         /* tell its length in Prefix-Lengths (RFC 5944 2.1.2; MIP-FA-005) */
  gboolean routes_common_traffic;  /* ICMP Code 0, else 16 (RFC 5944 2.1) */
  guint16 registration_lifetime_s; /* longest accepted; 65535: any */
  guint interval_ms;               /* between advertisements, at most; 0: 10 s; at least 1 s */
  guint16 lifetime_s;              /* of an advertisement; 0: three intervals; at least that */
  Mip4FaDestination destination;
  gboolean registration_required;   /* R */
  gboolean reverse_tunnel;          /* T */
  gboolean reverse_tunnel_required; /* code 75 without T */
  gboolean encapsulating_delivery;  /* RFC 3024 5.2; else code 79 */
  gboolean behind_nat;              /* U, and extension 144 in what is relayed (RFC 3519 3.4, 4.5) */
  gboolean challenge;               /* RFC 4721 */
  guint challenge_window;           /* 0: 2 (RFC 4721 9) */
  gboolean revocation;              /* X: RFC 3543, with home agents that share an association */
  gboolean strict_reserved;         /* D-12: r or x set is refused with 70 */
  guint max_visitors;               /* 0: 256. B is advertised and code 66 sent when that many are there */
  guint max_pending;                /* 0: 64, over all nodes; code 66 above it */
  const Mip4FaPeer *home_agents;
  gsize n_home_agents;
  const Mip4FaPeer *nodes;
  gsize n_nodes;
} Mip4FaConfig;

/* A registered mobile node (RFC 5944 3.7.1); a value. */
typedef struct
{
  RoamAddr home_address;
  RoamAddr home_agent; /* of the accepting reply: tunnel end; of the request before that */
  RoamAddr care_of_address;
  guint8 link_layer[6];
  RoamEndpoint source;          /* of the request: 0.0.0.0 possible */
  RoamAddr request_destination; /* of the request: source of the replies to it */
  gboolean co_located;          /* D: the node ends the tunnel itself, no data path here */
  gboolean reverse_tunnel;
  gboolean encapsulating_delivery;
  gboolean udp_tunnel; /* RFC 3519: data in UDP 434 both ways */
  guint16 keepalive_s; /* with udp_tunnel; 0: the default of 110 */
  guint16 requested_s, lifetime_s;
  gint64 registered_us, expiry_us; /* boot time; ROAM_NEVER */
  guint64 identification;
  gboolean revocation;           /* negotiated (RFC 3543 4.2.1) */
  gboolean inform;               /* I: the node is to be told (RFC 3543 3.3) */
  guint32 revocation_timestamp;  /* newest of the home agent; orders its messages */
  char nai[MIP4_FA_NAI_MAX + 1]; /* "": none; octets that are no printable ASCII stand as '?' */
} Mip4FaVisitor;

/* What the headers of a received message said. */
typedef struct
{
  gboolean visited; /* it arrived on the visited link; else from the home agents' side */
  RoamEndpoint source;
  RoamAddr destination;
  guint8 link_layer[6]; /* source; visited link only */
  guint8 ttl;
} Mip4FaHeader;

typedef enum
{
  MIP4_FA_REMOVE, /* forget the visitor of home_address, all when that is not set; nobody is told (RFC 5944 3.7) */
  MIP4_FA_BUSY,   /* administratively busy from now on (B, code 66) */
  MIP4_FA_IDLE,   /* the reverse of BUSY */
  MIP4_FA_STOP,   /* last advertisement, Lifetime 0 (RFC 1256 4.3), and MIP4_FA_REMOVE of all */
} Mip4FaCommandType;

typedef struct
{
  Mip4FaCommandType type;
  RoamAddr home_address;
} Mip4FaCommand;

typedef enum
{
  MIP4_FA_ACTION_SEND,
  MIP4_FA_ACTION_SEND_ICMP,
  MIP4_FA_ACTION_VISITOR_ADD,
  MIP4_FA_ACTION_VISITOR_CHANGE, /* anything but times differs */
  MIP4_FA_ACTION_VISITOR_RENEW,  /* only times changed */
  MIP4_FA_ACTION_VISITOR_REMOVE,
  MIP4_FA_ACTION_LOG,
} Mip4FaActionType;

typedef enum
{
  MIP4_FA_REMOVED_EXPIRED,
  MIP4_FA_REMOVED_DEREGISTERED,
  MIP4_FA_REMOVED_REVOKED,
  MIP4_FA_REMOVED_COMMAND,
} Mip4FaRemoval;

typedef struct
{
  Mip4FaActionType type;
  union
  {
    struct
    {
      gboolean visited; /* on the visited link, to link_layer, without ARP; else by the routes of the host */
      guint8 link_layer[6];
      RoamAddr source;
      guint16 source_port;
      RoamEndpoint destination;
      guint8 ttl;
      GBytes *datagram; /* UDP payload */
    } send;
    struct
    {
      RoamAddr source, destination; /* on the visited link, IP TTL 1 */
      guint8 link_layer[6];
      GBytes *message; /* the ICMP message */
    } icmp;
    struct
    {
      Mip4FaVisitor visitor; /* as it is now; REMOVE: as it was */
      Mip4FaVisitor old;     /* CHANGE */
      Mip4FaRemoval removal; /* REMOVE */
    } visitor;
    struct
    {
      RoamEndpoint source;
      RoamAddr home_address;
      guint8 code;        /* of the denial; 0: dropped without an answer, or relayed */
      gboolean security;  /* a security exception (RFC 5944 3.7.2.1, 3.7.3.1) */
      const char *reason; /* static */
    } log;
  };
} Mip4FaAction;

/* Frees what @action owns; harmless on an empty one. */
void mip4_fa_action_clear (Mip4FaAction *action);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (Mip4FaAction, mip4_fa_action_clear)

/* NULL, or why @config would break RFC 5944 2.1.1, 2.3 or RFC 3519 (a static sentence). */
const char *mip4_fa_config_fault (const Mip4FaConfig *config);
/* Copies @config and what it points to; it must have no fault. @rng is borrowed and must outlive the engine. */
Mip4Fa *mip4_fa_new (const Mip4FaConfig *config, RoamRng *rng);
void mip4_fa_free (Mip4Fa *fa);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (Mip4Fa, mip4_fa_free)

void mip4_fa_input_command (Mip4Fa *fa, const RoamNow *now, const Mip4FaCommand *command);
/*
 * One UDP payload to port 434 whose checksum is right or zero (RFC 5944 3.7.2.1). Requests are heard from
 * the visited link only, everything else from the other side only. Tunnel data (type 4) is the caller's affair.
 */
void mip4_fa_input_datagram (Mip4Fa *fa, const RoamNow *now, const Mip4FaHeader *header, const guint8 *data,
                             gsize length);
/* One ICMP message of the visited link (no IP header); anything but a solicitation is ignored. */
void mip4_fa_input_icmp (Mip4Fa *fa, const RoamNow *now, const Mip4FaHeader *header, const guint8 *data, gsize length);
/* ICMP Destination Unreachable with @code came back for what was sent to @home_agent, port 434 (RFC 5944 3.7.3). */
void mip4_fa_input_unreachable (Mip4Fa *fa, const RoamNow *now, const RoamAddr *home_agent, guint8 code);
void mip4_fa_input_deadline (Mip4Fa *fa, const RoamNow *now);
/* The first advertisement is due at once. */
gint64 mip4_fa_next_deadline (const Mip4Fa *fa);
/* TRUE and the oldest action, owned by the caller; FALSE when there is none. */
gboolean mip4_fa_pop_action (Mip4Fa *fa, Mip4FaAction *ret_action);

/* Elements Mip4FaVisitor, ordered by home address; caller unrefs. */
GArray *mip4_fa_dup_visitors (const Mip4Fa *fa);
guint mip4_fa_n_pending (const Mip4Fa *fa);
/* As mip4_mn_dup_counters(): char* -> guint64*. */
GHashTable *mip4_fa_dup_counters (const Mip4Fa *fa);
