/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "dhcp6/kea-leases-io.h"

#include "dhcp6/kea-leases.h"

#include <errno.h>
#include <fcntl.h>
#include <gio/gio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* Octets taken in one turn of the loop: some hundred rows, a millisecond or two for those who ask meanwhile. */
#define CHUNK (64u * 1024u)
/* A row: user context included, Kea's are a few hundred octets. A longer one is no row. */
#define MAX_LINE (64u * 1024u)
/* Without news of inotify (a network file system, a lost event) the file is looked at this often. */
#define LOOK_MS 1000
/* The cleanup renames the file before Kea makes a new one: its absence is not told before this. */
#define ABSENCE_US (2 * G_USEC_PER_SEC)
/* Of a store that was replaced, freed in one turn: a million leases at once would be a pause that is felt. */
#define FREED_A_TURN 10000u
/* Bad rows of one load that are told one by one. */
#define TOLD_ROWS 10u
/* At the start a cleanup that is at work is waited for by beginning again this often. */
#define FIRST_TRIES 10u

/* What the cleanup leaves beside FILE, in the order of reading (LQ-KEA-009). */
enum
{
  OTHER_COMPLETED,
  OTHER_2,
  OTHER_1,
  N_OTHERS,
};
static const char *const suffixes[N_OTHERS] = { ".completed", ".2", ".1" };

/* Tells one file from another that took its name. */
typedef struct
{
  gboolean there;
  dev_t device;
  ino_t inode;
  off_t size;
} Identity;

typedef struct
{
  int fd; /* -1: not open */
  Identity identity;
  off_t offset;
  GByteArray *line; /* the beginning of one whose end is not there yet */
  gboolean overlong;
  guint64 number; /* of the line */
  KeaLeases *columns;
  char *problem; /* with the line that names the columns: this is no lease file */
} Reader;

/* A store on its way; queries are answered from the old one meanwhile. */
typedef struct
{
  LeaseStore *store;
  guint stage; /* of the others; N_OTHERS: FILE itself */
  Identity others[N_OTHERS];
  Reader reader; /* of the stage's file */
  gint64 began_us;
} Load;

struct _KeaLeasesIo
{
  char *file;
  KeaLeasesIoConfig config;
  LeaseStore *store; /* NULL: the file cannot be read */
  LeaseStore *old;   /* the one before; on its way out */
  Reader reader;     /* of the file that grows */
  Load *load;        /* NULL: none under way */
  guint8 *buffer;
  GFileMonitor *monitor;
  guint look, turn;
  guint told;
  gint64 absent_since_us;
  gboolean failed;
  KeaLeasesIoCounters counters;
};

/* ------------------------------------------------------------------- files ---- */

static Identity
identity_of (const struct stat *status)
{
  return (Identity){ TRUE, status->st_dev, status->st_ino, status->st_size };
}

static Identity
identify (const char *file)
{
  struct stat status;

  return stat (file, &status) < 0 ? (Identity){ 0 } : identity_of (&status);
}

static gboolean
is_same_file (const Identity *a, const Identity *b)
{
  return a->there == b->there && a->device == b->device && a->inode == b->inode;
}

static void
reader_clear (Reader *reader)
{
  if (reader->fd >= 0)
    close (reader->fd);
  g_clear_pointer (&reader->line, g_byte_array_unref);
  g_clear_pointer (&reader->columns, kea_leases_free);
  g_clear_pointer (&reader->problem, g_free);
  *reader = (Reader){ .fd = -1 };
}

/* FALSE: errno. */
static gboolean
reader_open (Reader *reader, const char *file)
{
  struct stat status;

  reader_clear (reader);
  /* Not waiting: a pipe of that name must not stop the server. */
  reader->fd = open (file, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
  if (reader->fd < 0 || fstat (reader->fd, &status) < 0)
    return FALSE;
  if (!S_ISREG (status.st_mode))
    {
      errno = EINVAL;
      return FALSE;
    }
  reader->identity = identity_of (&status);
  reader->line = g_byte_array_new ();
  return TRUE;
}

static void
tell_bad_row (KeaLeasesIo *io, guint64 number, const char *reason)
{
  io->counters.bad_rows++;
  if (io->told++ < TOLD_ROWS)
    g_warning ("%s: line %" G_GUINT64_FORMAT ": row skipped: %s", io->file, number, reason);
  else if (io->told == TOLD_ROWS + 1)
    g_warning ("%s: more rows are skipped; they are counted", io->file);
}

static void
take_line (KeaLeasesIo *io, Reader *reader, LeaseStore *store, const char *line, gsize length)
{
  const char *reason = NULL;
  Lease lease;

  reader->number++;
  if (length > 0 && line[length - 1] == '\r')
    length--;
  if (reader->columns == NULL)
    {
      if (reader->problem == NULL)
        reader->columns = kea_leases_new (line, length, &io->config.points, &reader->problem);
      return;
    }
  if (length == 0)
    return;
  io->counters.rows++;
  switch (kea_leases_parse_row (reader->columns, line, length, &lease, &reason))
    {
    case KEA_ROW_LEASE:
      if (!lease_store_put (store, &lease))
        tell_bad_row (io, reader->number, "a lease that cannot be");
      return;
    case KEA_ROW_REMOVE:
      lease_store_remove (store, &lease.address);
      return;
    case KEA_ROW_BAD:
      tell_bad_row (io, reader->number, reason);
      return;
    }
}

/* The end of a line that came in bits. */
static void
end_line (KeaLeasesIo *io, Reader *reader, LeaseStore *store)
{
  if (reader->overlong)
    tell_bad_row (io, ++reader->number, "a line too long for a row");
  else
    take_line (io, reader, store, (const char *)reader->line->data, reader->line->len);
  g_byte_array_set_size (reader->line, 0);
  reader->overlong = FALSE;
}

/* Lines of @data; the rest waits for its end (LQ-KEA-010). */
static void
take_octets (KeaLeasesIo *io, Reader *reader, LeaseStore *store, const guint8 *data, gsize length)
{
  for (;;)
    {
      const guint8 *end = memchr (data, '\n', length);
      gsize n = end == NULL ? length : (gsize)(end - data);

      if (end != NULL && reader->line->len == 0 && !reader->overlong)
        take_line (io, reader, store, (const char *)data, n);
      else
        {
          if (reader->line->len + n > MAX_LINE)
            reader->overlong = TRUE;
          if (!reader->overlong)
            g_byte_array_append (reader->line, data, (guint)n);
          if (end != NULL)
            end_line (io, reader, store);
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
  READ_ERROR, /* errno */
} ReadResult;

static ReadResult
read_chunk (KeaLeasesIo *io, Reader *reader, LeaseStore *store)
{
  gssize n = pread (reader->fd, io->buffer, CHUNK, reader->offset);

  if (n < 0)
    return errno == EINTR ? READ_MORE : READ_ERROR;
  if (n == 0)
    return READ_END;
  reader->offset += n;
  take_octets (io, reader, store, io->buffer, (gsize)n);
  if (reader->problem == NULL)
    return READ_MORE;
  errno = EBADMSG;
  return READ_ERROR;
}

/* ----------------------------------------------------------------- loading ---- */

static void
load_free (Load *load)
{
  if (load == NULL)
    return;
  reader_clear (&load->reader);
  lease_store_unref (load->store);
  g_free (load);
}
G_DEFINE_AUTOPTR_CLEANUP_FUNC (Load, load_free)

static void
identify_others (const KeaLeasesIo *io, Identity others[N_OTHERS])
{
  for (guint i = 0; i < N_OTHERS; i++)
    {
      g_autofree char *file = g_strconcat (io->file, suffixes[i], NULL);

      others[i] = identify (file);
    }
}

static void
begin_load (KeaLeasesIo *io)
{
  load_free (io->load);
  io->load = g_new0 (Load, 1);
  io->load->reader.fd = -1;
  io->load->began_us = g_get_monotonic_time ();
  io->load->store = lease_store_new (&io->config.points);
  if (io->store != NULL)
    lease_store_reserve_like (io->load->store, io->store);
  io->told = 0;
  identify_others (io, io->load->others);
  io->config.prepare (io->load->store, io->config.user_data);
}

/* FILE.completed counts for FILE.2 and FILE.1, which the cleanup removes after it (LQ-KEA-009). */
static gboolean
is_to_be_read (const Load *load)
{
  if (load->stage == N_OTHERS)
    return TRUE;
  return load->others[load->stage].there && (load->stage == OTHER_COMPLETED || !load->others[OTHER_COMPLETED].there);
}

static gboolean
open_stage (const KeaLeasesIo *io, Load *load)
{
  g_autofree char *file = g_strconcat (io->file, load->stage < N_OTHERS ? suffixes[load->stage] : NULL, NULL);

  return reader_open (&load->reader, file);
}

/* The cleanup was at work while the files were read: something may have been passed over. */
static gboolean
is_torn (const KeaLeasesIo *io, const Load *load)
{
  Identity others[N_OTHERS], file = identify (io->file);

  identify_others (io, others);
  for (guint i = 0; i < N_OTHERS; i++)
    if (!is_same_file (&others[i], &load->others[i]) || others[i].size != load->others[i].size)
      return TRUE;
  return !is_same_file (&file, &load->reader.identity);
}

typedef enum
{
  LOAD_MORE,
  LOAD_WHOLE,
  LOAD_TORN,   /* begin again */
  LOAD_FAILED, /* errno */
} LoadResult;

/* One chunk further. */
static LoadResult
advance_load (KeaLeasesIo *io)
{
  Load *load = io->load;

  while (!is_to_be_read (load))
    load->stage++;
  if (load->reader.fd < 0 && !open_stage (io, load))
    return errno == ENOENT && load->stage < N_OTHERS ? LOAD_TORN : LOAD_FAILED;
  switch (read_chunk (io, &load->reader, load->store))
    {
    case READ_MORE:
      return LOAD_MORE;
    case READ_ERROR:
      return LOAD_FAILED;
    case READ_END:
      break;
    }
  if (load->stage == N_OTHERS)
    return is_torn (io, load) ? LOAD_TORN : LOAD_WHOLE;
  reader_clear (&load->reader);
  load->stage++;
  return LOAD_MORE;
}

static gboolean on_turn (gpointer user_data);

static void
arm_turn (KeaLeasesIo *io)
{
  /* Not at idle priority: many queries must not keep a store old for ever. */
  if (io->turn == 0)
    io->turn = g_idle_add_full (G_PRIORITY_DEFAULT, on_turn, io, NULL);
}

static void
fail (KeaLeasesIo *io, int code)
{
  const char *problem = io->load != NULL && io->load->reader.problem != NULL ? io->load->reader.problem : NULL;
  gboolean first = !io->failed;

  if (first)
    {
      g_warning ("%s cannot be read: %s; queries get an error until it can", io->file,
                 problem != NULL ? problem : g_strerror (code));
      io->counters.failures++;
    }
  io->failed = TRUE;
  io->absent_since_us = 0;
  io->counters.leases = 0;
  g_clear_pointer (&io->load, load_free);
  g_clear_pointer (&io->store, lease_store_unref);
  reader_clear (&io->reader);
  if (first)
    io->config.changed (NULL, io->config.user_data);
}

/* The new store is whole: from now on it answers (LQ-KEA-010). */
static void
switch_over (KeaLeasesIo *io)
{
  g_autoptr (Load) load = g_steal_pointer (&io->load);

  reader_clear (&io->reader);
  io->reader = load->reader;
  load->reader = (Reader){ .fd = -1 };
  g_clear_pointer (&io->old, lease_store_unref);
  io->old = io->store;
  io->store = g_steal_pointer (&load->store);
  io->failed = FALSE;
  io->absent_since_us = 0;
  io->counters.loads++;
  io->counters.leases = lease_store_n_leases (io->store);
  io->counters.load_us = g_get_monotonic_time () - load->began_us;
  g_message ("%s: %u leases read in %.1f s", io->file, io->counters.leases, (double)io->counters.load_us / 1e6);
  io->config.changed (io->store, io->config.user_data);
  arm_turn (io);
}

/* FILE is away since less than a moment, and an older store is there to answer. */
static gboolean
is_briefly_absent (KeaLeasesIo *io)
{
  gint64 now_us = g_get_monotonic_time ();

  if (io->store == NULL)
    return FALSE;
  if (io->absent_since_us == 0)
    io->absent_since_us = now_us;
  return now_us - io->absent_since_us < ABSENCE_US;
}

/* One chunk of the load that is under way. */
static void
continue_load (KeaLeasesIo *io)
{
  switch (advance_load (io))
    {
    case LOAD_MORE:
      arm_turn (io);
      return;
    case LOAD_WHOLE:
      switch_over (io);
      return;
    case LOAD_TORN: /* next look */
      g_clear_pointer (&io->load, load_free);
      return;
    case LOAD_FAILED:
      if (errno == ENOENT && is_briefly_absent (io))
        g_clear_pointer (&io->load, load_free);
      else
        fail (io, errno);
      return;
    }
}

static void
load_first (KeaLeasesIo *io)
{
  LoadResult result = LOAD_TORN;

  for (guint i = 0; i < FIRST_TRIES && result == LOAD_TORN; i++)
    {
      begin_load (io);
      do
        result = advance_load (io);
      while (result == LOAD_MORE);
    }
  if (result == LOAD_WHOLE)
    switch_over (io);
  else
    fail (io, result == LOAD_TORN ? EAGAIN : errno);
}

/* --------------------------------------------------------------- following ---- */

/* Another file has the name, or this one was cut short; @ret_absent: none has it. */
static gboolean
is_replaced (const KeaLeasesIo *io, gboolean *ret_absent)
{
  Identity file = identify (io->file);

  *ret_absent = !file.there;
  return !is_same_file (&file, &io->reader.identity) || file.size < io->reader.offset;
}

/* One chunk of what was appended. */
static void
follow (KeaLeasesIo *io)
{
  if (io->config.growing != NULL)
    io->config.growing (io->config.user_data);
  switch (read_chunk (io, &io->reader, io->store))
    {
    case READ_MORE:
      io->counters.leases = lease_store_n_leases (io->store);
      if (io->config.grown != NULL)
        io->config.grown (io->config.user_data);
      arm_turn (io);
      return;
    case READ_END:
      return;
    case READ_ERROR:
      fail (io, errno);
      return;
    }
}

static void
look (KeaLeasesIo *io)
{
  gboolean absent = FALSE;

  if (io->load != NULL)
    {
      continue_load (io);
      return;
    }
  if (io->store == NULL)
    {
      begin_load (io);
      continue_load (io);
      return;
    }
  if (!is_replaced (io, &absent))
    {
      io->absent_since_us = 0;
      follow (io);
      return;
    }
  if (!absent)
    {
      begin_load (io);
      continue_load (io);
    }
  else if (!is_briefly_absent (io))
    fail (io, ENOENT);
}

static gboolean
on_turn (gpointer user_data)
{
  KeaLeasesIo *io = user_data;

  io->turn = 0;
  if (!lease_store_unref_slowly (&io->old, FREED_A_TURN))
    arm_turn (io);
  look (io);
  return G_SOURCE_REMOVE;
}

static gboolean
on_look (gpointer user_data)
{
  KeaLeasesIo *io = user_data;

  arm_turn (io);
  return G_SOURCE_CONTINUE;
}

static void
on_news (GFileMonitor *monitor, GFile *file, GFile *other, GFileMonitorEvent event, gpointer user_data)
{
  arm_turn (user_data);
}

KeaLeasesIo *
kea_leases_io_new (const KeaLeasesIoConfig *config)
{
  KeaLeasesIo *io = g_new0 (KeaLeasesIo, 1);
  g_autoptr (GFile) file = g_file_new_for_path (config->file);

  io->config = *config;
  io->config.file = io->file = g_strdup (config->file);
  io->buffer = g_malloc (CHUNK);
  io->reader.fd = -1;
  load_first (io);
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
    {
      g_signal_handlers_disconnect_by_data (io->monitor, io);
      g_file_monitor_cancel (io->monitor);
    }
  g_clear_object (&io->monitor);
  load_free (io->load);
  reader_clear (&io->reader);
  lease_store_unref (io->store);
  lease_store_unref (io->old);
  g_free (io->buffer);
  g_free (io->file);
  g_free (io);
}

void
kea_leases_io_reload (KeaLeasesIo *io)
{
  begin_load (io);
  arm_turn (io);
}

void
kea_leases_io_get_counters (const KeaLeasesIo *io, KeaLeasesIoCounters *ret_counters)
{
  *ret_counters = io->counters;
  ret_counters->loading = io->load != NULL;
}
