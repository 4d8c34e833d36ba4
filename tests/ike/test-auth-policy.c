/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the gateway may assign, what is unwise in a profile, and what stays in memory. Virtual time. */
#include "tests/ike/world.h"

#include <string.h>

/* RFC 7296 5.1. covers: IKE-SEC-005 */
static void
test_inner_addresses (void)
{
  static const struct
  {
    const char *assigned;
    gboolean good;
  } cases[] = { { "10.8.0.1", TRUE },    { "192.168.1.5", FALSE }, { "192.168.2.5", TRUE },
                { WORLD_HOST_A, FALSE }, { WORLD_GATEWAY, FALSE }, { "127.0.0.1", FALSE },
                { "224.0.0.1", FALSE },  { "169.254.1.1", FALSE }, { "255.255.255.255", FALSE } };
  RoamPrefix refused[2];

  g_assert_true (roam_prefix_parse ("192.168.1.0/24", &refused[0]));
  g_assert_true (roam_prefix_parse ("2001:db8:1::/48", &refused[1]));
  for (gsize i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      IkeConfig config = world_config ();
      g_autoptr (World) world = NULL;
      const IkeEvent *event;

      config.refused_inner = refused;
      config.n_refused_inner = G_N_ELEMENTS (refused);
      world = world_new (&config);
      g_assert_true (roam_addr_parse (cases[i].assigned, &world->gateway->tia4));
      world_start (world, world->a);
      event = world_run_until (world, cases[i].good ? IKE_EVENT_ESTABLISHED : IKE_EVENT_AUTH_FAILED, 5 * SEC);
      if (cases[i].good)
        continue;
      g_assert_nonnull (strstr (event->reason, "refused"));
      g_assert_nonnull (event->advice);
      g_assert_cmpuint (world->children->len, ==, 0);
    }
}

static void
test_inner_address6 (void)
{
  static const char *const bad[] = { "2001:db8:1::5", "fe80::1", "::1", "ff02::1" };
  RoamPrefix refused;

  g_assert_true (roam_prefix_parse ("2001:db8:1::/48", &refused));
  for (gsize i = 0; i < G_N_ELEMENTS (bad); i++)
    {
      IkeConfig config = world_config ();
      g_autoptr (World) world = NULL;

      config.request_tia6 = TRUE;
      config.refused_inner = &refused;
      config.n_refused_inner = 1;
      world = world_new (&config);
      g_assert_true (roam_addr_parse (bad[i], &world->gateway->tia6));
      world_start (world, world->a);
      world_run_until (world, IKE_EVENT_AUTH_FAILED, 5 * SEC);
    }
}

static void
assert_warns (const IkeConfig *config, const char *words)
{
  g_auto (GStrv) warnings = ike_config_dup_warnings (config);
  g_autofree char *all = g_strjoinv ("\n", warnings);

  if (words == NULL)
    g_assert_cmpstr (all, ==, "");
  else
    g_assert_nonnull (strstr (all, words));
}

/* covers: IKE-SEC-006 */
static void
test_warnings (void)
{
  g_autoptr (RoamSecret) typed = roam_secret_new ((const guint8 *)"open sesame", 11);
  g_autoptr (RoamSecret) random = roam_secret_new ((const guint8 *)"q9Yd7vX0zLw3JrT5uKc1Bn8MfHs2Pe4a", 32);
  g_autoptr (RoamSecret) octets = roam_secret_new ((const guint8 *)"\x01\x83\x44\xf0\x9b\x7c\x11\xee", 8);
  IkeConfig config = world_config ();

  config.psk = typed;
  assert_warns (&config, "looks like a password");
  config.psk = random;
  assert_warns (&config, NULL);
  config.psk = octets;
  assert_warns (&config, NULL);
  config.ppk = random;
  assert_warns (&config, "require-ppk");
  config.require_ppk = TRUE;
  assert_warns (&config, NULL);
  config.check_ocsp = TRUE;
  assert_warns (&config, "hides a revocation");
  config.require_revocation = TRUE;
  assert_warns (&config, NULL);
  config.ike_proposals = "aes128-sha1-modp2048";
  assert_warns (&config, "SHA-1");
  config.ike_proposals = NULL;
  config.method = IKE_AUTH_METHOD_EAP;
  config.eap_password = typed;
  assert_warns (&config, "EAP-MSCHAPv2");
  config.eap_method = IKE_EAP_METHOD_TLS;
  assert_warns (&config, NULL);
  config.eap_identity = "alice@example.com";
  assert_warns (&config, "RFC 9190");
  config.eap_identity = "@example.com";
  assert_warns (&config, NULL);
  config.eap_plain_success = TRUE;
  assert_warns (&config, "EAP Success");
}

/* A whole IKE SA with each of the PRFs without a hash, rekeyed once. */
static void
test_aes_prfs (void)
{
  static const char *const proposals[] = { "aes128-sha256-prfaesxcbc-ecp256", "aes128gcm16-prfaescmac-ecp256" };

  for (gsize i = 0; i < G_N_ELEMENTS (proposals); i++)
    {
      IkeConfig config = world_config ();
      g_autoptr (World) world = NULL;
      IkeStatus status;

      config.ike_proposals = proposals[i];
      world = world_new (&config);
      world->gateway->ike_proposals = proposals[i];
      world_start (world, world->a);
      world_run_until (world, IKE_EVENT_ESTABLISHED, 5 * SEC);
      ike_session_get_status (world->session, &status);
      g_assert_nonnull (strstr (status.ike_suite, i == 0 ? "PRF_AES128_XCBC" : "PRF_AES128_CMAC"));
      world_command (world, IKE_REKEY_IKE);
      world_run (world, SEC);
      g_assert_cmpuint (gateway_live_sas (world->gateway), ==, 1);
    }
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/ike/policy/inner-addresses", test_inner_addresses);
  g_test_add_func ("/ike/policy/inner-address6", test_inner_address6);
  g_test_add_func ("/ike/policy/warnings", test_warnings);
  g_test_add_func ("/ike/policy/aes-prfs", test_aes_prfs);
  return g_test_run ();
}
