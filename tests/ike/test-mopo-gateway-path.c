/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* PATH_TEST and address lists (draft-eronen-mobike-mopo-02 2.4, 2.5) between client and gateway. Virtual time. */
#include "ike/ike-responder-private.h"
#include "tests/ike/duo.h"

#include <string.h>

static gboolean
gateway_knows (Duo *duo, const char *addr)
{
  IkeSession *session = duo_gateway_session (duo);

  for (guint i = 0; i < session->n_peer_addresses; i++)
    if (duo_addr_is (&session->peer_addresses[i], addr))
      return TRUE;
  return FALSE;
}

/* --- PATH_TEST at the gateway --- */

static GBytes *
path_test (guint64 spi_i, guint64 spi_r, guint8 exchange, gboolean nat_detection, gboolean marker)
{
  static const guint8 zeros[20];
  IkeHeader header = { .spi_i = spi_i, .spi_r = spi_r, .exchange = exchange, .flags = IKE_FLAG_INITIATOR };
  g_autoptr (IkePayloads) payloads = ike_payloads_new ();
  g_autoptr (GBytes) message = NULL;
  IkePair pair = { .local = { .port = marker ? 4500 : 500 } };

  if (nat_detection)
    {
      ike_payloads_add_notify (payloads, IKE_NOTIFY_NAT_DETECTION_SOURCE_IP, zeros, sizeof zeros);
      ike_payloads_add_notify (payloads, IKE_NOTIFY_NAT_DETECTION_DESTINATION_IP, zeros, sizeof zeros);
    }
  message = ike_message_build_clear (&header, payloads);
  return ike_datagram_new (&pair, message);
}

static guint
count_answers (const Duo *duo)
{
  guint n = 0;

  for (guint i = 0; i < duo->packets->len; i++)
    n += !((const DuoPacket *)g_ptr_array_index (duo->packets, i))->from_client;
  return n;
}

static void
test_many_questions (void)
{
  g_autoptr (Duo) duo = duo_new (NULL, NULL, 1);
  RoamEndpoint gateway = duo_endpoint (DUO_GATEWAY, 4500);

  /* covers: MOPO-PT-002, MOPO-TBD-012, MOPO-PT-004 */
  for (guint i = 0; i < 10000; i++)
    {
      RoamEndpoint from = { .addr = roam_addr_from_u32 (0xc6336400 + i % 4), .port = (guint16)(1024 + i) };
      g_autoptr (GBytes) message = path_test (0, 0, 250, i % 2, TRUE);
      guint before = duo->packets->len;

      duo_inject (duo, &gateway, &from, message);
      for (guint j = before; j < duo->packets->len; j++)
        {
          const DuoPacket *packet = g_ptr_array_index (duo->packets, j);
          g_assert_true (roam_endpoint_equal (&packet->remote, &from));
          g_assert_cmpuint (g_bytes_get_size (packet->data), <=, g_bytes_get_size (message));
        }
      duo_run (duo, MS);
    }
  /* Ten seconds, four sources, ten answers a second each. */
  g_assert_cmpuint (count_answers (duo), ==, 400);
  g_assert_cmpuint (duo->responder->clients->len, ==, 0);
  g_assert_cmpuint (duo->responder->path_test_limit.n, ==, IKE_PATH_TEST_PER_SECOND);
  g_assert_cmpuint (duo_gateway_counter (duo, "path-tests-received"), ==, 400);
  g_assert_cmpuint (duo_gateway_counter (duo, "path-tests-ignored"), ==, 9600);
}

static void
test_all_sources (void)
{
  g_autoptr (Duo) duo = duo_new (NULL, NULL, 1);
  RoamEndpoint gateway = duo_endpoint (DUO_GATEWAY, 500);
  g_autoptr (GBytes) message = path_test (0, 0, 250, TRUE, FALSE);

  /* covers: MOPO-TBD-012 */
  for (guint i = 0; i < 1000; i++)
    {
      RoamEndpoint from = { .addr = roam_addr_from_u32 (0x0a000000 + i), .port = 500 };
      duo_inject (duo, &gateway, &from, message);
    }
  g_assert_cmpuint (count_answers (duo), ==, 100);
}

static void
test_demultiplexing (void)
{
  g_autoptr (Duo) duo = duo_new (NULL, NULL, 1);
  RoamEndpoint gateway = duo_endpoint (DUO_GATEWAY, 500), from = duo_endpoint (DUO_HOST_B, 500);
  guint before;

  /* covers: MOPO-TBD-022 */
  duo_establish (duo);
  before = count_answers (duo);
  for (guint form = 1; form < 4; form++)
    {
      g_autoptr (GBytes) message = path_test (form & 1 ? 7 : 0, form & 2 ? 7 : 0, 250, TRUE, FALSE);
      duo_inject (duo, &gateway, &from, message);
    }
  for (guint exchange = 0; exchange < 256; exchange++)
    {
      g_autoptr (GBytes) message = path_test (0, 0, (guint8)exchange, FALSE, FALSE);
      if (exchange != 250)
        duo_inject (duo, &gateway, &from, message);
    }
  g_assert_cmpuint (count_answers (duo), ==, before);
}

/* A gateway without the dialect: whatever it says to exchange 250, the client's IKE SA does not suffer. */
static void
test_gateway_without (void)
{
  IkeResponderConfig config = duo_gateway_config ();
  g_autoptr (Duo) duo = NULL;
  RoamEndpoint gateway = duo_endpoint (DUO_GATEWAY, 4500), from = duo_endpoint (DUO_HOST_A, 4500);
  g_autoptr (GBytes) message = path_test (0, 0, 250, TRUE, TRUE);

  /* covers: MOPO-PLD-004 */
  config.disable_mopo = TRUE;
  config.disable_mobike = FALSE;
  duo = duo_new (NULL, &config, 1);
  duo_establish (duo);
  duo_inject (duo, &gateway, &from, message);
  duo_run (duo, SEC);
  g_assert_null (duo_find_packet (duo, FALSE, 250));
  duo_command (duo, IKE_CHECK);
  duo_run_until (duo, IKE_EVENT_PATH_OK, SEC);
}

/* --- the gateway's addresses --- */

static Duo *
with_two_addresses (gboolean announce)
{
  IkeConfig client = duo_client_config ();
  IkeResponderConfig gateway = duo_gateway_config ();
  Duo *duo;
  SimLink *links[3] = { NULL };

  gateway.addresses[gateway.n_addresses++] = duo_endpoint (DUO_GATEWAY, 0).addr;
  gateway.addresses[gateway.n_addresses++] = duo_endpoint (DUO_GATEWAY2, 0).addr;
  client.announce_addresses = announce;
  duo = duo_new (&client, &gateway, 1);
  links[0] = duo->a;
  links[1] = duo->b;
  duo_paths (duo, links);
  duo_establish (duo);
  duo_run (duo, SEC);
  g_ptr_array_set_size (duo->packets, 0);
  return duo;
}

/* PATH_TEST questions of a side. */
static guint
count_questions (const Duo *duo, gboolean from_client)
{
  guint n = 0;

  for (guint i = 0; i < duo->packets->len; i++)
    {
      const DuoPacket *packet = g_ptr_array_index (duo->packets, i);
      g_autoptr (IkeMessage) message = NULL;

      if (packet->from_client != from_client || duo_exchange (packet) != 250)
        continue;
      message = duo_parse (packet);
      n += !(message->header.flags & IKE_FLAG_RESPONSE);
    }
  return n;
}

static void
test_address_list (void)
{
  g_autoptr (Duo) duo = with_two_addresses (TRUE);
  RoamAddr second = duo_endpoint (DUO_GATEWAY2, 0).addr;

  /* Each side knows the other's list, and does nothing with it. */
  /* covers: MOPO-ADD-001, MOPO-ADD-003, MOPO-ADU-002, MOPO-STA-002 */
  g_assert_true (gateway_knows (duo, DUO_HOST_B));
  g_assert_cmpuint (duo_client_status (duo).n_pairs, ==, 4);
  duo_run (duo, 25 * SEC);
  g_assert_cmpuint (duo->packets->len, ==, 0);
  /* A new list without the address in use: the client asks over PATH_TEST and goes. */
  /* covers: MOPO-ADU-003, MOPO-ADU-001 */
  duo_set_addresses (duo, &second, 1);
  duo->a->only_to = second;
  duo_run (duo, 2 * SEC);
  g_assert_cmpuint (count_questions (duo, TRUE), ==, 0); /* what it comes from belongs to the set, so nothing is gone */
  duo_run (duo, 60 * SEC);
  g_assert_cmpuint (count_questions (duo, TRUE), >=, 1);
  g_assert_true (duo_addr_is (&duo->gateway_plane.local.addr, DUO_GATEWAY2));
  duo_ping (duo);
}

/* The gateway's address goes away, and so did the network that the client used. */
static void
test_renumbered (void)
{
  g_autoptr (Duo) duo = with_two_addresses (TRUE);
  static const char *const left[] = { DUO_GATEWAY2, NULL };
  guint remote_moves = 0;

  /* covers: MOPO-ADU-005, MOPO-ADU-006, MOPO-TBD-017, MOPO-PT-004, MOPO-PT-011, MOPO-CHR-007 */
  duo->a->up_blocked = duo->a->down_blocked = TRUE;
  duo_lose_address (duo, DUO_GATEWAY, left);
  g_assert_true (duo_addr_is (&duo->gateway_plane.local.addr, DUO_GATEWAY2)); /* its own side at once */
  for (guint i = 0; i < 200 && count_questions (duo, FALSE) < 1; i++)
    duo_run (duo, 100 * MS);
  g_assert_cmpuint (count_questions (duo, FALSE), >=, 1); /* over the client's addresses */
  for (guint i = 0; i < 100 && !duo_addr_is (&duo->gateway_plane.remote.addr, DUO_HOST_B); i++)
    {
      /* The Child SAs wait for CHANGE_PATH. */
      g_assert_cmpuint (duo_gateway_counter (duo, "updates-accepted"), ==, 0);
      duo_run (duo, 10 * MS);
      remote_moves++;
    }
  g_assert_cmpuint (remote_moves, >=, 2);
  g_assert_cmpuint (duo_gateway_counter (duo, "updates-accepted"), ==, 1);
  g_assert_cmpuint (duo_count (duo->events, IKE_EVENT_PATH_CHANGED), ==, 1);
  g_assert_true (duo_addr_is (&duo->plane.remote.addr, DUO_GATEWAY2));
  g_assert_true (duo_addr_is (&duo->plane.local.addr, DUO_HOST_B));
  duo_run (duo, 5 * SEC);
  g_assert_cmpuint (duo_count (duo->events, IKE_EVENT_DEAD), ==, 0);
  duo_ping (duo);
}

/* Somebody floods both sides with answers that nobody asked for. */
static void
test_spoofed (void)
{
  g_autoptr (Duo) duo = with_two_addresses (FALSE);
  RoamEndpoint gateway = duo_endpoint (DUO_GATEWAY, 4500), from = duo_endpoint (DUO_HOST_A, 4500);
  guint moves = duo->gateway_plane.moves;

  /* covers: MOPO-TBD-006, MOPO-PT-007 */
  for (guint i = 0; i < 500; i++)
    {
      IkeHeader header = { .exchange = 250, .flags = IKE_FLAG_RESPONSE, .message_id = i };
      g_autoptr (IkePayloads) payloads = ike_payloads_new ();
      g_autoptr (GBytes) message = ike_message_build_clear (&header, payloads);
      IkePair pair = { .local = gateway, .remote = from };
      g_autoptr (GBytes) datagram = ike_datagram_new (&pair, message);
      RoamNow now = sim_now (duo->sim);

      duo_inject (duo, &gateway, &from, datagram);
      ike_session_input_datagram (duo->client, &now, 1, &from, &gateway, g_bytes_get_data (datagram, NULL),
                                  g_bytes_get_size (datagram));
    }
  duo_run (duo, SEC);
  g_assert_cmpuint (duo->packets->len, ==, 0);
  g_assert_cmpuint (duo_client_counter (duo, "path-tests-unmatched"), ==, 500);
  g_assert_cmpuint (duo_gateway_counter (duo, "path-tests-unmatched"), ==, 500);
  g_assert_cmpuint (duo->gateway_plane.moves, ==, moves);
  duo_assert_gateway_at (duo, duo->client_number, DUO_HOST_A);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  duo_speak (&ike_dialect_mopo);
  g_test_add_func ("/ike/mopo-gateway-path/many-questions", test_many_questions);
  g_test_add_func ("/ike/mopo-gateway-path/all-sources", test_all_sources);
  g_test_add_func ("/ike/mopo-gateway-path/demultiplexing", test_demultiplexing);
  g_test_add_func ("/ike/mopo-gateway-path/gateway-without", test_gateway_without);
  g_test_add_func ("/ike/mopo-gateway-path/address-list", test_address_list);
  g_test_add_func ("/ike/mopo-gateway-path/renumbered", test_renumbered);
  g_test_add_func ("/ike/mopo-gateway-path/spoofed", test_spoofed);
  return g_test_run ();
}
