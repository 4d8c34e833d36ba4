/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Has the gateway's certificate been revoked? In this order: a list that the administrator gave or that came with
 * the certificate, a stapled OCSP answer (RFC 4806), one kept from before, the OCSP responder and the lists that the
 * certificate names. The two last are fetched while IKE_AUTH waits, for a limited time; the profile says what
 * becomes of a gateway about which nothing could be learned.
 */
#include "ike/ike-session-private.h"

/* One fetch, and all of them; with EAP the gateway waits for our next request and forgets us after half a minute. */
#define FETCH_PATIENCE_US (4 * ROAM_USEC_PER_SEC)
#define ALL_PATIENCE_US (10 * ROAM_USEC_PER_SEC)
/* RFC 8954 2.1: 1 to 32 octets. */
#define NONCE_LENGTH 16

static const char revoked_reason[] = "the gateway's certificate has been revoked";
static const char revoked_advice[] = "Do not connect here before the administrator has replaced the certificate.";
static const char unknown_advice[] =
  "The CA's OCSP responder or revocation list must be reachable from this network; or the gateway may send the answer "
  "along, or crl-file name a list.";

void
ike_revocation_clear (IkeRevocationCheck *check)
{
  g_clear_pointer (&check->ocsp_urls, g_ptr_array_unref);
  g_clear_pointer (&check->crl_urls, g_ptr_array_unref);
  g_clear_pointer (&check->nonce, g_bytes_unref);
  *check = (IkeRevocationCheck){ 0 };
}

/* The judgement about one answer; FALSE: nothing was learned from it. */
static gboolean
take_status (IkeSession *session, IkeSa *sa, const RoamNow *now, IkeRevocation status)
{
  switch (status)
    {
    case IKE_REVOCATION_GOOD:
      session->handshake.revocation.settled = TRUE;
      return TRUE;
    case IKE_REVOCATION_REVOKED:
      ike_count (session, "gateways-revoked");
      ike_auth_refuse_gateway (session, sa, now, revoked_reason, revoked_advice);
      return TRUE;
    case IKE_REVOCATION_UNKNOWN:
      return FALSE;
    }
  return FALSE;
}

static IkeRevocation
judge_ocsp (IkeSession *session, const RoamNow *now, IkeView answer, IkeView nonce)
{
  IkeRevocationCheck *check = &session->handshake.revocation;
  IkeRevocation status =
    ike_ocsp_judge (session->credentials, session->handshake.peer_key, answer, nonce, now, &check->reason);

  if (status == IKE_REVOCATION_UNKNOWN)
    {
      ike_count (session, "ocsp-answers-unusable");
      g_message ("ike: %s", check->reason);
    }
  else
    {
      GBytes *kept = g_bytes_new (answer.data, answer.length);

      g_clear_pointer (&session->ocsp_answer, g_bytes_unref);
      session->ocsp_answer = kept;
    }
  return status;
}

/* What is here already. FALSE: it has to be fetched. */
static gboolean
settle_here (IkeSession *session, IkeSa *sa, const RoamNow *now, const IkeMessage *message)
{
  const IkePublicKey *key = session->handshake.peer_key;
  const char *reason;

  if (ike_public_key_is_covered (key))
    return take_status (session, sa, now, IKE_REVOCATION_GOOD);
  for (const IkePayload *p = NULL; (p = ike_message_find_next (message, IKE_PAYLOAD_CERT, p));)
    if (p->cert.encoding == IKE_CERT_ENCODING_OCSP &&
        take_status (session, sa, now, judge_ocsp (session, now, p->cert.data, (IkeView){ 0 })))
      return TRUE;
  return session->ocsp_answer &&
         take_status (
           session, sa, now,
           ike_ocsp_judge (session->credentials, key, ike_view (session->ocsp_answer), (IkeView){ 0 }, now, &reason));
}

static char *
take_first (GPtrArray *urls)
{
  return urls->len > 0 ? g_ptr_array_steal_index (urls, 0) : NULL;
}

/* The OCSP request; NULL: none can be made. */
static GBytes *
new_request (IkeSession *session)
{
  IkeRevocationCheck *check = &session->handshake.revocation;
  guint8 nonce[NONCE_LENGTH];

  roam_rng_fill (session->rng, nonce, sizeof nonce);
  g_clear_pointer (&check->nonce, g_bytes_unref);
  check->nonce = g_bytes_new (nonce, sizeof nonce);
  return ike_ocsp_request_new (session->handshake.peer_key, ike_view (check->nonce));
}

/* FALSE: there is nobody left to ask, or no time. */
static gboolean
fetch_next (IkeSession *session, IkeSa *sa, const RoamNow *now, const IkePair *pair, const IkeMessage *message)
{
  IkeRevocationCheck *check = &session->handshake.revocation;
  gint64 patience_us = MIN (FETCH_PATIENCE_US, check->until_us - now->boot_us);
  g_autofree char *url = NULL;
  g_autoptr (GBytes) request = NULL;

  if (patience_us <= 0)
    return FALSE;
  url = take_first (check->ocsp_urls);
  if (url)
    request = new_request (session);
  if (request)
    {
      ike_outside_fetch (session, sa, now, pair, message, IKE_OUTSIDE_OCSP, url, request, patience_us);
      return TRUE;
    }
  g_free (url);
  url = take_first (check->crl_urls);
  if (url)
    ike_outside_fetch (session, sa, now, pair, message, IKE_OUTSIDE_CRL, url, NULL, patience_us);
  return url != NULL;
}

static void
begin (IkeSession *session, const RoamNow *now)
{
  IkeRevocationCheck *check = &session->handshake.revocation;

  check->until_us = now->boot_us + ALL_PATIENCE_US;
  check->reason = "the gateway's certificate names neither an OCSP responder nor a revocation list that can be asked";
  if (session->check_ocsp)
    {
      check->ocsp_urls = ike_public_key_dup_ocsp_urls (session->handshake.peer_key);
      check->crl_urls = ike_public_key_dup_crl_urls (session->handshake.peer_key);
    }
  else
    {
      check->ocsp_urls = g_ptr_array_new ();
      check->crl_urls = g_ptr_array_new ();
    }
}

/* Nothing could be learned. */
static gboolean
settle_unknown (IkeSession *session, IkeSa *sa, const RoamNow *now)
{
  IkeRevocationCheck *check = &session->handshake.revocation;

  ike_count (session, "revocation-unknown");
  check->settled = TRUE;
  if (session->require_revocation)
    {
      ike_auth_refuse_gateway (session, sa, now, check->reason, unknown_advice);
      return FALSE;
    }
  g_message ("ike: it is not known whether the gateway's certificate has been revoked (%s); going on", check->reason);
  return TRUE;
}

gboolean
ike_revocation_settle (IkeSession *session, IkeSa *sa, const RoamNow *now, const IkePair *pair,
                       const IkeMessage *message)
{
  IkeRevocationCheck *check = &session->handshake.revocation;

  if (session->responder || check->settled || !session->handshake.peer_key ||
      !(session->check_ocsp || session->require_revocation))
    return TRUE;
  if (!check->ocsp_urls)
    {
      begin (session, now);
      if (settle_here (session, sa, now, message))
        return check->settled;
    }
  return fetch_next (session, sa, now, pair, message) ? FALSE : settle_unknown (session, sa, now);
}

void
ike_revocation_take (IkeSession *session, IkeSa *sa, const RoamNow *now, IkeOutsideKind kind, GBytes *answer)
{
  IkeRevocationCheck *check = &session->handshake.revocation;
  IkeRevocation status;

  if (!answer)
    {
      check->reason = kind == IKE_OUTSIDE_OCSP ? "the OCSP responder of the gateway's CA gave no answer"
                                               : "the revocation list of the gateway's CA could not be fetched";
      ike_count (session, "fetches-failed");
      return;
    }
  if (kind == IKE_OUTSIDE_OCSP)
    status = judge_ocsp (session, now, ike_view (answer), ike_view (check->nonce));
  else
    status = ike_crl_judge (session->credentials, session->handshake.peer_key, ike_view (answer), now, &check->reason);
  take_status (session, sa, now, status);
}
