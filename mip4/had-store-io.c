/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "mip4/had-io-private.h"

#include <errno.h>
#include <glib/gstdio.h>
#include <sqlite3.h>

/*
 * What must outlive the process, in SQLite: a row for each node, as had-record.c encodes it. One
 * transaction a pass, in a write-ahead log: what was committed survives the process however it ends. A
 * power failure may take the last moments with it, but never the file's soundness (synchronous=NORMAL).
 * A store that cannot be written is reported, and service goes on.
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
  "BEGIN; CREATE TABLE node (home_address INTEGER PRIMARY KEY, record BLOB NOT NULL) STRICT;"                          \
  "PRAGMA user_version=1; COMMIT;"
/* Between two lines about a store that fails. */
#define COMPLAINT_US (60 * ROAM_USEC_PER_SEC)

typedef enum
{
  STATEMENT_BEGIN,
  STATEMENT_COMMIT,
  STATEMENT_PUT,
  STATEMENT_REMOVE,
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

void
had_store_put (HadStore *store, const RoamAddr *home_address, GBytes *record)
{
  sqlite3_stmt *put = store->statements[STATEMENT_PUT];
  gsize length;
  gconstpointer data = g_bytes_get_data (record, &length);

  if (!begin (store))
    return;
  sqlite3_bind_int64 (put, 1, roam_addr_to_u32 (home_address));
  sqlite3_bind_blob (put, 2, data, (int)length, SQLITE_STATIC);
  if (run (store, STATEMENT_PUT))
    store->written++;
}

void
had_store_remove (HadStore *store, const RoamAddr *home_address)
{
  if (!begin (store))
    return;
  sqlite3_bind_int64 (store->statements[STATEMENT_REMOVE], 1, roam_addr_to_u32 (home_address));
  if (run (store, STATEMENT_REMOVE))
    store->written++;
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

guint
had_store_load (HadStore *store, HadStoreFunc function, gpointer user_data)
{
  sqlite3_stmt *select = NULL;
  guint n = 0;

  if (sqlite3_prepare_v2 (store->db, "SELECT home_address, record FROM node ORDER BY home_address", -1, &select,
                          NULL) != SQLITE_OK)
    {
      complain (store);
      return 0;
    }
  while (sqlite3_step (select) == SQLITE_ROW)
    {
      RoamAddr home_address = roam_addr_from_u32 ((guint32)sqlite3_column_int64 (select, 0));
      const guint8 *record = sqlite3_column_blob (select, 1);

      n += function (&home_address, record, (gsize)sqlite3_column_bytes (select, 1), user_data);
    }
  sqlite3_finalize (select);
  return n;
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
    [STATEMENT_PUT] =
      "INSERT INTO node VALUES (?1, ?2) ON CONFLICT (home_address) DO UPDATE SET record = excluded.record",
    [STATEMENT_REMOVE] = "DELETE FROM node WHERE home_address = ?1",
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
