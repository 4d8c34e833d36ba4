/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "ike/ike-crypto-private.h"

#include <openssl/evp.h>
#include <openssl/x509.h>

/* A certificate authority of the tests. Nothing is random but the keys; validity is in Unix seconds. */

#define PKI_NOW G_GINT64_CONSTANT (1700000000)
#define PKI_YEAR G_GINT64_CONSTANT (31536000)

typedef struct
{
  X509 *certificate;
  EVP_PKEY *key;
} PkiNode;

typedef struct
{
  const char *common_name;
  const char *key;       /* "RSA:2048", "EC:P-256", "ED25519" */
  const char *san;       /* OpenSSL's syntax, or NULL */
  const char *key_usage; /* the same */
  const char *extended_usage;
  const char *constraints; /* "critical,CA:TRUE", or NULL */
  gint64 from, until;      /* 0: one year before and after PKI_NOW */
  const char *digest;      /* NULL: SHA256 */
  const char *info_access; /* OpenSSL's syntax, or NULL: "OCSP;URI:http://..." */
  const char *crl_points;  /* the same: "URI:http://..." */
  EVP_PKEY *own_key;       /* instead of a fresh one; referenced, may be without its private half */
} PkiRequest;

/* Signed by @issuer, or by itself. */
PkiNode *pki_issue (const PkiRequest *request, const PkiNode *issuer);
void pki_node_free (PkiNode *node);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (PkiNode, pki_node_free)

GBytes *pki_certificate_pem (const PkiNode *node);
RoamSecret *pki_key_pem (const PkiNode *node);
GBytes *pki_certificate_der (const PkiNode *node);
/* DER; @revoked may be NULL. @until: next update, 0: a year after PKI_NOW. */
GBytes *pki_crl_der (const PkiNode *issuer, const PkiNode *revoked, gint64 until);

typedef enum
{
  PKI_GOOD,
  PKI_REVOKED,
  PKI_UNKNOWN,
} PkiStatus;

/* An OCSPResponse; what is zero or NULL is left out or usual. */
typedef struct
{
  const PkiNode *signer; /* NULL: @issuer */
  PkiStatus status;
  gint64 this_update; /* 0: PKI_NOW */
  gint64 next_update; /* 0: none */
  GBytes *request;    /* its nonce is repeated; NULL: none is */
  gboolean sha256;    /* names the certificate by SHA-256 */
  gboolean try_later; /* no answer at all */
} PkiOcsp;

GBytes *pki_ocsp_der (const PkiNode *issuer, const PkiNode *subject, const PkiOcsp *ocsp);
