/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "base/secret.h"

#include <string.h>

struct _RoamSecret {
  gint references;
  gsize length;
  guint8 data[];
};

RoamSecret *
roam_secret_new (const guint8 *data, gsize length)
{
  RoamSecret *secret = g_malloc (sizeof (RoamSecret) + length);

  secret->references = 1;
  secret->length = length;
  if (length > 0)
    memcpy (secret->data, data, length);
  return secret;
}

RoamSecret *
roam_secret_ref (RoamSecret *secret)
{
  g_atomic_int_inc (&secret->references);
  return secret;
}

void
roam_secret_unref (RoamSecret *secret)
{
  if (secret == NULL || !g_atomic_int_dec_and_test (&secret->references))
    return;
  roam_wipe (secret->data, secret->length);
  g_free (secret);
}

gsize
roam_secret_length (const RoamSecret *secret)
{
  return secret->length;
}

const guint8 *
roam_secret_peek (const RoamSecret *secret)
{
  return secret->data;
}

gboolean
roam_secret_equal (const RoamSecret *a, const RoamSecret *b)
{
  return a->length == b->length && roam_equal_constant_time (a->data, b->data, a->length);
}

char *
roam_secret_describe (const RoamSecret *secret)
{
  return g_strdup_printf ("secret of %" G_GSIZE_FORMAT " octets", secret->length);
}

void
roam_wipe (void *data, gsize length)
{
  if (length > 0)
    explicit_bzero (data, length);
}

gboolean
roam_equal_constant_time (const guint8 *a, const guint8 *b, gsize length)
{
  volatile guint8 difference = 0;

  for (gsize i = 0; i < length; i++)
    difference = (guint8) (difference | (a[i] ^ b[i]));
  return difference == 0;
}
