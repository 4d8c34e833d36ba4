/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Fuzz target of the IKE codec: what a peer sends, before and after decryption. The first octet says
 * which way the rest goes. With ROAM_FUZZ_REPLAY it is a program that runs the files named as
 * arguments and a fixed set of mutants of each.
 */

#include "tests/ike/test-codec-rebuild.h"

#include <stdint.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput (const uint8_t *data, size_t size);

/* Large enough for three fragments of the smallest size. */
#define FRAGMENT_LENGTH 256

static const IkeHeader header = {
  .spi_i = 1, .spi_r = 2, .exchange = IKE_EXCHANGE_INFORMATIONAL, .flags = IKE_FLAG_INITIATOR
};

static IkeCipher *
make_cipher (gboolean aead)
{
  static const guint8 octets[64] = { 1, 2, 3 };
  const IkeSuite gcm = { IKE_ENCR_AES_GCM_16, 128, 0, IKE_PRF_HMAC_SHA2_256, 0, 0 };
  const IkeSuite cbc = { IKE_ENCR_AES_CBC, 128, IKE_INTEG_HMAC_SHA2_256_128, IKE_PRF_HMAC_SHA2_256, 0, 0 };
  g_autoptr (RoamSecret) sk_e = roam_secret_new (octets, aead ? 20 : 16),
                         sk_a = roam_secret_new (octets, aead ? 0 : 32);

  return ike_cipher_new (aead ? &gcm : &cbc, sk_e, sk_a);
}

/* What was parsed can be written, parsed again, and then written to the same octets. */
static void
check_rebuild (const IkeMessage *message)
{
  g_autoptr (IkePayloads) once = test_rebuild_payloads (message), twice = NULL;
  IkeMessage *again = g_new0 (IkeMessage, 1);
  IkeParseError error = { 0 };
  IkeView octets = test_payloads_octets (once), more;

  if (!ike_payload_chain_parse (again, test_payloads_first (once), octets.data, octets.length, FALSE, &error))
    g_error ("rebuilt payloads do not parse: %s", error.reason);
  twice = test_rebuild_payloads (again);
  more = test_payloads_octets (twice);
  if (more.length != octets.length || (more.length > 0 && memcmp (more.data, octets.data, more.length) != 0))
    g_error ("rebuilt payloads differ");
  ike_message_free (again);
}

static void
try_clear (const uint8_t *data, size_t size)
{
  IkeParseError error;
  g_autoptr (IkeMessage) message = ike_message_parse_clear (data, size, &error);

  if ((message == NULL) != (error.status != IKE_PARSE_OK))
    g_error ("status and result differ");
  if (message != NULL)
    check_rebuild (message);
}

/* As it comes from the network: the keys are unknown to the sender. */
static void
try_protected (const uint8_t *data, size_t size, gboolean aead)
{
  g_autoptr (IkeCipher) cipher = make_cipher (aead);
  g_autoptr (IkeReassembly) reassembly = ike_reassembly_new ();
  g_autoptr (IkeMessage) message = NULL, whole = NULL;
  IkeParseError error;
  guint16 number, total;
  guint8 type;

  message = ike_message_open (data, size, cipher, &error);
  ike_message_peek_protection (data, size, &type);
  ike_message_peek_fragment (data, size, &number, &total);
  ike_reassembly_add (reassembly, 0, data, size, cipher, &whole, &error);
}

/* From an authenticated peer: any inner octets, sealed, opened, in one piece and in fragments. */
static void
try_inner (const uint8_t *data, size_t size, gboolean aead)
{
  g_autoptr (IkeCipher) cipher = make_cipher (aead);
  g_autoptr (RoamRng) rng = roam_rng_new_for_test (1);
  g_autoptr (IkeReassembly) reassembly = ike_reassembly_new ();
  g_autoptr (IkeMessage) message = NULL, whole = NULL;
  g_autoptr (GBytes) octets = NULL;
  IkeSealing sealing = { .header = &header };
  guint8 iv[IKE_MAX_IV];
  IkeParseError error;

  if (size < 1 || size > 4096)
    return;
  sealing.next = data[0];
  sealing.inner = (IkeView){ data + 1, size - 1 };
  if (!ike_cipher_next_iv (cipher, rng, iv))
    return;
  octets = ike_sealing_build (&sealing, cipher, iv);
  message = ike_message_open (g_bytes_get_data (octets, NULL), g_bytes_get_size (octets), cipher, &error);
  if (message == NULL && error.status == IKE_PARSE_DROP)
    g_error ("our own message is dropped: %s", error.reason);
  if (message != NULL)
    check_rebuild (message);
  sealing.total = (guint16)((size + FRAGMENT_LENGTH - 1) / FRAGMENT_LENGTH);
  for (sealing.number = 1; sealing.number <= sealing.total; sealing.number++)
    {
      gsize from = (sealing.number - 1u) * FRAGMENT_LENGTH;
      g_autoptr (GBytes) fragment = NULL;

      sealing.next = sealing.number == 1 ? data[0] : 0;
      sealing.inner = (IkeView){ data + 1 + from, MIN (FRAGMENT_LENGTH, size - 1 - from) };
      if (from > size - 1 || !ike_cipher_next_iv (cipher, rng, iv))
        return;
      fragment = ike_sealing_build (&sealing, cipher, iv);
      ike_reassembly_add (reassembly, 0, g_bytes_get_data (fragment, NULL), g_bytes_get_size (fragment), cipher, &whole,
                          &error);
    }
  if ((whole == NULL) != (message == NULL))
    g_error ("fragments are judged in another way than the whole");
}

/* Key exchange values, AUTH data, identities, hash lists. */
static void
try_values (const uint8_t *data, size_t size)
{
  static const guint16 groups[] = { 19, 20, 21, 31 };
  static const guint8 private[32] = { 1, 2, 3, 4 };
  const IkeView rest = { data + 1, size - 1 };
  g_autofree char *text = NULL;
  g_autoptr (IkePublicKey) key = ike_public_key_new_from_spki (rest.data, rest.length);
  g_auto (IkeIdentity) identity = { 0 };
  const char *reason;
  IkeHashSet set;

  for (gsize i = 0; i < G_N_ELEMENTS (groups); i++)
    {
      g_autoptr (IkeDh) dh = ike_dh_new_with_private (groups[i], private, sizeof private);
      g_autoptr (RoamSecret) secret = NULL;

      secret = ike_dh_shared (dh, rest.data, rest.length, &reason);
      if (secret != NULL && roam_secret_length (secret) == 0)
        g_error ("an empty shared secret");
    }
  text = ike_identity_to_string (data[0], rest);
  if (text == NULL)
    g_error ("no text for an identity");
  ike_hash_set_parse (rest, &set);
  identity = (IkeIdentity){ data[0], g_bytes_new (rest.data, rest.length) };
  ike_identity_matches (&identity, data[0], rest);
  if (key != NULL)
    ike_auth_verify_signature (key, IKE_AUTH_ID_DIGITAL_SIGNATURE, rest, rest, IKE_SIGNATURE_DEFAULT, &reason);
}

/* covers: IKE-SEC-002 */
int
LLVMFuzzerTestOneInput (const uint8_t *data, size_t size)
{
  if (size < 2)
    return 0;
  switch (data[0] % 5)
    {
    case 0:
      try_clear (data + 1, size - 1);
      break;
    case 1:
      try_protected (data + 1, size - 1, size % 2 == 0);
      break;
    case 2:
      try_inner (data + 1, size - 1, TRUE);
      break;
    case 3:
      try_inner (data + 1, size - 1, FALSE);
      break;
    default:
      try_values (data + 1, size - 1);
      break;
    }
  return 0;
}
