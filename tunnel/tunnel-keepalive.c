/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "tunnel/tunnel-keepalive-private.h"

static gboolean
same_tunnel (const TunnelKeepaliveTunnel *a, const TunnelKeepaliveTunnel *b)
{
  return a->ifindex == b->ifindex && a->local == b->local && a->remote == b->remote && a->port == b->port &&
         a->assigned_s == b->assigned_s;
}

void
tunnel_keepalive_start (TunnelKeepalive *keepalive, const TunnelKeepaliveTunnel *tunnel, gboolean at_once,
                        gint64 now_us)
{
  guint interval_s = tunnel->assigned_s != 0 ? tunnel->assigned_s : TUNNEL_KEEPALIVE_DEFAULT_S;

  /* A shorter interval that a lost mapping taught is this path's (RFC 3519 4.10). */
  if (same_tunnel (&keepalive->tunnel, tunnel) && keepalive->interval_s != 0)
    {
      keepalive->running = TRUE;
      return;
    }
  *keepalive = (TunnelKeepalive){
    .tunnel = *tunnel,
    .running = TRUE,
    .at_once = at_once,
    .interval_s = MAX (interval_s, TUNNEL_KEEPALIVE_MIN_S),
    /* The request went out before this. */
    .sent_us = now_us,
    .reported_us = -1,
    .sequence = keepalive->sequence,
  };
}

void
tunnel_keepalive_stop (TunnelKeepalive *keepalive)
{
  keepalive->running = FALSE;
  keepalive->tries = 0;
}

void
tunnel_keepalive_note_sent (TunnelKeepalive *keepalive, gint64 now_us)
{
  keepalive->sent_us = now_us;
}

void
tunnel_keepalive_note_received (TunnelKeepalive *keepalive)
{
  keepalive->tries = 0;
}

gint64
tunnel_keepalive_next_deadline (const TunnelKeepalive *keepalive)
{
  if (!keepalive->running)
    return ROAM_NEVER;
  if (keepalive->at_once)
    return keepalive->sent_us;
  if (keepalive->tries > 0)
    return keepalive->retry_us;
  return roam_deadline_add (keepalive->sent_us, (gint64)keepalive->interval_s * ROAM_USEC_PER_SEC);
}

static gboolean
may_report (TunnelKeepalive *keepalive, gint64 now_us)
{
  if (keepalive->reported_us >= 0 && now_us - keepalive->reported_us < TUNNEL_KEEPALIVE_REPORT_US)
    return FALSE;
  keepalive->reported_us = now_us;
  return TRUE;
}

TunnelKeepaliveAction
tunnel_keepalive_input_deadline (TunnelKeepalive *keepalive, gint64 now_us)
{
  gboolean lost;

  if (now_us < tunnel_keepalive_next_deadline (keepalive))
    return TUNNEL_KEEPALIVE_NOTHING;
  keepalive->at_once = FALSE;
  keepalive->sequence++;
  keepalive->sent_us = now_us;
  keepalive->retry_us = now_us + (ROAM_USEC_PER_SEC << keepalive->tries);
  lost = ++keepalive->tries == TUNNEL_KEEPALIVE_TRIES;
  if (!lost)
    return TUNNEL_KEEPALIVE_SEND;
  keepalive->tries = 0;
  keepalive->interval_s = MAX (keepalive->interval_s / 2, TUNNEL_KEEPALIVE_MIN_S);
  return may_report (keepalive, now_us) ? TUNNEL_KEEPALIVE_SEND_LOST : TUNNEL_KEEPALIVE_SEND;
}

gboolean
tunnel_keepalive_input_closed (TunnelKeepalive *keepalive, gint64 now_us)
{
  return keepalive->running && may_report (keepalive, now_us);
}
