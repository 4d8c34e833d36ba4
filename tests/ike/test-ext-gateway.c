/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The extensions with our own gateway: redirection, puzzles, childless IKE SAs, a new IKE SA beside the old. */
#include "ike/ike-message-private.h"
#include "tests/ike/duo.h"

#include <string.h>

static RoamAddr
addr_of (const char *text)
{
  RoamAddr addr;

  g_assert_true (roam_addr_parse (text, &addr));
  return addr;
}

static guint
count_exchange (const Duo *duo, guint8 exchange, gboolean from_client)
{
  guint n = 0;

  for (guint i = 0; i < duo->packets->len; i++)
    {
      const DuoPacket *packet = g_ptr_array_index (duo->packets, i);
      n += packet->from_client == from_client && duo_exchange (packet) == exchange;
    }
  return n;
}

/* --- a new IKE SA beside the old --- */

static void
test_reauthenticate (void)
{
  for (guint64 seed = 1; seed <= 20; seed++)
    {
      g_autoptr (Duo) duo = duo_new (NULL, NULL, seed);
      IkeStatus before, after;

      duo_establish (duo);
      ike_session_get_status (duo->client, &before);
      duo->a->loss_percent = seed > 5 ? 20 : 0;
      duo_command (duo, IKE_REAUTHENTICATE);
      for (guint i = 0; i < 400; i++) /* at no moment does a packet find nobody */
        {
          duo_run (duo, 50 * MS);
          g_assert_cmpuint (duo->plane.outbound, !=, 0);
        }
      duo->a->loss_percent = 0;
      duo_run (duo, 60 * SEC);
      ike_session_get_status (duo->client, &after);
      /* covers: IKE-REA-001 */
      g_assert_true (before.spi_i != after.spi_i);
      g_assert_cmpuint (ike_responder_n_clients (duo->responder), ==, 1);
      g_assert_cmpuint (duo_count (duo->events, IKE_EVENT_TIA_CHANGED), ==, 0);
      g_assert_cmpuint (duo_count (duo->events, IKE_EVENT_ESTABLISHED), ==, 1);
      g_assert_cmpuint (duo_count (duo->events, IKE_EVENT_DEAD), ==, 0);
      g_assert_cmpuint (duo->plane.children->len, ==, 1);
      g_assert_cmpuint (duo->gateway_plane.children->len, ==, 1);
      g_assert_true (
        duo_addr_is (&duo_event (duo->gateway_events, IKE_EVENT_ESTABLISHED)->configuration.tia4, "10.99.0.1"));
      duo_ping (duo);
      /* The address is still the client's alone when the old IKE SA has gone. */
      duo_move (duo, duo->b, TRUE);
      duo_run_until (duo, IKE_EVENT_PATH_OK, 5 * SEC);
      duo_ping (duo);
    }
}

/* While everything else goes on. */
static void
test_reauthenticate_in_storm (void)
{
  for (guint64 seed = 1; seed <= 60; seed++)
    {
      g_autoptr (Duo) duo = duo_new (NULL, NULL, seed);
      g_autoptr (RoamRng) rng = roam_rng_new_for_test (seed);

      duo_establish (duo);
      duo->a->loss_percent = duo->b->loss_percent = 10;
      duo->a->jitter_us = duo->b->jitter_us = 40 * MS;
      for (guint i = 0; i < 30; i++)
        {
          switch (roam_rng_below (rng, 5))
            {
            case 0:
              duo_command (duo, IKE_REAUTHENTICATE);
              break;
            case 1:
              duo_command (duo, IKE_REKEY_IKE);
              break;
            case 2:
              duo_command (duo, IKE_REKEY_CHILD);
              break;
            case 3:
              duo_command (duo, IKE_CHECK);
              break;
            default:
              duo_move (duo, roam_rng_below (rng, 2) ? duo->a : duo->b, roam_rng_below (rng, 2));
              break;
            }
          duo_run (duo, roam_rng_below (rng, 500) * MS);
        }
      duo->a->loss_percent = duo->b->loss_percent = 0;
      duo_run (duo, 900 * SEC);
      g_assert_cmpuint (duo_count (duo->events, IKE_EVENT_DEAD), ==, 0);
      g_assert_cmpuint (ike_responder_n_clients (duo->responder), ==, 1);
      g_assert_cmpuint (duo->plane.children->len, ==, 1);
      g_assert_cmpuint (duo->gateway_plane.children->len, ==, 1);
      duo_ping (duo);
    }
}

/* --- redirection --- */

static void
test_redirect (void)
{
  for (guint i = 0; i < 3; i++)
    {
      IkeConfig client = duo_client_config ();
      IkeResponderConfig gateway = duo_gateway_config ();
      RoamAddr other = addr_of (DUO_GATEWAY2);
      g_autoptr (Duo) duo = NULL;
      IkeCommand answer = { .type = IKE_GATEWAYS, .n_gateways = 1, .gateways = { other } };

      client.accept_redirect = i != 0;
      gateway.redirect = i == 2 ? NULL : &other;
      gateway.redirect_name = i == 2 ? "gw2.example.com" : NULL;
      duo = duo_new (&client, &gateway, 1);
      duo_start (duo, duo->a);
      if (i == 2)
        {
          const IkeEvent *event = duo_run_until (duo, IKE_EVENT_RESOLVE, 5 * SEC);

          g_assert_cmpstr (event->gateway_name, ==, "gw2.example.com");
          duo_input_command (duo, &answer);
          /* A name does not say that it is ours: it would go on for ever, and the client ends it. */
          for (guint j = 0; j < 5; j++)
            {
              duo_run (duo, 100 * MS);
              duo_input_command (duo, &answer);
            }
          duo_run (duo, SEC);
          g_assert_cmpuint (duo_count (duo->events, IKE_EVENT_FAILED), ==, 1);
          continue;
        }
      duo_run_until (duo, IKE_EVENT_ESTABLISHED, 5 * SEC);
      g_assert_cmpuint (duo_gateway_counter (duo, "redirects-sent"), ==, i);
      g_assert_cmpuint (duo_count (duo->events, IKE_EVENT_REDIRECTED), ==, i);
      g_assert_true (
        duo_addr_is (&duo_event (duo->events, IKE_EVENT_ESTABLISHED)->gateway, i ? DUO_GATEWAY2 : DUO_GATEWAY));
      duo_ping (duo);
    }
}

static void
test_redirect_in_service (void)
{
  IkeConfig client = duo_client_config ();
  g_autoptr (Duo) duo = NULL;
  RoamAddr other = addr_of (DUO_GATEWAY2);
  RoamNow now;

  client.accept_redirect = TRUE;
  duo = duo_new (&client, NULL, 1);
  duo_establish (duo);
  now = sim_now (duo->sim);
  g_assert_false (ike_responder_redirect (duo->responder, &now, 77, &other, NULL));
  g_assert_true (ike_responder_redirect (duo->responder, &now, 0, &other, NULL));
  /* covers: IKE-RDR-008 */
  duo_run_until (duo, IKE_EVENT_PATH_CHANGED, 5 * SEC);
  duo_run (duo, SEC);
  g_assert_cmpuint (ike_responder_n_clients (duo->responder), ==, 1);
  g_assert_true (duo_addr_is (&duo->plane.remote.addr, DUO_GATEWAY2));
  duo_ping (duo);
}

static void
test_redirect_unsupported (void)
{
  g_autoptr (Duo) duo = duo_new (NULL, NULL, 1);
  RoamAddr other = addr_of (DUO_GATEWAY2);
  RoamNow now;

  duo_establish (duo);
  now = sim_now (duo->sim);
  g_assert_false (ike_responder_redirect (duo->responder, &now, 0, &other, NULL));
}

static void
test_redirect_configuration (void)
{
  static const char *const bad[] = { "", "bad name", "a;b" };
  g_autoptr (RoamRng) rng = roam_rng_new_for_test (1);

  for (guint i = 0; i < G_N_ELEMENTS (bad); i++)
    {
      IkeResponderConfig gateway = duo_gateway_config ();
      g_autofree char *problem = NULL;

      gateway.redirect_name = bad[i];
      g_assert_null (ike_responder_new (&gateway, rng, &problem));
      g_assert_nonnull (problem);
    }
}

/* --- puzzles --- */

static void
test_puzzle (void)
{
  IkeResponderConfig gateway = duo_gateway_config ();
  g_autoptr (Duo) duo = NULL;

  gateway.puzzle_threshold = 2;
  gateway.puzzle_difficulty = 8;
  duo = duo_new (NULL, &gateway, 1);
  for (guint i = 0; i < 2; i++)
    {
      duo_start (duo, duo->a);
      duo_run (duo, 25 * MS);
    }
  duo_start (duo, duo->a);
  duo_run_until (duo, IKE_EVENT_ESTABLISHED, 10 * SEC);
  g_assert_cmpuint (duo_gateway_counter (duo, "puzzles-sent"), ==, 1);
  g_assert_cmpuint (duo_client_counter (duo, "puzzles-solved"), ==, 1);
  duo_ping (duo);
}

/* One who cannot or does not want to solve it is not shut out, but the flood is thinned out. */
static void
test_puzzle_legacy (void)
{
  IkeResponderConfig gateway = duo_gateway_config ();
  g_autoptr (Duo) duo = NULL;
  guint established = 0;

  gateway.puzzle_threshold = 1;
  gateway.puzzle_difficulty = 25; /* more than the client works for */
  duo = duo_new (NULL, &gateway, 3);
  duo_start (duo, duo->a);
  duo_run (duo, 25 * MS);
  for (guint i = 0; i < 12; i++)
    {
      duo_start (duo, duo->a);
      duo_run (duo, 15 * SEC);
      established += duo_count (duo->events, IKE_EVENT_ESTABLISHED) > 0;
      duo_command (duo, IKE_ABANDON);
      g_array_set_size (duo->events, 0);
      duo_start (duo, duo->b); /* somebody half-open is always there */
      duo_run (duo, 25 * MS);
      duo_command (duo, IKE_ABANDON);
    }
  g_assert_cmpuint (established, >, 0);
  g_assert_cmpuint (duo_gateway_counter (duo, "puzzles-sent"), >, 12);
}

/* --- childless --- */

static void
test_childless (void)
{
  IkeConfig client = duo_client_config ();
  g_autoptr (Duo) duo = NULL;

  client.childless = TRUE;
  duo = duo_new (&client, NULL, 1);
  duo_establish (duo);
  /* covers: IKE-CHL-003 */
  g_assert_cmpuint (count_exchange (duo, IKE_EXCHANGE_CREATE_CHILD_SA, TRUE), ==, 1);
  g_assert_true (duo_addr_is (&duo_event (duo->events, IKE_EVENT_ESTABLISHED)->configuration.tia4, "10.99.0.1"));
  g_assert_true (duo_event (duo->events, IKE_EVENT_ESTABLISHED)->mobike);
  duo_ping (duo);
  duo_move (duo, duo->b, TRUE);
  duo_run_until (duo, IKE_EVENT_PATH_OK, 5 * SEC);
  duo_command (duo, IKE_REKEY_CHILD);
  duo_run (duo, 5 * SEC);
  duo_ping (duo);
  duo_command (duo, IKE_REAUTHENTICATE);
  duo_run (duo, 5 * SEC);
  g_assert_cmpuint (ike_responder_n_clients (duo->responder), ==, 1);
  duo_ping (duo);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/ext-gateway/reauthenticate", test_reauthenticate);
  g_test_add_func ("/ext-gateway/reauthenticate-in-storm", test_reauthenticate_in_storm);
  g_test_add_func ("/ext-gateway/redirect", test_redirect);
  g_test_add_func ("/ext-gateway/redirect-in-service", test_redirect_in_service);
  g_test_add_func ("/ext-gateway/redirect-unsupported", test_redirect_unsupported);
  g_test_add_func ("/ext-gateway/redirect-configuration", test_redirect_configuration);
  g_test_add_func ("/ext-gateway/puzzle", test_puzzle);
  g_test_add_func ("/ext-gateway/puzzle-legacy", test_puzzle_legacy);
  g_test_add_func ("/ext-gateway/childless", test_childless);
  return g_test_run ();
}
