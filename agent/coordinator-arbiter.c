/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "agent/coordinator-private.h"

/*
 * Several interfaces. One is active: it carries the data or is about to. The others stand by
 * in ACQUIRE, unprobed, since a direct request from one of them moves the only binding. When a better
 * one becomes usable while data flow it is the probe: tried beside the active one, whose data go on
 * until the probe can carry them (make before break). Verdicts are never shared.
 */

#define STAND_BY_EVENT "StandBy"
#define STAND_BY_ROW "A-20"

gboolean
coordinator_is_probe (const Coordinator *c, const CoordinatorLink *link)
{
  return c->probe != 0 && c->probe == link->link.ifindex;
}

static guint
kind_rank (DetectKind kind)
{
  switch (kind)
    {
    case DETECT_KIND_ETHERNET:
    case DETECT_KIND_VETH:
      return 0;
    case DETECT_KIND_WIFI:
      return 1;
    case DETECT_KIND_WWAN:
      return 2;
    case DETECT_KIND_TUNNEL:
    case DETECT_KIND_BRIDGE:
    case DETECT_KIND_LOOPBACK:
    case DETECT_KIND_OTHER:
      return 3;
    }
  g_assert_not_reached ();
}

/* The route metric says what the administrator prefers, then the kind of link. */
static gboolean
is_better (const DetectLink *candidate, const DetectLink *than)
{
  if (candidate->metric != than->metric)
    return candidate->metric < than->metric;
  return kind_rank (candidate->kind) < kind_rank (than->kind);
}

gboolean
coordinator_link_is_better (const CoordinatorLink *link, const CoordinatorLink *than)
{
  return is_better (&link->link, &than->link);
}

static CoordinatorLink *
best_standby (Coordinator *c)
{
  CoordinatorLink *best = NULL;

  for (guint i = 0; i < c->n_links; i++)
    {
      CoordinatorLink *link = &c->links[i];

      if (link->state != COORDINATOR_ACQUIRE || link->rejected || !detect_link_is_usable (&link->link) ||
          link->link.ifindex == c->active || link->link.ifindex == c->probe)
        continue;
      if (best == NULL || is_better (&link->link, &best->link))
        best = link;
    }
  return best;
}

static void
forgive_all (Coordinator *c)
{
  for (guint i = 0; i < c->n_links; i++)
    c->links[i].rejected = FALSE;
}

/* ------------------------------------------------------------------- moves ---- */

/* Puts a link aside: it stays up and unprobed until it is about to be used. */
static void
stand_by (Coordinator *c, CoordinatorLink *link, const char *reason, gint64 now_us)
{
  coordinator_r_stop (c, link, now_us);
  if (coordinator_is_probe (c, link))
    c->probe = 0;
  if (link->state != COORDINATOR_OFF && link->state != COORDINATOR_OFFLINE && link->state != COORDINATOR_ACQUIRE)
    coordinator_set_state (c, link, COORDINATOR_ACQUIRE, STAND_BY_EVENT, STAND_BY_ROW, reason);
}

void
coordinator_drop_probe (Coordinator *c)
{
  CoordinatorLink *link = coordinator_find_link (c, c->probe);

  if (link != NULL)
    stand_by (c, link, "standing by: the active interface is asked anew", c->now_us);
}

void
coordinator_activate (Coordinator *c, CoordinatorLink *link)
{
  CoordinatorLink *old = coordinator_find_link (c, c->active);

  if (coordinator_is_probe (c, link))
    c->probe = 0;
  c->active = link->link.ifindex;
  if (old != NULL && old != link)
    stand_by (c, old, "standing by: another interface carries the data", c->now_us);
}

/* Home candidates are told apart where the form of the direct request changes. */
static CoordinatorEvent
address_event (const Coordinator *c, const CoordinatorLink *link)
{
  gboolean home = roam_prefix_contains (&c->config.home, &link->link.address);

  if (home && link->state != COORDINATOR_HOME && (link->state == COORDINATOR_ACQUIRE || !link->home_form))
    return COORDINATOR_EVENT_HOME_LINK;
  return COORDINATOR_EVENT_ADDR;
}

static void
open_link (Coordinator *c, CoordinatorLink *link, const CoordinatorEvidence *evidence)
{
  coordinator_dispatch (c, link, address_event (c, link), evidence);
}

void
coordinator_restore_binding (Coordinator *c, gint64 now_us)
{
  CoordinatorLink *active = coordinator_find_link (c, c->active);

  if (active == NULL)
    return;
  if (active->state == COORDINATOR_F)
    coordinator_r_register_agent (c, active, now_us);
  else if (coordinator_state_is_trusted (active->state))
    coordinator_r_register (c, active, now_us);
  else if (coordinator_state_is_mc (active->state))
    coordinator_b_register (c, now_us);
}

/* MOBIKE had been pointed to a link that is not going to be used. */
static void
move_vpn_back (Coordinator *c, CoordinatorLink *active)
{
  if (!coordinator_vpn_has_sa (c))
    coordinator_vpn_drop (c, FALSE);
  else if (!coordinator_state_is_trusted (active->state) || c->config.vpn_inside_keep)
    coordinator_vpn_move (c, active, TRUE);
  else
    coordinator_vpn_drop (c, TRUE);
}

/* A trial came to nothing: all points to the active interface again. */
static void
give_up_probe (Coordinator *c, CoordinatorLink *link, const CoordinatorEvidence *evidence)
{
  CoordinatorLink *active = coordinator_find_link (c, c->active);
  gboolean refresh;

  stand_by (c, link, "standing by: this interface gave no better path", evidence->now->boot_us);
  /* Also when it went down, and is in ACQUIRE or OFFLINE by a row of the table. */
  c->probe = 0;
  link->rejected = TRUE;
  if (active == NULL)
    return;
  if (c->vpn.ifindex == link->link.ifindex)
    move_vpn_back (c, active);
  /* the home agent may have accepted a request from there although no answer came. */
  refresh = c->binding.dirty || c->config.mc_refresh || coordinator_state_is_trusted (active->state);
  if (refresh)
    coordinator_restore_binding (c, evidence->now->boot_us);
}

/* --------------------------------------------------------- events of a probe ---- */

/*
 * HOME > C and F > MC: while a proved network carries the data, a link on trial must prove
 * itself too, and the home link is only left for itself.
 */
static gboolean
is_a_step_down (const CoordinatorLink *active, const CoordinatorLink *link, CoordinatorEvent event,
                const CoordinatorEvidence *evidence)
{
  if (!coordinator_state_is_trusted (active->state))
    return FALSE;
  if (event == COORDINATOR_EVENT_R_IN)
    return active->state == COORDINATOR_HOME && !link->home_form;
  if (event == COORDINATOR_EVENT_R_DENY)
    return !evidence->mip4->will_retry;
  return event == COORDINATOR_EVENT_R_EXH || (event == COORDINATOR_EVENT_R_NOTNC && !evidence->stale);
}

gboolean
coordinator_arbiter_intercept (Coordinator *c, CoordinatorLink *link, CoordinatorEvent event,
                               const CoordinatorEvidence *evidence)
{
  const CoordinatorLink *active = coordinator_find_link (c, c->active);

  if (!coordinator_is_probe (c, link) || active == NULL)
    return FALSE;
  if (is_a_step_down (active, link, event, evidence))
    {
      if (event == COORDINATOR_EVENT_R_NOTNC)
        coordinator_alarm_no_tnc (c, link, evidence);
      give_up_probe (c, link, evidence);
      return TRUE;
    }
  /* The gateway's answer changes nothing for the data of a proved network. */
  if (event == COORDINATOR_EVENT_GRACE)
    return coordinator_state_is_trusted (active->state);
  /* A-04 over all paths: something else was asked for since; the next answer decides. */
  if (event == COORDINATOR_EVENT_R_IN &&
      (coordinator_b_is_newer (c, evidence->mip4->sent_us) || coordinator_r_is_newer (active, evidence->mip4->sent_us)))
    {
      coordinator_r_register (c, link, evidence->now->boot_us);
      return TRUE;
    }
  return FALSE;
}

/* ------------------------------------------------------------- arbitration ---- */

/* A link on trial is all that is left: it goes on from where it is, as far as that still holds. */
static void
succeed (Coordinator *c, CoordinatorLink *link, const CoordinatorEvidence *evidence)
{
  gboolean vpn_is_here = c->vpn.ifindex == link->link.ifindex;

  c->active = link->link.ifindex;
  c->probe = 0;
  switch (c->vpn.state)
    {
    case COORDINATOR_VPN_UPDATING:
      if (!vpn_is_here)
        break;
      /* Nothing can be lost on the old path any more: the SAs move at once. */
      coordinator_vpn_move (c, link, TRUE);
      return;
    case COORDINATOR_VPN_UP:
      if (!vpn_is_here)
        break;
      if (link->state == COORDINATOR_DET_G)
        coordinator_raise (c, link, COORDINATOR_EVENT_GRACE, FALSE);
      return;
    case COORDINATOR_VPN_DELAYED:
    case COORDINATOR_VPN_STARTING:
      if (!vpn_is_here)
        break;
      return;
    case COORDINATOR_VPN_NONE:
    case COORDINATOR_VPN_FAILED:
      break;
    }
  open_link (c, link, evidence);
}

static void
replace_lost (Coordinator *c, const CoordinatorEvidence *evidence)
{
  CoordinatorLink *link = coordinator_find_link (c, c->probe);

  forgive_all (c);
  /* A move does not wait for what went wrong before it. */
  c->vpn.not_before_us = 0;
  if (link != NULL)
    {
      succeed (c, link, evidence);
      return;
    }
  link = best_standby (c);
  if (link == NULL)
    return;
  c->active = link->link.ifindex;
  open_link (c, link, evidence);
}

/* Neither home agent nor gateway here: the next best link that was not tried in this round. */
static void
replace_blocked (Coordinator *c, CoordinatorLink *blocked, const CoordinatorEvidence *evidence)
{
  CoordinatorLink *probe = coordinator_find_link (c, c->probe), *next = best_standby (c);

  blocked->rejected = TRUE;
  if (probe != NULL)
    {
      stand_by (c, blocked, "standing by: no path over this interface", evidence->now->boot_us);
      succeed (c, probe, evidence);
      return;
    }
  if (next == NULL)
    return;
  coordinator_activate (c, next);
  open_link (c, next, evidence);
}

void
coordinator_retry (Coordinator *c, CoordinatorLink *link, const CoordinatorEvidence *evidence)
{
  CoordinatorLink *best;

  forgive_all (c);
  best = best_standby (c);
  if (best == NULL || !is_better (&best->link, &link->link))
    {
      coordinator_dispatch (c, link, COORDINATOR_EVENT_RETRY, evidence);
      return;
    }
  coordinator_activate (c, best);
  open_link (c, best, evidence);
}

/* The active link asks for itself again (ST-205): two that ask would take the binding from each other. */
static void
end_trial (Coordinator *c, CoordinatorLink *active, const CoordinatorEvidence *evidence)
{
  CoordinatorLink *probe = coordinator_find_link (c, c->probe);

  if (probe == NULL)
    return;
  stand_by (c, probe, "standing by: the active interface is asked anew", evidence->now->boot_us);
  if (c->vpn.ifindex == probe->link.ifindex && coordinator_vpn_has_sa (c))
    coordinator_vpn_move (c, active, TRUE);
}

void
coordinator_arbitrate (Coordinator *c, CoordinatorLink *link, const CoordinatorEvidence *evidence)
{
  CoordinatorState state = link->state;
  gboolean gone = state == COORDINATOR_OFFLINE || state == COORDINATOR_ACQUIRE;

  if (!c->enabled)
    return;
  if (coordinator_is_probe (c, link))
    {
      if (coordinator_state_carries_data (state) || state == COORDINATOR_MCREG)
        coordinator_activate (c, link);
      else if (gone || state == COORDINATOR_BLOCKED)
        give_up_probe (c, link, evidence);
    }
  else if (c->active == link->link.ifindex)
    {
      if (gone)
        replace_lost (c, evidence);
      else if (state == COORDINATOR_BLOCKED)
        replace_blocked (c, link, evidence);
      else if (!coordinator_state_carries_data (state) && state != COORDINATOR_MCREG)
        end_trial (c, link, evidence);
    }
}

void
coordinator_consider_standby (Coordinator *c, const CoordinatorEvidence *evidence)
{
  CoordinatorLink *active = coordinator_find_link (c, c->active), *link = best_standby (c);

  if (c->probe != 0 || active == NULL || link == NULL || !coordinator_state_carries_data (active->state) ||
      !is_better (&link->link, &active->link))
    return;
  c->probe = link->link.ifindex;
  open_link (c, link, evidence);
}

/*
 * RFC 4555 3.5: the initiator found the path in use silent and took another one, so ESP goes there by now.
 * That is the beginning of a handover like any other: the new link is on trial until it is registered from,
 * and the silent one is not asked again before something changes there.
 */
void
coordinator_follow_path (Coordinator *c, CoordinatorLink *link, const CoordinatorEvidence *evidence)
{
  CoordinatorLink *active = coordinator_find_link (c, c->active);

  c->vpn.ifindex = link->link.ifindex;
  if (active == NULL || active == link || !coordinator_state_needs_vpn (active->state))
    return;
  active->rejected = TRUE;
  link->rejected = FALSE;
  if (coordinator_is_probe (c, link))
    return;
  coordinator_drop_probe (c);
  c->probe = link->link.ifindex;
  open_link (c, link, evidence);
}

/* May @link have a word while @active is there? */
static gboolean
is_welcome (const CoordinatorLink *link, const CoordinatorLink *active)
{
  switch (active->state)
    {
    case COORDINATOR_OFF:
    case COORDINATOR_OFFLINE:
    case COORDINATOR_ACQUIRE:
    case COORDINATOR_BLOCKED:
      return TRUE;
    case COORDINATOR_DET_0:
      if (!detect_link_is_usable (&active->link))
        return TRUE;
      break;
    case COORDINATOR_DET_G:
    case COORDINATOR_DET_R:
    case COORDINATOR_DET_V:
    case COORDINATOR_HOME:
    case COORDINATOR_C:
    case COORDINATOR_C_FA:
    case COORDINATOR_F:
    case COORDINATOR_MCREG:
    case COORDINATOR_MC_BG:
    case COORDINATOR_MC:
    case COORDINATOR_MC_CHK:
      break;
    }
  return is_better (&link->link, &active->link);
}

void
coordinator_link_ready (Coordinator *c, CoordinatorLink *link, const CoordinatorEvidence *evidence)
{
  CoordinatorLink *active = coordinator_find_link (c, c->active);

  link->rejected = FALSE;
  if (active != NULL && active != link && !coordinator_is_probe (c, link))
    {
      if (!is_welcome (link, active))
        {
          link->reason = "standing by: another interface carries the data";
          return;
        }
      coordinator_drop_probe (c);
      if (coordinator_state_carries_data (active->state))
        c->probe = link->link.ifindex;
      else
        coordinator_activate (c, link);
    }
  else if (active == NULL)
    c->active = link->link.ifindex;
  open_link (c, link, evidence);
}
