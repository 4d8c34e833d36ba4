/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "base/addr.h"

#include <glib.h>

/*
 * TLS of a leasequery connection (RFC 7653 8.2, 9.1): each side shows a certificate and checks the other's.
 * TLS 1.2 and later, over a non-blocking TCP socket that stays the caller's.
 */

typedef struct _LeasequeryTls LeasequeryTls;
typedef struct _LeasequeryTlsSession LeasequeryTlsSession;

typedef struct
{
  const char *ca_file;          /* PEM: whose certificates are believed */
  const char *certificate_file; /* PEM: our own, with what is between it and the CA */
  const char *key_file;         /* PEM */
  /* Server: one of these, DNS names or addresses, must be in the requestor's certificate. NULL: any of the CA's. */
  const char *const *names;
} LeasequeryTlsConfig;

/* Reads the files. NULL and @error (G_IO_ERROR; names the file). */
LeasequeryTls *leasequery_tls_new (const LeasequeryTlsConfig *config, gboolean is_server, GError **error);
LeasequeryTls *leasequery_tls_ref (LeasequeryTls *tls);
void leasequery_tls_unref (LeasequeryTls *tls);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (LeasequeryTls, leasequery_tls_unref)

/* @name: what must be in the server's certificate, a DNS name or an address; of a server's session NULL. */
LeasequeryTlsSession *leasequery_tls_session_new (LeasequeryTls *tls, int fd, const char *name);
void leasequery_tls_session_free (LeasequeryTlsSession *session);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (LeasequeryTlsSession, leasequery_tls_session_free)

/*
 * All three: -1 with errno EAGAIN when the socket has to become ready first, to be written to when wants_write()
 * says so; any other errno is the end of the connection, and get_error() says more.
 */
/* 0: done, both certificates are good. */
int leasequery_tls_session_handshake (LeasequeryTlsSession *session);
/* Octets read, as many as there are; 0: the peer has ended its side in good order. */
gssize leasequery_tls_session_read (LeasequeryTlsSession *session, guint8 *buffer, gsize length);
gssize leasequery_tls_session_write (LeasequeryTlsSession *session, const guint8 *data, gsize length);
gboolean leasequery_tls_session_wants_write (const LeasequeryTlsSession *session);
/* Something was read from the socket and not given out yet: it will not become readable for it. */
gboolean leasequery_tls_session_is_pending (const LeasequeryTlsSession *session);
/* Says that we end our side. What could not be sent at once is not sent. */
void leasequery_tls_session_end (LeasequeryTlsSession *session);
/* "the certificate of the peer: certificate has expired"; the session's; NULL: nothing went wrong. */
const char *leasequery_tls_session_get_error (const LeasequeryTlsSession *session);
