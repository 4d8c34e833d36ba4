/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "mip4/fad-io-private.h"

#include "base/wire.h"
#include "mip4/mip4-tunnel-private.h"

#include <errno.h>
#include <fcntl.h>
#include <glib-unix.h>
#include <linux/filter.h>
#include <linux/if_packet.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <net/if_arp.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

/*
 * The visited link. Visitors have addresses of other networks, so what comes from them is read below IP
 * (link-layer address and TTL are needed as well), and what goes to them is addressed by hand: no ARP is ever
 * sent for a home address (RFC 5944 4.2.2).
 */

#define PACKET_SIZE 65536u
/* Packets a turn of the main loop. */
#define DRAIN 64u
#define UDP_HEADER 8u
#define ICMP_SOLICITATION 10u

struct _FadLink
{
  int fd, index;
  guint source, mtu;
  char *name;
  FadLinkHandler handler;
  gpointer user_data;
  guint64 bad_checksums;
  char *old_forwarding, *old_rp_filter, *old_redirects;
  guint8 buffer[PACKET_SIZE];
};

/* ------------------------------------------------------------------- sending ---- */

gboolean
fad_link_send_packet (FadLink *link, const guint8 link_layer[6], const guint8 *packet, gsize length)
{
  struct sockaddr_ll to = {
    .sll_family = AF_PACKET,
    .sll_protocol = GUINT16_TO_BE (ETH_P_IP),
    .sll_ifindex = link->index,
    .sll_halen = ETH_ALEN,
  };

  memcpy (to.sll_addr, link_layer, ETH_ALEN);
  return sendto (link->fd, packet, length, MSG_DONTWAIT, (const struct sockaddr *)&to, sizeof to) == (gssize)length;
}

static void
write_ipv4 (WireWriter *writer, const RoamAddr *source, const RoamAddr *destination, guint8 protocol, guint8 ttl,
            gsize payload)
{
  const Mip4Ipv4 ip = {
    .source = roam_addr_to_u32 (source),
    .destination = roam_addr_to_u32 (destination),
    .ttl = ttl,
    .protocol = protocol,
    .fragment = MIP4_IPV4_DF,
    .total_length = (guint16)(MIP4_IPV4_MIN_HEADER + payload),
  };
  guint8 header[MIP4_IPV4_MIN_HEADER];

  mip4_ipv4_build (header, &ip);
  wire_write_data (writer, header, sizeof header);
}

/* RFC 768: pseudo header, header, data; 0 goes out as 0xffff. */
static guint16
udp_checksum (const RoamAddr *source, const RoamAddr *destination, const guint8 *udp, gsize length)
{
  g_auto (WireWriter) writer = { 0 };
  guint16 sum;

  wire_writer_init (&writer, length + 12);
  wire_write_addr (&writer, source);
  wire_write_addr (&writer, destination);
  wire_write_u16 (&writer, IPPROTO_UDP);
  wire_write_u16 (&writer, (guint16)length);
  wire_write_data (&writer, udp, length);
  sum = mip4_checksum (wire_writer_peek (&writer), wire_writer_length (&writer));
  return sum;
}

gboolean
fad_link_send_udp (FadLink *link, const guint8 link_layer[6], const RoamEndpoint *source,
                   const RoamEndpoint *destination, guint8 ttl, GBytes *datagram)
{
  g_auto (WireWriter) packet = { 0 };
  gsize length;
  const guint8 *data = g_bytes_get_data (datagram, &length);
  guint16 sum;

  wire_writer_init (&packet, PACKET_SIZE);
  write_ipv4 (&packet, &source->addr, &destination->addr, IPPROTO_UDP, ttl, UDP_HEADER + length);
  wire_write_u16 (&packet, source->port);
  wire_write_u16 (&packet, destination->port);
  wire_write_u16 (&packet, (guint16)(UDP_HEADER + length));
  wire_write_u16 (&packet, 0);
  wire_write_data (&packet, data, length);
  if (wire_writer_failed (&packet))
    return FALSE;
  sum = udp_checksum (&source->addr, &destination->addr, wire_writer_peek (&packet) + MIP4_IPV4_MIN_HEADER,
                      UDP_HEADER + length);
  wire_patch_u16 (&packet, MIP4_IPV4_MIN_HEADER + 6, sum == 0 ? G_MAXUINT16 : sum);
  return fad_link_send_packet (link, link_layer, wire_writer_peek (&packet), wire_writer_length (&packet));
}

gboolean
fad_link_send_icmp (FadLink *link, const guint8 link_layer[6], const RoamAddr *source, const RoamAddr *destination,
                    GBytes *message)
{
  g_auto (WireWriter) packet = { 0 };
  gsize length;
  const guint8 *data = g_bytes_get_data (message, &length);

  wire_writer_init (&packet, PACKET_SIZE);
  write_ipv4 (&packet, source, destination, IPPROTO_ICMP, 1, length);
  wire_write_data (&packet, data, length);
  return fad_link_send_packet (link, link_layer, wire_writer_peek (&packet), wire_writer_length (&packet));
}

/* ----------------------------------------------------------------- receiving ---- */

/* The packet's UDP part into @reader's fields; FALSE when it is no whole datagram. */
static gboolean
parse_udp (const Mip4Ipv4 *ip, const guint8 *udp, Mip4FaHeader *header, gboolean checked, gboolean *bad_checksum,
           const guint8 **ret_data, gsize *ret_length)
{
  WireReader reader, payload;
  guint16 port, length, sum;

  wire_reader_init (&reader, udp, (gsize)(ip->total_length - ip->header_length));
  if (!wire_read_u16 (&reader, &header->source.port) || !wire_read_u16 (&reader, &port) || port != MIP4_PORT ||
      !wire_read_u16 (&reader, &length) || !wire_read_u16 (&reader, &sum) || length < UDP_HEADER ||
      !wire_read_sub (&reader, (gsize)length - UDP_HEADER, &payload))
    return FALSE;
  *bad_checksum = sum != 0 && !checked && udp_checksum (&header->source.addr, &header->destination, udp, length) != 0;
  *ret_length = wire_reader_left (&payload);
  return wire_read_data (&payload, *ret_length, ret_data);
}

static void
process_packet (FadLink *link, const guint8 *packet, gsize length, const guint8 *link_layer, gboolean checked)
{
  Mip4FaHeader header = { .visited = TRUE };
  gboolean bad_checksum = FALSE;
  const guint8 *data;
  gsize data_length;
  Mip4Ipv4 ip;

  if (!mip4_ipv4_parse (packet, length, &ip) || mip4_checksum (packet, ip.header_length) != 0)
    return;
  header.source.addr = roam_addr_from_u32 (ip.source);
  header.destination = roam_addr_from_u32 (ip.destination);
  header.ttl = ip.ttl;
  memcpy (header.link_layer, link_layer, sizeof header.link_layer);
  if (ip.protocol == MIP4_PROTOCOL_ICMP)
    link->handler (&header, TRUE, packet + ip.header_length, (gsize)(ip.total_length - ip.header_length),
                   link->user_data);
  else if (parse_udp (&ip, packet + ip.header_length, &header, checked, &bad_checksum, &data, &data_length))
    {
      if (bad_checksum)
        link->bad_checksums++;
      else
        link->handler (&header, FALSE, data, data_length, link->user_data);
    }
}

/* A sender on this machine leaves the checksum to its device; a device may have checked it. */
static gboolean
is_checked (struct msghdr *message)
{
  for (struct cmsghdr *header = CMSG_FIRSTHDR (message); header != NULL; header = CMSG_NXTHDR (message, header))
    {
      struct tpacket_auxdata aux;

      if (header->cmsg_level != SOL_PACKET || header->cmsg_type != PACKET_AUXDATA)
        continue;
      memcpy (&aux, CMSG_DATA (header), sizeof aux);
      return (aux.tp_status & (TP_STATUS_CSUMNOTREADY | TP_STATUS_CSUM_VALID)) != 0;
    }
  return FALSE;
}

static gboolean
link_readable (int fd, GIOCondition condition, gpointer user_data)
{
  FadLink *link = user_data;

  for (guint i = 0; i < DRAIN; i++)
    {
      _Alignas(struct cmsghdr) guint8 control[CMSG_SPACE (sizeof (struct tpacket_auxdata))];
      struct sockaddr_ll from = { 0 };
      struct iovec vector = { link->buffer, sizeof link->buffer };
      struct msghdr message = { .msg_name = &from,
                                .msg_namelen = sizeof from,
                                .msg_iov = &vector,
                                .msg_iovlen = 1,
                                .msg_control = control,
                                .msg_controllen = sizeof control };
      gssize length = recvmsg (fd, &message, MSG_DONTWAIT);

      if (length < 0 && errno != EINTR)
        break;
      if (length > 0 && (message.msg_flags & MSG_TRUNC) == 0 && from.sll_halen == ETH_ALEN &&
          from.sll_pkttype != PACKET_OUTGOING && from.sll_pkttype != PACKET_OTHERHOST)
        process_packet (link, link->buffer, (gsize)length, from.sll_addr, is_checked (&message));
    }
  return G_SOURCE_CONTINUE;
}

guint64
fad_link_bad_checksums (const FadLink *link)
{
  return link->bad_checksums;
}

int
fad_link_index (const FadLink *link)
{
  return link->index;
}

guint
fad_link_mtu (const FadLink *link)
{
  return link->mtu;
}

/* ------------------------------------------------------------------ settings ---- */

static char *
setting_path (const char *name, const char *key)
{
  return g_strdup_printf ("/proc/sys/net/ipv4/conf/%s/%s", name, key);
}

static void
write_setting (const char *name, const char *key, const char *value)
{
  g_autofree char *path = setting_path (name, key);
  int fd = open (path, O_WRONLY | O_CLOEXEC);

  if (fd < 0 || write (fd, value, strlen (value)) < 0)
    g_warning ("%s: %s; run: sysctl -w net.ipv4.conf.%s.%s=%s", path, g_strerror (errno), name, key, value);
  if (fd >= 0)
    close (fd);
}

/* The old value, to be put back. */
static char *
change_setting (const char *name, const char *key, const char *value)
{
  g_autofree char *path = setting_path (name, key);
  char *old = NULL;

  if (g_file_get_contents (path, &old, NULL, NULL))
    g_strstrip (old);
  if (g_strcmp0 (old, value) == 0)
    g_clear_pointer (&old, g_free);
  else
    write_setting (name, key, value);
  return old;
}

static void
restore_setting (const char *name, const char *key, char **old)
{
  if (*old != NULL)
    write_setting (name, key, *old);
  g_clear_pointer (old, g_free);
}

/* ------------------------------------------------------------------- opening ---- */

/* UDP to port 434 without the later fragments, and Router Solicitations; the rest never leaves the kernel. */
static gboolean
attach_filter (int fd)
{
  struct sock_filter code[] = {
    BPF_STMT (BPF_LD | BPF_B | BPF_ABS, 9),                        /* protocol */
    BPF_JUMP (BPF_JMP | BPF_JEQ | BPF_K, IPPROTO_UDP, 0, 5),       /* else: 7 */
    BPF_STMT (BPF_LD | BPF_H | BPF_ABS, 6),                        /* fragment offset, MF */
    BPF_JUMP (BPF_JMP | BPF_JSET | BPF_K, 0x3fff, 8, 0),           /* drop */
    BPF_STMT (BPF_LDX | BPF_B | BPF_MSH, 0),                       /* header length */
    BPF_STMT (BPF_LD | BPF_H | BPF_IND, 2),                        /* destination port */
    BPF_JUMP (BPF_JMP | BPF_JEQ | BPF_K, MIP4_PORT, 4, 5),         /* accept, drop */
    BPF_JUMP (BPF_JMP | BPF_JEQ | BPF_K, IPPROTO_ICMP, 0, 4),      /* drop */
    BPF_STMT (BPF_LDX | BPF_B | BPF_MSH, 0),                       /* header length */
    BPF_STMT (BPF_LD | BPF_B | BPF_IND, 0),                        /* ICMP type */
    BPF_JUMP (BPF_JMP | BPF_JEQ | BPF_K, ICMP_SOLICITATION, 0, 1), /* accept, drop */
    BPF_STMT (BPF_RET | BPF_K, PACKET_SIZE),
    BPF_STMT (BPF_RET | BPF_K, 0),
  };
  const struct sock_fprog program = { G_N_ELEMENTS (code), code };

  return setsockopt (fd, SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof program) == 0;
}

/* Requests and solicitations may be sent to 224.0.0.11 or 224.0.0.2 (RFC 5944 2.2, 3.6.1.1). */
static gboolean
join_groups (const FadLink *link)
{
  static const guint8 groups[][ETH_ALEN] = { { 0x01, 0, 0x5e, 0, 0, 11 }, { 0x01, 0, 0x5e, 0, 0, 2 } };

  for (guint i = 0; i < G_N_ELEMENTS (groups); i++)
    {
      struct packet_mreq request = { .mr_ifindex = link->index, .mr_type = PACKET_MR_MULTICAST, .mr_alen = ETH_ALEN };

      memcpy (request.mr_address, groups[i], ETH_ALEN);
      if (setsockopt (link->fd, SOL_PACKET, PACKET_ADD_MEMBERSHIP, &request, sizeof request) < 0)
        return FALSE;
    }
  return TRUE;
}

static gboolean
read_interface (FadLink *link, GError **error)
{
  struct ifreq request = { 0 };
  gboolean ethernet;

  link->index = (int)if_nametoindex (link->name);
  if (link->index == 0)
    {
      fad_set_errno (error, errno, link->name, "Set interface= to the interface of the visited link");
      return FALSE;
    }
  g_strlcpy (request.ifr_name, link->name, sizeof request.ifr_name);
  ethernet = ioctl (link->fd, SIOCGIFHWADDR, &request) == 0 && request.ifr_hwaddr.sa_family == ARPHRD_ETHER;
  if (!ethernet || ioctl (link->fd, SIOCGIFMTU, &request) < 0)
    {
      fad_set_errno (error, ethernet ? errno : EPROTOTYPE, link->name, "The visited link must be an Ethernet");
      return FALSE;
    }
  link->mtu = (guint)request.ifr_mtu;
  return TRUE;
}

static gboolean
open_socket (FadLink *link, GError **error)
{
  const int on = 1;
  struct sockaddr_ll address = { .sll_family = AF_PACKET, .sll_protocol = GUINT16_TO_BE (ETH_P_IP) };

  /* Protocol 0 until the filter stands: nothing else gets in. */
  link->fd = socket (AF_PACKET, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (link->fd < 0)
    {
      fad_set_errno (error, errno, "packet socket", "roam-fad needs CAP_NET_RAW");
      return FALSE;
    }
  if (!read_interface (link, error))
    return FALSE;
  address.sll_ifindex = link->index;
  if (attach_filter (link->fd) && join_groups (link) &&
      setsockopt (link->fd, SOL_PACKET, PACKET_AUXDATA, &on, sizeof on) == 0 &&
      bind (link->fd, (struct sockaddr *)&address, sizeof address) == 0)
    return TRUE;
  fad_set_errno (error, errno, link->name, "The kernel refuses a packet socket on it");
  return FALSE;
}

FadLink *
fad_link_new (const FadConfig *config, FadLinkHandler handler, gpointer user_data, GError **error)
{
  g_autoptr (FadLink) link = g_new0 (FadLink, 1);

  link->fd = -1;
  link->name = g_strdup (config->interface);
  link->handler = handler;
  link->user_data = user_data;
  if (!open_socket (link, error))
    return NULL;
  /* Visitors' addresses lead elsewhere, so the strict check of sources drops what they send; and "there is a
   * better router on your link" is never true for them. */
  link->old_rp_filter = change_setting (link->name, "rp_filter", "2");
  link->old_redirects = change_setting (link->name, "send_redirects", "0");
  link->old_forwarding = change_setting (link->name, "forwarding", "1");
  link->source = g_unix_fd_add_full (G_PRIORITY_HIGH, link->fd, G_IO_IN, link_readable, link, NULL);
  return g_steal_pointer (&link);
}

void
fad_link_free (FadLink *link)
{
  if (link == NULL)
    return;
  if (link->source != 0)
    g_source_remove (link->source);
  restore_setting (link->name, "forwarding", &link->old_forwarding);
  restore_setting (link->name, "send_redirects", &link->old_redirects);
  restore_setting (link->name, "rp_filter", &link->old_rp_filter);
  if (link->fd >= 0)
    close (link->fd);
  g_free (link->name);
  g_free (link);
}
