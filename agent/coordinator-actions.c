/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "agent/coordinator-private.h"

/*
 * What the rows of the table do. "Block" and "unblock" are not here: the plan follows from the state
 * that a row leads to (coordinator-output.c).
 */

COORDINATOR_ROW_ACTION (nothing)
{
}

COORDINATOR_ROW_ACTION (stop)
{
  gint64 now_us = evidence->now->boot_us;

  coordinator_r_stop (c, link, now_us);
  if (c->active != link->link.ifindex)
    return;
  coordinator_b_stop (c, now_us);
  coordinator_deregister_binding (c, link);
}

COORDINATOR_ROW_ACTION (address_lost)
{
  coordinator_network_alarms_over (c, link);
  coordinator_r_stop (c, link, evidence->now->boot_us);
  if (c->active == link->link.ifindex)
    coordinator_b_stop (c, evidence->now->boot_us);
}

COORDINATOR_ROW_ACTION (link_lost)
{
  const Mip4MnCommand command = { .type = MIP4_MN_FORGET, .path = (Mip4Path)link->link.ifindex };

  coordinator_act_address_lost (c, link, evidence);
  coordinator_push_mip4 (c, &command);
}

/* ---------------------------------------------------------------- detection ---- */

/* "Block; forget grace/budget and the old R record": what every detection begins with. */
static void
begin_detection (Coordinator *c, CoordinatorLink *link, const CoordinatorEvidence *evidence)
{
  link->home_form = roam_prefix_contains (&c->config.home, &link->link.address);
  link->v_dead_once = FALSE;
  coordinator_network_alarms_over (c, link);
  if (c->active != link->link.ifindex)
    return;
  coordinator_drop_probe (c);
  coordinator_b_stop (c, evidence->now->boot_us);
}

/* RFC 5266 3.4: MOBIKE update (or IKE set-up) and direct request, in one turn. */
COORDINATOR_ROW_ACTION (detect)
{
  begin_detection (c, link, evidence);
  if (!detect_link_is_usable (&link->link))
    {
      /* "... when an address is still confirmed, else wait for Addr". */
      coordinator_r_stop (c, link, evidence->now->boot_us);
      return;
    }
  coordinator_vpn_connect (c, link, evidence->now->boot_us);
  coordinator_r_register (c, link, evidence->now->boot_us);
}

void
coordinator_alarm_no_tnc (Coordinator *c, const CoordinatorLink *link, const CoordinatorEvidence *evidence)
{
  coordinator_alarm (c, link, COORDINATOR_ALARM_NO_TNC, evidence->mip4->code,
                     "The home agent answered without the Trusted Networks Configured extension: this network is not "
                     "trusted. If it should be, its subnet is missing in the home agent's trusted-networks.");
}

COORDINATOR_ROW_ACTION (no_tnc_detect)
{
  coordinator_act_detect (c, link, evidence);
  coordinator_alarm_no_tnc (c, link, evidence);
}

COORDINATOR_ROW_ACTION (binding_gone_detect)
{
  c->binding.valid = FALSE;
  coordinator_act_detect (c, link, evidence);
}

/* ------------------------------------------------------------------- inside ---- */

/* the proof is as old as the request that was accepted. */
COORDINATOR_ROW_ACTION (proof_renewed)
{
  gint64 sent_us = evidence->mip4->sent_us, margin_us = c->config.monitor_margin_us;

  if (margin_us >= c->config.t_monitor_us)
    margin_us = c->config.t_monitor_us / 2;
  link->proved_us = MAX (sent_us, 1);
  link->mon_us = sent_us + c->config.t_monitor_us - margin_us;
  link->mon_exp_us = sent_us + c->config.t_monitor_us;
}

/* P-7: what becomes of the VPN once the network is proved trusted. */
COORDINATOR_ROW_ACTION (v_inside)
{
  gboolean starting = c->vpn.state == COORDINATOR_VPN_STARTING;

  /* A start that P-5 put off is needless now; one after a dead IKE SA is broken off (U-05). */
  if (c->vpn.state == COORDINATOR_VPN_DELAYED || (starting && c->vpn.replaces_dead) || !c->config.vpn_inside_keep)
    coordinator_vpn_drop (c, TRUE);
}

COORDINATOR_ROW_ACTION (inside)
{
  coordinator_network_alarms_over (c, link);
  /* SEC-006 */
  if (c->vpn.state == COORDINATOR_VPN_UP && c->vpn.nat && c->vpn.ifindex == link->link.ifindex)
    coordinator_alarm (
      c, link, COORDINATOR_ALARM_TNC_OUTSIDE, 0,
      "The home agent calls this network trusted, yet the VPN gateway sees it behind a NAT. If this is "
      "no office network, tell the administrator that the home agent answers from outside.");
  coordinator_b_stop (c, evidence->now->boot_us);
  coordinator_act_v_inside (c, link, evidence);
  coordinator_act_proof_renewed (c, link, evidence);
}

/* unreachable from inside is normal; no DELETE could reach it either. */
COORDINATOR_ROW_ACTION (v_failed_inside)
{
  coordinator_vpn_drop (c, FALSE);
}

COORDINATOR_ROW_ACTION (monitor)
{
  link->mon_us = ROAM_NEVER;
  coordinator_r_register (c, link, evidence->now->boot_us);
}

/* -------------------------------------------------- the direct request is over ---- */

/* A start of the VPN that P-5 put off for the sake of the direct answer need not wait any more. */
COORDINATOR_ROW_ACTION (r_is_over)
{
  if (c->vpn.state == COORDINATOR_VPN_DELAYED && c->vpn.not_before_us <= evidence->now->boot_us)
    coordinator_vpn_send_start (c);
}

/* the home agent now holds our local address and would tunnel to it in clear. */
COORDINATOR_ROW_ACTION (no_tnc)
{
  coordinator_alarm_no_tnc (c, link, evidence);
  coordinator_act_r_is_over (c, link, evidence);
}

COORDINATOR_ROW_ACTION (no_tnc_late)
{
  coordinator_alarm_no_tnc (c, link, evidence);
  if (link->state == COORDINATOR_BLOCKED)
    coordinator_deregister (c, link);
}

COORDINATOR_ROW_ACTION (no_tnc_register)
{
  coordinator_alarm_no_tnc (c, link, evidence);
  coordinator_b_register (c, evidence->now->boot_us);
}

COORDINATOR_ROW_ACTION (no_tnc_blocked)
{
  coordinator_alarm_no_tnc (c, link, evidence);
  coordinator_act_retry_timer (c, link, evidence);
  coordinator_deregister (c, link);
}

COORDINATOR_ROW_ACTION (stop_r)
{
  /* 133 and what else the engine repairs: it has sent one more (ST-207). */
  if (evidence->mip4 == NULL || !evidence->mip4->will_retry)
    coordinator_r_stop (c, link, evidence->now->boot_us);
}

/* a newer request went over the VPN; the next answer decides. */
COORDINATOR_ROW_ACTION (probe_again)
{
  coordinator_r_register (c, link, evidence->now->boot_us);
}

/* A late answer is worth a fresh question, not more often than P-10. */
COORDINATOR_ROW_ACTION (probe_late)
{
  c->late_from_us = evidence->now->boot_us + c->config.late_rate_us;
  if (link->state == COORDINATOR_MCREG)
    coordinator_b_stop (c, evidence->now->boot_us);
  coordinator_r_register (c, link, evidence->now->boot_us);
}

COORDINATOR_ROW_ACTION (detect_late)
{
  c->late_from_us = evidence->now->boot_us + c->config.late_rate_us;
  coordinator_act_detect (c, link, evidence);
}

/* ---------------------------------------------------------------------- VPN ---- */

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

  if (coordinator_binding_is_tia (c, evidence->now->boot_us))
    return c->config.grace_us;
  return MAX (c->config.grace_us, MIN (COORDINATOR_SETTLE_US + 2 * rtt_us, COORDINATOR_SETTLE_LIMIT_US));
}

COORDINATOR_ROW_ACTION (start_grace)
{
  gint64 wait_us = grace (c, evidence);

  /* Grace holds data back; those of a link that is to be replaced are not held. */
  if (wait_us == 0 || coordinator_is_probe (c, link))
    coordinator_raise (c, link, COORDINATOR_EVENT_GRACE, FALSE);
  else
    link->grace_us = evidence->now->boot_us + wait_us;
}

static void
restart_vpn (Coordinator *c, CoordinatorLink *link, const CoordinatorEvidence *evidence)
{
  c->vpn.replaces_dead = TRUE;
  coordinator_vpn_start (c, link, evidence->now->boot_us, 0);
}

/* U-18, U-34: the gateway refused or ignored the new address; a fresh IKE SA from there may do better. */
COORDINATOR_ROW_ACTION (v_failed)
{
  if (c->vpn.state == COORDINATOR_VPN_FAILED && !coordinator_is_probe (c, link))
    restart_vpn (c, link, evidence);
}

static void
alarm_unreachable (Coordinator *c, CoordinatorLink *link)
{
  coordinator_alarm (
    c, link, COORDINATOR_ALARM_VPN_UNREACHABLE, 0,
    "The VPN gateway stopped answering. roamd looks for a path again; if this lasts, check the network "
    "or ask the administrator whether the gateway runs.");
}

/* The IKE SA that carried the data is lost: RFC 5266 3.4.2 with "no VPN connection". */
COORDINATOR_ROW_ACTION (v_lost)
{
  alarm_unreachable (c, link);
  begin_detection (c, link, evidence);
  restart_vpn (c, link, evidence);
  coordinator_r_register (c, link, evidence->now->boot_us);
}

COORDINATOR_ROW_ACTION (v_failed_blocked)
{
  coordinator_act_retry_timer (c, link, evidence);
  if (c->binding.dirty)
    coordinator_deregister (c, link);
}

COORDINATOR_ROW_ACTION (v_restart)
{
  link->v_dead_once = TRUE;
  restart_vpn (c, link, evidence);
}

COORDINATOR_ROW_ACTION (v_refused_probe)
{
  begin_detection (c, link, evidence);
  coordinator_r_register (c, link, evidence->now->boot_us);
}

COORDINATOR_ROW_ACTION (retry_timer)
{
  coordinator_r_stop (c, link, evidence->now->boot_us);
  if (c->active == link->link.ifindex)
    coordinator_b_stop (c, evidence->now->boot_us);
  link->retry_delay_us =
    link->retry_delay_us == 0 ? c->config.retry_us : MIN (link->retry_delay_us * 2, c->config.retry_limit_us);
  link->retry_us = evidence->now->boot_us + link->retry_delay_us;
}

/* ------------------------------------------------------ binding over the VPN ---- */

COORDINATOR_ROW_ACTION (binding_gone)
{
  c->binding.valid = FALSE;
}

COORDINATOR_ROW_ACTION (binding_gone_register)
{
  c->binding.valid = FALSE;
  coordinator_b_stop (c, evidence->now->boot_us);
  coordinator_b_backoff (c, evidence->now->boot_us);
}

COORDINATOR_ROW_ACTION (register_vpn)
{
  coordinator_b_register (c, evidence->now->boot_us);
}

/* data need not wait, but the home agent may have heard a direct request. */
COORDINATOR_ROW_ACTION (vpn_data)
{
  if (c->config.mc_refresh)
    coordinator_b_register (c, evidence->now->boot_us);
}

COORDINATOR_ROW_ACTION (b_accepted)
{
  c->b.waited = FALSE;
  c->b.retry_us = ROAM_NEVER;
  c->b.retry_delay_us = 0;
  /* A direct request was accepted after it: once more, so that this one is the newest. */
  if (c->binding.dirty)
    coordinator_b_register (c, evidence->now->boot_us);
}

COORDINATOR_ROW_ACTION (b_backoff)
{
  coordinator_b_backoff (c, evidence->now->boot_us);
}

/* T-19, ST-218: what the engine can repair is under way; what passes with time gets one more chance. */
COORDINATOR_ROW_ACTION (b_patience)
{
  if (evidence->mip4->will_retry)
    return;
  c->b.waited = TRUE;
  coordinator_b_backoff (c, evidence->now->boot_us);
}

COORDINATOR_ROW_ACTION (b_silent)
{
  coordinator_b_backoff (c, evidence->now->boot_us);
  coordinator_vpn_check (c);
}

/* T-20: the gateway lives, so it may be protocol 4 that does not pass: F=1 once, then backoff. */
COORDINATOR_ROW_ACTION (b_force_udp)
{
  c->b.force_udp = !c->b.force_udp;
  if (c->b.force_udp)
    coordinator_b_register (c, evidence->now->boot_us);
  else
    coordinator_b_backoff (c, evidence->now->boot_us);
}
