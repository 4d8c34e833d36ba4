/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "mip4/mip4-fa-private.h"

#include <string.h>

/* Registration Replies: our own denials (RFC 5944 3.7.2.3) and those of the home agent (3.7.3). */

#define LIMITED_BROADCAST 0xffffffffu

/* Addresses and ports of every reply to a mobile node (RFC 5944 3.7.2.3). @home_address: as the reply says. */
static void
send_to_node (Mip4Fa *fa, const Mip4FaVisitor *visitor, const RoamAddr *home_address, GBytes *datagram)
{
  Mip4FaAction *action = mip4_fa_push (fa, MIP4_FA_ACTION_SEND);
  guint32 destination = roam_addr_to_u32 (&visitor->request_destination);

  action->send.visited = TRUE;
  memcpy (action->send.link_layer, visitor->link_layer, sizeof action->send.link_layer);
  action->send.source = destination >> 28 >= 14 ? fa->config.address : visitor->request_destination;
  action->send.source_port = MIP4_PORT;
  action->send.destination.addr =
    roam_addr_is_specified (home_address) ? *home_address : roam_addr_from_u32 (LIMITED_BROADCAST);
  action->send.destination.port = visitor->source.port;
  action->send.ttl = MIP4_FA_TTL;
  action->send.datagram = datagram;
}

static GBytes *
build_denial (Mip4Fa *fa, Mip4FaNeighbour *neighbour, const Mip4FaVisitor *visitor, guint8 code)
{
  guint16 lifetime = code == FA_CODE_LIFETIME ? fa->config.registration_lifetime_s : visitor->requested_s;
  const Mip4FaPeer *node = g_hash_table_lookup (fa->nodes, &visitor->home_address);
  const Mip4FaChallenge *challenge = mip4_fa_offer_challenge (fa, neighbour);
  g_auto (WireWriter) writer = { 0 };

  wire_writer_init (&writer, MIP4_MESSAGE_MAX);
  mip4_write_reply (&writer, code, lifetime, &visitor->home_address, &visitor->home_agent, visitor->identification);
  if (challenge != NULL)
    mip4_write_tlv (&writer, MIP4_EXT_CHALLENGE, challenge->octets, sizeof challenge->octets);
  if (node != NULL)
    mip4_write_auth (&writer, MIP4_EXT_MOBILE_FOREIGN_AUTH, &node->association);
  return wire_writer_finish (&writer);
}

void
mip4_fa_deny (Mip4Fa *fa, const RoamNow *now, const Mip4FaVisitor *visitor, guint8 code)
{
  Mip4FaNeighbour *neighbour = mip4_fa_neighbour (fa, now, visitor->link_layer);

  mip4_fa_log (fa, &visitor->source, &visitor->home_address, code,
               code == FA_CODE_MN_AUTH || code == FA_CODE_HA_AUTH || code == FA_CODE_STALE_CHALLENGE,
               mip4_code_to_string (code));
  if (neighbour->denied_us != G_MININT64 && now->boot_us - neighbour->denied_us < MIP4_FA_RATE_US)
    {
      fa->counts[FA_COUNT_DENIAL_LIMITED]++;
      return;
    }
  neighbour->denied_us = now->boot_us;
  fa->counts[FA_COUNT_DENIED]++;
  send_to_node (fa, visitor, &visitor->home_address, build_denial (fa, neighbour, visitor, code));
}

void
mip4_fa_drop_pending (Mip4Fa *fa, const RoamNow *now, const RoamAddr *home_agent, guint8 code)
{
  for (guint i = 0; i < fa->pending->len;)
    {
      const Mip4FaPending *pending = g_ptr_array_index (fa->pending, i);
      const Mip4FaVisitor visitor = pending->visitor;

      if (home_agent != NULL ? !roam_addr_equal (home_agent, &pending->relayed_to) : now->boot_us < pending->due_us)
        {
          i++;
          continue;
        }
      g_ptr_array_remove_index (fa->pending, i);
      fa->counts[FA_COUNT_TIMED_OUT] += code == FA_CODE_TIMEOUT;
      mip4_fa_deny (fa, now, &visitor, code);
    }
}

/* ------------------------------------------------------- replies of the home agent ---- */

typedef struct
{
  const RoamNow *now;
  const Mip4FaHeader *header;
  Mip4Message message;
  Mip4FaPending *pending;
  const Mip4FaPeer *home_agent;
} Reply;

/*
 * RFC 5944 3.7.3.1: home address and the low half of the Identification; the NAI tells apart requests for
 * one address, and finds those without (RFC 2794 3).
 */
static Mip4FaPending *
find_pending (const Mip4Fa *fa, const Mip4Message *m)
{
  const Mip4Slice *nai = &m->covered.nai;
  Mip4FaPending *found = NULL;

  for (guint i = 0; i < fa->pending->len; i++)
    {
      Mip4FaPending *pending = g_ptr_array_index (fa->pending, i);
      gboolean without_address = !roam_addr_is_specified (&pending->visitor.home_address);
      gboolean same_nai =
        nai->length > 0 && nai->length == pending->nai_length && memcmp (nai->data, pending->nai, nai->length) == 0;

      if ((guint32)pending->visitor.identification != (guint32)m->identification ||
          !(without_address || roam_addr_equal (&pending->visitor.home_address, &m->home_address)))
        continue;
      if (same_nai)
        return pending;
      if (!without_address && found == NULL)
        found = pending;
    }
  return found;
}

static gboolean
is_accepted (const Mip4Message *m)
{
  return mip4_code_class (m->code) == MIP4_CODE_CLASS_ACCEPTED;
}

/* A request for an address of the node's own is answered with that one; a deregistration has no FHAE (3.5.4). */
static gboolean
wants_foreign_home_auth (const Reply *reply)
{
  return reply->home_agent != NULL && reply->pending->visitor.requested_s > 0 && !reply->pending->visitor.co_located;
}

/* What is dropped without an answer. */
static Mip4Discard
verify_reply (const Mip4Fa *fa, Reply *reply)
{
  const Mip4Message *m = &reply->message;

  /* Only a denial, code 136 foremost, may come from another home agent than the one that was asked. */
  if (!roam_addr_equal (&reply->header->source.addr, &reply->pending->relayed_to) && is_accepted (m))
    return MIP4_DISCARD_WRONG_SOURCE;
  reply->home_agent = g_hash_table_lookup (fa->home_agents, &reply->pending->relayed_to);
  if (reply->home_agent == NULL && m->fhae.count > 0)
    return MIP4_DISCARD_FHAE;
  if (is_accepted (m) && m->mhae.count == 0)
    return MIP4_DISCARD_NO_MHAE;
  if (is_accepted (m) && !mip4_fa_may_be_home_address (fa, &m->home_address))
    return MIP4_DISCARD_HOME_ADDRESS;
  return MIP4_DISCARD_NONE;
}

/*
 * A home agent that proves nothing to us speaks for the visitors it has: a node could name one of its own, and a
 * neighbour's home address, and would get what the neighbour sends.
 */
static gboolean
is_for_another (const Mip4Fa *fa, const Reply *reply)
{
  const Mip4FaVisitor *visitor = mip4_fa_find_visitor (fa, &reply->message.home_address);

  return is_accepted (&reply->message) && !wants_foreign_home_auth (reply) && visitor != NULL &&
         !roam_addr_equal (&visitor->home_agent, &reply->pending->relayed_to);
}

/* What makes us deny the request in the home agent's stead; 0: nothing. */
static guint8
check_reply (const Mip4Fa *fa, const Reply *reply)
{
  const Mip4Message *m = &reply->message;

  if (wants_foreign_home_auth (reply) &&
      (m->fhae.count != 1 || mip4_verify_auth (m, &m->fhae, &reply->home_agent->association) != MIP4_DISCARD_NONE))
    return FA_CODE_HA_AUTH;
  if (is_for_another (fa, reply))
    return FA_CODE_PROHIBITED;
  return m->uncovered.n_cvse > 0 ? FA_CODE_CVSE_FROM_HA : 0;
}

static void
remove_pending (Mip4Fa *fa, const Mip4FaPending *pending)
{
  g_ptr_array_remove (fa->pending, (gpointer)pending);
}

/* The lifetime runs from here on, so that ours is never over before the node's (RFC 5944 3.7.3.2). */
static void
accept_visitor (Mip4Fa *fa, const Reply *reply)
{
  const Mip4Message *m = &reply->message;
  const Mip4UdpTunnelReply *udp = &m->uncovered.udp_reply;
  Mip4FaVisitor visitor = reply->pending->visitor;

  visitor.home_address = m->home_address;
  visitor.home_agent = m->home_agent;
  visitor.lifetime_s = MIN (MIN (m->lifetime, visitor.requested_s), fa->config.registration_lifetime_s);
  visitor.registered_us = reply->now->boot_us;
  visitor.expiry_us = visitor.lifetime_s == MIP4_LIFETIME_INFINITE
                        ? ROAM_NEVER
                        : reply->now->boot_us + visitor.lifetime_s * ROAM_USEC_PER_SEC;
  visitor.udp_tunnel = reply->pending->asked_udp && udp->present && udp->code < MIP4_UDP_ASSENT_LIMIT;
  visitor.keepalive_s = visitor.udp_tunnel ? udp->keepalive_s : 0;
  visitor.revocation = reply->pending->asked_revocation && m->uncovered.revocation;
  visitor.inform = visitor.revocation && m->uncovered.revocation_inform;
  visitor.revocation_timestamp = m->uncovered.revocation_timestamp;
  fa->counts[FA_COUNT_REGISTERED]++;
  mip4_fa_set_visitor (fa, &visitor);
}

/* A denial leaves the visitor that was there before (RFC 5944 3.7.2). */
static void
apply_reply (Mip4Fa *fa, const Reply *reply)
{
  const Mip4Message *m = &reply->message;

  if (!is_accepted (m))
    return;
  if (m->lifetime > 0 && reply->pending->visitor.requested_s > 0)
    {
      accept_visitor (fa, reply);
      return;
    }
  fa->counts[FA_COUNT_DEREGISTERED]++;
  mip4_fa_remove_visitor (fa, &m->home_address, MIP4_FA_REMOVED_DEREGISTERED);
}

static void
relay_reply (Mip4Fa *fa, const Reply *reply)
{
  const Mip4Message *m = &reply->message;
  const Mip4FaVisitor *visitor = &reply->pending->visitor;
  Mip4FaNeighbour *neighbour = mip4_fa_neighbour (fa, reply->now, visitor->link_layer);
  GBytes *datagram = mip4_fa_build_relayed_reply (m, mip4_fa_offer_challenge (fa, neighbour),
                                                  g_hash_table_lookup (fa->nodes, &m->home_address));

  fa->counts[FA_COUNT_REPLIES_RELAYED]++;
  send_to_node (fa, visitor, &m->home_address, datagram);
}

static void
refuse_reply (Mip4Fa *fa, const Reply *reply, guint8 code)
{
  const Mip4FaVisitor visitor = reply->pending->visitor;

  remove_pending (fa, reply->pending);
  mip4_fa_deny (fa, reply->now, &visitor, code);
}

void
mip4_fa_process_reply (Mip4Fa *fa, const RoamNow *now, const Mip4FaHeader *header, const guint8 *data, gsize length)
{
  Reply reply = { .now = now, .header = header };
  Mip4Discard why = mip4_parse_fixed (data, length, &reply.message), malformed = MIP4_DISCARD_NONE;
  guint8 code;

  if (why == MIP4_DISCARD_NONE)
    {
      malformed = mip4_parse_extensions (&reply.message);
      reply.pending = find_pending (fa, &reply.message);
      why = reply.pending == NULL ? MIP4_DISCARD_NO_RECORD : MIP4_DISCARD_NONE;
    }
  if (why == MIP4_DISCARD_NONE && malformed == MIP4_DISCARD_NONE)
    why = verify_reply (fa, &reply);
  if (why != MIP4_DISCARD_NONE || malformed != MIP4_DISCARD_NONE)
    {
      mip4_fa_discard (fa, header, &reply.message.home_address, why != MIP4_DISCARD_NONE ? why : malformed);
      return;
    }
  code = check_reply (fa, &reply);
  if (code != 0)
    {
      refuse_reply (fa, &reply, code);
      return;
    }
  apply_reply (fa, &reply);
  relay_reply (fa, &reply);
  remove_pending (fa, reply.pending);
}
