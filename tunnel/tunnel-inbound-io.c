/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "tunnel/tunnel-octets-private.h"
#include "tunnel/tunnel-worker-io-private.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

/* From the wire to the TUN: recvmmsg(), authenticate and decrypt in place, decapsulate, write. */

#define NON_ESP_MARKER_OCTETS 4 /* RFC 3948 2.2 */
#define ECN_MASK 0x03

/* One received datagram and where it came from. */
typedef struct
{
  TunnelLink *link;
  guint8 *data;
  gsize length;
  RoamEndpoint local, remote;
  guint8 tos;
} Datagram;

static guint
receive (TunnelWorker *worker, int fd)
{
  TunnelBatch *batch = &worker->batch;
  int n;

  for (guint i = 0; i < TUNNEL_BATCH; i++)
    {
      batch->vectors[i] = (struct iovec){ batch->slots[i] + TUNNEL_HEADROOM, TUNNEL_SLOT_OCTETS - TUNNEL_HEADROOM };
      batch->messages[i].msg_hdr = (struct msghdr){
        .msg_name = &batch->names[i],
        .msg_namelen = sizeof batch->names[i],
        .msg_iov = &batch->vectors[i],
        .msg_iovlen = 1,
        .msg_control = batch->control[i],
        .msg_controllen = TUNNEL_CONTROL_OCTETS,
      };
    }
  do
    n = recvmmsg (fd, batch->messages, TUNNEL_BATCH, MSG_DONTWAIT, NULL);
  while (n < 0 && errno == EINTR);
  return n > 0 ? (guint)n : 0;
}

static void
read_control (const struct cmsghdr *header, Datagram *datagram)
{
  struct in_pktinfo info;
  struct in6_pktinfo info6;
  int class;

  if (header->cmsg_level == IPPROTO_IP && header->cmsg_type == IP_PKTINFO)
    {
      memcpy (&info, CMSG_DATA (header), sizeof info);
      datagram->local.addr = roam_addr_from_bytes ((const guint8 *)&info.ipi_addr, 4);
    }
  else if (header->cmsg_level == IPPROTO_IP && header->cmsg_type == IP_TOS)
    datagram->tos = *CMSG_DATA (header);
  else if (header->cmsg_level == IPPROTO_IPV6 && header->cmsg_type == IPV6_PKTINFO)
    {
      memcpy (&info6, CMSG_DATA (header), sizeof info6);
      datagram->local.addr = roam_addr_from_bytes ((const guint8 *)&info6.ipi6_addr, 16);
    }
  else if (header->cmsg_level == IPPROTO_IPV6 && header->cmsg_type == IPV6_TCLASS)
    {
      memcpy (&class, CMSG_DATA (header), sizeof class);
      datagram->tos = (guint8) class;
    }
}

/* FALSE: cut off, because longer than anything that fits a link. */
static gboolean
get_datagram (TunnelWorker *worker, guint slot, TunnelLink *link, Datagram *ret_datagram)
{
  struct mmsghdr *message = &worker->batch.messages[slot];
  const TunnelName *name = &worker->batch.names[slot];
  Datagram datagram = { .link = link, .data = worker->batch.slots[slot] + TUNNEL_HEADROOM, .length = message->msg_len };

  if ((message->msg_hdr.msg_flags & MSG_TRUNC) != 0)
    return FALSE;
  if (name->any.sa_family == AF_INET6)
    {
      datagram.remote.addr = roam_addr_from_bytes ((const guint8 *)&name->in6.sin6_addr, 16);
      datagram.remote.port = tunnel_get_u16 ((const guint8 *)&name->in6.sin6_port);
    }
  else
    {
      datagram.remote.addr = roam_addr_from_bytes ((const guint8 *)&name->in.sin_addr, 4);
      datagram.remote.port = tunnel_get_u16 ((const guint8 *)&name->in.sin_port);
    }
  for (struct cmsghdr *header = CMSG_FIRSTHDR (&message->msg_hdr); header != NULL;
       header = CMSG_NXTHDR (&message->msg_hdr, header))
    read_control (header, &datagram);
  *ret_datagram = datagram;
  return TRUE;
}

static void
deliver (TunnelWorker *worker, const guint8 *packet, gsize length)
{
  worker->stats.rx_packets++;
  worker->stats.rx_octets += length;
  /* A full receive queue of the host loses it, as it would behind any other interface. */
  if (write (worker->device->fd, packet, length) != (gssize)length)
    worker->stats.rx_failed++;
}

/* Out of the Mobile IPv4 tunnel. */
static void
deliver_user (TunnelWorker *worker, const guint8 *packet, gsize length)
{
  tunnel_icmp_note_received (&worker->soft);
  if (!worker->path->mip_udp || !tunnel_keepalive_take (worker, packet, length))
    deliver (worker, packet, length);
}

static TunnelSaState *
find_sa (const TunnelPath *path, guint32 spi)
{
  for (guint i = 0; i < path->sas->len; i++)
    {
      TunnelSaState *state = g_ptr_array_index (path->sas, i);

      if (state->sa->spi_in == spi)
        return state;
    }
  return NULL;
}

/* Proof that the peer and the path are alive; once a second is enough to know it. */
static void
report_traffic (TunnelWorker *worker, TunnelSaState *state, const Datagram *datagram, gint64 now)
{
  TunnelIoEvent event = { .type = TUNNEL_IO_TRAFFIC,
                          .ifindex = datagram->link->ifindex,
                          .local = datagram->local,
                          .remote = datagram->remote,
                          .sa = state->sa->id };

  worker->unanswered_us = 0;
  if (state->traffic_us != 0 && now - state->traffic_us < ROAM_USEC_PER_SEC)
    return;
  state->traffic_us = now;
  tunnel_queue_push (worker->queue, &event);
}

static void
report_registration (TunnelWorker *worker, const TunnelSaState *state, const Datagram *datagram,
                     const TunnelInner *inner)
{
  TunnelIoEvent event = { .type = TUNNEL_IO_REGISTRATION,
                          .ifindex = datagram->link->ifindex,
                          .local = inner->destination,
                          .remote = inner->source,
                          .datagram = g_bytes_new (inner->data, inner->length),
                          .sa = state->sa->id };

  tunnel_queue_push (worker->queue, &event);
}

/* What came out of ESP and is whole. */
static void
process_inner (TunnelWorker *worker, const TunnelSaState *state, const Datagram *datagram, const TunnelInner *inner)
{
  worker->stats.ecn_unused += inner->ecn_unused ? 1 : 0;
  switch (inner->type)
    {
    case TUNNEL_INNER_DROPPED:
      tunnel_worker_count_drop (worker, inner->drop);
      break;
    case TUNNEL_INNER_USER:
      deliver_user (worker, inner->data, inner->length);
      break;
    case TUNNEL_INNER_ICMP:
      tunnel_icmp_process (worker, inner->data, inner->length);
      break;
    case TUNNEL_INNER_REGISTRATION:
      report_registration (worker, state, datagram, inner);
      break;
    }
}

/* TRUE: @plain was the last missing fragment, and @inner is the whole datagram's. */
static gboolean
reassemble (TunnelWorker *worker, const TunnelInnerContext *context, TunnelEcn carrier, const guint8 *plain,
            gsize length, gint64 now, TunnelInner *inner)
{
  guint8 *whole = NULL;
  TunnelDrop drop =
    tunnel_reassembly_add (worker->reassembly, &context->ipip, carrier, plain, length, now, &whole, &length, &carrier);

  if (drop != TUNNEL_DROP_NONE)
    tunnel_worker_count_drop (worker, drop);
  if (drop != TUNNEL_DROP_NONE || whole == NULL)
    return FALSE;
  worker->stats.reassembled++;
  tunnel_inner_classify (context, carrier, TUNNEL_NEXT_HEADER_IPV4, whole, length, inner);
  return TRUE;
}

/* D-38: for the tunnel before, whose end was perhaps another TIA; otherwise @inner stays as it is. */
static void
classify_late (TunnelWorker *worker, const TunnelInnerContext *context, const Datagram *datagram, guint8 next_header,
               guint8 *plain, gsize length, gint64 now, TunnelInner *inner)
{
  const TunnelIpip *late = tunnel_worker_get_late (worker, 0, now);
  TunnelInnerContext context_late = *context;
  TunnelInner inner_late;

  if (late == NULL)
    return;
  context_late.ipip = *late;
  tunnel_inner_classify (&context_late, datagram->tos & ECN_MASK, next_header, plain, length, &inner_late);
  if (inner_late.type == TUNNEL_INNER_USER)
    *inner = inner_late;
}

static void
process_esp (TunnelWorker *worker, const Datagram *datagram, gint64 now)
{
  guint32 spi = tunnel_esp_get_spi (datagram->data, datagram->length);
  TunnelSaState *state = spi != 0 ? find_sa (worker->path, spi) : NULL;
  TunnelInnerContext context = { .mode = tunnel_worker_mode (worker), .ipip = worker->path->ipip };
  TunnelInner inner;
  guint8 next_header = 0, *plain = NULL;
  gsize length = 0;
  TunnelDrop drop;

  drop = state != NULL ? tunnel_esp_decrypt (state->in, datagram->data, datagram->length, &plain, &length, &next_header)
                       : TUNNEL_DROP_UNKNOWN_SPI;
  if (drop != TUNNEL_DROP_NONE)
    {
      tunnel_worker_count_drop (worker, drop);
      return;
    }
  report_traffic (worker, state, datagram, now);
  context.ipip.local = roam_addr_to_u32 (&worker->path->tia);
  tunnel_inner_classify (&context, datagram->tos & ECN_MASK, next_header, plain, length, &inner);
  if (inner.drop == TUNNEL_DROP_END_POINT || inner.drop == TUNNEL_DROP_NEXT_HEADER)
    classify_late (worker, &context, datagram, next_header, plain, length, now, &inner);
  if (inner.drop != TUNNEL_DROP_FRAGMENT ||
      reassemble (worker, &context, datagram->tos & ECN_MASK, plain, length, now, &inner))
    process_inner (worker, state, datagram, &inner);
}

/* RFC 3948 2.2: four zero octets where an SPI would be mean IKE. */
static gboolean
is_ike (const Datagram *datagram)
{
  return datagram->length > NON_ESP_MARKER_OCTETS && tunnel_get_u32 (datagram->data) == 0;
}

static void
report_ike (TunnelWorker *worker, const Datagram *datagram)
{
  TunnelIoEvent event = { .type = TUNNEL_IO_IKE,
                          .ifindex = datagram->link->ifindex,
                          .local = datagram->local,
                          .remote = datagram->remote,
                          .datagram = g_bytes_new (datagram->data, datagram->length) };

  tunnel_queue_push (worker->queue, &event);
}

void
tunnel_inbound_process_udp (TunnelWorker *worker, TunnelLink *link, int fd)
{
  guint n = receive (worker, fd);
  gint64 now = tunnel_worker_now ();

  for (guint i = 0; i < n; i++)
    {
      Datagram datagram;

      if (!get_datagram (worker, i, link, &datagram))
        {
          tunnel_worker_count_drop (worker, TUNNEL_DROP_SPACE);
          continue;
        }
      datagram.local.port = 4500;
      /* RFC 3948 2.3, 4: one octet is a keepalive; it proves nothing and asks for nothing. */
      if (datagram.length <= 1)
        continue;
      if (is_ike (&datagram))
        report_ike (worker, &datagram);
      else
        process_esp (worker, &datagram, now);
    }
}

/* Raw sockets give the IPv4 header too: moves @datagram behind it. Those of IPv6 do not (RFC 3542 3). */
static gboolean
strip_ip (Datagram *datagram)
{
  TunnelIp4 header;

  if (datagram->remote.addr.family == ROAM_FAMILY_INET6)
    return TRUE;
  if (tunnel_ip4_parse (datagram->data, datagram->length, &header) != TUNNEL_DROP_NONE)
    return FALSE;
  datagram->tos = header.tos;
  datagram->data += header.header_length;
  datagram->length = header.total_length - header.header_length;
  return TRUE;
}

void
tunnel_inbound_process_esp (TunnelWorker *worker, TunnelLink *link, int fd)
{
  guint n = receive (worker, fd);
  gint64 now = tunnel_worker_now ();

  for (guint i = 0; i < n; i++)
    {
      Datagram datagram;

      if (!get_datagram (worker, i, link, &datagram) || !strip_ip (&datagram))
        tunnel_worker_count_drop (worker, TUNNEL_DROP_MALFORMED);
      else
        process_esp (worker, &datagram, now);
    }
}

static gboolean
is_clear_mode (TunnelMode mode)
{
  return mode == TUNNEL_MODE_C || mode == TUNNEL_MODE_F;
}

static TunnelDrop
decapsulate (TunnelWorker *worker, const TunnelIpip *tunnel, const Datagram *datagram, guint8 **ret_inner,
             gsize *ret_length)
{
  gboolean unused = FALSE;
  TunnelDrop drop = tunnel_ipip_decapsulate (tunnel, TUNNEL_ECN_NOT_ECT, datagram->data, datagram->length, ret_inner,
                                             ret_length, &unused);

  worker->stats.ecn_unused += unused ? 1 : 0;
  return drop;
}

/* On the way when the path was changed (D-38): nothing is learned from it about the new one. */
static gboolean
deliver_late (TunnelWorker *worker, const Datagram *datagram)
{
  const TunnelIpip *late = tunnel_worker_get_late (worker, datagram->link->ifindex, tunnel_worker_now ());
  guint8 *inner;
  gsize length;

  if (late == NULL || decapsulate (worker, late, datagram, &inner, &length) != TUNNEL_DROP_NONE)
    return FALSE;
  deliver (worker, inner, length);
  return TRUE;
}

/*
 * R5266-TRF-008: in clear only in C and F, and only on the proved link. F: what is for groups, inside a
 * tunnel to the home address (RFC 5944 4.3).
 */
static void
process_ipip (TunnelWorker *worker, Datagram *datagram)
{
  gboolean proved = is_clear_mode (tunnel_worker_mode (worker)) && datagram->link == worker->path->clear_link;
  TunnelDrop drop = TUNNEL_DROP_MODE;
  guint8 *inner;
  gsize length;

  if (proved)
    drop = decapsulate (worker, &worker->path->ipip, datagram, &inner, &length);
  if (drop == TUNNEL_DROP_NONE)
    deliver_user (worker, inner, length);
  else if (deliver_late (worker, datagram))
    return;
  else if (proved)
    tunnel_worker_count_drop (worker, drop);
  else
    worker->stats.clear_dropped++;
}

void
tunnel_inbound_process_ipip (TunnelWorker *worker, TunnelLink *link, int fd)
{
  guint n = receive (worker, fd);

  for (guint i = 0; i < n; i++)
    {
      Datagram datagram;

      if (get_datagram (worker, i, link, &datagram))
        process_ipip (worker, &datagram);
      else
        tunnel_worker_count_drop (worker, TUNNEL_DROP_SPACE);
    }
}

void
tunnel_inbound_process_icmp (TunnelWorker *worker, int fd)
{
  guint n = receive (worker, fd);

  for (guint i = 0; i < n; i++)
    tunnel_icmp_process (worker, worker->batch.slots[i] + TUNNEL_HEADROOM, worker->batch.messages[i].msg_len);
}
