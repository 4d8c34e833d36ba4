/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "mip4/fad-io-private.h"

#include "base/wire.h"
#include "mip4/fad-tun-io-private.h"
#include "mip4/mip4-codec-private.h"
#include "mip4/mip4-tunnel-private.h"

#include <errno.h>
#include <glib-unix.h>
#include <net/if.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/*
 * The foreign agent's data path in user space (RFC 5944 4.2.2, RFC 3024 5):
 *   down  IP-in-IP or UDP from the home agent -> inner packet -> the visitor's link-layer address
 *   up    TUN (direct delivery, routed here by a rule) or IP-in-IP from the visitor (encapsulating
 *         delivery) -> IP-in-IP or UDP from the care-of address to the home agent
 */

/* Packets a turn of the main loop and direction: control messages wait no longer than that. */
#define DRAIN 256u
#define PACKET_SIZE 65536u
#define TUNNEL_DATA_HEADER 4u
#define OUTER_TTL 64
#define KEEPALIVE_DEFAULT_S 110u /* RFC 3519 4.9 */
#define KEEPALIVE_MIN_S 10u      /* RFC 3519 4.10 */
#define ICMP_ECHO_REPLY 0
#define ICMP_UNREACHABLE 3
#define ICMP_TOO_BIG 4
#define ICMP_ECHO 8
#define ICMP_TIME_EXCEEDED 11
#define ICMP_ECHO_LENGTH 8u
/*
 * More than any visited link has: what is too big for the tunnel is found here, where the visitor can be told
 * directly. An error of the kernel's would take the way through the home agent, from the tunnel's own end, and
 * be dropped there (RFC 2003 3.2).
 */
#define TUN_MTU 65000u
#define SOCKET_BUFFER (4 * 1024 * 1024)

typedef struct
{
  Mip4FaVisitor config;
  guint32 home_address, home_agent, care_of; /* host order */
  Mip4TunnelPath path;                       /* RFC 2003 5, of the reverse tunnel */
  gint64 sent_us;                            /* last packet into a UDP tunnel */
  guint16 echoes;
} Visitor;

typedef enum
{
  COUNT_DELIVERED,
  COUNT_REVERSE_TUNNELLED,
  COUNT_NO_VISITOR,     /* tunnelled, but for nobody here: never forwarded as it is (RFC 5944 4.2.2) */
  COUNT_NOT_FROM_AGENT, /* tunnelled, but not from the home agent, or not in the tunnel agreed on */
  COUNT_NOT_FROM_VISITOR,
  COUNT_MALFORMED,
  COUNT_TTL,
  COUNT_TOO_BIG,
  COUNT_FRAGMENTED,
  COUNT_ECN_DROPPED,
  COUNT_ECN_STRANGE,
  COUNT_LOOP,
  COUNT_SEND_FAILED,
  COUNT_ICMP_RELAYED,
  COUNT_ICMP_IGNORED,
  COUNT_KEEPALIVES,
  COUNT_KEEPALIVES_ANSWERED,
  N_COUNTS,
} Count;

struct _FadData
{
  int tun_fd, raw_fd, control_fd, tun_index, uplink_index;
  guint tun_source, raw_source, keepalive_source;
  FadLink *link;
  guint mtu; /* largest inner packet before anything smaller is learned */
  guint32 address;
  guint64 secret;
  GHashTable *visitors; /* home address -> Visitor */
  guint64 counts[N_COUNTS];
  guint8 packet[PACKET_SIZE], piece[PACKET_SIZE];
};

static Visitor *
find_visitor (const FadData *data, guint32 home_address)
{
  return g_hash_table_lookup (data->visitors, GUINT_TO_POINTER (home_address));
}

/* Routing takes one off the TTL, and the header checksum follows (RFC 1812 5.2.1.2). */
static void
decrement_ttl (guint8 *packet, const Mip4Ipv4 *ip)
{
  guint16 sum;

  packet[8]--;
  packet[10] = packet[11] = 0;
  sum = mip4_checksum (packet, ip->header_length);
  packet[10] = (guint8)(sum >> 8);
  packet[11] = (guint8)sum;
}

/* ------------------------------------------------------------- ICMP to senders ---- */

static void
send_raw (FadData *data, const guint8 *packet, gsize length, guint32 destination)
{
  const struct sockaddr_in to = { .sin_family = AF_INET, .sin_addr = { .s_addr = GUINT32_TO_BE (destination) } };

  if (sendto (data->raw_fd, packet, length, MSG_DONTWAIT, (const struct sockaddr *)&to, sizeof to) < 0)
    data->counts[COUNT_SEND_FAILED]++;
}

/* Tells the sender of @packet: a visitor on its link, anybody else by the host's routes. */
static void
tell_sender (FadData *data, const Mip4IcmpRelay *relay, const guint8 *packet, gsize length, const Visitor *visitor)
{
  guint8 icmp[MIP4_ICMP_MAX];
  gsize icmp_length = mip4_icmp_build (icmp, data->address, relay, packet, length);
  Mip4Ipv4 ip;

  if (icmp_length == 0 || !mip4_ipv4_parse (icmp, icmp_length, &ip))
    return;
  if (visitor != NULL)
    fad_link_send_packet (data->link, visitor->config.link_layer, icmp, icmp_length);
  else
    send_raw (data, icmp, icmp_length, ip.destination);
}

static void
tell_too_big (FadData *data, const guint8 *packet, gsize length, guint mtu, const Visitor *visitor)
{
  const Mip4IcmpRelay relay = { .type = ICMP_UNREACHABLE, .code = ICMP_TOO_BIG, .mtu = (guint16)mtu };

  data->counts[COUNT_TOO_BIG]++;
  tell_sender (data, &relay, packet, length, visitor);
}

static void
tell_time_exceeded (FadData *data, const guint8 *packet, gsize length, const Visitor *visitor)
{
  const Mip4IcmpRelay relay = { .type = ICMP_TIME_EXCEEDED };

  data->counts[COUNT_TTL]++;
  tell_sender (data, &relay, packet, length, visitor);
}

/* ------------------------------------------------------- up: into the reverse tunnel ---- */

static gboolean
send_udp (const FadData *data, const Visitor *visitor, guint8 tos, const guint8 *packet, gsize length)
{
  guint8 header[TUNNEL_DATA_HEADER] = { MIP4_MESSAGE_TUNNEL_DATA, MIP4_PROTOCOL_IPIP, 0, 0 };
  struct iovec vectors[] = { { header, sizeof header }, { (void *)packet, length } };

  return fad_tun_send (data->control_fd, &visitor->config.care_of_address, &visitor->config.home_agent, MIP4_PORT, tos,
                       vectors, G_N_ELEMENTS (vectors));
}

/* RFC 2003 3.1; DF always, so that the tunnel's MTU is learned (D-20). */
static gboolean
send_ipip (const FadData *data, const Visitor *visitor, guint8 tos, const Mip4Ipv4 *inner, const guint8 *packet,
           gsize length)
{
  const Mip4Ipv4 outer = {
    .source = visitor->care_of,
    .destination = visitor->home_agent,
    .tos = tos,
    .ttl = OUTER_TTL,
    .protocol = MIP4_PROTOCOL_IPIP,
    .identification = mip4_tunnel_tag (data->secret, visitor->home_agent, inner->identification, (guint16)length),
    .fragment = MIP4_IPV4_DF,
    .total_length = (guint16)(MIP4_IPV4_MIN_HEADER + length),
  };
  guint8 header[MIP4_IPV4_MIN_HEADER];
  struct iovec vectors[] = { { header, sizeof header }, { (void *)packet, length } };
  struct sockaddr_in to = { .sin_family = AF_INET, .sin_addr = { .s_addr = GUINT32_TO_BE (visitor->home_agent) } };
  const struct msghdr message = {
    .msg_name = &to, .msg_namelen = sizeof to, .msg_iov = vectors, .msg_iovlen = G_N_ELEMENTS (vectors)
  };

  mip4_ipv4_build (header, &outer);
  return sendmsg (data->raw_fd, &message, MSG_DONTWAIT) >= 0;
}

static void
encapsulate_piece (FadData *data, Visitor *visitor, const guint8 *packet, gsize length)
{
  Mip4Ipv4 ip;
  gboolean sent = FALSE;

  if (mip4_ipv4_parse (packet, length, &ip))
    {
      guint8 tos = mip4_ecn_encapsulate (MIP4_ECN_NORMAL, ip.tos);

      sent = visitor->config.udp_tunnel ? send_udp (data, visitor, tos, packet, length)
                                        : send_ipip (data, visitor, tos, &ip, packet, length);
    }
  if (sent)
    visitor->sent_us = fad_boot_us ();
  data->counts[sent ? COUNT_REVERSE_TUNNELLED : COUNT_SEND_FAILED]++;
}

/* The largest inner packet, by what is known of the path. */
static guint
inner_mtu (const FadData *data, const Visitor *visitor)
{
  guint overhead = visitor->config.udp_tunnel ? MIP4_UDP_OVERHEAD : MIP4_IPIP_OVERHEAD;

  return mip4_tunnel_path_mtu (&visitor->path, fad_boot_us (), data->mtu + overhead) - overhead;
}

static void
encapsulate (FadData *data, Visitor *visitor, const guint8 *packet, const Mip4Ipv4 *ip)
{
  guint mtu = inner_mtu (data, visitor);
  Mip4Fragmenter fragmenter;
  gsize length;

  if (mip4_tunnel_is_from_end (ip, visitor->care_of) || mip4_tunnel_is_from_end (ip, visitor->home_agent))
    {
      data->counts[COUNT_LOOP]++;
      return;
    }
  if (ip->total_length <= mtu)
    {
      encapsulate_piece (data, visitor, packet, ip->total_length);
      return;
    }
  if (!mip4_fragmenter_init (&fragmenter, packet, ip->total_length, mtu))
    {
      tell_too_big (data, packet, ip->total_length, mtu, visitor);
      return;
    }
  data->counts[COUNT_FRAGMENTED]++;
  while ((length = mip4_fragmenter_next (&fragmenter, data->piece)) > 0)
    encapsulate_piece (data, visitor, data->piece, length);
}

/* Direct delivery (RFC 3024 5.1): the kernel has routed it here, TTL and all. */
static void
input_tun (FadData *data, const guint8 *packet, gsize length)
{
  Visitor *visitor;
  Mip4Ipv4 ip;

  if (!mip4_ipv4_parse (packet, length, &ip) || ip.ttl == 0)
    {
      data->counts[COUNT_MALFORMED]++;
      return;
    }
  visitor = find_visitor (data, ip.source);
  if (visitor == NULL || !visitor->config.reverse_tunnel || visitor->config.encapsulating_delivery)
    data->counts[COUNT_NOT_FROM_VISITOR]++;
  else
    encapsulate (data, visitor, packet, &ip);
}

static gboolean
tun_readable (int fd, GIOCondition condition, gpointer user_data)
{
  FadData *data = user_data;

  for (guint i = 0; i < DRAIN; i++)
    {
      gssize length = read (fd, data->packet, sizeof data->packet);

      if (length > 0)
        input_tun (data, data->packet, (gsize)length);
      else if (errno != EINTR)
        break;
    }
  return G_SOURCE_CONTINUE;
}

/* Encapsulating delivery (RFC 3024 5.2): the visitor's own tunnel ends here, and the home agent's begins. */
static void
input_encapsulated (FadData *data, Visitor *visitor, guint8 outer_tos, guint8 *packet, gsize length)
{
  Mip4Ipv4 ip;

  if (!mip4_ipv4_parse (packet, length, &ip) || ip.ttl == 0)
    data->counts[COUNT_MALFORMED]++;
  else if (ip.source != visitor->home_address || !visitor->config.encapsulating_delivery)
    data->counts[COUNT_NOT_FROM_VISITOR]++;
  else if (ip.ttl == 1)
    tell_time_exceeded (data, packet, ip.total_length, visitor);
  else
    switch (mip4_ecn_decapsulate (outer_tos, packet))
      {
      case MIP4_ECN_DROP:
        data->counts[COUNT_ECN_DROPPED]++;
        return;
      case MIP4_ECN_FORWARD_STRANGE:
        data->counts[COUNT_ECN_STRANGE]++;
        G_GNUC_FALLTHROUGH;
      case MIP4_ECN_FORWARD:
        decrement_ttl (packet, &ip);
        encapsulate (data, visitor, packet, &ip);
        return;
      }
}

/* --------------------------------------------------------- down: to the visitor ---- */

static void
send_to_visitor (FadData *data, const Visitor *visitor, const guint8 *packet, gsize length)
{
  gboolean sent = fad_link_send_packet (data->link, visitor->config.link_layer, packet, length);

  data->counts[sent ? COUNT_DELIVERED : COUNT_SEND_FAILED]++;
}

static void
deliver (FadData *data, const Visitor *visitor, guint8 *packet, const Mip4Ipv4 *ip)
{
  Mip4Fragmenter fragmenter;
  gsize length;

  if (ip->ttl == 1)
    {
      tell_time_exceeded (data, packet, ip->total_length, NULL);
      return;
    }
  if (ip->total_length <= fad_link_mtu (data->link))
    {
      decrement_ttl (packet, ip);
      send_to_visitor (data, visitor, packet, ip->total_length);
      return;
    }
  if (!mip4_fragmenter_init (&fragmenter, packet, ip->total_length, fad_link_mtu (data->link)))
    {
      tell_too_big (data, packet, ip->total_length, fad_link_mtu (data->link), NULL);
      return;
    }
  data->counts[COUNT_FRAGMENTED]++;
  decrement_ttl (packet, ip);
  while ((length = mip4_fragmenter_next (&fragmenter, data->piece)) > 0)
    send_to_visitor (data, visitor, data->piece, length);
}

/* The answer to a keepalive of ours, which the visitor knows nothing of (RFC 3519 4.9). */
static gboolean
is_keepalive_answer (const FadData *data, const Visitor *visitor, const guint8 *packet, const Mip4Ipv4 *ip)
{
  WireReader reader;
  guint16 identifier;
  guint8 type;

  wire_reader_init (&reader, packet, ip->total_length);
  return visitor->config.udp_tunnel && ip->protocol == MIP4_PROTOCOL_ICMP && ip->source == visitor->home_agent &&
         wire_skip (&reader, ip->header_length) && wire_read_u8 (&reader, &type) && type == ICMP_ECHO_REPLY &&
         wire_skip (&reader, 3) && wire_read_u16 (&reader, &identifier) && identifier == (guint16)data->secret;
}

/* RFC 5944 4.2.2: what is for nobody here is dropped without a word. */
static void
decapsulate (FadData *data, gboolean udp, guint32 outer_source, guint32 outer_destination, guint8 outer_tos,
             guint8 *packet, gsize length)
{
  const Visitor *visitor;
  Mip4Ipv4 ip;

  if (!mip4_ipv4_parse (packet, length, &ip) || ip.ttl == 0)
    {
      data->counts[COUNT_MALFORMED]++;
      return;
    }
  visitor = find_visitor (data, ip.destination);
  if (visitor == NULL)
    {
      data->counts[COUNT_NO_VISITOR]++;
      return;
    }
  if (visitor->home_agent != outer_source || visitor->care_of != outer_destination || visitor->config.udp_tunnel != udp)
    {
      data->counts[COUNT_NOT_FROM_AGENT]++;
      return;
    }
  if (is_keepalive_answer (data, visitor, packet, &ip))
    {
      data->counts[COUNT_KEEPALIVES_ANSWERED]++;
      return;
    }
  switch (mip4_ecn_decapsulate (outer_tos, packet))
    {
    case MIP4_ECN_DROP:
      data->counts[COUNT_ECN_DROPPED]++;
      return;
    case MIP4_ECN_FORWARD_STRANGE:
      data->counts[COUNT_ECN_STRANGE]++;
      break;
    case MIP4_ECN_FORWARD:
      break;
    }
  deliver (data, visitor, packet, &ip);
}

gboolean
fad_data_is_uplink (const FadData *data, int interface_index)
{
  if (data->uplink_index != 0)
    return interface_index == data->uplink_index;
  return interface_index != fad_link_index (data->link);
}

void
fad_data_input_udp (FadData *data, const RoamEndpoint *source, const RoamAddr *destination, guint8 outer_tos,
                    guint8 *packet, gsize length)
{
  Mip4Message message;

  if (source->port != MIP4_PORT || mip4_parse_fixed (packet, length, &message) != MIP4_DISCARD_NONE ||
      message.type != MIP4_MESSAGE_TUNNEL_DATA || message.next_header != MIP4_PROTOCOL_IPIP)
    data->counts[COUNT_MALFORMED]++;
  else
    decapsulate (data, TRUE, roam_addr_to_u32 (&source->addr), roam_addr_to_u32 (destination), outer_tos,
                 packet + TUNNEL_DATA_HEADER, message.payload.length);
}

/* A raw socket hands over the outer header, too. */
static void
input_raw (FadData *data, int interface_index, guint8 *packet, gsize length)
{
  Mip4Ipv4 outer;
  Visitor *visitor;

  if (!mip4_ipv4_parse (packet, length, &outer) || outer.protocol != MIP4_PROTOCOL_IPIP)
    {
      data->counts[COUNT_MALFORMED]++;
      return;
    }
  visitor = interface_index == fad_link_index (data->link) ? find_visitor (data, outer.source) : NULL;
  if (visitor != NULL && outer.destination == data->address)
    input_encapsulated (data, visitor, outer.tos, packet + outer.header_length,
                        (gsize)(outer.total_length - outer.header_length));
  else if (fad_data_is_uplink (data, interface_index))
    decapsulate (data, FALSE, outer.source, outer.destination, outer.tos, packet + outer.header_length,
                 (gsize)(outer.total_length - outer.header_length));
  else
    data->counts[COUNT_NOT_FROM_VISITOR]++;
}

static gboolean
raw_readable (int fd, GIOCondition condition, gpointer user_data)
{
  FadData *data = user_data;

  for (guint i = 0; i < DRAIN; i++)
    {
      FadReceived received;
      gssize length = fad_tun_receive (fd, data->packet, sizeof data->packet, &received);

      if (length > 0)
        input_raw (data, received.interface_index, data->packet, (gsize)length);
      else if (length < 0 && errno != EINTR)
        break;
    }
  return G_SOURCE_CONTINUE;
}

/* ------------------------------------------------- ICMP from inside the tunnels ---- */

gboolean
fad_data_input_icmp_error (FadData *data, const guint8 *icmp, gsize length)
{
  Mip4IcmpError error;
  Mip4IcmpRelay relay;
  WireReader reader;
  guint32 source;
  guint16 inner_length, identification;
  Visitor *visitor;
  guint overhead;

  if (!mip4_icmp_parse_error (icmp, length, &error))
    return FALSE;
  wire_reader_init (&reader, error.inner, error.inner_length);
  if (!wire_skip (&reader, 2) || !wire_read_u16 (&reader, &inner_length) || !wire_read_u16 (&reader, &identification) ||
      !wire_skip (&reader, 6) || !wire_read_u32 (&reader, &source))
    return TRUE;
  visitor = find_visitor (data, source);
  /* TUN-024: it must quote what we sent. */
  if (visitor == NULL || error.outer.source != visitor->care_of || error.outer.destination != visitor->home_agent ||
      (error.outer.protocol == MIP4_PROTOCOL_UDP) != visitor->config.udp_tunnel ||
      (!visitor->config.udp_tunnel &&
       error.outer.identification != mip4_tunnel_tag (data->secret, visitor->home_agent, identification, inner_length)))
    {
      data->counts[COUNT_ICMP_IGNORED]++;
      return TRUE;
    }
  overhead = visitor->config.udp_tunnel ? MIP4_UDP_OVERHEAD : MIP4_IPIP_OVERHEAD;
  if (error.type == ICMP_UNREACHABLE && error.code == ICMP_TOO_BIG && error.mtu != 0)
    mip4_tunnel_path_learn (&visitor->path, fad_boot_us (), data->mtu + overhead, error.mtu);
  if (mip4_icmp_relay (&error, FALSE, inner_mtu (data, visitor) + overhead, &relay))
    {
      data->counts[COUNT_ICMP_RELAYED]++;
      tell_sender (data, &relay, error.inner, error.inner_length, visitor);
    }
  else
    data->counts[COUNT_ICMP_IGNORED]++;
  return TRUE;
}

/* ------------------------------------------------------------------ keepalives ---- */

/* RFC 3519 4.9: an Echo Request of the visitor's to the home agent, inside the tunnel. */
static void
send_keepalive (FadData *data, Visitor *visitor)
{
  guint8 packet[MIP4_IPV4_MIN_HEADER + ICMP_ECHO_LENGTH] = { 0 };
  guint8 *icmp = packet + MIP4_IPV4_MIN_HEADER;
  const Mip4Ipv4 ip = {
    .source = visitor->home_address,
    .destination = visitor->home_agent,
    .ttl = OUTER_TTL,
    .protocol = MIP4_PROTOCOL_ICMP,
    .fragment = MIP4_IPV4_DF,
    .total_length = sizeof packet,
  };
  g_auto (WireWriter) writer = { 0 };

  mip4_ipv4_build (packet, &ip);
  wire_writer_init (&writer, ICMP_ECHO_LENGTH);
  wire_write_u8 (&writer, ICMP_ECHO);
  wire_write_zeros (&writer, 3);
  wire_write_u16 (&writer, (guint16)data->secret);
  wire_write_u16 (&writer, ++visitor->echoes);
  wire_patch_u16 (&writer, 2, mip4_checksum (wire_writer_peek (&writer), ICMP_ECHO_LENGTH));
  memcpy (icmp, wire_writer_peek (&writer), ICMP_ECHO_LENGTH);
  data->counts[COUNT_KEEPALIVES]++;
  if (send_udp (data, visitor, 0, packet, sizeof packet))
    visitor->sent_us = fad_boot_us ();
}

static gboolean
keepalive_tick (gpointer user_data)
{
  FadData *data = user_data;
  gint64 now = fad_boot_us ();
  gboolean any = FALSE;
  GHashTableIter iter;
  gpointer value;

  g_hash_table_iter_init (&iter, data->visitors);
  while (g_hash_table_iter_next (&iter, NULL, &value))
    {
      Visitor *visitor = value;
      guint interval_s = visitor->config.keepalive_s != 0 ? visitor->config.keepalive_s : KEEPALIVE_DEFAULT_S;

      if (!visitor->config.udp_tunnel)
        continue;
      any = TRUE;
      if (now - visitor->sent_us >= MAX (interval_s, KEEPALIVE_MIN_S) * ROAM_USEC_PER_SEC)
        send_keepalive (data, visitor);
    }
  if (!any)
    data->keepalive_source = 0;
  return any;
}

/* -------------------------------------------------------------------- visitors ---- */

void
fad_data_set_visitor (FadData *data, const Mip4FaVisitor *config)
{
  guint32 home_address = roam_addr_to_u32 (&config->home_address);
  Visitor *visitor = find_visitor (data, home_address);

  /* It ends its tunnel itself. */
  if (config->co_located)
    {
      g_hash_table_remove (data->visitors, GUINT_TO_POINTER (home_address));
      return;
    }
  if (visitor == NULL)
    {
      visitor = g_new0 (Visitor, 1);
      visitor->sent_us = fad_boot_us ();
      g_hash_table_insert (data->visitors, GUINT_TO_POINTER (home_address), visitor);
    }
  visitor->config = *config;
  visitor->home_address = home_address;
  visitor->home_agent = roam_addr_to_u32 (&config->home_agent);
  visitor->care_of = roam_addr_to_u32 (&config->care_of_address);
  visitor->path = (Mip4TunnelPath){ 0 };
  if (config->udp_tunnel && data->keepalive_source == 0)
    data->keepalive_source = g_timeout_add_seconds (1, keepalive_tick, data);
}

void
fad_data_remove_visitor (FadData *data, const RoamAddr *home_address)
{
  g_hash_table_remove (data->visitors, GUINT_TO_POINTER (roam_addr_to_u32 (home_address)));
}

/* --------------------------------------------------------------------- opening ---- */

static gboolean
open_raw (FadData *data, GError **error)
{
  const int on = 1, size = SOCKET_BUFFER;

  data->raw_fd = socket (AF_INET, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, IPPROTO_IPIP);
  if (data->raw_fd < 0 || setsockopt (data->raw_fd, IPPROTO_IP, IP_HDRINCL, &on, sizeof on) < 0 ||
      setsockopt (data->raw_fd, IPPROTO_IP, IP_PKTINFO, &on, sizeof on) < 0)
    {
      fad_set_errno (error, errno, "raw socket for IP-in-IP", "roam-fad needs CAP_NET_RAW");
      return FALSE;
    }
  setsockopt (data->raw_fd, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof size);
  setsockopt (data->raw_fd, SOL_SOCKET, SO_SNDBUFFORCE, &size, sizeof size);
  return TRUE;
}

static gboolean
find_uplink (FadData *data, const FadConfig *config, GError **error)
{
  if (config->uplink == NULL)
    return TRUE;
  data->uplink_index = (int)if_nametoindex (config->uplink);
  if (data->uplink_index == 0)
    fad_set_errno (error, errno, config->uplink,
                   "Set uplink= to the interface towards the home agents, or leave it out");
  return data->uplink_index != 0;
}

FadData *
fad_data_new (const FadConfig *config, int control_fd, FadLink *link, guint64 secret, GError **error)
{
  g_autoptr (FadData) data = g_new0 (FadData, 1);

  data->tun_fd = data->raw_fd = -1;
  data->control_fd = control_fd;
  data->link = link;
  data->mtu = config->mtu;
  data->address = roam_addr_to_u32 (&config->engine.address);
  data->secret = secret;
  data->visitors = g_hash_table_new_full (NULL, NULL, NULL, g_free);
  if (!find_uplink (data, config, error) || !open_raw (data, error))
    return NULL;
  data->tun_fd = fad_tun_open (config->tun_name, TUN_MTU, error);
  if (data->tun_fd < 0)
    return NULL;
  data->tun_index = (int)if_nametoindex (config->tun_name);
  data->tun_source = g_unix_fd_add (data->tun_fd, G_IO_IN, tun_readable, data);
  data->raw_source = g_unix_fd_add (data->raw_fd, G_IO_IN, raw_readable, data);
  return g_steal_pointer (&data);
}

void
fad_data_free (FadData *data)
{
  if (data == NULL)
    return;
  if (data->tun_source != 0)
    g_source_remove (data->tun_source);
  if (data->raw_source != 0)
    g_source_remove (data->raw_source);
  if (data->keepalive_source != 0)
    g_source_remove (data->keepalive_source);
  if (data->tun_fd >= 0)
    close (data->tun_fd);
  if (data->raw_fd >= 0)
    close (data->raw_fd);
  g_hash_table_unref (data->visitors);
  g_free (data);
}

int
fad_data_tun_index (const FadData *data)
{
  return data->tun_index;
}

GHashTable *
fad_data_dup_counters (const FadData *data)
{
  static const char *const names[N_COUNTS] = {
    [COUNT_DELIVERED] = "packets-delivered",
    [COUNT_REVERSE_TUNNELLED] = "packets-reverse-tunnelled",
    [COUNT_NO_VISITOR] = "packets-without-visitor",
    [COUNT_NOT_FROM_AGENT] = "packets-not-from-home-agent",
    [COUNT_NOT_FROM_VISITOR] = "packets-not-from-visitor",
    [COUNT_MALFORMED] = "packets-malformed",
    [COUNT_TTL] = "packets-ttl-exceeded",
    [COUNT_TOO_BIG] = "packets-too-big",
    [COUNT_FRAGMENTED] = "packets-fragmented",
    [COUNT_ECN_DROPPED] = "packets-dropped-congested",
    [COUNT_ECN_STRANGE] = "packets-strange-ecn",
    [COUNT_LOOP] = "packets-looping",
    [COUNT_SEND_FAILED] = "packets-not-sent",
    [COUNT_ICMP_RELAYED] = "icmp-errors-relayed",
    [COUNT_ICMP_IGNORED] = "icmp-errors-ignored",
    [COUNT_KEEPALIVES] = "keepalives-sent",
    [COUNT_KEEPALIVES_ANSWERED] = "keepalives-answered",
  };
  GHashTable *table = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, g_free);

  for (guint i = 0; i < N_COUNTS; i++)
    g_hash_table_insert (table, g_strdup (names[i]), g_memdup2 (&data->counts[i], sizeof (guint64)));
  return table;
}
