/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "agent/gateways.h"
#include "agent/journal.h"
#include "agent/message-ids.h"
#include "agent/plan.h"
#include "agent/resolve-io.h"
#include "agent/resolved-io.h"
#include "agent/runtime.h"
#include "agent/snapshot.h"
#include "agent/ticket-io.h"
#include "detect/detect-io.h"
#include "tunnel/tunnel-io.h"

/* SO_MARK of every socket of roamd: its packets take the main table and pass the gate's rules for it. */
#define AGENT_MARK 0x5266u
/* An UDP payload is never longer (RFC 768). */
#define AGENT_MAX_DATAGRAM 65535

/* One physical interface with its sockets, from the moment it appears (not from the event: latency). */
typedef struct
{
  Agent *agent;
  int ifindex;
  char name[DETECT_NAME_LENGTH];
  int mip4_fd, ike_fd; /* UDP 434 and 500, bound to the interface; -1: could not be opened */
  int icmp_fd;         /* packet socket: router advertisements in, solicitations out; -1: could not be opened */
  GSource *mip4_source, *ike_source, *icmp_source;
  gboolean discovers; /* agent discovery knows that the link is up */
  guint8 mac[6];
  gboolean home_agent_heard; /* it advertised itself here since the link came up: the home link (D-18) */
  DetectArpIo *arp;          /* NULL while not needed */
  GSource *arp_source;
  DetectArpGuard *arp_guard; /* NULL: the kernel answers for the home address here, too */
  gboolean announced;        /* the home address, since it was last away */
  gboolean send_failed;      /* in an episode of send errors that has been logged */
} AgentLink;

typedef enum
{
  AGENT_PHASE_OFF, /* released: no tunnel, no gate */
  AGENT_PHASE_ON,
  AGENT_PHASE_RELEASING, /* Disconnect: last packets, then everything is taken away */
  AGENT_PHASE_STOPPING,  /* SIGTERM: last packets, then the process ends; the gate stays */
} AgentPhase;

/* From a link event to the first packets it caused (promise 1). */
typedef struct
{
  gint64 began_us;             /* boot time at which the wake-up was read; 0: none yet */
  gboolean wait_ike, wait_rrq; /* running */
  gint64 mobike_us, rrq_us;    /* measured since the last handover; -1: none sent */
} AgentStopwatch;

/* What the IKE session needs from outside: runtime-vpn.c. */
typedef struct
{
  AgentGateways *gateways; /* NULL: no VPN in the profile, like all the rest */
  AgentResolver *resolver;
  RoamAddr allowed[TUNNEL_GATE_MAX_GATEWAYS]; /* by the gate: those of the list first, then those learnt */
  guint n_allowed;
  IkeCommand paths; /* told last */
  gboolean has_paths;
  IkeCommand start; /* the newest; with has_start it waits for an address until start_until_us */
  gboolean has_start;
  gint64 start_until_us;
  gboolean resolve_wanted; /* by the engine */
  gboolean stale;          /* the session's secret is not to be used any more */
  gint64 established_us, reauthenticate_us;
  AgentResolved *resolved; /* NULL: the system's name service is left alone */
  RoamAddr dns[TUNNEL_MAX_DNS]; /* as applied */
  guint n_dns;
  char **domains; /* of the configuration in force; NULL: none */
  gboolean domains_are_new;
  AgentTicket ticket;
  gboolean ticket_is_new, cache_is_new; /* not in their files yet */
  char *state_directory, *runtime_directory;
} AgentVpn;

/* A secret that a person gives: runtime-secret.c. */
typedef struct
{
  RoamSecret *given;   /* NULL: none, or refused */
  gboolean pending;    /* asked for */
  guint32 handle;      /* of the newest request; 0: there was none */
  const char *refusal; /* static: why the last one was not good; NULL: none was refused */
} AgentSecret;

/* What is done for the IKE session outside of it: runtime-outside.c. */
typedef struct _AgentOutside AgentOutside;

/* A Child SA as it came, for status displays. */
typedef struct
{
  guint32 id, spi_in, spi_out;
  gint64 since_us;
} AgentChild;

/* A line of the log that waits for the end of the pass. */
typedef struct
{
  GLogLevelFlags level;
  const char *message_id;
  char *link, *mode, *peer, *reason; /* NULL: no such field */
  char *text;
} AgentLogLine;

struct _Agent
{
  const AgentConfig *config;
  RoamRng *rng;

  Coordinator *coordinator;
  Mip4Mn *mip4;
  Mip4Discovery *discovery;
  IkeSession *ike; /* NULL: no VPN in the profile, or something is still missing (runtime-vpn.c) */
  AgentVpn vpn;
  AgentSecret secret;
  AgentOutside *outside; /* NULL: no VPN in the profile */
  GArray *children;      /* of AgentChild */
  DetectTracker *tracker;

  DetectLinkIo *link_io;
  TunnelIo *tunnel;   /* NULL while released */
  TunnelGateIo *gate; /* NULL while released */
  GHashTable *links;  /* ifindex -> AgentLink, owned */
  guint8 *buffer;     /* AGENT_MAX_DATAGRAM */

  int timer_fd;
  gint64 armed_us;   /* what the timer stands at */
  guint hasty_wakes; /* deadlines in the past, one after the other */
  GSource *timer_source, *netlink_source, *tunnel_source;
  guint idle_source;

  AgentPhase phase;
  gint64 phase_deadline_us;
  void (*stopped) (gpointer user_data);
  gpointer stopped_data;

  TunnelPlan plan;
  char plan_ifname[DETECT_NAME_LENGTH];
  RoamAddr serving;         /* agent that was registered through; unset: none */
  RoamAddr serving_care_of; /* its care-of address */
  Mip4Path served_path;     /* what discovery was told last; 0: nothing */
  RoamAddr served_agent;
  RoamAddr tia;               /* of the IKE session */
  TunnelGateState gate_state; /* as applied */
  char *fault;                /* what of the data plane failed; NULL: all well */
  GQueue vpn_sends;           /* of Mip4MnAction*: registrations that wait for the plan */
  IkeCommand terminate;       /* waits for the registrations of its round */
  gboolean has_terminate;

  AgentStopwatch stopwatch;
  gint64 suspended_us;                      /* boot time less monotonic time */
  gint64 watchdog_us, watchdog_interval_us; /* next pulse; interval 0: none */

  AgentJournal *journal;
  AgentJournalFile *journal_file; /* NULL: could not be opened */
  GQueue unwritten;               /* of AgentHandover*: not yet in the file nor on the bus */
  GQueue log;                     /* of AgentLogLine* */

  const AgentListener *listener;
  gpointer listener_data;
  AgentSnapshot *snapshot; /* announced last */
  gint64 mode_since_us;
  gboolean has_alarm;
  CoordinatorAlarm alarm;
  guint8 alarm_code;
  const char *alarm_sentence, *ike_reason, *ike_advice; /* static */
  gboolean mobike, nat;
  char message[128]; /* of the last answer; "": none came with it */
  gboolean message_authentic;
  TunnelGateCounters gate_counters; /* of gate_counters_us */
  gint64 gate_counters_us;
};

/* -------------------------------------------------------------- runtime.c ---- */

/* Reads both clocks. */
RoamNow agent_now (void);
/* Drains every engine, applies one plan, arms the timer, leaves the slow work to the idle loop. */
void agent_pass (Agent *agent, const RoamNow *now);
void agent_arm_timer (Agent *agent);

/* ------------------------------------------------------ runtime-engines.c ---- */

/* Empties the action queues into sockets, plan and each other until nothing is left. */
void agent_engines_drain (Agent *agent, const RoamNow *now);
/* Sends the registrations that had to wait for the plan. */
void agent_engines_flush_vpn_sends (Agent *agent);
void agent_engines_drop_vpn_sends (Agent *agent);

/* What the IKE session has to do, into sockets, plan and evidence. TRUE: there was something. */
gboolean agent_engines_drain_ike (Agent *agent, const RoamNow *now);
/* Evidence for the coordinator, and for all who display it. */
void agent_engines_take_ike_event (Agent *agent, const RoamNow *now, const IkeEvent *event);

/* ---------------------------------------------------------- runtime-vpn.c ---- */

void agent_vpn_init (Agent *agent, const AgentPlace *place);
void agent_vpn_clear (Agent *agent);
/* Makes the IKE session, if there is none and nothing is missing for it. FALSE: a sentence, caller frees. */
gboolean agent_vpn_open_session (Agent *agent, char **ret_problem);
/* The one way of a command to the session. */
void agent_vpn_take_command (Agent *agent, const RoamNow *now, const IkeCommand *command);
void agent_vpn_take_event (Agent *agent, const RoamNow *now, const IkeEvent *event);
/* @ticket NULL: the one before is not valid any more. */
void agent_vpn_take_ticket (Agent *agent, RoamSecret *ticket, gint64 expires_wall_us);
/* Before a datagram goes to @addr: the gate lets IKE through to it. */
void agent_vpn_allow (Agent *agent, const RoamAddr *addr);
/* The name service may know other things here; it is asked when the pass is over. */
void agent_vpn_links_changed (Agent *agent, const RoamNow *now);
void agent_vpn_ask_names (Agent *agent, const RoamNow *now);
/* Gives the plan's name servers to the system, or takes them back; does nothing when they are the same. */
void agent_vpn_apply_names (Agent *agent);
gint64 agent_vpn_next_deadline (Agent *agent);
void agent_vpn_input_deadline (Agent *agent, const RoamNow *now);
/* Writes what the next start wants to know; may be slow. */
void agent_vpn_save (Agent *agent);
/* The address in use, or the first known one, or the profile's name; "": no VPN. */
const char *agent_vpn_gateway_text (Agent *agent, char buffer[ROAM_ADDR_STRLEN]);

/* ------------------------------------------------------- runtime-secret.c ---- */

/* The profile leaves the secret to a person, who has not given it. */
gboolean agent_secret_is_missing (Agent *agent);
/* @refusal: why the last one was not good, static; NULL: none was given. */
void agent_secret_ask (Agent *agent, const char *refusal);
/* Puts what was given into @ike; borrowed. */
void agent_secret_fill (Agent *agent, IkeConfig *ike);
void agent_secret_take_ike (Agent *agent, const IkeEvent *event);
void agent_secret_fill_snapshot (Agent *agent, AgentSnapshot *snapshot);
void agent_secret_clear (Agent *agent);

/* ------------------------------------------------------ runtime-outside.c ---- */

void agent_outside_init (Agent *agent);
void agent_outside_clear (Agent *agent);
/* IKE_ACTION_SIGN and IKE_ACTION_FETCH; the answers come from the main loop, later. */
void agent_outside_sign (Agent *agent, const IkeAction *action);
void agent_outside_fetch (Agent *agent, const IkeAction *action);
/* Of the token with the private key; NULL: none. */
void agent_outside_set_pin (Agent *agent, RoamSecret *pin);
gboolean agent_outside_pin_was_refused (Agent *agent);

/* --------------------------------------------------------- runtime-link.c ---- */

/* Opens and closes sockets so that there is one pair for each candidate. TRUE: the set changed. */
gboolean agent_links_sync (Agent *agent);
void agent_link_free (AgentLink *link);
AgentLink *agent_link_find_by_name (Agent *agent, const char *name);
const char *agent_link_name (Agent *agent, int ifindex);
/* UDP from @source, port 434 or 500, out of that interface. FALSE: errno. */
gboolean agent_link_send_mip4 (Agent *agent, int ifindex, const RoamAddr *source, const RoamEndpoint *destination,
                               guint8 ttl, GBytes *datagram);
gboolean agent_link_send_ike (Agent *agent, int ifindex, const RoamAddr *source, const RoamEndpoint *destination,
                              GBytes *datagram);
/* Logs the first of a row of errors (errno); the engines' retransmission is the remedy. */
void agent_link_note_send (Agent *agent, int ifindex, gboolean sent, int error_number, const RoamAddr *peer);

/* ------------------------------------------------------- runtime-agents.c ---- */

void agent_agents_open (AgentLink *link);
void agent_agents_close (AgentLink *link);
/* Solicits where @event says that a link may be new; detection goes on in the same pass (R5266-INT-004). */
void agent_agents_take_link (Agent *agent, const RoamNow *now, const DetectEvent *event);
/* Enabled, or released: begins or ends on every link. */
void agent_agents_restart (Agent *agent, const RoamNow *now);
/* A newer challenge is wanted. */
void agent_agents_solicit (Agent *agent, const RoamNow *now, Mip4Path path);
/* TRUE: something was pulled. */
gboolean agent_agents_drain (Agent *agent, const RoamNow *now);

/* ---------------------------------------------------------- runtime-arp.c ---- */

void agent_arp_open (AgentLink *link);
void agent_arp_close (AgentLink *link);
/* Before the request of @command is sent: answers and announcements as its form wants them. */
void agent_arp_before_request (Agent *agent, const RoamNow *now, const Mip4MnCommand *command);
void agent_arp_take_transition (Agent *agent, const RoamNow *now, const CoordinatorTransition *transition);
void agent_arp_take_agent (Agent *agent, const RoamNow *now, const Mip4DiscoveryEvent *event);
/* As agent_agents_restart(). */
void agent_arp_restart (Agent *agent);
gint64 agent_arp_next_deadline (Agent *agent);
void agent_arp_input_deadline (Agent *agent, const RoamNow *now);

/* ---------------------------------------------------------- runtime-dataplane.c ---- */

/* Creates gate (closed) and tunnel. */
gboolean agent_dataplane_open (Agent *agent, GError **error);
/* Releases the machine: device and gate are gone. */
void agent_dataplane_remove (Agent *agent);
/* Ends in good order with the device and the closed gate in place. */
void agent_dataplane_leave (Agent *agent);
/* At once, before anything else is decided (R5266-TRF-001, TRF-005). */
void agent_dataplane_block_now (Agent *agent);
/* Applies the plan in the safe order (R5266-TRF-006). */
void agent_dataplane_apply (Agent *agent);
/* Sockets for ESP-in-UDP on new links, at once. */
void agent_dataplane_apply_links (Agent *agent);

/* -------------------------------------------------------- runtime-log.c ---- */

typedef struct
{
  const char *link, *mode, *peer, *reason; /* NULL: left out */
} AgentLogFields;

/* Queues one line; it is written at the end of the pass, after the packets. */
void agent_log (Agent *agent, GLogLevelFlags level, const char *message_id, const AgentLogFields *fields,
                const char *format, ...) G_GNUC_PRINTF (5, 6);
void agent_log_flush (Agent *agent);
void agent_log_transition (Agent *agent, const CoordinatorTransition *transition);
void agent_log_ike (Agent *agent, const IkeEvent *event);
void agent_log_mip4 (Agent *agent, const Mip4MnEvent *event);
void agent_log_agent (Agent *agent, const Mip4DiscoveryEvent *event);
void agent_log_link (Agent *agent, const DetectEvent *event);

/* ------------------------------------------------------ runtime-status.c ---- */

/* Journal, snapshot, listener: what may be slow. */
void agent_status_schedule (Agent *agent);
void agent_status_run (Agent *agent);
void agent_status_take_handover (Agent *agent, const CoordinatorHandover *handover);
void agent_status_take_alarm (Agent *agent, const CoordinatorAction *action);
void agent_status_take_mip4 (Agent *agent, const Mip4MnEvent *event);
void agent_status_take_ike (Agent *agent, const IkeEvent *event);
