/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "ike/ike-crypto-private.h"

#include <openssl/evp.h>
#include <openssl/x509.h>

/* What ike-signature.c, ike-certificate.c and EAP-TLS share; nothing of libcrypto goes further than this. */

struct _IkePublicKey
{
  EVP_PKEY *key;
  STACK_OF (X509) * chain; /* as verified: leaf first, anchor last; NULL: it did not come with a certificate */
  gboolean covered_by_crl; /* a valid revocation list of the issuer says nothing against the leaf */
};

/* A way to sign. */
typedef struct
{
  int key_type; /* EVP_PKEY_RSA, EVP_PKEY_EC, EVP_PKEY_ED25519 */
  guint16 hash; /* IKE_HASH_* */
  gboolean pss; /* RSA: RSASSA-PSS with MGF1 and a salt as long as the hash */
} IkeSignatureScheme;

/* Takes @key. */
IkePublicKey *ike_public_key_new (EVP_PKEY *key);
/* DER AlgorithmIdentifier, static. FALSE: none for this scheme. */
gboolean ike_signature_identifier (const IkeSignatureScheme *scheme, IkeView *ret_identifier);
/* ECDSA signatures are DER. NULL: the key cannot do it. */
GBytes *ike_signature_make (EVP_PKEY *key, const IkeSignatureScheme *scheme, IkeView octets);
gboolean ike_signature_check (EVP_PKEY *key, const IkeSignatureScheme *scheme, IkeView signature, IkeView octets);
/* Bits of an EC key's field; 0 for others. */
guint ike_signature_curve_bits (EVP_PKEY *key);
/* Method 9, 10 or 11 that an EC key's curve belongs to (RFC 4754). */
gboolean ike_signature_raw_method (EVP_PKEY *key, guint8 *ret_method, IkeSignatureScheme *ret_scheme);
/* DER signature to r | s. */
GBytes *ike_signature_to_raw (GBytes *der, guint bits);

/* 112 bits: no RSA below 2048 bits, no SHA-1 signature in a chain (RFC 8247 3.1.1). */
#define IKE_SECURITY_LEVEL 2

/* Own key (NULL: none, or it is outside) and chain of X509, leaf first (may be empty); borrowed. */
EVP_PKEY *ike_credentials_key (const IkeCredentials *credentials);
/* Of the own key, which may be outside; NULL: none. Borrowed; good for verifying only. */
EVP_PKEY *ike_credentials_public_key (const IkeCredentials *credentials);
const GPtrArray *ike_credentials_chain (const IkeCredentials *credentials);
/* A store of the anchors and, when there are any, the CRLs, which then must cover a leaf. Caller frees. */
X509_STORE *ike_credentials_make_store (const IkeCredentials *credentials);
/* The anchors only. Caller frees. */
X509_STORE *ike_credentials_make_anchor_store (const IkeCredentials *credentials);
/* X509_V_ERR_* in words for the user; static. */
void ike_certificate_explain (int error, const char **ret_reason, const char **ret_advice);
