/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "mip4/mip4-ha-private.h"

/*
 * Receiving Registration Requests (RFC 5944 3.8.2). Order of checks: trusted source, format, association,
 * MHAE, Identification, Foreign-Home authentication, fields, policy. Up to the MHAE every failure is silent,
 * but for code 131.
 */

static void
discard (Mip4Ha *ha, const RoamNow *now, const Mip4HaRequest *request, Mip4Discard why)
{
  ha->discards[why]++;
  mip4_ha_log (ha, now, request, 0, why >= MIP4_DISCARD_NO_ASSOCIATION, mip4_discard_sentence (why));
}

/* RFC 5265 4.3: the list is empty by default, and then nobody is heard. */
static gboolean
is_trusted (const Mip4Ha *ha, const RoamAddr *source)
{
  for (gsize i = 0; i < ha->config.n_trusted_networks; i++)
    if (roam_prefix_contains (&ha->config.trusted_networks[i], source))
      return TRUE;
  return FALSE;
}

/* By home address, or by NAI when the node asks for one (RFC 2794 3) or lost the one it had from the pool. */
static Mip4HaNodeState *
find_node (const Mip4Ha *ha, const Mip4Message *message)
{
  Mip4HaNodeState *node;

  if (!roam_addr_is_specified (&message->home_address))
    return mip4_ha_node_by_nai (ha, &message->covered.nai);
  node = mip4_ha_node_by_address (ha, &message->home_address);
  if (node == NULL && mip4_ha_pool_has (ha, &message->home_address))
    {
      node = mip4_ha_node_by_nai (ha, &message->covered.nai);
      if (node != NULL && !node->is_assigned)
        node = NULL;
    }
  return node;
}

static Mip4Discard
verify_request (const Mip4Ha *ha, Mip4HaRequest *request)
{
  Mip4Message *message = &request->message;
  Mip4Discard why = mip4_parse_extensions (message);

  if (why != MIP4_DISCARD_NONE)
    return why;
  request->node = find_node (ha, message);
  if (request->node == NULL)
    return MIP4_DISCARD_NO_ASSOCIATION;
  request->fa_ha = mip4_ha_find_fa_association (ha, &request->source->addr);
  request->mn_ha = mip4_ha_find_association (request->node, message->mhae.spi);
  why = mip4_ha_verify_auth (ha, message, &message->mhae, request->mn_ha != NULL ? &request->mn_ha->association : NULL);
  if (why != MIP4_DISCARD_NONE)
    return why;
  /* Such an extension cannot be right without an association (RFC 5944 3.8.2.1 d). */
  return message->fhae.count > 0 && request->fa_ha == NULL ? MIP4_DISCARD_FHAE : MIP4_DISCARD_NONE;
}

static gboolean
has_valid_fhae (const Mip4Ha *ha, const Mip4HaRequest *request)
{
  return request->fa_ha != NULL &&
         mip4_ha_verify_auth (ha, &request->message, &request->message.fhae, request->fa_ha) == MIP4_DISCARD_NONE;
}

/* RFC 5944 3.8.2.1 a: an invalid MHAE is answered when a foreign agent vouches for it, and else if we like. */
static gboolean
may_answer_131 (Mip4Ha *ha, const RoamNow *now, const Mip4HaRequest *request, Mip4Discard why)
{
  if (why != MIP4_DISCARD_SPI && why != MIP4_DISCARD_AUTHENTICATOR)
    return FALSE;
  return has_valid_fhae (ha, request) ||
         (ha->config.answer_unauthenticated && mip4_ha_rate_take (&ha->strangers, now, MIP4_HA_131_PER_SECOND));
}

/* RFC 5944 3.8.2.1 c; a deregistration has none (3.5.4), but one that is there must be right. */
static gboolean
fhae_is_as_it_must (const Mip4Ha *ha, const Mip4HaRequest *request)
{
  if (request->fa_ha == NULL || (request->message.lifetime == 0 && request->message.fhae.count == 0))
    return TRUE;
  return has_valid_fhae (ha, request);
}

/* RFC 5944 3.8.2.2 and D-04: home address, care-of address and Identification of a current binding. */
static const Mip4HaBinding *
find_duplicate (const Mip4HaRequest *request)
{
  const Mip4HaBindingState *state = mip4_ha_find_binding (request->node, &request->message.care_of_address);

  if (state == NULL || request->message.lifetime == 0 ||
      state->binding.identification != request->message.identification)
    return NULL;
  return &state->binding;
}

/* Where a tunnel in UDP ends (RFC 3519 4.6): at the NAT, or where the first keepalive will come from. */
static void
set_udp_tunnel (const Mip4Ha *ha, const Mip4HaRequest *request, Mip4HaBinding *binding)
{
  const Mip4HaBindingState *old = mip4_ha_find_binding (request->node, &binding->care_of_address);

  binding->udp_tunnel = TRUE;
  binding->keepalive_s = ha->config.keepalive_s;
  binding->peer = *request->source;
  if (!request->message.covered.udp_request.via_foreign_agent)
    return;
  binding->half_bound = TRUE;
  binding->peer.port = 0;
  /* A renewal by the same way: the end is known. */
  if (old != NULL && old->binding.udp_tunnel && !old->binding.half_bound &&
      roam_addr_equal (&old->binding.registrar, &binding->registrar))
    {
      binding->half_bound = FALSE;
      binding->peer = old->binding.peer;
    }
}

static Mip4HaBinding
binding_of (const Mip4Ha *ha, const RoamNow *now, const Mip4HaRequest *request, const Mip4HaAnswer *answer)
{
  const Mip4Message *m = &request->message;
  Mip4HaBinding binding = {
    .home_address = request->node->home_address,
    .care_of_address = m->care_of_address,
    .peer = { m->care_of_address, 0 },
    .registrar = request->source->addr,
    .reverse_tunnel = (m->flags & MIP4_FLAG_REVERSE_TUNNEL) != 0,
    .co_located = (m->flags & MIP4_FLAG_DECAPSULATION) != 0,
    .broadcast = (m->flags & MIP4_FLAG_BROADCAST) != 0 && ha->config.broadcast,
    .encapsulation = (m->flags & MIP4_FLAG_GRE) != 0 ? MIP4_HA_PROTOCOL_GRE : MIP4_HA_PROTOCOL_IPIP,
    .service = answer->service,
    .revocation = answer->revocation,
    .spi = m->mhae.spi,
    .accepted_us = now->boot_us,
    .expiry_us = ROAM_NEVER,
    .identification = m->identification,
  };

  if (answer->udp_reply && answer->udp_code < MIP4_UDP_ASSENT_LIMIT)
    set_udp_tunnel (ha, request, &binding);
  /* Inside UDP it is IP in IP: 144 asked for that. */
  if (binding.udp_tunnel)
    binding.encapsulation = MIP4_HA_PROTOCOL_IPIP;
  /* Never above what was asked for (RFC 5944 3.8.2.2). */
  binding.lifetime_s =
    MIN (m->lifetime, binding.udp_tunnel ? ha->config.max_udp_lifetime_s : ha->config.max_lifetime_s);
  if (binding.lifetime_s != MIP4_LIFETIME_INFINITE)
    binding.expiry_us = now->boot_us + binding.lifetime_s * ROAM_USEC_PER_SEC;
  return binding;
}

static guint8
accepting_code (const Mip4Ha *ha)
{
  return ha->config.max_simultaneous > 1 ? MIP4_CODE_ACCEPTED : MIP4_CODE_ACCEPTED_NO_SIMULTANEOUS;
}

/* A home address for who has none; last of all checks, because it takes one. */
static guint8
assign_home_address (Mip4Ha *ha, const Mip4HaRequest *request)
{
  if (roam_addr_is_set (&request->node->home_address) ||
      mip4_ha_pool_assign (ha, request->node, &request->message.home_address))
    return MIP4_CODE_ACCEPTED;
  return MIP4_CODE_HA_RESOURCES;
}

static void
process_registration (Mip4Ha *ha, const RoamNow *now, const Mip4HaRequest *request)
{
  Mip4HaAnswer answer = { .code = accepting_code (ha), .revocation = mip4_ha_revocation_peer (ha, request) };
  Mip4HaBinding binding;
  guint8 code = mip4_ha_check_udp (ha, request, &answer);

  if (code == MIP4_CODE_ACCEPTED)
    code = mip4_ha_check_service (request, &answer);
  /* RFC 5446 4.2: a change to a service that is refused ends the one there was. */
  if (code == MIP4_CODE_HA_SERVICE)
    mip4_ha_remove_bindings (ha, request->node, MIP4_HA_REMOVED_SERVICE);
  if (code == MIP4_CODE_ACCEPTED)
    code = mip4_ha_check_room (ha, request);
  if (code == MIP4_CODE_ACCEPTED)
    code = assign_home_address (ha, request);
  if (code != MIP4_CODE_ACCEPTED)
    {
      mip4_ha_deny (ha, now, request, code);
      return;
    }
  mip4_ha_forget_revocations (ha, request->node);
  binding = binding_of (ha, now, request, &answer);
  answer.lifetime_s = binding.lifetime_s;
  answer.identification = mip4_ha_answer_identification (ha, now, request, answer.code);
  ha->counts[MIP4_HA_COUNT_ACCEPTED]++;
  mip4_ha_set_binding (ha, request->node, &binding, mip4_ha_keeps_others (ha, request));
  mip4_ha_send_reply (ha, now, request, &answer);
}

/* RFC 5944 3.8.2.2: with the home address all bindings go, else the one named; accepted even when there is none. */
static void
process_deregistration (Mip4Ha *ha, const RoamNow *now, const Mip4HaRequest *request)
{
  const RoamAddr *care_of = &request->message.care_of_address;
  const RoamAddr home = request->node->home_address;
  gboolean at_home = roam_addr_equal (&request->source->addr, &home);
  Mip4HaBindingState *named = mip4_ha_find_binding (request->node, care_of);
  const Mip4HaAnswer answer = {
    .code = MIP4_CODE_ACCEPTED,
    .identification = mip4_ha_answer_identification (ha, now, request, MIP4_CODE_ACCEPTED),
  };

  if (roam_addr_equal (care_of, &home))
    mip4_ha_remove_bindings (ha, request->node, at_home ? MIP4_HA_REMOVED_AT_HOME : MIP4_HA_REMOVED_DEREGISTERED);
  else if (named != NULL)
    mip4_ha_remove_binding (ha, named, MIP4_HA_REMOVED_DEREGISTERED);
  ha->counts[MIP4_HA_COUNT_DEREGISTERED]++;
  mip4_ha_send_reply (ha, now, request, &answer);
}

/* D-04: the answer again, with what is left of the lifetime; nothing else changes. */
static void
process_duplicate (Mip4Ha *ha, const RoamNow *now, const Mip4HaRequest *request, const Mip4HaBinding *binding)
{
  const Mip4UdpTunnelRequest *udp = &request->message.covered.udp_request;
  gint64 left_s = (binding->expiry_us - now->boot_us) / ROAM_USEC_PER_SEC;
  const Mip4HaAnswer answer = {
    .code = accepting_code (ha),
    .lifetime_s = (guint16)CLAMP (left_s, 0, binding->lifetime_s),
    .identification = mip4_ha_answer_identification (ha, now, request, MIP4_CODE_ACCEPTED),
    .udp_reply = udp->present,
    .udp_forced = udp->forced && roam_addr_equal (&binding->registrar, &binding->care_of_address),
    .udp_code = binding->udp_tunnel ? 0 : MIP4_UDP_ASSENT_LIMIT,
    .revocation = binding->revocation,
  };

  ha->counts[MIP4_HA_COUNT_DUPLICATE]++;
  mip4_ha_send_reply (ha, now, request, &answer);
}

static void
process_request (Mip4Ha *ha, const RoamNow *now, const Mip4HaRequest *request)
{
  const Mip4HaBinding *duplicate;
  guint limit = ha->config.max_requests_per_second;
  guint8 code;

  if (limit > 0 && !mip4_ha_rate_take (&request->node->requests, now, limit))
    {
      ha->counts[MIP4_HA_COUNT_RATE_LIMITED]++;
      return;
    }
  duplicate = find_duplicate (request);
  if (duplicate != NULL)
    {
      process_duplicate (ha, now, request, duplicate);
      return;
    }
  code = mip4_ha_take_identification (ha, now, request) ? MIP4_CODE_ACCEPTED : MIP4_CODE_HA_IDENTIFICATION;
  if (code == MIP4_CODE_ACCEPTED && !fhae_is_as_it_must (ha, request))
    code = MIP4_CODE_HA_FA_AUTH;
  if (code == MIP4_CODE_ACCEPTED)
    code = mip4_ha_check_fields (ha, request);
  if (code != MIP4_CODE_ACCEPTED)
    mip4_ha_deny (ha, now, request, code);
  else if (request->message.lifetime > 0)
    process_registration (ha, now, request);
  else
    process_deregistration (ha, now, request);
}

static void
input_request (Mip4Ha *ha, const RoamNow *now, Mip4HaRequest *request)
{
  Mip4Discard why = verify_request (ha, request);

  if (why == MIP4_DISCARD_NONE)
    {
      process_request (ha, now, request);
      return;
    }
  discard (ha, now, request, why);
  if (may_answer_131 (ha, now, request, why))
    {
      /* Under the context the node most likely has. */
      if (request->mn_ha == NULL)
        request->mn_ha = &request->node->mn_ha;
      mip4_ha_deny (ha, now, request, MIP4_CODE_HA_MN_AUTH);
    }
}

void
mip4_ha_input_datagram (Mip4Ha *ha, const RoamNow *now, const RoamEndpoint *source, const RoamAddr *destination,
                        const guint8 *data, gsize length)
{
  Mip4HaRequest request = { .source = source, .destination = destination };
  Mip4Discard why;

  /* A binding whose deadline is overdue must not look current. */
  mip4_ha_input_deadline (ha, now);
  why =
    is_trusted (ha, &source->addr) ? mip4_parse_fixed (data, length, &request.message) : MIP4_DISCARD_UNTRUSTED_SOURCE;
  if (why == MIP4_DISCARD_NONE && request.message.type == MIP4_MESSAGE_REQUEST)
    input_request (ha, now, &request);
  else if (why == MIP4_DISCARD_NONE && request.message.type == MIP4_MESSAGE_REVOCATION_ACK)
    {
      why = mip4_ha_process_revocation_ack (ha, &request);
      if (why != MIP4_DISCARD_NONE)
        discard (ha, now, &request, why);
    }
  else
    discard (ha, now, &request, why == MIP4_DISCARD_NONE ? MIP4_DISCARD_TYPE : why);
}

gboolean
mip4_ha_input_keepalive (Mip4Ha *ha, const RoamNow *now, const RoamEndpoint *source, const RoamAddr *home_address)
{
  Mip4HaNodeState *node;
  Mip4HaBindingState *state;
  Mip4HaBinding binding;

  mip4_ha_input_deadline (ha, now);
  node = mip4_ha_node_by_address (ha, home_address);
  state = node != NULL ? node->bindings : NULL;
  /* From the address of the request and no other: the message itself is not authentic (RFC 3519 6.1.2). */
  while (state != NULL && !(state->binding.half_bound && roam_addr_equal (&state->binding.registrar, &source->addr)))
    state = state->next;
  if (state == NULL)
    {
      ha->discards[MIP4_DISCARD_KEEPALIVE]++;
      return FALSE;
    }
  binding = state->binding;
  binding.half_bound = FALSE;
  binding.peer = *source;
  mip4_ha_set_binding (ha, node, &binding, TRUE);
  return TRUE;
}
