/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "mip4/mip4-mn-private.h"

#include <string.h>

/* The five verbs of the mobile node engine. */

static void
path_state_free (gpointer data)
{
  Mip4MnPathState *state = data;

  g_free (state->current);
  g_ptr_array_unref (state->closed);
  g_free (state);
}

Mip4Mn *
mip4_mn_new (const Mip4MnConfig *config, RoamRng *rng)
{
  Mip4Mn *mn;

  g_return_val_if_fail (config->home_address.family == ROAM_FAMILY_INET4, NULL);
  g_return_val_if_fail (config->home_agent.family == ROAM_FAMILY_INET4, NULL);
  g_return_val_if_fail (config->mn_ha.spi >= MIP4_SPI_MIN && config->mn_ha.key != NULL, NULL);
  g_return_val_if_fail (config->nai == NULL || strlen (config->nai) <= G_MAXUINT8, NULL);
  mn = g_new0 (Mip4Mn, 1);
  mn->config = *config;
  mn->config.nai = g_strdup (config->nai);
  mn->config.mn_ha.key = roam_secret_ref (config->mn_ha.key);
  mn->rng = rng;
  mn->paths = g_ptr_array_new_with_free_func (path_state_free);
  mn->recent = g_array_new (FALSE, FALSE, sizeof (Mip4MnSent));
  g_queue_init (&mn->actions);
  return mn;
}

static void
action_free (gpointer data)
{
  mip4_mn_action_clear (data);
  g_free (data);
}

void
mip4_mn_free (Mip4Mn *mn)
{
  if (mn == NULL)
    return;
  g_queue_clear_full (&mn->actions, action_free);
  g_ptr_array_unref (mn->paths);
  g_array_unref (mn->recent);
  roam_secret_unref (mn->config.mn_ha.key);
  g_free ((char *)mn->config.nai);
  g_free (mn);
}

void
mip4_mn_action_clear (Mip4MnAction *action)
{
  if (action->type == MIP4_MN_ACTION_SEND)
    g_clear_pointer (&action->send.datagram, g_bytes_unref);
}

void
mip4_mn_push_event (Mip4Mn *mn, const Mip4MnEvent *event)
{
  Mip4MnAction *action = g_new0 (Mip4MnAction, 1);

  action->type = MIP4_MN_ACTION_EVENT;
  action->event = *event;
  g_queue_push_tail (&mn->actions, action);
}

Mip4MnPathState *
mip4_mn_find_path (const Mip4Mn *mn, Mip4Path path)
{
  for (guint i = 0; i < mn->paths->len; i++)
    {
      Mip4MnPathState *state = g_ptr_array_index (mn->paths, i);

      if (state->path == path)
        return state;
    }
  return NULL;
}

static Mip4MnPathState *
ensure_path (Mip4Mn *mn, Mip4Path path)
{
  Mip4MnPathState *state = mip4_mn_find_path (mn, path);

  if (state == NULL)
    {
      state = g_new0 (Mip4MnPathState, 1);
      state->path = path;
      state->closed = g_ptr_array_new_with_free_func (g_free);
      g_ptr_array_add (mn->paths, state);
    }
  return state;
}

void
mip4_mn_close_current (Mip4MnPathState *state)
{
  if (state->current == NULL)
    return;
  roam_retransmit_stop (&state->current->schedule);
  if (state->current->n_copies == 0)
    {
      /* Nothing was sent, so nothing can be answered. */
      g_clear_pointer (&state->current, g_free);
      return;
    }
  if (state->closed->len >= MIP4_MN_MAX_CLOSED)
    g_ptr_array_remove_index (state->closed, 0);
  g_ptr_array_add (state->closed, g_steal_pointer (&state->current));
}

static Mip4MnRecord *
record_new (const Mip4Mn *mn, const Mip4MnCommand *command)
{
  Mip4MnRecord *record = g_new0 (Mip4MnRecord, 1);
  gboolean home = command->form == MIP4_FORM_HOME;

  record->serial = command->serial;
  record->form = command->form;
  record->care_of_address = home ? mn->config.home_address : command->care_of_address;
  record->lifetime_s = command->form == MIP4_FORM_CO_LOCATED ? mn->config.lifetime_s : 0;
  /* Neither a tunnel nor a NAT can be on the home link. */
  record->reverse_tunnel = mn->config.reverse_tunnel && !home;
  record->udp_request = (mn->config.nat_traversal || command->force_udp) && !home;
  record->force_udp = command->force_udp && !home;
  record->udp_encapsulation = MIP4_UDP_ENCAPSULATION_BY_FLAGS;
  record->policy = (RoamRetransmitPolicy){
    .first_us = MAX (command->first_timeout_us, MIP4_MN_MIN_INTERVAL_US),
    .factor_percent = 200,
    .copies = MAX (command->copies, 1),
  };
  /* RFC 5944 3.6.3: no wait above the requested Lifetime. */
  record->policy.limit_us = MIP4_MN_MAX_INTERVAL_US;
  if (record->lifetime_s > 0)
    record->policy.limit_us =
      CLAMP (record->lifetime_s * ROAM_USEC_PER_SEC, MIP4_MN_MIN_INTERVAL_US, MIP4_MN_MAX_INTERVAL_US);
  record->first_due_us = ROAM_NEVER;
  roam_retransmit_stop (&record->schedule);
  return record;
}

static void
command_register (Mip4Mn *mn, const RoamNow *now, const Mip4MnCommand *command)
{
  Mip4MnPathState *state;

  g_return_if_fail (command->form == MIP4_FORM_HOME || command->care_of_address.family == ROAM_FAMILY_INET4);
  state = ensure_path (mn, command->path);
  mip4_mn_close_current (state);
  state->current = record_new (mn, command);
  mip4_mn_start (mn, now, state);
}

void
mip4_mn_input_command (Mip4Mn *mn, const RoamNow *now, const Mip4MnCommand *command)
{
  Mip4MnPathState *state;

  switch (command->type)
    {
    case MIP4_MN_REGISTER:
      command_register (mn, now, command);
      return;
    case MIP4_MN_CANCEL:
      state = mip4_mn_find_path (mn, command->path);
      if (state != NULL)
        mip4_mn_close_current (state);
      return;
    case MIP4_MN_FORGET:
      state = mip4_mn_find_path (mn, command->path);
      if (mn->binding.exists && mn->binding.accepted.path == command->path)
        mn->binding.exists = FALSE;
      if (state != NULL)
        g_ptr_array_remove (mn->paths, state);
      return;
    case MIP4_MN_AGENT:
      return;
    }
}

void
mip4_mn_input_deadline (Mip4Mn *mn, const RoamNow *now)
{
  mip4_mn_binding_run (mn, now);
  for (guint i = 0; i < mn->paths->len; i++)
    mip4_mn_run (mn, now, g_ptr_array_index (mn->paths, i));
}

gint64
mip4_mn_next_deadline (const Mip4Mn *mn)
{
  gint64 due = mip4_mn_binding_deadline (mn);

  for (guint i = 0; i < mn->paths->len; i++)
    due = roam_deadline_min (due, mip4_mn_path_deadline (g_ptr_array_index (mn->paths, i)));
  return due;
}

gboolean
mip4_mn_pop_action (Mip4Mn *mn, Mip4MnAction *ret_action)
{
  g_autofree Mip4MnAction *action = g_queue_pop_head (&mn->actions);

  if (action == NULL)
    return FALSE;
  *ret_action = *action;
  return TRUE;
}

static void
add_counter (GHashTable *table, const char *name, guint64 value)
{
  g_hash_table_insert (table, g_strdup (name), g_memdup2 (&value, sizeof value));
}

GHashTable *
mip4_mn_dup_counters (const Mip4Mn *mn)
{
  static const char *const names[MIP4_MN_N_COUNTS] = {
    [MIP4_MN_COUNT_SENT] = "requests-sent",
    [MIP4_MN_COUNT_ACCEPTED] = "replies-accepted",
    [MIP4_MN_COUNT_DENIED] = "replies-denied",
    [MIP4_MN_COUNT_LATE] = "replies-late",
    [MIP4_MN_COUNT_EXHAUSTED] = "procedures-exhausted",
    [MIP4_MN_COUNT_RESYNCHRONISED] = "clock-resynchronised",
    [MIP4_MN_COUNT_HIGH_MISMATCH] = "identification-high-mismatch",
    [MIP4_MN_COUNT_NAI_NOT_ECHOED] = "nai-not-echoed",
    [MIP4_MN_COUNT_UDP_UNASKED] = "udp-tunnel-reply-unasked",
  };
  GHashTable *table = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, g_free);

  for (guint i = 0; i < MIP4_MN_N_COUNTS; i++)
    add_counter (table, names[i], mn->counts[i]);
  for (guint i = MIP4_DISCARD_NONE + 1; i < MIP4_N_DISCARDS; i++)
    add_counter (table, mip4_discard_counter ((Mip4Discard)i), mn->discards[i]);
  return table;
}
