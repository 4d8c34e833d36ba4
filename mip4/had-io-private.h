/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "base/control-io.h"
#include "mip4/mip4-ha.h"
#include "mip4/mip4-tunnel-private.h"

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
  GArray *nodes;            /* Mip4HaNode; what they point to is owned */
  GArray *foreign_agents;   /* Mip4HaFaAssociation; keys owned */
  char *denial_message;
  Mip4HaConfig engine; /* points to the above */
  guint mtu;           /* inner: of the TUN device */
  char *tun_name;
  Mip4EcnMode ecn;
  gboolean advertise;
  guint advertisement_interval_s;
  char *store_path;                   /* NULL: none */
  char *control_path, *control_group; /* NULL: none */
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
/* Host route, answers to ARP, gratuitous ARP with our own link-layer address (RFC 5944 4.6). In effect with
 * had_link_flush(). */
void had_link_intercept (HadLink *link, const RoamAddr *home_address);
/* The same for a binding of an earlier process: its neighbours know us already, so one announcement is enough. */
void had_link_resume (HadLink *link, const RoamAddr *home_address);
/* The reverse; @at_home: gratuitous ARP with the node's own link-layer address as soon as it is known. */
void had_link_release (HadLink *link, const RoamAddr *home_address, gboolean at_home);
void had_link_flush (HadLink *link);
/*
 * Removes what an earlier process left of routes into the TUN, except for @bound (a set of RoamAddr*): nobody is
 * intercepted without a binding (RFC 5944 4.2.3).
 */
void had_link_remove_stale (HadLink *link, GHashTable *bound);
/* Settings of the system that would keep packets from flowing; one warning each. */
void had_link_report_settings (const HadLink *link);

/* ------------------------------------------------------------------------ ARP ---- */

typedef struct _HadArp HadArp;

/* @mac: of the interface @index. */
HadArp *had_arp_new (const HadConfig *config, int index, const guint8 mac[6], GError **error);
void had_arp_free (HadArp *arp);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (HadArp, had_arp_free)
/* Who asks for @home_address gets our link-layer address; announced once if it is @resumed, else three times. */
void had_arp_intercept (HadArp *arp, const RoamAddr *home_address, gboolean resumed);
/* No more; @at_home: announces the node's own link-layer address as soon as the kernel knows it. */
void had_arp_release (HadArp *arp, const RoamAddr *home_address, gboolean at_home);
/* Sends what was queued by these. */
void had_arp_flush (HadArp *arp);
guint64 had_arp_n_answered (const HadArp *arp);

/* ------------------------------------------------------------- advertisements ---- */

typedef struct _HadAdvertiser HadAdvertiser;

/* Sends and answers by itself. @index: of the interface of the home link; @rng is borrowed. */
HadAdvertiser *had_advertiser_new (const HadConfig *config, int index, RoamRng *rng, GError **error);
void had_advertiser_free (HadAdvertiser *advertiser);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (HadAdvertiser, had_advertiser_free)

/* ------------------------------------------------------------------------ UDP ---- */

/* A UDP datagram: tunnel data carries whole packets. */
#define HAD_DATAGRAM_SIZE 4096u
/*
 * Datagrams of a pass, which ends with one commit of the store and one system call for all answers: at
 * 100 000/s a pass takes about a millisecond, which is what the first of its requests waits for the last.
 */
#define HAD_UDP_PASS 128u
/* Directed and limited broadcast. */
#define HAD_UDP_BROADCASTS 2u

typedef struct
{
  RoamEndpoint source;
  RoamAddr destination;
  guint8 tos;
  guint8 *data; /* valid until the next pass */
  gsize length;
} HadDatagram;

typedef struct _HadUdp HadUdp;

HadUdp *had_udp_new (const HadConfig *config, GError **error);
/* Sends what is queued first. */
void had_udp_free (HadUdp *udp);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (HadUdp, had_udp_free)
/* Readable when a pass would receive something. */
int had_udp_epoll_fd (const HadUdp *udp);
/* A socket to send from: port 434 of our address, DF set. */
int had_udp_fd (const HadUdp *udp);
/* One pass; how many there were. */
guint had_udp_receive (HadUdp *udp, HadDatagram datagrams[HAD_UDP_PASS]);
/* FALSE: the queue is full, flush first. @interface: 0, or send there whatever the routes say. References @datagram. */
gboolean had_udp_queue (HadUdp *udp, const RoamAddr *source, const RoamEndpoint *destination, int interface,
                        GBytes *datagram);
void had_udp_flush (HadUdp *udp);
/* char* -> guint64*, added to @counters. */
void had_udp_add_counters (const HadUdp *udp, GHashTable *counters);

/* ---------------------------------------------------------------------- store ---- */

typedef struct _HadStore HadStore;

/* @record is borrowed. */
typedef void (*HadStoreBindingFunc) (const RoamAddr *home_address, const RoamAddr *care_of_address,
                                     const guint8 *record, gsize length, gpointer user_data);
typedef void (*HadStoreNodeFunc) (const char *name, const guint8 *record, gsize length, gpointer user_data);

/* Opens or makes the file, mode 0600. NULL and @error: cannot be opened, or a newer program wrote it. */
HadStore *had_store_new (const char *path, GError **error);
/* Commits first. */
void had_store_free (HadStore *store);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (HadStore, had_store_free)
/* In place of what was known by these addresses. */
void had_store_put_binding (HadStore *store, const RoamAddr *home_address, const RoamAddr *care_of_address,
                            GBytes *record);
void had_store_remove_binding (HadStore *store, const RoamAddr *home_address, const RoamAddr *care_of_address);
/* The same for a node by @name. */
void had_store_put_node (HadStore *store, const char *name, GBytes *record);
void had_store_remove_node (HadStore *store, const char *name);
/* Makes the changes since the last commit last. What fails is reported there and counted, never returned. */
void had_store_commit (HadStore *store);
/* Changes that were committed, but wait in the journal for had_store_fold(). */
guint had_store_n_journal (const HadStore *store);
/*
 * The next step, less than a millisecond (once for some 65 000 changes: ten or twenty), of bringing the journal into the
 * tables. FALSE: there is nothing left, or it failed, which is reported. Between two steps anything may be done
 * with the store.
 */
gboolean had_store_fold (HadStore *store);
gboolean had_store_is_failing (const HadStore *store);
/* Folds all of the journal, then calls @binding for each binding, then @node for each node. */
void had_store_load (HadStore *store, HadStoreBindingFunc binding, HadStoreNodeFunc node, gpointer user_data);
/* char* -> guint64*, added to @counters. */
void had_store_add_counters (const HadStore *store, GHashTable *counters);

/* ------------------------------------------------------------------ data path ---- */

typedef struct _HadData HadData;

/*
 * Opens TUN and raw sockets. @udp_fd: a socket of port 434, for UDP-tunnelled data; borrowed. @tun_fd: the
 * device of an earlier process, taken over, or -1.
 */
HadData *had_data_new (const HadConfig *config, int udp_fd, int tun_fd, GError **error);
void had_data_free (HadData *data);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (HadData, had_data_free)
int had_data_tun_index (const HadData *data);
int had_data_tun_fd (const HadData *data);
/*
 * Adds or moves a tunnel; @old: the binding that it was before, or NULL. The end it had is still heard for
 * two seconds (D-38). A home address may have several tunnels: each gets a copy.
 */
void had_data_set_tunnel (HadData *data, const Mip4HaBinding *binding, const Mip4HaBinding *old);
void had_data_remove_tunnel (HadData *data, const Mip4HaBinding *binding);
/*
 * One UDP datagram of type 4 (RFC 3519 3.3); @packet may be changed. FALSE: no tunnel explains it, but inside
 * is an Echo Request to us from *@ret_home_address: what a half-bound node sends.
 */
gboolean had_data_input_udp (HadData *data, const RoamEndpoint *source, guint8 outer_tos, guint8 *packet, gsize length,
                             RoamAddr *ret_home_address);
/* char* -> guint64*, caller unrefs. */
GHashTable *had_data_dup_counters (const HadData *data);
struct sockaddr_in had_to_sockaddr (const RoamEndpoint *endpoint);

/* ----------------------------------------------------------------------- core ---- */

typedef struct _Had Had;

typedef struct
{
  const char *config_path;     /* for had_reload() */
  const char *credentials_dir; /* NULL: none */
  const char *status_path;     /* NULL: none */
  int tun_fd;                  /* of an earlier process; -1: none */
} HadOptions;

/* @config is taken over. Bindings in the store that have not expired are there again. */
Had *had_new (HadConfig *config, const HadOptions *options, GError **error);
/* Stops. Without a store all bindings are removed; with one they wait in it for the next process. */
void had_free (Had *had);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (Had, had_free)
/* For the service manager to keep: routes into the device live as long as it. */
int had_tun_fd (const Had *had);
/*
 * Reads the configuration again: nodes and keys, and what is said of them, are new at once; what needs
 * other sockets waits for a restart, with a warning. A faulty configuration changes nothing.
 */
void had_reload (Had *had);

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

/* --------------------------------------------------------------------- client ---- */

#define HAD_CLIENT_COMMANDS                                                                                            \
  "Without a command it serves. Commands ask the one that runs:\n"                                                     \
  "  status            what it is and how it does\n"                                                                   \
  "  bindings          which nodes are where\n"                                                                        \
  "  counters          what was received, sent and dropped\n"                                                          \
  "  revoke ADDRESS    forget the bindings of a home address"

/* @arguments: the command and what follows. An exit status; 1: it could not be done, 2: there is no such command. */
int had_client_run (const char *control_path, gboolean json, int n_arguments, char **arguments);
