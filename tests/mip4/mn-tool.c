/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "mip4/mip4.h"

#include <arpa/inet.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

/*
 * A mobile node for tests on real sockets: one registration procedure, the outcome as one line.
 *   mn-tool --home A --agent A --care-of A [--bind A] [--port N] --key HEX [--md5] [--form co-located|home|deregister]
 *           [--lifetime S] [--no-nat] [--force-udp] [--copies N]
 */

static char *home, *agent, *care_of, *bind_to, *key_hex, *form = NULL;
static int lifetime = 600, copies = 3, port, spi = 4096;
static gboolean md5, no_nat, force_udp;

static const GOptionEntry entries[] = {
  { "home", 0, 0, G_OPTION_ARG_STRING, &home, "home address", "A" },
  { "agent", 0, 0, G_OPTION_ARG_STRING, &agent, "home agent", "A" },
  { "care-of", 0, 0, G_OPTION_ARG_STRING, &care_of, "care-of address", "A" },
  { "bind", 0, 0, G_OPTION_ARG_STRING, &bind_to, "source, where it is not the care-of address", "A" },
  { "port", 0, 0, G_OPTION_ARG_INT, &port, "source port", "N" },
  { "key", 0, 0, G_OPTION_ARG_STRING, &key_hex, "key in hex", "HEX" },
  { "spi", 0, 0, G_OPTION_ARG_INT, &spi, "SPI", "N" },
  { "md5", 0, 0, G_OPTION_ARG_NONE, &md5, "HMAC-MD5", NULL },
  { "form", 0, 0, G_OPTION_ARG_STRING, &form, "form", "F" },
  { "lifetime", 0, 0, G_OPTION_ARG_INT, &lifetime, "lifetime", "S" },
  { "copies", 0, 0, G_OPTION_ARG_INT, &copies, "copies", "N" },
  { "no-nat", 0, 0, G_OPTION_ARG_NONE, &no_nat, "no extension 144", NULL },
  { "force-udp", 0, 0, G_OPTION_ARG_NONE, &force_udp, "F in 144", NULL },
  { NULL },
};

static RoamNow
now (void)
{
  struct timespec boot;

  clock_gettime (CLOCK_BOOTTIME, &boot);
  return roam_now_make (boot.tv_sec * ROAM_USEC_PER_SEC + boot.tv_nsec / 1000, g_get_real_time ());
}

static RoamAddr
address (const char *text)
{
  RoamAddr addr;

  if (text == NULL || !roam_addr_parse (text, &addr))
    g_error ("no address: %s", text != NULL ? text : "(missing)");
  return addr;
}

static struct sockaddr_in
to_sockaddr (const RoamAddr *addr, int to_port)
{
  struct sockaddr_in out = { .sin_family = AF_INET, .sin_port = htons ((guint16)to_port) };

  memcpy (&out.sin_addr, addr->bytes, 4);
  return out;
}

static RoamSecret *
key (void)
{
  guint8 octets[256];
  gsize n = strlen (key_hex) / 2;

  g_assert_cmpuint (n, <=, sizeof octets);
  for (gsize i = 0; i < n; i++)
    octets[i] = (guint8)(g_ascii_xdigit_value (key_hex[2 * i]) << 4 | g_ascii_xdigit_value (key_hex[2 * i + 1]));
  return roam_secret_new (octets, n);
}

/* TRUE when the procedure is over. */
static gboolean
report (const Mip4MnEvent *event)
{
  static const char *const names[] = { "accepted", "denied", "exhausted", "discarded", "late", "renewal", "expired" };

  g_print ("%s code=%u tnc=%d retry=%d lifetime=%u udp=%d keepalive=%u reason=%s\n", names[event->type], event->code,
           event->tnc, event->will_retry, event->lifetime_s, event->udp_tunnel, event->keepalive_s, event->reason);
  return event->type == MIP4_MN_ACCEPTED || event->type == MIP4_MN_EXHAUSTED ||
         (event->type == MIP4_MN_DENIED && !event->will_retry);
}

static gboolean
drain (Mip4Mn *mn, int fd)
{
  gboolean over = FALSE;

  for (;;)
    {
      g_auto (Mip4MnAction) action = { 0 };
      struct sockaddr_in to;

      if (!mip4_mn_pop_action (mn, &action))
        return over;
      if (action.type == MIP4_MN_ACTION_EVENT)
        {
          over |= report (&action.event);
          continue;
        }
      to = to_sockaddr (&action.send.destination.addr, action.send.destination.port);
      if (sendto (fd, g_bytes_get_data (action.send.datagram, NULL), g_bytes_get_size (action.send.datagram), 0,
                  (struct sockaddr *)&to, sizeof to) < 0)
        g_printerr ("send: %s\n", g_strerror (errno));
    }
}

static void
receive (Mip4Mn *mn, int fd, const RoamAddr *local)
{
  guint8 data[2048];
  struct sockaddr_in from;
  socklen_t from_length = sizeof from;
  gssize length = recvfrom (fd, data, sizeof data, MSG_DONTWAIT, (struct sockaddr *)&from, &from_length);
  const RoamNow at = now ();
  RoamEndpoint source;

  if (length < 0)
    return;
  source.addr = roam_addr_from_bytes ((const guint8 *)&from.sin_addr, 4);
  source.port = ntohs (from.sin_port);
  mip4_mn_input_datagram (mn, &at, 1, &source, local, data, (gsize)length);
}

static void
run (Mip4Mn *mn, int fd, const RoamAddr *local)
{
  while (!drain (mn, fd))
    {
      struct pollfd poller = { fd, POLLIN, 0 };
      gint64 due = mip4_mn_next_deadline (mn);
      RoamNow at = now ();

      if (poll (&poller, 1, due == ROAM_NEVER ? -1 : (int)CLAMP ((due - at.boot_us) / 1000 + 1, 0, 100000)) > 0)
        receive (mn, fd, local);
      at = now ();
      mip4_mn_input_deadline (mn, &at);
    }
}

int
main (int argc, char **argv)
{
  g_autoptr (GOptionContext) context = g_option_context_new (NULL);
  g_autoptr (RoamRng) rng = roam_rng_new_for_test ((guint64)g_get_real_time ());
  g_autoptr (RoamSecret) secret = NULL;
  g_autoptr (Mip4Mn) mn = NULL;
  const int ttl = 255;
  struct sockaddr_in local;
  RoamAddr source, coa;
  RoamNow at = now ();
  int fd;

  g_option_context_add_main_entries (context, entries, NULL);
  if (!g_option_context_parse (context, &argc, &argv, NULL) || key_hex == NULL)
    return 2;
  secret = key ();
  coa = address (care_of);
  source = address (bind_to != NULL ? bind_to : care_of);
  local = to_sockaddr (&source, port);
  fd = socket (AF_INET, SOCK_DGRAM, 0);
  if (bind (fd, (struct sockaddr *)&local, sizeof local) < 0)
    g_error ("bind: %s", g_strerror (errno));
  setsockopt (fd, IPPROTO_IP, IP_TTL, &ttl, sizeof ttl);
  mn = mip4_mn_new (
    &(Mip4MnConfig){
      .home_address = address (home),
      .home_agent = address (agent),
      .mn_ha = { (guint32)spi, md5 ? MIP4_AUTH_HMAC_MD5 : MIP4_AUTH_HMAC_SHA_256, secret },
      .lifetime_s = (guint16)lifetime,
      .reverse_tunnel = TRUE,
      .nat_traversal = !no_nat,
    },
    rng);
  mip4_mn_input_command (mn, &at,
                         &(Mip4MnCommand){
                           .type = MIP4_MN_REGISTER,
                           .path = 1,
                           .form = g_strcmp0 (form, "home") == 0         ? MIP4_FORM_HOME
                                   : g_strcmp0 (form, "deregister") == 0 ? MIP4_FORM_DEREGISTER
                                                                         : MIP4_FORM_CO_LOCATED,
                           .care_of_address = coa,
                           .first_timeout_us = ROAM_USEC_PER_SEC,
                           .copies = (guint)copies,
                           .force_udp = force_udp,
                         });
  run (mn, fd, &coa);
  close (fd);
  return 0;
}
