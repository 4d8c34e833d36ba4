/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What strangers can send to a gateway, and the pool of inner addresses. */
#include "ike/ike-message-private.h"
#include "ike/ike-responder-private.h"
#include "tests/ike/duo.h"

#include <string.h>

static RoamEndpoint
endpoint (const char *addr, guint16 port)
{
  RoamEndpoint endpoint = { .port = port };

  g_assert_true (roam_addr_parse (addr, &endpoint.addr));
  return endpoint;
}

/* The octets of a packet with one octet changed; @at beyond the end: cut off there instead. */
static GBytes *
damage (GBytes *data, gsize at, gboolean cut)
{
  gsize length;
  const guint8 *octets = g_bytes_get_data (data, &length);
  g_autofree guint8 *copy = g_memdup2 (octets, length);

  if (cut)
    return g_bytes_new (copy, at);
  copy[at] ^= 0x41;
  return g_bytes_new (copy, length);
}

/* Every octet of every message changed, every message cut everywhere: nothing of it counts, the original does. */
static void
test_damaged (void)
{
  g_autoptr (Duo) duo = duo_new (NULL, NULL, 1);
  g_autoptr (Duo) target = duo_new (NULL, NULL, 1);

  duo_establish (duo);
  for (guint i = 0; i < duo->packets->len; i++)
    {
      const DuoPacket *packet = g_ptr_array_index (duo->packets, i);

      if (!packet->from_client)
        continue;
      for (gsize at = 0; at < g_bytes_get_size (packet->data); at++)
        for (guint cut = 0; cut < 2; cut++)
          {
            g_autoptr (GBytes) bad = damage (packet->data, at, cut == 1);
            duo_inject (target, &packet->remote, &packet->local, bad);
          }
      duo_inject (target, &packet->remote, &packet->local, packet->data);
    }
  /* The replies were others than the client of @duo got, so its IKE_AUTH fits nobody here. */
  g_assert_cmpuint (duo_count (target->gateway_events, IKE_EVENT_ESTABLISHED), ==, 0);
  g_assert_cmpuint (ike_responder_n_clients (target->responder), <=, IKE_MAX_HALF_OPEN);
  duo_run (target, 60 * SEC);
  g_assert_cmpuint (ike_responder_n_clients (target->responder), ==, 0);
}

/* The same while the right client is connecting: it does. */
static void
test_damaged_beside (void)
{
  g_autoptr (Duo) duo = duo_new (NULL, NULL, 1);

  duo_start (duo, duo->a);
  for (guint step = 0; step < 200; step++)
    {
      guint n = duo->packets->len;

      duo_run (duo, MS);
      for (guint i = 0; i < n; i++)
        {
          const DuoPacket *packet = g_ptr_array_index (duo->packets, i);
          gsize size = g_bytes_get_size (packet->data);
          g_autoptr (GBytes) bad = damage (packet->data, (step * 37 + i) % size, step % 2);

          if (packet->from_client && duo_exchange (packet) != IKE_EXCHANGE_IKE_SA_INIT)
            duo_inject (duo, &packet->remote, &packet->local, bad);
        }
    }
  g_assert_cmpuint (duo_count (duo->events, IKE_EVENT_ESTABLISHED), ==, 1);
  g_assert_cmpuint (duo_count (duo->gateway_events, IKE_EVENT_DEAD), ==, 0);
  duo_ping (duo);
}

/* A flood of IKE_SA_INIT costs what the limits say and is over when it ends. */
static void
test_flood (void)
{
  IkeResponderConfig gateway = duo_gateway_config ();
  g_autoptr (Duo) duo = NULL;
  const DuoPacket *first;

  gateway.cookie_threshold = gateway.puzzle_threshold = 100000; /* no cookies: the last line of defence */
  duo = duo_new (NULL, &gateway, 1);
  duo_start (duo, duo->a);
  first = g_ptr_array_index (duo->packets, 0);
  for (guint16 port = 1024; port < 1024 + 2 * IKE_MAX_HALF_OPEN; port++)
    {
      RoamEndpoint from = endpoint ("192.0.2.77", port);
      duo_inject (duo, &first->remote, &from, first->data);
    }
  g_assert_cmpuint (ike_responder_n_clients (duo->responder), ==, IKE_MAX_HALF_OPEN);
  g_assert_cmpuint (duo_gateway_counter (duo, "clients-refused"), ==, IKE_MAX_HALF_OPEN);
  duo_command (duo, IKE_ABANDON);
  duo_run (duo, 31 * SEC);
  g_assert_cmpuint (ike_responder_n_clients (duo->responder), ==, 0);
  duo_establish (duo);
}

/* A COOKIE is good for the address, the nonce and the SPI that it was made for, and not for ever. */
static void
test_cookie_of_another (void)
{
  IkeResponderConfig gateway = duo_gateway_config ();
  RoamEndpoint other = endpoint ("192.0.2.77", IKE_PORT);
  g_autoptr (Duo) duo = NULL;
  g_autoptr (GBytes) request = NULL;
  DuoPacket retry;
  guint cookies;

  gateway.cookie_threshold = 1;
  duo = duo_new (NULL, &gateway, 1);
  duo_start (duo, duo->a);
  duo_run (duo, 25 * MS);
  duo_start (duo, duo->a); /* one half-open SA is there now */
  duo_run_until (duo, IKE_EVENT_ESTABLISHED, 5 * SEC);
  g_assert_cmpuint (duo_gateway_counter (duo, "cookies-sent"), ==, 1);
  memset (&retry, 0, sizeof retry);
  for (guint i = 0; i < duo->packets->len; i++)
    {
      const DuoPacket *packet = g_ptr_array_index (duo->packets, i);
      if (packet->from_client && duo_exchange (packet) == IKE_EXCHANGE_IKE_SA_INIT)
        retry = *packet; /* the last one carries the cookie */
    }
  request = g_bytes_ref (retry.data);
  duo_inject (duo, &retry.remote, &other, request);
  g_assert_cmpuint (duo_gateway_counter (duo, "cookies-sent"), ==, 2);
  g_assert_cmpuint (ike_responder_n_clients (duo->responder), ==, 2);
  /* From the right address it is a repetition, until that is forgotten; much later the secret is another one. */
  duo_inject (duo, &retry.remote, &retry.local, request);
  g_assert_cmpuint (duo_gateway_counter (duo, "init-repeated"), ==, 1);
  duo_run (duo, 40 * SEC);
  for (guint i = 0; i < 4; i++)
    {
      RoamEndpoint stranger = endpoint ("192.0.2.78", IKE_PORT);

      /* Somebody is half open, so cookies are asked for, and secrets grow old. */
      duo_inject (duo, &retry.remote, &stranger, ((DuoPacket *)g_ptr_array_index (duo->packets, 0))->data);
      duo_run (duo, 61 * SEC);
      duo_inject (duo, &retry.remote, &stranger, ((DuoPacket *)g_ptr_array_index (duo->packets, 0))->data);
      duo_inject (duo, &retry.remote, &other, ((DuoPacket *)g_ptr_array_index (duo->packets, 0))->data);
    }
  cookies = (guint)duo_gateway_counter (duo, "cookies-sent");
  duo_inject (duo, &retry.remote, &retry.local, request);
  g_assert_cmpuint (duo_gateway_counter (duo, "cookies-sent"), ==, cookies + 1);
}

/* IKE 3.0 is answered with what we speak (RFC 7296 2.5). */
static void
test_versions (void)
{
  g_autoptr (Duo) duo = duo_new (NULL, NULL, 1);
  const DuoPacket *first, *answer;
  g_autoptr (GBytes) request = NULL;
  g_autoptr (IkeMessage) message = NULL;
  const IkePayloadNotify *notify;
  IkeParseError error;
  guint8 *octets;
  gsize length;

  duo_start (duo, duo->a);
  first = g_ptr_array_index (duo->packets, 0);
  octets = g_memdup2 (g_bytes_get_data (first->data, &length), g_bytes_get_size (first->data));
  octets[17] = 0x30;
  request = g_bytes_new_take (octets, length);
  duo_inject (duo, &first->remote, &first->local, request);
  answer = g_ptr_array_index (duo->packets, 1);
  message = ike_message_parse_clear (g_bytes_get_data (answer->data, NULL), g_bytes_get_size (answer->data), &error);
  g_assert_nonnull (message);
  notify = ike_message_find_notify (message, IKE_NOTIFY_INVALID_MAJOR_VERSION);
  g_assert_nonnull (notify);
  g_assert_cmpuint (notify->data.length, ==, 1);
  g_assert_cmphex (notify->data.data[0], ==, IKE_VERSION_2_0);
  g_assert_cmpuint (ike_responder_n_clients (duo->responder), ==, 0);
}

static void
test_max_clients (void)
{
  IkeResponderConfig gateway = duo_gateway_config ();
  g_autoptr (Duo) duo = NULL;

  gateway.max_clients = 1;
  duo = duo_new (NULL, &gateway, 1);
  duo_establish (duo);
  duo_command (duo, IKE_ABANDON);
  duo_start (duo, duo->b);
  duo_run_until (duo, IKE_EVENT_FAILED, 60 * SEC);
  g_assert_cmpuint (ike_responder_n_clients (duo->responder), ==, 1);
}

/* --- pool --- */

static void
test_pool (void)
{
  g_autoptr (GBytes) alice = g_bytes_new_static ("alice", 5);
  g_autoptr (GBytes) bob = g_bytes_new_static ("bob", 3);
  g_autoptr (GBytes) carol = g_bytes_new_static ("carol", 5);
  g_autoptr (IkePool) pool = NULL;
  RoamAddr a, b, c = ROAM_ADDR_NONE;
  RoamPrefix prefix;

  g_assert_true (roam_prefix_parse ("10.1.2.7/30", &prefix));
  pool = ike_pool_new (&prefix);
  g_assert_true (ike_pool_take (pool, alice, NULL, &a));
  g_assert_true (ike_pool_take (pool, bob, NULL, &b));
  g_assert_true (duo_addr_is (&a, "10.1.2.5"));
  g_assert_true (duo_addr_is (&b, "10.1.2.6"));
  g_assert_false (ike_pool_take (pool, carol, NULL, &c));
  g_assert_false (roam_addr_is_set (&c));
  /* What bob leaves is his again, or carol's when he does not come back. */
  ike_pool_release (pool, &a);
  ike_pool_release (pool, &b);
  g_assert_true (ike_pool_take (pool, bob, NULL, &c));
  g_assert_true (roam_addr_equal (&b, &c));
  g_assert_true (ike_pool_take (pool, carol, NULL, &c));
  g_assert_true (roam_addr_equal (&a, &c));
  g_assert_false (ike_pool_take (pool, alice, NULL, &c));
}

static void
test_pool_sizes (void)
{
  g_autoptr (GBytes) owner = g_bytes_new_static ("x", 1);
  g_autoptr (IkePool) pool = NULL;
  RoamPrefix prefix;
  RoamAddr addr;

  g_assert_true (roam_prefix_parse ("10.1.2.3/32", &prefix));
  g_assert_null (ike_pool_new (&prefix));
  g_assert_true (roam_prefix_parse ("10.1.2.3/31", &prefix));
  g_assert_null (ike_pool_new (&prefix));
  g_assert_true (roam_prefix_parse ("2001:db8:1:2::/64", &prefix));
  pool = ike_pool_new (&prefix);
  for (guint i = 0; i < 300; i++)
    g_assert_true (ike_pool_take (pool, owner, NULL, &addr));
  g_assert_true (duo_addr_is (&addr, "2001:db8:1:2::12c"));
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/responder-hostile/damaged", test_damaged);
  g_test_add_func ("/responder-hostile/damaged-beside", test_damaged_beside);
  g_test_add_func ("/responder-hostile/flood", test_flood);
  g_test_add_func ("/responder-hostile/cookie-of-another", test_cookie_of_another);
  g_test_add_func ("/responder-hostile/versions", test_versions);
  g_test_add_func ("/responder-hostile/max-clients", test_max_clients);
  g_test_add_func ("/responder-hostile/pool", test_pool);
  g_test_add_func ("/responder-hostile/pool-sizes", test_pool_sizes);
  return g_test_run ();
}
