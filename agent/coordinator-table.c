/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "agent/coordinator-private.h"

/*
 * RFC 5266 3.4 as a table: what each event does in each state. Rows are tried in order; an event
 * without a row changes nothing. Modes f and C.FA have no rows yet, so that no event leads there.
 */

static gboolean
guard_form_co_located (const Coordinator *c, const CoordinatorLink *link, const CoordinatorEvidence *evidence)
{
  return !link->home_form;
}

static gboolean
guard_form_home (const Coordinator *c, const CoordinatorLink *link, const CoordinatorEvidence *evidence)
{
  return link->home_form;
}

static gboolean
guard_foreign (const Coordinator *c, const CoordinatorLink *link, const CoordinatorEvidence *evidence)
{
  return !roam_prefix_contains (&c->config.home, &link->link.address);
}

/* The reply is to the pending record. */
static gboolean
guard_current (const Coordinator *c, const CoordinatorLink *link, const CoordinatorEvidence *evidence)
{
  return !evidence->stale;
}

static gboolean
guard_stale (const Coordinator *c, const CoordinatorLink *link, const CoordinatorEvidence *evidence)
{
  return evidence->stale;
}

/* The engine repairs what was denied (code table); it does so once for each cause. */
static gboolean
guard_will_retry (const Coordinator *c, const CoordinatorLink *link, const CoordinatorEvidence *evidence)
{
  return evidence->mip4->will_retry;
}

static gboolean
guard_resynchronised (const Coordinator *c, const CoordinatorLink *link, const CoordinatorEvidence *evidence)
{
  return evidence->mip4->will_retry && evidence->mip4->code == 133;
}

/* Denials that pass with time are waited out once (T-19): 128 unspecified, 130 insufficient resources. */
static gboolean
guard_b_repairable (const Coordinator *c, const CoordinatorLink *link, const CoordinatorEvidence *evidence)
{
  gboolean passes = evidence->mip4->code == 128 || evidence->mip4->code == 130;

  return evidence->mip4->will_retry || (passes && !c->b.waited);
}

static gboolean
guard_tia_bound (const Coordinator *c, const CoordinatorLink *link, const CoordinatorEvidence *evidence)
{
  return coordinator_binding_is_tia (c, evidence->now->boot_us);
}

static gboolean
guard_late_rate (const Coordinator *c, const CoordinatorLink *link, const CoordinatorEvidence *evidence)
{
  return evidence->now->boot_us >= c->late_from_us;
}

static gboolean
guard_v_dead_first (const Coordinator *c, const CoordinatorLink *link, const CoordinatorEvidence *evidence)
{
  return !link->v_dead_once;
}

static gboolean
guard_r_idle (const Coordinator *c, const CoordinatorLink *link, const CoordinatorEvidence *evidence)
{
  return !link->r_running;
}

static gboolean
guard_gateway_alive (const Coordinator *c, const CoordinatorLink *link, const CoordinatorEvidence *evidence)
{
  return evidence->gateway_alive;
}

static gboolean
guard_newest (const Coordinator *c, const CoordinatorLink *link, const CoordinatorEvidence *evidence)
{
  return !link->home_form && !coordinator_b_is_newer (c, evidence->mip4->sent_us);
}

static gboolean
guard_newest_home (const Coordinator *c, const CoordinatorLink *link, const CoordinatorEvidence *evidence)
{
  return link->home_form && !coordinator_b_is_newer (c, evidence->mip4->sent_us);
}

#define ROW(number, from, on, guard_function, what, to, because)                                                       \
  {                                                                                                                    \
    .id = number, .state = COORDINATOR_##from, .event = COORDINATOR_EVENT_##on, .guard = guard_function,               \
    .action = coordinator_act_##what, .next = COORDINATOR_##to, .reason = because                                      \
  }

/* clang-format off */
static const CoordinatorRow rows[] = {
  /* OFF */
  ROW ("R5266-ST-001", OFF, START, NULL, nothing, OFFLINE,
       "enabled"),
  /* OFFLINE */
  ROW ("R5266-ST-002", OFFLINE, STOP, NULL, stop, OFF,
       "disabled"),
  ROW ("R5266-ST-003", OFFLINE, LINK_UP, NULL, nothing, ACQUIRE,
       "the link came up"),
  /* ACQUIRE */
  ROW ("R5266-ST-004", ACQUIRE, STOP, NULL, stop, OFF,
       "disabled"),
  ROW ("R5266-ST-005", ACQUIRE, LINK_UP, NULL, nothing, ACQUIRE,
       "the link came up"),
  ROW ("R5266-ST-006", ACQUIRE, LINK_DOWN, NULL, link_lost, OFFLINE,
       "the link went down"),
  ROW ("R5266-ST-007", ACQUIRE, ADDR, guard_foreign, detect, DET_0,
       "the link has an address"),
  ROW ("R5266-ST-008", ACQUIRE, ADDR_LOST, NULL, nothing, ACQUIRE,
       "the address went away"),
  ROW ("R5266-ST-009", ACQUIRE, HOME_LINK, NULL, detect, DET_0,
       "the link looks like the home link"),
  ROW ("R5266-ST-011", ACQUIRE, V_DEAD, NULL, nothing, ACQUIRE,
       "the VPN is gone"),
  /* DET.0 */
  ROW ("R5266-ST-012", DET_0, STOP, NULL, stop, OFF,
       "disabled"),
  ROW ("R5266-ST-013", DET_0, LINK_UP, NULL, detect, DET_0,
       "the link came up"),
  ROW ("R5266-ST-014", DET_0, LINK_DOWN, NULL, link_lost, OFFLINE,
       "the link went down"),
  ROW ("R5266-ST-015", DET_0, ADDR, NULL, detect, DET_0,
       "the link has an address"),
  ROW ("R5266-ST-016", DET_0, ADDR_LOST, NULL, address_lost, ACQUIRE,
       "the address went away"),
  ROW ("R5266-ST-017", DET_0, HINT, NULL, detect, DET_0,
       "the attachment may have changed"),
  ROW ("R5266-ST-018", DET_0, HOME_LINK, guard_form_co_located, detect, DET_0,
       "the link looks like the home link"),
  ROW ("R5266-ST-020", DET_0, R_IN, guard_form_co_located, inside, C,
       "the home agent proved the network trusted"),
  ROW ("R5266-ST-021", DET_0, R_IN, guard_form_home, inside, HOME,
       "the home agent proved the network trusted"),
  ROW ("R5266-ST-022", DET_0, R_NOTNC, guard_current, no_tnc, DET_V,
       "the home agent answered, but not from a trusted network"),
  ROW ("R5266-ST-023", DET_0, R_DENY, guard_resynchronised, nothing, DET_0,
       "the home agent asked for another Identification"),
  ROW ("R5266-ST-024", DET_0, R_DENY, guard_will_retry, nothing, DET_0,
       "the home agent denied, repaired"),
  ROW ("R5266-ST-025", DET_0, R_DENY, NULL, r_is_over, DET_V,
       "the home agent denied the registration"),
  ROW ("R5266-ST-026", DET_0, R_BAD, NULL, nothing, DET_0,
       "an answer could not be authenticated"),
  ROW ("R5266-ST-027", DET_0, R_EXH, NULL, r_is_over, DET_V,
       "the home agent does not answer here"),
  ROW ("R5266-ST-028", DET_0, R_LATE, NULL, nothing, DET_0,
       "the home agent answered late"),
  ROW ("R5266-ST-029", DET_0, V_OK, NULL, start_grace, DET_G,
       "the VPN gateway answered"),
  ROW ("R5266-ST-030", DET_0, V_FAIL, NULL, v_failed, DET_R,
       "the VPN gateway does not answer"),
  ROW ("R5266-ST-031", DET_0, V_DEAD, NULL, v_restart, DET_0,
       "the VPN is gone"),
  ROW ("R5266-ST-032", DET_0, V_AUTH, NULL, nothing, DET_R,
       "the VPN gateway or its credentials were refused"),
  ROW ("R5266-ST-033", DET_0, REVOKED, NULL, binding_gone, DET_0,
       "the home agent revoked the binding"),
  /* DET.G */
  ROW ("R5266-ST-034", DET_G, STOP, NULL, stop, OFF,
       "disabled"),
  ROW ("R5266-ST-035", DET_G, LINK_UP, NULL, detect, DET_0,
       "the link came up"),
  ROW ("R5266-ST-036", DET_G, LINK_DOWN, NULL, link_lost, OFFLINE,
       "the link went down"),
  ROW ("R5266-ST-037", DET_G, ADDR, NULL, detect, DET_0,
       "the link has an address"),
  ROW ("R5266-ST-038", DET_G, ADDR_LOST, NULL, address_lost, ACQUIRE,
       "the address went away"),
  ROW ("R5266-ST-039", DET_G, HINT, NULL, detect, DET_0,
       "the attachment may have changed"),
  ROW ("R5266-ST-040", DET_G, HOME_LINK, guard_form_co_located, detect, DET_0,
       "the link looks like the home link"),
  ROW ("R5266-ST-042", DET_G, R_IN, guard_form_co_located, inside, C,
       "the home agent proved the network trusted"),
  ROW ("R5266-ST-043", DET_G, R_IN, guard_form_home, inside, HOME,
       "the home agent proved the network trusted"),
  ROW ("R5266-ST-044", DET_G, R_NOTNC, guard_current, no_tnc_register, MCREG,
       "the home agent answered, but not from a trusted network"),
  ROW ("R5266-ST-045", DET_G, R_DENY, guard_resynchronised, nothing, DET_G,
       "the home agent asked for another Identification"),
  ROW ("R5266-ST-046", DET_G, R_DENY, guard_will_retry, nothing, DET_G,
       "the home agent denied, repaired"),
  ROW ("R5266-ST-047", DET_G, R_DENY, guard_tia_bound, vpn_data, MC,
       "the home agent denied the registration"),
  ROW ("R5266-ST-048", DET_G, R_DENY, NULL, register_vpn, MCREG,
       "the home agent denied the registration"),
  ROW ("R5266-ST-049", DET_G, R_BAD, NULL, nothing, DET_G,
       "an answer could not be authenticated"),
  ROW ("R5266-ST-050", DET_G, R_EXH, guard_tia_bound, vpn_data, MC,
       "the home agent does not answer here"),
  ROW ("R5266-ST-051", DET_G, R_EXH, NULL, register_vpn, MCREG,
       "the home agent does not answer here"),
  ROW ("R5266-ST-052", DET_G, R_LATE, NULL, nothing, DET_G,
       "the home agent answered late"),
  ROW ("R5266-ST-053", DET_G, V_FAIL, NULL, v_failed, DET_R,
       "the VPN gateway does not answer"),
  ROW ("R5266-ST-054", DET_G, V_DEAD, NULL, v_restart, DET_0,
       "the VPN is gone"),
  ROW ("R5266-ST-055", DET_G, V_AUTH, NULL, nothing, DET_R,
       "the VPN gateway or its credentials were refused"),
  ROW ("R5266-ST-056", DET_G, V_TIA, NULL, nothing, DET_G,
       "the tunnel inner address changed"),
  ROW ("R5266-ST-057", DET_G, GRACE, guard_tia_bound, nothing, MC_BG,
       "no proof of a trusted network yet: outside"),
  ROW ("R5266-ST-058", DET_G, GRACE, NULL, register_vpn, MCREG,
       "no proof of a trusted network yet: outside"),
  ROW ("R5266-ST-059", DET_G, REVOKED, NULL, binding_gone, DET_G,
       "the home agent revoked the binding"),
  /* DET.R */
  ROW ("R5266-ST-060", DET_R, STOP, NULL, stop, OFF,
       "disabled"),
  ROW ("R5266-ST-061", DET_R, LINK_UP, NULL, detect, DET_0,
       "the link came up"),
  ROW ("R5266-ST-062", DET_R, LINK_DOWN, NULL, link_lost, OFFLINE,
       "the link went down"),
  ROW ("R5266-ST-063", DET_R, ADDR, NULL, detect, DET_0,
       "the link has an address"),
  ROW ("R5266-ST-064", DET_R, ADDR_LOST, NULL, address_lost, ACQUIRE,
       "the address went away"),
  ROW ("R5266-ST-065", DET_R, HINT, NULL, detect, DET_0,
       "the attachment may have changed"),
  ROW ("R5266-ST-066", DET_R, HOME_LINK, guard_form_co_located, detect, DET_0,
       "the link looks like the home link"),
  ROW ("R5266-ST-068", DET_R, R_IN, guard_form_co_located, inside, C,
       "the home agent proved the network trusted"),
  ROW ("R5266-ST-069", DET_R, R_IN, guard_form_home, inside, HOME,
       "the home agent proved the network trusted"),
  ROW ("R5266-ST-070", DET_R, R_NOTNC, guard_current, no_tnc_blocked, BLOCKED,
       "the home agent answered, but not from a trusted network"),
  ROW ("R5266-ST-071", DET_R, R_DENY, guard_resynchronised, nothing, DET_R,
       "the home agent asked for another Identification"),
  ROW ("R5266-ST-072", DET_R, R_DENY, guard_will_retry, nothing, DET_R,
       "the home agent denied, repaired"),
  ROW ("R5266-ST-073", DET_R, R_DENY, NULL, retry_timer, BLOCKED,
       "the home agent denied the registration"),
  ROW ("R5266-ST-074", DET_R, R_BAD, NULL, nothing, DET_R,
       "an answer could not be authenticated"),
  ROW ("R5266-ST-075", DET_R, R_EXH, NULL, retry_timer, BLOCKED,
       "the home agent does not answer here"),
  ROW ("R5266-ST-076", DET_R, R_LATE, NULL, nothing, DET_R,
       "the home agent answered late"),
  ROW ("R5266-ST-077", DET_R, V_OK, NULL, start_grace, DET_G,
       "the VPN gateway answered"),
  ROW ("R5266-ST-078", DET_R, V_FAIL, NULL, nothing, DET_R,
       "the VPN gateway does not answer"),
  ROW ("R5266-ST-079", DET_R, V_DEAD, NULL, nothing, DET_R,
       "the VPN is gone"),
  ROW ("R5266-ST-080", DET_R, V_AUTH, NULL, nothing, DET_R,
       "the VPN gateway or its credentials were refused"),
  /* DET.V */
  ROW ("R5266-ST-081", DET_V, STOP, NULL, stop, OFF,
       "disabled"),
  ROW ("R5266-ST-082", DET_V, LINK_UP, NULL, detect, DET_0,
       "the link came up"),
  ROW ("R5266-ST-083", DET_V, LINK_DOWN, NULL, link_lost, OFFLINE,
       "the link went down"),
  ROW ("R5266-ST-084", DET_V, ADDR, NULL, detect, DET_0,
       "the link has an address"),
  ROW ("R5266-ST-085", DET_V, ADDR_LOST, NULL, address_lost, ACQUIRE,
       "the address went away"),
  ROW ("R5266-ST-086", DET_V, HINT, NULL, detect, DET_0,
       "the attachment may have changed"),
  ROW ("R5266-ST-087", DET_V, HOME_LINK, guard_form_co_located, detect, DET_0,
       "the link looks like the home link"),
  ROW ("R5266-ST-089", DET_V, R_NOTNC, guard_stale, no_tnc_late, DET_V,
       "the home agent answered, but not from a trusted network"),
  ROW ("R5266-ST-090", DET_V, R_BAD, NULL, nothing, DET_V,
       "an answer could not be authenticated"),
  ROW ("R5266-ST-091", DET_V, R_LATE, guard_late_rate, probe_late, DET_0,
       "the home agent answered late"),
  ROW ("R5266-ST-092", DET_V, V_OK, guard_tia_bound, vpn_data, MC,
       "the VPN gateway answered"),
  ROW ("R5266-ST-093", DET_V, V_OK, NULL, register_vpn, MCREG,
       "the VPN gateway answered"),
  ROW ("R5266-ST-094", DET_V, V_FAIL, NULL, v_failed_blocked, BLOCKED,
       "the VPN gateway does not answer"),
  ROW ("R5266-ST-095", DET_V, V_DEAD, guard_v_dead_first, v_restart, DET_V,
       "the VPN is gone"),
  ROW ("R5266-ST-096", DET_V, V_DEAD, NULL, v_failed_blocked, BLOCKED,
       "the VPN is gone"),
  ROW ("R5266-ST-097", DET_V, V_AUTH, NULL, v_failed_blocked, BLOCKED,
       "the VPN gateway or its credentials were refused"),
  ROW ("R5266-ST-098", DET_V, REVOKED, NULL, binding_gone, DET_V,
       "the home agent revoked the binding"),
  /* HOME */
  ROW ("R5266-ST-099", HOME, STOP, NULL, stop, OFF,
       "disabled"),
  ROW ("R5266-ST-100", HOME, LINK_UP, NULL, detect, DET_0,
       "the link came up"),
  ROW ("R5266-ST-101", HOME, LINK_DOWN, NULL, link_lost, OFFLINE,
       "the link went down"),
  ROW ("R5266-ST-102", HOME, ADDR, NULL, detect, DET_0,
       "the link has an address"),
  ROW ("R5266-ST-103", HOME, ADDR_LOST, NULL, address_lost, ACQUIRE,
       "the address went away"),
  ROW ("R5266-ST-104", HOME, HINT, NULL, detect, DET_0,
       "the attachment may have changed"),
  ROW ("R5266-ST-105", HOME, HOME_LINK, NULL, nothing, HOME,
       "the link looks like the home link"),
  ROW ("R5266-ST-107", HOME, R_IN, NULL, proof_renewed, HOME,
       "the home agent proved the network trusted"),
  ROW ("R5266-ST-108", HOME, R_NOTNC, guard_current, no_tnc_detect, DET_0,
       "the home agent answered, but not from a trusted network"),
  ROW ("R5266-ST-109", HOME, R_DENY, guard_will_retry, nothing, HOME,
       "the home agent asked for another Identification"),
  ROW ("R5266-ST-110", HOME, R_DENY, NULL, detect, DET_0,
       "the home agent denied the registration"),
  ROW ("R5266-ST-111", HOME, R_BAD, NULL, nothing, HOME,
       "an answer could not be authenticated"),
  ROW ("R5266-ST-112", HOME, R_EXH, NULL, detect, DET_0,
       "the home agent does not answer here"),
  ROW ("R5266-ST-113", HOME, R_LATE, NULL, nothing, HOME,
       "the home agent answered late"),
  ROW ("R5266-ST-114", HOME, V_OK, NULL, v_inside, HOME,
       "the VPN gateway answered"),
  ROW ("R5266-ST-115", HOME, V_FAIL, NULL, v_failed_inside, HOME,
       "the VPN gateway does not answer"),
  ROW ("R5266-ST-116", HOME, V_DEAD, NULL, nothing, HOME,
       "the VPN is gone"),
  ROW ("R5266-ST-117", HOME, V_AUTH, NULL, nothing, HOME,
       "the VPN gateway or its credentials were refused"),
  ROW ("R5266-ST-118", HOME, V_TIA, NULL, nothing, HOME,
       "the tunnel inner address changed"),
  ROW ("R5266-ST-119", HOME, MON, NULL, monitor, HOME,
       "the proof is to be renewed"),
  ROW ("R5266-ST-120", HOME, MON_EXP, NULL, detect, DET_0,
       "the proof of a trusted network expired"),
  /* C */
  ROW ("R5266-ST-121", C, STOP, NULL, stop, OFF,
       "disabled"),
  ROW ("R5266-ST-122", C, LINK_UP, NULL, detect, DET_0,
       "the link came up"),
  ROW ("R5266-ST-123", C, LINK_DOWN, NULL, link_lost, OFFLINE,
       "the link went down"),
  ROW ("R5266-ST-124", C, ADDR, NULL, detect, DET_0,
       "the link has an address"),
  ROW ("R5266-ST-125", C, ADDR_LOST, NULL, address_lost, ACQUIRE,
       "the address went away"),
  ROW ("R5266-ST-126", C, HINT, NULL, detect, DET_0,
       "the attachment may have changed"),
  ROW ("R5266-ST-127", C, HOME_LINK, NULL, detect, DET_0,
       "the link looks like the home link"),
  ROW ("R5266-ST-131", C, R_IN, NULL, proof_renewed, C,
       "the home agent proved the network trusted"),
  ROW ("R5266-ST-132", C, R_NOTNC, guard_current, no_tnc_detect, DET_0,
       "the home agent answered, but not from a trusted network"),
  ROW ("R5266-ST-133", C, R_DENY, guard_will_retry, nothing, C,
       "the home agent asked for another Identification"),
  ROW ("R5266-ST-134", C, R_DENY, NULL, detect, DET_0,
       "the home agent denied the registration"),
  ROW ("R5266-ST-135", C, R_BAD, NULL, nothing, C,
       "an answer could not be authenticated"),
  ROW ("R5266-ST-136", C, R_EXH, NULL, detect, DET_0,
       "the home agent does not answer here"),
  ROW ("R5266-ST-137", C, R_LATE, NULL, nothing, C,
       "the home agent answered late"),
  ROW ("R5266-ST-138", C, V_OK, NULL, v_inside, C,
       "the VPN gateway answered"),
  ROW ("R5266-ST-139", C, V_FAIL, NULL, v_failed_inside, C,
       "the VPN gateway does not answer"),
  ROW ("R5266-ST-140", C, V_DEAD, NULL, nothing, C,
       "the VPN is gone"),
  ROW ("R5266-ST-141", C, V_AUTH, NULL, nothing, C,
       "the VPN gateway or its credentials were refused"),
  ROW ("R5266-ST-142", C, V_TIA, NULL, nothing, C,
       "the tunnel inner address changed"),
  ROW ("R5266-ST-143", C, MON, NULL, monitor, C,
       "the proof is to be renewed"),
  ROW ("R5266-ST-144", C, MON_EXP, NULL, detect, DET_0,
       "the proof of a trusted network expired"),
  ROW ("R5266-ST-145", C, REVOKED, NULL, binding_gone_detect, DET_0,
       "the home agent revoked the binding"),
  /* MCREG */
  ROW ("R5266-ST-197", MCREG, STOP, NULL, stop, OFF,
       "disabled"),
  ROW ("R5266-ST-198", MCREG, LINK_UP, NULL, detect, DET_0,
       "the link came up"),
  ROW ("R5266-ST-199", MCREG, LINK_DOWN, NULL, link_lost, OFFLINE,
       "the link went down"),
  ROW ("R5266-ST-200", MCREG, ADDR, NULL, detect, DET_0,
       "the link has an address"),
  ROW ("R5266-ST-201", MCREG, ADDR_LOST, NULL, address_lost, ACQUIRE,
       "the address went away"),
  ROW ("R5266-ST-202", MCREG, HINT, NULL, detect, DET_0,
       "the attachment may have changed"),
  ROW ("R5266-ST-203", MCREG, HOME_LINK, NULL, detect, DET_0,
       "the link looks like the home link"),
  ROW ("R5266-ST-205", MCREG, R_IN, guard_late_rate, probe_late, DET_G,
       "the home agent proved the network trusted"),
  ROW ("R5266-ST-206", MCREG, R_NOTNC, guard_current, no_tnc_register, MCREG,
       "the home agent answered, but not from a trusted network"),
  ROW ("R5266-ST-207", MCREG, R_DENY, NULL, stop_r, MCREG,
       "the home agent denied the registration"),
  ROW ("R5266-ST-208", MCREG, R_BAD, NULL, nothing, MCREG,
       "an answer could not be authenticated"),
  ROW ("R5266-ST-209", MCREG, R_EXH, NULL, stop_r, MCREG,
       "the home agent does not answer here"),
  ROW ("R5266-ST-210", MCREG, R_LATE, guard_late_rate, probe_late, DET_G,
       "the home agent answered late"),
  ROW ("R5266-ST-211", MCREG, V_FAIL, NULL, v_lost, DET_0,
       "the VPN gateway does not answer"),
  ROW ("R5266-ST-212", MCREG, V_DEAD, NULL, v_lost, DET_0,
       "the VPN is gone"),
  ROW ("R5266-ST-213", MCREG, V_AUTH, NULL, retry_timer, BLOCKED,
       "the VPN gateway or its credentials were refused"),
  ROW ("R5266-ST-214", MCREG, V_TIA, NULL, register_vpn, MCREG,
       "the tunnel inner address changed"),
  ROW ("R5266-ST-215", MCREG, B_OK, guard_r_idle, b_accepted, MC,
       "registered through the VPN"),
  ROW ("R5266-ST-216", MCREG, B_OK, NULL, b_accepted, MC_BG,
       "registered through the VPN"),
  ROW ("R5266-ST-217", MCREG, B_DENY, guard_resynchronised, nothing, MCREG,
       "the home agent asked for another Identification"),
  ROW ("R5266-ST-218", MCREG, B_DENY, guard_b_repairable, b_patience, MCREG,
       "the home agent denied the registration through the VPN"),
  ROW ("R5266-ST-219", MCREG, B_DENY, NULL, retry_timer, BLOCKED,
       "the home agent denied the registration through the VPN"),
  ROW ("R5266-ST-220", MCREG, B_EXH, guard_gateway_alive, b_force_udp, MCREG,
       "the home agent does not answer through the VPN"),
  ROW ("R5266-ST-221", MCREG, B_EXH, NULL, v_lost, DET_0,
       "the home agent does not answer through the VPN"),
  ROW ("R5266-ST-222", MCREG, EXPIRE, NULL, nothing, MCREG,
       "the binding expired"),
  ROW ("R5266-ST-223", MCREG, REVOKED, NULL, binding_gone_register, MCREG,
       "the home agent revoked the binding"),
  /* MC.BG */
  ROW ("R5266-ST-224", MC_BG, STOP, NULL, stop, OFF,
       "disabled"),
  ROW ("R5266-ST-225", MC_BG, LINK_UP, NULL, detect, DET_0,
       "the link came up"),
  ROW ("R5266-ST-226", MC_BG, LINK_DOWN, NULL, link_lost, OFFLINE,
       "the link went down"),
  ROW ("R5266-ST-227", MC_BG, ADDR, NULL, detect, DET_0,
       "the link has an address"),
  ROW ("R5266-ST-228", MC_BG, ADDR_LOST, NULL, address_lost, ACQUIRE,
       "the address went away"),
  ROW ("R5266-ST-229", MC_BG, HINT, NULL, detect, DET_0,
       "the attachment may have changed"),
  ROW ("R5266-ST-230", MC_BG, HOME_LINK, NULL, detect, DET_0,
       "the link looks like the home link"),
  ROW ("R5266-ST-232", MC_BG, R_IN, guard_newest, inside, C,
       "the home agent proved the network trusted"),
  ROW ("R5266-ST-232", MC_BG, R_IN, guard_newest_home, inside, HOME,
       "the home agent proved that this is the home link (T-28)"),
  ROW ("R5266-ST-233", MC_BG, R_IN, NULL, probe_again, MC_CHK,
       "the home agent proved the network trusted"),
  ROW ("R5266-ST-234", MC_BG, R_NOTNC, guard_current, no_tnc_register, MCREG,
       "the home agent answered, but not from a trusted network"),
  ROW ("R5266-ST-235", MC_BG, R_DENY, guard_will_retry, nothing, MC_BG,
       "the home agent asked for another Identification"),
  ROW ("R5266-ST-236", MC_BG, R_DENY, NULL, stop_r, MC,
       "the home agent denied the registration"),
  ROW ("R5266-ST-237", MC_BG, R_BAD, NULL, nothing, MC_BG,
       "an answer could not be authenticated"),
  ROW ("R5266-ST-238", MC_BG, R_EXH, NULL, vpn_data, MC,
       "the home agent does not answer here"),
  ROW ("R5266-ST-239", MC_BG, R_LATE, guard_late_rate, probe_late, MC_CHK,
       "the home agent answered late"),
  ROW ("R5266-ST-240", MC_BG, V_OK, NULL, nothing, MC_BG,
       "the VPN gateway answered"),
  ROW ("R5266-ST-241", MC_BG, V_FAIL, NULL, v_lost, DET_0,
       "the VPN gateway does not answer"),
  ROW ("R5266-ST-242", MC_BG, V_DEAD, NULL, v_lost, DET_0,
       "the VPN is gone"),
  ROW ("R5266-ST-243", MC_BG, V_AUTH, NULL, v_refused_probe, DET_R,
       "the VPN gateway or its credentials were refused"),
  ROW ("R5266-ST-244", MC_BG, V_TIA, NULL, register_vpn, MCREG,
       "the tunnel inner address changed"),
  ROW ("R5266-ST-245", MC_BG, B_OK, NULL, b_accepted, MC_BG,
       "registered through the VPN"),
  ROW ("R5266-ST-246", MC_BG, B_DENY, guard_will_retry, nothing, MC_BG,
       "the home agent asked for another Identification"),
  ROW ("R5266-ST-247", MC_BG, B_DENY, NULL, b_backoff, MC_BG,
       "the home agent denied the registration through the VPN"),
  ROW ("R5266-ST-248", MC_BG, B_EXH, NULL, b_silent, MC_BG,
       "the home agent does not answer through the VPN"),
  ROW ("R5266-ST-249", MC_BG, RENEW, NULL, register_vpn, MC_BG,
       "the binding is to be renewed"),
  ROW ("R5266-ST-250", MC_BG, EXPIRE, NULL, register_vpn, MCREG,
       "the binding expired"),
  ROW ("R5266-ST-251", MC_BG, REVOKED, NULL, binding_gone_register, MCREG,
       "the home agent revoked the binding"),
  /* MC */
  ROW ("R5266-ST-252", MC, STOP, NULL, stop, OFF,
       "disabled"),
  ROW ("R5266-ST-253", MC, LINK_UP, NULL, detect, DET_0,
       "the link came up"),
  ROW ("R5266-ST-254", MC, LINK_DOWN, NULL, link_lost, OFFLINE,
       "the link went down"),
  ROW ("R5266-ST-255", MC, ADDR, NULL, detect, DET_0,
       "the link has an address"),
  ROW ("R5266-ST-256", MC, ADDR_LOST, NULL, address_lost, ACQUIRE,
       "the address went away"),
  ROW ("R5266-ST-257", MC, HINT, NULL, detect, DET_0,
       "the attachment may have changed"),
  ROW ("R5266-ST-258", MC, HOME_LINK, NULL, detect, DET_0,
       "the link looks like the home link"),
  ROW ("R5266-ST-260", MC, R_NOTNC, guard_stale, no_tnc_register, MCREG,
       "the home agent answered, but not from a trusted network"),
  ROW ("R5266-ST-261", MC, R_BAD, NULL, nothing, MC,
       "an answer could not be authenticated"),
  ROW ("R5266-ST-262", MC, R_LATE, guard_late_rate, probe_late, MC_CHK,
       "the home agent answered late"),
  ROW ("R5266-ST-263", MC, V_OK, NULL, nothing, MC,
       "the VPN gateway answered"),
  ROW ("R5266-ST-264", MC, V_FAIL, NULL, v_lost, DET_0,
       "the VPN gateway does not answer"),
  ROW ("R5266-ST-265", MC, V_DEAD, NULL, v_lost, DET_0,
       "the VPN is gone"),
  ROW ("R5266-ST-266", MC, V_AUTH, NULL, v_refused_probe, DET_R,
       "the VPN gateway or its credentials were refused"),
  ROW ("R5266-ST-267", MC, V_TIA, NULL, register_vpn, MCREG,
       "the tunnel inner address changed"),
  ROW ("R5266-ST-268", MC, B_OK, NULL, b_accepted, MC,
       "registered through the VPN"),
  ROW ("R5266-ST-269", MC, B_DENY, guard_will_retry, nothing, MC,
       "the home agent asked for another Identification"),
  ROW ("R5266-ST-270", MC, B_DENY, NULL, b_backoff, MC,
       "the home agent denied the registration through the VPN"),
  ROW ("R5266-ST-271", MC, B_EXH, NULL, b_silent, MC,
       "the home agent does not answer through the VPN"),
  ROW ("R5266-ST-272", MC, RENEW, NULL, register_vpn, MC,
       "the binding is to be renewed"),
  ROW ("R5266-ST-273", MC, EXPIRE, NULL, register_vpn, MCREG,
       "the binding expired"),
  ROW ("R5266-ST-274", MC, REVOKED, NULL, binding_gone_register, MCREG,
       "the home agent revoked the binding"),
  /* MC.CHK */
  ROW ("R5266-ST-275", MC_CHK, STOP, NULL, stop, OFF,
       "disabled"),
  ROW ("R5266-ST-276", MC_CHK, LINK_UP, NULL, detect, DET_0,
       "the link came up"),
  ROW ("R5266-ST-277", MC_CHK, LINK_DOWN, NULL, link_lost, OFFLINE,
       "the link went down"),
  ROW ("R5266-ST-278", MC_CHK, ADDR, NULL, detect, DET_0,
       "the link has an address"),
  ROW ("R5266-ST-279", MC_CHK, ADDR_LOST, NULL, address_lost, ACQUIRE,
       "the address went away"),
  ROW ("R5266-ST-280", MC_CHK, HINT, NULL, detect, DET_0,
       "the attachment may have changed"),
  ROW ("R5266-ST-281", MC_CHK, HOME_LINK, NULL, detect, DET_0,
       "the link looks like the home link"),
  ROW ("R5266-ST-283", MC_CHK, R_IN, guard_newest, inside, C,
       "the home agent proved the network trusted"),
  ROW ("R5266-ST-283", MC_CHK, R_IN, guard_newest_home, inside, HOME,
       "the home agent proved that this is the home link (T-28)"),
  ROW ("R5266-ST-284", MC_CHK, R_IN, NULL, probe_again, MC_CHK,
       "the home agent proved the network trusted"),
  ROW ("R5266-ST-285", MC_CHK, R_NOTNC, guard_current, no_tnc_register, MCREG,
       "the home agent answered, but not from a trusted network"),
  ROW ("R5266-ST-286", MC_CHK, R_DENY, guard_will_retry, nothing, MC_CHK,
       "the home agent asked for another Identification"),
  ROW ("R5266-ST-287", MC_CHK, R_DENY, NULL, stop_r, MC,
       "the home agent denied the registration"),
  ROW ("R5266-ST-288", MC_CHK, R_BAD, NULL, nothing, MC_CHK,
       "an answer could not be authenticated"),
  ROW ("R5266-ST-289", MC_CHK, R_EXH, NULL, vpn_data, MC,
       "the home agent does not answer here"),
  ROW ("R5266-ST-290", MC_CHK, R_LATE, NULL, nothing, MC_CHK,
       "the home agent answered late"),
  ROW ("R5266-ST-291", MC_CHK, V_OK, NULL, nothing, MC_CHK,
       "the VPN gateway answered"),
  ROW ("R5266-ST-292", MC_CHK, V_FAIL, NULL, v_lost, DET_0,
       "the VPN gateway does not answer"),
  ROW ("R5266-ST-293", MC_CHK, V_DEAD, NULL, v_lost, DET_0,
       "the VPN is gone"),
  ROW ("R5266-ST-294", MC_CHK, V_AUTH, NULL, v_refused_probe, DET_R,
       "the VPN gateway or its credentials were refused"),
  ROW ("R5266-ST-295", MC_CHK, V_TIA, NULL, register_vpn, MCREG,
       "the tunnel inner address changed"),
  ROW ("R5266-ST-296", MC_CHK, B_OK, NULL, b_accepted, MC_CHK,
       "registered through the VPN"),
  ROW ("R5266-ST-297", MC_CHK, B_DENY, guard_will_retry, nothing, MC_CHK,
       "the home agent asked for another Identification"),
  ROW ("R5266-ST-298", MC_CHK, B_DENY, NULL, b_backoff, MC_CHK,
       "the home agent denied the registration through the VPN"),
  ROW ("R5266-ST-299", MC_CHK, B_EXH, NULL, b_silent, MC_CHK,
       "the home agent does not answer through the VPN"),
  ROW ("R5266-ST-300", MC_CHK, RENEW, NULL, register_vpn, MC_CHK,
       "the binding is to be renewed"),
  ROW ("R5266-ST-301", MC_CHK, EXPIRE, NULL, register_vpn, MCREG,
       "the binding expired"),
  ROW ("R5266-ST-302", MC_CHK, REVOKED, NULL, binding_gone_register, MCREG,
       "the home agent revoked the binding"),
  /* BLOCKED */
  ROW ("R5266-ST-303", BLOCKED, STOP, NULL, stop, OFF,
       "disabled"),
  ROW ("R5266-ST-304", BLOCKED, LINK_UP, NULL, detect, DET_0,
       "the link came up"),
  ROW ("R5266-ST-305", BLOCKED, LINK_DOWN, NULL, link_lost, OFFLINE,
       "the link went down"),
  ROW ("R5266-ST-306", BLOCKED, ADDR, NULL, detect, DET_0,
       "the link has an address"),
  ROW ("R5266-ST-307", BLOCKED, ADDR_LOST, NULL, address_lost, ACQUIRE,
       "the address went away"),
  ROW ("R5266-ST-308", BLOCKED, HINT, NULL, detect, DET_0,
       "the attachment may have changed"),
  ROW ("R5266-ST-309", BLOCKED, HOME_LINK, NULL, detect, DET_0,
       "the link looks like the home link"),
  ROW ("R5266-ST-311", BLOCKED, R_NOTNC, guard_stale, no_tnc_late, BLOCKED,
       "the home agent answered, but not from a trusted network"),
  ROW ("R5266-ST-312", BLOCKED, R_BAD, NULL, nothing, BLOCKED,
       "an answer could not be authenticated"),
  ROW ("R5266-ST-313", BLOCKED, R_LATE, guard_late_rate, detect_late, DET_0,
       "the home agent answered late"),
  ROW ("R5266-ST-314", BLOCKED, V_OK, NULL, register_vpn, MCREG,
       "the VPN gateway answered"),
  ROW ("R5266-ST-315", BLOCKED, V_DEAD, NULL, nothing, BLOCKED,
       "the VPN is gone"),
  ROW ("R5266-ST-316", BLOCKED, RETRY, NULL, detect, DET_0,
       "another try"),
};
/* clang-format on */

const CoordinatorRow *
coordinator_table_find (const Coordinator *c, const CoordinatorLink *link, CoordinatorEvent event,
                        const CoordinatorEvidence *evidence)
{
  for (guint i = 0; i < G_N_ELEMENTS (rows); i++)
    if (rows[i].state == link->state && rows[i].event == event &&
        (rows[i].guard == NULL || rows[i].guard (c, link, evidence)))
      return &rows[i];
  return NULL;
}

const CoordinatorRow *
coordinator_table_rows (guint *ret_n)
{
  *ret_n = G_N_ELEMENTS (rows);
  return rows;
}
