/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "agent/runtime-private.h"

#include <errno.h>
#include <glib-unix.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* Datagrams read at one wake-up of a socket: the loop must come round to the others. */
#define MAX_BURST 16

/* ---------------------------------------------------------------------- sockets ---- */

static gboolean
set_option (int fd, int level, int name, int value)
{
  return setsockopt (fd, level, name, &value, sizeof value) == 0;
}

/* Only this interface, marked as roamd's own, with the addresses of each datagram told. -1: errno. */
static int
open_socket (const char *ifname, guint16 port)
{
  struct sockaddr_in any = { .sin_family = AF_INET };
  int fd = socket (AF_INET, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, IPPROTO_UDP);
  int saved;

  any.sin_port = GUINT16_TO_BE (port);
  if (fd < 0)
    return -1;
  if (set_option (fd, SOL_SOCKET, SO_REUSEADDR, 1) &&
      setsockopt (fd, SOL_SOCKET, SO_BINDTODEVICE, ifname, (socklen_t)strlen (ifname)) == 0 &&
      set_option (fd, SOL_SOCKET, SO_MARK, AGENT_MARK) && set_option (fd, IPPROTO_IP, IP_PKTINFO, 1) &&
      /* IKE_AUTH with certificates may not fit a path of unknown MTU: the routers may fragment it. */
      set_option (fd, IPPROTO_IP, IP_MTU_DISCOVER, IP_PMTUDISC_DONT) &&
      bind (fd, (const struct sockaddr *)&any, sizeof any) == 0)
    return fd;
  saved = errno;
  close (fd);
  errno = saved;
  return -1;
}

/* ---------------------------------------------------------------------- sending ---- */

typedef union
{
  struct cmsghdr header;
  char space[CMSG_SPACE (sizeof (struct in_pktinfo)) + CMSG_SPACE (sizeof (int))];
} Control;

/* @cmsg NULL cannot be: Control has room for both; the compiler does not know. */
static struct cmsghdr *
put_control (struct cmsghdr *cmsg, int type, const void *value, gsize length)
{
  if (cmsg == NULL)
    return NULL;
  cmsg->cmsg_level = IPPROTO_IP;
  cmsg->cmsg_type = type;
  cmsg->cmsg_len = CMSG_LEN (length);
  memcpy (CMSG_DATA (cmsg), value, length);
  return cmsg;
}

/* @ttl 0: the system's. */
static gboolean
send_from (int fd, int ifindex, const RoamAddr *source, const RoamEndpoint *destination, guint8 ttl, GBytes *datagram)
{
  gsize length;
  const void *data = g_bytes_get_data (datagram, &length);
  struct sockaddr_in to = { .sin_family = AF_INET };
  struct in_pktinfo info = { .ipi_ifindex = ifindex };
  struct iovec iov = { .iov_base = (void *)(guintptr)data, .iov_len = length };
  Control control = { 0 };
  struct msghdr message = { .msg_name = &to,
                            .msg_namelen = sizeof to,
                            .msg_iov = &iov,
                            .msg_iovlen = 1,
                            .msg_control = &control,
                            .msg_controllen = CMSG_SPACE (sizeof info) };
  struct cmsghdr *cmsg;
  int ttl_value = ttl;

  if (fd < 0 || destination->addr.family != ROAM_FAMILY_INET4 || source->family != ROAM_FAMILY_INET4)
    {
      errno = fd < 0 ? ENODEV : EAFNOSUPPORT;
      return FALSE;
    }
  to.sin_port = GUINT16_TO_BE (destination->port);
  memcpy (&to.sin_addr, destination->addr.bytes, sizeof to.sin_addr);
  memcpy (&info.ipi_spec_dst, source->bytes, sizeof info.ipi_spec_dst);
  if (ttl != 0)
    message.msg_controllen += CMSG_SPACE (sizeof ttl_value);
  cmsg = put_control (CMSG_FIRSTHDR (&message), IP_PKTINFO, &info, sizeof info);
  if (ttl != 0)
    put_control (CMSG_NXTHDR (&message, cmsg), IP_TTL, &ttl_value, sizeof ttl_value);
  return sendmsg (fd, &message, MSG_DONTWAIT | MSG_NOSIGNAL) == (gssize)length;
}

static AgentLink *
find (Agent *agent, int ifindex)
{
  return g_hash_table_lookup (agent->links, GINT_TO_POINTER (ifindex));
}

gboolean
agent_link_send_mip4 (Agent *agent, int ifindex, const RoamAddr *source, const RoamEndpoint *destination, guint8 ttl,
                      GBytes *datagram)
{
  const AgentLink *link = find (agent, ifindex);

  return send_from (link == NULL ? -1 : link->mip4_fd, ifindex, source, destination, ttl, datagram);
}

gboolean
agent_link_send_ike (Agent *agent, int ifindex, const RoamAddr *source, const RoamEndpoint *destination,
                     GBytes *datagram)
{
  const AgentLink *link = find (agent, ifindex);

  return send_from (link == NULL ? -1 : link->ike_fd, ifindex, source, destination, 0, datagram);
}

void
agent_link_note_send (Agent *agent, int ifindex, gboolean sent, int error_number, const RoamAddr *peer)
{
  AgentLink *link = find (agent, ifindex);
  char text[ROAM_ADDR_STRLEN];

  if (link == NULL || link->send_failed == !sent)
    return;
  link->send_failed = !sent;
  if (!sent)
    {
      AgentLogFields fields = { .link = link->name,
                                .peer = roam_addr_to_string (peer, text),
                                .reason = g_strerror (error_number) };

      agent_log (agent, G_LOG_LEVEL_MESSAGE, ROAM_MESSAGE_SEND_FAILED, &fields,
                 "Sending to %s on %s failed (%s); it will be sent again", text, link->name, g_strerror (error_number));
    }
}

/* -------------------------------------------------------------------- receiving ---- */

static RoamAddr
addr_from_in (const struct in_addr *in)
{
  guint8 bytes[4];

  memcpy (bytes, in, sizeof bytes);
  return roam_addr_from_bytes (bytes, sizeof bytes);
}

/* One datagram into the agent's buffer. -1: none left (or an error, which is none of our peers' fault). */
static gssize
receive (Agent *agent, int fd, RoamEndpoint *ret_from, RoamAddr *ret_to)
{
  struct sockaddr_in from = { 0 };
  struct iovec iov = { .iov_base = agent->buffer, .iov_len = AGENT_MAX_DATAGRAM };
  Control control = { 0 };
  struct msghdr message = { .msg_name = &from,
                            .msg_namelen = sizeof from,
                            .msg_iov = &iov,
                            .msg_iovlen = 1,
                            .msg_control = &control,
                            .msg_controllen = sizeof control };
  gssize length = recvmsg (fd, &message, MSG_DONTWAIT);

  if (length < 0)
    return -1;
  *ret_from = (RoamEndpoint){ addr_from_in (&from.sin_addr), GUINT16_FROM_BE (from.sin_port) };
  *ret_to = ROAM_ADDR_NONE;
  for (struct cmsghdr *cmsg = CMSG_FIRSTHDR (&message); cmsg != NULL; cmsg = CMSG_NXTHDR (&message, cmsg))
    if (cmsg->cmsg_level == IPPROTO_IP && cmsg->cmsg_type == IP_PKTINFO)
      {
        struct in_pktinfo info;

        memcpy (&info, CMSG_DATA (cmsg), sizeof info);
        *ret_to = addr_from_in (&info.ipi_addr);
      }
  return length;
}

static gboolean
on_mip4_readable (int fd, GIOCondition condition, gpointer user_data)
{
  const AgentLink *link = user_data;
  Agent *agent = link->agent;
  Mip4Path path = (Mip4Path)link->ifindex; /* a pass may close the link */

  for (guint i = 0; i < MAX_BURST && find (agent, (int)path) == link; i++)
    {
      RoamEndpoint from;
      RoamAddr to;
      gssize length = receive (agent, fd, &from, &to);
      RoamNow now = agent_now ();

      if (length < 0)
        break;
      mip4_mn_input_datagram (agent->mip4, &now, path, &from, &to, agent->buffer, (gsize)length);
      agent_pass (agent, &now);
    }
  return G_SOURCE_CONTINUE;
}

static gboolean
on_ike_readable (int fd, GIOCondition condition, gpointer user_data)
{
  const AgentLink *link = user_data;
  Agent *agent = link->agent;
  guint32 ifindex = (guint32)link->ifindex;

  for (guint i = 0; i < MAX_BURST && find (agent, (int)ifindex) == link; i++)
    {
      RoamEndpoint from, local = { .port = IKE_PORT };
      gssize length = receive (agent, fd, &from, &local.addr);
      RoamNow now = agent_now ();

      if (length < 0)
        break;
      if (agent->ike == NULL)
        continue;
      ike_session_input_datagram (agent->ike, &now, ifindex, &local, &from, agent->buffer, (gsize)length);
      agent_pass (agent, &now);
    }
  return G_SOURCE_CONTINUE;
}

/* ------------------------------------------------------------------ the links ---- */

static GSource *
watch (int fd, GUnixFDSourceFunc callback, AgentLink *link)
{
  GSource *source;

  if (fd < 0)
    return NULL;
  source = g_unix_fd_source_new (fd, G_IO_IN);
  g_source_set_callback (source, G_SOURCE_FUNC (callback), link, NULL);
  g_source_attach (source, NULL);
  return source;
}

static void
open_sockets (AgentLink *link)
{
  AgentLogFields fields = { .link = link->name };

  link->mip4_fd = open_socket (link->name, MIP4_PORT);
  if (link->mip4_fd < 0)
    agent_log (link->agent, G_LOG_LEVEL_WARNING, ROAM_MESSAGE_LINK, &fields,
               "%s cannot be used for Mobile IP: UDP port 434: %s", link->name, g_strerror (errno));
  link->ike_fd = open_socket (link->name, IKE_PORT);
  if (link->ike_fd < 0)
    agent_log (link->agent, G_LOG_LEVEL_WARNING, ROAM_MESSAGE_LINK, &fields,
               "%s cannot be used for the VPN: UDP port 500: %s", link->name, g_strerror (errno));
  /* RFC 3519: what users send is not for this thread. */
  if (link->mip4_fd >= 0 && !tunnel_io_ignore_tunnel_data (link->mip4_fd))
    agent_log (link->agent, G_LOG_LEVEL_INFO, ROAM_MESSAGE_LINK, &fields,
               "%s: data in UDP tunnels wake the main loop: %s", link->name, g_strerror (errno));
  agent_agents_open (link);
  link->mip4_source = watch (link->mip4_fd, on_mip4_readable, link);
  link->ike_source = watch (link->ike_fd, on_ike_readable, link);
}

static AgentLink *
link_new (Agent *agent, const DetectLink *detected)
{
  AgentLink *link = g_new0 (AgentLink, 1);

  link->agent = agent;
  link->ifindex = detected->ifindex;
  g_strlcpy (link->name, detected->name, sizeof link->name);
  memcpy (link->mac, detected->mac, sizeof link->mac);
  open_sockets (link);
  agent_arp_open (link);
  return link;
}

static void
clear_source (GSource **source)
{
  if (*source == NULL)
    return;
  g_source_destroy (*source);
  g_clear_pointer (source, g_source_unref);
}

void
agent_link_free (AgentLink *link)
{
  clear_source (&link->mip4_source);
  clear_source (&link->ike_source);
  agent_agents_close (link);
  agent_arp_close (link);
  if (link->mip4_fd >= 0)
    close (link->mip4_fd);
  if (link->ike_fd >= 0)
    close (link->ike_fd);
  g_free (link);
}

AgentLink *
agent_link_find_by_name (Agent *agent, const char *name)
{
  GHashTableIter iter;
  gpointer value;

  g_hash_table_iter_init (&iter, agent->links);
  while (g_hash_table_iter_next (&iter, NULL, &value))
    if (g_str_equal (((const AgentLink *)value)->name, name))
      return value;
  return NULL;
}

const char *
agent_link_name (Agent *agent, int ifindex)
{
  const AgentLink *link = find (agent, ifindex);

  return link == NULL ? "" : link->name;
}

/* A renamed interface, or another one with the index of an old one, needs new sockets. */
static gboolean
add_new (Agent *agent, GArray *detected)
{
  gboolean changed = FALSE;

  for (guint i = 0; i < detected->len; i++)
    {
      const DetectLink *link = &g_array_index (detected, DetectLink, i);
      const AgentLink *known = find (agent, link->ifindex);

      if (!link->candidate || (known != NULL && g_str_equal (known->name, link->name)))
        continue;
      g_hash_table_replace (agent->links, GINT_TO_POINTER (link->ifindex), link_new (agent, link));
      changed = TRUE;
    }
  return changed;
}

static gboolean
drop_old (Agent *agent, GArray *detected)
{
  GHashTableIter iter;
  gpointer key;
  gboolean changed = FALSE;

  g_hash_table_iter_init (&iter, agent->links);
  while (g_hash_table_iter_next (&iter, &key, NULL))
    {
      gboolean there = FALSE;

      for (guint i = 0; i < detected->len && !there; i++)
        {
          const DetectLink *link = &g_array_index (detected, DetectLink, i);

          there = link->ifindex == GPOINTER_TO_INT (key) && link->candidate;
        }
      if (there)
        continue;
      g_hash_table_iter_remove (&iter);
      changed = TRUE;
    }
  return changed;
}

static int
compare_index (gconstpointer a, gconstpointer b)
{
  return *(const int *)a - *(const int *)b;
}

gboolean
agent_links_sync (Agent *agent)
{
  g_autoptr (GArray) detected = detect_tracker_dup_links (agent->tracker);
  gboolean dropped = drop_old (agent, detected), added = add_new (agent, detected);
  g_autoptr (GArray) indices = NULL;
  GHashTableIter iter;
  gpointer key;

  if (!dropped && !added)
    return FALSE;
  indices = g_array_new (FALSE, FALSE, sizeof (int));
  g_hash_table_iter_init (&iter, agent->links);
  while (g_hash_table_iter_next (&iter, &key, NULL))
    {
      int ifindex = GPOINTER_TO_INT (key);

      g_array_append_val (indices, ifindex);
    }
  g_array_sort (indices, compare_index);
  agent_plan_set_links (&agent->plan, (const int *)(gconstpointer)indices->data, indices->len);
  return TRUE;
}
