/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "tunnel/tunnel.h"

/* The same SA with the same keys: its sequence numbers go on. Ids alone may come again with another session. */
gboolean tunnel_sa_equal (const TunnelSa *a, const TunnelSa *b);
/* NULL for id 0 or one that is not in the plan. */
const TunnelSa *tunnel_plan_find_sa (const TunnelPlan *plan, guint32 id);
