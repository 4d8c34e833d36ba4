/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "lab.h"

#include "tunnel/tunnel-octets-private.h"

#include <linux/if_ether.h>
#include <sched.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

/*
 * Mode f against the real kernel: B is the foreign agent, known by its link-layer address only; its
 * IP address is on no prefix of A's, and A has no route to it.
 */

#define AGENT 0x0a050001u /* 10.5.0.1 */

typedef struct
{
  guint8 source[6], destination[6];
  guint16 type;
  guint8 octets[2048];
  gsize length;
} Frame;

typedef struct
{
  int fd; /* B: every frame that comes in on b0, ARP included */
  guint8 agent[6], node[6];
} Wire;

static void
read_link_layer (const char *name, guint8 *link_layer)
{
  struct ifreq request = { 0 };
  int fd = socket (AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

  g_strlcpy (request.ifr_name, name, sizeof request.ifr_name);
  g_assert_cmpint (ioctl (fd, SIOCGIFHWADDR, &request), ==, 0);
  close (fd);
  memcpy (link_layer, request.ifr_hwaddr.sa_data, 6);
}

static void
open_wire (Lab *lab, Wire *wire)
{
  struct sockaddr_ll name = { .sll_family = AF_PACKET };

  tunnel_put_u16 ((guint8 *)&name.sll_protocol, ETH_P_ALL);
  read_link_layer ("a0", wire->node);
  g_assert_cmpint (setns (lab->ns_b, CLONE_NEWNET), ==, 0);
  read_link_layer ("b0", wire->agent);
  name.sll_ifindex = (int)if_nametoindex ("b0");
  wire->fd = socket (AF_PACKET, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  g_assert_cmpint (bind (wire->fd, (const struct sockaddr *)&name, sizeof name), ==, 0);
  /* An agent knows its visitors' link-layer addresses: B asks nobody, so each ARP on the wire is A's own. */
  lab_run ("ip neigh replace 10.1.0.100 lladdr %02x:%02x:%02x:%02x:%02x:%02x dev b0", wire->node[0], wire->node[1],
           wire->node[2], wire->node[3], wire->node[4], wire->node[5]);
  g_assert_cmpint (setns (lab->ns_a, CLONE_NEWNET), ==, 0);
}

/* The next frame from A, whatever it is. */
static gboolean
receive_frame (const Wire *wire, int timeout_ms, Frame *frame)
{
  guint8 octets[2048];
  struct sockaddr_ll name;
  socklen_t name_length = sizeof name;
  gssize length;

  while (lab_wait (wire->fd, timeout_ms))
    {
      name_length = sizeof name;
      length = recvfrom (wire->fd, octets, sizeof octets, 0, (struct sockaddr *)&name, &name_length);
      if (length < ETH_HLEN || name.sll_pkttype == PACKET_OUTGOING || tunnel_get_u16 (octets + 12) == ETH_P_IPV6)
        continue;
      memcpy (frame->destination, octets, 6);
      memcpy (frame->source, octets + 6, 6);
      frame->type = tunnel_get_u16 (octets + 12);
      frame->length = (gsize)length - ETH_HLEN;
      memcpy (frame->octets, octets + ETH_HLEN, frame->length);
      return TRUE;
    }
  return FALSE;
}

/* B puts @packet on the wire for A's link-layer address. */
static void
send_frame (const Wire *wire, const guint8 *packet, gsize length)
{
  guint8 octets[2048];

  memcpy (octets, wire->node, 6);
  memcpy (octets + 6, wire->agent, 6);
  tunnel_put_u16 (octets + 12, ETH_P_IP);
  memcpy (octets + ETH_HLEN, packet, length);
  g_assert_cmpint (send (wire->fd, octets, ETH_HLEN + length, 0), ==, (gssize)(ETH_HLEN + length));
}

static void
plan_f (Lab *lab, const Wire *wire, TunnelPlan *plan, gboolean encapsulating)
{
  lab_plan (lab, plan, TUNNEL_MODE_F, 0);
  plan->mip_local = plan->next_hop = ROAM_ADDR_NONE;
  plan->agent = roam_addr_from_u32 (AGENT);
  memcpy (plan->agent_link_layer, wire->agent, 6);
  plan->encapsulating = encapsulating;
}

static void
assert_to_agent (const Wire *wire, const Frame *frame)
{
  g_assert_cmphex (frame->type, ==, ETH_P_IP);
  g_assert_cmpmem (frame->destination, 6, wire->agent, 6);
  g_assert_cmpmem (frame->source, 6, wire->node, 6);
}

/* Sends to a group, from the home address, out of the TUN. */
static void
send_to_group (Lab *lab)
{
  struct sockaddr_in target;
  RoamAddr group = roam_addr_from_u32 (0xef010203);
  struct in_addr hoa = { 0 };

  tunnel_put_u32 ((guint8 *)&hoa, LAB_HOA);
  g_assert_cmpint (setsockopt (lab->app, IPPROTO_IP, IP_MULTICAST_IF, &hoa, sizeof hoa), ==, 0);
  tunnel_sockaddr_from_endpoint (&target, &group, 9);
  g_assert_cmpint (sendto (lab->app, "1234", 4, 0, (const struct sockaddr *)&target, sizeof target), ==, 4);
}

/*
 * Every frame goes to the agent's link-layer address, with the home address as its IP source, unencapsulated; there
 * is no ARP, though nothing tells A where 10.5.0.1 is. A group is not the direct style's affair.
 * covers: MIP-GEN-007, MIP-GEN-009, MIP-HOM-014, MIP-RTE-001, MIP-REV-009, MIP-REV-010, MIP-REV-012
 */
static void
test_direct (Lab *lab)
{
  g_auto (TunnelPlan) plan = { 0 };
  guint8 packet[256];
  Frame frame;
  Wire wire;

  open_wire (lab, &wire);
  lab_run ("ip neigh flush dev a0");
  lab_run ("ip route del default via 198.51.100.1 dev a0");
  lab_start_io (lab, 0);
  lab_open_app (lab);
  plan_f (lab, &wire, &plan, FALSE);
  lab_apply (lab, &plan);
  send_to_group (lab);
  for (guint32 i = 0; i < 20; i++)
    lab_app_send (lab, i);
  for (guint32 i = 0; i < 20; i++)
    {
      g_assert_true (receive_frame (&wire, LAB_WAIT_MS, &frame));
      assert_to_agent (&wire, &frame);
      g_assert_cmpuint (frame.octets[9], ==, 17);
      g_assert_cmphex (tunnel_get_u32 (frame.octets + 12), ==, LAB_HOA);
      g_assert_cmphex (tunnel_get_u32 (frame.octets + 16), ==, LAB_CN);
      g_assert_cmpuint (tunnel_get_u32 (frame.octets + 28), ==, i);
    }
  for (guint32 i = 0; i < 20; i++)
    {
      send_frame (&wire, packet, lab_make_datagram (packet, 100 + i));
      g_assert_cmpint (lab_app_receive (lab, LAB_WAIT_MS), ==, 100 + i);
    }
  g_assert_false (receive_frame (&wire, LAB_SILENCE_MS, &frame));
  close (wire.fd);
}

/*
 * The style that was registered: IP-in-IP from the home address to the agent, groups included.
 * covers: MIP-REV-009, MIP-REV-011, MIP-REV-012, MIP-RTE-010
 */
static void
test_encapsulating (Lab *lab)
{
  static const guint32 destinations[] = { LAB_CN, 0xef010203 };
  g_auto (TunnelPlan) plan = { 0 };
  g_autofree char *link = NULL;
  Frame frame;
  Wire wire;

  open_wire (lab, &wire);
  lab_start_io (lab, 0);
  lab_open_app (lab);
  plan_f (lab, &wire, &plan, TRUE);
  lab_apply (lab, &plan);
  link = lab_output ("ip link show dev roam0");
  g_assert_nonnull (strstr (link, "mtu 1480 "));
  lab_app_send (lab, 1);
  send_to_group (lab);
  for (guint i = 0; i < G_N_ELEMENTS (destinations); i++)
    {
      g_assert_true (receive_frame (&wire, LAB_WAIT_MS, &frame));
      assert_to_agent (&wire, &frame);
      g_assert_cmpuint (frame.octets[9], ==, 4);
      g_assert_cmphex (tunnel_get_u32 (frame.octets + 12), ==, LAB_HOA);
      g_assert_cmphex (tunnel_get_u32 (frame.octets + 16), ==, AGENT);
      g_assert_cmphex (tunnel_get_u32 (frame.octets + 32), ==, LAB_HOA);
      g_assert_cmphex (tunnel_get_u32 (frame.octets + 36), ==, destinations[i]);
    }
  /* D-27: the source of the latest reply is the end of the tunnel. */
  plan.agent = roam_addr_from_u32 (AGENT + 1);
  lab_apply (lab, &plan);
  lab_app_send (lab, 2);
  g_assert_true (receive_frame (&wire, LAB_WAIT_MS, &frame));
  g_assert_cmphex (tunnel_get_u32 (frame.octets + 16), ==, AGENT + 1);
  close (wire.fd);
}

/* Joins 239.1.2.3 on the TUN; port 7001 is the correspondent's and, here, the group's. */
static int
join_group (void)
{
  struct ip_mreqn request = { 0 };
  struct sockaddr_in name;
  RoamAddr any = roam_addr_from_u32 (0);
  int fd = socket (AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

  tunnel_sockaddr_from_endpoint (&name, &any, 7009);
  g_assert_cmpint (bind (fd, (const struct sockaddr *)&name, sizeof name), ==, 0);
  tunnel_put_u32 ((guint8 *)&request.imr_multiaddr, 0xef010203);
  request.imr_ifindex = (int)if_nametoindex ("roam0");
  g_assert_cmpint (setsockopt (fd, IPPROTO_IP, IP_ADD_MEMBERSHIP, &request, sizeof request), ==, 0);
  return fd;
}

/* A datagram from the home agent's tunnel to the home address that holds one for a group. */
static gsize
make_nested (guint8 *packet)
{
  gsize length = lab_make_datagram (packet, 7);
  TunnelIp4 header;

  g_assert_cmpint (tunnel_ip4_parse (packet, length, &header), ==, TUNNEL_DROP_NONE);
  header.destination = 0xef010203;
  tunnel_ip4_build (packet, &header);
  tunnel_put_u16 (packet + 22, 7009);
  return lab_wrap (packet, length, LAB_HA, LAB_HOA);
}

/*
 * With B the home agent wraps what is for a group in a packet to the home address, and the agent takes off only the
 * outer layer (RFC 5944 4.3, 4.4). Without B it is nobody's. A second copy does no harm.
 * covers: MIP-RTE-006, MIP-RTE-007, MIP-RTE-011, MIP-GEN-011
 */
static void
test_nested (Lab *lab)
{
  g_auto (TunnelPlan) plan = { 0 };
  guint8 buffer[256], *packet = buffer + 64, received[64];
  gsize length;
  Wire wire;
  int group;

  open_wire (lab, &wire);
  lab_start_io (lab, 0);
  lab_open_app (lab);
  group = join_group ();
  plan_f (lab, &wire, &plan, FALSE);
  lab_apply (lab, &plan);
  length = make_nested (packet);
  send_frame (&wire, packet - 20, length);
  g_assert_false (lab_wait (group, LAB_SILENCE_MS));
  plan.broadcasts = TRUE;
  lab_apply (lab, &plan);
  for (guint i = 0; i < 2; i++)
    {
      send_frame (&wire, packet - 20, length);
      g_assert_true (lab_wait (group, LAB_WAIT_MS));
      g_assert_cmpint (recv (group, received, sizeof received, 0), >=, 4);
      g_assert_cmpuint (tunnel_get_u32 (received), ==, 7);
    }
  /* A tunnel that is not the home agent's. */
  length = lab_wrap (packet, length - 20, AGENT, LAB_HOA);
  send_frame (&wire, packet - 20, length);
  g_assert_false (lab_wait (group, LAB_SILENCE_MS));
  close (group);
  close (wire.fd);
}

/* What waited for the end of a HOLD leaves by the agent; after it nothing does. covers: MIP-LIF-005 */
static void
test_hold (Lab *lab)
{
  g_auto (TunnelPlan) plan = { 0 };
  Frame frame;
  Wire wire;

  open_wire (lab, &wire);
  lab_start_in (lab, &plan, TUNNEL_MODE_HOLD);
  lab_app_send (lab, 1);
  g_assert_false (receive_frame (&wire, LAB_SILENCE_MS, &frame));
  plan_f (lab, &wire, &plan, FALSE);
  lab_apply (lab, &plan);
  g_assert_true (receive_frame (&wire, LAB_WAIT_MS, &frame));
  g_assert_cmpuint (tunnel_get_u32 (frame.octets + 28), ==, 1);
  /* The binding is over: the agent is no way out any more. */
  tunnel_io_hold_now (lab->io);
  lab_app_send (lab, 2);
  g_assert_false (receive_frame (&wire, LAB_SILENCE_MS, &frame));
  close (wire.fd);
}

/* From the care-of address to the agent, into ESP and back: each packet by the way of its plan and no other. */
static void
test_modes (Lab *lab)
{
  static const TunnelMode modes[] = { TUNNEL_MODE_C, TUNNEL_MODE_F, TUNNEL_MODE_MC, TUNNEL_MODE_F, TUNNEL_MODE_C };
  static const guint8 protocols[] = { 4, 17, 17, 17, 4 };
  static const guint32 sources[] = { LAB_COA_0, LAB_HOA, LAB_COA_0, LAB_HOA, LAB_COA_0 };
  g_auto (TunnelPlan) plan = { 0 };
  Frame frame;
  Wire wire;

  open_wire (lab, &wire);
  lab_start_in (lab, &plan, TUNNEL_MODE_BLOCKED);
  lab_run ("ip neigh replace 198.51.100.1 lladdr %02x:%02x:%02x:%02x:%02x:%02x dev a0", wire.agent[0], wire.agent[1],
           wire.agent[2], wire.agent[3], wire.agent[4], wire.agent[5]);
  for (guint i = 0; i < G_N_ELEMENTS (modes); i++)
    {
      if (modes[i] == TUNNEL_MODE_F)
        plan_f (lab, &wire, &plan, FALSE);
      else
        lab_plan (lab, &plan, modes[i], 0);
      lab_apply (lab, &plan);
      lab_app_send (lab, i);
      g_assert_true (receive_frame (&wire, LAB_WAIT_MS, &frame));
      assert_to_agent (&wire, &frame);
      g_assert_cmpuint (frame.octets[9], ==, protocols[i]);
      g_assert_cmphex (tunnel_get_u32 (frame.octets + 12), ==, sources[i]);
    }
  g_assert_cmpuint (lab_stats (lab).tx_packets, ==, G_N_ELEMENTS (modes));
  close (wire.fd);
}

/* A registration to the agent, from the home address, by link-layer address. covers: MIP-GEN-009, MIP-HOM-014 */
static void
test_registration (Lab *lab)
{
  static const guint8 message[] = { 1, 2, 3, 4 };
  g_autoptr (GBytes) datagram = g_bytes_new_static (message, sizeof message);
  RoamEndpoint agent = { roam_addr_from_u32 (AGENT), 434 };
  RoamAddr hoa = roam_addr_from_u32 (LAB_HOA);
  Frame frame;
  Wire wire;

  open_wire (lab, &wire);
  lab_start_io (lab, 0);
  g_assert_true (tunnel_io_send_to_agent (lab->links[0], wire.agent, &hoa, &agent, 255, datagram));
  g_assert_true (receive_frame (&wire, LAB_WAIT_MS, &frame));
  assert_to_agent (&wire, &frame);
  g_assert_cmpuint (frame.octets[8], ==, 255);
  g_assert_cmphex (tunnel_get_u32 (frame.octets + 12), ==, LAB_HOA);
  g_assert_cmphex (tunnel_get_u32 (frame.octets + 16), ==, AGENT);
  g_assert_cmpuint (tunnel_get_u16 (frame.octets + 20), ==, 434);
  g_assert_cmpuint (tunnel_get_u16 (frame.octets + 22), ==, 434);
  g_assert_cmphex (tunnel_get_u16 (frame.octets + 26), !=, 0);
  g_assert_cmpmem (frame.octets + 28, 4, message, 4);
  g_assert_false (receive_frame (&wire, LAB_SILENCE_MS, &frame));
  close (wire.fd);
}

static void
test_unusable_plans (Lab *lab)
{
  static const guint8 group[6] = { 0x01, 0, 0x5e, 0, 0, 11 };
  g_auto (TunnelPlan) plan = { 0 };
  Wire wire;

  open_wire (lab, &wire);
  lab_start_io (lab, 0);
  for (guint i = 0; i < 3; i++)
    {
      g_autoptr (GError) error = NULL;

      plan_f (lab, &wire, &plan, FALSE);
      if (i == 0)
        plan.agent = ROAM_ADDR_NONE;
      else if (i == 1)
        memset (plan.agent_link_layer, 0, 6);
      else
        memcpy (plan.agent_link_layer, group, 6);
      g_assert_false (tunnel_io_apply (lab->io, &plan, &error));
      g_assert_nonnull (strstr (error->message, "agent"));
    }
  close (wire.fd);
}

int
main (int argc, char **argv)
{
  static const struct
  {
    const char *path;
    LabBody body;
  } cases[] = {
    { "/tunnel/agent/direct", test_direct },
    { "/tunnel/agent/encapsulating", test_encapsulating },
    { "/tunnel/agent/nested", test_nested },
    { "/tunnel/agent/hold", test_hold },
    { "/tunnel/agent/modes", test_modes },
    { "/tunnel/agent/registration", test_registration },
    { "/tunnel/agent/unusable-plans", test_unusable_plans },
  };

  g_test_init (&argc, &argv, NULL);
  for (gsize i = 0; i < G_N_ELEMENTS (cases); i++)
    g_test_add_data_func (cases[i].path, &cases[i].body, lab_case);
  return g_test_run ();
}
