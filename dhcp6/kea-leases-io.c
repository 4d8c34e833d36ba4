/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "dhcp6/kea-leases-io.h"

#include "dhcp6/kea-leases.h"

#include <errno.h>
#include <fcntl.h>
#include <gio/gio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* Octets read at once. */
#define CHUNK (256u * 1024u)
/* A row: user context included, Kea's are a few hundred octets. A longer one is no row. */
#define MAX_LINE (64u * 1024u)
/* Without news of inotify (a network file system, a lost event) the file is looked at this often. */
#define LOOK_MS 1000
/* What is appended is taken in bits, so that queries are answered meanwhile. */
#define CHUNKS_A_TURN 4u
/* Bad rows of one load that are told one by one. */
#define TOLD_ROWS 10u

typedef struct
{
  int fd; /* -1: not open */
  dev_t device;
  ino_t inode;
  off_t offset;
  GByteArray *line; /* the beginning of one whose end is not there yet */
  gboolean overlong;
  guint64 number; /* of the line */
  KeaLeases *columns;
} Reader;

struct _KeaLeasesIo
{
  char *file;
  KeaLeasesIoConfig config;
  LeaseStore *store; /* NULL: the file cannot be read */
  Reader reader;     /* of the file that grows */
  GFileMonitor *monitor;
  guint look, turn;
  guint told;
  gboolean failed;
  KeaLeasesIoCounters counters;
};

static void
reader_clear (Reader *reader)
{
  if (reader->fd >= 0)
    close (reader->fd);
  g_clear_pointer (&reader->line, g_byte_array_unref);
  g_clear_pointer (&reader->columns, kea_leases_free);
  *reader = (Reader){ .fd = -1 };
}

/* FALSE: errno. */
static gboolean
reader_open (Reader *reader, const char *file)
{
  struct stat status;

  reader_clear (reader);
  reader->fd = open (file, O_RDONLY | O_CLOEXEC | O_NOCTTY);
  if (reader->fd < 0 || fstat (reader->fd, &status) < 0)
    return FALSE;
  reader->device = status.st_dev;
  reader->inode = status.st_ino;
  reader->line = g_byte_array_new ();
  return TRUE;
}

static void
tell_bad_row (KeaLeasesIo *io, const char *file, guint64 number, const char *reason)
{
  io->counters.bad_rows++;
  if (io->told++ < TOLD_ROWS)
    g_warning ("%s:%" G_GUINT64_FORMAT ": row skipped: %s", file, number, reason);
  else if (io->told == TOLD_ROWS + 1)
    g_warning ("%s: more rows are skipped; they are counted", file);
}

static void
take_line (KeaLeasesIo *io, Reader *reader, LeaseStore *store, const char *file, const char *line, gsize length)
{
  const char *reason = NULL;
  Lease lease;

  reader->number++;
  if (length > 0 && line[length - 1] == '\r')
    length--;
  if (reader->columns == NULL)
    {
      g_autofree char *problem = NULL;

      reader->columns = kea_leases_new (line, length, &io->config.points, &problem);
      if (reader->columns == NULL)
        tell_bad_row (io, file, reader->number, problem);
      return;
    }
  if (length == 0)
    return;
  io->counters.rows++;
  switch (kea_leases_parse_row (reader->columns, line, length, &lease, &reason))
    {
    case KEA_ROW_LEASE:
      if (!lease_store_put (store, &lease))
        tell_bad_row (io, file, reader->number, "a lease that cannot be");
      return;
    case KEA_ROW_REMOVE:
      lease_store_remove (store, &lease.address);
      return;
    case KEA_ROW_BAD:
      tell_bad_row (io, file, reader->number, reason);
      return;
    }
}

/* Lines of @data; the rest waits for its end. */
static void
take_octets (KeaLeasesIo *io, Reader *reader, LeaseStore *store, const char *file, const guint8 *data, gsize length)
{
  while (length > 0)
    {
      const guint8 *end = memchr (data, '\n', length);
      gsize n = end == NULL ? length : (gsize)(end - data);

      if (end != NULL && reader->line->len == 0 && !reader->overlong)
        take_line (io, reader, store, file, (const char *)data, n);
      else
        {
          if (reader->line->len + n > MAX_LINE)
            reader->overlong = TRUE;
          if (!reader->overlong)
            g_byte_array_append (reader->line, data, (guint)n);
          if (end != NULL)
            {
              if (reader->overlong)
                tell_bad_row (io, file, ++reader->number, "a line too long for a row");
              else
                take_line (io, reader, store, file, (const char *)reader->line->data, reader->line->len);
              g_byte_array_set_size (reader->line, 0);
              reader->overlong = FALSE;
            }
        }
      if (end == NULL)
        return;
      data += n + 1;
      length -= n + 1;
    }
}

typedef enum
{
  READ_MORE,
  READ_END,
  READ_ERROR,
} ReadResult;

static ReadResult
read_chunk (KeaLeasesIo *io, Reader *reader, LeaseStore *store, const char *file)
{
  g_autofree guint8 *buffer = g_malloc (CHUNK);
  gssize n = pread (reader->fd, buffer, CHUNK, reader->offset);

  if (n < 0)
    return errno == EINTR ? READ_MORE : READ_ERROR;
  if (n == 0)
    return READ_END;
  reader->offset += n;
  take_octets (io, reader, store, file, buffer, (gsize)n);
  return READ_MORE;
}

/* All of @file into @store. FALSE: errno (ENOENT is the caller's to judge). */
static gboolean
read_whole (KeaLeasesIo *io, Reader *reader, LeaseStore *store, const char *file)
{
  ReadResult result;

  if (!reader_open (reader, file))
    return FALSE;
  do
    result = read_chunk (io, reader, store, file);
  while (result == READ_MORE);
  return result == READ_END;
}

/* A file of the cleanup's; one that is not there is none. FALSE: errno. */
static gboolean
read_other (KeaLeasesIo *io, LeaseStore *store, const char *suffix, gboolean *ret_there)
{
  g_autofree char *file = g_strconcat (io->file, suffix, NULL);
  Reader reader = { .fd = -1 };
  gboolean good = read_whole (io, &reader, store, file);
  int code = errno;

  *ret_there = good;
  reader_clear (&reader);
  errno = code;
  return good || code == ENOENT;
}

/* FILE.completed, else FILE.2 and FILE.1, then FILE: as Kea itself does after a crash (LQ-KEA-009). */
static gboolean
read_all (KeaLeasesIo *io, LeaseStore *store)
{
  gboolean there = FALSE;

  if (!read_other (io, store, ".completed", &there))
    return FALSE;
  if (!there && (!read_other (io, store, ".2", &there) || !read_other (io, store, ".1", &there)))
    return FALSE;
  return read_whole (io, &io->reader, store, io->file);
}

static void
load (KeaLeasesIo *io)
{
  g_autoptr (LeaseStore) store = lease_store_new (&io->config.points);
  gint64 began = g_get_monotonic_time ();

  io->told = 0;
  io->config.prepare (store, io->config.user_data);
  g_clear_pointer (&io->store, lease_store_unref);
  if (!read_all (io, store))
    {
      if (!io->failed)
        g_warning ("%s cannot be read: %s; queries get an error until it can", io->file, g_strerror (errno));
      io->failed = TRUE;
      io->counters.failures++;
      io->counters.leases = 0;
      reader_clear (&io->reader);
      io->config.changed (NULL, io->config.user_data);
      return;
    }
  io->failed = FALSE;
  io->store = g_steal_pointer (&store);
  io->counters.loads++;
  io->counters.leases = lease_store_n_leases (io->store);
  io->counters.load_us = g_get_monotonic_time () - began;
  g_message ("%s: %u leases read in %.1f s", io->file, io->counters.leases, (double)io->counters.load_us / 1e6);
  io->config.changed (io->store, io->config.user_data);
}

/* Another file has the name, or this one was cut short. */
static gboolean
is_replaced (const KeaLeasesIo *io)
{
  struct stat status;

  if (io->reader.fd < 0 || stat (io->file, &status) < 0)
    return TRUE;
  return status.st_ino != io->reader.inode || status.st_dev != io->reader.device || status.st_size < io->reader.offset;
}

static gboolean on_turn (gpointer user_data);

static void
look (KeaLeasesIo *io)
{
  ReadResult result = READ_MORE;

  if (io->store == NULL || is_replaced (io))
    {
      load (io);
      return;
    }
  for (guint i = 0; i < CHUNKS_A_TURN && result == READ_MORE; i++)
    result = read_chunk (io, &io->reader, io->store, io->file);
  io->counters.leases = lease_store_n_leases (io->store);
  if (result == READ_ERROR)
    load (io);
  else if (result == READ_MORE && io->turn == 0)
    io->turn = g_idle_add (on_turn, io);
}

static gboolean
on_turn (gpointer user_data)
{
  KeaLeasesIo *io = user_data;

  io->turn = 0;
  look (io);
  return G_SOURCE_REMOVE;
}

static gboolean
on_look (gpointer user_data)
{
  look (user_data);
  return G_SOURCE_CONTINUE;
}

static void
on_news (GFileMonitor *monitor, GFile *file, GFile *other, GFileMonitorEvent event, gpointer user_data)
{
  KeaLeasesIo *io = user_data;

  if (io->turn == 0)
    io->turn = g_idle_add (on_turn, io);
}

KeaLeasesIo *
kea_leases_io_new (const KeaLeasesIoConfig *config)
{
  KeaLeasesIo *io = g_new0 (KeaLeasesIo, 1);
  g_autoptr (GFile) file = g_file_new_for_path (config->file);

  io->config = *config;
  io->file = g_strdup (config->file);
  io->reader.fd = -1;
  load (io);
  io->monitor = g_file_monitor_file (file, G_FILE_MONITOR_WATCH_MOVES, NULL, NULL);
  if (io->monitor != NULL)
    {
      g_file_monitor_set_rate_limit (io->monitor, 0);
      g_signal_connect (io->monitor, "changed", G_CALLBACK (on_news), io);
    }
  io->look = g_timeout_add (LOOK_MS, on_look, io);
  return io;
}

void
kea_leases_io_free (KeaLeasesIo *io)
{
  if (io == NULL)
    return;
  g_clear_handle_id (&io->look, g_source_remove);
  g_clear_handle_id (&io->turn, g_source_remove);
  if (io->monitor != NULL)
    g_file_monitor_cancel (io->monitor);
  g_clear_object (&io->monitor);
  reader_clear (&io->reader);
  lease_store_unref (io->store);
  g_free (io->file);
  g_free (io);
}

void
kea_leases_io_reload (KeaLeasesIo *io)
{
  load (io);
}

void
kea_leases_io_get_counters (const KeaLeasesIo *io, KeaLeasesIoCounters *ret_counters)
{
  *ret_counters = io->counters;
}
