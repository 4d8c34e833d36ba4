/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "mip4/mip4-mn-private.h"

#include <string.h>

/* What a Registration Request will say, and where it goes (RFC 5944 3.6.1.1, 3.6.1.2). */

const RoamAddr *
mip4_mn_record_peer (const Mip4MnRecord *record)
{
  return roam_addr_is_set (&record->requested_home_agent) ? &record->requested_home_agent : &record->home_agent;
}

void
mip4_mn_record_set_care_of (Mip4MnRecord *record, const RoamAddr *care_of_address)
{
  record->care_of_address = *care_of_address;
  if (record->co_located)
    record->source = *care_of_address;
  else
    record->source = record->home_address;
}

/* RFC 4433 5.1.2: a request for no home agent by name goes to the one it asks for. */
static void
set_destination (Mip4MnRecord *record)
{
  if (roam_addr_is_set (&record->agent.address))
    record->destination = record->agent.address;
  else
    record->destination = *mip4_mn_record_peer (record);
}

gboolean
mip4_mn_record_set_home_agent (const Mip4Mn *mn, Mip4MnRecord *record, const RoamAddr *home_agent)
{
  guint association = mip4_mn_next_association (mn, home_agent, 0);

  if (association == mn->associations->len)
    return FALSE;
  record->association = association;
  record->requested_home_agent = *home_agent;
  /* RFC 4433 5.1: until a home agent has been assigned, none is named. */
  if (mip4_mn_is_unicast (mn, &record->home_agent))
    record->home_agent = *home_agent;
  set_destination (record);
  return TRUE;
}

gboolean
mip4_mn_record_name_home_agent (const Mip4Mn *mn, Mip4MnRecord *record)
{
  if (mip4_mn_is_unicast (mn, &record->home_agent) || !mip4_mn_is_unicast (mn, &record->requested_home_agent))
    return FALSE;
  record->home_agent = record->requested_home_agent;
  return TRUE;
}

static gboolean
is_care_of_of_agent (const Mip4Agent *agent, const RoamAddr *care_of_address)
{
  for (guint i = 0; i < MIN (agent->n_care_of, MIP4_AGENT_MAX_CARE_OF); i++)
    if (roam_addr_equal (&agent->care_of[i], care_of_address))
      return TRUE;
  return roam_addr_equal (&agent->address, care_of_address);
}

static gboolean
is_co_located (const Mip4MnCommand *command)
{
  switch (command->form)
    {
    case MIP4_FORM_CO_LOCATED:
    case MIP4_FORM_CO_LOCATED_VIA_AGENT:
      return TRUE;
    case MIP4_FORM_HOME:
    case MIP4_FORM_FOREIGN_AGENT:
      return FALSE;
    case MIP4_FORM_DEREGISTER:
      return !roam_addr_is_set (&command->agent.address) ||
             !is_care_of_of_agent (&command->agent, &command->care_of_address);
    }
  return FALSE;
}

static gboolean
form_uses_agent (Mip4Form form)
{
  return form == MIP4_FORM_FOREIGN_AGENT || form == MIP4_FORM_CO_LOCATED_VIA_AGENT || form == MIP4_FORM_DEREGISTER;
}

/* MIP-REG-020, MIP-LIF-010. */
static guint16
requested_lifetime (const Mip4Mn *mn, const Mip4MnRecord *record)
{
  const Mip4MnEvent *bound = &mn->binding.accepted;
  guint16 lifetime_s = mn->config.lifetime_s, agent_s = record->agent.registration_lifetime_s;

  if (record->form == MIP4_FORM_HOME || record->form == MIP4_FORM_DEREGISTER)
    return 0;
  if (roam_addr_is_set (&record->agent.address))
    lifetime_s = MIN (lifetime_s, agent_s > 0 ? agent_s : MIP4_MN_AGENT_LIFETIME_S);
  /* 65535 is infinity and above every number of seconds. */
  if (mn->config.udp_lifetime_s > 0 &&
      (record->force_udp || (mn->binding.exists && bound->udp_tunnel && bound->path == record->path &&
                             roam_addr_equal (&bound->care_of_address, &record->care_of_address))))
    lifetime_s = MIN (lifetime_s, mn->config.udp_lifetime_s);
  return lifetime_s;
}

/* Flags and extensions that the form allows. */
static void
set_features (const Mip4Mn *mn, Mip4MnRecord *record, gboolean force_udp)
{
  const Mip4MnConfig *config = &mn->config;
  gboolean home = record->form == MIP4_FORM_HOME, via_agent = roam_addr_is_set (&record->agent.address);
  gboolean registers = record->form != MIP4_FORM_HOME && record->form != MIP4_FORM_DEREGISTER;

  /* Neither a tunnel nor a NAT can be on the home link. */
  record->reverse_tunnel = config->reverse_tunnel && !home;
  /* RFC 3519 4.4: never with an agent's care-of address; through an agent only when it sets U, and then with R. */
  record->udp_request = (config->nat_traversal || force_udp) && record->co_located &&
                        (!via_agent || (record->agent.flags & MIP4_AGENT_UDP_TUNNEL) != 0);
  record->udp_via_agent = record->udp_request && via_agent;
  record->force_udp = force_udp && record->udp_request;
  record->udp_encapsulation = MIP4_UDP_ENCAPSULATION_BY_FLAGS;
  record->encapsulating_delivery =
    registers && via_agent && !record->co_located && record->reverse_tunnel && config->encapsulating_delivery;
  record->simultaneous = registers && config->simultaneous && !mn->simultaneous_refused;
  /* RFC 3024 5.2: broadcasts come and go through an agent in its encapsulating style only. */
  record->broadcast = registers && config->broadcast && (record->co_located || record->encapsulating_delivery);
  /* RFC 3543 3.2: only a node that registers itself is told. */
  record->revocation = registers && config->revocation && record->co_located && !via_agent;
}

static void
set_policy (Mip4MnRecord *record, const Mip4MnCommand *command)
{
  record->policy = (RoamRetransmitPolicy){
    .first_us = MAX (command->first_timeout_us, MIP4_MN_MIN_INTERVAL_US),
    .factor_percent = 200,
    .copies = MAX (command->copies, 1),
  };
  /* RFC 5944 3.6.3: no wait above the requested Lifetime. */
  record->policy.limit_us = MIP4_MN_MAX_INTERVAL_US;
  if (record->lifetime_s > 0)
    record->policy.limit_us =
      CLAMP (record->lifetime_s * ROAM_USEC_PER_SEC, MIP4_MN_MIN_INTERVAL_US, MIP4_MN_MAX_INTERVAL_US);
  record->first_due_us = ROAM_NEVER;
  roam_retransmit_stop (&record->schedule);
}

static gboolean
set_addresses (const Mip4Mn *mn, Mip4MnRecord *record, const RoamAddr *care_of_address)
{
  const RoamAddr zero = roam_addr_from_u32 (0);
  guint association = mn->association;

  record->home_address = roam_addr_is_specified (&mn->home_address) ? mn->home_address : zero;
  record->home_agent = mn->home_agent;
  if (!mip4_mn_is_unicast (mn, &record->home_agent) && roam_addr_is_set (&mn->config.requested_home_agent))
    record->requested_home_agent = mn->config.requested_home_agent;
  if (mip4_mn_next_association (mn, mip4_mn_record_peer (record), association) != association)
    association = mip4_mn_next_association (mn, mip4_mn_record_peer (record), 0);
  record->association = association;
  mip4_mn_record_set_care_of (record, care_of_address);
  set_destination (record);
  return association < mn->associations->len && record->care_of_address.family == ROAM_FAMILY_INET4 &&
         roam_addr_is_specified (&record->care_of_address) && roam_addr_is_specified (&record->destination) &&
         (record->form != MIP4_FORM_HOME || roam_addr_is_specified (&record->home_address));
}

Mip4MnRecord *
mip4_mn_record_new (const Mip4Mn *mn, const Mip4MnCommand *command)
{
  g_autofree Mip4MnRecord *record = g_new0 (Mip4MnRecord, 1);

  record->serial = command->serial;
  record->path = command->path;
  record->form = command->form;
  record->co_located = is_co_located (command);
  if (form_uses_agent (command->form))
    record->agent = command->agent;
  if (command->form != MIP4_FORM_DEREGISTER && form_uses_agent (command->form) &&
      !roam_addr_is_set (&record->agent.address))
    return NULL;
  if (!set_addresses (mn, record, command->form == MIP4_FORM_HOME ? &mn->home_address : &command->care_of_address))
    return NULL;
  set_features (mn, record, command->force_udp);
  record->lifetime_s = requested_lifetime (mn, record);
  set_policy (record, command);
  return g_steal_pointer (&record);
}

/* ------------------------------------------------------------------- challenges ---- */

static gboolean
is_same_challenge (const Mip4MnChallenge *challenge, const guint8 *octets, gsize length)
{
  return challenge->length == length && memcmp (challenge->octets, octets, length) == 0;
}

static void
set_challenge (Mip4MnChallenge *challenge, const guint8 *octets, gsize length)
{
  challenge->length = (guint)length;
  memcpy (challenge->octets, octets, length);
}

static void
set_challenger (Mip4MnPathState *state, const RoamAddr *agent)
{
  if (roam_addr_equal (&state->challenger, agent))
    return;
  state->challenger = *agent;
  state->newest.length = state->advertised.length = 0;
}

void
mip4_mn_note_agent (Mip4MnPathState *state, const Mip4Agent *agent)
{
  if (!roam_addr_is_set (&agent->address))
    return;
  set_challenger (state, &agent->address);
  if (agent->n_challenge == 0 || agent->n_challenge > MIP4_CHALLENGE_MAX ||
      is_same_challenge (&state->advertised, agent->challenge, agent->n_challenge))
    return;
  set_challenge (&state->advertised, agent->challenge, agent->n_challenge);
  set_challenge (&state->newest, agent->challenge, agent->n_challenge);
}

void
mip4_mn_note_challenge (Mip4MnPathState *state, const RoamAddr *agent, const Mip4Slice *challenge)
{
  if (challenge->data == NULL || challenge->length > MIP4_CHALLENGE_MAX)
    return;
  set_challenger (state, agent);
  set_challenge (&state->newest, challenge->data, challenge->length);
}
