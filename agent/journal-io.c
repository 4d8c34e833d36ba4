/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "agent/journal.h"

#include <errno.h>
#include <fcntl.h>
#include <glib/gstdio.h>
#include <string.h>
#include <unistd.h>

#define FILE_NAME "handovers.jsonl"

struct _AgentJournalFile
{
  char *path;
  int fd;      /* for appending */
  guint lines; /* in the file, damaged ones included */
};

static gboolean
set_error (GError **error, const char *what, const char *path)
{
  int saved = errno;

  g_set_error (error, G_FILE_ERROR, g_file_error_from_errno (saved), "%s %s: %s", what, path, g_strerror (saved));
  return FALSE;
}

static gboolean
open_for_append (AgentJournalFile *file, GError **error)
{
  file->fd = open (file->path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0640);
  return file->fd >= 0 || set_error (error, "opening", file->path);
}

static guint
count_lines (const char *text, gsize length)
{
  guint lines = length > 0 && text[length - 1] != '\n' ? 1 : 0;

  for (gsize i = 0; i < length; i++)
    lines += text[i] == '\n' ? 1 : 0;
  return lines;
}

static gboolean
write_line (AgentJournalFile *file, const AgentHandover *handover, GError **error)
{
  g_autofree char *line = agent_journal_encode (handover);
  g_autofree char *whole = g_strconcat (line, "\n", NULL);
  gssize length = (gssize)strlen (whole);

  /* One write of one line with O_APPEND: after a crash there is the whole line or a damaged last one. */
  if (write (file->fd, whole, (gsize)length) != length)
    return set_error (error, "writing", file->path);
  file->lines++;
  return TRUE;
}

/* The whole ring into a new file that replaces the old one in one step. */
static gboolean
rotate (AgentJournalFile *file, const AgentJournal *journal, GError **error)
{
  g_autoptr (GPtrArray) rows = agent_journal_dup (journal, 0);
  g_autoptr (GString) text = g_string_new (NULL);

  for (guint i = 0; i < rows->len; i++)
    {
      g_autofree char *line = agent_journal_encode (rows->pdata[i]);

      g_string_append_printf (text, "%s\n", line);
    }
  if (!g_file_set_contents_full (file->path, text->str, (gssize)text->len, G_FILE_SET_CONTENTS_CONSISTENT, 0640, error))
    return FALSE;
  file->lines = rows->len;
  if (file->fd >= 0)
    close (file->fd);
  return open_for_append (file, error);
}

AgentJournalFile *
agent_journal_file_open (const char *directory, AgentJournal *journal, GError **error)
{
  g_autoptr (AgentJournalFile) file = g_new0 (AgentJournalFile, 1);
  g_autofree char *text = NULL, *problem = NULL;
  g_autoptr (GError) read_error = NULL;
  gsize length = 0;
  guint damaged = 0;
  gboolean torn;

  file->fd = -1;
  file->path = g_build_filename (directory, FILE_NAME, NULL);
  if (g_mkdir_with_parents (directory, 0750) < 0)
    {
      set_error (error, "making", directory);
      return NULL;
    }
  if (g_file_get_contents (file->path, &text, &length, &read_error))
    {
      damaged = agent_journal_load (journal, text, length, &problem);
      file->lines = count_lines (text, length);
    }
  else if (!g_error_matches (read_error, G_FILE_ERROR, G_FILE_ERROR_NOENT))
    g_warning ("%s; the history begins anew", read_error->message);
  if (damaged > 0)
    g_warning ("%s: %u damaged lines were skipped (%s)", file->path, damaged, problem);
  /* Nothing is appended to damage: a torn last line would swallow the next one. */
  torn = length > 0 && text[length - 1] != '\n';
  if (damaged > 0 || torn ? !rotate (file, journal, error) : !open_for_append (file, error))
    return NULL;
  return g_steal_pointer (&file);
}

void
agent_journal_file_free (AgentJournalFile *file)
{
  if (file == NULL)
    return;
  if (file->fd >= 0)
    close (file->fd);
  g_free (file->path);
  g_free (file);
}

gboolean
agent_journal_file_append (AgentJournalFile *file, const AgentJournal *journal, const AgentHandover *handover,
                           GError **error)
{
  if (file->lines >= 2 * AGENT_JOURNAL_LIMIT)
    return rotate (file, journal, error); /* @handover is the ring's last row already */
  return write_line (file, handover, error);
}
