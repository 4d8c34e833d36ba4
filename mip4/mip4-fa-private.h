/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "mip4/mip4-codec-private.h"
#include "mip4/mip4-fa.h"

/*
 * Inside of the foreign agent engine: mip4-fa.c (verbs, visitors), mip4-fa-neighbour.c (who is on the link),
 * mip4-fa-advertise.c, mip4-fa-request.c, mip4-fa-relay.c (what passes on), mip4-fa-reply.c, mip4-fa-revocation.c.
 */

#define MIP4_FA_INTERVAL_MS 10000u
/* RFC 1256 6: three advertisements of the beginning come at most 16 s apart. */
#define MIP4_FA_INITIAL_ADVERTISEMENTS 3u
#define MIP4_FA_INITIAL_INTERVAL_MS 16000u
#define MIP4_FA_CHALLENGE_WINDOW 2u /* RFC 4721 9 */
#define MIP4_FA_CHALLENGE_WINDOW_MAX 16u
#define MIP4_FA_CHALLENGE_OCTETS 16u
#define MIP4_FA_MAX_VISITORS 256u
#define MIP4_FA_MAX_PENDING 64u
/* RFC 5944 3.7.1: about five for what one node has on its way, and older than seven seconds is over. */
#define MIP4_FA_NODE_PENDING 5u
#define MIP4_FA_PENDING_US (7 * ROAM_USEC_PER_SEC)
/* At most one denial, and one answer to a solicitation, a second and node (RFC 5944 3.7.2; 2.1). */
#define MIP4_FA_RATE_US ROAM_USEC_PER_SEC
/* Link-layer addresses remembered for those limits: a small Ethernet segment; the longest silent one makes room. */
#define MIP4_FA_MAX_NEIGHBOURS 1024u
/* RFC 5944 3.7.2.2 leaves it open; what all routers start with. */
#define MIP4_FA_TTL 64

/* Reply codes of a foreign agent (RFC 5944 3.4, 3024 3.4, 3115 2.4, 4433 7, 4721 10). */
enum
{
  FA_CODE_UNSPECIFIED = 64,
  FA_CODE_PROHIBITED = 65,
  FA_CODE_RESOURCES = 66,
  FA_CODE_MN_AUTH = 67,
  FA_CODE_HA_AUTH = 68,
  FA_CODE_LIFETIME = 69,
  FA_CODE_POOR_REQUEST = 70,
  FA_CODE_POOR_REPLY = 71,
  FA_CODE_ENCAPSULATION = 72,
  FA_CODE_REVERSE_TUNNEL = 74,
  FA_CODE_REVERSE_TUNNEL_MANDATORY = 75,
  FA_CODE_TOO_DISTANT = 76,
  FA_CODE_CARE_OF_ADDRESS = 77,
  FA_CODE_TIMEOUT = 78,
  FA_CODE_DELIVERY_STYLE = 79,
  FA_CODE_NETWORK_UNREACHABLE = 80,
  FA_CODE_HOST_UNREACHABLE = 81,
  FA_CODE_PORT_UNREACHABLE = 82,
  FA_CODE_HA_UNREACHABLE = 88,
  FA_CODE_HOME_AGENT_NEEDED = 90,
  FA_CODE_HOME_ADDRESS_NEEDED = 96,
  FA_CODE_CVSE_FROM_MN = 100,
  FA_CODE_CVSE_FROM_HA = 101,
  FA_CODE_UNKNOWN_CHALLENGE = 104,
  FA_CODE_MISSING_CHALLENGE = 105,
  FA_CODE_STALE_CHALLENGE = 106,
  FA_CODE_OWN_ADDRESS = 194,
};

typedef struct
{
  guint8 octets[MIP4_FA_CHALLENGE_OCTETS];
  guint64 number; /* of issue, from 1; 0: none */
} Mip4FaChallenge;

/* A link-layer address heard on the visited link. */
typedef struct
{
  guint8 link_layer[6]; /* key */
  gint64 heard_us;
  gint64 denied_us, answered_us; /* G_MININT64: never */
  Mip4FaChallenge offered;       /* in the last reply or unicast advertisement to it */
  Mip4FaChallenge used;          /* the last that a relayed request carried (RFC 4721 3.2) */
} Mip4FaNeighbour;

/* A request on its way to the home agent (RFC 5944 3.7.1). */
typedef struct
{
  Mip4FaVisitor visitor; /* what becomes of it when it is accepted */
  RoamAddr relayed_to;
  guint8 nai[MIP4_FA_NAI_MAX];
  gsize nai_length; /* 0: none */
  Mip4FaChallenge challenge;
  gboolean asked_udp;        /* 144 was added */
  gboolean asked_revocation; /* 137 was added */
  gint64 due_us;
} Mip4FaPending;

typedef enum
{
  FA_COUNT_ADVERTISED,
  FA_COUNT_SOLICITED,
  FA_COUNT_REQUESTS_RELAYED,
  FA_COUNT_REPLIES_RELAYED,
  FA_COUNT_REGISTERED,
  FA_COUNT_DEREGISTERED,
  FA_COUNT_DENIED,
  FA_COUNT_DENIAL_LIMITED,
  FA_COUNT_TIMED_OUT,
  FA_COUNT_EXPIRED,
  FA_COUNT_REVOKED,
  FA_COUNT_ICMP_IGNORED,
  MIP4_FA_N_COUNTS,
} Mip4FaCount;

struct _Mip4Fa
{
  Mip4FaConfig config;             /* own_addresses owned; home_agents and nodes not used */
  GHashTable *home_agents, *nodes; /* RoamAddr -> Mip4FaPeer, key referenced */
  RoamRng *rng;
  GPtrArray *visitors;    /* Mip4FaVisitor */
  GPtrArray *pending;     /* Mip4FaPending, oldest first */
  GHashTable *neighbours; /* guint64 of the link-layer address -> Mip4FaNeighbour */
  GQueue actions;         /* Mip4FaAction */
  gboolean busy, stopped;
  guint16 sequence; /* of the next advertisement */
  guint n_advertised;
  gint64 advertise_us;
  Mip4FaChallenge challenges[MIP4_FA_CHALLENGE_WINDOW_MAX]; /* newest first */
  guint64 n_challenges;
  guint64 counts[MIP4_FA_N_COUNTS];
  guint64 discards[MIP4_N_DISCARDS];
};

/* A Registration Request under examination. */
typedef struct
{
  const RoamNow *now;
  const Mip4FaHeader *header;
  Mip4Message message;
  Mip4FaNeighbour *neighbour;
  const Mip4FaPeer *node;       /* MN-FA association, or NULL */
  const Mip4FaPeer *home_agent; /* FA-HA association, or NULL */
  RoamAddr relay_to;
  Mip4FaChallenge challenge; /* the one it carries, when it is ours */
} Mip4FaRequest;

/* mip4-fa.c */
Mip4FaAction *mip4_fa_push (Mip4Fa *fa, Mip4FaActionType type);
void mip4_fa_log (Mip4Fa *fa, const RoamEndpoint *source, const RoamAddr *home_address, guint8 code, gboolean security,
                  const char *reason);
void mip4_fa_discard (Mip4Fa *fa, const Mip4FaHeader *header, const RoamAddr *home_address, Mip4Discard why);
Mip4FaVisitor *mip4_fa_find_visitor (const Mip4Fa *fa, const RoamAddr *home_address);
/* The one writer of the visitor list. */
void mip4_fa_set_visitor (Mip4Fa *fa, const Mip4FaVisitor *visitor);
void mip4_fa_remove_visitor (Mip4Fa *fa, const RoamAddr *home_address, Mip4FaRemoval removal);
gboolean mip4_fa_is_own_address (const Mip4Fa *fa, const RoamAddr *addr);
gboolean mip4_fa_is_care_of (const Mip4Fa *fa, const RoamAddr *addr);
gboolean mip4_fa_is_busy (const Mip4Fa *fa);

/* mip4-fa-neighbour.c */
/* Never NULL; borrowed until the next call. */
Mip4FaNeighbour *mip4_fa_neighbour (Mip4Fa *fa, const RoamNow *now, const guint8 link_layer[6]);
/* A challenge this neighbour has not used: offered already, or new (RFC 4721 3.2.1, 3.3). */
const Mip4FaChallenge *mip4_fa_offer_challenge (Mip4Fa *fa, Mip4FaNeighbour *neighbour);
/* A new one, into the advertised window. */
void mip4_fa_advance_challenge (Mip4Fa *fa);
/* 0, or the code of the denial; @ret_challenge on 0. */
guint8 mip4_fa_check_challenge (const Mip4Fa *fa, const Mip4FaNeighbour *neighbour, const Mip4Slice *octets,
                                Mip4FaChallenge *ret_challenge);

/* mip4-fa-advertise.c */
/* An Agent Advertisement with @sequence; @challenge NULL: none. Caller unrefs. */
GBytes *mip4_fa_build_advertisement (const Mip4Fa *fa, guint16 sequence, guint16 lifetime_s,
                                     const Mip4FaChallenge *challenge);
void mip4_fa_advertise (Mip4Fa *fa, const RoamNow *now);
void mip4_fa_advertise_last (Mip4Fa *fa);
void mip4_fa_process_solicitation (Mip4Fa *fa, const RoamNow *now, const Mip4FaHeader *header);
/* RFC 3543: sequence 0, to this node alone, tells it that its registration is gone. */
void mip4_fa_inform_revoked (Mip4Fa *fa, const RoamNow *now, const Mip4FaVisitor *visitor);

/* mip4-fa-request.c */
/*
 * FALSE: nobody has it; it is this host's; or it is of the visited network, where it would draw the packets of a
 * neighbour into the tunnel.
 */
gboolean mip4_fa_may_be_home_address (const Mip4Fa *fa, const RoamAddr *addr);
void mip4_fa_process_request (Mip4Fa *fa, const RoamNow *now, const Mip4FaHeader *header, const guint8 *data,
                              gsize length);

/* mip4-fa-relay.c */
/* The request for the home agent (RFC 5944 3.7.2.2). Caller unrefs. */
GBytes *mip4_fa_build_relayed_request (const Mip4Fa *fa, const Mip4FaRequest *request, gboolean ask_udp,
                                       gboolean ask_revocation);
/* The reply for the mobile node (RFC 5944 3.7.3.2); @challenge and @node may be NULL. Caller unrefs. */
GBytes *mip4_fa_build_relayed_reply (const Mip4Message *message, const Mip4FaChallenge *challenge,
                                     const Mip4FaPeer *node);

/* mip4-fa-reply.c */
/* A denial of ours (RFC 5944 3.7.2.3) to the request that @visitor was made of, within the rate limit. */
void mip4_fa_deny (Mip4Fa *fa, const RoamNow *now, const Mip4FaVisitor *visitor, guint8 code);
void mip4_fa_process_reply (Mip4Fa *fa, const RoamNow *now, const Mip4FaHeader *header, const guint8 *data,
                            gsize length);
/* Denies pending requests: those that are over at @now, or all to @home_agent when that is set. */
void mip4_fa_drop_pending (Mip4Fa *fa, const RoamNow *now, const RoamAddr *home_agent, guint8 code);

/* mip4-fa-revocation.c */
void mip4_fa_process_revocation (Mip4Fa *fa, const RoamNow *now, const Mip4FaHeader *header, const guint8 *data,
                                 gsize length);
