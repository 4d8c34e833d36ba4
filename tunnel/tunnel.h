/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "base/addr.h"
#include "base/secret.h"
#include "base/now.h"

#include <glib.h>

/*
 * The data plane as a wish (TunnelPlan) and the difference between two wishes. Pure; the edge that
 * applies it is tunnel/tunnel-io.h.
 */

typedef enum {
  TUNNEL_MODE_BLOCKED, /* nothing of the user's passes; what waits is dropped */
  TUNNEL_MODE_HOLD,    /* nothing passes; TUN reading pauses, packets wait (bounded), none is lost in a short handover */
  TUNNEL_MODE_HOME,    /* plain on the home link, source HoA */
  TUNNEL_MODE_C,       /* IP-in-IP (or RFC 3519) from the co-located CoA to the home agent, in clear on a proved link */
  TUNNEL_MODE_F,       /* through the foreign agent of a proved link: source HoA, to the agent's link-layer address */
  TUNNEL_MODE_MC,      /* IP-in-IP from the TIA to the home agent inside ESP */
} TunnelMode;

typedef enum {
  TUNNEL_ESP_AES_GCM_16,
  TUNNEL_ESP_AES_CBC_HMAC_SHA2,
} TunnelEspAlgorithm;

/* One Child SA pair for the data plane. Keys are referenced. */
typedef struct {
  gint references;
  guint32 id;
  guint32 spi_in, spi_out;
  TunnelEspAlgorithm algorithm;
  guint encr_bits, integ_bits;
  RoamSecret *encr_in, *encr_out;   /* GCM: key || 4-octet salt */
  RoamSecret *integ_in, *integ_out; /* NULL for GCM */
  gboolean esn;
} TunnelSa;

TunnelSa *tunnel_sa_ref (TunnelSa *sa);
void tunnel_sa_unref (TunnelSa *sa);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (TunnelSa, tunnel_sa_unref)

#define TUNNEL_MAX_DNS 4
#define TUNNEL_MAX_LINKS 16

typedef struct {
  TunnelMode mode;
  /* C and MC: MIP tunnel end points (outer source and destination of IP-in-IP) */
  RoamAddr mip_local;    /* co-located CoA in C, TIA in MC */
  RoamAddr home_agent;   /* of the latest successful reply (MIP-REV-016); unset: the configured one */
  /* C and MC: MIP UDP tunnelling (RFC 3519) instead of IP-in-IP; from port mip_udp_port to 434 */
  gboolean mip_udp;
  guint16 mip_udp_port;  /* source port of the latest request */
  guint16 keepalive_s;   /* >= 10 */
  gboolean keepalive_at_once; /* R was set in the UDP Tunnel Request: the first one goes before all else (RFC 3519 4.4) */
  /* F: the agent; with encapsulating IP-in-IP HoA -> agent inside the link (RFC 3024 5.2), else plain packets */
  RoamAddr agent;
  guint8 agent_link_layer[6];
  gboolean encapsulating;
  gboolean broadcasts;   /* B was granted: multicast and broadcast inside the tunnel are the user's (RFC 5944 4.3) */
  /* HOME, C and F: the physical interface in use and its next hop */
  int ifindex;
  RoamAddr next_hop;     /* HOME: default router of the home link */
  /* ESP path; valid whenever out_sa != 0, in every mode: registrations pass in HOLD too */
  int esp_ifindex;
  RoamEndpoint esp_local, esp_remote;
  gboolean udp_encap;
  guint32 out_sa;        /* TunnelSa.id that encrypts; 0: none */
  GPtrArray *sas;        /* of TunnelSa, owned reference; all decrypt. NULL: none */
  RoamAddr tia;          /* valid with out_sa; unset otherwise */
  /* physical interfaces on which sockets for ESP-in-UDP shall be open */
  int links[TUNNEL_MAX_LINKS];
  guint n_links;
  RoamAddr dns[TUNNEL_MAX_DNS];
  guint n_dns;
  guint mtu;             /* inner, of the TUN device; 0: computed */
} TunnelPlan;

void tunnel_plan_init (TunnelPlan *plan); /* BLOCKED, nothing else */
void tunnel_plan_copy (TunnelPlan *target, const TunnelPlan *source); /* target must be initialised */
void tunnel_plan_clear (TunnelPlan *plan);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (TunnelPlan, tunnel_plan_clear)

typedef enum {
  TUNNEL_CHANGE_MODE = 1 << 0,
  TUNNEL_CHANGE_MIP = 1 << 1,   /* mip_*, home_agent, keepalive_s, agent*, encapsulating, broadcasts, ifindex, next_hop */
  TUNNEL_CHANGE_ESP = 1 << 2,   /* esp_*, udp_encap, out_sa, tia */
  TUNNEL_CHANGE_SAS = 1 << 3,
  TUNNEL_CHANGE_LINKS = 1 << 4,
  TUNNEL_CHANGE_DNS = 1 << 5,
  TUNNEL_CHANGE_MTU = 1 << 6,
} TunnelChanges;

/* 0: the same plan; applying it twice does nothing. */
TunnelChanges tunnel_plan_diff (const TunnelPlan *old_plan, const TunnelPlan *new_plan);
const char *tunnel_mode_to_string (TunnelMode mode);
/*
 * Inner MTU that fits @link_mtu under @plan: IP-in-IP 20 or MIP UDP 32, in F 20 or nothing; in MC
 * besides outer IP 20 (IPv6: 40), UDP 8 (with udp_encap), ESP 8 + IV + padding + ICV of the plan's outbound SA
 * (without one the greatest there is). Never below 576. RFC 5265 5.2.
 */
guint tunnel_plan_get_mtu (const TunnelPlan *plan, guint link_mtu);

/* -------------------------------------------------------------------- gate ---- */

/* Gateways at one time: those of the profile, what they resolve to, and what they say of themselves. */
#define TUNNEL_GATE_MAX_GATEWAYS 32

/*
 * What the gate lets out (and in) on physical interfaces. Everything not named here is stopped and
 * counted: decision A-29, P-9.
 */
typedef struct {
  char tun_name[16];
  RoamAddr home_address, home_agent;
  RoamAddr gateways[TUNNEL_GATE_MAX_GATEWAYS]; /* IKE and ESP-in-UDP go there; each once */
  guint n_gateways;
  RoamPrefix exempt[16];     /* destinations the profile lets through in clear */
  guint n_exempt;
} TunnelGateConfig;

typedef struct {
  TunnelMode mode;
  char ifname[16];           /* HOME, C and F: the one proved interface */
  RoamAddr care_of_address;  /* C: IP-in-IP (or type 4 in UDP) from here to the home agent passes */
  gboolean mip_udp;          /* C */
  /*
   * F: what the agent's link-layer address sends to the home address comes in. Nothing of the kernel's goes out: the
   * output hook of an inet table does not know link-layer addresses yet, so it could not tell the agent from any
   * other station. The user's packets leave by the worker's packet socket, which names the agent's address itself,
   * needs no route, no ARP and no opening, and is gone when roamd is.
   */
  RoamAddr agent;
  guint8 agent_link_layer[6];
} TunnelGateState;

/*
 * The whole ruleset as nft text: table inet roamd, closed. Caller frees. NULL when home address or
 * home agent is no IPv4 address, or the TUN's name has characters that nft would read as more.
 */
char *tunnel_gate_render (const TunnelGateConfig *config);
/*
 * nft commands, one transaction, that make @config's gateways the ones that the installed table knows;
 * what the mode opened stays. Caller frees.
 */
char *tunnel_gate_render_gateways (const TunnelGateConfig *config);
/* nft commands that let roamd's own TCP connections to @server pass, for some seconds, or no longer. Caller frees. */
char *tunnel_gate_render_fetch (const RoamEndpoint *server, gboolean open);
/*
 * nft commands that lead from @old_state to @new_state (closing first); "" when nothing changes. A
 * state whose interface or care-of address cannot stand in a rule opens nothing. Caller frees.
 */
char *tunnel_gate_render_change (const TunnelGateConfig *config, const TunnelGateState *old_state,
                                 const TunnelGateState *new_state);
