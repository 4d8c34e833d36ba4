/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "dhcp6/leasequery-server.h"

#include <stdint.h>
#include <string.h>

/*
 * A server with some leases, and any octets from a requestor. The first octet chooses profile, limits, active
 * leasequery (with leases that change meanwhile) and TLS, the second how the stream is cut. What it says must be
 * frames that the codec takes, what waits for the reader stays bounded, and when the requestor has closed so does the
 * server. Each piece is a UDP message, too. covers: LQ-COD-028
 */

int LLVMFuzzerTestOneInput (const uint8_t *data, size_t size);

#define N_LEASES 40u
/* One page beyond the limit of what may wait (LQ-SRV-095), and refusals of one piece of input. */
#define MAX_WAITING (512u * 1024u)

typedef struct
{
  LeasequeryServer *server;
  Dhcp6FrameReader frames;
  guint connection;
  gsize waiting;
  gboolean closed;
  LeaseStore *store;
  LeaseJournal *journal; /* NULL: not active */
} Run;

static LeaseStore *
make_store (void)
{
  static const guint8 relay[] = { 0x20, 1,    0xd, 0xb8, 0,    0, 0, 0, 0,  0, 0, 0, 0, 0,    0,    1, 12,
                                  0,    0x20, 1,   0xd,  0xb8, 0, 0, 0, 1,  0, 0, 0, 0, 0,    0,    0, 1,
                                  0,    0,    0,   0,    0,    0, 0, 0, 0,  0, 0, 0, 0, 0,    0,    1, 0,
                                  53,   0,    4,   0,    3,    0, 1, 0, 37, 0, 5, 0, 0, 0x7e, 0xd9, 7 };
  Dhcp6CodePoints points;
  LeaseStore *store;
  RoamPrefix prefix;

  dhcp6_code_points_init (&points);
  store = lease_store_new (&points);
  roam_prefix_parse ("2001:db8:0:1::/64", &prefix);
  lease_store_add_subnet (store, "fuzz", 1, &prefix);
  for (guint i = 0; i < N_LEASES; i++)
    {
      const guint8 duid[] = { 0, 3, 0, 1, (guint8)(i / 3) };
      Lease lease = { .address = prefix.addr,
                      .is_prefix = i % 5 == 0,
                      .prefix_length = i % 5 == 0 ? 124 : 128,
                      .subnet_id = 1,
                      .valid_s = 7200,
                      .preferred_s = 3600,
                      .contact = 1000,
                      .client_id = { duid, sizeof duid } };

      if (i % 2 == 0)
        lease.relay_data = (Dhcp6Slice){ relay, sizeof relay };
      lease.address.bytes[14] = 0x10;
      lease.address.bytes[15] = (guint8)(i * 4);
      g_assert_true (lease_store_put (store, &lease));
    }
  return store;
}

/* What a requestor would read: frames, each a whole message of a kind that a server may say. */
static void
check_octets (Run *run, GBytes *octets)
{
  gsize length;
  const guint8 *data = g_bytes_get_data (octets, &length);
  Dhcp6Slice message;
  Dhcp6Message parsed;

  run->waiting += length;
  g_assert_cmpuint (run->waiting, <=, MAX_WAITING);
  while (dhcp6_frame_reader_next (&run->frames, &data, &length, &message))
    {
      g_assert_cmpint (dhcp6_parse_message (message.data, message.length, &parsed, NULL), ==, DHCP6_OK);
      g_assert_true (parsed.type == DHCP6_LEASEQUERY_REPLY || parsed.type == DHCP6_LEASEQUERY_DATA ||
                     parsed.type == DHCP6_LEASEQUERY_DONE || parsed.type == DHCP6_REPLY);
    }
  g_assert_cmpint (run->frames.fault, ==, DHCP6_OK);
  g_assert_false (dhcp6_frame_reader_is_partial (&run->frames));
}

static void
drain (Run *run, const RoamNow *now)
{
  LeasequeryServerAction action;

  while (leasequery_server_pop_action (run->server, now, &action))
    {
      if (action.type == LEASEQUERY_SERVER_ACTION_SEND)
        {
          g_assert_false (run->closed);
          check_octets (run, action.octets);
        }
      else if (action.type == LEASEQUERY_SERVER_ACTION_START_TLS)
        leasequery_server_input_secured (run->server, now, action.connection);
      else if (action.type == LEASEQUERY_SERVER_ACTION_CLOSE)
        run->closed = TRUE;
      leasequery_server_action_clear (&action);
    }
}

static void
begin (Run *run, guint8 flags, const RoamNow *now)
{
  static const guint8 duid[] = { 0, 3, 0, 1, 2, 0, 0x5e, 0x10, 0, 1 };
  LeaseStore *store = run->store = make_store ();
  LeasequeryServerPermission everybody = { .query_types = LEASEQUERY_ALL_TYPES };
  LeasequeryServerConfig config;
  RoamAddr peer;

  roam_prefix_parse ("::/0", &everybody.prefix);
  leasequery_server_config_init (&config, (flags & 1) != 0);
  config.max_parallel = (flags & 2) != 0 ? 1 : 4;
  config.max_queries_a_minute = (flags & 4) != 0 ? 3 : 0;
  config.duid = (Dhcp6Slice){ duid, sizeof duid };
  config.permissions = &everybody;
  config.n_permissions = 1;
  config.active = config.active_insecure = (flags & 16) != 0;
  config.tls = (flags & 32) != 0 ? LEASEQUERY_TLS_OFFERED : LEASEQUERY_TLS_REFUSED;
  if (config.active)
    {
      run->journal = lease_journal_new (8, roam_now_unix (now) - 10);
      lease_store_set_journal (store, run->journal);
    }
  run->server = leasequery_server_new (&config);
  if ((flags & 8) == 0)
    leasequery_server_input_command (run->server, now,
                                     &(LeasequeryServerCommand){ LEASEQUERY_SERVER_SET_STORE, store, run->journal });
  roam_addr_parse ("2001:db8::7", &peer);
  run->connection = leasequery_server_input_accept (run->server, now, &peer);
  dhcp6_frame_reader_init (&run->frames, DHCP6_MESSAGE_MAX);
}

/* The lease that the octet names is renewed, or is no more. */
static void
change_lease (Run *run, guint8 octet)
{
  static const guint8 duid[] = { 0, 3, 0, 1, 9 };
  Lease lease = {
    .prefix_length = 128, .subnet_id = 1, .valid_s = 100, .contact = 1000 + octet, .client_id = { duid, sizeof duid }
  };

  roam_addr_parse ("2001:db8:0:1::", &lease.address);
  lease.address.bytes[14] = 0x10;
  lease.address.bytes[15] = octet;
  if (octet % 3 == 0)
    lease_store_remove (run->store, &lease.address);
  else
    lease_store_put (run->store, &lease);
}

static void
ask_udp (Run *run, const RoamNow *now, const guint8 *data, gsize length)
{
  g_autoptr (GBytes) answer = NULL;
  Dhcp6Message message;
  RoamAddr peer;

  roam_addr_parse ("2001:db8::8", &peer);
  answer = leasequery_server_input_udp (run->server, now, &peer, data, length);
  g_assert_true (answer == NULL || dhcp6_parse_message (g_bytes_get_data (answer, NULL), g_bytes_get_size (answer),
                                                        &message, NULL) == DHCP6_OK);
}

int
LLVMFuzzerTestOneInput (const uint8_t *data, size_t size)
{
  RoamNow now = roam_now_make (ROAM_USEC_PER_SEC, 1100 * ROAM_USEC_PER_SEC);
  Run run = { 0 };
  gsize piece;

  if (size < 2)
    return 0;
  begin (&run, data[0], &now);
  piece = data[1] == 0xff ? size : 1u + data[1];
  for (gsize i = 2; i < size && !run.closed; i += piece)
    {
      gsize length = MIN (MIN (piece, size - i), 4096);
      g_autofree guint8 *copy = g_memdup2 (data + i, length);

      leasequery_server_input_datagram (run.server, &now, run.connection, copy, length);
      drain (&run, &now);
      ask_udp (&run, &now, copy, length);
      if (length > 2)
        ask_udp (&run, &now, copy + 2, length - 2);
      if (run.journal != NULL)
        change_lease (&run, data[i]);
      drain (&run, &now);
      /* A reader that is slow at times. */
      if (data[i] % 4 != 0 && run.waiting > 0 && !run.closed)
        {
          leasequery_server_input_written (run.server, &now, run.connection, run.waiting);
          run.waiting = 0;
          drain (&run, &now);
        }
    }
  leasequery_server_input_end (run.server, &now, run.connection);
  for (guint i = 0; i < 10000 && !run.closed; i++)
    {
      drain (&run, &now);
      leasequery_server_input_written (run.server, &now, run.connection, run.waiting);
      run.waiting = 0;
      if (leasequery_server_next_deadline (run.server) != ROAM_NEVER && i > 5000)
        {
          now.boot_us = MAX (now.boot_us, leasequery_server_next_deadline (run.server));
          leasequery_server_input_deadline (run.server, &now);
        }
    }
  g_assert_true (run.closed);
  leasequery_server_input_closed (run.server, &now, run.connection);
  leasequery_server_free (run.server);
  lease_store_unref (run.store);
  lease_journal_unref (run.journal);
  dhcp6_frame_reader_clear (&run.frames);
  return 0;
}
