/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "mip4/mip4-fa-private.h"

#include <string.h>

/* Link-layer addresses on the visited link: rate limits, and the challenges of RFC 4721 3.2. */

static gint64
key_of (const guint8 link_layer[6])
{
  gint64 key = 0;

  for (guint i = 0; i < 6; i++)
    key = key << 8 | link_layer[i];
  return key;
}

/* Anybody can make up addresses: the one silent for longest goes. */
static void
make_room (Mip4Fa *fa)
{
  gpointer oldest_key = NULL;
  gint64 oldest_us = G_MAXINT64;
  GHashTableIter iter;
  gpointer key, value;

  if (g_hash_table_size (fa->neighbours) < MIP4_FA_MAX_NEIGHBOURS)
    return;
  g_hash_table_iter_init (&iter, fa->neighbours);
  while (g_hash_table_iter_next (&iter, &key, &value))
    if (((Mip4FaNeighbour *)value)->heard_us < oldest_us)
      {
        oldest_us = ((Mip4FaNeighbour *)value)->heard_us;
        oldest_key = key;
      }
  g_hash_table_remove (fa->neighbours, oldest_key);
}

Mip4FaNeighbour *
mip4_fa_neighbour (Mip4Fa *fa, const RoamNow *now, const guint8 link_layer[6])
{
  const gint64 key = key_of (link_layer);
  Mip4FaNeighbour *neighbour = g_hash_table_lookup (fa->neighbours, &key);

  if (neighbour == NULL)
    {
      make_room (fa);
      neighbour = g_new0 (Mip4FaNeighbour, 1);
      memcpy (neighbour->link_layer, link_layer, sizeof neighbour->link_layer);
      neighbour->denied_us = neighbour->answered_us = G_MININT64;
      g_hash_table_insert (fa->neighbours, g_memdup2 (&key, sizeof key), neighbour);
    }
  neighbour->heard_us = now->boot_us;
  return neighbour;
}

static Mip4FaChallenge
new_challenge (Mip4Fa *fa)
{
  Mip4FaChallenge challenge = { .number = ++fa->n_challenges };

  roam_rng_fill (fa->rng, challenge.octets, sizeof challenge.octets);
  return challenge;
}

void
mip4_fa_advance_challenge (Mip4Fa *fa)
{
  memmove (&fa->challenges[1], &fa->challenges[0], sizeof fa->challenges - sizeof fa->challenges[0]);
  fa->challenges[0] = new_challenge (fa);
}

/*
 * RFC 4721 3.2.1: a stored challenge that was not used goes out again, so that a flood of bad requests
 * makes no new ones.
 */
const Mip4FaChallenge *
mip4_fa_offer_challenge (Mip4Fa *fa, Mip4FaNeighbour *neighbour)
{
  if (!fa->config.challenge)
    return NULL;
  if (fa->challenges[0].number > neighbour->used.number)
    neighbour->offered = fa->challenges[0];
  else if (neighbour->offered.number <= neighbour->used.number)
    neighbour->offered = new_challenge (fa);
  return &neighbour->offered;
}

static gboolean
matches (const Mip4FaChallenge *challenge, const Mip4Slice *octets)
{
  return challenge->number != 0 && octets->length == sizeof challenge->octets &&
         memcmp (challenge->octets, octets->data, octets->length) == 0;
}

guint8
mip4_fa_check_challenge (const Mip4Fa *fa, const Mip4FaNeighbour *neighbour, const Mip4Slice *octets,
                         Mip4FaChallenge *ret_challenge)
{
  const Mip4FaChallenge *found = NULL;

  if (octets->data == NULL)
    return FA_CODE_MISSING_CHALLENGE;
  if (matches (&neighbour->used, octets))
    return FA_CODE_STALE_CHALLENGE;
  if (matches (&neighbour->offered, octets))
    found = &neighbour->offered;
  for (guint i = 0; found == NULL && i < fa->config.challenge_window; i++)
    if (matches (&fa->challenges[i], octets))
      found = &fa->challenges[i];
  if (found == NULL)
    return FA_CODE_UNKNOWN_CHALLENGE;
  /* Nodes must not go back to one that was advertised before their last (RFC 4721 3.2.1): a replay. */
  if (found->number < neighbour->used.number)
    return FA_CODE_STALE_CHALLENGE;
  *ret_challenge = *found;
  return 0;
}
