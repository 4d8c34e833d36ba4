/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "tunnel/tunnel-io.h"

#include <arpa/inet.h>
#include <errno.h>
#include <sched.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

/*
 * The gate against the real kernel: a network namespace of our own, a veth pair whose far end lies in
 * a second namespace (named gatepeer-<pid>), real packets, and the kernel's own counters as witness.
 */

#define LOCAL "192.0.2.50"
#define HOME "10.1.0.100"
#define HOME_AGENT "10.1.0.2"
#define GATEWAY "203.0.113.2"
#define OWN_MARK 0x5266

static char peer[32];

static void
shell (const char *command)
{
  int status = system (command);

  if (status != 0)
    g_error ("`%s` ended with %d", command, status);
}

static void
build_network (void)
{
  g_autofree char *commands = g_strdup_printf (
    "set -e; ip netns add %s; ip link set lo up; ip link add eth0 type veth peer name far netns %s; "
    "ip addr add " LOCAL "/24 dev eth0; ip addr add " HOME "/32 dev lo; ip link set eth0 up; "
    "ip -n %s addr add 192.0.2.1/24 dev far; ip -n %s link set far up; "
    "ip route add default via 192.0.2.1; "
    "ip neigh replace 192.0.2.1 lladdr $(ip -n %s -o link show far | sed 's/.*ether \\([0-9a-f:]*\\).*/\\1/') dev eth0",
    peer, peer, peer, peer, peer);

  shell (commands);
}

static RoamAddr
addr (const char *text)
{
  RoamAddr result = ROAM_ADDR_NONE;

  g_assert_true (roam_addr_parse (text, &result));
  return result;
}

static TunnelGateConfig
gate_config (void)
{
  TunnelGateConfig config = {
    .tun_name = "roam0",
    .home_address = addr (HOME),
    .home_agent = addr (HOME_AGENT),
    .gateways = { addr (GATEWAY) },
    .n_gateways = 1,
  };

  return config;
}

/* One packet; TRUE when the kernel let it out (a stopped one fails with EPERM). */
static gboolean
send_one (int type, int protocol, const char *source, const char *destination, guint16 port, int mark)
{
  int fd = socket (AF_INET, type | SOCK_CLOEXEC, protocol);
  struct sockaddr_in local = { .sin_family = AF_INET }, remote = { .sin_family = AF_INET };
  gssize sent;
  int reason;

  g_assert_cmpint (fd, >=, 0);
  g_assert_cmpint (inet_pton (AF_INET, source, &local.sin_addr), ==, 1);
  g_assert_cmpint (inet_pton (AF_INET, destination, &remote.sin_addr), ==, 1);
  remote.sin_port = htons (port);
  if (mark != 0)
    g_assert_cmpint (setsockopt (fd, SOL_SOCKET, SO_MARK, &mark, sizeof mark), ==, 0);
  g_assert_cmpint (bind (fd, (struct sockaddr *)&local, sizeof local), ==, 0);
  sent = sendto (fd, "0123456789abcdef0123", 20, 0, (struct sockaddr *)&remote, sizeof remote);
  reason = errno;
  close (fd);
  if (sent < 0)
    g_assert_cmpint (reason, ==, EPERM);
  return sent == 20;
}

#define UDP(source, destination, port, mark) send_one (SOCK_DGRAM, 0, source, destination, port, mark)
#define IPIP(source, destination) send_one (SOCK_RAW, IPPROTO_IPIP, source, destination, 0, OWN_MARK)

static void
set_mode (TunnelGateIo *gate, TunnelMode mode)
{
  TunnelGateState state = { .mode = mode, .ifname = "eth0", .care_of_address = addr (LOCAL) };
  g_autoptr (GError) error = NULL;

  g_assert_true (tunnel_gate_io_apply (gate, &state, &error));
  g_assert_no_error (error);
}

static void
assert_nothing_in_clear (void)
{
  g_assert_false (UDP (LOCAL, "198.51.100.7", 53, 0));
  g_assert_false (UDP (HOME, "198.51.100.7", 80, 0));
  g_assert_false (UDP (LOCAL, HOME_AGENT, 434, 0));
  g_assert_false (UDP (LOCAL, GATEWAY, 4500, 0));
  g_assert_false (IPIP (LOCAL, HOME_AGENT));
  g_assert_false (send_one (SOCK_RAW, IPPROTO_ICMP, LOCAL, "198.51.100.7", 0, 0));
}

static void
assert_signalling_passes (void)
{
  g_assert_true (UDP (LOCAL, HOME_AGENT, 434, OWN_MARK));
  g_assert_true (UDP (LOCAL, GATEWAY, 500, OWN_MARK));
  g_assert_true (UDP (LOCAL, GATEWAY, 4500, OWN_MARK));
  g_assert_false (UDP (LOCAL, "198.51.100.7", 4500, OWN_MARK));
}

/* covers: R5266-TRF-001, R5266-TRF-003, R5266-TRF-004, R5266-DET-011, R5266-DET-012, R5266-MODE-011 */
static void
test_closed_passes_signalling_only (void)
{
  TunnelGateConfig config = gate_config ();
  g_autoptr (GError) error = NULL;
  TunnelGateIo *gate = tunnel_gate_io_new (&config, &error);
  TunnelGateCounters counters;

  g_assert_no_error (error);
  assert_nothing_in_clear ();
  assert_signalling_passes ();
  set_mode (gate, TUNNEL_MODE_MC);
  assert_nothing_in_clear ();
  assert_signalling_passes ();
  g_assert_true (tunnel_gate_io_get_counters (gate, &counters, &error));
  g_assert_cmpuint (counters.stopped_packets, >=, 12);
  g_assert_cmpuint (counters.passed_packets, >=, 6);
  tunnel_gate_io_free (gate, TRUE);
}

/* covers: R5266-TRF-006, R5266-MODE-012 */
static void
test_home_opens_one_interface_for_the_home_address (void)
{
  TunnelGateConfig config = gate_config ();
  TunnelGateIo *gate = tunnel_gate_io_new (&config, NULL);

  set_mode (gate, TUNNEL_MODE_HOME);
  g_assert_true (UDP (HOME, "198.51.100.7", 80, 0));
  g_assert_false (UDP (LOCAL, "198.51.100.7", 80, 0));
  set_mode (gate, TUNNEL_MODE_HOLD);
  assert_nothing_in_clear ();
  tunnel_gate_io_free (gate, TRUE);
}

static void
test_c_opens_ip_in_ip_to_the_home_agent (void)
{
  TunnelGateConfig config = gate_config ();
  TunnelGateIo *gate = tunnel_gate_io_new (&config, NULL);

  set_mode (gate, TUNNEL_MODE_C);
  g_assert_true (IPIP (LOCAL, HOME_AGENT));
  g_assert_false (IPIP (LOCAL, "198.51.100.7"));
  g_assert_false (UDP (HOME, "198.51.100.7", 80, 0));
  set_mode (gate, TUNNEL_MODE_MC);
  g_assert_false (IPIP (LOCAL, HOME_AGENT));
  tunnel_gate_io_free (gate, TRUE);
}

/* covers: R5266-TRF-005 */
static void
test_survives_a_killed_process_and_is_taken_over_closed (void)
{
  TunnelGateConfig config = gate_config ();
  TunnelGateIo *gate = NULL;
  int status = 0;
  pid_t child = fork ();

  g_assert_cmpint (child, >=, 0);
  if (child == 0)
    {
      gate = tunnel_gate_io_new (&config, NULL);
      set_mode (gate, TUNNEL_MODE_MC);
      kill (getpid (), SIGKILL);
    }
  g_assert_cmpint (waitpid (child, &status, 0), ==, child);
  g_assert_true (WIFSIGNALED (status));
  assert_nothing_in_clear ();
  gate = tunnel_gate_io_new (&config, NULL);
  g_assert_nonnull (gate);
  assert_nothing_in_clear ();
  tunnel_gate_io_free (gate, FALSE);
  assert_nothing_in_clear ();
  shell ("nft delete table inet roamd");
}

/* Somebody empties the sets, or takes the table away: the next change still ends where it should. */
static void
test_tampering_is_mended (void)
{
  TunnelGateConfig config = gate_config ();
  TunnelGateIo *gate = tunnel_gate_io_new (&config, NULL);

  set_mode (gate, TUNNEL_MODE_C);
  shell ("nft flush set inet roamd c_tunnel");
  set_mode (gate, TUNNEL_MODE_HOME);
  g_assert_true (UDP (HOME, "198.51.100.7", 80, 0));
  shell ("nft delete table inet roamd");
  set_mode (gate, TUNNEL_MODE_C);
  g_assert_true (IPIP (LOCAL, HOME_AGENT));
  g_assert_false (UDP (HOME, "198.51.100.7", 80, 0));
  tunnel_gate_io_free (gate, TRUE);
}

/* covers: R5266-TRF-008 */
static void
test_inbound_ip_in_ip_is_stopped_unless_c (void)
{
  TunnelGateConfig config = gate_config ();
  TunnelGateIo *gate = tunnel_gate_io_new (&config, NULL);
  int fd = socket (AF_INET, SOCK_RAW | SOCK_CLOEXEC, IPPROTO_IPIP);
  struct timeval patience = { .tv_usec = 300000 };
  g_autofree char *from_agent = g_strdup_printf (
    "ip -n %s addr replace " HOME_AGENT "/32 dev far; ip netns exec %s /usr/bin/python3 -c 'import socket; "
    "s = socket.socket(socket.AF_INET, socket.SOCK_RAW, 4); s.bind((\"" HOME_AGENT "\", 0)); "
    "s.sendto(bytes(20), (\"" LOCAL "\", 0))'",
    peer, peer);
  guint8 packet[100];

  g_assert_cmpint (setsockopt (fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience), ==, 0);
  set_mode (gate, TUNNEL_MODE_C);
  shell (from_agent);
  g_assert_cmpint (recv (fd, packet, sizeof packet, 0), ==, 40);
  set_mode (gate, TUNNEL_MODE_MC);
  shell (from_agent);
  g_assert_cmpint (recv (fd, packet, sizeof packet, 0), ==, -1);
  close (fd);
  tunnel_gate_io_free (gate, TRUE);
}

int
main (int argc, char **argv)
{
  int rc;

  g_test_init (&argc, &argv, NULL);
  if (unshare (CLONE_NEWNET) != 0)
    {
      g_print ("network namespaces need root: run sudo ./tests/run\n");
      return 77;
    }
  g_snprintf (peer, sizeof peer, "gatepeer-%d", (int)getpid ());
  build_network ();
  g_test_add_func ("/tunnel/gate/closed-passes-signalling-only", test_closed_passes_signalling_only);
  g_test_add_func ("/tunnel/gate/home", test_home_opens_one_interface_for_the_home_address);
  g_test_add_func ("/tunnel/gate/c", test_c_opens_ip_in_ip_to_the_home_agent);
  g_test_add_func ("/tunnel/gate/killed", test_survives_a_killed_process_and_is_taken_over_closed);
  g_test_add_func ("/tunnel/gate/tampering", test_tampering_is_mended);
  g_test_add_func ("/tunnel/gate/inbound", test_inbound_ip_in_ip_is_stopped_unless_c);
  rc = g_test_run ();
  {
    g_autofree char *down = g_strdup_printf ("ip netns del %s", peer);

    shell (down);
  }
  return rc;
}
