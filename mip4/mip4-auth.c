/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "mip4/mip4-codec-private.h"

static GChecksumType
checksum_type (Mip4AuthAlgorithm algorithm)
{
  switch (algorithm)
    {
    case MIP4_AUTH_HMAC_MD5:
      return G_CHECKSUM_MD5;
    case MIP4_AUTH_HMAC_SHA_256:
      return G_CHECKSUM_SHA256;
    }
  g_return_val_if_reached (G_CHECKSUM_SHA256);
}

gsize
mip4_authenticator_length (Mip4AuthAlgorithm algorithm)
{
  return (gsize)g_checksum_type_get_length (checksum_type (algorithm));
}

void
mip4_authenticate (const Mip4SecurityAssociation *association, const guint8 *data, gsize length,
                   guint8 out[MIP4_AUTHENTICATOR_MAX])
{
  g_autoptr (GHmac) hmac = g_hmac_new (checksum_type (association->algorithm), roam_secret_peek (association->key),
                                       roam_secret_length (association->key));
  gsize digest_length = MIP4_AUTHENTICATOR_MAX;

  g_hmac_update (hmac, data, (gssize)length);
  g_hmac_get_digest (hmac, out, &digest_length);
}

Mip4Discard
mip4_verify_auth (const Mip4Message *message, const Mip4AuthExtension *extension,
                  const Mip4SecurityAssociation *association)
{
  guint8 expected[MIP4_AUTHENTICATOR_MAX];

  /* An SPI without context is an invalid authenticator (RFC 5944 3.5.1); SPIs up to 255 are reserved (1.6). */
  if (extension->spi < MIP4_SPI_MIN || extension->spi != association->spi)
    return MIP4_DISCARD_SPI;
  if (extension->authenticator.length != mip4_authenticator_length (association->algorithm))
    return MIP4_DISCARD_AUTHENTICATOR;
  mip4_authenticate (association, message->data, extension->covered, expected);
  if (!roam_equal_constant_time (expected, extension->authenticator.data, extension->authenticator.length))
    return MIP4_DISCARD_AUTHENTICATOR;
  return MIP4_DISCARD_NONE;
}

Mip4Discard
mip4_verify_mhae (const Mip4Message *message, const Mip4SecurityAssociation *association)
{
  if (message->mhae.count == 0)
    return MIP4_DISCARD_NO_MHAE;
  if (message->mhae.count > 1)
    return MIP4_DISCARD_TWO_MHAE;
  return mip4_verify_auth (message, &message->mhae, association);
}
