/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "tunnel/tunnel-icmp-private.h"
#include "tunnel/tunnel-io-private.h"
#include "tunnel/tunnel-keepalive-private.h"
#include "tunnel/tunnel-reassembly-private.h"

#include <sys/socket.h>

/*
 * Inside the worker: what its loop (tunnel-worker-io.c) and the two directions
 * (tunnel-outbound-io.c, tunnel-inbound-io.c) share.
 */

/* Packets a system call and a hold of the lock: 64 amortise both and cost the main thread < 1 ms of waiting. */
#define TUNNEL_BATCH 64
/* Before a packet: ESP header, IV, outer headers of the Mobile IPv4 tunnel (8 + 16 + 32). */
#define TUNNEL_HEADROOM 64
#define TUNNEL_SLOT_OCTETS (TUNNEL_HEADROOM + TUNNEL_IO_MAX_MTU + 256)
#define TUNNEL_CONTROL_OCTETS 64 /* IP_PKTINFO and IP_TOS, or IPV6_PKTINFO and IPV6_TCLASS */

typedef union
{
  struct sockaddr any;
  struct sockaddr_in in;
  struct sockaddr_in6 in6;
  struct sockaddr_ll ll;
} TunnelName;

typedef struct
{
  struct mmsghdr messages[TUNNEL_BATCH];
  struct iovec vectors[TUNNEL_BATCH];
  TunnelName names[TUNNEL_BATCH];
  _Alignas(struct cmsghdr) guint8 control[TUNNEL_BATCH][TUNNEL_CONTROL_OCTETS];
  guint8 slots[TUNNEL_BATCH][TUNNEL_SLOT_OCTETS];
} TunnelBatch;

/* Decision D-38: for so long the tunnel before still counts, within its class. */
#define TUNNEL_LATE_US (2 * ROAM_USEC_PER_SEC)

/* The tunnel before the present one; packets in flight on it when it was changed still come in. */
typedef struct
{
  gint64 until_us; /* 0: none */
  TunnelIpip ipip;
  int ifindex;        /* in clear; 0: inside ESP */
  TunnelClear *clear; /* its sockets; NULL: none */
} TunnelLate;

struct _TunnelWorker
{
  const TunnelDevice *device;
  TunnelQueue *queue;
  guint32 mark;
  int epoll_fd, stop_fd, timer_fd;
  GThread *thread;
  /*
   * One lock a batch, for everything below. The worker would take it again before a waiting main
   * thread wakes up; so both pass the turnstile first, and the main thread keeps it while it waits.
   */
  GMutex turnstile, lock;
  TunnelPath *path;
  gboolean halted;   /* hold_now: stronger than path->mode */
  gboolean draining; /* leaving HOLD: what is read now has waited */
  gboolean tun_watched;
  guint mtu;
  TunnelLate late;
  TunnelSoftState soft; /* of path->ipip */
  TunnelReassembly *reassembly;
  TunnelKeepalive keepalive;
  gint64 unanswered_us;      /* MC: since when packets leave and none comes back; 0: they do */
  gint64 unanswered_said_us; /* last UNANSWERED event */
  guint16 keepalive_id; /* of its echo requests; no secret, only not somebody's ping */
  gint64 timer_us;      /* what the timer waits for; ROAM_NEVER: nothing */
  TunnelIoStats stats;
  guint64 drops[TUNNEL_N_DROPS];
  TunnelBatch batch;
  guint8 oversize[TUNNEL_IO_MAX_MTU]; /* a packet while it is fragmented into the batch */
};

/* The mode that counts now; lock held. */
TunnelMode tunnel_worker_mode (const TunnelWorker *worker);
/* Counts @n packets that went no further; lock held. */
void tunnel_worker_count_drop (TunnelWorker *worker, TunnelDrop drop);
/* Reads up to a batch from the TUN and sends it; lock held. */
void tunnel_outbound_process (TunnelWorker *worker);
/* Encrypts and sends one packet that lies at slot 0 behind the headroom; lock held. FALSE: errno. */
gboolean tunnel_outbound_send_inner (TunnelWorker *worker, gsize length);
/* Receives up to a batch; lock held. */
void tunnel_inbound_process_udp (TunnelWorker *worker, TunnelLink *link, int fd);
void tunnel_inbound_process_esp (TunnelWorker *worker, TunnelLink *link, int fd);
/* @fd: IP-in-IP, or tunnel data in UDP, of @link. */
void tunnel_inbound_process_ipip (TunnelWorker *worker, TunnelLink *link, int fd);
/* Sends one packet of the home address that lies at slot 0 behind the headroom like one of the user's; lock held. */
void tunnel_outbound_send_user (TunnelWorker *worker, gsize length);
/* CLOCK_BOOTTIME, microseconds. */
gint64 tunnel_worker_now (void);

/* The TUN becomes as narrow as @mtu, if it is wider; lock held. */
void tunnel_outbound_narrow (TunnelWorker *worker, guint mtu);
/* Receives ICMP about packets in clear; lock held. */
void tunnel_inbound_process_icmp (TunnelWorker *worker, int fd);

/* The tunnel before, if it still counts for packets on @ifindex (0: inside ESP); lock held. */
const TunnelIpip *tunnel_worker_get_late (const TunnelWorker *worker, int ifindex, gint64 now_us);
/* For the least of what is due; an earlier wake-up than needed finds nothing to do; lock held. */
void tunnel_worker_set_timer (TunnelWorker *worker);

/* ------------------------------------------------------------------------- ICMP ---- */

/* An ICMP message to the near end of the tunnel, from its IP header on; lock held. */
void tunnel_icmp_process (TunnelWorker *worker, const guint8 *packet, gsize length);
/* Tells the sender of @packet what is known to be wrong with the tunnel it goes into; lock held. */
void tunnel_icmp_check_packet (TunnelWorker *worker, const guint8 *packet, gsize length);

/* ------------------------------------------------------------------- keepalives ---- */

/* After a new path, or a halt: starts, goes on or stops; lock held. */
void tunnel_keepalive_update (TunnelWorker *worker);
/* Sends what is due; lock held. */
void tunnel_keepalive_process_timer (TunnelWorker *worker);
/* Tells the main thread that the tunnel's other end is not reached; lock held. */
void tunnel_keepalive_report_lost (TunnelWorker *worker);
/* Something came out of the tunnel. TRUE: it was the answer to a keepalive, and nobody else's. */
gboolean tunnel_keepalive_take (TunnelWorker *worker, const guint8 *packet, gsize length);
