/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "base/addr.h"
#include "base/outcome.h"
#include "base/rng.h"
#include "base/secret.h"
#include "base/now.h"

#include <glib.h>

/*
 * Mobile IPv4 (RFC 5944) for others to use: the mobile node and home agent engines. Sans-IO: octets
 * and time go in, actions are pulled out. UDP payloads only; the caller owns the sockets.
 */

#define MIP4_PORT 434

typedef enum {
  MIP4_AUTH_HMAC_MD5,     /* RFC 5944 5.1, the default: 16-octet authenticator */
  MIP4_AUTH_HMAC_SHA_256, /* recommended profile: 32-octet authenticator */
} Mip4AuthAlgorithm;

/* A mobility security association (RFC 5944 1.6); @key is referenced, not copied. */
typedef struct {
  guint32 spi; /* > 255 */
  Mip4AuthAlgorithm algorithm;
  RoamSecret *key;
} Mip4SecurityAssociation;

/* Replay protection, a property of the association (RFC 5944 5.7). */
typedef enum {
  MIP4_REPLAY_TIMESTAMP, /* RFC 5944 5.7.1, the default */
  MIP4_REPLAY_NONCE,     /* RFC 5944 5.7.2 */
} Mip4ReplayStyle;

/* --------------------------------------------------------------- mobile node ---- */

typedef struct _Mip4Mn Mip4Mn;

/*
 * A path is what a pending registration belongs to (decision D-07): one per physical interface
 * (the kernel's ifindex, > 0) and one for the VPN tunnel.
 */
typedef guint32 Mip4Path;
#define MIP4_PATH_VPN 0u

/* A further association with a home agent: another SPI, or another agent (RFC 5944 3.2). */
typedef struct {
  RoamAddr home_agent; /* unset: the configured home agent, and every one that no other entry names */
  Mip4SecurityAssociation association;
  Mip4ReplayStyle replay;
} Mip4MnHaAssociation;

/* An association with a foreign agent, found by its address (RFC 5944 3.5.3). */
typedef struct {
  RoamAddr agent;
  Mip4SecurityAssociation association;
} Mip4MnFaAssociation;

/* Zero is the default of every field below "---". */
typedef struct {
  RoamAddr home_address; /* IPv4; unset: to be assigned (RFC 2794), needs @nai */
  RoamAddr home_agent;   /* IPv4 unicast; directed broadcast: to be found (RFC 5944 3.6.1.2); 0.0.0.0,
                            255.255.255.255: to be assigned (RFC 4433), needs @requested_home_agent and @nai */
  const char *nai;       /* NULL: no NAI extension (RFC 2794) */
  Mip4SecurityAssociation mn_ha; /* the one requests are sent with; as an entry of @more_mn_ha without home_agent */
  guint16 lifetime_s;     /* requested; 65535 is infinity */
  gboolean reverse_tunnel; /* T bit; TRUE always in roamd (D-21) */
  gboolean nat_traversal;  /* extension 144 in co-located requests (RFC 3519 3.1; D-21) */
  /* --- */
  Mip4ReplayStyle replay;  /* of mn_ha */
  const Mip4MnHaAssociation *more_mn_ha;
  guint n_more_mn_ha;
  const Mip4MnFaAssociation *mn_fa;
  guint n_mn_fa;
  Mip4SecurityAssociation mn_aaa; /* key NULL: none. HMAC-MD5 or -SHA-256, SPI > 255 (RFC 4721 6, D-33) */
  const char *service;     /* Service Selection, 1..255 octets of UTF-8 (RFC 5446); NULL: the default service */
  guint8 home_prefix_length; /* of the home network; 0: unknown. Tells a directed broadcast */
  RoamAddr requested_home_agent; /* IP destination and 139/1 while no home agent is assigned (RFC 4433 5.1.2) */
  gboolean short_dynamic_ha; /* 139 as Length, Sub-Type, address instead of RFC 4433's figure (D-15) */
  guint16 udp_lifetime_s;  /* longest Lifetime asked for while the data go in UDP (RFC 3519 5.2); 0: no limit */
  gboolean revocation;     /* ask to be told of revocation: 137 in direct co-located requests (RFC 3543 3.2) */
  gboolean simultaneous;   /* S bit: keep earlier bindings */
  gboolean broadcast;      /* B bit; through an agent only with encapsulating delivery */
  gboolean encapsulating_delivery; /* 130 towards agents that tunnel in reverse (RFC 3024 3.3) */
  gboolean triangular;     /* T may be given up where reverse tunnels are refused; never in the VPN tunnel */
} Mip4MnConfig;

typedef enum {
  MIP4_FORM_CO_LOCATED, /* D=1, CoA = the local address or the TIA */
  MIP4_FORM_HOME,       /* deregistration from the home link: Lifetime 0, CoA = HoA (RFC 5944 3.6.1.2) */
  MIP4_FORM_DEREGISTER, /* Lifetime 0 for one CoA, sent from that CoA; with an agent: through it */
  MIP4_FORM_FOREIGN_AGENT, /* mode f: D=0, the agent's CoA, no 144, sent to the agent (RFC 5944 3.1) */
  MIP4_FORM_CO_LOCATED_VIA_AGENT, /* D=1 through an agent that sets R (RFC 5944 3.1; D-24) */
} Mip4Form;

/* Care-of addresses kept of one agent: more on one link give no more choice (MIP-ADV-018 tries them in turn). */
#define MIP4_AGENT_MAX_CARE_OF 4u
/* Octets of a challenge that are kept; longer ones are treated as absent (RFC 4721 4 recommends 4 or more). */
#define MIP4_CHALLENGE_MAX 64u

/* Flags of an Agent Advertisement (RFC 5944 2.1.1, RFC 3519 3.4, RFC 3543 3.1); r and reserved bits are not kept. */
#define MIP4_AGENT_REGISTRATION_REQUIRED 0x8000u /* R */
#define MIP4_AGENT_BUSY 0x4000u                  /* B */
#define MIP4_AGENT_HOME 0x2000u                  /* H */
#define MIP4_AGENT_FOREIGN 0x1000u               /* F */
#define MIP4_AGENT_MINIMAL 0x0800u               /* M */
#define MIP4_AGENT_GRE 0x0400u                   /* G */
#define MIP4_AGENT_REVERSE_TUNNEL 0x0100u        /* T */
#define MIP4_AGENT_UDP_TUNNEL 0x0080u            /* U */
#define MIP4_AGENT_REVOCATION 0x0040u            /* X */

/* A mobility agent as heard on one link (RFC 5944 2.1, MIP-ADV-017); a value, nothing in it is proved. */
typedef struct {
  RoamAddr address;      /* IP source of its advertisements; unset: no agent */
  guint8 link_layer[6];  /* their link-layer source: what goes to the agent is addressed to it without ARP */
  guint16 flags;         /* MIP4_AGENT_* */
  guint16 sequence;
  guint16 registration_lifetime_s; /* the longest it takes; 65535: infinity */
  RoamAddr care_of[MIP4_AGENT_MAX_CARE_OF];
  guint n_care_of;
  guint8 challenge[MIP4_CHALLENGE_MAX];
  guint n_challenge;     /* octets; 0: none advertised */
} Mip4Agent;

typedef enum {
  MIP4_MN_REGISTER, /* start a registration procedure on path; a running one on it is forgotten */
  MIP4_MN_CANCEL,   /* stop retransmitting on path; a reply that still comes is LATE */
  MIP4_MN_FORGET,   /* drop all records of path (interface gone) */
  MIP4_MN_AGENT,    /* what is known of the agent on path has changed (a newer challenge, flags); starts nothing */
} Mip4MnCommandType;

typedef struct {
  Mip4MnCommandType type;
  Mip4Path path;
  guint32 serial; /* chosen by the caller, echoed in every event of this procedure */
  Mip4Form form;
  RoamAddr care_of_address; /* also the IP source of the request (HoA for MIP4_FORM_HOME and an agent's care-of address) */
  gint64 first_timeout_us;  /* >= 1 s (RFC 5944 3.6.3); doubles */
  guint copies;             /* first one included; detection: 3, at 0, 1, 3 s, exhausted at 7 s */
  gboolean force_udp;       /* F in 144 */
  Mip4Agent agent;          /* the *_AGENT forms, MIP4_MN_AGENT, DEREGISTER of an agent's CoA; else unset */
} Mip4MnCommand;

typedef enum {
  MIP4_MN_ACCEPTED,    /* authentic reply, code 0 or 1, to the current record of this path */
  MIP4_MN_DENIED,      /* authentic denial; will_retry: the engine repairs it itself (133 etc.) */
  MIP4_MN_EXHAUSTED,   /* no valid reply in the budget */
  MIP4_MN_DISCARDED,   /* a message was dropped; reason says why; counters only (R.bad) */
  MIP4_MN_LATE,        /* authentic accepting reply for a closed or older record of this path (R.late) */
  MIP4_MN_RENEWAL_DUE, /* 75 % of the granted lifetime has passed, >= 10 s before its end (D-30) */
  MIP4_MN_EXPIRED,     /* the granted lifetime of the path's binding is over */
  MIP4_MN_REVOKED,     /* valid Registration Revocation (RFC 3543 3.3), already acknowledged: the binding is gone */
} Mip4MnEventType;

typedef struct {
  Mip4MnEventType type;
  Mip4Path path;
  guint32 serial;
  Mip4Form form;
  RoamAddr care_of_address;
  guint8 code;                /* ACCEPTED, DENIED, LATE */
  gboolean tnc;               /* Trusted Networks Configured, covered by the MHAE (RFC 5265 3.4) */
  gboolean will_retry;        /* DENIED */
  gboolean key_mismatch;      /* DISCARDED: third bad authenticator in a row (D-10) */
  guint16 lifetime_s;         /* granted; 0 for deregistrations */
  gint64 sent_us;             /* boot time at which the accepted copy was sent: lifetimes and T_MONITOR count from it */
  guint64 identification;     /* of the request that was answered: orders requests over all paths. With nonces,
                                 which have no order, the time stamp that it would have had */
  gboolean udp_tunnel;        /* 44 with code 0: RFC 3519 tunnelling is on for this binding */
  gboolean keepalive_at_once; /* with udp_tunnel: R was set in 144; the first keepalive goes now (RFC 3519 4.4) */
  guint16 keepalive_s;        /* from 44 */
  gboolean by_agent;          /* DENIED: by the foreign agent, unauthenticated (codes 64-127, 193-200): never touches a binding */
  RoamAddr agent;             /* the *_AGENT forms: the agent asked; tunnel end with encapsulating delivery (D-27) */
  gboolean encapsulating_delivery; /* ACCEPTED through an agent with extension 130 (RFC 3024 3.3) */
  RoamAddr home_agent;        /* ACCEPTED: of the reply; reverse-tunnel end (MIP-REV-016) */
  RoamAddr home_address;      /* ACCEPTED: of the reply (assigned one, RFC 2794) */
  char message[128];          /* Message String (RFC 4917), UTF-8, control characters escaped, shortened; "": none */
  gboolean message_authentic; /* it stood before a valid MHAE */
  const char *reason;         /* static sentence, in the RFC's words */
} Mip4MnEvent;

typedef enum {
  MIP4_MN_ACTION_SEND,
  MIP4_MN_ACTION_EVENT,
} Mip4MnActionType;

typedef struct {
  Mip4MnActionType type;
  union {
    struct {
      Mip4Path path;
      RoamAddr source;
      RoamEndpoint destination;
      guint8 ttl; /* 255 for unicast (D-01) */
      guint16 source_port; /* 0: that of the path's requests; 434: acknowledgment of a revocation (RFC 3543 3.4) */
      gboolean has_link_layer; /* send to this link-layer address, without ARP and without a route (MIP-REG-003) */
      guint8 link_layer[6];
      GBytes *datagram;
    } send;
    Mip4MnEvent event;
  };
} Mip4MnAction;

/* Frees what @action owns (the datagram); harmless on an empty one. */
void mip4_mn_action_clear (Mip4MnAction *action);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (Mip4MnAction, mip4_mn_action_clear)

/* What is wrong with @config, a static sentence; NULL: nothing. */
const char *mip4_mn_config_fault (const Mip4MnConfig *config);
/* Copies @config, which must be without fault. @rng is borrowed and must outlive the engine. */
Mip4Mn *mip4_mn_new (const Mip4MnConfig *config, RoamRng *rng);
void mip4_mn_free (Mip4Mn *mn);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (Mip4Mn, mip4_mn_free)

void mip4_mn_input_command (Mip4Mn *mn, const RoamNow *now, const Mip4MnCommand *command);
/*
 * One UDP payload that arrived on @path from @source at local address @destination. Never fails:
 * what is wrong is counted and reported as DISCARDED (RFC 5944 3.6.2.1). Replies come to the port that
 * requests leave from; a Registration Revocation comes to MIP4_PORT or, behind a NAT, to that port as well
 * (RFC 3543 3.3, D-17), and its acknowledgment is a SEND with source_port. Agents answer to the home address,
 * even when the request's source was a co-located care-of address, or to 255.255.255.255 when the node has
 * none (RFC 5944 3.7.2.3): what comes there on the link must be handed in, too.
 */
void mip4_mn_input_datagram (Mip4Mn *mn, const RoamNow *now, Mip4Path path, const RoamEndpoint *source,
                             const RoamAddr *destination, const guint8 *data, gsize length);
void mip4_mn_input_deadline (Mip4Mn *mn, const RoamNow *now);
gint64 mip4_mn_next_deadline (const Mip4Mn *mn);
/* TRUE and the oldest action, owned by the caller; FALSE when there is none. */
gboolean mip4_mn_pop_action (Mip4Mn *mn, Mip4MnAction *ret_action);

/* Counters by name ("discarded-bad-authenticator", ...): calls nothing, returns a new table char* -> guint64. */
GHashTable *mip4_mn_dup_counters (const Mip4Mn *mn);
