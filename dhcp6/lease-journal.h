/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "dhcp6/dhcp6.h"

/*
 * Which bindings have changed, and when: what an active leasequery tells (RFC 7653). Pure. Of an address
 * only the latest change is kept, so what a slow reader has missed is merged to the latest state
 * (RFC 7653 7). The oldest changes go when there are too many: who still wanted them is told.
 */

typedef struct _LeaseJournal LeaseJournal;
typedef struct _LeaseReader LeaseReader;

/* The latest that happened to an address or a prefix. Borrowed until the journal's next change. */
typedef struct
{
  RoamAddr address;
  gint64 time; /* Unix seconds */
  /* TRUE: it is leased no more, and what follows is what it was; else the store tells what it is. */
  gboolean gone;
  gboolean is_prefix;
  guint8 prefix_length;
  guint32 subnet_id;
  gint64 contact;
  Dhcp6Slice client_id;
  Dhcp6Slice relay_data; /* data NULL: none */
} LeaseChange;

/* @limit: changes kept at most, > 0. @now: Unix seconds; what happened before is not known. */
LeaseJournal *lease_journal_new (guint limit, gint64 now);
LeaseJournal *lease_journal_ref (LeaseJournal *journal);
void lease_journal_unref (LeaseJournal *journal);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (LeaseJournal, lease_journal_unref)

/* The time of changes noted from now on, in Unix seconds. A clock that is set back does not count. */
void lease_journal_set_time (LeaseJournal *journal, gint64 now);
/* Changes may have been missed: nothing up to now is known any more, and every reader has lost something. */
void lease_journal_restart (LeaseJournal *journal);
/* The address is leased, or leased anew. */
void lease_journal_note (LeaseJournal *journal, const RoamAddr *address);
/* It is not any more; everything in @was but time and gone is copied. */
void lease_journal_note_gone (LeaseJournal *journal, const LeaseChange *was);
guint lease_journal_n_changes (const LeaseJournal *journal);
/* Every change from the second @since on is here. */
gboolean lease_journal_reaches (const LeaseJournal *journal, gint64 since);

/* Reads changes from the second @since on, oldest first, and then those to come. Holds a reference to @journal. */
LeaseReader *lease_reader_new (LeaseJournal *journal, gint64 since);
void lease_reader_free (LeaseReader *reader);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (LeaseReader, lease_reader_free)
/* NULL: none for now. */
const LeaseChange *lease_reader_next (LeaseReader *reader);
gboolean lease_reader_has_next (const LeaseReader *reader);
/* Changes that it had not read are gone; asking forgets it. */
gboolean lease_reader_take_lost (LeaseReader *reader);
gboolean lease_reader_has_lost (const LeaseReader *reader);
