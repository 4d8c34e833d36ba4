/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "detect/detect-io.h"

#include <glib/gstdio.h>
#include <net/if.h>
#include <poll.h>
#include <sched.h>
#include <string.h>
#include <sys/socket.h>

/*
 * The real kernel, in a network namespace of this process. Changes are made with ip(8); address and
 * route news are in the socket when it returns, carrier news come a moment later and are waited for.
 */

#define PATIENCE_MS 5000

typedef struct
{
  DetectTracker *tracker;
  DetectLinkIo *io;
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

/* Pops what is there; "eth0 address 10.2.0.50/24 via 10.2.0.1; ..." */
static char *
take_events (Fixture *fixture)
{
  GString *text = g_string_new (NULL);
  DetectEvent event;

  while (detect_tracker_pop_event (fixture->tracker, &event))
    {
      static const char *const names[] = { "link-up", "address", "address-lost", "link-down", "hint" };
      char address[ROAM_ADDR_STRLEN], gateway[ROAM_ADDR_STRLEN];

      g_string_append_printf (text, "%s%s %s", text->len > 0 ? "; " : "", event.link.name, names[event.type]);
      if (detect_link_is_usable (&event.link))
        g_string_append_printf (text, " %s/%u via %s", roam_addr_to_string (&event.link.address, address),
                                event.link.prefix_length, roam_addr_to_string (&event.link.gateway, gateway));
    }
  return g_string_free (text, FALSE);
}

/* One drain, now. */
static void
expect_now (Fixture *fixture, const char *expected)
{
  g_autofree char *events = NULL;

  detect_link_io_dispatch (fixture->io);
  events = take_events (fixture);
  g_assert_cmpstr (events, ==, expected);
}

/* As many drains as it takes until something is told. */
static void
expect_soon (Fixture *fixture, const char *expected)
{
  struct pollfd poll_fd = { .fd = detect_link_io_get_fd (fixture->io), .events = POLLIN };
  g_autofree char *events = g_strdup ("");

  while (events[0] == '\0')
    {
      if (poll (&poll_fd, 1, PATIENCE_MS) == 0)
        break;
      detect_link_io_dispatch (fixture->io);
      g_free (events);
      events = take_events (fixture);
    }
  g_assert_cmpstr (events, ==, expected);
}

static void
start (Fixture *fixture)
{
  static const char *const ignore[] = { "ignored*", "peer*", NULL };
  g_autoptr (GError) error = NULL;

  fixture->tracker = detect_tracker_new (ignore, "roam0");
  fixture->io = detect_link_io_new (fixture->tracker, &error);
  g_assert_no_error (error);
  g_assert_nonnull (fixture->io);
}

/* eth0 with carrier (its other end is up), address and default route, told of. */
static void
set_up (Fixture *fixture, gconstpointer data)
{
  g_autofree char *events = NULL;

  if (!have_namespace)
    return;
  ip ("link add eth0 type veth peer name peer0");
  ip ("link set peer0 up");
  ip ("link set eth0 up");
  ip ("address add 10.2.0.50/24 dev eth0");
  ip ("route add default via 10.2.0.1 dev eth0 metric 100");
  start (fixture);
  events = take_events (fixture);
  /* The carrier's news may be a moment behind. */
  if (strstr (events, "eth0 address") == NULL)
    expect_soon (fixture, "eth0 address 10.2.0.50/24 via 10.2.0.1");
  ip ("link set eth0 alias settled");
  detect_link_io_dispatch (fixture->io);
  g_free (take_events (fixture));
}

static void
tear_down (Fixture *fixture, gconstpointer data)
{
  if (!have_namespace)
    return;
  g_clear_pointer (&fixture->io, detect_link_io_free);
  g_clear_pointer (&fixture->tracker, detect_tracker_free);
  if (if_nametoindex ("eth0") != 0)
    ip ("link delete eth0");
}

static gboolean
skipped (void)
{
  if (have_namespace)
    return FALSE;
  g_test_skip ("no network namespace of one's own without CAP_SYS_ADMIN");
  return TRUE;
}

static void
test_first_picture (Fixture *fixture, gconstpointer data)
{
  g_autoptr (GArray) links = NULL;
  const DetectLink *link = NULL;

  if (skipped ())
    return;
  links = detect_tracker_dup_links (fixture->tracker);
  for (guint i = 0; i < links->len; i++)
    if (g_str_equal (g_array_index (links, DetectLink, i).name, "eth0"))
      link = &g_array_index (links, DetectLink, i);
  g_assert_nonnull (link);
  g_assert_true (detect_link_is_usable (link));
  g_assert_cmpint (link->kind, ==, DETECT_KIND_VETH);
  g_assert_cmpuint (link->mtu, ==, 1500);
  g_assert_cmpuint (link->metric, ==, 100);
  /* /sys of another namespace says nothing here, but rtnetlink knows the MAC. */
  g_assert_cmpuint (link->mac[0] | link->mac[1] | link->mac[5], !=, 0);
}

static void
test_address_and_route (Fixture *fixture, gconstpointer data)
{
  if (skipped ())
    return;
  /* The last address takes the default route along, and the kernel does not say so. */
  ip ("address delete 10.2.0.50/24 dev eth0");
  expect_now (fixture, "eth0 address-lost");
  ip ("address add 10.2.0.51/24 dev eth0");
  expect_now (fixture, "");
  ip ("route add default via 10.2.0.1 dev eth0");
  expect_now (fixture, "eth0 address 10.2.0.51/24 via 10.2.0.1");
  /* One drain, one event. */
  ip ("address add 10.3.0.9/24 dev eth0");
  ip ("route delete default");
  ip ("address delete 10.2.0.51/24 dev eth0");
  ip ("route add default via 10.3.0.1 dev eth0");
  expect_now (fixture, "eth0 address 10.3.0.9/24 via 10.3.0.1");
}

static void
test_renewal (Fixture *fixture, gconstpointer data)
{
  if (skipped ())
    return;
  ip ("address change 10.2.0.50/24 dev eth0 valid_lft 3600 preferred_lft 3600");
  expect_now (fixture, "");
  ip ("address change 10.2.0.50/24 dev eth0 valid_lft 7200 preferred_lft 7200");
  ip ("route replace default via 10.2.0.1 dev eth0 metric 100");
  expect_now (fixture, "");
}

static void
test_replaced_route (Fixture *fixture, gconstpointer data)
{
  if (skipped ())
    return;
  ip ("route replace default via 10.2.0.2 dev eth0 metric 100");
  expect_now (fixture, "eth0 address 10.2.0.50/24 via 10.2.0.2");
  ip ("route delete default");
  expect_now (fixture, "eth0 address-lost");
}

static void
test_source_of_route (Fixture *fixture, gconstpointer data)
{
  if (skipped ())
    return;
  ip ("address add 10.2.0.60/32 dev eth0");
  ip ("route replace default via 10.2.0.1 dev eth0 metric 100 src 10.2.0.60");
  expect_now (fixture, "eth0 address 10.2.0.60/32 via 10.2.0.1");
  /* Its route goes with it, on older kernels without a word. */
  ip ("address delete 10.2.0.60/32 dev eth0");
  expect_now (fixture, "eth0 address-lost");
}

static void
test_address_away_and_back (Fixture *fixture, gconstpointer data)
{
  if (skipped ())
    return;
  ip ("address delete 10.2.0.50/24 dev eth0");
  ip ("address add 10.2.0.50/24 dev eth0");
  ip ("route add default via 10.2.0.1 dev eth0 metric 100");
  expect_now (fixture, "eth0 hint 10.2.0.50/24 via 10.2.0.1");
}

static void
test_carrier (Fixture *fixture, gconstpointer data)
{
  if (skipped ())
    return;
  ip ("link set peer0 down");
  expect_soon (fixture, "eth0 link-down");
  ip ("link set peer0 up");
  expect_soon (fixture, "eth0 address 10.2.0.50/24 via 10.2.0.1");
}

static void
test_set_down (Fixture *fixture, gconstpointer data)
{
  if (skipped ())
    return;
  ip ("link set eth0 down");
  expect_now (fixture, "eth0 link-down");
  ip ("link set eth0 up");
  expect_soon (fixture, "eth0 link-up");
  ip ("route add default via 10.2.0.1 dev eth0");
  expect_now (fixture, "eth0 address 10.2.0.50/24 via 10.2.0.1");
}

/* Down and up before anybody looked: the address is the same, the network need not be. */
static void
test_bounce (Fixture *fixture, gconstpointer data)
{
  g_autofree char *events = NULL;

  if (skipped ())
    return;
  ip ("link set eth0 down");
  ip ("link set eth0 up");
  ip ("route add default via 10.2.0.1 dev eth0 metric 100");
  /* Whether the carrier's return is in the same drain is the kernel's choice; silence is not. */
  detect_link_io_dispatch (fixture->io);
  events = take_events (fixture);
  if (g_str_has_prefix (events, "eth0 hint"))
    return;
  g_assert_true (g_str_has_prefix (events, "eth0 link-down"));
  expect_soon (fixture, "eth0 address 10.2.0.50/24 via 10.2.0.1");
}

static void
test_removed (Fixture *fixture, gconstpointer data)
{
  if (skipped ())
    return;
  ip ("link delete eth0");
  expect_now (fixture, "eth0 link-down");
}

/* What is ours, a bridge's, or on the profile's list, is never told of. */
static void
test_strangers (Fixture *fixture, gconstpointer data)
{
  if (skipped ())
    return;
  ip ("tuntap add roam0 mode tun");
  ip ("link set roam0 up");
  ip ("address add 10.1.0.100/32 dev roam0");
  ip ("route add default dev roam0 metric 1");
  ip ("route add default dev roam0 table 5266");
  ip ("route add default via 10.2.0.9 dev eth0 metric 9 table 5266");
  ip ("link add ignored0 type veth peer name ignored1");
  ip ("link set ignored0 up");
  ip ("link set ignored1 up");
  ip ("link add br0 type bridge");
  ip ("link set br0 up");
  ip ("address add 172.17.0.1/16 dev br0");
  expect_now (fixture, "");
  ip ("link delete ignored0");
  ip ("link delete br0");
  ip ("link delete roam0");
  expect_now (fixture, "");
}

/* A port of a bridge is not a link of its own; leaving the bridge is not the end of the interface. */
static void
test_bridge_port (Fixture *fixture, gconstpointer data)
{
  if (skipped ())
    return;
  ip ("link add br0 type bridge");
  ip ("link set eth0 master br0");
  expect_now (fixture, "eth0 link-down");
  ip ("link set eth0 nomaster");
  expect_now (fixture, "eth0 address 10.2.0.50/24 via 10.2.0.1");
  ip ("link delete br0");
  expect_now (fixture, "");
}

static void
test_multipath (Fixture *fixture, gconstpointer data)
{
  if (skipped ())
    return;
  ip ("link add eth1 type veth peer name peer1");
  ip ("link set peer1 up");
  ip ("link set eth1 up");
  ip ("address add 10.3.0.50/24 dev eth1");
  detect_link_io_dispatch (fixture->io);
  ip ("route replace default metric 100 nexthop via 10.2.0.1 dev eth0 nexthop via 10.3.0.1 dev eth1");
  detect_link_io_dispatch (fixture->io);
  while (detect_tracker_pop_event (fixture->tracker, &(DetectEvent){ 0 }))
    ;
  {
    g_autoptr (GArray) links = detect_tracker_dup_links (fixture->tracker);
    guint n_routes = 0;

    for (guint i = 0; i < links->len; i++)
      n_routes += g_array_index (links, DetectLink, i).has_default_route;
    g_assert_cmpuint (n_routes, ==, 2);
  }
  ip ("link delete eth1");
}

/* covers: MIP-MOV-024 */
static void
test_next_hop_of_another_network (Fixture *fixture, gconstpointer data)
{
  if (skipped ())
    return;
  ip ("neigh replace 10.2.0.1 lladdr 02:00:00:00:09:01 dev eth0 nud reachable");
  ip ("neigh replace 10.2.0.7 lladdr 02:00:00:00:09:07 dev eth0 nud reachable");
  expect_now (fixture, "");
  ip ("neigh del 10.2.0.1 dev eth0");
  ip ("neigh replace 10.2.0.7 lladdr 02:00:00:00:09:08 dev eth0 nud reachable");
  expect_now (fixture, "");
  ip ("neigh replace 10.2.0.1 lladdr 02:00:00:00:09:02 dev eth0 nud stale");
  expect_now (fixture, "eth0 hint 10.2.0.50/24 via 10.2.0.1");
}

/* The socket overflows: the picture is right all the same. */
static void
test_overflow (Fixture *fixture, gconstpointer data)
{
  g_autoptr (GString) batch = g_string_new (NULL);
  g_autofree char *path = NULL, *command = NULL;
  int size = 0, fd = -1;

  if (skipped ())
    return;
  g_assert_cmpint (setsockopt (detect_link_io_get_fd (fixture->io), SOL_SOCKET, SO_RCVBUF, &size, sizeof size), ==, 0);
  for (guint i = 0; i < 400; i++)
    g_string_append_printf (batch, "route add 172.16.%u.%u/32 dev eth0\n", i / 200, i % 200);
  g_string_append (batch, "address add 10.9.0.7/24 dev eth0\nroute del default\naddress del 10.2.0.50/24 dev eth0\n"
                          "route add default via 10.9.0.1 dev eth0\n");
  fd = g_file_open_tmp ("roamd-link-XXXXXX", &path, NULL);
  g_assert_cmpint (fd, >=, 0);
  g_close (fd, NULL);
  g_assert_true (g_file_set_contents (path, batch->str, -1, NULL));
  command = g_strdup_printf ("-batch %s", path);
  ip (command);
  g_remove (path);
  expect_now (fixture, "eth0 address 10.9.0.7/24 via 10.9.0.1");
  expect_now (fixture, "");
}

static void
test_resync (Fixture *fixture, gconstpointer data)
{
  g_autoptr (GError) error = NULL;
  g_autofree char *events = NULL;

  if (skipped ())
    return;
  g_assert_true (detect_link_io_resync (fixture->io, &error));
  g_assert_no_error (error);
  expect_now (fixture, "");
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  have_namespace = unshare (CLONE_NEWNET) == 0;
  if (have_namespace)
    ip ("link set lo up");
#define ADD(name, function) g_test_add ("/detect/link-io/" name, Fixture, NULL, set_up, function, tear_down)
  ADD ("first-picture", test_first_picture);
  ADD ("address-and-route", test_address_and_route);
  ADD ("renewal", test_renewal);
  ADD ("replaced-route", test_replaced_route);
  ADD ("source-of-route", test_source_of_route);
  ADD ("address-away", test_address_away_and_back);
  ADD ("carrier", test_carrier);
  ADD ("set-down", test_set_down);
  ADD ("bounce", test_bounce);
  ADD ("removed", test_removed);
  ADD ("strangers", test_strangers);
  ADD ("bridge-port", test_bridge_port);
  ADD ("next-hop-other-network", test_next_hop_of_another_network);
  ADD ("multipath", test_multipath);
  ADD ("overflow", test_overflow);
  ADD ("resync", test_resync);
#undef ADD
  return g_test_run ();
}
