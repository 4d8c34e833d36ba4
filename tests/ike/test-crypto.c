/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Proposals and their negotiation, key exchange values that must be refused, identities, small hashes. */

#include "ike/ike-codec-private.h"

#include <string.h>

static IkeProposals *
make (const char *text, IkeProtocolId protocol)
{
  char *problem = NULL;
  IkeProposals *proposals = ike_proposals_new_from_text (text, protocol, &problem);

  if (proposals == NULL)
    g_error ("%s: %s", text, problem);
  return proposals;
}

/* covers: IKE-SAN-001, IKE-SAN-002, IKE-SAN-004, IKE-SAN-005, IKE-SAN-009, IKE-SAN-010 */
static void
test_defaults (void)
{
  static const guint16 groups[] = { 31, 19, 20, 14, 15, 16 };
  g_autoptr (IkeProposals) ike = make (NULL, IKE_PROTOCOL_IKE), esp = make (NULL, IKE_PROTOCOL_ESP);
  const IkeProposals *const lists[] = { ike, esp };

  g_assert_null (ike_proposals_check (ike_default_ike_proposals, FALSE));
  g_assert_null (ike_proposals_check (ike_default_esp_proposals, TRUE));
  for (gsize i = 0; i < G_N_ELEMENTS (lists); i++)
    {
      g_assert_cmpuint (lists[i]->n_proposals, ==, 2);
      for (guint j = 0; j < lists[i]->n_proposals; j++)
        {
          const IkeProposal *proposal = &lists[i]->proposals[j];
          gboolean aead = ike_encr_is_aead (proposal->transforms[0].id);

          g_assert_cmpuint (proposal->number, ==, j + 1);
          g_assert_cmpuint (proposal->spi_length, ==, 0);
          g_assert_true (aead == (j == 0));
          for (guint k = 0; k < proposal->n_transforms; k++)
            {
              const IkeTransform *transform = &proposal->transforms[k];

              if (transform->type == IKE_TRANSFORM_ENCR)
                {
                  g_assert_true (ike_encr_is_aead (transform->id) == aead);
                  g_assert_true ((transform->key_bits != 0) == (transform->id != IKE_ENCR_CHACHA20_POLY1305));
                }
              else
                g_assert_cmpuint (transform->key_bits, ==, 0);
              if (transform->type == IKE_TRANSFORM_INTEG)
                g_assert_true (!aead && transform->id != IKE_INTEG_NONE);
            }
        }
    }
  for (gsize i = 0; i < G_N_ELEMENTS (groups); i++)
    g_assert_true (ike_proposals_have_group (ike, groups[i]));
  g_assert_cmpuint (ike_proposals_first_group (ike), ==, IKE_GROUP_CURVE25519);
  g_assert_cmpuint (ike_proposals_first_group (esp), ==, IKE_GROUP_NONE);
}

/* The octets of the two default offers, for good. */
/* covers: IKE-SAN-009, IKE-SAN-010, IKE-SAN-011 */
static void
test_golden_offers (void)
{
  static const char ike_hex[] = "000000e4"
                                "020000700101000c"
                                "0300000c01000014800e0100"
                                "0300000c01000014800e0080"
                                "030000080100001c"
                                "0300000802000007"
                                "0300000802000006"
                                "0300000802000005"
                                "030000080400001f"
                                "0300000804000013"
                                "0300000804000014"
                                "030000080400000e"
                                "030000080400000f"
                                "0000000804000010"
                                "000000700201000c"
                                "0300000c0100000c800e0100"
                                "0300000c0100000c800e0080"
                                "0300000802000007"
                                "0300000802000005"
                                "030000080300000e"
                                "030000080300000c"
                                "030000080400001f"
                                "0300000804000013"
                                "0300000804000014"
                                "030000080400000e"
                                "030000080400000f"
                                "0000000804000010";
  static const char esp_hex[] = "0000007c"
                                "0200003401030404aabbccdd"
                                "0300000c01000014800e0100"
                                "0300000c01000014800e0080"
                                "0300000805000001"
                                "0000000805000000"
                                "0000004402030406aabbccdd"
                                "0300000c0100000c800e0100"
                                "0300000c0100000c800e0080"
                                "030000080300000e"
                                "030000080300000c"
                                "0300000805000001"
                                "0000000805000000";
  g_autoptr (IkeProposals) ike = make (NULL, IKE_PROTOCOL_IKE), esp = make (NULL, IKE_PROTOCOL_ESP);
  g_autoptr (IkePayloads) one = ike_payloads_new (), two = ike_payloads_new ();
  g_autoptr (GString) text_one = g_string_new (NULL), text_two = g_string_new (NULL);
  IkeView octets;
  guint8 first;

  ike_payloads_add_sa (one, ike);
  g_assert_true (ike_payloads_peek (one, &first, &octets));
  for (gsize i = 0; i < octets.length; i++)
    g_string_append_printf (text_one, "%02x", octets.data[i]);
  ike_proposals_set_spi (esp, 0xaabbccdd, 4);
  ike_payloads_add_sa (two, esp);
  g_assert_true (ike_payloads_peek (two, &first, &octets));
  for (gsize i = 0; i < octets.length; i++)
    g_string_append_printf (text_two, "%02x", octets.data[i]);
  g_assert_cmpstr (text_one->str, ==, ike_hex);
  g_assert_cmpstr (text_two->str, ==, esp_hex);
  g_assert_cmpuint (ike_proposal_get_spi (&esp->proposals[0]), ==, 0xaabbccdd);
}

/* covers: IKE-SAN-005, IKE-SAN-007, IKE-ALG-004, IKE-ESP-012 */
static void
test_text (void)
{
  static const struct
  {
    const char *text;
    gboolean esp, good;
  } cases[] = {
    { "aes256gcm16-prfsha384-ecp384", FALSE, TRUE },
    { "aes256gcm16-sha384-ecp384", FALSE, TRUE }, /* the hash names the PRF */
    { "aes256gcm16-ecp384", FALSE, FALSE },       /* no PRF */
    { "aes256gcm16-prfsha384", FALSE, FALSE },    /* no group */
    { "aes256-prfsha256-ecp256", FALSE, FALSE },  /* no integrity */
    { "aes128-sha256-modp2048", FALSE, TRUE },
    { " AES128 - SHA256 - MODP2048 , aes256gcm16-prfsha256-x25519 ", FALSE, TRUE },
    { "aes128-sha1-modp2048", FALSE, TRUE }, /* by explicit wish only */
    { "3des-sha1-modp2048", FALSE, FALSE },
    { "des-md5-modp768", FALSE, FALSE },
    { "aes128-sha256-modp1024", FALSE, FALSE },
    { "aes128-sha256-modp2048s256", FALSE, FALSE },
    { "null-sha256-modp2048", FALSE, FALSE },
    { "rot13-sha256-modp2048", FALSE, FALSE },
    { "aes128-sha256-modp2048,", FALSE, FALSE },
    { "", FALSE, FALSE },
    { "aes256gcm16,aes128gcm16,aes256-sha256", TRUE, TRUE },
    { "aes256gcm16-ecp256-esn-noesn", TRUE, TRUE },
    { "aes256", TRUE, FALSE },
    { "null-sha256", TRUE, FALSE },
    { "aes256-sha1", TRUE, FALSE },
    { "aes256gcm16-prfsha256", TRUE, FALSE },
    { "chacha20poly1305", TRUE, FALSE }, /* the data plane has no such thing */
  };

  for (gsize i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_autofree char *problem = ike_proposals_check (cases[i].text, cases[i].esp);

      if ((problem == NULL) != cases[i].good)
        g_error ("\"%s\": %s", cases[i].text, problem != NULL ? problem : "accepted");
    }
}

/* The sentence names the word and what is allowed. */
static void
test_text_sentence (void)
{
  g_autofree char *weak = ike_proposals_check ("3des-sha1-modp2048", FALSE);
  g_autofree char *unknown = ike_proposals_check ("aes999-sha256-modp2048", FALSE);
  g_autofree char *further = ike_proposals_check ("aes256gcm16-prfsha384-x25519-ke1_mlkem768", FALSE);
  g_autofree char *many = NULL;
  g_autoptr (GString) text = g_string_new ("aes128-sha256-modp2048");

  g_assert_nonnull (strstr (weak, "\"3des\" is too weak"));
  g_assert_nonnull (strstr (unknown, "\"aes999\""));
  g_assert_nonnull (strstr (unknown, "aes256gcm16"));
  g_assert_nonnull (strstr (further, "\"ke1_mlkem768\" is a further key exchange"));
  g_assert_nonnull (strstr (further, ike_dh_has_ml_kem () ? "has ML-KEM" : "has no ML-KEM"));
  for (guint i = 0; i < IKE_MAX_PROPOSALS; i++)
    g_string_append (text, ",aes256-sha256-modp2048");
  many = ike_proposals_check (text->str, FALSE);
  g_assert_nonnull (strstr (many, "More than"));
}

/* AEAD and others in one text become two proposals. */
static void
test_mixed (void)
{
  g_autoptr (IkeProposals) proposals = make ("aes256-aes256gcm16-sha256-modp2048", IKE_PROTOCOL_IKE);

  g_assert_cmpuint (proposals->n_proposals, ==, 2);
  g_assert_cmpuint (proposals->proposals[0].n_transforms, ==, 3);
  g_assert_cmpuint (proposals->proposals[0].transforms[0].id, ==, IKE_ENCR_AES_GCM_16);
  g_assert_cmpuint (proposals->proposals[1].n_transforms, ==, 4);
  g_assert_cmpuint (proposals->proposals[1].number, ==, 2);
}

static gboolean
verify (const IkeProposals *offered, const IkeProposals *answer, IkeSuite *suite)
{
  const char *reason = NULL;
  gboolean good = ike_proposals_verify_answer (offered, answer, 0, suite, &reason);

  g_assert_true (good == (reason == NULL));
  return good;
}

/* covers: IKE-INIT-005, IKE-SAN-003, IKE-SAN-006 */
static void
test_answer (void)
{
  g_autoptr (IkeProposals) offered =
    make ("aes256gcm16-aes128gcm16-prfsha384-prfsha256-ecp384-ecp256,aes256-sha512-sha256-modp2048", IKE_PROTOCOL_IKE);
  g_autoptr (IkeProposals) answer = make ("aes128gcm16-prfsha256-ecp256", IKE_PROTOCOL_IKE);
  g_autoptr (IkeProposals) good = ike_proposals_copy (answer);
  char text[96];
  IkeSuite suite;

  g_assert_true (verify (offered, answer, &suite));
  g_assert_cmpuint (suite.encr, ==, IKE_ENCR_AES_GCM_16);
  g_assert_cmpuint (suite.encr_bits, ==, 128);
  g_assert_cmpuint (suite.group, ==, IKE_GROUP_ECP_256);
  g_assert_cmpstr (ike_suite_to_string (&suite, IKE_PROTOCOL_IKE, text, sizeof text), ==,
                   "AES_GCM_16-128/PRF_HMAC_SHA2_256/ECP_256");
  /* Each transform changed, dropped or doubled; another key length; another number; NONE where nothing was offered. */
  for (guint i = 0; i < good->proposals[0].n_transforms; i++)
    {
      *answer = *good;
      answer->proposals[0].transforms[i].id += 100;
      g_assert_false (verify (offered, answer, &suite));
      *answer = *good;
      answer->proposals[0].transforms[i].key_bits ^= 64;
      g_assert_false (verify (offered, answer, &suite));
      *answer = *good;
      answer->proposals[0].transforms[i].unknown_attribute = TRUE;
      g_assert_false (verify (offered, answer, &suite));
      *answer = *good;
      answer->proposals[0].transforms[i] = answer->proposals[0].transforms[--answer->proposals[0].n_transforms];
      g_assert_false (verify (offered, answer, &suite));
      *answer = *good;
      answer->proposals[0].transforms[answer->proposals[0].n_transforms++] = good->proposals[0].transforms[i];
      g_assert_false (verify (offered, answer, &suite));
    }
  *answer = *good;
  ike_proposals_add_transform (answer, (IkeTransform){ .type = IKE_TRANSFORM_INTEG, .id = IKE_INTEG_NONE });
  g_assert_false (verify (offered, answer, &suite));
  *answer = *good;
  answer->proposals[0].number = 2;
  g_assert_false (verify (offered, answer, &suite));
  answer->proposals[0].number = 3;
  g_assert_false (verify (offered, answer, &suite));
  *answer = *good;
  answer->proposals[0].protocol = IKE_PROTOCOL_ESP;
  g_assert_false (verify (offered, answer, &suite));
  *answer = *good;
  answer->n_proposals = 2;
  answer->proposals[1] = answer->proposals[0];
  g_assert_false (verify (offered, answer, &suite));
  *answer = *good;
  ike_proposals_set_spi (answer, 5, 8);
  g_assert_false (verify (offered, answer, &suite));
}

static void
test_answer_spi (void)
{
  g_autoptr (IkeProposals) offered = make ("aes256gcm16", IKE_PROTOCOL_ESP), answer = ike_proposals_copy (offered);
  const char *reason = NULL;
  IkeSuite suite;

  ike_proposals_set_spi (offered, 0x01020304, 4);
  ike_proposals_set_spi (answer, 0x05060708, 4);
  g_assert_true (ike_proposals_verify_answer (offered, answer, 4, &suite, &reason));
  ike_proposals_set_spi (answer, 0, 4);
  g_assert_false (ike_proposals_verify_answer (offered, answer, 4, &suite, &reason));
  g_assert_nonnull (reason);
}

static void
test_choose (void)
{
  g_autoptr (IkeProposals) ours = make ("aes256gcm16-aes128gcm16-esn-noesn,aes256-sha256", IKE_PROTOCOL_ESP);
  g_autoptr (IkeProposals) offer = make ("aes256-sha512-sha256,aes128gcm16-aes256gcm16", IKE_PROTOCOL_ESP);
  g_autoptr (IkeProposals) chosen = NULL, none = NULL, pfs = NULL;
  IkeSuite suite;

  /* Our order counts; the number is theirs. */
  g_assert_true (ike_proposals_choose (ours, offer, IKE_GROUP_NONE, &chosen, &suite));
  g_assert_cmpuint (chosen->n_proposals, ==, 1);
  g_assert_cmpuint (chosen->proposals[0].number, ==, 2);
  g_assert_cmpuint (suite.encr_bits, ==, 256);
  g_assert_cmpuint (suite.encr, ==, IKE_ENCR_AES_GCM_16);
  g_assert_cmpuint (suite.esn, ==, IKE_ESN_NONE);
  /* A key exchange that we do not want is refused, unless NONE is offered too. */
  ike_proposals_add_transform (offer, (IkeTransform){ .type = IKE_TRANSFORM_KE, .id = IKE_GROUP_ECP_256 });
  g_assert_false (ike_proposals_choose (ours, offer, IKE_GROUP_ECP_256, &none, &suite));
  g_assert_null (none);
  ike_proposals_add_transform (offer, (IkeTransform){ .type = IKE_TRANSFORM_KE, .id = IKE_GROUP_NONE });
  g_assert_true (ike_proposals_choose (ours, offer, IKE_GROUP_ECP_256, &none, &suite));
  g_assert_cmpuint (suite.group, ==, IKE_GROUP_NONE);
  /* The group of the KE payload is preferred to our order. */
  ike_proposals_add_transform (ours, (IkeTransform){ .type = IKE_TRANSFORM_KE, .id = IKE_GROUP_CURVE25519 });
  ike_proposals_add_transform (ours, (IkeTransform){ .type = IKE_TRANSFORM_KE, .id = IKE_GROUP_ECP_256 });
  ike_proposals_add_transform (offer, (IkeTransform){ .type = IKE_TRANSFORM_KE, .id = IKE_GROUP_CURVE25519 });
  g_assert_true (ike_proposals_choose (ours, offer, IKE_GROUP_ECP_256, &pfs, &suite));
  g_assert_cmpuint (suite.group, ==, IKE_GROUP_ECP_256);
}

/* A proposal with a type that nobody knows is not acceptable, the next one is (RFC 7296 3.3.6). */
/* covers: IKE-PAY-005 */
static void
test_choose_unknown_type (void)
{
  g_autoptr (IkeProposals) ours = make ("aes256gcm16", IKE_PROTOCOL_ESP),
                           offer = make ("aes256gcm16,aes256gcm16", IKE_PROTOCOL_ESP);
  g_autoptr (IkeProposals) chosen = NULL;
  IkeSuite suite;

  offer->proposals[0].transforms[offer->proposals[0].n_transforms++] = (IkeTransform){ .type = 99, .id = 1 };
  g_assert_true (ike_proposals_choose (ours, offer, IKE_GROUP_NONE, &chosen, &suite));
  g_assert_cmpuint (chosen->proposals[0].number, ==, 2);
}

/* covers: IKE-SAN-011 */
static void
test_edit (void)
{
  g_autoptr (IkeProposals) proposals = make ("aes256gcm16-ecp256-ecp384", IKE_PROTOCOL_ESP);

  g_assert_true (ike_proposals_have_group (proposals, IKE_GROUP_ECP_384));
  ike_proposals_remove_type (proposals, IKE_TRANSFORM_KE);
  g_assert_false (ike_proposals_have_group (proposals, IKE_GROUP_ECP_384));
  g_assert_cmpuint (proposals->proposals[0].n_transforms, ==, 2);
  ike_proposals_add_transform (proposals, (IkeTransform){ .type = IKE_TRANSFORM_KE, .id = IKE_GROUP_MODP_2048 });
  ike_proposals_add_transform (proposals, (IkeTransform){ .type = IKE_TRANSFORM_KE, .id = IKE_GROUP_MODP_2048 });
  g_assert_cmpuint (proposals->proposals[0].n_transforms, ==, 3);
}

static const guint16 all_groups[] = { 14, 15, 16, 19, 20, 21, 31 };

/* covers: IKE-KE-004, IKE-SEC-003 */
static void
test_dh (void)
{
  g_autoptr (RoamRng) rng = roam_rng_new_for_test (7), again = roam_rng_new_for_test (7);

  for (gsize i = 0; i < G_N_ELEMENTS (all_groups); i++)
    {
      g_autoptr (IkeDh) a = ike_dh_new (all_groups[i], rng), b = ike_dh_new (all_groups[i], rng);
      g_autoptr (IkeDh) replay = ike_dh_new (all_groups[i], again), unused = ike_dh_new (all_groups[i], again);
      const char *reason = NULL;
      g_autoptr (RoamSecret) ab = ike_dh_shared (a, ike_dh_public (b).data, ike_dh_public (b).length, &reason);
      g_autoptr (RoamSecret) ba = ike_dh_shared (b, ike_dh_public (a).data, ike_dh_public (a).length, &reason);
      IkeView public = ike_dh_public (a);

      g_assert_true (roam_secret_equal (ab, ba));
      /* The same generator gives the same keys; each draw gives another. */
      g_assert_cmpmem (public.data, public.length, ike_dh_public (replay).data, ike_dh_public (replay).length);
      g_assert_cmpint (memcmp (public.data, ike_dh_public (b).data, public.length), !=, 0);
      g_assert_cmpuint (ike_dh_group (a), ==, all_groups[i]);
      for (gsize length = 0; length <= public.length + 1; length += public.length == length ? 1 : public.length - 1)
        {
          g_autofree guint8 *value = g_malloc0 (length + 1);

          if (length != public.length)
            g_assert_null (ike_dh_shared (a, value, length, &reason));
        }
    }
  g_assert_null (ike_dh_new (2, rng));
  g_assert_null (ike_dh_new (22, rng));
  g_assert_false (ike_dh_is_supported (1));
}

/* 0, 1, p - 1, p, p + 1 and all ones. */
/* covers: IKE-KE-007 */
static void
test_dh_modp_range (void)
{
  g_autoptr (RoamRng) rng = roam_rng_new_for_test (8);

  for (gsize i = 0; i < 3; i++)
    {
      g_autoptr (IkeDh) dh = ike_dh_new (all_groups[i], rng);
      gsize length = ike_dh_public (dh).length;
      g_autofree guint8 *value = g_malloc0 (length);
      const char *reason = NULL;

      g_assert_null (ike_dh_shared (dh, value, length, &reason));
      value[length - 1] = 1;
      g_assert_null (ike_dh_shared (dh, value, length, &reason));
      g_assert_nonnull (reason);
      memset (value, 0xff, length);
      g_assert_null (ike_dh_shared (dh, value, length, &reason));
      /* The primes of RFC 3526 begin with 64 one bits and go on with others: this is just below them. */
      memset (value + 8, 0, length - 8);
      reason = NULL;
      {
        g_autoptr (RoamSecret) secret = ike_dh_shared (dh, value, length, &reason);

        g_assert_nonnull (secret);
      }
    }
}

/* p - 1 and p of group 14, spelt out (RFC 3526 3). */
/* covers: IKE-KE-007 */
static void
test_dh_modp_prime (void)
{
  static const char prime[] =
    "ffffffffffffffffc90fdaa22168c234c4c6628b80dc1cd129024e088a67cc74020bbea63b139b22514a08798e3404dd"
    "ef9519b3cd3a431b302b0a6df25f14374fe1356d6d51c245e485b576625e7ec6f44c42e9a637ed6b0bff5cb6f406b7ed"
    "ee386bfb5a899fa5ae9f24117c4b1fe649286651ece45b3dc2007cb8a163bf0598da48361c55d39a69163fa8fd24cf5f"
    "83655d23dca3ad961c62f356208552bb9ed529077096966d670c354e4abc9804f1746c08ca18217c32905e462e36ce3b"
    "e39e772c180e86039b2783a2ec07a28fb5c55df06f4c52c9de2bcbf6955817183995497cea956ae515d2261898fa0510"
    "15728e5a8aacaa68ffffffffffffffff";
  g_autoptr (RoamRng) rng = roam_rng_new_for_test (8);
  g_autoptr (IkeDh) dh = ike_dh_new (IKE_GROUP_MODP_2048, rng);
  guint8 value[256];
  const char *reason = NULL;

  g_assert_cmpuint (strlen (prime), ==, 512);
  for (gsize i = 0; i < sizeof value; i++)
    value[i] = (guint8)(g_ascii_xdigit_value (prime[2 * i]) << 4 | g_ascii_xdigit_value (prime[2 * i + 1]));
  g_assert_null (ike_dh_shared (dh, value, sizeof value, &reason));
  value[255] = 0xfe;
  g_assert_null (ike_dh_shared (dh, value, sizeof value, &reason));
  value[255] = 0xfd;
  {
    g_autoptr (RoamSecret) secret = ike_dh_shared (dh, value, sizeof value, &reason);

    g_assert_nonnull (secret);
    g_assert_cmpuint (roam_secret_length (secret), ==, 256);
  }
}

/* covers: IKE-KE-007 */
static void
test_dh_off_curve (void)
{
  g_autoptr (RoamRng) rng = roam_rng_new_for_test (9);

  for (gsize i = 3; i < 6; i++)
    {
      g_autoptr (IkeDh) a = ike_dh_new (all_groups[i], rng), b = ike_dh_new (all_groups[i], rng);
      IkeView public = ike_dh_public (b);
      g_autofree guint8 *value = g_memdup2 (public.data, public.length);
      const char *reason = NULL;

      value[public.length - 1] ^= 1;
      g_assert_null (ike_dh_shared (a, value, public.length, &reason));
      g_assert_nonnull (strstr (reason, "curve"));
      memset (value, 0, public.length);
      g_assert_null (ike_dh_shared (a, value, public.length, &reason));
      memset (value, 0xff, public.length);
      g_assert_null (ike_dh_shared (a, value, public.length, &reason));
    }
}

/* Zero points of small order, the top bit, a value beyond 2^255 - 19. */
/* covers: IKE-KE-006 */
static void
test_dh_curve25519 (void)
{
  static const guint8 order_eight[32] = { 0xe0, 0xeb, 0x7a, 0x7c, 0x3b, 0x41, 0xb8, 0xae, 0x16, 0x56, 0xe3,
                                          0xfa, 0xf1, 0x9f, 0xc4, 0x6a, 0xda, 0x09, 0x8d, 0xeb, 0x9c, 0x32,
                                          0xb1, 0xfd, 0x86, 0x62, 0x05, 0x16, 0x5f, 0x49, 0xb8, 0x00 };
  g_autoptr (RoamRng) rng = roam_rng_new_for_test (10);
  g_autoptr (IkeDh) a = ike_dh_new (IKE_GROUP_CURVE25519, rng), b = ike_dh_new (IKE_GROUP_CURVE25519, rng);
  guint8 value[32] = { 0 };
  const char *reason = NULL;
  g_autoptr (RoamSecret) plain = NULL, masked = NULL, canonical = NULL, other = NULL;

  g_assert_null (ike_dh_shared (a, value, 32, &reason));
  g_assert_nonnull (strstr (reason, "all-zero"));
  value[0] = 1;
  g_assert_null (ike_dh_shared (a, value, 32, &reason));
  g_assert_null (ike_dh_shared (a, order_eight, 32, &reason));
  memcpy (value, ike_dh_public (b).data, 32);
  plain = ike_dh_shared (a, value, 32, &reason);
  value[31] |= 0x80;
  masked = ike_dh_shared (a, value, 32, &reason);
  g_assert_true (roam_secret_equal (plain, masked));
  /* 2^255 - 19 + 9 is the base point 9. */
  memset (value, 0xff, 32);
  value[0] = 0xed + 9;
  value[31] = 0x7f;
  other = ike_dh_shared (a, value, 32, &reason);
  g_assert_nonnull (other);
  g_assert_cmpmem (roam_secret_peek (other), 32, ike_dh_public (a).data, 32);
}

static void
test_dh_private_range (void)
{
  guint8 key[66] = { 0 };

  g_assert_null (ike_dh_new_with_private (IKE_GROUP_ECP_256, key, 32));
  g_assert_null (ike_dh_new_with_private (IKE_GROUP_MODP_2048, key, 64));
  memset (key, 0xff, sizeof key);
  g_assert_null (ike_dh_new_with_private (IKE_GROUP_ECP_256, key, 32));
  g_assert_null (ike_dh_new_with_private (IKE_GROUP_ECP_521, key, 66));
  g_assert_null (ike_dh_new_with_private (IKE_GROUP_CURVE25519, key, 31));
}

/* RFC 4434 3 and RFC 4615 4: three lengths of key, one message. */
static void
test_prf_aes (void)
{
  static const struct
  {
    guint16 prf;
    gsize key;
    const char *expected;
  } vectors[] = {
    { IKE_PRF_AES128_XCBC, 16, "47f51b4564966215b8985c63055ed308" },
    { IKE_PRF_AES128_XCBC, 10, "0fa087af7d866e7653434e602fdde835" },
    { IKE_PRF_AES128_XCBC, 18, "8cd3c93ae598a9803006ffb67c40e9e4" },
    { IKE_PRF_AES128_CMAC, 18, "84a348a4a45d235babfffc0d2b4da09a" },
    { IKE_PRF_AES128_CMAC, 16, "980ae87b5f4c9c5214f5b6a8455e4c2d" },
    { IKE_PRF_AES128_CMAC, 10, "290d9e112edb09ee141fcf64c0b72f3d" },
  };
  static const guint8 key[18] = { 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 0xed, 0xcb };
  guint8 message[20];

  for (guint8 i = 0; i < sizeof message; i++)
    message[i] = i;
  for (gsize i = 0; i < G_N_ELEMENTS (vectors); i++)
    {
      const IkeView whole = { message, sizeof message }, cut[] = { { message, 7 }, { NULL, 0 }, { message + 7, 13 } };
      guint8 out[16], again[16];
      char hex[33];

      g_assert_true (ike_prf (vectors[i].prf, (IkeView){ key, vectors[i].key }, &whole, 1, out));
      g_assert_true (ike_prf (vectors[i].prf, (IkeView){ key, vectors[i].key }, cut, 3, again));
      for (guint j = 0; j < sizeof out; j++)
        g_snprintf (hex + 2 * j, 3, "%02x", out[j]);
      g_assert_cmpstr (hex, ==, vectors[i].expected);
      g_assert_cmpmem (out, 16, again, 16);
      g_assert_cmpuint (ike_prf_length (vectors[i].prf), ==, 16);
    }
}

/* Eight octets of each nonce for SKEYSEED, all of them for what follows. covers: IKE-CRY-003 */
static void
test_prf_aes_nonces (void)
{
  static const guint16 prfs[] = { IKE_PRF_AES128_XCBC, IKE_PRF_AES128_CMAC };
  g_autoptr (RoamSecret) shared = roam_secret_new ((const guint8 *)"shared secret of any length", 27);
  guint8 ni[32], nr[32], other[32], key[16], expected[16];

  memset (ni, 0x11, sizeof ni);
  memset (nr, 0x22, sizeof nr);
  memcpy (other, nr, sizeof other);
  other[8] ^= 1;
  memcpy (key, ni, 8);
  memcpy (key + 8, nr, 8);
  for (gsize i = 0; i < G_N_ELEMENTS (prfs); i++)
    {
      const IkeView part = { roam_secret_peek (shared), roam_secret_length (shared) };
      const IkeSuite suite = {
        .encr = IKE_ENCR_AES_GCM_16, .encr_bits = 128, .prf = prfs[i], .group = IKE_GROUP_ECP_256
      };
      g_autoptr (RoamSecret) seed = ike_skeyseed_initial (prfs[i], (IkeView){ ni, 32 }, (IkeView){ nr, 32 }, shared);
      g_autoptr (RoamSecret) same = ike_skeyseed_initial (prfs[i], (IkeView){ ni, 32 }, (IkeView){ other, 32 }, shared);
      g_autoptr (IkeKeys) keys = ike_keys_new (&suite, seed, (IkeView){ ni, 32 }, (IkeView){ nr, 32 }, 1, 2);
      g_autoptr (IkeKeys) others = ike_keys_new (&suite, seed, (IkeView){ ni, 32 }, (IkeView){ other, 32 }, 1, 2);

      g_assert_true (ike_prf (prfs[i], (IkeView){ key, sizeof key }, &part, 1, expected));
      g_assert_cmpmem (roam_secret_peek (seed), roam_secret_length (seed), expected, sizeof expected);
      g_assert_true (roam_secret_equal (seed, same));
      g_assert_cmpuint (roam_secret_length (keys->sk_d), ==, 16);
      g_assert_cmpuint (roam_secret_length (keys->sk_pi), ==, 16);
      g_assert_false (roam_secret_equal (keys->sk_d, others->sk_d));
    }
}

static void
test_prf_limits (void)
{
  const IkeView key = { (const guint8 *)"k", 1 };
  g_autofree guint8 *out = g_malloc (20 * 255 + 1);

  g_assert_true (ike_prf_plus (IKE_PRF_HMAC_SHA1, key, &key, 1, out, 20 * 255));
  g_assert_false (ike_prf_plus (IKE_PRF_HMAC_SHA1, key, &key, 1, out, 20 * 255 + 1));
  g_assert_false (ike_prf (1, key, &key, 1, out));
}

/* No cipher without integrity, no AEAD with it, no key of another length. */
/* covers: IKE-ESP-012, IKE-CRY-008 */
static void
test_cipher_refused (void)
{
  static const guint8 octets[64] = { 0 };
  g_autoptr (RoamSecret) k36 = roam_secret_new (octets, 36), k32 = roam_secret_new (octets, 32);
  g_autoptr (RoamSecret) empty = roam_secret_new (octets, 0);
  const IkeSuite gcm = { IKE_ENCR_AES_GCM_16, 256, 0, 5, 0, 0 };
  const IkeSuite gcm_and_hmac = { IKE_ENCR_AES_GCM_16, 256, IKE_INTEG_HMAC_SHA2_256_128, 5, 0, 0 };
  const IkeSuite cbc_alone = { IKE_ENCR_AES_CBC, 256, 0, 5, 0, 0 },
                 null = { 11, 0, IKE_INTEG_HMAC_SHA2_256_128, 5, 0, 0 };
  g_auto (IkeChildKeys) keys = { 0 };

  g_assert_null (ike_cipher_new (&gcm, k32, empty));
  g_assert_null (ike_cipher_new (&gcm_and_hmac, k36, k32));
  g_assert_null (ike_cipher_new (&cbc_alone, k32, empty));
  g_assert_null (ike_cipher_new (&null, empty, k32));
  g_assert_false (ike_child_keys_derive (IKE_PRF_HMAC_SHA2_256, k32, NULL, (IkeView){ octets, 16 },
                                         (IkeView){ octets, 16 }, &cbc_alone, &keys));
  g_assert_false (ike_child_keys_derive (IKE_PRF_HMAC_SHA2_256, k32, NULL, (IkeView){ octets, 16 },
                                         (IkeView){ octets, 16 }, &null, &keys));
}

/* covers: IKE-SIG-001 */
static void
test_hash_set (void)
{
  static const guint8 data[] = { 0, 2, 0, 4, 0, 99, 0x80, 2 };
  IkeHashSet set = 0;

  g_assert_true (ike_hash_set_parse ((IkeView){ data, sizeof data }, &set));
  g_assert_cmpuint (set, ==, 1u << IKE_HASH_SHA2_256 | 1u << IKE_HASH_SHA2_512);
  g_assert_false (ike_hash_set_parse ((IkeView){ data, 3 }, &set));
  for (gsize i = 0; i < G_N_ELEMENTS (ike_signature_hashes); i++)
    g_assert_cmpuint (ike_signature_hashes[i], !=, IKE_HASH_SHA1);
}

static IkeView
view_of (const IkeIdentity *identity)
{
  IkeView view;

  view.data = g_bytes_get_data (identity->data, &view.length);
  return view;
}

/* covers: IKE-IDN-001, IKE-IDN-002, IKE-AUTH-002 */
static void
test_identities (void)
{
  static const struct
  {
    const char *text;
    IkeIdType asked, got;
    const char *other; /* the same identity, written in another way; or NULL */
    const char *wrong;
  } cases[] = {
    { "192.0.2.1", IKE_ID_AUTO, IKE_ID_IPV4_ADDR, NULL, "192.0.2.2" },
    { "2001:db8::1", IKE_ID_AUTO, IKE_ID_IPV6_ADDR, "2001:db8:0::1", "2001:db8::2" },
    { "gw.example.com", IKE_ID_AUTO, IKE_ID_FQDN, "GW.Example.COM", "gw.example.org" },
    { "alice@example.com", IKE_ID_AUTO, IKE_ID_RFC822_ADDR, "alice@EXAMPLE.com", "Alice@example.com" },
    { "C=DE, O=Example\\, Inc, CN=gw", IKE_ID_AUTO, IKE_ID_DER_ASN1_DN, "C=DE,O=EXAMPLE\\,  inc,CN=GW", "C=DE, CN=gw" },
    { "0xCAFE", IKE_ID_KEY_ID, IKE_ID_KEY_ID, "0xcafe", "0xcaff" },
    { "branch-7", IKE_ID_KEY_ID, IKE_ID_KEY_ID, NULL, "Branch-7" },
  };

  for (gsize i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_auto (IkeIdentity) identity = { 0 }, other = { 0 }, wrong = { 0 }, copy = { 0 };
      g_autoptr (GBytes) body = NULL;
      g_autofree char *text = NULL;

      g_assert_true (ike_identity_from_text (cases[i].text, cases[i].asked, &identity, NULL));
      g_assert_cmpuint (identity.type, ==, cases[i].got);
      ike_identity_copy (&identity, &copy);
      g_assert_true (ike_identity_matches (&identity, copy.type, view_of (&copy)));
      g_assert_false (ike_identity_matches (&identity, 12, view_of (&copy)));
      if (cases[i].other != NULL)
        {
          g_assert_true (ike_identity_from_text (cases[i].other, cases[i].asked, &other, NULL));
          g_assert_true (ike_identity_matches (&identity, other.type, view_of (&other)));
        }
      g_assert_true (ike_identity_from_text (cases[i].wrong, cases[i].asked, &wrong, NULL));
      g_assert_false (ike_identity_matches (&identity, wrong.type, view_of (&wrong)));
      body = ike_identity_to_body (&identity);
      g_assert_cmpuint (g_bytes_get_size (body), ==, view_of (&identity).length + 4);
      g_assert_cmpmem (g_bytes_get_data (body, NULL), 4, ((guint8[]){ cases[i].got, 0, 0, 0 }), 4);
      text = ike_identity_to_string (identity.type, view_of (&identity));
      g_assert_cmpuint (strlen (text), >, 0);
    }
}

static void
test_identities_bad (void)
{
  static const struct
  {
    const char *text;
    IkeIdType type;
  } cases[] = { { "", IKE_ID_AUTO },
                { "gw", IKE_ID_IPV4_ADDR },
                { "192.0.2.1", IKE_ID_IPV6_ADDR },
                { "gw.example.com", IKE_ID_DER_ASN1_DN },
                { "NOSUCHFIELD=x", IKE_ID_AUTO },
                { "C=DE,,CN=x", IKE_ID_AUTO } };
  static const guint8 evil[] = { 'a', '\n', 0x1b, '[', 0, 'x' };
  g_autofree char *text = ike_identity_to_string (IKE_ID_FQDN, (IkeView){ evil, sizeof evil });
  g_auto (IkeIdentity) name = { 0 };

  for (gsize i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_auto (IkeIdentity) identity = { 0 };
      g_autofree char *problem = NULL;

      g_assert_false (ike_identity_from_text (cases[i].text, cases[i].type, &identity, &problem));
      g_assert_nonnull (problem);
      g_assert_null (identity.data);
    }
  for (const char *at = text; *at != '\0'; at++)
    g_assert_true (g_ascii_isprint (*at));
  /* An octet 0 in what the peer sends never matches a name. */
  g_assert_true (ike_identity_from_text ("a", IKE_ID_FQDN, &name, NULL));
  g_assert_false (ike_identity_matches (&name, IKE_ID_FQDN, (IkeView){ (const guint8 *)"a\0", 2 }));
}

static void
test_address_identity (void)
{
  RoamAddr addr = roam_addr_from_u32 (0xc0000201);
  g_auto (IkeIdentity) identity = { 0 };

  ike_identity_from_addr (&addr, &identity);
  g_assert_cmpuint (identity.type, ==, IKE_ID_IPV4_ADDR);
  g_assert_true (ike_identity_matches (&identity, IKE_ID_IPV4_ADDR, (IkeView){ (const guint8 *)"\xc0\0\2\1", 4 }));
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/ike/crypto/defaults", test_defaults);
  g_test_add_func ("/ike/crypto/golden-offers", test_golden_offers);
  g_test_add_func ("/ike/crypto/text", test_text);
  g_test_add_func ("/ike/crypto/text-sentence", test_text_sentence);
  g_test_add_func ("/ike/crypto/mixed", test_mixed);
  g_test_add_func ("/ike/crypto/answer", test_answer);
  g_test_add_func ("/ike/crypto/answer-spi", test_answer_spi);
  g_test_add_func ("/ike/crypto/choose", test_choose);
  g_test_add_func ("/ike/crypto/choose-unknown-type", test_choose_unknown_type);
  g_test_add_func ("/ike/crypto/edit", test_edit);
  g_test_add_func ("/ike/crypto/dh", test_dh);
  g_test_add_func ("/ike/crypto/dh-modp-range", test_dh_modp_range);
  g_test_add_func ("/ike/crypto/dh-modp-prime", test_dh_modp_prime);
  g_test_add_func ("/ike/crypto/dh-off-curve", test_dh_off_curve);
  g_test_add_func ("/ike/crypto/dh-curve25519", test_dh_curve25519);
  g_test_add_func ("/ike/crypto/dh-private-range", test_dh_private_range);
  g_test_add_func ("/ike/crypto/prf-aes", test_prf_aes);
  g_test_add_func ("/ike/crypto/prf-aes-nonces", test_prf_aes_nonces);
  g_test_add_func ("/ike/crypto/prf-limits", test_prf_limits);
  g_test_add_func ("/ike/crypto/cipher-refused", test_cipher_refused);
  g_test_add_func ("/ike/crypto/hash-set", test_hash_set);
  g_test_add_func ("/ike/crypto/identities", test_identities);
  g_test_add_func ("/ike/crypto/identities-bad", test_identities_bad);
  g_test_add_func ("/ike/crypto/address-identity", test_address_identity);
  return g_test_run ();
}
