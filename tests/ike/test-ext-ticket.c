/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The client's tickets (RFC 5723) with a scripted gateway: requests, odd answers, refusals, and what IKE_AUTH holds. */
#include "ike/ike-session-private.h"
#include "tests/ike/world.h"

#include <string.h>

static const char opaque[] = "nobody but the gateway can read this";

/* What the gateway says about tickets. */
typedef struct
{
  guint16 notify;
  guint32 lifetime;
  gsize length; /* of the data; G_MAXSIZE: all of it */
  RoamSecret *ppk;
} Script;

static void
add_ticket (IkePayloads *answer, const Script *script)
{
  g_auto (WireWriter) writer = { 0 };

  wire_writer_init (&writer, 1024);
  if (script->notify == IKE_NOTIFY_TICKET_LT_OPAQUE)
    {
      wire_write_u32 (&writer, script->lifetime);
      wire_write_data (&writer, (const guint8 *)opaque, sizeof opaque - 1);
    }
  ike_payloads_add_notify (answer, script->notify, wire_writer_peek (&writer),
                           MIN (script->length, wire_writer_length (&writer)));
}

static void
decorate (Gateway *gateway, guint8 exchange, IkePayloads *answer)
{
  const Script *script = gateway->user;

  if (exchange == IKE_EXCHANGE_IKE_SA_INIT && script->ppk)
    ike_payloads_add_notify (answer, IKE_NOTIFY_USE_PPK, NULL, 0);
  if (exchange != IKE_EXCHANGE_IKE_AUTH)
    return;
  add_ticket (answer, script);
  if (script->ppk)
    ike_payloads_add_notify (answer, IKE_NOTIFY_PPK_IDENTITY, NULL, 0);
}

static IkeConfig
ticket_config (void)
{
  IkeConfig config = world_config ();

  config.request_ticket = TRUE;
  return config;
}

static World *
establish (const IkeConfig *config, Script *script)
{
  World *world = world_new (config);

  world->gateway->user = script;
  world->gateway->decorate = decorate;
  world_start (world, world->a);
  world_run_until (world, IKE_EVENT_ESTABLISHED, 5 * SEC);
  return world;
}

static const IkeMessage *
last_auth (const World *world)
{
  return gateway_last_seen (world->gateway, IKE_EXCHANGE_IKE_AUTH)->message;
}

/* The gateway's part of what the ticket stands for. */
static void
remember (World *world)
{
  const GwSa *sa = gateway_sa (world->gateway);

  roam_secret_unref (world->gateway->resume_sk_d);
  world->gateway->resume_sk_d = roam_secret_ref (sa->keys->sk_d);
  world->gateway->resume_suite = sa->keys->suite;
}

static void
come_back (World *world)
{
  world_command (world, IKE_ABANDON);
  world_forget (world);
  world_start (world, world->a);
}

static guint8
sent_exchange (const World *world, guint index)
{
  g_autoptr (GBytes) message = world_message (g_ptr_array_index (world->sent, index));

  return ((const guint8 *)g_bytes_get_data (message, NULL))[18];
}

static void
test_request (void)
{
  Script script = { .notify = IKE_NOTIFY_TICKET_LT_OPAQUE, .lifetime = 3600, .length = G_MAXSIZE };
  IkeConfig config = ticket_config ();
  g_autoptr (World) world = establish (&config, &script);
  RoamNow now = sim_now (world->sim);

  /* covers: IKE-RES-001, IKE-RES-002 */
  g_assert_nonnull (ike_message_find_notify (last_auth (world), IKE_NOTIFY_TICKET_REQUEST));
  g_assert_cmpuint (world->tickets->len, ==, 1);
  g_assert_cmpint (world->ticket_expires_wall_us, ==, (roam_now_unix (&now) + 3600) * SEC);
}

static void
test_not_wanted (void)
{
  Script script = { .notify = IKE_NOTIFY_TICKET_LT_OPAQUE, .lifetime = 3600, .length = G_MAXSIZE };
  g_autoptr (World) world = NULL;
  IkeConfig config = world_config ();

  world = establish (&config, &script);
  g_assert_null (ike_message_find_notify (last_auth (world), IKE_NOTIFY_TICKET_REQUEST));
  g_assert_cmpuint (world->tickets->len, ==, 0); /* it was not asked for */
}

static void
test_odd (void)
{
  static const struct
  {
    Script script;
  } cases[] = {
    { { IKE_NOTIFY_TICKET_LT_OPAQUE, 3600, 0, NULL } },      { { IKE_NOTIFY_TICKET_LT_OPAQUE, 3600, 3, NULL } },
    { { IKE_NOTIFY_TICKET_LT_OPAQUE, 3600, 4, NULL } },      { { IKE_NOTIFY_TICKET_LT_OPAQUE, 0, G_MAXSIZE, NULL } },
    { { IKE_NOTIFY_TICKET_NACK, 0, G_MAXSIZE, NULL } },      { { IKE_NOTIFY_TICKET_NACK, 0, 0, NULL } },
    { { IKE_NOTIFY_TICKET_OPAQUE, 3600, G_MAXSIZE, NULL } },
  };

  /* covers: IKE-RES-002 */
  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      Script script = cases[i].script;
      IkeConfig config = ticket_config ();
      g_autoptr (World) world = establish (&config, &script);

      world_run (world, 120 * SEC);
      g_assert_cmpuint (world->tickets->len, ==, 0);
      come_back (world);
      g_assert_cmpuint (sent_exchange (world, 0), ==, IKE_EXCHANGE_IKE_SA_INIT);
    }
}

static GwVerdict
ticket_later (Gateway *gateway, GwSa *sa, const IkeMessage *request, IkePayloads *answer)
{
  Script *script = gateway->user;

  if (request->header.exchange != IKE_EXCHANGE_INFORMATIONAL ||
      !ike_message_find_notify (request, IKE_NOTIFY_TICKET_REQUEST))
    return GW_DEFAULT;
  add_ticket (answer, script);
  return GW_ANSWER;
}

static void
test_later (void)
{
  Script script = { .notify = IKE_NOTIFY_TICKET_ACK, .lifetime = 3600, .length = G_MAXSIZE };
  IkeConfig config = ticket_config ();
  g_autoptr (World) world = establish (&config, &script);

  /* TICKET_ACK: the client asks again by itself. covers: IKE-RES-001, IKE-RES-002 */
  g_assert_cmpuint (world->tickets->len, ==, 0);
  world->gateway->hook = ticket_later;
  world_run (world, 12 * SEC);
  g_assert_cmpuint (gateway_count_seen (world->gateway, IKE_EXCHANGE_INFORMATIONAL), ==, 1);
  script.notify = IKE_NOTIFY_TICKET_LT_OPAQUE;
  world_run (world, 30 * SEC);
  g_assert_cmpuint (world->tickets->len, ==, 1);
  world_run (world, 25 * SEC);
  g_assert_cmpuint (world->tickets->len, ==, 1);
}

static void
test_never (void)
{
  Script script = { .notify = IKE_NOTIFY_TICKET_ACK, .length = G_MAXSIZE };
  IkeConfig config = ticket_config ();
  g_autoptr (World) world = NULL;

  /* A gateway that only ever promises is asked a few times. */
  config.dpd_interval_us = 3600 * SEC;
  world = establish (&config, &script);
  world->gateway->hook = ticket_later;
  world_run (world, 1800 * SEC);
  g_assert_cmpuint (gateway_count_seen (world->gateway, IKE_EXCHANGE_INFORMATIONAL), ==, 5);
}

/* --- resuming --- */

static void
check_auth (const World *world, const IkeMessage *request)
{
  const IkePayload *id = ike_message_find (request, IKE_PAYLOAD_IDI);

  /* The gateway has verified AUTH with its own arithmetic. covers: IKE-RES-007 */
  g_assert_cmpmem (id->id.data.data, id->id.data.length, "alice@example.com", 17);
  g_assert_null (ike_message_find (request, IKE_PAYLOAD_CERT));
  g_assert_null (ike_message_find (request, IKE_PAYLOAD_CERTREQ));
  g_assert_cmpuint (ike_message_find (request, IKE_PAYLOAD_AUTH)->auth.method, ==, IKE_AUTH_ID_SHARED_KEY);
  /* covers: IKE-EAPO-004 */
  g_assert_null (ike_message_find_notify (request, IKE_NOTIFY_EAP_ONLY_AUTHENTICATION));
  g_assert_null (ike_message_find_notify (request, IKE_NOTIFY_INITIAL_CONTACT));
  /* covers: IKE-RES-009 */
  g_assert_nonnull (ike_message_find_notify (request, IKE_NOTIFY_MOBIKE_SUPPORTED));
  g_assert_nonnull (ike_message_find (request, IKE_PAYLOAD_CP));
  g_assert_nonnull (ike_message_find_notify (request, IKE_NOTIFY_TICKET_REQUEST));
  /* covers: IKE-RES-013 */
  g_assert_cmpmem (ike_message_find (request, IKE_PAYLOAD_CP)->cp->attributes[0].value.data, 4,
                   world->gateway->tia4.bytes, 4);
}

static void
test_resume (void)
{
  Script script = { .notify = IKE_NOTIFY_TICKET_LT_OPAQUE, .lifetime = 3600, .length = G_MAXSIZE };
  IkeConfig config = ticket_config ();
  g_autoptr (World) world = establish (&config, &script);

  remember (world);
  come_back (world);
  world_run_until (world, IKE_EVENT_ESTABLISHED, 5 * SEC);
  g_assert_true (gateway_sa (world->gateway)->resumed);
  check_auth (world, last_auth (world));
  g_assert_cmpuint (last_auth (world)->header.message_id, ==, 1);
  /* Message IDs and the window are those of a new IKE SA. covers: IKE-RES-008 */
  world_command (world, IKE_CHECK);
  world_run_until (world, IKE_EVENT_PATH_OK, SEC);
  g_assert_cmpuint (gateway_last_seen (world->gateway, IKE_EXCHANGE_INFORMATIONAL)->id, ==, 2);
}

static GwVerdict
ppk_hook (Gateway *gateway, GwSa *sa, const IkeMessage *request, IkePayloads *answer)
{
  const Script *script = gateway->user;
  g_auto (IkePpkKeys) plain = { 0 };

  if (request->header.exchange == IKE_EXCHANGE_IKE_AUTH && !sa->resumed)
    g_assert_true (ike_ppk_mix (sa->keys, script->ppk, &plain));
  return GW_DEFAULT;
}

static void
test_ppk (void)
{
  g_autoptr (RoamSecret) ppk = roam_secret_new ((const guint8 *)"from another place", 18);
  Script script = { .notify = IKE_NOTIFY_TICKET_LT_OPAQUE, .lifetime = 3600, .length = G_MAXSIZE, .ppk = ppk };
  IkeConfig config = ticket_config ();
  g_autoptr (World) world = NULL;
  g_autoptr (GBytes) octets = NULL;
  g_autoptr (IkeMessage) request = NULL;
  IkeParseError error;

  /* Once is enough: the keys are those that the gateway has without mixing. covers: IKE-RES-012 */
  config.ppk = ppk;
  config.ppk_id = "quantum";
  config.require_ppk = TRUE;
  world = world_new (&config);
  world->gateway->user = &script;
  world->gateway->decorate = decorate;
  world->gateway->hook = ppk_hook;
  world_start (world, world->a);
  world_run_until (world, IKE_EVENT_ESTABLISHED, 5 * SEC);
  remember (world);
  come_back (world);
  world_run_until (world, IKE_EVENT_ESTABLISHED, 5 * SEC);
  g_assert_true (gateway_sa (world->gateway)->resumed);
  octets = world_message (g_ptr_array_index (world->sent, 0));
  request = ike_message_parse_clear (g_bytes_get_data (octets, NULL), g_bytes_get_size (octets), &error);
  g_assert_nonnull (request);
  g_assert_null (ike_message_find_notify (request, IKE_NOTIFY_USE_PPK));
  g_assert_null (ike_message_find_notify (last_auth (world), IKE_NOTIFY_PPK_IDENTITY));
}

static GwVerdict
nack (Gateway *gateway, const SimPacket *packet, const IkeMessage *request, IkePayloads *answer)
{
  if (request->header.exchange != IKE_EXCHANGE_IKE_SESSION_RESUME)
    return GW_DEFAULT;
  ike_payloads_add_notify (answer, IKE_NOTIFY_TICKET_NACK, NULL, 0);
  return GW_ANSWER;
}

static GwVerdict
cookie_first (Gateway *gateway, const SimPacket *packet, const IkeMessage *request, IkePayloads *answer)
{
  if (request->header.exchange != IKE_EXCHANGE_IKE_SESSION_RESUME ||
      ike_message_find_notify (request, IKE_NOTIFY_COOKIE))
    return GW_DEFAULT;
  ike_payloads_add_notify (answer, IKE_NOTIFY_COOKIE, (const guint8 *)"cookie", 6);
  return GW_ANSWER;
}

static void
test_refused (void)
{
  for (guint i = 0; i < 5; i++)
    {
      Script script = { .notify = IKE_NOTIFY_TICKET_LT_OPAQUE, .lifetime = 3600, .length = G_MAXSIZE };
      IkeConfig config = ticket_config ();
      g_autoptr (World) world = establish (&config, &script);

      /* covers: IKE-RES-010 */
      if (i == 0)
        world->gateway->init_hook = nack;
      if (i >= 2)
        remember (world);
      if (i == 2) /* other keys: IKE_AUTH cannot be read, and nobody answers */
        {
          roam_secret_unref (world->gateway->resume_sk_d);
          world->gateway->resume_sk_d = roam_secret_new ((const guint8 *)opaque, 32);
        }
      if (i == 3)
        world->gateway->init_hook = cookie_first;
      come_back (world);
      if (i == 4)
        world->gateway->auth_error_alone = IKE_NOTIFY_AUTHENTICATION_FAILED;
      world_run (world, 100 * MS);
      world->gateway->auth_error_alone = 0;
      world_run (world, 30 * SEC);
      g_assert_cmpuint (world_count_events (world, IKE_EVENT_ESTABLISHED), ==, 1);
      g_assert_cmpuint (gateway_sa (world->gateway)->resumed, ==, i == 3);
      g_assert_cmpuint (world_counter (world, "tickets-refused"), ==, i == 3 ? 0 : 1);
    }
}

/* A gateway that knows no IKE_SESSION_RESUME costs three seconds. */
static void
test_silence (void)
{
  Script script = { .notify = IKE_NOTIFY_TICKET_LT_OPAQUE, .lifetime = 3600, .length = G_MAXSIZE };
  IkeConfig config = ticket_config ();
  g_autoptr (World) world = establish (&config, &script);

  come_back (world);
  world_run_until (world, IKE_EVENT_ESTABLISHED, 4 * SEC);
  g_assert_false (gateway_sa (world->gateway)->resumed);
}

/* The gateway proves that it has the state, too. */
static void
test_impostor (void)
{
  Script script = { .notify = IKE_NOTIFY_TICKET_LT_OPAQUE, .lifetime = 3600, .length = G_MAXSIZE };
  IkeConfig config = ticket_config ();
  g_autoptr (World) world = establish (&config, &script);

  remember (world);
  world->gateway->bad_auth = TRUE;
  come_back (world);
  world_run_until (world, IKE_EVENT_AUTH_FAILED, 30 * SEC);
  g_assert_null (world_event (world, IKE_EVENT_ESTABLISHED));
}

/* Nobody can talk the client into giving its IKE SA up for a resumption. */
static void
test_forged_hint (void)
{
  Script script = { .notify = IKE_NOTIFY_TICKET_LT_OPAQUE, .lifetime = 3600, .length = G_MAXSIZE };
  IkeConfig config = ticket_config ();
  g_autoptr (World) world = establish (&config, &script);
  g_autoptr (IkePayloads) payloads = ike_payloads_new ();
  g_autoptr (GBytes) message = NULL;
  IkeStatus status;
  IkeHeader header = { .exchange = IKE_EXCHANGE_INFORMATIONAL, .flags = IKE_FLAG_RESPONSE };

  /* covers: IKE-RES-011 */
  ike_session_get_status (world->session, &status);
  header.spi_i = status.spi_i;
  header.spi_r = status.spi_r;
  ike_payloads_add_notify (payloads, IKE_NOTIFY_INVALID_IKE_SPI, NULL, 0);
  message = ike_message_build_clear (&header, payloads);
  for (guint i = 0; i < 20; i++)
    {
      world_inject (world, world_last_sent (world), message);
      world_run (world, SEC);
    }
  g_assert_cmpuint (gateway_count_seen (world->gateway, IKE_EXCHANGE_IKE_SESSION_RESUME), ==, 0);
  g_assert_cmpuint (world_count_events (world, IKE_EVENT_DEAD), ==, 0);
  g_assert_cmpuint (world->outbound, ==, 1);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/ext-ticket/request", test_request);
  g_test_add_func ("/ext-ticket/not-wanted", test_not_wanted);
  g_test_add_func ("/ext-ticket/odd", test_odd);
  g_test_add_func ("/ext-ticket/later", test_later);
  g_test_add_func ("/ext-ticket/never", test_never);
  g_test_add_func ("/ext-ticket/resume", test_resume);
  g_test_add_func ("/ext-ticket/ppk", test_ppk);
  g_test_add_func ("/ext-ticket/refused", test_refused);
  g_test_add_func ("/ext-ticket/silence", test_silence);
  g_test_add_func ("/ext-ticket/impostor", test_impostor);
  g_test_add_func ("/ext-ticket/forged-hint", test_forged_hint);
  return g_test_run ();
}
