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
      RoamAddr addr;

      if (!ike_dialect_is_address (session->dialect, p->notify.notify_type))
        continue;
      if (!ike_dialect_read_address (session->dialect, &p->notify, &addr))
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

/* No pair with it is a candidate for a while, even if it still answers. */
static void
bar_remote (IkeSession *session, const RoamNow *now, const RoamAddr *remote)
{
  for (guint i = 0; i < session->paths.n_candidates; i++)
    if (roam_addr_equal (&session->paths.candidates[i].remote, remote))
      ike_paths_bar (&session->paths.candidates[i], IKE_PAIR_SILENT, now->boot_us);
}

void
ike_peer_addresses_changed (IkeSession *session, const RoamNow *now, const IkePair *pair)
{
  const RoamAddr *in_use = &session->mobility.now.remote.addr;
  gboolean gone = !is_listed (session->peer_addresses, session->n_peer_addresses, in_use);
  gboolean elsewhere = !roam_addr_equal (&pair->remote.addr, in_use);
  const char *reason = gone ? "the gateway's address in use is gone" : "the gateway sends from another address";

  /* A MOPO gateway sends from another address only when the path is dead for it (the draft's 2.4). */
  if (!gone && !(session->dialect->probe_out_of_sa && elsewhere))
    return;
  if (ike_path_test_is_usable (session))
    {
      if (gone)
        bar_remote (session, now, in_use);
      ike_probing_suspect (session, now);
      session->probing.ask_used = FALSE; /* whether it answers is of no interest */
    }
  else /* what it sends from is an address of its own (RFC 4555 3.5) */
    ike_mobility_follow (session, now, pair, reason);
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
ike_own_addresses_add (const IkeSession *session, const IkeDialect *dialect, gboolean say_none, IkePayloads *payloads)
{
  RoamAddr own[IKE_MAX_PATHS];
  guint n = ike_own_addresses (session, own);

  ike_dialect_add_addresses (dialect, own, n, &session->mobility.now.local.addr, say_none, payloads);
}

void
ike_addresses_add_to_auth (const IkeSession *session, IkePayloads *payloads)
{
  const IkeDialect *dialect = session->dialect;

  /* Which one it will be the answer says; where both are possible, MOBIKE. */
  if (ike_dialect_is_offered (session, &ike_dialect_mobike))
    {
      dialect = &ike_dialect_mobike;
      if (!session->nat_supported)
        ike_nat_forbid_add (dialect, &session->mobility.now, payloads);
    }
  if (session->announce_addresses && dialect)
    ike_own_addresses_add (session, dialect, FALSE, payloads);
}
