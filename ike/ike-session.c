/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The five verbs, the action queue, commands and status. Exchanges live in ike-exchange.c, each kind in an ike-task-*.c. */
#include "ike/ike-session-private.h"

#include <string.h>

void
ike_action_clear (IkeAction *action)
{
  switch (action->type)
    {
    case IKE_ACTION_SEND:
      g_clear_pointer (&action->send.datagram, g_bytes_unref);
      break;
    case IKE_ACTION_CHILD_ADD:
      g_clear_pointer (&action->child_add.child, ike_child_sa_unref);
      break;
    case IKE_ACTION_EVENT:
    case IKE_ACTION_CHILD_USE:
    case IKE_ACTION_CHILD_REMOVE:
    case IKE_ACTION_CHILD_MOVE:
      break;
    }
}
