/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "base/rng.h"
#include "tunnel/tunnel-esp-private.h"
#include "tunnel/tunnel-inner-private.h"
#include "tunnel/tunnel-io.h"
#include "tunnel/tunnel-plan-private.h"

#include <gio/gio.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <netinet/in.h>
#include <sys/socket.h>

/*
 * The parts of the edge, lowest first: event queue, TUN device, routes, sockets of a link, the
 * worker thread. TunnelIo (tunnel-io.c) holds them together.
 */

/* Of the TUN: jumbo frames of 9000 are the largest that links have. */
#define TUNNEL_IO_MAX_MTU 9000

/* ---------------------------------------------------------------- event queue ---- */

typedef struct _TunnelQueue TunnelQueue;

TunnelQueue *tunnel_queue_new (GError **error);
void tunnel_queue_free (TunnelQueue *queue);
int tunnel_queue_get_fd (const TunnelQueue *queue);
/* Any thread. Takes what @event owns; drops it when the queue is full. */
void tunnel_queue_push (TunnelQueue *queue, TunnelIoEvent *event);
gboolean tunnel_queue_pop (TunnelQueue *queue, TunnelIoEvent *ret_event);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (TunnelQueue, tunnel_queue_free)

/* ------------------------------------------------------------------ TUN device ---- */

typedef struct
{
  int fd;
  int ifindex;
  char name[IFNAMSIZ];
} TunnelDevice;

/* Creates @name or attaches to one that an earlier run left. Persistent. */
gboolean tunnel_device_open (TunnelDevice *device, const char *name, GError **error);
/* !@keep: the interface goes, and with it its addresses and routes. */
void tunnel_device_close (TunnelDevice *device, gboolean keep);
/* FALSE: errno. */
gboolean tunnel_device_set_mtu (const TunnelDevice *device, guint mtu);

/* ---------------------------------------------------------------------- routes ---- */

typedef struct _TunnelRoutes TunnelRoutes;

typedef struct
{
  int tun_ifindex;
  RoamAddr home_address;
  guint table;
  guint32 mark;
  guint hold_packets;
} TunnelRoutesConfig;

/* Brings the TUN up with address and queue; rules; default routes to the TUN (IPv6: unreachable). */
TunnelRoutes *tunnel_routes_new (const TunnelRoutesConfig *config, GError **error);
/* !@keep: rules, routes and changed settings go back. */
void tunnel_routes_free (TunnelRoutes *routes, gboolean keep);
/* The user's packets go to the TUN. Nothing to do: no request. */
gboolean tunnel_routes_use_tun (TunnelRoutes *routes, GError **error);
/* ... or plain on the home link; @next_hop unset: everything is on-link. */
gboolean tunnel_routes_use_home (TunnelRoutes *routes, int ifindex, const RoamAddr *next_hop, GError **error);
/* Strict reverse path filtering would drop what comes in beside the TUN: makes it loose on @ifindex. */
void tunnel_routes_relax_rp_filter (TunnelRoutes *routes, int ifindex);
/* Packets that the TUN's queue had no room for, since the device exists. */
guint64 tunnel_routes_get_tun_dropped (TunnelRoutes *routes);
/* Netlink requests sent so far. */
guint tunnel_routes_get_requests (const TunnelRoutes *routes);

/* ------------------------------------------------------------------------ link ---- */

/* The far end of an outer path. */
typedef union
{
  struct sockaddr any;
  struct sockaddr_in in;
  struct sockaddr_in6 in6;
} TunnelOuter;

/* Sockets on one physical interface; reference-counted, closed with the last reference. */
typedef struct
{
  gint references;
  int ifindex;
  int udp_fd;  /* port 4500: IKE and ESP in UDP */
  int esp_fd;  /* raw, protocol 50: ESP without UDP; received in every case (RFC 7296 2.23) */
  int udp6_fd, esp6_fd; /* the same for an outer IPv6 path; -1: the kernel has no IPv6 here */
  int ipip_fd; /* raw, protocol 4, headers included */
} TunnelLink;

TunnelLink *tunnel_link_new (int ifindex, guint32 mark, GError **error);
TunnelLink *tunnel_link_ref (TunnelLink *link);
void tunnel_link_unref (TunnelLink *link);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (TunnelLink, tunnel_link_unref)
/* One IKE datagram with checksum, fragmented by IP if need be. FALSE: errno. */
gboolean tunnel_link_send_ike (TunnelLink *link, const RoamAddr *local, const RoamEndpoint *remote, GBytes *datagram);
/* The kernel's knowledge of the path to @remote over @ifindex; 0: none. */
guint tunnel_link_path_mtu (int ifindex, guint32 mark, const RoamAddr *remote);
/* Appends one control message behind msg_controllen; the caller's buffer has the room. */
void tunnel_append_control (struct msghdr *message, int level, int type, const void *data, gsize length);
gboolean tunnel_link_set_option (int fd, int level, int name, int value);
void tunnel_sockaddr_from_endpoint (struct sockaddr_in *sockaddr, const RoamAddr *addr, guint16 port);

/* A socket of @type and @protocol on one interface, with roamd's mark and generous buffers. -1: errno. */
int tunnel_link_open_socket (int type, int protocol, int ifindex, guint32 mark);
int tunnel_link_open_plain_socket (int family, int type, int protocol, int ifindex, guint32 mark);

/* tunnel-link6-io.c: likewise with an outer IPv6 path. The length of @outer is returned. */
socklen_t tunnel_outer_from_endpoint (TunnelOuter *outer, const RoamAddr *addr, guint16 port);
void tunnel_sockaddr6_from_endpoint (struct sockaddr_in6 *sockaddr, const RoamAddr *addr, guint16 port);
int tunnel_link_open_socket6 (int type, int protocol, int ifindex, guint32 mark);
int tunnel_link_open_udp6 (int ifindex, guint32 mark, guint16 port);
/* The source address of what is sent. */
void tunnel_append_source6 (struct msghdr *message, const RoamAddr *local);
gboolean tunnel_link_send_ike6 (int fd, const RoamAddr *local, const RoamEndpoint *remote, GBytes *datagram);
/* MTU of the interface itself; 0: unknown. */
guint tunnel_link_get_mtu (int ifindex);

/* ------------------------------------------------------------- sockets of a mode in clear ---- */

/* What one path needs; two paths with the same needs share the sockets. */
typedef struct
{
  int ifindex;
  gboolean packet;  /* F: by link-layer address */
  gboolean icmp;    /* C: errors about what was sent */
  gboolean mip_udp; /* C: tunnel data in UDP ... */
  guint port;       /* ... to this port */
} TunnelClearNeeds;

typedef struct
{
  gint references;
  TunnelClearNeeds needs;
  int packet_fd; /* AF_PACKET, sends only; -1: not needed */
  int icmp_fd;   /* raw ICMP, receives errors; -1: not needed */
  int udp_fd;    /* raw UDP, receives tunnel data only; -1: not needed */
} TunnelClear;

TunnelClear *tunnel_clear_new (const TunnelClearNeeds *needs, guint32 mark, GError **error);
TunnelClear *tunnel_clear_ref (TunnelClear *clear);
void tunnel_clear_unref (TunnelClear *clear);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (TunnelClear, tunnel_clear_unref)
/* IPv4 to the station with the 6 octets @link_layer on @ifindex. */
void tunnel_sockaddr_from_link_layer (struct sockaddr_ll *sockaddr, int ifindex, const guint8 *link_layer);
/* One IPv4 packet by link-layer address, on a socket of its own. FALSE: errno. */
gboolean tunnel_clear_send_packet (int ifindex, const guint8 *link_layer, const guint8 *packet, gsize length);

/* ---------------------------------------------------------------------- worker ---- */

/* The live half of one TunnelSa: lives across plans, so that sequence numbers go on. */
typedef struct
{
  gint references;
  TunnelSa *sa;
  RoamRng *rng;
  TunnelEspOut *out;
  TunnelEspIn *in;
  gint64 traffic_us; /* last TRAFFIC event; 0: none yet */
  guint64 short_reported; /* sequence number of the last EXHAUSTION event; 0: none yet */
} TunnelSaState;

/* @sa is referenced. NULL: a suite that roamd does not do, or no entropy. */
TunnelSaState *tunnel_sa_state_new (TunnelSa *sa, GError **error);
TunnelSaState *tunnel_sa_state_ref (TunnelSaState *state);
void tunnel_sa_state_unref (TunnelSaState *state);

/*
 * What the worker works from: made by the main thread, exchanged as a whole, never changed (but for
 * the SAs' counters, under the worker's lock).
 */
typedef struct
{
  TunnelMode mode;
  TunnelIpip ipip;          /* C, MC: the Mobile IPv4 tunnel; F: what reaches the home address inside a tunnel */
  int ifindex;              /* C, F, HOME */
  GPtrArray *links;         /* of TunnelLink */
  GPtrArray *sas;           /* of TunnelSaState */
  TunnelSaState *out;       /* borrowed from sas; NULL: none */
  TunnelLink *esp_link;     /* borrowed from links; NULL: none */
  TunnelLink *clear_link;   /* C, F, HOME; NULL: none */
  TunnelClear *clear;       /* owned; NULL: none */
  struct sockaddr_ll agent; /* F */
  TunnelIpip to_agent;      /* F with encapsulating */
  gboolean encapsulating;
  RoamAddr esp_local, tia;
  TunnelOuter esp_remote;
  socklen_t esp_remote_size;
  gboolean udp_encap, mip_udp;
  guint16 keepalive_s;
  gboolean keepalive_at_once;
} TunnelPath;

TunnelPath *tunnel_path_new (void);
void tunnel_path_free (TunnelPath *path);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (TunnelPath, tunnel_path_free)
/* tunnel_plan_get_mtu() for the plan that @path was made of. */
guint tunnel_path_get_mtu (const TunnelPath *path, guint link_mtu);

typedef struct _TunnelWorker TunnelWorker;

/* @device and @queue are borrowed until free. Starts BLOCKED. */
TunnelWorker *tunnel_worker_new (const TunnelDevice *device, TunnelQueue *queue, guint32 mark, GError **error);
/* Ends the thread and waits for it. */
void tunnel_worker_free (TunnelWorker *worker);
/* Takes @path; when it returns no packet leaves on the old one. */
void tunnel_worker_set_path (TunnelWorker *worker, TunnelPath *path);
/* When it returns none of the user's packets passes, either way, until the next path. */
void tunnel_worker_halt (TunnelWorker *worker);
/* For the main thread between set_path() calls; borrowed. */
const TunnelPath *tunnel_worker_get_path (const TunnelWorker *worker);
gboolean tunnel_worker_send_ike (TunnelWorker *worker, TunnelLink *link, const RoamAddr *local,
                                 const RoamEndpoint *remote, GBytes *datagram);
/* Encrypts an IPv4 packet of roamd's own with the outbound SA and sends it. FALSE: no SA, or errno. */
gboolean tunnel_worker_send_inner (TunnelWorker *worker, const guint8 *packet, gsize length);
void tunnel_worker_get_stats (TunnelWorker *worker, TunnelIoStats *ret_stats);
/* The TUN's MTU as set last; the worker lowers it when the path turns out to be narrower. */
void tunnel_worker_set_mtu (TunnelWorker *worker, guint mtu);
guint tunnel_worker_get_mtu (TunnelWorker *worker);
/* What routers inside the tunnel of @path said, as long as it is the present one; G_MAXUINT: nothing. */
guint tunnel_worker_get_learned_mtu (TunnelWorker *worker, const TunnelPath *path);

/* Netlink requests that @io has sent since it exists (tests: the same plan twice sends none). */
guint tunnel_io_get_requests (const TunnelIo *io);

/* ----------------------------------------------------------------------- probe ---- */

/* Asks the kernel for an ESP SA. NULL: it has one; else why not (caller frees). */
char *tunnel_probe_esp (void);
