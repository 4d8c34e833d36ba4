/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "mip4/mip4-mn-private.h"

/*
 * Registration Revocation at a mobile node that registered itself with a co-located care-of address
 * (RFC 3543 4.2.2.3): it is told, acknowledges, and starts nothing of its own.
 */

#define REVOCATION_TTL 255

static gboolean
is_of_record (const Mip4MnRevocation *revocation, const Mip4MnRecord *record)
{
  return revocation->path == record->path && roam_addr_equal (&revocation->care_of_address, &record->care_of_address);
}

void
mip4_mn_note_revocation_support (Mip4Mn *mn, const RoamNow *now, const Mip4MnRecord *record, const Mip4Message *reply)
{
  Mip4MnRevocation *revocation = &mn->revocation;
  gboolean is_same = mn->revocation.negotiated && !revocation->revoked && is_of_record (revocation, record);

  if (record->lifetime_s == 0)
    {
      if (!mn->binding.exists)
        revocation->negotiated = FALSE;
      return;
    }
  revocation->negotiated = record->revocation && reply->covered.revocation;
  if (!revocation->negotiated)
    return;
  if (!is_of_record (revocation, record))
    revocation->backoff_us = 0;
  if (!is_same)
    revocation->bound_us = now->boot_us;
  revocation->revoked = FALSE;
  revocation->path = record->path;
  revocation->home_address = reply->home_address;
  revocation->home_agent = reply->home_agent;
  revocation->care_of_address = record->care_of_address;
  revocation->newest_id = reply->covered.revocation_timestamp;
}

gint64
mip4_mn_not_before (const Mip4Mn *mn, const Mip4MnRecord *record)
{
  const Mip4MnRevocation *revocation = &mn->revocation;

  if (record->lifetime_s == 0 || revocation->backoff_us == 0 || !is_of_record (revocation, record))
    return 0;
  return revocation->not_before_us;
}

/* D-11: order by serial-number arithmetic. */
static gboolean
is_newer (guint32 id, guint32 than)
{
  return (gint32)(id - than) > 0;
}

static Mip4Discard
verify_authenticator (const Mip4Mn *mn, const Mip4Message *message)
{
  const Mip4MnHaAssociation *mn_ha = mip4_mn_find_association (mn, &message->home_agent, message->mhae.spi);

  if (mn_ha == NULL || mip4_verify_mhae (message, &mn_ha->association) != MIP4_DISCARD_NONE)
    return MIP4_DISCARD_REVOCATION_AUTHENTICATOR;
  return MIP4_DISCARD_NONE;
}

/* RFC 3543 3.5, 4.2.2.3; D-34: from the home agent of the binding itself. */
static Mip4Discard
verify_revocation (const Mip4Mn *mn, const RoamNow *now, Mip4Path path, const RoamEndpoint *source,
                   const RoamAddr *destination, const Mip4Message *message)
{
  const Mip4MnRevocation *revocation = &mn->revocation;
  Mip4Discard why = verify_authenticator (mn, message);

  if (why != MIP4_DISCARD_NONE)
    return why;
  if (!message->from_home_agent)
    return MIP4_DISCARD_REVOCATION_DIRECTION;
  if (!revocation->negotiated || path != revocation->path ||
      !roam_addr_equal (&source->addr, &revocation->home_agent) ||
      !roam_addr_equal (destination, &revocation->care_of_address) ||
      !roam_addr_equal (&message->home_address, &revocation->home_address) ||
      !roam_addr_equal (&message->home_agent, &revocation->home_agent) ||
      !roam_addr_equal (&message->care_of_address, &revocation->care_of_address))
    return MIP4_DISCARD_REVOCATION_BINDING;
  if (!is_newer (message->revocation_id, revocation->newest_id))
    return MIP4_DISCARD_REVOCATION_REPLAYED;
  if (revocation->acknowledged && now->boot_us - revocation->acknowledged_us < MIP4_MN_MIN_INTERVAL_US)
    return MIP4_DISCARD_REVOCATION_RATE;
  return MIP4_DISCARD_NONE;
}

static GBytes *
build_acknowledgment (const Mip4Mn *mn, const Mip4Message *message)
{
  const Mip4MnHaAssociation *mn_ha = mip4_mn_find_association (mn, &message->home_agent, message->mhae.spi);
  g_auto (WireWriter) writer = { 0 };

  wire_writer_init (&writer, MIP4_MESSAGE_MAX);
  /* RFC 3543 3.4: I would be a wish of the foreign domain, which a mobile node does not stand for. */
  mip4_write_revocation_ack (&writer, FALSE, &message->home_address, message->revocation_id);
  mip4_write_auth (&writer, MIP4_EXT_MOBILE_HOME_AUTH, &mn_ha->association);
  return wire_writer_finish (&writer);
}

static void
acknowledge (Mip4Mn *mn, const RoamNow *now, const RoamEndpoint *source, const RoamAddr *destination,
             const Mip4Message *message)
{
  Mip4MnAction *action = g_new0 (Mip4MnAction, 1);

  action->type = MIP4_MN_ACTION_SEND;
  action->send.path = mn->revocation.path;
  action->send.source = *destination;
  action->send.source_port = MIP4_PORT;
  action->send.destination = *source;
  action->send.ttl = REVOCATION_TTL;
  action->send.datagram = build_acknowledgment (mn, message);
  mip4_mn_push_action (mn, action);
  mn->revocation.acknowledged = TRUE;
  mn->revocation.acknowledged_us = now->boot_us;
  mn->counts[MIP4_MN_COUNT_REVOCATION_ACKNOWLEDGED]++;
}

/* MIP-RVK-012: a home agent that revokes again and again is asked ever more seldom. */
static void
back_off (Mip4MnRevocation *revocation, gint64 now_us)
{
  if (revocation->backoff_us == 0 || now_us - revocation->bound_us > MIP4_MN_MAX_INTERVAL_US)
    revocation->backoff_us = MIP4_MN_REVOCATION_BACKOFF_US;
  else
    revocation->backoff_us = MIN (2 * revocation->backoff_us, MIP4_MN_MAX_INTERVAL_US);
  revocation->not_before_us = now_us + revocation->backoff_us;
}

static void
drop_binding (Mip4Mn *mn, const RoamNow *now, const Mip4Message *message)
{
  Mip4MnEvent event = mn->binding.accepted;

  mn->revocation.revoked = TRUE;
  back_off (&mn->revocation, now->boot_us);
  mn->counts[MIP4_MN_COUNT_REVOKED]++;
  if (!mn->binding.exists)
    return;
  mn->binding.exists = FALSE;
  event.type = MIP4_MN_REVOKED;
  event.reason = "the home agent revoked the registration";
  mip4_mn_escape_text (&message->covered.message, event.message, sizeof event.message);
  event.message_authentic = message->covered.message.data != NULL;
  mip4_mn_push_event (mn, &event);
}

void
mip4_mn_process_revocation (Mip4Mn *mn, const RoamNow *now, Mip4Path path, const RoamEndpoint *source,
                            const RoamAddr *destination, Mip4Message *message)
{
  Mip4Discard why = mip4_parse_extensions (message);

  if (why == MIP4_DISCARD_NONE)
    why = verify_revocation (mn, now, path, source, destination, message);
  if (why != MIP4_DISCARD_NONE)
    {
      mip4_mn_discard (mn, path, NULL, 0, why);
      return;
    }
  mn->revocation.newest_id = message->revocation_id;
  acknowledge (mn, now, source, destination, message);
  /* A repeated one is acknowledged again and changes nothing (RFC 3543 3.4). */
  if (!mn->revocation.revoked)
    drop_binding (mn, now, message);
}
