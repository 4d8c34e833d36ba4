/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "mip4/mip4-ha-private.h"

#include <string.h>

/* The verbs of the home agent engine, its nodes and its actions. */

/* --------------------------------------------------------------------- nodes ---- */

static Mip4HaAssociation
association_copy (const Mip4SecurityAssociation *association, Mip4ReplayStyle replay)
{
  Mip4HaAssociation copy = { *association, replay };

  roam_secret_ref (copy.association.key);
  return copy;
}

static void
node_state_free (gpointer data)
{
  Mip4HaNodeState *node = data;

  mip4_ha_node_free_bindings (node);
  roam_secret_unref (node->mn_ha.association.key);
  for (guint i = 0; i < node->n_more_mn_ha; i++)
    roam_secret_unref (node->more_mn_ha[i].association.key);
  g_free (node->more_mn_ha);
  g_free (node->nai);
  g_strfreev (node->services);
  g_free (node);
}

static void
add_node (Mip4Ha *ha, const Mip4HaNode *config)
{
  Mip4HaNodeState *node = g_new0 (Mip4HaNodeState, 1);

  node->home_address = config->home_address;
  node->is_assigned = !roam_addr_is_set (&config->home_address);
  node->mn_ha = association_copy (&config->mn_ha, config->replay);
  node->n_more_mn_ha = config->n_more_mn_ha;
  if (config->n_more_mn_ha > 0)
    node->more_mn_ha = g_new0 (Mip4HaAssociation, config->n_more_mn_ha);
  for (guint i = 0; i < config->n_more_mn_ha; i++)
    node->more_mn_ha[i] = association_copy (&config->more_mn_ha[i].association, config->more_mn_ha[i].replay);
  node->nai = g_strdup (config->nai);
  node->services = g_strdupv ((char **)config->services);
  node->tolerance_s = config->tolerance_s;
  g_ptr_array_add (ha->nodes, node);
  if (node->nai != NULL)
    g_hash_table_insert (ha->by_nai, node->nai, node);
  if (node->is_assigned)
    return;
  g_hash_table_insert (ha->by_address, GUINT_TO_POINTER (roam_addr_to_u32 (&node->home_address)), node);
  if (mip4_ha_pool_has (ha, &node->home_address))
    ha->pool_free--;
}

Mip4HaNodeState *
mip4_ha_node_by_address (const Mip4Ha *ha, const RoamAddr *home_address)
{
  return g_hash_table_lookup (ha->by_address, GUINT_TO_POINTER (roam_addr_to_u32 (home_address)));
}

Mip4HaNodeState *
mip4_ha_node_by_nai (const Mip4Ha *ha, const Mip4Slice *nai)
{
  char text[MIP4_HA_NAI_MAX + 1] = { 0 };

  if (nai->data == NULL || nai->length > MIP4_HA_NAI_MAX || memchr (nai->data, 0, nai->length) != NULL)
    return NULL;
  memcpy (text, nai->data, nai->length);
  return g_hash_table_lookup (ha->by_nai, text);
}

/* ------------------------------------------------------------- new and free ---- */

static void
copy_config (Mip4Ha *ha, const Mip4HaConfig *config)
{
  ha->config = *config;
  ha->config.nodes = NULL;
  ha->config.fa_ha = NULL;
  ha->config.trusted_networks = g_memdup2 (config->trusted_networks, config->n_trusted_networks * sizeof (RoamPrefix));
  ha->config.denial_message = g_strdup (config->denial_message);
  if (ha->config.keepalive_s == 0)
    ha->config.keepalive_s = MIP4_HA_KEEPALIVE_S;
  if (ha->config.tolerance_s == 0)
    ha->config.tolerance_s = MIP4_HA_TOLERANCE_S;
  if (ha->config.max_udp_lifetime_s == 0)
    ha->config.max_udp_lifetime_s = config->max_lifetime_s;
}

static void
fa_association_free (gpointer data)
{
  Mip4SecurityAssociation *association = data;

  roam_secret_unref (association->key);
  g_free (association);
}

static void
add_fa_associations (Mip4Ha *ha, const Mip4HaConfig *config)
{
  for (gsize i = 0; i < config->n_fa_ha; i++)
    {
      Mip4SecurityAssociation *copy = g_memdup2 (&config->fa_ha[i].association, sizeof *copy);

      roam_secret_ref (copy->key);
      g_hash_table_insert (ha->fa_ha, GUINT_TO_POINTER (roam_addr_to_u32 (&config->fa_ha[i].agent)), copy);
    }
}

Mip4Ha *
mip4_ha_new (const Mip4HaConfig *config)
{
  Mip4Ha *ha;

  g_return_val_if_fail (mip4_ha_config_fault (config) == NULL, NULL);
  ha = g_new0 (Mip4Ha, 1);
  copy_config (ha, config);
  ha->nodes = g_ptr_array_new_full ((guint)config->n_nodes, node_state_free);
  ha->by_address = g_hash_table_new (NULL, NULL);
  ha->by_nai = g_hash_table_new (g_str_hash, g_str_equal);
  ha->fa_ha = g_hash_table_new_full (NULL, NULL, NULL, fa_association_free);
  ha->timers = g_ptr_array_new ();
  ha->digests = mip4_ha_digests_new ();
  if (roam_addr_is_set (&config->pool_first))
    {
      ha->pool_next = roam_addr_to_u32 (&config->pool_first);
      ha->pool_free = (guint64)roam_addr_to_u32 (&config->pool_last) - ha->pool_next + 1;
    }
  add_fa_associations (ha, config);
  for (gsize i = 0; i < config->n_nodes; i++)
    add_node (ha, &config->nodes[i]);
  return ha;
}

void
mip4_ha_free (Mip4Ha *ha)
{
  Mip4HaAction action;

  if (ha == NULL)
    return;
  while (mip4_ha_pop_action (ha, &action))
    mip4_ha_action_clear (&action);
  g_free (ha->actions);
  g_hash_table_unref (ha->by_address);
  g_hash_table_unref (ha->by_nai);
  g_hash_table_unref (ha->fa_ha);
  g_ptr_array_unref (ha->timers);
  g_ptr_array_unref (ha->nodes);
  mip4_ha_digests_free (ha->digests);
  g_free ((RoamPrefix *)ha->config.trusted_networks);
  g_free ((char *)ha->config.denial_message);
  g_free (ha);
}

/* ------------------------------------------------------------------- actions ---- */

void
mip4_ha_action_clear (Mip4HaAction *action)
{
  if (action->type == MIP4_HA_ACTION_SEND)
    g_clear_pointer (&action->send.datagram, g_bytes_unref);
}

/* The ring twice as large, its oldest action first. */
static void
grow (Mip4Ha *ha)
{
  guint n_slots = MAX (2 * ha->n_slots, 16);
  Mip4HaAction *actions = g_new (Mip4HaAction, n_slots);

  for (guint i = 0; i < ha->n_actions; i++)
    actions[i] = ha->actions[(ha->head + i) & (ha->n_slots - 1)];
  g_free (ha->actions);
  ha->actions = actions;
  ha->n_slots = n_slots;
  ha->head = 0;
}

Mip4HaAction *
mip4_ha_push (Mip4Ha *ha, Mip4HaActionType type)
{
  Mip4HaAction *action;

  if (ha->n_actions == ha->n_slots)
    grow (ha);
  action = &ha->actions[(ha->head + ha->n_actions) & (ha->n_slots - 1)];
  ha->n_actions++;
  memset (action, 0, sizeof *action);
  action->type = type;
  return action;
}

gboolean
mip4_ha_pop_action (Mip4Ha *ha, Mip4HaAction *ret_action)
{
  if (ha->n_actions == 0)
    return FALSE;
  *ret_action = ha->actions[ha->head];
  ha->head = (ha->head + 1) & (ha->n_slots - 1);
  ha->n_actions--;
  if (ret_action->type == MIP4_HA_ACTION_LOG)
    ha->n_logs--;
  return TRUE;
}

gboolean
mip4_ha_rate_take (Mip4HaRate *rate, const RoamNow *now, guint limit)
{
  gint64 second = now->boot_us / ROAM_USEC_PER_SEC;

  if (second != rate->second)
    *rate = (Mip4HaRate){ .second = second };
  if (rate->count >= limit)
    return FALSE;
  rate->count++;
  return TRUE;
}

void
mip4_ha_log (Mip4Ha *ha, const RoamNow *now, const Mip4HaRequest *request, guint8 code, gboolean security,
             const char *reason)
{
  Mip4HaAction *action;

  if (ha->n_logs >= MIP4_HA_MAX_PENDING_LOGS || !mip4_ha_rate_take (&ha->logs, now, MIP4_HA_LOGS_PER_SECOND))
    {
      ha->counts[MIP4_HA_COUNT_LOGS_SUPPRESSED]++;
      return;
    }
  ha->n_logs++;
  action = mip4_ha_push (ha, MIP4_HA_ACTION_LOG);
  action->log.source = *request->source;
  action->log.home_address = request->message.home_address;
  action->log.spi = request->message.mhae.spi;
  action->log.code = code;
  action->log.security = security;
  action->log.reason = reason;
}

/* --------------------------------------------------------- commands and time ---- */

static void
command_node (Mip4Ha *ha, const RoamNow *now, Mip4HaCommandType type, Mip4HaNodeState *node)
{
  switch (type)
    {
    case MIP4_HA_REMOVE:
      mip4_ha_remove_bindings (ha, node, MIP4_HA_REMOVED_COMMAND);
      return;
    case MIP4_HA_REVOKE:
      mip4_ha_revoke (ha, now, node);
      return;
    }
}

void
mip4_ha_input_command (Mip4Ha *ha, const RoamNow *now, const Mip4HaCommand *command)
{
  Mip4HaNodeState *node = mip4_ha_node_by_address (ha, &command->home_address);

  if (node != NULL)
    command_node (ha, now, command->type, node);
  else if (!roam_addr_is_set (&command->home_address))
    for (guint i = 0; i < ha->nodes->len; i++)
      command_node (ha, now, command->type, g_ptr_array_index (ha->nodes, i));
}

static void
timer_due (Mip4Ha *ha, const RoamNow *now, Mip4HaTimer *timer)
{
  switch (timer->kind)
    {
    case MIP4_HA_TIMER_BINDING:
      /* Silently: a home agent sends no reply of its own accord (RFC 5944 3.8, 4.2.3). */
      ha->counts[MIP4_HA_COUNT_EXPIRED]++;
      mip4_ha_remove_binding (ha, (Mip4HaBindingState *)timer, MIP4_HA_REMOVED_EXPIRED);
      return;
    case MIP4_HA_TIMER_REVOCATION:
      mip4_ha_revocation_due (ha, now, (Mip4HaRevocation *)timer);
      return;
    }
}

void
mip4_ha_input_deadline (Mip4Ha *ha, const RoamNow *now)
{
  Mip4HaTimer *timer;

  while ((timer = mip4_ha_timer_due (ha, now)) != NULL)
    timer_due (ha, now, timer);
}

gint64
mip4_ha_next_deadline (const Mip4Ha *ha)
{
  return mip4_ha_timer_next (ha);
}

/* ------------------------------------------------------------------- reports ---- */

static gint
compare_bindings (gconstpointer a, gconstpointer b)
{
  const Mip4HaBinding *left = a, *right = b;
  guint32 x = roam_addr_to_u32 (&left->home_address), y = roam_addr_to_u32 (&right->home_address);

  return x < y ? -1 : x > y;
}

GArray *
mip4_ha_dup_bindings (const Mip4Ha *ha)
{
  GArray *bindings = g_array_sized_new (FALSE, FALSE, sizeof (Mip4HaBinding), ha->n_bindings);

  for (guint i = 0; i < ha->nodes->len; i++)
    {
      const Mip4HaNodeState *node = g_ptr_array_index (ha->nodes, i);

      for (const Mip4HaBindingState *state = node->bindings; state != NULL; state = state->next)
        g_array_append_val (bindings, state->binding);
    }
  g_array_sort (bindings, compare_bindings);
  return bindings;
}

guint
mip4_ha_n_bindings (const Mip4Ha *ha)
{
  return ha->n_bindings;
}

GHashTable *
mip4_ha_dup_counters (const Mip4Ha *ha)
{
  static const char *const names[MIP4_HA_N_COUNTS] = {
    [MIP4_HA_COUNT_ACCEPTED] = "registrations-accepted",
    [MIP4_HA_COUNT_DEREGISTERED] = "deregistrations-accepted",
    [MIP4_HA_COUNT_DENIED] = "requests-denied",
    [MIP4_HA_COUNT_DUPLICATE] = "requests-duplicate",
    [MIP4_HA_COUNT_EXPIRED] = "bindings-expired",
    [MIP4_HA_COUNT_RATE_LIMITED] = "requests-rate-limited",
    [MIP4_HA_COUNT_LOGS_SUPPRESSED] = "logs-suppressed",
    [MIP4_HA_COUNT_REVOKED] = "bindings-revoked",
    [MIP4_HA_COUNT_REVOCATION_ACKNOWLEDGED] = "revocations-acknowledged",
    [MIP4_HA_COUNT_REVOCATION_UNANSWERED] = "revocations-unanswered",
  };
  GHashTable *table = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, g_free);

  for (guint i = 0; i < MIP4_HA_N_COUNTS; i++)
    g_hash_table_insert (table, g_strdup (names[i]), g_memdup2 (&ha->counts[i], sizeof (guint64)));
  for (guint i = MIP4_DISCARD_NONE + 1; i < MIP4_N_DISCARDS; i++)
    g_hash_table_insert (table, g_strdup (mip4_discard_counter ((Mip4Discard)i)),
                         g_memdup2 (&ha->discards[i], sizeof (guint64)));
  return table;
}
