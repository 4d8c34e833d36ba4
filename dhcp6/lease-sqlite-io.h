/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "dhcp6/lease-store.h"

/*
 * Bindings out of a SQLite database, read-only: a table "lease" or what a statement of the
 * administrator's gives. Its columns, by name and in any order:
 *
 *   address             TEXT    IPv6 address, or the delegated prefix without its length
 *   prefix_length       INTEGER of a delegated prefix; NULL: an address
 *   client_id           BLOB    DUID, or TEXT in hex
 *   iaid, subnet_id     INTEGER
 *   valid_lifetime, preferred_lifetime  INTEGER  seconds as granted; 4294967295: infinite
 *   contact             INTEGER Unix seconds when the server last spoke with the client
 *   relay_data          BLOB    contents of LQ_RELAY_DATA (RFC 5007 4.1.2.4) or NULL; may be left out
 *
 * Whether something changed is asked for every second (PRAGMA data_version, which reads one page);
 * then all is read anew, in bits, beside the store in use.
 */

#define LEASE_SQLITE_STATEMENT "SELECT * FROM lease"

typedef struct _LeaseSqliteIo LeaseSqliteIo;

typedef struct
{
  const char *file, *statement; /* copied */
  Dhcp6CodePoints points;
  /* Adds the subnets to a new store; called for each. */
  void (*prepare) (LeaseStore *store, gpointer user_data);
  /* A store that is whole, or NULL: the database cannot be read. */
  void (*changed) (LeaseStore *store, gpointer user_data);
  gpointer user_data;
} LeaseSqliteIoConfig;

/* Loads at once (changed() is called before it returns) and watches from then on. */
LeaseSqliteIo *lease_sqlite_io_new (const LeaseSqliteIoConfig *config);
void lease_sqlite_io_free (LeaseSqliteIo *io);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (LeaseSqliteIo, lease_sqlite_io_free)
void lease_sqlite_io_reload (LeaseSqliteIo *io);

typedef struct
{
  guint64 rows, bad_rows, loads, failures;
  guint leases;
  gboolean loading;
  gint64 load_us;
} LeaseSqliteIoCounters;

void lease_sqlite_io_get_counters (const LeaseSqliteIo *io, LeaseSqliteIoCounters *ret_counters);
