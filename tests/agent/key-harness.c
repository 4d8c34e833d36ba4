/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "tests/agent/key-harness.h"

#include <gio/gio.h>
#include <glib/gstdio.h>
#include <openssl/rsa.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

static void
on_done (guint32 request, GBytes *signature, AgentKeyResult result, gpointer user_data)
{
  KeyClient *client = user_data;

  g_assert_cmpint (signature != NULL, ==, result == AGENT_KEY_OK);
  client->answers++;
  client->request = request;
  client->result = result;
  g_clear_pointer (&client->signature, g_bytes_unref);
  client->signature = signature != NULL ? g_bytes_ref (signature) : NULL;
}

KeyClient *
key_client_new (const char *uri, const char *pin)
{
  KeyClient *client = g_new0 (KeyClient, 1);
  g_autoptr (RoamSecret) secret = pin != NULL ? roam_secret_new ((const guint8 *)pin, strlen (pin)) : NULL;

  g_assert_cmpstr (agent_key_uri_check (uri), ==, NULL);
  client->io = agent_key_io_new (uri, secret, on_done, client);
  return client;
}

void
key_client_free (KeyClient *client)
{
  if (client == NULL)
    return;
  agent_key_io_free (client->io);
  g_clear_pointer (&client->signature, g_bytes_unref);
  g_free (client);
}

void
key_client_wait (KeyClient *client)
{
  guint before = client->answers;

  while (client->answers == before)
    g_main_context_iteration (NULL, TRUE);
}

AgentKeyResult
key_client_sign (KeyClient *client, IkeSignScheme scheme, guint bits, const char *text)
{
  static guint32 request;
  g_autoptr (GBytes) octets = g_bytes_new (text, strlen (text));

  agent_key_io_sign (client->io, ++request, scheme, bits, octets);
  key_client_wait (client);
  g_assert_cmpuint (client->request, ==, request);
  return client->result;
}

static const EVP_MD *
digest_of (guint bits)
{
  return bits == 256 ? EVP_sha256 () : bits == 384 ? EVP_sha384 () : bits == 512 ? EVP_sha512 () : NULL;
}

gboolean
key_verifies (EVP_PKEY *key, IkeSignScheme scheme, guint bits, const char *text, GBytes *signature)
{
  EVP_MD_CTX *context = EVP_MD_CTX_new ();
  EVP_PKEY_CTX *inner;
  gboolean good;

  g_assert_cmpint (EVP_DigestVerifyInit (context, &inner, digest_of (bits), NULL, key), ==, 1);
  if (scheme == IKE_SIGN_RSA_PSS)
    {
      g_assert_cmpint (EVP_PKEY_CTX_set_rsa_padding (inner, RSA_PKCS1_PSS_PADDING), ==, 1);
      g_assert_cmpint (EVP_PKEY_CTX_set_rsa_pss_saltlen (inner, RSA_PSS_SALTLEN_DIGEST), ==, 1);
    }
  good = EVP_DigestVerify (context, g_bytes_get_data (signature, NULL), g_bytes_get_size (signature),
                           (const guint8 *)text, strlen (text)) == 1;
  EVP_MD_CTX_free (context);
  return good;
}

void
key_need_programs (const char *const *programs, const char *packages)
{
  for (; *programs != NULL; programs++)
    {
      g_autofree char *path =
        g_path_is_absolute (*programs) ? g_strdup (*programs) : g_find_program_in_path (*programs);

      if (path != NULL && g_file_test (path, G_FILE_TEST_EXISTS))
        continue;
      g_print ("1..0 # SKIP %s is missing (Debian: %s)\n", *programs, packages);
      exit (77);
    }
}

void
key_run (const char *program, ...)
{
  g_autoptr (GPtrArray) argv = g_ptr_array_new ();
  g_autofree char *output = NULL;
  g_autofree char *errors = NULL;
  g_autoptr (GError) error = NULL;
  const char *word;
  int status = 0;
  va_list list;

  g_ptr_array_add (argv, (char *)(guintptr)program);
  va_start (list, program);
  while ((word = va_arg (list, const char *)) != NULL)
    g_ptr_array_add (argv, (char *)(guintptr)word);
  va_end (list);
  g_ptr_array_add (argv, NULL);
  if (!g_spawn_sync (NULL, (char **)argv->pdata, NULL, G_SPAWN_SEARCH_PATH, NULL, NULL, &output, &errors, &status,
                     &error) ||
      !g_spawn_check_wait_status (status, &error))
    g_error ("%s: %s\n%s%s", program, error->message, output != NULL ? output : "", errors != NULL ? errors : "");
}

char *
key_make_directory (void)
{
  g_autoptr (GError) error = NULL;
  char *path = g_dir_make_tmp ("roamd-key-XXXXXX", &error);

  g_assert_no_error (error);
  return path;
}

void
key_remove_directory (const char *path)
{
  key_run ("rm", "-rf", "--", path, NULL);
}
