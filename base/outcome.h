/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>

/*
 * The three words of an engine's failure (plus success):
 *   IGNORE  the packet is dropped and counted, nothing else happens
 *   FAIL    this exchange or registration failed; the engine lives on
 *   FATAL   the SA or binding is dead
 * The reason goes with it as a static string in the words of the RFC.
 */
typedef enum {
  ROAM_OK = 0,
  ROAM_IGNORE,
  ROAM_FAIL,
  ROAM_FATAL,
} RoamOutcome;

/* Lower-case word of @outcome, static. */
const char *roam_outcome_to_string (RoamOutcome outcome);
