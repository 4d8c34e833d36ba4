/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "agent/coordinator-private.h"

#include <string.h>

/*
 * The verbs: an input becomes an event of one interface's machine, the table answers, consequences
 * are handled in the same pass, and what came of it is queued in the order in which it must be done:
 * the wish for the data plane, IKE, Mobile IPv4, then what people read.
 */

typedef struct
{
  int ifindex;
  CoordinatorEvent event;
  gboolean gateway_alive;
} RaisedEvent;

/* Consequences of one input: a handful; more means a loop in the table. */
#define MAX_CONSEQUENCES 64

const char *
coordinator_state_to_string (CoordinatorState state)
{
  static const char *const names[COORDINATOR_N_STATES] = {
    "OFF", "OFFLINE", "ACQUIRE", "DET.0", "DET.G", "DET.R", "DET.V",  "HOME",
    "C",   "C.FA",    "F",       "MCREG", "MC.BG", "MC",    "MC.CHK", "BLOCKED",
  };

  return names[state];
}

const char *
coordinator_state_to_mode (CoordinatorState state)
{
  switch (state)
    {
    case COORDINATOR_OFF:
    case COORDINATOR_OFFLINE:
    case COORDINATOR_ACQUIRE:
    case COORDINATOR_BLOCKED:
      return "offline";
    case COORDINATOR_DET_0:
    case COORDINATOR_DET_G:
    case COORDINATOR_DET_R:
    case COORDINATOR_DET_V:
      return "detecting";
    case COORDINATOR_HOME:
      return "home";
    case COORDINATOR_C:
    case COORDINATOR_C_FA:
      return "c";
    case COORDINATOR_F:
      return "f";
    case COORDINATOR_MCREG:
    case COORDINATOR_MC_BG:
    case COORDINATOR_MC:
    case COORDINATOR_MC_CHK:
      return "mc";
    }
  return "?";
}

const char *
coordinator_event_to_string (CoordinatorEvent event)
{
  static const char *const names[] = {
    "Start",  "Stop",   "LinkUp", "LinkDown", "Addr",   "AddrLost", "Hint",   "HomeLink", "R.in",  "R.notnc",
    "R.deny", "R.bad",  "R.exh",  "R.late",   "V.ok",   "V.fail",   "V.dead", "V.auth",   "V.tia", "Grace",
    "B.ok",   "B.deny", "B.exh",  "Mon",      "MonExp", "Renew",    "Expire", "Revoked",  "Retry",
  };

  return names[event];
}

gboolean
coordinator_state_is_trusted (CoordinatorState state)
{
  return state == COORDINATOR_HOME || state == COORDINATOR_C || state == COORDINATOR_C_FA || state == COORDINATOR_F;
}

gboolean
coordinator_state_is_mc (CoordinatorState state)
{
  return state == COORDINATOR_MC_BG || state == COORDINATOR_MC || state == COORDINATOR_MC_CHK;
}

gboolean
coordinator_state_has_data (CoordinatorState state)
{
  return coordinator_state_is_trusted (state) || coordinator_state_is_mc (state);
}

void
coordinator_config_init (CoordinatorConfig *config)
{
  *config = (CoordinatorConfig){
    .detect_timeout_us = ROAM_USEC_PER_SEC,
    .detect_retries = 2,
    .t_monitor_us = 60 * ROAM_USEC_PER_SEC,
    .monitor_margin_us = 10 * ROAM_USEC_PER_SEC,
    .vpn_inside_keep = TRUE,
    .retry_us = 5 * ROAM_USEC_PER_SEC,
    .retry_limit_us = 60 * ROAM_USEC_PER_SEC,
    .late_rate_us = 10 * ROAM_USEC_PER_SEC,
    .mc_refresh = TRUE,
  };
}

Coordinator *
coordinator_new (const CoordinatorConfig *config)
{
  Coordinator *c = g_new0 (Coordinator, 1);

  c->config = *config;
  c->vpn.start_us = c->b.retry_us = ROAM_NEVER;
  g_queue_init (&c->ike);
  g_queue_init (&c->mip4);
  g_queue_init (&c->records);
  g_queue_init (&c->ready);
  g_queue_init (&c->events);
  return c;
}

void
coordinator_free (Coordinator *c)
{
  if (c == NULL)
    return;
  g_queue_clear_full (&c->ike, g_free);
  g_queue_clear_full (&c->mip4, g_free);
  g_queue_clear_full (&c->records, g_free);
  g_queue_clear_full (&c->ready, g_free);
  g_queue_clear_full (&c->events, g_free);
  g_free (c);
}

/* ------------------------------------------------------------------- links ---- */

CoordinatorLink *
coordinator_find_link (Coordinator *c, int ifindex)
{
  for (guint i = 0; i < c->n_links; i++)
    if (ifindex != 0 && c->links[i].link.ifindex == ifindex)
      return &c->links[i];
  return NULL;
}

/* A slot for a new interface: a fresh one, or that of an interface that is down. NULL: too many. */
static CoordinatorLink *
add_link (Coordinator *c, int ifindex)
{
  CoordinatorLink *link = NULL;

  if (c->n_links < COORDINATOR_MAX_LINKS)
    link = &c->links[c->n_links++];
  for (guint i = 0; i < c->n_links && link == NULL; i++)
    if (c->links[i].state == COORDINATOR_OFFLINE && c->links[i].link.ifindex != c->active)
      link = &c->links[i];
  if (link == NULL)
    return NULL;
  *link = (CoordinatorLink){
    .link.ifindex = ifindex,
    .state = c->enabled ? COORDINATOR_OFFLINE : COORDINATOR_OFF,
    .reason = "",
    .r_due_us = ROAM_NEVER,
    .grace_us = ROAM_NEVER,
    .mon_us = ROAM_NEVER,
    .mon_exp_us = ROAM_NEVER,
    .retry_us = ROAM_NEVER,
  };
  return link;
}

gboolean
coordinator_is_probe (const Coordinator *c, const CoordinatorLink *link)
{
  return c->probe != 0 && c->probe == link->link.ifindex;
}

/* Decision A-20: the route metric says what the administrator prefers, then the kind of link. */
static gboolean
is_better (const DetectLink *candidate, const DetectLink *than)
{
  if (candidate->metric != than->metric)
    return candidate->metric < than->metric;
  /* DetectKind is ordered: Ethernet, Wi-Fi, mobile broadband. */
  return candidate->kind < than->kind;
}

static CoordinatorLink *
best_standby (Coordinator *c)
{
  CoordinatorLink *best = NULL;

  for (guint i = 0; i < c->n_links; i++)
    {
      CoordinatorLink *link = &c->links[i];

      if (link->state != COORDINATOR_ACQUIRE || !detect_link_is_usable (&link->link) ||
          link->link.ifindex == c->active || link->link.ifindex == c->probe)
        continue;
      if (best == NULL || is_better (&link->link, &best->link))
        best = link;
    }
  return best;
}

/* --------------------------------------------------------------- transitions ---- */

void
coordinator_raise (Coordinator *c, CoordinatorLink *link, CoordinatorEvent event, gboolean gateway_alive)
{
  RaisedEvent *raised = g_new0 (RaisedEvent, 1);

  raised->ifindex = link->link.ifindex;
  raised->event = event;
  raised->gateway_alive = gateway_alive;
  g_queue_push_tail (&c->events, raised);
}

static void
record_transition (Coordinator *c, const CoordinatorLink *link, CoordinatorState old_state, const char *event,
                   const char *row, const char *reason)
{
  CoordinatorAction *action = g_new0 (CoordinatorAction, 1);

  action->type = COORDINATOR_ACTION_STATE;
  action->state.ifindex = link->link.ifindex;
  g_strlcpy (action->state.ifname, link->link.name, sizeof action->state.ifname);
  action->state.old_state = old_state;
  action->state.new_state = link->state;
  action->state.event = event;
  action->state.row = row;
  action->state.reason = reason;
  g_queue_push_tail (&c->records, action);
}

/* The one writer of a link's state; stops the timers that do not run in the new one (16.3 rule 2). */
static void
set_state (Coordinator *c, CoordinatorLink *link, CoordinatorState state, const char *event, const char *row,
           const char *reason)
{
  CoordinatorState old_state = link->state;

  link->state = state;
  link->reason = reason;
  if (state != COORDINATOR_DET_G)
    link->grace_us = ROAM_NEVER;
  if (state != COORDINATOR_BLOCKED)
    link->retry_us = ROAM_NEVER;
  if (!coordinator_state_is_trusted (state))
    {
      link->mon_us = link->mon_exp_us = ROAM_NEVER;
      link->proved_us = 0;
    }
  if (coordinator_state_has_data (state))
    link->retry_delay_us = 0;
  if (state != old_state)
    record_transition (c, link, old_state, event, row, reason);
}

/* Puts a link aside: it stays up and unprobed until it is about to be used (A-20). */
static void
stand_by (Coordinator *c, CoordinatorLink *link, const char *reason)
{
  coordinator_r_stop (c, link);
  if (c->probe == link->link.ifindex)
    c->probe = 0;
  if (link->state != COORDINATOR_OFF && link->state != COORDINATOR_OFFLINE)
    set_state (c, link, COORDINATOR_ACQUIRE, "StandBy", "", reason);
}

/* The data path moves to @link; the one that had it stands by. */
void
coordinator_activate (Coordinator *c, CoordinatorLink *link)
{
  CoordinatorLink *old = coordinator_find_link (c, c->active);

  if (c->probe == link->link.ifindex)
    c->probe = 0;
  c->active = link->link.ifindex;
  if (old != NULL && old != link)
    stand_by (c, old, "another interface carries the data");
}

/* A make-before-break attempt came to nothing: all goes on where it was. */
static void
give_up_probe (Coordinator *c, CoordinatorLink *link, const CoordinatorEvidence *evidence, const char *reason)
{
  CoordinatorLink *active = coordinator_find_link (c, c->active);
  gboolean moved = c->vpn.ifindex == link->link.ifindex;

  stand_by (c, link, reason);
  if (active == NULL)
    return;
  if (moved && (c->vpn.state == COORDINATOR_VPN_UP || c->vpn.state == COORDINATOR_VPN_UPDATING))
    coordinator_vpn_move (c, active, TRUE);
  else if (moved)
    coordinator_vpn_drop (c, FALSE);
  /* The other link's request may have moved the binding. */
  if (c->binding.dirty && coordinator_state_is_trusted (active->state))
    coordinator_r_register (c, active, evidence->now->boot_us);
  else if (c->binding.dirty && coordinator_state_is_mc (active->state))
    coordinator_b_register (c, evidence->now->boot_us, FALSE);
}

static CoordinatorEvent
address_event (Coordinator *c, const CoordinatorLink *link)
{
  gboolean home = roam_prefix_contains (&c->config.home, &link->link.address);

  return home && link->state == COORDINATOR_ACQUIRE ? COORDINATOR_EVENT_HOME_LINK : COORDINATOR_EVENT_ADDR;
}

/*
 * The active interface has no path any more: the next one takes over in the same pass. A probe that
 * already runs is taken as it is; its pending update is sent again with the SAs moved at once, since
 * nothing can be lost on the old path.
 */
static void
replace_active (Coordinator *c, const CoordinatorEvidence *evidence)
{
  CoordinatorLink *link = coordinator_find_link (c, c->probe);

  if (link != NULL)
    {
      c->active = link->link.ifindex;
      c->probe = 0;
      if (c->vpn.state == COORDINATOR_VPN_UPDATING && c->vpn.ifindex == c->active)
        coordinator_vpn_move (c, link, TRUE);
      return;
    }
  link = best_standby (c);
  if (link == NULL)
    return;
  c->active = link->link.ifindex;
  coordinator_dispatch (c, link, address_event (c, link), evidence);
}

/* Who carries the data after @link entered its state. */
static void
arbitrate (Coordinator *c, CoordinatorLink *link, const CoordinatorEvidence *evidence)
{
  CoordinatorState state = link->state;
  gboolean lost = state == COORDINATOR_OFFLINE || state == COORDINATOR_ACQUIRE || state == COORDINATOR_BLOCKED;

  if (!c->enabled)
    return;
  if (coordinator_is_probe (c, link))
    {
      if (coordinator_state_has_data (state) || state == COORDINATOR_MCREG)
        coordinator_activate (c, link);
      else if (lost)
        give_up_probe (c, link, evidence, "no path over this interface");
    }
  else if (c->active == link->link.ifindex && lost)
    replace_active (c, evidence);
}

/*
 * While a proved network carries the data, a probed link must prove itself too: an answer of the
 * gateway alone would be a step down (HOME > C > MC).
 */
static gboolean
probe_is_a_step_down (Coordinator *c, const CoordinatorLink *link, CoordinatorEvent event,
                      const CoordinatorEvidence *evidence)
{
  const CoordinatorLink *active = coordinator_find_link (c, c->active);

  if (!coordinator_is_probe (c, link) || active == NULL || !coordinator_state_is_trusted (active->state))
    return FALSE;
  if (event == COORDINATOR_EVENT_R_DENY)
    return evidence->mip4 == NULL || !evidence->mip4->will_retry;
  return event == COORDINATOR_EVENT_R_EXH || event == COORDINATOR_EVENT_R_NOTNC;
}

void
coordinator_dispatch (Coordinator *c, CoordinatorLink *link, CoordinatorEvent event,
                      const CoordinatorEvidence *evidence)
{
  const CoordinatorRow *row = NULL;
  const CoordinatorLink *active = coordinator_find_link (c, c->active);

  if (probe_is_a_step_down (c, link, event, evidence))
    {
      c->binding.dirty |= event == COORDINATOR_EVENT_R_NOTNC;
      give_up_probe (c, link, evidence, "this interface leads to no trusted network");
      return;
    }
  if (event == COORDINATOR_EVENT_GRACE && coordinator_is_probe (c, link) && active != NULL &&
      coordinator_state_is_trusted (active->state))
    return;
  row = coordinator_table_find (c, link, event, evidence);
  if (row == NULL)
    return;
  row->action (c, link, evidence);
  set_state (c, link, row->next, coordinator_event_to_string (event), row->id, row->reason);
  arbitrate (c, link, evidence);
}

/* ------------------------------------------------------------- end of a pass ---- */

static TunnelMode
mode_of (const Coordinator *c, const CoordinatorLink *active, const RoamNow *now)
{
  if (active == NULL || active->state == COORDINATOR_OFFLINE || active->state == COORDINATOR_ACQUIRE)
    return c->enabled && c->hold_since_us != 0 && now->boot_us - c->hold_since_us < COORDINATOR_HOLD_LIMIT_US
             ? TUNNEL_MODE_HOLD
             : TUNNEL_MODE_BLOCKED;
  if (active->state == COORDINATOR_HOME)
    return TUNNEL_MODE_HOME;
  if (coordinator_state_is_trusted (active->state))
    return TUNNEL_MODE_C;
  if (coordinator_state_is_mc (active->state))
    return TUNNEL_MODE_MC;
  if (active->state == COORDINATOR_OFF || active->state == COORDINATOR_BLOCKED)
    return TUNNEL_MODE_BLOCKED;
  return now->boot_us - c->hold_since_us < COORDINATOR_HOLD_LIMIT_US ? TUNNEL_MODE_HOLD : TUNNEL_MODE_BLOCKED;
}

static void
make_plan (const Coordinator *c, const CoordinatorLink *active, const RoamNow *now, CoordinatorPlan *plan)
{
  memset (plan, 0, sizeof *plan);
  plan->mode = mode_of (c, active, now);
  if (active != NULL)
    {
      plan->ifindex = active->link.ifindex;
      g_strlcpy (plan->ifname, active->link.name, sizeof plan->ifname);
    }
  if (c->vpn.state == COORDINATOR_VPN_UP || c->vpn.state == COORDINATOR_VPN_UPDATING)
    plan->tia = c->vpn.configuration.tia4;
  switch (plan->mode)
    {
    case TUNNEL_MODE_HOME:
      plan->next_hop = active->link.gateway;
      break;
    case TUNNEL_MODE_C:
      plan->mip_local = active->link.address;
      plan->next_hop = active->link.gateway;
      break;
    case TUNNEL_MODE_MC:
      plan->mip_local = plan->tia;
      plan->n_dns = MIN (c->vpn.configuration.n_dns, G_N_ELEMENTS (plan->dns));
      memcpy (plan->dns, c->vpn.configuration.dns, plan->n_dns * sizeof plan->dns[0]);
      break;
    case TUNNEL_MODE_HOLD:
    case TUNNEL_MODE_BLOCKED:
      break;
    }
}

/* The data flow again, elsewhere or otherwise than before: one row for the journal. */
static void
record_handover (Coordinator *c, const CoordinatorLink *active, const RoamNow *now)
{
  CoordinatorAction *action = NULL;
  const char *old_mode = coordinator_state_to_mode (c->data_state);

  if (c->data_ifindex == active->link.ifindex && roam_addr_equal (&c->data_address, &active->link.address) &&
      g_str_equal (old_mode, coordinator_state_to_mode (active->state)))
    return;
  action = g_new0 (CoordinatorAction, 1);
  action->type = COORDINATOR_ACTION_HANDOVER;
  action->handover = (CoordinatorHandover){
    .began_us = c->hold_since_us != 0 ? c->hold_since_us : now->boot_us,
    .ended_us = now->boot_us,
    .from = c->data_state,
    .to = active->state,
    .from_address = c->data_address,
    .to_address = active->link.address,
    .reason = active->reason,
  };
  g_strlcpy (action->handover.from_ifname, c->data_ifname, sizeof action->handover.from_ifname);
  g_strlcpy (action->handover.to_ifname, active->link.name, sizeof action->handover.to_ifname);
  g_queue_push_tail (&c->records, action);
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

static void
publish (Coordinator *c, const RoamNow *now)
{
  const CoordinatorLink *active = coordinator_find_link (c, c->active);
  gboolean flows = active != NULL && coordinator_state_has_data (active->state);
  CoordinatorPlan plan;

  if (!flows && c->hold_since_us == 0)
    c->hold_since_us = MAX (now->boot_us, 1);
  make_plan (c, active, now, &plan);
  if (flows)
    {
      record_handover (c, active, now);
      c->data_state = active->state;
      c->hold_since_us = 0;
      if (c->alarm_raised)
        coordinator_alarm (c, active, COORDINATOR_ALARM_CLEARED, 0, "Connected again.");
    }
  if (!c->plan_known || memcmp (&plan, &c->plan, sizeof plan) != 0)
    {
      CoordinatorAction *action = g_new0 (CoordinatorAction, 1);

      action->type = COORDINATOR_ACTION_PLAN;
      action->plan = c->plan = plan;
      c->plan_known = TRUE;
      g_queue_push_tail (&c->ready, action);
    }
  move_queue (&c->ike, &c->ready);
  move_queue (&c->mip4, &c->ready);
  move_queue (&c->records, &c->ready);
}

void
coordinator_finish_pass (Coordinator *c, const RoamNow *now)
{
  RaisedEvent *raised;
  guint handled = 0;

  while ((raised = g_queue_pop_head (&c->events)) != NULL)
    {
      CoordinatorEvidence evidence = { .now = now, .gateway_alive = raised->gateway_alive };
      CoordinatorLink *link = coordinator_find_link (c, raised->ifindex);

      if (link != NULL && handled++ < MAX_CONSEQUENCES)
        coordinator_dispatch (c, link, raised->event, &evidence);
      g_free (raised);
    }
  publish (c, now);
}

gboolean
coordinator_pop_action (Coordinator *c, CoordinatorAction *ret_action)
{
  CoordinatorAction *action = g_queue_pop_head (&c->ready);

  if (action == NULL)
    return FALSE;
  *ret_action = *action;
  g_free (action);
  return TRUE;
}

/* ------------------------------------------------------------------- inputs ---- */

/* An address came up on @link: who is it for? */
static void
address_ready (Coordinator *c, CoordinatorLink *link, const CoordinatorEvidence *evidence)
{
  CoordinatorLink *active = coordinator_find_link (c, c->active), *probe = coordinator_find_link (c, c->probe);

  if (active == NULL || active == link || active->state == COORDINATOR_OFFLINE ||
      active->state == COORDINATOR_ACQUIRE || active->state == COORDINATOR_BLOCKED)
    {
      if (active != NULL && active != link && active->state == COORDINATOR_BLOCKED)
        stand_by (c, active, "no path over this interface");
      c->active = link->link.ifindex;
      if (c->probe == c->active)
        c->probe = 0;
    }
  else if (link != probe)
    {
      if (!is_better (&link->link, &active->link))
        {
          link->reason = "another interface carries the data";
          return;
        }
      if (probe != NULL)
        stand_by (c, probe, "another interface is better");
      if (coordinator_state_has_data (active->state))
        c->probe = link->link.ifindex;
      else
        coordinator_activate (c, link);
    }
  coordinator_dispatch (c, link, address_event (c, link), evidence);
}

static void
link_event (Coordinator *c, CoordinatorLink *link, const DetectEvent *event, const CoordinatorEvidence *evidence)
{
  gboolean in_use = c->active == link->link.ifindex || coordinator_is_probe (c, link);

  if (event->type != DETECT_EVENT_LINK_DOWN && link->state == COORDINATOR_OFFLINE)
    coordinator_dispatch (c, link, COORDINATOR_EVENT_LINK_UP, evidence);
  switch (event->type)
    {
    case DETECT_EVENT_LINK_UP:
      /* Carrier came back without a usable address: whatever was known of this link is void. */
      if (!detect_link_is_usable (&link->link))
        coordinator_dispatch (c, link, COORDINATOR_EVENT_ADDR_LOST, evidence);
      break;
    case DETECT_EVENT_ADDRESS:
      link->retry_delay_us = 0;
      address_ready (c, link, evidence);
      break;
    case DETECT_EVENT_ADDRESS_LOST:
      coordinator_dispatch (c, link, COORDINATOR_EVENT_ADDR_LOST, evidence);
      break;
    case DETECT_EVENT_LINK_DOWN:
      coordinator_dispatch (c, link, COORDINATOR_EVENT_LINK_DOWN, evidence);
      break;
    case DETECT_EVENT_HINT:
      link->retry_delay_us = 0;
      if (in_use && detect_link_is_usable (&link->link))
        coordinator_dispatch (c, link, COORDINATOR_EVENT_HINT, evidence);
      break;
    }
}

void
coordinator_input_link (Coordinator *c, const RoamNow *now, const DetectEvent *event)
{
  CoordinatorEvidence evidence = { .now = now, .reason = event->reason };
  CoordinatorLink *link = coordinator_find_link (c, event->link.ifindex);

  if (!event->link.candidate && link == NULL)
    return;
  if (link == NULL)
    link = add_link (c, event->link.ifindex);
  if (link == NULL)
    return;
  link->link = event->link;
  if (!c->enabled)
    return;
  link_event (c, link, event, &evidence);
  coordinator_finish_pass (c, now);
}

static void
enable (Coordinator *c, const RoamNow *now)
{
  if (c->enabled)
    return;
  c->enabled = TRUE;
  for (guint i = 0; i < c->n_links; i++)
    {
      CoordinatorLink *link = &c->links[i];
      CoordinatorEvidence evidence = { .now = now, .reason = "enabled" };
      DetectEvent event = { .link = link->link, .type = DETECT_EVENT_LINK_DOWN, .reason = "enabled" };

      coordinator_dispatch (c, link, COORDINATOR_EVENT_START, &evidence);
      if (detect_link_is_usable (&link->link))
        event.type = DETECT_EVENT_ADDRESS;
      else if (link->link.up)
        event.type = DETECT_EVENT_LINK_UP;
      link_event (c, link, &event, &evidence);
    }
}

static void
disable (Coordinator *c, const RoamNow *now)
{
  CoordinatorEvidence evidence = { .now = now, .reason = "disabled" };

  c->enabled = FALSE;
  for (guint i = 0; i < c->n_links; i++)
    coordinator_dispatch (c, &c->links[i], COORDINATOR_EVENT_STOP, &evidence);
  coordinator_vpn_drop (c, TRUE);
  c->active = c->probe = 0;
  c->alarm_raised = FALSE;
}

static void
redetect (Coordinator *c, const RoamNow *now, int ifindex)
{
  CoordinatorEvidence evidence = { .now = now, .reason = "asked to detect again" };

  for (guint i = 0; i < c->n_links; i++)
    {
      CoordinatorLink *link = &c->links[i];
      gboolean in_use = c->active == link->link.ifindex || coordinator_is_probe (c, link);

      if (in_use && (ifindex == 0 || ifindex == link->link.ifindex) && detect_link_is_usable (&link->link))
        coordinator_dispatch (c, link, COORDINATOR_EVENT_HINT, &evidence);
    }
}

void
coordinator_input_command (Coordinator *c, const RoamNow *now, const CoordinatorCommand *command)
{
  switch (command->type)
    {
    case COORDINATOR_ENABLE:
      enable (c, now);
      break;
    case COORDINATOR_DISABLE:
      disable (c, now);
      break;
    case COORDINATOR_REDETECT:
      if (c->enabled)
        redetect (c, now, command->ifindex);
      break;
    }
  coordinator_finish_pass (c, now);
}

GArray *
coordinator_dup_links (const Coordinator *c)
{
  GArray *links = g_array_new (FALSE, TRUE, sizeof (CoordinatorLinkStatus));

  for (guint i = 0; i < c->n_links; i++)
    {
      const CoordinatorLink *link = &c->links[i];
      CoordinatorLinkStatus status = {
        .link = link->link,
        .state = link->state,
        .active = link->link.ifindex == c->active,
        .trusted = coordinator_state_is_trusted (link->state),
        .proved_us = link->proved_us,
        .reason = link->reason,
      };

      g_array_append_val (links, status);
    }
  return links;
}

CoordinatorState
coordinator_get_state (const Coordinator *c)
{
  CoordinatorState best = c->enabled ? COORDINATOR_OFFLINE : COORDINATOR_OFF;

  for (guint i = 0; i < c->n_links; i++)
    {
      if (c->links[i].link.ifindex == c->active)
        return c->links[i].state;
      best = MAX (best, c->links[i].state);
    }
  return best;
}

/* -------------------------------------------------------------------- timers ---- */

static gboolean
take (gint64 *timer, gint64 now_us)
{
  if (*timer == ROAM_NEVER || now_us < *timer)
    return FALSE;
  *timer = ROAM_NEVER;
  return TRUE;
}

static void
link_timers (Coordinator *c, CoordinatorLink *link, const CoordinatorEvidence *evidence)
{
  gint64 now_us = evidence->now->boot_us;

  if (take (&link->r_due_us, now_us))
    coordinator_r_due (c, link, now_us);
  if (take (&link->grace_us, now_us))
    coordinator_dispatch (c, link, COORDINATOR_EVENT_GRACE, evidence);
  if (take (&link->mon_exp_us, now_us))
    coordinator_dispatch (c, link, COORDINATOR_EVENT_MON_EXP, evidence);
  if (take (&link->mon_us, now_us))
    coordinator_dispatch (c, link, COORDINATOR_EVENT_MON, evidence);
  if (take (&link->retry_us, now_us))
    coordinator_dispatch (c, link, COORDINATOR_EVENT_RETRY, evidence);
}

void
coordinator_input_deadline (Coordinator *c, const RoamNow *now)
{
  CoordinatorEvidence evidence = { .now = now };
  CoordinatorLink *vpn_link = coordinator_find_link (c, c->vpn.ifindex);

  for (guint i = 0; i < c->n_links; i++)
    link_timers (c, &c->links[i], &evidence);
  if (take (&c->vpn.start_us, now->boot_us) && vpn_link != NULL && c->vpn.state == COORDINATOR_VPN_DELAYED)
    coordinator_vpn_start (c, vpn_link);
  if (take (&c->b.retry_us, now->boot_us))
    coordinator_b_register (c, now->boot_us, FALSE);
  coordinator_finish_pass (c, now);
}

gint64
coordinator_next_deadline (const Coordinator *c)
{
  gint64 due = roam_deadline_min (c->vpn.start_us, c->b.retry_us);

  for (guint i = 0; i < c->n_links; i++)
    {
      const CoordinatorLink *link = &c->links[i];

      due = roam_deadline_min (due, roam_deadline_min (link->r_due_us, link->grace_us));
      due = roam_deadline_min (due, roam_deadline_min (link->mon_us, link->mon_exp_us));
      due = roam_deadline_min (due, link->retry_us);
    }
  if (c->plan_known && c->plan.mode == TUNNEL_MODE_HOLD)
    due = roam_deadline_min (due, c->hold_since_us + COORDINATOR_HOLD_LIMIT_US);
  return due;
}
