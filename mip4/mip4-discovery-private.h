/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "mip4/mip4-advertisement-private.h"
#include "mip4/mip4-discovery.h"

/*
 * Inside of agent discovery; its parts are mip4-discovery.c (verbs, paths), -agents (the table and its
 * events), -solicit (the schedule of solicitations) and -move (routers and prefixes).
 */

/* Interfaces that listen at one time; a laptop has a handful. */
#define MIP4_DISCOVERY_MAX_PATHS 32u
/*
 * Agents kept of one link: a site runs two or three. A flood of invented ones ends here; the serving
 * agent and our home agent have their places beside these.
 */
#define MIP4_DISCOVERY_MAX_AGENTS 8u
/* The longest validity of an advertisement that RFC 1256 4.1 lets a router configure; more is a lie or a mistake. */
#define MIP4_DISCOVERY_MAX_LIFETIME_S 9000u
/* An agent's restarts closer together are one (RFC 5944 3.6: no more than one registration a second). */
#define MIP4_DISCOVERY_RESET_INTERVAL_US ROAM_USEC_PER_SEC

/* The first solicitation after a link came up comes within this, so that neighbours do not all ask at once. */
#define MIP4_SOLICIT_DELAY_US (100 * ROAM_USEC_PER_MSEC)
/* No two solicitations on one path are closer, whatever asks for them (RFC 5944 2.4). */
#define MIP4_SOLICIT_FLOOR_US ROAM_USEC_PER_SEC
/* Solicitations at the fast rate (RFC 5944 2.4), then the interval doubles from 2 s to the last one. */
#define MIP4_SOLICIT_INITIAL 3u
/* With its jitter never below the floor, nor (the last one) below a minute. */
#define MIP4_SOLICIT_FAST_US G_GINT64_CONSTANT (1062500)
#define MIP4_SOLICIT_BACKOFF_FIRST_US (2 * ROAM_USEC_PER_SEC)
#define MIP4_SOLICIT_BACKOFF_LAST_US (64 * ROAM_USEC_PER_SEC)
/* Every interval is varied by up to a sixteenth both ways. */
#define MIP4_SOLICIT_JITTER_SHARE 16

/* MIP-ADV-017: all that is recorded of one agent on one link. */
typedef struct
{
  Mip4Agent agent;
  guint16 lifetime_s; /* of the advertisement, as received */
  gint64 heard_us, expiry_us;
  gint64 reset_us;         /* of the last RESET event; G_MININT64: none */
  gboolean common_traffic; /* Code 0: routes for everyone */
  gboolean home;           /* our home agent, with H set: a home candidate */
  gboolean reported;       /* there was an AGENT_NEW or HOME_AGENT for it */
  gboolean move_reported;  /* there was a MOVED for it */
  Mip4AdvertisedRouter routers[MIP4_ADVERTISEMENT_MAX_ROUTERS];
  guint n_routers;
} Mip4AgentEntry;

/* What the coordinator said of the registration on a path. */
typedef enum
{
  MIP4_SERVED_NOT_YET,
  MIP4_SERVED_DIRECTLY, /* co-located, or at home */
  MIP4_SERVED_BY_AGENT,
} Mip4Served;

typedef struct
{
  Mip4Path path;
  gboolean up; /* FALSE: kept for its rate limit only */
  RoamAddr address;
  guint8 prefix_length;
  GArray *agents; /* Mip4AgentEntry, the longest known first */
  Mip4Served served;
  RoamAddr serving;
  /* The advertised networks of the serving agent outlive its entry: algorithm 2 compares with them. */
  Mip4AgentEntry serving_entry;
  gint64 solicit_us; /* when the next one is due; ROAM_NEVER: no search */
  guint solicited;   /* in this search */
  gint64 backoff_us;
  gint64 last_solicit_us; /* G_MININT64: never */
} Mip4DiscoveryPath;

typedef enum
{
  MIP4_DISCOVERY_COUNT_SOLICITATIONS,
  MIP4_DISCOVERY_COUNT_ACCEPTED,
  MIP4_DISCOVERY_COUNT_NOT_LISTENING,
  MIP4_DISCOVERY_COUNT_NOT_AN_AGENT,
  MIP4_DISCOVERY_COUNT_CHECKSUM,
  MIP4_DISCOVERY_COUNT_MALFORMED,
  MIP4_DISCOVERY_COUNT_UNKNOWN_EXTENSION,
  MIP4_DISCOVERY_COUNT_TTL,
  MIP4_DISCOVERY_COUNT_SOURCE,
  MIP4_DISCOVERY_COUNT_DESTINATION,
  MIP4_DISCOVERY_COUNT_CONTRADICTION,
  MIP4_DISCOVERY_COUNT_LINK_LAYER,
  MIP4_DISCOVERY_COUNT_LIFETIME_0,
  MIP4_DISCOVERY_COUNT_TABLE_FULL,
  MIP4_DISCOVERY_COUNT_RESET_TOO_SOON,
  MIP4_DISCOVERY_N_COUNTS,
} Mip4DiscoveryCount;

struct _Mip4Discovery
{
  Mip4DiscoveryConfig config;
  RoamRng *rng;     /* borrowed */
  GPtrArray *paths; /* Mip4DiscoveryPath */
  GQueue actions;   /* Mip4DiscoveryAction */
  guint64 counts[MIP4_DISCOVERY_N_COUNTS];
};

/* mip4-discovery.c */
void mip4_discovery_push_event (Mip4Discovery *discovery, Mip4DiscoveryPath *path, Mip4DiscoveryEventType type,
                                const Mip4AgentEntry *entry, const char *reason);
void mip4_discovery_push_solicitation (Mip4Discovery *discovery, const Mip4DiscoveryPath *path);
/* Unicast: may be the address of a host. */
gboolean mip4_discovery_is_host (const RoamAddr *addr);

/* mip4-discovery-agents.c */
/* A verified advertisement: enters it into the table of @path and tells what is new. */
void mip4_discovery_apply (Mip4Discovery *discovery, const RoamNow *now, Mip4DiscoveryPath *path,
                           const Mip4DiscoveryHeader *header, const Mip4Advertisement *advertisement);
/* Agents whose advertisement's Lifetime is over are lost (RFC 5944 2.4.2.1). */
void mip4_discovery_expire (Mip4Discovery *discovery, const RoamNow *now, Mip4DiscoveryPath *path);
/* NULL: not known. */
Mip4AgentEntry *mip4_discovery_find_agent (const Mip4DiscoveryPath *path, const RoamAddr *address);
gboolean mip4_discovery_is_serving (const Mip4DiscoveryPath *path, const RoamAddr *address);
/* A foreign agent with which a registration may be started. */
gboolean mip4_discovery_is_open (const Mip4AgentEntry *entry);
/* Something is heard that ends a search. */
gboolean mip4_discovery_has_usable (const Mip4DiscoveryPath *path);

/* mip4-discovery-solicit.c */
/* A new search, the first solicitation within @delay_us and not before the rate limit allows. */
void mip4_solicit_start (Mip4Discovery *discovery, const RoamNow *now, Mip4DiscoveryPath *path, gint64 delay_us);
void mip4_solicit_stop (Mip4DiscoveryPath *path);
/* Sends what is due. */
void mip4_solicit_run (Mip4Discovery *discovery, const RoamNow *now, Mip4DiscoveryPath *path);

/* mip4-discovery-move.c */
/* Algorithm 2 of RFC 5944 2.4.2.2 for an advertisement of @entry: a sentence when it says that we moved, or NULL. */
const char *mip4_discovery_moved (const Mip4DiscoveryPath *path, const RoamNow *now, const Mip4AgentEntry *entry);
