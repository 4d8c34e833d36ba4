/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "ike/ike-session-private.h"

/*
 * The inside of an IkeResponder. ike-responder.c: clients and verbs; ike-responder-init.c: IKE_SA_INIT
 * and whatever else comes without an IKE SA; ike-responder-auth.c and ike-responder-mobike.c: what a
 * client's session does as gateway; ike-pool.c: inner addresses.
 */

/* Half-open SAs cost a key exchange and memory each; more than that wait for a retransmission. */
#define IKE_MAX_HALF_OPEN 256
#define IKE_RESPONDER_SECRET_LENGTH 32

/* --- ike-pool.c --- */

/* Addresses of one prefix; an owner gets the one back that it had, if it is still free. */
typedef struct _IkePool IkePool;

/* NULL: the prefix has no room for two addresses. */
IkePool *ike_pool_new (const RoamPrefix *prefix);
void ike_pool_free (IkePool *pool);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (IkePool, ike_pool_free)
/* @wanted: what the owner has or had; NULL or unset: any. It may have it twice (a new IKE SA beside the old). FALSE:
 * all taken.
 */
gboolean ike_pool_take (IkePool *pool, GBytes *owner, const RoamAddr *wanted, RoamAddr *ret_addr);
void ike_pool_release (IkePool *pool, const RoamAddr *addr);

/* --- ike-responder-resume.c --- */

typedef struct _IkeTicketKey IkeTicketKey;

void ike_responder_tickets_clear (IkeResponder *responder);
/* NULL: not ours, expired, or of no use any more. */
IkeResumption *ike_responder_open_ticket (IkeResponder *responder, const RoamNow *now, IkeView ticket);

/* --- clients --- */

typedef struct
{
  guint32 number;
  IkeSession *session;
  RoamEndpoint remote;                /* that IKE_SA_INIT came from */
  GBytes *init_request, *init_answer; /* for retransmissions; NULL once these cannot come any more */
  gint64 half_open_us;                /* end of the time to authenticate in; then of the two above. ROAM_NEVER */
} IkeClient;

typedef struct
{
  gboolean any;
  IkeIdentity id;
  RoamSecret *psk;
} IkePeerEntry;

struct _IkeResponder
{
  IkeIdentity local_id; /* data NULL: the address */
  GArray *peers;        /* IkePeerEntry */
  IkeCredentials *credentials;
  GBytes *ocsp_response; /* NULL: none */
  IkeProposals *ike_offer, *esp_offer;
  IkePool *pool4, *pool6;
  RoamAddr dns[4];
  guint n_dns;
  GArray *networks, *refused; /* RoamPrefix */
  RoamAddr addresses[IKE_MAX_RESPONDER_ADDRESSES];
  guint n_addresses;
  gboolean disable_mobike, disable_mopo, disable_nat_traversal, force_udp_encap;
  IkeNatPolicy nat_policy;
  IkePathTestLimit path_test_limit;
  IkeRoutability routability;
  guint max_clients, cookie_threshold;
  gint64 dpd_interval_us, rekey_ike_us, rekey_child_us;

  RoamRng *rng;
  GPtrArray *clients; /* IkeClient */
  guint32 last_client;
  GQueue actions; /* of nobody in particular: answers without an SA */
  GHashTable *counters;
  /* COOKIE secrets (RFC 7296 2.6): [0] makes new ones, [1] the one before still counts. */
  RoamSecret *secrets[2];
  guint8 secret_version;
  gint64 secret_us; /* when the next one is due */
  /* Session resumption: [0] makes new tickets, [1] still opens its own. */
  gboolean disable_tickets;
  IkeTicketKey *ticket_keys[2];
  gint64 ticket_key_us; /* when the next one is due */
  guint32 last_ticket;
  GBytes *redirect; /* data of REDIRECT without nonce; NULL: none */
  RoamAddr redirect_addr;
  guint puzzle_threshold;
  guint8 puzzle_difficulty;
  /* Answers without an SA, of the present second. */
  gint64 stateless_us;
  guint n_stateless;
};

void ike_responder_count (IkeResponder *responder, const char *counter);
/* Takes @session. */
IkeClient *ike_responder_add (IkeResponder *responder, IkeSession *session);
guint ike_responder_n_half_open (const IkeResponder *responder);
/* INITIAL_CONTACT: other clients of that identity are forgotten (RFC 7296 2.4). */
void ike_responder_forget_others (IkeResponder *responder, const IkeSession *session);
gboolean ike_responder_refuses (const IkeResponder *responder, const RoamAddr *outer);
/* The client of that IKE SA is forgotten, if it is still there (RFC 5723 4.3.4). */
void ike_responder_forget_sa (IkeResponder *responder, guint64 spi_i, guint64 spi_r);
/* The entry for an identity with or without PSK; NULL: nobody we know. */
const IkePeerEntry *ike_responder_find_peer (const IkeResponder *responder, const IkePayloadId *id, gboolean psk);

/* --- ike-responder-init.c --- */

void ike_responder_receive_init (IkeResponder *responder, const RoamNow *now, const IkePair *pair,
                                 const IkeHeader *header, const guint8 *data, gsize length);
/* Unprotected, rate limited: what @header's request cannot be done (RFC 7296 2.5, 2.21.4). */
void ike_responder_answer_path_test (IkeResponder *responder, const IkePair *pair, const IkeMessage *question);
void ike_responder_refuse (IkeResponder *responder, const RoamNow *now, const IkePair *pair, const IkeHeader *header,
                           guint16 notify_type, IkeView data);
