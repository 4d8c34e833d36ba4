/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "lab/gateway/gw-socket-private.h"
#include "lab/gateway/gw-table-private.h"

/* The data path: between one TUN device, whose routes are the pools, and the ESP of all clients. */

typedef struct _GwData GwData;

typedef void (*GwSaFunc) (GwSa *sa, gpointer user_data);

/*
 * @sockets and @table are borrowed. The device and its routes go with the descriptor. @pool4, @pool6 may be unset.
 * @traffic: the SA decrypted something valid, for the first time or a second after the last call. @exhausted: its
 * sequence numbers come to an end. Both may remove SAs.
 */
GwData *gw_data_new (const char *tun_name, guint mtu, const RoamPrefix *pool4, const RoamPrefix *pool6,
                     GwSockets *sockets, GwTable *table, GwSaFunc traffic, GwSaFunc exhausted, gpointer user_data,
                     GError **error);
void gw_data_free (GwData *data);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (GwData, gw_data_free)
/* Decrypts and delivers; @udp_encap: it came in UDP. */
void gw_data_input (GwData *data, GwDatagram *datagram, gboolean udp_encap);
/* By name; caller unrefs. */
GHashTable *gw_data_dup_counters (const GwData *data);
