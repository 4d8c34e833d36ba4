/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "agent/coordinator-private.h"

#include <string.h>

/*
 * What leaves the coordinator, and in which order: within one input the wish for the data plane
 * (what blocks must block before anything is sent), then IKE, then Mobile IPv4, then what people read.
 */

static CoordinatorAction *
push (GQueue *queue, CoordinatorActionType type)
{
  CoordinatorAction *action = g_new0 (CoordinatorAction, 1);

  action->type = type;
  g_queue_push_tail (queue, action);
  return action;
}

/* ---------------------------------------------------------------- commands ---- */

/*
 * A later word on a path makes an earlier one of the same pass void: one request per path and pass.
 * News of an agent are no such word.
 */
void
coordinator_push_mip4 (Coordinator *c, const Mip4MnCommand *command)
{
  GList *next;

  for (GList *item = c->mip4.head; item != NULL && command->type != MIP4_MN_AGENT; item = next)
    {
      next = item->next;
      if (((CoordinatorAction *)item->data)->mip4.path != command->path)
        continue;
      g_free (item->data);
      g_queue_delete_link (&c->mip4, item);
    }
  push (&c->mip4, COORDINATOR_ACTION_MIP4)->mip4 = *command;
}

static gboolean
needs_a_path (IkeCommandType type)
{
  switch (type)
    {
    case IKE_START:
    case IKE_MOVE:
    case IKE_CHECK:
      return TRUE;
    case IKE_REKEY_IKE:
    case IKE_REKEY_CHILD:
    case IKE_REAUTHENTICATE:
    case IKE_PATHS:
    case IKE_GATEWAYS:
    case IKE_FETCHED:
    case IKE_SIGNED:
    case IKE_TERMINATE:
    case IKE_ABANDON:
      return FALSE;
    }
  g_assert_not_reached ();
}

/* As above: what was to be asked over the last path of this pass need not be asked. */
void
coordinator_push_ike (Coordinator *c, const IkeCommand *command)
{
  CoordinatorAction *last = g_queue_peek_tail (&c->ike);

  if (last != NULL && needs_a_path (last->ike.type))
    g_free (g_queue_pop_tail (&c->ike));
  push (&c->ike, COORDINATOR_ACTION_IKE)->ike = *command;
}

/* Usable addresses, best link first; the number. */
static guint
list_paths (const Coordinator *c, IkePath paths[IKE_MAX_PATHS])
{
  const CoordinatorLink *sorted[COORDINATOR_MAX_LINKS];
  guint n = 0;

  for (guint i = 0; i < c->n_links; i++)
    {
      const CoordinatorLink *link = &c->links[i];
      guint at = n;

      if (!link->link.candidate || !link->link.up || !detect_link_is_usable (&link->link))
        continue;
      for (; at > 0 && coordinator_link_is_better (link, sorted[at - 1]); at--)
        sorted[at] = sorted[at - 1];
      sorted[at] = link;
      n++;
    }
  n = MIN (n, IKE_MAX_PATHS);
  for (guint i = 0; i < n; i++)
    paths[i] = (IkePath){ .ifindex = (guint32)sorted[i]->link.ifindex, .local = sorted[i]->link.address };
  return n;
}

static gboolean
path_equal (const IkePath *a, const IkePath *b)
{
  return a->ifindex == b->ifindex && roam_addr_equal (&a->local, &b->local);
}

void
coordinator_push_paths (Coordinator *c)
{
  IkeCommand command = { .type = IKE_PATHS };
  CoordinatorAction *action;
  gboolean same;

  command.n_paths = list_paths (c, command.paths);
  same = command.n_paths == c->vpn.n_paths;
  for (guint i = 0; i < command.n_paths && same; i++)
    same = path_equal (&command.paths[i], &c->vpn.paths[i]);
  if (same)
    return;
  memcpy (c->vpn.paths, command.paths, sizeof c->vpn.paths);
  c->vpn.n_paths = command.n_paths;
  action = g_new0 (CoordinatorAction, 1);
  action->type = COORDINATOR_ACTION_IKE;
  action->ike = command;
  g_queue_push_head (&c->ike, action);
}

void
coordinator_push_transition (Coordinator *c, const CoordinatorLink *link, CoordinatorState old_state, const char *event,
                             const char *row, const char *reason)
{
  CoordinatorAction *action = push (&c->transitions, COORDINATOR_ACTION_STATE);

  action->state = (CoordinatorTransition){
    .ifindex = link->link.ifindex,
    .old_state = old_state,
    .new_state = link->state,
    .event = event,
    .row = row,
    .reason = reason,
  };
  g_strlcpy (action->state.ifname, link->link.name, sizeof action->state.ifname);
}

/* ------------------------------------------------------------------ alarms ---- */

static void
push_alarm (Coordinator *c, CoordinatorAlarm alarm, const CoordinatorStanding *standing)
{
  CoordinatorAction *action = push (&c->alarm_news, COORDINATOR_ACTION_ALARM);

  action->alarm.alarm = alarm;
  action->alarm.ifindex = standing->ifindex;
  action->alarm.code = standing->code;
  action->alarm.sentence = standing->sentence;
}

void
coordinator_alarm (Coordinator *c, const CoordinatorLink *link, CoordinatorAlarm alarm, guint8 code,
                   const char *sentence)
{
  g_return_if_fail (alarm < COORDINATOR_ALARM_CLEARED);
  if ((c->alarms & 1u << alarm) != 0)
    return;
  c->alarms |= 1u << alarm;
  c->standing[alarm] = (CoordinatorStanding){
    .ifindex = link != NULL ? link->link.ifindex : 0,
    .code = code,
    .sentence = sentence,
  };
  push_alarm (c, alarm, &c->standing[alarm]);
}

void
coordinator_alarm_over (Coordinator *c, CoordinatorAlarm alarm)
{
  const CoordinatorStanding well = { .sentence = "What was wrong is well again; nothing needs to be done." };

  if ((c->alarms & 1u << alarm) == 0)
    return;
  c->alarms &= ~(1u << alarm);
  if (c->alarms == 0)
    push_alarm (c, COORDINATOR_ALARM_CLEARED, &well);
  /* What stands beside it is the matter again: whoever shows one alarm shows that. */
  for (guint i = 0; i < COORDINATOR_ALARM_CLEARED && c->alarms != 0; i++)
    if ((c->alarms & 1u << i) != 0)
      {
        push_alarm (c, (CoordinatorAlarm)i, &c->standing[i]);
        return;
      }
}

void
coordinator_network_alarms_over (Coordinator *c, const CoordinatorLink *link)
{
  if (c->standing[COORDINATOR_ALARM_NO_TNC].ifindex == link->link.ifindex)
    coordinator_alarm_over (c, COORDINATOR_ALARM_NO_TNC);
  if (c->standing[COORDINATOR_ALARM_TNC_OUTSIDE].ifindex == link->link.ifindex)
    coordinator_alarm_over (c, COORDINATOR_ALARM_TNC_OUTSIDE);
}

/* Data that flow again disprove what said that there is no way for them. */
static void
clear_disproved (Coordinator *c)
{
  coordinator_alarm_over (c, COORDINATOR_ALARM_NO_PATH);
  coordinator_alarm_over (c, COORDINATOR_ALARM_VPN_UNREACHABLE);
  coordinator_alarm_over (c, COORDINATOR_ALARM_REVERSE_TUNNEL);
}

/* What is known of the gateway, or of the home agent's refusal, says more than "no path". */
static void
alarm_no_path (Coordinator *c, const CoordinatorLink *active)
{
  const guint told =
    1u << COORDINATOR_ALARM_VPN_AUTH | 1u << COORDINATOR_ALARM_VPN_UNREACHABLE | 1u << COORDINATOR_ALARM_REVERSE_TUNNEL;

  if (active == NULL || active->state != COORDINATOR_BLOCKED || (c->alarms & told) != 0)
    return;
  coordinator_alarm (c, active, COORDINATOR_ALARM_NO_PATH, 0,
                     "Neither the company network nor the VPN gateway answers from here. Check that this network gives "
                     "access (a hotspot may want a login in the browser); roamd goes on trying.");
}

/* -------------------------------------------------------------------- plan ---- */

/* Section 16.1 of the requirements, column "User data". */
static TunnelMode
mode_of (const Coordinator *c, const CoordinatorLink *active, gint64 now_us)
{
  switch (active == NULL ? COORDINATOR_OFFLINE : active->state)
    {
    case COORDINATOR_OFF:
    case COORDINATOR_BLOCKED:
      return TUNNEL_MODE_BLOCKED;
    case COORDINATOR_OFFLINE:
    case COORDINATOR_ACQUIRE:
    case COORDINATOR_DET_0:
    case COORDINATOR_DET_G:
    case COORDINATOR_DET_R:
    case COORDINATOR_DET_V:
    case COORDINATOR_MCREG:
      return now_us - c->hold_since_us < COORDINATOR_HOLD_LIMIT_US ? TUNNEL_MODE_HOLD : TUNNEL_MODE_BLOCKED;
    case COORDINATOR_HOME:
      return TUNNEL_MODE_HOME;
    case COORDINATOR_C:
    case COORDINATOR_C_FA:
      return TUNNEL_MODE_C;
    case COORDINATOR_F:
      /* Registered through the agent with our own address: the tunnel still ends here. */
      return active->fa_form == MIP4_FORM_FOREIGN_AGENT ? TUNNEL_MODE_F : TUNNEL_MODE_C;
    case COORDINATOR_MC_BG:
    case COORDINATOR_MC:
    case COORDINATOR_MC_CHK:
      return TUNNEL_MODE_MC;
    }
  g_assert_not_reached ();
}

/* What the home agent said of the tunnel, as far as its binding is the one of @local. */
static void
plan_tunnel (const Coordinator *c, CoordinatorPlan *plan, const RoamAddr *local, gboolean over_vpn)
{
  const CoordinatorBinding *binding = &c->binding;

  plan->mip_local = *local;
  if (!binding->valid || binding->over_vpn != over_vpn || !roam_addr_equal (&binding->care_of_address, local))
    return;
  plan->home_agent = binding->home_agent;
  plan->mip_udp = binding->mip_udp;
  plan->keepalive_s = binding->keepalive_s;
  plan->keepalive_at_once = binding->keepalive_at_once;
}

/* D-27: the tunnel of encapsulating delivery ends where the last accepting answer came from. */
static void
plan_agent (const Coordinator *c, CoordinatorPlan *plan, const CoordinatorLink *active)
{
  plan->agent = active->fa;
  plan->next_hop = active->fa.address;
  plan->home_agent = c->binding.home_agent;
  plan->encapsulating = c->binding.encapsulating;
  if (plan->encapsulating && roam_addr_is_specified (&c->binding.agent))
    plan->agent.address = c->binding.agent;
}

static void
make_plan (const Coordinator *c, const CoordinatorLink *active, const RoamNow *now, CoordinatorPlan *plan)
{
  *plan = (CoordinatorPlan){ .mode = TUNNEL_MODE_BLOCKED };
  if (c->enabled)
    plan->mode = mode_of (c, active, now->boot_us);
  if (active != NULL)
    {
      plan->ifindex = active->link.ifindex;
      g_strlcpy (plan->ifname, active->link.name, sizeof plan->ifname);
    }
  /* Registrations over the VPN pass while data are held. */
  plan->tia = c->vpn.configuration.tia4;
  switch (plan->mode)
    {
    case TUNNEL_MODE_HOME:
      plan->next_hop = active->link.gateway;
      return;
    case TUNNEL_MODE_C:
      plan_tunnel (c, plan, &active->link.address, FALSE);
      plan->next_hop = active->link.gateway;
      if (active->state == COORDINATOR_F)
        plan->agent = active->fa;
      return;
    case TUNNEL_MODE_F:
      plan_agent (c, plan, active);
      return;
    case TUNNEL_MODE_MC:
      plan_tunnel (c, plan, &plan->tia, TRUE);
      break;
    case TUNNEL_MODE_HOLD: /* names need not change hands for a short handover */
      break;
    case TUNNEL_MODE_BLOCKED:
      return;
    }
  plan->n_dns = MIN (c->vpn.configuration.n_dns, G_N_ELEMENTS (plan->dns));
  for (guint i = 0; i < plan->n_dns; i++)
    plan->dns[i] = c->vpn.configuration.dns[i];
}

static gboolean
plan_equal (const CoordinatorPlan *a, const CoordinatorPlan *b)
{
  if (a->mode != b->mode || a->ifindex != b->ifindex || !g_str_equal (a->ifname, b->ifname) ||
      !roam_addr_equal (&a->mip_local, &b->mip_local) || !roam_addr_equal (&a->next_hop, &b->next_hop) ||
      !roam_addr_equal (&a->tia, &b->tia) || a->n_dns != b->n_dns)
    return FALSE;
  if (!roam_addr_equal (&a->home_agent, &b->home_agent) || a->mip_udp != b->mip_udp ||
      a->keepalive_s != b->keepalive_s || a->keepalive_at_once != b->keepalive_at_once ||
      a->encapsulating != b->encapsulating || !roam_addr_equal (&a->agent.address, &b->agent.address) ||
      memcmp (a->agent.link_layer, b->agent.link_layer, sizeof a->agent.link_layer) != 0)
    return FALSE;
  for (guint i = 0; i < a->n_dns; i++)
    if (!roam_addr_equal (&a->dns[i], &b->dns[i]))
      return FALSE;
  return TRUE;
}

/* The data flow again, elsewhere or otherwise than before: one row for the journal. */
static void
record_handover (Coordinator *c, const CoordinatorLink *active, const RoamNow *now)
{
  CoordinatorHandover *handover;
  const char *old_mode = coordinator_state_to_mode (c->data_state);

  if (c->data_ifindex == active->link.ifindex && roam_addr_equal (&c->data_address, &active->link.address) &&
      g_str_equal (old_mode, coordinator_state_to_mode (active->state)))
    return;
  handover = &push (&c->handovers, COORDINATOR_ACTION_HANDOVER)->handover;
  *handover = (CoordinatorHandover){
    .began_us = c->hold_since_us != 0 ? c->hold_since_us : now->boot_us,
    .ended_us = now->boot_us,
    .from = c->data_state,
    .to = active->state,
    .from_address = c->data_address,
    .to_address = active->link.address,
    .reason = active->reason,
  };
  g_strlcpy (handover->from_ifname, c->data_ifname, sizeof handover->from_ifname);
  g_strlcpy (handover->to_ifname, active->link.name, sizeof handover->to_ifname);
  c->data_ifindex = active->link.ifindex;
  c->data_address = active->link.address;
  g_strlcpy (c->data_ifname, active->link.name, sizeof c->data_ifname);
}

static void
move_queue (GQueue *from, GQueue *to)
{
  gpointer action;

  while ((action = g_queue_pop_head (from)) != NULL)
    g_queue_push_tail (to, action);
}

void
coordinator_publish (Coordinator *c, const RoamNow *now)
{
  const CoordinatorLink *active = coordinator_find_link (c, c->active);
  gboolean flows = active != NULL && coordinator_state_carries_data (active->state);
  CoordinatorPlan plan;

  if (!flows && c->hold_since_us == 0)
    c->hold_since_us = MAX (now->boot_us, 1);
  make_plan (c, active, now, &plan);
  if (flows)
    {
      record_handover (c, active, now);
      if (c->hold_since_us != 0)
        clear_disproved (c);
      c->data_state = active->state;
      c->hold_since_us = 0;
    }
  alarm_no_path (c, active);
  if (c->enabled && c->config.has_vpn)
    coordinator_push_paths (c);
  if (!c->plan_known || !plan_equal (&plan, &c->plan))
    push (&c->ready, COORDINATOR_ACTION_PLAN)->plan = plan;
  c->plan = plan;
  c->plan_known = TRUE;
  /* Saying goodbye, the home agent comes first: its datagrams may need the tunnel that IKE takes down. */
  if (!c->enabled)
    move_queue (&c->mip4, &c->ready);
  move_queue (&c->ike, &c->ready);
  move_queue (&c->mip4, &c->ready);
  move_queue (&c->transitions, &c->ready);
  move_queue (&c->alarm_news, &c->ready);
  move_queue (&c->handovers, &c->ready);
}

gboolean
coordinator_pop_action (Coordinator *c, CoordinatorAction *ret_action)
{
  g_autofree CoordinatorAction *action = g_queue_pop_head (&c->ready);

  if (action == NULL)
    return FALSE;
  *ret_action = *action;
  return TRUE;
}
