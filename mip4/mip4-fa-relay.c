/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "mip4/mip4-fa-private.h"

/*
 * What passes through the agent. The part that an authorization-enabling extension covers goes on octet
 * by octet; what stands behind it is between the neighbours of one hop and ends here (RFC 5944 3.7.2.2, 3.7.3.2).
 */

/* Room for what is appended: 144, 137, a challenge, and an authentication extension of 38 octets. */
#define APPENDED_MAX 128u

static gsize
end_of (const Mip4AuthExtension *extension)
{
  return extension->count == 0 ? 0 : extension->covered + extension->authenticator.length;
}

GBytes *
mip4_fa_build_relayed_request (const Mip4Fa *fa, const Mip4FaRequest *request, gboolean ask_udp,
                               gboolean ask_revocation)
{
  const Mip4Message *m = &request->message;
  g_auto (WireWriter) writer = { 0 };

  wire_writer_init (&writer, m->length + APPENDED_MAX);
  /* A Mobile-AAA authentication stays, and with it the challenge that it covers (RFC 4721 3.2). */
  wire_write_data (&writer, m->data, MAX (end_of (&m->mhae), end_of (&m->mn_aaa)));
  if (ask_udp)
    mip4_write_udp_tunnel_request (&writer, FALSE, MIP4_UDP_ENCAPSULATION_BY_FLAGS);
  if (ask_revocation)
    mip4_write_revocation_support (&writer, TRUE, (guint32)(request->now->ntp >> 32)); /* D-11 */
  /* RFC 5944 3.5.4: not on a deregistration, and only for a care-of address of ours. */
  if (request->home_agent != NULL && m->lifetime > 0 && mip4_fa_is_care_of (fa, &m->care_of_address))
    mip4_write_auth (&writer, MIP4_EXT_FOREIGN_HOME_AUTH, &request->home_agent->association);
  return wire_writer_finish (&writer);
}

GBytes *
mip4_fa_build_relayed_reply (const Mip4Message *m, const Mip4FaChallenge *challenge, const Mip4FaPeer *node)
{
  g_auto (WireWriter) writer = { 0 };

  wire_writer_init (&writer, m->length + APPENDED_MAX);
  wire_write_data (&writer, m->data, MAX (end_of (&m->mhae), m->extensions_at));
  if (challenge != NULL)
    mip4_write_tlv (&writer, MIP4_EXT_CHALLENGE, challenge->octets, sizeof challenge->octets);
  if (node != NULL)
    mip4_write_auth (&writer, MIP4_EXT_MOBILE_FOREIGN_AUTH, &node->association);
  return wire_writer_finish (&writer);
}
