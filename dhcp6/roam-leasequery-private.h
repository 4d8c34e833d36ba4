/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "dhcp6/leasequery-client-io.h"

#include <stdio.h>

/* Inside of the program roam-leasequery: roam-leasequery.c (run), -options.c, -query.c, -output.c, -routes.c. */

typedef enum
{
  TOOL_OK = 0,
  TOOL_INCOMPLETE = 1, /* a server refused, or something is missing */
  TOOL_USAGE = 2,
  TOOL_UNREACHABLE = 3, /* no server could be reached */
  TOOL_OUTPUT = 4,      /* the result could not be written */
} ToolExit;

typedef enum
{
  TOOL_TABLE,
  TOOL_JSON,
  TOOL_CSV,
  TOOL_ROUTES,
} ToolFormat;

typedef struct
{
  LeasequeryClientConfig client; /* servers and the DUID point into the arrays below */
  GArray *servers;               /* LeasequeryServerAddress */
  GPtrArray *names;              /* of the servers, as they are shown */
  GBytes *duid;
  GPtrArray *queries; /* LeasequeryQuery; a query's number is its place, from 1 */
  ToolFormat format;
  gboolean merge, quiet, relays;
  char *device;     /* of routes; NULL: the interface-id tells */
  gboolean active;  /* one query, a LeasequeryQuery that is active */
  char *state_path; /* where the times to go on from are kept; NULL: nowhere */
  GPtrArray *hosts; /* names of servers, for their certificates */
  LeasequeryTls *tls;
} ToolOptions;

void tool_options_free (ToolOptions *options);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (ToolOptions, tool_options_free)

/* roam-leasequery-options.c */
/* NULL: the run is over with *@ret_exit; what there was to say is said. */
ToolOptions *tool_options_parse (int argc, char **argv, ToolExit *ret_exit);

/* roam-leasequery-query.c */
/* What all queries of a run have in common. */
typedef struct
{
  const LeasequeryRequestorConfig *config;
  RoamAddr link;      /* unless a query names its own */
  const GArray *want; /* guint16 */
  GBytes *server_id;  /* NULL: none */
} ToolQueryDefaults;

gboolean tool_is_query_word (const char *word);
/* Adds the queries in @words to @queries. FALSE: @error names the word; @where goes before it. */
gboolean tool_parse_queries (const char *const *words, const char *where, const ToolQueryDefaults *defaults,
                             GPtrArray *queries, GError **error);
/* One or more queries a line, # begins a comment; "-": standard input. */
gboolean tool_read_queries (const char *file, const ToolQueryDefaults *defaults, GPtrArray *queries, GError **error);
/* NULL: not hex digits, or not 3..130 octets. @what names it in @error. */
GBytes *tool_parse_duid (const char *text, const char *what, GError **error);

/* roam-leasequery-active.c */
/* --active: prints changes until it is told to stop. */
ToolExit tool_run_active (const ToolOptions *options);

/* roam-leasequery-tell.c */
/* Lines on standard error; @server: its number, or TOOL_NO_SERVER. */
#define TOOL_NO_SERVER G_MAXUINT
void tool_remark (const ToolOptions *options, guint server, const char *format, ...) G_GNUC_PRINTF (3, 4);
/* How a query ended at a server, when it did not end well; @problem: what the system or TLS said, or NULL. */
void tool_tell_end (const ToolOptions *options, const LeasequeryClientEvent *told, const char *problem);

/* roam-leasequery-output.c */
typedef struct
{
  const ToolOptions *options;
  FILE *file;
  gboolean pretty, headed;
  gboolean gap; /* what comes belongs to a bulk query beside the active one */
  GString *line;
  gint64 clock_us; /* wall clock less boot time */
  guint64 n_records, n_unroutable;
} ToolOutput;

void tool_output_init (ToolOutput *output, const ToolOptions *options, FILE *file);
void tool_output_record (ToolOutput *output, const LeasequeryRecord *record);
/* What else a program that reads JSON must know: RESTART, COMPLETE, CAUGHT_UP, RESUME, DATA_MISSING. */
void tool_output_event (ToolOutput *output, const LeasequeryClientEvent *event);
/* FALSE: not all could be written; errno says why. */
gboolean tool_output_end (ToolOutput *output);

/* What is shown of a binding's relays: of each item the one nearest to the client. */
typedef struct
{
  Dhcp6Relay hops[DHCP6_MAX_HOPS]; /* nearest to the server first */
  guint n_hops;
  Dhcp6Slice relay_id, remote_id, interface_id;
  RoamAddr link;
} ToolRelays;

void tool_relays_read (const ToolOptions *options, const LeasequeryRecord *record, ToolRelays *ret_relays);
void tool_append_hex (GString *out, Dhcp6Slice octets);
/* The address, or the prefix without the bits past its length; no length behind it. */
void tool_append_address (GString *out, const Dhcp6Binding *binding);

/* roam-leasequery-routes.c */
/* A line for ip(8), or a comment that says why there is none (FALSE). Addresses have no route: nothing, and TRUE. */
gboolean tool_append_route (const ToolOptions *options, const LeasequeryRecord *record, GString *out);
