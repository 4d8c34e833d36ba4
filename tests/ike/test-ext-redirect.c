/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* REDIRECT (RFC 5685): in every state, from gateways that mean it and from others. */
#include "tests/ike/world.h"

#include <string.h>

static IkeConfig
redirect_config (void)
{
  IkeConfig config = world_config ();

  config.accept_redirect = TRUE;
  return config;
}

static RoamAddr
addr_of (const char *text)
{
  RoamAddr addr;

  g_assert_true (roam_addr_parse (text, &addr));
  return addr;
}

static IkeView
view_of (GBytes *bytes)
{
  IkeView view;

  view.data = g_bytes_get_data (bytes, &view.length);
  return view;
}

static void
add_raw_redirect (IkePayloads *answer, guint8 type, guint8 length, const void *identity, gsize n, IkeView nonce)
{
  g_auto (WireWriter) writer = { 0 };

  wire_writer_init (&writer, 1024);
  wire_write_u8 (&writer, type);
  wire_write_u8 (&writer, length);
  wire_write_data (&writer, identity, n);
  wire_write_data (&writer, nonce.data, nonce.length);
  ike_payloads_add_notify (answer, IKE_NOTIFY_REDIRECT, wire_writer_peek (&writer), wire_writer_length (&writer));
}

static void
add_redirect (IkePayloads *answer, const char *gateway, IkeView nonce)
{
  RoamAddr addr = addr_of (gateway);
  gsize length = roam_addr_length (&addr);

  add_raw_redirect (answer, addr.family == ROAM_FAMILY_INET4 ? 1 : 2, (guint8)length, addr.bytes, length, nonce);
}

static IkeView
nonce_of (const IkeMessage *request)
{
  return ike_message_find (request, IKE_PAYLOAD_NONCE)->body;
}

static gboolean
is_at (const SimPacket *packet, const char *gateway)
{
  return world_addr_is (&packet->local.addr, gateway);
}

/* The first gateway sends everybody to the second. */
static GwVerdict
redirect_init (Gateway *gateway, const SimPacket *packet, const IkeMessage *request, IkePayloads *answer)
{
  if (!is_at (packet, WORLD_GATEWAY))
    return GW_DEFAULT;
  add_redirect (answer, WORLD_GATEWAY2, nonce_of (request));
  return GW_ANSWER;
}

static IkeMessage *
sent_message (const World *world, guint index)
{
  g_autoptr (GBytes) octets = world_message (g_ptr_array_index (world->sent, index));
  IkeParseError error;
  IkeMessage *message = ike_message_parse_clear (view_of (octets).data, view_of (octets).length, &error);

  g_assert_nonnull (message);
  return message;
}

static void
test_init (void)
{
  IkeConfig config = redirect_config ();
  g_autoptr (World) world = world_new (&config);
  g_autoptr (IkeMessage) first = NULL;
  g_autoptr (IkeMessage) second = NULL;
  static const guint8 from[] = { 1, 4, 203, 0, 113, 2 };
  const IkePayloadNotify *notify;
  IkeStatus status;

  /* covers: IKE-RDR-001, IKE-RDR-004, IKE-RDR-011 */
  world->gateway->init_hook = redirect_init;
  world_start (world, world->a);
  world_run_until (world, IKE_EVENT_ESTABLISHED, 5 * SEC);
  first = sent_message (world, 0);
  second = sent_message (world, 1);
  g_assert_nonnull (ike_message_find_notify (first, IKE_NOTIFY_REDIRECT_SUPPORTED));
  g_assert_null (ike_message_find_notify (first, IKE_NOTIFY_REDIRECTED_FROM));
  /* Whatever address was asked, an anycast one perhaps, is named to the next gateway. */
  notify = ike_message_find_notify (second, IKE_NOTIFY_REDIRECTED_FROM);
  g_assert_nonnull (notify);
  g_assert_cmpmem (notify->data.data, notify->data.length, from, sizeof from);
  g_assert_null (ike_message_find_notify (second, IKE_NOTIFY_REDIRECT_SUPPORTED));
  g_assert_true (first->header.spi_i != second->header.spi_i);
  g_assert_true (memcmp (nonce_of (first).data, nonce_of (second).data, 32) != 0);
  g_assert_true (memcmp (ike_message_find (first, IKE_PAYLOAD_KE)->ke.data.data,
                         ike_message_find (second, IKE_PAYLOAD_KE)->ke.data.data, 32) != 0);
  g_assert_true (world_addr_is (&world_event (world, IKE_EVENT_REDIRECTED)->gateway, WORLD_GATEWAY2));
  g_assert_true (world_addr_is (&world_event (world, IKE_EVENT_ESTABLISHED)->gateway, WORLD_GATEWAY2));
  ike_session_get_status (world->session, &status);
  g_assert_true (world_addr_is (&status.remote.addr, WORLD_GATEWAY2));
  /* The next START begins at the gateway of the profile. */
  world_start (world, world->a);
  g_assert_true (world_addr_is (&world_last_sent (world)->remote.addr, WORLD_GATEWAY));
}

typedef enum
{
  BAD_NONCE,
  SHORT_NONCE,
  NO_NONCE,
  UNKNOWN_TYPE,
  SHORT_ADDRESS,
  LONG_ADDRESS,
  LOOPBACK,
  EMPTY_NAME,
  BAD_NAME,
  LENGTH_PAST_END,
  N_BAD,
} Bad;

static GwVerdict
bad_redirect (Gateway *gateway, const SimPacket *packet, const IkeMessage *request, IkePayloads *answer)
{
  static const guint8 wrong[32] = { 1, 2, 3 };
  IkeView nonce = nonce_of (request);

  switch (*(const Bad *)gateway->user)
    {
    case BAD_NONCE:
      add_redirect (answer, WORLD_GATEWAY2, (IkeView){ wrong, sizeof wrong });
      break;
    case SHORT_NONCE:
      add_redirect (answer, WORLD_GATEWAY2, (IkeView){ nonce.data, nonce.length - 1 });
      break;
    case NO_NONCE:
      add_redirect (answer, WORLD_GATEWAY2, (IkeView){ 0 });
      break;
    case UNKNOWN_TYPE:
      add_raw_redirect (answer, 4, 4, "\xcb\x00\x71\x03", 4, nonce);
      break;
    case SHORT_ADDRESS:
      add_raw_redirect (answer, 1, 3, "\xcb\x00\x71", 3, nonce);
      break;
    case LONG_ADDRESS:
      add_raw_redirect (answer, 1, 5, "\xcb\x00\x71\x03\x00", 5, nonce);
      break;
    case LOOPBACK:
      add_redirect (answer, "127.0.0.1", nonce);
      break;
    case EMPTY_NAME:
      add_raw_redirect (answer, 3, 0, NULL, 0, nonce);
      break;
    case BAD_NAME:
      add_raw_redirect (answer, 3, 9, "vpn;rm -r", 9, nonce);
      break;
    case LENGTH_PAST_END:
      add_raw_redirect (answer, 3, 250, "vpn.example.com", 15, nonce);
      break;
    case N_BAD:
      g_assert_not_reached ();
    }
  return GW_ANSWER;
}

static void
test_bad (void)
{
  for (Bad bad = 0; bad < N_BAD; bad++)
    {
      IkeConfig config = redirect_config ();
      g_autoptr (World) world = world_new (&config);

      /* Waits for a better answer, which comes. covers: IKE-RDR-002, IKE-RDR-003 */
      world->gateway->init_hook = bad_redirect;
      world->gateway->user = &bad;
      world_start (world, world->a);
      world_run (world, 100 * MS);
      g_assert_cmpuint (world_counter (world, "redirects-ignored"), ==, 1);
      g_assert_cmpuint (world->sent->len, ==, 1);
      world->gateway->init_hook = NULL;
      world_run_until (world, IKE_EVENT_ESTABLISHED, 5 * SEC);
      g_assert_null (world_event (world, IKE_EVENT_REDIRECTED));
      g_assert_true (world_addr_is (&world_event (world, IKE_EVENT_ESTABLISHED)->gateway, WORLD_GATEWAY));
    }
}

static GwVerdict
ping_pong (Gateway *gateway, const SimPacket *packet, const IkeMessage *request, IkePayloads *answer)
{
  add_redirect (answer, is_at (packet, WORLD_GATEWAY) ? WORLD_GATEWAY2 : WORLD_GATEWAY, nonce_of (request));
  return GW_ANSWER;
}

static void
test_loop (void)
{
  IkeConfig config = redirect_config ();
  g_autoptr (World) world = world_new (&config);

  /* covers: IKE-RDR-009 */
  world->gateway->init_hook = ping_pong;
  world_start (world, world->a);
  world_run_until (world, IKE_EVENT_FAILED, 5 * SEC);
  g_assert_cmpuint (world->gateway->init_requests, ==, 6);
  g_assert_cmpuint (world_count_events (world, IKE_EVENT_REDIRECTED), ==, 5);
  g_assert_cmpuint (world_counter (world, "redirects-refused"), ==, 1);
  /* Another START is another set-up. */
  world->gateway->init_hook = redirect_init;
  world_start (world, world->a);
  world_run_until (world, IKE_EVENT_ESTABLISHED, 5 * SEC);
}

/* --- IKE_AUTH --- */

static GwVerdict
redirect_auth (Gateway *gateway, GwSa *sa, const IkeMessage *request, IkePayloads *answer)
{
  if (request->header.exchange != IKE_EXCHANGE_IKE_AUTH || !world_addr_is (&sa->local.addr, WORLD_GATEWAY))
    return GW_DEFAULT;
  gateway_add_auth (gateway, sa, answer);
  sa->established = TRUE;
  add_redirect (answer, WORLD_GATEWAY2, (IkeView){ 0 });
  return GW_ANSWER;
}

static GwSa *
nth_sa (const World *world, guint index)
{
  g_assert_cmpuint (world->gateway->sas->len, >, index);
  return g_ptr_array_index (world->gateway->sas, index);
}

static void
test_auth (void)
{
  IkeConfig config = redirect_config ();
  g_autoptr (World) world = world_new (&config);

  /* covers: IKE-RDR-006 */
  world->gateway->hook = redirect_auth;
  world_start (world, world->a);
  world_run_until (world, IKE_EVENT_ESTABLISHED, 5 * SEC);
  world_run (world, SEC);
  g_assert_true (world_addr_is (&world_event (world, IKE_EVENT_ESTABLISHED)->gateway, WORLD_GATEWAY2));
  g_assert_true (nth_sa (world, 0)->deleted);
  g_assert_false (nth_sa (world, 1)->deleted);
  g_assert_cmpstr (world->trace->str, ==, "send send event:redirected send send send add:1! event:established ");
  g_assert_cmpuint (world_count_events (world, IKE_EVENT_DEAD), ==, 0);
}

static void
test_auth_unproved (void)
{
  IkeConfig config = redirect_config ();
  g_autoptr (World) world = world_new (&config);

  /* Nobody follows a gateway that has not proved itself. covers: IKE-RDR-006 */
  world->gateway->hook = redirect_auth;
  world->gateway->bad_auth = TRUE;
  world_start (world, world->a);
  world_run_until (world, IKE_EVENT_AUTH_FAILED, 5 * SEC);
  g_assert_null (world_event (world, IKE_EVENT_REDIRECTED));
  g_assert_cmpuint (world->gateway->init_requests, ==, 1);
}

static GwVerdict
redirect_to_impostor (Gateway *gateway, const SimPacket *packet, const IkeMessage *request, IkePayloads *answer)
{
  if (!is_at (packet, WORLD_GATEWAY))
    gateway->id = "another.example.com";
  return redirect_init (gateway, packet, request, answer);
}

static void
test_other_identity (void)
{
  IkeConfig config = redirect_config ();
  g_autoptr (World) world = world_new (&config);

  /* covers: IKE-RDR-005 */
  world->gateway->init_hook = redirect_to_impostor;
  world_start (world, world->a);
  world_run_until (world, IKE_EVENT_AUTH_FAILED, 5 * SEC);
  g_assert_null (world_event (world, IKE_EVENT_ESTABLISHED));
  g_assert_nonnull (world_event (world, IKE_EVENT_REDIRECTED));
}

/* --- in service --- */

static IkePayloads *
redirect_request (const char *gateway)
{
  IkePayloads *payloads = ike_payloads_new ();

  add_redirect (payloads, gateway, (IkeView){ 0 });
  return payloads;
}

static void
test_in_service (void)
{
  IkeConfig config = redirect_config ();
  g_autoptr (World) world = world_established (&config);
  IkeStatus status;

  /* The answer, the new IKE SA, its Child SA, then the old ones' end. covers: IKE-RDR-008 */
  world_forget (world);
  gateway_request (world->gateway, NULL, IKE_EXCHANGE_INFORMATIONAL, redirect_request (WORLD_GATEWAY2));
  world_run_until (world, IKE_EVENT_PATH_CHANGED, 5 * SEC);
  world_run (world, SEC);
  g_assert_cmpuint (world->gateway->answers, ==, 1);
  g_assert_cmpuint (world->gateway->last_answer->n_payloads, ==, 0);
  g_assert_cmpstr (world->trace->str, ==, "send event:redirected send send add:2! event:path-changed send remove:1 ");
  g_assert_true (nth_sa (world, 0)->deleted);
  ike_session_get_status (world->session, &status);
  g_assert_true (world_addr_is (&status.remote.addr, WORLD_GATEWAY2));
  g_assert_cmpuint (status.spi_i, ==, nth_sa (world, 1)->spi_i);
  /* It is a whole session again. */
  world_command (world, IKE_REKEY_CHILD);
  world_run (world, SEC);
  g_assert_cmpuint (world->outbound, ==, 3);
}

static GwVerdict
silent_second (Gateway *gateway, const SimPacket *packet, const IkeMessage *request, IkePayloads *answer)
{
  return is_at (packet, WORLD_GATEWAY) ? GW_DEFAULT : GW_SILENT;
}

static void
test_in_service_to_nowhere (void)
{
  IkeConfig config = redirect_config ();
  g_autoptr (World) world = world_established (&config);

  /* The other gateway does not answer: nothing is lost. */
  world->gateway->init_hook = silent_second;
  gateway_request (world->gateway, NULL, IKE_EXCHANGE_INFORMATIONAL, redirect_request (WORLD_GATEWAY2));
  world_run (world, 60 * SEC);
  g_assert_cmpuint (world_counter (world, "reauthentications-failed"), ==, 1);
  g_assert_cmpuint (world->outbound, ==, 1);
  g_assert_cmpuint (world_count_events (world, IKE_EVENT_FAILED), ==, 0);
  g_assert_cmpuint (world_count_events (world, IKE_EVENT_DEAD), ==, 0);
  g_assert_false (nth_sa (world, 0)->deleted);
}

static void
test_in_service_loop (void)
{
  IkeConfig config = redirect_config ();
  g_autoptr (World) world = world_established (&config);

  /* covers: IKE-RDR-009 */
  for (guint i = 0; i < 8; i++)
    {
      gateway_request (world->gateway, NULL, IKE_EXCHANGE_INFORMATIONAL,
                       redirect_request (i % 2 ? WORLD_GATEWAY : WORLD_GATEWAY2));
      world_run (world, 5 * SEC);
    }
  g_assert_cmpuint (world_count_events (world, IKE_EVENT_PATH_CHANGED), ==, 5);
  g_assert_cmpuint (world_counter (world, "redirects-refused"), ==, 3);
  /* After the period it may go on. */
  world_run (world, 300 * SEC);
  gateway_request (world->gateway, NULL, IKE_EXCHANGE_INFORMATIONAL, redirect_request (WORLD_GATEWAY));
  world_run (world, 5 * SEC);
  g_assert_cmpuint (world_count_events (world, IKE_EVENT_PATH_CHANGED), ==, 6);
}

static void
redirect_everything (Gateway *gateway, guint8 exchange, IkePayloads *answer)
{
  if (exchange == IKE_EXCHANGE_IKE_AUTH)
    add_redirect (answer, WORLD_GATEWAY2, (IkeView){ 0 });
}

static void
test_off (void)
{
  g_autoptr (World) world = NULL;
  g_autoptr (IkeMessage) first = NULL;
  IkeConfig config = world_config ();

  /* Not in IKE_SA_INIT, not in IKE_AUTH, not in service. covers: IKE-RDR-010 */
  world = world_new (&config);
  world->gateway->init_hook = redirect_init;
  world_start (world, world->a);
  world_run (world, 100 * MS);
  first = sent_message (world, 0);
  g_assert_null (ike_message_find_notify (first, IKE_NOTIFY_REDIRECT_SUPPORTED));
  g_assert_cmpuint (world_counter (world, "redirects-ignored"), ==, 1);
  world->gateway->init_hook = NULL;
  world->gateway->decorate = redirect_everything;
  world_run_until (world, IKE_EVENT_ESTABLISHED, 5 * SEC);
  gateway_request (world->gateway, NULL, IKE_EXCHANGE_INFORMATIONAL, redirect_request (WORLD_GATEWAY2));
  world_run (world, SEC);
  g_assert_cmpuint (world->gateway->answers, ==, 1);
  g_assert_null (world_event (world, IKE_EVENT_REDIRECTED));
  g_assert_cmpuint (world->gateway->init_requests, ==, 2);
  g_assert_cmpuint (world->outbound, ==, 1);
}

/* --- names --- */

static GwVerdict
redirect_by_name (Gateway *gateway, const SimPacket *packet, const IkeMessage *request, IkePayloads *answer)
{
  if (!is_at (packet, WORLD_GATEWAY))
    return GW_DEFAULT;
  add_raw_redirect (answer, 3, 15, "gw2.example.com", 15, nonce_of (request));
  return GW_ANSWER;
}

static void
give_gateways (World *world, const char *first, const char *second)
{
  IkeCommand command = { .type = IKE_GATEWAYS };

  if (first)
    command.gateways[command.n_gateways++] = addr_of (first);
  if (second)
    command.gateways[command.n_gateways++] = addr_of (second);
  world_input_command (world, &command);
}

static void
test_name (void)
{
  IkeConfig config = redirect_config ();
  g_autoptr (World) world = world_new (&config);

  /* covers: IKE-RDR-003 */
  world->gateway->init_hook = redirect_by_name;
  world_start (world, world->a);
  world_run_until (world, IKE_EVENT_RESOLVE, 5 * SEC);
  g_assert_cmpstr (world_event (world, IKE_EVENT_REDIRECTED)->gateway_name, ==, "gw2.example.com");
  g_assert_cmpstr (world_event (world, IKE_EVENT_RESOLVE)->gateway_name, ==, "gw2.example.com");
  world_run (world, 10 * SEC);
  g_assert_cmpuint (world->sent->len, ==, 1);
  /* The first address that fits the path. */
  give_gateways (world, "2001:db8::1", WORLD_GATEWAY2);
  world_run_until (world, IKE_EVENT_ESTABLISHED, 5 * SEC);
  g_assert_true (world_addr_is (&world_event (world, IKE_EVENT_ESTABLISHED)->gateway, WORLD_GATEWAY2));
}

static void
test_name_unknown (void)
{
  for (guint i = 0; i < 2; i++)
    {
      IkeConfig config = redirect_config ();
      g_autoptr (World) world = world_new (&config);

      world->gateway->init_hook = redirect_by_name;
      world_start (world, world->a);
      world_run_until (world, IKE_EVENT_RESOLVE, 5 * SEC);
      if (i == 0)
        give_gateways (world, NULL, NULL);
      world_run (world, i == 0 ? 100 * MS : 31 * SEC);
      g_assert_cmpuint (world_count_events (world, IKE_EVENT_FAILED), ==, 1);
      /* The answer that comes too late changes nothing. */
      give_gateways (world, WORLD_GATEWAY2, NULL);
      g_assert_cmpuint (world->sent->len, ==, 1);
    }
}

static void
test_name_in_service (void)
{
  IkeConfig config = redirect_config ();
  g_autoptr (World) world = world_established (&config);
  IkePayloads *payloads = ike_payloads_new ();

  add_raw_redirect (payloads, 3, 15, "gw2.example.com", 15, (IkeView){ 0 });
  gateway_request (world->gateway, NULL, IKE_EXCHANGE_INFORMATIONAL, payloads);
  world_run_until (world, IKE_EVENT_RESOLVE, 5 * SEC);
  world_run (world, 5 * SEC);
  g_assert_cmpuint (world->outbound, ==, 1);
  give_gateways (world, WORLD_GATEWAY2, NULL);
  world_run_until (world, IKE_EVENT_PATH_CHANGED, 5 * SEC);
  g_assert_cmpuint (world->outbound, ==, 2);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/ext-redirect/init", test_init);
  g_test_add_func ("/ext-redirect/bad", test_bad);
  g_test_add_func ("/ext-redirect/loop", test_loop);
  g_test_add_func ("/ext-redirect/auth", test_auth);
  g_test_add_func ("/ext-redirect/auth-unproved", test_auth_unproved);
  g_test_add_func ("/ext-redirect/other-identity", test_other_identity);
  g_test_add_func ("/ext-redirect/in-service", test_in_service);
  g_test_add_func ("/ext-redirect/in-service-to-nowhere", test_in_service_to_nowhere);
  g_test_add_func ("/ext-redirect/in-service-loop", test_in_service_loop);
  g_test_add_func ("/ext-redirect/off", test_off);
  g_test_add_func ("/ext-redirect/name", test_name);
  g_test_add_func ("/ext-redirect/name-unknown", test_name_unknown);
  g_test_add_func ("/ext-redirect/name-in-service", test_name_in_service);
  return g_test_run ();
}
