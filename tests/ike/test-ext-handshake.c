/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* IKE_SA_INIT and IKE_AUTH with extensions: childless IKE SAs (RFC 6023), odd groups, windows. */
#include "tests/ike/world.h"

#include <string.h>

/* --- childless --- */

static void
offer_childless (Gateway *gateway, guint8 exchange, IkePayloads *answer)
{
  if (exchange != IKE_EXCHANGE_IKE_SA_INIT)
    return;
  /* RFC 6023 4 writes a Protocol ID, RFC 7296 3.10 none. */
  if (gateway->user)
    ike_payloads_add_notify_protocol (answer, IKE_NOTIFY_CHILDLESS_IKEV2_SUPPORTED, IKE_PROTOCOL_IKE, NULL, 0);
  else
    ike_payloads_add_notify (answer, IKE_NOTIFY_CHILDLESS_IKEV2_SUPPORTED, NULL, 0);
}

/* The gateway's half of an IKE_AUTH without Child SA. */
static GwVerdict
childless_hook (Gateway *gateway, GwSa *sa, const IkeMessage *request, IkePayloads *answer)
{
  IkeCpAttribute attribute = { IKE_CP_INTERNAL_IP4_ADDRESS, { gateway->tia4.bytes, 4 } };

  if (request->header.exchange != IKE_EXCHANGE_IKE_AUTH || ike_message_find (request, IKE_PAYLOAD_SA))
    return GW_DEFAULT;
  sa->established = TRUE;
  sa->local.port = sa->remote.port = IKE_NATT_PORT;
  gateway_add_auth (gateway, sa, answer);
  ike_payloads_add_cp (answer, IKE_CFG_REPLY, &attribute, 1);
  ike_payloads_add_notify (answer, IKE_NOTIFY_MOBIKE_SUPPORTED, NULL, 0);
  return GW_ANSWER;
}

static World *
childless_world (gboolean configured, gboolean offered, gboolean protocol)
{
  IkeConfig config = world_config ();
  World *world;

  config.childless = configured;
  world = world_new (&config);
  world->gateway->decorate = offered ? offer_childless : NULL;
  world->gateway->user = GUINT_TO_POINTER (protocol);
  world->gateway->hook = childless_hook;
  return world;
}

static void
test_childless (void)
{
  for (guint i = 0; i < 2; i++)
    {
      g_autoptr (World) world = childless_world (TRUE, TRUE, i == 1);
      const IkeMessage *auth, *create;

      world_start (world, world->a);
      world_run_until (world, IKE_EVENT_ESTABLISHED, 5 * SEC);
      auth = gateway_last_seen (world->gateway, IKE_EXCHANGE_IKE_AUTH)->message;
      create = gateway_last_seen (world->gateway, IKE_EXCHANGE_CREATE_CHILD_SA)->message;
      /* covers: IKE-CHL-002, IKE-CHL-003 */
      g_assert_null (ike_message_find (auth, IKE_PAYLOAD_SA));
      g_assert_null (ike_message_find (auth, IKE_PAYLOAD_TSI));
      g_assert_null (ike_message_find (auth, IKE_PAYLOAD_TSR));
      g_assert_nonnull (ike_message_find (auth, IKE_PAYLOAD_CP));
      g_assert_nonnull (ike_message_find_notify (auth, IKE_NOTIFY_MOBIKE_SUPPORTED));
      g_assert_null (ike_message_find_notify (create, IKE_NOTIFY_REKEY_SA));
      g_assert_cmpstr (world->trace->str, ==, "send send send add:1! event:established ");
      g_assert_true (world_addr_is (&world_event (world, IKE_EVENT_ESTABLISHED)->configuration.tia4, "10.8.0.1"));
    }
}

static void
test_childless_needs_both (void)
{
  for (guint i = 0; i < 2; i++)
    {
      g_autoptr (World) world = childless_world (i == 0, i == 1, TRUE);

      /* covers: IKE-CHL-001 */
      world_start (world, world->a);
      world_run_until (world, IKE_EVENT_ESTABLISHED, 5 * SEC);
      g_assert_nonnull (
        ike_message_find (gateway_last_seen (world->gateway, IKE_EXCHANGE_IKE_AUTH)->message, IKE_PAYLOAD_SA));
      g_assert_cmpuint (gateway_count_seen (world->gateway, IKE_EXCHANGE_CREATE_CHILD_SA), ==, 0);
    }
}

static GwVerdict
refuse_child (Gateway *gateway, GwSa *sa, const IkeMessage *request, IkePayloads *answer)
{
  if (request->header.exchange != IKE_EXCHANGE_CREATE_CHILD_SA)
    return childless_hook (gateway, sa, request, answer);
  ike_payloads_add_notify (answer, IKE_NOTIFY_TS_UNACCEPTABLE, NULL, 0);
  return GW_ANSWER;
}

/* No Child SA, no connection; and what was never established does not die. */
static void
test_childless_refused (void)
{
  g_autoptr (World) world = childless_world (TRUE, TRUE, TRUE);

  world->gateway->hook = refuse_child;
  world_start (world, world->a);
  world_run_until (world, IKE_EVENT_FAILED, 5 * SEC);
  g_assert_null (world_event (world, IKE_EVENT_ESTABLISHED));
  g_assert_null (world_event (world, IKE_EVENT_DEAD));
  g_assert_null (gateway_sa (world->gateway));
}

/* --- the group of the answer --- */

static GwVerdict
silent (Gateway *gateway, const SimPacket *packet, const IkeMessage *request, IkePayloads *answer)
{
  return GW_SILENT;
}

/* An answer with a value of @group although another one was chosen. */
static GBytes *
answer_with_group (const World *world, guint16 group)
{
  g_autoptr (GBytes) octets = world_message (g_ptr_array_index (world->sent, 0));
  g_autoptr (IkePayloads) payloads = ike_payloads_new ();
  g_autoptr (IkeProposals) ours = ike_proposals_new_from_text (NULL, IKE_PROTOCOL_IKE, NULL);
  g_autoptr (IkeProposals) chosen = NULL;
  g_autoptr (RoamRng) rng = roam_rng_new_for_test (1);
  g_autoptr (IkeDh) dh = ike_dh_new (group, rng);
  g_autoptr (IkeMessage) request = NULL;
  guint8 nonce[32] = { 1 };
  IkeParseError error;
  IkeHeader header;
  IkeSuite suite;

  request = ike_message_parse_clear (g_bytes_get_data (octets, NULL), g_bytes_get_size (octets), &error);
  g_assert_nonnull (request);
  g_assert_true (ike_proposals_choose (ours, ike_message_find (request, IKE_PAYLOAD_SA)->sa,
                                       ike_message_find (request, IKE_PAYLOAD_KE)->ke.group, &chosen, &suite));
  g_assert_cmpuint (suite.group, !=, group);
  header = request->header;
  header.spi_r = 77;
  header.flags = IKE_FLAG_RESPONSE;
  ike_payloads_add_sa (payloads, chosen);
  ike_payloads_add_ke (payloads, group, ike_dh_public (dh).data, ike_dh_public (dh).length);
  ike_payloads_add_nonce (payloads, nonce, sizeof nonce);
  return ike_message_build_clear (&header, payloads);
}

static void
test_other_group (void)
{
  IkeConfig config = world_config ();
  g_autoptr (World) world = world_new (&config);
  g_autoptr (GBytes) answer = NULL;

  /* covers: IKE-INIT-006 */
  world->gateway->init_hook = silent;
  world_start (world, world->a);
  answer = answer_with_group (world, IKE_GROUP_ECP_256);
  world_inject (world, g_ptr_array_index (world->sent, 0), answer);
  world_run (world, 100 * MS);
  g_assert_cmpuint (world->sent->len, ==, 1);
  g_assert_cmpuint (world_counter (world, "init-responses-refused"), ==, 1);
  /* It was not the gateway's last word. */
  world->gateway->init_hook = NULL;
  world_run_until (world, IKE_EVENT_ESTABLISHED, 5 * SEC);
}

/* --- windows --- */

static void
announce_windows (Gateway *gateway, guint8 exchange, IkePayloads *answer)
{
  static const guint8 four[] = { 0, 0, 0, 4 }, bad[] = { 0, 0, 4 }, smaller[] = { 0, 0, 0, 1 };

  if (exchange != IKE_EXCHANGE_IKE_AUTH)
    return;
  ike_payloads_add_notify (answer, IKE_NOTIFY_SET_WINDOW_SIZE, four, sizeof four);
  ike_payloads_add_notify (answer, IKE_NOTIFY_SET_WINDOW_SIZE, bad, sizeof bad);
  ike_payloads_add_notify (answer, IKE_NOTIFY_SET_WINDOW_SIZE, smaller, sizeof smaller);
}

/* Whatever window the gateway has, or says that it has: one request at a time, and no window of ours. */
static void
test_windows (void)
{
  IkeConfig config = world_config ();
  g_autoptr (World) world = world_new (&config);

  /* covers: IKE-MID-010 */
  world->gateway->decorate = announce_windows;
  world_start (world, world->a);
  world_run_until (world, IKE_EVENT_ESTABLISHED, 5 * SEC);
  g_assert_null (ike_message_find_notify (gateway_last_seen (world->gateway, IKE_EXCHANGE_IKE_AUTH)->message,
                                          IKE_NOTIFY_SET_WINDOW_SIZE));
  world_forget (world);
  world_command (world, IKE_REKEY_CHILD);
  world_command (world, IKE_CHECK);
  world_command (world, IKE_REKEY_IKE);
  g_assert_cmpuint (world->sent->len, ==, 1);
  world_run (world, SEC);
  g_assert_cmpuint (world_count_events (world, IKE_EVENT_PATH_OK), ==, 1);
  g_assert_cmpuint (gateway_live_children (world->gateway), ==, 1);
}

/* --- fragments --- */

static void
test_smaller_fragments (void)
{
  IkeConfig config = world_config ();
  g_autofree char *id = g_strdup_printf ("%01000d@example.com", 7);
  g_autoptr (World) world = NULL;
  guint n_large = 0, n_small = 0;

  /* A path that carries no more than 600 octets, and says nothing about it. covers: IKE-FRG-009 */
  config.local_id = id;
  world = world_new (&config);
  world->gateway->fragmentation = TRUE;
  world->a->mtu = 600;
  world_start (world, world->a);
  world_run_until (world, IKE_EVENT_ESTABLISHED, 15 * SEC);
  for (guint i = 0; i < world->sent->len; i++)
    {
      g_autoptr (GBytes) message = world_message (g_ptr_array_index (world->sent, i));
      guint16 number, total;

      if (!ike_message_peek_fragment (g_bytes_get_data (message, NULL), g_bytes_get_size (message), &number, &total))
        continue;
      /* Sizes go down, and never up again. */
      if (g_bytes_get_size (message) > 600)
        {
          g_assert_cmpuint (n_small, ==, 0);
          g_assert_cmpuint (total, ==, 2);
          n_large++;
        }
      else if (total > 2)
        {
          g_assert_cmpuint (total, ==, 3);
          g_assert_cmpuint (g_bytes_get_size (message) + 32, <=, 576);
          n_small++;
        }
    }
  g_assert_cmpuint (n_large, ==, 3); /* three copies; the second fragment is a small one anyway */
  g_assert_cmpuint (n_small, ==, 3);
  g_assert_cmpuint (world_counter (world, "requests-refragmented"), ==, 1);
}

/* Where nobody answers at all it is tried once, and the attempt ends as ever. */
static void
test_no_smaller_fragments (void)
{
  IkeConfig config = world_config ();
  g_autofree char *id = g_strdup_printf ("%01000d@example.com", 7);
  g_autoptr (World) world = NULL;

  config.local_id = id;
  world = world_new (&config);
  world->gateway->fragmentation = TRUE;
  world->a->mtu = 500;
  world_start (world, world->a);
  world_run_until (world, IKE_EVENT_FAILED, 120 * SEC);
  g_assert_null (world_event (world, IKE_EVENT_ESTABLISHED));
}

/* --- cookies --- */

/* A COOKIE that comes late, after its successor was answered, or after IKE_AUTH began, changes nothing. */
static void
test_late_cookie (void)
{
  IkeConfig config = world_config ();
  g_autoptr (World) world = world_new (&config);
  g_autoptr (IkePayloads) payloads = ike_payloads_new ();
  g_autoptr (GBytes) message = NULL;
  IkeHeader header = { .exchange = IKE_EXCHANGE_IKE_SA_INIT, .flags = IKE_FLAG_RESPONSE };
  IkeStatus status;

  /* covers: IKE-COOK-006 */
  world_start (world, world->a);
  ike_session_get_status (world->session, &status);
  header.spi_i = status.spi_i;
  ike_payloads_add_notify (payloads, IKE_NOTIFY_COOKIE, (const guint8 *)"late", 4);
  message = ike_message_build_clear (&header, payloads);
  world_run (world, 45 * MS); /* IKE_AUTH is under way */
  g_assert_cmpuint (world->sent->len, ==, 2);
  world_inject (world, g_ptr_array_index (world->sent, 0), message);
  g_assert_cmpuint (world->sent->len, ==, 2);
  world_run_until (world, IKE_EVENT_ESTABLISHED, SEC);
  g_assert_cmpuint (world->gateway->init_requests, ==, 1);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/ext-handshake/childless", test_childless);
  g_test_add_func ("/ext-handshake/childless-needs-both", test_childless_needs_both);
  g_test_add_func ("/ext-handshake/childless-refused", test_childless_refused);
  g_test_add_func ("/ext-handshake/other-group", test_other_group);
  g_test_add_func ("/ext-handshake/windows", test_windows);
  g_test_add_func ("/ext-handshake/late-cookie", test_late_cookie);
  g_test_add_func ("/ext-handshake/smaller-fragments", test_smaller_fragments);
  g_test_add_func ("/ext-handshake/no-smaller-fragments", test_no_smaller_fragments);
  return g_test_run ();
}
