/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "tunnel/tunnel.h"

/* The same SA with the same keys: its sequence numbers go on. Ids alone may come again with another session. */
gboolean tunnel_sa_equal (const TunnelSa *a, const TunnelSa *b);
/* NULL for id 0 or one that is not in the plan. */
const TunnelSa *tunnel_plan_find_sa (const TunnelPlan *plan, guint32 id);

/* What stands around the user's packet. */
typedef struct
{
  gboolean mip_udp;       /* C and MC: RFC 3519 instead of IP-in-IP */
  gboolean encapsulating; /* F */
  gboolean udp_encap;     /* MC: ESP in UDP */
  gboolean outer6;        /* MC: the gateway's address is an IPv6 one */
  const TunnelSa *sa;     /* MC; NULL: the greatest overhead there is */
} TunnelOverhead;

/* tunnel_plan_get_mtu() for who has no plan at hand. */
guint tunnel_plan_mtu (TunnelMode mode, guint link_mtu, const TunnelOverhead *overhead);
