/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "agent/journal.h"

#include <json-glib/json-glib.h>
#include <string.h>

/* A handover's line is some 300 octets; a longer one than this is damage. */
#define MAX_LINE_LENGTH 4096

struct _AgentJournal
{
  GQueue rows; /* of AgentHandover, oldest at the head */
  guint limit;
  guint64 last_number;
};

/* The members of a line, which are the keys of the D-Bus dictionary as well. */
typedef enum
{
  MEMBER_UNSIGNED,
  MEMBER_SIGNED,
  MEMBER_TEXT,
} MemberType;

typedef struct
{
  const char *name;
  MemberType type;
  gsize offset;
} Member;

#define FIELD(name) G_STRUCT_OFFSET (AgentHandover, name)
static const Member members[] = {
  { "number", MEMBER_UNSIGNED, FIELD (number) },
  { "time-us", MEMBER_SIGNED, FIELD (wall_us) },
  { "from-mode", MEMBER_TEXT, FIELD (from_mode) },
  { "to-mode", MEMBER_TEXT, FIELD (to_mode) },
  { "from-interface", MEMBER_TEXT, FIELD (from_interface) },
  { "to-interface", MEMBER_TEXT, FIELD (to_interface) },
  { "from-address", MEMBER_TEXT, FIELD (from_address) },
  { "to-address", MEMBER_TEXT, FIELD (to_address) },
  { "event-to-mobike-us", MEMBER_SIGNED, FIELD (event_to_mobike_us) },
  { "event-to-rrq-us", MEMBER_SIGNED, FIELD (event_to_rrq_us) },
  { "gap-us", MEMBER_SIGNED, FIELD (gap_us) },
  { "reason", MEMBER_TEXT, FIELD (reason) },
};

void
agent_handover_free (AgentHandover *handover)
{
  if (handover == NULL)
    return;
  for (guint i = 0; i < G_N_ELEMENTS (members); i++)
    if (members[i].type == MEMBER_TEXT)
      g_free (G_STRUCT_MEMBER (char *, handover, members[i].offset));
  g_free (handover);
}

AgentHandover *
agent_handover_copy (const AgentHandover *handover)
{
  AgentHandover *copy = g_memdup2 (handover, sizeof *handover);

  for (guint i = 0; i < G_N_ELEMENTS (members); i++)
    if (members[i].type == MEMBER_TEXT)
      G_STRUCT_MEMBER (char *, copy, members[i].offset) =
        g_strdup (G_STRUCT_MEMBER (char *, handover, members[i].offset));
  return copy;
}

AgentJournal *
agent_journal_new (guint limit)
{
  AgentJournal *journal = g_new0 (AgentJournal, 1);

  g_queue_init (&journal->rows);
  journal->limit = MAX (limit, 1);
  return journal;
}

void
agent_journal_free (AgentJournal *journal)
{
  if (journal == NULL)
    return;
  g_queue_clear_full (&journal->rows, (GDestroyNotify)agent_handover_free);
  g_free (journal);
}

static void
push (AgentJournal *journal, AgentHandover *handover)
{
  g_queue_push_tail (&journal->rows, handover);
  journal->last_number = MAX (journal->last_number, handover->number);
  while (journal->rows.length > journal->limit)
    agent_handover_free (g_queue_pop_head (&journal->rows));
}

const AgentHandover *
agent_journal_add (AgentJournal *journal, AgentHandover *handover)
{
  handover->number = journal->last_number + 1;
  push (journal, handover);
  return handover;
}

guint
agent_journal_length (const AgentJournal *journal)
{
  return journal->rows.length;
}

guint64
agent_journal_last_number (const AgentJournal *journal)
{
  return journal->last_number;
}

GPtrArray *
agent_journal_dup (const AgentJournal *journal, guint limit)
{
  GPtrArray *rows = g_ptr_array_new_with_free_func ((GDestroyNotify)agent_handover_free);
  guint skip = limit == 0 || limit >= journal->rows.length ? 0 : journal->rows.length - limit;

  for (const GList *l = journal->rows.head; l != NULL; l = l->next)
    if (skip > 0)
      skip--;
    else
      g_ptr_array_add (rows, agent_handover_copy (l->data));
  return rows;
}

char *
agent_journal_encode (const AgentHandover *handover)
{
  g_autoptr (JsonNode) root = json_node_new (JSON_NODE_OBJECT);
  g_autoptr (JsonObject) object = json_object_new ();

  for (guint i = 0; i < G_N_ELEMENTS (members); i++)
    switch (members[i].type)
      {
      case MEMBER_UNSIGNED:
      case MEMBER_SIGNED:
        json_object_set_int_member (object, members[i].name, G_STRUCT_MEMBER (gint64, handover, members[i].offset));
        break;
      case MEMBER_TEXT:
        {
          const char *text = G_STRUCT_MEMBER (char *, handover, members[i].offset);

          json_object_set_string_member (object, members[i].name, text == NULL ? "" : text);
          break;
        }
      }
  json_node_set_object (root, object);
  return json_to_string (root, FALSE);
}

/* A sentence when @node is not what @member wants, else NULL and stored in @handover. */
static char *
read_member (const Member *member, JsonNode *node, AgentHandover *handover)
{
  GType wanted = member->type == MEMBER_TEXT ? G_TYPE_STRING : G_TYPE_INT64;
  gint64 number;

  if (node == NULL || !JSON_NODE_HOLDS_VALUE (node) || json_node_get_value_type (node) != wanted)
    return g_strdup_printf ("member %s is missing or of another type", member->name);
  if (member->type == MEMBER_TEXT)
    {
      G_STRUCT_MEMBER (char *, handover, member->offset) = g_strdup (json_node_get_string (node));
      return NULL;
    }
  number = json_node_get_int (node);
  if (member->type == MEMBER_UNSIGNED && number < 0)
    return g_strdup_printf ("member %s is negative", member->name);
  G_STRUCT_MEMBER (gint64, handover, member->offset) = number;
  return NULL;
}

AgentHandover *
agent_journal_decode (const char *line, char **ret_problem)
{
  g_autoptr (JsonParser) parser = json_parser_new_immutable ();
  g_autoptr (AgentHandover) handover = g_new0 (AgentHandover, 1);
  g_autoptr (GError) error = NULL;
  JsonNode *root;

  if (!json_parser_load_from_data (parser, line, -1, &error))
    {
      *ret_problem = g_strdup (error->message);
      return NULL;
    }
  root = json_parser_get_root (parser);
  if (root == NULL || !JSON_NODE_HOLDS_OBJECT (root))
    {
      *ret_problem = g_strdup ("no JSON object");
      return NULL;
    }
  for (guint i = 0; i < G_N_ELEMENTS (members); i++)
    {
      char *problem =
        read_member (&members[i], json_object_get_member (json_node_get_object (root), members[i].name), handover);

      if (problem != NULL)
        {
          *ret_problem = problem;
          return NULL;
        }
    }
  return g_steal_pointer (&handover);
}

static void
report (guint number, char *problem, guint *damaged, char **ret_problem)
{
  g_autofree char *owned = problem;

  if ((*damaged)++ == 0 && ret_problem != NULL)
    *ret_problem = g_strdup_printf ("line %u: %s", number, owned);
}

guint
agent_journal_load (AgentJournal *journal, const char *text, gsize length, char **ret_problem)
{
  guint damaged = 0, number = 0;

  for (const char *p = text, *end = text + length; p < end;)
    {
      const char *newline = memchr (p, '\n', (gsize)(end - p));
      gsize line_length = (gsize)((newline == NULL ? end : newline) - p);
      g_autofree char *line = g_strndup (p, MIN (line_length, MAX_LINE_LENGTH));
      AgentHandover *handover = NULL;
      char *problem = NULL;

      number++;
      p += line_length + 1;
      if (line_length == 0)
        continue;
      if (line_length > MAX_LINE_LENGTH || !g_utf8_validate (line, (gssize)line_length, NULL))
        problem = g_strdup ("too long, or no text");
      else
        handover = agent_journal_decode (line, &problem);
      if (handover == NULL)
        report (number, problem, &damaged, ret_problem);
      else if (handover->number <= journal->last_number)
        {
          report (number, g_strdup ("number does not grow"), &damaged, ret_problem);
          agent_handover_free (handover);
        }
      else
        push (journal, handover);
    }
  return damaged;
}
