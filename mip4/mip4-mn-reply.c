/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "mip4/mip4-mn-private.h"

#include <string.h>

/*
 * Receiving Registration Replies (RFC 5944 3.6.2). find_record() and the verify functions change nothing;
 * what they let through is acted upon.
 */

typedef struct
{
  Mip4MnPathState *state;
  Mip4MnRecord *record;
  gboolean is_current;
  guint closed_index; /* of state->closed when not current */
  RoamAddr source;    /* of the reply */
} Match;

static gboolean
record_has_low (const Mip4MnRecord *record, guint32 low)
{
  for (guint i = 0; i < record->n_copies; i++)
    if ((guint32)record->copies[i].identification == low)
      return TRUE;
  return FALSE;
}

static gboolean
match_on_path (Mip4MnPathState *state, guint32 low, Match *ret_match)
{
  if (state->current != NULL && record_has_low (state->current, low))
    {
      ret_match->state = state;
      ret_match->record = state->current;
      ret_match->is_current = TRUE;
      return TRUE;
    }
  for (guint i = state->closed->len; i > 0; i--)
    {
      Mip4MnRecord *record = g_ptr_array_index (state->closed, i - 1);

      if (!record_has_low (record, low))
        continue;
      ret_match->state = state;
      ret_match->record = record;
      ret_match->closed_index = i - 1;
      return TRUE;
    }
  return FALSE;
}

/* D-07: the record must be one of the path the reply arrived on. */
static Mip4Discard
find_record (const Mip4Mn *mn, Mip4Path path, guint32 low, Match *ret_match)
{
  Mip4MnPathState *state = mip4_mn_find_path (mn, path);
  Match elsewhere = { 0 };

  if (state != NULL && match_on_path (state, low, ret_match))
    return MIP4_DISCARD_NONE;
  for (guint i = 0; i < mn->paths->len; i++)
    if (match_on_path (g_ptr_array_index (mn->paths, i), low, &elsewhere))
      return MIP4_DISCARD_WRONG_PATH;
  return MIP4_DISCARD_NO_RECORD;
}

/* D-35: exactly where the request went to; an address of many is answered from whatever address one of them has. */
static Mip4Discard
verify_source (const Mip4Mn *mn, const Mip4MnRecord *record, const RoamEndpoint *source)
{
  gboolean is_anyone = roam_addr_is_set (&record->agent.address) ? record->destination.bytes[0] >= 0xe0
                                                                 : !mip4_mn_is_unicast (mn, &record->home_agent);

  if (source->port == MIP4_PORT && (is_anyone || roam_addr_equal (&source->addr, &record->destination)))
    return MIP4_DISCARD_NONE;
  return MIP4_DISCARD_WRONG_SOURCE;
}

/*
 * An agent answers to the home address whatever the request's source was, and a node that has none at
 * 255.255.255.255 or at the address it is given (RFC 5944 3.7.2.3).
 */
static Mip4Discard
verify_destination (const Mip4MnRecord *record, const RoamAddr *destination, const Mip4Message *reply)
{
  gboolean has_home = roam_addr_is_specified (&record->home_address);
  const RoamAddr *home = has_home ? &record->home_address : &reply->home_address;

  if (roam_addr_equal (destination, &record->source))
    return MIP4_DISCARD_NONE;
  if (!roam_addr_is_set (&record->agent.address))
    return MIP4_DISCARD_WRONG_ADDRESS;
  if (roam_addr_equal (destination, home) || (!has_home && roam_addr_to_u32 (destination) == G_MAXUINT32))
    return MIP4_DISCARD_NONE;
  return MIP4_DISCARD_WRONG_ADDRESS;
}

/* MIP-RPL-006: a reply through an agent that we share a key with. */
static Mip4Discard
verify_mfae (const Mip4Mn *mn, const Mip4MnRecord *record, const Mip4Message *reply)
{
  const Mip4SecurityAssociation *mn_fa = NULL;

  if (roam_addr_is_set (&record->agent.address))
    mn_fa = mip4_mn_find_agent_association (mn, &record->agent.address);
  if (mn_fa == NULL)
    return MIP4_DISCARD_NONE;
  if (reply->mfae.count != 1)
    return MIP4_DISCARD_MFAE_COUNT;
  if (mip4_verify_auth (reply, &reply->mfae, mn_fa) == MIP4_DISCARD_NONE)
    return MIP4_DISCARD_NONE;
  return reply->code == MIP4_CODE_FA_MN_AUTH ? MIP4_DISCARD_MFAE_67 : MIP4_DISCARD_MFAE;
}

/* MIP-RPL-007, -009: the context is that of the SPI in the reply, with the home agent it names (RFC 5944 3.5.1). */
static Mip4Discard
verify_mhae (const Mip4Mn *mn, const Mip4Message *reply)
{
  const Mip4MnHaAssociation *mn_ha = mip4_mn_find_association (mn, &reply->home_agent, reply->mhae.spi);
  Mip4Discard why;

  if (mn_ha != NULL)
    why = mip4_verify_mhae (reply, &mn_ha->association);
  else if (reply->mhae.count == 1)
    why = MIP4_DISCARD_SPI;
  else
    why = reply->mhae.count == 0 ? MIP4_DISCARD_NO_MHAE : MIP4_DISCARD_TWO_MHAE;
  if (reply->code == MIP4_CODE_HA_MN_AUTH && (why == MIP4_DISCARD_AUTHENTICATOR || why == MIP4_DISCARD_SPI))
    return MIP4_DISCARD_AUTHENTICATOR_131;
  return why;
}

/* D-06: both are copied from the request (RFC 5944 3.8.3.2) unless they are to be assigned. */
static Mip4Discard
verify_addresses (const Mip4Mn *mn, const Mip4MnRecord *record, const Mip4Message *reply)
{
  gboolean accepted = mip4_code_class (reply->code) == MIP4_CODE_CLASS_ACCEPTED;

  if (roam_addr_is_specified (&record->home_address))
    {
      if (!roam_addr_equal (&reply->home_address, &record->home_address))
        return MIP4_DISCARD_HOME_ADDRESS;
    }
  else if (accepted && !mip4_mn_is_unicast (mn, &reply->home_address))
    return MIP4_DISCARD_HOME_ADDRESS;
  if (!mip4_mn_is_unicast (mn, &record->home_agent))
    return accepted && !mip4_mn_is_unicast (mn, &reply->home_agent) ? MIP4_DISCARD_HOME_AGENT : MIP4_DISCARD_NONE;
  if (!roam_addr_equal (&reply->home_agent, &record->home_agent) && reply->code != MIP4_CODE_HA_UNKNOWN_HA &&
      reply->code != MIP4_CODE_HA_REDIRECT)
    return MIP4_DISCARD_HOME_AGENT;
  return MIP4_DISCARD_NONE;
}

static gboolean
is_foreign_agents_word (const Mip4MnRecord *record, const Mip4Message *reply)
{
  return mip4_code_class (reply->code) == MIP4_CODE_CLASS_FOREIGN_AGENT ||
         (roam_addr_is_set (&record->agent.address) && reply->uncovered.fa_error);
}

static Mip4Discard
verify_reply (const Mip4Mn *mn, const Mip4MnRecord *record, Mip4Message *reply)
{
  Mip4Discard why = mip4_parse_extensions (reply);

  if (why == MIP4_DISCARD_NONE)
    why = verify_mfae (mn, record, reply);
  if (why != MIP4_DISCARD_NONE)
    return why;
  /* No home agent authenticates an agent's denial (MIP-RPL-008); nobody but an agent that was asked may deny. */
  if (mip4_code_class (reply->code) == MIP4_CODE_CLASS_FOREIGN_AGENT)
    return roam_addr_is_set (&record->agent.address) ? MIP4_DISCARD_NONE : MIP4_DISCARD_FOREIGN_AGENT;
  why = verify_mhae (mn, reply);
  if (why == MIP4_DISCARD_NONE)
    why = verify_addresses (mn, record, reply);
  if (why == MIP4_DISCARD_NONE && reply->uncovered.fa_error && !roam_addr_is_set (&record->agent.address))
    return MIP4_DISCARD_FOREIGN_AGENT; /* D-40 */
  return why;
}

static gboolean
is_bad_authenticator (Mip4Discard why)
{
  return why == MIP4_DISCARD_AUTHENTICATOR || why == MIP4_DISCARD_SPI || why == MIP4_DISCARD_AUTHENTICATOR_131;
}

void
mip4_mn_discard (Mip4Mn *mn, Mip4Path path, const Mip4MnRecord *record, guint8 code, Mip4Discard why)
{
  Mip4MnEvent event = { .type = MIP4_MN_DISCARDED, .path = path, .code = code, .reason = mip4_discard_sentence (why) };

  mn->discards[why]++;
  if (record != NULL)
    {
      event.serial = record->serial;
      event.form = record->form;
      event.care_of_address = record->care_of_address;
      event.agent = record->agent.address;
    }
  if (is_bad_authenticator (why))
    event.key_mismatch = ++mn->bad_authenticators == MIP4_MN_KEY_MISMATCH;
  mip4_mn_push_event (mn, &event);
}

/* The copy that was answered; D-05: when no copy has these high bits, the oldest, so that no lifetime is overrated. */
static const Mip4MnCopy *
answered_copy (Mip4Mn *mn, const Mip4MnRecord *record, guint64 identification)
{
  for (guint i = 0; i < record->n_copies; i++)
    if (record->copies[i].identification == identification)
      return &record->copies[i];
  mn->counts[MIP4_MN_COUNT_HIGH_MISMATCH]++;
  return &record->copies[0];
}

/* Extension 44 before the MHAE, and only as the answer to our 144 (RFC 3519 3.1.1, 4.4). */
static void
apply_udp_tunnel (Mip4Mn *mn, const Mip4MnRecord *record, const Mip4Message *reply, Mip4MnEvent *event)
{
  const Mip4UdpTunnelReply *udp = &reply->covered.udp_reply;

  if (!udp->present || udp->code >= MIP4_UDP_ASSENT_LIMIT || event->lifetime_s == 0)
    return;
  if (!record->udp_request)
    {
      mn->counts[MIP4_MN_COUNT_UDP_UNASKED]++;
      return;
    }
  event->udp_tunnel = TRUE;
  event->keepalive_at_once = record->udp_via_agent;
  event->keepalive_s = udp->keepalive_s == 0 ? MIP4_MN_KEEPALIVE_DEFAULT_S : udp->keepalive_s;
  event->keepalive_s = MAX (event->keepalive_s, MIP4_MN_KEEPALIVE_MIN_S);
}

/* RFC 4917 3: the home agent's text stands before the MHAE, a foreign agent's behind it. */
static void
apply_message_string (const Mip4Message *reply, gboolean authentic, Mip4MnEvent *event)
{
  gboolean covered = reply->covered.message.data != NULL;

  mip4_mn_escape_text (covered ? &reply->covered.message : &reply->uncovered.message, event->message,
                       sizeof event->message);
  event->message_authentic = covered && authentic;
}

static Mip4MnEvent
event_of (const Match *match, const Mip4Message *reply, gboolean authentic)
{
  const Mip4MnRecord *record = match->record;
  Mip4MnEvent event = {
    .path = match->state->path,
    .serial = record->serial,
    .form = record->form,
    .care_of_address = record->care_of_address,
    .code = reply->code,
    .agent = record->agent.address,
    .reason = mip4_code_to_string (reply->code),
  };

  apply_message_string (reply, authentic, &event);
  return event;
}

static gboolean
slice_is (const Mip4Slice *slice, const char *text)
{
  return slice->data != NULL && slice->length == strlen (text) && memcmp (slice->data, text, slice->length) == 0;
}

/* RFC 2794 3: the home agent echoes the NAI; RFC 5446 3: and the service, if at all, as it was. */
static void
check_echoes (Mip4Mn *mn, const Mip4Message *reply)
{
  const Mip4Slice *service = &reply->covered.service;

  if (mn->config.nai != NULL && !slice_is (&reply->covered.nai, mn->config.nai))
    mn->counts[MIP4_MN_COUNT_NAI_NOT_ECHOED]++;
  if (service->data != NULL && (mn->config.service == NULL || !slice_is (service, mn->config.service)))
    mn->counts[MIP4_MN_COUNT_SERVICE_CHANGED]++;
}

/* What stays assigned for the session (RFC 2794, RFC 4433 5.1.2). */
static void
adopt_assignments (Mip4Mn *mn, const RoamNow *now, const Match *match, const Mip4Message *reply)
{
  const Mip4MnRecord *record = match->record;

  if (!roam_addr_is_specified (&mn->home_address))
    mn->home_address = reply->home_address;
  mn->home_agent = reply->home_agent;
  mn->association = record->association;
  if (reply->code == MIP4_CODE_ACCEPTED_NO_SIMULTANEOUS && record->simultaneous)
    mn->simultaneous_refused = TRUE;
  mip4_mn_note_revocation_support (mn, now, record, reply);
}

/* RFC 3519 5.2: whatever the home agent grants, a lost mapping is found out in this time. */
static guint16
granted_lifetime (const Mip4Mn *mn, const Mip4MnRecord *record, const Mip4Message *reply, gboolean udp_tunnel)
{
  guint16 lifetime_s = MIN (record->lifetime_s, reply->lifetime);

  if (udp_tunnel && mn->config.udp_lifetime_s > 0)
    return MIN (lifetime_s, mn->config.udp_lifetime_s);
  return lifetime_s;
}

static Mip4MnEvent
accepted_event (Mip4Mn *mn, const Match *match, const Mip4MnCopy *copy, const Mip4Message *reply)
{
  const Mip4MnRecord *record = match->record;
  Mip4MnEvent event = event_of (match, reply, TRUE);

  event.type = match->is_current ? MIP4_MN_ACCEPTED : MIP4_MN_LATE;
  event.tnc = reply->covered.tnc;
  event.lifetime_s = MIN (record->lifetime_s, reply->lifetime);
  event.sent_us = copy->sent_us;
  event.identification = copy->order;
  event.home_agent = reply->home_agent;
  event.home_address = reply->home_address;
  event.encapsulating_delivery = record->encapsulating_delivery;
  /* D-27: the tunnel to the agent ends where its reply came from. */
  if (roam_addr_is_set (&record->agent.address))
    event.agent = match->source;
  apply_udp_tunnel (mn, record, reply, &event);
  event.lifetime_s = granted_lifetime (mn, record, reply, event.udp_tunnel);
  return event;
}

static void
process_accepted (Mip4Mn *mn, const RoamNow *now, const Match *match, const Mip4Message *reply)
{
  const Mip4MnCopy *copy = answered_copy (mn, match->record, reply->identification);
  Mip4MnEvent event = accepted_event (mn, match, copy, reply);

  check_echoes (mn, reply);
  mip4_mn_note_accepted (mip4_mn_peer (mn, &reply->home_agent), now, copy->order);
  mn->counts[match->is_current ? MIP4_MN_COUNT_ACCEPTED : MIP4_MN_COUNT_LATE]++;
  if (match->is_current)
    {
      if (mip4_mn_binding_accepted (mn, &event, copy->order))
        adopt_assignments (mn, now, match, reply);
      g_clear_pointer (&match->state->current, g_free);
    }
  else
    g_ptr_array_remove_index (match->state->closed, match->closed_index);
  mip4_mn_push_event (mn, &event);
}

static void
process_denied (Mip4Mn *mn, const RoamNow *now, const Match *match, const Mip4Message *reply, Mip4MnEvent *event)
{
  event->type = MIP4_MN_DENIED;
  event->will_retry = mip4_mn_repair (mn, now, match->state, match->record, event->code, reply);
  if (reply->code == MIP4_CODE_HA_REDIRECT && !event->by_agent && !event->will_retry)
    event->reason = "redirected to a home agent that redirects, is not known, or is no home agent";
  mn->counts[event->by_agent ? MIP4_MN_COUNT_DENIED_BY_AGENT : MIP4_MN_COUNT_DENIED]++;
  mip4_mn_push_event (mn, event);
  if (event->will_retry)
    mip4_mn_restart (mn, now, match->state);
  else if (event->by_agent)
    mip4_mn_close_current (match->state); /* an unproved word must not hide the home agent's answer: that is LATE */
  else
    g_clear_pointer (&match->state->current, g_free);
}

static void
process_denied_by_agent (Mip4Mn *mn, const RoamNow *now, const Match *match, const Mip4Message *reply)
{
  Mip4MnEvent event = event_of (match, reply, FALSE);

  event.by_agent = TRUE;
  if (mip4_code_class (reply->code) != MIP4_CODE_CLASS_FOREIGN_AGENT)
    event.code = reply->uncovered.fa_error_status; /* D-40 */
  event.reason = mip4_code_to_string (event.code);
  process_denied (mn, now, match, reply, &event);
}

static void
process_denied_by_home_agent (Mip4Mn *mn, const RoamNow *now, const Match *match, const Mip4Message *reply,
                              const char *reason)
{
  Mip4MnEvent event = event_of (match, reply, TRUE);

  event.reason = reason;
  process_denied (mn, now, match, reply, &event);
  /* RFC 5446 4.1: the home agent has no binding for us any more. */
  if (reply->code == MIP4_CODE_HA_SERVICE)
    mip4_mn_binding_deleted (mn, reason);
}

/* Why an authentic reply is no acceptance; NULL when it is one. */
static const char *
denial_reason (const Mip4MnRecord *record, const Mip4Message *reply)
{
  if (mip4_code_class (reply->code) != MIP4_CODE_CLASS_ACCEPTED)
    return mip4_code_to_string (reply->code);
  /* RFC 3115 2.3: an unknown critical vendor extension makes the reply a rejection. */
  if (reply->covered.n_cvse + reply->uncovered.n_cvse > 0)
    return "unknown critical vendor extension in the Registration Reply";
  if (record->lifetime_s > 0 && reply->lifetime == 0)
    return "registration accepted for a Lifetime of 0"; /* D-36 */
  return NULL;
}

/* RFC 5944 5.7.2: the nonce for the next request, whatever the code. */
static void
take_nonce (Mip4Mn *mn, const Mip4Message *reply)
{
  Mip4MnPeer *peer = mip4_mn_peer (mn, &reply->home_agent);

  peer->has_nonce = TRUE;
  peer->nonce = (guint32)(reply->identification >> 32);
}

static void
process_authentic (Mip4Mn *mn, const RoamNow *now, const Match *match, const Mip4Message *reply)
{
  const char *denial = denial_reason (match->record, reply);

  mn->bad_authenticators = 0;
  if (g_array_index (mn->associations, Mip4MnHaAssociation, match->record->association).replay == MIP4_REPLAY_NONCE)
    take_nonce (mn, reply);
  if (denial == NULL)
    process_accepted (mn, now, match, reply);
  else if (match->is_current)
    process_denied_by_home_agent (mn, now, match, reply, denial);
  else
    mip4_mn_discard (mn, match->state->path, match->record, reply->code, MIP4_DISCARD_LATE_DENIAL);
}

/* RFC 4721 3.3: an agent's challenge follows the MHAE; its own denial has none. */
static void
take_challenge (const Match *match, const Mip4Message *reply)
{
  const Mip4Slice *challenge = &reply->uncovered.challenge;

  if (reply->mhae.count == 0)
    challenge = &reply->covered.challenge;
  if (match->is_current && roam_addr_is_set (&match->record->agent.address))
    mip4_mn_note_challenge (match->state, &match->record->agent.address, challenge);
}

void
mip4_mn_process_reply (Mip4Mn *mn, const RoamNow *now, Mip4Path path, const RoamEndpoint *source,
                       const RoamAddr *destination, Mip4Message *reply)
{
  Match match = { .source = source->addr };
  Mip4Discard why = find_record (mn, path, (guint32)reply->identification, &match);

  if (why == MIP4_DISCARD_NONE)
    why = verify_source (mn, match.record, source);
  if (why == MIP4_DISCARD_NONE)
    why = verify_destination (match.record, destination, reply);
  if (why == MIP4_DISCARD_NONE)
    why = verify_reply (mn, match.record, reply);
  if (why == MIP4_DISCARD_NONE && is_foreign_agents_word (match.record, reply) && !match.is_current)
    why = MIP4_DISCARD_LATE_DENIAL;
  if (why != MIP4_DISCARD_NONE)
    {
      mip4_mn_discard (mn, path, match.record, reply->code, why);
      return;
    }
  take_challenge (&match, reply);
  if (is_foreign_agents_word (match.record, reply))
    process_denied_by_agent (mn, now, &match, reply);
  else
    process_authentic (mn, now, &match, reply);
}
