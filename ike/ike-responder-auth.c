/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* IKE_AUTH at the gateway (RFC 7296 1.2, 2.15, 2.19): who is it, what does it get, the first Child SA. */
#include "ike/ike-responder-private.h"

#include <string.h>

/* Address and prefix length. */
#define IP6_ADDRESS_LENGTH 17
#define IP6_HOST_LENGTH 128

/* --- who is it? --- */

/* The client's claim decides how both sides authenticate; FALSE: nobody we know. */
static gboolean
choose_peer (IkeSession *session, const IkeMessage *message)
{
  const IkePayload *id = ike_message_find (message, IKE_PAYLOAD_IDI);
  const IkePayload *auth = ike_message_find (message, IKE_PAYLOAD_AUTH);
  gboolean psk = auth && auth->auth.method == IKE_AUTH_ID_SHARED_KEY;
  const IkePeerEntry *peer = id && auth ? ike_responder_find_peer (session->responder, &id->id, psk) : NULL;

  if (!peer)
    return FALSE;
  ike_identity_clear (&session->remote_id);
  session->remote_id =
    (IkeIdentity){ .type = id->id.id_type, .data = g_bytes_new (id->id.data.data, id->id.data.length) };
  session->method = psk ? IKE_AUTH_METHOD_PSK : IKE_AUTH_METHOD_CERTIFICATE;
  roam_secret_unref (session->psk);
  session->psk = psk ? roam_secret_ref (peer->psk) : NULL;
  return TRUE;
}

void
ike_auth_refuse_client (IkeSession *session, IkeSa *sa, const IkePair *pair, guint16 notify_type, const char *reason)
{
  g_autoptr (IkePayloads) payloads = ike_payloads_new ();

  ike_payloads_add_notify (payloads, notify_type, NULL, 0);
  ike_exchange_respond (session, sa, pair, IKE_EXCHANGE_IKE_AUTH, payloads);
  ike_session_die (session, IKE_EVENT_AUTH_FAILED, reason, NULL);
}

/* --- what does it get? --- */

static gboolean
asks_for (const IkePayloadCp *cp, guint16 attribute)
{
  for (guint i = 0; i < cp->n_attributes; i++)
    if (cp->attributes[i].attribute == attribute)
      return TRUE;
  return FALSE;
}

/* The address that the client had before, if it names one; unset else. */
static RoamAddr
wanted (const IkePayloadCp *cp, guint16 attribute, RoamFamily family)
{
  RoamAddr addr = ROAM_ADDR_NONE;
  WireReader reader;

  for (guint i = 0; i < cp->n_attributes; i++)
    {
      if (cp->attributes[i].attribute != attribute)
        continue;
      wire_reader_init (&reader, cp->attributes[i].value.data, cp->attributes[i].value.length);
      if (wire_read_addr (&reader, family, &addr))
        break;
    }
  return addr;
}

/* Inner addresses into session->configuration; an error notify, or 0. */
static guint16
assign (IkeSession *session, const IkePayloadCp *cp)
{
  IkeResponder *responder = session->responder;
  IkeConfiguration *configuration = &session->configuration;
  RoamAddr wanted4, wanted6;
  gboolean wants4, wants6;

  if (!cp || cp->cfg_type != IKE_CFG_REQUEST)
    return IKE_NOTIFY_FAILED_CP_REQUIRED;
  wants4 = asks_for (cp, IKE_CP_INTERNAL_IP4_ADDRESS);
  wants6 = asks_for (cp, IKE_CP_INTERNAL_IP6_ADDRESS);
  if (!wants4 && !wants6)
    return IKE_NOTIFY_FAILED_CP_REQUIRED;
  wanted4 = wanted (cp, IKE_CP_INTERNAL_IP4_ADDRESS, ROAM_FAMILY_INET4);
  wanted6 = wanted (cp, IKE_CP_INTERNAL_IP6_ADDRESS, ROAM_FAMILY_INET6);
  if (wants4 && responder->pool4)
    ike_pool_take (responder->pool4, session->remote_id.data, &wanted4, &configuration->tia4);
  if (wants6 && responder->pool6)
    ike_pool_take (responder->pool6, session->remote_id.data, &wanted6, &configuration->tia6);
  /* Of several that are asked for one is enough (RFC 7296 3.15.4: failure is when none can be given). */
  if (!roam_addr_is_set (&configuration->tia4) && !roam_addr_is_set (&configuration->tia6))
    return IKE_NOTIFY_INTERNAL_ADDRESS_FAILURE;
  for (guint i = 0; i < responder->n_dns; i++)
    {
      gboolean ip6 = responder->dns[i].family == ROAM_FAMILY_INET6;

      if (asks_for (cp, ip6 ? IKE_CP_INTERNAL_IP6_DNS : IKE_CP_INTERNAL_IP4_DNS))
        configuration->dns[configuration->n_dns++] = responder->dns[i];
    }
  return 0;
}

static void
add_attribute (IkeCpAttribute *attributes, guint *n, guint16 attribute, const guint8 *value, gsize length)
{
  attributes[(*n)++] = (IkeCpAttribute){ .attribute = attribute, .value = { value, length } };
}

static void
add_cp_reply (const IkeSession *session, IkePayloads *payloads)
{
  const IkeConfiguration *configuration = &session->configuration;
  IkeCpAttribute attributes[2 + G_N_ELEMENTS (configuration->dns)];
  guint8 ip6[IP6_ADDRESS_LENGTH];
  guint n = 0;

  if (roam_addr_is_set (&configuration->tia4))
    add_attribute (attributes, &n, IKE_CP_INTERNAL_IP4_ADDRESS, configuration->tia4.bytes,
                   roam_addr_length (&configuration->tia4));
  if (roam_addr_is_set (&configuration->tia6))
    {
      memcpy (ip6, configuration->tia6.bytes, IP6_ADDRESS_LENGTH - 1);
      ip6[IP6_ADDRESS_LENGTH - 1] = IP6_HOST_LENGTH;
      add_attribute (attributes, &n, IKE_CP_INTERNAL_IP6_ADDRESS, ip6, sizeof ip6);
    }
  for (guint i = 0; i < configuration->n_dns; i++)
    add_attribute (attributes, &n,
                   configuration->dns[i].family == ROAM_FAMILY_INET6 ? IKE_CP_INTERNAL_IP6_DNS
                                                                     : IKE_CP_INTERNAL_IP4_DNS,
                   configuration->dns[i].bytes, roam_addr_length (&configuration->dns[i]));
  ike_payloads_add_cp (payloads, IKE_CFG_REPLY, attributes, n);
}

/* --- traffic selectors (RFC 7296 2.9) --- */

static IkeSelector
selector_of_prefix (const RoamPrefix *prefix)
{
  IkeSelector selector = ike_selector_any ((RoamFamily)prefix->addr.family);
  guint bits = (guint)roam_addr_length (&prefix->addr) * 8;

  for (guint bit = 0; bit < bits && bit < prefix->length; bit++)
    {
      guint8 mask = (guint8)(0x80u >> (bit % 8));

      if (prefix->addr.bytes[bit / 8] & mask)
        selector.start.bytes[bit / 8] |= mask;
      else
        selector.end.bytes[bit / 8] &= (guint8)~mask;
    }
  return selector;
}

static void
add_selector (GArray *selectors, const IkeSelector *selector)
{
  for (guint i = 0; i < selectors->len; i++)
    if (ike_selector_contains (&g_array_index (selectors, IkeSelector, i), selector))
      return;
  if (selectors->len < IKE_MAX_SELECTORS)
    g_array_append_val (selectors, *selector);
}

/* What @asked and @allowed have in common, where one holds the other. */
static void
intersect (GArray *selectors, const IkePayloadTs *asked, const IkeSelector *allowed)
{
  for (guint i = 0; i < asked->n_selectors; i++)
    if (ike_selector_contains (&asked->selectors[i], allowed))
      add_selector (selectors, allowed);
    else if (ike_selector_contains (allowed, &asked->selectors[i]))
      add_selector (selectors, &asked->selectors[i]);
}

static void
intersect_host (GArray *selectors, const IkePayloadTs *asked, const RoamAddr *host)
{
  IkeSelector selector;

  if (!roam_addr_is_set (host))
    return;
  selector = ike_selector_host (host);
  intersect (selectors, asked, &selector);
}

gboolean
ike_selectors_narrow (const IkeSession *session, const IkePayloadTs *tsi, const IkePayloadTs *tsr, GArray **ret_local,
                      GArray **ret_remote)
{
  const GArray *networks = session->responder->networks;
  g_autoptr (GArray) local = g_array_new (FALSE, FALSE, sizeof (IkeSelector));
  g_autoptr (GArray) remote = g_array_new (FALSE, FALSE, sizeof (IkeSelector));

  intersect_host (remote, tsi, &session->configuration.tia4);
  intersect_host (remote, tsi, &session->configuration.tia6);
  for (guint i = 0; i < networks->len; i++)
    {
      IkeSelector allowed = selector_of_prefix (&g_array_index (networks, RoamPrefix, i));
      intersect (local, tsr, &allowed);
    }
  if (local->len == 0 || remote->len == 0)
    return FALSE;
  *ret_local = g_steal_pointer (&local);
  *ret_remote = g_steal_pointer (&remote);
  return TRUE;
}

/* --- the first Child SA --- */

static guint32
spi_of (const IkeProposals *offer, guint8 number)
{
  for (guint i = 0; i < offer->n_proposals; i++)
    if (offer->proposals[i].number == number)
      return (guint32)ike_proposal_get_spi (&offer->proposals[i]);
  return 0;
}

/* @ret_chosen: to answer with. NULL with an error notify. */
static IkeChild *
make_child (IkeSession *session, const IkeSa *sa, const IkeMessage *message, IkeProposals **ret_chosen,
            guint16 *ret_error)
{
  const IkeHandshake *handshake = &session->handshake;
  const IkePayload *offer = ike_message_find (message, IKE_PAYLOAD_SA);
  const IkePayload *tsi = ike_message_find (message, IKE_PAYLOAD_TSI);
  const IkePayload *tsr = ike_message_find (message, IKE_PAYLOAD_TSR);
  g_autoptr (IkeProposals) ours = ike_proposals_copy (session->esp_offer);
  g_autoptr (IkeProposals) chosen = NULL;
  g_autoptr (GArray) local = NULL;
  g_autoptr (GArray) remote = NULL;
  guint32 spi_out;
  IkeSuite suite;
  IkeChild *child;

  ike_proposals_remove_type (ours, IKE_TRANSFORM_KE); /* RFC 7296 1.2: no key exchange of its own */
  *ret_error = IKE_NOTIFY_NO_PROPOSAL_CHOSEN;
  if (!offer || !ike_proposals_choose (ours, offer->sa, IKE_GROUP_NONE, &chosen, &suite))
    return NULL;
  spi_out = spi_of (offer->sa, chosen->proposals[0].number);
  if (spi_out < IKE_MIN_ESP_SPI)
    return NULL;
  *ret_error = IKE_NOTIFY_TS_UNACCEPTABLE;
  if (!tsi || !tsr || !ike_selectors_narrow (session, tsi->ts, tsr->ts, &local, &remote))
    return NULL;
  child = ike_child_new (session, sa, &suite, NULL, ike_view (handshake->peer_nonce), ike_view (handshake->nonce),
                         FALSE, ike_child_new_spi (session), spi_out);
  *ret_error = IKE_NOTIFY_NO_PROPOSAL_CHOSEN;
  if (!child)
    return NULL;
  child->local_ts = g_steal_pointer (&local);
  child->remote_ts = g_steal_pointer (&remote);
  *ret_chosen = g_steal_pointer (&chosen);
  return child;
}

static void
add_selectors (IkePayloads *payloads, guint8 type, const GArray *selectors)
{
  ike_payloads_add_ts (payloads, type, &g_array_index (selectors, IkeSelector, 0), selectors->len);
}

static void
add_child (IkeProposals *chosen, const IkeChild *child, IkePayloads *payloads)
{
  ike_proposals_set_spi (chosen, child->sa->spi_in, 4);
  ike_payloads_add_sa (payloads, chosen);
  add_selectors (payloads, IKE_PAYLOAD_TSI, child->remote_ts);
  add_selectors (payloads, IKE_PAYLOAD_TSR, child->local_ts);
}

static void
add_mobility (const IkeSession *session, IkePayloads *payloads)
{
  if (!session->dialect)
    return;
  if (!session->dialect->support_in_init)
    ike_dialect_add (session->dialect, session->dialect->supported, NULL, 0, payloads);
  ike_own_addresses_add (session, session->dialect, FALSE, payloads);
}

/* --- the exchange --- */

/* RFC 4806 3.2: for a client that asks. Of the responders that it may name we know one only, the CA's. */
static void
staple (const IkeSession *session, const IkeMessage *message, IkePayloads *payloads)
{
  GBytes *response = session->responder->ocsp_response;

  for (const IkePayload *p = NULL; response && (p = ike_message_find_next (message, IKE_PAYLOAD_CERTREQ, p));)
    if (p->certreq.encoding == IKE_CERT_ENCODING_OCSP)
      {
        ike_payloads_add_cert (payloads, IKE_CERT_ENCODING_OCSP, ike_view (response).data, ike_view (response).length);
        return;
      }
}

/* IDr, CERT and AUTH; NULL: we cannot authenticate ourselves. */
static IkePayloads *
build_identity (IkeSession *session, const IkeSa *sa, const IkeMessage *message)
{
  g_autoptr (IkePayloads) payloads = ike_payloads_new ();
  const IkeIdentity *id = ike_auth_local_id (session);
  g_autoptr (GBytes) body = ike_identity_to_body (id);

  ike_payloads_add_id (payloads, IKE_PAYLOAD_IDR, id);
  if (session->method == IKE_AUTH_METHOD_CERTIFICATE)
    {
      ike_auth_add_certificates (session, payloads);
      staple (session, message, payloads);
    }
  return ike_auth_add (session, sa, body, payloads) ? g_steal_pointer (&payloads) : NULL;
}

static void
take_features (IkeSession *session, const IkePair *pair, const IkeMessage *message)
{
  if (session->dialect)
    ike_peer_addresses_read (session, &pair->remote.addr, message);
  if (ike_message_find_notify (message, IKE_NOTIFY_INITIAL_CONTACT))
    ike_responder_forget_others (session->responder, session);
}

/*
 * The client is authentic. A Child SA that cannot be made is an error beside our AUTH: the IKE SA stands,
 * and the client decides what becomes of it (RFC 7296 1.2).
 */
void
ike_auth_accept_client (IkeSession *session, IkeSa *sa, const RoamNow *now, const IkePair *pair,
                        const IkeMessage *message, IkePayloads *payloads)
{
  const IkePayload *cp = ike_message_find (message, IKE_PAYLOAD_CP);
  gboolean childless = !ike_message_find (message, IKE_PAYLOAD_SA); /* RFC 6023: the client asks for one later */
  g_autoptr (IkeProposals) chosen = NULL;
  IkeChild *child = NULL;
  guint16 error;

  ike_sa_activate (session, now, sa);
  ike_session_set_state (session, IKE_STATE_ESTABLISHED);
  session->established_us = now->boot_us;
  session->mobility.good = session->mobility.now;
  session->mobility.children_moved = TRUE;
  session->keepalive_us = session->nat_local ? now->boot_us + session->nat_keepalive_us : ROAM_NEVER;
  take_features (session, pair, message);
  ike_identity_clear (&session->local_id);
  ike_identity_copy (ike_auth_local_id (session), &session->local_id);
  error = assign (session, cp ? cp->cp : NULL);
  if (error == 0)
    child = childless ? NULL : make_child (session, sa, message, &chosen, &error);
  if (child || (childless && error == 0))
    add_cp_reply (session, payloads);
  if (child)
    {
      add_child (chosen, child, payloads);
      /* RFC 7296 2.8: not before the client is known to have it, where it has another one. */
      ike_child_install (session, now, child, !ike_responder_shares_address (session->responder, session));
    }
  if (child || (childless && error == 0))
    {
      add_mobility (session, payloads);
      ike_ticket_respond (session, sa, now, message, payloads);
    }
  else
    ike_payloads_add_notify (payloads, error, NULL, 0);
  ike_exchange_respond (session, sa, pair, IKE_EXCHANGE_IKE_AUTH, payloads);
  ike_handshake_clear (&session->handshake);
  ike_session_event (session, IKE_EVENT_ESTABLISHED,
                     child                     ? "IKE SA and Child SA established"
                     : childless && error == 0 ? "IKE SA established"
                                               : ike_notify_to_string (error),
                     NULL);
}

void
ike_auth_respond (IkeSession *session, IkeSa *sa, const RoamNow *now, const IkePair *pair, const IkeMessage *message)
{
  g_autoptr (IkePayloads) payloads = NULL;
  const char *reason, *advice;

  ike_dialect_choose_in_auth (session, message);
  /*
   * RFC 4555 3.3: the header of the first IKE_AUTH request names the addresses of the SAs. With MOPO that is only
   * where the client may have changed its port since; else IKE_SA_INIT did (the draft's 2.7).
   */
  if (session->dialect != &ike_dialect_mopo || (session->nat_supported && !session->nat_prevented))
    session->mobility.now = *pair;
  if (session->dialect == &ike_dialect_mobike && !ike_nat_forbid_accepts (session, message, pair, TRUE))
    {
      ike_auth_refuse_client (session, sa, pair, IKE_NOTIFY_UNEXPECTED_NAT_DETECTED,
                              "UNEXPECTED_NAT_DETECTED: a NAT is in the way");
      return;
    }
  if (session->handshake.resumption)
    {
      ike_resume_respond_auth (session, sa, now, pair, message);
      return;
    }
  if (!choose_peer (session, message))
    {
      ike_auth_refuse_client (session, sa, pair, IKE_NOTIFY_AUTHENTICATION_FAILED,
                              "nobody may connect with this identity and method");
      return;
    }
  if (!ike_auth_verify (session, sa, now, message, &reason, &advice))
    {
      ike_auth_refuse_client (session, sa, pair, IKE_NOTIFY_AUTHENTICATION_FAILED, reason);
      return;
    }
  payloads = build_identity (session, sa, message);
  if (payloads)
    ike_auth_accept_client (session, sa, now, pair, message, payloads);
  else
    ike_auth_refuse_client (session, sa, pair, IKE_NOTIFY_AUTHENTICATION_FAILED,
                            session->handshake.problem ? session->handshake.problem : "our own AUTH could not be made");
}
