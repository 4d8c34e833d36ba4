/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "dhcp6/lease-store.h"

/*
 * Follows Kea's lease file: reads it whole, then what is appended, and loads it anew when Kea's lease
 * file cleanup has replaced it (LQ-KEA-009, -010). Never writes, never locks.
 */

typedef struct _KeaLeasesIo KeaLeasesIo;

typedef struct
{
  const char *file; /* /var/lib/kea/kea-leases6.csv */
  Dhcp6CodePoints points;
  /* Adds the subnets to a new store; called for each. */
  void (*prepare) (LeaseStore *store, gpointer user_data);
  /* A store that is whole, or NULL: the file cannot be read. Called at the start and after a change of stores. */
  void (*changed) (LeaseStore *store, gpointer user_data);
  gpointer user_data;
} KeaLeasesIoConfig;

/* Loads at once (changed() is called before it returns) and watches from then on. */
KeaLeasesIo *kea_leases_io_new (const KeaLeasesIoConfig *config);
void kea_leases_io_free (KeaLeasesIo *io);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (KeaLeasesIo, kea_leases_io_free)
/* Loads everything anew (SIGHUP: other subnets). */
void kea_leases_io_reload (KeaLeasesIo *io);

typedef struct
{
  guint64 rows, bad_rows, loads, failures;
  guint leases;
  gint64 load_us; /* how long the last whole load took */
} KeaLeasesIoCounters;

void kea_leases_io_get_counters (const KeaLeasesIo *io, KeaLeasesIoCounters *ret_counters);
