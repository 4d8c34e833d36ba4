/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "detect/detect.h"

#include <string.h>

/* RFC 4436 in virtual time. */

#define ETH 3
#define SECOND ROAM_USEC_PER_SEC
#define MSEC ROAM_USEC_PER_MSEC

static const guint8 own_mac[6] = { 2, 0, 0, 0, 0, 0x11 };
static const guint8 client_id[4] = { 255, 1, 2, 3 };

typedef struct
{
  DetectAttachment *attachment;
  RoamNow now;
  guint sent; /* since the last take() */
  guint8 destination[6];
  DetectArp arp; /* the last one */
  GArray *events;
} Fixture;

static DetectNetwork
network (guint8 number)
{
  DetectNetwork result = {
    .node = roam_addr_from_u32 (0x0a000001u + ((guint32)number << 8)),
    .node_mac = { 2, 0, 0, 0, 1, number },
    .address = roam_addr_from_u32 (0x0a000032u + ((guint32)number << 8)),
    .prefix_length = 24,
    .n_client_id = sizeof client_id,
    .expiry_us = 5000 * SECOND,
  };

  memcpy (result.client_id, client_id, sizeof client_id);
  return result;
}

static void
set_up (Fixture *f, gconstpointer data)
{
  f->attachment = detect_attachment_new ();
  f->now.boot_us = 1000 * SECOND;
  f->events = g_array_new (FALSE, FALSE, sizeof (DetectAttachmentEvent));
}

static void
tear_down (Fixture *f, gconstpointer data)
{
  detect_attachment_free (f->attachment);
  g_array_unref (f->events);
}

static void
collect (Fixture *f)
{
  for (;;)
    {
      g_auto (DetectAttachmentAction) action = { 0 };

      if (!detect_attachment_pop_action (f->attachment, &action))
        return;
      switch (action.type)
        {
        case DETECT_ATTACHMENT_ACTION_SEND:
          f->sent++;
          g_assert_cmpint (action.send.ifindex, ==, ETH);
          memcpy (f->destination, action.send.destination, 6);
          g_assert_true (
            detect_arp_parse (g_bytes_get_data (action.send.arp, NULL), g_bytes_get_size (action.send.arp), &f->arp));
          /* MIP-DNA-008: never broadcast. */
          g_assert_cmpuint (f->destination[0] & 1, ==, 0);
          break;
        case DETECT_ATTACHMENT_ACTION_EVENT:
          g_array_append_val (f->events, action.event);
          break;
        }
    }
}

static void
link_up (Fixture *f)
{
  detect_attachment_input_link_up (f->attachment, &f->now, ETH, own_mac, client_id, sizeof client_id);
  collect (f);
}

static void
advance (Fixture *f, gint64 us)
{
  gint64 until_us = f->now.boot_us + us;

  for (;;)
    {
      gint64 due = detect_attachment_next_deadline (f->attachment);

      if (due > until_us)
        break;
      f->now.boot_us = MAX (due, f->now.boot_us);
      detect_attachment_input_deadline (f->attachment, &f->now);
      collect (f);
    }
  f->now.boot_us = until_us;
}

static DetectArp
answer_of (const DetectNetwork *of)
{
  DetectArp arp = { .operation = DETECT_ARP_REPLY, .sender = of->node, .target = of->address };

  memcpy (arp.sender_mac, of->node_mac, 6);
  memcpy (arp.target_mac, own_mac, 6);
  return arp;
}

static void
hear (Fixture *f, const DetectArp *arp)
{
  detect_attachment_input_arp (f->attachment, &f->now, ETH, arp);
  collect (f);
}

static const DetectAttachmentEvent *
expect (Fixture *f, DetectAttachmentEventType type)
{
  const DetectAttachmentEvent *event;

  g_assert_cmpuint (f->events->len, >, 0);
  event = &g_array_index (f->events, DetectAttachmentEvent, f->events->len - 1);
  g_assert_cmpint (event->type, ==, type);
  g_assert_nonnull (event->reason);
  return event;
}

/* The engine alone; no program uses it yet: MIP-DNA-004, MIP-DNA-005, MIP-DNA-008 */
static void
test_confirmed (Fixture *f, gconstpointer data)
{
  const DetectNetwork one = network (1), two = network (2);
  const DetectArp answer = answer_of (&one);
  const DetectAttachmentEvent *event;

  g_assert_true (detect_attachment_store (f->attachment, &one));
  g_assert_true (detect_attachment_store (f->attachment, &two));
  link_up (f);
  /* At once, and both at the same time. */
  g_assert_cmpuint (f->sent, ==, 2);
  g_assert_cmpmem (f->destination, 6, two.node_mac, 6);
  g_assert_cmpint (f->arp.operation, ==, DETECT_ARP_REQUEST);
  g_assert_cmpmem (f->arp.sender_mac, 6, own_mac, 6);
  g_assert_true (roam_addr_equal (&f->arp.sender, &two.address));
  g_assert_true (roam_addr_equal (&f->arp.target, &two.node));
  g_assert_cmpuint (f->arp.target_mac[0] | f->arp.target_mac[5], ==, 0);
  advance (f, 5 * MSEC);
  hear (f, &answer);
  event = expect (f, DETECT_ATTACHMENT_CONFIRMED);
  g_assert_cmpint (event->ifindex, ==, ETH);
  g_assert_true (roam_addr_equal (&event->network.address, &one.address));
  advance (f, 10 * SECOND);
  g_assert_cmpuint (f->sent, ==, 2);
  g_assert_cmpuint (f->events->len, ==, 1);
}

/* The engine alone; no program uses it yet: MIP-DNA-001, MIP-DNA-005 */
static void
test_other_answers (Fixture *f, gconstpointer data)
{
  const DetectNetwork one = network (1);
  DetectArp answers[6];

  detect_attachment_store (f->attachment, &one);
  for (guint i = 0; i < G_N_ELEMENTS (answers); i++)
    answers[i] = answer_of (&one);
  answers[0].sender_mac[5] ^= 1;
  answers[1].sender = roam_addr_from_u32 (0x0a000109);
  answers[2].operation = DETECT_ARP_REQUEST;
  answers[3].target = roam_addr_from_u32 (0x0a000133);
  answers[4].target_mac[5] ^= 1;
  /* The right one, before anything was asked. */
  hear (f, &answers[5]);
  link_up (f);
  for (guint i = 0; i < 5; i++)
    hear (f, &answers[i]);
  detect_attachment_input_arp (f->attachment, &f->now, ETH + 1, &answers[5]);
  advance (f, SECOND);
  g_assert_cmpuint (f->events->len, ==, 1);
  expect (f, DETECT_ATTACHMENT_NOT_CONFIRMED);
  /* Too late. */
  hear (f, &answers[5]);
  g_assert_cmpuint (f->events->len, ==, 1);
}

static void
test_rate (Fixture *f, gconstpointer data)
{
  const DetectNetwork one = network (1);
  guint bursts;

  detect_attachment_store (f->attachment, &one);
  link_up (f);
  advance (f, 20 * SECOND);
  g_assert_cmpuint (f->sent, ==, 3);
  expect (f, DETECT_ATTACHMENT_NOT_CONFIRMED);
  /* Carrier that flaps for ten seconds. */
  f->sent = 0;
  for (bursts = 0; bursts < 100; bursts++)
    {
      detect_attachment_input_link_down (f->attachment, ETH);
      link_up (f);
      advance (f, 100 * MSEC);
    }
  g_assert_cmpuint (f->sent, >=, 9);
  g_assert_cmpuint (f->sent, <=, 11);
  /* Down: nothing more is asked. */
  detect_attachment_input_link_down (f->attachment, ETH);
  f->sent = 0;
  advance (f, 10 * SECOND);
  g_assert_cmpuint (f->sent, ==, 0);
}

/* The engine alone; no program uses it yet: MIP-DNA-006, MIP-DNA-013 */
static void
test_not_tested (Fixture *f, gconstpointer data)
{
  static const guint8 other_id[4] = { 255, 9, 9, 9 };
  DetectNetwork odd = network (1);

  /* No routable address, no test node. */
  odd.address = roam_addr_from_u32 (0xa9fe0105);
  g_assert_false (detect_attachment_store (f->attachment, &odd));
  odd.address = ROAM_ADDR_NONE;
  g_assert_false (detect_attachment_store (f->attachment, &odd));
  odd = network (1);
  odd.node = roam_addr_from_u32 (0xa9fe0001);
  g_assert_false (detect_attachment_store (f->attachment, &odd));
  odd.node = ROAM_ADDR_NONE;
  g_assert_false (detect_attachment_store (f->attachment, &odd));
  odd = network (1);
  memset (odd.node_mac, 0, 6);
  g_assert_false (detect_attachment_store (f->attachment, &odd));
  /* DHCP authentication; a lease that is over; one that another client identifier got. */
  odd = network (1);
  odd.authenticated = TRUE;
  g_assert_true (detect_attachment_store (f->attachment, &odd));
  odd = network (2);
  odd.expiry_us = f->now.boot_us;
  g_assert_true (detect_attachment_store (f->attachment, &odd));
  odd = network (3);
  memcpy (odd.client_id, other_id, sizeof other_id);
  g_assert_true (detect_attachment_store (f->attachment, &odd));
  odd = network (4);
  odd.n_client_id = 0;
  g_assert_true (detect_attachment_store (f->attachment, &odd));
  link_up (f);
  g_assert_cmpuint (f->sent, ==, 0);
  expect (f, DETECT_ATTACHMENT_NOT_CONFIRMED);
}

/* A lease that ends while its test runs is not confirmed. */
/* The engine alone; no program uses it yet: MIP-DNA-001 */
static void
test_expires_meanwhile (Fixture *f, gconstpointer data)
{
  DetectNetwork one = network (1);
  const DetectArp answer = answer_of (&one);

  one.expiry_us = f->now.boot_us + 100 * MSEC;
  detect_attachment_store (f->attachment, &one);
  link_up (f);
  g_assert_cmpuint (f->sent, ==, 1);
  advance (f, 100 * MSEC);
  hear (f, &answer);
  g_assert_cmpuint (f->events->len, ==, 0);
}

static void
confirm (Fixture *f, const DetectNetwork *known)
{
  const DetectArp answer = answer_of (known);

  detect_attachment_store (f->attachment, known);
  link_up (f);
  hear (f, &answer);
  expect (f, DETECT_ATTACHMENT_CONFIRMED);
  g_array_set_size (f->events, 0);
}

/* The engine alone; no program uses it yet: MIP-DNA-001 */
static void
test_overruled (Fixture *f, gconstpointer data)
{
  const DetectNetwork one = network (1), two = network (2);
  const RoamAddr none = ROAM_ADDR_NONE;
  DetectNetwork manual = network (3);

  /* The same result: nothing to say. */
  confirm (f, &one);
  detect_attachment_input_lease (f->attachment, ETH, &one.address, 24);
  collect (f);
  g_assert_cmpuint (f->events->len, ==, 0);
  advance (f, 2 * SECOND);
  confirm (f, &one);
  detect_attachment_input_lease (f->attachment, ETH, &two.address, 24);
  collect (f);
  g_assert_true (roam_addr_equal (&expect (f, DETECT_ATTACHMENT_OVERRULED)->network.address, &one.address));
  advance (f, 2 * SECOND);
  g_array_set_size (f->events, 0);
  confirm (f, &two);
  detect_attachment_input_lease (f->attachment, ETH, &none, 0);
  collect (f);
  expect (f, DETECT_ATTACHMENT_OVERRULED);
  /* But not what was configured by hand. */
  advance (f, 2 * SECOND);
  g_array_set_size (f->events, 0);
  manual.expiry_us = ROAM_NEVER;
  confirm (f, &manual);
  detect_attachment_input_lease (f->attachment, ETH, &one.address, 24);
  collect (f);
  g_assert_cmpuint (f->events->len, ==, 0);
}

/* DHCP is faster than the test: the answer that comes later says nothing. */
static void
test_dhcp_first (Fixture *f, gconstpointer data)
{
  const DetectNetwork one = network (1), two = network (2);
  const DetectArp answer = answer_of (&one);

  detect_attachment_store (f->attachment, &one);
  link_up (f);
  detect_attachment_input_lease (f->attachment, ETH, &two.address, 24);
  hear (f, &answer);
  advance (f, 5 * SECOND);
  g_assert_cmpuint (f->events->len, ==, 0);
  g_assert_cmpuint (f->sent, ==, 1);
}

static void
test_memory (Fixture *f, gconstpointer data)
{
  g_autoptr (GArray) networks = NULL;
  DetectNetwork again = network (40);

  for (guint8 i = 1; i <= 40; i++)
    {
      DetectNetwork one = network (i);

      g_assert_true (detect_attachment_store (f->attachment, &one));
    }
  again.address = roam_addr_from_u32 (0x0a002899);
  g_assert_true (detect_attachment_store (f->attachment, &again));
  networks = detect_attachment_dup_networks (f->attachment);
  g_assert_cmpuint (networks->len, ==, 16);
  g_assert_cmpmem (&g_array_index (networks, DetectNetwork, 15), sizeof again, &again, sizeof again);
  g_assert_cmpuint (g_array_index (networks, DetectNetwork, 0).node_mac[5], ==, 25);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
#define ADD(name, function) g_test_add ("/detect/attachment/" name, Fixture, NULL, set_up, function, tear_down)
  ADD ("confirmed", test_confirmed);
  ADD ("other-answers", test_other_answers);
  ADD ("rate", test_rate);
  ADD ("not-tested", test_not_tested);
  ADD ("expires-meanwhile", test_expires_meanwhile);
  ADD ("overruled", test_overruled);
  ADD ("dhcp-first", test_dhcp_first);
  ADD ("memory", test_memory);
#undef ADD
  return g_test_run ();
}
