/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "mip4/mip4.h"

/*
 * Agent discovery of the mobile node (RFC 5944 2; RFC 1256 5): solicitations, the table of agents of
 * each link, move detection. Sans-IO: ICMP messages go in with what their IP and link-layer headers
 * said; solicitations and events are pulled out.
 *
 * Nothing here is authenticated: an event is a hint for the coordinator, never a verdict (MIP-ADV-029).
 */

typedef struct _Mip4Discovery Mip4Discovery;

typedef struct {
  RoamAddr home_address;   /* may be unset */
  RoamAddr home_agent;     /* may be unset; an advertisement with H from it is HOME_AGENT */
  gboolean solicit;        /* FALSE: listen only */
  gboolean require_ttl_1;  /* MIP-ADV-005; TRUE always in roamd */
} Mip4DiscoveryConfig;

typedef enum {
  MIP4_DISCOVERY_LINK_UP,    /* start on path (again): a positive indication of a new link; solicits soon */
  MIP4_DISCOVERY_LINK_DOWN,  /* forget path with its agents; no events for them */
  MIP4_DISCOVERY_ADDRESS,    /* address and prefix of path became known or changed */
  MIP4_DISCOVERY_REGISTERED, /* serving agent of path (agent set), or none (unset): co-located or at home */
  MIP4_DISCOVERY_SOLICIT,    /* a challenge or another agent is wanted; within the rate limit */
} Mip4DiscoveryCommandType;

typedef struct {
  Mip4DiscoveryCommandType type;
  Mip4Path path;         /* > 0 */
  RoamAddr address;      /* LINK_UP, ADDRESS: of the interface; may be unset */
  guint8 prefix_length;
  RoamAddr agent;        /* REGISTERED */
} Mip4DiscoveryCommand;

typedef enum {
  MIP4_DISCOVERY_AGENT_NEW,    /* an agent usable for registration was heard that was not known, or became usable (FA.new) */
  MIP4_DISCOVERY_AGENT_CHANGED, /* care-of addresses, flags or challenge changed; not a move */
  MIP4_DISCOVERY_AGENT_LOST,   /* of one told of: its advertisement's Lifetime is over, or it said Lifetime 0 (FA.lost) */
  MIP4_DISCOVERY_AGENT_RESET,  /* sequence fell back to 0..255 (FA.reset) */
  MIP4_DISCOVERY_MOVED,        /* prefixes say that the serving agent's network was left (algorithm 2) */
  MIP4_DISCOVERY_HOME_AGENT,   /* our home agent was heard on this link: home candidate (RFC 5944 2.4.3) */
} Mip4DiscoveryEventType;

typedef struct {
  Mip4DiscoveryEventType type;
  Mip4Path path;
  Mip4Agent agent;       /* flags has B: busy, start no new registration with it (MIP-ADV-014) */
  gboolean serving;      /* it is the one of REGISTERED */
  const char *reason;    /* static */
} Mip4DiscoveryEvent;

typedef enum {
  MIP4_DISCOVERY_ACTION_SEND,
  MIP4_DISCOVERY_ACTION_EVENT,
} Mip4DiscoveryActionType;

typedef struct {
  Mip4DiscoveryActionType type;
  union {
    struct {
      Mip4Path path;
      RoamAddr source;      /* unset: 0.0.0.0 */
      RoamAddr destination; /* 224.0.0.11; IP TTL 1 */
      GBytes *message;      /* the ICMP message */
    } send;
    Mip4DiscoveryEvent event;
  };
} Mip4DiscoveryAction;

void mip4_discovery_action_clear (Mip4DiscoveryAction *action);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (Mip4DiscoveryAction, mip4_discovery_action_clear)

/* What the headers of a received ICMP message said. */
typedef struct {
  Mip4Path path;
  RoamAddr source, destination;
  guint8 link_layer[6];   /* source */
  guint8 ttl;
} Mip4DiscoveryHeader;

/* Copies @config; @rng is borrowed. */
Mip4Discovery *mip4_discovery_new (const Mip4DiscoveryConfig *config, RoamRng *rng);
void mip4_discovery_free (Mip4Discovery *discovery);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (Mip4Discovery, mip4_discovery_free)

void mip4_discovery_input_command (Mip4Discovery *discovery, const RoamNow *now, const Mip4DiscoveryCommand *command);
/* One ICMP message (no IP header). Never fails: what is wrong is counted. */
void mip4_discovery_input_datagram (Mip4Discovery *discovery, const RoamNow *now, const Mip4DiscoveryHeader *header,
                                    const guint8 *data, gsize length);
void mip4_discovery_input_deadline (Mip4Discovery *discovery, const RoamNow *now);
gint64 mip4_discovery_next_deadline (const Mip4Discovery *discovery);
gboolean mip4_discovery_pop_action (Mip4Discovery *discovery, Mip4DiscoveryAction *ret_action);

/* Elements Mip4Agent: those of @path that take registrations (F, not B), preferred first; caller unrefs. */
GArray *mip4_discovery_dup_agents (const Mip4Discovery *discovery, Mip4Path path);
/*
 * The default router that the agents of @path advertise: the most preferred one that is a neighbour by
 * the path's address and prefix (RFC 1256 5.3). FALSE: none; @ret_router is then untouched.
 */
gboolean mip4_discovery_get_router (const Mip4Discovery *discovery, Mip4Path path, RoamAddr *ret_router);
/* As mip4_mn_dup_counters(). */
GHashTable *mip4_discovery_dup_counters (const Mip4Discovery *discovery);
