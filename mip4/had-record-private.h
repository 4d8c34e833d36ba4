/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "mip4/mip4-ha.h"

/* What the store keeps of a node: its binding, and without one the Identification that it used last. Pure. */

/* @bound: the binding holds; else only its Identification counts. @boot_us and @unix_us are now. */
GBytes *had_record_build (const Mip4HaBinding *binding, gboolean bound, gint64 boot_us, gint64 unix_us);
/*
 * FALSE, outputs untouched: not a record of a version known here. *@ret_bound: it held, and has not
 * expired since. Times are boot times of now's boot.
 */
gboolean had_record_parse (const RoamAddr *home_address, const guint8 *record, gsize length, gint64 boot_us,
                           gint64 unix_us, Mip4HaBinding *ret_binding, gboolean *ret_bound);
