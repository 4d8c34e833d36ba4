/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "tests/tunnel/gate-network.h"
#include "tunnel/tunnel-io.h"

/*
 * The gate against the real kernel: a network namespace of this process, a veth pair whose far end
 * lies in a second one, real packets. Two witnesses: the kernel's own counters and errors, and a
 * packet socket at the far end that sees every frame which left.
 */

#define HOME_AGENT "10.1.0.2"
#define GATEWAY "203.0.113.2"
#define STRANGER "198.51.100.7"
#define EXEMPT "172.20.0.9"
#define NAME_SERVER "198.51.100.53"
#define OWN_MARK 0x5266
#define PATIENCE_MS 5000
/* Types of Mobile IPv4 messages: RFC 5944 3.3, RFC 3519 3.1, RFC 3543 3. */
#define REGISTRATION_REQUEST 1
#define REGISTRATION_REPLY 3
#define TUNNEL_DATA 4

static TunnelGateIo *
new_gate (void)
{
  TunnelGateConfig config = {
    .tun_name = "roam0",
    .home_address = addr (HOME),
    .home_agent = addr (HOME_AGENT),
    .gateways = { addr (GATEWAY), addr ("2001:db8:2::2") },
    .n_gateways = 2,
    .exempt = { { addr ("172.20.0.0"), 16 }, { addr ("172.20.0.0"), 20 }, { addr ("2001:db8:77::"), 48 } },
    .n_exempt = 3,
  };
  g_autoptr (GError) error = NULL;
  TunnelGateIo *gate = tunnel_gate_io_new (&config, &error);

  g_assert_no_error (error);
  g_assert_nonnull (gate);
  return gate;
}

static void
set_mode_on (TunnelGateIo *gate, TunnelMode mode, const char *ifname)
{
  TunnelGateState state = { .mode = mode, .care_of_address = addr (LOCAL) };
  g_autoptr (GError) error = NULL;

  g_strlcpy (state.ifname, ifname, sizeof state.ifname);
  g_assert_true (tunnel_gate_io_apply (gate, &state, &error));
  g_assert_no_error (error);
}

static void
set_mode (TunnelGateIo *gate, TunnelMode mode)
{
  set_mode_on (gate, mode, "eth0");
}

/* Mode c with the tunnel in UDP (RFC 3519). */
static void
set_c_udp_on (TunnelGateIo *gate, const char *ifname)
{
  TunnelGateState state = { .mode = TUNNEL_MODE_C, .care_of_address = addr (LOCAL), .mip_udp = TRUE };
  g_autoptr (GError) error = NULL;

  g_strlcpy (state.ifname, ifname, sizeof state.ifname);
  g_assert_true (tunnel_gate_io_apply (gate, &state, &error));
  g_assert_no_error (error);
}

static guint64
counter (const char *name)
{
  g_autofree char *command = g_strdup_printf ("nft list counter inet roamd %s", name), *output = NULL;
  const char *packets = NULL;

  g_assert_true (g_spawn_command_line_sync (command, &output, NULL, NULL, NULL));
  packets = g_strrstr (output, "packets "); /* the comment before it has the word as well */
  g_assert_nonnull (packets);
  return g_ascii_strtoull (packets + strlen ("packets "), NULL, 10);
}

/* ---------------------------------------------------------------------- sending ---- */

typedef struct
{
  int type, protocol; /* of the socket */
  const char *source, *destination;
  guint16 source_port, port;
  int mark;
  guint8 first_octet; /* of the payload */
} Packet;

static socklen_t
fill_sockaddr (struct sockaddr_storage *storage, const char *text, guint16 port)
{
  struct sockaddr_in *in4 = (struct sockaddr_in *)storage;
  struct sockaddr_in6 *in6 = (struct sockaddr_in6 *)storage;

  memset (storage, 0, sizeof *storage);
  if (inet_pton (AF_INET, text, &in4->sin_addr) == 1)
    {
      in4->sin_family = AF_INET;
      in4->sin_port = htons (port);
      return sizeof *in4;
    }
  g_assert_cmpint (inet_pton (AF_INET6, text, &in6->sin6_addr), ==, 1);
  in6->sin6_family = AF_INET6;
  in6->sin6_port = htons (port);
  return sizeof *in6;
}

/* TRUE when the kernel let it out; a stopped one fails with EPERM. */
static gboolean
send_packet (const Packet *packet)
{
  struct sockaddr_storage local, remote;
  socklen_t local_length = fill_sockaddr (&local, packet->source, packet->source_port);
  socklen_t remote_length = fill_sockaddr (&remote, packet->destination, packet->port);
  guint8 payload[20] = { packet->first_octet };
  int fd = socket (local.ss_family, packet->type | SOCK_CLOEXEC, packet->protocol), one = 1, reason;
  gssize sent;

  g_assert_cmpint (fd, >=, 0);
  if (packet->mark != 0)
    g_assert_cmpint (setsockopt (fd, SOL_SOCKET, SO_MARK, &packet->mark, sizeof packet->mark), ==, 0);
  setsockopt (fd, SOL_SOCKET, SO_BROADCAST, &one, sizeof one);
  g_assert_cmpint (bind (fd, (struct sockaddr *)&local, local_length), ==, 0);
  sent = sendto (fd, payload, sizeof payload, 0, (struct sockaddr *)&remote, remote_length);
  reason = errno;
  close (fd);
  if (sent < 0)
    g_assert_cmpint (reason, ==, EPERM);
  return sent == (gssize)sizeof payload;
}

static gboolean
udp (const char *source, const char *destination, guint16 port, int mark)
{
  return send_packet (&(Packet){ SOCK_DGRAM, 0, source, destination, 0, port, mark, REGISTRATION_REQUEST });
}

static gboolean
raw (int protocol, const char *source, const char *destination, int mark)
{
  return send_packet (&(Packet){ SOCK_RAW, protocol, source, destination, 0, 0, mark, 8 });
}

static gboolean
ipip (const char *source, const char *destination)
{
  return raw (IPPROTO_IPIP, source, destination, OWN_MARK);
}

/* A TCP handshake's first packet; the gate's drop shows as a connection that gets no further. */
static void
start_tcp (const char *source, const char *destination)
{
  struct sockaddr_storage local, remote;
  socklen_t local_length = fill_sockaddr (&local, source, 0);
  socklen_t remote_length = fill_sockaddr (&remote, destination, 443);
  int fd = socket (AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

  g_assert_cmpint (bind (fd, (struct sockaddr *)&local, local_length), ==, 0);
  g_assert_cmpint (connect (fd, (struct sockaddr *)&remote, remote_length), ==, -1);
  close (fd);
}

/* Everything a user could try, none of which may leave. */
static void
assert_nothing_in_clear (void)
{
  guint8 packet[256];
  guint64 stopped = counter ("stopped");
  gssize length = 0;
  struct pollfd poll_fd = { .fd = capture, .events = POLLIN };

  while (recv (capture, packet, sizeof packet, 0) > 0)
    ;
  g_assert_false (udp (LOCAL, STRANGER, 53, 0));
  g_assert_false (udp (HOME, STRANGER, 80, 0));
  g_assert_false (udp (LOCAL, HOME_AGENT, 434, 0));
  g_assert_false (udp (LOCAL, GATEWAY, 500, 0));
  g_assert_false (udp (LOCAL, GATEWAY, 4500, 0));
  g_assert_false (udp (LOCAL, STRANGER, 4500, OWN_MARK));
  g_assert_false (udp (LOCAL, "255.255.255.255", 9, 0));
  g_assert_false (udp (LOCAL, "224.0.0.251", 5353, 0));
  g_assert_false (udp ("2001:db8::5", "2001:db8::1", 53, 0));
  g_assert_false (ipip (LOCAL, HOME_AGENT));
  g_assert_false (raw (IPPROTO_ICMP, LOCAL, STRANGER, 0));
  g_assert_false (raw (IPPROTO_GRE, LOCAL, GATEWAY, 0));
  start_tcp (LOCAL, STRANGER);
  start_tcp (HOME, STRANGER);
  g_assert_cmpuint (counter ("stopped"), >=, stopped + 14);
  /* The one that may leave comes last: what is captured before it leaked. */
  g_assert_true (udp (LOCAL, HOME_AGENT, 434, OWN_MARK));
  while (length == 0)
    {
      g_assert_cmpint (poll (&poll_fd, 1, PATIENCE_MS), ==, 1);
      length = recv (capture, packet, sizeof packet, 0);
      /* IPv6 neighbour discovery and ARP are not data. */
      if (length > 0 && packet[0] != 0x45)
        length = 0;
    }
  g_assert_cmpint (length, ==, 20 + 8 + 20);
  g_assert_cmpmem (packet + 16, 4, addr (HOME_AGENT).bytes, 4);
}

static void
assert_signalling_passes (void)
{
  guint64 passed = counter ("passed");

  g_assert_true (udp (LOCAL, HOME_AGENT, 434, OWN_MARK));
  g_assert_true (udp (LOCAL, GATEWAY, 500, OWN_MARK));
  g_assert_true (udp (LOCAL, GATEWAY, 4500, OWN_MARK));
  g_assert_true (udp (LOCAL, NAME_SERVER, 53, OWN_MARK));
  g_assert_true (send_packet (&(Packet){ SOCK_DGRAM, 0, LOCAL, "255.255.255.255", 68, 67 }));
  g_assert_true (raw (IPPROTO_ESP, LOCAL, GATEWAY, 0));
  /* ICMP router (agent) solicitation: RFC 1256 3. */
  g_assert_true (send_packet (&(Packet){ SOCK_RAW, IPPROTO_ICMP, LOCAL, "224.0.0.2", 0, 0, 0, 10 }));
  g_assert_false (send_packet (&(Packet){ SOCK_RAW, IPPROTO_ICMP, LOCAL, STRANGER, 0, 0, 0, 10 }));
  g_assert_true (udp (LOCAL, EXEMPT, 80, 0));
  g_assert_cmpuint (counter ("passed"), >=, passed + 8);
}

/* --------------------------------------------------------------------- receiving ---- */

/* Destination unreachable, fragmentation needed, about a UDP packet to @quoted. */
static GByteArray *
make_icmp_error (const char *quoted)
{
  g_autoptr (GByteArray) inner = make_udp (4500, 4500, 0);
  g_autoptr (GByteArray) quote = make_packet (IPPROTO_UDP, LOCAL, quoted, inner);
  GByteArray *error = g_byte_array_new ();
  guint32 sum = 0;

  append_u16 (error, 0x0304);
  append_u16 (error, 0);
  append_u16 (error, 0);
  append_u16 (error, 1400);
  g_byte_array_append (error, quote->data, 28);
  for (guint i = 0; i < error->len; i += 2)
    sum += (guint32)error->data[i] << 8 | error->data[i + 1];
  sum = (sum & 0xffff) + (sum >> 16);
  sum = ~((sum & 0xffff) + (sum >> 16)) & 0xffff;
  error->data[2] = (guint8)(sum >> 8);
  error->data[3] = (guint8)sum;
  return error;
}

/* The far end sends @payload (consumed) as from @source. */
static void
inject_to (const char *destination, guint8 protocol, const char *source, GByteArray *payload)
{
  g_autoptr (GByteArray) packet = make_packet (protocol, source, destination, payload);
  struct sockaddr_storage remote;
  socklen_t length = fill_sockaddr (&remote, destination, 0);
  int fd;

  enter (far_namespace);
  fd = socket (AF_INET, SOCK_RAW | SOCK_CLOEXEC, IPPROTO_RAW);
  g_assert_cmpint (fd, >=, 0);
  g_assert_cmpint (sendto (fd, packet->data, packet->len, 0, (struct sockaddr *)&remote, length), ==, packet->len);
  close (fd);
  enter (own_namespace);
  g_byte_array_unref (payload);
}

/* Whether what the far end sends reaches a socket here; one of the two must happen. */
static gboolean
arrives_at (const char *destination, int fd, guint8 protocol, const char *source, GByteArray *payload)
{
  struct pollfd poll_fd = { .fd = fd, .events = POLLIN };
  guint64 stopped = counter ("stopped-in");
  guint8 packet[256];

  while (recv (fd, packet, sizeof packet, MSG_DONTWAIT) >= 0)
    ;
  inject_to (destination, protocol, source, payload);
  for (gint64 end = g_get_monotonic_time () + PATIENCE_MS * 1000; g_get_monotonic_time () < end;)
    {
      if (poll (&poll_fd, 1, 10) == 1)
        return TRUE;
      if (counter ("stopped-in") > stopped)
        return FALSE;
    }
  g_error ("neither arrived nor counted as stopped");
}

static gboolean
arrives (int fd, guint8 protocol, const char *source, GByteArray *payload)
{
  return arrives_at (LOCAL, fd, protocol, source, payload);
}

static int
listen_on (int type, int protocol, guint16 port)
{
  struct sockaddr_storage local;
  socklen_t length = fill_sockaddr (&local, "0.0.0.0", port);
  int fd = socket (AF_INET, type | SOCK_CLOEXEC, protocol);

  g_assert_cmpint (fd, >=, 0);
  g_assert_cmpint (bind (fd, (struct sockaddr *)&local, length), ==, 0);
  return fd;
}

/* ------------------------------------------------------------------------- tests ---- */

static gboolean
skipped (void)
{
  if (have_namespaces)
    return FALSE;
  g_test_skip ("network namespaces need root: run sudo ./tests/run");
  return TRUE;
}

/*
 * covers: R5266-TRF-001, R5266-TRF-003, R5266-TRF-004, R5266-DET-011, R5266-MODE-011
 */
static void
test_closed_passes_signalling_only (void)
{
  static const TunnelMode modes[] = { TUNNEL_MODE_BLOCKED, TUNNEL_MODE_HOLD, TUNNEL_MODE_MC };
  TunnelGateCounters counters;
  TunnelGateIo *gate = NULL;
  guint64 stopped, passed;
  g_autoptr (GError) error = NULL;

  if (skipped ())
    return;
  gate = new_gate ();
  for (gsize i = 0; i < G_N_ELEMENTS (modes); i++)
    {
      set_mode (gate, modes[i]);
      assert_nothing_in_clear ();
      assert_signalling_passes ();
    }
  stopped = counter ("stopped") + counter ("stopped-in");
  passed = counter ("passed");
  g_assert_true (tunnel_gate_io_get_counters (gate, &counters, &error));
  g_assert_no_error (error);
  /* The kernel's own neighbour discovery may come in between. */
  g_assert_cmpuint (counters.stopped_packets, >=, stopped);
  g_assert_cmpuint (counters.stopped_packets, <=, counter ("stopped") + counter ("stopped-in"));
  g_assert_cmpuint (counters.passed_packets, >=, passed);
  g_assert_cmpuint (counters.passed_packets, <=, counter ("passed"));
  g_assert_cmpuint (counters.stopped_packets, >=, 3 * 14);
  g_assert_cmpuint (counters.passed_packets, >=, 3 * 8);
  g_assert_cmpuint (counters.stopped_octets, >=, 3 * 14 * 40);
  tunnel_gate_io_free (gate, TRUE);
}

/*
 * roamd's own socket carries registration and no data, unless in C with a tunnel in UDP, and then there is no other.
 * covers: R5266-DET-012, R5266-MODE-011, MIP-NAT-015
 */
static void
test_own_socket_is_no_tunnel (void)
{
  Packet data = { SOCK_DGRAM, 0, LOCAL, HOME_AGENT, 0, 434, OWN_MARK, TUNNEL_DATA };
  TunnelGateIo *gate = NULL;

  if (skipped ())
    return;
  gate = new_gate ();
  g_assert_false (send_packet (&data));
  set_mode (gate, TUNNEL_MODE_MC);
  g_assert_false (send_packet (&data));
  set_c_udp_on (gate, "eth1");
  g_assert_false (send_packet (&data));
  set_mode (gate, TUNNEL_MODE_C);
  g_assert_false (send_packet (&data));
  set_c_udp_on (gate, "eth0");
  g_assert_true (send_packet (&data));
  g_assert_false (ipip (LOCAL, HOME_AGENT));
  data.mark = 0;
  g_assert_false (send_packet (&data));
  data.mark = OWN_MARK;
  data.destination = STRANGER;
  g_assert_false (send_packet (&data));
  data.first_octet = REGISTRATION_REQUEST;
  g_assert_false (send_packet (&data));
  tunnel_gate_io_free (gate, TRUE);
}

/* covers: R5266-DET-023 */
static void
test_home_opens_one_interface_for_the_home_address (void)
{
  TunnelGateIo *gate = NULL;

  if (skipped ())
    return;
  gate = new_gate ();
  set_mode_on (gate, TUNNEL_MODE_HOME, "eth1");
  assert_nothing_in_clear ();
  set_mode (gate, TUNNEL_MODE_HOME);
  g_assert_true (udp (HOME, STRANGER, 80, 0));
  g_assert_true (raw (IPPROTO_ICMP, HOME, STRANGER, 0));
  g_assert_false (udp (LOCAL, STRANGER, 80, 0));
  g_assert_false (udp ("2001:db8::5", "2001:db8::1", 53, 0));
  g_assert_false (ipip (LOCAL, HOME_AGENT));
  set_mode (gate, TUNNEL_MODE_HOLD);
  assert_nothing_in_clear ();
  tunnel_gate_io_free (gate, TRUE);
}

/* covers: R5266-DET-023 */
static void
test_c_opens_ip_in_ip_to_the_home_agent (void)
{
  TunnelGateIo *gate = NULL;

  if (skipped ())
    return;
  gate = new_gate ();
  set_mode_on (gate, TUNNEL_MODE_C, "eth1");
  g_assert_false (ipip (LOCAL, HOME_AGENT));
  set_mode (gate, TUNNEL_MODE_C);
  g_assert_true (ipip (LOCAL, HOME_AGENT));
  g_assert_false (ipip (HOME, HOME_AGENT));
  g_assert_false (ipip (LOCAL, STRANGER));
  g_assert_false (udp (HOME, STRANGER, 80, 0));
  g_assert_false (udp (LOCAL, STRANGER, 80, 0));
  g_assert_false (udp (LOCAL, HOME_AGENT, 80, 0));
  set_mode (gate, TUNNEL_MODE_MC);
  g_assert_false (ipip (LOCAL, HOME_AGENT));
  tunnel_gate_io_free (gate, TRUE);
}

/* covers: R5266-TRF-005 */
static void
test_survives_a_killed_process_and_is_taken_over_closed (void)
{
  static const TunnelMode modes[] = { TUNNEL_MODE_BLOCKED, TUNNEL_MODE_MC };
  TunnelGateIo *gate = NULL;

  if (skipped ())
    return;
  for (gsize i = 0; i < G_N_ELEMENTS (modes); i++)
    {
      int status = 0;
      pid_t child = fork ();

      g_assert_cmpint (child, >=, 0);
      if (child == 0)
        {
          gate = new_gate ();
          set_mode (gate, modes[i]);
          kill (getpid (), SIGKILL);
        }
      g_assert_cmpint (waitpid (child, &status, 0), ==, child);
      g_assert_true (WIFSIGNALED (status));
      assert_nothing_in_clear ();
    }
  gate = new_gate ();
  set_mode (gate, TUNNEL_MODE_HOME);
  tunnel_gate_io_free (gate, FALSE);
  assert_nothing_in_clear ();
  tunnel_gate_io_free (new_gate (), TRUE);
  g_assert_true (udp (LOCAL, STRANGER, 80, 0));
}

/* A gate that a killed run left open is closed by the next one, in the transaction that replaces it. */
static void
test_open_gate_is_taken_over_closed (void)
{
  TunnelGateIo *left = NULL, *gate = NULL;

  if (skipped ())
    return;
  left = new_gate ();
  set_mode (left, TUNNEL_MODE_HOME);
  gate = new_gate ();
  assert_nothing_in_clear ();
  /* The earlier one's idea of the table is wrong now; what it does ends where it should all the same. */
  set_mode (left, TUNNEL_MODE_BLOCKED);
  assert_nothing_in_clear ();
  tunnel_gate_io_free (left, FALSE);
  tunnel_gate_io_free (gate, TRUE);
}

/* Somebody empties the sets, or takes the table away: the next change still ends where it should. */
static void
test_tampering_is_mended (void)
{
  TunnelGateIo *gate = NULL;
  TunnelGateCounters counters = { .passed_packets = 77 };
  g_autoptr (GError) error = NULL;

  if (skipped ())
    return;
  gate = new_gate ();
  set_mode (gate, TUNNEL_MODE_C);
  shell ("nft flush set inet roamd c_tunnel");
  set_mode (gate, TUNNEL_MODE_HOME);
  g_assert_true (udp (HOME, STRANGER, 80, 0));
  shell ("nft delete table inet roamd");
  g_assert_false (tunnel_gate_io_get_counters (gate, &counters, &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_NOT_FOUND);
  g_assert_cmpuint (counters.passed_packets, ==, 77);
  set_mode (gate, TUNNEL_MODE_C);
  g_assert_true (ipip (LOCAL, HOME_AGENT));
  g_assert_false (udp (HOME, STRANGER, 80, 0));
  tunnel_gate_io_free (gate, TRUE);
}

static void
test_unusable_names_close (void)
{
  TunnelGateState state = { .mode = TUNNEL_MODE_HOME, .ifname = "eth*" };
  TunnelGateIo *gate = NULL;
  g_autoptr (GError) error = NULL;

  if (skipped ())
    return;
  gate = new_gate ();
  set_mode (gate, TUNNEL_MODE_HOME);
  g_assert_false (tunnel_gate_io_apply (gate, &state, &error));
  g_assert_nonnull (error);
  assert_nothing_in_clear ();
  set_mode (gate, TUNNEL_MODE_HOME);
  g_assert_true (udp (HOME, STRANGER, 80, 0));
  tunnel_gate_io_free (gate, TRUE);
}

/* covers: R5266-TRF-008, MIP-NAT-015 */
static void
test_inbound_tunnel_is_stopped_unless_c (void)
{
  TunnelGateIo *gate = NULL;
  int tunnel, registration;

  if (skipped ())
    return;
  gate = new_gate ();
  tunnel = listen_on (SOCK_RAW, IPPROTO_IPIP, 0);
  registration = listen_on (SOCK_DGRAM, 0, 5434);
  for (guint i = 0; i < 4; i++)
    {
      static const TunnelMode modes[] = { TUNNEL_MODE_BLOCKED, TUNNEL_MODE_C, TUNNEL_MODE_MC, TUNNEL_MODE_HOLD };
      gboolean c = modes[i] == TUNNEL_MODE_C;

      set_mode (gate, modes[i]);
      g_assert_cmpint (arrives (tunnel, IPPROTO_IPIP, HOME_AGENT, make_udp (1, 2, 3)), ==, c);
      g_assert_false (arrives (registration, IPPROTO_UDP, HOME_AGENT, make_udp (434, 5434, TUNNEL_DATA)));
      if (c)
        {
          set_mode (gate, TUNNEL_MODE_HOLD);
          set_c_udp_on (gate, "eth0");
          g_assert_true (arrives (registration, IPPROTO_UDP, HOME_AGENT, make_udp (434, 5434, TUNNEL_DATA)));
          g_assert_false (arrives (tunnel, IPPROTO_IPIP, HOME_AGENT, make_udp (1, 2, 3)));
        }
      g_assert_true (arrives (registration, IPPROTO_UDP, HOME_AGENT, make_udp (434, 5434, REGISTRATION_REPLY)));
      g_assert_false (arrives (tunnel, IPPROTO_IPIP, STRANGER, make_udp (1, 2, 3)));
      g_assert_false (arrives (registration, IPPROTO_UDP, STRANGER, make_udp (434, 5434, REGISTRATION_REPLY)));
    }
  close (tunnel);
  close (registration);
  tunnel_gate_io_free (gate, TRUE);
}

/*
 * From one proved path to the next: what is under way to the old care-of address comes in for two seconds, unless
 * trust ends.
 */
static void
test_late_packets (void)
{
  TunnelGateState other = { .mode = TUNNEL_MODE_C, .ifname = "eth1", .care_of_address = addr (STRANGER) };
  TunnelGateIo *gate = NULL;
  int tunnel;

  if (skipped ())
    return;
  gate = new_gate ();
  tunnel = listen_on (SOCK_RAW, IPPROTO_IPIP, 0);
  set_mode (gate, TUNNEL_MODE_C);
  g_assert_true (tunnel_gate_io_apply (gate, &other, NULL));
  g_assert_true (arrives (tunnel, IPPROTO_IPIP, HOME_AGENT, make_udp (1, 2, 3)));
  g_assert_false (ipip (LOCAL, HOME_AGENT));
  set_mode (gate, TUNNEL_MODE_HOLD);
  g_assert_false (arrives (tunnel, IPPROTO_IPIP, HOME_AGENT, make_udp (1, 2, 3)));
  /* By itself: the kernel's clock, two seconds. */
  set_mode (gate, TUNNEL_MODE_C);
  g_assert_true (tunnel_gate_io_apply (gate, &other, NULL));
  g_usleep (2200000);
  g_assert_false (arrives (tunnel, IPPROTO_IPIP, HOME_AGENT, make_udp (1, 2, 3)));
  close (tunnel);
  tunnel_gate_io_free (gate, TRUE);
}

/*
 * What the agent's link-layer address sends to the home address comes in, and nothing else; the IP stack sends
 * nothing. A redirect to another router is not heard even then.
 * covers: R5266-TRF-008, R5266-DET-023, MIP-HOM-015
 */
static void
test_f_hears_the_agent_only (void)
{
  TunnelGateState state = { .mode = TUNNEL_MODE_F, .ifname = "eth0", .agent = addr (FAR) };
  TunnelGateIo *gate = NULL;
  int any, icmp;

  if (skipped ())
    return;
  gate = new_gate ();
  any = listen_on (SOCK_DGRAM, 0, 7000);
  icmp = listen_on (SOCK_RAW, IPPROTO_ICMP, 0);
  read_far_address (state.agent_link_layer);
  g_assert_false (arrives_at (HOME, any, IPPROTO_UDP, STRANGER, make_udp (80, 7000, 0)));
  /* What only looks like a reply reaches no other service. */
  g_assert_false (arrives_at (HOME, any, IPPROTO_UDP, STRANGER, make_udp (434, 7000, REGISTRATION_REPLY)));
  /* The registration with it comes before. */
  close (any);
  any = listen_on (SOCK_DGRAM, 0, 434);
  g_assert_true (arrives_at (HOME, any, IPPROTO_UDP, FAR, make_udp (434, 434, REGISTRATION_REPLY)));
  g_assert_false (arrives_at (HOME, any, IPPROTO_UDP, FAR, make_udp (434, 434, TUNNEL_DATA)));
  close (any);
  any = listen_on (SOCK_DGRAM, 0, 7000);
  g_assert_true (tunnel_gate_io_apply (gate, &state, NULL));
  g_assert_true (arrives_at (HOME, any, IPPROTO_UDP, STRANGER, make_udp (80, 7000, 0)));
  g_assert_true (arrives_at (HOME, icmp, IPPROTO_ICMP, FAR, make_icmp (8)));
  g_assert_false (arrives_at (HOME, icmp, IPPROTO_ICMP, FAR, make_icmp (5)));
  g_assert_false (arrives (any, IPPROTO_UDP, STRANGER, make_udp (80, 7000, 0)));
  assert_nothing_in_clear ();
  /* Another station of the link, which has the agent's IP address if it likes. */
  state.agent_link_layer[5] ^= 1;
  set_mode (gate, TUNNEL_MODE_HOLD);
  g_assert_true (tunnel_gate_io_apply (gate, &state, NULL));
  g_assert_false (arrives_at (HOME, any, IPPROTO_UDP, STRANGER, make_udp (80, 7000, 0)));
  set_mode (gate, TUNNEL_MODE_HOLD);
  g_assert_false (arrives_at (HOME, any, IPPROTO_UDP, STRANGER, make_udp (80, 7000, 0)));
  close (any);
  close (icmp);
  tunnel_gate_io_free (gate, TRUE);
}

/* covers: R5266-TRF-003, R5266-TRF-004 */
static void
test_inbound_signalling (void)
{
  TunnelGateIo *gate = NULL;
  int any;

  if (skipped ())
    return;
  gate = new_gate ();
  any = listen_on (SOCK_DGRAM, 0, 7000);
  g_assert_true (arrives (any, IPPROTO_UDP, GATEWAY, make_udp (4500, 7000, 0)));
  g_assert_true (arrives (any, IPPROTO_UDP, GATEWAY, make_udp (500, 7000, 0)));
  g_assert_true (arrives (any, IPPROTO_UDP, EXEMPT, make_udp (80, 7000, 0)));
  g_assert_false (arrives (any, IPPROTO_UDP, GATEWAY, make_udp (80, 7000, 0)));
  g_assert_false (arrives (any, IPPROTO_UDP, STRANGER, make_udp (4500, 7000, 0)));
  g_assert_false (arrives (any, IPPROTO_UDP, HOME_AGENT, make_udp (80, 7000, 0)));
  /* An answer of a name server needs a question of roamd's own, from that very port. */
  g_assert_false (arrives (any, IPPROTO_UDP, NAME_SERVER, make_udp (53, 7000, 0)));
  close (any);
  g_assert_true (send_packet (&(Packet){ SOCK_DGRAM, 0, LOCAL, NAME_SERVER, 7000, 53, OWN_MARK }));
  any = listen_on (SOCK_DGRAM, 0, 7000);
  g_assert_true (arrives (any, IPPROTO_UDP, NAME_SERVER, make_udp (53, 7000, 0)));
  g_assert_false (arrives (any, IPPROTO_UDP, STRANGER, make_udp (53, 7000, 0)));
  close (any);
  tunnel_gate_io_free (gate, TRUE);
}

/* Path MTU about what passes is heard, other errors are not. */
static void
test_inbound_errors (void)
{
  TunnelGateIo *gate = NULL;
  int icmp;

  if (skipped ())
    return;
  gate = new_gate ();
  icmp = listen_on (SOCK_RAW, IPPROTO_ICMP, 0);
  g_assert_true (arrives (icmp, IPPROTO_ICMP, FAR, make_icmp_error (GATEWAY)));
  g_assert_true (arrives (icmp, IPPROTO_ICMP, FAR, make_icmp_error (HOME_AGENT)));
  g_assert_true (arrives (icmp, IPPROTO_ICMP, FAR, make_icmp_error (EXEMPT)));
  g_assert_false (arrives (icmp, IPPROTO_ICMP, FAR, make_icmp_error (STRANGER)));
  close (icmp);
  tunnel_gate_io_free (gate, TRUE);
}

/* Other gateways, while a mode is open: they pass, those before do not, the mode stays. */
static void
test_other_gateways (void)
{
  const RoamAddr others[] = { addr (STRANGER), addr ("2001:db8::1") };
  TunnelGateIo *gate = NULL;
  g_autoptr (GError) error = NULL;
  int icmp;

  if (skipped ())
    return;
  gate = new_gate ();
  set_mode (gate, TUNNEL_MODE_C);
  icmp = listen_on (SOCK_RAW, IPPROTO_ICMP, 0);
  g_assert_true (tunnel_gate_io_set_gateways (gate, others, G_N_ELEMENTS (others), &error));
  g_assert_no_error (error);
  g_assert_true (udp (LOCAL, STRANGER, 500, OWN_MARK));
  g_assert_true (udp (LOCAL, STRANGER, 4500, OWN_MARK));
  g_assert_true (udp ("2001:db8::5", "2001:db8::1", 500, OWN_MARK));
  g_assert_false (udp (LOCAL, STRANGER, 4500, 0));
  g_assert_false (udp (LOCAL, GATEWAY, 500, OWN_MARK));
  g_assert_false (udp ("2001:db8::5", "2001:db8::1", 53, 0));
  g_assert_true (ipip (LOCAL, HOME_AGENT));
  g_assert_true (arrives (icmp, IPPROTO_ICMP, FAR, make_icmp_error (STRANGER)));
  g_assert_true (arrives (icmp, IPPROTO_ICMP, FAR, make_icmp_error (HOME_AGENT)));
  g_assert_false (arrives (icmp, IPPROTO_ICMP, FAR, make_icmp_error (GATEWAY)));
  g_assert_true (tunnel_gate_io_set_gateways (gate, NULL, 0, &error));
  g_assert_false (udp (LOCAL, STRANGER, 500, OWN_MARK));
  close (icmp);
  tunnel_gate_io_free (gate, TRUE);
}

/* Whether the first packet of a connection leaves; one of two counters says so. */
static gboolean
tcp_connects (const char *destination, guint16 port, int mark)
{
  struct sockaddr_storage local, remote;
  socklen_t local_length = fill_sockaddr (&local, LOCAL, 0);
  socklen_t remote_length = fill_sockaddr (&remote, destination, port);
  guint64 passed = counter ("passed"), stopped = counter ("stopped");
  int fd = socket (AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

  g_assert_cmpint (setsockopt (fd, SOL_SOCKET, SO_MARK, &mark, sizeof mark), ==, 0);
  g_assert_cmpint (bind (fd, (struct sockaddr *)&local, local_length), ==, 0);
  g_assert_cmpint (connect (fd, (struct sockaddr *)&remote, remote_length), ==, -1);
  close (fd);
  passed = counter ("passed") - passed;
  g_assert_true (passed > 0 || counter ("stopped") > stopped);
  return passed > 0;
}

#define TCP_SYN 0x02
#define TCP_ACK 0x10

/* A header alone, to a port that nobody listens on. */
static GByteArray *
make_tcp (guint16 source_port, guint8 flags)
{
  GByteArray *segment = g_byte_array_new ();

  append_u16 (segment, source_port);
  append_u16 (segment, 7000);
  for (guint i = 0; i < 4; i++)
    append_u16 (segment, 0);
  append_u16 (segment, (guint16)(0x5000 | flags));
  for (guint i = 0; i < 3; i++)
    append_u16 (segment, 0);
  return segment;
}

/* TCP of roamd's own to one server, for as long as it fetches; what comes back is no new connection. */
static void
test_fetch (void)
{
  const RoamEndpoint server = { addr (STRANGER), 80 }, server6 = { addr ("2001:db8::1"), 8080 };
  g_autoptr (GByteArray) packet = NULL;
  TunnelGateIo *gate = NULL;
  g_autoptr (GError) error = NULL;
  int tcp;

  if (skipped ())
    return;
  gate = new_gate ();
  tcp = listen_on (SOCK_RAW, IPPROTO_TCP, 0);
  g_assert_false (tcp_connects (STRANGER, 80, OWN_MARK));
  g_assert_true (tunnel_gate_io_set_fetch (gate, &server, TRUE, &error));
  g_assert_true (tunnel_gate_io_set_fetch (gate, &server6, TRUE, &error));
  g_assert_no_error (error);
  g_assert_true (tcp_connects (STRANGER, 80, OWN_MARK));
  g_assert_false (tcp_connects (STRANGER, 80, 0));
  g_assert_false (tcp_connects (STRANGER, 81, OWN_MARK));
  g_assert_false (tcp_connects (FAR, 80, OWN_MARK));
  g_assert_true (arrives (tcp, IPPROTO_TCP, STRANGER, make_tcp (80, TCP_SYN | TCP_ACK)));
  g_assert_true (arrives (tcp, IPPROTO_TCP, STRANGER, make_tcp (80, TCP_ACK)));
  g_assert_false (arrives (tcp, IPPROTO_TCP, STRANGER, make_tcp (80, TCP_SYN)));
  g_assert_false (arrives (tcp, IPPROTO_TCP, FAR, make_tcp (80, TCP_ACK)));
  g_assert_true (tunnel_gate_io_set_fetch (gate, &server, FALSE, &error));
  g_assert_false (tcp_connects (STRANGER, 80, OWN_MARK));
  g_assert_false (arrives (tcp, IPPROTO_TCP, STRANGER, make_tcp (80, TCP_ACK)));
  /* Twice is no harm. */
  g_assert_true (tunnel_gate_io_set_fetch (gate, &server, FALSE, &error));
  g_assert_no_error (error);
  close (tcp);
  tunnel_gate_io_free (gate, TRUE);
}

/* What a container would send through this machine is stopped as well. covers: R5266-TRF-003 */
static void
test_forwarded (void)
{
  TunnelGateIo *gate = NULL;
  guint64 stopped;

  if (skipped ())
    return;
  gate = new_gate ();
  shell ("echo 1 > /proc/sys/net/ipv4/ip_forward");
  stopped = counter ("stopped");
  set_mode_on (gate, TUNNEL_MODE_HOME, "eth1");
  shell ("ip route add " STRANGER "/32 via 192.0.2.9 dev eth1 onlink");
  inject_to (STRANGER, IPPROTO_UDP, HOME_AGENT, make_udp (1000, 2000, 0));
  for (gint64 end = g_get_monotonic_time () + PATIENCE_MS * 1000;
       counter ("stopped") == stopped && g_get_monotonic_time () < end;)
    g_thread_yield ();
  g_assert_cmpuint (counter ("stopped"), ==, stopped + 1);
  shell ("ip route delete " STRANGER "/32; echo 0 > /proc/sys/net/ipv4/ip_forward");
  tunnel_gate_io_free (gate, TRUE);
}

static int
compare_times (const void *a, const void *b)
{
  gint64 x = *(const gint64 *)a, y = *(const gint64 *)b;

  return x < y ? -1 : x > y;
}

/* Not a test of speed, which is the machine's affair, but the figure for the record; each step must succeed. */
static void
test_cost (void)
{
  gint64 opening[200], closing[200], counting[200];
  TunnelGateCounters counters;
  TunnelGateIo *gate = NULL;

  if (skipped ())
    return;
  gate = new_gate ();
  for (gsize i = 0; i < G_N_ELEMENTS (opening); i++)
    {
      gint64 start = g_get_monotonic_time ();

      set_mode (gate, TUNNEL_MODE_C);
      opening[i] = g_get_monotonic_time () - start;
      start = g_get_monotonic_time ();
      set_mode (gate, TUNNEL_MODE_BLOCKED);
      closing[i] = g_get_monotonic_time () - start;
    }
  for (gsize i = 0; i < G_N_ELEMENTS (counting); i++)
    {
      gint64 start = g_get_monotonic_time ();

      g_assert_true (tunnel_gate_io_get_counters (gate, &counters, NULL));
      counting[i] = g_get_monotonic_time () - start;
    }
  qsort (opening, G_N_ELEMENTS (opening), sizeof opening[0], compare_times);
  qsort (closing, G_N_ELEMENTS (closing), sizeof closing[0], compare_times);
  qsort (counting, G_N_ELEMENTS (counting), sizeof counting[0], compare_times);
  g_test_message ("median of 200: open %" G_GINT64_FORMAT " us, close %" G_GINT64_FORMAT
                  " us, counters %" G_GINT64_FORMAT " us",
                  opening[100], closing[100], counting[100]);
  tunnel_gate_io_free (gate, TRUE);
}

int
main (int argc, char **argv)
{
  int result;

  g_test_init (&argc, &argv, NULL);
  have_namespaces = unshare (CLONE_NEWNET) == 0;
  if (have_namespaces)
    build_network ();
  g_test_add_func ("/tunnel/gate-io/closed", test_closed_passes_signalling_only);
  g_test_add_func ("/tunnel/gate-io/own-socket", test_own_socket_is_no_tunnel);
  g_test_add_func ("/tunnel/gate-io/home", test_home_opens_one_interface_for_the_home_address);
  g_test_add_func ("/tunnel/gate-io/c", test_c_opens_ip_in_ip_to_the_home_agent);
  g_test_add_func ("/tunnel/gate-io/killed", test_survives_a_killed_process_and_is_taken_over_closed);
  g_test_add_func ("/tunnel/gate-io/taken-over", test_open_gate_is_taken_over_closed);
  g_test_add_func ("/tunnel/gate-io/tampering", test_tampering_is_mended);
  g_test_add_func ("/tunnel/gate-io/unusable-names", test_unusable_names_close);
  g_test_add_func ("/tunnel/gate-io/inbound-tunnel", test_inbound_tunnel_is_stopped_unless_c);
  g_test_add_func ("/tunnel/gate-io/late", test_late_packets);
  g_test_add_func ("/tunnel/gate-io/f", test_f_hears_the_agent_only);
  g_test_add_func ("/tunnel/gate-io/inbound-signalling", test_inbound_signalling);
  g_test_add_func ("/tunnel/gate-io/inbound-errors", test_inbound_errors);
  g_test_add_func ("/tunnel/gate-io/other-gateways", test_other_gateways);
  g_test_add_func ("/tunnel/gate-io/fetch", test_fetch);
  g_test_add_func ("/tunnel/gate-io/forwarded", test_forwarded);
  g_test_add_func ("/tunnel/gate-io/cost", test_cost);
  result = g_test_run ();
  if (have_namespaces)
    {
      kill (peer, SIGKILL);
      waitpid (peer, NULL, 0);
    }
  return result;
}
