/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * ike-probe: drives one IkeSession over real sockets against a real gateway and prints what happens,
 * one JSON object a line. It has no data plane: Child SAs are only reported.
 *
 *   ike-probe --gateway A --local A[%IF] [--psk SECRET | --cert F --key F --ca F] [--at MS:COMMAND]...
 *
 * COMMAND is check, move=A[%IF], move-late=A[%IF] (Child SAs follow after the answer), rekey-ike,
 * rekey-child, terminate, abandon or status. Exit status 0 when an ESTABLISHED event was seen and,
 * with --expect WORD, an event of that name too.
 */
#include "ike/ike.h"

#include <errno.h>
#include <net/if.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define MAX_DATAGRAM 65535
#define N_SOCKETS 4

typedef struct
{
  gint64 at_us; /* after the start */
  char *text;
  gboolean done;
} Step;

typedef struct
{
  IkeSession *session;
  struct pollfd sockets[N_SOCKETS];
  gint64 start_us, end_us;
  GPtrArray *steps;
  guint32 serial;
  gboolean established, over, expected_seen;
  const char *expect;
  gboolean touch_new_children; /* pretend that ESP arrives on every new Child SA */
  guint64 esp_received;
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

static gboolean
parse_path (const char *text, IkePath *path)
{
  g_auto (GStrv) words = g_strsplit (text, "%", 2);

  path->ifindex = words[1] ? if_nametoindex (words[1]) : 0;
  return roam_addr_parse (words[0], &path->local) && (!words[1] || path->ifindex != 0);
}

static const char *
event_name (IkeEventType type)
{
  switch (type)
    {
    case IKE_EVENT_ESTABLISHED:
      return "established";
    case IKE_EVENT_PATH_OK:
      return "path-ok";
    case IKE_EVENT_PATH_FAILED:
      return "path-failed";
    case IKE_EVENT_FAILED:
      return "failed";
    case IKE_EVENT_AUTH_FAILED:
      return "auth-failed";
    case IKE_EVENT_DEAD:
      return "dead";
    case IKE_EVENT_TIA_CHANGED:
      return "tia-changed";
    case IKE_EVENT_NAT_CHANGED:
      return "nat-changed";
    case IKE_EVENT_PATH_CHANGED:
      return "path-changed";
    case IKE_EVENT_REDIRECTED:
      return "redirected";
    case IKE_EVENT_RESOLVE:
      return "resolve";
    }
  return "?";
}

static gint64
elapsed_us (const Probe *probe)
{
  return now ().boot_us - probe->start_us;
}

static void
print_event (Probe *probe, const IkeEvent *event)
{
  char tia4[ROAM_ADDR_STRLEN], tia6[ROAM_ADDR_STRLEN], dns[ROAM_ADDR_STRLEN];
  const IkeConfiguration *c = &event->configuration;

  g_print ("{\"us\":%" G_GINT64_FORMAT ",\"event\":\"%s\",\"serial\":%u,\"tia4\":\"%s\",\"tia6\":\"%s\",\"dns\":\"%s\","
           "\"mobike\":%s,\"nat_local\":%s,\"nat_remote\":%s,\"rtt_us\":%" G_GINT64_FORMAT
           ",\"reason\":\"%s\",\"advice\":\"%s\"}\n",
           elapsed_us (probe), event_name (event->type), event->serial, roam_addr_to_string (&c->tia4, tia4),
           roam_addr_to_string (&c->tia6, tia6), roam_addr_to_string (&c->dns[0], dns),
           event->mobike ? "true" : "false", event->nat_local ? "true" : "false", event->nat_remote ? "true" : "false",
           event->rtt_us, event->reason ? event->reason : "", event->advice ? event->advice : "");
  if (event->type == IKE_EVENT_ESTABLISHED)
    probe->established = TRUE;
  if (g_strcmp0 (probe->expect, event_name (event->type)) == 0)
    probe->expected_seen = TRUE;
  if (event->type == IKE_EVENT_FAILED || event->type == IKE_EVENT_AUTH_FAILED || event->type == IKE_EVENT_DEAD)
    probe->over = TRUE;
}

static void
print_status (Probe *probe)
{
  IkeStatus s;
  char local[ROAM_ADDR_STRLEN], remote[ROAM_ADDR_STRLEN];

  ike_session_get_status (probe->session, &s);
  g_print (
    "{\"us\":%" G_GINT64_FORMAT ",\"status\":\"%s\",\"spi_i\":\"%016" G_GINT64_MODIFIER
    "x\",\"spi_r\":\"%016" G_GINT64_MODIFIER "x\",\"ike\":\"%s\",\"esp\":\"%s\",\"local\":\"%s\",\"remote\":\"%s\","
    "\"child_in\":\"%08x\",\"child_out\":\"%08x\",\"mobike\":%s,\"nat_local\":%s,\"nat_remote\":%s}\n",
    elapsed_us (probe), s.state, s.spi_i, s.spi_r, s.ike_suite, s.esp_suite, roam_addr_to_string (&s.path.local, local),
    roam_endpoint_to_string (&s.remote, remote), s.child_spi_in, s.child_spi_out, s.mobike ? "true" : "false",
    s.nat_local ? "true" : "false", s.nat_remote ? "true" : "false");
}

/* Fills sockaddr of the endpoint; returns its length. */
static socklen_t
make_sockaddr (const RoamEndpoint *endpoint, struct sockaddr_storage *out)
{
  memset (out, 0, sizeof *out);
  if (endpoint->addr.family == ROAM_FAMILY_INET4)
    {
      struct sockaddr_in *in = (struct sockaddr_in *)out;
      in->sin_family = AF_INET;
      in->sin_port = htons (endpoint->port);
      memcpy (&in->sin_addr, endpoint->addr.bytes, 4);
      return sizeof *in;
    }
  struct sockaddr_in6 *in6 = (struct sockaddr_in6 *)out;
  in6->sin6_family = AF_INET6;
  in6->sin6_port = htons (endpoint->port);
  memcpy (&in6->sin6_addr, endpoint->addr.bytes, 16);
  return sizeof *in6;
}

static void
parse_sockaddr (const struct sockaddr_storage *from, RoamEndpoint *endpoint)
{
  if (from->ss_family == AF_INET)
    {
      const struct sockaddr_in *in = (const struct sockaddr_in *)from;
      endpoint->addr = roam_addr_from_bytes ((const guint8 *)&in->sin_addr, 4);
      endpoint->port = ntohs (in->sin_port);
    }
  else
    {
      const struct sockaddr_in6 *in6 = (const struct sockaddr_in6 *)from;
      endpoint->addr = roam_addr_from_bytes ((const guint8 *)&in6->sin6_addr, 16);
      endpoint->port = ntohs (in6->sin6_port);
    }
}

/* Sockets: IPv4 500, IPv4 4500, IPv6 500, IPv6 4500. */
static guint
socket_index (const RoamEndpoint *local)
{
  return (local->addr.family == ROAM_FAMILY_INET6 ? 2 : 0) + (local->port == IKE_NATT_PORT ? 1 : 0);
}

static void
send_datagram (Probe *probe, const IkeAction *action)
{
  struct sockaddr_storage to;
  gsize length;
  gconstpointer data = g_bytes_get_data (action->send.datagram, &length);
  struct iovec vector = { .iov_base = (void *)data, .iov_len = length };
  union
  {
    struct cmsghdr align;
    char space[CMSG_SPACE (sizeof (struct in6_pktinfo))];
  } control = { 0 };
  struct msghdr message = { .msg_name = &to, .msg_iov = &vector, .msg_iovlen = 1, .msg_control = &control };
  struct cmsghdr *c = (struct cmsghdr *)&control;

  message.msg_namelen = make_sockaddr (&action->send.remote, &to);
  if (to.ss_family == AF_INET)
    {
      struct in_pktinfo info = { .ipi_ifindex = (int)action->send.ifindex };
      memcpy (&info.ipi_spec_dst, action->send.local.addr.bytes, 4);
      c->cmsg_level = IPPROTO_IP;
      c->cmsg_type = IP_PKTINFO;
      c->cmsg_len = CMSG_LEN (sizeof info);
      memcpy (CMSG_DATA (c), &info, sizeof info);
    }
  else
    {
      struct in6_pktinfo info = { .ipi6_ifindex = action->send.ifindex };
      memcpy (&info.ipi6_addr, action->send.local.addr.bytes, 16);
      c->cmsg_level = IPPROTO_IPV6;
      c->cmsg_type = IPV6_PKTINFO;
      c->cmsg_len = CMSG_LEN (sizeof info);
      memcpy (CMSG_DATA (c), &info, sizeof info);
    }
  message.msg_controllen = c->cmsg_len;
  if (sendmsg (probe->sockets[socket_index (&action->send.local)].fd, &message, 0) < 0)
    g_printerr ("ike-probe: send: %s\n", g_strerror (errno));
}

static void
perform (Probe *probe, const IkeAction *action)
{
  char local[ROAM_ADDR_STRLEN], remote[ROAM_ADDR_STRLEN];

  switch (action->type)
    {
    case IKE_ACTION_SEND:
      send_datagram (probe, action);
      return;
    case IKE_ACTION_EVENT:
      print_event (probe, &action->event);
      return;
    case IKE_ACTION_CHILD_ADD:
      g_print ("{\"us\":%" G_GINT64_FORMAT ",\"child_add\":%u,\"spi_in\":\"%08x\",\"spi_out\":\"%08x\",\"bits\":%u,"
               "\"use_outbound\":%s,\"udp_encap\":%s}\n",
               elapsed_us (probe), action->child_add.child->id, action->child_add.child->spi_in,
               action->child_add.child->spi_out, action->child_add.child->encr_bits,
               action->child_add.use_outbound ? "true" : "false",
               action->child_add.child->udp_encap ? "true" : "false");
      if (probe->touch_new_children && !action->child_add.use_outbound)
        {
          RoamNow t = now ();
          ike_session_input_traffic (probe->session, &t, action->child_add.child->id);
        }
      return;
    case IKE_ACTION_CHILD_USE:
      g_print ("{\"us\":%" G_GINT64_FORMAT ",\"child_use\":%u}\n", elapsed_us (probe), action->child_use.child_id);
      return;
    case IKE_ACTION_CHILD_REMOVE:
      g_print ("{\"us\":%" G_GINT64_FORMAT ",\"child_remove\":%u}\n", elapsed_us (probe),
               action->child_remove.child_id);
      return;
    case IKE_ACTION_CHILD_MOVE:
      g_print ("{\"us\":%" G_GINT64_FORMAT ",\"child_move\":\"%s\",\"remote\":\"%s\",\"udp_encap\":%s}\n",
               elapsed_us (probe), roam_endpoint_to_string (&action->child_move.local, local),
               roam_endpoint_to_string (&action->child_move.remote, remote),
               action->child_move.udp_encap ? "true" : "false");
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
  for (;;)
    {
      g_auto (IkeAction) action = { 0 };

      if (!ike_session_pop_action (probe->session, &action))
        return;
      perform (probe, &action);
    }
}

static void
command (Probe *probe, IkeCommandType type, const IkePath *path, gboolean move_now)
{
  IkeCommand c = { .type = type, .serial = ++probe->serial, .move_children_now = move_now };
  RoamNow t = now ();

  if (path)
    c.path = *path;
  ike_session_input_command (probe->session, &t, &c);
  drain (probe);
}

static void
run_step (Probe *probe, const char *text)
{
  IkePath path;

  if (g_str_has_prefix (text, "move=") && parse_path (text + strlen ("move="), &path))
    command (probe, IKE_MOVE, &path, TRUE);
  else if (g_str_has_prefix (text, "move-late=") && parse_path (text + strlen ("move-late="), &path))
    command (probe, IKE_MOVE, &path, FALSE);
  else if (strcmp (text, "check") == 0)
    command (probe, IKE_CHECK, NULL, FALSE);
  else if (strcmp (text, "rekey-ike") == 0)
    command (probe, IKE_REKEY_IKE, NULL, FALSE);
  else if (strcmp (text, "rekey-child") == 0)
    command (probe, IKE_REKEY_CHILD, NULL, FALSE);
  else if (strcmp (text, "terminate") == 0)
    command (probe, IKE_TERMINATE, NULL, FALSE);
  else if (strcmp (text, "abandon") == 0)
    command (probe, IKE_ABANDON, NULL, FALSE);
  else if (strcmp (text, "status") == 0)
    print_status (probe);
  else
    g_printerr ("ike-probe: unknown step '%s'\n", text);
}

static int
open_socket (int family, guint16 port)
{
  int fd = socket (family, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0), on = 1;
  RoamEndpoint any = { .addr = { .family = family == AF_INET ? ROAM_FAMILY_INET4 : ROAM_FAMILY_INET6 }, .port = port };
  struct sockaddr_storage address;
  socklen_t length = make_sockaddr (&any, &address);

  if (fd < 0)
    return -1;
  setsockopt (fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  if (family == AF_INET)
    setsockopt (fd, IPPROTO_IP, IP_PKTINFO, &on, sizeof on);
  else
    {
      setsockopt (fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof on);
      setsockopt (fd, IPPROTO_IPV6, IPV6_RECVPKTINFO, &on, sizeof on);
    }
  if (bind (fd, (struct sockaddr *)&address, length) < 0)
    {
      close (fd);
      return -1;
    }
  return fd;
}

static void
read_pktinfo (struct msghdr *message, RoamEndpoint *local, guint32 *ifindex)
{
  for (struct cmsghdr *c = CMSG_FIRSTHDR (message); c; c = CMSG_NXTHDR (message, c))
    if (c->cmsg_level == IPPROTO_IP && c->cmsg_type == IP_PKTINFO)
      {
        struct in_pktinfo info;
        memcpy (&info, CMSG_DATA (c), sizeof info);
        local->addr = roam_addr_from_bytes ((const guint8 *)&info.ipi_addr, 4);
        *ifindex = (guint32)info.ipi_ifindex;
      }
    else if (c->cmsg_level == IPPROTO_IPV6 && c->cmsg_type == IPV6_PKTINFO)
      {
        struct in6_pktinfo info;
        memcpy (&info, CMSG_DATA (c), sizeof info);
        local->addr = roam_addr_from_bytes ((const guint8 *)&info.ipi6_addr, 16);
        *ifindex = info.ipi6_ifindex;
      }
}

static void
receive (Probe *probe, guint index)
{
  static guint8 buffer[MAX_DATAGRAM];
  static const guint8 marker[4];

  for (;;)
    {
      struct sockaddr_storage from;
      struct iovec vector = { .iov_base = buffer, .iov_len = sizeof buffer };
      char control[CMSG_SPACE (sizeof (struct in6_pktinfo)) * 2];
      struct msghdr message = { .msg_name = &from,
                                .msg_namelen = sizeof from,
                                .msg_iov = &vector,
                                .msg_iovlen = 1,
                                .msg_control = control,
                                .msg_controllen = sizeof control };
      ssize_t length = recvmsg (probe->sockets[index].fd, &message, 0);
      RoamEndpoint local = { .port = index % 2 ? IKE_NATT_PORT : IKE_PORT }, remote = { 0 };
      guint32 ifindex = 0;
      RoamNow t = now ();

      if (length < 0)
        return;
      parse_sockaddr (&from, &remote);
      read_pktinfo (&message, &local, &ifindex);
      if (local.port == IKE_NATT_PORT && length >= 4 && memcmp (buffer, marker, 4) != 0)
        {
          probe->esp_received++;
          continue;
        }
      ike_session_input_datagram (probe->session, &t, ifindex, &local, &remote, buffer, (gsize)length);
      drain (probe);
    }
}

static gint64
next_step_us (const Probe *probe)
{
  gint64 next = probe->end_us;

  for (guint i = 0; i < probe->steps->len; i++)
    {
      const Step *step = g_ptr_array_index (probe->steps, i);
      if (!step->done)
        next = MIN (next, probe->start_us + step->at_us);
    }
  return next;
}

static void
run_due (Probe *probe)
{
  RoamNow t = now ();

  for (guint i = 0; i < probe->steps->len; i++)
    {
      Step *step = g_ptr_array_index (probe->steps, i);
      if (step->done || t.boot_us < probe->start_us + step->at_us)
        continue;
      step->done = TRUE;
      run_step (probe, step->text);
    }
  if (ike_session_next_deadline (probe->session) <= t.boot_us)
    ike_session_input_deadline (probe->session, &t);
  drain (probe);
}

static void
loop (Probe *probe)
{
  while (!probe->over && now ().boot_us < probe->end_us)
    {
      gint64 due = MIN (next_step_us (probe), ike_session_next_deadline (probe->session));
      gint64 wait = (due - now ().boot_us + 999) / 1000;

      poll (probe->sockets, N_SOCKETS, (int)CLAMP (wait, 0, 60000));
      for (guint i = 0; i < N_SOCKETS; i++)
        if (probe->sockets[i].revents & POLLIN)
          receive (probe, i);
      run_due (probe);
    }
}

static GBytes *
read_file (const char *path)
{
  g_autoptr (GError) error = NULL;
  char *contents;
  gsize length;

  if (!path)
    return NULL;
  if (!g_file_get_contents (path, &contents, &length, &error))
    {
      g_printerr ("ike-probe: %s\n", error->message);
      exit (2);
    }
  return g_bytes_new_take (contents, length);
}

static RoamSecret *
secret_of_file (const char *path)
{
  g_autoptr (GBytes) bytes = read_file (path);
  gsize length;
  const guint8 *data = bytes ? g_bytes_get_data (bytes, &length) : NULL;

  return data ? roam_secret_new (data, length) : NULL;
}

static void
free_step (gpointer data)
{
  Step *step = data;
  g_free (step->text);
  g_free (step);
}

static void
add_steps (Probe *probe, char **texts)
{
  for (guint i = 0; texts && texts[i]; i++)
    {
      char *end;
      Step *step = g_new0 (Step, 1);
      step->at_us = g_ascii_strtoll (texts[i], &end, 10) * ROAM_USEC_PER_MSEC;
      step->text = g_strdup (*end == ':' ? end + 1 : end);
      g_ptr_array_add (probe->steps, step);
    }
}

static void
close_sockets (Probe *probe)
{
  for (guint i = 0; i < N_SOCKETS; i++)
    if (probe->sockets[i].fd >= 0)
      close (probe->sockets[i].fd);
}

/* What the command line says. */
typedef struct
{
  char *gateway, *local, *psk, *cert, *key, *ca, *local_id, *remote_id, *ike, *esp, *expect;
  char *eap, *eap_identity, *eap_password, *eap_server, *crl, *ppk, *ppk_id;
  char **at;
  gboolean no_encap, traffic, tia6, eap_only, require_ppk;
  int duration_ms, dpd_ms;
} Options;

static gboolean
parse_options (Options *o, int *argc, char ***argv)
{
  const GOptionEntry entries[] = {
    { "gateway", 0, 0, G_OPTION_ARG_STRING, &o->gateway, "address of the gateway", "ADDR" },
    { "local", 0, 0, G_OPTION_ARG_STRING, &o->local, "first local address", "ADDR[%IF]" },
    { "psk", 0, 0, G_OPTION_ARG_STRING, &o->psk, "pre-shared key", "TEXT" },
    { "cert", 0, 0, G_OPTION_ARG_FILENAME, &o->cert, "certificate chain, PEM", "FILE" },
    { "key", 0, 0, G_OPTION_ARG_FILENAME, &o->key, "private key, PEM", "FILE" },
    { "ca", 0, 0, G_OPTION_ARG_FILENAME, &o->ca, "trust anchors, PEM", "FILE" },
    { "local-id", 0, 0, G_OPTION_ARG_STRING, &o->local_id, "identity", "ID" },
    { "remote-id", 0, 0, G_OPTION_ARG_STRING, &o->remote_id, "identity of the gateway", "ID" },
    { "ike", 0, 0, G_OPTION_ARG_STRING, &o->ike, "IKE proposals", "LIST" },
    { "esp", 0, 0, G_OPTION_ARG_STRING, &o->esp, "ESP proposals", "LIST" },
    { "crl", 0, 0, G_OPTION_ARG_FILENAME, &o->crl, "revocation lists", "FILE" },
    { "eap", 0, 0, G_OPTION_ARG_STRING, &o->eap, "EAP method: mschapv2 or tls", "WORD" },
    { "eap-identity", 0, 0, G_OPTION_ARG_STRING, &o->eap_identity, "identity for EAP", "ID" },
    { "eap-password", 0, 0, G_OPTION_ARG_STRING, &o->eap_password, "password for EAP", "TEXT" },
    { "eap-server", 0, 0, G_OPTION_ARG_STRING, &o->eap_server, "name of the EAP-TLS server", "NAME" },
    { "eap-only", 0, 0, G_OPTION_ARG_NONE, &o->eap_only, "the gateway needs no certificate of its own", NULL },
    { "ppk", 0, 0, G_OPTION_ARG_STRING, &o->ppk, "post-quantum preshared key", "TEXT" },
    { "ppk-id", 0, 0, G_OPTION_ARG_STRING, &o->ppk_id, "its name", "ID" },
    { "require-ppk", 0, 0, G_OPTION_ARG_NONE, &o->require_ppk, "not without it", NULL },
    { "no-force-encap", 0, 0, G_OPTION_ARG_NONE, &o->no_encap, "do not fake a NAT", NULL },
    { "traffic", 0, 0, G_OPTION_ARG_NONE, &o->traffic, "act as if ESP arrived on each new Child SA", NULL },
    { "tia6", 0, 0, G_OPTION_ARG_NONE, &o->tia6, "ask for an IPv6 inner address too", NULL },
    { "dpd", 0, 0, G_OPTION_ARG_INT, &o->dpd_ms, "liveness interval", "MS" },
    { "at", 0, 0, G_OPTION_ARG_STRING_ARRAY, &o->at, "do COMMAND at MS", "MS:COMMAND" },
    { "duration", 0, 0, G_OPTION_ARG_INT, &o->duration_ms, "end after that", "MS" },
    { "expect", 0, 0, G_OPTION_ARG_STRING, &o->expect, "event that decides the exit status", "EVENT" },
    { NULL },
  };
  g_autoptr (GOptionContext) context = g_option_context_new (NULL);
  g_autoptr (GError) error = NULL;

  g_option_context_add_main_entries (context, entries, NULL);
  if (g_option_context_parse (context, argc, argv, &error))
    return TRUE;
  g_printerr ("ike-probe: %s\n", error->message);
  return FALSE;
}

static RoamSecret *
secret_of_text (const char *text)
{
  return text ? roam_secret_new ((const guint8 *)text, strlen (text)) : NULL;
}

/* NULL after a message. */
static IkeSession *
make_session (const Options *o)
{
  g_autoptr (RoamSecret) psk = secret_of_text (o->psk), password = secret_of_text (o->eap_password);
  g_autoptr (RoamSecret) ppk = secret_of_text (o->ppk);
  g_autoptr (GBytes) crl = read_file (o->crl);
  g_autoptr (RoamSecret) key = secret_of_file (o->key);
  g_autoptr (GBytes) cert = read_file (o->cert);
  g_autoptr (GBytes) ca = read_file (o->ca);
  g_autoptr (RoamRng) rng = NULL;
  g_autofree char *problem = NULL;
  guint8 seed[ROAM_RNG_SEED_LENGTH];
  IkeSession *session;
  IkeConfig config = { .method = o->eap ? IKE_AUTH_METHOD_EAP
                                 : cert ? IKE_AUTH_METHOD_CERTIFICATE
                                        : IKE_AUTH_METHOD_PSK,
                       .eap_method = g_strcmp0 (o->eap, "tls") == 0 ? IKE_EAP_METHOD_TLS : IKE_EAP_METHOD_MSCHAPV2,
                       .eap_identity = o->eap_identity,
                       .eap_password = password,
                       .eap_server_name = o->eap_server,
                       .eap_only = o->eap_only,
                       .crl = crl,
                       .ppk = ppk,
                       .ppk_id = o->ppk_id,
                       .require_ppk = o->require_ppk,
                       .local_id = o->local_id,
                       .remote_id = o->remote_id,
                       .psk = psk,
                       .certificate_pem = cert,
                       .private_key_pem = key,
                       .ca_pem = ca,
                       .ike_proposals = o->ike,
                       .esp_proposals = o->esp,
                       .request_tia4 = TRUE,
                       .request_tia6 = o->tia6,
                       .request_dns = TRUE,
                       .force_udp_encap = !o->no_encap,
                       .dpd_interval_us = o->dpd_ms * ROAM_USEC_PER_MSEC };

  if (!o->gateway || !roam_addr_parse (o->gateway, &config.gateway))
    {
      g_printerr ("ike-probe: --gateway ADDR is needed\n");
      return NULL;
    }
  if (getrandom (seed, sizeof seed, 0) != sizeof seed)
    return NULL;
  rng = roam_rng_new (seed);
  session = ike_session_new (&config, rng, &problem);
  if (!session)
    g_printerr ("ike-probe: %s\n", problem);
  return session;
}

static gboolean
open_sockets (Probe *probe)
{
  gboolean any = FALSE;

  for (guint i = 0; i < N_SOCKETS; i++)
    {
      probe->sockets[i].fd = open_socket (i < 2 ? AF_INET : AF_INET6, i % 2 ? IKE_NATT_PORT : IKE_PORT);
      probe->sockets[i].events = POLLIN;
      any = any || probe->sockets[i].fd >= 0;
    }
  if (!any)
    g_printerr ("ike-probe: ports 500 and 4500: %s\n", g_strerror (errno));
  return any;
}

int
main (int argc, char **argv)
{
  Options options = { .duration_ms = 5000 };
  Probe probe = { 0 };
  gboolean good = FALSE;
  IkePath path;

  if (!parse_options (&options, &argc, &argv) || !options.local || !parse_path (options.local, &path))
    {
      g_printerr ("ike-probe: --local ADDR[%%IF] is needed\n");
      return 2;
    }
  probe.session = make_session (&options);
  if (!probe.session || !open_sockets (&probe))
    return 1;
  probe.steps = g_ptr_array_new_with_free_func (free_step);
  probe.expect = options.expect;
  probe.touch_new_children = options.traffic;
  probe.start_us = now ().boot_us;
  probe.end_us = probe.start_us + options.duration_ms * ROAM_USEC_PER_MSEC;
  add_steps (&probe, options.at);
  command (&probe, IKE_START, &path, FALSE);
  loop (&probe);
  print_status (&probe);
  good = options.expect ? probe.expected_seen : probe.established;
  ike_session_free (probe.session);
  g_ptr_array_unref (probe.steps);
  close_sockets (&probe);
  return good ? 0 : 1;
}
