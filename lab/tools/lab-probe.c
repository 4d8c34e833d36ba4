/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * One end of a probe: sends numbered datagrams at a fixed rate and notes what arrives. Each end
 * writes every sending and every arrival to its own log, as fixed records that a reader may look at
 * while they grow; loss and gaps come from the two logs together (roamlab/probe.py), for any window
 * of time. What the kernel refuses to send (no route, no address, gate closed) is a packet lost.
 */
#include <errno.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
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
#include <netinet/in.h>

#define PAYLOAD 64   /* octets of UDP payload */
#define MAX_BURST 64 /* after a stall of the machine no more than this is sent at once */

static const char USAGE[] =
  "usage: lab-probe LOCAL:PORT REMOTE:PORT RATE LOG\n"
  "\n"
  "Sends RATE (1..100000) datagrams a second from LOCAL to REMOTE and receives the peer's, until SIGTERM or\n"
  "SIGINT; then prints one line of JSON. LOCAL need not exist (yet). LOG: records of 24 octets, host order: kind\n"
  "(1 sent, 2 received, 3 refused by the kernel), errno, sequence number, time sent, time of the record (ns since "
  "1970).\n";

typedef struct
{
  uint16_t kind, error;
  uint32_t sequence;
  int64_t sent_ns; /* by the sender's clock; both ends are one machine */
  int64_t now_ns;
} Record;

typedef struct
{
  int fd;
  struct sockaddr_in remote;
  int64_t period_ns, next_ns;
  uint32_t sequence;
  FILE *log;
  unsigned long long sent, refused, received;
} Probe;

enum
{
  KIND_SENT = 1,
  KIND_RECEIVED = 2,
  KIND_REFUSED = 3
};

static void __attribute__ ((noreturn)) die (const char *what)
{
  fprintf (stderr, "lab-probe: %s: %s\n", what, errno ? strerror (errno) : "see --help");
  exit (1);
}

static int64_t
clock_ns (clockid_t clock)
{
  struct timespec now;
  clock_gettime (clock, &now);
  return now.tv_sec * 1000000000LL + now.tv_nsec;
}

static struct sockaddr_in
need_endpoint (char *text)
{
  struct sockaddr_in endpoint = { .sin_family = AF_INET };
  char *colon = strchr (text, ':');
  int port = colon ? atoi (colon + 1) : 0;
  if (colon)
    *colon = 0;
  errno = 0;
  if (inet_pton (AF_INET, text, &endpoint.sin_addr) != 1 || port < 1 || port > 65535)
    die (text);
  endpoint.sin_port = htons ((uint16_t)port);
  return endpoint;
}

static void
note (Probe *probe, uint16_t kind, int error, uint32_t sequence, int64_t sent_ns, int64_t now_ns)
{
  Record record = { kind, (uint16_t)error, sequence, sent_ns, now_ns };
  fwrite (&record, sizeof record, 1, probe->log);
}

static void
send_one (Probe *probe)
{
  unsigned char payload[PAYLOAD] = { 0 };
  int64_t now = clock_ns (CLOCK_REALTIME);
  memcpy (payload, &probe->sequence, sizeof probe->sequence);
  memcpy (payload + 8, &now, sizeof now);
  bool sent = sendto (probe->fd, payload, sizeof payload, MSG_DONTWAIT, (struct sockaddr *)&probe->remote,
                      sizeof probe->remote) == PAYLOAD;
  note (probe, sent ? KIND_SENT : KIND_REFUSED, sent ? 0 : errno, probe->sequence++, now, now);
  if (sent)
    probe->sent++;
  else
    probe->refused++;
}

static void
send_due (Probe *probe)
{
  int64_t now = clock_ns (CLOCK_MONOTONIC);
  for (int burst = 0; probe->next_ns <= now && burst < MAX_BURST; burst++, probe->next_ns += probe->period_ns)
    send_one (probe);
  if (probe->next_ns <= now)
    probe->next_ns = now + probe->period_ns;
}

static void
receive_all (Probe *probe)
{
  unsigned char payload[PAYLOAD + 1];
  char control[CMSG_SPACE (sizeof (struct timespec))];
  for (;;)
    {
      struct iovec iov = { payload, sizeof payload };
      struct msghdr message = {
        .msg_iov = &iov, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof control
      };
      ssize_t length = recvmsg (probe->fd, &message, MSG_DONTWAIT);
      if (length < 0 && errno != EAGAIN)
        continue; /* an ICMP error of an earlier datagram */
      if (length < 0)
        return;
      int64_t sent, now = clock_ns (CLOCK_REALTIME);
      uint32_t sequence;
      if (length != PAYLOAD)
        continue;
      for (struct cmsghdr *c = CMSG_FIRSTHDR (&message); c; c = CMSG_NXTHDR (&message, c))
        if (c->cmsg_level == SOL_SOCKET && c->cmsg_type == SCM_TIMESTAMPNS)
          {
            struct timespec stamp;
            memcpy (&stamp, CMSG_DATA (c), sizeof stamp);
            now = stamp.tv_sec * 1000000000LL + stamp.tv_nsec;
          }
      memcpy (&sequence, payload, sizeof sequence);
      memcpy (&sent, payload + 8, sizeof sent);
      note (probe, KIND_RECEIVED, 0, sequence, sent, now);
      probe->received++;
    }
}

static int
open_socket (const struct sockaddr_in *local)
{
  int on = 1, buffer = 4 << 20, fd = socket (AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (fd < 0 || setsockopt (fd, IPPROTO_IP, IP_FREEBIND, &on, sizeof on) < 0 ||
      setsockopt (fd, SOL_SOCKET, SO_TIMESTAMPNS, &on, sizeof on) < 0 ||
      setsockopt (fd, SOL_SOCKET, SO_RCVBUFFORCE, &buffer, sizeof buffer) < 0 ||
      bind (fd, (const struct sockaddr *)local, sizeof *local) < 0)
    die ("socket");
  return fd;
}

static void
loop (Probe *probe, int timer, int signals)
{
  struct pollfd polls[] = { { .fd = probe->fd, .events = POLLIN },
                            { .fd = timer, .events = POLLIN },
                            { .fd = signals, .events = POLLIN } };
  int64_t flushed = 0;
  while (!polls[2].revents)
    {
      struct itimerspec at = { .it_value = { probe->next_ns / 1000000000, probe->next_ns % 1000000000 } };
      timerfd_settime (timer, TFD_TIMER_ABSTIME, &at, NULL);
      if (poll (polls, 3, -1) < 0 && errno != EINTR)
        die ("poll");
      send_due (probe);
      receive_all (probe);
      int64_t now = clock_ns (CLOCK_MONOTONIC);
      if (now - flushed > 100000000)
        {
          fflush (probe->log);
          flushed = now;
        }
    }
}

int
main (int argc, char **argv)
{
  if (argc == 2 && strcmp (argv[1], "--help") == 0)
    return fputs (USAGE, stdout) < 0;
  if (argc != 5)
    return fputs (USAGE, stderr), 2;
  struct sockaddr_in local = need_endpoint (argv[1]);
  int rate = atoi (argv[3]);
  if (rate < 1 || rate > 100000)
    die (argv[3]);
  Probe probe = { .remote = need_endpoint (argv[2]), .period_ns = 1000000000 / rate };
  probe.fd = open_socket (&local);
  probe.log = fopen (argv[4], "we");
  if (!probe.log)
    die (argv[4]);
  sigset_t set;
  sigemptyset (&set);
  sigaddset (&set, SIGTERM);
  sigaddset (&set, SIGINT);
  sigprocmask (SIG_BLOCK, &set, NULL);
  /* The probe is a clock: it should not wait behind a compiler. Without the right to it, it runs as others do. */
  sched_setscheduler (0, SCHED_RR, &(struct sched_param){ .sched_priority = 1 });
  probe.next_ns = clock_ns (CLOCK_MONOTONIC);
  loop (&probe, timerfd_create (CLOCK_MONOTONIC, TFD_CLOEXEC), signalfd (-1, &set, SFD_CLOEXEC));
  fclose (probe.log);
  printf ("{\"sent\":%llu,\"refused\":%llu,\"received\":%llu}\n", probe.sent, probe.refused, probe.received);
  return 0;
}
