/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "agent/agent.h"

/*
 * The journal of handovers: a bounded ring in memory, and one JSON object a line in the state
 * directory. journal.c is pure; journal-io.c owns the file.
 */

typedef struct _AgentJournal AgentJournal;

/* Handovers kept, in memory and in the file (which holds at most twice as many before it is rotated). */
#define AGENT_JOURNAL_LIMIT 1000

AgentJournal *agent_journal_new (guint limit);
void agent_journal_free (AgentJournal *journal);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (AgentJournal, agent_journal_free)
/* Takes @handover and gives it the next number; returns it, borrowed until the ring turns. */
const AgentHandover *agent_journal_add (AgentJournal *journal, AgentHandover *handover);
guint agent_journal_length (const AgentJournal *journal);
/* Number of the newest handover ever; 0: none. */
guint64 agent_journal_last_number (const AgentJournal *journal);
/* Newest last, at most @limit (0: all); copies, caller unrefs. */
GPtrArray *agent_journal_dup (const AgentJournal *journal, guint limit);

AgentHandover *agent_handover_copy (const AgentHandover *handover);
/* One line of JSON without its end of line; caller frees. */
char *agent_journal_encode (const AgentHandover *handover);
/* NULL: the line is damaged, @ret_problem (caller frees) says how. Unknown members are ignored. */
AgentHandover *agent_journal_decode (const char *line, char **ret_problem);
/*
 * Adds every good line of @text. Returns how many were damaged; @ret_problem (nullable) gets a
 * sentence about the first, with its line number.
 */
guint agent_journal_load (AgentJournal *journal, const char *text, gsize length, char **ret_problem);

/* ----------------------------------------------------------- journal-io.c ---- */

typedef struct _AgentJournalFile AgentJournalFile;

/* Reads handovers.jsonl of @directory into @journal; damaged lines are reported in the log and skipped. */
AgentJournalFile *agent_journal_file_open (const char *directory, AgentJournal *journal, GError **error);
void agent_journal_file_free (AgentJournalFile *file);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (AgentJournalFile, agent_journal_file_free)
/* Appends one line; rotates (writes the ring anew) when the file holds twice the limit. */
gboolean agent_journal_file_append (AgentJournalFile *file, const AgentJournal *journal, const AgentHandover *handover,
                                    GError **error);
