/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "detect/detect-io.h"

#include <string.h>
#include <gio/gio.h>
#include <linux/if_addr.h>
#include <linux/neighbour.h>
#include <linux/rtnetlink.h>
#include <netlink/netlink.h>
#include <netlink/msg.h>
#include <netlink/attr.h>
#include <sys/socket.h>

/*
 * rtnetlink to facts. Two sockets: one that only listens, so that notifications are never mixed with
 * answers, and one that asks for dumps. Nothing is read from /sys on the hot path; the two questions
 * that rtnetlink does not answer (wireless? mobile broadband?) are asked once for a new interface.
 */

/* Room for the notifications of several hundred route changes while we are not scheduled. */
#define RECEIVE_BUFFER (1024 * 1024)
/* A link message with all its attributes stays well below this; so no second call to learn the length. */
#define MESSAGE_BUFFER (32 * 1024)
/* The kernel says when the tables changed while it was dumping them. */
#define DUMP_ATTEMPTS 5
/* In one drain; more means that memory is short rather than the socket's queue, and waiting will do. */
#define MAX_LOSSES 8

typedef struct
{
  gboolean wireless, wwan;
} SysfsFacts;

struct _DetectLinkIo
{
  DetectTracker *tracker;
  gboolean stale; /* notifications were lost and the state could not be read again yet */
  struct nl_sock *events, *query;
  GHashTable *sysfs; /* ifindex -> SysfsFacts */
};

/*
 * In a network namespace /sys may still show another one's interfaces: what is read counts only when
 * the index agrees.
 */
static SysfsFacts *
read_sysfs (int ifindex, const char *name)
{
  SysfsFacts *facts = g_new0 (SysfsFacts, 1);
  g_autofree char *uevent = g_build_filename ("/sys/class/net", name, "uevent", NULL);
  g_autofree char *wireless = g_build_filename ("/sys/class/net", name, "wireless", NULL);
  g_autofree char *text = NULL;
  g_auto (GStrv) lines = NULL;
  char index_line[32];

  g_snprintf (index_line, sizeof index_line, "IFINDEX=%d", ifindex);
  if (!g_file_get_contents (uevent, &text, NULL, NULL))
    return facts;
  lines = g_strsplit (text, "\n", -1);
  if (!g_strv_contains ((const char *const *)lines, index_line))
    return facts;
  facts->wireless =
    g_strv_contains ((const char *const *)lines, "DEVTYPE=wlan") || g_file_test (wireless, G_FILE_TEST_EXISTS);
  facts->wwan = g_strv_contains ((const char *const *)lines, "DEVTYPE=wwan");
  return facts;
}

static const SysfsFacts *
sysfs_facts (DetectLinkIo *io, int ifindex, const char *name)
{
  SysfsFacts *facts = g_hash_table_lookup (io->sysfs, GINT_TO_POINTER (ifindex));

  if (facts == NULL)
    {
      facts = read_sysfs (ifindex, name);
      g_hash_table_insert (io->sysfs, GINT_TO_POINTER (ifindex), facts);
    }
  return facts;
}

static char *
dup_info_kind (struct nlattr *link_info)
{
  struct nlattr *nested[IFLA_INFO_MAX + 1] = { NULL };

  if (link_info == NULL || nla_parse_nested (nested, IFLA_INFO_MAX, link_info, NULL) < 0 ||
      nested[IFLA_INFO_KIND] == NULL)
    return NULL;
  return nla_strdup (nested[IFLA_INFO_KIND]);
}

static void
fill_link_fact (DetectLinkFact *fact, struct nlattr **attributes)
{
  fact->name = attributes[IFLA_IFNAME] != NULL ? nla_get_string (attributes[IFLA_IFNAME]) : "";
  fact->has_master = attributes[IFLA_MASTER] != NULL && nla_get_u32 (attributes[IFLA_MASTER]) != 0;
  fact->operstate = attributes[IFLA_OPERSTATE] != NULL ? nla_get_u8 (attributes[IFLA_OPERSTATE]) : 0;
  fact->mtu = attributes[IFLA_MTU] != NULL ? nla_get_u32 (attributes[IFLA_MTU]) : 0;
  if (attributes[IFLA_CARRIER_CHANGES] != NULL)
    fact->carrier_changes = nla_get_u32 (attributes[IFLA_CARRIER_CHANGES]);
  if (attributes[IFLA_ADDRESS] != NULL && nla_len (attributes[IFLA_ADDRESS]) == (int)sizeof fact->mac)
    nla_memcpy (fact->mac, attributes[IFLA_ADDRESS], sizeof fact->mac);
}

static void
input_link (DetectLinkIo *io, struct nlmsghdr *header)
{
  const struct ifinfomsg *info = nlmsg_data (header);
  struct nlattr *attributes[IFLA_MAX + 1] = { NULL };
  g_autofree char *kind = NULL;
  DetectLinkFact fact = { .removed = header->nlmsg_type == RTM_DELLINK };

  if (nlmsg_parse (header, sizeof *info, attributes, IFLA_MAX, NULL) < 0)
    return;
  /*
   * Bridges repeat their ports' news in a family of their own (there RTM_DELLINK only means "no port
   * any more"), and wireless extensions send their events as half a link message.
   */
  if (info->ifi_family != AF_UNSPEC || attributes[IFLA_WIRELESS] != NULL)
    return;
  fact.ifindex = info->ifi_index;
  fact.arptype = info->ifi_type;
  fact.flags = info->ifi_flags;
  fill_link_fact (&fact, attributes);
  kind = dup_info_kind (attributes[IFLA_LINKINFO]);
  fact.info_kind = kind;
  if (fact.removed)
    g_hash_table_remove (io->sysfs, GINT_TO_POINTER (fact.ifindex));
  else
    {
      const SysfsFacts *facts = sysfs_facts (io, fact.ifindex, fact.name);

      fact.wireless = facts->wireless;
      fact.wwan = facts->wwan;
    }
  detect_tracker_input_link (io->tracker, &fact);
}

static void
input_address (DetectLinkIo *io, struct nlmsghdr *header)
{
  const struct ifaddrmsg *info = nlmsg_data (header);
  struct nlattr *attributes[IFA_MAX + 1] = { NULL };
  struct nlattr *local = NULL;
  DetectAddressFact fact = { .removed = header->nlmsg_type == RTM_DELADDR };

  if (nlmsg_parse (header, sizeof *info, attributes, IFA_MAX, NULL) < 0 || info->ifa_family != AF_INET)
    return;
  /* On a point-to-point link IFA_ADDRESS is the peer; IFA_LOCAL is ours. */
  local = attributes[IFA_LOCAL] != NULL ? attributes[IFA_LOCAL] : attributes[IFA_ADDRESS];
  if (local == NULL || nla_len (local) != 4)
    return;
  fact.ifindex = (int)info->ifa_index;
  fact.address = roam_addr_from_bytes (nla_data (local), 4);
  fact.prefix_length = info->ifa_prefixlen;
  fact.flags = attributes[IFA_FLAGS] != NULL ? nla_get_u32 (attributes[IFA_FLAGS]) : info->ifa_flags;
  fact.scope = info->ifa_scope;
  detect_tracker_input_address (io->tracker, &fact);
}

static RoamAddr
addr_from_attribute (struct nlattr *attribute)
{
  return attribute != NULL && nla_len (attribute) == 4 ? roam_addr_from_bytes (nla_data (attribute), 4)
                                                       : ROAM_ADDR_NONE;
}

/* One fact for each next hop of a multipath route. */
static void
input_nexthops (DetectLinkIo *io, struct nlattr *multipath, DetectRouteFact fact)
{
  const struct rtnexthop *hop = nla_data (multipath);
  int left = nla_len (multipath);

  for (; left >= (int)sizeof *hop && RTNH_OK (hop, left); left -= NLMSG_ALIGN (hop->rtnh_len), hop = RTNH_NEXT (hop))
    {
      int length = hop->rtnh_len - (int)RTNH_LENGTH (0);

      fact.ifindex = hop->rtnh_ifindex;
      fact.gateway = addr_from_attribute (nla_find ((struct nlattr *)RTNH_DATA (hop), length, RTA_GATEWAY));
      detect_tracker_input_route (io->tracker, &fact);
      fact.replaces = FALSE;
    }
}

static void
input_route (DetectLinkIo *io, struct nlmsghdr *header)
{
  const struct rtmsg *info = nlmsg_data (header);
  struct nlattr *attributes[RTA_MAX + 1] = { NULL };
  DetectRouteFact fact = { .removed = header->nlmsg_type == RTM_DELROUTE,
                           .replaces = (header->nlmsg_flags & NLM_F_REPLACE) != 0,
                           .family = ROAM_FAMILY_INET4 };

  /* Most routes of a busy router end here, before any attribute is looked at. */
  if (info->rtm_family != AF_INET || info->rtm_dst_len != 0 || info->rtm_tos != 0 || info->rtm_type != RTN_UNICAST)
    return;
  if (nlmsg_parse (header, sizeof *info, attributes, RTA_MAX, NULL) < 0)
    return;
  fact.table = attributes[RTA_TABLE] != NULL ? nla_get_u32 (attributes[RTA_TABLE]) : info->rtm_table;
  fact.metric = attributes[RTA_PRIORITY] != NULL ? nla_get_u32 (attributes[RTA_PRIORITY]) : 0;
  fact.protocol = info->rtm_protocol;
  fact.source = addr_from_attribute (attributes[RTA_PREFSRC]);
  if (attributes[RTA_MULTIPATH] != NULL)
    {
      input_nexthops (io, attributes[RTA_MULTIPATH], fact);
      return;
    }
  if (attributes[RTA_OIF] == NULL)
    return;
  fact.ifindex = (int)nla_get_u32 (attributes[RTA_OIF]);
  fact.gateway = addr_from_attribute (attributes[RTA_GATEWAY]);
  detect_tracker_input_route (io->tracker, &fact);
}

/* States in which the kernel uses the link-layer address it has. */
#define NEIGHBOUR_VALID (NUD_PERMANENT | NUD_NOARP | NUD_REACHABLE | NUD_PROBE | NUD_STALE | NUD_DELAY)

static void
input_neighbour (DetectLinkIo *io, struct nlmsghdr *header)
{
  const struct ndmsg *info = nlmsg_data (header);
  struct nlattr *attributes[NDA_MAX + 1] = { NULL };
  DetectNeighbourFact fact = { 0 };

  if (info->ndm_family != AF_INET || (info->ndm_state & NEIGHBOUR_VALID) == 0 ||
      nlmsg_parse (header, sizeof *info, attributes, NDA_MAX, NULL) < 0)
    return;
  if (attributes[NDA_LLADDR] == NULL || nla_len (attributes[NDA_LLADDR]) != (int)sizeof fact.mac)
    return;
  fact.ifindex = info->ndm_ifindex;
  fact.address = addr_from_attribute (attributes[NDA_DST]);
  nla_memcpy (fact.mac, attributes[NDA_LLADDR], sizeof fact.mac);
  detect_tracker_input_neighbour (io->tracker, &fact);
}

static int
on_message (struct nl_msg *message, void *data)
{
  DetectLinkIo *io = data;
  struct nlmsghdr *header = nlmsg_hdr (message);

  switch (header->nlmsg_type)
    {
    case RTM_NEWLINK:
    case RTM_DELLINK:
      input_link (io, header);
      break;
    case RTM_NEWADDR:
    case RTM_DELADDR:
      input_address (io, header);
      break;
    case RTM_NEWROUTE:
    case RTM_DELROUTE:
      input_route (io, header);
      break;
    /* A neighbour that is forgotten (RTM_DELNEIGH) may come back the same. */
    case RTM_NEWNEIGH:
      input_neighbour (io, header);
      break;
    }
  return NL_OK;
}

static struct nl_sock *
open_socket (DetectLinkIo *io, GError **error)
{
  struct nl_sock *socket = nl_socket_alloc ();
  int rc;

  nl_socket_modify_cb (socket, NL_CB_VALID, NL_CB_CUSTOM, on_message, io);
  rc = nl_connect (socket, NETLINK_ROUTE);
  if (rc < 0)
    {
      g_set_error (error, G_IO_ERROR, G_IO_ERROR_FAILED, "cannot open a routing netlink socket: %s", nl_geterror (rc));
      nl_socket_free (socket);
      return NULL;
    }
  return socket;
}

static gboolean
open_events (DetectLinkIo *io, GError **error)
{
  int rc, size = RECEIVE_BUFFER;

  io->events = open_socket (io, error);
  if (io->events == NULL)
    return FALSE;
  nl_socket_disable_seq_check (io->events);
  rc = nl_socket_add_memberships (io->events, RTNLGRP_LINK, RTNLGRP_IPV4_IFADDR, RTNLGRP_IPV4_ROUTE, RTNLGRP_NEIGH, 0);
  if (rc < 0)
    {
      g_set_error (error, G_IO_ERROR, G_IO_ERROR_FAILED, "cannot subscribe to link changes: %s", nl_geterror (rc));
      return FALSE;
    }
  nl_socket_set_nonblocking (io->events);
  nl_socket_set_msg_buf_size (io->events, MESSAGE_BUFFER);
  nl_socket_disable_msg_peek (io->events);
  /* The forced form needs CAP_NET_ADMIN and passes the system's limit; the other is better than nothing. */
  if (setsockopt (nl_socket_get_fd (io->events), SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof size) < 0)
    nl_socket_set_buffer_size (io->events, size, 0);
  return TRUE;
}

static int
dump (DetectLinkIo *io, int type, int family)
{
  struct rtgenmsg request = { .rtgen_family = (unsigned char)family };
  int rc = nl_send_simple (io->query, type, NLM_F_DUMP, &request, sizeof request);

  return rc >= 0 ? nl_recvmsgs_default (io->query) : rc;
}

static int
dump_all (DetectLinkIo *io)
{
  int rc = dump (io, RTM_GETLINK, AF_UNSPEC);

  if (rc >= 0)
    rc = dump (io, RTM_GETADDR, AF_INET);
  if (rc >= 0)
    rc = dump (io, RTM_GETROUTE, AF_INET);
  /* Last: only the next hops are of interest. */
  if (rc >= 0)
    rc = dump (io, RTM_GETNEIGH, AF_INET);
  return rc;
}

gboolean
detect_link_io_resync (DetectLinkIo *io, GError **error)
{
  int rc = -NLE_DUMP_INTR;

  for (guint i = 0; i < DUMP_ATTEMPTS && rc == -NLE_DUMP_INTR; i++)
    {
      detect_tracker_begin_resync (io->tracker);
      rc = dump_all (io);
    }
  io->stale = rc < 0;
  if (rc < 0)
    {
      g_set_error (error, G_IO_ERROR, G_IO_ERROR_FAILED, "cannot read the kernel's links, addresses and routes: %s",
                   nl_geterror (rc));
      return FALSE;
    }
  detect_tracker_settle (io->tracker);
  return TRUE;
}

DetectLinkIo *
detect_link_io_new (DetectTracker *tracker, GError **error)
{
  g_autoptr (DetectLinkIo) io = g_new0 (DetectLinkIo, 1);

  io->tracker = tracker;
  io->sysfs = g_hash_table_new_full (NULL, NULL, NULL, g_free);
  /* Listen first, then read: what changes in between is heard twice rather than not at all. */
  if (!open_events (io, error))
    return NULL;
  io->query = open_socket (io, error);
  if (io->query == NULL || !detect_link_io_resync (io, error))
    return NULL;
  return g_steal_pointer (&io);
}

void
detect_link_io_free (DetectLinkIo *io)
{
  if (io == NULL)
    return;
  nl_socket_free (io->events);
  nl_socket_free (io->query);
  g_clear_pointer (&io->sysfs, g_hash_table_unref);
  g_free (io);
}

int
detect_link_io_get_fd (const DetectLinkIo *io)
{
  return nl_socket_get_fd (io->events);
}

/* TRUE when notifications were lost on the way. */
static gboolean
drain (DetectLinkIo *io)
{
  guint losses = 0;
  int rc;

  do
    {
      rc = nl_recvmsgs_default (io->events);
      /* libnl's word for ENOBUFS, which the kernel says once; what waits behind it is older than the dump to come. */
      losses += rc == -NLE_NOMEM;
    }
  while (rc >= 0 || (rc == -NLE_NOMEM && losses < MAX_LOSSES));
  return losses > 0 || rc != -NLE_AGAIN;
}

void
detect_link_io_dispatch (DetectLinkIo *io)
{
  g_autoptr (GError) error = NULL;

  if (drain (io) || io->stale)
    {
      if (!detect_link_io_resync (io, &error))
        g_warning ("%s", error->message);
      return;
    }
  detect_tracker_settle (io->tracker);
}
