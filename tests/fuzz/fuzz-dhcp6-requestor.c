/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "dhcp6/leasequery-merge.h"

#include <stdint.h>
#include <string.h>

/*
 * A requestor with two queries, or an active one, and any octets from the server. The first octet chooses profile,
 * tries, half close, TLS and whether each piece is a connection's last, the second how the stream is cut; the vectors'
 * transaction-ids 5aa1b2 and 5aa1b3 stand for the two in use. Whatever comes, each query ends once, work is linear, and
 * time ends it all. covers: LQ-COD-028
 */

int LLVMFuzzerTestOneInput (const uint8_t *data, size_t size);

#define N_QUERIES 2u
/* CONNECT, SEND, COMPLETE and so on of a run with all its tries. */
#define ACTIONS_APART 4096u

typedef struct
{
  LeasequeryRequestor *requestor;
  LeasequeryMerge *merge;
  guint32 transaction_ids[N_QUERIES];
  guint n_queries, n_sent, n_complete[N_QUERIES + 1];
  gboolean open;
  gsize n_actions, n_bindings;
  gint64 now_us;
} Run;

static RoamNow
at (const Run *run)
{
  return roam_now_make (run->now_us, run->now_us);
}

static void
tell (Run *run, LeasequeryConnection what)
{
  RoamNow now = at (run);

  leasequery_requestor_input_connection (run->requestor, &now, what);
}

static void
take_event (Run *run, const LeasequeryEvent *event)
{
  g_assert_cmpuint (event->id, <=, N_QUERIES);
  leasequery_merge_add (run->merge, 0, event);
  if (event->type == LEASEQUERY_EVENT_COMPLETE)
    g_assert_cmpuint (++run->n_complete[event->id], ==, 1);
  if (event->type != LEASEQUERY_EVENT_BINDING)
    return;
  run->n_bindings++;
  g_assert_true (event->gone == (event->binding.valid == 0));
  g_assert_true (!event->gone || run->n_queries == 1);
  g_assert_cmpuint (event->binding.preferred, <=, event->binding.valid);
  g_assert_cmpuint (event->binding.prefix_length, <=, 128);
  g_assert_true (dhcp6_duid_is_valid (event->client->client_id));
}

static void
drain (Run *run)
{
  LeasequeryRequestorAction action;

  while (leasequery_requestor_pop_action (run->requestor, &action))
    {
      run->n_actions++;
      switch (action.type)
        {
        case LEASEQUERY_REQUESTOR_ACTION_CONNECT:
          run->open = TRUE;
          run->n_sent = 0;
          tell (run, LEASEQUERY_CONNECTION_UP);
          break;
        case LEASEQUERY_REQUESTOR_ACTION_SEND:
          {
            const guint8 *octets = g_bytes_get_data (action.octets, NULL);

            run->transaction_ids[run->n_sent++ % N_QUERIES] = (guint32)(octets[3] << 16 | octets[4] << 8 | octets[5]);
          }
          break;
        case LEASEQUERY_REQUESTOR_ACTION_END_OUTPUT:
          break;
        case LEASEQUERY_REQUESTOR_ACTION_DISCONNECT:
          run->open = FALSE;
          break;
        case LEASEQUERY_REQUESTOR_ACTION_START_TLS:
          tell (run, LEASEQUERY_CONNECTION_SECURED);
          break;
        case LEASEQUERY_REQUESTOR_ACTION_EVENT:
          take_event (run, &action.event);
          break;
        }
      leasequery_requestor_action_clear (&action);
    }
}

/* The stream with our transaction-ids. */
static void
exchange_ids (const Run *run, guint8 *data, gsize size)
{
  for (gsize i = 0; i + 3 <= size; i++)
    if (data[i] == 0x5a && data[i + 1] == 0xa1 && (data[i + 2] == 0xb2 || data[i + 2] == 0xb3))
      {
        guint32 id = run->transaction_ids[data[i + 2] - 0xb2];

        data[i] = (guint8)(id >> 16);
        data[i + 1] = (guint8)(id >> 8);
        data[i + 2] = (guint8)id;
      }
}

static void
begin (Run *run, guint8 flags, RoamRng *rng)
{
  static const guint8 duid[] = { 0,    2,    0,    0,    0x7e, 0xd9, 0x72, 0x6f, 0x61,
                                 0x6d, 0x64, 0x2d, 0x72, 0x65, 0x71, 0x2d, 0x30, 0x31 };
  LeasequeryRequestorConfig config;
  RoamNow now = at (run);

  leasequery_requestor_config_init (&config,
                                    (flags & 1) != 0 ? LEASEQUERY_PROFILE_DRAFT00 : LEASEQUERY_PROFILE_RFC5460);
  config.max_retries = (flags & 2) != 0 ? 2 : 0;
  config.half_close = (flags & 4) != 0;
  config.keep_open = (flags & 8) != 0;
  config.tls = (flags & 64) != 0;
  run->n_queries = (flags & 128) != 0 ? 1 : N_QUERIES;
  config.duid = (Dhcp6Slice){ duid, sizeof duid };
  run->requestor = leasequery_requestor_new (&config, rng);
  for (guint id = 1; id <= run->n_queries; id++)
    {
      LeasequeryRequestorCommand command = { LEASEQUERY_REQUESTOR_QUERY, id, { .type = DHCP6_QUERY_BY_LINK_ADDRESS } };

      command.query.active = command.query.has_start_time = run->n_queries == 1;
      roam_addr_parse ("2001:db8::1", &command.query.link_address);
      leasequery_requestor_input_command (run->requestor, &now, &command);
    }
  drain (run);
}

int
LLVMFuzzerTestOneInput (const uint8_t *data, size_t size)
{
  g_autoptr (RoamRng) rng = roam_rng_new_for_test (7);
  g_autoptr (LeasequeryMerge) merge = leasequery_merge_new ();
  Run run = { .merge = merge, .now_us = ROAM_USEC_PER_SEC };
  gsize piece;

  if (size < 2)
    return 0;
  begin (&run, data[0], rng);
  piece = data[1] == 0xff ? size : 1u + data[1];
  for (gsize i = 2; i < size; i += piece)
    {
      gsize length = MIN (piece, size - i);
      g_autofree guint8 *copy = g_memdup2 (data + i, length);
      RoamNow now = at (&run);

      exchange_ids (&run, copy, length);
      leasequery_requestor_input_datagram (run.requestor, &now, copy, length);
      drain (&run);
      if ((data[0] & 16) != 0 && run.open)
        {
          tell (&run, (data[0] & 32) != 0 ? LEASEQUERY_CONNECTION_RESET : LEASEQUERY_CONNECTION_ENDED);
          drain (&run);
        }
      run.now_us += 1000;
    }
  g_assert_cmpuint (run.n_actions, <=, ACTIONS_APART + size);
  g_assert_cmpuint (run.n_bindings, <=, size / 28);
  for (guint i = 0; i < 64 && leasequery_requestor_n_pending (run.requestor) > 0; i++)
    {
      gint64 deadline = leasequery_requestor_next_deadline (run.requestor);
      RoamNow now;

      g_assert_cmpint (deadline, !=, ROAM_NEVER);
      run.now_us = MAX (deadline, run.now_us);
      now = at (&run);
      leasequery_requestor_input_deadline (run.requestor, &now);
      drain (&run);
    }
  g_assert_cmpuint (leasequery_requestor_n_pending (run.requestor), ==, 0);
  for (guint id = 1; id <= run.n_queries; id++)
    g_assert_cmpuint (run.n_complete[id], ==, 1);
  leasequery_requestor_free (run.requestor);
  return 0;
}
