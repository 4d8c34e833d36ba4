/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "dhcp6/roam-leasequery-private.h"

#include <net/if.h>
#include <netdb.h>
#include <netinet/in.h>
#include <string.h>

/* The command line. Everything is judged before anything is sent. */

/* Told apart from every other use of the machine-id, which is to stay secret (machine-id(5)). */
#define MACHINE_ID_USE "roam-leasequery DUID-UUID"
#define DUID_UUID 4u
#define UUID_OCTETS 16u
#define MAX_SERVERS 64u
#define NOT_GIVEN G_MAXDOUBLE

/* What the options say, as they say it. */
typedef struct
{
  gint port, retries, parallel, type_done, type_data, option_relay_id;
  gdouble timeout, connect_timeout;
  gboolean table, json, csv, routes, merge, quiet, relays, first, half_close, draft, version, help, active, base_time;
  char *link, *duid, *server_duid, *device, *file, *state, *since, *until;
  char *tls_ca, *tls_cert, *tls_key, *tls_name;
  char **want;
} Raw;

static void
raw_clear (Raw *raw)
{
  g_free (raw->link);
  g_free (raw->duid);
  g_free (raw->server_duid);
  g_free (raw->device);
  g_free (raw->file);
  g_free (raw->state);
  g_free (raw->since);
  g_free (raw->until);
  g_free (raw->tls_ca);
  g_free (raw->tls_cert);
  g_free (raw->tls_key);
  g_free (raw->tls_name);
  g_strfreev (raw->want);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (Raw, raw_clear)

void
tool_options_free (ToolOptions *options)
{
  if (options == NULL)
    return;
  g_clear_pointer (&options->servers, g_array_unref);
  g_clear_pointer (&options->names, g_ptr_array_unref);
  g_clear_pointer (&options->duid, g_bytes_unref);
  g_clear_pointer (&options->queries, g_ptr_array_unref);
  g_clear_pointer (&options->hosts, g_ptr_array_unref);
  leasequery_tls_unref (options->tls);
  g_free (options->state_path);
  g_free (options->device);
  g_free (options);
}

static gboolean G_GNUC_PRINTF (2, 3) fail (GError **error, const char *format, ...)
{
  va_list list;

  va_start (list, format);
  g_propagate_error (error, g_error_new_valist (G_OPTION_ERROR, G_OPTION_ERROR_BAD_VALUE, format, list));
  va_end (list);
  return FALSE;
}

/* -------------------------------------------------------------------- DUID ---- */

/* The same at each run, another on each machine, and no way back to the machine-id. */
static GBytes *
make_machine_duid (GError **error)
{
  g_autofree char *id = NULL;
  g_autoptr (GHmac) hmac = NULL;
  g_autoptr (GError) problem = NULL;
  guint8 digest[32], duid[2 + UUID_OCTETS] = { 0, DUID_UUID };
  gsize length = sizeof digest;

  if (!g_file_get_contents ("/etc/machine-id", &id, NULL, &problem))
    {
      fail (error, "this machine has no machine-id to make a DUID of (%s): give one with --duid", problem->message);
      return NULL;
    }
  g_strchomp (id);
  hmac = g_hmac_new (G_CHECKSUM_SHA256, (const guint8 *)id, strlen (id));
  g_hmac_update (hmac, (const guint8 *)MACHINE_ID_USE, -1);
  g_hmac_get_digest (hmac, digest, &length);
  memcpy (duid + 2, digest, UUID_OCTETS);
  duid[2 + 6] = (guint8)((duid[2 + 6] & 0x0f) | 0x40); /* RFC 4122 4.4: version 4 */
  duid[2 + 8] = (guint8)((duid[2 + 8] & 0x3f) | 0x80);
  return g_bytes_new (duid, sizeof duid);
}

/* ----------------------------------------------------------------- servers ---- */

/* @host: its name, which its certificate must have; NULL: the address. */
static void
add_server (ToolOptions *options, const RoamAddr *addr, guint16 port, guint scope_id, const char *device,
            const char *host)
{
  LeasequeryServerAddress server = { { *addr, port }, scope_id, NULL };
  char text[ROAM_ADDR_STRLEN];

  if (host != NULL)
    {
      server.name = g_strdup (host);
      g_ptr_array_add (options->hosts, (gpointer)server.name);
    }

  g_array_append_val (options->servers, server);
  if (device == NULL)
    g_ptr_array_add (options->names, g_strdup (roam_endpoint_to_string (&server.endpoint, text)));
  else
    g_ptr_array_add (options->names, g_strdup_printf ("[%s%%%s]:%u", roam_addr_to_string (addr, text), device, port));
}

/* The first address of a name, by the system's order of preference. */
static gboolean
resolve (ToolOptions *options, const char *host, guint16 port, GError **error)
{
  const struct addrinfo hints = { .ai_socktype = SOCK_STREAM, .ai_flags = AI_ADDRCONFIG };
  struct addrinfo *list = NULL;
  struct sockaddr_in6 sin6;
  struct sockaddr_in sin;
  int result = getaddrinfo (host, NULL, &hints, &list);
  RoamAddr addr = ROAM_ADDR_NONE;
  guint scope_id = 0;

  if (result != 0)
    return fail (error, "server '%s': %s", host, gai_strerror (result));
  if (list->ai_family == AF_INET6)
    {
      memcpy (&sin6, list->ai_addr, sizeof sin6);
      addr = roam_addr_from_bytes (sin6.sin6_addr.s6_addr, sizeof sin6.sin6_addr);
      scope_id = sin6.sin6_scope_id;
    }
  else if (list->ai_family == AF_INET)
    {
      memcpy (&sin, list->ai_addr, sizeof sin);
      addr = roam_addr_from_bytes ((const guint8 *)&sin.sin_addr, sizeof sin.sin_addr);
    }
  freeaddrinfo (list);
  if (!roam_addr_is_set (&addr))
    return fail (error, "server '%s' has no IPv6 or IPv4 address", host);
  add_server (options, &addr, port, scope_id, NULL, host);
  return TRUE;
}

static gboolean
parse_port (const char *text, const char *server, guint16 *ret_port, GError **error)
{
  guint64 port;

  if (!g_ascii_string_to_unsigned (text, 10, 1, G_MAXUINT16, &port, NULL))
    return fail (error, "server '%s': '%s' is not a port of 1 to 65535", server, text);
  *ret_port = (guint16)port;
  return TRUE;
}

/* "2001:db8::1", "fe80::1%eth0", "[2001:db8::1]:1547", "192.0.2.1:1547", "dhcp.example.com". */
static gboolean
parse_server (ToolOptions *options, const char *text, guint16 port, GError **error)
{
  g_autofree char *host = g_strdup (text);
  char *colon = strrchr (host, ':'), *bracket = strchr (host, ']'), *percent;
  RoamAddr addr;
  guint scope_id = 0;

  if (host[0] == '[')
    {
      if (bracket == NULL || (bracket[1] != '\0' && bracket[1] != ':'))
        return fail (error, "server '%s': expected [ADDRESS]:PORT", text);
      if (bracket[1] == ':' && !parse_port (bracket + 2, text, &port, error))
        return FALSE;
      *bracket = '\0';
      memmove (host, host + 1, strlen (host));
    }
  else if (colon != NULL && strchr (host, ':') == colon)
    {
      if (!parse_port (colon + 1, text, &port, error))
        return FALSE;
      *colon = '\0';
    }
  percent = strchr (host, '%');
  if (percent != NULL)
    {
      *percent++ = '\0';
      scope_id = if_nametoindex (percent);
      if (scope_id == 0)
        return fail (error, "server '%s': there is no interface '%s'", text, percent);
    }
  if (!roam_addr_parse (host, &addr))
    return percent != NULL || host[0] == '\0' ? fail (error, "server '%s' is not an address", text)
                                              : resolve (options, host, port, error);
  if (!roam_addr_is_specified (&addr) || addr.bytes[0] == 0xff)
    return fail (error, "server '%s' is not the address of one server", text);
  add_server (options, &addr, port, scope_id, percent, NULL);
  return TRUE;
}

/* ------------------------------------------------------------------ wishes ---- */

static gboolean
add_wanted (GArray *want, const char *text, const Dhcp6CodePoints *points, GError **error)
{
  guint64 number;
  guint16 code;

  if (g_str_equal (text, "relay-data"))
    number = DHCP6_OPTION_LQ_RELAY_DATA;
  else if (g_str_equal (text, "relay-id"))
    number = points->option_relay_id;
  else if (g_str_equal (text, "remote-id"))
    number = DHCP6_OPTION_REMOTE_ID;
  else if (!g_ascii_string_to_unsigned (text, 10, 1, G_MAXUINT16, &number, NULL))
    return fail (error, "--want: '%s' is neither an option's number nor relay-data, relay-id or remote-id", text);
  code = (guint16)number;
  for (guint i = 0; i < want->len; i++)
    if (g_array_index (want, guint16, i) == code)
      return TRUE;
  g_array_append_val (want, code);
  return TRUE;
}

static GArray *
parse_want (const Raw *raw, const ToolOptions *options, GError **error)
{
  const Dhcp6CodePoints *points = &options->client.requestor.points;
  g_autoptr (GArray) want = g_array_new (FALSE, FALSE, sizeof (guint16));

  for (guint i = 0; raw->want != NULL && raw->want[i] != NULL; i++)
    {
      g_auto (GStrv) words = g_strsplit (raw->want[i], ",", -1);

      for (guint k = 0; words[k] != NULL; k++)
        if (!add_wanted (want, words[k], points, error))
          return NULL;
    }
  if (raw->base_time)
    {
      const guint16 base_time = DHCP6_OPTION_LQ_BASE_TIME;

      g_array_append_val (want, base_time);
    }
  if ((raw->relays || raw->routes) && !add_wanted (want, "relay-data", points, error))
    return NULL;
  return g_steal_pointer (&want);
}

/* ----------------------------------------------------------------- numbers ---- */

static gboolean
in_range (const char *option, gint64 value, gint64 least, gint64 most, GError **error)
{
  if (value >= least && value <= most)
    return TRUE;
  return fail (error, "%s: %" G_GINT64_FORMAT " is not in %" G_GINT64_FORMAT " to %" G_GINT64_FORMAT, option, value,
               least, most);
}

static gboolean
seconds (const char *option, gdouble value, gint64 *us, GError **error)
{
  if (value == NOT_GIVEN)
    return TRUE;
  if (value < 0.001 || value > 86400)
    return fail (error, "%s: %g is not in 0.001 to 86400 seconds", option, value);
  *us = (gint64)(value * (gdouble)ROAM_USEC_PER_SEC);
  return TRUE;
}

static gboolean
apply_code_points (const Raw *raw, Dhcp6CodePoints *points, GError **error)
{
  const char *problem = NULL;

  if ((raw->type_done >= 0 || raw->type_data >= 0 || raw->option_relay_id >= 0) && !raw->draft)
    return fail (error, "--type-done, --type-data and --option-relay-id belong to --draft00");
  if ((raw->type_done >= 0 && !in_range ("--type-done", raw->type_done, 1, G_MAXUINT8, error)) ||
      (raw->type_data >= 0 && !in_range ("--type-data", raw->type_data, 1, G_MAXUINT8, error)) ||
      (raw->option_relay_id >= 0 && !in_range ("--option-relay-id", raw->option_relay_id, 1, G_MAXUINT16, error)))
    return FALSE;
  if (raw->type_done >= 0)
    points->type_done = (guint8)raw->type_done;
  if (raw->type_data >= 0)
    points->type_data = (guint8)raw->type_data;
  if (raw->option_relay_id >= 0)
    points->option_relay_id = (guint16)raw->option_relay_id;
  return dhcp6_code_points_check (points, &problem) || fail (error, "%s", problem);
}

static gboolean
apply_requestor (const Raw *raw, ToolOptions *options, GError **error)
{
  LeasequeryRequestorConfig *config = &options->client.requestor;

  leasequery_requestor_config_init (config, raw->draft ? LEASEQUERY_PROFILE_DRAFT00 : LEASEQUERY_PROFILE_RFC5460);
  if (!apply_code_points (raw, &config->points, error) ||
      !seconds ("--timeout", raw->timeout, &config->data_timeout_us, error) ||
      !seconds ("--connect-timeout", raw->connect_timeout, &config->connect_timeout_us, error) ||
      !in_range ("--retries", raw->retries, 0, 1000, error) ||
      (raw->parallel >= 0 && !in_range ("--parallel", raw->parallel, 1, 64, error)))
    return FALSE;
  config->max_retries = (guint)raw->retries;
  if (raw->parallel >= 0)
    config->max_parallel = (guint)raw->parallel;
  config->half_close = raw->half_close;
  options->duid = raw->duid != NULL ? tool_parse_duid (raw->duid, "--duid", error) : make_machine_duid (error);
  if (options->duid == NULL)
    return FALSE;
  config->duid.data = g_bytes_get_data (options->duid, &config->duid.length);
  options->client.policy = raw->first ? LEASEQUERY_ASK_FIRST : LEASEQUERY_ASK_ALL;
  return TRUE;
}

static gboolean
apply_format (const Raw *raw, ToolOptions *options, GError **error)
{
  if (raw->table + raw->json + raw->csv + raw->routes > 1)
    return fail (error, "--table, --json, --csv and --routes exclude each other");
  options->format = raw->json ? TOOL_JSON : raw->csv ? TOOL_CSV : raw->routes ? TOOL_ROUTES : TOOL_TABLE;
  if (raw->device != NULL && !raw->routes)
    return fail (error, "--dev belongs to --routes");
  if (raw->device != NULL &&
      (strlen (raw->device) >= IF_NAMESIZE ||
       strspn (raw->device, G_CSET_A_2_Z G_CSET_a_2_z G_CSET_DIGITS "._-") != strlen (raw->device) ||
       raw->device[0] == '-' || raw->device[0] == '\0'))
    return fail (error, "--dev: '%s' is not the name of an interface", raw->device);
  options->device = g_strdup (raw->device);
  options->quiet = raw->quiet;
  options->relays = raw->relays;
  return TRUE;
}

/* A query that is asked again makes void what it printed; two servers may tell of one route. */
static gboolean
must_merge (const Raw *raw, const ToolOptions *options)
{
  return raw->merge || (raw->retries > 0 && options->format != TOOL_JSON) ||
         (options->format == TOOL_ROUTES && options->servers->len > 1);
}

static gboolean
apply_tls (const Raw *raw, ToolOptions *options, GError **error)
{
  const LeasequeryTlsConfig files = { raw->tls_ca, raw->tls_cert, raw->tls_key, NULL };

  if (raw->tls_ca == NULL && raw->tls_cert == NULL && raw->tls_key == NULL && raw->tls_name == NULL)
    return TRUE;
  if (raw->tls_ca == NULL || raw->tls_cert == NULL || raw->tls_key == NULL)
    return fail (error, "TLS takes --tls-ca, --tls-cert and --tls-key");
  options->tls = leasequery_tls_new (&files, FALSE, error);
  options->client.tls = options->tls;
  options->client.requestor.tls = TRUE;
  return options->tls != NULL;
}

/* Seconds since 2000 modulo 2^32 in the server's clock, as "base-time" of an earlier answer has it. */
static gboolean
parse_time (const char *option, const char *text, gboolean *ret_given, guint32 *ret_time, GError **error)
{
  guint64 time;

  if (text == NULL)
    return TRUE;
  if (!g_ascii_string_to_unsigned (text, 10, 0, G_MAXUINT32, &time, NULL))
    return fail (error, "%s: '%s' is not a base-time, a number of 0 to 4294967295", option, text);
  *ret_given = TRUE;
  *ret_time = (guint32)time;
  return TRUE;
}

static gboolean
apply_times (const Raw *raw, ToolOptions *options, GError **error)
{
  for (guint i = 0; i < options->queries->len; i++)
    {
      LeasequeryQuery *query = g_ptr_array_index (options->queries, i);

      if (!parse_time ("--since", raw->since, &query->has_start_time, &query->start_time, error) ||
          !parse_time ("--until", raw->until, &query->has_end_time, &query->end_time, error))
        return FALSE;
    }
  return TRUE;
}

static gboolean
check_active (const Raw *raw, GError **error)
{
  if (!raw->active)
    return raw->state == NULL || fail (error, "--state belongs to --active");
  if (raw->routes || raw->merge || raw->first || raw->half_close || raw->draft || raw->until != NULL)
    return fail (error, "--routes, --merge, --first, --half-close, --draft00 and --until do not go with --active");
  if (raw->state != NULL && raw->since != NULL)
    return fail (error, "--state and --since exclude each other");
  return TRUE;
}

/* One query, without a word for it everything; it goes on for as long as it takes (RFC 7653 8.1). */
static gboolean
apply_active (const Raw *raw, ToolOptions *options, const ToolQueryDefaults *defaults, GError **error)
{
  LeasequeryQuery everything = { .active = TRUE, .everything = TRUE };
  LeasequeryQuery *query;

  if (options->queries->len > 1)
    return fail (error, "--active takes one query at most: each has a connection of its own");
  if (options->queries->len == 0)
    {
      everything.want = &g_array_index (defaults->want, guint16, 0);
      everything.n_want = defaults->want->len;
      everything.server_id.data =
        defaults->server_id == NULL ? NULL : g_bytes_get_data (defaults->server_id, &everything.server_id.length);
      g_ptr_array_add (options->queries, leasequery_query_copy (&everything));
    }
  query = g_ptr_array_index (options->queries, 0);
  query->active = TRUE;
  options->active = TRUE;
  options->state_path = g_strdup (raw->state);
  options->client.requestor.max_retries = G_MAXUINT;
  if (!raw->table && !raw->csv)
    options->format = TOOL_JSON;
  return TRUE;
}

/* -------------------------------------------------------------------- words ---- */

static gboolean
apply_servers (const Raw *raw, ToolOptions *options, char **words, guint n, GError **error)
{
  if (!in_range ("--port", raw->port, 1, G_MAXUINT16, error))
    return FALSE;
  if (n == 0)
    return fail (error, "no server: name one or more before the query");
  if (n > MAX_SERVERS)
    return fail (error, "%u servers; %u may be asked at once", n, MAX_SERVERS);
  for (guint i = 0; i < n; i++)
    if (!parse_server (options, words[i], (guint16)raw->port, error))
      return FALSE;
  options->client.servers = &g_array_index (options->servers, LeasequeryServerAddress, 0);
  options->client.n_servers = options->servers->len;
  return TRUE;
}

static gboolean
apply_queries (const Raw *raw, ToolOptions *options, char **words, GError **error)
{
  g_autoptr (GArray) want = parse_want (raw, options, error);
  g_autoptr (GBytes) server_id = NULL;
  ToolQueryDefaults defaults = { .config = &options->client.requestor, .want = want };

  if (want == NULL)
    return FALSE;
  if (raw->link != NULL && (!roam_addr_parse (raw->link, &defaults.link) || defaults.link.family != ROAM_FAMILY_INET6))
    return fail (error, "--link: '%s' is not an IPv6 address", raw->link);
  if (raw->server_duid != NULL)
    defaults.server_id = server_id = tool_parse_duid (raw->server_duid, "--server-duid", error);
  if (raw->server_duid != NULL && server_id == NULL)
    return FALSE;
  if (!tool_parse_queries ((const char *const *)words, "", &defaults, options->queries, error) ||
      (raw->file != NULL && !tool_read_queries (raw->file, &defaults, options->queries, error)))
    return FALSE;
  if ((raw->active && !apply_active (raw, options, &defaults, error)) || !apply_times (raw, options, error))
    return FALSE;
  return options->queries->len > 0 ||
         fail (error, "no query: say address, client, relay-id, link or remote-id behind the servers, or --file");
}

static ToolOptions *
make_options (const Raw *raw, char **words, GError **error)
{
  g_autoptr (ToolOptions) options = g_new0 (ToolOptions, 1);
  guint n_servers = 0;

  options->servers = g_array_new (FALSE, FALSE, sizeof (LeasequeryServerAddress));
  options->names = g_ptr_array_new_with_free_func (g_free);
  options->queries = g_ptr_array_new_with_free_func (g_free);
  options->hosts = g_ptr_array_new_with_free_func (g_free);
  while (words[n_servers] != NULL && !tool_is_query_word (words[n_servers]))
    n_servers++;
  /* Names are looked up last: a slip elsewhere is told at once. */
  if (!check_active (raw, error) || !apply_requestor (raw, options, error) || !apply_tls (raw, options, error) ||
      !apply_format (raw, options, error) || !apply_queries (raw, options, words + n_servers, error) ||
      !apply_servers (raw, options, words, n_servers, error))
    return NULL;
  for (guint i = 0; raw->tls_name != NULL && i < options->servers->len; i++)
    {
      LeasequeryServerAddress *server = &g_array_index (options->servers, LeasequeryServerAddress, i);

      server->name = g_strdup (raw->tls_name);
      g_ptr_array_add (options->hosts, (gpointer)server->name);
    }
  options->merge = must_merge (raw, options);
  return g_steal_pointer (&options);
}

/* ----------------------------------------------------------------- entries ---- */

static void
add_entries (GOptionContext *context, Raw *raw)
{
  const GOptionEntry entries[] = {
    { "port", 'p', 0, G_OPTION_ARG_INT, &raw->port, "TCP port of the servers (default 547)", "N" },
    { "link", 'l', 0, G_OPTION_ARG_STRING, &raw->link, "Only bindings on the link with this address", "ADDR" },
    { "want", 'w', 0, G_OPTION_ARG_STRING_ARRAY, &raw->want,
      "Ask for options of each client: numbers, relay-data, relay-id, remote-id", "LIST" },
    { "relays", 'r', 0, G_OPTION_ARG_NONE, &raw->relays, "Show through which relay each client comes", NULL },
    { "file", 'f', 0, G_OPTION_ARG_FILENAME, &raw->file, "Read queries, one a line (-: standard input)", "FILE" },
    { "first", '1', 0, G_OPTION_ARG_NONE, &raw->first, "Ask one server; the next when it cannot answer", NULL },
    { "timeout", 't', 0, G_OPTION_ARG_DOUBLE, &raw->timeout, "Give up a silent server (default 300; draft 30)", "S" },
    { "connect-timeout", 0, 0, G_OPTION_ARG_DOUBLE, &raw->connect_timeout, "Give up a connect (default 30)", "S" },
    { "retries", 0, 0, G_OPTION_ARG_INT, &raw->retries, "Ask again so often after a failure (default 0)", "N" },
    { "parallel", 0, 0, G_OPTION_ARG_INT, &raw->parallel, "Queries at once on a connection (default 4; draft 1)", "N" },
    { "table", 0, 0, G_OPTION_ARG_NONE, &raw->table, "Print a table (default)", NULL },
    { "json", 'j', 0, G_OPTION_ARG_NONE, &raw->json, "Print JSON, one object a line", NULL },
    { "csv", 0, 0, G_OPTION_ARG_NONE, &raw->csv, "Print comma-separated values", NULL },
    { "routes", 0, 0, G_OPTION_ARG_NONE, &raw->routes, "Print ip(8) commands that route delegated prefixes", NULL },
    { "dev", 0, 0, G_OPTION_ARG_STRING, &raw->device, "Interface of the routes", "NAME" },
    { "merge", 'm', 0, G_OPTION_ARG_NONE, &raw->merge, "Collect, sort, and print each binding once", NULL },
    { "quiet", 'q', 0, G_OPTION_ARG_NONE, &raw->quiet, "No progress and no remarks", NULL },
    { "duid", 0, 0, G_OPTION_ARG_STRING, &raw->duid, "Our own DUID (default: made of the machine-id)", "HEX" },
    { "server-duid", 0, 0, G_OPTION_ARG_STRING, &raw->server_duid, "Only the server with this DUID answers", "HEX" },
    { "active", 'a', 0, G_OPTION_ARG_NONE, &raw->active, "Print changes as they happen, until stopped (RFC 7653)",
      NULL },
    { "state", 0, 0, G_OPTION_ARG_FILENAME, &raw->state, "Keep there how far --active has come, and go on from it",
      "FILE" },
    { "since", 0, 0, G_OPTION_ARG_STRING, &raw->since, "Only what has changed since this base-time of the server",
      "N" },
    { "until", 0, 0, G_OPTION_ARG_STRING, &raw->until, "Only what has changed up to this base-time", "N" },
    { "base-time", 0, 0, G_OPTION_ARG_NONE, &raw->base_time, "Ask for the server's time, for a later --since", NULL },
    { "tls-ca", 0, 0, G_OPTION_ARG_FILENAME, &raw->tls_ca, "Secure connections: who signs the servers' certificates",
      "FILE" },
    { "tls-cert", 0, 0, G_OPTION_ARG_FILENAME, &raw->tls_cert, "Our certificate", "FILE" },
    { "tls-key", 0, 0, G_OPTION_ARG_FILENAME, &raw->tls_key, "Its key", "FILE" },
    { "tls-name", 0, 0, G_OPTION_ARG_STRING, &raw->tls_name, "What the server's certificate must name", "NAME" },
    { "half-close", 0, 0, G_OPTION_ARG_NONE, &raw->half_close, "End our side after the last query", NULL },
    { "draft00", 0, 0, G_OPTION_ARG_NONE, &raw->draft, "Speak draft-stapp-dhc-dhcpv6-bulk-leasequery-00", NULL },
    { "type-done", 0, 0, G_OPTION_ARG_INT, &raw->type_done, "Its message type of LEASEQUERY-DONE (16)", "N" },
    { "type-data", 0, 0, G_OPTION_ARG_INT, &raw->type_data, "Its message type of LEASEQUERY-DATA (17)", "N" },
    { "option-relay-id", 0, 0, G_OPTION_ARG_INT, &raw->option_relay_id, "Its option code of RELAYID (53)", "N" },
    { "version", 0, 0, G_OPTION_ARG_NONE, &raw->version, "Print the version", NULL },
    { "help", 'h', 0, G_OPTION_ARG_NONE, &raw->help, "Print this help", NULL },
    { NULL },
  };

  g_option_context_add_main_entries (context, entries, NULL);
}

static GOptionContext *
make_context (Raw *raw)
{
  GOptionContext *context = g_option_context_new ("SERVER... QUERY [on LINK-ADDRESS]...");

  g_option_context_set_summary (context, "Ask DHCPv6 servers who holds which addresses and prefixes (RFC 5460).\n\n"
                                         "Queries:\n"
                                         "  address ADDR             the client that holds this address or prefix\n"
                                         "  client DUID              everything of this client\n"
                                         "  relay-id DUID            everything behind this relay\n"
                                         "  link ADDR                everything on the link with this address\n"
                                         "  remote-id N:HEX|N=TEXT   everything behind this port of a relay");
  add_entries (context, raw);
  g_option_context_set_help_enabled (context, FALSE);
  return context;
}

ToolOptions *
tool_options_parse (int argc, char **argv, ToolExit *ret_exit)
{
  g_auto (Raw) raw = { .port = DHCP6_PORT_SERVER,
                       .timeout = NOT_GIVEN,
                       .connect_timeout = NOT_GIVEN,
                       .parallel = -1,
                       .type_done = -1,
                       .type_data = -1,
                       .option_relay_id = -1 };
  g_autoptr (GOptionContext) context = make_context (&raw);
  g_autoptr (GError) error = NULL;
  ToolOptions *options = NULL;

  *ret_exit = TOOL_USAGE;
  if (g_option_context_parse (context, &argc, &argv, &error))
    {
      if (raw.help || raw.version)
        {
          g_autofree char *help = g_option_context_get_help (context, TRUE, NULL);

          fputs (raw.help ? help : "roam-leasequery " ROAMD_VERSION "\n", stdout);
          *ret_exit = TOOL_OK;
          return NULL;
        }
      options = make_options (&raw, argv + 1, &error);
    }
  if (options == NULL)
    g_printerr ("roam-leasequery: %s\nTry: roam-leasequery --help\n", error->message);
  return options;
}
