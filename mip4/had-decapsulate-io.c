/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "mip4/had-data-io-private.h"
#include "mip4/mip4-codec-private.h"

#include <string.h>
#include <unistd.h>

/* Out of the tunnels into the TUN, where the kernel forwards. It has reassembled what came in fragments. */

#define ICMP_ECHO_REQUEST 8

static gboolean
same_end (const HadTunnelEnd *end, gboolean udp, const struct sockaddr_in *outer)
{
  return end->udp == udp && end->peer.sin_addr.s_addr == outer->sin_addr.s_addr &&
         end->peer.sin_port == outer->sin_port;
}

/* RFC 3024 4.3.2, RFC 3519 4.3: outer source is a care-of address of the node, in the tunnel that was agreed on. */
static gboolean
is_from_binding (const HadTunnel *tunnel, gboolean udp, const struct sockaddr_in *outer)
{
  for (; tunnel != NULL; tunnel = tunnel->next)
    if (!tunnel->half_bound && (same_end (&tunnel->end, udp, outer) ||
                                (same_end (&tunnel->old_end, udp, outer) && had_boot_us () < tunnel->old_until_us)))
      return TRUE;
  return FALSE;
}

/* What a half-bound node sends until its tunnel is known (RFC 3519 4.6): an Echo Request to us. */
static gboolean
is_keepalive (const HadData *data, const HadTunnel *tunnel, const Mip4Ipv4 *ip, const guint8 *packet)
{
  gboolean half_bound = FALSE;

  for (; tunnel != NULL; tunnel = tunnel->next)
    half_bound |= tunnel->half_bound;
  return half_bound && ip->destination == data->own && ip->protocol == MIP4_PROTOCOL_ICMP &&
         ip->total_length > ip->header_length && packet[ip->header_length] == ICMP_ECHO_REQUEST;
}

/* Into the kernel's forwarding, with the congestion that was met on the way (RFC 6040 4.2). */
static void
forward (HadData *data, guint8 outer_tos, guint8 *packet, gsize length)
{
  switch (mip4_ecn_decapsulate (outer_tos, packet))
    {
    case MIP4_ECN_FORWARD:
      break;
    case MIP4_ECN_FORWARD_STRANGE:
      data->counts[HAD_COUNT_ECN_STRANGE]++;
      break;
    case MIP4_ECN_DROP:
      data->counts[HAD_COUNT_ECN_DROPPED]++;
      return;
    }
  if (write (data->tun_fd, packet, length) == (gssize)length)
    data->counts[HAD_COUNT_DECAPSULATED]++;
  else
    data->counts[HAD_COUNT_SEND_FAILED]++;
}

/* FALSE: it is a keepalive of a half-bound node, from *@ret_home_address; nothing was counted. */
static gboolean
decapsulate (HadData *data, gboolean udp, const struct sockaddr_in *outer, guint8 outer_tos, guint8 *packet,
             gsize length, RoamAddr *ret_home_address)
{
  const HadTunnel *tunnel;
  Mip4Ipv4 ip;

  if (!mip4_ipv4_parse (packet, length, &ip) || ip.ttl == 0)
    {
      data->counts[HAD_COUNT_MALFORMED]++;
      return TRUE;
    }
  tunnel = had_data_find (data, ip.source);
  if (!is_from_binding (tunnel, udp, outer))
    {
      if (udp && is_keepalive (data, tunnel, &ip, packet))
        {
          *ret_home_address = roam_addr_from_u32 (ip.source);
          return FALSE;
        }
      data->counts[HAD_COUNT_NOT_FROM_COA]++;
      return TRUE;
    }
  forward (data, outer_tos, packet, ip.total_length);
  return TRUE;
}

gboolean
had_data_input_udp (HadData *data, const RoamEndpoint *source, guint8 outer_tos, guint8 *packet, gsize length,
                    RoamAddr *ret_home_address)
{
  const struct sockaddr_in outer = had_to_sockaddr (source);
  Mip4Message message;

  if (mip4_parse_fixed (packet, length, &message) != MIP4_DISCARD_NONE || message.type != MIP4_MESSAGE_TUNNEL_DATA ||
      message.next_header != MIP4_PROTOCOL_IPIP)
    {
      data->counts[HAD_COUNT_MALFORMED]++;
      return TRUE;
    }
  return decapsulate (data, TRUE, &outer, outer_tos, packet + HAD_TUNNEL_DATA_HEADER, message.payload.length,
                      ret_home_address);
}

static void
input_raw (HadData *data, const struct mmsghdr *message, guint8 *packet)
{
  Mip4Ipv4 ip;

  /* A raw socket hands over the outer header, too. */
  if ((message->msg_hdr.msg_flags & MSG_TRUNC) != 0 || !mip4_ipv4_parse (packet, message->msg_len, &ip) ||
      ip.protocol != MIP4_PROTOCOL_IPIP)
    data->counts[HAD_COUNT_MALFORMED]++;
  else
    {
      const struct sockaddr_in outer = { .sin_family = AF_INET, .sin_addr = { .s_addr = GUINT32_TO_BE (ip.source) } };

      decapsulate (data, FALSE, &outer, ip.tos, packet + ip.header_length, (gsize)(ip.total_length - ip.header_length),
                   NULL);
    }
}

gboolean
had_decapsulate_readable (int fd, GIOCondition condition, gpointer user_data)
{
  HadData *data = user_data;
  struct mmsghdr messages[HAD_BATCH];
  struct iovec vectors[HAD_BATCH];
  int received = HAD_BATCH;

  for (guint turn = 0; received == (int)HAD_BATCH && turn < HAD_TURNS; turn++)
    {
      memset (messages, 0, sizeof messages);
      for (guint i = 0; i < HAD_BATCH; i++)
        {
          vectors[i] = (struct iovec){ data->packets[i], HAD_PACKET_SIZE };
          messages[i].msg_hdr.msg_iov = &vectors[i];
          messages[i].msg_hdr.msg_iovlen = 1;
        }
      received = recvmmsg (fd, messages, HAD_BATCH, MSG_DONTWAIT, NULL);
      for (int i = 0; i < received; i++)
        input_raw (data, &messages[i], data->packets[i]);
    }
  return G_SOURCE_CONTINUE;
}
