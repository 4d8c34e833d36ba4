/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "base/retransmit.h"
#include "mip4/mip4-codec-private.h"

/* Inside of the mobile node engine; its parts are mip4-mn.c (verbs), -clock, -request, -reply and -binding. */

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

typedef struct
{
  guint64 identification;
  gint64 sent_us;
} Mip4MnCopy;

/* One registration procedure (RFC 5944 3.6: the pending registration). */
typedef struct
{
  guint32 serial;
  Mip4Form form;
  RoamAddr care_of_address;
  guint16 lifetime_s; /* requested */
  gboolean force_udp, udp_request, reverse_tunnel;
  guint8 udp_encapsulation;
  gboolean has_low;
  guint32 low; /* low 32 bits of the Identification, one for all retransmissions (D-02) */
  Mip4MnCopy copies[MIP4_MN_MAX_COPIES];
  guint n_copies;
  RoamRetransmit schedule;
  RoamRetransmitPolicy policy;
  gint64 first_due_us; /* the first copy waits for the rate limit; ROAM_NEVER once it is sent */
  guint resynchronisations;
} Mip4MnRecord;

typedef struct
{
  Mip4Path path;
  Mip4MnRecord *current; /* NULL: no procedure runs */
  GPtrArray *closed;     /* Mip4MnRecord, oldest first */
} Mip4MnPathState;

/* The one binding the home agent holds for us (S is never set): that of the newest accepted request. */
typedef struct
{
  gboolean exists;
  Mip4MnEvent accepted; /* the event that reported it */
  gint64 renewal_us, expiry_us;
} Mip4MnBinding;

typedef struct
{
  Mip4Path path;
  RoamAddr care_of_address;
  gint64 sent_us;
} Mip4MnSent;

typedef enum
{
  MIP4_MN_COUNT_SENT,
  MIP4_MN_COUNT_ACCEPTED,
  MIP4_MN_COUNT_DENIED,
  MIP4_MN_COUNT_LATE,
  MIP4_MN_COUNT_EXHAUSTED,
  MIP4_MN_COUNT_RESYNCHRONISED,
  MIP4_MN_COUNT_HIGH_MISMATCH,
  MIP4_MN_COUNT_NAI_NOT_ECHOED,
  MIP4_MN_COUNT_UDP_UNASKED,
  MIP4_MN_N_COUNTS,
} Mip4MnCount;

struct _Mip4Mn
{
  Mip4MnConfig config; /* nai owned, key referenced */
  RoamRng *rng;        /* borrowed */
  GPtrArray *paths;    /* Mip4MnPathState */
  GArray *recent;      /* Mip4MnSent of the last second: the rate limit survives MIP4_MN_FORGET */
  GQueue actions;      /* Mip4MnAction */
  Mip4MnBinding binding;
  /* The home agent's clock, from its authentic replies: per association, never the system's (MIP-IDN-013). */
  gboolean synchronised;
  guint64 clock_ntp;
  gint64 clock_boot_us;
  gboolean has_last, has_last_accepted;
  guint64 last, last_accepted; /* Identification sent, and accepted by the home agent */
  guint bad_authenticators;    /* in a row */
  guint64 counts[MIP4_MN_N_COUNTS];
  guint64 discards[MIP4_N_DISCARDS];
};

/* mip4-mn.c */
Mip4MnPathState *mip4_mn_find_path (const Mip4Mn *mn, Mip4Path path);
/* Ends the running procedure; its record is kept for LATE replies. */
void mip4_mn_close_current (Mip4MnPathState *state);
void mip4_mn_push_event (Mip4Mn *mn, const Mip4MnEvent *event);

/* mip4-mn-clock.c */
guint64 mip4_mn_clock (const Mip4Mn *mn, const RoamNow *now);
/* The next Identification with @low as its low half: greater than all before, on whatever path. */
guint64 mip4_mn_next_identification (Mip4Mn *mn, const RoamNow *now, guint32 low);
/* Low half for a new procedure: clock fraction and random bits, unlike that of any record. */
guint32 mip4_mn_draw_low (Mip4Mn *mn, const RoamNow *now);
/* Takes over the home agent's seconds from an authentic code 133 (RFC 5944 5.7.1). */
void mip4_mn_resynchronise (Mip4Mn *mn, const RoamNow *now, guint64 identification);
/* The home agent accepted @identification: our idea of its clock is right. */
void mip4_mn_note_accepted (Mip4Mn *mn, const RoamNow *now, guint64 identification);

/* mip4-mn-request.c */
/* Starts @record: sends its first copy, or waits for the rate limit. */
void mip4_mn_start (Mip4Mn *mn, const RoamNow *now, Mip4MnPathState *state);
/* Sends what is due on @state. */
void mip4_mn_run (Mip4Mn *mn, const RoamNow *now, Mip4MnPathState *state);
/* A repaired request goes out as soon as the rate limit allows, inside the budget. */
void mip4_mn_restart (Mip4Mn *mn, const RoamNow *now, Mip4MnPathState *state);
gint64 mip4_mn_path_deadline (const Mip4MnPathState *state);

/* mip4-mn-binding.c */
/* Adopts, replaces or deletes the binding after @event (ACCEPTED). */
void mip4_mn_binding_accepted (Mip4Mn *mn, const Mip4MnEvent *event);
void mip4_mn_binding_run (Mip4Mn *mn, const RoamNow *now);
gint64 mip4_mn_binding_deadline (const Mip4Mn *mn);
/* The home agent deleted it (code 151); reported as EXPIRED. */
void mip4_mn_binding_deleted (Mip4Mn *mn, const char *reason);
