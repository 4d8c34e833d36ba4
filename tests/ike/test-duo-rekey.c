/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Rekeying by either side and by both at once, on good and on bad networks (RFC 7296 2.8, 2.25). */
#include "ike/ike-message-private.h"
#include "tests/ike/duo.h"

/* --- what must be true of every run --- */

/* A message of an IKE SA, told apart as RFC 7296 2.2 does. */
typedef struct
{
  guint64 spi_i, spi_r;
  gboolean from_client, is_response;
  guint32 id;
} Key;

static guint
key_hash (gconstpointer data)
{
  const Key *key = data;
  return (guint)(key->spi_i ^ key->spi_r) ^ (key->id << 2) ^ (guint)(key->from_client << 1) ^ (guint)key->is_response;
}

static gboolean
key_equal (gconstpointer x, gconstpointer y)
{
  const Key *a = x, *b = y;
  return a->spi_i == b->spi_i && a->spi_r == b->spi_r && a->from_client == b->from_client &&
         a->is_response == b->is_response && a->id == b->id;
}

static gboolean
read_key (const DuoPacket *packet, GBytes *message, Key *ret_key)
{
  IkeParseError error;
  IkeHeader header;
  const guint8 *data;
  guint8 protection = 0;
  gsize length;

  data = g_bytes_get_data (message, &length);
  if (!ike_header_parse (data, length, &header, &error) || !ike_message_peek_protection (data, length, &protection) ||
      protection != IKE_PAYLOAD_SK)
    return FALSE;
  *ret_key = (Key){ .spi_i = header.spi_i,
                    .spi_r = header.spi_r,
                    .from_client = packet->from_client,
                    .is_response = (header.flags & IKE_FLAG_RESPONSE) != 0,
                    .id = header.message_id };
  return TRUE;
}

/*
 * Windows of one: a request goes out when the one before was answered, never earlier. And whatever is
 * sent again is the same, bit by bit.
 */
/* covers: IKE-MID-008 */
static void
assert_windows (const Duo *duo)
{
  g_autoptr (GHashTable) seen = g_hash_table_new_full (key_hash, key_equal, g_free, (GDestroyNotify)g_bytes_unref);
  guint checked = 0;

  for (guint i = 0; i < duo->packets->len; i++)
    {
      const DuoPacket *packet = g_ptr_array_index (duo->packets, i);
      g_autoptr (GBytes) message = NULL;
      Key key, before;
      GBytes *first;

      if (g_bytes_get_size (packet->data) < IKE_HEADER_LENGTH)
        continue;
      message = duo_message (packet);
      if (!read_key (packet, message, &key))
        continue;
      first = g_hash_table_lookup (seen, &key);
      if (first)
        {
          g_assert_true (g_bytes_equal (first, message));
          continue;
        }
      before = (Key){ key.spi_i, key.spi_r, !key.from_client, TRUE, key.id - 1 };
      /* IKE_AUTH, number 1, follows IKE_SA_INIT, which is not protected. */
      if (!key.is_response && key.id > 0 && duo_exchange (packet) != IKE_EXCHANGE_IKE_AUTH)
        {
          g_assert_true (g_hash_table_contains (seen, &before));
          checked++;
        }
      g_hash_table_insert (seen, g_memdup2 (&key, sizeof key), g_steal_pointer (&message));
    }
  g_assert_cmpuint (checked, >, 0);
}

/* One IKE SA, one Child SA on each side, and both agree about them. */
static void
assert_settled (Duo *duo)
{
  IkeStatus client, gateway;

  g_assert_cmpuint (duo_count (duo->events, IKE_EVENT_DEAD), ==, 0);
  g_assert_cmpuint (duo_count (duo->gateway_events, IKE_EVENT_DEAD), ==, 0);
  g_assert_cmpuint (duo->plane.children->len, ==, 1);
  g_assert_cmpuint (duo->gateway_plane.children->len, ==, 1);
  ike_session_get_status (duo->client, &client);
  g_assert_true (ike_responder_get_status (duo->responder, duo->client_number, &gateway));
  g_assert_cmpuint (client.spi_i, ==, gateway.spi_i);
  g_assert_cmpuint (client.spi_r, ==, gateway.spi_r);
  g_assert_cmpuint (client.child_spi_in, ==, gateway.child_spi_out);
  g_assert_cmpuint (client.child_spi_out, ==, gateway.child_spi_in);
  duo_ping (duo);
}

static void
test_each_side (void)
{
  static const IkeCommandType commands[] = { IKE_REKEY_CHILD, IKE_REKEY_IKE };

  for (guint i = 0; i < 2 * G_N_ELEMENTS (commands); i++)
    {
      g_autoptr (Duo) duo = duo_new (NULL, NULL, 1);
      IkeStatus before, after;

      duo_establish (duo);
      ike_session_get_status (duo->client, &before);
      if (i % 2 == 0)
        duo_command (duo, commands[i / 2]);
      else
        duo_gateway_command (duo, commands[i / 2]);
      duo_run (duo, 5 * SEC);
      assert_settled (duo);
      ike_session_get_status (duo->client, &after);
      if (commands[i / 2] == IKE_REKEY_CHILD)
        g_assert_cmpuint (before.child_spi_in, !=, after.child_spi_in);
      else
        g_assert_cmpuint (before.spi_i, !=, after.spi_i);
    }
}

static void
test_collision (gconstpointer data)
{
  IkeCommandType type = (IkeCommandType)GPOINTER_TO_INT (data);
  /* The lowest of four nonces decides; over some seeds each side loses once at least. */
  for (guint64 seed = 1; seed <= 12; seed++)
    {
      g_autoptr (Duo) duo = duo_new (NULL, NULL, seed);
      IkeStatus before, after;

      duo_establish (duo);
      ike_session_get_status (duo->client, &before);
      duo_command (duo, type);
      duo_gateway_command (duo, type);
      duo_run (duo, 10 * SEC);
      assert_settled (duo);
      ike_session_get_status (duo->client, &after);
      if (type == IKE_REKEY_CHILD)
        {
          g_assert_cmpuint (duo_client_counter (duo, "child-rekey-collisions"), ==, 1);
          g_assert_cmpuint (duo_gateway_counter (duo, "child-rekey-collisions"), ==, 1);
          g_assert_cmpuint (before.child_spi_in, !=, after.child_spi_in);
        }
      else
        {
          g_assert_cmpuint (duo_client_counter (duo, "ike-rekey-collisions"), ==, 1);
          g_assert_cmpuint (duo_gateway_counter (duo, "ike-rekey-collisions"), ==, 1);
          g_assert_cmpuint (before.spi_i, !=, after.spi_i);
        }
    }
}

/* One side rekeys the IKE SA while the other one rekeys the Child SA: one of them waits. */
static void
test_crossing (void)
{
  for (guint i = 0; i < 2; i++)
    {
      g_autoptr (Duo) duo = duo_new (NULL, NULL, 3 + i);

      duo_establish (duo);
      duo_command (duo, i == 0 ? IKE_REKEY_CHILD : IKE_REKEY_IKE);
      duo_gateway_command (duo, i == 0 ? IKE_REKEY_IKE : IKE_REKEY_CHILD);
      duo_run (duo, 60 * SEC);
      assert_settled (duo);
    }
}

static void
random_command (Duo *duo, RoamRng *rng)
{
  switch (roam_rng_below (rng, 5))
    {
    case 0:
      duo_command (duo, IKE_REKEY_CHILD);
      return;
    case 1:
      duo_command (duo, IKE_REKEY_IKE);
      return;
    case 2:
      duo_gateway_command (duo, IKE_REKEY_CHILD);
      return;
    case 3:
      duo_gateway_command (duo, IKE_REKEY_IKE);
      return;
    default:
      duo_move (duo, roam_rng_below (rng, 2) ? duo->a : duo->b, TRUE);
      return;
    }
}

/* Anything at any time on a network that loses, repeats and reorders: in the end both sides agree. */
static void
test_chaos (void)
{
  for (guint64 seed = 1; seed <= 250; seed++)
    {
      g_autoptr (Duo) duo = duo_new (NULL, NULL, seed);
      g_autoptr (RoamRng) rng = roam_rng_new_for_test (seed);

      duo_establish (duo);
      for (guint i = 0; i < 2; i++)
        {
          SimLink *link = i == 0 ? duo->a : duo->b;
          link->loss_percent = 15;
          link->duplicate_percent = 10;
          link->jitter_us = 60 * MS;
        }
      for (guint i = 0; i < 25; i++)
        {
          random_command (duo, rng);
          duo_run (duo, roam_rng_below (rng, 400) * MS);
        }
      duo->a->loss_percent = duo->b->loss_percent = 0;
      duo_run (duo, 120 * SEC);
      assert_settled (duo);
      assert_windows (duo);
    }
}

/* Both sides' lifetimes run out again and again, for a day. */
static void
test_long_run (void)
{
  IkeConfig client = duo_client_config ();
  IkeResponderConfig gateway = duo_gateway_config ();
  g_autoptr (Duo) duo = NULL;

  client.rekey_child_us = gateway.rekey_child_us = 600 * SEC;
  client.rekey_ike_us = gateway.rekey_ike_us = 1800 * SEC;
  duo = duo_new (&client, &gateway, 7);
  duo_establish (duo);
  duo->a->loss_percent = 5;
  duo_run (duo, 24 * 3600 * SEC);
  duo->a->loss_percent = 0;
  duo_run (duo, 60 * SEC);
  assert_settled (duo);
  g_assert_cmpuint (duo_count (duo->events, IKE_EVENT_ESTABLISHED), ==, 1);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  duo_init (argc, argv);
  duo_init (argc, argv);
  g_test_add_func ("/duo-rekey/each-side", test_each_side);
  g_test_add_data_func ("/duo-rekey/collision-child", GINT_TO_POINTER (IKE_REKEY_CHILD), test_collision);
  g_test_add_data_func ("/duo-rekey/collision-ike", GINT_TO_POINTER (IKE_REKEY_IKE), test_collision);
  g_test_add_func ("/duo-rekey/crossing", test_crossing);
  g_test_add_func ("/duo-rekey/chaos", test_chaos);
  g_test_add_func ("/duo-rekey/long-run", test_long_run);
  return g_test_run ();
}
