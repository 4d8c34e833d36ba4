/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "mip4/mip4-ha.h"

/* What the store keeps of a node: its replay state, and a binding where there is one. Pure. */

typedef struct
{
  Mip4HaReplay replay;
  const char *nai; /* NULL: none. Parsed: points into @nai_buffer */
  gboolean has_binding;
  Mip4HaBinding binding; /* its two addresses are the key and not part of the record */
  gint64 written_us;     /* parsed: when, microseconds since 1970 */
  char nai_buffer[G_MAXUINT8 + 1];
} HadRecord;

/* @boot_us and @unix_us are now. */
GBytes *had_record_build (const HadRecord *record, gint64 boot_us, gint64 unix_us);
/*
 * FALSE, @ret untouched: not a record of a version known here. Times of the binding are of this boot, what
 * expired has a past expiry.
 */
gboolean had_record_parse (const guint8 *data, gsize length, gint64 boot_us, gint64 unix_us, HadRecord *ret);
