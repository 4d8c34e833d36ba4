/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "mip4/had-io-private.h"
#include "mip4/had-journal-private.h"
#include "mip4/had-record-private.h"

#include <errno.h>
#include <glib/gstdio.h>
#include <signal.h>
#include <sqlite3.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

/* Records, pure; and the store on a real file. */

#define BOOT_US (1000 * ROAM_USEC_PER_SEC)
#define UNIX_US G_GINT64_CONSTANT (1763727000000000)

static HadRecord
sample (void)
{
  return (HadRecord){
    .replay = { .has_timestamp = TRUE,
                .has_nonce = TRUE,
                .timestamp = G_GUINT64_CONSTANT (0xecd1234500000001),
                .nonce = 7 },
    .nai = "alice@example.com",
    .has_binding = TRUE,
    .binding = { .peer = { roam_addr_from_u32 (0xc0a84d32), 45001 },
                 .registrar = roam_addr_from_u32 (0x0a020001),
                 .udp_tunnel = TRUE,
                 .half_bound = TRUE,
                 .reverse_tunnel = TRUE,
                 .co_located = TRUE,
                 .broadcast = TRUE,
                 .encapsulation = 4,
                 .service = 2,
                 .revocation = MIP4_HA_REVOKE_AGENT,
                 .keepalive_s = 110,
                 .lifetime_s = 300,
                 .spi = 0xc0a80001,
                 .accepted_us = BOOT_US - 10 * ROAM_USEC_PER_SEC,
                 .expiry_us = BOOT_US + 290 * ROAM_USEC_PER_SEC,
                 .identification = G_GUINT64_CONSTANT (0xecd1234500000000) },
  };
}

static void
test_record (void)
{
  const HadRecord record = sample ();
  g_autoptr (GBytes) octets = had_record_build (&record, BOOT_US, UNIX_US);
  gsize length;
  const guint8 *data = g_bytes_get_data (octets, &length);
  HadRecord parsed = { 0 };

  /* A minute later, after a reboot. */
  g_assert_true (had_record_parse (data, length, 5 * ROAM_USEC_PER_SEC, UNIX_US + 60 * ROAM_USEC_PER_SEC, &parsed));
  g_assert_cmpstr (parsed.nai, ==, "alice@example.com");
  g_assert_true (parsed.replay.has_timestamp && parsed.replay.has_nonce);
  g_assert_cmphex (parsed.replay.timestamp, ==, record.replay.timestamp);
  g_assert_cmpuint (parsed.replay.nonce, ==, 7);
  g_assert_cmpint (parsed.written_us, ==, UNIX_US);
  g_assert_cmpint (parsed.binding.expiry_us, ==, 235 * ROAM_USEC_PER_SEC);
  g_assert_cmpint (parsed.binding.accepted_us, ==, -65 * ROAM_USEC_PER_SEC);
  parsed.binding.expiry_us = record.binding.expiry_us;
  parsed.binding.accepted_us = record.binding.accepted_us;
  g_assert_true (roam_endpoint_equal (&parsed.binding.peer, &record.binding.peer));
  g_assert_true (roam_addr_equal (&parsed.binding.registrar, &record.binding.registrar));
  g_assert_true (parsed.binding.udp_tunnel && parsed.binding.half_bound && parsed.binding.reverse_tunnel &&
                 parsed.binding.co_located && parsed.binding.broadcast);
  g_assert_cmpuint (parsed.binding.encapsulation, ==, 4);
  g_assert_cmpuint (parsed.binding.service, ==, 2);
  g_assert_cmpint (parsed.binding.revocation, ==, MIP4_HA_REVOKE_AGENT);
  g_assert_cmpuint (parsed.binding.lifetime_s, ==, 300);
  g_assert_cmphex (parsed.binding.spi, ==, 0xc0a80001);
  g_assert_cmphex (parsed.binding.identification, ==, record.binding.identification);
}

static void
test_record_times (void)
{
  HadRecord record = sample (), parsed;
  g_autoptr (GBytes) octets = had_record_build (&record, BOOT_US, UNIX_US), endless = NULL;
  gsize length;
  const guint8 *data = g_bytes_get_data (octets, &length);

  /* The clock was set back by an hour meanwhile: no more than was granted, and not accepted in the future. */
  g_assert_true (had_record_parse (data, length, BOOT_US, UNIX_US - 3600 * ROAM_USEC_PER_SEC, &parsed));
  g_assert_cmpint (parsed.binding.expiry_us, ==, BOOT_US + 300 * ROAM_USEC_PER_SEC);
  g_assert_cmpint (parsed.binding.accepted_us, <=, BOOT_US);
  g_assert_true (had_record_parse (data, length, BOOT_US, UNIX_US + 291 * ROAM_USEC_PER_SEC, &parsed));
  g_assert_cmpint (parsed.binding.expiry_us, <, BOOT_US);
  record.binding.expiry_us = ROAM_NEVER;
  endless = had_record_build (&record, BOOT_US, UNIX_US);
  data = g_bytes_get_data (endless, &length);
  g_assert_true (had_record_parse (data, length, 0, UNIX_US * 2, &parsed));
  g_assert_cmpint (parsed.binding.expiry_us, ==, ROAM_NEVER);
}

static void
test_record_refuses (void)
{
  const HadRecord record = sample ();
  const HadRecord bare = { .replay = { .has_timestamp = TRUE, .timestamp = 9 } };
  g_autoptr (GBytes) octets = had_record_build (&record, BOOT_US, UNIX_US);
  g_autoptr (GBytes) short_octets = had_record_build (&bare, BOOT_US, UNIX_US);
  gsize length;
  const guint8 *data = g_bytes_get_data (octets, &length);
  g_autofree guint8 *copy = g_malloc0 (length + 1);
  HadRecord parsed = { .written_us = 99 };

  memcpy (copy, data, length);
  for (gsize n = 0; n < length; n++)
    g_assert_false (had_record_parse (copy, n, 0, 0, &parsed));
  g_assert_false (had_record_parse (copy, length + 1, 0, 0, &parsed));
  copy[0] = 2;
  g_assert_false (had_record_parse (copy, length, 0, 0, &parsed));
  g_assert_cmpint (parsed.written_us, ==, 99);
  data = g_bytes_get_data (short_octets, &length);
  g_assert_true (had_record_parse (data, length, 0, 0, &parsed));
  g_assert_null (parsed.nai);
  g_assert_false (parsed.has_binding);
  g_assert_cmpuint (parsed.replay.timestamp, ==, 9);
}

/* ----------------------------------------------------------------------- store ---- */

typedef struct
{
  char *directory, *path;
  GString *seen;
} Fixture;

static void
set_up (Fixture *f, gconstpointer data)
{
  f->directory = g_dir_make_tmp ("roam-store-XXXXXX", NULL);
  f->path = g_build_filename (f->directory, "state.db", NULL);
  f->seen = g_string_new (NULL);
}

static void
remove_files (const Fixture *f)
{
  static const char *const ends[] = { "", "-wal", "-shm" };

  for (guint i = 0; i < G_N_ELEMENTS (ends); i++)
    {
      g_autofree char *path = g_strconcat (f->path, ends[i], NULL);

      g_unlink (path);
    }
}

static void
tear_down (Fixture *f, gconstpointer data)
{
  remove_files (f);
  g_rmdir (f->directory);
  g_free (f->directory);
  g_free (f->path);
  g_string_free (f->seen, TRUE);
}

static void
see_binding (const RoamAddr *home_address, const RoamAddr *care_of, const guint8 *record, gsize length, gpointer data)
{
  char a[ROAM_ADDR_STRLEN], b[ROAM_ADDR_STRLEN];
  Fixture *f = data;

  g_string_append_printf (f->seen, "%s at %s: %.*s; ", roam_addr_to_string (home_address, a),
                          roam_addr_to_string (care_of, b), (int)length, (const char *)record);
}

static void
see_node (const char *name, const guint8 *record, gsize length, gpointer data)
{
  Fixture *f = data;

  g_string_append_printf (f->seen, "%s: %.*s; ", name, (int)length, (const char *)record);
}

static void
put (HadStore *store, guint32 home_address, guint32 care_of, const char *text)
{
  const RoamAddr home = roam_addr_from_u32 (home_address), at = roam_addr_from_u32 (care_of);
  g_autoptr (GBytes) record = g_bytes_new (text, strlen (text));

  had_store_put_binding (store, &home, &at, record);
}

static void
put_name (HadStore *store, const char *name, const char *text)
{
  g_autoptr (GBytes) record = g_bytes_new (text, strlen (text));

  had_store_put_node (store, name, record);
}

static const char *
load (Fixture *f, HadStore *store)
{
  g_string_truncate (f->seen, 0);
  had_store_load (store, see_binding, see_node, f);
  return f->seen->str;
}

static void
test_keeps (Fixture *f, gconstpointer data)
{
  const RoamAddr home = roam_addr_from_u32 (0xfffffffe), at = roam_addr_from_u32 (0x0a020033);
  g_autoptr (GError) error = NULL;
  g_autoptr (HadStore) store = had_store_new (f->path, &error);
  struct stat st;

  g_assert_no_error (error);
  g_assert_cmpint (stat (f->path, &st), ==, 0);
  g_assert_cmphex (st.st_mode & 07777, ==, 0600);
  put (store, 0x0a010064, 0x0a020032, "one");
  put (store, 0x0a010064, 0x0a020032, "two");
  put (store, 0x0a010064, 0x0a020033, "other");
  put (store, 0xfffffffe, 0x0a020033, "gone");
  put_name (store, "bob@example.com", "b");
  put_name (store, "10.1.0.9", "c");
  had_store_remove_node (store, "10.1.0.9");
  had_store_remove_binding (store, &home, &at);
  had_store_commit (store);
  g_assert_false (had_store_is_failing (store));
  /* As after kill -9: the file as it is, read by another. */
  put (store, 0x0a010065, 0x0a020034, "committed at the end");
  had_store_free (g_steal_pointer (&store));
  store = had_store_new (f->path, &error);
  g_assert_no_error (error);
  g_assert_cmpstr (load (f, store), ==,
                   "10.1.0.100 at 10.2.0.50: two; 10.1.0.100 at 10.2.0.51: other; "
                   "10.1.0.101 at 10.2.0.52: committed at the end; bob@example.com: b; ");
}

static void
test_newer_schema (Fixture *f, gconstpointer data)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (HadStore) store = NULL;
  sqlite3 *db = NULL;

  g_assert_cmpint (sqlite3_open (f->path, &db), ==, SQLITE_OK);
  g_assert_cmpint (sqlite3_exec (db, "PRAGMA user_version=3", NULL, NULL, NULL), ==, SQLITE_OK);
  sqlite3_close (db);
  store = had_store_new (f->path, &error);
  g_assert_null (store);
  g_assert_error (error, HAD_ERROR, ENOTSUP);
}

static void
test_not_a_store (Fixture *f, gconstpointer data)
{
  g_autofree char *rubbish = g_strnfill (4096, 'x');
  g_autoptr (GError) error = NULL;
  g_autoptr (HadStore) store = NULL;

  g_assert_true (g_file_set_contents (f->path, rubbish, -1, NULL));
  store = had_store_new (f->path, &error);
  g_assert_null (store);
  g_assert_error (error, HAD_ERROR, EIO);
}

/* What was logged since. */
static guint warnings, messages;

static GLogWriterOutput
count_lines (GLogLevelFlags level, const GLogField *fields, gsize n_fields, gpointer user_data)
{
  warnings += (level & G_LOG_LEVEL_WARNING) != 0;
  messages += (level & G_LOG_LEVEL_MESSAGE) != 0;
  return G_LOG_WRITER_HANDLED;
}

/* A write that fails is reported once and counted; the store goes on when it can. */
static void
test_failing (Fixture *f, gconstpointer data)
{
  g_autoptr (HadStore) store = had_store_new (f->path, NULL);
  g_autoptr (GHashTable) counters = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, g_free);
  const struct rlimit full = { 64 * 1024, RLIM_INFINITY }, free_again = { RLIM_INFINITY, RLIM_INFINITY };
  g_autofree char *large = g_strnfill (200000, 'x');

  signal (SIGXFSZ, SIG_IGN);
  g_assert_cmpint (setrlimit (RLIMIT_FSIZE, &full), ==, 0);
  for (guint i = 0; i < 3; i++)
    {
      put (store, 0x0a010064, 0x0a020032, large);
      had_store_commit (store);
    }
  g_assert_true (had_store_is_failing (store));
  g_assert_cmpuint (warnings, ==, 1);
  g_assert_cmpint (setrlimit (RLIMIT_FSIZE, &free_again), ==, 0);
  put (store, 0x0a010064, 0x0a020032, "small");
  had_store_commit (store);
  g_assert_false (had_store_is_failing (store));
  g_assert_cmpuint (messages, ==, 1);
  g_assert_cmpstr (load (f, store), ==, "10.1.0.100 at 10.2.0.50: small; ");
  had_store_add_counters (store, counters);
  g_assert_cmpuint (*(guint64 *)g_hash_table_lookup (counters, "store-failures"), >=, 3);
}

/* --------------------------------------------------------------------- journal ---- */

static void
write_change (WireWriter *writer, const char *name, guint64 addresses, const char *record)
{
  had_change_write (writer, &(HadChange){ .name = name,
                                          .name_length = name != NULL ? strlen (name) : 0,
                                          .addresses = addresses,
                                          .record = (const guint8 *)record,
                                          .length = record != NULL ? strlen (record) : 0 });
}

static void
test_journal_newest (void)
{
  static const char *const expected[] = { "5=e", "7 gone", "9=", "a=n", "ab gone" };
  GArray *changes = g_array_new (FALSE, FALSE, sizeof (HadChange));
  g_auto (WireWriter) writer = { 0 };
  WireReader reader;
  HadChange change;

  wire_writer_init (&writer, 1000);
  write_change (&writer, "ab", 0, "x");
  write_change (&writer, NULL, 9, "old");
  write_change (&writer, NULL, 7, "y");
  write_change (&writer, NULL, 9, "");
  write_change (&writer, "a", 0, NULL);
  write_change (&writer, NULL, 7, NULL);
  write_change (&writer, "a", 0, "n");
  write_change (&writer, NULL, 5, "e");
  write_change (&writer, "ab", 0, NULL);
  wire_reader_init (&reader, wire_writer_peek (&writer), wire_writer_length (&writer));
  while (had_change_read (&reader, &change))
    g_array_append_val (changes, change);
  g_assert_cmpuint (changes->len, ==, 9);
  changes = had_changes_newest (changes);
  g_assert_cmpuint (changes->len, ==, G_N_ELEMENTS (expected));
  for (guint i = 0; i < changes->len; i++)
    {
      const HadChange *c = &g_array_index (changes, HadChange, i);
      g_autofree char *thing =
        c->name != NULL ? g_strndup (c->name, c->name_length) : g_strdup_printf ("%" G_GUINT64_FORMAT, c->addresses);
      g_autofree char *text = c->record != NULL ? g_strdup_printf ("%s=%.*s", thing, (int)c->length, c->record)
                                                : g_strconcat (thing, " gone", NULL);

      g_assert_cmpstr (text, ==, expected[i]);
    }
  g_array_unref (changes);
}

static void
test_journal_refuses (void)
{
  g_auto (WireWriter) writer = { 0 };
  const guint8 strange = 4;
  HadChange change = { .addresses = 99 };
  WireReader reader;

  wire_writer_init (&writer, 1000);
  write_change (&writer, "name", 0, "record");
  for (gsize n = 0; n < wire_writer_length (&writer); n++)
    {
      wire_reader_init (&reader, wire_writer_peek (&writer), n);
      g_assert_false (had_change_read (&reader, &change));
    }
  wire_reader_init (&reader, &strange, 1);
  g_assert_false (had_change_read (&reader, &change));
  g_assert_cmpuint (change.addresses, ==, 99);
}

/* Changes of a commit; the next ones touch half of them again. */
#define PASS 400u
#define PASSES 30u

/* The changes of commit @pass, into the store or, as it should be then, into @model. */
static void
make_pass (HadStore *store, GHashTable *model, guint pass)
{
  for (guint i = 0; i < PASS; i++)
    {
      guint32 home_address = 0x0a010000 + (pass * PASS / 2 + i * 7) % 997;
      g_autofree char *text = g_strdup_printf ("pass %u", pass);
      const RoamAddr home = roam_addr_from_u32 (home_address), at = roam_addr_from_u32 (0x0a020000);
      gboolean gone = (i + pass) % 5 == 0;

      if (store != NULL && gone)
        had_store_remove_binding (store, &home, &at);
      else if (store != NULL)
        put (store, home_address, 0x0a020000, text);
      else if (gone)
        g_hash_table_remove (model, GUINT_TO_POINTER (home_address));
      else
        g_hash_table_insert (model, GUINT_TO_POINTER (home_address), g_steal_pointer (&text));
    }
}

static void
compare_with_model (const RoamAddr *home_address, const RoamAddr *care_of, const guint8 *record, gsize length,
                    gpointer data)
{
  GHashTable *model = data;
  gconstpointer key = GUINT_TO_POINTER (roam_addr_to_u32 (home_address));
  g_autofree char *text = g_strndup ((const char *)record, length);

  g_assert_cmpstr (text, ==, g_hash_table_lookup (model, key));
  g_hash_table_remove (model, key);
}

static void
no_node (const char *name, const guint8 *record, gsize length, gpointer data)
{
  g_assert_not_reached ();
}

/* What is on the disk is what the first @passes commits made. */
static void
check_disk (const Fixture *f, guint passes)
{
  g_autoptr (GHashTable) model = g_hash_table_new_full (NULL, NULL, NULL, g_free);
  g_autoptr (GError) error = NULL;
  g_autoptr (HadStore) store = had_store_new (f->path, &error);

  g_assert_no_error (error);
  for (guint pass = 0; pass < passes; pass++)
    make_pass (NULL, model, pass);
  had_store_load (store, compare_with_model, no_node, model);
  g_assert_cmpuint (g_hash_table_size (model), ==, 0);
  g_assert_cmpuint (had_store_n_journal (store), ==, 0);
}

static void
collect (const RoamAddr *home_address, const RoamAddr *care_of, const guint8 *record, gsize length, gpointer data)
{
  g_hash_table_insert (data, GUINT_TO_POINTER (roam_addr_to_u32 (home_address)),
                       g_strndup ((const char *)record, length));
}

static gboolean
same_record (gpointer key, gpointer value, gpointer data)
{
  GHashTable *other = data;

  return g_strcmp0 (value, g_hash_table_lookup (other, key)) != 0;
}

/* What is on the disk is what @passes commits made, or that and one that nobody had heard of yet. */
static void
check_disk_at_least (const Fixture *f, guint passes)
{
  g_autoptr (GHashTable) found = g_hash_table_new_full (NULL, NULL, NULL, g_free);
  g_autoptr (GHashTable) model = g_hash_table_new_full (NULL, NULL, NULL, g_free);
  HadStore *store = had_store_new (f->path, NULL);
  gboolean same = FALSE;

  had_store_load (store, collect, no_node, found);
  for (guint pass = 0; pass <= passes; pass++)
    {
      same |= pass == passes && g_hash_table_size (model) == g_hash_table_size (found) &&
              g_hash_table_find (model, same_record, found) == NULL;
      make_pass (NULL, model, pass);
    }
  same |=
    g_hash_table_size (model) == g_hash_table_size (found) && g_hash_table_find (model, same_record, found) == NULL;
  g_assert_true (same);
  had_store_free (store);
}

/* Commits and steps of folding, in turn; the first @steps of them, then it is killed. */
static void
work_and_die (const Fixture *f, guint steps)
{
  HadStore *store = had_store_new (f->path, NULL);

  for (guint step = 0; store != NULL && step < steps; step++)
    {
      if (step % 3 == 0)
        make_pass (store, NULL, step / 3);
      if (step % 3 == 0)
        had_store_commit (store);
      else
        had_store_fold (store);
    }
  /* Begun, never committed: as if it had never been. */
  put (store, 0x0a010000, 0x0a020000, "uncommitted");
  raise (SIGKILL);
}

/* As kill -9 between any two steps: what was committed is there, and nothing else. */
static void
test_killed (Fixture *f, gconstpointer data)
{
  for (guint steps = 0; steps <= 3 * PASSES; steps += 1 + steps / 16)
    {
      int status;
      pid_t pid = fork ();

      g_assert_cmpint (pid, >=, 0);
      if (pid == 0)
        work_and_die (f, steps);
      g_assert_cmpint (waitpid (pid, &status, 0), ==, pid);
      g_assert_true (WIFSIGNALED (status) && WTERMSIG (status) == SIGKILL);
      check_disk (f, (steps + 2) / 3);
      remove_files (f);
    }
}

/* Killed at any moment at all: nothing is missing of what it had said to be committed. */
static void
test_killed_anywhere (Fixture *f, gconstpointer data)
{
  for (guint wait_for = 1; wait_for <= PASSES; wait_for += 4)
    {
      guint8 done = 0, last = 0;
      int ends[2];
      pid_t pid;

      g_assert_cmpint (pipe (ends), ==, 0);
      pid = fork ();
      g_assert_cmpint (pid, >=, 0);
      if (pid == 0)
        {
          HadStore *store = had_store_new (f->path, NULL);

          for (guint8 pass = 0; pass < 200; pass++)
            {
              make_pass (store, NULL, pass);
              had_store_commit (store);
              if (write (ends[1], &pass, 1) != 1)
                break;
              had_store_fold (store);
            }
          raise (SIGKILL);
        }
      close (ends[1]);
      while (done < wait_for && read (ends[0], &last, 1) == 1)
        done++;
      kill (pid, SIGKILL);
      waitpid (pid, NULL, 0);
      while (read (ends[0], &last, 1) == 1)
        done++;
      close (ends[0]);
      check_disk_at_least (f, done);
      remove_files (f);
    }
}

/* Without journal: what roam-had before wrote. */
static void
test_older_schema (Fixture *f, gconstpointer data)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (HadStore) store = NULL;
  sqlite3 *db = NULL;

  g_assert_cmpint (sqlite3_open (f->path, &db), ==, SQLITE_OK);
  g_assert_cmpint (
    sqlite3_exec (db,
                  "CREATE TABLE binding (addresses INTEGER PRIMARY KEY, record BLOB NOT NULL) STRICT;"
                  "CREATE TABLE node (name TEXT PRIMARY KEY, record BLOB NOT NULL) STRICT, WITHOUT ROWID;"
                  "INSERT INTO binding VALUES ((0x0a010064 << 32) | 0x0a020032, x'6f6c64'); PRAGMA user_version=1",
                  NULL, NULL, NULL),
    ==, SQLITE_OK);
  sqlite3_close (db);
  store = had_store_new (f->path, &error);
  g_assert_no_error (error);
  put (store, 0x0a010065, 0x0a020032, "new");
  g_assert_cmpstr (load (f, store), ==, "10.1.0.100 at 10.2.0.50: old; 10.1.0.101 at 10.2.0.50: new; ");
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_log_set_always_fatal (G_LOG_FATAL_MASK);
  g_log_set_writer_func (count_lines, NULL, NULL);
  g_test_add_func ("/mip4/had/record", test_record);
  g_test_add_func ("/mip4/had/record-times", test_record_times);
  g_test_add_func ("/mip4/had/record-refuses", test_record_refuses);
  g_test_add ("/mip4/had/store-keeps", Fixture, NULL, set_up, test_keeps, tear_down);
  g_test_add ("/mip4/had/store-newer-schema", Fixture, NULL, set_up, test_newer_schema, tear_down);
  g_test_add ("/mip4/had/store-not-a-store", Fixture, NULL, set_up, test_not_a_store, tear_down);
  g_test_add_func ("/mip4/had/journal-newest", test_journal_newest);
  g_test_add_func ("/mip4/had/journal-refuses", test_journal_refuses);
  g_test_add ("/mip4/had/store-older-schema", Fixture, NULL, set_up, test_older_schema, tear_down);
  g_test_add ("/mip4/had/store-killed", Fixture, NULL, set_up, test_killed, tear_down);
  g_test_add ("/mip4/had/store-killed-anywhere", Fixture, NULL, set_up, test_killed_anywhere, tear_down);
  g_test_add ("/mip4/had/store-failing", Fixture, NULL, set_up, test_failing, tear_down);
  return g_test_run ();
}
