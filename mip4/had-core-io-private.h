/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "mip4/had-io-private.h"

/* Inside of roam-had's core: had-io.c (passes and actions), had-status-io.c (what it tells). */

struct _Had
{
  HadConfig *config;
  char *config_path, *credentials_dir;
  RoamRng *rng; /* of nonces */
  Mip4Ha *ha;
  HadUdp *udp;
  HadData *data;
  HadLink *link;
  HadAdvertiser *advertiser; /* NULL: silent */
  HadStore *store;           /* NULL: nothing outlives the process */
  RoamControl *control;
  char *status_path;
  int timer_fd;
  gint64 timer_us; /* what it is set to */
  guint udp_source, timer_source, status_source, fold_source;
  guint fold_seen; /* length of the store's journal a second ago */
  gint64 started_us, status_due_us;
  guint n_restored;
  gboolean restoring; /* bindings that come are old ones */
  gint64 log_second;
  guint log_lines;
};

RoamNow had_now (void);
/* Forgets all bindings of @home_address; how many there were. */
guint had_revoke (Had *had, const RoamAddr *home_address);
/* Writes the status file, at once or soon. */
void had_status_changed (Had *had);
/* RoamControlHandler; @user_data is the Had. */
gboolean had_control_handle (const char *command, JsonObject *request, JsonObject *answer, gpointer user_data,
                             GError **error);
