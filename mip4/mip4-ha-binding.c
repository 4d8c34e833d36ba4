/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "mip4/mip4-ha-private.h"

#include <string.h>

/* The binding list (RFC 5944 3.8.1): every change goes through here, and tells what must survive a restart. */

Mip4HaBindingState *
mip4_ha_find_binding (const Mip4HaNodeState *node, const RoamAddr *care_of_address)
{
  Mip4HaBindingState *state = node->bindings;

  while (state != NULL && !roam_addr_equal (&state->binding.care_of_address, care_of_address))
    state = state->next;
  return state;
}

static void
push_store (Mip4Ha *ha, Mip4HaNodeState *node, Mip4HaStore what, const Mip4HaBinding *binding)
{
  Mip4HaAction *action = mip4_ha_push (ha, MIP4_HA_ACTION_STORE);

  action->store.what = what;
  action->store.home_address = node->home_address;
  action->store.nai = node->nai;
  action->store.replay = node->replay;
  if (binding != NULL)
    action->store.binding = *binding;
  node->replay_changed = FALSE;
}

void
mip4_ha_store_replay (Mip4Ha *ha, Mip4HaNodeState *node)
{
  if (node->replay_changed)
    push_store (ha, node, MIP4_HA_STORE_REPLAY, NULL);
}

static gboolean
same_tunnel (const Mip4HaBinding *a, const Mip4HaBinding *b)
{
  return roam_addr_equal (&a->care_of_address, &b->care_of_address) && roam_endpoint_equal (&a->peer, &b->peer) &&
         a->udp_tunnel == b->udp_tunnel && a->half_bound == b->half_bound && a->reverse_tunnel == b->reverse_tunnel &&
         a->co_located == b->co_located && a->broadcast == b->broadcast && a->encapsulation == b->encapsulation &&
         a->service == b->service;
}

static Mip4HaBindingState *
add_state (Mip4Ha *ha, Mip4HaNodeState *node)
{
  Mip4HaBindingState *state = g_new0 (Mip4HaBindingState, 1);

  state->timer.kind = MIP4_HA_TIMER_BINDING;
  state->node = node;
  state->next = node->bindings;
  node->bindings = state;
  node->n_bindings++;
  ha->n_bindings++;
  return state;
}

/* All but @kept. */
static void
remove_others (Mip4Ha *ha, Mip4HaNodeState *node, const Mip4HaBindingState *kept)
{
  for (Mip4HaBindingState *state = node->bindings, *next; state != NULL; state = next)
    {
      next = state->next;
      if (state != kept)
        mip4_ha_remove_binding (ha, state, MIP4_HA_REMOVED_REPLACED);
    }
}

void
mip4_ha_set_binding (Mip4Ha *ha, Mip4HaNodeState *node, const Mip4HaBinding *binding, gboolean keep_others)
{
  Mip4HaBindingState *state = mip4_ha_find_binding (node, &binding->care_of_address);
  Mip4HaActionType type = MIP4_HA_ACTION_BINDING_ADD;
  Mip4HaBinding old = { 0 };
  Mip4HaAction *action;

  /* Without S the node has one binding, and that moves: no packet falls between two (RFC 5944 3.8.2.2). */
  if (state == NULL && !keep_others)
    state = node->bindings;
  if (!keep_others)
    remove_others (ha, node, state);
  if (state != NULL)
    {
      old = state->binding;
      type = same_tunnel (&old, binding) ? MIP4_HA_ACTION_BINDING_RENEW : MIP4_HA_ACTION_BINDING_CHANGE;
      if (!roam_addr_equal (&old.care_of_address, &binding->care_of_address))
        push_store (ha, node, MIP4_HA_STORE_UNSET, &old);
    }
  else
    state = add_state (ha, node);
  state->binding = *binding;
  push_store (ha, node, MIP4_HA_STORE_SET, binding);
  action = mip4_ha_push (ha, type);
  action->binding.binding = *binding;
  action->binding.old = old;
  mip4_ha_timer_set (ha, &state->timer, binding->expiry_us);
}

static void
unlink_state (Mip4HaBindingState *state)
{
  Mip4HaBindingState **at = &state->node->bindings;

  while (*at != state)
    at = &(*at)->next;
  *at = state->next;
}

void
mip4_ha_remove_binding (Mip4Ha *ha, Mip4HaBindingState *state, Mip4HaRemoval removal)
{
  Mip4HaNodeState *node = state->node;
  Mip4HaAction *action;

  unlink_state (state);
  node->n_bindings--;
  ha->n_bindings--;
  mip4_ha_timer_set (ha, &state->timer, ROAM_NEVER);
  push_store (ha, node, MIP4_HA_STORE_UNSET, &state->binding);
  action = mip4_ha_push (ha, MIP4_HA_ACTION_BINDING_REMOVE);
  action->binding.binding = state->binding;
  action->binding.removal = removal;
  action->binding.n_left = node->n_bindings;
  g_free (state);
  mip4_ha_pool_release (ha, node);
}

void
mip4_ha_remove_bindings (Mip4Ha *ha, Mip4HaNodeState *node, Mip4HaRemoval removal)
{
  while (node->bindings != NULL)
    mip4_ha_remove_binding (ha, node->bindings, removal);
}

void
mip4_ha_node_free_bindings (Mip4HaNodeState *node)
{
  for (Mip4HaBindingState *state = node->bindings, *next; state != NULL; state = next)
    {
      next = state->next;
      g_free (state);
    }
  for (Mip4HaRevocation *revocation = node->revocations, *next; revocation != NULL; revocation = next)
    {
      next = revocation->next;
      g_free (revocation);
    }
}

/* Which node a record of the store is of. */
static Mip4HaNodeState *
find_stored (const Mip4Ha *ha, const RoamAddr *home_address, const char *nai)
{
  const Mip4Slice slice = { (const guint8 *)nai, nai != NULL ? strlen (nai) : 0 };
  Mip4HaNodeState *node = mip4_ha_node_by_address (ha, home_address);

  return node != NULL ? node : mip4_ha_node_by_nai (ha, &slice);
}

gboolean
mip4_ha_restore_replay (Mip4Ha *ha, const RoamAddr *home_address, const char *nai, const Mip4HaReplay *replay)
{
  Mip4HaNodeState *node = find_stored (ha, home_address, nai);

  if (node == NULL)
    return FALSE;
  node->replay = *replay;
  return TRUE;
}

gboolean
mip4_ha_restore_binding (Mip4Ha *ha, const RoamNow *now, const char *nai, const Mip4HaBinding *binding)
{
  Mip4HaNodeState *node = find_stored (ha, &binding->home_address, nai);
  Mip4HaBindingState *state;

  if (node == NULL || now->boot_us >= binding->expiry_us || binding->home_address.family != ROAM_FAMILY_INET4 ||
      binding->care_of_address.family != ROAM_FAMILY_INET4 ||
      mip4_ha_find_binding (node, &binding->care_of_address) != NULL ||
      node->n_bindings >= MAX (ha->config.max_simultaneous, 1) ||
      (ha->config.max_bindings > 0 && ha->n_bindings >= ha->config.max_bindings))
    return FALSE;
  if (!roam_addr_is_set (&node->home_address) &&
      (!mip4_ha_pool_has (ha, &binding->home_address) || mip4_ha_node_by_address (ha, &binding->home_address) != NULL ||
       !mip4_ha_pool_assign (ha, node, &binding->home_address)))
    return FALSE;
  if (!roam_addr_equal (&node->home_address, &binding->home_address))
    return FALSE;
  state = add_state (ha, node);
  state->binding = *binding;
  mip4_ha_timer_set (ha, &state->timer, binding->expiry_us);
  mip4_ha_push (ha, MIP4_HA_ACTION_BINDING_ADD)->binding.binding = *binding;
  return TRUE;
}
