/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Protection of one direction: AEAD (RFC 5282, 7634) or AES-CBC with HMAC (RFC 7296 3.14). */

#include "ike/ike-algorithm-private.h"

#include "base/wire.h"

#include <openssl/evp.h>

struct _IkeCipher
{
  const IkeEncryption *encryption;
  const IkeHmac *integ; /* NULL with AEAD */
  RoamSecret *sk_e, *sk_a;
  guint64 counter; /* last AEAD IV that was given out */
};

/* Salt and IV of every AEAD here. */
#define AEAD_NONCE_LENGTH 12

IkeCipher *
ike_cipher_new (const IkeSuite *suite, RoamSecret *sk_e, RoamSecret *sk_a)
{
  const IkeEncryption *encryption = ike_encryption (suite->encr, suite->encr_bits);
  const IkeHmac *integ = ike_hmac_integ (suite->integ);
  IkeCipher *cipher;

  if (encryption == NULL || roam_secret_length (sk_e) != encryption->key + encryption->salt)
    return NULL;
  if (encryption->icv != 0 ? integ != NULL : integ == NULL || roam_secret_length (sk_a) != integ->key)
    return NULL;
  cipher = g_new0 (IkeCipher, 1);
  cipher->encryption = encryption;
  cipher->integ = integ;
  cipher->sk_e = roam_secret_ref (sk_e);
  cipher->sk_a = integ != NULL ? roam_secret_ref (sk_a) : NULL;
  return cipher;
}

void
ike_cipher_free (IkeCipher *cipher)
{
  if (cipher == NULL)
    return;
  roam_secret_unref (cipher->sk_e);
  roam_secret_unref (cipher->sk_a);
  g_free (cipher);
}

gsize
ike_cipher_iv_length (const IkeCipher *cipher)
{
  return cipher->encryption->iv;
}

gsize
ike_cipher_icv_length (const IkeCipher *cipher)
{
  return cipher->integ != NULL ? cipher->integ->icv : cipher->encryption->icv;
}

gsize
ike_cipher_block_length (const IkeCipher *cipher)
{
  return cipher->integ != NULL ? cipher->encryption->iv : 1;
}

gboolean
ike_cipher_next_iv (IkeCipher *cipher, RoamRng *rng, guint8 out[IKE_MAX_IV])
{
  g_auto (WireWriter) writer = { 0 };

  if (cipher->integ != NULL)
    {
      roam_rng_fill (rng, out, cipher->encryption->iv);
      return TRUE;
    }
  if (cipher->counter == G_MAXUINT64)
    return FALSE;
  cipher->counter++;
  wire_writer_init (&writer, cipher->encryption->iv);
  wire_write_u64 (&writer, cipher->counter);
  memcpy (out, wire_writer_peek (&writer), cipher->encryption->iv);
  return TRUE;
}

/* Salt | IV (RFC 5282 4, 7634 2). */
static void
make_nonce (const IkeCipher *cipher, const guint8 *iv, guint8 out[AEAD_NONCE_LENGTH])
{
  const guint8 *salt = roam_secret_peek (cipher->sk_e) + cipher->encryption->key;

  memcpy (out, salt, cipher->encryption->salt);
  memcpy (out + cipher->encryption->salt, iv, cipher->encryption->iv);
}

/* One pass of an AEAD; @icv is written when sealing, verified when opening. */
static gboolean
run_aead (const IkeCipher *cipher, gboolean seal, IkeView aad, const guint8 *iv, IkeView in, guint8 *out, guint8 *icv)
{
  EVP_CIPHER *evp = EVP_CIPHER_fetch (NULL, cipher->encryption->cipher, NULL);
  EVP_CIPHER_CTX *context = EVP_CIPHER_CTX_new ();
  int icv_length = (int)cipher->encryption->icv, length = 0, tail = 0;
  guint8 nonce[AEAD_NONCE_LENGTH];
  gboolean good;

  make_nonce (cipher, iv, nonce);
  good = evp != NULL && context != NULL &&
         EVP_CipherInit_ex2 (context, evp, roam_secret_peek (cipher->sk_e), nonce, seal, NULL) == 1 &&
         (seal || EVP_CIPHER_CTX_ctrl (context, EVP_CTRL_AEAD_SET_TAG, icv_length, icv) == 1) &&
         EVP_CipherUpdate (context, NULL, &length, aad.data, (int)aad.length) == 1 &&
         EVP_CipherUpdate (context, out, &length, in.data, (int)in.length) == 1 &&
         EVP_CipherFinal_ex (context, out + length, &tail) == 1 && (gsize)(length + tail) == in.length &&
         (!seal || EVP_CIPHER_CTX_ctrl (context, EVP_CTRL_AEAD_GET_TAG, icv_length, icv) == 1);
  EVP_CIPHER_CTX_free (context);
  EVP_CIPHER_free (evp);
  roam_wipe (nonce, sizeof nonce);
  return good;
}

static gboolean
run_cbc (const IkeCipher *cipher, gboolean seal, const guint8 *iv, IkeView in, guint8 *out)
{
  EVP_CIPHER *evp = EVP_CIPHER_fetch (NULL, cipher->encryption->cipher, NULL);
  EVP_CIPHER_CTX *context = EVP_CIPHER_CTX_new ();
  int length = 0, tail = 0;
  gboolean good = evp != NULL && context != NULL &&
                  EVP_CipherInit_ex2 (context, evp, roam_secret_peek (cipher->sk_e), iv, seal, NULL) == 1 &&
                  EVP_CIPHER_CTX_set_padding (context, 0) == 1 &&
                  EVP_CipherUpdate (context, out, &length, in.data, (int)in.length) == 1 &&
                  EVP_CipherFinal_ex (context, out + length, &tail) == 1 && (gsize)(length + tail) == in.length;

  EVP_CIPHER_CTX_free (context);
  EVP_CIPHER_free (evp);
  return good;
}

/* HMAC from the IKE header to the end of the ciphertext. */
static gboolean
run_hmac (const IkeCipher *cipher, IkeView aad, const guint8 *iv, IkeView text, guint8 *out)
{
  const IkeView parts[] = { aad, { iv, cipher->encryption->iv }, text };

  return ike_hmac (cipher->integ->digest, ike_view_secret (cipher->sk_a), parts, G_N_ELEMENTS (parts), out,
                   cipher->integ->icv);
}

gboolean
ike_cipher_seal (const IkeCipher *cipher, IkeView aad, const guint8 *iv, IkeView plain, guint8 *ret_text,
                 guint8 *ret_icv)
{
  if (cipher->integ == NULL)
    return run_aead (cipher, TRUE, aad, iv, plain, ret_text, ret_icv);
  return run_cbc (cipher, TRUE, iv, plain, ret_text) &&
         run_hmac (cipher, aad, iv, (IkeView){ ret_text, plain.length }, ret_icv);
}

gboolean
ike_cipher_open (const IkeCipher *cipher, IkeView aad, const guint8 *iv, IkeView text, const guint8 *icv,
                 guint8 *ret_plain)
{
  guint8 expected[IKE_MAX_ICV];
  gboolean good;

  if (cipher->integ == NULL)
    {
      memcpy (expected, icv, cipher->encryption->icv);
      good = run_aead (cipher, FALSE, aad, iv, text, ret_plain, expected);
    }
  else
    good = run_hmac (cipher, aad, iv, text, expected) && roam_equal_constant_time (expected, icv, cipher->integ->icv) &&
           run_cbc (cipher, FALSE, iv, text, ret_plain);
  if (!good)
    roam_wipe (ret_plain, text.length);
  return good;
}
