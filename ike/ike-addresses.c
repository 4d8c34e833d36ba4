/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Address sets: what the peer says about its own, what we say about ours (RFC 4555 3.4, 3.6). */
#include "ike/ike-responder-private.h"

static gboolean
is_in (const RoamAddr *addr, const char *const *prefixes, guint n)
{
  for (guint i = 0; i < n; i++)
    {
      RoamPrefix prefix;
      if (roam_prefix_parse (prefixes[i], &prefix) && roam_prefix_contains (&prefix, addr))
        return TRUE;
    }
  return FALSE;
}

gboolean
ike_addr_is_private (const RoamAddr *addr)
{
  static const char *const prefixes[] = { "10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10" };

  return is_in (addr, prefixes, G_N_ELEMENTS (prefixes));
}

/* Not one that no path leads to; RFC 4555 5.5 warns of using whatever is announced. */
gboolean
ike_address_is_usable (const RoamAddr *addr)
{
  static const char *const excluded[] = { "0.0.0.0/8", "127.0.0.0/8", "169.254.0.0/16", "224.0.0.0/3",
                                          "::/127",    "fe80::/10",   "ff00::/8",       "::ffff:0:0/96" };

  return !is_in (addr, excluded, G_N_ELEMENTS (excluded));
}

static gboolean
is_listed (const RoamAddr *list, guint n, const RoamAddr *addr)
{
  for (guint i = 0; i < n; i++)
    if (roam_addr_equal (&list[i], addr))
      return TRUE;
  return FALSE;
}

/* --- the peer's --- */

static void
add_peer_address (IkeSession *session, const RoamAddr *addr)
{
  if (session->n_peer_addresses < IKE_MAX_PEER_ADDRESSES && ike_address_is_usable (addr) &&
      !is_listed (session->peer_addresses, session->n_peer_addresses, addr))
    session->peer_addresses[session->n_peer_addresses++] = *addr;
}

/* Adds the listed addresses that are (not) private. */
static void
read_list (IkeSession *session, const IkeMessage *message, gboolean private)
{
  for (const IkePayload *p = NULL; (p = ike_message_find_next (message, IKE_PAYLOAD_NOTIFY, p));)
    {
      RoamFamily family = p->notify.notify_type == IKE_NOTIFY_ADDITIONAL_IP4_ADDRESS   ? ROAM_FAMILY_INET4
                          : p->notify.notify_type == IKE_NOTIFY_ADDITIONAL_IP6_ADDRESS ? ROAM_FAMILY_INET6
                                                                                       : ROAM_FAMILY_NONE;
      WireReader reader;
      RoamAddr addr;

      if (family == ROAM_FAMILY_NONE)
        continue;
      wire_reader_init (&reader, p->notify.data.data, p->notify.data.length);
      if (!wire_read_addr (&reader, family, &addr) || !wire_reader_at_end (&reader))
        {
          if (!private) /* of the two passes the first one counts */
            ike_count (session, "addresses-ignored");
        }
      else if (ike_addr_is_private (&addr) == private)
        add_peer_address (session, &addr);
    }
}

void
ike_peer_addresses_read (IkeSession *session, const RoamAddr *source, const IkeMessage *message)
{
  session->n_peer_addresses = 0;
  add_peer_address (session, source);
  read_list (session, message, FALSE);
  read_list (session, message, TRUE); /* the least likely to be reachable from outside */
  ike_peer_addresses_update (session);
}

/* What its name says now, what the profile says, what the gateway says of itself (public ones first). */
void
ike_peer_addresses_update (IkeSession *session)
{
  RoamAddr all[IKE_MAX_GATEWAYS + G_N_ELEMENTS (session->gateways) + IKE_MAX_PEER_ADDRESSES];
  guint n = 0;

  for (guint i = 0; i < session->n_resolved; i++)
    all[n++] = session->resolved[i];
  for (guint i = 0; i < session->n_gateways; i++)
    all[n++] = session->gateways[i];
  for (guint i = 0; i < session->n_peer_addresses; i++)
    all[n++] = session->peer_addresses[i];
  ike_paths_set_remotes (&session->paths, all, n);
}

void
ike_peer_addresses_restore (IkeSession *session)
{
  session->gateway = session->gateways[0] = session->configured_gateway;
  session->n_gateways = 1;
  for (guint i = 0; i < session->n_configured_gateways; i++)
    session->gateways[session->n_gateways++] = session->configured_gateways[i];
  ike_peer_addresses_update (session);
}

void
ike_peer_addresses_replace (IkeSession *session, const RoamAddr *gateway)
{
  IkePath used = session->paths.used_path;

  session->gateway = session->gateways[0] = *gateway;
  session->n_gateways = 1;
  session->n_resolved = session->n_peer_addresses = 0;
  ike_peer_addresses_update (session);
  ike_paths_use (&session->paths, &used, gateway);
  ike_paths_forget (&session->paths);
}

gboolean
ike_peer_address_of (const IkeSession *session, guint8 family, RoamAddr *ret_addr)
{
  for (guint i = 0; i < session->paths.n_remotes; i++)
    if (session->paths.remotes[i].family == family)
      {
        *ret_addr = session->paths.remotes[i];
        return TRUE;
      }
  return FALSE;
}

/* --- ours --- */

guint
ike_own_addresses (const IkeSession *session, RoamAddr ret[IKE_MAX_PATHS])
{
  const RoamAddr *used = &session->mobility.now.local.addr;
  guint n = 0, n_all = session->responder ? session->responder->n_addresses : session->paths.n_locals;

  for (guint i = 0; i < n_all && n < IKE_MAX_PATHS; i++)
    {
      const RoamAddr *addr = session->responder ? &session->responder->addresses[i] : &session->paths.locals[i].local;

      /* The one in use belongs to the set without being named. */
      if (!roam_addr_equal (addr, used) && ike_address_is_usable (addr) && !is_listed (ret, n, addr))
        ret[n++] = *addr;
    }
  return n;
}

void
ike_own_addresses_add (const IkeSession *session, gboolean say_none, IkePayloads *payloads)
{
  RoamAddr own[IKE_MAX_PATHS];
  guint n = ike_own_addresses (session, own);

  for (guint i = 0; i < n; i++)
    ike_payloads_add_notify_addr (payloads,
                                  own[i].family == ROAM_FAMILY_INET6 ? IKE_NOTIFY_ADDITIONAL_IP6_ADDRESS
                                                                     : IKE_NOTIFY_ADDITIONAL_IP4_ADDRESS,
                                  &own[i]);
  if (n == 0 && say_none)
    ike_payloads_add_notify (payloads, IKE_NOTIFY_NO_ADDITIONAL_ADDRESSES, NULL, 0);
}

void
ike_addresses_add_to_auth (const IkeSession *session, IkePayloads *payloads)
{
  if (session->announce_addresses)
    ike_own_addresses_add (session, FALSE, payloads);
  if (!session->nat_supported)
    ike_nat_add_none_allowed (&session->mobility.now, payloads);
}
