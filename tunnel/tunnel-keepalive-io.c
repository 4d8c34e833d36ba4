/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "tunnel/tunnel-octets-private.h"
#include "tunnel/tunnel-worker-io-private.h"

/* Keepalives of a tunnel in UDP (RFC 3519 4.9): the worker's timer, and echo requests of the home address. */

#define PROTOCOL_ICMP 1
#define ICMP_ECHO 8
#define ICMP_ECHO_REPLY 0
#define ICMP_ECHO_OCTETS 8
#define ECHO_TTL 64

void
tunnel_keepalive_update (TunnelWorker *worker)
{
  const TunnelPath *path = worker->path;
  TunnelMode mode = tunnel_worker_mode (worker);
  TunnelKeepaliveTunnel tunnel = {
    .ifindex = mode == TUNNEL_MODE_C ? path->ifindex : 0,
    .local = path->ipip.local,
    .remote = path->ipip.remote,
    .port = path->ipip.udp_port,
    .assigned_s = path->keepalive_s,
  };

  if (path->mip_udp && (mode == TUNNEL_MODE_C || mode == TUNNEL_MODE_MC))
    tunnel_keepalive_start (&worker->keepalive, &tunnel, path->keepalive_at_once, tunnel_worker_now ());
  else
    tunnel_keepalive_stop (&worker->keepalive);
  /* What is due at once goes before the first packet of the user's. */
  tunnel_keepalive_process_timer (worker);
}

/* RFC 3519 4.9: from the home address to the home agent; through the tunnel like all else. */
static void
send_echo (TunnelWorker *worker)
{
  guint8 *packet = worker->batch.slots[0] + TUNNEL_HEADROOM, *icmp = packet + TUNNEL_IP4_HEADER;
  TunnelIp4 header = { .ttl = ECHO_TTL,
                       .protocol = PROTOCOL_ICMP,
                       .total_length = TUNNEL_IP4_HEADER + ICMP_ECHO_OCTETS,
                       .source = worker->path->ipip.home_address,
                       .destination = worker->path->ipip.remote };

  tunnel_ip4_build (packet, &header);
  icmp[0] = ICMP_ECHO;
  icmp[1] = 0;
  tunnel_put_u16 (icmp + 2, 0);
  tunnel_put_u16 (icmp + 4, worker->keepalive_id);
  tunnel_put_u16 (icmp + 6, worker->keepalive.sequence);
  tunnel_put_u16 (icmp + 2, tunnel_checksum_finish (tunnel_checksum_add (0, icmp, ICMP_ECHO_OCTETS)));
  worker->stats.keepalives++;
  tunnel_outbound_send_user (worker, header.total_length);
}

void
tunnel_keepalive_report_lost (TunnelWorker *worker)
{
  const TunnelPath *path = worker->path;
  TunnelIoEvent event = { .type = TUNNEL_IO_KEEPALIVE_LOST,
                          .ifindex = path->mode == TUNNEL_MODE_C ? path->ifindex : 0,
                          .local = { roam_addr_from_u32 (path->ipip.local), path->ipip.udp_port },
                          .remote = { roam_addr_from_u32 (path->ipip.remote), TUNNEL_MIP_PORT } };

  worker->stats.keepalives_lost++;
  tunnel_queue_push (worker->queue, &event);
}

void
tunnel_keepalive_process_timer (TunnelWorker *worker)
{
  switch (tunnel_keepalive_input_deadline (&worker->keepalive, tunnel_worker_now ()))
    {
    case TUNNEL_KEEPALIVE_NOTHING:
      break;
    case TUNNEL_KEEPALIVE_SEND:
      send_echo (worker);
      break;
    case TUNNEL_KEEPALIVE_SEND_LOST:
      send_echo (worker);
      tunnel_keepalive_report_lost (worker);
      break;
    }
}

static gboolean
is_answer (const TunnelWorker *worker, const guint8 *packet, gsize length)
{
  TunnelIp4 header;
  const guint8 *icmp;

  if (tunnel_ip4_parse (packet, length, &header) != TUNNEL_DROP_NONE || header.protocol != PROTOCOL_ICMP ||
      header.source != worker->path->ipip.remote || tunnel_ip4_is_fragment (&header) ||
      header.total_length < header.header_length + ICMP_ECHO_OCTETS)
    return FALSE;
  icmp = packet + header.header_length;
  return icmp[0] == ICMP_ECHO_REPLY && icmp[1] == 0 && tunnel_get_u16 (icmp + 4) == worker->keepalive_id;
}

gboolean
tunnel_keepalive_take (TunnelWorker *worker, const guint8 *packet, gsize length)
{
  tunnel_keepalive_note_received (&worker->keepalive);
  return is_answer (worker, packet, length);
}
