/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "lab.h"

#include "tunnel/tunnel-octets-private.h"

#include <fcntl.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <poll.h>
#include <sched.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* ------------------------------------------------------------------------ set-up ---- */

char *
lab_output (const char *format, ...)
{
  g_autofree char *command = NULL, *complaint = NULL;
  g_autoptr (GError) error = NULL;
  char *output = NULL;
  int status;
  va_list arguments;

  va_start (arguments, format);
  command = g_strdup_vprintf (format, arguments);
  va_end (arguments);
  if (!g_spawn_command_line_sync (command, &output, &complaint, &status, &error) || status != 0)
    g_error ("%s: %s", command, error != NULL ? error->message : complaint);
  return output;
}

void
lab_run (const char *format, ...)
{
  g_autofree char *command = NULL, *output = NULL;
  va_list arguments;

  va_start (arguments, format);
  command = g_strdup_vprintf (format, arguments);
  va_end (arguments);
  output = lab_output ("%s", command);
}

static int
open_namespace (void)
{
  int fd = open ("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC);

  g_assert_cmpint (fd, >=, 0);
  return fd;
}

static void
enter (int ns)
{
  g_assert_cmpint (setns (ns, CLONE_NEWNET), ==, 0);
}

static void
connect_namespaces (Lab *lab)
{
  for (guint i = 0; i < 2; i++)
    {
      g_autofree char *name = g_strdup_printf ("a%u", i);

      lab_run ("ip link add a%u type veth peer name b%u netns /proc/%d/fd/%d", i, i, getpid (), lab->ns_b);
      lab_run ("ip address add %s dev a%u", i == 0 ? "198.51.100.50/24" : "198.18.2.50/24", i);
      lab_run ("ip link set a%u up", i);
      lab->links[i] = (int)if_nametoindex (name);
    }
  lab_run ("ip link set lo up");
  lab_run ("ip route add default via 198.51.100.1 dev a0");
  lab_run ("ip route add default via 198.18.2.1 dev a1 metric 200");
}

static void
fill_b (void)
{
  static const char *const addresses[] = { "203.0.113.2/32 dev lo", "10.1.0.2/32 dev lo", "10.4.0.10/32 dev lo",
                                           "198.51.100.1/24 dev b0", "198.18.2.1/24 dev b1" };

  for (gsize i = 0; i < G_N_ELEMENTS (addresses); i++)
    lab_run ("ip address add %s", addresses[i]);
  lab_run ("ip link set lo up");
  lab_run ("ip link set b0 up");
  lab_run ("ip link set b1 up");
  /* The home address, for the mode in which it is on the link. */
  lab_run ("ip route add 10.1.0.100/32 dev b0");
}

static int
open_bound (int type, int protocol, guint32 addr, guint16 port)
{
  struct sockaddr_in name;
  RoamAddr local = roam_addr_from_u32 (addr);
  int fd = socket (AF_INET, type | SOCK_CLOEXEC, protocol), one = 1;

  g_assert_cmpint (fd, >=, 0);
  tunnel_sockaddr_from_endpoint (&name, &local, port);
  g_assert_cmpint (bind (fd, (const struct sockaddr *)&name, sizeof name), ==, 0);
  g_assert_cmpint (setsockopt (fd, SOL_SOCKET, SO_RCVBUFFORCE, &(int){ 8 << 20 }, sizeof (int)), ==, 0);
  if (protocol == IPPROTO_IPIP)
    g_assert_cmpint (setsockopt (fd, IPPROTO_IP, IP_HDRINCL, &one, sizeof one), ==, 0);
  return fd;
}

static void
open_peer (Lab *lab)
{
  lab->udp = open_bound (SOCK_DGRAM, IPPROTO_UDP, LAB_GATEWAY, 4500);
  lab->ipip = open_bound (SOCK_RAW, IPPROTO_IPIP, LAB_HA, 0);
  lab->esp = open_bound (SOCK_RAW, IPPROTO_ESP, LAB_GATEWAY, 0);
  /* Protocol in network order, as packet(7) wants it. */
  lab->capture = socket (AF_PACKET, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, ETH_P_IP << 8 | ETH_P_IP >> 8);
  g_assert_cmpint (lab->capture, >=, 0);
  /* It hears everything and is read late. */
  g_assert_cmpint (setsockopt (lab->capture, SOL_SOCKET, SO_RCVBUFFORCE, &(int){ 16 << 20 }, sizeof (int)), ==, 0);
}

static RoamSecret *
make_key (guint8 fill, gsize length)
{
  guint8 octets[64];

  memset (octets, fill, sizeof octets);
  return roam_secret_new (octets, length);
}

/* SA 1 is AES-GCM, SA 2 AES-CBC with HMAC: a rekey that changes the suite as well. */
static void
make_sas (Lab *lab, guint i)
{
  TunnelSa *mine = g_new0 (TunnelSa, 1);
  g_autoptr (TunnelSa) theirs = g_new0 (TunnelSa, 1);
  gsize encr_key = i == 0 ? 36 : 32;

  mine->references = 1;
  mine->id = i + 1;
  mine->spi_in = 0x10000001 + i;
  mine->spi_out = 0x20000001 + i;
  mine->algorithm = i == 0 ? TUNNEL_ESP_AES_GCM_16 : TUNNEL_ESP_AES_CBC_HMAC_SHA2;
  mine->encr_bits = 256;
  mine->integ_bits = i == 0 ? 0 : 256;
  mine->encr_in = make_key ((guint8)(0x10 + i), encr_key);
  mine->encr_out = make_key ((guint8)(0x20 + i), encr_key);
  mine->integ_in = i == 0 ? NULL : make_key (0x30, 32);
  mine->integ_out = i == 0 ? NULL : make_key (0x40, 32);
  *theirs = *mine;
  theirs->references = 1;
  theirs->spi_in = mine->spi_out;
  theirs->spi_out = mine->spi_in;
  theirs->encr_in = roam_secret_ref (mine->encr_out);
  theirs->encr_out = roam_secret_ref (mine->encr_in);
  theirs->integ_in = i == 0 ? NULL : roam_secret_ref (mine->integ_out);
  theirs->integ_out = i == 0 ? NULL : roam_secret_ref (mine->integ_in);
  lab->sas[i] = mine;
  lab->peer_in[i] = tunnel_esp_in_new (theirs);
  lab->peer_out[i] = tunnel_esp_out_new (theirs, lab->rng);
}

Lab *
lab_new (void)
{
  Lab *lab = g_new0 (Lab, 1);

  lab->app = -1;
  lab->ns_test = open_namespace ();
  if (unshare (CLONE_NEWNET) < 0)
    {
      g_test_skip ("no right to make network namespaces (needs root)");
      close (lab->ns_test);
      g_free (lab);
      return NULL;
    }
  lab->ns_b = open_namespace ();
  g_assert_cmpint (unshare (CLONE_NEWNET), ==, 0);
  lab->ns_a = open_namespace ();
  connect_namespaces (lab);
  enter (lab->ns_b);
  fill_b ();
  open_peer (lab);
  enter (lab->ns_a);
  lab->rng = roam_rng_new_for_test (5266);
  make_sas (lab, 0);
  make_sas (lab, 1);
  return lab;
}

void
lab_free (Lab *lab)
{
  int fds[] = { lab->udp, lab->ipip, lab->esp, lab->capture, lab->app, lab->ns_a, lab->ns_b, lab->ns_test };

  tunnel_io_free (lab->io, FALSE);
  for (guint i = 0; i < 2; i++)
    {
      tunnel_esp_in_free (lab->peer_in[i]);
      tunnel_esp_out_free (lab->peer_out[i]);
      tunnel_sa_unref (lab->sas[i]);
    }
  roam_rng_free (lab->rng);
  enter (lab->ns_test);
  for (gsize i = 0; i < G_N_ELEMENTS (fds); i++)
    if (fds[i] >= 0)
      close (fds[i]);
  g_free (lab);
}

void
lab_start_io (Lab *lab, guint hold_packets)
{
  TunnelIoConfig config = { .tun_name = "roam0",
                            .home_address = roam_addr_from_u32 (LAB_HOA),
                            .home_agent = roam_addr_from_u32 (LAB_HA),
                            .hold_packets = hold_packets };
  g_autoptr (GError) error = NULL;

  lab->io = tunnel_io_new (&config, &error);
  g_assert_no_error (error);
  g_assert_nonnull (lab->io);
}

void
lab_open_app (Lab *lab)
{
  lab->app = open_bound (SOCK_DGRAM, IPPROTO_UDP, LAB_HOA, LAB_APP_PORT);
}

/* ------------------------------------------------------------------------- plans ---- */

void
lab_plan (Lab *lab, TunnelPlan *plan, TunnelMode mode, guint link)
{
  guint32 coa = link == 0 ? LAB_COA_0 : LAB_COA_1;

  tunnel_plan_clear (plan);
  plan->mode = mode;
  plan->ifindex = plan->esp_ifindex = lab->links[link];
  plan->mip_local = roam_addr_from_u32 (mode == TUNNEL_MODE_C ? coa : LAB_TIA);
  plan->next_hop = roam_addr_from_u32 (link == 0 ? 0xc6336401 : 0xc6120201);
  plan->esp_local = (RoamEndpoint){ roam_addr_from_u32 (coa), 4500 };
  plan->esp_remote = (RoamEndpoint){ roam_addr_from_u32 (LAB_GATEWAY), 4500 };
  plan->udp_encap = TRUE;
  plan->tia = roam_addr_from_u32 (LAB_TIA);
  /* Nobody's link-layer address: B's capture hears it all the same. */
  plan->agent = plan->next_hop;
  plan->agent_link_layer[0] = 0x02;
  plan->agent_link_layer[5] = 0xfa;
  plan->links[plan->n_links++] = lab->links[0];
  plan->links[plan->n_links++] = lab->links[1];
  plan->out_sa = 1;
  lab_plan_add_sa (lab, plan, 0);
}

void
lab_plan_add_sa (Lab *lab, TunnelPlan *plan, guint index)
{
  if (plan->sas == NULL)
    plan->sas = g_ptr_array_new_with_free_func ((GDestroyNotify)tunnel_sa_unref);
  g_ptr_array_add (plan->sas, tunnel_sa_ref (lab->sas[index]));
}

void
lab_apply (Lab *lab, const TunnelPlan *plan)
{
  g_autoptr (GError) error = NULL;
  gboolean applied = tunnel_io_apply (lab->io, plan, &error);

  g_assert_no_error (error);
  g_assert_true (applied);
}

/* ------------------------------------------------------------------- application ---- */

gboolean
lab_wait (int fd, int timeout_ms)
{
  struct pollfd entry = { .fd = fd, .events = POLLIN };

  return poll (&entry, 1, timeout_ms) == 1;
}

void
lab_app_send (Lab *lab, guint32 number)
{
  struct sockaddr_in target;
  RoamAddr cn = roam_addr_from_u32 (LAB_CN);
  guint8 octets[100] = { 0 };

  tunnel_put_u32 (octets, number);
  tunnel_sockaddr_from_endpoint (&target, &cn, LAB_CN_PORT);
  g_assert_cmpint (sendto (lab->app, octets, sizeof octets, 0, (const struct sockaddr *)&target, sizeof target), ==,
                   sizeof octets);
}

gint64
lab_app_receive (Lab *lab, int timeout_ms)
{
  guint8 octets[256];

  if (!lab_wait (lab->app, timeout_ms))
    return -1;
  g_assert_cmpint (recv (lab->app, octets, sizeof octets, 0), >=, 4);
  return tunnel_get_u32 (octets);
}

/* -------------------------------------------------------------------------- peer ---- */

/* The user's packet must come from the home address; its datagram's number is read. */
static void
read_inner (LabPacket *packet, guint8 *outer, gsize length, guint32 source)
{
  TunnelIp4 header, inner;

  g_assert_cmpint (tunnel_ip4_parse (outer, length, &header), ==, TUNNEL_DROP_NONE);
  packet->inner = NULL;
  packet->number = -1;
  if (header.protocol != TUNNEL_PROTOCOL_IPIP)
    {
      packet->inner = outer;
      packet->inner_length = header.total_length;
      return;
    }
  g_assert_cmphex (header.source, ==, source);
  g_assert_cmphex (header.destination, ==, LAB_HA);
  packet->inner = outer + header.header_length;
  packet->inner_length = header.total_length - header.header_length;
  g_assert_cmpint (tunnel_ip4_parse (packet->inner, packet->inner_length, &inner), ==, TUNNEL_DROP_NONE);
  g_assert_cmphex (inner.source, ==, LAB_HOA);
  if (inner.destination == LAB_CN && inner.protocol == TUNNEL_PROTOCOL_UDP && inner.total_length >= 32)
    packet->number = tunnel_get_u32 (packet->inner + 28);
}

void
lab_open_esp (Lab *lab, LabPacket *packet, guint8 *esp, gsize length)
{
  guint8 *plain = NULL, next_header = 0;
  gsize plain_length = 0;
  guint index;

  packet->length = length;
  packet->spi = tunnel_esp_get_spi (esp, length);
  index = packet->spi - 0x20000001;
  g_assert_cmpuint (index, <, 2);
  g_assert_cmpint (tunnel_esp_decrypt (lab->peer_in[index], esp, length, &plain, &plain_length, &next_header), ==,
                   TUNNEL_DROP_NONE);
  g_assert_cmpuint (next_header, ==, TUNNEL_NEXT_HEADER_IPV4);
  read_inner (packet, plain, plain_length, LAB_TIA);
}

gboolean
lab_peer_receive_esp (Lab *lab, gboolean raw, int timeout_ms, LabPacket *ret_packet)
{
  struct sockaddr_in name;
  socklen_t name_length = sizeof name;
  gsize header = raw ? 20 : 0;
  gssize length;

  if (!lab_wait (raw ? lab->esp : lab->udp, timeout_ms))
    return FALSE;
  length = recvfrom (raw ? lab->esp : lab->udp, ret_packet->octets, sizeof ret_packet->octets, 0,
                     (struct sockaddr *)&name, &name_length);
  g_assert_cmpint (length, >, header);
  ret_packet->outer_source = tunnel_get_u32 ((const guint8 *)&name.sin_addr);
  ret_packet->outer_port = tunnel_get_u16 ((const guint8 *)&name.sin_port);
  lab_open_esp (lab, ret_packet, ret_packet->octets + header, (gsize)length - header);
  return TRUE;
}

gboolean
lab_peer_receive_ipip (Lab *lab, int timeout_ms, LabPacket *ret_packet)
{
  gssize length;

  if (!lab_wait (lab->ipip, timeout_ms))
    return FALSE;
  length = recv (lab->ipip, ret_packet->octets, sizeof ret_packet->octets, 0);
  g_assert_cmpint (length, >=, 40);
  ret_packet->length = (gsize)length;
  ret_packet->outer_source = tunnel_get_u32 (ret_packet->octets + 12);
  ret_packet->spi = 0;
  read_inner (ret_packet, ret_packet->octets, (gsize)length, ret_packet->outer_source);
  return TRUE;
}

gsize
lab_make_datagram (guint8 *packet, guint32 number)
{
  TunnelIp4 header = {
    .ttl = 60, .protocol = TUNNEL_PROTOCOL_UDP, .total_length = 60, .source = LAB_CN, .destination = LAB_HOA
  };

  memset (packet, 0, header.total_length);
  tunnel_ip4_build (packet, &header);
  tunnel_put_u16 (packet + 20, LAB_CN_PORT);
  tunnel_put_u16 (packet + 22, LAB_APP_PORT);
  tunnel_put_u16 (packet + 24, 40);
  tunnel_put_u32 (packet + 28, number);
  return header.total_length;
}

gsize
lab_wrap (guint8 *packet, gsize length, guint32 source, guint32 destination)
{
  TunnelIp4 header = { .ttl = 60,
                       .protocol = TUNNEL_PROTOCOL_IPIP,
                       .total_length = (guint)length + 20,
                       .source = source,
                       .destination = destination };

  tunnel_ip4_build (packet - 20, &header);
  return header.total_length;
}

static void
send_to (int fd, guint32 target, guint16 port, const void *data, gsize length)
{
  struct sockaddr_in name;
  RoamAddr addr = roam_addr_from_u32 (target);

  tunnel_sockaddr_from_endpoint (&name, &addr, port);
  g_assert_cmpint (sendto (fd, data, length, 0, (const struct sockaddr *)&name, sizeof name), ==, (gssize)length);
}

void
lab_peer_send_udp (Lab *lab, guint32 target, const void *data, gsize length)
{
  send_to (lab->udp, target, 4500, data, length);
}

gsize
lab_make_esp (Lab *lab, guint index, const guint8 *plain, gsize length, guint8 packet[2048])
{
  guint8 buffer[2048];
  gsize packet_length;

  memcpy (buffer, plain, length);
  g_assert_cmpint (
    tunnel_esp_encrypt (lab->peer_out[index], TUNNEL_NEXT_HEADER_IPV4, buffer, length, packet, 2048, &packet_length),
    ==, TUNNEL_DROP_NONE);
  return packet_length;
}

void
lab_peer_send_esp (Lab *lab, guint index, gboolean raw, guint32 target, const guint8 *plain, gsize length)
{
  guint8 packet[2048];
  gsize packet_length = lab_make_esp (lab, index, plain, length, packet);

  send_to (raw ? lab->esp : lab->udp, target, raw ? 0 : 4500, packet, packet_length);
}

void
lab_peer_send_mc (Lab *lab, guint index, guint32 target, guint32 number)
{
  guint8 buffer[256], *packet = buffer + 64;
  gsize length = lab_wrap (packet, lab_make_datagram (packet, number), LAB_HA, LAB_TIA);

  lab_peer_send_esp (lab, index, FALSE, target, packet - 20, length);
}

void
lab_peer_send_c (Lab *lab, guint32 care_of_address, guint32 number)
{
  guint8 buffer[256], *packet = buffer + 64;
  gsize length = lab_wrap (packet, lab_make_datagram (packet, number), LAB_HA, care_of_address);

  send_to (lab->ipip, care_of_address, 0, packet - 20, length);
}

/* ------------------------------------------------------------------------- cases ---- */

void
lab_case (gconstpointer data)
{
  const LabBody *body = data;
  Lab *lab = lab_new ();

  if (lab == NULL)
    return;
  (*body) (lab);
  lab_free (lab);
}

TunnelIoStats
lab_stats (Lab *lab)
{
  TunnelIoStats stats;

  tunnel_io_get_stats (lab->io, &stats);
  return stats;
}

void
lab_start_in (Lab *lab, TunnelPlan *plan, TunnelMode mode)
{
  lab_start_io (lab, 0);
  lab_open_app (lab);
  lab_plan (lab, plan, mode, 0);
  lab_apply (lab, plan);
}

void
lab_expect_mc_up (Lab *lab, guint32 first, guint n, guint32 outer_source)
{
  LabPacket packet;

  for (guint32 number = first; number < first + n; number++)
    {
      g_assert_true (lab_peer_receive_esp (lab, FALSE, LAB_WAIT_MS, &packet));
      g_assert_cmpint (packet.number, ==, number);
      g_assert_cmphex (packet.outer_source, ==, outer_source);
      g_assert_cmpuint (packet.outer_port, ==, 4500);
    }
}
