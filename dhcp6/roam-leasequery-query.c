/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "dhcp6/roam-leasequery-private.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* Queries in words: "address ADDR", "client DUID", "relay-id DUID", "link ADDR", "remote-id ENTERPRISE:HEX". */

/* More than a run should ask one by one: whole relays and links have queries of their own. */
#define MAX_QUERIES 100000u
/* A remote-id that still fits a query of 4096 octets, which servers take (section 8, row 4). */
#define MAX_REMOTE_ID 3500u

static const struct
{
  const char *word;
  Dhcp6QueryType type;
  const char *argument;
} query_words[] = {
  { "address", DHCP6_QUERY_BY_ADDRESS, "an IPv6 address" },
  { "client", DHCP6_QUERY_BY_CLIENTID, "a DUID" },
  { "relay-id", DHCP6_QUERY_BY_RELAY_ID, "a DUID" },
  { "link", DHCP6_QUERY_BY_LINK_ADDRESS, "an IPv6 address on the link" },
  { "remote-id", DHCP6_QUERY_BY_REMOTE_ID, "ENTERPRISE:HEX or ENTERPRISE=TEXT" },
};

static int
find_word (const char *word)
{
  for (guint i = 0; i < G_N_ELEMENTS (query_words); i++)
    if (g_str_equal (word, query_words[i].word))
      return (int)i;
  return -1;
}

gboolean
tool_is_query_word (const char *word)
{
  return find_word (word) >= 0;
}

static void G_GNUC_PRINTF (3, 4) fail (GError **error, const char *where, const char *format, ...)
{
  g_autofree char *text = NULL;
  va_list list;

  va_start (list, format);
  text = g_strdup_vprintf (format, list);
  va_end (list);
  g_set_error (error, G_OPTION_ERROR, G_OPTION_ERROR_BAD_VALUE, "%s%s", where, text);
}

GBytes *
tool_parse_duid (const char *text, const char *what, GError **error)
{
  g_autoptr (GBytes) octets = dhcp6_parse_hex (text, 2 * DHCP6_DUID_MAX);

  if (octets == NULL)
    fail (error, "", "%s: '%s' is not a DUID: pairs of hex digits, with or without colons", what, text);
  else if (g_bytes_get_size (octets) < DHCP6_DUID_MIN || g_bytes_get_size (octets) > DHCP6_DUID_MAX)
    fail (error, "", "%s: '%s' has %zu octets; a DUID has %u to %u", what, text, g_bytes_get_size (octets),
          DHCP6_DUID_MIN, DHCP6_DUID_MAX);
  else
    return g_steal_pointer (&octets);
  return NULL;
}

static gboolean
parse_address (const char *text, const char *what, const char *where, RoamAddr *ret_address, GError **error)
{
  RoamAddr address;

  if (!roam_addr_parse (text, &address) || address.family != ROAM_FAMILY_INET6)
    {
      fail (error, where, "%s: '%s' is not an IPv6 address", what, text);
      return FALSE;
    }
  *ret_address = address;
  return TRUE;
}

/* "32473:706f7274" or "32473=port": the enterprise number and what the relay put behind it (RFC 4649 3). */
static GBytes *
parse_remote_id (const char *text, const char *where, GError **error)
{
  char *end = NULL;
  guint64 enterprise = g_ascii_strtoull (text, &end, 10);
  g_autoptr (GBytes) id = NULL;
  g_auto (WireWriter) writer = { 0 };
  gsize length;
  const guint8 *data;

  if (end == text || !g_ascii_isdigit (*text) || enterprise > G_MAXUINT32 || (*end != ':' && *end != '='))
    {
      fail (error, where, "remote-id: '%s' does not begin with an enterprise number and ':' or '='", text);
      return NULL;
    }
  id = *end == '=' ? g_bytes_new (end + 1, strlen (end + 1)) : dhcp6_parse_hex (end + 1, MAX_REMOTE_ID);
  if (id == NULL)
    {
      fail (error, where, "remote-id: '%s' is not hex digits; text is written %u=TEXT", end + 1, (guint32)enterprise);
      return NULL;
    }
  data = g_bytes_get_data (id, &length);
  if (length == 0 || length > MAX_REMOTE_ID)
    {
      fail (error, where, "remote-id: '%s' has %zu octets behind its enterprise number; 1 to %u may be", text, length,
            MAX_REMOTE_ID);
      return NULL;
    }
  wire_writer_init (&writer, 4 + MAX_REMOTE_ID);
  wire_write_u32 (&writer, (guint32)enterprise);
  wire_write_data (&writer, data, length);
  return wire_writer_finish (&writer);
}

static Dhcp6Slice
slice_of (GBytes *octets)
{
  Dhcp6Slice slice = { 0 };

  if (octets != NULL)
    slice.data = g_bytes_get_data (octets, &slice.length);
  return slice;
}

/* The argument of a query word. *@ret_octets: what the query borrows; caller unrefs. */
static gboolean
parse_argument (const char *text, const char *where, LeasequeryQuery *query, GBytes **ret_octets, GError **error)
{
  g_autoptr (GError) problem = NULL;

  switch (query->type)
    {
    case DHCP6_QUERY_BY_ADDRESS:
      return parse_address (text, "address", where, &query->address, error);
    case DHCP6_QUERY_BY_LINK_ADDRESS:
      return parse_address (text, "link", where, &query->link_address, error);
    case DHCP6_QUERY_BY_CLIENTID:
      *ret_octets = tool_parse_duid (text, "client", &problem);
      query->client_id = slice_of (*ret_octets);
      break;
    case DHCP6_QUERY_BY_RELAY_ID:
      *ret_octets = tool_parse_duid (text, "relay-id", &problem);
      query->relay_id = slice_of (*ret_octets);
      break;
    case DHCP6_QUERY_BY_REMOTE_ID:
      *ret_octets = parse_remote_id (text, where, error);
      query->remote_id = slice_of (*ret_octets);
      break;
    }
  if (problem != NULL)
    fail (error, where, "%s", problem->message);
  return *ret_octets != NULL;
}

/* One query: word, argument, perhaps "on" and a link-address. *@at goes past it. */
static LeasequeryQuery *
parse_query (const char *const *words, guint *at, const char *where, const ToolQueryDefaults *defaults, GError **error)
{
  int which = find_word (words[*at]);
  LeasequeryQuery query = { .link_address = defaults->link, .server_id = slice_of (defaults->server_id) };
  g_autoptr (GBytes) octets = NULL;
  const char *problem;

  if (which < 0)
    {
      fail (error, where, "'%s' is no query; there are: address, client, relay-id, link, remote-id", words[*at]);
      return NULL;
    }
  query.type = query_words[which].type;
  query.want = &g_array_index (defaults->want, guint16, 0);
  query.n_want = defaults->want->len;
  if (words[++*at] == NULL)
    {
      fail (error, where, "%s wants %s behind it", query_words[which].word, query_words[which].argument);
      return NULL;
    }
  if (!parse_argument (words[*at], where, &query, &octets, error))
    return NULL;
  if (words[++*at] != NULL && g_str_equal (words[*at], "on"))
    {
      if (words[++*at] == NULL)
        {
          fail (error, where, "on wants a link-address behind it");
          return NULL;
        }
      if (!parse_address (words[*at], "on", where, &query.link_address, error))
        return NULL;
      ++*at;
    }
  problem = leasequery_query_check (defaults->config, &query);
  if (problem == NULL)
    return leasequery_query_copy (&query);
  fail (error, where, "%s", problem);
  return NULL;
}

gboolean
tool_parse_queries (const char *const *words, const char *where, const ToolQueryDefaults *defaults, GPtrArray *queries,
                    GError **error)
{
  for (guint at = 0; words[at] != NULL;)
    {
      LeasequeryQuery *query = parse_query (words, &at, where, defaults, error);

      if (query == NULL)
        return FALSE;
      g_ptr_array_add (queries, query);
      if (queries->len > MAX_QUERIES)
        {
          fail (error, where, "more than %u queries; ask by link or relay-id instead", MAX_QUERIES);
          return FALSE;
        }
    }
  return TRUE;
}

/* Words between blanks; what follows # is a comment. */
static GPtrArray *
split_line (char *line)
{
  GPtrArray *words = g_ptr_array_new ();
  char *rest = NULL;

  line[strcspn (line, "#")] = '\0';
  for (char *word = strtok_r (line, " \t\r\n", &rest); word != NULL; word = strtok_r (NULL, " \t\r\n", &rest))
    g_ptr_array_add (words, word);
  g_ptr_array_add (words, NULL);
  return words;
}

gboolean
tool_read_queries (const char *file, const ToolQueryDefaults *defaults, GPtrArray *queries, GError **error)
{
  gboolean is_stdin = g_str_equal (file, "-"), good = TRUE;
  const char *name = is_stdin ? "standard input" : file;
  FILE *stream = is_stdin ? stdin : fopen (file, "re");
  char *line = NULL;
  gsize size = 0;

  if (stream == NULL)
    {
      fail (error, "", "cannot read %s: %s", name, g_strerror (errno));
      return FALSE;
    }
  errno = 0;
  for (guint number = 1; good && getline (&line, &size, stream) >= 0; number++)
    {
      g_autofree char *where = g_strdup_printf ("%s, line %u: ", name, number);
      g_autoptr (GPtrArray) words = split_line (line);

      good = tool_parse_queries ((const char *const *)words->pdata, where, defaults, queries, error);
    }
  if (good && ferror (stream))
    {
      fail (error, "", "cannot read %s: %s", name, g_strerror (errno));
      good = FALSE;
    }
  free (line);
  if (!is_stdin)
    fclose (stream);
  return good;
}
