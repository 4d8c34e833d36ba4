/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A long cable: passes frames between two interfaces, each way after a fixed time. For kernels
 * without netem. Frames keep their virtio header, so that offloaded ones pass as they are.
 */
#include <errno.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

#include <arpa/inet.h>

#define FRAME_LIMIT (66 << 10)   /* the largest offloaded frame and its headers */
#define QUEUE_OCTETS (64u << 20) /* frames under way, each direction; what does not fit is dropped and counted */

static const char USAGE[] =
  "usage: lab-delay INTERFACE INTERFACE MICROSECONDS\n"
  "\n"
  "Passes frames between the two interfaces, each way MICROSECONDS (0..1000000) later, until SIGTERM\n"
  "or SIGINT. Prints \"ready\" when it works, and at the end one line of JSON.\n";

typedef struct Parcel Parcel;
struct Parcel
{
  Parcel *next;
  int64_t due_ns;
  size_t length;
  unsigned char frame[];
};

/* One direction: from the socket @in to the socket @out. */
typedef struct
{
  int in, out;
  int64_t delay_ns;
  Parcel *head, **tail;
  size_t octets;
  unsigned long long passed, dropped;
} Way;

static void __attribute__ ((noreturn)) die (const char *what)
{
  fprintf (stderr, "lab-delay: %s: %s\n", what, errno ? strerror (errno) : "see --help");
  exit (1);
}

static int64_t
now_ns (void)
{
  struct timespec now;
  clock_gettime (CLOCK_MONOTONIC, &now);
  return now.tv_sec * 1000000000LL + now.tv_nsec;
}

static int
open_interface (const char *name)
{
  int on = 1, buffer = 32 << 20, ifindex = (int)if_nametoindex (name);
  int fd = socket (AF_PACKET, SOCK_RAW | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  struct sockaddr_ll address = { .sll_family = AF_PACKET, .sll_protocol = htons (ETH_P_ALL), .sll_ifindex = ifindex };
  struct packet_mreq promiscuous = { .mr_ifindex = ifindex, .mr_type = PACKET_MR_PROMISC };
  if (fd < 0 || !ifindex || setsockopt (fd, SOL_PACKET, PACKET_VNET_HDR, &on, sizeof on) < 0 ||
      setsockopt (fd, SOL_PACKET, PACKET_IGNORE_OUTGOING, &on, sizeof on) < 0 ||
      setsockopt (fd, SOL_SOCKET, SO_RCVBUFFORCE, &buffer, sizeof buffer) < 0 ||
      setsockopt (fd, SOL_SOCKET, SO_SNDBUFFORCE, &buffer, sizeof buffer) < 0 ||
      bind (fd, (struct sockaddr *)&address, sizeof address) < 0 ||
      setsockopt (fd, SOL_PACKET, PACKET_ADD_MEMBERSHIP, &promiscuous, sizeof promiscuous) < 0)
    die (name);
  return fd;
}

static void
take (Way *way)
{
  static unsigned char frame[FRAME_LIMIT];
  ssize_t length;
  while ((length = recv (way->in, frame, sizeof frame, MSG_DONTWAIT)) > 0)
    {
      Parcel *parcel = way->octets < QUEUE_OCTETS ? malloc (sizeof *parcel + (size_t)length) : NULL;
      if (!parcel)
        {
          way->dropped++;
          continue;
        }
      *parcel = (Parcel){ .due_ns = now_ns () + way->delay_ns, .length = (size_t)length };
      memcpy (parcel->frame, frame, (size_t)length);
      *way->tail = parcel;
      way->tail = &parcel->next;
      way->octets += parcel->length;
    }
}

static void
deliver (Way *way, int64_t now)
{
  while (way->head && way->head->due_ns <= now)
    {
      Parcel *parcel = way->head;
      way->head = parcel->next;
      if (!way->head)
        way->tail = &way->head;
      way->octets -= parcel->length;
      if (send (way->out, parcel->frame, parcel->length, MSG_DONTWAIT) == (ssize_t)parcel->length)
        way->passed++;
      else
        way->dropped++;
      free (parcel);
    }
}

static void
loop (Way *ways, int timer, int signals)
{
  struct pollfd polls[] = { { .fd = ways[0].in, .events = POLLIN },
                            { .fd = ways[1].in, .events = POLLIN },
                            { .fd = timer, .events = POLLIN },
                            { .fd = signals, .events = POLLIN } };
  while (!polls[3].revents)
    {
      int64_t next = INT64_MAX;
      for (int i = 0; i < 2; i++)
        if (ways[i].head && ways[i].head->due_ns < next)
          next = ways[i].head->due_ns;
      struct itimerspec at = { 0 };
      if (next != INT64_MAX)
        at.it_value = (struct timespec){ next / 1000000000, next % 1000000000 };
      timerfd_settime (timer, TFD_TIMER_ABSTIME, &at, NULL);
      if (poll (polls, 4, -1) < 0 && errno != EINTR)
        die ("poll");
      for (int i = 0; i < 2; i++)
        {
          take (&ways[i]);
          deliver (&ways[i], now_ns ());
        }
    }
}

int
main (int argc, char **argv)
{
  if (argc == 2 && strcmp (argv[1], "--help") == 0)
    return fputs (USAGE, stdout) < 0;
  if (argc != 4)
    return fputs (USAGE, stderr), 2;
  int delay_us = atoi (argv[3]);
  if (delay_us < 0 || delay_us > 1000000)
    die (argv[3]);
  int left = open_interface (argv[1]), right = open_interface (argv[2]);
  Way ways[2] = { { .in = left, .out = right, .delay_ns = delay_us * 1000LL },
                  { .in = right, .out = left, .delay_ns = delay_us * 1000LL } };
  for (int i = 0; i < 2; i++)
    ways[i].tail = &ways[i].head;
  sigset_t set;
  sigemptyset (&set);
  sigaddset (&set, SIGTERM);
  sigaddset (&set, SIGINT);
  sigprocmask (SIG_BLOCK, &set, NULL);
  /* A cable does not wait behind a compiler. */
  sched_setscheduler (0, SCHED_RR, &(struct sched_param){ .sched_priority = 1 });
  puts ("ready");
  fflush (stdout);
  loop (ways, timerfd_create (CLOCK_MONOTONIC, TFD_CLOEXEC), signalfd (-1, &set, SFD_CLOEXEC));
  printf ("{\"passed\":%llu,\"dropped\":%llu}\n", ways[0].passed + ways[1].passed, ways[0].dropped + ways[1].dropped);
  return 0;
}
