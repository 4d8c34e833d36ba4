/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Proposal lists: from configuration text, and edited by the session before they are sent. */

#include "ike/ike-algorithm-private.h"

#include <string.h>

/*
 * RFC 8247 and the project's order: AEAD first, strong hashes first, Curve25519 first because it
 * is the cheapest. The second proposal is for gateways without AEAD.
 */
const char ike_default_ike_proposals[] = "aes256gcm16-aes128gcm16-chacha20poly1305-prfsha512-prfsha384-prfsha256-"
                                         "curve25519-ecp256-ecp384-modp2048-modp3072-modp4096,"
                                         "aes256-aes128-sha512-sha256-prfsha512-prfsha256-"
                                         "curve25519-ecp256-ecp384-modp2048-modp3072-modp4096";
/* RFC 8221. Perfect forward secrecy of rekeyed Child SAs is the session's choice, not named here. */
const char ike_default_esp_proposals[] = "aes256gcm16-aes128gcm16-esn-noesn,aes256-aes128-sha512-sha256-esn-noesn";

/* RFC 8784 6, RFC 8247: at least 128 bit against a quantum computer, for connections that require a PPK. */
const char ike_pq_ike_proposals[] =
  "aes256gcm16-prfsha512-prfsha384-curve25519-ecp384-ecp521-ecp256-modp3072-modp4096,"
  "aes256-sha512-sha384-prfsha512-prfsha384-curve25519-ecp384-ecp521-ecp256-modp3072-modp4096";
const char ike_pq_esp_proposals[] = "aes256gcm16-esn-noesn,aes256-sha512-sha384-esn-noesn";

enum
{
  USE_IKE = 1 << 0,
  USE_ESP = 1 << 1,
  USE_BOTH = USE_IKE | USE_ESP,
};

static const struct
{
  const char *word;
  guint use;
  guint8 type;
  guint16 id, key_bits;
} words[] = {
  { "aes256gcm16", USE_BOTH, IKE_TRANSFORM_ENCR, IKE_ENCR_AES_GCM_16, 256 },
  { "aes192gcm16", USE_BOTH, IKE_TRANSFORM_ENCR, IKE_ENCR_AES_GCM_16, 192 },
  { "aes128gcm16", USE_BOTH, IKE_TRANSFORM_ENCR, IKE_ENCR_AES_GCM_16, 128 },
  { "chacha20poly1305", USE_IKE, IKE_TRANSFORM_ENCR, IKE_ENCR_CHACHA20_POLY1305, 0 },
  { "aes256", USE_BOTH, IKE_TRANSFORM_ENCR, IKE_ENCR_AES_CBC, 256 },
  { "aes192", USE_BOTH, IKE_TRANSFORM_ENCR, IKE_ENCR_AES_CBC, 192 },
  { "aes128", USE_BOTH, IKE_TRANSFORM_ENCR, IKE_ENCR_AES_CBC, 128 },
  { "sha512", USE_BOTH, IKE_TRANSFORM_INTEG, IKE_INTEG_HMAC_SHA2_512_256, 0 },
  { "sha384", USE_BOTH, IKE_TRANSFORM_INTEG, IKE_INTEG_HMAC_SHA2_384_192, 0 },
  { "sha256", USE_BOTH, IKE_TRANSFORM_INTEG, IKE_INTEG_HMAC_SHA2_256_128, 0 },
  { "sha1", USE_IKE, IKE_TRANSFORM_INTEG, IKE_INTEG_HMAC_SHA1_96, 0 },
  { "prfsha512", USE_IKE, IKE_TRANSFORM_PRF, IKE_PRF_HMAC_SHA2_512, 0 },
  { "prfsha384", USE_IKE, IKE_TRANSFORM_PRF, IKE_PRF_HMAC_SHA2_384, 0 },
  { "prfsha256", USE_IKE, IKE_TRANSFORM_PRF, IKE_PRF_HMAC_SHA2_256, 0 },
  { "prfaesxcbc", USE_IKE, IKE_TRANSFORM_PRF, IKE_PRF_AES128_XCBC, 0 },
  { "prfaescmac", USE_IKE, IKE_TRANSFORM_PRF, IKE_PRF_AES128_CMAC, 0 },
  { "prfsha1", USE_IKE, IKE_TRANSFORM_PRF, IKE_PRF_HMAC_SHA1, 0 },
  { "curve25519", USE_BOTH, IKE_TRANSFORM_KE, IKE_GROUP_CURVE25519, 0 },
  { "x25519", USE_BOTH, IKE_TRANSFORM_KE, IKE_GROUP_CURVE25519, 0 },
  { "ecp256", USE_BOTH, IKE_TRANSFORM_KE, IKE_GROUP_ECP_256, 0 },
  { "ecp384", USE_BOTH, IKE_TRANSFORM_KE, IKE_GROUP_ECP_384, 0 },
  { "ecp521", USE_BOTH, IKE_TRANSFORM_KE, IKE_GROUP_ECP_521, 0 },
  { "modp2048", USE_BOTH, IKE_TRANSFORM_KE, IKE_GROUP_MODP_2048, 0 },
  { "modp3072", USE_BOTH, IKE_TRANSFORM_KE, IKE_GROUP_MODP_3072, 0 },
  { "modp4096", USE_BOTH, IKE_TRANSFORM_KE, IKE_GROUP_MODP_4096, 0 },
  { "modpnone", USE_ESP, IKE_TRANSFORM_KE, IKE_GROUP_NONE, 0 }, /* no perfect forward secrecy */
  { "noesn", USE_ESP, IKE_TRANSFORM_ESN, IKE_ESN_NONE, 0 },
  { "esn", USE_ESP, IKE_TRANSFORM_ESN, IKE_ESN_EXTENDED, 0 },
};

/* Names an administrator may know but RFC 8221 and 8247 advise against. */
static const char *const weak_words[] = { "null",         "des",          "3des",        "blowfish128", "cast128",
                                          "md5",          "prfmd5",       "modp768",     "modp1024",    "modp1536",
                                          "modp1024s160", "modp2048s224", "modp2048s256" };

static void
set_problem (char **ret_problem, char *sentence)
{
  if (ret_problem != NULL)
    *ret_problem = sentence;
  else
    g_free (sentence);
}

static char *
allowed_words (guint use)
{
  GString *list = g_string_new (NULL);

  for (gsize i = 0; i < G_N_ELEMENTS (words); i++)
    if ((words[i].use & use) != 0)
      g_string_append_printf (list, "%s%s", list->len > 0 ? " " : "", words[i].word);
  return g_string_free (list, FALSE);
}

static gboolean
transform_equal (const IkeTransform *a, const IkeTransform *b)
{
  return a->type == b->type && a->id == b->id && a->key_bits == b->key_bits;
}

static gboolean
proposal_has (const IkeProposal *proposal, const IkeTransform *transform)
{
  for (guint i = 0; i < proposal->n_transforms; i++)
    if (transform_equal (&proposal->transforms[i], transform))
      return TRUE;
  return FALSE;
}

static guint
count_type (const IkeProposal *proposal, guint8 type)
{
  guint n = 0;

  for (guint i = 0; i < proposal->n_transforms; i++)
    n += proposal->transforms[i].type == type;
  return n;
}

static void
append_transform (IkeProposal *proposal, IkeTransform transform)
{
  if (!proposal_has (proposal, &transform) && proposal->n_transforms < IKE_MAX_TRANSFORMS)
    proposal->transforms[proposal->n_transforms++] = transform;
}

/* RFC 9370: what is missing for it, so that an administrator knows whether an update would help. */
static char *
further_exchange_problem (const char *word)
{
  return g_strdup_printf ("\"%s\" is a further key exchange (RFC 9370), which is not supported: this libcrypto has %s. "
                          "Against quantum computers use a preshared key (RFC 8784).",
                          word, ike_dh_has_ml_kem () ? "ML-KEM, but roamd does not use it yet" : "no ML-KEM");
}

/* One word into @proposal, which holds all alternatives of its text, AEAD and others mixed. */
static gboolean
add_word (IkeProposal *proposal, const char *word, guint use, char **ret_problem)
{
  g_autofree char *allowed = NULL;

  for (gsize i = 0; i < G_N_ELEMENTS (words); i++)
    if (g_ascii_strcasecmp (words[i].word, word) == 0 && (words[i].use & use) != 0)
      {
        append_transform (proposal, (IkeTransform){ words[i].type, words[i].id, words[i].key_bits, FALSE });
        return TRUE;
      }
  if (g_ascii_strncasecmp (word, "mlkem", 5) == 0 || g_ascii_strncasecmp (word, "ke1_", 4) == 0)
    {
      set_problem (ret_problem, further_exchange_problem (word));
      return FALSE;
    }
  for (gsize i = 0; i < G_N_ELEMENTS (weak_words); i++)
    if (g_ascii_strcasecmp (weak_words[i], word) == 0)
      {
        set_problem (ret_problem, g_strdup_printf ("\"%s\" is too weak and not supported (RFC 8221, RFC 8247).", word));
        return FALSE;
      }
  allowed = allowed_words (use);
  set_problem (ret_problem, g_strdup_printf ("\"%s\" is not an algorithm for %s; possible are: %s.", word,
                                             use == USE_ESP ? "ESP" : "IKE", allowed));
  return FALSE;
}

/* PRFs with the hashes of the integrity algorithms, when none was named. */
static void
derive_prfs (IkeProposal *mixed)
{
  if (count_type (mixed, IKE_TRANSFORM_PRF) > 0)
    return;
  for (guint i = 0, n = mixed->n_transforms; i < n; i++)
    {
      guint16 prf = 0;

      if (mixed->transforms[i].type != IKE_TRANSFORM_INTEG)
        continue;
      switch (mixed->transforms[i].id)
        {
        case IKE_INTEG_HMAC_SHA2_512_256:
          prf = IKE_PRF_HMAC_SHA2_512;
          break;
        case IKE_INTEG_HMAC_SHA2_384_192:
          prf = IKE_PRF_HMAC_SHA2_384;
          break;
        case IKE_INTEG_HMAC_SHA2_256_128:
          prf = IKE_PRF_HMAC_SHA2_256;
          break;
        default:
          prf = IKE_PRF_HMAC_SHA1;
          break;
        }
      append_transform (mixed, (IkeTransform){ .type = IKE_TRANSFORM_PRF, .id = prf });
    }
}

/* What @mixed lacks; NULL if it is complete. */
static const char *
find_gap (const IkeProposal *mixed, gboolean has_aead, gboolean has_other)
{
  if (!has_aead && !has_other)
    return "an encryption algorithm";
  if (has_other && count_type (mixed, IKE_TRANSFORM_INTEG) == 0)
    return "an integrity algorithm such as sha256";
  if (mixed->protocol == IKE_PROTOCOL_IKE && count_type (mixed, IKE_TRANSFORM_PRF) == 0)
    return "a pseudo-random function such as prfsha256";
  if (mixed->protocol == IKE_PROTOCOL_IKE && count_type (mixed, IKE_TRANSFORM_KE) == 0)
    return "a key exchange method such as curve25519";
  return NULL;
}

/* The part of @mixed with AEAD ciphers only, or without (RFC 7296 3.3); types in the order of their numbers. */
static void
append_part (IkeProposals *proposals, const IkeProposal *mixed, gboolean aead)
{
  IkeProposal *part = &proposals->proposals[proposals->n_proposals++];

  part->number = (guint8)proposals->n_proposals;
  part->protocol = mixed->protocol;
  for (guint8 type = IKE_TRANSFORM_ENCR; type <= IKE_TRANSFORM_ESN; type++)
    for (guint i = 0; i < mixed->n_transforms; i++)
      {
        const IkeTransform *transform = &mixed->transforms[i];

        if (transform->type != type || (type == IKE_TRANSFORM_INTEG && aead) ||
            (type == IKE_TRANSFORM_ENCR && ike_encr_is_aead (transform->id) != aead))
          continue;
        append_transform (part, *transform);
      }
}

static gboolean
parse_one (IkeProposals *proposals, const char *text, IkeProtocolId protocol, char **ret_problem)
{
  g_auto (GStrv) parts = g_strsplit (text, "-", -1);
  IkeProposal mixed = { .protocol = (guint8)protocol };
  gboolean has_aead = FALSE, has_other = FALSE;
  const char *gap;

  for (guint i = 0; parts[i] != NULL; i++)
    if (!add_word (&mixed, g_strstrip (parts[i]), protocol == IKE_PROTOCOL_ESP ? USE_ESP : USE_IKE, ret_problem))
      return FALSE;
  for (guint i = 0; i < mixed.n_transforms; i++)
    if (mixed.transforms[i].type == IKE_TRANSFORM_ENCR)
      *(ike_encr_is_aead (mixed.transforms[i].id) ? &has_aead : &has_other) = TRUE;
  if (protocol == IKE_PROTOCOL_IKE)
    derive_prfs (&mixed);
  else if (count_type (&mixed, IKE_TRANSFORM_ESN) == 0)
    append_transform (&mixed, (IkeTransform){ .type = IKE_TRANSFORM_ESN, .id = IKE_ESN_NONE });
  gap = find_gap (&mixed, has_aead, has_other);
  if (gap != NULL)
    {
      set_problem (ret_problem, g_strdup_printf ("The proposal \"%s\" lacks %s.", text, gap));
      return FALSE;
    }
  if (proposals->n_proposals + has_aead + has_other > IKE_MAX_PROPOSALS)
    {
      set_problem (ret_problem, g_strdup_printf ("More than %d proposals.", IKE_MAX_PROPOSALS));
      return FALSE;
    }
  if (has_aead)
    append_part (proposals, &mixed, TRUE);
  if (has_other)
    append_part (proposals, &mixed, FALSE);
  return TRUE;
}

IkeProposals *
ike_proposals_new_from_text (const char *text, IkeProtocolId protocol, char **ret_problem)
{
  g_autoptr (IkeProposals) proposals = g_new0 (IkeProposals, 1);
  g_auto (GStrv) items = NULL;

  if (text == NULL)
    text = protocol == IKE_PROTOCOL_ESP ? ike_default_esp_proposals : ike_default_ike_proposals;
  items = g_strsplit (text, ",", -1);
  for (guint i = 0; items[i] != NULL; i++)
    if (!parse_one (proposals, g_strstrip (items[i]), protocol, ret_problem))
      return NULL;
  if (proposals->n_proposals == 0)
    {
      set_problem (ret_problem, g_strdup ("The proposal list is empty."));
      return NULL;
    }
  return g_steal_pointer (&proposals);
}

char *
ike_proposals_check (const char *text, gboolean esp)
{
  char *problem = NULL;

  ike_proposals_free (ike_proposals_new_from_text (text, esp ? IKE_PROTOCOL_ESP : IKE_PROTOCOL_IKE, &problem));
  return problem;
}

IkeProposals *
ike_proposals_copy (const IkeProposals *proposals)
{
  return (IkeProposals *)g_memdup2 (proposals, sizeof *proposals);
}

void
ike_proposals_free (IkeProposals *proposals)
{
  g_free (proposals);
}

void
ike_proposals_set_spi (IkeProposals *proposals, guint64 spi, guint spi_length)
{
  g_assert (spi_length <= IKE_MAX_PROPOSAL_SPI);
  for (guint i = 0; i < proposals->n_proposals; i++)
    {
      IkeProposal *proposal = &proposals->proposals[i];

      proposal->spi_length = (guint8)spi_length;
      for (guint j = 0; j < spi_length; j++)
        proposal->spi[j] = (guint8)(spi >> (8 * (spi_length - 1 - j)));
    }
}

guint64
ike_proposal_get_spi (const IkeProposal *proposal)
{
  guint64 spi = 0;

  for (guint i = 0; i < proposal->spi_length; i++)
    spi = spi << 8 | proposal->spi[i];
  return spi;
}

void
ike_proposals_remove_type (IkeProposals *proposals, IkeTransformType type)
{
  for (guint i = 0; i < proposals->n_proposals; i++)
    {
      IkeProposal *proposal = &proposals->proposals[i];
      guint kept = 0;

      for (guint j = 0; j < proposal->n_transforms; j++)
        if (proposal->transforms[j].type != type)
          proposal->transforms[kept++] = proposal->transforms[j];
      proposal->n_transforms = kept;
    }
}

void
ike_proposals_add_transform (IkeProposals *proposals, IkeTransform transform)
{
  for (guint i = 0; i < proposals->n_proposals; i++)
    append_transform (&proposals->proposals[i], transform);
}

guint16
ike_proposals_first_group (const IkeProposals *proposals)
{
  for (guint i = 0; i < proposals->n_proposals; i++)
    for (guint j = 0; j < proposals->proposals[i].n_transforms; j++)
      if (proposals->proposals[i].transforms[j].type == IKE_TRANSFORM_KE)
        return proposals->proposals[i].transforms[j].id;
  return IKE_GROUP_NONE;
}

gboolean
ike_proposals_have_group (const IkeProposals *proposals, guint16 group)
{
  const IkeTransform wanted = { .type = IKE_TRANSFORM_KE, .id = group };

  for (guint i = 0; i < proposals->n_proposals; i++)
    if (proposal_has (&proposals->proposals[i], &wanted))
      return TRUE;
  return FALSE;
}
