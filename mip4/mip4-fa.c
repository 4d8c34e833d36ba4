/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "mip4/mip4-fa-private.h"

#include <string.h>

/* The verbs of the foreign agent engine and its visitor list (RFC 5944 3.7.1). */

/* -------------------------------------------------------------- construction ---- */

static gboolean
is_unicast (const RoamAddr *addr)
{
  guint32 value = roam_addr_to_u32 (addr);

  return addr->family == ROAM_FAMILY_INET4 && value >> 24 != 0 && value >> 24 != 127 && value >> 28 < 14;
}

static const char *
peers_fault (const Mip4FaPeer *peers, gsize n)
{
  for (gsize i = 0; i < n; i++)
    {
      if (!is_unicast (&peers[i].peer))
        return "a security association needs the unicast address of its peer";
      if (peers[i].association.spi < MIP4_SPI_MIN)
        return "SPIs up to 255 are reserved (RFC 5944 1.6)";
      if (peers[i].association.key == NULL || roam_secret_length (peers[i].association.key) < 16)
        return "keys have at least 128 bits (RFC 5944 5.1)";
    }
  return NULL;
}

const char *
mip4_fa_config_fault (const Mip4FaConfig *config)
{
  guint interval_ms = config->interval_ms != 0 ? config->interval_ms : MIP4_FA_INTERVAL_MS;
  const char *fault;

  if (!is_unicast (&config->address))
    return "the address on the visited link must be a unicast IPv4 address";
  if (config->n_care_of == 0 || config->n_care_of > MIP4_FA_MAX_CARE_OF)
    return "a foreign agent offers one to four care-of addresses (RFC 5944 2.1.1)";
  for (guint i = 0; i < config->n_care_of; i++)
    if (!is_unicast (&config->care_of[i]))
      return "a care-of address must be a unicast IPv4 address";
  if (config->prefix_lengths && !roam_addr_is_set (&config->visited_network.addr))
    return "Prefix-Lengths needs the network of the visited link";
  if (config->registration_lifetime_s == 0)
    return "a registration lifetime of 0 would be a deregistration";
  if (interval_ms < 1000)
    return "advertisements are at least a second apart (RFC 5944 2.3)";
  if (config->lifetime_s != 0 && (guint)config->lifetime_s * 1000 < 3 * interval_ms)
    return "the advertisement interval is at most a third of the advertisement lifetime (RFC 5944 2.1)";
  if (interval_ms / 1000 * 3 > 9000)
    return "an advertisement lives at most 9000 s (RFC 1256 4.1)";
  if (config->challenge_window > MIP4_FA_CHALLENGE_WINDOW_MAX)
    return "at most 16 challenges are remembered";
  if (config->reverse_tunnel_required && !config->reverse_tunnel)
    return "a required reverse tunnel must be offered";
  if (config->encapsulating_delivery && !config->reverse_tunnel)
    return "the encapsulating delivery style belongs to a reverse tunnel (RFC 3024 3.3)";
  fault = peers_fault (config->home_agents, config->n_home_agents);
  return fault != NULL ? fault : peers_fault (config->nodes, config->n_nodes);
}

static guint
addr_hash (gconstpointer addr)
{
  return roam_addr_hash (addr);
}

static gboolean
addr_equal (gconstpointer a, gconstpointer b)
{
  return roam_addr_equal (a, b);
}

static void
peer_free (gpointer data)
{
  Mip4FaPeer *peer = data;

  roam_secret_unref (peer->association.key);
  g_free (peer);
}

static GHashTable *
copy_peers (const Mip4FaPeer *peers, gsize n)
{
  GHashTable *table = g_hash_table_new_full (addr_hash, addr_equal, NULL, peer_free);

  for (gsize i = 0; i < n; i++)
    {
      Mip4FaPeer *peer = g_memdup2 (&peers[i], sizeof *peer);

      roam_secret_ref (peer->association.key);
      g_hash_table_replace (table, &peer->peer, peer);
    }
  return table;
}

static void
apply_defaults (Mip4FaConfig *config)
{
  if (config->interval_ms == 0)
    config->interval_ms = MIP4_FA_INTERVAL_MS;
  if (config->lifetime_s == 0)
    config->lifetime_s = (guint16)((config->interval_ms * 3 + 999) / 1000);
  if (config->challenge_window == 0)
    config->challenge_window = MIP4_FA_CHALLENGE_WINDOW;
  if (config->max_visitors == 0)
    config->max_visitors = MIP4_FA_MAX_VISITORS;
  if (config->max_pending == 0)
    config->max_pending = MIP4_FA_MAX_PENDING;
}

Mip4Fa *
mip4_fa_new (const Mip4FaConfig *config, RoamRng *rng)
{
  Mip4Fa *fa;

  g_return_val_if_fail (mip4_fa_config_fault (config) == NULL, NULL);
  fa = g_new0 (Mip4Fa, 1);
  fa->config = *config;
  fa->config.own_addresses = g_memdup2 (config->own_addresses, config->n_own_addresses * sizeof (RoamAddr));
  fa->home_agents = copy_peers (config->home_agents, config->n_home_agents);
  fa->nodes = copy_peers (config->nodes, config->n_nodes);
  fa->config.home_agents = fa->config.nodes = NULL;
  apply_defaults (&fa->config);
  fa->rng = rng;
  fa->visitors = g_ptr_array_new_with_free_func (g_free);
  fa->pending = g_ptr_array_new_with_free_func (g_free);
  fa->neighbours = g_hash_table_new_full (g_int64_hash, g_int64_equal, g_free, g_free);
  g_queue_init (&fa->actions);
  fa->advertise_us = G_MININT64;
  if (config->challenge)
    mip4_fa_advance_challenge (fa);
  return fa;
}

static void
action_free (gpointer data)
{
  mip4_fa_action_clear (data);
  g_free (data);
}

void
mip4_fa_free (Mip4Fa *fa)
{
  if (fa == NULL)
    return;
  g_queue_clear_full (&fa->actions, action_free);
  g_hash_table_unref (fa->neighbours);
  g_hash_table_unref (fa->home_agents);
  g_hash_table_unref (fa->nodes);
  g_ptr_array_unref (fa->visitors);
  g_ptr_array_unref (fa->pending);
  g_free ((RoamAddr *)fa->config.own_addresses);
  g_free (fa);
}

/* ------------------------------------------------------------------- actions ---- */

void
mip4_fa_action_clear (Mip4FaAction *action)
{
  if (action->type == MIP4_FA_ACTION_SEND)
    g_clear_pointer (&action->send.datagram, g_bytes_unref);
  if (action->type == MIP4_FA_ACTION_SEND_ICMP)
    g_clear_pointer (&action->icmp.message, g_bytes_unref);
}

Mip4FaAction *
mip4_fa_push (Mip4Fa *fa, Mip4FaActionType type)
{
  Mip4FaAction *action = g_new0 (Mip4FaAction, 1);

  action->type = type;
  g_queue_push_tail (&fa->actions, action);
  return action;
}

gboolean
mip4_fa_pop_action (Mip4Fa *fa, Mip4FaAction *ret_action)
{
  g_autofree Mip4FaAction *action = g_queue_pop_head (&fa->actions);

  if (action == NULL)
    return FALSE;
  *ret_action = *action;
  return TRUE;
}

void
mip4_fa_log (Mip4Fa *fa, const RoamEndpoint *source, const RoamAddr *home_address, guint8 code, gboolean security,
             const char *reason)
{
  Mip4FaAction *action = mip4_fa_push (fa, MIP4_FA_ACTION_LOG);

  action->log.source = *source;
  action->log.home_address = *home_address;
  action->log.code = code;
  action->log.security = security;
  action->log.reason = reason;
}

void
mip4_fa_discard (Mip4Fa *fa, const Mip4FaHeader *header, const RoamAddr *home_address, Mip4Discard why)
{
  fa->discards[why]++;
  mip4_fa_log (fa, &header->source, home_address, 0, why >= MIP4_DISCARD_NO_ASSOCIATION, mip4_discard_sentence (why));
}

/* ------------------------------------------------------------------ visitors ---- */

Mip4FaVisitor *
mip4_fa_find_visitor (const Mip4Fa *fa, const RoamAddr *home_address)
{
  for (guint i = 0; i < fa->visitors->len; i++)
    {
      Mip4FaVisitor *visitor = g_ptr_array_index (fa->visitors, i);

      if (roam_addr_equal (&visitor->home_address, home_address))
        return visitor;
    }
  return NULL;
}

/* What the data path goes by. */
static gboolean
same_path (const Mip4FaVisitor *a, const Mip4FaVisitor *b)
{
  return roam_addr_equal (&a->home_agent, &b->home_agent) &&
         roam_addr_equal (&a->care_of_address, &b->care_of_address) &&
         memcmp (a->link_layer, b->link_layer, sizeof a->link_layer) == 0 && a->co_located == b->co_located &&
         a->reverse_tunnel == b->reverse_tunnel && a->encapsulating_delivery == b->encapsulating_delivery &&
         a->udp_tunnel == b->udp_tunnel && a->keepalive_s == b->keepalive_s;
}

void
mip4_fa_set_visitor (Mip4Fa *fa, const Mip4FaVisitor *visitor)
{
  Mip4FaVisitor *known = mip4_fa_find_visitor (fa, &visitor->home_address);
  Mip4FaActionType type = MIP4_FA_ACTION_VISITOR_ADD;
  Mip4FaAction *action;

  if (known != NULL)
    type = same_path (known, visitor) ? MIP4_FA_ACTION_VISITOR_RENEW : MIP4_FA_ACTION_VISITOR_CHANGE;
  action = mip4_fa_push (fa, type);
  action->visitor.visitor = *visitor;
  if (known == NULL)
    {
      g_ptr_array_add (fa->visitors, g_memdup2 (visitor, sizeof *visitor));
      return;
    }
  action->visitor.old = *known;
  *known = *visitor;
}

void
mip4_fa_remove_visitor (Mip4Fa *fa, const RoamAddr *home_address, Mip4FaRemoval removal)
{
  Mip4FaVisitor *visitor = mip4_fa_find_visitor (fa, home_address);
  Mip4FaAction *action;

  if (visitor == NULL)
    return;
  action = mip4_fa_push (fa, MIP4_FA_ACTION_VISITOR_REMOVE);
  action->visitor.visitor = *visitor;
  action->visitor.removal = removal;
  g_ptr_array_remove_fast (fa->visitors, visitor);
}

static void
remove_all_visitors (Mip4Fa *fa)
{
  while (fa->visitors->len > 0)
    {
      const RoamAddr home = ((Mip4FaVisitor *)g_ptr_array_index (fa->visitors, 0))->home_address;

      mip4_fa_remove_visitor (fa, &home, MIP4_FA_REMOVED_COMMAND);
    }
}

/* Silently: no reply, nothing to the home agent (RFC 5944 3.7). */
static void
expire_visitors (Mip4Fa *fa, const RoamNow *now)
{
  for (guint i = 0; i < fa->visitors->len;)
    {
      const Mip4FaVisitor *visitor = g_ptr_array_index (fa->visitors, i);
      const RoamAddr home = visitor->home_address;

      if (now->boot_us < visitor->expiry_us)
        {
          i++;
          continue;
        }
      fa->counts[FA_COUNT_EXPIRED]++;
      mip4_fa_remove_visitor (fa, &home, MIP4_FA_REMOVED_EXPIRED);
    }
}

/* -------------------------------------------------------------------- facts ---- */

gboolean
mip4_fa_is_care_of (const Mip4Fa *fa, const RoamAddr *addr)
{
  for (guint i = 0; i < fa->config.n_care_of; i++)
    if (roam_addr_equal (&fa->config.care_of[i], addr))
      return TRUE;
  return FALSE;
}

gboolean
mip4_fa_is_own_address (const Mip4Fa *fa, const RoamAddr *addr)
{
  if (roam_addr_equal (&fa->config.address, addr) || mip4_fa_is_care_of (fa, addr))
    return TRUE;
  for (gsize i = 0; i < fa->config.n_own_addresses; i++)
    if (roam_addr_equal (&fa->config.own_addresses[i], addr))
      return TRUE;
  return FALSE;
}

gboolean
mip4_fa_is_busy (const Mip4Fa *fa)
{
  return fa->busy || fa->visitors->len >= fa->config.max_visitors;
}

/* --------------------------------------------------------------------- verbs ---- */

void
mip4_fa_input_command (Mip4Fa *fa, const RoamNow *now, const Mip4FaCommand *command)
{
  switch (command->type)
    {
    case MIP4_FA_REMOVE:
      if (roam_addr_is_set (&command->home_address))
        mip4_fa_remove_visitor (fa, &command->home_address, MIP4_FA_REMOVED_COMMAND);
      else
        remove_all_visitors (fa);
      return;
    case MIP4_FA_BUSY:
    case MIP4_FA_IDLE:
      fa->busy = command->type == MIP4_FA_BUSY;
      return;
    case MIP4_FA_STOP:
      fa->stopped = TRUE;
      fa->advertise_us = ROAM_NEVER;
      g_ptr_array_set_size (fa->pending, 0);
      mip4_fa_advertise_last (fa);
      remove_all_visitors (fa);
      return;
    }
}

static void
discard_type (Mip4Fa *fa, const Mip4FaHeader *header)
{
  mip4_fa_discard (fa, header, &ROAM_ADDR_NONE, MIP4_DISCARD_TYPE);
}

void
mip4_fa_input_datagram (Mip4Fa *fa, const RoamNow *now, const Mip4FaHeader *header, const guint8 *data, gsize length)
{
  guint8 type = length > 0 ? data[0] : 0;

  if (fa->stopped)
    return;
  if (header->visited && type == MIP4_MESSAGE_REQUEST)
    mip4_fa_process_request (fa, now, header, data, length);
  else if (!header->visited && type == MIP4_MESSAGE_REPLY)
    mip4_fa_process_reply (fa, now, header, data, length);
  else if (!header->visited && type == MIP4_MESSAGE_REVOCATION)
    mip4_fa_process_revocation (fa, now, header, data, length);
  else
    discard_type (fa, header);
}

void
mip4_fa_input_unreachable (Mip4Fa *fa, const RoamNow *now, const RoamAddr *home_agent, guint8 code)
{
  static const guint8 codes[] = { FA_CODE_NETWORK_UNREACHABLE, FA_CODE_HOST_UNREACHABLE, FA_CODE_HA_UNREACHABLE,
                                  FA_CODE_PORT_UNREACHABLE };

  mip4_fa_drop_pending (fa, now, home_agent, code < G_N_ELEMENTS (codes) ? codes[code] : FA_CODE_HA_UNREACHABLE);
}

void
mip4_fa_input_deadline (Mip4Fa *fa, const RoamNow *now)
{
  if (now->boot_us >= fa->advertise_us)
    mip4_fa_advertise (fa, now);
  mip4_fa_drop_pending (fa, now, NULL, FA_CODE_TIMEOUT);
  expire_visitors (fa, now);
}

gint64
mip4_fa_next_deadline (const Mip4Fa *fa)
{
  gint64 due = fa->advertise_us;

  for (guint i = 0; i < fa->visitors->len; i++)
    due = roam_deadline_min (due, ((const Mip4FaVisitor *)g_ptr_array_index (fa->visitors, i))->expiry_us);
  for (guint i = 0; i < fa->pending->len; i++)
    due = roam_deadline_min (due, ((const Mip4FaPending *)g_ptr_array_index (fa->pending, i))->due_us);
  return due;
}

/* -------------------------------------------------------------------- status ---- */

static gint
compare_visitors (gconstpointer a, gconstpointer b)
{
  guint32 x = roam_addr_to_u32 (&((const Mip4FaVisitor *)a)->home_address);
  guint32 y = roam_addr_to_u32 (&((const Mip4FaVisitor *)b)->home_address);

  return x < y ? -1 : x > y;
}

GArray *
mip4_fa_dup_visitors (const Mip4Fa *fa)
{
  GArray *visitors = g_array_new (FALSE, FALSE, sizeof (Mip4FaVisitor));

  for (guint i = 0; i < fa->visitors->len; i++)
    g_array_append_vals (visitors, g_ptr_array_index (fa->visitors, i), 1);
  g_array_sort (visitors, compare_visitors);
  return visitors;
}

guint
mip4_fa_n_pending (const Mip4Fa *fa)
{
  return fa->pending->len;
}

GHashTable *
mip4_fa_dup_counters (const Mip4Fa *fa)
{
  static const char *const names[MIP4_FA_N_COUNTS] = {
    [FA_COUNT_ADVERTISED] = "advertisements-sent",
    [FA_COUNT_SOLICITED] = "solicitations-answered",
    [FA_COUNT_REQUESTS_RELAYED] = "requests-relayed",
    [FA_COUNT_REPLIES_RELAYED] = "replies-relayed",
    [FA_COUNT_REGISTERED] = "registrations",
    [FA_COUNT_DEREGISTERED] = "deregistrations",
    [FA_COUNT_DENIED] = "requests-denied",
    [FA_COUNT_DENIAL_LIMITED] = "denials-not-sent",
    [FA_COUNT_TIMED_OUT] = "requests-without-answer",
    [FA_COUNT_EXPIRED] = "visitors-expired",
    [FA_COUNT_REVOKED] = "visitors-revoked",
    [FA_COUNT_ICMP_IGNORED] = "icmp-ignored",
  };
  GHashTable *table = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, g_free);

  for (guint i = 0; i < MIP4_FA_N_COUNTS; i++)
    g_hash_table_insert (table, g_strdup (names[i]), g_memdup2 (&fa->counts[i], sizeof (guint64)));
  for (guint i = MIP4_DISCARD_NONE + 1; i < MIP4_N_DISCARDS; i++)
    g_hash_table_insert (table, g_strdup (mip4_discard_counter ((Mip4Discard)i)),
                         g_memdup2 (&fa->discards[i], sizeof (guint64)));
  return table;
}
