/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "lab/gateway/gw-core-private.h"

#include <errno.h>
#include <glib-unix.h>
#include <string.h>
#include <sys/random.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

/* The core of roam-gw: sockets and clock into the engine, its actions out to sockets, data path and log. */

/* Lines a second about what anybody can cause. */
#define LOG_LINES_PER_SECOND 10u
#define NON_ESP_MARKER 4u /* RFC 3948 2.2 */
/* Clients that are there answer a DELETE within a round trip; one retransmission is worth waiting for. */
#define STOP_MS 1500u

RoamNow
gw_now (void)
{
  struct timespec boot;

  clock_gettime (CLOCK_BOOTTIME, &boot);
  return roam_now_make (boot.tv_sec * ROAM_USEC_PER_SEC + boot.tv_nsec / 1000, g_get_real_time ());
}

/* ----------------------------------------------------------------------- log ---- */

static gboolean
may_log (Gw *gw)
{
  gint64 second = gw_now ().boot_us / ROAM_USEC_PER_SEC;

  if (second != gw->log_second)
    gw->log_lines = 0;
  gw->log_second = second;
  return gw->log_lines++ < LOG_LINES_PER_SECOND;
}

static void
log_established (Gw *gw, const GwClient *client)
{
  char inner4[ROAM_ADDR_STRLEN], inner6[ROAM_ADDR_STRLEN], remote[ROAM_ADDR_STRLEN];
  IkeStatus status;

  if (!ike_responder_get_status (gw->responder, client->number, &status))
    return;
  g_message ("Client %u: %s at %s%s has %s%s%s, %s", client->number, status.remote_id,
             roam_endpoint_to_string (&status.remote, remote), status.nat_remote ? " behind a NAT" : "",
             roam_addr_to_string (&client->inner4, inner4), roam_addr_is_set (&client->inner6) ? " and " : "",
             roam_addr_is_set (&client->inner6) ? roam_addr_to_string (&client->inner6, inner6) : "", status.dialect);
}

static void
log_path (const GwClient *client)
{
  char remote[ROAM_ADDR_STRLEN], local[ROAM_ADDR_STRLEN];

  g_message ("Client %u: moved to %s, here %s, ESP %s", client->number,
             roam_endpoint_to_string (&client->remote, remote), roam_endpoint_to_string (&client->local, local),
             client->udp_encap ? "in UDP" : "by itself");
}

/* --------------------------------------------------------------------- events ---- */

/* For clients that a NAT may move: RFC 7296 2.23; with MOBIKE they say so themselves (RFC 4555 3.8). */
static void
set_follow (Gw *gw, GwClient *client)
{
  IkeStatus status;

  if (ike_responder_get_status (gw->responder, client->number, &status))
    client->follow = strcmp (status.dialect, "mobike") != 0 && status.nat_remote && !status.nat_local;
}

/* @client: NULL when it ended before anything was sent to it. */
static void
end_client (Gw *gw, guint32 number, const GwClient *client, const IkeEvent *event)
{
  char remote[ROAM_ADDR_STRLEN];

  if (client != NULL && client->established)
    g_message ("Client %u: ended: %s", number, event->reason);
  else if (may_log (gw))
    g_message ("Client %u%s%s: refused: %s", number, client != NULL ? " at " : "",
               client != NULL ? roam_endpoint_to_string (&client->ike_remote, remote) : "", event->reason);
  gw_table_remove (gw->table, number);
}

static void
take_established (Gw *gw, GwClient *client, const IkeEvent *event)
{
  client->established = TRUE;
  gw_table_set_inner (gw->table, client, &event->configuration.tia4, &event->configuration.tia6);
  set_follow (gw, client);
  log_established (gw, client);
}

static void
take_event (Gw *gw, guint32 number, GwClient *client, const IkeEvent *event)
{
  switch (event->type)
    {
    case IKE_EVENT_ESTABLISHED:
      if (client != NULL)
        take_established (gw, client, event);
      return;
    case IKE_EVENT_NAT_CHANGED:
      if (client != NULL)
        set_follow (gw, client);
      g_message ("Client %u: %s", number, event->nat_remote ? "is behind a NAT now" : "is not behind a NAT any more");
      return;
    case IKE_EVENT_PATH_OK:
    case IKE_EVENT_PATH_CHANGED:
      return;
    case IKE_EVENT_PATH_FAILED:
      g_message ("Client %u: does not answer: %s", number, event->reason);
      return;
    case IKE_EVENT_FAILED:
    case IKE_EVENT_AUTH_FAILED:
    case IKE_EVENT_DEAD:
      end_client (gw, number, client, event);
      return;
    case IKE_EVENT_TIA_CHANGED: /* of the client's side */
    case IKE_EVENT_REDIRECTED:
    case IKE_EVENT_RESOLVE:
      return;
    }
}

/* -------------------------------------------------------------------- actions ---- */

static void
send_ike (Gw *gw, GwClient *client, const IkeAction *action)
{
  GwDatagram datagram = { .ifindex = action->send.ifindex, .local = action->send.local, .remote = action->send.remote };
  char remote[ROAM_ADDR_STRLEN];

  /* sendmsg() only reads. */
  datagram.data = (guint8 *)g_bytes_get_data (action->send.datagram, &datagram.length);
  if (client != NULL)
    client->ike_remote = action->send.remote;
  if (!gw_sockets_send (gw->sockets, &datagram))
    g_debug ("Sending to %s: %s", roam_endpoint_to_string (&action->send.remote, remote), g_strerror (errno));
}

static void
add_sa (Gw *gw, GwClient *client, const IkeAction *action)
{
  IkeChildSa *child = action->child_add.child;

  if (!gw_table_add_sa (gw->table, client, child, action->child_add.use_outbound))
    g_warning ("Client %u: Child SA %u: the data path cannot do its algorithms", client->number, child->id);
  else if (client->established)
    g_message ("Client %u: Child SA %u follows, SPI %08x in, %08x out", client->number, child->id, child->spi_in,
               child->spi_out);
}

/* NULL: nobody in particular, or one that has ended; its last messages may still be under way. */
static GwClient *
find_client (Gw *gw, guint32 number)
{
  GwClient *client = gw_table_find (gw->table, number);
  IkeStatus status;

  if (client == NULL && number != 0 && ike_responder_get_status (gw->responder, number, &status))
    client = gw_table_get (gw->table, number);
  return client;
}

static void
perform (Gw *gw, guint32 number, const IkeAction *action)
{
  GwClient *client = find_client (gw, number);

  switch (action->type)
    {
    case IKE_ACTION_SEND:
      send_ike (gw, client, action);
      return;
    case IKE_ACTION_EVENT:
      take_event (gw, number, client, &action->event);
      return;
    case IKE_ACTION_CHILD_ADD:
      if (client != NULL)
        add_sa (gw, client, action);
      return;
    case IKE_ACTION_CHILD_USE:
      if (client != NULL)
        gw_table_use_sa (client, action->child_use.child_id);
      return;
    case IKE_ACTION_CHILD_REMOVE:
      if (client != NULL)
        gw_table_remove_sa (gw->table, client, action->child_remove.child_id);
      return;
    case IKE_ACTION_CHILD_MOVE:
      if (client == NULL)
        return;
      gw_table_move (client, action->child_move.ifindex, &action->child_move.local, &action->child_move.remote,
                     action->child_move.udp_encap);
      log_path (client);
      return;
    case IKE_ACTION_SIGN: /* of the client's side */
    case IKE_ACTION_FETCH:
    case IKE_ACTION_TICKET:
      return;
    }
}

static void
arm_timer (Gw *gw)
{
  gint64 deadline = ike_responder_next_deadline (gw->responder);
  struct itimerspec when = { 0 };

  if (deadline == gw->timer_us)
    return;
  gw->timer_us = deadline;
  if (deadline != ROAM_NEVER)
    {
      deadline = MAX (deadline, 1); /* 0 would disarm it */
      when.it_value.tv_sec = deadline / ROAM_USEC_PER_SEC;
      when.it_value.tv_nsec = deadline % ROAM_USEC_PER_SEC * 1000;
    }
  timerfd_settime (gw->timer_fd, TFD_TIMER_ABSTIME, &when, NULL);
}

static gboolean
report_stopped (gpointer user_data)
{
  Gw *gw = user_data;
  GSourceFunc stopped = gw->stopped;

  gw->stop_source = 0;
  gw->stopped = NULL;
  if (stopped != NULL)
    stopped (gw->stopped_data);
  return G_SOURCE_REMOVE;
}

static void
drain (Gw *gw)
{
  guint32 number;

  for (;;)
    {
      g_auto (IkeAction) action = { 0 };

      if (!ike_responder_pop_action (gw->responder, &number, &action))
        break;
      perform (gw, number, &action);
    }
  arm_timer (gw);
  if (gw->stopped != NULL && ike_responder_n_clients (gw->responder) == 0)
    {
      g_source_remove (gw->stop_source);
      gw->stop_source = g_idle_add (report_stopped, gw);
    }
}

/* ---------------------------------------------------------------------- input ---- */

static void
input_ike (Gw *gw, const GwDatagram *datagram)
{
  const RoamNow now = gw_now ();

  ike_responder_input_datagram (gw->responder, &now, datagram->ifindex, &datagram->local, &datagram->remote,
                                datagram->data, datagram->length);
  drain (gw);
}

static gboolean
is_ike (const GwDatagram *datagram)
{
  static const guint8 marker[NON_ESP_MARKER];

  return datagram->length >= sizeof marker && memcmp (datagram->data, marker, sizeof marker) == 0;
}

static void
input (Gw *gw, GwSocket which, GwDatagram *datagram)
{
  switch (which)
    {
    case GW_SOCKET_IKE4:
    case GW_SOCKET_IKE6:
      input_ike (gw, datagram);
      return;
    case GW_SOCKET_NATT4:
    case GW_SOCKET_NATT6:
      /* RFC 3948 2.3, 4: one octet keeps a NAT's mapping and is nobody's message. */
      if (datagram->length <= 1)
        return;
      if (is_ike (datagram))
        input_ike (gw, datagram);
      else
        gw_data_input (gw->data, datagram, TRUE);
      return;
    case GW_SOCKET_ESP4:
    case GW_SOCKET_ESP6:
      gw_data_input (gw->data, datagram, FALSE);
      return;
    case GW_N_SOCKETS:
      return;
    }
}

static gboolean
socket_readable (int fd, GIOCondition condition, gpointer user_data)
{
  Gw *gw = user_data;
  GwDatagram datagrams[GW_BATCH];
  GwSocket which = GW_SOCKET_IKE4;
  guint n;

  while (gw_sockets_fd (gw->sockets, which) != fd)
    which++;
  n = gw_sockets_receive (gw->sockets, which, gw->slots, datagrams, &gw->lost);
  for (guint i = 0; i < n; i++)
    input (gw, which, &datagrams[i]);
  return G_SOURCE_CONTINUE;
}

static void
traffic (GwSa *sa, gpointer user_data)
{
  Gw *gw = user_data;
  const RoamNow now = gw_now ();

  ike_responder_input_traffic (gw->responder, &now, sa->client->number, sa->child->id);
  drain (gw);
}

static void
exhausted (GwSa *sa, gpointer user_data)
{
  Gw *gw = user_data;
  const IkeCommand rekey = { .type = IKE_REKEY_CHILD };
  const RoamNow now = gw_now ();

  ike_responder_input_command (gw->responder, &now, sa->client->number, &rekey);
  drain (gw);
}

static gboolean
timer_readable (int fd, GIOCondition condition, gpointer user_data)
{
  Gw *gw = user_data;
  const RoamNow now = gw_now ();
  guint64 expirations;

  if (read (fd, &expirations, sizeof expirations) < 0 && errno != EAGAIN)
    g_warning ("Timer: %s", g_strerror (errno));
  gw->timer_us = ROAM_NEVER;
  ike_responder_input_deadline (gw->responder, &now);
  drain (gw);
  return G_SOURCE_CONTINUE;
}

/* ----------------------------------------------------------------------- life ---- */

static gboolean
make_engine (Gw *gw, GError **error)
{
  guint8 seed[ROAM_RNG_SEED_LENGTH];
  g_autofree char *problem = NULL;

  if (getrandom (seed, sizeof seed, 0) != (gssize)sizeof seed)
    {
      gw_set_errno (error, errno, "random number", "The kernel has none yet; start again later");
      return FALSE;
    }
  gw->rng = roam_rng_new (seed);
  roam_wipe (seed, sizeof seed);
  gw->responder = ike_responder_new (&gw->config->engine, gw->rng, &problem);
  if (gw->responder == NULL)
    g_set_error (error, GW_ERROR, EINVAL, "%s", problem);
  return gw->responder != NULL;
}

static gboolean
open_edges (Gw *gw, GError **error)
{
  const GwConfig *config = gw->config;

  gw->sockets = gw_sockets_new (error);
  if (gw->sockets == NULL)
    return FALSE;
  gw->data = gw_data_new (config->tun_name, config->mtu, &config->engine.pool4, &config->engine.pool6, gw->sockets,
                          gw->table, traffic, exhausted, gw, error);
  if (gw->data == NULL)
    return FALSE;
  gw->timer_fd = timerfd_create (CLOCK_BOOTTIME, TFD_NONBLOCK | TFD_CLOEXEC);
  if (gw->timer_fd < 0)
    {
      gw_set_errno (error, errno, "timerfd", "Raise the limit of open files");
      return FALSE;
    }
  if (config->control_path == NULL)
    return TRUE;
  gw->control = roam_control_new (config->control_path, config->control_group, gw_control_handle, gw, error);
  return gw->control != NULL;
}

/* What the administrator has to do; nothing passes without it. */
static void
report_forwarding (const char *path, const char *key)
{
  g_autofree char *text = NULL;

  if (g_file_get_contents (path, &text, NULL, NULL) && text[0] == '0')
    g_warning ("The kernel does not forward packets; run: sysctl -w %s=1", key);
}

Gw *
gw_new (GwConfig *config, GError **error)
{
  g_autoptr (Gw) gw = g_new0 (Gw, 1);

  gw->config = config;
  gw->timer_fd = -1;
  gw->timer_us = ROAM_NEVER;
  gw->started_us = gw_now ().boot_us;
  gw->slots = g_malloc (GW_BATCH * GW_SLOT);
  if (!make_engine (gw, error))
    return NULL;
  gw->table = gw_table_new (gw->rng);
  if (!open_edges (gw, error))
    return NULL;
  for (guint i = 0; i < GW_N_SOCKETS; i++)
    if (gw_sockets_fd (gw->sockets, (GwSocket)i) >= 0)
      gw->socket_sources[i] = g_unix_fd_add (gw_sockets_fd (gw->sockets, (GwSocket)i), G_IO_IN, socket_readable, gw);
  gw->timer_source = g_unix_fd_add (gw->timer_fd, G_IO_IN, timer_readable, gw);
  if (roam_addr_is_set (&config->engine.pool4.addr))
    report_forwarding ("/proc/sys/net/ipv4/ip_forward", "net.ipv4.ip_forward");
  if (roam_addr_is_set (&config->engine.pool6.addr))
    report_forwarding ("/proc/sys/net/ipv6/conf/all/forwarding", "net.ipv6.conf.all.forwarding");
  return g_steal_pointer (&gw);
}

void
gw_stop (Gw *gw, GSourceFunc done, gpointer user_data)
{
  const RoamNow now = gw_now ();
  const IkeCommand terminate = { .type = IKE_TERMINATE };
  g_autoptr (GList) clients = gw_table_list (gw->table);

  if (gw->stopped != NULL)
    return;
  gw->stopped = done;
  gw->stopped_data = user_data;
  gw->stop_source = g_timeout_add (STOP_MS, report_stopped, gw);
  g_message ("Stopping: %u clients", ike_responder_n_clients (gw->responder));
  for (GList *item = clients; item != NULL; item = item->next)
    ike_responder_input_command (gw->responder, &now, ((const GwClient *)item->data)->number, &terminate);
  drain (gw);
}

void
gw_free (Gw *gw)
{
  if (gw == NULL)
    return;
  for (guint i = 0; i < GW_N_SOCKETS; i++)
    if (gw->socket_sources[i] != 0)
      g_source_remove (gw->socket_sources[i]);
  if (gw->timer_source != 0)
    g_source_remove (gw->timer_source);
  if (gw->stop_source != 0)
    g_source_remove (gw->stop_source);
  roam_control_free (gw->control);
  gw_data_free (gw->data);
  gw_sockets_free (gw->sockets);
  gw_table_free (gw->table);
  ike_responder_free (gw->responder);
  roam_rng_free (gw->rng);
  if (gw->timer_fd >= 0)
    close (gw->timer_fd);
  gw_config_free (gw->config);
  g_free (gw->slots);
  g_free (gw);
}
