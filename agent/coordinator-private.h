/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "agent/coordinator.h"

/*
 * Inside the coordinator: the records it keeps, the transition table, and the actions its rows name.
 * Names are those of the requirements' state table: R is the direct registration, B the registration
 * over the VPN, V the VPN side.
 */

typedef enum {
  COORDINATOR_EVENT_START,
  COORDINATOR_EVENT_STOP,
  COORDINATOR_EVENT_LINK_UP,
  COORDINATOR_EVENT_LINK_DOWN,
  COORDINATOR_EVENT_ADDR,
  COORDINATOR_EVENT_ADDR_LOST,
  COORDINATOR_EVENT_HINT,
  COORDINATOR_EVENT_HOME_LINK,
  COORDINATOR_EVENT_R_IN,
  COORDINATOR_EVENT_R_NOTNC,
  COORDINATOR_EVENT_R_DENY,
  COORDINATOR_EVENT_R_BAD,
  COORDINATOR_EVENT_R_EXH,
  COORDINATOR_EVENT_R_LATE,
  COORDINATOR_EVENT_V_OK,
  COORDINATOR_EVENT_V_FAIL,
  COORDINATOR_EVENT_V_DEAD,
  COORDINATOR_EVENT_V_AUTH,
  COORDINATOR_EVENT_V_TIA,
  COORDINATOR_EVENT_GRACE,
  COORDINATOR_EVENT_B_OK,
  COORDINATOR_EVENT_B_DENY,
  COORDINATOR_EVENT_B_EXH,
  COORDINATOR_EVENT_MON,
  COORDINATOR_EVENT_MON_EXP,
  COORDINATOR_EVENT_RENEW,
  COORDINATOR_EVENT_EXPIRE,
  COORDINATOR_EVENT_REVOKED,
  COORDINATOR_EVENT_RETRY,
} CoordinatorEvent;

const char *coordinator_event_to_string (CoordinatorEvent event);

/* Interfaces followed at once; more are ignored (a laptop has a handful). */
#define COORDINATOR_MAX_LINKS 16
/* Data wait this long without a path before they are dropped instead (TCP gives up on nothing sooner). */
#define COORDINATOR_HOLD_LIMIT_US (30 * ROAM_USEC_PER_SEC)
/* Least and longest wait for the direct answer before the first registration over the VPN. */
#define COORDINATOR_SETTLE_US (10 * ROAM_USEC_PER_MSEC)
#define COORDINATOR_SETTLE_LIMIT_US (250 * ROAM_USEC_PER_MSEC)
/* RFC 5944 3.6.3: a mobile node sends no two requests on one path within a second. */
#define COORDINATOR_MIN_RRQ_US ROAM_USEC_PER_SEC

typedef struct {
  DetectLink link;
  CoordinatorState state;
  const char *reason;
  gboolean home_form;        /* R is the deregistration form */
  guint32 r_serial;          /* of the newest direct request; 0: none yet */
  gboolean r_running;
  gboolean r_newer_b;        /* a request went over the VPN after it */
  RoamAddr r_address;        /* its care-of address */
  gint64 r_began_us;
  gint64 r_due_us;           /* first copy waits for the one-second rule */
  gint64 grace_us, mon_us, mon_exp_us, retry_us;
  gint64 retry_delay_us;
  gint64 proved_us;          /* sending time of the request that proved the network; 0: no proof */
  gboolean v_dead_once;
} CoordinatorLink;

typedef enum {
  COORDINATOR_VPN_NONE,
  COORDINATOR_VPN_DELAYED,  /* P-5 runs */
  COORDINATOR_VPN_STARTING, /* IKE_SA_INIT / IKE_AUTH under way */
  COORDINATOR_VPN_UPDATING, /* UPDATE_SA_ADDRESSES under way */
  COORDINATOR_VPN_UP,
} CoordinatorVpnState;

typedef struct {
  CoordinatorVpnState state;
  int ifindex;               /* path it is on, or moves to */
  guint32 serial;            /* of the newest START or MOVE */
  guint32 check_serial;      /* of the liveness check that B.exh asked for; 0: none */
  gint64 start_us;           /* P-5 */
  IkeConfiguration configuration;
} CoordinatorVpn;

/* What the home agent is believed to hold. */
typedef struct {
  gboolean valid;
  gboolean dirty;            /* it may hold another care-of address than this */
  gboolean over_vpn;
  RoamAddr care_of_address;
} CoordinatorBinding;

typedef struct {
  guint32 serial;
  gboolean running;
  gboolean forced_udp;       /* F=1 was tried */
  gint64 retry_us;
  gint64 retry_delay_us;
} CoordinatorB;

struct _Coordinator {
  CoordinatorConfig config;
  gboolean enabled;
  CoordinatorLink links[COORDINATOR_MAX_LINKS];
  guint n_links;
  int active;                /* ifindex of the interface that carries the data or is to; 0: none */
  int probe;                 /* ifindex tried besides a working active one (make before break); 0: none */
  CoordinatorVpn vpn;
  CoordinatorBinding binding;
  CoordinatorB b;
  guint32 last_serial;
  gint64 last_late_us;       /* P-10 */
  gint64 hold_since_us;      /* 0: data flow */
  gboolean alarm_raised;
  /* where data flowed last, for the handover record */
  CoordinatorState data_state;
  int data_ifindex;
  char data_ifname[DETECT_NAME_LENGTH];
  RoamAddr data_address;
  CoordinatorPlan plan;
  gboolean plan_known;
  GQueue ike, mip4, records; /* of CoordinatorAction, this pass; drained in this order after the plan */
  GQueue ready;              /* of CoordinatorAction, to be popped */
  GQueue events;             /* of internal events (pure consequences) of this pass */
};

/* What came with an event, for guards and actions. */
typedef struct {
  const RoamNow *now;
  const Mip4MnEvent *mip4;
  const IkeEvent *ike;
  const char *reason;
  gboolean gateway_alive;    /* B_EXH */
} CoordinatorEvidence;

typedef gboolean (*CoordinatorGuard) (const Coordinator *c, const CoordinatorLink *link,
                                      const CoordinatorEvidence *evidence);
typedef void (*CoordinatorRowAction) (Coordinator *c, CoordinatorLink *link, const CoordinatorEvidence *evidence);

typedef struct {
  const char *id; /* "R5266-ST-020" */
  CoordinatorState state;
  CoordinatorEvent event;
  CoordinatorGuard guard; /* NULL: always */
  CoordinatorRowAction action;
  CoordinatorState next;
  const char *reason;
} CoordinatorRow;

/* The first row for (state, event) whose guard holds; NULL: default rules of 16.3, the state stays. */
const CoordinatorRow *coordinator_table_find (const Coordinator *c, const CoordinatorLink *link, CoordinatorEvent event,
                                              const CoordinatorEvidence *evidence);
/* All rows, for tests. */
const CoordinatorRow *coordinator_table_rows (guint *ret_n);

/* States in which user data flow: clear on a proved network, or inside ESP. */
gboolean coordinator_state_is_trusted (CoordinatorState state);
gboolean coordinator_state_is_mc (CoordinatorState state);
gboolean coordinator_state_has_data (CoordinatorState state);

/* One event into one interface's machine: table, state, arbiter. */
void coordinator_dispatch (Coordinator *c, CoordinatorLink *link, CoordinatorEvent event,
                           const CoordinatorEvidence *evidence);
/* The interface of that index, or NULL. */
CoordinatorLink *coordinator_find_link (Coordinator *c, int ifindex);
/* Makes @link the one that carries the data; the one that did stands by. */
void coordinator_activate (Coordinator *c, CoordinatorLink *link);
/* Handles the consequences and queues what is to be done. Ends every input. */
void coordinator_finish_pass (Coordinator *c, const RoamNow *now);
/* Queues a pure consequence, handled in this same pass. */
void coordinator_raise (Coordinator *c, CoordinatorLink *link, CoordinatorEvent event, gboolean gateway_alive);
void coordinator_alarm (Coordinator *c, const CoordinatorLink *link, CoordinatorAlarm alarm, guint8 code,
                        const char *sentence);
gboolean coordinator_is_probe (const Coordinator *c, const CoordinatorLink *link);
/* The binding at the home agent is the TIA's, and believed to be so. */
gboolean coordinator_binding_is_tia (const Coordinator *c);

/* Commands, with the records they keep. */
void coordinator_vpn_connect (Coordinator *c, CoordinatorLink *link, gint64 now_us);
void coordinator_vpn_start (Coordinator *c, CoordinatorLink *link);
void coordinator_vpn_move (Coordinator *c, CoordinatorLink *link, gboolean children_now);
void coordinator_vpn_drop (Coordinator *c, gboolean tell_gateway);
void coordinator_vpn_check (Coordinator *c);
void coordinator_r_register (Coordinator *c, CoordinatorLink *link, gint64 now_us);
void coordinator_r_due (Coordinator *c, CoordinatorLink *link, gint64 now_us);
void coordinator_r_stop (Coordinator *c, CoordinatorLink *link);
void coordinator_b_register (Coordinator *c, gint64 now_us, gboolean force_udp);
void coordinator_b_stop (Coordinator *c);
void coordinator_deregister (Coordinator *c, CoordinatorLink *link, gboolean over_vpn);

/* The actions of the table's rows. */
#define COORDINATOR_ROW_ACTION(name) \
  void coordinator_act_##name (Coordinator *c, CoordinatorLink *link, const CoordinatorEvidence *evidence)
COORDINATOR_ROW_ACTION (nothing);
COORDINATOR_ROW_ACTION (stop);
COORDINATOR_ROW_ACTION (link_lost);
COORDINATOR_ROW_ACTION (address_lost);
COORDINATOR_ROW_ACTION (detect);
COORDINATOR_ROW_ACTION (inside);
COORDINATOR_ROW_ACTION (proof_renewed);
COORDINATOR_ROW_ACTION (no_tnc);
COORDINATOR_ROW_ACTION (no_tnc_late);
COORDINATOR_ROW_ACTION (no_tnc_register);
COORDINATOR_ROW_ACTION (no_tnc_blocked);
COORDINATOR_ROW_ACTION (stop_r);
COORDINATOR_ROW_ACTION (start_grace);
COORDINATOR_ROW_ACTION (v_failed);
COORDINATOR_ROW_ACTION (v_failed_detect);
COORDINATOR_ROW_ACTION (v_failed_blocked);
COORDINATOR_ROW_ACTION (v_failed_inside);
COORDINATOR_ROW_ACTION (v_restart);
COORDINATOR_ROW_ACTION (v_refused_probe);
COORDINATOR_ROW_ACTION (v_inside);
COORDINATOR_ROW_ACTION (binding_gone);
COORDINATOR_ROW_ACTION (binding_gone_register);
COORDINATOR_ROW_ACTION (register_vpn);
COORDINATOR_ROW_ACTION (vpn_data);
COORDINATOR_ROW_ACTION (retry_timer);
COORDINATOR_ROW_ACTION (probe_again);
COORDINATOR_ROW_ACTION (monitor);
COORDINATOR_ROW_ACTION (b_accepted);
COORDINATOR_ROW_ACTION (b_backoff);
COORDINATOR_ROW_ACTION (b_silent);
COORDINATOR_ROW_ACTION (b_force_udp);
