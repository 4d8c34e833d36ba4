/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "dhcp6/lease-database-io.h"

#include <gio/gio.h>
#include <mysql.h>
#include <string.h>

/* Kea's schema in MySQL or MariaDB (kea-admin db-init mysql), of all its versions: address is a text before Kea 2.4,
 * sixteen octets since. */

#define CONNECT_TIMEOUT_S 5u
/* Nothing for so long, and the session is given up. */
#define READ_TIMEOUT_S 120u
#define ADDRESS_OCTETS 16u
#define MAX_WORDS 16

/*
 * An infinite lease has the time of its last contact in expire (Kea, Lease::INFINITY_LFT). The columns are those of
 * LEASE_DATABASE_COLUMNS.
 */
static const char select_rows[] =
  "SELECT address, duid, COALESCE(valid_lifetime, 0), COALESCE(UNIX_TIMESTAMP(expire), 0)"
  " + IF(valid_lifetime = 4294967295, valid_lifetime, 0), COALESCE(subnet_id, 0), COALESCE(pref_lifetime, 0),"
  " COALESCE(lease_type, 0), COALESCE(iaid, 0), COALESCE(prefix_len, 128), COALESCE(state, 0), user_context"
  " FROM lease6";
enum
{
  COLUMN_ADDRESS = 0,
  COLUMN_DUID = 1,
  COLUMN_CONTEXT = 10,
  N_COLUMNS = 11,
};

/*
 * The time of the last change, to the second, and the clock while that second lasts: a change later in it must not
 * be passed over. Not known at all (the server has restarted), the table is read once.
 */
static const char select_version[] =
  "SELECT CONCAT(COALESCE(UPDATE_TIME, 'none'), ' ', CREATE_TIME,"
  " IF(UPDATE_TIME >= NOW() - INTERVAL 1 SECOND, CONCAT(' ', NOW(6)), ''))"
  " FROM information_schema.TABLES WHERE TABLE_SCHEMA = DATABASE() AND TABLE_NAME = 'lease6'";

typedef struct
{
  MYSQL *connection;
  MYSQL_RES *result; /* under way; NULL: none */
} Database;

static void
set_error (const Database *database, GError **error)
{
  g_set_error (error, G_IO_ERROR, G_IO_ERROR_FAILED, "%s", mysql_error (database->connection));
}

/* "host=", "port=", "socket=", "user=", "database=", "defaults-file=": words between blanks. */
typedef struct
{
  char *host, *socket, *user, *database, *file;
  guint port;
} Address;

static void
address_clear (Address *address)
{
  g_free (address->host);
  g_free (address->socket);
  g_free (address->user);
  g_free (address->database);
  g_free (address->file);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (Address, address_clear)

static gboolean
parse_word (const char *word, Address *address)
{
  static const struct
  {
    const char *key;
    gsize offset;
  } keys[] = {
    { "host=", G_STRUCT_OFFSET (Address, host) },          { "socket=", G_STRUCT_OFFSET (Address, socket) },
    { "user=", G_STRUCT_OFFSET (Address, user) },          { "database=", G_STRUCT_OFFSET (Address, database) },
    { "defaults-file=", G_STRUCT_OFFSET (Address, file) },
  };
  guint64 port;

  if (g_str_has_prefix (word, "port=") &&
      g_ascii_string_to_unsigned (word + strlen ("port="), 10, 1, G_MAXUINT16, &port, NULL))
    {
      address->port = (guint)port;
      return TRUE;
    }
  for (guint i = 0; i < G_N_ELEMENTS (keys); i++)
    if (g_str_has_prefix (word, keys[i].key))
      {
        char **value = G_STRUCT_MEMBER_P (address, keys[i].offset);

        g_free (*value);
        *value = g_strdup (word + strlen (keys[i].key));
        return TRUE;
      }
  return FALSE;
}

static gboolean
parse_address (const char *text, Address *address, GError **error)
{
  g_auto (GStrv) words = g_strsplit_set (text, " \t", MAX_WORDS);

  for (guint i = 0; words[i] != NULL; i++)
    if (words[i][0] != '\0' && !parse_word (words[i], address))
      {
        g_set_error (
          error, G_IO_ERROR, G_IO_ERROR_INVALID_ARGUMENT,
          "'%s' in connection: there are host=, port=, socket=, user=, database= and defaults-file=", words[i]);
        return FALSE;
      }
  return TRUE;
}

static void
close_database (gpointer data)
{
  Database *database = data;

  /* A result under way would be read to its end first. */
  if (database->result != NULL)
    {
      mysql_close (g_steal_pointer (&database->connection));
      database->result = NULL;
    }
  g_clear_pointer (&database->connection, mysql_close);
  g_free (database);
  mysql_thread_end ();
}

static gpointer
open_database (const char *text, GError **error)
{
  Database *database = g_new0 (Database, 1);
  g_auto (Address) address = { 0 };
  guint connect_s = CONNECT_TIMEOUT_S, read_s = READ_TIMEOUT_S;

  database->connection = mysql_init (NULL);
  mysql_options (database->connection, MYSQL_OPT_CONNECT_TIMEOUT, &connect_s);
  mysql_options (database->connection, MYSQL_OPT_READ_TIMEOUT, &read_s);
  mysql_options (database->connection, MYSQL_SET_CHARSET_NAME, "utf8mb4");
  if (!parse_address (text, &address, error))
    {
      close_database (database);
      return NULL;
    }
  if (address.file != NULL) /* where the password is, group [client] */
    mysql_options (database->connection, MYSQL_READ_DEFAULT_FILE, address.file);
  if (mysql_real_connect (database->connection, address.host, address.user, NULL, address.database, address.port,
                          address.socket, 0) != NULL &&
      mysql_query (database->connection, "SET SESSION TRANSACTION READ ONLY") == 0)
    {
      /* MySQL 8 shows times of change that are up to a day old otherwise; MariaDB has no such variable, nor need. */
      (void)mysql_query (database->connection, "SET SESSION information_schema_stats_expiry = 0");
      return database;
    }
  set_error (database, error);
  close_database (database);
  return NULL;
}

static char *
dup_version (gpointer data, GError **error)
{
  Database *database = data;
  MYSQL_RES *result = NULL;
  MYSQL_ROW row = NULL;
  char *version = NULL;

  if (mysql_query (database->connection, select_version) == 0)
    result = mysql_store_result (database->connection);
  if (result != NULL)
    row = mysql_fetch_row (result);
  if (row != NULL)
    version = g_strdup (row[0] != NULL ? row[0] : "");
  else if (mysql_errno (database->connection) != 0)
    set_error (database, error);
  else
    g_set_error (error, G_IO_ERROR, G_IO_ERROR_NOT_FOUND, "there is no table lease6");
  if (result != NULL)
    mysql_free_result (result);
  return version;
}

/* Rows one by one: a result of a million would be kept whole. */
static gboolean
begin_select (gpointer data, GError **error)
{
  Database *database = data;

  if (mysql_query (database->connection, select_rows) == 0)
    database->result = mysql_use_result (database->connection);
  if (database->result == NULL)
    set_error (database, error);
  return database->result != NULL;
}

static void
append_address (GString *out, const char *value, gulong length)
{
  char text[ROAM_ADDR_STRLEN];
  RoamAddr address;

  if (length != ADDRESS_OCTETS || memchr (value, ':', length) != NULL) /* a text that long has colons */
    {
      if (roam_addr_parse (value, &address))
        {
          g_string_append (out, value);
          return;
        }
      if (length != ADDRESS_OCTETS)
        return;
    }
  address = roam_addr_from_bytes ((const guint8 *)value, ADDRESS_OCTETS);
  g_string_append (out, roam_addr_to_string (&address, text));
}

static int
append_row (gpointer data, GString *out, GError **error)
{
  Database *database = data;
  MYSQL_ROW row = mysql_fetch_row (database->result);
  const gulong *lengths;

  if (row == NULL)
    {
      gboolean failed = mysql_errno (database->connection) != 0;

      if (failed)
        set_error (database, error);
      mysql_free_result (g_steal_pointer (&database->result));
      return failed ? -1 : 0;
    }
  lengths = mysql_fetch_lengths (database->result);
  for (guint column = 0; column < N_COLUMNS; column++)
    {
      if (column > 0)
        g_string_append_c (out, ',');
      if (row[column] == NULL)
        continue;
      if (column == COLUMN_ADDRESS)
        append_address (out, row[column], lengths[column]);
      else if (column == COLUMN_DUID)
        lease_database_append_duid (out, (const guint8 *)row[column], lengths[column]);
      else if (column == COLUMN_CONTEXT)
        lease_database_append_text (out, row[column], lengths[column]);
      else
        g_string_append (out, row[column]);
    }
  g_string_append_c (out, '\n');
  return 1;
}

static int
get_socket (gpointer data)
{
  const Database *database = data;

  return (int)mysql_get_socket (database->connection);
}

const LeaseDatabase *
lease_mysql_get (void)
{
  static const LeaseDatabase database = {
    "MySQL", open_database, close_database, dup_version, begin_select, append_row, get_socket,
  };

  return &database;
}
