/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "base/close-io.h"
#include "base/retransmit.h"
#include "detect/detect-io.h"

#include <errno.h>
#include <gio/gio.h>
#include <linux/filter.h>
#include <linux/if_packet.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <netinet/in.h>
#include <netlink/netlink.h>
#include <netlink/route/link.h>
#include <netlink/route/link/inet.h>
#include <linux/ip.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* ARP sockets, and what the kernel is told about ARP while away from home. */

#define ARP_IGNORE_OTHER_INTERFACES 1 /* Documentation/networking/ip-sysctl: answer for the interface's own only */
#define ARP_ANNOUNCE_OWN 2            /* name the best address of the interface that asks */

struct _DetectArpIo
{
  int fd, ifindex;
  guint8 own_mac[6];
  gboolean has_agent;
  guint8 agent_mac[6];
  RoamAddr home_address;
  RoamAddr announced;
  RoamRetransmit announcements;
};

typedef struct nl_sock NlSocket;
G_DEFINE_AUTOPTR_CLEANUP_FUNC (NlSocket, nl_socket_free)

static gboolean
fail (GError **error, const char *what)
{
  int saved = errno;

  g_set_error (error, G_IO_ERROR, (gint)g_io_error_from_errno (saved), "cannot %s: %s", what, g_strerror (saved));
  return FALSE;
}

/* Ethernet/IPv4 requests and replies of others; all else is not worth waking up for. */
static gboolean
attach_filter (int fd)
{
  struct sock_filter code[] = {
    BPF_STMT (BPF_LD | BPF_H | BPF_ABS, (guint32)(SKF_AD_OFF + SKF_AD_PKTTYPE)),
    BPF_JUMP (BPF_JMP | BPF_JEQ | BPF_K, PACKET_OUTGOING, 7, 0),
    BPF_STMT (BPF_LD | BPF_W | BPF_ABS, 0),
    BPF_JUMP (BPF_JMP | BPF_JEQ | BPF_K, 0x00010800, 0, 5),
    BPF_STMT (BPF_LD | BPF_W | BPF_ABS, 4),
    BPF_JUMP (BPF_JMP | BPF_JEQ | BPF_K, 0x06040001, 1, 0),
    BPF_JUMP (BPF_JMP | BPF_JEQ | BPF_K, 0x06040002, 0, 2),
    BPF_STMT (BPF_RET | BPF_K, DETECT_ARP_LENGTH),
    BPF_STMT (BPF_RET | BPF_K, 0),
    BPF_STMT (BPF_RET | BPF_K, 0),
  };
  struct sock_fprog program = { .len = G_N_ELEMENTS (code), .filter = code };

  return setsockopt (fd, SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof program) == 0;
}

static struct sockaddr_ll
link_address (const DetectArpIo *io, const guint8 mac[6])
{
  struct sockaddr_ll address = {
    .sll_family = AF_PACKET,
    .sll_protocol = htons (ETH_P_ARP),
    .sll_ifindex = io->ifindex,
    .sll_halen = 6,
  };

  memcpy (address.sll_addr, mac, 6);
  return address;
}

DetectArpIo *
detect_arp_io_new (int ifindex, const guint8 own_mac[6], GError **error)
{
  g_autoptr (DetectArpIo) io = g_new0 (DetectArpIo, 1);
  struct sockaddr_ll address;

  io->ifindex = ifindex;
  io->announcements.due_us = ROAM_NEVER;
  memcpy (io->own_mac, own_mac, sizeof io->own_mac);
  /* No protocol until the filter is there: nothing gets in before it. */
  io->fd = socket (AF_PACKET, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (io->fd < 0)
    {
      fail (error, "open an ARP socket");
      return NULL;
    }
  address = link_address (io, own_mac);
  if (!attach_filter (io->fd) || bind (io->fd, (const struct sockaddr *)&address, sizeof address) < 0)
    {
      fail (error, "listen to ARP");
      return NULL;
    }
  return g_steal_pointer (&io);
}

void
detect_arp_io_free (DetectArpIo *io)
{
  if (io == NULL)
    return;
  roam_close_aside (io->fd);
  g_free (io);
}

int
detect_arp_io_get_fd (const DetectArpIo *io)
{
  return io->fd;
}

gboolean
detect_arp_io_send (DetectArpIo *io, const guint8 destination[6], GBytes *arp, GError **error)
{
  struct sockaddr_ll address = link_address (io, destination);
  gsize length;
  const void *data = g_bytes_get_data (arp, &length);

  if (sendto (io->fd, data, length, 0, (const struct sockaddr *)&address, sizeof address) != (ssize_t)length)
    return fail (error, "send ARP");
  return TRUE;
}

void
detect_arp_io_set_agent (DetectArpIo *io, const RoamAddr *home_address, const guint8 agent_mac[6])
{
  io->has_agent = agent_mac != NULL;
  io->home_address = *home_address;
  if (agent_mac != NULL)
    memcpy (io->agent_mac, agent_mac, sizeof io->agent_mac);
}

/* The kernel does not answer for the home address here (detect_arp_io_guard()); to its agent we do. */
static void
answer (DetectArpIo *io, const DetectArp *request, guint8 packet_type)
{
  g_autoptr (GBytes) bytes = NULL;
  g_autoptr (GError) error = NULL;
  DetectArp reply;

  /* To this host by unicast is the kernel's PACKET_HOST; a broadcast is not answered. */
  if (!io->has_agent || packet_type != PACKET_HOST ||
      !detect_arp_answer (request, io->own_mac, io->own_mac, &io->home_address, io->agent_mac, &reply))
    return;
  bytes = detect_arp_build (&reply);
  if (!detect_arp_io_send (io, io->agent_mac, bytes, &error))
    g_debug ("%s", error->message);
}

gboolean
detect_arp_io_receive (DetectArpIo *io, DetectArp *ret_arp)
{
  guint8 data[DETECT_ARP_LENGTH];
  struct sockaddr_ll from = { 0 };
  socklen_t from_length = sizeof from;
  ssize_t length;

  for (;;)
    {
      length = recvfrom (io->fd, data, sizeof data, 0, (struct sockaddr *)&from, &from_length);
      if (length < 0 && errno == EINTR)
        continue;
      if (length < 0)
        return FALSE;
      if (!detect_arp_parse (data, (gsize)length, ret_arp))
        continue;
      answer (io, ret_arp, from.sll_pkttype);
      return TRUE;
    }
}

/* ------------------------------------------------------------ announcements ---- */

static gboolean
send_announcement (DetectArpIo *io, GError **error)
{
  const DetectArp arp = detect_arp_gratuitous (io->own_mac, &io->announced);
  g_autoptr (GBytes) bytes = detect_arp_build (&arp);

  return detect_arp_io_send (io, detect_mac_broadcast, bytes, error);
}

gboolean
detect_arp_io_announce (DetectArpIo *io, const RoamNow *now, const RoamAddr *address, GError **error)
{
  static const RoamRetransmitPolicy policy = { .first_us = ROAM_USEC_PER_SEC, .factor_percent = 100, .copies = 3 };

  roam_retransmit_stop (&io->announcements);
  io->announced = *address;
  if (!roam_addr_is_specified (address))
    return TRUE;
  roam_retransmit_start (&io->announcements, &policy, now->boot_us);
  return send_announcement (io, error);
}

void
detect_arp_io_input_deadline (DetectArpIo *io, const RoamNow *now)
{
  g_autoptr (GError) error = NULL;

  if (roam_retransmit_step (&io->announcements, now->boot_us) == ROAM_RETRANSMIT_SEND &&
      !send_announcement (io, &error))
    g_debug ("%s", error->message);
}

gint64
detect_arp_io_next_deadline (const DetectArpIo *io)
{
  return io->announcements.due_us;
}

/* ------------------------------------------------------------------- guard ---- */

struct _DetectArpGuard
{
  int ifindex;
  guint32 ignore, announce; /* as they were */
};

/* Through netlink, since /proc/sys is read-only to a confined daemon. */
static struct nl_sock *
open_route_socket (GError **error)
{
  g_autoptr (NlSocket) socket = nl_socket_alloc ();
  int rc = nl_connect (socket, NETLINK_ROUTE);

  if (rc < 0)
    {
      g_set_error (error, G_IO_ERROR, G_IO_ERROR_FAILED, "cannot open a routing netlink socket: %s", nl_geterror (rc));
      return NULL;
    }
  return g_steal_pointer (&socket);
}

static gboolean
set_arp (int ifindex, guint32 ignore, guint32 announce, guint32 *ret_old_ignore, guint32 *ret_old_announce,
         GError **error)
{
  g_autoptr (NlSocket) socket = open_route_socket (error);
  struct rtnl_link *old_link = NULL, *changes = NULL;
  int rc;

  if (socket == NULL)
    return FALSE;
  rc = rtnl_link_get_kernel (socket, ifindex, NULL, &old_link);
  if (rc >= 0)
    {
      changes = rtnl_link_alloc ();
      rc = MIN (rtnl_link_inet_get_conf (old_link, IPV4_DEVCONF_ARP_IGNORE, ret_old_ignore),
                rtnl_link_inet_get_conf (old_link, IPV4_DEVCONF_ARP_ANNOUNCE, ret_old_announce));
      (void)rtnl_link_inet_set_conf (changes, IPV4_DEVCONF_ARP_IGNORE, ignore);
      (void)rtnl_link_inet_set_conf (changes, IPV4_DEVCONF_ARP_ANNOUNCE, announce);
    }
  if (rc >= 0)
    rc = rtnl_link_change (socket, old_link, changes, 0);
  rtnl_link_put (old_link);
  rtnl_link_put (changes);
  if (rc < 0)
    g_set_error (error, G_IO_ERROR, G_IO_ERROR_FAILED, "cannot set the ARP rules of interface %d: %s", ifindex,
                 nl_geterror (rc));
  return rc >= 0;
}

DetectArpGuard *
detect_arp_io_guard (int ifindex, GError **error)
{
  g_autofree DetectArpGuard *guard = g_new0 (DetectArpGuard, 1);

  guard->ifindex = ifindex;
  if (!set_arp (ifindex, ARP_IGNORE_OTHER_INTERFACES, ARP_ANNOUNCE_OWN, &guard->ignore, &guard->announce, error))
    return NULL;
  return g_steal_pointer (&guard);
}

void
detect_arp_guard_free (DetectArpGuard *guard)
{
  g_autoptr (GError) error = NULL;
  guint32 ignore, announce;

  if (guard == NULL)
    return;
  /* An interface that is gone has taken its rules along. */
  if (!set_arp (guard->ifindex, guard->ignore, guard->announce, &ignore, &announce, &error))
    g_debug ("%s", error->message);
  g_free (guard);
}
