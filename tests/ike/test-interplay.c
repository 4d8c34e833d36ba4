/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* One extension in the middle of another: what each of them promises holds there, too. */
#include "tests/ike/world.h"

#include <string.h>

static gboolean create_child_is_lost;

static void
offer_childless (Gateway *gateway, guint8 exchange, IkePayloads *answer)
{
  if (exchange == IKE_EXCHANGE_IKE_SA_INIT)
    ike_payloads_add_notify (answer, IKE_NOTIFY_CHILDLESS_IKEV2_SUPPORTED, NULL, 0);
}

static GwVerdict
childless_hook (Gateway *gateway, GwSa *sa, const IkeMessage *request, IkePayloads *answer)
{
  IkeCpAttribute attribute = { IKE_CP_INTERNAL_IP4_ADDRESS, { gateway->tia4.bytes, 4 } };

  if (request->header.exchange == IKE_EXCHANGE_CREATE_CHILD_SA && create_child_is_lost)
    return GW_SILENT;
  if (request->header.exchange != IKE_EXCHANGE_IKE_AUTH || ike_message_find (request, IKE_PAYLOAD_SA))
    return GW_DEFAULT;
  sa->established = TRUE;
  sa->local.port = sa->remote.port = IKE_NATT_PORT;
  gateway_add_auth (gateway, sa, answer);
  ike_payloads_add_cp (answer, IKE_CFG_REPLY, &attribute, 1);
  ike_payloads_add_notify (answer, IKE_NOTIFY_MOBIKE_SUPPORTED, NULL, 0);
  return GW_ANSWER;
}

/* The IKE SA is there, its first Child SA is not. */
static World *
childless_world (void)
{
  IkeConfig config = world_config ();
  World *world;

  config.childless = TRUE;
  world = world_new (&config);
  world->gateway->decorate = offer_childless;
  world->gateway->hook = childless_hook;
  create_child_is_lost = TRUE;
  world_start (world, world->a);
  world_run (world, 200 * MS);
  g_assert_cmpuint (gateway_count_seen (world->gateway, IKE_EXCHANGE_CREATE_CHILD_SA), ==, 1);
  g_assert_cmpuint (world->events->len, ==, 0);
  return world;
}

/* Whoever gave START hears of it, even if a new IKE SA is wanted before the first one is complete. */
static void
test_reauthenticate_childless (void)
{
  g_autoptr (World) world = childless_world ();

  world_command (world, IKE_REAUTHENTICATE);
  create_child_is_lost = FALSE;
  world_run_until (world, IKE_EVENT_ESTABLISHED, 5 * SEC);
  g_assert_cmpuint (gateway_live_sas (world->gateway), ==, 1);
}

/* What never was established does not die: START waits for FAILED. */
static void
test_childless_ends (void)
{
  for (guint i = 0; i < 3; i++)
    {
      g_autoptr (World) world = childless_world ();

      if (i == 0)
        gateway_delete_ike (world->gateway, gateway_sa (world->gateway));
      else if (i == 1)
        world->a->down_blocked = TRUE;
      else
        world_command (world, IKE_TERMINATE);
      world_run (world, 600 * SEC);
      g_assert_cmpuint (world_count_events (world, IKE_EVENT_FAILED), ==, i == 2 ? 0 : 1);
      g_assert_cmpuint (world_count_events (world, IKE_EVENT_DEAD), ==, i == 2 ? 1 : 0);
      g_assert_cmpuint (world_count_events (world, IKE_EVENT_ESTABLISHED), ==, 0);
    }
}

static GwVerdict
silent_auth (Gateway *gateway, GwSa *sa, const IkeMessage *request, IkePayloads *answer)
{
  sa->local.port = sa->remote.port = IKE_NATT_PORT;
  return GW_SILENT;
}

/* With keys of IKE_SA_INIT but without AUTH anybody may speak: nothing that he says ends the attempt. */
static void
test_malformed_before_auth (void)
{
  IkeConfig config = world_config ();
  g_autoptr (World) world = world_new (&config);
  IkePayloads *payloads = ike_payloads_new ();

  world->gateway->hook = silent_auth;
  world_start (world, world->a);
  world_run (world, 200 * MS);
  ike_payloads_add_raw (payloads, IKE_PAYLOAD_NOTIFY, (const guint8 *)"", 1);
  gateway_request (world->gateway, gateway_sa (world->gateway), IKE_EXCHANGE_INFORMATIONAL, payloads);
  world_run (world, 100 * MS);
  g_assert_cmpuint (world->events->len, ==, 0);
  g_assert_cmpuint (world_counter (world, "requests-too-early"), ==, 1);
  world->gateway->hook = NULL;
  world_run_until (world, IKE_EVENT_ESTABLISHED, 5 * SEC);
}

static guint tickets_left;

static void
give_ticket (Gateway *gateway, guint8 exchange, IkePayloads *answer)
{
  static const guint8 ticket[] = { 0, 0, 14, 16, 't', 'i', 'c', 'k', 'e', 't' };

  if (exchange == IKE_EXCHANGE_IKE_AUTH && tickets_left > 0)
    {
      tickets_left--;
      ike_payloads_add_notify (answer, IKE_NOTIFY_TICKET_LT_OPAQUE, ticket, sizeof ticket);
    }
}

/* RFC 5723 6.2: the ticket ends with the IKE SA that it is about, also for whoever keeps it. */
static void
test_ticket_of_predecessor (void)
{
  IkeConfig config = world_config ();
  g_autoptr (World) world = NULL;

  config.request_ticket = TRUE;
  world = world_new (&config);
  world->gateway->decorate = give_ticket;
  tickets_left = 1;
  world_start (world, world->a);
  world_run_until (world, IKE_EVENT_ESTABLISHED, 5 * SEC);
  g_assert_cmpuint (world->tickets->len, ==, 1);
  world_command (world, IKE_REAUTHENTICATE);
  world_run (world, SEC);
  g_assert_cmpuint (world->outbound, ==, 2);
  g_assert_cmpuint (world->tickets->len, ==, 2);
  g_assert_null (g_ptr_array_index (world->tickets, 1));
  /* One that the new IKE SA came with stays. */
  tickets_left = 1;
  world_command (world, IKE_REAUTHENTICATE);
  world_run (world, SEC);
  g_assert_cmpuint (world->tickets->len, ==, 3);
  g_assert_nonnull (g_ptr_array_index (world->tickets, 2));
}

/* Without any path nothing is sent, neither by an attempt that begins nor by one under way. */
static void
test_reauthenticate_suspended (void)
{
  for (guint i = 0; i < 2; i++)
    {
      g_autoptr (World) world = world_established (NULL);

      world->a->down_blocked = TRUE;
      if (i == 1)
        world_command (world, IKE_REAUTHENTICATE);
      world_paths (world, (SimLink *[]){ NULL });
      if (i == 0)
        world_command (world, IKE_REAUTHENTICATE);
      world_forget (world);
      world_run (world, 60 * SEC);
      g_assert_cmpuint (world->sent->len, ==, 0);
      world->a->down_blocked = FALSE;
      world_paths (world, (SimLink *[]){ world->a, NULL });
      world_run (world, SEC);
      world_command (world, IKE_REAUTHENTICATE);
      world_run (world, SEC);
      g_assert_cmpuint (world->outbound, ==, 2);
    }
}

static gboolean
knows (const World *world, const char *address)
{
  IkeStatus status;

  ike_session_get_status (world->session, &status);
  for (guint i = 0; i < status.n_pairs; i++)
    if (world_addr_is (&status.pairs[i].remote.addr, address))
      return TRUE;
  return FALSE;
}

/* Addresses of the gateway are news for both IKE SAs, the present one and the one that is being made. */
static void
test_gateways_while_reauthenticating (void)
{
  g_autoptr (World) world = world_established (NULL);

  world->a->down_blocked = TRUE;
  world_command (world, IKE_REAUTHENTICATE);
  world_run (world, 100 * MS);
  world_gateways (world, (const char *[]){ WORLD_GATEWAY, WORLD_GATEWAY2, NULL });
  g_assert_true (knows (world, WORLD_GATEWAY2));
}

/* The address of both is gone: the one that is being made follows the one in use to the path that is left. */
static void
test_address_gone (void)
{
  g_autoptr (World) world = world_established (NULL);

  world_paths (world, (SimLink *[]){ world->a, world->b, NULL });
  world->a->down_blocked = TRUE;
  world_command (world, IKE_REAUTHENTICATE);
  world_run (world, 100 * MS);
  world_paths (world, (SimLink *[]){ world->b, NULL });
  world_run (world, 2 * SEC);
  g_assert_cmpuint (world_event (world, IKE_EVENT_PATH_CHANGED)->path.ifindex, ==, 2);
  g_assert_cmpuint (world->outbound, ==, 2);
  g_assert_cmpuint (world_count_events (world, IKE_EVENT_PATH_OK), ==, 0);
}

/* However often somebody asks, what is due by itself has its place in the queue. */
static void
test_many_checks (void)
{
  g_autoptr (World) world = world_established (NULL);

  world->a->down_blocked = TRUE;
  for (guint i = 0; i < 100; i++)
    world_command (world, IKE_CHECK);
  world_command (world, IKE_REKEY_CHILD);
  world->a->down_blocked = FALSE;
  world_run (world, 5 * SEC);
  g_assert_cmpuint (world_event (world, IKE_EVENT_PATH_OK)->serial, ==, world->serial - 1);
  g_assert_cmpuint (world->outbound, ==, 2);
  g_assert_cmpuint (gateway_count_seen (world->gateway, IKE_EXCHANGE_INFORMATIONAL), <, 6);
}

/* The gateway is in the middle of rekeying the Child SA of the IKE SA that goes: its successor carries nothing. */
static void
test_rekeying_of_predecessor (void)
{
  g_autoptr (World) world = world_established (NULL);
  GwSa *old = gateway_sa (world->gateway);
  guint32 spi = ((const IkeChildSa *)g_ptr_array_index (world->children, 0))->spi_out;
  IkePayloads *payloads = ike_payloads_new ();

  world->gateway->ignore_answers = TRUE; /* the Delete comes later */
  gateway_rekey_child (world->gateway, gateway_child (world->gateway));
  world_run (world, 100 * MS);
  g_assert_nonnull (strstr (world->trace->str, "add:2 "));
  g_clear_pointer (&old->request, g_ptr_array_unref);
  world_command (world, IKE_REAUTHENTICATE);
  for (guint i = 0; world->outbound != 3; i++)
    {
      g_assert_cmpuint (i, <, 1000);
      world_run (world, MS);
    }
  ike_payloads_add_delete_esp (payloads, &spi, 1);
  gateway_request (world->gateway, old, IKE_EXCHANGE_INFORMATIONAL, payloads);
  world_run (world, SEC);
  g_assert_nonnull (strstr (world->trace->str, "remove:2 "));
  g_assert_null (strstr (world->trace->str, "use:2 "));
  g_assert_cmpuint (world->outbound, ==, 3);
}

/* What IKE_AUTH refuses CREATE_CHILD_SA refuses, too. */
static void
test_childless_odd_selectors (void)
{
  g_autoptr (World) world = childless_world ();

  world->gateway->narrow_local = roam_addr_from_u32 (0x0a0900fe);
  create_child_is_lost = FALSE;
  world_run_until (world, IKE_EVENT_FAILED, 10 * SEC);
  g_assert_cmpuint (world->children->len, ==, 0);
}

/* The path fails while a new IKE SA is being made: the answers to PATH_TEST are for the one in use. */
static void
test_path_test_while_reauthenticating (void)
{
  g_autoptr (World) world = NULL;

  world_speak (&ike_dialect_mopo);
  world = world_established (NULL);
  world_paths (world, (SimLink *[]){ world->a, world->b, NULL });
  world->a->down_blocked = TRUE;
  world_command (world, IKE_REAUTHENTICATE);
  world_command (world, IKE_CHECK);
  g_assert_cmpuint (world_run_until (world, IKE_EVENT_PATH_CHANGED, 7 * SEC)->path.ifindex, ==, 2);
  world_speak (&ike_dialect_mobike);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/interplay/reauthenticate-childless", test_reauthenticate_childless);
  g_test_add_func ("/interplay/childless-ends", test_childless_ends);
  g_test_add_func ("/interplay/malformed-before-auth", test_malformed_before_auth);
  g_test_add_func ("/interplay/ticket-of-predecessor", test_ticket_of_predecessor);
  g_test_add_func ("/interplay/reauthenticate-suspended", test_reauthenticate_suspended);
  g_test_add_func ("/interplay/gateways-while-reauthenticating", test_gateways_while_reauthenticating);
  g_test_add_func ("/interplay/address-gone", test_address_gone);
  g_test_add_func ("/interplay/many-checks", test_many_checks);
  g_test_add_func ("/interplay/rekeying-of-predecessor", test_rekeying_of_predecessor);
  g_test_add_func ("/interplay/childless-odd-selectors", test_childless_odd_selectors);
  g_test_add_func ("/interplay/path-test-while-reauthenticating", test_path_test_while_reauthenticating);
  return g_test_run ();
}
