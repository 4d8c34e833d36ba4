/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "mip4/had-data-io-private.h"
#include "mip4/mip4-codec-private.h"

#include <string.h>
#include <unistd.h>

/* Out of the tunnels into the TUN, where the kernel forwards. It has reassembled what came in fragments. */

static gboolean
same_end (const HadTunnelEnd *end, gboolean udp, const struct sockaddr_in *outer)
{
  return end->udp == udp && end->peer.sin_addr.s_addr == outer->sin_addr.s_addr &&
         end->peer.sin_port == outer->sin_port;
}

/* RFC 3024 4.3.2, RFC 3519 4.3: outer source is the care-of address, in the tunnel that was agreed on. */
static gboolean
is_from_binding (const HadTunnel *tunnel, gboolean udp, const struct sockaddr_in *outer)
{
  return same_end (&tunnel->end, udp, outer) ||
         (same_end (&tunnel->old_end, udp, outer) && had_boot_us () < tunnel->old_until_us);
}

static void
decapsulate (HadData *data, gboolean udp, const struct sockaddr_in *outer, guint8 outer_tos, guint8 *packet,
             gsize length)
{
  const HadTunnel *tunnel;
  Mip4Ipv4 ip;

  if (!mip4_ipv4_parse (packet, length, &ip) || ip.ttl == 0)
    {
      data->counts[HAD_COUNT_MALFORMED]++;
      return;
    }
  tunnel = had_data_find (data, ip.source);
  if (tunnel == NULL || !is_from_binding (tunnel, udp, outer))
    {
      data->counts[HAD_COUNT_NOT_FROM_COA]++;
      return;
    }
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
  if (write (data->tun_fd, packet, ip.total_length) == (gssize)ip.total_length)
    data->counts[HAD_COUNT_DECAPSULATED]++;
  else
    data->counts[HAD_COUNT_SEND_FAILED]++;
}

void
had_data_input_udp (HadData *data, const RoamEndpoint *source, guint8 outer_tos, guint8 *packet, gsize length)
{
  const struct sockaddr_in outer = had_to_sockaddr (source);
  Mip4Message message;

  if (mip4_parse_fixed (packet, length, &message) != MIP4_DISCARD_NONE || message.type != MIP4_MESSAGE_TUNNEL_DATA ||
      message.next_header != MIP4_PROTOCOL_IPIP)
    data->counts[HAD_COUNT_MALFORMED]++;
  else
    decapsulate (data, TRUE, &outer, outer_tos, packet + HAD_TUNNEL_DATA_HEADER, message.payload.length);
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

      decapsulate (data, FALSE, &outer, ip.tos, packet + ip.header_length, (gsize)(ip.total_length - ip.header_length));
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
