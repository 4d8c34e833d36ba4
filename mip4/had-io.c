/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "mip4/had-io-private.h"

#include <errno.h>
#include <glib-unix.h>
#include <json-glib/json-glib.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

/* The core of roam-had: UDP 434 to and from the engine, and its actions into links, tunnels and the status file. */

G_DEFINE_QUARK (roam - had - error - quark, had_error)

/* A UDP datagram: tunnel data carries whole packets. */
#define DATAGRAM_SIZE 4096u
/* Datagrams a turn of the main loop. */
#define DRAIN 64u
/* Lines a second about dropped and denied requests: anybody can cause them. */
#define LOG_LINES_PER_SECOND 10u
#define TUNNEL_DATA_TYPE 4

struct _Had
{
  HadConfig *config;
  Mip4Ha *ha;
  HadData *data;
  HadLink *link;
  char *status_path;
  int control_fd, timer_fd;
  guint control_source, timer_source;
  gint64 log_second;
  guint log_lines;
};

void
had_set_errno (GError **error, int code, const char *what, const char *advice)
{
  g_set_error (error, HAD_ERROR, code, "%s: %s. %s", what, g_strerror (code), advice);
}

gint64
had_boot_us (void)
{
  struct timespec now;

  clock_gettime (CLOCK_BOOTTIME, &now);
  return now.tv_sec * ROAM_USEC_PER_SEC + now.tv_nsec / 1000;
}

void
had_control_add (struct msghdr *message, HadControl *control, int type, const void *data, gsize length)
{
  struct cmsghdr *header = (struct cmsghdr *)(void *)(control->octets + message->msg_controllen);

  g_return_if_fail (message->msg_controllen + CMSG_SPACE (length) <= sizeof control->octets);
  memset (header, 0, CMSG_SPACE (length));
  header->cmsg_level = IPPROTO_IP;
  header->cmsg_type = type;
  header->cmsg_len = CMSG_LEN (length);
  memcpy (CMSG_DATA (header), data, length);
  message->msg_controllen += CMSG_SPACE (length);
}

static RoamNow
now_of_had (void)
{
  return roam_now_make (had_boot_us (), g_get_real_time ());
}

/* --------------------------------------------------------------- status file ---- */

static void
add_address (JsonBuilder *builder, const char *name, const RoamAddr *addr)
{
  char text[ROAM_ADDR_STRLEN];

  json_builder_set_member_name (builder, name);
  json_builder_add_string_value (builder, roam_addr_to_string (addr, text));
}

static void
add_integer (JsonBuilder *builder, const char *name, gint64 value)
{
  json_builder_set_member_name (builder, name);
  json_builder_add_int_value (builder, value);
}

static void
add_boolean (JsonBuilder *builder, const char *name, gboolean value)
{
  json_builder_set_member_name (builder, name);
  json_builder_add_boolean_value (builder, value);
}

static void
add_binding (JsonBuilder *builder, const Mip4HaBinding *binding, const RoamNow *now)
{
  gint64 unix_us = g_get_real_time ();

  json_builder_begin_object (builder);
  add_address (builder, "home-address", &binding->home_address);
  add_address (builder, "care-of-address", &binding->care_of_address);
  add_address (builder, "peer-address", &binding->peer.addr);
  add_integer (builder, "peer-port", binding->peer.port);
  add_boolean (builder, "udp-tunnel", binding->udp_tunnel);
  add_boolean (builder, "reverse-tunnel", binding->reverse_tunnel);
  add_integer (builder, "lifetime", binding->lifetime_s);
  add_integer (builder, "accepted-us", unix_us - (now->boot_us - binding->accepted_us));
  if (binding->expiry_us != ROAM_NEVER)
    add_integer (builder, "expires-us", unix_us + (binding->expiry_us - now->boot_us));
  json_builder_end_object (builder);
}

static void
add_counters (JsonBuilder *builder, const char *name, GHashTable *counters)
{
  g_autoptr (GList) keys = g_list_sort (g_hash_table_get_keys (counters), (GCompareFunc)strcmp);

  json_builder_set_member_name (builder, name);
  json_builder_begin_object (builder);
  for (GList *key = keys; key != NULL; key = key->next)
    add_integer (builder, key->data, (gint64) * (guint64 *)g_hash_table_lookup (counters, key->data));
  json_builder_end_object (builder);
}

static char *
build_status (const Had *had, const RoamNow *now)
{
  g_autoptr (JsonBuilder) builder = json_builder_new ();
  g_autoptr (JsonNode) root = NULL;
  g_autoptr (GArray) bindings = mip4_ha_dup_bindings (had->ha);
  g_autoptr (GHashTable) control = mip4_ha_dup_counters (had->ha), data = had_data_dup_counters (had->data);

  json_builder_begin_object (builder);
  add_address (builder, "address", &had->config->address);
  add_integer (builder, "time-us", g_get_real_time ());
  json_builder_set_member_name (builder, "bindings");
  json_builder_begin_array (builder);
  for (guint i = 0; i < bindings->len; i++)
    add_binding (builder, &g_array_index (bindings, Mip4HaBinding, i), now);
  json_builder_end_array (builder);
  add_counters (builder, "registration-counters", control);
  add_counters (builder, "data-counters", data);
  json_builder_end_object (builder);
  root = json_builder_get_root (builder);
  return json_to_string (root, TRUE);
}

static void
write_status (const Had *had)
{
  const RoamNow now = now_of_had ();
  g_autofree char *status = NULL;
  g_autoptr (GError) error = NULL;

  if (had->status_path == NULL)
    return;
  status = build_status (had, &now);
  if (!g_file_set_contents (had->status_path, status, -1, &error))
    g_warning ("Status file: %s", error->message);
}

/* ------------------------------------------------------------------- actions ---- */

static void
log_binding (const char *what, const Mip4HaBinding *binding)
{
  char home[ROAM_ADDR_STRLEN], care_of[ROAM_ADDR_STRLEN];

  g_info ("%s: %s at %s%s, %u s", what, roam_addr_to_string (&binding->home_address, home),
          roam_addr_to_string (&binding->care_of_address, care_of), binding->udp_tunnel ? " (UDP tunnel)" : "",
          binding->lifetime_s);
}

/* True when one more line about what strangers send is allowed in this second. */
static gboolean
may_log (Had *had)
{
  gint64 second = had_boot_us () / ROAM_USEC_PER_SEC;

  if (second != had->log_second)
    had->log_lines = 0;
  had->log_second = second;
  return had->log_lines++ < LOG_LINES_PER_SECOND;
}

static void
log_request (Had *had, const Mip4HaAction *action)
{
  char source[ROAM_ADDR_STRLEN], home[ROAM_ADDR_STRLEN];

  if (!may_log (had))
    return;
  g_log (G_LOG_DOMAIN, action->log.security ? G_LOG_LEVEL_WARNING : G_LOG_LEVEL_INFO,
         "Request from %s for %s, SPI %u: %s (%s %u)", roam_endpoint_to_string (&action->log.source, source),
         roam_addr_to_string (&action->log.home_address, home), action->log.spi, action->log.reason,
         action->log.code != 0 ? "denied, code" : "dropped, code", action->log.code);
}

/* RFC 5944 3.8.3.1: from our address; to a node at home, on the home link whatever the routes say. */
static void
send_reply (const Had *had, const Mip4HaAction *action)
{
  HadControl control;
  struct sockaddr_in to = { .sin_family = AF_INET, .sin_port = GUINT16_TO_BE (action->send.destination.port) };
  gsize length;
  struct iovec vector = { (void *)g_bytes_get_data (action->send.datagram, &length), 0 };
  struct in_pktinfo info = { .ipi_ifindex = action->send.on_home_link ? had_link_index (had->link) : 0 };
  struct msghdr message = {
    .msg_name = &to,
    .msg_namelen = sizeof to,
    .msg_iov = &vector,
    .msg_iovlen = 1,
    .msg_control = control.octets,
  };
  char text[ROAM_ADDR_STRLEN];

  vector.iov_len = length;
  memcpy (&to.sin_addr, action->send.destination.addr.bytes, 4);
  memcpy (&info.ipi_spec_dst, action->send.source.bytes, 4);
  had_control_add (&message, &control, IP_PKTINFO, &info, sizeof info);
  if (sendmsg (had->control_fd, &message, MSG_DONTWAIT) < 0)
    g_info ("Reply to %s: %s", roam_endpoint_to_string (&action->send.destination, text), g_strerror (errno));
}

/* TRUE when the bindings changed. */
static gboolean
do_action (Had *had, const Mip4HaAction *action)
{
  const Mip4HaBinding *binding = &action->binding.binding;

  switch (action->type)
    {
    case MIP4_HA_ACTION_SEND:
      send_reply (had, action);
      return FALSE;
    case MIP4_HA_ACTION_LOG:
      log_request (had, action);
      return FALSE;
    case MIP4_HA_ACTION_STORE:
      return FALSE;
    case MIP4_HA_ACTION_BINDING_ADD:
      log_binding ("Binding added", binding);
      had_data_set_tunnel (had->data, binding);
      had_link_intercept (had->link, &binding->home_address);
      return TRUE;
    case MIP4_HA_ACTION_BINDING_CHANGE:
      log_binding ("Binding changed", binding);
      had_data_set_tunnel (had->data, binding);
      return TRUE;
    case MIP4_HA_ACTION_BINDING_RENEW:
      return TRUE;
    case MIP4_HA_ACTION_BINDING_REMOVE:
      log_binding ("Binding removed", binding);
      had_data_remove_tunnel (had->data, &binding->home_address);
      had_link_release (had->link, &binding->home_address, action->binding.removal == MIP4_HA_REMOVED_AT_HOME);
      return TRUE;
    }
  return FALSE;
}

static void
arm_timer (const Had *had)
{
  gint64 due = mip4_ha_next_deadline (had->ha);
  struct itimerspec when = { 0 };

  if (due != ROAM_NEVER)
    {
      due = MAX (due, 1);
      when.it_value.tv_sec = due / ROAM_USEC_PER_SEC;
      when.it_value.tv_nsec = due % ROAM_USEC_PER_SEC * 1000;
    }
  timerfd_settime (had->timer_fd, TFD_TIMER_ABSTIME, &when, NULL);
}

static void
drain_actions (Had *had)
{
  gboolean changed = FALSE;

  for (;;)
    {
      g_auto (Mip4HaAction) action = { 0 };

      if (!mip4_ha_pop_action (had->ha, &action))
        break;
      changed |= do_action (had, &action);
    }
  arm_timer (had);
  if (changed)
    write_status (had);
}

/* --------------------------------------------------------------------- input ---- */

static void
read_control (struct msghdr *message, RoamAddr *destination, guint8 *tos)
{
  for (struct cmsghdr *header = CMSG_FIRSTHDR (message); header != NULL; header = CMSG_NXTHDR (message, header))
    {
      struct in_pktinfo info;

      if (header->cmsg_level != IPPROTO_IP)
        continue;
      if (header->cmsg_type == IP_TOS)
        *tos = *CMSG_DATA (header);
      if (header->cmsg_type == IP_PKTINFO)
        {
          memcpy (&info, CMSG_DATA (header), sizeof info);
          *destination = roam_addr_from_bytes ((const guint8 *)&info.ipi_addr, 4);
        }
    }
}

/* FALSE when the socket is empty. */
static gboolean
receive_one (Had *had)
{
  guint8 data[DATAGRAM_SIZE];
  HadControl control;
  struct sockaddr_in from = { 0 };
  struct iovec vector = { data, sizeof data };
  struct msghdr message = { .msg_name = &from,
                            .msg_namelen = sizeof from,
                            .msg_iov = &vector,
                            .msg_iovlen = 1,
                            .msg_control = control.octets,
                            .msg_controllen = sizeof control.octets };
  RoamEndpoint source;
  RoamAddr destination = had->config->address;
  guint8 tos = 0;
  gssize length = recvmsg (had->control_fd, &message, MSG_DONTWAIT);

  if (length < 0)
    return errno == EINTR || errno == ECONNREFUSED;
  if ((message.msg_flags & MSG_TRUNC) != 0)
    return TRUE;
  read_control (&message, &destination, &tos);
  source.addr = roam_addr_from_bytes ((const guint8 *)&from.sin_addr, 4);
  source.port = GUINT16_FROM_BE (from.sin_port);
  if (length > 0 && data[0] == TUNNEL_DATA_TYPE)
    had_data_input_udp (had->data, &source, tos, data, (gsize)length);
  else
    {
      const RoamNow now = now_of_had ();

      mip4_ha_input_datagram (had->ha, &now, &source, &destination, data, (gsize)length);
      drain_actions (had);
    }
  return TRUE;
}

static gboolean
control_readable (int fd, GIOCondition condition, gpointer user_data)
{
  for (guint i = 0; i < DRAIN; i++)
    if (!receive_one (user_data))
      break;
  return G_SOURCE_CONTINUE;
}

static gboolean
timer_readable (int fd, GIOCondition condition, gpointer user_data)
{
  Had *had = user_data;
  const RoamNow now = now_of_had ();
  guint64 expirations;

  if (read (fd, &expirations, sizeof expirations) < 0)
    return G_SOURCE_CONTINUE;
  mip4_ha_input_deadline (had->ha, &now);
  drain_actions (had);
  return G_SOURCE_CONTINUE;
}

/* ------------------------------------------------------------------- opening ---- */

static gboolean
open_control (Had *had, GError **error)
{
  const int on = 1;
  struct sockaddr_in address = { .sin_family = AF_INET, .sin_port = GUINT16_TO_BE (MIP4_PORT) };

  memcpy (&address.sin_addr, had->config->address.bytes, 4);
  had->control_fd = socket (AF_INET, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (had->control_fd < 0)
    {
      had_set_errno (error, errno, "UDP socket", "The kernel offers no IPv4 to this process");
      return FALSE;
    }
  setsockopt (had->control_fd, IPPROTO_IP, IP_PKTINFO, &on, sizeof on);
  setsockopt (had->control_fd, IPPROTO_IP, IP_RECVTOS, &on, sizeof on);
  if (bind (had->control_fd, (struct sockaddr *)&address, sizeof address) == 0)
    return TRUE;
  had_set_errno (error, errno, "UDP port 434",
                 errno == EADDRNOTAVAIL ? "Give the interface the address of address=, or correct address="
                                        : "Another home agent runs here, or CAP_NET_BIND_SERVICE is missing");
  return FALSE;
}

static Mip4Ha *
engine_new (const HadConfig *config)
{
  const Mip4HaConfig engine = {
    .address = config->address,
    .trusted_networks = (const RoamPrefix *)(void *)config->trusted_networks->data,
    .n_trusted_networks = config->trusted_networks->len,
    .nodes = (const Mip4HaNode *)(void *)config->nodes->data,
    .n_nodes = config->nodes->len,
    .max_lifetime_s = config->max_lifetime_s,
    .nat_traversal = config->nat_traversal,
    .forced_udp = config->nat_traversal,
  };

  return mip4_ha_new (&engine);
}

Had *
had_new (HadConfig *config, const char *status_path, GError **error)
{
  g_autoptr (Had) had = g_new0 (Had, 1);

  had->config = config;
  had->control_fd = had->timer_fd = -1;
  had->status_path = g_strdup (status_path);
  had->ha = engine_new (config);
  if (!open_control (had, error))
    return NULL;
  had->data = had_data_new (config, had->control_fd, error);
  if (had->data == NULL)
    return NULL;
  had->link = had_link_new (config, had_data_tun_index (had->data), error);
  if (had->link == NULL)
    return NULL;
  had->timer_fd = timerfd_create (CLOCK_BOOTTIME, TFD_CLOEXEC | TFD_NONBLOCK);
  if (had->timer_fd < 0)
    {
      had_set_errno (error, errno, "timer", "The kernel offers no CLOCK_BOOTTIME timer");
      return NULL;
    }
  had->control_source = g_unix_fd_add_full (G_PRIORITY_HIGH, had->control_fd, G_IO_IN, control_readable, had, NULL);
  had->timer_source = g_unix_fd_add (had->timer_fd, G_IO_IN, timer_readable, had);
  if (config->trusted_networks->len == 0)
    g_warning ("trusted-networks is empty: every request is dropped; add the networks of the enterprise");
  had_link_report_settings (had->link);
  write_status (had);
  return g_steal_pointer (&had);
}

void
had_free (Had *had)
{
  const Mip4HaCommand remove_all = { .type = MIP4_HA_REMOVE };

  if (had == NULL)
    return;
  if (had->timer_source != 0)
    {
      const RoamNow now = now_of_had ();

      mip4_ha_input_command (had->ha, &now, &remove_all);
      drain_actions (had);
      g_source_remove (had->timer_source);
      g_source_remove (had->control_source);
    }
  had_link_free (had->link);
  had_data_free (had->data);
  if (had->timer_fd >= 0)
    close (had->timer_fd);
  if (had->control_fd >= 0)
    close (had->control_fd);
  mip4_ha_free (had->ha);
  had_config_free (had->config);
  g_free (had->status_path);
  g_free (had);
}
