/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* AUTH with the own key (RFC 7296 2.15, RFC 7427 3, RFC 4754), which may lie outside of this process. */

#include "ike/ike-signature-private.h"

static IkeSignatureScheme
scheme_of (const IkeSignaturePlan *plan)
{
  IkeSignatureScheme scheme = { EVP_PKEY_RSA, plan->hash, FALSE };

  switch (plan->scheme)
    {
    case IKE_SIGN_RSA_PKCS1:
      break;
    case IKE_SIGN_RSA_PSS:
      scheme.pss = TRUE;
      break;
    case IKE_SIGN_ECDSA:
      scheme.key_type = EVP_PKEY_EC;
      break;
    case IKE_SIGN_EDDSA:
      scheme.key_type = EVP_PKEY_ED25519;
      break;
    }
  return scheme;
}

guint
ike_signature_plan_hash_bits (const IkeSignaturePlan *plan)
{
  switch (plan->hash)
    {
    case IKE_HASH_SHA1:
      return 160;
    case IKE_HASH_SHA2_256:
      return 256;
    case IKE_HASH_SHA2_384:
      return 384;
    case IKE_HASH_SHA2_512:
      return 512;
    default:
      return 0;
    }
}

/* The hash for an RSA or EC key: the strongest that both the key asks for and the peer lists. */
static gboolean
choose_hash (EVP_PKEY *key, IkeHashSet peer, guint16 *ret_hash)
{
  static const guint16 rsa_order[] = { IKE_HASH_SHA2_256, IKE_HASH_SHA2_512, IKE_HASH_SHA2_384 };
  static const guint16 long_order[] = { IKE_HASH_SHA2_512, IKE_HASH_SHA2_384, IKE_HASH_SHA2_256 };
  static const guint16 p384_order[] = { IKE_HASH_SHA2_384, IKE_HASH_SHA2_512, IKE_HASH_SHA2_256 };
  guint bits = ike_signature_curve_bits (key);
  const guint16 *order = bits > 384 ? long_order : bits > 256 ? p384_order : rsa_order;

  for (gsize i = 0; i < G_N_ELEMENTS (rsa_order); i++)
    if ((peer & 1u << order[i]) != 0)
      {
        *ret_hash = order[i];
        return TRUE;
      }
  return FALSE;
}

/* RFC 7427: PSS is what every peer has; PKCS#1 is for tokens that cannot do it. */
static gboolean
plan_digital (EVP_PKEY *key, IkeHashSet peer, guint attempt, IkeSignaturePlan *plan, const char **ret_reason)
{
  *ret_reason = "the peer lists no hash that fits the private key (SIGNATURE_HASH_ALGORITHMS)";
  plan->method = IKE_AUTH_ID_DIGITAL_SIGNATURE;
  switch (EVP_PKEY_get_base_id (key))
    {
    case EVP_PKEY_ED25519:
      plan->scheme = IKE_SIGN_EDDSA;
      plan->hash = IKE_HASH_IDENTITY;
      return attempt == 0 && (peer & 1u << IKE_HASH_IDENTITY) != 0;
    case EVP_PKEY_EC:
      plan->scheme = IKE_SIGN_ECDSA;
      return attempt == 0 && choose_hash (key, peer, &plan->hash);
    default:
      plan->scheme = attempt == 0 ? IKE_SIGN_RSA_PSS : IKE_SIGN_RSA_PKCS1;
      return attempt <= 1 && choose_hash (key, peer, &plan->hash);
    }
}

/* Method 1 with SHA2-256 (RFC 8247 3.1 forbids the SHA-1 of RFC 7296 3.8), or the curve's own method. */
static gboolean
plan_classic (EVP_PKEY *key, guint attempt, IkeSignaturePlan *plan, const char **ret_reason)
{
  IkeSignatureScheme scheme;

  *ret_reason = "the peer does not support RFC 7427, which the private key needs";
  *plan = (IkeSignaturePlan){ IKE_AUTH_ID_RSA, IKE_SIGN_RSA_PKCS1, IKE_HASH_SHA2_256 };
  if (EVP_PKEY_get_base_id (key) == EVP_PKEY_RSA)
    return attempt == 0;
  plan->scheme = IKE_SIGN_ECDSA;
  if (!ike_signature_raw_method (key, &plan->method, &scheme))
    return FALSE;
  plan->hash = scheme.hash;
  return attempt == 0;
}

gboolean
ike_credentials_plan (const IkeCredentials *credentials, IkeHashSet peer_hashes, guint attempt,
                      IkeSignaturePlan *ret_plan, const char **ret_reason)
{
  EVP_PKEY *key = ike_credentials_public_key (credentials);
  IkeSignaturePlan plan = { 0 };

  *ret_reason = "there is no private key";
  if (key == NULL)
    return FALSE;
  if (peer_hashes == 0 ? !plan_classic (key, attempt, &plan, ret_reason)
                       : !plan_digital (key, peer_hashes, attempt, &plan, ret_reason))
    return FALSE;
  *ret_plan = plan;
  return TRUE;
}

/* Length, AlgorithmIdentifier, signature (RFC 7427 3). */
static GBytes *
encode_digital (const IkeSignatureScheme *scheme, GBytes *signature)
{
  GByteArray *auth;
  IkeView identifier;
  guint8 length;

  if (!ike_signature_identifier (scheme, &identifier))
    return NULL;
  length = (guint8)identifier.length;
  auth = g_byte_array_new ();
  g_byte_array_append (auth, &length, 1);
  g_byte_array_append (auth, identifier.data, length);
  g_byte_array_append (auth, g_bytes_get_data (signature, NULL), (guint)g_bytes_get_size (signature));
  return g_byte_array_free_to_bytes (auth);
}

static GBytes *
encode (EVP_PKEY *key, const IkeSignaturePlan *plan, GBytes *signature)
{
  const IkeSignatureScheme scheme = scheme_of (plan);

  if (plan->method == IKE_AUTH_ID_DIGITAL_SIGNATURE)
    return encode_digital (&scheme, signature);
  if (plan->method == IKE_AUTH_ID_RSA)
    return g_bytes_ref (signature);
  return ike_signature_to_raw (signature, ike_signature_curve_bits (key));
}

GBytes *
ike_credentials_finish (const IkeCredentials *credentials, const IkeSignaturePlan *plan, IkeView octets,
                        GBytes *signature)
{
  EVP_PKEY *key = ike_credentials_public_key (credentials);
  const IkeSignatureScheme scheme = scheme_of (plan);
  IkeView made;

  made.data = g_bytes_get_data (signature, &made.length);
  if (key == NULL || !ike_signature_check (key, &scheme, made, octets))
    return NULL;
  return encode (key, plan, signature);
}

GBytes *
ike_credentials_sign (const IkeCredentials *credentials, IkeHashSet peer_hashes, IkeView octets, guint8 *ret_method,
                      const char **ret_reason)
{
  EVP_PKEY *key = ike_credentials_key (credentials);
  g_autoptr (GBytes) signature = NULL;
  IkeSignatureScheme scheme;
  IkeSignaturePlan plan;
  GBytes *auth;

  *ret_reason = "there is no private key";
  if (key == NULL || !ike_credentials_plan (credentials, peer_hashes, 0, &plan, ret_reason))
    return NULL;
  scheme = scheme_of (&plan);
  *ret_reason = "the private key could not sign";
  signature = ike_signature_make (key, &scheme, octets);
  auth = signature != NULL ? encode (key, &plan, signature) : NULL;
  if (auth != NULL)
    *ret_method = plan.method;
  return auth;
}
