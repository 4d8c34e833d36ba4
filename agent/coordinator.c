/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "agent/coordinator-private.h"

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
    "Start",  "Stop",    "LinkUp",   "LinkDown", "Addr",    "AddrLost", "Hint",    "HomeLink",
    "FA.new", "FA.lost", "FA.reset", "R.in",     "R.notnc", "R.deny",   "R.bad",   "R.exh",
    "R.late", "V.ok",    "V.fail",   "V.dead",   "V.auth",  "V.tia",    "Grace",   "B.ok",
    "B.deny", "B.exh",   "Mon",      "MonExp",   "Renew",   "Expire",   "Revoked", "Retry",
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
coordinator_state_needs_vpn (CoordinatorState state)
{
  return coordinator_state_is_mc (state) || state == COORDINATOR_MCREG;
}

gboolean
coordinator_state_carries_data (CoordinatorState state)
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
    .agents = COORDINATOR_AGENTS_AUTO,
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
  g_queue_init (&c->transitions);
  g_queue_init (&c->alarm_news);
  g_queue_init (&c->handovers);
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
  g_queue_clear_full (&c->transitions, g_free);
  g_queue_clear_full (&c->alarm_news, g_free);
  g_queue_clear_full (&c->handovers, g_free);
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
    if (!c->links[i].link.up && c->links[i].link.ifindex != c->active)
      link = &c->links[i];
  if (link == NULL)
    return NULL;
  *link = (CoordinatorLink){
    .link.ifindex = ifindex,
    .state = c->enabled ? COORDINATOR_OFFLINE : COORDINATOR_OFF,
    .reason = "",
    .grace_us = ROAM_NEVER,
    .mon_us = ROAM_NEVER,
    .mon_exp_us = ROAM_NEVER,
    .retry_us = ROAM_NEVER,
    .agent_us = ROAM_NEVER,
  };
  return link;
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

/* Stops the timers that do not run in the new state (16.3 rule 2). */
void
coordinator_set_state (Coordinator *c, CoordinatorLink *link, CoordinatorState state, const char *event,
                       const char *row, const char *reason)
{
  CoordinatorState old_state = link->state;

  link->state = state;
  if (state != old_state)
    link->reason = reason;
  if (state != COORDINATOR_DET_G)
    link->grace_us = ROAM_NEVER;
  if (state != COORDINATOR_BLOCKED)
    link->retry_us = ROAM_NEVER;
  if (state != COORDINATOR_C)
    link->agent_us = ROAM_NEVER;
  if (state != COORDINATOR_C_FA && state != COORDINATOR_F)
    link->fa = (Mip4Agent){ 0 };
  if (!coordinator_state_is_trusted (state))
    {
      link->mon_us = link->mon_exp_us = ROAM_NEVER;
      link->proved_us = 0;
    }
  if (coordinator_state_carries_data (state))
    link->retry_delay_us = 0;
  coordinator_push_transition (c, link, old_state, event, row, reason);
}

/*
 * Who can send packets here must not be able to fill the journal: a discarded answer, and an
 * advertisement that leads nowhere, are only counted.
 */
static gboolean
is_worth_a_line (const CoordinatorRow *row)
{
  switch (row->event)
    {
    case COORDINATOR_EVENT_R_BAD:
      return FALSE;
    case COORDINATOR_EVENT_FA_NEW:
    case COORDINATOR_EVENT_FA_LOST:
    case COORDINATOR_EVENT_FA_RESET:
      return row->next != row->state;
    case COORDINATOR_EVENT_START:
    case COORDINATOR_EVENT_STOP:
    case COORDINATOR_EVENT_LINK_UP:
    case COORDINATOR_EVENT_LINK_DOWN:
    case COORDINATOR_EVENT_ADDR:
    case COORDINATOR_EVENT_ADDR_LOST:
    case COORDINATOR_EVENT_HINT:
    case COORDINATOR_EVENT_HOME_LINK:
    case COORDINATOR_EVENT_R_IN:
    case COORDINATOR_EVENT_R_NOTNC:
    case COORDINATOR_EVENT_R_DENY:
    case COORDINATOR_EVENT_R_EXH:
    case COORDINATOR_EVENT_R_LATE:
    case COORDINATOR_EVENT_V_OK:
    case COORDINATOR_EVENT_V_FAIL:
    case COORDINATOR_EVENT_V_DEAD:
    case COORDINATOR_EVENT_V_AUTH:
    case COORDINATOR_EVENT_V_TIA:
    case COORDINATOR_EVENT_GRACE:
    case COORDINATOR_EVENT_B_OK:
    case COORDINATOR_EVENT_B_DENY:
    case COORDINATOR_EVENT_B_EXH:
    case COORDINATOR_EVENT_MON:
    case COORDINATOR_EVENT_MON_EXP:
    case COORDINATOR_EVENT_RENEW:
    case COORDINATOR_EVENT_EXPIRE:
    case COORDINATOR_EVENT_REVOKED:
    case COORDINATOR_EVENT_RETRY:
      return TRUE;
    }
  g_assert_not_reached ();
}

void
coordinator_dispatch (Coordinator *c, CoordinatorLink *link, CoordinatorEvent event,
                      const CoordinatorEvidence *evidence)
{
  const CoordinatorRow *row = NULL;

  if (coordinator_arbiter_intercept (c, link, event, evidence))
    return;
  row = coordinator_table_find (c, link, event, evidence);
  if (row == NULL)
    return;
  row->action (c, link, evidence);
  if (is_worth_a_line (row))
    coordinator_set_state (c, link, row->next, coordinator_event_to_string (event), row->id, row->reason);
  coordinator_arbitrate (c, link, evidence);
}

/* ------------------------------------------------------------------ a pass ---- */

static gboolean
take (gint64 *timer, gint64 now_us)
{
  if (*timer == ROAM_NEVER || now_us < *timer)
    return FALSE;
  *timer = ROAM_NEVER;
  return TRUE;
}

/* The end of a proof comes before its renewal: after a long sleep both are due. */
static void
link_timers (Coordinator *c, CoordinatorLink *link, const CoordinatorEvidence *evidence)
{
  gint64 now_us = evidence->now->boot_us;

  if (take (&link->mon_exp_us, now_us))
    coordinator_dispatch (c, link, COORDINATOR_EVENT_MON_EXP, evidence);
  if (take (&link->mon_us, now_us))
    coordinator_dispatch (c, link, COORDINATOR_EVENT_MON, evidence);
  if (take (&link->grace_us, now_us))
    coordinator_dispatch (c, link, COORDINATOR_EVENT_GRACE, evidence);
  if (take (&link->agent_us, now_us))
    coordinator_dispatch (c, link, COORDINATOR_EVENT_FA_NEW, evidence);
  if (take (&link->retry_us, now_us))
    coordinator_retry (c, link, evidence);
}

void
coordinator_begin_pass (Coordinator *c, const RoamNow *now)
{
  const CoordinatorEvidence evidence = { .now = now };

  c->now_us = now->boot_us;
  if (!c->enabled)
    return;
  for (guint i = 0; i < c->n_links; i++)
    link_timers (c, &c->links[i], &evidence);
  if (take (&c->vpn.start_us, now->boot_us) && c->vpn.state == COORDINATOR_VPN_DELAYED)
    coordinator_vpn_send_start (c);
  if (take (&c->b.retry_us, now->boot_us))
    coordinator_b_register (c, now->boot_us);
}

static void
handle_consequences (Coordinator *c, const RoamNow *now)
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
}

void
coordinator_finish_pass (Coordinator *c, const RoamNow *now)
{
  const CoordinatorEvidence evidence = { .now = now };

  handle_consequences (c, now);
  if (c->enabled)
    {
      coordinator_consider_standby (c, &evidence);
      coordinator_consider_agent (c, now);
      handle_consequences (c, now);
    }
  coordinator_publish (c, now);
}

/* ------------------------------------------------------------------- inputs ---- */

/* What an event says is believed as far as the link as it is now bears it out. */
static DetectEventType
effective_type (const DetectEvent *event)
{
  if (!event->link.candidate || !event->link.up)
    return DETECT_EVENT_LINK_DOWN;
  /* Carrier came back without a usable address: whatever was known of this link is void. */
  if (!detect_link_is_usable (&event->link))
    return DETECT_EVENT_ADDRESS_LOST;
  /* One address went, another is there. */
  if (event->type == DETECT_EVENT_ADDRESS_LOST)
    return DETECT_EVENT_ADDRESS;
  return event->type;
}

static void
link_event (Coordinator *c, CoordinatorLink *link, DetectEventType type, const CoordinatorEvidence *evidence)
{
  gboolean in_use = c->active == link->link.ifindex || coordinator_is_probe (c, link);

  if (type != DETECT_EVENT_LINK_DOWN && link->state == COORDINATOR_OFFLINE)
    coordinator_dispatch (c, link, COORDINATOR_EVENT_LINK_UP, evidence);
  switch (type)
    {
    case DETECT_EVENT_LINK_UP:
      if (in_use)
        coordinator_dispatch (c, link, COORDINATOR_EVENT_LINK_UP, evidence);
      break;
    case DETECT_EVENT_ADDRESS:
      coordinator_link_ready (c, link, evidence);
      break;
    case DETECT_EVENT_ADDRESS_LOST:
      coordinator_dispatch (c, link, COORDINATOR_EVENT_ADDR_LOST, evidence);
      break;
    case DETECT_EVENT_LINK_DOWN:
      coordinator_dispatch (c, link, COORDINATOR_EVENT_LINK_DOWN, evidence);
      break;
    case DETECT_EVENT_HINT:
      if (in_use)
        coordinator_dispatch (c, link, COORDINATOR_EVENT_HINT, evidence);
      else
        coordinator_link_ready (c, link, evidence);
      break;
    }
}

/* A move is a new beginning: what earlier failures made roamd wait for does not hold here. */
static void
forget_penalties (Coordinator *c, CoordinatorLink *link)
{
  link->retry_delay_us = 0;
  c->vpn.not_before_us = 0;
}

void
coordinator_input_link (Coordinator *c, const RoamNow *now, const DetectEvent *event)
{
  CoordinatorEvidence evidence = { .now = now, .reason = event->reason };
  DetectEventType type = effective_type (event);
  CoordinatorLink *link;

  coordinator_begin_pass (c, now);
  link = coordinator_find_link (c, event->link.ifindex);
  if (link == NULL && event->link.candidate)
    link = add_link (c, event->link.ifindex);
  if (link != NULL)
    {
      link->link = event->link;
      if (type == DETECT_EVENT_LINK_DOWN || event->type == DETECT_EVENT_LINK_UP || event->type == DETECT_EVENT_HINT)
        coordinator_forget_agents (link);
      if (type != DETECT_EVENT_LINK_DOWN && type != DETECT_EVENT_ADDRESS_LOST)
        forget_penalties (c, link);
      if (c->enabled)
        link_event (c, link, type, &evidence);
    }
  coordinator_finish_pass (c, now);
}

static void
enable (Coordinator *c, const RoamNow *now)
{
  if (c->enabled)
    return;
  c->enabled = TRUE;
  c->hold_since_us = MAX (now->boot_us, 1);
  for (guint i = 0; i < c->n_links; i++)
    {
      CoordinatorLink *link = &c->links[i];
      const CoordinatorEvidence evidence = { .now = now, .reason = "enabled" };
      const DetectEvent event = { .link = link->link, .type = DETECT_EVENT_ADDRESS };

      link->rejected = FALSE;
      coordinator_dispatch (c, link, COORDINATOR_EVENT_START, &evidence);
      link_event (c, link, effective_type (&event), &evidence);
    }
}

static void
disable (Coordinator *c, const RoamNow *now)
{
  const CoordinatorEvidence evidence = { .now = now, .reason = "disabled" };

  if (!c->enabled)
    return;
  c->enabled = FALSE;
  for (guint i = 0; i < c->n_links; i++)
    {
      coordinator_dispatch (c, &c->links[i], COORDINATOR_EVENT_STOP, &evidence);
      /* Nobody listens from now on, so nobody will say that they are gone. */
      coordinator_forget_agents (&c->links[i]);
    }
  coordinator_vpn_drop (c, TRUE);
  c->binding.valid = FALSE;
  c->active = c->probe = 0;
  c->vpn.n_paths = 0;
  c->alarms = 0;
  c->data_state = COORDINATOR_OFF;
  c->data_ifindex = 0;
  c->data_ifname[0] = '\0';
  c->data_address = ROAM_ADDR_NONE;
}

static void
redetect (Coordinator *c, const RoamNow *now, int ifindex)
{
  const CoordinatorEvidence evidence = { .now = now, .reason = "asked to detect again" };

  for (guint i = 0; i < c->n_links; i++)
    {
      CoordinatorLink *link = &c->links[i];

      if ((ifindex != 0 && ifindex != link->link.ifindex) || !detect_link_is_usable (&link->link))
        continue;
      forget_penalties (c, link);
      link_event (c, link, DETECT_EVENT_HINT, &evidence);
    }
}

void
coordinator_input_command (Coordinator *c, const RoamNow *now, const CoordinatorCommand *command)
{
  coordinator_begin_pass (c, now);
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

static gint
compare_status (gconstpointer a, gconstpointer b)
{
  return ((const CoordinatorLinkStatus *)a)->link.ifindex - ((const CoordinatorLinkStatus *)b)->link.ifindex;
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
  g_array_sort (links, compare_status);
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

void
coordinator_input_deadline (Coordinator *c, const RoamNow *now)
{
  coordinator_begin_pass (c, now);
  coordinator_finish_pass (c, now);
}

gint64
coordinator_next_deadline (const Coordinator *c)
{
  gint64 due = roam_deadline_min (c->vpn.start_us, c->b.retry_us);

  for (guint i = 0; i < c->n_links; i++)
    {
      const CoordinatorLink *link = &c->links[i];

      due = roam_deadline_min (due, roam_deadline_min (link->grace_us, link->retry_us));
      due = roam_deadline_min (due, roam_deadline_min (link->mon_us, link->mon_exp_us));
      due = roam_deadline_min (due, link->agent_us);
    }
  if (c->plan_known && c->plan.mode == TUNNEL_MODE_HOLD)
    due = roam_deadline_min (due, c->hold_since_us + COORDINATOR_HOLD_LIMIT_US);
  return due;
}
