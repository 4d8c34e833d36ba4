/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "mip4/had-io-private.h"
#include "mip4/had-journal-private.h"

#include <errno.h>
#include <glib/gstdio.h>
#include <sqlite3.h>
#include <string.h>

/*
 * What must outlive the process, in SQLite: a row for each binding, and one for each node whose last
 * request made none; had-record.c encodes them. A change costs no search in these tables: all changes of a pass are
 * appended to a journal as one row, one transaction, in a write-ahead log. What was committed
 * survives the process however it ends. A power failure may take the last moments with it, but never the file's
 * soundness (synchronous=NORMAL). The journal is folded into the tables later, a slice at a time; what is in both
 * is the same or newer in the journal, and reading starts with folding what is left, so it may end anywhere.
 * A store that cannot be written is reported, and service goes on.
 */

#define SCHEMA_VERSION 2
/*
 * A pass of HAD_UDP_PASS requests fits a page, which is then written with one call. Nobody else opens the
 * file, so there is no need of shared memory and locks. The log is copied back each 32 MiB; then
 * the disk is waited for.
 */
#define OPEN_STATEMENTS                                                                                                \
  "PRAGMA page_size=16384; PRAGMA locking_mode=EXCLUSIVE; PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL;"         \
  "PRAGMA wal_autocheckpoint=2048; PRAGMA cache_size=-65536; PRAGMA temp_store=MEMORY;"
#define STATE_STATEMENTS                                                                                               \
  "CREATE TABLE binding (addresses INTEGER PRIMARY KEY, record BLOB NOT NULL) STRICT;"                                 \
  "CREATE TABLE node (name TEXT PRIMARY KEY, record BLOB NOT NULL) STRICT, WITHOUT ROWID;"
#define JOURNAL_STATEMENTS                                                                                             \
  "CREATE TABLE journal (number INTEGER PRIMARY KEY, changes BLOB NOT NULL) STRICT; PRAGMA user_version=2;"
/* Between two lines about a store that fails. */
#define COMPLAINT_US (60 * ROAM_USEC_PER_SEC)
/* Octets of changes that wait for a commit; the longest pass makes a hundredth. */
#define PENDING_MAX (64u * 1024u * 1024u)
/*
 * A round takes so much of the journal's beginning at once: enough that many changes fall on one page or on
 * one binding, and so little (some 65 000) that to order them takes ten or twenty milliseconds.
 */
#define ROUND_OCTETS (6u * 1024u * 1024u)
#define ROUND_ROWS 4096u
/* Rows written in a slice: half a millisecond. */
#define SLICE 256u
/* Changes from which folding waits for no idle moment: some 90 MiB. Each commit then folds a slice first. */
#define JOURNAL_LIMIT (1024u * 1024u)

typedef enum
{
  STATEMENT_BEGIN,
  STATEMENT_COMMIT,
  STATEMENT_APPEND,
  STATEMENT_READ_JOURNAL,
  STATEMENT_FORGET_JOURNAL,
  STATEMENT_PUT_BINDING,
  STATEMENT_REMOVE_BINDING,
  STATEMENT_PUT_NODE,
  STATEMENT_REMOVE_NODE,
  N_STATEMENTS,
} Statement;

/* A beginning of the journal that is being folded. */
typedef struct
{
  GByteArray *octets;
  GArray *changes; /* HadChange, the newest of each thing; NULL: no round is under way */
  guint done;      /* of @changes */
  guint n_changes; /* as they stand in the journal */
  gint64 last_row;
} Round;

struct _HadStore
{
  char *path;
  sqlite3 *db;
  sqlite3_stmt *statements[N_STATEMENTS];
  WireWriter pending; /* changes since the last commit */
  guint n_pending, n_journal;
  Round round;
  gboolean failing;
  gint64 complained_us;
  guint64 written, commits, folded, failures;
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

/* --------------------------------------------------------------------- journal ---- */

/* A binding is known by its two addresses: one number, so that the table is ordered by home address. */
static guint64
key_of (const RoamAddr *home_address, const RoamAddr *care_of_address)
{
  return (guint64)roam_addr_to_u32 (home_address) << 32 | roam_addr_to_u32 (care_of_address);
}

static void
change (HadStore *store, const HadChange *change)
{
  if (store->n_pending++ == 0)
    wire_writer_init (&store->pending, PENDING_MAX);
  had_change_write (&store->pending, change);
}

static void
set_record (HadChange *change, GBytes *record)
{
  change->record = g_bytes_get_data (record, &change->length);
}

void
had_store_put_binding (HadStore *store, const RoamAddr *home_address, const RoamAddr *care_of_address, GBytes *record)
{
  HadChange put = { .addresses = key_of (home_address, care_of_address) };

  set_record (&put, record);
  change (store, &put);
}

void
had_store_remove_binding (HadStore *store, const RoamAddr *home_address, const RoamAddr *care_of_address)
{
  change (store, &(HadChange){ .addresses = key_of (home_address, care_of_address) });
}

void
had_store_put_node (HadStore *store, const char *name, GBytes *record)
{
  HadChange put = { .name = name, .name_length = strlen (name) };

  set_record (&put, record);
  change (store, &put);
}

void
had_store_remove_node (HadStore *store, const char *name)
{
  change (store, &(HadChange){ .name = name, .name_length = strlen (name) });
}

static gboolean
append_pending (HadStore *store)
{
  sqlite3_stmt *append = store->statements[STATEMENT_APPEND];
  gboolean done;

  /* A statement by itself is a transaction. */
  sqlite3_bind_blob64 (append, 1, wire_writer_peek (&store->pending), wire_writer_length (&store->pending),
                       SQLITE_STATIC);
  done = !wire_writer_failed (&store->pending) && run (store, STATEMENT_APPEND);
  sqlite3_clear_bindings (append);
  return done;
}

void
had_store_commit (HadStore *store)
{
  if (store->n_pending == 0)
    return;
  if (store->n_journal >= JOURNAL_LIMIT)
    had_store_fold (store);
  if (append_pending (store))
    {
      store->n_journal += store->n_pending;
      store->written += store->n_pending;
      store->commits++;
      if (store->failing)
        g_message ("%s: can be written again", store->path);
      store->failing = FALSE;
    }
  wire_writer_clear (&store->pending);
  store->n_pending = 0;
}

guint
had_store_n_journal (const HadStore *store)
{
  return store->n_journal;
}

/* --------------------------------------------------------------------- folding ---- */

static void
end_round (HadStore *store)
{
  g_clear_pointer (&store->round.changes, g_array_unref);
  g_clear_pointer (&store->round.octets, g_byte_array_unref);
  store->round = (Round){ 0 };
}

/* Rows of the journal from its beginning into @octets; how many there were. */
static guint
read_journal (HadStore *store, GByteArray *octets, gint64 *ret_last_row)
{
  sqlite3_stmt *read = store->statements[STATEMENT_READ_JOURNAL];
  guint rows = 0;

  /* A row holds a pass: far below a round. What is in memory here is bounded by the larger of both. */
  while (rows < ROUND_ROWS && octets->len < ROUND_OCTETS && sqlite3_step (read) == SQLITE_ROW)
    {
      *ret_last_row = sqlite3_column_int64 (read, 0);
      g_byte_array_append (octets, sqlite3_column_blob (read, 1), (guint)sqlite3_column_bytes (read, 1));
      rows++;
    }
  sqlite3_reset (read);
  return rows;
}

/* FALSE: the journal is empty. */
static gboolean
begin_round (HadStore *store)
{
  Round *round = &store->round;
  WireReader reader;
  HadChange change;

  round->octets = g_byte_array_new ();
  if (read_journal (store, round->octets, &round->last_row) == 0)
    {
      store->n_journal = 0;
      end_round (store);
      return FALSE;
    }
  round->changes = g_array_new (FALSE, FALSE, sizeof (HadChange));
  wire_reader_init (&reader, round->octets->data, round->octets->len);
  while (wire_reader_left (&reader) > 0 && had_change_read (&reader, &change))
    g_array_append_val (round->changes, change);
  if (!wire_reader_at_end (&reader))
    g_warning ("%s: the journal has an unreadable part; nodes may have to register again", store->path);
  round->n_changes = round->changes->len;
  round->changes = had_changes_newest (round->changes);
  return TRUE;
}

static gboolean
apply (HadStore *store, const HadChange *change)
{
  gboolean put = change->record != NULL, done;
  Statement statement = change->name == NULL ? (put ? STATEMENT_PUT_BINDING : STATEMENT_REMOVE_BINDING)
                                             : (put ? STATEMENT_PUT_NODE : STATEMENT_REMOVE_NODE);
  sqlite3_stmt *prepared = store->statements[statement];

  if (change->name == NULL)
    sqlite3_bind_int64 (prepared, 1, (gint64)change->addresses);
  else
    sqlite3_bind_text (prepared, 1, change->name, (int)change->name_length, SQLITE_STATIC);
  if (put)
    sqlite3_bind_blob64 (prepared, 2, change->record, change->length, SQLITE_STATIC);
  done = run (store, statement);
  sqlite3_clear_bindings (prepared);
  return done;
}

/* The next rows of the round; behind the last of them the journal's part goes with the same transaction. */
static gboolean
apply_slice (HadStore *store)
{
  Round *round = &store->round;
  guint end = MIN (round->done + SLICE, round->changes->len);

  if (!run (store, STATEMENT_BEGIN))
    return FALSE;
  while (round->done < end && apply (store, &g_array_index (round->changes, HadChange, round->done)))
    round->done++;
  if (round->done < end)
    return FALSE;
  if (end < round->changes->len)
    return run (store, STATEMENT_COMMIT);
  sqlite3_bind_int64 (store->statements[STATEMENT_FORGET_JOURNAL], 1, round->last_row);
  return run (store, STATEMENT_FORGET_JOURNAL) && run (store, STATEMENT_COMMIT);
}

gboolean
had_store_fold (HadStore *store)
{
  Round *round = &store->round;

  if (round->changes == NULL)
    return begin_round (store);
  if (!apply_slice (store))
    {
      /* The journal still has it all: again from its beginning, at another time. */
      sqlite3_exec (store->db, "ROLLBACK", NULL, NULL, NULL);
      end_round (store);
      return FALSE;
    }
  if (round->done == round->changes->len)
    {
      store->folded += round->n_changes;
      store->n_journal -= MIN (store->n_journal, round->n_changes);
      end_round (store);
    }
  return TRUE;
}

/* -------------------------------------------------------------------- reading ---- */

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

  had_store_commit (store);
  while (had_store_fold (store))
    ;
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
make_schema (HadStore *store, const char *statements)
{
  return sqlite3_exec (store->db, statements, NULL, NULL, NULL) == SQLITE_OK;
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
  if (version == 0 && make_schema (store, "BEGIN;" STATE_STATEMENTS JOURNAL_STATEMENTS "COMMIT;"))
    return TRUE;
  /* Version 1 had no journal. */
  if (version == 1 && make_schema (store, "BEGIN;" JOURNAL_STATEMENTS "COMMIT;"))
    return TRUE;
  if (version == SCHEMA_VERSION)
    return TRUE;
  if (version <= 1)
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
    [STATEMENT_APPEND] = "INSERT INTO journal (changes) VALUES (?1)",
    [STATEMENT_READ_JOURNAL] = "SELECT number, changes FROM journal ORDER BY number",
    [STATEMENT_FORGET_JOURNAL] = "DELETE FROM journal WHERE number <= ?1",
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
  end_round (store);
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
    { "store-rows-written", store->written },  { "store-commits", store->commits },
    { "store-changes-folded", store->folded }, { "store-changes-in-journal", store->n_journal },
    { "store-failures", store->failures },
  };

  for (guint i = 0; i < G_N_ELEMENTS (rows); i++)
    g_hash_table_insert (counters, g_strdup (rows[i].name), g_memdup2 (&rows[i].value, sizeof (guint64)));
}
