/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "mip4/mip4-mn-private.h"

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

  g_return_val_if_fail (mip4_mn_config_fault (config) == NULL, NULL);
  mn = g_new0 (Mip4Mn, 1);
  mip4_mn_take_config (mn, config);
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
  mip4_mn_clear_config (mn);
  g_free (mn);
}

void
mip4_mn_action_clear (Mip4MnAction *action)
{
  if (action->type == MIP4_MN_ACTION_SEND)
    g_clear_pointer (&action->send.datagram, g_bytes_unref);
}

void
mip4_mn_push_action (Mip4Mn *mn, Mip4MnAction *action)
{
  g_queue_push_tail (&mn->actions, action);
}

void
mip4_mn_push_event (Mip4Mn *mn, const Mip4MnEvent *event)
{
  Mip4MnAction *action = g_new0 (Mip4MnAction, 1);

  action->type = MIP4_MN_ACTION_EVENT;
  action->event = *event;
  mip4_mn_push_action (mn, action);
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

static void
command_register (Mip4Mn *mn, const RoamNow *now, const Mip4MnCommand *command)
{
  Mip4MnRecord *record = mip4_mn_record_new (mn, command);
  Mip4MnPathState *state;

  g_return_if_fail (record != NULL);
  state = ensure_path (mn, command->path);
  mip4_mn_close_current (state);
  mip4_mn_note_agent (state, &record->agent);
  state->current = record;
  mip4_mn_start (mn, now, state);
}

static void
command_agent (Mip4Mn *mn, const Mip4MnCommand *command)
{
  Mip4MnPathState *state = ensure_path (mn, command->path);
  Mip4MnRecord *record = state->current;

  /* The agent in use, or the first heard of; another one's challenge comes with the command to register through it. */
  if (!roam_addr_is_set (&state->challenger) || roam_addr_equal (&state->challenger, &command->agent.address))
    mip4_mn_note_agent (state, &command->agent);
  if (record != NULL && roam_addr_is_set (&record->agent.address) &&
      roam_addr_equal (&record->agent.address, &command->agent.address))
    record->agent = command->agent;
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
        mn->binding.exists = mn->revocation.negotiated = FALSE;
      if (state != NULL)
        g_ptr_array_remove (mn->paths, state);
      return;
    case MIP4_MN_AGENT:
      command_agent (mn, command);
      return;
    }
}

void
mip4_mn_input_datagram (Mip4Mn *mn, const RoamNow *now, Mip4Path path, const RoamEndpoint *source,
                        const RoamAddr *destination, const guint8 *data, gsize length)
{
  Mip4Message message = { 0 };
  Mip4Discard why = mip4_parse_fixed (data, length, &message);

  if (why != MIP4_DISCARD_NONE)
    {
      mip4_mn_discard (mn, path, NULL, 0, why);
      return;
    }
  switch (message.type)
    {
    case MIP4_MESSAGE_REPLY:
      mip4_mn_process_reply (mn, now, path, source, destination, &message);
      return;
    case MIP4_MESSAGE_REVOCATION:
      mip4_mn_process_revocation (mn, now, path, source, destination, &message);
      return;
    case MIP4_MESSAGE_REQUEST:
    case MIP4_MESSAGE_TUNNEL_DATA:
    case MIP4_MESSAGE_REVOCATION_ACK:
      /* A mobile node sends no revocations that could be acknowledged (RFC 3543 4.2.4). */
      mip4_mn_discard (mn, path, NULL, 0, MIP4_DISCARD_TYPE);
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
    [MIP4_MN_COUNT_DENIED_BY_AGENT] = "replies-denied-by-agent",
    [MIP4_MN_COUNT_LATE] = "replies-late",
    [MIP4_MN_COUNT_EXHAUSTED] = "procedures-exhausted",
    [MIP4_MN_COUNT_RESYNCHRONISED] = "clock-resynchronised",
    [MIP4_MN_COUNT_HIGH_MISMATCH] = "identification-high-mismatch",
    [MIP4_MN_COUNT_NAI_NOT_ECHOED] = "nai-not-echoed",
    [MIP4_MN_COUNT_SERVICE_CHANGED] = "service-echo-changed",
    [MIP4_MN_COUNT_UDP_UNASKED] = "udp-tunnel-reply-unasked",
    [MIP4_MN_COUNT_REDIRECTED] = "redirections-followed",
    [MIP4_MN_COUNT_REVOKED] = "bindings-revoked",
    [MIP4_MN_COUNT_REVOCATION_ACKNOWLEDGED] = "revocations-acknowledged",
  };
  GHashTable *table = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, g_free);

  for (guint i = 0; i < MIP4_MN_N_COUNTS; i++)
    add_counter (table, names[i], mn->counts[i]);
  for (guint i = MIP4_DISCARD_NONE + 1; i < MIP4_N_DISCARDS; i++)
    add_counter (table, mip4_discard_counter ((Mip4Discard)i), mn->discards[i]);
  return table;
}
