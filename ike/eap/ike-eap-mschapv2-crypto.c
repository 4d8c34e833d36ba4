/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What MS-CHAP-V2 computes (RFC 2759 8, 9.2) and the keys that come out of it (RFC 3079 3.4). */
#include "ike/eap/ike-eap-private.h"

#include <openssl/evp.h>
#include <openssl/provider.h>
#include <openssl/sha.h>
#include <string.h>

/* A library context of its own: the legacy provider is for nobody else in this process. */
struct _IkeMschapv2Crypto
{
  OSSL_LIB_CTX *library;
  OSSL_PROVIDER *legacy;
  EVP_MD *md4;
  EVP_CIPHER *des;
};

#define DES_KEY_LENGTH 8
#define DES_KEY_BITS_LENGTH 7 /* without parity */
#define DES_BLOCK_LENGTH 8
#define MASTER_KEY_LENGTH 16
#define SHS_PAD_LENGTH 40
#define PWBLOCK_PASSWORD_LENGTH 512

IkeMschapv2Crypto *
ike_mschapv2_crypto_new (void)
{
  g_autoptr (IkeMschapv2Crypto) crypto = g_new0 (IkeMschapv2Crypto, 1);

  crypto->library = OSSL_LIB_CTX_new ();
  if (crypto->library != NULL)
    crypto->legacy = OSSL_PROVIDER_load (crypto->library, "legacy");
  if (crypto->legacy == NULL)
    return NULL;
  crypto->md4 = EVP_MD_fetch (crypto->library, "MD4", NULL);
  crypto->des = EVP_CIPHER_fetch (crypto->library, "DES-ECB", NULL);
  return crypto->md4 != NULL && crypto->des != NULL ? g_steal_pointer (&crypto) : NULL;
}

void
ike_mschapv2_crypto_free (IkeMschapv2Crypto *crypto)
{
  if (crypto == NULL)
    return;
  EVP_MD_free (crypto->md4);
  EVP_CIPHER_free (crypto->des);
  if (crypto->legacy != NULL)
    OSSL_PROVIDER_unload (crypto->legacy);
  OSSL_LIB_CTX_free (crypto->library);
  g_free (crypto);
}

/* UTF-16LE; caller wipes and frees. NULL: not UTF-8. */
static guint8 *
widen (const RoamSecret *password, gsize *ret_length)
{
  glong units = 0;
  gunichar2 *wide = g_utf8_to_utf16 ((const char *)roam_secret_peek (password), (glong)roam_secret_length (password),
                                     NULL, &units, NULL);
  guint8 *octets;

  *ret_length = 2 * (gsize)units;
  if (wide == NULL)
    return NULL;
  octets = g_malloc (*ret_length + 1);
  for (glong i = 0; i < units; i++)
    {
      octets[2 * i] = (guint8)wide[i];
      octets[2 * i + 1] = (guint8)(wide[i] >> 8);
    }
  roam_wipe (wide, *ret_length);
  g_free (wide);
  return octets;
}

gboolean
ike_mschapv2_password_hash (const IkeMschapv2Crypto *crypto, const RoamSecret *password,
                            guint8 out[IKE_MSCHAPV2_HASH_LENGTH])
{
  gsize length;
  guint8 *octets = widen (password, &length);
  gboolean good;

  if (octets == NULL)
    return FALSE;
  good = EVP_Digest (octets, length, out, NULL, crypto->md4, NULL) == 1;
  roam_wipe (octets, length);
  g_free (octets);
  return good;
}

/* One keystream of RC4, over @block. */
static gboolean
rc4 (const IkeMschapv2Crypto *crypto, const guint8 key[IKE_MSCHAPV2_HASH_LENGTH], guint8 *block, int length)
{
  EVP_CIPHER *cipher = EVP_CIPHER_fetch (crypto->library, "RC4", NULL);
  EVP_CIPHER_CTX *context = EVP_CIPHER_CTX_new ();
  int done = 0;
  gboolean good = cipher != NULL && context != NULL && EVP_EncryptInit_ex2 (context, cipher, key, NULL, NULL) == 1 &&
                  EVP_EncryptUpdate (context, block, &done, block, length) == 1 && done == length;

  EVP_CIPHER_CTX_free (context);
  EVP_CIPHER_free (cipher);
  return good;
}

gboolean
ike_mschapv2_encrypt_password (const IkeMschapv2Crypto *crypto, const RoamSecret *new_password,
                               const guint8 old_hash[IKE_MSCHAPV2_HASH_LENGTH],
                               guint8 block[IKE_MSCHAPV2_PWBLOCK_LENGTH])
{
  gsize length;
  guint8 *octets = widen (new_password, &length);
  gboolean good = FALSE;

  if (octets == NULL)
    return FALSE;
  if (length <= PWBLOCK_PASSWORD_LENGTH)
    {
      memcpy (block + PWBLOCK_PASSWORD_LENGTH - length, octets, length);
      for (guint i = 0; i < 4; i++)
        block[PWBLOCK_PASSWORD_LENGTH + i] = (guint8)(length >> 8 * i);
      good = rc4 (crypto, old_hash, block, IKE_MSCHAPV2_PWBLOCK_LENGTH);
    }
  roam_wipe (octets, length);
  g_free (octets);
  if (!good)
    roam_wipe (block, IKE_MSCHAPV2_PWBLOCK_LENGTH);
  return good;
}

static gboolean
sha1 (const IkeView *parts, guint n_parts, guint8 out[SHA_DIGEST_LENGTH])
{
  EVP_MD_CTX *context = EVP_MD_CTX_new ();
  gboolean good = context != NULL && EVP_DigestInit_ex (context, EVP_sha1 (), NULL) == 1;

  for (guint i = 0; good && i < n_parts; i++)
    good = EVP_DigestUpdate (context, parts[i].data, parts[i].length) == 1;
  good = good && EVP_DigestFinal_ex (context, out, NULL) == 1;
  EVP_MD_CTX_free (context);
  return good;
}

static IkeView
view_text (const char *text)
{
  return (IkeView){ (const guint8 *)text, strlen (text) };
}

gboolean
ike_mschapv2_challenge (const guint8 peer[IKE_MSCHAPV2_CHALLENGE_LENGTH],
                        const guint8 authenticator[IKE_MSCHAPV2_CHALLENGE_LENGTH], const char *user, guint8 out[8])
{
  const char *backslash = strrchr (user, '\\');
  const IkeView parts[] = { { peer, IKE_MSCHAPV2_CHALLENGE_LENGTH },
                            { authenticator, IKE_MSCHAPV2_CHALLENGE_LENGTH },
                            view_text (backslash != NULL ? backslash + 1 : user) };
  guint8 digest[SHA_DIGEST_LENGTH];

  if (!sha1 (parts, G_N_ELEMENTS (parts), digest))
    return FALSE;
  memcpy (out, digest, 8);
  return TRUE;
}

/* Seven octets of key are spread over eight; the parity bits are not looked at. */
static gboolean
des_encrypt (const IkeMschapv2Crypto *crypto, const guint8 bits[DES_KEY_BITS_LENGTH],
             const guint8 clear[DES_BLOCK_LENGTH], guint8 out[DES_BLOCK_LENGTH])
{
  EVP_CIPHER_CTX *context = EVP_CIPHER_CTX_new ();
  guint8 key[DES_KEY_LENGTH];
  guint64 all = 0;
  int length = 0;
  gboolean good;

  for (guint i = 0; i < DES_KEY_BITS_LENGTH; i++)
    all = all << 8 | bits[i];
  for (guint i = 0; i < DES_KEY_LENGTH; i++)
    key[i] = (guint8)((all >> (49 - 7 * i) & 0x7f) << 1);
  good = context != NULL && EVP_EncryptInit_ex2 (context, crypto->des, key, NULL, NULL) == 1 &&
         EVP_CIPHER_CTX_set_padding (context, 0) == 1 &&
         EVP_EncryptUpdate (context, out, &length, clear, DES_BLOCK_LENGTH) == 1 && length == DES_BLOCK_LENGTH;
  EVP_CIPHER_CTX_free (context);
  roam_wipe (key, sizeof key);
  roam_wipe (&all, sizeof all);
  return good;
}

gboolean
ike_mschapv2_nt_response (const IkeMschapv2Crypto *crypto, const guint8 challenge[8],
                          const guint8 password_hash[IKE_MSCHAPV2_HASH_LENGTH],
                          guint8 out[IKE_MSCHAPV2_NT_RESPONSE_LENGTH])
{
  guint8 padded[3 * DES_KEY_BITS_LENGTH] = { 0 };
  gboolean good = TRUE;

  memcpy (padded, password_hash, IKE_MSCHAPV2_HASH_LENGTH);
  for (guint i = 0; i < 3; i++)
    good &= des_encrypt (crypto, padded + i * DES_KEY_BITS_LENGTH, challenge, out + i * DES_BLOCK_LENGTH);
  roam_wipe (padded, sizeof padded);
  return good;
}

gboolean
ike_mschapv2_encrypt_hash (const IkeMschapv2Crypto *crypto, const guint8 old_hash[IKE_MSCHAPV2_HASH_LENGTH],
                           const guint8 new_hash[IKE_MSCHAPV2_HASH_LENGTH], guint8 out[IKE_MSCHAPV2_HASH_LENGTH])
{
  return des_encrypt (crypto, new_hash, old_hash, out) &&
         des_encrypt (crypto, new_hash + DES_KEY_BITS_LENGTH, old_hash + DES_BLOCK_LENGTH, out + DES_BLOCK_LENGTH);
}

static gboolean
hash_hash (const IkeMschapv2Crypto *crypto, const guint8 *password_hash, guint8 *out)
{
  return EVP_Digest (password_hash, IKE_MSCHAPV2_HASH_LENGTH, out, NULL, crypto->md4, NULL) == 1;
}

gboolean
ike_mschapv2_authenticator_response (const IkeMschapv2Crypto *crypto,
                                     const guint8 password_hash[IKE_MSCHAPV2_HASH_LENGTH],
                                     const guint8 nt_response[IKE_MSCHAPV2_NT_RESPONSE_LENGTH],
                                     const guint8 challenge[8], char out[IKE_MSCHAPV2_AUTHENTICATOR_LENGTH])
{
  static const char hex[] = "0123456789ABCDEF";
  guint8 twice[IKE_MSCHAPV2_HASH_LENGTH], digest[SHA_DIGEST_LENGTH];
  const IkeView first[] = { { twice, sizeof twice },
                            { nt_response, IKE_MSCHAPV2_NT_RESPONSE_LENGTH },
                            view_text ("Magic server to client signing constant") };
  const IkeView second[] = { { digest, sizeof digest },
                             { challenge, 8 },
                             view_text ("Pad to make it do more than one iteration") };
  gboolean good = hash_hash (crypto, password_hash, twice) && sha1 (first, G_N_ELEMENTS (first), digest) &&
                  sha1 (second, G_N_ELEMENTS (second), digest);

  roam_wipe (twice, sizeof twice);
  if (!good)
    return FALSE;
  out[0] = 'S';
  out[1] = '=';
  for (guint i = 0; i < SHA_DIGEST_LENGTH; i++)
    {
      out[2 + 2 * i] = hex[digest[i] >> 4];
      out[3 + 2 * i] = hex[digest[i] & 15];
    }
  return TRUE;
}

/* RFC 3079 3.4: GetAsymmetricStartKey of 16 octets. */
static gboolean
start_key (const guint8 master[MASTER_KEY_LENGTH], const char *magic, guint8 out[MASTER_KEY_LENGTH])
{
  guint8 zeros[SHS_PAD_LENGTH], pad[SHS_PAD_LENGTH], digest[SHA_DIGEST_LENGTH];
  const IkeView parts[] = {
    { master, MASTER_KEY_LENGTH }, { zeros, sizeof zeros }, view_text (magic), { pad, sizeof pad }
  };
  gboolean good;

  memset (zeros, 0, sizeof zeros);
  memset (pad, 0xf2, sizeof pad);
  good = sha1 (parts, G_N_ELEMENTS (parts), digest);
  memcpy (out, digest, MASTER_KEY_LENGTH);
  roam_wipe (digest, sizeof digest);
  return good;
}

RoamSecret *
ike_mschapv2_msk (const IkeMschapv2Crypto *crypto, const guint8 password_hash[IKE_MSCHAPV2_HASH_LENGTH],
                  const guint8 nt_response[IKE_MSCHAPV2_NT_RESPONSE_LENGTH])
{
  static const char client_send[] = "On the client side, this is the send key; on the server side, it is the receive "
                                    "key.";
  static const char client_receive[] = "On the client side, this is the receive key; on the server side, it is the "
                                       "send key.";
  guint8 twice[IKE_MSCHAPV2_HASH_LENGTH], master[SHA_DIGEST_LENGTH], msk[IKE_EAP_MSK_LENGTH] = { 0 };
  const IkeView parts[] = { { twice, sizeof twice },
                            { nt_response, IKE_MSCHAPV2_NT_RESPONSE_LENGTH },
                            view_text ("This is the MPPE Master Key") };
  RoamSecret *secret = NULL;

  if (hash_hash (crypto, password_hash, twice) && sha1 (parts, G_N_ELEMENTS (parts), master) &&
      start_key (master, client_send, msk) && start_key (master, client_receive, msk + MASTER_KEY_LENGTH))
    secret = roam_secret_new (msk, sizeof msk);
  roam_wipe (twice, sizeof twice);
  roam_wipe (master, sizeof master);
  roam_wipe (msk, sizeof msk);
  return secret;
}
