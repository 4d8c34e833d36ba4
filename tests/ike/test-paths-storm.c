/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Everything at once: links that die and come back, addresses that go, a gateway that renumbers, commands in the
 * middle of it. What must hold: nobody spins (the simulation sees to it), both sides agree in the end, ESP passes.
 */
#include "tests/ike/duo.h"

#define STEPS 60

static SimLink *
link_of (Duo *duo, guint index)
{
  SimLink *links[] = { duo->a, duo->b, duo->nat };

  return links[index % G_N_ELEMENTS (links)];
}

/* Some of the links, in any order. */
static void
some_paths (Duo *duo, RoamRng *rng)
{
  SimLink *links[4] = { NULL };
  guint first = roam_rng_below (rng, 3), n = roam_rng_below (rng, 4);

  for (guint i = 0; i < n; i++)
    links[i] = link_of (duo, first + i);
  duo_paths (duo, links);
}

static void
some_command (Duo *duo, RoamRng *rng)
{
  static const IkeCommandType types[] = { IKE_CHECK, IKE_REKEY_CHILD, IKE_REKEY_IKE };

  duo_command (duo, types[roam_rng_below (rng, G_N_ELEMENTS (types))]);
}

static void
renumber (Duo *duo, RoamRng *rng, gboolean *second)
{
  static const char *const one[] = { DUO_GATEWAY, NULL }, *const two[] = { DUO_GATEWAY2, NULL };

  if (roam_rng_below (rng, 4) != 0)
    return;
  *second = !*second;
  duo_lose_address (duo, *second ? DUO_GATEWAY : DUO_GATEWAY2, *second ? two : one);
  for (guint i = 0; i < 3; i++)
    g_assert_true (roam_addr_parse (*second ? DUO_GATEWAY2 : DUO_GATEWAY, &link_of (duo, i)->only_to));
}

static void
something (Duo *duo, RoamRng *rng, gboolean *second)
{
  SimLink *link = link_of (duo, roam_rng_below (rng, 3));

  switch (roam_rng_below (rng, 8))
    {
    case 0:
      link->up_blocked = roam_rng_below (rng, 2);
      break;
    case 1:
      link->down_blocked = roam_rng_below (rng, 2);
      break;
    case 2:
      some_paths (duo, rng);
      break;
    case 3:
      duo_gateway_is (duo, *second ? DUO_GATEWAY2 : DUO_GATEWAY);
      break;
    case 4:
      renumber (duo, rng, second);
      break;
    case 5:
      some_command (duo, rng);
      break;
    default:
      duo_move (duo, link, roam_rng_below (rng, 2));
      break;
    }
}

static gboolean
is_established (const Duo *duo)
{
  IkeStatus status;

  ike_session_get_status (duo->client, &status);
  return g_str_equal (status.state, "established");
}

static void
calm_down (Duo *duo)
{
  SimLink *all[] = { duo->a, duo->b, duo->nat, NULL };

  for (guint i = 0; i < 3; i++)
    {
      SimLink *link = link_of (duo, i);

      link->up_blocked = link->down_blocked = FALSE;
      link->loss_percent = link->duplicate_percent = 0;
      link->jitter_us = 0;
    }
  duo_paths (duo, all);
  duo_run (duo, 120 * SEC);
  if (!is_established (duo))
    {
      duo_start (duo, duo->a);
      duo_run (duo, 60 * SEC);
    }
}

static void
storm (guint64 seed, gboolean announce)
{
  IkeConfig client = duo_client_config ();
  IkeResponderConfig gateway = duo_gateway_config ();
  g_autoptr (RoamRng) rng = roam_rng_new_for_test (seed);
  g_autoptr (Duo) duo = NULL;
  gboolean second = FALSE;
  RoamAddr other;

  g_assert_true (roam_addr_parse (DUO_GATEWAY2, &other));
  client.gateways = &other;
  client.n_gateways = 1;
  client.announce_addresses = announce;
  client.routability_interval_us = announce ? 20 * SEC : 0;
  gateway.routability = (IkeRoutability)(seed % 3);
  duo = duo_new (&client, &gateway, seed);
  duo_establish (duo);
  for (guint i = 0; i < 3; i++)
    {
      link_of (duo, i)->loss_percent = 10;
      link_of (duo, i)->duplicate_percent = 10;
      link_of (duo, i)->jitter_us = 20 * MS;
    }
  for (guint i = 0; i < STEPS; i++)
    {
      something (duo, rng, &second);
      duo_run (duo, roam_rng_below (rng, 5000) * MS);
      if (!is_established (duo) && roam_rng_below (rng, 4) == 0)
        duo_start (duo, link_of (duo, roam_rng_below (rng, 3)));
    }
  calm_down (duo);
  g_assert_true (is_established (duo));
  duo_command (duo, IKE_CHECK);
  duo_run_until (duo, IKE_EVENT_PATH_OK, 10 * SEC);
  duo_run (duo, 30 * SEC);
  /* Each sends to where the other is. */
  g_assert_true (roam_addr_equal (&duo->plane.remote.addr, &duo->gateway_plane.local.addr));
  g_assert_true (roam_addr_equal (&duo->plane.local.addr, &duo->gateway_plane.remote.addr) ||
                 (roam_addr_equal (&duo->plane.local.addr, &duo->nat->host) &&
                  roam_addr_equal (&duo->gateway_plane.remote.addr, &duo->nat->nat)));
  duo_ping (duo);
}

/* covers: MOB-FRT-001 */
static void
test_storms (gconstpointer data)
{
  for (guint64 seed = 1; seed <= 40; seed++)
    storm (seed, GPOINTER_TO_INT (data));
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  duo_init (argc, argv);
  g_test_add_data_func ("/ike/storm/quiet", GINT_TO_POINTER (FALSE), test_storms);
  g_test_add_data_func ("/ike/storm/announcing", GINT_TO_POINTER (TRUE), test_storms);
  return g_test_run ();
}
