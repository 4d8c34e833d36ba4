/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Post-quantum preshared keys (RFC 8784). Scripted gateway, virtual time. */
#include "ike/ike-session-private.h"
#include "tests/ike/world.h"

#include <string.h>

static const char ppk_text[] = "from another place altogether";

/* What the gateway does about PPK. */
typedef struct
{
  RoamSecret *ppk;            /* NULL: it knows none */
  gboolean supported, silent; /* silent: uses it and does not say so */
} Script;

static void
decorate (Gateway *gw, guint8 exchange, IkePayloads *answer)
{
  const Script *script = gw->user;

  if (exchange == IKE_EXCHANGE_IKE_SA_INIT && script->supported)
    ike_payloads_add_notify (answer, IKE_NOTIFY_USE_PPK, NULL, 0);
  if (exchange == IKE_EXCHANGE_IKE_AUTH && script->ppk && !script->silent)
    ike_payloads_add_notify (answer, IKE_NOTIFY_PPK_IDENTITY, NULL, 0);
}

static GwVerdict
hook (Gateway *gw, GwSa *sa, const IkeMessage *request, IkePayloads *answer)
{
  const Script *script = gw->user;
  g_auto (IkePpkKeys) plain = { 0 };

  if (request->header.exchange == IKE_EXCHANGE_IKE_AUTH && script->ppk)
    g_assert_true (ike_ppk_mix (sa->keys, script->ppk, &plain));
  return GW_DEFAULT;
}

static World *
start (Script *script, gboolean required)
{
  IkeConfig config = world_config ();
  g_autoptr (RoamSecret) ppk = roam_secret_new ((const guint8 *)ppk_text, strlen (ppk_text));
  World *world;

  config.ppk = ppk;
  config.ppk_id = "quantum";
  config.require_ppk = required;
  world = world_new (&config);
  world->gateway->user = script;
  world->gateway->decorate = decorate;
  world->gateway->hook = hook;
  world->gateway->no_ppk = script->supported && !script->ppk;
  return world;
}

static const IkeMessage *
auth_request (World *world)
{
  return gateway_last_seen (world->gateway, IKE_EXCHANGE_IKE_AUTH)->message;
}

/* covers: IKE-PPK-003, IKE-PPK-004, IKE-PPK-005, IKE-PPK-006 */
static void
test_used (gconstpointer required)
{
  g_autoptr (RoamSecret) ppk = roam_secret_new ((const guint8 *)ppk_text, strlen (ppk_text));
  Script script = { .ppk = ppk, .supported = TRUE };
  g_autoptr (World) world = start (&script, required != NULL);
  const IkePayloadNotify *identity;

  world_start (world, world->a);
  world_run_until (world, IKE_EVENT_ESTABLISHED, 5 * SEC);
  identity = ike_message_find_notify (auth_request (world), IKE_NOTIFY_PPK_IDENTITY);
  g_assert_nonnull (identity);
  g_assert_cmpmem (identity->data.data, identity->data.length, "\2quantum", 8);
  g_assert_cmpint (ike_message_find_notify (auth_request (world), IKE_NOTIFY_NO_PPK_AUTH) == NULL, ==,
                   required != NULL);
  /* Both derive the Child SA from the mixed SK_d, and the next IKE SA without mixing again. covers: IKE-PPK-008 */
  world_command (world, IKE_REKEY_IKE);
  world_run (world, 2 * SEC);
  world_command (world, IKE_CHECK);
  world_run_until (world, IKE_EVENT_PATH_OK, 5 * SEC);
  g_assert_cmpuint (gateway_live_sas (world->gateway), ==, 1);
  g_assert_cmpuint (world->gateway->sas->len, ==, 2);
}

static void
test_other_key (void)
{
  g_autoptr (RoamSecret) ppk = roam_secret_new ((const guint8 *)"of somebody else", 16);
  Script script = { .ppk = ppk, .supported = TRUE };
  g_autoptr (World) world = start (&script, TRUE);

  world_start (world, world->a);
  world_run_until (world, IKE_EVENT_AUTH_FAILED, 5 * SEC);
}

/* covers: IKE-PPK-005, IKE-PPK-006 */
static void
test_unknown_key (void)
{
  Script script = { .supported = TRUE };
  g_autoptr (World) world = start (&script, FALSE);

  world_start (world, world->a);
  world_run_until (world, IKE_EVENT_ESTABLISHED, 5 * SEC);
  g_assert_cmpuint (world_counter (world, "ppk-not-used"), ==, 1);
}

/* The gateway goes on without, although the profile requires it. covers: IKE-PPK-006 */
static void
test_not_confirmed (void)
{
  g_autoptr (RoamSecret) ppk = roam_secret_new ((const guint8 *)ppk_text, strlen (ppk_text));
  Script script = { .ppk = ppk, .supported = TRUE, .silent = TRUE };
  g_autoptr (World) world = start (&script, TRUE);

  world_start (world, world->a);
  world_run_until (world, IKE_EVENT_AUTH_FAILED, 10 * SEC);
  g_assert_nonnull (ike_message_find_notify (gateway_last_seen (world->gateway, IKE_EXCHANGE_INFORMATIONAL)->message,
                                             IKE_NOTIFY_AUTHENTICATION_FAILED));
}

static void
test_not_supported (void)
{
  Script script = { .supported = FALSE };
  g_autoptr (World) optional = start (&script, FALSE);
  g_autoptr (World) required = start (&script, TRUE);
  const IkeEvent *event;

  /* covers: IKE-PPK-002, IKE-INIT-009 */
  world_start (optional, optional->a);
  world_run_until (optional, IKE_EVENT_ESTABLISHED, 5 * SEC);
  g_assert_null (ike_message_find_notify (auth_request (optional), IKE_NOTIFY_PPK_IDENTITY));
  /* A forged answer could lack the notify: a better one is waited for, then it is over. */
  world_start (required, required->a);
  world_run (required, 4 * SEC);
  g_assert_cmpuint (world_count_events (required, IKE_EVENT_FAILED), ==, 0);
  g_assert_cmpuint (required->gateway->init_requests, >, 2);
  event = world_run_until (required, IKE_EVENT_FAILED, 5 * SEC);
  g_assert_nonnull (strstr (event->reason, "USE_PPK"));
  g_assert_cmpuint (gateway_count_seen (required->gateway, IKE_EXCHANGE_IKE_AUTH), ==, 0);
}

/* covers: IKE-PPK-001 */
static void
test_cookie (void)
{
  g_autoptr (RoamSecret) ppk = roam_secret_new ((const guint8 *)ppk_text, strlen (ppk_text));
  Script script = { .ppk = ppk, .supported = TRUE };
  g_autoptr (World) world = start (&script, TRUE);
  guint inits = 0;

  world->gateway->cookies = 1;
  world_start (world, world->a);
  world_run_until (world, IKE_EVENT_ESTABLISHED, 5 * SEC);
  for (guint i = 0; i < world->sent->len; i++)
    {
      const Sent *sent = g_ptr_array_index (world->sent, i);
      g_autoptr (GBytes) octets = world_message (sent);
      IkeParseError error;
      g_autoptr (IkeMessage) message = NULL;

      if (sent->local.port != IKE_PORT)
        continue;
      message = ike_message_parse_clear (g_bytes_get_data (octets, NULL), g_bytes_get_size (octets), &error);
      g_assert_nonnull (ike_message_find_notify (message, IKE_NOTIFY_USE_PPK));
      inits++;
    }
  g_assert_cmpuint (inits, ==, 2);
}

static void
test_config (void)
{
  g_autoptr (RoamSecret) ppk = roam_secret_new ((const guint8 *)ppk_text, strlen (ppk_text));
  g_autoptr (RoamRng) rng = roam_rng_new_for_test (1);
  g_autofree char *problem = NULL;
  IkeConfig config = world_config ();

  config.ppk = ppk;
  g_assert_null (ike_session_new (&config, rng, &problem));
  g_assert_nonnull (problem);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_data_func ("/ike/ppk/required", "", test_used);
  g_test_add_data_func ("/ike/ppk/optional", NULL, test_used);
  g_test_add_func ("/ike/ppk/other-key", test_other_key);
  g_test_add_func ("/ike/ppk/unknown-key", test_unknown_key);
  g_test_add_func ("/ike/ppk/not-confirmed", test_not_confirmed);
  g_test_add_func ("/ike/ppk/not-supported", test_not_supported);
  g_test_add_func ("/ike/ppk/cookie", test_cookie);
  g_test_add_func ("/ike/ppk/config", test_config);
  return g_test_run ();
}
