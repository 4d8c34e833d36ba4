/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "mip4/mip4-ha-private.h"

#include <openssl/evp.h>
#include <string.h>

/*
 * Authenticators of the home agent, which makes two for every registration. HMAC (RFC 2104) is put together
 * here from one digest context for each algorithm: fetching a MAC or duplicating a keyed context costs more
 * than the digests themselves, and keyed contexts of every association would cost more memory than the
 * bindings.
 */

#define BLOCK_LENGTH 64u /* of MD5 and SHA-256 */

typedef struct
{
  EVP_MD *digest; /* NULL: the library does not offer it (MD5 in FIPS mode) */
  EVP_MD_CTX *context;
} Digest;

struct _Mip4HaDigests
{
  Digest md5, sha_256;
};

static void
digest_init (Digest *digest, const char *name)
{
  digest->digest = EVP_MD_fetch (NULL, name, NULL);
  digest->context = EVP_MD_CTX_new ();
}

static void
digest_clear (Digest *digest)
{
  EVP_MD_CTX_free (digest->context);
  EVP_MD_free (digest->digest);
}

Mip4HaDigests *
mip4_ha_digests_new (void)
{
  Mip4HaDigests *digests = g_new0 (Mip4HaDigests, 1);

  digest_init (&digests->md5, "MD5");
  digest_init (&digests->sha_256, "SHA256");
  return digests;
}

void
mip4_ha_digests_free (Mip4HaDigests *digests)
{
  if (digests == NULL)
    return;
  digest_clear (&digests->md5);
  digest_clear (&digests->sha_256);
  g_free (digests);
}

static const Digest *
find_digest (const Mip4HaDigests *digests, Mip4AuthAlgorithm algorithm)
{
  switch (algorithm)
    {
    case MIP4_AUTH_HMAC_MD5:
      return &digests->md5;
    case MIP4_AUTH_HMAC_SHA_256:
      return &digests->sha_256;
    }
  g_return_val_if_reached (&digests->sha_256);
}

/* Digest of @block and @data. */
static gboolean
digest_two (const Digest *digest, const guint8 block[BLOCK_LENGTH], const guint8 *data, gsize length, guint8 *out)
{
  return EVP_DigestInit_ex2 (digest->context, digest->digest, NULL) == 1 &&
         EVP_DigestUpdate (digest->context, block, BLOCK_LENGTH) == 1 &&
         EVP_DigestUpdate (digest->context, data, length) == 1 && EVP_DigestFinal_ex (digest->context, out, NULL) == 1;
}

static gboolean
hmac (const Digest *digest, const RoamSecret *key, const guint8 *data, gsize length, gsize digest_length, guint8 *out)
{
  guint8 inner[BLOCK_LENGTH] = { 0 }, outer[BLOCK_LENGTH];
  gboolean ok = digest->digest != NULL && digest->context != NULL;

  if (roam_secret_length (key) <= BLOCK_LENGTH)
    memcpy (inner, roam_secret_peek (key), roam_secret_length (key));
  else
    ok = ok && EVP_Digest (roam_secret_peek (key), roam_secret_length (key), inner, NULL, digest->digest, NULL) == 1;
  for (gsize i = 0; i < BLOCK_LENGTH; i++)
    {
      outer[i] = inner[i] ^ 0x5c;
      inner[i] ^= 0x36;
    }
  ok = ok && digest_two (digest, inner, data, length, out) && digest_two (digest, outer, out, digest_length, out);
  roam_wipe (inner, sizeof inner);
  roam_wipe (outer, sizeof outer);
  return ok;
}

void
mip4_ha_authenticate (const Mip4Ha *ha, const Mip4SecurityAssociation *association, const guint8 *data, gsize length,
                      guint8 out[MIP4_AUTHENTICATOR_MAX])
{
  if (!hmac (find_digest (ha->digests, association->algorithm), association->key, data, length,
             mip4_authenticator_length (association->algorithm), out))
    mip4_authenticate (association, data, length, out);
}

void
mip4_ha_write_auth (const Mip4Ha *ha, WireWriter *writer, guint8 type, const Mip4SecurityAssociation *association)
{
  guint8 authenticator[MIP4_AUTHENTICATOR_MAX];
  gsize length = mip4_authenticator_length (association->algorithm);

  wire_write_u8 (writer, type);
  wire_write_u8 (writer, (guint8)(4 + length));
  wire_write_u32 (writer, association->spi);
  if (wire_writer_failed (writer))
    return;
  mip4_ha_authenticate (ha, association, wire_writer_peek (writer), wire_writer_length (writer), authenticator);
  wire_write_data (writer, authenticator, length);
}

Mip4Discard
mip4_ha_verify_auth (const Mip4Ha *ha, const Mip4Message *message, const Mip4AuthExtension *extension,
                     const Mip4SecurityAssociation *association)
{
  guint8 expected[MIP4_AUTHENTICATOR_MAX];

  if (extension->count == 0)
    return MIP4_DISCARD_NO_MHAE;
  if (extension->count > 1)
    return MIP4_DISCARD_TWO_MHAE;
  if (association == NULL || extension->spi < MIP4_SPI_MIN || extension->spi != association->spi)
    return MIP4_DISCARD_SPI;
  if (extension->authenticator.length != mip4_authenticator_length (association->algorithm))
    return MIP4_DISCARD_AUTHENTICATOR;
  mip4_ha_authenticate (ha, association, message->data, extension->covered, expected);
  if (!roam_equal_constant_time (expected, extension->authenticator.data, extension->authenticator.length))
    return MIP4_DISCARD_AUTHENTICATOR;
  return MIP4_DISCARD_NONE;
}

const Mip4HaAssociation *
mip4_ha_find_association (const Mip4HaNodeState *node, guint32 spi)
{
  if (node->mn_ha.association.spi == spi)
    return &node->mn_ha;
  for (guint i = 0; i < node->n_more_mn_ha; i++)
    if (node->more_mn_ha[i].association.spi == spi)
      return &node->more_mn_ha[i];
  return NULL;
}

const Mip4SecurityAssociation *
mip4_ha_find_fa_association (const Mip4Ha *ha, const RoamAddr *agent)
{
  return g_hash_table_lookup (ha->fa_ha, GUINT_TO_POINTER (roam_addr_to_u32 (agent)));
}
