/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "mip4/mip4-fa-private.h"

#include <string.h>

/*
 * Receiving Registration Requests (RFC 5944 3.7.2; RFC 3024 4.2.1; RFC 4721 3.2; RFC 4433 5.2). Order of
 * checks: format, Mobile-Foreign authentication, challenge, fields, policy, resources. What nobody
 * authenticated changes nothing but counters, the rate limit and the list of pending requests.
 */

static gboolean
is_bad_host (const RoamAddr *addr)
{
  guint32 value = roam_addr_to_u32 (addr);

  return value >> 24 == 0 || value >> 24 == 127 || value >> 28 >= 14;
}

gboolean
mip4_fa_may_be_home_address (const Mip4Fa *fa, const RoamAddr *addr)
{
  return !is_bad_host (addr) && !mip4_fa_is_own_address (fa, addr) &&
         !(roam_addr_is_set (&fa->config.visited_network.addr) &&
           roam_prefix_contains (&fa->config.visited_network, addr));
}

static gboolean
is_any_home_agent (const RoamAddr *addr)
{
  guint32 value = roam_addr_to_u32 (addr);

  return value == 0 || value == G_MAXUINT32;
}

/* RFC 4721 3.2: the challenge counts only under an authentication that follows it. */
static gboolean
challenge_is_authenticated (const Mip4Message *m)
{
  const guint8 *challenge = m->uncovered.challenge.data;

  return challenge == NULL || (m->mfae.count > 0 && challenge < m->mfae.authenticator.data) ||
         (m->mn_aaa.count > 0 && challenge < m->mn_aaa.authenticator.data);
}

/* What is dropped without an answer. */
static Mip4Discard
check_format (Mip4Fa *fa, Mip4FaRequest *request)
{
  const Mip4Message *m = &request->message;

  request->node = g_hash_table_lookup (fa->nodes, &m->home_address);
  if (request->node == NULL && m->mfae.count > 0)
    return MIP4_DISCARD_NO_ASSOCIATION;
  if (!challenge_is_authenticated (m))
    return MIP4_DISCARD_CHALLENGE;
  /* RFC 3543 3.2: only who ends the tunnel itself takes part in revocation. */
  if ((m->flags & MIP4_FLAG_DECAPSULATION) == 0 && (m->covered.revocation || m->uncovered.revocation))
    return MIP4_DISCARD_REVOCATION_SUPPORT;
  return MIP4_DISCARD_NONE;
}

/* By the same station: another one must not take the place of what this one sent. */
static Mip4FaPending *
find_same_attempt (const Mip4Fa *fa, const Mip4FaRequest *request)
{
  const Mip4Message *m = &request->message;
  const Mip4Slice *nai = &m->covered.nai;

  for (guint i = 0; i < fa->pending->len; i++)
    {
      Mip4FaPending *pending = g_ptr_array_index (fa->pending, i);

      if (memcmp (pending->visitor.link_layer, request->header->link_layer, sizeof pending->visitor.link_layer) == 0 &&
          roam_addr_equal (&pending->visitor.home_address, &m->home_address) &&
          roam_addr_equal (&pending->visitor.home_agent, &m->home_agent) &&
          roam_addr_equal (&pending->visitor.care_of_address, &m->care_of_address) &&
          pending->visitor.requested_s == m->lifetime && pending->nai_length == nai->length &&
          (nai->length == 0 || memcmp (pending->nai, nai->data, nai->length) == 0))
        return pending;
    }
  return NULL;
}

/* Without an association it must be there; with one it must be good when it is there (RFC 4721 3.1, 3.2). */
static guint8
check_challenge (const Mip4Fa *fa, Mip4FaRequest *request)
{
  const Mip4Slice *octets = &request->message.uncovered.challenge;
  const Mip4FaPending *pending;

  if (!fa->config.challenge || (request->node != NULL && octets->data == NULL))
    return 0;
  /* A retransmission brings its challenge again (RFC 4721 3.2). */
  pending = find_same_attempt (fa, request);
  if (pending != NULL && octets->length == sizeof pending->challenge.octets && pending->challenge.number != 0 &&
      memcmp (pending->challenge.octets, octets->data, octets->length) == 0)
    {
      request->challenge = pending->challenge;
      return 0;
    }
  return mip4_fa_check_challenge (fa, request->neighbour, octets, &request->challenge);
}

static guint8
check_authentication (const Mip4Fa *fa, Mip4FaRequest *request)
{
  const Mip4Message *m = &request->message;

  if (request->node != NULL &&
      (m->mfae.count != 1 || mip4_verify_auth (m, &m->mfae, &request->node->association) != MIP4_DISCARD_NONE))
    return FA_CODE_MN_AUTH;
  /* RFC 5944 3.5.2: without it nobody could accept the request, and nothing says where the node's part ends. */
  if (m->mhae.count + m->mn_aaa.count == 0 || m->mhae.count > 1 || m->mn_aaa.count > 1)
    return FA_CODE_POOR_REQUEST;
  return check_challenge (fa, request);
}

/* Where it is to go (RFC 5944 3.7.2; RFC 4433 5.2). */
static guint8
choose_home_agent (const Mip4Fa *fa, Mip4FaRequest *request)
{
  const Mip4Message *m = &request->message;

  request->relay_to = m->home_agent;
  if (is_any_home_agent (&m->home_agent))
    {
      if (m->covered.dynamic_ha_subtype != 1)
        return FA_CODE_HOME_AGENT_NEEDED;
      request->relay_to = m->covered.dynamic_ha;
    }
  if (is_bad_host (&request->relay_to))
    return FA_CODE_HOME_AGENT_NEEDED;
  if (mip4_fa_is_own_address (fa, &request->relay_to))
    return FA_CODE_OWN_ADDRESS;
  request->home_agent = g_hash_table_lookup (fa->home_agents, &request->relay_to);
  return 0;
}

static guint8
check_home_address (const Mip4Fa *fa, const Mip4Message *m)
{
  if (!roam_addr_is_specified (&m->home_address))
    return m->covered.nai.data != NULL ? 0 : FA_CODE_HOME_ADDRESS_NEEDED;
  if (is_bad_host (&m->home_address))
    return FA_CODE_POOR_REQUEST;
  return mip4_fa_may_be_home_address (fa, &m->home_address) ? 0 : FA_CODE_PROHIBITED;
}

static void
copy_nai (char out[MIP4_FA_NAI_MAX + 1], const Mip4Slice *nai)
{
  for (gsize i = 0; i < nai->length && i < MIP4_FA_NAI_MAX; i++)
    out[i] = (char)(g_ascii_isgraph (nai->data[i]) ? nai->data[i] : '?');
}

static gboolean
is_copy_of (const Mip4FaRequest *request, const Mip4FaVisitor *other)
{
  const Mip4Message *m = &request->message;
  char nai[MIP4_FA_NAI_MAX + 1] = { 0 };

  copy_nai (nai, &m->covered.nai);
  return other->identification == m->identification &&
         memcmp (other->link_layer, request->header->link_layer, sizeof other->link_layer) != 0 &&
         (roam_addr_is_specified (&m->home_address) ? roam_addr_equal (&other->home_address, &m->home_address)
                                                    : strcmp (other->nai, nai) == 0);
}

/*
 * Somebody else's request, replayed by another station: the home agent would accept it again as a duplicate
 * (RFC 5944 3.8.2.2), and the packets for its node would go to that station.
 */
static gboolean
is_copy (const Mip4Fa *fa, const Mip4FaRequest *request)
{
  for (guint i = 0; i < fa->pending->len; i++)
    if (is_copy_of (request, &((const Mip4FaPending *)g_ptr_array_index (fa->pending, i))->visitor))
      return TRUE;
  for (guint i = 0; i < fa->visitors->len; i++)
    if (is_copy_of (request, g_ptr_array_index (fa->visitors, i)))
      return TRUE;
  return FALSE;
}

/* RFC 3024 4.2.1, in its order: encapsulation, delivery style, policy, distance, and last whether we can. */
static guint8
check_tunnel (const Mip4Fa *fa, const Mip4FaRequest *request)
{
  const Mip4Message *m = &request->message;
  gboolean co_located = (m->flags & MIP4_FLAG_DECAPSULATION) != 0;
  gboolean reverse = (m->flags & MIP4_FLAG_REVERSE_TUNNEL) != 0;
  gboolean encapsulating = m->uncovered.encapsulating_delivery;

  if (!co_located && (m->flags & (MIP4_FLAG_MINIMAL | MIP4_FLAG_GRE)) != 0)
    return FA_CODE_ENCAPSULATION;
  if (encapsulating && !reverse)
    return FA_CODE_POOR_REQUEST;
  if (encapsulating && !fa->config.encapsulating_delivery)
    return FA_CODE_DELIVERY_STYLE;
  if (!co_located && !reverse && fa->config.reverse_tunnel_required && m->lifetime > 0)
    return FA_CODE_REVERSE_TUNNEL_MANDATORY;
  if (reverse && request->header->ttl != 255)
    return FA_CODE_TOO_DISTANT;
  if (!co_located && reverse && !fa->config.reverse_tunnel)
    return FA_CODE_REVERSE_TUNNEL;
  return 0;
}

static guint8
check_fields (const Mip4Fa *fa, Mip4FaRequest *request)
{
  const Mip4Message *m = &request->message;
  guint8 code;

  if (fa->config.strict_reserved && (m->flags & MIP4_FLAGS_RESERVED) != 0)
    return FA_CODE_POOR_REQUEST;
  /* Critical and not for the home agent: none of them is known here (RFC 3115 2.4). */
  if (m->uncovered.n_cvse > 0)
    return FA_CODE_CVSE_FROM_MN;
  code = choose_home_agent (fa, request);
  if (code == 0)
    code = check_home_address (fa, m);
  if (code == 0 && is_copy (fa, request))
    code = FA_CODE_PROHIBITED;
  if (code != 0)
    return code;
  if ((m->flags & MIP4_FLAG_DECAPSULATION) == 0 && m->lifetime > 0 && !mip4_fa_is_care_of (fa, &m->care_of_address))
    return FA_CODE_CARE_OF_ADDRESS;
  if (m->lifetime > fa->config.registration_lifetime_s)
    return FA_CODE_LIFETIME;
  return check_tunnel (fa, request);
}

/* Pending requests of one node, whichever home address it names. */
static guint
n_pending_of (const Mip4Fa *fa, const guint8 link_layer[6])
{
  guint n = 0;

  for (guint i = 0; i < fa->pending->len; i++)
    n += memcmp (((const Mip4FaPending *)g_ptr_array_index (fa->pending, i))->visitor.link_layer, link_layer, 6) == 0;
  return n;
}

/* RFC 5944 3.7.1. What is known already may renew and leave whatever the load (2.1.1, bit B). */
static guint8
check_resources (const Mip4Fa *fa, const Mip4FaRequest *request)
{
  const Mip4Message *m = &request->message;

  if (mip4_fa_is_busy (fa) && m->lifetime > 0 && mip4_fa_find_visitor (fa, &m->home_address) == NULL)
    return FA_CODE_RESOURCES;
  if (find_same_attempt (fa, request) != NULL)
    return 0;
  if (fa->pending->len >= fa->config.max_pending ||
      n_pending_of (fa, request->header->link_layer) >= MIP4_FA_NODE_PENDING)
    return FA_CODE_RESOURCES;
  return 0;
}

/* RFC 5944 3.7.1: what is kept of a request. */
static Mip4FaVisitor
visitor_of (const Mip4FaRequest *request)
{
  const Mip4Message *m = &request->message;
  Mip4FaVisitor visitor = {
    .home_address = m->home_address,
    .home_agent = m->home_agent,
    .care_of_address = m->care_of_address,
    .source = request->header->source,
    .request_destination = request->header->destination,
    .co_located = (m->flags & MIP4_FLAG_DECAPSULATION) != 0,
    .reverse_tunnel = (m->flags & MIP4_FLAG_REVERSE_TUNNEL) != 0,
    .encapsulating_delivery = m->uncovered.encapsulating_delivery,
    .requested_s = m->lifetime,
    .identification = m->identification,
  };

  memcpy (visitor.link_layer, request->header->link_layer, sizeof visitor.link_layer);
  copy_nai (visitor.nai, &m->covered.nai);
  return visitor;
}

static Mip4FaPending *
add_pending (Mip4Fa *fa, const Mip4FaRequest *request)
{
  const Mip4Slice *nai = &request->message.covered.nai;
  Mip4FaPending *pending = find_same_attempt (fa, request);

  /* A newer copy takes the place of the older: only the latest Identification can be answered (RFC 5944 3.6.2.1). */
  if (pending == NULL)
    {
      pending = g_new0 (Mip4FaPending, 1);
      g_ptr_array_add (fa->pending, pending);
    }
  *pending = (Mip4FaPending){
    .visitor = visitor_of (request),
    .relayed_to = request->relay_to,
    .nai_length = nai->length,
    .challenge = request->challenge,
    .due_us = request->now->boot_us + MIP4_FA_PENDING_US,
  };
  if (nai->length > 0)
    memcpy (pending->nai, nai->data, nai->length);
  return pending;
}

static void
relay (Mip4Fa *fa, const Mip4FaRequest *request)
{
  Mip4FaPending *pending = add_pending (fa, request);
  gboolean co_located = pending->visitor.co_located;
  Mip4FaAction *action = mip4_fa_push (fa, MIP4_FA_ACTION_SEND);

  if (request->challenge.number != 0)
    request->neighbour->used = request->challenge;
  pending->asked_udp = fa->config.behind_nat && !co_located && pending->visitor.requested_s > 0;
  pending->asked_revocation =
    fa->config.revocation && request->home_agent != NULL && !co_located && pending->visitor.requested_s > 0;
  /* RFC 5944 3.7.2.2; RFC 3519 4.5 relies on the source. A co-located address is not ours to send from. */
  action->send.source = mip4_fa_is_care_of (fa, &pending->visitor.care_of_address) ? pending->visitor.care_of_address
                                                                                   : fa->config.care_of[0];
  action->send.source_port = MIP4_PORT;
  action->send.destination = (RoamEndpoint){ request->relay_to, MIP4_PORT };
  action->send.ttl = MIP4_FA_TTL;
  action->send.datagram = mip4_fa_build_relayed_request (fa, request, pending->asked_udp, pending->asked_revocation);
  fa->counts[FA_COUNT_REQUESTS_RELAYED]++;
}

static guint8
check_request (Mip4Fa *fa, Mip4FaRequest *request)
{
  guint8 code = check_authentication (fa, request);

  if (code == 0)
    code = check_fields (fa, request);
  return code != 0 ? code : check_resources (fa, request);
}

void
mip4_fa_process_request (Mip4Fa *fa, const RoamNow *now, const Mip4FaHeader *header, const guint8 *data, gsize length)
{
  Mip4FaRequest request = { .now = now, .header = header };
  Mip4Discard why = mip4_parse (data, length, &request.message);
  Mip4FaVisitor visitor;
  guint8 code;

  if (why == MIP4_DISCARD_NONE)
    why = check_format (fa, &request);
  if (why != MIP4_DISCARD_NONE)
    {
      mip4_fa_discard (fa, header, &request.message.home_address, why);
      return;
    }
  request.neighbour = mip4_fa_neighbour (fa, now, header->link_layer);
  code = check_request (fa, &request);
  if (code == 0)
    {
      relay (fa, &request);
      return;
    }
  visitor = visitor_of (&request);
  mip4_fa_deny (fa, now, &visitor, code);
}
