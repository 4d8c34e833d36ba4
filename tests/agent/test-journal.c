/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "agent/journal.h"

#include <glib/gstdio.h>
#include <string.h>

static char *last_message; /* of the log */

static GLogWriterOutput
remember (GLogLevelFlags level, const GLogField *fields, gsize n_fields, gpointer user_data)
{
  for (gsize i = 0; i < n_fields; i++)
    if (g_str_equal (fields[i].key, "MESSAGE"))
      {
        g_free (last_message);
        last_message = g_strdup (fields[i].value);
      }
  return G_LOG_WRITER_HANDLED;
}

static AgentHandover *
make (const char *reason)
{
  AgentHandover *row = g_new0 (AgentHandover, 1);

  row->wall_us = 1700000000000000;
  row->from_mode = g_strdup ("c");
  row->to_mode = g_strdup ("mc");
  row->from_interface = g_strdup ("eth0");
  row->to_interface = g_strdup ("wlan0");
  row->from_address = g_strdup ("10.2.0.50");
  row->to_address = g_strdup ("198.51.100.50");
  row->event_to_mobike_us = 800;
  row->event_to_rrq_us = -1;
  row->gap_us = 40000;
  row->reason = g_strdup (reason);
  return row;
}

static void
test_encode_decode (void)
{
  g_autoptr (AgentHandover) row = make ("quote \" and\nnewline \xc3\xa4"), back = NULL;
  g_autofree char *line = NULL, *problem = NULL;

  row->number = 7;
  line = agent_journal_encode (row);
  g_assert_null (strchr (line, '\n'));
  back = agent_journal_decode (line, &problem);
  g_assert_nonnull (back);
  g_assert_cmpuint (back->number, ==, 7);
  g_assert_cmpint (back->wall_us, ==, row->wall_us);
  g_assert_cmpint (back->event_to_rrq_us, ==, -1);
  g_assert_cmpstr (back->reason, ==, row->reason);
  g_assert_cmpstr (back->to_interface, ==, "wlan0");
}

static void
test_ring_is_bounded (void)
{
  g_autoptr (AgentJournal) journal = agent_journal_new (3);
  g_autoptr (GPtrArray) all = NULL, last = NULL;

  for (guint i = 0; i < 5; i++)
    g_assert_cmpuint (agent_journal_add (journal, make ("x"))->number, ==, i + 1);
  all = agent_journal_dup (journal, 0);
  g_assert_cmpuint (all->len, ==, 3);
  g_assert_cmpuint (((const AgentHandover *)all->pdata[0])->number, ==, 3);
  last = agent_journal_dup (journal, 1);
  g_assert_cmpuint (last->len, ==, 1);
  g_assert_cmpuint (((const AgentHandover *)last->pdata[0])->number, ==, 5);
}

static void
test_damaged_lines (void)
{
  static const char *const bad[] = {
    "{", "[]", "null", "{\"number\":1}", "not json", "{\"number\":-1}", "\xff\xfe",
  };
  g_autoptr (AgentJournal) journal = agent_journal_new (10);
  g_autoptr (GString) text = g_string_new (NULL);
  g_autofree char *problem = NULL, *long_line = g_strnfill (5000, ' ');

  for (guint i = 0; i < G_N_ELEMENTS (bad); i++)
    {
      g_autoptr (AgentHandover) row = make ("good");
      g_autofree char *line = NULL;

      row->number = i + 1;
      line = agent_journal_encode (row);
      g_string_append_printf (text, "%s\n\n%s\n", line, bad[i]);
    }
  g_string_append_printf (text, "%s\n", long_line);
  g_assert_cmpuint (agent_journal_load (journal, text->str, text->len, &problem), ==, G_N_ELEMENTS (bad) + 1);
  g_assert_cmpuint (agent_journal_length (journal), ==, G_N_ELEMENTS (bad));
  g_assert_true (g_str_has_prefix (problem, "line 3: "));
  g_assert_cmpuint (agent_journal_add (journal, make ("x"))->number, ==, G_N_ELEMENTS (bad) + 1);
}

static void
test_wrong_types (void)
{
  g_autoptr (AgentHandover) row = make ("x");
  g_autofree char *line = NULL, *problem = NULL;
  char *number;

  row->number = 1;
  line = agent_journal_encode (row);
  number = strstr (line, ":1,");
  g_assert_nonnull (number);
  number[1] = '-'; /* "number":-, */
  g_assert_null (agent_journal_decode (line, &problem));
  g_assert_nonnull (problem);
}

static void
test_numbers_must_grow (void)
{
  g_autoptr (AgentJournal) journal = agent_journal_new (10);
  g_autoptr (AgentHandover) row = make ("x");
  g_autofree char *line = NULL, *twice = NULL;

  row->number = 4;
  line = agent_journal_encode (row);
  twice = g_strconcat (line, "\n", line, NULL); /* and no newline at the end */
  g_assert_cmpuint (agent_journal_load (journal, twice, strlen (twice), NULL), ==, 1);
  g_assert_cmpuint (agent_journal_length (journal), ==, 1);
}

/* ----------------------------------------------------------------------- file ---- */

typedef struct
{
  char *directory, *path;
} Files;

static void
set_up (Files *files, gconstpointer data)
{
  g_autoptr (GError) error = NULL;

  files->directory = g_dir_make_tmp ("roamd-journal-XXXXXX", &error);
  g_assert_no_error (error);
  files->path = g_build_filename (files->directory, "handovers.jsonl", NULL);
}

static void
tear_down (Files *files, gconstpointer data)
{
  g_remove (files->path);
  g_rmdir (files->directory);
  g_free (files->path);
  g_free (files->directory);
}

/* Opens the file as a daemon does at start, adds @n handovers, and ends as after kill -9. */
static guint
run_once (const Files *files, guint n)
{
  g_autoptr (AgentJournal) journal = agent_journal_new (AGENT_JOURNAL_LIMIT);
  g_autoptr (GError) error = NULL;
  g_autoptr (AgentJournalFile) file = agent_journal_file_open (files->directory, journal, &error);
  guint before = agent_journal_length (journal);

  g_assert_no_error (error);
  for (guint i = 0; i < n; i++)
    {
      const AgentHandover *row = agent_journal_add (journal, make ("x"));

      g_assert_true (agent_journal_file_append (file, journal, row, &error));
    }
  return before;
}

static guint
count_lines (const Files *files)
{
  g_autofree char *text = NULL;
  g_auto (GStrv) lines = NULL;

  g_assert_true (g_file_get_contents (files->path, &text, NULL, NULL));
  lines = g_strsplit (text, "\n", -1);
  return g_strv_length (lines) - 1;
}

static void
test_survives_restart (Files *files, gconstpointer data)
{
  g_assert_cmpuint (run_once (files, 2), ==, 0);
  g_assert_cmpuint (run_once (files, 1), ==, 2);
  g_assert_cmpuint (run_once (files, 0), ==, 3);
  g_assert_cmpuint (count_lines (files), ==, 3);
}

static void
test_rotates (Files *files, gconstpointer data)
{
  run_once (files, 2 * AGENT_JOURNAL_LIMIT);
  g_assert_cmpuint (count_lines (files), ==, 2 * AGENT_JOURNAL_LIMIT);
  g_assert_cmpuint (run_once (files, 1), ==, AGENT_JOURNAL_LIMIT);
  g_assert_cmpuint (count_lines (files), ==, AGENT_JOURNAL_LIMIT); /* the newest rows only */
  g_assert_cmpuint (run_once (files, 0), ==, AGENT_JOURNAL_LIMIT);
}

static void
test_torn_line (Files *files, gconstpointer data)
{
  g_autofree char *text = NULL;
  gsize length;

  run_once (files, 3);
  g_assert_true (g_file_get_contents (files->path, &text, &length, NULL));
  g_assert_true (g_file_set_contents (files->path, text, (gssize)length - 20, NULL));
  g_assert_cmpuint (run_once (files, 1), ==, 2);
  g_assert_nonnull (last_message);
  g_assert_nonnull (strstr (last_message, "1 damaged lines were skipped (line 3: "));
  g_assert_cmpuint (run_once (files, 0), ==, 3); /* nothing was appended to the torn line */
}

static void
test_unusable_directory (Files *files, gconstpointer data)
{
  g_autoptr (AgentJournal) journal = agent_journal_new (1);
  g_autoptr (GError) error = NULL;

  g_assert_true (g_file_set_contents (files->path, "", 0, NULL));
  g_assert_null (agent_journal_file_open (files->path, journal, &error)); /* a file, not a directory */
  g_assert_nonnull (error);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_log_set_always_fatal (G_LOG_LEVEL_ERROR | G_LOG_LEVEL_CRITICAL);
  g_log_set_writer_func (remember, NULL, NULL);
  g_test_add_func ("/journal/encode-decode", test_encode_decode);
  g_test_add_func ("/journal/ring", test_ring_is_bounded);
  g_test_add_func ("/journal/damaged-lines", test_damaged_lines);
  g_test_add_func ("/journal/wrong-types", test_wrong_types);
  g_test_add_func ("/journal/numbers-must-grow", test_numbers_must_grow);
  g_test_add ("/journal/file/restart", Files, NULL, set_up, test_survives_restart, tear_down);
  g_test_add ("/journal/file/rotate", Files, NULL, set_up, test_rotates, tear_down);
  g_test_add ("/journal/file/torn", Files, NULL, set_up, test_torn_line, tear_down);
  g_test_add ("/journal/file/unusable", Files, NULL, set_up, test_unusable_directory, tear_down);
  return g_test_run ();
}
