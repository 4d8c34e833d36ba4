/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "mip4/had-io-private.h"

#include "mip4/mip4-advertisement-private.h"

#include <errno.h>
#include <glib-unix.h>
#include <linux/icmp.h>
#include <string.h>
#include <unistd.h>

/*
 * Agent Advertisements on the home link (RFC 5944 2.1, 2.3): a node that comes home knows it by them before it has
 * sent anything. Who solicits is answered by the multicast that was due anyway, at once: no state, and
 * no traffic beyond one a second.
 */

#define ALL_SYSTEMS 0xe0000001u /* 224.0.0.1 */
#define ALL_ROUTERS 0xe0000002u /* 224.0.0.2 */
#define CODE_NO_COMMON_TRAFFIC 16
/* RFC 5944 2.3: the most there may be. */
#define RATE_MS 1000u
/* RFC 1256 4.1: the first ones come sooner. */
#define INITIAL_ADVERTISEMENTS 3u
#define INITIAL_INTERVAL_MS 16000u
/* RFC 5944 2.3.2: 65535 is followed by 256, so that 0 to 255 always means a fresh start. */
#define SEQUENCE_AFTER_WRAP 256u
/* Solicitations a turn of the main loop looks at. */
#define DRAIN 64u
#define SOLICITATION_MAX 256u

struct _HadAdvertiser
{
  int send_fd, listen_fd;
  guint source, timer;
  guint interval_ms, n_sent;
  gint64 sent_us;
  guint16 sequence;
  Mip4Advertisement advertisement;
  RoamRng *rng;
};

static gboolean advertisement_due (gpointer user_data);

static void
set_timer (HadAdvertiser *advertiser, guint wait_ms)
{
  if (advertiser->timer != 0)
    g_source_remove (advertiser->timer);
  advertiser->timer = g_timeout_add (wait_ms, advertisement_due, advertiser);
}

static void
send_advertisement (HadAdvertiser *advertiser)
{
  const RoamEndpoint everybody = { roam_addr_from_u32 (ALL_SYSTEMS), 0 };
  const struct sockaddr_in to = had_to_sockaddr (&everybody);
  g_autoptr (GBytes) message = NULL;
  gsize length;
  gconstpointer data;

  advertiser->advertisement.sequence = advertiser->sequence;
  advertiser->sequence =
    advertiser->sequence == G_MAXUINT16 ? SEQUENCE_AFTER_WRAP : (guint16)(advertiser->sequence + 1);
  message = mip4_build_advertisement (&advertiser->advertisement);
  data = g_bytes_get_data (message, &length);
  if (sendto (advertiser->send_fd, data, length, MSG_DONTWAIT, (const struct sockaddr *)&to, sizeof to) < 0)
    g_info ("Agent Advertisement: %s", g_strerror (errno));
  advertiser->sent_us = had_boot_us ();
  advertiser->n_sent++;
}

/* RFC 1256 4.1: between three quarters of the interval and the whole, at random. */
static gboolean
advertisement_due (gpointer user_data)
{
  HadAdvertiser *advertiser = user_data;
  guint most_ms = advertiser->interval_ms;

  advertiser->timer = 0;
  send_advertisement (advertiser);
  if (advertiser->n_sent < INITIAL_ADVERTISEMENTS)
    most_ms = MIN (most_ms, INITIAL_INTERVAL_MS);
  set_timer (advertiser, MAX (most_ms - roam_rng_below (advertiser->rng, most_ms / 4 + 1), RATE_MS));
  return G_SOURCE_REMOVE;
}

/* RFC 5944 2.2: of TTL 1, whatever its source. */
static gboolean
is_solicitation (const guint8 *packet, gsize length)
{
  Mip4Ipv4 ip;

  return mip4_ipv4_parse (packet, length, &ip) && ip.protocol == MIP4_PROTOCOL_ICMP && ip.ttl == 1 &&
         mip4_is_solicitation (packet + ip.header_length, (gsize)(ip.total_length - ip.header_length));
}

static gboolean
solicited (int fd, GIOCondition condition, gpointer user_data)
{
  HadAdvertiser *advertiser = user_data;
  guint8 packet[SOLICITATION_MAX];
  gboolean any = FALSE;
  gint64 wait_us;

  for (guint i = 0; i < DRAIN; i++)
    {
      gssize length = recv (fd, packet, sizeof packet, MSG_DONTWAIT);

      if (length < 0)
        break;
      any |= is_solicitation (packet, (gsize)length);
    }
  wait_us = advertiser->sent_us + RATE_MS * ROAM_USEC_PER_MSEC - had_boot_us ();
  if (any)
    set_timer (advertiser, (guint)(MAX (wait_us, 0) / ROAM_USEC_PER_MSEC));
  return G_SOURCE_CONTINUE;
}

static gboolean
open_sockets (HadAdvertiser *advertiser, const HadConfig *config, int index)
{
  const RoamEndpoint local = { config->address, 0 };
  const struct sockaddr_in source = had_to_sockaddr (&local);
  const struct icmp_filter nothing = { G_MAXUINT32 }, solicitations = { ~(1u << 10) };
  const struct ip_mreqn out = { .imr_ifindex = index };
  struct ip_mreqn routers = { .imr_ifindex = index };
  const int once = 1, off = 0;

  routers.imr_multiaddr.s_addr = GUINT32_TO_BE (ALL_ROUTERS);
  advertiser->send_fd = socket (AF_INET, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, IPPROTO_ICMP);
  advertiser->listen_fd = socket (AF_INET, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, IPPROTO_ICMP);
  return advertiser->send_fd >= 0 && advertiser->listen_fd >= 0 &&
         setsockopt (advertiser->send_fd, SOL_RAW, ICMP_FILTER, &nothing, sizeof nothing) == 0 &&
         bind (advertiser->send_fd, (const struct sockaddr *)&source, sizeof source) == 0 &&
         setsockopt (advertiser->send_fd, IPPROTO_IP, IP_MULTICAST_IF, &out, sizeof out) == 0 &&
         setsockopt (advertiser->send_fd, IPPROTO_IP, IP_MULTICAST_TTL, &once, sizeof once) == 0 &&
         setsockopt (advertiser->send_fd, IPPROTO_IP, IP_MULTICAST_LOOP, &off, sizeof off) == 0 &&
         setsockopt (advertiser->listen_fd, SOL_RAW, ICMP_FILTER, &solicitations, sizeof solicitations) == 0 &&
         setsockopt (advertiser->listen_fd, SOL_SOCKET, SO_BINDTODEVICE, config->interface,
                     (socklen_t)strlen (config->interface)) == 0 &&
         setsockopt (advertiser->listen_fd, IPPROTO_IP, IP_ADD_MEMBERSHIP, &routers, sizeof routers) == 0;
}

HadAdvertiser *
had_advertiser_new (const HadConfig *config, int index, RoamRng *rng, GError **error)
{
  g_autoptr (HadAdvertiser) advertiser = g_new0 (HadAdvertiser, 1);

  advertiser->send_fd = advertiser->listen_fd = -1;
  advertiser->rng = rng;
  advertiser->interval_ms = config->advertisement_interval_s * 1000;
  advertiser->advertisement = (Mip4Advertisement){
    .code = CODE_NO_COMMON_TRAFFIC,
    .lifetime_s = (guint16)(3 * config->advertisement_interval_s),
    /* No default router: it forwards for those who are away (RFC 1256 3). */
    .routers = { { config->address, G_MININT32, config->home_network.length } },
    .n_routers = 1,
    .registration_lifetime_s = config->engine.max_lifetime_s,
    .flags = MIP4_AGENT_HOME | (config->engine.refuse_reverse_tunnel ? 0 : MIP4_AGENT_REVERSE_TUNNEL) |
             (config->engine.revocation ? MIP4_AGENT_REVOCATION : 0),
  };
  if (!open_sockets (advertiser, config, index))
    {
      had_set_errno (error, errno, "Agent Advertisements", "roam-had needs CAP_NET_RAW; or set advertise=no");
      return NULL;
    }
  advertiser->source = g_unix_fd_add (advertiser->listen_fd, G_IO_IN, solicited, advertiser);
  set_timer (advertiser, 0);
  return g_steal_pointer (&advertiser);
}

/* Without a last one of lifetime 0: it may be back in a moment. */
void
had_advertiser_free (HadAdvertiser *advertiser)
{
  if (advertiser == NULL)
    return;
  if (advertiser->timer != 0)
    g_source_remove (advertiser->timer);
  if (advertiser->source != 0)
    g_source_remove (advertiser->source);
  if (advertiser->send_fd >= 0)
    close (advertiser->send_fd);
  if (advertiser->listen_fd >= 0)
    close (advertiser->listen_fd);
  g_free (advertiser);
}
