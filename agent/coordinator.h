/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "base/addr.h"
#include "base/now.h"
#include "detect/detect.h"
#include "ike/ike.h"
#include "mip4/mip4-discovery.h"
#include "mip4/mip4.h"
#include "tunnel/tunnel.h"

/*
 * The RFC 5266 coordinator: link events and evidence in, commands and one wish for the data plane
 * out. Pure. One state machine per interface (RFC 5265 3.2.1; decision A-20), one VPN record, one
 * arbiter that picks the interface which carries the data.
 */

typedef enum {
  COORDINATOR_OFF,
  COORDINATOR_OFFLINE,
  COORDINATOR_ACQUIRE,
  COORDINATOR_DET_0,
  COORDINATOR_DET_G,
  COORDINATOR_DET_R,
  COORDINATOR_DET_V,
  COORDINATOR_HOME,
  COORDINATOR_C,
  COORDINATOR_C_FA,
  COORDINATOR_F,
  COORDINATOR_MCREG,
  COORDINATOR_MC_BG,
  COORDINATOR_MC,
  COORDINATOR_MC_CHK,
  COORDINATOR_BLOCKED,
} CoordinatorState;
#define COORDINATOR_N_STATES (COORDINATOR_BLOCKED + 1)

/* "DET.0", "MC.BG" ...; the names of the state table. */
const char *coordinator_state_to_string (CoordinatorState state);
/* "offline", "detecting", "home", "c", "f", "mc": what people and the bus see. */
const char *coordinator_state_to_mode (CoordinatorState state);

/* Foreign agents are used on proved networks only (RFC 5266 3); this says which ones. */
typedef enum {
  COORDINATOR_AGENTS_NEVER,  /* co-located always */
  COORDINATOR_AGENTS_AUTO,   /* where the agent asks for it (R bit): own address, registered through it (D-24) */
  COORDINATOR_AGENTS_PREFER, /* mode f wherever an agent is heard that tunnels in reverse (P-11) */
} CoordinatorAgents;

typedef struct {
  RoamPrefix home;              /* home address and the home link's prefix length */
  RoamAddr home_agent;
  gboolean has_vpn;             /* FALSE: no gateway configured (inside only) */
  gint64 detect_timeout_us;     /* P-1, 1 s */
  guint detect_retries;         /* P-2, 2 */
  gint64 grace_us;              /* P-4, 0 */
  gint64 vpn_delay_us;          /* P-5, 0 */
  gint64 t_monitor_us;          /* P-6, 60 s */
  gint64 monitor_margin_us;     /* N, 10 s */
  gboolean vpn_inside_keep;     /* P-7 */
  gint64 retry_us, retry_limit_us; /* P-8: 5 s doubling to 60 s */
  gint64 late_rate_us;          /* P-10: 10 s */
  gboolean mc_refresh;          /* P-12 */
  gboolean udp_encap;           /* ESP stays in UDP (user-space data plane) */
  CoordinatorAgents agents;     /* P-11: AUTO */
} CoordinatorConfig;

/* Defaults of section 14 of the requirements; addresses unset. */
void coordinator_config_init (CoordinatorConfig *config);

typedef struct _Coordinator Coordinator;

typedef enum {
  COORDINATOR_ENABLE,   /* Start */
  COORDINATOR_DISABLE,  /* Stop */
  COORDINATOR_REDETECT, /* Hint on one interface (ifindex) or on all (0) */
} CoordinatorCommandType;

typedef struct {
  CoordinatorCommandType type;
  int ifindex;
  const char *reason; /* static or NULL */
} CoordinatorCommand;

typedef enum {
  COORDINATOR_ACTION_PLAN,     /* the wish for the data plane; always precedes what it must precede */
  COORDINATOR_ACTION_MIP4,
  COORDINATOR_ACTION_IKE,
  COORDINATOR_ACTION_STATE,    /* one interface changed state */
  COORDINATOR_ACTION_ALARM,    /* something a person should know */
  COORDINATOR_ACTION_HANDOVER, /* the data path moved; for the journal */
} CoordinatorActionType;

typedef enum {
  COORDINATOR_ALARM_NO_TNC,           /* i-HA answered without TNC: misconfigured, or not our network */
  COORDINATOR_ALARM_TNC_OUTSIDE,      /* SEC-006 */
  COORDINATOR_ALARM_KEY_MISMATCH,     /* MN-HA key wrong (D-10) */
  COORDINATOR_ALARM_HA_DENIED,
  COORDINATOR_ALARM_VPN_AUTH,
  COORDINATOR_ALARM_VPN_UNREACHABLE,
  COORDINATOR_ALARM_NO_MOBIKE,
  COORDINATOR_ALARM_REVERSE_TUNNEL,   /* 137/138/134/70 over the VPN: never T=0 */
  COORDINATOR_ALARM_NO_PATH,          /* BLOCKED */
  COORDINATOR_ALARM_REVOKED,          /* the home agent ended the registration by itself (RFC 3543) */
  COORDINATOR_ALARM_CLEARED,          /* everything is well again */
} CoordinatorAlarm;

/*
 * What the coordinator knows of the plan: everything but the SAs and ESP addresses, which the
 * runtime adds from the IKE session's CHILD_* actions.
 */
typedef struct {
  TunnelMode mode;
  int ifindex;               /* active interface; 0: none */
  char ifname[DETECT_NAME_LENGTH];
  RoamAddr mip_local;        /* CoA in C, TIA in MC */
  RoamAddr home_agent;       /* of the latest successful reply (MIP-REV-016); unset: the profile's */
  gboolean mip_udp;          /* C and MC: RFC 3519 tunnelling instead of IP-in-IP */
  guint16 keepalive_s;       /* with mip_udp */
  gboolean keepalive_at_once; /* with mip_udp: the agent's R bit was passed on in 144 (RFC 3519 4.4) */
  Mip4Agent agent;           /* F: first-hop router and, with encapsulating, tunnel end; C: the agent that was
                                registered through with the own address (D=1), or unset */
  gboolean encapsulating;    /* F: Encapsulating Delivery Style (RFC 3024 5.2) */
  RoamAddr next_hop;
  RoamAddr tia;
  RoamAddr dns[4];
  guint n_dns;
} CoordinatorPlan;

typedef struct {
  int ifindex;
  char ifname[DETECT_NAME_LENGTH];
  CoordinatorState old_state, new_state;
  const char *event;  /* name of section 16.2: "Addr", "R.in" ... */
  const char *row;    /* "R5266-ST-020" */
  const char *reason; /* static sentence */
} CoordinatorTransition;

typedef struct {
  gint64 began_us, ended_us;  /* data blocked .. data resumed (boot time) */
  char from_ifname[DETECT_NAME_LENGTH], to_ifname[DETECT_NAME_LENGTH];
  CoordinatorState from, to;
  RoamAddr from_address, to_address; /* local addresses of the interfaces */
  const char *reason;
} CoordinatorHandover;

typedef struct {
  CoordinatorActionType type;
  union {
    CoordinatorPlan plan;
    Mip4MnCommand mip4;
    IkeCommand ike;
    CoordinatorTransition state;
    struct {
      CoordinatorAlarm alarm;
      int ifindex;
      guint8 code;
      const char *sentence; /* static: what happened and what to do */
    } alarm;
    CoordinatorHandover handover;
  };
} CoordinatorAction;

Coordinator *coordinator_new (const CoordinatorConfig *config);
void coordinator_free (Coordinator *coordinator);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (Coordinator, coordinator_free)

void coordinator_input_command (Coordinator *coordinator, const RoamNow *now, const CoordinatorCommand *command);
/* Evidence: what the engines and the link tracker said. */
void coordinator_input_link (Coordinator *coordinator, const RoamNow *now, const DetectEvent *event);
void coordinator_input_mip4 (Coordinator *coordinator, const RoamNow *now, const Mip4MnEvent *event);
void coordinator_input_agent (Coordinator *coordinator, const RoamNow *now, const Mip4DiscoveryEvent *event);
/* The tunnel to the home agent gives no sign of life (RFC 3519 4.10): the binding is to be renewed now. */
void coordinator_input_tunnel_silent (Coordinator *coordinator, const RoamNow *now);
void coordinator_input_ike (Coordinator *coordinator, const RoamNow *now, const IkeEvent *event);
/* IKE_EVENT_PATH_CHANGED: the engine itself took @path, since the one in use was silent. */
void coordinator_input_path (Coordinator *coordinator, const RoamNow *now, const IkePath *path);
void coordinator_input_deadline (Coordinator *coordinator, const RoamNow *now);
gint64 coordinator_next_deadline (const Coordinator *coordinator);
gboolean coordinator_pop_action (Coordinator *coordinator, CoordinatorAction *ret_action);

/* Status of one interface, for snapshots. */
typedef struct {
  DetectLink link;
  CoordinatorState state;
  gboolean active;
  gboolean trusted;
  gint64 proved_us;       /* boot time the proof counts from; 0: none */
  const char *reason;     /* why this state: last transition's sentence */
} CoordinatorLinkStatus;

/* Elements CoordinatorLinkStatus, ordered by ifindex; caller unrefs. */
GArray *coordinator_dup_links (const Coordinator *coordinator);
/* State of the active interface, or the most advanced one, or OFF/OFFLINE. */
CoordinatorState coordinator_get_state (const Coordinator *coordinator);
