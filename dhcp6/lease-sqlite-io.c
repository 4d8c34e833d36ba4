/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "dhcp6/lease-sqlite-io.h"

#include <sqlite3.h>
#include <string.h>
#include <sys/stat.h>

/* Rows taken in one turn of the loop: a millisecond or two. */
#define ROWS_A_TURN 500u
#define LOOK_MS 1000
/* A database that changes all the time is read for a fifth of the time at most. */
#define REST_FACTOR 4
/* Of a store that was replaced, freed in one turn: a million leases at once would be a pause that is felt. */
#define FREED_A_TURN 10000u
/* Bad rows of one load that are told one by one. */
#define TOLD_ROWS 10u
/* The most that fits LQ_RELAY_DATA of a message. */
#define MAX_RELAY_DATA 65535

typedef enum
{
  COLUMN_ADDRESS,
  COLUMN_CLIENT_ID,
  COLUMN_IAID,
  COLUMN_SUBNET_ID,
  COLUMN_VALID,
  COLUMN_PREFERRED,
  COLUMN_CONTACT,
  COLUMN_PREFIX_LENGTH,
  COLUMN_RELAY_DATA,
  N_COLUMNS,
} Column;

/* From this one on a column may be left out. */
#define N_NEEDED COLUMN_PREFIX_LENGTH

static const char *const names[N_COLUMNS] = {
  "address", "client_id",     "iaid",       "subnet_id", "valid_lifetime", "preferred_lifetime",
  "contact", "prefix_length", "relay_data",
};

/* A store on its way. */
typedef struct
{
  LeaseStore *store;
  sqlite3_stmt *statement;
  int columns[N_COLUMNS]; /* index of each; -1: not there */
  gint64 version, began_us;
} Load;

struct _LeaseSqliteIo
{
  char *file, *statement;
  LeaseSqliteIoConfig config;
  sqlite3 *db; /* NULL: not open */
  dev_t device;
  ino_t inode;
  LeaseStore *store; /* NULL: the database cannot be read */
  LeaseStore *old;   /* the one before; on its way out */
  Load *load;
  gint64 version; /* of what is in the store */
  gint64 rest_until_us;
  gboolean failed, stale;
  guint look, turn, told;
  LeaseSqliteIoCounters counters;
};

static void
load_free (Load *load)
{
  if (load == NULL)
    return;
  sqlite3_finalize (load->statement);
  lease_store_unref (load->store);
  g_free (load);
}
G_DEFINE_AUTOPTR_CLEANUP_FUNC (Load, load_free)

/* -------------------------------------------------------------------- rows ---- */

static gboolean
read_number (const Load *load, Column column, gint64 max, gint64 *ret_value)
{
  gint64 value = sqlite3_column_int64 (load->statement, load->columns[column]);

  if (sqlite3_column_type (load->statement, load->columns[column]) != SQLITE_INTEGER || value < 0 || value > max)
    return FALSE;
  *ret_value = value;
  return TRUE;
}

/* A BLOB as it is; @ret_slice is absent for NULL and for a column that is not there. FALSE: of another type. */
static gboolean
read_blob (const Load *load, Column column, gsize max, Dhcp6Slice *ret_slice)
{
  int at = load->columns[column];
  int type = at < 0 ? SQLITE_NULL : sqlite3_column_type (load->statement, at);
  const guint8 *data;

  *ret_slice = (Dhcp6Slice){ 0 };
  if (type == SQLITE_NULL)
    return TRUE;
  if (type != SQLITE_BLOB)
    return FALSE;
  data = sqlite3_column_blob (load->statement, at);
  *ret_slice = (Dhcp6Slice){ data, (gsize)sqlite3_column_bytes (load->statement, at) };
  return data != NULL && ret_slice->length <= max;
}

/* As a BLOB or as hex digits; @ret_hex holds the octets of the latter. */
static gboolean
read_client_id (const Load *load, GBytes **ret_hex, Dhcp6Slice *ret_slice)
{
  int at = load->columns[COLUMN_CLIENT_ID];

  if (sqlite3_column_type (load->statement, at) != SQLITE_TEXT)
    return read_blob (load, COLUMN_CLIENT_ID, DHCP6_DUID_MAX, ret_slice);
  *ret_hex = dhcp6_parse_hex ((const char *)sqlite3_column_text (load->statement, at), DHCP6_DUID_MAX);
  if (*ret_hex == NULL)
    return FALSE;
  ret_slice->data = g_bytes_get_data (*ret_hex, &ret_slice->length);
  return TRUE;
}

static gboolean
read_prefix_length (const Load *load, Lease *lease)
{
  int at = load->columns[COLUMN_PREFIX_LENGTH];
  gint64 length = 128;

  lease->is_prefix = at >= 0 && sqlite3_column_type (load->statement, at) != SQLITE_NULL;
  if (lease->is_prefix && !read_number (load, COLUMN_PREFIX_LENGTH, 128, &length))
    return FALSE;
  lease->prefix_length = (guint8)length;
  return TRUE;
}

/* What is wrong with the row; NULL: it is in the store. */
static const char *
take_row (const Load *load)
{
  const char *address = (const char *)sqlite3_column_text (load->statement, load->columns[COLUMN_ADDRESS]);
  g_autoptr (GBytes) hex = NULL;
  Lease lease = { 0 };
  gint64 iaid, subnet_id, valid, preferred;

  if (address == NULL || !roam_addr_parse (address, &lease.address) || lease.address.family != ROAM_FAMILY_INET6)
    return "no IPv6 address";
  if (!read_number (load, COLUMN_IAID, G_MAXUINT32, &iaid) ||
      !read_number (load, COLUMN_SUBNET_ID, G_MAXUINT32, &subnet_id) ||
      !read_number (load, COLUMN_VALID, G_MAXUINT32, &valid) ||
      !read_number (load, COLUMN_PREFERRED, G_MAXUINT32, &preferred) ||
      !read_number (load, COLUMN_CONTACT, G_MAXINT64 / 2, &lease.contact) || !read_prefix_length (load, &lease))
    return "a number that is none, or too large";
  if (!read_client_id (load, &hex, &lease.client_id) || lease.client_id.data == NULL)
    return "a client_id that is no DUID";
  if (!read_blob (load, COLUMN_RELAY_DATA, MAX_RELAY_DATA, &lease.relay_data))
    return "relay_data that is no BLOB";
  lease.iaid = (guint32)iaid;
  lease.subnet_id = (guint32)subnet_id;
  lease.valid_s = (guint32)valid;
  lease.preferred_s = (guint32)preferred;
  return lease_store_put (load->store, &lease) ? NULL : "a lease that cannot be";
}

static void
tell_bad_row (LeaseSqliteIo *io, const char *reason)
{
  io->counters.bad_rows++;
  if (io->told++ < TOLD_ROWS)
    g_warning ("%s: row skipped: %s", io->file, reason);
  else if (io->told == TOLD_ROWS + 1)
    g_warning ("%s: more rows are skipped; they are counted", io->file);
}

/* ---------------------------------------------------------------- database ---- */

static void
close_db (LeaseSqliteIo *io)
{
  g_clear_pointer (&io->load, load_free);
  sqlite3_close (io->db);
  io->db = NULL;
}

/* FALSE: sqlite3_errmsg() of io->db, which may be NULL. */
static gboolean
open_db (LeaseSqliteIo *io)
{
  struct stat status;

  close_db (io);
  if (sqlite3_open_v2 (io->file, &io->db, SQLITE_OPEN_READONLY, NULL) != SQLITE_OK)
    return FALSE;
  if (stat (io->file, &status) == 0)
    {
      io->device = status.st_dev;
      io->inode = status.st_ino;
    }
  return TRUE;
}

static gboolean
is_replaced (const LeaseSqliteIo *io)
{
  struct stat status;

  return stat (io->file, &status) < 0 || status.st_dev != io->device || status.st_ino != io->inode;
}

/* Another connection's commit changes it. FALSE: busy, or an error. */
static gboolean
get_version (const LeaseSqliteIo *io, gint64 *ret_version)
{
  sqlite3_stmt *statement = NULL;
  gboolean good = sqlite3_prepare_v2 (io->db, "PRAGMA data_version", -1, &statement, NULL) == SQLITE_OK &&
                  sqlite3_step (statement) == SQLITE_ROW;

  if (good)
    *ret_version = sqlite3_column_int64 (statement, 0);
  sqlite3_finalize (statement);
  return good;
}

/* FALSE: a column that is needed is not there; @ret_missing names it. */
static gboolean
find_columns (Load *load, const char **ret_missing)
{
  for (guint column = 0; column < N_COLUMNS; column++)
    {
      load->columns[column] = -1;
      for (int i = 0; i < sqlite3_column_count (load->statement); i++)
        if (g_ascii_strcasecmp (sqlite3_column_name (load->statement, i), names[column]) == 0)
          load->columns[column] = i;
      if (load->columns[column] < 0 && column < N_NEEDED)
        {
          *ret_missing = names[column];
          return FALSE;
        }
    }
  return TRUE;
}

/* ----------------------------------------------------------------- loading ---- */

typedef enum
{
  LOAD_MORE,
  LOAD_WHOLE,
  LOAD_BUSY, /* a writer holds the database: at the next look */
  LOAD_FAILED,
} LoadResult;

static void
fail (LeaseSqliteIo *io, const char *problem)
{
  gboolean first = !io->failed;

  if (first)
    {
      g_warning ("%s cannot be read: %s; queries get an error until it can", io->file, problem);
      io->counters.failures++;
    }
  io->failed = TRUE;
  io->counters.leases = 0;
  close_db (io);
  g_clear_pointer (&io->store, lease_store_unref);
  if (first)
    io->config.changed (NULL, io->config.user_data);
}

static LoadResult
judge_error (LeaseSqliteIo *io, int code)
{
  if (code == SQLITE_BUSY || code == SQLITE_LOCKED)
    return LOAD_BUSY;
  fail (io, io->db != NULL ? sqlite3_errmsg (io->db) : sqlite3_errstr (code));
  return LOAD_FAILED;
}

static LoadResult
begin_load (LeaseSqliteIo *io)
{
  g_autoptr (Load) load = g_new0 (Load, 1);
  const char *missing = NULL;
  int code;

  if ((io->db == NULL || is_replaced (io)) && !open_db (io))
    return judge_error (io, SQLITE_CANTOPEN);
  if (!get_version (io, &load->version))
    return judge_error (io, sqlite3_errcode (io->db));
  code = sqlite3_prepare_v2 (io->db, io->statement, -1, &load->statement, NULL);
  if (code != SQLITE_OK)
    return judge_error (io, code);
  if (load->statement == NULL || !find_columns (load, &missing))
    {
      g_autofree char *problem = g_strdup_printf ("the statement gives no column '%s'", missing);

      fail (io, problem);
      return LOAD_FAILED;
    }
  load->store = lease_store_new (&io->config.points);
  if (io->store != NULL)
    lease_store_reserve_like (load->store, io->store);
  load->began_us = g_get_monotonic_time ();
  io->config.prepare (load->store, io->config.user_data);
  io->told = 0;
  load_free (io->load);
  io->load = g_steal_pointer (&load);
  return LOAD_MORE;
}

static LoadResult
advance_load (LeaseSqliteIo *io)
{
  for (guint i = 0; i < ROWS_A_TURN; i++)
    {
      int code = sqlite3_step (io->load->statement);
      const char *reason;

      if (code == SQLITE_DONE)
        return LOAD_WHOLE;
      if (code != SQLITE_ROW)
        return judge_error (io, code);
      io->counters.rows++;
      reason = take_row (io->load);
      if (reason != NULL)
        tell_bad_row (io, reason);
    }
  return LOAD_MORE;
}

static gboolean on_turn (gpointer user_data);

static void
arm_turn (LeaseSqliteIo *io)
{
  if (io->turn == 0)
    io->turn = g_idle_add_full (G_PRIORITY_DEFAULT, on_turn, io, NULL);
}

static void
switch_over (LeaseSqliteIo *io)
{
  g_autoptr (Load) load = g_steal_pointer (&io->load);
  gint64 now_us = g_get_monotonic_time ();

  g_clear_pointer (&io->old, lease_store_unref);
  io->old = io->store;
  io->store = g_steal_pointer (&load->store);
  io->version = load->version;
  io->failed = io->stale = FALSE;
  io->counters.loads++;
  io->counters.leases = lease_store_n_leases (io->store);
  io->counters.load_us = now_us - load->began_us;
  io->rest_until_us = now_us + REST_FACTOR * io->counters.load_us;
  g_debug ("%s: %u leases read in %.1f s", io->file, io->counters.leases, (double)io->counters.load_us / 1e6);
  io->config.changed (io->store, io->config.user_data);
  arm_turn (io);
}

static void
continue_load (LeaseSqliteIo *io, LoadResult result)
{
  if (result == LOAD_MORE && io->load != NULL)
    result = advance_load (io);
  switch (result)
    {
    case LOAD_MORE:
      arm_turn (io);
      return;
    case LOAD_WHOLE:
      switch_over (io);
      return;
    case LOAD_BUSY:
      g_clear_pointer (&io->load, load_free);
      return;
    case LOAD_FAILED:
      return;
    }
}

static gboolean
is_changed (const LeaseSqliteIo *io)
{
  gint64 version;

  return io->store == NULL || io->stale || io->db == NULL || is_replaced (io) ||
         (get_version (io, &version) && version != io->version);
}

static gboolean
on_turn (gpointer user_data)
{
  LeaseSqliteIo *io = user_data;

  io->turn = 0;
  if (!lease_store_unref_slowly (&io->old, FREED_A_TURN))
    arm_turn (io);
  if (io->load != NULL)
    continue_load (io, LOAD_MORE);
  return G_SOURCE_REMOVE;
}

static gboolean
on_look (gpointer user_data)
{
  LeaseSqliteIo *io = user_data;

  if (io->load == NULL && g_get_monotonic_time () >= io->rest_until_us && is_changed (io))
    continue_load (io, begin_load (io));
  return G_SOURCE_CONTINUE;
}

LeaseSqliteIo *
lease_sqlite_io_new (const LeaseSqliteIoConfig *config)
{
  LeaseSqliteIo *io = g_new0 (LeaseSqliteIo, 1);
  LoadResult result;

  io->config = *config;
  io->config.file = io->file = g_strdup (config->file);
  io->config.statement = io->statement = g_strdup (config->statement);
  result = begin_load (io);
  while (result == LOAD_MORE)
    result = advance_load (io);
  if (result == LOAD_WHOLE)
    switch_over (io);
  else if (result == LOAD_BUSY)
    fail (io, "it is locked");
  io->look = g_timeout_add (LOOK_MS, on_look, io);
  return io;
}

void
lease_sqlite_io_free (LeaseSqliteIo *io)
{
  if (io == NULL)
    return;
  g_clear_handle_id (&io->look, g_source_remove);
  g_clear_handle_id (&io->turn, g_source_remove);
  close_db (io);
  lease_store_unref (io->store);
  lease_store_unref (io->old);
  g_free (io->file);
  g_free (io->statement);
  g_free (io);
}

void
lease_sqlite_io_reload (LeaseSqliteIo *io)
{
  io->stale = TRUE;
  io->rest_until_us = 0;
  g_clear_pointer (&io->load, load_free);
  continue_load (io, begin_load (io));
}

void
lease_sqlite_io_get_counters (const LeaseSqliteIo *io, LeaseSqliteIoCounters *ret_counters)
{
  *ret_counters = io->counters;
  ret_counters->loading = io->load != NULL;
}
