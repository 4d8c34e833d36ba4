/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "base/addr.h"
#include "base/now.h"

#include <glib.h>

/*
 * When a Mobile IPv4 tunnel in UDP needs a keepalive, and when its NAT mapping is lost (RFC 3519 4.9
 * and 4.10, decision D-19). Pure: times are CLOCK_BOOTTIME microseconds, the caller sends.
 */

#define TUNNEL_KEEPALIVE_DEFAULT_S 110 /* RFC 3519 4.9: K */
#define TUNNEL_KEEPALIVE_MIN_S 10      /* RFC 3519 4.10 */
/* The first one and three more, after 1, 2 and 4 s: decision D-19. */
#define TUNNEL_KEEPALIVE_TRIES 4
/* Between two reports of one tunnel: a home agent that is down need not be asked more often. */
#define TUNNEL_KEEPALIVE_REPORT_US (10 * ROAM_USEC_PER_SEC)

/* What makes a tunnel another one: then everything begins anew. */
typedef struct
{
  int ifindex; /* 0 inside ESP: moves of the path further out do not matter to it */
  guint32 local, remote;
  guint16 port;
  guint assigned_s; /* of the home agent; 0: it left it to us */
} TunnelKeepaliveTunnel;

typedef struct
{
  TunnelKeepaliveTunnel tunnel;
  gboolean running;
  guint interval_s;
  gboolean at_once;   /* one is due now, whatever was sent */
  gint64 sent_us;     /* when anything was sent to the home agent last */
  guint tries;        /* keepalives that wait for one answer; 0: none */
  gint64 retry_us;    /* valid with tries */
  gint64 reported_us; /* -1: never */
  guint16 sequence;   /* of the latest one */
} TunnelKeepalive;

typedef enum
{
  TUNNEL_KEEPALIVE_NOTHING,
  TUNNEL_KEEPALIVE_SEND,      /* with the number in @sequence */
  TUNNEL_KEEPALIVE_SEND_LOST, /* the last one, and the tunnel counts as lost: register again */
} TunnelKeepaliveAction;

/*
 * For a zeroed engine, and for one that ran before: the same tunnel goes on where it was. @at_once: a
 * new one begins with a keepalive (RFC 3519 4.4, R flag).
 */
void tunnel_keepalive_start (TunnelKeepalive *keepalive, const TunnelKeepaliveTunnel *tunnel, gboolean at_once,
                             gint64 now_us);
/* Nothing more is due until the next start. */
void tunnel_keepalive_stop (TunnelKeepalive *keepalive);
/* Something, keepalive or data, went to the home agent. */
void tunnel_keepalive_note_sent (TunnelKeepalive *keepalive, gint64 now_us);
/* Something came out of the tunnel: the mapping is there. */
void tunnel_keepalive_note_received (TunnelKeepalive *keepalive);
/* ROAM_NEVER when it does not run. */
gint64 tunnel_keepalive_next_deadline (const TunnelKeepalive *keepalive);
TunnelKeepaliveAction tunnel_keepalive_input_deadline (TunnelKeepalive *keepalive, gint64 now_us);
/* Decision D-23: the home agent's port is closed, says an unauthenticated packet. TRUE: worth a registration. */
gboolean tunnel_keepalive_input_closed (TunnelKeepalive *keepalive, gint64 now_us);
