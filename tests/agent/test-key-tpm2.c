/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Keys in a TPM 2.0: swtpm, with a state of this test's own. */
#include "tests/agent/key-harness.h"
#include "tests/ike/auth-world.h"

#include <gio/gio.h>
#include <openssl/pem.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>

#define HANDLE "0x81000001"
#define TEXT "to be signed"

static char *directory;
static GSubprocess *swtpm;

static char *
in_directory (const char *name)
{
  return g_build_filename (directory, name, NULL);
}

/* A test that fails leaves no TPM behind. */
static void
die_with_parent (gpointer data)
{
  prctl (PR_SET_PDEATHSIG, SIGKILL);
}

/* Ready when it takes connections: the tools ask it for something until it answers. */
static void
start_tpm (void)
{
  g_autofree char *state = NULL, *server = NULL, *control = NULL, *tcti = NULL;
  g_autoptr (GSubprocessLauncher) launcher =
    g_subprocess_launcher_new (G_SUBPROCESS_FLAGS_STDOUT_SILENCE | G_SUBPROCESS_FLAGS_STDERR_SILENCE);
  g_autoptr (GError) error = NULL;

  directory = key_make_directory ();
  state = g_strdup_printf ("dir=%s", directory);
  server = g_strdup_printf ("type=unixio,path=%s/tpm", directory);
  control = g_strdup_printf ("type=unixio,path=%s/tpm.ctrl", directory);
  tcti = g_strdup_printf ("swtpm:path=%s/tpm", directory);
  g_setenv ("TPM2OPENSSL_TCTI", tcti, TRUE);
  g_setenv ("TPM2TOOLS_TCTI", tcti, TRUE);
  g_setenv ("TSS2_LOG", "all+none", TRUE);
  g_subprocess_launcher_set_child_setup (launcher, die_with_parent, NULL, NULL);
  swtpm = g_subprocess_launcher_spawn (launcher, &error, "swtpm", "socket", "--tpm2", "--tpmstate", state, "--server",
                                       server, "--ctrl", control, "--flags", "not-need-init,startup-clear", NULL);
  g_assert_no_error (error);
  key_run ("sh", "-c",
           "for i in $(seq 200); do tpm2_getcap properties-fixed >/dev/null 2>&1 && exit; sleep 0.05; done; exit 1",
           NULL);
}

static void
stop_tpm (void)
{
  g_subprocess_force_exit (swtpm);
  g_subprocess_wait (swtpm, NULL, NULL);
  g_object_unref (swtpm);
  key_remove_directory (directory);
  g_free (directory);
}

/* A key of the TPM in a file of its own format. @more: a further option of openssl genpkey, or NULL. */
static void
make_file (const char *name, const char *algorithm, const char *option, const char *more)
{
  g_autofree char *file = in_directory (name);

  key_run ("openssl", "genpkey", "-provider", "tpm2", "-algorithm", algorithm, "-pkeyopt", option, "-out", file,
           more != NULL ? "-pkeyopt" : NULL, more, NULL);
}

static EVP_PKEY *
read_public (const char *file)
{
  BIO *bio = BIO_new_file (file, "r");
  EVP_PKEY *key = bio != NULL ? PEM_read_bio_PUBKEY (bio, NULL, NULL, NULL) : NULL;

  BIO_free (bio);
  g_assert_nonnull (key);
  return key;
}

/* The public half, for whom the TPM is nothing but its maker. */
static EVP_PKEY *
public_of (const char *name)
{
  g_autofree char *file = in_directory (name);
  g_autofree char *public = g_strconcat (file, ".pub", NULL);

  key_run ("openssl", "pkey", "-provider", "tpm2", "-provider", "default", "-in", file, "-pubout", "-out", public,
           "-passin", "pass:7777", NULL);
  return read_public (public);
}

static void
make_handle (void)
{
  g_autofree char *primary = in_directory ("primary"), *public = in_directory ("handle.public"),
                  *private = in_directory ("handle.private"), *context = in_directory ("handle.context"),
                  *pem = in_directory ("handle.pub");

  key_run ("tpm2_createprimary", "-Q", "-C", "o", "-g", "sha256", "-G", "ecc256", "-c", primary, NULL);
  key_run ("tpm2_create", "-Q", "-C", primary, "-G", "ecc256", "-u", public, "-r", private, "-f", "pem", "-o", pem,
           NULL);
  key_run ("tpm2_flushcontext", "-t", NULL);
  key_run ("tpm2_load", "-Q", "-C", primary, "-u", public, "-r", private, "-c", context, NULL);
  key_run ("tpm2_evictcontrol", "-Q", "-C", "o", "-c", context, HANDLE, NULL);
  key_run ("tpm2_flushcontext", "-t", NULL);
}

static char *
uri_of (const char *name)
{
  return g_strdup_printf ("tpm2:%s/%s", directory, name);
}

static void
test_schemes (void)
{
  static const struct
  {
    const char *name;
    IkeSignScheme scheme;
    guint bits;
  } cases[] = { { "rsa", IKE_SIGN_RSA_PKCS1, 256 },
                { "rsa", IKE_SIGN_RSA_PKCS1, 384 },
                { "rsa", IKE_SIGN_RSA_PSS, 256 },
                { "ec256", IKE_SIGN_ECDSA, 256 },
                { "ec384", IKE_SIGN_ECDSA, 384 } };

  for (gsize i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_autofree char *uri = uri_of (cases[i].name);
      g_autoptr (KeyClient) client = key_client_new (uri, NULL);
      EVP_PKEY *key = public_of (cases[i].name);

      for (guint n = 0; n < 2; n++)
        {
          g_assert_cmpint (key_client_sign (client, cases[i].scheme, cases[i].bits, TEXT), ==, AGENT_KEY_OK);
          g_assert_true (key_verifies (key, cases[i].scheme, cases[i].bits, TEXT, client->signature));
        }
      EVP_PKEY_free (key);
    }
}

static void
test_handle (void)
{
  g_autoptr (KeyClient) client = key_client_new ("tpm2:" HANDLE, NULL);
  g_autofree char *pem = in_directory ("handle.pub");
  EVP_PKEY *key = read_public (pem);

  g_assert_cmpint (key_client_sign (client, IKE_SIGN_ECDSA, 256, TEXT), ==, AGENT_KEY_OK);
  g_assert_true (key_verifies (key, IKE_SIGN_ECDSA, 256, TEXT, client->signature));
  EVP_PKEY_free (key);
}

static void
test_pin (void)
{
  g_autofree char *uri = uri_of ("pin");
  g_autoptr (KeyClient) client = key_client_new (uri, NULL);
  g_autoptr (RoamSecret) wrong = roam_secret_new ((const guint8 *)"1111", 4);
  g_autoptr (RoamSecret) right = roam_secret_new ((const guint8 *)"7777", 4);
  EVP_PKEY *key = public_of ("pin");

  g_assert_cmpint (key_client_sign (client, IKE_SIGN_ECDSA, 256, TEXT), ==, AGENT_KEY_NO_PIN);
  agent_key_io_set_pin (client->io, wrong);
  g_assert_cmpint (key_client_sign (client, IKE_SIGN_ECDSA, 256, TEXT), ==, AGENT_KEY_WRONG_PIN);
  g_assert_cmpint (key_client_sign (client, IKE_SIGN_ECDSA, 256, TEXT), ==, AGENT_KEY_WRONG_PIN);
  agent_key_io_set_pin (client->io, right);
  g_assert_cmpint (key_client_sign (client, IKE_SIGN_ECDSA, 256, TEXT), ==, AGENT_KEY_OK);
  g_assert_true (key_verifies (key, IKE_SIGN_ECDSA, 256, TEXT, client->signature));
  EVP_PKEY_free (key);
}

static void
test_absent (void)
{
  g_autofree char *uri = uri_of ("nothing");
  g_autoptr (KeyClient) no_file = key_client_new (uri, NULL);
  g_autoptr (KeyClient) no_handle = key_client_new ("tpm2:0x81000077", NULL);

  g_assert_cmpint (key_client_sign (no_file, IKE_SIGN_ECDSA, 256, TEXT), ==, AGENT_KEY_NO_KEY);
  g_assert_cmpint (key_client_sign (no_handle, IKE_SIGN_ECDSA, 256, TEXT), ==, AGENT_KEY_NO_KEY);
}

static void
test_unable (void)
{
  g_autofree char *uri = uri_of ("ec256");
  g_autoptr (KeyClient) client = key_client_new (uri, NULL);

  g_assert_cmpint (key_client_sign (client, IKE_SIGN_EDDSA, 0, TEXT), ==, AGENT_KEY_UNABLE);
  g_assert_cmpint (key_client_sign (client, IKE_SIGN_RSA_PSS, 256, TEXT), !=, AGENT_KEY_OK);
  g_assert_cmpint (key_client_sign (client, IKE_SIGN_ECDSA, 256, TEXT), ==, AGENT_KEY_OK);
}

static void
test_uris (void)
{
  static const char *const good[] = { "tpm2:0x81000001", "tpm2:0x81ffffff", "tpm2:/etc/roamd/key.pem" };
  static const char *const bad[] = { "tpm2:", "tpm2:key.pem", "tpm2:0x80000001", "tpm2:0x8100000g",
                                     "tpm2:0x181000001" };

  for (gsize i = 0; i < G_N_ELEMENTS (good); i++)
    g_assert_cmpstr (agent_key_uri_check (good[i]), ==, NULL);
  for (gsize i = 0; i < G_N_ELEMENTS (bad); i++)
    g_assert_nonnull (agent_key_uri_check (bad[i]));
}

/* A whole IKE_AUTH with the key in the TPM; time is virtual, the TPM is not. */
static void
test_handshake (void)
{
  static const char *const names[] = { "rsa", "ec256", "ec384" };

  for (gsize i = 0; i < G_N_ELEMENTS (names); i++)
    {
      g_autofree char *uri = uri_of (names[i]);
      g_autoptr (KeyClient) client = key_client_new (uri, NULL);
      g_autoptr (AuthPki) pki = auth_pki_new ("EC:P-256", NULL, NULL);
      g_autoptr (PkiNode) certified = NULL;
      g_autoptr (GBytes) pem = NULL;
      g_autoptr (AuthWorld) auth = NULL;
      EVP_PKEY *public = public_of (names[i]);
      const PkiRequest request = { .common_name = "client",
                                   .san = "email:alice@example.com",
                                   .key_usage = "critical,digitalSignature",
                                   .own_key = public };
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
      auth_world_answer (auth, wish, client->signature);
      auth_world_established (auth, 1);
      EVP_PKEY_free (public);
    }
}

/* Last: the TPM is gone for good. */
static void
test_no_tpm (void)
{
  g_autofree char *uri = uri_of ("ec256");
  g_autoptr (KeyClient) client = key_client_new (uri, NULL);

  g_setenv ("TPM2OPENSSL_TCTI", "swtpm:path=/nonexistent", TRUE);
  g_assert_cmpint (key_client_sign (client, IKE_SIGN_ECDSA, 256, TEXT), ==, AGENT_KEY_NO_TOKEN);
}

int
main (int argc, char **argv)
{
  static const char *const programs[] = { "swtpm", "tpm2_create", "openssl", ROAM_TEST_OSSL_MODULES "/tpm2.so", NULL };
  int status;

  g_test_init (&argc, &argv, NULL);
  key_need_programs (programs, "swtpm tpm2-tools tpm2-openssl");
  start_tpm ();
  make_file ("rsa", "RSA", "bits:2048", NULL);
  make_file ("ec256", "EC", "group:P-256", NULL);
  make_file ("ec384", "EC", "group:P-384", NULL);
  make_file ("pin", "EC", "group:P-256", "user-auth:7777");
  make_handle ();
  g_test_add_func ("/key/tpm2/schemes", test_schemes);
  g_test_add_func ("/key/tpm2/handle", test_handle);
  g_test_add_func ("/key/tpm2/pin", test_pin);
  g_test_add_func ("/key/tpm2/absent", test_absent);
  g_test_add_func ("/key/tpm2/unable", test_unable);
  g_test_add_func ("/key/tpm2/uris", test_uris);
  g_test_add_func ("/key/tpm2/handshake", test_handshake);
  g_test_add_func ("/key/tpm2/no-tpm", test_no_tpm);
  status = g_test_run ();
  stop_tpm ();
  return status;
}
