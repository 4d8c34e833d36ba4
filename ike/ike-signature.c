/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * AUTH with signatures: methods 1 (RSA), 9 to 11 (ECDSA, RFC 4754) and 14 (RFC 7427, 8420).
 */

#include "ike/ike-signature-private.h"

#include "base/wire.h"

#include <openssl/ec.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>
#include <string.h>

const guint16 ike_signature_hashes[4] = { IKE_HASH_SHA2_256, IKE_HASH_SHA2_384, IKE_HASH_SHA2_512, IKE_HASH_IDENTITY };

G_DEFINE_AUTOPTR_CLEANUP_FUNC (X509_ALGOR, X509_ALGOR_free)
G_DEFINE_AUTOPTR_CLEANUP_FUNC (RSA_PSS_PARAMS, RSA_PSS_PARAMS_free)
G_DEFINE_AUTOPTR_CLEANUP_FUNC (EVP_MD_CTX, EVP_MD_CTX_free)
G_DEFINE_AUTOPTR_CLEANUP_FUNC (ECDSA_SIG, ECDSA_SIG_free)

/* AlgorithmIdentifiers in the form in which they are sent (RFC 7427 app. A, 8420 3). */
static const guint8 oid_rsa_sha256[] = { 0x30, 0x0d, 0x06, 0x09, 0x2a, 0x86, 0x48, 0x86,
                                         0xf7, 0x0d, 0x01, 0x01, 0x0b, 0x05, 0x00 };
static const guint8 oid_rsa_sha384[] = { 0x30, 0x0d, 0x06, 0x09, 0x2a, 0x86, 0x48, 0x86,
                                         0xf7, 0x0d, 0x01, 0x01, 0x0c, 0x05, 0x00 };
static const guint8 oid_rsa_sha512[] = { 0x30, 0x0d, 0x06, 0x09, 0x2a, 0x86, 0x48, 0x86,
                                         0xf7, 0x0d, 0x01, 0x01, 0x0d, 0x05, 0x00 };
static const guint8 oid_ecdsa_sha256[] = { 0x30, 0x0a, 0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04, 0x03, 0x02 };
static const guint8 oid_ecdsa_sha384[] = { 0x30, 0x0a, 0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04, 0x03, 0x03 };
static const guint8 oid_ecdsa_sha512[] = { 0x30, 0x0a, 0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04, 0x03, 0x04 };
static const guint8 oid_ed25519[] = { 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70 };

/*
 * RSASSA-PSS with MGF1: the last octet of the hash OIDs and the salt length are all that differs. In DER the trailer
 * field, being the default, is left out. RFC 7427 app. A.4.3 shows it written out, and we read both, but libreswan
 * compares octets and knows this form only.
 */
#define PSS_IDENTIFIER(hash, salt)                                                                                     \
  {                                                                                                                    \
    0x30, 0x41, 0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x0a, 0x30, 0x34, 0xa0, 0x0f, 0x30, 0x0d,  \
      0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, hash, 0x05, 0x00, 0xa1, 0x1c, 0x30, 0x1a, 0x06,      \
      0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x08, 0x30, 0x0d, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01,      \
      0x65, 0x03, 0x04, 0x02, hash, 0x05, 0x00, 0xa2, 0x03, 0x02, 0x01, salt                                           \
  }
static const guint8 oid_pss_sha256[] = PSS_IDENTIFIER (0x01, 32);
static const guint8 oid_pss_sha384[] = PSS_IDENTIFIER (0x02, 48);
static const guint8 oid_pss_sha512[] = PSS_IDENTIFIER (0x03, 64);

/* All schemes; the parameters of PSS are read apart. */
static const struct
{
  int nid;
  IkeSignatureScheme scheme;
  const guint8 *der;
  gsize length;
} identifiers[] = {
  { NID_sha256WithRSAEncryption, { EVP_PKEY_RSA, IKE_HASH_SHA2_256, FALSE }, oid_rsa_sha256, sizeof oid_rsa_sha256 },
  { NID_sha384WithRSAEncryption, { EVP_PKEY_RSA, IKE_HASH_SHA2_384, FALSE }, oid_rsa_sha384, sizeof oid_rsa_sha384 },
  { NID_sha512WithRSAEncryption, { EVP_PKEY_RSA, IKE_HASH_SHA2_512, FALSE }, oid_rsa_sha512, sizeof oid_rsa_sha512 },
  { NID_ecdsa_with_SHA256, { EVP_PKEY_EC, IKE_HASH_SHA2_256, FALSE }, oid_ecdsa_sha256, sizeof oid_ecdsa_sha256 },
  { NID_ecdsa_with_SHA384, { EVP_PKEY_EC, IKE_HASH_SHA2_384, FALSE }, oid_ecdsa_sha384, sizeof oid_ecdsa_sha384 },
  { NID_ecdsa_with_SHA512, { EVP_PKEY_EC, IKE_HASH_SHA2_512, FALSE }, oid_ecdsa_sha512, sizeof oid_ecdsa_sha512 },
  { NID_ED25519, { EVP_PKEY_ED25519, IKE_HASH_IDENTITY, FALSE }, oid_ed25519, sizeof oid_ed25519 },
  { NID_rsassaPss, { EVP_PKEY_RSA, IKE_HASH_SHA2_256, TRUE }, oid_pss_sha256, sizeof oid_pss_sha256 },
  { NID_rsassaPss, { EVP_PKEY_RSA, IKE_HASH_SHA2_384, TRUE }, oid_pss_sha384, sizeof oid_pss_sha384 },
  { NID_rsassaPss, { EVP_PKEY_RSA, IKE_HASH_SHA2_512, TRUE }, oid_pss_sha512, sizeof oid_pss_sha512 },
};

gboolean
ike_hash_set_parse (IkeView data, IkeHashSet *ret_set)
{
  IkeHashSet set = 0;
  WireReader reader;

  wire_reader_init (&reader, data.data, data.length);
  while (wire_reader_left (&reader) > 0)
    {
      guint16 hash;

      if (!wire_read_u16 (&reader, &hash))
        return FALSE;
      if (hash >= IKE_HASH_SHA1 && hash <= IKE_HASH_IDENTITY)
        set |= 1u << hash;
    }
  *ret_set = set;
  return TRUE;
}

static const EVP_MD *
hash_digest (guint16 hash)
{
  switch (hash)
    {
    case IKE_HASH_SHA1:
      return EVP_sha1 ();
    case IKE_HASH_SHA2_256:
      return EVP_sha256 ();
    case IKE_HASH_SHA2_384:
      return EVP_sha384 ();
    case IKE_HASH_SHA2_512:
      return EVP_sha512 ();
    default:
      return NULL; /* Identity: EdDSA hashes by itself */
    }
}

/* SHA2 hashes only; 0 for everything else, SHA-1 and the defaults of RFC 4055 included (RFC 8247 3.2). */
static guint16
hash_from_algorithm (const X509_ALGOR *algorithm)
{
  const ASN1_OBJECT *object;

  if (algorithm == NULL)
    return 0;
  X509_ALGOR_get0 (&object, NULL, NULL, algorithm);
  switch (OBJ_obj2nid (object))
    {
    case NID_sha256:
      return IKE_HASH_SHA2_256;
    case NID_sha384:
      return IKE_HASH_SHA2_384;
    case NID_sha512:
      return IKE_HASH_SHA2_512;
    default:
      return 0;
    }
}

/* RSASSA-PSS-params: one hash for both uses, salt as long as it (RFC 7427 app. A.4). */
static gboolean
read_pss (const X509_ALGOR *algorithm, IkeSignatureScheme *scheme)
{
  g_autoptr (RSA_PSS_PARAMS) params = NULL;
  g_autoptr (X509_ALGOR) mgf_hash = NULL;
  const ASN1_OBJECT *object;
  const void *value;
  int type;
  guint16 hash;

  X509_ALGOR_get0 (NULL, &type, &value, algorithm);
  if (type != V_ASN1_SEQUENCE)
    return FALSE;
  params = ASN1_item_unpack (value, ASN1_ITEM_rptr (RSA_PSS_PARAMS));
  if (params == NULL || params->maskGenAlgorithm == NULL || params->saltLength == NULL)
    return FALSE;
  X509_ALGOR_get0 (&object, &type, &value, params->maskGenAlgorithm);
  if (OBJ_obj2nid (object) != NID_mgf1 || type != V_ASN1_SEQUENCE)
    return FALSE;
  mgf_hash = ASN1_item_unpack (value, ASN1_ITEM_rptr (X509_ALGOR));
  hash = hash_from_algorithm (params->hashAlgorithm);
  if (hash == 0 || hash_from_algorithm (mgf_hash) != hash ||
      ASN1_INTEGER_get (params->saltLength) != EVP_MD_get_size (hash_digest (hash)) ||
      (params->trailerField != NULL && ASN1_INTEGER_get (params->trailerField) != 1))
    return FALSE;
  *scheme = (IkeSignatureScheme){ EVP_PKEY_RSA, hash, TRUE };
  return TRUE;
}

/* Parameters absent or NULL are the same here (RFC 7427 3). */
static gboolean
read_scheme (IkeView identifier, IkeSignatureScheme *scheme)
{
  const guint8 *at = identifier.data;
  g_autoptr (X509_ALGOR) algorithm = d2i_X509_ALGOR (NULL, &at, (long)identifier.length);
  const ASN1_OBJECT *object;
  int type;

  if (algorithm == NULL || at != identifier.data + identifier.length)
    return FALSE;
  X509_ALGOR_get0 (&object, &type, NULL, algorithm);
  if (OBJ_obj2nid (object) == NID_rsassaPss)
    return read_pss (algorithm, scheme);
  if (type != V_ASN1_UNDEF && type != V_ASN1_NULL)
    return FALSE;
  for (gsize i = 0; i < G_N_ELEMENTS (identifiers); i++)
    if (identifiers[i].nid == OBJ_obj2nid (object))
      {
        *scheme = identifiers[i].scheme;
        return TRUE;
      }
  return FALSE;
}

gboolean
ike_signature_identifier (const IkeSignatureScheme *scheme, IkeView *ret_identifier)
{
  for (gsize i = 0; i < G_N_ELEMENTS (identifiers); i++)
    if (identifiers[i].scheme.key_type == scheme->key_type && identifiers[i].scheme.hash == scheme->hash &&
        identifiers[i].scheme.pss == scheme->pss)
      {
        *ret_identifier = (IkeView){ identifiers[i].der, identifiers[i].length };
        return TRUE;
      }
  return FALSE;
}

/* A context for signing or verifying; PSS with the salt as long as the hash. */
static gboolean
start_digest (EVP_MD_CTX *context, EVP_PKEY *key, const IkeSignatureScheme *scheme, gboolean sign)
{
  const EVP_MD *digest = hash_digest (scheme->hash);
  EVP_PKEY_CTX *key_context = NULL;
  int started = sign ? EVP_DigestSignInit (context, &key_context, digest, NULL, key)
                     : EVP_DigestVerifyInit (context, &key_context, digest, NULL, key);

  return started == 1 &&
         (!scheme->pss || (EVP_PKEY_CTX_set_rsa_padding (key_context, RSA_PKCS1_PSS_PADDING) == 1 &&
                           EVP_PKEY_CTX_set_rsa_pss_saltlen (key_context, RSA_PSS_SALTLEN_DIGEST) == 1));
}

GBytes *
ike_signature_make (EVP_PKEY *key, const IkeSignatureScheme *scheme, IkeView octets)
{
  g_autoptr (EVP_MD_CTX) context = EVP_MD_CTX_new ();
  g_autofree guint8 *signature = NULL;
  size_t length = 0;

  if (context == NULL || !start_digest (context, key, scheme, TRUE) ||
      EVP_DigestSign (context, NULL, &length, octets.data, octets.length) != 1)
    return NULL;
  signature = g_malloc (length);
  if (EVP_DigestSign (context, signature, &length, octets.data, octets.length) != 1)
    return NULL;
  return g_bytes_new (signature, length);
}

gboolean
ike_signature_check (EVP_PKEY *key, const IkeSignatureScheme *scheme, IkeView signature, IkeView octets)
{
  g_autoptr (EVP_MD_CTX) context = EVP_MD_CTX_new ();

  return context != NULL && EVP_PKEY_get_base_id (key) == scheme->key_type &&
         start_digest (context, key, scheme, FALSE) &&
         EVP_DigestVerify (context, signature.data, signature.length, octets.data, octets.length) == 1;
}

guint
ike_signature_curve_bits (EVP_PKEY *key)
{
  return EVP_PKEY_get_base_id (key) == EVP_PKEY_EC ? (guint)EVP_PKEY_get_bits (key) : 0;
}

gboolean
ike_signature_raw_method (EVP_PKEY *key, guint8 *ret_method, IkeSignatureScheme *ret_scheme)
{
  switch (ike_signature_curve_bits (key))
    {
    case 256:
      *ret_method = IKE_AUTH_ID_ECDSA_256;
      *ret_scheme = (IkeSignatureScheme){ EVP_PKEY_EC, IKE_HASH_SHA2_256, FALSE };
      return TRUE;
    case 384:
      *ret_method = IKE_AUTH_ID_ECDSA_384;
      *ret_scheme = (IkeSignatureScheme){ EVP_PKEY_EC, IKE_HASH_SHA2_384, FALSE };
      return TRUE;
    case 521:
      *ret_method = IKE_AUTH_ID_ECDSA_521;
      *ret_scheme = (IkeSignatureScheme){ EVP_PKEY_EC, IKE_HASH_SHA2_512, FALSE };
      return TRUE;
    default:
      return FALSE;
    }
}

GBytes *
ike_signature_to_raw (GBytes *der, guint bits)
{
  gsize length, half = (bits + 7) / 8;
  const guint8 *at = g_bytes_get_data (der, &length);
  g_autoptr (ECDSA_SIG) signature = d2i_ECDSA_SIG (NULL, &at, (long)length);
  g_autofree guint8 *raw = g_malloc (2 * half);

  if (signature == NULL || BN_bn2binpad (ECDSA_SIG_get0_r (signature), raw, (int)half) < 0 ||
      BN_bn2binpad (ECDSA_SIG_get0_s (signature), raw + half, (int)half) < 0)
    return NULL;
  return g_bytes_new_take (g_steal_pointer (&raw), 2 * half);
}

/* r | s of RFC 4754 to the DER that libcrypto verifies. */
static GBytes *
raw_to_der (IkeView raw)
{
  g_autoptr (ECDSA_SIG) signature = ECDSA_SIG_new ();
  BIGNUM *r = BN_bin2bn (raw.data, (int)(raw.length / 2), NULL);
  BIGNUM *s = BN_bin2bn (raw.data + raw.length / 2, (int)(raw.length / 2), NULL);
  unsigned char *der = NULL;
  GBytes *bytes = NULL;
  int length;

  if (signature == NULL || ECDSA_SIG_set0 (signature, r, s) != 1)
    {
      BN_free (r);
      BN_free (s);
      return NULL;
    }
  length = i2d_ECDSA_SIG (signature, &der);
  if (length > 0)
    bytes = g_bytes_new (der, (gsize)length);
  OPENSSL_free (der);
  return bytes;
}

IkePublicKey *
ike_public_key_new (EVP_PKEY *key)
{
  IkePublicKey *public_key = g_new0 (IkePublicKey, 1);

  public_key->key = key;
  return public_key;
}

IkePublicKey *
ike_public_key_new_from_spki (const guint8 *der, gsize length)
{
  const guint8 *at = der;
  EVP_PKEY *key = d2i_PUBKEY (NULL, &at, (long)length);

  if (key != NULL && at == der + length)
    return ike_public_key_new (key);
  EVP_PKEY_free (key);
  return NULL;
}

void
ike_public_key_free (IkePublicKey *key)
{
  if (key == NULL)
    return;
  EVP_PKEY_free (key->key);
  sk_X509_pop_free (key->chain, X509_free);
  g_free (key);
}

/* AUTH data of method 14: length, AlgorithmIdentifier, signature (RFC 7427 3). */
static gboolean
verify_digital_signature (EVP_PKEY *key, IkeView auth, IkeView octets, const char **ret_reason)
{
  IkeSignatureScheme scheme;
  IkeView identifier, signature;
  WireReader reader;
  guint8 length;

  wire_reader_init (&reader, auth.data, auth.length);
  *ret_reason = "AUTH data does not begin with an AlgorithmIdentifier (RFC 7427 3)";
  if (!wire_read_u8 (&reader, &length) || !wire_read_data (&reader, length, &identifier.data))
    return FALSE;
  identifier.length = length;
  *ret_reason = "the signature algorithm is not accepted";
  if (!read_scheme (identifier, &scheme))
    return FALSE;
  signature.length = wire_reader_left (&reader);
  if (!wire_read_data (&reader, signature.length, &signature.data))
    return FALSE;
  *ret_reason = "the signature does not verify";
  return ike_signature_check (key, &scheme, signature, octets);
}

/* The hash is inside the PKCS#1 block, so the ones allowed are tried in turn (RFC 7296 3.8). */
static gboolean
verify_rsa (EVP_PKEY *key, IkeView auth, IkeView octets, IkeSignatureFlags flags)
{
  static const guint16 hashes[] = { IKE_HASH_SHA2_256, IKE_HASH_SHA2_384, IKE_HASH_SHA2_512, IKE_HASH_SHA1 };

  for (gsize i = 0; i < G_N_ELEMENTS (hashes); i++)
    {
      const IkeSignatureScheme scheme = { EVP_PKEY_RSA, hashes[i], FALSE };

      if (hashes[i] == IKE_HASH_SHA1 && (flags & IKE_SIGNATURE_ALLOW_SHA1) == 0)
        continue;
      if (ike_signature_check (key, &scheme, auth, octets))
        return TRUE;
    }
  return FALSE;
}

static gboolean
verify_ecdsa (EVP_PKEY *key, guint8 method, IkeView auth, IkeView octets)
{
  g_autoptr (GBytes) der = NULL;
  IkeSignatureScheme scheme;
  guint8 of_key;
  IkeView view;

  if (!ike_signature_raw_method (key, &of_key, &scheme) || of_key != method ||
      auth.length != 2 * ((ike_signature_curve_bits (key) + 7) / 8))
    return FALSE;
  der = raw_to_der (auth);
  if (der == NULL)
    return FALSE;
  view.data = g_bytes_get_data (der, &view.length);
  return ike_signature_check (key, &scheme, view, octets);
}

gboolean
ike_auth_verify_signature (const IkePublicKey *key, guint8 method, IkeView auth, IkeView octets,
                           IkeSignatureFlags flags, const char **ret_reason)
{
  if ((flags & IKE_SIGNATURE_REQUIRE_METHOD_14) != 0 && method != IKE_AUTH_ID_DIGITAL_SIGNATURE)
    {
      *ret_reason = "the peer announced RFC 7427 signatures but did not use them";
      return FALSE;
    }
  *ret_reason = "the signature does not verify";
  switch (method)
    {
    case IKE_AUTH_ID_RSA:
      return verify_rsa (key->key, auth, octets, flags);
    case IKE_AUTH_ID_ECDSA_256:
    case IKE_AUTH_ID_ECDSA_384:
    case IKE_AUTH_ID_ECDSA_521:
      return verify_ecdsa (key->key, method, auth, octets);
    case IKE_AUTH_ID_DIGITAL_SIGNATURE:
      return verify_digital_signature (key->key, auth, octets, ret_reason);
    default:
      *ret_reason = "the authentication method is not one with a signature";
      return FALSE;
    }
}
