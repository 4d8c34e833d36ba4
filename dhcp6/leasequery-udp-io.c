/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "dhcp6/leasequery-udp-io.h"

#include "dhcp6/leasequery-socket-io.h"

#include <glib-unix.h>
#include <sys/socket.h>
#include <unistd.h>

/* Largest question; longer ones are cut, and then malformed. */
#define QUESTION_MAX 4096
/* Datagrams taken before connections get their turn. */
#define DATAGRAMS_A_TURN 64u

typedef struct
{
  LeasequeryUdpIo *io;
  int fd;
  guint source;
} Socket;

struct _LeasequeryUdpIo
{
  GPtrArray *sockets; /* Socket */
  LeasequeryUdpFunc function;
  gpointer user_data;
};

static void
socket_free (gpointer data)
{
  Socket *one = data;

  g_clear_handle_id (&one->source, g_source_remove);
  close (one->fd);
  g_free (one);
}

static gboolean
answer_one (Socket *one)
{
  struct sockaddr_storage address = { 0 };
  socklen_t length = sizeof address;
  guint8 question[QUESTION_MAX];
  gssize n = recvfrom (one->fd, question, sizeof question, MSG_DONTWAIT, (struct sockaddr *)&address, &length);
  g_autoptr (GBytes) answer = NULL;
  RoamEndpoint peer;

  if (n < 0)
    return FALSE;
  peer = leasequery_socket_endpoint (&address);
  answer = one->io->function (&peer.addr, question, (gsize)n, one->io->user_data);
  /* One that does not go out is lost like any datagram: the requestor asks again (RFC 5007 4.1.4). */
  if (answer != NULL)
    (void)sendto (one->fd, g_bytes_get_data (answer, NULL), g_bytes_get_size (answer), MSG_DONTWAIT,
                  (const struct sockaddr *)&address, length);
  return TRUE;
}

static gboolean
on_readable (int fd, GIOCondition condition, gpointer user_data)
{
  for (guint i = 0; i < DATAGRAMS_A_TURN && answer_one (user_data); i++)
    ;
  return G_SOURCE_CONTINUE;
}

LeasequeryUdpIo *
leasequery_udp_io_new (const RoamEndpoint *listen, guint n_listen, LeasequeryUdpFunc function, gpointer user_data,
                       GError **error)
{
  g_autoptr (LeasequeryUdpIo) io = g_new0 (LeasequeryUdpIo, 1);

  io->sockets = g_ptr_array_new_with_free_func (socket_free);
  io->function = function;
  io->user_data = user_data;
  for (guint i = 0; i < n_listen; i++)
    {
      int fd = leasequery_socket_bind (&listen[i], SOCK_DGRAM, error);
      Socket *one;

      if (fd < 0)
        return NULL;
      one = g_new0 (Socket, 1);
      one->io = io;
      one->fd = fd;
      one->source = g_unix_fd_add (fd, G_IO_IN, on_readable, one);
      g_ptr_array_add (io->sockets, one);
    }
  return g_steal_pointer (&io);
}

void
leasequery_udp_io_free (LeasequeryUdpIo *io)
{
  if (io == NULL)
    return;
  g_ptr_array_unref (io->sockets);
  g_free (io);
}
