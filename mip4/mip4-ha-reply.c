/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "mip4/mip4-ha-private.h"

#include <string.h>

/* Registration Replies (RFC 5944 3.8.3). */

static void
write_message_string (WireWriter *writer, const char *text)
{
  gsize length = strlen (text);

  wire_write_u8 (writer, MIP4_EXT_MESSAGE_STRING);
  wire_write_u8 (writer, (guint8)(1 + length));
  wire_write_u8 (writer, 1 /* Sub-Type: from the home agent, RFC 4917 3 */);
  wire_write_data (writer, (const guint8 *)text, length);
}

/* For the mobile node, before the MHAE. TNC is in accepting and denying replies alike (RFC 5265 4.3). */
static void
write_node_part (const Mip4Ha *ha, const RoamNow *now, WireWriter *writer, const Mip4HaRequest *request,
                 const Mip4HaAnswer *answer)
{
  const Mip4Slice *nai = &request->message.covered.nai;

  if (nai->data != NULL)
    mip4_write_tlv (writer, MIP4_EXT_NAI, nai->data, nai->length);
  if (answer->udp_reply)
    mip4_write_udp_tunnel_reply (writer, answer->udp_code, answer->udp_forced,
                                 answer->udp_code < MIP4_UDP_ASSENT_LIMIT ? ha->config.keepalive_s : 0);
  if (answer->code == MIP4_CODE_HA_REDIRECT)
    mip4_write_dynamic_ha (writer, 2 /* Redirected HA */, &ha->config.redirect, FALSE);
  if (ha->config.denial_message != NULL && mip4_code_class (answer->code) != MIP4_CODE_CLASS_ACCEPTED)
    write_message_string (writer, ha->config.denial_message);
  if (answer->revocation == MIP4_HA_REVOKE_NODE)
    mip4_write_revocation_support (writer, FALSE, (guint32)(now->ntp >> 32));
  mip4_write_tnc (writer);
}

/* Order of extensions: RFC 5944 3.8.3.3. */
static GBytes *
build_reply (const Mip4Ha *ha, const RoamNow *now, const Mip4HaRequest *request, const Mip4HaAnswer *answer)
{
  const Mip4Message *m = &request->message;
  const RoamAddr *home = roam_addr_is_specified (&m->home_address) || !roam_addr_is_set (&request->node->home_address)
                           ? &m->home_address
                           : &request->node->home_address;
  g_auto (WireWriter) writer = { 0 };

  wire_writer_init (&writer, MIP4_MESSAGE_MAX);
  mip4_write_reply (&writer, answer->code, answer->lifetime_s, home, &ha->config.address, answer->identification);
  write_node_part (ha, now, &writer, request, answer);
  mip4_ha_write_auth (ha, &writer, MIP4_EXT_MOBILE_HOME_AUTH, &request->mn_ha->association);
  if (answer->revocation == MIP4_HA_REVOKE_AGENT || answer->revocation == MIP4_HA_REVOKE_AGENT_INFORMING)
    mip4_write_revocation_support (&writer, answer->revocation == MIP4_HA_REVOKE_AGENT_INFORMING,
                                   (guint32)(now->ntp >> 32));
  /* Never in answer to a deregistration (RFC 5944 3.5.4). */
  if (request->fa_ha != NULL && m->lifetime > 0)
    mip4_ha_write_auth (ha, &writer, MIP4_EXT_FOREIGN_HOME_AUTH, request->fa_ha);
  return wire_writer_finish (&writer);
}

void
mip4_ha_send_reply (Mip4Ha *ha, const RoamNow *now, const Mip4HaRequest *request, const Mip4HaAnswer *answer)
{
  Mip4HaAction *action;

  mip4_ha_store_replay (ha, request->node);
  action = mip4_ha_push (ha, MIP4_HA_ACTION_SEND);
  /* RFC 5944 3.8.3.1: from where the request went to, unless that was a broadcast; ports and addresses mirrored. */
  action->send.source = ha->config.address;
  action->send.destination = *request->source;
  action->send.on_home_link = roam_addr_equal (&request->source->addr, &request->message.home_address) ||
                              roam_addr_equal (&request->source->addr, &request->node->home_address);
  action->send.ttl = MIP4_HA_TTL;
  action->send.datagram = build_reply (ha, now, request, answer);
}

void
mip4_ha_deny (Mip4Ha *ha, const RoamNow *now, const Mip4HaRequest *request, guint8 code)
{
  gboolean security =
    code == MIP4_CODE_HA_IDENTIFICATION || code == MIP4_CODE_HA_FA_AUTH || code == MIP4_CODE_HA_MN_AUTH;
  const Mip4HaAnswer answer = { .code = code,
                                .identification = mip4_ha_answer_identification (ha, now, request, code) };

  ha->counts[MIP4_HA_COUNT_DENIED]++;
  mip4_ha_log (ha, now, request, code, security, mip4_code_to_string (code));
  mip4_ha_send_reply (ha, now, request, &answer);
}
