/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "detect/detect.h"

/*
 * The edge of detect/: the rtnetlink socket (libnl) that feeds a DetectTracker, ARP sockets, and what the
 * kernel must be told about ARP.
 */

typedef struct _DetectLinkIo DetectLinkIo;

/* Opens the sockets and reads the present state; the first events are waiting afterwards. */
DetectLinkIo *detect_link_io_new (DetectTracker *tracker, GError **error);
void detect_link_io_free (DetectLinkIo *io);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (DetectLinkIo, detect_link_io_free)
/* Poll for reading. */
int detect_link_io_get_fd (const DetectLinkIo *io);
/* Drains the socket into the tracker and settles it; never blocks. Boot time of the kernel wake-up is the caller's affair. */
void detect_link_io_dispatch (DetectLinkIo *io);
/* Reads the whole state again (after ENOBUFS, resume, or on request). */
gboolean detect_link_io_resync (DetectLinkIo *io, GError **error);

/* --------------------------------------------------------------------- ARP ---- */

/* An ARP socket on one interface; what this host sends is not heard. Needs CAP_NET_RAW. */
typedef struct _DetectArpIo DetectArpIo;

/* @own_mac: of the interface. */
DetectArpIo *detect_arp_io_new (int ifindex, const guint8 own_mac[6], GError **error);
void detect_arp_io_free (DetectArpIo *io);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (DetectArpIo, detect_arp_io_free)
/* Poll for reading. */
int detect_arp_io_get_fd (const DetectArpIo *io);
/* One packet of DETECT_ARP_LENGTH octets; never blocks. */
gboolean detect_arp_io_send (DetectArpIo *io, const guint8 destination[6], GBytes *arp, GError **error);
/*
 * The next ARP packet that waits; FALSE when there is none. Answers by itself what the foreign agent asks
 * (detect_arp_io_set_agent()).
 */
gboolean detect_arp_io_receive (DetectArpIo *io, DetectArp *ret_arp);
/*
 * The agent one registers or is registered with, and the home address for which its unicast requests are
 * answered (RFC 5944 4.6). @agent_mac NULL: none, the home address is not answered for.
 */
void detect_arp_io_set_agent (DetectArpIo *io, const RoamAddr *home_address, const guint8 agent_mac[6]);
/*
 * Gratuitous ARP for @address, three times a second apart (MIP-HOM-008, D-37): the first at once, the
 * others by deadline. @address unset: stops.
 */
gboolean detect_arp_io_announce (DetectArpIo *io, const RoamNow *now, const RoamAddr *address, GError **error);
void detect_arp_io_input_deadline (DetectArpIo *io, const RoamNow *now);
gint64 detect_arp_io_next_deadline (const DetectArpIo *io);

/*
 * While away: the kernel answers ARP on @ifindex only for addresses of that interface, and names none but
 * these in its own requests. So the home address, which is the TUN device's, is neither answered for nor
 * shown there (RFC 5944 4.6; MIP-HOM-005, 011, 012, 016), while the care-of address is answered for.
 * detect_arp_guard_free() is "answer again" (MIP-HOM-006): the former settings are back when it returns.
 */
typedef struct _DetectArpGuard DetectArpGuard;

DetectArpGuard *detect_arp_io_guard (int ifindex, GError **error);
void detect_arp_guard_free (DetectArpGuard *guard);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (DetectArpGuard, detect_arp_guard_free)
