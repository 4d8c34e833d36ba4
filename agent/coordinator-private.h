/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "agent/coordinator.h"

/*
 * Inside the coordinator: the records it keeps, the transition table, and the actions its rows name.
 * Names are those of the requirements' state table: R is the direct registration, B the registration
 * over the VPN, V the VPN side.
 */

typedef enum
{
  COORDINATOR_EVENT_START,
  COORDINATOR_EVENT_STOP,
  COORDINATOR_EVENT_LINK_UP,
  COORDINATOR_EVENT_LINK_DOWN,
  COORDINATOR_EVENT_ADDR,
  COORDINATOR_EVENT_ADDR_LOST,
  COORDINATOR_EVENT_HINT,
  COORDINATOR_EVENT_HOME_LINK,
  COORDINATOR_EVENT_FA_NEW,
  COORDINATOR_EVENT_FA_LOST,
  COORDINATOR_EVENT_FA_RESET,
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
/* Foreign agents kept of one interface; more are not heeded (one link has one or two). */
#define COORDINATOR_MAX_AGENTS 4
/* a request through an agent keeps this distance from the last direct one (RFC 5944 3.6.3). */
#define COORDINATOR_AGENT_DISTANCE_US (1 * ROAM_USEC_PER_SEC)
/* Renewals of the proof that interrupt one attempt with an agent; a short T_MONITOR would repeat it for ever. */
#define COORDINATOR_AGENT_ATTEMPTS 2
/* Data wait this long without a path before they are dropped instead (TCP gives up on nothing sooner). */
#define COORDINATOR_HOLD_LIMIT_US (30 * ROAM_USEC_PER_SEC)
/* Least and longest wait for the direct answer before the first registration over the VPN. */
#define COORDINATOR_SETTLE_US (10 * ROAM_USEC_PER_MSEC)
#define COORDINATOR_SETTLE_LIMIT_US (250 * ROAM_USEC_PER_MSEC)
/* An IKE SA that dies younger than this is a fault of the gateway's: the next start waits (P-8). */
#define COORDINATOR_VPN_YOUNG_US (10 * ROAM_USEC_PER_SEC)

/* A foreign agent as heard on one interface: a hint, used only once the network is proved (MODE-006). */
typedef struct
{
  Mip4Agent agent;
  gboolean unusable; /* it refused or did not answer; until it is heard anew */
} CoordinatorAgent;

typedef struct
{
  DetectLink link;
  CoordinatorState state;
  const char *reason;
  gboolean home_form; /* R is the deregistration form */
  guint32 r_serial;   /* of the newest direct request; 0: none yet */
  gboolean r_running;
  gint64 r_began_us, r_ended_us;
  gint64 r_sent_us; /* the last one known to have left */
  CoordinatorAgent agents[COORDINATOR_MAX_AGENTS];
  guint n_agents;
  Mip4Agent fa;     /* C.FA, F: the agent asked, or registered through; else unset */
  Mip4Form fa_form; /* with fa: FOREIGN_AGENT or CO_LOCATED_VIA_AGENT */
  guint fa_asked;   /* times that the one agent was asked without an answer through it */
  gint64 agent_us;  /* */
  gint64 grace_us, mon_us, mon_exp_us, retry_us;
  gint64 retry_delay_us;
  gint64 proved_us; /* sending time of the request that proved the network; 0: no proof */
  gboolean v_dead_once;
  gboolean rejected; /* tried in vain: not again before something changes there */
} CoordinatorLink;

typedef enum
{
  COORDINATOR_VPN_NONE,
  COORDINATOR_VPN_DELAYED,  /* P-5 runs */
  COORDINATOR_VPN_STARTING, /* IKE_SA_INIT / IKE_AUTH under way */
  COORDINATOR_VPN_UPDATING, /* UPDATE_SA_ADDRESSES under way */
  COORDINATOR_VPN_UP,
  COORDINATOR_VPN_FAILED, /* the IKE SA is there, but nobody answered its newest update */
} CoordinatorVpnState;

typedef struct
{
  CoordinatorVpnState state;
  int ifindex;          /* path it is on, or moves to */
  guint32 serial;       /* of the newest START or MOVE */
  guint32 check_serial; /* of the liveness check that B.exh asked for; 0: none */
  guint session;        /* counts IKE SAs */
  gboolean mobike;
  gboolean nat;           /* the gateway sees us through a NAT */
  gboolean replaces_dead; /* set up because the last one died (U-05) */
  gint64 start_us;        /* P-5, or the wait after an SA that died young */
  gint64 established_us;
  gint64 not_before_us, penalty_us;
  IkeConfiguration configuration;
  IkePath paths[IKE_MAX_PATHS]; /* told last */
  guint n_paths;
} CoordinatorVpn;

/* What the home agent is believed to hold. */
typedef struct
{
  gboolean valid;
  gboolean dirty; /* it may hold another care-of address than this */
  gboolean over_vpn;
  guint session; /* IKE SA under which it was made (U-21) */
  RoamAddr care_of_address;
  Mip4Form form;
  RoamAddr home_agent; /* of the reply; unset: not told */
  gboolean mip_udp;
  guint16 keepalive_s;
  gboolean keepalive_at_once;
  RoamAddr agent; /* source of the reply, with the *_AGENT forms */
  gboolean encapsulating;
  gint64 expiry_us;
  guint64 identification; /* of the newest request known to be accepted, on whatever path */
} CoordinatorBinding;

typedef struct
{
  guint32 serial;
  gboolean running;
  gboolean force_udp;   /* F=1 in 144 (T-20) */
  gboolean waited;      /* one refusal was answered with patience (T-19) */
  gboolean await_check; /* unanswered; the liveness check of the gateway decides what follows */
  gint64 began_us, ended_us;
  gint64 retry_us;
  gint64 retry_delay_us;
} CoordinatorB;

/* An alarm that was raised and is not over. */
typedef struct
{
  int ifindex;
  guint8 code;
  const char *sentence;
} CoordinatorStanding;

struct _Coordinator
{
  CoordinatorConfig config;
  gboolean enabled;
  gint64 now_us; /* of the pass under way */
  CoordinatorLink links[COORDINATOR_MAX_LINKS];
  guint n_links;
  int active; /* ifindex of the interface that carries the data or is to; 0: none */
  int probe;  /* ifindex tried besides a working active one (make before break); 0: none */
  CoordinatorVpn vpn;
  CoordinatorBinding binding;
  CoordinatorB b;
  guint32 last_serial;
  gint64 late_from_us;  /* P-10: the next fresh request for a late answer not before */
  gint64 hold_since_us; /* 0: data flow */
  guint alarms;         /* 1 << CoordinatorAlarm: standing */
  CoordinatorStanding standing[COORDINATOR_ALARM_CLEARED];
  /* where data flowed last, for the handover record */
  CoordinatorState data_state;
  int data_ifindex;
  char data_ifname[DETECT_NAME_LENGTH];
  RoamAddr data_address;
  CoordinatorPlan plan;
  gboolean plan_known;
  GQueue ike, mip4, transitions, alarm_news, handovers; /* of CoordinatorAction, this pass; drained in this order */
  GQueue ready;                                         /* of CoordinatorAction, to be popped */
  GQueue events;                                        /* of internal events (pure consequences) of this pass */
};

/* What came with an event, for guards and actions. */
typedef struct
{
  const RoamNow *now;
  const Mip4MnEvent *mip4;
  const IkeEvent *ike;
  const Mip4Agent *agent; /* FA_LOST, FA_RESET, FA_NEW (NULL: one of those known) */
  const char *reason;
  gboolean gateway_alive; /* B_EXH */
  gboolean stale;         /* the reply is to an older or closed record */
} CoordinatorEvidence;

typedef gboolean (*CoordinatorGuard) (const Coordinator *c, const CoordinatorLink *link,
                                      const CoordinatorEvidence *evidence);
typedef void (*CoordinatorRowAction) (Coordinator *c, CoordinatorLink *link, const CoordinatorEvidence *evidence);

typedef struct
{
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
/* These, and MCREG: without the IKE SA there is nothing. */
gboolean coordinator_state_needs_vpn (CoordinatorState state);
gboolean coordinator_state_carries_data (CoordinatorState state);

/* ------------------------------------------------------------- coordinator.c ---- */

/* One event into one interface's machine: table, state, arbiter. */
void coordinator_dispatch (Coordinator *c, CoordinatorLink *link, CoordinatorEvent event,
                           const CoordinatorEvidence *evidence);
/* The one writer of a link's state. */
void coordinator_set_state (Coordinator *c, CoordinatorLink *link, CoordinatorState state, const char *event,
                            const char *row, const char *reason);
/* The interface of that index, or NULL. */
CoordinatorLink *coordinator_find_link (Coordinator *c, int ifindex);
/* Begins every input: what became due before it. */
void coordinator_begin_pass (Coordinator *c, const RoamNow *now);
/* Handles the consequences and queues what is to be done. Ends every input. */
void coordinator_finish_pass (Coordinator *c, const RoamNow *now);
/* Queues a pure consequence, handled in this same pass. */
void coordinator_raise (Coordinator *c, CoordinatorLink *link, CoordinatorEvent event, gboolean gateway_alive);

/* ----------------------------------------------------- coordinator-actions.c ---- */

void coordinator_alarm_no_tnc (Coordinator *c, const CoordinatorLink *link, const CoordinatorEvidence *evidence);

/* ------------------------------------------------------ coordinator-agents.c ---- */

/* Guards: there is an agent to register through and A-18 is met; the event is about the agent in use; ... with B. */
gboolean coordinator_agent_is_wanted (const Coordinator *c, const CoordinatorLink *link,
                                      const CoordinatorEvidence *evidence);
gboolean coordinator_agent_is_ours (const Coordinator *c, const CoordinatorLink *link,
                                    const CoordinatorEvidence *evidence);
gboolean coordinator_agent_is_ours_busy (const Coordinator *c, const CoordinatorLink *link,
                                         const CoordinatorEvidence *evidence);
/* Guard: the reply is to a request through the agent. */
gboolean coordinator_agent_answered (const Coordinator *c, const CoordinatorLink *link,
                                     const CoordinatorEvidence *evidence);
/* The active interface is in C and an agent is wanted: now, or when A-18 is met. */
void coordinator_consider_agent (Coordinator *c, const RoamNow *now);
/* The attachment may be another: what was heard there counts no more. */
void coordinator_forget_agents (CoordinatorLink *link);

/* ----------------------------------------------------- coordinator-arbiter.c ---- */

gboolean coordinator_is_probe (const Coordinator *c, const CoordinatorLink *link);
/* TRUE: the event concerns a link on trial and is answered; the table is not asked. */
gboolean coordinator_arbiter_intercept (Coordinator *c, CoordinatorLink *link, CoordinatorEvent event,
                                        const CoordinatorEvidence *evidence);
/* Who carries the data after @link entered its state. */
void coordinator_arbitrate (Coordinator *c, CoordinatorLink *link, const CoordinatorEvidence *evidence);
/* @link is usable with this attachment: asks it if it is in use or better than what is. */
void coordinator_link_ready (Coordinator *c, CoordinatorLink *link, const CoordinatorEvidence *evidence);
/* @link is the better one by metric, then kind. */
gboolean coordinator_link_is_better (const CoordinatorLink *link, const CoordinatorLink *than);
/* The VPN works from @link and not from the active one: @link is tried, its data flow already. */
void coordinator_follow_path (Coordinator *c, CoordinatorLink *link, const CoordinatorEvidence *evidence);
/* Makes @link the one that carries the data; the one that did stands by. */
void coordinator_activate (Coordinator *c, CoordinatorLink *link);
/* Drops the trial of another interface, if there is one: the active one needs everything for itself. */
void coordinator_drop_probe (Coordinator *c);
/* The binding shall be the active interface's again. */
void coordinator_restore_binding (Coordinator *c, gint64 now_us);
/* A better link that stands by is tried as soon as the active one carries data. */
void coordinator_consider_standby (Coordinator *c, const CoordinatorEvidence *evidence);
/* P-8 is over on @link. */
void coordinator_retry (Coordinator *c, CoordinatorLink *link, const CoordinatorEvidence *evidence);

/* ------------------------------------------------------ coordinator-output.c ---- */

void coordinator_publish (Coordinator *c, const RoamNow *now);
void coordinator_push_transition (Coordinator *c, const CoordinatorLink *link, CoordinatorState old_state,
                                  const char *event, const char *row, const char *reason);
/* Raises a standing alarm; said once until it is over. */
void coordinator_alarm (Coordinator *c, const CoordinatorLink *link, CoordinatorAlarm alarm, guint8 code,
                        const char *sentence);
void coordinator_alarm_over (Coordinator *c, CoordinatorAlarm alarm);
/* What was said of the network that @link was attached to is past. */
void coordinator_network_alarms_over (Coordinator *c, const CoordinatorLink *link);
void coordinator_push_mip4 (Coordinator *c, const Mip4MnCommand *command);
void coordinator_push_ike (Coordinator *c, const IkeCommand *command);
/* Tells the engine which local paths there are when they are others than before; first of all its commands. */
void coordinator_push_paths (Coordinator *c);

/* ---------------------------------------------------- coordinator-commands.c ---- */

void coordinator_vpn_connect (Coordinator *c, CoordinatorLink *link, gint64 now_us);
/* A fresh IKE SA from @link after @delay_us (P-5), or later when the last one died young. */
void coordinator_vpn_start (Coordinator *c, CoordinatorLink *link, gint64 now_us, gint64 delay_us);
void coordinator_vpn_send_start (Coordinator *c);
void coordinator_vpn_move (Coordinator *c, CoordinatorLink *link, gboolean children_now);
void coordinator_vpn_drop (Coordinator *c, gboolean tell_gateway);
/* The engine said that the IKE SA, or the attempt, is gone. */
void coordinator_vpn_gone (Coordinator *c, gint64 now_us);
void coordinator_vpn_check (Coordinator *c);
gboolean coordinator_vpn_has_sa (const Coordinator *c);
void coordinator_r_register (Coordinator *c, CoordinatorLink *link, gint64 now_us);
/* The same through link->fa, in link->fa_form. */
void coordinator_r_register_agent (Coordinator *c, CoordinatorLink *link, gint64 now_us);
void coordinator_r_ended (CoordinatorLink *link, gint64 now_us);
void coordinator_r_stop (Coordinator *c, CoordinatorLink *link, gint64 now_us);
void coordinator_b_register (Coordinator *c, gint64 now_us);
void coordinator_b_ended (Coordinator *c, gint64 now_us);
void coordinator_b_stop (Coordinator *c, gint64 now_us);
void coordinator_b_backoff (Coordinator *c, gint64 now_us);
void coordinator_deregister (Coordinator *c, CoordinatorLink *link);
void coordinator_deregister_binding (Coordinator *c, CoordinatorLink *link);
/* The binding at the home agent is the TIA's under this IKE SA, and believed to be so. */
gboolean coordinator_binding_is_tia (const Coordinator *c, gint64 now_us);
/*
 * Every authentic acceptance tells where the home agent sends data from then on. @wanted: a current
 * record asked for it. FALSE: a newer one overtook it, nothing was learnt.
 */
gboolean coordinator_binding_learn (Coordinator *c, const Mip4MnEvent *reply, gboolean wanted);
/* A request over the VPN may have reached the home agent after one that was sent at @sent_us. */
gboolean coordinator_b_is_newer (const Coordinator *c, gint64 sent_us);
gboolean coordinator_r_is_newer (const CoordinatorLink *link, gint64 sent_us);

/* The actions of the table's rows. */
#define COORDINATOR_ROW_ACTION(name)                                                                                   \
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
COORDINATOR_ROW_ACTION (no_tnc_detect);
COORDINATOR_ROW_ACTION (no_tnc_register);
COORDINATOR_ROW_ACTION (no_tnc_blocked);
COORDINATOR_ROW_ACTION (stop_r);
COORDINATOR_ROW_ACTION (r_is_over);
COORDINATOR_ROW_ACTION (start_grace);
COORDINATOR_ROW_ACTION (v_failed);
COORDINATOR_ROW_ACTION (v_failed_blocked);
COORDINATOR_ROW_ACTION (v_failed_inside);
COORDINATOR_ROW_ACTION (v_restart);
COORDINATOR_ROW_ACTION (v_lost);
COORDINATOR_ROW_ACTION (v_refused_probe);
COORDINATOR_ROW_ACTION (v_inside);
COORDINATOR_ROW_ACTION (binding_gone);
COORDINATOR_ROW_ACTION (binding_gone_register);
COORDINATOR_ROW_ACTION (binding_gone_detect);
COORDINATOR_ROW_ACTION (register_vpn);
COORDINATOR_ROW_ACTION (vpn_data);
COORDINATOR_ROW_ACTION (retry_timer);
COORDINATOR_ROW_ACTION (probe_again);
COORDINATOR_ROW_ACTION (probe_late);
COORDINATOR_ROW_ACTION (detect_late);
COORDINATOR_ROW_ACTION (monitor);
COORDINATOR_ROW_ACTION (b_accepted);
COORDINATOR_ROW_ACTION (b_backoff);
COORDINATOR_ROW_ACTION (b_patience);
COORDINATOR_ROW_ACTION (b_silent);
COORDINATOR_ROW_ACTION (b_force_udp);
COORDINATOR_ROW_ACTION (agent_register);
COORDINATOR_ROW_ACTION (agent_again);
COORDINATOR_ROW_ACTION (agent_monitor);
COORDINATOR_ROW_ACTION (agent_proof_again);
COORDINATOR_ROW_ACTION (agent_left);
COORDINATOR_ROW_ACTION (agent_refused);
COORDINATOR_ROW_ACTION (agent_refused_detect);
