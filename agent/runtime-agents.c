/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "agent/packet.h"
#include "agent/runtime-private.h"
#include "base/close-io.h"

#include <errno.h>
#include <glib-unix.h>
#include <linux/filter.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/*
 * Agent discovery on each link (RFC 5944 2): a packet socket that hears ICMP router advertisements with
 * their link-layer source and TTL, whatever the gate and the routes are, and sends solicitations. What
 * is heard is a hint; the coordinator knows (R5266-SEC-008).
 */

/* Advertisements read at one wake-up; whoever floods the link waits for the others. */
#define MAX_BURST 8
/* A router advertisement with 255 addresses (RFC 1256 3) and extensions fits an Ethernet frame. */
#define MAX_ADVERTISEMENT 1514

/* ---------------------------------------------------------------------- socket ---- */

/* ICMP router advertisements in whole IPv4 packets; the rest stays in the kernel. Offsets: RFC 791, RFC 1256. */
static gboolean
attach_filter (int fd)
{
  struct sock_filter code[] = {
    BPF_STMT (BPF_LD | BPF_B | BPF_ABS, 9), /* protocol */
    BPF_JUMP (BPF_JMP | BPF_JEQ | BPF_K, IPPROTO_ICMP, 0, 5),
    BPF_STMT (BPF_LD | BPF_H | BPF_ABS, 6), /* MF and fragment offset */
    BPF_JUMP (BPF_JMP | BPF_JSET | BPF_K, 0x3fff, 3, 0),
    BPF_STMT (BPF_LDX | BPF_B | BPF_MSH, 0),
    BPF_STMT (BPF_LD | BPF_B | BPF_IND, 0), /* ICMP type */
    BPF_JUMP (BPF_JMP | BPF_JEQ | BPF_K, 9, 1, 0),
    BPF_STMT (BPF_RET | BPF_K, 0),
    BPF_STMT (BPF_RET | BPF_K, MAX_ADVERTISEMENT),
  };
  const struct sock_fprog program = { .len = G_N_ELEMENTS (code), .filter = code };

  return setsockopt (fd, SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof program) == 0;
}

/* MIP-SOL-015: 224.0.0.1, also on interfaces that filter multicast addresses in hardware. */
static gboolean
join (int fd, int ifindex)
{
  struct packet_mreq request = { .mr_ifindex = ifindex, .mr_type = PACKET_MR_MULTICAST, .mr_alen = ETH_ALEN };

  agent_packet_multicast_link_layer (AGENT_ALL_SYSTEMS, request.mr_address);
  return setsockopt (fd, SOL_PACKET, PACKET_ADD_MEMBERSHIP, &request, sizeof request) == 0;
}

/* -1: errno. */
static int
open_socket (int ifindex)
{
  struct sockaddr_ll local = { .sll_family = AF_PACKET, .sll_ifindex = ifindex };
  /* Protocol 0: nothing is heard before the filter is in place. */
  int fd = socket (AF_PACKET, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  int saved;

  local.sll_protocol = GUINT16_TO_BE (ETH_P_IP);
  if (fd < 0)
    return -1;
  if (attach_filter (fd) && bind (fd, (const struct sockaddr *)&local, sizeof local) == 0 && join (fd, ifindex))
    return fd;
  saved = errno;
  close (fd);
  errno = saved;
  return -1;
}

static gboolean
on_readable (int fd, GIOCondition condition, gpointer user_data)
{
  const AgentLink *link = user_data;
  Agent *agent = link->agent;
  int ifindex = link->ifindex;

  /* A pass may close the link. */
  for (guint i = 0; i < MAX_BURST && g_hash_table_lookup (agent->links, GINT_TO_POINTER (ifindex)) == link; i++)
    {
      struct sockaddr_ll from = { 0 };
      socklen_t from_length = sizeof from;
      gssize length = recvfrom (fd, agent->buffer, MAX_ADVERTISEMENT, 0, (struct sockaddr *)&from, &from_length);
      Mip4DiscoveryHeader header = { .path = (Mip4Path)ifindex };
      AgentPacketIcmp icmp;
      RoamNow now = agent_now ();

      if (length < 0)
        break;
      if (from.sll_pkttype == PACKET_OUTGOING || from.sll_halen != sizeof header.link_layer ||
          !agent_packet_parse_icmp (agent->buffer, (gsize)length, &icmp))
        continue;
      memcpy (header.link_layer, from.sll_addr, sizeof header.link_layer);
      header.source = icmp.source;
      header.destination = icmp.destination;
      header.ttl = icmp.ttl;
      mip4_discovery_input_datagram (agent->discovery, &now, &header, icmp.message, icmp.length);
      agent_pass (agent, &now);
    }
  return G_SOURCE_CONTINUE;
}

void
agent_agents_open (AgentLink *link)
{
  AgentLogFields fields = { .link = link->name };

  link->icmp_fd = open_socket (link->ifindex);
  if (link->icmp_fd < 0)
    {
      agent_log (link->agent, G_LOG_LEVEL_INFO, ROAM_MESSAGE_LINK, &fields, "%s: no foreign agents are heard: %s",
                 link->name, g_strerror (errno));
      return;
    }
  link->icmp_source = g_unix_fd_source_new (link->icmp_fd, G_IO_IN);
  g_source_set_callback (link->icmp_source, G_SOURCE_FUNC (on_readable), link, NULL);
  g_source_attach (link->icmp_source, NULL);
}

void
agent_agents_close (AgentLink *link)
{
  if (link->icmp_source != NULL)
    {
      g_source_destroy (link->icmp_source);
      g_clear_pointer (&link->icmp_source, g_source_unref);
    }
  roam_close_aside (link->icmp_fd);
  link->icmp_fd = -1;
}

/* ------------------------------------------------------------------------ links ---- */

static void
tell_link (Agent *agent, const RoamNow *now, Mip4DiscoveryCommandType type, const DetectLink *link)
{
  const Mip4DiscoveryCommand command = {
    .type = type, .path = (Mip4Path)link->ifindex, .address = link->address, .prefix_length = link->prefix_length
  };

  mip4_discovery_input_command (agent->discovery, now, &command);
}

void
agent_agents_take_link (Agent *agent, const RoamNow *now, const DetectEvent *event)
{
  AgentLink *link = g_hash_table_lookup (agent->links, GINT_TO_POINTER (event->link.ifindex));
  gboolean up = event->link.candidate && event->link.up && agent->phase == AGENT_PHASE_ON;
  gboolean anew = event->type == DETECT_EVENT_LINK_UP || event->type == DETECT_EVENT_HINT;

  if (!up)
    tell_link (agent, now, MIP4_DISCOVERY_LINK_DOWN, &event->link);
  else if (anew || (link != NULL && !link->discovers))
    tell_link (agent, now, MIP4_DISCOVERY_LINK_UP, &event->link);
  else
    tell_link (agent, now, MIP4_DISCOVERY_ADDRESS, &event->link);
  if (link == NULL)
    return;
  link->discovers = up;
  if (up && !anew)
    return;
  link->home_agent_heard = FALSE;
  /* The engine has forgotten whom the link is registered with: it is told again. */
  if (agent->served_path == (Mip4Path)link->ifindex)
    agent->served_path = 0;
}

void
agent_agents_restart (Agent *agent, const RoamNow *now)
{
  g_autoptr (GArray) links = detect_tracker_dup_links (agent->tracker);

  for (guint i = 0; i < links->len; i++)
    {
      const DetectEvent event = { .type = DETECT_EVENT_LINK_UP, .link = g_array_index (links, DetectLink, i) };

      agent_agents_take_link (agent, now, &event);
    }
  agent->served_path = 0;
  agent_arp_restart (agent);
}

/* The registration in force tells discovery whose advertisements matter. */
static void
tell_served (Agent *agent, const RoamNow *now)
{
  Mip4DiscoveryCommand command = { .type = MIP4_DISCOVERY_REGISTERED, .agent = agent->serving };

  if (agent->plan.mode != TUNNEL_MODE_HOME && agent->plan.mode != TUNNEL_MODE_C && agent->plan.mode != TUNNEL_MODE_F)
    return;
  command.path = (Mip4Path)agent->plan.ifindex;
  if (agent->served_path == command.path && roam_addr_equal (&agent->served_agent, &command.agent))
    return;
  agent->served_path = command.path;
  agent->served_agent = command.agent;
  mip4_discovery_input_command (agent->discovery, now, &command);
}

void
agent_agents_solicit (Agent *agent, const RoamNow *now, Mip4Path path)
{
  const Mip4DiscoveryCommand command = { .type = MIP4_DISCOVERY_SOLICIT, .path = path };

  mip4_discovery_input_command (agent->discovery, now, &command);
}

/* ----------------------------------------------------------------------- actions ---- */

/* One IPv4 packet to a multicast address: no route, no ARP, past the gate. */
static void
send_solicitation (Agent *agent, const Mip4DiscoveryAction *action)
{
  const AgentLink *link = g_hash_table_lookup (agent->links, GINT_TO_POINTER ((int)action->send.path));
  struct sockaddr_ll to = { .sll_family = AF_PACKET, .sll_ifindex = (int)action->send.path, .sll_halen = ETH_ALEN };
  g_autoptr (GBytes) packet =
    agent_packet_build_icmp (&action->send.source, &action->send.destination, 1, action->send.message);
  gsize length;
  const void *data = g_bytes_get_data (packet, &length);
  gboolean sent;

  if (link == NULL || link->icmp_fd < 0)
    return;
  to.sll_protocol = GUINT16_TO_BE (ETH_P_IP);
  agent_packet_multicast_link_layer (roam_addr_to_u32 (&action->send.destination), to.sll_addr);
  sent = sendto (link->icmp_fd, data, length, MSG_DONTWAIT, (const struct sockaddr *)&to, sizeof to) >= 0;
  agent_link_note_send (agent, link->ifindex, sent, errno, &action->send.destination);
}

gboolean
agent_agents_drain (Agent *agent, const RoamNow *now)
{
  gboolean any = FALSE;
  Mip4DiscoveryAction action = { 0 };

  tell_served (agent, now);
  while (mip4_discovery_pop_action (agent->discovery, &action))
    {
      any = TRUE;
      switch (action.type)
        {
        case MIP4_DISCOVERY_ACTION_SEND:
          send_solicitation (agent, &action);
          break;
        case MIP4_DISCOVERY_ACTION_EVENT:
          agent_log_agent (agent, &action.event);
          agent_arp_take_agent (agent, now, &action.event);
          coordinator_input_agent (agent->coordinator, now, &action.event);
          break;
        }
      mip4_discovery_action_clear (&action);
    }
  return any;
}
