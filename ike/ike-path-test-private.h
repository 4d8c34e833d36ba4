/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "base/now.h"
#include "ike/ike-message-private.h"

/*
 * PATH_TEST (draft-eronen-mobike-mopo-02 2.5): does anything get through between two addresses? Outside any
 * IKE SA, so an answer proves nothing; it only says which pair is worth a CHANGE_PATH.
 *
 * Both SPIs are zero, the Message ID is 32 random bits of each question, and its answer has them too.
 */

/* Answers of one side: nobody is flooded with what somebody else asked for. */
#define IKE_PATH_TEST_PER_SECOND 100
#define IKE_PATH_TEST_PER_SOURCE 10 /* and second */

/* The answers of the last second; a value, all-zero memory is none. */
typedef struct
{
  struct
  {
    RoamAddr to;
    gint64 at_us;
  } answers[IKE_PATH_TEST_PER_SECOND];
  guint n, next;
} IkePathTestLimit;

/* TRUE: one more answer may go to @to now; it is counted. */
gboolean ike_path_test_permit (IkePathTestLimit *limit, gint64 now_us, const RoamAddr *to);

/* What the session asked and what it heard; NULL: nothing so far. */
typedef struct _IkePathTests IkePathTests;
void ike_path_tests_free (IkePathTests *tests);
