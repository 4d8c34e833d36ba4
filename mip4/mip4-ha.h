/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "mip4/mip4.h"

/*
 * Home agent engine (RFC 5944 3.8, RFC 5265 4.3, RFC 3519 4.6). Sans-IO: the caller owns the sockets,
 * the tunnels and the proxy ARP entries, and does what the actions say, in their order.
 *
 * One binding a mobile node: simultaneous bindings are not supported, so accepting replies carry
 * code 1 (RFC 5944 3.8.3.2).
 */

typedef struct _Mip4Ha Mip4Ha;

/* A mobile node that may register: its association is found by its home address, or by its NAI (MIP-CFG-005). */
typedef struct
{
  RoamAddr home_address; /* IPv4 */
  Mip4SecurityAssociation mn_ha;
  const char *nai; /* NULL: none; then a request without home address is not for it */
} Mip4HaNode;

typedef struct
{
  RoamAddr address;                   /* the home agent's own, unicast */
  const RoamPrefix *trusted_networks; /* none: every request is dropped (RFC 5265 4.3) */
  gsize n_trusted_networks;
  const Mip4HaNode *nodes;
  gsize n_nodes;
  guint16 max_lifetime_s;          /* longest granted */
  guint16 max_udp_lifetime_s;      /* the same with UDP tunnelling (RFC 3519 5.2 suggests 60); 0: max_lifetime_s */
  guint16 keepalive_s;             /* told in extension 44; 0: 110 (RFC 3519 4.9) */
  guint tolerance_s;               /* of timestamps; 0: 7 (RFC 5944 5.7.1) */
  guint max_bindings;              /* at once; 0: one for each node. Code 130 above it */
  gboolean nat_traversal;          /* UDP tunnelling when a NAT is seen; else code 129 */
  gboolean forced_udp;             /* also when F asks for it; else code 129 */
  gboolean require_source_match;   /* D-39: co-located without 144 from another address is refused with 129 */
  gboolean require_reverse_tunnel; /* T clear is refused with 138 */
  gboolean strict_reserved;        /* D-12: r or x set is refused with 134 */
} Mip4HaConfig;

typedef struct
{
  RoamAddr home_address;
  RoamAddr care_of_address; /* as registered */
  RoamEndpoint peer;        /* where packets go: the care-of address and port 0, or with udp_tunnel
                               the source address and port of the request (RFC 3519 4.6) */
  gboolean udp_tunnel;
  gboolean reverse_tunnel; /* T was granted */
  gboolean co_located;     /* D was set */
  guint16 keepalive_s;     /* with udp_tunnel */
  guint16 lifetime_s;      /* granted; 65535 infinite */
  gint64 accepted_us;      /* boot time */
  gint64 expiry_us;        /* boot time; ROAM_NEVER */
  guint64 identification;  /* of the request that made or renewed it */
} Mip4HaBinding;

typedef enum
{
  MIP4_HA_REMOVE, /* forget the binding of home_address; of all when that is not set */
} Mip4HaCommandType;

typedef struct
{
  Mip4HaCommandType type;
  RoamAddr home_address;
} Mip4HaCommand;

typedef enum
{
  MIP4_HA_ACTION_SEND,
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
} Mip4HaRemoval;

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
      Mip4HaBinding binding; /* as it is now; REMOVE: as it was */
      Mip4HaBinding old;     /* CHANGE */
      Mip4HaRemoval removal; /* REMOVE */
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

/* Copies @config and what it points to. */
Mip4Ha *mip4_ha_new (const Mip4HaConfig *config);
void mip4_ha_free (Mip4Ha *ha);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (Mip4Ha, mip4_ha_free)

void mip4_ha_input_command (Mip4Ha *ha, const RoamNow *now, const Mip4HaCommand *command);
/* One UDP payload from @source to @destination, port 434. Tunnel data (type 4) is the caller's affair. */
void mip4_ha_input_datagram (Mip4Ha *ha, const RoamNow *now, const RoamEndpoint *source, const RoamAddr *destination,
                             const guint8 *data, gsize length);
void mip4_ha_input_deadline (Mip4Ha *ha, const RoamNow *now);
gint64 mip4_ha_next_deadline (const Mip4Ha *ha);
/* TRUE and the oldest action, owned by the caller; FALSE when there is none. */
gboolean mip4_ha_pop_action (Mip4Ha *ha, Mip4HaAction *ret_action);

/* Elements Mip4HaBinding, ordered by home address; caller unrefs. */
GArray *mip4_ha_dup_bindings (const Mip4Ha *ha);
/* As mip4_mn_dup_counters(): char* -> guint64*. */
GHashTable *mip4_ha_dup_counters (const Mip4Ha *ha);

/*
 * After mip4_ha_new(): what a process before knew of a node. With @bound its binding is there again, without
 * an action; the Identification counts as used either way (RFC 5944 5.7.1). FALSE: no such node.
 */
gboolean mip4_ha_restore (Mip4Ha *ha, const Mip4HaBinding *binding, gboolean bound);
