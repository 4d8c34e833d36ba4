/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "base/log-io.h"

#include <string.h>
#include <unistd.h>

static GLogLevelFlags log_limit = G_LOG_LEVEL_INFO;

/* GLib's level flags grow as importance falls. */
static GLogWriterOutput
write_log (GLogLevelFlags level, const GLogField *fields, gsize n_fields, gpointer user_data)
{
  if ((level & G_LOG_LEVEL_MASK) > log_limit)
    return G_LOG_WRITER_HANDLED;
  if (g_log_writer_is_journald (STDERR_FILENO) &&
      g_log_writer_journald (level, fields, n_fields, NULL) == G_LOG_WRITER_HANDLED)
    return G_LOG_WRITER_HANDLED;
  return g_log_writer_standard_streams (level, fields, n_fields, user_data);
}

gboolean
roam_log_set_level (const char *name)
{
  static const struct
  {
    const char *name;
    GLogLevelFlags limit;
  } levels[] = {
    { "error", G_LOG_LEVEL_CRITICAL },
    { "warning", G_LOG_LEVEL_WARNING },
    { "info", G_LOG_LEVEL_INFO },
    { "debug", G_LOG_LEVEL_DEBUG },
  };

  for (guint i = 0; i < G_N_ELEMENTS (levels); i++)
    if (strcmp (levels[i].name, name) == 0)
      {
        log_limit = levels[i].limit;
        return TRUE;
      }
  return FALSE;
}

void
roam_log_start (void)
{
  g_log_set_writer_func (write_log, NULL, NULL);
}
