/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "base/retransmit.h"

static gint64
next_interval (const RoamRetransmitPolicy *policy, gint64 interval_us)
{
  interval_us = interval_us * policy->factor_percent / 100;
  if (policy->limit_us > 0)
    interval_us = MIN (interval_us, policy->limit_us);
  return interval_us;
}

void
roam_retransmit_start (RoamRetransmit *state, const RoamRetransmitPolicy *policy, gint64 now_us)
{
  state->policy = *policy;
  state->sent = 1;
  state->interval_us = policy->first_us;
  state->due_us = roam_deadline_add (now_us, policy->first_us);
}

RoamRetransmitStep
roam_retransmit_step (RoamRetransmit *state, gint64 now_us)
{
  if (state->due_us == ROAM_NEVER || now_us < state->due_us || state->sent == 0)
    return ROAM_RETRANSMIT_WAIT;
  if (state->sent >= state->policy.copies)
    {
      roam_retransmit_stop (state);
      return ROAM_RETRANSMIT_EXHAUSTED;
    }
  state->sent++;
  state->interval_us = next_interval (&state->policy, state->interval_us);
  state->due_us = roam_deadline_add (now_us, state->interval_us);
  return ROAM_RETRANSMIT_SEND;
}

void
roam_retransmit_stop (RoamRetransmit *state)
{
  state->due_us = ROAM_NEVER;
  state->sent = 0;
}

gboolean
roam_retransmit_is_active (const RoamRetransmit *state)
{
  return state->sent > 0 && state->due_us != ROAM_NEVER;
}

gint64
roam_retransmit_budget (const RoamRetransmitPolicy *policy)
{
  gint64 total = 0, interval = policy->first_us;

  for (guint i = 0; i < policy->copies; i++)
    {
      total += interval;
      interval = next_interval (policy, interval);
    }
  return total;
}
