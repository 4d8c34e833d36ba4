/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Child SAs: keys, installing, handing over between them, letting go (RFC 7296 2.8). */
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
  g_free (child->local_ts);
  g_free (child->remote_ts);
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

/* --- finding --- */

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
ike_child_by_spi_out (const IkeSession *session, guint32 spi)
{
  for (guint i = 0; i < session->children->len; i++)
    {
      IkeChild *child = g_ptr_array_index (session->children, i);
      if (child->linger_us == ROAM_NEVER && child->sa->spi_out == spi)
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

/* The one that takes over from @child, if any. */
static IkeChild *
find_successor (const IkeSession *session, const IkeChild *child)
{
  for (guint i = session->children->len; i > 0; i--)
    {
      IkeChild *other = g_ptr_array_index (session->children, i - 1);
      if (other->replaces == child->sa->id && other->linger_us == ROAM_NEVER)
        return other;
    }
  return NULL;
}

gboolean
ike_child_is_replaced (const IkeSession *session, const IkeChild *child)
{
  return find_successor (session, child) != NULL;
}

void
ike_child_drop_successors (IkeSession *session, const RoamNow *now, const IkeChild *child)
{
  for (guint i = session->children->len; i > 0; i--)
    {
      IkeChild *other = g_ptr_array_index (session->children, i - 1);

      if (other->replaces == child->sa->id && other->linger_us == ROAM_NEVER && !other->outbound)
        ike_child_close (session, now, other);
    }
}

/* --- traffic selectors --- */

GArray *
ike_any_selectors (const IkeSession *session)
{
  GArray *selectors = g_array_new (FALSE, FALSE, sizeof (IkeSelector));
  IkeSelector any4 = ike_selector_any (ROAM_FAMILY_INET4), any6 = ike_selector_any (ROAM_FAMILY_INET6);

  if (session->request_tia4 || !session->request_tia6)
    g_array_append_val (selectors, any4);
  if (session->request_tia6)
    g_array_append_val (selectors, any6);
  return selectors;
}

GArray *
ike_own_selectors (const IkeSession *session)
{
  const RoamAddr *const inner[] = { &session->configuration.tia4, &session->configuration.tia6 };
  GArray *selectors;

  if (!session->narrow)
    return ike_any_selectors (session);
  selectors = g_array_new (FALSE, FALSE, sizeof (IkeSelector));
  for (guint i = 0; i < G_N_ELEMENTS (inner); i++)
    if (roam_addr_is_set (inner[i]))
      {
        IkeSelector host = ike_selector_host (inner[i]);
        g_array_append_val (selectors, host);
      }
  return selectors;
}

GArray *
ike_selectors_of (const IkePayloadTs *ts)
{
  GArray *selectors = g_array_new (FALSE, FALSE, sizeof (IkeSelector));

  return g_array_append_vals (selectors, ts->selectors, ts->n_selectors);
}

gboolean
ike_selectors_cover (const GArray *given, const GArray *needed)
{
  for (guint i = 0; i < needed->len; i++)
    {
      gboolean inside = FALSE;

      for (guint j = 0; j < given->len && !inside; j++)
        inside =
          ike_selector_contains (&g_array_index (given, IkeSelector, j), &g_array_index (needed, IkeSelector, i));
      if (!inside)
        return FALSE;
    }
  return needed->len > 0;
}

gboolean
ike_child_has_extras (const IkeMessage *message, const char **ret_reason)
{
  *ret_reason = "the gateway chose transport mode, which was not asked for";
  if (ike_message_find_notify (message, IKE_NOTIFY_USE_TRANSPORT_MODE))
    return TRUE;
  *ret_reason = "the gateway chose IPComp, which was not offered";
  return ike_message_find_notify (message, IKE_NOTIFY_IPCOMP_SUPPORTED) != NULL;
}

/* --- making --- */

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
      if (session->responder ? ike_responder_has_esp_spi (session->responder, spi)
                             : ike_reauth_has_esp_spi (session, spi))
        continue;
      if (!taken)
        return spi;
    }
}

static IkeEspAlgorithm
esp_algorithm (const IkeSuite *suite)
{
  return suite->encr == IKE_ENCR_AES_GCM_16 ? IKE_ESP_AES_GCM_16 : IKE_ESP_AES_CBC_HMAC_SHA2;
}

static guint
integ_bits (guint16 integ)
{
  switch (integ)
    {
    case IKE_INTEG_HMAC_SHA2_256_128:
      return 256;
    case IKE_INTEG_HMAC_SHA2_384_192:
      return 384;
    case IKE_INTEG_HMAC_SHA2_512_256:
      return 512;
    default:
      return 0;
    }
}

IkeChild *
ike_child_new (IkeSession *session, const IkeSa *sa, const IkeSuite *suite, const RoamSecret *g_ir, IkeView ni,
               IkeView nr, gboolean ours, guint32 spi_in, guint32 spi_out)
{
  const IkePair *pair = &session->mobility.now;
  g_auto (IkeChildKeys) keys = { 0 };
  IkeChildSa *esp;
  IkeChild *child;

  if (!ike_child_keys_derive (sa->keys->suite.prf, sa->keys->sk_d, g_ir, ni, nr, suite, &keys))
    return NULL;
  esp = g_new0 (IkeChildSa, 1);
  *esp = (IkeChildSa){ .references = 1,
                       .id = ike_reauth_new_child_id (session),
                       .spi_in = spi_in,
                       .spi_out = spi_out,
                       .algorithm = esp_algorithm (suite),
                       .encr_bits = suite->encr_bits,
                       .integ_bits = integ_bits (suite->integ),
                       .esn = suite->esn == IKE_ESN_EXTENDED,
                       .outer_local = pair->local,
                       .outer_remote = pair->remote,
                       .ifindex = pair->ifindex,
                       .udp_encap = ike_mobility_udp_encap (session) };
  /* RFC 7296 2.17: the first keys are those of the side that began the exchange. */
  esp->encr_out = ours ? g_steal_pointer (&keys.encr_i2r) : g_steal_pointer (&keys.encr_r2i);
  esp->encr_in = ours ? g_steal_pointer (&keys.encr_r2i) : g_steal_pointer (&keys.encr_i2r);
  esp->integ_out = ours ? g_steal_pointer (&keys.integ_i2r) : g_steal_pointer (&keys.integ_r2i);
  esp->integ_in = ours ? g_steal_pointer (&keys.integ_r2i) : g_steal_pointer (&keys.integ_i2r);
  child = g_new0 (IkeChild, 1);
  child->sa = esp;
  child->suite = *suite;
  child->linger_us = ROAM_NEVER;
  return child;
}

static void
set_outbound (IkeSession *session, IkeChild *child)
{
  for (guint i = 0; i < session->children->len; i++)
    ((IkeChild *)g_ptr_array_index (session->children, i))->outbound = FALSE;
  child->outbound = TRUE;
}

/* For a data plane that has no policies of its own. */
static IkeSelector *
dup_selectors (const GArray *selectors, guint *ret_n)
{
  *ret_n = selectors ? selectors->len : 0;
  return *ret_n > 0 ? g_memdup2 (selectors->data, *ret_n * sizeof (IkeSelector)) : NULL;
}

void
ike_child_install (IkeSession *session, const RoamNow *now, IkeChild *child, gboolean use_outbound)
{
  IkeAction action = { .type = IKE_ACTION_CHILD_ADD, .child_add.use_outbound = use_outbound };

  child->rekey_us = ike_session_jittered (session, now, session->rekey_child_us);
  child->expire_us = now->boot_us + session->rekey_child_us + IKE_REKEY_MARGIN_US;
  child->sa->local_ts = dup_selectors (child->local_ts, &child->sa->n_local_ts);
  child->sa->remote_ts = dup_selectors (child->remote_ts, &child->sa->n_remote_ts);
  g_ptr_array_add (session->children, child);
  if (use_outbound)
    set_outbound (session, child);
  action.child_add.child = ike_child_sa_ref (child->sa);
  ike_session_push (session, &action);
}

/* --- handing over --- */

void
ike_child_use (IkeSession *session, IkeChild *child)
{
  IkeAction action = { .type = IKE_ACTION_CHILD_USE, .child_use.child_id = child->sa->id };

  if (child->outbound)
    return;
  set_outbound (session, child);
  ike_session_push (session, &action);
}

/* RFC 7296 2.8: the gateway sends on the new SA, so it can receive on it too. */
void
ike_child_traffic (IkeSession *session, IkeChild *child)
{
  const IkeChild *old = ike_child_in_use (session);

  /* None in use: at a gateway, a new IKE SA of a client that has its address from an older one, too. */
  if (!child->outbound && child->linger_us == ROAM_NEVER && !child->deleting &&
      (!old || child->replaces == old->sa->id))
    ike_child_use (session, child);
}

static void
remove_child (IkeSession *session, IkeChild *child)
{
  IkeAction action = { .type = IKE_ACTION_CHILD_REMOVE, .child_remove.child_id = child->sa->id };

  ike_session_push (session, &action);
  g_ptr_array_remove (session->children, child);
}

void
ike_child_close (IkeSession *session, const RoamNow *now, IkeChild *child)
{
  IkeChild *successor = find_successor (session, child), *used;

  if (child->outbound && successor)
    ike_child_use (session, successor);
  used = ike_child_in_use (session);
  if (used && used != child)
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

gboolean
ike_child_any_left (const IkeSession *session)
{
  for (guint i = 0; i < session->children->len; i++)
    if (((const IkeChild *)g_ptr_array_index (session->children, i))->linger_us == ROAM_NEVER)
      return TRUE;
  return FALSE;
}

/* --- time --- */

/* Only one that nobody took over from and nobody wants to delete is rekeyed. */
static gboolean
is_kept (const IkeSession *session, const IkeChild *child)
{
  return session->state == IKE_STATE_ESTABLISHED && child->linger_us == ROAM_NEVER && !child->deleting &&
         !find_successor (session, child);
}

void
ike_child_deadline (IkeSession *session, const RoamNow *now)
{
  for (guint i = session->children->len; i > 0; i--)
    {
      IkeChild *child = g_ptr_array_index (session->children, i - 1);

      if (child->linger_us <= now->boot_us)
        remove_child (session, child);
      else if (!is_kept (session, child))
        continue;
      else if (child->expire_us <= now->boot_us)
        {
          /* RFC 7296 2.8: an expired SA is not used, and one that cannot be rekeyed ends the IKE SA. */
          ike_session_close (session, now, IKE_EVENT_DEAD, "the Child SA expired: it could not be rekeyed", NULL);
          return;
        }
      else if (child->rekey_us <= now->boot_us)
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

      next = MIN (next, child->linger_us);
      if (is_kept (session, child))
        next = MIN (next, MIN (child->rekey_us, child->expire_us));
    }
  return next;
}
