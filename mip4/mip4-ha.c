/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "mip4/mip4-ha-private.h"

#include <string.h>

/* The verbs of the home agent engine and its binding list. */

static void
node_state_free (gpointer data)
{
  Mip4HaNodeState *node = data;

  roam_secret_unref (node->config.mn_ha.key);
  g_free ((char *)node->config.nai);
  g_free (node);
}

static gint
compare_nodes (gconstpointer a, gconstpointer b)
{
  const Mip4HaNodeState *left = *(const Mip4HaNodeState *const *)a, *right = *(const Mip4HaNodeState *const *)b;
  guint32 x = roam_addr_to_u32 (&left->config.home_address), y = roam_addr_to_u32 (&right->config.home_address);

  return x < y ? -1 : x > y;
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
add_node (Mip4Ha *ha, const Mip4HaNode *config)
{
  Mip4HaNodeState *node = g_new0 (Mip4HaNodeState, 1);

  node->config = *config;
  node->config.nai = g_strdup (config->nai);
  node->config.mn_ha.key = roam_secret_ref (config->mn_ha.key);
  g_ptr_array_add (ha->nodes, node);
  g_hash_table_insert (ha->by_address, &node->config.home_address, node);
}

Mip4Ha *
mip4_ha_new (const Mip4HaConfig *config)
{
  Mip4Ha *ha;

  g_return_val_if_fail (config->address.family == ROAM_FAMILY_INET4, NULL);
  for (gsize i = 0; i < config->n_nodes; i++)
    {
      g_return_val_if_fail (config->nodes[i].home_address.family == ROAM_FAMILY_INET4, NULL);
      g_return_val_if_fail (config->nodes[i].mn_ha.spi >= MIP4_SPI_MIN && config->nodes[i].mn_ha.key != NULL, NULL);
    }
  ha = g_new0 (Mip4Ha, 1);
  ha->config = *config;
  ha->config.nodes = NULL;
  ha->config.trusted_networks = g_memdup2 (config->trusted_networks, config->n_trusted_networks * sizeof (RoamPrefix));
  if (ha->config.keepalive_s == 0)
    ha->config.keepalive_s = MIP4_HA_KEEPALIVE_S;
  if (ha->config.tolerance_s == 0)
    ha->config.tolerance_s = MIP4_HA_TOLERANCE_S;
  if (ha->config.max_udp_lifetime_s == 0)
    ha->config.max_udp_lifetime_s = config->max_lifetime_s;
  ha->nodes = g_ptr_array_new_with_free_func (node_state_free);
  ha->by_address = g_hash_table_new (addr_hash, addr_equal);
  g_queue_init (&ha->actions);
  for (gsize i = 0; i < config->n_nodes; i++)
    add_node (ha, &config->nodes[i]);
  g_ptr_array_sort (ha->nodes, compare_nodes);
  return ha;
}

static void
action_free (gpointer data)
{
  mip4_ha_action_clear (data);
  g_free (data);
}

void
mip4_ha_free (Mip4Ha *ha)
{
  if (ha == NULL)
    return;
  g_queue_clear_full (&ha->actions, action_free);
  g_hash_table_unref (ha->by_address);
  g_ptr_array_unref (ha->nodes);
  g_free ((RoamPrefix *)ha->config.trusted_networks);
  g_free (ha);
}

void
mip4_ha_action_clear (Mip4HaAction *action)
{
  if (action->type == MIP4_HA_ACTION_SEND)
    g_clear_pointer (&action->send.datagram, g_bytes_unref);
}

Mip4HaAction *
mip4_ha_push (Mip4Ha *ha, Mip4HaActionType type)
{
  Mip4HaAction *action = g_new0 (Mip4HaAction, 1);

  action->type = type;
  g_queue_push_tail (&ha->actions, action);
  return action;
}

static gboolean
same_tunnel (const Mip4HaBinding *a, const Mip4HaBinding *b)
{
  return roam_addr_equal (&a->care_of_address, &b->care_of_address) && roam_endpoint_equal (&a->peer, &b->peer) &&
         a->udp_tunnel == b->udp_tunnel && a->reverse_tunnel == b->reverse_tunnel && a->co_located == b->co_located;
}

void
mip4_ha_set_binding (Mip4Ha *ha, Mip4HaNodeState *node, const Mip4HaBinding *binding)
{
  Mip4HaActionType type = MIP4_HA_ACTION_BINDING_ADD;
  Mip4HaAction *action;

  if (node->has_binding)
    type = same_tunnel (&node->binding, binding) ? MIP4_HA_ACTION_BINDING_RENEW : MIP4_HA_ACTION_BINDING_CHANGE;
  else
    ha->n_bindings++;
  action = mip4_ha_push (ha, type);
  action->binding.binding = *binding;
  action->binding.old = node->binding;
  node->has_binding = TRUE;
  node->binding = *binding;
}

void
mip4_ha_remove_binding (Mip4Ha *ha, Mip4HaNodeState *node, Mip4HaRemoval removal)
{
  Mip4HaAction *action;

  if (!node->has_binding)
    return;
  node->has_binding = FALSE;
  ha->n_bindings--;
  action = mip4_ha_push (ha, MIP4_HA_ACTION_BINDING_REMOVE);
  action->binding.binding = node->binding;
  action->binding.removal = removal;
}

void
mip4_ha_input_command (Mip4Ha *ha, const RoamNow *now, const Mip4HaCommand *command)
{
  switch (command->type)
    {
    case MIP4_HA_REMOVE:
      for (guint i = 0; i < ha->nodes->len; i++)
        {
          Mip4HaNodeState *node = g_ptr_array_index (ha->nodes, i);

          if (!roam_addr_is_set (&command->home_address) ||
              roam_addr_equal (&command->home_address, &node->config.home_address))
            mip4_ha_remove_binding (ha, node, MIP4_HA_REMOVED_COMMAND);
        }
      return;
    }
}

void
mip4_ha_input_deadline (Mip4Ha *ha, const RoamNow *now)
{
  for (guint i = 0; i < ha->nodes->len; i++)
    {
      Mip4HaNodeState *node = g_ptr_array_index (ha->nodes, i);

      /* Silently: a home agent sends no reply of its own accord (RFC 5944 3.8, 4.2.3). */
      if (node->has_binding && now->boot_us >= node->binding.expiry_us)
        {
          ha->counts[MIP4_HA_COUNT_EXPIRED]++;
          mip4_ha_remove_binding (ha, node, MIP4_HA_REMOVED_EXPIRED);
        }
    }
}

gint64
mip4_ha_next_deadline (const Mip4Ha *ha)
{
  gint64 due = ROAM_NEVER;

  for (guint i = 0; i < ha->nodes->len; i++)
    {
      const Mip4HaNodeState *node = g_ptr_array_index (ha->nodes, i);

      if (node->has_binding)
        due = roam_deadline_min (due, node->binding.expiry_us);
    }
  return due;
}

gboolean
mip4_ha_pop_action (Mip4Ha *ha, Mip4HaAction *ret_action)
{
  g_autofree Mip4HaAction *action = g_queue_pop_head (&ha->actions);

  if (action == NULL)
    return FALSE;
  *ret_action = *action;
  return TRUE;
}

GArray *
mip4_ha_dup_bindings (const Mip4Ha *ha)
{
  GArray *bindings = g_array_new (FALSE, FALSE, sizeof (Mip4HaBinding));

  for (guint i = 0; i < ha->nodes->len; i++)
    {
      const Mip4HaNodeState *node = g_ptr_array_index (ha->nodes, i);

      if (node->has_binding)
        g_array_append_val (bindings, node->binding);
    }
  return bindings;
}

GHashTable *
mip4_ha_dup_counters (const Mip4Ha *ha)
{
  static const char *const names[MIP4_HA_N_COUNTS] = {
    [MIP4_HA_COUNT_ACCEPTED] = "registrations-accepted", [MIP4_HA_COUNT_DEREGISTERED] = "deregistrations-accepted",
    [MIP4_HA_COUNT_DENIED] = "requests-denied",          [MIP4_HA_COUNT_DUPLICATE] = "requests-duplicate",
    [MIP4_HA_COUNT_EXPIRED] = "bindings-expired",
  };
  GHashTable *table = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, g_free);

  for (guint i = 0; i < MIP4_HA_N_COUNTS; i++)
    g_hash_table_insert (table, g_strdup (names[i]), g_memdup2 (&ha->counts[i], sizeof (guint64)));
  for (guint i = MIP4_DISCARD_NONE + 1; i < MIP4_N_DISCARDS; i++)
    g_hash_table_insert (table, g_strdup (mip4_discard_counter ((Mip4Discard)i)),
                         g_memdup2 (&ha->discards[i], sizeof (guint64)));
  return table;
}

gboolean
mip4_ha_restore (Mip4Ha *ha, const Mip4HaBinding *binding, gboolean bound)
{
  Mip4HaNodeState *node = g_hash_table_lookup (ha->by_address, &binding->home_address);

  if (node == NULL)
    return FALSE;
  node->has_last = TRUE;
  node->last = binding->identification;
  if (bound && !node->has_binding)
    {
      node->has_binding = TRUE;
      node->binding = *binding;
      ha->n_bindings++;
    }
  return TRUE;
}
