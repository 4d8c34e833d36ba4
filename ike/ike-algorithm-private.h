/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "ike/ike-crypto-private.h"

/* Tables of the algorithms: what each is called here, in the configuration and in libcrypto. */

typedef struct
{
  guint16 id;
  const char *name;   /* for displays */
  const char *digest; /* libcrypto's name of the hash */
  gsize key;          /* octets: output of a PRF, key of an integrity algorithm */
  gsize icv;          /* integrity: octets on the wire */
} IkeHmac;

/* PRFs of AES-128 have no hash: ike-prf-aes.c. */
#define IKE_PRF_AES_LENGTH 16
gboolean ike_prf_is_aes (guint16 prf);
gboolean ike_prf_aes (guint16 prf, IkeView key, const IkeView *parts, guint n_parts, guint8 out[IKE_PRF_AES_LENGTH]);

/* NULL: not supported, or no HMAC. */
const IkeHmac *ike_hmac_prf (guint16 prf);
const IkeHmac *ike_hmac_integ (guint16 integ);

typedef struct
{
  guint16 id;
  guint16 bits;   /* as in the Key Length attribute or, for a fixed size, of the key */
  gboolean fixed; /* no Key Length attribute (RFC 7634 4) */
  const char *name;
  const char *cipher; /* libcrypto's name */
  gsize key, salt;    /* octets */
  gsize iv, icv;      /* octets on the wire; icv 0: not AEAD */
} IkeEncryption;

/* @bits: as negotiated (0 for fixed sizes). NULL: not supported. */
const IkeEncryption *ike_encryption (guint16 encr, guint16 bits);

/* "ECP_384", or NULL. */
const char *ike_group_to_string (guint16 group);

/* HMAC with @digest over @parts; the first @length octets into @out. */
gboolean ike_hmac (const char *digest, IkeView key, const IkeView *parts, guint n_parts, guint8 *out, gsize length);

/* A view of a secret; of NULL: empty. */
IkeView ike_view_secret (const RoamSecret *secret);
