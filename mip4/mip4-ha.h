/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "mip4/mip4.h"

/*
 * Home agent engine (RFC 5944 3.8, RFC 5265 4.3, RFC 3519 4.6, RFC 3543). Sans-IO: the caller owns the
 * sockets, the tunnels, the proxy ARP entries and what survives a restart, and does what the actions
 * say, in their order.
 *
 * Cost: a registration takes two HMACs and a heap step; nothing looks at all nodes but the verbs that
 * list or remove them all.
 */

typedef struct _Mip4Ha Mip4Ha;

/* A further association of a node (RFC 5944 3.2): another SPI. */
typedef struct
{
  Mip4SecurityAssociation association;
  Mip4ReplayStyle replay;
} Mip4HaAssociation;

/* An association with a foreign agent, found by the source address of the request (RFC 5944 3.5.4). */
typedef struct
{
  RoamAddr agent;
  Mip4SecurityAssociation association;
} Mip4HaFaAssociation;

/*
 * A mobile node that may register: its associations are found by its home address, or by its NAI
 * (MIP-CFG-005). Zero is the default of what stands below "---".
 */
typedef struct
{
  RoamAddr home_address; /* IPv4; unset: one of the pool while it is registered, needs @nai (RFC 2794) */
  Mip4SecurityAssociation mn_ha;
  const char *nai; /* at most 255 octets; NULL: none; then a request without home address is not for it */
  /* --- */
  Mip4ReplayStyle replay; /* of mn_ha */
  guint16 tolerance_s;    /* of its timestamps; 0: that of the agent */
  const Mip4HaAssociation *more_mn_ha;
  guint n_more_mn_ha;
  const char *const *services; /* NULL-terminated; those it may select (RFC 5446); NULL: the default service alone */
} Mip4HaNode;

/* Bindings of one node at once that max_simultaneous may ask for: each costs a copy of every packet. */
#define MIP4_HA_SIMULTANEOUS_LIMIT 8u

typedef struct
{
  RoamAddr address;                   /* the home agent's own, unicast */
  const RoamPrefix *trusted_networks; /* none: every request is dropped (RFC 5265 4.3) */
  gsize n_trusted_networks;
  const Mip4HaNode *nodes; /* no two with one home address or one NAI */
  gsize n_nodes;
  guint16 max_lifetime_s;          /* longest granted */
  guint16 max_udp_lifetime_s;      /* the same with UDP tunnelling (RFC 3519 5.2 suggests 60); 0: max_lifetime_s */
  guint16 keepalive_s;             /* told in extension 44; 0: 110 (RFC 3519 4.9) */
  guint tolerance_s;               /* of timestamps; 0: 7 (RFC 5944 5.7.1) */
  guint max_bindings;              /* at once; 0: no limit. Code 130 above it */
  gboolean nat_traversal;          /* UDP tunnelling when a NAT is seen; else code 129 */
  gboolean forced_udp;             /* also when F asks for it; else code 129 */
  gboolean require_source_match;   /* D-39: co-located without 144 from another address is refused with 129 */
  gboolean require_reverse_tunnel; /* T clear is refused with 138 */
  gboolean strict_reserved;        /* D-12: r or x set is refused with 134 */
  /* Zero is the default of what follows. */
  RoamRng *rng; /* borrowed, must outlive the engine; needed when an association uses nonces */
  const Mip4HaFaAssociation *fa_ha;
  gsize n_fa_ha;
  guint max_simultaneous;          /* bindings of a node with S (RFC 5944 3.8.2.2), code 135 above it; 0, 1:
                                      unsupported, code 1. At most MIP4_HA_SIMULTANEOUS_LIMIT */
  gboolean refuse_reverse_tunnel;  /* T is refused with 137 */
  gboolean broadcast;              /* B is granted, else ignored */
  gboolean gre;                    /* G is granted, else code 139 */
  gboolean revocation;             /* 137 is answered with 137, and REVOKE tells the other side (RFC 3543) */
  gboolean answer_unauthenticated; /* code 131 to an invalid MHAE also without a valid FHAE (RFC 5944 3.8.2.1 a);
                                      at most MIP4_HA_131_PER_SECOND */
  gboolean agent_udp;              /* R of 144: UDP tunnels of co-located nodes behind an agent (RFC 3519 4.6) */
  RoamAddr redirect;               /* who leaves the home agent open is sent there with 143 (RFC 4433 5.3.1) */
  RoamAddr pool_first, pool_last;  /* home addresses for nodes that have none; unset: no pool */
  const char *denial_message;      /* Message String of denials, 1..200 octets of UTF-8 (RFC 4917); NULL: none */
  guint max_requests_per_second;   /* of one node, authentic ones; more are dropped. 0: no limit */
} Mip4HaConfig;

/* Which side is told of a revocation (RFC 3543 4.2.1). */
typedef enum
{
  MIP4_HA_REVOKE_NOBODY,          /* revocation was not negotiated */
  MIP4_HA_REVOKE_NODE,            /* co-located without an agent: MHAE */
  MIP4_HA_REVOKE_AGENT,           /* the foreign agent: FHAE */
  MIP4_HA_REVOKE_AGENT_INFORMING, /* the same; it tells the node when asked to (I, RFC 3543 3.2) */
} Mip4HaRevocationPeer;

/* Known by home address and care-of address: with simultaneous bindings a node has several. */
typedef struct
{
  RoamAddr home_address;
  RoamAddr care_of_address; /* as registered */
  RoamEndpoint peer;        /* where packets go: the care-of address and port 0, or with udp_tunnel
                               the source address and port of the request (RFC 3519 4.6) */
  RoamAddr registrar;       /* source address of the last accepted request */
  gboolean udp_tunnel;
  gboolean half_bound;     /* with udp_tunnel: send and take nothing before the keepalive that tells the port
                              (RFC 3519 4.6); then comes a CHANGE */
  gboolean reverse_tunnel; /* T was granted */
  gboolean co_located;     /* D was set */
  gboolean broadcast;      /* B was granted: broadcasts too, nested when not co_located (RFC 5944 4.3) */
  guint8 encapsulation;    /* IP protocol of the tunnel: 4, or 47 with G; inside UDP with udp_tunnel */
  guint8 service;          /* 0: the default, n: services[n - 1] of the node (RFC 5446) */
  Mip4HaRevocationPeer revocation;
  guint16 keepalive_s;    /* with udp_tunnel */
  guint16 lifetime_s;     /* granted; 65535 infinite */
  guint32 spi;            /* of the request */
  gint64 accepted_us;     /* boot time */
  gint64 expiry_us;       /* boot time; ROAM_NEVER */
  guint64 identification; /* of the request that made or renewed it */
} Mip4HaBinding;

/* What a node's requests are checked against; outlives its bindings (RFC 5944 5.7.1, 5.7.2). */
typedef struct
{
  gboolean has_timestamp, has_nonce;
  guint64 timestamp; /* greatest valid one */
  guint32 nonce;     /* the last sent */
} Mip4HaReplay;

typedef enum
{
  MIP4_HA_REMOVE, /* forget the bindings of home_address; of all when that is not set */
  MIP4_HA_REVOKE, /* the same, and tell the other side where that was negotiated (RFC 3543 4.2.2.1) */
} Mip4HaCommandType;

typedef struct
{
  Mip4HaCommandType type;
  RoamAddr home_address;
} Mip4HaCommand;

typedef enum
{
  MIP4_HA_ACTION_SEND,
  MIP4_HA_ACTION_STORE,          /* to be kept over a restart; on disk before any later SEND leaves */
  MIP4_HA_ACTION_BINDING_ADD,    /* intercept: gratuitous and proxy ARP (RFC 5944 4.6), route into the tunnel */
  MIP4_HA_ACTION_BINDING_CHANGE, /* another tunnel end or another tunnel */
  MIP4_HA_ACTION_BINDING_RENEW,  /* only times changed */
  MIP4_HA_ACTION_BINDING_REMOVE, /* stop intercepting */
  MIP4_HA_ACTION_LOG,            /* a dropped or denied request (RFC 5944 3.8.2.1, RFC 5265 4.3) */
} Mip4HaActionType;

typedef enum
{
  MIP4_HA_REMOVED_EXPIRED,
  MIP4_HA_REMOVED_DEREGISTERED,
  MIP4_HA_REMOVED_AT_HOME, /* the node is back: gratuitous ARP with its link-layer address (RFC 5944 4.6) */
  MIP4_HA_REMOVED_COMMAND,
  MIP4_HA_REMOVED_REPLACED, /* a request without S left one binding of several */
  MIP4_HA_REMOVED_SERVICE,  /* it asked for a service it may not have (RFC 5446 4.2) */
  MIP4_HA_REMOVED_REVOKED,
} Mip4HaRemoval;

typedef enum
{
  MIP4_HA_STORE_REPLAY, /* the replay state alone */
  MIP4_HA_STORE_SET,    /* and this binding, new or in place of the one with its two addresses */
  MIP4_HA_STORE_UNSET,  /* and this binding is gone */
} Mip4HaStore;

typedef struct
{
  Mip4HaActionType type;
  union
  {
    struct
    {
      RoamAddr source;
      RoamEndpoint destination;
      gboolean on_home_link; /* past any route into a tunnel (RFC 5944 3.8.3.1) */
      guint8 ttl;
      GBytes *datagram;
    } send;
    struct
    {
      Mip4HaStore what;
      RoamAddr home_address; /* of the node; unset: it has none now (then @nai names it) */
      const char *nai;       /* of the node, borrowed from the engine; NULL: none */
      Mip4HaReplay replay;
      Mip4HaBinding binding; /* SET, UNSET */
    } store;
    struct
    {
      Mip4HaBinding binding; /* as it is now; REMOVE: as it was */
      Mip4HaBinding old;     /* CHANGE */
      Mip4HaRemoval removal; /* REMOVE */
      guint n_left;          /* REMOVE: bindings this node still has; intercepting stops at 0 */
    } binding;
    struct
    {
      RoamEndpoint source;
      RoamAddr home_address;
      guint32 spi;        /* 0: none seen */
      guint8 code;        /* of the denial; 0: dropped without an answer */
      gboolean security;  /* a security exception (RFC 5944 3.8.2.1) */
      const char *reason; /* static */
    } log;
  };
} Mip4HaAction;

/* Frees what @action owns; harmless on an empty one. */
void mip4_ha_action_clear (Mip4HaAction *action);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (Mip4HaAction, mip4_ha_action_clear)

/* What is wrong with @config, a static sentence; NULL: nothing. */
const char *mip4_ha_config_fault (const Mip4HaConfig *config);
/* Copies @config and what it points to, the random stream excepted; it must be without fault. */
Mip4Ha *mip4_ha_new (const Mip4HaConfig *config);
void mip4_ha_free (Mip4Ha *ha);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (Mip4Ha, mip4_ha_free)

/*
 * After a restart: what STORE told last, in any order and before the first datagram. Times of @binding
 * are of this boot; the caller converts. TRUE: taken, a BINDING_ADD follows (no STORE). FALSE and nothing
 * changed: no such node, expired, another node's address, or over a limit. @nai as in STORE.
 */
gboolean mip4_ha_restore_binding (Mip4Ha *ha, const RoamNow *now, const char *nai, const Mip4HaBinding *binding);
gboolean mip4_ha_restore_replay (Mip4Ha *ha, const RoamAddr *home_address, const char *nai, const Mip4HaReplay *replay);

void mip4_ha_input_command (Mip4Ha *ha, const RoamNow *now, const Mip4HaCommand *command);
/*
 * One UDP payload from @source to @destination, port 434. Tunnel data (type 4) is the caller's affair, but
 * for mip4_ha_input_keepalive().
 */
void mip4_ha_input_datagram (Mip4Ha *ha, const RoamNow *now, const RoamEndpoint *source, const RoamAddr *destination,
                             const guint8 *data, gsize length);
/*
 * Tunnel data from @source that no other binding explains, with an ICMP Echo Request from
 * @home_address to this agent inside: the keepalive that a half-bound node's tunnel waits for (RFC 3519 4.6).
 * TRUE: it was one; a CHANGE names the tunnel's end. FALSE: to be dropped; only a counter moved.
 */
gboolean mip4_ha_input_keepalive (Mip4Ha *ha, const RoamNow *now, const RoamEndpoint *source,
                                  const RoamAddr *home_address);
void mip4_ha_input_deadline (Mip4Ha *ha, const RoamNow *now);
gint64 mip4_ha_next_deadline (const Mip4Ha *ha);
/* TRUE and the oldest action, owned by the caller; FALSE when there is none. */
gboolean mip4_ha_pop_action (Mip4Ha *ha, Mip4HaAction *ret_action);

/* Elements Mip4HaBinding, ordered by home address; caller unrefs. */
GArray *mip4_ha_dup_bindings (const Mip4Ha *ha);
/* Bindings there are now. */
guint mip4_ha_n_bindings (const Mip4Ha *ha);
/* As mip4_mn_dup_counters(): char* -> guint64*. */
GHashTable *mip4_ha_dup_counters (const Mip4Ha *ha);
