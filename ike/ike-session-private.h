/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "base/retransmit.h"
#include "ike/eap/ike-eap-private.h"
#include "ike/ike-crypto-private.h"
#include "ike/ike-dialect-private.h"
#include "ike/ike-message-private.h"
#include "ike/ike-path-test-private.h"
#include "ike/ike-paths-private.h"
#include "ike/ike.h"

/*
 * The inside of an IkeSession: of a client, or of one client of an IkeResponder. What both sides do
 * alike (windows, rekeying, Delete, liveness) is one code; session->responder tells the sides apart.
 *
 *   session   commands, actions, timers, the mobility state (one path for all SAs)
 *   IkeSa     one IKE SA: SPIs, keys, one window of size 1 in each direction
 *   IkeTask   one exchange that we start; waits in the session until a window is free
 *   IkeChild  one Child SA pair; belongs to the session, so an IKE SA rekey inherits it by itself
 *
 * Files: ike-session.c verbs, ike-receive.c datagrams, ike-exchange.c windows and retransmission,
 * ike-respond.c requests of the peer, ike-sa.c and ike-child.c the SAs, ike-mobility.c the path in use,
 * ike-dialect.c MOBIKE and MOPO-IKE, ike-path-test.c PATH_TEST, ike-paths.c and ike-probing.c the other
 * paths, ike-addresses.c address sets, ike-attempts.c IKE_SA_INIT on several pairs, ike-task-*.c the
 * exchanges that we start, ike-outside.c and ike-revocation.c what IKE_AUTH waits for, ike-responder*.c
 * the gateway's side, ike-reauth.c a second session beside this one, ike-redirect.c, ike-resume.c and
 * ike-puzzle.c the extensions of RFC 5685, 5723 and 8019.
 */

/* The SA in use, the one it replaces, and one more of each side when both rekey at once (RFC 7296 2.8.2). */
#define IKE_MAX_SAS 4
/* One pair in use, one it replaces, one more in a collision, and lingering ones of quick moves. */
#define IKE_MAX_CHILDREN 16
/* Waiting exchanges: every kind once, and a Delete for every Child SA. */
#define IKE_MAX_TASKS 32
/* More addresses of a gateway than this are noise. */
#define IKE_MAX_PEER_ADDRESSES 32
/* A gateway under load asks for a COOKIE once or twice; for ever means that something is wrong. */
#define IKE_MAX_COOKIE_ROUNDS 5
#define IKE_MAX_KE_ROUNDS 3
/* SPIs 0..255 are reserved (RFC 4303 2.1). */
#define IKE_MIN_ESP_SPI 256
/* How long an SA outlives the time when its rekeying was due (RFC 7296 2.8). */
#define IKE_REKEY_MARGIN_US (10 * 60 * ROAM_USEC_PER_SEC)
/* What one IP packet carries without fragments everywhere (RFC 7383 2.5.1 suggests 576 and 1280). */
#define IKE_FRAGMENT_MTU 1280
/* What it may have to be on IPv4, when nobody answers to those. */
#define IKE_SMALL_FRAGMENT_MTU 576
#define IKE_DEFAULT_KEEPALIVE_US (20 * ROAM_USEC_PER_SEC) /* RFC 3948 4 */
/* RFC 5685 7: MAX_REDIRECTS within REDIRECT_LOOP_DETECT_PERIOD. */
#define IKE_MAX_REDIRECTS 5
#define IKE_REDIRECT_PERIOD_US (300 * ROAM_USEC_PER_SEC)

typedef struct _IkeSa IkeSa;
typedef struct _IkeTask IkeTask;
typedef struct _IkeChild IkeChild;

typedef enum
{
  IKE_STATE_IDLE,
  IKE_STATE_INIT,
  IKE_STATE_AUTH,
  IKE_STATE_ESTABLISHED,
  IKE_STATE_CLOSING, /* our DELETE is wanted or under way */
} IkeState;

/* In the order in which waiting tasks get a free window: a move goes before everything else that can wait. */
typedef enum
{
  IKE_TASK_SA_INIT,
  IKE_TASK_SESSION_RESUME, /* in its place (RFC 5723 4.3.2) */
  IKE_TASK_AUTH,
  IKE_TASK_REFUSE, /* AUTHENTICATION_FAILED after a bad IKE_AUTH response (RFC 7296 2.21.2) */
  IKE_TASK_DELETE_IKE,
  IKE_TASK_UPDATE,
  IKE_TASK_ROUTABILITY, /* gateway: does the client answer at its new address (RFC 4555 3.7)? */
  IKE_TASK_ADDRESSES,   /* our whole address set (RFC 4555 3.6) */
  IKE_TASK_REDIRECT,    /* gateway: go to another one (RFC 5685 5) */
  IKE_TASK_DELETE_CHILD,
  IKE_TASK_CREATE_CHILD,
  IKE_TASK_REKEY_CHILD,
  IKE_TASK_REKEY_IKE,
  IKE_TASK_TICKET, /* TICKET_REQUEST after TICKET_ACK or a rekeying (RFC 5723 4.1) */
  IKE_TASK_CHECK,
} IkeTaskType;

/* One exchange that we start. */
struct _IkeTask
{
  IkeTaskType type;
  IkeSa *sa; /* bound to this SA; NULL: whatever is current when a window is free */
  gint64 not_before_us;
  gint64 first_refused_us; /* TEMPORARY_FAILURE since then; 0: never */
  guint refusals;
  guint ke_rounds;
  guint32 serial;     /* CHECK: of the command, 0 for our own */
  guint32 generation; /* of the path when it was first sent */
  gboolean elsewhere; /* copies of it went over other pairs than the one in use */
  guint8 cookie2[IKE_COOKIE2_LENGTH];
  gboolean has_cookie2; /* it is in the request */
  gboolean doubtful;    /* CHECK: asked because somebody says that the gateway lost the SA */
  gboolean routability; /* CHECK: with COOKIE2 (RFC 4555 3.7) */
  guint32 child_id;     /* DELETE_CHILD, REKEY_CHILD: which */
  guint32 spi_in;       /* CREATE_CHILD, REKEY_CHILD: of the new Child SA; DELETE_CHILD: of one never installed */
  guint64 ike_spi;      /* REKEY_IKE: our SPI of the new SA */
  guint16 group;        /* asked for by INVALID_KE_PAYLOAD; 0: our own choice */
  GBytes *data;         /* REDIRECT: of the notify */
  IkeProposals *proposals;
  IkeDh *dh;
  GBytes *nonce;
  /* A rekeying of the same SA by the gateway, answered while ours was under way (RFC 7296 2.8.1, 2.8.2). */
  guint32 rival_child_id;
  GBytes *rival_nonce; /* the lower one of its two */
};

typedef enum
{
  IKE_SA_HALF_OPEN,
  IKE_SA_ACTIVE,
  IKE_SA_REPLACED, /* a successor exists, the Delete is to come from either side */
  IKE_SA_GONE,     /* freed at the end of the verb */
} IkeSaState;

/* A message as it went out, so that copies are identical bit by bit: whole or in fragments. */
typedef struct
{
  GPtrArray *messages; /* GBytes, without non-ESP marker; NULL: none */
  guint32 id;
} IkeSent;

struct _IkeSa
{
  IkeSaState state;
  guint64 spi_i, spi_r; /* of the original initiator and responder of this SA */
  gboolean initiator;   /* that was us */
  IkeKeys *keys;        /* NULL while half open */
  gint64 rekey_us, expire_us;
  /* The newest requests that moved the peer and that named its addresses; an older one has no effect any more. */
  gboolean has_update, has_list;
  guint32 update_id, list_id;

  /* Our requests. */
  guint32 next_id;
  IkeTask *task; /* outstanding */
  IkeSent request;
  IkePayloads *request_payloads; /* of a protected one; NULL: none */
  RoamRetransmit timer;
  gint64 first_sent_us;
  guint copies;    /* sent on the present path */
  gboolean resent; /* more than one copy went out: a round-trip time cannot be told from it */

  /* Requests of the peer. */
  guint32 peer_next_id;
  IkeSent response;
  gint64 response_due_us; /* it is held back until then; ROAM_NEVER: it left */
  IkePair response_pair;
  IkeReassembly *fragments[2]; /* of responses, of requests */
};

struct _IkeChild
{
  IkeChildSa *sa;
  GArray *local_ts, *remote_ts; /* IkeSelector */
  IkeSuite suite;
  gboolean outbound; /* CHILD_USE was given */
  guint32 replaces;  /* id of the Child SA that this one takes over from, 0: none */
  gboolean deleting; /* our Delete for it waits or is under way */
  gint64 linger_us;  /* ROAM_NEVER; else gone for the protocol, late packets are received until then */
  gint64 rekey_us, expire_us;
};

typedef struct
{
  IkePair now, good;       /* in use; last one the gateway confirmed, or where the client proved to be */
  guint32 generation;      /* +1 with every change */
  guint32 answered;        /* newest generation that the gateway confirmed */
  gboolean pending_update; /* an UPDATE_SA_ADDRESSES has to follow */
  gint64 update_us;        /* but not before */
  guint update_refusals;   /* of updates that may do better the next time, on the present path */
  guint32 serial;          /* newest START or MOVE */
  gboolean waiting;        /* the present path has neither been confirmed nor given up */
  gboolean commanded;      /* MOVE wants to hear of it */
  gint64 moved_us;         /* when it was taken */
  gboolean announce;       /* the next confirmation is worth a PATH_OK */
  gboolean children_moved; /* the Child SAs use the present path */
  gboolean may_go_back;    /* newest MOVE: the path before it still exists */
  gint64 budget_us;        /* when the present path counts as failed; ROAM_NEVER */
  guint32 check_serial;    /* newest CHECK that waits for its answer, 0: none */
  gint64 check_budget_us;
  /* Own addresses. */
  gboolean knows_paths; /* PATHS was given: there are no others */
  gboolean suspended;   /* there is none: nothing is sent (RFC 4555 has no way to say so) */
  gint64 decide_us;     /* the pair in use cannot stay, unless a MOVE comes first; ROAM_NEVER */
  gint64 announce_us;   /* our address set is to be told, with an update or then; ROAM_NEVER */
  /* ESP comes to where we were, although the gateway confirmed the present path. */
  gint64 stray_us;       /* since then; 0: none */
  gboolean say_again;    /* when the gateway answers on the present path */
  gint64 routability_us; /* when the next proof is due (RFC 4555 3.7); ROAM_NEVER */
} IkeMobility;

/* The round over all pairs while the one in use is silent. */
typedef struct
{
  gboolean active;
  gint64 round_us; /* when the next round begins */
  /* PATH_TEST: the pair in use is asked too, since an answer there tells that the peer is silent and not the path. */
  gboolean ask_used;
  gint64 used_asked_us; /* 0: not in this round */
  gboolean found;       /* this pair answered; it is taken then, unless the one in use answers */
  IkePair found_pair;
  gint64 found_us;
  gint64 quiet_us;   /* the path works: no round before */
  gint64 resolve_us; /* when the gateway's name is worth another look; ROAM_NEVER */
} IkeProbing;

/* Keys as they are without a PPK (RFC 8784 3: SK_d', SK_pi', SK_pr'). */
typedef struct
{
  RoamSecret *sk_d, *sk_pi, *sk_pr;
} IkePpkKeys;

/* What an IKE SA leaves for its resumption (RFC 5723 5: "from the ticket"). */
typedef struct
{
  guint64 serial;       /* gateway: of the ticket */
  guint64 spi_i, spi_r; /* gateway: of the IKE SA that it was given for */
  gint64 expires_unix;
  IkeIdentity initiator_id, responder_id;
  IkeAuthMethod method;
  IkeSuite suite;
  RoamSecret *sk_d;
  gboolean ppk; /* one is in SK_d */
  RoamAddr tia4, tia6;
  RoamAddr gateway; /* client: whose it is */
  GBytes *opaque;   /* client: TICKET_OPAQUE */
} IkeResumption;

typedef struct _IkePuzzle IkePuzzle;

/* Where a REDIRECT leads: an address, or a name when there is none. */
typedef struct
{
  RoamAddr addr;
  char name[IKE_MAX_NAME];
} IkeRedirectTarget;

typedef struct
{
  gboolean accept;                    /* configured */
  RoamAddr from;                      /* the gateway that sent us here; unset: nobody did */
  gint64 times_us[IKE_MAX_REDIRECTS]; /* of the newest ones, cyclic */
  guint n;                            /* in all */
  gboolean due;                       /* @target came in a protected message; followed at the end of the verb */
  IkeRedirectTarget target;
  gint64 resolve_us; /* the name of @target waits for addresses until then; ROAM_NEVER */
} IkeRedirect;

/* What a handshake waits for that is done outside of the engine. */
typedef enum
{
  IKE_OUTSIDE_NOTHING,
  IKE_OUTSIDE_SIGNATURE,
  IKE_OUTSIDE_CERTIFICATE, /* of a hash-and-URL payload (RFC 7296 3.6) */
  IKE_OUTSIDE_OCSP,
  IKE_OUTSIDE_CRL,
} IkeOutsideKind;

/* One request outside, and the gateway's message that is looked at again when the answer is there. */
typedef struct
{
  IkeOutsideKind kind;
  guint32 request;
  gint64 until_us;
  IkeSa *sa;
  IkePair pair;
  IkeMessage *message; /* NULL: SIGNATURE */
} IkeOutside;

/* The gateway's certificate: has it been revoked (ike-revocation.c)? */
typedef struct
{
  gboolean settled;
  GPtrArray *ocsp_urls, *crl_urls; /* char*, still to be asked; NULL: not looked at yet */
  gint64 until_us;                 /* end of patience with all of them */
  GBytes *nonce;                   /* of the OCSP request under way */
  const char *reason;              /* why it is still unknown */
} IkeRevocationCheck;

/* AUTH by a key outside (ike-outside.c): with the PPK, or the only one; then without it. */
typedef struct
{
  IkeSignaturePlan plan;
  guint attempt;
  GBytes *auth[2];
} IkeOutsideAuth;

/* What a half-open attempt carries from message to message. */
typedef struct
{
  GBytes *cookie;
  guint cookie_rounds, ke_rounds;
  guint16 group;
  gboolean restarted; /* once from a new IKE_SA_INIT (forged response) */
  IkeDh *dh;
  GBytes *nonce, *peer_nonce;
  GBytes *own_init, *peer_init; /* IKE_SA_INIT octets of each side, for AUTH */
  IkeHashSet peer_hashes;
  IkeIdentity local_id;
  guint32 spi_in;
  IkeProposals *esp;
  IkeEap *eap;          /* NULL before the gateway has proved itself */
  GBytes *eap_response; /* for the next request */
  gboolean eap_succeeded;
  gboolean second_round; /* the next request begins EAP as a second authentication */
  guint eap_rounds;
  GBytes *peer_id;           /* EAP: body of the gateway's ID payload, for its last AUTH */
  IkePpkKeys without;        /* a PPK was mixed into the SA's keys; these are the others */
  IkeResumption *resumption; /* IKE_SESSION_RESUME instead of IKE_SA_INIT; NULL: no */
  gboolean childless;        /* IKE_AUTH without Child SA; the first one follows (RFC 6023) */
  IkePuzzle *puzzle;         /* being solved; NULL: none */
  gint64 puzzle_us;          /* when the next piece of work is due; ROAM_NEVER */
  GBytes *solution;          /* body of the PS payload of the next request; NULL: none (RFC 8019 7.1.2) */
  IkeOutside outside;
  IkeOutsideAuth outside_auth;
  IkePublicKey *peer_key; /* its signature is good; NULL: none */
  IkeRevocationCheck revocation;
  /* An unauthenticated error notify is believed only when nothing better comes until then (RFC 7296 2.21.1). */
  const char *problem, *advice;
  gint64 problem_us;
} IkeHandshake;

/* IKE_SA_INIT under way on another pair than the one that is in the session's own fields. */
typedef struct
{
  IkeSa *sa;
  IkePair pair;
  IkeHandshake handshake;
} IkeAttempt;

#define IKE_MAX_ATTEMPTS 4 /* at one time */

struct _IkeSession
{
  IkeResponder *responder; /* the gateway that this is one client of; NULL: we are the client */

  /*
   * Configuration: from @configured_gateway up to @rng. ike_reauth_start() copies this part as it stands
   * for the session beside, which borrows what the pointers point to.
   */
  RoamAddr configured_gateway, configured_gateways[IKE_MAX_GATEWAYS];
  guint n_configured_gateways;
  RoamAddr gateway;                        /* the present one, by a REDIRECT perhaps another than configured */
  RoamAddr gateways[1 + IKE_MAX_GATEWAYS]; /* all of its addresses that are configured */
  RoamAddr resolved[IKE_MAX_GATEWAYS];     /* what its name says now */
  guint n_gateways, n_resolved;
  IkeNatPolicy nat_policy;
  gboolean announce_addresses;
  gint64 routability_interval_us; /* 0: never */
  IkeIdentity remote_id;          /* data NULL: the gateway's address */
  IkeIdentity configured_id;
  IkeAuthMethod method;
  RoamSecret *psk;
  IkeCredentials *credentials;
  IkeEapMethod eap_method;
  char *eap_identity, *eap_server_name;
  RoamSecret *eap_password, *eap_new_password;
  gboolean eap_password_is_old; /* the new one was taken, only that counts */
  gboolean eap_only, then_eap;
  gboolean external_key, check_ocsp, require_revocation;
  RoamSecret *ppk; /* NULL: none */
  char *ppk_id;
  gboolean require_ppk;
  IkeProposals *ike_offer, *esp_offer;
  GArray *refused_inner; /* RoamPrefix; NULL: a gateway's side */
  gboolean request_tia4, request_tia6, request_dns, request_domains, force_udp_encap, require_mobike;
  gboolean want_childless, request_ticket, shared_identity, natt_port_first, path_test_off;
  IkeMobilityDialect mobility_wanted;
  char **domains; /* split DNS: the only ones accepted; NULL: any */
  gint64 dpd_interval_us, rekey_ike_us, rekey_child_us, nat_keepalive_us;
  RoamRng *rng; /* our own stream, seeded from the caller's */

  GBytes *ocsp_answer; /* about the gateway, good when it came; NULL: none */
  GQueue actions;      /* IkeAction */
  GHashTable *counters;

  IkeState state;
  gint64 closing_us; /* CLOSING: end of patience, and what will be said then */
  IkeEventType closing_type;
  const char *closing_reason, *closing_advice;
  gint64 established_us;
  GPtrArray *sas; /* IkeSa */
  IkeSa *current; /* where new requests go */
  GPtrArray *children;
  guint32 last_child_id;
  GQueue tasks; /* IkeTask, waiting */
  gboolean recreated_child;
  guint16 learned_group; /* the group this gateway accepted last */

  IkeHandshake handshake;
  GArray *attempts; /* IkeAttempt; the others */
  IkeMobility mobility;
  IkePaths paths;
  IkeProbing probing;
  gboolean renumbered; /* gateway: the own address that the client knew is gone */
  IkeConfiguration configuration;
  const IkeDialect *dialect; /* of mobility; NULL: none. Until IKE_AUTH is over: what stays if nothing better comes */
  gboolean cookieless_seen;
  IkePathTests *path_tests;
  gboolean fragmentation;
  gboolean small_fragments; /* large ones were not answered */
  gboolean nat_supported;   /* the gateway sent NAT_DETECTION in IKE_SA_INIT */
  gboolean nat_prevented;   /* gateway: NAT_PREVENTION of IKE_SA_INIT fitted */
  gboolean nat_local, nat_remote, nat_suspected;
  /* NAT_DETECTION_DESTINATION_IP of the last answer on the NAT-T port, and the SPIs it was made of. */
  guint8 nat_seen[IKE_NAT_DETECTION_LENGTH];
  guint64 nat_seen_spi_i;
  gboolean has_nat_seen;
  RoamAddr peer_addresses[IKE_MAX_PEER_ADDRESSES];
  guint n_peer_addresses;

  IkeRedirect redirect;
  gboolean redirect_supported; /* gateway: the client takes a REDIRECT */
  RoamSecret *ticket;          /* for the next START; NULL: none */
  gboolean tickets_supported;  /* the gateway gave one, or said that it will */
  guint tickets_later;         /* TICKET_ACKs since the last one */
  guint64 ticket_serial;       /* gateway: of the ticket that the client has; 0: none */
  IkeIdentity local_id;        /* of the present IKE SA */
  gboolean ppk_used;
  gboolean narrow;           /* the gateway wants no wider local selectors than our inner addresses */
  gboolean awaits_child;     /* childless: CREATE_CHILD_SA has to bring the first one */
  RoamAddr wanted4, wanted6; /* inner addresses of before, to be asked for again */
  gint64 reauth_us;          /* when a new IKE SA is due (RFC 4478); ROAM_NEVER */
  gint64 auth_end_us;        /* AUTH_LIFETIME ends; ROAM_NEVER */
  /*
   * A second session beside this one, with the same configuration: the successor that is being made
   * while ours goes on (make before break), or the predecessor whose Delete is under way.
   */
  IkeSession *owner;  /* we are the one beside; the configuration is the owner's */
  IkeSession *beside; /* NULL: none */
  gboolean beside_is_successor;

  gint64 heard_us;      /* last proof of life */
  gint64 keepalive_us;  /* when the next NAT keepalive is due; ROAM_NEVER */
  gint64 unanswered_us; /* earliest time of the next check that unanswered packets cause */
  gint64 doubt_us;      /* last check that an unprotected message caused */
  gint64 rtt_us;
};

/* --- ike-responder.c: SPIs of all clients --- */

gboolean ike_responder_has_ike_spi (const IkeResponder *responder, guint64 spi);
gboolean ike_responder_has_esp_spi (const IkeResponder *responder, guint32 spi);
/* Another IKE SA has the inner address, too: the client makes a new one before it leaves the old (RFC 7296 2.8.3). */
gboolean ike_responder_shares_address (const IkeResponder *responder, const IkeSession *session);

/* --- ike-session.c --- */

void ike_session_set_state (IkeSession *session, IkeState state);
/* ike-status.c */
const char *ike_state_to_string (IkeState state);
/* Takes what @action owns. */
void ike_session_push (IkeSession *session, IkeAction *action);
/* On the NAT-T port @message stands behind the non-ESP marker (RFC 3948 2.2). */
GBytes *ike_datagram_new (const IkePair *pair, GBytes *message);
/* The IKE message in a datagram; FALSE: it is not IKE (keepalive, ESP, too short), @data as before. */
gboolean ike_datagram_strip (const IkePair *pair, const guint8 **data, gsize *length);
/* One message as one datagram. */
void ike_session_send (IkeSession *session, const IkePair *pair, GBytes *message);
/* The serial is that of the newest START or MOVE. */
void ike_session_event (IkeSession *session, IkeEventType type, const char *reason, const char *advice);
void ike_session_event_of (IkeSession *session, IkeEventType type, guint32 serial, const char *reason,
                           const char *advice);
/* Everything goes, without a packet, and one event says why; DEAD is FAILED before ESTABLISHED. */
void ike_session_die (IkeSession *session, IkeEventType type, const char *reason, const char *advice);
/* The same without an event. */
void ike_session_forget (IkeSession *session);
/* DELETE first, then DEAD (or @type). */
void ike_session_close (IkeSession *session, const RoamNow *now, IkeEventType type, const char *reason,
                        const char *advice);
void ike_count (IkeSession *session, const char *counter);
/* now + interval, less up to a tenth (RFC 7296 2.8.1). */
gint64 ike_session_jittered (IkeSession *session, const RoamNow *now, gint64 interval_us);
/* One of two static sentences: what the client says about the gateway, or the gateway about the client. */
const char *ike_session_says (const IkeSession *session, const char *client, const char *gateway);
/* Idle, without any configuration but the defaults. */
IkeSession *ike_session_alloc (RoamRng *rng);

/* --- ike-sa.c --- */

IkeSa *ike_sa_new (IkeSession *session, guint64 spi_i, guint64 spi_r, gboolean initiator);
void ike_sa_free (gpointer sa);
/* A fresh SPI, not zero and not ours already. */
guint64 ike_sa_new_spi (IkeSession *session);
IkeSa *ike_sa_find (const IkeSession *session, const IkeHeader *header);
/* Keys are there: @sa can be used. */
void ike_sa_activate (IkeSession *session, const RoamNow *now, IkeSa *sa);
/* @sa ends; what was outstanding on it and still matters goes back to the queue. */
void ike_sa_close (IkeSession *session, IkeSa *sa);
/* Frees the SAs that ended. */
void ike_sa_reap (IkeSession *session);
IkeCipher *ike_sa_cipher_out (const IkeSa *sa);
IkeCipher *ike_sa_cipher_in (const IkeSa *sa);
const RoamSecret *ike_sa_sk_p (const IkeSa *sa, gboolean ours);
/*
 * The outstanding request of @sa in smaller, that is more, fragments (RFC 7383 2.5.2). FALSE: as it was, since it
 * is small or there is no smaller way.
 */
gboolean ike_sa_refragment (IkeSession *session, IkeSa *sa);
/* Protected message of @sa, in fragments where needed and agreed on. Elements are GBytes. */
GPtrArray *ike_sa_build (IkeSession *session, IkeSa *sa, guint8 exchange, gboolean response, guint32 id,
                         const IkePayloads *payloads);

/* --- ike-receive.c --- */

void ike_receive (IkeSession *session, const RoamNow *now, const IkePair *pair, const guint8 *data, gsize length);

/* --- ike-exchange.c --- */

/* Gives every free window its next task. */
void ike_exchange_pump (IkeSession *session, const RoamNow *now);
/* A copy of an outstanding request on @pair; FALSE: there is none. */
gboolean ike_exchange_redirect (IkeSession *session, const IkePair *pair);
/* The path changed: whatever is outstanding is repeated at once, bit by bit the same (RFC 4555 3.5). */
void ike_exchange_resend_all (IkeSession *session, const RoamNow *now);
/* The present path is silent: the schedules of what is outstanding become patient ones. */
void ike_exchange_be_patient (IkeSession *session, const RoamNow *now);
void ike_exchange_process_response (IkeSession *session, IkeSa *sa, const RoamNow *now, const IkePair *pair,
                                    const IkeMessage *message);
void ike_exchange_deadline (IkeSession *session, const RoamNow *now);
gint64 ike_exchange_next_deadline (const IkeSession *session);
/* The response to the gateway's present request: stored, and sent to where that came from. */
void ike_exchange_respond (IkeSession *session, IkeSa *sa, const IkePair *pair, guint8 exchange,
                           const IkePayloads *payloads);
void ike_exchange_repeat_response (IkeSession *session, IkeSa *sa, const IkePair *pair);

/* --- ike-respond.c --- */

void ike_respond (IkeSession *session, IkeSa *sa, const RoamNow *now, const IkePair *pair, const IkeMessage *message);
void ike_respond_error (IkeSession *session, IkeSa *sa, const IkePair *pair, guint16 notify_type);
void ike_respond_invalid_ke (IkeSession *session, IkeSa *sa, const IkePair *pair, guint16 group);

/* --- ike-dialect.c --- */

gboolean ike_dialect_is_offered (const IkeSession *session, const IkeDialect *dialect);
/* Vendor ID and MOPO_SUPPORTED. */
void ike_dialect_add_mopo (IkePayloads *payloads);
/* MOPO, if both sides named it in IKE_SA_INIT (or IKE_SESSION_RESUME); else none so far. */
void ike_dialect_choose_in_init (IkeSession *session, const IkeMessage *message);
/* MOBIKE, if both sides named it in IKE_AUTH; else it stays as it is. */
void ike_dialect_choose_in_auth (IkeSession *session, const IkeMessage *message);
/* Is the update or address list in the request @message_id of @sa the newest one? It is then remembered as that. */
gboolean ike_sa_take_update (IkeSession *session, IkeSa *sa, guint32 message_id);
gboolean ike_sa_take_list (IkeSession *session, IkeSa *sa, guint32 message_id);
/* COOKIE2 into the request of @task, if it is not there and the dialect wants one. */
void ike_cookie2_add (IkeSession *session, IkeTask *task, IkePayloads *payloads);
/* COOKIE2 of an answer: TRUE, or the session died. */
gboolean ike_cookie2_check (IkeSession *session, const IkeTask *task, const IkeMessage *message);
/* COOKIE2 of the request @message comes back as it was. */
void ike_cookie2_echo (IkeSession *session, const IkeMessage *message, IkePayloads *answer);

/* --- ike-path-test.c --- */

GBytes *ike_path_test_build_request (const IkePair *pair, guint32 id);
GBytes *ike_path_test_build_answer (const IkePair *pair, const IkeMessage *question);
/* NULL: not one, or with something that must not be ignored. */
IkeMessage *ike_path_test_parse (const guint8 *data, gsize length);
/* One question on @pair. */
gboolean ike_path_test_ask (IkeSession *session, const RoamNow *now, const IkePair *pair);
/* The dialect has PATH_TEST, and it is not switched off. */
gboolean ike_path_test_is_usable (const IkeSession *session);
/* FALSE: @session asked no such thing on @pair. */
gboolean ike_path_test_take_answer (IkeSession *session, const RoamNow *now, const IkePair *pair,
                                    const IkeMessage *answer);
/* The answer on @pair told of a NAT. */
gboolean ike_path_test_saw_nat (const IkeSession *session, const IkePair *pair);
void ike_path_test_receive (IkeSession *session, const RoamNow *now, const IkePair *pair, const guint8 *data,
                            gsize length);

/* --- ike-nat-prevention.c --- */

/* No NAT may touch what goes out on @pair. */
void ike_nat_forbid_add (const IkeDialect *dialect, const IkePair *pair, IkePayloads *payloads);
/* What the peer wrote into @notify is what the packet, which came on @pair, says. */
gboolean ike_nat_forbid_fits (const IkeDialect *dialect, const IkePayloadNotify *notify, const IkePair *pair);
/* The same for @message; with @must_prove our own policy may ask for the notify. */
gboolean ike_nat_forbid_accepts (const IkeSession *session, const IkeMessage *message, const IkePair *pair,
                                 gboolean must_prove);
/* What a request that tells addresses says about NATs: detect them, or forbid them. */
void ike_nat_add_update (IkeSession *session, const IkeSa *sa, const IkePair *pair, IkePayloads *payloads);
/* Likewise IKE_SA_INIT of a client. */
void ike_nat_add_init (IkeSession *session, const IkeSa *sa, const IkePair *pair, IkePayloads *payloads);
/* Gateway: a NAT touched this IKE_SA_INIT, or might have while none may. */
gboolean ike_nat_prevention_refuses_init (const IkeResponder *responder, const IkePair *pair,
                                          const IkeMessage *message);

/* ike-responder-mobike.c: the gateway's half of MOBIKE. */
IkePayloads *ike_routability_build (IkeSession *session, IkeTask *task);
void ike_routability_process (IkeSession *session, const IkeTask *task);
IkePayloads *ike_addresses_build (IkeSession *session, IkeTask *task);
void ike_addresses_process (IkeSession *session, const IkeTask *task);
/* The client moved: takes the addresses of @pair over (RFC 4555 3.5). An error notify to answer with, or 0. */
guint16 ike_update_respond (IkeSession *session, IkeSa *sa, const RoamNow *now, const IkePair *pair,
                            const IkeMessage *message);

/* --- ike-mobility.c --- */

/* IKE SA and Child SA exist on the present path. */
void ike_mobility_established (IkeSession *session, const RoamNow *now);
/* MOVE on an established SA. */
void ike_mobility_move (IkeSession *session, const RoamNow *now, const IkeCommand *command);
/* MOVE during IKE_AUTH: it goes on from there, the update follows (RFC 4555 3.3). FALSE: it cannot. */
gboolean ike_mobility_move_early (IkeSession *session, const RoamNow *now, const IkeCommand *command);
/* By ourselves, to a pair that the gateway answered on or may; PATH_CHANGED says why. */
void ike_mobility_take (IkeSession *session, const RoamNow *now, const IkePair *pair, const char *reason);
/* To where the gateway spoke @from; it may have tried our present address before. */
void ike_mobility_follow (IkeSession *session, const RoamNow *now, const IkePair *from, const char *reason);
/* Gateway: to another own address, with the Child SAs (RFC 4555 3.5); they go to where the client is known to be. */
void ike_mobility_leave (IkeSession *session, const RoamNow *now, const RoamAddr *addr);
/* PATHS */
void ike_mobility_paths (IkeSession *session, const RoamNow *now, const IkeCommand *command);
/* @path exists, whether or not PATHS named it. */
void ike_mobility_know (IkeSession *session, const IkePath *path);
/* The gateway does not accept the present path. */
void ike_mobility_refused (IkeSession *session, const RoamNow *now, const char *reason, const char *advice);
/* An update was refused with @notify_type: TRUE, another one will follow on the same path. */
gboolean ike_mobility_update_again (IkeSession *session, const RoamNow *now, guint16 notify_type);
/* Valid ESP came with these outer addresses: FALSE, they are not those of the Child SAs (RFC 4555 3.12). */
gboolean ike_mobility_expects (IkeSession *session, const RoamNow *now, const RoamAddr *local, const RoamAddr *remote);
/* Make before break: the path before the present one still works, as far as we know. */
gboolean ike_mobility_is_trial (const IkeSession *session);
gint64 ike_mobility_next_deadline (const IkeSession *session);
/* An UPDATE_SA_ADDRESSES or CHECK of the present path was answered. */
void ike_mobility_confirmed (IkeSession *session, gboolean encap_changed);
void ike_mobility_failed (IkeSession *session, const RoamNow *now, const char *reason, const char *advice);
/* CHECK: one liveness exchange, one answer about it. */
void ike_mobility_check (IkeSession *session, const RoamNow *now, guint32 serial);
void ike_mobility_deadline (IkeSession *session, const RoamNow *now);
/* Child SAs go to the present path. */
void ike_mobility_move_children (IkeSession *session);
gboolean ike_mobility_udp_encap (const IkeSession *session);

/* --- ike-addresses.c --- */

/* FALSE: of a kind that no path of ours leads to. */
gboolean ike_address_is_usable (const RoamAddr *addr);
/* The gateway's whole address set: @source and what the notifies of @message list (RFC 4555 3.6). */
void ike_peer_addresses_read (IkeSession *session, const RoamAddr *source, const IkeMessage *message);
/* Client: the gateway sent a new list on @pair. */
void ike_peer_addresses_changed (IkeSession *session, const RoamNow *now, const IkePair *pair);
/* An address of the gateway of @family; FALSE: none is known. */
gboolean ike_peer_address_of (const IkeSession *session, guint8 family, RoamAddr *ret_addr);
/* The gateway of the configuration; or another one in its place, then what its name said counts no more. */
void ike_peer_addresses_restore (IkeSession *session);
void ike_peer_addresses_replace (IkeSession *session, const RoamAddr *gateway);
/* All addresses of the peer go into the list of pairs. */
void ike_peer_addresses_update (IkeSession *session);
gboolean ike_addr_is_private (const RoamAddr *addr);
/* Our addresses besides the one in use, as the peer may know them. */
guint ike_own_addresses (const IkeSession *session, RoamAddr ret[IKE_MAX_PATHS]);
/* ADDITIONAL_IP4_ADDRESS and _IP6_ADDRESS; without any and with @say_none NO_ADDITIONAL_ADDRESSES. */
void ike_own_addresses_add (const IkeSession *session, const IkeDialect *dialect, gboolean say_none,
                            IkePayloads *payloads);
/* What MOBIKE adds to the IKE_AUTH request with the SA payload (RFC 4555 3.4, 3.9). */
void ike_addresses_add_to_auth (const IkeSession *session, IkePayloads *payloads);

/* --- ike-attempts.c: IKE_SA_INIT on several pairs --- */

GArray *ike_attempts_new (void);
/* START: the first pair; FALSE: there is none of one family. */
gboolean ike_attempts_begin (IkeSession *session, const RoamNow *now, const IkePath *path);
/* @sa's attempt gets the session's own fields. */
void ike_attempts_enter (IkeSession *session, IkeSa *sa);
/* IKE_SA_INIT was repeated: another pair is asked besides, if there is one. */
void ike_attempts_add (IkeSession *session, const RoamNow *now);
/* One was answered: the others are silent from now on. */
void ike_attempts_settle (IkeSession *session);
/* The present one failed. TRUE: others go on. */
gboolean ike_attempts_next (IkeSession *session, const RoamNow *now);
/* UNEXPECTED_NAT_DETECTED in IKE_AUTH. FALSE: no other attempt makes sense. */
gboolean ike_attempts_refused (IkeSession *session, const RoamNow *now);
void ike_attempts_clear (IkeSession *session);
void ike_attempts_deadline (IkeSession *session, const RoamNow *now);
gint64 ike_attempts_next_deadline (const IkeSession *session);

/* --- ike-nat.c --- */

/* NAT_DETECTION_SOURCE_IP and _DESTINATION_IP of a message of @sa on @pair. */
void ike_nat_add (IkeSession *session, const IkeSa *sa, const IkePair *pair, IkePayloads *payloads);
typedef struct
{
  gboolean present, local, remote;
  guint8 destination[IKE_NAT_DETECTION_LENGTH];
} IkeNatView;
/* What a message that came on @pair tells about NATs. */
void ike_nat_read (const IkeMessage *message, guint64 spi_i, guint64 spi_r, const IkePair *pair, IkeNatView *ret_view);
/* Takes over @view of an answer; TRUE when ESP goes into UDP now, or no longer. */
gboolean ike_nat_apply (IkeSession *session, const IkeSa *sa, const RoamNow *now, const IkeNatView *view);
/* NAT traversal ends: the peer has shown that there is no NAT. TRUE when ESP leaves UDP now. */
gboolean ike_nat_switch_off (IkeSession *session);
/* Does @view of a liveness answer say that the gateway sees us elsewhere (RFC 4555 3.8)? */
gboolean ike_nat_mapping_changed (IkeSession *session, const IkeSa *sa, const IkeNatView *view);
void ike_nat_keepalive_deadline (IkeSession *session, const RoamNow *now);
/* --- ike-child.c --- */

void ike_child_free (gpointer child);
IkeChild *ike_child_by_id (const IkeSession *session, guint32 id);
/* One that exists for the protocol, by the SPI the gateway receives on. */
IkeChild *ike_child_by_spi_out (const IkeSession *session, guint32 spi);
gboolean ike_child_any_left (const IkeSession *session);
/* Another one took over or is about to, by a rekeying of either side. */
gboolean ike_child_is_replaced (const IkeSession *session, const IkeChild *child);
/*
 * The peer rekeys @child once more: it never saw our answer to its first attempt, because that went down
 * with an IKE SA, and does not have the successor that we made for it.
 */
void ike_child_drop_successors (IkeSession *session, const RoamNow *now, const IkeChild *child);
IkeChild *ike_child_in_use (const IkeSession *session);
guint32 ike_child_new_spi (IkeSession *session);
/* Keys of an exchange that made a Child SA, @ours: started by us. NULL: cannot be derived. */
IkeChild *ike_child_new (IkeSession *session, const IkeSa *sa, const IkeSuite *suite, const RoamSecret *g_ir,
                         IkeView ni, IkeView nr, gboolean ours, guint32 spi_in, guint32 spi_out);
/* Takes @child. */
void ike_child_install (IkeSession *session, const RoamNow *now, IkeChild *child, gboolean use_outbound);
void ike_child_use (IkeSession *session, IkeChild *child);
/* @child is closed for the protocol; received on a little longer when another one took over. */
void ike_child_close (IkeSession *session, const RoamNow *now, IkeChild *child);
void ike_child_close_all (IkeSession *session);
void ike_child_traffic (IkeSession *session, IkeChild *child);
void ike_child_deadline (IkeSession *session, const RoamNow *now);
gint64 ike_child_next_deadline (const IkeSession *session);
/* What a remote-access client asks for: everything, of the families that it wants addresses of. */
GArray *ike_any_selectors (const IkeSession *session);
/* Local ones of a new Child SA: everything, or our inner addresses. */
GArray *ike_own_selectors (const IkeSession *session);
GArray *ike_selectors_of (const IkePayloadTs *ts);
/* Every selector of @needed, of which there is one at least, lies in one of @given. */
gboolean ike_selectors_cover (const GArray *given, const GArray *needed);
/* Does the answer want of the Child SA what we never offer: transport mode, IPComp (RFC 7296 1.3.1, 2.22)? */
gboolean ike_child_has_extras (const IkeMessage *message, const char **ret_reason);

/* --- small helpers of the tasks --- */

GBytes *ike_new_nonce (IkeSession *session);
IkeView ike_view (GBytes *bytes);
/* The lower one of two nonces, referenced. */
GBytes *ike_lower_nonce (GBytes *a, GBytes *b);
GBytes *ike_message_nonce (const IkeMessage *message);

#include "ike/ike-tasks-private.h" /* the exchanges; of the types above */
