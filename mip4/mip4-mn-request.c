/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "mip4/mip4-mn-private.h"

#include <string.h>

/* Building, sending and repeating Registration Requests (RFC 5944 3.6.1, 3.6.3). */

/* D-01: RFC 3024 3.2 asks for 255. */
#define REQUEST_TTL 255

static guint8
request_flags (const Mip4MnRecord *record)
{
  guint8 flags = 0;

  /* D only with a co-located care-of address (RFC 5944 3.6.1.2). */
  if (record->form != MIP4_FORM_HOME)
    flags |= MIP4_FLAG_DECAPSULATION;
  if (record->reverse_tunnel)
    flags |= MIP4_FLAG_REVERSE_TUNNEL;
  return flags;
}

/* Order of extensions: RFC 5944 3.6.1.3. */
static GBytes *
build_request (const Mip4Mn *mn, const Mip4MnRecord *record, guint64 identification)
{
  g_auto (WireWriter) writer = { 0 };

  wire_writer_init (&writer, MIP4_MESSAGE_MAX);
  mip4_write_request (&writer, request_flags (record), record->lifetime_s, &mn->config.home_address,
                      &mn->config.home_agent, &record->care_of_address, identification);
  if (mn->config.nai != NULL)
    mip4_write_tlv (&writer, MIP4_EXT_NAI, (const guint8 *)mn->config.nai, strlen (mn->config.nai));
  if (record->udp_request)
    mip4_write_udp_tunnel_request (&writer, record->force_udp, record->udp_encapsulation);
  mip4_write_auth (&writer, MIP4_EXT_MOBILE_HOME_AUTH, &mn->config.mn_ha);
  return wire_writer_finish (&writer);
}

static void
remember_copy (Mip4MnRecord *record, guint64 identification, gint64 now_us)
{
  if (record->n_copies == MIP4_MN_MAX_COPIES)
    {
      memmove (record->copies, record->copies + 1, (MIP4_MN_MAX_COPIES - 1) * sizeof record->copies[0]);
      record->n_copies--;
    }
  record->copies[record->n_copies++] = (Mip4MnCopy){ identification, now_us };
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
earliest_send (const Mip4Mn *mn, const RoamNow *now, Mip4Path path, const RoamAddr *care_of_address)
{
  gint64 earliest = now->boot_us;

  for (guint i = 0; i < mn->recent->len; i++)
    {
      const Mip4MnSent *sent = &g_array_index (mn->recent, Mip4MnSent, i);

      if (sent->path == path && roam_addr_equal (&sent->care_of_address, care_of_address))
        earliest = MAX (earliest, sent->sent_us + MIP4_MN_MIN_INTERVAL_US);
    }
  return earliest;
}

static void
send_copy (Mip4Mn *mn, const RoamNow *now, Mip4MnPathState *state)
{
  Mip4MnRecord *record = state->current;
  Mip4MnAction *action;
  guint64 identification;

  if (!record->has_low)
    record->low = mip4_mn_draw_low (mn, now);
  record->has_low = TRUE;
  identification = mip4_mn_next_identification (mn, now, record->low);
  remember_copy (record, identification, now->boot_us);
  remember_sent (mn, now, state->path, &record->care_of_address);
  action = g_new0 (Mip4MnAction, 1);
  action->type = MIP4_MN_ACTION_SEND;
  action->send.path = state->path;
  action->send.source = record->care_of_address;
  action->send.destination = (RoamEndpoint){ mn->config.home_agent, MIP4_PORT };
  action->send.ttl = REQUEST_TTL;
  action->send.datagram = build_request (mn, record, identification);
  g_queue_push_tail (&mn->actions, action);
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

  record->first_due_us = earliest_send (mn, now, state->path, &record->care_of_address);
  if (record->first_due_us <= now->boot_us)
    send_first (mn, now, state);
}

void
mip4_mn_restart (Mip4Mn *mn, const RoamNow *now, Mip4MnPathState *state)
{
  Mip4MnRecord *record = state->current;
  RoamRetransmit *schedule = &record->schedule;
  gint64 earliest = earliest_send (mn, now, state->path, &record->care_of_address);

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
exhaust (Mip4Mn *mn, Mip4MnPathState *state)
{
  const Mip4MnRecord *record = state->current;
  const Mip4MnEvent event = {
    .type = MIP4_MN_EXHAUSTED,
    .path = state->path,
    .serial = record->serial,
    .form = record->form,
    .care_of_address = record->care_of_address,
    .reason = "no valid Registration Reply",
  };

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
      exhaust (mn, state);
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
