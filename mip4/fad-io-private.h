/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "mip4/mip4-fa.h"

#include <glib.h>

/*
 * Inside of roam-fad: configuration, the visited link (packet socket), rules and routes (rtnetlink), data path
 * (TUN, IP-in-IP, UDP) and the program's core.
 */

#define FAD_ERROR (fad_error_quark ())
GQuark fad_error_quark (void);
/* Sets @error to "@what: <errno's text>. @advice"; @advice says what to do. */
void fad_set_errno (GError **error, int code, const char *what, const char *advice);
gint64 fad_boot_us (void);

/* ------------------------------------------------------------- configuration ---- */

typedef struct
{
  char *interface, *uplink, *tun_name, *control_group; /* uplink, control_group: NULL for none */
  GArray *home_agents, *nodes;                         /* Mip4FaPeer; keys owned */
  guint mtu, table;                                    /* largest inner packet; routing table and rule priority */
  Mip4FaConfig engine; /* all but own_addresses; home_agents and nodes point into the arrays */
} FadConfig;

void fad_config_free (FadConfig *config);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (FadConfig, fad_config_free)
/*
 * Reads @path. NULL when anything is wrong: @errors (char *, caller's) then has one line for each
 * fault. Key files are looked for in @credentials_dir (or NULL) and beside @path.
 */
FadConfig *fad_config_load (const char *path, const char *credentials_dir, GPtrArray *errors);

/* -------------------------------------------------------------- visited link ---- */

typedef struct _FadLink FadLink;

/* A solicitation, or a UDP datagram to port 434, with a right checksum or none. */
typedef void (*FadLinkHandler) (const Mip4FaHeader *header, gboolean icmp, const guint8 *data, gsize length,
                                gpointer user_data);

FadLink *fad_link_new (const FadConfig *config, FadLinkHandler handler, gpointer user_data, GError **error);
/* Puts the settings of the interface back. */
void fad_link_free (FadLink *link);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (FadLink, fad_link_free)
int fad_link_index (const FadLink *link);
guint fad_link_mtu (const FadLink *link);
/* Without ARP and without a route (RFC 5944 3.7.2.3, 4.2.2). */
gboolean fad_link_send_udp (FadLink *link, const guint8 link_layer[6], const RoamEndpoint *source,
                            const RoamEndpoint *destination, guint8 ttl, GBytes *datagram);
gboolean fad_link_send_icmp (FadLink *link, const guint8 link_layer[6], const RoamAddr *source,
                             const RoamAddr *destination, GBytes *message);
/* A whole IPv4 packet that fits the link. */
gboolean fad_link_send_packet (FadLink *link, const guint8 link_layer[6], const guint8 *packet, gsize length);
/* Datagrams that were dropped for their checksum (RFC 5944 3.7.2.1). */
guint64 fad_link_bad_checksums (const FadLink *link);

/* ---------------------------------------------------------- rules and routes ---- */

typedef struct _FadRoutes FadRoutes;

/* What becomes of packets that a visitor sends as they are. */
typedef enum
{
  FAD_ROUTE_TUNNEL, /* direct delivery style: to the TUN device */
  FAD_ROUTE_NORMAL, /* by the host's routes (RFC 3024 5.2.1) */
} FadRoute;

/* Own rules and routes of an earlier run are removed first. */
FadRoutes *fad_routes_new (const FadConfig *config, int tun_index, GError **error);
void fad_routes_free (FadRoutes *routes);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (FadRoutes, fad_routes_free)
void fad_routes_set (FadRoutes *routes, const RoamAddr *source, FadRoute route);
void fad_routes_remove (FadRoutes *routes, const RoamAddr *source);

/* ------------------------------------------------------------------ data path ---- */

typedef struct _FadData FadData;

/* @control_fd: the UDP 434 socket, for UDP-tunnelled data; @link: where visitors are. Both borrowed.
 * @secret: random. */
FadData *fad_data_new (const FadConfig *config, int control_fd, FadLink *link, guint64 secret, GError **error);
void fad_data_free (FadData *data);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (FadData, fad_data_free)
int fad_data_tun_index (const FadData *data);
void fad_data_set_visitor (FadData *data, const Mip4FaVisitor *visitor);
void fad_data_remove_visitor (FadData *data, const RoamAddr *home_address);
/* One UDP datagram of type 4 (RFC 3519 3.3); @packet may be changed. */
void fad_data_input_udp (FadData *data, const RoamEndpoint *source, const RoamAddr *destination, guint8 outer_tos,
                         guint8 *packet, gsize length);
/* Whether home agents are heard there. */
gboolean fad_data_is_uplink (const FadData *data, int interface_index);
/* One ICMP message (no IP header) about something that we sent from a care-of address. TRUE: it was about a tunnel. */
gboolean fad_data_input_icmp_error (FadData *data, const guint8 *icmp, gsize length);
/* char* -> guint64*, caller unrefs. */
GHashTable *fad_data_dup_counters (const FadData *data);

/* ----------------------------------------------------------------------- core ---- */

typedef struct _Fad Fad;

/* @config is taken over. @control_path, @status_path: NULL for none. */
Fad *fad_new (FadConfig *config, const char *control_path, const char *status_path, GError **error);
/* Says good-bye on the link, removes all visitors, rules and routes. */
void fad_free (Fad *fad);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (Fad, fad_free)
