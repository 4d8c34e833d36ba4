/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "mip4/fad-io-private.h"

#include "base/wire.h"
#include "base/control-io.h"
#include "mip4/fad-tun-io-private.h"
#include "mip4/mip4-tunnel-private.h"

#include <errno.h>
#include <glib-unix.h>
#include <ifaddrs.h>
#include <linux/icmp.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

/* The core of roam-fad: sockets to and from the engine, and its actions into link, routes and data path. */

G_DEFINE_QUARK (roam - fad - error - quark, fad_error)

/* A UDP datagram: tunnel data carries whole packets. */
#define DATAGRAM_SIZE 65536u
/* Datagrams a turn of the main loop. */
#define DRAIN 64u
/* Lines a second about dropped and denied requests: anybody can cause them. */
#define LOG_LINES_PER_SECOND 10u
#define TUNNEL_DATA_TYPE 4
#define REQUEST_TYPE 1

struct _Fad
{
  FadConfig *config;
  RoamRng *rng;
  Mip4Fa *fa;
  FadLink *link;
  FadRoutes *routes;
  FadData *data;
  RoamControl *control;
  char *status_path;
  int udp_fd, icmp_fd, timer_fd;
  guint udp_source, icmp_source, timer_source;
  gint64 log_second;
  guint log_lines;
  guint8 buffer[DATAGRAM_SIZE];
};

void
fad_set_errno (GError **error, int code, const char *what, const char *advice)
{
  g_set_error (error, FAD_ERROR, code, "%s: %s. %s", what, g_strerror (code), advice);
}

gint64
fad_boot_us (void)
{
  struct timespec now;

  clock_gettime (CLOCK_BOOTTIME, &now);
  return now.tv_sec * ROAM_USEC_PER_SEC + now.tv_nsec / 1000;
}

static RoamNow
now_of_fad (void)
{
  return roam_now_make (fad_boot_us (), g_get_real_time ());
}

/* -------------------------------------------------------------------- status ---- */

static void
set_address (JsonObject *object, const char *name, const RoamAddr *addr)
{
  char text[ROAM_ADDR_STRLEN];

  json_object_set_string_member (object, name, roam_addr_to_string (addr, text));
}

static JsonObject *
describe_visitor (const Mip4FaVisitor *visitor, gint64 boot_us)
{
  const guint8 *mac = visitor->link_layer;
  g_autofree char *link_layer =
    g_strdup_printf ("%02x:%02x:%02x:%02x:%02x:%02x", mac[0], mac[1], mac[2], mac[3], mac[4], mac[5]);
  JsonObject *object = json_object_new ();

  set_address (object, "home-address", &visitor->home_address);
  set_address (object, "home-agent", &visitor->home_agent);
  set_address (object, "care-of-address", &visitor->care_of_address);
  json_object_set_string_member (object, "link-layer", link_layer);
  if (visitor->nai[0] != '\0')
    json_object_set_string_member (object, "nai", visitor->nai);
  json_object_set_boolean_member (object, "co-located", visitor->co_located);
  json_object_set_boolean_member (object, "reverse-tunnel", visitor->reverse_tunnel);
  json_object_set_boolean_member (object, "encapsulating-delivery", visitor->encapsulating_delivery);
  json_object_set_boolean_member (object, "udp-tunnel", visitor->udp_tunnel);
  json_object_set_boolean_member (object, "revocation", visitor->revocation);
  json_object_set_int_member (object, "source-port", visitor->source.port);
  json_object_set_int_member (object, "requested-lifetime", visitor->requested_s);
  json_object_set_int_member (object, "lifetime", visitor->lifetime_s);
  if (visitor->expiry_us != ROAM_NEVER)
    json_object_set_int_member (object, "remaining", (visitor->expiry_us - boot_us) / ROAM_USEC_PER_SEC);
  return object;
}

static JsonObject *
describe_counters (GHashTable *counters)
{
  g_autoptr (GList) keys = g_list_sort (g_hash_table_get_keys (counters), (GCompareFunc)strcmp);
  JsonObject *object = json_object_new ();

  for (GList *key = keys; key != NULL; key = key->next)
    json_object_set_int_member (object, key->data, (gint64) * (guint64 *)g_hash_table_lookup (counters, key->data));
  return object;
}

static void
describe (const Fad *fad, JsonObject *object)
{
  g_autoptr (GArray) visitors = mip4_fa_dup_visitors (fad->fa);
  g_autoptr (GHashTable) control = mip4_fa_dup_counters (fad->fa), data = fad_data_dup_counters (fad->data);
  JsonArray *array = json_array_new ();
  JsonObject *registration = describe_counters (control);
  gint64 boot_us = fad_boot_us ();

  set_address (object, "address", &fad->config->engine.address);
  set_address (object, "care-of-address", &fad->config->engine.care_of[0]);
  json_object_set_string_member (object, "interface", fad->config->interface);
  json_object_set_int_member (object, "pending", mip4_fa_n_pending (fad->fa));
  for (guint i = 0; i < visitors->len; i++)
    json_array_add_object_element (array, describe_visitor (&g_array_index (visitors, Mip4FaVisitor, i), boot_us));
  json_object_set_array_member (object, "visitors", array);
  json_object_set_int_member (registration, "discarded-bad-checksum", (gint64)fad_link_bad_checksums (fad->link));
  json_object_set_object_member (object, "registration-counters", registration);
  json_object_set_object_member (object, "data-counters", describe_counters (data));
}

static void
write_status (const Fad *fad)
{
  g_autoptr (JsonObject) object = NULL;
  g_autoptr (JsonNode) root = NULL;
  g_autoptr (GError) error = NULL;
  g_autofree char *text = NULL;

  if (fad->status_path == NULL)
    return;
  object = json_object_new ();
  describe (fad, object);
  root = json_node_init_object (json_node_alloc (), object);
  text = json_to_string (root, TRUE);
  if (!g_file_set_contents (fad->status_path, text, -1, &error))
    g_warning ("Status file: %s", error->message);
}

/* ------------------------------------------------------------------- actions ---- */

static void
log_visitor (const char *what, const Mip4FaVisitor *visitor)
{
  char home[ROAM_ADDR_STRLEN], agent[ROAM_ADDR_STRLEN];

  g_info ("%s: %s%s%s of home agent %s%s%s, %u s", what, roam_addr_to_string (&visitor->home_address, home),
          visitor->nai[0] != '\0' ? " " : "", visitor->nai, roam_addr_to_string (&visitor->home_agent, agent),
          visitor->reverse_tunnel ? ", reverse tunnel" : "", visitor->udp_tunnel ? ", UDP tunnel" : "",
          visitor->lifetime_s);
}

/* True when one more line about what strangers send is allowed in this second. */
static gboolean
may_log (Fad *fad)
{
  gint64 second = fad_boot_us () / ROAM_USEC_PER_SEC;

  if (second != fad->log_second)
    fad->log_lines = 0;
  fad->log_second = second;
  return fad->log_lines++ < LOG_LINES_PER_SECOND;
}

static void
log_message (Fad *fad, const Mip4FaAction *action)
{
  char source[ROAM_ADDR_STRLEN], home[ROAM_ADDR_STRLEN];

  if (may_log (fad))
    g_log (G_LOG_DOMAIN, action->log.security ? G_LOG_LEVEL_WARNING : G_LOG_LEVEL_INFO,
           "Message from %s for %s: %s (%s %u)", roam_endpoint_to_string (&action->log.source, source),
           roam_addr_to_string (&action->log.home_address, home), action->log.reason,
           action->log.code != 0 ? "denied, code" : "dropped, code", action->log.code);
}

static void
send_datagram (const Fad *fad, const Mip4FaAction *action)
{
  const RoamEndpoint source = { action->send.source, action->send.source_port };
  const RoamEndpoint *to = &action->send.destination;
  gsize length;
  struct iovec vector = { (void *)g_bytes_get_data (action->send.datagram, &length), 0 };
  char text[ROAM_ADDR_STRLEN];
  gboolean sent;

  vector.iov_len = length;
  if (action->send.visited)
    sent = fad_link_send_udp (fad->link, action->send.link_layer, &source, to, action->send.ttl, action->send.datagram);
  else
    sent = fad_tun_send (fad->udp_fd, &source.addr, &to->addr, to->port, 0, &vector, 1);
  if (!sent && may_log ((Fad *)fad))
    g_info ("Message to %s: %s", roam_endpoint_to_string (to, text), g_strerror (errno));
}

/* The address that its packets have on the visited link. */
static const RoamAddr *
link_address (const Mip4FaVisitor *visitor)
{
  return visitor->co_located ? &visitor->care_of_address : &visitor->home_address;
}

static void
set_visitor (Fad *fad, const Mip4FaVisitor *visitor)
{
  gboolean tunnel = visitor->reverse_tunnel && !visitor->co_located && !visitor->encapsulating_delivery;

  fad_data_set_visitor (fad->data, visitor);
  if (tunnel || !fad->config->engine.routes_common_traffic)
    fad_routes_set (fad->routes, link_address (visitor), tunnel ? FAD_ROUTE_TUNNEL : FAD_ROUTE_NORMAL);
  else
    fad_routes_remove (fad->routes, link_address (visitor));
}

static void
remove_visitor (Fad *fad, const Mip4FaVisitor *visitor)
{
  fad_data_remove_visitor (fad->data, &visitor->home_address);
  fad_routes_remove (fad->routes, link_address (visitor));
}

/* TRUE when the visitors changed. */
static gboolean
do_action (Fad *fad, const Mip4FaAction *action)
{
  const Mip4FaVisitor *visitor = &action->visitor.visitor;

  switch (action->type)
    {
    case MIP4_FA_ACTION_SEND:
      send_datagram (fad, action);
      return FALSE;
    case MIP4_FA_ACTION_SEND_ICMP:
      if (!fad_link_send_icmp (fad->link, action->icmp.link_layer, &action->icmp.source, &action->icmp.destination,
                               action->icmp.message))
        g_info ("Advertisement: %s", g_strerror (errno));
      return FALSE;
    case MIP4_FA_ACTION_LOG:
      log_message (fad, action);
      return FALSE;
    case MIP4_FA_ACTION_VISITOR_ADD:
      log_visitor ("Visitor", visitor);
      set_visitor (fad, visitor);
      return TRUE;
    case MIP4_FA_ACTION_VISITOR_CHANGE:
      log_visitor ("Visitor changed", visitor);
      if (!roam_addr_equal (link_address (&action->visitor.old), link_address (visitor)))
        fad_routes_remove (fad->routes, link_address (&action->visitor.old));
      set_visitor (fad, visitor);
      return TRUE;
    case MIP4_FA_ACTION_VISITOR_RENEW:
      return TRUE;
    case MIP4_FA_ACTION_VISITOR_REMOVE:
      log_visitor ("Visitor gone", visitor);
      remove_visitor (fad, visitor);
      return TRUE;
    }
  return FALSE;
}

static void
arm_timer (const Fad *fad)
{
  gint64 due = mip4_fa_next_deadline (fad->fa);
  struct itimerspec when = { 0 };

  if (due != ROAM_NEVER)
    {
      due = MAX (due, 1);
      when.it_value.tv_sec = due / ROAM_USEC_PER_SEC;
      when.it_value.tv_nsec = due % ROAM_USEC_PER_SEC * 1000;
    }
  timerfd_settime (fad->timer_fd, TFD_TIMER_ABSTIME, &when, NULL);
}

static void
drain_actions (Fad *fad)
{
  gboolean changed = FALSE;

  for (;;)
    {
      g_auto (Mip4FaAction) action = { 0 };

      if (!mip4_fa_pop_action (fad->fa, &action))
        break;
      changed |= do_action (fad, &action);
    }
  arm_timer (fad);
  if (changed)
    write_status (fad);
}

/* --------------------------------------------------------------------- input ---- */

static void
input_link (const Mip4FaHeader *header, gboolean icmp, const guint8 *data, gsize length, gpointer user_data)
{
  Fad *fad = user_data;
  const RoamNow now = now_of_fad ();

  /* Replies and tunnel data of a home agent on the visited link come through the UDP socket. */
  if (icmp)
    mip4_fa_input_icmp (fad->fa, &now, header, data, length);
  else if (length > 0 && data[0] == REQUEST_TYPE)
    mip4_fa_input_datagram (fad->fa, &now, header, data, length);
  drain_actions (fad);
}

static void
input_udp (Fad *fad, const FadReceived *received, gsize length)
{
  const Mip4FaHeader header = { .source = received->source, .destination = received->destination };
  const RoamNow now = now_of_fad ();

  /* Requests have come through the packet socket already, with the link-layer address. */
  if (fad->buffer[0] == REQUEST_TYPE || !fad_data_is_uplink (fad->data, received->interface_index))
    return;
  if (fad->buffer[0] == TUNNEL_DATA_TYPE)
    {
      fad_data_input_udp (fad->data, &received->source, &received->destination, received->tos, fad->buffer, length);
      return;
    }
  mip4_fa_input_datagram (fad->fa, &now, &header, fad->buffer, length);
  drain_actions (fad);
}

static gboolean
udp_readable (int fd, GIOCondition condition, gpointer user_data)
{
  Fad *fad = user_data;

  for (guint i = 0; i < DRAIN; i++)
    {
      FadReceived received;
      gssize length = fad_tun_receive (fd, fad->buffer, sizeof fad->buffer, &received);

      if (length > 0)
        input_udp (fad, &received, (gsize)length);
      else if (length < 0 && errno != EINTR)
        break;
    }
  return G_SOURCE_CONTINUE;
}

/* RFC 5944 3.7.3: an ICMP error instead of a reply, about a datagram of ours to port 434 of a home agent. */
static void
input_unreachable (Fad *fad, const guint8 *icmp, gsize length)
{
  const RoamNow now = now_of_fad ();
  RoamAddr source, destination;
  guint8 type, code, version, protocol;
  guint16 from, to;
  WireReader reader;

  wire_reader_init (&reader, icmp, length);
  if (!wire_read_u8 (&reader, &type) || !wire_read_u8 (&reader, &code) || !wire_skip (&reader, 6) ||
      !wire_read_u8 (&reader, &version) || !wire_skip (&reader, 8) || !wire_read_u8 (&reader, &protocol) ||
      !wire_skip (&reader, 2) || !wire_read_addr (&reader, ROAM_FAMILY_INET4, &source) ||
      !wire_read_addr (&reader, ROAM_FAMILY_INET4, &destination) || version >> 4 != 4 || (version & 0x0f) < 5 ||
      !wire_skip (&reader, (gsize)(version & 0x0f) * 4 - MIP4_IPV4_MIN_HEADER) || !wire_read_u16 (&reader, &from) ||
      !wire_read_u16 (&reader, &to))
    return;
  if (type != ICMP_DEST_UNREACH || protocol != IPPROTO_UDP || from != MIP4_PORT || to != MIP4_PORT)
    return;
  for (guint i = 0; i < fad->config->engine.n_care_of; i++)
    if (roam_addr_equal (&source, &fad->config->engine.care_of[i]))
      {
        mip4_fa_input_unreachable (fad->fa, &now, &destination, code);
        drain_actions (fad);
        return;
      }
}

static gboolean
icmp_readable (int fd, GIOCondition condition, gpointer user_data)
{
  Fad *fad = user_data;

  for (guint i = 0; i < DRAIN; i++)
    {
      FadReceived received;
      gssize length = fad_tun_receive (fd, fad->buffer, sizeof fad->buffer, &received);
      const guint8 *icmp;
      gsize icmp_length;
      Mip4Ipv4 ip;

      if (length < 0 && errno != EINTR)
        break;
      if (length <= 0 || !fad_data_is_uplink (fad->data, received.interface_index) ||
          !mip4_ipv4_parse (fad->buffer, (gsize)length, &ip))
        continue;
      icmp = fad->buffer + ip.header_length;
      icmp_length = (gsize)(ip.total_length - ip.header_length);
      if (mip4_checksum (icmp, icmp_length) == 0 && !fad_data_input_icmp_error (fad->data, icmp, icmp_length))
        input_unreachable (fad, icmp, icmp_length);
    }
  return G_SOURCE_CONTINUE;
}

static gboolean
timer_readable (int fd, GIOCondition condition, gpointer user_data)
{
  Fad *fad = user_data;
  const RoamNow now = now_of_fad ();
  guint64 expirations;

  if (read (fd, &expirations, sizeof expirations) < 0)
    return G_SOURCE_CONTINUE;
  mip4_fa_input_deadline (fad->fa, &now);
  drain_actions (fad);
  return G_SOURCE_CONTINUE;
}

/* ------------------------------------------------------------- control socket ---- */

static gboolean
run_command (Fad *fad, const char *name, JsonObject *request, GError **error)
{
  static const struct
  {
    const char *name;
    Mip4FaCommandType type;
  } commands[] = { { "remove", MIP4_FA_REMOVE }, { "busy", MIP4_FA_BUSY }, { "idle", MIP4_FA_IDLE } };
  const char *home_address = json_object_get_string_member_with_default (request, "home-address", NULL);
  const RoamNow now = now_of_fad ();

  for (guint i = 0; i < G_N_ELEMENTS (commands); i++)
    {
      Mip4FaCommand command = { .type = commands[i].type };

      if (strcmp (name, commands[i].name) != 0)
        continue;
      if (command.type == MIP4_FA_REMOVE &&
          (home_address == NULL || !roam_addr_parse (home_address, &command.home_address)))
        {
          g_set_error (error, ROAM_CONTROL_ERROR, ROAM_CONTROL_ERROR_REQUEST, "remove needs a visitor's home address");
          return FALSE;
        }
      mip4_fa_input_command (fad->fa, &now, &command);
      drain_actions (fad);
      return TRUE;
    }
  g_set_error (error, ROAM_CONTROL_ERROR, ROAM_CONTROL_ERROR_REQUEST,
               "unknown command '%s', there are: status, remove, busy, idle", name);
  return FALSE;
}

static gboolean
handle_control (const char *command, JsonObject *request, JsonObject *answer, gpointer user_data, GError **error)
{
  Fad *fad = user_data;

  if (strcmp (command, "status") != 0)
    return run_command (fad, command, request, error);
  describe (fad, answer);
  return TRUE;
}

/* -------------------------------------------------------------------- opening ---- */

/* On every address: what arrives for port 434 is never answered with "port unreachable". */
static gboolean
open_udp (Fad *fad, GError **error)
{
  const int on = 1, no_discovery = IP_PMTUDISC_DONT;
  const struct sockaddr_in address = { .sin_family = AF_INET, .sin_port = GUINT16_TO_BE (MIP4_PORT) };

  fad->udp_fd = socket (AF_INET, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (fad->udp_fd < 0)
    {
      fad_set_errno (error, errno, "UDP socket", "The kernel offers no IPv4 to this process");
      return FALSE;
    }
  setsockopt (fad->udp_fd, IPPROTO_IP, IP_PKTINFO, &on, sizeof on);
  setsockopt (fad->udp_fd, IPPROTO_IP, IP_RECVTOS, &on, sizeof on);
  setsockopt (fad->udp_fd, IPPROTO_IP, IP_MTU_DISCOVER, &no_discovery, sizeof no_discovery);
  if (bind (fad->udp_fd, (const struct sockaddr *)&address, sizeof address) == 0)
    return TRUE;
  fad_set_errno (error, errno, "UDP port 434", "Another mobility agent runs here, or CAP_NET_BIND_SERVICE is missing");
  return FALSE;
}

static gboolean
open_icmp (Fad *fad, GError **error)
{
  const int on = 1;
  const struct icmp_filter filter = { ~(1u << ICMP_DEST_UNREACH | 1u << ICMP_SOURCE_QUENCH | 1u << ICMP_TIME_EXCEEDED |
                                        1u << ICMP_PARAMETERPROB) };

  fad->icmp_fd = socket (AF_INET, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, IPPROTO_ICMP);
  if (fad->icmp_fd >= 0 && setsockopt (fad->icmp_fd, SOL_RAW, ICMP_FILTER, &filter, sizeof filter) == 0 &&
      setsockopt (fad->icmp_fd, IPPROTO_IP, IP_PKTINFO, &on, sizeof on) == 0)
    return TRUE;
  fad_set_errno (error, errno, "raw socket for ICMP", "roam-fad needs CAP_NET_RAW");
  return FALSE;
}

/* Every IPv4 address of this host. */
static GArray *
list_own_addresses (void)
{
  GArray *addresses = g_array_new (FALSE, FALSE, sizeof (RoamAddr));
  struct ifaddrs *list = NULL;

  if (getifaddrs (&list) < 0)
    return addresses;
  for (const struct ifaddrs *entry = list; entry != NULL; entry = entry->ifa_next)
    if (entry->ifa_addr != NULL && entry->ifa_addr->sa_family == AF_INET)
      {
        struct sockaddr_in in;
        RoamAddr addr;

        memcpy (&in, entry->ifa_addr, sizeof in);
        addr = roam_addr_from_bytes ((const guint8 *)&in.sin_addr, 4);
        g_array_append_val (addresses, addr);
      }
  freeifaddrs (list);
  return addresses;
}

static gboolean
is_listed (const GArray *addresses, const RoamAddr *addr)
{
  for (guint i = 0; i < addresses->len; i++)
    if (roam_addr_equal (&g_array_index (addresses, RoamAddr, i), addr))
      return TRUE;
  return FALSE;
}

static gboolean
open_engine (Fad *fad, guint64 *ret_secret, GError **error)
{
  g_autoptr (GArray) own = list_own_addresses ();
  Mip4FaConfig engine = fad->config->engine;
  guint8 seed[ROAM_RNG_SEED_LENGTH];
  char text[ROAM_ADDR_STRLEN];

  for (guint i = 0; i <= engine.n_care_of; i++)
    {
      const RoamAddr *addr = i < engine.n_care_of ? &engine.care_of[i] : &engine.address;

      if (is_listed (own, addr))
        continue;
      fad_set_errno (error, EADDRNOTAVAIL, roam_addr_to_string (addr, text),
                     "Give an interface this address, or correct address= or care-of-address=");
      return FALSE;
    }
  if (getrandom (seed, sizeof seed, 0) != (gssize)sizeof seed)
    {
      fad_set_errno (error, errno, "getrandom", "The kernel has no random numbers");
      return FALSE;
    }
  fad->rng = roam_rng_new (seed);
  roam_wipe (seed, sizeof seed);
  *ret_secret = roam_rng_u64 (fad->rng);
  engine.own_addresses = (const RoamAddr *)(void *)own->data;
  engine.n_own_addresses = own->len;
  fad->fa = mip4_fa_new (&engine, fad->rng);
  return TRUE;
}

static gboolean
open_all (Fad *fad, const char *control_path, GError **error)
{
  guint64 secret;

  if (!open_engine (fad, &secret, error) || !open_udp (fad, error) || !open_icmp (fad, error))
    return FALSE;
  fad->timer_fd = timerfd_create (CLOCK_BOOTTIME, TFD_CLOEXEC | TFD_NONBLOCK);
  if (fad->timer_fd < 0)
    {
      fad_set_errno (error, errno, "timer", "The kernel offers no CLOCK_BOOTTIME timer");
      return FALSE;
    }
  fad->link = fad_link_new (fad->config, input_link, fad, error);
  if (fad->link == NULL)
    return FALSE;
  fad->data = fad_data_new (fad->config, fad->udp_fd, fad->link, secret, error);
  if (fad->data == NULL)
    return FALSE;
  fad->routes = fad_routes_new (fad->config, fad_data_tun_index (fad->data), error);
  if (fad->routes == NULL)
    return FALSE;
  if (control_path != NULL)
    fad->control = roam_control_new (control_path, fad->config->control_group, handle_control, fad, error);
  return control_path == NULL || fad->control != NULL;
}

Fad *
fad_new (FadConfig *config, const char *control_path, const char *status_path, GError **error)
{
  g_autoptr (Fad) fad = g_new0 (Fad, 1);

  fad->config = config;
  fad->udp_fd = fad->icmp_fd = fad->timer_fd = -1;
  fad->status_path = g_strdup (status_path);
  if (!open_all (fad, control_path, error))
    return NULL;
  fad->udp_source = g_unix_fd_add_full (G_PRIORITY_HIGH, fad->udp_fd, G_IO_IN, udp_readable, fad, NULL);
  fad->icmp_source = g_unix_fd_add (fad->icmp_fd, G_IO_IN, icmp_readable, fad);
  fad->timer_source = g_unix_fd_add (fad->timer_fd, G_IO_IN, timer_readable, fad);
  drain_actions (fad);
  write_status (fad);
  return g_steal_pointer (&fad);
}

static void
close_fd (int fd)
{
  if (fd >= 0)
    close (fd);
}

void
fad_free (Fad *fad)
{
  if (fad == NULL)
    return;
  if (fad->timer_source != 0)
    {
      const Mip4FaCommand stop = { .type = MIP4_FA_STOP };
      const RoamNow now = now_of_fad ();

      mip4_fa_input_command (fad->fa, &now, &stop);
      drain_actions (fad);
      g_source_remove (fad->timer_source);
      g_source_remove (fad->icmp_source);
      g_source_remove (fad->udp_source);
    }
  roam_control_free (fad->control);
  fad_routes_free (fad->routes);
  fad_data_free (fad->data);
  fad_link_free (fad->link);
  close_fd (fad->timer_fd);
  close_fd (fad->icmp_fd);
  close_fd (fad->udp_fd);
  mip4_fa_free (fad->fa);
  roam_rng_free (fad->rng);
  fad_config_free (fad->config);
  g_free (fad->status_path);
  g_free (fad);
}
