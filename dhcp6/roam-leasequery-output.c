/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "dhcp6/roam-leasequery-private.h"

#include <string.h>
#include <time.h>
#include <unistd.h>

/* Bindings as a table, CSV or JSON lines, one at a time. */

/* Written to the file in pieces of this size. */
#define BUFFER_SIZE (256u * 1024u)

static gint64
clock_us (clockid_t clock)
{
  struct timespec t;

  clock_gettime (clock, &t);
  return t.tv_sec * ROAM_USEC_PER_SEC + t.tv_nsec / 1000;
}

void
tool_output_init (ToolOutput *output, const ToolOptions *options, FILE *file)
{
  *output = (ToolOutput){ .options = options, .file = file, .line = g_string_sized_new (1024) };
  output->pretty = options->format == TOOL_TABLE && isatty (fileno (file));
  output->clock_us = clock_us (CLOCK_REALTIME) - clock_us (CLOCK_BOOTTIME);
  setvbuf (file, NULL, _IOFBF, BUFFER_SIZE);
}

/* ------------------------------------------------------------------ pieces ---- */

void
tool_append_hex (GString *out, Dhcp6Slice octets)
{
  static const char digits[] = "0123456789abcdef";

  for (gsize i = 0; i < octets.length; i++)
    {
      if (i > 0)
        g_string_append_c (out, ':');
      g_string_append_c (out, digits[octets.data[i] >> 4]);
      g_string_append_c (out, digits[octets.data[i] & 15]);
    }
}

void
tool_append_address (GString *out, const Dhcp6Binding *binding)
{
  char text[ROAM_ADDR_STRLEN];
  RoamAddr address = binding->address;

  for (guint bit = binding->prefix_length; binding->is_prefix && bit < 128; bit++)
    address.bytes[bit / 8] &= (guint8) ~(0x80u >> bit % 8);
  g_string_append (out, roam_addr_to_string (&address, text));
}

static void
append_number (GString *out, guint64 number)
{
  char digits[24], *at = digits + sizeof digits;

  *--at = '\0';
  do
    *--at = (char)('0' + number % 10);
  while ((number /= 10) > 0);
  g_string_append (out, at);
}

static void
append_binding (GString *out, const Dhcp6Binding *binding)
{
  tool_append_address (out, binding);
  if (!binding->is_prefix)
    return;
  g_string_append_c (out, '/');
  append_number (out, binding->prefix_length);
}

/* "3d04h", "2h05m", "12m30s", "45s": two units are what a person reads. */
static void
append_duration (GString *out, guint32 seconds)
{
  if (seconds == DHCP6_LIFETIME_INFINITE)
    g_string_append (out, "infinity");
  else if (seconds >= 86400)
    g_string_append_printf (out, "%ud%02uh", seconds / 86400, seconds % 86400 / 3600);
  else if (seconds >= 3600)
    g_string_append_printf (out, "%uh%02um", seconds / 3600, seconds % 3600 / 60);
  else if (seconds >= 60)
    g_string_append_printf (out, "%um%02us", seconds / 60, seconds % 60);
  else
    g_string_append_printf (out, "%us", seconds);
}

void
tool_relays_read (const ToolOptions *options, const LeasequeryRecord *record, ToolRelays *ret_relays)
{
  ret_relays->n_hops = 0;
  ret_relays->relay_id = record->client.relay_id;
  ret_relays->remote_id = record->client.remote_id;
  ret_relays->interface_id = (Dhcp6Slice){ 0 };
  ret_relays->link = ROAM_ADDR_NONE;
  if (record->relay_data.data == NULL ||
      dhcp6_parse_relay_data (&options->client.requestor.points, record->relay_data, ret_relays->hops,
                              G_N_ELEMENTS (ret_relays->hops), &ret_relays->n_hops) != DHCP6_OK)
    return;
  for (guint i = 0; i < ret_relays->n_hops; i++)
    {
      const Dhcp6Relay *hop = &ret_relays->hops[i];

      if (hop->relay_id.data != NULL)
        ret_relays->relay_id = hop->relay_id;
      if (hop->remote_id.data != NULL)
        ret_relays->remote_id = hop->remote_id;
      if (hop->interface_id.data != NULL)
        ret_relays->interface_id = hop->interface_id;
      if (roam_addr_is_specified (&hop->link_address))
        ret_relays->link = hop->link_address;
    }
}

static void
append_optional (GString *out, Dhcp6Slice octets)
{
  if (octets.data == NULL)
    g_string_append_c (out, '-');
  else
    tool_append_hex (out, octets);
}

static const char *
server_name (const ToolOutput *output, guint server)
{
  return g_ptr_array_index (output->options->names, server);
}

/* ------------------------------------------------------------------- table ---- */

/* Blanks up to the column on a terminal, a tab elsewhere. */
static void
next_column (const ToolOutput *output, gsize *start, guint width)
{
  GString *line = output->line;

  if (!output->pretty)
    g_string_append_c (line, '\t');
  else
    do
      g_string_append_c (line, ' ');
    while (line->len - *start < width);
  *start = line->len;
}

/* The hardware address in a DUID-LLT or DUID-LL: what is printed on the device. */
static void
append_device (GString *out, Dhcp6Slice duid)
{
  WireReader reader;
  guint16 type = 0, hardware = 0;
  Dhcp6Slice address = { 0 };

  wire_reader_init (&reader, duid.data, duid.length);
  if (!wire_read_u16 (&reader, &type) || (type != 1 && type != 3) || !wire_read_u16 (&reader, &hardware) ||
      (type == 1 && !wire_skip (&reader, 4)))
    {
      g_string_append_c (out, '-');
      return;
    }
  address.length = wire_reader_left (&reader);
  if (wire_read_data (&reader, address.length, &address.data))
    tool_append_hex (out, address);
}

static void
write_table_head (ToolOutput *output)
{
  GString *line = output->line;
  gsize start = 0;

  output->headed = TRUE;
  g_string_append (line, "BINDING");
  next_column (output, &start, 28);
  g_string_append (line, "CLIENT");
  next_column (output, &start, 44);
  g_string_append (line, "DEVICE");
  next_column (output, &start, 19);
  g_string_append (line, "VALID");
  next_column (output, &start, 10);
  g_string_append (line, "SEEN");
  if (output->options->relays)
    {
      next_column (output, &start, 9);
      g_string_append (line, "LINK");
      next_column (output, &start, 20);
      g_string_append (line, "RELAY-ID");
      next_column (output, &start, 32);
      g_string_append (line, "REMOTE-ID");
    }
  if (output->options->servers->len > 1)
    {
      next_column (output, &start, output->options->relays ? 32 : 9);
      g_string_append (line, "SERVER");
    }
  g_string_append_c (line, '\n');
}

static void
write_table (ToolOutput *output, const LeasequeryRecord *record)
{
  GString *line = output->line;
  char text[ROAM_ADDR_STRLEN];
  gsize start;
  ToolRelays relays;

  if (!output->headed)
    write_table_head (output);
  start = line->len;
  append_binding (line, &record->binding);
  next_column (output, &start, 28);
  tool_append_hex (line, record->client.client_id);
  next_column (output, &start, 44);
  append_device (line, record->client.client_id);
  next_column (output, &start, 19);
  append_duration (line, record->binding.valid);
  next_column (output, &start, 10);
  append_duration (line, MIN (record->client.clt_time, DHCP6_LIFETIME_INFINITE - 1));
  if (output->options->relays)
    {
      tool_relays_read (output->options, record, &relays);
      next_column (output, &start, 9);
      g_string_append (line, roam_addr_is_set (&relays.link) ? roam_addr_to_string (&relays.link, text) : "-");
      next_column (output, &start, 20);
      append_optional (line, relays.relay_id);
      next_column (output, &start, 32);
      append_optional (line, relays.remote_id);
    }
  if (output->options->servers->len > 1)
    {
      next_column (output, &start, output->options->relays ? 32 : 9);
      g_string_append (line, server_name (output, record->server));
    }
  g_string_append_c (line, '\n');
}

/* --------------------------------------------------------------------- csv ---- */

/* No field can hold a comma, a quote or a line's end: RFC 4180 needs no quotes here. */
static void
write_csv (ToolOutput *output, const LeasequeryRecord *record)
{
  GString *line = output->line;
  char text[ROAM_ADDR_STRLEN];
  ToolRelays relays;

  if (!output->headed)
    g_string_append (line, "query,server,client,kind,address,prefix-length,preferred,valid,last-contact,link,relay-id,"
                           "remote-id,interface-id\r\n");
  output->headed = TRUE;
  tool_relays_read (output->options, record, &relays);
  append_number (line, record->query);
  g_string_append_printf (line, ",%s,", server_name (output, record->server));
  tool_append_hex (line, record->client.client_id);
  g_string_append (line, record->binding.is_prefix ? ",prefix," : ",address,");
  tool_append_address (line, &record->binding);
  g_string_append_printf (line, ",%u,%u,%u,%u,", record->binding.prefix_length, record->binding.preferred,
                          record->binding.valid, record->client.clt_time);
  if (roam_addr_is_set (&relays.link))
    g_string_append (line, roam_addr_to_string (&relays.link, text));
  g_string_append_c (line, ',');
  tool_append_hex (line, relays.relay_id);
  g_string_append_c (line, ',');
  tool_append_hex (line, relays.remote_id);
  g_string_append_c (line, ',');
  tool_append_hex (line, relays.interface_id);
  g_string_append (line, "\r\n");
}

/* -------------------------------------------------------------------- json ---- */

/* ,"key":" */
static void
begin_json_text (GString *out, const char *key)
{
  g_string_append (out, ",\"");
  g_string_append (out, key);
  g_string_append (out, "\":\"");
}

/* @text is valid UTF-8 without control characters (dhcp6_dup_text() and the like). */
static void
append_json_text (GString *out, const char *key, const char *text)
{
  begin_json_text (out, key);
  for (; *text != '\0'; text++)
    {
      if (*text == '"' || *text == '\\')
        g_string_append_c (out, '\\');
      g_string_append_c (out, *text);
    }
  g_string_append_c (out, '"');
}

static void
append_json_hex (GString *out, const char *key, Dhcp6Slice octets)
{
  if (octets.data == NULL)
    return;
  begin_json_text (out, key);
  tool_append_hex (out, octets);
  g_string_append_c (out, '"');
}

static void
append_json_lifetime (GString *out, const char *key, guint32 seconds)
{
  g_string_append_printf (out, ",\"%s\":", key);
  if (seconds == DHCP6_LIFETIME_INFINITE)
    g_string_append (out, "\"infinity\"");
  else
    append_number (out, seconds);
}

static void
append_json_relays (ToolOutput *output, const LeasequeryRecord *record)
{
  GString *line = output->line;
  ToolRelays relays;

  append_json_hex (line, "relay-id", record->client.relay_id);
  append_json_hex (line, "remote-id", record->client.remote_id);
  if (record->relay_data.data == NULL)
    return;
  tool_relays_read (output->options, record, &relays);
  g_string_append (line, ",\"relays\":[");
  for (guint i = 0; i < relays.n_hops; i++)
    {
      const Dhcp6Relay *hop = &relays.hops[i];
      char peer[ROAM_ADDR_STRLEN], link[ROAM_ADDR_STRLEN], client[ROAM_ADDR_STRLEN];

      g_string_append_printf (line, "%s{\"address\":\"%s\",\"link\":\"%s\",\"peer\":\"%s\"", i > 0 ? "," : "",
                              roam_addr_to_string (&hop->peer_address, peer),
                              roam_addr_to_string (&hop->link_address, link),
                              roam_addr_to_string (&hop->forwarded_peer, client));
      append_json_hex (line, "relay-id", hop->relay_id);
      append_json_hex (line, "remote-id", hop->remote_id);
      append_json_hex (line, "interface-id", hop->interface_id);
      g_string_append_c (line, '}');
    }
  g_string_append_c (line, ']');
}

/* What was asked for by number and has no name here. */
static void
append_json_options (ToolOutput *output, const LeasequeryRecord *record)
{
  GString *line = output->line;
  const guint16 relay_id = output->options->client.requestor.points.option_relay_id;
  Dhcp6OptionIter iter;
  Dhcp6Option option;
  gboolean any = FALSE;

  dhcp6_option_iter_init (&iter, record->client.options);
  while (dhcp6_option_iter_next (&iter, &option))
    {
      if (option.code == relay_id || option.code <= DHCP6_OPTION_IAADDR || option.code == DHCP6_OPTION_IA_PD ||
          option.code == DHCP6_OPTION_IAPREFIX || option.code == DHCP6_OPTION_REMOTE_ID ||
          option.code == DHCP6_OPTION_CLT_TIME || option.code == DHCP6_OPTION_LQ_RELAY_DATA)
        continue;
      g_string_append_printf (line, "%s{\"code\":%u,\"data\":\"", any ? "," : ",\"options\":[", option.code);
      tool_append_hex (line, option.data);
      g_string_append (line, "\"}");
      any = TRUE;
    }
  if (any)
    g_string_append_c (line, ']');
}

static void
begin_json (ToolOutput *output, const char *event, guint query, guint server, gboolean complete)
{
  g_string_append_printf (output->line, "{\"event\":\"%s\",\"query\":%u", event, query);
  append_json_text (output->line, "server", server_name (output, server));
  g_string_append_printf (output->line, ",\"complete\":%s", complete ? "true" : "false");
  if (output->gap)
    g_string_append (output->line, ",\"gap\":true");
}

static void
write_json (ToolOutput *output, const LeasequeryRecord *record)
{
  GString *line = output->line;
  g_autofree char *client = dhcp6_describe_duid (record->client.client_id);

  begin_json (output, "binding", record->query, record->server, record->complete);
  if (output->options->active)
    g_string_append_printf (line, ",\"gone\":%s", record->binding.valid == 0 ? "true" : "false");
  append_json_hex (line, "server-duid", record->server_id);
  append_json_hex (line, "client", record->client.client_id);
  append_json_text (line, "description", client);
  g_string_append_printf (line, ",\"%s\":\"", record->binding.is_prefix ? "prefix" : "address");
  append_binding (line, &record->binding);
  g_string_append_c (line, '"');
  append_json_lifetime (line, "preferred", record->binding.preferred);
  append_json_lifetime (line, "valid", record->binding.valid);
  g_string_append (line, ",\"last-contact\":");
  append_number (line, record->client.clt_time);
  g_string_append (line, ",\"received\":");
  append_number (line, (guint64)((record->received_us + output->clock_us) / ROAM_USEC_PER_SEC));
  if (record->binding.has_iaid)
    g_string_append_printf (line, ",\"iaid\":%u", record->binding.iaid);
  append_json_relays (output, record);
  append_json_options (output, record);
  g_string_append (line, "}\n");
}

/* ------------------------------------------------------------------ output ---- */

static void
flush_line (ToolOutput *output)
{
  fwrite (output->line->str, 1, output->line->len, output->file);
  g_string_truncate (output->line, 0);
}

void
tool_output_record (ToolOutput *output, const LeasequeryRecord *record)
{
  output->n_records++;
  switch (output->options->format)
    {
    case TOOL_TABLE:
      write_table (output, record);
      break;
    case TOOL_CSV:
      write_csv (output, record);
      break;
    case TOOL_JSON:
      write_json (output, record);
      break;
    case TOOL_ROUTES:
      output->n_unroutable += !tool_append_route (output->options, record, output->line);
      break;
    }
  flush_line (output);
}

static void
append_json_time (GString *out, const char *key, guint32 time)
{
  g_string_append_printf (out, ",\"%s\":%u", key, time);
}

static void
write_json_end (ToolOutput *output, const LeasequeryClientEvent *told)
{
  const LeasequeryEvent *event = told->event;
  g_autofree char *status = dhcp6_status_to_string (event->status);

  begin_json (output, "end", event->id, told->server, event->complete);
  append_json_text (output->line, "outcome", leasequery_outcome_to_string (event->outcome));
  append_json_text (output->line, "status", status);
  if (event->status_text != NULL)
    append_json_text (output->line, "text", event->status_text);
  g_string_append (output->line, ",\"bindings\":");
  append_number (output->line, event->n_bindings);
}

void
tool_output_event (ToolOutput *output, const LeasequeryClientEvent *told)
{
  const LeasequeryEvent *event = told->event;

  if (output->options->format != TOOL_JSON)
    return;
  switch (event->type)
    {
    case LEASEQUERY_EVENT_RESTART:
      begin_json (output, "restart", event->id, told->server, FALSE);
      break;
    case LEASEQUERY_EVENT_COMPLETE:
      write_json_end (output, told);
      break;
    case LEASEQUERY_EVENT_CAUGHT_UP:
      begin_json (output, "caught-up", event->id, told->server, FALSE);
      break;
    case LEASEQUERY_EVENT_RESUME:
      begin_json (output, "resume", event->id, told->server, FALSE);
      append_json_time (output->line, "base-time", event->base_time);
      break;
    case LEASEQUERY_EVENT_DATA_MISSING:
      begin_json (output, "missing", event->id, told->server, FALSE);
      if (event->has_start_time)
        append_json_time (output->line, "start-time", event->start_time);
      if (event->has_base_time)
        append_json_time (output->line, "end-time", event->base_time);
      break;
    case LEASEQUERY_EVENT_REPLY: /* its time is what to ask for changes since, at this server (RFC 7653 8.5) */
      if (!event->has_base_time || output->options->active)
        return;
      begin_json (output, "reply", event->id, told->server, FALSE);
      append_json_time (output->line, "base-time", event->base_time);
      break;
    case LEASEQUERY_EVENT_BINDING:
    case LEASEQUERY_EVENT_FAULT:
    case LEASEQUERY_EVENT_WAITING:
      return;
    }
  g_string_append (output->line, "}\n");
  flush_line (output);
}

gboolean
tool_output_end (ToolOutput *output)
{
  /* A header tells an empty table from no answer. */
  if (!output->headed && output->options->format == TOOL_TABLE && output->pretty)
    {
      write_table_head (output);
      flush_line (output);
    }
  g_string_free (output->line, TRUE);
  output->line = NULL;
  return fflush (output->file) == 0 && !ferror (output->file);
}
