/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "dhcp6/kea-config.h"
#include "dhcp6/leasequery-server.h"
#include "dhcp6/leasequery-tls-io.h"

/* Inside of roam-leasequeryd: its configuration, and the program's core. */

/* ------------------------------------------------------------- configuration ---- */

typedef enum
{
  LEASEQUERYD_SOURCE_KEA,    /* Kea's memfile */
  LEASEQUERYD_SOURCE_SQLITE, /* a table or a query */
  LEASEQUERYD_SOURCE_PGSQL,  /* Kea's tables */
  LEASEQUERYD_SOURCE_MYSQL,
} LeasequerydSource;

typedef struct
{
  LeasequeryServerConfig server; /* points into what follows */
  GBytes *duid;
  GArray *listen;      /* RoamEndpoint */
  GArray *permissions; /* LeasequeryServerPermission */
  GArray *sensitive;   /* guint16 */
  LeasequerydSource source;
  char *file;           /* of leases */
  char *statement;      /* SQLite */
  char *connection;     /* PostgreSQL, MySQL */
  GArray *subnets;      /* KeaSubnet */
  guint active_journal; /* changes kept for active queries */
  LeasequeryTls *tls;   /* NULL: none */
  gboolean udp;         /* LEASEQUERY over UDP (RFC 5007), too */
} LeasequerydConfig;

void leasequeryd_config_free (LeasequerydConfig *config);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (LeasequerydConfig, leasequeryd_config_free)
/*
 * Reads @path, and what it names (Kea's configuration, the file of the DUID). NULL when anything is
 * wrong: @errors (char *, caller's) then has one line for each fault.
 */
LeasequerydConfig *leasequeryd_config_load (const char *path, GPtrArray *errors);

/* ----------------------------------------------------------------------- core ---- */

typedef struct _Leasequeryd Leasequeryd;

/* Takes over @config, loads the leases, listens. @status_path: NULL for none. NULL and @error when it cannot listen. */
Leasequeryd *leasequeryd_new (LeasequerydConfig *config, const char *status_path, GError **error);
/* Ends all connections at once. */
void leasequeryd_free (Leasequeryd *daemon);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (Leasequeryd, leasequeryd_free)
/* Takes over @config: requestors, limits, links and leases; the addresses stay what they were. */
void leasequeryd_reload (Leasequeryd *daemon, LeasequerydConfig *config);
/*
 * Listens on a control socket (base/control-io.h) for "status" and "reload"; the latter calls @reload, which says
 * whether the configuration was good.
 */
gboolean leasequeryd_listen_control (Leasequeryd *daemon, const char *path, gboolean (*reload) (gpointer user_data),
                                     gpointer user_data, GError **error);
/* Tells running queries that they end; @done when all is said. */
void leasequeryd_stop (Leasequeryd *daemon, void (*done) (gpointer user_data), gpointer user_data);
