/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* REDIRECT (RFC 5685): the gateway names another one, before, at the end of, or long after IKE_AUTH. */
#include "ike/ike-session-private.h"

#include <string.h>

/* GW Identity types (RFC 5685 9.2). */
enum
{
  GW_IDENT_IPV4 = 1,
  GW_IDENT_IPV6 = 2,
  GW_IDENT_FQDN = 3,
};

/* Whoever resolves the name has this long. */
#define RESOLVE_PATIENCE_US (30 * ROAM_USEC_PER_SEC)

/* --- wire --- */

GBytes *
ike_redirect_to_data (const RoamAddr *addr, const char *name, IkeView nonce)
{
  g_auto (WireWriter) writer = { 0 };

  wire_writer_init (&writer, 2 + IKE_MAX_NAME + IKE_MAX_NONCE);
  if (addr)
    {
      wire_write_u8 (&writer, addr->family == ROAM_FAMILY_INET6 ? GW_IDENT_IPV6 : GW_IDENT_IPV4);
      wire_write_u8 (&writer, (guint8)roam_addr_length (addr));
      wire_write_addr (&writer, addr);
    }
  else
    {
      wire_write_u8 (&writer, GW_IDENT_FQDN);
      wire_write_u8 (&writer, (guint8)strlen (name));
      wire_write_data (&writer, (const guint8 *)name, strlen (name));
    }
  wire_write_data (&writer, nonce.data, nonce.length);
  return wire_writer_finish (&writer);
}

/* Letters, digits, hyphens and dots only: it goes to a resolver and to logs. */
static gboolean
read_name (WireReader *reader, char name[IKE_MAX_NAME])
{
  gsize length = wire_reader_left (reader);
  const guint8 *octets;

  if (length == 0 || length >= IKE_MAX_NAME || !wire_read_data (reader, length, &octets))
    return FALSE;
  for (gsize i = 0; i < length; i++)
    if (!g_ascii_isalnum (octets[i]) && octets[i] != '-' && octets[i] != '.')
      return FALSE;
  memcpy (name, octets, length);
  name[length] = '\0';
  return TRUE;
}

static gboolean
read_identity (guint8 type, WireReader *reader, IkeRedirectTarget *target)
{
  switch (type)
    {
    case GW_IDENT_IPV4:
      return wire_read_addr (reader, ROAM_FAMILY_INET4, &target->addr) && wire_reader_at_end (reader);
    case GW_IDENT_IPV6:
      return wire_read_addr (reader, ROAM_FAMILY_INET6, &target->addr) && wire_reader_at_end (reader);
    case GW_IDENT_FQDN:
      return read_name (reader, target->name);
    default:
      return FALSE;
    }
}

gboolean
ike_redirect_parse (IkeView data, IkeRedirectTarget *ret_target, IkeView *ret_nonce)
{
  IkeRedirectTarget target = { 0 };
  WireReader reader, identity;
  guint8 type, length;
  IkeView nonce;

  wire_reader_init (&reader, data.data, data.length);
  if (!wire_read_u8 (&reader, &type) || !wire_read_u8 (&reader, &length) ||
      !wire_read_sub (&reader, length, &identity) || !read_identity (type, &identity, &target))
    return FALSE;
  if (target.name[0] == '\0' && !ike_address_is_usable (&target.addr))
    return FALSE;
  nonce.length = wire_reader_left (&reader);
  if (!wire_read_data (&reader, nonce.length, &nonce.data))
    return FALSE;
  *ret_target = target;
  *ret_nonce = nonce;
  return TRUE;
}

void
ike_redirect_add (const IkeSession *session, IkePayloads *payloads)
{
  const IkeRedirect *redirect = &session->redirect;
  g_autoptr (GBytes) data = NULL;

  if (!redirect->accept)
    return;
  if (!roam_addr_is_set (&redirect->from))
    {
      ike_payloads_add_notify (payloads, IKE_NOTIFY_REDIRECT_SUPPORTED, NULL, 0);
      return;
    }
  data = ike_redirect_to_data (&redirect->from, NULL, (IkeView){ 0 });
  ike_payloads_add_notify (payloads, IKE_NOTIFY_REDIRECTED_FROM, ike_view (data).data, ike_view (data).length);
}

IkePayloads *
ike_redirect_build (const IkeTask *task)
{
  IkePayloads *payloads = ike_payloads_new ();

  ike_payloads_add_notify (payloads, IKE_NOTIFY_REDIRECT, ike_view (task->data).data, ike_view (task->data).length);
  return payloads;
}

/* --- following --- */

/* RFC 5685 7: FALSE when there were too many of them lately. */
static gboolean
count_redirect (IkeSession *session, const RoamNow *now)
{
  IkeRedirect *redirect = &session->redirect;
  gint64 *oldest = &redirect->times_us[redirect->n % IKE_MAX_REDIRECTS];

  if (redirect->n >= IKE_MAX_REDIRECTS && now->boot_us - *oldest < IKE_REDIRECT_PERIOD_US)
    {
      ike_count (session, "redirects-refused");
      return FALSE;
    }
  *oldest = now->boot_us;
  redirect->n++;
  ike_count (session, "redirects");
  return TRUE;
}

static void
push_event (IkeSession *session, IkeEventType type, const char *reason)
{
  IkeAction action = { .type = IKE_ACTION_EVENT };
  const IkeRedirectTarget *target = &session->redirect.target;

  action.event =
    (IkeEvent){ .type = type, .serial = session->mobility.serial, .gateway = target->addr, .reason = reason };
  g_strlcpy (action.event.gateway_name, target->name, sizeof action.event.gateway_name);
  ike_session_push (session, &action);
}

/* Is the IKE SA one that carries traffic, and so has to stay until there is a better one? */
static gboolean
is_in_service (const IkeSession *session)
{
  return session->state == IKE_STATE_ESTABLISHED && session->established_us != 0;
}

static void
go (IkeSession *session, const RoamNow *now, const RoamAddr *addr)
{
  if (is_in_service (session))
    {
      if (!ike_reauth_start (session, now, addr))
        ike_count (session, "redirects-not-followed");
    }
  else if (addr->family == session->mobility.now.local.addr.family)
    ike_init_redirect (session, now, addr);
  else
    ike_session_die (session, IKE_EVENT_FAILED, "REDIRECT: the other gateway has no address of the path's family",
                     NULL);
}

/* Where nothing is in service the attempt stands still until the name has addresses. */
static void
wait_for_addresses (IkeSession *session, const RoamNow *now)
{
  session->redirect.resolve_us = now->boot_us + RESOLVE_PATIENCE_US;
  push_event (session, IKE_EVENT_RESOLVE, "REDIRECT: the other gateway has a name only");
  if (is_in_service (session))
    return;
  for (guint i = 0; i < session->sas->len; i++)
    ike_sa_close (session, g_ptr_array_index (session->sas, i));
  session->current = NULL;
  ike_attempts_clear (session);
  ike_handshake_clear (&session->handshake);
  ike_session_set_state (session, IKE_STATE_INIT);
}

static void
follow (IkeSession *session, const RoamNow *now)
{
  push_event (session, IKE_EVENT_REDIRECTED, "REDIRECT: the gateway named another one (RFC 5685)");
  if (roam_addr_is_set (&session->redirect.target.addr))
    go (session, now, &session->redirect.target.addr);
  else
    wait_for_addresses (session, now);
}

void
ike_redirect_process_init (IkeSession *session, IkeSa *sa, const RoamNow *now, const IkePayloadNotify *notify)
{
  GBytes *own = session->handshake.nonce;
  IkeRedirectTarget target;
  IkeView nonce;

  /* RFC 5685 3: only somebody who saw our request knows the nonce. */
  if (!session->redirect.accept || !sa->task || !ike_redirect_parse (notify->data, &target, &nonce) ||
      nonce.length != ike_view (own).length || memcmp (nonce.data, ike_view (own).data, nonce.length) != 0)
    {
      ike_count (session, "redirects-ignored");
      return;
    }
  if (!count_redirect (session, now))
    {
      ike_session_die (session, IKE_EVENT_FAILED, "REDIRECT: the gateways send us on and on (RFC 5685 7)",
                       "the gateways' redirection may be a loop; tell its administrator");
      return;
    }
  session->redirect.target = target;
  follow (session, now);
}

gboolean
ike_redirect_process_protected (IkeSession *session, const IkeMessage *message)
{
  const IkePayloadNotify *notify = ike_message_find_notify (message, IKE_NOTIFY_REDIRECT);
  IkeRedirectTarget target;
  IkeView nonce;

  if (!notify)
    return FALSE;
  if (session->responder || !session->redirect.accept || !ike_redirect_parse (notify->data, &target, &nonce) ||
      nonce.length != 0)
    {
      ike_count (session, "redirects-ignored");
      return FALSE;
    }
  session->redirect.target = target;
  session->redirect.due = TRUE;
  return TRUE;
}

void
ike_redirect_settle (IkeSession *session, const RoamNow *now)
{
  if (!session->redirect.due)
    return;
  session->redirect.due = FALSE;
  if (session->state == IKE_STATE_IDLE || session->state == IKE_STATE_CLOSING)
    return;
  if (!count_redirect (session, now))
    {
      if (!is_in_service (session))
        ike_session_close (session, now, IKE_EVENT_FAILED, "REDIRECT: the gateways send us on and on (RFC 5685 7)",
                           "the gateways' redirection may be a loop; tell its administrator");
    }
  else
    {
      /* RFC 5685 6: the IKE SA of IKE_AUTH is of no use and is deleted; with EAP's first response there is none. */
      if (session->state == IKE_STATE_ESTABLISHED && !is_in_service (session))
        ike_reauth_retire (session, now, "REDIRECT: another gateway was named");
      follow (session, now);
    }
  ike_exchange_pump (session, now);
  ike_sa_reap (session);
}

gboolean
ike_redirect_resolved (IkeSession *session, const RoamNow *now, const IkeCommand *command)
{
  if (session->redirect.resolve_us == ROAM_NEVER)
    return FALSE;
  session->redirect.resolve_us = ROAM_NEVER;
  for (guint i = 0; i < MIN (command->n_gateways, IKE_MAX_GATEWAYS); i++)
    if (command->gateways[i].family == session->mobility.now.local.addr.family &&
        ike_address_is_usable (&command->gateways[i]))
      {
        go (session, now, &command->gateways[i]);
        return TRUE;
      }
  if (!is_in_service (session))
    ike_session_die (session, IKE_EVENT_FAILED, "REDIRECT: the other gateway's name has no address that fits", NULL);
  return TRUE;
}

void
ike_redirect_deadline (IkeSession *session, const RoamNow *now)
{
  if (session->redirect.resolve_us > now->boot_us)
    return;
  session->redirect.resolve_us = ROAM_NEVER;
  ike_count (session, "redirects-not-followed");
  if (session->state == IKE_STATE_INIT)
    ike_session_die (session, IKE_EVENT_FAILED, "REDIRECT: the other gateway's name was not resolved", NULL);
}
