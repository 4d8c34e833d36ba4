/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "base/addr.h"

#include <glib.h>
#include <sys/uio.h>

/* Descriptors of roam-fad: the TUN device, and datagrams with what their headers say. */

/* Up, with @mtu, without IPv6 and without a check of sources; -1 and @error. */
int fad_tun_open (const char *name, guint mtu, GError **error);

typedef struct
{
  RoamEndpoint source;
  RoamAddr destination;
  guint8 tos;
  int interface_index;
} FadReceived;

/* One datagram (IP_PKTINFO and IP_RECVTOS are set on @fd); its length, 0 for one to be ignored, -1 and errno. */
gssize fad_tun_receive (int fd, guint8 *buffer, gsize size, FadReceived *ret);
gboolean fad_tun_send (int fd, const RoamAddr *source, const RoamAddr *destination, guint16 port, guint8 tos,
                       struct iovec *vectors, gsize n_vectors);
