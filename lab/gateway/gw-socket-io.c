/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "lab/gateway/gw-socket-private.h"

#include "ike/ike.h"

#include <errno.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

G_DEFINE_QUARK (roam - gw - error - quark, gw_error)

/* Some milliseconds at full speed, while a key exchange has the processor. */
#define SOCKET_BUFFER (4 * 1024 * 1024)
#define IP4_MIN_HEADER 20u

typedef union
{
  struct sockaddr any;
  struct sockaddr_in in4;
  struct sockaddr_in6 in6;
} Name;

typedef struct
{
  _Alignas(struct cmsghdr) guint8 octets[CMSG_SPACE (sizeof (struct in6_pktinfo)) + CMSG_SPACE (sizeof (int))];
} Control;

typedef struct
{
  Name name;
  Control control;
  struct iovec vector;
} Envelope;

struct _GwSockets
{
  int fds[GW_N_SOCKETS];
  struct mmsghdr messages[GW_BATCH];
  Envelope envelopes[GW_BATCH];
  /* What waits to be sent, all on one socket. */
  struct mmsghdr queue[GW_BATCH];
  Envelope queued[GW_BATCH];
  guint n_queued;
  GwSocket queue_socket;
};

void
gw_set_errno (GError **error, int code, const char *what, const char *advice)
{
  g_set_error (error, GW_ERROR, code, "%s: %s. %s", what, g_strerror (code), advice);
}

static gboolean
is_ip6 (GwSocket which)
{
  return which >= GW_SOCKET_IKE6;
}

static guint16
port_of (GwSocket which)
{
  switch (which)
    {
    case GW_SOCKET_IKE4:
    case GW_SOCKET_IKE6:
      return IKE_PORT;
    case GW_SOCKET_NATT4:
    case GW_SOCKET_NATT6:
      return IKE_NATT_PORT;
    case GW_SOCKET_ESP4:
    case GW_SOCKET_ESP6:
    case GW_N_SOCKETS:
      break;
    }
  return 0;
}

/* -------------------------------------------------------------------- opening ---- */

static gboolean
set_option (int fd, int level, int name, int value)
{
  return setsockopt (fd, level, name, &value, sizeof value) == 0;
}

/* Where a packet came from and went to, its DSCP and ECN; no DF: our clients' paths are not ours to explore. */
static gboolean
set_options (int fd, GwSocket which)
{
  if (!set_option (fd, SOL_SOCKET, SO_RCVBUFFORCE, SOCKET_BUFFER))
    (void)set_option (fd, SOL_SOCKET, SO_RCVBUF, SOCKET_BUFFER);
  if (!set_option (fd, SOL_SOCKET, SO_SNDBUFFORCE, SOCKET_BUFFER))
    (void)set_option (fd, SOL_SOCKET, SO_SNDBUF, SOCKET_BUFFER);
  /* A raw socket is of one family anyway. */
  if (is_ip6 (which))
    return (port_of (which) == 0 || set_option (fd, IPPROTO_IPV6, IPV6_V6ONLY, 1)) &&
           set_option (fd, IPPROTO_IPV6, IPV6_RECVPKTINFO, 1) && set_option (fd, IPPROTO_IPV6, IPV6_RECVTCLASS, 1) &&
           set_option (fd, IPPROTO_IPV6, IPV6_MTU_DISCOVER, IPV6_PMTUDISC_DONT);
  return set_option (fd, IPPROTO_IP, IP_PKTINFO, 1) && set_option (fd, IPPROTO_IP, IP_RECVTOS, 1) &&
         set_option (fd, IPPROTO_IP, IP_MTU_DISCOVER, IP_PMTUDISC_DONT);
}

static socklen_t
fill_name (Name *name, const RoamEndpoint *endpoint, gboolean ip6, guint32 scope)
{
  *name = (Name){ 0 };
  if (!ip6)
    {
      name->in4.sin_family = AF_INET;
      name->in4.sin_port = GUINT16_TO_BE (endpoint->port);
      memcpy (&name->in4.sin_addr, endpoint->addr.bytes, sizeof name->in4.sin_addr);
      return sizeof name->in4;
    }
  name->in6.sin6_family = AF_INET6;
  name->in6.sin6_port = GUINT16_TO_BE (endpoint->port);
  name->in6.sin6_scope_id = scope;
  memcpy (&name->in6.sin6_addr, endpoint->addr.bytes, sizeof name->in6.sin6_addr);
  return sizeof name->in6;
}

/* -1 with errno. */
static int
open_socket (GwSocket which)
{
  const gboolean raw = port_of (which) == 0;
  const RoamEndpoint any = { .port = port_of (which) };
  int fd = socket (is_ip6 (which) ? AF_INET6 : AF_INET, (raw ? SOCK_RAW : SOCK_DGRAM) | SOCK_CLOEXEC | SOCK_NONBLOCK,
                   raw ? IPPROTO_ESP : IPPROTO_UDP);
  Name name;
  socklen_t length = fill_name (&name, &any, is_ip6 (which), 0);
  int code;

  if (fd < 0)
    return -1;
  /* RFC 3948 2.1: ESP in UDP of IPv4 has no checksum; it has a better one itself. */
  if (set_options (fd, which) && (which != GW_SOCKET_NATT4 || set_option (fd, SOL_SOCKET, SO_NO_CHECK, 1)) &&
      (raw || bind (fd, &name.any, length) == 0))
    return fd;
  code = errno;
  close (fd);
  errno = code;
  return -1;
}

GwSockets *
gw_sockets_new (GError **error)
{
  static const char *const what[] = {
    "UDP port 500",           "UDP port 4500",           "raw socket for ESP",
    "UDP port 500 over IPv6", "UDP port 4500 over IPv6", "raw socket for ESP over IPv6"
  };
  g_autoptr (GwSockets) sockets = g_new0 (GwSockets, 1);

  for (guint i = 0; i < GW_N_SOCKETS; i++)
    sockets->fds[i] = -1;
  for (guint i = 0; i < GW_N_SOCKETS; i++)
    {
      sockets->fds[i] = open_socket ((GwSocket)i);
      if (sockets->fds[i] >= 0 || (is_ip6 ((GwSocket)i) && errno == EAFNOSUPPORT))
        continue;
      gw_set_errno (error, errno, what[i],
                    errno == EADDRINUSE ? "Another IKE daemon is running: stop it"
                                        : "roam-gw needs CAP_NET_ADMIN, CAP_NET_RAW and CAP_NET_BIND_SERVICE");
      return NULL;
    }
  return g_steal_pointer (&sockets);
}

void
gw_sockets_free (GwSockets *sockets)
{
  if (sockets == NULL)
    return;
  for (guint i = 0; i < GW_N_SOCKETS; i++)
    if (sockets->fds[i] >= 0)
      close (sockets->fds[i]);
  g_free (sockets);
}

int
gw_sockets_fd (const GwSockets *sockets, GwSocket which)
{
  return sockets->fds[which];
}

/* ------------------------------------------------------------------ receiving ---- */

static void
read_control (struct msghdr *message, GwDatagram *datagram)
{
  for (struct cmsghdr *header = CMSG_FIRSTHDR (message); header != NULL; header = CMSG_NXTHDR (message, header))
    if (header->cmsg_level == IPPROTO_IP && header->cmsg_type == IP_PKTINFO)
      {
        struct in_pktinfo info;

        memcpy (&info, CMSG_DATA (header), sizeof info);
        datagram->ifindex = (guint32)info.ipi_ifindex;
        datagram->local.addr = roam_addr_from_bytes ((const guint8 *)&info.ipi_addr, sizeof info.ipi_addr);
      }
    else if (header->cmsg_level == IPPROTO_IPV6 && header->cmsg_type == IPV6_PKTINFO)
      {
        struct in6_pktinfo info;

        memcpy (&info, CMSG_DATA (header), sizeof info);
        datagram->ifindex = (guint32)info.ipi6_ifindex;
        datagram->local.addr = roam_addr_from_bytes ((const guint8 *)&info.ipi6_addr, sizeof info.ipi6_addr);
      }
    else if (header->cmsg_level == IPPROTO_IP && header->cmsg_type == IP_TOS)
      datagram->tos = *CMSG_DATA (header);
    else if (header->cmsg_level == IPPROTO_IPV6 && header->cmsg_type == IPV6_TCLASS)
      {
        int class;

        memcpy (&class, CMSG_DATA (header), sizeof class);
        datagram->tos = (guint8) class;
      }
}

static void
read_name (const Name *name, GwSocket which, RoamEndpoint *remote)
{
  if (is_ip6 (which))
    {
      remote->addr = roam_addr_from_bytes ((const guint8 *)&name->in6.sin6_addr, sizeof name->in6.sin6_addr);
      remote->port = port_of (which) != 0 ? GUINT16_FROM_BE (name->in6.sin6_port) : 0;
      return;
    }
  remote->addr = roam_addr_from_bytes ((const guint8 *)&name->in4.sin_addr, sizeof name->in4.sin_addr);
  remote->port = port_of (which) != 0 ? GUINT16_FROM_BE (name->in4.sin_port) : 0;
}

/* A raw IPv4 socket gives the header too. */
static gboolean
strip_ip4 (GwDatagram *datagram)
{
  gsize header = datagram->length >= IP4_MIN_HEADER ? (datagram->data[0] & 0x0fu) * 4u : 0;

  if (header < IP4_MIN_HEADER || header > datagram->length)
    return FALSE;
  datagram->data += header;
  datagram->length -= header;
  return TRUE;
}

static gboolean
read_datagram (GwSockets *sockets, GwSocket which, guint index, guint8 *slot, GwDatagram *ret_datagram)
{
  struct mmsghdr *message = &sockets->messages[index];

  *ret_datagram = (GwDatagram){ .data = slot + GW_HEADROOM, .length = message->msg_len };
  if ((message->msg_hdr.msg_flags & (MSG_TRUNC | MSG_CTRUNC)) != 0)
    return FALSE;
  read_control (&message->msg_hdr, ret_datagram);
  read_name (&sockets->envelopes[index].name, which, &ret_datagram->remote);
  ret_datagram->local.port = port_of (which);
  return roam_addr_is_set (&ret_datagram->local.addr) && (which != GW_SOCKET_ESP4 || strip_ip4 (ret_datagram));
}

guint
gw_sockets_receive (GwSockets *sockets, GwSocket which, guint8 *slots, GwDatagram datagrams[GW_BATCH], guint64 *lost)
{
  guint taken = 0;
  int n;

  for (guint i = 0; i < GW_BATCH; i++)
    {
      Envelope *envelope = &sockets->envelopes[i];

      envelope->vector = (struct iovec){ slots + i * GW_SLOT + GW_HEADROOM, 65536 };
      sockets->messages[i].msg_hdr = (struct msghdr){ .msg_name = &envelope->name,
                                                      .msg_namelen = sizeof envelope->name,
                                                      .msg_iov = &envelope->vector,
                                                      .msg_iovlen = 1,
                                                      .msg_control = &envelope->control,
                                                      .msg_controllen = sizeof envelope->control };
    }
  do
    n = recvmmsg (sockets->fds[which], sockets->messages, GW_BATCH, MSG_DONTWAIT, NULL);
  while (n < 0 && errno == EINTR);
  for (int i = 0; i < n; i++)
    if (read_datagram (sockets, which, (guint)i, slots + (guint)i * GW_SLOT, &datagrams[taken]))
      taken++;
    else
      ++*lost;
  return taken;
}

/* -------------------------------------------------------------------- sending ---- */

static void
add_control (struct msghdr *message, Control *control, int level, int type, const void *data, gsize length)
{
  struct cmsghdr header = { .cmsg_level = level, .cmsg_type = type, .cmsg_len = CMSG_LEN (length) };
  guint8 *at = control->octets + message->msg_controllen;

  memset (at, 0, CMSG_SPACE (length));
  memcpy (at, &header, sizeof header);
  memcpy (at + CMSG_LEN (0), data, length);
  message->msg_control = control;
  message->msg_controllen += CMSG_SPACE (length);
}

static gboolean
is_link_local (const RoamAddr *addr)
{
  return addr->family == ROAM_FAMILY_INET6 && addr->bytes[0] == 0xfe && (addr->bytes[1] & 0xc0) == 0x80;
}

/* The source is the address that the client knows; which way that leads is the routing table's affair. */
static void
fill_message (struct msghdr *message, Envelope *envelope, const GwDatagram *datagram)
{
  const gboolean ip6 = datagram->remote.addr.family == ROAM_FAMILY_INET6;
  const guint32 scope = is_link_local (&datagram->remote.addr) ? datagram->ifindex : 0;
  const int tos = datagram->tos;

  envelope->vector = (struct iovec){ datagram->data, datagram->length };
  *message = (struct msghdr){ .msg_name = &envelope->name, .msg_iov = &envelope->vector, .msg_iovlen = 1 };
  message->msg_namelen = fill_name (&envelope->name, &datagram->remote, ip6, scope);
  if (ip6)
    {
      struct in6_pktinfo info = { .ipi6_ifindex = scope };

      memcpy (&info.ipi6_addr, datagram->local.addr.bytes, sizeof info.ipi6_addr);
      add_control (message, &envelope->control, IPPROTO_IPV6, IPV6_PKTINFO, &info, sizeof info);
      add_control (message, &envelope->control, IPPROTO_IPV6, IPV6_TCLASS, &tos, sizeof tos);
    }
  else
    {
      struct in_pktinfo info = { 0 };

      memcpy (&info.ipi_spec_dst, datagram->local.addr.bytes, sizeof info.ipi_spec_dst);
      add_control (message, &envelope->control, IPPROTO_IP, IP_PKTINFO, &info, sizeof info);
      add_control (message, &envelope->control, IPPROTO_IP, IP_TOS, &tos, sizeof tos);
    }
}

gboolean
gw_sockets_send (GwSockets *sockets, const GwDatagram *datagram)
{
  const gboolean natt = datagram->local.port == IKE_NATT_PORT;
  const gboolean ip6 = datagram->remote.addr.family == ROAM_FAMILY_INET6;
  int fd = sockets->fds[ip6 ? (natt ? GW_SOCKET_NATT6 : GW_SOCKET_IKE6) : (natt ? GW_SOCKET_NATT4 : GW_SOCKET_IKE4)];
  Envelope envelope;
  struct msghdr message;
  gboolean sent;
  int code;

  fill_message (&message, &envelope, datagram);
  /* An IKE message is not always protected: its checksum counts. */
  if (natt && !ip6)
    (void)set_option (fd, SOL_SOCKET, SO_NO_CHECK, 0);
  sent = sendmsg (fd, &message, MSG_DONTWAIT | MSG_NOSIGNAL) == (gssize)datagram->length;
  code = errno;
  if (natt && !ip6)
    (void)set_option (fd, SOL_SOCKET, SO_NO_CHECK, 1);
  errno = code;
  return sent;
}

void
gw_sockets_flush (GwSockets *sockets, guint64 *failed)
{
  guint done = 0;

  while (done < sockets->n_queued)
    {
      int n = sendmmsg (sockets->fds[sockets->queue_socket], sockets->queue + done, sockets->n_queued - done,
                        MSG_DONTWAIT | MSG_NOSIGNAL);

      if (n > 0)
        done += (guint)n;
      else if (errno != EINTR)
        {
          /* A full buffer or no route: this one is lost, as behind any interface; the others may have another way. */
          ++*failed;
          done++;
        }
    }
  sockets->n_queued = 0;
}

void
gw_sockets_queue (GwSockets *sockets, const GwDatagram *datagram, gboolean udp_encap, guint64 *failed)
{
  const gboolean ip6 = datagram->remote.addr.family == ROAM_FAMILY_INET6;
  const GwSocket which =
    ip6 ? (udp_encap ? GW_SOCKET_NATT6 : GW_SOCKET_ESP6) : (udp_encap ? GW_SOCKET_NATT4 : GW_SOCKET_ESP4);
  GwDatagram copy = *datagram;

  if (sockets->n_queued == GW_BATCH || (sockets->n_queued > 0 && sockets->queue_socket != which))
    gw_sockets_flush (sockets, failed);
  /* A raw socket of IPv6 wants the protocol where the port is; 0 means its own. */
  if (!udp_encap)
    copy.remote.port = 0;
  sockets->queue_socket = which;
  fill_message (&sockets->queue[sockets->n_queued].msg_hdr, &sockets->queued[sockets->n_queued], &copy);
  sockets->n_queued++;
}
