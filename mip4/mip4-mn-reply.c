/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "mip4/mip4-mn-private.h"

#include <string.h>

/*
 * Receiving Registration Replies (RFC 5944 3.6.2). find_record() and verify_reply() change nothing but
 * counters; process_reply() acts on what they let through.
 */

typedef struct
{
  Mip4MnPathState *state;
  Mip4MnRecord *record;
  gboolean is_current;
  guint closed_index; /* of state->closed when not current */
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
      *ret_match = (Match){ .state = state, .record = state->current, .is_current = TRUE };
      return TRUE;
    }
  for (guint i = state->closed->len; i > 0; i--)
    {
      Mip4MnRecord *record = g_ptr_array_index (state->closed, i - 1);

      if (!record_has_low (record, low))
        continue;
      *ret_match = (Match){ .state = state, .record = record, .closed_index = i - 1 };
      return TRUE;
    }
  return FALSE;
}

/* D-07: the record must be one of the path the reply arrived on. */
static Mip4Discard
find_record (const Mip4Mn *mn, Mip4Path path, guint32 low, Match *ret_match)
{
  Mip4MnPathState *state = mip4_mn_find_path (mn, path);
  Match elsewhere;

  if (state != NULL && match_on_path (state, low, ret_match))
    return MIP4_DISCARD_NONE;
  for (guint i = 0; i < mn->paths->len; i++)
    if (match_on_path (g_ptr_array_index (mn->paths, i), low, &elsewhere))
      return MIP4_DISCARD_WRONG_PATH;
  return MIP4_DISCARD_NO_RECORD;
}

/* MIP-RPL-007 to -009. All requests here go to the home agent itself: a foreign agent's word has no place. */
static Mip4Discard
verify_origin (const Mip4Mn *mn, const Mip4Message *reply)
{
  Mip4Discard why;

  if (mip4_code_class (reply->code) == MIP4_CODE_CLASS_FOREIGN_AGENT)
    return MIP4_DISCARD_FOREIGN_AGENT;
  why = mip4_verify_mhae (reply, &mn->config.mn_ha);
  if (reply->code == MIP4_CODE_HA_MN_AUTH && (why == MIP4_DISCARD_AUTHENTICATOR || why == MIP4_DISCARD_SPI))
    return MIP4_DISCARD_AUTHENTICATOR_131;
  if (why == MIP4_DISCARD_NONE && reply->uncovered.fa_error)
    return MIP4_DISCARD_FOREIGN_AGENT; /* D-40 */
  return why;
}

static Mip4Discard
verify_reply (const Mip4Mn *mn, Mip4Message *reply)
{
  Mip4Discard why = mip4_parse_extensions (reply);

  if (why == MIP4_DISCARD_NONE)
    why = verify_origin (mn, reply);
  if (why != MIP4_DISCARD_NONE)
    return why;
  /* D-06: both are copied from the request (RFC 5944 3.8.3.2). */
  if (!roam_addr_equal (&reply->home_address, &mn->config.home_address))
    return MIP4_DISCARD_HOME_ADDRESS;
  if (!roam_addr_equal (&reply->home_agent, &mn->config.home_agent) && reply->code != MIP4_CODE_HA_UNKNOWN_HA &&
      reply->code != MIP4_CODE_HA_REDIRECT)
    return MIP4_DISCARD_HOME_AGENT;
  return MIP4_DISCARD_NONE;
}

static gboolean
is_bad_authenticator (Mip4Discard why)
{
  return why == MIP4_DISCARD_AUTHENTICATOR || why == MIP4_DISCARD_SPI || why == MIP4_DISCARD_AUTHENTICATOR_131;
}

static void
discard (Mip4Mn *mn, Mip4Path path, const Mip4MnRecord *record, guint8 code, Mip4Discard why)
{
  Mip4MnEvent event = { .type = MIP4_MN_DISCARDED, .path = path, .code = code, .reason = mip4_discard_sentence (why) };

  mn->discards[why]++;
  if (record != NULL)
    {
      event.serial = record->serial;
      event.form = record->form;
      event.care_of_address = record->care_of_address;
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
  event->keepalive_s = udp->keepalive_s == 0 ? MIP4_MN_KEEPALIVE_DEFAULT_S : udp->keepalive_s;
  event->keepalive_s = MAX (event->keepalive_s, MIP4_MN_KEEPALIVE_MIN_S);
}

static Mip4MnEvent
event_of (Mip4Mn *mn, const Match *match, const Mip4Message *reply)
{
  const Mip4MnRecord *record = match->record;

  return (Mip4MnEvent){
    .path = match->state->path,
    .serial = record->serial,
    .form = record->form,
    .care_of_address = record->care_of_address,
    .code = reply->code,
    .reason = mip4_code_to_string (reply->code),
  };
}

/* RFC 2794 3: the home agent echoes the NAI. */
static void
check_nai (Mip4Mn *mn, const Mip4Message *reply)
{
  const Mip4Slice *nai = &reply->covered.nai;
  const char *own = mn->config.nai;

  if (own != NULL && (nai->data == NULL || nai->length != strlen (own) || memcmp (nai->data, own, nai->length) != 0))
    mn->counts[MIP4_MN_COUNT_NAI_NOT_ECHOED]++;
}

static void
process_accepted (Mip4Mn *mn, const RoamNow *now, const Match *match, const Mip4Message *reply)
{
  const Mip4MnRecord *record = match->record;
  const Mip4MnCopy *copy = answered_copy (mn, record, reply->identification);
  Mip4MnEvent event = event_of (mn, match, reply);

  event.type = match->is_current ? MIP4_MN_ACCEPTED : MIP4_MN_LATE;
  event.tnc = reply->covered.tnc;
  event.lifetime_s = MIN (record->lifetime_s, reply->lifetime);
  event.sent_us = copy->sent_us;
  event.identification = copy->identification;
  apply_udp_tunnel (mn, record, reply, &event);
  check_nai (mn, reply);
  mip4_mn_note_accepted (mn, now, copy->identification);
  mn->counts[match->is_current ? MIP4_MN_COUNT_ACCEPTED : MIP4_MN_COUNT_LATE]++;
  if (match->is_current)
    {
      mip4_mn_binding_accepted (mn, &event);
      g_clear_pointer (&match->state->current, g_free);
    }
  else
    g_ptr_array_remove_index (match->state->closed, match->closed_index);
  mip4_mn_push_event (mn, &event);
}

/*
 * The repairs of the code table (MIP-COD): each takes away what was refused, so none happens twice.
 * TRUE: @record was changed and is worth another request.
 */
static gboolean
repair (Mip4Mn *mn, const RoamNow *now, Mip4MnRecord *record, const Mip4Message *reply)
{
  switch (reply->code)
    {
    case MIP4_CODE_HA_IDENTIFICATION:
      mip4_mn_resynchronise (mn, now, reply->identification);
      return ++record->resynchronisations < MIP4_MN_MAX_RESYNCHRONISATIONS;
    case MIP4_CODE_HA_PROHIBITED:
      if (!record->force_udp)
        return FALSE;
      record->force_udp = FALSE;
      return TRUE;
    case MIP4_CODE_HA_POORLY_FORMED:
      if (!record->udp_request)
        return FALSE;
      record->udp_request = record->force_udp = FALSE;
      return TRUE;
    case MIP4_CODE_HA_REVERSE_TUNNEL_MANDATORY:
      if (record->reverse_tunnel || record->form == MIP4_FORM_HOME)
        return FALSE;
      record->reverse_tunnel = TRUE;
      return TRUE;
    case MIP4_CODE_HA_UDP_ENCAPSULATION:
      if (!record->udp_request || record->udp_encapsulation == MIP4_UDP_ENCAPSULATION_IP)
        return FALSE;
      record->udp_encapsulation = MIP4_UDP_ENCAPSULATION_IP;
      return TRUE;
    default:
      return FALSE;
    }
}

static void
process_denied (Mip4Mn *mn, const RoamNow *now, const Match *match, const Mip4Message *reply, const char *reason)
{
  Mip4MnEvent event = event_of (mn, match, reply);

  event.type = MIP4_MN_DENIED;
  event.reason = reason;
  mn->counts[MIP4_MN_COUNT_DENIED]++;
  event.will_retry = repair (mn, now, match->record, reply);
  mip4_mn_push_event (mn, &event);
  if (event.will_retry)
    mip4_mn_restart (mn, now, match->state);
  else
    g_clear_pointer (&match->state->current, g_free);
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

static void
process_reply (Mip4Mn *mn, const RoamNow *now, const Match *match, const Mip4Message *reply)
{
  const char *denial = denial_reason (match->record, reply);

  mn->bad_authenticators = 0;
  if (denial == NULL)
    process_accepted (mn, now, match, reply);
  else if (match->is_current)
    process_denied (mn, now, match, reply, denial);
  else
    discard (mn, match->state->path, match->record, reply->code, MIP4_DISCARD_LATE_DENIAL);
}

void
mip4_mn_input_datagram (Mip4Mn *mn, const RoamNow *now, Mip4Path path, const RoamEndpoint *source,
                        const RoamAddr *destination, const guint8 *data, gsize length)
{
  Mip4Message reply = { 0 };
  Match match = { 0 };
  Mip4Discard why = mip4_parse_fixed (data, length, &reply);

  if (why == MIP4_DISCARD_NONE && reply.type != MIP4_MESSAGE_REPLY)
    why = MIP4_DISCARD_TYPE;
  /* D-35: exactly where the request went to. */
  if (why == MIP4_DISCARD_NONE &&
      (source->port != MIP4_PORT || !roam_addr_equal (&source->addr, &mn->config.home_agent)))
    why = MIP4_DISCARD_WRONG_SOURCE;
  if (why == MIP4_DISCARD_NONE)
    why = find_record (mn, path, (guint32)reply.identification, &match);
  if (why == MIP4_DISCARD_NONE && !roam_addr_equal (destination, &match.record->care_of_address))
    why = MIP4_DISCARD_WRONG_ADDRESS;
  if (why == MIP4_DISCARD_NONE)
    why = verify_reply (mn, &reply);
  if (why == MIP4_DISCARD_NONE)
    process_reply (mn, now, &match, &reply);
  else
    discard (mn, path, match.record, reply.code, why);
}
