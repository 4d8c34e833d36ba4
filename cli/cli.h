/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "dbus/roamd-dbus-generated.h"

#include <gio/gio.h>

/* roamctl: a table of sub-commands, one file each, over one D-Bus client. */

/* Exit codes; roamctl(1) lists them. */
typedef enum
{
  CLI_OK = 0,
  CLI_FAILED = 1,
  CLI_USAGE = 2,
  CLI_NOT_RUNNING = 3, /* no bus, or no roamd on it */
  CLI_DENIED = 4,      /* not authorised */
} CliExit;

typedef struct
{
  gboolean json;   /* --json */
  gboolean pretty; /* a terminal: colours and columns */
} CliOutput;

typedef struct
{
  const char *name, *arguments, *summary;
  /* @argv[0] is the command's name; options are still there. */
  CliExit (*run) (int argc, char **argv);
} CliCommand;

CliExit cli_status (int argc, char **argv);
CliExit cli_monitor (int argc, char **argv);
CliExit cli_history (int argc, char **argv);
CliExit cli_why (int argc, char **argv);
CliExit cli_sa (int argc, char **argv);
CliExit cli_secret (int argc, char **argv);
CliExit cli_connect (int argc, char **argv);
CliExit cli_disconnect (int argc, char **argv);
CliExit cli_redetect (int argc, char **argv);

/* ------------------------------------------------------------------- client.c ---- */

/* NULL: a sentence with what to do was printed, and @ret_exit says why. */
RoamdAgent1 *cli_client_new (CliExit *ret_exit);
/* Prints what @error means for a person; the exit code for it. */
CliExit cli_report (const GError *error);

/* ------------------------------------------------------------------- options.c ---- */

/*
 * Parses @entries (nullable) and --json. FALSE: printed, exit with *@ret_exit (help is CLI_OK). At
 * most @max_arguments may be left over.
 */
gboolean cli_options_parse (const CliCommand *command, int *argc, char ***argv, const GOptionEntry *entries,
                            int max_arguments, CliOutput *output, CliExit *ret_exit);
/* The table's row; NULL: no such command. */
const CliCommand *cli_command_find (const char *name);

/* -------------------------------------------------------------------- output.c ---- */

/* One line of JSON; takes a floating @value. */
void cli_print_json (GVariant *value);
/* Every property as a{sv} with names like "care-of-address"; floating. */
GVariant *cli_properties_to_variant (RoamdAgent1 *agent);
/* "3 min", "2 h 5 min"; caller frees. */
char *cli_format_age (gint64 ms);
/* "0.8 ms", "1.2 s", "-" for none; caller frees. */
char *cli_format_duration (gint64 us);
/* "2026-03-01 12:00:05" in local time; caller frees. */
char *cli_format_time (gint64 unix_us);
/* "through the VPN" ...; static. */
const char *cli_mode_in_words (const char *mode);
/* "MOBIKE" ...; static, "" for "". */
const char *cli_dialect_in_words (const char *dialect);
/* Members of a dictionary, "" or 0 when missing; texts are borrowed. */
const char *cli_dict_text (GVariant *dict, const char *key);
gint64 cli_dict_number (GVariant *dict, const char *key);
guint32 cli_dict_unsigned (GVariant *dict, const char *key);
gboolean cli_dict_boolean (GVariant *dict, const char *key);

/* A table: rows of strings, first one the header. */
typedef struct _CliTable CliTable;
CliTable *cli_table_new (guint n_columns);
void cli_table_free (CliTable *table);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (CliTable, cli_table_free)
/* Exactly n_columns strings, copied. */
void cli_table_add (CliTable *table, ...);
/* Columns for people on a terminal, tabs for programs. */
void cli_table_print (const CliTable *table, const CliOutput *output);
