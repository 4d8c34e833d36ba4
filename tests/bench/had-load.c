/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "base/now.h"

#include <arpa/inet.h>
#include <errno.h>
#include <glib.h>
#include <openssl/evp.h>
#include <openssl/params.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>

/*
 * Load for a home agent. Real Registration Requests, authenticators computed as they leave; the
 * Identification is the moment of sending, so a reply tells its own round trip.
 *   had-load MODE --agent A --home FIRST --nodes N --sources FIRST --n-sources N --key HEX
 *     register: every node once, as fast as the window allows
 *     closed:   --window requests outstanding for --seconds
 *     open:     --rate requests a second for --seconds; with --flood N forged ones between as fast as they go, from N
 *               sources of their own
 * One line of key=value on stdout.
 */

#define REQUEST_OCTETS 62u
#define AUTHENTICATOR_AT 30u
#define SOURCES_MAX 256u
#define BATCH 32u
#define FLOOD_BATCH 16u
#define NTP_PER_US (4294967296.0 / 1e6)

typedef struct
{
  guint8 octets[REQUEST_OCTETS];
} Request;

static char *agent, *first_home, *first_source, *key_hex;
static int n_nodes = 1, n_sources = 64, window = 512, seconds = 5, rate = 1000, flood;

static const GOptionEntry entries[] = {
  { "agent", 0, 0, G_OPTION_ARG_STRING, &agent, "home agent", "A" },
  { "home", 0, 0, G_OPTION_ARG_STRING, &first_home, "first home address", "A" },
  { "nodes", 0, 0, G_OPTION_ARG_INT, &n_nodes, "nodes", "N" },
  { "sources", 0, 0, G_OPTION_ARG_STRING, &first_source, "first source address", "A" },
  { "n-sources", 0, 0, G_OPTION_ARG_INT, &n_sources, "source addresses", "N" },
  { "key", 0, 0, G_OPTION_ARG_STRING, &key_hex, "key in hex", "HEX" },
  { "window", 0, 0, G_OPTION_ARG_INT, &window, "requests outstanding", "N" },
  { "seconds", 0, 0, G_OPTION_ARG_INT, &seconds, "how long", "N" },
  { "rate", 0, 0, G_OPTION_ARG_INT, &rate, "requests a second", "N" },
  { "flood", 0, 0, G_OPTION_ARG_INT, &flood, "sources of forged requests", "N" },
  { NULL },
};

typedef struct
{
  int fds[SOURCES_MAX];
  int epoll_fd; /* of those that replies come to */
  EVP_MAC_CTX *hmac;
  guint64 last;
  guint next[SOURCES_MAX]; /* of each source's nodes: a node keeps to its source, as its care-of address */
  guint64 sent, accepted, denied, forged;
  GArray *latencies_us; /* double */
} Load;

static guint64
ntp_now (void)
{
  struct timespec now;

  clock_gettime (CLOCK_REALTIME, &now);
  return ((guint64)now.tv_sec + ROAM_NTP_UNIX_OFFSET) << 32 | ((guint64)now.tv_nsec << 32) / 1000000000u;
}

static double
seconds_now (void)
{
  struct timespec now;

  clock_gettime (CLOCK_MONOTONIC, &now);
  return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static void
put (guint8 *out, guint64 value, guint octets)
{
  for (guint i = 0; i < octets; i++)
    out[i] = (guint8)(value >> (8 * (octets - 1 - i)));
}

static guint32
address (const char *text)
{
  struct in_addr in;

  if (text == NULL || inet_pton (AF_INET, text, &in) != 1)
    g_error ("no address: %s", text != NULL ? text : "(missing)");
  return ntohl (in.s_addr);
}

/* RFC 5944 3.3, D and T set, and a Mobile-Home Authentication Extension of HMAC-SHA-256. */
static void
make_request (Load *load, Request *request, guint node, guint32 source, gboolean forged)
{
  guint8 *p = request->octets;
  guint64 now = ntp_now ();
  size_t n;

  load->last = MAX (now, load->last + 1);
  memset (p, 0, REQUEST_OCTETS);
  p[0] = 1;
  p[1] = 0x22;
  put (p + 2, 1800, 2);
  put (p + 4, address (first_home) + node, 4);
  put (p + 8, address (agent), 4);
  put (p + 12, source, 4);
  put (p + 16, load->last, 8);
  p[24] = 32;
  p[25] = 36;
  put (p + 26, 4096, 4);
  if (forged)
    return;
  EVP_MAC_init (load->hmac, NULL, 0, NULL);
  EVP_MAC_update (load->hmac, p, AUTHENTICATOR_AT);
  EVP_MAC_final (load->hmac, p + AUTHENTICATOR_AT, &n, 32);
}

static int
open_source (guint32 source)
{
  struct sockaddr_in local = { .sin_family = AF_INET, .sin_addr.s_addr = htonl (source) };
  struct sockaddr_in remote = { .sin_family = AF_INET,
                                .sin_port = htons (434),
                                .sin_addr.s_addr = htonl (address (agent)) };
  const int octets = 4 * 1024 * 1024;
  int fd = socket (AF_INET, SOCK_DGRAM | SOCK_NONBLOCK, 0);

  setsockopt (fd, SOL_SOCKET, SO_RCVBUFFORCE, &octets, sizeof octets);
  if (bind (fd, (struct sockaddr *)&local, sizeof local) < 0 ||
      connect (fd, (struct sockaddr *)&remote, sizeof remote) < 0)
    g_error ("source: %s", g_strerror (errno));
  return fd;
}

static void
send_requests (Load *load, guint fd, guint n, gboolean forged)
{
  Request requests[BATCH];
  struct iovec vectors[BATCH];
  struct mmsghdr messages[BATCH];

  memset (messages, 0, sizeof messages);
  for (guint i = 0; i < n; i++)
    {
      guint node = load->next[fd] * (guint)n_sources + fd % (guint)n_sources;

      make_request (load, &requests[i], node % (guint)n_nodes, address (first_source) + fd, forged);
      load->next[fd] = node + (guint)n_sources < (guint)n_nodes ? load->next[fd] + 1 : 0;
      vectors[i] = (struct iovec){ &requests[i], REQUEST_OCTETS };
      messages[i].msg_hdr.msg_iov = &vectors[i];
      messages[i].msg_hdr.msg_iovlen = 1;
    }
  if (sendmmsg (load->fds[fd], messages, n, 0) > 0 && !forged)
    load->sent += n;
  if (forged)
    load->forged += n;
}

static guint
receive_from (Load *load, int fd)
{
  guint8 data[BATCH][256];
  struct iovec vectors[BATCH];
  struct mmsghdr messages[BATCH];
  int n;

  memset (messages, 0, sizeof messages);
  for (guint i = 0; i < BATCH; i++)
    {
      vectors[i] = (struct iovec){ data[i], sizeof data[i] };
      messages[i].msg_hdr.msg_iov = &vectors[i];
      messages[i].msg_hdr.msg_iovlen = 1;
    }
  n = recvmmsg (fd, messages, BATCH, 0, NULL);
  for (int i = 0; i < n; i++)
    {
      guint64 sent = 0;
      double us;

      if (messages[i].msg_len < 20 || data[i][0] != 3 || data[i][1] > 1)
        {
          load->denied++;
          continue;
        }
      load->accepted++;
      for (guint j = 0; j < 8; j++)
        sent = sent << 8 | data[i][12 + j];
      us = (double)(gint64)(ntp_now () - sent) / NTP_PER_US;
      if (load->latencies_us != NULL)
        g_array_append_val (load->latencies_us, us);
    }
  return MAX (n, 0);
}

/* How many replies were there, from all sockets. */
static guint
receive_replies (Load *load)
{
  struct epoll_event ready[SOURCES_MAX];
  int n = epoll_wait (load->epoll_fd, ready, SOURCES_MAX, 0);
  guint replies = 0;

  for (int i = 0; i < n; i++)
    replies += receive_from (load, ready[i].data.fd);
  return replies;
}

/* @total: stop after so many accepted; 0: after the time. Lost ones are made up for after a silence. */
static void
run_closed (Load *load, guint64 total)
{
  double end = seconds_now () + (total > 0 ? 600 : seconds), heard = seconds_now ();
  gint64 outstanding = 0;
  guint fd = 0;

  while (seconds_now () < end && (total == 0 || load->accepted < total))
    {
      guint n;

      fd = (fd + 1) % (guint)n_sources;
      if (outstanding + BATCH <= window && (total == 0 || load->sent < total))
        {
          guint batch = total == 0 ? BATCH : (guint)MIN (BATCH, total - load->sent);

          send_requests (load, fd, batch, FALSE);
          outstanding += batch;
        }
      n = receive_replies (load);
      outstanding -= n;
      if (n > 0)
        heard = seconds_now ();
      if (seconds_now () - heard > (total > 0 ? 3.0 : 0.2))
        {
          outstanding = 0;
          if (total > 0)
            {
              /* Again for all: nobody knows whose it was. */
              load->sent = load->accepted;
              memset (load->next, 0, sizeof load->next);
              total = load->accepted + (guint64)n_nodes;
            }
          heard = seconds_now ();
        }
    }
}

static void
run_open (Load *load)
{
  double begin = seconds_now (), now = begin, end = begin + seconds;
  guint64 due = 0;
  guint flooder = 0, fd = 0;

  load->latencies_us = g_array_new (FALSE, FALSE, sizeof (double));
  for (; now < end; now = seconds_now ())
    {
      if (now - begin >= (double)due / rate)
        {
          due++;
          fd = (fd + 1) % (guint)n_sources;
          send_requests (load, fd, 1, FALSE);
        }
      if (flood > 0)
        {
          flooder = (flooder + 1) % (guint)flood;
          send_requests (load, (guint)n_sources + flooder, FLOOD_BATCH, TRUE);
        }
      receive_replies (load);
    }
  end = seconds_now () + 0.3;
  while (seconds_now () < end)
    receive_replies (load);
}

static gint
compare (gconstpointer a, gconstpointer b)
{
  double x = *(const double *)a, y = *(const double *)b;

  return x < y ? -1 : x > y;
}

static void
set_key (Load *load)
{
  EVP_MAC *mac = EVP_MAC_fetch (NULL, "HMAC", NULL);
  char digest[] = "SHA256";
  const OSSL_PARAM params[] = { OSSL_PARAM_construct_utf8_string ("digest", digest, 0), OSSL_PARAM_construct_end () };
  guint8 key[64];
  gsize n = strlen (key_hex) / 2;

  for (gsize i = 0; i < n && i < sizeof key; i++)
    key[i] = (guint8)(g_ascii_xdigit_value (key_hex[2 * i]) << 4 | g_ascii_xdigit_value (key_hex[2 * i + 1]));
  load->hmac = EVP_MAC_CTX_new (mac);
  if (EVP_MAC_init (load->hmac, key, n, params) != 1)
    g_error ("key");
}

int
main (int argc, char **argv)
{
  g_autoptr (GOptionContext) context = g_option_context_new ("register|closed|open");
  Load load = { 0 };
  double begin, took;

  g_option_context_add_main_entries (context, entries, NULL);
  if (!g_option_context_parse (context, &argc, &argv, NULL) || argc != 2 || key_hex == NULL ||
      n_sources + flood > (int)SOURCES_MAX)
    return 2;
  set_key (&load);
  load.epoll_fd = epoll_create1 (0);
  for (guint i = 0; i < (guint)(n_sources + flood); i++)
    {
      struct epoll_event event = { .events = EPOLLIN };

      event.data.fd = load.fds[i] = open_source (address (first_source) + i);
      if (i < (guint)n_sources)
        epoll_ctl (load.epoll_fd, EPOLL_CTL_ADD, load.fds[i], &event);
    }
  begin = seconds_now ();
  if (strcmp (argv[1], "register") == 0)
    run_closed (&load, (guint64)n_nodes);
  else if (strcmp (argv[1], "closed") == 0)
    run_closed (&load, 0);
  else
    run_open (&load);
  took = seconds_now () - begin;
  g_print ("sent=%" G_GUINT64_FORMAT " accepted=%" G_GUINT64_FORMAT " denied=%" G_GUINT64_FORMAT
           " forged=%" G_GUINT64_FORMAT " seconds=%.3f rate=%.0f",
           load.sent, load.accepted, load.denied, load.forged, took, (double)load.accepted / took);
  if (load.latencies_us != NULL && load.latencies_us->len > 0)
    {
      g_array_sort (load.latencies_us, compare);
      g_print (" p50=%.1f p99=%.1f max=%.1f", g_array_index (load.latencies_us, double, load.latencies_us->len / 2),
               g_array_index (load.latencies_us, double, (guint)((double)load.latencies_us->len * 0.99)),
               g_array_index (load.latencies_us, double, load.latencies_us->len - 1));
    }
  g_print ("\n");
  return 0;
}
