/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "dhcp6/dhcp6.h"

#include <string.h>

/* Messages, LQ_QUERY, CLIENT_DATA and LQ_RELAY_DATA (RFC 8415 8, 21; RFC 5007 4.1). */

/* Octets before the options of each. */
#define IA_FIXED 12u
#define IAADDR_FIXED 24u
#define IAPREFIX_FIXED 25u
#define LQ_QUERY_FIXED 17u
#define REMOTE_ID_MIN 5u
#define ADDRESS_OCTETS 16u

void
dhcp6_code_points_init (Dhcp6CodePoints *points)
{
  *points = (Dhcp6CodePoints){ DHCP6_LEASEQUERY_DONE, DHCP6_LEASEQUERY_DATA, DHCP6_OPTION_RELAY_ID };
}

static gboolean
is_other_type (guint8 type)
{
  return type <= 15 || (type >= DHCP6_ACTIVELEASEQUERY && type <= DHCP6_STARTTLS);
}

static gboolean
is_other_option (guint16 code)
{
  static const guint16 used[] = {
    DHCP6_OPTION_REMOTE_ID,    DHCP6_OPTION_LQ_QUERY,      DHCP6_OPTION_CLIENT_DATA,
    DHCP6_OPTION_CLT_TIME,     DHCP6_OPTION_LQ_RELAY_DATA, DHCP6_OPTION_LQ_CLIENT_LINK,
    DHCP6_OPTION_LQ_BASE_TIME, DHCP6_OPTION_LQ_START_TIME, DHCP6_OPTION_LQ_END_TIME,
  };

  if (code <= DHCP6_OPTION_IAPREFIX)
    return TRUE;
  for (guint i = 0; i < G_N_ELEMENTS (used); i++)
    if (code == used[i])
      return TRUE;
  return FALSE;
}

gboolean
dhcp6_code_points_check (const Dhcp6CodePoints *points, const char **ret_problem)
{
  const char *problem = NULL;

  if (is_other_type (points->type_done))
    problem = "the message type of LEASEQUERY-DONE is that of another message";
  else if (is_other_type (points->type_data))
    problem = "the message type of LEASEQUERY-DATA is that of another message";
  else if (points->type_done == points->type_data)
    problem = "LEASEQUERY-DONE and LEASEQUERY-DATA have the same message type";
  else if (is_other_option (points->option_relay_id))
    problem = "the option code of RELAY_ID is that of another option";
  if (problem != NULL)
    *ret_problem = problem;
  return problem == NULL;
}

gboolean
dhcp6_slice_equal (Dhcp6Slice a, Dhcp6Slice b)
{
  return a.length == b.length && (a.length == 0 || memcmp (a.data, b.data, a.length) == 0);
}

gboolean
dhcp6_duid_is_valid (Dhcp6Slice duid)
{
  return duid.length >= DHCP6_DUID_MIN && duid.length <= DHCP6_DUID_MAX;
}

/* ----------------------------------------------------------------- options ---- */

void
dhcp6_option_iter_init (Dhcp6OptionIter *iter, Dhcp6Slice options)
{
  wire_reader_init (&iter->reader, options.data, options.length);
}

gboolean
dhcp6_option_iter_next (Dhcp6OptionIter *iter, Dhcp6Option *ret_option)
{
  Dhcp6Option option = { 0 };
  guint16 length = 0;

  if (wire_reader_left (&iter->reader) == 0)
    return FALSE;
  if (!wire_read_u16 (&iter->reader, &option.code) || !wire_read_u16 (&iter->reader, &length) ||
      !wire_read_data (&iter->reader, length, &option.data.data))
    return FALSE;
  option.data.length = length;
  *ret_option = option;
  return TRUE;
}

gboolean
dhcp6_option_iter_failed (const Dhcp6OptionIter *iter)
{
  return wire_reader_failed (&iter->reader);
}

/* The slice, when it is the first of its kind. */
static void
keep_first (Dhcp6Slice *slice, Dhcp6Slice data)
{
  if (slice->data == NULL)
    *slice = data;
}

static gboolean
take_u32 (Dhcp6Slice data, gboolean *has, guint32 *value)
{
  WireReader reader;
  guint32 number = 0;

  wire_reader_init (&reader, data.data, data.length);
  if (!wire_read_u32 (&reader, &number) || !wire_reader_at_end (&reader))
    return FALSE;
  if (!*has)
    *value = number;
  *has = TRUE;
  return TRUE;
}

/* ---------------------------------------------------------------- messages ---- */

static gboolean
take_status (Dhcp6Message *message, Dhcp6Slice data)
{
  WireReader reader;
  guint16 status = 0;
  Dhcp6Slice text = { 0 };

  wire_reader_init (&reader, data.data, data.length);
  text.length = data.length < 2 ? 0 : data.length - 2;
  if (!wire_read_u16 (&reader, &status) || !wire_read_data (&reader, text.length, &text.data))
    return FALSE;
  if (message->has_status)
    return TRUE;
  message->has_status = TRUE;
  message->status = status;
  message->status_text = text;
  return TRUE;
}

/* FALSE: of a length that it cannot have. DUIDs, LQ_QUERY and CLIENT_DATA are judged by who needs them. */
static gboolean
take_message_option (Dhcp6Message *message, const Dhcp6Option *option)
{
  switch (option->code)
    {
    case DHCP6_OPTION_CLIENTID:
      keep_first (&message->client_id, option->data);
      return TRUE;
    case DHCP6_OPTION_SERVERID:
      keep_first (&message->server_id, option->data);
      return TRUE;
    case DHCP6_OPTION_LQ_QUERY:
      keep_first (&message->lq_query, option->data);
      message->n_lq_query++;
      return TRUE;
    case DHCP6_OPTION_CLIENT_DATA:
      keep_first (&message->client_data, option->data);
      message->n_client_data++;
      return TRUE;
    case DHCP6_OPTION_LQ_RELAY_DATA:
      keep_first (&message->relay_data, option->data);
      return TRUE;
    case DHCP6_OPTION_LQ_CLIENT_LINK:
      message->client_link = TRUE;
      return option->data.length % ADDRESS_OCTETS == 0;
    case DHCP6_OPTION_STATUS_CODE:
      return take_status (message, option->data);
    case DHCP6_OPTION_ORO:
      keep_first (&message->oro, option->data);
      return option->data.length % 2 == 0;
    case DHCP6_OPTION_LQ_BASE_TIME:
      return take_u32 (option->data, &message->has_base_time, &message->base_time);
    case DHCP6_OPTION_LQ_START_TIME:
      return take_u32 (option->data, &message->has_start_time, &message->start_time);
    case DHCP6_OPTION_LQ_END_TIME:
      return take_u32 (option->data, &message->has_end_time, &message->end_time);
    default: /* not an enumeration of ours: options nobody here knows are skipped (RFC 8415 16) */
      return TRUE;
    }
}

Dhcp6Fault
dhcp6_parse_message (const guint8 *data, gsize length, Dhcp6Message *ret_message, Dhcp6Message *ret_header)
{
  Dhcp6Message message = { 0 };
  Dhcp6OptionIter iter;
  Dhcp6Option option;
  WireReader reader;
  gboolean good = TRUE;

  wire_reader_init (&reader, data, length);
  if (!wire_read_u8 (&reader, &message.type) || !wire_read_u24 (&reader, &message.transaction_id))
    return DHCP6_SHORT_FRAME;
  message.options.length = wire_reader_left (&reader);
  if (!wire_read_data (&reader, message.options.length, &message.options.data))
    return DHCP6_SHORT_FRAME;
  dhcp6_option_iter_init (&iter, message.options);
  while (good && dhcp6_option_iter_next (&iter, &option))
    good = take_message_option (&message, &option);
  if (ret_header != NULL)
    *ret_header = message;
  if (!good || dhcp6_option_iter_failed (&iter))
    return DHCP6_BAD_OPTION_LENGTH;
  *ret_message = message;
  return DHCP6_OK;
}

/* ------------------------------------------------------------------- query ---- */

static gboolean
take_query_address (Dhcp6Query *query, Dhcp6Slice data)
{
  WireReader reader;
  RoamAddr address;

  wire_reader_init (&reader, data.data, data.length);
  if (data.length < IAADDR_FIXED || !wire_read_addr (&reader, ROAM_FAMILY_INET6, &address))
    return FALSE;
  if (query->n_address++ == 0)
    query->address = address;
  return TRUE;
}

/* The fault of an option that the query's type needs; others pass. */
static Dhcp6Fault
take_query_option (const Dhcp6CodePoints *points, Dhcp6Query *query, const Dhcp6Option *option)
{
  if (option->code == DHCP6_OPTION_ORO)
    {
      keep_first (&query->oro, option->data);
      return option->data.length % 2 == 0 ? DHCP6_OK : DHCP6_BAD_OPTION_LENGTH;
    }
  if (query->type == DHCP6_QUERY_BY_ADDRESS && option->code == DHCP6_OPTION_IAADDR)
    return take_query_address (query, option->data) ? DHCP6_OK : DHCP6_BAD_OPTION_LENGTH;
  if (query->type == DHCP6_QUERY_BY_CLIENTID && option->code == DHCP6_OPTION_CLIENTID)
    {
      keep_first (&query->client_id, option->data);
      query->n_client_id++;
      return dhcp6_duid_is_valid (option->data) ? DHCP6_OK : DHCP6_BAD_DUID;
    }
  if (query->type == DHCP6_QUERY_BY_RELAY_ID && option->code == points->option_relay_id)
    {
      keep_first (&query->relay_id, option->data);
      query->n_relay_id++;
      return dhcp6_duid_is_valid (option->data) ? DHCP6_OK : DHCP6_BAD_DUID;
    }
  if (query->type == DHCP6_QUERY_BY_REMOTE_ID && option->code == DHCP6_OPTION_REMOTE_ID)
    {
      keep_first (&query->remote_id, option->data);
      query->n_remote_id++;
      return option->data.length >= REMOTE_ID_MIN ? DHCP6_OK : DHCP6_BAD_OPTION_LENGTH;
    }
  return DHCP6_OK;
}

Dhcp6Fault
dhcp6_parse_query (const Dhcp6CodePoints *points, Dhcp6Slice lq_query, Dhcp6Query *ret_query)
{
  Dhcp6Query query = { 0 };
  Dhcp6OptionIter iter;
  Dhcp6Option option;
  Dhcp6Slice options = { 0 };
  WireReader reader;
  Dhcp6Fault fault = DHCP6_OK;

  wire_reader_init (&reader, lq_query.data, lq_query.length);
  if (!wire_read_u8 (&reader, &query.type) || !wire_read_addr (&reader, ROAM_FAMILY_INET6, &query.link_address))
    return DHCP6_BAD_OPTION_LENGTH;
  options.length = lq_query.length - LQ_QUERY_FIXED;
  if (!wire_read_data (&reader, options.length, &options.data))
    return DHCP6_BAD_OPTION_LENGTH;
  dhcp6_option_iter_init (&iter, options);
  while (fault == DHCP6_OK && dhcp6_option_iter_next (&iter, &option))
    fault = take_query_option (points, &query, &option);
  if (fault == DHCP6_OK && dhcp6_option_iter_failed (&iter))
    fault = DHCP6_BAD_OPTION_LENGTH;
  if (fault == DHCP6_OK)
    *ret_query = query;
  return fault;
}

gboolean
dhcp6_query_wants (const Dhcp6Query *query, guint16 option)
{
  WireReader reader;
  guint16 code;

  wire_reader_init (&reader, query->oro.data, query->oro.length);
  while (wire_read_u16 (&reader, &code))
    if (code == option)
      return TRUE;
  return FALSE;
}

/* ------------------------------------------------------------- client data ---- */

/* IAADDR and IAPREFIX by their lengths alone; the value of a prefix length is judged one by one. */
static gboolean
is_binding (const Dhcp6Option *option, gboolean *ret_good)
{
  if (option->code == DHCP6_OPTION_IAADDR)
    *ret_good = option->data.length >= IAADDR_FIXED;
  else if (option->code == DHCP6_OPTION_IAPREFIX)
    *ret_good = option->data.length >= IAPREFIX_FIXED;
  else
    return FALSE;
  return TRUE;
}

static Dhcp6Slice
behind (Dhcp6Slice data, gsize fixed)
{
  return (Dhcp6Slice){ data.data + fixed, data.length - fixed };
}

/* Lengths inside an IA_NA or IA_PD. */
static Dhcp6Fault
count_ia (Dhcp6Slice ia, guint *n_bindings)
{
  Dhcp6OptionIter iter;
  Dhcp6Option option;
  gboolean good = TRUE;

  if (ia.length < IA_FIXED)
    return DHCP6_BAD_OPTION_LENGTH;
  dhcp6_option_iter_init (&iter, behind (ia, IA_FIXED));
  while (good && dhcp6_option_iter_next (&iter, &option))
    if (is_binding (&option, &good))
      (*n_bindings)++;
  return good && !dhcp6_option_iter_failed (&iter) ? DHCP6_OK : DHCP6_BAD_OPTION_LENGTH;
}

static Dhcp6Fault
take_client_option (const Dhcp6CodePoints *points, Dhcp6ClientData *client, const Dhcp6Option *option)
{
  gboolean good = TRUE;

  if (is_binding (option, &good))
    {
      client->n_bindings++;
      return good ? DHCP6_OK : DHCP6_BAD_OPTION_LENGTH;
    }
  if (option->code == points->option_relay_id)
    {
      keep_first (&client->relay_id, option->data);
      return dhcp6_duid_is_valid (option->data) ? DHCP6_OK : DHCP6_BAD_DUID;
    }
  switch (option->code)
    {
    case DHCP6_OPTION_CLIENTID:
      keep_first (&client->client_id, option->data);
      return dhcp6_duid_is_valid (option->data) ? DHCP6_OK : DHCP6_BAD_DUID;
    case DHCP6_OPTION_CLT_TIME:
      good = take_u32 (option->data, &client->has_clt_time, &client->clt_time);
      break;
    case DHCP6_OPTION_LQ_RELAY_DATA:
      keep_first (&client->relay_data, option->data);
      good = option->data.length >= ADDRESS_OCTETS;
      break;
    case DHCP6_OPTION_REMOTE_ID:
      keep_first (&client->remote_id, option->data);
      good = option->data.length >= REMOTE_ID_MIN;
      break;
    case DHCP6_OPTION_IA_NA:
    case DHCP6_OPTION_IA_PD:
      return count_ia (option->data, &client->n_bindings);
    default:
      break;
    }
  return good ? DHCP6_OK : DHCP6_BAD_OPTION_LENGTH;
}

Dhcp6Fault
dhcp6_parse_client_data (const Dhcp6CodePoints *points, Dhcp6Slice data, Dhcp6ClientData *ret_client)
{
  Dhcp6ClientData client = { .options = data };
  Dhcp6OptionIter iter;
  Dhcp6Option option;
  Dhcp6Fault fault = DHCP6_OK;

  dhcp6_option_iter_init (&iter, data);
  while (fault == DHCP6_OK && dhcp6_option_iter_next (&iter, &option))
    fault = take_client_option (points, &client, &option);
  if (fault == DHCP6_OK && dhcp6_option_iter_failed (&iter))
    fault = DHCP6_BAD_OPTION_LENGTH;
  if (fault == DHCP6_OK)
    *ret_client = client;
  return fault;
}

void
dhcp6_binding_iter_init (Dhcp6BindingIter *iter, const Dhcp6ClientData *client)
{
  *iter = (Dhcp6BindingIter){ 0 };
  dhcp6_option_iter_init (&iter->outer, client->options);
}

/* The next IAADDR or IAPREFIX, into and out of IA_NA and IA_PD. */
static gboolean
next_binding_option (Dhcp6BindingIter *iter, Dhcp6Option *option)
{
  gboolean good;

  for (;;)
    {
      if (!dhcp6_option_iter_next (iter->in_ia ? &iter->inner : &iter->outer, option))
        {
          if (!iter->in_ia)
            return FALSE;
          iter->in_ia = FALSE;
          continue;
        }
      if (is_binding (option, &good))
        return TRUE;
      if (!iter->in_ia && (option->code == DHCP6_OPTION_IA_NA || option->code == DHCP6_OPTION_IA_PD))
        {
          WireReader reader;

          wire_reader_init (&reader, option->data.data, option->data.length);
          if (!wire_read_u32 (&reader, &iter->iaid))
            return FALSE;
          iter->in_ia = TRUE;
          dhcp6_option_iter_init (&iter->inner, behind (option->data, IA_FIXED));
        }
    }
}

/* IAADDR has its lifetimes last, IAPREFIX first (RFC 8415 21.6, 21.22). */
static gboolean
read_binding (WireReader *reader, Dhcp6Binding *binding)
{
  if (!binding->is_prefix)
    return wire_read_addr (reader, ROAM_FAMILY_INET6, &binding->address) &&
           wire_read_u32 (reader, &binding->preferred) && wire_read_u32 (reader, &binding->valid);
  return wire_read_u32 (reader, &binding->preferred) && wire_read_u32 (reader, &binding->valid) &&
         wire_read_u8 (reader, &binding->prefix_length) &&
         wire_read_addr (reader, ROAM_FAMILY_INET6, &binding->address);
}

gboolean
dhcp6_binding_iter_next (Dhcp6BindingIter *iter, Dhcp6Binding *ret_binding, Dhcp6Fault *ret_fault)
{
  Dhcp6Binding binding = { .prefix_length = 128 };
  Dhcp6Option option = { 0 };
  WireReader reader;

  if (!next_binding_option (iter, &option))
    return FALSE;
  binding.is_prefix = option.code == DHCP6_OPTION_IAPREFIX;
  binding.has_iaid = iter->in_ia;
  binding.iaid = iter->in_ia ? iter->iaid : 0;
  wire_reader_init (&reader, option.data.data, option.data.length);
  if (!read_binding (&reader, &binding))
    return FALSE;
  binding.options = behind (option.data, wire_reader_position (&reader));
  *ret_fault = binding.prefix_length > 128 ? DHCP6_BAD_OPTION_VALUE : DHCP6_OK;
  *ret_binding = binding;
  return TRUE;
}

gboolean
dhcp6_binding_same (const Dhcp6Binding *a, const Dhcp6Binding *b)
{
  const RoamPrefix prefix = { a->address, a->prefix_length };

  if (a->is_prefix != b->is_prefix || a->prefix_length != b->prefix_length)
    return FALSE;
  return roam_prefix_contains (&prefix, &b->address);
}

/* -------------------------------------------------------------- relay data ---- */

static gboolean
read_relay (Dhcp6Slice message, Dhcp6Relay *relay)
{
  WireReader reader;
  guint8 type = 0;

  wire_reader_init (&reader, message.data, message.length);
  if (!wire_read_u8 (&reader, &type) || type != DHCP6_RELAY_FORW || !wire_read_u8 (&reader, &relay->hop_count) ||
      !wire_read_addr (&reader, ROAM_FAMILY_INET6, &relay->link_address) ||
      !wire_read_addr (&reader, ROAM_FAMILY_INET6, &relay->forwarded_peer))
    return FALSE;
  relay->options = behind (message, wire_reader_position (&reader));
  return TRUE;
}

/* @ret_inner: the RELAY_MSG inside, or nothing. */
static Dhcp6Fault
read_relay_options (const Dhcp6CodePoints *points, Dhcp6Relay *relay, Dhcp6Slice *ret_inner)
{
  Dhcp6OptionIter iter;
  Dhcp6Option option;

  *ret_inner = (Dhcp6Slice){ 0 };
  dhcp6_option_iter_init (&iter, relay->options);
  while (dhcp6_option_iter_next (&iter, &option))
    {
      if (option.code == points->option_relay_id)
        keep_first (&relay->relay_id, option.data);
      else if (option.code == DHCP6_OPTION_REMOTE_ID)
        keep_first (&relay->remote_id, option.data);
      else if (option.code == DHCP6_OPTION_INTERFACE_ID)
        keep_first (&relay->interface_id, option.data);
      else if (option.code == DHCP6_OPTION_RELAY_MSG)
        keep_first (ret_inner, option.data);
    }
  if (dhcp6_option_iter_failed (&iter))
    return DHCP6_BAD_OPTION_LENGTH;
  if (relay->relay_id.data != NULL && !dhcp6_duid_is_valid (relay->relay_id))
    return DHCP6_BAD_DUID;
  if (relay->remote_id.data != NULL && relay->remote_id.length < REMOTE_ID_MIN)
    return DHCP6_BAD_OPTION_LENGTH;
  return DHCP6_OK;
}

Dhcp6Fault
dhcp6_parse_relay_data (const Dhcp6CodePoints *points, Dhcp6Slice data, Dhcp6Relay *relays, guint n_relays,
                        guint *ret_n)
{
  WireReader reader;
  RoamAddr peer;
  Dhcp6Slice message;
  guint n = 0;

  wire_reader_init (&reader, data.data, data.length);
  if (!wire_read_addr (&reader, ROAM_FAMILY_INET6, &peer))
    return DHCP6_BAD_OPTION_LENGTH;
  message = behind (data, ADDRESS_OCTETS);
  while (message.data != NULL)
    {
      Dhcp6Relay relay = { .peer_address = peer };
      Dhcp6Fault fault;

      if (n == DHCP6_MAX_HOPS || !read_relay (message, &relay))
        return DHCP6_BAD_OPTION_LENGTH;
      fault = read_relay_options (points, &relay, &message);
      if (fault != DHCP6_OK)
        return fault;
      if (n < n_relays)
        relays[n] = relay;
      n++;
      peer = relay.forwarded_peer;
    }
  *ret_n = n;
  return DHCP6_OK;
}
