/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "mip4/mip4-mn-private.h"

/* Lifetime of the binding (RFC 5944 3.6.2.2): it runs from the moment the accepted request was sent. */

/* D-30: renewal at 75 %, so early that copies at 0, 1, 3 and 7 s fit before the end. */
#define RENEWAL_BEFORE_END_S 10

static gint64
renewal_after_us (guint16 lifetime_s)
{
  gint64 lifetime_us = lifetime_s * ROAM_USEC_PER_SEC;

  /* A lifetime that leaves no such room is renewed at its half. */
  if (lifetime_s <= RENEWAL_BEFORE_END_S + 1)
    return lifetime_us / 2;
  return MIN (lifetime_us * 3 / 4, lifetime_us - RENEWAL_BEFORE_END_S * ROAM_USEC_PER_SEC);
}

gboolean
mip4_mn_binding_accepted (Mip4Mn *mn, const Mip4MnEvent *event, guint64 order)
{
  Mip4MnBinding *binding = &mn->binding;

  /* A reply overtaken by that to a newer request says nothing about the home agent's present binding. */
  if (binding->exists && roam_addr_equal (&event->home_agent, &binding->accepted.home_agent) &&
      !mip4_identification_after (order, binding->order))
    return FALSE;
  switch (event->form)
    {
    case MIP4_FORM_HOME:
      binding->exists = FALSE;
      return TRUE;
    case MIP4_FORM_DEREGISTER:
      if (roam_addr_equal (&binding->accepted.care_of_address, &event->care_of_address))
        binding->exists = FALSE;
      return TRUE;
    case MIP4_FORM_CO_LOCATED:
    case MIP4_FORM_FOREIGN_AGENT:
    case MIP4_FORM_CO_LOCATED_VIA_AGENT:
      break;
    }
  binding->exists = TRUE;
  binding->accepted = *event;
  binding->order = order;
  binding->renewal_us = binding->expiry_us = ROAM_NEVER;
  if (event->lifetime_s == MIP4_LIFETIME_INFINITE)
    return TRUE;
  binding->renewal_us = event->sent_us + renewal_after_us (event->lifetime_s);
  binding->expiry_us = event->sent_us + event->lifetime_s * ROAM_USEC_PER_SEC;
  return TRUE;
}

static void
report (Mip4Mn *mn, Mip4MnEventType type, const char *reason)
{
  Mip4MnEvent event = mn->binding.accepted;

  event.type = type;
  event.reason = reason;
  mip4_mn_push_event (mn, &event);
}

void
mip4_mn_binding_deleted (Mip4Mn *mn, const char *reason)
{
  if (!mn->binding.exists)
    return;
  mn->binding.exists = FALSE;
  mn->revocation.negotiated = FALSE;
  report (mn, MIP4_MN_EXPIRED, reason);
}

void
mip4_mn_binding_run (Mip4Mn *mn, const RoamNow *now)
{
  Mip4MnBinding *binding = &mn->binding;

  if (!binding->exists)
    return;
  if (now->boot_us >= binding->expiry_us)
    {
      mip4_mn_binding_deleted (mn, "the registration Lifetime is over");
      return;
    }
  if (now->boot_us >= binding->renewal_us)
    {
      binding->renewal_us = ROAM_NEVER;
      report (mn, MIP4_MN_RENEWAL_DUE, "the registration Lifetime is near its end");
    }
}

gint64
mip4_mn_binding_deadline (const Mip4Mn *mn)
{
  if (!mn->binding.exists)
    return ROAM_NEVER;
  return roam_deadline_min (mn->binding.renewal_us, mn->binding.expiry_us);
}
