/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "tunnel/tunnel-icmp-private.h"
#include "tunnel/tunnel-worker-io-private.h"

#include <unistd.h>

/* What tunnel-icmp.c judges, carried out: a narrower TUN, an error for the local sender, a word to the agent. */

/* Named after the home agent: to the sender the tunnel is one hop, and that is its far end. */
static void
tell (TunnelWorker *worker, const TunnelIcmpVerdict *verdict)
{
  guint8 reply[TUNNEL_ICMP_MAX_OCTETS];
  gsize length = tunnel_icmp_build (verdict, worker->path->ipip.remote, reply);

  if (length == 0)
    return;
  worker->stats.icmp_relayed++;
  if (write (worker->device->fd, reply, length) != (gssize)length)
    worker->stats.rx_failed++;
}

void
tunnel_icmp_process (TunnelWorker *worker, const guint8 *packet, gsize length)
{
  TunnelMode mode = tunnel_worker_mode (worker);
  gint64 now_us = tunnel_worker_now ();
  TunnelIcmpVerdict verdict;

  if ((mode != TUNNEL_MODE_C && mode != TUNNEL_MODE_MC) ||
      !tunnel_icmp_judge (&worker->path->ipip, &worker->soft, packet, length, now_us, &verdict))
    {
      worker->stats.icmp_ignored++;
      return;
    }
  if (verdict.closed && tunnel_keepalive_input_closed (&worker->keepalive, now_us))
    tunnel_keepalive_report_lost (worker);
  if (verdict.narrower)
    tunnel_outbound_narrow (worker, worker->soft.mtu);
  tell (worker, &verdict);
}

void
tunnel_icmp_check_packet (TunnelWorker *worker, const guint8 *packet, gsize length)
{
  TunnelIcmpVerdict verdict;

  if (tunnel_icmp_check (&worker->soft, packet, length, tunnel_worker_now (), &verdict))
    tell (worker, &verdict);
}
