/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * tunnel-end: one end of the user-space data plane by hand, for bench-tunnel. Two of them, with
 * local and remote exchanged, make a tunnel; the keys are constants of this file.
 *
 *   tunnel-end MODE DEVICE INTERFACE HOME-ADDRESS MIP-LOCAL MIP-REMOTE OUTER-LOCAL OUTER-REMOTE SIDE
 *
 * MODE: c, mc or mc-cbc; SIDE: 1 or 2. Prints its counters when its standard input ends.
 */
#include "tunnel/tunnel-io.h"

#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static RoamSecret *
make_key (guint8 fill, gsize length)
{
  g_autofree guint8 *octets = g_malloc (length);

  memset (octets, fill, length);
  return roam_secret_new (octets, length);
}

static TunnelSa *
make_sa (gboolean cbc, gboolean first)
{
  TunnelSa *sa = g_new0 (TunnelSa, 1);

  sa->references = 1;
  sa->id = 1;
  sa->spi_in = first ? 0x1001 : 0x2002;
  sa->spi_out = first ? 0x2002 : 0x1001;
  sa->algorithm = cbc ? TUNNEL_ESP_AES_CBC_HMAC_SHA2 : TUNNEL_ESP_AES_GCM_16;
  sa->encr_bits = 256;
  sa->integ_bits = cbc ? 256 : 0;
  sa->encr_in = make_key (first ? 0x11 : 0x22, cbc ? 32 : 36);
  sa->encr_out = make_key (first ? 0x22 : 0x11, cbc ? 32 : 36);
  sa->integ_in = cbc ? make_key (first ? 0x33 : 0x44, 32) : NULL;
  sa->integ_out = cbc ? make_key (first ? 0x44 : 0x33, 32) : NULL;
  return sa;
}

static RoamAddr
parse (const char *text)
{
  RoamAddr addr = ROAM_ADDR_NONE;

  if (!roam_addr_parse (text, &addr))
    g_error ("no address: %s", text);
  return addr;
}

static void
print_stats (TunnelIo *io)
{
  TunnelIoStats stats;

  tunnel_io_get_stats (io, &stats);
  printf ("tx %" G_GUINT64_FORMAT " rx %" G_GUINT64_FORMAT " failed %" G_GUINT64_FORMAT "/%" G_GUINT64_FORMAT
          " blocked %" G_GUINT64_FORMAT " replayed %" G_GUINT64_FORMAT " bad %" G_GUINT64_FORMAT "/%" G_GUINT64_FORMAT
          "\n",
          stats.tx_packets, stats.rx_packets, stats.tx_failed, stats.rx_failed, stats.blocked, stats.replayed,
          stats.bad_authenticator, stats.bad_inner);
}

int
main (int argc, char **argv)
{
  g_auto (TunnelPlan) plan = { 0 };
  g_autoptr (GError) error = NULL;
  TunnelIoConfig config = { 0 };
  TunnelIo *io;
  char octet;

  if (argc != 10)
    g_error ("usage: see the head of tunnel-end.c");
  config.tun_name = argv[2];
  config.home_address = parse (argv[4]);
  config.home_agent = parse (argv[6]);
  io = tunnel_io_new (&config, &error);
  if (io == NULL)
    g_error ("%s", error->message);
  fprintf (stderr, "%s\n", tunnel_io_get_backend (io));
  tunnel_plan_init (&plan);
  plan.mode = g_str_equal (argv[1], "c") ? TUNNEL_MODE_C : TUNNEL_MODE_MC;
  plan.mip_local = parse (argv[5]);
  plan.ifindex = plan.esp_ifindex = (int)if_nametoindex (argv[3]);
  plan.links[plan.n_links++] = plan.ifindex;
  if (plan.mode == TUNNEL_MODE_MC)
    {
      plan.sas = g_ptr_array_new_with_free_func ((GDestroyNotify)tunnel_sa_unref);
      g_ptr_array_add (plan.sas, make_sa (g_str_equal (argv[1], "mc-cbc"), atoi (argv[9]) == 1));
      plan.out_sa = 1;
      plan.tia = plan.mip_local;
      plan.udp_encap = TRUE;
      plan.esp_local = (RoamEndpoint){ parse (argv[7]), 4500 };
      plan.esp_remote = (RoamEndpoint){ parse (argv[8]), 4500 };
    }
  if (!tunnel_io_apply (io, &plan, &error))
    g_error ("%s", error->message);
  while (read (STDIN_FILENO, &octet, 1) > 0)
    ;
  print_stats (io);
  tunnel_io_free (io, FALSE);
  return 0;
}
