/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "dhcp6/lease-store.h"

/*
 * Follows Kea's lease file: reads it whole, then what is appended, and loads it anew when Kea's lease
 * file cleanup has replaced it (LQ-KEA-009, -010). Never writes, never locks. Runs on GLib's default
 * main context; after the first load nothing here keeps the loop for more than one chunk of the file.
 */

typedef struct _KeaLeasesIo KeaLeasesIo;

typedef struct
{
  const char *file; /* /var/lib/kea/kea-leases6.csv; copied */
  Dhcp6CodePoints points;
  /* Adds the subnets to a new store; called for each. */
  void (*prepare) (LeaseStore *store, gpointer user_data);
  /* A store that is whole, or NULL: the file cannot be read. Called at the start and after a change of stores. */
  void (*changed) (LeaseStore *store, gpointer user_data);
  /* Rows are about to be put into, or were put into, the store that answers. NULL: of no interest. */
  void (*growing) (gpointer user_data);
  void (*grown) (gpointer user_data);
  gpointer user_data;
} KeaLeasesIoConfig;

/* Loads at once (changed() is called before it returns) and watches from then on. */
KeaLeasesIo *kea_leases_io_new (const KeaLeasesIoConfig *config);
void kea_leases_io_free (KeaLeasesIo *io);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (KeaLeasesIo, kea_leases_io_free)
/* Loads everything anew beside the store in use (SIGHUP: other subnets). */
void kea_leases_io_reload (KeaLeasesIo *io);

typedef struct
{
  guint64 rows, bad_rows, loads, failures;
  guint leases;
  gboolean loading; /* a new store is being filled */
  gint64 load_us;   /* from beginning to end of the last whole load */
} KeaLeasesIoCounters;

void kea_leases_io_get_counters (const KeaLeasesIo *io, KeaLeasesIoCounters *ret_counters);
