/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "tests/dhcp6/vectors.h"

#include "dhcp6/lease-diff.h"

/* The journal of changes: order, merging, limits, readers; and what one store says otherwise than another. */

#define NOW 1800000000

typedef struct
{
  Dhcp6CodePoints points;
  LeaseStore *store;
  LeaseJournal *journal;
} Fixture;

static const guint8 client[] = { 0, 3, 0, 1, 2, 0, 0, 0, 0, 1 }, other[] = { 0, 3, 0, 1, 2, 0, 0, 0, 0, 2 };

static RoamAddr
address (guint n)
{
  RoamAddr out;

  roam_addr_parse ("2001:db8:0:1::", &out);
  out.bytes[14] = (guint8)(n >> 8);
  out.bytes[15] = (guint8)n;
  return out;
}

static void
put (LeaseStore *store, guint n, gint64 contact, gboolean others)
{
  const Lease lease = { .address = address (n),
                        .prefix_length = 128,
                        .subnet_id = 1,
                        .valid_s = 7200,
                        .preferred_s = 3600,
                        .contact = contact,
                        .client_id = { others ? other : client, sizeof client } };

  g_assert_true (lease_store_put (store, &lease));
}

static void
set_up (Fixture *f, gconstpointer data)
{
  dhcp6_code_points_init (&f->points);
  f->store = lease_store_new (&f->points);
  f->journal = lease_journal_new (4, NOW);
  lease_store_set_journal (f->store, f->journal);
}

static void
tear_down (Fixture *f, gconstpointer data)
{
  lease_store_unref (f->store);
  lease_journal_unref (f->journal);
}

/* "1 -2": the last octet of each change's address; a minus: gone. */
static void
expect_changes (LeaseReader *reader, const char *words)
{
  g_autoptr (GString) said = g_string_new (NULL);
  const LeaseChange *change;

  while ((change = lease_reader_next (reader)) != NULL)
    g_string_append_printf (said, "%s%s%u", said->len == 0 ? "" : " ", change->gone ? "-" : "",
                            change->address.bytes[15]);
  g_assert_cmpstr (said->str, ==, words);
}

/* Of an address the latest change alone. covers: LQ-ACT-013 */
static void
test_merged (Fixture *f, gconstpointer data)
{
  g_autoptr (LeaseReader) reader = lease_reader_new (f->journal, NOW);

  put (f->store, 1, NOW, FALSE);
  for (guint i = 1; i <= 1000; i++)
    put (f->store, 2, NOW + i, FALSE);
  put (f->store, 3, NOW, FALSE);
  put (f->store, 1, NOW + 5, FALSE);
  expect_changes (reader, "2 3 1");
  put (f->store, 3, NOW, FALSE); /* the same again is no change */
  expect_changes (reader, "");
  put (f->store, 3, NOW, TRUE);
  expect_changes (reader, "3");
  g_assert_false (lease_reader_has_lost (reader));
}

static void
test_gone (Fixture *f, gconstpointer data)
{
  g_autoptr (LeaseReader) reader = lease_reader_new (f->journal, NOW);
  RoamAddr one = address (1);
  const LeaseChange *change;

  put (f->store, 1, NOW - 7, FALSE);
  g_assert_true (lease_store_remove (f->store, &one));
  change = lease_reader_next (reader);
  g_assert_true (change->gone);
  g_assert_cmpint (change->contact, ==, NOW - 7);
  g_assert_cmpuint (change->subnet_id, ==, 1);
  g_assert_cmpmem (change->client_id.data, change->client_id.length, client, sizeof client);
  g_assert_null (lease_reader_next (reader));
  g_assert_false (lease_store_remove (f->store, &one));
  g_assert_null (lease_reader_next (reader));
  put (f->store, 1, NOW, TRUE); /* leased again, by another */
  expect_changes (reader, "1");
}

/* From a second on, that second included; not before the journal's beginning, nor what it dropped. */
static void
test_times (Fixture *f, gconstpointer data)
{
  g_autoptr (LeaseReader) reader = NULL;

  g_assert_false (lease_journal_reaches (f->journal, NOW));
  g_assert_true (lease_journal_reaches (f->journal, NOW + 1));
  for (guint i = 1; i <= 4; i++)
    {
      lease_journal_set_time (f->journal, NOW + 10 * i);
      put (f->store, i, NOW, FALSE);
    }
  reader = lease_reader_new (f->journal, NOW + 20);
  expect_changes (reader, "2 3 4");
  lease_journal_set_time (f->journal, NOW); /* the clock is set back */
  put (f->store, 5, NOW, FALSE);
  g_assert_cmpuint (lease_journal_n_changes (f->journal), ==, 4);
  g_assert_false (lease_journal_reaches (f->journal, NOW + 10));
  g_assert_true (lease_journal_reaches (f->journal, NOW + 11));
  g_clear_pointer (&reader, lease_reader_free);
  reader = lease_reader_new (f->journal, NOW + 40);
  expect_changes (reader, "4 5");
}

/* Who is too slow is told that something is missing, and reads on with what is left. */
static void
test_lost (Fixture *f, gconstpointer data)
{
  g_autoptr (LeaseReader) reader = lease_reader_new (f->journal, NOW), quick = lease_reader_new (f->journal, NOW);

  for (guint i = 1; i <= 6; i++)
    {
      put (f->store, i, NOW, FALSE);
      g_assert_nonnull (lease_reader_next (quick));
    }
  g_assert_true (lease_reader_take_lost (reader));
  g_assert_false (lease_reader_take_lost (reader));
  g_assert_false (lease_reader_has_lost (quick));
  expect_changes (reader, "3 4 5 6");
  lease_journal_restart (f->journal);
  g_assert_true (lease_reader_take_lost (quick));
  g_assert_cmpuint (lease_journal_n_changes (f->journal), ==, 0);
  g_assert_false (lease_reader_has_next (reader));
}

static void
test_diff (Fixture *f, gconstpointer data)
{
  g_autoptr (LeaseStore) next = lease_store_new (&f->points);
  g_autoptr (LeaseJournal) journal = lease_journal_new (1000, NOW);
  g_autoptr (LeaseReader) reader = lease_reader_new (journal, NOW);
  g_autoptr (LeaseDiff) diff = NULL;
  RoamAddr free_record = address (90);

  for (guint i = 1; i <= 20; i++)
    put (f->store, i, NOW, FALSE);
  put (f->store, 90, NOW, FALSE); /* leaves a record that is free */
  lease_store_remove (f->store, &free_record);
  for (guint i = 20; i > 3; i--)
    put (next, i, i == 7 ? NOW + 1 : NOW, i == 9);
  put (next, 30, NOW, FALSE);
  diff = lease_diff_new (f->store, next, journal);
  while (!lease_diff_step (diff, 3))
    ;
  expect_changes (reader, "9 7 30 -1 -2 -3");
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
#define ADD(path, function) g_test_add ("/dhcp6/journal/" path, Fixture, NULL, set_up, function, tear_down)
  ADD ("merged", test_merged);
  ADD ("gone", test_gone);
  ADD ("times", test_times);
  ADD ("lost", test_lost);
  ADD ("diff", test_diff);
  return g_test_run ();
}
