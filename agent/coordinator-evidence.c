/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "agent/coordinator-private.h"

/* What the engines said, turned into events of the table; alarms for what a person should know. */

/* ----------------------------------------------------- answers to direct requests ---- */

static gboolean
is_pending (const CoordinatorLink *link, const Mip4MnEvent *event)
{
  return link->r_running && event->serial == link->r_serial;
}

/* Older than T_MONITOR, say after a sleep, an answer could not let data pass for a moment (RFC 5265 3.2.4). */
static gboolean
is_fresh (const Coordinator *c, const Mip4MnEvent *event, gint64 now_us)
{
  return event->sent_us <= now_us && now_us - event->sent_us < c->config.t_monitor_us;
}

static void
dispatch_verdict (Coordinator *c, CoordinatorLink *link, DetectVerdict verdict, const CoordinatorEvidence *evidence)
{
  switch (verdict)
    {
    case DETECT_VERDICT_TRUSTED:
      coordinator_dispatch (c, link, COORDINATOR_EVENT_R_IN, evidence);
      break;
    case DETECT_VERDICT_NOT_TRUSTED:
      coordinator_dispatch (c, link, COORDINATOR_EVENT_R_NOTNC, evidence);
      break;
    case DETECT_VERDICT_HINT:
      coordinator_dispatch (c, link, COORDINATOR_EVENT_R_LATE, evidence);
      break;
    case DETECT_VERDICT_NONE:
      coordinator_dispatch (c, link, COORDINATOR_EVENT_R_BAD, evidence);
      break;
    }
}

/* The home agent accepts what it denied, or what did not verify, before. */
static void
note_acceptance (Coordinator *c)
{
  coordinator_alarm_over (c, COORDINATOR_ALARM_HA_DENIED);
  coordinator_alarm_over (c, COORDINATOR_ALARM_KEY_MISMATCH);
  coordinator_alarm_over (c, COORDINATOR_ALARM_REVOKED);
}

static void
direct_accepted (Coordinator *c, CoordinatorLink *link, const Mip4MnEvent *event, CoordinatorEvidence *evidence)
{
  gint64 now_us = evidence->now->boot_us;
  DetectEvidence proof = { .direct = TRUE, .authentic = TRUE, .code = event->code, .tnc = event->tnc };
  DetectVerdict verdict;
  gboolean learnt;

  proof.current = event->type == MIP4_MN_ACCEPTED && is_pending (link, event) && is_fresh (c, event, now_us);
  evidence->stale = !proof.current;
  if (is_pending (link, event))
    {
      link->r_sent_us = MAX (link->r_sent_us, event->sent_us);
      coordinator_r_ended (link, now_us);
    }
  note_acceptance (c);
  verdict = detect_trust_judge (&proof, &evidence->reason);
  learnt = coordinator_binding_learn (c, event, verdict == DETECT_VERDICT_TRUSTED);
  dispatch_verdict (c, link, verdict, evidence);
  /* The binding went to a link that does not carry the data; no row of the table brings it back. */
  if (learnt && link->link.ifindex != c->active && verdict != DETECT_VERDICT_TRUSTED)
    coordinator_restore_binding (c, now_us);
}

static void
direct_denied (Coordinator *c, CoordinatorLink *link, const Mip4MnEvent *event, const CoordinatorEvidence *evidence)
{
  if (!is_pending (link, event))
    return;
  if (!event->will_retry)
    {
      coordinator_r_ended (link, evidence->now->boot_us);
      /* What an agent says is nobody's word, and there is a way without it. */
      if (!event->by_agent)
        coordinator_alarm (
          c, link, COORDINATOR_ALARM_HA_DENIED, event->code,
          "The home agent denied the registration. Ask the administrator to check this machine's entry "
          "(home address, SPI, key) at the home agent.");
    }
  coordinator_dispatch (c, link, COORDINATOR_EVENT_R_DENY, evidence);
}

static void
alarm_key_mismatch (Coordinator *c, const CoordinatorLink *link)
{
  coordinator_alarm (
    c, link, COORDINATOR_ALARM_KEY_MISMATCH, 0,
    "Answers of the home agent do not verify: the MN-HA key or SPI here differs from the home agent's. "
    "Ask the administrator for the right key.");
}

/* The lifetime that the engine speaks of is that of the binding in use. */
static gboolean
is_of_binding (const Coordinator *c, const Mip4MnEvent *event)
{
  return c->binding.valid && c->binding.over_vpn == (event->path == MIP4_PATH_VPN) &&
         roam_addr_equal (&c->binding.care_of_address, &event->care_of_address);
}

/*
 * RFC 3543; A-28: as the loss of the binding. Where the table has no row (F) the renewal of the proof
 * comes at once: it is accepted, or leads away.
 */
static void
binding_revoked (Coordinator *c, CoordinatorLink *link, const Mip4MnEvent *event, const CoordinatorEvidence *evidence)
{
  if (!is_of_binding (c, event))
    return;
  c->binding.valid = FALSE;
  coordinator_alarm (c, link, COORDINATOR_ALARM_REVOKED, 0,
                     "The home agent ended this machine's registration by itself. roamd registers again; if it is "
                     "ended again, ask the administrator why.");
  if (link->state == COORDINATOR_F)
    coordinator_dispatch (c, link, COORDINATOR_EVENT_MON, evidence);
  else
    coordinator_dispatch (c, link, COORDINATOR_EVENT_REVOKED, evidence);
}

static void
direct_input (Coordinator *c, CoordinatorLink *link, const Mip4MnEvent *event, CoordinatorEvidence *evidence)
{
  switch (event->type)
    {
    case MIP4_MN_ACCEPTED:
    case MIP4_MN_LATE:
      /* Our own clean-up proves nothing and is nobody's evidence. */
      if (event->form == MIP4_FORM_DEREGISTER)
        coordinator_binding_learn (c, event, TRUE);
      else
        direct_accepted (c, link, event, evidence);
      break;
    case MIP4_MN_DENIED:
      direct_denied (c, link, event, evidence);
      break;
    case MIP4_MN_EXHAUSTED:
      if (!is_pending (link, event))
        break;
      coordinator_r_ended (link, evidence->now->boot_us);
      coordinator_dispatch (c, link, COORDINATOR_EVENT_R_EXH, evidence);
      break;
    case MIP4_MN_DISCARDED:
      if (event->key_mismatch)
        alarm_key_mismatch (c, link);
      coordinator_dispatch (c, link, COORDINATOR_EVENT_R_BAD, evidence);
      break;
    /* A lifetime shorter than T_MONITOR renews, and ends, earlier. */
    case MIP4_MN_RENEWAL_DUE:
      if (is_of_binding (c, event) && link->mon_us != ROAM_NEVER)
        coordinator_dispatch (c, link, COORDINATOR_EVENT_MON, evidence);
      break;
    case MIP4_MN_EXPIRED:
      if (is_of_binding (c, event) && coordinator_state_is_trusted (link->state))
        coordinator_dispatch (c, link, COORDINATOR_EVENT_MON_EXP, evidence);
      break;
    case MIP4_MN_REVOKED:
      binding_revoked (c, link, event, evidence);
      break;
    }
}

/* ------------------------------------------------- answers to requests over the VPN ---- */

/* Codes that deny the reverse tunnel: outside there is no way without it (RFC 5266 3; MODE-005). */
static gboolean
denies_reverse_tunnel (guint8 code)
{
  return code == 70 || code == 134 || code == 137 || code == 138;
}

static void
vpn_registration_denied (Coordinator *c, CoordinatorLink *link, const Mip4MnEvent *event,
                         const CoordinatorEvidence *evidence)
{
  if (!event->will_retry)
    {
      coordinator_b_ended (c, evidence->now->boot_us);
      if (denies_reverse_tunnel (event->code))
        coordinator_alarm (c, link, COORDINATOR_ALARM_REVERSE_TUNNEL, event->code,
                           "The home agent refuses the reverse tunnel, without which nothing may leave here. Ask the "
                           "administrator to allow reverse tunnelling at the home agent.");
      else
        coordinator_alarm (
          c, link, COORDINATOR_ALARM_HA_DENIED, event->code,
          "The home agent denied the registration through the VPN. Ask the administrator to check this "
          "machine's entry, and that the gateway's address pool is in trusted-networks.");
    }
  coordinator_dispatch (c, link, COORDINATOR_EVENT_B_DENY, evidence);
}

/* RFC 5266 3.4.2 step 4 went unanswered: is it the gateway or the home agent (T-20)? */
static void
vpn_registration_silent (Coordinator *c, CoordinatorLink *link, const CoordinatorEvidence *evidence)
{
  coordinator_b_ended (c, evidence->now->boot_us);
  if (link->state == COORDINATOR_MCREG && c->vpn.state == COORDINATOR_VPN_UP)
    {
      c->b.await_check = TRUE;
      coordinator_vpn_check (c);
      return;
    }
  coordinator_dispatch (c, link, COORDINATOR_EVENT_B_EXH, evidence);
}

static void
vpn_registration_accepted (Coordinator *c, CoordinatorLink *link, const Mip4MnEvent *event, gboolean current,
                           const CoordinatorEvidence *evidence)
{
  coordinator_binding_learn (c, event, current || event->form == MIP4_FORM_DEREGISTER);
  if (!current || event->form != MIP4_FORM_CO_LOCATED)
    return;
  coordinator_b_ended (c, evidence->now->boot_us);
  note_acceptance (c);
  /* TNC in it is ignored: it is the path that counts. */
  coordinator_dispatch (c, link, COORDINATOR_EVENT_B_OK, evidence);
}

static void
vpn_registration_input (Coordinator *c, CoordinatorLink *link, const Mip4MnEvent *event,
                        const CoordinatorEvidence *evidence)
{
  gboolean current = event->serial == c->b.serial && c->b.running;

  switch (event->type)
    {
    case MIP4_MN_ACCEPTED:
      vpn_registration_accepted (c, link, event, current, evidence);
      break;
    case MIP4_MN_LATE:
      vpn_registration_accepted (c, link, event, FALSE, evidence);
      break;
    case MIP4_MN_DENIED:
      if (current)
        vpn_registration_denied (c, link, event, evidence);
      break;
    case MIP4_MN_EXHAUSTED:
      if (current)
        vpn_registration_silent (c, link, evidence);
      break;
    case MIP4_MN_RENEWAL_DUE:
      if (is_of_binding (c, event))
        coordinator_dispatch (c, link, COORDINATOR_EVENT_RENEW, evidence);
      break;
    case MIP4_MN_EXPIRED:
      if (!is_of_binding (c, event))
        break;
      c->binding.valid = FALSE;
      coordinator_dispatch (c, link, COORDINATOR_EVENT_EXPIRE, evidence);
      break;
    case MIP4_MN_REVOKED:
      binding_revoked (c, link, event, evidence);
      break;
    case MIP4_MN_DISCARDED:
      if (event->key_mismatch)
        alarm_key_mismatch (c, link);
      break;
    }
}

void
coordinator_input_mip4 (Coordinator *c, const RoamNow *now, const Mip4MnEvent *event)
{
  CoordinatorEvidence evidence = { .now = now, .mip4 = event, .reason = event->reason };
  gboolean over_vpn = event->path == MIP4_PATH_VPN;
  CoordinatorLink *link;

  coordinator_begin_pass (c, now);
  link = coordinator_find_link (c, over_vpn ? c->active : (int)event->path);
  if (link != NULL && c->enabled)
    {
      if (over_vpn)
        vpn_registration_input (c, link, event, &evidence);
      else
        direct_input (c, link, event, &evidence);
    }
  coordinator_finish_pass (c, now);
}

void
coordinator_input_tunnel_silent (Coordinator *c, const RoamNow *now)
{
  const CoordinatorEvidence evidence = { .now = now, .reason = "the tunnel to the home agent is silent" };
  CoordinatorLink *link;

  coordinator_begin_pass (c, now);
  link = coordinator_find_link (c, c->active);
  if (link != NULL && c->enabled && coordinator_state_is_trusted (link->state))
    coordinator_dispatch (c, link, COORDINATOR_EVENT_MON, &evidence);
  else if (link != NULL && c->enabled)
    coordinator_dispatch (c, link, COORDINATOR_EVENT_RENEW, &evidence);
  coordinator_finish_pass (c, now);
}

/* --------------------------------------------------------------------- IKE ---- */

static void
vpn_established (Coordinator *c, CoordinatorLink *link, const IkeEvent *event, const CoordinatorEvidence *evidence)
{
  c->vpn.state = COORDINATOR_VPN_UP;
  c->vpn.configuration = event->configuration;
  c->vpn.mobike = event->mobike;
  c->vpn.nat = event->nat_local;
  c->vpn.established_us = evidence->now->boot_us;
  if (!roam_addr_is_specified (&event->configuration.tia4))
    {
      /* T-26 */
      coordinator_alarm (c, link, COORDINATOR_ALARM_VPN_AUTH, 0,
                         "The VPN gateway assigned no inner IPv4 address. Ask the administrator to give this user an "
                         "address pool.");
      coordinator_vpn_drop (c, TRUE);
      coordinator_dispatch (c, link, COORDINATOR_EVENT_V_FAIL, evidence);
      return;
    }
  coordinator_alarm_over (c, COORDINATOR_ALARM_VPN_AUTH);
  if (!event->mobike)
    coordinator_alarm (c, link, COORDINATOR_ALARM_NO_MOBIKE, 0,
                       "The VPN gateway does not support MOBIKE: each move outside sets up the VPN anew. Ask the "
                       "administrator to enable MOBIKE there.");
  coordinator_dispatch (c, link, COORDINATOR_EVENT_V_OK, evidence);
}

/* The gateway's answer to the dead-peer check that a silent registration asked for. FALSE: none did. */
static gboolean
resolve_silence (Coordinator *c, gboolean gateway_alive, const CoordinatorEvidence *evidence)
{
  CoordinatorLink *active = coordinator_find_link (c, c->active);
  CoordinatorEvidence answer = *evidence;

  if (!c->b.await_check || active == NULL || active->state != COORDINATOR_MCREG)
    return FALSE;
  c->b.await_check = FALSE;
  answer.gateway_alive = gateway_alive;
  coordinator_dispatch (c, active, COORDINATOR_EVENT_B_EXH, &answer);
  return TRUE;
}

static void
vpn_path_ok (Coordinator *c, CoordinatorLink *link, const IkeEvent *event, const CoordinatorEvidence *evidence)
{
  if (c->vpn.check_serial != 0 && event->serial == c->vpn.check_serial)
    {
      c->vpn.check_serial = 0;
      if (!resolve_silence (c, TRUE, evidence))
        coordinator_dispatch (c, link, COORDINATOR_EVENT_V_OK, evidence);
      return;
    }
  if (event->serial != c->vpn.serial || c->vpn.state != COORDINATOR_VPN_UPDATING)
    return;
  c->vpn.state = COORDINATOR_VPN_UP;
  coordinator_dispatch (c, link, COORDINATOR_EVENT_V_OK, evidence);
}

static void
vpn_lost (Coordinator *c, CoordinatorLink *link, CoordinatorEvent event, const CoordinatorEvidence *evidence)
{
  CoordinatorLink *active = coordinator_find_link (c, c->active);

  coordinator_vpn_gone (c, evidence->now->boot_us);
  if (event == COORDINATOR_EVENT_V_DEAD && resolve_silence (c, FALSE, evidence))
    return;
  /* It carried the data while another link was tried: it is the active one that lost something. */
  if (active != NULL && coordinator_state_needs_vpn (active->state))
    link = active;
  coordinator_dispatch (c, link, event, evidence);
}

static void
vpn_failed (Coordinator *c, CoordinatorLink *link, const CoordinatorEvidence *evidence)
{
  const CoordinatorLink *active = coordinator_find_link (c, c->active);

  /* Unreachable from inside is normal (RFC 5266 3.4.2). */
  if (active != NULL && !coordinator_state_is_trusted (active->state))
    coordinator_alarm (c, link, COORDINATOR_ALARM_VPN_UNREACHABLE, 0,
                       "The VPN gateway does not answer over this network. Check that UDP ports 500 and 4500 are open "
                       "here, or log in to the network.");
  vpn_lost (c, link, COORDINATOR_EVENT_V_FAIL, evidence);
}

static void
vpn_path_failed (Coordinator *c, CoordinatorLink *link, const IkeEvent *event, const CoordinatorEvidence *evidence)
{
  if (c->vpn.check_serial != 0 && event->serial == c->vpn.check_serial)
    {
      coordinator_vpn_drop (c, FALSE);
      vpn_lost (c, link, COORDINATOR_EVENT_V_DEAD, evidence);
      return;
    }
  if (event->serial != c->vpn.serial || c->vpn.state != COORDINATOR_VPN_UPDATING)
    return;
  c->vpn.state = COORDINATOR_VPN_FAILED;
  coordinator_dispatch (c, link, COORDINATOR_EVENT_V_FAIL, evidence);
}

static void
vpn_refused (Coordinator *c, CoordinatorLink *link, const CoordinatorEvidence *evidence)
{
  coordinator_alarm (
    c, link, COORDINATOR_ALARM_VPN_AUTH, 0,
    "The VPN gateway and this machine do not accept each other. Check the [vpn] group of the profile and its "
    "secrets; the next try is at the next move or on request.");
  vpn_lost (c, link, COORDINATOR_EVENT_V_AUTH, evidence);
}

static void
vpn_tia (Coordinator *c, CoordinatorLink *link, const IkeEvent *event, const CoordinatorEvidence *evidence)
{
  CoordinatorLink *active = coordinator_find_link (c, c->active);

  if (!roam_addr_is_specified (&event->configuration.tia4) ||
      roam_addr_equal (&event->configuration.tia4, &c->vpn.configuration.tia4))
    return;
  c->vpn.configuration = event->configuration;
  coordinator_dispatch (c, active != NULL ? active : link, COORDINATOR_EVENT_V_TIA, evidence);
}

static void
ike_input (Coordinator *c, CoordinatorLink *link, const IkeEvent *event, const CoordinatorEvidence *evidence)
{
  gboolean starting = c->vpn.state == COORDINATOR_VPN_STARTING;

  switch (event->type)
    {
    case IKE_EVENT_ESTABLISHED:
      if (starting && event->serial == c->vpn.serial)
        vpn_established (c, link, event, evidence);
      break;
    case IKE_EVENT_PATH_OK:
      vpn_path_ok (c, link, event, evidence);
      break;
    case IKE_EVENT_PATH_FAILED:
      vpn_path_failed (c, link, event, evidence);
      break;
    case IKE_EVENT_FAILED:
      if (starting && event->serial == c->vpn.serial)
        vpn_failed (c, link, evidence);
      break;
    case IKE_EVENT_AUTH_FAILED:
      if (coordinator_vpn_has_sa (c) || (starting && event->serial == c->vpn.serial))
        vpn_refused (c, link, evidence);
      break;
    case IKE_EVENT_DEAD:
      /* That of an SA which was replaced since concerns nobody. */
      if (coordinator_vpn_has_sa (c))
        vpn_lost (c, link, COORDINATOR_EVENT_V_DEAD, evidence);
      break;
    case IKE_EVENT_TIA_CHANGED:
      if (coordinator_vpn_has_sa (c))
        vpn_tia (c, link, event, evidence);
      break;
    case IKE_EVENT_NAT_CHANGED:
      /* U-33: the encapsulation of ESP is IKE's affair; the MIP layer finds out for itself (NAT-007). */
      c->vpn.nat = event->nat_local;
      break;
    case IKE_EVENT_PATH_CHANGED:
    case IKE_EVENT_REDIRECTED:
    case IKE_EVENT_RESOLVE:
      break;
    }
}

void
coordinator_input_path (Coordinator *c, const RoamNow *now, const IkePath *path)
{
  const CoordinatorEvidence evidence = { .now = now, .reason = "the VPN's path was silent; another one works" };
  CoordinatorLink *link;

  coordinator_begin_pass (c, now);
  link = coordinator_find_link (c, (int)path->ifindex);
  if (link != NULL && c->enabled && coordinator_vpn_has_sa (c) && detect_link_is_usable (&link->link) &&
      roam_addr_equal (&link->link.address, &path->local))
    coordinator_follow_path (c, link, &evidence);
  coordinator_finish_pass (c, now);
}

void
coordinator_input_ike (Coordinator *c, const RoamNow *now, const IkeEvent *event)
{
  const CoordinatorEvidence evidence = { .now = now, .ike = event, .reason = event->reason };
  CoordinatorLink *link;

  coordinator_begin_pass (c, now);
  link = coordinator_find_link (c, c->vpn.ifindex);
  if (link != NULL && c->enabled && c->vpn.state != COORDINATOR_VPN_NONE)
    ike_input (c, link, event, &evidence);
  coordinator_finish_pass (c, now);
}
