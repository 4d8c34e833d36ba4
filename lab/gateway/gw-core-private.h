/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "lab/gateway/gw-data-private.h"
#include "lab/gateway/gw-private.h"
#include "base/control-io.h"

/* The inside of a Gw, shared by gw-io.c and gw-status-io.c. */
struct _Gw
{
  GwConfig *config;
  RoamRng *rng;
  IkeResponder *responder;
  GwTable *table;
  GwSockets *sockets;
  GwData *data;
  RoamControl *control; /* NULL: none is configured */
  guint8 *slots;        /* GW_BATCH of GW_SLOT octets, for receiving */
  guint socket_sources[GW_N_SOCKETS];
  int timer_fd;
  guint timer_source;
  gint64 timer_us;   /* what the timer is set to; ROAM_NEVER */
  gint64 started_us; /* boot */
  guint64 lost;      /* datagrams cut off or without an address */
  /* Lines about strangers in the present second. */
  gint64 log_second;
  guint log_lines;
  /* While it ends. */
  GSourceFunc stopped;
  gpointer stopped_data;
  guint stop_source;
};

RoamNow gw_now (void);
