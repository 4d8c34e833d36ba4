/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "mip4/mip4-mn-private.h"

#include <string.h>

/*
 * What a denial makes the node change before it asks again (table MIP-COD). A code without a function here
 * is a failure of the procedure: who called decides whether another agent, a co-located care-of address or
 * a later attempt follows.
 */

/* D-21: in the VPN tunnel, and with a private home address (RFC 3024 A.4), data cannot go without T. */
static gboolean
may_give_up_reverse_tunnel (const Mip4Mn *mn, const Mip4MnRecord *record)
{
  guint32 home = roam_addr_to_u32 (&mn->home_address);
  gboolean is_private = home >> 24 == 10 || home >> 20 == 0xac1 || home >> 16 == 0xc0a8;

  return mn->config.triangular && record->path != MIP4_PATH_VPN && !is_private;
}

static gboolean
give_up_reverse_tunnel (const Mip4Mn *mn, Mip4MnRecord *record)
{
  if (!record->reverse_tunnel || !may_give_up_reverse_tunnel (mn, record))
    return FALSE;
  /* RFC 3024 3.3: no delivery style without a reverse tunnel. */
  record->reverse_tunnel = record->encapsulating_delivery = FALSE;
  if (!record->co_located)
    record->broadcast = FALSE;
  return TRUE;
}

static gboolean
set_reverse_tunnel (Mip4MnRecord *record)
{
  if (record->reverse_tunnel || record->form == MIP4_FORM_HOME)
    return FALSE;
  record->reverse_tunnel = TRUE;
  return TRUE;
}

/* 70, 134: some agent or home agent knows only the plain request. */
static gboolean
drop_options (const Mip4Mn *mn, Mip4MnRecord *record)
{
  gboolean changed = record->udp_request || record->simultaneous || record->broadcast ||
                     record->encapsulating_delivery || record->revocation;

  record->udp_request = record->udp_via_agent = record->force_udp = FALSE;
  record->simultaneous = record->broadcast = record->encapsulating_delivery = record->revocation = FALSE;
  return give_up_reverse_tunnel (mn, record) || changed;
}

/* 69: RFC 5944 3.6.2.3. */
static gboolean
shorten_lifetime (Mip4MnRecord *record, const Mip4Message *reply)
{
  if (reply->lifetime == 0 || reply->lifetime >= record->lifetime_s)
    return FALSE;
  record->lifetime_s = reply->lifetime;
  return TRUE;
}

/* 77: RFC 5944 2.4, the next care-of address that the agent offers. */
static gboolean
next_care_of (Mip4MnRecord *record)
{
  guint n = MIN (record->agent.n_care_of, MIP4_AGENT_MAX_CARE_OF), at = 0;

  if (record->co_located || n < 2)
    return FALSE;
  while (at < n && !roam_addr_equal (&record->agent.care_of[at], &record->care_of_address))
    at++;
  /* The one refused may have left the list meanwhile: then the first. */
  mip4_mn_record_set_care_of (record, &record->agent.care_of[at < n ? (at + 1) % n : 0]);
  return TRUE;
}

/* 79: without the extension the agent delivers directly. */
static gboolean
drop_delivery_style (Mip4MnRecord *record)
{
  if (!record->encapsulating_delivery)
    return FALSE;
  record->encapsulating_delivery = record->broadcast = FALSE;
  return TRUE;
}

/* 96: the home address may have become known since. */
static gboolean
name_home_address (const Mip4Mn *mn, Mip4MnRecord *record)
{
  if (roam_addr_is_specified (&record->home_address) || !roam_addr_is_specified (&mn->home_address))
    return FALSE;
  record->home_address = mn->home_address;
  mip4_mn_record_set_care_of (record, &record->care_of_address);
  return TRUE;
}

/* 104 to 106: only with a challenge that was not refused just now (RFC 4721 3.5), and a key to answer it. */
static gboolean
answer_challenge (const Mip4Mn *mn, Mip4MnPathState *state, const Mip4MnRecord *record)
{
  gboolean is_used = record->challenge.length > 0 && record->challenge.length == state->newest.length &&
                     memcmp (record->challenge.octets, state->newest.octets, state->newest.length) == 0;

  if (is_used)
    state->newest.length = 0;
  return state->newest.length > 0 &&
         (mn->config.mn_aaa.key != NULL || mip4_mn_find_agent_association (mn, &record->agent.address) != NULL);
}

/* 131 in an answer that another key of ours authenticates: that one may do. */
static gboolean
try_other_association (const Mip4Mn *mn, Mip4MnRecord *record)
{
  const RoamAddr *peer = mip4_mn_record_peer (record);
  guint next = mip4_mn_next_association (mn, peer, record->association + 1);

  if (next == mn->associations->len)
    next = mip4_mn_next_association (mn, peer, 0);
  if (next == mn->associations->len || next == record->association)
    return FALSE;
  record->association = next;
  return TRUE;
}

/* 133: RFC 5944 5.7; a nonce has been taken from the reply already. */
static gboolean
resynchronise (Mip4Mn *mn, const RoamNow *now, Mip4MnRecord *record, const Mip4Message *reply)
{
  switch (g_array_index (mn->associations, Mip4MnHaAssociation, record->association).replay)
    {
    case MIP4_REPLAY_TIMESTAMP:
      mip4_mn_resynchronise (mn, mip4_mn_peer (mn, mip4_mn_record_peer (record)), now, reply->identification);
      break;
    case MIP4_REPLAY_NONCE:
      break;
    }
  return ++record->resynchronisations < MIP4_MN_MAX_RESYNCHRONISATIONS;
}

/* 136: RFC 5944 3.6.2.3, D-29: the first home agent that gives its own address, and its clock. */
static gboolean
adopt_home_agent (Mip4Mn *mn, const RoamNow *now, Mip4MnRecord *record, const Mip4Message *reply)
{
  guint association = mip4_mn_next_association (mn, &reply->home_agent, 0);

  if (!mip4_mn_is_unicast (mn, &reply->home_agent) || roam_addr_equal (&reply->home_agent, &record->home_agent) ||
      association == mn->associations->len)
    return FALSE;
  record->association = association;
  record->home_agent = reply->home_agent;
  record->requested_home_agent = ROAM_ADDR_NONE;
  if (!roam_addr_is_set (&record->agent.address))
    record->destination = record->home_agent;
  switch (g_array_index (mn->associations, Mip4MnHaAssociation, association).replay)
    {
    case MIP4_REPLAY_TIMESTAMP:
      mip4_mn_resynchronise (mn, mip4_mn_peer (mn, &record->home_agent), now, reply->identification);
      break;
    case MIP4_REPLAY_NONCE:
      break;
    }
  return TRUE;
}

static gboolean
has_redirected (const Mip4MnRecord *record, const RoamAddr *home_agent)
{
  for (guint i = 0; i < record->n_redirected_by; i++)
    if (roam_addr_equal (&record->redirected_by[i], home_agent))
      return TRUE;
  return FALSE;
}

/* 143: RFC 4433 4.2; bounded by the memory of those that redirected us. */
static gboolean
follow_redirection (Mip4Mn *mn, Mip4MnRecord *record, const Mip4Message *reply)
{
  const RoamAddr *next = &reply->covered.dynamic_ha;

  if (reply->covered.dynamic_ha_subtype != 2 || !mip4_mn_is_unicast (mn, next) ||
      record->n_redirected_by == MIP4_MN_MAX_REDIRECTS)
    return FALSE;
  record->redirected_by[record->n_redirected_by++] = reply->home_agent;
  if (has_redirected (record, next) || !mip4_mn_record_set_home_agent (mn, record, next))
    return FALSE;
  mn->counts[MIP4_MN_COUNT_REDIRECTED]++;
  return TRUE;
}

static gboolean
drop_simultaneous (Mip4Mn *mn, Mip4MnRecord *record)
{
  mn->simultaneous_refused = TRUE;
  if (!record->simultaneous)
    return FALSE;
  record->simultaneous = FALSE;
  return TRUE;
}

static gboolean
drop_forced_udp (Mip4MnRecord *record)
{
  if (!record->force_udp)
    return FALSE;
  record->force_udp = FALSE;
  return TRUE;
}

static gboolean
ask_for_ip_in_udp (Mip4MnRecord *record)
{
  if (!record->udp_request || record->udp_encapsulation == MIP4_UDP_ENCAPSULATION_IP)
    return FALSE;
  record->udp_encapsulation = MIP4_UDP_ENCAPSULATION_IP;
  return TRUE;
}

static gboolean
repair_for_agent (Mip4Mn *mn, Mip4MnPathState *state, Mip4MnRecord *record, guint8 code, const Mip4Message *reply)
{
  switch (code)
    {
    case MIP4_CODE_FA_LIFETIME:
      return shorten_lifetime (record, reply);
    case MIP4_CODE_FA_POORLY_FORMED:
      return mip4_mn_record_name_home_agent (mn, record) || drop_options (mn, record);
    case MIP4_CODE_FA_REVERSE_TUNNEL_UNAVAILABLE:
      return give_up_reverse_tunnel (mn, record);
    case MIP4_CODE_FA_REVERSE_TUNNEL_MANDATORY:
      return set_reverse_tunnel (record);
    case MIP4_CODE_FA_CARE_OF_ADDRESS:
      return next_care_of (record);
    case MIP4_CODE_FA_DELIVERY_STYLE:
      return drop_delivery_style (record);
    case MIP4_CODE_FA_NONZERO_HA:
      return mip4_mn_record_name_home_agent (mn, record);
    case MIP4_CODE_FA_NONZERO_HOME_ADDRESS:
      return name_home_address (mn, record);
    case MIP4_CODE_FA_UNKNOWN_CHALLENGE:
    case MIP4_CODE_FA_MISSING_CHALLENGE:
    case MIP4_CODE_FA_STALE_CHALLENGE:
      return answer_challenge (mn, state, record);
    default:
      return FALSE;
    }
}

static gboolean
repair_for_home_agent (Mip4Mn *mn, const RoamNow *now, Mip4MnRecord *record, guint8 code, const Mip4Message *reply)
{
  switch (code)
    {
    case MIP4_CODE_HA_PROHIBITED:
      return drop_forced_udp (record);
    case MIP4_CODE_HA_MN_AUTH:
      return try_other_association (mn, record);
    case MIP4_CODE_HA_IDENTIFICATION:
      return resynchronise (mn, now, record, reply);
    case MIP4_CODE_HA_POORLY_FORMED:
      return drop_options (mn, record);
    case MIP4_CODE_HA_TOO_MANY_BINDINGS:
      return drop_simultaneous (mn, record);
    case MIP4_CODE_HA_UNKNOWN_HA:
      return adopt_home_agent (mn, now, record, reply);
    case MIP4_CODE_HA_REVERSE_TUNNEL_UNAVAILABLE:
      return give_up_reverse_tunnel (mn, record);
    case MIP4_CODE_HA_REVERSE_TUNNEL_MANDATORY:
      return set_reverse_tunnel (record);
    case MIP4_CODE_HA_UDP_ENCAPSULATION:
      return ask_for_ip_in_udp (record);
    case MIP4_CODE_HA_REDIRECT:
      return follow_redirection (mn, record, reply);
    default:
      return FALSE;
    }
}

/* The two codes that carry new information each time have bounds of their own. */
static gboolean
is_spent (Mip4MnRecord *record, guint8 code)
{
  guint32 bit = 1u << (code % 32);
  gboolean spent = (record->repaired[code / 32] & bit) != 0;

  record->repaired[code / 32] |= bit;
  return spent && code != MIP4_CODE_HA_IDENTIFICATION && code != MIP4_CODE_HA_REDIRECT;
}

gboolean
mip4_mn_repair (Mip4Mn *mn, const RoamNow *now, Mip4MnPathState *state, Mip4MnRecord *record, guint8 code,
                const Mip4Message *reply)
{
  if (is_spent (record, code))
    return FALSE;
  /* A status of extension 45 stands beside the home agent's code: nothing but the agent's word either. */
  if (code != reply->code || mip4_code_class (code) == MIP4_CODE_CLASS_FOREIGN_AGENT)
    return repair_for_agent (mn, state, record, code, reply);
  return repair_for_home_agent (mn, now, record, code, reply);
}
