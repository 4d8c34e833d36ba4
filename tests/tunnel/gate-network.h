/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "base/addr.h"

#include <glib.h>

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <gio/gio.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

/*
 * A network namespace of this process, a veth pair eth0 - far whose far end lies in a second one, with
 * addresses, routes and neighbours on both sides, and a packet socket at the far end.
 */

#define LOCAL "192.0.2.50"
#define FAR "192.0.2.1"
#define HOME "10.1.0.100"

static gboolean have_namespaces;
static pid_t peer;
static int own_namespace = -1, far_namespace = -1, capture = -1;

static void
shell (const char *command)
{
  int status = system (command);

  if (status != 0)
    g_error ("`%s` ended with %d", command, status);
}

static void
enter (int namespace)
{
  g_assert_cmpint (setns (namespace, CLONE_NEWNET), ==, 0);
}

static void
open_capture (void)
{
  struct sockaddr_ll address = { .sll_family = AF_PACKET, .sll_protocol = htons (ETH_P_ALL) };

  enter (far_namespace);
  capture = socket (AF_PACKET, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, htons (ETH_P_ALL));
  address.sll_ifindex = (int)if_nametoindex ("far");
  g_assert_cmpint (bind (capture, (struct sockaddr *)&address, sizeof address), ==, 0);
  enter (own_namespace);
}

/* The second namespace lives as long as a child that does nothing, which dies with this process: nothing is left. */
static pid_t
start_peer (void)
{
  int ready[2];
  char octet = 0;
  pid_t child;

  g_assert_cmpint (pipe2 (ready, O_CLOEXEC), ==, 0);
  child = fork ();
  g_assert_cmpint (child, >=, 0);
  if (child == 0)
    {
      prctl (PR_SET_PDEATHSIG, SIGKILL);
      if (unshare (CLONE_NEWNET) == 0 && write (ready[1], &octet, 1) == 1)
        pause ();
      _exit (1);
    }
  close (ready[1]);
  g_assert_cmpint (read (ready[0], &octet, 1), ==, 1);
  close (ready[0]);
  return child;
}

static void
set_neighbour (const char *own_name, int own, const char *far_name, int other, const char *far_address)
{
  g_autofree char *command = g_strdup_printf ("ip -o link show %s | sed 's/.*ether \\([0-9a-f:]*\\).*/\\1/'", far_name);
  g_autofree char *replace = NULL;
  char mac[32] = { 0 };
  FILE *pipe_file = NULL;

  enter (other);
  pipe_file = popen (command, "r");
  g_assert_nonnull (pipe_file);
  g_assert_nonnull (fgets (mac, sizeof mac, pipe_file));
  pclose (pipe_file);
  enter (own);
  replace = g_strdup_printf ("ip neigh replace %s dev %s lladdr %s", far_address, own_name, g_strchomp (mac));
  shell (replace);
}

static void
build_network (void)
{
  g_autofree char *path = NULL, *links = NULL;

  peer = start_peer ();
  path = g_strdup_printf ("/proc/%d/ns/net", (int)peer);
  own_namespace = open ("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
  far_namespace = open (path, O_RDONLY | O_CLOEXEC);
  g_assert_cmpint (own_namespace, >=, 0);
  g_assert_cmpint (far_namespace, >=, 0);
  links = g_strdup_printf ("set -e; ip link set lo up; ip link add eth0 type veth peer name far netns %d; "
                           "ip link add eth1 type veth peer name far1 netns %d; ip link set eth1 up; "
                           "ip addr add " LOCAL "/24 dev eth0; ip addr add " HOME "/32 dev lo; "
                           "ip -6 addr add 2001:db8::5/64 dev eth0 nodad; ip link set eth0 up",
                           (int)peer, (int)peer);
  shell (links);
  enter (far_namespace);
  shell ("set -e; ip link set far1 up; ip addr add " FAR "/24 dev far; ip link set far up; "
         "ip route add default via " LOCAL);
  set_neighbour ("far", far_namespace, "eth0", own_namespace, LOCAL);
  set_neighbour ("eth0", own_namespace, "far", far_namespace, FAR);
  shell ("set -e; ip route add default via " FAR "; "
         "ip -6 neigh replace 2001:db8::1 lladdr 02:00:00:00:00:01 dev eth0; "
         "ip neigh replace 192.0.2.9 lladdr 02:00:00:00:00:09 dev eth1");
  open_capture ();
}

/* ------------------------------------------------------------- packets made by hand ---- */

static RoamAddr
addr (const char *text)
{
  RoamAddr result = ROAM_ADDR_NONE;

  g_assert_true (roam_addr_parse (text, &result));
  return result;
}

static void
append_u16 (GByteArray *bytes, guint value)
{
  guint8 octets[2] = { (guint8)(value >> 8), (guint8)value };

  g_byte_array_append (bytes, octets, 2);
}

/* An IPv4 packet of @length octets of @payload, as the far end writes it itself (IP_HDRINCL fills in the sums). */
static GByteArray *
make_packet (guint8 protocol, const char *source, const char *destination, const GByteArray *payload)
{
  GByteArray *packet = g_byte_array_new ();
  RoamAddr from = addr (source), to = addr (destination);
  const guint8 middle[] = { 64, protocol, 0, 0 };

  append_u16 (packet, 0x4500);
  append_u16 (packet, 20 + payload->len);
  append_u16 (packet, 0);
  append_u16 (packet, 0);
  g_byte_array_append (packet, middle, sizeof middle);
  g_byte_array_append (packet, from.bytes, 4);
  g_byte_array_append (packet, to.bytes, 4);
  g_byte_array_append (packet, payload->data, payload->len);
  return packet;
}

static GByteArray *
make_udp (guint16 source_port, guint16 port, guint8 first_octet)
{
  GByteArray *udp_packet = g_byte_array_new ();
  const guint8 payload[12] = { first_octet };

  append_u16 (udp_packet, source_port);
  append_u16 (udp_packet, port);
  append_u16 (udp_packet, 8 + sizeof payload);
  append_u16 (udp_packet, 0);
  g_byte_array_append (udp_packet, payload, sizeof payload);
  return udp_packet;
}

/* An ICMP message without data: @type, code 1 (of a redirect: for the host). */
static GByteArray *
make_icmp (guint8 type)
{
  GByteArray *message = g_byte_array_new ();
  guint sum = (guint)type << 8 | 1;

  append_u16 (message, sum);
  append_u16 (message, ~sum & 0xffff);
  append_u16 (message, 0);
  append_u16 (message, 0);
  return message;
}

static void
read_far_address (guint8 *link_layer)
{
  struct ifreq request = { .ifr_name = "far" };
  int fd;

  enter (far_namespace);
  fd = socket (AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  g_assert_cmpint (ioctl (fd, SIOCGIFHWADDR, &request), ==, 0);
  close (fd);
  enter (own_namespace);
  memcpy (link_layer, request.ifr_hwaddr.sa_data, 6);
}
