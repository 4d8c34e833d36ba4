/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "dhcp6/leasequeryd-io.h"

#include "dhcp6/lease-database-io.h"
#include "dhcp6/lease-sqlite-io.h"

#include <string.h>

/* The configuration of roam-leasequeryd. Every fault is reported, not only the first. */

#define SERVER "server"
#define LEASES "leases"
#define REQUESTOR_PREFIX "requestor "
#define LINK_PREFIX "link "
#define KEA_FILE "/var/lib/kea/kea-leases6.csv"
/* As many as descriptors that a process may well have. */
#define MAX_CONNECTIONS 100000u
/* Queries of one connection at once: each holds a cursor, and a connection has one page at a time anyway. */
#define MAX_PARALLEL 1024u
#define MAX_QUERIES_A_MINUTE 1000000u
/* Below a second a peer on a slow link cannot be told from a stuck one. */
#define MAX_DATA_TIMEOUT_S 86400u
/* A query with every option at its longest is below this; the smallest that RFC 5460 needs is far below. */
#define MIN_QUERY_CAP 512u
#define MAX_FILE_OF_DUID 4096u
/* Changes kept for active queries: some hundred octets each. */
#define ACTIVE_JOURNAL 100000u
#define MAX_ACTIVE_JOURNAL 10000000u

typedef struct
{
  const char *path;
  GKeyFile *file;
  GPtrArray *errors;
} Loader;

static const char *const server_keys[] = { "listen",
                                           "port",
                                           "duid",
                                           "duid-file",
                                           "profile",
                                           "type-done",
                                           "type-data",
                                           "option-relay-id",
                                           "max-connections",
                                           "max-parallel",
                                           "max-queries-per-minute",
                                           "data-timeout",
                                           "query-cap",
                                           "sensitive-options",
                                           "active",
                                           "active-insecure",
                                           "active-journal",
                                           "tls",
                                           "tls-ca",
                                           "tls-cert",
                                           "tls-key",
                                           "tls-names",
                                           "udp",
                                           NULL };
static const char *const leases_keys[] = { "source", "file", "kea-config", "statement", "connection", NULL };
static const char *const requestor_keys[] = { "query-types", NULL };
static const char *const link_keys[] = { "subnets", NULL };

G_GNUC_PRINTF (4, 5)
static void
fault (const Loader *loader, const char *group, const char *key, const char *format, ...)
{
  g_autofree char *what = NULL;
  va_list arguments;

  va_start (arguments, format);
  what = g_strdup_vprintf (format, arguments);
  va_end (arguments);
  if (group == NULL)
    g_ptr_array_add (loader->errors, g_strdup_printf ("%s: %s", loader->path, what));
  else if (key == NULL)
    g_ptr_array_add (loader->errors, g_strdup_printf ("%s: [%s]: %s", loader->path, group, what));
  else
    g_ptr_array_add (loader->errors, g_strdup_printf ("%s: [%s] %s: %s", loader->path, group, key, what));
}

/* NULL when missing or empty. */
static char *
get (const Loader *loader, const char *group, const char *key)
{
  g_autofree char *value = g_key_file_get_string (loader->file, group, key, NULL);

  if (value == NULL || g_strstrip (value)[0] == '\0')
    return NULL;
  return g_steal_pointer (&value);
}

/* Its parts between ';', stripped, without empty ones; NULL when missing. */
static char **
get_list (const Loader *loader, const char *group, const char *key)
{
  g_autofree char *value = get (loader, group, key);
  g_auto (GStrv) parts = value != NULL ? g_strsplit (value, ";", -1) : NULL;
  g_autoptr (GStrvBuilder) list = g_strv_builder_new ();

  if (parts == NULL)
    return NULL;
  for (guint i = 0; parts[i] != NULL; i++)
    if (g_strstrip (parts[i])[0] != '\0')
      g_strv_builder_add (list, parts[i]);
  return g_strv_builder_end (list);
}

static guint64
get_number (const Loader *loader, const char *group, const char *key, guint64 minimum, guint64 maximum,
            guint64 otherwise)
{
  g_autofree char *text = get (loader, group, key);
  guint64 parsed;

  if (text == NULL)
    return otherwise;
  if (g_ascii_string_to_unsigned (text, 10, minimum, maximum, &parsed, NULL))
    return parsed;
  fault (loader, group, key, "found '%s', allowed: a number from %" G_GUINT64_FORMAT " to %" G_GUINT64_FORMAT, text,
         minimum, maximum);
  return otherwise;
}

/* --------------------------------------------------------------- [server] ---- */

/* "2001:db8::1", "192.0.2.1", "192.0.2.1:5470" or "[2001:db8::1]:5470". */
static gboolean
parse_endpoint (const char *text, guint16 port, RoamEndpoint *ret)
{
  g_autofree char *host = NULL;
  const char *colon = strrchr (text, ':');
  guint64 own;

  *ret = (RoamEndpoint){ .port = port };
  if (roam_addr_parse (text, &ret->addr))
    return TRUE;
  if (colon == NULL || !g_ascii_string_to_unsigned (colon + 1, 10, 1, G_MAXUINT16, &own, NULL))
    return FALSE;
  host = text[0] == '[' && colon[-1] == ']' ? g_strndup (text + 1, (gsize)(colon - text - 2))
                                            : g_strndup (text, (gsize)(colon - text));
  ret->port = (guint16)own;
  return roam_addr_parse (host, &ret->addr) && (ret->addr.family == ROAM_FAMILY_INET6) == (text[0] == '[');
}

static void
load_listen (const Loader *loader, LeasequerydConfig *config)
{
  guint16 port = (guint16)get_number (loader, SERVER, "port", 1, G_MAXUINT16, DHCP6_PORT_SERVER);
  g_auto (GStrv) parts = get_list (loader, SERVER, "listen");

  if (parts == NULL || parts[0] == NULL)
    fault (loader, SERVER, "listen", "missing, allowed: addresses of this host with ';' between them, as 2001:db8::1");
  for (guint i = 0; parts != NULL && parts[i] != NULL; i++)
    {
      RoamEndpoint endpoint;

      if (parse_endpoint (parts[i], port, &endpoint))
        g_array_append_val (config->listen, endpoint);
      else
        fault (loader, SERVER, "listen", "found '%s', allowed: addresses, as 2001:db8::1 or [2001:db8::1]:5470",
               parts[i]);
    }
}

static void
load_duid (const Loader *loader, LeasequerydConfig *config)
{
  g_autofree char *text = get (loader, SERVER, "duid"), *file = get (loader, SERVER, "duid-file");
  const char *key = text != NULL ? "duid" : "duid-file";
  g_autoptr (GError) error = NULL;
  gsize length = 0;

  if ((text != NULL) == (file != NULL))
    {
      fault (loader, SERVER, "duid", "give this or duid-file: the server's own DUID, of 3 to 130 octets in hex");
      return;
    }
  if (file != NULL && !g_file_get_contents (file, &text, &length, &error))
    {
      fault (loader, SERVER, key, "%s", error->message);
      return;
    }
  if (length <= MAX_FILE_OF_DUID)
    config->duid = dhcp6_parse_hex (g_strstrip (text), DHCP6_DUID_MAX);
  if (config->duid != NULL)
    config->server.duid.data = g_bytes_get_data (config->duid, &config->server.duid.length);
  if (config->duid == NULL || !dhcp6_duid_is_valid (config->server.duid))
    fault (loader, SERVER, key, "allowed: 3 to 130 octets in hex, as 00:03:00:01:02:00:5e:10:00:01");
}

static gboolean
load_profile (const Loader *loader)
{
  g_autofree char *text = get (loader, SERVER, "profile");

  if (text == NULL || strcmp (text, "rfc5460") == 0)
    return FALSE;
  if (strcmp (text, "draft00") != 0)
    fault (loader, SERVER, "profile", "found '%s', allowed: rfc5460 or draft00", text);
  return TRUE;
}

static void
load_points (const Loader *loader, Dhcp6CodePoints *points)
{
  const char *problem;

  points->type_done = (guint8)get_number (loader, SERVER, "type-done", 1, G_MAXUINT8, points->type_done);
  points->type_data = (guint8)get_number (loader, SERVER, "type-data", 1, G_MAXUINT8, points->type_data);
  points->option_relay_id =
    (guint16)get_number (loader, SERVER, "option-relay-id", 1, G_MAXUINT16, points->option_relay_id);
  if (!dhcp6_code_points_check (points, &problem))
    fault (loader, SERVER, NULL, "%s", problem);
}

static void
load_sensitive (const Loader *loader, LeasequerydConfig *config)
{
  g_auto (GStrv) parts = get_list (loader, SERVER, "sensitive-options");

  for (guint i = 0; parts != NULL && parts[i] != NULL; i++)
    {
      guint64 number;
      guint16 option;

      if (!g_ascii_string_to_unsigned (parts[i], 10, 1, G_MAXUINT16, &number, NULL))
        {
          fault (loader, SERVER, "sensitive-options", "found '%s', allowed: option codes with ';' between them",
                 parts[i]);
          continue;
        }
      option = (guint16)number;
      g_array_append_val (config->sensitive, option);
    }
}

static gboolean
get_boolean (const Loader *loader, const char *group, const char *key)
{
  g_autofree char *text = get (loader, group, key);

  if (text == NULL || strcmp (text, "no") == 0)
    return FALSE;
  if (strcmp (text, "yes") != 0)
    fault (loader, group, key, "found '%s', allowed: yes or no", text);
  return TRUE;
}

/* The files are read here, so that --check finds what is wrong with them. */
static void
load_certificates (const Loader *loader, LeasequerydConfig *config)
{
  g_autofree char *ca = get (loader, SERVER, "tls-ca"), *certificate = get (loader, SERVER, "tls-cert"),
                  *key = get (loader, SERVER, "tls-key");
  g_auto (GStrv) names = get_list (loader, SERVER, "tls-names");
  const LeasequeryTlsConfig files = { ca, certificate, key, (const char *const *)names };
  g_autoptr (GError) error = NULL;

  if (ca == NULL || certificate == NULL || key == NULL)
    {
      fault (loader, SERVER,
             ca == NULL            ? "tls-ca"
             : certificate == NULL ? "tls-cert"
                                   : "tls-key",
             "missing, allowed: a PEM file; tls takes the CA's certificate, our own, and its key");
      return;
    }
  config->tls = leasequery_tls_new (&files, TRUE, &error);
  if (config->tls == NULL)
    fault (loader, SERVER, "tls", "%s", error->message);
}

static void
load_tls (const Loader *loader, LeasequerydConfig *config)
{
  g_autofree char *text = get (loader, SERVER, "tls");

  if (text != NULL && strcmp (text, "offered") == 0)
    config->server.tls = LEASEQUERY_TLS_OFFERED;
  else if (text != NULL && strcmp (text, "required") == 0)
    config->server.tls = LEASEQUERY_TLS_REQUIRED;
  else if (text != NULL && strcmp (text, "no") != 0)
    fault (loader, SERVER, "tls", "found '%s', allowed: no, offered or required", text);
  if (config->server.tls != LEASEQUERY_TLS_REFUSED)
    load_certificates (loader, config);
}

/* RFC 7653 9.1: off, and in the clear only where somebody said so. */
static void
load_active (const Loader *loader, LeasequerydConfig *config)
{
  config->server.active = get_boolean (loader, SERVER, "active");
  config->server.active_insecure = get_boolean (loader, SERVER, "active-insecure");
  config->active_journal = (guint)get_number (loader, SERVER, "active-journal", 1, MAX_ACTIVE_JOURNAL, ACTIVE_JOURNAL);
  if (config->server.active && !config->server.active_insecure && config->server.tls == LEASEQUERY_TLS_REFUSED)
    fault (loader, SERVER, "active", "needs tls=offered or tls=required, or active-insecure=yes");
}

static void
load_server (const Loader *loader, LeasequerydConfig *config)
{
  LeasequeryServerConfig *server = &config->server;

  leasequery_server_config_init (server, load_profile (loader));
  load_listen (loader, config);
  load_duid (loader, config);
  load_points (loader, &server->points);
  server->max_connections =
    (guint)get_number (loader, SERVER, "max-connections", 1, MAX_CONNECTIONS, server->max_connections);
  server->max_parallel = (guint)get_number (loader, SERVER, "max-parallel", 1, MAX_PARALLEL, server->max_parallel);
  server->max_queries_a_minute =
    (guint)get_number (loader, SERVER, "max-queries-per-minute", 0, MAX_QUERIES_A_MINUTE, server->max_queries_a_minute);
  server->data_timeout_us = (gint64)get_number (loader, SERVER, "data-timeout", 1, MAX_DATA_TIMEOUT_S,
                                                (guint64)(server->data_timeout_us / ROAM_USEC_PER_SEC)) *
                            ROAM_USEC_PER_SEC;
  server->query_cap = get_number (loader, SERVER, "query-cap", MIN_QUERY_CAP, DHCP6_MESSAGE_MAX, server->query_cap);
  load_sensitive (loader, config);
  load_tls (loader, config);
  load_active (loader, config);
  config->udp = get_boolean (loader, SERVER, "udp");
}

/* ------------------------------------------------------------ [requestor ...] ---- */

static void
load_requestor (const Loader *loader, const char *group, LeasequerydConfig *config)
{
  static const struct
  {
    const char *name;
    Dhcp6QueryType type;
  } types[] = {
    { "address", DHCP6_QUERY_BY_ADDRESS },     { "client", DHCP6_QUERY_BY_CLIENTID },
    { "relay-id", DHCP6_QUERY_BY_RELAY_ID },   { "link", DHCP6_QUERY_BY_LINK_ADDRESS },
    { "remote-id", DHCP6_QUERY_BY_REMOTE_ID },
  };
  g_auto (GStrv) parts = get_list (loader, group, "query-types");
  LeasequeryServerPermission permission = { .query_types = parts == NULL ? LEASEQUERY_ALL_TYPES : 0 };
  const char *prefix = group + strlen (REQUESTOR_PREFIX);

  if (!roam_prefix_parse (prefix, &permission.prefix))
    fault (loader, group, NULL, "found '%s', allowed: an address or a prefix, as [requestor 2001:db8:1::/48]", prefix);
  for (guint i = 0; parts != NULL && parts[i] != NULL; i++)
    {
      guint k = 0;

      while (k < G_N_ELEMENTS (types) && strcmp (types[k].name, parts[i]) != 0)
        k++;
      if (k < G_N_ELEMENTS (types))
        permission.query_types |= (guint8)(1u << types[k].type);
      else
        fault (loader, group, "query-types", "found '%s', allowed: address, client, relay-id, link, remote-id",
               parts[i]);
    }
  g_array_append_val (config->permissions, permission);
}

/* ------------------------------------------------------------------ [leases] ---- */

static const struct
{
  const char *name;
  LeasequerydSource source;
} sources[] = {
  { "kea", LEASEQUERYD_SOURCE_KEA },
  { "sqlite", LEASEQUERYD_SOURCE_SQLITE },
  { "postgresql", LEASEQUERYD_SOURCE_PGSQL },
  { "mysql", LEASEQUERYD_SOURCE_MYSQL },
};

static void
load_source (const Loader *loader, LeasequerydConfig *config)
{
  g_autofree char *source = get (loader, LEASES, "source");
  guint i = 0;

  if (source == NULL)
    return;
  while (i < G_N_ELEMENTS (sources) && strcmp (sources[i].name, source) != 0)
    i++;
  if (i < G_N_ELEMENTS (sources))
    config->source = sources[i].source;
  else
    fault (loader, LEASES, "source", "found '%s', allowed: kea, sqlite, postgresql or mysql", source);
  if ((config->source == LEASEQUERYD_SOURCE_PGSQL && lease_pgsql_get () == NULL) ||
      (config->source == LEASEQUERYD_SOURCE_MYSQL && lease_mysql_get () == NULL))
    fault (loader, LEASES, "source", "this program was built without %s", source);
}

static void
load_leases (const Loader *loader, LeasequerydConfig *config)
{
  gboolean server;

  load_source (loader, config);
  config->file = get (loader, LEASES, "file");
  config->statement = get (loader, LEASES, "statement");
  config->connection = get (loader, LEASES, "connection");
  server = config->source == LEASEQUERYD_SOURCE_PGSQL || config->source == LEASEQUERYD_SOURCE_MYSQL;
  if (config->source == LEASEQUERYD_SOURCE_SQLITE && config->file == NULL)
    fault (loader, LEASES, "file", "missing, allowed: the database");
  if (config->source != LEASEQUERYD_SOURCE_SQLITE && config->statement != NULL)
    fault (loader, LEASES, "statement", "only with source=sqlite");
  if (server && config->file != NULL)
    fault (loader, LEASES, "file", "only with source=kea and source=sqlite");
  if (server != (config->connection != NULL))
    fault (loader, LEASES, "connection",
           server ? "missing, allowed: how to reach the database, as dbname=kea"
                  : "only with source=postgresql and source=mysql");
  if (config->file == NULL)
    config->file = g_strdup (KEA_FILE);
  if (config->statement == NULL)
    config->statement = g_strdup (LEASE_SQLITE_STATEMENT);
}

static gboolean
has_subnet_id (const LeasequerydConfig *config, guint32 id)
{
  for (guint i = 0; i < config->subnets->len; i++)
    if (g_array_index (config->subnets, KeaSubnet, i).subnet_id == id)
      return TRUE;
  return FALSE;
}

static void
load_kea_config (const Loader *loader, LeasequerydConfig *config)
{
  g_autofree char *path = get (loader, LEASES, "kea-config"), *text = NULL, *problem = NULL;
  g_autoptr (GError) error = NULL;
  gsize length;
  GArray *subnets;

  if (path == NULL)
    return;
  if (!g_file_get_contents (path, &text, &length, &error))
    {
      fault (loader, LEASES, "kea-config", "%s", error->message);
      return;
    }
  subnets = kea_config_parse_subnets (text, length, &problem);
  if (subnets == NULL)
    {
      fault (loader, LEASES, "kea-config", "%s: %s", path, problem);
      return;
    }
  g_array_unref (config->subnets);
  config->subnets = subnets;
}

/* ---------------------------------------------------------------- [link ...] ---- */

/* "7 2001:db8:7::/64" */
static gboolean
parse_subnet (const char *text, KeaSubnet *subnet)
{
  g_auto (GStrv) words = g_strsplit_set (text, " \t", 2);
  guint64 id;

  if (words[0] == NULL || words[1] == NULL || !g_ascii_string_to_unsigned (words[0], 10, 0, G_MAXUINT32, &id, NULL) ||
      !roam_prefix_parse (g_strstrip (words[1]), &subnet->prefix) || subnet->prefix.addr.family != ROAM_FAMILY_INET6)
    return FALSE;
  subnet->subnet_id = (guint32)id;
  return TRUE;
}

static void
load_link (const Loader *loader, const char *group, LeasequerydConfig *config)
{
  g_auto (GStrv) parts = get_list (loader, group, "subnets");

  if (parts == NULL || parts[0] == NULL)
    fault (loader, group, "subnets",
           "missing, allowed: number and prefix of each, as 7 2001:db8:7::/64;8 2001:db8:8::/64");
  for (guint i = 0; parts != NULL && parts[i] != NULL; i++)
    {
      KeaSubnet subnet = { 0 };

      if (!parse_subnet (parts[i], &subnet))
        {
          fault (loader, group, "subnets", "found '%s', allowed: number and prefix, as 7 2001:db8:7::/64", parts[i]);
          continue;
        }
      if (has_subnet_id (config, subnet.subnet_id))
        fault (loader, group, "subnets", "a second subnet with the number %u", subnet.subnet_id);
      subnet.link = g_strdup (group);
      g_array_append_val (config->subnets, subnet);
    }
}

/* --------------------------------------------------------------------- whole ---- */

static void
check_keys (const Loader *loader, const char *group, const char *const *known)
{
  g_auto (GStrv) keys = g_key_file_get_keys (loader->file, group, NULL, NULL);
  g_autofree char *allowed = g_strjoinv (", ", (char **)known);

  for (guint i = 0; keys != NULL && keys[i] != NULL; i++)
    if (!g_strv_contains (known, keys[i]))
      fault (loader, group, keys[i], "unknown key, allowed: %s", allowed);
}

static void
load_groups (const Loader *loader, LeasequerydConfig *config)
{
  g_auto (GStrv) groups = g_key_file_get_groups (loader->file, NULL);

  for (guint i = 0; groups[i] != NULL; i++)
    {
      if (strcmp (groups[i], SERVER) == 0)
        check_keys (loader, groups[i], server_keys);
      else if (strcmp (groups[i], LEASES) == 0)
        check_keys (loader, groups[i], leases_keys);
      else if (g_str_has_prefix (groups[i], REQUESTOR_PREFIX))
        {
          check_keys (loader, groups[i], requestor_keys);
          load_requestor (loader, groups[i], config);
        }
      else if (g_str_has_prefix (groups[i], LINK_PREFIX))
        {
          check_keys (loader, groups[i], link_keys);
          load_link (loader, groups[i], config);
        }
      else
        fault (loader, groups[i], NULL, "unknown group, allowed: [server], [leases], [requestor ...], [link ...]");
    }
}

LeasequerydConfig *
leasequeryd_config_load (const char *path, GPtrArray *errors)
{
  g_autoptr (GKeyFile) file = g_key_file_new ();
  g_autoptr (LeasequerydConfig) config = g_new0 (LeasequerydConfig, 1);
  g_autoptr (GError) error = NULL;
  const Loader loader = { path, file, errors };

  config->listen = g_array_new (FALSE, FALSE, sizeof (RoamEndpoint));
  config->permissions = g_array_new (FALSE, FALSE, sizeof (LeasequeryServerPermission));
  config->sensitive = g_array_new (FALSE, FALSE, sizeof (guint16));
  config->subnets = kea_subnets_new ();
  if (!g_key_file_load_from_file (file, path, G_KEY_FILE_NONE, &error))
    {
      fault (&loader, NULL, NULL, "%s", error->message);
      return NULL;
    }
  load_server (&loader, config);
  load_leases (&loader, config);
  load_kea_config (&loader, config);
  load_groups (&loader, config);
  if (config->subnets->len == 0 && errors->len == 0)
    fault (&loader, NULL, NULL, "no subnet: set kea-config in [leases], or add a group [link <name>] with subnets");
  config->server.permissions = &g_array_index (config->permissions, LeasequeryServerPermission, 0);
  config->server.n_permissions = config->permissions->len;
  config->server.sensitive = &g_array_index (config->sensitive, guint16, 0);
  config->server.n_sensitive = config->sensitive->len;
  return errors->len == 0 ? g_steal_pointer (&config) : NULL;
}

void
leasequeryd_config_free (LeasequerydConfig *config)
{
  if (config == NULL)
    return;
  g_clear_pointer (&config->duid, g_bytes_unref);
  g_clear_pointer (&config->listen, g_array_unref);
  g_clear_pointer (&config->permissions, g_array_unref);
  g_clear_pointer (&config->sensitive, g_array_unref);
  g_clear_pointer (&config->subnets, g_array_unref);
  g_clear_pointer (&config->tls, leasequery_tls_unref);
  g_free (config->file);
  g_free (config->statement);
  g_free (config->connection);
  g_free (config);
}
