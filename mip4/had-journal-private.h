/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "base/wire.h"

/*
 * What had-store-io.c writes in the first place: changes one behind the other, in the order in which they were
 * made. A change is whole: of several to one thing the last alone counts, and taking one twice does no harm.
 */

/* Of a binding, known by its addresses, or of a node, known by its name. */
typedef struct
{
  const char *name; /* NULL: a binding's; not terminated */
  gsize name_length;
  guint64 addresses;    /* home address, care-of address */
  const guint8 *record; /* NULL: it is gone */
  gsize length;
} HadChange;

void had_change_write (WireWriter *writer, const HadChange *change);
/* What @ret points to is borrowed from @reader's memory. FALSE: that is no change. */
G_GNUC_WARN_UNUSED_RESULT gboolean had_change_read (WireReader *reader, HadChange *ret);
/*
 * The last change of each thing in @changes (HadChange, as they were made), ordered as the tables are, so that
 * neighbours are written together. @changes is consumed.
 */
GArray *had_changes_newest (GArray *changes);
