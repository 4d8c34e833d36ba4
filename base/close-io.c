/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "base/close-io.h"

#include <glib.h>
#include <unistd.h>

static gpointer
close_it (gpointer data)
{
  close (GPOINTER_TO_INT (data));
  return NULL;
}

void
roam_close_aside (int fd)
{
  GThread *thread;

  if (fd < 0)
    return;
  thread = g_thread_try_new ("close", close_it, GINT_TO_POINTER (fd), NULL);
  if (thread != NULL)
    g_thread_unref (thread);
  else
    close (fd);
}
