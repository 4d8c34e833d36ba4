/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "tunnel/tunnel-keepalive-private.h"

/* The schedule of keepalives in virtual time; times in seconds of it, begun at START. */

#define START 1000

static const TunnelKeepaliveTunnel usual = { .ifindex = 2, .local = 1, .remote = 2, .port = 434 };

static gint64
at (gint64 seconds)
{
  return (START + seconds) * ROAM_USEC_PER_SEC;
}

/* Seconds after START until the next deadline; -1: never. */
static gint64
due (const TunnelKeepalive *keepalive)
{
  gint64 deadline = tunnel_keepalive_next_deadline (keepalive);

  return deadline == ROAM_NEVER ? -1 : deadline / ROAM_USEC_PER_SEC - START;
}

static void
start (TunnelKeepalive *keepalive, guint assigned_s)
{
  TunnelKeepaliveTunnel tunnel = usual;

  *keepalive = (TunnelKeepalive){ 0 };
  tunnel.assigned_s = assigned_s;
  tunnel_keepalive_start (keepalive, &tunnel, FALSE, at (0));
}

/* covers: MIP-NAT-026, MIP-NAT-027, MIP-NAT-031 */
static void
test_interval (void)
{
  static const struct
  {
    guint assigned_s;
    gint64 first;
  } rows[] = { { 0, 110 }, { 110, 110 }, { 30, 30 }, { 10, 10 }, { 9, 10 }, { 1, 10 }, { 65535, 65535 } };

  for (gsize i = 0; i < G_N_ELEMENTS (rows); i++)
    {
      TunnelKeepalive keepalive;

      start (&keepalive, rows[i].assigned_s);
      g_assert_cmpint (due (&keepalive), ==, rows[i].first);
      g_assert_cmpint (tunnel_keepalive_input_deadline (&keepalive, at (rows[i].first) - 1), ==,
                       TUNNEL_KEEPALIVE_NOTHING);
      g_assert_cmpint (tunnel_keepalive_input_deadline (&keepalive, at (rows[i].first)), ==, TUNNEL_KEEPALIVE_SEND);
    }
}

/* Only silence towards the home agent counts. covers: MIP-NAT-026 */
static void
test_data_put_it_off (void)
{
  TunnelKeepalive keepalive;

  start (&keepalive, 30);
  tunnel_keepalive_note_sent (&keepalive, at (20));
  g_assert_cmpint (tunnel_keepalive_input_deadline (&keepalive, at (30)), ==, TUNNEL_KEEPALIVE_NOTHING);
  g_assert_cmpint (due (&keepalive), ==, 50);
  /* What comes in does not keep the mapping of what goes out. */
  tunnel_keepalive_note_received (&keepalive);
  g_assert_cmpint (tunnel_keepalive_input_deadline (&keepalive, at (50)), ==, TUNNEL_KEEPALIVE_SEND);
  tunnel_keepalive_note_received (&keepalive);
  g_assert_cmpint (due (&keepalive), ==, 80);
}

/* 1, 2 and 4 s apart, then the report, within 8 s of the first. covers: MIP-NAT-028, MIP-NAT-029, MIP-NAT-030 */
static void
test_lost (void)
{
  static const struct
  {
    gint64 when;
    TunnelKeepaliveAction action;
    gint64 next;
  } steps[] = {
    { 110, TUNNEL_KEEPALIVE_SEND, 111 }, { 111, TUNNEL_KEEPALIVE_SEND, 113 },
    { 113, TUNNEL_KEEPALIVE_SEND, 117 }, { 117, TUNNEL_KEEPALIVE_SEND_LOST, 117 + 55 },
    { 172, TUNNEL_KEEPALIVE_SEND, 173 },
  };
  TunnelKeepalive keepalive;

  start (&keepalive, 0);
  for (gsize i = 0; i < G_N_ELEMENTS (steps); i++)
    {
      guint16 sequence = keepalive.sequence;

      g_assert_cmpint (tunnel_keepalive_input_deadline (&keepalive, at (steps[i].when)), ==, steps[i].action);
      g_assert_cmpuint (keepalive.sequence, ==, sequence + 1);
      g_assert_cmpint (due (&keepalive), ==, steps[i].next);
    }
}

/* covers: MIP-NAT-028 */
static void
test_answered (void)
{
  TunnelKeepalive keepalive;

  start (&keepalive, 0);
  g_assert_cmpint (tunnel_keepalive_input_deadline (&keepalive, at (110)), ==, TUNNEL_KEEPALIVE_SEND);
  g_assert_cmpint (tunnel_keepalive_input_deadline (&keepalive, at (111)), ==, TUNNEL_KEEPALIVE_SEND);
  tunnel_keepalive_note_received (&keepalive);
  g_assert_cmpint (due (&keepalive), ==, 221);
  /* A full round again afterwards. */
  g_assert_cmpint (tunnel_keepalive_input_deadline (&keepalive, at (221)), ==, TUNNEL_KEEPALIVE_SEND);
  g_assert_cmpint (due (&keepalive), ==, 222);
}

/* Runs until the next report; returns its time. */
static gint64
run_until_lost (TunnelKeepalive *keepalive)
{
  for (;;)
    {
      gint64 when = due (keepalive);

      if (tunnel_keepalive_input_deadline (keepalive, at (when)) == TUNNEL_KEEPALIVE_SEND_LOST)
        return when;
    }
}

/* The interval halves, but not below 10 s; a new path starts with what was assigned. */
/* covers: MIP-NAT-030, MIP-NAT-031, MIP-NAT-032 */
static void
test_shorter_until_moved (void)
{
  static const guint intervals[] = { 55, 27, 13, 10, 10 };
  TunnelKeepaliveTunnel moved = usual;
  TunnelKeepalive keepalive;
  gint64 last = 0;

  start (&keepalive, 0);
  for (gsize i = 0; i < G_N_ELEMENTS (intervals); i++)
    {
      last = run_until_lost (&keepalive);
      g_assert_cmpint (due (&keepalive) - last, ==, intervals[i]);
    }
  /* Held and taken up again on the same path. */
  tunnel_keepalive_stop (&keepalive);
  g_assert_cmpint (due (&keepalive), ==, -1);
  tunnel_keepalive_start (&keepalive, &usual, FALSE, at (last + 1));
  g_assert_cmpint (due (&keepalive), ==, last + 10);
  moved.local = 7;
  tunnel_keepalive_start (&keepalive, &moved, FALSE, at (5000));
  g_assert_cmpint (due (&keepalive), ==, 5110);
  moved.assigned_s = 40;
  tunnel_keepalive_start (&keepalive, &moved, FALSE, at (5001));
  g_assert_cmpint (due (&keepalive), ==, 5041);
}

/* A forged error asks for no more than one registration in 10 s. */
static void
test_closed_port (void)
{
  TunnelKeepalive keepalive = { 0 };

  g_assert_false (tunnel_keepalive_input_closed (&keepalive, at (0)));
  start (&keepalive, 0);
  g_assert_true (tunnel_keepalive_input_closed (&keepalive, at (1)));
  for (gint64 i = 1; i < 11; i++)
    g_assert_false (tunnel_keepalive_input_closed (&keepalive, at (i)));
  g_assert_true (tunnel_keepalive_input_closed (&keepalive, at (11)));
}

/* R in the request: the first one is due at once, the next after K. covers: MIP-NAT-027 */
static void
test_at_once (void)
{
  TunnelKeepalive keepalive = { 0 };

  tunnel_keepalive_start (&keepalive, &usual, TRUE, at (3));
  g_assert_cmpint (due (&keepalive), ==, 3);
  g_assert_cmpint (tunnel_keepalive_input_deadline (&keepalive, at (3)), ==, TUNNEL_KEEPALIVE_SEND);
  g_assert_cmpint (due (&keepalive), ==, 4);
  tunnel_keepalive_note_received (&keepalive);
  g_assert_cmpint (due (&keepalive), ==, 113);
  /* The same tunnel goes on. */
  tunnel_keepalive_start (&keepalive, &usual, TRUE, at (50));
  g_assert_cmpint (due (&keepalive), ==, 113);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/tunnel/keepalive/interval", test_interval);
  g_test_add_func ("/tunnel/keepalive/data", test_data_put_it_off);
  g_test_add_func ("/tunnel/keepalive/lost", test_lost);
  g_test_add_func ("/tunnel/keepalive/answered", test_answered);
  g_test_add_func ("/tunnel/keepalive/shorter", test_shorter_until_moved);
  g_test_add_func ("/tunnel/keepalive/closed", test_closed_port);
  g_test_add_func ("/tunnel/keepalive/at-once", test_at_once);
  return g_test_run ();
}
