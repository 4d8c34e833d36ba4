/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "dhcp6/leasequery-requestor-private.h"

#include <string.h>

/* The verbs of the requestor, its queries and its connection (RFC 5460 6.1, 6.5, 6.6). */

const char *
leasequery_outcome_to_string (LeasequeryOutcome outcome)
{
  switch (outcome)
    {
    case LEASEQUERY_OUTCOME_OK:
      return "ok";
    case LEASEQUERY_OUTCOME_STATUS:
      return "the server refused";
    case LEASEQUERY_OUTCOME_INCOMPLETE:
      return "the connection ended before the result was whole";
    case LEASEQUERY_OUTCOME_PROTOCOL:
      return "the server broke the protocol";
    case LEASEQUERY_OUTCOME_UNREACHABLE:
      return "no connection";
    case LEASEQUERY_OUTCOME_REFUSED:
      return "the server ends the connection before any reply: it may not permit this requestor";
    case LEASEQUERY_OUTCOME_TIMEOUT:
      return "the server is silent";
    case LEASEQUERY_OUTCOME_ABORTED:
      return "given up";
    case LEASEQUERY_OUTCOME_INSECURE:
      return "no secure connection";
    }
  return "unknown";
}

const char *
leasequery_fault_to_string (LeasequeryFault fault)
{
  static const char *const names[LEASEQUERY_N_FAULTS] = {
    [LEASEQUERY_FAULT_FRAME] = "a frame of an impossible size",
    [LEASEQUERY_FAULT_MESSAGE] = "a malformed message",
    [LEASEQUERY_FAULT_MESSAGE_TYPE] = "a message type that may not be sent to a requestor",
    [LEASEQUERY_FAULT_TRANSACTION] = "a message for a query that is not outstanding",
    [LEASEQUERY_FAULT_NO_SERVERID] = "a reply without the server's identifier",
    [LEASEQUERY_FAULT_CLIENTID] = "a reply for another requestor",
    [LEASEQUERY_FAULT_SECOND_REPLY] = "a second reply to one query",
    [LEASEQUERY_FAULT_DATA_BEFORE_REPLY] = "data before the reply",
    [LEASEQUERY_FAULT_DONE_UNEXPECTED] = "the end of a query that is not outstanding",
    [LEASEQUERY_FAULT_CLIENT_DATA] = "malformed client data",
    [LEASEQUERY_FAULT_NO_CLT_TIME] = "client data without the time of last contact",
    [LEASEQUERY_FAULT_NO_CLIENT] = "client data without a client",
    [LEASEQUERY_FAULT_NO_BINDING] = "client data without an address or prefix",
    [LEASEQUERY_FAULT_CLIENT_LINK] = "a list of links, which may not be sent over TCP",
    [LEASEQUERY_FAULT_PREFIX_LENGTH] = "a prefix length above 128",
    [LEASEQUERY_FAULT_LIFETIMES] = "a preferred lifetime above the valid one",
    [LEASEQUERY_FAULT_EXPIRED] = "a binding whose lifetime is over",
    [LEASEQUERY_FAULT_ERROR_WITH_DATA] = "client data beside an error",
    [LEASEQUERY_FAULT_IA] = "a binding inside an identity association",
    [LEASEQUERY_FAULT_TLS] = "octets in the clear where TLS begins",
  };

  return (guint)fault < LEASEQUERY_N_FAULTS ? names[fault] : "unknown";
}

void
leasequery_requestor_action_clear (LeasequeryRequestorAction *action)
{
  if (action->type == LEASEQUERY_REQUESTOR_ACTION_SEND)
    g_clear_pointer (&action->octets, g_bytes_unref);
}

static LeasequeryRequestorAction *
push (LeasequeryRequestor *r, LeasequeryRequestorActionType type)
{
  LeasequeryRequestorAction *action = g_new0 (LeasequeryRequestorAction, 1);

  action->type = type;
  g_queue_push_tail (&r->actions, action);
  return action;
}

LeasequeryEvent *
leasequery_requestor_push_event (LeasequeryRequestor *r, LeasequeryEventType type, guint id)
{
  LeasequeryEvent *event = &push (r, LEASEQUERY_REQUESTOR_ACTION_EVENT)->event;

  event->type = type;
  event->id = id;
  return event;
}

void
leasequery_requestor_fault (LeasequeryRequestor *r, LeasequeryFault fault, guint id)
{
  r->faults[fault]++;
  leasequery_requestor_push_event (r, LEASEQUERY_EVENT_FAULT, id)->fault = fault;
}

/* ----------------------------------------------------------------- queries ---- */

static void
query_free (gpointer data)
{
  RequestorQuery *query = data;

  g_free (query->query);
  g_clear_pointer (&query->server_id, g_bytes_unref);
  g_free (query);
}

static RequestorQuery *
query_new (guint id, const LeasequeryQuery *asked)
{
  RequestorQuery *query = g_new0 (RequestorQuery, 1);

  query->id = id;
  query->query = leasequery_query_copy (asked);
  return query;
}

/* RFC 5007 4.3.3: which errors are this server's alone. */
static gboolean
another_may_do_better (const RequestorQuery *query, LeasequeryOutcome outcome)
{
  switch (outcome)
    {
    case LEASEQUERY_OUTCOME_OK:
    case LEASEQUERY_OUTCOME_ABORTED:
      return FALSE;
    case LEASEQUERY_OUTCOME_STATUS:
      return query->status == DHCP6_STATUS_NOT_ALLOWED || query->status == DHCP6_STATUS_NOT_CONFIGURED ||
             query->status == DHCP6_STATUS_UNKNOWN_QUERY_TYPE || query->status == DHCP6_STATUS_QUERY_TERMINATED ||
             query->status == DHCP6_STATUS_NOT_SUPPORTED;
    case LEASEQUERY_OUTCOME_INCOMPLETE:
    case LEASEQUERY_OUTCOME_PROTOCOL:
    case LEASEQUERY_OUTCOME_UNREACHABLE:
    case LEASEQUERY_OUTCOME_REFUSED:
    case LEASEQUERY_OUTCOME_TIMEOUT:
    case LEASEQUERY_OUTCOME_INSECURE:
      return TRUE;
    }
  return FALSE;
}

void
leasequery_requestor_finish (LeasequeryRequestor *r, RequestorQuery *query, LeasequeryOutcome outcome,
                             gboolean complete)
{
  LeasequeryEvent *event = leasequery_requestor_push_event (r, LEASEQUERY_EVENT_COMPLETE, query->id);

  event->outcome = outcome;
  event->complete = complete;
  event->status = query->status;
  event->n_bindings = query->n_bindings;
  event->try_other = another_may_do_better (query, outcome);
  event->status_text = r->text;
  if (r->of == query)
    r->of = NULL;
  g_ptr_array_remove (r->queries, query);
}

/*
 * Back to the queue; the caller of the engine drops what it has. What an active query told stays true: it goes on
 * from the last time that nothing was missing before.
 */
static void
requeue (LeasequeryRequestor *r, RequestorQuery *query)
{
  query->state = QUERY_QUEUED;
  query->caught_up = FALSE;
  if (query->query->active)
    return;
  query->n_bindings = 0;
  query->n_data = 0;
  query->status = DHCP6_STATUS_SUCCESS;
  leasequery_requestor_push_event (r, LEASEQUERY_EVENT_RESTART, query->id);
}

/* +-10 %, so that requestors of a server that restarts do not come all at once. */
static gint64
backoff (LeasequeryRequestor *r, guint tries)
{
  gint64 wait = r->config.retry_us;

  for (guint i = 1; i < tries && wait < r->config.retry_limit_us; i++)
    wait *= 2;
  wait = MIN (wait, r->config.retry_limit_us);
  return wait - wait / 10 + (gint64)roam_rng_below (r->rng, (guint32)(wait / 5) + 1);
}

gboolean
leasequery_requestor_postpone (LeasequeryRequestor *r, RequestorQuery *query)
{
  if (query->retries >= r->config.max_retries)
    return FALSE;
  query->retries++;
  query->terminations++;
  query->not_before_us = r->now_us + MAX (backoff (r, query->terminations), ROAM_USEC_PER_SEC);
  requeue (r, query);
  return TRUE;
}

/* -------------------------------------------------------------- connection ---- */

static void
connect_now (LeasequeryRequestor *r)
{
  r->state = CONNECTION_CONNECTING;
  r->attempts++;
  r->quiet_since_us = r->now_us;
  push (r, LEASEQUERY_REQUESTOR_ACTION_CONNECT);
}

static void
forget_connection (LeasequeryRequestor *r)
{
  r->state = CONNECTION_NONE;
  r->heard = r->output_ended = FALSE;
  r->faulty_messages = 0;
  r->blocked_since_us = 0;
  g_hash_table_remove_all (r->aborted);
  leasequery_answer_reset (r);
}

/* It is alone, so it is the first. */
static RequestorQuery *
find_active (const LeasequeryRequestor *r)
{
  RequestorQuery *query = r->queries->len == 0 ? NULL : g_ptr_array_index (r->queries, 0);

  return query != NULL && query->query->active ? query : NULL;
}

/* The queries still there are asked again, after a wait. */
static void
connect_later (LeasequeryRequestor *r)
{
  gint64 wait = backoff (r, MAX (r->attempts, 1));

  if (find_active (r) != NULL)
    wait = MAX (wait, r->config.active_retry_us); /* RFC 7653 8.1 */

  r->state = CONNECTION_WAITING;
  r->connect_at_us = r->now_us + wait;
  leasequery_requestor_push_event (r, LEASEQUERY_EVENT_WAITING, 0)->wait_us = wait;
}

/* What was sent ends with @outcome, or is asked again when it has a try left. */
static void
connection_lost (LeasequeryRequestor *r, LeasequeryOutcome outcome)
{
  gboolean was_open = r->state == CONNECTION_OPEN;

  forget_connection (r);
  for (guint i = 0; i < r->queries->len;)
    {
      RequestorQuery *query = g_ptr_array_index (r->queries, i);

      /* One that was not sent yet has lost nothing with this connection. */
      if (query->state == QUERY_QUEUED && was_open && outcome != LEASEQUERY_OUTCOME_REFUSED)
        {
          i++;
          continue;
        }
      if (query->retries >= r->config.max_retries || outcome == LEASEQUERY_OUTCOME_PROTOCOL ||
          outcome == LEASEQUERY_OUTCOME_REFUSED ||
          /* Who was secure once may be so again; an active query waits for it. */
          (outcome == LEASEQUERY_OUTCOME_INSECURE && !(query->query->active && r->was_open)))
        {
          leasequery_requestor_finish (r, query, outcome, FALSE);
          continue;
        }
      query->retries++;
      if (query->state != QUERY_QUEUED)
        requeue (r, query);
      i++;
    }
  if (r->queries->len > 0)
    connect_later (r);
}

void
leasequery_requestor_drop (LeasequeryRequestor *r, LeasequeryOutcome outcome)
{
  push (r, LEASEQUERY_REQUESTOR_ACTION_DISCONNECT);
  connection_lost (r, outcome);
}

static gboolean
has_query_in (const LeasequeryRequestor *r, QueryState state)
{
  for (guint i = 0; i < r->queries->len; i++)
    if (((const RequestorQuery *)g_ptr_array_index (r->queries, i))->state == state)
      return TRUE;
  return FALSE;
}

/*
 * A server may close after any answer (RFC 5460 7.4), and what it had not read then makes its system
 * send RST: what was sent behind that answer is asked on another connection, at once. That comes to an
 * end: each such connection has brought an answer.
 */
static void
connect_anew (LeasequeryRequestor *r)
{
  forget_connection (r);
  for (guint i = 0; i < r->queries->len; i++)
    {
      RequestorQuery *query = g_ptr_array_index (r->queries, i);

      if (query->state == QUERY_WAIT)
        requeue (r, query);
    }
  if (r->queries->len > 0)
    connect_now (r);
}

/* EOF or RST. The draft lets a lone REPLY and the end be a whole result (LQ-DRF-006). */
static void
connection_ended (LeasequeryRequestor *r, gboolean in_order)
{
  LeasequeryOutcome outcome = LEASEQUERY_OUTCOME_INCOMPLETE;

  push (r, LEASEQUERY_REQUESTOR_ACTION_DISCONNECT);
  for (guint i = 0; in_order && r->config.done_after_single_optional && i < r->queries->len;)
    {
      RequestorQuery *query = g_ptr_array_index (r->queries, i);

      if (query->state == QUERY_DATA && query->n_data == 1)
        leasequery_requestor_finish (r, query, LEASEQUERY_OUTCOME_OK, TRUE);
      else
        i++;
    }
  if (r->heard && !has_query_in (r, QUERY_DATA) && find_active (r) == NULL)
    {
      connect_anew (r);
      return;
    }
  /*
   * An active query is asked again anyway, and seldom. Under TLS who does not permit us says so: with TLS 1.3 what a
   * server thinks of our certificate comes when the handshake is over for us.
   */
  if (!r->heard && r->queries->len > 0 && find_active (r) == NULL && (in_order || !r->config.tls))
    {
      /* A server at its limit of connections, or one that does not permit us, just closes (row 28). */
      if (++r->refusals >= LEASEQUERY_MAX_REFUSALS)
        outcome = LEASEQUERY_OUTCOME_REFUSED;
      else
        for (guint i = 0; i < r->queries->len; i++)
          {
            RequestorQuery *query = g_ptr_array_index (r->queries, i);

            if (query->state != QUERY_QUEUED)
              requeue (r, query);
          }
    }
  connection_lost (r, outcome);
}

/* Random and hard to guess (RFC 8415 16.1), and unlike every one in use on this connection (RFC 5460 6.5). */
static guint32
draw_transaction_id (LeasequeryRequestor *r)
{
  for (;;)
    {
      guint32 id = roam_rng_u32 (r->rng) & DHCP6_TRANSACTION_ID_MAX;
      gboolean used = g_hash_table_contains (r->aborted, GUINT_TO_POINTER (id));

      for (guint i = 0; i < r->queries->len && !used; i++)
        {
          const RequestorQuery *query = g_ptr_array_index (r->queries, i);

          used = query->state != QUERY_QUEUED && query->transaction_id == id;
        }
      if (!used)
        return id;
    }
}

static void
send_query (LeasequeryRequestor *r, RequestorQuery *query)
{
  query->transaction_id = draw_transaction_id (r);
  query->state = QUERY_WAIT;
  r->quiet_since_us = r->now_us;
  push (r, LEASEQUERY_REQUESTOR_ACTION_SEND)->octets =
    leasequery_query_build (&r->config, query->query, query->transaction_id);
}

static guint
count_sent (const LeasequeryRequestor *r)
{
  guint n = 0;

  for (guint i = 0; i < r->queries->len; i++)
    n += ((const RequestorQuery *)g_ptr_array_index (r->queries, i))->state != QUERY_QUEUED;
  return n;
}

void
leasequery_requestor_advance (LeasequeryRequestor *r)
{
  guint sent = count_sent (r);
  gboolean all = TRUE;

  if (r->state == CONNECTION_NONE && r->queries->len > 0)
    connect_now (r);
  if (r->state != CONNECTION_OPEN)
    return;
  for (guint i = 0; i < r->queries->len; i++)
    {
      RequestorQuery *query = g_ptr_array_index (r->queries, i);

      if (query->state != QUERY_QUEUED)
        continue;
      if (r->output_ended || sent >= r->config.max_parallel || query->not_before_us > r->now_us)
        all = FALSE;
      else
        {
          send_query (r, query);
          sent++;
        }
    }
  if (r->config.half_close && all && sent > 0 && !r->output_ended && find_active (r) == NULL)
    {
      r->output_ended = TRUE;
      push (r, LEASEQUERY_REQUESTOR_ACTION_END_OUTPUT);
    }
  if (r->queries->len == 0 && !r->config.keep_open)
    {
      push (r, LEASEQUERY_REQUESTOR_ACTION_DISCONNECT);
      forget_connection (r);
    }
}

/* ------------------------------------------------------------------- verbs ---- */

LeasequeryRequestor *
leasequery_requestor_new (const LeasequeryRequestorConfig *config, RoamRng *rng)
{
  LeasequeryRequestor *r = g_new0 (LeasequeryRequestor, 1);

  r->config = *config;
  r->duid = g_bytes_new (config->duid.data, config->duid.length);
  r->config.duid.data = g_bytes_get_data (r->duid, NULL);
  r->config.max_parallel = MAX (config->max_parallel, 1);
  r->rng = rng;
  r->queries = g_ptr_array_new_with_free_func (query_free);
  r->aborted = g_hash_table_new (NULL, NULL);
  g_queue_init (&r->actions);
  dhcp6_frame_reader_init (&r->frames, config->reply_cap);
  return r;
}

static void
action_free (gpointer data)
{
  leasequery_requestor_action_clear (data);
  g_free (data);
}

void
leasequery_requestor_free (LeasequeryRequestor *r)
{
  if (r == NULL)
    return;
  g_queue_clear_full (&r->actions, action_free);
  g_ptr_array_unref (r->queries);
  g_hash_table_unref (r->aborted);
  dhcp6_frame_reader_clear (&r->frames);
  g_bytes_unref (r->duid);
  g_free (r->text);
  g_free (r);
}

static RequestorQuery *
find_query (const LeasequeryRequestor *r, guint id)
{
  for (guint i = 0; i < r->queries->len; i++)
    {
      RequestorQuery *query = g_ptr_array_index (r->queries, i);

      if (query->id == id)
        return query;
    }
  return NULL;
}

static void
abort_query (LeasequeryRequestor *r, guint id)
{
  RequestorQuery *query = find_query (r, id);

  if (query == NULL)
    return;
  if (query->state != QUERY_QUEUED)
    g_hash_table_add (r->aborted, GUINT_TO_POINTER (query->transaction_id));
  leasequery_requestor_finish (r, query, LEASEQUERY_OUTCOME_ABORTED, FALSE);
}

gboolean
leasequery_requestor_may_ask (const LeasequeryRequestor *r, const LeasequeryQuery *query)
{
  return r->queries->len == 0 || (!query->active && find_active (r) == NULL);
}

void
leasequery_requestor_input_command (LeasequeryRequestor *r, const RoamNow *now,
                                    const LeasequeryRequestorCommand *command)
{
  r->now_us = now->boot_us;
  switch (command->type)
    {
    case LEASEQUERY_REQUESTOR_QUERY:
      g_return_if_fail (leasequery_query_check (&r->config, &command->query) == NULL);
      g_return_if_fail (command->id > 0 && find_query (r, command->id) == NULL);
      g_return_if_fail (leasequery_requestor_may_ask (r, &command->query));
      g_ptr_array_add (r->queries, query_new (command->id, &command->query));
      break;
    case LEASEQUERY_REQUESTOR_ABORT:
      abort_query (r, command->id);
      break;
    case LEASEQUERY_REQUESTOR_CLOSE:
      for (guint i = 0; i < r->queries->len; i++)
        ((RequestorQuery *)g_ptr_array_index (r->queries, i))->retries = r->config.max_retries;
      while (r->queries->len > 0)
        leasequery_requestor_finish (r, g_ptr_array_index (r->queries, 0), LEASEQUERY_OUTCOME_INCOMPLETE, FALSE);
      if (r->state != CONNECTION_NONE && r->state != CONNECTION_WAITING)
        push (r, LEASEQUERY_REQUESTOR_ACTION_DISCONNECT);
      forget_connection (r);
      return;
    }
  leasequery_requestor_advance (r);
}

static void
connection_open (LeasequeryRequestor *r)
{
  r->state = CONNECTION_OPEN;
  r->was_open = TRUE;
  r->quiet_since_us = r->now_us;
  leasequery_requestor_advance (r);
}

/* RFC 7653 8.2: STARTTLS goes before anything else. */
static void
connection_up (LeasequeryRequestor *r)
{
  if (!r->config.tls)
    {
      connection_open (r);
      return;
    }
  r->state = CONNECTION_STARTTLS;
  r->quiet_since_us = r->now_us;
  r->starttls_id = draw_transaction_id (r);
  push (r, LEASEQUERY_REQUESTOR_ACTION_SEND)->octets = leasequery_query_build_starttls (r->starttls_id);
}

void
leasequery_requestor_begin_tls (LeasequeryRequestor *r)
{
  r->state = CONNECTION_HANDSHAKE;
  push (r, LEASEQUERY_REQUESTOR_ACTION_START_TLS);
}

void
leasequery_requestor_input_connection (LeasequeryRequestor *r, const RoamNow *now, LeasequeryConnection what)
{
  gint64 since_us = MAX (now->boot_us - r->now_us, 0);

  r->now_us = now->boot_us;
  switch (what)
    {
    case LEASEQUERY_CONNECTION_UP:
      if (r->state == CONNECTION_CONNECTING)
        connection_up (r);
      return;
    case LEASEQUERY_CONNECTION_SECURED:
      if (r->state == CONNECTION_HANDSHAKE)
        connection_open (r);
      return;
    case LEASEQUERY_CONNECTION_FAILED:
      if (r->state == CONNECTION_CONNECTING)
        connection_lost (r, LEASEQUERY_OUTCOME_UNREACHABLE);
      return;
    case LEASEQUERY_CONNECTION_ENDED:
    case LEASEQUERY_CONNECTION_RESET:
      if (r->state == CONNECTION_OPEN)
        connection_ended (r, what == LEASEQUERY_CONNECTION_ENDED);
      else if (r->state == CONNECTION_STARTTLS || r->state == CONNECTION_HANDSHAKE)
        leasequery_requestor_drop (r, LEASEQUERY_OUTCOME_INSECURE);
      return;
    case LEASEQUERY_CONNECTION_BLOCKED:
      if (r->state == CONNECTION_OPEN && r->blocked_since_us == 0)
        r->blocked_since_us = r->now_us;
      return;
    case LEASEQUERY_CONNECTION_WRITTEN:
      r->blocked_since_us = 0;
      return;
    case LEASEQUERY_CONNECTION_RESUMED:
      r->quiet_since_us += since_us;
      if (r->blocked_since_us != 0)
        r->blocked_since_us += since_us;
      return;
    }
}

void
leasequery_requestor_input_datagram (LeasequeryRequestor *r, const RoamNow *now, const guint8 *data, gsize length)
{
  r->now_us = now->boot_us;
  if ((r->state != CONNECTION_OPEN && r->state != CONNECTION_STARTTLS) || length == 0)
    return;
  /* A frame begun must be whole within the timeout, however it drips (LQ-REQ-051). */
  if (r->state == CONNECTION_OPEN && !dhcp6_frame_reader_is_partial (&r->frames))
    r->quiet_since_us = r->now_us;
  r->input = data;
  r->n_input = length;
}

/* When nothing whole has come for too long, or what is sent does not go out. */
static gint64
data_deadline (const LeasequeryRequestor *r)
{
  gint64 deadline = ROAM_NEVER;
  gint64 timeout_us = find_active (r) != NULL ? r->config.active_timeout_us : r->config.data_timeout_us;

  if (count_sent (r) > 0 || dhcp6_frame_reader_is_partial (&r->frames))
    deadline = roam_deadline_add (r->quiet_since_us, timeout_us);
  if (r->blocked_since_us != 0)
    deadline = roam_deadline_min (deadline, roam_deadline_add (r->blocked_since_us, r->config.data_timeout_us));
  return deadline;
}

static gint64
postponed_until (const LeasequeryRequestor *r)
{
  gint64 deadline = ROAM_NEVER;

  for (guint i = 0; i < r->queries->len; i++)
    {
      const RequestorQuery *query = g_ptr_array_index (r->queries, i);

      if (query->state == QUERY_QUEUED && query->not_before_us > r->now_us)
        deadline = roam_deadline_min (deadline, query->not_before_us);
    }
  return deadline;
}

gint64
leasequery_requestor_next_deadline (const LeasequeryRequestor *r)
{
  switch (r->state)
    {
    case CONNECTION_NONE:
      return ROAM_NEVER;
    case CONNECTION_WAITING:
      return r->connect_at_us;
    case CONNECTION_CONNECTING:
    case CONNECTION_STARTTLS:
    case CONNECTION_HANDSHAKE:
      return roam_deadline_add (r->quiet_since_us, r->config.connect_timeout_us);
    case CONNECTION_OPEN:
      return roam_deadline_min (data_deadline (r), postponed_until (r));
    }
  return ROAM_NEVER;
}

void
leasequery_requestor_input_deadline (LeasequeryRequestor *r, const RoamNow *now)
{
  gboolean due = now->boot_us >= leasequery_requestor_next_deadline (r);

  r->now_us = now->boot_us;
  if (!due)
    return;
  switch (r->state)
    {
    case CONNECTION_NONE:
      return;
    case CONNECTION_WAITING:
      connect_now (r);
      return;
    case CONNECTION_CONNECTING:
      leasequery_requestor_drop (r, LEASEQUERY_OUTCOME_UNREACHABLE);
      return;
    case CONNECTION_STARTTLS:
    case CONNECTION_HANDSHAKE:
      leasequery_requestor_drop (r, LEASEQUERY_OUTCOME_INSECURE);
      return;
    case CONNECTION_OPEN:
      if (r->now_us >= data_deadline (r))
        leasequery_requestor_drop (r, LEASEQUERY_OUTCOME_TIMEOUT);
      else
        leasequery_requestor_advance (r);
      return;
    }
}

gboolean
leasequery_requestor_pop_action (LeasequeryRequestor *r, LeasequeryRequestorAction *ret_action)
{
  for (;;)
    {
      g_autofree LeasequeryRequestorAction *action = g_queue_pop_head (&r->actions);

      if (action != NULL)
        {
          *ret_action = *action;
          return TRUE;
        }
      *ret_action = (LeasequeryRequestorAction){ .type = LEASEQUERY_REQUESTOR_ACTION_EVENT };
      if (!leasequery_answer_step (r, ret_action))
        return FALSE;
      if (ret_action->event.id != 0)
        return TRUE;
    }
}

guint
leasequery_requestor_n_pending (const LeasequeryRequestor *r)
{
  return r->queries->len;
}

guint64
leasequery_requestor_get_faults (const LeasequeryRequestor *r, LeasequeryFault fault)
{
  return r->faults[fault];
}
