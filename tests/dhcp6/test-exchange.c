/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "tests/dhcp6/vectors.h"

#include "dhcp6/leasequery-requestor.h"
#include "dhcp6/leasequery-server.h"

#include <string.h>

/* Our requestor and our server, octets between them split at random; both in virtual time. */

#define UNIX_NOW 1800000000
#define S ROAM_USEC_PER_SEC

typedef struct
{
  RoamRng *rng;
  LeaseStore *store;
  LeasequeryServer *server;
  LeasequeryRequestor *requestor;
  LeasequeryServerPermission permission;
  GByteArray *duid, *server_duid, *relay, *remote;
  GByteArray *to_server, *to_requestor;
  guint connection; /* the server's number; 0: none */
  gint64 now_us;
  guint64 bindings[32], completes[32], unwell;
  guint16 statuses[32];
} Fixture;

static RoamNow
now (const Fixture *f)
{
  return roam_now_make (1000 * S + f->now_us, UNIX_NOW * S + f->now_us);
}

static Dhcp6Slice
slice (const GByteArray *octets)
{
  return (Dhcp6Slice){ octets->data, octets->len };
}

static void
put_leases (Fixture *f, guint n)
{
  const Vector *vector = vectors_find ("LQ-V-11");
  Dhcp6Message message;
  Dhcp6ClientData client;
  Dhcp6CodePoints points;
  RoamPrefix prefix;

  dhcp6_code_points_init (&points);
  g_assert_cmpint (dhcp6_parse_message (vector->octets->data + 2, vector->octets->len - 2, &message, NULL), ==, 0);
  g_assert_cmpint (dhcp6_parse_client_data (&points, message.client_data, &client), ==, 0);
  roam_prefix_parse ("2001:db8:0:1::/64", &prefix);
  lease_store_add_subnet (f->store, "office", 1, &prefix);
  for (guint i = 0; i < n; i++)
    {
      const guint8 duid[8] = { 0, 3, 0, 1, (guint8)(i >> 24), (guint8)(i >> 16), (guint8)(i >> 8), (guint8)i };
      Lease lease = { .valid_s = 7200,
                      .preferred_s = 3600,
                      .contact = UNIX_NOW - 10,
                      .subnet_id = 1,
                      .client_id = { duid, sizeof duid },
                      .relay_data = client.relay_data,
                      .address = prefix.addr };

      memcpy (lease.address.bytes + 12, duid + 4, 4);
      g_assert_true (lease_store_put (f->store, &lease));
    }
}

static void
set_up (Fixture *f, gconstpointer data)
{
  Dhcp6CodePoints points;
  RoamAddr peer;

  dhcp6_code_points_init (&points);
  f->rng = roam_rng_new_for_test (99);
  f->store = lease_store_new (&points);
  f->duid = vectors_dup_constant ("requestor_duid");
  f->server_duid = vectors_dup_constant ("server_duid");
  f->relay = vectors_dup_constant ("relay_duid");
  f->remote = vectors_dup_constant ("remote_id");
  f->to_server = g_byte_array_new ();
  f->to_requestor = g_byte_array_new ();
  roam_addr_parse ("2001:db8::1", &peer);
  f->permission = (LeasequeryServerPermission){ { peer, 128 }, LEASEQUERY_ALL_TYPES };
}

static void
begin (Fixture *f, gboolean draft_requestor, gboolean draft_server)
{
  LeasequeryServerConfig server;
  LeasequeryRequestorConfig requestor;
  const LeasequeryServerCommand set = { LEASEQUERY_SERVER_SET_STORE, f->store };
  RoamNow at = now (f);

  leasequery_server_config_init (&server, draft_server);
  server.duid = slice (f->server_duid);
  server.permissions = &f->permission;
  server.n_permissions = 1;
  f->server = leasequery_server_new (&server);
  leasequery_server_input_command (f->server, &at, &set);
  leasequery_requestor_config_init (&requestor,
                                    draft_requestor ? LEASEQUERY_PROFILE_DRAFT00 : LEASEQUERY_PROFILE_RFC5460);
  requestor.duid = slice (f->duid);
  f->requestor = leasequery_requestor_new (&requestor, f->rng);
}

static void
tear_down (Fixture *f, gconstpointer data)
{
  leasequery_requestor_free (f->requestor);
  leasequery_server_free (f->server);
  lease_store_unref (f->store);
  roam_rng_free (f->rng);
  g_byte_array_unref (f->duid);
  g_byte_array_unref (f->server_duid);
  g_byte_array_unref (f->relay);
  g_byte_array_unref (f->remote);
  g_byte_array_unref (f->to_server);
  g_byte_array_unref (f->to_requestor);
}

static void
note (Fixture *f, const LeasequeryEvent *event)
{
  switch (event->type)
    {
    case LEASEQUERY_EVENT_BINDING:
      f->bindings[event->id]++;
      break;
    case LEASEQUERY_EVENT_COMPLETE:
      g_assert_cmpuint (event->n_bindings, ==, f->bindings[event->id]);
      f->completes[event->id]++;
      f->statuses[event->id] = event->status;
      f->unwell += !event->complete;
      break;
    case LEASEQUERY_EVENT_FAULT:
      g_error ("our own server: %s", leasequery_fault_to_string (event->fault));
    case LEASEQUERY_EVENT_REPLY:
    case LEASEQUERY_EVENT_RESTART:
    case LEASEQUERY_EVENT_WAITING:
    case LEASEQUERY_EVENT_CAUGHT_UP:
    case LEASEQUERY_EVENT_RESUME:
    case LEASEQUERY_EVENT_DATA_MISSING:
      break;
    }
}

/* FALSE: the requestor has nothing to do. */
static gboolean
run_requestor (Fixture *f)
{
  LeasequeryRequestorAction action;
  RoamNow at = now (f);
  RoamAddr peer;
  gboolean any = FALSE;

  roam_addr_parse ("2001:db8::1", &peer);
  while (leasequery_requestor_pop_action (f->requestor, &action))
    {
      any = TRUE;
      if (action.type == LEASEQUERY_REQUESTOR_ACTION_CONNECT)
        {
          f->connection = leasequery_server_input_accept (f->server, &at, &peer);
          leasequery_requestor_input_connection (f->requestor, &at, LEASEQUERY_CONNECTION_UP);
        }
      else if (action.type == LEASEQUERY_REQUESTOR_ACTION_SEND)
        g_byte_array_append (f->to_server, g_bytes_get_data (action.octets, NULL),
                             (guint)g_bytes_get_size (action.octets));
      else if (action.type == LEASEQUERY_REQUESTOR_ACTION_DISCONNECT)
        {
          leasequery_server_input_closed (f->server, &at, f->connection);
          f->connection = 0;
        }
      else if (action.type == LEASEQUERY_REQUESTOR_ACTION_EVENT)
        note (f, &action.event);
      leasequery_requestor_action_clear (&action);
    }
  return any;
}

static gboolean
run_server (Fixture *f)
{
  LeasequeryServerAction action;
  RoamNow at = now (f);
  gboolean any = FALSE;

  while (leasequery_server_pop_action (f->server, &at, &action))
    {
      any = TRUE;
      if (action.type == LEASEQUERY_SERVER_ACTION_SEND)
        g_byte_array_append (f->to_requestor, g_bytes_get_data (action.octets, NULL),
                             (guint)g_bytes_get_size (action.octets));
      else if (action.type == LEASEQUERY_SERVER_ACTION_CLOSE)
        g_test_message ("server closes: %s", action.reason);
      leasequery_server_action_clear (&action);
    }
  return any;
}

/* Some of the octets, as TCP may cut them. */
static gboolean
carry (Fixture *f)
{
  RoamNow at = now (f);
  guint n = 1 + roam_rng_below (f->rng, 40), m = 1 + roam_rng_below (f->rng, 60000);

  n = MIN (n, f->to_server->len);
  m = MIN (m, f->to_requestor->len);
  if (n > 0)
    {
      leasequery_server_input_datagram (f->server, &at, f->connection, f->to_server->data, n);
      g_byte_array_remove_range (f->to_server, 0, n);
    }
  if (m > 0)
    {
      leasequery_requestor_input_datagram (f->requestor, &at, f->to_requestor->data, m);
      run_requestor (f);
      g_byte_array_remove_range (f->to_requestor, 0, m);
      leasequery_server_input_written (f->server, &at, f->connection, m);
    }
  return n + m > 0;
}

static void
run (Fixture *f)
{
  gboolean busy = TRUE;

  while (busy)
    {
      busy = run_requestor (f);
      busy = run_server (f) || busy;
      busy = carry (f) || busy;
    }
}

static void
ask_all (Fixture *f, guint n_leases)
{
  RoamAddr link, address;
  LeasequeryQuery queries[6] = { 0 };

  const guint8 first[8] = { 0, 3, 0, 1, 0, 0, 0, 0 };

  roam_addr_parse ("2001:db8:0:1::", &link);
  roam_addr_parse ("2001:db8:0:1::5", &address);
  queries[1] = (LeasequeryQuery){ .type = DHCP6_QUERY_BY_ADDRESS, .address = address };
  queries[2] = (LeasequeryQuery){ .type = DHCP6_QUERY_BY_CLIENTID, .client_id = { first, sizeof first } };
  queries[3] = (LeasequeryQuery){ .type = DHCP6_QUERY_BY_RELAY_ID, .relay_id = slice (f->relay) };
  queries[4] = (LeasequeryQuery){ .type = DHCP6_QUERY_BY_LINK_ADDRESS, .link_address = link };
  queries[5] =
    (LeasequeryQuery){ .type = DHCP6_QUERY_BY_REMOTE_ID, .remote_id = slice (f->remote), .relay_id = slice (f->relay) };
  for (guint i = 1; i <= 5; i++)
    {
      const LeasequeryRequestorCommand command = { .type = LEASEQUERY_REQUESTOR_QUERY, .id = i, .query = queries[i] };
      RoamNow at = now (f);

      leasequery_requestor_input_command (f->requestor, &at, &command);
    }
  run (f);
  for (guint i = 1; i <= 5; i++)
    {
      g_assert_cmpuint (f->completes[i], ==, 1);
      g_assert_cmpuint (f->statuses[i], ==, DHCP6_STATUS_SUCCESS);
      g_assert_cmpuint (f->bindings[i], ==, i <= 2 ? 1 : n_leases);
    }
  g_assert_cmpuint (f->unwell, ==, 0);
  g_assert_cmpuint (f->connection, ==, 0); /* the requestor has closed it */
}

static void
test_all_types (Fixture *f, gconstpointer data)
{
  put_leases (f, 3000);
  begin (f, FALSE, FALSE);
  ask_all (f, 3000);
}

/* covers: LQ-DRF-001 */
static void
test_profiles (Fixture *f, gconstpointer data)
{
  gint which = GPOINTER_TO_INT (data);

  put_leases (f, 300);
  begin (f, (which & 1) != 0, (which & 2) != 0);
  ask_all (f, 300);
}

/* Five ways through a store that goes away in the middle: the requestor knows that it has not all. */
static void
test_store_goes (Fixture *f, gconstpointer data)
{
  const LeasequeryRequestorCommand command = {
    .type = LEASEQUERY_REQUESTOR_QUERY,
    .id = 1,
    .query = { .type = DHCP6_QUERY_BY_RELAY_ID, .relay_id = slice (f->relay) },
  };
  const LeasequeryServerCommand fail = { .type = LEASEQUERY_SERVER_FAIL };
  RoamNow at = now (f);

  put_leases (f, 20000);
  begin (f, FALSE, FALSE);
  leasequery_requestor_input_command (f->requestor, &at, &command);
  for (guint i = 0; i < 8; i++)
    {
      run_requestor (f);
      run_server (f);
      carry (f);
    }
  g_assert_cmpuint (f->completes[1], ==, 0);
  g_assert_cmpuint (f->bindings[1], >, 0);
  leasequery_server_input_command (f->server, &at, &fail);
  run (f);
  g_assert_cmpuint (f->completes[1], ==, 1);
  g_assert_cmpuint (f->unwell, ==, 1);
  g_assert_cmpuint (f->statuses[1], ==, DHCP6_STATUS_QUERY_TERMINATED);
  g_assert_cmpuint (f->bindings[1], <, 20000);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
#define ADD(path, data, function) g_test_add ("/dhcp6/exchange/" path, Fixture, data, set_up, function, tear_down)
  ADD ("all-types", NULL, test_all_types);
  ADD ("draft-requestor", GINT_TO_POINTER (1), test_profiles);
  ADD ("draft-server", GINT_TO_POINTER (2), test_profiles);
  ADD ("draft-both", GINT_TO_POINTER (3), test_profiles);
  ADD ("store-goes", NULL, test_store_goes);
  return g_test_run ();
}
