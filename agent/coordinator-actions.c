/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "agent/coordinator-private.h"

/* What the rows of the table do: the commands, and the records that go with them. */

static CoordinatorAction *
push (GQueue *queue, CoordinatorActionType type)
{
  CoordinatorAction *action = g_new0 (CoordinatorAction, 1);

  action->type = type;
  g_queue_push_tail (queue, action);
  return action;
}

static guint32
next_serial (Coordinator *c)
{
  /* 0 means "no record" everywhere. */
  if (++c->last_serial == 0)
    c->last_serial = 1;
  return c->last_serial;
}

void
coordinator_alarm (Coordinator *c, const CoordinatorLink *link, CoordinatorAlarm alarm, guint8 code,
                   const char *sentence)
{
  CoordinatorAction *action = push (&c->records, COORDINATOR_ACTION_ALARM);

  action->alarm.alarm = alarm;
  action->alarm.ifindex = link != NULL ? link->link.ifindex : 0;
  action->alarm.code = code;
  action->alarm.sentence = sentence;
  c->alarm_raised = alarm != COORDINATOR_ALARM_CLEARED;
}

gboolean
coordinator_binding_is_tia (const Coordinator *c)
{
  return c->binding.valid && !c->binding.dirty && c->binding.over_vpn &&
         roam_addr_equal (&c->binding.care_of_address, &c->vpn.configuration.tia4);
}

/* ------------------------------------------------------------------ VPN side ---- */

static void
push_ike (Coordinator *c, IkeCommandType type, guint32 serial, const CoordinatorLink *link, gboolean children_now)
{
  CoordinatorAction *action = push (&c->ike, COORDINATOR_ACTION_IKE);

  action->ike.type = type;
  action->ike.serial = serial;
  action->ike.move_children_now = children_now;
  if (link != NULL)
    action->ike.path = (IkePath){ .ifindex = (guint32)link->link.ifindex, .local = link->link.address };
}

void
coordinator_vpn_start (Coordinator *c, CoordinatorLink *link)
{
  c->vpn.state = COORDINATOR_VPN_STARTING;
  c->vpn.ifindex = link->link.ifindex;
  c->vpn.serial = next_serial (c);
  c->vpn.start_us = ROAM_NEVER;
  push_ike (c, IKE_START, c->vpn.serial, link, FALSE);
}

void
coordinator_vpn_move (Coordinator *c, CoordinatorLink *link, gboolean children_now)
{
  c->vpn.state = COORDINATOR_VPN_UPDATING;
  c->vpn.ifindex = link->link.ifindex;
  c->vpn.serial = next_serial (c);
  push_ike (c, IKE_MOVE, c->vpn.serial, link, children_now);
}

/* RFC 5266 3.4.1 1a, 3.4.2 1: update the SA if there is one, else set one up from here. */
void
coordinator_vpn_connect (Coordinator *c, CoordinatorLink *link, gint64 now_us)
{
  if (!roam_addr_is_specified (&c->config.gateway))
    {
      coordinator_raise (c, link, COORDINATOR_EVENT_V_FAIL, FALSE);
      return;
    }
  switch (c->vpn.state)
    {
    case COORDINATOR_VPN_UP:
    case COORDINATOR_VPN_UPDATING:
      coordinator_vpn_move (c, link, !coordinator_is_probe (c, link));
      return;
    case COORDINATOR_VPN_NONE:
    case COORDINATOR_VPN_DELAYED:
    case COORDINATOR_VPN_STARTING:
      if (c->config.vpn_delay_us == 0 || c->vpn.state == COORDINATOR_VPN_STARTING)
        {
          coordinator_vpn_start (c, link);
          return;
        }
      c->vpn.state = COORDINATOR_VPN_DELAYED;
      c->vpn.ifindex = link->link.ifindex;
      c->vpn.start_us = now_us + c->config.vpn_delay_us;
      return;
    }
}

void
coordinator_vpn_drop (Coordinator *c, gboolean tell_gateway)
{
  if (c->vpn.state == COORDINATOR_VPN_NONE)
    return;
  if (c->vpn.state != COORDINATOR_VPN_DELAYED)
    {
      gboolean established = c->vpn.state == COORDINATOR_VPN_UP || c->vpn.state == COORDINATOR_VPN_UPDATING;

      push_ike (c, tell_gateway && established ? IKE_TERMINATE : IKE_ABANDON, next_serial (c), NULL, FALSE);
    }
  c->vpn.state = COORDINATOR_VPN_NONE;
  c->vpn.serial = c->vpn.check_serial = 0;
  c->vpn.start_us = ROAM_NEVER;
}

void
coordinator_vpn_check (Coordinator *c)
{
  if (c->vpn.state != COORDINATOR_VPN_UP)
    return;
  c->vpn.check_serial = next_serial (c);
  push_ike (c, IKE_CHECK, c->vpn.check_serial, NULL, FALSE);
}

/* P-7: what becomes of the VPN once the network is proved trusted. */
static void
vpn_inside (Coordinator *c)
{
  if (!c->config.vpn_inside_keep)
    coordinator_vpn_drop (c, TRUE);
}

/* -------------------------------------------------------- direct registration ---- */

static CoordinatorAction *
push_mip4 (Coordinator *c, Mip4MnCommandType type, Mip4Path path, guint32 serial)
{
  CoordinatorAction *action = push (&c->mip4, COORDINATOR_ACTION_MIP4);

  action->mip4.type = type;
  action->mip4.path = path;
  action->mip4.serial = serial;
  return action;
}

/* When the newest copy of the direct request left: copies go out after 0, T, 3T, 7T ... */
static gint64
r_last_sent (const Coordinator *c, const CoordinatorLink *link, gint64 now_us)
{
  gint64 last = 0, interval = c->config.detect_timeout_us, elapsed = now_us - link->r_began_us;

  for (guint i = 0; i < c->config.detect_retries && last + interval <= elapsed; i++)
    {
      last += interval;
      interval *= 2;
    }
  return link->r_began_us + last;
}

static void
r_send (Coordinator *c, CoordinatorLink *link, gint64 now_us)
{
  CoordinatorAction *action = push_mip4 (c, MIP4_MN_REGISTER, (Mip4Path)link->link.ifindex, link->r_serial);

  action->mip4.form = link->home_form ? MIP4_FORM_HOME : MIP4_FORM_CO_LOCATED;
  action->mip4.care_of_address = link->r_address;
  action->mip4.first_timeout_us = c->config.detect_timeout_us;
  action->mip4.copies = c->config.detect_retries + 1;
  link->r_began_us = now_us;
  link->r_due_us = ROAM_NEVER;
}

/*
 * A new direct request; what is still on its way is forgotten. Towards the same care-of address the
 * first copy waits until a second has passed since the last one (16.3 rule 5).
 */
void
coordinator_r_register (Coordinator *c, CoordinatorLink *link, gint64 now_us)
{
  RoamAddr address = link->home_form ? c->config.home.addr : link->link.address;
  gboolean repeated = link->r_serial != 0 && roam_addr_equal (&address, &link->r_address);
  gint64 due = repeated ? r_last_sent (c, link, now_us) + COORDINATOR_MIN_RRQ_US : now_us;

  if (repeated && link->r_due_us != ROAM_NEVER)
    due = MAX (due, link->r_due_us);
  link->r_address = address;
  link->r_serial = next_serial (c);
  link->r_newer_b = FALSE;
  if (due <= now_us)
    {
      link->r_running = TRUE;
      r_send (c, link, now_us);
      return;
    }
  if (link->r_running)
    push_mip4 (c, MIP4_MN_CANCEL, (Mip4Path)link->link.ifindex, link->r_serial);
  link->r_running = TRUE;
  link->r_due_us = due;
}

/* The delayed first copy of coordinator_r_register(). */
void
coordinator_r_due (Coordinator *c, CoordinatorLink *link, gint64 now_us)
{
  link->r_due_us = ROAM_NEVER;
  if (link->r_running)
    r_send (c, link, now_us);
}

void
coordinator_r_stop (Coordinator *c, CoordinatorLink *link)
{
  if (link->r_running)
    push_mip4 (c, MIP4_MN_CANCEL, (Mip4Path)link->link.ifindex, link->r_serial);
  link->r_running = FALSE;
  link->r_due_us = ROAM_NEVER;
}

/* --------------------------------------------------- registration over the VPN ---- */

void
coordinator_b_register (Coordinator *c, gint64 now_us, gboolean force_udp)
{
  CoordinatorAction *action = NULL;

  c->b.retry_us = ROAM_NEVER;
  c->b.serial = next_serial (c);
  c->b.running = TRUE;
  action = push_mip4 (c, MIP4_MN_REGISTER, MIP4_PATH_VPN, c->b.serial);
  action->mip4.form = MIP4_FORM_CO_LOCATED;
  action->mip4.care_of_address = c->vpn.configuration.tia4;
  action->mip4.first_timeout_us = ROAM_USEC_PER_SEC;
  action->mip4.copies = c->config.detect_retries + 1;
  action->mip4.force_udp = force_udp;
  for (guint i = 0; i < c->n_links; i++)
    c->links[i].r_newer_b = TRUE;
}

void
coordinator_b_stop (Coordinator *c)
{
  if (c->b.running)
    push_mip4 (c, MIP4_MN_CANCEL, MIP4_PATH_VPN, c->b.serial);
  c->b.running = FALSE;
  c->b.retry_us = ROAM_NEVER;
}

static void
b_backoff (Coordinator *c, gint64 now_us)
{
  c->b.retry_delay_us =
    c->b.retry_delay_us == 0 ? c->config.retry_us : MIN (c->b.retry_delay_us * 2, c->config.retry_limit_us);
  c->b.retry_us = now_us + c->b.retry_delay_us;
}

/* One deregistration, best effort: nobody waits for its answer. */
void
coordinator_deregister (Coordinator *c, CoordinatorLink *link, gboolean over_vpn)
{
  Mip4Path path = over_vpn ? MIP4_PATH_VPN : (Mip4Path)link->link.ifindex;
  CoordinatorAction *action = push_mip4 (c, MIP4_MN_REGISTER, path, next_serial (c));

  action->mip4.form = MIP4_FORM_DEREGISTER;
  action->mip4.care_of_address = over_vpn ? c->vpn.configuration.tia4 : link->link.address;
  action->mip4.first_timeout_us = ROAM_USEC_PER_SEC;
  action->mip4.copies = 1;
  c->binding.valid = FALSE;
}

/* ------------------------------------------------------------ actions of rows ---- */

COORDINATOR_ROW_ACTION (nothing)
{
}

COORDINATOR_ROW_ACTION (stop)
{
  gboolean carries = c->active == link->link.ifindex;

  coordinator_r_stop (c, link);
  if (!carries)
    return;
  coordinator_b_stop (c);
  if (c->binding.valid)
    coordinator_deregister (c, link, c->binding.over_vpn);
  coordinator_vpn_drop (c, TRUE);
}

COORDINATOR_ROW_ACTION (address_lost)
{
  coordinator_r_stop (c, link);
  link->r_serial = 0;
  if (c->active == link->link.ifindex)
    coordinator_b_stop (c);
}

COORDINATOR_ROW_ACTION (link_lost)
{
  coordinator_act_address_lost (c, link, evidence);
  push_mip4 (c, MIP4_MN_FORGET, (Mip4Path)link->link.ifindex, next_serial (c));
}

/* RFC 5266 3.4: MOBIKE update (or IKE set-up) and direct request, in one turn. */
COORDINATOR_ROW_ACTION (detect)
{
  link->home_form = roam_prefix_contains (&c->config.home, &link->link.address);
  link->v_dead_once = FALSE;
  if (c->active == link->link.ifindex)
    coordinator_b_stop (c);
  coordinator_vpn_connect (c, link, evidence->now->boot_us);
  coordinator_r_register (c, link, evidence->now->boot_us);
}

static void
prove (Coordinator *c, CoordinatorLink *link, const CoordinatorEvidence *evidence)
{
  gint64 sent_us = evidence->mip4->sent_us;

  /* the proof is as old as the request that was accepted. */
  link->proved_us = MAX (sent_us, 1);
  link->mon_us = sent_us + c->config.t_monitor_us - c->config.monitor_margin_us;
  link->mon_exp_us = sent_us + c->config.t_monitor_us;
  link->r_running = FALSE;
  c->binding = (CoordinatorBinding){
    .valid = !link->home_form,
    .care_of_address = link->link.address,
  };
}

COORDINATOR_ROW_ACTION (inside)
{
  prove (c, link, evidence);
  coordinator_b_stop (c);
  vpn_inside (c);
}

COORDINATOR_ROW_ACTION (proof_renewed)
{
  prove (c, link, evidence);
}

/* the home agent now holds our local address and would tunnel to it in clear. */
COORDINATOR_ROW_ACTION (no_tnc)
{
  link->r_running = FALSE;
  c->binding.dirty = TRUE;
}

COORDINATOR_ROW_ACTION (no_tnc_late)
{
  c->binding.dirty = TRUE;
  if (link->state == COORDINATOR_BLOCKED)
    coordinator_deregister (c, link, FALSE);
}

COORDINATOR_ROW_ACTION (no_tnc_register)
{
  coordinator_act_no_tnc (c, link, evidence);
  coordinator_b_register (c, evidence->now->boot_us, FALSE);
}

COORDINATOR_ROW_ACTION (no_tnc_blocked)
{
  coordinator_act_no_tnc (c, link, evidence);
  coordinator_deregister (c, link, FALSE);
  coordinator_act_retry_timer (c, link, evidence);
}

COORDINATOR_ROW_ACTION (stop_r)
{
  coordinator_r_stop (c, link);
}

/*
 * P-4. With the binding at the TIA nothing is gained by waiting: data may flow inside ESP at once.
 * Without it data wait for a registration over the VPN anyway, which would make the direct answer
 * that is about to come a stale one and cost the second that must lie between two requests;
 * and a gateway that rekeys after the update (as strongSwan's user-space one does) would lose the
 * answer. So the direct path gets about the time that the gateway took.
 */
static gint64
grace (const Coordinator *c, const CoordinatorEvidence *evidence)
{
  gint64 rtt_us = evidence->ike != NULL ? evidence->ike->rtt_us : 0;

  if (coordinator_binding_is_tia (c))
    return c->config.grace_us;
  return MAX (c->config.grace_us, MIN (COORDINATOR_SETTLE_US + 2 * rtt_us, COORDINATOR_SETTLE_LIMIT_US));
}

COORDINATOR_ROW_ACTION (start_grace)
{
  gint64 wait_us = grace (c, evidence);

  if (wait_us == 0)
    coordinator_raise (c, link, COORDINATOR_EVENT_GRACE, FALSE);
  else
    link->grace_us = evidence->now->boot_us + wait_us;
}

/* U-18: an update that nobody answered leaves no usable SA; a fresh IKE SA is tried from here. */
COORDINATOR_ROW_ACTION (v_failed)
{
  gboolean was_update = c->vpn.state == COORDINATOR_VPN_UPDATING;

  if (coordinator_is_probe (c, link))
    return;
  coordinator_vpn_drop (c, FALSE);
  if (was_update)
    coordinator_vpn_start (c, link);
}

COORDINATOR_ROW_ACTION (v_failed_detect)
{
  coordinator_vpn_drop (c, FALSE);
  coordinator_act_detect (c, link, evidence);
}

COORDINATOR_ROW_ACTION (v_failed_blocked)
{
  if (c->binding.dirty)
    coordinator_deregister (c, link, FALSE);
  if (!coordinator_is_probe (c, link))
    coordinator_vpn_drop (c, FALSE);
  coordinator_act_retry_timer (c, link, evidence);
}

/* unreachable from inside is normal; no DELETE could reach it either. */
COORDINATOR_ROW_ACTION (v_failed_inside)
{
  coordinator_vpn_drop (c, FALSE);
}

COORDINATOR_ROW_ACTION (v_restart)
{
  link->v_dead_once = TRUE;
  coordinator_vpn_start (c, link);
}

COORDINATOR_ROW_ACTION (v_refused_probe)
{
  coordinator_b_stop (c);
  coordinator_r_register (c, link, evidence->now->boot_us);
}

COORDINATOR_ROW_ACTION (v_inside)
{
  vpn_inside (c);
}

COORDINATOR_ROW_ACTION (binding_gone)
{
  c->binding.valid = FALSE;
}

COORDINATOR_ROW_ACTION (binding_gone_register)
{
  c->binding.valid = FALSE;
  coordinator_b_stop (c);
  b_backoff (c, evidence->now->boot_us);
}

COORDINATOR_ROW_ACTION (register_vpn)
{
  coordinator_b_register (c, evidence->now->boot_us, FALSE);
}

/* data need not wait, but the home agent may have heard a direct request. */
COORDINATOR_ROW_ACTION (vpn_data)
{
  coordinator_r_stop (c, link);
  if (c->config.mc_refresh)
    coordinator_b_register (c, evidence->now->boot_us, FALSE);
}

COORDINATOR_ROW_ACTION (retry_timer)
{
  coordinator_r_stop (c, link);
  coordinator_b_stop (c);
  link->retry_delay_us =
    link->retry_delay_us == 0 ? c->config.retry_us : MIN (link->retry_delay_us * 2, c->config.retry_limit_us);
  link->retry_us = evidence->now->boot_us + link->retry_delay_us;
}

COORDINATOR_ROW_ACTION (probe_again)
{
  c->last_late_us = evidence->now->boot_us;
  if (link->state == COORDINATOR_MCREG)
    coordinator_b_stop (c);
  coordinator_r_register (c, link, evidence->now->boot_us);
}

COORDINATOR_ROW_ACTION (monitor)
{
  link->mon_us = ROAM_NEVER;
  coordinator_r_register (c, link, evidence->now->boot_us);
}

COORDINATOR_ROW_ACTION (b_accepted)
{
  c->binding = (CoordinatorBinding){
    .valid = TRUE,
    .over_vpn = TRUE,
    .care_of_address = c->vpn.configuration.tia4,
  };
  c->b.running = c->b.forced_udp = FALSE;
  c->b.retry_us = ROAM_NEVER;
  c->b.retry_delay_us = 0;
}

COORDINATOR_ROW_ACTION (b_backoff)
{
  c->b.running = FALSE;
  b_backoff (c, evidence->now->boot_us);
}

COORDINATOR_ROW_ACTION (b_silent)
{
  coordinator_vpn_check (c);
  coordinator_act_b_backoff (c, link, evidence);
}

COORDINATOR_ROW_ACTION (b_force_udp)
{
  if (c->b.forced_udp)
    {
      coordinator_act_b_backoff (c, link, evidence);
      return;
    }
  c->b.forced_udp = TRUE;
  coordinator_b_register (c, evidence->now->boot_us, TRUE);
}
