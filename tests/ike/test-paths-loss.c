/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The link changes while an exchange is under way and its packet is lost: RFC 4555 3.5 wants the outstanding
 * request answered on the new path before the update goes. Nothing of that may keep the data away for a second.
 */
#include "tests/ike/duo.h"

#include "ike/ike-message-private.h"

/* The n-th datagram after the move vanishes; both directions count. */
typedef struct
{
  gboolean counting;
  guint n, lost;
} Loss;

static gboolean
lose_nth (const DuoPacket *packet, gpointer user)
{
  Loss *loss = user;

  if (!loss->counting || g_bytes_get_size (packet->data) == 1)
    return FALSE;
  return loss->n++ == loss->lost;
}

static gboolean
is_gateway_moved (const Duo *duo, const char *host)
{
  return duo_addr_is (&duo->gateway_plane.remote.addr, host);
}

/* How long until both data planes use the new path; in steps of a millisecond. */
static gint64
wait_for_data (Duo *duo, const char *host)
{
  gint64 start = sim_now (duo->sim).boot_us;

  /* Uplink: in the moment of the move. */
  g_assert_true (duo_addr_is (&duo->plane.local.addr, host));
  while (!is_gateway_moved (duo, host) && sim_now (duo->sim).boot_us - start < 5 * SEC)
    duo_run (duo, MS);
  return sim_now (duo->sim).boot_us - start;
}

static const DuoPacket *
nth_of_client (const Duo *duo, guint8 exchange, guint index)
{
  for (guint i = 0; i < duo->packets->len; i++)
    {
      const DuoPacket *packet = g_ptr_array_index (duo->packets, i);

      if (packet->from_client && duo_exchange (packet) == exchange && index-- == 0)
        return packet;
    }
  g_assert_not_reached ();
}

/* A request of CREATE_CHILD_SA is lost with the old link; no other loss. */
static void
test_request_lost (void)
{
  g_autoptr (Duo) duo = duo_new (NULL, NULL, 1);
  const DuoPacket *first, *again, *update;
  gint64 start;

  /* covers: MOB-UPD-004, MOB-UPD-005, MOB-UPD-006, MOB-UPD-002 */
  duo_establish (duo);
  g_ptr_array_set_size (duo->packets, 0);
  duo->a->up_blocked = duo->a->down_blocked = TRUE;
  duo_command (duo, IKE_REKEY_CHILD);
  duo_run (duo, 100 * MS);
  start = sim_now (duo->sim).boot_us;
  duo_move (duo, duo->b, TRUE);
  g_assert_true (duo_addr_is (&duo->plane.local.addr, DUO_HOST_B)); /* CHILD_MOVE, in the same pass */
  first = nth_of_client (duo, IKE_EXCHANGE_CREATE_CHILD_SA, 0);
  again = nth_of_client (duo, IKE_EXCHANGE_CREATE_CHILD_SA, 1);
  g_assert_true (duo_addr_is (&first->local.addr, DUO_HOST_A));
  g_assert_true (duo_addr_is (&again->local.addr, DUO_HOST_B));
  g_assert_cmpint (again->at_us, ==, start);
  g_assert_true (g_bytes_equal (first->data, again->data));
  duo_run_until (duo, IKE_EVENT_PATH_OK, SEC);
  /* One round trip for the exchange that waited, one for the update. */
  g_assert_cmpint (sim_now (duo->sim).boot_us - start, ==, 80 * MS);
  update = nth_of_client (duo, IKE_EXCHANGE_INFORMATIONAL, 0);
  g_assert_cmpint (update->at_us, ==, start + 40 * MS);
  duo_run (duo, 5 * SEC);
  g_assert_true (is_gateway_moved (duo, DUO_HOST_B));
  g_assert_cmpuint (duo->plane.children->len, ==, 1);
  g_assert_cmpuint (duo->gateway_plane.children->len, ==, 1);
  duo_ping (duo);
}

static gint64
move_with_loss (IkeCommandType type, gboolean by_client, guint lost, gint64 delay_us, IkeRoutability routability)
{
  IkeResponderConfig gateway = duo_gateway_config ();
  Loss loss = { .lost = lost };
  g_autoptr (Duo) duo = NULL;
  gint64 gap;

  gateway.routability = routability;
  duo = duo_new (NULL, &gateway, 1);
  duo->a->delay_us = duo->b->delay_us = delay_us;
  duo_establish (duo);
  duo->a->up_blocked = duo->a->down_blocked = TRUE;
  if (by_client)
    duo_command (duo, type);
  else
    duo_gateway_command (duo, type);
  duo_run (duo, delay_us);
  duo->filter = lose_nth;
  duo->filter_user = &loss;
  loss.counting = TRUE;
  duo_move (duo, duo->b, TRUE);
  gap = wait_for_data (duo, DUO_HOST_B);
  duo_run (duo, 60 * SEC);
  g_assert_true (is_gateway_moved (duo, DUO_HOST_B));
  g_assert_cmpuint (duo_count (duo->events, IKE_EVENT_DEAD), ==, 0);
  g_assert_cmpuint (duo_count (duo->events, IKE_EVENT_PATH_FAILED), ==, 0);
  g_assert_cmpuint (duo->plane.children->len, ==, 1);
  g_assert_cmpuint (duo->gateway_plane.children->len, ==, 1);
  duo_ping (duo);
  return gap;
}

/* Besides the packet that went down with the old link any one more is lost: whichever it is, data is back in a second.
 */
static void
test_one_more_loss (gconstpointer data)
{
  static const IkeCommandType types[] = { IKE_REKEY_CHILD, IKE_REKEY_IKE };
  gint64 delay_us = GPOINTER_TO_INT (data) * MS;
  gint64 worst_us = 0;

  for (guint i = 0; i < G_N_ELEMENTS (types); i++)
    for (guint by_client = 0; by_client < 2; by_client++)
      for (guint lost = 0; lost < 10; lost++)
        {
          gint64 gap = move_with_loss (types[i], by_client, lost, delay_us, IKE_ROUTABILITY_AFTER);

          worst_us = MAX (worst_us, gap);
          g_assert_cmpint (gap, <=, SEC);
        }
  g_test_message ("worst: %" G_GINT64_FORMAT " ms", worst_us / MS);
}

/* The same with a gateway that wants to see return routability before it moves its Child SAs. */
static void
test_one_more_loss_and_check (void)
{
  for (guint by_client = 0; by_client < 2; by_client++)
    for (guint lost = 0; lost < 10; lost++)
      g_assert_cmpint (move_with_loss (IKE_REKEY_CHILD, by_client, lost, 20 * MS, IKE_ROUTABILITY_BEFORE), <=, SEC);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  duo_init (argc, argv);
  g_test_add_func ("/ike/loss/request-lost", test_request_lost);
  g_test_add_data_func ("/ike/loss/one-more-loss-at-2-ms", GINT_TO_POINTER (1), test_one_more_loss);
  g_test_add_data_func ("/ike/loss/one-more-loss-at-40-ms", GINT_TO_POINTER (20), test_one_more_loss);
  g_test_add_data_func ("/ike/loss/one-more-loss-at-100-ms", GINT_TO_POINTER (50), test_one_more_loss);
  g_test_add_func ("/ike/loss/one-more-loss-and-check", test_one_more_loss_and_check);
  return g_test_run ();
}
