/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "tunnel/tunnel-esp-private.h"

#include "tunnel/tunnel-octets-private.h"

#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/params.h>
#include <string.h>

#define GCM_SALT 4 /* RFC 4106 4 */
#define GCM_IV 8
#define GCM_NONCE (GCM_SALT + GCM_IV)
#define ICV_16 16
#define AES_BLOCK 16
#define MIN_TRAILER 2 /* pad length, next header */
#define ESP_ALIGNMENT 4
#define MAX_AAD 12
/* The last sixteenth of the sequence numbers: minutes at a million packets a second. */
#define SHORT_FRACTION 16

/* What both directions share: the keyed contexts and the sizes of the suite. */
typedef struct
{
  TunnelEspAlgorithm algorithm;
  TunnelEspSizes sizes;
  guint32 spi;
  gboolean esn;
  guint8 salt[GCM_SALT];
  EVP_CIPHER_CTX *cipher;
  EVP_MAC_CTX *mac;
} EspKeys;

struct _TunnelEspOut
{
  EspKeys keys;
  guint64 next_sequence;
  RoamRng *rng;
};

struct _TunnelEspIn
{
  EspKeys keys;
  TunnelReplay replay;
};

/* ---------------------------------------------------------------------- suites ---- */

gboolean
tunnel_esp_get_sizes (TunnelEspAlgorithm algorithm, guint encr_bits, guint integ_bits, TunnelEspSizes *ret_sizes)
{
  if (encr_bits != 128 && encr_bits != 192 && encr_bits != 256)
    return FALSE;
  switch (algorithm)
    {
    case TUNNEL_ESP_AES_GCM_16:
      *ret_sizes =
        (TunnelEspSizes){ .iv = GCM_IV, .icv = ICV_16, .block = ESP_ALIGNMENT, .encr_key = encr_bits / 8 + GCM_SALT };
      return TRUE;
    case TUNNEL_ESP_AES_CBC_HMAC_SHA2:
      if (integ_bits != 256 && integ_bits != 384 && integ_bits != 512)
        return FALSE;
      /* RFC 4868 2.6: half of the hash is sent. */
      *ret_sizes = (TunnelEspSizes){ .iv = AES_BLOCK,
                                     .icv = integ_bits / 16,
                                     .block = AES_BLOCK,
                                     .encr_key = encr_bits / 8,
                                     .integ_key = integ_bits / 8 };
      return TRUE;
    }
  return FALSE;
}

static const EVP_CIPHER *
find_cipher (TunnelEspAlgorithm algorithm, guint encr_bits)
{
  gboolean gcm = algorithm == TUNNEL_ESP_AES_GCM_16;

  if (encr_bits == 128)
    return gcm ? EVP_aes_128_gcm () : EVP_aes_128_cbc ();
  if (encr_bits == 192)
    return gcm ? EVP_aes_192_gcm () : EVP_aes_192_cbc ();
  return gcm ? EVP_aes_256_gcm () : EVP_aes_256_cbc ();
}

static gboolean
open_mac (EspKeys *keys, guint integ_bits, const RoamSecret *key)
{
  static const char *const digests[] = { "SHA2-256", "SHA2-384", "SHA2-512" };
  const char *digest = digests[integ_bits / 128 - 2];
  OSSL_PARAM params[] = {
    OSSL_PARAM_construct_utf8_string (OSSL_MAC_PARAM_DIGEST, (char *)digest, 0),
    OSSL_PARAM_construct_end (),
  };
  EVP_MAC *hmac = EVP_MAC_fetch (NULL, "HMAC", NULL);

  keys->mac = hmac != NULL ? EVP_MAC_CTX_new (hmac) : NULL;
  EVP_MAC_free (hmac);
  return keys->mac != NULL && EVP_MAC_init (keys->mac, roam_secret_peek (key), roam_secret_length (key), params) == 1;
}

static gboolean
has_length (const RoamSecret *secret, gsize length)
{
  return (secret != NULL ? roam_secret_length (secret) : 0) == length;
}

static void
clear_keys (EspKeys *keys)
{
  /* Both wipe what they derived from the key. */
  EVP_CIPHER_CTX_free (keys->cipher);
  EVP_MAC_CTX_free (keys->mac);
  roam_wipe (keys->salt, sizeof keys->salt);
}

static gboolean
open_keys (EspKeys *keys, const TunnelSa *sa, gboolean outbound)
{
  const RoamSecret *encr = outbound ? sa->encr_out : sa->encr_in, *integ = outbound ? sa->integ_out : sa->integ_in;

  keys->algorithm = sa->algorithm;
  keys->spi = outbound ? sa->spi_out : sa->spi_in;
  keys->esn = sa->esn;
  /* RFC 8221 4: no encryption without integrity, so a suite is complete or refused. */
  if (keys->spi < TUNNEL_ESP_MIN_SPI ||
      !tunnel_esp_get_sizes (sa->algorithm, sa->encr_bits, sa->integ_bits, &keys->sizes) ||
      !has_length (encr, keys->sizes.encr_key) || !has_length (integ, keys->sizes.integ_key))
    return FALSE;
  if (sa->algorithm == TUNNEL_ESP_AES_GCM_16)
    memcpy (keys->salt, roam_secret_peek (encr) + keys->sizes.encr_key - GCM_SALT, GCM_SALT);
  keys->cipher = EVP_CIPHER_CTX_new ();
  if (keys->cipher == NULL ||
      EVP_CipherInit_ex (keys->cipher, find_cipher (sa->algorithm, sa->encr_bits), NULL, roam_secret_peek (encr), NULL,
                         outbound) != 1 ||
      EVP_CIPHER_CTX_set_padding (keys->cipher, 0) != 1)
    return FALSE;
  return integ == NULL || open_mac (keys, sa->integ_bits, integ);
}

static void
make_nonce (const EspKeys *keys, const guint8 *iv, guint8 nonce[GCM_NONCE])
{
  memcpy (nonce, keys->salt, GCM_SALT);
  memcpy (nonce + GCM_SALT, iv, GCM_IV);
}

/* RFC 4106 5: SPI and the sequence number, all 64 bits of it with ESN. */
static int
make_aad (const EspKeys *keys, guint64 sequence, guint8 aad[MAX_AAD])
{
  tunnel_put_u32 (aad, keys->spi);
  if (!keys->esn)
    {
      tunnel_put_u32 (aad + 4, (guint32)sequence);
      return 8;
    }
  tunnel_put_u32 (aad + 4, (guint32)(sequence >> 32));
  tunnel_put_u32 (aad + 8, (guint32)sequence);
  return 12;
}

/* HMAC over SPI .. next header and, with ESN, the high half that is not sent (RFC 4303 2.2.1). */
static gboolean
compute_icv (const EspKeys *keys, const guint8 *packet, gsize length, guint64 sequence, guint8 icv[EVP_MAX_MD_SIZE])
{
  guint8 high[4];
  gsize written = 0;

  tunnel_put_u32 (high, (guint32)(sequence >> 32));
  return EVP_MAC_init (keys->mac, NULL, 0, NULL) == 1 && EVP_MAC_update (keys->mac, packet, length) == 1 &&
         (!keys->esn || EVP_MAC_update (keys->mac, high, sizeof high) == 1) &&
         EVP_MAC_final (keys->mac, icv, &written, EVP_MAX_MD_SIZE) == 1 && written >= keys->sizes.icv;
}

/* -------------------------------------------------------------------- outbound ---- */

TunnelEspOut *
tunnel_esp_out_new (const TunnelSa *sa, RoamRng *rng)
{
  g_autoptr (TunnelEspOut) out = g_new0 (TunnelEspOut, 1);

  out->rng = rng;
  out->next_sequence = 1;
  return open_keys (&out->keys, sa, TRUE) ? g_steal_pointer (&out) : NULL;
}

void
tunnel_esp_out_free (TunnelEspOut *out)
{
  if (out == NULL)
    return;
  clear_keys (&out->keys);
  g_free (out);
}

static guint64
last_sequence (const TunnelEspOut *out)
{
  return out->keys.esn ? G_MAXUINT64 - 1 : G_MAXUINT32;
}

guint64
tunnel_esp_out_next_sequence (const TunnelEspOut *out)
{
  return out->next_sequence;
}

gboolean
tunnel_esp_out_runs_short (const TunnelEspOut *out)
{
  guint64 limit = last_sequence (out);

  return out->next_sequence > limit - limit / SHORT_FRACTION;
}

void
tunnel_esp_out_skip_to (TunnelEspOut *out, guint64 sequence)
{
  out->next_sequence = MAX (out->next_sequence, sequence);
}

gsize
tunnel_esp_out_headroom (const TunnelEspOut *out)
{
  return TUNNEL_ESP_HEADER + out->keys.sizes.iv;
}

/* RFC 4303 2.4: 1, 2, 3 ... up to the block, then pad length and next header. Returns the new length. */
static gsize
append_trailer (const EspKeys *keys, guint8 next_header, guint8 *plain, gsize length)
{
  gsize block = keys->sizes.block, padding = (block - (length + MIN_TRAILER) % block) % block;

  for (gsize i = 0; i < padding; i++)
    plain[length + i] = (guint8)(i + 1);
  plain[length + padding] = (guint8)padding;
  plain[length + padding + 1] = next_header;
  return length + padding + MIN_TRAILER;
}

static gboolean
seal_gcm (const EspKeys *keys, guint64 sequence, const guint8 *iv, const guint8 *plain, gsize length, guint8 *target)
{
  guint8 nonce[GCM_NONCE], aad[MAX_AAD];
  int aad_length = make_aad (keys, sequence, aad), written;

  make_nonce (keys, iv, nonce);
  return EVP_EncryptInit_ex (keys->cipher, NULL, NULL, NULL, nonce) == 1 &&
         EVP_EncryptUpdate (keys->cipher, NULL, &written, aad, aad_length) == 1 &&
         EVP_EncryptUpdate (keys->cipher, target, &written, plain, (int)length) == 1 &&
         EVP_EncryptFinal_ex (keys->cipher, target + length, &written) == 1 &&
         EVP_CIPHER_CTX_ctrl (keys->cipher, EVP_CTRL_AEAD_GET_TAG, ICV_16, target + length) == 1;
}

static gboolean
seal_cbc (const EspKeys *keys, guint64 sequence, const guint8 *iv, const guint8 *plain, gsize length, guint8 *packet,
          guint8 *target)
{
  guint8 icv[EVP_MAX_MD_SIZE];
  int written;

  if (EVP_EncryptInit_ex (keys->cipher, NULL, NULL, NULL, iv) != 1 ||
      EVP_EncryptUpdate (keys->cipher, target, &written, plain, (int)length) != 1 ||
      !compute_icv (keys, packet, (gsize)(target - packet) + length, sequence, icv))
    return FALSE;
  memcpy (target + length, icv, keys->sizes.icv);
  return TRUE;
}

TunnelDrop
tunnel_esp_encrypt_with (TunnelEspOut *out, guint64 sequence, const guint8 *iv, guint8 next_header, guint8 *plain,
                         gsize length, guint8 *packet, gsize size, gsize *ret_length)
{
  const EspKeys *keys = &out->keys;
  gsize header = tunnel_esp_out_headroom (out);
  guint8 *target = packet + header;
  gboolean sealed = FALSE;

  if (length > G_MAXUINT16 || header + length + TUNNEL_ESP_MAX_TRAILER + keys->sizes.icv > size)
    return TUNNEL_DROP_SPACE;
  length = append_trailer (keys, next_header, plain, length);
  tunnel_put_u32 (packet, keys->spi);
  tunnel_put_u32 (packet + 4, (guint32)sequence);
  memcpy (packet + TUNNEL_ESP_HEADER, iv, keys->sizes.iv);
  switch (keys->algorithm)
    {
    case TUNNEL_ESP_AES_GCM_16:
      sealed = seal_gcm (keys, sequence, iv, plain, length, target);
      break;
    case TUNNEL_ESP_AES_CBC_HMAC_SHA2:
      sealed = seal_cbc (keys, sequence, iv, plain, length, packet, target);
      break;
    }
  if (!sealed)
    return TUNNEL_DROP_AUTHENTICATOR;
  *ret_length = header + length + keys->sizes.icv;
  return TUNNEL_DROP_NONE;
}

TunnelDrop
tunnel_esp_encrypt (TunnelEspOut *out, guint8 next_header, guint8 *plain, gsize length, guint8 *packet, gsize size,
                    gsize *ret_length)
{
  guint64 sequence = out->next_sequence;
  guint8 iv[TUNNEL_ESP_MAX_IV];

  /* RFC 4303 3.3.3: the counter never comes round. */
  if (sequence > last_sequence (out))
    return TUNNEL_DROP_SEQUENCE;
  switch (out->keys.algorithm)
    {
    case TUNNEL_ESP_AES_GCM_16:
      /* RFC 4106 3.1: the sequence number never repeats under the key, so neither does the IV. */
      tunnel_put_u32 (iv, (guint32)(sequence >> 32));
      tunnel_put_u32 (iv + 4, (guint32)sequence);
      break;
    case TUNNEL_ESP_AES_CBC_HMAC_SHA2:
      /* RFC 3602 3: unpredictable. */
      roam_rng_fill (out->rng, iv, AES_BLOCK);
      break;
    }
  /* Used up even if libcrypto fails: a number must not serve two packets. */
  out->next_sequence++;
  return tunnel_esp_encrypt_with (out, sequence, iv, next_header, plain, length, packet, size, ret_length);
}

/* --------------------------------------------------------------------- inbound ---- */

TunnelEspIn *
tunnel_esp_in_new (const TunnelSa *sa)
{
  g_autoptr (TunnelEspIn) in = g_new0 (TunnelEspIn, 1);

  return open_keys (&in->keys, sa, FALSE) ? g_steal_pointer (&in) : NULL;
}

void
tunnel_esp_in_free (TunnelEspIn *in)
{
  if (in == NULL)
    return;
  clear_keys (&in->keys);
  g_free (in);
}

guint32
tunnel_esp_get_spi (const guint8 *packet, gsize length)
{
  guint32 spi = length >= TUNNEL_ESP_HEADER ? tunnel_get_u32 (packet) : 0;

  return spi >= TUNNEL_ESP_MIN_SPI ? spi : 0;
}

guint64
tunnel_esp_in_newest (const TunnelEspIn *in)
{
  return in->replay.newest;
}

void
tunnel_esp_in_skip_to (TunnelEspIn *in, guint64 sequence)
{
  if (sequence > in->replay.newest)
    tunnel_replay_update (&in->replay, sequence);
}

/* Authenticates first, as far as the mode allows; @text is decrypted in place. */
static gboolean
open_gcm (const EspKeys *keys, guint64 sequence, const guint8 *iv, guint8 *text, gsize length)
{
  guint8 nonce[GCM_NONCE], aad[MAX_AAD];
  int aad_length = make_aad (keys, sequence, aad), written;

  make_nonce (keys, iv, nonce);
  if (EVP_DecryptInit_ex (keys->cipher, NULL, NULL, NULL, nonce) == 1 &&
      EVP_DecryptUpdate (keys->cipher, NULL, &written, aad, aad_length) == 1 &&
      EVP_DecryptUpdate (keys->cipher, text, &written, text, (int)length) == 1 &&
      EVP_CIPHER_CTX_ctrl (keys->cipher, EVP_CTRL_AEAD_SET_TAG, ICV_16, text + length) == 1 &&
      EVP_DecryptFinal_ex (keys->cipher, text + length, &written) == 1)
    return TRUE;
  roam_wipe (text, length);
  return FALSE;
}

static gboolean
open_cbc (const EspKeys *keys, guint64 sequence, const guint8 *packet, const guint8 *iv, guint8 *text, gsize length)
{
  guint8 icv[EVP_MAX_MD_SIZE];
  int written;

  return compute_icv (keys, packet, (gsize)(text - packet) + length, sequence, icv) &&
         roam_equal_constant_time (icv, text + length, keys->sizes.icv) &&
         EVP_DecryptInit_ex (keys->cipher, NULL, NULL, NULL, iv) == 1 &&
         EVP_DecryptUpdate (keys->cipher, text, &written, text, (int)length) == 1;
}

/* RFC 4303 2.4: any length that fits. The pattern tells something only where the mode is malleable. */
static TunnelDrop
remove_trailer (const EspKeys *keys, const guint8 *plain, gsize length, gsize *ret_length, guint8 *ret_next_header)
{
  gsize padding = plain[length - 2];

  if (padding + MIN_TRAILER > length)
    return TUNNEL_DROP_MALFORMED;
  if (keys->algorithm == TUNNEL_ESP_AES_CBC_HMAC_SHA2)
    for (gsize i = 0; i < padding; i++)
      if (plain[length - MIN_TRAILER - padding + i] != i + 1)
        return TUNNEL_DROP_MALFORMED;
  *ret_length = length - MIN_TRAILER - padding;
  *ret_next_header = plain[length - 1];
  return TUNNEL_DROP_NONE;
}

TunnelDrop
tunnel_esp_decrypt (TunnelEspIn *in, guint8 *packet, gsize length, guint8 **ret_plain, gsize *ret_length,
                    guint8 *ret_next_header)
{
  const EspKeys *keys = &in->keys;
  gsize header = TUNNEL_ESP_HEADER + keys->sizes.iv, text_length;
  guint8 *text = packet + header;
  gboolean opened = FALSE;
  guint64 sequence;
  TunnelDrop drop;

  if (length < header + MIN_TRAILER + keys->sizes.icv || length > G_MAXUINT16)
    return TUNNEL_DROP_MALFORMED;
  text_length = length - header - keys->sizes.icv;
  if (text_length % keys->sizes.block != 0)
    return TUNNEL_DROP_MALFORMED;
  if (!tunnel_replay_expand (&in->replay, keys->esn, tunnel_get_u32 (packet + 4), &sequence) ||
      !tunnel_replay_check (&in->replay, sequence))
    return TUNNEL_DROP_REPLAYED;
  switch (keys->algorithm)
    {
    case TUNNEL_ESP_AES_GCM_16:
      opened = open_gcm (keys, sequence, packet + TUNNEL_ESP_HEADER, text, text_length);
      break;
    case TUNNEL_ESP_AES_CBC_HMAC_SHA2:
      opened = open_cbc (keys, sequence, packet, packet + TUNNEL_ESP_HEADER, text, text_length);
      break;
    }
  if (!opened)
    return TUNNEL_DROP_AUTHENTICATOR;
  tunnel_replay_update (&in->replay, sequence);
  drop = remove_trailer (keys, text, text_length, ret_length, ret_next_header);
  if (drop == TUNNEL_DROP_NONE)
    *ret_plain = text;
  return drop;
}
