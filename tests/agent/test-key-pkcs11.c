/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Keys in a PKCS#11 token: SoftHSM 2, with a token of this test's own. */
#include "tests/agent/key-harness.h"
#include "tests/ike/auth-world.h"

#include <string.h>

#define MODULE "/usr/lib/softhsm/libsofthsm2.so"
#define PIN "135790"
#define URI(object) "pkcs11:token=roam-test;object=" object "?module-path=" MODULE
#define TEXT "to be signed"

/* Label and kind; the number is the id. */
static const struct
{
  const char *label, *kind;
} kinds[] = {
  { "rsa", "RSA:2048" },   { "rsa3072", "RSA:3072" }, { "ec256", "EC:P-256" }, { "ec384", "EC:P-384" },
  { "ec521", "EC:P-521" }, { "ed", "ED25519" },       { "twin", "EC:P-256" },  { "twin", "EC:P-256" },
};

static char *directory;
static PkiNode *nodes[G_N_ELEMENTS (kinds)];

static PkiNode *
node_of (const char *label)
{
  for (gsize i = 0; i < G_N_ELEMENTS (kinds); i++)
    if (strcmp (kinds[i].label, label) == 0)
      return nodes[i];
  g_assert_not_reached ();
}

static void
import (const PkiNode *node, const char *label, guint id)
{
  g_autofree char *file = g_build_filename (directory, "key.pem", NULL);
  g_autofree char *number = g_strdup_printf ("%02x", id);
  g_autoptr (RoamSecret) pem = pki_key_pem (node);

  g_assert_true (
    g_file_set_contents (file, (const char *)roam_secret_peek (pem), (gssize)roam_secret_length (pem), NULL));
  key_run ("softhsm2-util", "--import", file, "--token", "roam-test", "--pin", PIN, "--label", label, "--id", number,
           NULL);
}

static void
make_token (void)
{
  g_autofree char *configuration = NULL;
  g_autofree char *tokens = NULL;
  g_autofree char *text = NULL;

  directory = key_make_directory ();
  tokens = g_build_filename (directory, "tokens", NULL);
  configuration = g_build_filename (directory, "softhsm2.conf", NULL);
  text = g_strdup_printf ("directories.tokendir = %s\nobjectstore.backend = file\nlog.level = ERROR\n", tokens);
  g_assert_true (g_file_set_contents (configuration, text, -1, NULL));
  key_run ("mkdir", tokens, NULL);
  g_setenv ("SOFTHSM2_CONF", configuration, TRUE);
  key_run ("softhsm2-util", "--init-token", "--free", "--label", "roam-test", "--so-pin", "24680000", "--pin", PIN,
           NULL);
  for (guint i = 0; i < G_N_ELEMENTS (kinds); i++)
    {
      const PkiRequest request = { .common_name = kinds[i].label, .key = kinds[i].kind };

      nodes[i] = pki_issue (&request, NULL);
      import (nodes[i], kinds[i].label, i + 1);
    }
}

static void
test_schemes (void)
{
  static const struct
  {
    const char *label;
    IkeSignScheme scheme;
    guint bits;
  } cases[] = {
    { "rsa", IKE_SIGN_RSA_PKCS1, 256 },   { "rsa", IKE_SIGN_RSA_PKCS1, 384 },     { "rsa", IKE_SIGN_RSA_PKCS1, 512 },
    { "rsa", IKE_SIGN_RSA_PSS, 256 },     { "rsa", IKE_SIGN_RSA_PSS, 384 },       { "rsa", IKE_SIGN_RSA_PSS, 512 },
    { "rsa3072", IKE_SIGN_RSA_PSS, 256 }, { "rsa3072", IKE_SIGN_RSA_PKCS1, 256 }, { "ec256", IKE_SIGN_ECDSA, 256 },
    { "ec384", IKE_SIGN_ECDSA, 384 },     { "ec521", IKE_SIGN_ECDSA, 512 },       { "ed", IKE_SIGN_EDDSA, 0 },
  };

  for (gsize i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_autofree char *uri = g_strdup_printf (URI ("%s"), cases[i].label);
      g_autoptr (KeyClient) client = key_client_new (uri, PIN);

      /* Twice: the second one finds the session open. */
      for (guint n = 0; n < 2; n++)
        {
          g_assert_cmpint (key_client_sign (client, cases[i].scheme, cases[i].bits, TEXT), ==, AGENT_KEY_OK);
          g_assert_true (
            key_verifies (node_of (cases[i].label)->key, cases[i].scheme, cases[i].bits, TEXT, client->signature));
        }
    }
}

static void
test_pin (void)
{
  g_autoptr (KeyClient) client = key_client_new (URI ("ec256"), NULL);
  g_autoptr (RoamSecret) wrong = roam_secret_new ((const guint8 *)"000000", 6);
  g_autoptr (RoamSecret) right = roam_secret_new ((const guint8 *)PIN, strlen (PIN));

  g_assert_cmpint (key_client_sign (client, IKE_SIGN_ECDSA, 256, TEXT), ==, AGENT_KEY_NO_PIN);
  agent_key_io_set_pin (client->io, wrong);
  g_assert_cmpint (key_client_sign (client, IKE_SIGN_ECDSA, 256, TEXT), ==, AGENT_KEY_WRONG_PIN);
  /* Forgotten, and said so, until another one is given. */
  g_assert_cmpint (key_client_sign (client, IKE_SIGN_ECDSA, 256, TEXT), ==, AGENT_KEY_WRONG_PIN);
  agent_key_io_set_pin (client->io, right);
  g_assert_cmpint (key_client_sign (client, IKE_SIGN_ECDSA, 256, TEXT), ==, AGENT_KEY_OK);
  agent_key_io_set_pin (client->io, NULL);
  /* The session is open; the PIN was for opening it. */
  g_assert_cmpint (key_client_sign (client, IKE_SIGN_ECDSA, 256, TEXT), ==, AGENT_KEY_OK);
}

static void
test_absent (void)
{
  g_autoptr (KeyClient) no_key = key_client_new (URI ("nobody"), PIN);
  g_autoptr (KeyClient) two = key_client_new (URI ("twin"), PIN);
  g_autoptr (KeyClient) by_id = key_client_new ("pkcs11:token=roam-test;object=twin;id=%07?module-path=" MODULE, PIN);
  g_autoptr (KeyClient) no_token = key_client_new ("pkcs11:token=other;object=rsa?module-path=" MODULE, PIN);
  g_autoptr (KeyClient) no_module =
    key_client_new ("pkcs11:token=roam-test;object=rsa?module-path=/nonexistent.so", PIN);

  g_assert_cmpint (key_client_sign (no_key, IKE_SIGN_ECDSA, 256, TEXT), ==, AGENT_KEY_NO_KEY);
  g_assert_cmpint (key_client_sign (two, IKE_SIGN_ECDSA, 256, TEXT), ==, AGENT_KEY_NO_KEY);
  g_assert_cmpint (key_client_sign (by_id, IKE_SIGN_ECDSA, 256, TEXT), ==, AGENT_KEY_OK);
  g_assert_true (key_verifies (nodes[6]->key, IKE_SIGN_ECDSA, 256, TEXT, by_id->signature));
  g_assert_cmpint (key_client_sign (no_token, IKE_SIGN_RSA_PSS, 256, TEXT), ==, AGENT_KEY_NO_TOKEN);
  g_assert_cmpint (key_client_sign (no_module, IKE_SIGN_RSA_PSS, 256, TEXT), ==, AGENT_KEY_NO_TOKEN);
}

static void
test_unable (void)
{
  g_autoptr (KeyClient) client = key_client_new (URI ("ec256"), PIN);

  g_assert_cmpint (key_client_sign (client, IKE_SIGN_RSA_PSS, 256, TEXT), ==, AGENT_KEY_UNABLE);
  g_assert_cmpint (key_client_sign (client, IKE_SIGN_ECDSA, 160, TEXT), ==, AGENT_KEY_UNABLE);
  g_assert_cmpint (key_client_sign (client, IKE_SIGN_ECDSA, 256, TEXT), ==, AGENT_KEY_OK);
}

static void
test_several_at_once (void)
{
  g_autoptr (KeyClient) client = key_client_new (URI ("rsa"), PIN);
  g_autoptr (GBytes) octets = g_bytes_new_static (TEXT, strlen (TEXT));

  for (guint32 i = 1; i <= 8; i++)
    agent_key_io_sign (client->io, 1000 + i, IKE_SIGN_RSA_PSS, 256, octets);
  g_assert_cmpuint (client->answers, ==, 0);
  while (client->answers < 8)
    {
      key_client_wait (client);
      g_assert_cmpint (client->result, ==, AGENT_KEY_OK);
      g_assert_true (key_verifies (node_of ("rsa")->key, IKE_SIGN_RSA_PSS, 256, TEXT, client->signature));
    }
}

/* Nobody waits any more: no answer, and nothing of it is left behind. */
static void
test_given_up (void)
{
  KeyClient *client = key_client_new (URI ("rsa"), PIN);
  g_autoptr (KeyClient) other = key_client_new (URI ("rsa"), PIN);
  g_autoptr (GBytes) octets = g_bytes_new_static (TEXT, strlen (TEXT));

  agent_key_io_sign (client->io, 1, IKE_SIGN_RSA_PSS, 256, octets);
  key_client_free (client);
  g_assert_cmpint (key_client_sign (other, IKE_SIGN_RSA_PSS, 256, TEXT), ==, AGENT_KEY_OK);
  while (g_main_context_iteration (NULL, FALSE))
    ;
}

static void
test_uris (void)
{
  static const char *const good[] = { "pkcs11:token=a;object=b", "pkcs11:id=%01%02",
                                      "pkcs11:object=b;type=private?module-path=/usr/lib/x.so" };
  static const char *const bad[] = { "pkcs11:",
                                     "pkcs11:token=a",
                                     "pkcs11:object=a?pin-value=1234",
                                     "pkcs11:object=a?pin-source=file:/etc/pin",
                                     "pkcs11:object=a?module-path=x.so",
                                     "pkcs11:object=%zz",
                                     "pkcs12:object=a",
                                     "",
                                     "/etc/key.pem" };

  for (gsize i = 0; i < G_N_ELEMENTS (good); i++)
    g_assert_cmpstr (agent_key_uri_check (good[i]), ==, NULL);
  for (gsize i = 0; i < G_N_ELEMENTS (bad); i++)
    g_assert_nonnull (agent_key_uri_check (bad[i]));
}

/* A whole IKE_AUTH with the key in the token; time is virtual, the token is not. */
static void
test_handshake (void)
{
  static const char *const labels[] = { "rsa", "ec256", "ec384", "ec521", "ed" };

  for (gsize i = 0; i < G_N_ELEMENTS (labels); i++)
    {
      g_autofree char *uri = g_strdup_printf (URI ("%s"), labels[i]);
      g_autoptr (KeyClient) client = key_client_new (uri, PIN);
      g_autoptr (AuthPki) pki = auth_pki_new ("EC:P-256", NULL, NULL);
      g_autoptr (PkiNode) certified = NULL;
      g_autoptr (GBytes) pem = NULL;
      g_autoptr (AuthWorld) auth = NULL;
      const PkiRequest request = { .common_name = "client",
                                   .san = "email:alice@example.com",
                                   .key_usage = "critical,digitalSignature",
                                   .own_key = node_of (labels[i])->key };
      IkeConfig config = auth_config (pki);
      const AuthWish *wish;

      certified = pki_issue (&request, pki->ca);
      pem = pki_certificate_pem (certified);
      config.certificate_pem = pem;
      config.private_key_pem = NULL;
      config.external_key = TRUE;
      auth = auth_world_new (pki, &config);
      wish = auth_world_wish (auth, 1);
      agent_key_io_sign (client->io, wish->request, wish->scheme, wish->hash_bits, wish->octets);
      key_client_wait (client);
      g_assert_cmpint (client->result, ==, AGENT_KEY_OK);
      g_assert_cmpuint (client->request, ==, wish->request);
      auth_world_answer (auth, wish, client->signature);
      auth_world_established (auth, 1);
    }
}

int
main (int argc, char **argv)
{
  static const char *const programs[] = { "softhsm2-util", MODULE, NULL };
  int status;

  g_test_init (&argc, &argv, NULL);
  key_need_programs (programs, "softhsm2");
  make_token ();
  g_test_add_func ("/key/pkcs11/schemes", test_schemes);
  g_test_add_func ("/key/pkcs11/pin", test_pin);
  g_test_add_func ("/key/pkcs11/absent", test_absent);
  g_test_add_func ("/key/pkcs11/unable", test_unable);
  g_test_add_func ("/key/pkcs11/several-at-once", test_several_at_once);
  g_test_add_func ("/key/pkcs11/given-up", test_given_up);
  g_test_add_func ("/key/pkcs11/uris", test_uris);
  g_test_add_func ("/key/pkcs11/handshake", test_handshake);
  status = g_test_run ();
  for (gsize i = 0; i < G_N_ELEMENTS (nodes); i++)
    pki_node_free (nodes[i]);
  key_remove_directory (directory);
  g_free (directory);
  return status;
}
