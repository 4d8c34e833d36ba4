/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "mip4/mip4-mn-private.h"

#include <string.h>

/* Building, sending and repeating Registration Requests (RFC 5944 3.6.1, 3.6.3). */

/* D-01: RFC 3024 3.2 asks for 255; multicast to the agents of the link without T is not to leave it. */
#define REQUEST_TTL 255
#define MULTICAST_TTL 1
/* Multicast addresses: 224.0.0.0/4. */
#define IS_MULTICAST(addr) (roam_addr_to_u32 (addr) >> 28 == 0xe)

static guint8
request_flags (const Mip4MnRecord *record)
{
  guint8 flags = 0;

  /* D only with a co-located care-of address (RFC 5944 3.6.1.2). M and G never: IP-in-IP is what we decapsulate. */
  if (record->co_located)
    flags |= MIP4_FLAG_DECAPSULATION;
  if (record->reverse_tunnel)
    flags |= MIP4_FLAG_REVERSE_TUNNEL;
  if (record->simultaneous)
    flags |= MIP4_FLAG_SIMULTANEOUS;
  if (record->broadcast)
    flags |= MIP4_FLAG_BROADCAST;
  return flags;
}

static void
write_text (WireWriter *writer, guint8 type, const char *text)
{
  if (text != NULL)
    mip4_write_tlv (writer, type, (const guint8 *)text, strlen (text));
}

/* For the home agent: before the Mobile-Home Authentication Extension. */
static void
write_covered (WireWriter *writer, const Mip4Mn *mn, const Mip4MnRecord *record)
{
  write_text (writer, MIP4_EXT_NAI, mn->config.nai);
  write_text (writer, MIP4_EXT_SERVICE_SELECTION, mn->config.service);
  if (record->udp_request)
    mip4_write_udp_tunnel_request_of (writer, &(Mip4UdpTunnelRequest){
                                                .forced = record->force_udp,
                                                .via_foreign_agent = record->udp_via_agent,
                                                .encapsulation = record->udp_encapsulation,
                                              });
  if (record->revocation)
    mip4_write_revocation_support (writer, FALSE, record->revocation_timestamp);
  if (roam_addr_is_set (&record->requested_home_agent))
    mip4_write_dynamic_ha (writer, 1, &record->requested_home_agent, mn->config.short_dynamic_ha);
}

/* For the agent on the link: RFC 3024 3.3, RFC 4721 3.1. */
static void
write_uncovered (WireWriter *writer, const Mip4Mn *mn, const Mip4MnRecord *record)
{
  const Mip4SecurityAssociation *mn_fa = mip4_mn_find_agent_association (mn, &record->agent.address);

  if (record->encapsulating_delivery)
    mip4_write_tlv (writer, MIP4_EXT_ENCAPSULATING_DELIVERY, NULL, 0);
  if (record->challenge.length > 0)
    {
      mip4_write_tlv (writer, MIP4_EXT_CHALLENGE, record->challenge.octets, record->challenge.length);
      if (mn_fa == NULL)
        mip4_write_generalized_auth (writer, &mn->config.mn_aaa);
    }
  if (mn_fa != NULL)
    mip4_write_auth (writer, MIP4_EXT_MOBILE_FOREIGN_AUTH, mn_fa);
}

GBytes *
mip4_mn_build_request (const Mip4Mn *mn, const Mip4MnRecord *record, guint64 identification)
{
  const Mip4MnHaAssociation *mn_ha = &g_array_index (mn->associations, Mip4MnHaAssociation, record->association);
  g_auto (WireWriter) writer = { 0 };

  wire_writer_init (&writer, MIP4_MESSAGE_MAX);
  mip4_write_request (&writer, request_flags (record), record->lifetime_s, &record->home_address, &record->home_agent,
                      &record->care_of_address, identification);
  write_covered (&writer, mn, record);
  mip4_write_auth (&writer, MIP4_EXT_MOBILE_HOME_AUTH, &mn_ha->association);
  if (roam_addr_is_set (&record->agent.address))
    write_uncovered (&writer, mn, record);
  return wire_writer_finish (&writer);
}

static void
remember_copy (Mip4MnRecord *record, const Mip4MnCopy *copy)
{
  if (record->n_copies == MIP4_MN_MAX_COPIES)
    {
      memmove (record->copies, record->copies + 1, (MIP4_MN_MAX_COPIES - 1) * sizeof record->copies[0]);
      record->n_copies--;
    }
  record->copies[record->n_copies++] = *copy;
}

static void
remember_sent (Mip4Mn *mn, const RoamNow *now, Mip4Path path, const RoamAddr *care_of_address)
{
  const Mip4MnSent sent = { path, *care_of_address, now->boot_us };

  for (guint i = mn->recent->len; i > 0; i--)
    if (g_array_index (mn->recent, Mip4MnSent, i - 1).sent_us <= now->boot_us - MIP4_MN_MIN_INTERVAL_US)
      g_array_remove_index_fast (mn->recent, i - 1);
  g_array_append_val (mn->recent, sent);
}

/* When the rate limit lets the next request for this care-of address go (RFC 5944 3.6.3, D-26). */
static gint64
earliest_send (const Mip4Mn *mn, const RoamNow *now, const Mip4MnRecord *record)
{
  gint64 earliest = MAX (now->boot_us, mip4_mn_not_before (mn, record));

  for (guint i = 0; i < mn->recent->len; i++)
    {
      const Mip4MnSent *sent = &g_array_index (mn->recent, Mip4MnSent, i);

      if (sent->path == record->path && roam_addr_equal (&sent->care_of_address, &record->care_of_address))
        earliest = MAX (earliest, sent->sent_us + MIP4_MN_MIN_INTERVAL_US);
    }
  return earliest;
}

/* What is chosen anew for every request and kept for its retransmissions. */
static void
begin_request (Mip4Mn *mn, const RoamNow *now, Mip4MnPathState *state, Mip4MnPeer *peer)
{
  Mip4MnRecord *record = state->current;
  const Mip4MnHaAssociation *mn_ha = &g_array_index (mn->associations, Mip4MnHaAssociation, record->association);
  gboolean has_key =
    mn->config.mn_aaa.key != NULL || mip4_mn_find_agent_association (mn, &record->agent.address) != NULL;

  record->low = mip4_mn_draw_low (mn, peer, mn_ha->replay, now);
  record->has_low = TRUE;
  record->revocation_timestamp = (guint32)(mip4_mn_clock (peer, now) >> 32);
  record->challenge.length = 0;
  /* An agent drops a challenge that nothing authenticates (RFC 4721 3.2). */
  if (roam_addr_is_set (&record->agent.address) && roam_addr_equal (&state->challenger, &record->agent.address) &&
      has_key)
    record->challenge = state->newest;
}

/* Time stamps: every copy is a request of its own. Nonces: the same octets again (RFC 5944 3.6.3). */
static guint64
next_copy (Mip4Mn *mn, const RoamNow *now, Mip4MnPathState *state)
{
  Mip4MnRecord *record = state->current;
  const Mip4MnHaAssociation *mn_ha = &g_array_index (mn->associations, Mip4MnHaAssociation, record->association);
  Mip4MnPeer *peer = mip4_mn_peer (mn, mip4_mn_record_peer (record));
  Mip4MnCopy copy = { .sent_us = now->boot_us };

  if (mn_ha->replay == MIP4_REPLAY_NONCE && record->n_copies > 0)
    return record->copies[0].identification;
  if (!record->has_low)
    begin_request (mn, now, state, peer);
  copy.order = copy.identification = mip4_mn_next_identification (peer, now, record->low);
  switch (mn_ha->replay)
    {
    case MIP4_REPLAY_TIMESTAMP:
      record->revocation_timestamp = (guint32)(copy.identification >> 32);
      break;
    case MIP4_REPLAY_NONCE:
      /* Without a nonce of the home agent any will do: its code 133 brings one (RFC 5944 5.7.2). */
      if (!peer->has_nonce)
        peer->nonce = roam_rng_u32 (mn->rng);
      peer->has_nonce = TRUE;
      copy.identification = (guint64)peer->nonce << 32 | record->low;
      break;
    }
  remember_copy (record, &copy);
  return copy.identification;
}

static void
send_copy (Mip4Mn *mn, const RoamNow *now, Mip4MnPathState *state)
{
  Mip4MnRecord *record = state->current;
  guint64 identification = next_copy (mn, now, state);
  Mip4MnAction *action = g_new0 (Mip4MnAction, 1);

  remember_sent (mn, now, state->path, &record->care_of_address);
  record->last_sent_us = now->boot_us;
  action->type = MIP4_MN_ACTION_SEND;
  action->send.path = state->path;
  action->send.source = record->source;
  action->send.destination = (RoamEndpoint){ record->destination, MIP4_PORT };
  action->send.ttl = IS_MULTICAST (&record->destination) && !record->reverse_tunnel ? MULTICAST_TTL : REQUEST_TTL;
  if (roam_addr_is_set (&record->agent.address))
    {
      action->send.has_link_layer = TRUE;
      memcpy (action->send.link_layer, record->agent.link_layer, sizeof action->send.link_layer);
    }
  action->send.datagram = mip4_mn_build_request (mn, record, identification);
  mip4_mn_push_action (mn, action);
  mn->counts[MIP4_MN_COUNT_SENT]++;
}

static void
send_first (Mip4Mn *mn, const RoamNow *now, Mip4MnPathState *state)
{
  state->current->first_due_us = ROAM_NEVER;
  send_copy (mn, now, state);
  roam_retransmit_start (&state->current->schedule, &state->current->policy, now->boot_us);
}

void
mip4_mn_start (Mip4Mn *mn, const RoamNow *now, Mip4MnPathState *state)
{
  Mip4MnRecord *record = state->current;

  record->first_due_us = earliest_send (mn, now, record);
  if (record->first_due_us <= now->boot_us)
    send_first (mn, now, state);
}

void
mip4_mn_restart (Mip4Mn *mn, const RoamNow *now, Mip4MnPathState *state)
{
  Mip4MnRecord *record = state->current;
  RoamRetransmit *schedule = &record->schedule;
  gint64 earliest = earliest_send (mn, now, record);

  /* Even to another care-of address: an agent's denial must not make requests come faster. */
  if (record->n_copies > 0)
    earliest = MAX (earliest, record->last_sent_us + MIP4_MN_MIN_INTERVAL_US);
  /* The old copies are answered; a new request has new low bits, so that a second answer finds nothing. */
  record->n_copies = 0;
  record->has_low = FALSE;
  if (schedule->sent >= schedule->policy.copies)
    schedule->policy.copies = schedule->sent + 1;
  schedule->due_us = roam_deadline_min (schedule->due_us, earliest);
  mip4_mn_run (mn, now, state);
}

/* +-10 % on long waits so that nodes do not march in step; never above the limit (MIP-RTX-005, -006). */
static void
add_jitter (Mip4Mn *mn, RoamRetransmit *schedule, gint64 now_us)
{
  gint64 tenth = schedule->interval_us / 10;
  gint64 wait;

  if (schedule->interval_us <= MIP4_MN_JITTER_ABOVE_US)
    return;
  wait = schedule->interval_us - tenth + roam_rng_below (mn->rng, (guint32)(2 * tenth));
  schedule->due_us = now_us + MIN (wait, schedule->policy.limit_us);
}

static void
exhaust (Mip4Mn *mn, const RoamNow *now, Mip4MnPathState *state)
{
  Mip4MnRecord *record = state->current;
  const Mip4MnEvent event = {
    .type = MIP4_MN_EXHAUSTED,
    .path = state->path,
    .serial = record->serial,
    .form = record->form,
    .care_of_address = record->care_of_address,
    .agent = record->agent.address,
    .reason = "no valid Registration Reply",
  };

  /* RFC 4433 10: an agent that does not know the extension cannot forward a request that names no home agent. */
  if (roam_addr_is_set (&record->agent.address) && mip4_mn_record_name_home_agent (mn, record))
    {
      record->n_copies = 0;
      record->has_low = FALSE;
      mip4_mn_start (mn, now, state);
      return;
    }
  mn->counts[MIP4_MN_COUNT_EXHAUSTED]++;
  mip4_mn_push_event (mn, &event);
  mip4_mn_close_current (state);
}

void
mip4_mn_run (Mip4Mn *mn, const RoamNow *now, Mip4MnPathState *state)
{
  Mip4MnRecord *record = state->current;

  if (record == NULL)
    return;
  if (record->first_due_us != ROAM_NEVER)
    {
      if (record->first_due_us <= now->boot_us)
        send_first (mn, now, state);
      return;
    }
  switch (roam_retransmit_step (&record->schedule, now->boot_us))
    {
    case ROAM_RETRANSMIT_WAIT:
      return;
    case ROAM_RETRANSMIT_SEND:
      send_copy (mn, now, state);
      add_jitter (mn, &record->schedule, now->boot_us);
      return;
    case ROAM_RETRANSMIT_EXHAUSTED:
      exhaust (mn, now, state);
      return;
    }
}

gint64
mip4_mn_path_deadline (const Mip4MnPathState *state)
{
  if (state->current == NULL)
    return ROAM_NEVER;
  return roam_deadline_min (state->current->first_due_us, state->current->schedule.due_us);
}
