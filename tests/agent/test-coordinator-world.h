/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "agent/coordinator.h"

/*
 * A coordinator in virtual time, with its surroundings played by the test. What an input leads to is
 * kept as one line of words in the order of the actions, so that a test states effect and order at once:
 *
 *   plan:hold plan:drop plan:home plan:c plan:f plan:mc the wish for the data plane
 *   start move move~ check delete abandon               IKE; "~": Child SAs move with the answer
 *   rrq home-rrq dereg cancel forget                    Mobile IPv4, direct
 *   fa-rrq via-rrq fa-dereg agent                       Mobile IPv4, through an agent; news of it
 *   vpn-rrq vpn-rrq+F vpn-dereg vpn-cancel              Mobile IPv4, over the VPN
 *   ST-020>C                                            row and new state
 *   alarm:no-tnc ...                                    alarms
 *   handover:mc>c                                       data resumed elsewhere
 *
 * A word about another interface than 1 ends in /ifindex.
 */

#define WORLD_MSEC ROAM_USEC_PER_MSEC
#define WORLD_SEC ROAM_USEC_PER_SEC

/* Addresses of the tests: 10.1.0.0/24 is the home link, the gateway gives the TIA. */
#define WORLD_HOME_ADDRESS "10.1.0.100"
#define WORLD_INSIDE "10.2.0.50"
#define WORLD_INSIDE_2 "10.3.0.50"
#define WORLD_OUTSIDE "198.51.100.50"
#define WORLD_OUTSIDE_2 "198.18.2.50"
#define WORLD_AGENT "10.2.0.9"
#define WORLD_AGENT_2 "10.2.0.10"
#define WORLD_AGENT_FLAGS (MIP4_AGENT_FOREIGN | MIP4_AGENT_REVERSE_TUNNEL)
#define WORLD_TIA "10.8.0.7"
#define WORLD_TIA_2 "10.8.0.8"

#define WORLD_N_PATHS 64

typedef struct
{
  guint32 serial;
  Mip4Form form;
  RoamAddr care_of_address;
  Mip4Agent agent;
  gint64 sent_us;
  guint64 identification;
} WorldRequest;

typedef struct
{
  Coordinator *c;
  CoordinatorConfig config;
  RoamNow now;
  CoordinatorPlan plan;
  guint64 last_identification;
  WorldRequest requests[WORLD_N_PATHS]; /* newest by path; 0: VPN */
  WorldRequest deregistrations[WORLD_N_PATHS];
  IkeCommand ike; /* newest START or MOVE */
  IkeCommand paths; /* newest PATHS; it has no word in the log */
  guint n_paths_told;
  guint32 check_serial;
  gboolean mobike, nat;
  gint64 rtt_us;
  RoamAddr tia;
  GString *log;                 /* words of the last input */
  GArray *actions;              /* CoordinatorAction of the last input */
  const char *last_sentence;    /* of the last alarm */
  CoordinatorHandover handover; /* the last one */
} World;

/* What a test may change before world_new(). */
void world_config (CoordinatorConfig *ret_config);
/* Not enabled yet; no link. */
World *world_new (const CoordinatorConfig *config);
void world_free (World *w);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (World, world_free)

RoamAddr world_address (const char *text);
/* For tests that reach inside: adds the words of what waits; drops all words. */
void world_collect (World *w);
void world_forget (World *w);
/* Compares the words of the last input; aborts the test with both lines when they differ. */
#define world_expect(w, words) world_expect_at (w, words, __FILE__, __LINE__)
void world_expect_at (World *w, const char *words, const char *file, int line);
#define world_expect_state(w, ifindex, state) world_expect_state_at (w, ifindex, state, __FILE__, __LINE__)
void world_expect_state_at (World *w, int ifindex, CoordinatorState state, const char *file, int line);
/* Lets time pass, serving every deadline on its own instant; the words of all of them are kept. */
void world_pass (World *w, gint64 us);

void world_enable (World *w);
void world_disable (World *w);
void world_redetect (World *w, int ifindex);

/* Link 1 is eth0 (metric 100), 2 is wlan0 (metric 600), 3 is wwan0 (metric 700). */
DetectLink world_link (int ifindex, const char *address);
void world_link_event (World *w, DetectEventType type, const DetectLink *link);
void world_address_event (World *w, int ifindex, const char *address);
void world_link_down (World *w, int ifindex);
void world_address_lost (World *w, int ifindex);
void world_hint (World *w, int ifindex, const char *address);

/* Answers to the newest request of a path. */
void world_accept (World *w, Mip4Path path, gboolean tnc);
void world_deny (World *w, Mip4Path path, guint8 code, gboolean will_retry);
void world_exhaust (World *w, Mip4Path path);
void world_discard (World *w, Mip4Path path, gboolean key_mismatch);
void world_renewal_due (World *w, Mip4Path path);
void world_expire (World *w, Mip4Path path);
void world_revoke (World *w, Mip4Path path);
/* For what these do not say: an event about the newest request of @path, to be filled in and given. */
Mip4MnEvent world_event (const World *w, Mip4MnEventType type, Mip4Path path);
void world_input_mip4 (World *w, const Mip4MnEvent *event);

/* One care-of address: its own. */
Mip4Agent world_agent (const char *address, guint16 flags);
void world_agent_event (World *w, Mip4DiscoveryEventType type, int ifindex, const Mip4Agent *agent);
/* An accepting answer to @request, which is not the current record any more. */
void world_late (World *w, Mip4Path path, const WorldRequest *request, gboolean tnc);

/* ESTABLISHED or PATH_OK, as the newest command wants it. */
void world_v_ok (World *w);
/* FAILED or PATH_FAILED. */
void world_v_fail (World *w);
void world_v_event (World *w, IkeEventType type);
void world_check_ok (World *w);
/* IKE_EVENT_PATH_CHANGED to that link's address. */
void world_path_changed (World *w, int ifindex, const char *address);
void world_tia_changed (World *w, const char *tia);

/* Enabled, and with eth0 as far as the name says; the words of the last step are dropped. */
World *world_new_detecting (const CoordinatorConfig *config, const char *address);
World *world_new_c (const CoordinatorConfig *config);
/* Mode f through WORLD_AGENT; COORDINATOR_AGENTS_PREFER. */
World *world_new_f (const CoordinatorConfig *config);
World *world_new_home (const CoordinatorConfig *config);
/* Steady: direct budget over, binding refreshed. */
World *world_new_mc (const CoordinatorConfig *config);
/* From MC, moved to WORLD_OUTSIDE_2 on eth0: DET.0 of 3.4.1. */
World *world_new_moved (const CoordinatorConfig *config);
/* MCREG of a start outside, direct request still running. */
World *world_new_mcreg (const CoordinatorConfig *config);
