/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "base/rng.h"

#include "base/secret.h"

#include <openssl/evp.h>
#include <string.h>

struct _RoamRng {
  EVP_CIPHER_CTX *stream;
};

RoamRng *
roam_rng_new (const guint8 seed[ROAM_RNG_SEED_LENGTH])
{
  static const guint8 zero_iv[16] = { 0 };
  RoamRng *rng = g_new0 (RoamRng, 1);

  rng->stream = EVP_CIPHER_CTX_new ();
  /* No ChaCha20 in libcrypto or no memory: nothing that a client could do about it. */
  if (rng->stream == NULL ||
      EVP_EncryptInit_ex (rng->stream, EVP_chacha20 (), NULL, seed, zero_iv) != 1)
    g_error ("libcrypto offers no ChaCha20");
  return rng;
}

RoamRng *
roam_rng_new_for_test (guint64 number)
{
  guint8 seed[ROAM_RNG_SEED_LENGTH] = { 0 };

  for (guint i = 0; i < 8; i++)
    seed[i] = (guint8) (number >> (8 * i));
  return roam_rng_new (seed);
}

void
roam_rng_free (RoamRng *rng)
{
  if (rng == NULL)
    return;
  EVP_CIPHER_CTX_free (rng->stream);
  g_free (rng);
}

void
roam_rng_fill (RoamRng *rng, guint8 *out, gsize length)
{
  while (length > 0)
    {
      int chunk = (int) MIN (length, 4096), written = 0;

      memset (out, 0, (gsize) chunk);
      if (EVP_EncryptUpdate (rng->stream, out, &written, out, chunk) != 1 || written != chunk)
        g_error ("ChaCha20 key stream failed");
      out += chunk;
      length -= (gsize) chunk;
    }
}

guint32
roam_rng_u32 (RoamRng *rng)
{
  return (guint32) roam_rng_u64 (rng);
}

guint64
roam_rng_u64 (RoamRng *rng)
{
  guint8 octets[8];
  guint64 value = 0;

  roam_rng_fill (rng, octets, sizeof octets);
  for (guint i = 0; i < 8; i++)
    value = value << 8 | octets[i];
  return value;
}

guint32
roam_rng_below (RoamRng *rng, guint32 bound)
{
  /* 64 random bits against a 32-bit bound: the bias is below 2^-32. */
  return bound == 0 ? 0 : (guint32) (roam_rng_u64 (rng) % bound);
}
