/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "agent/runtime-private.h"

#include <systemd/sd-daemon.h>
#include <string.h>

/* Reading the gate's counters costs a netlink round trip: not more often than this. */
#define COUNTERS_AGE_US (500 * ROAM_USEC_PER_MSEC)

/* -------------------------------------------------------------------- evidence ---- */

static char *
dup_addr (const RoamAddr *addr)
{
  char text[ROAM_ADDR_STRLEN];

  return g_strdup (roam_addr_is_set (addr) ? roam_addr_to_string (addr, text) : "");
}

void
agent_status_take_handover (Agent *agent, const CoordinatorHandover *handover)
{
  AgentHandover *row = g_new0 (AgentHandover, 1);
  AgentLogFields fields = { .link = handover->to_ifname,
                            .mode = coordinator_state_to_mode (handover->to),
                            .reason = handover->reason };

  row->wall_us = g_get_real_time ();
  row->from_mode = g_strdup (coordinator_state_to_mode (handover->from));
  row->to_mode = g_strdup (coordinator_state_to_mode (handover->to));
  row->from_interface = g_strdup (handover->from_ifname);
  row->to_interface = g_strdup (handover->to_ifname);
  row->from_address = dup_addr (&handover->from_address);
  row->to_address = dup_addr (&handover->to_address);
  row->event_to_mobike_us = agent->stopwatch.mobike_us;
  row->event_to_rrq_us = agent->stopwatch.rrq_us;
  row->gap_us = MAX (handover->ended_us - handover->began_us, 0);
  row->reason = g_strdup (handover->reason == NULL ? "" : handover->reason);
  agent->stopwatch = (AgentStopwatch){ .mobike_us = -1, .rrq_us = -1 };
  agent_journal_add (agent->journal, row);
  g_queue_push_tail (&agent->unwritten, agent_handover_copy (row));
  agent_log (agent, G_LOG_LEVEL_INFO, ROAM_MESSAGE_HANDOVER, &fields,
             "Handover %s %s -> %s %s, data stopped for %" G_GINT64_FORMAT " us", row->from_mode, row->from_interface,
             row->to_mode, row->to_interface, row->gap_us);
}

void
agent_status_take_alarm (Agent *agent, const CoordinatorAction *action)
{
  AgentLogFields fields = { .link = agent_link_name (agent, action->alarm.ifindex), .reason = action->alarm.sentence };
  const char *sentence = action->alarm.sentence == NULL ? "" : action->alarm.sentence;

  if (action->alarm.alarm == COORDINATOR_ALARM_CLEARED)
    {
      if (agent->has_alarm)
        agent_log (agent, G_LOG_LEVEL_INFO, ROAM_MESSAGE_CLEARED, &fields, "All is well again. %s", sentence);
      agent->has_alarm = FALSE;
      return;
    }
  if (!agent->has_alarm || agent->alarm != action->alarm.alarm || agent->alarm_code != action->alarm.code)
    agent_log (agent, G_LOG_LEVEL_WARNING, ROAM_MESSAGE_ALARM, &fields, "%s", sentence);
  agent->has_alarm = TRUE;
  agent->alarm = action->alarm.alarm;
  agent->alarm_code = action->alarm.code;
  agent->alarm_sentence = action->alarm.sentence;
}

/* An answer without a message says that the last one no longer holds. */
void
agent_status_take_mip4 (Agent *agent, const Mip4MnEvent *event)
{
  switch (event->type)
    {
    case MIP4_MN_ACCEPTED:
    case MIP4_MN_DENIED:
      g_strlcpy (agent->message, event->message, sizeof agent->message);
      agent->message_authentic = event->message_authentic;
      break;
    case MIP4_MN_EXHAUSTED:
    case MIP4_MN_DISCARDED:
    case MIP4_MN_LATE:
    case MIP4_MN_RENEWAL_DUE:
    case MIP4_MN_EXPIRED:
    case MIP4_MN_REVOKED:
      break;
    }
}

void
agent_status_take_ike (Agent *agent, const IkeEvent *event)
{
  switch (event->type)
    {
    case IKE_EVENT_ESTABLISHED:
    case IKE_EVENT_PATH_OK:
    case IKE_EVENT_NAT_CHANGED:
      agent->mobike = event->mobike;
      agent->nat = event->nat_local;
      agent->ike_reason = NULL;
      agent->ike_advice = NULL;
      break;
    case IKE_EVENT_PATH_FAILED:
    case IKE_EVENT_FAILED:
    case IKE_EVENT_AUTH_FAILED:
    case IKE_EVENT_DEAD:
      agent->ike_reason = event->reason;
      agent->ike_advice = event->advice;
      break;
    case IKE_EVENT_TIA_CHANGED:
    case IKE_EVENT_PATH_CHANGED:
    case IKE_EVENT_REDIRECTED:
    case IKE_EVENT_RESOLVE:
      break;
    }
}

/* -------------------------------------------------------------------- snapshot ---- */

static AgentLinkStatus *
make_link (const CoordinatorLinkStatus *status, gint64 now_us)
{
  AgentLinkStatus *link = agent_link_status_new ();
  RoamPrefix address = { status->link.address, status->link.prefix_length };
  char text[ROAM_ADDR_STRLEN];

  agent_snapshot_set_text (&link->name, status->link.name);
  link->ifindex = status->link.ifindex;
  agent_snapshot_set_text (&link->kind, agent_link_kind_to_string (status->link.kind));
  agent_snapshot_set_text (&link->state, coordinator_state_to_string (status->state));
  if (roam_addr_is_set (&status->link.address))
    agent_snapshot_set_text (&link->address, roam_prefix_to_string (&address, text));
  link->active = status->active;
  link->trusted = status->trusted;
  link->proof_age_ms = status->proved_us == 0 ? -1 : MAX (now_us - status->proved_us, 0) / ROAM_USEC_PER_MSEC;
  agent_snapshot_set_text (&link->reason, status->reason);
  return link;
}

/* The interface people mean: the active one, else the one that is furthest. */
static const AgentLinkStatus *
main_link (const AgentSnapshot *snapshot, CoordinatorState state)
{
  const AgentLinkStatus *candidate = NULL;

  for (guint i = 0; i < snapshot->links->len; i++)
    {
      const AgentLinkStatus *link = snapshot->links->pdata[i];

      if (link->active)
        return link;
      if (candidate == NULL && g_str_equal (link->state, coordinator_state_to_string (state)))
        candidate = link;
    }
  return candidate;
}

static void
fill_addresses (Agent *agent, AgentSnapshot *snapshot)
{
  const AgentConfig *config = agent->config;
  char text[ROAM_ADDR_STRLEN];

  agent_snapshot_set_text (&snapshot->home_address, roam_addr_to_string (&config->home.addr, text));
  agent_snapshot_set_text (&snapshot->home_agent, roam_addr_to_string (&config->home_agent, text));
  agent_snapshot_set_text (&snapshot->gateway, agent_vpn_gateway_text (agent, text));
  agent_secret_fill_snapshot (agent, snapshot);
  if (roam_addr_is_set (&agent->plan.tia))
    agent_snapshot_set_text (&snapshot->tia, roam_addr_to_string (&agent->plan.tia, text));
  if (roam_addr_is_set (&agent->serving))
    agent_snapshot_set_text (&snapshot->foreign_agent, roam_addr_to_string (&agent->serving, text));
  snapshot->mip_nat = agent->plan.mip_udp;
  agent_snapshot_set_text (&snapshot->message, agent->message);
  snapshot->message_authentic = agent->message_authentic && agent->message[0] != '\0';
  if (agent->plan.mode == TUNNEL_MODE_F)
    agent_snapshot_set_text (&snapshot->care_of_address, roam_addr_to_string (&agent->serving_care_of, text));
  if (agent->plan.mode == TUNNEL_MODE_C || agent->plan.mode == TUNNEL_MODE_MC)
    agent_snapshot_set_text (&snapshot->care_of_address, roam_addr_to_string (&agent->plan.mip_local, text));
}

static void
fill_vpn (Agent *agent, AgentSnapshot *snapshot)
{
  IkeStatus status = { 0 };

  snapshot->vpn_up = agent->plan.out_sa != 0;
  if (agent->ike == NULL || !snapshot->vpn_up)
    return;
  ike_session_get_status (agent->ike, &status);
  snapshot->mobike = status.mobike;
  snapshot->nat = status.nat_local;
  agent_snapshot_set_text (&snapshot->dialect, status.dialect);
  agent_snapshot_set_text (&snapshot->ike_suite, status.ike_suite);
  agent_snapshot_set_text (&snapshot->esp_suite, status.esp_suite);
}

static void
fill_sentences (Agent *agent, AgentSnapshot *snapshot, CoordinatorState state)
{
  const AgentLinkStatus *link = main_link (snapshot, state);
  AgentSituation situation = {
    .state = state,
    .enabled = agent->phase == AGENT_PHASE_ON,
    .home_address = agent->config->home.addr,
    .home_agent = agent->config->home_agent,
    .gateway = agent->config->has_vpn ? snapshot->gateway : NULL,
    .secret = snapshot->secrets->len > 0 ? snapshot->secrets->pdata[0] : NULL,
    .vpn_certificate = agent->config->auth == AGENT_CONFIG_AUTH_CERTIFICATE,
    .interface = link == NULL ? NULL : link->name,
    .has_alarm = agent->has_alarm,
    .alarm = agent->alarm,
    .alarm_code = agent->alarm_code,
    .alarm_sentence = agent->alarm_sentence,
    .ike_reason = agent->ike_reason,
    .ike_advice = agent->ike_advice,
    .fault = agent->fault,
    .nat = snapshot->nat,
    .foreign_agent = agent->serving,
    .mip_nat = snapshot->mip_nat,
  };

  agent_snapshot_describe (snapshot, &situation);
  if (link != NULL && link->active)
    agent_snapshot_set_text (&snapshot->interface, link->name);
}

static AgentSnapshot *
make_snapshot (Agent *agent, const RoamNow *now)
{
  AgentSnapshot *snapshot = agent_snapshot_new ();
  g_autoptr (GArray) links = coordinator_dup_links (agent->coordinator);
  CoordinatorState state =
    agent->phase == AGENT_PHASE_OFF ? COORDINATOR_OFF : coordinator_get_state (agent->coordinator);

  for (guint i = 0; i < links->len; i++)
    g_ptr_array_add (snapshot->links, make_link (&g_array_index (links, CoordinatorLinkStatus, i), now->boot_us));
  fill_addresses (agent, snapshot);
  fill_vpn (agent, snapshot);
  fill_sentences (agent, snapshot, state);
  if (agent->tunnel != NULL)
    agent_snapshot_set_text (&snapshot->backend, tunnel_io_get_backend (agent->tunnel));
  snapshot->since_ms = MAX (now->boot_us - agent->mode_since_us, 0) / ROAM_USEC_PER_MSEC;
  snapshot->generation = agent->snapshot == NULL ? 1 : agent->snapshot->generation;
  return snapshot;
}

/* -------------------------------------------------------------------- counters ---- */

static void
add_tunnel_counters (Agent *agent, AgentSnapshot *snapshot)
{
  TunnelIoStats stats = { 0 };

  if (agent->tunnel == NULL)
    return;
  tunnel_io_get_stats (agent->tunnel, &stats);
  agent_snapshot_set_counter (snapshot, "tunnel", "tx-packets", stats.tx_packets);
  agent_snapshot_set_counter (snapshot, "tunnel", "tx-octets", stats.tx_octets);
  agent_snapshot_set_counter (snapshot, "tunnel", "rx-packets", stats.rx_packets);
  agent_snapshot_set_counter (snapshot, "tunnel", "rx-octets", stats.rx_octets);
  agent_snapshot_set_counter (snapshot, "tunnel", "held-packets", stats.held);
  agent_snapshot_set_counter (snapshot, "tunnel", "hold-dropped-packets", stats.hold_dropped);
  agent_snapshot_set_counter (snapshot, "tunnel", "blocked-packets", stats.blocked);
  agent_snapshot_set_counter (snapshot, "tunnel", "bad-authenticator-packets", stats.bad_authenticator);
  agent_snapshot_set_counter (snapshot, "tunnel", "replayed-packets", stats.replayed);
  agent_snapshot_set_counter (snapshot, "tunnel", "unknown-spi-packets", stats.unknown_spi);
  agent_snapshot_set_counter (snapshot, "tunnel", "bad-inner-packets", stats.bad_inner);
  agent_snapshot_set_counter (snapshot, "tunnel", "clear-dropped-packets", stats.clear_dropped);
  agent_snapshot_set_counter (snapshot, "tunnel", "keepalives", stats.keepalives);
  agent_snapshot_set_counter (snapshot, "tunnel", "keepalives-lost", stats.keepalives_lost);
}

static void
add_gate_counters (Agent *agent, AgentSnapshot *snapshot, const RoamNow *now)
{
  const TunnelGateCounters *counters = &agent->gate_counters;

  if (agent->gate == NULL)
    return;
  if (agent->gate_counters_us == 0 || now->boot_us - agent->gate_counters_us >= COUNTERS_AGE_US)
    {
      g_autoptr (GError) error = NULL;

      if (!tunnel_gate_io_get_counters (agent->gate, &agent->gate_counters, &error))
        g_info ("The gate's counters cannot be read: %s", error->message);
      agent->gate_counters_us = now->boot_us;
    }
  agent_snapshot_set_counter (snapshot, "gate", "stopped-packets", counters->stopped_packets);
  agent_snapshot_set_counter (snapshot, "gate", "stopped-octets", counters->stopped_octets);
  agent_snapshot_set_counter (snapshot, "gate", "passed-packets", counters->passed_packets);
  agent_snapshot_set_counter (snapshot, "gate", "passed-octets", counters->passed_octets);
}

AgentSnapshot *
agent_get_snapshot (Agent *agent)
{
  RoamNow now = agent_now ();
  AgentSnapshot *snapshot = make_snapshot (agent, &now);
  g_autoptr (GHashTable) mip4 = mip4_mn_dup_counters (agent->mip4);
  g_autoptr (GHashTable) discovery = mip4_discovery_dup_counters (agent->discovery);

  agent_snapshot_add_counters (snapshot, "mip4", mip4);
  agent_snapshot_add_counters (snapshot, "discovery", discovery);
  if (agent->ike != NULL)
    {
      g_autoptr (GHashTable) ike = ike_session_dup_counters (agent->ike);

      agent_snapshot_add_counters (snapshot, "ike", ike);
    }
  agent_snapshot_set_counter (snapshot, "agent", "handovers", agent_journal_last_number (agent->journal));
  add_tunnel_counters (agent, snapshot);
  add_gate_counters (agent, snapshot, &now);
  return snapshot;
}

/* ------------------------------------------------------------------ announcing ---- */

static void
write_handovers (Agent *agent)
{
  AgentHandover *handover;

  while ((handover = g_queue_pop_head (&agent->unwritten)) != NULL)
    {
      g_autoptr (AgentHandover) owned = handover;
      g_autoptr (GError) error = NULL;

      if (agent->journal_file != NULL &&
          !agent_journal_file_append (agent->journal_file, agent->journal, owned, &error))
        g_warning ("The history is not written: %s", error->message);
      if (agent->listener != NULL)
        agent->listener->handover (owned, agent->listener_data);
    }
}

void
agent_status_run (Agent *agent)
{
  RoamNow now = agent_now ();
  g_autoptr (AgentSnapshot) snapshot = NULL;

  write_handovers (agent);
  agent_vpn_save (agent);
  snapshot = make_snapshot (agent, &now);
  if (agent->snapshot != NULL && agent_snapshot_equal (agent->snapshot, snapshot))
    return;
  if (agent->snapshot != NULL)
    snapshot->generation++;
  g_clear_pointer (&agent->snapshot, agent_snapshot_unref);
  agent->snapshot = agent_snapshot_ref (snapshot);
  sd_notifyf (0, "STATUS=%s", snapshot->sentence);
  if (agent->listener != NULL)
    agent->listener->snapshot_changed (snapshot, agent->listener_data);
}

static gboolean
on_idle (gpointer user_data)
{
  Agent *agent = user_data;

  agent->idle_source = 0;
  agent_status_run (agent);
  return G_SOURCE_REMOVE;
}

void
agent_status_schedule (Agent *agent)
{
  if (agent->idle_source == 0)
    agent->idle_source = g_idle_add (on_idle, agent);
}

void
agent_set_listener (Agent *agent, const AgentListener *listener, gpointer user_data)
{
  agent->listener = listener;
  agent->listener_data = user_data;
}

GPtrArray *
agent_dup_history (Agent *agent, guint limit)
{
  return agent_journal_dup (agent->journal, limit);
}
