/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "dhcp6/lease-store.h"

/*
 * Rows of Kea's kea-leases6.csv (section 5 of the requirements). No file is touched here: lines go in,
 * leases come out.
 */

typedef struct _KeaLeases KeaLeases;

/*
 * @header: the file's first line, which names the columns. NULL when one that is needed is not there
 * (then @ret_problem, the caller's, names it) or @header is no list of columns.
 */
KeaLeases *kea_leases_new (const char *header, gsize length, const Dhcp6CodePoints *points, char **ret_problem);
void kea_leases_free (KeaLeases *leases);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (KeaLeases, kea_leases_free)

typedef enum
{
  KEA_ROW_LEASE,  /* the address is leased now as @ret_lease says */
  KEA_ROW_REMOVE, /* the address is not leased any more; only its address is set */
  KEA_ROW_BAD,    /* not understood: @ret_reason (static) */
} KeaRow;

/* One line without its end. Slices of @ret_lease are borrowed until the next call. */
KeaRow kea_leases_parse_row (KeaLeases *leases, const char *line, gsize length, Lease *ret_lease,
                             const char **ret_reason);
