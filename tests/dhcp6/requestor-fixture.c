/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "tests/dhcp6/requestor-fixture.h"

#include <string.h>

Dhcp6Slice
slice (const GByteArray *octets)
{
  return (Dhcp6Slice){ octets->data, octets->len };
}

RoamNow
now (const Fixture *f)
{
  return roam_now_make (f->now_us, 1700000000 * ROAM_USEC_PER_SEC + f->now_us);
}

void
fixture_start (Fixture *f)
{
  f->requestor = leasequery_requestor_new (&f->config, f->rng);
}

void
set_up (Fixture *f, gconstpointer profile)
{
  f->rng = roam_rng_new_for_test (5460);
  f->said = g_string_new (NULL);
  f->sent = g_ptr_array_new_with_free_func ((GDestroyNotify)g_bytes_unref);
  f->duid = vectors_dup_constant ("requestor_duid");
  f->server = vectors_dup_constant ("server_duid");
  f->relay = vectors_dup_constant ("relay_duid");
  f->remote = vectors_dup_constant ("remote_id");
  f->client = vectors_unhex ("000100012a000000020000000001");
  f->now_us = 1000 * ROAM_USEC_PER_SEC;
  leasequery_requestor_config_init (&f->config, (LeasequeryProfile)GPOINTER_TO_INT (profile));
  f->config.duid = slice (f->duid);
  f->config.keep_open = TRUE;
}

void
tear_down (Fixture *f, gconstpointer profile)
{
  leasequery_requestor_free (f->requestor);
  roam_rng_free (f->rng);
  g_string_free (f->said, TRUE);
  g_ptr_array_unref (f->sent);
  g_byte_array_unref (f->duid);
  g_byte_array_unref (f->server);
  g_byte_array_unref (f->relay);
  g_byte_array_unref (f->remote);
  g_byte_array_unref (f->client);
}

static void
note_event (Fixture *f, const LeasequeryEvent *event)
{
  char text[ROAM_ADDR_STRLEN];

  switch (event->type)
    {
    case LEASEQUERY_EVENT_REPLY:
      g_string_append_printf (f->said, "reply%u:%u ", event->id, event->status);
      break;
    case LEASEQUERY_EVENT_BINDING:
      g_string_append_printf (f->said, "%s%u:%s ", event->binding.is_prefix ? "prefix" : "address", event->id,
                              roam_addr_to_string (&event->binding.address, text));
      g_assert_cmpmem (event->server_id.data, event->server_id.length, f->server->data, f->server->len);
      break;
    case LEASEQUERY_EVENT_COMPLETE:
      g_string_append_printf (f->said, "end%u:%s:%u%s%s ", event->id,
                              event->outcome == LEASEQUERY_OUTCOME_OK           ? "ok"
                              : event->outcome == LEASEQUERY_OUTCOME_STATUS     ? "status"
                              : event->outcome == LEASEQUERY_OUTCOME_INCOMPLETE ? "incomplete"
                              : event->outcome == LEASEQUERY_OUTCOME_PROTOCOL   ? "protocol"
                              : event->outcome == LEASEQUERY_OUTCOME_TIMEOUT    ? "timeout"
                              : event->outcome == LEASEQUERY_OUTCOME_REFUSED    ? "refused"
                              : event->outcome == LEASEQUERY_OUTCOME_ABORTED    ? "aborted"
                              : event->outcome == LEASEQUERY_OUTCOME_INSECURE   ? "insecure"
                                                                                : "unreachable",
                              (guint)event->n_bindings, event->complete ? "" : ":partial",
                              event->try_other ? ":other" : "");
      break;
    case LEASEQUERY_EVENT_RESTART:
      g_string_append_printf (f->said, "restart%u ", event->id);
      break;
    case LEASEQUERY_EVENT_FAULT:
      g_string_append_printf (f->said, "fault%u ", event->fault);
      break;
    case LEASEQUERY_EVENT_WAITING:
      g_string_append (f->said, "waiting ");
      break;
    case LEASEQUERY_EVENT_CAUGHT_UP:
      g_string_append_printf (f->said, "caught-up%u ", event->id);
      break;
    case LEASEQUERY_EVENT_RESUME:
      g_string_append_printf (f->said, "resume%u:%u ", event->id, event->base_time);
      break;
    case LEASEQUERY_EVENT_DATA_MISSING:
      g_string_append_printf (f->said, "missing%u:%u-%u ", event->id, event->has_start_time ? event->start_time : 0,
                              event->base_time);
      break;
    }
}

static void
note_sent (Fixture *f, GBytes *octets)
{
  gsize length;
  const guint8 *data = g_bytes_get_data (octets, &length);
  Dhcp6Message message;

  g_assert_cmpint (dhcp6_parse_message (data + 2, length - 2, &message, NULL), ==, DHCP6_OK);
  g_assert_cmpuint (f->n_xids, <, G_N_ELEMENTS (f->xids));
  f->xids[f->n_xids++] = message.transaction_id;
  g_ptr_array_add (f->sent, g_bytes_ref (octets));
  g_string_append (f->said, "query ");
}

void
drain (Fixture *f)
{
  for (;;)
    {
      g_auto (LeasequeryRequestorAction) action = { .type = LEASEQUERY_REQUESTOR_ACTION_EVENT };

      if (!leasequery_requestor_pop_action (f->requestor, &action))
        return;
      switch (action.type)
        {
        case LEASEQUERY_REQUESTOR_ACTION_CONNECT:
          g_string_append (f->said, "connect ");
          f->connected_at_us[f->connects++ % G_N_ELEMENTS (f->connected_at_us)] = f->now_us;
          break;
        case LEASEQUERY_REQUESTOR_ACTION_SEND:
          note_sent (f, action.octets);
          break;
        case LEASEQUERY_REQUESTOR_ACTION_END_OUTPUT:
          g_string_append (f->said, "end-output ");
          break;
        case LEASEQUERY_REQUESTOR_ACTION_DISCONNECT:
          g_string_append (f->said, "disconnect ");
          break;
        case LEASEQUERY_REQUESTOR_ACTION_START_TLS:
          g_string_append (f->said, "start-tls ");
          break;
        case LEASEQUERY_REQUESTOR_ACTION_EVENT:
          note_event (f, &action.event);
          break;
        }
    }
}

void
ask_query (Fixture *f, guint id, const LeasequeryQuery *query)
{
  const LeasequeryRequestorCommand command = { .type = LEASEQUERY_REQUESTOR_QUERY, .id = id, .query = *query };
  RoamNow at = now (f);

  leasequery_requestor_input_command (f->requestor, &at, &command);
  drain (f);
}

void
ask (Fixture *f, guint id)
{
  const LeasequeryQuery query = { .type = DHCP6_QUERY_BY_RELAY_ID, .relay_id = slice (f->relay) };

  ask_query (f, id, &query);
}

void
connection (Fixture *f, LeasequeryConnection what)
{
  RoamNow at = now (f);

  leasequery_requestor_input_connection (f->requestor, &at, what);
  drain (f);
}

void
feed (Fixture *f, const guint8 *data, gsize length)
{
  g_autofree guint8 *copy = g_memdup2 (data, length);
  RoamNow at = now (f);

  leasequery_requestor_input_datagram (f->requestor, &at, copy, length);
  drain (f);
}

GByteArray *
octets_of (Fixture *f, const char *id, guint first)
{
  const GByteArray *octets = vectors_find (id)->octets;
  GByteArray *out = g_byte_array_new ();

  g_byte_array_append (out, octets->data, octets->len);
  for (gsize at = 0; at + 6 <= out->len;)
    {
      gsize size = (gsize)out->data[at] << 8 | out->data[at + 1];
      guint32 xid = (guint32)out->data[at + 3] << 16 | (guint32)out->data[at + 4] << 8 | out->data[at + 5];

      if (xid == 0x5aa1b2 || xid == 0x5aa1b3)
        {
          g_assert_cmpuint (first + xid - 0x5aa1b2, <, f->n_xids);
          xid = f->xids[first + xid - 0x5aa1b2];
          out->data[at + 3] = (guint8)(xid >> 16);
          out->data[at + 4] = (guint8)(xid >> 8);
          out->data[at + 5] = (guint8)xid;
        }
      at += 2 + size;
    }
  return out;
}

void
hear (Fixture *f, const char *id)
{
  g_autoptr (GByteArray) octets = octets_of (f, id, 0);

  feed (f, octets->data, octets->len);
}

void
open_with (Fixture *f, guint n)
{
  fixture_start (f);
  for (guint id = 1; id <= n; id++)
    ask (f, id);
  connection (f, LEASEQUERY_CONNECTION_UP);
  g_string_truncate (f->said, 0);
}

void
wait_us (Fixture *f, gint64 us)
{
  RoamNow at;

  f->now_us += us;
  at = now (f);
  leasequery_requestor_input_deadline (f->requestor, &at);
  drain (f);
}

void
wait_for_deadline (Fixture *f)
{
  gint64 deadline = leasequery_requestor_next_deadline (f->requestor);

  g_assert_cmpint (deadline, <, ROAM_NEVER);
  wait_us (f, deadline - f->now_us);
}
