/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "ike/ike.h"
#include "tests/ike/gateway.h"

/* An IkeSession and a scripted gateway joined by a virtual network; everything that the engine did is kept. */
typedef struct
{
  Sim *sim;
  Gateway *gateway;
  IkeSession *session;
  SimLink *a, *b, *nat; /* ifindex 1, 2, 3; the last one behind a NAT */
  GArray *events;       /* IkeEvent */
  GArray *event_times;  /* gint64 */
  GString *trace;       /* one word per action, in order: "send add:1! event:established" */
  GPtrArray *sent;      /* Sent */
  GPtrArray *children;  /* IkeChildSa, as added */
  guint32 outbound;     /* child in use */
  GPtrArray *tickets;   /* RoamSecret, or NULL for "forget it", as they came */
  gint64 ticket_expires_wall_us;
  guint32 serial;
  /* SIGN, FETCH and TICKET go there; NULL: nowhere. */
  void (*outside) (gpointer user, const IkeAction *action);
  gpointer outside_user;
} World;

typedef struct
{
  gint64 at_us;
  guint32 ifindex;
  RoamEndpoint local, remote;
  GBytes *data;
} Sent;

#define WORLD_HOST_A "198.51.100.50"
#define WORLD_HOST_B "198.18.2.50"
#define WORLD_HOST_NAT "192.168.77.50"
#define WORLD_NAT "192.0.2.2"
#define WORLD_GATEWAY "203.0.113.2"
#define WORLD_GATEWAY2 "203.0.113.3"
#define MS ROAM_USEC_PER_MSEC
#define SEC ROAM_USEC_PER_SEC

/* What the gateways of this program speak: "mopo" as the first argument, else MOBIKE. After g_test_init(). */
void world_init (int argc, char **argv);
const IkeDialect *world_dialect (void);
/* Links a and b with 20 ms one way, nat likewise. The configuration may be changed before world_start(). */
IkeConfig world_config (void);
World *world_new (const IkeConfig *config);
void world_free (World *world);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (World, world_free)

void world_run (World *world, gint64 duration_us);
/* Until an event of @type, at most @limit_us; fails the test if it does not come. Returns the event. */
const IkeEvent *world_run_until (World *world, IkeEventType type, gint64 limit_us);
void world_input_command (World *world, const IkeCommand *command);
void world_command (World *world, IkeCommandType type);
void world_input_command (World *world, const IkeCommand *command);
void world_start (World *world, const SimLink *link);
void world_move (World *world, const SimLink *link, gboolean children_now);
/* PATHS with these links, NULL-terminated. */
void world_paths (World *world, SimLink *const *links);
/* GATEWAYS with these addresses, NULL-terminated. */
void world_gateways (World *world, const char *const *addresses);
/* START on link a and ESTABLISHED. */
World *world_established (const IkeConfig *config);
const IkeEvent *world_event (const World *world, IkeEventType type); /* newest of @type, NULL: none */
guint world_count_events (const World *world, IkeEventType type);
guint64 world_counter (const World *world, const char *name);
/* The newest datagram sent by the engine; IKE message without marker. */
const Sent *world_last_sent (const World *world);
GBytes *world_message (const Sent *sent);
/* 0: not IKE. */
guint8 world_exchange (const Sent *sent);
/* PATH_TEST and its answers are forgotten: what is left are the exchanges of IKE SAs. */
void world_drop_path_tests (World *world);
gboolean world_addr_is (const RoamAddr *addr, const char *text);
void world_traffic (World *world, guint32 child_id);
void world_unanswered (World *world, guint32 child_id);
void world_forget (World *world); /* trace, sent and events */
/* As if the datagram came from the gateway to the newest used endpoint. */
void world_inject (World *world, const Sent *like, GBytes *message);
