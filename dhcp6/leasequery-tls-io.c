/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "dhcp6/leasequery-tls-io.h"

#include <errno.h>
#include <gio/gio.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <string.h>
#include <sys/socket.h>

/* OpenSSL over a socket. Its own socket BIO would raise SIGPIPE, which a library must leave alone. */

struct _LeasequeryTls
{
  guint references;
  SSL_CTX *context;
  BIO_METHOD *method;
  char **names;
  gboolean is_server;
};

struct _LeasequeryTlsSession
{
  LeasequeryTls *tls;
  SSL *ssl;
  gboolean wants_write, failed;
  char *error;
};

/* --------------------------------------------------------------------- BIO ---- */

static int
bio_fd (BIO *bio)
{
  return GPOINTER_TO_INT (BIO_get_data (bio)) - 1;
}

static int
bio_write (BIO *bio, const char *data, int length)
{
  gssize n;

  do
    n = send (bio_fd (bio), data, (size_t)length, MSG_NOSIGNAL | MSG_DONTWAIT);
  while (n < 0 && errno == EINTR);
  BIO_clear_retry_flags (bio);
  if (n < 0 && errno == EAGAIN)
    BIO_set_retry_write (bio);
  return (int)n;
}

static int
bio_read (BIO *bio, char *data, int length)
{
  gssize n;

  do
    n = recv (bio_fd (bio), data, (size_t)length, MSG_DONTWAIT);
  while (n < 0 && errno == EINTR);
  BIO_clear_retry_flags (bio);
  if (n < 0 && errno == EAGAIN)
    BIO_set_retry_read (bio);
  if (n == 0)
    BIO_set_flags (bio, BIO_FLAGS_IN_EOF);
  return (int)n;
}

static long
bio_control (BIO *bio, int command, long number, void *pointer)
{
  if (command == BIO_CTRL_EOF)
    return BIO_test_flags (bio, BIO_FLAGS_IN_EOF) != 0;
  return command == BIO_CTRL_FLUSH;
}

static BIO_METHOD *
make_method (void)
{
  static gsize type;
  BIO_METHOD *method = NULL;

  /* libcrypto has some hundred numbers in all, and settings are read anew with each reload. */
  if (g_once_init_enter (&type))
    g_once_init_leave (&type, (gsize)(BIO_get_new_index () | BIO_TYPE_SOURCE_SINK));
  method = BIO_meth_new ((int)type, "leasequery");
  BIO_meth_set_write (method, bio_write);
  BIO_meth_set_read (method, bio_read);
  BIO_meth_set_ctrl (method, bio_control);
  return method;
}

/* ---------------------------------------------------------------- settings ---- */

static gboolean
fail (GError **error, const char *what, const char *file)
{
  unsigned long code = ERR_peek_last_error ();
  const char *reason = ERR_SYSTEM_ERROR (code) ? g_strerror (ERR_GET_REASON (code)) : ERR_reason_error_string (code);

  g_set_error (error, G_IO_ERROR, G_IO_ERROR_FAILED, "%s %s: %s", what, file, reason != NULL ? reason : "unusable");
  ERR_clear_error ();
  return FALSE;
}

static gboolean
load_files (LeasequeryTls *tls, const LeasequeryTlsConfig *config, GError **error)
{
  ERR_clear_error ();
  if (SSL_CTX_load_verify_file (tls->context, config->ca_file) != 1)
    return fail (error, "certificates of the CA", config->ca_file);
  if (SSL_CTX_use_certificate_chain_file (tls->context, config->certificate_file) != 1)
    return fail (error, "certificate", config->certificate_file);
  if (SSL_CTX_use_PrivateKey_file (tls->context, config->key_file, SSL_FILETYPE_PEM) != 1)
    return fail (error, "key", config->key_file);
  if (SSL_CTX_check_private_key (tls->context) != 1)
    return fail (error, "key", config->key_file);
  /* The server names the CA when it asks for a certificate; who has several can choose. */
  if (tls->is_server)
    SSL_CTX_set_client_CA_list (tls->context, SSL_load_client_CA_file (config->ca_file));
  return TRUE;
}

LeasequeryTls *
leasequery_tls_new (const LeasequeryTlsConfig *config, gboolean is_server, GError **error)
{
  g_autoptr (LeasequeryTls) tls = g_new0 (LeasequeryTls, 1);

  tls->references = 1;
  tls->is_server = is_server;
  tls->names = g_strdupv ((char **)config->names);
  tls->method = make_method ();
  tls->context = SSL_CTX_new (is_server ? TLS_server_method () : TLS_client_method ());
  SSL_CTX_set_min_proto_version (tls->context, TLS1_2_VERSION);
  /* No renegotiation, no resumption: every connection checks both certificates anew. */
  SSL_CTX_set_options (tls->context, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_TICKET | SSL_OP_NO_COMPRESSION);
  SSL_CTX_set_session_cache_mode (tls->context, SSL_SESS_CACHE_OFF);
  SSL_CTX_set_num_tickets (tls->context, 0);
  SSL_CTX_set_mode (tls->context,
                    SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER | SSL_MODE_RELEASE_BUFFERS);
  SSL_CTX_set_verify (tls->context, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, NULL);
  return load_files (tls, config, error) ? g_steal_pointer (&tls) : NULL;
}

LeasequeryTls *
leasequery_tls_ref (LeasequeryTls *tls)
{
  tls->references++;
  return tls;
}

void
leasequery_tls_unref (LeasequeryTls *tls)
{
  if (tls == NULL || --tls->references > 0)
    return;
  SSL_CTX_free (tls->context);
  BIO_meth_free (tls->method);
  g_strfreev (tls->names);
  g_free (tls);
}

/* ----------------------------------------------------------------- session ---- */

LeasequeryTlsSession *
leasequery_tls_session_new (LeasequeryTls *tls, int fd, const char *name)
{
  LeasequeryTlsSession *session = g_new0 (LeasequeryTlsSession, 1);
  BIO *bio = BIO_new (tls->method);

  session->tls = leasequery_tls_ref (tls);
  session->ssl = SSL_new (tls->context);
  BIO_set_data (bio, GINT_TO_POINTER (fd + 1));
  BIO_set_init (bio, 1);
  SSL_set_bio (session->ssl, bio, bio);
  if (tls->is_server)
    SSL_set_accept_state (session->ssl);
  else
    SSL_set_connect_state (session->ssl);
  if (name != NULL && X509_VERIFY_PARAM_set1_ip_asc (SSL_get0_param (session->ssl), name) != 1)
    {
      /* An empty name would switch the check off. */
      session->failed = name[0] == '\0' || SSL_set1_host (session->ssl, name) != 1;
      SSL_set_tlsext_host_name (session->ssl, name);
    }
  if (session->failed)
    session->error = g_strdup ("the server has no name that its certificate could be compared with");
  ERR_clear_error ();
  return session;
}

void
leasequery_tls_session_free (LeasequeryTlsSession *session)
{
  if (session == NULL)
    return;
  SSL_free (session->ssl);
  leasequery_tls_unref (session->tls);
  g_free (session->error);
  g_free (session);
}

/* -1 with errno, after OpenSSL's @result of an operation. */
static int
judge (LeasequeryTlsSession *session, int result)
{
  int kind = SSL_get_error (session->ssl, result), system = errno;
  unsigned long code = ERR_peek_last_error ();
  long verified = SSL_get_verify_result (session->ssl);
  const char *reason = NULL;

  session->wants_write = kind == SSL_ERROR_WANT_WRITE;
  if (kind == SSL_ERROR_WANT_READ || kind == SSL_ERROR_WANT_WRITE)
    {
      errno = EAGAIN;
      return -1;
    }
  session->failed = TRUE;
  g_free (session->error);
  if (verified != X509_V_OK)
    session->error = g_strdup_printf ("the certificate of the peer: %s", X509_verify_cert_error_string (verified));
  else
    {
      if (code != 0)
        reason = ERR_reason_error_string (code);
      else if (kind == SSL_ERROR_SYSCALL && system != 0)
        reason = g_strerror (system);
      session->error = g_strdup_printf ("TLS: %s", reason != NULL ? reason : "the peer has closed");
    }
  ERR_clear_error ();
  errno = EPROTO;
  return -1;
}

/* Server: the requestor's certificate is one of those that were listed. */
static gboolean
is_listed (const LeasequeryTlsSession *session)
{
  X509 *certificate = SSL_get0_peer_certificate (session->ssl);
  char **names = session->tls->names;

  if (names == NULL || names[0] == NULL)
    return TRUE;
  for (guint i = 0; certificate != NULL && names[i] != NULL; i++)
    if (X509_check_ip_asc (certificate, names[i], 0) == 1 || X509_check_host (certificate, names[i], 0, 0, NULL) == 1)
      return TRUE;
  return FALSE;
}

int
leasequery_tls_session_handshake (LeasequeryTlsSession *session)
{
  int result;

  if (session->failed)
    {
      errno = EPROTO;
      return -1;
    }
  ERR_clear_error ();
  errno = 0;
  result = SSL_do_handshake (session->ssl);
  if (result != 1)
    return judge (session, result);
  session->wants_write = FALSE;
  if (is_listed (session))
    return 0;
  session->failed = TRUE;
  session->error = g_strdup ("the certificate of the peer: its name is not listed");
  errno = EPROTO;
  return -1;
}

gssize
leasequery_tls_session_read (LeasequeryTlsSession *session, guint8 *buffer, gsize length)
{
  gsize total = 0, n;

  if (session->failed)
    {
      errno = EPROTO;
      return -1;
    }
  ERR_clear_error ();
  errno = 0;
  /* A call gives one record at most; a buffer full of them costs the engine less. */
  while (total < length)
    {
      int result = SSL_read_ex (session->ssl, buffer + total, length - total, &n);

      if (result != 1)
        {
          if (total > 0)
            break;
          return SSL_get_error (session->ssl, result) == SSL_ERROR_ZERO_RETURN ? 0 : judge (session, result);
        }
      total += n;
    }
  return (gssize)total;
}

gssize
leasequery_tls_session_write (LeasequeryTlsSession *session, const guint8 *data, gsize length)
{
  gsize n = 0;
  int result;

  if (session->failed)
    {
      errno = EPROTO;
      return -1;
    }
  ERR_clear_error ();
  errno = 0;
  result = SSL_write_ex (session->ssl, data, length, &n);
  return result == 1 ? (gssize)n : judge (session, result);
}

gboolean
leasequery_tls_session_wants_write (const LeasequeryTlsSession *session)
{
  return session->wants_write;
}

gboolean
leasequery_tls_session_is_pending (const LeasequeryTlsSession *session)
{
  return SSL_pending (session->ssl) > 0;
}

void
leasequery_tls_session_end (LeasequeryTlsSession *session)
{
  if (session->failed || !SSL_is_init_finished (session->ssl))
    return;
  ERR_clear_error ();
  (void)SSL_shutdown (session->ssl);
  ERR_clear_error ();
}

const char *
leasequery_tls_session_get_error (const LeasequeryTlsSession *session)
{
  return session->error;
}
