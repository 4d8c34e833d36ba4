/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "dhcp6/kea-context.h"

#include <string.h>

/* Arrays and objects within each other; Kea's own go five deep. */
#define MAX_DEPTH 32u
/* Octets of the relay data built of one row. */
#define MAX_RELAY_DATA 16384u

typedef struct
{
  const char *text;
  gsize length;
} Span;

typedef struct
{
  const char *at, *end;
  guint depth;
} Scanner;

/* One relay as it stands there; absent strings are empty. */
typedef struct
{
  guint8 hop;
  Span link, peer, options, relay_id, remote_id;
} Relay;

typedef struct
{
  Relay relays[DHCP6_MAX_HOPS];
  guint n;
  gboolean found; /* a list of relays was there */
} Relays;

/* -------------------------------------------------------------------- JSON ---- */

static gboolean
span_is (const Span *span, const char *text)
{
  return span->length == strlen (text) && memcmp (span->text, text, span->length) == 0;
}

/* The next character that counts; '\0' at the end. */
static char
peek (Scanner *scanner)
{
  while (scanner->at < scanner->end &&
         (*scanner->at == ' ' || *scanner->at == '\t' || *scanner->at == '\r' || *scanner->at == '\n'))
    scanner->at++;
  return scanner->at < scanner->end ? *scanner->at : '\0';
}

static gboolean
take (Scanner *scanner, char c)
{
  if (peek (scanner) != c || c == '\0')
    return FALSE;
  scanner->at++;
  return TRUE;
}

/* What stands between the quotes. No name or value of ours needs an escape: one with an escape matches none. */
static gboolean
read_string (Scanner *scanner, Span *ret_span)
{
  const char *first;

  if (!take (scanner, '"'))
    return FALSE;
  first = scanner->at;
  for (; scanner->at < scanner->end && *scanner->at != '"'; scanner->at++)
    {
      if ((guchar)*scanner->at < 0x20)
        return FALSE;
      if (*scanner->at == '\\' && ++scanner->at == scanner->end)
        return FALSE;
    }
  if (scanner->at == scanner->end)
    return FALSE;
  *ret_span = (Span){ first, (gsize)(scanner->at - first) };
  scanner->at++;
  return TRUE;
}

static gboolean
read_digits (Scanner *scanner)
{
  const char *first = scanner->at;

  while (scanner->at < scanner->end && g_ascii_isdigit (*scanner->at))
    scanner->at++;
  return scanner->at > first;
}

/* RFC 8259 6. @ret_hop: a whole number that is not below zero, at most 255. */
static gboolean
read_number (Scanner *scanner, guint8 *ret_hop)
{
  gboolean whole = peek (scanner) != '-';
  const char *first;
  guint value = 0;

  scanner->at += !whole;
  first = scanner->at;
  if (!read_digits (scanner) || (*first == '0' && scanner->at - first > 1))
    return FALSE;
  for (const char *digit = first; digit < scanner->at; digit++)
    value = MIN (value * 10 + (guint)(*digit - '0'), G_MAXUINT8);
  if (scanner->at < scanner->end && *scanner->at == '.')
    {
      scanner->at++;
      whole = FALSE;
      if (!read_digits (scanner))
        return FALSE;
    }
  if (scanner->at < scanner->end && (*scanner->at == 'e' || *scanner->at == 'E'))
    {
      scanner->at++;
      whole = FALSE;
      if (scanner->at < scanner->end && (*scanner->at == '+' || *scanner->at == '-'))
        scanner->at++;
      if (!read_digits (scanner))
        return FALSE;
    }
  *ret_hop = whole ? (guint8)value : 0;
  return TRUE;
}

static gboolean
skip_word (Scanner *scanner, const char *word)
{
  gsize length = strlen (word);

  if ((gsize)(scanner->end - scanner->at) < length || memcmp (scanner->at, word, length) != 0)
    return FALSE;
  scanner->at += length;
  return TRUE;
}

typedef gboolean (*ReadMember) (Scanner *scanner, const Span *name, gpointer data);

static gboolean skip_value (Scanner *scanner);

/* @read takes each member's value. */
static gboolean
read_object (Scanner *scanner, ReadMember read, gpointer data)
{
  gboolean good = scanner->depth < MAX_DEPTH && take (scanner, '{');
  Span name;

  if (!good || take (scanner, '}'))
    return good;
  scanner->depth++;
  do
    good = peek (scanner) == '"' && read_string (scanner, &name) && take (scanner, ':') && read (scanner, &name, data);
  while (good && take (scanner, ','));
  scanner->depth--;
  return good && take (scanner, '}');
}

/* @read takes each element; its name is empty. */
static gboolean
read_array (Scanner *scanner, ReadMember read, gpointer data)
{
  const Span none = { "", 0 };
  gboolean good = scanner->depth < MAX_DEPTH && take (scanner, '[');

  if (!good || take (scanner, ']'))
    return good;
  scanner->depth++;
  do
    good = read (scanner, &none, data);
  while (good && take (scanner, ','));
  scanner->depth--;
  return good && take (scanner, ']');
}

static gboolean
skip_member (Scanner *scanner, const Span *name, gpointer data)
{
  return skip_value (scanner);
}

static gboolean
skip_value (Scanner *scanner)
{
  guint8 number;
  Span text;

  switch (peek (scanner))
    {
    case '"':
      return read_string (scanner, &text);
    case '{':
      return read_object (scanner, skip_member, NULL);
    case '[':
      return read_array (scanner, skip_member, NULL);
    case 't':
      return skip_word (scanner, "true");
    case 'f':
      return skip_word (scanner, "false");
    case 'n':
      return skip_word (scanner, "null");
    default:
      return read_number (scanner, &number);
    }
}

/* -------------------------------------------------------- Kea's members in it ---- */

static gboolean
read_relay_member (Scanner *scanner, const Span *name, gpointer data)
{
  Relay *relay = data;
  const struct
  {
    const char *name;
    Span *text;
  } strings[] = {
    { "link", &relay->link },         { "peer", &relay->peer },           { "options", &relay->options },
    { "relay-id", &relay->relay_id }, { "remote-id", &relay->remote_id },
  };
  char first = peek (scanner);

  if (span_is (name, "hop") && g_ascii_isdigit (first))
    return read_number (scanner, &relay->hop);
  for (guint i = 0; first == '"' && i < G_N_ELEMENTS (strings); i++)
    if (span_is (name, strings[i].name))
      return read_string (scanner, strings[i].text);
  return skip_value (scanner);
}

static gboolean
read_relay (Scanner *scanner, const Span *name, gpointer data)
{
  Relays *relays = data;

  if (relays->n == DHCP6_MAX_HOPS)
    return FALSE;
  relays->relays[relays->n] = (Relay){ 0 };
  return read_object (scanner, read_relay_member, &relays->relays[relays->n++]);
}

/* "relays" was its name before Kea 2.3.2. */
static gboolean
read_isc_member (Scanner *scanner, const Span *name, gpointer data)
{
  Relays *relays = data;

  if ((!span_is (name, "relay-info") && !span_is (name, "relays")) || peek (scanner) != '[')
    return skip_value (scanner);
  if (relays->found && span_is (name, "relays")) /* the newer one counts */
    return skip_value (scanner);
  relays->found = TRUE;
  relays->n = 0;
  return read_array (scanner, read_relay, relays);
}

static gboolean
read_root_member (Scanner *scanner, const Span *name, gpointer data)
{
  if (!span_is (name, "ISC") || peek (scanner) != '{')
    return skip_value (scanner);
  return read_object (scanner, read_isc_member, data);
}

/* ------------------------------------------------------------------ writing ---- */

/* "0x0012..." or "00:12:..." FALSE: no whole octets in hex; what was appended before is the caller's to undo. */
static gboolean
append_hex (WireWriter *writer, const Span *span)
{
  gsize at = span->length >= 2 && memcmp (span->text, "0x", 2) == 0 ? 2 : 0, n = 0;
  guint8 octets[256];

  while (at < span->length)
    {
      int high, low;

      if (at + 1 >= span->length)
        return FALSE;
      high = g_ascii_xdigit_value (span->text[at]);
      low = g_ascii_xdigit_value (span->text[at + 1]);
      if (high < 0 || low < 0)
        return FALSE;
      octets[n++] = (guint8)(high << 4 | low);
      if (n == sizeof octets)
        {
          wire_write_data (writer, octets, n);
          n = 0;
        }
      at += 2;
      if (at + 1 < span->length && span->text[at] == ':')
        at++;
    }
  wire_write_data (writer, octets, n);
  return TRUE;
}

/* All zeros when it is not known. */
static void
write_address (WireWriter *writer, const Span *span)
{
  char text[ROAM_ADDR_STRLEN];
  RoamAddr address;

  if (span->length > 0 && span->length < sizeof text)
    {
      memcpy (text, span->text, span->length);
      text[span->length] = '\0';
      if (roam_addr_parse (text, &address) && address.family == ROAM_FAMILY_INET6)
        {
          wire_write_addr (writer, &address);
          return;
        }
    }
  wire_write_zeros (writer, 16);
}

static gboolean
has_option (Dhcp6Slice options, guint16 code)
{
  Dhcp6OptionIter iter;
  Dhcp6Option option;

  dhcp6_option_iter_init (&iter, options);
  while (dhcp6_option_iter_next (&iter, &option))
    if (option.code == code)
      return TRUE;
  return FALSE;
}

static gboolean
write_missing (WireWriter *writer, const Span *identifier, guint16 code, gsize first)
{
  const Dhcp6Slice options = { wire_writer_peek (writer) + first, wire_writer_length (writer) - first };
  gsize mark;
  gboolean good;

  if (identifier->length == 0 || (options.length > 0 && has_option (options, code)))
    return TRUE;
  mark = dhcp6_begin_option (writer, code);
  good = append_hex (writer, identifier);
  dhcp6_end_option (writer, mark);
  return good;
}

/* The relay's own options as they came, and its identifiers where a newer Kea names them apart (LQ-KEA-007). */
static gboolean
write_relay (WireWriter *writer, const Dhcp6CodePoints *points, const Relay *relay)
{
  gsize first;

  wire_write_u8 (writer, DHCP6_RELAY_FORW);
  wire_write_u8 (writer, relay->hop);
  write_address (writer, &relay->link);
  write_address (writer, &relay->peer);
  first = wire_writer_length (writer);
  return append_hex (writer, &relay->options) &&
         write_missing (writer, &relay->relay_id, points->option_relay_id, first) &&
         write_missing (writer, &relay->remote_id, DHCP6_OPTION_REMOTE_ID, first);
}

/* RELAY-FORW in RELAY-FORW, the outermost first; Kea does not keep where that one came from. */
static GBytes *
build_relay_data (const Dhcp6CodePoints *points, const Relays *relays)
{
  gsize marks[DHCP6_MAX_HOPS];
  g_auto (WireWriter) writer;

  wire_writer_init (&writer, MAX_RELAY_DATA);
  wire_write_zeros (&writer, 16);
  for (guint i = 0; i < relays->n; i++)
    {
      if (!write_relay (&writer, points, &relays->relays[i]))
        return NULL;
      if (i + 1 < relays->n)
        marks[i] = dhcp6_begin_option (&writer, DHCP6_OPTION_RELAY_MSG);
    }
  for (guint i = relays->n - 1; i > 0; i--)
    dhcp6_end_option (&writer, marks[i - 1]);
  return wire_writer_finish (&writer);
}

KeaContext
kea_context_read_relays (const Dhcp6CodePoints *points, const char *text, gsize length, GBytes **ret_relay_data)
{
  Scanner scanner = { .at = text, .end = text + length };
  g_autoptr (GBytes) relay_data = NULL;
  Dhcp6Slice slice;
  Dhcp6Relay outermost;
  Relays relays;
  guint n;

  relays.n = 0;
  relays.found = FALSE;
  if (!read_object (&scanner, read_root_member, &relays) || peek (&scanner) != '\0' || scanner.at != scanner.end)
    return KEA_CONTEXT_BAD;
  if (!relays.found)
    return KEA_CONTEXT_NOTHING;
  if (relays.n == 0)
    return KEA_CONTEXT_BAD;
  relay_data = build_relay_data (points, &relays);
  if (relay_data == NULL)
    return KEA_CONTEXT_BAD;
  slice.data = g_bytes_get_data (relay_data, &slice.length);
  if (dhcp6_parse_relay_data (points, slice, &outermost, 1, &n) != DHCP6_OK)
    return KEA_CONTEXT_BAD;
  *ret_relay_data = g_steal_pointer (&relay_data);
  return KEA_CONTEXT_RELAYS;
}
