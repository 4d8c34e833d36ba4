/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "detect/detect.h"

/* Every combination of the four facts, with the codes that matter: accepted (0, 1) and denied ones. */
static const guint8 codes[] = { 0, 1, 2, 64, 66, 70, 88, 128, 130, 131, 133, 136, 137, 143, 255 };

static DetectEvidence
evidence_from_bits (guint bits, guint8 code)
{
  return (DetectEvidence){
    .direct = (bits & 1) != 0,
    .current = (bits & 2) != 0,
    .authentic = (bits & 4) != 0,
    .tnc = (bits & 8) != 0,
    .code = code,
  };
}

static gboolean
is_accepted (guint8 code)
{
  return code == 0 || code == 1;
}

/*
 * Trusted if and only if all five hold.
 * covers: R5266-DET-002, R5266-DET-003, R5266-DET-004, R5266-DET-005, R5266-DET-006, R5266-DET-007
 */
static void
test_trusted_needs_everything (void)
{
  guint n_trusted = 0;

  for (gsize i = 0; i < G_N_ELEMENTS (codes); i++)
    for (guint bits = 0; bits < 16; bits++)
      {
        DetectEvidence e = evidence_from_bits (bits, codes[i]);
        gboolean trusted = detect_trust_judge (&e, NULL) == DETECT_VERDICT_TRUSTED;

        g_assert_cmpint (trusted, ==, e.direct && e.current && e.authentic && e.tnc && is_accepted (e.code));
        n_trusted += trusted;
      }
  g_assert_cmpuint (n_trusted, ==, 2);
}

/*
 * What is not authentic, did not come in clear, or denies, proves nothing either way; an attacker
 * cannot turn trust off with it, and a home agent behind the VPN not on.
 * covers: R5266-DET-003, R5266-DET-006, R5266-DET-022, R5266-DET-025
 */
static void
test_nothing_is_proved (void)
{
  for (gsize i = 0; i < G_N_ELEMENTS (codes); i++)
    for (guint bits = 0; bits < 16; bits++)
      {
        DetectEvidence e = evidence_from_bits (bits, codes[i]);

        if (e.direct && e.authentic && is_accepted (e.code))
          g_assert_cmpint (detect_trust_judge (&e, NULL), !=, DETECT_VERDICT_NONE);
        else
          g_assert_cmpint (detect_trust_judge (&e, NULL), ==, DETECT_VERDICT_NONE);
      }
}

/* An authentic acceptance without TNC says "not trusted". covers: R5266-DET-002, R5266-DET-007 */
static void
test_not_trusted (void)
{
  DetectEvidence e = { .direct = TRUE, .current = TRUE, .authentic = TRUE, .code = 0 };
  const char *reason = NULL;

  g_assert_cmpint (detect_trust_judge (&e, &reason), ==, DETECT_VERDICT_NOT_TRUSTED);
  g_assert_nonnull (reason);
  e.code = 1;
  g_assert_cmpint (detect_trust_judge (&e, NULL), ==, DETECT_VERDICT_NOT_TRUSTED);
}

/*
 * An answer to an older request, or from before the connection changed, is worth a fresh request
 * and no more. covers: R5266-DET-004
 */
static void
test_late_is_a_hint (void)
{
  DetectEvidence e = { .direct = TRUE, .authentic = TRUE, .tnc = TRUE, .code = 0 };

  g_assert_cmpint (detect_trust_judge (&e, NULL), ==, DETECT_VERDICT_HINT);
  e.authentic = FALSE;
  g_assert_cmpint (detect_trust_judge (&e, NULL), ==, DETECT_VERDICT_NONE);
}

/* Each verdict of each combination has a sentence, and the sentence of "trusted" is of no other verdict. */
static void
test_reasons (void)
{
  DetectEvidence good = { .direct = TRUE, .current = TRUE, .authentic = TRUE, .tnc = TRUE, .code = 0 };
  const char *trusted = NULL;

  g_assert_cmpint (detect_trust_judge (&good, &trusted), ==, DETECT_VERDICT_TRUSTED);
  for (gsize i = 0; i < G_N_ELEMENTS (codes); i++)
    for (guint bits = 0; bits < 16; bits++)
      {
        DetectEvidence e = evidence_from_bits (bits, codes[i]);
        const char *reason = NULL;
        DetectVerdict verdict = detect_trust_judge (&e, &reason);

        g_assert_nonnull (reason);
        if (verdict == DETECT_VERDICT_TRUSTED)
          g_assert_cmpstr (reason, ==, trusted);
        else
          g_assert_cmpstr (reason, !=, trusted);
      }
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/detect/trust/needs-everything", test_trusted_needs_everything);
  g_test_add_func ("/detect/trust/nothing-proved", test_nothing_is_proved);
  g_test_add_func ("/detect/trust/not-trusted", test_not_trusted);
  g_test_add_func ("/detect/trust/late", test_late_is_a_hint);
  g_test_add_func ("/detect/trust/reasons", test_reasons);
  return g_test_run ();
}
