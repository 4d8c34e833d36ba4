/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Session resumption (RFC 5723): our client with our gateway, and tickets that are no good. */
#include "ike/ike-session-private.h"
#include "tests/ike/duo.h"

#include <string.h>

static IkeConfig
client_config (void)
{
  IkeConfig config = duo_client_config ();

  config.request_ticket = TRUE;
  return config;
}

static RoamSecret *
last_ticket (const Duo *duo)
{
  g_assert_cmpuint (duo->tickets->len, >, 0);
  return g_ptr_array_index (duo->tickets, duo->tickets->len - 1);
}

static guint
count_exchange (const Duo *duo, guint8 exchange, gboolean from_client)
{
  guint n = 0;

  for (guint i = 0; i < duo->packets->len; i++)
    {
      const DuoPacket *packet = g_ptr_array_index (duo->packets, i);
      n += packet->from_client == from_client && duo_exchange (packet) == exchange;
    }
  return n;
}

static void
forget_packets (Duo *duo)
{
  g_ptr_array_set_size (duo->packets, 0);
  g_array_set_size (duo->events, 0);
}

static IkeMessage *
parse (const DuoPacket *packet)
{
  g_autoptr (GBytes) octets = duo_message (packet);
  IkeParseError error;
  gsize length;
  const guint8 *data = g_bytes_get_data (octets, &length);
  IkeMessage *message = ike_message_parse_clear (data, length, &error);

  g_assert_nonnull (message);
  return message;
}

/* The client comes back without the gateway knowing that it was away: connectivity was lost. */
static void
come_back (Duo *duo)
{
  duo_command (duo, IKE_ABANDON);
  forget_packets (duo);
  duo_start (duo, duo->a);
  duo_run_until (duo, IKE_EVENT_ESTABLISHED, 60 * SEC);
}

static void
test_resume (void)
{
  IkeConfig client = client_config ();
  g_autoptr (Duo) duo = duo_new (&client, NULL, 1);
  g_autoptr (IkeMessage) request = NULL;
  g_autoptr (IkeMessage) response = NULL;
  g_autoptr (RoamSecret) first = NULL;

  duo_establish (duo);
  g_assert_cmpuint (duo->tickets->len, ==, 1);
  first = roam_secret_ref (last_ticket (duo));
  come_back (duo);
  /* No SA, no KE; then an IKE_AUTH as ever. covers: IKE-RES-006, IKE-RES-008, IKE-RES-010 */
  g_assert_cmpuint (count_exchange (duo, IKE_EXCHANGE_IKE_SA_INIT, TRUE), ==, 0);
  g_assert_cmpuint (count_exchange (duo, IKE_EXCHANGE_IKE_SESSION_RESUME, TRUE), ==, 1);
  g_assert_cmpuint (count_exchange (duo, IKE_EXCHANGE_IKE_AUTH, TRUE), ==, 1);
  request = parse (g_ptr_array_index (duo->packets, 0));
  response = parse (g_ptr_array_index (duo->packets, 1));
  g_assert_cmpuint (request->payloads[0].type, ==, IKE_PAYLOAD_NONCE);
  g_assert_cmpuint (request->payloads[1].notify.notify_type, ==, IKE_NOTIFY_TICKET_OPAQUE);
  g_assert_null (ike_message_find (request, IKE_PAYLOAD_SA));
  g_assert_null (ike_message_find (request, IKE_PAYLOAD_KE));
  g_assert_nonnull (ike_message_find_notify (request, IKE_NOTIFY_NAT_DETECTION_SOURCE_IP));
  g_assert_cmpuint (response->n_payloads, >, 0);
  g_assert_cmpuint (response->payloads[0].type, ==, IKE_PAYLOAD_NONCE);
  g_assert_null (ike_message_find (response, IKE_PAYLOAD_CERTREQ));
  g_assert_true (request->header.spi_i != 0 && request->header.spi_r == 0 && request->header.message_id == 0);
  /* The old IKE SA is gone without a Delete, its address is the new one's. covers: IKE-RES-014, IKE-RES-013 */
  g_assert_cmpuint (count_exchange (duo, IKE_EXCHANGE_INFORMATIONAL, FALSE), ==, 0);
  g_assert_cmpuint (ike_responder_n_clients (duo->responder), ==, 1);
  g_assert_true (duo_addr_is (&duo_event (duo->events, IKE_EVENT_ESTABLISHED)->configuration.tia4, "10.99.0.1"));
  /* MOBIKE is negotiated anew, and works. covers: IKE-RES-009 */
  g_assert_true (duo_event (duo->events, IKE_EVENT_ESTABLISHED)->mobike);
  duo_ping (duo);
  duo_move (duo, duo->b, TRUE);
  duo_run_until (duo, IKE_EVENT_PATH_OK, 5 * SEC);
  duo_ping (duo);
  /* The used ticket is forgotten, a new one is there. covers: IKE-RES-001, IKE-RES-004 */
  g_assert_cmpuint (duo->tickets->len, ==, 3);
  g_assert_null (g_ptr_array_index (duo->tickets, 1));
  g_assert_false (roam_secret_equal (first, last_ticket (duo)));
  come_back (duo);
  g_assert_cmpuint (count_exchange (duo, IKE_EXCHANGE_IKE_SESSION_RESUME, TRUE), ==, 1);
  g_assert_cmpuint (duo_client_counter (duo, "sessions-resumed"), ==, 2);
  duo_ping (duo);
}

/* The ticket outlives the process: it comes with the configuration. */
static void
test_stored (void)
{
  IkeConfig client = client_config ();
  g_autoptr (Duo) duo = duo_new (&client, NULL, 1);
  g_autoptr (IkeResumption) stored = NULL;
  g_autoptr (RoamRng) rng = roam_rng_new_for_test (99);
  IkeStatus status;

  duo_establish (duo);
  ike_session_get_status (duo->client, &status);
  stored =
    ike_resumption_read ((IkeView){ roam_secret_peek (last_ticket (duo)), roam_secret_length (last_ticket (duo)) });
  /* covers: IKE-RES-003, IKE-RES-002 */
  g_assert_nonnull (stored);
  g_assert_cmpmem (g_bytes_get_data (stored->initiator_id.data, NULL), g_bytes_get_size (stored->initiator_id.data),
                   "alice@example.com", 17);
  g_assert_cmpmem (g_bytes_get_data (stored->responder_id.data, NULL), g_bytes_get_size (stored->responder_id.data),
                   "vpn.example.com", 15);
  g_assert_cmpint (stored->method, ==, IKE_AUTH_METHOD_PSK);
  g_assert_cmpuint (stored->suite.encr, ==, IKE_ENCR_AES_GCM_16);
  g_assert_cmpuint (roam_secret_length (stored->sk_d), ==, ike_prf_length (stored->suite.prf));
  g_assert_cmpint (stored->expires_unix, ==, roam_now_unix (&(RoamNow){ .ntp = sim_now (duo->sim).ntp }) + 8 * 3600);
  client.ticket = last_ticket (duo);
  ike_session_free (duo->client);
  duo->client = ike_session_new (&client, rng, NULL);
  g_ptr_array_set_size (duo->plane.children, 0);
  g_array_set_size (duo->plane.clients, 0);
  forget_packets (duo);
  duo_start (duo, duo->a);
  duo_run_until (duo, IKE_EVENT_ESTABLISHED, 60 * SEC);
  g_assert_cmpuint (count_exchange (duo, IKE_EXCHANGE_IKE_SESSION_RESUME, TRUE), ==, 1);
  g_assert_cmpuint (duo_client_counter (duo, "sessions-resumed"), ==, 1);
  duo_ping (duo);
}

/* A client that does not come back within the ticket's time starts anew. */
static void
test_expired (void)
{
  IkeConfig client = client_config ();
  IkeResponderConfig gateway = duo_gateway_config ();
  g_autoptr (Duo) duo = NULL;

  gateway.rekey_ike_us = 3600 * SEC;
  duo = duo_new (&client, &gateway, 1);
  duo_establish (duo);
  duo_command (duo, IKE_ABANDON);
  duo_run (duo, 3601 * SEC);
  /* covers: IKE-RES-004 */
  duo_start (duo, duo->a);
  duo_run_until (duo, IKE_EVENT_ESTABLISHED, 60 * SEC);
  g_assert_cmpuint (count_exchange (duo, IKE_EXCHANGE_IKE_SESSION_RESUME, TRUE), ==, 0);
  g_assert_null (g_ptr_array_index (duo->tickets, 1));
}

typedef enum
{
  END_TERMINATE,
  END_GATEWAY,
  END_REKEY,
  END_REKEY_BY_GATEWAY,
  N_ENDS,
} End;

static void
bring_about (Duo *duo, End end)
{
  switch (end)
    {
    case END_TERMINATE:
      duo_command (duo, IKE_TERMINATE);
      break;
    case END_GATEWAY:
      duo_gateway_command (duo, IKE_TERMINATE);
      break;
    case END_REKEY:
      duo_command (duo, IKE_REKEY_IKE);
      break;
    case END_REKEY_BY_GATEWAY:
      duo_gateway_command (duo, IKE_REKEY_IKE);
      break;
    case N_ENDS:
      break;
    }
  duo_run (duo, 5 * SEC);
}

static void
test_ends (void)
{
  for (End end = 0; end < N_ENDS; end++)
    {
      IkeConfig client = client_config ();
      g_autoptr (Duo) duo = duo_new (&client, NULL, 1);
      g_autoptr (RoamSecret) old = NULL;
      g_autoptr (RoamRng) rng = roam_rng_new_for_test (99);

      /* covers: IKE-RES-005 */
      duo_establish (duo);
      old = roam_secret_ref (last_ticket (duo));
      bring_about (duo, end);
      g_assert_null (g_ptr_array_index (duo->tickets, 1));
      if (end == END_TERMINATE || end == END_GATEWAY)
        g_assert_cmpuint (duo->tickets->len, ==, 2);
      else
        {
          /* covers: IKE-RES-001 */
          g_assert_cmpuint (duo->tickets->len, ==, 3);
          g_assert_nonnull (last_ticket (duo));
          come_back (duo);
          g_assert_cmpuint (duo_client_counter (duo, "sessions-resumed"), ==, 1);
        }
      /* A client that does not play by the rules gets nothing for the old one. */
      client.ticket = old;
      ike_session_free (duo->client);
      duo->client = ike_session_new (&client, rng, NULL);
      g_ptr_array_set_size (duo->plane.children, 0);
      g_array_set_size (duo->plane.clients, 0);
      forget_packets (duo);
      duo_start (duo, duo->a);
      duo_run_until (duo, IKE_EVENT_ESTABLISHED, 60 * SEC);
      g_assert_cmpuint (count_exchange (duo, IKE_EXCHANGE_IKE_SESSION_RESUME, TRUE), ==, 1);
      g_assert_cmpuint (count_exchange (duo, IKE_EXCHANGE_IKE_SA_INIT, TRUE), ==, 1);
      g_assert_cmpuint (duo_gateway_counter (duo, "tickets-refused"), ==, 1);
      duo_ping (duo);
    }
}

/* Liveness failure is no end of the ticket. */
static void
test_silence_keeps (void)
{
  IkeConfig client = client_config ();
  g_autoptr (Duo) duo = duo_new (&client, NULL, 1);

  /* covers: IKE-RES-005, IKE-RES-011 */
  duo_establish (duo);
  duo->a->down_blocked = TRUE;
  duo_run_until (duo, IKE_EVENT_DEAD, 900 * SEC);
  g_assert_cmpuint (count_exchange (duo, IKE_EXCHANGE_IKE_SESSION_RESUME, TRUE), ==, 0);
  duo->a->down_blocked = FALSE;
  g_assert_cmpuint (duo->tickets->len, ==, 1);
  forget_packets (duo);
  duo_start (duo, duo->a);
  duo_run_until (duo, IKE_EVENT_ESTABLISHED, 60 * SEC);
  g_assert_cmpuint (duo_client_counter (duo, "sessions-resumed"), ==, 1);
  duo_ping (duo);
}

static void
test_no_tickets (void)
{
  IkeConfig client = client_config ();
  IkeResponderConfig gateway = duo_gateway_config ();
  g_autoptr (Duo) duo = NULL;

  gateway.disable_tickets = TRUE;
  duo = duo_new (&client, &gateway, 1);
  duo_establish (duo);
  duo_command (duo, IKE_REKEY_IKE);
  duo_run (duo, 5 * SEC);
  g_assert_cmpuint (duo->tickets->len, ==, 0);
  come_back (duo);
  g_assert_cmpuint (count_exchange (duo, IKE_EXCHANGE_IKE_SESSION_RESUME, TRUE), ==, 0);
}

/* Both ends behind a NAT, from another address, asked for a cookie, over a bad network. */
static void
test_circumstances (void)
{
  for (guint64 seed = 1; seed <= 20; seed++)
    {
      IkeConfig client = client_config ();
      IkeResponderConfig gateway = duo_gateway_config ();
      g_autoptr (Duo) duo = NULL;

      gateway.cookie_threshold = 1;
      duo = duo_new (&client, &gateway, seed);
      duo_establish (duo);
      duo_command (duo, IKE_ABANDON);
      for (guint i = 0; i < 2; i++) /* half-open ones: a cookie will be asked for */
        {
          g_autoptr (RoamSecret) ticket = roam_secret_ref (last_ticket (duo));

          duo_start (duo, duo->a);
          duo_run (duo, 25 * MS);
          duo_command (duo, IKE_ABANDON);
        }
      forget_packets (duo);
      duo->nat->loss_percent = 10;
      duo_start (duo, duo->nat);
      duo_run_until (duo, IKE_EVENT_ESTABLISHED, 60 * SEC);
      /* covers: IKE-RES-010, IKE-RES-009 */
      g_assert_cmpuint (duo_gateway_counter (duo, "cookies-sent"), >=, 1);
      g_assert_cmpuint (duo_client_counter (duo, "sessions-resumed") + duo_client_counter (duo, "tickets-refused"), ==,
                        1);
      g_assert_true (duo_event (duo->events, IKE_EVENT_ESTABLISHED)->nat_local);
      duo->nat->loss_percent = 0;
      duo_ping (duo);
    }
}

/* The state of a ticket is for those who made it: every octet counts. */
static void
test_damaged (void)
{
  IkeConfig client = client_config ();
  g_autoptr (Duo) duo = duo_new (&client, NULL, 1);
  g_autofree guint8 *octets = NULL;
  gsize length;

  duo_establish (duo);
  length = roam_secret_length (last_ticket (duo));
  octets = g_memdup2 (roam_secret_peek (last_ticket (duo)), length);
  for (gsize i = 0; i < length; i += 3)
    {
      g_autoptr (RoamRng) rng = roam_rng_new_for_test (i);
      g_autoptr (RoamSecret) bad = NULL;
      g_autoptr (Duo) other = NULL;
      guint8 was = octets[i];

      octets[i] ^= 0x40;
      bad = roam_secret_new (octets, length);
      octets[i] = was;
      client.ticket = bad;
      ike_session_free (duo->client);
      duo->client = ike_session_new (&client, rng, NULL);
      g_ptr_array_set_size (duo->plane.children, 0);
      g_array_set_size (duo->plane.clients, 0);
      forget_packets (duo);
      duo_start (duo, duo->a);
      duo_run_until (duo, IKE_EVENT_ESTABLISHED, 60 * SEC);
      g_assert_cmpuint (count_exchange (duo, IKE_EXCHANGE_IKE_SA_INIT, TRUE), <=, 1);
      duo_ping (duo);
      duo_command (duo, IKE_ABANDON);
    }
}

static RoamSecret *
ppk (void)
{
  return roam_secret_new ((const guint8 *)"a post-quantum secret", 21);
}

/* The profile decides what may be resumed. */
static void
test_other_profile (void)
{
  IkeConfig client = client_config ();
  g_autoptr (Duo) duo = duo_new (&client, NULL, 1);
  g_autoptr (RoamSecret) ticket = NULL;
  g_autoptr (RoamSecret) quantum = ppk ();

  duo_establish (duo);
  ticket = roam_secret_ref (last_ticket (duo));
  for (guint i = 0; i < 4; i++)
    {
      IkeConfig other = client_config ();
      g_autoptr (RoamRng) rng = roam_rng_new_for_test (i);
      g_autoptr (IkeSession) session = NULL;
      IkeCommand command = { .type = IKE_START, .path = { 1, duo->a->host } };
      g_auto (IkeAction) action = { 0 };
      RoamNow now = sim_now (duo->sim);
      gsize length;

      other.ticket = ticket;
      if (i == 1)
        other.local_id = "bob@example.com";
      if (i == 2)
        other.ike_proposals = "aes256-sha512-ecp521";
      if (i == 3)
        {
          other.ppk = quantum;
          other.ppk_id = "q";
          other.require_ppk = TRUE;
        }
      session = ike_session_new (&other, rng, NULL);
      ike_session_input_command (session, &now, &command);
      g_assert_true (ike_session_pop_action (session, &action));
      g_assert_cmpint (action.type, ==, IKE_ACTION_SEND);
      g_assert_cmpuint (((const guint8 *)g_bytes_get_data (action.send.datagram, &length))[18], ==,
                        i == 0 ? IKE_EXCHANGE_IKE_SESSION_RESUME : IKE_EXCHANGE_IKE_SA_INIT);
    }
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/ext-resume/resume", test_resume);
  g_test_add_func ("/ext-resume/stored", test_stored);
  g_test_add_func ("/ext-resume/expired", test_expired);
  g_test_add_func ("/ext-resume/ends", test_ends);
  g_test_add_func ("/ext-resume/silence-keeps", test_silence_keeps);
  g_test_add_func ("/ext-resume/no-tickets", test_no_tickets);
  g_test_add_func ("/ext-resume/circumstances", test_circumstances);
  g_test_add_func ("/ext-resume/damaged", test_damaged);
  g_test_add_func ("/ext-resume/other-profile", test_other_profile);
  return g_test_run ();
}
