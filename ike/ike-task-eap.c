/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * IKE_AUTH with EAP (RFC 7296 2.16). The first response proves the gateway; then packets go to and fro,
 * one in each exchange; after Success both sides prove that they share the MSK, and that last response
 * is like the only one of other methods (ike-task-auth.c).
 */
#include "ike/ike-session-private.h"

#include <string.h>

/* EAP-TLS in fragments takes a dozen rounds or two; somebody who needs more than this plays with us. */
#define MAX_ROUNDS 64

static IkeEapConfig
make_config (const IkeSession *session)
{
  return (IkeEapConfig){ .method = session->eap_method,
                         .identity = session->eap_identity,
                         .user = session->eap_identity,
                         .password = session->eap_password_is_old ? session->eap_new_password : session->eap_password,
                         .new_password = session->eap_password_is_old ? NULL : session->eap_new_password,
                         .credentials = session->credentials,
                         .server_name = session->eap_server_name };
}

/* RFC 9190 2.1.7: with TLS 1.3 the user's name goes under the certificate only; the realm is enough to find a server.
 */
static char *
make_anonymous (const char *identity)
{
  const char *realm = strrchr (identity, '@');

  return g_strdup (realm ? realm : "anonymous");
}

/* EAP identities with a realm are RFC822_ADDR, others KEY_ID (RFC 7296 3.5). */
static gboolean
id_of_text (const char *text, IkeIdentity *ret_id, char **ret_problem)
{
  return ike_identity_from_text (text, strchr (text, '@') ? IKE_ID_RFC822_ADDR : IKE_ID_KEY_ID, ret_id, ret_problem);
}

static gboolean
take_identity (IkeSession *session, const IkeConfig *config, char **ret_problem)
{
  const char *identity = config->eap_identity ? config->eap_identity : config->local_id;

  if (identity == NULL || identity[0] == '\0')
    {
      *ret_problem = g_strdup ("EAP needs an identity");
      return FALSE;
    }
  /* As a second authentication it stands in IDi of the same gateway anyhow. */
  if (config->method == IKE_AUTH_METHOD_EAP && config->eap_method == IKE_EAP_METHOD_TLS && !config->eap_identity)
    session->eap_identity = make_anonymous (identity);
  else
    session->eap_identity = g_strdup (identity);
  if (config->local_id != NULL || config->method != IKE_AUTH_METHOD_EAP)
    return TRUE;
  return id_of_text (identity, &session->configured_id, ret_problem);
}

gboolean
ike_eap_identity (IkeSession *session, IkeIdentity *ret_id)
{
  g_autofree char *problem = NULL;

  if (id_of_text (session->eap_identity, ret_id, &problem))
    return TRUE;
  ike_session_die (session, IKE_EVENT_AUTH_FAILED, "the EAP identity cannot be written into a packet", NULL);
  return FALSE;
}

gboolean
ike_eap_configure (IkeSession *session, const IkeConfig *config, char **ret_problem)
{
  g_autoptr (IkeEap) trial = NULL;
  IkeEapConfig eap;

  session->eap_method = config->eap_method;
  session->eap_only = config->eap_only;
  session->eap_password = config->eap_password ? roam_secret_ref (config->eap_password) : NULL;
  session->eap_new_password = config->eap_new_password ? roam_secret_ref (config->eap_new_password) : NULL;
  session->eap_server_name = g_strdup (config->eap_server_name ? config->eap_server_name : config->remote_id);
  if (!take_identity (session, config, ret_problem))
    return FALSE;
  eap = make_config (session);
  trial = ike_eap_new (&eap, ret_problem); /* a profile that cannot work must be known as such at once */
  return trial != NULL;
}

gboolean
ike_eap_add_response (IkeSession *session, IkePayloads *payloads)
{
  IkeHandshake *handshake = &session->handshake;

  if (handshake->eap_response == NULL)
    return FALSE;
  ike_payloads_add_eap (payloads, ike_view (handshake->eap_response).data, ike_view (handshake->eap_response).length);
  return TRUE;
}

/*
 * The first response: identity, and AUTH with a signature before anything of the password leaves. Only
 * a method that proves the gateway by itself may do without (RFC 5998 3).
 */
static gboolean
accept_authenticator (IkeSession *session, const IkeSa *sa, const RoamNow *now, const IkeMessage *message,
                      const char **ret_reason, const char **ret_advice)
{
  const IkePayload *id = ike_message_find (message, IKE_PAYLOAD_IDR);
  const IkePayload *auth = ike_message_find (message, IKE_PAYLOAD_AUTH);

  *ret_advice = NULL;
  *ret_reason = "the gateway did not say who it is before EAP";
  if (!id)
    return FALSE;
  *ret_reason = "the gateway has another identity than configured";
  *ret_advice = "check the gateway's identity in the profile";
  if (!ike_identity_matches (&session->remote_id, id->id.id_type, id->id.data))
    return FALSE;
  *ret_reason = "the gateway wants EAP but did not authenticate itself first";
  *ret_advice = "The gateway needs a certificate, or eap-only=yes with a method that proves the gateway too.";
  if (auth ? !ike_auth_verify (session, sa, now, message, ret_reason, ret_advice)
           : !session->eap_only || !ike_eap_method_is_safe (session->eap_method))
    return FALSE;
  return TRUE;
}

gboolean
ike_eap_start (IkeSession *session)
{
  IkeEapConfig config = make_config (session);
  g_autofree char *problem = NULL;

  session->handshake.eap = ike_eap_new (&config, &problem);
  if (session->handshake.eap)
    return TRUE;
  ike_session_die (session, IKE_EVENT_AUTH_FAILED, "the EAP method cannot be used", NULL);
  return FALSE;
}

/* FALSE: it ended, or it waits for what is said of the gateway's certificate. */
static gboolean
begin (IkeSession *session, IkeSa *sa, const RoamNow *now, const IkePair *pair, const IkeMessage *message)
{
  const IkePayload *id;
  const char *reason, *advice;

  if (!accept_authenticator (session, sa, now, message, &reason, &advice))
    {
      ike_auth_refuse_gateway (session, sa, now, reason, advice);
      return FALSE;
    }
  if (!ike_revocation_settle (session, sa, now, pair, message))
    return FALSE;
  id = ike_message_find (message, IKE_PAYLOAD_IDR);
  session->handshake.peer_id = g_bytes_new (id->id.body.data, id->id.body.length);
  return ike_eap_start (session);
}

void
ike_eap_queue_round (IkeSession *session, IkeSa *sa)
{
  IkeTask *task;

  if (session->handshake.eap_rounds++ >= MAX_ROUNDS)
    {
      ike_session_die (session, IKE_EVENT_AUTH_FAILED, "EAP does not come to an end", NULL);
      return;
    }
  task = ike_task_new (IKE_TASK_AUTH);
  task->sa = sa;
  ike_task_queue (session, task);
}

/* The server takes the new password and no other: it is the one to begin with next time. */
static void
keep_new_password (IkeSession *session)
{
  if (!ike_eap_has_taken_new_password (session->handshake.eap))
    return;
  g_message ("ike: the new EAP password counts from now on; it should replace the old one in the profile");
  ike_count (session, "eap-new-password-used");
  session->eap_password_is_old = TRUE;
}

void
ike_eap_auth_process (IkeSession *session, IkeSa *sa, const RoamNow *now, const IkePair *pair,
                      const IkeMessage *message)
{
  IkeHandshake *handshake = &session->handshake;
  const IkePayload *eap = ike_message_find (message, IKE_PAYLOAD_EAP);
  const char *reason;

  if (!handshake->eap)
    {
      if (!begin (session, sa, now, pair, message))
        return;
      /* RFC 5685 6: in the first response, and only where its AUTH was verified. */
      if (ike_message_find (message, IKE_PAYLOAD_AUTH) && ike_redirect_process_protected (session, message))
        return;
    }
  if (!eap)
    {
      ike_session_die (session, IKE_EVENT_AUTH_FAILED, "the gateway does not use EAP", "check auth in the profile");
      return;
    }
  g_clear_pointer (&handshake->eap_response, g_bytes_unref);
  switch (ike_eap_process (handshake->eap, session->rng, now, eap->eap.packet, &handshake->eap_response))
    {
    case IKE_EAP_RESPOND:
      ike_eap_queue_round (session, sa);
      return;
    case IKE_EAP_SUCCEEDED:
      handshake->eap_succeeded = TRUE;
      keep_new_password (session);
      ike_eap_queue_round (session, sa);
      return;
    case IKE_EAP_FAILED:
      /* RFC 7296 2.21.2: the SA is gone on both sides, without a Delete. */
      reason = ike_eap_reason (handshake->eap);
      ike_session_die (session, IKE_EVENT_AUTH_FAILED, reason ? reason : "the gateway refused us (EAP Failure)",
                       reason ? ike_eap_advice (handshake->eap) : "Compare EAP method and credentials on both sides.");
      return;
    case IKE_EAP_DISCARDED:
      /*
       * Nothing can be said to it, and each exchange needs a request: the conversation is at its end. When the method
       * had failed on our side before (libreswan answers a TLS alert with an empty request), that is the reason.
       */
      reason = ike_eap_reason (handshake->eap);
      ike_session_die (session, IKE_EVENT_AUTH_FAILED, reason ? reason : "the gateway's EAP packet makes no sense here",
                       reason ? ike_eap_advice (handshake->eap)
                              : "With EAP-TLS, servers that do not follow RFC 9190 need TLS 1.2.");
      return;
    }
}
