/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "dhcp6/lease-store.h"

/* What a store that takes another's place says otherwise, noted in a journal bit by bit. Pure. */

typedef struct _LeaseDiff LeaseDiff;

/* Holds references to both stores; the new one may change meanwhile (that is noted by itself). */
LeaseDiff *lease_diff_new (LeaseStore *old_store, LeaseStore *new_store, LeaseJournal *journal);
void lease_diff_free (LeaseDiff *diff);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (LeaseDiff, lease_diff_free)
/* Compares at most @budget bindings. TRUE: that was all. */
gboolean lease_diff_step (LeaseDiff *diff, guint budget);
/* The old store, for who frees it in bits; caller unrefs, and must not step any more. */
LeaseStore *lease_diff_steal_old (LeaseDiff *diff);
