/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "lab.h"
#include "tunnel/tunnel-fragment-private.h"
#include "tunnel/tunnel-octets-private.h"

#include <errno.h>
#include <linux/errqueue.h>
#include <linux/rtnetlink.h>
#include <string.h>
#include <unistd.h>

/* Moves, SAs, hostile peers, events, and what the kernel is told, against the real kernel. */

/* ------------------------------------------------------------------ moves and SAs ---- */

/* Make before break: no packet is lost in either direction, sequence numbers go on. */
static void
test_move_without_loss (Lab *lab)
{
  g_auto (TunnelPlan) plan = { 0 };
  LabPacket packet;

  lab_start_in (lab, &plan, TUNNEL_MODE_MC);
  for (guint move = 0; move < 10; move++)
    {
      guint link = move % 2;

      for (guint32 i = 0; i < 20; i++)
        {
          if (i == 10)
            {
              lab_plan (lab, &plan, TUNNEL_MODE_MC, 1 - link);
              lab_apply (lab, &plan);
            }
          lab_app_send (lab, 20 * move + i);
          /* The peer still sends to the address that is old by then. */
          lab_peer_send_mc (lab, 0, link == 0 ? LAB_COA_0 : LAB_COA_1, 20 * move + i);
        }
      for (guint32 i = 0; i < 20; i++)
        {
          g_assert_true (lab_peer_receive_esp (lab, FALSE, LAB_WAIT_MS, &packet));
          g_assert_cmpint (packet.number, ==, 20 * move + i);
          g_assert_cmpint (lab_app_receive (lab, LAB_WAIT_MS), ==, 20 * move + i);
        }
      g_assert_cmphex (packet.outer_source, ==, link == 0 ? LAB_COA_1 : LAB_COA_0);
    }
  g_assert_cmpuint (tunnel_esp_in_newest (lab->peer_in[0]), ==, 200);
  g_assert_cmpuint (lab_stats (lab).replayed, ==, 0);
}

/*
 * Decision D-38: what is under way to the old care-of address when the binding moves is delivered for two seconds;
 * what was plain never is in mc or while it is held.
 */
static void
test_late_in_clear (Lab *lab)
{
  g_auto (TunnelPlan) plan = { 0 };

  lab_start_in (lab, &plan, TUNNEL_MODE_C);
  lab_plan (lab, &plan, TUNNEL_MODE_C, 1);
  lab_apply (lab, &plan);
  lab_peer_send_c (lab, LAB_COA_0, 1);
  g_assert_cmpint (lab_app_receive (lab, LAB_WAIT_MS), ==, 1);
  lab_peer_send_c (lab, LAB_COA_1, 2);
  g_assert_cmpint (lab_app_receive (lab, LAB_WAIT_MS), ==, 2);
  g_usleep (2100000);
  lab_peer_send_c (lab, LAB_COA_0, 3);
  g_assert_cmpint (lab_app_receive (lab, LAB_SILENCE_MS), ==, -1);
  for (guint i = 0; i < 2; i++)
    {
      lab_plan (lab, &plan, TUNNEL_MODE_C, 0);
      lab_apply (lab, &plan);
      lab_plan (lab, &plan, TUNNEL_MODE_C, 1);
      lab_apply (lab, &plan);
      if (i == 0)
        plan.mode = TUNNEL_MODE_HOLD;
      else
        lab_plan (lab, &plan, TUNNEL_MODE_MC, 1);
      lab_apply (lab, &plan);
      lab_peer_send_c (lab, LAB_COA_0, 4);
      lab_peer_send_c (lab, LAB_COA_1, 5);
      g_assert_cmpint (lab_app_receive (lab, LAB_SILENCE_MS), ==, -1);
    }
}

/* The gateway gave another address: packets to the one before still come out of ESP. */
static void
test_late_inside_esp (Lab *lab)
{
  g_auto (TunnelPlan) plan = { 0 };

  lab_start_in (lab, &plan, TUNNEL_MODE_MC);
  plan.tia = plan.mip_local = roam_addr_from_u32 (LAB_TIA + 1);
  lab_apply (lab, &plan);
  lab_peer_send_mc (lab, 0, LAB_COA_0, 1);
  g_assert_cmpint (lab_app_receive (lab, LAB_WAIT_MS), ==, 1);
  g_usleep (2100000);
  lab_peer_send_mc (lab, 0, LAB_COA_0, 2);
  g_assert_cmpint (lab_app_receive (lab, LAB_SILENCE_MS), ==, -1);
}

/* covers: IKE-RKY-017, IKE-ESP-014 */
static void
test_rekey (Lab *lab)
{
  g_auto (TunnelPlan) plan = { 0 };
  LabPacket packet;

  lab_start_in (lab, &plan, TUNNEL_MODE_MC);
  lab_app_send (lab, 0);
  g_assert_true (lab_peer_receive_esp (lab, FALSE, LAB_WAIT_MS, &packet));
  g_assert_cmphex (packet.spi, ==, 0x20000001);
  /* Both decrypt, the new one encrypts. */
  lab_plan_add_sa (lab, &plan, 1);
  plan.out_sa = 2;
  lab_apply (lab, &plan);
  lab_app_send (lab, 1);
  g_assert_true (lab_peer_receive_esp (lab, FALSE, LAB_WAIT_MS, &packet));
  g_assert_cmphex (packet.spi, ==, 0x20000002);
  lab_peer_send_mc (lab, 0, LAB_COA_0, 10);
  lab_peer_send_mc (lab, 1, LAB_COA_0, 11);
  g_assert_cmpint (lab_app_receive (lab, LAB_WAIT_MS), ==, 10);
  g_assert_cmpint (lab_app_receive (lab, LAB_WAIT_MS), ==, 11);
  /* The old one is gone: packets on it are counted and dropped. */
  g_ptr_array_remove_index (plan.sas, 0);
  lab_apply (lab, &plan);
  lab_peer_send_mc (lab, 0, LAB_COA_0, 12);
  lab_peer_send_mc (lab, 1, LAB_COA_0, 13);
  g_assert_cmpint (lab_app_receive (lab, LAB_WAIT_MS), ==, 13);
  g_assert_cmpuint (lab_stats (lab).unknown_spi, ==, 1);
  lab_app_send (lab, 2);
  lab_expect_mc_up (lab, 2, 1, LAB_COA_0);
  g_assert_cmpuint (tunnel_esp_in_newest (lab->peer_in[1]), ==, 2);
}

/* covers: IKE-ESP-015, IKE-TRN-007 */
static void
test_esp_without_udp (Lab *lab)
{
  g_auto (TunnelPlan) plan = { 0 };
  guint8 buffer[256], *inner = buffer + 64;
  LabPacket packet;
  gsize length;

  lab_start_in (lab, &plan, TUNNEL_MODE_MC);
  for (guint32 i = 0; i < 6; i++)
    {
      length = lab_wrap (inner, lab_make_datagram (inner, i), LAB_HA, LAB_TIA);
      lab_peer_send_esp (lab, 0, i % 2 == 0, LAB_COA_0, inner - 20, length);
      g_assert_cmpint (lab_app_receive (lab, LAB_WAIT_MS), ==, i);
    }
  plan.udp_encap = FALSE;
  lab_apply (lab, &plan);
  lab_app_send (lab, 9);
  g_assert_true (lab_peer_receive_esp (lab, TRUE, LAB_WAIT_MS, &packet));
  g_assert_cmpint (packet.number, ==, 9);
  g_assert_cmphex (packet.outer_source, ==, LAB_COA_0);
}

/* ------------------------------------------------------------------------ hostile ---- */

/* covers: R5266-TRF-008, IKE-ESP-001, IKE-ESP-005, IKE-ESP-014, IKE-TS-011 */
static void
test_unwanted_packets (Lab *lab)
{
  g_auto (TunnelPlan) plan = { 0 };
  guint8 forged[200] = { 0x10, 0, 0, 1, 0, 0, 0, 9 }, low_spi[100] = { 0, 0, 0, 5 }, buffer[256], *inner = buffer + 64;
  gsize length;
  TunnelIoStats stats;

  lab_start_in (lab, &plan, TUNNEL_MODE_MC);
  lab_peer_send_c (lab, LAB_COA_0, 1);
  lab_peer_send_udp (lab, LAB_COA_0, forged, sizeof forged);
  lab_peer_send_udp (lab, LAB_COA_0, low_spi, sizeof low_spi);
  lab_peer_send_udp (lab, LAB_COA_0, "\xff", 1);
  lab_peer_send_udp (lab, LAB_COA_0, forged, 9);
  /* Data for the home address straight from the correspondent, not through the home agent. */
  length = lab_make_datagram (inner, 2);
  lab_peer_send_esp (lab, 0, FALSE, LAB_COA_0, inner, length);
  /* Through a home agent that is none. */
  length = lab_wrap (inner, lab_make_datagram (inner, 3), LAB_CN, LAB_TIA);
  lab_peer_send_esp (lab, 0, FALSE, LAB_COA_0, inner - 20, length);
  g_assert_cmpint (lab_app_receive (lab, LAB_SILENCE_MS), ==, -1);
  stats = lab_stats (lab);
  g_assert_cmpuint (stats.clear_dropped, ==, 1);
  g_assert_cmpuint (stats.bad_authenticator, ==, 1);
  g_assert_cmpuint (stats.unknown_spi, ==, 1);
  g_assert_cmpuint (stats.bad_inner, ==, 3);
  g_assert_cmpuint (stats.rx_packets, ==, 0);
}

/* covers: IKE-ESP-004 */
static void
test_replayed_packet (Lab *lab)
{
  g_auto (TunnelPlan) plan = { 0 };
  guint8 buffer[256], packet[512], *inner = buffer + 64;
  gsize length, packet_length;

  lab_start_in (lab, &plan, TUNNEL_MODE_MC);
  length = lab_wrap (inner, lab_make_datagram (inner, 1), LAB_HA, LAB_TIA);
  g_assert_cmpint (tunnel_esp_encrypt (lab->peer_out[0], 4, inner - 20, length, packet, sizeof packet, &packet_length),
                   ==, TUNNEL_DROP_NONE);
  for (guint i = 0; i < 3; i++)
    lab_peer_send_udp (lab, LAB_COA_0, packet, packet_length);
  g_assert_cmpint (lab_app_receive (lab, LAB_WAIT_MS), ==, 1);
  g_assert_cmpint (lab_app_receive (lab, LAB_SILENCE_MS), ==, -1);
  g_assert_cmpuint (lab_stats (lab).replayed, ==, 2);
}

/* ------------------------------------------------------------------------ events ---- */

static gboolean
next_event (Lab *lab, TunnelIoEvent *event)
{
  return lab_wait (tunnel_io_get_fd (lab->io), LAB_WAIT_MS) && tunnel_io_pop_event (lab->io, event);
}

/* covers: IKE-ESP-001, IKE-KAL-003 */
static void
test_ike_datagrams (Lab *lab)
{
  static const guint8 ike[40] = { 0, 0, 0, 0, 1, 2, 3 };
  g_auto (TunnelPlan) plan = { 0 };
  g_auto (TunnelIoEvent) event = { 0 }, none = { 0 };
  g_autofree guint8 *big = g_malloc0 (3000);
  g_autoptr (GBytes) small_datagram = g_bytes_new (ike, sizeof ike);
  g_autoptr (GBytes) big_datagram = g_bytes_new (big, 3000);
  RoamAddr local = roam_addr_from_u32 (LAB_COA_1);
  RoamEndpoint remote = { roam_addr_from_u32 (LAB_GATEWAY), 4500 };
  guint8 received[4096];
  struct sockaddr_in name;
  socklen_t name_length = sizeof name;

  lab_start_in (lab, &plan, TUNNEL_MODE_HOLD);
  lab_peer_send_udp (lab, LAB_COA_0, "\xff", 1);
  lab_peer_send_udp (lab, LAB_COA_0, ike, sizeof ike);
  g_assert_true (next_event (lab, &event));
  g_assert_cmpint (event.type, ==, TUNNEL_IO_IKE);
  g_assert_cmpint (event.ifindex, ==, lab->links[0]);
  g_assert_cmphex (roam_addr_to_u32 (&event.local.addr), ==, LAB_COA_0);
  g_assert_cmpuint (event.local.port, ==, 4500);
  g_assert_cmphex (roam_addr_to_u32 (&event.remote.addr), ==, LAB_GATEWAY);
  g_assert_cmpuint (event.remote.port, ==, 4500);
  g_assert_true (g_bytes_equal (event.datagram, small_datagram));
  g_assert_false (tunnel_io_pop_event (lab->io, &none));
  g_assert_false (lab_wait (tunnel_io_get_fd (lab->io), 0));
  /* Out on the other link, also what needs fragments. */
  g_assert_true (tunnel_io_send_ike (lab->io, lab->links[1], &local, &remote, small_datagram));
  g_assert_true (lab_wait (lab->udp, LAB_WAIT_MS));
  g_assert_cmpint (recvfrom (lab->udp, received, sizeof received, 0, (struct sockaddr *)&name, &name_length), ==,
                   sizeof ike);
  g_assert_cmphex (tunnel_get_u32 ((const guint8 *)&name.sin_addr), ==, LAB_COA_1);
  g_assert_cmpuint (tunnel_get_u16 ((const guint8 *)&name.sin_port), ==, 4500);
  g_assert_true (tunnel_io_send_ike (lab->io, lab->links[1], &local, &remote, big_datagram));
  g_assert_true (lab_wait (lab->udp, LAB_WAIT_MS));
  g_assert_cmpint (recv (lab->udp, received, sizeof received, 0), ==, 3000);
  g_assert_false (tunnel_io_send_ike (lab->io, 9999, &local, &remote, small_datagram));
  g_assert_cmpint (errno, ==, ENODEV);
}

static void
test_event_queue_is_bounded (Lab *lab)
{
  static const guint8 ike[40] = { 0 };
  g_auto (TunnelPlan) plan = { 0 };
  guint n = 0;

  lab_start_in (lab, &plan, TUNNEL_MODE_MC);
  for (guint i = 0; i < 1000; i++)
    lab_peer_send_udp (lab, LAB_COA_0, ike, sizeof ike);
  /* A packet behind them comes through: the worker is not held up. */
  lab_peer_send_mc (lab, 0, LAB_COA_0, 1);
  g_assert_cmpint (lab_app_receive (lab, LAB_WAIT_MS), ==, 1);
  for (;;)
    {
      g_auto (TunnelIoEvent) event = { 0 };

      if (!tunnel_io_pop_event (lab->io, &event))
        break;
      n++;
    }
  g_assert_cmpuint (n, ==, 256);
  g_assert_false (lab_wait (tunnel_io_get_fd (lab->io), 0));
}

static void
test_registrations_pass_in_hold (Lab *lab)
{
  static const char text[] = "registration request";
  g_auto (TunnelPlan) plan = { 0 };
  g_autoptr (GBytes) datagram = g_bytes_new_static (text, sizeof text);
  RoamAddr tia = roam_addr_from_u32 (LAB_TIA), ha = roam_addr_from_u32 (LAB_HA);
  RoamEndpoint home_agent = { ha, 434 }, to_tia = { tia, 434 };
  guint8 reply[256];
  gsize length;
  LabPacket packet;
  g_auto (TunnelIoEvent) traffic = { 0 }, event = { 0 };

  lab_start_in (lab, &plan, TUNNEL_MODE_HOLD);
  g_assert_true (tunnel_io_send_registration (lab->io, &tia, &home_agent, 64, datagram));
  g_assert_true (lab_peer_receive_esp (lab, FALSE, LAB_WAIT_MS, &packet));
  g_assert_cmphex (tunnel_get_u32 (packet.inner + 12), ==, LAB_TIA);
  g_assert_cmphex (tunnel_get_u32 (packet.inner + 16), ==, LAB_HA);
  g_assert_cmpuint (packet.inner[8], ==, 64);
  g_assert_cmpuint (packet.inner[9], ==, 17);
  g_assert_cmpuint (tunnel_get_u16 (packet.inner + 20), ==, 434);
  g_assert_cmpmem (packet.inner + 28, packet.inner_length - 28, text, sizeof text);
  length = tunnel_inner_build_registration (reply, sizeof reply, &ha, &to_tia, 60, (const guint8 *)"reply", 5);
  lab_peer_send_esp (lab, 0, FALSE, LAB_COA_0, reply, length);
  g_assert_true (next_event (lab, &traffic));
  g_assert_cmpint (traffic.type, ==, TUNNEL_IO_TRAFFIC);
  g_assert_true (next_event (lab, &event));
  g_assert_cmpint (event.type, ==, TUNNEL_IO_REGISTRATION);
  g_assert_cmpuint (event.sa, ==, 1);
  g_assert_cmphex (roam_addr_to_u32 (&event.remote.addr), ==, LAB_HA);
  g_assert_cmphex (roam_addr_to_u32 (&event.local.addr), ==, LAB_TIA);
  g_assert_cmpmem (g_bytes_get_data (event.datagram, NULL), g_bytes_get_size (event.datagram), "reply", 5);
  /* Without an SA there is no way. */
  plan.out_sa = 0;
  g_ptr_array_set_size (plan.sas, 0);
  lab_apply (lab, &plan);
  g_assert_false (tunnel_io_send_registration (lab->io, &tia, &home_agent, 64, datagram));
}

/* Packets leave and none comes back: said, once a second at most, until one comes. */
static void
test_unanswered_notice (Lab *lab)
{
  g_auto (TunnelPlan) plan = { 0 };
  g_auto (TunnelIoEvent) event = { 0 }, traffic = { 0 }, none = { 0 };
  guint32 sent = 0;

  lab_start_in (lab, &plan, TUNNEL_MODE_MC);
  while (sent < 100 && !tunnel_io_pop_event (lab->io, &event))
    {
      lab_app_send (lab, sent++);
      g_usleep (100 * 1000);
    }
  g_assert_cmpint (event.type, ==, TUNNEL_IO_UNANSWERED);
  g_assert_cmpuint (event.sa, ==, 1);
  lab_peer_send_mc (lab, 0, LAB_COA_0, 1);
  g_assert_cmpint (lab_app_receive (lab, LAB_WAIT_MS), ==, 1);
  g_assert_true (tunnel_io_pop_event (lab->io, &traffic));
  g_assert_cmpint (traffic.type, ==, TUNNEL_IO_TRAFFIC);
  lab_app_send (lab, sent);
  g_assert_false (tunnel_io_pop_event (lab->io, &none));
}

/* Authentic packets are proof of life; forged and replayed ones are not. */
/* covers: IKE-DPD-004 */
static void
test_traffic_notice (Lab *lab)
{
  g_auto (TunnelPlan) plan = { 0 };
  g_auto (TunnelIoEvent) event = { 0 }, none = { 0 };
  guint8 forged[200] = { 0x10, 0, 0, 1, 0, 0, 0, 9 };

  lab_start_in (lab, &plan, TUNNEL_MODE_MC);
  lab_peer_send_udp (lab, LAB_COA_0, forged, sizeof forged);
  g_assert_cmpint (lab_app_receive (lab, LAB_SILENCE_MS), ==, -1);
  g_assert_false (tunnel_io_pop_event (lab->io, &none));
  for (guint32 i = 0; i < 20; i++)
    lab_peer_send_mc (lab, 0, LAB_COA_0, i);
  for (guint32 i = 0; i < 20; i++)
    g_assert_cmpint (lab_app_receive (lab, LAB_WAIT_MS), ==, i);
  g_assert_true (tunnel_io_pop_event (lab->io, &event));
  g_assert_cmpint (event.type, ==, TUNNEL_IO_TRAFFIC);
  g_assert_cmpuint (event.sa, ==, 1);
  g_assert_cmphex (roam_addr_to_u32 (&event.remote.addr), ==, LAB_GATEWAY);
  g_assert_false (tunnel_io_pop_event (lab->io, &none));
}

/* ------------------------------------------------------------------------- kernel ---- */

static void
test_same_plan_twice (Lab *lab)
{
  struct sockaddr_nl name = { .nl_family = AF_NETLINK,
                              .nl_groups = RTMGRP_LINK | RTMGRP_IPV4_ROUTE | RTMGRP_IPV6_ROUTE | RTMGRP_IPV4_IFADDR |
                                           RTMGRP_IPV4_RULE };
  g_auto (TunnelPlan) plan = { 0 }, copy = { 0 };
  guint8 message[8192];
  int monitor;
  guint requests;

  lab_start_in (lab, &plan, TUNNEL_MODE_MC);
  tunnel_plan_init (&copy);
  tunnel_plan_copy (&copy, &plan);
  monitor = socket (AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
  g_assert_cmpint (bind (monitor, (const struct sockaddr *)&name, sizeof name), ==, 0);
  /* The links have just come up: the kernel tells of carriers and of IPv6 for a while. */
  while (lab_wait (monitor, 3 * LAB_SILENCE_MS))
    g_assert_cmpint (recv (monitor, message, sizeof message, 0), >, 0);
  requests = tunnel_io_get_requests (lab->io);
  for (guint i = 0; i < 5; i++)
    lab_apply (lab, i % 2 == 0 ? &copy : &plan);
  g_assert_cmpuint (tunnel_io_get_requests (lab->io), ==, requests);
  g_assert_false (lab_wait (monitor, LAB_SILENCE_MS));
  /* From mc to mc on another link, and to c: the route to the TUN stays, too. */
  lab_plan (lab, &plan, TUNNEL_MODE_MC, 1);
  lab_apply (lab, &plan);
  g_assert_cmpuint (tunnel_io_get_requests (lab->io), ==, requests);
  g_assert_false (lab_wait (monitor, LAB_SILENCE_MS));
  close (monitor);
}

/* No route of an access link draws the user's packets, not even its on-link one; roamd's own do use it. */
/* covers: R5266-TRF-007, IKE-CP-017 */
static void
test_routing_policy (Lab *lab)
{
  g_autofree char *on_link = NULL, *far = NULL, *marked = NULL, *bound = NULL;

  lab_start_io (lab, 0);
  on_link = lab_output ("ip route get 198.51.100.99");
  g_assert_nonnull (strstr (on_link, "dev roam0"));
  g_assert_nonnull (strstr (on_link, "src 10.1.0.100"));
  far = lab_output ("ip route get 192.0.2.1");
  g_assert_nonnull (strstr (far, "dev roam0"));
  marked = lab_output ("ip route get 203.0.113.2 mark 0x5266"); /* to the gateway */
  g_assert_nonnull (strstr (marked, "via 198.51.100.1 dev a0"));
  /* A DHCP client that is bound to its link renews there. */
  bound = lab_output ("ip route get 192.0.2.1 oif a1");
  g_assert_nonnull (strstr (bound, "via 198.18.2.1 dev a1"));
}

static int
connect_ipv6 (guint32 mark)
{
  struct sockaddr_in6 name = { .sin6_family = AF_INET6, .sin6_port = 9 };
  int fd = socket (AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC, 0), result;

  g_assert_cmpint (fd, >=, 0);
  name.sin6_addr.s6_addr[0] = 0x20;
  name.sin6_addr.s6_addr[1] = 0x01;
  name.sin6_addr.s6_addr[15] = 1;
  if (mark != 0)
    g_assert_cmpint (setsockopt (fd, SOL_SOCKET, SO_MARK, &mark, sizeof mark), ==, 0);
  result = connect (fd, (const struct sockaddr *)&name, sizeof name) == 0 ? 0 : errno;
  close (fd);
  return result;
}

static void
test_ipv6_never_leaks (Lab *lab)
{
  lab_run ("ip address add 2001:db8:5266::2/64 dev a0 nodad");
  lab_run ("ip -6 route add default via 2001:db8:5266::1 dev a0");
  g_assert_cmpint (connect_ipv6 (0), ==, 0);
  lab_start_io (lab, 0);
  g_assert_cmpint (connect_ipv6 (0), !=, 0);
  g_assert_cmpint (connect_ipv6 (0x5266), ==, 0);
  tunnel_io_free (lab->io, FALSE);
  lab->io = NULL;
  g_assert_cmpint (connect_ipv6 (0), ==, 0);
}

static guint
tun_mtu (void)
{
  g_autofree char *link = lab_output ("ip -o link show dev roam0");
  const char *at = strstr (link, "mtu ");

  g_assert_nonnull (at);
  return (guint)g_ascii_strtoull (at + 4, NULL, 10);
}

static int
send_df (Lab *lab, gsize ip_length)
{
  struct sockaddr_in target;
  RoamAddr cn = roam_addr_from_u32 (LAB_CN);
  g_autofree guint8 *octets = g_malloc0 (ip_length);

  g_assert_cmpint (setsockopt (lab->app, IPPROTO_IP, IP_MTU_DISCOVER, &(int){ IP_PMTUDISC_DO }, sizeof (int)), ==, 0);
  tunnel_sockaddr_from_endpoint (&target, &cn, LAB_CN_PORT);
  return sendto (lab->app, octets, ip_length - 28, 0, (const struct sockaddr *)&target, sizeof target) >= 0 ? 0 : errno;
}

/* covers: MIP-TUN-012, MIP-TUN-022, MIP-TUN-023, MIP-TUN-024, MIP-TUN-025, IKE-ESP-013 */
static void
test_mtu (Lab *lab)
{
  g_auto (TunnelPlan) plan = { 0 };
  LabPacket packet;

  lab_start_in (lab, &plan, TUNNEL_MODE_C);
  g_assert_cmpuint (tun_mtu (), ==, 1480);
  lab_plan (lab, &plan, TUNNEL_MODE_MC, 0);
  lab_apply (lab, &plan);
  g_assert_cmpuint (tun_mtu (), ==, 1418);
  /* The largest goes, one octet more is refused to its sender. */
  g_assert_cmpint (send_df (lab, 1418), ==, 0);
  g_assert_true (lab_peer_receive_esp (lab, FALSE, LAB_WAIT_MS, &packet));
  g_assert_cmpuint (packet.inner_length, ==, 1418);
  g_assert_cmpint (send_df (lab, 1419), ==, EMSGSIZE);
  /* The path turns out to be narrower. */
  lab_run ("ip route add 203.0.113.2/32 via 198.51.100.1 dev a0 mtu 1300");
  g_assert_cmpint (send_df (lab, 1418), ==, 0);
  g_assert_false (lab_peer_receive_esp (lab, FALSE, LAB_SILENCE_MS, &packet));
  g_assert_cmpuint (tun_mtu (), ==, 1218);
  g_assert_cmpint (send_df (lab, 1418), ==, EMSGSIZE);
  g_assert_cmpint (send_df (lab, 1218), ==, 0);
  g_assert_true (lab_peer_receive_esp (lab, FALSE, LAB_WAIT_MS, &packet));
  /* No report brings it below the floor. */
  lab_run ("ip route change 203.0.113.2/32 via 198.51.100.1 dev a0 mtu 300");
  g_assert_cmpint (send_df (lab, 1218), ==, 0);
  g_assert_false (lab_peer_receive_esp (lab, FALSE, LAB_SILENCE_MS, &packet));
  g_assert_cmpuint (tun_mtu (), ==, 576);
  /* The profile's number wins over the computed one. */
  plan.mtu = 1300;
  lab_apply (lab, &plan);
  g_assert_cmpuint (tun_mtu (), ==, 1300);
}

/* What waited was made for the wider path of mode c: fragments, or word to the sender at once. */
/* covers: MIP-TUN-022, MIP-TUN-013 */
static void
test_held_packet_too_big (Lab *lab)
{
  g_auto (TunnelPlan) plan = { 0 };
  LabPacket packet;
  guint8 octets[1452] = { 0 }, control[256];
  struct sockaddr_in target;
  struct iovec vector = { octets, sizeof octets };
  struct msghdr message = {
    .msg_iov = &vector, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof control
  };
  struct sock_extended_err report;
  RoamAddr cn = roam_addr_from_u32 (LAB_CN);

  lab_start_in (lab, &plan, TUNNEL_MODE_C);
  tunnel_io_hold_now (lab->io);
  tunnel_sockaddr_from_endpoint (&target, &cn, LAB_CN_PORT);
  g_assert_cmpint (setsockopt (lab->app, IPPROTO_IP, IP_MTU_DISCOVER, &(int){ IP_PMTUDISC_DONT }, sizeof (int)), ==, 0);
  g_assert_cmpint (setsockopt (lab->app, IPPROTO_IP, IP_RECVERR, &(int){ 1 }, sizeof (int)), ==, 0);
  g_assert_cmpint (sendto (lab->app, octets, sizeof octets, 0, (const struct sockaddr *)&target, sizeof target), ==,
                   sizeof octets);
  g_assert_cmpint (send_df (lab, 1480), ==, 0);
  lab_plan (lab, &plan, TUNNEL_MODE_MC, 0);
  lab_apply (lab, &plan);
  g_assert_true (lab_peer_receive_esp (lab, FALSE, LAB_WAIT_MS, &packet));
  g_assert_cmpuint (packet.inner_length, ==, 1412);
  g_assert_cmphex (tunnel_get_u16 (packet.inner + 6), ==, 0x2000);
  g_assert_true (lab_peer_receive_esp (lab, FALSE, LAB_WAIT_MS, &packet));
  g_assert_cmpuint (packet.inner_length, ==, 1480 - 1412 + 20);
  g_assert_cmphex (tunnel_get_u16 (packet.inner + 6), ==, 1392 / 8);
  g_assert_false (lab_peer_receive_esp (lab, FALSE, LAB_SILENCE_MS, &packet));
  g_assert_cmpint (recvmsg (lab->app, &message, MSG_ERRQUEUE), >=, 0);
  g_assert_cmpuint (message.msg_controllen, >=, CMSG_LEN (sizeof report));
  memcpy (&report, control + CMSG_LEN (0), sizeof report);
  g_assert_cmpuint (report.ee_errno, ==, EMSGSIZE);
  g_assert_cmpuint (report.ee_info, ==, 1418);
}

/* A home agent behind a narrow path cuts the tunnel's packets: they come out of ESP one by one. */
static void
test_fragments_out_of_esp (Lab *lab)
{
  g_auto (TunnelPlan) plan = { 0 };
  guint8 buffer[256], *packet = buffer + 64, fragment[256];
  TunnelFragmenter fragmenter;
  gsize length;

  lab_start_in (lab, &plan, TUNNEL_MODE_MC);
  length = lab_wrap (packet, lab_make_datagram (packet, 42), LAB_HA, LAB_TIA);
  /* The kernel's own would not have DF, and a number. */
  tunnel_put_u16 (packet - 20 + 4, 4711);
  tunnel_put_u16 (packet - 20 + 6, 0);
  g_assert_true (tunnel_fragmenter_init (&fragmenter, packet - 20, length, 52));
  while ((length = tunnel_fragmenter_next (&fragmenter, fragment)) > 0)
    lab_peer_send_esp (lab, 0, FALSE, LAB_COA_0, fragment, length);
  g_assert_cmpint (lab_app_receive (lab, LAB_WAIT_MS), ==, 42);
  g_assert_cmpuint (lab_stats (lab).reassembled, ==, 1);
  g_assert_cmpuint (lab_stats (lab).bad_inner, ==, 0);
}

/* The application's ECN field and DSCP reach the outermost header. */
/* covers: IKE-UDP-003, MIP-TUN-007 */
static void
test_tos_is_copied (Lab *lab)
{
  g_auto (TunnelPlan) plan = { 0 };
  guint8 frame[2048];
  int tos = 0xb8 | TUNNEL_ECN_ECT_0;
  guint seen = 0;

  lab_start_in (lab, &plan, TUNNEL_MODE_MC);
  g_assert_cmpint (setsockopt (lab->app, IPPROTO_IP, IP_TOS, &tos, sizeof tos), ==, 0);
  lab_app_send (lab, 1);
  lab_expect_mc_up (lab, 1, 1, LAB_COA_0);
  while (recv (lab->capture, frame, sizeof frame, 0) > 0)
    if (tunnel_get_u32 (frame + 16) == LAB_GATEWAY)
      {
        g_assert_cmphex (frame[1], ==, tos);
        seen++;
      }
  g_assert_cmpuint (seen, ==, 1);
}

static void
test_bad_plans (Lab *lab)
{
  g_auto (TunnelPlan) good = { 0 }, bad = { 0 };
  g_autoptr (GError) no_sa = NULL, no_link = NULL, bad_suite = NULL;
  guint mtu;

  lab_start_in (lab, &good, TUNNEL_MODE_MC);
  mtu = tun_mtu ();
  lab_plan (lab, &bad, TUNNEL_MODE_MC, 0);
  bad.out_sa = 7;
  g_assert_false (tunnel_io_apply (lab->io, &bad, &no_sa));
  g_assert_nonnull (strstr (no_sa->message, "Child SA 7"));
  lab_plan (lab, &bad, TUNNEL_MODE_C, 0);
  bad.ifindex = 4711;
  g_assert_false (tunnel_io_apply (lab->io, &bad, &no_link));
  lab_plan (lab, &bad, TUNNEL_MODE_MC, 0);
  lab->sas[1]->integ_bits = 160;
  lab_plan_add_sa (lab, &bad, 1);
  g_assert_false (tunnel_io_apply (lab->io, &bad, &bad_suite));
  /* What was good before goes on. */
  g_assert_cmpuint (tun_mtu (), ==, mtu);
  lab_app_send (lab, 1);
  lab_expect_mc_up (lab, 1, 1, LAB_COA_0);
}

int
main (int argc, char **argv)
{
  static const struct
  {
    const char *path;
    LabBody body;
  } cases[] = {
    { "/tunnel/io/move", test_move_without_loss },
    { "/tunnel/io/late-in-clear", test_late_in_clear },
    { "/tunnel/io/late-inside-esp", test_late_inside_esp },
    { "/tunnel/io/rekey", test_rekey },
    { "/tunnel/io/esp-without-udp", test_esp_without_udp },
    { "/tunnel/io/unwanted", test_unwanted_packets },
    { "/tunnel/io/replayed", test_replayed_packet },
    { "/tunnel/io/ike", test_ike_datagrams },
    { "/tunnel/io/event-queue", test_event_queue_is_bounded },
    { "/tunnel/io/registrations", test_registrations_pass_in_hold },
    { "/tunnel/io/traffic-notice", test_traffic_notice },
    { "/tunnel/io/unanswered-notice", test_unanswered_notice },
    { "/tunnel/io/same-plan-twice", test_same_plan_twice },
    { "/tunnel/io/routing-policy", test_routing_policy },
    { "/tunnel/io/ipv6", test_ipv6_never_leaks },
    { "/tunnel/io/mtu", test_mtu },
    { "/tunnel/io/held-too-big", test_held_packet_too_big },
    { "/tunnel/io/fragments-out-of-esp", test_fragments_out_of_esp },
    { "/tunnel/io/tos", test_tos_is_copied },
    { "/tunnel/io/bad-plans", test_bad_plans },
  };

  g_test_init (&argc, &argv, NULL);
  for (gsize i = 0; i < G_N_ELEMENTS (cases); i++)
    g_test_add_data_func (cases[i].path, &cases[i].body, lab_case);
  return g_test_run ();
}
