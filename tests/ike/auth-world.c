/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "tests/ike/auth-world.h"

#include <openssl/rsa.h>
#include <string.h>

AuthPki *
auth_pki_new (const char *key, const char *info_access, const char *crl_points)
{
  const PkiRequest ca = {
    .common_name = "CA", .key = key, .key_usage = "critical,keyCertSign,cRLSign", .constraints = "critical,CA:TRUE"
  };
  const PkiRequest gateway = { .common_name = "gateway",
                               .key = key,
                               .san = "DNS:vpn.example.com",
                               .key_usage = "critical,digitalSignature",
                               .info_access = info_access,
                               .crl_points = crl_points };
  const PkiRequest client = {
    .common_name = "client", .key = key, .san = "email:alice@example.com", .key_usage = "critical,digitalSignature"
  };
  AuthPki *pki = g_new0 (AuthPki, 1);
  g_autofree char *problem = NULL;

  pki->ca = pki_issue (&ca, NULL);
  pki->gateway = pki_issue (&gateway, pki->ca);
  pki->client = pki_issue (&client, pki->ca);
  pki->ca_pem = pki_certificate_pem (pki->ca);
  pki->client_pem = pki_certificate_pem (pki->client);
  pki->gateway_pem = pki_certificate_pem (pki->gateway);
  pki->client_key = pki_key_pem (pki->client);
  pki->gateway_key = pki_key_pem (pki->gateway);
  pki->gateway_credentials = ike_credentials_new (pki->gateway_pem, pki->gateway_key, pki->ca_pem, &problem);
  g_assert_cmpstr (problem, ==, NULL);
  return pki;
}

void
auth_pki_free (AuthPki *pki)
{
  pki_node_free (pki->ca);
  pki_node_free (pki->gateway);
  pki_node_free (pki->client);
  g_bytes_unref (pki->ca_pem);
  g_bytes_unref (pki->client_pem);
  g_bytes_unref (pki->gateway_pem);
  roam_secret_unref (pki->client_key);
  roam_secret_unref (pki->gateway_key);
  ike_credentials_free (pki->gateway_credentials);
  g_free (pki);
}

IkeConfig
auth_config (const AuthPki *pki)
{
  IkeConfig config = world_config ();

  config.method = IKE_AUTH_METHOD_CERTIFICATE;
  config.ca_pem = pki->ca_pem;
  config.certificate_pem = pki->client_pem;
  config.private_key_pem = pki->client_key;
  return config;
}

static void
wish_free (gpointer data)
{
  AuthWish *wish = data;

  g_clear_pointer (&wish->octets, g_bytes_unref);
  g_clear_pointer (&wish->body, g_bytes_unref);
  g_free (wish->url);
  g_free (wish->content_type);
  g_free (wish);
}

static void
keep (gpointer user, const IkeAction *action)
{
  AuthWorld *auth = user;
  AuthWish *wish = g_new0 (AuthWish, 1);

  wish->at_us = sim_now (auth->world->sim).boot_us;
  if (action->type == IKE_ACTION_SIGN)
    {
      wish->request = action->sign.request;
      wish->scheme = action->sign.scheme;
      wish->hash_bits = action->sign.hash_bits;
      wish->octets = g_bytes_ref (action->sign.octets);
    }
  else
    {
      g_assert_cmpint (action->type, ==, IKE_ACTION_FETCH);
      wish->request = action->fetch.request;
      wish->url = g_strdup (action->fetch.url);
      wish->content_type = g_strdup (action->fetch.content_type);
      wish->body = action->fetch.body ? g_bytes_ref (action->fetch.body) : NULL;
      wish->max_length = action->fetch.max_length;
    }
  g_ptr_array_add (auth->wishes, wish);
}

AuthWorld *
auth_world_new (const AuthPki *pki, const IkeConfig *config)
{
  AuthWorld *auth = g_new0 (AuthWorld, 1);

  auth->pki = pki;
  auth->wishes = g_ptr_array_new_with_free_func (wish_free);
  auth->world = world_new (config);
  auth->world->outside = keep;
  auth->world->outside_user = auth;
  auth->world->gateway->credentials = pki->gateway_credentials;
  world_start (auth->world, auth->world->a);
  return auth;
}

void
auth_world_free (AuthWorld *auth)
{
  if (!auth)
    return;
  world_free (auth->world);
  g_ptr_array_unref (auth->wishes);
  g_free (auth);
}

const AuthWish *
auth_world_wish (AuthWorld *auth, guint n)
{
  for (guint ms = 0; auth->wishes->len < n; ms++)
    {
      g_assert_cmpuint (ms, <, 5000);
      world_run (auth->world, MS);
    }
  g_assert_cmpuint (auth->wishes->len, ==, n);
  return g_ptr_array_index (auth->wishes, n - 1);
}

void
auth_world_answer (AuthWorld *auth, const AuthWish *wish, GBytes *answer)
{
  IkeCommand command = { .type = wish->octets ? IKE_SIGNED : IKE_FETCHED, .request = wish->request, .answer = answer };

  world_input_command (auth->world, &command);
}

void
auth_world_established (AuthWorld *auth, guint n)
{
  if (world_count_events (auth->world, IKE_EVENT_ESTABLISHED) < n)
    world_run_until (auth->world, IKE_EVENT_ESTABLISHED, 5 * SEC);
  g_assert_cmpuint (world_count_events (auth->world, IKE_EVENT_ESTABLISHED), ==, n);
}

static const EVP_MD *
digest_of (guint bits)
{
  switch (bits)
    {
    case 256:
      return EVP_sha256 ();
    case 384:
      return EVP_sha384 ();
    case 512:
      return EVP_sha512 ();
    default:
      g_assert_cmpuint (bits, ==, 0);
      return NULL;
    }
}

GBytes *
auth_sign (const PkiNode *node, const AuthWish *wish)
{
  EVP_MD_CTX *context = EVP_MD_CTX_new ();
  gsize length, size = 0;
  const guint8 *data = g_bytes_get_data (wish->octets, &length);
  EVP_PKEY_CTX *inner;
  guint8 *signature;

  g_assert_cmpint (EVP_DigestSignInit (context, &inner, digest_of (wish->hash_bits), NULL, node->key), ==, 1);
  if (wish->scheme == IKE_SIGN_RSA_PSS)
    {
      g_assert_cmpint (EVP_PKEY_CTX_set_rsa_padding (inner, RSA_PKCS1_PSS_PADDING), ==, 1);
      g_assert_cmpint (EVP_PKEY_CTX_set_rsa_pss_saltlen (inner, RSA_PSS_SALTLEN_DIGEST), ==, 1);
    }
  g_assert_cmpint (EVP_DigestSign (context, NULL, &size, data, length), ==, 1);
  signature = g_malloc (size);
  g_assert_cmpint (EVP_DigestSign (context, signature, &size, data, length), ==, 1);
  EVP_MD_CTX_free (context);
  return g_bytes_new_take (signature, size);
}
