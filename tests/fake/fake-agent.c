/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "agent/journal.h"
#include "agent/snapshot.h"
#include "dbus/adaptor.h"

#include <glib-unix.h>
#include <stdio.h>
#include <string.h>

/*
 * An agent that does nothing but what its standard input says, behind the real D-Bus adaptor. Each
 * verb that arrives is printed on standard output.
 *
 *   mode MODE INTERFACE   another mode
 *   advice TEXT           another advice
 *   foreign ADDRESS       registered through that agent, which says something nobody vouches for, through a NAT
 *   handover              one more handover
 *   ask REFUSAL           the VPN wants a password, since the last one was not good ("-": the first time)
 *   sa                    the VPN is up, with two paths
 *   dialect WORD          that of the VPN
 */

struct _Agent
{
  AgentSnapshot *snapshot;
  AgentJournal *journal;
  const AgentListener *listener;
  gpointer listener_data;
  guint64 reads;
  gboolean has_sa;
  guint32 handle; /* of the newest request for a secret */
};

static void say (const char *format, ...) G_GNUC_PRINTF (1, 2);

static void
say (const char *format, ...)
{
  va_list args;

  va_start (args, format);
  vprintf (format, args);
  va_end (args);
  putchar ('\n');
  fflush (stdout);
}

static AgentSnapshot *
copy_snapshot (Agent *agent)
{
  const AgentSnapshot *old = agent->snapshot;
  AgentSnapshot *new = agent_snapshot_new ();

  agent_snapshot_set_text (&new->mode, old->mode);
  agent_snapshot_set_text (&new->sentence, old->sentence);
  agent_snapshot_set_text (&new->why, old->why);
  agent_snapshot_set_text (&new->advice, old->advice);
  agent_snapshot_set_text (&new->interface, old->interface);
  agent_snapshot_set_text (&new->home_address, "10.1.0.100");
  agent_snapshot_set_text (&new->home_agent, "10.1.0.2");
  agent_snapshot_set_text (&new->gateway, "203.0.113.2");
  agent_snapshot_set_text (&new->tia, "10.8.0.2");
  agent_snapshot_set_text (&new->care_of_address, "10.8.0.2");
  agent_snapshot_set_text (&new->ike_suite, "aes256gcm16-prfsha384-ecp384");
  agent_snapshot_set_text (&new->esp_suite, "aes256gcm16");
  agent_snapshot_set_text (&new->backend, "fake");
  agent_snapshot_set_text (&new->foreign_agent, old->foreign_agent);
  agent_snapshot_set_text (&new->message, old->message);
  agent_snapshot_set_text (&new->dialect, old->dialect);
  for (guint i = 0; i < old->secrets->len; i++)
    {
      const AgentSecretRequest *request = old->secrets->pdata[i];
      AgentSecretRequest *copy = agent_secret_request_new ();

      copy->handle = request->handle;
      agent_snapshot_set_text (&copy->kind, request->kind);
      agent_snapshot_set_text (&copy->identity, request->identity);
      agent_snapshot_set_text (&copy->gateway, request->gateway);
      agent_snapshot_set_text (&copy->refusal, request->refusal);
      g_ptr_array_add (new->secrets, copy);
    }
  new->mip_nat = old->mip_nat;
  new->enabled = old->enabled;
  new->vpn_up = new->mobike = TRUE;
  new->since_ms = 125000;
  new->generation = old->generation;
  return new;
}

static void
add_link (AgentSnapshot *snapshot)
{
  AgentLinkStatus *link = agent_link_status_new ();

  agent_snapshot_set_text (&link->name, snapshot->interface);
  agent_snapshot_set_text (&link->kind, "ethernet");
  agent_snapshot_set_text (&link->state, "C");
  agent_snapshot_set_text (&link->address, "10.2.0.50/24");
  agent_snapshot_set_text (&link->reason, "the home agent answered");
  link->ifindex = 3;
  link->active = link->trusted = TRUE;
  link->proof_age_ms = 12000;
  g_ptr_array_add (snapshot->links, link);
}

/* ------------------------------------------------------------- agent/agent.h ---- */

G_DEFINE_QUARK (agent - error - quark, agent_error)

void
agent_set_listener (Agent *agent, const AgentListener *listener, gpointer user_data)
{
  agent->listener = listener;
  agent->listener_data = user_data;
}

AgentSnapshot *
agent_get_snapshot (Agent *agent)
{
  AgentSnapshot *snapshot = copy_snapshot (agent);

  add_link (snapshot);
  agent_snapshot_set_counter (snapshot, "test", "reads", ++agent->reads);
  return snapshot;
}

GPtrArray *
agent_dup_history (Agent *agent, guint limit)
{
  return agent_journal_dup (agent->journal, limit);
}

static void
announce (Agent *agent, AgentSnapshot *snapshot)
{
  snapshot->generation++;
  agent_snapshot_unref (agent->snapshot);
  agent->snapshot = snapshot;
  if (agent->listener != NULL)
    agent->listener->snapshot_changed (snapshot, agent->listener_data);
}

gboolean
agent_connect (Agent *agent, GError **error)
{
  AgentSnapshot *snapshot = copy_snapshot (agent);

  say ("connect");
  snapshot->enabled = TRUE;
  announce (agent, snapshot);
  return TRUE;
}

gboolean
agent_disconnect (Agent *agent, GError **error)
{
  AgentSnapshot *snapshot = copy_snapshot (agent);

  say ("disconnect");
  snapshot->enabled = FALSE;
  announce (agent, snapshot);
  return TRUE;
}

gboolean
agent_redetect (Agent *agent, const char *interface, const char *reason, GError **error)
{
  say ("redetect '%s' '%s'", interface, reason);
  if (!agent->snapshot->enabled)
    {
      g_set_error_literal (error, AGENT_ERROR, AGENT_ERROR_NOT_ENABLED, "roamd is switched off");
      return FALSE;
    }
  if (g_str_equal (interface, "nosuch0"))
    {
      g_set_error_literal (error, AGENT_ERROR, AGENT_ERROR_UNKNOWN_INTERFACE,
                           "nosuch0 is no interface that roamd uses");
      return FALSE;
    }
  return TRUE;
}

gboolean
agent_provide_secret (Agent *agent, guint32 handle, RoamSecret *secret, GError **error)
{
  g_autofree char *described = roam_secret_describe (secret);
  AgentSnapshot *snapshot;

  if (agent->snapshot->secrets->len == 0 || handle != agent->handle)
    {
      g_set_error_literal (error, AGENT_ERROR, AGENT_ERROR_NO_SUCH_REQUEST, "Nothing is asked for under that handle");
      return FALSE;
    }
  /* The fake is not the place to keep secrets from: the test wants to know what came. */
  say ("secret %u '%.*s' %s", handle - 77, (int)roam_secret_length (secret), (const char *)roam_secret_peek (secret),
       described);
  snapshot = copy_snapshot (agent);
  g_ptr_array_set_size (snapshot->secrets, 0);
  announce (agent, snapshot);
  return TRUE;
}

static void
add_pair (AgentSa *sa, const char *interface, const char *local, const char *state, gint64 rtt_us)
{
  AgentPair *pair = agent_pair_new ();

  agent_snapshot_set_text (&pair->interface, interface);
  agent_snapshot_set_text (&pair->local, local);
  agent_snapshot_set_text (&pair->remote, "203.0.113.2:4500");
  agent_snapshot_set_text (&pair->state, state);
  pair->in_use = pair->rtt_us != rtt_us;
  pair->rtt_us = rtt_us;
  pair->tried_ms = rtt_us == 0 ? -1 : 3000;
  g_ptr_array_add (sa->pairs, pair);
}

AgentSa *
agent_dup_sa (Agent *agent)
{
  const AgentChildSa children[] = { { 0xc0000001, 0xd0000001, FALSE, 3600000 },
                                    { 0xc0000002, 0xd0000002, TRUE, 5000 } };
  AgentSa *sa;

  if (!agent->has_sa)
    return NULL;
  sa = agent_sa_new ();
  agent_snapshot_set_text (&sa->state, "established");
  agent_snapshot_set_text (&sa->dialect, "mopo");
  agent_snapshot_set_text (&sa->ike_suite, "aes256gcm16-prfsha384-ecp384");
  agent_snapshot_set_text (&sa->esp_suite, "aes256gcm16");
  agent_snapshot_set_text (&sa->interface, "wlan0");
  agent_snapshot_set_text (&sa->local, "198.51.100.50");
  agent_snapshot_set_text (&sa->remote, "203.0.113.2:4500");
  agent_snapshot_set_text (&sa->tia, "10.8.0.2");
  sa->spi_i = G_GUINT64_CONSTANT (0x0102030405060708);
  sa->spi_r = G_GUINT64_CONSTANT (0xf1f2f3f4f5f6f7f8);
  sa->nat_local = TRUE;
  sa->age_ms = 3605000;
  sa->rekey_in_ms = 10800000;
  sa->rtt_us = 20400;
  g_array_append_vals (sa->children, children, G_N_ELEMENTS (children));
  add_pair (sa, "wlan0", "198.51.100.50", "works", 20400);
  add_pair (sa, "wwan0", "192.0.2.7", "untried", 0);
  return sa;
}

/* ---------------------------------------------------------------------- script ---- */

static void
set_mode (Agent *agent, const char *mode, const char *interface)
{
  AgentSnapshot *snapshot = copy_snapshot (agent);
  g_autofree char *sentence = g_strdup_printf ("In mode %s on %s.", mode, interface);

  agent_snapshot_set_text (&snapshot->mode, mode);
  agent_snapshot_set_text (&snapshot->interface, interface);
  agent_snapshot_set_text (&snapshot->sentence, sentence);
  agent_snapshot_set_text (&snapshot->why, "The script said so.");
  add_link (snapshot);
  announce (agent, snapshot);
}

static void
ask_for_secret (Agent *agent, const char *refusal)
{
  AgentSnapshot *snapshot = copy_snapshot (agent);
  AgentSecretRequest *request = agent_secret_request_new ();

  request->handle = agent->handle = MAX (agent->handle, 77) + 1;
  agent_snapshot_set_text (&request->kind, "password");
  agent_snapshot_set_text (&request->identity, "alice");
  agent_snapshot_set_text (&request->gateway, "203.0.113.2");
  agent_snapshot_set_text (&request->refusal, g_str_equal (refusal, "-") ? "" : refusal);
  g_ptr_array_set_size (snapshot->secrets, 0);
  g_ptr_array_add (snapshot->secrets, request);
  announce (agent, snapshot);
}

static void
hand_over (Agent *agent)
{
  AgentHandover *row = g_new0 (AgentHandover, 1);

  row->wall_us = 1700000000000000;
  row->from_mode = g_strdup ("c");
  row->to_mode = g_strdup ("mc");
  row->from_interface = g_strdup ("eth0");
  row->to_interface = g_strdup ("wlan0");
  row->from_address = g_strdup ("10.2.0.50");
  row->to_address = g_strdup ("198.51.100.50");
  row->event_to_mobike_us = 812;
  row->event_to_rrq_us = -1;
  row->gap_us = 41000;
  row->reason = g_strdup ("cable pulled");
  agent_journal_add (agent->journal, row);
  if (agent->listener != NULL)
    agent->listener->handover (row, agent->listener_data);
}

typedef struct
{
  Agent agent;
  GMainLoop *loop;
} Script;

static gboolean
on_input (GIOChannel *channel, GIOCondition condition, gpointer user_data)
{
  Script *script = user_data;
  g_autofree char *line = NULL;
  g_auto (GStrv) words = NULL;

  if (g_io_channel_read_line (channel, &line, NULL, NULL, NULL) != G_IO_STATUS_NORMAL)
    {
      g_main_loop_quit (script->loop);
      return G_SOURCE_REMOVE;
    }
  words = g_strsplit (g_strstrip (line), " ", 3);
  if (g_str_equal (words[0], "mode"))
    set_mode (&script->agent, words[1], words[2]);
  else if (g_str_equal (words[0], "handover"))
    hand_over (&script->agent);
  else if (g_str_equal (words[0], "ask"))
    ask_for_secret (&script->agent, words[1]);
  else if (g_str_equal (words[0], "sa"))
    script->agent.has_sa = TRUE;
  else if (g_str_equal (words[0], "dialect"))
    {
      AgentSnapshot *snapshot = copy_snapshot (&script->agent);

      agent_snapshot_set_text (&snapshot->dialect, words[1]);
      announce (&script->agent, snapshot);
    }
  else if (g_str_equal (words[0], "advice"))
    {
      AgentSnapshot *snapshot = copy_snapshot (&script->agent);

      agent_snapshot_set_text (&snapshot->advice, words[1]);
      announce (&script->agent, snapshot);
    }
  else if (g_str_equal (words[0], "foreign"))
    {
      AgentSnapshot *snapshot = copy_snapshot (&script->agent);

      agent_snapshot_set_text (&snapshot->foreign_agent, words[1]);
      agent_snapshot_set_text (&snapshot->message, "maintenance at noon");
      snapshot->mip_nat = TRUE;
      announce (&script->agent, snapshot);
    }
  else
    g_error ("unknown command %s", words[0]);
  return G_SOURCE_CONTINUE;
}

int
main (int argc, char **argv)
{
  Script script = { .loop = g_main_loop_new (NULL, FALSE) };
  GIOChannel *input = g_io_channel_unix_new (fileno (stdin));
  DbusAdaptor *adaptor;

  script.agent.snapshot = agent_snapshot_new ();
  script.agent.snapshot->enabled = TRUE;
  script.agent.snapshot->generation = 1;
  agent_snapshot_set_text (&script.agent.snapshot->mode, "c");
  agent_snapshot_set_text (&script.agent.snapshot->interface, "eth0");
  agent_snapshot_set_text (&script.agent.snapshot->sentence, "Inside the enterprise network through eth0.");
  agent_snapshot_set_text (&script.agent.snapshot->why, "The home agent answered.");
  script.agent.journal = agent_journal_new (10);
  adaptor = dbus_adaptor_new (&script.agent);
  g_io_add_watch (input, G_IO_IN | G_IO_HUP, on_input, &script);
  g_main_loop_run (script.loop);
  dbus_adaptor_free (adaptor);
  g_io_channel_unref (input);
  agent_snapshot_unref (script.agent.snapshot);
  agent_journal_free (script.agent.journal);
  g_main_loop_unref (script.loop);
  return 0;
}
