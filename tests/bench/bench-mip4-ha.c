/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "mip4/mip4-codec-private.h"
#include "mip4/mip4-ha.h"

#include <malloc.h>
#include <stdio.h>
#include <string.h>

/*
 * The home agent engine alone: registrations and forged requests a second on one core, time to load the
 * nodes, heap octets for each node and for each binding. Requests are made beforehand.
 *
 *   bench-mip4-ha [REQUESTS]
 */

#define REQUEST_MAX 128u
#define FIRST_HOME 0x0a010001u
#define FIRST_CARE_OF 0x0b000001u
#define HOME_AGENT 0x0a000001u
#define BATCH 64u

typedef struct
{
  Mip4HaNode *nodes;
  guint n_nodes;
  guint8 (*requests)[REQUEST_MAX];
  gsize length; /* of each */
  guint n_requests;
} Load;

static double
seconds_since (gint64 start_us)
{
  return (double)(g_get_monotonic_time () - start_us) / G_USEC_PER_SEC;
}

static gsize
heap_octets (void)
{
  struct mallinfo2 info = mallinfo2 ();

  return info.uordblks + info.hblkhd;
}

static void
make_nodes (Load *load, Mip4AuthAlgorithm algorithm)
{
  load->nodes = g_new0 (Mip4HaNode, load->n_nodes);
  for (guint i = 0; i < load->n_nodes; i++)
    {
      guint8 key[16] = { 0x5a, (guint8)(i >> 16), (guint8)(i >> 8), (guint8)i };

      load->nodes[i].home_address = roam_addr_from_u32 (FIRST_HOME + i);
      load->nodes[i].mn_ha = (Mip4SecurityAssociation){ 256 + i, algorithm, roam_secret_new (key, sizeof key) };
    }
}

static void
make_requests (Load *load, guint64 ntp)
{
  const RoamAddr agent = roam_addr_from_u32 (HOME_AGENT);

  load->requests = g_malloc0_n (load->n_requests, REQUEST_MAX);
  for (guint i = 0; i < load->n_requests; i++)
    {
      guint node = i % load->n_nodes;
      RoamAddr home = roam_addr_from_u32 (FIRST_HOME + node), care_of = roam_addr_from_u32 (FIRST_CARE_OF + node);
      g_auto (WireWriter) writer = { 0 };

      wire_writer_init (&writer, REQUEST_MAX);
      mip4_write_request (&writer, MIP4_FLAG_DECAPSULATION | MIP4_FLAG_REVERSE_TUNNEL, 600, &home, &agent, &care_of,
                          ntp + i);
      mip4_write_udp_tunnel_request (&writer, FALSE, 0);
      mip4_write_auth (&writer, MIP4_EXT_MOBILE_HOME_AUTH, &load->nodes[node].mn_ha);
      load->length = wire_writer_length (&writer);
      memcpy (load->requests[i], wire_writer_peek (&writer), load->length);
    }
}

static guint
drain (Mip4Ha *ha)
{
  guint n = 0;

  for (;;)
    {
      g_auto (Mip4HaAction) action = { 0 };

      if (!mip4_ha_pop_action (ha, &action))
        return n;
      n += action.type == MIP4_HA_ACTION_SEND;
    }
}

/* Requests a second; all must be answered, or none. */
static double
run (Mip4Ha *ha, const Load *load, guint64 ntp, gboolean answered)
{
  const RoamNow now = { .boot_us = ROAM_USEC_PER_SEC, .ntp = ntp };
  const RoamAddr agent = roam_addr_from_u32 (HOME_AGENT);
  gint64 start_us = g_get_monotonic_time ();
  double seconds;
  guint n = 0;

  for (guint i = 0; i < load->n_requests; i++)
    {
      const RoamEndpoint source = { roam_addr_from_u32 (FIRST_CARE_OF + i % load->n_nodes), 45000 };

      mip4_ha_input_datagram (ha, &now, &source, &agent, load->requests[i], load->length);
      if (i % BATCH == BATCH - 1)
        n += drain (ha);
    }
  n += drain (ha);
  seconds = seconds_since (start_us);
  if (n != (answered ? load->n_requests : 0))
    g_error ("%u replies to %u requests", n, load->n_requests);
  return load->n_requests / seconds;
}

static void
measure (const char *name, Mip4AuthAlgorithm algorithm, guint n_nodes, guint n_requests)
{
  Load load = { .n_nodes = n_nodes, .n_requests = MAX (n_requests, n_nodes) };
  const guint64 ntp = G_GUINT64_CONSTANT (3976214400) << 32;
  const RoamPrefix trusted = { roam_addr_from_u32 (0), 0 };
  const Mip4HaConfig config = {
    .address = roam_addr_from_u32 (HOME_AGENT),
    .trusted_networks = &trusted,
    .n_trusted_networks = 1,
    .max_lifetime_s = 600,
    .nat_traversal = TRUE,
  };
  Mip4HaConfig own = config;
  g_autoptr (Mip4Ha) ha = NULL;
  gsize before, loaded, bound;
  gint64 start_us;
  double load_s, first, again, forged;

  make_nodes (&load, algorithm);
  own.nodes = load.nodes;
  own.n_nodes = n_nodes;
  make_requests (&load, ntp);
  before = heap_octets ();
  start_us = g_get_monotonic_time ();
  ha = mip4_ha_new (&own);
  load_s = seconds_since (start_us);
  loaded = heap_octets ();
  first = run (ha, &load, ntp, TRUE);
  bound = heap_octets ();
  g_free (load.requests);
  make_requests (&load, ntp + load.n_requests);
  again = run (ha, &load, ntp, TRUE);
  for (guint i = 0; i < load.n_requests; i++)
    load.requests[i][load.length - 1] ^= 1;
  forged = run (ha, &load, ntp, FALSE);
  printf ("%-12s %7u nodes: %8.0f new/s %8.0f renewals/s %8.0f forged/s; loaded in %.3f s", name, n_nodes, first, again,
          forged, load_s);
  /* With few nodes it is the fixed part that would be seen. */
  if (n_nodes >= 1000)
    printf ("; octets: %.0f a node + %.0f a binding", (double)(loaded - before) / n_nodes,
            (double)(bound - loaded) / n_nodes);
  printf ("\n");
  for (guint i = 0; i < n_nodes; i++)
    roam_secret_unref (load.nodes[i].mn_ha.key);
  g_free (load.nodes);
  g_free (load.requests);
}

int
main (int argc, char **argv)
{
  static const guint sizes[] = { 1, 1000, 100000 };
  guint n_requests = argc > 1 ? (guint)g_ascii_strtoull (argv[1], NULL, 10) : 200000;

  for (guint i = 0; i < G_N_ELEMENTS (sizes); i++)
    {
      measure ("HMAC-MD5", MIP4_AUTH_HMAC_MD5, sizes[i], n_requests);
      measure ("HMAC-SHA-256", MIP4_AUTH_HMAC_SHA_256, sizes[i], n_requests);
    }
  return 0;
}
