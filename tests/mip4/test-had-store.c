/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "mip4/had-io-private.h"
#include "mip4/had-record-private.h"

#include <errno.h>
#include <glib/gstdio.h>
#include <signal.h>
#include <sqlite3.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>

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
tear_down (Fixture *f, gconstpointer data)
{
  static const char *const ends[] = { "", "-wal", "-shm" };

  for (guint i = 0; i < G_N_ELEMENTS (ends); i++)
    {
      g_autofree char *path = g_strconcat (f->path, ends[i], NULL);

      g_unlink (path);
    }
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
  g_test_add ("/mip4/had/store-failing", Fixture, NULL, set_up, test_failing, tear_down);
  return g_test_run ();
}
