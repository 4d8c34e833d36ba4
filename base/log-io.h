/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>

/* Where the lines of the server programs go: to the journal if that is what stderr is, else to stderr. */

/* The least important lines that are written: "error", "warning", "info" (as it is at the start) or "debug". */
gboolean roam_log_set_level (const char *name);
/* To be called once, before the first line. */
void roam_log_start (void);
