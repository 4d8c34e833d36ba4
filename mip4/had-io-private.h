/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "mip4/mip4-ha.h"

#include <glib.h>
#include <netinet/in.h>
#include <sys/socket.h>

/* Inside of roam-had: configuration, link work (rtnetlink, ARP), data path (TUN, IP-in-IP, UDP) and the program's core.
 */

/* ------------------------------------------------------------- configuration ---- */

typedef struct
{
  RoamAddr address;
  char *interface;
  RoamPrefix home_network;
  GArray *trusted_networks; /* RoamPrefix */
  GArray *nodes;            /* Mip4HaNode; strings and keys owned */
  guint16 max_lifetime_s;
  gboolean nat_traversal;
  guint mtu; /* inner: of the TUN device */
  char *tun_name;
} HadConfig;

void had_config_free (HadConfig *config);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (HadConfig, had_config_free)
/*
 * Reads @path. NULL when anything is wrong: @errors (char *, caller's) then has one line for each
 * fault. Key files are looked for in @credentials_dir (or NULL) and beside @path.
 */
HadConfig *had_config_load (const char *path, const char *credentials_dir, GPtrArray *errors);

/* ------------------------------------------------------------------ link work ---- */

typedef struct _HadLink HadLink;

/* @tun_index: where routes to bound home addresses point. NULL and @error when the interface cannot be used. */
HadLink *had_link_new (const HadConfig *config, int tun_index, GError **error);
void had_link_free (HadLink *link);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (HadLink, had_link_free)
int had_link_index (const HadLink *link);
/* Host route, proxy ARP entry, gratuitous ARP with our own link-layer address (RFC 5944 4.6). */
void had_link_intercept (HadLink *link, const RoamAddr *home_address);
/* The reverse; @at_home: gratuitous ARP with the node's own link-layer address as soon as it is known. */
void had_link_release (HadLink *link, const RoamAddr *home_address, gboolean at_home);
/* Settings of the system that would keep packets from flowing; one warning each. */
void had_link_report_settings (const HadLink *link);

/* ------------------------------------------------------------------ data path ---- */

typedef struct _HadData HadData;

/* Opens TUN and raw socket. @control_fd: the UDP 434 socket, for UDP-tunnelled data; borrowed. */
HadData *had_data_new (const HadConfig *config, int control_fd, GError **error);
void had_data_free (HadData *data);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (HadData, had_data_free)
int had_data_tun_index (const HadData *data);
/* Adds or moves a tunnel; the end it had before is still heard for two seconds (D-38). */
void had_data_set_tunnel (HadData *data, const Mip4HaBinding *binding);
void had_data_remove_tunnel (HadData *data, const RoamAddr *home_address);
/* One UDP datagram of type 4 (RFC 3519 3.3); @packet may be changed. */
void had_data_input_udp (HadData *data, const RoamEndpoint *source, guint8 outer_tos, guint8 *packet, gsize length);
/* char* -> guint64*, caller unrefs. */
GHashTable *had_data_dup_counters (const HadData *data);

/* ----------------------------------------------------------------------- core ---- */

typedef struct _Had Had;

/* @config is taken over. @status_path: NULL for none. */
Had *had_new (HadConfig *config, const char *status_path, GError **error);
/* Removes all bindings, routes and proxy entries. */
void had_free (Had *had);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (Had, had_free)

#define HAD_ERROR (had_error_quark ())
GQuark had_error_quark (void);
/* Sets @error to "@what: <errno's text>. @advice"; @advice says what to do. */
void had_set_errno (GError **error, int code, const char *what, const char *advice);
gint64 had_boot_us (void);

/* Ancillary data of one datagram: an IP_TOS (an int) and an IP_PKTINFO. */
typedef struct
{
  _Alignas(struct cmsghdr) guint8 octets[CMSG_SPACE (sizeof (int)) + CMSG_SPACE (sizeof (struct in_pktinfo))];
} HadControl;

/* Appends one IPPROTO_IP item; msg_controllen counts what is there so far. */
void had_control_add (struct msghdr *message, HadControl *control, int type, const void *data, gsize length);
