/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A private key outside of the engine: IKE_ACTION_SIGN and IKE_SIGNED in IKE_AUTH. Virtual time. */
#include "ike/ike-session-private.h"
#include "tests/ike/auth-world.h"

#include <string.h>

static AuthWorld *
start (const AuthPki *pki)
{
  IkeConfig config = auth_config (pki);

  config.private_key_pem = NULL;
  config.external_key = TRUE;
  return auth_world_new (pki, &config);
}

/* What the engine asks for, by kind of key. */
static const struct
{
  const char *key;
  IkeSignScheme scheme;
  guint bits;
} kinds[] = {
  { "RSA:2048", IKE_SIGN_RSA_PSS, 256 }, { "RSA:3072", IKE_SIGN_RSA_PSS, 256 }, { "EC:P-256", IKE_SIGN_ECDSA, 256 },
  { "EC:P-384", IKE_SIGN_ECDSA, 384 },   { "EC:P-521", IKE_SIGN_ECDSA, 512 },   { "ED25519", IKE_SIGN_EDDSA, 0 },
};

static void
test_kinds (void)
{
  for (guint i = 0; i < G_N_ELEMENTS (kinds); i++)
    {
      g_autoptr (AuthPki) pki = auth_pki_new (kinds[i].key, NULL, NULL);
      g_autoptr (AuthWorld) auth = start (pki);
      const AuthWish *wish = auth_world_wish (auth, 1);
      g_autoptr (GBytes) signature = auth_sign (pki->client, wish);

      g_assert_cmpint (wish->scheme, ==, kinds[i].scheme);
      g_assert_cmpuint (wish->hash_bits, ==, kinds[i].bits);
      auth_world_answer (auth, wish, signature);
      world_run_until (auth->world, IKE_EVENT_ESTABLISHED, 2 * SEC);
      g_assert_cmpint (auth->world->gateway->client_method, ==, IKE_AUTH_ID_DIGITAL_SIGNATURE);
    }
}

/* Methods 1 and 9 to 11, for gateways without RFC 7427. covers: IKE-SIG-003, IKE-AUTH-014, IKE-AUTH-012 */
static void
test_old_methods (void)
{
  static const struct
  {
    const char *key;
    IkeSignScheme scheme;
    guint8 method;
  } old[] = { { "RSA:2048", IKE_SIGN_RSA_PKCS1, IKE_AUTH_ID_RSA },
              { "EC:P-256", IKE_SIGN_ECDSA, IKE_AUTH_ID_ECDSA_256 },
              { "EC:P-384", IKE_SIGN_ECDSA, IKE_AUTH_ID_ECDSA_384 },
              { "EC:P-521", IKE_SIGN_ECDSA, IKE_AUTH_ID_ECDSA_521 } };

  for (guint i = 0; i < G_N_ELEMENTS (old); i++)
    {
      g_autoptr (AuthPki) pki = auth_pki_new (old[i].key, NULL, NULL);
      IkeConfig config = auth_config (pki);
      g_autoptr (AuthWorld) auth = NULL;
      g_autoptr (GBytes) signature = NULL;
      const AuthWish *wish;

      config.private_key_pem = NULL;
      config.external_key = TRUE;
      auth = auth_world_new (pki, &config);
      auth->world->gateway->no_hashes = auth->world->gateway->old_method = TRUE;
      wish = auth_world_wish (auth, 1);
      g_assert_cmpint (wish->scheme, ==, old[i].scheme);
      signature = auth_sign (pki->client, wish);
      auth_world_answer (auth, wish, signature);
      world_run_until (auth->world, IKE_EVENT_ESTABLISHED, 2 * SEC);
      g_assert_cmpint (auth->world->gateway->client_method, ==, old[i].method);
    }
}

static void
test_old_method_impossible (void)
{
  g_autoptr (AuthPki) pki = auth_pki_new ("ED25519", NULL, NULL);
  g_autoptr (AuthWorld) auth = start (pki);
  const IkeEvent *event;

  auth->world->gateway->no_hashes = auth->world->gateway->old_method = TRUE;
  event = world_run_until (auth->world, IKE_EVENT_AUTH_FAILED, 5 * SEC);
  g_assert_nonnull (strstr (event->reason, "RFC 7427"));
  g_assert_cmpuint (auth->wishes->len, ==, 0);
}

static void
test_slow (void)
{
  g_autoptr (AuthPki) pki = auth_pki_new ("EC:P-256", NULL, NULL);
  g_autoptr (AuthWorld) auth = start (pki);
  const AuthWish *wish = auth_world_wish (auth, 1);
  g_autoptr (GBytes) signature = auth_sign (pki->client, wish);
  IkeStatus status;

  /* Nothing is sent meanwhile, and nothing but the end of patience is due. */
  world_forget (auth->world);
  world_run (auth->world, 20 * SEC);
  g_assert_cmpuint (auth->world->sent->len, ==, 0);
  ike_session_get_status (auth->world->session, &status);
  g_assert_cmpstr (status.state, ==, "auth");
  auth_world_answer (auth, wish, signature);
  world_run_until (auth->world, IKE_EVENT_ESTABLISHED, 2 * SEC);
}

static void
test_never (void)
{
  g_autoptr (AuthPki) pki = auth_pki_new ("EC:P-256", NULL, NULL);
  g_autoptr (AuthWorld) auth = start (pki);
  const AuthWish *wish = auth_world_wish (auth, 1);
  g_autoptr (GBytes) signature = auth_sign (pki->client, wish);
  const IkeEvent *event = world_run_until (auth->world, IKE_EVENT_FAILED, 26 * SEC);

  g_assert_nonnull (strstr (event->reason, "in time"));
  g_assert_nonnull (event->advice);
  /* Then it comes all the same. */
  world_forget (auth->world);
  auth_world_answer (auth, wish, signature);
  g_assert_cmpuint (world_counter (auth->world, "answers-too-late"), ==, 1);
  g_assert_cmpuint (auth->world->sent->len, ==, 0);
}

static void
test_failure (void)
{
  g_autoptr (AuthPki) pki = auth_pki_new ("EC:P-256", NULL, NULL);
  g_autoptr (AuthWorld) auth = start (pki);

  auth_world_answer (auth, auth_world_wish (auth, 1), NULL);
  g_assert_cmpstr (world_event (auth->world, IKE_EVENT_AUTH_FAILED)->reason, ==, "the private key did not sign");
  g_assert_cmpuint (gateway_count_seen (auth->world->gateway, IKE_EXCHANGE_IKE_AUTH), ==, 0);
}

/* A token that cannot do PSS gets a second chance with PKCS#1. */
static void
test_second_scheme (void)
{
  for (guint garbage = 0; garbage < 2; garbage++)
    {
      g_autoptr (AuthPki) pki = auth_pki_new ("RSA:2048", NULL, NULL);
      g_autoptr (AuthWorld) auth = start (pki);
      g_autoptr (GBytes) wrong = g_bytes_new_static ("not a signature", 15);
      g_autoptr (GBytes) signature = NULL;
      const AuthWish *wish;

      auth_world_answer (auth, auth_world_wish (auth, 1), garbage ? wrong : NULL);
      wish = auth_world_wish (auth, 2);
      g_assert_cmpint (wish->scheme, ==, IKE_SIGN_RSA_PKCS1);
      signature = auth_sign (pki->client, wish);
      auth_world_answer (auth, wish, signature);
      world_run_until (auth->world, IKE_EVENT_ESTABLISHED, 2 * SEC);
    }
}

/* The key of somebody else: nothing of it leaves. */
static void
test_wrong_key (void)
{
  g_autoptr (AuthPki) pki = auth_pki_new ("EC:P-256", NULL, NULL);
  g_autoptr (AuthWorld) auth = start (pki);
  const AuthWish *wish = auth_world_wish (auth, 1);
  g_autoptr (GBytes) signature = auth_sign (pki->gateway, wish);

  auth_world_answer (auth, wish, signature);
  g_assert_nonnull (world_event (auth->world, IKE_EVENT_AUTH_FAILED));
  g_assert_cmpuint (world_counter (auth->world, "signatures-unfit"), ==, 1);
  g_assert_cmpuint (gateway_count_seen (auth->world->gateway, IKE_EXCHANGE_IKE_AUTH), ==, 0);
}

/* Given up while the token works: its answer means nothing then. On another path it is still the one that is wanted. */
static void
test_abandoned (void)
{
  g_autoptr (AuthPki) pki = auth_pki_new ("EC:P-256", NULL, NULL);
  g_autoptr (AuthWorld) auth = start (pki);
  const AuthWish *wish = auth_world_wish (auth, 1);
  g_autoptr (GBytes) signature = auth_sign (pki->client, wish);
  g_autoptr (GBytes) second = NULL;

  world_command (auth->world, IKE_ABANDON);
  auth_world_answer (auth, wish, signature);
  g_assert_cmpuint (world_counter (auth->world, "answers-too-late"), ==, 1);
  world_start (auth->world, auth->world->a);
  wish = auth_world_wish (auth, 2);
  world_move (auth->world, auth->world->b, TRUE);
  second = auth_sign (pki->client, wish);
  auth_world_answer (auth, wish, second);
  world_run_until (auth->world, IKE_EVENT_ESTABLISHED, 2 * SEC);
  /* Once more the same answer. */
  auth_world_answer (auth, wish, second);
  g_assert_cmpuint (world_counter (auth->world, "answers-too-late"), ==, 2);
  g_assert_true (world_addr_is (&world_last_sent (auth->world)->local.addr, WORLD_HOST_B));
  g_assert_cmpuint (world_count_events (auth->world, IKE_EVENT_ESTABLISHED), ==, 1);
}

static RoamSecret *known_ppk; /* to the gateway; NULL: it has none of that name */

static void
announce_ppk (Gateway *gw, guint8 exchange, IkePayloads *answer)
{
  if (exchange == IKE_EXCHANGE_IKE_SA_INIT)
    ike_payloads_add_notify (answer, IKE_NOTIFY_USE_PPK, NULL, 0);
  if (exchange == IKE_EXCHANGE_IKE_AUTH && known_ppk)
    ike_payloads_add_notify (answer, IKE_NOTIFY_PPK_IDENTITY, NULL, 0);
}

static GwVerdict
mix_ppk (Gateway *gw, GwSa *sa, const IkeMessage *request, IkePayloads *answer)
{
  g_auto (IkePpkKeys) plain = { 0 };

  if (request->header.exchange == IKE_EXCHANGE_IKE_AUTH && known_ppk)
    g_assert_true (ike_ppk_mix (sa->keys, known_ppk, &plain));
  return GW_DEFAULT;
}

/* AUTH with the PPK, then the one without, each with its own signature (RFC 8784 3). covers: IKE-PPK-005 */
static void
test_with_ppk (void)
{
  for (guint known = 0; known < 2; known++)
    {
      g_autoptr (AuthPki) pki = auth_pki_new ("EC:P-256", NULL, NULL);
      g_autoptr (RoamSecret) ppk = roam_secret_new ((const guint8 *)"0123456789abcdef0123456789abcdef", 32);
      IkeConfig config = auth_config (pki);
      g_autoptr (AuthWorld) auth = NULL;

      config.private_key_pem = NULL;
      config.external_key = TRUE;
      config.ppk = ppk;
      config.ppk_id = "ppk-1";
      known_ppk = known ? ppk : NULL;
      auth = auth_world_new (pki, &config);
      auth->world->gateway->no_ppk = !known;
      auth->world->gateway->decorate = announce_ppk;
      auth->world->gateway->hook = mix_ppk;
      for (guint i = 1; i <= 2; i++)
        {
          const AuthWish *wish = auth_world_wish (auth, i);
          g_autoptr (GBytes) signature = auth_sign (pki->client, wish);

          auth_world_answer (auth, wish, signature);
        }
      world_run_until (auth->world, IKE_EVENT_ESTABLISHED, 2 * SEC);
      g_assert_cmpuint (world_counter (auth->world, "ppk-not-used"), ==, known ? 0 : 1);
    }
}

static void
test_refused_configurations (void)
{
  g_autoptr (AuthPki) pki = auth_pki_new ("EC:P-256", NULL, NULL);
  g_autoptr (RoamRng) rng = roam_rng_new_for_test (1);
  IkeConfig config = auth_config (pki);
  g_autofree char *problem = NULL;

  config.private_key_pem = NULL;
  g_assert_null (ike_session_new (&config, rng, &problem));
  g_clear_pointer (&problem, g_free);
  config.external_key = TRUE;
  config.method = IKE_AUTH_METHOD_EAP;
  config.eap_method = IKE_EAP_METHOD_TLS;
  g_assert_null (ike_session_new (&config, rng, &problem));
  g_assert_nonnull (strstr (problem, "EAP-TLS"));
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/ike/external/kinds", test_kinds);
  g_test_add_func ("/ike/external/old-methods", test_old_methods);
  g_test_add_func ("/ike/external/old-method-impossible", test_old_method_impossible);
  g_test_add_func ("/ike/external/slow", test_slow);
  g_test_add_func ("/ike/external/never", test_never);
  g_test_add_func ("/ike/external/failure", test_failure);
  g_test_add_func ("/ike/external/second-scheme", test_second_scheme);
  g_test_add_func ("/ike/external/wrong-key", test_wrong_key);
  g_test_add_func ("/ike/external/abandoned", test_abandoned);
  g_test_add_func ("/ike/external/ppk", test_with_ppk);
  g_test_add_func ("/ike/external/refused-configurations", test_refused_configurations);
  return g_test_run ();
}
