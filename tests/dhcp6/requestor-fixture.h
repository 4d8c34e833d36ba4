/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "tests/dhcp6/vectors.h"

#include "dhcp6/leasequery-requestor.h"

/*
 * The requestor in virtual time. What it does is a line of words; the worked examples' transaction-ids
 * (5aa1b2 and 5aa1b3) stand for those that the requestor drew for its first two queries.
 */

typedef struct
{
  LeasequeryRequestorConfig config;
  RoamRng *rng;
  LeasequeryRequestor *requestor;
  GByteArray *duid, *client, *relay, *remote, *server;
  gint64 now_us;
  GString *said;
  GPtrArray *sent; /* GBytes: every frame */
  guint32 xids[256];
  guint n_xids;
  guint connects;
  gint64 connected_at_us[32];
} Fixture;

Dhcp6Slice slice (const GByteArray *octets);
RoamNow now (const Fixture *f);
void fixture_start (Fixture *f);
void set_up (Fixture *f, gconstpointer profile);
void tear_down (Fixture *f, gconstpointer profile);
void drain (Fixture *f);
/* What was said since the last call. */
#define expect(f, words)                                                                                               \
  G_STMT_START                                                                                                         \
  {                                                                                                                    \
    g_strchomp ((f)->said->str);                                                                                       \
    g_assert_cmpstr ((f)->said->str, ==, words);                                                                       \
    g_string_truncate ((f)->said, 0);                                                                                  \
  }                                                                                                                    \
  G_STMT_END

void ask_query (Fixture *f, guint id, const LeasequeryQuery *query);
void ask (Fixture *f, guint id);
void connection (Fixture *f, LeasequeryConnection what);
void feed (Fixture *f, const guint8 *data, gsize length);
/* The vector's octets with the requestor's own transaction-ids, those of query @first on. */
GByteArray *octets_of (Fixture *f, const char *id, guint first);
void hear (Fixture *f, const char *id);
/* @n queries on an open connection. */
void open_with (Fixture *f, guint n);
void wait_us (Fixture *f, gint64 us);
void wait_for_deadline (Fixture *f);
