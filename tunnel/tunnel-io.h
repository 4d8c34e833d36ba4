/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "tunnel/tunnel.h"

/*
 * The edge of tunnel/: the user-space data plane (TUN, ESP in UDP, IP-in-IP, own thread), routes,
 * and the gate (libnftables). All calls come from the main thread and never block on the network.
 */

typedef struct _TunnelIo TunnelIo;

typedef struct {
  const char *tun_name;      /* "roam0"; persistent, so that addresses and sockets survive a crash */
  RoamAddr home_address, home_agent;
  guint hold_packets;        /* bound of the hold queue; 0: 1024 */
  guint table;               /* routing table; 0: 5266 */
  guint32 mark;              /* SO_MARK of roamd's own sockets; 0: 0x5266 */
  gboolean ecn_compatibility; /* RFC 6040 4.3: the home agent would lose ECN marks, so none are made on the way */
} TunnelIoConfig;

/*
 * Creates or takes over the TUN device with the home address, the policy rules (own mark: main
 * table; everything else: table with the default route to the TUN), the worker thread; starts
 * BLOCKED. @error names the failing step and what to do.
 */
TunnelIo *tunnel_io_new (const TunnelIoConfig *config, GError **error);
/* Stops the thread. @keep: leave device and routes for the next start (crash-like); else remove them. */
void tunnel_io_free (TunnelIo *io, gboolean keep);
/* Applies the difference to the last plan. Nothing to do: no system call. */
gboolean tunnel_io_apply (TunnelIo *io, const TunnelPlan *plan, GError **error);
/* Stops the user's data within the call, before anything else is decided (R5266-TRF-001). */
void tunnel_io_hold_now (TunnelIo *io);
/* "user-space (TUN, ESP in UDP)" and why the kernel's was not taken; borrowed. */
const char *tunnel_io_get_backend (const TunnelIo *io);

typedef enum {
  TUNNEL_IO_IKE,          /* datagram with the non-ESP marker on port 4500; keepalives are ignored (RFC 3948 4) */
  TUNNEL_IO_REGISTRATION, /* UDP from port 434 that came out of ESP, to the TIA */
  TUNNEL_IO_TRAFFIC,      /* authentic inbound ESP on child sa: first packet, then at most one a second */
  TUNNEL_IO_UNANSWERED,   /* for a second and more packets leave inside ESP and none comes back; at most one a second */
  TUNNEL_IO_EXHAUSTION,   /* the sequence numbers of child sa run short: another one is needed; said again and again */
  TUNNEL_IO_KEEPALIVE_LOST, /* MIP UDP: no answer through the tunnel (RFC 3519 4.10), or the home agent's port is
                               closed (D-23): register again at once. local, remote: the tunnel's ends. At most one
                               in 10 s */
} TunnelIoEventType;

typedef struct {
  TunnelIoEventType type;
  int ifindex;
  RoamEndpoint local, remote; /* IKE: outer; REGISTRATION: inner */
  GBytes *datagram;           /* UDP payload as received; NULL for TRAFFIC */
  guint32 sa;                 /* TRAFFIC, REGISTRATION, EXHAUSTION */
} TunnelIoEvent;

void tunnel_io_event_clear (TunnelIoEvent *event);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (TunnelIoEvent, tunnel_io_event_clear)

/* Poll for reading, then pop until FALSE. */
int tunnel_io_get_fd (const TunnelIo *io);
gboolean tunnel_io_pop_event (TunnelIo *io, TunnelIoEvent *ret_event);
/* Sends an IKE datagram from port 4500 of @ifindex. FALSE: errno says why (ENETUNREACH while a route is missing ...). */
gboolean tunnel_io_send_ike (TunnelIo *io, int ifindex, const RoamAddr *local, const RoamEndpoint *remote, GBytes *datagram);
/* Sends UDP @source:434 -> @destination inside ESP, in every mode, HOLD included. FALSE: no SA. */
gboolean tunnel_io_send_registration (TunnelIo *io, const RoamAddr *source, const RoamEndpoint *destination,
                                      guint8 ttl, GBytes *datagram);
/*
 * Sends UDP @source:434 -> @destination in one IPv4 packet to the station with the 6 octets
 * @link_layer on @ifindex: registration with a foreign agent (RFC 5944 3.6.1.1), without a route,
 * without ARP and past the gate, which stays closed for all else. @source may be 0.0.0.0. FALSE: errno.
 */
gboolean tunnel_io_send_to_agent (int ifindex, const guint8 *link_layer, const RoamAddr *source,
                                  const RoamEndpoint *destination, guint8 ttl, GBytes *datagram);

/*
 * For the control socket on port 434: tunnel data (RFC 3519, first octet 4) stay away from it, so that
 * the main loop is not woken for the user's packets. The data plane hears them on a raw socket of its
 * own while a plan with mip_udp in mode c is applied; no SO_REUSEPORT, no order of opening. The
 * control socket must stay open then: it is what keeps the kernel from answering "port unreachable".
 * Once, after socket(); FALSE: errno.
 */
gboolean tunnel_io_ignore_tunnel_data (int fd);

typedef struct {
  guint64 tx_packets, tx_octets, rx_packets, rx_octets;
  guint64 held, hold_dropped, blocked;            /* packets */
  guint64 bad_authenticator, replayed, unknown_spi, bad_inner; /* inbound drops */
  guint64 clear_dropped;                          /* IP-in-IP in clear while not in C (R5266-TRF-008) */
  guint64 tx_failed, rx_failed;                   /* refused by the kernel: too big, no route, no room */
  guint64 keepalives, keepalives_lost;            /* RFC 3519 4.9, sent; tunnels that gave no answer */
  guint64 icmp_relayed, icmp_ignored;             /* RFC 2003 4: told to local senders; forged or of no meaning */
  guint64 reassembled;                            /* datagrams of the tunnel inside ESP that came in fragments */
  guint64 ecn_unused;                             /* marks that no conforming encapsulator makes (RFC 6040 4.2) */
} TunnelIoStats;
void tunnel_io_get_stats (TunnelIo *io, TunnelIoStats *ret_stats);

/* -------------------------------------------------------------------- gate ---- */

typedef struct _TunnelGateIo TunnelGateIo;

/* Installs the table, closed (replacing one left by an earlier run in one transaction, without opening). */
TunnelGateIo *tunnel_gate_io_new (const TunnelGateConfig *config, GError **error);
/* @remove: takes the table away (administrator's Disconnect); else it stays, closed. */
void tunnel_gate_io_free (TunnelGateIo *gate, gboolean remove);
/* Closing must succeed; a failure to open leaves it closed. */
gboolean tunnel_gate_io_apply (TunnelGateIo *gate, const TunnelGateState *state, GError **error);
/* Other gateways, in one transaction; at most TUNNEL_GATE_MAX_GATEWAYS, each once. FALSE: all is as before. */
gboolean tunnel_gate_io_set_gateways (TunnelGateIo *gate, const RoamAddr *gateways, guint n, GError **error);
/* roamd's own TCP connections to @server pass from now on, for some seconds at most; or no longer. */
gboolean tunnel_gate_io_set_fetch (TunnelGateIo *gate, const RoamEndpoint *server, gboolean open, GError **error);

typedef struct {
  guint64 stopped_packets, stopped_octets, passed_packets, passed_octets;
} TunnelGateCounters;
gboolean tunnel_gate_io_get_counters (TunnelGateIo *gate, TunnelGateCounters *ret_counters, GError **error);
