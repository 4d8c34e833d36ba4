/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "dhcp6/lease-database-io.h"

#include <gio/gio.h>
#include <libpq-fe.h>
#include <string.h>

/* Kea's schema in PostgreSQL (kea-admin db-init pgsql), of all its versions: address is a text before Kea 2.4, inet
 * since. */

/* A server that does not answer a connect is none. */
#define CONNECT_TIMEOUT "5"
/* No answer is that large; a session that is stuck for so long is given up. */
#define STATEMENT_TIMEOUT "SET statement_timeout = '600s'"

/*
 * An infinite lease has the time of its last contact in expire (Kea, Lease::INFINITY_LFT); iaid is signed. The
 * columns are those of LEASE_DATABASE_COLUMNS.
 */
static const char select_rows[] =
  "SELECT address::text, duid, coalesce(valid_lifetime, 0), coalesce(extract(epoch FROM expire)::bigint, 0)"
  " + CASE WHEN valid_lifetime = 4294967295 THEN valid_lifetime ELSE 0 END,"
  " coalesce(subnet_id, 0), coalesce(pref_lifetime, 0), coalesce(lease_type, 0),"
  " coalesce(iaid, 0)::bigint & 4294967295, coalesce(prefix_len, 128), coalesce(state, 0), user_context FROM lease6";
enum
{
  COLUMN_ADDRESS = 0,
  COLUMN_DUID = 1,
  COLUMN_CONTEXT = 10,
  N_COLUMNS = 11,
};

/* Counts of what was done to the table: no look at its rows. Not kept at all, it is different each time. */
static const char select_version[] =
  "SELECT coalesce((SELECT s.n_tup_ins || ' ' || s.n_tup_upd || ' ' || s.n_tup_del FROM pg_stat_user_tables s"
  " WHERE s.relid = 'lease6'::regclass), clock_timestamp()::text) || ' ' || 'lease6'::regclass::oid::text";

static void
set_error (PGconn *connection, GError **error)
{
  g_autofree char *message = g_strdup (PQerrorMessage (connection));

  g_set_error (error, G_IO_ERROR, G_IO_ERROR_FAILED, "%s", g_strdelimit (g_strchomp (message), "\n", ' '));
}

static gboolean
command (PGconn *connection, const char *text, GError **error)
{
  PGresult *result = PQexec (connection, text);
  gboolean good = PQresultStatus (result) == PGRES_COMMAND_OK;

  if (!good)
    set_error (connection, error);
  PQclear (result);
  return good;
}

static gpointer
open_database (const char *text, GError **error)
{
  /* "dbname" takes a whole connection string, which has the last word. */
  const char *const keywords[] = { "connect_timeout", "application_name", "dbname", NULL };
  const char *const values[] = { CONNECT_TIMEOUT, "roam-leasequeryd", text, NULL };
  PGconn *connection = PQconnectdbParams (keywords, values, 1);

  if (PQstatus (connection) == CONNECTION_OK && command (connection, "SET bytea_output = hex", error) &&
      command (connection, "SET timezone = 'UTC'", error) && command (connection, STATEMENT_TIMEOUT, error) &&
      command (connection, "SET default_transaction_read_only = on", error))
    return connection;
  if (error != NULL && *error == NULL)
    set_error (connection, error);
  PQfinish (connection);
  return NULL;
}

static void
close_database (gpointer database)
{
  PQfinish (database);
}

static char *
dup_version (gpointer database, GError **error)
{
  PGresult *result;
  char *version = NULL;

  /* A session keeps the counts that it saw first, unless told not to. */
  if (!command (database, "DO $$ BEGIN PERFORM pg_stat_clear_snapshot(); END $$", error))
    return NULL;
  result = PQexec (database, select_version);
  if (PQresultStatus (result) == PGRES_TUPLES_OK && PQntuples (result) == 1)
    version = g_strdup (PQgetvalue (result, 0, 0));
  else
    set_error (database, error);
  PQclear (result);
  return version;
}

/* Rows one by one: a result of a million would be kept whole. */
static gboolean
begin_select (gpointer database, GError **error)
{
  if (PQsendQuery (database, select_rows) == 1 && PQsetSingleRowMode (database) == 1)
    return TRUE;
  set_error (database, error);
  return FALSE;
}

/* "\x0001..." as hex digits with colons. */
static void
append_bytea (GString *out, const char *text)
{
  if (strncmp (text, "\\x", 2) != 0)
    return;
  for (text += 2; text[0] != '\0' && text[1] != '\0'; text += 2)
    {
      g_string_append_len (out, text, 2);
      if (text[2] != '\0')
        g_string_append_c (out, ':');
    }
}

static void
append_line (const PGresult *result, GString *out)
{
  for (int column = 0; column < N_COLUMNS; column++)
    {
      const char *value = PQgetvalue (result, 0, column);

      if (column > 0)
        g_string_append_c (out, ',');
      if (column == COLUMN_ADDRESS) /* inet has its prefix length behind it */
        g_string_append_len (out, value, (gssize)strcspn (value, "/"));
      else if (column == COLUMN_DUID)
        append_bytea (out, value);
      else if (column == COLUMN_CONTEXT)
        lease_database_append_text (out, value, strlen (value));
      else
        g_string_append (out, value);
    }
  g_string_append_c (out, '\n');
}

static int
append_row (gpointer database, GString *out, GError **error)
{
  for (;;)
    {
      PGresult *result = PQgetResult (database);
      ExecStatusType status = PQresultStatus (result);

      if (result == NULL)
        return 0;
      if (status == PGRES_SINGLE_TUPLE)
        append_line (result, out);
      else if (status != PGRES_TUPLES_OK) /* that one ends the rows */
        set_error (database, error);
      PQclear (result);
      if (status == PGRES_SINGLE_TUPLE)
        return 1;
      if (status != PGRES_TUPLES_OK)
        return -1;
    }
}

static int
get_socket (gpointer database)
{
  return PQsocket (database);
}

const LeaseDatabase *
lease_pgsql_get (void)
{
  static const LeaseDatabase database = {
    "PostgreSQL", open_database, close_database, dup_version, begin_select, append_row, get_socket,
  };

  return &database;
}
