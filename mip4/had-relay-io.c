/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "mip4/had-data-io-private.h"

#include "base/wire.h"

#include <string.h>
#include <unistd.h>

/*
 * ICMP errors about what was tunnelled (RFC 2003 4, 5): they correct the tunnel's soft state, and the
 * original sender is told what it can use.
 */

/* RFC 1812 4.3.2.8: errors that we send, a second. A sender needs one. */
#define ERRORS_PER_SECOND 200u
/* How long a tunnel whose end was reported unreachable is reported so to others. */
#define UNREACHABLE_US ROAM_USEC_PER_SEC
#define TYPE_UNREACHABLE 3
#define CODE_TOO_BIG 4

gboolean
had_relay_tell (HadData *data, const Mip4IcmpRelay *relay, const guint8 *packet, gsize length)
{
  struct sockaddr_in to = { .sin_family = AF_INET };
  guint8 error[MIP4_ICMP_MAX];
  gint64 second = had_boot_us () / ROAM_USEC_PER_SEC;
  gsize size = mip4_icmp_build (error, data->own, relay, packet, length);
  Mip4Ipv4 ip;

  if (size == 0 || !mip4_ipv4_parse (error, size, &ip))
    return FALSE;
  if (second != data->icmp_second)
    data->icmp_sent = 0;
  data->icmp_second = second;
  if (data->icmp_sent++ >= ERRORS_PER_SECOND)
    return FALSE;
  to.sin_addr.s_addr = GUINT32_TO_BE (ip.destination);
  if (sendto (data->send_fd, error, size, MSG_DONTWAIT, (struct sockaddr *)&to, sizeof to) >= 0)
    return TRUE;
  data->counts[HAD_COUNT_SEND_FAILED]++;
  return FALSE;
}

guint
had_relay_link_mtu (const HadTunnelEnd *end)
{
  struct sockaddr_in to = end->peer;
  int fd = socket (AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0), mtu = 0;
  socklen_t length = sizeof mtu;

  if (fd < 0)
    return 0;
  to.sin_port = GUINT16_TO_BE (MIP4_PORT);
  if (connect (fd, (struct sockaddr *)&to, sizeof to) < 0 || getsockopt (fd, IPPROTO_IP, IP_MTU, &mtu, &length) < 0)
    mtu = 0;
  close (fd);
  return mtu < (int)MIP4_TUNNEL_MTU_MIN ? 0 : (guint)mtu;
}

/* Among the tunnels of one home address; @port: with @udp. */
static HadTunnel *
find_in (HadTunnel *tunnel, gboolean udp, guint32 end, guint16 port)
{
  for (; tunnel != NULL; tunnel = tunnel->next)
    if (tunnel->end.udp == udp && GUINT32_FROM_BE (tunnel->end.peer.sin_addr.s_addr) == end &&
        GUINT16_FROM_BE (tunnel->end.peer.sin_port) == port)
      return tunnel;
  return NULL;
}

/* For routers that quote only 64 bits beyond the outer header (RFC 792). Called for packets that were proved ours. */
static HadTunnel *
find_by_end (const HadData *data, guint32 end)
{
  GHashTableIter iter;
  gpointer value;

  g_hash_table_iter_init (&iter, data->tunnels);
  while (g_hash_table_iter_next (&iter, NULL, &value))
    {
      HadTunnel *tunnel = find_in (value, FALSE, end, 0);

      if (tunnel != NULL)
        return tunnel;
    }
  return NULL;
}

/* The tunnel through which the quoted packet went; NULL: it is none of ours (forged, or of a binding that was). */
static HadTunnel *
find_tunnel (const HadData *data, const Mip4IcmpError *error)
{
  gboolean udp = error->outer.protocol == MIP4_PROTOCOL_UDP;
  WireReader reader;
  guint16 length, identification;
  guint32 home_address;

  wire_reader_init (&reader, error->inner, error->inner_length);
  if (error->outer.source != data->own || !wire_skip (&reader, 2) || !wire_read_u16 (&reader, &length) ||
      !wire_read_u16 (&reader, &identification))
    return NULL;
  if (!udp &&
      error->outer.identification != mip4_tunnel_tag (data->secret, error->outer.destination, identification, length))
    return NULL;
  if (!wire_skip (&reader, 10) || !wire_read_u32 (&reader, &home_address))
    return udp ? NULL : find_by_end (data, error->outer.destination);
  return find_in (had_data_find (data, home_address), udp, error->outer.destination, udp ? error->destination_port : 0);
}

static void
input_error (HadData *data, const Mip4IcmpError *error)
{
  HadTunnel *tunnel = find_tunnel (data, error);
  gint64 now = had_boot_us ();
  Mip4IcmpRelay relay;
  gboolean relayed;
  guint mtu;

  if (tunnel == NULL)
    {
      data->counts[HAD_COUNT_ICMP_FOREIGN]++;
      return;
    }
  if (error->mtu != 0)
    mip4_tunnel_path_learn (&tunnel->path, now, G_MAXUINT16, error->mtu);
  mtu = mip4_tunnel_path_mtu (&tunnel->path, now, G_MAXUINT16);
  relayed = mip4_icmp_relay (error, TRUE, mtu, &relay);
  if (relayed && relay.type == TYPE_UNREACHABLE && relay.code != CODE_TOO_BIG)
    tunnel->unreachable_until_us = now + UNREACHABLE_US;
  if (relayed && had_relay_tell (data, &relay, error->inner, error->inner_length))
    data->counts[HAD_COUNT_ICMP_RELAYED]++;
  else
    data->counts[HAD_COUNT_ICMP_NOT_RELAYED]++;
}

gboolean
had_relay_readable (int fd, GIOCondition condition, gpointer user_data)
{
  HadData *data = user_data;
  guint8 packet[HAD_PACKET_SIZE];

  for (guint i = 0; i < HAD_BATCH; i++)
    {
      gssize length = recv (fd, packet, sizeof packet, MSG_DONTWAIT);
      Mip4IcmpError error;
      Mip4Ipv4 ip;

      if (length < 0)
        break;
      if (mip4_ipv4_parse (packet, (gsize)length, &ip) && ip.protocol == MIP4_PROTOCOL_ICMP &&
          mip4_icmp_parse_error (packet + ip.header_length, (gsize)(ip.total_length - ip.header_length), &error))
        input_error (data, &error);
    }
  return G_SOURCE_CONTINUE;
}
