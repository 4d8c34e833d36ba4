/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "detect/detect-io.h"

#include <string.h>
#include <gio/gio.h>
#include <linux/if_addr.h>
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

typedef struct
{
  gboolean wireless, wwan;
} SysfsFacts;

struct _DetectLinkIo
{
  DetectTracker *tracker;
  struct nl_sock *events, *query;
  GHashTable *sysfs; /* ifindex -> SysfsFacts */
};

static SysfsFacts *
read_sysfs (const char *name)
{
  SysfsFacts *facts = g_new0 (SysfsFacts, 1);
  g_autofree char *wireless = g_build_filename ("/sys/class/net", name, "wireless", NULL);
  g_autofree char *phy = g_build_filename ("/sys/class/net", name, "phy80211", NULL);
  g_autofree char *uevent = g_build_filename ("/sys/class/net", name, "uevent", NULL);
  g_autofree char *text = NULL;

  facts->wireless = g_file_test (wireless, G_FILE_TEST_EXISTS) || g_file_test (phy, G_FILE_TEST_EXISTS);
  if (g_file_get_contents (uevent, &text, NULL, NULL))
    facts->wwan = strstr (text, "DEVTYPE=wwan") != NULL;
  return facts;
}

static const SysfsFacts *
sysfs_facts (DetectLinkIo *io, int ifindex, const char *name)
{
  SysfsFacts *facts = g_hash_table_lookup (io->sysfs, GINT_TO_POINTER (ifindex));

  if (facts == NULL)
    {
      facts = read_sysfs (name);
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
input_link (DetectLinkIo *io, struct nlmsghdr *header)
{
  const struct ifinfomsg *info = nlmsg_data (header);
  struct nlattr *attributes[IFLA_MAX + 1] = { NULL };
  g_autofree char *kind = NULL;
  DetectLinkFact fact = { .removed = header->nlmsg_type == RTM_DELLINK };

  if (nlmsg_parse (header, sizeof *info, attributes, IFLA_MAX, NULL) < 0)
    return;
  /* Bridges repeat their ports' news in a family of their own. */
  if (info->ifi_family != AF_UNSPEC)
    return;
  fact.ifindex = info->ifi_index;
  fact.arptype = info->ifi_type;
  fact.flags = info->ifi_flags;
  fact.name = attributes[IFLA_IFNAME] != NULL ? nla_get_string (attributes[IFLA_IFNAME]) : "";
  fact.has_master = attributes[IFLA_MASTER] != NULL && nla_get_u32 (attributes[IFLA_MASTER]) != 0;
  fact.operstate = attributes[IFLA_OPERSTATE] != NULL ? nla_get_u8 (attributes[IFLA_OPERSTATE]) : 0;
  fact.mtu = attributes[IFLA_MTU] != NULL ? nla_get_u32 (attributes[IFLA_MTU]) : 0;
  kind = dup_info_kind (attributes[IFLA_LINKINFO]);
  fact.info_kind = kind;
  if (attributes[IFLA_ADDRESS] != NULL && nla_len (attributes[IFLA_ADDRESS]) == (int)sizeof fact.mac)
    nla_memcpy (fact.mac, attributes[IFLA_ADDRESS], sizeof fact.mac);
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

static void
input_route (DetectLinkIo *io, struct nlmsghdr *header)
{
  const struct rtmsg *info = nlmsg_data (header);
  struct nlattr *attributes[RTA_MAX + 1] = { NULL };
  DetectRouteFact fact = { .removed = header->nlmsg_type == RTM_DELROUTE, .family = ROAM_FAMILY_INET4 };

  if (nlmsg_parse (header, sizeof *info, attributes, RTA_MAX, NULL) < 0 || info->rtm_family != AF_INET)
    return;
  if (info->rtm_dst_len != 0 || info->rtm_type != RTN_UNICAST || attributes[RTA_OIF] == NULL)
    return;
  fact.ifindex = (int)nla_get_u32 (attributes[RTA_OIF]);
  fact.table = attributes[RTA_TABLE] != NULL ? nla_get_u32 (attributes[RTA_TABLE]) : info->rtm_table;
  fact.metric = attributes[RTA_PRIORITY] != NULL ? nla_get_u32 (attributes[RTA_PRIORITY]) : 0;
  fact.protocol = info->rtm_protocol;
  if (attributes[RTA_GATEWAY] != NULL && nla_len (attributes[RTA_GATEWAY]) == 4)
    fact.gateway = roam_addr_from_bytes (nla_data (attributes[RTA_GATEWAY]), 4);
  detect_tracker_input_route (io->tracker, &fact);
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
  rc = nl_socket_add_memberships (io->events, RTNLGRP_LINK, RTNLGRP_IPV4_IFADDR, RTNLGRP_IPV4_ROUTE, 0);
  if (rc < 0)
    {
      g_set_error (error, G_IO_ERROR, G_IO_ERROR_FAILED, "cannot subscribe to link changes: %s", nl_geterror (rc));
      return FALSE;
    }
  nl_socket_set_nonblocking (io->events);
  /* The forced form needs CAP_NET_ADMIN and passes the system's limit; the other is better than nothing. */
  if (setsockopt (nl_socket_get_fd (io->events), SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof size) < 0)
    nl_socket_set_buffer_size (io->events, size, 0);
  return TRUE;
}

static gboolean
dump (DetectLinkIo *io, int type, int family, const char *what, GError **error)
{
  int rc = nl_send_simple (io->query, type, NLM_F_DUMP, &(struct rtgenmsg){ .rtgen_family = (unsigned char)family },
                           sizeof (struct rtgenmsg));

  if (rc >= 0)
    rc = nl_recvmsgs_default (io->query);
  if (rc < 0)
    g_set_error (error, G_IO_ERROR, G_IO_ERROR_FAILED, "cannot read the kernel's %s: %s", what, nl_geterror (rc));
  return rc >= 0;
}

gboolean
detect_link_io_resync (DetectLinkIo *io, GError **error)
{
  detect_tracker_begin_resync (io->tracker);
  if (!dump (io, RTM_GETLINK, AF_UNSPEC, "links", error) || !dump (io, RTM_GETADDR, AF_INET, "addresses", error) ||
      !dump (io, RTM_GETROUTE, AF_INET, "routes", error))
    return FALSE;
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

void
detect_link_io_dispatch (DetectLinkIo *io)
{
  g_autoptr (GError) error = NULL;
  int rc;

  do
    rc = nl_recvmsgs_default (io->events);
  while (rc >= 0);
  /* libnl says NLE_NOMEM for ENOBUFS: notifications were lost, so the whole state is read again. */
  if (rc != -NLE_AGAIN && !detect_link_io_resync (io, &error))
    g_warning ("%s", error->message);
  detect_tracker_settle (io->tracker);
}
