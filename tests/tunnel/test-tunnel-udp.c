/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "lab.h"

#include "tunnel/tunnel-octets-private.h"

#include <sched.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* The Mobile IPv4 tunnel in UDP (RFC 3519) against the real kernel; B is the home agent. */

#define PORT 45001

/* The home agent's socket, in B, and the control socket of port @port, in A, as the agent opens it. */
typedef struct
{
  int home_agent, control;
} Ends;

static int
open_udp (guint32 addr, guint16 port)
{
  struct sockaddr_in name;
  RoamAddr local = roam_addr_from_u32 (addr);
  int fd = socket (AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0), one = 1;

  g_assert_cmpint (fd, >=, 0);
  g_assert_cmpint (setsockopt (fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one), ==, 0);
  tunnel_sockaddr_from_endpoint (&name, &local, port);
  g_assert_cmpint (bind (fd, (const struct sockaddr *)&name, sizeof name), ==, 0);
  return fd;
}

static void
open_ends (Lab *lab, Ends *ends)
{
  g_assert_cmpint (setns (lab->ns_b, CLONE_NEWNET), ==, 0);
  ends->home_agent = open_udp (LAB_HA, 434);
  g_assert_cmpint (setns (lab->ns_a, CLONE_NEWNET), ==, 0);
  ends->control = open_udp (0, PORT);
  g_assert_cmpint (setsockopt (ends->control, SOL_SOCKET, SO_BINDTODEVICE, "a0", 2), ==, 0);
  g_assert_true (tunnel_io_ignore_tunnel_data (ends->control));
}

static void
close_ends (const Ends *ends)
{
  close (ends->home_agent);
  close (ends->control);
}

static void
start_udp (Lab *lab, TunnelPlan *plan, TunnelMode mode)
{
  lab_start_io (lab, 0);
  lab_open_app (lab);
  lab_plan (lab, plan, mode, 0);
  plan->mip_udp = TRUE;
  plan->mip_udp_port = PORT;
  lab_apply (lab, plan);
}

static void
send_from_home_agent (const Ends *ends, const guint8 *data, gsize length)
{
  struct sockaddr_in target;
  RoamAddr coa = roam_addr_from_u32 (LAB_COA_0);

  tunnel_sockaddr_from_endpoint (&target, &coa, PORT);
  g_assert_cmpint (sendto (ends->home_agent, data, length, 0, (const struct sockaddr *)&target, sizeof target), ==,
                   (gssize)length);
}

/* Datagram @number for the home address as tunnel data with @next_header. */
static void
send_data (const Ends *ends, guint8 next_header, guint32 number)
{
  guint8 data[128] = { 4, next_header };

  send_from_home_agent (ends, data, 4 + lab_make_datagram (data + 4, number));
}

/*
 * Data go from the registered port to 434 and back; the control socket hears registrations and is never woken by
 * data. Protocol 4 is no way in or out of this binding.
 * covers: MIP-NAT-015, MIP-NAT-016, MIP-NAT-017, MIP-NAT-020, MIP-NAT-022, R5266-NAT-001, MIP-RTE-005, MIP-RTE-011
 */
static void
test_c_both_ways (Lab *lab)
{
  static const guint8 reply[] = { 3, 0, 0, 0 };
  g_auto (TunnelPlan) plan = { 0 };
  g_autofree char *link = NULL;
  guint8 received[256];
  LabPacket packet;
  Ends ends;

  open_ends (lab, &ends);
  start_udp (lab, &plan, TUNNEL_MODE_C);
  link = lab_output ("ip link show dev roam0");
  g_assert_nonnull (strstr (link, "mtu 1468 "));
  for (guint32 i = 0; i < 20; i++)
    lab_app_send (lab, i);
  for (guint32 i = 0; i < 20; i++)
    {
      struct sockaddr_in name;
      socklen_t name_length = sizeof name;

      g_assert_true (lab_wait (ends.home_agent, LAB_WAIT_MS));
      g_assert_cmpint (recvfrom (ends.home_agent, received, sizeof received, 0, (struct sockaddr *)&name, &name_length),
                       ==, 132);
      g_assert_cmphex (tunnel_get_u32 ((const guint8 *)&name.sin_addr), ==, LAB_COA_0);
      g_assert_cmpuint (tunnel_get_u16 ((const guint8 *)&name.sin_port), ==, PORT);
      g_assert_cmphex (tunnel_get_u32 (received), ==, 0x04040000);
      g_assert_cmphex (tunnel_get_u32 (received + 4 + 12), ==, LAB_HOA);
      g_assert_cmpuint (tunnel_get_u32 (received + 4 + 28), ==, i);
    }
  g_assert_false (lab_peer_receive_ipip (lab, 0, &packet));
  for (guint32 i = 0; i < 20; i++)
    send_data (&ends, 4, 100 + i);
  for (guint32 i = 0; i < 20; i++)
    g_assert_cmpint (lab_app_receive (lab, LAB_WAIT_MS), ==, 100 + i);
  /* The same one twice. */
  send_data (&ends, 4, 200);
  send_data (&ends, 4, 200);
  g_assert_cmpint (lab_app_receive (lab, LAB_WAIT_MS), ==, 200);
  g_assert_cmpint (lab_app_receive (lab, LAB_WAIT_MS), ==, 200);
  send_data (&ends, 47, 300);
  lab_peer_send_c (lab, LAB_COA_0, 301);
  g_assert_cmpint (lab_app_receive (lab, LAB_SILENCE_MS), ==, -1);
  g_assert_cmpuint (lab_stats (lab).bad_inner, ==, 2);
  send_from_home_agent (&ends, reply, sizeof reply);
  g_assert_true (lab_wait (ends.control, LAB_WAIT_MS));
  g_assert_cmpint (recv (ends.control, received, sizeof received, MSG_DONTWAIT), ==, sizeof reply);
  g_assert_cmpint (recv (ends.control, received, sizeof received, MSG_DONTWAIT), ==, -1);
  /* Held: nothing comes in; a plan without it: neither. */
  tunnel_io_hold_now (lab->io);
  send_data (&ends, 4, 400);
  g_assert_cmpint (lab_app_receive (lab, LAB_SILENCE_MS), ==, -1);
  plan.mip_udp = FALSE;
  lab_apply (lab, &plan);
  send_data (&ends, 4, 401);
  g_assert_cmpint (lab_app_receive (lab, LAB_SILENCE_MS), ==, -1);
  close_ends (&ends);
}

/* Another source, or another of its ports. covers: MIP-NAT-021 */
static void
test_strangers (Lab *lab)
{
  g_auto (TunnelPlan) plan = { 0 };
  Ends ends, stranger;

  open_ends (lab, &ends);
  start_udp (lab, &plan, TUNNEL_MODE_C);
  g_assert_cmpint (setns (lab->ns_b, CLONE_NEWNET), ==, 0);
  stranger.home_agent = open_udp (LAB_GATEWAY, 434);
  send_data (&stranger, 4, 1);
  close (stranger.home_agent);
  stranger.home_agent = open_udp (LAB_HA, 435);
  send_data (&stranger, 4, 2);
  close (stranger.home_agent);
  g_assert_cmpint (setns (lab->ns_a, CLONE_NEWNET), ==, 0);
  g_assert_cmpint (lab_app_receive (lab, LAB_SILENCE_MS), ==, -1);
  send_data (&ends, 4, 3);
  g_assert_cmpint (lab_app_receive (lab, LAB_WAIT_MS), ==, 3);
  close_ends (&ends);
}

/* What is too big is cut before it is wrapped: whole datagrams outside, fragments inside. covers: MIP-NAT-024 */
static void
test_fragments_inside (Lab *lab)
{
  g_auto (TunnelPlan) plan = { 0 };
  guint8 received[2048], big[3000] = { 0 };
  struct sockaddr_in target;
  RoamAddr cn = roam_addr_from_u32 (LAB_CN);
  guint n = 0;
  gssize length;
  Ends ends;
  int no_discovery = IP_PMTUDISC_DONT;

  open_ends (lab, &ends);
  start_udp (lab, &plan, TUNNEL_MODE_C);
  g_assert_cmpint (setsockopt (lab->app, IPPROTO_IP, IP_MTU_DISCOVER, &no_discovery, sizeof no_discovery), ==, 0);
  tunnel_sockaddr_from_endpoint (&target, &cn, LAB_CN_PORT);
  g_assert_cmpint (sendto (lab->app, big, sizeof big, 0, (const struct sockaddr *)&target, sizeof target), ==,
                   sizeof big);
  for (; lab_wait (ends.home_agent, n == 3 ? LAB_SILENCE_MS : LAB_WAIT_MS); n++)
    {
      length = recv (ends.home_agent, received, sizeof received, 0);
      g_assert_cmpint (length, >, 24);
      g_assert_cmpuint (tunnel_get_u16 (received + 4 + 6) & 0x1fff, ==, n * (1448 / 8));
    }
  g_assert_cmpuint (n, ==, 3);
  /* On the wire: DF, no fragment. */
  while ((length = recv (lab->capture, received, sizeof received, 0)) > 0)
    if (tunnel_get_u32 (received + 16) == LAB_HA)
      g_assert_cmphex (tunnel_get_u16 (received + 6), ==, 0x4000);
  close_ends (&ends);
}

/* Both mechanisms at once: the tunnel in UDP, inside ESP. covers: R5266-NAT-003, R5266-NAT-004, MIP-NAT-022 */
static void
test_mc_both_ways (Lab *lab)
{
  g_auto (TunnelPlan) plan = { 0 };
  guint8 data[256] = { 0 }, *udp = data + 20;
  TunnelIp4 outer = { .ttl = 64, .protocol = 17, .source = LAB_HA, .destination = LAB_TIA };
  LabPacket packet;
  gsize length;

  start_udp (lab, &plan, TUNNEL_MODE_MC);
  lab_app_send (lab, 5);
  g_assert_true (lab_peer_receive_esp (lab, FALSE, LAB_WAIT_MS, &packet));
  g_assert_cmphex (tunnel_get_u32 (packet.inner + 12), ==, LAB_TIA);
  g_assert_cmphex (tunnel_get_u32 (packet.inner + 16), ==, LAB_HA);
  g_assert_cmpuint (packet.inner[9], ==, 17);
  g_assert_cmpuint (tunnel_get_u16 (packet.inner + 20), ==, PORT);
  g_assert_cmpuint (tunnel_get_u16 (packet.inner + 22), ==, 434);
  g_assert_cmphex (tunnel_get_u32 (packet.inner + 28), ==, 0x04040000);
  g_assert_cmpuint (tunnel_get_u32 (packet.inner + 32 + 28), ==, 5);
  length = lab_make_datagram (udp + 12, 6);
  tunnel_put_u16 (udp, 434);
  tunnel_put_u16 (udp + 2, PORT);
  tunnel_put_u16 (udp + 4, (guint16)(12 + length));
  tunnel_put_u32 (udp + 8, 0x04040000);
  outer.total_length = (guint)(32 + length);
  tunnel_ip4_build (data, &outer);
  lab_peer_send_esp (lab, 0, FALSE, LAB_COA_0, data, outer.total_length);
  g_assert_cmpint (lab_app_receive (lab, LAB_WAIT_MS), ==, 6);
  /* IP-in-IP is not this binding's form. */
  lab_peer_send_mc (lab, 0, LAB_COA_0, 7);
  g_assert_cmpint (lab_app_receive (lab, LAB_SILENCE_MS), ==, -1);
}

/* The home agent named by the reply and not the configured one. covers: MIP-REV-016 */
static void
test_home_agent_of_the_reply (Lab *lab)
{
  g_auto (TunnelPlan) plan = { 0 };
  guint8 received[256];
  int other;

  g_assert_cmpint (setns (lab->ns_b, CLONE_NEWNET), ==, 0);
  other = open_udp (LAB_GATEWAY, 434);
  g_assert_cmpint (setns (lab->ns_a, CLONE_NEWNET), ==, 0);
  start_udp (lab, &plan, TUNNEL_MODE_C);
  plan.home_agent = roam_addr_from_u32 (LAB_GATEWAY);
  lab_apply (lab, &plan);
  lab_app_send (lab, 1);
  g_assert_true (lab_wait (other, LAB_WAIT_MS));
  g_assert_cmpint (recv (other, received, sizeof received, 0), ==, 132);
  close (other);
}

/* The next keepalive, which must be whole and right; its sequence number. */
static guint16
receive_keepalive (const Ends *ends, int timeout_ms, guint8 *received)
{
  TunnelIp4 header;

  g_assert_true (lab_wait (ends->home_agent, timeout_ms));
  g_assert_cmpint (recv (ends->home_agent, received, 256, 0), ==, 4 + 28);
  g_assert_cmphex (tunnel_get_u32 (received), ==, 0x04040000);
  g_assert_cmpint (tunnel_ip4_parse (received + 4, 28, &header), ==, TUNNEL_DROP_NONE);
  g_assert_cmphex (header.source, ==, LAB_HOA);
  g_assert_cmphex (header.destination, ==, LAB_HA);
  g_assert_cmpuint (header.protocol, ==, 1);
  g_assert_cmpuint (received[24], ==, 8);
  g_assert_cmpuint (received[25], ==, 0);
  g_assert_cmphex (tunnel_checksum_finish (tunnel_checksum_add (0, received + 24, 8)), ==, 0);
  return tunnel_get_u16 (received + 30);
}

/* The answer to the keepalive in @octets, through the tunnel. */
static void
answer_keepalive (const Ends *ends, guint8 *octets)
{
  TunnelIp4 header = { .ttl = 64, .protocol = 1, .total_length = 28, .source = LAB_HA, .destination = LAB_HOA };

  tunnel_ip4_build (octets + 4, &header);
  octets[24] = 0;
  tunnel_put_u16 (octets + 26, 0);
  tunnel_put_u16 (octets + 26, tunnel_checksum_finish (tunnel_checksum_add (0, octets + 24, 8)));
  send_from_home_agent (ends, octets, 32);
}

/* Before what waited, and once answered not again. covers: MIP-NAT-027 */
static void
test_keepalive_at_once (Lab *lab)
{
  g_auto (TunnelPlan) plan = { 0 };
  guint8 received[256];
  Ends ends;

  open_ends (lab, &ends);
  start_udp (lab, &plan, TUNNEL_MODE_HOLD);
  lab_app_send (lab, 1);
  lab_plan (lab, &plan, TUNNEL_MODE_C, 0);
  plan.mip_udp = plan.keepalive_at_once = TRUE;
  plan.mip_udp_port = PORT;
  lab_apply (lab, &plan);
  receive_keepalive (&ends, LAB_WAIT_MS, received);
  answer_keepalive (&ends, received);
  g_assert_true (lab_wait (ends.home_agent, LAB_WAIT_MS));
  g_assert_cmpint (recv (ends.home_agent, received, sizeof received, 0), ==, 132);
  g_assert_false (lab_wait (ends.home_agent, 1200));
  close_ends (&ends);
}

/*
 * Real seconds, the fewest that RFC 3519 4.10 allows: silence for 10, four keepalives, and the word to the agent.
 * covers: MIP-NAT-025, MIP-NAT-026, MIP-NAT-027, MIP-NAT-028, MIP-NAT-029
 */
static void
test_keepalive (Lab *lab)
{
  g_auto (TunnelPlan) plan = { 0 };
  g_auto (TunnelIoEvent) event = { 0 };
  guint8 received[256];
  guint16 first;
  gint64 began;
  Ends ends;

  open_ends (lab, &ends);
  start_udp (lab, &plan, TUNNEL_MODE_C);
  plan.keepalive_s = 10;
  began = g_get_monotonic_time ();
  lab_apply (lab, &plan);
  first = receive_keepalive (&ends, 20000, received);
  g_assert_cmpint (g_get_monotonic_time () - began, >=, 10 * G_USEC_PER_SEC);
  for (guint16 i = 1; i < 4; i++)
    {
      g_assert_false (tunnel_io_pop_event (lab->io, &event));
      g_assert_cmpuint (receive_keepalive (&ends, 10000, received), ==, first + i);
    }
  g_assert_true (lab_wait (tunnel_io_get_fd (lab->io), LAB_WAIT_MS));
  g_assert_true (tunnel_io_pop_event (lab->io, &event));
  g_assert_cmpint (event.type, ==, TUNNEL_IO_KEEPALIVE_LOST);
  g_assert_cmpint (event.ifindex, ==, lab->links[0]);
  g_assert_cmphex (roam_addr_to_u32 (&event.local.addr), ==, LAB_COA_0);
  g_assert_cmpuint (event.local.port, ==, PORT);
  g_assert_cmphex (roam_addr_to_u32 (&event.remote.addr), ==, LAB_HA);
  g_assert_cmpuint (lab_stats (lab).keepalives, ==, 4);
  g_assert_cmpuint (lab_stats (lab).keepalives_lost, ==, 1);
  /* The answer is the worker's own: it is not the host's to see. Data after it are. */
  answer_keepalive (&ends, received);
  send_data (&ends, 4, 9);
  g_assert_cmpint (lab_app_receive (lab, LAB_WAIT_MS), ==, 9);
  g_assert_cmpuint (lab_stats (lab).rx_packets, ==, 1);
  close_ends (&ends);
}

int
main (int argc, char **argv)
{
  static const struct
  {
    const char *path;
    LabBody body;
  } cases[] = {
    { "/tunnel/udp-io/c", test_c_both_ways },
    { "/tunnel/udp-io/strangers", test_strangers },
    { "/tunnel/udp-io/fragments-inside", test_fragments_inside },
    { "/tunnel/udp-io/mc", test_mc_both_ways },
    { "/tunnel/udp-io/keepalive", test_keepalive },
    { "/tunnel/udp-io/keepalive-at-once", test_keepalive_at_once },
    { "/tunnel/udp-io/home-agent-of-the-reply", test_home_agent_of_the_reply },
  };

  g_test_init (&argc, &argv, NULL);
  for (gsize i = 0; i < G_N_ELEMENTS (cases); i++)
    g_test_add_data_func (cases[i].path, &cases[i].body, lab_case);
  return g_test_run ();
}
