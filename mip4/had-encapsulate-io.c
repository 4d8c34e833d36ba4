/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "mip4/had-data-io-private.h"
#include "mip4/mip4-codec-private.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

/*
 * Out of the TUN into the tunnels. IP-in-IP goes through a raw socket with our own outer header, so that
 * its Identification is the tag by which ICMP errors are known; UDP (RFC 3519) through the socket of
 * port 434. DF is set on all that leaves (D-20): what the tunnel cannot take is fragmented before, or its
 * sender is told.
 */

#define OUTER_TTL 64
/* An outer packet is never larger: no link MTU is known before the first error. */
#define NO_LIMIT G_MAXUINT16

typedef struct
{
  struct mmsghdr messages[HAD_BATCH];
  struct iovec vectors[HAD_BATCH][2];
  guint8 headers[HAD_BATCH][MIP4_IPV4_MIN_HEADER];
  HadControl controls[HAD_BATCH];
  HadTunnel *tunnels[HAD_BATCH];
  guint n;
} Batch;

static guint
overhead (const HadTunnel *tunnel)
{
  return tunnel->end.udp ? MIP4_UDP_OVERHEAD : MIP4_IPIP_OVERHEAD;
}

/* ------------------------------------------------------------------- the batch ---- */

/* Fills a message with @packet inside its tunnel; @header and @control are its scratch space. */
static void
fill (HadData *data, struct msghdr *message, struct iovec vectors[2], guint8 header[MIP4_IPV4_MIN_HEADER],
      HadControl *control, HadTunnel *tunnel, const guint8 *packet, const Mip4Ipv4 *ip)
{
  static const guint8 tunnel_data[HAD_TUNNEL_DATA_HEADER] = { MIP4_MESSAGE_TUNNEL_DATA, MIP4_PROTOCOL_IPIP, 0, 0 };
  const guint8 tos = mip4_ecn_encapsulate (data->ecn, ip->tos);
  const int value = tos;

  memset (message, 0, sizeof *message);
  message->msg_name = &tunnel->end.peer;
  message->msg_namelen = sizeof tunnel->end.peer;
  message->msg_iov = vectors;
  message->msg_iovlen = 2;
  vectors[1] = (struct iovec){ (gpointer)packet, ip->total_length };
  if (tunnel->end.udp)
    {
      vectors[0] = (struct iovec){ (gpointer)tunnel_data, sizeof tunnel_data };
      message->msg_control = control->octets;
      had_control_add (message, control, IP_TOS, &value, sizeof value);
      return;
    }
  mip4_ipv4_build (
    header, &(Mip4Ipv4){
              .source = data->own,
              .destination = GUINT32_FROM_BE (tunnel->end.peer.sin_addr.s_addr),
              .tos = tos,
              .ttl = OUTER_TTL,
              .protocol = MIP4_PROTOCOL_IPIP,
              .fragment = MIP4_IPV4_DF,
              .identification = mip4_tunnel_tag (data->secret, GUINT32_FROM_BE (tunnel->end.peer.sin_addr.s_addr),
                                                 ip->identification, ip->total_length),
              .total_length = (guint16)(ip->total_length + MIP4_IPV4_MIN_HEADER),
            });
  vectors[0] = (struct iovec){ header, MIP4_IPV4_MIN_HEADER };
}

static void
send_piece (HadData *data, HadTunnel *tunnel, const guint8 *packet, gsize length)
{
  guint8 header[MIP4_IPV4_MIN_HEADER];
  struct iovec vectors[2];
  struct msghdr message;
  HadControl control;
  Mip4Ipv4 ip;

  if (!mip4_ipv4_parse (packet, length, &ip))
    return;
  fill (data, &message, vectors, header, &control, tunnel, packet, &ip);
  if (sendmsg (tunnel->end.udp ? data->udp_fd : data->send_fd, &message, MSG_DONTWAIT) >= 0)
    data->counts[HAD_COUNT_ENCAPSULATED]++;
  else
    data->counts[HAD_COUNT_SEND_FAILED]++;
}

static void
send_pieces (HadData *data, HadTunnel *tunnel, Mip4Fragmenter *fragmenter)
{
  guint8 piece[HAD_PACKET_SIZE];
  gsize size;

  data->counts[HAD_COUNT_FRAGMENTED]++;
  while ((size = mip4_fragmenter_next (fragmenter, piece)) > 0)
    send_piece (data, tunnel, piece, size);
}

/* D-20: pieces, or word to the sender. FALSE: it may still be tried as it is (RFC 2003 5). */
static gboolean
handle_too_big (HadData *data, HadTunnel *tunnel, const guint8 *packet, gsize length, guint inner_mtu)
{
  const Mip4IcmpRelay relay = { .type = 3, .code = 4, .mtu = (guint16)inner_mtu };
  Mip4Fragmenter fragmenter;

  if (!mip4_fragmenter_init (&fragmenter, packet, length, inner_mtu))
    {
      data->counts[HAD_COUNT_TOO_BIG]++;
      had_relay_tell (data, &relay, packet, length);
      return FALSE;
    }
  send_pieces (data, tunnel, &fragmenter);
  return TRUE;
}

/* The link itself refused a packet for its size: its MTU is now known, and the packet goes the other way. */
static void
refused_for_size (HadData *data, HadTunnel *tunnel, const guint8 *packet, gsize length)
{
  guint mtu = had_relay_link_mtu (&tunnel->end);

  if (mtu == 0)
    {
      data->counts[HAD_COUNT_SEND_FAILED]++;
      return;
    }
  mip4_tunnel_path_learn (&tunnel->path, had_boot_us (), NO_LIMIT, mtu);
  handle_too_big (data, tunnel, packet, length, mtu - overhead (tunnel));
}

static void
flush (HadData *data, Batch *batch, int fd)
{
  guint done = 0;

  while (done < batch->n)
    {
      int sent = sendmmsg (fd, batch->messages + done, batch->n - done, MSG_DONTWAIT);
      const struct iovec *packet = &batch->vectors[done][1];

      if (sent > 0)
        {
          done += (guint)sent;
          data->counts[HAD_COUNT_ENCAPSULATED] += (guint)sent;
          continue;
        }
      if (errno == EINTR)
        continue;
      /* This one cannot go (no route, queue full); the next may. */
      if (errno == EMSGSIZE)
        refused_for_size (data, batch->tunnels[done], packet->iov_base, packet->iov_len);
      else
        data->counts[HAD_COUNT_SEND_FAILED]++;
      done++;
    }
  batch->n = 0;
}

/* --------------------------------------------------------------------- a packet ---- */

/* RFC 2003 3.2, RFC 5944 4.2.3. */
static gboolean
is_loop (const HadTunnel *tunnel, const guint8 *packet, gsize length, const Mip4Ipv4 *ip)
{
  guint32 end = GUINT32_FROM_BE (tunnel->end.peer.sin_addr.s_addr);

  return mip4_tunnel_is_from_end (ip, end) || mip4_tunnel_is_loop (packet, length, end);
}

static void
encapsulate_into (HadData *data, HadTunnel *tunnel, Batch *batch, const guint8 *packet, const Mip4Ipv4 *ip)
{
  static const Mip4IcmpRelay host_unreachable = { .type = 3, .code = 1 };
  gint64 now = tunnel->path.mtu != 0 || tunnel->unreachable_until_us != 0 ? had_boot_us () : 0;
  guint inner_mtu = mip4_tunnel_path_mtu (&tunnel->path, now, NO_LIMIT) - overhead (tunnel);

  if (is_loop (tunnel, packet, ip->total_length, ip))
    {
      data->counts[HAD_COUNT_LOOP]++;
      return;
    }
  if (ip->total_length > inner_mtu && handle_too_big (data, tunnel, packet, ip->total_length, inner_mtu))
    return;
  if (now < tunnel->unreachable_until_us)
    had_relay_tell (data, &host_unreachable, packet, ip->total_length);
  if (batch->n == HAD_BATCH)
    flush (data, batch, tunnel->end.udp ? data->udp_fd : data->send_fd);
  fill (data, &batch->messages[batch->n].msg_hdr, batch->vectors[batch->n], batch->headers[batch->n],
        &batch->controls[batch->n], tunnel, packet, ip);
  batch->tunnels[batch->n++] = tunnel;
}

static void
encapsulate (HadData *data, Batch *ipip, Batch *udp, const guint8 *packet, gsize length)
{
  HadTunnel *tunnel;
  Mip4Ipv4 ip;

  if (!mip4_ipv4_parse (packet, length, &ip) || ip.ttl == 0)
    {
      data->counts[HAD_COUNT_MALFORMED]++;
      return;
    }
  tunnel = had_data_find (data, ip.destination);
  if (tunnel == NULL)
    data->counts[HAD_COUNT_NO_BINDING]++;
  /* A copy for each binding (RFC 5944 4.2.3). */
  for (; tunnel != NULL; tunnel = tunnel->next)
    if (!tunnel->half_bound)
      encapsulate_into (data, tunnel, tunnel->end.udp ? udp : ipip, packet, &ip);
}

/* RFC 5944 4.3: a foreign agent would not know whom a broadcast is for, so it gets a packet for the home address. */
static gsize
nest (const HadData *data, guint32 home_address, const guint8 *packet, gsize length, guint8 out[HAD_PACKET_SIZE])
{
  if (length + MIP4_IPV4_MIN_HEADER > HAD_PACKET_SIZE)
    return 0;
  mip4_ipv4_build (out, &(Mip4Ipv4){ .source = data->own,
                                     .destination = home_address,
                                     .ttl = OUTER_TTL,
                                     .protocol = MIP4_PROTOCOL_IPIP,
                                     .total_length = (guint16)(length + MIP4_IPV4_MIN_HEADER) });
  memcpy (out + MIP4_IPV4_MIN_HEADER, packet, length);
  return length + MIP4_IPV4_MIN_HEADER;
}

void
had_encapsulate_broadcast (HadData *data, HadTunnel *tunnel, guint32 home_address, const guint8 *packet, gsize length)
{
  guint inner_mtu = mip4_tunnel_path_mtu (&tunnel->path, had_boot_us (), NO_LIMIT) - overhead (tunnel);
  guint8 nested[HAD_PACKET_SIZE];
  Mip4Fragmenter fragmenter;

  if (!tunnel->co_located)
    {
      length = nest (data, home_address, packet, length, nested);
      packet = nested;
    }
  if (length > 0 && length <= inner_mtu)
    send_piece (data, tunnel, packet, length);
  /* Nobody is told: an error must never answer a broadcast (RFC 1122 3.2.2). */
  else if (length > 0 && mip4_fragmenter_init (&fragmenter, packet, length, inner_mtu))
    send_pieces (data, tunnel, &fragmenter);
  else
    data->counts[HAD_COUNT_TOO_BIG]++;
}

gboolean
had_encapsulate_readable (int fd, GIOCondition condition, gpointer user_data)
{
  HadData *data = user_data;
  gboolean more = TRUE;

  for (guint turn = 0; more && turn < HAD_TURNS; turn++)
    {
      Batch ipip, udp;

      ipip.n = udp.n = 0;
      for (guint i = 0; more && i < HAD_BATCH; i++)
        {
          gssize length = read (fd, data->packets[i], HAD_PACKET_SIZE);

          if (length > 0)
            encapsulate (data, &ipip, &udp, data->packets[i], (gsize)length);
          else
            more = length < 0 && errno == EINTR;
        }
      flush (data, &ipip, data->send_fd);
      flush (data, &udp, data->udp_fd);
    }
  return G_SOURCE_CONTINUE;
}
