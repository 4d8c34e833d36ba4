/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "mip4/mip4-fa-private.h"

/*
 * Registration revocation by the home agent (RFC 3543 4.2.2.2). Timestamps are NTP seconds, compared
 * modulo 2^32 with those of the same home agent (D-11).
 */

/* RFC 3543 3.4. */
static GBytes *
build_acknowledgment (const Mip4Message *revocation, gboolean inform, const Mip4FaPeer *home_agent)
{
  g_auto (WireWriter) writer = { 0 };

  wire_writer_init (&writer, MIP4_MESSAGE_MAX);
  mip4_write_revocation_ack (&writer, inform, &revocation->home_address, revocation->revocation_id);
  mip4_write_auth (&writer, MIP4_EXT_FOREIGN_HOME_AUTH, &home_agent->association);
  return wire_writer_finish (&writer);
}

static void
send_acknowledgment (Mip4Fa *fa, const Mip4FaHeader *header, const Mip4Message *revocation, gboolean inform,
                     const Mip4FaPeer *home_agent)
{
  Mip4FaAction *action = mip4_fa_push (fa, MIP4_FA_ACTION_SEND);

  action->send.source = header->destination;
  action->send.source_port = MIP4_PORT;
  action->send.destination = header->source;
  action->send.ttl = MIP4_FA_TTL;
  action->send.datagram = build_acknowledgment (revocation, inform, home_agent);
}

static Mip4Discard
verify_revocation (const Mip4Message *m, const Mip4FaPeer *home_agent)
{
  if (home_agent == NULL)
    return MIP4_DISCARD_NO_ASSOCIATION;
  if (m->fhae.count != 1)
    return MIP4_DISCARD_REVOCATION_AUTHENTICATOR;
  return mip4_verify_auth (m, &m->fhae, &home_agent->association);
}

/* RFC 3543 3.5: by a home agent, of a binding that both know, and newer than all before it. */
static Mip4Discard
check_revocation (const Mip4Fa *fa, const Mip4Message *m, const Mip4FaVisitor *visitor)
{
  if (!m->from_home_agent)
    return MIP4_DISCARD_REVOCATION_DIRECTION;
  if (!mip4_fa_is_care_of (fa, &m->care_of_address))
    return MIP4_DISCARD_REVOCATION_BINDING;
  if (visitor == NULL)
    return MIP4_DISCARD_NONE;
  if (!visitor->revocation || !roam_addr_equal (&visitor->home_agent, &m->home_agent))
    return MIP4_DISCARD_REVOCATION_BINDING;
  return (gint32)(m->revocation_id - visitor->revocation_timestamp) > 0 ? MIP4_DISCARD_NONE
                                                                        : MIP4_DISCARD_REVOCATION_REPLAYED;
}

void
mip4_fa_process_revocation (Mip4Fa *fa, const RoamNow *now, const Mip4FaHeader *header, const guint8 *data,
                            gsize length)
{
  Mip4Message m = { 0 };
  Mip4Discard why = mip4_parse (data, length, &m);
  const Mip4FaPeer *home_agent = NULL;
  const Mip4FaVisitor *visitor = NULL;
  gboolean inform;

  if (why == MIP4_DISCARD_NONE)
    {
      home_agent = g_hash_table_lookup (fa->home_agents, &m.home_agent);
      visitor = mip4_fa_find_visitor (fa, &m.home_address);
      why = verify_revocation (&m, home_agent);
    }
  if (why == MIP4_DISCARD_NONE)
    why = check_revocation (fa, &m, visitor);
  if (why != MIP4_DISCARD_NONE)
    {
      mip4_fa_discard (fa, header, &m.home_address, why);
      return;
    }
  /* Gone already: the acknowledgment was lost, and the home agent asks again (RFC 3543 3.4). */
  inform = m.inform && visitor != NULL && visitor->inform;
  send_acknowledgment (fa, header, &m, inform, home_agent);
  if (visitor == NULL)
    return;
  if (inform)
    mip4_fa_inform_revoked (fa, now, visitor);
  fa->counts[FA_COUNT_REVOKED]++;
  mip4_fa_remove_visitor (fa, &m.home_address, MIP4_FA_REMOVED_REVOKED);
}
