/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "detect/detect-io.h"

#include <linux/if_packet.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <netinet/in.h>
#include <poll.h>
#include <sched.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/*
 * The real kernel, in a network namespace of this process: eth0 is the visited link with care-of address
 * 10.2.0.50, the home address 10.1.0.100 is the TUN device's, and peer0 the far end of the cable, where
 * whole frames are sent and heard.
 */

#define PATIENCE_MS 5000
#define HOME 0x0a010064u
#define CARE_OF 0x0a020032u
#define ROUTER 0x0a020001u

static const guint8 eth_mac[6] = { 2, 0, 0, 0, 0, 0x10 };
static const guint8 peer_mac[6] = { 2, 0, 0, 0, 0, 0x20 };

typedef struct
{
  guint8 destination[6], source[6];
  DetectArp arp;
} Frame;

typedef struct
{
  int far; /* raw socket on peer0 */
  int ifindex;
  DetectArpIo *io;
} Fixture;

static gboolean have_namespace;

static void
ip (const char *arguments)
{
  g_autofree char *command = g_strdup_printf ("ip %s", arguments);
  g_autofree char *complaint = NULL;
  g_autoptr (GError) error = NULL;
  int status = 0;

  g_assert_true (g_spawn_command_line_sync (command, NULL, &complaint, &status, &error));
  if (status != 0)
    g_error ("%s: %s", command, complaint);
}

static gboolean
skipped (void)
{
  if (!have_namespace)
    g_test_skip ("needs a network namespace of its own");
  return !have_namespace;
}

static void
set_up (Fixture *f, gconstpointer data)
{
  g_autoptr (GError) error = NULL;
  struct sockaddr_ll address = { .sll_family = AF_PACKET, .sll_protocol = htons (ETH_P_ARP) };

  if (!have_namespace)
    return;
  ip ("link add eth0 address 02:00:00:00:00:10 type veth peer name peer0 address 02:00:00:00:00:20");
  ip ("link set peer0 up");
  ip ("link set eth0 up");
  ip ("address add 10.2.0.50/24 dev eth0");
  ip ("tuntap add roam0 mode tun");
  ip ("address add 10.1.0.100/32 dev roam0");
  ip ("link set roam0 up");
  f->ifindex = (int)if_nametoindex ("eth0");
  address.sll_ifindex = (int)if_nametoindex ("peer0");
  f->far = socket (AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, htons (ETH_P_ARP));
  g_assert_cmpint (f->far, >=, 0);
  g_assert_cmpint (bind (f->far, (const struct sockaddr *)&address, sizeof address), ==, 0);
  f->io = detect_arp_io_new (f->ifindex, eth_mac, &error);
  g_assert_no_error (error);
}

static void
tear_down (Fixture *f, gconstpointer data)
{
  if (!have_namespace)
    return;
  detect_arp_io_free (f->io);
  close (f->far);
  ip ("link del eth0");
  ip ("link del roam0");
}

/* The far end asks for @target, as @sender. */
static void
ask (Fixture *f, const guint8 destination[6], const guint8 sender_mac[6], guint32 sender, guint32 target)
{
  const RoamAddr from = roam_addr_from_u32 (sender), what = roam_addr_from_u32 (target);
  const DetectArp arp = detect_arp_test (sender_mac, &from, &what);
  g_autoptr (GBytes) bytes = detect_arp_build (&arp);
  guint8 frame[14 + DETECT_ARP_LENGTH] = { [12] = 8, [13] = 6 };

  memcpy (frame, destination, 6);
  memcpy (frame + 6, sender_mac, 6);
  memcpy (frame + 14, g_bytes_get_data (bytes, NULL), DETECT_ARP_LENGTH);
  g_assert_cmpint (send (f->far, frame, sizeof frame, 0), ==, (ssize_t)sizeof frame);
}

/* The next frame that came over the cable. */
static Frame
next_frame (Fixture *f)
{
  struct pollfd poll_fd = { .fd = f->far, .events = POLLIN };
  Frame result = { 0 };

  for (;;)
    {
      guint8 frame[128];
      struct sockaddr_ll from = { 0 };
      socklen_t from_length = sizeof from;
      ssize_t length;

      g_assert_cmpint (poll (&poll_fd, 1, PATIENCE_MS), ==, 1);
      length = recvfrom (f->far, frame, sizeof frame, 0, (struct sockaddr *)&from, &from_length);
      g_assert_cmpint (length, >=, 14 + (ssize_t)DETECT_ARP_LENGTH);
      if (from.sll_pkttype == PACKET_OUTGOING)
        continue;
      memcpy (result.destination, frame, 6);
      memcpy (result.source, frame + 6, 6);
      g_assert_true (detect_arp_parse (frame + 14, (gsize)length - 14, &result.arp));
      return result;
    }
}

/* Everything that waits is heard (and, from its agent, answered). */
static guint
drain (Fixture *f)
{
  struct pollfd poll_fd = { .fd = detect_arp_io_get_fd (f->io), .events = POLLIN };
  DetectArp arp;
  guint n = 0;

  g_assert_cmpint (poll (&poll_fd, 1, PATIENCE_MS), ==, 1);
  while (detect_arp_io_receive (f->io, &arp))
    n++;
  return n;
}

/* Who answers for the home address comes before who answers for the care-of address, if anyone does. */
static void
expect_only_care_of (Fixture *f)
{
  Frame frame;

  ask (f, detect_mac_broadcast, peer_mac, ROUTER, CARE_OF);
  drain (f);
  frame = next_frame (f);
  g_assert_cmpint (frame.arp.operation, ==, DETECT_ARP_REPLY);
  g_assert_cmphex (roam_addr_to_u32 (&frame.arp.sender), ==, CARE_OF);
}

/* covers: MIP-HOM-005, MIP-HOM-012, MIP-HOM-013, MIP-HOM-016 */
static void
test_guard (Fixture *f, gconstpointer data)
{
  g_autoptr (DetectArpGuard) guard = NULL;
  g_autoptr (GError) error = NULL;
  Frame frame;

  if (skipped ())
    return;
  /* What the kernel does by itself: it answers on any interface. */
  ask (f, detect_mac_broadcast, peer_mac, ROUTER, HOME);
  frame = next_frame (f);
  g_assert_cmphex (roam_addr_to_u32 (&frame.arp.sender), ==, HOME);
  guard = detect_arp_io_guard (f->ifindex, &error);
  g_assert_no_error (error);
  g_assert_nonnull (guard);
  ask (f, detect_mac_broadcast, peer_mac, ROUTER, HOME);
  ask (f, eth_mac, peer_mac, ROUTER, HOME);
  expect_only_care_of (f);
}

/* covers: MIP-HOM-012 */
static void
test_agent (Fixture *f, gconstpointer data)
{
  static const guint8 other_mac[6] = { 2, 0, 0, 0, 0, 0x33 };
  const RoamAddr home = roam_addr_from_u32 (HOME);
  g_autoptr (DetectArpGuard) guard = NULL;
  g_autoptr (GError) error = NULL;
  Frame frame;

  if (skipped ())
    return;
  guard = detect_arp_io_guard (f->ifindex, &error);
  g_assert_no_error (error);
  detect_arp_io_set_agent (f->io, &home, peer_mac);
  /* By broadcast, even of the agent; by unicast of another. */
  ask (f, detect_mac_broadcast, peer_mac, ROUTER, HOME);
  ask (f, eth_mac, other_mac, 0x0a020002, HOME);
  expect_only_care_of (f);
  /* By unicast of the agent: by unicast. */
  ask (f, eth_mac, peer_mac, ROUTER, HOME);
  g_assert_cmpuint (drain (f), ==, 1);
  frame = next_frame (f);
  g_assert_cmpint (frame.arp.operation, ==, DETECT_ARP_REPLY);
  g_assert_cmphex (roam_addr_to_u32 (&frame.arp.sender), ==, HOME);
  g_assert_cmpmem (frame.arp.sender_mac, 6, eth_mac, 6);
  g_assert_cmpmem (frame.source, 6, eth_mac, 6);
  g_assert_cmpmem (frame.destination, 6, peer_mac, 6);
  /* No longer registered through it. */
  detect_arp_io_set_agent (f->io, &home, NULL);
  ask (f, eth_mac, peer_mac, ROUTER, HOME);
  expect_only_care_of (f);
}

/* "Answer again" on the way home: the kernel's settings are what they were. */
static void
test_guard_ends (Fixture *f, gconstpointer data)
{
  g_autoptr (GError) error = NULL;
  g_autofree char *ignore = NULL, *announce = NULL;
  DetectArpGuard *guard;
  Frame frame;

  if (skipped ())
    return;
  guard = detect_arp_io_guard (f->ifindex, &error);
  g_assert_no_error (error);
  detect_arp_guard_free (guard);
  g_assert_true (g_file_get_contents ("/proc/sys/net/ipv4/conf/eth0/arp_ignore", &ignore, NULL, NULL));
  g_assert_true (g_file_get_contents ("/proc/sys/net/ipv4/conf/eth0/arp_announce", &announce, NULL, NULL));
  g_assert_cmpstr (ignore, ==, "0\n");
  g_assert_cmpstr (announce, ==, "0\n");
  ask (f, detect_mac_broadcast, peer_mac, ROUTER, HOME);
  frame = next_frame (f);
  g_assert_cmphex (roam_addr_to_u32 (&frame.arp.sender), ==, HOME);
  /* An interface that is not there. */
  g_assert_null (detect_arp_io_guard (9999, &error));
  g_assert_nonnull (error);
}

/* A datagram with the home address as source, to a neighbour whose link-layer address is not known. */
static void
send_from_home (void)
{
  const struct sockaddr_in from = { .sin_family = AF_INET, .sin_addr.s_addr = htonl (HOME) };
  const struct sockaddr_in to = { .sin_family = AF_INET, .sin_addr.s_addr = htonl (ROUTER), .sin_port = htons (9) };
  int fd = socket (AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

  g_assert_cmpint (bind (fd, (const struct sockaddr *)&from, sizeof from), ==, 0);
  g_assert_cmpint (sendto (fd, "x", 1, 0, (const struct sockaddr *)&to, sizeof to), ==, 1);
  close (fd);
}

/* covers: MIP-HOM-011 */
static void
test_own_requests (Fixture *f, gconstpointer data)
{
  g_autoptr (DetectArpGuard) guard = NULL;
  g_autoptr (GError) error = NULL;
  Frame frame;

  if (skipped ())
    return;
  send_from_home ();
  frame = next_frame (f);
  g_assert_cmphex (roam_addr_to_u32 (&frame.arp.sender), ==, HOME);
  ip ("neigh flush dev eth0");
  guard = detect_arp_io_guard (f->ifindex, &error);
  g_assert_no_error (error);
  ip ("neigh add 10.2.0.1 lladdr 02:00:00:00:00:20 dev eth0 nud reachable");
  ip ("neigh del 10.2.0.1 dev eth0");
  send_from_home ();
  do
    frame = next_frame (f);
  while (roam_addr_to_u32 (&frame.arp.target) != ROUTER);
  g_assert_cmpint (frame.arp.operation, ==, DETECT_ARP_REQUEST);
  g_assert_cmphex (roam_addr_to_u32 (&frame.arp.sender), ==, CARE_OF);
}

/* covers: MIP-HOM-007, MIP-HOM-008 */
static void
test_announce (Fixture *f, gconstpointer data)
{
  const RoamAddr home = roam_addr_from_u32 (HOME), none = ROAM_ADDR_NONE;
  RoamNow now = { .boot_us = 1000 * ROAM_USEC_PER_SEC };
  g_autoptr (GError) error = NULL;
  guint n = 1;

  if (skipped ())
    return;
  g_assert_true (detect_arp_io_announce (f->io, &now, &home, &error));
  while (detect_arp_io_next_deadline (f->io) != ROAM_NEVER)
    {
      g_assert_cmpint (detect_arp_io_next_deadline (f->io), ==, now.boot_us + ROAM_USEC_PER_SEC);
      now.boot_us += ROAM_USEC_PER_SEC;
      n += detect_arp_io_next_deadline (f->io) == now.boot_us;
      detect_arp_io_input_deadline (f->io, &now);
    }
  for (guint i = 0; i < 3; i++)
    {
      Frame frame = next_frame (f);

      g_assert_cmpmem (frame.destination, 6, detect_mac_broadcast, 6);
      g_assert_cmpmem (frame.source, 6, eth_mac, 6);
      g_assert_cmpint (frame.arp.operation, ==, DETECT_ARP_REQUEST);
      g_assert_cmpmem (frame.arp.sender_mac, 6, eth_mac, 6);
      g_assert_cmphex (roam_addr_to_u32 (&frame.arp.sender), ==, HOME);
      g_assert_cmphex (roam_addr_to_u32 (&frame.arp.target), ==, HOME);
    }
  /* No fourth; and stopped when told to. */
  g_assert_true (detect_arp_io_announce (f->io, &now, &home, &error));
  g_assert_true (detect_arp_io_announce (f->io, &now, &none, &error));
  g_assert_cmpint (detect_arp_io_next_deadline (f->io), ==, ROAM_NEVER);
  next_frame (f);
  g_assert_cmpuint (n, ==, 4);
  expect_only_care_of (f);
}

/* The test of a known network over the cable; its node answers. */
/* The engine alone; no program uses it yet: MIP-DNA-004, MIP-DNA-005, MIP-DNA-009 */
static void
test_attachment (Fixture *f, gconstpointer data)
{
  g_autoptr (DetectAttachment) attachment = detect_attachment_new ();
  const RoamNow now = { .boot_us = 1000 * ROAM_USEC_PER_SEC };
  DetectNetwork network = {
    .node = roam_addr_from_u32 (ROUTER),
    .address = roam_addr_from_u32 (0x0a020044),
    .prefix_length = 24,
    .expiry_us = ROAM_NEVER,
  };
  g_auto (DetectAttachmentAction) test = { 0 }, event = { 0 };
  g_autoptr (GError) error = NULL;
  struct pollfd poll_fd = { .events = POLLIN };
  guint8 reply[14 + DETECT_ARP_LENGTH] = { [12] = 8, [13] = 6 };
  g_autoptr (GBytes) bytes = NULL;
  DetectArp arp;
  Frame frame;

  if (skipped ())
    return;
  memcpy (network.node_mac, peer_mac, 6);
  g_assert_true (detect_attachment_store (attachment, &network));
  detect_attachment_input_link_up (attachment, &now, f->ifindex, eth_mac, NULL, 0);
  g_assert_true (detect_attachment_pop_action (attachment, &test));
  g_assert_true (detect_arp_io_send (f->io, test.send.destination, test.send.arp, &error));
  frame = next_frame (f);
  g_assert_cmpmem (frame.destination, 6, peer_mac, 6);
  g_assert_cmphex (roam_addr_to_u32 (&frame.arp.sender), ==, 0x0a020044);
  arp = (DetectArp){ .operation = DETECT_ARP_REPLY, .sender = network.node, .target = network.address };
  memcpy (arp.sender_mac, peer_mac, 6);
  memcpy (arp.target_mac, eth_mac, 6);
  bytes = detect_arp_build (&arp);
  memcpy (reply, eth_mac, 6);
  memcpy (reply + 6, peer_mac, 6);
  memcpy (reply + 14, g_bytes_get_data (bytes, NULL), DETECT_ARP_LENGTH);
  g_assert_cmpint (send (f->far, reply, sizeof reply, 0), ==, (ssize_t)sizeof reply);
  poll_fd.fd = detect_arp_io_get_fd (f->io);
  g_assert_cmpint (poll (&poll_fd, 1, PATIENCE_MS), ==, 1);
  /* Our own test is not heard. */
  g_assert_true (detect_arp_io_receive (f->io, &arp));
  g_assert_cmpint (arp.operation, ==, DETECT_ARP_REPLY);
  detect_attachment_input_arp (attachment, &now, f->ifindex, &arp);
  g_assert_true (detect_attachment_pop_action (attachment, &event));
  g_assert_cmpint (event.type, ==, DETECT_ATTACHMENT_ACTION_EVENT);
  g_assert_cmpint (event.event.type, ==, DETECT_ATTACHMENT_CONFIRMED);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  have_namespace = unshare (CLONE_NEWNET) == 0;
#define ADD(name, function) g_test_add ("/detect/arp-io/" name, Fixture, NULL, set_up, function, tear_down)
  ADD ("guard", test_guard);
  ADD ("agent", test_agent);
  ADD ("guard-ends", test_guard_ends);
  ADD ("own-requests", test_own_requests);
  ADD ("announce", test_announce);
  ADD ("attachment", test_attachment);
#undef ADD
  return g_test_run ();
}
