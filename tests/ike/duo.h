/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "ike/ike-dialect-private.h"
#include "ike/ike.h"
#include "tests/sim/sim.h"

/*
 * The engine against itself: one IkeSession as client and one IkeResponder as gateway, joined by the
 * virtual network, each with a model of a data plane that does what the actions say.
 */

/*
 * A data plane: the Child SAs installed, the one in use, and where ESP goes. A gateway has those of all its
 * clients, whose ids count by themselves; they are one person here, so the newest Child SA is the one in use.
 */
typedef struct
{
  GPtrArray *children; /* IkeChildSa */
  GArray *clients;     /* guint32, beside them: whose; 0: the client's own plane */
  guint32 outbound;    /* id; 0: none */
  guint32 outbound_client;
  RoamEndpoint local, remote;
  gboolean udp_encap;
  guint moves;
} Plane;

typedef struct
{
  gint64 at_us;
  gboolean from_client;
  RoamEndpoint local, remote; /* of the sender */
  GBytes *data;
} DuoPacket;

typedef struct
{
  Sim *sim;
  IkeSession *client;
  IkeResponder *responder;
  SimLink *a, *b, *nat; /* ifindex 1, 2, 3; the last one behind a NAT */
  Plane plane, gateway_plane;
  GArray *events, *gateway_events; /* IkeEvent */
  GPtrArray *packets;              /* DuoPacket, both directions */
  guint32 client_number;           /* the one with the newest Child SA in use */
  GPtrArray *tickets;              /* RoamSecret, or NULL for "forget it", as they came */
  guint32 serial;
  /* TRUE: the packet vanishes. */
  gboolean (*filter) (const DuoPacket *packet, gpointer user);
  gpointer filter_user;
} Duo;

#define DUO_HOST_A "198.51.100.50"
#define DUO_HOST_B "198.18.2.50"
#define DUO_HOST_NAT "192.168.77.50"
#define DUO_NAT "192.0.2.2"
#define DUO_GATEWAY "203.0.113.2"
#define DUO_GATEWAY2 "203.0.113.3"
#define MS ROAM_USEC_PER_MSEC
#define SEC ROAM_USEC_PER_SEC

/* What the gateways of this program speak: "mopo" as the first argument, else MOBIKE. After g_test_init(). */
void duo_init (int argc, char **argv);
/* The same, from now on. */
void duo_speak (const IkeDialect *dialect);
const IkeDialect *duo_dialect (void);
/* PSK on both sides, pool 10.99.0.0/24. */
IkeConfig duo_client_config (void);
IkeResponderConfig duo_gateway_config (void);
/* NULL: the above. Links with 20 ms one way. */
Duo *duo_new (const IkeConfig *client, const IkeResponderConfig *gateway, guint64 seed);
void duo_free (Duo *duo);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (Duo, duo_free)

void duo_run (Duo *duo, gint64 duration_us);
/* Until a client's event of @type; fails the test if it does not come in time. */
const IkeEvent *duo_run_until (Duo *duo, IkeEventType type, gint64 limit_us);
void duo_start (Duo *duo, const SimLink *link);
/* PATHS with these links, NULL-terminated. */
void duo_paths (Duo *duo, SimLink *const *links);
/* GATEWAYS with this address. */
void duo_gateway_is (Duo *duo, const char *address);
void duo_move (Duo *duo, const SimLink *link, gboolean children_now);
void duo_input_command (Duo *duo, const IkeCommand *command);
void duo_command (Duo *duo, IkeCommandType type);
void duo_gateway_command (Duo *duo, IkeCommandType type);
/* The gateway's other addresses are these from now on. */
/* The gateway's address @gone is gone, @left are all that it has; one family each. */
void duo_lose_address (Duo *duo, const char *gone, const char *const *left);
void duo_set_addresses (Duo *duo, const RoamAddr *addresses, guint n);
/* START on link a and ESTABLISHED on both sides. */
void duo_establish (Duo *duo);
guint duo_count (const GArray *events, IkeEventType type);
const IkeEvent *duo_event (const GArray *events, IkeEventType type);
guint64 duo_gateway_counter (const Duo *duo, const char *name);
guint64 duo_client_counter (const Duo *duo, const char *name);
/* A packet of ESP each way: what one sends the other can receive, with the same keys. Fails the test otherwise. */
void duo_ping (Duo *duo);
/* Raw octets to the gateway, now. */
void duo_inject (Duo *duo, const RoamEndpoint *gateway, const RoamEndpoint *from, GBytes *datagram);
/* IKE octets of a packet, without marker. */
GBytes *duo_message (const DuoPacket *packet);
guint8 duo_exchange (const DuoPacket *packet);
gboolean duo_addr_is (const RoamAddr *addr, const char *text);
/* The gateway's half of the first client. */
IkeSession *duo_gateway_session (const Duo *duo);
IkeStatus duo_gateway_status (const Duo *duo, guint32 client);
RoamEndpoint duo_gateway_remote (const Duo *duo, guint32 client);
IkeStatus duo_client_status (const Duo *duo);
void duo_assert_remote (const Duo *duo, guint32 client, const RoamEndpoint *remote);
void duo_assert_gateway_at (const Duo *duo, guint32 client, const char *addr);
/* The newest packet of that side and exchange; NULL: none. */
const DuoPacket *duo_find_packet (const Duo *duo, gboolean from_client, guint8 exchange);
/* The same; fails the test if there is none. */
const DuoPacket *duo_last_packet (const Duo *duo, gboolean from_client, guint8 exchange);
/* One in clear. */
IkeMessage *duo_parse (const DuoPacket *packet);
RoamEndpoint duo_endpoint (const char *addr, guint16 port);
