/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "mip4/mip4-ha-private.h"

#include <string.h>

/*
 * Receiving Registration Requests (RFC 5944 3.8.2) and answering them (3.8.3). Order of checks:
 * trusted source, format, association, MHAE, Identification, Foreign-Home authentication, fields,
 * policy. Up to the MHAE every failure is silent.
 */

typedef struct
{
  const RoamEndpoint *source;
  const RoamAddr *destination;
  Mip4Message message;
  Mip4HaNodeState *node; /* NULL until the association is found */
} Request;

/* What is to be answered. */
typedef struct
{
  guint8 code;
  guint16 lifetime_s;
  guint64 identification;
  gboolean udp_reply, udp_forced; /* extension 44 */
  guint8 udp_code;
} Answer;

static void
log_request (Mip4Ha *ha, const Request *request, guint8 code, gboolean security, const char *reason)
{
  Mip4HaAction *action = mip4_ha_push (ha, MIP4_HA_ACTION_LOG);

  action->log.source = *request->source;
  action->log.home_address = request->message.home_address;
  action->log.spi = request->message.mhae.spi;
  action->log.code = code;
  action->log.security = security;
  action->log.reason = reason;
}

static void
discard (Mip4Ha *ha, const Request *request, Mip4Discard why)
{
  ha->discards[why]++;
  log_request (ha, request, 0, why >= MIP4_DISCARD_NO_ASSOCIATION, mip4_discard_sentence (why));
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

static gboolean
nai_matches (const Mip4HaNodeState *node, const Mip4Slice *nai)
{
  return node->config.nai != NULL && nai->data != NULL && strlen (node->config.nai) == nai->length &&
         memcmp (node->config.nai, nai->data, nai->length) == 0;
}

/* By home address, or by NAI when the node asks for one (RFC 2794 3). */
static Mip4HaNodeState *
find_node (const Mip4Ha *ha, const Mip4Message *message)
{
  if (roam_addr_is_specified (&message->home_address))
    return g_hash_table_lookup (ha->by_address, &message->home_address);
  for (guint i = 0; i < ha->nodes->len; i++)
    {
      Mip4HaNodeState *node = g_ptr_array_index (ha->nodes, i);

      if (nai_matches (node, &message->covered.nai))
        return node;
    }
  return NULL;
}

static Mip4Discard
verify_request (const Mip4Ha *ha, Request *request, const guint8 *data, gsize length)
{
  Mip4Discard why;

  if (!is_trusted (ha, &request->source->addr))
    return MIP4_DISCARD_UNTRUSTED_SOURCE;
  why = mip4_parse_fixed (data, length, &request->message);
  if (why == MIP4_DISCARD_NONE && request->message.type != MIP4_MESSAGE_REQUEST)
    why = MIP4_DISCARD_TYPE;
  if (why == MIP4_DISCARD_NONE)
    why = mip4_parse_extensions (&request->message);
  if (why != MIP4_DISCARD_NONE)
    return why;
  request->node = find_node (ha, &request->message);
  if (request->node == NULL)
    return MIP4_DISCARD_NO_ASSOCIATION;
  why = mip4_verify_mhae (&request->message, &request->node->config.mn_ha);
  if (why != MIP4_DISCARD_NONE)
    return why;
  /* No association with any foreign agent: such an extension cannot be right (RFC 5944 3.8.2.1 d). */
  return request->message.fhae.count > 0 ? MIP4_DISCARD_FHAE : MIP4_DISCARD_NONE;
}

/* Extension order: RFC 5944 3.8.3.3. TNC is in accepting and denying replies alike (RFC 5265 4.3). */
static GBytes *
build_reply (const Mip4Ha *ha, const Request *request, const Answer *answer)
{
  const Mip4HaNodeState *node = request->node;
  const Mip4Slice *nai = &request->message.covered.nai;
  g_auto (WireWriter) writer = { 0 };

  wire_writer_init (&writer, MIP4_MESSAGE_MAX);
  mip4_write_reply (&writer, answer->code, answer->lifetime_s, &node->config.home_address, &ha->config.address,
                    answer->identification);
  if (nai->data != NULL)
    mip4_write_tlv (&writer, MIP4_EXT_NAI, nai->data, nai->length);
  if (answer->udp_reply)
    mip4_write_udp_tunnel_reply (&writer, answer->udp_code, answer->udp_forced,
                                 answer->udp_code < MIP4_UDP_ASSENT_LIMIT ? ha->config.keepalive_s : 0);
  mip4_write_tnc (&writer);
  mip4_write_auth (&writer, MIP4_EXT_MOBILE_HOME_AUTH, &node->config.mn_ha);
  return wire_writer_finish (&writer);
}

static void
send_reply (Mip4Ha *ha, const Request *request, const Answer *answer)
{
  Mip4HaAction *action = mip4_ha_push (ha, MIP4_HA_ACTION_SEND);

  /* RFC 5944 3.8.3.1: from where the request went to, unless that was a broadcast; ports and addresses mirrored. */
  action->send.source = ha->config.address;
  action->send.destination = *request->source;
  action->send.on_home_link = roam_addr_equal (&request->source->addr, &request->node->config.home_address);
  action->send.ttl = MIP4_HA_REPLY_TTL;
  action->send.datagram = build_reply (ha, request, answer);
}

static void
deny (Mip4Ha *ha, const Request *request, guint8 code, guint64 identification)
{
  const Answer answer = { .code = code, .identification = identification };

  ha->counts[MIP4_HA_COUNT_DENIED]++;
  log_request (ha, request, code, code == MIP4_CODE_HA_IDENTIFICATION, mip4_code_to_string (code));
  send_reply (ha, request, &answer);
}

/* RFC 5944 3.8.2.2 and D-04: home address, care-of address and Identification of the current binding. */
static gboolean
is_duplicate (const Request *request)
{
  const Mip4HaBinding *binding = &request->node->binding;

  return request->node->has_binding && request->message.lifetime > 0 &&
         binding->identification == request->message.identification &&
         roam_addr_equal (&binding->care_of_address, &request->message.care_of_address);
}

/* RFC 5944 5.7.1, modulo 2^64 (D-28). */
static gboolean
identification_is_valid (const Mip4Ha *ha, const RoamNow *now, const Request *request)
{
  guint64 identification = request->message.identification;
  gint64 difference = (gint64)(identification - now->ntp);
  gint64 tolerance = (gint64)ha->config.tolerance_s << 32;

  if (difference > tolerance || difference < -tolerance)
    return FALSE;
  return !request->node->has_last || mip4_identification_after (identification, request->node->last);
}

static gboolean
is_any_home_agent (const RoamAddr *addr)
{
  guint32 value = roam_addr_to_u32 (addr);

  return value == 0 || value == G_MAXUINT32;
}

/* Which home agent the node means (RFC 5944 3.8.3.2; RFC 4433 5.3). */
static guint8
check_home_agent (const Mip4Ha *ha, const Request *request)
{
  const Mip4Message *m = &request->message;

  if (!roam_addr_equal (request->destination, &ha->config.address))
    return MIP4_CODE_HA_UNKNOWN_HA;
  if (m->covered.dynamic_ha_subtype == 1 && !roam_addr_equal (&m->covered.dynamic_ha, &ha->config.address))
    return MIP4_CODE_HA_UNKNOWN_HA;
  if (!roam_addr_equal (&m->home_agent, &ha->config.address) && !is_any_home_agent (&m->home_agent))
    return MIP4_CODE_HA_UNKNOWN_HA;
  return MIP4_CODE_ACCEPTED;
}

/* An address no tunnel may end at: it would loop or reach everybody. */
static gboolean
is_bad_care_of_address (const Mip4Ha *ha, const Request *request)
{
  const RoamAddr *care_of = &request->message.care_of_address;
  guint32 value = roam_addr_to_u32 (care_of);

  return value >> 24 == 0 || value >> 24 == 127 || value >> 28 >= 14 ||
         roam_addr_equal (care_of, &ha->config.address) || g_hash_table_contains (ha->by_address, care_of);
}

static guint8
check_fields (const Mip4Ha *ha, const Request *request)
{
  const Mip4Message *m = &request->message;
  guint8 code = check_home_agent (ha, request);

  if (code != MIP4_CODE_ACCEPTED)
    return code;
  if (m->covered.nai.data != NULL && request->node->config.nai != NULL && !nai_matches (request->node, &m->covered.nai))
    return MIP4_CODE_HA_PROHIBITED;
  if (ha->config.strict_reserved && (m->flags & MIP4_FLAGS_RESERVED) != 0)
    return MIP4_CODE_HA_POORLY_FORMED;
  if (m->covered.n_cvse > 0)
    return MIP4_CODE_HA_CVSE_FROM_MN;
  if (m->uncovered.n_cvse > 0)
    return MIP4_CODE_HA_CVSE_FROM_FA;
  if (m->lifetime == 0)
    return MIP4_CODE_ACCEPTED;
  if (is_bad_care_of_address (ha, request))
    return MIP4_CODE_HA_POORLY_FORMED;
  if ((m->flags & (MIP4_FLAG_MINIMAL | MIP4_FLAG_GRE)) != 0)
    return MIP4_CODE_HA_ENCAPSULATION;
  if (ha->config.require_reverse_tunnel && (m->flags & MIP4_FLAG_REVERSE_TUNNEL) == 0)
    return MIP4_CODE_HA_REVERSE_TUNNEL_MANDATORY;
  return MIP4_CODE_ACCEPTED;
}

/* Whether the request's 144 is well formed (RFC 3519 4.6.1, D-13). */
static guint8
check_udp_request (const Request *request)
{
  const Mip4Message *m = &request->message;
  const Mip4UdpTunnelRequest *udp = &m->covered.udp_request;
  gboolean co_located = (m->flags & MIP4_FLAG_DECAPSULATION) != 0;

  if ((udp->present && !co_located) || (m->uncovered.udp_request.present && co_located) || udp->reserved3)
    return MIP4_CODE_HA_POORLY_FORMED;
  if (udp->present && udp->encapsulation != MIP4_UDP_ENCAPSULATION_BY_FLAGS &&
      udp->encapsulation != MIP4_UDP_ENCAPSULATION_IP)
    return MIP4_CODE_HA_UDP_ENCAPSULATION;
  return MIP4_CODE_ACCEPTED;
}

/* NAT detection and what is answered to 144 (RFC 3519 4.6); fills the 44 of @answer. */
static guint8
decide_udp_tunnel (const Mip4Ha *ha, const Request *request, Answer *answer)
{
  const Mip4Message *m = &request->message;
  const Mip4UdpTunnelRequest *udp = &m->covered.udp_request;
  gboolean nat = !roam_addr_equal (&request->source->addr, &m->care_of_address);

  if (!udp->present)
    return nat && ha->config.require_source_match && (m->flags & MIP4_FLAG_DECAPSULATION) != 0 ? MIP4_CODE_HA_PROHIBITED
                                                                                               : MIP4_CODE_ACCEPTED;
  if (nat && (!ha->config.nat_traversal || udp->via_foreign_agent))
    return MIP4_CODE_HA_PROHIBITED;
  if (!nat && udp->forced && !ha->config.forced_udp)
    return MIP4_CODE_HA_PROHIBITED;
  answer->udp_reply = TRUE;
  answer->udp_forced = udp->forced && !nat;
  answer->udp_code = nat || udp->forced ? 0 : MIP4_UDP_ASSENT_LIMIT;
  return MIP4_CODE_ACCEPTED;
}

static Mip4HaBinding
binding_of (const Mip4Ha *ha, const RoamNow *now, const Request *request, const Answer *answer)
{
  const Mip4Message *m = &request->message;
  Mip4HaBinding binding = {
    .home_address = request->node->config.home_address,
    .care_of_address = m->care_of_address,
    .peer = { m->care_of_address, 0 },
    .udp_tunnel = answer->udp_reply && answer->udp_code < MIP4_UDP_ASSENT_LIMIT,
    .reverse_tunnel = (m->flags & MIP4_FLAG_REVERSE_TUNNEL) != 0,
    .co_located = (m->flags & MIP4_FLAG_DECAPSULATION) != 0,
    .accepted_us = now->boot_us,
    .expiry_us = ROAM_NEVER,
    .identification = m->identification,
  };

  if (binding.udp_tunnel)
    {
      binding.peer = *request->source;
      binding.keepalive_s = ha->config.keepalive_s;
    }
  /* Never above what was asked for (RFC 5944 3.8.2.2). */
  binding.lifetime_s =
    MIN (m->lifetime, binding.udp_tunnel ? ha->config.max_udp_lifetime_s : ha->config.max_lifetime_s);
  if (binding.lifetime_s != MIP4_LIFETIME_INFINITE)
    binding.expiry_us = now->boot_us + binding.lifetime_s * ROAM_USEC_PER_SEC;
  return binding;
}

static void
process_registration (Mip4Ha *ha, const RoamNow *now, const Request *request)
{
  guint64 identification = request->message.identification;
  Answer answer = { .code = MIP4_CODE_ACCEPTED_NO_SIMULTANEOUS, .identification = identification };
  Mip4HaBinding binding;
  guint8 code = check_udp_request (request);

  if (code == MIP4_CODE_ACCEPTED)
    code = decide_udp_tunnel (ha, request, &answer);
  if (code == MIP4_CODE_ACCEPTED && !request->node->has_binding && ha->config.max_bindings > 0 &&
      ha->n_bindings >= ha->config.max_bindings)
    code = MIP4_CODE_HA_RESOURCES;
  if (code != MIP4_CODE_ACCEPTED)
    {
      deny (ha, request, code, identification);
      return;
    }
  binding = binding_of (ha, now, request, &answer);
  answer.lifetime_s = binding.lifetime_s;
  ha->counts[MIP4_HA_COUNT_ACCEPTED]++;
  mip4_ha_set_binding (ha, request->node, &binding);
  send_reply (ha, request, &answer);
}

/* RFC 5944 3.8.2.2: with the home address all bindings go, else the one named; accepted even when there is none. */
static void
process_deregistration (Mip4Ha *ha, const Request *request)
{
  const Answer answer = { .code = MIP4_CODE_ACCEPTED, .identification = request->message.identification };
  const RoamAddr *care_of = &request->message.care_of_address, *home = &request->node->config.home_address;
  gboolean at_home = roam_addr_equal (&request->source->addr, home);

  if (roam_addr_equal (care_of, home))
    mip4_ha_remove_binding (ha, request->node, at_home ? MIP4_HA_REMOVED_AT_HOME : MIP4_HA_REMOVED_DEREGISTERED);
  else if (roam_addr_equal (care_of, &request->node->binding.care_of_address))
    mip4_ha_remove_binding (ha, request->node, MIP4_HA_REMOVED_DEREGISTERED);
  ha->counts[MIP4_HA_COUNT_DEREGISTERED]++;
  send_reply (ha, request, &answer);
}

/* D-04: the answer again, with what is left of the lifetime; nothing else changes. */
static void
process_duplicate (Mip4Ha *ha, const RoamNow *now, const Request *request)
{
  const Mip4HaBinding *binding = &request->node->binding;
  gint64 left_s = (binding->expiry_us - now->boot_us) / ROAM_USEC_PER_SEC;
  const Answer answer = {
    .code = MIP4_CODE_ACCEPTED_NO_SIMULTANEOUS,
    .lifetime_s = (guint16)CLAMP (left_s, 0, binding->lifetime_s),
    .identification = binding->identification,
    .udp_reply = request->message.covered.udp_request.present,
    .udp_code = binding->udp_tunnel ? 0 : MIP4_UDP_ASSENT_LIMIT,
  };

  ha->counts[MIP4_HA_COUNT_DUPLICATE]++;
  send_reply (ha, request, &answer);
}

static void
process_request (Mip4Ha *ha, const RoamNow *now, const Request *request)
{
  guint64 identification = request->message.identification;
  guint8 code;

  if (is_duplicate (request))
    {
      process_duplicate (ha, now, request);
      return;
    }
  if (!identification_is_valid (ha, now, request))
    {
      /* Our clock above, the request's low half below (RFC 5944 5.7.1). */
      deny (ha, request, MIP4_CODE_HA_IDENTIFICATION,
            (now->ntp & G_GUINT64_CONSTANT (0xffffffff00000000)) | (identification & G_MAXUINT32));
      return;
    }
  request->node->has_last = TRUE;
  request->node->last = identification;
  code = check_fields (ha, request);
  if (code != MIP4_CODE_ACCEPTED)
    deny (ha, request, code, identification);
  else if (request->message.lifetime > 0)
    process_registration (ha, now, request);
  else
    process_deregistration (ha, request);
}

void
mip4_ha_input_datagram (Mip4Ha *ha, const RoamNow *now, const RoamEndpoint *source, const RoamAddr *destination,
                        const guint8 *data, gsize length)
{
  Request request = { .source = source, .destination = destination };
  Mip4Discard why = verify_request (ha, &request, data, length);

  /* A binding whose deadline is overdue must not look current. */
  mip4_ha_input_deadline (ha, now);
  if (why == MIP4_DISCARD_NONE)
    process_request (ha, now, &request);
  else
    discard (ha, &request, why);
}
