/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "base/addr.h"
#include "base/outcome.h"
#include "base/rng.h"
#include "base/secret.h"
#include "base/now.h"

#include <glib.h>

/*
 * IKEv2 (RFC 7296) with MOBIKE (RFC 4555), initiator of a remote-access client. One IkeSession is
 * one IKE SA and its successors by rekeying, with the Child SAs below it. Sans-IO.
 */

#define IKE_PORT 500
#define IKE_NATT_PORT 4500

typedef struct _IkeSession IkeSession;

typedef enum
{
  IKE_ID_AUTO = 0, /* from the text: address, email, FQDN, else DN (ASN.1) when it holds '=' */
  IKE_ID_IPV4_ADDR = 1,
  IKE_ID_FQDN = 2,
  IKE_ID_RFC822_ADDR = 3,
  IKE_ID_IPV6_ADDR = 5,
  IKE_ID_DER_ASN1_DN = 9,
  IKE_ID_KEY_ID = 11,
} IkeIdType;

typedef enum
{
  IKE_AUTH_METHOD_PSK,
  IKE_AUTH_METHOD_CERTIFICATE,
  IKE_AUTH_METHOD_EAP, /* we by EAP, the gateway by its certificate (RFC 7296 2.16) */
} IkeAuthMethod;

typedef enum
{
  IKE_EAP_METHOD_MSCHAPV2, /* user name and password */
  IKE_EAP_METHOD_TLS,      /* certificate: RFC 5216, RFC 9190 */
} IkeEapMethod;

/* How a path change is told to the gateway. */
typedef enum
{
  IKE_MOBILITY_AUTO,   /* MOBIKE when the gateway has it, else MOPO when it has that */
  IKE_MOBILITY_MOBIKE, /* RFC 4555 */
  IKE_MOBILITY_MOPO,   /* draft-eronen-mobike-mopo-02, with private-use numbers */
  IKE_MOBILITY_NONE,
} IkeMobilityDialect;

typedef enum
{
  IKE_NAT_POLICY_TRAVERSE, /* NAT_DETECTION, UDP encapsulation where needed */
  IKE_NAT_POLICY_FORBID,   /* NO_NATS_ALLOWED (RFC 4555 3.9) or NAT_PREVENTION: a path with a NAT is not used */
} IkeNatPolicy;

#define IKE_MAX_GATEWAYS 8 /* of one name or list */
#define IKE_MAX_PATHS 8    /* local addresses that may be used at one time */

/* All pointers are borrowed during ike_session_new() only; the session copies or references. */
typedef struct
{
  RoamAddr gateway;
  const RoamAddr *gateways; /* further addresses of it, best first, any family; tried when the ones before are silent */
  guint n_gateways;         /* at most IKE_MAX_GATEWAYS */
  IkeMobilityDialect mobility;
  IkeNatPolicy nat_policy;
  gboolean announce_addresses; /* tell the gateway our other addresses (RFC 4555 3.4); default: only the one in use */
  gboolean path_test_off;      /* MOPO: never send PATH_TEST */
  const char *local_id;        /* NULL: the certificate's subject or the local address */
  const char *remote_id;       /* NULL: the gateway's address */
  IkeIdType local_id_type, remote_id_type;
  IkeAuthMethod method;
  RoamSecret *psk;             /* PSK */
  GBytes *certificate_pem;     /* CERTIFICATE: leaf first, then intermediates */
  RoamSecret *private_key_pem; /* CERTIFICATE: PKCS#8 or traditional, unencrypted */
  GBytes *ca_pem;              /* trust anchors, for the gateway's certificate; NULL with PSK */
  const char *ike_proposals;   /* strongSwan-like: "aes256gcm16-prfsha384-ecp384,aes128-sha256-modp2048"; NULL: the
                                  recommended list */
  const char *esp_proposals;   /* "aes256gcm16,aes128gcm16,aes256-sha256"; NULL: the recommended list */
  gboolean request_tia4, request_tia6, request_dns;
  const RoamPrefix *refused_inner; /* no inner address in these is taken, and never one of the outer ones */
  guint n_refused_inner;
  gboolean force_udp_encap; /* user-space data plane: report a NAT so that ESP stays in UDP */
  gboolean require_mobike;
  gint64 dpd_interval_us;              /* liveness check after that much silence; 0: 30 s */
  gint64 rekey_ike_us, rekey_child_us; /* 0: 4 h and 1 h, less jitter */
  gint64 nat_keepalive_us;             /* 0: 20 s */
  gint64 routability_interval_us; /* liveness check with COOKIE2 (RFC 4555 3.7) as often; 0: none besides those after
                                     moves */
  GBytes *crl;                    /* revocation lists for the gateway's certificate, PEM or one in DER; NULL: none */
  /* EAP; EAP-TLS uses certificate_pem, private_key_pem and ca_pem too. */
  IkeEapMethod eap_method;
  const char *eap_identity;     /* for EAP; NULL: local_id, with TLS only its realm (RFC 9190 2.1.7) */
  RoamSecret *eap_password;     /* MSCHAPV2, UTF-8 */
  RoamSecret *eap_new_password; /* MSCHAPV2: when the other one has expired (then it is changed) or is wrong; NULL: none */
  const char *eap_server_name;  /* TLS: DNS name in the server's certificate; NULL: remote_id */
  gboolean then_eap;            /* after the first authentication EAP as well, with eap_identity (RFC 4739) */
  gboolean eap_only;            /* the gateway needs no certificate when the method is safe (RFC 5998) */
  RoamSecret *ppk;              /* post-quantum preshared key (RFC 8784); NULL: none */
  const char *ppk_id;
  gboolean require_ppk; /* no connection without it */
  /* The private key is elsewhere (PKCS#11, TPM): IKE_ACTION_SIGN asks, IKE_SIGNED answers; private_key_pem is NULL. */
  gboolean external_key;
  gboolean check_ocsp;         /* ask for a stapled OCSP answer (RFC 4806), else IKE_ACTION_FETCH one */
  gboolean require_revocation; /* no gateway whose revocation status stays unknown */
  gboolean childless;          /* first IKE_AUTH without Child SA where the gateway can (RFC 6023) */
  gboolean request_ticket;     /* session resumption (RFC 5723): IKE_ACTION_TICKET gives them */
  RoamSecret *ticket;          /* of an earlier session with the same gateway and identity; NULL: none */
  gboolean accept_redirect;    /* RFC 5685 */
  gboolean shared_identity;    /* several devices use local_id: no INITIAL_CONTACT (RFC 7296 2.4) */
  gboolean natt_port_first;    /* port 4500 from the first message on (RFC 7296 2.23) */
  gboolean request_domains;    /* split DNS (RFC 8598) */
  const char *const *domains;  /* the only ones accepted (and what is below them), NULL-terminated; NULL: any */
} IkeConfig;

/* Recommended proposal lists, as text. */
extern const char ike_default_ike_proposals[];
extern const char ike_default_esp_proposals[];
/* The same where a PPK is required: nothing below 256 bit. */
extern const char ike_pq_ike_proposals[];
extern const char ike_pq_esp_proposals[];
/*
 * Checks a proposal list: NULL if it is good, else a sentence (caller frees) that names the bad
 * word and what is allowed. @esp: ESP rather than IKE.
 */
char *ike_proposals_check (const char *text, gboolean esp);

/* What works but is unwise (RFC 7296 5), a sentence each; NULL-terminated, caller frees. */
char **ike_config_dup_warnings (const IkeConfig *config);

/* A local place to send from: the interface and its address. */
typedef struct
{
  guint32 ifindex;
  RoamAddr local;
} IkePath;

typedef enum
{
  IKE_START, /* IKE_SA_INIT from path (drops any half-open attempt first) */
  /* The path changed: UPDATE_SA_ADDRESSES on it (RFC 4555 3.5). Half-open: IKE_AUTH goes on, IKE_SA_INIT restarts from
     it. */
  IKE_MOVE,
  IKE_CHECK, /* liveness check (empty INFORMATIONAL with NAT detection) on the current path */
  IKE_REKEY_IKE,
  IKE_REKEY_CHILD,
  IKE_REAUTHENTICATE, /* a new IKE SA with its Child SAs from the start, then the old one goes (RFC 7296 2.8.3) */
  /*
   * The local paths that exist now, best first: candidates when the one in use fails. Without that one the engine moves
   * by itself, unless MOVE comes in the same pass; without any it falls silent until there is one, and keeps the SAs.
   */
  IKE_PATHS,
  IKE_GATEWAYS,  /* the gateway's name was resolved again (answer to IKE_EVENT_RESOLVE) */
  IKE_FETCHED,   /* answer to IKE_ACTION_FETCH */
  IKE_SIGNED,    /* answer to IKE_ACTION_SIGN */
  IKE_TERMINATE, /* DELETE, then DEAD */
  IKE_ABANDON,   /* forget everything locally, at once; no packet, no DEAD */
} IkeCommandType;

typedef struct
{
  IkeCommandType type;
  guint32 serial; /* START, MOVE, CHECK: echoed in the events they cause */
  IkePath path;   /* START, MOVE */
  /*
   * MOVE: TRUE switches the Child SAs to the new path at once (RFC 4555 3.5 lets the initiator);
   * FALSE (make before break) switches them when the gateway has answered.
   */
  gboolean move_children_now;
  IkePath paths[IKE_MAX_PATHS]; /* PATHS */
  guint n_paths;
  RoamAddr gateways[IKE_MAX_GATEWAYS]; /* GATEWAYS */
  guint n_gateways;
  guint32 request; /* FETCHED, SIGNED: of the action */
  GBytes *answer;  /* FETCHED, SIGNED: borrowed; NULL: it failed */
} IkeCommand;

/* Everything ESP needs for one Child SA pair; immutable and reference-counted. */
typedef enum
{
  IKE_ESP_AES_GCM_16,        /* RFC 4106: key includes the 4-octet salt at its end */
  IKE_ESP_AES_CBC_HMAC_SHA2, /* RFC 3602 + RFC 4868 */
} IkeEspAlgorithm;

/* One traffic selector (RFC 7296 3.13.1); OPAQUE ports are start 65535, end 0. */
typedef struct
{
  guint8 protocol;              /* 0: any */
  guint16 start_port, end_port; /* ICMP: type << 8 | code */
  RoamAddr start, end;
} IkeSelector;

typedef struct
{
  gint references;
  guint32 id;              /* of this session, never reused */
  guint32 spi_in, spi_out; /* host order */
  IkeEspAlgorithm algorithm;
  guint encr_bits;                  /* 128, 192, 256 */
  guint integ_bits;                 /* SHA2: 256, 384, 512; 0 for AEAD */
  RoamSecret *encr_in, *encr_out;   /* GCM: key || salt */
  RoamSecret *integ_in, *integ_out; /* NULL for AEAD */
  gboolean esn;
  RoamEndpoint outer_local, outer_remote; /* at installation; see IKE_ACTION_CHILD_MOVE */
  guint32 ifindex;
  gboolean udp_encap;
  IkeSelector *local_ts, *remote_ts; /* what may pass: from local to remote, and back (RFC 4301 5.2) */
  guint n_local_ts, n_remote_ts;
} IkeChildSa;

IkeChildSa *ike_child_sa_ref (IkeChildSa *child);
void ike_child_sa_unref (IkeChildSa *child);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (IkeChildSa, ike_child_sa_unref)

typedef enum
{
  IKE_EVENT_ESTABLISHED, /* IKE SA, Child SA and TIA complete (V.ok) */
  IKE_EVENT_PATH_OK,     /* the newest MOVE or CHECK was answered (V.ok); rtt_us */
  /* Newest MOVE or CHECK: no answer in 7 s; MOVE: also UNACCEPTABLE_ADDRESSES, UNEXPECTED_NAT_DETECTED (V.fail). */
  IKE_EVENT_PATH_FAILED,
  IKE_EVENT_FAILED,      /* START: no answer, no proposal chosen ... : nothing exists (V.fail) */
  IKE_EVENT_AUTH_FAILED, /* credentials or configuration refused, by either side (V.auth) */
  IKE_EVENT_DEAD,        /* an established IKE SA is gone: DELETE, liveness failure (V.dead) */
  IKE_EVENT_TIA_CHANGED, /* the inner addresses are others than before (V.tia) */
  IKE_EVENT_NAT_CHANGED, /* nat_local / nat_remote are new */
  /*
   * The engine itself took another pair (path, gateway), since the one in use was silent, refused or gone; the Child
   * SAs are there. A MOVE to another path is settled by it: neither PATH_OK nor PATH_FAILED of it follow.
   */
  IKE_EVENT_PATH_CHANGED,
  IKE_EVENT_REDIRECTED, /* the gateway named another one (RFC 5685): gateway or gateway_name; START follows by itself
                           with an address */
  IKE_EVENT_RESOLVE,    /* every known address of the gateway is silent, or gateway_name is new: IKE_GATEWAYS, please */
} IkeEventType;

#define IKE_MAX_DOMAINS 16
#define IKE_MAX_NAME 256

/* What the gateway assigned (CFG_REPLY); addresses may be unset. */
typedef struct
{
  RoamAddr tia4, tia6;
  RoamAddr dns[4];
  guint n_dns;
  char domains[IKE_MAX_DOMAINS]
              [IKE_MAX_NAME]; /* INTERNAL_DNS_DOMAIN: only these go to dns (RFC 8598); none: no split DNS */
  guint n_domains;
} IkeConfiguration;

typedef struct
{
  IkeEventType type;
  guint32 serial;
  IkeConfiguration configuration; /* ESTABLISHED, TIA_CHANGED */
  gboolean mobike;                /* both sides speak MOBIKE or MOPO: the IKE SA can move */
  gboolean nat_local, nat_remote; /* a NAT before us / before the gateway */
  gint64 rtt_us;
  RoamAddr gateway;                /* REDIRECTED: the new one; else: the address in use */
  IkePath path;                    /* in use */
  char gateway_name[IKE_MAX_NAME]; /* REDIRECTED, RESOLVE: FQDN, "": the configured one */
  const char *reason;              /* static: what happened, in the RFC's words */
  const char *advice;              /* static or NULL: what the user can do */
} IkeEvent;

typedef enum
{
  IKE_ACTION_SEND,
  IKE_ACTION_EVENT,
  IKE_ACTION_CHILD_ADD, /* install inbound; outbound only when use_outbound */
  IKE_ACTION_CHILD_USE, /* send on this Child SA from now on (rekeying: RFC 7296 2.8) */
  IKE_ACTION_CHILD_REMOVE,
  IKE_ACTION_CHILD_MOVE, /* all Child SAs: new outer addresses, keys and counters unchanged (RFC 4555 3.5) */
  IKE_ACTION_SIGN,       /* with the external key; the handshake waits for IKE_SIGNED */
  IKE_ACTION_FETCH,      /* HTTP, outside the engine (OCSP request, CRL); the handshake waits for IKE_FETCHED */
  IKE_ACTION_TICKET,     /* for the next session; NULL: forget the one before */
} IkeActionType;

typedef enum
{
  IKE_SIGN_RSA_PKCS1,
  IKE_SIGN_RSA_PSS, /* salt as long as the hash */
  IKE_SIGN_ECDSA,   /* answer in DER (RFC 7427) */
  IKE_SIGN_EDDSA,
} IkeSignScheme;

typedef struct
{
  IkeActionType type;
  union
  {
    struct
    {
      guint32 ifindex;
      RoamEndpoint local; /* port 500 or 4500 */
      RoamEndpoint remote;
      GBytes *datagram; /* the whole UDP payload, non-ESP marker included on 4500; one octet 0xff is a keepalive */
    } send;
    IkeEvent event;
    struct
    {
      IkeChildSa *child; /* owned by the action */
      gboolean use_outbound;
    } child_add;
    struct
    {
      guint32 child_id;
    } child_use, child_remove;
    struct
    {
      guint32 ifindex;
      RoamEndpoint local, remote;
      gboolean udp_encap;
    } child_move;
    struct
    {
      guint32 request;
      IkeSignScheme scheme;
      guint hash_bits; /* SHA-1: 160; SHA-2: 256, 384, 512; EDDSA: 0 */
      GBytes *octets;  /* to be hashed and signed */
    } sign;
    struct
    {
      guint32 request;
      char *url;                /* http only */
      const char *content_type; /* static; of body */
      GBytes *body;             /* POST; NULL: GET */
      gsize max_length;         /* of the answer, octets; no redirects */
    } fetch;
    struct
    {
      RoamSecret *ticket; /* opaque; holds keys: store it as one. NULL: none is valid any more */
      gint64 expires_wall_us;
    } ticket;
  };
} IkeAction;

void ike_action_clear (IkeAction *action);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (IkeAction, ike_action_clear)

/* NULL and a sentence in @ret_problem (caller frees) when keys or certificates cannot be used. */
IkeSession *ike_session_new (const IkeConfig *config, RoamRng *rng, char **ret_problem);
void ike_session_free (IkeSession *session);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (IkeSession, ike_session_free)

void ike_session_input_command (IkeSession *session, const RoamNow *now, const IkeCommand *command);
/* One UDP payload as received (non-ESP marker still there on 4500). ESP does not come here. */
void ike_session_input_datagram (IkeSession *session, const RoamNow *now, guint32 ifindex, const RoamEndpoint *local,
                                 const RoamEndpoint *remote, const guint8 *data, gsize length);
void ike_session_input_deadline (IkeSession *session, const RoamNow *now);
/* The data plane saw valid inbound ESP of @child_id at @boot_us: proof of liveness (RFC 7296 2.4), first packet of a
 * rekeyed SA. */
void ike_session_input_traffic (IkeSession *session, const RoamNow *now, guint32 child_id);
/*
 * The same with the outer addresses that the packet had: ESP that does not come over the present path is no proof of
 * liveness (RFC 4555 3.12), and when it goes on after the gateway confirmed that path it is told once more.
 */
void ike_session_input_traffic_from (IkeSession *session, const RoamNow *now, guint32 child_id, const RoamAddr *local,
                                     const RoamAddr *remote);
/*
 * For a while packets have left on @child_id and none came back: the gateway is asked whether this path still leads to
 * it (RFC 7296 2.4), soon, and then no more than now and then: some applications only talk.
 */
void ike_session_input_unanswered (IkeSession *session, const RoamNow *now, guint32 child_id);
/* The data plane's outbound sequence numbers of @child_id run short (RFC 4303 3.3.3): a successor is needed, soon. */
void ike_session_input_exhaustion (IkeSession *session, const RoamNow *now, guint32 child_id);
gint64 ike_session_next_deadline (const IkeSession *session);
gboolean ike_session_pop_action (IkeSession *session, IkeAction *ret_action);
GHashTable *ike_session_dup_counters (const IkeSession *session);

typedef enum
{
  IKE_PAIR_UNTRIED,
  IKE_PAIR_PROBING,
  IKE_PAIR_WORKS,
  IKE_PAIR_SILENT,
  IKE_PAIR_REFUSED, /* UNACCEPTABLE_ADDRESSES, UNEXPECTED_NAT_DETECTED and their MOPO kin */
} IkePairState;

/* One local address with one of the gateway's. */
typedef struct
{
  IkePath path;
  RoamEndpoint remote;
  IkePairState state;
  gboolean in_use;
  gint64 rtt_us;   /* 0: not measured */
  gint64 tried_us; /* boot; 0: never */
} IkePairStatus;

#define IKE_MAX_PAIRS 64 /* IKE_MAX_PATHS x IKE_MAX_GATEWAYS */

/* For status displays; a copy, strings static. */
typedef struct
{
  const char *state;            /* "idle", "init", "auth", "established", ... */
  char remote_id[IKE_MAX_NAME]; /* that the other side has proved; "": nobody yet */
  guint64 spi_i, spi_r;
  char ike_suite[96], esp_suite[64];
  gboolean mobike, nat_local, nat_remote;
  IkePath path;
  RoamEndpoint remote;
  guint32 child_spi_in, child_spi_out;
  gint64 established_us;
  gint64 last_rtt_us;
  const char *dialect; /* "mobike", "mopo", "none" */
  gint64 rekey_us;     /* boot, when the IKE SA's rekeying is due; 0: unknown */
  IkePairStatus pairs[IKE_MAX_PAIRS];
  guint n_pairs;
} IkeStatus;
void ike_session_get_status (const IkeSession *session, IkeStatus *ret_status);
/* "established", "path-ok" ...: one word for logs and tools; static. */
const char *ike_event_type_to_string (IkeEventType type);

/*
 * --- the other side: a gateway for remote-access clients ---
 *
 * One IkeResponder is all clients of a gateway: it answers IKE_SA_INIT, gives every client that
 * authenticates itself an inner address, and then does what an IkeSession does, for each of them.
 */
typedef struct _IkeResponder IkeResponder;

/* Who may connect, and how both sides authenticate then. */
typedef struct
{
  const char *id; /* NULL: any identity */
  IkeIdType id_type;
  RoamSecret *psk; /* NULL: certificates on both sides */
} IkeResponderPeer;

/* RFC 4555 3.7: when a client that moved has to answer at its new address. */
typedef enum
{
  IKE_ROUTABILITY_BEFORE, /* before its Child SAs follow */
  IKE_ROUTABILITY_AFTER,  /* after they did */
  IKE_ROUTABILITY_NEVER,
} IkeRoutability;

#define IKE_MAX_RESPONDER_ADDRESSES 8

/* All pointers are borrowed during ike_responder_new() only. Zero and NULL are defaults. */
typedef struct
{
  const char *local_id; /* NULL: the certificate's subject or the address the client used */
  IkeIdType local_id_type;
  const IkeResponderPeer *peers; /* the first one that fits counts; 1 at least */
  guint n_peers;
  GBytes *certificate_pem; /* leaf first, then intermediates; with private_key_pem and ca_pem, or none of them */
  RoamSecret *private_key_pem;
  GBytes *ca_pem;        /* trust anchors of the clients' certificates */
  GBytes *ocsp_response; /* DER, about certificate_pem, for clients that ask (RFC 4806); NULL: none */
  const char *ike_proposals, *esp_proposals; /* as in IkeConfig */
  RoamPrefix pool4, pool6;                   /* inner addresses; one of them at least */
  RoamAddr dns[4];
  guint n_dns;
  const RoamPrefix *networks; /* what clients reach through us; none: everything */
  guint n_networks;
  const RoamPrefix *refused; /* outer addresses that no client may use: UNACCEPTABLE_ADDRESSES */
  guint n_refused;
  RoamAddr addresses[IKE_MAX_RESPONDER_ADDRESSES]; /* other outer addresses of ours, announced to MOBIKE clients */
  guint n_addresses;
  gboolean disable_mobike, disable_nat_traversal;
  gboolean disable_mopo;
  IkeNatPolicy nat_policy;
  const RoamAddr *redirect;  /* every client is sent there in IKE_SA_INIT (RFC 5685 3); NULL: none */
  const char *redirect_name; /* likewise, FQDN */
  gboolean disable_tickets;  /* session resumption (RFC 5723) */
  gboolean force_udp_encap;  /* user-space data plane: report a NAT so that ESP stays in UDP */
  IkeRoutability routability;
  guint max_clients;                   /* 0: 1024 */
  guint cookie_threshold;              /* half-open IKE SAs from which on a COOKIE is asked for; 0: 32 */
  guint puzzle_threshold;              /* likewise, for a PUZZLE (RFC 8019); 0: 128 */
  guint puzzle_difficulty;             /* zero bits; 0: 16 */
  gint64 dpd_interval_us;              /* 0: 5 min (RFC 4555 3.11: a client may be away for a while) */
  gint64 rekey_ike_us, rekey_child_us; /* 0: 8 h and 2 h, so that as a rule the clients do it */
} IkeResponderConfig;

/* NULL and a sentence in @ret_problem (caller frees) when the configuration cannot be used. */
IkeResponder *ike_responder_new (const IkeResponderConfig *config, RoamRng *rng, char **ret_problem);
void ike_responder_free (IkeResponder *responder);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (IkeResponder, ike_responder_free)

/* CHECK, REKEY_IKE, REKEY_CHILD, TERMINATE, ABANDON of one client. FALSE: no such client or command. */
gboolean ike_responder_input_command (IkeResponder *responder, const RoamNow *now, guint32 client,
                                      const IkeCommand *command);
/*
 * RFC 5685 5: @client, or every one with 0, is told to go to @gateway, or NULL: to @name. Only those that support it
 * are told; FALSE: nobody was.
 */
gboolean ike_responder_redirect (IkeResponder *responder, const RoamNow *now, guint32 client, const RoamAddr *gateway,
                                 const char *name);
/* Our other outer addresses changed: all MOBIKE clients are told (RFC 4555 3.6). At most IKE_MAX_RESPONDER_ADDRESSES.
 */
void ike_responder_set_addresses (IkeResponder *responder, const RoamNow *now, const RoamAddr *addresses, guint n);
/*
 * @gone is no address of ours any more, @addresses are all that we have. Clients that knew us there are told from one
 * that is left, at each of their addresses until one answers; their Child SAs send from there (RFC 4555 3.5, 3.6).
 * Interface 0 in actions: the one that has the local address.
 */
void ike_responder_lose_address (IkeResponder *responder, const RoamNow *now, const RoamAddr *gone,
                                 const RoamAddr *addresses, guint n);
/* A newer OCSP answer about our certificate; NULL: none any more. */
void ike_responder_set_ocsp_response (IkeResponder *responder, GBytes *response);
/* One UDP payload as received (non-ESP marker still there on 4500). ESP does not come here. */
void ike_responder_input_datagram (IkeResponder *responder, const RoamNow *now, guint32 ifindex,
                                   const RoamEndpoint *local, const RoamEndpoint *remote, const guint8 *data,
                                   gsize length);
/* As ike_session_input_traffic(). */
void ike_responder_input_traffic (IkeResponder *responder, const RoamNow *now, guint32 client, guint32 child_id);
void ike_responder_input_deadline (IkeResponder *responder, const RoamNow *now);
gint64 ike_responder_next_deadline (const IkeResponder *responder);
/*
 * @ret_client: whom it is about, 0 for an answer without an IKE SA. Child SA ids count within a client, inbound
 * ESP SPIs are unique. A client's last event is FAILED, AUTH_FAILED or DEAD; the number never comes again.
 */
gboolean ike_responder_pop_action (IkeResponder *responder, guint32 *ret_client, IkeAction *ret_action);
guint ike_responder_n_clients (const IkeResponder *responder);
/* FALSE: no such client. */
gboolean ike_responder_get_status (const IkeResponder *responder, guint32 client, IkeStatus *ret_status);
/* Sum over the gateway and its present clients. */
GHashTable *ike_responder_dup_counters (const IkeResponder *responder);
