/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A new IKE SA beside the old one (RFC 7296 2.8.3, 4478): success, failure, and what happens meanwhile. */
#include "tests/ike/world.h"

#include <string.h>

static GwSa *
nth_sa (const World *world, guint index)
{
  g_assert_cmpuint (world->gateway->sas->len, >, index);
  return g_ptr_array_index (world->gateway->sas, index);
}

static const IkeMessage *
last_auth (const World *world)
{
  return gateway_last_seen (world->gateway, IKE_EXCHANGE_IKE_AUTH)->message;
}

static void
test_command (void)
{
  g_autoptr (World) world = world_established (NULL);
  const IkePayloadCp *cp;

  /* covers: IKE-IC-001 */
  g_assert_nonnull (ike_message_find_notify (last_auth (world), IKE_NOTIFY_INITIAL_CONTACT));
  world_forget (world);
  world_command (world, IKE_REAUTHENTICATE);
  world_run (world, SEC);
  /* IKE_SA_INIT, IKE_AUTH, the new Child SA, and only then the Delete. covers: IKE-REA-001 */
  g_assert_cmpstr (world->trace->str, ==, "send send add:2! send remove:1 ");
  g_assert_cmpuint (world->outbound, ==, 2);
  g_assert_true (nth_sa (world, 0)->deleted);
  g_assert_false (nth_sa (world, 1)->deleted);
  g_assert_null (ike_message_find_notify (last_auth (world), IKE_NOTIFY_INITIAL_CONTACT));
  g_assert_null (ike_message_find_notify (last_auth (world), IKE_NOTIFY_REKEY_SA));
  cp = ike_message_find (last_auth (world), IKE_PAYLOAD_CP)->cp;
  g_assert_cmpuint (cp->attributes[0].attribute, ==, IKE_CP_INTERNAL_IP4_ADDRESS);
  g_assert_cmpmem (cp->attributes[0].value.data, cp->attributes[0].value.length, world->gateway->tia4.bytes, 4);
  g_assert_cmpuint (world->events->len, ==, 0);
  g_assert_cmpuint (world_counter (world, "reauthentications"), ==, 1);
  /* The next one starts from there. */
  world_command (world, IKE_REAUTHENTICATE);
  world_run (world, SEC);
  g_assert_cmpuint (world->outbound, ==, 3);
  g_assert_cmpuint (gateway_live_sas (world->gateway), ==, 1);
}

static void
test_other_address (void)
{
  g_autoptr (World) world = world_established (NULL);

  world->gateway->tia4 = roam_addr_from_u32 (0x0a080063);
  world_command (world, IKE_REAUTHENTICATE);
  world_run (world, SEC);
  g_assert_true (world_addr_is (&world_event (world, IKE_EVENT_TIA_CHANGED)->configuration.tia4, "10.8.0.99"));
}

typedef enum
{
  FAIL_SILENT,
  FAIL_INIT,
  FAIL_AUTH,
  FAIL_IMPOSTOR,
  FAIL_IDENTITY,
  FAIL_NO_ADDRESS,
  N_FAILURES,
} Failure;

static void
fail (World *world, Failure failure)
{
  switch (failure)
    {
    case FAIL_SILENT:
      world->a->only_to = roam_addr_from_u32 (1);
      break;
    case FAIL_INIT:
      world->gateway->init_error = IKE_NOTIFY_NO_PROPOSAL_CHOSEN;
      break;
    case FAIL_AUTH:
      world->gateway->auth_error_alone = IKE_NOTIFY_AUTHENTICATION_FAILED;
      break;
    case FAIL_IMPOSTOR:
      world->gateway->bad_auth = TRUE;
      break;
    case FAIL_IDENTITY:
      world->gateway->id = "another.example.com";
      break;
    case FAIL_NO_ADDRESS:
      world->gateway->omit_cp = TRUE;
      break;
    case N_FAILURES:
      break;
    }
}

static void
test_failures (void)
{
  for (Failure failure = 0; failure < N_FAILURES; failure++)
    {
      g_autoptr (World) world = world_established (NULL);

      /* Whatever goes wrong, the old IKE SA is left in peace. covers: IKE-REA-001 */
      fail (world, failure);
      world_forget (world);
      world_command (world, IKE_REAUTHENTICATE);
      world_run (world, 25 * SEC);
      world->a->only_to = ROAM_ADDR_NONE;
      world_run (world, 10 * SEC);
      g_assert_cmpuint (world_counter (world, "reauthentications-failed"), ==, 1);
      g_assert_cmpuint (world->events->len, ==, 0);
      g_assert_false (nth_sa (world, 0)->deleted);
      g_assert_cmpuint (world->outbound, ==, 1);
      world_command (world, IKE_CHECK);
      world_run_until (world, IKE_EVENT_PATH_OK, SEC);
      world_command (world, IKE_REKEY_CHILD);
      world_run (world, SEC);
      g_assert_cmpuint (world->outbound, >, 1);
    }
}

static void
add_lifetime (Gateway *gateway, guint8 exchange, IkePayloads *answer)
{
  static const guint8 seconds[] = { 0, 0, 0, 60 };

  if (exchange == IKE_EXCHANGE_IKE_AUTH)
    ike_payloads_add_notify (answer, IKE_NOTIFY_AUTH_LIFETIME, seconds, sizeof seconds);
}

static void
test_lifetime (void)
{
  IkeConfig config = world_config ();
  g_autoptr (World) world = world_new (&config);

  /* covers: IKE-REA-002 */
  world->gateway->decorate = add_lifetime;
  world_start (world, world->a);
  world_run_until (world, IKE_EVENT_ESTABLISHED, 5 * SEC);
  g_assert_cmpuint (world->gateway->init_requests, ==, 1);
  world_run (world, 40 * SEC);
  g_assert_cmpuint (world->gateway->init_requests, ==, 1);
  world_run (world, 19 * SEC);
  g_assert_cmpuint (world->gateway->init_requests, ==, 2);
  g_assert_cmpuint (world->outbound, ==, 2);
  /* One attempt fails, the next is in time. */
  world->gateway->init_error = IKE_NOTIFY_NO_PROPOSAL_CHOSEN;
  world_run (world, 55 * SEC);
  world->gateway->init_error = 0;
  world_run (world, 60 * SEC);
  g_assert_cmpuint (world->outbound, ==, 3);
  g_assert_cmpuint (world_count_events (world, IKE_EVENT_DEAD), ==, 0);
}

static void
test_lifetime_later (void)
{
  g_autoptr (World) world = world_established (NULL);
  static const guint8 seconds[] = { 0, 0, 0, 100 }, bad[] = { 0, 0, 0 }, zero[4];
  IkePayloads *payloads = ike_payloads_new ();

  /* In an INFORMATIONAL; malformed ones and zero are ignored. covers: IKE-REA-002 */
  ike_payloads_add_notify (payloads, IKE_NOTIFY_AUTH_LIFETIME, bad, sizeof bad);
  gateway_request (world->gateway, NULL, IKE_EXCHANGE_INFORMATIONAL, payloads);
  world_run (world, SEC);
  payloads = ike_payloads_new ();
  ike_payloads_add_notify (payloads, IKE_NOTIFY_AUTH_LIFETIME, zero, sizeof zero);
  gateway_request (world->gateway, NULL, IKE_EXCHANGE_INFORMATIONAL, payloads);
  world_run (world, 100 * SEC);
  g_assert_cmpuint (world_counter (world, "auth-lifetimes-ignored"), ==, 2);
  g_assert_cmpuint (world->gateway->init_requests, ==, 1);
  payloads = ike_payloads_new ();
  ike_payloads_add_notify (payloads, IKE_NOTIFY_AUTH_LIFETIME, seconds, sizeof seconds);
  gateway_request (world->gateway, NULL, IKE_EXCHANGE_INFORMATIONAL, payloads);
  world_run (world, 99 * SEC);
  g_assert_cmpuint (world->gateway->init_requests, ==, 2);
  g_assert_cmpuint (gateway_live_sas (world->gateway), ==, 1);
}

static void
test_move_meanwhile (void)
{
  for (guint delay_ms = 0; delay_ms < 160; delay_ms += 10)
    {
      g_autoptr (World) world = world_established (NULL);
      IkeStatus status;

      world_command (world, IKE_REAUTHENTICATE);
      world_run (world, delay_ms * MS);
      world_forget (world);
      world_move (world, world->b, TRUE);
      world_run_until (world, IKE_EVENT_PATH_OK, 5 * SEC);
      g_assert_cmpuint (world_event (world, IKE_EVENT_PATH_OK)->serial, ==, world->serial);
      world_run (world, 5 * SEC);
      ike_session_get_status (world->session, &status);
      g_assert_true (world_addr_is (&status.path.local, WORLD_HOST_B));
      g_assert_cmpuint (status.spi_i, ==, nth_sa (world, world->gateway->sas->len - 1)->spi_i);
      g_assert_cmpuint (status.child_spi_out, ==, gateway_child (world->gateway)->spi_in);
      g_assert_cmpuint (world_count_events (world, IKE_EVENT_DEAD), ==, 0);
    }
}

static void
test_end_meanwhile (void)
{
  static const IkeCommandType commands[] = { IKE_TERMINATE, IKE_ABANDON, IKE_START };

  for (guint i = 0; i < G_N_ELEMENTS (commands) * 16; i++)
    {
      g_autoptr (World) world = world_established (NULL);
      IkeCommandType type = commands[i / 16];

      world_command (world, IKE_REAUTHENTICATE);
      world_run (world, (i % 16) * 10 * MS);
      if (type == IKE_START)
        world_start (world, world->a);
      else
        world_command (world, type);
      world_run (world, 30 * SEC);
      g_assert_cmpuint (world_count_events (world, IKE_EVENT_DEAD), ==, type == IKE_TERMINATE);
      g_assert_cmpuint (world_count_events (world, IKE_EVENT_ESTABLISHED), ==, type == IKE_START ? 2 : 1);
      g_assert_cmpuint (world->outbound != 0, ==, type == IKE_START);
    }
}

/* The gateway deletes the old IKE SA while the new one is being made: that is the end, as ever. */
static void
test_deleted_meanwhile (void)
{
  g_autoptr (World) world = world_established (NULL);

  world_command (world, IKE_REAUTHENTICATE);
  world_run (world, 50 * MS);
  gateway_delete_ike (world->gateway, nth_sa (world, 0));
  world_run_until (world, IKE_EVENT_DEAD, SEC);
  world_run (world, 30 * SEC);
  g_assert_cmpuint (world->outbound, ==, 0);
}

static GwVerdict
refuse_rekeys (Gateway *gateway, GwSa *sa, const IkeMessage *request, IkePayloads *answer)
{
  if (request->header.exchange != IKE_EXCHANGE_CREATE_CHILD_SA)
    return GW_DEFAULT;
  ike_payloads_add_notify (answer, GPOINTER_TO_UINT (gateway->user), NULL, 0);
  return GW_ANSWER;
}

static void
test_rekey_refused (void)
{
  static const IkeCommandType commands[] = { IKE_REKEY_IKE, IKE_REKEY_CHILD };
  static const guint16 errors[] = { IKE_NOTIFY_NO_ADDITIONAL_SAS, IKE_NOTIFY_NO_PROPOSAL_CHOSEN };

  for (guint i = 0; i < 4; i++)
    {
      g_autoptr (World) world = world_established (NULL);

      /* covers: IKE-RKY-023 */
      world->gateway->hook = refuse_rekeys;
      world->gateway->user = GUINT_TO_POINTER (errors[i % 2]);
      world_forget (world);
      world_command (world, commands[i / 2]);
      world_run (world, SEC);
      g_assert_cmpstr (world->trace->str, ==, "send send send add:2! send remove:1 ");
      g_assert_true (nth_sa (world, 0)->deleted);
      g_assert_cmpuint (gateway_live_sas (world->gateway), ==, 1);
    }
}

static void
test_shared_identity (void)
{
  IkeConfig config = world_config ();
  g_autoptr (World) world = NULL;

  /* covers: IKE-IC-002 */
  config.shared_identity = TRUE;
  world = world_established (&config);
  g_assert_null (ike_message_find_notify (last_auth (world), IKE_NOTIFY_INITIAL_CONTACT));
}

static void
test_natt_port_first (void)
{
  IkeConfig config = world_config ();
  g_autoptr (World) world = NULL;
  const Sent *first;

  /* covers: IKE-TRN-006 */
  config.natt_port_first = TRUE;
  world = world_established (&config);
  first = g_ptr_array_index (world->sent, 0);
  g_assert_cmpuint (first->local.port, ==, IKE_NATT_PORT);
  g_assert_cmpuint (first->remote.port, ==, IKE_NATT_PORT);
  g_assert_cmpmem (g_bytes_get_data (first->data, NULL), 4, "\0\0\0\0", 4);
  /* The hashes are over these ports: nobody sees a NAT. */
  g_assert_false (world_event (world, IKE_EVENT_ESTABLISHED)->nat_local);
  g_assert_false (world_event (world, IKE_EVENT_ESTABLISHED)->nat_remote);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/ext-reauth/command", test_command);
  g_test_add_func ("/ext-reauth/other-address", test_other_address);
  g_test_add_func ("/ext-reauth/failures", test_failures);
  g_test_add_func ("/ext-reauth/lifetime", test_lifetime);
  g_test_add_func ("/ext-reauth/lifetime-later", test_lifetime_later);
  g_test_add_func ("/ext-reauth/move-meanwhile", test_move_meanwhile);
  g_test_add_func ("/ext-reauth/end-meanwhile", test_end_meanwhile);
  g_test_add_func ("/ext-reauth/deleted-meanwhile", test_deleted_meanwhile);
  g_test_add_func ("/ext-reauth/rekey-refused", test_rekey_refused);
  g_test_add_func ("/ext-reauth/shared-identity", test_shared_identity);
  g_test_add_func ("/ext-reauth/natt-port-first", test_natt_port_first);
  return g_test_run ();
}
