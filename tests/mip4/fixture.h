/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "mip4/mip4-ha.h"
#include "mip4/mip4.h"

/*
 * A mobile node and a home agent in virtual time, and a message maker of its own: it shares no code
 * with mip4/, so that a fault there cannot hide in both.
 */

#define HOME_ADDRESS 0x0a010064u /* 10.1.0.100 */
#define HOME_AGENT 0x0a010002u   /* 10.1.0.2 */
#define CARE_OF 0x0a020032u      /* 10.2.0.50 */
#define CARE_OF_2 0x0a030032u    /* 10.3.0.50 */
#define TIA 0x0a080007u          /* 10.8.0.7 */
#define SPI 4096u
#define AGENT 0x0a040001u /* 10.4.0.1, a foreign agent */
#define AGENT_CARE_OF 0x0a040002u
#define AGENT_SPI 8192u
#define WIFI 3u
#define CABLE 4u
#define SECOND ROAM_USEC_PER_SEC
/* 2026-01-01 00:00:00 UTC in NTP seconds. */
#define NTP_START (G_GUINT64_CONSTANT (1767225600) + ROAM_NTP_UNIX_OFFSET)

/* What was sent, taken apart by the test's own hands. */
typedef struct
{
  gint64 at_us;
  Mip4Path path;
  RoamAddr source;
  RoamEndpoint destination;
  guint8 ttl;
  guint16 source_port;
  gboolean has_link_layer;
  guint8 link_layer[6];
  GBytes *bytes;
  guint8 type; /* 1; 15: the fields below are zero */
  guint8 flags;
  guint16 lifetime;
  guint32 home, agent, care_of;
  guint64 identification;
} Sent;

typedef struct
{
  RoamRng *rng;
  RoamSecret *key;
  Mip4Mn *mn;
  RoamNow now;
  gint64 step_us; /* added to the wall clock, as when someone sets it */
  GPtrArray *sent;
  GArray *events; /* Mip4MnEvent */
} Node;

/* A message made by the test; zero fields mean what the comment says. */
typedef struct
{
  guint8 type; /* 3 (reply) by forge_reply(), 1 by forge_request() */
  guint8 code; /* reply; request: flags */
  guint16 lifetime;
  guint32 home, agent, care_of;
  guint64 identification;
  const char *before, *after; /* extensions around the MHAE, in hex; NULL: none */
  const char *key;            /* hex; NULL: the node's key */
  guint32 spi;
  gboolean md5;
  guint n_mhae;
  guint n_mfae;         /* after everything else; AGENT_SPI */
  const char *mfae_key; /* hex; NULL: agent_key_hex */
  guint n_fhae;         /* last of all; AGENT_SPI */
  const char *fhae_key; /* hex; NULL: agent_key_hex */
} Forgery;

/* @config NULL: the defaults below. Defaults: lifetime 600, T, 144, HMAC-SHA-256. */
Node *node_new (const Mip4MnConfig *config);
void node_free (Node *node);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (Node, node_free)
Mip4MnConfig node_default_config (void);
void node_register (Node *node, Mip4Path path, guint32 serial, Mip4Form form, guint32 care_of);
void node_input (Node *node, const Mip4MnCommand *command);
/* Register through @agent with the @care_of of an agent (MIP4_FORM_FOREIGN_AGENT) or of our own. */
void node_register_via (Node *node, Mip4Form form, const Mip4Agent *agent, guint32 care_of);
/* AGENT on WIFI: flags F and T, lifetime 300, two care-of addresses. */
Mip4Agent make_agent (void);
void node_command (Node *node, Mip4MnCommandType type, Mip4Path path);
/* Runs through every deadline up to @until_us (boot time). */
void node_run_until (Node *node, gint64 until_us);
void node_advance (Node *node, gint64 us);
/* The wall clock jumps. */
void node_step_clock (Node *node, gint64 us);
/* To the node, from the home agent, on the path and address the last request left from. */
void node_receive (Node *node, GBytes *message);
void node_receive_at (Node *node, GBytes *message, Mip4Path path, guint32 source, guint16 port, guint32 destination);
/* As node_receive(), from where the request went to. */
void node_receive_relayed (Node *node, const Forgery *forgery);
const Sent *node_last_sent (const Node *node);
const Sent *node_sent (const Node *node, guint index);
guint node_n_sent (const Node *node);
/* The newest event; asserts its type. */
const Mip4MnEvent *node_expect (const Node *node, Mip4MnEventType type);
guint node_count_events (const Node *node, Mip4MnEventType type);
guint64 node_counter (const Node *node, const char *name);

extern const char *const default_key_hex, *const agent_key_hex, *const other_key_hex;
/* An accepting reply to @sent with what it asked for, code 0. */
Forgery forge_reply (const Sent *sent);
/* A co-located request with lifetime 600, D and T. */
Forgery forge_request (guint64 identification);
GBytes *forge (const Forgery *forgery);
GByteArray *unhex (const char *hex);
/* Does what g_bytes_unref() does after node_receive(). */
void node_receive_forged (Node *node, const Forgery *forgery);

/* The types of a request's extensions in order, "131 144 32"; and the first of @type, in hex; "": none. Caller frees.
 */
char *sent_types (const Sent *sent);
char *sent_extension (const Sent *sent, guint8 type);
/* Whether the authentication extension of @type (32, 33, 36) is right; SHA-256. */
gboolean sent_auth_is_valid (const Sent *sent, guint8 type, guint32 spi, const char *key_hex);
