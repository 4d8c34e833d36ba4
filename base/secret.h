/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>

/*
 * Key material: reference-counted, wiped when the last reference goes, compared in constant time,
 * printed as its length only. Immutable after construction.
 */
typedef struct _RoamSecret RoamSecret;

/* Copies @length octets; the caller still owns (and should wipe) its buffer. Never NULL. */
RoamSecret *roam_secret_new (const guint8 *data, gsize length);
RoamSecret *roam_secret_ref (RoamSecret *secret);
/* NULL is accepted. */
void roam_secret_unref (RoamSecret *secret);
gsize roam_secret_length (const RoamSecret *secret);
/* Borrowed, valid while a reference is held. */
const guint8 *roam_secret_peek (const RoamSecret *secret);
/* Constant time in the contents; lengths are not secret. */
gboolean roam_secret_equal (const RoamSecret *a, const RoamSecret *b);
/* "secret of N octets"; caller frees. */
char *roam_secret_describe (const RoamSecret *secret);

/* Overwrites a plain buffer so that the compiler cannot leave it out. */
void roam_wipe (void *data, gsize length);
/* Constant-time comparison of two buffers of the same length. */
gboolean roam_equal_constant_time (const guint8 *a, const guint8 *b, gsize length);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (RoamSecret, roam_secret_unref)
