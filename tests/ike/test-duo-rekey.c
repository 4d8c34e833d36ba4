/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Rekeying by either side and by both at once, on good and on bad networks (RFC 7296 2.8, 2.25). */
#include "tests/ike/duo.h"

/* One IKE SA, one Child SA on each side, and both agree about them. */
static void
assert_settled (Duo *duo)
{
  IkeStatus client, gateway;

  g_assert_cmpuint (duo_count (duo->events, IKE_EVENT_DEAD), ==, 0);
  g_assert_cmpuint (duo_count (duo->gateway_events, IKE_EVENT_DEAD), ==, 0);
  g_assert_cmpuint (duo->plane.children->len, ==, 1);
  g_assert_cmpuint (duo->gateway_plane.children->len, ==, 1);
  ike_session_get_status (duo->client, &client);
  g_assert_true (ike_responder_get_status (duo->responder, duo->client_number, &gateway));
  g_assert_cmpuint (client.spi_i, ==, gateway.spi_i);
  g_assert_cmpuint (client.spi_r, ==, gateway.spi_r);
  g_assert_cmpuint (client.child_spi_in, ==, gateway.child_spi_out);
  g_assert_cmpuint (client.child_spi_out, ==, gateway.child_spi_in);
  duo_ping (duo);
}

static void
test_each_side (void)
{
  static const IkeCommandType commands[] = { IKE_REKEY_CHILD, IKE_REKEY_IKE };

  for (guint i = 0; i < 2 * G_N_ELEMENTS (commands); i++)
    {
      g_autoptr (Duo) duo = duo_new (NULL, NULL, 1);
      IkeStatus before, after;

      duo_establish (duo);
      ike_session_get_status (duo->client, &before);
      if (i % 2 == 0)
        duo_command (duo, commands[i / 2]);
      else
        duo_gateway_command (duo, commands[i / 2]);
      duo_run (duo, 5 * SEC);
      assert_settled (duo);
      ike_session_get_status (duo->client, &after);
      if (commands[i / 2] == IKE_REKEY_CHILD)
        g_assert_cmpuint (before.child_spi_in, !=, after.child_spi_in);
      else
        g_assert_cmpuint (before.spi_i, !=, after.spi_i);
    }
}

static void
test_collision (gconstpointer data)
{
  IkeCommandType type = (IkeCommandType)GPOINTER_TO_INT (data);
  /* The lowest of four nonces decides; over some seeds each side loses once at least. */
  for (guint64 seed = 1; seed <= 12; seed++)
    {
      g_autoptr (Duo) duo = duo_new (NULL, NULL, seed);
      IkeStatus before, after;

      duo_establish (duo);
      ike_session_get_status (duo->client, &before);
      duo_command (duo, type);
      duo_gateway_command (duo, type);
      duo_run (duo, 10 * SEC);
      assert_settled (duo);
      ike_session_get_status (duo->client, &after);
      if (type == IKE_REKEY_CHILD)
        {
          g_assert_cmpuint (duo_client_counter (duo, "child-rekey-collisions"), ==, 1);
          g_assert_cmpuint (duo_gateway_counter (duo, "child-rekey-collisions"), ==, 1);
          g_assert_cmpuint (before.child_spi_in, !=, after.child_spi_in);
        }
      else
        {
          g_assert_cmpuint (duo_client_counter (duo, "ike-rekey-collisions"), ==, 1);
          g_assert_cmpuint (duo_gateway_counter (duo, "ike-rekey-collisions"), ==, 1);
          g_assert_cmpuint (before.spi_i, !=, after.spi_i);
        }
    }
}

/* One side rekeys the IKE SA while the other one rekeys the Child SA: one of them waits. */
static void
test_crossing (void)
{
  for (guint i = 0; i < 2; i++)
    {
      g_autoptr (Duo) duo = duo_new (NULL, NULL, 3 + i);

      duo_establish (duo);
      duo_command (duo, i == 0 ? IKE_REKEY_CHILD : IKE_REKEY_IKE);
      duo_gateway_command (duo, i == 0 ? IKE_REKEY_IKE : IKE_REKEY_CHILD);
      duo_run (duo, 60 * SEC);
      assert_settled (duo);
    }
}

static void
random_command (Duo *duo, RoamRng *rng)
{
  switch (roam_rng_below (rng, 5))
    {
    case 0:
      duo_command (duo, IKE_REKEY_CHILD);
      return;
    case 1:
      duo_command (duo, IKE_REKEY_IKE);
      return;
    case 2:
      duo_gateway_command (duo, IKE_REKEY_CHILD);
      return;
    case 3:
      duo_gateway_command (duo, IKE_REKEY_IKE);
      return;
    default:
      duo_move (duo, roam_rng_below (rng, 2) ? duo->a : duo->b, TRUE);
      return;
    }
}

/* Anything at any time on a network that loses, repeats and reorders: in the end both sides agree. */
static void
test_chaos (void)
{
  for (guint64 seed = 1; seed <= 250; seed++)
    {
      g_autoptr (Duo) duo = duo_new (NULL, NULL, seed);
      g_autoptr (RoamRng) rng = roam_rng_new_for_test (seed);

      duo_establish (duo);
      for (guint i = 0; i < 2; i++)
        {
          SimLink *link = i == 0 ? duo->a : duo->b;
          link->loss_percent = 15;
          link->duplicate_percent = 10;
          link->jitter_us = 60 * MS;
        }
      for (guint i = 0; i < 25; i++)
        {
          random_command (duo, rng);
          duo_run (duo, roam_rng_below (rng, 400) * MS);
        }
      duo->a->loss_percent = duo->b->loss_percent = 0;
      duo_run (duo, 120 * SEC);
      assert_settled (duo);
    }
}

/* Both sides' lifetimes run out again and again, for a day. */
static void
test_long_run (void)
{
  IkeConfig client = duo_client_config ();
  IkeResponderConfig gateway = duo_gateway_config ();
  g_autoptr (Duo) duo = NULL;

  client.rekey_child_us = gateway.rekey_child_us = 600 * SEC;
  client.rekey_ike_us = gateway.rekey_ike_us = 1800 * SEC;
  duo = duo_new (&client, &gateway, 7);
  duo_establish (duo);
  duo->a->loss_percent = 5;
  duo_run (duo, 24 * 3600 * SEC);
  duo->a->loss_percent = 0;
  duo_run (duo, 60 * SEC);
  assert_settled (duo);
  g_assert_cmpuint (duo_count (duo->events, IKE_EVENT_ESTABLISHED), ==, 1);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/duo-rekey/each-side", test_each_side);
  g_test_add_data_func ("/duo-rekey/collision-child", GINT_TO_POINTER (IKE_REKEY_CHILD), test_collision);
  g_test_add_data_func ("/duo-rekey/collision-ike", GINT_TO_POINTER (IKE_REKEY_IKE), test_collision);
  g_test_add_func ("/duo-rekey/crossing", test_crossing);
  g_test_add_func ("/duo-rekey/chaos", test_chaos);
  g_test_add_func ("/duo-rekey/long-run", test_long_run);
  return g_test_run ();
}
