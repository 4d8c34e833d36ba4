/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Make before break (RFC 7296 2.8.3): a new IKE SA from the start, with the same gateway or the one that
 * a REDIRECT names, while the old one goes on; then the old one's Delete. The attempt is a session of its
 * own beside ours: whatever becomes of it happens there, and only success changes anything here.
 */
#include "ike/ike-session-private.h"

#include <stddef.h>
#include <string.h>

/* The new IKE SA must be there before the authentication ends (RFC 4478 2): this part of the time, within limits. */
#define MARGIN_PART 10
#define MARGIN_MIN_US (10 * ROAM_USEC_PER_SEC)
#define MARGIN_MAX_US (300 * ROAM_USEC_PER_SEC)
/* After an attempt that failed. */
#define RETRY_US (30 * ROAM_USEC_PER_SEC)

/* --- the session beside --- */

static IkeSession *
beside_new (IkeSession *session)
{
  const gsize from = offsetof (IkeSession, configured_gateway), to = offsetof (IkeSession, rng);
  IkeSession *beside = ike_session_alloc (session->rng);

  memcpy ((guint8 *)beside + from, (const guint8 *)session + from, to - from);
  beside->owner = session;
  g_hash_table_unref (beside->counters);
  beside->counters = g_hash_table_ref (session->counters);
  beside->ocsp_answer = session->ocsp_answer ? g_bytes_ref (session->ocsp_answer) : NULL;
  beside->learned_group = session->learned_group;
  beside->redirect = session->redirect;
  beside->redirect.due = FALSE;
  beside->redirect.resolve_us = ROAM_NEVER;
  beside->mobility.serial = session->mobility.serial;
  beside->mobility.now = session->mobility.now;
  beside->mobility.knows_paths = session->mobility.knows_paths;
  beside->paths = session->paths;
  return beside;
}

/* Everything but what belongs to the place changes sides: pointers of the caller's remain valid. */
static void
change_places (IkeSession *session)
{
  IkeSession *beside = session->beside, *owner = session->owner;
  GQueue actions = session->actions;
  guint32 last_child_id = session->last_child_id;
  IkeSession present = *session;

  *session = *beside;
  *beside = present;
  beside->actions = session->actions;
  session->actions = actions;
  session->last_child_id = last_child_id;
  session->owner = owner;
  session->beside = beside;
  session->beside_is_successor = FALSE;
  beside->owner = session;
  beside->beside = NULL;
}

typedef enum
{
  OUTCOME_NONE,
  OUTCOME_ESTABLISHED,
  OUTCOME_ENDED,
} Outcome;

static Outcome
outcome_of (const IkeEvent *event)
{
  switch (event->type)
    {
    case IKE_EVENT_ESTABLISHED:
      return OUTCOME_ESTABLISHED;
    case IKE_EVENT_FAILED:
    case IKE_EVENT_AUTH_FAILED:
    case IKE_EVENT_DEAD:
      g_debug ("ike: the session beside: %s", event->reason);
      return OUTCOME_ENDED;
    case IKE_EVENT_PATH_OK:
    case IKE_EVENT_PATH_FAILED:
    case IKE_EVENT_TIA_CHANGED:
    case IKE_EVENT_NAT_CHANGED:
    case IKE_EVENT_PATH_CHANGED:
    case IKE_EVENT_REDIRECTED:
    case IKE_EVENT_RESOLVE:
      return OUTCOME_NONE;
    }
  return OUTCOME_NONE;
}

/* What the caller of the engine hears of from the session beside. */
static gboolean
is_for_caller (const IkeSession *session, const IkeAction *action)
{
  switch (action->type)
    {
    case IKE_ACTION_EVENT:
      return session->beside_is_successor &&
             (action->event.type == IKE_EVENT_REDIRECTED || action->event.type == IKE_EVENT_RESOLVE);
    case IKE_ACTION_TICKET:    /* a predecessor's ticket is not the one that counts */
    case IKE_ACTION_CHILD_USE: /* nor a Child SA that it goes on with */
      return session->beside_is_successor;
    case IKE_ACTION_CHILD_MOVE: /* all Child SAs that are in use are ours */
      return FALSE;
    case IKE_ACTION_SEND:
    case IKE_ACTION_CHILD_ADD:
    case IKE_ACTION_CHILD_REMOVE:
    case IKE_ACTION_SIGN:
    case IKE_ACTION_FETCH:
      return TRUE;
    }
  return TRUE;
}

/* The actions of the session beside become ours. */
static Outcome
take_actions (IkeSession *session)
{
  Outcome outcome = OUTCOME_NONE;

  for (;;)
    {
      IkeAction action = { 0 };

      if (!ike_session_pop_action (session->beside, &action))
        return outcome;
      if (action.type == IKE_ACTION_EVENT && outcome_of (&action.event) != OUTCOME_NONE)
        outcome = outcome_of (&action.event);
      if (is_for_caller (session, &action))
        ike_session_push (session, &action);
      else
        ike_action_clear (&action);
    }
}

void
ike_reauth_drop (IkeSession *session)
{
  if (!session->beside)
    return;
  ike_session_forget (session->beside);
  take_actions (session);
  session->eap_password_is_old |= session->beside->eap_password_is_old; /* known since the attempt, if it is */
  g_clear_pointer (&session->beside, ike_session_free);
}

/* --- a new IKE SA --- */

gboolean
ike_reauth_start (IkeSession *session, const RoamNow *now, const RoamAddr *gateway)
{
  const RoamAddr *remote = gateway ? gateway : &session->mobility.now.remote.addr;
  IkeSession *beside;

  if (session->responder || session->owner || session->state != IKE_STATE_ESTABLISHED || session->awaits_child ||
      session->mobility.suspended || remote->family != session->mobility.now.local.addr.family)
    return FALSE;
  if (session->beside && session->beside_is_successor && !gateway)
    return FALSE;
  ike_reauth_drop (session); /* the Delete of a predecessor had its time; another successor is overtaken */
  ike_count (session, "reauthentications");
  beside = beside_new (session);
  beside->redirect.from = gateway ? session->mobility.now.remote.addr : ROAM_ADDR_NONE;
  if (gateway)
    ike_peer_addresses_replace (beside, gateway);
  beside->wanted4 = session->configuration.tia4;
  beside->wanted6 = session->configuration.tia6;
  beside->mobility.now.remote.addr = *remote;
  session->beside = beside;
  session->beside_is_successor = TRUE;
  session->reauth_us = ROAM_NEVER;
  ike_init_start (beside, now);
  ike_exchange_pump (beside, now);
  return TRUE;
}

void
ike_reauth_move (IkeSession *session, const RoamNow *now, const IkeCommand *command)
{
  if (session->beside && session->beside_is_successor)
    ike_session_input_command (session->beside, now, command);
}

gboolean
ike_reauth_command (IkeSession *session, const RoamNow *now, const IkeCommand *command)
{
  if (!session->beside || !session->beside_is_successor)
    return FALSE;
  ike_session_input_command (session->beside, now, command);
  return TRUE;
}

gboolean
ike_reauth_gateways (IkeSession *session, const RoamNow *now, const IkeCommand *command)
{
  gboolean elsewhere;

  if (!session->beside || !session->beside_is_successor)
    return FALSE;
  elsewhere = session->beside->redirect.resolve_us != ROAM_NEVER ||
              !roam_addr_equal (&session->beside->gateway, &session->gateway);
  ike_session_input_command (session->beside, now, command);
  return elsewhere;
}

static gboolean
same_addresses (const IkeConfiguration *a, const IkeConfiguration *b)
{
  return roam_addr_equal (&a->tia4, &b->tia4) && roam_addr_equal (&a->tia6, &b->tia6);
}

/* What is different now, and what was asked about the old IKE SA and is answered with the new one. */
static void
announce (IkeSession *session, const IkeSession *old)
{
  const IkePair *now = &session->mobility.now, *before = &old->mobility.now;
  gboolean same_path = now->ifindex == before->ifindex && roam_addr_equal (&now->local.addr, &before->local.addr);

  if (!same_path)
    ike_session_event (session, IKE_EVENT_PATH_CHANGED, "the new IKE SA uses another path", NULL);
  else if (!roam_endpoint_equal (&now->remote, &before->remote))
    ike_session_event (session, IKE_EVENT_PATH_CHANGED, "another gateway took over", NULL);
  if (!same_addresses (&session->configuration, &old->configuration))
    ike_session_event (session, IKE_EVENT_TIA_CHANGED, "the new IKE SA has other inner addresses", NULL);
  if (session->nat_local != old->nat_local || session->nat_remote != old->nat_remote)
    ike_session_event (session, IKE_EVENT_NAT_CHANGED, "the new IKE SA found other NATs", NULL);
  if (old->mobility.announce && same_path)
    ike_session_event (session, IKE_EVENT_PATH_OK, "the new IKE SA uses this path", NULL);
  if (old->mobility.check_serial != 0)
    ike_session_event_of (session, IKE_EVENT_PATH_OK, old->mobility.check_serial, "a new IKE SA was made", NULL);
}

/* The predecessor's Delete goes out; its children are received on until it is answered. */
static void
bury (IkeSession *session, const RoamNow *now, const char *reason)
{
  ike_session_close (session->beside, now, IKE_EVENT_DEAD, reason, NULL);
  ike_exchange_pump (session->beside, now);
}

static void
take_over (IkeSession *session, const RoamNow *now)
{
  ike_reauth_drop (session->beside); /* gateways that it passed on its way */
  take_actions (session);
  change_places (session);
  announce (session, session->beside);
  /* RFC 5723 6.2: the old ticket ends with its IKE SA. */
  if (session->beside->ticket && !session->ticket)
    {
      session->ticket = g_steal_pointer (&session->beside->ticket);
      ike_ticket_forget (session);
    }
  g_clear_pointer (&session->beside->ticket, roam_secret_unref);
  bury (session, now, "a new IKE SA took its place");
}

void
ike_reauth_retire (IkeSession *session, const RoamNow *now, const char *reason)
{
  ike_reauth_drop (session);
  session->beside = beside_new (session);
  change_places (session);
  bury (session, now, reason);
}

static void
give_up (IkeSession *session, const RoamNow *now)
{
  gboolean successor = session->beside_is_successor;

  ike_reauth_drop (session);
  if (!successor)
    return;
  ike_count (session, "reauthentications-failed");
  g_message ("ike: a new IKE SA could not be made; the present one goes on");
  if (session->auth_end_us != ROAM_NEVER)
    session->reauth_us = now->boot_us + RETRY_US;
}

/* The address that the successor began from is gone, and we moved by ourselves: it begins again from where we are. */
static void
follow_path (IkeSession *session, const RoamNow *now)
{
  const IkePair *ours = &session->mobility.now, *its = &session->beside->mobility.now;
  IkeCommand command = { .type = IKE_MOVE,
                         .serial = session->mobility.serial,
                         .path = { .ifindex = ours->ifindex, .local = ours->local.addr } };

  if (!session->mobility.knows_paths || session->beside->redirect.resolve_us != ROAM_NEVER ||
      !ike_paths_has_local (&session->paths, &command.path) ||
      ike_paths_has_local (&session->paths, &(IkePath){ .ifindex = its->ifindex, .local = its->local.addr }))
    return;
  ike_session_input_command (session->beside, now, &command);
}

void
ike_reauth_settle (IkeSession *session, const RoamNow *now)
{
  ike_redirect_settle (session, now);
  if (session->beside &&
      (session->state == IKE_STATE_IDLE || (session->state == IKE_STATE_CLOSING && session->beside_is_successor)))
    ike_reauth_drop (session);
  if (session->beside && session->beside_is_successor && session->mobility.suspended)
    give_up (session, now); /* there is no address that it could be sent from */
  if (session->beside && session->beside_is_successor)
    follow_path (session, now);
  if (!session->beside)
    return;
  switch (take_actions (session))
    {
    case OUTCOME_NONE:
      return;
    case OUTCOME_ESTABLISHED:
      take_over (session, now);
      take_actions (session);
      return;
    case OUTCOME_ENDED:
      give_up (session, now);
      return;
    }
}

/* --- which of the two --- */

IkeSession *
ike_reauth_find (IkeSession *session, const IkeHeader *header)
{
  for (IkeSession *s = session; s; s = s->beside)
    if (ike_sa_find (s, header))
      return s;
  return session; /* PATH_TEST, which has no SPI, is about the path in use */
}

static const IkeSession *
root_of (const IkeSession *session)
{
  while (session->owner)
    session = session->owner;
  return session;
}

guint32
ike_reauth_new_child_id (IkeSession *session)
{
  IkeSession *root = session;

  while (root->owner)
    root = root->owner;
  return ++root->last_child_id;
}

gboolean
ike_reauth_has_esp_spi (const IkeSession *session, guint32 spi)
{
  for (const IkeSession *s = root_of (session); s; s = s->beside)
    for (guint i = 0; i < s->children->len; i++)
      if (((const IkeChild *)g_ptr_array_index (s->children, i))->sa->spi_in == spi)
        return TRUE;
  return FALSE;
}

gboolean
ike_reauth_has_ike_spi (const IkeSession *session, guint64 spi)
{
  for (const IkeSession *s = root_of (session); s; s = s->beside)
    for (guint i = 0; i < s->sas->len; i++)
      {
        const IkeSa *sa = g_ptr_array_index (s->sas, i);
        if ((sa->initiator ? sa->spi_i : sa->spi_r) == spi)
          return TRUE;
      }
  return FALSE;
}

/* --- AUTH_LIFETIME --- */

void
ike_reauth_read_lifetime (IkeSession *session, const RoamNow *now, const IkeMessage *message)
{
  const IkePayloadNotify *notify = ike_message_find_notify (message, IKE_NOTIFY_AUTH_LIFETIME);
  WireReader reader;
  guint32 seconds;
  gint64 lifetime_us;

  if (!notify || session->responder)
    return;
  wire_reader_init (&reader, notify->data.data, notify->data.length);
  if (!wire_read_u32 (&reader, &seconds) || !wire_reader_at_end (&reader) || seconds == 0)
    {
      ike_count (session, "auth-lifetimes-ignored");
      return;
    }
  lifetime_us = seconds * ROAM_USEC_PER_SEC;
  session->auth_end_us = now->boot_us + lifetime_us;
  session->reauth_us =
    session->auth_end_us - MIN (CLAMP (lifetime_us / MARGIN_PART, MARGIN_MIN_US, MARGIN_MAX_US), lifetime_us / 2);
}

void
ike_reauth_deadline (IkeSession *session, const RoamNow *now)
{
  if (session->state != IKE_STATE_ESTABLISHED || session->reauth_us > now->boot_us)
    return;
  session->reauth_us = ROAM_NEVER;
  if (!ike_reauth_start (session, now, NULL) && !(session->beside && session->beside_is_successor))
    session->reauth_us = now->boot_us + RETRY_US;
}

gint64
ike_reauth_next_deadline (const IkeSession *session)
{
  gint64 next = session->state == IKE_STATE_ESTABLISHED ? session->reauth_us : ROAM_NEVER;

  next = MIN (next, MIN (session->redirect.resolve_us, session->handshake.puzzle_us));
  return session->beside ? MIN (next, ike_session_next_deadline (session->beside)) : next;
}
