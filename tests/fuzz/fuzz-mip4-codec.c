/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "mip4/mip4-advertisement-private.h"
#include "mip4/mip4-codec-private.h"
#include "mip4/mip4-tunnel-private.h"

#include <stdint.h>
#include <string.h>

/* Any octets into every decoder of mip4/; what is decoded must lie inside them. */

int LLVMFuzzerTestOneInput (const uint8_t *data, size_t size);

static void
check_slice (const Mip4Slice *slice, const uint8_t *data, size_t size)
{
  if (slice->data == NULL)
    return;
  g_assert_true (slice->data >= data && slice->data <= data + size);
  g_assert_cmpuint (slice->length, <=, (gsize)(data + size - slice->data));
}

static void
check_auth (const Mip4AuthExtension *auth, const uint8_t *data, size_t size)
{
  check_slice (&auth->authenticator, data, size);
  g_assert_cmpuint (auth->covered, <=, size);
}

static void
check_extensions (const Mip4Extensions *extensions, const uint8_t *data, size_t size)
{
  check_slice (&extensions->nai, data, size);
  check_slice (&extensions->service, data, size);
  check_slice (&extensions->challenge, data, size);
  check_slice (&extensions->message, data, size);
}

static void
check_message (const uint8_t *data, size_t size)
{
  static const guint8 key_octets[16] = { 7 };
  g_autoptr (RoamSecret) key = roam_secret_new (key_octets, sizeof key_octets);
  Mip4SecurityAssociation association = { 256, MIP4_AUTH_HMAC_MD5, key };
  Mip4Message message;

  if (mip4_parse (data, size, &message) != MIP4_DISCARD_NONE)
    return;
  check_slice (&message.payload, data, size);
  check_auth (&message.mhae, data, size);
  check_auth (&message.mfae, data, size);
  check_auth (&message.fhae, data, size);
  check_auth (&message.mn_aaa, data, size);
  check_extensions (&message.covered, data, size);
  check_extensions (&message.uncovered, data, size);
  association.spi = message.mhae.spi;
  g_assert_nonnull (mip4_discard_sentence (mip4_verify_mhae (&message, &association)));
}

int
LLVMFuzzerTestOneInput (const uint8_t *data, size_t size)
{
  g_autofree guint8 *copy = g_memdup2 (data, size);
  Mip4Advertisement adv;
  Mip4Ipv4 ip;

  check_message (data, size);
  if (mip4_parse_advertisement (data, size, &adv) == MIP4_ADVERTISEMENT_OK)
    {
      const Mip4Slice challenge = { adv.challenge, adv.challenge_length };

      check_slice (&challenge, data, size);
      g_assert_cmpuint (adv.n_care_of, <=, MIP4_ADVERTISEMENT_MAX_CARE_OF);
      mip4_advertisement_is_usable (&adv);
    }
  mip4_is_solicitation (data, size);
  if (mip4_ipv4_parse (copy, size, &ip))
    {
      mip4_tunnel_is_loop (copy, size, ip.source);
      mip4_ecn_decapsulate (ip.tos ^ 3, copy);
    }
  return 0;
}
