/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "mip4/mip4-ha-private.h"

/*
 * A binary heap of deadlines. A renewal, which only puts off, leaves the timer where it stands; it is moved when that
 * time comes, once for all renewals since. Each timer knows its place, so that what is due sooner moves in log n steps.
 */

static Mip4HaTimer *
at (const Mip4Ha *ha, guint position)
{
  return g_ptr_array_index (ha->timers, position - 1);
}

static void
put (Mip4Ha *ha, guint position, Mip4HaTimer *timer)
{
  ha->timers->pdata[position - 1] = timer;
  timer->position = position;
}

/* Moves @timer from @position to where it belongs. */
static void
settle (Mip4Ha *ha, Mip4HaTimer *timer, guint position)
{
  guint child;

  for (; position > 1 && timer->key_us < at (ha, position / 2)->key_us; position /= 2)
    put (ha, position, at (ha, position / 2));
  for (; (child = 2 * position) <= ha->timers->len; position = child)
    {
      if (child < ha->timers->len && at (ha, child + 1)->key_us < at (ha, child)->key_us)
        child++;
      if (timer->key_us <= at (ha, child)->key_us)
        break;
      put (ha, position, at (ha, child));
    }
  put (ha, position, timer);
}

static void
take_out (Mip4Ha *ha, Mip4HaTimer *timer)
{
  guint position = timer->position;
  Mip4HaTimer *last = at (ha, ha->timers->len);

  g_ptr_array_set_size (ha->timers, (gint)ha->timers->len - 1);
  timer->position = 0;
  if (last != timer)
    settle (ha, last, position);
}

void
mip4_ha_timer_set (Mip4Ha *ha, Mip4HaTimer *timer, gint64 due_us)
{
  timer->due_us = due_us;
  if (due_us == ROAM_NEVER)
    {
      if (timer->position != 0)
        take_out (ha, timer);
      return;
    }
  if (timer->position != 0 && due_us >= timer->key_us)
    return;
  timer->key_us = due_us;
  if (timer->position == 0)
    {
      g_ptr_array_add (ha->timers, timer);
      timer->position = ha->timers->len;
    }
  settle (ha, timer, timer->position);
}

Mip4HaTimer *
mip4_ha_timer_due (Mip4Ha *ha, const RoamNow *now)
{
  while (ha->timers->len > 0 && at (ha, 1)->key_us <= now->boot_us)
    {
      Mip4HaTimer *first = at (ha, 1);

      if (first->due_us <= now->boot_us)
        return first;
      first->key_us = first->due_us;
      settle (ha, first, 1);
    }
  return NULL;
}

gint64
mip4_ha_timer_next (const Mip4Ha *ha)
{
  return ha->timers->len > 0 ? at (ha, 1)->key_us : ROAM_NEVER;
}
