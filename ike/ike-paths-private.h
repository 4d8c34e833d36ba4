/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "base/rng.h"
#include "ike/ike.h"

/*
 * Over which pairs of addresses could the gateway be reached (RFC 4555 2.1, 3.5, 3.10)? Three layers:
 *
 *   IkePaths      pure: every own address with every one of the gateway's, in order, and what is known of each;
 *                 when which one may be asked (ike-paths.c)
 *   ike_probing_  the session's round over them: begins when the pair in use is silent, ends with an answer
 *                 (ike-probing.c)
 *   IkeProbe      how a dialect asks over a pair: an INFORMATIONAL request, or a PATH_TEST
 *
 * Ports are no part of a candidate: they are those of the IKE SA.
 */

/* Of the gateway: configured, resolved and announced ones; more are noise. */
#define IKE_MAX_REMOTES 32
/* One datagram a pair and step of its back-off (RFC 4555 3.10): at 0, 0.5, 1.5, 3.5, 7.5 and 15.5 s of a round. */
#define IKE_PAIR_TRIES 6
/* All pairs together: 4 datagrams a second at most. */
#define IKE_PROBE_INTERVAL_US (250 * ROAM_USEC_PER_MSEC)
/* After that long a round is over, and a new one with one datagram a pair begins as often. */
#define IKE_PROBE_ROUND_US (30 * ROAM_USEC_PER_SEC)
/* How long a pair is left alone that was taken and then silent, or that the gateway refused. */
#define IKE_PAIR_BARRED_US (60 * ROAM_USEC_PER_SEC)

/* Where messages go; with its ports. */
typedef struct
{
  guint32 ifindex;
  RoamEndpoint local, remote;
} IkePair;

typedef struct
{
  IkePath path;
  RoamAddr remote; /* of the same family */
  IkePairState state;
  gint64 rtt_us;    /* 0: not measured */
  gint64 tried_us;  /* newest datagram of a probe; 0: never */
  guint tries;      /* datagrams of this round */
  gint64 due_us;    /* no datagram before; ROAM_NEVER: no more in this round */
  gint64 barred_us; /* no candidate before; 0: it is one */
} IkeCandidate;

/* A value without pointers; all-zero memory is empty. */
typedef struct
{
  IkePath locals[IKE_MAX_PATHS]; /* best first */
  guint n_locals;
  RoamAddr remotes[IKE_MAX_REMOTES]; /* best first */
  guint n_remotes;
  IkePath used_path; /* of the pair in use */
  RoamAddr used_remote;
  IkeCandidate candidates[IKE_MAX_PAIRS]; /* in the order in which they are tried */
  guint n_candidates;
  guint tries;             /* a pair and round; 0: no round */
  gboolean only_used_path; /* the round is about the path in use with other addresses of the gateway */
  gint64 next_us;          /* no datagram on any pair before */
} IkePaths;

/* --- ike-paths.c: the list --- */

/* What is known of pairs that stay, stays. */
void ike_paths_set_locals (IkePaths *paths, const IkePath *locals, guint n);
void ike_paths_set_remotes (IkePaths *paths, const RoamAddr *remotes, guint n);
/* The pair in use: it stands first, then the same interface and gateway address, then all others in order. */
void ike_paths_use (IkePaths *paths, const IkePath *path, const RoamAddr *remote);
gboolean ike_paths_has_local (const IkePaths *paths, const IkePath *path);
/* NULL: not one of them. */
IkeCandidate *ike_paths_find (IkePaths *paths, const IkePath *path, const RoamAddr *remote);
gboolean ike_paths_is_used (const IkePaths *paths, const IkeCandidate *candidate);
/* The first one that is neither in use nor barred, whatever else is known of it; NULL: none. */
IkeCandidate *ike_paths_alternative (IkePaths *paths, gint64 now_us);

/* --- ike-paths.c: rounds --- */

/* Every pair (@only_used_path: of the present path) may be tried @tries times, from now on. */
void ike_paths_begin_round (IkePaths *paths, gint64 now_us, guint tries, gboolean only_used_path);
void ike_paths_end_round (IkePaths *paths);
/* Whom to ask now: of those due, the one with the fewest tries, then the first. Never the pair in use. NULL: nobody. */
IkeCandidate *ike_paths_due (IkePaths *paths, gint64 now_us);
/* When ike_paths_due() will name somebody; ROAM_NEVER: not in this round. */
gint64 ike_paths_next_us (const IkePaths *paths);
/* A datagram left on @candidate; up to a fifth more than the intervals passes until the next one. */
void ike_paths_tried (IkePaths *paths, IkeCandidate *candidate, gint64 now_us, RoamRng *rng);
/* @candidate works. Its round-trip time is known when one datagram only had left on it. */
void ike_paths_answered (IkeCandidate *candidate, gint64 now_us);
/* SILENT or REFUSED: not a candidate for IKE_PAIR_BARRED_US. */
void ike_paths_bar (IkeCandidate *candidate, IkePairState state, gint64 now_us);
/* Another network may be behind the same addresses: nothing that was found out counts any more. */
void ike_paths_forget (IkePaths *paths);

/* --- back-ends --- */

typedef struct
{
  /* One datagram on @pair. FALSE: there is nothing to ask with now; the pair does not count as tried. */
  gboolean (*send) (IkeSession *session, const RoamNow *now, const IkePair *pair);
} IkeProbe;

/* MOBIKE: the request that waits for its answer, octet by octet the same, or a new INFORMATIONAL one. */
extern const IkeProbe ike_probe_informational;
/* MOPO: PATH_TEST, besides whatever waits for its answer (ike-path-test.c). */
extern const IkeProbe ike_probe_path_test;

/* --- ike-probing.c --- */

/* The pair in use does not answer: the others are asked. No effect while they are. */
void ike_probing_suspect (IkeSession *session, const RoamNow *now);
/* The pair in use works, or another command decides: no more questions. */
void ike_probing_stop (IkeSession *session);
/* There are other pairs to ask. */
void ike_probing_restart (IkeSession *session, const RoamNow *now);
/*
 * An answer came on @pair. Was it asked about: then it works. While others are asked because the one in use is
 * silent it is taken (CHILD_MOVE, the update, PATH_CHANGED); @authentic: an answer on the pair in use ends that.
 */
void ike_probing_answered (IkeSession *session, const RoamNow *now, const IkePair *pair, gboolean authentic);
void ike_probing_deadline (IkeSession *session, const RoamNow *now);
gint64 ike_probing_next_deadline (const IkeSession *session);
