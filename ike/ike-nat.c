/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* NATs on the path: NAT_DETECTION (RFC 7296 2.23), mapping changes (RFC 4555 3.8), keepalives (RFC 3948 4). */
#include "ike/ike-session-private.h"

#include <string.h>

void
ike_nat_add (IkeSession *session, const IkeSa *sa, const IkePair *pair, IkePayloads *payloads)
{
  guint8 hash[IKE_NAT_DETECTION_LENGTH];

  /* A wrong source hash makes the gateway keep ESP in UDP, where a user-space data plane gets at it. */
  if (session->force_udp_encap)
    roam_rng_fill (session->rng, hash, sizeof hash);
  else
    ike_nat_detection_hash (sa->spi_i, sa->spi_r, &pair->local, hash);
  ike_payloads_add_notify (payloads, IKE_NOTIFY_NAT_DETECTION_SOURCE_IP, hash, sizeof hash);
  ike_nat_detection_hash (sa->spi_i, sa->spi_r, &pair->remote, hash);
  ike_payloads_add_notify (payloads, IKE_NOTIFY_NAT_DETECTION_DESTINATION_IP, hash, sizeof hash);
}

static gboolean
is_hash_of (const IkePayloadNotify *notify, const guint8 hash[IKE_NAT_DETECTION_LENGTH])
{
  return notify->data.length == IKE_NAT_DETECTION_LENGTH &&
         memcmp (notify->data.data, hash, IKE_NAT_DETECTION_LENGTH) == 0;
}

/* RFC 7296 2.23: one source hash of several that fits means that there is no NAT. */
void
ike_nat_read (const IkeMessage *message, guint64 spi_i, guint64 spi_r, const IkePair *pair, IkeNatView *ret_view)
{
  guint8 source[IKE_NAT_DETECTION_LENGTH], destination[IKE_NAT_DETECTION_LENGTH];
  gboolean has_source = FALSE, has_destination = FALSE, source_fits = FALSE, destination_fits = FALSE;

  ike_nat_detection_hash (spi_i, spi_r, &pair->remote, source);
  ike_nat_detection_hash (spi_i, spi_r, &pair->local, destination);
  *ret_view = (IkeNatView){ 0 };
  for (const IkePayload *p = NULL; (p = ike_message_find_next (message, IKE_PAYLOAD_NOTIFY, p));)
    if (p->notify.notify_type == IKE_NOTIFY_NAT_DETECTION_SOURCE_IP)
      {
        has_source = TRUE;
        source_fits = source_fits || is_hash_of (&p->notify, source);
      }
    else if (p->notify.notify_type == IKE_NOTIFY_NAT_DETECTION_DESTINATION_IP &&
             p->notify.data.length == IKE_NAT_DETECTION_LENGTH)
      {
        has_destination = TRUE;
        destination_fits = destination_fits || is_hash_of (&p->notify, destination);
        memcpy (ret_view->destination, p->notify.data.data, IKE_NAT_DETECTION_LENGTH);
      }
  ret_view->present = has_source && has_destination;
  ret_view->local = !destination_fits;
  ret_view->remote = !source_fits;
}

static void
remember (IkeSession *session, const IkeSa *sa, const IkeNatView *view)
{
  memcpy (session->nat_seen, view->destination, sizeof session->nat_seen);
  session->nat_seen_spi_i = sa->spi_i;
  session->has_nat_seen = TRUE;
}

gboolean
ike_nat_apply (IkeSession *session, const IkeSa *sa, const RoamNow *now, const IkeNatView *view)
{
  gboolean encap = ike_mobility_udp_encap (session), changed;

  if (!view->present)
    return FALSE; /* RFC 4555 3.8 asks for it; without, what was known stays */
  changed = view->local != session->nat_local || view->remote != session->nat_remote;
  remember (session, sa, view);
  session->nat_suspected = FALSE;
  session->nat_local = view->local;
  session->nat_remote = view->remote;
  session->keepalive_us = view->local ? now->boot_us + session->nat_keepalive_us : ROAM_NEVER;
  if (changed)
    ike_session_event (session, IKE_EVENT_NAT_CHANGED, "NAT detection gives another result", NULL);
  return encap != ike_mobility_udp_encap (session);
}

gboolean
ike_nat_switch_off (IkeSession *session)
{
  gboolean encap = ike_mobility_udp_encap (session), changed = session->nat_local || session->nat_remote;

  session->nat_local = session->nat_remote = session->nat_suspected = FALSE;
  session->keepalive_us = ROAM_NEVER;
  if (changed)
    ike_session_event (session, IKE_EVENT_NAT_CHANGED, "the packet came as it was sent: there is no NAT", NULL);
  return encap != ike_mobility_udp_encap (session);
}

/*
 * A liveness answer: does the gateway see us where it did (RFC 4555 3.8)? The hash covers the SPIs, so
 * after an IKE SA rekeying the first answer is the new reference (MOB-MAP-007).
 */
gboolean
ike_nat_mapping_changed (IkeSession *session, const IkeSa *sa, const IkeNatView *view)
{
  if (!view->present)
    return FALSE;
  if (session->has_nat_seen && session->nat_seen_spi_i == sa->spi_i)
    return memcmp (session->nat_seen, view->destination, sizeof session->nat_seen) != 0;
  if (view->local != session->nat_local)
    return TRUE;
  remember (session, sa, view);
  return FALSE;
}

void
ike_nat_keepalive_deadline (IkeSession *session, const RoamNow *now)
{
  static const guint8 octet = 0xff;
  const IkePair *pair = &session->mobility.now;
  IkeAction action = { .type = IKE_ACTION_SEND,
                       .send = { .ifindex = pair->ifindex, .local = pair->local, .remote = pair->remote } };

  if (session->keepalive_us > now->boot_us)
    return;
  session->keepalive_us = ROAM_NEVER; /* suspended: until there is a path again */
  if (session->mobility.suspended || session->state != IKE_STATE_ESTABLISHED || !session->nat_local ||
      pair->local.port != IKE_NATT_PORT)
    return;
  session->keepalive_us = now->boot_us + session->nat_keepalive_us;
  action.send.datagram = g_bytes_new_static (&octet, 1);
  ike_count (session, "keepalives-sent");
  ike_session_push (session, &action);
}
