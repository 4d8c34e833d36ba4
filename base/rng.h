/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>

/*
 * The entropy of an engine: a ChaCha20 key stream from a 32-octet seed. The daemon seeds it from
 * the kernel; tests seed it with a constant, so that a run can be replayed octet by octet.
 */
typedef struct _RoamRng RoamRng;

#define ROAM_RNG_SEED_LENGTH 32

RoamRng *roam_rng_new (const guint8 seed[ROAM_RNG_SEED_LENGTH]);
/* A seed made of @number, for tests and simulations only. */
RoamRng *roam_rng_new_for_test (guint64 number);
void roam_rng_free (RoamRng *rng);
void roam_rng_fill (RoamRng *rng, guint8 *out, gsize length);
guint32 roam_rng_u32 (RoamRng *rng);
guint64 roam_rng_u64 (RoamRng *rng);
/* Uniform in 0..bound-1; bound 0 gives 0. */
guint32 roam_rng_below (RoamRng *rng, guint32 bound);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (RoamRng, roam_rng_free)
