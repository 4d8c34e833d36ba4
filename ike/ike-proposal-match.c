/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Negotiation: is an answer one of our proposals; which of the peer's proposals do we take. */

#include "ike/ike-algorithm-private.h"

static const IkeProposal *
find_number (const IkeProposals *proposals, guint8 number)
{
  for (guint i = 0; i < proposals->n_proposals; i++)
    if (proposals->proposals[i].number == number)
      return &proposals->proposals[i];
  return NULL;
}

static gboolean
has_type (const IkeProposal *proposal, guint8 type)
{
  for (guint i = 0; i < proposal->n_transforms; i++)
    if (proposal->transforms[i].type == type)
      return TRUE;
  return FALSE;
}

/* An identical transform that has no attribute beyond Key Length. */
static gboolean
has_transform (const IkeProposal *proposal, const IkeTransform *wanted)
{
  for (guint i = 0; i < proposal->n_transforms; i++)
    {
      const IkeTransform *transform = &proposal->transforms[i];

      if (transform->type == wanted->type && transform->id == wanted->id && transform->key_bits == wanted->key_bits &&
          !transform->unknown_attribute)
        return TRUE;
    }
  return FALSE;
}

static void
note_transform (IkeSuite *suite, const IkeTransform *transform)
{
  switch (transform->type)
    {
    case IKE_TRANSFORM_ENCR:
      suite->encr = transform->id;
      suite->encr_bits = transform->key_bits;
      break;
    case IKE_TRANSFORM_PRF:
      suite->prf = transform->id;
      break;
    case IKE_TRANSFORM_INTEG:
      suite->integ = transform->id;
      break;
    case IKE_TRANSFORM_KE:
      suite->group = transform->id;
      break;
    case IKE_TRANSFORM_ESN:
      suite->esn = transform->id;
      break;
    default:
      break;
    }
}

/* Every transform of @answer was offered, and no type twice. */
static gboolean
transforms_offered (const IkeProposal *offer, const IkeProposal *answer, IkeSuite *suite, const char **ret_reason)
{
  guint64 seen = 0;

  for (guint i = 0; i < answer->n_transforms; i++)
    {
      const IkeTransform *transform = &answer->transforms[i];

      if (transform->unknown_attribute || !has_transform (offer, transform))
        {
          *ret_reason = "the peer chose a transform that was not offered";
          return FALSE;
        }
      /* What was offered is of types 1 to 5, so the shift is in range. */
      if ((seen & G_GUINT64_CONSTANT (1) << transform->type) != 0)
        {
          *ret_reason = "the peer chose two transforms of one type";
          return FALSE;
        }
      seen |= G_GUINT64_CONSTANT (1) << transform->type;
      note_transform (suite, transform);
    }
  return TRUE;
}

gboolean
ike_proposals_verify_answer (const IkeProposals *offered, const IkeProposals *answer, guint answer_spi_length,
                             IkeSuite *ret_suite, const char **ret_reason)
{
  const IkeProposal *chosen = &answer->proposals[0], *offer = find_number (offered, chosen->number);
  IkeSuite suite = { 0 };

  if (answer->n_proposals != 1)
    *ret_reason = "the peer answered with more than one proposal";
  else if (offer == NULL || offer->protocol != chosen->protocol)
    *ret_reason = "the peer chose a proposal that was not offered";
  else if (chosen->spi_length != answer_spi_length || (answer_spi_length != 0 && ike_proposal_get_spi (chosen) == 0))
    *ret_reason = "the peer's proposal has no valid SPI";
  else if (transforms_offered (offer, chosen, &suite, ret_reason))
    {
      for (guint i = 0; i < offer->n_transforms; i++)
        if (!has_type (chosen, offer->transforms[i].type))
          {
            *ret_reason = "the peer left a transform type out";
            return FALSE;
          }
      *ret_suite = suite;
      return TRUE;
    }
  return FALSE;
}

/* The transform of @type to take, by our order; NULL: none in common. */
static const IkeTransform *
choose_transform (const IkeProposal *ours, const IkeProposal *offer, guint8 type, guint16 wanted_group)
{
  const IkeTransform *first = NULL;

  for (guint i = 0; i < ours->n_transforms; i++)
    {
      const IkeTransform *transform = &ours->transforms[i];

      if (transform->type != type || !has_transform (offer, transform))
        continue;
      if (type != IKE_TRANSFORM_KE || transform->id == wanted_group)
        return transform;
      if (first == NULL)
        first = transform;
    }
  return first;
}

/*
 * Types of the offer that are none of ours. RFC 7296 3.3.6: the proposal is acceptable only if it
 * offers NONE there, which is then the choice.
 */
static gboolean
settle_other_types (const IkeProposal *ours, const IkeProposal *offer, IkeProposal *chosen)
{
  for (guint i = 0; i < offer->n_transforms; i++)
    {
      const IkeTransform none = { .type = offer->transforms[i].type };

      if (has_type (ours, none.type) || has_type (chosen, none.type))
        continue;
      if ((none.type != IKE_TRANSFORM_KE && none.type != IKE_TRANSFORM_INTEG) || !has_transform (offer, &none))
        return FALSE;
      chosen->transforms[chosen->n_transforms++] = none;
    }
  return TRUE;
}

static gboolean
combine (const IkeProposal *ours, const IkeProposal *offer, guint16 wanted_group, IkeProposal *chosen, IkeSuite *suite)
{
  *chosen = (IkeProposal){ .number = offer->number, .protocol = offer->protocol };
  *suite = (IkeSuite){ 0 };
  if (ours->protocol != offer->protocol)
    return FALSE;
  for (guint i = 0; i < ours->n_transforms; i++)
    {
      guint8 type = ours->transforms[i].type;
      const IkeTransform *transform;

      if (has_type (chosen, type))
        continue;
      transform = choose_transform (ours, offer, type, wanted_group);
      if (transform == NULL)
        return FALSE;
      chosen->transforms[chosen->n_transforms++] = *transform;
      note_transform (suite, transform);
    }
  return settle_other_types (ours, offer, chosen);
}

gboolean
ike_proposals_choose (const IkeProposals *ours, const IkeProposals *offer, guint16 wanted_group,
                      IkeProposals **ret_chosen, IkeSuite *ret_suite)
{
  g_autoptr (IkeProposals) chosen = g_new0 (IkeProposals, 1);

  chosen->n_proposals = 1;
  for (guint i = 0; i < ours->n_proposals; i++)
    for (guint j = 0; j < offer->n_proposals; j++)
      {
        IkeSuite suite;

        if (!combine (&ours->proposals[i], &offer->proposals[j], wanted_group, &chosen->proposals[0], &suite))
          continue;
        *ret_suite = suite;
        *ret_chosen = g_steal_pointer (&chosen);
        return TRUE;
      }
  return FALSE;
}
