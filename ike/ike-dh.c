/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Key exchange methods: MODP (RFC 3526), ECP (RFC 5903), Curve25519 (RFC 8031). Private keys come
 * from the engine's own generator, so the arithmetic is done on numbers and points; only Curve25519
 * goes through an EVP key. Tests of the peer's value: RFC 6989 2.1 and 2.3, RFC 8031 2.
 */

#include "ike/ike-algorithm-private.h"

#include <openssl/bn.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/obj_mac.h>

typedef enum
{
  KIND_MODP,
  KIND_ECP,
  KIND_X25519,
} IkeDhKind;

typedef struct
{
  guint16 group;
  IkeDhKind kind;
  gsize public_length; /* KE data */
  gsize shared_length;
  gsize private_length;          /* what is drawn */
  BIGNUM *(*prime) (BIGNUM *bn); /* MODP */
  int curve;                     /* ECP */
} IkeDhGroup;

/*
 * MODP exponents of 512 bits: twice the strength of the strongest group here and more (RFC 3526 8).
 */
static const IkeDhGroup groups[] = {
  { IKE_GROUP_MODP_2048, KIND_MODP, 256, 256, 64, BN_get_rfc3526_prime_2048, 0 },
  { IKE_GROUP_MODP_3072, KIND_MODP, 384, 384, 64, BN_get_rfc3526_prime_3072, 0 },
  { IKE_GROUP_MODP_4096, KIND_MODP, 512, 512, 64, BN_get_rfc3526_prime_4096, 0 },
  { IKE_GROUP_ECP_256, KIND_ECP, 64, 32, 32, NULL, NID_X9_62_prime256v1 },
  { IKE_GROUP_ECP_384, KIND_ECP, 96, 48, 48, NULL, NID_secp384r1 },
  { IKE_GROUP_ECP_521, KIND_ECP, 132, 66, 66, NULL, NID_secp521r1 },
  { IKE_GROUP_CURVE25519, KIND_X25519, 32, 32, 32, NULL, 0 },
};

struct _IkeDh
{
  const IkeDhGroup *group;
  BIGNUM *number; /* MODP, ECP: private */
  EVP_PKEY *key;  /* X25519 */
  guint8 *public; /* group->public_length */
};

G_DEFINE_AUTOPTR_CLEANUP_FUNC (BIGNUM, BN_clear_free)
G_DEFINE_AUTOPTR_CLEANUP_FUNC (BN_CTX, BN_CTX_free)
G_DEFINE_AUTOPTR_CLEANUP_FUNC (EC_GROUP, EC_GROUP_free)
G_DEFINE_AUTOPTR_CLEANUP_FUNC (EC_POINT, EC_POINT_clear_free)
G_DEFINE_AUTOPTR_CLEANUP_FUNC (EVP_PKEY, EVP_PKEY_free)
G_DEFINE_AUTOPTR_CLEANUP_FUNC (EVP_PKEY_CTX, EVP_PKEY_CTX_free)

static const IkeDhGroup *
find_group (guint16 group)
{
  for (gsize i = 0; i < G_N_ELEMENTS (groups); i++)
    if (groups[i].group == group)
      return &groups[i];
  return NULL;
}

gboolean
ike_dh_is_supported (guint16 group)
{
  return find_group (group) != NULL;
}

/* base ^ private mod p, padded to the length of p (RFC 7296 2.14). */
static gboolean
modp_power (const IkeDhGroup *group, const BIGNUM *base, const BIGNUM *private, guint8 *out)
{
  g_autoptr (BIGNUM) prime = group->prime (NULL), result = BN_new ();
  g_autoptr (BN_CTX) context = BN_CTX_new ();

  return prime != NULL && result != NULL && context != NULL &&
         BN_mod_exp_mont_consttime (result, base, private, prime, context, NULL) == 1 &&
         BN_bn2binpad (result, out, (int)group->shared_length) >= 0;
}

static gboolean
modp_public (IkeDh *dh)
{
  g_autoptr (BIGNUM) generator = BN_new ();

  return generator != NULL && BN_set_word (generator, 2) == 1 &&
         modp_power (dh->group, generator, dh->number, dh->public);
}

static gboolean
modp_shared (const IkeDh *dh, const guint8 *peer, guint8 *out, const char **ret_reason)
{
  g_autoptr (BIGNUM) value = BN_bin2bn (peer, (int)dh->group->public_length, NULL);
  g_autoptr (BIGNUM) limit = dh->group->prime (NULL);

  /* RFC 6989 2.1: safe primes need no more than 1 < y < p - 1. */
  if (value == NULL || limit == NULL || BN_sub_word (limit, 1) != 1 || BN_is_zero (value) || BN_is_one (value) ||
      BN_cmp (value, limit) >= 0)
    {
      *ret_reason = "KE value out of range (RFC 6989 2.1)";
      return FALSE;
    }
  *ret_reason = "exponentiation failed";
  return modp_power (dh->group, value, dh->number, out);
}

/* KE data is x | y without the octet 04 (RFC 5903 7). */
static gboolean
ecp_public (IkeDh *dh)
{
  g_autoptr (EC_GROUP) curve = EC_GROUP_new_by_curve_name (dh->group->curve);
  g_autoptr (EC_POINT) point = EC_POINT_new (curve);
  g_autoptr (BN_CTX) context = BN_CTX_new ();
  g_autofree guint8 *octets = g_malloc (dh->group->public_length + 1);

  if (EC_POINT_mul (curve, point, dh->number, NULL, NULL, context) != 1 ||
      EC_POINT_point2oct (curve, point, POINT_CONVERSION_UNCOMPRESSED, octets, dh->group->public_length + 1, context) !=
        dh->group->public_length + 1)
    return FALSE;
  memcpy (dh->public, octets + 1, dh->group->public_length);
  return TRUE;
}

static gboolean
ecp_shared (const IkeDh *dh, const guint8 *peer, guint8 *out, const char **ret_reason)
{
  g_autoptr (EC_GROUP) curve = EC_GROUP_new_by_curve_name (dh->group->curve);
  g_autoptr (EC_POINT) theirs = EC_POINT_new (curve), product = EC_POINT_new (curve);
  g_autoptr (BN_CTX) context = BN_CTX_new ();
  g_autoptr (BIGNUM) x = BN_new ();
  gsize length = dh->group->public_length + 1;
  g_autofree guint8 *octets = g_malloc (length);

  /* oct2point refuses coordinates that are too large and points off the curve (RFC 6989 2.3). */
  octets[0] = POINT_CONVERSION_UNCOMPRESSED;
  memcpy (octets + 1, peer, dh->group->public_length);
  if (EC_POINT_oct2point (curve, theirs, octets, length, context) != 1 || EC_POINT_is_at_infinity (curve, theirs) ||
      EC_POINT_is_on_curve (curve, theirs, context) != 1)
    {
      *ret_reason = "KE value is not a point of the curve (RFC 6989 2.3)";
      return FALSE;
    }
  *ret_reason = "point multiplication failed";
  return EC_POINT_mul (curve, product, NULL, theirs, dh->number, context) == 1 &&
         EC_POINT_get_affine_coordinates (curve, product, x, NULL, context) == 1 &&
         BN_bn2binpad (x, out, (int)dh->group->shared_length) >= 0;
}

static gboolean
x25519_public (IkeDh *dh)
{
  size_t length = dh->group->public_length;

  return EVP_PKEY_get_raw_public_key (dh->key, dh->public, &length) == 1 && length == dh->group->public_length;
}

/* libcrypto masks the top bit and takes values that are not canonical, as RFC 8031 2 asks for. */
static gboolean
x25519_shared (const IkeDh *dh, const guint8 *peer, guint8 *out, const char **ret_reason)
{
  g_autoptr (EVP_PKEY) theirs = EVP_PKEY_new_raw_public_key (EVP_PKEY_X25519, NULL, peer, dh->group->public_length);
  g_autoptr (EVP_PKEY_CTX) context = EVP_PKEY_CTX_new (dh->key, NULL);
  static const guint8 zero[32] = { 0 };
  size_t length = dh->group->shared_length;

  *ret_reason = "KE value gives the all-zero shared secret (RFC 8031 2)";
  return theirs != NULL && context != NULL && EVP_PKEY_derive_init (context) == 1 &&
         EVP_PKEY_derive_set_peer (context, theirs) == 1 && EVP_PKEY_derive (context, out, &length) == 1 &&
         length == sizeof zero && !roam_equal_constant_time (out, zero, sizeof zero);
}

/* 0 < private < order (ECP) or p (MODP). */
static gboolean
number_in_range (const IkeDhGroup *group, const BIGNUM *number)
{
  g_autoptr (EC_GROUP) curve = NULL;
  g_autoptr (BIGNUM) prime = NULL;

  if (BN_is_zero (number))
    return FALSE;
  if (group->kind == KIND_ECP)
    {
      curve = EC_GROUP_new_by_curve_name (group->curve);
      return BN_cmp (number, EC_GROUP_get0_order (curve)) < 0;
    }
  prime = group->prime (NULL);
  return BN_cmp (number, prime) < 0;
}

static gboolean
set_private (IkeDh *dh, const guint8 *key, gsize length)
{
  switch (dh->group->kind)
    {
    case KIND_X25519:
      dh->key =
        length == dh->group->private_length ? EVP_PKEY_new_raw_private_key (EVP_PKEY_X25519, NULL, key, length) : NULL;
      return dh->key != NULL && x25519_public (dh);
    case KIND_ECP:
    case KIND_MODP:
      dh->number = BN_bin2bn (key, (int)length, NULL);
      if (dh->number == NULL || !number_in_range (dh->group, dh->number))
        return FALSE;
      BN_set_flags (dh->number, BN_FLG_CONSTTIME);
      return dh->group->kind == KIND_ECP ? ecp_public (dh) : modp_public (dh);
    }
  g_assert_not_reached ();
}

IkeDh *
ike_dh_new_with_private (guint16 group, const guint8 *key, gsize length)
{
  const IkeDhGroup *found = find_group (group);
  g_autoptr (IkeDh) dh = NULL;

  if (found == NULL || length == 0 || length > found->public_length)
    return NULL;
  dh = g_new0 (IkeDh, 1);
  dh->group = found;
  dh->public = g_malloc0 (found->public_length);
  if (!set_private (dh, key, length))
    return NULL;
  return g_steal_pointer (&dh);
}

IkeDh *
ike_dh_new (guint16 group, RoamRng *rng)
{
  const IkeDhGroup *found = find_group (group);
  guint8 key[66];
  IkeDh *dh = NULL;

  if (found == NULL)
    return NULL;
  /* A draw beyond the order is thrown away: the result is uniform. P-521 has 521 bits, not 528. */
  while (dh == NULL)
    {
      roam_rng_fill (rng, key, found->private_length);
      if (group == IKE_GROUP_ECP_521)
        key[0] &= 0x01;
      dh = ike_dh_new_with_private (group, key, found->private_length);
    }
  roam_wipe (key, sizeof key);
  return dh;
}

void
ike_dh_free (IkeDh *dh)
{
  if (dh == NULL)
    return;
  BN_clear_free (dh->number);
  EVP_PKEY_free (dh->key);
  g_free (dh->public);
  g_free (dh);
}

guint16
ike_dh_group (const IkeDh *dh)
{
  return dh->group->group;
}

IkeView
ike_dh_public (const IkeDh *dh)
{
  return (IkeView){ dh->public, dh->group->public_length };
}

RoamSecret *
ike_dh_shared (const IkeDh *dh, const guint8 *peer, gsize length, const char **ret_reason)
{
  guint8 out[512];
  gboolean good = FALSE;
  RoamSecret *secret = NULL;

  if (length != dh->group->public_length)
    {
      *ret_reason = "KE value has the wrong length for its group";
      return NULL;
    }
  switch (dh->group->kind)
    {
    case KIND_MODP:
      good = modp_shared (dh, peer, out, ret_reason);
      break;
    case KIND_ECP:
      good = ecp_shared (dh, peer, out, ret_reason);
      break;
    case KIND_X25519:
      good = x25519_shared (dh, peer, out, ret_reason);
      break;
    }
  if (good)
    secret = roam_secret_new (out, dh->group->shared_length);
  roam_wipe (out, sizeof out);
  return secret;
}

gboolean
ike_dh_has_ml_kem (void)
{
  EVP_KEM *kem = EVP_KEM_fetch (NULL, "ML-KEM-768", NULL);
  gboolean has = kem != NULL;

  EVP_KEM_free (kem);
  ERR_clear_error ();
  return has;
}
