/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "mip4/had-io-private.h"

#include <errno.h>
#include <glib/gstdio.h>
#include <sqlite3.h>

/*
 * What must outlive the process, in SQLite: a row for each binding, and one for each node whose last
 * request made none; had-record.c encodes them. One transaction a pass, in a write-ahead log: what was committed
 * survives the process however it ends. A power failure may take the last moments with it, but never the file's
 * soundness (synchronous=NORMAL). A store that cannot be written is reported, and service goes on.
 */

#define SCHEMA_VERSION 1
/*
 * Small pages: a pass touches as many pages as rows, and each is written whole. Nobody else opens the
 * file, so there is no need of shared memory and locks. The log is copied back each 8 000 pages; then
 * the disk is waited for.
 */
#define OPEN_STATEMENTS                                                                                                \
  "PRAGMA page_size=1024; PRAGMA locking_mode=EXCLUSIVE; PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL;"          \
  "PRAGMA wal_autocheckpoint=8000; PRAGMA cache_size=-65536; PRAGMA temp_store=MEMORY;"
#define SCHEMA_STATEMENTS                                                                                              \
  "BEGIN; CREATE TABLE binding (addresses INTEGER PRIMARY KEY, record BLOB NOT NULL) STRICT;"                          \
  "CREATE TABLE node (name TEXT PRIMARY KEY, record BLOB NOT NULL) STRICT, WITHOUT ROWID;"                             \
  "PRAGMA user_version=1; COMMIT;"
/* Between two lines about a store that fails. */
#define COMPLAINT_US (60 * ROAM_USEC_PER_SEC)

typedef enum
{
  STATEMENT_BEGIN,
  STATEMENT_COMMIT,
  STATEMENT_PUT_BINDING,
  STATEMENT_REMOVE_BINDING,
  STATEMENT_PUT_NODE,
  STATEMENT_REMOVE_NODE,
  N_STATEMENTS,
} Statement;

struct _HadStore
{
  char *path;
  sqlite3 *db;
  sqlite3_stmt *statements[N_STATEMENTS];
  gboolean in_transaction, failing;
  gint64 complained_us;
  guint64 written, commits, failures;
};

static void
set_sqlite_error (GError **error, const char *path, sqlite3 *db)
{
  g_set_error (error, HAD_ERROR, EIO, "%s: %s", path, db != NULL ? sqlite3_errmsg (db) : "out of memory");
}

/* The first failure and one a minute: the administrator must hear of it, the log must not drown. */
static void
complain (HadStore *store)
{
  gint64 now_us = had_boot_us ();

  store->failures++;
  if (!store->failing || now_us - store->complained_us >= COMPLAINT_US)
    {
      g_warning ("%s: %s. Service goes on, but a restart would lose bindings", store->path, sqlite3_errmsg (store->db));
      store->complained_us = now_us;
    }
  store->failing = TRUE;
}

/* TRUE when @statement is done; it is ready for its next use. */
static gboolean
run (HadStore *store, Statement statement)
{
  sqlite3_stmt *prepared = store->statements[statement];
  gboolean done = sqlite3_step (prepared) == SQLITE_DONE;

  if (!done)
    complain (store);
  sqlite3_reset (prepared);
  return done;
}

/* A transaction is begun by the first change of a pass. */
static gboolean
begin (HadStore *store)
{
  if (!store->in_transaction)
    store->in_transaction = run (store, STATEMENT_BEGIN);
  return store->in_transaction;
}

/* A binding is known by its two addresses: one number, so that the table is ordered by home address. */
static gint64
key_of (const RoamAddr *home_address, const RoamAddr *care_of_address)
{
  return (gint64)((guint64)roam_addr_to_u32 (home_address) << 32 | roam_addr_to_u32 (care_of_address));
}

static void
change (HadStore *store, Statement statement)
{
  if (begin (store) && run (store, statement))
    store->written++;
  sqlite3_clear_bindings (store->statements[statement]);
}

static void
bind_record (sqlite3_stmt *statement, GBytes *record)
{
  gsize length;
  gconstpointer data = g_bytes_get_data (record, &length);

  sqlite3_bind_blob (statement, 2, data, (int)length, SQLITE_STATIC);
}

void
had_store_put_binding (HadStore *store, const RoamAddr *home_address, const RoamAddr *care_of_address, GBytes *record)
{
  sqlite3_stmt *put = store->statements[STATEMENT_PUT_BINDING];

  sqlite3_bind_int64 (put, 1, key_of (home_address, care_of_address));
  bind_record (put, record);
  change (store, STATEMENT_PUT_BINDING);
}

void
had_store_remove_binding (HadStore *store, const RoamAddr *home_address, const RoamAddr *care_of_address)
{
  sqlite3_bind_int64 (store->statements[STATEMENT_REMOVE_BINDING], 1, key_of (home_address, care_of_address));
  change (store, STATEMENT_REMOVE_BINDING);
}

void
had_store_put_node (HadStore *store, const char *name, GBytes *record)
{
  sqlite3_stmt *put = store->statements[STATEMENT_PUT_NODE];

  sqlite3_bind_text (put, 1, name, -1, SQLITE_STATIC);
  bind_record (put, record);
  change (store, STATEMENT_PUT_NODE);
}

void
had_store_remove_node (HadStore *store, const char *name)
{
  sqlite3_bind_text (store->statements[STATEMENT_REMOVE_NODE], 1, name, -1, SQLITE_STATIC);
  change (store, STATEMENT_REMOVE_NODE);
}

void
had_store_commit (HadStore *store)
{
  if (!store->in_transaction)
    return;
  store->in_transaction = FALSE;
  if (!run (store, STATEMENT_COMMIT))
    {
      sqlite3_exec (store->db, "ROLLBACK", NULL, NULL, NULL);
      return;
    }
  store->commits++;
  if (store->failing)
    g_message ("%s: can be written again", store->path);
  store->failing = FALSE;
}

gboolean
had_store_is_failing (const HadStore *store)
{
  return store->failing;
}

/* Calls @each for every row of @query, whose columns are a key and a record. */
static void
load (HadStore *store, const char *query, void (*each) (sqlite3_stmt *row, gpointer user_data), gpointer user_data)
{
  sqlite3_stmt *select = NULL;

  if (sqlite3_prepare_v2 (store->db, query, -1, &select, NULL) != SQLITE_OK)
    complain (store);
  while (select != NULL && sqlite3_step (select) == SQLITE_ROW)
    each (select, user_data);
  sqlite3_finalize (select);
}

typedef struct
{
  HadStoreNodeFunc node;
  HadStoreBindingFunc binding;
  gpointer user_data;
} Loading;

static void
load_node (sqlite3_stmt *row, gpointer user_data)
{
  const Loading *loading = user_data;
  const guint8 *record = sqlite3_column_blob (row, 1);

  loading->node ((const char *)sqlite3_column_text (row, 0), record, (gsize)sqlite3_column_bytes (row, 1),
                 loading->user_data);
}

static void
load_binding (sqlite3_stmt *row, gpointer user_data)
{
  const Loading *loading = user_data;
  guint64 key = (guint64)sqlite3_column_int64 (row, 0);
  RoamAddr home_address = roam_addr_from_u32 ((guint32)(key >> 32)), care_of = roam_addr_from_u32 ((guint32)key);
  const guint8 *record = sqlite3_column_blob (row, 1);

  loading->binding (&home_address, &care_of, record, (gsize)sqlite3_column_bytes (row, 1), loading->user_data);
}

void
had_store_load (HadStore *store, HadStoreBindingFunc binding, HadStoreNodeFunc node, gpointer user_data)
{
  Loading loading = { node, binding, user_data };

  load (store, "SELECT addresses, record FROM binding", load_binding, &loading);
  load (store, "SELECT name, record FROM node", load_node, &loading);
}

/* --------------------------------------------------------------------- opening ---- */

static int
schema_version (sqlite3 *db)
{
  sqlite3_stmt *pragma = NULL;
  int version = -1;

  if (sqlite3_prepare_v2 (db, "PRAGMA user_version", -1, &pragma, NULL) == SQLITE_OK &&
      sqlite3_step (pragma) == SQLITE_ROW)
    version = sqlite3_column_int (pragma, 0);
  sqlite3_finalize (pragma);
  return version;
}

static gboolean
open_schema (HadStore *store, GError **error)
{
  int version;

  if (sqlite3_exec (store->db, OPEN_STATEMENTS, NULL, NULL, NULL) != SQLITE_OK)
    {
      set_sqlite_error (error, store->path, store->db);
      return FALSE;
    }
  version = schema_version (store->db);
  if (version == 0 && sqlite3_exec (store->db, SCHEMA_STATEMENTS, NULL, NULL, NULL) == SQLITE_OK)
    return TRUE;
  if (version == SCHEMA_VERSION)
    return TRUE;
  if (version <= 0)
    set_sqlite_error (error, store->path, store->db);
  else
    g_set_error (error, HAD_ERROR, ENOTSUP, "%s: written by a newer roam-had (schema %d, known is %d)", store->path,
                 version, SCHEMA_VERSION);
  return FALSE;
}

static gboolean
prepare (HadStore *store, GError **error)
{
  static const char *const texts[N_STATEMENTS] = {
    [STATEMENT_BEGIN] = "BEGIN IMMEDIATE",
    [STATEMENT_COMMIT] = "COMMIT",
    [STATEMENT_PUT_BINDING] =
      "INSERT INTO binding VALUES (?1, ?2) ON CONFLICT (addresses) DO UPDATE SET record = excluded.record",
    [STATEMENT_REMOVE_BINDING] = "DELETE FROM binding WHERE addresses = ?1",
    [STATEMENT_PUT_NODE] = "INSERT INTO node VALUES (?1, ?2) ON CONFLICT (name) DO UPDATE SET record = excluded.record",
    [STATEMENT_REMOVE_NODE] = "DELETE FROM node WHERE name = ?1",
  };

  for (guint i = 0; i < N_STATEMENTS; i++)
    if (sqlite3_prepare_v3 (store->db, texts[i], -1, SQLITE_PREPARE_PERSISTENT, &store->statements[i], NULL) !=
        SQLITE_OK)
      {
        set_sqlite_error (error, store->path, store->db);
        return FALSE;
      }
  return TRUE;
}

HadStore *
had_store_new (const char *path, GError **error)
{
  g_autoptr (HadStore) store = g_new0 (HadStore, 1);
  int code = sqlite3_open_v2 (path, &store->db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX, NULL);

  store->path = g_strdup (path);
  if (code != SQLITE_OK)
    {
      set_sqlite_error (error, path, store->db);
      return NULL;
    }
  /* Who was where, and which requests were answered, is nobody else's business. */
  g_chmod (path, 0600);
  if (!open_schema (store, error) || !prepare (store, error))
    return NULL;
  return g_steal_pointer (&store);
}

void
had_store_free (HadStore *store)
{
  if (store == NULL)
    return;
  had_store_commit (store);
  for (guint i = 0; i < N_STATEMENTS; i++)
    sqlite3_finalize (store->statements[i]);
  sqlite3_close (store->db);
  g_free (store->path);
  g_free (store);
}

void
had_store_add_counters (const HadStore *store, GHashTable *counters)
{
  const struct
  {
    const char *name;
    guint64 value;
  } rows[] = {
    { "store-rows-written", store->written },
    { "store-commits", store->commits },
    { "store-failures", store->failures },
  };

  for (guint i = 0; i < G_N_ELEMENTS (rows); i++)
    g_hash_table_insert (counters, g_strdup (rows[i].name), g_memdup2 (&rows[i].value, sizeof (guint64)));
}
