/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* PRFs of AES-128: AES-XCBC-PRF-128 (RFC 4434) and AES-CMAC-PRF-128 (RFC 4615). */

#include "ike/ike-algorithm-private.h"

#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/params.h>

#define BLOCK IKE_PRF_AES_LENGTH

/* --- CMAC (RFC 4493) --- */

static gboolean
cmac (const guint8 key[BLOCK], const IkeView *parts, guint n_parts, guint8 out[BLOCK])
{
  static char cipher[] = "AES-128-CBC";
  OSSL_PARAM params[] = { OSSL_PARAM_construct_utf8_string (OSSL_MAC_PARAM_CIPHER, cipher, 0),
                          OSSL_PARAM_construct_end () };
  EVP_MAC *mac = EVP_MAC_fetch (NULL, "CMAC", NULL);
  EVP_MAC_CTX *context = EVP_MAC_CTX_new (mac);
  size_t length = 0;
  gboolean good = context != NULL && EVP_MAC_init (context, key, BLOCK, params) == 1;

  for (guint i = 0; good && i < n_parts; i++)
    good = parts[i].length == 0 || EVP_MAC_update (context, parts[i].data, parts[i].length) == 1;
  good = good && EVP_MAC_final (context, out, &length, BLOCK) == 1 && length == BLOCK;
  EVP_MAC_CTX_free (context);
  EVP_MAC_free (mac);
  return good;
}

/* --- XCBC (RFC 3566), which libcrypto does not have --- */

/* One block under @key. */
static gboolean
encrypt (const guint8 key[BLOCK], const guint8 in[BLOCK], guint8 out[BLOCK])
{
  EVP_CIPHER_CTX *context = EVP_CIPHER_CTX_new ();
  int length = 0;
  gboolean good = context != NULL && EVP_EncryptInit_ex (context, EVP_aes_128_ecb (), NULL, key, NULL) == 1 &&
                  EVP_CIPHER_CTX_set_padding (context, 0) == 1 &&
                  EVP_EncryptUpdate (context, out, &length, in, BLOCK) == 1 && length == BLOCK;

  EVP_CIPHER_CTX_free (context);
  return good;
}

/* K1, K2, K3: 0x01.., 0x02.., 0x03.. under @key (RFC 3566 4). */
static gboolean
make_keys (const guint8 key[BLOCK], guint8 keys[3][BLOCK])
{
  gboolean good = TRUE;

  for (guint8 i = 0; i < 3; i++)
    {
      guint8 constant[BLOCK];

      memset (constant, i + 1, sizeof constant);
      good = encrypt (key, constant, keys[i]) && good;
    }
  return good;
}

static void
xor_block (guint8 state[BLOCK], const guint8 *block)
{
  for (guint i = 0; i < BLOCK; i++)
    state[i] ^= block[i];
}

/* CBC-MAC under K1; the last block is mixed with K2 when it is whole, else padded and mixed with K3. */
static gboolean
xcbc (const guint8 key[BLOCK], const IkeView *parts, guint n_parts, guint8 out[BLOCK])
{
  guint8 keys[3][BLOCK], state[BLOCK] = { 0 }, block[BLOCK];
  gboolean good = make_keys (key, keys);
  gsize have = 0;

  for (guint i = 0; good && i < n_parts; i++)
    for (gsize j = 0; good && j < parts[i].length; j++)
      {
        if (have == BLOCK)
          {
            xor_block (state, block);
            good = encrypt (keys[0], state, state);
            have = 0;
          }
        block[have++] = parts[i].data[j];
      }
  if (have < BLOCK)
    {
      memset (block + have, 0, BLOCK - have);
      block[have] = 0x80;
    }
  xor_block (state, block);
  xor_block (state, keys[have == BLOCK ? 1 : 2]);
  good = good && encrypt (keys[0], state, out);
  roam_wipe (keys, sizeof keys);
  roam_wipe (state, sizeof state);
  roam_wipe (block, sizeof block);
  return good;
}

/* --- keys of any length --- */

typedef gboolean (*Mac) (const guint8 key[BLOCK], const IkeView *parts, guint n_parts, guint8 out[BLOCK]);

/* Longer ones are hashed with a key of zeros; XCBC pads shorter ones (RFC 4434 2), CMAC hashes them too (RFC 4615 3).
 */
static gboolean
fit_key (Mac mac, gboolean pads, IkeView key, guint8 out[BLOCK])
{
  static const guint8 zeros[BLOCK];

  if (key.length == BLOCK || (key.length < BLOCK && pads))
    {
      memset (out, 0, BLOCK);
      if (key.length > 0)
        memcpy (out, key.data, key.length);
      return TRUE;
    }
  return mac (zeros, &key, 1, out);
}

gboolean
ike_prf_aes (guint16 prf, IkeView key, const IkeView *parts, guint n_parts, guint8 out[IKE_PRF_AES_LENGTH])
{
  Mac mac = prf == IKE_PRF_AES128_XCBC ? xcbc : cmac;
  guint8 fitting[BLOCK];
  gboolean good = fit_key (mac, prf == IKE_PRF_AES128_XCBC, key, fitting) && mac (fitting, parts, n_parts, out);

  roam_wipe (fitting, sizeof fitting);
  return good;
}
