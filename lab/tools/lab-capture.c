/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Captures the first octets of every frame on some interfaces of one namespace into one pcapng
 * file, with the kernel's nanosecond time stamps. Frames are read in batches: the machine that is
 * measured also runs the routers.
 */
#include <errno.h>
#include <linux/filter.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <arpa/inet.h>

#define MAX_INTERFACES 16
#define BATCH 64
#define SNAP_LENGTH 192 /* headers of IP in ESP in UDP, and a Registration Request up to its authenticators */
#define RECEIVE_BUFFER (32 << 20)
#define FLUSH_MS 200 /* a reader may look at the file while it grows */

static const char USAGE[] =
  "usage: lab-capture OUTPUT.pcapng INTERFACE...\n"
  "\n"
  "Captures until SIGTERM or SIGINT. Prints \"ready\" once every interface is watched, and at the\n"
  "end one line of JSON: frames written and frames the kernel had to drop.\n";

typedef struct
{
  const char *name;
  int fd;
  unsigned long long frames, drops;
} Interface;

static void __attribute__ ((noreturn)) die (const char *what)
{
  fprintf (stderr, "lab-capture: %s: %s\n", what, strerror (errno));
  exit (1);
}

/* Block type, total length, body, padding to 32 bit, total length again: draft-ietf-opsawg-pcapng 3.1. */
static void
write_block (FILE *out, uint32_t type, const void *head, size_t head_length, const void *data, size_t data_length,
             const void *options, size_t options_length)
{
  static const char zero[4];
  size_t padding = -data_length & 3;
  uint32_t total = (uint32_t)(12 + head_length + data_length + padding + options_length);
  fwrite (&type, 4, 1, out);
  fwrite (&total, 4, 1, out);
  fwrite (head, 1, head_length, out);
  if (data_length)
    fwrite (data, 1, data_length, out);
  fwrite (zero, 1, padding, out);
  if (options_length)
    fwrite (options, 1, options_length, out);
  fwrite (&total, 4, 1, out);
}

static void
write_section (FILE *out)
{
  struct
  {
    uint32_t magic;
    uint16_t major, minor;
    int64_t length;
  } header = { 0x1a2b3c4d, 1, 0, -1 };
  write_block (out, 0x0a0d0d0a, &header, sizeof header, NULL, 0, NULL, 0);
}

static void
write_interface (FILE *out, const Interface *interface)
{
  struct
  {
    uint16_t link_type, reserved;
    uint32_t snap_length;
  } header = { 1 /* Ethernet */, 0, SNAP_LENGTH };
  struct
  {
    uint16_t name_code, name_length;
    char name[IF_NAMESIZE];
    uint16_t resolution_code, resolution_length;
    uint8_t resolution[4]; /* 10^-9 s */
    uint32_t end;
  } options = { 2, IF_NAMESIZE, "", 9, 1, { 9 }, 0 };
  strncpy (options.name, interface->name, IF_NAMESIZE - 1);
  write_block (out, 1, &header, sizeof header, NULL, 0, &options, sizeof options);
}

static void
write_frame (FILE *out, unsigned interface, uint64_t ns, const void *frame, size_t captured, size_t original)
{
  uint32_t header[5] = { interface, (uint32_t)(ns >> 32), (uint32_t)ns, (uint32_t)captured, (uint32_t)original };
  write_block (out, 6, header, sizeof header, frame, captured, NULL, 0);
}

static int
open_interface (const char *name)
{
  struct sock_filter cut[] = { { BPF_RET | BPF_K, 0, 0, SNAP_LENGTH } };
  struct sock_fprog program = { 1, cut };
  int on = 1, buffer = RECEIVE_BUFFER, ifindex = (int)if_nametoindex (name);
  int fd = socket (AF_PACKET, SOCK_RAW | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  struct sockaddr_ll address = { .sll_family = AF_PACKET, .sll_protocol = htons (ETH_P_ALL), .sll_ifindex = ifindex };
  /* A bridge hands over frames that pass through it only while it is promiscuous. */
  struct packet_mreq promiscuous = { .mr_ifindex = ifindex, .mr_type = PACKET_MR_PROMISC };
  if (fd < 0 || !ifindex || setsockopt (fd, SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof program) < 0 ||
      setsockopt (fd, SOL_SOCKET, SO_TIMESTAMPNS, &on, sizeof on) < 0 ||
      setsockopt (fd, SOL_PACKET, PACKET_AUXDATA, &on, sizeof on) < 0 ||
      setsockopt (fd, SOL_SOCKET, SO_RCVBUFFORCE, &buffer, sizeof buffer) < 0 ||
      bind (fd, (struct sockaddr *)&address, sizeof address) < 0 ||
      setsockopt (fd, SOL_PACKET, PACKET_ADD_MEMBERSHIP, &promiscuous, sizeof promiscuous) < 0)
    die (name);
  return fd;
}

static struct
{
  char frame[SNAP_LENGTH];
  char control[CMSG_SPACE (sizeof (struct timespec)) + CMSG_SPACE (sizeof (struct tpacket_auxdata))];
  struct iovec iov;
} slots[BATCH];

static void
save_message (FILE *out, unsigned number, Interface *interface, struct mmsghdr *message)
{
  uint64_t ns = 0;
  size_t original = message->msg_len;
  for (struct cmsghdr *c = CMSG_FIRSTHDR (&message->msg_hdr); c; c = CMSG_NXTHDR (&message->msg_hdr, c))
    if (c->cmsg_level == SOL_SOCKET && c->cmsg_type == SCM_TIMESTAMPNS)
      {
        struct timespec stamp;
        memcpy (&stamp, CMSG_DATA (c), sizeof stamp);
        ns = (uint64_t)stamp.tv_sec * 1000000000u + (uint64_t)stamp.tv_nsec;
      }
    else if (c->cmsg_level == SOL_PACKET && c->cmsg_type == PACKET_AUXDATA)
      {
        struct tpacket_auxdata aux;
        memcpy (&aux, CMSG_DATA (c), sizeof aux);
        original = aux.tp_len;
      }
  write_frame (out, number, ns, message->msg_hdr.msg_iov->iov_base, message->msg_len, original);
  interface->frames++;
}

static void
drain (FILE *out, unsigned number, Interface *interface)
{
  struct mmsghdr messages[BATCH];
  int n;
  do
    {
      for (int i = 0; i < BATCH; i++)
        {
          slots[i].iov = (struct iovec){ slots[i].frame, SNAP_LENGTH };
          messages[i].msg_hdr = (struct msghdr){ .msg_iov = &slots[i].iov,
                                                 .msg_iovlen = 1,
                                                 .msg_control = slots[i].control,
                                                 .msg_controllen = sizeof slots[i].control };
        }
      n = recvmmsg (interface->fd, messages, BATCH, 0, NULL);
      for (int i = 0; i < n; i++)
        save_message (out, number, interface, &messages[i]);
    }
  while (n == BATCH);
}

static void
report (Interface *interfaces, int n)
{
  unsigned long long frames = 0, drops = 0;
  for (int i = 0; i < n; i++)
    {
      struct tpacket_stats stats = { 0 };
      socklen_t length = sizeof stats;
      getsockopt (interfaces[i].fd, SOL_PACKET, PACKET_STATISTICS, &stats, &length);
      frames += interfaces[i].frames;
      drops += stats.tp_drops;
    }
  printf ("{\"frames\":%llu,\"dropped\":%llu}\n", frames, drops);
}

static void
capture (FILE *out, Interface *interfaces, int n, int signals)
{
  struct pollfd polls[MAX_INTERFACES + 1];
  for (int i = 0; i < n; i++)
    polls[i] = (struct pollfd){ .fd = interfaces[i].fd, .events = POLLIN };
  polls[n] = (struct pollfd){ .fd = signals, .events = POLLIN };
  do
    {
      int ready = poll (polls, (nfds_t)n + 1, FLUSH_MS);
      for (int i = 0; i < n; i++)
        drain (out, (unsigned)i, &interfaces[i]);
      if (ready == 0)
        fflush (out);
      else
        /* Let frames gather: one wake-up for some tens of them. The stamps are the kernel's. */
        usleep (2000);
    }
  while (!polls[n].revents);
}

int
main (int argc, char **argv)
{
  static Interface interfaces[MAX_INTERFACES];
  int n = argc - 2;
  if (argc == 2 && strcmp (argv[1], "--help") == 0)
    return fputs (USAGE, stdout) < 0;
  if (n < 1 || n > MAX_INTERFACES)
    return fputs (USAGE, stderr), 2;
  sigset_t set;
  sigemptyset (&set);
  sigaddset (&set, SIGTERM);
  sigaddset (&set, SIGINT);
  sigprocmask (SIG_BLOCK, &set, NULL);
  int signals = signalfd (-1, &set, SFD_CLOEXEC);
  FILE *out = fopen (argv[1], "we");
  if (!out)
    die (argv[1]);
  setvbuf (out, NULL, _IOFBF, 1 << 18);
  write_section (out);
  for (int i = 0; i < n; i++)
    {
      interfaces[i].name = argv[i + 2];
      interfaces[i].fd = open_interface (argv[i + 2]);
      write_interface (out, &interfaces[i]);
    }
  puts ("ready");
  fflush (stdout);
  capture (out, interfaces, n, signals);
  if (fclose (out))
    die (argv[1]);
  report (interfaces, n);
  return 0;
}
