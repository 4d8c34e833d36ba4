/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "base/retransmit.h"
#include "mip4/mip4-codec-private.h"

/*
 * Inside of the mobile node engine. Its parts: mip4-mn.c (verbs), -config, -record (what a request will
 * say), -request (building and sending), -reply (matching, verifying, accepting), -repair (denials),
 * -clock (Identification), -binding (lifetime), -revocation.
 */

/* Copies of one procedure whose Identification is remembered: a ladder doubling to 64 s needs 16 for 10 minutes. */
#define MIP4_MN_MAX_COPIES 16u
/* Closed records kept per path for LATE replies: more moves than that within one round trip are not worth a hint. */
#define MIP4_MN_MAX_CLOSED 4u
/* Code 133 answers in one procedure, the last of which is a failure (MIP-IDN-015). */
#define MIP4_MN_MAX_RESYNCHRONISATIONS 3u
/* Bad authenticators in a row that raise the key mismatch alarm (D-10). */
#define MIP4_MN_KEY_MISMATCH 3u
/* Two requests for one care-of address on one path are at least this far apart (RFC 5944 3.6.3, D-26). */
#define MIP4_MN_MIN_INTERVAL_US ROAM_USEC_PER_SEC
/* No wait between requests is longer (MIP-RTX-006). */
#define MIP4_MN_MAX_INTERVAL_US (64 * ROAM_USEC_PER_SEC)
/* Waits above this get +-10 %; the detection ladder 1, 2, 4 s stays exact. */
#define MIP4_MN_JITTER_ABOVE_US (4 * ROAM_USEC_PER_SEC)
/* Keepalive interval when extension 44 leaves it open, and its floor (RFC 3519 4.9, 4.10). */
#define MIP4_MN_KEEPALIVE_DEFAULT_S 110u
#define MIP4_MN_KEEPALIVE_MIN_S 10u
/* Lifetime asked of an agent that names none (RFC 5944 3.6.1.2). */
#define MIP4_MN_AGENT_LIFETIME_S 1800u
/* Home agents whose clock or nonce is remembered: the configured one, those of a redirection, and room for a find. */
#define MIP4_MN_MAX_PEERS 8u
/* Home agents that redirected us, remembered to see a loop (RFC 4433 4.2, MIP-DHA-008). */
#define MIP4_MN_MAX_REDIRECTS 4u
/* First wait after a revocation; doubles up to MIP4_MN_MAX_INTERVAL_US while revocations go on (MIP-RVK-012). */
#define MIP4_MN_REVOCATION_BACKOFF_US (2 * ROAM_USEC_PER_SEC)

typedef struct
{
  guint64 identification;
  guint64 order; /* grows over all requests to a home agent: with time stamps the Identification itself */
  gint64 sent_us;
} Mip4MnCopy;

typedef struct
{
  guint8 octets[MIP4_CHALLENGE_MAX];
  guint length; /* 0: none */
} Mip4MnChallenge;

/* One registration procedure (RFC 5944 3.6: the pending registration). */
typedef struct
{
  guint32 serial;
  Mip4Path path;
  Mip4Form form;
  gboolean co_located; /* D */
  RoamAddr care_of_address;
  RoamAddr home_address;         /* as in the request: 0.0.0.0 to have one assigned */
  RoamAddr home_agent;           /* as in the request: maybe no unicast address */
  RoamAddr requested_home_agent; /* extension 139/1; unset: none */
  RoamAddr source, destination;
  Mip4Agent agent;    /* address unset: sent directly */
  guint association;  /* index into mn->associations */
  guint16 lifetime_s; /* requested */
  gboolean force_udp, udp_request, udp_via_agent, reverse_tunnel;
  gboolean simultaneous, broadcast, encapsulating_delivery, revocation;
  guint8 udp_encapsulation;
  Mip4MnChallenge challenge; /* of the request under way */
  guint32 revocation_timestamp;
  gboolean has_low;
  guint32 low; /* low 32 bits of the Identification, one for all retransmissions (D-02) */
  Mip4MnCopy copies[MIP4_MN_MAX_COPIES];
  guint n_copies;
  gint64 last_sent_us;
  RoamRetransmit schedule;
  RoamRetransmitPolicy policy;
  gint64 first_due_us; /* the first copy waits for the rate limit; ROAM_NEVER once it is sent */
  guint resynchronisations;
  RoamAddr redirected_by[MIP4_MN_MAX_REDIRECTS];
  guint n_redirected_by;
  guint32 repaired[8]; /* bit per code that a repair was tried for (MIP-COD-046) */
} Mip4MnRecord;

typedef struct
{
  Mip4Path path;
  Mip4MnRecord *current; /* NULL: no procedure runs */
  GPtrArray *closed;     /* Mip4MnRecord, oldest first */
  /* Challenges of one agent (RFC 4721 3.3): the newest, and the last advertised, which is no news when heard again. */
  RoamAddr challenger;
  Mip4MnChallenge newest, advertised;
} Mip4MnPathState;

/* The newest binding the home agent holds for us: that of the newest accepted request. */
typedef struct
{
  gboolean exists;
  Mip4MnEvent accepted; /* the event that reported it */
  guint64 order;
  gint64 renewal_us, expiry_us;
} Mip4MnBinding;

/* What a revocation must name (RFC 3543 3.3); outlives the binding so that a repeated one is acknowledged again. */
typedef struct
{
  gboolean negotiated, revoked;
  Mip4Path path;
  RoamAddr home_address, home_agent, care_of_address;
  guint32 newest_id; /* timestamp of the registration or identifier of the last revocation, by the home agent's clock */
  gboolean acknowledged;
  gint64 acknowledged_us;
  gint64 bound_us;   /* when the binding was made */
  gint64 backoff_us; /* 0: none */
  gint64 not_before_us;
} Mip4MnRevocation;

typedef struct
{
  Mip4Path path;
  RoamAddr care_of_address;
  gint64 sent_us;
} Mip4MnSent;

/* Replay protection towards one home agent (RFC 5944 5.7). */
typedef struct
{
  RoamAddr home_agent;
  /* Its clock, from its authentic replies: never the system's (MIP-IDN-013). */
  gboolean synchronised;
  guint64 clock_ntp;
  gint64 clock_boot_us;
  gboolean has_last, has_last_accepted;
  guint64 last, last_accepted; /* Identification sent, and accepted by the home agent */
  gboolean has_nonce;
  guint32 nonce; /* high half of its last authentic reply */
} Mip4MnPeer;

typedef enum
{
  MIP4_MN_COUNT_SENT,
  MIP4_MN_COUNT_ACCEPTED,
  MIP4_MN_COUNT_DENIED,
  MIP4_MN_COUNT_DENIED_BY_AGENT,
  MIP4_MN_COUNT_LATE,
  MIP4_MN_COUNT_EXHAUSTED,
  MIP4_MN_COUNT_RESYNCHRONISED,
  MIP4_MN_COUNT_HIGH_MISMATCH,
  MIP4_MN_COUNT_NAI_NOT_ECHOED,
  MIP4_MN_COUNT_SERVICE_CHANGED,
  MIP4_MN_COUNT_UDP_UNASKED,
  MIP4_MN_COUNT_REDIRECTED,
  MIP4_MN_COUNT_REVOKED,
  MIP4_MN_COUNT_REVOCATION_ACKNOWLEDGED,
  MIP4_MN_N_COUNTS,
} Mip4MnCount;

struct _Mip4Mn
{
  Mip4MnConfig config;               /* strings and arrays owned, keys referenced */
  GArray *associations;              /* Mip4MnHaAssociation; the first is config.mn_ha; keys referenced */
  RoamRng *rng;                      /* borrowed */
  GPtrArray *paths;                  /* Mip4MnPathState */
  GArray *recent;                    /* Mip4MnSent of the last second: the rate limit survives MIP4_MN_FORGET */
  GQueue actions;                    /* Mip4MnAction */
  RoamAddr home_address, home_agent; /* of the configuration, or as assigned; may be unset or no unicast address */
  guint association;                 /* of the last accepted request: the next one is sent with it */
  gboolean simultaneous_refused;     /* code 1 or 135: S is of no use with this home agent */
  Mip4MnBinding binding;
  Mip4MnRevocation revocation;
  Mip4MnPeer peers[MIP4_MN_MAX_PEERS];
  guint n_peers, next_peer;
  guint bad_authenticators; /* in a row */
  guint64 counts[MIP4_MN_N_COUNTS];
  guint64 discards[MIP4_N_DISCARDS];
};

/* mip4-mn.c */
Mip4MnPathState *mip4_mn_find_path (const Mip4Mn *mn, Mip4Path path);
/* Ends the running procedure; its record is kept for LATE replies. */
void mip4_mn_close_current (Mip4MnPathState *state);
void mip4_mn_push_event (Mip4Mn *mn, const Mip4MnEvent *event);
/* Takes @action over. */
void mip4_mn_push_action (Mip4Mn *mn, Mip4MnAction *action);

/* mip4-mn-config.c */
/* Copies what @config borrows; mip4_mn_clear_config() frees it. */
void mip4_mn_take_config (Mip4Mn *mn, const Mip4MnConfig *config);
void mip4_mn_clear_config (Mip4Mn *mn);
/* A home agent's own address: neither unset, 0.0.0.0, multicast nor a broadcast of any network or the home network. */
gboolean mip4_mn_is_unicast (const Mip4Mn *mn, const RoamAddr *addr);
/* Index of the first association with @home_agent at or after @from; associations->len: none. */
guint mip4_mn_next_association (const Mip4Mn *mn, const RoamAddr *home_agent, guint from);
/* Of an SPI that a message named (MIP-AUTH-012); NULL: none. */
const Mip4MnHaAssociation *mip4_mn_find_association (const Mip4Mn *mn, const RoamAddr *home_agent, guint32 spi);
/* NULL: none (RFC 5944 3.5.3). */
const Mip4SecurityAssociation *mip4_mn_find_agent_association (const Mip4Mn *mn, const RoamAddr *agent);

/* mip4-mn-record.c */
/* What @command asks for; NULL when it cannot be asked (no address to send to or from). */
Mip4MnRecord *mip4_mn_record_new (const Mip4Mn *mn, const Mip4MnCommand *command);
/* The home agent of the request: the unicast address in it, or the one it is meant to reach. */
const RoamAddr *mip4_mn_record_peer (const Mip4MnRecord *record);
/* Registers with @home_agent from now on: fields, destination, extension 139, association. FALSE: no association. */
gboolean mip4_mn_record_set_home_agent (const Mip4Mn *mn, Mip4MnRecord *record, const RoamAddr *home_agent);
/* RFC 4433 10: the address that a legacy agent can forward to. FALSE: there is nothing to fall back to. */
gboolean mip4_mn_record_name_home_agent (const Mip4Mn *mn, Mip4MnRecord *record);
void mip4_mn_record_set_care_of (Mip4MnRecord *record, const RoamAddr *care_of_address);
/* What is known of @agent on the path: a challenge that was not heard before becomes the newest. */
void mip4_mn_note_agent (Mip4MnPathState *state, const Mip4Agent *agent);
/* A challenge in a reply of @agent is the newest (RFC 4721 3.3). */
void mip4_mn_note_challenge (Mip4MnPathState *state, const RoamAddr *agent, const Mip4Slice *challenge);

/* mip4-mn-clock.c */
Mip4MnPeer *mip4_mn_peer (Mip4Mn *mn, const RoamAddr *home_agent);
guint64 mip4_mn_clock (const Mip4MnPeer *peer, const RoamNow *now);
/* The next Identification with @low as its low half: greater than all before, on whatever path. */
guint64 mip4_mn_next_identification (Mip4MnPeer *peer, const RoamNow *now, guint32 low);
/* Low half for a new procedure: clock fraction and random bits, or only random ones, unlike that of any record. */
guint32 mip4_mn_draw_low (Mip4Mn *mn, const Mip4MnPeer *peer, Mip4ReplayStyle replay, const RoamNow *now);
/* Takes over the home agent's seconds from an authentic code 133 (RFC 5944 5.7.1). */
void mip4_mn_resynchronise (Mip4Mn *mn, Mip4MnPeer *peer, const RoamNow *now, guint64 identification);
/* The home agent accepted @identification: our idea of its clock is right. */
void mip4_mn_note_accepted (Mip4MnPeer *peer, const RoamNow *now, guint64 identification);

/* mip4-mn-request.c */
/* The octets of @record's request (RFC 5944 3.6.1.3). */
GBytes *mip4_mn_build_request (const Mip4Mn *mn, const Mip4MnRecord *record, guint64 identification);
/* Starts @record: sends its first copy, or waits for the rate limit. */
void mip4_mn_start (Mip4Mn *mn, const RoamNow *now, Mip4MnPathState *state);
/* Sends what is due on @state. */
void mip4_mn_run (Mip4Mn *mn, const RoamNow *now, Mip4MnPathState *state);
/* A repaired request goes out as soon as the rate limit allows, inside the budget. */
void mip4_mn_restart (Mip4Mn *mn, const RoamNow *now, Mip4MnPathState *state);
gint64 mip4_mn_path_deadline (const Mip4MnPathState *state);

/* mip4-mn-reply.c */
void mip4_mn_process_reply (Mip4Mn *mn, const RoamNow *now, Mip4Path path, const RoamEndpoint *source,
                            const RoamAddr *destination, Mip4Message *reply);
/* Counts and reports; @record NULL: of no request. */
void mip4_mn_discard (Mip4Mn *mn, Mip4Path path, const Mip4MnRecord *record, guint8 code, Mip4Discard why);

/* mip4-mn-repair.c */
/*
 * The reactions of table MIP-COD to @code: each takes away what was refused, at most once a code and procedure.
 * TRUE: @record was changed and is worth another request.
 */
gboolean mip4_mn_repair (Mip4Mn *mn, const RoamNow *now, Mip4MnPathState *state, Mip4MnRecord *record, guint8 code,
                         const Mip4Message *reply);

/* mip4-mn-binding.c */
/* Adopts, replaces or deletes the binding after @event (ACCEPTED) to the request numbered @order. TRUE: it is news. */
gboolean mip4_mn_binding_accepted (Mip4Mn *mn, const Mip4MnEvent *event, guint64 order);
void mip4_mn_binding_run (Mip4Mn *mn, const RoamNow *now);
gint64 mip4_mn_binding_deadline (const Mip4Mn *mn);
/* The home agent deleted it (code 151); reported as EXPIRED. */
void mip4_mn_binding_deleted (Mip4Mn *mn, const char *reason);

/* mip4-mn-revocation.c */
/* A registration was accepted: was revocation agreed on (RFC 3543 4.2.1)? */
void mip4_mn_note_revocation_support (Mip4Mn *mn, const RoamNow *now, const Mip4MnRecord *record,
                                      const Mip4Message *reply);
/* Registrations that a revocation postpones. */
gint64 mip4_mn_not_before (const Mip4Mn *mn, const Mip4MnRecord *record);
void mip4_mn_process_revocation (Mip4Mn *mn, const RoamNow *now, Mip4Path path, const RoamEndpoint *source,
                                 const RoamAddr *destination, Mip4Message *revocation);

/* mip4-mn-text.c */
/* Makes @text safe to show: valid UTF-8, no control or format characters, at most @size - 1 octets (RFC 4917). */
void mip4_mn_escape_text (const Mip4Slice *text, char *out, gsize size);
