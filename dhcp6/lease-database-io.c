/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "dhcp6/lease-database-io.h"

#include "dhcp6/kea-leases.h"

#include <gio/gio.h>
#include <string.h>
#include <sys/socket.h>

/* Octets of rows handed over at once: some hundred, a millisecond or two of the loop's time. */
#define BATCH_SIZE (64u * 1024u)
/* Batches that wait for the loop; beyond it the thread reads no more from the database. */
#define MAX_BATCHES 8u
#define LOOK_US G_USEC_PER_SEC
/* A table that changes all the time is read for a fifth of the time at most. */
#define REST_FACTOR 4
/* Without success the database is tried again after this. */
#define RETRY_US (5 * G_USEC_PER_SEC)
/* Of a store that was replaced, freed in one turn: a million leases at once would be a pause that is felt. */
#define FREED_A_TURN 10000u
/* Bad rows of one load that are told one by one. */
#define TOLD_ROWS 10u

typedef enum
{
  WORD_BEGIN,
  WORD_ROWS,
  WORD_END,
  WORD_FAILED,
} WordType;

/* From the thread to the loop. */
typedef struct
{
  WordType type;
  GString *text; /* ROWS: lines; FAILED: why */
} Word;

struct _LeaseDatabaseIo
{
  LeaseDatabaseIoConfig config;
  char *connection;
  GThread *thread;
  GAsyncQueue *words;

  GMutex mutex; /* of what follows */
  GCond changed;
  guint n_batches;
  gboolean stopping, stale;
  gpointer database; /* the thread's, but for its socket; NULL: not open */

  /* the loop's */
  LeaseStore *store;   /* NULL: the database cannot be read */
  LeaseStore *loading; /* a store on its way; NULL: none */
  LeaseStore *old;     /* the one before; on its way out */
  KeaLeases *columns;
  gint64 began_us;
  guint turn, told;
  gboolean failed;
  LeaseDatabaseIoCounters counters;
};

static void
word_free (gpointer data)
{
  Word *word = data;

  if (word->text != NULL)
    g_string_free (word->text, TRUE);
  g_free (word);
}

void
lease_database_append_duid (GString *out, const guint8 *data, gsize length)
{
  static const char digits[] = "0123456789abcdef";

  for (gsize i = 0; i < length; i++)
    {
      if (i > 0)
        g_string_append_c (out, ':');
      g_string_append_c (out, digits[data[i] >> 4]);
      g_string_append_c (out, digits[data[i] & 15]);
    }
}

void
lease_database_append_text (GString *out, const char *text, gsize length)
{
  for (gsize i = 0; i < length; i++)
    if (text[i] == ',' || text[i] == '&' || text[i] < 0x20 || text[i] > 0x7e) /* LQ-KEA-003 */
      g_string_append_printf (out, "&#x%02x", (guint8)text[i]);
    else
      g_string_append_c (out, text[i]);
}

/* --------------------------------------------------------------- the thread ---- */

static gboolean on_words (gpointer user_data);

static gboolean
is_stopping (LeaseDatabaseIo *io)
{
  gboolean stopping;

  g_mutex_lock (&io->mutex);
  stopping = io->stopping;
  g_mutex_unlock (&io->mutex);
  return stopping;
}

/* Takes @text. Waits while the loop has enough to do. FALSE: there is an end to it. */
static gboolean
say (LeaseDatabaseIo *io, WordType type, GString *text)
{
  Word *word = g_new0 (Word, 1);
  gboolean stopping;

  word->type = type;
  word->text = text;
  g_mutex_lock (&io->mutex);
  while (type == WORD_ROWS && io->n_batches >= MAX_BATCHES && !io->stopping)
    g_cond_wait (&io->changed, &io->mutex);
  io->n_batches += type == WORD_ROWS;
  stopping = io->stopping;
  g_mutex_unlock (&io->mutex);
  g_async_queue_push (io->words, word);
  g_idle_add_full (G_PRIORITY_DEFAULT, on_words, io, NULL);
  return !stopping;
}

/* FALSE: @error, or the end is near. */
static gboolean
read_table (LeaseDatabaseIo *io, gpointer database, GError **error)
{
  const LeaseDatabase *kind = io->config.database;
  GString *batch = NULL;
  int more = 1;

  if (!kind->select (database, error) || !say (io, WORD_BEGIN, NULL))
    return FALSE;
  while (more > 0)
    {
      if (batch == NULL)
        batch = g_string_sized_new (BATCH_SIZE + 1024);
      more = kind->append_row (database, batch, error);
      if ((more > 0 && batch->len < BATCH_SIZE) || more < 0)
        continue;
      if (!say (io, WORD_ROWS, g_steal_pointer (&batch)))
        return FALSE;
    }
  if (batch != NULL)
    g_string_free (batch, TRUE);
  return more == 0 && say (io, WORD_END, NULL);
}

/* Until @us have passed, or there is a word from the loop. */
static void
rest (LeaseDatabaseIo *io, gint64 us)
{
  gint64 until = g_get_monotonic_time () + us;

  g_mutex_lock (&io->mutex);
  while (!io->stopping && !io->stale && g_cond_wait_until (&io->changed, &io->mutex, until))
    ;
  g_mutex_unlock (&io->mutex);
}

static gboolean
take_stale (LeaseDatabaseIo *io)
{
  gboolean stale;

  g_mutex_lock (&io->mutex);
  stale = io->stale;
  io->stale = FALSE;
  g_mutex_unlock (&io->mutex);
  return stale;
}

/* One look. How long to rest then, in microseconds; -1: @error. */
static gint64
look (LeaseDatabaseIo *io, gpointer database, char **version, GError **error)
{
  g_autofree char *now = io->config.database->dup_version (database, error);
  gboolean stale = take_stale (io);
  gint64 began_us = g_get_monotonic_time ();

  if (now == NULL)
    return -1;
  if (!stale && g_strcmp0 (now, *version) == 0)
    return LOOK_US;
  if (!read_table (io, database, error))
    return -1;
  g_free (*version);
  *version = g_steal_pointer (&now);
  return MAX (LOOK_US, REST_FACTOR * (g_get_monotonic_time () - began_us));
}

static gboolean
open_database (LeaseDatabaseIo *io, GError **error)
{
  gpointer database = io->database != NULL ? NULL : io->config.database->open (io->connection, error);

  if (database == NULL)
    return io->database != NULL;
  g_mutex_lock (&io->mutex);
  io->database = database;
  g_mutex_unlock (&io->mutex);
  return TRUE;
}

static void
close_database (LeaseDatabaseIo *io)
{
  gpointer database;

  g_mutex_lock (&io->mutex);
  database = g_steal_pointer (&io->database);
  g_mutex_unlock (&io->mutex);
  if (database != NULL)
    io->config.database->close (database);
}

static gpointer
work (gpointer user_data)
{
  LeaseDatabaseIo *io = user_data;
  g_autofree char *version = NULL;

  while (!is_stopping (io))
    {
      g_autoptr (GError) error = NULL;
      gint64 wait_us = -1;

      if (open_database (io, &error) && !is_stopping (io))
        wait_us = look (io, io->database, &version, &error);
      if (wait_us < 0 && !is_stopping (io))
        {
          say (io, WORD_FAILED, g_string_new (error != NULL ? error->message : "no reason given"));
          close_database (io);
          g_clear_pointer (&version, g_free);
          wait_us = RETRY_US;
        }
      rest (io, wait_us);
    }
  close_database (io);
  return NULL;
}

/* ---------------------------------------------------------------- the loop ---- */

static void
tell_bad_row (LeaseDatabaseIo *io, const char *reason)
{
  io->counters.bad_rows++;
  if (io->told++ < TOLD_ROWS)
    g_warning ("%s: row skipped: %s", io->config.database->name, reason);
  else if (io->told == TOLD_ROWS + 1)
    g_warning ("%s: more rows are skipped; they are counted", io->config.database->name);
}

static void
take_row (LeaseDatabaseIo *io, const char *line, gsize length)
{
  const char *reason = NULL;
  Lease lease;

  io->counters.rows++;
  switch (kea_leases_parse_row (io->columns, line, length, &lease, &reason))
    {
    case KEA_ROW_LEASE:
      if (!lease_store_put (io->loading, &lease))
        tell_bad_row (io, "a lease that cannot be");
      return;
    case KEA_ROW_REMOVE: /* of an address there is one row: it is not leased */
      return;
    case KEA_ROW_BAD:
      tell_bad_row (io, reason);
      return;
    }
}

static void
take_rows (LeaseDatabaseIo *io, const GString *text)
{
  const char *at = text->str, *end = text->str + text->len;

  while (io->loading != NULL && at < end)
    {
      const char *newline = memchr (at, '\n', (gsize)(end - at));
      gsize length = (gsize)((newline != NULL ? newline : end) - at);

      take_row (io, at, length);
      at += length + 1;
    }
  g_mutex_lock (&io->mutex);
  io->n_batches--;
  g_cond_signal (&io->changed);
  g_mutex_unlock (&io->mutex);
}

static void
begin_load (LeaseDatabaseIo *io)
{
  lease_store_unref (io->loading);
  io->loading = lease_store_new (&io->config.points);
  if (io->store != NULL)
    lease_store_reserve_like (io->loading, io->store);
  io->config.prepare (io->loading, io->config.user_data);
  io->began_us = g_get_monotonic_time ();
  io->told = 0;
}

static void
switch_over (LeaseDatabaseIo *io)
{
  g_clear_pointer (&io->old, lease_store_unref);
  io->old = io->store;
  io->store = g_steal_pointer (&io->loading);
  io->failed = FALSE;
  io->counters.loads++;
  io->counters.leases = lease_store_n_leases (io->store);
  io->counters.load_us = g_get_monotonic_time () - io->began_us;
  g_debug ("%s: %u leases read in %.1f s", io->config.database->name, io->counters.leases,
           (double)io->counters.load_us / 1e6);
  io->config.changed (io->store, io->config.user_data);
}

static void
fail (LeaseDatabaseIo *io, const char *problem)
{
  gboolean first = !io->failed;

  if (first)
    {
      g_warning ("%s cannot be read: %s; queries get an error until it can", io->config.database->name, problem);
      io->counters.failures++;
    }
  io->failed = TRUE;
  io->counters.leases = 0;
  g_clear_pointer (&io->loading, lease_store_unref);
  g_clear_pointer (&io->store, lease_store_unref);
  if (first)
    io->config.changed (NULL, io->config.user_data);
}

static void
take_word (LeaseDatabaseIo *io, const Word *word)
{
  switch (word->type)
    {
    case WORD_BEGIN:
      begin_load (io);
      return;
    case WORD_ROWS:
      take_rows (io, word->text);
      return;
    case WORD_END:
      switch_over (io);
      return;
    case WORD_FAILED:
      fail (io, word->text->str);
      return;
    }
}

static gboolean
on_free_old (gpointer user_data)
{
  LeaseDatabaseIo *io = user_data;

  if (!lease_store_unref_slowly (&io->old, FREED_A_TURN))
    return G_SOURCE_CONTINUE;
  io->turn = 0;
  return G_SOURCE_REMOVE;
}

/* One word in a turn of the loop; there is a source for each. */
static gboolean
on_words (gpointer user_data)
{
  LeaseDatabaseIo *io = user_data;
  Word *word = g_async_queue_try_pop (io->words);

  if (word == NULL) /* the first load takes them as they come */
    return G_SOURCE_REMOVE;
  take_word (io, word);
  word_free (word);
  if (io->old != NULL && io->turn == 0)
    io->turn = g_idle_add_full (G_PRIORITY_DEFAULT, on_free_old, io, NULL);
  return G_SOURCE_REMOVE;
}

static void
wait_for_first (LeaseDatabaseIo *io)
{
  gboolean over = FALSE;

  while (!over)
    {
      Word *word = g_async_queue_pop (io->words);

      over = word->type == WORD_END || word->type == WORD_FAILED;
      take_word (io, word);
      word_free (word);
    }
}

LeaseDatabaseIo *
lease_database_io_new (const LeaseDatabaseIoConfig *config)
{
  static const char header[] = LEASE_DATABASE_COLUMNS;
  LeaseDatabaseIo *io = g_new0 (LeaseDatabaseIo, 1);
  g_autofree char *problem = NULL;

  io->config = *config;
  io->config.connection = io->connection = g_strdup (config->connection);
  io->columns = kea_leases_new (header, strlen (header), &config->points, &problem);
  io->words = g_async_queue_new_full (word_free);
  g_mutex_init (&io->mutex);
  g_cond_init (&io->changed);
  io->thread = g_thread_new ("leases", work, io);
  wait_for_first (io);
  return io;
}

void
lease_database_io_free (LeaseDatabaseIo *io)
{
  if (io == NULL)
    return;
  g_mutex_lock (&io->mutex);
  io->stopping = TRUE;
  g_cond_signal (&io->changed);
  /* A table may be locked for minutes. What is still to be sent, the good-bye, goes out. */
  if (io->database != NULL)
    shutdown (io->config.database->get_socket (io->database), SHUT_RD);
  g_mutex_unlock (&io->mutex);
  g_thread_join (io->thread);
  g_clear_handle_id (&io->turn, g_source_remove);
  while (g_source_remove_by_user_data (io))
    ;
  g_async_queue_unref (io->words);
  kea_leases_free (io->columns);
  lease_store_unref (io->store);
  lease_store_unref (io->loading);
  lease_store_unref (io->old);
  g_mutex_clear (&io->mutex);
  g_cond_clear (&io->changed);
  g_free (io->connection);
  g_free (io);
}

void
lease_database_io_reload (LeaseDatabaseIo *io)
{
  g_mutex_lock (&io->mutex);
  io->stale = TRUE;
  g_cond_signal (&io->changed);
  g_mutex_unlock (&io->mutex);
}

void
lease_database_io_get_counters (const LeaseDatabaseIo *io, LeaseDatabaseIoCounters *ret_counters)
{
  *ret_counters = io->counters;
  ret_counters->loading = io->loading != NULL;
}
