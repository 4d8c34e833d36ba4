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

typedef struct {
  int ifindex;
  RoamAddr address;
  guint8 mac[6];
} DetectNeighbourFact;

/* @ignore: NULL-terminated glob patterns of interface names never to use, or NULL. @own_tunnel: our TUN device's name. */
DetectTracker *detect_tracker_new (const char *const *ignore, const char *own_tunnel);
void detect_tracker_free (DetectTracker *tracker);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (DetectTracker, detect_tracker_free)
void detect_tracker_input_link (DetectTracker *tracker, const DetectLinkFact *fact);
void detect_tracker_input_address (DetectTracker *tracker, const DetectAddressFact *fact);
void detect_tracker_input_route (DetectTracker *tracker, const DetectRouteFact *fact);
/*
 * A neighbour whose link-layer address is known. Only the next hop in use is remembered: when it has
 * another one than before, DETECT_EVENT_HINT (RFC 3519 5.1: another network with the same addresses).
 */
void detect_tracker_input_neighbour (DetectTracker *tracker, const DetectNeighbourFact *fact);
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

/* --------------------------------------------------------------------- ARP ---- */

/* Ethernet and IPv4 (RFC 826): all octets of the packet behind the Ethernet header. */
#define DETECT_ARP_LENGTH 28u

typedef enum {
  DETECT_ARP_REQUEST = 1,
  DETECT_ARP_REPLY = 2,
} DetectArpOperation;

typedef struct {
  DetectArpOperation operation;
  guint8 sender_mac[6];
  RoamAddr sender;
  guint8 target_mac[6];
  RoamAddr target;
} DetectArp;

extern const guint8 detect_mac_broadcast[6];

/* FALSE (and @ret_arp untouched): not a whole Ethernet/IPv4 request or reply. Octets behind it are padding. */
gboolean detect_arp_parse (const guint8 *data, gsize length, DetectArp *ret_arp);
/* The 28 octets; an address that is not set is 0.0.0.0. Caller unrefs. */
GBytes *detect_arp_build (const DetectArp *arp);
/* Gratuitous ARP, Request form, to be broadcast (RFC 5944 4.6; MIP-HOM-007). */
DetectArp detect_arp_gratuitous (const guint8 own_mac[6], const RoamAddr *address);
/* Reachability test of RFC 4436 2.1.1, to be sent to the node's link-layer address. */
DetectArp detect_arp_test (const guint8 own_mac[6], const RoamAddr *candidate, const RoamAddr *node);
/*
 * The one ARP answer for the home address while away (RFC 5944 4.6; MIP-HOM-012): @request came by
 * unicast from @agent_mac, the foreign agent one registers or is registered with. TRUE: @ret_reply is to
 * be sent to @agent_mac. FALSE: silence; @ret_reply untouched. @destination_mac: of the frame.
 */
gboolean detect_arp_answer (const DetectArp *request, const guint8 destination_mac[6], const guint8 own_mac[6],
                            const RoamAddr *home_address, const guint8 agent_mac[6], DetectArp *ret_reply);

/* --------------------------------------------------------------- attachment ---- */

/* Octets of a DHCP client identifier that are kept: type, IAID and the longest DUID of RFC 8415 11.1. */
#define DETECT_CLIENT_ID_MAX 136u

/* A network that was visited: enough to recognise it (RFC 4436 2). A value; persistence is the caller's affair. */
typedef struct {
  RoamAddr node;          /* test node: a default router */
  guint8 node_mac[6];
  RoamAddr address;       /* that DHCP gave us there */
  guint8 prefix_length;
  guint8 client_id[DETECT_CLIENT_ID_MAX]; /* that got the lease */
  guint n_client_id;
  gint64 expiry_us;       /* of the lease, boot time; ROAM_NEVER: a manual address, which no lease overrules */
  gboolean authenticated; /* by DHCP authentication: not to be tested (RFC 4436 2.1) */
} DetectNetwork;

typedef enum {
  DETECT_ATTACHMENT_CONFIRMED,     /* the test node answered: network is where we are again */
  DETECT_ATTACHMENT_NOT_CONFIRMED, /* no known network answered; proves nothing */
  DETECT_ATTACHMENT_OVERRULED,     /* DHCP says something else than what was confirmed: its word counts */
} DetectAttachmentEventType;

/* A hint for the order of work; never a reason to open the gate or to drop IPsec (RFC 4436 3). */
typedef struct {
  DetectAttachmentEventType type;
  int ifindex;
  DetectNetwork network; /* CONFIRMED, OVERRULED */
  const char *reason;    /* static */
} DetectAttachmentEvent;

typedef enum {
  DETECT_ATTACHMENT_ACTION_SEND,
  DETECT_ATTACHMENT_ACTION_EVENT,
} DetectAttachmentActionType;

typedef struct {
  DetectAttachmentActionType type;
  union {
    struct {
      int ifindex;
      guint8 destination[6];
      GBytes *arp; /* 28 octets */
    } send;
    DetectAttachmentEvent event;
  };
} DetectAttachmentAction;

void detect_attachment_action_clear (DetectAttachmentAction *action);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (DetectAttachmentAction, detect_attachment_action_clear)

/* Detecting network attachment (RFC 4436), sans-IO. Deadlines are boot time. */
typedef struct _DetectAttachment DetectAttachment;

DetectAttachment *detect_attachment_new (void);
void detect_attachment_free (DetectAttachment *attachment);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (DetectAttachment, detect_attachment_free)
/*
 * Remembers @network, in place of what was known of its node and address; the least recently stored one
 * makes room. FALSE: it cannot be tested (no node, no routable address) and is not kept.
 */
gboolean detect_attachment_store (DetectAttachment *attachment, const DetectNetwork *network);
/* Elements DetectNetwork, the latest last; caller unrefs. */
GArray *detect_attachment_dup_networks (const DetectAttachment *attachment);
/*
 * @ifindex with @own_mac has carrier; DHCP (run by others, at the same time) is going to send @client_id.
 * Tests all networks that may be tested, at most once a second.
 */
void detect_attachment_input_link_up (DetectAttachment *attachment, const RoamNow *now, int ifindex,
                                      const guint8 own_mac[6], const guint8 *client_id, gsize n_client_id);
void detect_attachment_input_link_down (DetectAttachment *attachment, int ifindex);
/* An ARP packet that was heard on @ifindex. */
void detect_attachment_input_arp (DetectAttachment *attachment, const RoamNow *now, int ifindex, const DetectArp *arp);
/* DHCP's result on @ifindex; @address unset: it refused or gave up the address. */
void detect_attachment_input_lease (DetectAttachment *attachment, int ifindex, const RoamAddr *address,
                                    guint8 prefix_length);
void detect_attachment_input_deadline (DetectAttachment *attachment, const RoamNow *now);
gint64 detect_attachment_next_deadline (const DetectAttachment *attachment);
gboolean detect_attachment_pop_action (DetectAttachment *attachment, DetectAttachmentAction *ret_action);
