/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What IKE_AUTH needs from outside of the engine: a signature of a key in a token, something fetched by
 * HTTP. The handshake waits for one thing at a time; nothing else of the session does.
 */
#include "ike/ike-session-private.h"

/* A person may have to type a PIN; gateways forget a half-open IKE SA after half a minute (strongSwan 5.9: 30 s). */
#define SIGN_PATIENCE_US (25 * ROAM_USEC_PER_SEC)
/* Answers about one certificate are some hundred octets, with the responder's chain some thousand. */
#define MAX_OCSP_ANSWER (64 * 1024)
/* Lists of a company's CA; those of public ones grow to some MiB. */
#define MAX_CRL (8 * 1024 * 1024)
/* RFC 8019 4.7: what a stranger names is not worth more. */
#define MAX_CERTIFICATE (16 * 1024)

static void
clear (IkeOutside *outside)
{
  ike_message_free (outside->message);
  *outside = (IkeOutside){ 0 };
}

void
ike_outside_clear (IkeHandshake *handshake)
{
  clear (&handshake->outside);
  for (guint i = 0; i < G_N_ELEMENTS (handshake->outside_auth.auth); i++)
    g_clear_pointer (&handshake->outside_auth.auth[i], g_bytes_unref);
  ike_public_key_free (g_steal_pointer (&handshake->peer_key));
  ike_revocation_clear (&handshake->revocation);
}

/* A number that no answer to an earlier request, or to one of another session, can have but by chance. */
static guint32
new_request (IkeSession *session)
{
  guint32 request;

  while ((request = roam_rng_u32 (session->rng)) == 0)
    ;
  return request;
}

static guint32
begin_waiting (IkeSession *session, IkeSa *sa, const RoamNow *now, IkeOutsideKind kind, gint64 patience_us)
{
  IkeOutside *outside = &session->handshake.outside;

  clear (outside);
  outside->kind = kind;
  outside->request = new_request (session);
  outside->until_us = now->boot_us + patience_us;
  outside->sa = sa;
  return outside->request;
}

/* --- signatures --- */

static void
queue_auth (IkeSession *session, IkeSa *sa)
{
  IkeTask *task = ike_task_new (IKE_TASK_AUTH);

  task->sa = sa;
  task->not_before_us = session->handshake.puzzle ? ROAM_NEVER : 0; /* until it is solved */
  ike_task_queue (session, task);
}

static GBytes *
signed_octets (IkeSession *session, const IkeSa *sa, const RoamSecret *sk_p)
{
  const IkeHandshake *handshake = &session->handshake;
  g_autoptr (GBytes) id_body = ike_identity_to_body (ike_auth_local_id (session));

  return ike_auth_signed_octets (sa->keys->suite.prf, ike_view (handshake->own_init), ike_view (handshake->peer_nonce),
                                 sk_p, ike_view (id_body));
}

/* The key that the next AUTH is made with: the SA's; with a PPK that is not required, then the one without it. */
static const RoamSecret *
next_sk_p (const IkeSession *session, const IkeSa *sa)
{
  const IkeHandshake *handshake = &session->handshake;

  if (!handshake->outside_auth.auth[0])
    return ike_sa_sk_p (sa, TRUE);
  return session->require_ppk || handshake->outside_auth.auth[1] ? NULL : handshake->without.sk_pi;
}

static void
ask_for_signature (IkeSession *session, IkeSa *sa, const RoamNow *now)
{
  IkeOutsideAuth *auth = &session->handshake.outside_auth;
  const RoamSecret *sk_p = next_sk_p (session, sa);
  IkeAction action = { .type = IKE_ACTION_SIGN };
  const char *reason;

  if (!sk_p)
    {
      queue_auth (session, sa);
      return;
    }
  if (!ike_credentials_plan (session->credentials, session->handshake.peer_hashes, auth->attempt, &auth->plan, &reason))
    {
      /* A further way was looked for after the first had failed. */
      ike_session_die (session, IKE_EVENT_AUTH_FAILED, auth->attempt ? "the private key did not sign" : reason,
                       "Check that the token with the key is there, that its PIN is right, and that the key belongs "
                       "to the certificate.");
      return;
    }
  action.sign.octets = signed_octets (session, sa, sk_p);
  action.sign.scheme = auth->plan.scheme;
  action.sign.hash_bits = ike_signature_plan_hash_bits (&auth->plan);
  action.sign.request = begin_waiting (session, sa, now, IKE_OUTSIDE_SIGNATURE, SIGN_PATIENCE_US);
  ike_session_push (session, &action);
}

void
ike_auth_begin (IkeSession *session, IkeSa *sa, const RoamNow *now)
{
  if (session->external_key && !session->handshake.resumption) /* a ticket needs no signature (RFC 5723 4.3.3) */
    ask_for_signature (session, sa, now);
  else
    queue_auth (session, sa);
}

/* A token may be unable to do PSS, or do it with another salt: then the next scheme has its turn. */
static void
take_signature (IkeSession *session, IkeSa *sa, const RoamNow *now, GBytes *signature)
{
  IkeOutsideAuth *auth = &session->handshake.outside_auth;
  g_autoptr (GBytes) octets = signed_octets (session, sa, next_sk_p (session, sa));
  GBytes *made = NULL;

  if (signature)
    made = ike_credentials_finish (session->credentials, &auth->plan, ike_view (octets), signature);
  if (signature && !made)
    {
      g_message ("ike: the signature of the outside key does not fit the certificate or the scheme");
      ike_count (session, "signatures-unfit");
    }
  if (made)
    auth->auth[auth->auth[0] ? 1 : 0] = made;
  else
    auth->attempt++;
  ask_for_signature (session, sa, now);
}

GBytes *
ike_outside_auth (const IkeSession *session, const IkeSa *sa, const RoamSecret *sk_p, guint8 *ret_method)
{
  const IkeOutsideAuth *auth = &session->handshake.outside_auth;
  GBytes *made = auth->auth[sk_p == ike_sa_sk_p (sa, TRUE) ? 0 : 1];

  *ret_method = auth->plan.method;
  return made ? g_bytes_ref (made) : NULL;
}

/* --- fetching --- */

static gsize
limit_of (IkeOutsideKind kind)
{
  switch (kind)
    {
    case IKE_OUTSIDE_CERTIFICATE:
      return MAX_CERTIFICATE;
    case IKE_OUTSIDE_OCSP:
      return MAX_OCSP_ANSWER;
    case IKE_OUTSIDE_CRL:
      return MAX_CRL;
    case IKE_OUTSIDE_NOTHING:
    case IKE_OUTSIDE_SIGNATURE:
      return 0;
    }
  return 0;
}

void
ike_outside_fetch (IkeSession *session, IkeSa *sa, const RoamNow *now, const IkePair *pair, const IkeMessage *message,
                   IkeOutsideKind kind, const char *url, GBytes *body, gint64 patience_us)
{
  IkeAction action = { .type = IKE_ACTION_FETCH };
  /* First: @message may be the one that the handshake waited with. */
  IkeMessage *kept = ike_message_ref (message);

  action.fetch.request = begin_waiting (session, sa, now, kind, patience_us);
  session->handshake.outside.pair = *pair;
  session->handshake.outside.message = kept;
  action.fetch.url = g_strdup (url);
  action.fetch.content_type = kind == IKE_OUTSIDE_OCSP ? "application/ocsp-request" : NULL;
  action.fetch.body = body ? g_bytes_ref (body) : NULL;
  action.fetch.max_length = limit_of (kind);
  ike_count (session, "fetches");
  ike_session_push (session, &action);
}

/* --- answers --- */

/* The gateway's message once more, now that more is known about it. */
static void
look_again (IkeSession *session, const RoamNow *now, const IkeOutside *outside)
{
  if (session->state == IKE_STATE_AUTH)
    ike_auth_process (session, outside->sa, now, &outside->pair, outside->message);
}

static void
finish (IkeSession *session, const RoamNow *now, GBytes *answer)
{
  IkeOutside outside = session->handshake.outside;

  session->handshake.outside = (IkeOutside){ 0 };
  switch (outside.kind)
    {
    case IKE_OUTSIDE_SIGNATURE:
      take_signature (session, outside.sa, now, answer);
      break;
    case IKE_OUTSIDE_OCSP:
    case IKE_OUTSIDE_CRL:
      ike_revocation_take (session, outside.sa, now, outside.kind, answer);
      look_again (session, now, &outside);
      break;
    case IKE_OUTSIDE_CERTIFICATE:
    case IKE_OUTSIDE_NOTHING:
      break;
    }
  clear (&outside);
}

void
ike_outside_command (IkeSession *session, const RoamNow *now, const IkeCommand *command)
{
  const IkeOutside *outside = &session->handshake.outside;
  gboolean is_signature = outside->kind == IKE_OUTSIDE_SIGNATURE;

  if (outside->kind == IKE_OUTSIDE_NOTHING || command->request != outside->request ||
      is_signature != (command->type == IKE_SIGNED))
    {
      ike_count (session, "answers-too-late");
      return;
    }
  finish (session, now, command->answer);
}

void
ike_outside_deadline (IkeSession *session, const RoamNow *now)
{
  const IkeOutside *outside = &session->handshake.outside;

  if (outside->kind == IKE_OUTSIDE_NOTHING || now->boot_us < outside->until_us)
    return;
  if (outside->kind == IKE_OUTSIDE_SIGNATURE)
    ike_session_die (session, IKE_EVENT_FAILED, "the private key did not sign in time",
                     "Is the token with the key there, and does it wait for its PIN?");
  else
    finish (session, now, NULL);
}

gint64
ike_outside_next_deadline (const IkeSession *session)
{
  const IkeOutside *outside = &session->handshake.outside;

  return outside->kind == IKE_OUTSIDE_NOTHING ? ROAM_NEVER : outside->until_us;
}
