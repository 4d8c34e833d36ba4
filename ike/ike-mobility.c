/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Where we are: the path of all SAs and its changes (RFC 4555 3.5), and the gateway's addresses (RFC 4555 3.6). */
#include "ike/ike-session-private.h"

/* A path that is silent for that long has failed; the coordinator may have a better one. */
#define MOVE_BUDGET_US (7 * ROAM_USEC_PER_SEC)

gboolean
ike_mobility_udp_encap (const IkeSession *session)
{
  return session->nat_supported &&
         (session->force_udp_encap || session->nat_local || session->nat_remote || session->nat_suspected);
}

void
ike_mobility_move_children (IkeSession *session)
{
  const IkePair *pair = &session->mobility.now;
  IkeAction action = { .type = IKE_ACTION_CHILD_MOVE,
                       .child_move = { .ifindex = pair->ifindex,
                                       .local = pair->local,
                                       .remote = pair->remote,
                                       .udp_encap = ike_mobility_udp_encap (session) } };

  session->mobility.children_moved = TRUE;
  ike_session_push (session, &action);
}

static gboolean
pair_equal (const IkePair *a, const IkePair *b)
{
  return a->ifindex == b->ifindex && roam_endpoint_equal (&a->local, &b->local) &&
         roam_endpoint_equal (&a->remote, &b->remote);
}

static gboolean
is_private (const RoamAddr *addr)
{
  static const char *const prefixes[] = { "10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10" };

  for (guint i = 0; i < G_N_ELEMENTS (prefixes); i++)
    {
      RoamPrefix prefix;
      if (roam_prefix_parse (prefixes[i], &prefix) && roam_prefix_contains (&prefix, addr))
        return TRUE;
    }
  return FALSE;
}

/* RFC 4555 3.5, first steps: the new addresses count from now on; the gateway will be told. */
static void
change_pair (IkeSession *session, const IkePair *pair)
{
  IkeMobility *mob = &session->mobility;

  mob->now = *pair;
  mob->generation++;
  mob->pending_update = TRUE;
  mob->children_moved = FALSE;
  /* MOB-UPD-003 in the words of RFC 4555 3.5: a NAT is likely, so ESP starts encapsulated. */
  session->nat_suspected = session->nat_supported && is_private (&pair->local.addr) && !is_private (&pair->remote.addr);
}

static void
start_waiting (IkeSession *session, const RoamNow *now)
{
  IkeMobility *mob = &session->mobility;

  mob->waiting = mob->announce = TRUE;
  mob->budget_us = now->boot_us + MOVE_BUDGET_US;
}

void
ike_mobility_move (IkeSession *session, const RoamNow *now, const IkeCommand *command)
{
  IkeMobility *mob = &session->mobility;
  IkePair pair = { .ifindex = command->path.ifindex,
                   .local = { .addr = command->path.local, .port = mob->now.local.port },
                   .remote = mob->now.remote };

  mob->serial = command->serial;
  if (!session->mobike)
    {
      ike_session_event (session, IKE_EVENT_PATH_FAILED, "the gateway does not support MOBIKE",
                         "a new IKE SA is needed after each change of address");
      return;
    }
  if (pair.local.addr.family != pair.remote.addr.family &&
      !ike_peer_address_of (session, pair.local.addr.family, &pair.remote.addr))
    {
      ike_session_event (session, IKE_EVENT_PATH_FAILED, "the gateway has no address of the path's family", NULL);
      return;
    }
  start_waiting (session, now);
  if (!pair_equal (&pair, &mob->now))
    change_pair (session, &pair);
  else if (mob->answered == mob->generation && !ike_task_find (session, IKE_TASK_CHECK, 0))
    ike_task_check (session, 0, FALSE); /* same path as before: asking is enough */
  if (command->move_children_now && !mob->children_moved)
    ike_mobility_move_children (session);
  ike_exchange_resend_all (session, now);
}

void
ike_mobility_move_remote (IkeSession *session, const RoamNow *now, const RoamAddr *addr)
{
  IkePair pair = session->mobility.now;

  pair.remote.addr = *addr;
  if (pair_equal (&pair, &session->mobility.now) || addr->family != pair.local.addr.family)
    return;
  change_pair (session, &pair);
  ike_mobility_move_children (session);
  ike_exchange_resend_all (session, now);
}

void
ike_mobility_confirmed (IkeSession *session, gboolean encap_changed)
{
  IkeMobility *mob = &session->mobility;

  mob->good = mob->now;
  mob->answered = mob->generation;
  if (!mob->children_moved || encap_changed)
    ike_mobility_move_children (session);
  mob->waiting = FALSE;
  mob->budget_us = ROAM_NEVER;
  if (mob->announce)
    ike_session_event (session, IKE_EVENT_PATH_OK, "the gateway answered on this path", NULL);
  mob->announce = FALSE;
}

void
ike_mobility_failed (IkeSession *session, const RoamNow *now, const char *reason, const char *advice)
{
  IkeMobility *mob = &session->mobility;

  mob->waiting = FALSE;
  mob->budget_us = ROAM_NEVER;
  ike_session_event (session, IKE_EVENT_PATH_FAILED, reason, advice);
  if (!mob->children_moved)
    {
      /* Make before break: the Child SAs never left the old path, so IKE goes back to it and says so. */
      change_pair (session, &mob->good);
      mob->announce = FALSE;
      mob->children_moved = TRUE;
      session->nat_suspected = FALSE;
      ike_exchange_resend_all (session, now);
    }
  else
    ike_exchange_be_patient (session, now);
}

void
ike_mobility_check (IkeSession *session, const RoamNow *now, guint32 serial)
{
  if (session->state != IKE_STATE_ESTABLISHED)
    {
      ike_session_event_of (session, IKE_EVENT_PATH_FAILED, serial, "there is no IKE SA to check", NULL);
      return;
    }
  session->mobility.check_serial = serial;
  session->mobility.check_budget_us = now->boot_us + MOVE_BUDGET_US;
  ike_task_check (session, serial, FALSE);
}

static void
check_deadline (IkeSession *session, const RoamNow *now)
{
  IkeMobility *mob = &session->mobility;

  if (mob->check_budget_us > now->boot_us)
    return;
  mob->check_budget_us = ROAM_NEVER;
  if (session->state == IKE_STATE_ESTABLISHED && mob->check_serial != 0)
    ike_session_event_of (session, IKE_EVENT_PATH_FAILED, mob->check_serial,
                          ike_session_says (session, "the gateway does not answer", "the client does not answer"),
                          NULL);
  mob->check_serial = 0;
}

void
ike_mobility_deadline (IkeSession *session, const RoamNow *now)
{
  check_deadline (session, now);
  if (session->mobility.budget_us > now->boot_us)
    return;
  session->mobility.budget_us = ROAM_NEVER;
  if (session->state == IKE_STATE_ESTABLISHED)
    ike_mobility_failed (session, now, "the gateway does not answer on this path", NULL);
}

/* --- the gateway's addresses --- */

/* Addresses that no path of ours leads to; RFC 4555 5.5 warns of using whatever is announced. */
gboolean
ike_address_is_usable (const RoamAddr *addr)
{
  static const char *const excluded[] = { "0.0.0.0/8", "127.0.0.0/8", "169.254.0.0/16", "224.0.0.0/3",
                                          "::/127",    "fe80::/10",   "ff00::/8",       "::ffff:0:0/96" };

  for (guint i = 0; i < G_N_ELEMENTS (excluded); i++)
    {
      RoamPrefix prefix;
      if (roam_prefix_parse (excluded[i], &prefix) && roam_prefix_contains (&prefix, addr))
        return FALSE;
    }
  return TRUE;
}

static void
add_peer_address (IkeSession *session, const RoamAddr *addr)
{
  for (guint i = 0; i < session->n_peer_addresses; i++)
    if (roam_addr_equal (&session->peer_addresses[i], addr))
      return;
  if (session->n_peer_addresses < IKE_MAX_PEER_ADDRESSES && ike_address_is_usable (addr))
    session->peer_addresses[session->n_peer_addresses++] = *addr;
}

/* Adds the listed addresses that are (not) private. */
static void
read_list (IkeSession *session, const IkeMessage *message, gboolean private)
{
  for (const IkePayload *p = NULL; (p = ike_message_find_next (message, IKE_PAYLOAD_NOTIFY, p));)
    {
      RoamFamily family = p->notify.notify_type == IKE_NOTIFY_ADDITIONAL_IP4_ADDRESS   ? ROAM_FAMILY_INET4
                          : p->notify.notify_type == IKE_NOTIFY_ADDITIONAL_IP6_ADDRESS ? ROAM_FAMILY_INET6
                                                                                       : ROAM_FAMILY_NONE;
      WireReader reader;
      RoamAddr addr;

      if (family == ROAM_FAMILY_NONE)
        continue;
      wire_reader_init (&reader, p->notify.data.data, p->notify.data.length);
      if (!wire_read_addr (&reader, family, &addr) || !wire_reader_at_end (&reader))
        {
          if (!private) /* of the two passes the first one counts */
            ike_count (session, "addresses-ignored");
        }
      else if (is_private (&addr) == private)
        add_peer_address (session, &addr);
    }
}

void
ike_peer_addresses_read (IkeSession *session, const RoamAddr *source, const IkeMessage *message)
{
  session->n_peer_addresses = 0;
  add_peer_address (session, source);
  read_list (session, message, FALSE);
  read_list (session, message, TRUE); /* the least likely to be reachable from outside */
}

gboolean
ike_peer_address_of (const IkeSession *session, guint8 family, RoamAddr *ret_addr)
{
  if (session->gateway.family == family)
    {
      *ret_addr = session->gateway;
      return TRUE;
    }
  for (guint i = 0; i < session->n_peer_addresses; i++)
    if (session->peer_addresses[i].family == family)
      {
        *ret_addr = session->peer_addresses[i];
        return TRUE;
      }
  return FALSE;
}
