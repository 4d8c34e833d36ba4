/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The data plane's half of a MOBIKE move, against the real kernel. */
#include "lab.h"

#include "tunnel/tunnel-octets-private.h"

#include <netinet/in.h>
#include <sched.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define GATEWAY2 0xcb007103u /* 203.0.113.3, B too */

/* Frames that B got so far in which the user's datagram can be read. */
static guint
count_clear (Lab *lab)
{
  guint8 frame[2048];
  gssize length;
  guint n = 0;

  while ((length = recv (lab->capture, frame, sizeof frame, 0)) > 0)
    for (gssize i = 0; i + 4 <= length; i++)
      if (tunnel_get_u32 (frame + i) == LAB_CN)
        {
          n++;
          break;
        }
  return n;
}

/* Each packet leaves over one of the two paths, whole; none is lost, and none can be read. covers: MOB-SAM-003 */
static void
test_while_sending (Lab *lab)
{
  g_auto (TunnelPlan) plan = { 0 };
  guint32 next = 0;

  lab_start_in (lab, &plan, TUNNEL_MODE_MC);
  (void)count_clear (lab);
  for (guint move = 0; move < 20; move++)
    {
      for (guint i = 0; i < 10; i++)
        lab_app_send (lab, 10 * move + i);
      lab_plan (lab, &plan, TUNNEL_MODE_MC, 1 - move % 2);
      lab_apply (lab, &plan);
    }
  for (; next < 200; next++)
    {
      LabPacket packet;

      g_assert_true (lab_peer_receive_esp (lab, FALSE, LAB_WAIT_MS, &packet));
      g_assert_cmpint (packet.number, ==, next);
      g_assert_true (packet.outer_source == LAB_COA_0 || packet.outer_source == LAB_COA_1);
      g_assert_cmpuint (packet.outer_port, ==, 4500);
    }
  g_assert_cmpuint (count_clear (lab), ==, 0);
}

/* The address is gone before the plan says so: nothing is bound to it, and the next packet has the new one. */
/* covers: MOB-SAM-010 */
static void
test_address_removed (Lab *lab)
{
  static const guint8 text[] = { 0, 0, 0, 0, 'u', 'p', 'd', 'a', 't', 'e' };
  g_autoptr (GBytes) datagram = g_bytes_new_static (text, sizeof text);
  g_auto (TunnelPlan) plan = { 0 };
  g_autofree char *sockets = NULL;
  struct sockaddr_in name;
  socklen_t name_length = sizeof name;
  guint8 octets[64];

  lab_start_in (lab, &plan, TUNNEL_MODE_MC);
  lab_app_send (lab, 1);
  lab_expect_mc_up (lab, 1, 1, LAB_COA_0);
  lab_run ("ip address del 198.51.100.50/24 dev a0");
  lab_plan (lab, &plan, TUNNEL_MODE_MC, 1);
  lab_apply (lab, &plan);
  sockets = lab_output ("ss -Hnuaw src 198.51.100.50");
  g_assert_cmpstr (g_strstrip (sockets), ==, "");
  g_assert_true (tunnel_io_send_ike (lab->io, lab->links[1], &plan.esp_local.addr, &plan.esp_remote, datagram));
  g_assert_true (lab_wait (lab->udp, LAB_WAIT_MS));
  g_assert_cmpint (recvfrom (lab->udp, octets, sizeof octets, 0, (struct sockaddr *)&name, &name_length), ==,
                   sizeof text);
  g_assert_cmphex (tunnel_get_u32 ((const guint8 *)&name.sin_addr), ==, LAB_COA_1);
  lab_app_send (lab, 2);
  lab_expect_mc_up (lab, 2, 1, LAB_COA_1);
}

static int
open_gateway2 (Lab *lab)
{
  struct sockaddr_in name = { .sin_family = AF_INET };
  int fd;

  g_assert_cmpint (setns (lab->ns_b, CLONE_NEWNET), ==, 0);
  lab_run ("ip address add 203.0.113.3/32 dev lo");
  fd = socket (AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  tunnel_put_u32 ((guint8 *)&name.sin_addr, GATEWAY2);
  tunnel_put_u16 ((guint8 *)&name.sin_port, 4500);
  g_assert_cmpint (bind (fd, (const struct sockaddr *)&name, sizeof name), ==, 0);
  g_assert_cmpint (setns (lab->ns_a, CLONE_NEWNET), ==, 0);
  return fd;
}

static void
send_from (Lab *lab, int fd, guint index, guint32 number)
{
  guint8 buffer[256], packet[2048], *inner = buffer + 64;
  gsize length = lab_wrap (inner, lab_make_datagram (inner, number), LAB_HA, LAB_TIA);
  struct sockaddr_in name = { .sin_family = AF_INET };

  tunnel_put_u32 ((guint8 *)&name.sin_addr, LAB_COA_0);
  tunnel_put_u16 ((guint8 *)&name.sin_port, 4500);
  length = lab_make_esp (lab, index, inner - 20, length, packet);
  g_assert_cmpint (sendto (fd, packet, length, 0, (const struct sockaddr *)&name, sizeof name), ==, (gssize)length);
}

/* The next report about traffic of @sa; its outer source. */
static guint32
traffic_source (Lab *lab, guint32 sa)
{
  for (;;)
    {
      g_auto (TunnelIoEvent) event = { 0 };

      g_assert_true (lab_wait (tunnel_io_get_fd (lab->io), LAB_WAIT_MS));
      while (tunnel_io_pop_event (lab->io, &event))
        {
          if (event.type == TUNNEL_IO_TRAFFIC && event.sa == sa)
            return roam_addr_to_u32 (&event.remote.addr);
          tunnel_io_event_clear (&event);
        }
    }
}

/*
 * The SPI says which SA it is, and its keys whether it is genuine; where it came from says neither. A gateway that
 * lost its address may send from another one before it can tell; who receives is told from where it came.
 */
/* covers: MOB-SET-008, MOB-SAM-005, MOB-DPD-004 */
static void
test_from_elsewhere (Lab *lab)
{
  g_auto (TunnelPlan) plan = { 0 };
  int fd = open_gateway2 (lab);

  lab_start_io (lab, 0);
  lab_open_app (lab);
  lab_plan (lab, &plan, TUNNEL_MODE_MC, 0);
  lab_plan_add_sa (lab, &plan, 1);
  lab_apply (lab, &plan);
  send_from (lab, fd, 0, 1);
  g_assert_cmpint (lab_app_receive (lab, LAB_WAIT_MS), ==, 1);
  g_assert_cmphex (traffic_source (lab, 1), ==, GATEWAY2);
  /* The other one of the two SAs, over both paths. */
  lab_peer_send_mc (lab, 1, LAB_COA_0, 2);
  g_assert_cmpint (lab_app_receive (lab, LAB_WAIT_MS), ==, 2);
  g_assert_cmphex (traffic_source (lab, 2), ==, LAB_GATEWAY);
  send_from (lab, fd, 1, 3);
  lab_peer_send_mc (lab, 0, LAB_COA_0, 4);
  g_assert_cmpint (lab_app_receive (lab, LAB_WAIT_MS), ==, 3);
  g_assert_cmpint (lab_app_receive (lab, LAB_WAIT_MS), ==, 4);
  g_assert_cmpuint (lab_stats (lab).unknown_spi, ==, 0);
  /* Nothing of that changed where we send to. */
  lab_app_send (lab, 5);
  lab_expect_mc_up (lab, 5, 1, LAB_COA_0);
  close (fd);
}

int
main (int argc, char **argv)
{
  static const struct
  {
    const char *path;
    LabBody body;
  } cases[] = {
    { "/tunnel/move/while-sending", test_while_sending },
    { "/tunnel/move/address-removed", test_address_removed },
    { "/tunnel/move/from-elsewhere", test_from_elsewhere },
  };

  g_test_init (&argc, &argv, NULL);
  for (gsize i = 0; i < G_N_ELEMENTS (cases); i++)
    g_test_add_data_func (cases[i].path, &cases[i].body, lab_case);
  return g_test_run ();
}
