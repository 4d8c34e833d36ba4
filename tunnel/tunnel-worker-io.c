/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "tunnel/tunnel-worker-io-private.h"

#include <errno.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/random.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

/* What an epoll event names: the kind and, for a link's socket, the interface. */
typedef enum
{
  SOURCE_STOP,
  SOURCE_TUN,
  SOURCE_UDP,
  SOURCE_ESP,
  SOURCE_UDP6,
  SOURCE_ESP6,
  SOURCE_IPIP,
  SOURCE_MIP_UDP,
  SOURCE_ICMP,
  SOURCE_TIMER,
} Source;

#define MAX_WAKEUPS 16

/* ------------------------------------------------------------------- SA and path ---- */

TunnelSaState *
tunnel_sa_state_new (TunnelSa *sa, GError **error)
{
  TunnelSaState *state = g_new0 (TunnelSaState, 1);
  guint8 seed[ROAM_RNG_SEED_LENGTH];

  state->references = 1;
  state->sa = tunnel_sa_ref (sa);
  if (getrandom (seed, sizeof seed, 0) == (gssize)sizeof seed)
    {
      state->rng = roam_rng_new (seed);
      state->out = tunnel_esp_out_new (sa, state->rng);
      state->in = tunnel_esp_in_new (sa);
      roam_wipe (seed, sizeof seed);
    }
  if (state->out != NULL && state->in != NULL)
    return state;
  g_set_error (error, G_IO_ERROR, G_IO_ERROR_NOT_SUPPORTED,
               "Child SA %u: no such ESP suite here, or keys of the wrong length, or a reserved SPI", sa->id);
  tunnel_sa_state_unref (state);
  return NULL;
}

TunnelSaState *
tunnel_sa_state_ref (TunnelSaState *state)
{
  g_atomic_int_inc (&state->references);
  return state;
}

void
tunnel_sa_state_unref (TunnelSaState *state)
{
  if (state == NULL || !g_atomic_int_dec_and_test (&state->references))
    return;
  tunnel_esp_out_free (state->out);
  tunnel_esp_in_free (state->in);
  roam_rng_free (state->rng);
  tunnel_sa_unref (state->sa);
  g_free (state);
}

TunnelPath *
tunnel_path_new (void)
{
  TunnelPath *path = g_new0 (TunnelPath, 1);

  path->mode = TUNNEL_MODE_BLOCKED;
  path->links = g_ptr_array_new_with_free_func ((GDestroyNotify)tunnel_link_unref);
  path->sas = g_ptr_array_new_with_free_func ((GDestroyNotify)tunnel_sa_state_unref);
  return path;
}

void
tunnel_path_free (TunnelPath *path)
{
  if (path == NULL)
    return;
  g_ptr_array_unref (path->links);
  g_ptr_array_unref (path->sas);
  tunnel_clear_unref (path->clear);
  g_free (path);
}

guint
tunnel_path_get_mtu (const TunnelPath *path, guint link_mtu)
{
  TunnelOverhead overhead = { .mip_udp = path->mip_udp,
                              .encapsulating = path->encapsulating,
                              .udp_encap = path->udp_encap,
                              .outer6 = path->esp_remote.any.sa_family == AF_INET6,
                              .sa = path->out != NULL ? path->out->sa : NULL };

  return tunnel_plan_mtu (path->mode, link_mtu, &overhead);
}

gint64
tunnel_worker_now (void)
{
  struct timespec now;

  (void)clock_gettime (CLOCK_BOOTTIME, &now);
  return (gint64)now.tv_sec * ROAM_USEC_PER_SEC + now.tv_nsec / 1000;
}

/* -------------------------------------------------------------------------- lock ---- */

static void
lock_worker (TunnelWorker *worker)
{
  g_mutex_lock (&worker->turnstile);
  g_mutex_lock (&worker->lock);
  g_mutex_unlock (&worker->turnstile);
}

static void
unlock_worker (TunnelWorker *worker)
{
  g_mutex_unlock (&worker->lock);
}

TunnelMode
tunnel_worker_mode (const TunnelWorker *worker)
{
  return worker->halted ? TUNNEL_MODE_HOLD : worker->path->mode;
}

void
tunnel_worker_count_drop (TunnelWorker *worker, TunnelDrop drop)
{
  worker->drops[drop]++;
  switch (drop)
    {
    case TUNNEL_DROP_NONE:
    case TUNNEL_DROP_DUMMY:
      break;
    case TUNNEL_DROP_UNKNOWN_SPI:
      worker->stats.unknown_spi++;
      break;
    case TUNNEL_DROP_REPLAYED:
      worker->stats.replayed++;
      break;
    case TUNNEL_DROP_AUTHENTICATOR:
      worker->stats.bad_authenticator++;
      break;
    case TUNNEL_DROP_MODE:
      worker->stats.blocked++;
      break;
    case TUNNEL_DROP_TOO_BIG:
      worker->stats.tx_failed++;
      break;
    case TUNNEL_DROP_MALFORMED:
    case TUNNEL_DROP_NOT_IPV4:
    case TUNNEL_DROP_TTL:
    case TUNNEL_DROP_LOOP:
    case TUNNEL_DROP_SOURCE:
    case TUNNEL_DROP_END_POINT:
    case TUNNEL_DROP_DESTINATION:
    case TUNNEL_DROP_FRAGMENT:
    case TUNNEL_DROP_ECN:
    case TUNNEL_DROP_NEXT_HEADER:
    case TUNNEL_DROP_SEQUENCE:
    case TUNNEL_DROP_SPACE:
    case TUNNEL_N_DROPS:
      worker->stats.bad_inner++;
      break;
    }
}

/* ------------------------------------------------------------------------- timer ---- */

void
tunnel_worker_set_timer (TunnelWorker *worker)
{
  gint64 due_us = tunnel_keepalive_next_deadline (&worker->keepalive);
  struct itimerspec when = { 0 };

  if (worker->late.until_us != 0)
    due_us = roam_deadline_min (due_us, worker->late.until_us);
  if (due_us == worker->timer_us)
    return;
  worker->timer_us = due_us;
  if (due_us != ROAM_NEVER)
    {
      when.it_value.tv_sec = (time_t)(due_us / ROAM_USEC_PER_SEC);
      /* 0 would disarm it. */
      when.it_value.tv_nsec = (long)(due_us % ROAM_USEC_PER_SEC) * 1000 + 1;
    }
  if (timerfd_settime (worker->timer_fd, TFD_TIMER_ABSTIME, &when, NULL) < 0)
    g_warning ("Timer of the data plane: %s", g_strerror (errno));
}

static void
forget_late (TunnelWorker *worker)
{
  g_clear_pointer (&worker->late.clear, tunnel_clear_unref);
  worker->late.until_us = 0;
}

static void
process_timer (TunnelWorker *worker)
{
  guint64 expirations;

  /* Only so that it is no longer readable. */
  (void)!read (worker->timer_fd, &expirations, sizeof expirations);
  worker->timer_us = ROAM_NEVER;
  tunnel_keepalive_process_timer (worker);
  if (worker->late.until_us != 0 && tunnel_worker_now () >= worker->late.until_us)
    forget_late (worker);
  tunnel_worker_set_timer (worker);
}

/* -------------------------------------------------------------------------- loop ---- */

static void
watch (TunnelWorker *worker, int operation, int fd, Source source, int ifindex, guint32 events)
{
  struct epoll_event event = { .events = events, .data.u64 = (guint64)source | (guint64)ifindex << 32 };

  if (epoll_ctl (worker->epoll_fd, operation, fd, &event) < 0 && errno != ENOENT && errno != EEXIST)
    g_warning ("epoll: %s", g_strerror (errno));
}

/* The TUN is read unless packets shall wait in its queue. */
static void
update_tun_watch (TunnelWorker *worker)
{
  gboolean wanted = tunnel_worker_mode (worker) != TUNNEL_MODE_HOLD;

  if (wanted == worker->tun_watched)
    return;
  watch (worker, wanted ? EPOLL_CTL_ADD : EPOLL_CTL_DEL, worker->device->fd, SOURCE_TUN, 0, EPOLLIN);
  worker->tun_watched = wanted;
}

static TunnelLink *
find_link (const TunnelPath *path, int ifindex)
{
  for (guint i = 0; i < path->links->len; i++)
    {
      TunnelLink *link = g_ptr_array_index (path->links, i);

      if (link->ifindex == ifindex)
        return link;
    }
  return NULL;
}

/* An error on the TUN means that the device is gone: nothing more can come, and epoll would repeat it for ever. */
static void
process_tun (TunnelWorker *worker, guint32 events)
{
  if ((events & EPOLLIN) != 0)
    tunnel_outbound_process (worker);
  else if (worker->tun_watched)
    {
      g_critical ("The TUN device %s is gone: no traffic passes until roamd is restarted", worker->device->name);
      watch (worker, EPOLL_CTL_DEL, worker->device->fd, SOURCE_TUN, 0, 0);
    }
}

/* Both the present sockets of a mode in clear and those of the path before, which have the same name in epoll. */
static void
process_clear (TunnelWorker *worker, Source source, TunnelLink *link)
{
  const TunnelClear *all[] = { worker->path->clear, worker->late.clear };

  for (gsize i = 0; i < G_N_ELEMENTS (all); i++)
    {
      if (all[i] == NULL || all[i]->needs.ifindex != link->ifindex)
        continue;
      if (source == SOURCE_MIP_UDP && all[i]->udp_fd >= 0)
        tunnel_inbound_process_ipip (worker, link, all[i]->udp_fd);
      else if (source == SOURCE_ICMP && all[i]->icmp_fd >= 0)
        tunnel_inbound_process_icmp (worker, all[i]->icmp_fd);
    }
}

static void
process_wakeup (TunnelWorker *worker, const struct epoll_event *event)
{
  Source source = (Source)(event->data.u64 & G_MAXUINT32);
  TunnelLink *link;

  lock_worker (worker);
  /* By interface and not by pointer: the link may have left the plan since epoll_wait() returned. */
  link = find_link (worker->path, (int)(event->data.u64 >> 32));
  if (source == SOURCE_TUN)
    process_tun (worker, event->events);
  else if (source == SOURCE_TIMER)
    process_timer (worker);
  else if (link != NULL && source == SOURCE_UDP)
    tunnel_inbound_process_udp (worker, link, link->udp_fd);
  else if (link != NULL && source == SOURCE_UDP6)
    tunnel_inbound_process_udp (worker, link, link->udp6_fd);
  else if (link != NULL && source == SOURCE_ESP)
    tunnel_inbound_process_esp (worker, link, link->esp_fd);
  else if (link != NULL && source == SOURCE_ESP6)
    tunnel_inbound_process_esp (worker, link, link->esp6_fd);
  else if (link != NULL && source == SOURCE_IPIP)
    tunnel_inbound_process_ipip (worker, link, link->ipip_fd);
  else if (link != NULL)
    process_clear (worker, source, link);
  else
    /* Sockets of a link that left the plan, kept for late packets: nobody would read them empty. */
    forget_late (worker);
  unlock_worker (worker);
}

static gpointer
run (gpointer data)
{
  TunnelWorker *worker = data;
  struct epoll_event events[MAX_WAKEUPS];

  for (;;)
    {
      int n = epoll_wait (worker->epoll_fd, events, MAX_WAKEUPS, -1);

      for (int i = 0; i < n; i++)
        if ((events[i].data.u64 & G_MAXUINT32) == SOURCE_STOP)
          return NULL;
        else
          process_wakeup (worker, &events[i]);
      if (n < 0 && errno != EINTR)
        g_error ("epoll_wait: %s", g_strerror (errno));
    }
}

/* -------------------------------------------------------------------------- life ---- */

TunnelWorker *
tunnel_worker_new (const TunnelDevice *device, TunnelQueue *queue, guint32 mark, GError **error)
{
  TunnelWorker *worker = g_new0 (TunnelWorker, 1);

  worker->device = device;
  worker->queue = queue;
  worker->mark = mark;
  worker->path = tunnel_path_new ();
  worker->reassembly = tunnel_reassembly_new ();
  g_mutex_init (&worker->turnstile);
  g_mutex_init (&worker->lock);
  worker->epoll_fd = epoll_create1 (EPOLL_CLOEXEC);
  worker->stop_fd = eventfd (0, EFD_CLOEXEC);
  worker->timer_fd = timerfd_create (CLOCK_BOOTTIME, TFD_CLOEXEC | TFD_NONBLOCK);
  worker->timer_us = ROAM_NEVER;
  if (worker->epoll_fd >= 0 && worker->stop_fd >= 0 && worker->timer_fd >= 0)
    {
      watch (worker, EPOLL_CTL_ADD, worker->stop_fd, SOURCE_STOP, 0, EPOLLIN);
      watch (worker, EPOLL_CTL_ADD, worker->timer_fd, SOURCE_TIMER, 0, EPOLLIN);
      update_tun_watch (worker);
      (void)!getrandom (&worker->keepalive_id, sizeof worker->keepalive_id, 0);
      worker->thread = g_thread_try_new ("roamd-tunnel", run, worker, error);
      if (worker->thread != NULL)
        return worker;
    }
  else
    g_set_error (error, G_IO_ERROR, g_io_error_from_errno (errno), "epoll: %s", g_strerror (errno));
  tunnel_worker_free (worker);
  return NULL;
}

void
tunnel_worker_free (TunnelWorker *worker)
{
  if (worker == NULL)
    return;
  if (worker->thread != NULL)
    {
      (void)eventfd_write (worker->stop_fd, 1);
      g_thread_join (worker->thread);
    }
  forget_late (worker);
  tunnel_path_free (worker->path);
  tunnel_reassembly_free (worker->reassembly);
  if (worker->epoll_fd >= 0)
    close (worker->epoll_fd);
  if (worker->stop_fd >= 0)
    close (worker->stop_fd);
  if (worker->timer_fd >= 0)
    close (worker->timer_fd);
  g_mutex_clear (&worker->lock);
  g_mutex_clear (&worker->turnstile);
  g_free (worker);
}

/* Sockets that are new get watched; those that went are closed with the old path, which ends their watch. */
static void
watch_links (TunnelWorker *worker, const TunnelPath *old_path)
{
  const TunnelClear *clear = worker->path->clear;

  for (guint i = 0; i < worker->path->links->len; i++)
    {
      TunnelLink *link = g_ptr_array_index (worker->path->links, i);

      if (find_link (old_path, link->ifindex) == link)
        continue;
      watch (worker, EPOLL_CTL_ADD, link->udp_fd, SOURCE_UDP, link->ifindex, EPOLLIN);
      watch (worker, EPOLL_CTL_ADD, link->esp_fd, SOURCE_ESP, link->ifindex, EPOLLIN);
      watch (worker, EPOLL_CTL_ADD, link->ipip_fd, SOURCE_IPIP, link->ifindex, EPOLLIN);
      if (link->udp6_fd >= 0)
        watch (worker, EPOLL_CTL_ADD, link->udp6_fd, SOURCE_UDP6, link->ifindex, EPOLLIN);
      if (link->esp6_fd >= 0)
        watch (worker, EPOLL_CTL_ADD, link->esp6_fd, SOURCE_ESP6, link->ifindex, EPOLLIN);
    }
  if (clear == NULL || clear == old_path->clear)
    return;
  if (clear->udp_fd >= 0)
    watch (worker, EPOLL_CTL_ADD, clear->udp_fd, SOURCE_MIP_UDP, clear->needs.ifindex, EPOLLIN);
  if (clear->icmp_fd >= 0)
    watch (worker, EPOLL_CTL_ADD, clear->icmp_fd, SOURCE_ICMP, clear->needs.ifindex, EPOLLIN);
}

static gboolean
same_tunnel (const TunnelIpip *a, const TunnelIpip *b)
{
  return a->local == b->local && a->remote == b->remote && a->udp == b->udp && a->udp_port == b->udp_port;
}

/* Which tunnels stand for one another: both in clear on proved links, or both inside ESP; 0: none does. */
static guint
security_class (TunnelMode mode)
{
  switch (mode)
    {
    case TUNNEL_MODE_C:
    case TUNNEL_MODE_F:
      return 1;
    case TUNNEL_MODE_MC:
      return 2;
    case TUNNEL_MODE_BLOCKED:
    case TUNNEL_MODE_HOLD:
    case TUNNEL_MODE_HOME:
      return 0;
    }
  return 0;
}

/* Decision D-38; nothing of a network that trust left, which a HOLD or another class in between says. */
static void
keep_late (TunnelWorker *worker, const TunnelPath *old_path, const TunnelPath *path)
{
  TunnelMode old_mode = tunnel_worker_mode (worker);
  guint class = security_class (old_mode);

  forget_late (worker);
  if (class == 0 || class != security_class (path->mode))
    return;
  worker->late = (TunnelLate){
    .until_us = tunnel_worker_now () + TUNNEL_LATE_US,
    .ipip = old_path->ipip,
    .ifindex = old_mode == TUNNEL_MODE_MC ? 0 : old_path->ifindex,
    .clear = old_path->clear != NULL ? tunnel_clear_ref (old_path->clear) : NULL,
  };
}

const TunnelIpip *
tunnel_worker_get_late (const TunnelWorker *worker, int ifindex, gint64 now_us)
{
  if (worker->late.until_us == 0 || now_us >= worker->late.until_us || worker->late.ifindex != ifindex)
    return NULL;
  return &worker->late.ipip;
}

guint
tunnel_worker_get_learned_mtu (TunnelWorker *worker, const TunnelPath *path)
{
  guint mtu = G_MAXUINT;

  lock_worker (worker);
  if (same_tunnel (&worker->path->ipip, &path->ipip))
    mtu = tunnel_icmp_get_mtu (&worker->soft, tunnel_worker_now ());
  unlock_worker (worker);
  return mtu;
}

void
tunnel_worker_set_path (TunnelWorker *worker, TunnelPath *path)
{
  TunnelPath *old_path;
  gboolean held;

  lock_worker (worker);
  held = tunnel_worker_mode (worker) == TUNNEL_MODE_HOLD;
  old_path = worker->path;
  if (!same_tunnel (&old_path->ipip, &path->ipip) || tunnel_worker_mode (worker) != path->mode)
    keep_late (worker, old_path, path);
  if (!same_tunnel (&old_path->ipip, &path->ipip))
    {
      worker->soft = (TunnelSoftState){ 0 };
      tunnel_reassembly_clear (worker->reassembly);
    }
  worker->path = path;
  worker->halted = FALSE;
  worker->unanswered_us = 0; /* another path has its own second */
  worker->draining = held && path->mode != TUNNEL_MODE_HOLD;
  watch_links (worker, old_path);
  update_tun_watch (worker);
  tunnel_keepalive_update (worker);
  tunnel_worker_set_timer (worker);
  unlock_worker (worker);
  tunnel_path_free (old_path);
}

void
tunnel_worker_halt (TunnelWorker *worker)
{
  lock_worker (worker);
  worker->halted = TRUE;
  forget_late (worker);
  update_tun_watch (worker);
  tunnel_keepalive_update (worker);
  tunnel_worker_set_timer (worker);
  unlock_worker (worker);
}

const TunnelPath *
tunnel_worker_get_path (const TunnelWorker *worker)
{
  return worker->path;
}

gboolean
tunnel_worker_send_ike (TunnelWorker *worker, TunnelLink *link, const RoamAddr *local, const RoamEndpoint *remote,
                        GBytes *datagram)
{
  gboolean sent;
  int error;

  lock_worker (worker);
  sent = tunnel_link_send_ike (link, local, remote, datagram);
  error = errno;
  unlock_worker (worker);
  errno = error;
  return sent;
}

gboolean
tunnel_worker_send_inner (TunnelWorker *worker, const guint8 *packet, gsize length)
{
  gboolean sent = FALSE;
  int error = ENOTCONN;

  lock_worker (worker);
  if (length <= TUNNEL_IO_MAX_MTU && worker->path->out != NULL)
    {
      memcpy (worker->batch.slots[0] + TUNNEL_HEADROOM, packet, length);
      sent = tunnel_outbound_send_inner (worker, length);
      error = errno;
    }
  unlock_worker (worker);
  errno = error;
  return sent;
}

void
tunnel_worker_get_stats (TunnelWorker *worker, TunnelIoStats *ret_stats)
{
  lock_worker (worker);
  *ret_stats = worker->stats;
  unlock_worker (worker);
}

void
tunnel_worker_set_mtu (TunnelWorker *worker, guint mtu)
{
  lock_worker (worker);
  worker->mtu = mtu;
  unlock_worker (worker);
}

guint
tunnel_worker_get_mtu (TunnelWorker *worker)
{
  guint mtu;

  lock_worker (worker);
  mtu = worker->mtu;
  unlock_worker (worker);
  return mtu;
}
