/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "base/now.h"

/*
 * An exponential retransmission schedule. Copies of a message go out at
 * start, start + first, start + first * (1 + f), ...; after the last copy one more (then longest)
 * interval passes before the schedule is exhausted.
 */
typedef struct {
  gint64 first_us;      /* wait after the first copy */
  guint factor_percent; /* 200 doubles, 180 is strongSwan's ladder, 100 is constant */
  gint64 limit_us;      /* no interval is longer; 0: no limit */
  guint copies;         /* how many copies in all, the first included; at least 1 */
} RoamRetransmitPolicy;

typedef struct {
  RoamRetransmitPolicy policy;
  guint sent;         /* copies that went out */
  gint64 interval_us; /* the wait that runs now */
  gint64 due_us;      /* boot time of the next step, ROAM_NEVER when idle */
} RoamRetransmit;

typedef enum {
  ROAM_RETRANSMIT_WAIT,      /* nothing is due */
  ROAM_RETRANSMIT_SEND,      /* send one more copy now; already counted */
  ROAM_RETRANSMIT_EXHAUSTED, /* the peer did not answer; now idle */
} RoamRetransmitStep;

/* Starts at @now_us; the caller sends the first copy itself. */
void roam_retransmit_start (RoamRetransmit *state, const RoamRetransmitPolicy *policy, gint64 now_us);
/* What is due at @now_us. At most one copy a call, however late it comes. */
RoamRetransmitStep roam_retransmit_step (RoamRetransmit *state, gint64 now_us);
void roam_retransmit_stop (RoamRetransmit *state);
gboolean roam_retransmit_is_active (const RoamRetransmit *state);
/* Time from the first copy to exhaustion. */
gint64 roam_retransmit_budget (const RoamRetransmitPolicy *policy);
