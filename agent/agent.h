/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "base/addr.h"
#include "base/now.h"
#include "base/secret.h"

#include <glib.h>

/*
 * The agent as its D-Bus adaptor sees it: one status snapshot, a history, a few verbs. The adaptor
 * includes nothing else of the agent, and the agent nothing of the adaptor.
 */

typedef struct _Agent Agent;

typedef struct {
  char *name;
  int ifindex;
  char *kind;     /* "ethernet", "wifi", "wwan", ... */
  char *state;    /* name of the state table: "DET.0", "C" ... */
  char *address;  /* "10.2.0.7/24" or "" */
  gboolean active;
  gboolean trusted;
  gint64 proof_age_ms; /* since the proof was made; -1: none */
  char *reason;   /* sentence */
} AgentLinkStatus;

/* A secret that the VPN needs and no file holds. */
typedef struct {
  guint32 handle;  /* for agent_provide_secret(); another one each time that it is asked for */
  char *kind;      /* "psk", "password", "pin" */
  char *identity;  /* whose it is, or "" */
  char *gateway;   /* who will check it */
  char *refusal;   /* why the last one was not good, or "" */
} AgentSecretRequest;

typedef struct {
  gint references;
  guint64 generation;   /* grows with each change */
  char *mode;           /* "offline", "detecting", "home", "c", "f", "mc" */
  char *sentence;       /* "Connected through the VPN from wlan0; ..." */
  char *why;            /* why this mode: evidence in one or two sentences */
  char *advice;         /* what to do, "" when nothing */
  char *interface;      /* active one or "" */
  char *home_address, *home_agent, *care_of_address, *gateway, *tia;
  char *foreign_agent;  /* that the machine is registered through, or "" */
  char *message;        /* what the home agent or foreign agent said with its last answer (RFC 4917), or "" */
  char *ike_suite, *esp_suite, *backend;
  char *dialect;        /* of the VPN: "mobike", "mopo", "none", or "" */
  gboolean enabled, vpn_up, mobike, nat;
  gboolean mip_nat;     /* the tunnel to the home agent goes in UDP, through a NAT (RFC 3519) */
  gboolean message_authentic; /* the home agent's key vouches for message */
  gint64 since_ms;      /* in this mode */
  GPtrArray *links;     /* of AgentLinkStatus */
  GPtrArray *secrets;   /* of AgentSecretRequest: those that are asked for now */
  GHashTable *counters; /* char* -> guint64* ("gate.stopped-packets", "mip4.discarded-...", ...) */
} AgentSnapshot;

AgentSnapshot *agent_snapshot_ref (AgentSnapshot *snapshot);
void agent_snapshot_unref (AgentSnapshot *snapshot);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (AgentSnapshot, agent_snapshot_unref)

/* One row of the journal of handovers. */
typedef struct {
  guint64 number;
  gint64 wall_us;           /* Unix time in microseconds when data resumed */
  char *from_mode, *to_mode, *from_interface, *to_interface, *from_address, *to_address;
  gint64 event_to_mobike_us, event_to_rrq_us; /* from the link event to each first packet; -1: none sent */
  gint64 gap_us;            /* data stopped .. data resumed; 0: make before break */
  char *reason;
} AgentHandover;

void agent_handover_free (AgentHandover *handover);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (AgentHandover, agent_handover_free)

typedef struct {
  void (*snapshot_changed) (AgentSnapshot *snapshot, gpointer user_data);
  void (*handover) (const AgentHandover *handover, gpointer user_data);
} AgentListener;

void agent_set_listener (Agent *agent, const AgentListener *listener, gpointer user_data);
/* Current snapshot with fresh ages and counters; caller unrefs. */
AgentSnapshot *agent_get_snapshot (Agent *agent);
/* Newest last, at most @limit (0: all kept); of AgentHandover, caller unrefs. */
GPtrArray *agent_dup_history (Agent *agent, guint limit);

#define AGENT_ERROR agent_error_quark ()
GQuark agent_error_quark (void);
typedef enum {
  AGENT_ERROR_FAILED,
  AGENT_ERROR_UNKNOWN_INTERFACE,
  AGENT_ERROR_NOT_ENABLED,
  AGENT_ERROR_CONFIG,
  AGENT_ERROR_NO_SUCH_REQUEST,
} AgentError;

gboolean agent_connect (Agent *agent, GError **error);
/* Releases the machine: deregisters, deletes the SAs, opens the gate. */
gboolean agent_disconnect (Agent *agent, GError **error);
/* @interface NULL or "": all. Unknown name: AGENT_ERROR_UNKNOWN_INTERFACE. @reason: who asked, for the log. */
gboolean agent_redetect (Agent *agent, const char *interface, const char *reason, GError **error);
/*
 * Answers a request for a secret: its first line, as the file would hold it. Unknown handle:
 * AGENT_ERROR_NO_SUCH_REQUEST. It is kept in memory until it is refused or the daemon ends.
 */
gboolean agent_provide_secret (Agent *agent, guint32 handle, RoamSecret *secret, GError **error);

/* One Child SA. */
typedef struct {
  guint32 spi_in, spi_out;
  gboolean in_use; /* this machine sends on it */
  gint64 age_ms;
} AgentChildSa;

/* A local address with one of the gateway's. */
typedef struct {
  char *interface, *local, *remote; /* remote with its port */
  char *state;      /* "untried", "probing", "works", "silent", "refused" */
  gboolean in_use;
  gint64 rtt_us;    /* 0: not measured */
  gint64 tried_ms;  /* ago; -1: never */
} AgentPair;

/* The IKE SA with what belongs to it. */
typedef struct {
  char *state;      /* "idle", "init", "auth", "established" ... */
  char *dialect;    /* "mobike", "mopo", "none" */
  char *ike_suite, *esp_suite, *local, *remote, *interface, *tia;
  guint64 spi_i, spi_r;
  gboolean nat_local, nat_remote;
  gint64 age_ms, rekey_in_ms, rtt_us; /* age, rekeying: -1: not known; rtt: 0: not measured */
  GArray *children;  /* of AgentChildSa */
  GPtrArray *pairs;  /* of AgentPair */
} AgentSa;

void agent_sa_free (AgentSa *sa);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (AgentSa, agent_sa_free)
/* NULL: no VPN is configured, or it has not begun. Caller frees. */
AgentSa *agent_dup_sa (Agent *agent);
