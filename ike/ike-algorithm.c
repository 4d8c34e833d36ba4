/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "ike/ike-algorithm-private.h"

static const IkeHmac prfs[] = {
  { IKE_PRF_HMAC_SHA1, "PRF_HMAC_SHA1", "SHA1", 20, 0 },
  { IKE_PRF_HMAC_SHA2_256, "PRF_HMAC_SHA2_256", "SHA256", 32, 0 },
  { IKE_PRF_HMAC_SHA2_384, "PRF_HMAC_SHA2_384", "SHA384", 48, 0 },
  { IKE_PRF_HMAC_SHA2_512, "PRF_HMAC_SHA2_512", "SHA512", 64, 0 },
};

/* Keys as long as the hash, output cut to half of it (RFC 4868 2.1); SHA-1 to 96 bits (RFC 2404). */
static const IkeHmac integs[] = {
  { IKE_INTEG_HMAC_SHA1_96, "HMAC_SHA1_96", "SHA1", 20, 12 },
  { IKE_INTEG_HMAC_SHA2_256_128, "HMAC_SHA2_256_128", "SHA256", 32, 16 },
  { IKE_INTEG_HMAC_SHA2_384_192, "HMAC_SHA2_384_192", "SHA384", 48, 24 },
  { IKE_INTEG_HMAC_SHA2_512_256, "HMAC_SHA2_512_256", "SHA512", 64, 32 },
};

static const IkeEncryption encryptions[] = {
  { IKE_ENCR_AES_CBC, 128, FALSE, "AES_CBC-128", "AES-128-CBC", 16, 0, 16, 0 },
  { IKE_ENCR_AES_CBC, 192, FALSE, "AES_CBC-192", "AES-192-CBC", 24, 0, 16, 0 },
  { IKE_ENCR_AES_CBC, 256, FALSE, "AES_CBC-256", "AES-256-CBC", 32, 0, 16, 0 },
  { IKE_ENCR_AES_GCM_16, 128, FALSE, "AES_GCM_16-128", "AES-128-GCM", 16, 4, 8, 16 },
  { IKE_ENCR_AES_GCM_16, 192, FALSE, "AES_GCM_16-192", "AES-192-GCM", 24, 4, 8, 16 },
  { IKE_ENCR_AES_GCM_16, 256, FALSE, "AES_GCM_16-256", "AES-256-GCM", 32, 4, 8, 16 },
  { IKE_ENCR_CHACHA20_POLY1305, 256, TRUE, "CHACHA20_POLY1305", "ChaCha20-Poly1305", 32, 4, 8, 16 },
};

static const IkeHmac *
find_hmac (const IkeHmac *table, gsize n, guint16 id)
{
  for (gsize i = 0; i < n; i++)
    if (table[i].id == id)
      return &table[i];
  return NULL;
}

const IkeHmac *
ike_hmac_prf (guint16 prf)
{
  return find_hmac (prfs, G_N_ELEMENTS (prfs), prf);
}

const IkeHmac *
ike_hmac_integ (guint16 integ)
{
  return find_hmac (integs, G_N_ELEMENTS (integs), integ);
}

const IkeEncryption *
ike_encryption (guint16 encr, guint16 bits)
{
  for (gsize i = 0; i < G_N_ELEMENTS (encryptions); i++)
    if (encryptions[i].id == encr && bits == (encryptions[i].fixed ? 0 : encryptions[i].bits))
      return &encryptions[i];
  return NULL;
}

gboolean
ike_encr_is_aead (guint16 encr)
{
  for (gsize i = 0; i < G_N_ELEMENTS (encryptions); i++)
    if (encryptions[i].id == encr)
      return encryptions[i].icv != 0;
  return FALSE;
}

gsize
ike_encr_key_length (guint16 encr, guint16 bits)
{
  const IkeEncryption *encryption = ike_encryption (encr, bits);

  return encryption != NULL ? encryption->key + encryption->salt : 0;
}

gsize
ike_integ_key_length (guint16 integ)
{
  const IkeHmac *hmac = ike_hmac_integ (integ);

  return hmac != NULL ? hmac->key : 0;
}

gsize
ike_integ_icv_length (guint16 integ)
{
  const IkeHmac *hmac = ike_hmac_integ (integ);

  return hmac != NULL ? hmac->icv : 0;
}

gsize
ike_prf_length (guint16 prf)
{
  const IkeHmac *hmac = ike_hmac_prf (prf);

  if (ike_prf_is_aes (prf))
    return IKE_PRF_AES_LENGTH;
  return hmac != NULL ? hmac->key : 0;
}

gboolean
ike_prf_is_aes (guint16 prf)
{
  return prf == IKE_PRF_AES128_XCBC || prf == IKE_PRF_AES128_CMAC;
}

static const char *
prf_name (guint16 prf)
{
  const IkeHmac *hmac = ike_hmac_prf (prf);

  if (ike_prf_is_aes (prf))
    return prf == IKE_PRF_AES128_XCBC ? "PRF_AES128_XCBC" : "PRF_AES128_CMAC";
  return hmac != NULL ? hmac->name : NULL;
}

const char *
ike_group_to_string (guint16 group)
{
  switch (group)
    {
    case IKE_GROUP_MODP_2048:
      return "MODP_2048";
    case IKE_GROUP_MODP_3072:
      return "MODP_3072";
    case IKE_GROUP_MODP_4096:
      return "MODP_4096";
    case IKE_GROUP_ECP_256:
      return "ECP_256";
    case IKE_GROUP_ECP_384:
      return "ECP_384";
    case IKE_GROUP_ECP_521:
      return "ECP_521";
    case IKE_GROUP_CURVE25519:
      return "CURVE_25519";
    default:
      return NULL;
    }
}

const char *
ike_suite_to_string (const IkeSuite *suite, IkeProtocolId protocol, char *buffer, gsize size)
{
  const IkeEncryption *encr = ike_encryption (suite->encr, suite->encr_bits);
  const IkeHmac *integ = ike_hmac_integ (suite->integ);
  const char *prf = prf_name (suite->prf), *group = ike_group_to_string (suite->group);

  g_snprintf (buffer, size, "%s%s%s%s%s%s%s%s", encr != NULL ? encr->name : "unknown", integ != NULL ? "/" : "",
              integ != NULL ? integ->name : "", protocol == IKE_PROTOCOL_IKE && prf != NULL ? "/" : "",
              protocol == IKE_PROTOCOL_IKE && prf != NULL ? prf : "", group != NULL ? "/" : "",
              group != NULL ? group : "", protocol == IKE_PROTOCOL_ESP && suite->esn == IKE_ESN_EXTENDED ? "/ESN" : "");
  return buffer;
}
