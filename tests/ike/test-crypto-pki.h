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
