/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A TLS 1.2 or 1.3 client between two memory buffers, for EAP-TLS. */
#include "ike/eap/ike-eap-private.h"
#include "ike/ike-signature-private.h"

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <string.h>

/* RFC 9190 2.3: the exporter is asked for Key_Material of 128 octets, the MSK is its first half. */
#define KEY_MATERIAL_LENGTH 128
/* 112 bits, as for the certificates of IKE. */
#define SECURITY_LEVEL 2

G_DEFINE_AUTOPTR_CLEANUP_FUNC (SSL_CTX, SSL_CTX_free)

struct _IkeTlsClient
{
  SSL *ssl;
  BIO *in, *out; /* of ssl */
};

static gboolean
use_own_certificate (SSL_CTX *context, const IkeCredentials *credentials)
{
  const GPtrArray *chain = ike_credentials_chain (credentials);
  STACK_OF (X509) *others = sk_X509_new_null ();
  gboolean good = chain->len > 0 && ike_credentials_key (credentials) != NULL;

  for (guint i = 1; good && i < chain->len; i++)
    good = sk_X509_push (others, chain->pdata[i]) > 0;
  good = good && SSL_CTX_use_cert_and_key (context, chain->pdata[0], ike_credentials_key (credentials), others, 1) == 1;
  sk_X509_free (others);
  return good;
}

static SSL_CTX *
make_context (const IkeCredentials *credentials)
{
  g_autoptr (SSL_CTX) context = SSL_CTX_new (TLS_client_method ());

  if (context == NULL || SSL_CTX_set_min_proto_version (context, TLS1_2_VERSION) != 1 ||
      SSL_CTX_set_max_proto_version (context, TLS1_3_VERSION) != 1)
    return NULL;
  /* No resumption here, so no tickets; RFC 9190 2.1 has no other use for what follows the handshake. */
  SSL_CTX_set_options (context, SSL_OP_NO_TICKET | SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION);
  /*
   * strongSwan's TLS 1.2 (seen with 5.9.8) does not announce secure renegotiation (RFC 5746). What that
   * guards against, a renegotiated session that begins with a stranger's, cannot be here: there is one
   * handshake, and the keys of that one go into AUTH.
   */
  SSL_CTX_set_options (context, SSL_OP_LEGACY_SERVER_CONNECT);
  SSL_CTX_set_session_cache_mode (context, SSL_SESS_CACHE_OFF);
  SSL_CTX_set_security_level (context, SECURITY_LEVEL);
  SSL_CTX_set_verify (context, SSL_VERIFY_PEER, NULL);
  SSL_CTX_set_cert_store (context, ike_credentials_make_store (credentials));
  return use_own_certificate (context, credentials) ? g_steal_pointer (&context) : NULL;
}

IkeTlsClient *
ike_tls_client_new (const IkeCredentials *credentials, const char *server_name, char **ret_problem)
{
  g_autoptr (IkeTlsClient) client = g_new0 (IkeTlsClient, 1);
  g_autoptr (SSL_CTX) context = make_context (credentials);
  X509_VERIFY_PARAM *param;

  ERR_clear_error ();
  if (context != NULL)
    client->ssl = SSL_new (context);
  if (client->ssl == NULL)
    {
      *ret_problem = g_strdup ("The certificate or private key cannot be used for EAP-TLS.");
      return NULL;
    }
  param = SSL_get0_param (client->ssl);
  X509_VERIFY_PARAM_set_hostflags (param, X509_CHECK_FLAG_NEVER_CHECK_SUBJECT | X509_CHECK_FLAG_NO_WILDCARDS);
  if (X509_VERIFY_PARAM_set1_host (param, server_name, 0) != 1)
    {
      *ret_problem = g_strdup ("The name of the EAP-TLS server cannot be used.");
      return NULL;
    }
  client->in = BIO_new (BIO_s_mem ());
  client->out = BIO_new (BIO_s_mem ());
  SSL_set_bio (client->ssl, client->in, client->out);
  SSL_set_connect_state (client->ssl);
  return g_steal_pointer (&client);
}

void
ike_tls_client_free (IkeTlsClient *client)
{
  if (client == NULL)
    return;
  SSL_free (client->ssl);
  g_free (client);
}

static GBytes *
take_output (IkeTlsClient *client)
{
  char *data = NULL;
  long length = BIO_get_mem_data (client->out, &data);
  GBytes *bytes = g_bytes_new (data, length > 0 ? (gsize)length : 0);

  (void)BIO_reset (client->out);
  return bytes;
}

static IkeTlsState
fail (IkeTlsClient *client, IkeEapFault *fault)
{
  long verdict = SSL_get_verify_result (client->ssl);

  *fault = (IkeEapFault){ "the TLS handshake of EAP-TLS failed",
                          "Compare certificates and TLS versions with those of the server." };
  if (verdict != X509_V_OK)
    ike_certificate_explain ((int)verdict, &fault->reason, &fault->advice);
  ERR_clear_error ();
  return IKE_TLS_BROKEN;
}

/* After the handshake TLS 1.3 sends one octet 0x00 (RFC 9190 2.1.1); tickets before it are read on the way. */
static IkeTlsState
read_indication (IkeTlsClient *client, IkeEapFault *fault)
{
  guint8 octets[2];
  int n = SSL_read (client->ssl, octets, sizeof octets);

  if (n == 1 && octets[0] == 0)
    return IKE_TLS_DONE;
  if (n <= 0 && SSL_get_error (client->ssl, n) == SSL_ERROR_WANT_READ)
    return IKE_TLS_RUNNING;
  return fail (client, fault);
}

static IkeTlsState
advance (IkeTlsClient *client, IkeEapFault *fault)
{
  int done = SSL_do_handshake (client->ssl);

  if (done != 1)
    return SSL_get_error (client->ssl, done) == SSL_ERROR_WANT_READ ? IKE_TLS_RUNNING : fail (client, fault);
  return SSL_version (client->ssl) >= TLS1_3_VERSION ? read_indication (client, fault) : IKE_TLS_DONE;
}

IkeTlsState
ike_tls_client_step (IkeTlsClient *client, const RoamNow *now, IkeView data, GBytes **ret_output, IkeEapFault *fault)
{
  IkeTlsState state;

  X509_VERIFY_PARAM_set_time (SSL_get0_param (client->ssl), roam_now_unix (now));
  ERR_clear_error ();
  if (data.length > 0 && BIO_write (client->in, data.data, (int)data.length) != (int)data.length)
    state = fail (client, fault);
  else
    state = advance (client, fault);
  *ret_output = take_output (client);
  return state;
}

RoamSecret *
ike_tls_client_msk (IkeTlsClient *client)
{
  static const char label12[] = "client EAP encryption", label13[] = "EXPORTER_EAP_TLS_Key_Material";
  static const guint8 type = IKE_EAP_TYPE_TLS;
  guint8 material[KEY_MATERIAL_LENGTH];
  RoamSecret *msk = NULL;
  int good;

  if (SSL_version (client->ssl) >= TLS1_3_VERSION)
    good = SSL_export_keying_material (client->ssl, material, sizeof material, label13, strlen (label13), &type, 1, 1);
  else
    good = SSL_export_keying_material (client->ssl, material, sizeof material, label12, strlen (label12), NULL, 0, 0);
  if (good == 1)
    msk = roam_secret_new (material, IKE_EAP_MSK_LENGTH);
  roam_wipe (material, sizeof material);
  return msk;
}
