/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "mip4/had-io-private.h"

#include <errno.h>
#include <linux/filter.h>
#include <linux/sock_diag.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

/*
 * UDP port 434 in batches, and fairly. All datagrams in one queue would make a valid request wait behind
 * whatever a flooding host had put there. So there are many sockets on the port; the kernel chooses one by
 * the source address alone (SO_REUSEPORT with a classic BPF program), each has its own queue, and each
 * pass takes its share from all that have something. A flood fills its own queue, and the rest overflows
 * in the kernel at the cost of the sender's processor.
 */

/* One in so many hosts shares the queue of a given other one. */
#define QUEUES 64u
/*
 * Octets a queue holds; the kernel counts some 800 for a request. 256 requests: what a foreign agent or a
 * NAT in front of many nodes sends while a commit of the store waits for the disk (10 ms at 25 000/s). A
 * longer queue would save nothing: what waits behind a flood of many sources waits that much longer.
 */
#define QUEUE_OCTETS (208 * 1024)
/* Datagrams a pass takes from one queue at least, however many have some: a system call each is too dear. */
#define SHARE_MIN 4u
/* UDP checksum: the kernel verifies it on receipt unless it is zero (RFC 5944 3.1; RFC 768), and always sends one. */

struct _HadUdp
{
  int fds[QUEUES + HAD_UDP_BROADCASTS];
  guint n_fds;
  int epoll_fd;
  RoamAddr address;
  guint8 (*buffers)[HAD_DATAGRAM_SIZE]; /* HAD_UDP_PASS of them */
  struct mmsghdr in[HAD_UDP_PASS], out[HAD_UDP_PASS];
  struct iovec in_vectors[HAD_UDP_PASS], out_vectors[HAD_UDP_PASS];
  struct sockaddr_in in_names[HAD_UDP_PASS], out_names[HAD_UDP_PASS];
  HadControl in_controls[HAD_UDP_PASS], out_controls[HAD_UDP_PASS];
  GBytes *out_bytes[HAD_UDP_PASS];
  guint n_out;
  guint64 received, truncated, sent, failed;
};

/* ------------------------------------------------------------------- receiving ---- */

static void
prepare (HadUdp *udp, guint i)
{
  struct msghdr *header = &udp->in[i].msg_hdr;

  udp->in_vectors[i] = (struct iovec){ udp->buffers[i], HAD_DATAGRAM_SIZE };
  *header = (struct msghdr){
    .msg_name = &udp->in_names[i],
    .msg_namelen = sizeof udp->in_names[i],
    .msg_iov = &udp->in_vectors[i],
    .msg_iovlen = 1,
    .msg_control = udp->in_controls[i].octets,
    .msg_controllen = sizeof udp->in_controls[i].octets,
  };
}

static void
read_control (struct msghdr *message, HadDatagram *datagram)
{
  for (struct cmsghdr *header = CMSG_FIRSTHDR (message); header != NULL; header = CMSG_NXTHDR (message, header))
    {
      struct in_pktinfo info;

      if (header->cmsg_level != IPPROTO_IP)
        continue;
      if (header->cmsg_type == IP_TOS)
        datagram->tos = *CMSG_DATA (header);
      if (header->cmsg_type == IP_PKTINFO)
        {
          memcpy (&info, CMSG_DATA (header), sizeof info);
          datagram->destination = roam_addr_from_bytes ((const guint8 *)&info.ipi_addr, 4);
        }
    }
}

/* At most @share datagrams of one queue, appended to @datagrams. */
static guint
receive_from (HadUdp *udp, int fd, guint share, HadDatagram *datagrams, guint n)
{
  int received;
  guint first = n;

  for (guint i = 0; i < share; i++)
    prepare (udp, first + i);
  received = recvmmsg (fd, udp->in + first, share, MSG_DONTWAIT, NULL);
  for (int i = 0; i < received; i++)
    {
      struct mmsghdr *message = &udp->in[first + (guint)i];
      const struct sockaddr_in *from = &udp->in_names[first + (guint)i];
      HadDatagram *datagram = &datagrams[n];

      if ((message->msg_hdr.msg_flags & MSG_TRUNC) != 0)
        {
          udp->truncated++;
          continue;
        }
      datagram->source.addr = roam_addr_from_bytes ((const guint8 *)&from->sin_addr, 4);
      datagram->source.port = GUINT16_FROM_BE (from->sin_port);
      datagram->destination = udp->address;
      datagram->tos = 0;
      datagram->data = udp->buffers[first + (guint)i];
      datagram->length = message->msg_len;
      read_control (&message->msg_hdr, datagram);
      n++;
    }
  udp->received += n - first;
  return n;
}

guint
had_udp_receive (HadUdp *udp, HadDatagram datagrams[HAD_UDP_PASS])
{
  /* Those that are told of go to the end of epoll's list: with more queues than this, the others are next. */
  struct epoll_event ready[HAD_UDP_PASS / SHARE_MIN];
  int n_ready = epoll_wait (udp->epoll_fd, ready, G_N_ELEMENTS (ready), 0);
  guint n = 0;

  for (int i = 0; i < n_ready; i++)
    n = receive_from (udp, ready[i].data.fd, HAD_UDP_PASS / (guint)n_ready, datagrams, n);
  return n;
}

/* --------------------------------------------------------------------- sending ---- */

gboolean
had_udp_queue (HadUdp *udp, const RoamAddr *source, const RoamEndpoint *destination, int interface, GBytes *datagram)
{
  guint i = udp->n_out;
  struct msghdr *header;
  struct in_pktinfo info = { .ipi_ifindex = interface };
  gsize length;
  gconstpointer data = g_bytes_get_data (datagram, &length);

  if (i == HAD_UDP_PASS)
    return FALSE;
  udp->n_out = i + 1;
  header = &udp->out[i].msg_hdr;
  udp->out_bytes[i] = g_bytes_ref (datagram);
  udp->out_vectors[i] = (struct iovec){ (gpointer)data, length };
  udp->out_names[i] = (struct sockaddr_in){ .sin_family = AF_INET, .sin_port = GUINT16_TO_BE (destination->port) };
  memcpy (&udp->out_names[i].sin_addr, destination->addr.bytes, 4);
  *header = (struct msghdr){
    .msg_name = &udp->out_names[i],
    .msg_namelen = sizeof udp->out_names[i],
    .msg_iov = &udp->out_vectors[i],
    .msg_iovlen = 1,
  };
  /* The sockets are bound to the address already. */
  if (interface == 0 && roam_addr_equal (source, &udp->address))
    return TRUE;
  memcpy (&info.ipi_spec_dst, source->bytes, 4);
  header->msg_control = udp->out_controls[i].octets;
  had_control_add (header, &udp->out_controls[i], IP_PKTINFO, &info, sizeof info);
  return TRUE;
}

static void
report_unsent (HadUdp *udp, guint i, int code)
{
  RoamAddr to = roam_addr_from_bytes ((const guint8 *)&udp->out_names[i].sin_addr, 4);
  char text[ROAM_ADDR_STRLEN];

  /* A counter tells all of it; a line now and then is enough (the destination is whoever asked). */
  if (udp->failed++ % 1000 == 0)
    g_info ("Reply to %s: %s", roam_addr_to_string (&to, text), g_strerror (code));
}

void
had_udp_flush (HadUdp *udp)
{
  guint done = 0;

  while (done < udp->n_out)
    {
      int sent = sendmmsg (udp->fds[0], udp->out + done, udp->n_out - done, MSG_DONTWAIT);

      if (sent > 0)
        {
          udp->sent += (guint)sent;
          done += (guint)sent;
        }
      else if (errno != EINTR)
        {
          report_unsent (udp, done, errno);
          done++;
        }
    }
  for (guint i = 0; i < udp->n_out; i++)
    g_clear_pointer (&udp->out_bytes[i], g_bytes_unref);
  udp->n_out = 0;
}

/* --------------------------------------------------------------------- opening ---- */

/* The socket's number is the source address, mixed, modulo the number of sockets. */
static gboolean
choose_by_source (int fd, guint n)
{
  struct sock_filter code[] = {
    BPF_STMT (BPF_LD | BPF_W | BPF_ABS, (guint32)SKF_NET_OFF + 12),
    BPF_STMT (BPF_ALU | BPF_MUL | BPF_K, 0x9e3779b1),
    BPF_STMT (BPF_ALU | BPF_RSH | BPF_K, 16),
    BPF_STMT (BPF_ALU | BPF_MOD | BPF_K, n),
    BPF_STMT (BPF_RET | BPF_A, 0),
  };
  struct sock_fprog program = { G_N_ELEMENTS (code), code };

  return setsockopt (fd, SOL_SOCKET, SO_ATTACH_REUSEPORT_CBPF, &program, sizeof program) == 0;
}

static int
open_socket (const RoamAddr *address, gboolean shared)
{
  const int on = 1, octets = QUEUE_OCTETS / 2, probe = IP_PMTUDISC_PROBE; /* the kernel doubles the size */
  struct sockaddr_in name = { .sin_family = AF_INET, .sin_port = GUINT16_TO_BE (MIP4_PORT) };
  int fd = socket (AF_INET, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

  if (fd < 0)
    return -1;
  memcpy (&name.sin_addr, address->bytes, 4);
  setsockopt (fd, IPPROTO_IP, IP_PKTINFO, &on, sizeof on);
  setsockopt (fd, IPPROTO_IP, IP_RECVTOS, &on, sizeof on);
  /* DF on tunnel data (D-20); how large a packet may be is the data path's own affair. */
  setsockopt (fd, IPPROTO_IP, IP_MTU_DISCOVER, &probe, sizeof probe);
  setsockopt (fd, SOL_SOCKET, SO_RCVBUF, &octets, sizeof octets);
  if (shared)
    setsockopt (fd, SOL_SOCKET, SO_REUSEPORT, &on, sizeof on);
  if (bind (fd, (struct sockaddr *)&name, sizeof name) == 0)
    return fd;
  close (fd);
  return -1;
}

static gboolean
add_socket (HadUdp *udp, const RoamAddr *address, gboolean shared)
{
  int fd = open_socket (address, shared);
  struct epoll_event event = { .events = EPOLLIN, .data.fd = fd };

  if (fd < 0)
    return FALSE;
  udp->fds[udp->n_fds++] = fd;
  return epoll_ctl (udp->epoll_fd, EPOLL_CTL_ADD, fd, &event) == 0;
}

/* Requests to a broadcast address are answered, too (RFC 5944 3.8.2.1): they look for a home agent. */
static void
open_broadcasts (HadUdp *udp, const RoamPrefix *home_network)
{
  guint32 mask = home_network->length >= 31 ? 0 : G_MAXUINT32 >> home_network->length;
  RoamAddr directed = roam_addr_from_u32 (roam_addr_to_u32 (&home_network->addr) | mask);
  RoamAddr limited = roam_addr_from_u32 (G_MAXUINT32);

  if ((mask != 0 && !add_socket (udp, &directed, FALSE)) || !add_socket (udp, &limited, FALSE))
    g_info ("Requests to the broadcast address are not heard: %s", g_strerror (errno));
}

/* The port may belong to another process already: with SO_REUSEPORT the two would share the requests. */
static gboolean
port_is_free (const RoamAddr *address)
{
  int fd = open_socket (address, FALSE);

  if (fd >= 0)
    close (fd);
  return fd >= 0;
}

HadUdp *
had_udp_new (const HadConfig *config, GError **error)
{
  g_autoptr (HadUdp) udp = g_new0 (HadUdp, 1);

  udp->address = config->address;
  udp->buffers = g_malloc (HAD_UDP_PASS * sizeof *udp->buffers);
  udp->epoll_fd = epoll_create1 (EPOLL_CLOEXEC);
  if (!port_is_free (&config->address))
    {
      had_set_errno (error, errno, "UDP port 434",
                     errno == EADDRNOTAVAIL ? "Give the interface the address of address=, or correct address="
                                            : "Another home agent runs here, or CAP_NET_BIND_SERVICE is missing");
      return NULL;
    }
  for (guint i = 0; i < QUEUES; i++)
    if (!add_socket (udp, &config->address, TRUE))
      {
        had_set_errno (error, errno, "UDP port 434", "The process may open too few files; raise LimitNOFILE=");
        return NULL;
      }
  if (!choose_by_source (udp->fds[0], QUEUES))
    g_warning ("Requests are not shared out by source, a flood may delay others: %s", g_strerror (errno));
  open_broadcasts (udp, &config->home_network);
  return g_steal_pointer (&udp);
}

void
had_udp_free (HadUdp *udp)
{
  if (udp == NULL)
    return;
  had_udp_flush (udp);
  for (guint i = 0; i < udp->n_fds; i++)
    close (udp->fds[i]);
  if (udp->epoll_fd >= 0)
    close (udp->epoll_fd);
  g_free (udp->buffers);
  g_free (udp);
}

int
had_udp_epoll_fd (const HadUdp *udp)
{
  return udp->epoll_fd;
}

int
had_udp_fd (const HadUdp *udp)
{
  return udp->fds[0];
}

static guint64
count_overflows (const HadUdp *udp)
{
  guint64 sum = 0;

  for (guint i = 0; i < udp->n_fds; i++)
    {
      guint32 info[SK_MEMINFO_VARS] = { 0 };
      socklen_t length = sizeof info;

      if (getsockopt (udp->fds[i], SOL_SOCKET, SO_MEMINFO, info, &length) == 0)
        sum += info[SK_MEMINFO_DROPS];
    }
  return sum;
}

void
had_udp_add_counters (const HadUdp *udp, GHashTable *counters)
{
  const struct
  {
    const char *name;
    guint64 value;
  } rows[] = {
    { "datagrams-received", udp->received },
    { "datagrams-too-long", udp->truncated },
    { "datagrams-overflowed-or-bad-checksum", count_overflows (udp) },
    { "datagrams-sent", udp->sent },
    { "datagrams-not-sent", udp->failed },
  };

  for (guint i = 0; i < G_N_ELEMENTS (rows); i++)
    g_hash_table_insert (counters, g_strdup (rows[i].name), g_memdup2 (&rows[i].value, sizeof (guint64)));
}
