/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* PRF, prf+ and the key schedule (RFC 7296 2.13, 2.14, 2.17, 2.18); small hashes. */

#include "ike/ike-algorithm-private.h"

#include "base/wire.h"

#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/params.h>

IkeView
ike_view_secret (const RoamSecret *secret)
{
  if (secret == NULL)
    return (IkeView){ 0 };
  return (IkeView){ roam_secret_peek (secret), roam_secret_length (secret) };
}

/* HMAC of an empty key is legal; libcrypto wants a pointer all the same. */
static const guint8 *
octets_or_empty (IkeView view)
{
  static const guint8 empty[1] = { 0 };

  return view.data != NULL ? view.data : empty;
}

gboolean
ike_hmac (const char *digest, IkeView key, const IkeView *parts, guint n_parts, guint8 *out, gsize length)
{
  /* libcrypto takes the parameter without const but only reads it. */
  OSSL_PARAM params[] = { OSSL_PARAM_construct_utf8_string (OSSL_MAC_PARAM_DIGEST, (char *)digest, 0),
                          OSSL_PARAM_construct_end () };
  EVP_MAC *mac = EVP_MAC_fetch (NULL, "HMAC", NULL);
  EVP_MAC_CTX *context = EVP_MAC_CTX_new (mac);
  guint8 whole[IKE_MAX_HASH];
  size_t got = 0;
  gboolean good;

  good = context != NULL && EVP_MAC_init (context, octets_or_empty (key), key.length, params) == 1;
  for (guint i = 0; good && i < n_parts; i++)
    good = EVP_MAC_update (context, octets_or_empty (parts[i]), parts[i].length) == 1;
  good = good && EVP_MAC_final (context, whole, &got, sizeof whole) == 1 && got >= length;
  if (good)
    memcpy (out, whole, length);
  roam_wipe (whole, sizeof whole);
  EVP_MAC_CTX_free (context);
  EVP_MAC_free (mac);
  return good;
}

gboolean
ike_prf (guint16 prf, IkeView key, const IkeView *parts, guint n_parts, guint8 *out)
{
  const IkeHmac *hmac = ike_hmac_prf (prf);

  if (ike_prf_is_aes (prf))
    return ike_prf_aes (prf, key, parts, n_parts, out);
  return hmac != NULL && ike_hmac (hmac->digest, key, parts, n_parts, out, hmac->key);
}

/* T1 = prf (K, S | 0x01), Tn = prf (K, Tn-1 | S | n) */
gboolean
ike_prf_plus (guint16 prf, IkeView key, const IkeView *parts, guint n_parts, guint8 *out, gsize length)
{
  gsize block = ike_prf_length (prf), done = 0;
  g_autofree IkeView *input = g_new0 (IkeView, n_parts + 2);
  guint8 previous[IKE_MAX_HASH], counter = 0;
  gboolean good = block != 0 && length <= block * IKE_PRF_PLUS_MAX_BLOCKS;

  memcpy (input + 1, parts, n_parts * sizeof *parts);
  input[n_parts + 1] = (IkeView){ &counter, 1 };
  while (good && done < length)
    {
      gsize chunk = MIN (block, length - done);

      counter++;
      good = ike_prf (prf, key, input, n_parts + 2, previous);
      input[0] = (IkeView){ previous, block };
      if (good)
        memcpy (out + done, previous, chunk);
      done += chunk;
    }
  roam_wipe (previous, sizeof previous);
  return good;
}

static RoamSecret *
prf_secret (guint16 prf, IkeView key, const IkeView *parts, guint n_parts)
{
  guint8 out[IKE_MAX_HASH];
  RoamSecret *secret = NULL;

  if (ike_prf (prf, key, parts, n_parts, out))
    secret = roam_secret_new (out, ike_prf_length (prf));
  roam_wipe (out, sizeof out);
  return secret;
}

RoamSecret *
ike_skeyseed_initial (guint16 prf, IkeView ni, IkeView nr, const RoamSecret *g_ir)
{
  g_autofree guint8 *key = g_malloc (ni.length + nr.length);
  IkeView part = ike_view_secret (g_ir);

  /* RFC 7296 2.14: of a PRF with a fixed key half of it is of each nonce, which has 16 octets at least. */
  if (ike_prf_is_aes (prf))
    ni.length = nr.length = IKE_PRF_AES_LENGTH / 2;
  memcpy (key, ni.data, ni.length);
  memcpy (key + ni.length, nr.data, nr.length);
  return prf_secret (prf, (IkeView){ key, ni.length + nr.length }, &part, 1);
}

RoamSecret *
ike_skeyseed_rekey (guint16 old_prf, const RoamSecret *old_sk_d, const RoamSecret *g_ir, IkeView ni, IkeView nr)
{
  const IkeView parts[] = { ike_view_secret (g_ir), ni, nr };

  return prf_secret (old_prf, ike_view_secret (old_sk_d), parts, G_N_ELEMENTS (parts));
}

static void
write_spi (guint8 out[8], guint64 spi)
{
  g_auto (WireWriter) writer = { 0 };

  wire_writer_init (&writer, 8);
  wire_write_u64 (&writer, spi);
  memcpy (out, wire_writer_peek (&writer), 8);
}

/* The next @length octets of the key stream. */
static RoamSecret *
cut (const guint8 **stream, gsize length)
{
  RoamSecret *secret = roam_secret_new (*stream, length);

  *stream += length;
  return secret;
}

IkeKeys *
ike_keys_new (const IkeSuite *suite, const RoamSecret *skeyseed, IkeView ni, IkeView nr, guint64 spi_i, guint64 spi_r)
{
  gsize prf = ike_prf_length (suite->prf), encr = ike_encr_key_length (suite->encr, suite->encr_bits);
  gsize integ = ike_encr_is_aead (suite->encr) ? 0 : ike_integ_key_length (suite->integ);
  gsize total = 3 * prf + 2 * integ + 2 * encr;
  g_autoptr (IkeKeys) keys = g_new0 (IkeKeys, 1);
  g_autofree guint8 *stream = g_malloc (total);
  const guint8 *at = stream;
  guint8 spis[2][8];
  const IkeView seed[] = { ni, nr, { spis[0], 8 }, { spis[1], 8 } };

  write_spi (spis[0], spi_i);
  write_spi (spis[1], spi_r);
  if (!ike_prf_plus (suite->prf, ike_view_secret (skeyseed), seed, G_N_ELEMENTS (seed), stream, total))
    return NULL;
  keys->suite = *suite;
  keys->sk_d = cut (&at, prf);
  keys->sk_ai = cut (&at, integ);
  keys->sk_ar = cut (&at, integ);
  keys->sk_ei = cut (&at, encr);
  keys->sk_er = cut (&at, encr);
  keys->sk_pi = cut (&at, prf);
  keys->sk_pr = cut (&at, prf);
  roam_wipe (stream, total);
  keys->cipher_i = ike_cipher_new (suite, keys->sk_ei, keys->sk_ai);
  keys->cipher_r = ike_cipher_new (suite, keys->sk_er, keys->sk_ar);
  if (keys->cipher_i == NULL || keys->cipher_r == NULL)
    return NULL;
  return g_steal_pointer (&keys);
}

void
ike_keys_free (IkeKeys *keys)
{
  if (keys == NULL)
    return;
  roam_secret_unref (keys->sk_d);
  roam_secret_unref (keys->sk_ai);
  roam_secret_unref (keys->sk_ar);
  roam_secret_unref (keys->sk_ei);
  roam_secret_unref (keys->sk_er);
  roam_secret_unref (keys->sk_pi);
  roam_secret_unref (keys->sk_pr);
  ike_cipher_free (keys->cipher_i);
  ike_cipher_free (keys->cipher_r);
  g_free (keys);
}

gboolean
ike_child_keys_derive (guint16 prf, const RoamSecret *sk_d, const RoamSecret *g_ir, IkeView ni, IkeView nr,
                       const IkeSuite *esp, IkeChildKeys *ret_keys)
{
  gsize encr = ike_encr_key_length (esp->encr, esp->encr_bits);
  gsize integ = ike_encr_is_aead (esp->encr) ? 0 : ike_integ_key_length (esp->integ);
  gsize total = 2 * (encr + integ);
  g_autofree guint8 *stream = g_malloc (total);
  const guint8 *at = stream;
  const IkeView seed[] = { ike_view_secret (g_ir), ni, nr };

  /* Encryption without integrity is refused here as everywhere (RFC 4303 3.2.3 leaves it open). */
  if (encr == 0 || (integ == 0 && !ike_encr_is_aead (esp->encr)))
    return FALSE;
  if (!ike_prf_plus (prf, ike_view_secret (sk_d), seed, G_N_ELEMENTS (seed), stream, total))
    return FALSE;
  ret_keys->encr_i2r = cut (&at, encr);
  ret_keys->integ_i2r = integ != 0 ? cut (&at, integ) : NULL;
  ret_keys->encr_r2i = cut (&at, encr);
  ret_keys->integ_r2i = integ != 0 ? cut (&at, integ) : NULL;
  roam_wipe (stream, total);
  return TRUE;
}

void
ike_child_keys_clear (IkeChildKeys *keys)
{
  g_clear_pointer (&keys->encr_i2r, roam_secret_unref);
  g_clear_pointer (&keys->integ_i2r, roam_secret_unref);
  g_clear_pointer (&keys->encr_r2i, roam_secret_unref);
  g_clear_pointer (&keys->integ_r2i, roam_secret_unref);
}

/* SHA-1 of what @writer holds; all hashes here are fixed by the protocol and guard nothing secret. */
static void
finish_sha1 (WireWriter *writer, guint8 out[IKE_NAT_DETECTION_LENGTH])
{
  if (EVP_Digest (wire_writer_peek (writer), wire_writer_length (writer), out, NULL, EVP_sha1 (), NULL) != 1)
    g_error ("libcrypto has no SHA-1, which RFC 7296 2.23 needs");
}

void
ike_nat_detection_hash (guint64 spi_i, guint64 spi_r, const RoamEndpoint *endpoint,
                        guint8 out[IKE_NAT_DETECTION_LENGTH])
{
  g_auto (WireWriter) writer = { 0 };

  wire_writer_init (&writer, 64);
  wire_write_u64 (&writer, spi_i);
  wire_write_u64 (&writer, spi_r);
  wire_write_addr (&writer, &endpoint->addr);
  wire_write_u16 (&writer, endpoint->port);
  finish_sha1 (&writer, out);
}

void
ike_nat_prevention_hash (const RoamEndpoint *source, const RoamEndpoint *destination,
                         guint8 out[IKE_NAT_DETECTION_LENGTH])
{
  g_auto (WireWriter) writer = { 0 };

  wire_writer_init (&writer, 64);
  wire_write_addr (&writer, &source->addr);
  wire_write_u16 (&writer, source->port);
  wire_write_addr (&writer, &destination->addr);
  wire_write_u16 (&writer, destination->port);
  finish_sha1 (&writer, out);
}

int
ike_nonce_compare (IkeView a, IkeView b)
{
  int order = memcmp (a.data, b.data, MIN (a.length, b.length));

  if (order != 0)
    return order;
  return a.length < b.length ? -1 : a.length > b.length;
}
