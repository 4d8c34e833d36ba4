/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Child SAs: installing, handing over between them, letting go. */
#include "ike/ike-session-private.h"

/*
 * A Child SA that another one replaced is received on for that long after it was deleted: packets
 * that left the gateway before it knew the new SA, on a slower path even, are still on their way.
 */
#define LINGER_US (2 * ROAM_USEC_PER_SEC)

IkeChildSa *
ike_child_sa_ref (IkeChildSa *child)
{
  g_atomic_int_inc (&child->references);
  return child;
}

void
ike_child_sa_unref (IkeChildSa *child)
{
  if (!child || !g_atomic_int_dec_and_test (&child->references))
    return;
  roam_secret_unref (child->encr_in);
  roam_secret_unref (child->encr_out);
  roam_secret_unref (child->integ_in);
  roam_secret_unref (child->integ_out);
  g_free (child);
}

void
ike_child_free (gpointer data)
{
  IkeChild *child = data;

  ike_child_sa_unref (child->sa);
  g_clear_pointer (&child->local_ts, g_array_unref);
  g_clear_pointer (&child->remote_ts, g_array_unref);
  g_free (child);
}

IkeChild *
ike_child_by_id (const IkeSession *session, guint32 id)
{
  for (guint i = 0; i < session->children->len; i++)
    {
      IkeChild *child = g_ptr_array_index (session->children, i);
      if (child->sa->id == id)
        return child;
    }
  return NULL;
}

/* Of those that exist for the protocol; a lingering one does not. */
IkeChild *
ike_child_by_spi (const IkeSession *session, guint32 spi, gboolean inbound)
{
  for (guint i = 0; i < session->children->len; i++)
    {
      IkeChild *child = g_ptr_array_index (session->children, i);
      if (child->linger_us == ROAM_NEVER && (inbound ? child->sa->spi_in : child->sa->spi_out) == spi)
        return child;
    }
  return NULL;
}

IkeChild *
ike_child_in_use (const IkeSession *session)
{
  for (guint i = 0; i < session->children->len; i++)
    {
      IkeChild *child = g_ptr_array_index (session->children, i);
      if (child->outbound)
        return child;
    }
  return NULL;
}

/* A random SPI that no Child SA of ours has inbound; 1..255 are reserved (RFC 4303 2.1). */
guint32
ike_child_new_spi (IkeSession *session)
{
  for (;;)
    {
      guint32 spi = roam_rng_u32 (session->rng);
      gboolean taken = spi < IKE_MIN_ESP_SPI;

      for (guint i = 0; i < session->children->len && !taken; i++)
        taken = ((const IkeChild *)g_ptr_array_index (session->children, i))->sa->spi_in == spi;
      if (!taken)
        return spi;
    }
}

static void
set_outbound (IkeSession *session, IkeChild *child)
{
  for (guint i = 0; i < session->children->len; i++)
    ((IkeChild *)g_ptr_array_index (session->children, i))->outbound = FALSE;
  child->outbound = TRUE;
}

/* Send on @child from now on. */
void
ike_child_use (IkeSession *session, IkeChild *child)
{
  IkeAction action = { .type = IKE_ACTION_CHILD_USE, .child_use.child_id = child->sa->id };

  if (child->outbound)
    return;
  set_outbound (session, child);
  ike_session_push (session, &action);
}

/* Takes @child and installs it with its present outer addresses. */
void
ike_child_install (IkeSession *session, const RoamNow *now, IkeChild *child, gboolean use_outbound)
{
  IkeAction action = { .type = IKE_ACTION_CHILD_ADD, .child_add.use_outbound = use_outbound };
  IkeChild *old = ike_child_by_id (session, child->replaces);

  if (old)
    old->replaced = TRUE;
  child->linger_us = ROAM_NEVER;
  child->rekey_us = ike_session_jittered (session, now, session->rekey_child_us);
  child->expire_us = now->boot_us + session->rekey_child_us + IKE_REKEY_MARGIN_US;
  g_ptr_array_add (session->children, child);
  if (use_outbound)
    set_outbound (session, child);
  action.child_add.child = ike_child_sa_ref (child->sa);
  ike_session_push (session, &action);
}

/* The one that took over from @child, if any. */
static IkeChild *
find_successor (const IkeSession *session, const IkeChild *child)
{
  for (guint i = 0; i < session->children->len; i++)
    {
      IkeChild *other = g_ptr_array_index (session->children, i);
      if (other->replaces == child->sa->id && other->linger_us == ROAM_NEVER)
        return other;
    }
  return NULL;
}

static void
remove_child (IkeSession *session, IkeChild *child)
{
  IkeAction action = { .type = IKE_ACTION_CHILD_REMOVE, .child_remove.child_id = child->sa->id };

  ike_session_push (session, &action);
  g_ptr_array_remove (session->children, child);
}

/*
 * @child is closed for the protocol. With a successor, sending goes over to it first, and receiving
 * lasts a little longer; without one it goes at once.
 */
void
ike_child_close (IkeSession *session, const RoamNow *now, IkeChild *child)
{
  IkeChild *successor = find_successor (session, child);

  if (child->outbound && successor)
    ike_child_use (session, successor);
  if (!successor && !child->replaced && ike_child_in_use (session) == child)
    child->outbound = FALSE;
  if (child->replaced || successor || ike_child_in_use (session))
    child->linger_us = now->boot_us + LINGER_US;
  else
    remove_child (session, child);
}

void
ike_child_close_all (IkeSession *session)
{
  while (session->children->len > 0)
    remove_child (session, g_ptr_array_index (session->children, session->children->len - 1));
}

/* The first that are due: late ones removed, old ones rekeyed. */
void
ike_child_deadline (IkeSession *session, const RoamNow *now)
{
  for (guint i = session->children->len; i > 0; i--)
    {
      IkeChild *child = g_ptr_array_index (session->children, i - 1);

      if (child->linger_us <= now->boot_us)
        {
          remove_child (session, child);
          continue;
        }
      if (child->linger_us != ROAM_NEVER || child->replaced || child->deleting)
        continue;
      if (child->rekey_us <= now->boot_us)
        {
          child->rekey_us = ROAM_NEVER;
          ike_task_rekey_child (session, child);
        }
    }
}

gint64
ike_child_next_deadline (const IkeSession *session)
{
  gint64 next = ROAM_NEVER;

  for (guint i = 0; i < session->children->len; i++)
    {
      const IkeChild *child = g_ptr_array_index (session->children, i);
      if (child->linger_us != ROAM_NEVER)
        next = MIN (next, child->linger_us);
      else if (!child->replaced && !child->deleting)
        next = MIN (next, MIN (child->rekey_us, child->expire_us));
    }
  return next;
}
