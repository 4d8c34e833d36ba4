/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "agent/runtime-private.h"

#include <errno.h>

/*
 * Where the engines meet: every action is pulled and goes to a socket, to the plan, or as evidence
 * to the coordinator, whose commands go back down, until nothing is left.
 */

/* Commands and evidence settle in two or three rounds; more than this is a loop between the engines. */
#define MAX_ROUNDS 100

/* ------------------------------------------------------------------- stopwatch ---- */

static void
stop_watch (Agent *agent, gboolean *waiting, gint64 *ret_us)
{
  RoamNow now;

  if (!*waiting)
    return;
  now = agent_now ();
  *waiting = FALSE;
  *ret_us = now.boot_us - agent->stopwatch.began_us;
}

/* ------------------------------------------------------------------------ mip4 ---- */

static void
send_registration_on_link (Agent *agent, const Mip4MnAction *action)
{
  int ifindex = (int)action->send.path;
  gboolean sent;

  /* MIP-REG-003: to the station that was heard, without ARP. */
  if (action->send.has_link_layer)
    sent = tunnel_io_send_to_agent (ifindex, action->send.link_layer, &action->send.source, &action->send.destination,
                                    action->send.ttl, action->send.datagram);
  else
    sent = agent_link_send_mip4 (agent, ifindex, &action->send.source, &action->send.destination, action->send.ttl,
                                 action->send.datagram);

  agent_link_note_send (agent, ifindex, sent, errno, &action->send.destination.addr);
  if (sent)
    stop_watch (agent, &agent->stopwatch.wait_rrq, &agent->stopwatch.rrq_us);
}

static void
vpn_send_free (gpointer data)
{
  mip4_mn_action_clear (data);
  g_free (data);
}

void
agent_engines_drop_vpn_sends (Agent *agent)
{
  g_queue_clear_full (&agent->vpn_sends, vpn_send_free);
}

void
agent_engines_flush_vpn_sends (Agent *agent)
{
  for (const GList *l = agent->vpn_sends.head; l != NULL && agent->tunnel != NULL; l = l->next)
    {
      const Mip4MnAction *action = l->data;

      /* Without an SA there is nothing to send it in; the engine sends it again. */
      if (!tunnel_io_send_registration (agent->tunnel, &action->send.source, &action->send.destination,
                                        action->send.ttl, action->send.datagram))
        {
          AgentLogFields fields = { .link = "vpn" };

          agent_log (agent, G_LOG_LEVEL_DEBUG, ROAM_MESSAGE_SEND_FAILED, &fields,
                     "A registration through the VPN waits for its SA");
        }
    }
  agent_engines_drop_vpn_sends (agent);
}

/* RFC 4721 3.5: codes 104 to 106 ask for another challenge; an advertisement may bring one. */
static void
take_mip4_event (Agent *agent, const RoamNow *now, const Mip4MnEvent *event)
{
  agent_log_mip4 (agent, event);
  agent_status_take_mip4 (agent, event);
  if (event->type == MIP4_MN_DENIED && event->by_agent && event->code >= 104 && event->code <= 106)
    agent_agents_solicit (agent, now, event->path);
}

static gboolean
drain_mip4 (Agent *agent, const RoamNow *now)
{
  gboolean any = FALSE;
  Mip4MnAction action = { 0 };

  while (mip4_mn_pop_action (agent->mip4, &action))
    {
      any = TRUE;
      switch (action.type)
        {
        case MIP4_MN_ACTION_SEND:
          if (action.send.path != MIP4_PATH_VPN)
            {
              send_registration_on_link (agent, &action);
              break;
            }
          /* The SA it needs may be part of this pass' plan. */
          g_queue_push_tail (&agent->vpn_sends, g_memdup2 (&action, sizeof action));
          action = (Mip4MnAction){ 0 };
          break;
        case MIP4_MN_ACTION_EVENT:
          take_mip4_event (agent, now, &action.event);
          coordinator_input_mip4 (agent->coordinator, now, &action.event);
          break;
        }
      mip4_mn_action_clear (&action);
    }
  return any;
}

/* ------------------------------------------------------------------------- ike ---- */

static void
send_ike (Agent *agent, const IkeAction *action)
{
  int ifindex = (int)action->send.ifindex;
  gboolean sent = FALSE;

  agent_vpn_allow (agent, &action->send.remote.addr);
  errno = ENODEV;
  if (action->send.local.port == IKE_PORT)
    sent = agent_link_send_ike (agent, ifindex, &action->send.local.addr, &action->send.remote, action->send.datagram);
  else if (agent->tunnel != NULL)
    sent = tunnel_io_send_ike (agent->tunnel, ifindex, &action->send.local.addr, &action->send.remote,
                               action->send.datagram);
  agent_link_note_send (agent, ifindex, sent, errno, &action->send.remote.addr);
  if (sent)
    stop_watch (agent, &agent->stopwatch.wait_ike, &agent->stopwatch.mobike_us);
}

/* The event itself does not say which path it is. */
static void
take_path_changed (Agent *agent, const RoamNow *now)
{
  IkeStatus status;

  ike_session_get_status (agent->ike, &status);
  coordinator_input_path (agent->coordinator, now, &status.path);
}

void
agent_engines_take_ike_event (Agent *agent, const RoamNow *now, const IkeEvent *event)
{
  if (event->type == IKE_EVENT_ESTABLISHED || event->type == IKE_EVENT_TIA_CHANGED)
    agent->tia = event->configuration.tia4;
  agent_status_take_ike (agent, event);
  agent_log_ike (agent, event);
  agent_vpn_take_event (agent, now, event);
  if (event->type == IKE_EVENT_PATH_CHANGED && agent->ike != NULL)
    take_path_changed (agent, now);
  else
    coordinator_input_ike (agent->coordinator, now, event);
}

static void
note_child (Agent *agent, const RoamNow *now, const IkeChildSa *child)
{
  const AgentChild note = {
    .id = child->id, .spi_in = child->spi_in, .spi_out = child->spi_out, .since_us = now->boot_us
  };

  g_array_append_val (agent->children, note);
}

static void
forget_child (Agent *agent, guint32 id)
{
  for (guint i = agent->children->len; i > 0; i--)
    if (g_array_index (agent->children, AgentChild, i - 1).id == id)
      g_array_remove_index (agent->children, i - 1);
}

gboolean
agent_engines_drain_ike (Agent *agent, const RoamNow *now)
{
  gboolean any = FALSE;
  IkeAction action = { 0 };

  while (agent->ike != NULL && ike_session_pop_action (agent->ike, &action))
    {
      any = TRUE;
      switch (action.type)
        {
        case IKE_ACTION_SEND:
          send_ike (agent, &action);
          break;
        case IKE_ACTION_EVENT:
          agent_engines_take_ike_event (agent, now, &action.event);
          break;
        case IKE_ACTION_CHILD_ADD:
          note_child (agent, now, action.child_add.child);
          agent_plan_add_child (&agent->plan, action.child_add.child, action.child_add.use_outbound);
          break;
        case IKE_ACTION_CHILD_USE:
          agent_plan_use_child (&agent->plan, action.child_use.child_id);
          break;
        case IKE_ACTION_CHILD_REMOVE:
          forget_child (agent, action.child_remove.child_id);
          agent_plan_remove_child (&agent->plan, action.child_remove.child_id);
          break;
        case IKE_ACTION_CHILD_MOVE:
          agent_plan_move_children (&agent->plan, action.child_move.ifindex, &action.child_move.local,
                                    &action.child_move.remote, action.child_move.udp_encap);
          break;
        case IKE_ACTION_TICKET:
          agent_vpn_take_ticket (agent, action.ticket.ticket, action.ticket.expires_wall_us);
          break;
        case IKE_ACTION_SIGN:
          agent_outside_sign (agent, &action);
          break;
        case IKE_ACTION_FETCH:
          agent_outside_fetch (agent, &action);
          break;
        }
      ike_action_clear (&action);
    }
  return any;
}

/* ----------------------------------------------------------------- coordinator ---- */

static gboolean
terminate_now (Agent *agent, const RoamNow *now)
{
  if (!agent->has_terminate)
    return FALSE;
  agent->has_terminate = FALSE;
  agent_engines_flush_vpn_sends (agent);
  agent_vpn_take_command (agent, now, &agent->terminate);
  return TRUE;
}

static void
take_plan (Agent *agent, const CoordinatorPlan *wish)
{
  gboolean blocked_before = agent_plan_mode_blocks (agent->plan.mode);

  agent_plan_set_wish (&agent->plan, wish);
  g_strlcpy (agent->plan_ifname, wish->ifname, sizeof agent->plan_ifname);
  agent->serving = wish->agent.address;
  agent->serving_care_of = wish->agent.n_care_of > 0 ? wish->agent.care_of[0] : ROAM_ADDR_NONE;
  if (roam_addr_is_set (&wish->tia))
    agent->tia = wish->tia;
  /* Before the packets that this pass sends: data stops first (R5266-TRF-005). */
  if (!blocked_before && agent_plan_mode_blocks (agent->plan.mode))
    agent_dataplane_block_now (agent);
}

/*
 * A farewell through the VPN (deregistration) must leave before the VPN does: IKE_TERMINATE waits
 * for the registrations of its round, unless another IKE command follows it.
 */
static void
take_ike_command (Agent *agent, const RoamNow *now, const IkeCommand *command)
{
  terminate_now (agent, now);
  if (command->type == IKE_TERMINATE)
    {
      agent->terminate = *command;
      agent->has_terminate = TRUE;
    }
  else
    agent_vpn_take_command (agent, now, command);
}

static void
take_transition (Agent *agent, const RoamNow *now, const CoordinatorTransition *transition)
{
  if (!g_str_equal (coordinator_state_to_mode (transition->old_state),
                    coordinator_state_to_mode (transition->new_state)))
    agent->mode_since_us = now->boot_us;
  agent_arp_take_transition (agent, now, transition);
  agent_log_transition (agent, transition);
}

static gboolean
drain_coordinator (Agent *agent, const RoamNow *now)
{
  gboolean any = FALSE;
  CoordinatorAction action;

  while (coordinator_pop_action (agent->coordinator, &action))
    {
      any = TRUE;
      switch (action.type)
        {
        case COORDINATOR_ACTION_PLAN:
          take_plan (agent, &action.plan);
          break;
        case COORDINATOR_ACTION_MIP4:
          agent_arp_before_request (agent, now, &action.mip4);
          mip4_mn_input_command (agent->mip4, now, &action.mip4);
          break;
        case COORDINATOR_ACTION_IKE:
          take_ike_command (agent, now, &action.ike);
          break;
        case COORDINATOR_ACTION_STATE:
          take_transition (agent, now, &action.state);
          break;
        case COORDINATOR_ACTION_ALARM:
          agent_status_take_alarm (agent, &action);
          break;
        case COORDINATOR_ACTION_HANDOVER:
          agent_status_take_handover (agent, &action.handover);
          break;
        }
    }
  return any;
}

void
agent_engines_drain (Agent *agent, const RoamNow *now)
{
  guint round = 0;
  gboolean any;

  do
    {
      /* All each time: the coordinator's commands reach the engines in the same round. */
      any = drain_coordinator (agent, now);
      any = agent_agents_drain (agent, now) || any;
      any = agent_engines_drain_ike (agent, now) || any;
      any = drain_mip4 (agent, now) || any;
      any = terminate_now (agent, now) || any;
    }
  while (any && ++round < MAX_ROUNDS);
  if (round >= MAX_ROUNDS)
    g_critical ("The engines did not come to rest in %d rounds", MAX_ROUNDS);
  agent_plan_set_tia (&agent->plan, &agent->tia);
}
