/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Mode mc over an outer IPv6 path, and from one family to the other: the data plane against the real kernel. */
#include "lab.h"

#include "tunnel/tunnel-octets-private.h"

#include <fcntl.h>
#include <sched.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define COA6 "2001:db8:100::50"
#define GATEWAY6 "2001:db8:100::2"

typedef struct
{
  int udp, esp; /* B, IPv6 */
} Peer6;

static int
open_bound6 (int type, int protocol, const char *text, guint16 port)
{
  struct sockaddr_in6 name;
  RoamAddr local;
  int fd = socket (AF_INET6, type | SOCK_CLOEXEC, protocol);

  g_assert_cmpint (fd, >=, 0);
  g_assert_true (roam_addr_parse (text, &local));
  tunnel_sockaddr6_from_endpoint (&name, &local, port);
  g_assert_cmpint (bind (fd, (const struct sockaddr *)&name, sizeof name), ==, 0);
  return fd;
}

static void
peer6_open (Lab *lab, Peer6 *peer)
{
  lab_run ("ip -6 address add " COA6 "/64 dev a0 nodad");
  g_assert_cmpint (setns (lab->ns_b, CLONE_NEWNET), ==, 0);
  lab_run ("ip -6 address add " GATEWAY6 "/64 dev b0 nodad");
  peer->udp = open_bound6 (SOCK_DGRAM, IPPROTO_UDP, GATEWAY6, 4500);
  peer->esp = open_bound6 (SOCK_RAW, IPPROTO_ESP, GATEWAY6, 0);
  g_assert_cmpint (setns (lab->ns_a, CLONE_NEWNET), ==, 0);
}

static void
peer6_close (Peer6 *peer)
{
  close (peer->udp);
  close (peer->esp);
}

static void
plan6 (TunnelPlan *plan, gboolean udp_encap)
{
  g_assert_true (roam_addr_parse (COA6, &plan->esp_local.addr));
  g_assert_true (roam_addr_parse (GATEWAY6, &plan->esp_remote.addr));
  plan->udp_encap = udp_encap;
}

static void
start6 (Lab *lab, TunnelPlan *plan, Peer6 *peer, gboolean udp_encap)
{
  peer6_open (lab, peer);
  lab_start_io (lab, 0);
  lab_open_app (lab);
  lab_plan (lab, plan, TUNNEL_MODE_MC, 0);
  plan6 (plan, udp_encap);
  lab_apply (lab, plan);
}

/* The kernel hands over no UDP datagram in IPv6 whose checksum is wrong or missing. */
static void
expect_up (Lab *lab, int fd, guint32 number, guint16 port)
{
  struct sockaddr_in6 name;
  socklen_t name_length = sizeof name;
  RoamAddr coa, source;
  LabPacket packet;
  gssize length;

  g_assert_true (roam_addr_parse (COA6, &coa));
  g_assert_true (lab_wait (fd, LAB_WAIT_MS));
  length = recvfrom (fd, packet.octets, sizeof packet.octets, 0, (struct sockaddr *)&name, &name_length);
  g_assert_cmpint (length, >, 0);
  lab_open_esp (lab, &packet, packet.octets, (gsize)length);
  g_assert_cmpint (packet.number, ==, number);
  source = roam_addr_from_bytes ((const guint8 *)&name.sin6_addr, 16);
  g_assert_true (roam_addr_equal (&source, &coa));
  g_assert_cmpuint (tunnel_get_u16 ((const guint8 *)&name.sin6_port), ==, port);
}

static void
send_down (Lab *lab, int fd, guint16 port, guint32 number)
{
  guint8 buffer[256], packet[2048], *inner = buffer + 64;
  gsize length = lab_wrap (inner, lab_make_datagram (inner, number), LAB_HA, LAB_TIA);
  struct sockaddr_in6 name;
  RoamAddr coa;

  g_assert_true (roam_addr_parse (COA6, &coa));
  tunnel_sockaddr6_from_endpoint (&name, &coa, port);
  length = lab_make_esp (lab, 0, inner - 20, length, packet);
  g_assert_cmpint (sendto (fd, packet, length, 0, (const struct sockaddr *)&name, sizeof name), ==, (gssize)length);
}

/* covers: MOB-FAM-004 */
static void
test_both_ways (Lab *lab)
{
  for (guint raw = 0; raw < 2; raw++)
    {
      g_auto (TunnelPlan) plan = { 0 };
      Peer6 peer;
      int fd;

      if (raw == 0)
        start6 (lab, &plan, &peer, TRUE);
      else
        {
          /* The same SA goes on without UDP. */
          peer6_open (lab, &peer);
          lab_plan (lab, &plan, TUNNEL_MODE_MC, 0);
          plan6 (&plan, FALSE);
          lab_apply (lab, &plan);
        }
      fd = raw ? peer.esp : peer.udp;
      for (guint32 i = 0; i < 5; i++)
        {
          lab_app_send (lab, 100 * raw + i);
          expect_up (lab, fd, 100 * raw + i, raw ? 0 : 4500);
          send_down (lab, fd, raw ? 0 : 4500, 200 + i);
          g_assert_cmpint (lab_app_receive (lab, LAB_WAIT_MS), ==, 200 + i);
        }
      peer6_close (&peer);
      if (raw == 0)
        {
          lab_run ("ip -6 address del " COA6 "/64 dev a0");
          g_assert_cmpint (setns (lab->ns_b, CLONE_NEWNET), ==, 0);
          lab_run ("ip -6 address del " GATEWAY6 "/64 dev b0");
          g_assert_cmpint (setns (lab->ns_a, CLONE_NEWNET), ==, 0);
        }
    }
}

/* SPI, keys, sequence numbers and the replay window go on; packets of either family are received meanwhile. */
/* covers: MOB-SAM-001, MOB-SAM-002, MOB-SAM-004, MOB-SAM-011 */
static void
test_between_families (Lab *lab)
{
  g_auto (TunnelPlan) plan4 = { 0 }, plan = { 0 };
  Peer6 peer;

  peer6_open (lab, &peer);
  lab_start_in (lab, &plan4, TUNNEL_MODE_MC);
  lab_plan (lab, &plan, TUNNEL_MODE_MC, 0);
  plan6 (&plan, TRUE);
  lab_app_send (lab, 1);
  lab_expect_mc_up (lab, 1, 1, LAB_COA_0);
  lab_apply (lab, &plan);
  lab_app_send (lab, 2);
  expect_up (lab, peer.udp, 2, 4500);      /* a number used twice would be dropped as a replay */
  lab_peer_send_mc (lab, 0, LAB_COA_0, 3); /* the gateway is not there yet */
  g_assert_cmpint (lab_app_receive (lab, LAB_WAIT_MS), ==, 3);
  send_down (lab, peer.udp, 4500, 4);
  g_assert_cmpint (lab_app_receive (lab, LAB_WAIT_MS), ==, 4);
  lab_apply (lab, &plan4);
  lab_app_send (lab, 5);
  lab_expect_mc_up (lab, 5, 1, LAB_COA_0);
  send_down (lab, peer.udp, 4500, 6);
  g_assert_cmpint (lab_app_receive (lab, LAB_WAIT_MS), ==, 6);
  g_assert_cmpuint (lab_stats (lab).replayed, ==, 0);
  peer6_close (&peer);
}

static void
test_ike (Lab *lab)
{
  static const guint8 text[] = { 0, 0, 0, 0, 'i', 'k', 'e' };
  g_auto (TunnelPlan) plan = { 0 };
  g_auto (TunnelIoEvent) event = { 0 };
  g_autoptr (GBytes) datagram = g_bytes_new_static (text, sizeof text);
  struct sockaddr_in6 name;
  guint8 octets[64];
  Peer6 peer;

  start6 (lab, &plan, &peer, TRUE);
  g_assert_true (tunnel_io_send_ike (lab->io, lab->links[0], &plan.esp_local.addr, &plan.esp_remote, datagram));
  g_assert_true (lab_wait (peer.udp, LAB_WAIT_MS));
  g_assert_cmpint (recv (peer.udp, octets, sizeof octets, 0), ==, sizeof text);
  g_assert_cmpmem (octets, sizeof text, text, sizeof text);
  tunnel_sockaddr6_from_endpoint (&name, &plan.esp_local.addr, 4500);
  g_assert_cmpint (sendto (peer.udp, text, sizeof text, 0, (const struct sockaddr *)&name, sizeof name), ==,
                   sizeof text);
  g_assert_true (lab_wait (tunnel_io_get_fd (lab->io), LAB_WAIT_MS));
  g_assert_true (tunnel_io_pop_event (lab->io, &event));
  g_assert_cmpint (event.type, ==, TUNNEL_IO_IKE);
  g_assert_true (roam_addr_equal (&event.local.addr, &plan.esp_local.addr));
  g_assert_true (roam_addr_equal (&event.remote.addr, &plan.esp_remote.addr));
  g_assert_cmpuint (event.remote.port, ==, 4500);
  peer6_close (&peer);
}

/* 20 octets more of outer header: the inner MTU is made anew with every path. */
/* covers: MOB-SAM-009 */
static void
test_mtu (Lab *lab)
{
  g_auto (TunnelPlan) plan4 = { 0 }, plan = { 0 };
  g_autofree char *before = NULL, *after = NULL;
  Peer6 peer;

  peer6_open (lab, &peer);
  lab_start_in (lab, &plan4, TUNNEL_MODE_MC);
  before = lab_output ("ip -o link show roam0");
  lab_plan (lab, &plan, TUNNEL_MODE_MC, 0);
  plan6 (&plan, TRUE);
  lab_apply (lab, &plan);
  after = lab_output ("ip -o link show roam0");
  g_assert_cmpuint (tunnel_plan_get_mtu (&plan4, 1500) - tunnel_plan_get_mtu (&plan, 1500), ==, 20);
  g_assert_nonnull (strstr (before, "mtu 1418"));
  g_assert_nonnull (strstr (after, "mtu 1398"));
  peer6_close (&peer);
}

/* One end of each family is no path. */
static void
test_mixed_families (Lab *lab)
{
  g_auto (TunnelPlan) plan = { 0 };
  g_autoptr (GError) error = NULL;

  lab_start_io (lab, 0);
  lab_plan (lab, &plan, TUNNEL_MODE_MC, 0);
  g_assert_true (roam_addr_parse (GATEWAY6, &plan.esp_remote.addr));
  g_assert_false (tunnel_io_apply (lab->io, &plan, &error));
  g_assert_nonnull (strstr (error->message, "one family"));
}

int
main (int argc, char **argv)
{
  static const struct
  {
    const char *path;
    LabBody body;
  } cases[] = {
    { "/tunnel/outer6/both-ways", test_both_ways },
    { "/tunnel/outer6/between-families", test_between_families },
    { "/tunnel/outer6/ike", test_ike },
    { "/tunnel/outer6/mtu", test_mtu },
    { "/tunnel/outer6/mixed-families", test_mixed_families },
  };

  g_test_init (&argc, &argv, NULL);
  for (gsize i = 0; i < G_N_ELEMENTS (cases); i++)
    g_test_add_data_func (cases[i].path, &cases[i].body, lab_case);
  return g_test_run ();
}
