/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>

/* Where the lines of roam-had and roam-fad go: to the journal if that is what stderr is, else to stderr. */

/* The least important lines that are written: "error", "warning", "info" (as it is at the start) or "debug". */
gboolean mip4_log_set_level (const char *name);
/* To be called once, before the first line. */
void mip4_log_start (void);
