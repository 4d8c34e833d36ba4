/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "agent/runtime-private.h"

#include <glib-unix.h>
#include <string.h>

/*
 * Plan and gate, in the order that never lets a packet out by mistake (R5266-TRF-006): what closes
 * comes first; what opens comes after the data plane is set, with the user's data held meanwhile.
 */

static void
set_fault (Agent *agent, const char *what, const GError *error)
{
  AgentLogFields fields = { .reason = error->message };

  if (g_strcmp0 (agent->fault, error->message) == 0)
    return; /* said already */
  g_free (agent->fault);
  agent->fault = g_strdup (error->message);
  agent_log (agent, G_LOG_LEVEL_WARNING, ROAM_MESSAGE_DATA_PLANE, &fields, "%s: %s", what, error->message);
}

static void
clear_fault (Agent *agent)
{
  AgentLogFields fields = { .reason = NULL };

  if (agent->fault == NULL)
    return;
  g_clear_pointer (&agent->fault, g_free);
  agent_log (agent, G_LOG_LEVEL_INFO, ROAM_MESSAGE_DATA_PLANE, &fields, "The data plane works again");
}

static gboolean
apply_gate (Agent *agent, const TunnelGateState *state)
{
  g_autoptr (GError) error = NULL;

  if (agent_plan_gate_equal (&agent->gate_state, state))
    return TRUE;
  if (!tunnel_gate_io_apply (agent->gate, state, &error))
    {
      set_fault (agent, "The gate cannot be changed", error);
      return FALSE;
    }
  agent->gate_state = *state;
  return TRUE;
}

static gboolean
apply_tunnel (Agent *agent, const TunnelPlan *plan)
{
  g_autoptr (GError) error = NULL;

  if (tunnel_io_apply (agent->tunnel, plan, &error))
    return TRUE;
  set_fault (agent, "The data plane cannot be changed", error);
  return FALSE;
}

static gboolean
close_gate (Agent *agent)
{
  TunnelGateState closed = { .mode = TUNNEL_MODE_BLOCKED };

  return !agent_plan_gate_is_open (&agent->gate_state) || apply_gate (agent, &closed);
}

void
agent_dataplane_block_now (Agent *agent)
{
  if (agent->tunnel == NULL)
    return;
  tunnel_io_hold_now (agent->tunnel);
  close_gate (agent);
}

/* The new mode lets data out in clear on one proved link: hold, open the gate, let go. */
static gboolean
apply_opening (Agent *agent, const TunnelGateState *gate)
{
  g_auto (TunnelPlan) held = { 0 };

  tunnel_plan_init (&held);
  tunnel_plan_copy (&held, &agent->plan);
  held.mode = TUNNEL_MODE_HOLD;
  return close_gate (agent) && apply_tunnel (agent, &held) && apply_gate (agent, gate) &&
         apply_tunnel (agent, &agent->plan);
}

/* Modes c and f of one proved link. */
static gboolean
is_other_way (const TunnelGateState *a, const TunnelGateState *b)
{
  return g_str_equal (a->ifname, b->ifname) && ((a->mode == TUNNEL_MODE_C && b->mode == TUNNEL_MODE_F) ||
                                                (a->mode == TUNNEL_MODE_F && b->mode == TUNNEL_MODE_C));
}

/*
 * Nothing need wait, and what is under way on the old path still comes in (D-38). What leaves in mode f does not
 * pass the gate, so f begins before the gate changes, and ends after.
 */
static gboolean
apply_other_way (Agent *agent, const TunnelGateState *gate)
{
  if (gate->mode == TUNNEL_MODE_F)
    return apply_tunnel (agent, &agent->plan) && apply_gate (agent, gate);
  return apply_gate (agent, gate) && apply_tunnel (agent, &agent->plan);
}

static gboolean
apply (Agent *agent, const TunnelGateState *gate)
{
  gboolean changes = !agent_plan_gate_equal (gate, &agent->gate_state);

  if (changes && is_other_way (&agent->gate_state, gate))
    return apply_other_way (agent, gate);
  /* The gate does not stop the packets of mode f (tunnel.h): the data plane does. */
  if (changes && agent->gate_state.mode == TUNNEL_MODE_F)
    tunnel_io_hold_now (agent->tunnel);
  if (changes && agent_plan_gate_is_open (gate))
    return apply_opening (agent, gate);
  return apply_gate (agent, gate) && apply_tunnel (agent, &agent->plan);
}

void
agent_dataplane_apply (Agent *agent)
{
  TunnelGateState gate;

  if (agent->tunnel == NULL)
    return;
  agent_plan_get_gate (&agent->plan, agent->plan_ifname, &gate);
  if (apply (agent, &gate))
    {
      clear_fault (agent);
      return;
    }
  /* Fail closed: whatever is half done, nothing of the user's leaves. The next pass tries again. */
  agent_dataplane_block_now (agent);
}

void
agent_dataplane_apply_links (Agent *agent)
{
  g_auto (TunnelPlan) plan = { 0 };

  if (agent->tunnel == NULL)
    return;
  /* The plan may be half way between two; only the data plane's sockets are wanted here. */
  tunnel_plan_init (&plan);
  tunnel_plan_copy (&plan, &agent->plan);
  apply_tunnel (agent, &plan);
}

static gboolean
on_tunnel_readable (int fd, GIOCondition condition, gpointer user_data)
{
  Agent *agent = user_data;
  TunnelIoEvent event = { 0 };

  while (agent->tunnel != NULL && tunnel_io_pop_event (agent->tunnel, &event))
    {
      RoamNow now = agent_now ();
      gsize length = 0;
      const guint8 *data = event.datagram == NULL ? NULL : g_bytes_get_data (event.datagram, &length);

      switch (event.type)
        {
        case TUNNEL_IO_IKE:
          if (agent->ike != NULL)
            ike_session_input_datagram (agent->ike, &now, (guint32)event.ifindex, &event.local, &event.remote, data,
                                        length);
          break;
        case TUNNEL_IO_REGISTRATION:
          mip4_mn_input_datagram (agent->mip4, &now, MIP4_PATH_VPN, &event.remote, &event.local.addr, data, length);
          break;
        case TUNNEL_IO_TRAFFIC:
          if (agent->ike != NULL)
            ike_session_input_traffic_from (agent->ike, &now, event.sa, &event.local.addr, &event.remote.addr);
          break;
        case TUNNEL_IO_UNANSWERED:
          if (agent->ike != NULL)
            ike_session_input_unanswered (agent->ike, &now, event.sa);
          break;
        case TUNNEL_IO_EXHAUSTION:
          if (agent->ike != NULL)
            ike_session_input_exhaustion (agent->ike, &now, event.sa);
          break;
        case TUNNEL_IO_KEEPALIVE_LOST:
          coordinator_input_tunnel_silent (agent->coordinator, &now);
          break;
        }
      tunnel_io_event_clear (&event);
      agent_pass (agent, &now);
    }
  return G_SOURCE_CONTINUE;
}

gboolean
agent_dataplane_open (Agent *agent, GError **error)
{
  TunnelGateConfig gate;
  TunnelIoConfig tunnel = {
    .tun_name = agent->config->tun_name,
    .home_address = agent->config->home.addr,
    .home_agent = agent->config->home_agent,
    .hold_packets = agent->config->hold_packets,
    .mark = AGENT_MARK,
  };

  if (agent->tunnel != NULL)
    return TRUE;
  agent_config_get_gate (agent->config, &gate);
  gate.n_gateways = agent->vpn.n_allowed;
  memcpy (gate.gateways, agent->vpn.allowed, sizeof gate.gateways);
  /* The gate before everything else: a crash from here on leaves it closed. */
  agent->gate = tunnel_gate_io_new (&gate, error);
  if (agent->gate == NULL)
    return FALSE;
  agent->gate_state = (TunnelGateState){ .mode = TUNNEL_MODE_BLOCKED };
  agent->tunnel = tunnel_io_new (&tunnel, error);
  if (agent->tunnel == NULL)
    {
      tunnel_gate_io_free (g_steal_pointer (&agent->gate), FALSE);
      return FALSE;
    }
  agent->tunnel_source = g_unix_fd_source_new (tunnel_io_get_fd (agent->tunnel), G_IO_IN);
  g_source_set_callback (agent->tunnel_source, G_SOURCE_FUNC (on_tunnel_readable), agent, NULL);
  g_source_attach (agent->tunnel_source, NULL);
  agent_dataplane_apply_links (agent);
  return TRUE;
}

static void
close_dataplane (Agent *agent, gboolean remove)
{
  if (agent->tunnel == NULL)
    return;
  g_source_destroy (agent->tunnel_source);
  g_clear_pointer (&agent->tunnel_source, g_source_unref);
  agent_engines_drop_vpn_sends (agent);
  /* Closed until the device is gone: its routes go first, then what stopped the rest. */
  close_gate (agent);
  tunnel_io_free (g_steal_pointer (&agent->tunnel), !remove);
  tunnel_gate_io_free (g_steal_pointer (&agent->gate), remove);
}

void
agent_dataplane_remove (Agent *agent)
{
  close_dataplane (agent, TRUE);
}

void
agent_dataplane_leave (Agent *agent)
{
  close_dataplane (agent, FALSE);
}
