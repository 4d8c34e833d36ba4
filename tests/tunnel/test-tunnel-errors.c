/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "lab.h"

#include "tunnel/tunnel-octets-private.h"

#include <linux/errqueue.h>
#include <sched.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* ICMP errors about the tunnel's packets reach the application that sent what was inside (RFC 2003 4). */

static void
start (Lab *lab, TunnelPlan *plan, TunnelMode mode)
{
  lab_start_in (lab, plan, mode);
  g_assert_cmpint (setsockopt (lab->app, IPPROTO_IP, IP_RECVERR, &(int){ 1 }, sizeof (int)), ==, 0);
}

/* The next error that the application finds; FALSE: none. */
static gboolean
next_error (Lab *lab, int timeout_ms, struct sock_extended_err *report)
{
  guint8 octets[2048], control[512];
  struct iovec vector = { octets, sizeof octets };
  struct msghdr message = {
    .msg_iov = &vector, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof control
  };

  for (gint64 end = g_get_monotonic_time () + timeout_ms * 1000; g_get_monotonic_time () < end;)
    {
      message.msg_controllen = sizeof control;
      if (recvmsg (lab->app, &message, MSG_ERRQUEUE | MSG_DONTWAIT) >= 0)
        {
          memcpy (report, control + CMSG_LEN (0), sizeof *report);
          return TRUE;
        }
      g_usleep (1000);
    }
  return FALSE;
}

static void
expect_error (Lab *lab, guint type, guint code, guint info)
{
  struct sock_extended_err report = { 0 };

  g_assert_true (next_error (lab, LAB_WAIT_MS, &report));
  g_assert_cmpuint (report.ee_origin, ==, SO_EE_ORIGIN_ICMP);
  g_assert_cmpuint (report.ee_type, ==, type);
  g_assert_cmpuint (report.ee_code, ==, code);
  if (info != 0)
    g_assert_cmpuint (report.ee_info, ==, info);
}

static void
expect_no_error (Lab *lab)
{
  struct sock_extended_err report = { 0 };

  g_assert_false (next_error (lab, LAB_SILENCE_MS, &report));
}

/* Builds an ICMP message about @quote at @packet, from the home agent's side to @destination. */
static gsize
make_error (guint8 *packet, guint8 type, guint8 code, guint32 rest, const guint8 *quote, gsize quoted,
            guint32 destination)
{
  TunnelIp4 header = {
    .ttl = 60, .protocol = 1, .total_length = (guint)(28 + quoted), .source = 0xc6336401, .destination = destination
  };

  tunnel_ip4_build (packet, &header);
  packet[20] = type;
  packet[21] = code;
  tunnel_put_u16 (packet + 22, 0);
  tunnel_put_u32 (packet + 24, rest);
  memcpy (packet + 28, quote, quoted);
  tunnel_put_u16 (packet + 22, tunnel_checksum_finish (tunnel_checksum_add (0, packet + 20, 8 + quoted)));
  return header.total_length;
}

static void
send_error (int fd, guint8 type, guint8 code, guint32 rest, const LabPacket *about)
{
  guint8 packet[1024];
  gsize length = make_error (packet, type, code, rest, about->octets, MIN (about->length, 500), LAB_COA_0);
  struct sockaddr_in target;
  RoamAddr coa = roam_addr_from_u32 (LAB_COA_0);

  tunnel_sockaddr_from_endpoint (&target, &coa, 0);
  g_assert_cmpint (sendto (fd, packet, length, 0, (const struct sockaddr *)&target, sizeof target), ==, (gssize)length);
}

static int
open_router (Lab *lab)
{
  int fd;

  g_assert_cmpint (setns (lab->ns_b, CLONE_NEWNET), ==, 0);
  fd = socket (AF_INET, SOCK_RAW | SOCK_CLOEXEC, IPPROTO_RAW);
  g_assert_cmpint (fd, >=, 0);
  g_assert_cmpint (setns (lab->ns_a, CLONE_NEWNET), ==, 0);
  return fd;
}

/* One packet of @octets payload through the tunnel, as B got it. */
static void
send_through (Lab *lab, gsize octets, LabPacket *packet)
{
  guint8 payload[2048] = { 0 };
  struct sockaddr_in target;
  RoamAddr cn = roam_addr_from_u32 (LAB_CN);

  tunnel_sockaddr_from_endpoint (&target, &cn, LAB_CN_PORT);
  g_assert_cmpint (setsockopt (lab->app, IPPROTO_IP, IP_MTU_DISCOVER, &(int){ IP_PMTUDISC_DO }, sizeof (int)), ==, 0);
  g_assert_cmpint (sendto (lab->app, payload, octets, 0, (const struct sockaddr *)&target, sizeof target), ==,
                   (gssize)octets);
  g_assert_true (lab_peer_receive_ipip (lab, LAB_WAIT_MS, packet));
}

static guint
tun_mtu (void)
{
  g_autofree char *link = lab_output ("ip -o link show dev roam0");

  return (guint)g_ascii_strtoull (strstr (link, "mtu ") + 4, NULL, 10);
}

/* In clear, by a router between the care-of address and the home agent. */
/* covers: MIP-TUN-012, MIP-TUN-014, MIP-TUN-015, MIP-TUN-016, MIP-TUN-018, MIP-TUN-019, MIP-TUN-024 */
static void
test_c (Lab *lab)
{
  g_auto (TunnelPlan) plan = { 0 };
  LabPacket packet, forged;
  int router = open_router (lab);

  start (lab, &plan, TUNNEL_MODE_C);
  send_through (lab, 1400, &packet);
  /* What was never sent: nobody hears of it, the MTU stays. */
  forged = packet;
  tunnel_put_u16 (forged.octets + 2, 1480);
  tunnel_put_u16 (forged.octets + 22, 1460);
  send_error (router, 3, 4, 700, &forged);
  expect_no_error (lab);
  g_assert_cmpuint (tun_mtu (), ==, 1480);
  g_assert_cmpuint (lab_stats (lab).icmp_ignored, ==, 1);
  send_error (router, 3, 4, 1300, &packet);
  expect_error (lab, 3, 4, 1280);
  g_assert_cmpuint (tun_mtu (), ==, 1280);
  send_through (lab, 100, &packet);
  send_error (router, 11, 0, 0, &packet);
  expect_error (lab, 3, 1, 0);
  send_error (router, 3, 0, 0, &packet);
  expect_error (lab, 3, 0, 0);
  send_error (router, 3, 3, 0, &packet);
  send_error (router, 3, 5, 0, &packet);
  send_error (router, 4, 0, 0, &packet);
  send_error (router, 5, 1, 0xc6336402, &packet);
  expect_no_error (lab);
  g_assert_cmpuint (lab_stats (lab).icmp_relayed, ==, 3);
  /* The same plan with another name server: what was learned of the path holds. */
  plan.n_dns = 1;
  plan.keepalive_s = 20;
  plan.next_hop = roam_addr_from_u32 (0xc6336403);
  lab_apply (lab, &plan);
  g_assert_cmpuint (tun_mtu (), ==, 1280);
  close (router);
}

/* A quotation too short for the sender to be found: the next packet's is told, and the packet goes all the same. */
/* covers: MIP-TUN-011, MIP-TUN-021 */
static void
test_soft_state (Lab *lab)
{
  g_auto (TunnelPlan) plan = { 0 };
  LabPacket packet;
  int router = open_router (lab);

  start (lab, &plan, TUNNEL_MODE_C);
  send_through (lab, 100, &packet);
  packet.length = 28;
  send_error (router, 3, 0, 0, &packet);
  expect_no_error (lab);
  send_through (lab, 100, &packet);
  expect_error (lab, 3, 0, 0);
  /* Something comes back: the state is over. */
  lab_peer_send_c (lab, LAB_COA_0, 1);
  g_assert_cmpint (lab_app_receive (lab, LAB_WAIT_MS), ==, 1);
  send_through (lab, 100, &packet);
  expect_no_error (lab);
  close (router);
}

/* Behind the gateway: the error comes to the TIA inside ESP. covers: MIP-TUN-012, MIP-TUN-014 */
static void
test_mc (Lab *lab)
{
  g_auto (TunnelPlan) plan = { 0 };
  guint8 error[1024], payload[1300] = { 0 };
  struct sockaddr_in target;
  RoamAddr cn = roam_addr_from_u32 (LAB_CN);
  LabPacket packet;
  gsize length;

  start (lab, &plan, TUNNEL_MODE_MC);
  tunnel_sockaddr_from_endpoint (&target, &cn, LAB_CN_PORT);
  g_assert_cmpint (sendto (lab->app, payload, sizeof payload, 0, (const struct sockaddr *)&target, sizeof target), ==,
                   sizeof payload);
  g_assert_true (lab_peer_receive_esp (lab, FALSE, LAB_WAIT_MS, &packet));
  length = make_error (error, 3, 4, 1200, packet.inner - 20, 400, LAB_TIA);
  lab_peer_send_esp (lab, 0, FALSE, LAB_COA_0, error, length);
  expect_error (lab, 3, 4, 1180);
  g_assert_cmpuint (tun_mtu (), ==, 1180);
  /* While it is held nothing of it is believed. */
  tunnel_io_hold_now (lab->io);
  length = make_error (error, 3, 4, 900, packet.inner - 20, 400, LAB_TIA);
  lab_peer_send_esp (lab, 0, FALSE, LAB_COA_0, error, length);
  expect_no_error (lab);
  g_assert_cmpuint (tun_mtu (), ==, 1180);
}

/* Decision D-23: B has nobody at port 434 and says so; that is the agent's affair and not the application's. */
static void
test_closed_port (Lab *lab)
{
  g_auto (TunnelPlan) plan = { 0 };
  g_auto (TunnelIoEvent) event = { 0 };

  start (lab, &plan, TUNNEL_MODE_C);
  plan.mip_udp = TRUE;
  plan.mip_udp_port = 434;
  lab_apply (lab, &plan);
  for (guint32 i = 0; i < 5; i++)
    lab_app_send (lab, i);
  g_assert_true (lab_wait (tunnel_io_get_fd (lab->io), LAB_WAIT_MS));
  g_assert_true (tunnel_io_pop_event (lab->io, &event));
  g_assert_cmpint (event.type, ==, TUNNEL_IO_KEEPALIVE_LOST);
  expect_no_error (lab);
  /* Five errors, one word. */
  g_assert_false (tunnel_io_pop_event (lab->io, &event));
}

int
main (int argc, char **argv)
{
  static const struct
  {
    const char *path;
    LabBody body;
  } cases[] = {
    { "/tunnel/errors/c", test_c },
    { "/tunnel/errors/soft-state", test_soft_state },
    { "/tunnel/errors/mc", test_mc },
    { "/tunnel/errors/closed-port", test_closed_port },
  };

  g_test_init (&argc, &argv, NULL);
  for (gsize i = 0; i < G_N_ELEMENTS (cases); i++)
    g_test_add_data_func (cases[i].path, &cases[i].body, lab_case);
  return g_test_run ();
}
