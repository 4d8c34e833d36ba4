/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Multiple authentication (RFC 4739): our certificate or pre-shared key first, then EAP under an identity
 * of its own. The first response proves the gateway, as it does with EAP alone; the last one is that of EAP.
 */
#include "ike/ike-session-private.h"

gboolean
ike_multiple_auth_configure (IkeSession *session, const IkeConfig *config, char **ret_problem)
{
  if (!config->then_eap)
    return TRUE;
  if (config->method == IKE_AUTH_METHOD_EAP || !config->ca_pem || !config->eap_identity || config->ppk)
    {
      *ret_problem = g_strdup ("EAP as a second authentication needs another first one, a CA certificate to know the "
                               "gateway by and an EAP identity, and goes without a post-quantum preshared key");
      return FALSE;
    }
  session->then_eap = TRUE;
  return ike_eap_configure (session, config, ret_problem);
}

void
ike_multiple_auth_add (const IkeSession *session, IkePayloads *payloads)
{
  if (!session->then_eap)
    return;
  ike_payloads_add_notify (payloads, IKE_NOTIFY_MULTIPLE_AUTH_SUPPORTED, NULL, 0);
  ike_payloads_add_notify (payloads, IKE_NOTIFY_ANOTHER_AUTH_FOLLOWS, NULL, 0);
}

/* RFC 4739 2.1: the second round begins with the identity that it is about. */
IkePayloads *
ike_multiple_auth_build (IkeSession *session)
{
  IkeHandshake *handshake = &session->handshake;
  IkePayloads *payloads = ike_payloads_new ();

  handshake->second_round = FALSE;
  ike_payloads_add_id (payloads, IKE_PAYLOAD_IDI, &handshake->local_id);
  return payloads;
}

void
ike_multiple_auth_begin (IkeSession *session, IkeSa *sa, const RoamNow *now, const IkeMessage *message)
{
  IkeHandshake *handshake = &session->handshake;
  const IkePayload *id = ike_message_find (message, IKE_PAYLOAD_IDR);
  g_autofree char *problem = NULL;

  if (!ike_identity_matches (&session->remote_id, id->id.id_type, id->id.data))
    {
      ike_auth_refuse_gateway (session, sa, now, "the gateway has another identity than configured",
                               "check the gateway's identity in the profile");
      return;
    }
  if (ike_redirect_process_protected (session, message)) /* RFC 5685 6: as with EAP alone */
    return;
  ike_identity_clear (&handshake->local_id);
  handshake->peer_id = g_bytes_new (id->id.body.data, id->id.body.length);
  if (!ike_eap_identity (session, &handshake->local_id) || !ike_eap_start (session))
    return;
  handshake->second_round = TRUE;
  ike_eap_queue_round (session, sa);
}
