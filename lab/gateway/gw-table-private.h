/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "ike/ike.h"
#include "tunnel/tunnel-packet.h"

/* Who is connected, by which SAs, and where to: found by inbound SPI and by inner address. Pure. */

typedef struct _GwClient GwClient;

/* One Child SA pair. */
typedef struct
{
  GwClient *client; /* whose it is */
  IkeChildSa *child;
  TunnelEspIn *in;
  TunnelEspOut *out;
  gint64 traffic_us;  /* when the engine last heard of traffic; 0: never */
  gboolean exhausted; /* the engine was asked for a successor */
} GwSa;

struct _GwClient
{
  guint32 number; /* of the IkeResponder */
  gboolean established;
  RoamEndpoint ike_remote; /* where the last IKE message went */
  RoamAddr inner4, inner6; /* may be unset */
  /* The path of its ESP. */
  RoamEndpoint local, remote;
  guint32 ifindex;
  gboolean udp_encap;
  /* Valid ESP from elsewhere moves the path (RFC 7296 2.23): a client behind a NAT without MOBIKE. */
  gboolean follow;
  GPtrArray *sas;                                       /* of GwSa, owned */
  GwSa *out;                                            /* that encrypts, of @sas; NULL: none */
  guint64 rx_packets, rx_octets, tx_packets, tx_octets; /* inside the tunnel, from and to the client */
};

typedef struct _GwTable GwTable;

/* @rng is borrowed for the table's life. */
GwTable *gw_table_new (RoamRng *rng);
void gw_table_free (GwTable *table);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (GwTable, gw_table_free)

/* The client of that number, new if it was not there. */
GwClient *gw_table_get (GwTable *table, guint32 number);
GwClient *gw_table_find (const GwTable *table, guint32 number);
/* With its SAs and inner addresses. */
void gw_table_remove (GwTable *table, guint32 number);
/* All, lowest number first; caller frees the list. */
GList *gw_table_list (const GwTable *table);

/* An address that another client had (it authenticates itself anew) is now this one's. */
void gw_table_set_inner (GwTable *table, GwClient *client, const RoamAddr *inner4, const RoamAddr *inner6);
/* The path of all SAs of @client. */
void gw_table_move (GwClient *client, guint32 ifindex, const RoamEndpoint *local, const RoamEndpoint *remote,
                    gboolean udp_encap);
/* References @child; the first one brings the path. FALSE: a suite that tunnel/ does not do. */
gboolean gw_table_add_sa (GwTable *table, GwClient *client, IkeChildSa *child, gboolean use_outbound);
void gw_table_use_sa (GwClient *client, guint32 child_id);
void gw_table_remove_sa (GwTable *table, GwClient *client, guint32 child_id);

/* NULL: none. */
GwSa *gw_table_find_spi (const GwTable *table, guint32 spi_in);
GwClient *gw_table_find_inner (const GwTable *table, const RoamAddr *inner);
