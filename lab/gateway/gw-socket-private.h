/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "base/addr.h"

#include <glib.h>

/* The sockets of the outer side: UDP 500 and 4500, raw ESP, each for IPv4 and IPv6, on all addresses of the host. */

typedef enum
{
  GW_SOCKET_IKE4,
  GW_SOCKET_NATT4,
  GW_SOCKET_ESP4,
  GW_SOCKET_IKE6,
  GW_SOCKET_NATT6,
  GW_SOCKET_ESP6,
  GW_N_SOCKETS,
} GwSocket;

/* Datagrams a system call. */
#define GW_BATCH 32u
/* Room before what is received or read, for ESP's header and IV. */
#define GW_HEADROOM 64u
/* An IKE message may fill a datagram; behind it ESP's trailer and ICV. */
#define GW_SLOT (GW_HEADROOM + 65536u + 64u)

typedef struct
{
  guint32 ifindex;            /* received: by which it came; to send: used for link-local addresses only */
  RoamEndpoint local, remote; /* raw ESP: port 0 */
  guint8 tos;                 /* of the outer header */
  guint8 *data;               /* the UDP payload; raw ESP: from the SPI on */
  gsize length;
} GwDatagram;

typedef struct _GwSockets GwSockets;

#define GW_ERROR (gw_error_quark ())
GQuark gw_error_quark (void);
/* "@what: reason of @code. @advice" */
void gw_set_errno (GError **error, int code, const char *what, const char *advice);

/* A host without IPv6 has three of them. */
GwSockets *gw_sockets_new (GError **error);
void gw_sockets_free (GwSockets *sockets);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (GwSockets, gw_sockets_free)
/* -1: there is none. */
int gw_sockets_fd (const GwSockets *sockets, GwSocket which);
/*
 * Up to GW_BATCH datagrams, which lie in the slots (GW_SLOT octets each) at @slots, GW_HEADROOM octets free before
 * each. Cut-off ones are counted in @lost.
 */
guint gw_sockets_receive (GwSockets *sockets, GwSocket which, guint8 *slots, GwDatagram datagrams[GW_BATCH],
                          guint64 *lost);
/* One IKE message. FALSE: errno. */
gboolean gw_sockets_send (GwSockets *sockets, const GwDatagram *datagram);
/*
 * ESP, in UDP or raw; what was queued leaves with gw_sockets_flush(), until which the octets must stay. Failures
 * are counted in @failed.
 */
void gw_sockets_queue (GwSockets *sockets, const GwDatagram *datagram, gboolean udp_encap, guint64 *failed);
void gw_sockets_flush (GwSockets *sockets, guint64 *failed);
