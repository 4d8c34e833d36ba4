/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What ike-probe is told to do, at a time (--at) or one after the other (--do). */
#include "lab/tools/ike-probe.h"

#include <net/if.h>
#include <stdlib.h>
#include <string.h>

gboolean
probe_parse_path (const char *text, IkePath *path)
{
  g_auto (GStrv) words = g_strsplit (text, "%", 2);

  path->ifindex = words[1] ? if_nametoindex (words[1]) : 0;
  return roam_addr_parse (words[0], &path->local) && (!words[1] || path->ifindex != 0);
}

void
probe_command (Probe *probe, IkeCommand *command)
{
  RoamNow t = probe_now ();

  command->serial = ++probe->serial;
  ike_session_input_command (probe->session, &t, command);
  probe_drain (probe);
}

/* `paths=A%IF,B%IF` and `gateways=A,B`. */
static gboolean
parse_list (const char *text, IkeCommand *command)
{
  g_auto (GStrv) words = g_strsplit (text, ",", 0);
  gboolean paths = command->type == IKE_PATHS;
  guint n = g_strv_length (words);

  if (n > (paths ? IKE_MAX_PATHS : IKE_MAX_GATEWAYS))
    return FALSE;
  for (guint i = 0; i < n; i++)
    if (!(paths ? probe_parse_path (words[i], &command->paths[i]) : roam_addr_parse (words[i], &command->gateways[i])))
      return FALSE;
  command->n_paths = paths ? n : 0;
  command->n_gateways = paths ? 0 : n;
  return TRUE;
}

static gboolean
parse_command (const char *text, IkeCommand *command)
{
  static const struct
  {
    const char *word;
    IkeCommandType type;
  } plain[] = {
    { "check", IKE_CHECK },         { "rekey-ike", IKE_REKEY_IKE }, { "rekey-child", IKE_REKEY_CHILD },
    { "terminate", IKE_TERMINATE }, { "abandon", IKE_ABANDON },     { "reauthenticate", IKE_REAUTHENTICATE }
  };
  const char *value = strchr (text, '=');

  for (guint i = 0; i < G_N_ELEMENTS (plain); i++)
    if (strcmp (text, plain[i].word) == 0)
      {
        command->type = plain[i].type;
        return TRUE;
      }
  if (!value)
    return FALSE;
  command->type = IKE_MOVE;
  command->move_children_now = g_str_has_prefix (text, "move=");
  if (command->move_children_now || g_str_has_prefix (text, "move-late="))
    return probe_parse_path (value + 1, &command->path);
  if (g_str_has_prefix (text, "start="))
    {
      command->type = IKE_START;
      return probe_parse_path (value + 1, &command->path);
    }
  command->type = g_str_has_prefix (text, "paths=") ? IKE_PATHS : IKE_GATEWAYS;
  return (command->type == IKE_PATHS || g_str_has_prefix (text, "gateways=")) && parse_list (value + 1, command);
}

static void
run_step (Probe *probe, const char *text)
{
  IkeCommand command = { 0 };

  if (strcmp (text, "status") == 0)
    probe_print_status (probe);
  else if (g_str_has_prefix (text, "echo=") && probe_esp_start_echo (probe, text + strlen ("echo=")))
    return;
  else if (parse_command (text, &command))
    probe_command (probe, &command);
  else
    {
      g_printerr ("ike-probe: '%s' is no step\n", text);
      exit (2);
    }
}

/* --- at a time --- */

static void
free_step (gpointer data)
{
  ProbeStep *step = data;

  g_free (step->text);
  g_free (step);
}

void
probe_add_steps (Probe *probe, char **texts)
{
  probe->steps = g_ptr_array_new_with_free_func (free_step);
  for (guint i = 0; texts && texts[i]; i++)
    {
      char *end;
      ProbeStep *step = g_new0 (ProbeStep, 1);

      step->at_us = g_ascii_strtoll (texts[i], &end, 10) * ROAM_USEC_PER_MSEC;
      step->text = g_strdup (*end == ':' ? end + 1 : end);
      g_ptr_array_add (probe->steps, step);
    }
}

/* When the script goes on by itself; @otherwise: only an event can tell. */
static gint64
next_item_us (const Probe *probe, gint64 otherwise)
{
  if (probe->pause_until_us)
    return probe->pause_until_us;
  if (probe_script_done (probe) || g_str_has_prefix (probe->script[probe->script_next], "wait="))
    return otherwise;
  return probe->start_us;
}

gint64
probe_next_step_us (const Probe *probe)
{
  gint64 next = MIN (probe->end_us, next_item_us (probe, probe_esp_next_us (probe->esp)));

  for (guint i = 0; i < probe->steps->len; i++)
    {
      const ProbeStep *step = g_ptr_array_index (probe->steps, i);

      if (!step->done)
        next = MIN (next, probe->start_us + step->at_us);
    }
  return next;
}

/* --- one after the other --- */

gboolean
probe_script_done (const Probe *probe)
{
  return !probe->script || !probe->script[probe->script_next];
}

void
probe_notice (Probe *probe, const char *word)
{
  const char *item = probe_script_done (probe) ? NULL : probe->script[probe->script_next];

  if (item && g_str_has_prefix (item, "wait=") && strcmp (item + strlen ("wait="), word) == 0)
    probe->script_next++;
}

static void
run_script (Probe *probe)
{
  while (!probe_script_done (probe))
    {
      const char *item = probe->script[probe->script_next];
      gint64 now_us = probe_now ().boot_us;

      if (probe->told_to_go && strcmp (item, "wait=go") == 0)
        {
          probe->told_to_go = FALSE;
          probe->script_next++;
          continue;
        }
      if (g_str_has_prefix (item, "wait="))
        return;
      if (g_str_has_prefix (item, "pause="))
        {
          if (probe->pause_until_us == 0)
            probe->pause_until_us = now_us + g_ascii_strtoll (item + strlen ("pause="), NULL, 10) * ROAM_USEC_PER_MSEC;
          if (now_us < probe->pause_until_us)
            return;
          probe->pause_until_us = 0;
          probe->script_next++;
          continue;
        }
      /* First the next item, since what the command causes may be what that one waits for. */
      probe->script_next++;
      run_step (probe, item);
    }
}

void
probe_run_steps (Probe *probe)
{
  gint64 now_us = probe_now ().boot_us;

  for (guint i = 0; i < probe->steps->len; i++)
    {
      ProbeStep *step = g_ptr_array_index (probe->steps, i);

      if (step->done || now_us < probe->start_us + step->at_us)
        continue;
      step->done = TRUE;
      run_step (probe, step->text);
    }
  run_script (probe);
}
