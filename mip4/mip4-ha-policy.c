/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "mip4/mip4-ha-private.h"

#include <string.h>

/* Whether an authentic request is granted (RFC 5944 3.8.2.3, RFC 3024, 3519 4.6.1, 4433 5.3, 5446 4.2). */

static gboolean
is_any_home_agent (const RoamAddr *addr)
{
  guint32 value = roam_addr_to_u32 (addr);

  return value == 0 || value == G_MAXUINT32;
}

/* Which home agent the node means (RFC 5944 3.8.3.2; RFC 4433 5.3). */
static guint8
check_home_agent (const Mip4Ha *ha, const Mip4HaRequest *request)
{
  const Mip4Message *m = &request->message;

  if (!roam_addr_equal (request->destination, &ha->config.address))
    return MIP4_CODE_HA_UNKNOWN_HA;
  if (m->covered.dynamic_ha_subtype == 1 && !roam_addr_equal (&m->covered.dynamic_ha, &ha->config.address))
    return MIP4_CODE_HA_UNKNOWN_HA;
  if (is_any_home_agent (&m->home_agent))
    return roam_addr_is_set (&ha->config.redirect) ? MIP4_CODE_HA_REDIRECT : MIP4_CODE_ACCEPTED;
  return roam_addr_equal (&m->home_agent, &ha->config.address) ? MIP4_CODE_ACCEPTED : MIP4_CODE_HA_UNKNOWN_HA;
}

/* The NAI is the node's own, and the address it asks for is one it may have (RFC 5944 3.8.3.2). */
static guint8
check_identity (const Mip4Ha *ha, const Mip4HaRequest *request)
{
  const Mip4HaNodeState *node = request->node;
  const Mip4Slice *nai = &request->message.covered.nai;
  const RoamAddr *wish = &request->message.home_address;

  if (nai->data != NULL && node->nai != NULL &&
      (strlen (node->nai) != nai->length || memcmp (node->nai, nai->data, nai->length) != 0))
    return MIP4_CODE_HA_PROHIBITED;
  if (!roam_addr_is_specified (wish) || roam_addr_equal (wish, &node->home_address))
    return MIP4_CODE_ACCEPTED;
  if (roam_addr_is_set (&node->home_address) || !mip4_ha_pool_has (ha, wish) ||
      mip4_ha_node_by_address (ha, wish) != NULL)
    return MIP4_CODE_HA_PROHIBITED;
  return MIP4_CODE_ACCEPTED;
}

/* An address no tunnel may end at: it would loop or reach everybody. */
static gboolean
is_bad_care_of_address (const Mip4Ha *ha, const Mip4HaRequest *request)
{
  const RoamAddr *care_of = &request->message.care_of_address;
  guint32 value = roam_addr_to_u32 (care_of);

  return value >> 24 == 0 || value >> 24 == 127 || value >> 28 >= 14 ||
         roam_addr_equal (care_of, &ha->config.address) || mip4_ha_node_by_address (ha, care_of) != NULL ||
         mip4_ha_pool_has (ha, care_of);
}

static guint8
check_flags (const Mip4Ha *ha, const Mip4HaRequest *request)
{
  guint8 flags = request->message.flags;

  if ((flags & MIP4_FLAG_MINIMAL) != 0 || ((flags & MIP4_FLAG_GRE) != 0 && !ha->config.gre))
    return MIP4_CODE_HA_ENCAPSULATION;
  if ((flags & MIP4_FLAG_REVERSE_TUNNEL) != 0 && ha->config.refuse_reverse_tunnel)
    return MIP4_CODE_HA_REVERSE_TUNNEL_UNAVAILABLE;
  if ((flags & MIP4_FLAG_REVERSE_TUNNEL) == 0 && ha->config.require_reverse_tunnel)
    return MIP4_CODE_HA_REVERSE_TUNNEL_MANDATORY;
  return MIP4_CODE_ACCEPTED;
}

guint8
mip4_ha_check_fields (const Mip4Ha *ha, const Mip4HaRequest *request)
{
  const Mip4Message *m = &request->message;
  guint8 code = check_home_agent (ha, request);

  if (code == MIP4_CODE_ACCEPTED)
    code = check_identity (ha, request);
  if (code != MIP4_CODE_ACCEPTED)
    return code;
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
  return check_flags (ha, request);
}

/* Whether the request's 144 is well formed (RFC 3519 4.6.1, D-13). */
static guint8
check_udp_form (const Mip4HaRequest *request)
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

/* NAT detection and what is answered to 144 (RFC 3519 4.6). */
static guint8
decide_udp (const Mip4Ha *ha, const Mip4HaRequest *request, Mip4HaAnswer *answer)
{
  const Mip4Message *m = &request->message;
  const Mip4UdpTunnelRequest *udp = &m->covered.udp_request;
  gboolean nat = !roam_addr_equal (&request->source->addr, &m->care_of_address);

  if (!udp->present)
    return nat && ha->config.require_source_match && (m->flags & MIP4_FLAG_DECAPSULATION) != 0 ? MIP4_CODE_HA_PROHIBITED
                                                                                               : MIP4_CODE_ACCEPTED;
  if (nat && (!ha->config.nat_traversal || (udp->via_foreign_agent && !ha->config.agent_udp)))
    return MIP4_CODE_HA_PROHIBITED;
  if (!nat && udp->forced && !ha->config.forced_udp)
    return MIP4_CODE_HA_PROHIBITED;
  /* GRE inside UDP is not offered. */
  if ((nat || udp->forced) && udp->encapsulation == MIP4_UDP_ENCAPSULATION_BY_FLAGS && (m->flags & MIP4_FLAG_GRE) != 0)
    return MIP4_CODE_HA_UDP_ENCAPSULATION;
  answer->udp_reply = TRUE;
  answer->udp_forced = udp->forced && !nat;
  answer->udp_code = nat || udp->forced ? 0 : MIP4_UDP_ASSENT_LIMIT;
  return MIP4_CODE_ACCEPTED;
}

guint8
mip4_ha_check_udp (const Mip4Ha *ha, const Mip4HaRequest *request, Mip4HaAnswer *answer)
{
  guint8 code = check_udp_form (request);

  return code == MIP4_CODE_ACCEPTED ? decide_udp (ha, request, answer) : code;
}

guint8
mip4_ha_check_service (const Mip4HaRequest *request, Mip4HaAnswer *answer)
{
  const Mip4Slice *wish = &request->message.covered.service;
  char *const *services = request->node->services;

  if (wish->data == NULL)
    return MIP4_CODE_ACCEPTED;
  for (guint i = 0; services != NULL && services[i] != NULL; i++)
    if (strlen (services[i]) == wish->length && memcmp (services[i], wish->data, wish->length) == 0)
      {
        answer->service = (guint8)(i + 1);
        return MIP4_CODE_ACCEPTED;
      }
  return MIP4_CODE_HA_SERVICE;
}

gboolean
mip4_ha_keeps_others (const Mip4Ha *ha, const Mip4HaRequest *request)
{
  return ha->config.max_simultaneous > 1 && (request->message.flags & MIP4_FLAG_SIMULTANEOUS) != 0;
}

guint8
mip4_ha_check_room (const Mip4Ha *ha, const Mip4HaRequest *request)
{
  const Mip4HaNodeState *node = request->node;

  if (node->n_bindings > 0 &&
      (!mip4_ha_keeps_others (ha, request) || mip4_ha_find_binding (node, &request->message.care_of_address) != NULL))
    return MIP4_CODE_ACCEPTED;
  if (node->n_bindings > 0 && node->n_bindings >= ha->config.max_simultaneous)
    return MIP4_CODE_HA_TOO_MANY_BINDINGS;
  return ha->config.max_bindings > 0 && ha->n_bindings >= ha->config.max_bindings ? MIP4_CODE_HA_RESOURCES
                                                                                  : MIP4_CODE_ACCEPTED;
}

/* The FHAE is the last extension: whatever follows the MHAE is authentic by it. */
static gboolean
fhae_covers_all (const Mip4Message *message)
{
  const Mip4AuthExtension *fhae = &message->fhae;

  return fhae->count == 1 && fhae->covered + fhae->authenticator.length == message->length;
}

Mip4HaRevocationPeer
mip4_ha_revocation_peer (const Mip4Ha *ha, const Mip4HaRequest *request)
{
  const Mip4Message *m = &request->message;

  if (!ha->config.revocation || m->lifetime == 0)
    return MIP4_HA_REVOKE_NOBODY;
  if (request->fa_ha != NULL)
    {
      if (!m->uncovered.revocation || !fhae_covers_all (m))
        return MIP4_HA_REVOKE_NOBODY;
      return m->uncovered.revocation_inform ? MIP4_HA_REVOKE_AGENT_INFORMING : MIP4_HA_REVOKE_AGENT;
    }
  return m->covered.revocation && (m->flags & MIP4_FLAG_DECAPSULATION) != 0 ? MIP4_HA_REVOKE_NODE
                                                                            : MIP4_HA_REVOKE_NOBODY;
}
