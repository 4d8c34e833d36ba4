/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "agent/runtime-private.h"

#include <errno.h>
#include <glib-unix.h>
#include <sched.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <sys/timerfd.h>
#include <systemd/sd-daemon.h>
#include <time.h>
#include <unistd.h>

/* How long the last packets may take when the agent stops or releases the machine. */
#define FAREWELL_US (1 * ROAM_USEC_PER_SEC)
/* The clocks drift apart by this much only when the machine slept. */
#define SLEEP_US (500 * ROAM_USEC_PER_MSEC)
/* An engine that asks for the past again and again would eat the processor: then the loop breathes. */
#define MAX_HASTY_WAKES 1000
#define BREATH_US (10 * ROAM_USEC_PER_MSEC)

/* ------------------------------------------------------------------------ time ---- */

static gint64
read_clock (clockid_t clock)
{
  struct timespec at;

  clock_gettime (clock, &at);
  return (gint64)at.tv_sec * ROAM_USEC_PER_SEC + at.tv_nsec / 1000;
}

RoamNow
agent_now (void)
{
  return roam_now_make (read_clock (CLOCK_BOOTTIME), read_clock (CLOCK_REALTIME));
}

static gint64
next_deadline (Agent *agent)
{
  gint64 due = coordinator_next_deadline (agent->coordinator);

  due = roam_deadline_min (due, mip4_mn_next_deadline (agent->mip4));
  due = roam_deadline_min (due, mip4_discovery_next_deadline (agent->discovery));
  due = roam_deadline_min (due, agent_arp_next_deadline (agent));
  if (agent->ike != NULL)
    due = roam_deadline_min (due, ike_session_next_deadline (agent->ike));
  due = roam_deadline_min (due, agent_vpn_next_deadline (agent));
  due = roam_deadline_min (due, agent->phase_deadline_us);
  return roam_deadline_min (due, agent->watchdog_us);
}

void
agent_arm_timer (Agent *agent)
{
  gint64 due = next_deadline (agent);
  struct itimerspec spec = { 0 };

  if (due == agent->armed_us)
    return;
  agent->armed_us = due;
  if (due != ROAM_NEVER)
    {
      due = MAX (due, 1); /* zero would disarm */
      if (agent->hasty_wakes >= MAX_HASTY_WAKES)
        due = MAX (due, read_clock (CLOCK_BOOTTIME) + BREATH_US);
      spec.it_value.tv_sec = (time_t)(due / ROAM_USEC_PER_SEC);
      spec.it_value.tv_nsec = (long)(due % ROAM_USEC_PER_SEC) * 1000;
    }
  if (timerfd_settime (agent->timer_fd, TFD_TIMER_ABSTIME, &spec, NULL) < 0)
    g_error ("timerfd_settime: %s", g_strerror (errno));
}

/* ------------------------------------------------------------------------ pass ---- */

/* Nothing that is still due within the farewell: what was sent has been answered. */
static gboolean
farewell_is_over (Agent *agent, const RoamNow *now)
{
  gint64 end_us = agent->phase_deadline_us;
  gint64 due_us = mip4_mn_next_deadline (agent->mip4);

  if (agent->ike != NULL)
    due_us = roam_deadline_min (due_us, ike_session_next_deadline (agent->ike));
  return due_us > end_us || now->boot_us >= end_us;
}

static void
end_phase (Agent *agent)
{
  switch (agent->phase)
    {
    case AGENT_PHASE_OFF:
    case AGENT_PHASE_ON:
      return;
    case AGENT_PHASE_RELEASING:
      agent->phase = AGENT_PHASE_OFF;
      agent_dataplane_remove (agent);
      break;
    case AGENT_PHASE_STOPPING:
      agent->phase = AGENT_PHASE_OFF;
      agent_dataplane_leave (agent);
      agent->stopped (agent->stopped_data);
      break;
    }
  agent->phase_deadline_us = ROAM_NEVER;
}

void
agent_pass (Agent *agent, const RoamNow *now)
{
  agent_engines_drain (agent, now);
  agent_dataplane_apply (agent);
  agent_engines_flush_vpn_sends (agent);
  agent_vpn_apply_names (agent);
  agent_vpn_ask_names (agent, now);
  agent_log_flush (agent);
  if (agent->phase == AGENT_PHASE_RELEASING || agent->phase == AGENT_PHASE_STOPPING)
    if (farewell_is_over (agent, now))
      end_phase (agent);
  agent_arm_timer (agent);
  agent_status_schedule (agent);
}

/* ---------------------------------------------------------------------- sources ---- */

static void
start_stopwatch (Agent *agent, const DetectEvent *event, gint64 at_us)
{
  gboolean ours = event->link.ifindex == agent->plan.ifindex;

  /* A link that comes gives work; one that goes only when data used it. */
  if (event->type == DETECT_EVENT_ADDRESS || event->type == DETECT_EVENT_HINT || ours)
    {
      agent->stopwatch.began_us = at_us;
      agent->stopwatch.wait_ike = TRUE;
      agent->stopwatch.wait_rrq = TRUE;
    }
}

static void
take_link_events (Agent *agent, const RoamNow *now)
{
  DetectEvent event;

  /* Sockets exist before the event that needs them. */
  if (agent_links_sync (agent))
    agent_dataplane_apply_links (agent);
  while (detect_tracker_pop_event (agent->tracker, &event))
    {
      start_stopwatch (agent, &event, now->boot_us);
      agent_log_link (agent, &event);
      coordinator_input_link (agent->coordinator, now, &event);
      agent_vpn_links_changed (agent, now);
      agent_agents_take_link (agent, now, &event);
    }
  agent_pass (agent, now);
}

static gboolean
on_netlink (int fd, GIOCondition condition, gpointer user_data)
{
  Agent *agent = user_data;
  RoamNow now = agent_now ();

  detect_link_io_dispatch (agent->link_io);
  take_link_events (agent, &now);
  return G_SOURCE_CONTINUE;
}

/* After a sleep nothing is as it was, and the kernel's messages may have been many. */
static void
check_for_sleep (Agent *agent, const RoamNow *now)
{
  gint64 suspended = now->boot_us - read_clock (CLOCK_MONOTONIC);
  CoordinatorCommand command = { .type = COORDINATOR_REDETECT, .reason = "resumed from sleep" };
  g_autoptr (GError) error = NULL;

  if (suspended - agent->suspended_us < SLEEP_US)
    return;
  agent->suspended_us = suspended;
  if (!detect_link_io_resync (agent->link_io, &error))
    g_warning ("The links cannot be read: %s", error->message);
  if (agent->phase == AGENT_PHASE_ON)
    coordinator_input_command (agent->coordinator, now, &command);
  take_link_events (agent, now);
}

static void
pulse_watchdog (Agent *agent, const RoamNow *now)
{
  if (agent->watchdog_interval_us == 0 || now->boot_us < agent->watchdog_us)
    return;
  sd_notify (0, "WATCHDOG=1");
  agent->watchdog_us = now->boot_us + agent->watchdog_interval_us;
}

static gboolean
on_timer (int fd, GIOCondition condition, gpointer user_data)
{
  Agent *agent = user_data;
  guint64 expirations;
  RoamNow now;

  if (read (fd, &expirations, sizeof expirations) < 0 && errno != EAGAIN)
    g_warning ("timerfd: %s", g_strerror (errno));
  now = agent_now ();
  agent->armed_us = G_MININT64;
  check_for_sleep (agent, &now);
  pulse_watchdog (agent, &now);
  coordinator_input_deadline (agent->coordinator, &now);
  mip4_mn_input_deadline (agent->mip4, &now);
  mip4_discovery_input_deadline (agent->discovery, &now);
  agent_arp_input_deadline (agent, &now);
  agent_vpn_input_deadline (agent, &now);
  if (agent->ike != NULL)
    ike_session_input_deadline (agent->ike, &now);
  agent_pass (agent, &now);
  agent->hasty_wakes = next_deadline (agent) <= now.boot_us ? agent->hasty_wakes + 1 : 0;
  return G_SOURCE_CONTINUE;
}

static GSource *
watch (Agent *agent, int fd, GUnixFDSourceFunc callback, int priority)
{
  GSource *source = g_unix_fd_source_new (fd, G_IO_IN);

  g_source_set_priority (source, priority);
  g_source_set_callback (source, G_SOURCE_FUNC (callback), agent, NULL);
  g_source_attach (source, NULL);
  return source;
}

/* ------------------------------------------------------------------ life cycle ---- */

static RoamRng *
new_rng (GError **error)
{
  guint8 seed[ROAM_RNG_SEED_LENGTH];
  RoamRng *rng = NULL;

  if (getrandom (seed, sizeof seed, 0) == (gssize)sizeof seed)
    rng = roam_rng_new (seed);
  else
    g_set_error (error, AGENT_ERROR, AGENT_ERROR_FAILED, "The kernel gives no random numbers: %s", g_strerror (errno));
  roam_wipe (seed, sizeof seed);
  return rng;
}

static gboolean
new_engines (Agent *agent, GError **error)
{
  CoordinatorConfig coordinator;
  Mip4MnConfig mip4;
  Mip4DiscoveryConfig discovery;
  g_autofree char *problem = NULL;

  agent_config_get_coordinator (agent->config, &coordinator);
  agent->coordinator = coordinator_new (&coordinator);
  agent_config_get_mip4 (agent->config, &mip4);
  agent->mip4 = mip4_mn_new (&mip4, agent->rng);
  agent_config_get_discovery (agent->config, &discovery);
  agent->discovery = mip4_discovery_new (&discovery, agent->rng);
  agent->tracker = detect_tracker_new ((const char *const *)agent->config->ignore, agent->config->tun_name);
  if (!agent->config->has_vpn || agent_vpn_open_session (agent, &problem))
    return TRUE;
  g_set_error (error, AGENT_ERROR, AGENT_ERROR_CONFIG, "%s: [vpn]: %s", agent->config->file, problem);
  return FALSE;
}

/*
 * A link event wants two packets at once, whatever else the machine does. This thread works for
 * microseconds at a time, so it may go before all ordinary ones; the data plane's thread, which can be
 * busy for long, stays an ordinary one and is therefore started before.
 */
static void
take_precedence (void)
{
  const struct sched_param parameter = { .sched_priority = 1 };

  if (sched_setscheduler (0, SCHED_RR | SCHED_RESET_ON_FORK, &parameter) == 0)
    return;
  if (setpriority (PRIO_PROCESS, 0, -15) < 0)
    g_info ("Ordinary scheduling priority (%s); under load a handover may take some milliseconds more",
            g_strerror (errno));
}

static gboolean
open_edges (Agent *agent, GError **error)
{
  agent->timer_fd = timerfd_create (CLOCK_BOOTTIME, TFD_CLOEXEC | TFD_NONBLOCK);
  if (agent->timer_fd < 0)
    {
      g_set_error (error, AGENT_ERROR, AGENT_ERROR_FAILED, "timerfd: %s", g_strerror (errno));
      return FALSE;
    }
  agent->timer_source = watch (agent, agent->timer_fd, on_timer, G_PRIORITY_DEFAULT);
  if (!agent_dataplane_open (agent, error))
    return FALSE;
  take_precedence ();
  agent->link_io = detect_link_io_new (agent->tracker, error);
  if (agent->link_io == NULL)
    return FALSE;
  agent->netlink_source = watch (agent, detect_link_io_get_fd (agent->link_io), on_netlink, G_PRIORITY_HIGH);
  return TRUE;
}

static void
open_journal (Agent *agent, const char *state_directory)
{
  g_autoptr (GError) error = NULL;

  agent->journal = agent_journal_new (AGENT_JOURNAL_LIMIT);
  agent->journal_file = agent_journal_file_open (state_directory, agent->journal, &error);
  if (agent->journal_file == NULL)
    g_warning ("The history is kept in memory only: %s", error->message);
}

static void
start_watchdog (Agent *agent, const RoamNow *now)
{
  guint64 interval = 0;

  agent->watchdog_us = ROAM_NEVER;
  if (sd_watchdog_enabled (0, &interval) <= 0)
    return;
  agent->watchdog_interval_us = (gint64)interval / 3;
  agent->watchdog_us = now->boot_us;
}

/* Tells the coordinator to begin. */
static void
enable (Agent *agent)
{
  RoamNow now = agent_now ();
  CoordinatorCommand command = { .type = COORDINATOR_ENABLE };

  agent->phase = AGENT_PHASE_ON;
  agent->phase_deadline_us = ROAM_NEVER;
  agent->mode_since_us = now.boot_us;
  coordinator_input_command (agent->coordinator, &now, &command);
  agent_agents_restart (agent, &now);
  take_link_events (agent, &now);
}

Agent *
agent_new (const AgentConfig *config, const AgentPlace *place, GError **error)
{
  g_autoptr (Agent) agent = g_new0 (Agent, 1);
  RoamNow now = agent_now ();

  agent->config = config;
  agent->timer_fd = -1;
  agent->phase_deadline_us = ROAM_NEVER;
  agent->armed_us = ROAM_NEVER;
  agent->suspended_us = now.boot_us - read_clock (CLOCK_MONOTONIC);
  agent->stopwatch = (AgentStopwatch){ .mobike_us = -1, .rrq_us = -1 };
  agent->buffer = g_malloc (AGENT_MAX_DATAGRAM);
  agent->children = g_array_new (FALSE, TRUE, sizeof (AgentChild));
  agent->links = g_hash_table_new_full (NULL, NULL, NULL, (GDestroyNotify)agent_link_free);
  agent_plan_init (&agent->plan, config->mtu);
  start_watchdog (agent, &now);
  agent->rng = new_rng (error);
  if (agent->rng == NULL)
    return NULL;
  agent_vpn_init (agent, place);
  if (!new_engines (agent, error) || !open_edges (agent, error))
    return NULL;
  open_journal (agent, place->state_directory);
  enable (agent);
  return g_steal_pointer (&agent);
}

static void
clear_source (GSource **source)
{
  if (*source == NULL)
    return;
  g_source_destroy (*source);
  g_clear_pointer (source, g_source_unref);
}

static void
free_engines (Agent *agent)
{
  g_clear_pointer (&agent->link_io, detect_link_io_free);
  g_clear_pointer (&agent->tracker, detect_tracker_free);
  g_clear_pointer (&agent->ike, ike_session_free);
  g_clear_pointer (&agent->mip4, mip4_mn_free);
  g_clear_pointer (&agent->discovery, mip4_discovery_free);
  g_clear_pointer (&agent->coordinator, coordinator_free);
  g_clear_pointer (&agent->rng, roam_rng_free);
}

void
agent_free (Agent *agent)
{
  if (agent == NULL)
    return;
  clear_source (&agent->netlink_source);
  clear_source (&agent->timer_source);
  g_clear_handle_id (&agent->idle_source, g_source_remove);
  agent_dataplane_leave (agent);
  agent_log_flush (agent);
  if (agent->timer_fd >= 0)
    close (agent->timer_fd);
  g_hash_table_unref (agent->links);
  agent_vpn_clear (agent);
  free_engines (agent);
  g_array_unref (agent->children);
  g_queue_clear_full (&agent->unwritten, (GDestroyNotify)agent_handover_free);
  g_clear_pointer (&agent->journal_file, agent_journal_file_free);
  g_clear_pointer (&agent->journal, agent_journal_free);
  g_clear_pointer (&agent->snapshot, agent_snapshot_unref);
  tunnel_plan_clear (&agent->plan);
  g_free (agent->fault);
  g_free (agent->buffer);
  g_free (agent);
}

/* ----------------------------------------------------------------------- verbs ---- */

G_DEFINE_QUARK (agent - error - quark, agent_error)

/* Last packets first; end_phase() does the rest, at the latest after a second. */
static void
say_farewell (Agent *agent, AgentPhase phase)
{
  RoamNow now = agent_now ();
  CoordinatorCommand command = { .type = COORDINATOR_DISABLE };

  agent->phase = phase;
  agent->phase_deadline_us = now.boot_us + FAREWELL_US;
  agent->mode_since_us = now.boot_us;
  coordinator_input_command (agent->coordinator, &now, &command);
  agent_agents_restart (agent, &now);
  agent_pass (agent, &now);
}

gboolean
agent_connect (Agent *agent, GError **error)
{
  AgentLogFields fields = { .reason = "Connect" };

  if (agent->phase == AGENT_PHASE_ON)
    return TRUE;
  if (agent->phase == AGENT_PHASE_STOPPING)
    {
      g_set_error_literal (error, AGENT_ERROR, AGENT_ERROR_FAILED, "roamd stops");
      return FALSE;
    }
  end_phase (agent);
  agent_log (agent, G_LOG_LEVEL_MESSAGE, ROAM_MESSAGE_REQUEST, &fields, "Switched on by request");
  if (!agent_dataplane_open (agent, error))
    return FALSE;
  enable (agent);
  return TRUE;
}

gboolean
agent_disconnect (Agent *agent, GError **error)
{
  AgentLogFields fields = { .reason = "Disconnect" };

  if (agent->phase != AGENT_PHASE_ON)
    return TRUE;
  agent_log (agent, G_LOG_LEVEL_MESSAGE, ROAM_MESSAGE_REQUEST, &fields,
             "Switched off by request: the networks are used without protection from now on");
  say_farewell (agent, AGENT_PHASE_RELEASING);
  return TRUE;
}

gboolean
agent_redetect (Agent *agent, const char *interface, const char *reason, GError **error)
{
  CoordinatorCommand command = { .type = COORDINATOR_REDETECT, .reason = "asked for" };
  AgentLogFields fields = { .link = interface, .reason = reason };
  RoamNow now = agent_now ();

  if (agent->phase != AGENT_PHASE_ON)
    {
      g_set_error_literal (error, AGENT_ERROR, AGENT_ERROR_NOT_ENABLED,
                           "roamd is switched off; \"roamctl connect\" switches it on");
      return FALSE;
    }
  if (interface != NULL && interface[0] != '\0')
    {
      const AgentLink *link = agent_link_find_by_name (agent, interface);

      if (link == NULL)
        {
          g_set_error (error, AGENT_ERROR, AGENT_ERROR_UNKNOWN_INTERFACE, "%s is no interface that roamd uses",
                       interface);
          return FALSE;
        }
      command.ifindex = link->ifindex;
    }
  agent_log (agent, G_LOG_LEVEL_INFO, ROAM_MESSAGE_REQUEST, &fields, "Detecting %s again (%s)",
             command.ifindex == 0 ? "every link" : interface, reason == NULL ? "" : reason);
  coordinator_input_command (agent->coordinator, &now, &command);
  agent_pass (agent, &now);
  return TRUE;
}

void
agent_stop (Agent *agent, void (*done) (gpointer user_data), gpointer user_data)
{
  gboolean released = agent->phase == AGENT_PHASE_OFF || agent->phase == AGENT_PHASE_RELEASING;
  gboolean impatient = agent->phase == AGENT_PHASE_STOPPING;

  end_phase (agent);
  if (impatient)
    return;
  agent->stopped = done;
  agent->stopped_data = user_data;
  if (released)
    done (user_data);
  else
    say_farewell (agent, AGENT_PHASE_STOPPING);
}

gboolean
agent_install_gate (const AgentConfig *config, GError **error)
{
  TunnelGateConfig gate;
  TunnelGateIo *io;

  agent_config_get_gate (config, &gate);
  io = tunnel_gate_io_new (&gate, error);
  if (io == NULL)
    return FALSE;
  tunnel_gate_io_free (io, FALSE);
  return TRUE;
}
