/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "dhcp6/leasequery-requestor-private.h"

/* What a server says, taken apart one binding at a time (RFC 5460 6.3, RFC 5007 4.3.3; section 8 of the requirements).
 */

void
leasequery_answer_reset (LeasequeryRequestor *r)
{
  dhcp6_frame_reader_clear (&r->frames);
  dhcp6_frame_reader_init (&r->frames, r->config.reply_cap);
  r->input = NULL;
  r->n_input = 0;
  r->in_message = r->in_client = FALSE;
  r->of = NULL;
}

/* One of those that a connection may have only so many of (rows 5 and 13). FALSE: it had too many and is gone. */
static gboolean
faulty_message (LeasequeryRequestor *r, LeasequeryFault fault)
{
  leasequery_requestor_fault (r, fault, 0);
  if (++r->faulty_messages < LEASEQUERY_MAX_FAULTY_MESSAGES)
    return TRUE;
  leasequery_requestor_drop (r, LEASEQUERY_OUTCOME_PROTOCOL);
  return FALSE;
}

static RequestorQuery *
find_outstanding (const LeasequeryRequestor *r, guint32 transaction_id)
{
  for (guint i = 0; i < r->queries->len; i++)
    {
      RequestorQuery *query = g_ptr_array_index (r->queries, i);

      if (query->state != QUERY_QUEUED && query->transaction_id == transaction_id)
        return query;
    }
  return NULL;
}

static gboolean
is_aborted (const LeasequeryRequestor *r)
{
  return g_hash_table_contains (r->aborted, GUINT_TO_POINTER (r->message.transaction_id));
}

/* --------------------------------------------------------------- the reply ---- */

static void
keep_text (LeasequeryRequestor *r)
{
  g_clear_pointer (&r->text, g_free);
  if (r->message.status_text.length > 0)
    r->text = dhcp6_dup_text (r->message.status_text);
}

static void
tell_reply (LeasequeryRequestor *r, const RequestorQuery *query)
{
  LeasequeryEvent *event = leasequery_requestor_push_event (r, LEASEQUERY_EVENT_REPLY, query->id);

  event->status = r->message.status;
  event->status_text = r->text;
  event->server_id = r->message.server_id;
  event->has_base_time = r->message.has_base_time;
  event->base_time = r->message.base_time;
}

/* ------------------------------------------------------------ active queries ---- */

/* RFC 7653 8.4.1: from base_time on all is told; the times that the caller keeps stay what they were. */
static void
tell_missing (LeasequeryRequestor *r, const RequestorQuery *query)
{
  LeasequeryEvent *event = leasequery_requestor_push_event (r, LEASEQUERY_EVENT_DATA_MISSING, query->id);

  event->has_start_time = query->query->has_start_time;
  event->start_time = query->query->start_time;
  event->has_base_time = r->message.has_base_time;
  event->base_time = r->message.base_time;
}

/*
 * The message is used up. Its time is one to go on from, unless older changes are still to come
 * (RFC 7653 8.3, 8.4).
 */
static void
keep_base_time (LeasequeryRequestor *r)
{
  RequestorQuery *query = r->of;
  LeasequeryEvent *event;

  if (query == NULL || query->state != QUERY_ACTIVE || !query->caught_up || !r->message.has_base_time ||
      (query->query->has_start_time && query->query->start_time == r->message.base_time))
    return;
  query->query->has_start_time = TRUE;
  query->query->start_time = r->message.base_time;
  event = leasequery_requestor_push_event (r, LEASEQUERY_EVENT_RESUME, query->id);
  event->has_base_time = TRUE;
  event->base_time = r->message.base_time;
}

/* What a status of a message means while changes are told. */
static void
active_status (LeasequeryRequestor *r, RequestorQuery *query)
{
  if (r->message.status == DHCP6_STATUS_DATA_MISSING)
    tell_missing (r, query);
  else if (r->message.status == DHCP6_STATUS_CATCH_UP_COMPLETE && !query->caught_up)
    {
      query->caught_up = TRUE;
      leasequery_requestor_push_event (r, LEASEQUERY_EVENT_CAUGHT_UP, query->id);
    }
}

/* An error: QueryTerminated may be tried again (RFC 5460 5.5), in the draft UnspecFail too (LQ-DRF-004). */
static void
query_refused (LeasequeryRequestor *r, RequestorQuery *query)
{
  gboolean ended_early =
    r->message.status == DHCP6_STATUS_QUERY_TERMINATED ||
    (r->message.type == r->config.points.type_done && r->message.status == DHCP6_STATUS_UNSPEC_FAIL);

  query->status = r->message.status;
  if (ended_early && leasequery_requestor_postpone (r, query))
    return;
  leasequery_requestor_finish (r, query, LEASEQUERY_OUTCOME_STATUS, FALSE);
}

static gboolean
is_for_us (LeasequeryRequestor *r, const RequestorQuery *query)
{
  if (!dhcp6_duid_is_valid (r->message.server_id))
    leasequery_requestor_fault (r, LEASEQUERY_FAULT_NO_SERVERID, query->id);
  else if (!dhcp6_slice_equal (r->message.client_id, r->config.duid))
    leasequery_requestor_fault (r, LEASEQUERY_FAULT_CLIENTID, query->id);
  else
    return TRUE;
  return FALSE;
}

static void
begin_client_data (LeasequeryRequestor *r, RequestorQuery *query)
{
  r->of = query;
  r->in_message = TRUE;
  r->in_client = FALSE;
  dhcp6_option_iter_init (&r->options, r->message.options);
}

static void
first_reply (LeasequeryRequestor *r, RequestorQuery *query)
{
  gboolean error = r->message.status != DHCP6_STATUS_SUCCESS &&
                   !(query->query->active && r->message.status == DHCP6_STATUS_DATA_MISSING);

  r->heard = TRUE;
  r->attempts = r->refusals = 0;
  g_clear_pointer (&query->server_id, g_bytes_unref);
  query->server_id = g_bytes_new (r->message.server_id.data, r->message.server_id.length);
  keep_text (r);
  tell_reply (r, query);
  if (error && r->message.n_client_data > 0)
    leasequery_requestor_fault (r, LEASEQUERY_FAULT_ERROR_WITH_DATA, query->id);
  if (error)
    query_refused (r, query);
  else if (query->query->active)
    {
      query->state = QUERY_ACTIVE;
      query->retries = query->terminations = 0;
      query->caught_up = !query->query->has_start_time;
      active_status (r, query);
      begin_client_data (r, query);
    }
  else if (r->message.n_client_data == 0)
    leasequery_requestor_finish (r, query, LEASEQUERY_OUTCOME_OK, TRUE); /* RFC 5460 6.3: no bindings */
  else
    {
      query->state = QUERY_DATA;
      begin_client_data (r, query);
    }
}

static void
process_reply (LeasequeryRequestor *r, RequestorQuery *query)
{
  if (!is_for_us (r, query))
    return;
  if (r->message.client_link)
    leasequery_requestor_fault (r, LEASEQUERY_FAULT_CLIENT_LINK, query->id);
  if (query->state == QUERY_WAIT)
    {
      first_reply (r, query);
      return;
    }
  leasequery_requestor_fault (r, LEASEQUERY_FAULT_SECOND_REPLY, query->id);
  keep_text (r);
  if (r->message.status != DHCP6_STATUS_SUCCESS)
    query_refused (r, query);
  else
    begin_client_data (r, query);
}

static void
process_data (LeasequeryRequestor *r, RequestorQuery *query)
{
  if (query->state == QUERY_WAIT)
    {
      leasequery_requestor_fault (r, LEASEQUERY_FAULT_DATA_BEFORE_REPLY, query->id);
      leasequery_requestor_drop (r, LEASEQUERY_OUTCOME_PROTOCOL);
      return;
    }
  if (r->message.client_link)
    leasequery_requestor_fault (r, LEASEQUERY_FAULT_CLIENT_LINK, query->id);
  if (query->state == QUERY_ACTIVE)
    active_status (r, query);
  begin_client_data (r, query); /* none: nothing follows, and that is no fault (RFC 7653 8.4) */
}

static void
process_done (LeasequeryRequestor *r, RequestorQuery *query)
{
  if (query->state == QUERY_WAIT)
    {
      leasequery_requestor_fault (r, LEASEQUERY_FAULT_DONE_UNEXPECTED, query->id);
      leasequery_requestor_drop (r, LEASEQUERY_OUTCOME_PROTOCOL);
      return;
    }
  keep_text (r);
  r->of = query;
  keep_base_time (r);
  r->of = NULL;
  if (query->state == QUERY_ACTIVE && r->message.status == DHCP6_STATUS_QUERY_TERMINATED &&
      query->retries < r->config.max_retries)
    leasequery_requestor_drop (r, LEASEQUERY_OUTCOME_INCOMPLETE); /* its last word, and it closes (RFC 7653 8.4) */
  else if (r->message.status != DHCP6_STATUS_SUCCESS)
    query_refused (r, query);
  else
    leasequery_requestor_finish (r, query, LEASEQUERY_OUTCOME_OK, TRUE);
}

/* RFC 7653 8.2: without a status the handshake begins; anything else is no way to a secured connection. */
static void
process_starttls_answer (LeasequeryRequestor *r)
{
  keep_text (r);
  if (r->message.type != DHCP6_REPLY || r->message.transaction_id != r->starttls_id || r->message.has_status)
    leasequery_requestor_drop (r, LEASEQUERY_OUTCOME_INSECURE);
  else if (r->n_input > 0)
    {
      leasequery_requestor_fault (r, LEASEQUERY_FAULT_TLS, 0);
      leasequery_requestor_drop (r, LEASEQUERY_OUTCOME_INSECURE);
    }
  else
    leasequery_requestor_begin_tls (r);
}

static void
process_unmatched (LeasequeryRequestor *r)
{
  gboolean done = r->message.type == r->config.points.type_done;

  if (is_aborted (r))
    {
      if (done)
        g_hash_table_remove (r->aborted, GUINT_TO_POINTER (r->message.transaction_id));
      return;
    }
  if (!done)
    {
      faulty_message (r, LEASEQUERY_FAULT_TRANSACTION);
      return;
    }
  leasequery_requestor_fault (r, LEASEQUERY_FAULT_DONE_UNEXPECTED, 0);
  leasequery_requestor_drop (r, LEASEQUERY_OUTCOME_INCOMPLETE); /* RFC 5460 6.3: MUST close */
}

static void
process_message (LeasequeryRequestor *r, Dhcp6Slice octets)
{
  const Dhcp6CodePoints *points = &r->config.points;
  RequestorQuery *query;

  r->quiet_since_us = r->now_us;
  if (dhcp6_parse_message (octets.data, octets.length, &r->message, NULL) != DHCP6_OK)
    {
      faulty_message (r, LEASEQUERY_FAULT_MESSAGE);
      return;
    }
  if (r->state == CONNECTION_STARTTLS)
    {
      process_starttls_answer (r);
      return;
    }
  if (r->message.type != DHCP6_LEASEQUERY_REPLY && r->message.type != points->type_data &&
      r->message.type != points->type_done)
    {
      faulty_message (r, LEASEQUERY_FAULT_MESSAGE_TYPE);
      return;
    }
  query = find_outstanding (r, r->message.transaction_id);
  if (query == NULL)
    process_unmatched (r);
  else if (r->message.type == DHCP6_LEASEQUERY_REPLY)
    process_reply (r, query);
  else if (r->message.type == points->type_data)
    process_data (r, query);
  else
    process_done (r, query);
  leasequery_requestor_advance (r);
}

/* ---------------------------------------------------------------- bindings ---- */

/* CLIENT_DATA is worth something with a client, a time and a binding (RFC 5007 4.4.2, 4.3.3). */
static gboolean
judge_client (LeasequeryRequestor *r, Dhcp6Slice data)
{
  if (dhcp6_parse_client_data (&r->config.points, data, &r->client) != DHCP6_OK)
    leasequery_requestor_fault (r, LEASEQUERY_FAULT_CLIENT_DATA, r->of->id);
  else if (!r->client.has_clt_time)
    leasequery_requestor_fault (r, LEASEQUERY_FAULT_NO_CLT_TIME, r->of->id);
  else if (r->client.client_id.data == NULL)
    leasequery_requestor_fault (r, LEASEQUERY_FAULT_NO_CLIENT, r->of->id);
  else if (r->client.n_bindings == 0)
    leasequery_requestor_fault (r, LEASEQUERY_FAULT_NO_BINDING, r->of->id);
  else
    return TRUE;
  return FALSE;
}

static gboolean
judge_binding (LeasequeryRequestor *r, const Dhcp6Binding *binding, Dhcp6Fault fault)
{
  if (fault != DHCP6_OK)
    leasequery_requestor_fault (r, LEASEQUERY_FAULT_PREFIX_LENGTH, r->of->id);
  else if (binding->valid == 0 && r->of->state != QUERY_ACTIVE)
    leasequery_requestor_fault (r, LEASEQUERY_FAULT_EXPIRED, r->of->id);
  else if (binding->preferred > binding->valid)
    leasequery_requestor_fault (r, LEASEQUERY_FAULT_LIFETIMES, r->of->id);
  else
    return TRUE;
  return FALSE;
}

static void
tell_binding (LeasequeryRequestor *r, const Dhcp6Binding *binding, LeasequeryEvent *event)
{
  *event = (LeasequeryEvent){
    .type = LEASEQUERY_EVENT_BINDING,
    .id = r->of->id,
    .client = &r->client,
    .binding = *binding,
    .relay_data = r->client.relay_data.data != NULL ? r->client.relay_data : r->message.relay_data,
    .received_us = r->now_us,
    .first_of_client = r->first_of_client,
    .gone = binding->valid == 0,
  };
  event->server_id.data = g_bytes_get_data (r->of->server_id, &event->server_id.length);
  r->first_of_client = FALSE;
  r->of->n_bindings++;
}

/* The next binding of the CLIENT_DATA under way. FALSE: it has no more. */
static gboolean
step_client (LeasequeryRequestor *r, LeasequeryEvent *event)
{
  Dhcp6Binding binding;
  Dhcp6Fault fault;

  if (!dhcp6_binding_iter_next (&r->bindings, &binding, &fault))
    {
      r->in_client = FALSE;
      return FALSE;
    }
  if (!judge_binding (r, &binding, fault))
    return TRUE;
  if (binding.has_iaid)
    r->faults[LEASEQUERY_FAULT_IA]++;
  tell_binding (r, &binding, event);
  return TRUE;
}

/* The next CLIENT_DATA of the message under way. */
static void
step_message (LeasequeryRequestor *r)
{
  Dhcp6Option option;

  while (dhcp6_option_iter_next (&r->options, &option))
    {
      if (option.code != DHCP6_OPTION_CLIENT_DATA)
        continue;
      r->of->n_data++;
      if (!judge_client (r, option.data))
        return;
      dhcp6_binding_iter_init (&r->bindings, &r->client);
      r->in_client = r->first_of_client = TRUE;
      return;
    }
  keep_base_time (r);
  r->in_message = FALSE;
}

gboolean
leasequery_answer_step (LeasequeryRequestor *r, LeasequeryRequestorAction *ret_action)
{
  Dhcp6Slice octets;

  if (r->in_message && r->of == NULL) /* its query is over, by a command in between */
    r->in_message = r->in_client = FALSE;
  if (r->in_message)
    {
      if (!r->in_client || !step_client (r, &ret_action->event))
        step_message (r);
      return TRUE;
    }
  if (r->n_input == 0)
    return FALSE;
  if (dhcp6_frame_reader_next (&r->frames, &r->input, &r->n_input, &octets))
    {
      process_message (r, octets);
      return TRUE;
    }
  if (r->frames.fault == DHCP6_OK)
    return FALSE;
  leasequery_requestor_fault (r, LEASEQUERY_FAULT_FRAME, 0);
  leasequery_requestor_drop (r, LEASEQUERY_OUTCOME_PROTOCOL);
  return TRUE;
}
