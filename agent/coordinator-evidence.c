/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "agent/coordinator-private.h"

/* What the engines said, turned into events of the table; alarms for what a person should know. */

static void
direct_evidence (Coordinator *c, CoordinatorLink *link, const Mip4MnEvent *event, CoordinatorEvidence *evidence)
{
  gboolean late = event->type == MIP4_MN_LATE;
  DetectEvidence proof = {
    .direct = TRUE,
    .current = !late && link->r_running && event->serial == link->r_serial,
    .authentic = TRUE,
    .code = event->code,
    .tnc = event->tnc,
  };

  switch (detect_trust_judge (&proof, &evidence->reason))
    {
    case DETECT_VERDICT_TRUSTED:
      coordinator_dispatch (c, link, COORDINATOR_EVENT_R_IN, evidence);
      break;
    case DETECT_VERDICT_NOT_TRUSTED:
      coordinator_alarm (c, link, COORDINATOR_ALARM_NO_TNC, event->code,
                         "The home agent answered without the Trusted Networks Configured extension: this network "
                         "is not trusted. If it should be, its subnet is missing in the home agent's "
                         "trusted-networks.");
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

static void
direct_denied (Coordinator *c, CoordinatorLink *link, const Mip4MnEvent *event, const CoordinatorEvidence *evidence)
{
  if (event->serial != link->r_serial)
    return;
  if (!event->will_retry)
    {
      coordinator_alarm (c, link, COORDINATOR_ALARM_HA_DENIED, event->code,
                         "The home agent denied the registration. Ask the administrator to check this machine's "
                         "entry (home address, SPI, key) at the home agent.");
      link->r_running = FALSE;
    }
  coordinator_dispatch (c, link, COORDINATOR_EVENT_R_DENY, evidence);
}

static void
direct_input (Coordinator *c, CoordinatorLink *link, const Mip4MnEvent *event, CoordinatorEvidence *evidence)
{
  switch (event->type)
    {
    case MIP4_MN_ACCEPTED:
    case MIP4_MN_LATE:
      /* A deregistration's answer proves nothing and is nobody's evidence. */
      if (event->form != MIP4_FORM_DEREGISTER)
        direct_evidence (c, link, event, evidence);
      break;
    case MIP4_MN_DENIED:
      direct_denied (c, link, event, evidence);
      break;
    case MIP4_MN_EXHAUSTED:
      if (event->serial != link->r_serial || !link->r_running)
        break;
      link->r_running = FALSE;
      coordinator_dispatch (c, link, COORDINATOR_EVENT_R_EXH, evidence);
      break;
    case MIP4_MN_DISCARDED:
      if (event->key_mismatch)
        coordinator_alarm (c, link, COORDINATOR_ALARM_KEY_MISMATCH, 0,
                           "Answers of the home agent do not verify: the MN-HA key or SPI here differs from the "
                           "home agent's. Ask the administrator for the right key.");
      coordinator_dispatch (c, link, COORDINATOR_EVENT_R_BAD, evidence);
      break;
    case MIP4_MN_RENEWAL_DUE:
      /* A lifetime shorter than T_MONITOR renews earlier. */
      if (coordinator_state_is_trusted (link->state) && link->mon_us != ROAM_NEVER)
        coordinator_dispatch (c, link, COORDINATOR_EVENT_MON, evidence);
      break;
    case MIP4_MN_EXPIRED:
      if (coordinator_state_is_trusted (link->state) && !link->home_form)
        coordinator_dispatch (c, link, COORDINATOR_EVENT_MON_EXP, evidence);
      break;
    }
}

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
  if (event->will_retry)
    {
      coordinator_dispatch (c, link, COORDINATOR_EVENT_B_DENY, evidence);
      return;
    }
  c->b.running = FALSE;
  if (denies_reverse_tunnel (event->code))
    coordinator_alarm (c, link, COORDINATOR_ALARM_REVERSE_TUNNEL, event->code,
                       "The home agent refuses the reverse tunnel, without which nothing may leave here. Ask the "
                       "administrator to allow reverse tunnelling at the home agent.");
  else
    coordinator_alarm (c, link, COORDINATOR_ALARM_HA_DENIED, event->code,
                       "The home agent denied the registration through the VPN. Ask the administrator to check "
                       "this machine's entry, and that the gateway's address pool is in trusted-networks.");
  coordinator_dispatch (c, link, COORDINATOR_EVENT_B_DENY, evidence);
}

/* RFC 5266 3.4.2 step 4 went unanswered: is it the gateway or the home agent? */
static void
vpn_registration_silent (Coordinator *c, CoordinatorLink *link, const CoordinatorEvidence *evidence)
{
  c->b.running = FALSE;
  if (link->state == COORDINATOR_MCREG && c->vpn.state == COORDINATOR_VPN_UP)
    {
      coordinator_vpn_check (c);
      return;
    }
  coordinator_dispatch (c, link, COORDINATOR_EVENT_B_EXH, evidence);
}

static void
vpn_registration_input (Coordinator *c, CoordinatorLink *link, const Mip4MnEvent *event,
                        const CoordinatorEvidence *evidence)
{
  gboolean current = event->serial == c->b.serial && c->b.running;

  switch (event->type)
    {
    case MIP4_MN_ACCEPTED:
      if (current && event->form == MIP4_FORM_CO_LOCATED)
        coordinator_dispatch (c, link, COORDINATOR_EVENT_B_OK, evidence);
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
      coordinator_dispatch (c, link, COORDINATOR_EVENT_RENEW, evidence);
      break;
    case MIP4_MN_EXPIRED:
      c->binding.valid = FALSE;
      coordinator_dispatch (c, link, COORDINATOR_EVENT_EXPIRE, evidence);
      break;
    case MIP4_MN_DISCARDED:
      if (event->key_mismatch)
        coordinator_alarm (c, link, COORDINATOR_ALARM_KEY_MISMATCH, 0,
                           "Answers of the home agent do not verify: the MN-HA key or SPI here differs from the "
                           "home agent's. Ask the administrator for the right key.");
      break;
    case MIP4_MN_LATE:
      break;
    }
}

void
coordinator_input_mip4 (Coordinator *c, const RoamNow *now, const Mip4MnEvent *event)
{
  CoordinatorEvidence evidence = { .now = now, .mip4 = event, .reason = event->reason };
  gboolean over_vpn = event->path == MIP4_PATH_VPN;
  CoordinatorLink *link = coordinator_find_link (c, over_vpn ? c->active : (int)event->path);

  if (link == NULL || !c->enabled)
    return;
  if (over_vpn)
    vpn_registration_input (c, link, event, &evidence);
  else
    direct_input (c, link, event, &evidence);
  coordinator_finish_pass (c, now);
}

static void
vpn_established (Coordinator *c, CoordinatorLink *link, const IkeEvent *event, const CoordinatorEvidence *evidence)
{
  c->vpn.state = COORDINATOR_VPN_UP;
  c->vpn.configuration = event->configuration;
  if (!roam_addr_is_specified (&event->configuration.tia4))
    {
      coordinator_alarm (c, link, COORDINATOR_ALARM_VPN_AUTH, 0,
                         "The VPN gateway assigned no inner IPv4 address. Ask the administrator to give this user "
                         "an address pool.");
      coordinator_vpn_drop (c, TRUE);
      coordinator_dispatch (c, link, COORDINATOR_EVENT_V_FAIL, evidence);
      return;
    }
  if (!event->mobike)
    coordinator_alarm (c, link, COORDINATOR_ALARM_NO_MOBIKE, 0,
                       "The VPN gateway does not support MOBIKE: each move outside sets up the VPN anew. Ask the "
                       "administrator to enable MOBIKE there.");
  coordinator_dispatch (c, link, COORDINATOR_EVENT_V_OK, evidence);
}

static void
vpn_path_ok (Coordinator *c, CoordinatorLink *link, const IkeEvent *event, const CoordinatorEvidence *evidence)
{
  CoordinatorLink *active = coordinator_find_link (c, c->active);

  if (c->vpn.check_serial != 0 && event->serial == c->vpn.check_serial)
    {
      c->vpn.check_serial = 0;
      if (active != NULL && active->state == COORDINATOR_MCREG && !c->b.running)
        coordinator_raise (c, active, COORDINATOR_EVENT_B_EXH, TRUE);
      return;
    }
  if (event->serial != c->vpn.serial)
    return;
  c->vpn.state = COORDINATOR_VPN_UP;
  coordinator_dispatch (c, link, COORDINATOR_EVENT_V_OK, evidence);
}

static void
vpn_lost (Coordinator *c, CoordinatorLink *link, CoordinatorEvent event, const CoordinatorEvidence *evidence)
{
  CoordinatorLink *active = coordinator_find_link (c, c->active);

  c->vpn.state = COORDINATOR_VPN_NONE;
  c->vpn.serial = c->vpn.check_serial = 0;
  /* The tunnel that carried the data died while another link was tried: that one is all there is. */
  if (coordinator_is_probe (c, link) && active != NULL && coordinator_state_is_mc (active->state))
    coordinator_activate (c, link);
  coordinator_dispatch (c, link, event, evidence);
}

static void
ike_input (Coordinator *c, CoordinatorLink *link, const IkeEvent *event, const CoordinatorEvidence *evidence)
{
  CoordinatorLink *active = coordinator_find_link (c, c->active);

  switch (event->type)
    {
    case IKE_EVENT_ESTABLISHED:
      if (event->serial == c->vpn.serial)
        vpn_established (c, link, event, evidence);
      break;
    case IKE_EVENT_PATH_OK:
      vpn_path_ok (c, link, event, evidence);
      break;
    case IKE_EVENT_PATH_FAILED:
      if (event->serial == c->vpn.serial)
        coordinator_dispatch (c, link, COORDINATOR_EVENT_V_FAIL, evidence);
      break;
    case IKE_EVENT_FAILED:
      if (event->serial != c->vpn.serial)
        break;
      coordinator_alarm (c, link, COORDINATOR_ALARM_VPN_UNREACHABLE, 0,
                         event->advice != NULL ? event->advice
                                               : "The VPN gateway does not answer over this network. Check that "
                                                 "UDP ports 500 and 4500 are open here, or log in to the network.");
      vpn_lost (c, link, COORDINATOR_EVENT_V_FAIL, evidence);
      break;
    case IKE_EVENT_AUTH_FAILED:
      coordinator_alarm (c, link, COORDINATOR_ALARM_VPN_AUTH, 0, event->advice != NULL ? event->advice : event->reason);
      vpn_lost (c, link, COORDINATOR_EVENT_V_AUTH, evidence);
      break;
    case IKE_EVENT_DEAD:
      vpn_lost (c, link, COORDINATOR_EVENT_V_DEAD, evidence);
      break;
    case IKE_EVENT_TIA_CHANGED:
      c->vpn.configuration = event->configuration;
      if (active != NULL)
        coordinator_dispatch (c, active, COORDINATOR_EVENT_V_TIA, evidence);
      break;
    case IKE_EVENT_NAT_CHANGED:
      break;
    }
}

void
coordinator_input_ike (Coordinator *c, const RoamNow *now, const IkeEvent *event)
{
  CoordinatorEvidence evidence = { .now = now, .ike = event, .reason = event->reason };
  CoordinatorLink *link = coordinator_find_link (c, c->vpn.ifindex);

  /* After a DISABLE the session's last words concern nobody. */
  if (link == NULL || !c->enabled || c->vpn.state == COORDINATOR_VPN_NONE)
    return;
  ike_input (c, link, event, &evidence);
  coordinator_finish_pass (c, now);
}
