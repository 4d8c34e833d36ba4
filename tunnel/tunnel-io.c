/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "tunnel/tunnel-io-private.h"
#include "tunnel/tunnel-plan-private.h"

#include <errno.h>
#include <string.h>

#define DEFAULT_HOLD_PACKETS 1024
#define DEFAULT_TABLE 5266
#define DEFAULT_MARK 0x5266
/* A registration with every extension roamd knows is some hundred octets. */
#define MAX_REGISTRATION 2048
/* Until a path is known. */
#define INITIAL_MTU 1280

struct _TunnelIo
{
  TunnelIoConfig config;
  TunnelDevice device;
  TunnelQueue *queue;
  TunnelRoutes *routes;
  TunnelWorker *worker;
  TunnelPlan plan; /* as applied last; HOLD after hold_now */
  char *backend;
  guint64 hold_base; /* the TUN's drop counter when HOLD began */
  guint64 hold_dropped;
};

/* ------------------------------------------------------------------------- life ---- */

static char *
describe_backend (void)
{
  g_autofree char *reason = tunnel_probe_esp ();

  return g_strdup_printf ("user-space (TUN, ESP in UDP): %s",
                          reason != NULL ? reason : "the kernel has ESP, this version does not use it");
}

static gboolean
open_all (TunnelIo *io, GError **error)
{
  TunnelRoutesConfig routes = { .home_address = io->config.home_address,
                                .table = io->config.table,
                                .mark = io->config.mark,
                                .hold_packets = io->config.hold_packets };

  if (io->config.home_address.family != ROAM_FAMILY_INET4 || io->config.home_agent.family != ROAM_FAMILY_INET4)
    {
      g_set_error (error, G_IO_ERROR, G_IO_ERROR_INVALID_ARGUMENT, "home address and home agent must be IPv4");
      return FALSE;
    }
  if (!tunnel_device_open (&io->device, io->config.tun_name, error))
    return FALSE;
  routes.tun_ifindex = io->device.ifindex;
  io->queue = tunnel_queue_new (error);
  if (io->queue == NULL)
    return FALSE;
  /* Reads before the routes lead here, so that what an earlier run left in the queue is dropped. */
  io->worker = tunnel_worker_new (&io->device, io->queue, io->config.mark, error);
  if (io->worker == NULL)
    return FALSE;
  io->routes = tunnel_routes_new (&routes, error);
  if (io->routes == NULL)
    return FALSE;
  if (!tunnel_device_set_mtu (&io->device, INITIAL_MTU))
    {
      g_set_error (error, G_IO_ERROR, g_io_error_from_errno (errno), "MTU of %s: %s", io->device.name,
                   g_strerror (errno));
      return FALSE;
    }
  tunnel_worker_set_mtu (io->worker, INITIAL_MTU);
  return TRUE;
}

TunnelIo *
tunnel_io_new (const TunnelIoConfig *config, GError **error)
{
  TunnelIo *io = g_new0 (TunnelIo, 1);

  io->config = *config;
  io->config.tun_name = NULL;
  io->device.fd = -1;
  if (io->config.hold_packets == 0)
    io->config.hold_packets = DEFAULT_HOLD_PACKETS;
  if (io->config.table == 0)
    io->config.table = DEFAULT_TABLE;
  if (io->config.mark == 0)
    io->config.mark = DEFAULT_MARK;
  tunnel_plan_init (&io->plan);
  io->backend = describe_backend ();
  io->config.tun_name = config->tun_name;
  if (open_all (io, error))
    {
      io->config.tun_name = io->device.name;
      return io;
    }
  tunnel_io_free (io, FALSE);
  return NULL;
}

void
tunnel_io_free (TunnelIo *io, gboolean keep)
{
  if (io == NULL)
    return;
  tunnel_worker_free (io->worker);
  tunnel_routes_free (io->routes, keep);
  tunnel_device_close (&io->device, keep);
  tunnel_queue_free (io->queue);
  tunnel_plan_clear (&io->plan);
  g_free (io->backend);
  g_free (io);
}

const char *
tunnel_io_get_backend (const TunnelIo *io)
{
  return io->backend;
}

guint
tunnel_io_get_requests (const TunnelIo *io)
{
  return tunnel_routes_get_requests (io->routes);
}

/* ----------------------------------------------------------------- plan to path ---- */

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

/* Sockets live as long as their interface is in the plan: what is under way to an old address still arrives. */
static TunnelLink *
add_link (TunnelIo *io, TunnelPath *path, int ifindex, GError **error)
{
  TunnelLink *link = find_link (path, ifindex);

  if (link != NULL)
    return link;
  link = find_link (tunnel_worker_get_path (io->worker), ifindex);
  if (link != NULL)
    tunnel_link_ref (link);
  else
    {
      link = tunnel_link_new (ifindex, io->config.mark, error);
      if (link == NULL)
        return NULL;
      tunnel_routes_relax_rp_filter (io->routes, ifindex);
    }
  g_ptr_array_add (path->links, link);
  return link;
}

static gboolean
add_links (TunnelIo *io, TunnelPath *path, const TunnelPlan *plan, GError **error)
{
  for (guint i = 0; i < plan->n_links; i++)
    {
      g_autoptr (GError) link_error = NULL;

      /* A link that just went away must not stop those that are there; the ones in use are checked below. */
      if (add_link (io, path, plan->links[i], &link_error) == NULL)
        g_info ("No sockets: %s", link_error->message);
    }
  if (plan->out_sa != 0)
    {
      path->esp_link = add_link (io, path, plan->esp_ifindex, error);
      if (path->esp_link == NULL)
        return FALSE;
    }
  if (plan->mode == TUNNEL_MODE_C || plan->mode == TUNNEL_MODE_F || plan->mode == TUNNEL_MODE_HOME)
    {
      path->clear_link = add_link (io, path, plan->ifindex, error);
      if (path->clear_link == NULL)
        return FALSE;
    }
  return TRUE;
}

/* Sockets of the mode that is left are of no use to the next one, unless nothing changed there. */
static gboolean
add_clear (TunnelIo *io, TunnelPath *path, const TunnelPlan *plan, GError **error)
{
  gboolean c_udp = plan->mode == TUNNEL_MODE_C && plan->mip_udp;
  TunnelClearNeeds needs = { .ifindex = plan->ifindex,
                             .packet = plan->mode == TUNNEL_MODE_F,
                             .icmp = plan->mode == TUNNEL_MODE_C,
                             .mip_udp = c_udp,
                             .port = c_udp ? plan->mip_udp_port : 0 };
  TunnelClear *clear = tunnel_worker_get_path (io->worker)->clear;

  if (!needs.packet && !needs.icmp)
    return TRUE;
  if (clear != NULL && memcmp (&clear->needs, &needs, sizeof needs) == 0)
    path->clear = tunnel_clear_ref (clear);
  else
    path->clear = tunnel_clear_new (&needs, io->config.mark, error);
  return path->clear != NULL;
}

static TunnelSaState *
find_state (const TunnelPath *path, const TunnelSa *sa)
{
  for (guint i = 0; i < path->sas->len; i++)
    {
      TunnelSaState *state = g_ptr_array_index (path->sas, i);

      if (tunnel_sa_equal (state->sa, sa))
        return state;
    }
  return NULL;
}

static gboolean
add_sas (TunnelIo *io, TunnelPath *path, const TunnelPlan *plan, GError **error)
{
  for (guint i = 0; plan->sas != NULL && i < plan->sas->len; i++)
    {
      TunnelSa *sa = g_ptr_array_index (plan->sas, i);
      TunnelSaState *state = find_state (tunnel_worker_get_path (io->worker), sa);

      state = state != NULL ? tunnel_sa_state_ref (state) : tunnel_sa_state_new (sa, error);
      if (state == NULL)
        return FALSE;
      g_ptr_array_add (path->sas, state);
      if (sa->id == plan->out_sa)
        path->out = state;
    }
  if (plan->out_sa == 0 || path->out != NULL)
    return TRUE;
  g_set_error (error, G_IO_ERROR, G_IO_ERROR_INVALID_ARGUMENT, "plan encrypts with Child SA %u, which it does not hold",
               plan->out_sa);
  return FALSE;
}

static gboolean
is_inet4 (const RoamAddr *addr, const char *what, GError **error)
{
  if (addr->family == ROAM_FAMILY_INET4)
    return TRUE;
  g_set_error (error, G_IO_ERROR, G_IO_ERROR_NOT_SUPPORTED, "%s must be an IPv4 address", what);
  return FALSE;
}

static gboolean
is_one_family (const RoamAddr *local, const RoamAddr *remote, GError **error)
{
  if (roam_addr_is_set (local) && local->family == remote->family)
    return TRUE;
  g_set_error (error, G_IO_ERROR, G_IO_ERROR_INVALID_ARGUMENT, "local end of ESP and gateway must be of one family");
  return FALSE;
}

static gboolean
check_agent (const TunnelPlan *plan, GError **error)
{
  static const guint8 none[sizeof plan->agent_link_layer];

  if (!is_inet4 (&plan->agent, "foreign agent", error))
    return FALSE;
  if (memcmp (plan->agent_link_layer, none, sizeof none) != 0 && (plan->agent_link_layer[0] & 1) == 0)
    return TRUE;
  g_set_error (error, G_IO_ERROR, G_IO_ERROR_INVALID_ARGUMENT, "mode f without the agent's link-layer address");
  return FALSE;
}

static gboolean
check_plan (const TunnelPlan *plan, GError **error)
{
  if (plan->out_sa != 0 &&
      !(is_one_family (&plan->esp_local.addr, &plan->esp_remote.addr, error) && is_inet4 (&plan->tia, "TIA", error)))
    return FALSE;
  if (plan->mode == TUNNEL_MODE_C && !is_inet4 (&plan->mip_local, "care-of address", error))
    return FALSE;
  if (plan->mode == TUNNEL_MODE_F && !check_agent (plan, error))
    return FALSE;
  if (plan->mode == TUNNEL_MODE_MC && plan->out_sa == 0)
    {
      g_set_error (error, G_IO_ERROR, G_IO_ERROR_INVALID_ARGUMENT, "mode mc without a Child SA");
      return FALSE;
    }
  if (plan->mip_udp && plan->mip_udp_port == 0)
    {
      g_set_error (error, G_IO_ERROR, G_IO_ERROR_INVALID_ARGUMENT, "tunnel in UDP without a port");
      return FALSE;
    }
  return plan->mode != TUNNEL_MODE_MC || is_inet4 (&plan->mip_local, "TIA", error);
}

static const RoamAddr *
get_home_agent (const TunnelIo *io, const TunnelPlan *plan)
{
  return plan->home_agent.family == ROAM_FAMILY_INET4 ? &plan->home_agent : &io->config.home_agent;
}

/* The ends of the Mobile IPv4 tunnel; in F the agent has it, and what is left to us begins and ends at the home
 * address. */
static void
set_tunnels (const TunnelIo *io, TunnelPath *path, const TunnelPlan *plan)
{
  const RoamAddr *local = plan->mode == TUNNEL_MODE_F ? &io->config.home_address : &plan->mip_local;

  /* RFC 3519 4.4: not with an agent's care-of address. */
  path->mip_udp = plan->mip_udp && (plan->mode == TUNNEL_MODE_C || plan->mode == TUNNEL_MODE_MC);
  path->ipip = (TunnelIpip){ .local = roam_addr_to_u32 (local),
                             .remote = roam_addr_to_u32 (get_home_agent (io, plan)),
                             .home_address = roam_addr_to_u32 (&io->config.home_address),
                             .broadcasts = plan->broadcasts,
                             .ecn_compatibility = io->config.ecn_compatibility,
                             .udp = path->mip_udp,
                             .udp_port = plan->mip_udp_port };
  path->keepalive_s = plan->keepalive_s;
  path->keepalive_at_once = plan->keepalive_at_once;
  path->to_agent = path->ipip;
  path->to_agent.remote = roam_addr_to_u32 (&plan->agent);
  path->encapsulating = plan->encapsulating;
  tunnel_sockaddr_from_link_layer (&path->agent, plan->ifindex, plan->agent_link_layer);
}

static TunnelPath *
make_path (TunnelIo *io, const TunnelPlan *plan, GError **error)
{
  g_autoptr (TunnelPath) path = tunnel_path_new ();

  if (!check_plan (plan, error) || !add_sas (io, path, plan, error) || !add_links (io, path, plan, error) ||
      !add_clear (io, path, plan, error))
    return NULL;
  path->mode = plan->mode;
  set_tunnels (io, path, plan);
  path->ifindex = plan->ifindex;
  path->esp_local = plan->esp_local.addr;
  path->tia = plan->tia;
  path->esp_remote_size =
    tunnel_outer_from_endpoint (&path->esp_remote, &plan->esp_remote.addr, plan->udp_encap ? plan->esp_remote.port : 0);
  path->udp_encap = plan->udp_encap;
  return g_steal_pointer (&path);
}

/* ------------------------------------------------------------------------ apply ---- */

/* 0: leave it as it is (nothing is sent, or the plan's MTU is unknown). */
static guint
wanted_mtu (TunnelIo *io, const TunnelPlan *plan)
{
  guint mtu = 0;

  if (plan->mtu != 0)
    return MIN (plan->mtu, TUNNEL_IO_MAX_MTU);
  if (plan->mode == TUNNEL_MODE_C || plan->mode == TUNNEL_MODE_F)
    mtu = tunnel_link_get_mtu (plan->ifindex);
  else if (plan->mode == TUNNEL_MODE_MC)
    mtu = tunnel_link_path_mtu (plan->esp_ifindex, io->config.mark, &plan->esp_remote.addr);
  if (mtu == 0)
    return 0;
  return MIN (tunnel_plan_get_mtu (plan, mtu), TUNNEL_IO_MAX_MTU);
}

static void
set_mtu (TunnelIo *io, guint mtu)
{
  if (!tunnel_device_set_mtu (&io->device, mtu))
    {
      g_warning ("MTU %u of %s: %s", mtu, io->device.name, g_strerror (errno));
      return;
    }
  tunnel_worker_set_mtu (io->worker, mtu);
}

static void
begin_hold (TunnelIo *io)
{
  io->hold_base = tunnel_routes_get_tun_dropped (io->routes);
}

static void
end_hold (TunnelIo *io)
{
  io->hold_dropped += tunnel_routes_get_tun_dropped (io->routes) - io->hold_base;
}

/* The worker's new path between the two halves of what the kernel must do: closing before, opening after. */
static gboolean
switch_path (TunnelIo *io, const TunnelPlan *plan, TunnelPath *path, guint mtu, GError **error)
{
  guint old_mtu = tunnel_worker_get_mtu (io->worker);

  if (mtu != 0 && mtu < old_mtu)
    set_mtu (io, mtu);
  if (plan->mode != TUNNEL_MODE_HOME && !tunnel_routes_use_tun (io->routes, error))
    {
      tunnel_path_free (path);
      return FALSE;
    }
  tunnel_worker_set_path (io->worker, path);
  if (mtu > old_mtu)
    set_mtu (io, mtu);
  if (plan->mode == TUNNEL_MODE_HOME && !tunnel_routes_use_home (io->routes, plan->ifindex, &plan->next_hop, error))
    {
      /* Half at home is not home: nothing passes until the next plan. */
      tunnel_io_hold_now (io);
      return FALSE;
    }
  return TRUE;
}

gboolean
tunnel_io_apply (TunnelIo *io, const TunnelPlan *plan, GError **error)
{
  TunnelChanges changes = tunnel_plan_diff (&io->plan, plan);
  TunnelMode old_mode = io->plan.mode;
  TunnelPath *path;
  guint mtu = 0;

  if (changes == 0)
    return TRUE;
  path = make_path (io, plan, error);
  if (path == NULL)
    return FALSE;
  if ((changes & ~(TunnelChanges)(TUNNEL_CHANGE_LINKS | TUNNEL_CHANGE_DNS)) != 0)
    mtu = wanted_mtu (io, plan);
  if (mtu != 0 && plan->mtu == 0)
    mtu = MIN (mtu, tunnel_worker_get_learned_mtu (io->worker, path));
  if (!switch_path (io, plan, path, mtu, error))
    return FALSE;
  if (old_mode == TUNNEL_MODE_HOLD && plan->mode != TUNNEL_MODE_HOLD)
    end_hold (io);
  if (old_mode != TUNNEL_MODE_HOLD && plan->mode == TUNNEL_MODE_HOLD)
    begin_hold (io);
  tunnel_plan_copy (&io->plan, plan);
  return TRUE;
}

void
tunnel_io_hold_now (TunnelIo *io)
{
  g_autoptr (GError) error = NULL;

  tunnel_worker_halt (io->worker);
  /* At home the kernel sends the user's packets: they go to the TUN and wait there. */
  if (!tunnel_routes_use_tun (io->routes, &error))
    g_critical ("Traffic of the home link could not be held: %s", error->message);
  if (io->plan.mode != TUNNEL_MODE_HOLD)
    begin_hold (io);
  io->plan.mode = TUNNEL_MODE_HOLD;
}

/* -------------------------------------------------------------- events and sending ---- */

int
tunnel_io_get_fd (const TunnelIo *io)
{
  return tunnel_queue_get_fd (io->queue);
}

gboolean
tunnel_io_pop_event (TunnelIo *io, TunnelIoEvent *ret_event)
{
  return tunnel_queue_pop (io->queue, ret_event);
}

gboolean
tunnel_io_send_ike (TunnelIo *io, int ifindex, const RoamAddr *local, const RoamEndpoint *remote, GBytes *datagram)
{
  TunnelLink *link = find_link (tunnel_worker_get_path (io->worker), ifindex);

  if (link == NULL)
    {
      errno = ENODEV;
      return FALSE;
    }
  return tunnel_worker_send_ike (io->worker, link, local, remote, datagram);
}

gboolean
tunnel_io_send_registration (TunnelIo *io, const RoamAddr *source, const RoamEndpoint *destination, guint8 ttl,
                             GBytes *datagram)
{
  guint8 packet[MAX_REGISTRATION];
  gsize payload_length, length;
  const guint8 *payload = g_bytes_get_data (datagram, &payload_length);

  length = tunnel_inner_build_registration (packet, sizeof packet, source, destination, ttl, payload, payload_length);
  return length != 0 && tunnel_worker_send_inner (io->worker, packet, length);
}

gboolean
tunnel_io_send_to_agent (int ifindex, const guint8 *link_layer, const RoamAddr *source, const RoamEndpoint *destination,
                         guint8 ttl, GBytes *datagram)
{
  guint8 packet[MAX_REGISTRATION];
  gsize payload_length, length;
  const guint8 *payload = g_bytes_get_data (datagram, &payload_length);

  length = tunnel_inner_build_registration (packet, sizeof packet, source, destination, ttl, payload, payload_length);
  if (length != 0)
    return tunnel_clear_send_packet (ifindex, link_layer, packet, length);
  errno = EINVAL;
  return FALSE;
}

void
tunnel_io_get_stats (TunnelIo *io, TunnelIoStats *ret_stats)
{
  tunnel_worker_get_stats (io->worker, ret_stats);
  ret_stats->hold_dropped = io->hold_dropped;
  if (io->plan.mode == TUNNEL_MODE_HOLD)
    ret_stats->hold_dropped += tunnel_routes_get_tun_dropped (io->routes) - io->hold_base;
}
