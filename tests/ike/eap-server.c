/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "tests/ike/eap-server.h"

#include <openssl/provider.h>
#include <string.h>

GBytes *
eap_packet (guint8 code, guint8 identifier, guint8 type, const guint8 *data, gsize length)
{
  gboolean short_one = code == IKE_EAP_CODE_SUCCESS || code == IKE_EAP_CODE_FAILURE;
  WireWriter writer;

  wire_writer_init (&writer, 65535);
  wire_write_u8 (&writer, code);
  wire_write_u8 (&writer, identifier);
  wire_write_u16 (&writer, (guint16)(short_one ? 4 : 5 + length));
  if (!short_one)
    wire_write_u8 (&writer, type);
  if (length > 0)
    wire_write_data (&writer, data, length);
  return wire_writer_finish (&writer);
}

static GBytes *
request (EapServer *server, guint8 type, const guint8 *data, gsize length)
{
  return eap_packet (IKE_EAP_CODE_REQUEST, ++server->identifier, type, data, length);
}

static GBytes *
finish (EapServer *server, gboolean success)
{
  return eap_packet (success ? IKE_EAP_CODE_SUCCESS : IKE_EAP_CODE_FAILURE, server->identifier, 0, NULL, 0);
}

/* --- MSCHAPv2 --- */

EapServer *
eap_server_new_mschapv2 (const char *user, const char *password)
{
  EapServer *server = g_new0 (EapServer, 1);

  server->method = IKE_EAP_METHOD_MSCHAPV2;
  server->user = user;
  server->password = password;
  memset (server->challenge, 0x5a, sizeof server->challenge);
  return server;
}

static GBytes *
mschapv2_request (EapServer *server, guint8 opcode, const guint8 *data, gsize length)
{
  g_auto (WireWriter) writer = { 0 };

  wire_writer_init (&writer, 1024);
  wire_write_u8 (&writer, opcode);
  wire_write_u8 (&writer, 7);
  wire_write_u16 (&writer, (guint16)(4 + length));
  wire_write_data (&writer, data, length);
  return request (server, IKE_EAP_TYPE_MSCHAPV2, wire_writer_peek (&writer), wire_writer_length (&writer));
}

static GBytes *
challenge (EapServer *server)
{
  guint8 data[1 + IKE_MSCHAPV2_CHALLENGE_LENGTH + 2] = { IKE_MSCHAPV2_CHALLENGE_LENGTH };

  memcpy (data + 1, server->challenge, sizeof server->challenge);
  memcpy (data + 1 + sizeof server->challenge, "gw", 2);
  return mschapv2_request (server, 1, data, sizeof data);
}

/* The new challenge of a failure message (RFC 2759 6). */
static void
take_challenge (EapServer *server, const char *words)
{
  const char *hex = strstr (words, "C=") + 2;

  for (guint i = 0; i < sizeof server->challenge; i++)
    server->challenge[i] = (guint8)(g_ascii_xdigit_value (hex[2 * i]) << 4 | g_ascii_xdigit_value (hex[2 * i + 1]));
}

static GBytes *
refuse_once (EapServer *server)
{
  const char *words = g_steal_pointer (&server->again);

  take_challenge (server, words);
  server->step = 1;
  server->retried = TRUE;
  return mschapv2_request (server, 4, (const guint8 *)words, strlen (words));
}

static GBytes *welcome (EapServer *server, const guint8 hash[16], const guint8 response[24], const guint8 hashed[8]);

static void
decrypt (guint8 *block, gsize length, const guint8 key[16])
{
  OSSL_LIB_CTX *library = OSSL_LIB_CTX_new ();
  OSSL_PROVIDER *legacy = OSSL_PROVIDER_load (library, "legacy");
  EVP_CIPHER *cipher = EVP_CIPHER_fetch (library, "RC4", NULL);
  EVP_CIPHER_CTX *context = EVP_CIPHER_CTX_new ();
  int done;

  g_assert_cmpint (EVP_DecryptInit_ex2 (context, cipher, key, NULL, NULL), ==, 1);
  g_assert_cmpint (EVP_DecryptUpdate (context, block, &done, block, (int)length), ==, 1);
  EVP_CIPHER_CTX_free (context);
  EVP_CIPHER_free (cipher);
  OSSL_PROVIDER_unload (legacy);
  OSSL_LIB_CTX_free (library);
}

/* OpCode, ID, length (2), 516, 16, peer challenge (16), zeros (8), NT-Response (24), flags (2): RFC 2759 7. */
static GBytes *
judge_change (EapServer *server, IkeView data)
{
  static const guint8 zeros[8];
  g_autoptr (IkeMschapv2Crypto) crypto = ike_mschapv2_crypto_new ();
  g_autoptr (RoamSecret) old_password =
    roam_secret_new ((const guint8 *)server->old_password, strlen (server->old_password));
  g_autoptr (RoamSecret) password = roam_secret_new ((const guint8 *)server->password, strlen (server->password));
  guint8 old_hash[16], hash[16], block[516], under[16], hashed[8], expected[24];
  gsize length = 2 * strlen (server->password);

  g_assert_cmpuint (data.length, ==, 586);
  g_assert_cmpuint (data.data[0], ==, 7);
  g_assert_cmpuint (data.data[1], ==, 8);
  g_assert_cmpuint (data.data[2] * 256u + data.data[3], ==, 586);
  g_assert_true (ike_mschapv2_password_hash (crypto, old_password, old_hash));
  g_assert_true (ike_mschapv2_password_hash (crypto, password, hash));
  memcpy (block, data.data + 4, sizeof block);
  decrypt (block, sizeof block, old_hash);
  g_assert_cmpuint (block[512] | (guint)block[513] << 8 | (guint)block[514] << 16 | (guint)block[515] << 24, ==,
                    length);
  for (gsize i = 0; i < length; i++)
    g_assert_cmpuint (block[512 - length + i], ==, i % 2 == 0 ? (guint8)server->password[i / 2] : 0);
  g_assert_true (ike_mschapv2_encrypt_hash (crypto, old_hash, hash, under));
  g_assert_cmpmem (data.data + 520, 16, under, 16);
  g_assert_cmpmem (data.data + 552, 8, zeros, 8);
  g_assert_cmpmem (data.data + 584, 2, zeros, 2);
  g_assert_true (ike_mschapv2_challenge (data.data + 536, server->challenge, server->user, hashed));
  g_assert_true (ike_mschapv2_nt_response (crypto, hashed, hash, expected));
  g_assert_cmpmem (data.data + 560, 24, expected, 24);
  server->changed = TRUE;
  return welcome (server, hash, expected, hashed);
}

/* OpCode, ID, length (2), 49, peer challenge (16), zeros (8), NT-Response (24), flags, name. */
static GBytes *
judge (EapServer *server, IkeView data)
{
  g_autoptr (IkeMschapv2Crypto) crypto = ike_mschapv2_crypto_new ();
  g_autoptr (RoamSecret) password = roam_secret_new ((const guint8 *)server->password, strlen (server->password));
  const char *name = strrchr (server->user, '\\');
  gsize user = strlen (server->user);
  guint8 hash[16], hashed[8], expected[24];

  g_assert_cmpuint (data.length, ==, 54 + user);
  g_assert_cmpuint (data.data[0], ==, 2);
  g_assert_cmpuint (data.data[1], ==, server->retried ? 8 : 7);
  g_assert_cmpuint (data.data[2] * 256u + data.data[3], ==, data.length);
  g_assert_cmpmem (data.data + 54, user, server->user, user);
  memcpy (server->response, data.data, MIN (sizeof server->response, data.length));
  g_assert_true (ike_mschapv2_password_hash (crypto, password, hash));
  g_assert_true (
    ike_mschapv2_challenge (data.data + 5, server->challenge, name != NULL ? name + 1 : server->user, hashed));
  g_assert_true (ike_mschapv2_nt_response (crypto, hashed, hash, expected));
  if (server->again != NULL)
    return refuse_once (server);
  if (server->failure != NULL || memcmp (expected, data.data + 29, sizeof expected) != 0)
    {
      const char *words = server->failure ? server->failure : "E=691 R=0 C=00000000000000000000000000000000 V=3 M=no";

      server->failed = TRUE;
      return mschapv2_request (server, 4, (const guint8 *)words, strlen (words));
    }
  return welcome (server, hash, expected, hashed);
}

static GBytes *
welcome (EapServer *server, const guint8 hash[16], const guint8 response[24], const guint8 hashed[8])
{
  g_autoptr (IkeMschapv2Crypto) crypto = ike_mschapv2_crypto_new ();
  char text[IKE_MSCHAPV2_AUTHENTICATOR_LENGTH + 5];

  g_assert_true (ike_mschapv2_authenticator_response (crypto, hash, response, hashed, text));
  memcpy (text + IKE_MSCHAPV2_AUTHENTICATOR_LENGTH, " M=ok", 5);
  if (server->wrong_authenticator)
    text[10] = text[10] == '0' ? '1' : '0';
  for (guint i = 2; server->lower_case && i < IKE_MSCHAPV2_AUTHENTICATOR_LENGTH; i++)
    text[i] = g_ascii_tolower (text[i]);
  server->msk = ike_mschapv2_msk (crypto, hash, response);
  return mschapv2_request (server, 3, (const guint8 *)text, sizeof text);
}

/* --- TLS --- */

EapServer *
eap_server_new_tls (const PkiNode *ca, const PkiNode *node, int version)
{
  EapServer *server = g_new0 (EapServer, 1);
  SSL_CTX *context = SSL_CTX_new (TLS_server_method ());

  server->method = IKE_EAP_METHOD_TLS;
  server->fragment = 400;
  server->pending = g_byte_array_new ();
  server->first_flight = g_byte_array_new ();
  g_assert_cmpint (SSL_CTX_set_min_proto_version (context, version), ==, 1);
  g_assert_cmpint (SSL_CTX_set_max_proto_version (context, version), ==, 1);
  g_assert_cmpint (SSL_CTX_use_certificate (context, node->certificate), ==, 1);
  g_assert_cmpint (SSL_CTX_use_PrivateKey (context, node->key), ==, 1);
  X509_STORE_add_cert (SSL_CTX_get_cert_store (context), ca->certificate);
  SSL_CTX_set_verify (context, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, NULL);
  X509_VERIFY_PARAM_set_time (SSL_CTX_get0_param (context), PKI_NOW);
  server->ssl = SSL_new (context);
  server->in = BIO_new (BIO_s_mem ());
  server->out = BIO_new (BIO_s_mem ());
  SSL_set_bio (server->ssl, server->in, server->out);
  SSL_set_accept_state (server->ssl);
  SSL_CTX_free (context);
  return server;
}

static void
take_msk (EapServer *server)
{
  static const guint8 type = 13;
  guint8 material[128];
  int good;

  if (SSL_version (server->ssl) == TLS1_3_VERSION)
    good = SSL_export_keying_material (server->ssl, material, sizeof material, "EXPORTER_EAP_TLS_Key_Material", 29,
                                       &type, 1, 1);
  else
    good = SSL_export_keying_material (server->ssl, material, sizeof material, "client EAP encryption", 21, NULL, 0, 0);
  g_assert_cmpint (good, ==, 1);
  server->msk = roam_secret_new (material, IKE_EAP_MSK_LENGTH);
}

/* The next fragment of what is pending, or an acknowledgement. */
static GBytes *
send_pending (EapServer *server)
{
  gsize left = server->pending->len - server->sent, part = MIN (left, server->fragment);
  gboolean more = part < left, first = server->sent == 0 && more;
  g_auto (WireWriter) writer = { 0 };

  wire_writer_init (&writer, 65000);
  wire_write_u8 (&writer, (guint8)((more ? 0x40 : 0) | (first ? 0x80 : 0)));
  if (first)
    wire_write_u32 (&writer, server->pending->len);
  if (part > 0)
    wire_write_data (&writer, server->pending->data + server->sent, part);
  server->sent += part;
  if (!more)
    {
      g_byte_array_set_size (server->pending, 0);
      server->sent = 0;
    }
  return request (server, IKE_EAP_TYPE_TLS, wire_writer_peek (&writer), wire_writer_length (&writer));
}

static void
run_tls (EapServer *server)
{
  char *data = NULL;
  long length;
  int done = SSL_do_handshake (server->ssl);

  if (done == 1 && server->msk == NULL)
    take_msk (server);
  else if (done != 1 && SSL_get_error (server->ssl, done) != SSL_ERROR_WANT_READ)
    server->failed = TRUE;
  if (done == 1 && SSL_version (server->ssl) == TLS1_3_VERSION && !server->no_indication && !server->indicated)
    {
      static const guint8 zero = 0;

      g_assert_cmpint (SSL_write (server->ssl, &zero, 1), ==, 1);
      server->indicated = TRUE;
    }
  length = BIO_get_mem_data (server->out, &data);
  g_byte_array_append (server->pending, (const guint8 *)data, (guint)length);
  (void)BIO_reset (server->out);
}

static GBytes *
next_tls (EapServer *server, IkeView data)
{
  guint8 flags = data.data[0];
  gsize skip = flags & 0x80 ? 5 : 1;

  server->last_flags = flags;
  if (server->pending->len > 0)
    {
      g_assert_cmpuint (data.length, ==, 1); /* an acknowledgement */
      server->acks++;
      return send_pending (server);
    }
  if (data.length == skip) /* nothing to say: the peer has finished */
    return finish (server, server->msk != NULL && !server->failed);
  server->fragments_in++;
  if (server->msk == NULL && server->step == 2)
    g_byte_array_append (server->first_flight, data.data + skip, (guint)(data.length - skip));
  g_assert_cmpint (BIO_write (server->in, data.data + skip, (int)(data.length - skip)), >, 0);
  if (flags & 0x40)
    return request (server, IKE_EAP_TYPE_TLS, (const guint8 *)"", 1);
  server->step++;
  run_tls (server);
  if (server->failed || (server->msk != NULL && server->pending->len == 0))
    return finish (server, !server->failed);
  return send_pending (server);
}

/* --- both --- */

void
eap_server_free (EapServer *server)
{
  if (server == NULL)
    return;
  g_free (server->identity);
  roam_secret_unref (server->msk);
  SSL_free (server->ssl);
  g_clear_pointer (&server->pending, g_byte_array_unref);
  g_clear_pointer (&server->first_flight, g_byte_array_unref);
  g_free (server);
}

GBytes *
eap_server_next (EapServer *server, IkeView response)
{
  IkeView data = { response.data + 5, response.length - 5 };

  if (response.length == 0)
    return request (server, IKE_EAP_TYPE_IDENTITY, NULL, 0);
  g_assert_cmpuint (response.data[0], ==, IKE_EAP_CODE_RESPONSE);
  g_assert_cmpuint (response.data[1], ==, server->identifier);
  g_assert_cmpuint (response.data[2] * 256u + response.data[3], ==, response.length);
  if (server->step == 0)
    {
      g_assert_cmpuint (response.data[4], ==, IKE_EAP_TYPE_IDENTITY);
      server->identity = g_strndup ((const char *)data.data, data.length);
      server->step = server->method == IKE_EAP_METHOD_TLS ? 2 : 1;
      return server->step == 2 ? request (server, IKE_EAP_TYPE_TLS, (const guint8 *)"\x20", 1) : challenge (server);
    }
  if (response.data[4] == IKE_EAP_TYPE_NAK)
    return finish (server, FALSE);
  if (server->method == IKE_EAP_METHOD_TLS)
    return next_tls (server, data);
  if (server->step++ == 1)
    return data.data[0] == 7 ? judge_change (server, data) : judge (server, data);
  g_assert_cmpuint (response.length, ==, 6);
  return finish (server, !server->failed);
}
