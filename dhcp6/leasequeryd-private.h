/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "base/control-io.h"
#include "dhcp6/kea-leases-io.h"
#include "dhcp6/lease-database-io.h"
#include "dhcp6/lease-diff.h"
#include "dhcp6/lease-sqlite-io.h"
#include "dhcp6/leasequery-server-io.h"
#include "dhcp6/leasequery-udp-io.h"
#include "dhcp6/leasequeryd-io.h"

/* Inside of roam-leasequeryd's core: leasequeryd-io.c (leases, server), -status-io.c (what is told about it). */

struct _Leasequeryd
{
  LeasequerydConfig *config;
  LeasequeryServerIo *server;
  KeaLeasesIo *kea; /* one of these */
  LeaseSqliteIo *sqlite;
  LeaseDatabaseIo *database;
  LeaseStore *store;     /* what answers now; NULL: none */
  LeaseJournal *journal; /* of its changes; NULL: no active leasequery */
  LeaseDiff *diff;       /* to the store before, under way; NULL: none */
  LeaseStore *old;       /* that store, on its way out */
  guint compare;
  guint8 key[LEASE_STORE_KEY_LENGTH];
  char *status_path, *last_status;
  guint status_timer;
  LeasequeryUdpIo *udp;                    /* NULL: not offered */
  RoamControl *control;                    /* NULL: none */
  gboolean (*reload) (gpointer user_data); /* FALSE: nothing changed */
  gpointer reload_data;
};

/* leasequeryd-status-io.c */
/* Everything that --status-file and the control socket tell, as members of @answer, which is empty. */
void leasequeryd_status_fill (const Leasequeryd *daemon, JsonObject *answer);
/* Writes the file when it would be another than last time. */
gboolean leasequeryd_status_write (gpointer daemon);
