/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * gw-peer: a client of roam-gw by hand, with a data path that also does what none should do.
 *
 *   gw-peer [--raw] [--mopo] [--no-nat] LOCAL GATEWAY IDENTITY SECRET
 *
 * Lines on its standard input:
 *   send SOURCE DESTINATION TEXT  a UDP datagram with that IPv4 header, from and to port 7, through the tunnel
 *   next NUMBER SOURCE            another such datagram, whose ESP says that it holds protocol NUMBER
 *   replay, corrupt               the last ESP packet again, as it was or with one bit changed
 *   form udp, form raw            how ESP leaves from now on, whatever was agreed
 *   move LOCAL, check, rekey      what the engine is told
 *   quit                          (or their end) deletes the SA and ends
 * Lines on its standard output: established INNER, received SOURCE DESTINATION TEXT, path-ok, path-failed REASON,
 * rekeyed, ended REASON.
 */
#include "lab/gateway/gw-inner-private.h"
#include "lab/gateway/gw-socket-private.h"
#include "lab/gateway/gw-table-private.h"
#include "tunnel/tunnel-ipip-private.h"
#include "tunnel/tunnel-octets-private.h"

#include <glib-unix.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>
#include <unistd.h>

#define UDP_HEADER 8
#define PORT 7
#define ME 1 /* the one client of the table */

typedef struct
{
  GMainLoop *loop;
  IkeSession *session;
  GwSockets *sockets;
  GwTable *table;
  guint8 *slots;
  guint timer;
  GString *input;
  guint8 last[GW_SLOT]; /* ESP packet */
  gsize last_length;
  guint32 serial;
  guint64 lost;
} Peer;

typedef struct
{
  gboolean raw, mopo, no_nat;
} Options;

static RoamNow
now (void)
{
  struct timespec boot;

  clock_gettime (CLOCK_BOOTTIME, &boot);
  return roam_now_make (boot.tv_sec * ROAM_USEC_PER_SEC + boot.tv_nsec / 1000, g_get_real_time ());
}

G_GNUC_PRINTF (1, 2)
static void
say (const char *format, ...)
{
  va_list arguments;

  va_start (arguments, format);
  vprintf (format, arguments);
  va_end (arguments);
  putchar ('\n');
  fflush (stdout);
}

/* --------------------------------------------------------------------- engine ---- */

static void
take_event (Peer *peer, const IkeEvent *event)
{
  char text[ROAM_ADDR_STRLEN];

  if (event->type == IKE_EVENT_ESTABLISHED)
    {
      gw_table_set_inner (peer->table, gw_table_get (peer->table, ME), &event->configuration.tia4,
                          &event->configuration.tia6);
      say ("established %s", roam_addr_to_string (&event->configuration.tia4, text));
    }
  else if (event->type == IKE_EVENT_PATH_OK)
    say ("path-ok");
  else if (event->type == IKE_EVENT_PATH_FAILED)
    say ("path-failed %s", event->reason);
  else if (event->type == IKE_EVENT_FAILED || event->type == IKE_EVENT_AUTH_FAILED || event->type == IKE_EVENT_DEAD)
    {
      say ("ended %s", event->reason);
      g_main_loop_quit (peer->loop);
    }
}

static void
perform (Peer *peer, const IkeAction *action)
{
  GwClient *me = gw_table_get (peer->table, ME);
  GwDatagram datagram = { 0 };

  if (action->type == IKE_ACTION_SEND)
    {
      datagram = (GwDatagram){ action->send.ifindex, action->send.local, action->send.remote, 0, NULL, 0 };
      datagram.data = (guint8 *)g_bytes_get_data (action->send.datagram, &datagram.length);
      gw_sockets_send (peer->sockets, &datagram);
    }
  else if (action->type == IKE_ACTION_EVENT)
    take_event (peer, &action->event);
  else if (action->type == IKE_ACTION_CHILD_ADD)
    {
      if (me->out != NULL && action->child_add.use_outbound)
        say ("rekeyed");
      gw_table_add_sa (peer->table, me, action->child_add.child, action->child_add.use_outbound);
    }
  else if (action->type == IKE_ACTION_CHILD_REMOVE)
    gw_table_remove_sa (peer->table, me, action->child_remove.child_id);
  else if (action->type == IKE_ACTION_CHILD_MOVE)
    gw_table_move (me, action->child_move.ifindex, &action->child_move.local, &action->child_move.remote,
                   action->child_move.udp_encap);
  else if (action->type == IKE_ACTION_CHILD_USE)
    {
      gw_table_use_sa (me, action->child_use.child_id);
      say ("rekeyed");
    }
}

static void drain (Peer *peer);

static gboolean
deadline (gpointer user_data)
{
  Peer *peer = user_data;
  const RoamNow t = now ();

  peer->timer = 0;
  ike_session_input_deadline (peer->session, &t);
  drain (peer);
  return G_SOURCE_REMOVE;
}

static void
drain (Peer *peer)
{
  gint64 next;

  for (;;)
    {
      g_auto (IkeAction) action = { 0 };

      if (!ike_session_pop_action (peer->session, &action))
        break;
      perform (peer, &action);
    }
  if (peer->timer != 0)
    g_source_remove (peer->timer);
  peer->timer = 0;
  next = ike_session_next_deadline (peer->session);
  if (next != ROAM_NEVER)
    peer->timer = g_timeout_add ((guint)CLAMP ((next - now ().boot_us) / 1000 + 1, 0, 60000), deadline, peer);
}

static void
command (Peer *peer, IkeCommandType type, const char *local)
{
  IkeCommand request = { .type = type, .serial = ++peer->serial, .move_children_now = TRUE };
  const RoamNow t = now ();

  if (local != NULL && !roam_addr_parse (local, &request.path.local))
    g_printerr ("gw-peer: '%s' is no address\n", local);
  ike_session_input_command (peer->session, &t, &request);
  drain (peer);
}

/* ----------------------------------------------------------------------- data ---- */

static void
send_last (Peer *peer, gsize flip)
{
  const GwClient *me = gw_table_get (peer->table, ME);
  GwDatagram datagram = { .local = me->local, .remote = me->remote, .data = peer->last, .length = peer->last_length };

  peer->last[flip] ^= flip > 0 ? 1 : 0;
  gw_sockets_queue (peer->sockets, &datagram, me->udp_encap, &peer->lost);
  gw_sockets_flush (peer->sockets, &peer->lost);
}

static void
set_form (Peer *peer, gboolean udp_encap)
{
  GwClient *me = gw_table_get (peer->table, ME);

  me->udp_encap = udp_encap;
  me->local.port = me->remote.port = IKE_NATT_PORT; /* IKE-TRN-003: never on 500 */
}

static void
send_datagram (Peer *peer, guint8 next_header, const char *source, const char *destination, const char *text)
{
  const GwClient *me = gw_table_get (peer->table, ME);
  TunnelIp4 header = { .ttl = 64, .protocol = TUNNEL_PROTOCOL_UDP };
  guint8 plain[2048];
  RoamAddr from, to;

  if (me->out == NULL || !roam_addr_parse (source, &from) || !roam_addr_parse (destination, &to))
    {
      g_printerr ("gw-peer: cannot send\n");
      return;
    }
  header.source = roam_addr_to_u32 (&from);
  header.destination = roam_addr_to_u32 (&to);
  header.total_length = (guint)(TUNNEL_IP4_HEADER + UDP_HEADER + strlen (text));
  tunnel_ip4_build (plain, &header);
  tunnel_put_u16 (plain + 20, PORT);
  tunnel_put_u16 (plain + 22, PORT);
  tunnel_put_u16 (plain + 24, (guint16)(UDP_HEADER + strlen (text)));
  tunnel_put_u16 (plain + 26, 0); /* no checksum */
  memcpy (plain + 28, text, strlen (text));
  if (tunnel_esp_encrypt (me->out->out, next_header, plain, header.total_length, peer->last, sizeof peer->last,
                          &peer->last_length) == TUNNEL_DROP_NONE)
    send_last (peer, 0);
}

static void
receive_esp (Peer *peer, GwDatagram *datagram)
{
  GwSa *sa = gw_table_find_spi (peer->table, tunnel_esp_get_spi (datagram->data, datagram->length));
  char source[ROAM_ADDR_STRLEN], destination[ROAM_ADDR_STRLEN];
  const RoamNow t = now ();
  guint8 *plain = NULL, next_header;
  gsize length = 0;
  GwInner inner;

  if (sa == NULL ||
      tunnel_esp_decrypt (sa->in, datagram->data, datagram->length, &plain, &length, &next_header) != TUNNEL_DROP_NONE)
    return;
  ike_session_input_traffic (peer->session, &t, sa->child->id);
  drain (peer);
  if (gw_inner_parse (plain, length, &inner) && inner.protocol == TUNNEL_PROTOCOL_UDP && inner.length > 28)
    say ("received %s %s %.*s", roam_addr_to_string (&inner.source, source),
         roam_addr_to_string (&inner.destination, destination), (int)(inner.length - 28), (const char *)plain + 28);
}

static gboolean
socket_readable (int fd, GIOCondition condition, gpointer user_data)
{
  Peer *peer = user_data;
  GwDatagram datagrams[GW_BATCH];
  GwSocket which = GW_SOCKET_IKE4;
  guint n;

  while (gw_sockets_fd (peer->sockets, which) != fd)
    which++;
  n = gw_sockets_receive (peer->sockets, which, peer->slots, datagrams, &peer->lost);
  for (guint i = 0; i < n; i++)
    {
      const RoamNow t = now ();
      const GwDatagram *d = &datagrams[i];
      gboolean esp =
        d->local.port == 0 || (d->local.port == IKE_NATT_PORT && d->length > 4 && tunnel_get_u32 (d->data) != 0);

      if (esp)
        receive_esp (peer, &datagrams[i]);
      else
        ike_session_input_datagram (peer->session, &t, d->ifindex, &d->local, &d->remote, d->data, d->length);
    }
  drain (peer);
  return G_SOURCE_CONTINUE;
}

/* ------------------------------------------------------------------- commands ---- */

static void
obey (Peer *peer, const char *line)
{
  g_auto (GStrv) words = g_strsplit (line, " ", 4);
  guint n = g_strv_length (words);

  if (n == 4 && strcmp (words[0], "send") == 0)
    send_datagram (peer, TUNNEL_NEXT_HEADER_IPV4, words[1], words[2], words[3]);
  else if (n == 3 && strcmp (words[0], "next") == 0)
    send_datagram (peer, (guint8)g_ascii_strtoull (words[1], NULL, 10), words[2], "10.4.0.10", "next");
  else if (n == 2 && strcmp (words[0], "form") == 0)
    set_form (peer, strcmp (words[1], "udp") == 0);
  else if (strcmp (line, "replay") == 0)
    send_last (peer, 0);
  else if (strcmp (line, "corrupt") == 0)
    send_last (peer, peer->last_length - 1);
  else if (n == 2 && strcmp (words[0], "move") == 0)
    command (peer, IKE_MOVE, words[1]);
  else if (strcmp (line, "check") == 0)
    command (peer, IKE_CHECK, NULL);
  else if (strcmp (line, "rekey") == 0)
    command (peer, IKE_REKEY_CHILD, NULL);
  else if (strcmp (line, "quit") == 0)
    command (peer, IKE_TERMINATE, NULL);
  else
    g_printerr ("gw-peer: what is '%s'?\n", line);
}

static gboolean
input_readable (int fd, GIOCondition condition, gpointer user_data)
{
  Peer *peer = user_data;
  char data[1024];
  gssize n = read (fd, data, sizeof data);
  char *end;

  if (n <= 0)
    {
      command (peer, IKE_TERMINATE, NULL);
      return G_SOURCE_REMOVE;
    }
  g_string_append_len (peer->input, data, n);
  while ((end = strchr (peer->input->str, '\n')) != NULL)
    {
      g_autofree char *line = g_strndup (peer->input->str, (gsize)(end - peer->input->str));

      g_string_erase (peer->input, 0, end - peer->input->str + 1);
      obey (peer, line);
    }
  return G_SOURCE_CONTINUE;
}

/* ----------------------------------------------------------------------- life ---- */

static IkeSession *
new_session (char **words, const Options *options, RoamRng *rng)
{
  g_autoptr (RoamSecret) psk = roam_secret_new ((const guint8 *)words[3], strlen (words[3]));
  g_autofree char *problem = NULL;
  IkeConfig config = { .local_id = words[2],
                       .remote_id = "vpn.example.com",
                       .method = IKE_AUTH_METHOD_PSK,
                       .psk = psk,
                       .mobility = options->mopo ? IKE_MOBILITY_MOPO : IKE_MOBILITY_MOBIKE,
                       .nat_policy = options->no_nat ? IKE_NAT_POLICY_FORBID : IKE_NAT_POLICY_TRAVERSE,
                       .request_tia4 = TRUE,
                       .force_udp_encap = !options->raw };
  IkeSession *session = NULL;

  if (roam_addr_parse (words[1], &config.gateway))
    session = ike_session_new (&config, rng, &problem);
  if (session == NULL)
    g_printerr ("gw-peer: %s\n", problem != NULL ? problem : "the gateway is no address");
  return session;
}

static gboolean
run (Peer *peer, char **words, const Options *options)
{
  guint8 seed[ROAM_RNG_SEED_LENGTH];
  g_autoptr (RoamRng) rng = NULL;
  g_autoptr (GError) error = NULL;
  IkeCommand start = { .type = IKE_START };
  const RoamNow t = now ();

  if (getrandom (seed, sizeof seed, 0) != (gssize)sizeof seed || !roam_addr_parse (words[0], &start.path.local))
    return FALSE;
  rng = roam_rng_new (seed);
  peer->session = new_session (words, options, rng);
  peer->sockets = gw_sockets_new (&error);
  if (peer->session == NULL || peer->sockets == NULL)
    {
      g_printerr ("gw-peer: %s\n", error != NULL ? error->message : "no session");
      return FALSE;
    }
  peer->table = gw_table_new (rng);
  for (guint i = 0; i < GW_N_SOCKETS; i++)
    if (gw_sockets_fd (peer->sockets, (GwSocket)i) >= 0)
      g_unix_fd_add (gw_sockets_fd (peer->sockets, (GwSocket)i), G_IO_IN, socket_readable, peer);
  g_unix_fd_add (STDIN_FILENO, G_IO_IN, input_readable, peer);
  ike_session_input_command (peer->session, &t, &start);
  drain (peer);
  g_main_loop_run (peer->loop);
  gw_table_free (peer->table);
  return TRUE;
}

int
main (int argc, char **argv)
{
  Options options = { 0 };
  gboolean done;
  int first = 1;
  Peer *peer;

  for (; first < argc && argv[first][0] == '-'; first++)
    {
      options.raw = options.raw || strcmp (argv[first], "--raw") == 0;
      options.mopo = options.mopo || strcmp (argv[first], "--mopo") == 0;
      options.no_nat = options.no_nat || strcmp (argv[first], "--no-nat") == 0;
    }
  if (argc - first != 4)
    {
      g_printerr ("usage: gw-peer [--raw] [--mopo] [--no-nat] LOCAL GATEWAY IDENTITY SECRET\n");
      return 2;
    }
  peer = g_new0 (Peer, 1);
  peer->loop = g_main_loop_new (NULL, FALSE);
  peer->slots = g_malloc (GW_BATCH * GW_SLOT);
  peer->input = g_string_new (NULL);
  done = run (peer, argv + first, &options);
  gw_sockets_free (peer->sockets);
  ike_session_free (peer->session);
  g_string_free (peer->input, TRUE);
  g_main_loop_unref (peer->loop);
  g_free (peer->slots);
  g_free (peer);
  return done ? 0 : 1;
}
