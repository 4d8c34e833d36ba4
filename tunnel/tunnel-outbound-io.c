/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "tunnel/tunnel-fragment-private.h"
#include "tunnel/tunnel-worker-io-private.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

/* From the TUN to the wire: read, encapsulate and encrypt in place, one sendmmsg() a batch. */

/* Packets between two requests for a successor of an SA whose sequence numbers run short. */
#define EXHAUSTION_STEP (1u << 20)

typedef struct
{
  int fd; /* -1: nothing is sent */
  guint count;
} Outgoing;

/* Source address and the copied TOS (RFC 6040, RFC 4301 5.1.2) of a packet whose outer header the kernel writes. */
static void
put_control (TunnelWorker *worker, guint slot, guint8 tos)
{
  struct msghdr *message = &worker->batch.messages[slot].msg_hdr;
  struct in_pktinfo info = { 0 };
  int value = tos;

  message->msg_control = worker->batch.control[slot];
  if (worker->path->esp_remote.any.sa_family == AF_INET6)
    {
      tunnel_append_source6 (message, &worker->path->esp_local);
      tunnel_append_control (message, IPPROTO_IPV6, IPV6_TCLASS, &value, sizeof value);
      return;
    }
  memcpy (&info.ipi_spec_dst, worker->path->esp_local.bytes, sizeof info.ipi_spec_dst);
  tunnel_append_control (message, IPPROTO_IP, IP_PKTINFO, &info, sizeof info);
  tunnel_append_control (message, IPPROTO_IP, IP_TOS, &value, sizeof value);
}

static void
put_message (TunnelWorker *worker, guint slot, guint8 *data, gsize length, const struct sockaddr_in *target)
{
  struct msghdr *message = &worker->batch.messages[slot].msg_hdr;

  worker->batch.vectors[slot] = (struct iovec){ .iov_base = data, .iov_len = length };
  worker->batch.names[slot].in = *target;
  *message = (struct msghdr){
    .msg_name = &worker->batch.names[slot],
    .msg_namelen = sizeof *target,
    .msg_iov = &worker->batch.vectors[slot],
    .msg_iovlen = 1,
  };
}

/* RFC 4303 3.3.3: rekeying takes a while, and may have to be tried again. */
static void
report_exhaustion (TunnelWorker *worker, TunnelSaState *state)
{
  guint64 next = tunnel_esp_out_next_sequence (state->out);
  TunnelIoEvent event = { .type = TUNNEL_IO_EXHAUSTION, .sa = state->sa->id };

  if (state->short_reported != 0 && next - state->short_reported < EXHAUSTION_STEP)
    return;
  state->short_reported = next;
  tunnel_queue_push (worker->queue, &event);
}

/* @plain (in slot @slot of the batch) as an ESP packet to the gateway. */
static TunnelDrop
prepare_esp (TunnelWorker *worker, guint slot, guint8 *plain, gsize length)
{
  TunnelSaState *state = worker->path->out;
  guint8 *packet = plain - tunnel_esp_out_headroom (state->out);
  gsize room = (gsize)(worker->batch.slots[slot] + TUNNEL_SLOT_OCTETS - packet), packet_length;
  guint8 tos = plain[1];
  TunnelDrop drop;

  drop = tunnel_esp_encrypt (state->out, TUNNEL_NEXT_HEADER_IPV4, plain, length, packet, room, &packet_length);
  if (tunnel_esp_out_runs_short (state->out))
    report_exhaustion (worker, state);
  if (drop != TUNNEL_DROP_NONE)
    return drop;
  put_message (worker, slot, packet, packet_length, &worker->path->esp_remote.in);
  if (worker->path->esp_remote.any.sa_family == AF_INET6)
    {
      worker->batch.names[slot].in6 = worker->path->esp_remote.in6;
      worker->batch.messages[slot].msg_hdr.msg_namelen = sizeof worker->path->esp_remote.in6;
    }
  put_control (worker, slot, tos);
  return TUNNEL_DROP_NONE;
}

static TunnelDrop
prepare_mc (TunnelWorker *worker, guint slot, guint8 *inner, gsize length)
{
  gsize outer_length;
  TunnelDrop drop;

  if (worker->path->out == NULL || worker->path->esp_link == NULL)
    return TUNNEL_DROP_MODE;
  drop = tunnel_ipip_encapsulate (&worker->path->ipip, inner, length, &outer_length);
  if (drop != TUNNEL_DROP_NONE)
    return drop;
  worker->soft.largest = MAX (worker->soft.largest, (guint)outer_length);
  return prepare_esp (worker, slot, inner - tunnel_ipip_get_overhead (&worker->path->ipip), outer_length);
}

static TunnelDrop
prepare_c (TunnelWorker *worker, guint slot, guint8 *inner, gsize length)
{
  struct sockaddr_in target;
  RoamAddr home_agent = roam_addr_from_u32 (worker->path->ipip.remote);
  gsize outer_length;
  TunnelDrop drop;

  if (worker->path->clear_link == NULL)
    return TUNNEL_DROP_MODE;
  drop = tunnel_ipip_encapsulate (&worker->path->ipip, inner, length, &outer_length);
  if (drop != TUNNEL_DROP_NONE)
    return drop;
  worker->soft.largest = MAX (worker->soft.largest, (guint)outer_length);
  tunnel_sockaddr_from_endpoint (&target, &home_agent, 0);
  put_message (worker, slot, inner - tunnel_ipip_get_overhead (&worker->path->ipip), outer_length, &target);
  return TUNNEL_DROP_NONE;
}

/* Packets that waited for the end of a HOLD and found themselves at home: plain, on the home link. */
static TunnelDrop
prepare_home (TunnelWorker *worker, guint slot, guint8 *inner, gsize length)
{
  struct sockaddr_in target;
  RoamAddr destination;
  TunnelIp4 header;
  TunnelDrop drop = tunnel_ip4_parse (inner, length, &header);

  if (drop != TUNNEL_DROP_NONE)
    return drop;
  if (worker->path->clear_link == NULL)
    return TUNNEL_DROP_MODE;
  if (header.source != worker->path->ipip.home_address)
    return TUNNEL_DROP_SOURCE;
  destination = roam_addr_from_u32 (header.destination);
  tunnel_sockaddr_from_endpoint (&target, &destination, 0);
  put_message (worker, slot, inner, header.total_length, &target);
  return TUNNEL_DROP_NONE;
}

static void
put_to_agent (TunnelWorker *worker, guint slot, guint8 *data, gsize length)
{
  struct msghdr *message = &worker->batch.messages[slot].msg_hdr;

  worker->batch.vectors[slot] = (struct iovec){ .iov_base = data, .iov_len = length };
  worker->batch.names[slot].ll = worker->path->agent;
  *message = (struct msghdr){
    .msg_name = &worker->batch.names[slot],
    .msg_namelen = sizeof worker->batch.names[slot].ll,
    .msg_iov = &worker->batch.vectors[slot],
    .msg_iovlen = 1,
  };
}

/*
 * RFC 3024 5.1 and 5.2: plain to the agent as the default router, or inside IP-in-IP, as it was
 * registered; then groups too, which a router of plain packets would take for its own link's.
 */
static TunnelDrop
prepare_f (TunnelWorker *worker, guint slot, guint8 *inner, gsize length)
{
  const TunnelPath *path = worker->path;
  gsize outer_length;
  TunnelIp4 header;
  TunnelDrop drop;

  if (path->clear == NULL || path->clear->packet_fd < 0)
    return TUNNEL_DROP_MODE;
  if (path->encapsulating)
    {
      drop = tunnel_ipip_encapsulate (&path->to_agent, inner, length, &outer_length);
      if (drop == TUNNEL_DROP_NONE)
        put_to_agent (worker, slot, inner - TUNNEL_IP4_HEADER, outer_length);
      return drop;
    }
  drop = tunnel_ip4_parse (inner, length, &header);
  if (drop == TUNNEL_DROP_NONE && header.source != path->ipip.home_address)
    drop = TUNNEL_DROP_SOURCE;
  if (drop == TUNNEL_DROP_NONE && tunnel_ip4_is_group (header.destination))
    drop = TUNNEL_DROP_DESTINATION;
  if (drop == TUNNEL_DROP_NONE)
    put_to_agent (worker, slot, inner, header.total_length);
  return drop;
}

static TunnelDrop
prepare (TunnelWorker *worker, guint slot, guint8 *inner, gsize length)
{
  switch (worker->path->mode)
    {
    case TUNNEL_MODE_BLOCKED:
    case TUNNEL_MODE_HOLD:
      return TUNNEL_DROP_MODE;
    case TUNNEL_MODE_F:
      return prepare_f (worker, slot, inner, length);
    case TUNNEL_MODE_HOME:
      return prepare_home (worker, slot, inner, length);
    case TUNNEL_MODE_C:
      return prepare_c (worker, slot, inner, length);
    case TUNNEL_MODE_MC:
      return prepare_mc (worker, slot, inner, length);
    }
  return TUNNEL_DROP_MODE;
}

static int
esp_fd (const TunnelPath *path)
{
  if (path->esp_remote.any.sa_family == AF_INET6)
    return path->udp_encap ? path->esp_link->udp6_fd : path->esp_link->esp6_fd;
  return path->udp_encap ? path->esp_link->udp_fd : path->esp_link->esp_fd;
}

static int
outgoing_fd (const TunnelPath *path)
{
  if (path->mode == TUNNEL_MODE_MC && path->esp_link != NULL)
    return esp_fd (path);
  if (path->mode == TUNNEL_MODE_F && path->clear != NULL)
    return path->clear->packet_fd;
  return path->clear_link != NULL ? path->clear_link->ipip_fd : -1;
}

/*
 * In clear the interface's own: what routers say of the path is judged by tunnel-icmp.c, which asks
 * for more than the kernel does before it believes.
 */
static guint
get_path_mtu (const TunnelWorker *worker)
{
  const TunnelPath *path = worker->path;
  RoamAddr remote;

  if (path->mode != TUNNEL_MODE_MC || path->esp_link == NULL)
    return tunnel_link_get_mtu (path->ifindex);
  remote = path->esp_remote.any.sa_family == AF_INET6
             ? roam_addr_from_bytes ((const guint8 *)&path->esp_remote.in6.sin6_addr, 16)
             : roam_addr_from_bytes ((const guint8 *)&path->esp_remote.in.sin_addr, 4);
  return tunnel_link_path_mtu (path->esp_link->ifindex, worker->mark, &remote);
}

/*
 * The kernel has learned of a narrower path (EMSGSIZE): the TUN becomes as narrow, and the kernel
 * itself tells the senders (RFC 2003 5.1, RFC 4459 3.2). The floor of tunnel_plan_mtu() holds
 * against forged reports.
 */
static void
narrow_to_path (TunnelWorker *worker)
{
  guint path_mtu = get_path_mtu (worker);

  if (path_mtu != 0)
    tunnel_outbound_narrow (worker, tunnel_path_get_mtu (worker->path, path_mtu));
}

void
tunnel_outbound_narrow (TunnelWorker *worker, guint mtu)
{
  if (mtu < worker->mtu && tunnel_device_set_mtu (worker->device, mtu))
    {
      g_info ("The path is narrower: MTU of %s is now %u", worker->device->name, mtu);
      worker->mtu = mtu;
    }
}

static void
flush (TunnelWorker *worker, const Outgoing *outgoing)
{
  guint sent = 0;
  gboolean again = FALSE;

  while (sent < outgoing->count)
    {
      int n =
        sendmmsg (outgoing->fd, worker->batch.messages + sent, outgoing->count - sent, MSG_DONTWAIT | MSG_NOSIGNAL);

      if (n < 0 && errno == EINTR)
        continue;
      /* An ICMP error about an earlier packet is reported once, in place of sending this one. */
      if (n < 0 && !again)
        {
          again = TRUE;
          continue;
        }
      again = FALSE;
      if (n < 0)
        {
          /* This one is lost, as on any narrow or broken link; those behind it are not. */
          worker->stats.tx_failed++;
          if (errno == EMSGSIZE)
            narrow_to_path (worker);
          n = 1;
        }
      sent += (guint)n;
    }
}

/* Takes the packet at the slot behind the last one into the batch. */
static void
add_packet (TunnelWorker *worker, Outgoing *outgoing, gsize length)
{
  guint8 *inner = worker->batch.slots[outgoing->count] + TUNNEL_HEADROOM;
  TunnelDrop drop;

  if (worker->soft.unreachable_us != 0)
    tunnel_icmp_check_packet (worker, inner, length);
  drop = prepare (worker, outgoing->count, inner, length);
  if (drop != TUNNEL_DROP_NONE)
    {
      tunnel_worker_count_drop (worker, drop);
      return;
    }
  outgoing->count++;
  worker->stats.tx_packets++;
  worker->stats.tx_octets += length;
}

/* Made for a wider path, while it waited: its sender is told, or it goes in fragments. */
static void
add_oversize (TunnelWorker *worker, Outgoing *outgoing, gsize length)
{
  guint8 reply[TUNNEL_ICMP_MAX_OCTETS];
  TunnelFragmenter fragmenter;
  gsize part;

  memcpy (worker->oversize, worker->batch.slots[outgoing->count] + TUNNEL_HEADROOM, length);
  if (!tunnel_fragmenter_init (&fragmenter, worker->oversize, length, worker->mtu))
    {
      /* Named after the home agent: it is the far end of the hop that is too narrow. */
      part = tunnel_build_too_big (reply, worker->oversize, length, worker->path->ipip.remote, worker->mtu);
      if (part > 0 && write (worker->device->fd, reply, part) != (gssize)part)
        worker->stats.rx_failed++;
      tunnel_worker_count_drop (worker, TUNNEL_DROP_TOO_BIG);
      return;
    }
  /* The floor of the MTU bounds the fragments of the greatest packet to 17: an empty batch takes them. */
  flush (worker, outgoing);
  outgoing->count = 0;
  while ((part = tunnel_fragmenter_next (&fragmenter, worker->batch.slots[outgoing->count] + TUNNEL_HEADROOM)) > 0)
    add_packet (worker, outgoing, part);
}

static gboolean
is_oversize (const TunnelWorker *worker, gsize length)
{
  TunnelMode mode = worker->path->mode;

  return length > worker->mtu && (mode == TUNNEL_MODE_C || mode == TUNNEL_MODE_F || mode == TUNNEL_MODE_MC);
}

/* Silence in answer to packets: whoever sends them would like to know sooner than the liveness check does. */
static void
note_unanswered (TunnelWorker *worker)
{
  TunnelIoEvent event = { .type = TUNNEL_IO_UNANSWERED, .sa = worker->path->out->sa->id };
  gint64 now = tunnel_worker_now ();

  if (worker->unanswered_us == 0)
    worker->unanswered_us = now;
  if (now - MAX (worker->unanswered_us, worker->unanswered_said_us) < ROAM_USEC_PER_SEC)
    return;
  worker->unanswered_said_us = now;
  tunnel_queue_push (worker->queue, &event);
}

void
tunnel_outbound_process (TunnelWorker *worker)
{
  Outgoing outgoing = { .fd = outgoing_fd (worker->path) };
  gssize length = 0;

  /* The wake-up may be older than the halt. */
  if (tunnel_worker_mode (worker) == TUNNEL_MODE_HOLD)
    return;
  for (guint reads = 0; reads < TUNNEL_BATCH && outgoing.count < TUNNEL_BATCH; reads++)
    {
      length = read (worker->device->fd, worker->batch.slots[outgoing.count] + TUNNEL_HEADROOM, TUNNEL_IO_MAX_MTU);
      if (length <= 0)
        break;
      worker->stats.held += worker->draining ? 1 : 0;
      if (is_oversize (worker, (gsize)length))
        add_oversize (worker, &outgoing, (gsize)length);
      else
        add_packet (worker, &outgoing, (gsize)length);
    }
  if (length <= 0)
    worker->draining = FALSE;
  if (worker->path->mode == TUNNEL_MODE_MC && outgoing.count > 0)
    note_unanswered (worker);
  if (worker->path->mip_udp && outgoing.count > 0)
    tunnel_keepalive_note_sent (&worker->keepalive, tunnel_worker_now ());
  flush (worker, &outgoing);
}

void
tunnel_outbound_send_user (TunnelWorker *worker, gsize length)
{
  Outgoing outgoing = { .fd = outgoing_fd (worker->path) };

  add_packet (worker, &outgoing, length);
  flush (worker, &outgoing);
}

gboolean
tunnel_outbound_send_inner (TunnelWorker *worker, gsize length)
{
  const TunnelPath *path = worker->path;
  guint8 *plain = worker->batch.slots[0] + TUNNEL_HEADROOM;
  int fd;

  if (path->out == NULL || path->esp_link == NULL)
    {
      errno = ENOTCONN;
      return FALSE;
    }
  if (prepare_esp (worker, 0, plain, length) != TUNNEL_DROP_NONE)
    {
      errno = EOVERFLOW;
      return FALSE;
    }
  fd = esp_fd (path);
  return sendmsg (fd, &worker->batch.messages[0].msg_hdr, MSG_DONTWAIT | MSG_NOSIGNAL) >= 0;
}
