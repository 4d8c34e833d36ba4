/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Client puzzles (RFC 8019): four keys whose prf of a given string ends in enough zero bits. Solved a slice
 * at a time, at deadlines of their own, so that the main loop serves everything else in between; whatever
 * ends the attempt ends the work.
 */
#include "ike/ike-session-private.h"

#include "ike/ike-algorithm-private.h"

#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/params.h>
#include <string.h>

/* Three octets count further than MAX_TRIES. */
#define KEY_LENGTH 3
/* About a microsecond each: two seconds of a processor in all, two milliseconds at a time. */
#define MAX_TRIES 2000000
#define SLICE_TRIES 2000
#define SLICE_PAUSE_US ROAM_USEC_PER_MSEC
/* Nobody may ask for more; what can be had within MAX_TRIES is about 18. */
#define MAX_DIFFICULTY 24
/* Difficulty 0 asks for what we care to give. */
#define BEST_EFFORT_TRIES 100000

typedef struct
{
  guint8 octets[KEY_LENGTH];
  guint zero_bits;
} Key;

struct _IkePuzzle
{
  guint16 prf;
  guint8 difficulty;
  GBytes *string;
  EVP_MAC_CTX *context;
  guint tries;
  guint n_keys;
  Key keys[IKE_PUZZLE_KEYS];
};

IkePuzzle *
ike_puzzle_new (guint16 prf, guint8 difficulty, IkeView string)
{
  const IkeHmac *hmac = ike_hmac_prf (prf);
  EVP_MAC *mac;
  IkePuzzle *puzzle;

  if (!hmac || difficulty > MAX_DIFFICULTY)
    return NULL;
  puzzle = g_new0 (IkePuzzle, 1);
  puzzle->prf = prf;
  puzzle->difficulty = difficulty;
  puzzle->string = g_bytes_new (string.data, string.length);
  mac = EVP_MAC_fetch (NULL, "HMAC", NULL);
  puzzle->context = EVP_MAC_CTX_new (mac);
  EVP_MAC_free (mac);
  return puzzle;
}

void
ike_puzzle_free (IkePuzzle *puzzle)
{
  if (!puzzle)
    return;
  EVP_MAC_CTX_free (puzzle->context);
  g_bytes_unref (puzzle->string);
  g_free (puzzle);
}

static guint
count_zero_bits (const guint8 *octets, gsize length)
{
  guint n = 0;

  for (gsize i = length; i > 0; i--)
    {
      if (octets[i - 1] != 0)
        return n + (guint)g_bit_nth_lsf (octets[i - 1], -1);
      n += 8;
    }
  return n;
}

static gboolean
try_key (IkePuzzle *puzzle, Key *key)
{
  const IkeHmac *hmac = ike_hmac_prf (puzzle->prf);
  /* libcrypto takes the parameter without const but only reads it. */
  OSSL_PARAM params[] = { OSSL_PARAM_construct_utf8_string (OSSL_MAC_PARAM_DIGEST, (char *)hmac->digest, 0),
                          OSSL_PARAM_construct_end () };
  IkeView string = ike_view (puzzle->string);
  guint8 out[IKE_MAX_HASH];
  size_t length = 0;

  if (EVP_MAC_init (puzzle->context, key->octets, sizeof key->octets, params) != 1 ||
      EVP_MAC_update (puzzle->context, string.data, string.length) != 1 ||
      EVP_MAC_final (puzzle->context, out, &length, sizeof out) != 1)
    return FALSE;
  key->zero_bits = count_zero_bits (out, length);
  return TRUE;
}

/* Takes the place of a worse one, if there is any. */
static void
keep (IkePuzzle *puzzle, const Key *key)
{
  Key *worst = &puzzle->keys[0];

  if (puzzle->n_keys < IKE_PUZZLE_KEYS)
    {
      puzzle->keys[puzzle->n_keys++] = *key;
      return;
    }
  for (guint i = 1; i < IKE_PUZZLE_KEYS; i++)
    if (puzzle->keys[i].zero_bits < worst->zero_bits)
      worst = &puzzle->keys[i];
  if (key->zero_bits > worst->zero_bits)
    *worst = *key;
}

IkePuzzleState
ike_puzzle_work (IkePuzzle *puzzle, guint tries)
{
  for (guint i = 0; i < tries; i++)
    {
      guint number = puzzle->tries;
      Key key = { .octets = { (guint8)(number >> 16), (guint8)(number >> 8), (guint8)number } };

      if (puzzle->difficulty == 0 && puzzle->tries >= BEST_EFFORT_TRIES)
        return IKE_PUZZLE_SOLVED;
      if (puzzle->tries >= MAX_TRIES || !try_key (puzzle, &key))
        return IKE_PUZZLE_GIVEN_UP;
      puzzle->tries++;
      if (puzzle->difficulty == 0 || key.zero_bits >= puzzle->difficulty)
        keep (puzzle, &key);
      if (puzzle->difficulty > 0 && puzzle->n_keys == IKE_PUZZLE_KEYS)
        return IKE_PUZZLE_SOLVED;
    }
  return IKE_PUZZLE_WORKING;
}

GBytes *
ike_puzzle_solution (const IkePuzzle *puzzle)
{
  g_auto (WireWriter) writer = { 0 };

  wire_writer_init (&writer, IKE_PUZZLE_KEYS * KEY_LENGTH);
  for (guint i = 0; i < puzzle->n_keys; i++)
    wire_write_data (&writer, puzzle->keys[i].octets, KEY_LENGTH);
  return wire_writer_finish (&writer);
}

/* RFC 8019 8.2: four different keys of one length, of which there is one octet at least. */
gboolean
ike_puzzle_verify (guint16 prf, IkeView string, IkeView solution, guint *ret_zero_bits)
{
  gsize length = solution.length / IKE_PUZZLE_KEYS;
  IkeView keys[IKE_PUZZLE_KEYS];
  guint8 out[IKE_MAX_HASH];
  guint least = G_MAXUINT;

  if (length == 0 || solution.length % IKE_PUZZLE_KEYS != 0 || length > ike_prf_length (prf))
    return FALSE;
  for (guint i = 0; i < IKE_PUZZLE_KEYS; i++)
    {
      keys[i] = (IkeView){ solution.data + i * length, length };
      for (guint j = 0; j < i; j++)
        if (memcmp (keys[i].data, keys[j].data, length) == 0)
          return FALSE;
      if (!ike_prf (prf, keys[i], &string, 1, out))
        return FALSE;
      least = MIN (least, count_zero_bits (out, ike_prf_length (prf)));
    }
  *ret_zero_bits = least;
  return TRUE;
}

gboolean
ike_puzzle_parse (IkeView data, guint16 *ret_prf, guint8 *ret_difficulty)
{
  WireReader reader;
  guint8 difficulty;
  guint16 prf;

  wire_reader_init (&reader, data.data, data.length);
  if (!wire_read_u16 (&reader, &prf) || !wire_read_u8 (&reader, &difficulty) || !wire_reader_at_end (&reader))
    return FALSE;
  *ret_prf = prf;
  *ret_difficulty = difficulty;
  return TRUE;
}

/* --- in the handshake --- */

static gboolean
is_offered (const IkeProposals *offer, guint16 prf)
{
  for (guint i = 0; i < offer->n_proposals; i++)
    for (guint j = 0; j < offer->proposals[i].n_transforms; j++)
      if (offer->proposals[i].transforms[j].type == IKE_TRANSFORM_PRF && offer->proposals[i].transforms[j].id == prf)
        return TRUE;
  return FALSE;
}

gboolean
ike_puzzle_start (IkeSession *session, const RoamNow *now, const IkePayloadNotify *notify, IkeView string)
{
  IkeHandshake *handshake = &session->handshake;
  guint8 difficulty;
  guint16 prf;

  ike_puzzle_free (g_steal_pointer (&handshake->puzzle));
  handshake->puzzle_us = ROAM_NEVER;
  /* RFC 8019 7.1.1.1: one of the PRFs that we named. */
  if (ike_puzzle_parse (notify->data, &prf, &difficulty) && is_offered (session->ike_offer, prf))
    handshake->puzzle = ike_puzzle_new (prf, difficulty, string);
  ike_count (session, handshake->puzzle ? "puzzles" : "puzzles-ignored");
  if (!handshake->puzzle)
    return FALSE;
  handshake->puzzle_us = now->boot_us;
  return TRUE;
}

void
ike_puzzle_hold (IkeSession *session, IkeSa *sa)
{
  for (GList *l = session->tasks.head; l; l = l->next)
    if (((const IkeTask *)l->data)->sa == sa)
      ((IkeTask *)l->data)->not_before_us = ROAM_NEVER;
}

static void
release (IkeSession *session)
{
  for (GList *l = session->tasks.head; l; l = l->next)
    if (((const IkeTask *)l->data)->sa == session->current && ((const IkeTask *)l->data)->not_before_us == ROAM_NEVER)
      ((IkeTask *)l->data)->not_before_us = 0;
}

void
ike_puzzle_deadline (IkeSession *session, const RoamNow *now)
{
  IkeHandshake *handshake = &session->handshake;

  if (!handshake->puzzle || handshake->puzzle_us > now->boot_us)
    return;
  handshake->puzzle_us = now->boot_us + SLICE_PAUSE_US;
  switch (ike_puzzle_work (handshake->puzzle, SLICE_TRIES))
    {
    case IKE_PUZZLE_WORKING:
      return;
    case IKE_PUZZLE_SOLVED:
      ike_count (session, "puzzles-solved");
      handshake->solution = ike_puzzle_solution (handshake->puzzle);
      break;
    case IKE_PUZZLE_GIVEN_UP: /* RFC 8019 7.1.2: the request goes without, and may have to wait for its turn */
      ike_count (session, "puzzles-given-up");
      break;
    }
  ike_puzzle_free (g_steal_pointer (&handshake->puzzle));
  handshake->puzzle_us = ROAM_NEVER;
  release (session);
}
