/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>

/* "No deadline": every next_deadline() returns this when nothing is due. */
#define ROAM_NEVER G_MAXINT64

/*
 * The present moment, handed to every engine verb; engines own no clock.
 *   boot_us  microseconds on CLOCK_BOOTTIME: suspend counts against lifetimes
 *   ntp      wall clock in NTP format (RFC 5905 6: seconds since 1900 << 32 | fraction);
 *            used only for the Mobile IPv4 Identification and for certificate validity
 */
typedef struct {
  gint64 boot_us;
  guint64 ntp;
} RoamNow;

#define ROAM_USEC_PER_MSEC G_GINT64_CONSTANT (1000)
#define ROAM_USEC_PER_SEC G_GINT64_CONSTANT (1000000)
/* Seconds between the NTP era 0 (1900) and the Unix epoch (1970): RFC 5905 figure 4. */
#define ROAM_NTP_UNIX_OFFSET G_GUINT64_CONSTANT (2208988800)

/* Unix seconds of @now, era 0 and 1 alike (values before 1970 are read as era 1, after 2036). */
gint64 roam_now_unix (const RoamNow *now);
/* Builds a RoamNow from CLOCK_BOOTTIME microseconds and Unix-time microseconds. */
RoamNow roam_now_make (gint64 boot_us, gint64 unix_us);
/* The earlier of two deadlines; ROAM_NEVER is later than all. */
gint64 roam_deadline_min (gint64 a, gint64 b);
/* at + delta without overflow; ROAM_NEVER stays ROAM_NEVER. */
gint64 roam_deadline_add (gint64 at, gint64 delta_us);
