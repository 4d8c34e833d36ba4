/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "tunnel/tunnel-io-private.h"

#include <sys/eventfd.h>
#include <unistd.h>

/*
 * Anyone can send to port 4500, so the queue is bounded: enough for a burst of retransmissions and
 * fragments of a few exchanges, small enough to be worked off within milliseconds.
 */
#define MAX_EVENTS 256

struct _TunnelQueue
{
  GMutex lock;
  GQueue events;
  int fd;
};

void
tunnel_io_event_clear (TunnelIoEvent *event)
{
  g_clear_pointer (&event->datagram, g_bytes_unref);
}

TunnelQueue *
tunnel_queue_new (GError **error)
{
  TunnelQueue *queue;
  int fd = eventfd (0, EFD_CLOEXEC | EFD_NONBLOCK);

  if (fd < 0)
    {
      g_set_error (error, G_IO_ERROR, g_io_error_from_errno (errno), "eventfd: %s", g_strerror (errno));
      return NULL;
    }
  queue = g_new0 (TunnelQueue, 1);
  queue->fd = fd;
  g_mutex_init (&queue->lock);
  g_queue_init (&queue->events);
  return queue;
}

static void
free_event (gpointer data)
{
  tunnel_io_event_clear (data);
  g_free (data);
}

void
tunnel_queue_free (TunnelQueue *queue)
{
  if (queue == NULL)
    return;
  g_queue_clear_full (&queue->events, free_event);
  g_mutex_clear (&queue->lock);
  close (queue->fd);
  g_free (queue);
}

int
tunnel_queue_get_fd (const TunnelQueue *queue)
{
  return queue->fd;
}

void
tunnel_queue_push (TunnelQueue *queue, TunnelIoEvent *event)
{
  gboolean full, first;

  g_mutex_lock (&queue->lock);
  full = g_queue_get_length (&queue->events) >= MAX_EVENTS;
  first = g_queue_is_empty (&queue->events);
  if (!full)
    g_queue_push_tail (&queue->events, g_memdup2 (event, sizeof *event));
  /* Written under the lock, so that readable and not empty are the same thing. */
  if (first)
    (void)eventfd_write (queue->fd, 1);
  g_mutex_unlock (&queue->lock);
  if (full)
    tunnel_io_event_clear (event);
  *event = (TunnelIoEvent){ 0 };
}

gboolean
tunnel_queue_pop (TunnelQueue *queue, TunnelIoEvent *ret_event)
{
  g_autofree TunnelIoEvent *event = NULL;
  eventfd_t value;

  g_mutex_lock (&queue->lock);
  event = g_queue_pop_head (&queue->events);
  if (event != NULL && g_queue_is_empty (&queue->events))
    (void)eventfd_read (queue->fd, &value);
  g_mutex_unlock (&queue->lock);
  if (event == NULL)
    return FALSE;
  *ret_event = *event;
  return TRUE;
}
