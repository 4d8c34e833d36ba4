/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "dhcp6/lease-store.h"

/*
 * Bindings out of a database server that has Kea's table lease6, read-only. Whether something changed is
 * asked for every second; then all is read anew, beside the store in use. A thread of its own talks to the
 * database, so that a slow or silent one holds up no answer; stores belong to GLib's default main context.
 */

/*
 * One kind of server; called from the thread alone. Rows come out as lines of Kea's lease file with the columns of
 * LEASE_DATABASE_COLUMNS, so that one reader judges both.
 */
#define LEASE_DATABASE_COLUMNS                                                                                         \
  "address,duid,valid_lifetime,expire,subnet_id,pref_lifetime,lease_type,iaid,prefix_len,state,user_context"

typedef struct
{
  const char *name;
  /* @connection: as the administrator wrote it. NULL and @error. */
  gpointer (*open) (const char *connection, GError **error);
  void (*close) (gpointer database);
  /* Another text when the table may have changed; caller frees. NULL and @error. */
  char *(*dup_version) (gpointer database, GError **error);
  gboolean (*select) (gpointer database, GError **error);
  /* Appends a line with its end. 0: that was the last one; -1: @error. */
  int (*append_row) (gpointer database, GString *out, GError **error);
  /* The connection's socket; called from another thread than the rest, between open and close. */
  int (*get_socket) (gpointer database);
} LeaseDatabase;

typedef struct _LeaseDatabaseIo LeaseDatabaseIo;

typedef struct
{
  const LeaseDatabase *database;
  const char *connection; /* copied */
  Dhcp6CodePoints points;
  /* Adds the subnets to a new store; called for each. */
  void (*prepare) (LeaseStore *store, gpointer user_data);
  /* A store that is whole, or NULL: the database cannot be read. */
  void (*changed) (LeaseStore *store, gpointer user_data);
  gpointer user_data;
} LeaseDatabaseIoConfig;

/* Waits for the first load or its failure (changed() is called before it returns), and watches from then on. */
LeaseDatabaseIo *lease_database_io_new (const LeaseDatabaseIoConfig *config);
/* Waits until the thread has ended: it waits for no answer any more, for a connection some seconds at most. */
void lease_database_io_free (LeaseDatabaseIo *io);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (LeaseDatabaseIo, lease_database_io_free)
void lease_database_io_reload (LeaseDatabaseIo *io);

typedef struct
{
  guint64 rows, bad_rows, loads, failures;
  guint leases;
  gboolean loading;
  gint64 load_us;
} LeaseDatabaseIoCounters;

void lease_database_io_get_counters (const LeaseDatabaseIo *io, LeaseDatabaseIoCounters *ret_counters);

/* For append_row: octets as "00:01:...", and text as Kea escapes it in its file. */
void lease_database_append_duid (GString *out, const guint8 *data, gsize length);
void lease_database_append_text (GString *out, const char *text, gsize length);

/* NULL: not built in. */
const LeaseDatabase *lease_pgsql_get (void);
const LeaseDatabase *lease_mysql_get (void);
