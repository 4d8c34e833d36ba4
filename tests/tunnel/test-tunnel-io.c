/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "lab.h"
#include "tunnel/tunnel-octets-private.h"

#include <errno.h>
#include <linux/rtnetlink.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

/* Every case on a lab of its own; a host that does not let us make one says so once a case. */
static void
with_lab (gconstpointer data)
{
  void (*const *body) (Lab *) = data;
  Lab *lab = lab_new ();

  if (lab == NULL)
    return;
  (*body) (lab);
  lab_free (lab);
}

static TunnelIoStats
stats_of (Lab *lab)
{
  TunnelIoStats stats;

  tunnel_io_get_stats (lab->io, &stats);
  return stats;
}

static void
start_in (Lab *lab, TunnelPlan *plan, TunnelMode mode)
{
  lab_start_io (lab, 0);
  lab_open_app (lab);
  lab_plan (lab, plan, mode, 0);
  lab_apply (lab, plan);
}

static void
expect_mc_up (Lab *lab, guint32 first, guint n, guint32 outer_source)
{
  LabPacket packet;

  for (guint32 number = first; number < first + n; number++)
    {
      g_assert_true (lab_peer_receive_esp (lab, FALSE, LAB_WAIT_MS, &packet));
      g_assert_cmpint (packet.number, ==, number);
      g_assert_cmphex (packet.outer_source, ==, outer_source);
      g_assert_cmpuint (packet.outer_port, ==, 4500);
    }
}

/* ------------------------------------------------------------------------- life ---- */

static void
test_start (Lab *lab)
{
  g_autofree char *addresses = NULL, *rules = NULL, *link = NULL, *table = NULL;
  LabPacket packet;
  TunnelIoStats stats;

  lab_start_io (lab, 333);
  lab_open_app (lab);
  g_test_message ("%s", tunnel_io_get_backend (lab->io));
  g_assert_true (g_str_has_prefix (tunnel_io_get_backend (lab->io), "user-space (TUN, ESP in UDP): the kernel "));
  addresses = lab_output ("ip -o -4 address show dev roam0");
  g_assert_nonnull (strstr (addresses, "10.1.0.100/32"));
  link = lab_output ("ip link show dev roam0");
  g_assert_nonnull (strstr (link, "UP"));
  g_assert_nonnull (strstr (link, "qlen 333"));
  rules = lab_output ("ip rule");
  g_assert_nonnull (strstr (rules, "5265:\tfrom all fwmark 0x5266 lookup main"));
  g_assert_nonnull (strstr (rules, "5267:\tfrom all lookup 5266"));
  table = lab_output ("ip route show table 5266");
  g_assert_nonnull (strstr (table, "default dev roam0"));
  g_assert_nonnull (strstr (table, "src 10.1.0.100"));
  /* BLOCKED: read and dropped. */
  for (guint32 i = 0; i < 10; i++)
    lab_app_send (lab, i);
  g_assert_false (lab_peer_receive_esp (lab, FALSE, LAB_SILENCE_MS, &packet));
  g_assert_false (lab_peer_receive_ipip (lab, 0, &packet));
  stats = stats_of (lab);
  g_assert_cmpuint (stats.blocked, ==, 10);
  g_assert_cmpuint (stats.tx_packets, ==, 0);
}

/* What was there before is there afterwards. */
static void
test_free_leaves_nothing (Lab *lab)
{
  g_autofree char *rules_before = lab_output ("ip rule"), *rules_after = NULL;
  g_autofree char *rules6_before = lab_output ("ip -6 rule"), *rules6_after = NULL;
  g_autofree char *routes_before = lab_output ("ip route show table all"), *routes_after = NULL;
  g_autofree char *links_before = lab_output ("ip -o -br link"), *links_after = NULL;
  g_auto (TunnelPlan) plan = { 0 };

  start_in (lab, &plan, TUNNEL_MODE_HOME);
  tunnel_io_free (lab->io, FALSE);
  lab->io = NULL;
  rules_after = lab_output ("ip rule");
  rules6_after = lab_output ("ip -6 rule");
  routes_after = lab_output ("ip route show table all");
  links_after = lab_output ("ip -o -br link");
  g_assert_cmpstr (rules_after, ==, rules_before);
  g_assert_cmpstr (rules6_after, ==, rules6_before);
  g_assert_cmpstr (routes_after, ==, routes_before);
  g_assert_cmpstr (links_after, ==, links_before);
}

static gsize
count_of (const char *text, const char *what)
{
  gsize n = 0;

  for (const char *at = strstr (text, what); at != NULL; at = strstr (at + 1, what))
    n++;
  return n;
}

/* kill -9 while packets flow: device, address and the application's socket survive, nothing is doubled. */
static void
test_takeover_after_kill (Lab *lab)
{
  g_autofree char *link = NULL, *rules = NULL, *addresses = NULL, *table = NULL;
  g_auto (TunnelPlan) plan = { 0 };
  int pipes[2];
  guint8 octet;
  pid_t child;

  g_assert_cmpint (pipe (pipes), ==, 0);
  child = fork ();
  if (child == 0)
    {
      (void) prctl (PR_SET_PDEATHSIG, SIGKILL);
      lab_start_io (lab, 0);
      lab_plan (lab, &plan, TUNNEL_MODE_HOME, 0);
      lab_apply (lab, &plan);
      g_assert_cmpint (write (pipes[1], "x", 1), ==, 1);
      for (;;)
        pause ();
    }
  g_assert_cmpint (read (pipes[0], &octet, 1), ==, 1);
  lab_open_app (lab);
  g_assert_cmpint (kill (child, SIGKILL), ==, 0);
  g_assert_cmpint (waitpid (child, NULL, 0), ==, child);
  close (pipes[0]);
  close (pipes[1]);
  link = lab_output ("ip -o address show dev roam0");
  g_assert_nonnull (strstr (link, "10.1.0.100/32"));
  lab_start_io (lab, 0);
  rules = lab_output ("ip rule");
  g_assert_cmpuint (count_of (rules, "5265:"), ==, 1);
  g_assert_cmpuint (count_of (rules, "5267:"), ==, 1);
  addresses = lab_output ("ip -o -4 address show dev roam0");
  g_assert_cmpuint (count_of (addresses, "inet "), ==, 1);
  /* It died at home: the route that let traffic out in clear is gone at once. */
  table = lab_output ("ip route show table 5266");
  g_assert_null (strstr (table, "dev a0"));
  lab_plan (lab, &plan, TUNNEL_MODE_MC, 0);
  lab_apply (lab, &plan);
  lab_app_send (lab, 77);
  expect_mc_up (lab, 77, 1, LAB_COA_0);
}

static void
test_second_instance_is_refused (Lab *lab)
{
  TunnelIoConfig config = { .tun_name = "roam0",
                            .home_address = roam_addr_from_u32 (LAB_HOA),
                            .home_agent = roam_addr_from_u32 (LAB_HA) };
  g_autoptr (GError) error = NULL;

  lab_start_io (lab, 0);
  g_assert_null (tunnel_io_new (&config, &error));
  g_assert_nonnull (strstr (error->message, "running already"));
}

/* ------------------------------------------------------------------------- modes ---- */

/* covers: R5266-MODE-003, R5266-MODE-004, R5266-MODE-011, IKE-UDP-001, IKE-TRN-003 */
static void
test_mc_both_ways (Lab *lab)
{
  g_auto (TunnelPlan) plan = { 0 };
  guint8 frame[2048];
  gssize length;
  guint esp_frames = 0;

  start_in (lab, &plan, TUNNEL_MODE_MC);
  for (guint32 i = 0; i < 50; i++)
    lab_app_send (lab, i);
  expect_mc_up (lab, 0, 50, LAB_COA_0);
  for (guint32 i = 0; i < 50; i++)
    lab_peer_send_mc (lab, 0, LAB_COA_0, 1000 + i);
  for (guint32 i = 0; i < 50; i++)
    g_assert_cmpint (lab_app_receive (lab, LAB_WAIT_MS), ==, 1000 + i);
  g_assert_cmpuint (stats_of (lab).tx_packets, ==, 50);
  g_assert_cmpuint (stats_of (lab).rx_packets, ==, 50);
  /* On the wire: UDP 4500 to 4500, checksum 0, DF, and nothing else that IP carries. */
  while ((length = recv (lab->capture, frame, sizeof frame, 0)) > 0)
    {
      g_assert_cmpuint (frame[9], ==, 17);
      if (tunnel_get_u32 (frame + 16) != LAB_GATEWAY)
        continue;
      g_assert_cmpuint (tunnel_get_u16 (frame + 20), ==, 4500);
      g_assert_cmpuint (tunnel_get_u16 (frame + 22), ==, 4500);
      g_assert_cmphex (tunnel_get_u16 (frame + 26), ==, 0);
      g_assert_cmphex (tunnel_get_u16 (frame + 6), ==, 0x4000);
      esp_frames++;
    }
  g_assert_cmpuint (esp_frames, ==, 50);
}

/* covers: R5266-MODE-001, MIP-TUN-001, MIP-TUN-006 */
static void
test_c_both_ways (Lab *lab)
{
  g_auto (TunnelPlan) plan = { 0 };
  LabPacket packet;

  start_in (lab, &plan, TUNNEL_MODE_C);
  for (guint32 i = 0; i < 50; i++)
    lab_app_send (lab, i);
  for (guint32 i = 0; i < 50; i++)
    {
      g_assert_true (lab_peer_receive_ipip (lab, LAB_WAIT_MS, &packet));
      g_assert_cmpint (packet.number, ==, i);
      g_assert_cmphex (packet.outer_source, ==, LAB_COA_0);
      g_assert_cmphex (tunnel_get_u16 (packet.octets + 6), ==, 0x4000);
    }
  for (guint32 i = 0; i < 50; i++)
    lab_peer_send_c (lab, LAB_COA_0, 1000 + i);
  for (guint32 i = 0; i < 50; i++)
    g_assert_cmpint (lab_app_receive (lab, LAB_WAIT_MS), ==, 1000 + i);
  /* Not from the expected end of the tunnel. */
  lab_peer_send_c (lab, LAB_COA_1, 1);
  g_assert_cmpint (lab_app_receive (lab, LAB_SILENCE_MS), ==, -1);
  g_assert_false (lab_peer_receive_esp (lab, FALSE, 0, &packet));
}

/* The next frame of the user's at B, plain; its datagram's number, -1: none. */
static gint64
receive_plain (Lab *lab)
{
  guint8 frame[2048];

  while (lab_wait (lab->capture, LAB_WAIT_MS) && recv (lab->capture, frame, sizeof frame, 0) > 0)
    if (frame[9] == 17 && tunnel_get_u32 (frame + 12) == LAB_HOA && tunnel_get_u32 (frame + 16) == LAB_CN)
      return tunnel_get_u32 (frame + 28);
  return -1;
}

/* covers: R5266-MODE-012 */
static void
test_home_is_plain (Lab *lab)
{
  g_autofree char *table = NULL, *later = NULL;
  g_auto (TunnelPlan) plan = { 0 };
  int cn;

  start_in (lab, &plan, TUNNEL_MODE_HOME);
  table = lab_output ("ip route show table 5266");
  g_assert_nonnull (strstr (table, "default via 198.51.100.1 dev a0"));
  lab_app_send (lab, 5);
  g_assert_cmpint (receive_plain (lab), ==, 5);
  /* The neighbours of the home prefix need no router. */
  lab_run ("ip address add 10.1.0.77/24 dev a0");
  lab_plan (lab, &plan, TUNNEL_MODE_HOLD, 0);
  lab_apply (lab, &plan);
  lab_plan (lab, &plan, TUNNEL_MODE_HOME, 0);
  lab_apply (lab, &plan);
  later = lab_output ("ip route show table 5266");
  g_assert_nonnull (strstr (later, "10.1.0.0/24 dev a0"));
  lab_run ("ip address del 10.1.0.77/24 dev a0");
  /* And back: what comes to the home address on the link is the host's. */
  g_assert_cmpint (setns (lab->ns_b, CLONE_NEWNET), ==, 0);
  cn = socket (AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  g_assert_cmpint (setns (lab->ns_a, CLONE_NEWNET), ==, 0);
  {
    struct sockaddr_in name;
    RoamAddr hoa = roam_addr_from_u32 (LAB_HOA);
    const guint8 number[] = { 0, 0, 0, 6 };

    tunnel_sockaddr_from_endpoint (&name, &hoa, LAB_APP_PORT);
    g_assert_cmpint (sendto (cn, number, sizeof number, 0, (const struct sockaddr *)&name, sizeof name), ==, 4);
  }
  g_assert_cmpint (lab_app_receive (lab, LAB_WAIT_MS), ==, 6);
  close (cn);
}

/* covers: R5266-MODE-013 */
static void
test_through_all_modes (Lab *lab)
{
  static const TunnelMode modes[] = { TUNNEL_MODE_C,  TUNNEL_MODE_MC,      TUNNEL_MODE_HOME,
                                      TUNNEL_MODE_MC, TUNNEL_MODE_C,       TUNNEL_MODE_HOME,
                                      TUNNEL_MODE_C,  TUNNEL_MODE_BLOCKED, TUNNEL_MODE_MC };
  g_auto (TunnelPlan) plan = { 0 };
  LabPacket packet;
  guint blocked = 0;

  start_in (lab, &plan, TUNNEL_MODE_MC);
  for (guint32 i = 0; i < G_N_ELEMENTS (modes); i++)
    {
      lab_plan (lab, &plan, modes[i], 0);
      lab_apply (lab, &plan);
      lab_app_send (lab, i);
      g_test_message ("%u: %s", i, tunnel_mode_to_string (modes[i]));
      if (modes[i] == TUNNEL_MODE_MC)
        expect_mc_up (lab, i, 1, LAB_COA_0);
      else if (modes[i] == TUNNEL_MODE_C)
        {
          g_assert_true (lab_peer_receive_ipip (lab, LAB_WAIT_MS, &packet));
          g_assert_cmpint (packet.number, ==, i);
        }
      else if (modes[i] == TUNNEL_MODE_HOME)
        g_assert_cmpint (receive_plain (lab), ==, i);
      else
        {
          g_assert_false (lab_peer_receive_esp (lab, FALSE, LAB_SILENCE_MS, &packet));
          g_assert_cmpuint (stats_of (lab).blocked, ==, ++blocked);
        }
    }
}

/* ------------------------------------------------------------------------- hold ---- */

/* covers: R5266-TRF-003, R5266-TRF-009 */
static void
test_hold_loses_nothing (Lab *lab)
{
  static const TunnelMode next[] = { TUNNEL_MODE_MC, TUNNEL_MODE_C, TUNNEL_MODE_HOME };
  g_auto (TunnelPlan) plan = { 0 };
  LabPacket packet;

  start_in (lab, &plan, TUNNEL_MODE_MC);
  for (guint round = 0; round < G_N_ELEMENTS (next); round++)
    {
      lab_plan (lab, &plan, TUNNEL_MODE_HOLD, 0);
      lab_apply (lab, &plan);
      for (guint32 i = 0; i < 100; i++)
        lab_app_send (lab, 100 * round + i);
      g_assert_false (lab_peer_receive_esp (lab, FALSE, LAB_SILENCE_MS, &packet));
      g_assert_false (lab_peer_receive_ipip (lab, 0, &packet));
      lab_plan (lab, &plan, next[round], 1);
      if (next[round] == TUNNEL_MODE_HOME)
        lab_plan (lab, &plan, next[round], 0);
      lab_apply (lab, &plan);
      for (guint32 i = 0; i < 100; i++)
        if (next[round] == TUNNEL_MODE_MC)
          expect_mc_up (lab, i, 1, LAB_COA_1);
        else if (next[round] == TUNNEL_MODE_C)
          {
            g_assert_true (lab_peer_receive_ipip (lab, LAB_WAIT_MS, &packet));
            g_assert_cmpint (packet.number, ==, 100 + i);
            g_assert_cmphex (packet.outer_source, ==, LAB_COA_1);
          }
        else
          g_assert_cmpint (receive_plain (lab), ==, 200 + i);
      g_assert_cmpuint (stats_of (lab).held, ==, 100 * (round + 1));
    }
  g_assert_cmpuint (stats_of (lab).hold_dropped, ==, 0);
  g_assert_cmpuint (stats_of (lab).tx_failed, ==, 0);
}

static void
test_hold_is_bounded (Lab *lab)
{
  g_auto (TunnelPlan) plan = { 0 };
  LabPacket packet;
  guint received = 0;

  lab_start_io (lab, 32);
  lab_open_app (lab);
  lab_plan (lab, &plan, TUNNEL_MODE_HOLD, 0);
  lab_apply (lab, &plan);
  for (guint32 i = 0; i < 100; i++)
    lab_app_send (lab, i);
  lab_plan (lab, &plan, TUNNEL_MODE_MC, 0);
  lab_apply (lab, &plan);
  while (lab_peer_receive_esp (lab, FALSE, LAB_SILENCE_MS, &packet))
    g_assert_cmpint (packet.number, ==, received++);
  g_assert_cmpuint (received, ==, 32);
  g_assert_cmpuint (stats_of (lab).hold_dropped, ==, 68);
}

typedef struct
{
  Lab *lab;
  gint stop;
  guint32 sent;
} Flood;

static gpointer
flood (gpointer data)
{
  Flood *state = data;

  while (!g_atomic_int_get (&state->stop))
    {
      lab_app_send (state->lab, state->sent++);
      if (state->sent % 64 == 0)
        g_usleep (200);
    }
  return NULL;
}

static guint
count_user_frames (Lab *lab)
{
  guint8 frame[2048];
  guint n = 0;

  while (recv (lab->capture, frame, sizeof frame, 0) > 0)
    n += tunnel_get_u32 (frame + 12) == LAB_COA_0 || tunnel_get_u32 (frame + 12) == LAB_HOA;
  return n;
}

/* While an application sends as fast as it can: nothing leaves after hold_now() has returned, from any mode. */
/* covers: R5266-TRF-001, R5266-MON-005 */
static void
test_hold_now_is_at_once (Lab *lab)
{
  static const TunnelMode modes[] = { TUNNEL_MODE_C, TUNNEL_MODE_MC, TUNNEL_MODE_HOME };
  g_auto (TunnelPlan) plan = { 0 };
  Flood state = { .lab = lab };
  GThread *thread;

  start_in (lab, &plan, TUNNEL_MODE_BLOCKED);
  thread = g_thread_new ("flood", flood, &state);
  for (guint round = 0; round < 15; round++)
    {
      TunnelIoStats at_return, later;

      lab_plan (lab, &plan, modes[round % 3], 0);
      lab_apply (lab, &plan);
      while (count_user_frames (lab) < 20)
        (void)lab_wait (lab->capture, LAB_WAIT_MS);
      tunnel_io_hold_now (lab->io);
      at_return = stats_of (lab);
      /* What was on the wire arrives; the second look must find none. */
      g_usleep (2000);
      (void)count_user_frames (lab);
      g_usleep (15000);
      later = stats_of (lab);
      g_assert_cmpuint (count_user_frames (lab), ==, 0);
      g_assert_cmpuint (later.tx_packets, ==, at_return.tx_packets);
    }
  g_atomic_int_set (&state.stop, 1);
  g_thread_join (thread);
}

/* Data do not come in either; registrations do. */
/* covers: R5266-TRF-001, R5266-TRF-003 */
static void
test_hold_stops_inbound (Lab *lab)
{
  g_auto (TunnelPlan) plan = { 0 };

  start_in (lab, &plan, TUNNEL_MODE_MC);
  lab_peer_send_mc (lab, 0, LAB_COA_0, 1);
  g_assert_cmpint (lab_app_receive (lab, LAB_WAIT_MS), ==, 1);
  tunnel_io_hold_now (lab->io);
  lab_peer_send_mc (lab, 0, LAB_COA_0, 2);
  g_assert_cmpint (lab_app_receive (lab, LAB_SILENCE_MS), ==, -1);
  g_assert_cmpuint (stats_of (lab).blocked, ==, 1);
  /* The same plan again lifts it: hold_now changed what is applied. */
  lab_apply (lab, &plan);
  lab_peer_send_mc (lab, 0, LAB_COA_0, 3);
  g_assert_cmpint (lab_app_receive (lab, LAB_WAIT_MS), ==, 3);
}

/* ------------------------------------------------------------------ moves and SAs ---- */

/* Make before break: no packet is lost in either direction, sequence numbers go on. */
/* covers: IKE-CHI-004 */
static void
test_move_without_loss (Lab *lab)
{
  g_auto (TunnelPlan) plan = { 0 };
  LabPacket packet;

  start_in (lab, &plan, TUNNEL_MODE_MC);
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
  g_assert_cmpuint (stats_of (lab).replayed, ==, 0);
}

/* covers: IKE-RKY-017, IKE-ESP-014 */
static void
test_rekey (Lab *lab)
{
  g_auto (TunnelPlan) plan = { 0 };
  LabPacket packet;

  start_in (lab, &plan, TUNNEL_MODE_MC);
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
  g_assert_cmpuint (stats_of (lab).unknown_spi, ==, 1);
  lab_app_send (lab, 2);
  expect_mc_up (lab, 2, 1, LAB_COA_0);
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

  start_in (lab, &plan, TUNNEL_MODE_MC);
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

/* covers: R5266-TRF-008, IKE-ESP-001, IKE-ESP-005, IKE-ESP-014 */
static void
test_unwanted_packets (Lab *lab)
{
  g_auto (TunnelPlan) plan = { 0 };
  guint8 forged[200] = { 0x10, 0, 0, 1, 0, 0, 0, 9 }, low_spi[100] = { 0, 0, 0, 5 }, buffer[256], *inner = buffer + 64;
  gsize length;
  TunnelIoStats stats;

  start_in (lab, &plan, TUNNEL_MODE_MC);
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
  stats = stats_of (lab);
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

  start_in (lab, &plan, TUNNEL_MODE_MC);
  length = lab_wrap (inner, lab_make_datagram (inner, 1), LAB_HA, LAB_TIA);
  g_assert_cmpint (tunnel_esp_encrypt (lab->peer_out[0], 4, inner - 20, length, packet, sizeof packet, &packet_length),
                   ==, TUNNEL_DROP_NONE);
  for (guint i = 0; i < 3; i++)
    lab_peer_send_udp (lab, LAB_COA_0, packet, packet_length);
  g_assert_cmpint (lab_app_receive (lab, LAB_WAIT_MS), ==, 1);
  g_assert_cmpint (lab_app_receive (lab, LAB_SILENCE_MS), ==, -1);
  g_assert_cmpuint (stats_of (lab).replayed, ==, 2);
}

/* ------------------------------------------------------------------------ events ---- */

static gboolean
next_event (Lab *lab, TunnelIoEvent *event)
{
  return lab_wait (tunnel_io_get_fd (lab->io), LAB_WAIT_MS) && tunnel_io_pop_event (lab->io, event);
}

/* covers: IKE-ESP-001, IKE-KAL-001, IKE-KAL-003 */
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

  start_in (lab, &plan, TUNNEL_MODE_HOLD);
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

  start_in (lab, &plan, TUNNEL_MODE_MC);
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

/* covers: R5266-OUT-003, R5266-TRF-004 */
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

  start_in (lab, &plan, TUNNEL_MODE_HOLD);
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

/* Authentic packets are proof of life; forged and replayed ones are not. */
/* covers: IKE-DPD-004 */
static void
test_traffic_notice (Lab *lab)
{
  g_auto (TunnelPlan) plan = { 0 };
  g_auto (TunnelIoEvent) event = { 0 }, none = { 0 };
  guint8 forged[200] = { 0x10, 0, 0, 1, 0, 0, 0, 9 };

  start_in (lab, &plan, TUNNEL_MODE_MC);
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
  int monitor;
  guint requests;

  start_in (lab, &plan, TUNNEL_MODE_MC);
  tunnel_plan_init (&copy);
  tunnel_plan_copy (&copy, &plan);
  monitor = socket (AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
  g_assert_cmpint (bind (monitor, (const struct sockaddr *)&name, sizeof name), ==, 0);
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
/* covers: R5266-TRF-007 */
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
  marked = lab_output ("ip route get 192.0.2.1 mark 0x5266");
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

  start_in (lab, &plan, TUNNEL_MODE_C);
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

/* The application's ECN field and DSCP reach the outermost header. */
/* covers: IKE-UDP-003, MIP-TUN-007 */
static void
test_tos_is_copied (Lab *lab)
{
  g_auto (TunnelPlan) plan = { 0 };
  guint8 frame[2048];
  int tos = 0xb8 | TUNNEL_ECN_ECT_0;
  guint seen = 0;

  start_in (lab, &plan, TUNNEL_MODE_MC);
  g_assert_cmpint (setsockopt (lab->app, IPPROTO_IP, IP_TOS, &tos, sizeof tos), ==, 0);
  lab_app_send (lab, 1);
  expect_mc_up (lab, 1, 1, LAB_COA_0);
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

  start_in (lab, &good, TUNNEL_MODE_MC);
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
  expect_mc_up (lab, 1, 1, LAB_COA_0);
}

typedef void (*Body) (Lab *lab);

int
main (int argc, char **argv)
{
  static const struct
  {
    const char *path;
    Body body;
  } cases[] = {
    { "/tunnel/io/start", test_start },
    { "/tunnel/io/free-leaves-nothing", test_free_leaves_nothing },
    { "/tunnel/io/takeover-after-kill", test_takeover_after_kill },
    { "/tunnel/io/second-instance", test_second_instance_is_refused },
    { "/tunnel/io/mc", test_mc_both_ways },
    { "/tunnel/io/c", test_c_both_ways },
    { "/tunnel/io/home", test_home_is_plain },
    { "/tunnel/io/all-modes", test_through_all_modes },
    { "/tunnel/io/hold-loses-nothing", test_hold_loses_nothing },
    { "/tunnel/io/hold-is-bounded", test_hold_is_bounded },
    { "/tunnel/io/hold-now", test_hold_now_is_at_once },
    { "/tunnel/io/hold-inbound", test_hold_stops_inbound },
    { "/tunnel/io/move", test_move_without_loss },
    { "/tunnel/io/rekey", test_rekey },
    { "/tunnel/io/esp-without-udp", test_esp_without_udp },
    { "/tunnel/io/unwanted", test_unwanted_packets },
    { "/tunnel/io/replayed", test_replayed_packet },
    { "/tunnel/io/ike", test_ike_datagrams },
    { "/tunnel/io/event-queue", test_event_queue_is_bounded },
    { "/tunnel/io/registrations", test_registrations_pass_in_hold },
    { "/tunnel/io/traffic-notice", test_traffic_notice },
    { "/tunnel/io/same-plan-twice", test_same_plan_twice },
    { "/tunnel/io/routing-policy", test_routing_policy },
    { "/tunnel/io/ipv6", test_ipv6_never_leaks },
    { "/tunnel/io/mtu", test_mtu },
    { "/tunnel/io/tos", test_tos_is_copied },
    { "/tunnel/io/bad-plans", test_bad_plans },
  };

  g_test_init (&argc, &argv, NULL);
  for (gsize i = 0; i < G_N_ELEMENTS (cases); i++)
    g_test_add_data_func (cases[i].path, &cases[i].body, with_lab);
  return g_test_run ();
}
