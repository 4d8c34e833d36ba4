/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "detect/detect.h"

#include <string.h>

/*
 * RFC 4436: is this a network that we know? Each known network's test node is asked by unicast ARP; only
 * its own answer counts. What is found is an optimisation: nothing waits for it and nothing rests on it.
 */

/* Networks that are remembered: those of a month of an employee's life. */
#define MAX_NETWORKS 16u
/* Interfaces that are tested at one time. */
#define MAX_LINKS 16u
/* A test and two retransmissions (RFC 4436 2.1); an access router answers within milliseconds. */
#define MAX_COPIES 3u
#define RETRANSMIT_US (200 * ROAM_USEC_PER_MSEC)
/* The whole procedure at most this often on one interface (RFC 4436 2.1). */
#define PROCEDURE_INTERVAL_US ROAM_USEC_PER_SEC
#define LINK_LOCAL_PREFIX 0xa9fe0000u
#define LINK_LOCAL_MASK 0xffff0000u

typedef struct
{
  int ifindex;
  gboolean up;
  guint8 own_mac[6];
  gint64 begun_us; /* of the last procedure */
  GArray *tested;  /* DetectNetwork, those of the running procedure; empty: none runs */
  guint copies;    /* sent of each */
  gint64 due_us;   /* next copy or the end; ROAM_NEVER: idle */
  gboolean again;  /* link-up came too soon after the last procedure: due_us is the start of another */
  gboolean confirmed;
  DetectNetwork network; /* what was confirmed */
} Link;

struct _DetectAttachment
{
  GArray *networks; /* DetectNetwork, the latest last */
  GPtrArray *links; /* Link */
  GQueue actions;   /* DetectAttachmentAction */
};

void
detect_attachment_action_clear (DetectAttachmentAction *action)
{
  if (action->type == DETECT_ATTACHMENT_ACTION_SEND)
    g_clear_pointer (&action->send.arp, g_bytes_unref);
}

static void
action_free (gpointer data)
{
  detect_attachment_action_clear (data);
  g_free (data);
}

static void
link_free (gpointer data)
{
  Link *link = data;

  g_array_unref (link->tested);
  g_free (link);
}

DetectAttachment *
detect_attachment_new (void)
{
  DetectAttachment *attachment = g_new0 (DetectAttachment, 1);

  attachment->networks = g_array_new (FALSE, TRUE, sizeof (DetectNetwork));
  attachment->links = g_ptr_array_new_with_free_func (link_free);
  g_queue_init (&attachment->actions);
  return attachment;
}

void
detect_attachment_free (DetectAttachment *attachment)
{
  if (attachment == NULL)
    return;
  g_array_unref (attachment->networks);
  g_ptr_array_unref (attachment->links);
  g_queue_clear_full (&attachment->actions, action_free);
  g_free (attachment);
}

/* ---------------------------------------------------------------- networks ---- */

/* RFC 4436 2.3: link-local addresses are nobody's network. */
static gboolean
is_routable (const RoamAddr *address)
{
  return address->family == ROAM_FAMILY_INET4 && roam_addr_is_specified (address) &&
         (roam_addr_to_u32 (address) & LINK_LOCAL_MASK) != LINK_LOCAL_PREFIX;
}

gboolean
detect_attachment_store (DetectAttachment *attachment, const DetectNetwork *network)
{
  static const guint8 no_mac[6] = { 0 };

  if (!is_routable (&network->address) || !is_routable (&network->node) ||
      memcmp (network->node_mac, no_mac, sizeof no_mac) == 0 || network->n_client_id > DETECT_CLIENT_ID_MAX)
    return FALSE;
  for (guint i = attachment->networks->len; i > 0; i--)
    {
      const DetectNetwork *known = &g_array_index (attachment->networks, DetectNetwork, i - 1);

      if (roam_addr_equal (&known->node, &network->node) &&
          (roam_addr_equal (&known->address, &network->address) ||
           memcmp (known->node_mac, network->node_mac, sizeof known->node_mac) == 0))
        g_array_remove_index (attachment->networks, i - 1);
    }
  if (attachment->networks->len >= MAX_NETWORKS)
    g_array_remove_index (attachment->networks, 0);
  g_array_append_val (attachment->networks, *network);
  return TRUE;
}

GArray *
detect_attachment_dup_networks (const DetectAttachment *attachment)
{
  return g_array_copy (attachment->networks);
}

/* RFC 4436 2.1: when a test would be of no use, or not safe. */
static gboolean
may_be_tested (const DetectNetwork *network, const RoamNow *now, const guint8 *client_id, gsize n_client_id)
{
  return !network->authenticated && network->expiry_us > now->boot_us && network->n_client_id == n_client_id &&
         (n_client_id == 0 || memcmp (network->client_id, client_id, n_client_id) == 0);
}

/* ------------------------------------------------------------------- tests ---- */

static Link *
find_link (const DetectAttachment *attachment, int ifindex)
{
  for (guint i = 0; i < attachment->links->len; i++)
    {
      Link *link = g_ptr_array_index (attachment->links, i);

      if (link->ifindex == ifindex)
        return link;
    }
  return NULL;
}

/* A link that is down gives its place away once it may be tested again. */
static Link *
get_link (DetectAttachment *attachment, const RoamNow *now, int ifindex)
{
  Link *link = find_link (attachment, ifindex);

  if (link != NULL)
    return link;
  for (guint i = attachment->links->len; i > 0; i--)
    {
      link = g_ptr_array_index (attachment->links, i - 1);
      if (!link->up && now->boot_us - link->begun_us >= PROCEDURE_INTERVAL_US)
        g_ptr_array_remove_index (attachment->links, i - 1);
    }
  if (attachment->links->len >= MAX_LINKS)
    return NULL;
  link = g_new0 (Link, 1);
  link->ifindex = ifindex;
  link->begun_us = now->boot_us - PROCEDURE_INTERVAL_US;
  link->due_us = ROAM_NEVER;
  link->tested = g_array_new (FALSE, TRUE, sizeof (DetectNetwork));
  g_ptr_array_add (attachment->links, link);
  return link;
}

static void
stop (Link *link)
{
  g_array_set_size (link->tested, 0);
  link->due_us = ROAM_NEVER;
  link->again = FALSE;
}

static void
push_event (DetectAttachment *attachment, const Link *link, DetectAttachmentEventType type,
            const DetectNetwork *network, const char *reason)
{
  DetectAttachmentAction *action = g_new0 (DetectAttachmentAction, 1);

  action->type = DETECT_ATTACHMENT_ACTION_EVENT;
  action->event.type = type;
  action->event.ifindex = link->ifindex;
  action->event.reason = reason;
  if (network != NULL)
    action->event.network = *network;
  g_queue_push_tail (&attachment->actions, action);
}

static void
send_tests (DetectAttachment *attachment, Link *link, const RoamNow *now)
{
  for (guint i = 0; i < link->tested->len; i++)
    {
      const DetectNetwork *network = &g_array_index (link->tested, DetectNetwork, i);
      const DetectArp arp = detect_arp_test (link->own_mac, &network->address, &network->node);
      DetectAttachmentAction *action = g_new0 (DetectAttachmentAction, 1);

      action->type = DETECT_ATTACHMENT_ACTION_SEND;
      action->send.ifindex = link->ifindex;
      memcpy (action->send.destination, network->node_mac, sizeof action->send.destination);
      action->send.arp = detect_arp_build (&arp);
      g_queue_push_tail (&attachment->actions, action);
    }
  link->copies++;
  link->due_us = now->boot_us + RETRANSMIT_US;
}

static void
begin (DetectAttachment *attachment, Link *link, const RoamNow *now)
{
  link->again = FALSE;
  link->copies = 0;
  link->begun_us = now->boot_us;
  link->due_us = ROAM_NEVER;
  if (link->tested->len > 0)
    send_tests (attachment, link, now);
  else
    push_event (attachment, link, DETECT_ATTACHMENT_NOT_CONFIRMED, NULL, "no known network may be tested");
}

static void
run (DetectAttachment *attachment, Link *link, const RoamNow *now)
{
  if (link->due_us > now->boot_us)
    return;
  if (link->again)
    begin (attachment, link, now);
  else if (link->copies < MAX_COPIES)
    send_tests (attachment, link, now);
  else
    {
      stop (link);
      push_event (attachment, link, DETECT_ATTACHMENT_NOT_CONFIRMED, NULL, "no known network's test node answered");
    }
}

/* ------------------------------------------------------------------ inputs ---- */

void
detect_attachment_input_link_up (DetectAttachment *attachment, const RoamNow *now, int ifindex, const guint8 own_mac[6],
                                 const guint8 *client_id, gsize n_client_id)
{
  Link *link = get_link (attachment, now, ifindex);

  if (link == NULL)
    return;
  stop (link);
  link->up = TRUE;
  link->confirmed = FALSE;
  memcpy (link->own_mac, own_mac, sizeof link->own_mac);
  for (guint i = 0; i < attachment->networks->len; i++)
    {
      const DetectNetwork *network = &g_array_index (attachment->networks, DetectNetwork, i);

      if (may_be_tested (network, now, client_id, n_client_id))
        g_array_append_val (link->tested, *network);
    }
  link->again = TRUE;
  link->due_us = MAX (now->boot_us, link->begun_us + PROCEDURE_INTERVAL_US);
  run (attachment, link, now);
}

void
detect_attachment_input_link_down (DetectAttachment *attachment, int ifindex)
{
  Link *link = find_link (attachment, ifindex);

  if (link == NULL)
    return;
  stop (link);
  link->up = link->confirmed = FALSE;
}

/* RFC 4436 2.1.1: both addresses of the sender, and it is to us. */
static gboolean
is_answer (const Link *link, const DetectNetwork *network, const DetectArp *arp)
{
  return arp->operation == DETECT_ARP_REPLY && roam_addr_equal (&arp->sender, &network->node) &&
         memcmp (arp->sender_mac, network->node_mac, sizeof arp->sender_mac) == 0 &&
         roam_addr_equal (&arp->target, &network->address) &&
         memcmp (arp->target_mac, link->own_mac, sizeof arp->target_mac) == 0;
}

void
detect_attachment_input_arp (DetectAttachment *attachment, const RoamNow *now, int ifindex, const DetectArp *arp)
{
  Link *link = find_link (attachment, ifindex);

  if (link == NULL || link->again || link->copies == 0)
    return;
  for (guint i = 0; i < link->tested->len; i++)
    {
      const DetectNetwork network = g_array_index (link->tested, DetectNetwork, i);

      if (!is_answer (link, &network, arp) || network.expiry_us <= now->boot_us)
        continue;
      stop (link);
      link->confirmed = TRUE;
      link->network = network;
      push_event (attachment, link, DETECT_ATTACHMENT_CONFIRMED, &network,
                  "the test node answered from its known address");
      return;
    }
}

void
detect_attachment_input_lease (DetectAttachment *attachment, int ifindex, const RoamAddr *address, guint8 prefix_length)
{
  Link *link = find_link (attachment, ifindex);

  if (link == NULL)
    return;
  /* DHCP was faster: its word counts anyway (RFC 4436 2.1). */
  stop (link);
  if (!link->confirmed || link->network.expiry_us == ROAM_NEVER)
    return;
  link->confirmed = FALSE;
  if (!roam_addr_equal (address, &link->network.address) || prefix_length != link->network.prefix_length)
    push_event (attachment, link, DETECT_ATTACHMENT_OVERRULED, &link->network, "DHCP gave another address, or none");
}

void
detect_attachment_input_deadline (DetectAttachment *attachment, const RoamNow *now)
{
  for (guint i = 0; i < attachment->links->len; i++)
    run (attachment, g_ptr_array_index (attachment->links, i), now);
}

gint64
detect_attachment_next_deadline (const DetectAttachment *attachment)
{
  gint64 due = ROAM_NEVER;

  for (guint i = 0; i < attachment->links->len; i++)
    due = roam_deadline_min (due, ((const Link *)g_ptr_array_index (attachment->links, i))->due_us);
  return due;
}

gboolean
detect_attachment_pop_action (DetectAttachment *attachment, DetectAttachmentAction *ret_action)
{
  g_autofree DetectAttachmentAction *action = g_queue_pop_head (&attachment->actions);

  if (action == NULL)
    return FALSE;
  *ret_action = *action;
  return TRUE;
}
