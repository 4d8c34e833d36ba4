/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* IKE_AUTH (RFC 7296 1.2, 2.15, 2.19; RFC 7427): identities, AUTH, configuration, the first Child SA. */
#include "ike/ike-session-private.h"

#include <string.h>

/* INTERNAL_IP6_ADDRESS: address and prefix length. */
#define IP6_ADDRESS_LENGTH 17
#define IP6_HOST_LENGTH 128

static const char auth_advice[] = "Compare the identities and the secret or the certificate on both sides.";

/* --- request --- */

const IkeIdentity *
ike_auth_local_id (IkeSession *session)
{
  IkeIdentity *id = &session->handshake.local_id;

  if (!id->data && session->configured_id.data)
    ike_identity_copy (&session->configured_id, id);
  else if (!id->data)
    ike_identity_from_addr (&session->mobility.now.local.addr, id);
  return id;
}

/* AUTH data of ours with @sk_p; NULL with the handshake's problem. */
static GBytes *
make_auth (IkeSession *session, const IkeSa *sa, const RoamSecret *sk_p, GBytes *id_body, guint8 *ret_method)
{
  IkeHandshake *handshake = &session->handshake;
  guint16 prf = sa->keys->suite.prf;
  g_autoptr (GBytes) octets = ike_auth_signed_octets (prf, ike_view (handshake->own_init),
                                                      ike_view (handshake->peer_nonce), sk_p, ike_view (id_body));
  const RoamSecret *secret = NULL;
  guint8 auth[IKE_MAX_HASH];

  if (!octets)
    return NULL;
  switch (handshake->eap ? IKE_AUTH_METHOD_EAP : session->method)
    {
    case IKE_AUTH_METHOD_PSK:
      secret = session->psk;
      break;
    case IKE_AUTH_METHOD_EAP:
      secret = ike_eap_msk (handshake->eap);
      break;
    case IKE_AUTH_METHOD_CERTIFICATE:
      if (session->external_key)
        return ike_outside_auth (session, sa, sk_p, ret_method);
      return ike_credentials_sign (session->credentials, handshake->peer_hashes, ike_view (octets), ret_method,
                                   &handshake->problem);
    }
  if (!secret || !ike_auth_shared_key (prf, secret, ike_view (octets), auth))
    return NULL;
  *ret_method = IKE_AUTH_ID_SHARED_KEY;
  return g_bytes_new (auth, ike_prf_length (prf));
}

/* AUTH, and with a PPK its name; the gateway that does not know it gets an AUTH without (RFC 8784 3). */
gboolean
ike_auth_add (IkeSession *session, const IkeSa *sa, GBytes *id_body, IkePayloads *payloads)
{
  const IkePpkKeys *without = &session->handshake.without;
  guint8 method;
  g_autoptr (GBytes) auth = make_auth (session, sa, ike_sa_sk_p (sa, TRUE), id_body, &method);
  g_autoptr (GBytes) plain = NULL;

  if (!auth)
    return FALSE;
  ike_payloads_add_auth (payloads, method, ike_view (auth).data, ike_view (auth).length);
  if (!without->sk_pi)
    return TRUE;
  ike_ppk_add_identity (session, payloads);
  if (session->require_ppk)
    return TRUE;
  plain = make_auth (session, sa, without->sk_pi, id_body, &method);
  if (plain)
    ike_payloads_add_notify (payloads, IKE_NOTIFY_NO_PPK_AUTH, ike_view (plain).data, ike_view (plain).length);
  return plain != NULL;
}

void
ike_auth_add_certificates (IkeSession *session, IkePayloads *payloads)
{
  const GPtrArray *certificates = ike_credentials_certificates (session->credentials);

  for (guint i = 0; i < certificates->len; i++)
    {
      IkeView der = ike_view (g_ptr_array_index (certificates, i));
      ike_payloads_add_cert (payloads, IKE_CERT_ENCODING_X509_SIGNATURE, der.data, der.length);
    }
}

void
ike_auth_add_certreq (IkeSession *session, IkePayloads *payloads)
{
  g_autoptr (GBytes) hashes = ike_credentials_certreq (session->credentials);

  if (g_bytes_get_size (hashes) > 0)
    ike_payloads_add_certreq (payloads, IKE_CERT_ENCODING_X509_SIGNATURE, ike_view (hashes).data,
                              ike_view (hashes).length);
  /* RFC 4806 3.1: no responder is named, so the CA's own answer or its delegate's is wanted. */
  if (session->check_ocsp)
    ike_payloads_add_certreq (payloads, IKE_CERT_ENCODING_OCSP, NULL, 0);
}

static void
add_cp (IkeSession *session, IkePayloads *payloads)
{
  IkeCpAttribute attributes[5] = { 0 };
  guint8 ip6[IP6_ADDRESS_LENGTH];
  guint n = 0;

  if (session->request_tia4)
    {
      attributes[n].value = (IkeView){ session->wanted4.bytes, roam_addr_length (&session->wanted4) };
      attributes[n++].attribute = IKE_CP_INTERNAL_IP4_ADDRESS;
    }
  if (session->request_tia4 && session->request_dns)
    attributes[n++].attribute = IKE_CP_INTERNAL_IP4_DNS;
  if (session->request_tia6)
    {
      memcpy (ip6, session->wanted6.bytes, IP6_ADDRESS_LENGTH - 1);
      ip6[IP6_ADDRESS_LENGTH - 1] = IP6_HOST_LENGTH;
      if (roam_addr_is_set (&session->wanted6))
        attributes[n].value = (IkeView){ ip6, sizeof ip6 };
      attributes[n++].attribute = IKE_CP_INTERNAL_IP6_ADDRESS;
    }
  if (session->request_tia6 && session->request_dns)
    attributes[n++].attribute = IKE_CP_INTERNAL_IP6_DNS;
  if (n > 0 && session->request_dns && session->request_domains) /* RFC 8598 3.1: never without DNS */
    attributes[n++].attribute = IKE_CP_INTERNAL_DNS_DOMAIN;
  if (n > 0)
    ike_payloads_add_cp (payloads, IKE_CFG_REQUEST, attributes, n);
}

/* EAP has begun: a packet of it, or after Success the AUTH that ends it. */
static IkePayloads *
build_later (IkeSession *session, const IkeSa *sa)
{
  g_autoptr (IkePayloads) payloads = ike_payloads_new ();
  g_autoptr (GBytes) id_body = ike_identity_to_body (ike_auth_local_id (session));

  if (session->handshake.eap_succeeded ? !ike_auth_add (session, sa, id_body, payloads)
                                       : !ike_eap_add_response (session, payloads))
    return NULL;
  return g_steal_pointer (&payloads);
}

/* The first Child SA; RFC 6023 3: only a gateway that said so does without. */
static void
add_child (IkeSession *session, IkePayloads *payloads)
{
  IkeHandshake *handshake = &session->handshake;
  g_autoptr (GArray) selectors = ike_any_selectors (session);

  handshake->spi_in = ike_child_new_spi (session);
  handshake->esp = ike_proposals_copy (session->esp_offer);
  ike_proposals_remove_type (handshake->esp, IKE_TRANSFORM_KE);
  ike_proposals_set_spi (handshake->esp, handshake->spi_in, 4);
  ike_payloads_add_sa (payloads, handshake->esp);
  ike_payloads_add_ts (payloads, IKE_PAYLOAD_TSI, &g_array_index (selectors, IkeSelector, 0), selectors->len);
  ike_payloads_add_ts (payloads, IKE_PAYLOAD_TSR, &g_array_index (selectors, IkeSelector, 0), selectors->len);
}

void
ike_auth_add_request (IkeSession *session, IkePayloads *payloads)
{
  add_cp (session, payloads);
  if (!session->handshake.childless)
    add_child (session, payloads);
  if (ike_dialect_is_offered (session, &ike_dialect_mobike))
    ike_payloads_add_notify (payloads, IKE_NOTIFY_MOBIKE_SUPPORTED, NULL, 0);
  ike_addresses_add_to_auth (session, payloads);
  ike_ticket_add_request (session, payloads);
}

IkePayloads *
ike_auth_build (IkeSession *session, IkeSa *sa)
{
  IkeHandshake *handshake = &session->handshake;
  g_autoptr (IkePayloads) payloads = NULL;
  g_autoptr (GBytes) id_body = NULL;

  if (handshake->resumption)
    return ike_resume_build_auth (session, sa);
  if (handshake->second_round)
    return ike_multiple_auth_build (session);
  if (handshake->eap)
    return build_later (session, sa);
  payloads = ike_payloads_new ();
  id_body = ike_identity_to_body (ike_auth_local_id (session));
  ike_payloads_add_id (payloads, IKE_PAYLOAD_IDI, &handshake->local_id);
  if (session->method == IKE_AUTH_METHOD_CERTIFICATE)
    ike_auth_add_certificates (session, payloads);
  if (!session->shared_identity && !session->owner) /* RFC 7296 2.4: the only IKE SA, of the only device */
    ike_payloads_add_notify (payloads, IKE_NOTIFY_INITIAL_CONTACT, NULL, 0);
  if (session->credentials)
    ike_auth_add_certreq (session, payloads);
  ike_payloads_add_id (payloads, IKE_PAYLOAD_IDR, &session->remote_id);
  if (session->method != IKE_AUTH_METHOD_EAP && !ike_auth_add (session, sa, id_body, payloads))
    return NULL;
  ike_auth_add_request (session, payloads);
  ike_multiple_auth_add (session, payloads);
  if (session->method == IKE_AUTH_METHOD_EAP && session->eap_only)
    ike_payloads_add_notify (payloads, IKE_NOTIFY_EAP_ONLY_AUTHENTICATION, NULL, 0);
  return g_steal_pointer (&payloads);
}

/* --- answer --- */

void
ike_auth_refuse_gateway (IkeSession *session, IkeSa *sa, const RoamNow *now, const char *reason, const char *advice)
{
  IkeTask *task = ike_task_new (IKE_TASK_REFUSE);

  task->sa = sa;
  ike_task_queue (session, task);
  session->closing_type = IKE_EVENT_AUTH_FAILED;
  session->closing_reason = reason;
  session->closing_advice = advice;
  session->closing_us = now->boot_us + 4 * ROAM_USEC_PER_SEC;
  ike_session_set_state (session, IKE_STATE_CLOSING);
}

static IkePublicKey *
verify_certificates (IkeSession *session, const RoamNow *now, const IkeMessage *message, const char **ret_reason,
                     const char **ret_advice)
{
  IkeView certificates[IKE_MAX_CERTS], crls[IKE_MAX_CERTS];
  guint n = 0, n_crls = 0;

  for (const IkePayload *p = NULL; (p = ike_message_find_next (message, IKE_PAYLOAD_CERT, p)) && n < IKE_MAX_CERTS;)
    if (p->cert.encoding == IKE_CERT_ENCODING_X509_SIGNATURE)
      certificates[n++] = p->cert.data;
    else if (p->cert.encoding == IKE_CERT_ENCODING_CRL && n_crls < IKE_MAX_CERTS)
      crls[n_crls++] = p->cert.data;
  *ret_reason =
    ike_session_says (session, "the gateway signs but sent no certificate", "the client signs but sent no certificate");
  if (n == 0)
    return NULL;
  return ike_credentials_verify_peer_with_crls (session->credentials, certificates, n, crls, n_crls, now,
                                                &session->remote_id, ret_reason, ret_advice);
}

/* The key of the gateway's AUTH: with EAP its first one never has the PPK in it (RFC 8784 3). */
static const RoamSecret *
peer_sk_p (const IkeSession *session, const IkeSa *sa, const IkeMessage *message)
{
  const IkeHandshake *handshake = &session->handshake;
  gboolean first_of_eap = session->method == IKE_AUTH_METHOD_EAP && !handshake->eap_succeeded;

  if (!handshake->without.sk_pr)
    return ike_sa_sk_p (sa, FALSE);
  return first_of_eap || !ike_message_find_notify (message, IKE_NOTIFY_PPK_IDENTITY) ? handshake->without.sk_pr
                                                                                     : ike_sa_sk_p (sa, FALSE);
}

static gboolean
verify_shared_key (const IkeSa *sa, const RoamSecret *secret, GBytes *octets, const IkePayload *auth)
{
  return secret && auth->auth.method == IKE_AUTH_ID_SHARED_KEY &&
         ike_auth_verify_shared_key (sa->keys->suite.prf, secret, ike_view (octets), auth->auth.data);
}

gboolean
ike_auth_verify (IkeSession *session, const IkeSa *sa, const RoamNow *now, const IkeMessage *message,
                 const char **ret_reason, const char **ret_advice)
{
  IkeHandshake *handshake = &session->handshake;
  const IkePayload *id = ike_message_find (message, session->responder ? IKE_PAYLOAD_IDI : IKE_PAYLOAD_IDR);
  const IkePayload *auth = ike_message_find (message, IKE_PAYLOAD_AUTH);
  g_autoptr (GBytes) octets = NULL;
  g_autoptr (IkePublicKey) key = NULL;
  IkeSignatureFlags flags = handshake->peer_hashes ? IKE_SIGNATURE_REQUIRE_METHOD_14 : IKE_SIGNATURE_DEFAULT;

  *ret_advice = auth_advice;
  *ret_reason =
    ike_session_says (session, "the gateway did not authenticate itself", "the client did not authenticate itself");
  if (!auth || (!id && !handshake->peer_id))
    return FALSE;
  octets = ike_auth_signed_octets (sa->keys->suite.prf, ike_view (handshake->peer_init), ike_view (handshake->nonce),
                                   peer_sk_p (session, sa, message),
                                   handshake->peer_id ? ike_view (handshake->peer_id) : id->id.body);
  if (!octets)
    return FALSE;
  *ret_reason = "the gateway's AUTH does not fit the key that EAP made";
  if (handshake->eap_succeeded)
    return verify_shared_key (sa, ike_eap_msk (handshake->eap), octets, auth);
  *ret_reason = ike_session_says (session, "the gateway's AUTH does not fit the pre-shared key",
                                  "the client's AUTH does not fit the pre-shared key");
  if (auth->auth.method == IKE_AUTH_ID_SHARED_KEY)
    return verify_shared_key (sa, session->psk, octets, auth);
  *ret_reason =
    ike_session_says (session, "the gateway authenticates with a certificate, but no CA certificate is configured",
                      "the client authenticates with a certificate, but no CA certificate is configured");
  if (!session->credentials)
    return FALSE;
  key = verify_certificates (session, now, message, ret_reason, ret_advice);
  if (!key ||
      !ike_auth_verify_signature (key, auth->auth.method, auth->auth.data, ike_view (octets), flags, ret_reason))
    return FALSE;
  ike_public_key_free (handshake->peer_key);
  handshake->peer_key = g_steal_pointer (&key);
  return TRUE;
}

/* The gateway has proved itself: did it use the PPK? FALSE: it did not, and it has to. */
static gboolean
settle_ppk (IkeSession *session, IkeSa *sa, const IkeMessage *message)
{
  IkePpkKeys *without = &session->handshake.without;

  if (!without->sk_pi)
    return TRUE;
  if (ike_message_find_notify (message, IKE_NOTIFY_PPK_IDENTITY))
    {
      ike_ppk_keys_clear (without);
      session->ppk_used = TRUE;
    }
  else if (session->require_ppk)
    return FALSE;
  else
    {
      g_message ("ike: the gateway does not know the post-quantum preshared key; going on without it");
      ike_count (session, "ppk-not-used");
      ike_ppk_undo (sa->keys, without);
    }
  return TRUE;
}

/* What an error notify in the IKE_AUTH response means for the user. */
static IkeEventType
explain_error (guint16 notify_type, const char **ret_reason, const char **ret_advice)
{
  *ret_reason = ike_notify_to_string (notify_type);
  *ret_advice = NULL;
  switch (notify_type)
    {
    case IKE_NOTIFY_AUTHENTICATION_FAILED:
      *ret_reason = "AUTHENTICATION_FAILED: the gateway refused our credentials";
      *ret_advice = auth_advice;
      return IKE_EVENT_AUTH_FAILED;
    case IKE_NOTIFY_INTERNAL_ADDRESS_FAILURE:
      *ret_reason = "INTERNAL_ADDRESS_FAILURE: the gateway has no inner address for us";
      *ret_advice = "The gateway's address pool may be used up.";
      return IKE_EVENT_AUTH_FAILED;
    case IKE_NOTIFY_FAILED_CP_REQUIRED:
      *ret_reason = "FAILED_CP_REQUIRED: the gateway wants to assign an inner address";
      return IKE_EVENT_AUTH_FAILED;
    case IKE_NOTIFY_TS_UNACCEPTABLE:
      *ret_reason = "TS_UNACCEPTABLE: the gateway refused the traffic selectors";
      *ret_advice = "Compare the traffic selectors of both sides.";
      return IKE_EVENT_AUTH_FAILED;
    case IKE_NOTIFY_UNEXPECTED_NAT_DETECTED:
      *ret_reason = "UNEXPECTED_NAT_DETECTED: a NAT is in the way";
      *ret_advice = "The profile forbids networks with NAT.";
      return IKE_EVENT_FAILED;
    case IKE_NOTIFY_NO_PROPOSAL_CHOSEN:
      *ret_reason = "NO_PROPOSAL_CHOSEN: no ESP proposal fits";
      *ret_advice = "Compare the ESP proposals of both sides.";
      return IKE_EVENT_FAILED;
    default:
      return IKE_EVENT_FAILED;
    }
}

static gboolean
covers (const IkePayloadTs *selectors, const RoamAddr *addr)
{
  if (!roam_addr_is_set (addr))
    return TRUE;
  for (guint i = 0; i < selectors->n_selectors; i++)
    if (ike_selector_covers_host (&selectors->selectors[i], addr))
      return TRUE;
  return FALSE;
}

/* The first Child SA from the answer; NULL with a reason. */
static IkeChild *
make_child (IkeSession *session, const IkeSa *sa, const IkeMessage *message, const IkeConfiguration *configuration,
            const char **ret_reason)
{
  const IkeHandshake *handshake = &session->handshake;
  const IkePayload *proposal = ike_message_find (message, IKE_PAYLOAD_SA);
  const IkePayload *tsi = ike_message_find (message, IKE_PAYLOAD_TSI);
  const IkePayload *tsr = ike_message_find (message, IKE_PAYLOAD_TSR);
  g_autoptr (GArray) proposed = ike_any_selectors (session);
  g_autoptr (GArray) local = NULL;
  g_autoptr (GArray) remote = NULL;
  IkeSuite suite;
  IkeChild *child;
  guint32 spi_out;

  *ret_reason = "IKE_AUTH response without SA, TSi or TSr";
  if (!proposal || !tsi || !tsr || !ike_proposals_verify_answer (handshake->esp, proposal->sa, 4, &suite, ret_reason))
    return NULL;
  if (ike_child_has_extras (message, ret_reason))
    return NULL;
  *ret_reason = "the gateway's traffic selectors are not a subset of ours (RFC 7296 2.9)";
  local = ike_selectors_of (tsi->ts);
  remote = ike_selectors_of (tsr->ts);
  if (!ike_selectors_cover (proposed, local) || !ike_selectors_cover (proposed, remote))
    return NULL;
  *ret_reason = "the gateway's traffic selectors do not cover the assigned inner address";
  if (!covers (tsi->ts, &configuration->tia4) || !covers (tsi->ts, &configuration->tia6))
    return NULL;
  *ret_reason = "the gateway chose a reserved SPI";
  spi_out = (guint32)ike_proposal_get_spi (&proposal->sa->proposals[0]);
  if (spi_out < IKE_MIN_ESP_SPI)
    return NULL;
  *ret_reason = "the keys of the Child SA could not be derived";
  child = ike_child_new (session, sa, &suite, NULL, ike_view (handshake->nonce), ike_view (handshake->peer_nonce), TRUE,
                         handshake->spi_in, spi_out);
  if (!child)
    return NULL;
  child->local_ts = g_steal_pointer (&local);
  child->remote_ts = g_steal_pointer (&remote);
  return child;
}

static gboolean
has_wanted_address (const IkeSession *session, const IkeConfiguration *configuration)
{
  if (!session->request_tia4 && !session->request_tia6)
    return TRUE;
  return (session->request_tia4 && roam_addr_is_specified (&configuration->tia4)) ||
         (session->request_tia6 && roam_addr_is_specified (&configuration->tia6));
}

void
ike_auth_complete (IkeSession *session, const RoamNow *now)
{
  session->awaits_child = FALSE;
  session->established_us = now->boot_us;
  ike_session_event (session, IKE_EVENT_ESTABLISHED, "IKE SA and Child SA established", NULL);
}

/* @child NULL: it follows. */
static void
establish (IkeSession *session, const IkeSa *sa, const RoamNow *now, const IkePair *pair, const IkeMessage *message,
           IkeChild *child, const IkeConfiguration *configuration)
{
  session->configuration = *configuration;
  ike_identity_clear (&session->local_id);
  ike_identity_copy (ike_auth_local_id (session), &session->local_id);
  ike_ticket_forget (session); /* used, or of an IKE SA that is over */
  ike_ticket_process (session, sa, now, message);
  ike_reauth_read_lifetime (session, now, message);
  session->keepalive_us = session->nat_local ? now->boot_us + session->nat_keepalive_us : ROAM_NEVER;
  if (session->dialect)
    ike_peer_addresses_read (session, &pair->remote.addr, message);
  ike_mobility_established (session, now);
  ike_handshake_clear (&session->handshake);
  session->awaits_child = child == NULL;
  if (child)
    {
      ike_child_install (session, now, child, TRUE);
      ike_auth_complete (session, now);
    }
  else
    ike_task_queue (session, ike_task_new (IKE_TASK_CREATE_CHILD));
}

/* Is the gateway the one we want, and does it give what we need? FALSE: the SA is being closed. */
static gboolean
accept_gateway (IkeSession *session, const RoamNow *now, const IkeMessage *message)
{
  const IkePayload *id = ike_message_find (message, IKE_PAYLOAD_IDR);
  const IkePayloadNotify *error = ike_message_find_error (message);
  const char *reason, *advice = NULL;
  IkeEventType type;

  /* With EAP the first response had it. */
  if (!session->handshake.peer_id && !ike_identity_matches (&session->remote_id, id->id.id_type, id->id.data))
    {
      ike_session_close (session, now, IKE_EVENT_AUTH_FAILED, "the gateway has another identity than configured",
                         "check the gateway's identity in the profile");
      return FALSE;
    }
  if (ike_redirect_process_protected (session, message))
    return FALSE;
  if (error && error->notify_type == IKE_NOTIFY_TS_UNACCEPTABLE && !session->handshake.childless)
    {
      /* RFC 7296 1.2: the IKE SA stands. Once more for our inner addresses alone. */
      ike_count (session, "selectors-narrowed");
      session->narrow = session->handshake.childless = TRUE;
    }
  else if (error)
    {
      type = explain_error (error->notify_type, &reason, &advice);
      ike_session_close (session, now, type, reason, advice);
      return FALSE;
    }
  if (session->require_mobike && !session->dialect)
    {
      ike_session_close (session, now, IKE_EVENT_FAILED, "the gateway does not support MOBIKE",
                         "switch MOBIKE on at the gateway or drop require-mobike");
      return FALSE;
    }
  if (session->nat_policy == IKE_NAT_POLICY_FORBID && !session->dialect)
    {
      ike_session_close (session, now, IKE_EVENT_FAILED,
                         "the gateway cannot tell whether a NAT is on the path, which the policy forbids",
                         "switch MOBIKE or MOPO on at the gateway, or allow NATs");
      return FALSE;
    }
  return TRUE;
}

/* What CFG_REPLY gives of what was asked for; without a request it is ignored (RFC 7296 2.19). */
static void
read_configuration (const IkeSession *session, const IkeMessage *message, IkeConfiguration *ret)
{
  const IkePayload *cp = ike_message_find (message, IKE_PAYLOAD_CP);

  if (cp && cp->cp->cfg_type == IKE_CFG_REPLY && (session->request_tia4 || session->request_tia6))
    ike_configuration_parse (cp->cp, ret);
  if (!session->request_tia4)
    ret->tia4 = ROAM_ADDR_NONE;
  if (!session->request_tia6)
    ret->tia6 = ROAM_ADDR_NONE;
  ike_configuration_settle_domains (session, message, ret);
}

/* The gateway is authentic: what else does the answer hold? */
void
ike_auth_accept (IkeSession *session, IkeSa *sa, const RoamNow *now, const IkePair *pair, const IkeMessage *message)
{
  IkeConfiguration configuration = { 0 };
  const char *reason;
  IkeChild *child = NULL;

  ike_dialect_choose_in_auth (session, message);
  ike_sa_activate (session, now, sa);
  ike_session_set_state (session, IKE_STATE_ESTABLISHED);
  if (!accept_gateway (session, now, message))
    return;
  if (!session->dialect && session->mobility.pending_update)
    {
      /* We moved meanwhile, and it cannot be told where to: once more, with INITIAL_CONTACT. */
      session->mobility.pending_update = FALSE;
      ike_init_start (session, now);
      return;
    }
  read_configuration (session, message, &configuration);
  if (!has_wanted_address (session, &configuration))
    {
      ike_session_close (session, now, IKE_EVENT_AUTH_FAILED, "the gateway assigned no inner address",
                         "the gateway needs an address pool for this connection");
      return;
    }
  if (!ike_policy_accepts (session, &configuration))
    {
      ike_session_close (session, now, IKE_EVENT_AUTH_FAILED, "the gateway assigned an inner address that is refused",
                         "It is one of this machine or of the gateway, or lies in a network that the profile exempts.");
      return;
    }
  if (!session->handshake.childless)
    child = make_child (session, sa, message, &configuration, &reason);
  if (!child && !session->handshake.childless)
    {
      ike_session_close (session, now, IKE_EVENT_FAILED, reason, NULL);
      return;
    }
  establish (session, sa, now, pair, message, child, &configuration);
}

void
ike_auth_process (IkeSession *session, IkeSa *sa, const RoamNow *now, const IkePair *pair, const IkeMessage *message)
{
  const IkePayloadNotify *error = ike_message_find_error (message);
  const char *reason, *advice;
  IkeEventType type;

  if (error && error->notify_type == IKE_NOTIFY_UNEXPECTED_NAT_DETECTED && ike_attempts_refused (session, now))
    return;
  if (session->handshake.resumption)
    {
      ike_resume_process_auth (session, sa, now, pair, message);
      return;
    }
  if (error && !ike_message_find (message, IKE_PAYLOAD_AUTH) && !ike_message_find (message, IKE_PAYLOAD_EAP))
    {
      type = explain_error (error->notify_type, &reason, &advice);
      ike_session_die (session, type, reason, advice);
      return;
    }
  if ((session->method == IKE_AUTH_METHOD_EAP || session->handshake.eap) && !session->handshake.eap_succeeded)
    {
      ike_eap_auth_process (session, sa, now, pair, message);
      return;
    }
  if (!ike_auth_verify (session, sa, now, message, &reason, &advice))
    {
      ike_auth_refuse_gateway (session, sa, now, reason, advice);
      return;
    }
  if (!ike_revocation_settle (session, sa, now, pair, message))
    return;
  if (!settle_ppk (session, sa, message))
    {
      ike_auth_refuse_gateway (session, sa, now, "the gateway does not know the post-quantum preshared key",
                               "Compare ppk-id and the key on both sides.");
      return;
    }
  if (session->then_eap && !session->handshake.eap)
    ike_multiple_auth_begin (session, sa, now, message);
  else
    ike_auth_accept (session, sa, now, pair, message);
}
