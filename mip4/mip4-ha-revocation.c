/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "mip4/mip4-ha-private.h"

/* Registration revocation by the home agent (RFC 3543 4.2.2.1). */

/* NULL: the association is not there any more. */
static const Mip4SecurityAssociation *
association_of (const Mip4Ha *ha, const Mip4HaRevocation *revocation)
{
  const Mip4HaAssociation *mn_ha;

  switch (revocation->binding.revocation)
    {
    case MIP4_HA_REVOKE_NOBODY:
      return NULL;
    case MIP4_HA_REVOKE_NODE:
      mn_ha = mip4_ha_find_association (revocation->node, revocation->binding.spi);
      return mn_ha != NULL ? &mn_ha->association : NULL;
    case MIP4_HA_REVOKE_AGENT:
    case MIP4_HA_REVOKE_AGENT_INFORMING:
      return mip4_ha_find_fa_association (ha, &revocation->binding.registrar);
    }
  g_return_val_if_reached (NULL);
}

static guint8
authentication_of (const Mip4HaRevocation *revocation)
{
  return revocation->binding.revocation != MIP4_HA_REVOKE_NODE ? MIP4_EXT_FOREIGN_HOME_AUTH : MIP4_EXT_MOBILE_HOME_AUTH;
}

static void
finish (Mip4Ha *ha, Mip4HaRevocation *revocation, Mip4HaCount count)
{
  Mip4HaNodeState *node = revocation->node;
  Mip4HaRevocation **at = &node->revocations;

  while (*at != revocation)
    at = &(*at)->next;
  *at = revocation->next;
  mip4_ha_timer_set (ha, &revocation->timer, ROAM_NEVER);
  g_free (revocation);
  ha->counts[count]++;
  mip4_ha_pool_release (ha, node);
}

/*
 * D-11: seconds of the clock of our 137, rounded up, so that it is newer than a registration of the same
 * second; and newer than the copy before (RFC 3543 3.5).
 */
static guint32
next_id (const RoamNow *now, const Mip4HaRevocation *revocation)
{
  guint32 id = (guint32)(now->ntp >> 32) + 1;

  if (revocation->copies > 0 && (gint32)(id - revocation->ids[revocation->copies - 1]) <= 0)
    id = revocation->ids[revocation->copies - 1] + 1;
  return id;
}

static void
send_copy (Mip4Ha *ha, const RoamNow *now, Mip4HaRevocation *revocation, const Mip4SecurityAssociation *association)
{
  const Mip4HaBinding *binding = &revocation->binding;
  guint32 id = next_id (now, revocation);
  g_auto (WireWriter) writer = { 0 };
  Mip4HaAction *action;

  wire_writer_init (&writer, MIP4_MESSAGE_MAX);
  /* A node whose agent can tell it learns of this at once, not at its next registration (RFC 3543 4.2.2.1). */
  mip4_write_revocation (&writer, binding->revocation == MIP4_HA_REVOKE_AGENT_INFORMING, &binding->home_address,
                         &ha->config.address, &binding->care_of_address, id);
  mip4_ha_write_auth (ha, &writer, authentication_of (revocation), association);
  action = mip4_ha_push (ha, MIP4_HA_ACTION_SEND);
  action->send.source = ha->config.address;
  /* D-17: behind a NAT nothing listens at port 434. */
  if (binding->udp_tunnel && !binding->half_bound)
    action->send.destination = binding->peer;
  else
    action->send.destination = (RoamEndpoint){ binding->registrar, MIP4_PORT };
  action->send.ttl = MIP4_HA_TTL;
  action->send.datagram = wire_writer_finish (&writer);
  revocation->ids[revocation->copies++] = id;
  /* 1, 2, 4 s ... (RFC 3543 4.2.2.1) */
  mip4_ha_timer_set (
    ha, &revocation->timer,
    roam_deadline_min (now->boot_us + (ROAM_USEC_PER_SEC << (revocation->copies - 1)), binding->expiry_us));
}

void
mip4_ha_revocation_due (Mip4Ha *ha, const RoamNow *now, Mip4HaRevocation *revocation)
{
  const Mip4SecurityAssociation *association = association_of (ha, revocation);

  /* Not beyond the normal life of the binding. */
  if (association == NULL || revocation->copies >= MIP4_HA_REVOCATION_COPIES ||
      now->boot_us >= revocation->binding.expiry_us)
    finish (ha, revocation, MIP4_HA_COUNT_REVOCATION_UNANSWERED);
  else
    send_copy (ha, now, revocation, association);
}

/* First it is gone and stored as gone, then the other side hears of it. */
static void
revoke_binding (Mip4Ha *ha, const RoamNow *now, Mip4HaBindingState *state)
{
  Mip4HaNodeState *node = state->node;
  Mip4HaRevocation *revocation = NULL;

  if (ha->config.revocation && state->binding.revocation != MIP4_HA_REVOKE_NOBODY)
    {
      revocation = g_new0 (Mip4HaRevocation, 1);
      revocation->timer.kind = MIP4_HA_TIMER_REVOCATION;
      revocation->node = node;
      revocation->binding = state->binding;
      revocation->next = node->revocations;
      node->revocations = revocation;
    }
  ha->counts[MIP4_HA_COUNT_REVOKED]++;
  mip4_ha_remove_binding (ha, state, MIP4_HA_REMOVED_REVOKED);
  if (revocation != NULL)
    mip4_ha_revocation_due (ha, now, revocation);
}

void
mip4_ha_revoke (Mip4Ha *ha, const RoamNow *now, Mip4HaNodeState *node)
{
  while (node->bindings != NULL)
    revoke_binding (ha, now, node->bindings);
}

void
mip4_ha_forget_revocations (Mip4Ha *ha, Mip4HaNodeState *node)
{
  for (Mip4HaRevocation *revocation = node->revocations, *next; revocation != NULL; revocation = next)
    {
      next = revocation->next;
      mip4_ha_timer_set (ha, &revocation->timer, ROAM_NEVER);
      g_free (revocation);
    }
  node->revocations = NULL;
}

/* RFC 3543 3.5: home address and identifier of one that waits; any of its copies may be the one answered. */
static Mip4HaRevocation *
find_revocation (const Mip4HaNodeState *node, guint32 id)
{
  for (Mip4HaRevocation *revocation = node->revocations; revocation != NULL; revocation = revocation->next)
    for (guint i = 0; i < revocation->copies; i++)
      if (revocation->ids[i] == id)
        return revocation;
  return NULL;
}

Mip4Discard
mip4_ha_process_revocation_ack (Mip4Ha *ha, Mip4HaRequest *request)
{
  Mip4Message *message = &request->message;
  Mip4HaRevocation *revocation;
  Mip4Discard why = mip4_parse_extensions (message);

  if (why != MIP4_DISCARD_NONE)
    return why;
  request->node = mip4_ha_node_by_address (ha, &message->home_address);
  revocation = request->node != NULL ? find_revocation (request->node, message->revocation_id) : NULL;
  if (revocation == NULL)
    return MIP4_DISCARD_REVOCATION_ACK;
  if (mip4_ha_verify_auth (
        ha, message, authentication_of (revocation) == MIP4_EXT_FOREIGN_HOME_AUTH ? &message->fhae : &message->mhae,
        association_of (ha, revocation)) != MIP4_DISCARD_NONE)
    return MIP4_DISCARD_REVOCATION_AUTHENTICATOR;
  finish (ha, revocation, MIP4_HA_COUNT_REVOCATION_ACKNOWLEDGED);
  return MIP4_DISCARD_NONE;
}
