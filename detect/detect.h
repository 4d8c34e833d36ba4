/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "base/addr.h"
#include "base/now.h"

#include <glib.h>

/*
 * Link facts -> link events, and evidence -> trust verdict. Pure: the edge that listens to the
 * kernel is detect/detect-io.h.
 */

#define DETECT_NAME_LENGTH 16

typedef enum {
  DETECT_KIND_ETHERNET,
  DETECT_KIND_WIFI,
  DETECT_KIND_WWAN,
  DETECT_KIND_VETH,   /* labs and containers' own end: a candidate like Ethernet */
  DETECT_KIND_TUNNEL, /* TUN/TAP, wireguard, xfrm, ipip, our own: never a candidate */
  DETECT_KIND_BRIDGE, /* bridges, bonds' slaves, macvlan ports: never a candidate */
  DETECT_KIND_LOOPBACK,
  DETECT_KIND_OTHER,
} DetectKind;

/* One interface as the agent sees it; a value type. */
typedef struct {
  int ifindex;
  char name[DETECT_NAME_LENGTH];
  DetectKind kind;
  gboolean candidate;  /* by kind and by the profile's ignore list */
  gboolean up;         /* IFF_UP, carrier (IFF_LOWER_UP) and operstate up or unknown */
  RoamAddr address;    /* the IPv4 address to use; unset when there is none that is usable */
  guint8 prefix_length;
  RoamAddr gateway;    /* next hop of the IPv4 default route through this interface; unset: on-link only */
  gboolean has_default_route;
  guint32 metric;      /* of that route */
  guint32 mtu;
  guint8 mac[6];
} DetectLink;

/* A link is usable when it is a candidate, up, and has an address and a default route. */
gboolean detect_link_is_usable (const DetectLink *link);

typedef enum {
  DETECT_EVENT_LINK_UP,      /* carrier, no usable address yet */
  DETECT_EVENT_ADDRESS,      /* became usable, or usable with another address or next hop (Addr) */
  DETECT_EVENT_ADDRESS_LOST, /* carrier stays, no usable address any more (AddrLost) */
  DETECT_EVENT_LINK_DOWN,    /* carrier lost, set down, or removed (LinkDown) */
  DETECT_EVENT_HINT,         /* same address, but the attachment may be another (reassociation, next hop's MAC) */
} DetectEventType;

typedef struct {
  DetectEventType type;
  DetectLink link;     /* as it is after the event */
  const char *reason;  /* static: the fact that led here */
} DetectEvent;

/*
 * The tracker. Facts go in as the kernel told them; events come out once per batch: settle() is
 * called when the socket is drained, so a burst (address + route) makes one event, on the leading
 * edge and without a timer. A repeated fact, or an equal-address DHCP renewal, makes no event.
 */
typedef struct _DetectTracker DetectTracker;

typedef struct {
  int ifindex;
  const char *name;      /* IFLA_IFNAME */
  const char *info_kind; /* IFLA_INFO_KIND or NULL */
  guint16 arptype;       /* ARPHRD_* */
  gboolean wireless, wwan;
  gboolean has_master;   /* enslaved: IFLA_MASTER set */
  guint32 flags;         /* IFF_* */
  guint8 operstate;      /* IF_OPER_* */
  guint32 mtu;
  guint8 mac[6];
  gboolean removed;      /* RTM_DELLINK */
  guint32 carrier_changes; /* IFLA_CARRIER_CHANGES: finds a flap whose news were merged; 0: not told */
} DetectLinkFact;

typedef struct {
  int ifindex;
  RoamAddr address;
  guint8 prefix_length;
  guint32 flags;         /* IFA_F_*: tentative, dadfailed, deprecated, secondary */
  guint8 scope;          /* RT_SCOPE_* */
  gboolean removed;
} DetectAddressFact;

typedef struct {
  int ifindex;
  RoamFamily family;
  RoamAddr gateway;      /* unset for on-link */
  guint32 metric, table;
  guint8 protocol;       /* RTPROT_*: our own writes are recognised by ours */
  gboolean removed;
  RoamAddr source;       /* RTA_PREFSRC, or unset */
  gboolean replaces;     /* NLM_F_REPLACE: the one of the same metric is gone, on whatever interface, without a word */
} DetectRouteFact;       /* default routes only */

/* @ignore: NULL-terminated glob patterns of interface names never to use, or NULL. @own_tunnel: our TUN device's name. */
DetectTracker *detect_tracker_new (const char *const *ignore, const char *own_tunnel);
void detect_tracker_free (DetectTracker *tracker);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (DetectTracker, detect_tracker_free)
void detect_tracker_input_link (DetectTracker *tracker, const DetectLinkFact *fact);
void detect_tracker_input_address (DetectTracker *tracker, const DetectAddressFact *fact);
void detect_tracker_input_route (DetectTracker *tracker, const DetectRouteFact *fact);
/* The kernel's notifications were lost (ENOBUFS): everything not repeated before settle() is gone. */
void detect_tracker_begin_resync (DetectTracker *tracker);
void detect_tracker_settle (DetectTracker *tracker);
gboolean detect_tracker_pop_event (DetectTracker *tracker, DetectEvent *ret_event);
/* Current picture of all candidates; free with g_array_unref (elements DetectLink). */
GArray *detect_tracker_dup_links (const DetectTracker *tracker);

/* ------------------------------------------------------------------- trust ---- */

/*
 * What an answer of the i-HA proves (RFC 5266 3.4; RFC 5265 3.2.3, 3.4; decisions ):
 * trusted needs all of direct, current, authentic, accepted, tnc.
 */
typedef struct {
  gboolean direct;    /* un-encapsulated, on the physical interface, to the local care-of address */
  gboolean current;   /* answers the pending record; the connection status did not change since */
  gboolean authentic; /* MN-HA authenticator verified */
  guint8 code;        /* of the Registration Reply */
  gboolean tnc;       /* TNC extension, covered by the authenticator */
} DetectEvidence;

typedef enum {
  DETECT_VERDICT_NONE,        /* proves nothing either way */
  DETECT_VERDICT_TRUSTED,
  DETECT_VERDICT_NOT_TRUSTED, /* authentic answer, accepted, without TNC */
  DETECT_VERDICT_HINT,        /* would be trusted but for being late: worth a fresh request */
} DetectVerdict;

/* Pure. @ret_reason (nullable): static sentence. */
DetectVerdict detect_trust_judge (const DetectEvidence *evidence, const char **ret_reason);
