/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * ike-gateway-probe: drives one IkeResponder over real sockets (IPv4) and prints what happens, one line
 * each. It has no data plane: Child SAs are only reported.
 *
 *   ike-gateway-probe LOCAL-ID CLIENT-ID SECRET POOL
 *
 * Lines on its standard input are commands to every client: check, rekey-ike, rekey-child, terminate.
 * It ends with its input.
 */
#include "ike/ike.h"

#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define MAX_DATAGRAM 65535
#define MAX_LINE 64
#define NON_ESP_MARKER_LENGTH 4
/* Numbers of clients that commands go to; a test has one or two. */
#define MAX_CLIENT 16

typedef struct
{
  IkeResponder *responder;
  struct pollfd input, sockets[2]; /* ports 500 and 4500 */
} Probe;

static RoamNow
now (void)
{
  struct timespec boot, wall;

  clock_gettime (CLOCK_BOOTTIME, &boot);
  clock_gettime (CLOCK_REALTIME, &wall);
  return roam_now_make ((gint64)boot.tv_sec * ROAM_USEC_PER_SEC + boot.tv_nsec / 1000,
                        (gint64)wall.tv_sec * ROAM_USEC_PER_SEC + wall.tv_nsec / 1000);
}

static void
send_datagram (Probe *probe, const IkeAction *action)
{
  gsize length;
  gconstpointer data = g_bytes_get_data (action->send.datagram, &length);
  struct sockaddr_in to = { .sin_family = AF_INET, .sin_port = htons (action->send.remote.port) };
  struct iovec vector = { .iov_base = (void *)data, .iov_len = length };
  union
  {
    struct cmsghdr header;
    char space[CMSG_SPACE (sizeof (struct in_pktinfo))];
  } control = { 0 };
  struct in_pktinfo info = { 0 };
  struct msghdr message = { .msg_name = &to,
                            .msg_namelen = sizeof to,
                            .msg_iov = &vector,
                            .msg_iovlen = 1,
                            .msg_control = &control,
                            .msg_controllen = sizeof control.space };

  memcpy (&to.sin_addr, action->send.remote.addr.bytes, sizeof to.sin_addr);
  memcpy (&info.ipi_spec_dst, action->send.local.addr.bytes, sizeof info.ipi_spec_dst);
  control.header.cmsg_level = IPPROTO_IP;
  control.header.cmsg_type = IP_PKTINFO;
  control.header.cmsg_len = CMSG_LEN (sizeof info);
  memcpy (CMSG_DATA (&control.header), &info, sizeof info);
  if (sendmsg (probe->sockets[action->send.local.port == IKE_NATT_PORT].fd, &message, 0) < 0)
    g_printerr ("ike-gateway-probe: send: %s\n", g_strerror (errno));
}

static void
perform (Probe *probe, guint32 client, const IkeAction *action)
{
  char addr[ROAM_ADDR_STRLEN];
  const IkeChildSa *child;

  switch (action->type)
    {
    case IKE_ACTION_SEND:
      send_datagram (probe, action);
      return;
    case IKE_ACTION_EVENT:
      g_print ("%u event %d mobike %d tia %s: %s\n", client, (int)action->event.type, action->event.mobike,
               roam_addr_to_string (&action->event.configuration.tia4, addr), action->event.reason);
      return;
    case IKE_ACTION_CHILD_ADD:
      child = action->child_add.child;
      g_print ("%u child-add %u in %08x out %08x remote %s\n", client, child->id, child->spi_in, child->spi_out,
               roam_endpoint_to_string (&child->outer_remote, addr));
      return;
    case IKE_ACTION_CHILD_USE:
      g_print ("%u child-use %u\n", client, action->child_use.child_id);
      return;
    case IKE_ACTION_CHILD_REMOVE:
      g_print ("%u child-remove %u\n", client, action->child_remove.child_id);
      return;
    case IKE_ACTION_CHILD_MOVE:
      g_print ("%u child-move remote %s encap %d\n", client, roam_endpoint_to_string (&action->child_move.remote, addr),
               action->child_move.udp_encap);
      return;
    case IKE_ACTION_SIGN:
    case IKE_ACTION_FETCH:
    case IKE_ACTION_TICKET:
      return;
    }
}

static void
drain (Probe *probe)
{
  guint32 client;

  for (;;)
    {
      g_auto (IkeAction) action = { 0 };

      if (!ike_responder_pop_action (probe->responder, &client, &action))
        return;
      perform (probe, client, &action);
    }
}

static void
receive (Probe *probe, guint index)
{
  static guint8 buffer[MAX_DATAGRAM];
  static const guint8 marker[NON_ESP_MARKER_LENGTH];
  struct sockaddr_in from;
  struct iovec vector = { .iov_base = buffer, .iov_len = sizeof buffer };
  char control[CMSG_SPACE (sizeof (struct in_pktinfo))];
  struct msghdr message = { .msg_name = &from,
                            .msg_namelen = sizeof from,
                            .msg_iov = &vector,
                            .msg_iovlen = 1,
                            .msg_control = control,
                            .msg_controllen = sizeof control };
  ssize_t length = recvmsg (probe->sockets[index].fd, &message, 0);
  RoamEndpoint local = { .port = index ? IKE_NATT_PORT : IKE_PORT }, remote;
  struct cmsghdr *header = CMSG_FIRSTHDR (&message);
  struct in_pktinfo info;
  RoamNow t = now ();

  if (length < 0 || !header || header->cmsg_type != IP_PKTINFO)
    return;
  if (index && length >= NON_ESP_MARKER_LENGTH && memcmp (buffer, marker, sizeof marker) != 0)
    return; /* ESP */
  memcpy (&info, CMSG_DATA (header), sizeof info);
  local.addr = roam_addr_from_bytes ((const guint8 *)&info.ipi_addr, sizeof info.ipi_addr);
  remote.addr = roam_addr_from_bytes ((const guint8 *)&from.sin_addr, sizeof from.sin_addr);
  remote.port = ntohs (from.sin_port);
  ike_responder_input_datagram (probe->responder, &t, (guint32)info.ipi_ifindex, &local, &remote, buffer,
                                (gsize)length);
}

/* FALSE: the input ended. */
static gboolean
read_command (Probe *probe)
{
  static const struct
  {
    const char *word;
    IkeCommandType type;
  } words[] = { { "check", IKE_CHECK },
                { "rekey-ike", IKE_REKEY_IKE },
                { "rekey-child", IKE_REKEY_CHILD },
                { "terminate", IKE_TERMINATE } };
  char line[MAX_LINE + 1];
  ssize_t length = read (STDIN_FILENO, line, MAX_LINE);
  RoamNow t = now ();

  if (length <= 0)
    return FALSE;
  line[length] = '\0';
  g_strstrip (line);
  for (guint i = 0; i < G_N_ELEMENTS (words); i++)
    for (guint32 client = 1; strcmp (line, words[i].word) == 0 && client <= MAX_CLIENT; client++)
      {
        IkeCommand command = { .type = words[i].type, .serial = 1 };
        ike_responder_input_command (probe->responder, &t, client, &command);
      }
  return TRUE;
}

static int
open_socket (guint16 port)
{
  int fd = socket (AF_INET, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0), on = 1;
  struct sockaddr_in any = { .sin_family = AF_INET, .sin_port = htons (port) };

  if (fd < 0 || setsockopt (fd, IPPROTO_IP, IP_PKTINFO, &on, sizeof on) < 0 ||
      bind (fd, (struct sockaddr *)&any, sizeof any) < 0)
    {
      g_printerr ("ike-gateway-probe: port %u: %s\n", port, g_strerror (errno));
      return -1;
    }
  return fd;
}

static void
run (Probe *probe)
{
  for (;;)
    {
      struct pollfd fds[] = { probe->input, probe->sockets[0], probe->sockets[1] };
      gint64 deadline = ike_responder_next_deadline (probe->responder), left_us = deadline - now ().boot_us;
      RoamNow t;

      drain (probe);
      poll (fds, G_N_ELEMENTS (fds), deadline == ROAM_NEVER ? -1 : (int)CLAMP (left_us / 1000 + 1, 0, 60000));
      if (fds[0].revents && !read_command (probe))
        return;
      for (guint i = 0; i < 2; i++)
        if (fds[1 + i].revents)
          receive (probe, i);
      t = now ();
      ike_responder_input_deadline (probe->responder, &t);
    }
}

int
main (int argc, char **argv)
{
  IkeResponderConfig config = { 0 };
  IkeResponderPeer peer = { 0 };
  g_autoptr (RoamRng) rng = NULL;
  g_autofree char *problem = NULL;
  guint8 seed[ROAM_RNG_SEED_LENGTH];
  Probe probe = { .input = { .fd = STDIN_FILENO, .events = POLLIN } };

  if (argc != 5 || !roam_prefix_parse (argv[4], &config.pool4) ||
      getrandom (seed, sizeof seed, 0) != (ssize_t)sizeof seed)
    {
      g_printerr ("usage: ike-gateway-probe LOCAL-ID CLIENT-ID SECRET POOL\n");
      return 2;
    }
  setlinebuf (stdout);
  config.local_id = argv[1];
  peer.id = argv[2];
  peer.psk = roam_secret_new ((const guint8 *)argv[3], strlen (argv[3]));
  config.peers = &peer;
  config.n_peers = 1;
  rng = roam_rng_new (seed);
  probe.responder = ike_responder_new (&config, rng, &problem);
  roam_secret_unref (peer.psk);
  for (guint i = 0; i < 2; i++)
    probe.sockets[i] = (struct pollfd){ .fd = open_socket (i ? IKE_NATT_PORT : IKE_PORT), .events = POLLIN };
  if (!probe.responder || probe.sockets[0].fd < 0 || probe.sockets[1].fd < 0)
    {
      g_printerr ("ike-gateway-probe: %s\n", problem ? problem : "no socket");
      return 1;
    }
  run (&probe);
  ike_responder_free (probe.responder);
  return 0;
}
