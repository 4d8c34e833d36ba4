/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The list of candidate pairs, without a session. */
#include "ike/ike-paths-private.h"

#define MS ROAM_USEC_PER_MSEC
#define SEC ROAM_USEC_PER_SEC

static RoamAddr
addr (const char *text)
{
  RoamAddr a;

  g_assert_true (roam_addr_parse (text, &a));
  return a;
}

static IkePath
path (guint32 ifindex, const char *text)
{
  return (IkePath){ .ifindex = ifindex, .local = addr (text) };
}

static void
set_remotes (IkePaths *paths, const char *const *texts)
{
  RoamAddr remotes[IKE_MAX_REMOTES];
  guint n = 0;

  for (; texts[n]; n++)
    remotes[n] = addr (texts[n]);
  ike_paths_set_remotes (paths, remotes, n);
}

/* "1>a 2>b": interface and last group of the gateway's address. */
static void
assert_order (const IkePaths *paths, const char *expected)
{
  g_autoptr (GString) order = g_string_new (NULL);

  for (guint i = 0; i < paths->n_candidates; i++)
    {
      const IkeCandidate *candidate = &paths->candidates[i];
      guint length = (guint)roam_addr_length (&candidate->remote);

      g_string_append_printf (order, "%s%u>%x", i ? " " : "", candidate->path.ifindex,
                              candidate->remote.bytes[length - 1]);
    }
  g_assert_cmpstr (order->str, ==, expected);
}

static void
make (IkePaths *paths)
{
  static const char *const remotes[] = { "203.0.113.2", "203.0.113.3", "2001:db8::6", NULL };
  const IkePath locals[] = { path (1, "198.51.100.50"), path (2, "198.18.2.50"), path (2, "2001:db8:2::50") };

  *paths = (IkePaths){ 0 };
  ike_paths_set_locals (paths, locals, G_N_ELEMENTS (locals));
  set_remotes (paths, remotes);
}

static void
test_order (void)
{
  IkePaths paths;
  IkePath two = path (2, "198.18.2.50");
  RoamAddr three = addr ("203.0.113.3");

  /* covers: MOB-PT-007, MOB-FAM-002, MOB-PT-005 */
  make (&paths);
  assert_order (&paths, "1>2 1>3 2>2 2>3 2>6");
  /* The pair in use first, then its interface with the same gateway address, then the best interface with all. */
  ike_paths_use (&paths, &two, &three);
  assert_order (&paths, "2>3 1>2 1>3 2>2 2>6");
  g_assert_true (ike_paths_is_used (&paths, &paths.candidates[0]));
  g_assert_false (ike_paths_is_used (&paths, &paths.candidates[1]));
  for (guint i = 0; i < paths.n_candidates; i++)
    g_assert_cmpint (paths.candidates[i].path.local.family, ==, paths.candidates[i].remote.family);
}

static void
test_same_interface_first (void)
{
  const IkePath locals[] = { path (1, "198.51.100.50"), path (2, "198.18.2.50"), path (2, "198.18.2.51") };
  IkePath used = locals[1];
  IkePaths paths;
  RoamAddr three = addr ("203.0.113.3");

  /* Another address of the interface in use, to the gateway's address in use, is the nearest. */
  make (&paths);
  ike_paths_set_locals (&paths, locals, G_N_ELEMENTS (locals));
  ike_paths_use (&paths, &used, &three);
  g_assert_cmpuint (paths.candidates[1].path.local.bytes[3], ==, 51);
  g_assert_cmpuint (paths.candidates[1].remote.bytes[3], ==, 3);
  assert_order (&paths, "2>3 2>3 1>2 1>3 2>2 2>2");
}

static void
test_used_path_gone (void)
{
  const IkePath left[] = { path (2, "198.18.2.50") };
  IkePath one = path (1, "198.51.100.50");
  RoamAddr two = addr ("203.0.113.2");
  IkePaths paths;

  make (&paths);
  ike_paths_use (&paths, &one, &two);
  ike_paths_set_locals (&paths, left, 1);
  assert_order (&paths, "2>2 2>3");
  g_assert_false (ike_paths_has_local (&paths, &one));
  g_assert_true (ike_paths_alternative (&paths, 0) == &paths.candidates[0]);
  ike_paths_set_locals (&paths, NULL, 0);
  g_assert_cmpuint (paths.n_candidates, ==, 0);
  g_assert_null (ike_paths_alternative (&paths, 0));
}

static void
test_limits (void)
{
  IkePath locals[IKE_MAX_PATHS + 4];
  RoamAddr remotes[IKE_MAX_REMOTES + 4];
  IkePaths paths = { 0 };

  for (guint i = 0; i < G_N_ELEMENTS (locals); i++)
    locals[i] = (IkePath){ i + 1, roam_addr_from_u32 (0xc6336400 + i + 1) };
  for (guint i = 0; i < G_N_ELEMENTS (remotes); i++)
    remotes[i] = roam_addr_from_u32 (0xcb007100 + i + 1);
  ike_paths_set_locals (&paths, locals, G_N_ELEMENTS (locals));
  ike_paths_set_remotes (&paths, remotes, G_N_ELEMENTS (remotes));
  g_assert_cmpuint (paths.n_locals, ==, IKE_MAX_PATHS);
  g_assert_cmpuint (paths.n_remotes, ==, IKE_MAX_REMOTES);
  g_assert_cmpuint (paths.n_candidates, ==, IKE_MAX_PAIRS);
  /* Nothing twice, and nothing without an address. */
  remotes[1] = remotes[0];
  remotes[2] = ROAM_ADDR_NONE;
  locals[1] = locals[0];
  ike_paths_set_remotes (&paths, remotes, 3);
  ike_paths_set_locals (&paths, locals, 2);
  g_assert_cmpuint (paths.n_candidates, ==, 1);
}

/* Every datagram of a round: when, and on which candidate. */
typedef struct
{
  gint64 at_us;
  guint candidate;
} Shot;

static GArray *
play (IkePaths *paths, gint64 from_us, gint64 to_us)
{
  g_autoptr (RoamRng) rng = roam_rng_new_for_test (1);
  GArray *shots = g_array_new (FALSE, FALSE, sizeof (Shot));

  for (gint64 now = MAX (from_us, ike_paths_next_us (paths)); now < to_us; now = ike_paths_next_us (paths))
    {
      IkeCandidate *candidate = ike_paths_due (paths, now);
      Shot shot = { now, (guint)(candidate - paths->candidates) };

      g_assert_nonnull (candidate);
      g_array_append_val (shots, shot);
      ike_paths_tried (paths, candidate, now, rng);
      g_assert_null (ike_paths_due (paths, now));
      g_assert_cmpint (ike_paths_next_us (paths), >, now);
    }
  return shots;
}

static void
test_rate (void)
{
  IkePath one = path (1, "198.51.100.50");
  RoamAddr two = addr ("203.0.113.2");
  gint64 last[8] = { 0 }, wait[8] = { 0 };
  guint count[8] = { 0 };
  IkePaths paths;

  /* covers: MOB-PT-007, MOB-PT-008 */
  make (&paths);
  ike_paths_use (&paths, &one, &two);
  g_assert_cmpint (ike_paths_next_us (&paths), ==, ROAM_NEVER);
  ike_paths_begin_round (&paths, SEC, IKE_PAIR_TRIES, FALSE);
  g_autoptr (GArray) shots = play (&paths, SEC, SEC + IKE_PROBE_ROUND_US);
  for (guint i = 0; i < shots->len; i++)
    {
      const Shot *shot = &g_array_index (shots, Shot, i);

      if (i > 0)
        g_assert_cmpint (shot->at_us - g_array_index (shots, Shot, i - 1).at_us, >=, 250 * MS);
      if (count[shot->candidate]++ > 0)
        {
          gint64 gap = shot->at_us - last[shot->candidate];

          /* 0.5 s and then twice as long each time. */
          g_assert_cmpint (gap, >=, MIN (500 * MS << (count[shot->candidate] - 2), 8 * SEC));
          g_assert_cmpint (gap, >, wait[shot->candidate]);
          wait[shot->candidate] = gap;
        }
      last[shot->candidate] = shot->at_us;
    }
  /* Each once before any of them twice, in order. */
  for (guint i = 0; i < 4; i++)
    g_assert_cmpuint (g_array_index (shots, Shot, i).candidate, ==, i + 1);
  g_assert_cmpuint (count[0], ==, 0); /* that in use has its own schedule */
  for (guint i = 1; i < 5; i++)
    g_assert_cmpuint (count[i], ==, IKE_PAIR_TRIES);
  g_assert_cmpint (ike_paths_next_us (&paths), ==, ROAM_NEVER);
}

static void
test_one_path_round (void)
{
  IkePath one = path (1, "198.51.100.50");
  RoamAddr two = addr ("203.0.113.2");
  IkePaths paths;

  make (&paths);
  ike_paths_use (&paths, &one, &two);
  ike_paths_begin_round (&paths, 0, IKE_PAIR_TRIES, TRUE);
  g_autoptr (GArray) shots = play (&paths, 0, IKE_PROBE_ROUND_US);
  g_assert_cmpuint (shots->len, ==, IKE_PAIR_TRIES);
  for (guint i = 0; i < shots->len; i++)
    g_assert_cmpuint (g_array_index (shots, Shot, i).candidate, ==, 1);
}

static void
test_knowledge (void)
{
  static const char *const more[] = { "203.0.113.9", "203.0.113.2", "203.0.113.3", NULL };
  g_autoptr (RoamRng) rng = roam_rng_new_for_test (1);
  IkePath one = path (1, "198.51.100.50"), two = path (2, "198.18.2.50");
  RoamAddr gateway = addr ("203.0.113.2");
  IkeCandidate *candidate;
  IkePaths paths;

  make (&paths);
  ike_paths_use (&paths, &one, &gateway);
  ike_paths_begin_round (&paths, 0, IKE_PAIR_TRIES, FALSE);
  candidate = ike_paths_find (&paths, &two, &gateway);
  ike_paths_tried (&paths, candidate, 10 * MS, rng);
  g_assert_cmpint (candidate->state, ==, IKE_PAIR_PROBING);
  ike_paths_answered (candidate, 52 * MS);
  g_assert_cmpint (candidate->state, ==, IKE_PAIR_WORKS);
  g_assert_cmpint (candidate->rtt_us, ==, 42 * MS);
  /* A longer list forgets nothing, and its new pairs have their turn in the same round. */
  set_remotes (&paths, more);
  candidate = ike_paths_find (&paths, &two, &gateway);
  g_assert_cmpint (candidate->rtt_us, ==, 42 * MS);
  candidate = ike_paths_find (&paths, &one, &(RoamAddr){ gateway.family, { 203, 0, 113, 9 } });
  g_assert_cmpint (candidate->state, ==, IKE_PAIR_UNTRIED);
  g_assert_true (ike_paths_due (&paths, SEC) == candidate);
  /* Of several copies nobody knows which one was answered. */
  ike_paths_tried (&paths, candidate, SEC, rng);
  ike_paths_tried (&paths, candidate, 2 * SEC, rng);
  ike_paths_answered (candidate, 2 * SEC + MS);
  g_assert_cmpint (candidate->rtt_us, ==, 0);
  ike_paths_tried (&paths, candidate, 3 * SEC, rng);
  ike_paths_end_round (&paths);
  /* covers: MOB-PT-006 */
  g_assert_cmpint (candidate->state, ==, IKE_PAIR_SILENT);
  ike_paths_forget (&paths);
  for (guint i = 0; i < paths.n_candidates; i++)
    g_assert_cmpint (paths.candidates[i].state, ==, IKE_PAIR_UNTRIED);
}

static void
test_barred (void)
{
  IkePath one = path (1, "198.51.100.50");
  RoamAddr gateway = addr ("203.0.113.2");
  IkePaths paths;

  make (&paths);
  ike_paths_use (&paths, &one, &gateway);
  ike_paths_bar (&paths.candidates[1], IKE_PAIR_REFUSED, SEC);
  g_assert_true (ike_paths_alternative (&paths, SEC) == &paths.candidates[2]);
  g_assert_true (ike_paths_alternative (&paths, SEC + IKE_PAIR_BARRED_US) == &paths.candidates[1]);
  ike_paths_begin_round (&paths, SEC, 1, FALSE);
  g_autoptr (GArray) shots = play (&paths, SEC, 200 * SEC);
  g_assert_cmpuint (shots->len, ==, 4);
  g_assert_cmpuint (g_array_index (shots, Shot, 3).candidate, ==, 1);
  g_assert_cmpint (g_array_index (shots, Shot, 3).at_us, ==, SEC + IKE_PAIR_BARRED_US);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/ike/paths/order", test_order);
  g_test_add_func ("/ike/paths/same-interface-first", test_same_interface_first);
  g_test_add_func ("/ike/paths/used-path-gone", test_used_path_gone);
  g_test_add_func ("/ike/paths/limits", test_limits);
  g_test_add_func ("/ike/paths/rate", test_rate);
  g_test_add_func ("/ike/paths/one-path-round", test_one_path_round);
  g_test_add_func ("/ike/paths/knowledge", test_knowledge);
  g_test_add_func ("/ike/paths/barred", test_barred);
  return g_test_run ();
}
